/* SPDX-License-Identifier: MIT */
/* instant.h - the two clocks, which the compiler refuses to mix. */
#ifndef COMMON_BASE_INSTANT_H
#define COMMON_BASE_INSTANT_H
#include <stdint.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_US INT64_C(1000)

/* Our oscillator, steered by nobody (CLOCK_MONOTONIC_RAW); its zero means nothing. */
struct mono {
    int64_t ns;
};

/* UTC since 1970 without leap seconds, as CLOCK_REALTIME or an estimate of it. */
struct wall {
    int64_t ns;
};

/* Both clocks, read together: wall is what this machine's system clock showed at mono. */
struct reading {
    struct mono mono;
    struct wall wall;
};
#endif
