/* SPDX-License-Identifier: MIT */
#include "tests/unit/peer_world.h"
#include <math.h>
#include <string.h>

#define START_NS (INT64_C(1760000000) * NS_PER_S)

void peer_world_init(struct peer_world *world)
{
    *world = (struct peer_world){.now_ns = 100 * NS_PER_S, .delay_ns = NS_PER_MS};
    random_init_seeded(&world->chance, 5);
    for (size_t i = 0; i < 2; i++) {
        struct peer_world_node *node = &world->nodes[i];
        random_init_seeded(&node->random, 10 + i);
        node->options = source_options_default();
        node->options.kind = SOURCE_PEER;
        node->options.poll_max = 6;
        strcpy(node->options.name, i == 0 ? "one" : "zero");
        node->common =
            (struct source_common){.random = &node->random,
                                   .precision = -24,
                                   .bound = {.drift_class = DRIFT_NORMAL, .drift_start_ppm = 500}};
        CU_ASSERT_TRUE_FATAL(address_parse(i == 0 ? "10.0.0.1" : "10.0.0.2", 123, &node->address));
        node->offset_ns = (double)i * 77e9;
        node->claim = sync_state_unsynchronised(-24);
        node->claim.timebase = TIMEBASE_LINE;
        node->claim.utc.ns = START_NS + (i == 0 ? 0 : -77 * NS_PER_S + 5 * NS_PER_MS);
        node->claim.leap = LEAP_NONE;
        node->claim.stratum = 2;
        node->claim.root_dispersion_ns = NS_PER_MS;
        node->claim.dispersion_ppm = 0;
    }
}

void peer_world_use_key(struct peer_world *world, uint32_t id)
{
    char error[KEYRING_ERROR_MAX];
    CU_ASSERT_TRUE_FATAL(keyring_parse("1 AES128 HEX:000102030405060708090A0B0C0D0E0F\n"
                                       "2 SHA256 HEX:00112233445566778899AABBCCDDEEFF00112233\n",
                                       &world->keyring, error));
    for (size_t i = 0; i < 2; i++) {
        world->nodes[i].common.keyring = &world->keyring;
        world->nodes[i].options.key_id = id;
    }
}

struct reading peer_world_now(const struct peer_world *world, size_t node)
{
    const struct peer_world_node *it = &world->nodes[node];
    struct reading now = {.mono = {.ns = world->now_ns + llround(it->offset_ns)}};
    now.wall = sync_state_utc(&it->claim, now);
    return now;
}

void peer_world_start(struct peer_world *world, size_t node)
{
    struct peer_world_node *it = &world->nodes[node];
    char error[STATUS_TEXT_MAX];
    source_destroy(it->source);
    struct mono now = peer_world_now(world, node).mono;
    it->source = source_create(&it->options, &it->common, (uint32_t)node + 1, now, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(it->source);
    struct actions out = {.count = 0};
    source_connect(it->source, &world->nodes[1 - node].address, now, &out);
    CU_ASSERT_EQUAL(out.count, 1);
    CU_ASSERT_TRUE(out.items[0].open.is_shared);
    it->is_up = true;
}

void peer_world_stop(struct peer_world *world, size_t node)
{
    world->nodes[node].is_up = false;
}

void peer_world_clear(struct peer_world *world)
{
    source_destroy(world->nodes[0].source);
    source_destroy(world->nodes[1].source);
    keyring_clear(&world->keyring);
}

static void launch(struct peer_world *world, size_t from, const struct action_send *send)
{
    struct peer_world_node *node = &world->nodes[from];
    node->sent++;
    node->last_size = send->size;
    memcpy(node->last, send->payload, send->size);
    CU_ASSERT_TRUE(address_is_same(&send->destination, &world->nodes[1 - from].address));
    if (random_unit(&world->chance) < world->loss) {
        return;
    }
    struct peer_world_packet *packet = world->flying;
    while (packet->is_flying) {
        packet++;
        CU_ASSERT_FATAL(packet < world->flying + PEER_WORLD_FLYING_MAX);
    }
    double jitter_ns = -log(1.0 - random_unit(&world->chance)) * world->jitter_ns;
    packet->is_flying = true;
    packet->to = 1 - from;
    packet->arrives_ns = world->now_ns + world->delay_ns + (int64_t)jitter_ns;
    packet->size = send->size;
    memcpy(packet->payload, send->payload, send->size);
}

static void note(struct peer_world *world, size_t node, enum source_news news,
                 const struct actions *out)
{
    struct peer_world_node *it = &world->nodes[node];
    it->news[news]++;
    for (size_t i = 0; i < out->count; i++) {
        if (out->items[i].kind == ACTION_SEND) {
            launch(world, node, &out->items[i].send);
        } else if (out->items[i].kind == ACTION_MEASURED) {
            it->measured = out->items[i].measured;
        }
    }
}

enum source_news peer_world_take(struct peer_world *world, size_t node, const uint8_t *octets,
                                 size_t size)
{
    struct peer_world_node *it = &world->nodes[node];
    struct reading now = peer_world_now(world, node);
    struct datagram datagram = {.source = world->nodes[1 - node].address,
                                .association = (uint32_t)node + 1,
                                .received = now,
                                .payload = bytes_make(octets, size)};
    CU_ASSERT_TRUE(source_wants(it->source, &datagram));
    struct actions out = {.count = 0};
    it->received++;
    enum source_news news = source_receive(it->source, &datagram, &it->claim, now, &out);
    note(world, node, news, &out);
    return news;
}

static void pass(struct peer_world *world, int64_t to_ns)
{
    double elapsed = (double)(to_ns - world->now_ns);
    world->now_ns = to_ns;
    for (size_t i = 0; i < 2; i++) {
        struct peer_world_node *node = &world->nodes[i];
        node->offset_ns += node->rate_ppm * 1e-6 * elapsed;
        if (node->wander > 0) {
            node->rate_ppm +=
                random_normal(&world->chance) * node->wander * 1e6 * sqrt(elapsed * 1e-9);
        }
    }
}

/* The node's oscillator to true time, as it runs now. */
static int64_t true_ns(const struct peer_world *world, size_t node, struct mono at)
{
    if (at.ns == INT64_MAX) {
        return INT64_MAX;
    }
    double ahead = (double)(at.ns - peer_world_now(world, node).mono.ns);
    return world->now_ns + (int64_t)ceil(ahead / (1 + world->nodes[node].rate_ppm * 1e-6));
}

static bool run_next(struct peer_world *world, int64_t end_ns)
{
    int64_t next_ns = end_ns;
    size_t due = 2;
    struct peer_world_packet *packet = NULL;
    for (size_t i = 0; i < 2; i++) {
        const struct peer_world_node *node = &world->nodes[i];
        if (node->is_up && true_ns(world, i, source_deadline(node->source)) < next_ns) {
            next_ns = true_ns(world, i, source_deadline(node->source));
            due = i;
        }
    }
    for (size_t i = 0; i < PEER_WORLD_FLYING_MAX; i++) {
        if (world->flying[i].is_flying && world->flying[i].arrives_ns < next_ns) {
            packet = &world->flying[i];
            next_ns = packet->arrives_ns;
        }
    }
    if (next_ns > world->now_ns) {
        pass(world, next_ns);
    }
    if (packet != NULL) {
        packet->is_flying = false;
        if (world->nodes[packet->to].is_up) {
            struct peer_world_packet copy = *packet;
            (void)peer_world_take(world, copy.to, copy.payload, copy.size);
        }
    } else if (due < 2) {
        struct actions out = {.count = 0};
        struct reading now = peer_world_now(world, due);
        enum source_news news =
            source_poll(world->nodes[due].source, &world->nodes[due].claim, now, &out);
        note(world, due, news, &out);
    }
    return packet != NULL || due < 2;
}

void peer_world_run(struct peer_world *world, int64_t ns)
{
    int64_t end_ns = world->now_ns + ns;
    while (run_next(world, end_ns)) {
    }
}

double peer_world_error_ns(const struct peer_world *world, size_t node)
{
    struct estimate estimate;
    struct reading now = peer_world_now(world, node);
    CU_ASSERT_TRUE_FATAL(source_estimate(world->nodes[node].source, now.mono, &estimate));
    return (double)(estimate.wall.ns - peer_world_now(world, 1 - node).wall.ns) +
           estimate.fraction_ns;
}

bool peer_world_is_inside(const struct peer_world *world, size_t node)
{
    struct interval interval;
    struct reading now = peer_world_now(world, node);
    return source_interval(world->nodes[node].source, now.mono, &interval) &&
           interval_contains(interval, peer_world_now(world, 1 - node).wall.ns);
}
