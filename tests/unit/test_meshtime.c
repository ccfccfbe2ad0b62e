/* SPDX-License-Identifier: MIT */
#include "client/sync/meshtime.h"
#include "tests/unit/unit.h"
#include <math.h>

#define PPM 1e-6

static const struct mono start = {7 * NS_PER_S};
static const struct wall wall = {INT64_C(1795190400) * NS_PER_S};

static struct mono after(int64_t by_ns)
{
    return (struct mono){start.ns + by_ns};
}

static int64_t read_ns(const struct meshtime *line, struct mono now)
{
    double fraction_ns;
    struct wall read = meshtime_read(line, now, &fraction_ns);
    CU_ASSERT_TRUE(fabs(fraction_ns) <= 0.5);
    return read.ns - wall.ns;
}

static void test_middle(void)
{
    const double liars_above[] = {0, 1e9, 3, 2, 1e9};
    CU_ASSERT_DOUBLE_EQUAL(meshtime_middle(liars_above, 5, 2), 3, 1e-9);
    const double both_sides[] = {-1e9, 4, 1e9, 2};
    CU_ASSERT_DOUBLE_EQUAL(meshtime_middle(both_sides, 4, 1), 3, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(meshtime_middle(both_sides, 4, 0), 1.5, 1e-9);
    /* Never more than leave one or two. */
    const double two[] = {5, 1};
    CU_ASSERT_DOUBLE_EQUAL(meshtime_middle(two, 2, 3), 3, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(meshtime_middle(two, 1, 1), 5, 1e-9);
}

/* Wherever f liars stand, the middle is between honest values. */
static void test_middle_is_between_the_honest(void)
{
    static const double lies[] = {-1e12, -3, 0.5, 1e12};
    for (size_t a = 0; a < 4; a++) {
        for (size_t b = 0; b < 4; b++) {
            const double values[] = {lies[a], -1, 0, 1, lies[b]};
            double middle = meshtime_middle(values, 5, 2);
            CU_ASSERT_TRUE(middle >= -1 && middle <= 1);
        }
    }
}

static void test_line(void)
{
    struct meshtime line;
    meshtime_begin(&line, start, wall, 20);
    CU_ASSERT_EQUAL(read_ns(&line, start), 0);
    CU_ASSERT_EQUAL(read_ns(&line, after(10 * NS_PER_S)), 10 * NS_PER_S + 200000);
    meshtime_hold(&line, after(5 * NS_PER_S));
    CU_ASSERT_EQUAL(read_ns(&line, after(10 * NS_PER_S)), 10 * NS_PER_S + 200000);
}

static void test_small_offsets_are_slewed(void)
{
    struct meshtime line;
    struct meshtime_voice voice = {.offset_ns = 200e3};
    meshtime_begin(&line, start, wall, 0);
    meshtime_settle(&line, true);
    CU_ASSERT_EQUAL(meshtime_follow(&line, &voice, 1, 0, false, start), 0);
    double ppm = meshtime_rate_ppm(&line);
    CU_ASSERT_TRUE(ppm > 5 && ppm <= MESHTIME_SLEW_PPM);
    CU_ASSERT_EQUAL(read_ns(&line, start), 0);
    /* Our own voice is half of it. */
    CU_ASSERT_EQUAL(meshtime_follow(&line, &voice, 1, 0, true, start), 0);
    CU_ASSERT_DOUBLE_EQUAL(meshtime_rate_ppm(&line), ppm / 2, 1e-9);
    voice.offset_ns = -900e3;
    CU_ASSERT_EQUAL(meshtime_follow(&line, &voice, 1, 0, false, start), 0);
    CU_ASSERT_DOUBLE_EQUAL(meshtime_rate_ppm(&line), -MESHTIME_SLEW_PPM, 1e-9);
    meshtime_hold(&line, start);
    CU_ASSERT_DOUBLE_EQUAL(meshtime_rate_ppm(&line), 0, 1e-9);
    /* For the first 30 polls it decays twice as fast as later. */
    voice.offset_ns = 200e3;
    CU_ASSERT_EQUAL(meshtime_follow(&line, &voice, 1, 0, false, after(479 * NS_PER_S)), 0);
    CU_ASSERT_DOUBLE_EQUAL(meshtime_rate_ppm(&line), ppm, 1e-9);
    CU_ASSERT_EQUAL(meshtime_follow(&line, &voice, 1, 0, false, after(480 * NS_PER_S)), 0);
    CU_ASSERT_DOUBLE_EQUAL(meshtime_rate_ppm(&line), ppm / 2, 1e-9);
}

static void test_jumps_are_rare(void)
{
    struct meshtime line;
    const struct meshtime_voice voice = {.offset_ns = 3e9};
    unsigned jumps = 0;
    meshtime_begin(&line, start, wall, 0);
    CU_ASSERT_EQUAL(meshtime_follow(&line, &voice, 1, 0, false, start), 3 * NS_PER_S);
    CU_ASSERT_EQUAL(read_ns(&line, start), 3 * NS_PER_S);
    CU_ASSERT_EQUAL(meshtime_follow(&line, &voice, 1, 0, false, after(NS_PER_S)), 0);
    meshtime_settle(&line, true);
    for (int64_t s = 1; s <= 3600; s++) {
        jumps += meshtime_follow(&line, &voice, 1, 0, false, after(s * NS_PER_S)) != 0;
    }
    CU_ASSERT_EQUAL(jumps, 4);
    /* Until it has settled: each time that all were asked again. */
    meshtime_settle(&line, false);
    jumps = 0;
    for (int64_t s = 3601; s <= 3700; s++) {
        jumps += meshtime_follow(&line, &voice, 1, 0, false, after(s * NS_PER_S)) != 0;
    }
    CU_ASSERT_EQUAL(jumps, 20);
    meshtime_pace(&line, 2 * NS_PER_S);
    jumps = 0;
    for (int64_t s = 3701; s <= 3730; s++) {
        jumps += meshtime_follow(&line, &voice, 1, 0, false, after(s * NS_PER_S)) != 0;
    }
    CU_ASSERT_EQUAL(jumps, 4); /* 24 in all: who does not find it asks no more so often */
    /* What may be noise is none of its reasons, nor what a slew makes up for soon. */
    meshtime_settle(&line, true);
    meshtime_settle(&line, false);
    const struct meshtime_voice unsure = {.offset_ns = 3e6, .sd_ns = 1e6},
                                near = {.offset_ns = 2e5};
    CU_ASSERT_EQUAL(meshtime_follow(&line, &unsure, 1, 0, false, after(3900 * NS_PER_S)), 0);
    CU_ASSERT_EQUAL(meshtime_follow(&line, &near, 1, 0, false, after(3901 * NS_PER_S)), 0);
}

static void test_rates_meet(void)
{
    struct meshtime line;
    const struct meshtime_voice voices[] = {{.has_rate = true, .rate_ppm = 10},
                                            {.has_rate = true, .rate_ppm = 30},
                                            {.has_rate = true, .rate_ppm = 1e5},
                                            {.has_rate = false}};
    meshtime_begin(&line, start, wall, -5);
    /* -5, 10, 30 and a liar: the middle two. */
    CU_ASSERT_EQUAL(meshtime_follow(&line, voices, 4, 1, true, start), 0);
    CU_ASSERT_DOUBLE_EQUAL(meshtime_rate_ppm(&line), 20, 1e-6);
    /* One of four that is known is no middle. */
    meshtime_begin(&line, start, wall, -5);
    const struct meshtime_voice few[] = {{.has_rate = true, .rate_ppm = 40},
                                         {.has_rate = false},
                                         {.has_rate = false},
                                         {.has_rate = false}};
    (void)meshtime_follow(&line, few, 4, 1, true, start);
    CU_ASSERT_DOUBLE_EQUAL(meshtime_rate_ppm(&line), -5, 1e-6);
}

static const struct unit_case cases[] = {
    {"the middle", test_middle},
    {"the middle is between the honest", test_middle_is_between_the_honest},
    {"a line", test_line},
    {"small offsets are slewed", test_small_offsets_are_slewed},
    {"jumps are rare", test_jumps_are_rare},
    {"rates meet", test_rates_meet},
};
UNIT_MAIN("meshtime", cases)
