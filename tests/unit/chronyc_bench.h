/* SPDX-License-Identifier: MIT */
/* chronyc_bench.h - a node with sources of every kind, and chronyc's questions about them. */
#ifndef TESTS_UNIT_CHRONYC_BENCH_H
#define TESTS_UNIT_CHRONYC_BENCH_H
#include "ntpwire/candm.h"
#include "server/chronyc.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <string.h>

#define SOURCES 5
#define NOW_S INT64_C(1795192601)

struct message {
    uint8_t data[CHRONYC_MESSAGE_MAX];
    size_t size;
};

/* A node with: 0 a good server over IPv4, 1 a broadcast server, 2 a peer over IPv6 with a key, 3 a
 * name without an address, 4 a server that never answered. */
struct node_view {
    struct source_status sources[SOURCES];
};

static inline struct address address_of(const char *text)
{
    struct address address;
    CU_ASSERT_TRUE_FATAL(address_parse(text, 123, &address));
    return address;
}

static inline struct source_status good_server(void)
{
    return (struct source_status){
        .name = "paris",
        .host = "ntp.paris.example",
        .association = 11,
        .remote = address_of("192.0.2.1"),
        .local = address_of("192.0.2.200"),
        .state = SOURCE_SELECTED,
        .is_prefer = true,
        .is_require = true,
        .is_online = true,
        .poll = 6,
        .reach = 0377,
        .asked = {499 * NS_PER_S},
        .answered = {490 * NS_PER_S},
        .has_sample = true,
        .leap = LEAP_INSERT,
        .version = 4,
        .mode = MODE_SERVER,
        .stratum = 2,
        .source_poll = 7,
        .precision = -23,
        .refid = 0x01020304,
        .reference = {(NOW_S - 100) * NS_PER_S},
        .root_delay_ns = 20 * NS_PER_MS,
        .root_dispersion_ns = 3 * NS_PER_MS,
        .sample_offset_ns = 250 * NS_PER_US,
        .sample_delay_ns = 8 * NS_PER_MS,
        .sample_bound_ns = 18 * NS_PER_MS,
        .response_ns = 40 * NS_PER_US,
        .sent_stamp = STAMP_KERNEL,
        .received_stamp = STAMP_HARDWARE,
        .is_interleaved = true,
        .tests = 0x3fe,
        .has_estimate = true,
        .samples = 17,
        .span_ns = 1024 * NS_PER_S + 5,
        .offset_ns = 125000,
        .offset_sd_ns = 30000,
        .rate_ppm = 0.5,
        .rate_sd_ppm = 0.01,
        .jitter_ns = 60000,
        .has_interval = true,
        .interval = {-4 * NS_PER_MS, 6 * NS_PER_MS},
        .sent = 40,
        .received = 39,
        .valid = 38,
        .good = 37,
        .stamps_sent = {1, 2, 3},
        .stamps_received = {4, 5, 6},
    };
}

static inline struct node_view node_make(void)
{
    struct node_view node = {{good_server()}};
    node.sources[1] = (struct source_status){.name = "all",
                                             .association = 12,
                                             .kind = SOURCE_BROADCAST_SERVER,
                                             .remote = address_of("192.0.2.255")};
    node.sources[2] = good_server();
    node.sources[2].association = 13;
    node.sources[2].kind = SOURCE_PEER;
    node.sources[2].remote = address_of("[2001:db8::5]:1234");
    node.sources[2].state = SOURCE_FALSETICKER;
    node.sources[2].is_prefer = node.sources[2].is_require = node.sources[2].is_interleaved = false;
    node.sources[2].is_trust = node.sources[2].is_noselect = true;
    node.sources[2].is_authenticated = true;
    node.sources[2].key_id = 77;
    node.sources[2].naks = 70000;
    node.sources[3] = (struct source_status){.name = "rome",
                                             .host = "rome.example",
                                             .association = 14,
                                             .kind = SOURCE_POOL,
                                             .state = SOURCE_UNRESOLVED,
                                             .poll = 6};
    node.sources[4] = (struct source_status){.name = "oslo",
                                             .host = "192.0.2.9",
                                             .association = 15,
                                             .remote = address_of("192.0.2.9"),
                                             .state = SOURCE_UNREACHABLE,
                                             .poll = -1,
                                             .sent = UINT64_MAX};
    return node;
}

static inline bool read_source(const void *host, size_t index, struct source_status *source)
{
    const struct node_view *node = host;
    if (index >= SOURCES) {
        return false;
    }
    *source = node->sources[index];
    return true;
}

static inline struct chronyc_facts facts_make(const struct node_view *node)
{
    struct chronyc_facts facts = {
        .now = {.mono = {.ns = 500 * NS_PER_S}, .wall = {.ns = NOW_S * NS_PER_S}},
        .state = sync_state_unsynchronised(-25),
        .read_source = read_source,
        .host = node,
    };
    return facts;
}

static inline struct message request_make(uint16_t command, size_t size)
{
    const struct candm_request header = {.command = command, .sequence = 0x01020304};
    struct message message = {.size = size};
    candm_write_request_header(&header, message.data);
    return message;
}

static inline struct message ask(const struct message *request, const struct chronyc_facts *facts,
                                 uint16_t status, uint16_t code)
{
    struct message out;
    struct candm_reply reply = {.status = 0xffff};
    memset(&out, 0xa5, sizeof(out));
    out.size =
        chronyc_answer(bytes_make(request->data, request->size), CHRONYC_UDP, facts, out.data);
    CU_ASSERT_TRUE(out.size <= request->size);
    CU_ASSERT_TRUE_FATAL(candm_parse_reply(bytes_make(out.data, out.size), &reply));
    CU_ASSERT_EQUAL(reply.status, status);
    CU_ASSERT_EQUAL(reply.code, code);
    return out;
}

static inline struct message ask_index(uint16_t command, uint32_t index,
                                       const struct chronyc_facts *facts, uint16_t code)
{
    struct message request = request_make(command, candm_request_size(command));
    bytes_put_u32(request.data + 20, index);
    uint16_t status = code == CANDM_REPLY_NULL ? CANDM_NO_SUCH_SOURCE : CANDM_SUCCESS;
    return ask(&request, facts, status, code);
}

static inline struct message ask_address(uint16_t command, size_t size,
                                         struct candm_address address,
                                         const struct chronyc_facts *facts, uint16_t code)
{
    struct message request = request_make(command, size);
    candm_put_address(request.data + 20, &address);
    uint16_t status = code == CANDM_REPLY_NULL ? CANDM_NO_SUCH_SOURCE : CANDM_SUCCESS;
    return ask(&request, facts, status, code);
}

static inline uint8_t u8(const struct message *message, size_t offset)
{
    return bytes_u8(bytes_make(message->data, message->size), offset);
}

static inline uint16_t u16(const struct message *message, size_t offset)
{
    return bytes_u16(bytes_make(message->data, message->size), offset);
}

static inline uint32_t u32(const struct message *message, size_t offset)
{
    return bytes_u32(bytes_make(message->data, message->size), offset);
}

static inline bool is_number(const struct message *message, size_t offset, double wanted)
{
    double found = candm_float_to_double(u32(message, offset));
    return fabs(found - wanted) <= fabs(wanted) * 1e-6;
}

static inline struct candm_address address_at(const struct message *message, size_t offset)
{
    return candm_get_address(bytes_make(message->data, message->size), offset);
}

static const struct candm_address paris = {{192, 0, 2, 1}, CANDM_IPV4};
static const struct candm_address peer = {{0x20, 1, 0x0d, 0xb8, [15] = 5}, CANDM_IPV6};
static const struct candm_address rome = {{0, 0, 0, 14}, CANDM_ID};
static const struct candm_address oslo = {{192, 0, 2, 9}, CANDM_IPV4};

static inline bool is_same(struct candm_address a, struct candm_address b)
{
    return a.family == b.family && memcmp(a.octets, b.octets, sizeof(a.octets)) == 0;
}
#endif
