/* SPDX-License-Identifier: MIT */
/* Linked with the simulated clock: nothing here can reach the machine's own. */
#include "common/host/kernel_clock.h"
#include "common/host/watch.h"
#include "tests/interop/fakeclock.h"
#include "tests/unit/unit.h"
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECOND (NS_PER_S + NS_PER_MS)
#define CLOSE_NS (2 * NS_PER_MS)
#define DAY_S 86400
#define DESCRIPTORS 256

struct ward {
    uv_loop_t loop;
    struct watch *watch;
    unsigned disruptions, settings;
    int64_t disrupted_ns, set_ns;
};

static void on_disrupted(void *context, int64_t by_ns)
{
    struct ward *ward = context;
    ward->disruptions++;
    ward->disrupted_ns += by_ns;
}

static void on_clock_set(void *context, int64_t by_ns)
{
    struct ward *ward = context;
    ward->settings++;
    ward->set_ns += by_ns;
}

static void adjust(struct timex timex)
{
    CU_ASSERT(clock_adjtime(CLOCK_REALTIME, &timex) >= 0);
}

static void set_frequency(double ppm)
{
    CU_ASSERT_EQUAL(kernel_clock_restore(ppm), 0);
}

static void begin(struct ward *ward)
{
    adjust((struct timex){.modes = ADJ_STATUS | ADJ_OFFSET, .status = STA_PLL});
    set_frequency(0);
    *ward = (struct ward){.watch = NULL};
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&ward->loop), 0);
    struct watch_handler handler = {
        .context = ward, .disrupted = on_disrupted, .clock_set = on_clock_set};
    ward->watch = watch_create(&ward->loop, &handler);
    CU_ASSERT_PTR_NOT_NULL_FATAL(ward->watch);
}

static void end(struct ward *ward)
{
    watch_destroy(ward->watch);
    (void)uv_run(&ward->loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&ward->loop), 0);
    set_frequency(0);
}

/* A second passes; the watch has its turn. */
static void pass(struct ward *ward)
{
    fakeclock_pass(SECOND);
    uv_update_time(&ward->loop);
    (void)uv_run(&ward->loop, UV_RUN_NOWAIT);
}

/* Only what is ready now, no timer's time comes. */
static void react(struct ward *ward)
{
    (void)uv_run(&ward->loop, UV_RUN_NOWAIT);
}

static void test_quiet_clock_says_nothing(void)
{
    struct ward ward;
    begin(&ward);
    for (int i = 0; i < 100; i++) {
        pass(&ward);
    }
    CU_ASSERT_EQUAL(ward.disruptions, 0);
    CU_ASSERT_EQUAL(ward.settings, 0);
    end(&ward);
}

static void test_sleep_is_noticed_within_a_second(void)
{
    static const int64_t sleeps[] = {10 * NS_PER_MS, NS_PER_S, 8 * 3600 * NS_PER_S};
    for (size_t i = 0; i < sizeof(sleeps) / sizeof(sleeps[0]); i++) {
        struct ward ward;
        begin(&ward);
        pass(&ward);
        fakeclock_suspend(sleeps[i]);
        pass(&ward);
        CU_ASSERT_EQUAL(ward.disruptions, 1);
        CU_ASSERT(llabs(ward.disrupted_ns - sleeps[i]) < CLOSE_NS);
        CU_ASSERT_EQUAL(ward.settings, 0); /* nobody set the clock: it went on */
        pass(&ward);
        CU_ASSERT_EQUAL(ward.disruptions, 1);
        end(&ward);
    }
}

/* By whatever process: the timer is not cancelled here. */
static void test_setting_is_noticed_within_a_second(void)
{
    static const int64_t steps[] = {5 * NS_PER_MS, -5 * NS_PER_MS, 3600 * NS_PER_S,
                                    -3600 * NS_PER_S};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct ward ward;
        begin(&ward);
        pass(&ward);
        pid_t pid = fork();
        if (pid == 0) {
            for (int descriptor = 3; descriptor < DESCRIPTORS; descriptor++) {
                (void)close(descriptor); /* the timer, too, is another's */
            }
            fakeclock_step(steps[i]);
            _exit(0);
        }
        CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
        react(&ward);
        CU_ASSERT_EQUAL(ward.settings, 0);
        pass(&ward);
        CU_ASSERT_EQUAL(ward.settings, 1);
        CU_ASSERT(llabs(ward.set_ns - steps[i]) < CLOSE_NS);
        CU_ASSERT_EQUAL(ward.disruptions, 0);
        pass(&ward);
        CU_ASSERT_EQUAL(ward.settings, 1);
        end(&ward);
    }
}

static void test_cancelled_timer_tells_at_once(void)
{
    struct ward ward;
    begin(&ward);
    for (unsigned i = 1; i <= 3; i++) { /* it is armed again each time */
        fakeclock_step(NS_PER_S);
        react(&ward);
        CU_ASSERT_EQUAL(ward.settings, i);
    }
    CU_ASSERT(llabs(ward.set_ns - 3 * NS_PER_S) < CLOSE_NS);
    end(&ward);
}

static void test_sleep_and_setting_are_told_apart(void)
{
    struct ward ward;
    begin(&ward);
    fakeclock_suspend(100 * NS_PER_S);
    fakeclock_step(-7 * NS_PER_S);
    pass(&ward);
    CU_ASSERT_EQUAL(ward.disruptions, 1);
    CU_ASSERT_EQUAL(ward.settings, 1);
    CU_ASSERT(llabs(ward.disrupted_ns - 100 * NS_PER_S) < CLOSE_NS);
    CU_ASSERT(llabs(ward.set_ns + 7 * NS_PER_S) < CLOSE_NS);
    end(&ward);
}

static void test_slews_are_explained(void)
{
    static const double rates[] = {100000, -100000, 0, 499, 80000, -500};
    struct ward ward;
    begin(&ward);
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        set_frequency(rates[i]);
        fakeclock_pass(NS_PER_S / 2); /* both rates within one second */
        pass(&ward);
        pass(&ward);
    }
    CU_ASSERT_EQUAL(ward.settings, 0);
    CU_ASSERT_EQUAL(ward.disruptions, 0);
    end(&ward);
}

static void test_slew_between_two_looks_is_explained_by_ours(void)
{
    struct ward ward;
    begin(&ward);
    set_frequency(90000);
    watch_expect_step(ward.watch, 0);
    fakeclock_pass(NS_PER_S / 2);
    set_frequency(0);
    watch_expect_step(ward.watch, 0);
    pass(&ward);
    CU_ASSERT_EQUAL(ward.settings, 0);
    end(&ward);
}

static void test_step_within_a_slew_is_noticed(void)
{
    struct ward ward;
    begin(&ward);
    set_frequency(80000);
    pass(&ward);
    fakeclock_step(10 * NS_PER_MS);
    pass(&ward);
    CU_ASSERT_EQUAL(ward.settings, 1);
    CU_ASSERT(llabs(ward.set_ns - 10 * NS_PER_MS) < CLOSE_NS);
    end(&ward);
}

static void test_own_step_is_expected(void)
{
    struct ward ward;
    begin(&ward);
    fakeclock_step(-3 * NS_PER_S);
    watch_expect_step(ward.watch, -3 * NS_PER_S);
    react(&ward);
    pass(&ward);
    CU_ASSERT_EQUAL(ward.settings, 0);
    fakeclock_step(NS_PER_S); /* and somebody else's just before ours is not lost */
    fakeclock_step(5 * NS_PER_S);
    watch_expect_step(ward.watch, 5 * NS_PER_S);
    pass(&ward);
    CU_ASSERT_EQUAL(ward.settings, 1);
    CU_ASSERT(llabs(ward.set_ns - NS_PER_S) < CLOSE_NS);
    end(&ward);
}

static void test_kernels_own_loop_is_explained(void)
{
    struct ward ward;
    begin(&ward);
    adjust((struct timex){
        .modes = ADJ_STATUS | ADJ_OFFSET | ADJ_NANO, .status = STA_PLL, .offset = 50 * NS_PER_MS});
    pass(&ward);
    fakeclock_step(20 * NS_PER_MS); /* as that loop would, in parts */
    pass(&ward);
    CU_ASSERT_EQUAL(ward.settings, 0);
    end(&ward);
}

static void test_leap_second_is_no_setting(void)
{
    static const int bits[] = {STA_INS, STA_DEL};
    for (size_t i = 0; i < 2; i++) {
        struct ward ward;
        begin(&ward);
        struct timespec now;
        adjust((struct timex){.modes = ADJ_STATUS}); /* the one before is over */
        pass(&ward);
        clock_gettime(CLOCK_REALTIME, &now);
        fakeclock_step((DAY_S - now.tv_sec % DAY_S - 3) * NS_PER_S);
        /* The kernel says that it leapt only while somebody vouches for its clock. */
        adjust((struct timex){
            .modes = ADJ_STATUS | ADJ_MAXERROR, .status = bits[i], .maxerror = 1000});
        watch_expect_step(ward.watch, 0);
        pass(&ward);
        ward.settings = 0; /* the way to midnight */
        struct fakeclock_reading before = fakeclock_read();
        for (int second = 0; second < 6; second++) {
            pass(&ward);
        }
        struct fakeclock_reading after = fakeclock_read();
        int64_t gained = after.realtime - before.realtime - (after.raw - before.raw);
        /* Four readings of whole nanoseconds. */
        CU_ASSERT(llabs(gained - (bits[i] == STA_INS ? -NS_PER_S : NS_PER_S)) <= 4);
        CU_ASSERT_EQUAL(ward.settings, 0);
        CU_ASSERT_EQUAL(ward.disruptions, 0);
        end(&ward);
    }
}

static const struct unit_case cases[] = {
    {"a quiet clock says nothing", test_quiet_clock_says_nothing},
    {"sleep is noticed within a second", test_sleep_is_noticed_within_a_second},
    {"a setting is noticed within a second", test_setting_is_noticed_within_a_second},
    {"a cancelled timer tells at once", test_cancelled_timer_tells_at_once},
    {"sleep and setting are told apart", test_sleep_and_setting_are_told_apart},
    {"slews are explained", test_slews_are_explained},
    {"a slew of ours between two looks is explained",
     test_slew_between_two_looks_is_explained_by_ours},
    {"a step within a slew is noticed", test_step_within_a_slew_is_noticed},
    {"our own step is expected", test_own_step_is_expected},
    {"the kernel's own loop is explained", test_kernels_own_loop_is_explained},
    {"a leap second is no setting", test_leap_second_is_no_setting},
};
UNIT_MAIN("watch", cases)
