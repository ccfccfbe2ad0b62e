/* SPDX-License-Identifier: MIT */
#include "tests/sim/world_network.h"
#include "tests/sim/world_member.h"
#include <stdlib.h>
#include <string.h>

#define FLIGHTS_START 256
/* Before a leap second servers announce it for so long. */
#define ANNOUNCEMENT_NS (12 * 3600 * NS_PER_S)

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

static void launch(struct world *world, const struct attack_datagram *datagram, int64_t arrival_ns)
{
    struct flight *flight = take_flight(world);
    if (flight == NULL) {
        struct checker_place place = {.truth_ns = world->truth_ns, .node = "world"};
        checker_fail(&world->checker, &place, "no memory for another datagram");
        return;
    }
    flight->source = datagram->source;
    flight->destination = datagram->destination;
    flight->size = datagram->size;
    memcpy(flight->payload, datagram->payload, datagram->size);
    world_core_plan(world, arrival_ns, HAPPENING_ARRIVAL, (uint64_t)(flight - world->flights));
}

/* What leaves is what the node means, but for its faults; a server of the truth announces leap
 * seconds. False if a fault swallows it. */
static bool falsify(struct world *world, const struct world_node *node, uint8_t *payload)
{
    if (node->options->kind == SCENARIO_SERVER && world->truth_ns < world->leap_ns &&
        world->leap_ns - world->truth_ns <= ANNOUNCEMENT_NS) {
        int leap = world->scenario->leap > 0 ? LEAP_INSERT : LEAP_DELETE;
        payload[0] = (uint8_t)((payload[0] & 0x3f) | leap << 6);
    }
    for (size_t i = 0; i < world->scenario->fault_count; i++) {
        const struct fault *fault = &world->faults[i];
        if (fault->node == world_core_index(world, node) &&
            !fault_answer(fault, world->truth_ns, payload)) {
            return false;
        }
    }
    return true;
}

/* A datagram is on its way from one node to another: it leaves hold_ns from now. */
static void carry(struct world *world, const struct attack_datagram *datagram, int64_t hold_ns)
{
    struct world_node *from = world_nodes_find(&world->nodes, &datagram->source);
    struct world_node *to = world_nodes_find(&world->nodes, &datagram->destination);
    int64_t more_ns = 0;
    struct path *path = from == NULL || to == NULL
                            ? NULL
                            : world_nodes_path(&world->nodes, world_core_index(world, from),
                                               world_core_index(world, to), &more_ns);
    int64_t arrivals_ns[2];
    size_t copies = path == NULL ? 0 : path_send(path, world->truth_ns, arrivals_ns);
    for (size_t i = 0; i < copies; i++) {
        launch(world, datagram, arrivals_ns[i] + more_ns + hold_ns);
    }
}

/* Somebody on the way between two members may take it up. */
static void carry_attacked(struct world *world, struct attack_datagram *datagram, int64_t hold_ns)
{
    struct world_mesh *mesh = world->nodes.mesh;
    for (size_t i = 0; i < mesh->attack_count; i++) {
        struct attack_datagram more;
        if (attack_meet(&mesh->attacks[i], world->truth_ns, datagram, &more)) {
            carry(world, &more, hold_ns);
        }
    }
    carry(world, datagram, hold_ns);
}

static bool is_member(const struct world_node *node)
{
    return node != NULL && node->member != NULL;
}

void world_network_send(struct world *world, struct world_node *node,
                        const struct action_send *send)
{
    world->hash = run_hash_add_bytes(world->hash, bytes_make(send->payload, send->size));
    int64_t hold_ns = 0;
    struct attack_datagram datagram = {
        .source = send->source, .destination = send->destination, .size = send->size};
    memcpy(datagram.payload, send->payload, send->size);
    bool leaves = falsify(world, node, datagram.payload);
    if (leaves && is_member(node) && node->member->liar != NULL) {
        struct action_send lie = *send;
        leaves = world_member_lies(world, node, &lie, &hold_ns);
        memcpy(datagram.payload, lie.payload, lie.size);
    }
    if (leaves && is_member(node) &&
        is_member(world_nodes_find(&world->nodes, &send->destination))) {
        carry_attacked(world, &datagram, hold_ns);
    } else if (leaves) {
        carry(world, &datagram, hold_ns);
    }
    if (send->wants_stamp) {
        struct event event = {.now = world_core_read(world, node, 0), .kind = EVENT_SENT};
        event.sent = (struct sent){.stamp = STAMP_KERNEL,
                                   .association = send->association,
                                   .at = event.now,
                                   .payload = bytes_make(send->payload, send->size)};
        world_core_handle(world, node, &event);
    }
}

void world_network_arrive(struct world *world, size_t index)
{
    /* The flight is free before the event is handled: what it sends may take its place. */
    struct flight flight = world->flights[index];
    world->flights[index].next = world->flight_free;
    world->flight_free = index + 1;

    struct world_node *node = world_nodes_find(&world->nodes, &flight.destination);
    const struct world_node *sender = world_nodes_find(&world->nodes, &flight.source);
    assert(node != NULL);
    struct reading now =
        world_core_read(world, node, sender == NULL ? 0 : world_core_index(world, sender));
    struct event event = {.now = now, .kind = EVENT_DATAGRAM};
    event.datagram = (struct datagram){.source = flight.source,
                                       .destination = flight.destination,
                                       .stamp = STAMP_KERNEL,
                                       .received = now,
                                       .payload = bytes_make(flight.payload, flight.size)};
    if (node->host == NULL || world_host_takes(world, node, &event.datagram)) {
        world_core_handle(world, node, &event);
    }
}
