/* SPDX-License-Identifier: MIT */
/* kernel_guard.h - a process that does nothing but wait: when ours ends in whatever way, or leaves
 * a slew running for longer than it said, the guard sets the system clock to its plain rate. So not
 * even kill -9, or a machine that swaps, lets a slew of 100,000 ppm run away. */
#ifndef COMMON_HOST_KERNEL_GUARD_H
#define COMMON_HOST_KERNEL_GUARD_H
#include "common/base/instant.h"
#include "ntpwire/bytes.h"
#include <sys/types.h>

struct kernel_guard {
    pid_t pid; /* 0: none */
    int link;
};

/* Begins to guard a clock whose plain rate is rate_ppm. To be called with the rights that setting
 * the clock needs, and no others: the guard keeps what the caller has, but no file. A negative
 * errno where no process can be had. */
int kernel_guard_start(struct kernel_guard *guard, double rate_ppm) MUST_CHECK;
/* To be called before the clock is steered. slew_ns: how long it will have another rate than the
 * plain one, at most; 0: it will not. A guard that is gone is started anew. */
void kernel_guard_tell(struct kernel_guard *guard, double rate_ppm, int64_t slew_ns);
/* The clock needs no guard any more: it stays as it is. */
void kernel_guard_end(struct kernel_guard *guard);
#endif
