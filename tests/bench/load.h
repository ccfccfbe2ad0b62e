/* SPDX-License-Identifier: MIT */
/* load.h - the load generator's options and its way to the server. */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H
#include "ntpwire/bytes.h"
#include "tests/bench/load_request.h"

#define LOAD_WATCH_MAX 4
#define LOAD_SOURCES_MAX 100000
#define WIRE_BATCH 64

struct load_options {
    struct path path;
    const char *interface; /* NULL: an ordinary socket, with one source address */
    const char *key;       /* NULL: no MAC */
    uint32_t sources;
    double rate;    /* per second; 0: as fast as it goes, or as the window lets */
    int64_t window; /* requests under way; 0: no limit */
    double seconds, warm_s, wait_s;
    unsigned sample; /* one answer in so many is read, the others are only counted */
    bool expects_echo;
    int watch[LOAD_WATCH_MAX];
    size_t watched;
};

/* False, with a message on stderr, on a mistake. */
bool load_options_parse(int argc, char **argv, struct load_options *options);

/* With an interface, requests leave as frames with any source address, and the answers arrive at a
 * UDP socket: their addresses must be local by a route. */
struct wire;

/* NULL, with a message on stderr, if the system refuses. */
struct wire *wire_open(const struct load_options *options);
void wire_close(struct wire *wire);
/* Returns how many were sent. */
size_t wire_send(struct wire *wire, struct request *const *batch, size_t count, size_t size);
/* Returns how many answers were there, at most WIRE_BATCH; they live until the next call. */
size_t wire_receive(struct wire *wire, struct bytes *answers);
/* From now on the socket keeps one answer in `sample`, at random, and drops the others. */
bool wire_sample(struct wire *wire, unsigned sample);
/* Answers that arrived and were dropped, by the sampling or for want of room. */
int64_t wire_dropped(const struct wire *wire);
#endif
