/* SPDX-License-Identifier: MIT */
#include "tests/sim/world_member.h"
#include "client/sync/sync_member.h"
#include "common/mesh/mesh_inner.h"
#include "ntpwire/packet.h"
#include "tests/sim/world_check.h"
#include "tests/sim/world_opinion.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define APART_NS 1e6
#define CLOCK_EVERY 13
#define CLOCK_EVERY_SMALL 3 /* in a mesh of few there are few events */
#define SMALL 16
/* Clocks are read to a nanosecond. */
#define ROUNDING_NS 2

bool world_member_fields(struct bytes datagram, struct packet *header, struct report_packet *fields)
{
    struct extensions extensions;
    return datagram.size > PACKET_SIZE && packet_parse(datagram, header) == PACKET_OK &&
           extension_parse(datagram, header->version, &extensions) == PACKET_OK &&
           report_packet_read(datagram, &extensions, REPORT_PAYLOAD_MAX_AGREED, fields) ==
               REPORT_OK;
}

/* What counts is what is done once all has settled; the clock is read for a few events only, since
 * that takes as long as many of them. */
void world_member_handle(struct world *world, struct world_node *node, const struct event *event,
                         struct actions *actions)
{
    struct world_member *member = node->member;
    bool counts = world->truth_ns >= world->scenario->settle_ns;
    uint64_t every = world->nodes.mesh->count > SMALL ? CLOCK_EVERY : CLOCK_EVERY_SMALL;
    bool is_timed = counts && world->clock != NULL && ++world->nodes.mesh->events % every == 0;
    world->nodes.mesh->stand_in.booked_ns = counts ? &member->booked_ns : NULL;
    int64_t begun_ns = is_timed ? world->clock(world->clock_context) : 0;
    node_handle(node->node, event, actions);
    if (is_timed) {
        member->used_ns += (int64_t)every * (world->clock(world->clock_context) - begun_ns);
    }
    world->nodes.mesh->stand_in.booked_ns = NULL;
}

void world_member_save(struct world_node *node, const struct action_save *save)
{
    struct world_member *member = node->member;
    if (save->what == SAVED_RATE) {
        member->has_rate = true;
        member->rate_ppm = save->rate_ppm;
        member->rate_sd_ppm = save->rate_sd_ppm;
    } else if (save->what == SAVED_HLC) {
        member->hlc_saving = save->hlc;
    } else if (save->what == SAVED_MEMBERS && member->memories != NULL) {
        member->memory_saving_count = mesh_memories(node_mesh(node->node), member->memories_saving);
    }
}

void world_member_saved(struct world_node *node, enum saved what)
{
    struct world_member *member = node->member;
    if (what == SAVED_HLC) {
        member->has_hlc = true;
        member->hlc = member->hlc_saving;
    } else if (what == SAVED_MEMBERS && member->memories != NULL) {
        member->memory_count = member->memory_saving_count;
        memcpy(member->memories, member->memories_saving,
               member->memory_count * sizeof(*member->memories));
    }
}

void world_member_kill(struct world *world, struct world_node *node)
{
    (void)world;
    node->member->is_down = true;
    node->start_ns = INT64_MAX;
    node->timer_draw++; /* what was due is due no more */
    memset(node->host->associations, 0, sizeof(node->host->associations));
}

void world_member_boot(struct world *world, struct world_node *node)
{
    char error[WORLD_ERROR_MAX];
    node->member->incarnation++;
    node->member->is_down = false;
    node->start_ns = world->truth_ns;
    node->steered_until.ns = 0;
    node->timer.ns = INT64_MIN;
    node->host->has_earliest = false;
    node->host->updates = 0;
    if (!world_nodes_restart(&world->nodes, world->scenario, world_core_index(world, node),
                             world->truth_ns, error)) {
        struct checker_place place = world_core_place(world, node);
        checker_fail(&world->checker, &place, error);
    }
}

bool world_member_counts(const struct world *world, const struct world_node *node)
{
    return !node->member->is_down && world->truth_ns >= node->start_ns &&
           !world_core_is_asleep(node) && world_core_is_honest(world, node);
}

bool world_member_interval(const struct world_node *node, struct mono now,
                           struct interval *interval)
{
    return sync_interval(node_sync(node->node), now, interval) ||
           world_member_mesh_interval(node, now, interval);
}

bool world_member_mesh_interval(const struct world_node *node, struct mono now,
                                struct interval *interval)
{
    return sync_mesh_interval(node_sync(node->node), now, interval);
}

bool world_member_asks(const struct world_node *node, const struct world_node *other)
{
    const struct mesh *mesh = node_mesh(node->node);
    size_t place = mesh_find(mesh, other->member->id);
    return place != MESH_NOBODY && mesh->members[place].is_seated;
}

bool world_member_holds(struct world *world, struct world_node *other, struct interval interval)
{
    struct interval theirs;
    struct reading now = world_core_read(world, other, 0);
    if (!world_member_counts(world, other) ||
        !world_member_mesh_interval(other, now.mono, &theirs)) {
        return true; /* its clock is none of the mesh's time */
    }
    int64_t shown_ns = sync_clock(node_sync(other->node), now).wall.ns;
    return shown_ns >= interval.earliest_ns - ROUNDING_NS &&
           shown_ns <= interval.latest_ns + ROUNDING_NS;
}

/* In the mesh's own time there is no truth but the clocks of the honest. */
void world_member_sample_interval(struct world *world, struct world_node *node)
{
    struct world_mesh *mesh = world->nodes.mesh;
    struct interval interval;
    size_t known;
    const uint32_t *numbers = acquaintance_of(&mesh->acquaintance, node->member->number, &known);
    if (!world_member_mesh_interval(node, oscillator_read(&node->oscillator, world->truth_ns),
                                    &interval)) {
        return;
    }
    bool is_held = world_member_holds(world, node, interval);
    for (size_t i = 0; i < known; i++) {
        struct world_node *other = &world->nodes.items[mesh->node_of[numbers[i]]];
        is_held = is_held &&
                  (!world_member_asks(node, other) || world_member_holds(world, other, interval));
    }
    series_add_interval(&node->series, is_held,
                        (double)(interval.latest_ns - interval.earliest_ns) / 2);
}

int64_t world_member_error_ns(struct world *world, struct world_node *node)
{
    struct reading now = world_core_read(world, node, 0);
    return sync_clock(node_sync(node->node), now).wall.ns - world_core_utc_ns(world);
}

bool world_member_is_handshake(const struct action_send *send)
{
    struct packet header;
    struct report_packet fields;
    return world_member_fields(bytes_make(send->payload, send->size), &header, &fields) &&
           fields.handshake.size > 0 && fields.report.size == 0;
}

/* What all honest members agree on, as far as they vouch for anything. */
static struct interval agreed(struct world *world)
{
    struct interval all = {.earliest_ns = INT64_MIN, .latest_ns = INT64_MAX};
    for (size_t i = 0; i < world->nodes.mesh->count; i++) {
        struct world_node *node = &world->nodes.items[world->nodes.mesh->node_of[i]];
        struct interval one;
        if (!world_member_counts(world, node) ||
            !world_member_interval(node, oscillator_read(&node->oscillator, world->truth_ns),
                                   &one)) {
            continue;
        }
        all.earliest_ns = one.earliest_ns > all.earliest_ns ? one.earliest_ns : all.earliest_ns;
        all.latest_ns = one.latest_ns < all.latest_ns ? one.latest_ns : all.latest_ns;
    }
    return all;
}

static uint64_t honest_id(const struct world *world)
{
    const struct world_mesh *mesh = world->nodes.mesh;
    for (size_t i = 0; i < mesh->count; i++) {
        if (mesh->members[i].liar == NULL) {
            return mesh->members[i].id;
        }
    }
    return 0;
}

/* The session's tag anew: by the node's own keys, without another counter. */
static bool tag_again(const struct world_node *node, uint64_t to, struct action_send *send)
{
    struct mesh_packet packet;
    const struct mesh *mesh = node_mesh(node->node);
    size_t place = mesh != NULL ? mesh_find(mesh, to) : MESH_NOBODY;
    struct mesh_contact *contact = place != MESH_NOBODY ? mesh_contact_of(mesh, place) : NULL;
    if (contact == NULL ||
        !world_member_fields(bytes_make(send->payload, send->size), &packet.header,
                             &packet.fields) ||
        report_auth_read(packet.fields.session, &packet.session) != REPORT_OK) {
        return false;
    }
    struct session *sessions[] = {contact->pairing.current, contact->pairing.pending};
    for (size_t i = 0; i < 2; i++) {
        if (sessions[i] != NULL && session_id(sessions[i]) == packet.session.id) {
            return session_tag(sessions[i], bytes_make(send->payload, packet.fields.session_size),
                               send->payload + packet.fields.session_size);
        }
    }
    return false;
}

/* What it says misses what the honest agree on, however short the way. */
static void note_miss(struct world *world, struct world_node *node, const struct liar_scene *scene,
                      const struct action_send *send)
{
    struct packet header;
    struct report_packet fields;
    struct report report;
    if (!world_member_fields(bytes_make(send->payload, send->size), &header, &fields) ||
        header.mode != MODE_SERVER || fields.report.size == 0 ||
        report_read(fields.report, &report) != REPORT_OK) {
        return;
    }
    int64_t utc_ns = world_core_utc_ns(world);
    int64_t told_ns = timestamp_to_unix_ns(header.transmit, utc_ns);
    int64_t before_ns = report_width_to_ns(report.before_f28);
    int64_t after_ns = report_width_to_ns(report.after_f28);
    int64_t own_ns = utc_ns + scene->error_ns;
    int64_t trip_ns;
    struct world_node *reader = world_nodes_find(&world->nodes, &send->destination);
    const struct path *path = world_nodes_path(&world->nodes, world_core_index(world, node),
                                               world_core_index(world, reader), &trip_ns);
    trip_ns += path != NULL ? path->options->delay_ns : 0;
    if (before_ns != INT64_MAX && after_ns != INT64_MAX &&
        (told_ns - before_ns - trip_ns > own_ns + scene->room_up_ns ||
         told_ns + after_ns + trip_ns < own_ns + scene->room_down_ns)) {
        world_opinion_miss(world, node);
    }
}

bool world_member_lies(struct world *world, struct world_node *node, struct action_send *send,
                       int64_t *hold_ns)
{
    const struct world_node *reader = world_nodes_find(&world->nodes, &send->destination);
    *hold_ns = 0;
    if (node->member->liar == NULL || reader == NULL || reader->member == NULL ||
        !liar_is_active(node->member->liar, world->truth_ns)) {
        return true;
    }
    const struct scenario *scenario = world->scenario;
    struct liar_scene scene = {
        .truth_ns = world->truth_ns,
        .identity = node->member->identity,
        .scheme = scenario->mesh.is_stand_in ? &world->nodes.mesh->stand_in.scheme : NULL,
        .reader = reader->member->number,
        .other_id = honest_id(world),
        .error_ns = world_member_error_ns(world, node)};
    struct interval all = agreed(world);
    int64_t own_ns = world_core_utc_ns(world) + scene.error_ns;
    bool is_known = all.earliest_ns != INT64_MIN;
    scene.room_up_ns = is_known ? all.latest_ns - own_ns : 0;
    scene.room_down_ns = is_known ? all.earliest_ns - own_ns : 0;
    enum liar_act act = liar_send(node->member->liar, &scene, send->payload, send->size, hold_ns);
    if (act == LIAR_CHANGES && !tag_again(node, reader->member->id, send)) {
        struct checker_place place = world_core_place(world, node);
        checker_fail(&world->checker, &place, "lies in a packet of no session of its own");
    }
    if (is_known) {
        note_miss(world, node, &scene, send);
    }
    return act != LIAR_SWALLOWS;
}

void world_member_sample(struct world *world)
{
    struct world_mesh *mesh = world->nodes.mesh;
    double greatest_ns = -INFINITY, least_ns = INFINITY;
    size_t count = 0;
    for (size_t i = 0; i < mesh->count; i++) {
        struct world_node *node = &world->nodes.items[mesh->node_of[i]];
        if (!world_member_counts(world, node) || world_core_is_leaping(world)) {
            continue;
        }
        double error_ns = (double)world_member_error_ns(world, node);
        greatest_ns = fmax(greatest_ns, error_ns);
        least_ns = fmin(least_ns, error_ns);
        count++;
        world_opinion_look(world, node);
        if (world->truth_ns >= world->scenario->settle_ns) {
            mesh->bias_sum_ns += error_ns;
            mesh->bias_count++;
        }
    }
    mesh->apart_ns = count > 0 ? greatest_ns - least_ns : NAN;
    if (mesh->apart_ns >= APART_NS && world->truth_ns >= world->scenario->recover_ns) {
        mesh->apart_since_ns = world->truth_ns + world->scenario->sample_ns;
    }
    if (world->listener != NULL && count > 0) {
        char line[200];
        snprintf(line, sizeof(line), "%.6f s, mesh: %zu honest clocks are %.9f s apart",
                 (double)world->truth_ns / 1e9, count, mesh->apart_ns / 1e9);
        world->listener(world->listener_context, line);
    }
}

static double rounds(const struct world *world, int64_t ns)
{
    return ns > 0 ? ceil((double)ns / (double)world->scenario->mesh.poll_ns) : 0;
}

void world_member_figures(const struct world *world, struct figures *figures)
{
    const struct world_mesh *mesh = world->nodes.mesh;
    double packets = 0, octets = 0, false_exclusions = 0, cpu_ns = 0, exchanges = 0, honest = 0;
    double *values = figures->values;
    for (size_t i = 0; i < mesh->count; i++) {
        const struct world_member *member = &mesh->members[i];
        if (member->liar != NULL) {
            continue;
        }
        honest++;
        packets += (double)member->packets;
        octets += (double)member->octets;
        false_exclusions += (double)member->false_exclusions;
        cpu_ns += (double)(member->booked_ns + member->used_ns);
        exchanges += (double)member->exchanges;
    }
    double seconds = (double)(world->scenario->duration_ns - world->scenario->settle_ns) / 1e9;
    double node_seconds = seconds * honest;
    values[FIGURE_NODE_PACKETS] = packets / node_seconds;
    values[FIGURE_NODE_OCTETS] = octets / node_seconds;
    values[FIGURE_FALSE_EXCLUSIONS] = false_exclusions;
    values[FIGURE_EXCLUSION] = world_opinion_rounds(world);
    values[FIGURE_ROUNDS] = mesh->apart_ns >= APART_NS || isnan(mesh->apart_ns)
                                ? INFINITY
                                : rounds(world, mesh->apart_since_ns - world->scenario->recover_ns);
    values[FIGURE_APART] = mesh->apart_ns;
    values[FIGURE_BIAS] = mesh->bias_count > 0 ? mesh->bias_sum_ns / (double)mesh->bias_count : NAN;
    figures->cpu_ns = exchanges > 0 ? cpu_ns / exchanges : NAN;
}
