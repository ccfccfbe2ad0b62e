/* SPDX-License-Identifier: MIT */
#include "tests/sim/world_check.h"
#include "ntpwire/packet.h"
#include "tests/sim/world_member.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Requests of a burst, and after a doubt, follow each other after this. A burst makes up for lost
 * requests, by as many again. */
#define QUICK_NS (2 * NS_PER_S)
#define QUICK_START 8
#define QUICK_DOUBT 8
#define REACH_LOST 8
/* Whatever the causes: so many requests may be quick, and one more in so many polls. */
#define QUICK_MOST 48
#define QUICK_POLLS 4
#define QUICK_ROUNDING 1e-6
/* By which NTP lets a root distance grow (RFC 5905). */
#define PHI 15e-6
/* What rounding costs. */
#define ROUNDING_NS 2
/* By which the kernel itself lets its error_max grow; a worse oscillator, if one is configured, it
 * can't be told of. */
#define KERNEL_GROWTH_PPM 500.0

void world_check_begins(struct world_node *node, struct world_association *association)
{
    association->quick += node->options->chimed.is_iburst ? QUICK_START : 1;
    association->quick_free += QUICK_START;
    association->quick_left = QUICK_MOST;
}

void world_check_member(struct world_node *node, uint32_t number, uint64_t run)
{
    for (size_t i = 0; i < SYNC_SOURCES_MAX; i++) {
        struct world_association *association = &node->host->associations[i];
        if (association->number == number && number != 0 && (run == 0 || run != association->run)) {
            association->quick += QUICK_START;
            association->run = run;
        }
    }
}

/* All polls begin anew. */
static void allow_bursts(struct world_node *node)
{
    for (size_t i = 0; i < SYNC_SOURCES_MAX; i++) {
        node->host->associations[i].quick += QUICK_START;
        node->host->associations[i].quick_free += QUICK_START;
    }
}

void world_check_moved(struct world_node *node)
{
    uint32_t epoch = sync_epoch(node_sync(node->node));
    if (epoch == node->host->moved_epoch) {
        return;
    }
    node->host->moved_epoch = epoch;
    for (size_t i = 0; i < SYNC_SOURCES_MAX; i++) {
        node->host->associations[i].quick++;
    }
}

void world_check_disrupted(struct world_node *node)
{
    allow_bursts(node);
    node->host->updates = 0;
}

void world_check_command(struct world_node *node, enum command_kind kind)
{
    allow_bursts(node);
    if (kind == COMMAND_ACCEPT || kind == COMMAND_STEP) {
        node->host->updates = 0;
    }
}

/* A request sooner than the poll interval. */
static void check_pace(struct world *world, const struct world_node *node,
                       struct world_association *association, struct mono now)
{
    int64_t elapsed_ns = now.ns - association->quick_at.ns;
    double more = (double)elapsed_ns / (double)(QUICK_POLLS * node->poll_ns);
    association->quick_left = fmin(association->quick_left + more, QUICK_MOST);
    association->quick_at = now;
    if (association->quick_free > 0) {
        association->quick_free--;
        return;
    }
    association->quick_left--;
    if (association->quick_left < -QUICK_ROUNDING) {
        struct checker_place place = world_core_place(world, node);
        checker_fail(&world->checker, &place, "asks quickly again and again");
        association->quick_left = 0;
    }
}

void world_check_request(struct world *world, struct world_node *node,
                         struct world_association *association, const struct action_send *send)
{
    struct packet packet;
    struct checker_place place = world_core_place(world, node);
    if (packet_parse(bytes_make(send->payload, send->size), &packet) != PACKET_OK) {
        checker_fail(&world->checker, &place, "sends something that is no NTP packet");
        return;
    }
    if (packet.mode != MODE_CLIENT && packet.mode != MODE_ACTIVE) {
        return; /* a passive peer answers at once */
    }
    if (node->member != NULL && world_member_is_handshake(send)) {
        association->quick++; /* its steps follow each other at once, and the first requests too */
        return;
    }
    struct mono now = oscillator_read(&node->oscillator, world->truth_ns);
    int64_t since_ns = now.ns - association->asked_at.ns;
    int64_t least_ns = node->poll_ns;
    if (association->asked > 0 && since_ns < least_ns && association->quick > 0) {
        association->quick--;
        check_pace(world, node, association, now);
        least_ns = least_ns < QUICK_NS ? least_ns : QUICK_NS;
    }
    if (association->asked > 0) {
        checker_poll(&world->checker, &place, since_ns, least_ns);
    }
    association->asked++;
    association->asked_at = now;
    association->unanswered++;
    node->host->asked++;
}

/* Its association: names are the nodes', so the address tells. */
static struct world_association *association_of(struct world_node *node,
                                                const struct address *remote)
{
    for (size_t i = 0; i < SYNC_SOURCES_MAX; i++) {
        struct world_association *association = &node->host->associations[i];
        if (association->number != 0 && address_is_same_host(&association->remote, remote)) {
            return association;
        }
    }
    return NULL;
}

void world_check_measured(struct world *world, struct world_node *node,
                          const struct measurement *measured, struct reading now)
{
    struct world_association *association = association_of(node, &measured->remote);
    const struct world_node *other = world_nodes_find(&world->nodes, &measured->remote);
    world->hash = run_hash_add(world->hash, (uint64_t)measured->offset_ns);
    if (!measured->is_good) {
        return;
    }
    node->host->good++;
    node->host->is_fresh = true;
    if (association != NULL) {
        if (association->unanswered >= REACH_LOST) {
            association->quick += QUICK_START;
        }
        association->unanswered = 0;
        association->has_distance = true;
        association->distance_ns = measured->root_distance_ns;
        association->distance_at = now.mono;
        if (strcmp(measured->verdict, "good") != 0) {
            association->quick += QUICK_DOUBT;
        }
    }
    /* An interleaved answer tells of the exchange before. */
    if (other == NULL || measured->is_interleaved || other->options->kind != SCENARIO_SERVER ||
        !world_core_is_honest(world, other) || world_core_is_leaping(world)) {
        return;
    }
    /* The exchange is short: that our clock is steered meanwhile counts for little. */
    int64_t error_ns = world_core_utc_ns(world) - now.wall.ns - measured->offset_ns;
    double slack_ns =
        1e-6 * (fabs(oscillator_rate_ppm(&node->oscillator)) + 100) * (double)measured->delay_ns +
        ROUNDING_NS;
    if (node->options->chimed.is_shadow ||
        fabs((double)error_ns) <= (double)measured->root_distance_ns + slack_ns) {
        return;
    }
    char text[CHECKER_TEXT_MAX];
    snprintf(text, sizeof(text),
             "the truth is %" PRId64 " ns off an honest sample, whose bound is %" PRId64 " ns",
             error_ns, measured->root_distance_ns);
    struct checker_place place = world_core_place(world, node);
    checker_fail(&world->checker, &place, text);
}

void world_check_distances(struct world *world, struct world_node *node, struct mono now)
{
    if (world->truth_ns < world->scenario->settle_ns) {
        return;
    }
    for (size_t i = 0; i < SYNC_SOURCES_MAX; i++) {
        struct world_association *association = &node->host->associations[i];
        if (association->number != 0 && association->has_distance) {
            double age_ns = (double)(now.ns - association->distance_at.ns);
            association->distance_sum_ns += (double)association->distance_ns + PHI * age_ns;
            association->distance_count++;
        }
    }
}

double world_check_best_ns(const struct world *world, const struct world_node *node)
{
    double best_ns = NAN;
    for (size_t i = 0; i < SYNC_SOURCES_MAX; i++) {
        const struct world_association *association = &node->host->associations[i];
        const struct world_node *other = world_nodes_find(&world->nodes, &association->remote);
        if (association->number != 0 && association->distance_count > 0 && other != NULL &&
            world_core_is_honest(world, other)) {
            best_ns =
                fmin(best_ns, association->distance_sum_ns / (double)association->distance_count);
        }
    }
    return best_ns;
}

void world_check_step(struct world *world, struct world_node *node, int64_t step_ns)
{
    struct checker_place place = world_core_place(world, node);
    checker_step(&world->checker, &place, step_ns,
                 node->host->updates <= node->options->chimed.sync.discipline.step_updates);
}

/* A server whose clock stands still counts its timestamps up, away from that clock. */
static bool is_stuck(const struct world *world, const struct world_node *node)
{
    for (size_t i = 0; i < world->scenario->fault_count; i++) {
        if (world->faults[i].kind == FAULT_STUCK &&
            world->faults[i].node == world_core_index(world, node)) {
            return true;
        }
    }
    return false;
}

void world_check_answers(struct world *world, const struct world_node *node,
                         const struct event *event, const struct actions *actions)
{
    struct checker_place place = world_core_place(world, node);
    if (event->kind != EVENT_DATAGRAM || is_stuck(world, node)) {
        return;
    }
    struct wall now = event->now.wall;
    if (node->host != NULL) {
        now = sync_state_utc(node_claim(node->node), event->now);
    }
    for (size_t i = 0; i < actions->count; i++) {
        if (actions->items[i].kind == ACTION_SEND) {
            checker_answer(&world->checker, &place, event->datagram.payload,
                           &actions->items[i].send, now);
        }
    }
}

/* Nobody vouches for UTC in these. */
static bool is_without_reference(const struct status *status)
{
    return status->condition == SYNC_LOCAL || status->condition == SYNC_ORPHAN ||
           status->condition == SYNC_MESH;
}

/* What is assumed is broken, by the scenario's will. */
static bool is_broken(const struct world *world)
{
    return world->truth_ns >= world->scenario->broken_from_ns;
}

/* The truth lies outside of the interval: that is a violation, or must be noticed. */
static void check_outside(struct world *world, struct world_node *node,
                          const struct interval *interval, struct mono now)
{
    struct world_host *host = node->host;
    struct reading reading = system_clock_read(&node->clock, now);
    struct status status;
    sync_status(node_sync(node->node), reading, &status);
    if (is_without_reference(&status)) {
        return;
    }
    if (!host->is_outside) {
        host->is_outside = true;
        host->is_noticed = false;
        host->outside_from_ns = world->truth_ns;
        host->outside_epoch = host->epoch;
    }
    if (!host->is_noticed &&
        (status.condition != SYNC_SYNCHRONISED || status.epoch != host->outside_epoch)) {
        host->is_noticed = true;
        host->notice_ns = fmax(host->notice_ns, (double)(world->truth_ns - host->outside_from_ns));
    }
    if (!is_broken(world)) {
        char text[CHECKER_TEXT_MAX];
        int64_t utc_ns = world_core_utc_ns(world);
        struct checker_place place = world_core_place(world, node);
        snprintf(text, sizeof(text),
                 "the truth is %" PRId64 " ns outside of the interval, which is %" PRId64
                 " ns wide",
                 utc_ns < interval->earliest_ns ? interval->earliest_ns - utc_ns
                                                : utc_ns - interval->latest_ns,
                 interval->latest_ns - interval->earliest_ns);
        checker_fail(&world->checker, &place, text);
    }
}

/* It holds the truth again, or is none any more: did the status say so meanwhile? */
static void check_inside(struct world *world, struct world_node *node)
{
    struct world_host *host = node->host;
    if (!host->is_outside) {
        return;
    }
    host->is_outside = false;
    if (!host->is_noticed) {
        host->notice_ns =
            sync_epoch(node_sync(node->node)) != host->outside_epoch
                ? fmax(host->notice_ns, (double)(world->truth_ns - host->outside_from_ns))
                : INFINITY;
    }
}

static void check_interval(struct world *world, struct world_node *node, struct mono now)
{
    struct world_host *host = node->host;
    const struct sync *sync = node_sync(node->node);
    struct interval interval;
    if (!sync_interval(sync, now, &interval)) {
        check_inside(world, node);
        return;
    }
    uint32_t epoch = sync_epoch(sync);
    if (host->has_earliest && epoch == host->epoch && interval.earliest_ns < host->earliest_ns) {
        char text[CHECKER_TEXT_MAX];
        struct checker_place place = world_core_place(world, node);
        snprintf(text, sizeof(text), "its earliest goes back by %" PRId64 " ns in epoch %" PRIu32,
                 host->earliest_ns - interval.earliest_ns, epoch);
        checker_fail(&world->checker, &place, text);
    }
    int64_t utc_ns = world_core_utc_ns(world);
    if (interval.earliest_ns > utc_ns + ROUNDING_NS || interval.latest_ns < utc_ns - ROUNDING_NS) {
        if (!world_core_is_leaping(world)) {
            host->epoch = host->has_earliest ? host->epoch : epoch;
            check_outside(world, node, &interval, now);
        }
    } else {
        check_inside(world, node);
    }
    host->has_earliest = true;
    host->earliest_ns = interval.earliest_ns;
    host->epoch = epoch;
}

/* A timer fires a nanosecond late where the oscillator skips one. What the node does first then may
 * be something else, such as signing a report: that it is due at once is all it can say. */
static void check_steering(struct world *world, struct world_node *node, struct mono now)
{
    struct mono due = node->steered_until.ns > now.ns ? node->steered_until : now;
    if (node->steered_until.ns > 0 && node_deadline(node->node).ns > due.ns) {
        struct checker_place place = world_core_place(world, node);
        checker_fail(&world->checker, &place, "won't look again when its steering ends");
        node->steered_until.ns = 0;
    }
}

void world_check_event(struct world *world, struct world_node *node, struct mono now)
{
    if (world_core_is_asleep(node)) {
        return;
    }
    check_interval(world, node, now);
    check_steering(world, node, now);
}

static void fail_claim(struct world *world, const struct world_node *node, const char *what,
                       double error_ns, double limit_ns)
{
    char text[CHECKER_TEXT_MAX];
    struct checker_place place = world_core_place(world, node);
    snprintf(text, sizeof(text), "%s: the error is %.0f ns, what is claimed is %.0f ns", what,
             error_ns, limit_ns);
    checker_fail(&world->checker, &place, text);
}

void world_check_claims(struct world *world, struct world_node *node, struct reading now,
                        const struct status *status)
{
    const struct sync_state *claim = node_claim(node->node);
    struct world_host *host = node->host;
    /* A smeared clock is wrong by design, and by how much it says. */
    int64_t utc_ns = world_core_utc_ns(world) + status->smear_ns;
    if (world_core_is_leaping(world) || is_without_reference(status)) {
        return;
    }
    int64_t shown_ns = sync_clock(node_sync(node->node), now).wall.ns;
    double clock_ns = (double)llabs(shown_ns - utc_ns);
    if (claim->leap != LEAP_UNSYNCHRONISED && claim->stratum <= PACKET_STRATUM_MAX) {
        double bound_ns =
            (double)claim->root_delay_ns / 2 + (double)sync_state_dispersion_ns(claim, now.mono);
        int64_t told_ns = sync_state_utc(claim, now).ns;
        double served_ns = (double)llabs(told_ns - utc_ns);
        /* What the clock has still to go is a matter of what is told at that moment: by now the
         * estimate may be another. */
        double left_ns = (double)llabs(told_ns - shown_ns);
        bool is_held =
            served_ns <= bound_ns + ROUNDING_NS && clock_ns <= bound_ns + left_ns + ROUNDING_NS;
        series_add_claim(&node->series, is_held, bound_ns);
        if (!is_held && !is_broken(world)) {
            bool is_served = served_ns > bound_ns + ROUNDING_NS;
            fail_claim(world, node,
                       is_served ? "root distance, served time" : "root distance, clock",
                       is_served ? served_ns : clock_ns, bound_ns);
        }
    }
    bool is_common = node->options->chimed.sync.bound.drift_start_ppm <= KERNEL_GROWTH_PPM;
    if (is_common && host->has_kernel && host->kernel.is_synchronised) {
        double limit_ns = (double)host->kernel.error_max_ns +
                          KERNEL_GROWTH_PPM * 1e-6 * (double)(now.mono.ns - host->kernel_at.ns) +
                          ROUNDING_NS;
        if (clock_ns > limit_ns && !is_broken(world)) {
            fail_claim(world, node, "the kernel's maximum error", clock_ns, limit_ns);
        }
    }
}
