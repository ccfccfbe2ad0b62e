/* SPDX-License-Identifier: MIT */
/* exchange_world.h - a server and a network whose times are all known, for the suites of the
 * exchange. */
#ifndef TESTS_UNIT_EXCHANGE_WORLD_H
#define TESTS_UNIT_EXCHANGE_WORLD_H
#include "client/sync/exchange.h"
#include "tests/unit/unit.h"

struct world {
    struct exchange exchange;
    struct exchange_options options;
    struct random random;
    struct keyring keyring;
    struct macs *macs;
    struct reading now;
    int64_t offset_ns;
    int64_t there_ns;
    int64_t within_ns;
    int64_t back_ns;
    /* What the server says of itself, and what it keeps for interleaved mode. */
    struct packet reply;
    bool interleaves;
    struct timestamp kept_receive;
    struct timestamp kept_transmit;
    uint8_t datagram[256];
    size_t size;
    uint8_t request[EXCHANGE_REQUEST_MAX];
    size_t request_size;
};

#define START_NS (INT64_C(1760000000) * NS_PER_S)

/* Version 4, no key; 10 ms there, 1 ms within, 10 ms back; the server is 70 ms ahead of us. */
void world_init(struct world *world);
/* Keys 1 (AES128) and 2 (SHA256); the exchange uses `id`. Then world_clear(). */
void world_use_key(struct world *world, uint32_t id, uint8_t version);
void world_clear(struct world *world);
void world_pass(struct world *world, int64_t ns);
struct timestamp world_server_time(const struct world *world);
/* We send a request; the server answers it in world->datagram, and time passes until that arrives;
 * we take it. */
void world_ask(struct world *world);
void world_answer(struct world *world);
void world_add_mac(struct world *world, uint32_t id);
enum exchange_verdict world_take(struct world *world, struct exchange_reply *reply);
/* All three. */
enum exchange_verdict world_run(struct world *world, struct exchange_reply *reply);
void world_assert_near(int64_t value, int64_t wanted, int64_t tolerance);
#endif
