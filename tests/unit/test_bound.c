/* SPDX-License-Identifier: MIT */
#include "client/sync/bound.h"
#include "common/base/random.h"
#include "tests/unit/unit.h"

#define START INT64_C(1800000000000000000)

static const struct bound_options normal = {.drift_class = DRIFT_NORMAL, .drift_start_ppm = 500};
static const struct bound_options strict = {.drift_class = DRIFT_STRICT, .drift_start_ppm = 500};
static const struct bound_rate unknown;
static const struct bound_rate exact = {.is_learned = true};

/* An exchange of a source that is right, begun at sent_ns on an oscillator that shows true time +
 * START, with those one-way delays; the source claims to be right within claim_ns. */
static struct sample sample_at(int64_t sent_ns, int64_t out_ns, int64_t back_ns, int64_t claim_ns)
{
    struct sample sample = {.delay_ns = out_ns + back_ns};
    sample.sent.mono.ns = sent_ns;
    sample.source_received.ns = START + sent_ns + out_ns;
    sample.source_sent = sample.source_received;
    sample.received.mono.ns = sent_ns + out_ns + back_ns;
    sample.bound_ns = (sample.delay_ns + 1) / 2 + claim_ns;
    return sample;
}

static struct interval interval_of(const struct bound *bound, int64_t now_ns,
                                   const struct bound_rate *rate)
{
    struct interval interval = {0, 0};
    CU_ASSERT(bound_interval(bound, (struct mono){now_ns}, rate, &interval));
    return interval;
}

static void test_nothing_is_known_at_first(void)
{
    struct bound bound;
    struct interval interval = {1, 2};
    bound_init(&bound, &normal);
    CU_ASSERT_FALSE(bound_interval(&bound, (struct mono){0}, &unknown, &interval));
    CU_ASSERT_EQUAL(interval.earliest_ns, 1);
    struct sample sample = sample_at(0, 1000, 1000, 0);
    CU_ASSERT_EQUAL(bound_add(&bound, &sample, &unknown), BOUND_TAKEN);
    (void)interval_of(&bound, 2000, &unknown);
    bound_void(&bound);
    CU_ASSERT_FALSE(bound_interval(&bound, (struct mono){0}, &unknown, &interval));
}

/* Each end depends on one direction: what the request took stands in the upper end, the answer's
 * way in the lower. */
static void test_each_end_depends_on_one_direction(void)
{
    struct bound bound;
    bound_init(&bound, &normal);
    struct sample sample = sample_at(0, 3000, 5000, 100);
    CU_ASSERT_EQUAL(bound_add(&bound, &sample, &exact), BOUND_TAKEN);
    struct interval interval = interval_of(&bound, 8000, &exact);
    CU_ASSERT_EQUAL(interval.earliest_ns, START + 8000 - 5000 - 100);
    /* One nanosecond of growth over 8 us, rounded up. */
    CU_ASSERT_EQUAL(interval.latest_ns, START + 8000 + 3000 + 100 + 1);
}

static void test_best_ends_of_two_samples_are_joined(void)
{
    struct bound bound;
    bound_init(&bound, &normal);
    struct sample quick_out = sample_at(0, 1000, 900000, 0);
    struct sample quick_back = sample_at(1000000, 900000, 2000, 0);
    CU_ASSERT_EQUAL(bound_add(&bound, &quick_out, &exact), BOUND_TAKEN);
    CU_ASSERT_EQUAL(bound_add(&bound, &quick_back, &exact), BOUND_TAKEN);
    struct interval interval = interval_of(&bound, 1902000, &exact);
    CU_ASSERT(interval_contains(interval, START + 1902000));
    CU_ASSERT(START + 1902000 - interval.earliest_ns <= 2000 + 2);
    CU_ASSERT(interval.latest_ns - (START + 1902000) <= 1000 + 4);
}

static void test_growth_of_each_class(void)
{
    const struct bound_rate learned = {.is_learned = true, .rate_ppm = 30, .sd_ppm = 0.2};
    /* Before a rate is learned: drift-start. */
    CU_ASSERT_EQUAL(bound_growth_ns(&normal, &unknown, NS_PER_S), 500000);
    /* 6 x 0.2 ppm + 0.02 ppm/s x 10 s / 2, over 10 s. */
    CU_ASSERT_DOUBLE_EQUAL((double)bound_growth_ns(&normal, &learned, 10 * NS_PER_S), 13000.5, 0.6);
    /* The floor of 0.05 ppm. */
    CU_ASSERT_DOUBLE_EQUAL((double)bound_growth_ns(&normal, &exact, NS_PER_S), 310.5, 0.6);
    /* Never more than 15 ppm. */
    CU_ASSERT_EQUAL(bound_growth_ns(&normal, &learned, 10000 * NS_PER_S), 150000000);
    CU_ASSERT_EQUAL(bound_growth_ns(&strict, &learned, 10 * NS_PER_S), 500000);
}

static void test_ends_are_carried_on_at_the_rate(void)
{
    const struct bound_rate fast = {.is_learned = true, .rate_ppm = 100, .sd_ppm = 0};
    struct bound bound;
    bound_init(&bound, &normal);
    struct sample sample = sample_at(0, 0, 0, 0);
    CU_ASSERT_EQUAL(bound_add(&bound, &sample, &fast), BOUND_TAKEN);
    struct interval interval = interval_of(&bound, 10 * NS_PER_S, &fast);
    CU_ASSERT(interval_contains(interval, START + 10 * NS_PER_S + 1000000));
    CU_ASSERT(interval.latest_ns - interval.earliest_ns < 10000);
}

static void test_contradiction_begins_anew(void)
{
    struct bound bound;
    bound_init(&bound, &normal);
    struct sample sample = sample_at(0, 1000, 1000, 0);
    CU_ASSERT_EQUAL(bound_add(&bound, &sample, &exact), BOUND_TAKEN);
    sample = sample_at(NS_PER_S, 1000, 1000, 0);
    sample.source_received.ns += NS_PER_S; /* it stepped */
    sample.source_sent.ns += NS_PER_S;
    CU_ASSERT_EQUAL(bound_add(&bound, &sample, &exact), BOUND_CONTRADICTED);
    CU_ASSERT_EQUAL(bound.contradictions, 1);
    struct interval interval = interval_of(&bound, NS_PER_S + 2000, &exact);
    CU_ASSERT(interval_contains(interval, START + 2 * NS_PER_S + 2000));
    CU_ASSERT(interval.latest_ns - interval.earliest_ns < 3000);
}

/* Truth stays inside over a day of random delays, with an oscillator that strays as far as the
 * class allows; and the interval is narrower than any one exchange's. */
static void test_truth_stays_inside(void)
{
    struct random random;
    random_init_seeded(&random, 7);
    struct bound bound;
    bound_init(&bound, &strict);
    double error_ns = 0; /* the oscillator, ahead of the truth */
    double narrowest = 1e18;
    for (int64_t true_ns = 0; true_ns < 86400 * NS_PER_S; true_ns += 16 * NS_PER_S) {
        int64_t out = 100000 + (int64_t)(random_unit(&random) * 1e6);
        int64_t back = 100000 + (int64_t)(random_unit(&random) * 1e6);
        struct sample sample = sample_at(true_ns, out, back, 500);
        sample.sent.mono.ns += (int64_t)error_ns;
        sample.received.mono.ns += (int64_t)error_ns;
        CU_ASSERT_EQUAL(bound_add(&bound, &sample, &exact), BOUND_TAKEN);
        struct mono now = {sample.received.mono.ns};
        struct interval interval = interval_of(&bound, now.ns, &exact);
        CU_ASSERT(interval_contains(interval, START + true_ns + out + back));
        double width = (double)(interval.latest_ns - interval.earliest_ns);
        narrowest = width < narrowest ? width : narrowest;
        error_ns += (random_unit(&random) * 2 - 1) * 49.9e-6 * 16e9;
    }
    CU_ASSERT(narrowest < 800000);
    CU_ASSERT_EQUAL(bound.contradictions, 0);
}

static void test_learned(void)
{
    static const struct bound_options learned = {.drift_class = DRIFT_LEARNED,
                                                 .drift_start_ppm = 500};
    struct bound_rate rate = {.is_learned = true, .sd_ppm = 0.02, .wander_ppm2_per_s = 1e-6};
    CU_ASSERT_STRING_EQUAL(drift_class_name(DRIFT_LEARNED), "learned");
    /* 0.05 ppm, 6 sqrt(0.02^2 + 1e-6 * 64 / 3) ppm, and 0.16 ppm, over 64 s. */
    CU_ASSERT_DOUBLE_EQUAL((double)bound_growth_ns(&learned, &rate, 64 * NS_PER_S), 21322, 30);
    /* Over a long gap far less than any oscillator may. */
    int64_t gap_ns = 6000 * NS_PER_S;
    CU_ASSERT_TRUE(bound_growth_ns(&learned, &rate, gap_ns) <
                   bound_growth_ns(&normal, &rate, gap_ns) / 10);
    /* Where temperature is believed in, it has its part; and 15 ppm are the most. */
    int64_t without_ns = bound_growth_ns(&learned, &rate, gap_ns);
    rate.thermal_share = 1;
    CU_ASSERT_TRUE(bound_growth_ns(&learned, &rate, gap_ns) > 2 * without_ns);
    rate.wander_ppm2_per_s = 1;
    CU_ASSERT_EQUAL(bound_growth_ns(&learned, &rate, gap_ns), 15 * 6000 * NS_PER_US);
}

static const struct unit_case cases[] = {
    {"nothing is known at first", test_nothing_is_known_at_first},
    {"each end depends on one direction", test_each_end_depends_on_one_direction},
    {"the best ends of two samples are joined", test_best_ends_of_two_samples_are_joined},
    {"the growth of each class", test_growth_of_each_class},
    {"the ends are carried on at the rate", test_ends_are_carried_on_at_the_rate},
    {"a contradiction begins anew", test_contradiction_begins_anew},
    {"the truth stays inside", test_truth_stays_inside},
    {"class learned: as it strayed before", test_learned},
};
UNIT_MAIN("bound", cases)
