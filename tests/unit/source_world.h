/* SPDX-License-Identifier: MIT */
/* source_world.h - a source, its server, and a path between them whose times are all known, in
 * virtual time, for the suites of the source. */
#ifndef TESTS_UNIT_SOURCE_WORLD_H
#define TESTS_UNIT_SOURCE_WORLD_H
#include "client/sync/source.h"
#include "tests/unit/unit.h"

#define SOURCE_WORLD_ASKED_MAX 4096

struct source_world {
    struct source *source;
    struct source_options options;
    struct source_common common;
    struct random random; /* the source's */
    struct random chance; /* the world's */
    struct keyring keyring;
    struct macs *macs;
    struct address remote;
    struct sync_state claim;
    struct reading now;
    /* The server: its clock beside ours, and what it says of itself. */
    double offset_ns;
    double rate_ppm;
    struct packet reply;
    uint32_t reply_key; /* 0: no MAC */
    bool is_silent;
    double loss; /* of exchanges */
    int64_t delay_ns;
    double jitter_ns; /* mean of what comes on top, each way */
    /* What happened. */
    struct mono asked[SOURCE_WORLD_ASKED_MAX];
    size_t asked_count;
    size_t news[SOURCE_STEPPED + 1];
    struct measurement measured; /* the last */
    size_t measured_count;
    struct actions actions; /* of the last call */
};

/* A server at 192.0.2.1 that is 70 ms ahead, 10 ms away, without jitter. Then change what you like
 * and call source_world_start(); source_world_clear() in the end. */
void source_world_init(struct source_world *world);
/* Keys 1 (AES128) and 2 (SHA256); the source asks with `id`, and the server answers with it. */
void source_world_use_key(struct source_world *world, uint32_t id);
void source_world_start(struct source_world *world);
void source_world_clear(struct source_world *world);
void source_world_pass(struct source_world *world, int64_t ns);
/* Lets the time pass and the server answer until `ns` from now. */
void source_world_run(struct source_world *world, int64_t ns);
/* Passes the time to the deadline and asks; the request is in actions. False if it is never due. */
bool source_world_ask(struct source_world *world);
/* The server's answer to the request in actions, after the round trip: passes the time. */
enum source_news source_world_answer(struct source_world *world);
/* Any datagram as from the server. */
enum source_news source_world_take(struct source_world *world, const uint8_t *octets, size_t size);
/* The packet, with the server's MAC if it has a key: returns the size. */
size_t source_world_write(struct source_world *world, const struct packet *packet,
                          uint8_t out[PACKET_SIZE + MAC_SIZE_MAX_V3]);
enum source_state source_world_state(const struct source_world *world,
                                     char reason[STATUS_TEXT_MAX]);
/* By how much the estimate and the truth differ. */
double source_world_error_ns(const struct source_world *world);
#endif
