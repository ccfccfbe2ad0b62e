/* SPDX-License-Identifier: MIT */
#include "tests/sim/world.h"
#include "common/base/heap.h"
#include "tests/sim/checker.h"
#include "tests/sim/run_hash.h"
#include "tests/sim/world_node.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLIGHTS_START 256

/* What an item of the heap is: the kind in the upper bits, which one in the lower. */
#define HAPPENING_SHIFT 60
enum happening { HAPPENING_ARRIVAL, HAPPENING_TIMER, HAPPENING_SAMPLE };

/* A datagram on its way. */
struct flight {
    struct address source;
    struct address destination;
    size_t size;
    size_t next; /* the next free one, while this is free */
    uint8_t payload[ACTION_PAYLOAD_MAX];
};

struct world {
    const struct scenario *scenario;
    uint64_t seed;
    int64_t truth_ns;
    struct heap heap;
    struct world_nodes nodes;
    size_t flight_count;
    size_t flight_free; /* index + 1; 0: none */
    struct flight *flights;
    struct fault faults[SCENARIO_SECTIONS_MAX];
    size_t reference; /* index + 1 of a node; 0: the truth */
    uint64_t hash;
    struct checker checker;
};

static struct checker_place place_of(const struct world *world, const struct world_node *node)
{
    return (struct checker_place){
        .truth_ns = world->truth_ns, .node = node->options->name, .number = node->number};
}

static size_t index_of(const struct world *world, const struct world_node *node)
{
    return (size_t)(node - world->nodes.items);
}

static void plan(struct world *world, int64_t at_ns, enum happening kind, uint64_t which)
{
    if (world->heap.count == world->heap.capacity &&
        !heap_reserve(&world->heap, world->heap.capacity * 2)) {
        struct checker_place place = {.truth_ns = world->truth_ns, .node = "world"};
        checker_fail(&world->checker, &place, "no memory for another event");
        return;
    }
    bool is_pushed = heap_push(&world->heap, at_ns, (uint64_t)kind << HAPPENING_SHIFT | which);
    assert(is_pushed);
}

/* What a node's lies add to its clock, towards a client. */
static int64_t lie_ns(const struct world *world, const struct world_node *node, size_t client)
{
    int64_t offset_ns = 0;
    for (size_t i = 0; i < world->scenario->fault_count; i++) {
        if (world->faults[i].node == index_of(world, node)) {
            offset_ns += fault_offset_ns(&world->faults[i], world->truth_ns, client);
        }
    }
    return offset_ns;
}

static bool is_honest(const struct world *world, const struct world_node *node)
{
    for (size_t i = 0; i < world->scenario->fault_count; i++) {
        if (world->faults[i].node == index_of(world, node) &&
            world->faults[i].from_ns <= world->truth_ns) {
            return false;
        }
    }
    return true;
}

static struct reading read_clocks(struct world *world, struct world_node *node, size_t client)
{
    struct mono now = oscillator_read(&node->oscillator, world->truth_ns);
    struct reading reading = system_clock_read(&node->clock, now);
    reading.wall.ns += lie_ns(world, node, client);
    return reading;
}

/* A free flight; NULL if memory is short. */
static struct flight *take_flight(struct world *world)
{
    if (world->flight_free == 0) {
        size_t count = world->flight_count > 0 ? world->flight_count * 2 : FLIGHTS_START;
        struct flight *flights = realloc(world->flights, count * sizeof(*flights));
        if (flights == NULL) {
            return NULL;
        }
        for (size_t i = world->flight_count; i < count; i++) {
            flights[i].next = i + 1 < count ? i + 2 : 0;
        }
        world->flight_free = world->flight_count + 1;
        world->flights = flights;
        world->flight_count = count;
    }
    struct flight *flight = &world->flights[world->flight_free - 1];
    world->flight_free = flight->next;
    return flight;
}

static void launch(struct world *world, const struct action_send *send, int64_t arrival_ns)
{
    struct flight *flight = take_flight(world);
    if (flight == NULL) {
        struct checker_place place = {.truth_ns = world->truth_ns, .node = "world"};
        checker_fail(&world->checker, &place, "no memory for another datagram");
        return;
    }
    flight->source = send->source;
    flight->destination = send->destination;
    flight->size = send->size;
    memcpy(flight->payload, send->payload, send->size);
    plan(world, arrival_ns, HAPPENING_ARRIVAL, (uint64_t)(flight - world->flights));
}

/* A request of a prober: it may not come too soon. */
static void check_request(struct world *world, struct world_node *node, size_t to)
{
    for (size_t i = 0; i < node->way_count; i++) {
        struct world_way *way = &node->ways[i];
        if (way->to != to) {
            continue;
        }
        struct mono now = oscillator_read(&node->oscillator, world->truth_ns);
        bool is_burst = way->asked < (uint64_t)node->options->burst;
        int64_t least_ns = is_burst && PROBER_BURST_INTERVAL_NS < node->poll_ns
                               ? PROBER_BURST_INTERVAL_NS
                               : node->poll_ns;
        struct checker_place place = place_of(world, node);
        if (way->asked > 0) {
            checker_poll(&world->checker, &place, now.ns - way->asked_at.ns, least_ns);
        }
        way->asked++;
        way->asked_at = now;
        way->suspended_ns = oscillator_suspended_ns(&node->oscillator, world->truth_ns);
        return;
    }
}

/* An answer leaves: false if a fault swallows it. */
static bool falsify(struct world *world, const struct world_node *node, struct action_send *send)
{
    for (size_t i = 0; i < world->scenario->fault_count; i++) {
        const struct fault *fault = &world->faults[i];
        if (fault->node == index_of(world, node) &&
            !fault_answer(fault, world->truth_ns, send->payload)) {
            return false;
        }
    }
    return true;
}

static void handle(struct world *world, struct world_node *node, const struct event *event);

static void perform_send(struct world *world, struct world_node *node, struct action_send *send)
{
    struct world_node *target = world_nodes_find(&world->nodes, &send->destination);
    struct path *path = target == NULL ? NULL
                                       : world_nodes_path(&world->nodes, index_of(world, node),
                                                          index_of(world, target));
    if (node->prober != NULL && target != NULL) {
        check_request(world, node, index_of(world, target));
    }
    world->hash = run_hash_add_bytes(world->hash, bytes_make(send->payload, send->size));
    int64_t arrivals_ns[2];
    size_t copies = path == NULL || !falsify(world, node, send)
                        ? 0
                        : path_send(path, world->truth_ns, arrivals_ns);
    for (size_t i = 0; i < copies; i++) {
        launch(world, send, arrivals_ns[i]);
    }
    if (send->wants_stamp) {
        struct event event = {.now = read_clocks(world, node, 0), .kind = EVENT_SENT};
        event.sent = (struct sent){.stamp = STAMP_KERNEL,
                                   .at = event.now,
                                   .payload = bytes_make(send->payload, send->size)};
        handle(world, node, &event);
    }
}

static void perform(struct world *world, struct world_node *node, struct actions *actions)
{
    for (size_t i = 0; i < actions->count; i++) {
        struct action *action = &actions->items[i];
        if (action->kind == ACTION_SEND) {
            perform_send(world, node, &action->send);
        } else if (node->server != NULL) {
            server_publish(node->server, &action->publish);
        }
    }
}

/* Sets the node's single timer to its deadline. */
static void set_timer(struct world *world, struct world_node *node)
{
    struct mono deadline =
        node->prober != NULL ? prober_deadline(node->prober) : node_deadline(node->node);
    if (deadline.ns == node->timer.ns && node->timer_draw > 0) {
        return;
    }
    node->timer = deadline;
    node->timer_draw++;
    plan(world, oscillator_when(&node->oscillator, deadline), HAPPENING_TIMER,
         (uint64_t)index_of(world, node) << 32 | node->timer_draw);
}

static void check_answers(struct world *world, const struct world_node *node,
                          const struct event *event, const struct actions *actions)
{
    struct checker_place place = place_of(world, node);
    for (size_t i = 0; i < world->scenario->fault_count; i++) {
        /* A server whose clock stands still counts its timestamps up, away from that clock. */
        if (world->faults[i].kind == FAULT_STUCK &&
            world->faults[i].node == index_of(world, node)) {
            return;
        }
    }
    for (size_t i = 0; i < actions->count; i++) {
        if (actions->items[i].kind == ACTION_SEND) {
            checker_answer(&world->checker, &place, event->datagram.payload,
                           &actions->items[i].send, event->now.wall);
        }
    }
}

static void check_sample(struct world *world, struct world_node *node)
{
    size_t server;
    const struct sample *sample = prober_sample(node->prober, &server);
    if (sample == NULL) {
        return;
    }
    const struct world_way *way = &node->ways[server];
    const struct world_node *other = &world->nodes.items[way->to];
    int64_t slept_ns = oscillator_suspended_ns(&node->oscillator, world->truth_ns);
    if (!is_honest(world, other) || slept_ns != way->suspended_ns) {
        return;
    }
    struct checker_place place = place_of(world, node);
    struct wall truth = {world->scenario->start_ns + world->truth_ns};
    checker_sample(&world->checker, &place, sample, truth, oscillator_rate_ppm(&node->oscillator));
}

/* Does with the clock what the prober wants. */
static void steer(struct world *world, struct world_node *node, struct mono now)
{
    const struct discipline_command *command = prober_command(node->prober);
    if (command != NULL) {
        if (command->step_ns != 0) {
            /* Until a majority has answered there is nothing to go by. */
            uint64_t samples = prober_counters(node->prober)->verdicts[EXCHANGE_OK];
            struct checker_place place = place_of(world, node);
            checker_step(&world->checker, &place, command->step_ns,
                         samples <= discipline_defaults.step_updates + node->way_count);
            system_clock_step(&node->clock, now, command->step_ns);
        }
        system_clock_set_rate(&node->clock, now, command->frequency_ppm);
    }
}

static void handle(struct world *world, struct world_node *node, const struct event *event)
{
    struct actions actions;
    actions.count = 0;
    if (node->prober != NULL) {
        prober_handle(node->prober, event, &actions);
        check_sample(world, node);
    } else {
        node_handle(node->node, event, &actions);
        server_handle(node->server, event, &actions);
        if (event->kind == EVENT_DATAGRAM) {
            check_answers(world, node, event, &actions);
        }
    }
    perform(world, node, &actions);
    if (node->prober != NULL) {
        steer(world, node, event->now.mono);
    }
    set_timer(world, node);
}

static void arrive(struct world *world, size_t index)
{
    /* The flight is free before the event is handled: what it sends may take its place. */
    struct flight flight = world->flights[index];
    world->flights[index].next = world->flight_free;
    world->flight_free = index + 1;

    struct world_node *node = world_nodes_find(&world->nodes, &flight.destination);
    const struct world_node *sender = world_nodes_find(&world->nodes, &flight.source);
    assert(node != NULL);
    struct reading now = read_clocks(world, node, sender == NULL ? 0 : index_of(world, sender));
    struct event event = {.now = now, .kind = EVENT_DATAGRAM};
    event.datagram = (struct datagram){.source = flight.source,
                                       .destination = flight.destination,
                                       .stamp = STAMP_KERNEL,
                                       .received = now,
                                       .payload = bytes_make(flight.payload, flight.size)};
    handle(world, node, &event);
}

/* The error of one node, now. */
static void sample_node(struct world *world, struct world_node *node)
{
    int64_t truth_ns = world->scenario->start_ns + world->truth_ns;
    if (world->reference > 0) {
        truth_ns += lie_ns(world, &world->nodes.items[world->reference - 1], 0);
    }
    struct mono now = oscillator_read(&node->oscillator, world->truth_ns);
    double rate = 1e-6 * oscillator_rate_ppm(&node->oscillator);
    bool is_asleep = rate < -0.5;
    struct estimate estimate;
    int64_t left_ns;
    if (is_asleep || !world_node_read(node, now, &estimate, &left_ns)) {
        series_add(&node->series, NAN);
        return;
    }
    world->hash = run_hash_add(world->hash, (uint64_t)estimate.wall.ns);
    series_add(&node->series, (double)(estimate.wall.ns - truth_ns) + estimate.fraction_ns);
    double gain_ppb = -rate / (1 + rate) * 1e9; /* UTC's on the oscillator */
    series_add_rate(&node->series, estimate.rate_ppm * 1e3 - gain_ppb);
    struct interval interval;
    if (prober_interval(node->prober, now, &interval)) {
        interval.earliest_ns -= left_ns;
        interval.latest_ns += left_ns;
        bool is_held = interval.earliest_ns <= truth_ns && truth_ns <= interval.latest_ns;
        series_add_interval(&node->series, is_held,
                            (double)(interval.latest_ns - interval.earliest_ns) / 2);
    }
}

static void sample_all(struct world *world)
{
    for (size_t i = 0; i < world->nodes.count; i++) {
        if (world->nodes.items[i].prober != NULL) {
            sample_node(world, &world->nodes.items[i]);
        }
    }
    plan(world, world->truth_ns + world->scenario->sample_ns, HAPPENING_SAMPLE, 0);
}

static void tick(struct world *world, uint64_t which)
{
    struct world_node *node = &world->nodes.items[which >> 32];
    if ((uint32_t)which != node->timer_draw) {
        return;
    }
    node->timer.ns = INT64_MIN; /* it has fired: even an equal deadline needs another */
    struct event event = {.now = read_clocks(world, node, 0), .kind = EVENT_TIMER};
    handle(world, node, &event);
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
        switch ((enum happening)(item.value >> HAPPENING_SHIFT)) {
        case HAPPENING_ARRIVAL:
            arrive(world, (size_t)which);
            break;
        case HAPPENING_TIMER:
            tick(world, which);
            break;
        case HAPPENING_SAMPLE:
            sample_all(world);
            break;
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
        world->faults[i] = (struct fault){.kind = (enum fault_kind)given->kind,
                                          .node = world->nodes.first[group],
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

struct world *world_create(const struct scenario *scenario, uint64_t seed,
                           char error[WORLD_ERROR_MAX])
{
    struct world *world = calloc(1, sizeof(*world));
    if (world == NULL || !heap_init(&world->heap, FLIGHTS_START)) {
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
    plan(world, 0, HAPPENING_SAMPLE, 0);
    for (size_t i = 0; i < world->nodes.count; i++) {
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

bool world_figures(const struct world *world, struct figures *figures)
{
    struct series *series = calloc(world->nodes.count, sizeof(*series));
    if (series == NULL) {
        return false;
    }
    *figures = (struct figures){.seed = world->seed, .hash = world->hash};
    double packets = 0, exchanges = 0;
    size_t probers = 0;
    for (size_t i = 0; i < world->nodes.count; i++) {
        const struct world_node *node = &world->nodes.items[i];
        if (node->prober != NULL) {
            const struct prober_counters *counters = prober_counters(node->prober);
            packets += (double)counters->asked;
            exchanges += (double)counters->verdicts[EXCHANGE_OK];
            series[probers++] = node->series;
        }
    }
    bool ok = figures_compute(series, probers, world->scenario->sample_ns, figures);
    free(series);
    double hours = (double)world->scenario->duration_ns / 3600e9;
    figures->values[FIGURE_PACKETS] = packets;
    figures->values[FIGURE_PACKETS_PER_HOUR] =
        probers > 0 ? packets / hours / (double)probers : NAN;
    figures->values[FIGURE_EXCHANGES] = exchanges;
    figures->values[FIGURE_VIOLATIONS] = (double)world->checker.violations;
    snprintf(figures->violation, sizeof(figures->violation), "%s", world->checker.first);
    return ok;
}
