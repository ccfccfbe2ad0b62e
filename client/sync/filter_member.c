/* SPDX-License-Identifier: MIT */
#include "client/sync/filter_member.h"
#include "client/sync/filter_normal.h"
#include <math.h>

#define LOG_TWO_PI 1.83787706640934548356
#define RATE_SD_FIRST 1e-4
/* Temperature moves the rate by 1 ppm, and keeps its mood for half an hour. */
#define THERMAL_SD 1e-6
#define THERMAL_S 2000.0
/* A window so improbable says that the belief is wrong somewhere; learn from it with caution. */
#define LOG_MASS_MIN (-14.0)
#define LOG_MASS_PENALTY 4.0
#define SURPRISE_MAX 9.0
/* One sample does not sharpen the offset by more than this. */
#define CUT_VARIANCE_MIN 1e-3
/* Two states of F L, two of the wander's noise, two of the temperature's. */
#define COLUMNS_MAX 7

/* The integral of (1 - exp(-u))^2 over [0, h]. */
static double faded_square(double h)
{
    if (h < 1e-2) {
        return h * h * h * (1.0 / 3.0 - h * (0.25 - h * (7.0 / 60.0 - h / 24.0)));
    }
    return h + 2.0 * expm1(-h) - 0.5 * expm1(-2.0 * h);
}

static double faded_variance(double h)
{
    return 2.0 * THERMAL_SD * THERMAL_SD * THERMAL_S * THERMAL_S * faded_square(h);
}

double filter_member_fade(double dt, double *variance)
{
    double h = dt / THERMAL_S;
    *variance = faded_variance(h);
    return THERMAL_S * -expm1(-h);
}

struct filter_stride filter_stride_make(double dt)
{
    double h = dt / THERMAL_S;
    double lost = -expm1(-h);
    double power = THERMAL_SD * THERMAL_SD;
    double x_variance = faded_variance(h);
    double covariance = power * THERMAL_S * lost * lost;
    double s_variance = -power * expm1(-2.0 * h);
    double lower = x_variance > 0.0 ? covariance / x_variance : 0.0;
    return (struct filter_stride){
        .dt = dt,
        .fade = 1.0 - lost,
        .fade_dt = THERMAL_S * lost,
        .thermal_d = {x_variance, fmax(s_variance - lower * covariance, 0.0)},
        .thermal_lower = lower,
    };
}

void filter_member_init(struct filter_member *member, double x, double x_sd)
{
    *member = (struct filter_member){
        .wander = member->wander,
        .is_cut = member->is_cut,
        .is_thermal = member->is_thermal,
        .state = {x, 0.0, 0.0},
        .d = {x_sd * x_sd, RATE_SD_FIRST * RATE_SD_FIRST, THERMAL_SD * THERMAL_SD},
    };
}

/* A factor of the covariance to come: rows of states, columns of independent noise with a power
 * each. */
struct factor {
    size_t columns;
    double power[COLUMNS_MAX];
    double x[COLUMNS_MAX];
    double y[COLUMNS_MAX];
    double s[COLUMNS_MAX];
};

static void factor_add(struct factor *factor, double power, double x, double y, double s)
{
    size_t column = factor->columns++;
    factor->power[column] = power;
    factor->x[column] = x;
    factor->y[column] = y;
    factor->s[column] = s;
}

static double product(const struct factor *factor, const double *left, const double *right)
{
    double sum = 0.0;
    for (size_t i = 0; i < factor->columns; i++) {
        sum += factor->power[i] * left[i] * right[i];
    }
    return sum;
}

/* Takes from `row` its part along `base`, and returns how much that was. */
static double orthogonalise(const struct factor *factor, double *row, const double *base,
                            double square)
{
    double part = square > 0.0 ? product(factor, row, base) / square : 0.0;
    for (size_t i = 0; i < factor->columns; i++) {
        row[i] -= part * base[i];
    }
    return part;
}

/* Gram and Schmidt's way back to L D L' (Thornton): sums of squares only, so that years without a
 * sample and then a good one do no harm. */
static void refactor(struct filter_member *member, struct factor *factor)
{
    member->d[0] = product(factor, factor->x, factor->x);
    member->lower[0] = orthogonalise(factor, factor->y, factor->x, member->d[0]);
    member->d[1] = product(factor, factor->y, factor->y);
    if (member->is_thermal) {
        member->lower[1] = orthogonalise(factor, factor->s, factor->x, member->d[0]);
        member->lower[2] = orthogonalise(factor, factor->s, factor->y, member->d[1]);
        member->d[2] = product(factor, factor->s, factor->s);
    }
}

void filter_member_predict(struct filter_member *member, const struct filter_stride *stride)
{
    double dt = stride->dt;
    double fade_dt = stride->fade_dt;
    const double *lower = member->lower;
    struct factor factor;
    factor.columns = 0;
    if (member->is_thermal) {
        factor_add(&factor, member->d[0], 1.0 + dt * lower[0] + fade_dt * lower[1], lower[0],
                   stride->fade * lower[1]);
        factor_add(&factor, member->d[1], dt + fade_dt * lower[2], 1.0, stride->fade * lower[2]);
        factor_add(&factor, member->d[2], fade_dt, 0.0, stride->fade);
        factor_add(&factor, stride->thermal_d[0], 1.0, 0.0, stride->thermal_lower);
        factor_add(&factor, stride->thermal_d[1], 0.0, 0.0, 1.0);
        member->state[0] += fade_dt * member->state[2];
        member->state[2] *= stride->fade;
    } else {
        factor_add(&factor, member->d[0], 1.0 + dt * lower[0], lower[0], 0.0);
        factor_add(&factor, member->d[1], dt, 1.0, 0.0);
    }
    /* The covariance of a walk and its sum, dt^3/3, dt^2/2 and dt, split the same way. */
    factor_add(&factor, member->wander * dt * dt * dt / 3.0, 1.0, 1.5 / dt, 0.0);
    factor_add(&factor, member->wander * dt / 4.0, 0.0, 1.0, 0.0);
    member->state[0] += dt * member->state[1];
    refactor(member, &factor);
}

/* Moves x by so much and scales its variance; the rest follows x as L says. */
static void correct(struct filter_member *member, double by, double scale)
{
    double y_by = member->lower[0] * by;
    member->state[0] += by;
    member->state[1] += y_by;
    if (member->is_thermal) {
        member->state[2] += member->lower[1] * by;
    }
    member->d[0] *= scale;
}

/* An outlier gets as much noise as leaves it three sd off. */
static void gauss_gently(struct filter_member *member, double innovation, double noise)
{
    double variance = member->d[0] + noise;
    double surprise = innovation * innovation / variance;
    if (surprise > SURPRISE_MAX) {
        double wide = variance * surprise / SURPRISE_MAX;
        noise += wide - variance;
        variance = wide;
    }
    correct(member, member->d[0] / variance * innovation, noise / variance);
}

double filter_member_gauss(struct filter_member *member, double sample, double noise)
{
    double innovation = sample - member->state[0];
    double variance = member->d[0] + noise;
    double surprise = innovation * innovation / variance;
    gauss_gently(member, innovation, noise);
    /* Beyond three sd a tail of a power, as networks have it, rather than a Gaussian's. */
    double loss =
        surprise > SURPRISE_MAX ? SURPRISE_MAX + 3.0 * log(surprise / SURPRISE_MAX) : surprise;
    return -0.5 * (LOG_TWO_PI + log(variance) + loss);
}

/* ln of the factor that makes exp(tilt * u) a density over -half..half. */
static double log_norm(const struct filter_window *window)
{
    double slope = fabs(window->tilt) * window->half;
    if (slope < 1e-6) {
        return -log(2.0 * window->half);
    }
    return log(fabs(window->tilt) / -expm1(-2.0 * slope)) - slope;
}

double filter_member_cut(struct filter_member *member, double sample,
                         const struct filter_window *window)
{
    double soft = window->soft * window->soft;
    double variance = member->d[0] + soft;
    double sd = sqrt(variance);
    double innovation = sample - member->state[0];
    double drift = window->tilt * variance; /* the tilt moves a Gaussian by this, and no more */
    struct filter_normal cut = filter_normal_cut((innovation - window->half - drift) / sd,
                                                 (innovation + window->half - drift) / sd);
    double likelihood =
        cut.log_mass + log_norm(window) - window->tilt * innovation + 0.5 * window->tilt * drift;
    if (cut.log_mass < LOG_MASS_MIN) {
        double noise = window->half * window->half / 3.0 + soft;
        double wide = fmax(member->d[0] + noise, innovation * innovation / SURPRISE_MAX);
        gauss_gently(member, innovation, noise);
        return -0.5 * (LOG_TWO_PI + log(wide) + innovation * innovation / wide) - LOG_MASS_PENALTY;
    }
    double share = member->d[0] / variance;
    double left = fmax(cut.variance, CUT_VARIANCE_MIN);
    correct(member, share * (drift + sd * cut.mean), soft / variance + share * left);
    return likelihood;
}

double filter_member_rate(const struct filter_member *member)
{
    return member->state[1] + (member->is_thermal ? member->state[2] : 0.0);
}

double filter_member_rate_variance(const struct filter_member *member)
{
    const double *lower = member->lower;
    if (!member->is_thermal) {
        return lower[0] * lower[0] * member->d[0] + member->d[1];
    }
    double on_x = lower[0] + lower[1];
    double on_y = 1.0 + lower[2];
    return on_x * on_x * member->d[0] + on_y * on_y * member->d[1] + member->d[2];
}
