/* SPDX-License-Identifier: MIT */
/* sync_state.h - what we may claim about UTC, as the answers to clients carry it (RFC 5905, 11.2).
 * A value: copied, never shared in place. */
#ifndef COMMON_BASE_SYNC_STATE_H
#define COMMON_BASE_SYNC_STATE_H
#include "common/base/instant.h"
#include <stdbool.h>

/* Which clock UTC is computed from. */
enum sync_timebase {
    TIMEBASE_SYSTEM, /* the system clock as it reads: nobody has estimated better */
    TIMEBASE_LINE    /* a line over the oscillator: the shadow clock, or an estimate */
};

struct sync_state {
    enum sync_timebase timebase;
    /* The line: UTC was utc at anchor, and gains rate_ppm on the oscillator. */
    struct mono anchor;
    struct wall utc;
    double rate_ppm;
    /* Where the line reads leap_from, UTC goes on by so much beside it: nobody has to be told in
     * that very moment. 0: no leap second is due. */
    int64_t leap_by_ns;
    struct wall leap_from;

    uint8_t leap;     /* enum packet_leap, until the line reads leap_from */
    uint8_t stratum;  /* 1 to 15; 16 is "unsynchronised" */
    int8_t precision; /* log2 seconds, measured */
    uint32_t refid;
    int64_t root_delay_ns;
    /* At anchor; it grows by dispersion_ppm from there (RFC 5905: PHI, 15 ppm). */
    int64_t root_dispersion_ns;
    double dispersion_ppm;
    struct wall reference; /* when the clock was last set or corrected; 0 for never */
};

/* UTC at a reading of both clocks. */
struct wall sync_state_utc(const struct sync_state *state, struct reading now);
/* The leap bits at that instant. */
uint8_t sync_state_leap(const struct sync_state *state, struct mono now);
/* The root dispersion at that instant, in nanoseconds; never negative. */
int64_t sync_state_dispersion_ns(const struct sync_state *state, struct mono now);
/* Unsynchronised: leap 3, stratum 16, no reference; UTC is what the system clock shows. */
struct sync_state sync_state_unsynchronised(int8_t precision);
#endif
