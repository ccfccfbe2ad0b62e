/* SPDX-License-Identifier: MIT */
/* A line through up to 64 samples, weighted by their delays, as short as the signs of its residuals
 * ask for: where they come in runs, the clock does not follow one line, and the oldest goes. */
#include "client/sync/filter_class.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES_MAX 64
#define SAMPLES_MIN 6
#define HELD_MAX (2 * SAMPLES_MAX) /* as many older ones have a say in the runs */
#define RATE_SD_FIRST 1e-4
#define RATE_SD_MIN 1e-12
/* The offset goes with the delay, if at all, by at most half of it: what queues one way only. */
#define LOPSIDED_MIN 0.45
#define LOPSIDED_MAX 0.5
#define LOPSIDED_RUN 10

struct fit {
    double x; /* at t */
    double t; /* the weighted mean */
    double rate;
    double weights;
    double spread;   /* of the times: sum of w (t - mean)^2 */
    double variance; /* of a sample of weight 1 */
};

struct filter_regression {
    double precision;
    struct filter_point points[HELD_MAX]; /* oldest first */
    size_t held;
    size_t used; /* the newest of them */
    double lopsided;
    int lopsided_run; /* negative: the other sign */
    struct fit fit;
};

static void regression_init(void *state, double precision)
{
    struct filter_regression *regression = state;
    *regression = (struct filter_regression){.precision = precision};
}

/* Of all that are held: how long the bare path is does not depend on how straight the line is. */
static double least_delay(const struct filter_regression *regression)
{
    double least = regression->points[0].delay;
    for (size_t i = 1; i < regression->held; i++) {
        least = fmin(least, regression->points[i].delay);
    }
    return least;
}

static double median_delay(const struct filter_regression *regression)
{
    const struct filter_point *used = regression->points + regression->held - regression->used;
    double sorted[SAMPLES_MAX];
    for (size_t i = 0; i < regression->used; i++) {
        size_t place = i;
        while (place > 0 && sorted[place - 1] > used[i].delay) {
            sorted[place] = sorted[place - 1];
            place--;
        }
        sorted[place] = used[i].delay;
    }
    return sorted[regression->used / 2];
}

/* Offsets of the held points without what their delay explains. */
static double offset(const struct filter_regression *regression, const struct filter_point *point,
                     double least)
{
    if (abs(regression->lopsided_run) < LOPSIDED_RUN) {
        return point->x;
    }
    return point->x - regression->lopsided * (point->delay - least);
}

static void set_weights(const struct filter_regression *regression, double least, double *weight)
{
    const struct filter_point *used = regression->points + regression->held - regression->used;
    double precision = regression->precision;
    double scatter = (median_delay(regression) - least) / 2.0 / 0.7;
    double sd = fmax(fmin(scatter, fmax(least / 2.0, precision)), precision);
    for (size_t i = 0; i < regression->used; i++) {
        double excess = fmax((used[i].delay - least) / 2.0 - precision, 0.0);
        double root = 1.0 + excess / sd;
        weight[i] = 1.0 / (root * root);
    }
}

static void fit_line(struct filter_regression *regression)
{
    const struct filter_point *used = regression->points + regression->held - regression->used;
    double least = least_delay(regression);
    double weight[SAMPLES_MAX];
    struct fit fit = {.x = 0.0};
    double covariance = 0.0;
    double squares = 0.0;
    set_weights(regression, least, weight);
    for (size_t i = 0; i < regression->used; i++) {
        fit.weights += weight[i];
        fit.t += weight[i] * used[i].t;
        fit.x += weight[i] * offset(regression, &used[i], least);
    }
    fit.t /= fit.weights;
    fit.x /= fit.weights;
    for (size_t i = 0; i < regression->used; i++) {
        double t = used[i].t - fit.t;
        fit.spread += weight[i] * t * t;
        covariance += weight[i] * t * (offset(regression, &used[i], least) - fit.x);
    }
    fit.rate = fit.spread > 0.0 ? covariance / fit.spread : 0.0;
    for (size_t i = 0; i < regression->used; i++) {
        double residual =
            offset(regression, &used[i], least) - fit.x - fit.rate * (used[i].t - fit.t);
        squares += weight[i] * residual * residual;
    }
    double floor = regression->precision * regression->precision;
    if (regression->used > 2) {
        fit.variance = fmax(squares / (double)(regression->used - 2), floor);
    } else {
        fit.variance = fmax(used[0].delay * used[0].delay / 4.0, floor);
    }
    regression->fit = fit;
}

/* The signs of the residuals, those of as many older samples with them, change so many times that
 * chance explains it: at most one random sequence in twenty has as few runs. */
static bool is_one_line(const struct filter_regression *regression)
{
    const struct fit *fit = &regression->fit;
    size_t count =
        2 * regression->used < regression->held ? 2 * regression->used : regression->held;
    double least = least_delay(regression);
    size_t runs = 0;
    bool was_above = false;
    for (size_t i = regression->held - count; i < regression->held; i++) {
        const struct filter_point *point = &regression->points[i];
        double line = fit->x + fit->rate * (point->t - fit->t);
        bool is_above = offset(regression, point, least) > line;
        runs += runs == 0 || is_above != was_above ? 1 : 0;
        was_above = is_above;
    }
    double critical = 0.5 * (double)count - 0.8225 * sqrt((double)count - 1.0);
    return (double)runs > critical;
}

/* How much of the delay's excess shows in the offset: a second slope beside the line's. */
static double lopsided_slope(const struct filter_regression *regression)
{
    const struct filter_point *used = regression->points + regression->held - regression->used;
    double count = (double)regression->used;
    double t_mean = 0.0;
    double x_mean = 0.0;
    double d_mean = 0.0;
    for (size_t i = 0; i < regression->used; i++) {
        t_mean += used[i].t / count;
        x_mean += used[i].x / count;
        d_mean += used[i].delay / count;
    }
    double tt = 0.0;
    double td = 0.0;
    double dd = 0.0;
    double tx = 0.0;
    double dx = 0.0;
    for (size_t i = 0; i < regression->used; i++) {
        double t = used[i].t - t_mean;
        double d = used[i].delay - d_mean;
        double x = used[i].x - x_mean;
        tt += t * t;
        td += t * d;
        dd += d * d;
        tx += t * x;
        dx += d * x;
    }
    double determinant = tt * dd - td * td;
    return determinant > 1e-9 * tt * dd ? (tt * dx - td * tx) / determinant : 0.0;
}

static void find_lopsided(struct filter_regression *regression)
{
    double slope = regression->used >= SAMPLES_MIN ? lopsided_slope(regression) : 0.0;
    regression->lopsided = fmax(-LOPSIDED_MAX, fmin(slope, LOPSIDED_MAX));
    if (fabs(slope) < LOPSIDED_MIN) {
        regression->lopsided_run = 0;
    } else if (slope > 0.0) {
        regression->lopsided_run = regression->lopsided_run < 0 ? 1 : regression->lopsided_run + 1;
    } else {
        regression->lopsided_run = regression->lopsided_run > 0 ? -1 : regression->lopsided_run - 1;
    }
    int most = 2 * LOPSIDED_RUN;
    if (abs(regression->lopsided_run) > most) {
        regression->lopsided_run = regression->lopsided_run > 0 ? most : -most;
    }
}

static enum filter_verdict regression_add(void *state, const struct filter_point *point)
{
    struct filter_regression *regression = state;
    if (regression->held == HELD_MAX) {
        regression->held--;
        memmove(regression->points, regression->points + 1,
                regression->held * sizeof regression->points[0]);
    }
    regression->points[regression->held++] = *point;
    if (regression->used < SAMPLES_MAX) {
        regression->used++;
    }
    find_lopsided(regression);
    fit_line(regression);
    while (regression->used > SAMPLES_MIN && !is_one_line(regression)) {
        regression->used--;
        fit_line(regression);
    }
    return FILTER_TAKEN;
}

static void regression_estimate(const void *state, double t, struct filter_line *line)
{
    const struct filter_regression *regression = state;
    const struct fit *fit = &regression->fit;
    double age = t - fit->t;
    double rate_sd = RATE_SD_FIRST;
    if (fit->spread > 0.0) {
        rate_sd = fmax(fmin(sqrt(fit->variance / fit->spread), RATE_SD_FIRST), RATE_SD_MIN);
    }
    *line = (struct filter_line){
        .x = fit->x + fit->rate * age,
        .rate = fit->rate,
        .x_sd = hypot(sqrt(fit->variance / fit->weights), rate_sd * age),
        .rate_sd = rate_sd,
        .rate_sd_bound = rate_sd,
    };
}

static void regression_shift(void *state, double t, double x)
{
    struct filter_regression *regression = state;
    for (size_t i = 0; i < regression->held; i++) {
        regression->points[i].t -= t;
        regression->points[i].x -= x;
    }
    regression->fit.t -= t;
    regression->fit.x -= x;
}

static size_t regression_count(const void *state)
{
    const struct filter_regression *regression = state;
    return regression->used;
}

const struct filter_class filter_class_regression = {
    .name = "regression",
    .size = sizeof(struct filter_regression),
    .init = regression_init,
    .add = regression_add,
    .estimate = regression_estimate,
    .shift = regression_shift,
    .count = regression_count,
};
