/* SPDX-License-Identifier: MIT */
#include "client/sync/filter_delay.h"
#include "common/base/random.h"
#include "tests/unit/unit.h"
#include <math.h>

#define PRECISION 1e-7

static double exponential(struct random *random)
{
    return -log(1.0 - random_unit(random));
}

/* A path of base each way, with queueing of one jitter each way. */
static void add(struct filter_delay *delay, struct random *random, double base, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        filter_delay_add(delay, 2.0 * base + 1e-4 * (exponential(random) + exponential(random)));
    }
}

static void the_base_is_the_least(void)
{
    struct filter_delay delay;
    filter_delay_init(&delay, PRECISION);
    filter_delay_add(&delay, 0.003);
    CU_ASSERT_DOUBLE_EQUAL(delay.base, 0.003, 1e-15);
    /* One delay alone says little of the path. */
    CU_ASSERT_TRUE(filter_delay_half(&delay) > 0.001);
    filter_delay_add(&delay, 0.004);
    filter_delay_add(&delay, 0.002);
    CU_ASSERT_DOUBLE_EQUAL(delay.base, 0.002, 1e-15);
    filter_delay_add(&delay, 0.005);
    CU_ASSERT_DOUBLE_EQUAL(delay.base, 0.002, 1e-15);
    CU_ASSERT_TRUE(filter_delay_half(&delay) >= 0.0015);
    CU_ASSERT_DOUBLE_EQUAL(filter_delay_variance(&delay), 1.25e-6, 1e-12);
}

static void slack_shrinks_with_experience(void)
{
    struct random random;
    random_init_seeded(&random, 1);
    struct filter_delay delay;
    filter_delay_init(&delay, PRECISION);
    double before = 1.0;
    for (int i = 0; i < 5; i++) {
        add(&delay, &random, 1e-4, 20);
        CU_ASSERT_TRUE(delay.slack < before);
        before = delay.slack;
    }
    CU_ASSERT_TRUE(delay.slack < 3e-5);
    CU_ASSERT_TRUE(delay.slack > 1e-6);
}

static void a_shorter_route_counts_at_once(void)
{
    struct random random;
    random_init_seeded(&random, 2);
    struct filter_delay delay;
    filter_delay_init(&delay, PRECISION);
    add(&delay, &random, 2e-3, 100);
    add(&delay, &random, 1e-3, 1);
    CU_ASSERT_TRUE(delay.base < 3e-3);
}

static void a_longer_route_counts_after_ten(void)
{
    struct random random;
    random_init_seeded(&random, 3);
    struct filter_delay delay;
    filter_delay_init(&delay, PRECISION);
    add(&delay, &random, 1e-3, 100);
    add(&delay, &random, 2e-3, 9);
    CU_ASSERT_TRUE(delay.base < 2.1e-3);
    add(&delay, &random, 2e-3, 1);
    CU_ASSERT_TRUE(delay.base >= 4e-3);
    CU_ASSERT_EQUAL(delay.base_count, 10);
    CU_ASSERT_EQUAL(delay.count, 10);
}

/* A slow packet of the old route is among the ten, and lower than all of the new one. */
static void the_base_is_not_between_two_routes(void)
{
    struct random random;
    random_init_seeded(&random, 7);
    struct filter_delay delay;
    filter_delay_init(&delay, PRECISION);
    add(&delay, &random, 1e-3, 200);
    filter_delay_add(&delay, 2.8e-3);
    add(&delay, &random, 2e-3, 9);
    CU_ASSERT_TRUE(delay.base < 2.1e-3);
    add(&delay, &random, 2e-3, 1);
    CU_ASSERT_TRUE(delay.base >= 4e-3);
}

/* Congestion that lets some samples through, or at the very start, is no new route. */
static void congestion_is_no_route(void)
{
    struct random random;
    random_init_seeded(&random, 4);
    struct filter_delay delay;
    filter_delay_init(&delay, PRECISION);
    add(&delay, &random, 1e-3, 12);
    add(&delay, &random, 2e-3, 11);
    CU_ASSERT_TRUE(delay.base < 2.2e-3);

    filter_delay_init(&delay, PRECISION);
    for (int i = 0; i < 10; i++) {
        add(&delay, &random, 1e-3, 20);
        add(&delay, &random, 2e-3, 7);
    }
    CU_ASSERT_TRUE(delay.base < 2.1e-3);
    CU_ASSERT_TRUE(delay.base_count > 250);
}

static void the_base_is_forgotten_in_time(void)
{
    struct random random;
    random_init_seeded(&random, 5);
    struct filter_delay delay;
    filter_delay_init(&delay, PRECISION);
    filter_delay_add(&delay, 1.9e-3);
    add(&delay, &random, 1e-3, 900);
    CU_ASSERT_DOUBLE_EQUAL(delay.base, 1.9e-3, 1e-12);
    add(&delay, &random, 1e-3, 200);
    CU_ASSERT_TRUE(delay.base >= 2e-3);
    CU_ASSERT_TRUE(delay.base_count <= 1024);
    CU_ASSERT_TRUE(delay.base_count > 900);
}

static void lopsided_jitter_tilts(void)
{
    for (int sign = -1; sign <= 1; sign++) {
        struct random random;
        random_init_seeded(&random, 6);
        struct filter_delay delay;
        filter_delay_init(&delay, PRECISION);
        struct filter_window window = {.half = 0.0};
        for (int i = 0; i < 200; i++) {
            double queued = 1e-4 * (exponential(&random) + (sign == 0 ? exponential(&random) : 0));
            filter_delay_add(&delay, 2e-3 + queued);
            /* All of it on one way moves the sample by half of it. */
            double innovation = sign * 0.5 * queued;
            window = filter_delay_window(&delay, innovation);
            CU_ASSERT_TRUE(fabs(window.tilt * window.half) <= 250.0 * (1.0 + 1e-9));
        }
        /* Queueing there makes samples too great, so that the truth is in the lower end. */
        CU_ASSERT_TRUE(sign == 0 ? fabs(window.tilt) < 1e3 : -sign * window.tilt > 1e4);
        CU_ASSERT_TRUE(window.soft > PRECISION);
        CU_ASSERT_TRUE(window.soft < window.half);
    }
}

/* A path without any jitter, or without any length, still leaves a window. */
static void nothing_is_left_of_no_window(void)
{
    for (int i = 0; i < 2; i++) {
        struct filter_delay delay;
        filter_delay_init(&delay, PRECISION);
        for (int k = 0; k < 3000; k++) {
            filter_delay_add(&delay, i == 0 ? 0.0 : 1e-3);
            struct filter_window window = filter_delay_window(&delay, 0.0);
            CU_ASSERT_TRUE_FATAL(window.half >= 0.5 * PRECISION);
            CU_ASSERT_TRUE_FATAL(isfinite(window.half) && isfinite(window.tilt));
        }
    }
}

static const struct unit_case cases[] = {
    {"the base is the least", the_base_is_the_least},
    {"slack shrinks with experience", slack_shrinks_with_experience},
    {"a shorter route counts at once", a_shorter_route_counts_at_once},
    {"a longer route counts after ten", a_longer_route_counts_after_ten},
    {"the base is not between two routes", the_base_is_not_between_two_routes},
    {"congestion is no route", congestion_is_no_route},
    {"the base is forgotten in time", the_base_is_forgotten_in_time},
    {"lopsided jitter tilts", lopsided_jitter_tilts},
    {"nothing is left of no window", nothing_is_left_of_no_window},
};
UNIT_MAIN("filter_delay", cases)
