/* SPDX-License-Identifier: MIT */
/* bound.h - the samples of one source to an interval that holds its time, from bounds alone.
 *
 * A request can't arrive before it was sent, nor an answer: so the source's receive timestamp
 * bounds its clock from above at the instant we sent, and its transmit timestamp from below at the
 * instant we received. Either end may come from another exchange; between exchanges both are
 * carried on at the rate that is known and moved apart by what the oscillator may have gained
 * beyond it. Where the assumptions hold, the time that the source vouches for lies inside. They are
 * the drift class, and the source's own root delay and dispersion. Statistics enter in one place
 * only: what class "normal" takes for the error of the rate.
 *
 * Pure; not thread-safe. Times are in nanoseconds on the two clocks of instant.h. */
#ifndef CLIENT_SYNC_BOUND_H
#define CLIENT_SYNC_BOUND_H
#include "client/sync/exchange.h"
#include "client/sync/filter.h"
#include "common/base/interval.h"

/* What is assumed of the oscillator's rate. */
enum drift_class {
    DRIFT_NORMAL, /* it strays by 6 sd of the learned rate and then by 0.02 ppm/s, at most 15 ppm */
    DRIFT_STRICT, /* it strays from the learned rate by at most 50 ppm, whatever was learned */
    /* It goes on straying as it did: by 0.05 ppm, 6 sd of what the learned rate and its wander
     * foretell, and 0.005 ppm/s for up to 128 s; at most 15 ppm. Narrow over long gaps, and wrong
     * where the machine's surroundings change. */
    DRIFT_LEARNED,
    DRIFT_CLASSES
};

const char *drift_class_name(enum drift_class drift_class);

struct bound_options {
    enum drift_class drift_class;
    double drift_start_ppm; /* until a rate is learned (500) */
};

/* The rate at which the ends are carried on, and how far it may be wrong at once. */
struct bound_rate {
    bool is_learned;
    double rate_ppm;
    double sd_ppm;            /* struct estimate's rate_sd_bound_ppm */
    double wander_ppm2_per_s; /* and its others of these names, for DRIFT_LEARNED */
    double thermal_share;
};

enum bound_verdict {
    BOUND_TAKEN = 0,
    BOUND_CONTRADICTED /* the sample leaves nothing of what was known: the source or an assumption
                          broke; the interval begins anew with the sample */
};

/* One end of the interval: at the instant `at` the source's time was not before (or after) wall. */
struct bound_end {
    struct mono at;
    struct wall wall;
};

/* Used through the calls below only. */
struct bound {
    struct bound_options options;
    bool is_set;
    struct bound_end earliest;
    struct bound_end latest;
    uint32_t contradictions;
};

void bound_init(struct bound *bound, const struct bound_options *options);
/* Forgets the interval: after a disruption nothing of it holds. */
void bound_void(struct bound *bound);

/* The source's time is by_ns later than it was, by convention: a leap second. */
void bound_shift(struct bound *bound, int64_t by_ns);

/* Narrows the interval by a sample, not older than the last one. rate is what was known before the
 * sample. */
enum bound_verdict bound_add(struct bound *bound, const struct sample *sample,
                             const struct bound_rate *rate);

/* The interval of the source's time at now (not before the newest sample's arrival), as nanoseconds
 * since 1970. False, and *interval untouched, if there is none. */
bool bound_interval(const struct bound *bound, struct mono now, const struct bound_rate *rate,
                    struct interval *interval) MUST_CHECK;

/* The rate that is carried on with: 0 until one is learned, and known better than drift_start. */
double bound_rate_ppm(const struct bound_options *options, const struct bound_rate *rate);
/* What the class allows for beyond the rate, at most. */
double bound_most_ppm(const struct bound_options *options, const struct bound_rate *rate);
/* What the oscillator may gain in elapsed_ns beyond the rate, in nanoseconds; and rounded up. */
double bound_growth(const struct bound_options *options, const struct bound_rate *rate,
                    int64_t elapsed_ns);
int64_t bound_growth_ns(const struct bound_options *options, const struct bound_rate *rate,
                        int64_t elapsed_ns);
#endif
