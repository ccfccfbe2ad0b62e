/* SPDX-License-Identifier: MIT */
/* The clock filter of RFC 5905, 10: of the last eight samples that of least delay. The RFC's
 * offsets are relative to a steered clock; over a free oscillator the register's offsets are first
 * carried along the line of the last picks. */
#include "client/sync/filter_class.h"
#include <math.h>

#define STAGES 8
#define PICKS 8
#define PHI 15e-6
#define ALLAN_S 2048.0
#define SPIKE_GATE 3.0
#define RATE_SD_FIRST 1e-4

struct filter_ntp {
    double precision;
    struct filter_point stage[STAGES]; /* newest first */
    size_t stages;
    struct filter_point pick[PICKS]; /* newest first */
    size_t picks;
    double rate;
    double jitter;
    double interval; /* between the last two samples */
};

static void ntp_init(void *state, double precision)
{
    struct filter_ntp *ntp = state;
    *ntp = (struct filter_ntp){.precision = precision, .jitter = precision};
}

static void push(struct filter_point *points, size_t *count, size_t most,
                 const struct filter_point *point)
{
    if (*count < most) {
        (*count)++;
    }
    for (size_t i = *count - 1; i > 0; i--) {
        points[i] = points[i - 1];
    }
    points[0] = *point;
}

static double dispersion_of(const struct filter_ntp *ntp, const struct filter_point *point)
{
    return ntp->precision + PHI * (ntp->stage[0].t - point->t);
}

/* By delay; beyond the Allan intercept a sample's age counts too. */
static double metric(const struct filter_ntp *ntp, const struct filter_point *point)
{
    double age = ntp->stage[0].t - point->t;
    return point->delay + (age > ALLAN_S ? dispersion_of(ntp, point) : 0.0);
}

static void sort_stages(const struct filter_ntp *ntp, struct filter_point *sorted)
{
    for (size_t i = 0; i < ntp->stages; i++) {
        size_t place = i;
        while (place > 0 && metric(ntp, &sorted[place - 1]) > metric(ntp, &ntp->stage[i])) {
            sorted[place] = sorted[place - 1];
            place--;
        }
        sorted[place] = ntp->stage[i];
    }
}

/* The other offsets' distance from the best one's. */
static void measure_jitter(struct filter_ntp *ntp, const struct filter_point *sorted)
{
    double squares = 0.0;
    for (size_t i = 1; i < ntp->stages; i++) {
        double off = sorted[i].x - sorted[0].x - ntp->rate * (sorted[i].t - sorted[0].t);
        squares += off * off;
    }
    double others = ntp->stages > 1 ? (double)(ntp->stages - 1) : 1.0;
    ntp->jitter = fmax(sqrt(squares / others), ntp->precision);
}

static void use(struct filter_ntp *ntp, const struct filter_point *best)
{
    push(ntp->pick, &ntp->picks, PICKS, best);
    if (ntp->picks > 1) {
        const struct filter_point *oldest = &ntp->pick[ntp->picks - 1];
        ntp->rate = (best->x - oldest->x) / (best->t - oldest->t);
    }
}

static enum filter_verdict ntp_add(void *state, const struct filter_point *point)
{
    struct filter_ntp *ntp = state;
    ntp->interval = ntp->stages > 0 ? point->t - ntp->stage[0].t : 0.0;
    push(ntp->stage, &ntp->stages, STAGES, point);
    struct filter_point sorted[STAGES];
    sort_stages(ntp, sorted);
    double jitter = ntp->jitter;
    measure_jitter(ntp, sorted);
    const struct filter_point *best = &sorted[0];
    if (ntp->picks == 0) {
        use(ntp, best);
        return FILTER_TAKEN;
    }
    /* A sample is used once, and none before it afterwards. */
    double since = best->t - ntp->pick[0].t;
    if (since <= 0.0) {
        return FILTER_TAKEN;
    }
    double jump = best->x - ntp->pick[0].x - ntp->rate * since;
    if (ntp->picks >= PICKS && fabs(jump) > SPIKE_GATE * fmax(jitter, ntp->precision)) {
        if (since < 2.0 * ntp->interval) {
            return FILTER_DOUBTED;
        }
        ntp->picks = 0;
        use(ntp, best);
        return FILTER_STEPPED;
    }
    use(ntp, best);
    return FILTER_TAKEN;
}

static void ntp_estimate(const void *state, double t, struct filter_line *line)
{
    const struct filter_ntp *ntp = state;
    const struct filter_point *newest = &ntp->pick[0];
    double rate_sd = RATE_SD_FIRST;
    if (ntp->picks > 1) {
        double span = newest->t - ntp->pick[ntp->picks - 1].t;
        rate_sd = fmin(1.4142 * ntp->jitter / span, RATE_SD_FIRST);
    }
    double age = t - newest->t;
    double sd = ntp->stages > 1 ? ntp->jitter : fmax(0.5 * newest->delay, ntp->jitter);
    *line = (struct filter_line){
        .x = newest->x + ntp->rate * age,
        .rate = ntp->rate,
        .x_sd = hypot(sd, rate_sd * age),
        .rate_sd = rate_sd,
        .rate_sd_bound = rate_sd,
    };
}

static void ntp_shift(void *state, double t, double x)
{
    struct filter_ntp *ntp = state;
    for (size_t i = 0; i < STAGES; i++) {
        ntp->stage[i].t -= t;
        ntp->stage[i].x -= x;
    }
    for (size_t i = 0; i < PICKS; i++) {
        ntp->pick[i].t -= t;
        ntp->pick[i].x -= x;
    }
}

static size_t ntp_count(const void *state)
{
    const struct filter_ntp *ntp = state;
    return ntp->stages;
}

const struct filter_class filter_class_ntp = {
    .name = "ntp",
    .size = sizeof(struct filter_ntp),
    .init = ntp_init,
    .add = ntp_add,
    .estimate = ntp_estimate,
    .shift = ntp_shift,
    .count = ntp_count,
};
