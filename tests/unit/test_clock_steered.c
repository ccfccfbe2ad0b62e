/* SPDX-License-Identifier: MIT */
/* Stamps of the kernel while the system clock is slewed and set. Linked with the simulated clock.
 */
#include "common/host/clock.h"
#include "common/host/kernel_clock.h"
#include "common/host/watch.h"
#include "tests/interop/fakeclock.h"
#include "tests/unit/unit.h"

#define CLOSE_NS (20 * NS_PER_US) /* a reading may be interrupted */
#define AGE_NS (50 * NS_PER_MS)

static const struct clock_fault no_fault;

static void ignore(void *context, int64_t by_ns)
{
    (void)context, (void)by_ns;
}

struct bench {
    uv_loop_t loop;
    struct clock *clock;
    struct watch *watch;
};

static void begin(struct bench *bench, const struct clock_fault *fault)
{
    CU_ASSERT_EQUAL(kernel_clock_restore(0), 0);
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&bench->loop), 0);
    bench->clock = clock_create(fault, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bench->clock);
    struct watch_handler handler = {
        .clock = bench->clock, .disrupted = ignore, .clock_set = ignore};
    bench->watch = watch_create(&bench->loop, &handler);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bench->watch);
}

static void end(struct bench *bench)
{
    watch_destroy(bench->watch);
    (void)uv_run(&bench->loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&bench->loop), 0);
    clock_destroy(bench->clock);
    CU_ASSERT_EQUAL(kernel_clock_restore(0), 0);
}

static void expect_dated(const struct bench *bench)
{
    /* However slowly we run, the stamp lies between two readings. */
    struct reading before = clock_read(bench->clock);
    int64_t stamp = fakeclock_read().realtime;
    struct reading after = clock_read(bench->clock);
    fakeclock_pass(AGE_NS);
    struct reading at, now = clock_read(bench->clock);
    CU_ASSERT_TRUE_FATAL(clock_date(bench->clock, stamp, now, &at));
    CU_ASSERT(at.mono.ns > before.mono.ns - CLOSE_NS && at.mono.ns < after.mono.ns + CLOSE_NS);
    CU_ASSERT(at.wall.ns > before.wall.ns - CLOSE_NS && at.wall.ns < after.wall.ns + CLOSE_NS);
}

static void test_stamp_is_right_while_slewed(void)
{
    static const double rates[] = {80000, -80000, 100000, 12};
    struct bench bench;
    begin(&bench, &no_fault);
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        CU_ASSERT_EQUAL(kernel_clock_restore(rates[i]), 0);
        watch_expect_step(bench.watch, 0); /* 4 ms would be missing */
        expect_dated(&bench);
    }
    end(&bench);
}

static void test_stamp_is_right_while_slewed_with_a_fault(void)
{
    static const struct clock_fault fault = {.offset_ns = 77 * NS_PER_S, .rate_ppm = 500};
    struct bench bench;
    begin(&bench, &fault);
    CU_ASSERT_EQUAL(kernel_clock_restore(80000), 0);
    watch_expect_step(bench.watch, 0);
    expect_dated(&bench);
    end(&bench);
}

static void test_stamp_from_before_a_step_is_not_dated(void)
{
    static const int64_t steps[] = {NS_PER_S, -NS_PER_S, 3 * NS_PER_MS};
    struct bench bench;
    begin(&bench, &no_fault);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        int64_t stamp = fakeclock_read().realtime;
        fakeclock_pass(NS_PER_MS);
        fakeclock_step(steps[i]);
        watch_expect_step(bench.watch, steps[i]);
        struct reading now = clock_read(bench.clock), at = {.wall = {7}};
        CU_ASSERT_FALSE(clock_date(bench.clock, stamp, now, &at));
        CU_ASSERT_EQUAL(at.wall.ns, 7);
        at = clock_convert(bench.clock, stamp, now);
        CU_ASSERT_EQUAL(at.mono.ns, now.mono.ns);
        expect_dated(&bench); /* those from after it are */
    }
    end(&bench);
}

static void test_stamp_from_before_a_strange_step_is_not_dated(void)
{
    struct bench bench;
    begin(&bench, &no_fault);
    int64_t stamp = fakeclock_read().realtime;
    fakeclock_step(NS_PER_S);
    (void)uv_run(&bench.loop, UV_RUN_NOWAIT); /* the watch saw it */
    struct reading at;
    CU_ASSERT_FALSE(clock_date(bench.clock, stamp, clock_read(bench.clock), &at));
    end(&bench);
}

static const struct unit_case cases[] = {
    {"a stamp is right while slewed", test_stamp_is_right_while_slewed},
    {"a stamp is right while slewed, with a fault", test_stamp_is_right_while_slewed_with_a_fault},
    {"a stamp from before a step is not dated", test_stamp_from_before_a_step_is_not_dated},
    {"nor from before somebody else's", test_stamp_from_before_a_strange_step_is_not_dated},
};
UNIT_MAIN("clock_steered", cases)
