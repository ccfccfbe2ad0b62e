/* SPDX-License-Identifier: MIT */
/* gate_world.h - requests with mesh fields, made as a member or a forger makes them. */
#ifndef TESTS_UNIT_GATE_WORLD_H
#define TESTS_UNIT_GATE_WORLD_H
#include "common/auth/session.h"
#include "common/mesh/gate.h"
#include "tests/unit/unit.h"
#include <string.h>

#define SELF UINT64_C(0x5e1f5e1f00000001)
#define OTHER UINT64_C(0x07e207e200000002)
#define SESSION 4711

struct made {
    size_t size;
    uint8_t key;      /* its octets are those of the session's; 0: under none */
    uint32_t counter; /* of the last packet */
    uint8_t payload[GATE_ANSWER_MAX];
};

static inline struct bytes made_bytes(const struct made *made)
{
    return bytes_make(made->payload, made->size);
}

/* A table with one session, whose key is octets of 7. */
static inline void make_table(struct gate_table *table, struct random *random, struct mono now)
{
    memset(table, 0, sizeof(*table));
    table->is_on = true;
    table->self = SELF;
    table->payload_max = REPORT_PAYLOAD_MAX;
    cookie_jar_init(&table->jar, random, now);
    table->count = 1;
    table->sessions[0].member = OTHER;
    table->sessions[0].id = SESSION;
    memset(table->sessions[0].key, 7, SECRET_SIZE);
}

static inline void begin(struct made *made, uint8_t mark)
{
    memset(made, 0, sizeof(*made));
    made->payload[0] = 4 << 3 | MODE_CLIENT;
    memset(made->payload + PACKET_TRANSMIT_OFFSET, mark, 8);
    made->size = PACKET_SIZE;
}

static inline void add_pad(struct made *made, size_t size)
{
    made->size +=
        report_pad_write(made->payload + made->size, sizeof(made->payload) - made->size, size);
}

static inline void add_hello(struct made *made, const struct report_handshake *hello)
{
    made->size += report_handshake_write(made->payload + made->size,
                                         sizeof(made->payload) - made->size, hello);
}

static inline void add_tag(struct made *made, uint8_t algorithm, uint16_t id, const uint8_t *key,
                           size_t tag_offset)
{
    static const uint8_t zeros[REPORT_TAG_SIZE];
    static uint32_t counter;
    made->counter = ++counter;
    struct report_auth auth = {.algorithm = algorithm,
                               .id = id,
                               .counter = algorithm == REPORT_SESSION_HMAC ? counter : 0,
                               .tag = bytes_make(zeros, REPORT_TAG_SIZE)};
    uint8_t mac[SECRET_SIZE];
    size_t begins = made->size;
    made->size += report_auth_write(made->payload + begins, sizeof(made->payload) - begins, &auth);
    CU_ASSERT_TRUE_FATAL(secret_hmac(bytes_make(key, SECRET_SIZE),
                                     bytes_make(made->payload, begins + tag_offset), mac));
    memcpy(made->payload + begins + tag_offset, mac, REPORT_TAG_SIZE);
}

static inline void add_session(struct made *made, uint16_t id, uint8_t key_octet)
{
    uint8_t key[SECRET_SIZE];
    memset(key, key_octet, sizeof(key));
    add_tag(made, REPORT_SESSION_HMAC, id, key, REPORT_AUTH_SESSION_TAG_OFFSET);
    made->key = key_octet;
}

/* The same request under its session, as the next packet of it. */
static inline void make_next(struct made *made)
{
    struct made next = *made;
    struct bytes field =
        bytes_make(made->payload + made->size - REPORT_AUTH_SESSION_SIZE, REPORT_AUTH_SESSION_SIZE);
    struct report_auth auth;
    CU_ASSERT_EQUAL_FATAL(report_auth_read(field, &auth), REPORT_OK);
    next.size -= REPORT_AUTH_SESSION_SIZE;
    add_session(&next, auth.id, made->key);
    *made = next;
}

static inline void add_group(struct made *made, uint16_t id, uint8_t key_octet)
{
    uint8_t key[SECRET_SIZE];
    memset(key, key_octet, sizeof(key));
    add_tag(made, REPORT_GROUP_HMAC, id, key, REPORT_AUTH_GROUP_TAG_OFFSET);
}

/* A HELLO to us; cookie NULL: the first. */
static inline struct report_handshake make_hello(const uint8_t *cookie)
{
    struct report_handshake hello = {
        .kind = REPORT_HELLO, .from = OTHER, .to = SELF, .from_epoch = 1, .to_epoch = 1};
    memset(hello.ephemeral, 9, sizeof(hello.ephemeral));
    if (cookie != NULL) {
        memcpy(hello.cookie, cookie, sizeof(hello.cookie));
        memset(hello.signature, 1, sizeof(hello.signature));
    }
    return hello;
}

/* A request of a member under the session. */
static inline void make_request(struct made *made, uint8_t mark)
{
    begin(made, mark);
    add_session(made, SESSION, 7);
}

/* The cookie in an answer; false if it has none. */
static inline bool read_cookie(struct bytes answer, uint8_t cookie[COOKIE_SIZE])
{
    struct extensions extensions;
    struct report_packet packet;
    struct report_handshake handshake;
    if (extension_parse(answer, 4, &extensions) != PACKET_OK ||
        report_packet_read(answer, &extensions, REPORT_PAYLOAD_MAX, &packet) != REPORT_OK ||
        report_handshake_read(packet.handshake, &handshake) != REPORT_OK ||
        handshake.kind != REPORT_COOKIE || handshake.from != SELF || handshake.to != OTHER) {
        return false;
    }
    memcpy(cookie, handshake.cookie, COOKIE_SIZE);
    return true;
}
#endif
