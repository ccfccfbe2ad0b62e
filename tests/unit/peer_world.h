/* SPDX-License-Identifier: MIT */
/* peer_world.h - two peers, each a source of the other's, with clocks of their own and a path
 * between them, in virtual time. */
#ifndef TESTS_UNIT_PEER_WORLD_H
#define TESTS_UNIT_PEER_WORLD_H
#include "client/sync/source.h"
#include "tests/unit/unit.h"

#define PEER_WORLD_FLYING_MAX 64

struct peer_world_node {
    struct source *source;
    struct source_options options;
    struct source_common common;
    struct random random;
    struct address address;
    struct sync_state claim; /* a line over its oscillator */
    double offset_ns;        /* its oscillator's reading is true time + offset */
    double rate_ppm;
    double wander; /* of the rate, per square root of a second */
    bool is_up;
    /* What happened. */
    size_t sent;
    size_t received;
    size_t news[SOURCE_STEPPED + 1];
    struct measurement measured;
    uint8_t last[ACTION_PAYLOAD_MAX]; /* the last packet that it sent */
    size_t last_size;
};

struct peer_world_packet {
    bool is_flying;
    size_t to;
    int64_t arrives_ns;
    size_t size;
    uint8_t payload[ACTION_PAYLOAD_MAX];
};

struct peer_world {
    struct peer_world_node nodes[2];
    struct random chance;
    struct keyring keyring;
    int64_t now_ns; /* true time */
    int64_t delay_ns;
    double jitter_ns;
    double loss;
    struct peer_world_packet flying[PEER_WORLD_FLYING_MAX];
};

/* Both at stratum 2, version 4, polls of 64 s, 5 ms apart; 0 is 10.0.0.1, 1 is 10.0.0.2. */
void peer_world_init(struct peer_world *world);
/* Keys 1 (AES128) and 2 (SHA256); both use `id`. */
void peer_world_use_key(struct peer_world *world, uint32_t id);
/* Starts it, or starts it anew with nothing remembered. */
void peer_world_start(struct peer_world *world, size_t node);
void peer_world_stop(struct peer_world *world, size_t node);
void peer_world_clear(struct peer_world *world);
void peer_world_run(struct peer_world *world, int64_t ns);
/* Hands a packet to a node as from the other one, now. */
enum source_news peer_world_take(struct peer_world *world, size_t node, const uint8_t *octets,
                                 size_t size);
struct reading peer_world_now(const struct peer_world *world, size_t node);
/* What the node thinks of the other's clock, less the truth. */
double peer_world_error_ns(const struct peer_world *world, size_t node);
bool peer_world_is_inside(const struct peer_world *world, size_t node);
#endif
