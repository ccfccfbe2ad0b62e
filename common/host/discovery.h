/* SPDX-License-Identifier: MIT */
/* discovery.h - where members of a mesh may be, by SRV records (RFC 2782): looked up again and
 * again, in libuv's threads. What is found is a place to ask, and no more: nobody is believed for
 * it. */
#ifndef COMMON_HOST_DISCOVERY_H
#define COMMON_HOST_DISCOVERY_H
#include "common/base/action.h"
#include "common/base/random.h"
#include <uv.h>

#define DISCOVERY_NAMES_MAX 8
#define DISCOVERY_TARGETS_MAX 32 /* of one name */
#define DISCOVERY_INTERVAL_MS (5 * 60 * 1000)
#define DISCOVERY_RETRY_MS (30 * 1000) /* while nothing was found */

/* A line of the answer. */
struct discovery_target {
    uint16_t priority;
    uint16_t weight;
    uint16_t port;
    char host[ACTION_HOST_MAX];
};

struct discovery_options {
    uv_loop_t *loop;
    struct random *random; /* of the loop's thread */
    uint32_t association;  /* of the events */
    /* Called from the loop, with an EVENT_RESOLVED (without now) that has addresses; of a look-up
     * that failed only the first in a row is told. */
    void (*take)(void *context, struct event *event);
    void *context;
};

struct discovery;

/* What options names outlives it. NULL if memory is short. */
struct discovery *discovery_create(const struct discovery_options *options);
/* Looks these names up from now on, the first time soon; none: no more. */
void discovery_configure(struct discovery *discovery, const char (*names)[ACTION_HOST_MAX],
                         size_t count);
/* Whether a name server is being waited for: nothing ends that, and the loop runs as long. */
bool discovery_is_busy(const struct discovery *discovery);
/* The loop must run once more, which frees it, unless it is busy. NULL is allowed. */
void discovery_destroy(struct discovery *discovery);

/* Into the order in which they are to be tried: by priority, and among equals by lot, the heavier
 * the likelier. draws has a number for each. */
void discovery_order(struct discovery_target *targets, size_t count, const uint32_t *draws);
/* The SRV records of a name server's answer. Returns how many were read; those for "." (there is no
 * such service) are left out. */
size_t discovery_read(struct bytes answer, struct discovery_target targets[DISCOVERY_TARGETS_MAX]);
#endif
