/* SPDX-License-Identifier: MIT */
#include "tests/sim/figures.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How long an offset must stay below a threshold to have reached it. */
#define REACHED_NS (256 * NS_PER_S)

const struct figure_info figure_infos[FIGURES] = {
    [FIGURE_OFFSET_RMS] = {"offset-rms", "offset_rms_ns", "RMS offset", UNIT_NS},
    [FIGURE_OFFSET_MEDIAN] = {"offset-median", "offset_median_ns", "median |offset|", UNIT_NS},
    [FIGURE_OFFSET_95] = {"offset-95", "offset_95_ns", "95 % of |offset|", UNIT_NS},
    [FIGURE_OFFSET_99] = {"offset-99", "offset_99_ns", "99 % of |offset|", UNIT_NS},
    [FIGURE_OFFSET_MAX] = {"offset", "offset_max_ns", "greatest |offset|", UNIT_NS},
    [FIGURE_RATE_RMS] = {"rate-rms", "rate_rms_ppb", "RMS frequency error", UNIT_PPB},
    [FIGURE_MTIE_1] = {"mtie-1s", "mtie_1s_ns", "MTIE over 1 s", UNIT_NS},
    [FIGURE_MTIE_16] = {"mtie-16s", "mtie_16s_ns", "MTIE over 16 s", UNIT_NS},
    [FIGURE_MTIE_64] = {"mtie-64s", "mtie_64s_ns", "MTIE over 64 s", UNIT_NS},
    [FIGURE_MTIE_256] = {"mtie-256s", "mtie_256s_ns", "MTIE over 256 s", UNIT_NS},
    [FIGURE_TIME_TO_1_MS] = {"time-to-1ms", "time_to_1ms_s", "time to 1 ms", UNIT_S},
    [FIGURE_TIME_TO_100_US] = {"time-to-100us", "time_to_100us_s", "time to 100 us", UNIT_S},
    [FIGURE_TIME_TO_10_US] = {"time-to-10us", "time_to_10us_s", "time to 10 us", UNIT_S},
    [FIGURE_CONTAINMENT] = {"containment", "containment_percent", "truth in the interval",
                            UNIT_PERCENT},
    [FIGURE_HALF_WIDTH] = {"half-width", "half_width_ns", "half-width of the interval", UNIT_NS},
    [FIGURE_CLAIM_HELD] = {"claim-held", "claim_held_percent", "error in the root distance",
                           UNIT_PERCENT},
    [FIGURE_CLAIM] = {"claim", "claim_ns", "root distance", UNIT_NS},
    [FIGURE_SOURCE] = {"source-distance", "source_distance_ns", "NTP distance, best source",
                       UNIT_NS},
    [FIGURE_NOTICE] = {"notice", "notice_s", "time to notice a miss", UNIT_S},
    [FIGURE_SPREAD] = {"spread", "spread_ns", "RMS spread of the peers", UNIT_NS},
    [FIGURE_SYNCHRONISED] = {"synchronised", "synchronised_percent", "synchronised", UNIT_PERCENT},
    [FIGURE_PACKETS] = {"packets", "packets", "requests", UNIT_COUNT},
    [FIGURE_PACKETS_PER_HOUR] = {"packets-per-hour", "packets_per_hour",
                                 "requests per hour and node", UNIT_COUNT},
    [FIGURE_EXCHANGES] = {"exchanges", "exchanges", "answers believed", UNIT_COUNT},
    [FIGURE_ROUNDS] = {"rounds-to-1ms", "rounds_to_1ms", "rounds to 1 ms apart", UNIT_COUNT},
    [FIGURE_APART] = {"apart", "apart_ns", "honest clocks apart, last", UNIT_NS},
    [FIGURE_BIAS] = {"bias", "bias_ns", "mean error of the mesh", UNIT_NS},
    [FIGURE_EXCLUSION] = {"exclusion-rounds", "exclusion_rounds", "rounds to exclude liars",
                          UNIT_COUNT},
    [FIGURE_FALSE_EXCLUSIONS] = {"false-exclusions", "false_exclusions", "false exclusions",
                                 UNIT_COUNT},
    [FIGURE_NODE_PACKETS] = {"packets-per-second", "packets_per_second", "packets per s and member",
                             UNIT_COUNT},
    [FIGURE_NODE_OCTETS] = {"octets-per-second", "octets_per_second", "octets per s and member",
                            UNIT_COUNT},
    [FIGURE_VIOLATIONS] = {"violations", "violations", "violations", UNIT_COUNT},
};

bool series_init(struct series *series, size_t capacity)
{
    *series = (struct series){.capacity = capacity};
    series->offsets_ns = malloc((capacity > 0 ? capacity : 1) * sizeof(*series->offsets_ns));
    return series->offsets_ns != NULL;
}

void series_clear(struct series *series)
{
    free(series->offsets_ns);
    *series = (struct series){.count = 0};
}

void series_add(struct series *series, double offset_ns)
{
    assert(series->count < series->capacity);
    series->offsets_ns[series->count++] = offset_ns;
}

static bool is_settled(const struct series *series)
{
    return series->count > series->settled;
}

void series_add_rate(struct series *series, double rate_error_ppb)
{
    if (is_settled(series)) {
        series->rate_square_sum += rate_error_ppb * rate_error_ppb;
        series->rate_count++;
    }
}

void series_add_interval(struct series *series, bool is_held, double half_width_ns)
{
    if (is_settled(series)) {
        series->interval_count++;
        series->interval_held += is_held;
        series->half_width_sum_ns += half_width_ns;
    }
}

void series_add_state(struct series *series, bool is_synchronised)
{
    if (is_settled(series)) {
        series->state_count++;
        series->synchronised += is_synchronised;
    }
}

void series_add_claim(struct series *series, bool is_held, double distance_ns)
{
    if (is_settled(series)) {
        series->claim_count++;
        series->claim_held += is_held;
        series->claim_sum_ns += distance_ns;
    }
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Of sorted values, count > 0: the nearest rank. */
static double quantile(const double *sorted, size_t count, double share)
{
    double rank = ceil(share * (double)count);
    return sorted[rank < 1 ? 0 : (size_t)rank - 1];
}

/* Seconds until the offset is below the limit and stays so; infinite if it never does. */
static double time_to(const struct series *series, double limit_ns, int64_t interval_ns)
{
    size_t wanted = (size_t)(REACHED_NS / interval_ns) + 1;
    size_t below = 0;
    for (size_t i = series->recovers; i < series->count; i++) {
        below = fabs(series->offsets_ns[i]) < limit_ns ? below + 1 : 0;
        if (below == wanted || (below > 0 && i + 1 == series->count)) {
            size_t first = i + 1 - below;
            return (double)(first - series->recovers) * (double)interval_ns / 1e9;
        }
    }
    return INFINITY;
}

/* The greatest range of the offset within a window of that many intervals. queue has room for two
 * indices per offset. */
static double mtie(const struct series *series, size_t window, size_t *queue)
{
    /* The candidates for the greatest and for the least value of the window, in order. */
    size_t *greatest = queue;
    size_t *least = queue + series->count;
    size_t greatest_begin = 0, greatest_end = 0, least_begin = 0, least_end = 0;
    double range = 0;
    for (size_t i = series->settled; i < series->count; i++) {
        double value = series->offsets_ns[i];
        if (isnan(value)) {
            continue;
        }
        while (greatest_end > greatest_begin &&
               series->offsets_ns[greatest[greatest_end - 1]] <= value) {
            greatest_end--;
        }
        greatest[greatest_end++] = i;
        while (least_end > least_begin && series->offsets_ns[least[least_end - 1]] >= value) {
            least_end--;
        }
        least[least_end++] = i;
        while (greatest[greatest_begin] + window < i) {
            greatest_begin++;
        }
        while (least[least_begin] + window < i) {
            least_begin++;
        }
        range = fmax(range, series->offsets_ns[greatest[greatest_begin]] -
                                series->offsets_ns[least[least_begin]]);
    }
    return range;
}

static void compute_mtie(const struct series *series, size_t *queue, int64_t interval_ns,
                         struct figures *figures)
{
    static const int64_t windows_s[] = {1, 16, 64, 256};
    for (size_t i = 0; i < 4; i++) {
        double *value = &figures->values[FIGURE_MTIE_1 + i];
        if (windows_s[i] * NS_PER_S % interval_ns != 0) {
            *value = NAN; /* the series is too coarse for it */
            continue;
        }
        size_t window = (size_t)(windows_s[i] * NS_PER_S / interval_ns);
        *value = fmax(*value, mtie(series, window, queue));
    }
}

/* Of the absolute offsets: pooled[] has room for all of them. */
static void compute_offsets(const struct series *series, size_t count, double *pooled,
                            struct figures *figures)
{
    size_t total = 0;
    double square_sum = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = series[i].settled; j < series[i].count; j++) {
            double offset_ns = fabs(series[i].offsets_ns[j]);
            if (!isnan(offset_ns)) {
                pooled[total++] = offset_ns;
                square_sum += offset_ns * offset_ns;
            }
        }
    }
    if (total == 0) {
        return;
    }
    qsort(pooled, total, sizeof(*pooled), compare);
    figures->values[FIGURE_OFFSET_RMS] = sqrt(square_sum / (double)total);
    figures->values[FIGURE_OFFSET_MEDIAN] = quantile(pooled, total, 0.5);
    figures->values[FIGURE_OFFSET_95] = quantile(pooled, total, 0.95);
    figures->values[FIGURE_OFFSET_99] = quantile(pooled, total, 0.99);
    figures->values[FIGURE_OFFSET_MAX] = pooled[total - 1];
}

static double percent(size_t part, size_t whole)
{
    return whole > 0 ? 100 * (double)part / (double)whole : NAN;
}

static void compute_sums(const struct series *series, size_t count, struct figures *figures)
{
    struct series sum = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        sum.rate_square_sum += series[i].rate_square_sum;
        sum.rate_count += series[i].rate_count;
        sum.interval_count += series[i].interval_count;
        sum.interval_held += series[i].interval_held;
        sum.half_width_sum_ns += series[i].half_width_sum_ns;
        sum.state_count += series[i].state_count;
        sum.synchronised += series[i].synchronised;
        sum.claim_count += series[i].claim_count;
        sum.claim_held += series[i].claim_held;
        sum.claim_sum_ns += series[i].claim_sum_ns;
    }
    double *values = figures->values;
    values[FIGURE_RATE_RMS] =
        sum.rate_count > 0 ? sqrt(sum.rate_square_sum / (double)sum.rate_count) : NAN;
    values[FIGURE_CONTAINMENT] = percent(sum.interval_held, sum.interval_count);
    values[FIGURE_HALF_WIDTH] =
        sum.interval_count > 0 ? sum.half_width_sum_ns / (double)sum.interval_count : NAN;
    values[FIGURE_CLAIM_HELD] = percent(sum.claim_held, sum.claim_count);
    values[FIGURE_CLAIM] = sum.claim_count > 0 ? sum.claim_sum_ns / (double)sum.claim_count : NAN;
    values[FIGURE_SYNCHRONISED] = percent(sum.synchronised, sum.state_count);
}

bool figures_compute(const struct series *series, size_t count, int64_t interval_ns,
                     struct figures *figures)
{
    size_t longest = 1, total = 1;
    for (size_t i = 0; i < count; i++) {
        longest = series[i].count > longest ? series[i].count : longest;
        total += series[i].count;
    }
    double *pooled = malloc(total * sizeof(*pooled));
    size_t *queue = malloc(2 * longest * sizeof(*queue));
    if (pooled == NULL || queue == NULL) {
        free(pooled);
        free(queue);
        return false;
    }
    for (size_t i = FIGURE_OFFSET_RMS; i <= FIGURE_OFFSET_MAX; i++) {
        figures->values[i] = NAN;
    }
    for (size_t i = FIGURE_MTIE_1; i <= FIGURE_TIME_TO_10_US; i++) {
        figures->values[i] = 0;
    }
    compute_offsets(series, count, pooled, figures);
    compute_sums(series, count, figures);
    for (size_t i = 0; i < count; i++) {
        compute_mtie(&series[i], queue, interval_ns, figures);
        static const double limits_ns[] = {1e6, 1e5, 1e4};
        for (size_t j = 0; j < 3; j++) {
            double *value = &figures->values[FIGURE_TIME_TO_1_MS + j];
            *value = fmax(*value, time_to(&series[i], limits_ns[j], interval_ns));
        }
    }
    free(pooled);
    free(queue);
    return true;
}

bool figures_summarise(const struct figures *runs, size_t count, struct figures *summary)
{
    double *values = malloc(count * sizeof(*values));
    if (values == NULL) {
        return false;
    }
    *summary = (struct figures){.seed = runs[0].seed};
    for (size_t i = 0; i < FIGURES; i++) {
        size_t measured = 0;
        double sum = 0;
        for (size_t j = 0; j < count; j++) {
            if (!isnan(runs[j].values[i])) {
                values[measured++] = runs[j].values[i];
                sum += runs[j].values[i];
            }
        }
        qsort(values, measured, sizeof(*values), compare);
        if (measured == 0) {
            summary->values[i] = NAN;
        } else if (i == FIGURE_VIOLATIONS || i == FIGURE_FALSE_EXCLUSIONS) {
            summary->values[i] = sum;
        } else if (i == FIGURE_ROUNDS || i == FIGURE_EXCLUSION) {
            summary->values[i] = values[measured - 1];
        } else if (i == FIGURE_CONTAINMENT || i == FIGURE_CLAIM_HELD) {
            summary->values[i] = values[0];
        } else {
            /* Of two in the middle their mean, unless one is infinite. */
            double low = values[(measured - 1) / 2];
            double high = values[measured / 2];
            summary->values[i] = low == high ? low : low / 2 + high / 2;
        }
    }
    for (size_t j = 0; j < count && summary->violation[0] == '\0'; j++) {
        memcpy(summary->violation, runs[j].violation, sizeof(summary->violation));
    }
    free(values);
    return true;
}
