/* SPDX-License-Identifier: MIT */
/* span.h - the interval of UTC that the sources agree on, kept over time: what they say now may
 * only narrow what was known, aged by what the oscillator may have gained since. Pure. */
#ifndef CLIENT_SYNC_SPAN_H
#define CLIENT_SYNC_SPAN_H
#include "client/sync/bound.h"

enum span_verdict {
    SPAN_TAKEN = 0,
    SPAN_BROKEN /* nothing of what was known is left: it began anew with what was agreed */
};

/* Used through the calls below only. */
struct span {
    struct bound_options options;
    bool is_set;
    struct mono at;
    struct interval interval; /* at that instant; since 1970 */
    struct bound_rate rate;   /* at which it is carried on from there */
};

void span_init(struct span *span, const struct bound_options *options);
void span_void(struct span *span);
/* What is agreed at now (not before the last time), and the rate that is known from now on. */
enum span_verdict span_meet(struct span *span, const struct interval *agreed,
                            const struct bound_rate *rate, struct mono now);
/* At now, not before the last span_meet(). Its earliest end only moves on until span_void() or
 * SPAN_BROKEN. False, and *interval untouched, if nothing is known. */
bool span_interval(const struct span *span, struct mono now, struct interval *interval) MUST_CHECK;
/* What each end goes beyond the rate in the stretch_ns after now, per second: for whoever has to
 * extrapolate in a line. */
double span_growth_ppm(const struct span *span, struct mono now, int64_t stretch_ns);
void span_shift(struct span *span, int64_t by_ns);
#endif
