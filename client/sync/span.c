/* SPDX-License-Identifier: MIT */
#include "client/sync/span.h"
#include <math.h>

#define PPM 1e-6

void span_init(struct span *span, const struct bound_options *options)
{
    *span = (struct span){.options = *options};
}

void span_void(struct span *span)
{
    span->is_set = false;
}

bool span_interval(const struct span *span, struct mono now, struct interval *interval)
{
    if (!span->is_set) {
        return false;
    }
    int64_t elapsed_ns = now.ns > span->at.ns ? now.ns - span->at.ns : 0;
    double ppm = bound_rate_ppm(&span->options, &span->rate);
    double moved_ns = (double)elapsed_ns * ppm * PPM;
    double growth_ns = bound_growth(&span->options, &span->rate, elapsed_ns);
    /* Rounded once: rounded apart, both could turn at one nanosecond, and the earliest end go back.
     */
    interval->earliest_ns =
        span->interval.earliest_ns + elapsed_ns + (int64_t)floor(moved_ns - growth_ns);
    interval->latest_ns =
        span->interval.latest_ns + elapsed_ns + (int64_t)ceil(moved_ns + growth_ns);
    return true;
}

enum span_verdict span_meet(struct span *span, const struct interval *agreed,
                            const struct bound_rate *rate, struct mono now)
{
    enum span_verdict verdict = SPAN_TAKEN;
    struct interval joined = *agreed;
    struct interval known;
    if (span_interval(span, now, &known)) {
        if (interval_overlaps(known, *agreed)) {
            if (known.earliest_ns > joined.earliest_ns) {
                joined.earliest_ns = known.earliest_ns;
            }
            if (known.latest_ns < joined.latest_ns) {
                joined.latest_ns = known.latest_ns;
            }
        } else {
            verdict = SPAN_BROKEN;
        }
    }
    span->is_set = true;
    span->at = now;
    span->interval = joined;
    span->rate = *rate;
    return verdict;
}

double span_growth_ppm(const struct span *span, struct mono now, int64_t stretch_ns)
{
    int64_t elapsed_ns = now.ns > span->at.ns ? now.ns - span->at.ns : 0;
    int64_t from_ns = bound_growth_ns(&span->options, &span->rate, elapsed_ns);
    int64_t to_ns = bound_growth_ns(&span->options, &span->rate, elapsed_ns + stretch_ns);
    /* The growth bends upwards and then goes straight on: the chord lies above it. */
    return (double)(to_ns - from_ns) / (double)stretch_ns / PPM;
}

void span_shift(struct span *span, int64_t by_ns)
{
    span->interval.earliest_ns += by_ns;
    span->interval.latest_ns += by_ns;
}
