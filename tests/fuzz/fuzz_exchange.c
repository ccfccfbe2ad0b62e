/* SPDX-License-Identifier: MIT */
/* Replies as the client sees them: whatever comes, a sample's claims hold together, and only a
 * reply that knows our random number ends the wait.
 *
 * Input: an octet of options, then records of one octet of flags, two of size and a datagram. */
#include "client/sync/exchange.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

const struct fuzz_target fuzz_target = {.name = "exchange", .takes_packets = true};

enum { OPTION_VERSION = 3, OPTION_INTERLEAVED = 4, OPTION_KEY = 8 };
enum { FLAG_ORIGIN = 1, FLAG_SIGN = 2, FLAG_REQUEST = 4, FLAG_SENT = 8, FLAG_ECHO_RECEIVE = 16 };

#define RECORD_HEADER 3
#define DATAGRAM_MAX 1500
#define KEY_ID 1

struct world {
    struct reading now;
    struct macs *macs;
    struct exchange exchange;
    struct bytes request; /* the last one */
    uint8_t octets[EXCHANGE_REQUEST_MAX];
};

static struct macs *make_macs(void)
{
    struct keyring keyring;
    char error[KEYRING_ERROR_MAX];
    FUZZ_REQUIRE(
        keyring_parse("1 SHA1 HEX:a5000102030405060708090a0b0c0d0e0f101112\n", &keyring, error));
    struct macs *macs = macs_create(&keyring, error);
    FUZZ_REQUIRE(macs != NULL);
    keyring_clear(&keyring);
    return macs;
}

static void ask(struct world *world)
{
    size_t size = exchange_request(&world->exchange, world->octets);
    FUZZ_REQUIRE(size >= PACKET_SIZE && size <= sizeof(world->octets));
    struct packet packet;
    world->request = bytes_make(world->octets, size);
    FUZZ_REQUIRE(packet_parse(world->request, &packet) == PACKET_OK);
    FUZZ_REQUIRE(packet.mode == MODE_CLIENT ||
                 (packet.version == 1 && packet.mode == MODE_RESERVED));
    FUZZ_REQUIRE(packet.version == world->exchange.options.version);
    struct sent sent = {.stamp = STAMP_DAEMON, .at = world->now, .payload = world->request};
    exchange_sent(&world->exchange, &sent);
    FUZZ_REQUIRE(exchange_is_waiting(&world->exchange));
}

/* Makes the datagram a better forgery, as its flags say. Returns its new size. */
static size_t improve(struct world *world, uint8_t flags, uint8_t *octets, size_t size)
{
    if (size < PACKET_SIZE) {
        return size;
    }
    if ((flags & FLAG_ORIGIN) != 0) {
        bool echo_receive = (flags & FLAG_ECHO_RECEIVE) != 0;
        size_t from = echo_receive ? PACKET_RECEIVE_OFFSET : PACKET_TRANSMIT_OFFSET;
        memcpy(octets + PACKET_ORIGIN_OFFSET, world->octets + from, 8);
    }
    if ((flags & FLAG_SIGN) != 0 && size <= DATAGRAM_MAX) {
        unsigned version = packet_version_of(octets[0]);
        size_t digest_size = mac_size(world->macs, KEY_ID, version);
        bytes_put_u32(octets + size, KEY_ID);
        FUZZ_REQUIRE(mac_make(world->macs, KEY_ID, bytes_make(octets, size), octets + size + 4,
                              digest_size));
        size += 4 + digest_size;
    }
    return size;
}

static void check_sample(const struct world *world, const struct exchange_reply *reply)
{
    const struct sample *sample = &reply->sample;
    FUZZ_REQUIRE(reply->packet_verdict == PACKET_OK);
    FUZZ_REQUIRE(reply->has_packet);
    FUZZ_REQUIRE(sample->delay_ns >= 0);
    FUZZ_REQUIRE(sample->bound_ns >= sample->delay_ns / 2);
    FUZZ_REQUIRE(sample->stratum >= 1 && sample->stratum <= PACKET_STRATUM_MAX);
    FUZZ_REQUIRE(sample->leap != LEAP_UNSYNCHRONISED);
    FUZZ_REQUIRE(sample->received.mono.ns >= sample->sent.mono.ns);
    FUZZ_REQUIRE(sample->is_authenticated || world->exchange.options.key_id == 0);
}

static void receive(struct world *world, struct bytes payload)
{
    struct datagram datagram = {
        .source = {.octets = {192, 0, 2, 1}, .port = 123, .family = ADDRESS_IPV4},
        .stamp = STAMP_KERNEL,
        .received = world->now,
        .payload = payload,
    };
    struct exchange_reply reply;
    char text[EXCHANGE_TEXT_MAX];
    bool was_waiting = exchange_is_waiting(&world->exchange);
    enum exchange_verdict verdict = exchange_reply(&world->exchange, &datagram, &reply);
    FUZZ_REQUIRE(verdict < EXCHANGE_VERDICTS);
    exchange_explain(verdict, &reply, text);
    FUZZ_REQUIRE(memchr(text, 0, sizeof(text)) != NULL);
    FUZZ_REQUIRE(exchange_verdict_name(verdict)[0] != '\0');
    if (verdict == EXCHANGE_OK) {
        FUZZ_REQUIRE(was_waiting);
        FUZZ_REQUIRE(!exchange_is_waiting(&world->exchange));
        check_sample(world, &reply);
        /* A copy of it is no second answer. */
        FUZZ_REQUIRE(exchange_reply(&world->exchange, &datagram, &reply) != EXCHANGE_OK);
    }
}

static void run_record(struct world *world, uint8_t flags, struct bytes payload)
{
    uint8_t octets[DATAGRAM_MAX + 4 + MAC_DIGEST_MAX];
    size_t size = payload.size < DATAGRAM_MAX ? payload.size : DATAGRAM_MAX;
    world->now.mono.ns += 3 * NS_PER_MS;
    world->now.wall.ns += 3 * NS_PER_MS;
    if (size > 0) {
        memcpy(octets, payload.data, size);
    }
    if ((flags & FLAG_SENT) != 0) {
        struct sent sent = {.stamp = STAMP_KERNEL, .at = world->now, .payload = payload};
        exchange_sent(&world->exchange, &sent);
    }
    size = improve(world, flags, octets, size);
    receive(world, bytes_make(octets, size));
    if ((flags & FLAG_REQUEST) != 0) {
        world->now.mono.ns += NS_PER_S;
        world->now.wall.ns += NS_PER_S;
        ask(world);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct random random;
    random_init_seeded(&random, 1);
    struct world *world = calloc(1, sizeof(*world));
    FUZZ_REQUIRE(world != NULL);
    world->now = (struct reading){{NS_PER_S}, {INT64_C(1795132800) * NS_PER_S}};
    world->macs = make_macs();
    struct exchange_options options = {
        .version = (uint8_t)(1 + (data[0] & OPTION_VERSION)),
        .precision = -20,
        .interleaved = (data[0] & OPTION_INTERLEAVED) != 0,
        .key_id = (data[0] & OPTION_KEY) != 0 ? KEY_ID : 0,
        .distance_max_ns = EXCHANGE_DISTANCE_MAX_NS,
    };
    exchange_init(&world->exchange, &options, &random, world->macs);
    ask(world);

    /* A recorded packet is no list of records, but it is a reply as well. */
    struct bytes input = bytes_make(data, size);
    run_record(world, FLAG_ORIGIN | FLAG_REQUEST, input);
    size_t offset = 1;
    while (size - offset >= RECORD_HEADER) {
        uint8_t flags = bytes_u8(input, offset);
        size_t length = bytes_u16(input, offset + 1) % (DATAGRAM_MAX + 1);
        offset += RECORD_HEADER;
        length = length < size - offset ? length : size - offset;
        run_record(world, flags, bytes_slice(input, offset, length));
        offset += length;
    }
    macs_destroy(world->macs);
    free(world);
    return 0;
}
