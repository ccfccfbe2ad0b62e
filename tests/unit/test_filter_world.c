/* SPDX-License-Identifier: MIT */
/* Filters side by side on the same oscillators and paths: the bank is held to the errors that are
 * known to be within reach, and to be better than the regression. */
#include "tests/unit/filter_world.h"
#include "tests/unit/unit.h"
#include <math.h>

#define SEEDS 4
#define LONG .duration_s = 1e5, .settle_s = 2e4
#define LAN .base_s = 1e-4, .jitter_s = 1e-4

struct row {
    const char *name;
    struct filter_world_setup setup;
    double rms_max_s;         /* of the bank */
    double of_regression_max; /* the ratio of both */
};

static const struct row rows[] = {
    {"the usual", {.poll_s = 64, .wander = 1e-9, LAN, LONG}, 1.25e-5, 0.70},
    {"polls of 16 s", {.poll_s = 16, .wander = 1e-9, LAN, LONG}, 6.5e-6, 0.60},
    {"wander 1e-8", {.poll_s = 64, .wander = 1e-8, LAN, LONG}, 2.9e-5, 0.75},
    {"wander 1e-7", {.poll_s = 64, .wander = 1e-7, LAN, LONG}, 7.5e-5, 0.75},
    {"jitter 1 ms",
     {.poll_s = 64, .wander = 1e-9, .base_s = 1e-4, .jitter_s = 1e-3, LONG},
     6.5e-5,
     0.75},
    {"polls of 610 s",
     {.poll_s = 610, .wander = 1e-9, LAN, .duration_s = 4e5, .settle_s = 4e4},
     4.8e-5,
     0.85},
    {"jitter one way",
     {.poll_s = 64, .wander = 1e-9, .base_s = 1e-4, .jitter_s = 5e-4, .asymmetry = 0.47, LONG},
     1.5e-5,
     0.45},
    {"jitter mostly one way",
     {.poll_s = 64, .wander = 1e-9, .base_s = 1e-4, .jitter_s = 5e-4, .asymmetry = 0.3, LONG},
     3.5e-5,
     0.50},
    {"Gaussian", {.poll_s = 64, .wander = 1e-9, LAN, .shape = SHAPE_GAUSSIAN, LONG}, 2.8e-5, 1.00},
    {"log-normal",
     {.poll_s = 64, .wander = 1e-9, LAN, .shape = SHAPE_LOG_NORMAL, LONG},
     1.0e-5,
     0.60},
    {"heavy tails", {.poll_s = 64, .wander = 1e-9, LAN, .shape = SHAPE_PARETO, LONG}, 1.9e-5, 0.55},
    {"bursts", {.poll_s = 64, .wander = 1e-9, LAN, .shape = SHAPE_BURST, LONG}, 3.0e-5, 0.95},
    {"a longer route",
     {.poll_s = 64, .wander = 1e-9, LAN, .event_at_s = 5e4, .route_s = 5e-4, LONG},
     2.0e-5,
     0.95},
    {"outliers",
     {.poll_s = 64, .wander = 1e-9, LAN, .outlier_share = 0.02, .outlier_s = 5e-3, LONG},
     1.6e-5,
     0.10},
    {"a new rate",
     {.poll_s = 64,
      .wander = 1e-9,
      .base_s = 5e-3,
      .jitter_s = 5e-4,
      .event_at_s = 5e4,
      .rate_jump = 5e-6,
      LONG},
     4.7e-5,
     0.75},
};

/* The root of the mean of the seeds' mean squares. */
static void run_row(const struct row *row, enum filter_kind kind, struct filter_world_result *sum)
{
    double squares = 0.0;
    *sum = (struct filter_world_result){.steps = 0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct filter_world_result result;
        filter_world_run(&row->setup, kind, seed, &result);
        squares += result.rms_s * result.rms_s / SEEDS;
        sum->within += result.within / SEEDS;
        sum->steps += result.steps;
    }
    sum->rms_s = sqrt(squares);
}

static void the_bank_is_better_than_the_regression(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct filter_world_result bank;
        struct filter_world_result regression;
        run_row(&rows[i], FILTER_BANK, &bank);
        run_row(&rows[i], FILTER_REGRESSION, &regression);
        double ratio = bank.rms_s / regression.rms_s;
        bool is_good = bank.rms_s < rows[i].rms_max_s && ratio < rows[i].of_regression_max &&
                       bank.within > 0.97;
        CU_ASSERT_TRUE(is_good);
        if (!is_good) {
            printf("\n%s: bank %.3g s (at most %.3g), regression %.3g s, ratio %.2f (at most "
                   "%.2f), %.2f %% within three sd (at least 97)\n",
                   rows[i].name, bank.rms_s, rows[i].rms_max_s, regression.rms_s, ratio,
                   rows[i].of_regression_max, 100.0 * bank.within);
        }
    }
}

/* The others are there for comparison: good enough to be a fair one. */
static void the_others_do_what_they_can(void)
{
    static const struct {
        size_t row;
        enum filter_kind kind;
        double rms_max_s;
    } limits[] = {
        {0, FILTER_NTP, 3.0e-5},         {2, FILTER_NTP, 1.2e-4},
        {0, FILTER_REGRESSION, 2.6e-5},  {2, FILTER_REGRESSION, 5.5e-5},
        {3, FILTER_REGRESSION, 1.4e-4},  {6, FILTER_REGRESSION, 4.5e-5},
        {14, FILTER_REGRESSION, 1.1e-4},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct filter_world_result result;
        run_row(&rows[limits[i].row], limits[i].kind, &result);
        CU_ASSERT_TRUE(result.rms_s < limits[i].rms_max_s);
        if (!(result.rms_s < limits[i].rms_max_s)) {
            printf("\n%s: %s %.3g s (at most %.3g)\n", rows[limits[i].row].name,
                   filter_kind_name(limits[i].kind), result.rms_s, limits[i].rms_max_s);
        }
    }
}

static void calm_days_have_no_steps(void)
{
    for (size_t i = 0; i < 12; i++) {
        struct filter_world_result result;
        run_row(&rows[i], FILTER_BANK, &result);
        CU_ASSERT_EQUAL(result.steps, 0);
    }
}

static void a_seed_repeats(void)
{
    struct filter_world_result first;
    struct filter_world_result second;
    struct filter_world_result other;
    filter_world_run(&rows[0].setup, FILTER_BANK, 77, &first);
    filter_world_run(&rows[0].setup, FILTER_BANK, 77, &second);
    filter_world_run(&rows[0].setup, FILTER_BANK, 78, &other);
    CU_ASSERT_DOUBLE_EQUAL(first.rms_s, second.rms_s, 0.0);
    CU_ASSERT_TRUE(fabs(first.rms_s - other.rms_s) > 0.0);
}

static const struct unit_case cases[] = {
    {"the bank is better than the regression", the_bank_is_better_than_the_regression},
    {"the others do what they can", the_others_do_what_they_can},
    {"calm days have no steps", calm_days_have_no_steps},
    {"a seed repeats", a_seed_repeats},
};
UNIT_MAIN("filter_world", cases)
