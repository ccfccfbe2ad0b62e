/* SPDX-License-Identifier: MIT */
#include "common/host/clock.h"
#include "tests/unit/unit.h"

static const struct clock_fault no_fault;

static void test_reading_goes_forward(void)
{
    struct clock *clock = clock_create(&no_fault, 1);
    struct reading before = clock_read(clock);
    for (int i = 0; i < 1000; i++) {
        struct reading now = clock_read(clock);
        CU_ASSERT(now.mono.ns >= before.mono.ns);
        before = now;
    }
    clock_destroy(clock);
}

static void test_offset_is_added_to_the_system_clock_only(void)
{
    struct clock *honest = clock_create(&no_fault, 1);
    struct clock *faulty = clock_create(&(struct clock_fault){.offset_ns = 80 * NS_PER_MS}, 1);
    struct reading before = clock_read(honest);
    struct reading between = clock_read(faulty);
    struct reading after = clock_read(honest);
    CU_ASSERT(between.wall.ns - 80 * NS_PER_MS >= before.wall.ns);
    CU_ASSERT(between.wall.ns - 80 * NS_PER_MS <= after.wall.ns);
    CU_ASSERT(between.mono.ns >= before.mono.ns);
    CU_ASSERT(between.mono.ns <= after.mono.ns);
    clock_destroy(honest);
    clock_destroy(faulty);
}

/* A clock that gains 50 %: what it shows is bounded by honest readings around creation and reading.
 */
static void test_rate_is_gained_since_creation(void)
{
    const double rate = 0.5;
    struct clock *honest = clock_create(&no_fault, 1);
    int64_t created_after = clock_read(honest).mono.ns;
    struct clock *faulty = clock_create(&(struct clock_fault){.rate_ppm = rate * 1e6}, 1);
    int64_t created_before = clock_read(honest).mono.ns;
    for (int i = 0; i < 1000; i++) {
        int64_t before = clock_read(honest).mono.ns;
        int64_t shown = clock_read(faulty).mono.ns;
        int64_t after = clock_read(honest).mono.ns;
        int64_t least = before + (int64_t)(rate * (double)(before - created_before));
        int64_t most = after + (int64_t)(rate * (double)(after - created_after));
        CU_ASSERT(shown >= least - 2 && shown <= most + 2);
    }
    clock_destroy(honest);
    clock_destroy(faulty);
}

static void test_wander_is_bounded_at_first(void)
{
    struct clock *honest = clock_create(&no_fault, 1);
    struct clock *faulty = clock_create(&(struct clock_fault){.wander_ppb = 1000}, 1);
    /* The walk starts at rate 0, so that nothing is gained in the first second. */
    int64_t before = clock_read(honest).wall.ns;
    int64_t shown = clock_read(faulty).wall.ns;
    int64_t after = clock_read(honest).wall.ns;
    CU_ASSERT(shown >= before && shown <= after);
    clock_destroy(honest);
    clock_destroy(faulty);
}

static void test_kernel_stamp_is_converted(void)
{
    struct clock *clock = clock_create(&no_fault, 1);
    struct reading now = clock_read(clock);
    struct reading then = clock_convert(clock, now.wall.ns - 1234567, now);
    CU_ASSERT_EQUAL(then.wall.ns, now.wall.ns - 1234567);
    CU_ASSERT_EQUAL(then.mono.ns, now.mono.ns - 1234567);
    clock_destroy(clock);
}

static void test_kernel_stamp_is_converted_with_the_fault(void)
{
    struct clock_fault fault = {.offset_ns = -35 * NS_PER_MS, .rate_ppm = 100000};
    struct clock *honest = clock_create(&no_fault, 1);
    struct clock *faulty = clock_create(&fault, 1);
    int64_t real_before = clock_read(honest).wall.ns;
    struct reading now = clock_read(faulty);
    int64_t real_after = clock_read(honest).wall.ns;
    /* A stamp 1 ms before now lies between 1 ms and 1 ms + the time that reading took, on either
     * clock. */
    struct reading then = clock_convert(faulty, real_after - NS_PER_MS, now);
    int64_t age = now.mono.ns - then.mono.ns;
    CU_ASSERT(age <= NS_PER_MS + NS_PER_MS / 10 + 2);
    CU_ASSERT(age >= NS_PER_MS + NS_PER_MS / 10 - 2 * (real_after - real_before) - 2);
    CU_ASSERT_EQUAL(now.wall.ns - then.wall.ns, age);
    clock_destroy(honest);
    clock_destroy(faulty);
}

static void test_stamp_from_another_time_becomes_now(void)
{
    struct clock *clock = clock_create(&no_fault, 1);
    struct reading now = clock_read(clock);
    const int64_t strange[] = {now.wall.ns + 1, now.wall.ns + 3600 * NS_PER_S,
                               now.wall.ns - 11 * NS_PER_S, 0};
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        struct reading then = clock_convert(clock, strange[i], now);
        CU_ASSERT_EQUAL(then.wall.ns, now.wall.ns);
        CU_ASSERT_EQUAL(then.mono.ns, now.mono.ns);
    }
    clock_destroy(clock);
}

static void test_precision_is_plausible(void)
{
    int8_t precision = clock_precision();
    CU_ASSERT(precision >= -30 && precision <= -6);
}

static const struct unit_case cases[] = {
    {"a reading goes forward", test_reading_goes_forward},
    {"an offset is added to the system clock only", test_offset_is_added_to_the_system_clock_only},
    {"a rate is gained since creation", test_rate_is_gained_since_creation},
    {"wander starts at rate 0", test_wander_is_bounded_at_first},
    {"a kernel stamp is converted", test_kernel_stamp_is_converted},
    {"a kernel stamp is converted with the fault", test_kernel_stamp_is_converted_with_the_fault},
    {"a stamp from another time becomes now", test_stamp_from_another_time_becomes_now},
    {"the precision is plausible", test_precision_is_plausible},
};
UNIT_MAIN("clock", cases)
