/* SPDX-License-Identifier: MIT */
/* ratelimit.h - who asked, how often, and whether that is too often: a table of fixed size, keyed
 * by IPv4 address or IPv6 /64 (address_client_key()).
 *
 * A client earns one answer per interval and may save up to burst of them. Beyond that one request
 * in `leak` is answered all the same (so that somebody who spoofs a client's address can't silence
 * it), and one in `kod` of the rest gets a kiss of death RATE. The table is set-associative; when a
 * set is full, the entry longest unseen makes room. Not thread-safe: one table per worker. */
#ifndef SERVER_RATELIMIT_H
#define SERVER_RATELIMIT_H
#include "common/base/address.h"
#include "common/base/instant.h"
#include "common/base/random.h"

struct ratelimit_options {
    bool enabled;        /* false: clients are counted, none is limited */
    int64_t interval_ns; /* 1 ms to 4096 s between answers in the long run */
    unsigned burst;      /* 1 to 255 */
    unsigned leak;       /* 2 to 255, or 0 for never */
    unsigned kod;        /* 1 to 255, or 0 for never */
};

enum ratelimit_verdict { RATELIMIT_ANSWER, RATELIMIT_KISS, RATELIMIT_DROP };

/* What is known of one client, for the list that operators see. */
struct ratelimit_client {
    uint64_t key;           /* address_client_key() */
    uint32_t hits;          /* requests, saturating */
    uint32_t drops;         /* of these, not answered with time */
    int8_t interval_log2_s; /* smoothed log2 of the interval between requests; 127 if unknown */
    struct mono last;       /* the newest request, to the resolution of the table (1/16 s) */
};

struct ratelimit;

/* clients_max is rounded up to a power of two, between 64 and 2^24; 34 bytes each, touched as
 * clients come. seed keys the hash, so that nobody can choose addresses that collide. NULL if
 * memory is short. */
struct ratelimit *ratelimit_create(const struct ratelimit_options *options, size_t clients_max,
                                   uint64_t seed);
void ratelimit_destroy(struct ratelimit *ratelimit);
void ratelimit_configure(struct ratelimit *ratelimit, const struct ratelimit_options *options);

/* Asks the processor to fetch what ratelimit_check() of the same key will read: call it for a whole
 * batch first. _entry() does the second half, once the first has arrived: call it a few requests
 * ahead. */
void ratelimit_prefetch(const struct ratelimit *ratelimit, uint64_t key);
void ratelimit_prefetch_entry(const struct ratelimit *ratelimit, uint64_t key);
/* Counts a request. random decides leaks and kisses. */
enum ratelimit_verdict ratelimit_check(struct ratelimit *ratelimit, uint64_t key, struct mono now,
                                       struct random *random);

size_t ratelimit_count(const struct ratelimit *ratelimit); /* clients held */
size_t ratelimit_slots(const struct ratelimit *ratelimit);
/* Copies up to room clients from slot `first` on; *next is where to go on, ratelimit_slots() at the
 * end. Returns the clients copied. */
size_t ratelimit_list(const struct ratelimit *ratelimit, size_t first, struct mono now,
                      struct ratelimit_client *clients, size_t room, size_t *next);
#endif
