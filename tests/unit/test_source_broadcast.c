/* SPDX-License-Identifier: MIT */
#include "tests/unit/source_world.h"
#include <math.h>
#include <string.h>

#define POLL_NS (64 * NS_PER_S)

/* A client of a server at 192.0.2.1 that also broadcasts every 64 s. */
struct air {
    struct source_world world;
    int64_t next_ns; /* when it broadcasts, on our oscillator */
    bool is_shared;  /* the socket that is open */
    size_t opened;
    size_t taken; /* broadcasts that came while it listened */
    uint8_t octets[PACKET_SIZE + MAC_SIZE_MAX_V3];
    size_t size;
};

static void note_sockets(struct air *air)
{
    for (size_t i = 0; i < air->world.actions.count; i++) {
        if (air->world.actions.items[i].kind == ACTION_OPEN) {
            air->is_shared = air->world.actions.items[i].open.is_shared;
            air->opened++;
        }
    }
}

static void air_init(struct air *air)
{
    *air = (struct air){.next_ns = 0};
    source_world_init(&air->world);
    source_world_use_key(&air->world, 2);
    air->world.random = (struct random){.left = 0};
    random_init_seeded(&air->world.random, 1);
    random_init_seeded(&air->world.chance, 2);
    air->world.options.kind = SOURCE_BROADCAST_CLIENT;
    CU_ASSERT_TRUE_FATAL(address_parse("224.0.1.1", 123, &air->world.options.group));
    air->world.jitter_ns = 50e3;
    air->world.rate_ppm = 7;
}

static void air_start(struct air *air)
{
    air->world.common.random = &air->world.random;
    source_world_start(&air->world);
    note_sockets(air);
    CU_ASSERT_FALSE(air->is_shared);
    air->next_ns = air->world.now.mono.ns + 10 * NS_PER_S;
}

/* One leaves now, and takes its way. */
static enum source_news broadcast(struct air *air, int64_t late_ns)
{
    struct source_world *world = &air->world;
    struct packet packet = world->reply;
    packet.mode = MODE_BROADCAST;
    packet.transmit = timestamp_from_unix_ns(world->now.wall.ns + llround(world->offset_ns));
    air->size = source_world_write(world, &packet, air->octets);
    double jitter_ns = -log(1.0 - random_unit(&world->chance)) * world->jitter_ns;
    source_world_pass(world, world->delay_ns + (int64_t)jitter_ns + late_ns);
    struct datagram datagram = {.source = world->remote,
                                .payload = bytes_make(air->octets, air->size)};
    if (!source_wants(world->source, &datagram)) {
        return SOURCE_NOTHING;
    }
    CU_ASSERT_TRUE(air->is_shared);
    air->taken++;
    return source_world_take(world, air->octets, air->size);
}

static void air_run(struct air *air, int64_t ns)
{
    struct source_world *world = &air->world;
    int64_t end_ns = world->now.mono.ns + ns;
    for (;;) {
        int64_t due_ns = source_deadline(world->source).ns;
        if (due_ns >= end_ns && air->next_ns >= end_ns) {
            break;
        }
        if (due_ns <= air->next_ns) {
            (void)source_world_ask(world);
            CU_ASSERT(world->actions.count <= 2);
            note_sockets(air);
            bool has_asked =
                world->actions.count == 1 && world->actions.items[0].kind == ACTION_SEND;
            if (has_asked) {
                CU_ASSERT_FALSE(air->is_shared);
            }
            if (has_asked && !world->is_silent) {
                (void)source_world_answer(world);
            }
            continue;
        }
        if (air->next_ns > world->now.mono.ns) {
            source_world_pass(world, air->next_ns - world->now.mono.ns);
        }
        air->next_ns += POLL_NS;
        (void)broadcast(air, 0);
    }
    if (end_ns > world->now.mono.ns) {
        source_world_pass(world, end_ns - world->now.mono.ns);
    }
}

static bool is_inside(const struct air *air)
{
    struct interval interval;
    return source_interval(air->world.source, air->world.now.mono, &interval) &&
           interval_contains(interval, air->world.now.wall.ns + (int64_t)air->world.offset_ns);
}

/* How far apart the interval's ends are; 0: there is none. */
static int64_t width_ns(const struct air *air)
{
    struct interval interval;
    return source_interval(air->world.source, air->world.now.mono, &interval)
               ? interval.latest_ns - interval.earliest_ns
               : 0;
}

static void test_client(void)
{
    struct air air;
    air_init(&air);
    air_start(&air);
    air_run(&air, 9 * NS_PER_S);
    CU_ASSERT_EQUAL(air.world.asked_count, 4);
    CU_ASSERT_TRUE(air.is_shared);
    air_run(&air, 15 * POLL_NS);
    /* It only listens. */
    CU_ASSERT_EQUAL(air.world.asked_count, 4);
    CU_ASSERT_EQUAL(air.taken, 15);
    CU_ASSERT_EQUAL(air.world.news[SOURCE_SAMPLED], 19);
    CU_ASSERT_EQUAL(air.world.measured.mode, MODE_BROADCAST);
    CU_ASSERT_TRUE(air.world.measured.is_authenticated);
    /* And asks again after sixteen polls, while it misses a broadcast at most. */
    air_run(&air, 1000 * POLL_NS);
    CU_ASSERT(air.world.asked_count >= 4 * 61 && air.world.asked_count <= 4 * 64);
    CU_ASSERT(air.taken > 900);
    CU_ASSERT_EQUAL(source_reach(air.world.source), 0xFF);
    CU_ASSERT(fabs(source_world_error_ns(&air.world)) < 30e3);
    CU_ASSERT_EQUAL(source_poll_log2(air.world.source), 6);
    char reason[STATUS_TEXT_MAX];
    CU_ASSERT_EQUAL(source_world_state(&air.world, reason), SOURCE_COMBINED);
    source_world_clear(&air.world);
}

/* Delayed at will, they move the estimate little and the interval not at all. */
static void test_late(void)
{
    struct air air;
    air_init(&air);
    air_start(&air);
    air_run(&air, 100 * POLL_NS);
    for (unsigned i = 0; i < 500; i++) {
        source_world_pass(&air.world, 3 * NS_PER_S);
        (void)broadcast(&air, (int64_t)random_below(&air.world.chance, 20) * NS_PER_MS);
        CU_ASSERT_TRUE(is_inside(&air));
        CU_ASSERT(fabs(source_world_error_ns(&air.world)) < 10e6);
    }
    source_world_clear(&air.world);
}

static void test_forged_and_replayed(void)
{
    struct air air;
    air_init(&air);
    air_start(&air);
    air_run(&air, 10 * POLL_NS);
    struct source_status before;
    source_status(air.world.source, air.world.now, 0, &before);
    /* The last one again, and one that is old. */
    CU_ASSERT_EQUAL(source_world_take(&air.world, air.octets, air.size), SOURCE_NOTHING);
    CU_ASSERT_STRING_EQUAL(air.world.measured.verdict, "duplicate");
    uint8_t old[sizeof(air.octets)];
    memcpy(old, air.octets, air.size);
    air_run(&air, 3 * POLL_NS);
    CU_ASSERT_EQUAL(source_world_take(&air.world, old, air.size), SOURCE_NOTHING);
    /* No MAC, another key's, a wrong one, another mode. */
    air.world.reply_key = 0;
    CU_ASSERT_EQUAL(broadcast(&air, 0), SOURCE_NOTHING);
    air.world.reply_key = 1;
    CU_ASSERT_EQUAL(broadcast(&air, 0), SOURCE_NOTHING);
    air.world.reply_key = 2;
    CU_ASSERT_EQUAL(broadcast(&air, 0), SOURCE_SAMPLED);
    air.octets[45] ^= 1;
    CU_ASSERT_EQUAL(source_world_take(&air.world, air.octets, air.size), SOURCE_NOTHING);
    struct source_status after;
    source_status(air.world.source, air.world.now, 0, &after);
    CU_ASSERT_EQUAL(after.good, before.good + 4);
    CU_ASSERT(fabs(source_world_error_ns(&air.world)) < 200e3);
    /* Another address is not even wanted. */
    struct address remote = air.world.remote;
    air.world.remote.octets[3] = 9;
    size_t taken = air.taken;
    CU_ASSERT_EQUAL(broadcast(&air, 0), SOURCE_NOTHING);
    CU_ASSERT_EQUAL(air.taken, taken);
    air.world.remote = remote;
    source_world_clear(&air.world);
}

static void test_not_calibrated(void)
{
    struct air air;
    air_init(&air);
    air.world.is_silent = true;
    air_start(&air);
    air_run(&air, 10 * POLL_NS);
    CU_ASSERT(air.taken > 5);
    struct estimate estimate;
    CU_ASSERT_FALSE(source_estimate(air.world.source, air.world.now.mono, &estimate));
    char reason[STATUS_TEXT_MAX];
    CU_ASSERT_EQUAL(source_world_state(&air.world, reason), SOURCE_UNREACHABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "mode 3"));
    air.world.is_silent = false;
    air_run(&air, 20 * POLL_NS);
    CU_ASSERT_EQUAL(source_world_state(&air.world, reason), SOURCE_COMBINED);
    /* Then everything falls silent. */
    air.world.is_silent = true;
    air.next_ns = INT64_MAX;
    air_run(&air, 50 * POLL_NS);
    CU_ASSERT_EQUAL(source_reach(air.world.source), 0);
    source_world_clear(&air.world);
}

/* A server that was set back is believed again after the next calibration. */
static void test_set_back(void)
{
    struct air air;
    air_init(&air);
    air_start(&air);
    air_run(&air, 20 * POLL_NS);
    air.world.offset_ns -= 5000e9;
    air_run(&air, 40 * POLL_NS);
    CU_ASSERT(fabs(source_world_error_ns(&air.world)) < 1e6);
    CU_ASSERT(air.world.news[SOURCE_STEPPED] >= 1);
    source_world_clear(&air.world);
}

/* While the server answers nothing, its broadcasts move: they alone vouch for no interval, and the
 * server is asked again without waiting for sixteen polls, but less and less often. */
static void test_moved_while_silent(void)
{
    struct air air;
    air_init(&air);
    air_start(&air);
    air_run(&air, 18 * POLL_NS);
    air.world.is_silent = true;
    air.world.offset_ns += 50e6;
    air_run(&air, 6 * POLL_NS);
    CU_ASSERT(air.world.news[SOURCE_STEPPED] >= 1);
    CU_ASSERT(width_ns(&air) > 1800 * NS_PER_S);
    air.world.is_silent = false;
    air_run(&air, 5 * POLL_NS);
    CU_ASSERT_TRUE(is_inside(&air));
    CU_ASSERT(width_ns(&air) < NS_PER_S);
    air.world.is_silent = true;
    air.world.offset_ns += 50e6;
    size_t asked = air.world.asked_count;
    air_run(&air, 160 * POLL_NS);
    CU_ASSERT(air.world.asked_count >= asked + 40 && air.world.asked_count <= asked + 80);
    air.world.is_silent = false;
    air_run(&air, 17 * POLL_NS);
    CU_ASSERT_TRUE(is_inside(&air));
    CU_ASSERT(width_ns(&air) < NS_PER_S);
    source_world_clear(&air.world);
}

/* However often it broadcasts, a server that answers nothing is asked less and less often, and
 * heard in between. */
static void test_quick_and_silent(void)
{
    struct air air;
    air_init(&air);
    air.world.options.poll_min = 0;
    air.world.is_silent = true;
    air_start(&air);
    air_run(&air, 20 * NS_PER_S);
    for (unsigned i = 0; i < 60; i++) {
        size_t asked = air.world.asked_count;
        air_run(&air, 10 * NS_PER_S);
        CU_ASSERT(air.world.asked_count - asked <= 8);
    }
    size_t taken = air.taken;
    for (unsigned i = 0; i < 20; i++) {
        air_run(&air, NS_PER_S);
        (void)broadcast(&air, 0);
    }
    CU_ASSERT(air.taken - taken >= 5);
    source_world_clear(&air.world);
}

/* It was started anew, elsewhere in time: the bursts that ask about it went unanswered. */
static void test_restarted(void)
{
    struct air air;
    air_init(&air);
    air_start(&air);
    air_run(&air, 20 * POLL_NS);
    air.world.offset_ns += 50e6;
    air.world.is_silent = true;
    for (unsigned i = 0; i < 20 && width_ns(&air) < 1800 * NS_PER_S; i++) {
        air_run(&air, 3 * NS_PER_S);
        (void)broadcast(&air, 0);
    }
    CU_ASSERT_EQUAL(air.world.news[SOURCE_STEPPED], 1);
    /* Asked about that at once, it answers. */
    air.world.is_silent = false;
    air_run(&air, 5 * NS_PER_S);
    CU_ASSERT(fabs(source_world_error_ns(&air.world)) < 1e6);
    CU_ASSERT_TRUE(is_inside(&air));
    CU_ASSERT(width_ns(&air) < NS_PER_S);
    source_world_clear(&air.world);
}

static void test_server(void)
{
    struct source_world world;
    source_world_init(&world);
    source_world_use_key(&world, 1);
    world.options.kind = SOURCE_BROADCAST_SERVER;
    CU_ASSERT_TRUE_FATAL(address_parse("192.0.2.255", 123, &world.remote));
    source_world_start(&world);
    CU_ASSERT_TRUE(world.actions.items[0].open.is_shared);
    CU_ASSERT_TRUE(world.actions.items[0].open.is_broadcast);
    /* Who does not know the time is silent. */
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(source_world_ask(&world));
        CU_ASSERT_EQUAL(world.actions.count, 0);
    }
    world.claim.leap = LEAP_NONE;
    world.claim.stratum = 3;
    world.claim.refid = 0x0A000001;
    int64_t before_ns = world.now.mono.ns;
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(source_world_ask(&world));
        CU_ASSERT(world.now.mono.ns >= before_ns + POLL_NS);
        before_ns = world.now.mono.ns;
        CU_ASSERT_EQUAL_FATAL(world.actions.count, 1);
        const struct action_send *send = &world.actions.items[0].send;
        CU_ASSERT_TRUE(address_is_same(&send->destination, &world.remote));
        struct packet packet;
        CU_ASSERT_EQUAL_FATAL(packet_parse(bytes_make(send->payload, send->size), &packet),
                              PACKET_OK);
        CU_ASSERT_EQUAL(packet.mode, MODE_BROADCAST);
        CU_ASSERT_EQUAL(packet.stratum, 3);
        CU_ASSERT_EQUAL(packet.poll, 6);
        CU_ASSERT_TRUE(timestamp_is_unset(packet.origin));
        CU_ASSERT_TRUE(timestamp_is_unset(packet.receive));
        int64_t sent_ns = timestamp_to_unix_ns(packet.transmit, world.now.wall.ns);
        CU_ASSERT(llabs(sent_ns - world.now.wall.ns) < 2);
        struct extensions extensions;
        CU_ASSERT_EQUAL_FATAL(
            extension_parse(bytes_make(send->payload, send->size), 4, &extensions), PACKET_OK);
        CU_ASSERT_EQUAL(extensions.key_id, 1);
        CU_ASSERT_TRUE(mac_verify(world.macs, 1, 4, bytes_make(send->payload, PACKET_SIZE),
                                  extensions.digest));
    }
    /* It learns nothing, whoever answers. */
    uint8_t octets[PACKET_SIZE] = {0x24};
    CU_ASSERT_EQUAL(source_world_take(&world, octets, sizeof(octets)), SOURCE_NOTHING);
    char reason[STATUS_TEXT_MAX];
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_NOSELECT);
    struct source_status status;
    source_status(world.source, world.now, 0, &status);
    CU_ASSERT_EQUAL(status.sent, 3);
    CU_ASSERT_FALSE(status.has_estimate || status.has_interval);
    source_world_clear(&world);
}

static const struct unit_case cases[] = {
    {"a client calibrates, then listens", test_client},
    {"broadcasts that come late", test_late},
    {"forged and replayed ones", test_forged_and_replayed},
    {"no answer to ordinary requests", test_not_calibrated},
    {"a server that was set back", test_set_back},
    {"broadcasts that move while nothing is answered", test_moved_while_silent},
    {"quick broadcasts of a silent server", test_quick_and_silent},
    {"a server that was started anew", test_restarted},
    {"a server sends", test_server},
};

UNIT_MAIN("source, broadcast", cases)
