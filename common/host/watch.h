/* SPDX-License-Identifier: MIT */
/* watch.h - notices within a second that the machine slept, and that somebody else set the system
 * clock. Lives in the caller's loop.
 *
 * Whoever steers by the kernel's frequency (we, or another daemon) explains it; what its frequency
 * and its own control loop do not explain is a step. The watch knows of a leap second that the
 * kernel inserts or deletes. */
#ifndef COMMON_HOST_WATCH_H
#define COMMON_HOST_WATCH_H
#include "common/host/clock.h"
#include <uv.h>

/* Called from the loop. */
struct watch_handler {
    struct clock *clock; /* told of every frequency and setting of the system clock; NULL: none */
    void *context;
    /* So much time passed that the oscillator did not count. */
    void (*disrupted)(void *context, int64_t by_ns);
    /* So much was added to the system clock, by somebody else. */
    void (*clock_set)(void *context, int64_t by_ns);
};

struct watch;

/* NULL if memory is short. */
struct watch *watch_create(uv_loop_t *loop, const struct watch_handler *handler);
/* To be called right after we steered, each time: step_ns is what we added ourselves, 0 where only
 * the rate has changed. */
void watch_expect_step(struct watch *watch, int64_t step_ns);
/* The loop must run once more. NULL is allowed. */
void watch_destroy(struct watch *watch);
#endif
