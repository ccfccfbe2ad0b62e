/* SPDX-License-Identifier: MIT */
#include "tests/sim/world_prober.h"
#include "tests/sim/world_network.h"
#include <stdlib.h>

/* A request may not come too soon. */
static void check_request(struct world *world, struct world_node *node,
                          const struct address *destination)
{
    for (size_t i = 0; i < node->way_count; i++) {
        struct world_way *way = &node->ways[i];
        if (&world->nodes.items[way->to] != world_nodes_find(&world->nodes, destination)) {
            continue;
        }
        struct mono now = oscillator_read(&node->oscillator, world->truth_ns);
        bool is_burst = way->asked < (uint64_t)node->options->burst;
        int64_t least_ns = is_burst && PROBER_BURST_INTERVAL_NS < node->poll_ns
                               ? PROBER_BURST_INTERVAL_NS
                               : node->poll_ns;
        struct checker_place place = world_core_place(world, node);
        if (way->asked > 0) {
            checker_poll(&world->checker, &place, now.ns - way->asked_at.ns, least_ns);
        }
        way->asked++;
        way->asked_at = now;
        way->suspended_ns = oscillator_suspended_ns(&node->oscillator, world->truth_ns);
        return;
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
    if (!world_core_is_honest(world, other) || slept_ns != way->suspended_ns) {
        return;
    }
    struct checker_place place = world_core_place(world, node);
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
            struct checker_place place = world_core_place(world, node);
            checker_step(&world->checker, &place, command->step_ns,
                         samples <= discipline_defaults.step_updates + node->way_count);
            system_clock_step(&node->clock, now, command->step_ns);
        }
        system_clock_set_rate(&node->clock, now, command->frequency_ppm);
    }
}

void world_prober_handle(struct world *world, struct world_node *node, const struct event *event)
{
    struct actions actions;
    actions.count = 0;
    prober_handle(node->prober, event, &actions);
    check_sample(world, node);
    for (size_t i = 0; i < actions.count; i++) {
        if (actions.items[i].kind == ACTION_SEND) {
            check_request(world, node, &actions.items[i].send.destination);
            world_network_send(world, node, &actions.items[i].send);
        }
    }
    steer(world, node, event->now.mono);
}

bool world_prober_read(const struct world_node *node, struct mono now, struct estimate *shown,
                       int64_t *left_ns)
{
    *left_ns = 0;
    if (!prober_estimate(node->prober, now, shown)) {
        return false;
    }
    if (node->options->is_steering) {
        struct reading reading = system_clock_read(&node->clock, now);
        *left_ns = llabs(shown->wall.ns - reading.wall.ns) + 1;
        shown->wall = reading.wall;
        shown->fraction_ns = 0;
        shown->rate_ppm = node->clock.rate_ppm;
    }
    return true;
}
