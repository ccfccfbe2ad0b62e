/* SPDX-License-Identifier: MIT */
#include "tests/sim/world.h"
#include "tests/sim/world_check.h"
#include "tests/sim/world_core.h"
#include "tests/sim/world_member.h"
#include "tests/sim/world_network.h"
#include "tests/sim/world_prober.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_START 256

/* Sets the node's single timer to its deadline. */
static void set_timer(struct world *world, struct world_node *node)
{
    struct mono deadline =
        node->prober != NULL ? prober_deadline(node->prober) : node_deadline(node->node);
    if ((deadline.ns == node->timer.ns && node->timer_draw > 0) || deadline.ns == INT64_MAX) {
        return;
    }
    node->timer = deadline;
    node->timer_draw++;
    int64_t at_ns = oscillator_when(&node->oscillator, deadline);
    world_core_plan(world, at_ns > node->start_ns ? at_ns : node->start_ns, HAPPENING_TIMER,
                    world_core_which(world, node, node->timer_draw));
}

static void handle_server(struct world *world, struct world_node *node, const struct event *event)
{
    struct actions actions;
    actions.count = 0;
    node_handle(node->node, event, &actions);
    server_handle(node->server, event, &actions);
    world_check_answers(world, node, event, &actions);
    for (size_t i = 0; i < actions.count; i++) {
        if (actions.items[i].kind == ACTION_SEND) {
            world_network_send(world, node, &actions.items[i].send);
        } else if (actions.items[i].kind == ACTION_PUBLISH) {
            server_publish(node->server, &actions.items[i].publish);
        }
    }
}

void world_core_handle(struct world *world, struct world_node *node, const struct event *event)
{
    if (node->prober != NULL) {
        world_prober_handle(world, node, event);
    } else if (node->host != NULL) {
        world_host_handle(world, node, event);
    } else {
        handle_server(world, node, event);
    }
    set_timer(world, node);
}

/* What a clock shows, and how fast it runs, against the truth. */
static void add_offset(struct world *world, struct world_node *node, struct wall shown,
                       double fraction_ns, double rate_ppm)
{
    double rate = 1e-6 * oscillator_rate_ppm(&node->oscillator);
    double gain_ppb = -rate / (1 + rate) * 1e9; /* UTC's on the oscillator */
    world->hash = run_hash_add(world->hash, (uint64_t)shown.ns);
    series_add(&node->series, (double)(shown.ns - world_core_utc_ns(world)) + fraction_ns);
    series_add_rate(&node->series, rate_ppm * 1e3 - gain_ppb);
}

static void sample_prober(struct world *world, struct world_node *node, struct mono now)
{
    struct estimate estimate;
    int64_t left_ns;
    if (!world_prober_read(node, now, &estimate, &left_ns)) {
        series_add(&node->series, NAN);
        return;
    }
    add_offset(world, node, estimate.wall, estimate.fraction_ns, estimate.rate_ppm);
    struct interval interval;
    if (prober_interval(node->prober, now, &interval)) {
        interval.earliest_ns -= left_ns;
        interval.latest_ns += left_ns;
        series_add_interval(&node->series, interval_contains(interval, world_core_utc_ns(world)),
                            (double)(interval.latest_ns - interval.earliest_ns) / 2);
    }
}

static void sample_chimed(struct world *world, struct world_node *node, struct mono now)
{
    struct reading reading = system_clock_read(&node->clock, now);
    struct status status;
    sync_status(node_sync(node->node), reading, &status);
    add_offset(world, node, status.now.wall, 0,
               node->options->chimed.is_shadow ? status.frequency_ppm : node->clock.rate_ppm);
    series_add_state(&node->series, status.condition == SYNC_SYNCHRONISED);
    if (status.has_interval) {
        series_add_interval(&node->series,
                            interval_contains(status.interval, world_core_utc_ns(world)),
                            (double)(status.interval.latest_ns - status.interval.earliest_ns) / 2);
    } else if (node->member != NULL) {
        world_member_sample_interval(world, node);
    }
    world_check_claims(world, node, reading, &status);
    world_check_distances(world, node, now);
}

/* The error of one node, now. False if there is none. */
static bool sample_node(struct world *world, struct world_node *node)
{
    struct mono now = oscillator_read(&node->oscillator, world->truth_ns);
    /* About a leap second a clock that is right but for a microsecond may be off by a second. */
    if (world_core_is_asleep(node) || world_core_is_leaping(world) ||
        (node->member != NULL && !world_member_counts(world, node))) {
        series_add(&node->series, NAN);
        return false;
    }
    if (node->prober != NULL) {
        sample_prober(world, node, now);
    } else {
        sample_chimed(world, node, now);
    }
    return true;
}

static void sample_all(struct world *world)
{
    double greatest_ns = -INFINITY, least_ns = INFINITY;
    for (size_t i = 0; i < world->nodes.count; i++) {
        struct world_node *node = &world->nodes.items[i];
        if ((node->prober != NULL || node->host != NULL) && sample_node(world, node) &&
            node->options->chimed.peer.count > 0) {
            double offset_ns = node->series.offsets_ns[node->series.count - 1];
            greatest_ns = fmax(greatest_ns, offset_ns);
            least_ns = fmin(least_ns, offset_ns);
        }
    }
    if (greatest_ns >= least_ns && world->truth_ns >= world->scenario->settle_ns) {
        world->spread_square_sum += (greatest_ns - least_ns) * (greatest_ns - least_ns);
        world->spread_count++;
    }
    if (world->nodes.mesh != NULL) {
        world_member_sample(world);
    }
    world_core_plan(world, world->truth_ns + world->scenario->sample_ns, HAPPENING_SAMPLE, 0);
}

static void tick(struct world *world, uint64_t which)
{
    struct world_node *node = &world->nodes.items[which >> 32];
    if ((uint32_t)which != node->timer_draw || world->truth_ns < node->start_ns) {
        return;
    }
    node->timer.ns = INT64_MIN; /* it has fired: even an equal deadline needs another */
    struct event event = {.now = world_core_read(world, node, 0), .kind = EVENT_TIMER};
    world_core_handle(world, node, &event);
}

/* A server's clock is right at a leap second too. */
static void leap_server(struct world *world, uint64_t which)
{
    struct world_node *node = &world->nodes.items[which >> 32];
    system_clock_step(&node->clock, oscillator_read(&node->oscillator, world->truth_ns),
                      -world->scenario->leap * NS_PER_S);
}

static void happen(struct world *world, enum happening kind, uint64_t which)
{
    switch (kind) {
    case HAPPENING_ARRIVAL:
        world_network_arrive(world, (size_t)which);
        break;
    case HAPPENING_TIMER:
        tick(world, which);
        break;
    case HAPPENING_SAMPLE:
        sample_all(world);
        break;
    case HAPPENING_LEAP:
        if (world->nodes.items[which >> 32].host == NULL) {
            leap_server(world, which);
            break;
        }
        /* fall through */
    case HAPPENING_RESOLVED:
    case HAPPENING_SAVED:
    case HAPPENING_COMMAND:
    case HAPPENING_SET:
    case HAPPENING_RESUME:
    case HAPPENING_KILL:
    case HAPPENING_BOOT:
        world_host_happen(world, kind, which);
        break;
    }
}

void world_run(struct world *world, int64_t until_ns)
{
    if (until_ns > world->scenario->duration_ns) {
        until_ns = world->scenario->duration_ns;
    }
    const struct heap_item *first;
    while ((first = heap_first(&world->heap)) != NULL && first->at_ns < until_ns) {
        struct heap_item item = heap_pop(&world->heap);
        world->truth_ns = item.at_ns;
        world->hash = run_hash_add(run_hash_add(world->hash, (uint64_t)item.at_ns), item.value);
        uint64_t which = item.value & ((UINT64_C(1) << HAPPENING_SHIFT) - 1);
        happen(world, (enum happening)(item.value >> HAPPENING_SHIFT), which);
    }
    for (size_t i = 0; i < world->nodes.count && until_ns == world->scenario->duration_ns; i++) {
        if (world->nodes.items[i].host != NULL) {
            world_host_tell(world, &world->nodes.items[i]);
        }
    }
}

/* The scenario's faults with the numbers of the nodes; its names were checked. */
static void place_faults(struct world *world)
{
    const struct scenario *scenario = world->scenario;
    for (size_t i = 0; i < scenario->fault_count; i++) {
        const struct scenario_fault *given = &scenario->faults[i];
        int group = scenario_find_node(scenario, given->node);
        assert(group >= 0);
        bool is_liar = scenario->nodes[group].chimed.member.is_member; /* liar.h's to tell */
        world->faults[i] = (struct fault){.kind = (enum fault_kind)given->kind,
                                          .node = is_liar ? SIZE_MAX : world->nodes.first[group],
                                          .from_ns = given->from_ns,
                                          .until_ns = given->until_ns,
                                          .offset_ns = given->offset_ns,
                                          .rate_ppm = given->rate_ppm};
    }
    if (scenario->reference[0] != '\0') {
        int group = scenario_find_node(scenario, scenario->reference);
        assert(group >= 0);
        world->reference = world->nodes.first[group] + 1;
    }
}

static void plan_leap(struct world *world)
{
    const struct scenario *scenario = world->scenario;
    world->leap_ns = INT64_MAX;
    if (scenario->leap == 0) {
        return;
    }
    struct wall start = {scenario->start_ns};
    world->leap_ns = leap_end_of_day(start).ns - start.ns - (scenario->leap < 0 ? NS_PER_S : 0);
    for (size_t i = 0; i < world->nodes.count; i++) {
        if (world->nodes.items[i].options->kind == SCENARIO_SERVER) {
            world_core_plan(world, world->leap_ns, HAPPENING_LEAP,
                            world_core_which(world, &world->nodes.items[i], 0));
        }
    }
}

struct world *world_create(const struct scenario *scenario, uint64_t seed,
                           char error[WORLD_ERROR_MAX])
{
    struct world *world = calloc(1, sizeof(*world));
    if (world == NULL || !heap_init(&world->heap, EVENTS_START)) {
        free(world);
        snprintf(error, WORLD_ERROR_MAX, "not enough memory for a world");
        return NULL;
    }
    world->scenario = scenario;
    world->seed = seed;
    world->hash = run_hash_add(RUN_HASH_START, seed);
    if (!world_nodes_create(&world->nodes, scenario, seed, error)) {
        world_destroy(world);
        return NULL;
    }
    place_faults(world);
    plan_leap(world);
    world_core_plan(world, 0, HAPPENING_SAMPLE, 0);
    for (size_t i = 0; i < world->nodes.count; i++) {
        if (world->nodes.items[i].host != NULL) {
            world_host_start(world, &world->nodes.items[i]);
        }
        set_timer(world, &world->nodes.items[i]);
    }
    return world;
}

void world_destroy(struct world *world)
{
    if (world != NULL) {
        world_nodes_destroy(&world->nodes);
        heap_clear(&world->heap);
        free(world->flights);
        free(world);
    }
}

size_t world_node_count(const struct world *world)
{
    return world->nodes.count;
}

void world_listen(struct world *world, world_listener *listener, void *context)
{
    world->listener = listener;
    world->listener_context = context;
    world->checker.listener = listener;
    world->checker.listener_context = context;
}

void world_time(struct world *world, world_clock *clock, void *context)
{
    world->clock = clock;
    world->clock_context = context;
}

uint64_t world_decisions(const struct world *world)
{
    return world->nodes.mesh == NULL ? 0 : world->nodes.mesh->decisions;
}

/* Seconds; infinite if it was never noticed. */
static double notice_s(const struct world_host *host)
{
    bool is_open = host->is_outside && !host->is_noticed;
    return is_open ? INFINITY : host->notice_ns / 1e9;
}

static size_t add_figures(const struct world *world, struct series *series, struct figures *figures)
{
    size_t count = 0;
    for (size_t i = 0; i < world->nodes.count; i++) {
        const struct world_node *node = &world->nodes.items[i];
        if (node->prober != NULL) {
            const struct prober_counters *counters = prober_counters(node->prober);
            figures->values[FIGURE_PACKETS] += (double)counters->asked;
            figures->values[FIGURE_EXCHANGES] += (double)counters->verdicts[EXCHANGE_OK];
        } else if (node->host != NULL && (node->member == NULL || node->member->liar == NULL)) {
            figures->values[FIGURE_PACKETS] += (double)node->host->asked;
            figures->values[FIGURE_EXCHANGES] += (double)node->host->good;
            figures->values[FIGURE_SOURCE] =
                fmin(figures->values[FIGURE_SOURCE], world_check_best_ns(world, node));
            figures->values[FIGURE_NOTICE] =
                fmax(figures->values[FIGURE_NOTICE], notice_s(node->host));
        } else {
            continue;
        }
        series[count++] = node->series;
    }
    return count;
}

bool world_figures(const struct world *world, struct figures *figures)
{
    struct series *series = calloc(world->nodes.count, sizeof(*series));
    if (series == NULL) {
        return false;
    }
    *figures = (struct figures){.seed = world->seed, .hash = world->hash};
    figures->values[FIGURE_SOURCE] = NAN;
    for (size_t i = FIGURE_ROUNDS; i <= FIGURE_NODE_OCTETS; i++) {
        figures->values[i] = NAN;
    }
    size_t count = add_figures(world, series, figures);
    bool ok = figures_compute(series, count, world->scenario->sample_ns, figures);
    free(series);
    double hours = (double)world->scenario->duration_ns / 3600e9;
    figures->values[FIGURE_PACKETS_PER_HOUR] =
        count > 0 ? figures->values[FIGURE_PACKETS] / hours / (double)count : NAN;
    figures->values[FIGURE_SPREAD] =
        world->spread_count > 0 ? sqrt(world->spread_square_sum / (double)world->spread_count)
                                : NAN;
    if (world->nodes.mesh != NULL) {
        world_member_figures(world, figures);
    }
    figures->values[FIGURE_VIOLATIONS] = (double)world->checker.violations;
    snprintf(figures->violation, sizeof(figures->violation), "%s", world->checker.first);
    return ok;
}
