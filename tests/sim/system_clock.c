/* SPDX-License-Identifier: MIT */
#include "tests/sim/system_clock.h"
#include <math.h>

void system_clock_init(struct system_clock *clock, struct reading start)
{
    *clock = (struct system_clock){.anchor = start.mono, .wall = start.wall};
}

/* What the clock shows beyond its wall at the anchor, and the rest below a nanosecond. */
static int64_t elapsed_ns(const struct system_clock *clock, struct mono now, double *fraction)
{
    int64_t elapsed = now.ns - clock->anchor.ns;
    double gained = clock->fraction + clock->rate_ppm * 1e-6 * (double)elapsed;
    double whole = floor(gained);
    *fraction = gained - whole;
    return elapsed + (int64_t)whole;
}

struct reading system_clock_read(const struct system_clock *clock, struct mono now)
{
    double fraction;
    int64_t elapsed = elapsed_ns(clock, now, &fraction);
    return (struct reading){.mono = now, .wall = {.ns = clock->wall.ns + elapsed}};
}

void system_clock_set_rate(struct system_clock *clock, struct mono now, double rate_ppm)
{
    clock->wall.ns += elapsed_ns(clock, now, &clock->fraction);
    clock->anchor = now;
    clock->rate_ppm = rate_ppm;
}

void system_clock_step(struct system_clock *clock, struct mono now, int64_t offset_ns)
{
    system_clock_set_rate(clock, now, clock->rate_ppm);
    clock->wall.ns += offset_ns;
}
