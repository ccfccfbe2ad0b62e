/* SPDX-License-Identifier: MIT */
#include "common/base/sync_state.h"

#define LEAP_NOTHING 0
#define LEAP_UNKNOWN 3
#define STRATUM_UNSYNCHRONISED 16
#define MAXDISP_NS (16 * NS_PER_S) /* RFC 5905's word for "no idea" */
#define PHI_PPM 15.0

static int64_t saturated_add(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return a < 0 ? INT64_MIN : INT64_MAX;
    }
    return sum;
}

static int64_t saturated_subtract(int64_t a, int64_t b)
{
    int64_t difference;
    if (__builtin_sub_overflow(a, b, &difference)) {
        return a < 0 ? INT64_MIN : INT64_MAX;
    }
    return difference;
}

/* What an oscillator gains in that time. Only the gain is computed in floating point: at 500 ppm
 * over a month it is below 2^51 ns, so that it is exact to a fraction of a nanosecond, while a
 * double holds the time of day only to 256 ns. */
static int64_t gain_ns(int64_t elapsed_ns, double rate_ppm, double rounding)
{
    double gain = (double)elapsed_ns * (rate_ppm * 1e-6);
    gain += gain < 0 ? -rounding : rounding;
    if (!(gain > -9.2e18)) {
        return INT64_MIN;
    }
    return gain < 9.2e18 ? (int64_t)gain : INT64_MAX;
}

static int64_t line_ns(const struct sync_state *state, struct mono now)
{
    int64_t elapsed_ns = saturated_subtract(now.ns, state->anchor.ns);
    int64_t advance_ns = saturated_add(elapsed_ns, gain_ns(elapsed_ns, state->rate_ppm, 0.5));
    return saturated_add(state->utc.ns, advance_ns);
}

static bool has_leapt(const struct sync_state *state, int64_t utc_ns)
{
    return state->timebase == TIMEBASE_LINE && state->leap_by_ns != 0 &&
           utc_ns >= state->leap_from.ns;
}

struct wall sync_state_utc(const struct sync_state *state, struct reading now)
{
    if (state->timebase == TIMEBASE_SYSTEM) {
        return now.wall;
    }
    int64_t utc_ns = line_ns(state, now.mono);
    int64_t leap_ns = has_leapt(state, utc_ns) ? state->leap_by_ns : 0;
    return (struct wall){.ns = saturated_add(utc_ns, leap_ns)};
}

uint8_t sync_state_leap(const struct sync_state *state, struct mono now)
{
    return has_leapt(state, line_ns(state, now)) ? LEAP_NOTHING : state->leap;
}

int64_t sync_state_dispersion_ns(const struct sync_state *state, struct mono now)
{
    /* A packet may have arrived shortly before the state was taken: it is as good as the state. */
    int64_t elapsed_ns = saturated_subtract(now.ns, state->anchor.ns);
    if (elapsed_ns < 0) {
        elapsed_ns = 0;
    }
    /* Rounded up, since it serves in bounds. */
    int64_t growth_ns = gain_ns(elapsed_ns, state->dispersion_ppm, 0.999999);
    int64_t dispersion_ns = saturated_add(state->root_dispersion_ns, growth_ns);
    return dispersion_ns < 0 ? 0 : dispersion_ns;
}

struct sync_state sync_state_unsynchronised(int8_t precision)
{
    return (struct sync_state){
        .timebase = TIMEBASE_SYSTEM,
        .leap = LEAP_UNKNOWN,
        .stratum = STRATUM_UNSYNCHRONISED,
        .precision = precision,
        /* A client that overlooks the leap bits must not take us for perfect. */
        .root_dispersion_ns = MAXDISP_NS,
        .dispersion_ppm = PHI_PPM,
    };
}
