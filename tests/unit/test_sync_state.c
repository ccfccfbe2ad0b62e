/* SPDX-License-Identifier: MIT */
#include "common/base/sync_state.h"
#include "tests/unit/unit.h"

#define DAY_NS (86400 * NS_PER_S)
#define NOW_NS (INT64_C(1795000000) * NS_PER_S + 123456789)

static struct reading reading_at(int64_t mono_ns, int64_t wall_ns)
{
    return (struct reading){.mono = {.ns = mono_ns}, .wall = {.ns = wall_ns}};
}

static struct sync_state line(int64_t anchor_ns, int64_t utc_ns, double rate_ppm)
{
    return (struct sync_state){.timebase = TIMEBASE_LINE,
                               .anchor = {.ns = anchor_ns},
                               .utc = {.ns = utc_ns},
                               .rate_ppm = rate_ppm};
}

static void system_shows_the_system_clock(void)
{
    struct sync_state state = line(5, NOW_NS, 100);
    state.timebase = TIMEBASE_SYSTEM;
    CU_ASSERT_EQUAL(sync_state_utc(&state, reading_at(1000, 42)).ns, 42);
}

static void line_counts_the_oscillator(void)
{
    struct sync_state state = line(1000, NOW_NS, 0);
    CU_ASSERT_EQUAL(sync_state_utc(&state, reading_at(1000, 42)).ns, NOW_NS);
    CU_ASSERT_EQUAL(sync_state_utc(&state, reading_at(1001, 42)).ns, NOW_NS + 1);
    CU_ASSERT_EQUAL(sync_state_utc(&state, reading_at(999, 42)).ns, NOW_NS - 1);
    CU_ASSERT_EQUAL(sync_state_utc(&state, reading_at(1000 + 30 * DAY_NS + 1, 42)).ns,
                    NOW_NS + 30 * DAY_NS + 1);
}

/* Against whole-number arithmetic: rates that are whole in ppb, so that the truth is known. */
static void line_is_exact_for_days(void)
{
    static const int64_t rates_ppb[] = {1, -1, 20000, -20000, 123457, 500000, -500000};
    static const int64_t days[] = {0, 1, 2, 7, 30, 60};
    for (size_t r = 0; r < sizeof rates_ppb / sizeof rates_ppb[0]; r++) {
        for (size_t d = 0; d < sizeof days / sizeof days[0]; d++) {
            for (int64_t step = -3; step <= 3; step++) {
                int64_t elapsed_ns = days[d] * DAY_NS + step * 333333337;
                /* Split, so that the product fits. */
                int64_t gain = elapsed_ns / NS_PER_S * rates_ppb[r] +
                               elapsed_ns % NS_PER_S * rates_ppb[r] / NS_PER_S;
                struct sync_state state = line(77, NOW_NS, (double)rates_ppb[r] / 1000);
                int64_t utc = sync_state_utc(&state, reading_at(77 + elapsed_ns, 0)).ns;
                int64_t error = utc - (NOW_NS + elapsed_ns + gain);
                CU_ASSERT_TRUE(error >= -1 && error <= 1);
            }
        }
    }
}

static void line_rounds_to_nearest(void)
{
    struct sync_state state = line(0, NOW_NS, 100);
    CU_ASSERT_EQUAL(sync_state_utc(&state, reading_at(14999, 0)).ns, NOW_NS + 14999 + 1);
    CU_ASSERT_EQUAL(sync_state_utc(&state, reading_at(15001, 0)).ns, NOW_NS + 15001 + 2);
    CU_ASSERT_EQUAL(sync_state_utc(&state, reading_at(-14999, 0)).ns, NOW_NS - 14999 - 1);
    CU_ASSERT_EQUAL(sync_state_utc(&state, reading_at(-15001, 0)).ns, NOW_NS - 15001 - 2);
}

static void extremes_saturate(void)
{
    struct sync_state state = line(INT64_MIN, NOW_NS, 1e12);
    CU_ASSERT_EQUAL(sync_state_utc(&state, reading_at(INT64_MAX, 0)).ns, INT64_MAX);
    state = line(INT64_MAX, -NOW_NS, 1e12);
    CU_ASSERT_EQUAL(sync_state_utc(&state, reading_at(INT64_MIN, 0)).ns, INT64_MIN);
    state = line(0, NOW_NS, 0);
    state.root_dispersion_ns = INT64_MAX - 5;
    state.dispersion_ppm = 15;
    CU_ASSERT_EQUAL(sync_state_dispersion_ns(&state, (struct mono){.ns = DAY_NS}), INT64_MAX);
    state.dispersion_ppm = 1e300;
    CU_ASSERT_EQUAL(sync_state_dispersion_ns(&state, (struct mono){.ns = DAY_NS}), INT64_MAX);
}

static void leap_comes_by_itself(void)
{
    static const int64_t by_ns[] = {-NS_PER_S, NS_PER_S};
    for (size_t i = 0; i < 2; i++) {
        struct sync_state state = line(1000, NOW_NS, 0);
        state.leap = 1;
        CU_ASSERT_EQUAL(sync_state_leap(&state, (struct mono){.ns = INT64_MAX}), 1);
        state.leap_by_ns = by_ns[i];
        state.leap_from.ns = NOW_NS + 500;
        CU_ASSERT_EQUAL(sync_state_utc(&state, reading_at(1499, 7)).ns, NOW_NS + 499);
        CU_ASSERT_EQUAL(sync_state_leap(&state, (struct mono){.ns = 1499}), 1);
        CU_ASSERT_EQUAL(sync_state_utc(&state, reading_at(1500, 7)).ns, NOW_NS + 500 + by_ns[i]);
        CU_ASSERT_EQUAL(sync_state_leap(&state, (struct mono){.ns = 1500}), 0);
        /* The system clock has its own. */
        state.timebase = TIMEBASE_SYSTEM;
        CU_ASSERT_EQUAL(sync_state_utc(&state, reading_at(1500, 7)).ns, 7);
        CU_ASSERT_EQUAL(sync_state_leap(&state, (struct mono){.ns = 1500}), 1);
    }
}

static void dispersion_grows(void)
{
    struct sync_state state = line(1000, NOW_NS, 0);
    state.root_dispersion_ns = 500;
    state.dispersion_ppm = 15;
    CU_ASSERT_EQUAL(sync_state_dispersion_ns(&state, (struct mono){.ns = 1000}), 500);
    CU_ASSERT_EQUAL(sync_state_dispersion_ns(&state, (struct mono){.ns = 1000 + NS_PER_S}),
                    500 + 15000);
    /* Rounded up. */
    CU_ASSERT_EQUAL(sync_state_dispersion_ns(&state, (struct mono){.ns = 1000 + 100}), 501);
    /* It does not shrink into the past. */
    CU_ASSERT_EQUAL(sync_state_dispersion_ns(&state, (struct mono){.ns = 1000 - NS_PER_S}), 500);
    state.root_dispersion_ns = -500;
    CU_ASSERT_EQUAL(sync_state_dispersion_ns(&state, (struct mono){.ns = 1000}), 0);
}

static void unsynchronised_says_so(void)
{
    struct sync_state state = sync_state_unsynchronised(-23);
    CU_ASSERT_EQUAL(state.timebase, TIMEBASE_SYSTEM);
    CU_ASSERT_EQUAL(state.leap, 3);
    CU_ASSERT_EQUAL(state.stratum, 16);
    CU_ASSERT_EQUAL(state.precision, -23);
    CU_ASSERT_EQUAL(state.refid, 0);
    CU_ASSERT_EQUAL(state.reference.ns, 0);
    CU_ASSERT_EQUAL(sync_state_utc(&state, reading_at(9, NOW_NS)).ns, NOW_NS);
    CU_ASSERT_TRUE(sync_state_dispersion_ns(&state, (struct mono){0}) >= 16 * NS_PER_S);
}

static const struct unit_case cases[] = {
    {"system shows the system clock", system_shows_the_system_clock},
    {"line counts the oscillator", line_counts_the_oscillator},
    {"line is exact for days", line_is_exact_for_days},
    {"line rounds to nearest", line_rounds_to_nearest},
    {"extremes saturate", extremes_saturate},
    {"a leap second comes by itself", leap_comes_by_itself},
    {"dispersion grows", dispersion_grows},
    {"unsynchronised says so", unsynchronised_says_so},
};
UNIT_MAIN("sync_state", cases)
