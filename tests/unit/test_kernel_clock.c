/* SPDX-License-Identifier: MIT */
/* Linked with the simulated clock: nothing here can reach the machine's own. */
#include "common/host/kernel_clock.h"
#include "tests/interop/fakeclock.h"
#include "tests/unit/unit.h"
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDING_PPM (0.5001 / 65536)
#define PASS_NS (1000 * NS_PER_S)
/* Four readings make a measurement, each whole nanoseconds. */
#define MEASURED_PPM (4.0 / (double)PASS_NS * 1e6)
#define TRIES 1000 /* 10 ms each */
#define BYSTANDER_PPM 33.0

static struct mono raw_now(void)
{
    return (struct mono){fakeclock_read().raw};
}

static void set_by_others(struct timex timex)
{
    CU_ASSERT(clock_adjtime(CLOCK_REALTIME, &timex) >= 0);
}

static struct kernel_state state_now(void)
{
    struct kernel_state state = {.frequency_ppm = NAN};
    CU_ASSERT_EQUAL(kernel_clock_read(&state), 0);
    return state;
}

/* A clock that nobody steers, as after a boot. */
static void begin_anew(void)
{
    fakeclock_refuse(0);
    set_by_others((struct timex){.modes = ADJ_STATUS, .status = STA_PLL});
    set_by_others((struct timex){.modes = ADJ_STATUS | ADJ_OFFSET | ADJ_FREQUENCY | ADJ_TICK |
                                          ADJ_MAXERROR | ADJ_ESTERROR,
                                 .status = STA_UNSYNC,
                                 .tick = 10000,
                                 .maxerror = 16000000,
                                 .esterror = 16000000});
}

static struct kernel_clock take(void)
{
    struct kernel_clock kernel;
    int guard_error = -1;
    begin_anew();
    kernel_clock_init(&kernel);
    CU_ASSERT_EQUAL_FATAL(kernel_clock_take(&kernel, &guard_error), 0);
    CU_ASSERT_EQUAL(guard_error, 0);
    return kernel;
}

static double steer(struct kernel_clock *kernel, double frequency_ppm, double rate_ppm,
                    int64_t step_ns)
{
    double frequency = NAN;
    struct mono now = raw_now();
    struct action_steer action = {.step_ns = step_ns,
                                  .frequency_ppm = frequency_ppm,
                                  .rate_ppm = rate_ppm,
                                  .until = {now.ns + 32 * NS_PER_S}};
    CU_ASSERT_EQUAL(kernel_clock_steer(kernel, &action, now, &frequency), 0);
    return frequency;
}

/* What the system clock gains on the oscillator while time passes. */
static double measured_ppm(void)
{
    struct fakeclock_reading before = fakeclock_read();
    fakeclock_pass(PASS_NS);
    struct fakeclock_reading after = fakeclock_read();
    double raw = (double)(after.raw - before.raw);
    return ((double)(after.realtime - before.realtime) - raw) / raw * 1e6;
}

static void test_frequency_is_what_was_asked(void)
{
    static const double asked[] = {0,      12.5,   -0.001,   -499.9999, 500,     500.01,
                                   -500.2, 549.99, 80000.25, -80000.25, 99999.9, -100000};
    struct kernel_clock kernel = take();
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        double got = steer(&kernel, asked[i], 0, 0);
        CU_ASSERT_DOUBLE_EQUAL(got, asked[i], ROUNDING_PPM);
        CU_ASSERT_DOUBLE_EQUAL(measured_ppm(), got, MEASURED_PPM);
        CU_ASSERT_DOUBLE_EQUAL(state_now().frequency_ppm, got, 1e-9);
    }
    CU_ASSERT_EQUAL(kernel_clock_release(&kernel), 0);
}

static void test_frequency_beyond_the_range_is_cut(void)
{
    struct kernel_clock kernel = take();
    CU_ASSERT_DOUBLE_EQUAL(steer(&kernel, 250000, 0, 0), KERNEL_CLOCK_PPM_MAX, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(steer(&kernel, -1e300, 0, 0), -KERNEL_CLOCK_PPM_MAX, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(steer(&kernel, NAN, 0, 0), 0, 1e-9);
    CU_ASSERT_EQUAL(kernel_clock_release(&kernel), 0);
}

static void test_step_is_exact(void)
{
    static const int64_t steps[] = {1500000000, -1500000000, 1, -1, -999999999, 86400 * NS_PER_S};
    struct kernel_clock kernel = take();
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct fakeclock_reading before = fakeclock_read();
        CU_ASSERT_DOUBLE_EQUAL(steer(&kernel, 0, 0, steps[i]), 0, 1e-9);
        struct fakeclock_reading after = fakeclock_read();
        int64_t gained = after.realtime - before.realtime - (after.raw - before.raw);
        CU_ASSERT_EQUAL(gained, steps[i]);
        CU_ASSERT_FALSE(state_now().is_synchronised);
    }
    CU_ASSERT_EQUAL(kernel_clock_release(&kernel), 0);
}

static void test_kernel_is_told(void)
{
    struct kernel_clock kernel = take();
    struct action_kernel told = {.is_synchronised = true,
                                 .error_max_ns = 1000001,
                                 .error_estimated_ns = 1,
                                 .leap = KERNEL_LEAP_INSERT,
                                 .tai_offset_s = 37};
    CU_ASSERT_EQUAL(kernel_clock_tell(&kernel, &told), 0);
    struct kernel_state state = state_now();
    CU_ASSERT_TRUE(state.is_synchronised);
    CU_ASSERT_EQUAL(state.error_max_ns, 1001000); /* rounded up: it is a bound */
    CU_ASSERT_EQUAL(state.error_estimated_ns, 1000);
    CU_ASSERT_EQUAL(state.leap, KERNEL_LEAP_INSERT);
    CU_ASSERT_FALSE(state.is_leap_done);
    CU_ASSERT_EQUAL(state.tai_offset_s, 37);

    fakeclock_pass(10 * NS_PER_S);
    state = state_now();
    CU_ASSERT_EQUAL(state.error_max_ns, 1001000 + 10 * 500000);

    told = (struct action_kernel){.error_max_ns = INT64_MAX, .leap = KERNEL_LEAP_DELETE};
    CU_ASSERT_EQUAL(kernel_clock_tell(&kernel, &told), 0);
    state = state_now();
    CU_ASSERT_FALSE(state.is_synchronised);
    CU_ASSERT_EQUAL(state.error_max_ns, 16 * NS_PER_S);
    CU_ASSERT_EQUAL(state.leap, KERNEL_LEAP_DELETE);
    CU_ASSERT_EQUAL(state.tai_offset_s, 37); /* 0 is "unknown": what was known stays */
    CU_ASSERT_EQUAL(kernel_clock_release(&kernel), 0);
}

static void test_steering_keeps_what_was_told(void)
{
    struct kernel_clock kernel = take();
    struct action_kernel told = {.is_synchronised = true, .leap = KERNEL_LEAP_DELETE};
    CU_ASSERT_EQUAL(kernel_clock_tell(&kernel, &told), 0);
    (void)steer(&kernel, 700, 3, 0);
    CU_ASSERT_TRUE(state_now().is_synchronised);
    CU_ASSERT_EQUAL(state_now().leap, KERNEL_LEAP_DELETE);
    CU_ASSERT_EQUAL(kernel_clock_release(&kernel), 0);
}

/* To a second's begin before the end of the day, so that the kernel leaps soon. */
static int64_t move_to_end_of_day(int64_t left_ns)
{
    int64_t day_ns = 86400 * NS_PER_S;
    int64_t past_ns = fakeclock_read().realtime % day_ns;
    return day_ns - left_ns - past_ns;
}

static void test_leap_is_told_anew_after_a_step(void)
{
    struct kernel_clock kernel = take();
    struct action_kernel told = {.is_synchronised = true, .leap = KERNEL_LEAP_INSERT};
    CU_ASSERT_EQUAL(kernel_clock_tell(&kernel, &told), 0);
    fakeclock_pass(NS_PER_S);
    (void)steer(&kernel, 0, 0, move_to_end_of_day(10 * NS_PER_S));
    /* However often within that second. */
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(kernel_clock_tell(&kernel, &told), 0);
        CU_ASSERT_TRUE(state_now().is_synchronised);
        CU_ASSERT_EQUAL(state_now().leap, KERNEL_LEAP_NONE);
    }
    fakeclock_pass(3 * NS_PER_S);
    CU_ASSERT_EQUAL(kernel_clock_tell(&kernel, &told), 0);
    CU_ASSERT_EQUAL(state_now().leap, KERNEL_LEAP_INSERT);

    struct fakeclock_reading before = fakeclock_read();
    fakeclock_pass(15 * NS_PER_S);
    struct fakeclock_reading after = fakeclock_read();
    int64_t gained_ns = after.realtime - before.realtime - (after.raw - before.raw);
    CU_ASSERT(llabs(gained_ns + NS_PER_S) < NS_PER_MS);
    CU_ASSERT_TRUE(state_now().is_leap_done);
    CU_ASSERT_EQUAL(kernel_clock_release(&kernel), 0);
    fakeclock_pass(NS_PER_S);
}

static void test_taking_ends_what_others_left(void)
{
    struct kernel_clock kernel;
    int guard_error;
    begin_anew();
    set_by_others((struct timex){.modes = ADJ_STATUS | ADJ_OFFSET | ADJ_FREQUENCY | ADJ_TICK,
                                 .status = STA_PLL,
                                 .offset = 12345,
                                 .freq = 5 * 65536,
                                 .tick = 10900});
    kernel_clock_init(&kernel);
    CU_ASSERT_EQUAL_FATAL(kernel_clock_take(&kernel, &guard_error), 0);
    struct kernel_state state = state_now();
    CU_ASSERT_FALSE(state.is_pll);
    CU_ASSERT_FALSE(state.is_synchronised);
    CU_ASSERT_EQUAL(state.offset_ns, 0);
    CU_ASSERT_DOUBLE_EQUAL(state.frequency_ppm, 0, 1e-9); /* nobody's oscillator is 9 % off */
    CU_ASSERT_EQUAL(kernel_clock_release(&kernel), 0);
}

static void test_plain_frequency_stays_when_taken(void)
{
    struct kernel_clock kernel;
    int guard_error;
    begin_anew();
    set_by_others((struct timex){.modes = ADJ_FREQUENCY, .freq = -17 * 65536});
    kernel_clock_init(&kernel);
    CU_ASSERT_EQUAL_FATAL(kernel_clock_take(&kernel, &guard_error), 0);
    CU_ASSERT_DOUBLE_EQUAL(state_now().frequency_ppm, -17, 1e-9);
    CU_ASSERT_EQUAL(kernel_clock_release(&kernel), 0);
    CU_ASSERT_DOUBLE_EQUAL(state_now().frequency_ppm, -17, 1e-9);
}

static void test_refusal_is_told(void)
{
    struct kernel_clock kernel;
    int guard_error;
    begin_anew();
    set_by_others((struct timex){.modes = ADJ_FREQUENCY, .freq = 65536});
    fakeclock_refuse(EPERM);
    kernel_clock_init(&kernel);
    CU_ASSERT_EQUAL(kernel_clock_take(&kernel, &guard_error), -EPERM);
    CU_ASSERT_EQUAL(kernel_clock_restore(0), -EPERM);
    CU_ASSERT_EQUAL(kernel_clock_release(&kernel), 0); /* nothing to give back */
    CU_ASSERT_DOUBLE_EQUAL(state_now().frequency_ppm, 1, 1e-9);
    fakeclock_refuse(0);
}

static void test_refusal_later_is_told(void)
{
    struct kernel_clock kernel = take();
    struct action_kernel told = {.is_synchronised = true};
    struct action_steer action = {.frequency_ppm = 5, .rate_ppm = 5};
    double frequency = -7;
    fakeclock_refuse(EPERM);
    CU_ASSERT_EQUAL(kernel_clock_steer(&kernel, &action, raw_now(), &frequency), -EPERM);
    CU_ASSERT_EQUAL(frequency, -7);
    CU_ASSERT_EQUAL(kernel_clock_tell(&kernel, &told), -EPERM);
    fakeclock_refuse(0);
    CU_ASSERT_EQUAL(kernel_clock_release(&kernel), 0);
}

static void test_release_leaves_the_plain_rate(void)
{
    struct kernel_clock kernel = take();
    struct action_kernel told = {.is_synchronised = true, .leap = KERNEL_LEAP_INSERT};
    pid_t guard = kernel.guard.pid;
    CU_ASSERT_EQUAL(kernel_clock_tell(&kernel, &told), 0);
    (void)steer(&kernel, 80000, 7.25, 0);
    CU_ASSERT_EQUAL(kernel_clock_release(&kernel), 0);
    struct kernel_state state = state_now();
    CU_ASSERT_DOUBLE_EQUAL(state.frequency_ppm, 7.25, 1e-9);
    CU_ASSERT_FALSE(state.is_synchronised);
    CU_ASSERT_EQUAL(state.leap, KERNEL_LEAP_NONE);
    CU_ASSERT(guard > 0 && kill(guard, 0) != 0);
}

static void test_others_are_noticed(void)
{
    char reason[KERNEL_CLOCK_REASON_MAX];
    struct kernel_clock kernel = take();
    (void)steer(&kernel, 80000, 4, 0);
    CU_ASSERT_FALSE(kernel_clock_is_steered_by_other(&kernel, reason));

    set_by_others((struct timex){.modes = ADJ_FREQUENCY, .freq = 3 * 65536});
    CU_ASSERT_TRUE(kernel_clock_is_steered_by_other(&kernel, reason));
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "+80003.000 ppm"));
    CU_ASSERT_FALSE(kernel_clock_is_steered_by_other(&kernel, reason));

    set_by_others((struct timex){.modes = ADJ_STATUS, .status = STA_PLL});
    (void)steer(&kernel, 4, 4, 0); /* overwrites it, but has seen it */
    CU_ASSERT_TRUE(kernel_clock_is_steered_by_other(&kernel, reason));
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "control loop"));
    CU_ASSERT_FALSE(state_now().is_pll);
    CU_ASSERT_FALSE(kernel_clock_is_steered_by_other(&kernel, reason));
    CU_ASSERT_EQUAL(kernel_clock_release(&kernel), 0);
}

static void test_guard_is_nobody_else(void)
{
    char reason[KERNEL_CLOCK_REASON_MAX];
    struct kernel_clock kernel = take();
    (void)steer(&kernel, 80000, 4, 0);
    CU_ASSERT_EQUAL(kernel_clock_restore(4), 0); /* as it would */
    CU_ASSERT_FALSE(kernel_clock_is_steered_by_other(&kernel, reason));
    CU_ASSERT_EQUAL(kernel_clock_release(&kernel), 0);
}

/* A folder as /proc is, with processes of these names. */
static void make_processes(char folder[64], const char *const *names, size_t count)
{
    snprintf(folder, 64, "/tmp/test_kernel_clock.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    for (size_t i = 0; i < count; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%zu", folder, i + 2);
        CU_ASSERT_EQUAL(mkdir(path, 0755), 0);
        snprintf(path, sizeof(path), "%s/%zu/comm", folder, i + 2);
        FILE *file = fopen(path, "w");
        CU_ASSERT_PTR_NOT_NULL_FATAL(file);
        fprintf(file, "%s\n", names[i]);
        fclose(file);
    }
}

static void remove_processes(const char *folder, size_t count)
{
    char path[128];
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%zu/comm", folder, i + 2);
        (void)unlink(path);
        snprintf(path, sizeof(path), "%s/%zu", folder, i + 2);
        (void)rmdir(path);
    }
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static bool is_kept_beside(const char *const *names, size_t count)
{
    char folder[64];
    char reason[KERNEL_CLOCK_REASON_MAX] = "";
    struct kernel_clock kernel;
    make_processes(folder, names, count);
    kernel_clock_init(&kernel);
    kernel.processes = folder;
    bool is_kept = kernel_clock_is_steered_by_other(&kernel, reason);
    CU_ASSERT_EQUAL(is_kept, reason[0] != 0);
    remove_processes(folder, count);
    return is_kept;
}

static void test_keeper_is_seen_before_taking(void)
{
    static const char *const chronyd[] = {"kthreadd", "bash", "chronyd"};
    static const char *const timesyncd[] = {"kthreadd", "systemd-timesyn"};
    static const char *const others[] = {"kthreadd", "bash", "chronyd-exporter", "chimed-guard"};
    static const char *const container[] = {"bash"};
    begin_anew();
    CU_ASSERT_FALSE(is_kept_beside(chronyd, 3)); /* it runs with -x */
    set_by_others((struct timex){.modes = ADJ_STATUS | ADJ_MAXERROR, .maxerror = 1000});
    CU_ASSERT_TRUE(is_kept_beside(chronyd, 3));
    CU_ASSERT_TRUE(is_kept_beside(timesyncd, 2));
    CU_ASSERT_FALSE(is_kept_beside(others, 4));   /* whoever said so has ended */
    CU_ASSERT_TRUE(is_kept_beside(container, 1)); /* nobody knows */
    fakeclock_pass(3000 * NS_PER_S);              /* nobody repeats it */
    CU_ASSERT_TRUE(state_now().is_synchronised);
    CU_ASSERT_FALSE(is_kept_beside(container, 1));
}

/* A daemon in the midst of a slew, ready to be killed. */
static pid_t start_slewing(int64_t slew_ns)
{
    int ready[2];
    char octet = 0;
    begin_anew();
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct kernel_clock kernel;
        int guard_error;
        double frequency;
        struct mono now = raw_now();
        struct action_steer action = {
            .frequency_ppm = 80000, .rate_ppm = BYSTANDER_PPM, .until = {now.ns + slew_ns}};
        kernel_clock_init(&kernel);
        if (kernel_clock_take(&kernel, &guard_error) == 0 && guard_error == 0 &&
            kernel_clock_steer(&kernel, &action, now, &frequency) == 0) {
            octet = 1;
        }
        (void)!write(ready[1], &octet, 1);
        for (;;) {
            (void)pause();
        }
    }
    close(ready[1]);
    CU_ASSERT_EQUAL(read(ready[0], &octet, 1), 1);
    CU_ASSERT_EQUAL(octet, 1);
    close(ready[0]);
    CU_ASSERT_DOUBLE_EQUAL(state_now().frequency_ppm, 80000, 1e-9);
    return pid;
}

static bool becomes_plain(void)
{
    for (int i = 0; i < TRIES; i++) {
        if (fabs(state_now().frequency_ppm - BYSTANDER_PPM) < ROUNDING_PPM) {
            return true;
        }
        (void)poll(NULL, 0, 10);
    }
    return false;
}

static void end(pid_t pid)
{
    CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

static void test_kill_leaves_no_runaway(void)
{
    pid_t pid = start_slewing(INT64_C(1000000) * NS_PER_S);
    end(pid);
    CU_ASSERT_TRUE(becomes_plain());
    CU_ASSERT_FALSE(state_now().is_synchronised);
}

static void test_stop_leaves_no_runaway(void)
{
    pid_t pid = start_slewing(NS_PER_MS);
    CU_ASSERT_EQUAL(kill(pid, SIGSTOP), 0);
    CU_ASSERT_TRUE(becomes_plain());
    end(pid);
}

static void test_lost_guard_is_replaced(void)
{
    struct kernel_clock kernel = take();
    pid_t first = kernel.guard.pid;
    int status;
    CU_ASSERT_EQUAL(kill(first, SIGKILL), 0);
    CU_ASSERT_EQUAL(waitpid(first, &status, 0), first);
    (void)steer(&kernel, 80000, 4, 0);
    CU_ASSERT(kernel.guard.pid > 0 && kernel.guard.pid != first);
    CU_ASSERT_EQUAL(kernel_clock_release(&kernel), 0);
}

static const struct unit_case cases[] = {
    {"the frequency is what was asked", test_frequency_is_what_was_asked},
    {"a frequency beyond the range is cut", test_frequency_beyond_the_range_is_cut},
    {"a step is exact", test_step_is_exact},
    {"the kernel is told", test_kernel_is_told},
    {"steering keeps what was told", test_steering_keeps_what_was_told},
    {"a leap second is told anew after a step", test_leap_is_told_anew_after_a_step},
    {"taking ends what others left", test_taking_ends_what_others_left},
    {"a plain frequency stays when taken", test_plain_frequency_stays_when_taken},
    {"a refusal is told", test_refusal_is_told},
    {"a refusal later is told", test_refusal_later_is_told},
    {"release leaves the plain rate", test_release_leaves_the_plain_rate},
    {"others are noticed", test_others_are_noticed},
    {"the guard is nobody else", test_guard_is_nobody_else},
    {"a keeper is seen before taking", test_keeper_is_seen_before_taking},
    {"kill -9 leaves no runaway", test_kill_leaves_no_runaway},
    {"a stop leaves no runaway", test_stop_leaves_no_runaway},
    {"a lost guard is replaced", test_lost_guard_is_replaced},
};
UNIT_MAIN("kernel_clock", cases)
