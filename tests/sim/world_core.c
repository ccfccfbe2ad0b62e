/* SPDX-License-Identifier: MIT */
#include "tests/sim/world_core.h"

/* How long readings of before and after a leap second are both taken for right. */
#define LEAP_ROOM_NS (2 * NS_PER_S)

struct checker_place world_core_place(const struct world *world, const struct world_node *node)
{
    return (struct checker_place){
        .truth_ns = world->truth_ns, .node = node->options->name, .number = node->number};
}

size_t world_core_index(const struct world *world, const struct world_node *node)
{
    return (size_t)(node - world->nodes.items);
}

uint64_t world_core_which(const struct world *world, const struct world_node *node, size_t number)
{
    return (uint64_t)world_core_index(world, node) << 32 | number;
}

void world_core_plan(struct world *world, int64_t at_ns, enum happening kind, uint64_t which)
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

int64_t world_core_utc_ns(const struct world *world)
{
    int64_t utc_ns = world->scenario->start_ns + world->truth_ns;
    if (world->truth_ns >= world->leap_ns) {
        utc_ns -= world->scenario->leap * NS_PER_S;
    }
    if (world->reference > 0) {
        utc_ns += world_core_lie_ns(world, &world->nodes.items[world->reference - 1], 0);
    }
    return utc_ns;
}

bool world_core_is_leaping(const struct world *world)
{
    return world->leap_ns != INT64_MAX && world->truth_ns >= world->leap_ns - LEAP_ROOM_NS &&
           world->truth_ns <= world->leap_ns + LEAP_ROOM_NS;
}

int64_t world_core_lie_ns(const struct world *world, const struct world_node *node, size_t client)
{
    int64_t offset_ns = 0;
    for (size_t i = 0; i < world->scenario->fault_count; i++) {
        if (world->faults[i].node == world_core_index(world, node)) {
            offset_ns += fault_offset_ns(&world->faults[i], world->truth_ns, client);
        }
    }
    return offset_ns;
}

bool world_core_is_honest(const struct world *world, const struct world_node *node)
{
    if (node->member != NULL) {
        return node->member->liar == NULL || !liar_is_active(node->member->liar, world->truth_ns);
    }
    for (size_t i = 0; i < world->scenario->fault_count; i++) {
        if (world->faults[i].node == world_core_index(world, node) &&
            world->faults[i].from_ns <= world->truth_ns) {
            return false;
        }
    }
    return true;
}

struct reading world_core_read(struct world *world, struct world_node *node, size_t client)
{
    struct mono now = oscillator_read(&node->oscillator, world->truth_ns);
    struct reading reading = system_clock_read(&node->clock, now);
    reading.wall.ns += world_core_lie_ns(world, node, client);
    return reading;
}

bool world_core_is_asleep(const struct world_node *node)
{
    return oscillator_rate_ppm(&node->oscillator) < -0.5e6;
}
