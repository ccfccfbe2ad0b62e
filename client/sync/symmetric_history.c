/* SPDX-License-Identifier: MIT */
#include "client/sync/symmetric_history.h"
#include <math.h>

#define SLACK_FACTOR 2.0

void symmetric_history_add(struct symmetric_history *history, const struct sample *sample)
{
    history->samples[history->count % SYMMETRIC_HISTORY_MAX] = *sample;
    history->count++;
}

const struct sample *symmetric_history_sample(const struct symmetric_history *history, size_t age)
{
    assert(age < history->count && age < SYMMETRIC_HISTORY_MAX);
    return &history->samples[(history->count - 1 - age) % SYMMETRIC_HISTORY_MAX];
}

/* The source's gain on our oscillator between two samples. */
static double gained_ns(const struct sample *from, const struct sample *to, double *elapsed_ns)
{
    int64_t elapsed = to->at.ns - from->at.ns;
    *elapsed_ns = (double)elapsed;
    return (double)(to->wall.ns - from->wall.ns - elapsed);
}

double symmetric_history_rate_ppm(const struct symmetric_history *history, size_t run)
{
    const struct sample *last = symmetric_history_sample(history, 0);
    double t = 0;
    double x = 0;
    double tt = 0;
    double tx = 0;
    for (size_t age = 0; age < run; age++) {
        double elapsed;
        double gained = gained_ns(symmetric_history_sample(history, age), last, &elapsed);
        t += elapsed;
        x += gained;
        tt += elapsed * elapsed;
        tx += elapsed * gained;
    }
    double count = (double)run;
    double spread = tt - t * t / count;
    return spread > 0 ? (tx - t * x / count) / spread * 1e6 : 0;
}

/* Does the line through two neighbours stray from the rate by no more than their delays, beyond
 * `base`, and `slack` allow? */
static bool is_near(const struct sample *before, const struct sample *sample, double rate_ppm,
                    double base, double slack)
{
    double delays = (double)symmetric_history_delay_ns(sample, rate_ppm) +
                    (double)symmetric_history_delay_ns(before, rate_ppm) - 2 * base;
    double elapsed;
    double gained = gained_ns(before, sample, &elapsed);
    return fabs(gained - elapsed * rate_ppm * 1e-6) <= delays / 2 + slack;
}

static bool are_near(const struct symmetric_history *history, size_t run, double rate_ppm,
                     double base, double slack)
{
    for (size_t age = 0; age + 1 < run; age++) {
        if (!is_near(symmetric_history_sample(history, age + 1),
                     symmetric_history_sample(history, age), rate_ppm, base, slack)) {
            return false;
        }
    }
    return true;
}

/* The least delay at that rate, and by how much the mean exceeds it. */
static double base_delay_ns(const struct symmetric_history *history, size_t run, double rate_ppm,
                            double *excess_ns)
{
    double sum = 0;
    double least = 0;
    for (size_t age = 0; age < run; age++) {
        double delay =
            (double)symmetric_history_delay_ns(symmetric_history_sample(history, age), rate_ppm);
        sum += delay;
        least = age == 0 || delay < least ? delay : least;
    }
    *excess_ns = sum / (double)run - least;
    return least;
}

size_t symmetric_history_run(const struct symmetric_history *history, int64_t tolerance_ns)
{
    size_t run = history->count < SYMMETRIC_HISTORY_MAX ? (size_t)history->count
                                                        : (size_t)SYMMETRIC_HISTORY_MAX;
    double tolerance = (double)tolerance_ns;
    for (; run >= SYMMETRIC_HISTORY_RUN_MIN; run--) {
        double rate_ppm = symmetric_history_rate_ppm(history, run);
        double excess;
        double base = base_delay_ns(history, run, rate_ppm, &excess);
        /* The path's least delay is some way below the least of a few, and the rate's error moves
         * both: the mean excess covers them. */
        if (base >= -tolerance &&
            are_near(history, run, rate_ppm, base, SLACK_FACTOR * excess + tolerance)) {
            return run;
        }
    }
    return 0;
}

int64_t symmetric_history_delay_ns(const struct sample *sample, double rate_ppm)
{
    int64_t trip_ns = sample->received.mono.ns - sample->sent.mono.ns;
    int64_t source_ns = sample->source_sent.ns - sample->source_received.ns;
    return trip_ns - source_ns + (int64_t)round((double)trip_ns * rate_ppm * 1e-6);
}

void symmetric_history_correct(struct sample *sample, double rate_ppm, int64_t growth_ns)
{
    int64_t claims_ns = sample->bound_ns - (sample->delay_ns + 1) / 2;
    int64_t delay_ns = symmetric_history_delay_ns(sample, rate_ppm);
    sample->delay_ns = delay_ns > 0 ? delay_ns : 0;
    sample->bound_ns = claims_ns + (sample->delay_ns + 1) / 2 + (growth_ns + 1) / 2;
}
