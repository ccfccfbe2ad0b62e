/* SPDX-License-Identifier: MIT */
#include "tests/unit/mesh_world.h"
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#define NTP_PORT 123
#define STEPS_MAX 8
#define TIMESCALE_ID 0x5CA1AB

struct reading mesh_world_reading(const struct mesh_world *world)
{
    return (struct reading){.mono = world->now, .wall = {MESH_WORLD_START_NS + world->now.ns}};
}

struct address mesh_world_address(size_t index, uint16_t port)
{
    return (struct address){
        .octets = {192, 0, 2, (uint8_t)(index + 1)}, .port = port, .family = ADDRESS_IPV4};
}

uint64_t mesh_world_id(const struct mesh_world *world, size_t index)
{
    return identity_id(world->identities[index]);
}

void mesh_world_init(struct mesh_world *world, size_t count)
{
    memset(world, 0, sizeof(*world));
    world->count = count;
    world->now.ns = NS_PER_S;
    random_init_seeded(&world->random, 4711);
    world->measured_ns = 1000;
    for (size_t i = 0; i < count; i++) {
        char error[IDENTITY_ERROR_MAX], text[ADDRESS_TEXT_MAX];
        struct address address = mesh_world_address(i, 0);
        random_init_seeded(&world->randoms[i], 100 + i);
        world->identities[i] = identity_create(&world->random, error);
        CU_ASSERT_PTR_NOT_NULL_FATAL(world->identities[i]);
        struct mesh_member_options *member = &world->members[i];
        snprintf(member->name, sizeof(member->name), "node-%zu", i);
        snprintf(member->host, sizeof(member->host), "%s", address_format(&address, text));
        member->port = NTP_PORT;
        member->key = *identity_public_key(world->identities[i]);
        world->own[i] = (struct own_claim){.timescale = TIMESCALE_UTC,
                                           .is_bounded = true,
                                           .is_synchronised = true,
                                           .hops = 1,
                                           .before_ns = 2 * NS_PER_MS,
                                           .after_ns = 3 * NS_PER_MS,
                                           .drift_ppm = 0.3,
                                           .drift_max_ppm = 15};
    }
}

struct mesh_options mesh_world_options(struct mesh_world *world, size_t index)
{
    return (struct mesh_options){.identity = world->identities[index],
                                 .incarnation = 1,
                                 .membership_epoch = 0xCAFE,
                                 .timescale_id = TIMESCALE_ID,
                                 .members = world->members,
                                 .member_count = world->count,
                                 .faults = (unsigned)(world->count - 1) / 2,
                                 .view_size = MESH_VIEW_MAX,
                                 .interval_ns = 5 * NS_PER_S,
                                 .gamma_ns = 50 * NS_PER_MS,
                                 .poll_min = 4,
                                 .poll_max = 4,
                                 .max_offset_ns = HLC_MAX_OFFSET_DEFAULT_NS,
                                 .payload_max = REPORT_PAYLOAD_MAX};
}

void mesh_world_start(struct mesh_world *world, size_t index, const struct mesh_options *options)
{
    char error[MESH_ERROR_MAX];
    mesh_destroy(world->nodes[index]);
    world->nodes[index] =
        mesh_create(options, &world->randoms[index], mesh_world_reading(world), error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(world->nodes[index]);
}

void mesh_world_start_all(struct mesh_world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        struct mesh_options options = mesh_world_options(world, i);
        mesh_world_start(world, i, &options);
    }
}

void mesh_world_clear(struct mesh_world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        mesh_destroy(world->nodes[i]);
        identity_destroy(world->identities[i]);
    }
}

void mesh_world_pass(struct mesh_world *world, int64_t duration_ns)
{
    world->now.ns += duration_ns;
}

static struct mesh_outlook outlook_of(struct mesh_world *world, size_t index)
{
    struct mesh_outlook outlook = {.count = 0};
    outlook.own = world->own[index];
    outlook.own.clock = mesh_world_reading(world).wall;
    outlook.own.clock.ns += world->wrong_ns[index];
    for (size_t i = 0; i < world->count; i++) {
        if (i != index) {
            outlook.peers[outlook.count].id = mesh_world_id(world, i);
            outlook.peers[outlook.count++].measure =
                (struct member_measure){.has_estimate = true,
                                        .offset_ns = world->measured_ns,
                                        .offset_sd_ns = 2000,
                                        .delay_ns = NS_PER_MS,
                                        .sampled = world->now};
        }
    }
    return outlook;
}

static void look(struct mesh_world *world, size_t index)
{
    struct mesh_outlook outlook = outlook_of(world, index);
    mesh_look(world->nodes[index], &outlook.own, world->now);
    if (mesh_needs_signature(world->nodes[index], world->now)) {
        mesh_sign(world->nodes[index], &outlook, mesh_world_reading(world));
    }
}

void mesh_world_run(struct mesh_world *world, size_t index)
{
    struct mesh_outlook outlook = outlook_of(world, index);
    world->out.count = 0;
    mesh_run(world->nodes[index], &outlook, mesh_world_reading(world), &world->out);
}

bool mesh_world_request(struct mesh_world *world, size_t from, size_t to, struct action_send *send)
{
    struct packet request = {.leap = LEAP_UNSYNCHRONISED,
                             .version = PACKET_VERSION_MAX,
                             .mode = MODE_CLIENT,
                             .transmit = {random_u64(&world->random)}};
    look(world, from);
    *send = (struct action_send){.size = PACKET_SIZE};
    packet_write(&request, send->payload);
    mesh_dress(world->nodes[from], mesh_world_id(world, to), mesh_world_reading(world), send);
    return send->size > 0;
}

static struct datagram arrival(const struct mesh_world *world, struct address from,
                               struct address to, const struct action_send *send)
{
    return (struct datagram){.source = from,
                             .destination = to,
                             .received = mesh_world_reading(world),
                             .payload = bytes_make(send->payload, send->size)};
}

static uint16_t port_of(size_t to)
{
    return (uint16_t)(40000 + to);
}

enum mesh_verdict mesh_world_serve(struct mesh_world *world, size_t from, size_t to,
                                   const struct action_send *send, struct mesh_opened *opened)
{
    struct datagram datagram = arrival(world, mesh_world_address(from, port_of(to)),
                                       mesh_world_address(to, NTP_PORT), send);
    world->out.count = 0;
    look(world, to);
    CU_ASSERT_TRUE(mesh_wants(world->nodes[to], &datagram));
    return mesh_serve(world->nodes[to], &datagram, mesh_world_reading(world), opened, &world->out);
}

bool mesh_world_answer(struct mesh_world *world, size_t by, const struct mesh_opened *request,
                       struct action_send *send)
{
    struct packet header;
    look(world, by);
    CU_ASSERT_EQUAL_FATAL(packet_parse(bytes_make(request->header, PACKET_SIZE), &header),
                          PACKET_OK);
    struct timestamp now = timestamp_from_unix_ns(mesh_world_reading(world).wall.ns);
    struct packet answer = {.version = PACKET_VERSION_MAX,
                            .mode = MODE_SERVER,
                            .stratum = 2,
                            .origin = header.transmit,
                            .receive = now,
                            .transmit = now};
    *send = (struct action_send){.size = PACKET_SIZE};
    packet_write(&answer, send->payload);
    mesh_answer(world->nodes[by], request, mesh_world_reading(world), send);
    return send->size > 0;
}

enum mesh_verdict mesh_world_open(struct mesh_world *world, size_t by, size_t from,
                                  const struct action_send *send, struct mesh_opened *opened)
{
    struct datagram datagram = arrival(world, mesh_world_address(from, NTP_PORT),
                                       mesh_world_address(by, port_of(from)), send);
    datagram.association = 1;
    world->out.count = 0;
    look(world, by);
    return mesh_open(world->nodes[by], mesh_world_id(world, from), &datagram,
                     mesh_world_reading(world), opened, &world->out);
}

/* The first datagram among the actions. */
static bool find_send(const struct mesh_world *world, struct action_send *send)
{
    for (size_t i = 0; i < world->out.count; i++) {
        if (world->out.items[i].kind == ACTION_SEND) {
            *send = world->out.items[i].send;
            return true;
        }
    }
    return false;
}

enum mesh_verdict mesh_world_exchange(struct mesh_world *world, size_t from, size_t to,
                                      struct mesh_opened *opened)
{
    struct action_send send;
    struct mesh_opened request;
    enum mesh_verdict verdict = MESH_LOST;
    bool is_sent = mesh_world_request(world, from, to, &send);
    for (int step = 0; step < STEPS_MAX && is_sent; step++) {
        size_t asked = send.size;
        verdict = mesh_world_serve(world, from, to, &send, &request);
        is_sent = verdict == MESH_TIME ? mesh_world_answer(world, to, &request, &send)
                                       : find_send(world, &send);
        if (!is_sent) {
            return verdict;
        }
        CU_ASSERT_TRUE(send.size <= asked);
        verdict = mesh_world_open(world, from, to, &send, opened);
        if (verdict == MESH_TIME) {
            return verdict;
        }
        is_sent = find_send(world, &send) ||
                  (opened->is_ready && mesh_world_request(world, from, to, &send));
    }
    return verdict;
}

enum member_weight mesh_world_weight(const struct mesh_world *world, size_t by, size_t of)
{
    struct member_verdict verdicts[MESH_VIEW_MAX];
    size_t count = mesh_verdicts(world->nodes[by], verdicts);
    for (size_t i = 0; i < count; i++) {
        if (verdicts[i].id == mesh_world_id(world, of)) {
            return verdicts[i].weight;
        }
    }
    return MEMBER_WATCHED;
}
