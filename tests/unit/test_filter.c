/* SPDX-License-Identifier: MIT */
#include "client/sync/filter.h"
#include "tests/unit/filter_world.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <string.h>

#define WALL_NS INT64_C(1800000000123456789)
#define MONO_NS INT64_C(5000000000)

static struct sample make(int64_t after_ns, int64_t offset_ns, int64_t delay_ns)
{
    return (struct sample){
        .at.ns = MONO_NS + after_ns,
        .wall.ns = WALL_NS + after_ns + offset_ns,
        .delay_ns = delay_ns,
    };
}

static struct estimate estimate_at(const struct filter *filter, struct mono at)
{
    struct estimate estimate;
    CU_ASSERT_TRUE_FATAL(filter_estimate(filter, at, &estimate));
    CU_ASSERT_EQUAL(estimate.at.ns, at.ns);
    CU_ASSERT_TRUE(fabs(estimate.fraction_ns) <= 0.5);
    CU_ASSERT_TRUE(estimate.offset_sd_ns > 0.0 && isfinite(estimate.offset_sd_ns));
    CU_ASSERT_TRUE(estimate.rate_sd_ppm > 0.0 && isfinite(estimate.rate_sd_ppm));
    CU_ASSERT_TRUE(estimate.rate_sd_bound_ppm > 0.0 && isfinite(estimate.rate_sd_bound_ppm));
    return estimate;
}

static void check_same(const struct estimate *left, const struct estimate *right)
{
    CU_ASSERT_EQUAL(left->wall.ns, right->wall.ns);
    CU_ASSERT_DOUBLE_EQUAL(left->fraction_ns, right->fraction_ns, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(left->rate_ppm, right->rate_ppm, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(left->offset_sd_ns, right->offset_sd_ns, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(left->rate_sd_ppm, right->rate_sd_ppm, 1e-12);
}

static void nothing_is_known_before_a_sample(void)
{
    for (int kind = 0; kind < FILTER_KINDS; kind++) {
        struct filter *filter = filter_create((enum filter_kind)kind, 100);
        struct estimate estimate = {.rate_ppm = 42.0};
        CU_ASSERT_FALSE(filter_estimate(filter, (struct mono){1}, &estimate));
        CU_ASSERT_DOUBLE_EQUAL(estimate.rate_ppm, 42.0, 0.0);
        CU_ASSERT_TRUE(filter_predict_sd_ns(filter, (struct mono){1}) < 0.0);
        CU_ASSERT_EQUAL(filter_count(filter), 0);
        filter_destroy(filter);
    }
}

static void one_sample_is_an_estimate(void)
{
    for (int kind = 0; kind < FILTER_KINDS; kind++) {
        struct filter *filter = filter_create((enum filter_kind)kind, 100);
        struct sample sample = make(0, 0, 4000000);
        CU_ASSERT_EQUAL(filter_add(filter, &sample), FILTER_TAKEN);
        struct estimate estimate = estimate_at(filter, sample.at);
        CU_ASSERT_EQUAL(estimate.wall.ns, sample.wall.ns);
        CU_ASSERT_DOUBLE_EQUAL(estimate.rate_ppm, 0.0, 1e-9);
        CU_ASSERT_DOUBLE_EQUAL(estimate.offset_sd_ns, 2e6, 1e4);
        CU_ASSERT_EQUAL(filter_count(filter), 1);
        /* A minute later it is off by what a crystal may be. */
        double later = filter_predict_sd_ns(filter, (struct mono){sample.at.ns + 64 * NS_PER_S});
        CU_ASSERT_TRUE(later > 6e6);
        CU_ASSERT_TRUE(later < 8e6);
        filter_destroy(filter);
    }
}

static void feed(struct filter *filter, uint64_t seed, size_t count, int64_t mono_ns,
                 int64_t wall_ns)
{
    struct filter_world_setup setup = {
        .poll_s = 64.0, .wander = 1e-9, .base_s = 1e-3, .jitter_s = 1e-4};
    struct filter_world world;
    filter_world_init(&world, &setup, seed);
    for (size_t i = 0; i < count; i++) {
        struct sample sample = filter_world_sample(&world);
        sample.at.ns = (int64_t)((uint64_t)sample.at.ns + (uint64_t)mono_ns);
        sample.wall.ns = (int64_t)((uint64_t)sample.wall.ns + (uint64_t)wall_ns);
        CU_ASSERT_TRUE(filter_add(filter, &sample) <= FILTER_DOUBTED);
        filter_world_advance(&world, setup.poll_s);
    }
}

static const int64_t later_ns = 8000 * NS_PER_S + 7000 * NS_PER_S;

static void old_samples_are_ignored(void)
{
    for (int kind = 0; kind < FILTER_KINDS; kind++) {
        struct filter *filter = filter_create((enum filter_kind)kind, 100);
        feed(filter, 1, 50, 0, 0);
        struct mono now = {later_ns};
        struct estimate before = estimate_at(filter, now);
        struct sample sample = {.at.ns = 7000 * NS_PER_S + 49 * 64 * NS_PER_S};
        CU_ASSERT_EQUAL(filter_add(filter, &sample), FILTER_OLD);
        sample.at.ns -= 1000;
        CU_ASSERT_EQUAL(filter_add(filter, &sample), FILTER_OLD);
        sample.at.ns = 0;
        CU_ASSERT_EQUAL(filter_add(filter, &sample), FILTER_OLD);
        struct estimate after = estimate_at(filter, now);
        check_same(&before, &after);
        filter_destroy(filter);
    }
}

static void cleared_is_as_new(void)
{
    for (int kind = 0; kind < FILTER_KINDS; kind++) {
        struct filter *used = filter_create((enum filter_kind)kind, 100);
        feed(used, 2, 300, 12345, -NS_PER_S);
        filter_clear(used);
        CU_ASSERT_EQUAL(filter_count(used), 0);
        CU_ASSERT_TRUE(filter_predict_sd_ns(used, (struct mono){later_ns}) < 0.0);
        feed(used, 1, 50, 0, 0);
        struct filter *new = filter_create((enum filter_kind)kind, 100);
        feed(new, 1, 50, 0, 0);
        struct estimate left = estimate_at(used, (struct mono){later_ns});
        struct estimate right = estimate_at(new, (struct mono){later_ns});
        check_same(&left, &right);
        CU_ASSERT_EQUAL(filter_count(used), filter_count(new));
        filter_destroy(used);
        filter_destroy(new);
    }
}

/* Another NTP era, before 1970, a suspend's worth of oscillator: only differences count. */
static void eras_make_no_difference(void)
{
    static const int64_t wall_ns[] = {INT64_C(4294967296) * NS_PER_S,
                                      INT64_C(-4294967296) * NS_PER_S, -WALL_NS, 0};
    static const int64_t mono_ns[] = {0, INT64_C(-4000000000) * NS_PER_S,
                                      INT64_C(7000000000) * NS_PER_S};
    for (int kind = 0; kind < FILTER_KINDS; kind++) {
        struct filter *here = filter_create((enum filter_kind)kind, 100);
        feed(here, 3, 80, 0, 0);
        struct estimate expected = estimate_at(here, (struct mono){later_ns});
        for (int i = 0; i < 12; i++) {
            int64_t wall = wall_ns[i % 4];
            int64_t mono = mono_ns[i / 4];
            struct filter *there = filter_create((enum filter_kind)kind, 100);
            feed(there, 3, 80, mono, wall);
            struct estimate estimate = estimate_at(there, (struct mono){later_ns + mono});
            estimate.wall.ns = (int64_t)((uint64_t)estimate.wall.ns - (uint64_t)wall);
            check_same(&estimate, &expected);
            filter_destroy(there);
        }
        filter_destroy(here);
    }
}

/* Half an hour of drift later, a clock without noise is still known to the nanosecond. */
static void a_nanosecond_stays_one_over_years(void)
{
    const int64_t interval_ns = INT64_C(131072) * NS_PER_S;
    for (int kind = 0; kind < FILTER_KINDS; kind++) {
        struct filter *filter = filter_create((enum filter_kind)kind, 1);
        for (int64_t i = 0; i < 1500; i++) {
            /* 40 ppm: 5,242,880,000 ns each time. */
            struct sample sample = make(i * interval_ns, i * interval_ns / 25000, 2);
            CU_ASSERT_EQUAL_FATAL(filter_add(filter, &sample), FILTER_TAKEN);
            struct estimate estimate = estimate_at(filter, sample.at);
            if (i > 100) {
                CU_ASSERT_TRUE(llabs(estimate.wall.ns - sample.wall.ns) <= 1);
                CU_ASSERT_DOUBLE_EQUAL(estimate.rate_ppm, 40.0, 1e-6);
            }
        }
        filter_destroy(filter);
    }
}

/* Every second, too: a million nanoseconds of drift, one by one. */
static void single_nanoseconds_are_seen(void)
{
    for (int kind = 0; kind < FILTER_KINDS; kind++) {
        struct filter *filter = filter_create((enum filter_kind)kind, 1);
        for (int64_t i = 0; i < 20000; i++) {
            struct sample sample = make(i * NS_PER_S, i, 2);
            CU_ASSERT_EQUAL_FATAL(filter_add(filter, &sample), FILTER_TAKEN);
        }
        struct estimate estimate = estimate_at(filter, (struct mono){MONO_NS + 20000 * NS_PER_S});
        CU_ASSERT_TRUE(llabs(estimate.wall.ns - (WALL_NS + 20000 * NS_PER_S + 20000)) <= 1);
        CU_ASSERT_DOUBLE_EQUAL(estimate.rate_ppm, 0.001, 1e-6);
        filter_destroy(filter);
    }
}

static void uncertainty_grows_while_nobody_answers(void)
{
    for (int kind = 0; kind < FILTER_KINDS; kind++) {
        struct filter *filter = filter_create((enum filter_kind)kind, 100);
        feed(filter, 4, 100, 0, 0);
        double before = 0.0;
        for (int64_t after = 1; after < 2000000; after *= 4) {
            struct mono then = {(7000 + 99 * 64 + after) * NS_PER_S};
            double sd = filter_predict_sd_ns(filter, then);
            CU_ASSERT_TRUE(sd > before);
            CU_ASSERT_DOUBLE_EQUAL(sd, estimate_at(filter, then).offset_sd_ns, 1e-9);
            before = sd;
        }
        /* Back in time there is a line too, and no claim to know it better. */
        struct mono newest = {(7000 + 99 * 64) * NS_PER_S};
        struct estimate now = estimate_at(filter, newest);
        struct estimate past = estimate_at(filter, (struct mono){newest.ns - 64 * NS_PER_S});
        double expected = (double)(now.wall.ns - past.wall.ns) - 64e9;
        CU_ASSERT_DOUBLE_EQUAL(expected, 64e3 * now.rate_ppm, 1.0);
        CU_ASSERT_TRUE(past.offset_sd_ns >= now.offset_sd_ns);
        filter_destroy(filter);
    }
}

/* RFC 5905's popcorn: one spike of little delay is doubted; two are the source's clock. */
static void the_clock_filter_doubts_a_spike(void)
{
    struct filter *filter = filter_create(FILTER_NTP, 100);
    struct random random;
    random_init_seeded(&random, 11);
    int64_t at = 0;
    for (int i = 0; i < 100; i++, at += 64 * NS_PER_S) {
        int64_t queued_ns = (int64_t)(1e5 * random_unit(&random));
        struct sample sample =
            make(at, i % 2 == 0 ? queued_ns / 2 : -queued_ns / 2, 2000000 + queued_ns);
        CU_ASSERT_EQUAL(filter_add(filter, &sample), FILTER_TAKEN);
    }
    /* Long after the last pick a jump would be believed. */
    struct sample quick = make(at - 32 * NS_PER_S, 0, 1999500);
    CU_ASSERT_EQUAL(filter_add(filter, &quick), FILTER_TAKEN);
    struct sample spike = make(at, 50 * NS_PER_MS, 1999000);
    CU_ASSERT_EQUAL(filter_add(filter, &spike), FILTER_DOUBTED);
    struct estimate before = estimate_at(filter, spike.at);
    CU_ASSERT_TRUE(llabs(before.wall.ns - (spike.wall.ns - 50 * NS_PER_MS)) < 200000);
    spike = make(at + 64 * NS_PER_S, 50 * NS_PER_MS, 1998000);
    (void)filter_add(filter, &spike);
    spike = make(at + 128 * NS_PER_S, 50 * NS_PER_MS, 1997000);
    enum filter_verdict verdict = filter_add(filter, &spike);
    struct estimate after = estimate_at(filter, spike.at);
    CU_ASSERT_TRUE(verdict <= FILTER_STEPPED);
    CU_ASSERT_TRUE(llabs(after.wall.ns - spike.wall.ns) < 200000);
    filter_destroy(filter);
}

static void kinds_have_names(void)
{
    CU_ASSERT_STRING_EQUAL(filter_kind_name(FILTER_BANK), "bank");
    CU_ASSERT_STRING_EQUAL(filter_kind_name(FILTER_NTP), "ntp");
    CU_ASSERT_STRING_EQUAL(filter_kind_name(FILTER_REGRESSION), "regression");
    filter_destroy(NULL);
}

static const struct unit_case cases[] = {
    {"nothing is known before a sample", nothing_is_known_before_a_sample},
    {"one sample is an estimate", one_sample_is_an_estimate},
    {"old samples are ignored", old_samples_are_ignored},
    {"cleared is as new", cleared_is_as_new},
    {"eras make no difference", eras_make_no_difference},
    {"a nanosecond stays one over years", a_nanosecond_stays_one_over_years},
    {"single nanoseconds are seen", single_nanoseconds_are_seen},
    {"uncertainty grows while nobody answers", uncertainty_grows_while_nobody_answers},
    {"the clock filter doubts a spike", the_clock_filter_doubts_a_spike},
    {"kinds have names", kinds_have_names},
};
UNIT_MAIN("filter", cases)
