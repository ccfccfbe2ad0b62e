/* SPDX-License-Identifier: MIT */
#include "tests/unit/sync_mesh_world.h"
#include "ntpwire/packet.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PPM 1e-6
#define SERVER_LOSSLESS_NS 10000

static void address_of(size_t i, struct address *address)
{
    char text[ADDRESS_TEXT_MAX];
    if (i >= SYNC_MESH_WORLD_NODES) {
        snprintf(text, sizeof(text), "192.0.2.%zu", i - SYNC_MESH_WORLD_NODES + 1);
    } else {
        snprintf(text, sizeof(text), "10.0.%zu.%zu", i / 200, i % 200 + 1);
    }
    CU_ASSERT_TRUE_FATAL(address_parse(text, 123, address));
}

static size_t node_of(const struct address *address)
{
    const uint8_t *octets = address->octets;
    return octets[0] == 192 ? (size_t)SYNC_MESH_WORLD_NODES + octets[3] - 1U
                            : (size_t)octets[2] * 200 + octets[3] - 1U;
}

void sync_mesh_world_init(struct sync_mesh_world *world, size_t count, uint64_t seed)
{
    memset(world, 0, sizeof(*world));
    random_init_seeded(&world->random, seed);
    world->count = count;
    world->nodes = calloc(count, sizeof(*world->nodes));
    world->flight_room = 64 * count + 64;
    world->flights = calloc(world->flight_room, sizeof(*world->flights));
    world->actions = calloc(1, sizeof(*world->actions));
    CU_ASSERT_TRUE_FATAL(world->nodes != NULL && world->flights != NULL && world->actions != NULL);
    world->poll = 4;
    world->delay_ns = 200e3;
    world->jitter_ns = 50e3;
    for (size_t i = 0; i < count; i++) {
        world->nodes[i].due_ns = INT64_MAX;
        world->nodes[i].links = calloc(256, sizeof(*world->nodes[i].links));
        random_init_seeded(&world->nodes[i].random, seed * 1000 + i);
    }
}

void sync_mesh_world_end(struct sync_mesh_world *world)
{
    CU_ASSERT_EQUAL(world->outside, 0);
    for (size_t i = 0; i < world->count; i++) {
        sync_destroy(world->nodes[i].sync);
        free(world->nodes[i].links);
    }
    free(world->nodes);
    free(world->flights);
    free(world->actions);
}

struct sync_options sync_mesh_world_options(size_t members, int faults)
{
    struct sync_options options = sync_options_default();
    options.is_shadow = true;
    options.precision = -22;
    options.faults = faults;
    options.mesh =
        (struct sync_mesh_options){.is_on = true, .members = (unsigned)members, .timescale_id = 77};
    return options;
}

static struct mono mono_at(const struct sync_mesh_world_node *node, int64_t truth_ns)
{
    return (struct mono){5 * NS_PER_S + truth_ns +
                         llround((double)truth_ns * node->rate_ppm * PPM)};
}

static int64_t truth_at(const struct sync_mesh_world_node *node, struct mono mono)
{
    if (mono.ns == INT64_MAX) {
        return INT64_MAX;
    }
    int64_t truth_ns = (int64_t)((double)(mono.ns - 5 * NS_PER_S) / (1 + node->rate_ppm * PPM));
    while (mono_at(node, truth_ns).ns < mono.ns) {
        truth_ns++;
    }
    return truth_ns;
}

struct reading sync_mesh_world_now(const struct sync_mesh_world *world, size_t i)
{
    const struct sync_mesh_world_node *node = &world->nodes[i];
    struct mono mono = mono_at(node, world->truth_ns);
    return (struct reading){mono,
                            {SYNC_MESH_WORLD_START + node->offset_ns + mono.ns - 5 * NS_PER_S}};
}

static bool is_earlier(const struct sync_mesh_world_flight *a,
                       const struct sync_mesh_world_flight *b)
{
    return a->at_ns < b->at_ns;
}

static void push(struct sync_mesh_world *world, const struct sync_mesh_world_flight *flight)
{
    CU_ASSERT_TRUE_FATAL(world->flight_count < world->flight_room);
    size_t i = world->flight_count++;
    for (; i > 0 && is_earlier(flight, &world->flights[(i - 1) / 2]); i = (i - 1) / 2) {
        world->flights[i] = world->flights[(i - 1) / 2];
    }
    world->flights[i] = *flight;
}

static struct sync_mesh_world_flight pop(struct sync_mesh_world *world)
{
    struct sync_mesh_world_flight first = world->flights[0];
    struct sync_mesh_world_flight last = world->flights[--world->flight_count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= world->flight_count) {
            break;
        }
        if (child + 1 < world->flight_count &&
            is_earlier(&world->flights[child + 1], &world->flights[child])) {
            child++;
        }
        if (!is_earlier(&world->flights[child], &last)) {
            break;
        }
        world->flights[i] = world->flights[child];
        i = child;
    }
    world->flights[i] = last;
    return first;
}

static int64_t delay(struct sync_mesh_world *world)
{
    return (int64_t)(world->delay_ns - log(1 - random_unit(&world->random)) * world->jitter_ns);
}

static bool is_reached(const struct sync_mesh_world *world, size_t from, size_t to)
{
    if (to >= SYNC_MESH_WORLD_NODES) {
        return world->has_utc_servers;
    }
    return to < world->count && !world->nodes[from].is_off && !world->nodes[to].is_off &&
           world->nodes[from].group == world->nodes[to].group && world->nodes[to].sync != NULL;
}

static void note(struct sync_mesh_world *world, const char *text)
{
    size_t size = strlen(world->reports);
    snprintf(world->reports + size, sizeof(world->reports) - size, "%lld s: %s\n",
             (long long)(world->truth_ns / NS_PER_S), text);
}

static void perform(struct sync_mesh_world *world, size_t i, const struct action *action)
{
    struct sync_mesh_world_node *node = &world->nodes[i];
    if (action->kind == ACTION_OPEN) {
        node->links[node->associations % 256] =
            (struct sync_mesh_world_link){action->open.association, node_of(&action->open.remote)};
        node->associations++;
    } else if (action->kind == ACTION_REPORT && i == 0) {
        note(world, action->report.text);
    } else if (action->kind == ACTION_SEND) {
        size_t to = node_of(&action->send.destination);
        node->requests++;
        if (is_reached(world, i, to)) {
            struct sync_mesh_world_flight flight = {.at_ns = world->truth_ns + delay(world),
                                                    .from = i,
                                                    .to = to,
                                                    .association = action->send.association};
            memcpy(flight.payload, action->send.payload, sizeof(flight.payload));
            push(world, &flight);
        }
    }
}

static void perform_all(struct sync_mesh_world *world, size_t i)
{
    for (size_t j = 0; j < world->actions->count; j++) {
        perform(world, i, &world->actions->items[j]);
    }
    world->actions->count = 0;
    world->nodes[i].due_ns = truth_at(&world->nodes[i], sync_deadline(world->nodes[i].sync));
}

void sync_mesh_world_start(struct sync_mesh_world *world, size_t i,
                           const struct sync_options *options)
{
    char error[SYNC_ERROR_MAX];
    struct sync_mesh_world_node *node = &world->nodes[i];
    node->begun_ns = world->truth_ns;
    node->sync = sync_create(options, &node->random, sync_mesh_world_now(world, i), error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(node->sync);
    node->due_ns = world->truth_ns;
}

void sync_mesh_world_meet(struct sync_mesh_world *world, size_t i, size_t j)
{
    char error[SYNC_ERROR_MAX];
    struct source_options options = source_options_default();
    struct address address;
    address_of(j, &address);
    snprintf(options.name, sizeof(options.name), "n%zu", j);
    char text[ADDRESS_TEXT_MAX];
    snprintf(options.host, sizeof(options.host), "%s", address_format(&address, text));
    options.kind = SOURCE_MEMBER;
    options.member = j + 1;
    options.poll_min = world->poll;
    options.poll_max = world->poll;
    CU_ASSERT_TRUE(
        sync_member_add(world->nodes[i].sync, &options, sync_mesh_world_now(world, i).mono, error));
    world->nodes[i].due_ns = world->truth_ns;
}

void sync_mesh_world_meet_all(struct sync_mesh_world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        for (size_t j = 0; j < world->count; j++) {
            if (i != j) {
                sync_mesh_world_meet(world, i, j);
            }
        }
    }
}

static struct member_claim claim_of(const struct own_claim *own)
{
    struct member_claim claim = {.timescale = own->timescale,
                                 .timescale_id = own->timescale == TIMESCALE_MESH ? 77 : 0,
                                 .incarnation = 1,
                                 .disruptions = (uint16_t)own->epoch,
                                 .hops = own->hops,
                                 .is_bounded = own->is_bounded};
    if (claim.is_bounded) {
        claim.before_ns = own->before_ns;
        claim.after_ns = own->after_ns;
    }
    return claim;
}

static void answer(struct sync_mesh_world *world, struct sync_mesh_world_flight *flight)
{
    struct packet request;
    struct packet reply = {.version = 4,
                           .mode = MODE_SERVER,
                           .stratum = 16,
                           .precision = -22,
                           .leap = LEAP_UNSYNCHRONISED};
    int64_t clock_ns = SYNC_MESH_WORLD_START + world->truth_ns;
    CU_ASSERT_EQUAL_FATAL(packet_parse(bytes_make(flight->payload, 48), &request), PACKET_OK);
    if (flight->to < SYNC_MESH_WORLD_NODES) {
        const struct sync_mesh_world_node *node = &world->nodes[flight->to];
        struct own_claim own;
        sync_own_claim(node->sync, sync_mesh_world_now(world, flight->to), &own);
        flight->claim = claim_of(&own);
        clock_ns = own.clock.ns +
                   (node->is_two_faced && flight->from % 2 == 0 ? -node->lie_ns : node->lie_ns);
    } else {
        reply.leap = LEAP_NONE;
        reply.stratum = 1;
    }
    reply.origin = request.transmit;
    reply.receive = timestamp_from_unix_ns(clock_ns);
    reply.transmit = timestamp_from_unix_ns(clock_ns);
    packet_write(&reply, flight->payload);
    flight->is_answer = true;
    flight->at_ns = world->truth_ns + delay(world);
    push(world, flight);
}

static void arrive(struct sync_mesh_world *world, struct sync_mesh_world_flight *flight)
{
    if (!flight->is_answer) {
        if (is_reached(world, flight->from, flight->to)) {
            answer(world, flight);
        }
        return;
    }
    struct sync_mesh_world_node *node = &world->nodes[flight->from];
    struct event event = {.now = sync_mesh_world_now(world, flight->from), .kind = EVENT_DATAGRAM};
    event.datagram = (struct datagram){.association = flight->association,
                                       .received = event.now,
                                       .payload = bytes_make(flight->payload, 48)};
    address_of(flight->to, &event.datagram.source);
    if (flight->to >= SYNC_MESH_WORLD_NODES) {
        sync_handle(node->sync, &event, world->actions);
    } else {
        sync_member_receive(node->sync, flight->to + 1, &event, &flight->claim, world->actions);
    }
    perform_all(world, flight->from);
}

/* Each honest clock lies in the interval of the mesh's time of each honest node that has one. */
static void check(struct sync_mesh_world *world)
{
    int64_t earliest_ns = INT64_MAX, latest_ns = INT64_MIN;
    for (size_t i = 0; i < world->count; i++) {
        const struct sync_mesh_world_node *node = &world->nodes[i];
        struct own_claim own;
        if (node->sync == NULL || node->lie_ns != 0 || node->is_off) {
            continue;
        }
        sync_own_claim(node->sync, sync_mesh_world_now(world, i), &own);
        if (own.timescale == TIMESCALE_MESH && own.is_bounded) {
            earliest_ns = own.clock.ns < earliest_ns ? own.clock.ns : earliest_ns;
            latest_ns = own.clock.ns > latest_ns ? own.clock.ns : latest_ns;
        }
    }
    for (size_t i = 0; i < world->count; i++) {
        struct interval interval;
        const struct sync_mesh_world_node *node = &world->nodes[i];
        if (node->sync == NULL || node->lie_ns != 0 || node->is_off ||
            !sync_mesh_interval(node->sync, sync_mesh_world_now(world, i).mono, &interval)) {
            continue;
        }
        world->checks++;
        if (interval.earliest_ns > earliest_ns || interval.latest_ns < latest_ns) {
            world->outside++;
        }
    }
}

void sync_mesh_world_run(struct sync_mesh_world *world, int64_t by_ns)
{
    int64_t end_ns = world->truth_ns + by_ns;
    int64_t check_ns = world->truth_ns + NS_PER_S;
    for (;;) {
        size_t next = 0;
        for (size_t i = 1; i < world->count; i++) {
            next = world->nodes[i].due_ns < world->nodes[next].due_ns ? i : next;
        }
        int64_t due_ns = world->nodes[next].due_ns;
        bool is_flight = world->flight_count > 0 && world->flights[0].at_ns <= due_ns;
        int64_t at_ns = is_flight ? world->flights[0].at_ns : due_ns;
        if (at_ns > end_ns) {
            world->truth_ns = end_ns;
            return;
        }
        world->truth_ns = at_ns > world->truth_ns ? at_ns : world->truth_ns;
        if (is_flight) {
            struct sync_mesh_world_flight flight = pop(world);
            arrive(world, &flight);
        } else {
            struct event event = {.now = sync_mesh_world_now(world, next), .kind = EVENT_TIMER};
            sync_handle(world->nodes[next].sync, &event, world->actions);
            perform_all(world, next);
        }
        if (world->count <= 16 && world->truth_ns >= check_ns) {
            check(world);
            check_ns = world->truth_ns + NS_PER_S;
        }
    }
}

void sync_mesh_world_tell(struct sync_mesh_world *world, size_t i, double offset_ns, double sd_ns)
{
    struct reading now = sync_mesh_world_now(world, i);
    sync_follow_difference(world->nodes[i].sync, now.mono, offset_ns, sd_ns, now, world->actions);
    perform_all(world, i);
}

int64_t sync_mesh_world_error(const struct sync_mesh_world *world, size_t i)
{
    struct own_claim own;
    sync_own_claim(world->nodes[i].sync, sync_mesh_world_now(world, i), &own);
    return own.clock.ns - SYNC_MESH_WORLD_START - world->truth_ns;
}

int64_t sync_mesh_world_spread(const struct sync_mesh_world *world, int group)
{
    int64_t least_ns = INT64_MAX, most_ns = INT64_MIN;
    for (size_t i = 0; i < world->count; i++) {
        const struct sync_mesh_world_node *node = &world->nodes[i];
        if (node->sync == NULL || node->is_off || node->lie_ns != 0 ||
            (group >= 0 && node->group != group)) {
            continue;
        }
        int64_t error_ns = sync_mesh_world_error(world, i);
        least_ns = error_ns < least_ns ? error_ns : least_ns;
        most_ns = error_ns > most_ns ? error_ns : most_ns;
    }
    return most_ns - least_ns;
}

enum sync_condition sync_mesh_world_condition(const struct sync_mesh_world *world, size_t i)
{
    struct status status;
    sync_status(world->nodes[i].sync, sync_mesh_world_now(world, i), &status);
    return status.condition;
}
