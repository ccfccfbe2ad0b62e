/* SPDX-License-Identifier: MIT */
/* The server engine by events: what may be answered at all, and that an answer is no longer than
 * its request.
 *
 * Input: a datagram; or, if its first octet is SCRIPT (no version that is answered), records of one
 * octet of flags, two of size and a datagram. */
#include "server/server.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

const struct fuzz_target fuzz_target = {.name = "server", .takes_packets = true};

#define SCRIPT 0xFF
#define RECORD_HEADER 3
#define DATAGRAM_MAX 1500

/* Flags of a record: whence it comes, and what makes it a better request. */
enum {
    FLAG_SOURCE = 3,
    FLAG_LATER = 4,       /* a second has passed */
    FLAG_SENT = 8,        /* the last answer left: its kernel stamp comes back */
    FLAG_INTERLEAVE = 16, /* the origin is the receive timestamp of the last answer */
    FLAG_SIGN = 32,
    FLAG_KEY = 64 /* the two bits from here on: which of four keys */
};

struct world {
    struct server *server;
    struct macs *macs; /* the client's */
    struct reading now;
    size_t answers;
    size_t datagrams;
    size_t reply_size; /* 0: no answer yet */
    uint8_t reply[ACTION_PAYLOAD_MAX];
    uint8_t octets[DATAGRAM_MAX + 4 + MAC_DIGEST_MAX];
};

/* The keys of the recorded packets, so that these verify. */
static const char keys[] =
    "1 MD5 ASCII:interopMD5key_01\n"
    "2 SHA1 HEX:a5000102030405060708090a0b0c0d0e0f101112\n"
    "3 SHA256 HEX:b5000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e\n"
    "4 AES128 HEX:c5000102030405060708090a0b0c0d0e\n";

static const struct address sources[4] = {
    {.octets = {192, 0, 2, 1}, .port = 40000, .family = ADDRESS_IPV4},
    {.octets = {0x20, 1, 0x0D, 0xB8, [15] = 1}, .port = 123, .family = ADDRESS_IPV6},
    {.octets = {192, 0, 2, 7}, .port = 123, .family = ADDRESS_IPV4}, /* our own socket */
    {.octets = {192, 0, 2, 1}, .port = 0, .family = ADDRESS_IPV4},
};
static const struct address own = {.octets = {192, 0, 2, 7}, .port = 123, .family = ADDRESS_IPV4};

static void world_begin(struct world *world, const struct access *access)
{
    struct keyring keyring;
    char error[KEYRING_ERROR_MAX];
    FUZZ_REQUIRE(keyring_parse(keys, &keyring, error));
    struct server_options options = {
        .access = access,
        .keyring = &keyring,
        .rate = {.enabled = true, .interval_ns = NS_PER_S, .burst = 8, .leak = 4, .kod = 4},
        .clients_max = 64,
        .seed = 1,
    };
    world->server = server_create(&options, error);
    FUZZ_REQUIRE(world->server != NULL);
    world->macs = macs_create(&keyring, error);
    FUZZ_REQUIRE(world->macs != NULL);
    keyring_clear(&keyring);
    world->now = (struct reading){{NS_PER_S}, {INT64_C(1795132800) * NS_PER_S}};
    struct sync_state state = {.timebase = TIMEBASE_SYSTEM,
                               .anchor = world->now.mono,
                               .utc = world->now.wall,
                               .stratum = 3,
                               .precision = -24,
                               .refid = 0x7F7F0101,
                               .root_delay_ns = NS_PER_MS,
                               .root_dispersion_ns = NS_PER_MS,
                               .dispersion_ppm = 15,
                               .reference = world->now.wall};
    server_publish(world->server, &state);
}

static bool may_be_answered(struct bytes request, const struct address *source)
{
    if (request.size < PACKET_SIZE || source->port == 0 || address_is_same(source, &own)) {
        return false;
    }
    unsigned version = packet_version_of(request.data[0]);
    unsigned mode = packet_mode_of(request.data[0]);
    return version >= 1 && version <= 4 &&
           (mode == MODE_CLIENT || mode == MODE_ACTIVE || (mode == MODE_RESERVED && version == 1));
}

static void check_reply(struct bytes request, const struct address *source,
                        const struct action_send *send)
{
    struct packet asked;
    struct packet reply;
    struct extensions extensions;
    struct bytes payload = bytes_make(send->payload, send->size);
    FUZZ_REQUIRE(may_be_answered(request, source));
    FUZZ_REQUIRE(send->size <= request.size);
    FUZZ_REQUIRE(address_is_same(&send->destination, source));
    FUZZ_REQUIRE(address_is_same(&send->source, &own));
    FUZZ_REQUIRE(packet_parse(request, &asked) == PACKET_OK);
    FUZZ_REQUIRE(extension_parse(request, asked.version, &extensions) == PACKET_OK);
    bool had_mac = extensions.mac == MAC_SYMMETRIC;
    FUZZ_REQUIRE(packet_parse(payload, &reply) == PACKET_OK);
    FUZZ_REQUIRE(extension_parse(payload, reply.version, &extensions) == PACKET_OK);
    FUZZ_REQUIRE(had_mac == (extensions.mac != MAC_NONE));
    FUZZ_REQUIRE(extensions.count == 0);
    FUZZ_REQUIRE(reply.version == asked.version);
    FUZZ_REQUIRE(reply.mode == (asked.mode == MODE_ACTIVE ? MODE_PASSIVE : MODE_SERVER));
    FUZZ_REQUIRE(reply.origin.bits == asked.transmit.bits ||
                 reply.origin.bits == asked.receive.bits);
}

/* Whatever we sent, sent back to us from anywhere, gets nothing. */
static void reflect(struct world *world, const struct action_send *send)
{
    struct actions actions = {.count = 0};
    struct event event = {.now = world->now, .kind = EVENT_DATAGRAM};
    event.datagram = (struct datagram){.source = send->destination,
                                       .destination = own,
                                       .received = world->now,
                                       .payload = bytes_make(send->payload, send->size)};
    server_handle(world->server, &event, &actions);
    world->datagrams++;
    FUZZ_REQUIRE(actions.count == 0);
}

static void ask(struct world *world, struct bytes request, const struct address *source)
{
    static struct actions actions;
    struct event event = {.now = world->now, .kind = EVENT_DATAGRAM};
    event.datagram = (struct datagram){.source = *source,
                                       .destination = own,
                                       .stamp = STAMP_KERNEL,
                                       .received = world->now,
                                       .payload = request};
    actions.count = 0;
    server_handle(world->server, &event, &actions);
    world->datagrams++;
    FUZZ_REQUIRE(actions.count <= 1);
    if (actions.count == 1) {
        const struct action_send *send = &actions.items[0].send;
        FUZZ_REQUIRE(actions.items[0].kind == ACTION_SEND);
        check_reply(request, source, send);
        world->answers++;
        world->reply_size = send->size;
        memcpy(world->reply, send->payload, send->size);
        reflect(world, send);
    }
}

static size_t sign(struct world *world, uint8_t flags, size_t size)
{
    uint32_t key_id = 1U + (uint32_t)flags / FLAG_KEY;
    unsigned version = packet_version_of(world->octets[0]);
    if (version < 1 || version > 4) {
        return size;
    }
    size_t digest_size = mac_size(world->macs, key_id, version);
    bytes_put_u32(world->octets + size, key_id);
    FUZZ_REQUIRE(mac_make(world->macs, key_id, bytes_make(world->octets, size),
                          world->octets + size + 4, digest_size));
    return size + 4 + digest_size;
}

static void run_record(struct world *world, uint8_t flags, struct bytes payload)
{
    world->now.mono.ns += (flags & FLAG_LATER) != 0 ? NS_PER_S : NS_PER_US;
    world->now.wall.ns += (flags & FLAG_LATER) != 0 ? NS_PER_S : NS_PER_US;
    if ((flags & FLAG_SENT) != 0) {
        /* The kernel may report anything, our last answer among it. */
        struct event event = {.now = world->now, .kind = EVENT_SENT};
        event.sent = (struct sent){.stamp = STAMP_KERNEL, .at = world->now, .payload = payload};
        struct actions none = {.count = 0};
        server_handle(world->server, &event, &none);
        event.sent.payload = bytes_make(world->reply, world->reply_size);
        server_handle(world->server, &event, &none);
        FUZZ_REQUIRE(none.count == 0);
    }
    if (payload.size > 0) {
        memcpy(world->octets, payload.data, payload.size);
    }
    size_t size = payload.size;
    if ((flags & FLAG_INTERLEAVE) != 0 && size >= PACKET_SIZE && world->reply_size > 0) {
        memcpy(world->octets + PACKET_ORIGIN_OFFSET, world->reply + PACKET_RECEIVE_OFFSET, 8);
    }
    if ((flags & FLAG_SIGN) != 0 && size >= PACKET_SIZE) {
        size = sign(world, flags, size);
    }
    ask(world, bytes_make(world->octets, size), &sources[flags & FLAG_SOURCE]);
}

static void run_script(struct world *world, struct bytes script)
{
    size_t offset = 1;
    while (script.size - offset >= RECORD_HEADER) {
        uint8_t flags = bytes_u8(script, offset);
        size_t length = bytes_u16(script, offset + 1) % (DATAGRAM_MAX + 1);
        offset += RECORD_HEADER;
        length = length < script.size - offset ? length : script.size - offset;
        run_record(world, flags, bytes_slice(script, offset, length));
        offset += length;
    }
}

static void check_counters(const struct world *world)
{
    const struct server_counters *counters = server_counters(world->server);
    uint64_t silent = 0;
    for (int verdict = RESPONDER_ANSWER + 1; verdict < RESPONDER_VERDICTS; verdict++) {
        silent += counters->verdicts[verdict];
    }
    FUZZ_REQUIRE(counters->received == world->datagrams);
    FUZZ_REQUIRE(counters->answered + counters->kissed == world->answers);
    FUZZ_REQUIRE(counters->answered + counters->kissed + silent == counters->received);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct access *access = access_create(true);
    struct world *world = calloc(1, sizeof(*world));
    FUZZ_REQUIRE(access != NULL && world != NULL);
    world_begin(world, access);
    struct bytes input = bytes_make(data, size);
    if (size > 0 && data[0] == SCRIPT) {
        run_script(world, input);
    } else {
        ask(world, input, &sources[0]);
    }
    check_counters(world);
    server_destroy(world->server);
    macs_destroy(world->macs);
    free(world);
    access_destroy(access);
    return 0;
}
