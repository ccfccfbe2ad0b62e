/* SPDX-License-Identifier: MIT */
/* system_clock.h - a node's system clock: a line over its oscillator, which may be stepped and
 * whose frequency may be adjusted, as clock_adjtime() does. Exact to a nanosecond however often. */
#ifndef TESTS_SIM_SYSTEM_CLOCK_H
#define TESTS_SIM_SYSTEM_CLOCK_H
#include "common/base/instant.h"

/* Used through the calls below only. */
struct system_clock {
    struct mono anchor;
    struct wall wall; /* at the anchor ... */
    double fraction;  /* ... and what is beyond whole nanoseconds: 0 to 1 */
    double rate_ppm;
};

void system_clock_init(struct system_clock *clock, struct reading start);
struct reading system_clock_read(const struct system_clock *clock, struct mono now);
/* From now on it gains rate_ppm on the oscillator. */
void system_clock_set_rate(struct system_clock *clock, struct mono now, double rate_ppm);
void system_clock_step(struct system_clock *clock, struct mono now, int64_t offset_ns);
#endif
