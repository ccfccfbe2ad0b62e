/* SPDX-License-Identifier: MIT */
/* What the bank makes of events: outliers, steps, new rates, new routes. */
#include "tests/unit/filter_world.h"
#include "tests/unit/unit.h"
#include <math.h>

static const struct filter_world_setup calm = {
    .poll_s = 64.0, .wander = 1e-9, .base_s = 1e-3, .jitter_s = 1e-4};

struct bench {
    struct filter_world world;
    struct filter *filter;
    size_t verdicts[FILTER_OLD + 1];
};

static void bench_open(struct bench *bench, const struct filter_world_setup *setup, uint64_t seed)
{
    *bench = (struct bench){.filter = filter_create(FILTER_BANK, 50)};
    filter_world_init(&bench->world, setup, seed);
}

/* Waits for a poll interval, and gives the filter a sample that is off by so much. */
static enum filter_verdict poll_off(struct bench *bench, double off_s)
{
    filter_world_advance(&bench->world, bench->world.setup.poll_s);
    struct sample sample = filter_world_sample(&bench->world);
    sample.wall.ns += (int64_t)(off_s * 1e9);
    enum filter_verdict verdict = filter_add(bench->filter, &sample);
    bench->verdicts[verdict]++;
    return verdict;
}

static void poll_many(struct bench *bench, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)poll_off(bench, 0.0);
    }
}

static struct estimate estimate_now(const struct bench *bench)
{
    struct estimate estimate;
    CU_ASSERT_TRUE_FATAL(
        filter_estimate(bench->filter, filter_world_now(&bench->world), &estimate));
    return estimate;
}

static double error_now(const struct bench *bench)
{
    struct estimate estimate = estimate_now(bench);
    return filter_world_error_s(&bench->world, &estimate);
}

static double rate_error_now(const struct bench *bench)
{
    return estimate_now(bench).rate_ppm - bench->world.rate * 1e6;
}

static void a_lone_outlier_is_put_aside(void)
{
    struct bench bench;
    bench_open(&bench, &calm, 1);
    poll_many(&bench, 100);
    CU_ASSERT_EQUAL(bench.verdicts[FILTER_TAKEN], 100);
    size_t count = filter_count(bench.filter);
    for (int i = 0; i < 10; i++) {
        CU_ASSERT_EQUAL(poll_off(&bench, i % 2 == 0 ? 0.005 : -0.002), FILTER_DOUBTED);
        CU_ASSERT_TRUE(fabs(error_now(&bench)) < 1e-4);
        CU_ASSERT_EQUAL(filter_count(bench.filter), count);
        CU_ASSERT_EQUAL(poll_off(&bench, 0.0), FILTER_TAKEN);
        count++;
    }
    CU_ASSERT_TRUE(fabs(error_now(&bench)) < 1e-4);
    filter_destroy(bench.filter);
}

static void a_great_step_is_believed_the_second_time(void)
{
    struct bench bench;
    bench_open(&bench, &calm, 2);
    poll_many(&bench, 100);
    bench.world.x += 0.5;
    CU_ASSERT_EQUAL(poll_off(&bench, 0.0), FILTER_DOUBTED);
    CU_ASSERT_EQUAL(poll_off(&bench, 0.0), FILTER_STEPPED);
    CU_ASSERT_TRUE(fabs(error_now(&bench)) < 5e-4);
    CU_ASSERT_TRUE(fabs(rate_error_now(&bench)) < 1.0);
    CU_ASSERT_EQUAL(filter_count(bench.filter), 1);
    poll_many(&bench, 20);
    CU_ASSERT_EQUAL(bench.verdicts[FILTER_TAKEN], 120);
    CU_ASSERT_TRUE(fabs(error_now(&bench)) < 2e-4);
    filter_destroy(bench.filter);
}

static void a_small_step_is_believed_the_third_time(void)
{
    struct bench bench;
    bench_open(&bench, &calm, 3);
    poll_many(&bench, 200);
    bench.world.x -= 0.001;
    CU_ASSERT_EQUAL(poll_off(&bench, 0.0), FILTER_DOUBTED);
    CU_ASSERT_EQUAL(poll_off(&bench, 0.0), FILTER_DOUBTED);
    CU_ASSERT_EQUAL(poll_off(&bench, 0.0), FILTER_STEPPED);
    CU_ASSERT_TRUE(fabs(error_now(&bench)) < 5e-4);
    filter_destroy(bench.filter);
}

/* Samples to both sides agree on nothing. In the end the estimate is worth no more than they are.
 */
static void disagreement_ends_in_a_new_start(void)
{
    struct bench bench;
    bench_open(&bench, &calm, 4);
    poll_many(&bench, 100);
    for (int i = 0; i < 7; i++) {
        CU_ASSERT_EQUAL(poll_off(&bench, i % 2 == 0 ? 0.02 : -0.02), FILTER_DOUBTED);
        CU_ASSERT_TRUE(fabs(error_now(&bench)) < 2e-4);
    }
    CU_ASSERT_EQUAL(poll_off(&bench, -0.02), FILTER_STEPPED);
    CU_ASSERT_TRUE(estimate_now(&bench).rate_sd_ppm > 50.0);
    filter_destroy(bench.filter);
}

/* 500 ppm and a first poll after a minute: no sample is near what was expected. */
static void any_crystal_is_learnt_from_the_start(void)
{
    static const double rates[] = {-5e-4, -1e-4, 0.0, 2.5e-4, 5e-4};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        struct bench bench;
        bench_open(&bench, &calm, 5 + i);
        bench.world.rate = rates[i];
        poll_many(&bench, 20);
        CU_ASSERT_TRUE(fabs(error_now(&bench)) < 3e-4);
        CU_ASSERT_TRUE(fabs(rate_error_now(&bench)) < 2.0);
        filter_destroy(bench.filter);
    }
}

static void a_new_rate_is_learnt(void)
{
    struct bench bench;
    struct filter_world_setup setup = calm;
    setup.jitter_s = 5e-4;
    bench_open(&bench, &setup, 6);
    poll_many(&bench, 500);
    double sd_before = estimate_now(&bench).rate_sd_ppm;
    bench.world.rate += 5e-6;
    poll_many(&bench, 5);
    /* It knows that it does not know. */
    CU_ASSERT_TRUE(estimate_now(&bench).rate_sd_ppm > 3.0 * sd_before);
    poll_many(&bench, 25);
    CU_ASSERT_TRUE(fabs(error_now(&bench)) < 4e-4);
    CU_ASSERT_TRUE(fabs(rate_error_now(&bench)) < 1.0);
    filter_destroy(bench.filter);
}

/* Even a jump that no sample of the gate's width follows. */
static void a_wild_rate_is_learnt(void)
{
    struct bench bench;
    bench_open(&bench, &calm, 7);
    poll_many(&bench, 100);
    bench.world.rate += 4e-4;
    poll_many(&bench, 40);
    CU_ASSERT_TRUE(bench.verdicts[FILTER_STEPPED] > 0);
    CU_ASSERT_TRUE(fabs(error_now(&bench)) < 3e-4);
    CU_ASSERT_TRUE(fabs(rate_error_now(&bench)) < 2.0);
    filter_destroy(bench.filter);
}

/* The members that fit the oscillator have the weight: the rate is known as well as it stays. */
static void weights_follow_the_crystal(void)
{
    double sd[3];
    static const double wander[] = {1e-10, 1e-8, 1e-7};
    for (int i = 0; i < 3; i++) {
        struct bench bench;
        struct filter_world_setup setup = calm;
        setup.wander = wander[i];
        bench_open(&bench, &setup, 8);
        poll_many(&bench, 1000);
        struct estimate estimate = estimate_now(&bench);
        sd[i] = estimate.rate_sd_bound_ppm;
        /* Members that are kept for worse days widen the one, and not the other. */
        CU_ASSERT_TRUE(estimate.rate_sd_ppm > sd[i]);
        CU_ASSERT_TRUE(fabs(rate_error_now(&bench)) < 4.0 * sd[i]);
        filter_destroy(bench.filter);
    }
    CU_ASSERT_TRUE(sd[0] < 0.03);
    CU_ASSERT_TRUE(sd[1] > 3.0 * sd[0]);
    CU_ASSERT_TRUE(sd[2] > 3.0 * sd[1]);
}

static void a_new_route_moves_nothing(void)
{
    struct bench bench;
    bench_open(&bench, &calm, 9);
    poll_many(&bench, 200);
    bench.world.setup.base_s += 0.001;
    for (int i = 0; i < 200; i++) {
        CU_ASSERT_EQUAL(poll_off(&bench, 0.0), FILTER_TAKEN);
        CU_ASSERT_TRUE(fabs(error_now(&bench)) < 2e-4);
    }
    bench.world.setup.base_s -= 0.001;
    for (int i = 0; i < 50; i++) {
        CU_ASSERT_EQUAL(poll_off(&bench, 0.0), FILTER_TAKEN);
        CU_ASSERT_TRUE(fabs(error_now(&bench)) < 2e-4);
    }
    filter_destroy(bench.filter);
}

/* Days without an answer: the next one is no outlier, and ends the doubt. */
static void a_long_gap_is_bridged(void)
{
    struct bench bench;
    struct filter_world_setup setup = calm;
    setup.wander = 1e-8;
    bench_open(&bench, &setup, 10);
    poll_many(&bench, 300);
    filter_world_advance(&bench.world, 300000.0);
    CU_ASSERT_TRUE(fabs(error_now(&bench)) < 4e-9 * estimate_now(&bench).offset_sd_ns);
    CU_ASSERT_EQUAL(poll_off(&bench, 0.0), FILTER_TAKEN);
    CU_ASSERT_TRUE(fabs(error_now(&bench)) < 1e-3);
    poll_many(&bench, 20);
    CU_ASSERT_TRUE(fabs(error_now(&bench)) < 2e-4);
    filter_destroy(bench.filter);
}

static const struct unit_case cases[] = {
    {"a lone outlier is put aside", a_lone_outlier_is_put_aside},
    {"a great step is believed the second time", a_great_step_is_believed_the_second_time},
    {"a small step is believed the third time", a_small_step_is_believed_the_third_time},
    {"disagreement ends in a new start", disagreement_ends_in_a_new_start},
    {"any crystal is learnt from the start", any_crystal_is_learnt_from_the_start},
    {"a new rate is learnt", a_new_rate_is_learnt},
    {"a wild rate is learnt", a_wild_rate_is_learnt},
    {"weights follow the crystal", weights_follow_the_crystal},
    {"a new route moves nothing", a_new_route_moves_nothing},
    {"a long gap is bridged", a_long_gap_is_bridged},
};
UNIT_MAIN("filter_bank", cases)
