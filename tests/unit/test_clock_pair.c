/* SPDX-License-Identifier: MIT */
/* How both clocks are read at one instant, on a machine that interrupts: clock_gettime() is ours
 * here. */
#include "common/host/clock.h"
#include "tests/unit/unit.h"
#include <time.h>

#define READINGS_A_PAIR 3
#define PAIRS_MAX 64
#define START_NS (1000 * NS_PER_S)
#define AHEAD_NS (77 * NS_PER_S) /* of the system clock */
#define STEP_NS 100              /* what a reading takes */

/* What passes while the system clock is read, pair by pair: half before, half after. */
static int64_t interruptions_ns[PAIRS_MAX];
static bool is_late; /* all of it after */
static int64_t now_ns = START_NS;
static unsigned readings;

static int64_t interruption_ns(void)
{
    unsigned pair = readings / READINGS_A_PAIR;
    return pair < PAIRS_MAX ? interruptions_ns[pair] : 0;
}

int clock_gettime(clockid_t id, struct timespec *time)
{
    int64_t value = now_ns;
    now_ns += STEP_NS;
    if (id == CLOCK_REALTIME) {
        int64_t ns = interruption_ns();
        now_ns += is_late ? ns : 0;
        value = now_ns + AHEAD_NS;
        now_ns += is_late ? 0 : ns;
    }
    readings++;
    *time = (struct timespec){.tv_sec = value / NS_PER_S, .tv_nsec = value % NS_PER_S};
    return 0;
}

/* How far the pair is from what both clocks show at one instant. */
static int64_t error_of_pair(const int64_t *interruptions, unsigned count)
{
    for (unsigned i = 0; i < PAIRS_MAX; i++) {
        interruptions_ns[i] = i < count ? interruptions[i] : 0;
    }
    struct clock *clock = clock_create(&(struct clock_fault){.offset_ns = 0}, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(clock);
    readings = 0;
    struct reading pair = clock_read(clock);
    clock_destroy(clock);
    return llabs(pair.wall.ns - AHEAD_NS - pair.mono.ns);
}

static void test_undisturbed_pair_is_read_once(void)
{
    static const int64_t none[] = {0};
    CU_ASSERT(error_of_pair(none, 1) <= STEP_NS);
    CU_ASSERT_EQUAL(readings, READINGS_A_PAIR);
}

static void test_best_pair_of_a_slow_machine_counts(void)
{
    static const int64_t slow[] = {9000, 5000, 12000};
    for (int late = 0; late < 2; late++) {
        is_late = late == 1;
        CU_ASSERT(error_of_pair(slow, 3) <= 2500 + STEP_NS);
        CU_ASSERT_EQUAL(readings, 3 * READINGS_A_PAIR);
    }
}

static void test_interruptions_are_outlasted(void)
{
    static const int64_t long_ones[] = {44 * NS_PER_MS, 30 * NS_PER_MS, 44 * NS_PER_MS,
                                        7 * NS_PER_MS,  NS_PER_S,       9 * NS_PER_MS};
    for (int late = 0; late < 2; late++) {
        is_late = late == 1;
        CU_ASSERT(error_of_pair(long_ones, 6) <= STEP_NS);
        CU_ASSERT_EQUAL(readings, 7 * READINGS_A_PAIR);
    }
}

static void test_somewhen_it_ends(void)
{
    int64_t all[PAIRS_MAX];
    for (unsigned i = 0; i < PAIRS_MAX; i++) {
        all[i] = i == 3 ? 6 * NS_PER_MS : 44 * NS_PER_MS;
    }
    CU_ASSERT(error_of_pair(all, PAIRS_MAX) <= 3 * NS_PER_MS + STEP_NS);
    CU_ASSERT(readings < PAIRS_MAX * READINGS_A_PAIR);
}

static const struct unit_case cases[] = {
    {"an undisturbed pair is read once", test_undisturbed_pair_is_read_once},
    {"the best pair of a slow machine counts", test_best_pair_of_a_slow_machine_counts},
    {"interruptions are outlasted", test_interruptions_are_outlasted},
    {"somewhen it ends", test_somewhen_it_ends},
};
UNIT_MAIN("clock_pair", cases)
