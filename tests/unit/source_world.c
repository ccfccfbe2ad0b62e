/* SPDX-License-Identifier: MIT */
#include "tests/unit/source_world.h"
#include <math.h>
#include <string.h>

#define START_NS (INT64_C(1760000000) * NS_PER_S)
#define SERVICE_NS (20 * NS_PER_US)

void source_world_init(struct source_world *world)
{
    *world = (struct source_world){
        .options = source_options_default(),
        .now = {.mono = {.ns = 5 * NS_PER_S}, .wall = {.ns = START_NS}},
        .offset_ns = 70e6,
        .delay_ns = 10 * NS_PER_MS,
        .reply = {.version = 4, .mode = MODE_SERVER, .stratum = 2, .poll = 6, .precision = -24},
    };
    strcpy(world->options.name, "alpha");
    strcpy(world->options.host, "alpha.example");
    world->common =
        (struct source_common){.random = &world->random,
                               .precision = -24,
                               .bound = {.drift_class = DRIFT_NORMAL, .drift_start_ppm = 500}};
    random_init_seeded(&world->random, 1);
    random_init_seeded(&world->chance, 2);
    world->claim = sync_state_unsynchronised(-24);
    CU_ASSERT_TRUE_FATAL(address_parse("192.0.2.1", 123, &world->remote));
}

void source_world_use_key(struct source_world *world, uint32_t id)
{
    char error[KEYRING_ERROR_MAX];
    CU_ASSERT_TRUE_FATAL(keyring_parse("1 AES128 HEX:000102030405060708090A0B0C0D0E0F\n"
                                       "2 SHA256 HEX:00112233445566778899AABBCCDDEEFF00112233\n",
                                       &world->keyring, error));
    world->macs = macs_create(&world->keyring, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(world->macs);
    world->common.keyring = &world->keyring;
    world->options.key_id = id;
    world->reply_key = id;
}

void source_world_start(struct source_world *world)
{
    char error[STATUS_TEXT_MAX];
    world->source = source_create(&world->options, &world->common, 1, world->now.mono, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(world->source);
    world->actions.count = 0;
    source_connect(world->source, &world->remote, world->now.mono, &world->actions);
}

void source_world_clear(struct source_world *world)
{
    source_destroy(world->source);
    macs_destroy(world->macs);
    keyring_clear(&world->keyring);
}

void source_world_pass(struct source_world *world, int64_t ns)
{
    world->now.mono.ns += ns;
    world->now.wall.ns += ns;
    world->offset_ns += world->rate_ppm * 1e-6 * (double)ns;
}

static struct timestamp server_time(const struct source_world *world)
{
    return timestamp_from_unix_ns(world->now.wall.ns + llround(world->offset_ns));
}

/* Keeps the counts of what the last call did. */
static enum source_news note(struct source_world *world, enum source_news news)
{
    world->news[news]++;
    for (size_t i = 0; i < world->actions.count; i++) {
        const struct action *action = &world->actions.items[i];
        if (action->kind == ACTION_MEASURED) {
            world->measured = action->measured;
            world->measured_count++;
        } else if (action->kind == ACTION_SEND) {
            world->asked[world->asked_count++ % SOURCE_WORLD_ASKED_MAX] = world->now.mono;
        }
    }
    return news;
}

bool source_world_ask(struct source_world *world)
{
    struct mono deadline = source_deadline(world->source);
    if (deadline.ns == INT64_MAX) {
        return false;
    }
    if (deadline.ns > world->now.mono.ns) {
        source_world_pass(world, deadline.ns - world->now.mono.ns);
    }
    world->actions.count = 0;
    note(world, source_poll(world->source, &world->claim, world->now, &world->actions));
    return true;
}

size_t source_world_write(struct source_world *world, const struct packet *packet,
                          uint8_t out[PACKET_SIZE + MAC_SIZE_MAX_V3])
{
    packet_write(packet, out);
    if (world->reply_key == 0) {
        return PACKET_SIZE;
    }
    size_t size = mac_size(world->macs, world->reply_key, packet->version);
    bytes_put_u32(out + PACKET_SIZE, world->reply_key);
    CU_ASSERT_TRUE_FATAL(mac_make(world->macs, world->reply_key, bytes_make(out, PACKET_SIZE),
                                  out + PACKET_SIZE + 4, size));
    return PACKET_SIZE + 4 + size;
}

enum source_news source_world_take(struct source_world *world, const uint8_t *octets, size_t size)
{
    struct datagram datagram = {.source = world->remote,
                                .association = 1,
                                .received = world->now,
                                .payload = bytes_make(octets, size)};
    world->actions.count = 0;
    return note(world, source_receive(world->source, &datagram, &world->claim, world->now,
                                      &world->actions));
}

static int64_t leg_ns(struct source_world *world)
{
    double jitter_ns = -log(1.0 - random_unit(&world->chance)) * world->jitter_ns;
    return world->delay_ns + (int64_t)jitter_ns;
}

static const struct action_send *request(const struct source_world *world)
{
    for (size_t i = 0; i < world->actions.count; i++) {
        if (world->actions.items[i].kind == ACTION_SEND) {
            return &world->actions.items[i].send;
        }
    }
    return NULL;
}

enum source_news source_world_answer(struct source_world *world)
{
    const struct action_send *send = request(world);
    CU_ASSERT_PTR_NOT_NULL_FATAL(send);
    struct packet asked;
    CU_ASSERT_EQUAL_FATAL(packet_parse(bytes_make(send->payload, send->size), &asked), PACKET_OK);
    struct packet reply = world->reply;
    reply.origin = asked.transmit;
    source_world_pass(world, leg_ns(world));
    reply.receive = server_time(world);
    source_world_pass(world, SERVICE_NS);
    reply.transmit = server_time(world);
    source_world_pass(world, leg_ns(world));
    uint8_t octets[PACKET_SIZE + MAC_SIZE_MAX_V3];
    return source_world_take(world, octets, source_world_write(world, &reply, octets));
}

void source_world_run(struct source_world *world, int64_t ns)
{
    int64_t end_ns = world->now.mono.ns + ns;
    while (source_deadline(world->source).ns < end_ns) {
        (void)source_world_ask(world);
        if (request(world) != NULL && !world->is_silent &&
            random_unit(&world->chance) >= world->loss) {
            (void)source_world_answer(world);
        }
    }
    if (end_ns > world->now.mono.ns) {
        source_world_pass(world, end_ns - world->now.mono.ns);
    }
}

enum source_state source_world_state(const struct source_world *world, char reason[STATUS_TEXT_MAX])
{
    return source_state_own(world->source, world->now.mono, reason);
}

double source_world_error_ns(const struct source_world *world)
{
    struct estimate estimate;
    CU_ASSERT_TRUE_FATAL(source_estimate(world->source, world->now.mono, &estimate));
    return (double)(estimate.wall.ns - world->now.wall.ns) + estimate.fraction_ns -
           world->offset_ns;
}
