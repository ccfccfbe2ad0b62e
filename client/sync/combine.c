/* SPDX-License-Identifier: MIT */
#include "client/sync/combine.h"
#include <math.h>

#define UNLIKELY_SD 4
/* A nanosecond's worth keeps a filter that is too sure of itself from taking all. */
#define VARIANCE_LEAST_NS2 1.0
#define RATE_VARIANCE_LEAST_PPM2 1e-12
/* All filters look at the same oscillator, and lag behind its wander together; their errors from
 * the paths are their own. A filter at rest owes about half of its variance to either. */
#define CORRELATION 0.5
/* The share of those beside us, to that of those ahead. */
#define BESIDE_MOST 2.0

const char *combine_verdict_name(enum combine_verdict verdict)
{
    static const char *const names[COMBINE_VERDICTS] = {
        [COMBINE_USED] = "used", [COMBINE_OUTSIDE] = "outside", [COMBINE_UNLIKELY] = "unlikely"};
    return (unsigned)verdict < COMBINE_VERDICTS ? names[verdict] : "unknown";
}

static double square(double value)
{
    return value * value;
}

static double offset_variance(const struct combine_candidate *candidate)
{
    return square(candidate->estimate.offset_sd_ns) + square(candidate->clock_sd_ns) +
           VARIANCE_LEAST_NS2;
}

static double rate_variance(const struct combine_candidate *candidate)
{
    return square(candidate->estimate.rate_sd_ppm) + RATE_VARIANCE_LEAST_PPM2;
}

static enum combine_verdict judge(const struct combine_candidate *candidate,
                                  const struct interval *agreed)
{
    if (!interval_overlaps(candidate->interval, *agreed)) {
        return COMBINE_OUTSIDE;
    }
    double reach_ns = UNLIKELY_SD * sqrt(offset_variance(candidate));
    double below_ns = (double)(agreed->earliest_ns - candidate->estimate.wall.ns);
    double above_ns = (double)(candidate->estimate.wall.ns - agreed->latest_ns);
    return below_ns > reach_ns || above_ns > reach_ns ? COMBINE_UNLIKELY : COMBINE_USED;
}

/* The greatest weight that leaves nobody more than 1/(faults + 1) of the sum: those above it come
 * down to it. Infinite if nobody is above. */
static double find_cap(const double *weights, size_t count, size_t faults)
{
    double sorted[SELECTION_MAX];
    double rest = 0;
    for (size_t i = 0; i < count; i++) {
        size_t j = i;
        for (; j > 0 && sorted[j - 1] < weights[i]; j--) {
            sorted[j] = sorted[j - 1];
        }
        sorted[j] = weights[i];
        rest += weights[i];
    }
    for (size_t capped = 0; capped <= faults && capped < count && sorted[capped] > 0; capped++) {
        double cap = rest / (double)(faults + 1 - capped);
        if (sorted[capped] <= cap) {
            return capped > 0 ? cap : INFINITY;
        }
        rest -= sorted[capped];
    }
    return 0; /* too few: nothing satisfies the limit but that all count alike */
}

/* Those beside us count at most twice as much, all together, as those ahead: so what all of them
 * err alike fades, by a third each time that it goes round. Without any ahead, nothing is to be
 * shared. */
static void share_weights(const struct combine_candidate *candidates, size_t count, double *weights)
{
    double ahead = 0, beside = 0;
    for (size_t i = 0; i < count; i++) {
        *(candidates[i].is_beside ? &beside : &ahead) += weights[i];
    }
    double most = BESIDE_MOST * ahead;
    if (ahead <= 0 || beside <= most) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        weights[i] *= candidates[i].is_beside ? most / beside : 1;
    }
}

/* Weights, zero for who is not used, capped and to a sum of 1. */
static void finish_weights(double *weights, size_t count, size_t faults)
{
    double cap = faults > 0 ? find_cap(weights, count, faults) : INFINITY;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (weights[i] > 0 && weights[i] > cap) {
            weights[i] = cap > 0 ? cap : 1;
        }
        sum += weights[i];
    }
    for (size_t i = 0; i < count; i++) {
        weights[i] /= sum;
    }
}

/* The sd of a mean, where the errors are correlated; from sums of weight^2 variance and of
 * weight sd. */
static double mean_sd(double square_sum, double sum)
{
    return sqrt((1 - CORRELATION) * square_sum + CORRELATION * square(sum));
}

static void mean_offset(const struct combine_candidate *candidates, size_t count,
                        const struct wall *origin, struct combine *combine)
{
    double mean_ns = 0, square_sum = 0, sum = 0;
    for (size_t i = 0; i < count; i++) {
        const struct combine_candidate *candidate = &candidates[i];
        double weight = combine->weights[i];
        if (weight > 0) {
            double variance = offset_variance(candidate);
            mean_ns += weight * ((double)(candidate->estimate.wall.ns - origin->ns) +
                                 candidate->estimate.fraction_ns);
            square_sum += square(weight) * variance;
            sum += weight * sqrt(variance);
        }
    }
    double whole_ns = rint(mean_ns);
    combine->estimate.wall.ns = origin->ns + (int64_t)whole_ns;
    combine->estimate.fraction_ns = mean_ns - whole_ns;
    combine->estimate.offset_sd_ns = mean_sd(square_sum, sum);
}

static void mean_rate(const struct combine_candidate *candidates, size_t count,
                      const double *weights, struct estimate *estimate)
{
    double square_sum = 0, sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (weights[i] > 0) {
            double variance = rate_variance(&candidates[i]);
            estimate->rate_ppm += weights[i] * candidates[i].estimate.rate_ppm;
            /* For a bound: as if all erred alike. */
            estimate->rate_sd_bound_ppm += weights[i] * candidates[i].estimate.rate_sd_bound_ppm;
            estimate->wander_ppm2_per_s += weights[i] * candidates[i].estimate.wander_ppm2_per_s;
            estimate->thermal_share += weights[i] * candidates[i].estimate.thermal_share;
            square_sum += square(weights[i]) * variance;
            sum += weights[i] * sqrt(variance);
        }
    }
    estimate->rate_sd_ppm = mean_sd(square_sum, sum);
}

static void clip(const struct interval *agreed, struct combine *combine)
{
    struct estimate *estimate = &combine->estimate;
    if (!interval_contains(*agreed, estimate->wall.ns)) {
        bool is_early = estimate->wall.ns < agreed->earliest_ns;
        estimate->wall.ns = is_early ? agreed->earliest_ns : agreed->latest_ns;
        estimate->fraction_ns = 0;
        combine->is_clipped = true;
    }
}

void combine_run(const struct combine_candidate *candidates, size_t count,
                 const struct interval *agreed, size_t faults, struct combine *combine)
{
    assert(count <= SELECTION_MAX);
    *combine = (struct combine){.used = 0};
    double rate_weights[SELECTION_MAX] = {0};
    const struct combine_candidate *first = NULL;
    for (size_t i = 0; i < count; i++) {
        combine->verdicts[i] = judge(&candidates[i], agreed);
        if (combine->verdicts[i] == COMBINE_USED) {
            first = first == NULL ? &candidates[i] : first;
            assert(candidates[i].estimate.at.ns == first->estimate.at.ns);
            combine->used++;
            combine->weights[i] = 1 / offset_variance(&candidates[i]);
            rate_weights[i] = 1 / rate_variance(&candidates[i]);
        }
    }
    if (first == NULL) {
        return;
    }
    share_weights(candidates, count, combine->weights);
    share_weights(candidates, count, rate_weights);
    finish_weights(combine->weights, count, faults);
    finish_weights(rate_weights, count, faults);
    combine->estimate.at = first->estimate.at;
    mean_offset(candidates, count, &first->estimate.wall, combine);
    mean_rate(candidates, count, rate_weights, &combine->estimate);
    clip(agreed, combine);
}
