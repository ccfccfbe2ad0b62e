/* SPDX-License-Identifier: MIT */
#include "ntpwire/timestamp.h"

#include "tests/unit/unit.h"

#define S INT64_C(1000000000)
#define ERA_S (INT64_C(1) << 32)
/* 2036-02-07 06:28:16 UTC, when era 0 ends, and 2106-02-07 06:28:16, when 32-bit Unix time ends. */
#define ERA_1 INT64_C(2085978496)
#define UNIX_32_END INT64_C(4294967296)
#define YEAR_1900 (-TIMESTAMP_UNIX_EPOCH)
/* 1968-01-20 03:14:08 UTC: the top bit of era 0's seconds is set from here on. */
#define YEAR_1968 (YEAR_1900 + (INT64_C(1) << 31))
#define NOVEMBER_2026 INT64_C(1795132800)

static struct timestamp make(uint32_t seconds, uint32_t fraction)
{
    return (struct timestamp){.bits = (uint64_t)seconds << 32 | fraction};
}

/* floor(ns * 2^32 / 10^9) by long division, bit by bit. */
static uint32_t fraction_of(int64_t ns)
{
    uint64_t rest = (uint64_t)ns;
    uint32_t fraction = 0;
    for (int bit = 0; bit < 32; bit++) {
        rest *= 2;
        fraction *= 2;
        if (rest >= (uint64_t)S) {
            rest -= (uint64_t)S;
            fraction++;
        }
    }
    return fraction;
}

static void encodes_known_instants(void)
{
    static const struct {
        int64_t unix_s;
        int64_t ns;
        uint32_t seconds;
    } cases[] = {
        {0, 0, 2208988800U},
        {0, 1, 2208988800U},
        {-1, 999999999, 2208988799U},
        {YEAR_1900 + 1, 0, 1},
        {YEAR_1900 - 1, 500000000, UINT32_MAX},
        {YEAR_1968, 0, 0x80000000U},
        {YEAR_1968 - 1, 999999999, 0x7FFFFFFFU},
        {NOVEMBER_2026, 123456789, 4004121600U},
        {ERA_1 - 1, 999999999, UINT32_MAX},
        {ERA_1, 1, 0},
        {UNIX_32_END, 5, 2208988800U},
        {UNIX_32_END - 1, 5, 2208988799U},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct timestamp made = timestamp_from_unix_ns(cases[i].unix_s * S + cases[i].ns);
        CU_ASSERT_EQUAL(made.bits >> 32, cases[i].seconds);
        CU_ASSERT_EQUAL(made.bits & UINT32_MAX, fraction_of(cases[i].ns));
    }
    CU_ASSERT_EQUAL(timestamp_from_unix_ns(S / 2).bits & UINT32_MAX, 0x80000000U);
}

static void rounds_down_when_encoding(void)
{
    /* 1 ns is 4.29 units, 2 ns 8.59. */
    CU_ASSERT_EQUAL(timestamp_from_unix_ns(1).bits & UINT32_MAX, 4);
    CU_ASSERT_EQUAL(timestamp_from_unix_ns(2).bits & UINT32_MAX, 8);
    CU_ASSERT_EQUAL(timestamp_from_unix_ns(-1).bits, make(2208988799U, 4294967291U).bits);
}

static void never_encodes_unknown(void)
{
    CU_ASSERT_TRUE(timestamp_is_unset(make(0, 0)));
    CU_ASSERT_EQUAL(timestamp_from_unix_ns(ERA_1 * S).bits, 1);
    CU_ASSERT_EQUAL(timestamp_from_unix_ns(YEAR_1900 * S).bits, 1);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(make(0, 1), ERA_1 * S), ERA_1 * S);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(make(0, 1), YEAR_1900 * S), YEAR_1900 * S);
}

static void takes_any_int64(void)
{
    /* -9223372037 s + 145224192 ns and 9223372036 s + 854775807 ns. */
    struct timestamp first = timestamp_from_unix_ns(INT64_MIN);
    struct timestamp last = timestamp_from_unix_ns(INT64_MAX);
    CU_ASSERT_EQUAL(first.bits >> 32, (uint32_t)(TIMESTAMP_UNIX_EPOCH - INT64_C(9223372037)));
    CU_ASSERT_EQUAL(first.bits & UINT32_MAX, fraction_of(145224192));
    CU_ASSERT_EQUAL(last.bits >> 32, (uint32_t)(TIMESTAMP_UNIX_EPOCH + INT64_C(9223372036)));
    CU_ASSERT_EQUAL(last.bits & UINT32_MAX, fraction_of(854775807));
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(first, INT64_MIN), INT64_MIN);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(last, INT64_MAX), INT64_MAX);
}

static void returns_every_nanosecond(void)
{
    static const int64_t starts[] = {0,         YEAR_1900,     YEAR_1968,     NOVEMBER_2026,
                                     ERA_1,     UNIX_32_END,   ERA_1 - 1,     UNIX_32_END - 1,
                                     -1,        YEAR_1900 - 1, YEAR_1968 - 1, -9223372036,
                                     9223372035};
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        for (int64_t ns = 0; ns < S; ns += (ns < 2000 || ns > S - 2000) ? 1 : 1234567) {
            int64_t instant = starts[i] * S + ns;
            struct timestamp timestamp = timestamp_from_unix_ns(instant);
            if (timestamp_to_unix_ns(timestamp, instant) != instant) {
                CU_FAIL("an instant changed on its way there and back");
                return;
            }
        }
    }
    CU_PASS("all instants came back");
}

static void rounds_to_nearest_when_decoding(void)
{
    /* 2 units are 0.466 ns, 3 units 0.698 ns. */
    int64_t now = NOVEMBER_2026 * S;
    uint32_t seconds = 4004121600U;
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(make(seconds, 0), now), now);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(make(seconds, 2), now), now);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(make(seconds, 3), now), now + 1);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(make(seconds, UINT32_MAX), now), now + S);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(make(seconds, UINT32_MAX - 2), now), now + S - 1);
    /* 2^22 units are 976562.5 ns. */
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(make(seconds, 1U << 22), now), now + 976563);
}

static void chooses_the_era_by_the_pivot(void)
{
    struct timestamp early_in_era = make(100, 0);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(early_in_era, YEAR_1900 * S), (YEAR_1900 + 100) * S);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(early_in_era, NOVEMBER_2026 * S), (ERA_1 + 100) * S);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(early_in_era, UNIX_32_END * S), (ERA_1 + ERA_S + 100) * S);
    struct timestamp late_in_era = make(UINT32_MAX, 0);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(late_in_era, (ERA_1 + 5) * S), (ERA_1 - 1) * S);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(late_in_era, YEAR_1900 * S), (YEAR_1900 - 1) * S);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(late_in_era, UNIX_32_END * S), (ERA_1 + ERA_S - 1) * S);
    /* The middle of era 0 read from its ends: 1968 is 68 years from 1900 and from 2036. */
    struct timestamp middle = make(0x80000000U, 0);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(middle, (YEAR_1900 + 1) * S), YEAR_1968 * S);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(middle, (YEAR_1900 - 1) * S), (YEAR_1968 - ERA_S) * S);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(middle, (ERA_1 - 1) * S), YEAR_1968 * S);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(middle, (ERA_1 + 1) * S), (YEAR_1968 + ERA_S) * S);
}

static void is_nearest_to_the_pivot_by_fractions_too(void)
{
    /* Half an era ahead of the pivot, less or more than a quarter of a nanosecond. */
    int64_t pivot = NOVEMBER_2026 * S + S / 2;
    struct timestamp half = make(4004121600U ^ 0x80000000U, 0x80000000U);
    struct timestamp before = {.bits = half.bits - 1};
    struct timestamp after = {.bits = half.bits + 1};
    int64_t half_era = ERA_S / 2 * S;
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(before, pivot), pivot + half_era);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(after, pivot), pivot - half_era);
}

static void saturates_at_the_ends_of_int64(void)
{
    struct timestamp last = timestamp_from_unix_ns(INT64_MAX);
    struct timestamp first = timestamp_from_unix_ns(INT64_MIN);
    struct timestamp beyond = {.bits = last.bits + 8};
    struct timestamp far_beyond = {.bits = last.bits + (UINT64_C(1) << 60)};
    struct timestamp below = {.bits = first.bits - 8};
    struct timestamp far_below = {.bits = first.bits - (UINT64_C(1) << 60)};
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(beyond, INT64_MAX), INT64_MAX);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(far_beyond, INT64_MAX), INT64_MAX);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(below, INT64_MIN), INT64_MIN);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(far_below, INT64_MIN), INT64_MIN);
    struct timestamp inside = {.bits = last.bits - (UINT64_C(1) << 32)};
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(inside, INT64_MAX), INT64_MAX - S);
    inside.bits = first.bits + (UINT64_C(1) << 32);
    CU_ASSERT_EQUAL(timestamp_to_unix_ns(inside, INT64_MIN), INT64_MIN + S);
}

static void subtracts_across_eras(void)
{
    CU_ASSERT_EQUAL(timestamp_difference_ns(make(1, 0), make(UINT32_MAX, 0)), 2 * S);
    CU_ASSERT_EQUAL(timestamp_difference_ns(make(UINT32_MAX, 0), make(1, 0)), -2 * S);
    CU_ASSERT_EQUAL(timestamp_difference_ns(make(5, 0x80000000U), make(5, 0)), S / 2);
    CU_ASSERT_EQUAL(timestamp_difference_ns(make(5, 3), make(5, 0)), 1);
    CU_ASSERT_EQUAL(timestamp_difference_ns(make(5, 0), make(5, 3)), -1);
    CU_ASSERT_EQUAL(timestamp_difference_ns(make(5, 2), make(5, 0)), 0);
    CU_ASSERT_EQUAL(timestamp_difference_ns(make(5, 7), make(5, 7)), 0);
    CU_ASSERT_EQUAL(timestamp_difference_ns(make(0x7FFFFFFF, 0), make(0, 0)),
                    INT64_C(0x7FFFFFFF) * S);
    CU_ASSERT_EQUAL(timestamp_difference_ns(make(0x80000000, 0), make(0, 0)),
                    -(INT64_C(1) << 31) * S);
    int64_t before = (ERA_1 - 3) * S + 250;
    int64_t after = (ERA_1 + 4) * S + 750;
    CU_ASSERT_EQUAL(
        timestamp_difference_ns(timestamp_from_unix_ns(after), timestamp_from_unix_ns(before)),
        after - before);
}

static void rounds_short_format_up(void)
{
    CU_ASSERT_EQUAL(timestamp_short_from_ns(0), 0);
    CU_ASSERT_EQUAL(timestamp_short_from_ns(-1), 0);
    CU_ASSERT_EQUAL(timestamp_short_from_ns(INT64_MIN), 0);
    CU_ASSERT_EQUAL(timestamp_short_from_ns(1), 1);
    CU_ASSERT_EQUAL(timestamp_short_from_ns(15258), 1);
    CU_ASSERT_EQUAL(timestamp_short_from_ns(15259), 2);
    CU_ASSERT_EQUAL(timestamp_short_from_ns(S), 65536);
    CU_ASSERT_EQUAL(timestamp_short_from_ns(S + 1), 65537);
    CU_ASSERT_EQUAL(timestamp_short_from_ns(65535 * S), 0xFFFF0000U);
    CU_ASSERT_EQUAL(timestamp_short_from_ns(65536 * S - 1), UINT32_MAX);
    CU_ASSERT_EQUAL(timestamp_short_from_ns(65536 * S), UINT32_MAX);
    CU_ASSERT_EQUAL(timestamp_short_from_ns(INT64_MAX), UINT32_MAX);
    CU_ASSERT_EQUAL(timestamp_short_to_ns(0), 0);
    CU_ASSERT_EQUAL(timestamp_short_to_ns(1), 15259);
    CU_ASSERT_EQUAL(timestamp_short_to_ns(65536), S);
    CU_ASSERT_EQUAL(timestamp_short_to_ns(0x8000), S / 2);
    CU_ASSERT_EQUAL(timestamp_short_to_ns(UINT32_MAX), INT64_C(65535999984742));
}

static void powers_of_two_are_durations(void)
{
    CU_ASSERT_EQUAL(timestamp_log2_to_ns(0), S);
    CU_ASSERT_EQUAL(timestamp_log2_to_ns(1), 2 * S);
    CU_ASSERT_EQUAL(timestamp_log2_to_ns(10), 1024 * S);
    CU_ASSERT_EQUAL(timestamp_log2_to_ns(33), S << 33);
    CU_ASSERT_EQUAL(timestamp_log2_to_ns(34), S << 33);
    CU_ASSERT_EQUAL(timestamp_log2_to_ns(127), S << 33);
    CU_ASSERT_EQUAL(timestamp_log2_to_ns(-1), S / 2);
    CU_ASSERT_EQUAL(timestamp_log2_to_ns(-20), 954);
    CU_ASSERT_EQUAL(timestamp_log2_to_ns(-29), 2);
    CU_ASSERT_EQUAL(timestamp_log2_to_ns(-30), 1);
    CU_ASSERT_EQUAL(timestamp_log2_to_ns(-31), 1);
    CU_ASSERT_EQUAL(timestamp_log2_to_ns(-128), 1);
}

static const struct unit_case cases[] = {
    {"encodes known instants", encodes_known_instants},
    {"rounds down when encoding", rounds_down_when_encoding},
    {"never encodes unknown", never_encodes_unknown},
    {"takes any int64", takes_any_int64},
    {"returns every nanosecond", returns_every_nanosecond},
    {"rounds to nearest when decoding", rounds_to_nearest_when_decoding},
    {"chooses the era by the pivot", chooses_the_era_by_the_pivot},
    {"is nearest to the pivot by fractions too", is_nearest_to_the_pivot_by_fractions_too},
    {"saturates at the ends of int64", saturates_at_the_ends_of_int64},
    {"subtracts across eras", subtracts_across_eras},
    {"rounds short format up", rounds_short_format_up},
    {"powers of two are durations", powers_of_two_are_durations},
};

UNIT_MAIN("timestamp", cases)
