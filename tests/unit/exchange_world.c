/* SPDX-License-Identifier: MIT */
#include "tests/unit/exchange_world.h"
#include <string.h>

void world_init(struct world *world)
{
    *world = (struct world){
        .options = {.version = 4, .precision = -20},
        .now = {.mono = {.ns = 5 * NS_PER_S}, .wall = {.ns = START_NS}},
        .offset_ns = 70 * NS_PER_MS,
        .there_ns = 10 * NS_PER_MS,
        .within_ns = 1 * NS_PER_MS,
        .back_ns = 10 * NS_PER_MS,
        .reply = {.version = 4, .mode = MODE_SERVER, .stratum = 2, .poll = 6, .precision = -20},
    };
    world->reply.root_delay = timestamp_short_from_ns(4 * NS_PER_MS);
    world->reply.root_dispersion = timestamp_short_from_ns(3 * NS_PER_MS);
    world->reply.refid = 0xC0000201;
    random_init_seeded(&world->random, 1);
    exchange_init(&world->exchange, &world->options, &world->random, NULL);
}

void world_use_key(struct world *world, uint32_t id, uint8_t version)
{
    char error[KEYRING_ERROR_MAX];
    CU_ASSERT_TRUE_FATAL(keyring_parse("1 AES128 HEX:000102030405060708090A0B0C0D0E0F\n"
                                       "2 SHA256 HEX:00112233445566778899AABBCCDDEEFF00112233\n",
                                       &world->keyring, error));
    world->macs = macs_create(&world->keyring, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(world->macs);
    world->options.key_id = id;
    world->options.version = version;
    world->reply.version = version;
    exchange_init(&world->exchange, &world->options, &world->random, world->macs);
}

void world_clear(struct world *world)
{
    macs_destroy(world->macs);
    keyring_clear(&world->keyring);
}

void world_pass(struct world *world, int64_t ns)
{
    world->now.mono.ns += ns;
    world->now.wall.ns += ns;
}

struct timestamp world_server_time(const struct world *world)
{
    return timestamp_from_unix_ns(world->now.wall.ns + world->offset_ns);
}

void world_ask(struct world *world)
{
    world->request_size = exchange_request(&world->exchange, world->request);
    CU_ASSERT_FATAL(world->request_size >= PACKET_SIZE);
    struct sent sent = {.stamp = STAMP_DAEMON,
                        .at = world->now,
                        .payload = bytes_make(world->request, world->request_size)};
    exchange_sent(&world->exchange, &sent);
}

/* The server answers in the datagram; time passes until it arrives. */
void world_answer(struct world *world)
{
    struct packet request;
    CU_ASSERT_EQUAL_FATAL(packet_parse(bytes_make(world->request, world->request_size), &request),
                          PACKET_OK);
    world_pass(world, world->there_ns);
    world->reply.receive = world_server_time(world);
    world_pass(world, world->within_ns);
    world->reply.transmit = world_server_time(world);
    world->reply.origin = request.transmit;
    struct timestamp exact = world->reply.transmit;
    if (world->interleaves && request.origin.bits != 0 &&
        request.origin.bits == world->kept_receive.bits) {
        world->reply.origin = request.receive;
        world->reply.transmit = world->kept_transmit;
    }
    world->kept_receive = world->reply.receive;
    /* The kernel's stamp is a little later than what a basic reply could say. */
    world->kept_transmit = (struct timestamp){.bits = exact.bits + (UINT64_C(1) << 32) / 10000};
    packet_write(&world->reply, world->datagram);
    world->size = PACKET_SIZE;
    world_pass(world, world->back_ns);
}

void world_add_mac(struct world *world, uint32_t id)
{
    size_t digest = mac_size(world->macs, id, world->reply.version);
    bytes_put_u32(world->datagram + world->size, id);
    CU_ASSERT_TRUE_FATAL(mac_make(world->macs, id, bytes_make(world->datagram, world->size),
                                  world->datagram + world->size + 4, digest));
    world->size += 4 + digest;
}

enum exchange_verdict world_take(struct world *world, struct exchange_reply *reply)
{
    struct datagram datagram = {.stamp = STAMP_KERNEL,
                                .received = world->now,
                                .payload = bytes_make(world->datagram, world->size)};
    return exchange_reply(&world->exchange, &datagram, reply);
}

enum exchange_verdict world_run(struct world *world, struct exchange_reply *reply)
{
    world_ask(world);
    world_answer(world);
    return world_take(world, reply);
}

void world_assert_near(int64_t value, int64_t wanted, int64_t tolerance)
{
    int64_t difference = value - wanted;
    if (difference < -tolerance || difference > tolerance) {
        printf("\n    %lld is not near %lld\n", (long long)value, (long long)wanted);
    }
    CU_ASSERT_TRUE(difference >= -tolerance && difference <= tolerance);
}
