/* SPDX-License-Identifier: MIT */
#include "client/sync/span.h"
#include "tests/unit/unit.h"

static const struct bound_options options = {.drift_class = DRIFT_STRICT, .drift_start_ppm = 500};
static const struct bound_rate learned = {.is_learned = true, .rate_ppm = 100, .sd_ppm = 0.01};

static void test_ages(void)
{
    struct span span;
    struct interval interval;
    span_init(&span, &options);
    CU_ASSERT_FALSE(span_interval(&span, (struct mono){5}, &interval));
    struct interval agreed = {1000000, 1002000};
    CU_ASSERT_EQUAL(span_meet(&span, &agreed, &learned, (struct mono){0}), SPAN_TAKEN);
    CU_ASSERT_TRUE_FATAL(span_interval(&span, (struct mono){NS_PER_S}, &interval));
    /* 100 ppm of rate, 50 ppm either way. */
    CU_ASSERT_EQUAL(interval.earliest_ns, 1000000 + NS_PER_S + 100000 - 50000);
    CU_ASSERT_EQUAL(interval.latest_ns, 1002000 + NS_PER_S + 100000 + 50000);
    CU_ASSERT_DOUBLE_EQUAL(span_growth_ppm(&span, (struct mono){0}, NS_PER_S), 50, 1e-6);
    span_void(&span);
    CU_ASSERT_FALSE(span_interval(&span, (struct mono){5}, &interval));
}

static void test_narrows(void)
{
    struct span span;
    struct interval interval;
    span_init(&span, &options);
    struct interval first = {1000000, 1002000};
    struct interval later = {first.earliest_ns - 500 + NS_PER_S, 1100000 + NS_PER_S};
    (void)span_meet(&span, &first, &learned, (struct mono){0});
    CU_ASSERT_EQUAL(span_meet(&span, &later, &learned, (struct mono){NS_PER_S}), SPAN_TAKEN);
    CU_ASSERT_TRUE_FATAL(span_interval(&span, (struct mono){NS_PER_S}, &interval));
    /* The old end is better at one side, the new one at the other. */
    CU_ASSERT_EQUAL(interval.earliest_ns, 1000000 + NS_PER_S + 50000);
    CU_ASSERT_EQUAL(interval.latest_ns, later.latest_ns);
}

static void test_breaks(void)
{
    struct span span;
    struct interval interval;
    span_init(&span, &options);
    struct interval first = {1000000, 1002000};
    struct interval later = {first.earliest_ns + 5 * NS_PER_S, first.latest_ns + 5 * NS_PER_S};
    (void)span_meet(&span, &first, &learned, (struct mono){0});
    CU_ASSERT_EQUAL(span_meet(&span, &later, &learned, (struct mono){NS_PER_S}), SPAN_BROKEN);
    CU_ASSERT_TRUE_FATAL(span_interval(&span, (struct mono){NS_PER_S}, &interval));
    CU_ASSERT_EQUAL(interval.earliest_ns, later.earliest_ns);
    CU_ASSERT_EQUAL(interval.latest_ns, later.latest_ns);
    span_shift(&span, -NS_PER_S);
    CU_ASSERT_TRUE_FATAL(span_interval(&span, (struct mono){NS_PER_S}, &interval));
    CU_ASSERT_EQUAL(interval.latest_ns, later.latest_ns - NS_PER_S);
}

static const struct unit_case cases[] = {
    {"it grows with age", test_ages},
    {"only narrower than what was known", test_narrows},
    {"nothing left: it begins anew", test_breaks},
};
UNIT_MAIN("span", cases)
