/* SPDX-License-Identifier: MIT */
/* filter.h - the samples of one source to an estimate of its clock, over our own oscillator. One
 * interface, several filters behind it, so that they can be compared.
 *
 * Everything is in raw time: a sample says what the source's clock showed when our oscillator read
 * `at`. Steering our wall clock changes nothing in here. Pure; not thread-safe: one per source. */
#ifndef CLIENT_SYNC_FILTER_H
#define CLIENT_SYNC_FILTER_H
#include "client/sync/exchange.h"

enum filter_kind {
    FILTER_BANK,       /* Kalman filters side by side, weighted by likelihood: the one to use */
    FILTER_NTP,        /* RFC 5905, 10: the sample of least delay among eight */
    FILTER_REGRESSION, /* a weighted line with a runs test on its residuals */
    FILTER_KINDS
};

/* What a filter knows at an instant. The source's clock showed `wall` + fraction_ns then, and gains
 * rate_ppm on our oscillator. Standard deviations are statistics: nothing here is a bound. */
struct estimate {
    struct mono at;
    struct wall wall;
    double fraction_ns; /* what is lost by rounding: -0.5 to 0.5 */
    double rate_ppm;
    double offset_sd_ns;
    double rate_sd_ppm;
    /* The same sd, over hypotheses that still have weight: what a bound may take for the rate's. */
    double rate_sd_bound_ppm;
    /* What the rate's variance gains by, over the same hypotheses; and how much weight those have
     * that expect it to follow the temperature besides. */
    double wander_ppm2_per_s;
    double thermal_share;
};

/* What a sample did. */
enum filter_verdict {
    FILTER_TAKEN = 0,
    FILTER_DOUBTED, /* beyond the gate: kept aside until others agree with it; ask again soon */
    FILTER_STEPPED, /* the source's clock (or the path) moved: the estimate begins anew there */
    FILTER_OLD      /* not newer than the last one: ignored */
};

struct filter;

/* precision_ns is that of our own and the source's stamps together. NULL if memory is short. */
struct filter *filter_create(enum filter_kind kind, int64_t precision_ns);
void filter_destroy(struct filter *filter);
/* Forgets everything. */
void filter_clear(struct filter *filter);
const char *filter_kind_name(enum filter_kind kind);

/* Keeps what it needs of *sample. */
enum filter_verdict filter_add(struct filter *filter, const struct sample *sample);
/* The source's time is by_ns later than it was, by convention: a leap second. */
void filter_shift(struct filter *filter, int64_t by_ns);
/* The estimate carried forward to now (not before the newest sample). False, and *estimate
 * untouched, until there is one. */
bool filter_estimate(const struct filter *filter, struct mono now,
                     struct estimate *estimate) MUST_CHECK;
/* The sd of the offset, in nanoseconds, if no sample came until then: what poll adaptation weighs.
 * Negative until there is an estimate. */
double filter_predict_sd_ns(const struct filter *filter, struct mono then);
/* Samples in use. */
size_t filter_count(const struct filter *filter);
#endif
