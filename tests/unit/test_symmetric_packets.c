/* SPDX-License-Identifier: MIT */
/* What peers send each other, octet by octet, and what is made of single exchanges. */
#include "client/sync/symmetric_history.h"
#include "tests/unit/peer_world.h"
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

static void test_packets(void)
{
    struct peer_world world;
    peer_world_init(&world);
    world.nodes[0].claim.refid = 0x01020304;
    world.nodes[0].claim.reference.ns = world.nodes[0].claim.utc.ns;
    peer_world_start(&world, 0);
    peer_world_run(&world, NS_PER_S);
    struct packet first = last_packet(&world, 0);
    CU_ASSERT_EQUAL(first.mode, MODE_ACTIVE);
    CU_ASSERT_EQUAL(first.version, 4);
    CU_ASSERT_EQUAL(first.stratum, 2);
    CU_ASSERT_EQUAL(first.poll, 6);
    CU_ASSERT_EQUAL(first.precision, -24);
    CU_ASSERT_EQUAL(first.refid, 0x01020304);
    CU_ASSERT_TRUE(!timestamp_is_unset(first.reference));
    CU_ASSERT_TRUE(timestamp_is_unset(first.origin));
    CU_ASSERT_TRUE(timestamp_is_unset(first.receive));
    /* It is the time, but for what no clock of that precision can tell. */
    int64_t unix_ns = timestamp_to_unix_ns(first.transmit, world.nodes[0].claim.utc.ns);
    int64_t now_ns = peer_world_now(&world, 0).wall.ns;
    CU_ASSERT(unix_ns <= now_ns + 60 && unix_ns > now_ns - NS_PER_S);

    peer_world_start(&world, 1);
    peer_world_run(&world, 70 * NS_PER_S);
    struct packet answer = last_packet(&world, 1);
    struct packet next = last_packet(&world, 0);
    CU_ASSERT_TRUE(!timestamp_is_unset(answer.origin) && !timestamp_is_unset(next.origin));
    CU_ASSERT_TRUE(next.transmit.bits != first.transmit.bits);
    /* One of the two was sent last, and returns the other's. */
    CU_ASSERT_TRUE(next.origin.bits == answer.transmit.bits ||
                   answer.origin.bits == next.transmit.bits);
    /* The low bits are not those of the nanosecond clock: two in a row differ by chance. */
    peer_world_clear(&world);
}

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t size = strlen(hex) / 2;
    for (size_t i = 0; i < size; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return size;
}

/* The first packets of chronyd 4.3 and of ntpd 4.2.8p15, and later ones, with their timestamps
 * moved to where they fit. */
static void test_real_peers(void)
{
    static const char *const firsts[] = {
        "e10000e700010000000100000000000000000000000000000000000000000000"
        "0000000000000000eeaad8203bc7dca7",
        "e10003e80000000000000000494e495400000000000000000000000000000000"
        "0000000000000000eeaad8246dd6d736"};
    static const char *const laters[] = {
        "210400e700000001000000010a7b0002eeaad85fb28e9964eeaad8601dee4b4e"
        "eeaad8601deeedb5eeaad86121684d03",
        "210403e8000000030000300f0a7b0002eeaad84c6dd953a7eeaad84c6dd89930"
        "eeaad84c6dd953a7eeaad85473ff0e47"};
    for (size_t i = 0; i < 2; i++) {
        struct peer_world world;
        peer_world_init(&world);
        uint8_t octets[PACKET_SIZE];
        struct packet packet;
        size_t size = from_hex(firsts[i], octets);
        CU_ASSERT_EQUAL_FATAL(packet_parse(bytes_make(octets, size), &packet), PACKET_OK);
        int64_t theirs = timestamp_to_unix_ns(packet.transmit, world.nodes[0].claim.utc.ns);
        world.nodes[0].claim.utc.ns = theirs;
        peer_world_start(&world, 0);
        peer_world_run(&world, NS_PER_S);
        CU_ASSERT_EQUAL(peer_world_take(&world, 0, octets, size), SOURCE_NOTHING);
        peer_world_run(&world, 3 * NS_PER_S);
        /* Unsynchronised or not, and whatever stands in the refid: it is returned. */
        CU_ASSERT_EQUAL(last_packet(&world, 0).origin.bits, packet.transmit.bits);
        struct source_status status;
        source_status(world.nodes[0].source, peer_world_now(&world, 0), 0, &status);
        CU_ASSERT_EQUAL(status.kisses, 0);
        size = from_hex(laters[i], octets);
        CU_ASSERT_EQUAL_FATAL(packet_parse(bytes_make(octets, size), &packet), PACKET_OK);
        for (unsigned turn = 0; turn < 6; turn++) {
            peer_world_run(&world, 70 * NS_PER_S);
            struct timestamp now = timestamp_from_unix_ns(peer_world_now(&world, 0).wall.ns);
            packet.origin = last_packet(&world, 0).transmit;
            packet.receive.bits = packet.origin.bits + (UINT64_C(1) << 22);
            packet.reference = packet.receive;
            packet.transmit.bits = now.bits - (UINT64_C(1) << 22);
            packet_write(&packet, octets);
            (void)peer_world_take(&world, 0, octets, size);
        }
        CU_ASSERT_EQUAL(good(&world, 0), 6);
        char reason[STATUS_TEXT_MAX];
        CU_ASSERT_EQUAL(state(&world, 0, reason), SOURCE_COMBINED);
        peer_world_clear(&world);
    }
}

/* A server that knows us not answers at once, in mode 2. */
static void test_passive(void)
{
    struct peer_world world;
    peer_world_init(&world);
    peer_world_start(&world, 0);
    for (unsigned i = 0; i < 8; i++) {
        size_t sent = world.nodes[0].sent;
        while (world.nodes[0].sent == sent) {
            peer_world_run(&world, NS_PER_MS);
        }
        struct packet reply = last_packet(&world, 0);
        reply.mode = MODE_PASSIVE;
        reply.origin = reply.transmit;
        reply.receive = timestamp_from_unix_ns(peer_world_now(&world, 0).wall.ns + NS_PER_S);
        peer_world_run(&world, 100 * NS_PER_US);
        reply.transmit = timestamp_from_unix_ns(peer_world_now(&world, 0).wall.ns + NS_PER_S);
        peer_world_run(&world, NS_PER_MS);
        uint8_t octets[PACKET_SIZE];
        packet_write(&reply, octets);
        (void)peer_world_take(&world, 0, octets, PACKET_SIZE);
        CU_ASSERT_TRUE(world.nodes[0].measured.is_good);
        CU_ASSERT_EQUAL(peer_world_take(&world, 0, octets, PACKET_SIZE), SOURCE_NOTHING);
    }
    CU_ASSERT_EQUAL(good(&world, 0), 8);
    struct estimate estimate;
    struct reading now = peer_world_now(&world, 0);
    CU_ASSERT_TRUE_FATAL(source_estimate(world.nodes[0].source, now.mono, &estimate));
    CU_ASSERT(llabs(estimate.wall.ns - now.wall.ns - NS_PER_S) < 2 * NS_PER_MS);
    /* It may refuse, too; but only with our timestamp. */
    struct packet kiss = {.leap = 3, .version = 4, .mode = MODE_PASSIVE, .refid = KISS_DENY};
    kiss.transmit.bits = 77;
    uint8_t octets[PACKET_SIZE];
    packet_write(&kiss, octets);
    (void)peer_world_take(&world, 0, octets, PACKET_SIZE);
    CU_ASSERT_TRUE(source_deadline(world.nodes[0].source).ns != INT64_MAX);
    size_t sent = world.nodes[0].sent;
    while (world.nodes[0].sent == sent) {
        peer_world_run(&world, NS_PER_MS);
    }
    kiss.origin = last_packet(&world, 0).transmit;
    kiss.receive = kiss.origin;
    kiss.transmit = kiss.origin;
    packet_write(&kiss, octets);
    CU_ASSERT_EQUAL(peer_world_take(&world, 0, octets, PACKET_SIZE), SOURCE_CHANGED);
    char reason[STATUS_TEXT_MAX];
    CU_ASSERT_EQUAL(state(&world, 0, reason), SOURCE_DENIED);
    peer_world_clear(&world);
}

/* The peer gains 100 ppm; 3 ms there, 4 ms back, half a minute between. */
static struct sample long_exchange(int64_t index, int64_t step_ns)
{
    struct sample sample = {.delay_ns = 0, .bound_ns = 50};
    sample.sent.mono.ns = index * 64 * NS_PER_S;
    sample.received.mono.ns = sample.sent.mono.ns + 32 * NS_PER_S;
    sample.at.ns = sample.sent.mono.ns + 16 * NS_PER_S;
    int64_t there = sample.sent.mono.ns + 3 * NS_PER_MS;
    int64_t back = sample.received.mono.ns - 4 * NS_PER_MS;
    sample.source_received.ns = there + there / 10000 + step_ns;
    sample.source_sent.ns = back + back / 10000 + step_ns;
    sample.wall.ns =
        sample.source_received.ns + (sample.source_sent.ns - sample.source_received.ns) / 2;
    return sample;
}

static void test_history(void)
{
    struct symmetric_history history = {.count = 0};
    CU_ASSERT_EQUAL(symmetric_history_run(&history, 1000), 0);
    for (int64_t i = 0; i < 20; i++) {
        struct sample sample = long_exchange(i, 0);
        symmetric_history_add(&history, &sample);
        size_t run = symmetric_history_run(&history, 1000);
        CU_ASSERT_EQUAL(run, i < 3 ? 0 : i < 16 ? (size_t)i + 1 : 16);
        if (run != 0) {
            double rate_ppm = symmetric_history_rate_ppm(&history, run);
            CU_ASSERT_DOUBLE_EQUAL(rate_ppm, 100, 0.001);
            symmetric_history_correct(&sample, rate_ppm, 10);
            CU_ASSERT(llabs(sample.delay_ns - 7 * NS_PER_MS) < 2 * NS_PER_US);
            CU_ASSERT_EQUAL(sample.bound_ns, 50 + (sample.delay_ns + 1) / 2 + 5);
        }
    }
    /* A step: only what came since then lies on a line. */
    for (int64_t i = 20; i < 26; i++) {
        struct sample sample = long_exchange(i, 100 * NS_PER_MS);
        symmetric_history_add(&history, &sample);
        CU_ASSERT_EQUAL(symmetric_history_run(&history, 1000), i < 23 ? 0 : (size_t)i - 19);
    }
}

static const struct unit_case cases[] = {
    {"what stands in the packets", test_packets},
    {"packets of chronyd and ntpd", test_real_peers},
    {"a server that answers passively", test_passive},
    {"the rate of long exchanges", test_history},
};

UNIT_MAIN("symmetric packets", cases)
