/* SPDX-License-Identifier: MIT */
#include "tests/unit/peer_world.h"
#include <math.h>
#include <string.h>

static struct packet last_packet(const struct peer_world *world, size_t node)
{
    struct packet packet = {.version = 0};
    struct bytes payload = bytes_make(world->nodes[node].last, world->nodes[node].last_size);
    CU_ASSERT_EQUAL_FATAL(packet_parse(payload, &packet), PACKET_OK);
    return packet;
}

static size_t good(const struct peer_world *world, size_t node)
{
    struct source_status status;
    source_status(world->nodes[node].source, peer_world_now(world, node), 0, &status);
    return status.good;
}

static enum source_state state(const struct peer_world *world, size_t node,
                               char reason[STATUS_TEXT_MAX])
{
    return source_state_own(world->nodes[node].source, peer_world_now(world, node).mono, reason);
}

static void assert_agree(const struct peer_world *world, double limit_ns)
{
    char reason[STATUS_TEXT_MAX];
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(state(world, i, reason), SOURCE_COMBINED);
        CU_ASSERT(fabs(peer_world_error_ns(world, i)) < limit_ns);
        CU_ASSERT_TRUE(peer_world_is_inside(world, i));
    }
}

static void assert_finds_each_other(const struct peer_world *first)
{
    for (size_t order = 0; order < 2; order++) {
        struct peer_world world = *first;
        /* The generators point into themselves. */
        random_init_seeded(&world.chance, 7);
        for (size_t i = 0; i < 2; i++) {
            random_init_seeded(&world.nodes[i].random, 20 + i);
            world.nodes[i].common.random = &world.nodes[i].random;
        }
        world.nodes[0].rate_ppm = 12;
        world.jitter_ns = 1e5;
        peer_world_start(&world, order);
        peer_world_run(&world, 100 * NS_PER_S);
        char reason[STATUS_TEXT_MAX];
        CU_ASSERT_EQUAL(state(&world, order, reason), SOURCE_UNREACHABLE);
        peer_world_start(&world, 1 - order);
        peer_world_run(&world, 2000 * NS_PER_S);
        assert_agree(&world, 50e3);
        /* The last packet may not be answered yet. */
        CU_ASSERT_EQUAL(source_reach(world.nodes[0].source) | 1, 0xFF);
        CU_ASSERT_EQUAL(source_reach(world.nodes[1].source) | 1, 0xFF);
        source_destroy(world.nodes[0].source);
        source_destroy(world.nodes[1].source);
    }
}

static void test_either_starts_first(void)
{
    struct peer_world world;
    peer_world_init(&world);
    assert_finds_each_other(&world);
}

static void test_with_keys(void)
{
    for (uint32_t id = 1; id <= 2; id++) {
        struct peer_world world;
        peer_world_init(&world);
        peer_world_use_key(&world, id);
        assert_finds_each_other(&world);
        keyring_clear(&world.keyring);
    }
}

static void test_unsynchronised_claims(void)
{
    struct peer_world world;
    peer_world_init(&world);
    world.nodes[1].claim.stratum = 16;
    world.nodes[1].claim.leap = LEAP_UNSYNCHRONISED;
    world.nodes[1].claim.refid = KISS_INIT;
    peer_world_start(&world, 0);
    peer_world_start(&world, 1);
    peer_world_run(&world, 300 * NS_PER_S);
    struct packet packet = last_packet(&world, 1);
    CU_ASSERT_EQUAL(packet.leap, LEAP_UNSYNCHRONISED);
    CU_ASSERT_EQUAL(packet.stratum, 0);
    CU_ASSERT_EQUAL(packet.refid, 0);
    char reason[STATUS_TEXT_MAX];
    CU_ASSERT_EQUAL(state(&world, 0, reason), SOURCE_UNSYNCHRONISED);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "leap indicator 3"));
    CU_ASSERT_EQUAL(good(&world, 0), 0);
    /* The other way it works all the same, and both ways once it knows the time. */
    CU_ASSERT_EQUAL(state(&world, 1, reason), SOURCE_COMBINED);
    world.nodes[1].claim.stratum = 3;
    world.nodes[1].claim.leap = LEAP_NONE;
    peer_world_run(&world, 600 * NS_PER_S);
    assert_agree(&world, 1e6);
    peer_world_clear(&world);
}

/* A few microseconds of noise at 64 s, though each exchange lasts half a minute. */
static void test_precise(void)
{
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct peer_world world;
        peer_world_init(&world);
        random_init_seeded(&world.chance, 100 + seed);
        world.nodes[0].rate_ppm = 30;
        world.nodes[1].rate_ppm = -20;
        world.jitter_ns = 1e5;
        peer_world_start(&world, 0);
        peer_world_run(&world, 17 * NS_PER_S);
        peer_world_start(&world, 1);
        peer_world_run(&world, 6000 * NS_PER_S);
        double square = 0;
        for (unsigned i = 0; i < 500; i++) {
            peer_world_run(&world, 50 * NS_PER_S);
            square += peer_world_error_ns(&world, 0) * peer_world_error_ns(&world, 0);
            CU_ASSERT_TRUE(peer_world_is_inside(&world, 0));
            CU_ASSERT_TRUE(peer_world_is_inside(&world, 1));
        }
        CU_ASSERT(sqrt(square / 500) < 6e3);
        /* The delay is the path's, not what 50 ppm make of half a minute. */
        struct source_status status;
        source_status(world.nodes[0].source, peer_world_now(&world, 0), 0, &status);
        CU_ASSERT(status.sample_delay_ns > 1990 * NS_PER_US);
        CU_ASSERT(status.sample_delay_ns < 3500 * NS_PER_US);
        peer_world_clear(&world);
    }
}

static void test_loss(void)
{
    struct peer_world world;
    peer_world_init(&world);
    world.loss = 0.3;
    world.jitter_ns = 1e5;
    world.nodes[1].rate_ppm = 40;
    peer_world_start(&world, 0);
    peer_world_start(&world, 1);
    peer_world_run(&world, 20000 * NS_PER_S);
    assert_agree(&world, 50e3);
    CU_ASSERT(good(&world, 0) > 20000 / 64 / 3);
    peer_world_clear(&world);
}

/* Packets with anybody's timestamps, from the peer's address, between all of its own. */
static void forge(struct peer_world *world, bool is_signed)
{
    for (size_t i = 0; i < 2; i++) {
        struct packet packet = last_packet(world, 1 - i);
        packet.origin.bits = i == 0 ? 0 : random_u64(&world->chance);
        packet.transmit.bits += (uint64_t)random_u32(&world->chance) << 8;
        packet.stratum = 1;
        uint8_t octets[PACKET_SIZE + 20];
        packet_write(&packet, octets);
        memset(octets + PACKET_SIZE, 0, 4);
        octets[PACKET_SIZE + 3] = 1;
        memset(octets + PACKET_SIZE + 4, 0xAB, 16);
        CU_ASSERT_EQUAL(peer_world_take(world, i, octets, is_signed ? sizeof(octets) : PACKET_SIZE),
                        SOURCE_NOTHING);
    }
}

static void test_forged(void)
{
    for (unsigned is_keyed = 0; is_keyed < 2; is_keyed++) {
        struct peer_world world;
        peer_world_init(&world);
        if (is_keyed) {
            peer_world_use_key(&world, 1);
        }
        peer_world_start(&world, 0);
        peer_world_start(&world, 1);
        peer_world_run(&world, 1000 * NS_PER_S);
        size_t before[2] = {good(&world, 0), good(&world, 1)};
        for (unsigned i = 0; i < 640; i++) {
            peer_world_run(&world, 10 * NS_PER_S);
            forge(&world, false);
            if (is_keyed) {
                forge(&world, true);
            }
        }
        for (size_t i = 0; i < 2; i++) {
            size_t more = good(&world, i) - before[i];
            /* 6,400 s are 98 polls. Without a key some may be lost, as the random phases of the two
             * let a forged packet be the last one before ours. */
            CU_ASSERT(is_keyed ? more >= 97 : more >= 80);
        }
        assert_agree(&world, 1e6);
        peer_world_clear(&world);
    }
}

/* Every packet twice, an hour late, and once more at the other side. */
static void test_replays(void)
{
    struct peer_world world;
    peer_world_init(&world);
    peer_world_use_key(&world, 2);
    peer_world_start(&world, 0);
    peer_world_start(&world, 1);
    peer_world_run(&world, 1000 * NS_PER_S);
    uint8_t old[ACTION_PAYLOAD_MAX];
    size_t size = world.nodes[1].last_size;
    memcpy(old, world.nodes[1].last, size);
    peer_world_run(&world, 3600 * NS_PER_S);
    size_t before = good(&world, 0);
    CU_ASSERT_EQUAL(peer_world_take(&world, 0, old, size), SOURCE_NOTHING);
    CU_ASSERT_EQUAL(peer_world_take(&world, 0, world.nodes[1].last, size), SOURCE_NOTHING);
    /* Its own packet, thrown back at it. */
    CU_ASSERT_EQUAL(peer_world_take(&world, 0, world.nodes[0].last, size), SOURCE_NOTHING);
    CU_ASSERT_EQUAL(good(&world, 0), before);
    for (unsigned i = 0; i < 100; i++) {
        peer_world_run(&world, 13 * NS_PER_S);
        (void)peer_world_take(&world, 0, old, size);
        (void)peer_world_take(&world, 1, old, size);
    }
    CU_ASSERT(good(&world, 0) >= before + 19);
    assert_agree(&world, 1e6);
    /* Where the peer's next packet is lost, its last one is returned, not the replay. */
    struct packet newest = last_packet(&world, 1);
    peer_world_stop(&world, 1);
    peer_world_run(&world, 140 * NS_PER_S);
    (void)peer_world_take(&world, 0, old, size);
    peer_world_run(&world, 70 * NS_PER_S);
    CU_ASSERT_EQUAL(last_packet(&world, 0).origin.bits, newest.transmit.bits);
    peer_world_clear(&world);
}

static void test_restart(void)
{
    for (unsigned is_behind = 0; is_behind < 2; is_behind++) {
        struct peer_world world;
        peer_world_init(&world);
        peer_world_start(&world, 0);
        peer_world_start(&world, 1);
        peer_world_run(&world, 2000 * NS_PER_S);
        peer_world_stop(&world, 1);
        peer_world_run(&world, 50 * NS_PER_S);
        if (is_behind) {
            world.nodes[1].claim.utc.ns -= 7 * 86400 * NS_PER_S;
        }
        peer_world_start(&world, 1);
        peer_world_run(&world, 1000 * NS_PER_S);
        assert_agree(&world, 1e6);
        struct source_status status;
        source_status(world.nodes[0].source, peer_world_now(&world, 0), 0, &status);
        CU_ASSERT_EQUAL(status.steps, is_behind);
        peer_world_clear(&world);
    }
}

static void test_step(void)
{
    struct peer_world world;
    peer_world_init(&world);
    world.jitter_ns = 1e5;
    world.nodes[1].rate_ppm = -15;
    peer_world_start(&world, 0);
    peer_world_start(&world, 1);
    peer_world_run(&world, 3000 * NS_PER_S);
    world.nodes[1].claim.utc.ns += 300 * NS_PER_MS;
    peer_world_run(&world, 600 * NS_PER_S);
    CU_ASSERT_EQUAL(world.nodes[0].news[SOURCE_STEPPED], 1);
    assert_agree(&world, 200e3);
    /* And soon after the start, when the rate is hardly known. */
    peer_world_start(&world, 0);
    peer_world_run(&world, 120 * NS_PER_S);
    world.nodes[1].claim.utc.ns += 300 * NS_PER_MS;
    peer_world_run(&world, 3000 * NS_PER_S);
    assert_agree(&world, 100e3);
    peer_world_clear(&world);
}

/* The rate changes by far more than was known: delays would be negative. */
static void test_rate_jump(void)
{
    struct peer_world world;
    peer_world_init(&world);
    world.jitter_ns = 1e5;
    peer_world_start(&world, 0);
    peer_world_start(&world, 1);
    peer_world_run(&world, 5000 * NS_PER_S);
    world.nodes[1].rate_ppm = 300;
    peer_world_run(&world, 2000 * NS_PER_S);
    CU_ASSERT(fabs(peer_world_error_ns(&world, 0)) < 200e3);
    CU_ASSERT(fabs(peer_world_error_ns(&world, 1)) < 200e3);
    peer_world_clear(&world);
}

static void test_polls_meet(void)
{
    struct peer_world world;
    peer_world_init(&world);
    world.nodes[0].options.poll_min = 4;
    world.nodes[0].options.poll_max = 10;
    world.nodes[1].options.poll_min = 6;
    world.nodes[1].options.poll_max = 6;
    peer_world_start(&world, 0);
    peer_world_start(&world, 1);
    peer_world_run(&world, 20000 * NS_PER_S);
    CU_ASSERT(source_poll_log2(world.nodes[0].source) <= 6);
    CU_ASSERT_EQUAL(source_poll_log2(world.nodes[1].source), 6);
    assert_agree(&world, 1e6);
    peer_world_clear(&world);

    /* A peer that polls more often than we may: an exchange for each packet of ours, no more. */
    peer_world_init(&world);
    world.nodes[1].options.poll_min = 4;
    world.nodes[1].options.poll_max = 4;
    world.nodes[1].options.is_iburst = false;
    world.nodes[0].options.is_iburst = false;
    peer_world_start(&world, 0);
    peer_world_start(&world, 1);
    peer_world_run(&world, 20000 * NS_PER_S);
    CU_ASSERT(world.nodes[1].sent > 3 * world.nodes[0].sent);
    CU_ASSERT(good(&world, 0) <= world.nodes[0].sent);
    CU_ASSERT(good(&world, 0) >= world.nodes[0].sent - 10);
    assert_agree(&world, 1e6);
    peer_world_clear(&world);

    /* A peer that is much slower than we may be is not taken for dead. */
    peer_world_init(&world);
    world.nodes[1].options.poll_min = 10;
    world.nodes[1].options.poll_max = 10;
    peer_world_start(&world, 0);
    peer_world_start(&world, 1);
    peer_world_run(&world, 20000 * NS_PER_S);
    for (unsigned i = 0; i < 100; i++) {
        peer_world_run(&world, 100 * NS_PER_S);
        CU_ASSERT(source_reach(world.nodes[0].source) != 0);
    }
    assert_agree(&world, 1e6);
    peer_world_stop(&world, 1);
    peer_world_run(&world, 3000 * NS_PER_S);
    CU_ASSERT_EQUAL(source_reach(world.nodes[0].source), 0);
    peer_world_clear(&world);
}

static void test_garbage(void)
{
    struct peer_world world;
    peer_world_init(&world);
    peer_world_start(&world, 0);
    peer_world_start(&world, 1);
    peer_world_run(&world, 1000 * NS_PER_S);
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t octets[120];
        size_t size = 1 + random_below(&world.chance, sizeof(octets) - 1);
        for (size_t k = 0; k < size; k++) {
            octets[k] = (uint8_t)random_u32(&world.chance);
        }
        octets[0] = (uint8_t)((octets[0] & 0xF8) | (1 + (octets[0] >> 3 & 1)));
        (void)peer_world_take(&world, i % 2, octets, size);
        peer_world_run(&world, NS_PER_S);
    }
    assert_agree(&world, 1e6);
    peer_world_clear(&world);
}

static const struct unit_case cases[] = {
    {"whichever starts first", test_either_starts_first},
    {"with keys", test_with_keys},
    {"a peer that does not know the time", test_unsynchronised_claims},
    {"a few microseconds at 64 s", test_precise},
    {"loss", test_loss},
    {"forged packets", test_forged},
    {"replays", test_replays},
    {"one side starts again", test_restart},
    {"one side steps", test_step},
    {"one side's rate jumps", test_rate_jump},
    {"polls meet, or need not", test_polls_meet},
    {"garbage", test_garbage},
};

UNIT_MAIN("symmetric", cases)
