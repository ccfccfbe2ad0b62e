/* SPDX-License-Identifier: MIT */
#include "common/base/random.h"
#include "tests/sim/oscillator.h"
#include "tests/sim/system_clock.h"
#include "tests/unit/unit.h"
#include <math.h>

#define DAY_NS (86400 * NS_PER_S)

static const struct oscillator_options noisy = {.start_ns = 5,
                                                .rate_ppm = 50,
                                                .wander = 1e-7,
                                                .noise_ns = 200,
                                                .sine_ppm = 1,
                                                .sine_period_ns = 3600 * NS_PER_S,
                                                .jump_count = 1,
                                                .jumps = {{1000 * NS_PER_S + 1, -5}},
                                                .suspend_count = 1,
                                                .suspends = {{2000 * NS_PER_S + 7, 60 * NS_PER_S}}};

static void test_perfect(void)
{
    struct oscillator oscillator;
    struct oscillator_options options = {.start_ns = 42};
    oscillator_init(&oscillator, &options, 1);
    CU_ASSERT_EQUAL(oscillator_read(&oscillator, 0).ns, 42);
    CU_ASSERT_EQUAL(oscillator_read(&oscillator, 1).ns, 43);
    CU_ASSERT_EQUAL(oscillator_read(&oscillator, 1000 * DAY_NS + 1).ns, 1000 * DAY_NS + 43);
    CU_ASSERT_EQUAL(oscillator_when(&oscillator, (struct mono){1001 * DAY_NS}), 1001 * DAY_NS - 42);
}

/* 50 ppm over 30 days is 129.6 s, to the nanosecond, whatever was read between. */
static void test_rate_is_exact(void)
{
    struct oscillator once, often;
    struct oscillator_options options = {.rate_ppm = 50, .sine_ppm = 1e-30, .sine_period_ns = 1};
    options.sine_period_ns = 3600 * NS_PER_S;
    oscillator_init(&once, &options, 1);
    oscillator_init(&often, &options, 1);
    for (int64_t at_ns = 0; at_ns < 30 * DAY_NS; at_ns += 7777777777777) {
        (void)oscillator_read(&often, at_ns);
    }
    int64_t expected_ns = 30 * DAY_NS + 30 * DAY_NS / 1000000 * 50;
    CU_ASSERT_TRUE(llabs(oscillator_read(&once, 30 * DAY_NS).ns - expected_ns) <= 1);
    CU_ASSERT_EQUAL(oscillator_read(&often, 30 * DAY_NS).ns,
                    oscillator_read(&once, 30 * DAY_NS).ns);
}

static void test_reading_does_not_depend_on_readings(void)
{
    struct oscillator once, often;
    struct random random;
    random_init_seeded(&random, 3);
    oscillator_init(&often, &noisy, 9);
    int64_t last_ns = 0;
    for (int64_t at_ns = 0; at_ns < 5000 * NS_PER_S; at_ns += random_below(&random, 2000000000)) {
        int64_t mono_ns = oscillator_read(&often, at_ns).ns;
        CU_ASSERT_TRUE_FATAL(mono_ns >= last_ns);
        last_ns = mono_ns;
        if (random_below(&random, 50) == 0) {
            /* Nor on what was looked for ahead. */
            (void)oscillator_when(&often, (struct mono){mono_ns + 300 * NS_PER_S});
            oscillator_init(&once, &noisy, 9);
            CU_ASSERT_EQUAL_FATAL(oscillator_read(&once, at_ns).ns, mono_ns);
        }
    }
    oscillator_init(&once, &noisy, 10);
    CU_ASSERT_NOT_EQUAL(oscillator_read(&once, 900 * NS_PER_S).ns - 5,
                        oscillator_read(&often, 5000 * NS_PER_S).ns);
}

static void test_when_is_the_first_instant(void)
{
    struct oscillator oscillator, probe;
    struct random random;
    random_init_seeded(&random, 4);
    oscillator_init(&oscillator, &noisy, 9);
    int64_t truth_ns = 0;
    for (int round = 0; round < 500; round++) {
        int64_t now_ns = oscillator_read(&oscillator, truth_ns).ns;
        struct mono wanted = {now_ns + 1 + random_below(&random, 2000000000) * INT64_C(8)};
        int64_t when_ns = oscillator_when(&oscillator, wanted);
        oscillator_init(&probe, &noisy, 9);
        CU_ASSERT_TRUE_FATAL(oscillator_read(&probe, when_ns - 1).ns < wanted.ns);
        CU_ASSERT_TRUE_FATAL(oscillator_read(&probe, when_ns).ns >= wanted.ns);
        /* An earlier one, after a later one was looked for. */
        struct mono sooner = {now_ns + 1};
        CU_ASSERT_TRUE_FATAL(oscillator_when(&oscillator, sooner) <= when_ns);
        truth_ns = when_ns;
    }
    CU_ASSERT_TRUE(truth_ns > 3000 * NS_PER_S); /* beyond the jump and the sleep */
    CU_ASSERT_EQUAL(oscillator_when(&oscillator, (struct mono){0}), oscillator.read_ns);
}

static void test_jump_and_suspend(void)
{
    struct oscillator oscillator;
    struct oscillator_options options = {.jump_count = 1,
                                         .jumps = {{100, 500000}},
                                         .suspend_count = 2,
                                         .suspends = {{200, 50}, {300, 10}}};
    oscillator_init(&oscillator, &options, 1);
    CU_ASSERT_EQUAL(oscillator_read(&oscillator, 99).ns, 99);
    CU_ASSERT_EQUAL(oscillator_read(&oscillator, 110).ns, 115);
    CU_ASSERT_DOUBLE_EQUAL(oscillator_rate_ppm(&oscillator), 500000, 1e-6);
    CU_ASSERT_EQUAL(oscillator_when(&oscillator, (struct mono){251}), 251);
    CU_ASSERT_EQUAL(oscillator_read(&oscillator, 200).ns, 250);
    CU_ASSERT_EQUAL(oscillator_read(&oscillator, 249).ns, 250);
    CU_ASSERT_DOUBLE_EQUAL(oscillator_rate_ppm(&oscillator), -1e6, 0);
    CU_ASSERT_EQUAL(oscillator_suspended_ns(&oscillator, 249), 49);
    CU_ASSERT_EQUAL(oscillator_read(&oscillator, 260).ns, 265);
    CU_ASSERT_EQUAL(oscillator_read(&oscillator, 320).ns, 340);
    CU_ASSERT_EQUAL(oscillator_suspended_ns(&oscillator, 320), 60);
    CU_ASSERT_EQUAL(oscillator_suspended_ns(&oscillator, 100), 0);
}

/* Wander w: after t seconds the frequency has the variance w^2 t, the phase w^2 t^3/3. */
static void test_wander(void)
{
    const double wander = 1e-8;
    const int64_t seconds = 900;
    double rate_square = 0, phase_square = 0;
    const int runs = 2000;
    for (int i = 0; i < runs; i++) {
        struct oscillator oscillator;
        struct oscillator_options options = {.wander = wander};
        oscillator_init(&oscillator, &options, (uint64_t)i);
        double phase =
            (double)(oscillator_read(&oscillator, seconds * NS_PER_S).ns - seconds * NS_PER_S);
        double rate = oscillator_rate_ppm(&oscillator) * 1e-6;
        rate_square += rate * rate / runs;
        phase_square += phase * phase / runs;
    }
    double rate_expected = wander * wander * (double)seconds;
    double phase_expected = rate_expected * (double)(seconds * seconds) / 3 * 1e18;
    CU_ASSERT_TRUE(fabs(rate_square / rate_expected - 1) < 0.1);
    CU_ASSERT_TRUE(fabs(phase_square / phase_expected - 1) < 0.1);
}

static void test_noise_is_white(void)
{
    struct oscillator oscillator;
    struct oscillator_options options = {.noise_ns = 1000};
    oscillator_init(&oscillator, &options, 5);
    double square = 0, neighbours = 0, last = 0;
    const int count = 5000;
    for (int i = 1; i <= count; i++) {
        int64_t truth_ns = i * NS_PER_S;
        double error = (double)(oscillator_read(&oscillator, truth_ns).ns - truth_ns);
        square += error * error / count;
        neighbours += error * last / count;
        last = error;
    }
    CU_ASSERT_TRUE(fabs(sqrt(square) - 1000) < 40);
    CU_ASSERT_TRUE(fabs(neighbours) < 0.06 * square);
}

/* One swing of 1 ppm over an hour gains and loses 1e-6 P/pi. */
static void test_sine(void)
{
    struct oscillator oscillator;
    struct oscillator_options options = {.sine_ppm = 1, .sine_period_ns = 3600 * NS_PER_S};
    oscillator_init(&oscillator, &options, 1);
    int64_t half_ns = 1800 * NS_PER_S;
    CU_ASSERT_TRUE(llabs(oscillator_read(&oscillator, half_ns).ns - half_ns - 1145916) <= 2);
    CU_ASSERT_TRUE(llabs(oscillator_read(&oscillator, 2 * half_ns).ns - 2 * half_ns) <= 2);
}

static void test_system_clock(void)
{
    struct system_clock clock;
    system_clock_init(&clock, (struct reading){{100}, {7000}});
    CU_ASSERT_EQUAL(system_clock_read(&clock, (struct mono){100}).wall.ns, 7000);
    CU_ASSERT_EQUAL(system_clock_read(&clock, (struct mono){150}).wall.ns, 7050);
    system_clock_step(&clock, (struct mono){150}, -1000);
    CU_ASSERT_EQUAL(system_clock_read(&clock, (struct mono){150}).wall.ns, 6050);
    CU_ASSERT_EQUAL(system_clock_read(&clock, (struct mono){150}).mono.ns, 150);

    /* A million changes of the rate lose nothing: 100 ppm of an hour are 360 ms. */
    for (int64_t i = 1; i <= 1000000; i++) {
        system_clock_set_rate(&clock, (struct mono){150 + i * 3600000}, 100);
    }
    struct mono end = {150 + 3600 * NS_PER_S};
    int64_t wall_ns = system_clock_read(&clock, end).wall.ns;
    CU_ASSERT_TRUE(llabs(wall_ns - (6050 + 3600 * NS_PER_S + 360 * NS_PER_MS - 360)) <= 1);
    system_clock_set_rate(&clock, end, -100);
    CU_ASSERT_EQUAL(system_clock_read(&clock, (struct mono){end.ns + NS_PER_S}).wall.ns,
                    wall_ns + NS_PER_S - 100000);
}

static const struct unit_case cases[] = {
    {"a perfect one shows true time", test_perfect},
    {"a constant rate is exact over a month", test_rate_is_exact},
    {"a reading does not depend on other readings", test_reading_does_not_depend_on_readings},
    {"when() finds the first instant", test_when_is_the_first_instant},
    {"the frequency jumps, the machine sleeps", test_jump_and_suspend},
    {"wander is a random walk of the frequency", test_wander},
    {"noise is white", test_noise_is_white},
    {"a sine comes back", test_sine},
    {"the system clock adds up", test_system_clock},
};
UNIT_MAIN("oscillator", cases)
