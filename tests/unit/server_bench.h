/* SPDX-License-Identifier: MIT */
/* server_bench.h - a server engine on a bench: requests go in, replies come out, time is a number.
 */
#ifndef TESTS_UNIT_SERVER_BENCH_H
#define TESTS_UNIT_SERVER_BENCH_H
#include "server/server.h"
#include "tests/unit/unit.h"
#include <string.h>

#define START_NS (INT64_C(1795190400) * NS_PER_S)
#define TRANSMIT UINT64_C(0xBC76FAF3F01E9FD6)

static const char keys_text[] = "2 SHA1 HEX:a5000102030405060708090a0b0c0d0e0f101112\n"
                                "4 AES128 HEX:c5000102030405060708090a0b0c0d0e\n"
                                "6 SHA512 ASCII:whole_in_version_3\n"
                                "7 SHA1 ASCII:elsewhere 198.51.100.1\n";

/* A server, the keys of its clients, and the one request that is being made. */
struct bench {
    struct server *server;
    struct access *access;
    struct keyring keyring;
    struct macs *macs;
    struct server_options options;
    int64_t elapsed_ns;
    struct event event;
    uint8_t request[1500];
    struct actions out;
};

static struct bench bench;

static inline struct reading reading_at(int64_t elapsed_ns)
{
    return (struct reading){{7 * NS_PER_S + elapsed_ns}, {START_NS + elapsed_ns}};
}

static inline struct sync_state synchronised(void)
{
    struct sync_state state = sync_state_unsynchronised(-24);
    state.leap = LEAP_NONE;
    state.stratum = 3;
    state.refid = 0x0A7B0002;
    state.reference.ns = START_NS;
    return state;
}

static inline void open_bench(bool rate_limit)
{
    char error[KEYRING_ERROR_MAX];
    memset(&bench, 0, sizeof(bench));
    bench.access = access_create(true);
    CU_ASSERT_TRUE_FATAL(keyring_parse(keys_text, &bench.keyring, error));
    bench.macs = macs_create(&bench.keyring, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bench.macs);
    bench.options = (struct server_options){.access = bench.access,
                                            .keyring = &bench.keyring,
                                            .rate = {.enabled = rate_limit,
                                                     .interval_ns = 20 * NS_PER_S,
                                                     .burst = 4,
                                                     .leak = 4,
                                                     .kod = 2},
                                            .clients_max = 131072,
                                            .seed = 11};
    bench.server = server_create(&bench.options, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bench.server);
    struct sync_state state = synchronised();
    server_publish(bench.server, &state);
}

static inline void close_bench(void)
{
    server_destroy(bench.server);
    macs_destroy(bench.macs);
    keyring_clear(&bench.keyring);
    access_destroy(bench.access);
}

/* Begins a request of zeros but for version, mode and transmit timestamp, 50 us before now. */
static inline void prepare(unsigned version, unsigned mode, size_t size)
{
    struct datagram *datagram = &bench.event.datagram;
    memset(bench.request, 0, sizeof(bench.request));
    bench.request[0] = (uint8_t)(version << 3 | mode);
    bytes_put_u64(bench.request + PACKET_TRANSMIT_OFFSET, TRANSMIT);
    bench.elapsed_ns += NS_PER_S;
    bench.event.kind = EVENT_DATAGRAM;
    bench.event.now = reading_at(bench.elapsed_ns);
    *datagram = (struct datagram){.interface = 3, .stamp = STAMP_KERNEL};
    datagram->received = reading_at(bench.elapsed_ns - 50 * NS_PER_US);
    CU_ASSERT_TRUE(address_parse("10.0.0.1:40000", 0, &datagram->source));
    CU_ASSERT_TRUE(address_parse("10.0.0.2:123", 0, &datagram->destination));
    datagram->payload = bytes_make(bench.request, size);
}

static inline void set_timestamps(uint64_t origin, uint64_t receive, uint64_t transmit)
{
    bytes_put_u64(bench.request + PACKET_ORIGIN_OFFSET, origin);
    bytes_put_u64(bench.request + PACKET_RECEIVE_OFFSET, receive);
    bytes_put_u64(bench.request + PACKET_TRANSMIT_OFFSET, transmit);
}

static inline void sign(uint32_t key_id, unsigned version)
{
    size_t digest = mac_size(bench.macs, key_id, version);
    bytes_put_u32(bench.request + 48, key_id);
    CU_ASSERT_TRUE(
        mac_make(bench.macs, key_id, bytes_make(bench.request, 48), bench.request + 52, digest));
    bench.event.datagram.payload.size = 52 + digest;
}

/* Sends it. The reply, or NULL. */
static inline const struct action_send *ask(void)
{
    bench.out.count = 0;
    server_handle(bench.server, &bench.event, &bench.out);
    if (bench.out.count == 0) {
        return NULL;
    }
    const struct action_send *reply = &bench.out.items[0].send;
    CU_ASSERT_EQUAL(bench.out.count, 1);
    CU_ASSERT_EQUAL(bench.out.items[0].kind, ACTION_SEND);
    CU_ASSERT_TRUE(reply->size <= bench.event.datagram.payload.size);
    CU_ASSERT_TRUE(address_is_same(&reply->destination, &bench.event.datagram.source));
    CU_ASSERT_TRUE(address_is_same(&reply->source, &bench.event.datagram.destination));
    CU_ASSERT_EQUAL(reply->interface, bench.event.datagram.interface);
    return reply;
}

static inline struct packet parsed(const struct action_send *reply)
{
    struct packet packet = {.mode = 0};
    CU_ASSERT_PTR_NOT_NULL_FATAL(reply);
    CU_ASSERT_EQUAL(packet_parse(bytes_make(reply->payload, reply->size), &packet), PACKET_OK);
    return packet;
}

static inline uint64_t stamp_of(struct reading reading)
{
    return timestamp_from_unix_ns(reading.wall.ns).bits;
}

/* Equal but for the lowest bit, which tells receive from transmit. */
static inline bool is_stamp(struct timestamp timestamp, struct reading reading)
{
    return (timestamp.bits ^ stamp_of(reading)) <= 1;
}

static inline bool is_authentic(const struct action_send *reply, uint32_t key_id, unsigned version)
{
    struct bytes payload = bytes_make(reply->payload, reply->size);
    return reply->size > 52 && bytes_u32(payload, 48) == key_id &&
           mac_verify(bench.macs, key_id, version, bytes_slice(payload, 0, 48),
                      bytes_slice(payload, 52, reply->size - 52));
}
#endif
