/* SPDX-License-Identifier: MIT */
#include "tests/unit/server_bench.h"

#define MANY 100000

static void test_plain(void)
{
    open_bench(false);
    prepare(4, MODE_CLIENT, 48);
    const struct action_send *reply = ask();
    struct packet packet = parsed(reply);
    CU_ASSERT_EQUAL(reply->size, 48);
    CU_ASSERT_FALSE(reply->wants_stamp);
    CU_ASSERT_EQUAL(packet.stratum, 3);
    CU_ASSERT_EQUAL(packet.leap, LEAP_NONE);
    CU_ASSERT_EQUAL(packet.origin.bits, TRANSMIT);
    CU_ASSERT_TRUE(is_stamp(packet.receive, bench.event.datagram.received));
    CU_ASSERT_TRUE(is_stamp(packet.transmit, bench.event.now));
    const struct server_counters *counters = server_counters(bench.server);
    CU_ASSERT_EQUAL(counters->received, 1);
    CU_ASSERT_EQUAL(counters->answered, 1);
    CU_ASSERT_EQUAL(counters->stamps_rx[STAMP_KERNEL], 1);
    CU_ASSERT_EQUAL(counters->stamps_tx[STAMP_DAEMON], 1);
    CU_ASSERT_EQUAL(ratelimit_count(server_clients(bench.server)), 1);
    close_bench();
}

static void test_unsynchronised_until_told(void)
{
    open_bench(false);
    char error[KEYRING_ERROR_MAX];
    struct server *fresh = server_create(&bench.options, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(fresh);
    struct server *told = bench.server;
    bench.server = fresh;
    prepare(4, MODE_CLIENT, 48);
    struct packet packet = parsed(ask());
    CU_ASSERT_EQUAL(packet.leap, LEAP_UNSYNCHRONISED);
    CU_ASSERT_EQUAL(packet.stratum, 0);
    CU_ASSERT_EQUAL(packet.refid, 0);
    server_destroy(fresh);
    bench.server = told;
    close_bench();
}

static void test_line(void)
{
    open_bench(false);
    struct sync_state state = synchronised();
    state.timebase = TIMEBASE_LINE;
    state.anchor = reading_at(0).mono;
    state.utc.ns = START_NS + 80 * NS_PER_MS;
    state.rate_ppm = 100;
    server_publish(bench.server, &state);
    prepare(4, MODE_CLIENT, 48);
    struct packet packet = parsed(ask());
    struct wall received = sync_state_utc(&state, bench.event.datagram.received);
    struct wall now = sync_state_utc(&state, bench.event.now);
    CU_ASSERT_EQUAL(now.ns, START_NS + 1080 * NS_PER_MS + 100 * NS_PER_US);
    CU_ASSERT_TRUE((packet.receive.bits ^ timestamp_from_unix_ns(received.ns).bits) <= 1);
    CU_ASSERT_TRUE((packet.transmit.bits ^ timestamp_from_unix_ns(now.ns).bits) <= 1);
    close_bench();
}

static void test_modes_and_versions(void)
{
    open_bench(false);
    for (unsigned version = 0; version < 8; version++) {
        for (unsigned mode = 0; mode < 8; mode++) {
            bool is_request = mode == 3 || mode == 1 || (mode == 0 && version == 1);
            prepare(version, mode, 48);
            const struct action_send *reply = ask();
            CU_ASSERT_EQUAL(reply != NULL, is_request && version >= 1 && version <= 4);
            if (reply != NULL) {
                CU_ASSERT_EQUAL(parsed(reply).version, version);
                CU_ASSERT_EQUAL(parsed(reply).mode, mode == 1 ? MODE_PASSIVE : MODE_SERVER);
            }
        }
    }
    close_bench();
}

/* Every answer that this server gives, thrown at it: silence. */
static void test_ping_pong(void)
{
    open_bench(true);
    for (unsigned i = 0; i < 60; i++) {
        prepare(1 + i % 4, i % 2 == 0 ? MODE_CLIENT : MODE_ACTIVE, 48);
        if (i % 3 == 1) {
            sign(2, 1 + i % 4);
        } else if (i % 3 == 2) {
            bench.event.datagram.payload.size = 72; /* a crypto-NAK comes back */
        }
        const struct action_send *reply = ask();
        if (reply == NULL) {
            continue;
        }
        uint8_t copy[RESPONDER_REPLY_MAX];
        size_t size = reply->size;
        memcpy(copy, reply->payload, size);
        prepare(4, MODE_CLIENT, size);
        memcpy(bench.request, copy, size);
        CU_ASSERT_TRUE(address_parse("10.0.0.3:123", 0, &bench.event.datagram.source));
        CU_ASSERT_PTR_NULL(ask());
    }
    CU_ASSERT_TRUE(server_counters(bench.server)->kissed > 0);
    CU_ASSERT_TRUE(server_counters(bench.server)->crypto_naks > 0);
    close_bench();
}

/* ask() sees that no reply is longer than its request; here that every datagram is counted once. */
static void test_garbage(void)
{
    open_bench(false);
    struct random random;
    random_init_seeded(&random, 3);
    uint64_t replies = 0;
    unsigned rounds = 20000;
    for (unsigned i = 0; i < rounds; i++) {
        prepare(4, MODE_CLIENT, i % 1501);
        for (size_t at = 1; at < i % 1501; at++) {
            bench.request[at] = (uint8_t)random_u32(&random);
        }
        if (i % 4 == 0) {
            bench.request[0] = (uint8_t)random_u32(&random);
        } else if (i % 4 == 1) {
            bytes_put_u16(bench.request + 50, (uint16_t)(i % 1501 - 48));
        }
        bench.event.datagram.source.port = (uint16_t)random_below(&random, 3);
        replies += ask() != NULL;
    }
    const struct server_counters *counters = server_counters(bench.server);
    uint64_t verdicts = 0;
    for (int i = 0; i < RESPONDER_VERDICTS; i++) {
        verdicts += counters->verdicts[i];
    }
    CU_ASSERT_EQUAL(counters->received, rounds);
    CU_ASSERT_EQUAL(verdicts, rounds);
    CU_ASSERT_EQUAL(counters->answered, replies);
    CU_ASSERT_EQUAL(counters->verdicts[RESPONDER_ANSWER], replies);
    CU_ASSERT_TRUE(replies > 500 && replies < rounds);
    CU_ASSERT_TRUE(counters->crypto_naks > 0);
    CU_ASSERT_EQUAL(ratelimit_count(server_clients(bench.server)), 1);
    close_bench();
}

static void test_authentic(void)
{
    open_bench(false);
    static const uint32_t ids[] = {2, 4, 6};
    for (unsigned version = 1; version <= 4; version++) {
        for (size_t i = 0; i < 3; i++) {
            prepare(version, MODE_CLIENT, 48);
            sign(ids[i], version);
            const struct action_send *reply = ask();
            CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
            CU_ASSERT_EQUAL(reply->size, bench.event.datagram.payload.size);
            CU_ASSERT_TRUE(is_authentic(reply, ids[i], version));
            CU_ASSERT_EQUAL(parsed(reply).origin.bits, TRANSMIT);
        }
    }
    CU_ASSERT_EQUAL(server_counters(bench.server)->authentic, 12);
    CU_ASSERT_EQUAL(server_counters(bench.server)->crypto_naks, 0);
    close_bench();
}

static void check_crypto_nak(void)
{
    const struct action_send *reply = ask();
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
    CU_ASSERT_EQUAL(reply->size, 52);
    CU_ASSERT_EQUAL(bytes_u32(bytes_make(reply->payload, 52), 48), 0);
    CU_ASSERT_FALSE(reply->wants_stamp);
}

static void test_crypto_nak(void)
{
    open_bench(false);
    prepare(4, MODE_CLIENT, 48);
    sign(2, 4);
    bench.request[70] ^= 1;
    check_crypto_nak();
    bench.request[70] ^= 1;
    bytes_put_u32(bench.request + 48, 9999); /* no such key */
    check_crypto_nak();
    /* A key that is bound to an address. */
    prepare(4, MODE_CLIENT, 48);
    sign(7, 4);
    check_crypto_nak();
    CU_ASSERT_TRUE(address_parse("198.51.100.1:123", 0, &bench.event.datagram.source));
    CU_ASSERT_TRUE(is_authentic(ask(), 7, 4));
    /* An origin of ours makes no entry while the MAC is bad. */
    prepare(4, MODE_CLIENT, 48);
    set_timestamps(TRANSMIT | 1, 5, 7);
    sign(7, 4);
    check_crypto_nak();
    CU_ASSERT_EQUAL(server_counters(bench.server)->crypto_naks, 4);
    CU_ASSERT_EQUAL(server_counters(bench.server)->authentic, 1);
    close_bench();
}

static void test_access(void)
{
    open_bench(false);
    struct prefix prefix;
    CU_ASSERT_TRUE(prefix_parse("10.0.0.0/31", &prefix));
    CU_ASSERT_TRUE(access_add(bench.access, &prefix, false));
    prepare(4, MODE_CLIENT, 48);
    CU_ASSERT_PTR_NULL(ask());
    CU_ASSERT_EQUAL(server_counters(bench.server)->verdicts[RESPONDER_DENIED], 1);
    /* The denied are not counted as clients. */
    CU_ASSERT_EQUAL(ratelimit_count(server_clients(bench.server)), 0);
    CU_ASSERT_TRUE(address_parse("10.0.0.2:40000", 0, &bench.event.datagram.source));
    CU_ASSERT_PTR_NOT_NULL(ask());
    close_bench();
}

/* Asks 8000 times at once and counts what comes. */
static void test_rate_limit(void)
{
    open_bench(true);
    unsigned kisses = 0;
    unsigned times = 0;
    for (unsigned i = 0; i < 8004; i++) {
        prepare(4, MODE_CLIENT, 48);
        bench.elapsed_ns = NS_PER_S;
        bench.event.now = reading_at(NS_PER_S);
        if (i % 2 == 0) {
            sign(2, 4);
        }
        const struct action_send *reply = ask();
        if (reply == NULL) {
            continue;
        }
        struct packet packet = parsed(reply);
        CU_ASSERT_TRUE(i % 2 != 0 || is_authentic(reply, 2, 4));
        kisses += packet_is_kiss(&packet);
        times += packet.stratum == 3;
        CU_ASSERT_TRUE(packet.stratum == 3 || packet.refid == KISS_RATE);
        CU_ASSERT_TRUE(packet.stratum == 3 || packet.poll == 5); /* 32 s, for an interval of 20 s */
        CU_ASSERT_TRUE(packet.stratum == 3 || packet.transmit.bits == TRANSMIT);
        CU_ASSERT_EQUAL(packet.origin.bits, TRANSMIT);
    }
    /* The burst of 4; then a quarter leaks; of the rest every second is a kiss. */
    CU_ASSERT_TRUE(times > 2004 - 200 && times < 2004 + 200);
    CU_ASSERT_TRUE(kisses > 3000 - 250 && kisses < 3000 + 250);
    const struct server_counters *counters = server_counters(bench.server);
    CU_ASSERT_EQUAL(counters->answered, times);
    CU_ASSERT_EQUAL(counters->kissed, kisses);
    CU_ASSERT_EQUAL(counters->verdicts[RESPONDER_LIMITED], 8004 - times - kisses);
    CU_ASSERT_EQUAL(counters->received, 8004);
    close_bench();
}

static void test_many_addresses(void)
{
    open_bench(true);
    for (uint32_t i = 0; i < MANY; i++) {
        prepare(4, MODE_CLIENT, 48);
        bytes_put_u32(bench.event.datagram.source.octets, UINT32_C(0x0A010000) + i);
        CU_ASSERT_PTR_NOT_NULL(ask());
    }
    CU_ASSERT_EQUAL(server_counters(bench.server)->answered, MANY);
    CU_ASSERT_TRUE(ratelimit_count(server_clients(bench.server)) > MANY / 100 * 97);
    close_bench();
}

static void test_reconfigure(void)
{
    open_bench(false);
    char error[KEYRING_ERROR_MAX] = "";
    prepare(4, MODE_CLIENT, 48);
    sign(2, 4);
    CU_ASSERT_TRUE(is_authentic(ask(), 2, 4));

    /* A key that the crypto library refuses: nothing changes. */
    struct key bad = {.id = 2, .type = KEY_AES128_CMAC, .size = 5};
    struct keyring bad_ring = {.keys = &bad, .count = 1};
    struct access *closed = access_create(false);
    struct server_options options = bench.options;
    options.keyring = &bad_ring;
    options.access = closed;
    options.rate.enabled = true;
    CU_ASSERT_FALSE(server_configure(bench.server, &options, error));
    CU_ASSERT_TRUE(strlen(error) > 0);
    for (int i = 0; i < 20; i++) {
        CU_ASSERT_TRUE(is_authentic(ask(), 2, 4));
    }

    /* No keys at all: the same request is a stranger's. Clients and counts stay. */
    struct keyring none = {.keys = NULL, .count = 0};
    options.keyring = &none;
    options.access = bench.access;
    options.rate.enabled = false;
    CU_ASSERT_TRUE(server_configure(bench.server, &options, error));
    check_crypto_nak();
    CU_ASSERT_EQUAL(server_counters(bench.server)->authentic, 21);
    CU_ASSERT_EQUAL(ratelimit_count(server_clients(bench.server)), 1);
    options.access = closed;
    CU_ASSERT_TRUE(server_configure(bench.server, &options, error));
    CU_ASSERT_PTR_NULL(ask());
    access_destroy(closed);
    close_bench();
}

/* The system clock was set back by an hour after the claim was made. */
static void test_clock_set_back(void)
{
    open_bench(false);
    bench.elapsed_ns = -3600 * NS_PER_S;
    prepare(4, MODE_CLIENT, 48);
    bench.event.now.mono.ns += 3600 * NS_PER_S;
    bench.event.datagram.received.mono.ns += 3600 * NS_PER_S;
    struct packet packet = parsed(ask());
    CU_ASSERT_TRUE(is_stamp(packet.receive, bench.event.datagram.received));
    CU_ASSERT_FALSE(timestamp_is_unset(packet.reference));
    CU_ASSERT_TRUE(timestamp_difference_ns(packet.reference, packet.transmit) <= 0);
    close_bench();
}

static const struct unit_case cases[] = {
    {"a plain request", test_plain},
    {"unsynchronised until something is published", test_unsynchronised_until_told},
    {"time from a line over the oscillator", test_line},
    {"every mode and version", test_modes_and_versions},
    {"a reply is never answered", test_ping_pong},
    {"garbage of every length", test_garbage},
    {"signed requests get signed answers", test_authentic},
    {"a bad MAC gets a crypto-NAK", test_crypto_nak},
    {"denied addresses get nothing", test_access},
    {"the rate limit, with leaks and kisses", test_rate_limit},
    {"100,000 addresses", test_many_addresses},
    {"a reload swaps all or nothing", test_reconfigure},
    {"a clock that was set back", test_clock_set_back},
};
UNIT_MAIN("server", cases)
