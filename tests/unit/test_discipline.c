/* SPDX-License-Identifier: MIT */
#include "client/sync/discipline.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <string.h>

#define ORIGIN_NS INT64_C(1767225600123456789)
#define POLL_NS (64 * NS_PER_S)
#define RATE_PPM 40.0
#define SD_NS 1000.0

/* A perfect oscillator whose clock is steered, and a source that gains RATE_PPM on it. */
struct bench {
    struct discipline discipline;
    struct discipline_command command;
    struct mono now;
    double clock_ns; /* from ORIGIN_NS, as the next two */
    double source_ns;
    double sd_ns;
    double rate_sd_ppm;
};

static void start(struct bench *bench, double offset_ns)
{
    *bench = (struct bench){
        .now = {1000 * NS_PER_S}, .source_ns = offset_ns, .sd_ns = SD_NS, .rate_sd_ppm = 0.01};
    discipline_init(&bench->discipline, &discipline_defaults);
}

static struct estimate estimate_of(const struct bench *bench)
{
    double whole_ns = rint(bench->source_ns);
    return (struct estimate){.at = bench->now,
                             .wall = {ORIGIN_NS + (int64_t)whole_ns},
                             .fraction_ns = bench->source_ns - whole_ns,
                             .rate_ppm = RATE_PPM,
                             .offset_sd_ns = bench->sd_ns,
                             .rate_sd_ppm = 1,
                             .rate_sd_bound_ppm = bench->rate_sd_ppm};
}

static struct reading reading_of(const struct bench *bench)
{
    return (struct reading){.mono = bench->now,
                            .wall = {ORIGIN_NS + (int64_t)rint(bench->clock_ns)}};
}

static double offset_of(const struct bench *bench)
{
    return bench->source_ns - bench->clock_ns;
}

static void update(struct bench *bench)
{
    struct estimate estimate = estimate_of(bench);
    discipline_update(&bench->discipline, &estimate, POLL_NS, reading_of(bench), &bench->command);
    bench->clock_ns += (double)bench->command.step_ns;
}

static void run_until(struct bench *bench, struct mono until)
{
    double elapsed_ns = (double)(until.ns - bench->now.ns);
    bench->clock_ns += elapsed_ns * bench->command.frequency_ppm * 1e-6;
    bench->source_ns += elapsed_ns * RATE_PPM * 1e-6;
    bench->now = until;
}

/* Checks as commands end, for a while. */
static void run_for(struct bench *bench, int64_t duration_ns)
{
    struct mono end = {bench->now.ns + duration_ns};
    while (bench->command.until.ns < end.ns) {
        CU_ASSERT_TRUE_FATAL(bench->command.until.ns > bench->now.ns);
        run_until(bench, bench->command.until);
        struct estimate estimate = estimate_of(bench);
        CU_ASSERT_TRUE_FATAL(
            discipline_check(&bench->discipline, &estimate, reading_of(bench), &bench->command));
        bench->clock_ns += (double)bench->command.step_ns;
    }
    run_until(bench, end);
}

/* To the state of every day: nothing is left to correct. */
static void settle(struct bench *bench)
{
    for (int i = 0; i < 60; i++) {
        update(bench);
        run_for(bench, POLL_NS);
    }
    CU_ASSERT_EQUAL(bench->discipline.state, DISCIPLINE_STEERING);
    CU_ASSERT_TRUE(fabs(offset_of(bench)) < 2);
    CU_ASSERT_DOUBLE_EQUAL(bench->command.frequency_ppm, RATE_PPM, 0.001);
}

static void nothing_is_done_without_an_estimate(void)
{
    struct bench bench;
    start(&bench, 0);
    CU_ASSERT_FALSE(discipline_check(&bench.discipline, NULL, reading_of(&bench), &bench.command));
    char reason[DISCIPLINE_REASON_MAX];
    discipline_explain(&bench.discipline, reason);
    CU_ASSERT_STRING_EQUAL(reason, "no source has given an estimate yet");
    CU_ASSERT_STRING_EQUAL(discipline_state_name(bench.discipline.state), "waiting");
}

static void a_start_is_followed_within_a_second(void)
{
    struct bench bench;
    start(&bench, 1e7);
    update(&bench);
    CU_ASSERT_EQUAL(bench.discipline.state, DISCIPLINE_STARTING);
    CU_ASSERT_EQUAL(bench.command.step_ns, 0);
    /* We are behind: the clock gains. */
    CU_ASSERT_DOUBLE_EQUAL(bench.command.frequency_ppm, RATE_PPM + 1e4, 1e-6);
    CU_ASSERT_EQUAL(bench.command.until.ns - bench.now.ns, NS_PER_S);
    run_for(&bench, 2 * NS_PER_S);
    CU_ASSERT_TRUE(fabs(offset_of(&bench)) < 2);
    /* And then at the plain rate. */
    CU_ASSERT_DOUBLE_EQUAL(bench.command.frequency_ppm, RATE_PPM, 0.002);
}

static void a_large_offset_is_stepped_at_the_start_only(void)
{
    struct bench bench;
    start(&bench, -100e9);
    update(&bench);
    CU_ASSERT_EQUAL(bench.command.step_ns, -100 * NS_PER_S);
    CU_ASSERT_DOUBLE_EQUAL(bench.command.frequency_ppm, RATE_PPM, 0.001);
    CU_ASSERT_TRUE(fabs(offset_of(&bench)) < 1);
    settle(&bench);

    bench.source_ns += 2e9;
    update(&bench);
    CU_ASSERT_EQUAL(bench.command.step_ns, 0);
    CU_ASSERT_DOUBLE_EQUAL(bench.command.frequency_ppm, RATE_PPM + 80000, 1e-6);
    /* 8 %: 25 s, and what the last part takes. */
    run_for(&bench, 300 * NS_PER_S);
    CU_ASSERT_TRUE(fabs(offset_of(&bench)) < 1000);
}

static void an_offset_decays_over_half_a_poll(void)
{
    struct bench bench;
    start(&bench, 0);
    settle(&bench);
    bench.source_ns += 2 * SD_NS;
    double before_ns = offset_of(&bench);
    update(&bench);
    CU_ASSERT_DOUBLE_EQUAL(bench.discipline.time_constant_ns, 32e9, 1e-3);
    run_for(&bench, POLL_NS);
    CU_ASSERT_DOUBLE_EQUAL(offset_of(&bench), before_ns * exp(-2), 2);
}

static void a_rate_known_well_is_disturbed_less(void)
{
    struct bench bench;
    start(&bench, 0);
    settle(&bench);
    bench.source_ns += SD_NS;
    bench.rate_sd_ppm = 0.0025;
    update(&bench);
    CU_ASSERT_DOUBLE_EQUAL(bench.discipline.time_constant_ns, 80e9, 1e-3);
    /* One sd of the offset goes at five of the rate, and slower with time. */
    double slew_ppm = bench.command.frequency_ppm - RATE_PPM;
    CU_ASSERT_TRUE(slew_ppm > 0.8 * 0.0125 && slew_ppm < 0.0125);
    bench.rate_sd_ppm = 0;
    update(&bench);
    CU_ASSERT_DOUBLE_EQUAL(bench.discipline.time_constant_ns, 128e9, 1e-3);
    bench.rate_sd_ppm = 0.1;
    update(&bench);
    CU_ASSERT_DOUBLE_EQUAL(bench.discipline.time_constant_ns, 32e9, 1e-3);
}

static void an_offset_beyond_noise_goes_sooner(void)
{
    struct bench bench;
    start(&bench, 0);
    settle(&bench);
    bench.source_ns += 100 * SD_NS;
    double before_ns = offset_of(&bench);
    update(&bench);
    CU_ASSERT_DOUBLE_EQUAL(bench.discipline.time_constant_ns, 8e9, 1e-3);
    run_for(&bench, 16 * NS_PER_S);
    CU_ASSERT_DOUBLE_EQUAL(offset_of(&bench), before_ns * exp(-2), 5);

    /* It is remembered for a while: what follows is not taken for noise at once. */
    update(&bench);
    CU_ASSERT_DOUBLE_EQUAL(bench.discipline.time_constant_ns, 8e9, 1e-3);
    settle(&bench);
    update(&bench);
    CU_ASSERT_DOUBLE_EQUAL(bench.discipline.time_constant_ns, 32e9, 1e-3);
}

static void no_slew_outlives_its_time(void)
{
    struct bench bench;
    start(&bench, 0);
    settle(&bench);
    bench.source_ns += 3e8;
    update(&bench);
    double slew_ppm = bench.command.frequency_ppm - RATE_PPM;
    double hold_ns = (double)(bench.command.until.ns - bench.now.ns);
    /* Held to the end it corrects less than there is. */
    CU_ASSERT_TRUE(slew_ppm * 1e-6 * hold_ns < offset_of(&bench));
    CU_ASSERT_TRUE(hold_ns <= 32e9);
    run_until(&bench, bench.command.until);
    /* The sources are gone: no slew goes on. */
    CU_ASSERT_TRUE(discipline_check(&bench.discipline, NULL, reading_of(&bench), &bench.command));
    CU_ASSERT_DOUBLE_EQUAL(bench.command.frequency_ppm, RATE_PPM, 1e-9);
}

static void panic_stops_the_steering_and_says_why(void)
{
    struct bench bench;
    start(&bench, 0);
    settle(&bench);
    bench.source_ns += 2000e9;
    update(&bench);
    CU_ASSERT_EQUAL(bench.discipline.state, DISCIPLINE_PANIC);
    CU_ASSERT_STRING_EQUAL(discipline_state_name(bench.discipline.state), "panic");
    CU_ASSERT_EQUAL(bench.command.step_ns, 0);
    CU_ASSERT_DOUBLE_EQUAL(bench.command.frequency_ppm, RATE_PPM, 0.001);
    char reason[DISCIPLINE_REASON_MAX];
    discipline_explain(&bench.discipline, reason);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "+2000 s from this clock"));
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "1000 s"));
    run_for(&bench, POLL_NS);
    CU_ASSERT_EQUAL(bench.discipline.state, DISCIPLINE_PANIC);

    /* The sources come to their senses. */
    bench.source_ns -= 2000e9;
    update(&bench);
    CU_ASSERT_EQUAL(bench.discipline.state, DISCIPLINE_STEERING);
    discipline_explain(&bench.discipline, reason);
    CU_ASSERT_STRING_EQUAL(reason, "");
}

static void what_is_accepted_is_stepped_once(void)
{
    struct bench bench;
    start(&bench, 0);
    settle(&bench);
    bench.source_ns += 2000e9;
    update(&bench);
    /* That offset, and no other that comes instead. */
    discipline_accept(&bench.discipline);
    bench.source_ns -= 100000e9;
    update(&bench);
    CU_ASSERT_EQUAL(bench.discipline.state, DISCIPLINE_PANIC);
    bench.source_ns += 100000e9;
    update(&bench);
    CU_ASSERT_EQUAL(bench.discipline.state, DISCIPLINE_PANIC);
    discipline_accept(&bench.discipline);
    update(&bench);
    CU_ASSERT_EQUAL(bench.discipline.state, DISCIPLINE_STEERING);
    CU_ASSERT_TRUE(llabs(bench.command.step_ns - 2000 * NS_PER_S) < 1000);
    bench.source_ns += 2000e9;
    update(&bench);
    CU_ASSERT_EQUAL(bench.discipline.state, DISCIPLINE_PANIC);
}

static const struct unit_case cases[] = {
    {"nothing is done without an estimate", nothing_is_done_without_an_estimate},
    {"a start is followed within a second", a_start_is_followed_within_a_second},
    {"a large offset is stepped at the start only", a_large_offset_is_stepped_at_the_start_only},
    {"an offset decays over half a poll", an_offset_decays_over_half_a_poll},
    {"a rate known well is disturbed less", a_rate_known_well_is_disturbed_less},
    {"an offset beyond noise goes sooner", an_offset_beyond_noise_goes_sooner},
    {"no slew outlives its time", no_slew_outlives_its_time},
    {"panic stops the steering and says why", panic_stops_the_steering_and_says_why},
    {"what is accepted is stepped once", what_is_accepted_is_stepped_once},
};

UNIT_MAIN("discipline", cases)
