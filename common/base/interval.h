/* SPDX-License-Identifier: MIT */
/* interval.h - a closed interval of nanoseconds: of time, or of an offset. */
#ifndef COMMON_BASE_INTERVAL_H
#define COMMON_BASE_INTERVAL_H
#include <stdbool.h>
#include <stdint.h>

struct interval {
    int64_t earliest_ns;
    int64_t latest_ns; /* never before earliest_ns */
};

/* Centre and half-width, saturated to int64; half_ns must not be negative. */
static inline struct interval interval_around(int64_t centre_ns, int64_t half_ns)
{
    struct interval interval;
    if (__builtin_sub_overflow(centre_ns, half_ns, &interval.earliest_ns)) {
        interval.earliest_ns = INT64_MIN;
    }
    if (__builtin_add_overflow(centre_ns, half_ns, &interval.latest_ns)) {
        interval.latest_ns = INT64_MAX;
    }
    return interval;
}

static inline bool interval_overlaps(struct interval a, struct interval b)
{
    return a.earliest_ns <= b.latest_ns && b.earliest_ns <= a.latest_ns;
}

static inline bool interval_contains(struct interval interval, int64_t value_ns)
{
    return interval.earliest_ns <= value_ns && value_ns <= interval.latest_ns;
}
#endif
