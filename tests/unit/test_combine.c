/* SPDX-License-Identifier: MIT */
#include "client/sync/combine.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <string.h>

/* Far from zero, as real times are: a sum of them in floating point would lose the nanoseconds. */
#define ORIGIN_NS INT64_C(1767225600123456789)

static const struct interval wide = {ORIGIN_NS - 1000000, ORIGIN_NS + 1000000};

static struct combine_candidate candidate(int64_t offset_ns, double sd_ns, double rate_ppm)
{
    return (struct combine_candidate){.estimate = {.at = {5},
                                                   .wall = {ORIGIN_NS + offset_ns},
                                                   .rate_ppm = rate_ppm,
                                                   .offset_sd_ns = sd_ns,
                                                   .rate_sd_ppm = 0.1,
                                                   .rate_sd_bound_ppm = 0.2},
                                      .interval = interval_around(ORIGIN_NS + offset_ns, 100000)};
}

static double offset_of(const struct combine *combine)
{
    return (double)(combine->estimate.wall.ns - ORIGIN_NS) + combine->estimate.fraction_ns;
}

static void one_source_is_taken_as_it_is(void)
{
    struct combine_candidate one = candidate(123, 1000, 7);
    one.estimate.fraction_ns = 0.25;
    struct combine combine;
    combine_run(&one, 1, &wide, 0, &combine);
    CU_ASSERT_EQUAL_FATAL(combine.used, 1);
    CU_ASSERT_EQUAL(combine.estimate.at.ns, 5);
    CU_ASSERT_DOUBLE_EQUAL(offset_of(&combine), 123.25, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(combine.estimate.rate_ppm, 7, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(combine.estimate.offset_sd_ns, 1000, 0.01);
    CU_ASSERT_DOUBLE_EQUAL(combine.estimate.rate_sd_ppm, 0.1, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(combine.estimate.rate_sd_bound_ppm, 0.2, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(combine.weights[0], 1, 1e-12);
    CU_ASSERT_FALSE(combine.is_clipped);
}

static void none_gives_no_estimate(void)
{
    struct combine combine;
    combine_run(NULL, 0, &wide, 0, &combine);
    CU_ASSERT_EQUAL(combine.used, 0);
    struct combine_candidate far = candidate(5000000, 1000, 0);
    combine_run(&far, 1, &wide, 0, &combine);
    CU_ASSERT_EQUAL(combine.used, 0);
    CU_ASSERT_EQUAL(combine.verdicts[0], COMBINE_OUTSIDE);
}

static void weights_are_inverse_variances(void)
{
    struct combine_candidate both[] = {candidate(0, 1000, 1), candidate(4000, 2000, 3)};
    struct combine combine;
    combine_run(both, 2, &wide, 0, &combine);
    CU_ASSERT_EQUAL(combine.used, 2);
    CU_ASSERT_DOUBLE_EQUAL(combine.weights[0], 0.8, 1e-5);
    CU_ASSERT_DOUBLE_EQUAL(offset_of(&combine), 800, 0.01);
    /* Rates go by their own sd, which are equal here. */
    CU_ASSERT_DOUBLE_EQUAL(combine.estimate.rate_ppm, 2, 1e-9);

    both[1].estimate.rate_sd_ppm = 0.2;
    combine_run(both, 2, &wide, 0, &combine);
    CU_ASSERT_DOUBLE_EQUAL(combine.estimate.rate_ppm, 0.8 * 1 + 0.2 * 3, 1e-6);

    /* The source's own error counts as much as the filter's. */
    both[0].clock_sd_ns = sqrt(3) * 1000;
    combine_run(both, 2, &wide, 0, &combine);
    CU_ASSERT_DOUBLE_EQUAL(combine.weights[0], 0.5, 1e-5);
}

static void those_beside_us_count_two_thirds(void)
{
    struct combine_candidate five[5];
    for (size_t i = 0; i < 5; i++) {
        five[i] = candidate(i < 1 ? 0 : 4000, 1000, i < 1 ? 1 : 3);
        five[i].is_beside = i >= 1;
    }
    struct combine combine;
    combine_run(five, 5, &wide, 0, &combine);
    CU_ASSERT_DOUBLE_EQUAL(combine.weights[0], 1.0 / 3, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(combine.weights[4], 1.0 / 6, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(offset_of(&combine), 4000 * 2.0 / 3, 1);
    CU_ASSERT_DOUBLE_EQUAL(combine.estimate.rate_ppm, 7.0 / 3, 1e-9);
    /* Where they are fewer, they count as others do; and alone they have it all. */
    combine_run(five, 2, &wide, 0, &combine);
    CU_ASSERT_DOUBLE_EQUAL(combine.weights[1], 0.5, 1e-9);
    five[1].estimate.offset_sd_ns = 2000;
    combine_run(five, 2, &wide, 0, &combine);
    CU_ASSERT_DOUBLE_EQUAL(combine.weights[1], 0.2, 1e-5);
    combine_run(five + 1, 2, &wide, 0, &combine);
    CU_ASSERT_DOUBLE_EQUAL(combine.weights[0] + combine.weights[1], 1, 1e-9);
    /* One of those who are not used leaves its part to nobody. */
    five[0].interval = interval_around(ORIGIN_NS + 5000000, 1000);
    combine_run(five, 5, &wide, 0, &combine);
    CU_ASSERT_EQUAL(combine.used, 4);
    CU_ASSERT_DOUBLE_EQUAL(offset_of(&combine), 4000, 0.01);
}

static void errors_in_common_do_not_average_out(void)
{
    struct combine_candidate many[16];
    for (size_t i = 0; i < 16; i++) {
        many[i] = candidate(0, 1000, 0);
    }
    struct combine combine;
    combine_run(many, 16, &wide, 0, &combine);
    /* Half of the variance is the oscillator's, and stays: sqrt(1/2 + 1/32). */
    CU_ASSERT_DOUBLE_EQUAL(combine.estimate.offset_sd_ns, 1000 * sqrt(0.5 + 0.5 / 16), 0.01);
    CU_ASSERT_DOUBLE_EQUAL(combine.estimate.rate_sd_ppm, 0.1 * sqrt(0.5 + 0.5 / 16), 1e-6);
}

static void an_estimate_outside_its_bounds_is_not_used(void)
{
    struct interval agreed = {ORIGIN_NS - 1000, ORIGIN_NS + 1000};
    struct combine_candidate three[] = {candidate(0, 100, 0), candidate(4900, 1000, 0),
                                        candidate(5100, 1000, 0)};
    struct combine combine;
    combine_run(three, 3, &agreed, 0, &combine);
    CU_ASSERT_EQUAL(combine.verdicts[0], COMBINE_USED);
    CU_ASSERT_EQUAL(combine.verdicts[1], COMBINE_USED);
    CU_ASSERT_EQUAL(combine.verdicts[2], COMBINE_UNLIKELY);
    CU_ASSERT_EQUAL(combine.used, 2);
    CU_ASSERT_EQUAL(combine.weights[2], 0);
    /* The same below. */
    three[2] = candidate(-5100, 1000, 0);
    combine_run(three, 3, &agreed, 0, &combine);
    CU_ASSERT_EQUAL(combine.verdicts[2], COMBINE_UNLIKELY);
    CU_ASSERT_STRING_EQUAL(combine_verdict_name(COMBINE_UNLIKELY), "unlikely");
}

static void the_mean_is_kept_inside_the_agreed_interval(void)
{
    struct interval agreed = {ORIGIN_NS + 500, ORIGIN_NS + 900};
    struct combine_candidate one = candidate(0, 1000, 0);
    struct combine combine;
    combine_run(&one, 1, &agreed, 0, &combine);
    CU_ASSERT_TRUE(combine.is_clipped);
    CU_ASSERT_DOUBLE_EQUAL(offset_of(&combine), 500, 1e-9);
    one = candidate(2000, 1000, 0);
    combine_run(&one, 1, &agreed, 0, &combine);
    CU_ASSERT_TRUE(combine.is_clipped);
    CU_ASSERT_DOUBLE_EQUAL(offset_of(&combine), 900, 1e-9);
}

static void no_source_outweighs_the_honest_ones(void)
{
    /* By inverse variance the first would have all but a ten-thousandth. */
    struct combine_candidate five[] = {candidate(9000, 10, 0), candidate(0, 1000, 0),
                                       candidate(0, 1000, 0), candidate(0, 1000, 0),
                                       candidate(0, 1000, 0)};
    struct combine combine;
    combine_run(five, 5, &wide, 2, &combine);
    CU_ASSERT_DOUBLE_EQUAL(combine.weights[0], 1.0 / 3, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(combine.weights[1], 1.0 / 6, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(offset_of(&combine), 3000, 0.01);

    /* Two of them: both come down. */
    five[1] = candidate(9000, 20, 0);
    combine_run(five, 5, &wide, 2, &combine);
    CU_ASSERT_DOUBLE_EQUAL(combine.weights[0], 1.0 / 3, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(combine.weights[1], 1.0 / 3, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(combine.weights[4], 1.0 / 9, 1e-6);

    combine_run(five, 5, &wide, 0, &combine);
    CU_ASSERT_TRUE(combine.weights[0] > 0.79);
}

static void where_too_few_are_left_all_count_alike(void)
{
    struct combine_candidate three[] = {candidate(0, 10, 0), candidate(300, 1000, 0),
                                        candidate(3000000, 10, 0)};
    struct combine combine;
    combine_run(three, 3, &wide, 2, &combine);
    CU_ASSERT_EQUAL(combine.used, 2);
    CU_ASSERT_DOUBLE_EQUAL(combine.weights[0], 0.5, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(combine.weights[1], 0.5, 1e-9);
    CU_ASSERT_EQUAL(combine.weights[2], 0);
    CU_ASSERT_DOUBLE_EQUAL(offset_of(&combine), 150, 1e-6);
}

static const struct unit_case cases[] = {
    {"one source is taken as it is", one_source_is_taken_as_it_is},
    {"none gives no estimate", none_gives_no_estimate},
    {"weights are inverse variances", weights_are_inverse_variances},
    {"those beside us count two thirds", those_beside_us_count_two_thirds},
    {"errors in common do not average out", errors_in_common_do_not_average_out},
    {"an estimate outside its bounds is not used", an_estimate_outside_its_bounds_is_not_used},
    {"the mean is kept inside the agreed interval", the_mean_is_kept_inside_the_agreed_interval},
    {"no source outweighs the honest ones", no_source_outweighs_the_honest_ones},
    {"where too few are left all count alike", where_too_few_are_left_all_count_alike},
};

UNIT_MAIN("combine", cases)
