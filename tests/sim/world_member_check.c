/* SPDX-License-Identifier: MIT */
#include "tests/sim/world_member_check.h"
#include "ntpwire/packet.h"
#include "tests/sim/world_check.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* In a larger mesh only those are held against each other that ask each other. */
#define ALL_MAX 16
#define GRANULE_NS (NS_PER_S / HLC_GRANULES_PER_S + 1)

static void fail(struct world *world, const struct world_node *node, const char *text)
{
    struct checker_place place = world_core_place(world, node);
    checker_fail(&world->checker, &place, text);
}

static void check_stamp(struct world *world, struct world_node *node, struct bytes field)
{
    struct report_auth auth;
    struct world_member *member = node->member;
    if (report_auth_read(field, &auth) != REPORT_OK || auth.hlc == 0) {
        return;
    }
    struct hlc_stamp stamp = {auth.hlc};
    if (member->has_stamp && !hlc_is_after(stamp, member->stamp)) {
        fail(world, node, "the stamp of its logical clock is not behind its last one");
    }
    if (member->has_floor && !hlc_is_after(stamp, member->floor)) {
        fail(world, node, "the stamp of its logical clock is not behind a message that came in");
    }
    member->has_stamp = true;
    member->stamp = stamp;
}

/* What its signed report says of its logical clock must fit with what it says of the time. */
static void check_ahead(struct world *world, struct world_node *node, const struct report *report)
{
    int64_t utc_ns = world_core_utc_ns(world);
    int64_t after_ns = report_width_to_ns(report->after_f28);
    if ((report->flags & REPORT_HLC_VALID) == 0 || after_ns == INT64_MAX) {
        return;
    }
    struct wall latest = {timestamp_to_unix_ns((struct timestamp){report->as_of}, utc_ns) +
                          after_ns + GRANULE_NS};
    if (hlc_is_ahead((struct hlc_stamp){report->hlc}, latest,
                     world->scenario->mesh.max_offset_ns)) {
        fail(world, node, "its logical clock is further ahead than its report allows");
    }
}

static void check_report(struct world *world, struct world_node *node, struct bytes field)
{
    struct report report;
    if (field.size == 0) {
        return;
    }
    if (report_read(field, &report) != REPORT_OK || report.node != node->member->id) {
        fail(world, node, "sends a report that is none, or not its own");
        return;
    }
    check_ahead(world, node, &report);
}

void world_member_check_send(struct world *world, struct world_node *node,
                             const struct action_send *send)
{
    const struct world_node *to = world_nodes_find(&world->nodes, &send->destination);
    struct world_member *member = node->member;
    struct packet header;
    struct report_packet fields;
    bool is_known =
        to != NULL && to->member != NULL &&
        acquaintance_knows(&world->nodes.mesh->acquaintance, member->number, to->member->number);
    bool counts = world->truth_ns >= world->scenario->settle_ns;
    member->packets += counts;
    member->octets += counts ? send->size : 0;
    if (!is_known) {
        if (send->size != PACKET_SIZE) {
            fail(world, node, "sends more than 48 octets to somebody who is no member");
        }
        return;
    }
    if (!world_core_is_honest(world, node) ||
        !world_member_fields(bytes_make(send->payload, send->size), &header, &fields)) {
        return;
    }
    member->exchanges += counts && header.mode == MODE_SERVER && fields.report.size > 0;
    if (fields.session.size > 0) {
        check_stamp(world, node, fields.session);
    }
    check_report(world, node, fields.report);
}

void world_member_check_answer(struct world *world, struct world_node *node,
                               const struct event *event, const struct action_send *send)
{
    if (event->kind == EVENT_DATAGRAM && event->datagram.association == 0 &&
        send->association == 0 && send->size > event->datagram.payload.size) {
        fail(world, node, "answers a member with more octets than it was asked with");
    }
}

/* Of somebody who is no member. */
static bool is_servers(const struct world *world, const struct address *source)
{
    const struct world_node *node = world_nodes_find(&world->nodes, source);
    return node != NULL && node->member == NULL;
}

static uint64_t count_taken(const struct world_node *node)
{
    const struct mesh *mesh = node_mesh(node->node);
    return mesh == NULL ? 0 : mesh_count(mesh, MESH_TIME) + mesh_count(mesh, MESH_HANDLED);
}

void world_member_check_before(struct world *world, struct world_node *node,
                               const struct event *event)
{
    (void)event;
    struct interval interval;
    node->member->taken = count_taken(node);
    node->member->has_latest =
        world_member_interval(node, oscillator_read(&node->oscillator, world->truth_ns), &interval);
    node->member->latest.ns = node->member->has_latest ? interval.latest_ns : 0;
}

/* What makes a member's clock another one than it was. */
static uint64_t run_of(const struct report *report)
{
    uint64_t run = run_hash_add(RUN_HASH_START, report->incarnation);
    return run_hash_add(run, (uint64_t)report->disruptions << 32 | report->timescale) | 1;
}

/* A session began, or an answer tells that a clock did: it is asked quickly for a while. */
static void note_run(struct world_node *node, const struct datagram *datagram)
{
    struct packet header;
    struct report_packet fields;
    struct report report;
    if (count_taken(node) == node->member->taken || datagram->association == 0 ||
        !world_member_fields(datagram->payload, &header, &fields)) {
        return;
    }
    bool has_report = fields.report.size > 0 && report_read(fields.report, &report) == REPORT_OK;
    world_check_member(node, datagram->association, has_report ? run_of(&report) : 0);
}

/* A message that was taken, and not ahead of what its reader could judge it by. */
static void raise_floor(struct world *world, struct world_node *node, struct bytes datagram)
{
    struct world_member *member = node->member;
    struct packet header;
    struct report_packet fields;
    struct report_auth auth;
    if (count_taken(node) == member->taken || !member->has_latest ||
        !world_member_fields(datagram, &header, &fields) || fields.session.size == 0 ||
        report_auth_read(fields.session, &auth) != REPORT_OK || auth.hlc == 0) {
        return;
    }
    struct hlc_stamp stamp = {auth.hlc};
    if (hlc_is_ahead(stamp, member->latest, world->scenario->mesh.max_offset_ns)) {
        return;
    }
    if (!member->has_floor || hlc_is_after(stamp, member->floor)) {
        member->has_floor = true;
        member->floor = stamp;
    }
}

/* The clock of one in the interval of the other, if that one vouches for any. */
static void check_pair(struct world *world, struct world_node *node, struct world_node *other)
{
    struct interval interval;
    if (!world_member_mesh_interval(node, oscillator_read(&node->oscillator, world->truth_ns),
                                    &interval)) {
        return;
    }
    if (world_member_holds(world, other, interval)) {
        return;
    }
    struct reading reading = world_core_read(world, other, 0);
    int64_t shown_ns = sync_clock(node_sync(other->node), reading).wall.ns;
    char text[CHECKER_TEXT_MAX];
    snprintf(text, sizeof(text),
             "the clock of %s %zu is %" PRId64 " ns outside of its interval of the mesh's time, "
             "which is %" PRId64 " ns wide",
             other->options->name, other->number,
             shown_ns < interval.earliest_ns ? interval.earliest_ns - shown_ns
                                             : shown_ns - interval.latest_ns,
             interval.latest_ns - interval.earliest_ns);
    fail(world, node, text);
}

static void check_clocks(struct world *world, struct world_node *node)
{
    struct world_mesh *mesh = world->nodes.mesh;
    size_t known;
    const uint32_t *numbers = acquaintance_of(&mesh->acquaintance, node->member->number, &known);
    if (!world_member_counts(world, node) || mesh->count > ALL_MAX) {
        return;
    }
    check_pair(world, node, node);
    for (size_t i = 0; i < known; i++) {
        struct world_node *other = &world->nodes.items[mesh->node_of[numbers[i]]];
        if (world_member_counts(world, other)) {
            check_pair(world, node, other);
            check_pair(world, other, node);
        }
    }
}

void world_member_check_after(struct world *world, struct world_node *node,
                              const struct event *event)
{
    struct interval interval;
    struct world_mesh *mesh = world->nodes.mesh;
    world_check_moved(node);
    if (event->kind == EVENT_DATAGRAM) {
        note_run(node, &event->datagram);
    }
    if (!world_core_is_honest(world, node)) {
        return;
    }
    if (event->kind == EVENT_DATAGRAM) {
        raise_floor(world, node, event->datagram.payload);
        node->member->exchanges +=
            world->truth_ns >= world->scenario->settle_ns && event->datagram.association != 0 &&
            (count_taken(node) > node->member->taken || is_servers(world, &event->datagram.source));
    }
    if (world_member_interval(node, event->now.mono, &interval)) {
        mesh->decisions = run_hash_add(mesh->decisions, (uint64_t)interval.earliest_ns);
        mesh->decisions = run_hash_add(mesh->decisions, (uint64_t)interval.latest_ns);
    }
    check_clocks(world, node);
}
