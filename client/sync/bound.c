/* SPDX-License-Identifier: MIT */
#include "client/sync/bound.h"
#include <math.h>

/* The assumptions of the classes, in ppm and ppm per second: guesses of engineers, printed wherever
 * an interval is. */
#define RATE_SD_FACTOR 6
#define NORMAL_SD_FLOOR_PPM 0.05
#define NORMAL_WANDER_PPM_PER_S 0.02
#define NORMAL_MAX_PPM 15.0
#define STRICT_MAX_PPM 50.0
#define LEARNED_FLOOR_PPM 0.05
#define LEARNED_WANDER_PPM_PER_S 0.005
#define LEARNED_WANDER_S 128.0
/* What temperature adds where the filter believes in it: 1 ppm, that keeps its mood for 2,000 s. */
#define THERMAL_PPM2_PER_S 1e-3
#define THERMAL_PPM2_S 4e3
#define PPM 1e-6

const char *drift_class_name(enum drift_class drift_class)
{
    static const char *const names[DRIFT_CLASSES] = {
        [DRIFT_NORMAL] = "normal", [DRIFT_STRICT] = "strict", [DRIFT_LEARNED] = "learned"};
    return (unsigned)drift_class < DRIFT_CLASSES ? names[drift_class] : "unknown";
}

void bound_init(struct bound *bound, const struct bound_options *options)
{
    *bound = (struct bound){.options = *options};
}

void bound_void(struct bound *bound)
{
    bound->is_set = false;
}

/* A rate that may be off by more than any oscillator's is none yet. */
static bool is_known(const struct bound_options *options, const struct bound_rate *rate)
{
    return rate->is_learned && RATE_SD_FACTOR * rate->sd_ppm <= options->drift_start_ppm;
}

double bound_rate_ppm(const struct bound_options *options, const struct bound_rate *rate)
{
    return is_known(options, rate) ? rate->rate_ppm : 0;
}

void bound_shift(struct bound *bound, int64_t by_ns)
{
    bound->earliest.wall.ns += by_ns;
    bound->latest.wall.ns += by_ns;
}

/* The mean rate over so many seconds that class "learned" allows for. */
static double learned_ppm(const struct bound_rate *rate, double s)
{
    double thermal = fmin(THERMAL_PPM2_PER_S * s / 3, THERMAL_PPM2_S / (s > 1 ? s : 1));
    double variance = rate->sd_ppm * rate->sd_ppm + rate->wander_ppm2_per_s * s / 3 +
                      rate->thermal_share * thermal;
    return LEARNED_FLOOR_PPM + RATE_SD_FACTOR * sqrt(variance) +
           LEARNED_WANDER_PPM_PER_S * fmin(s, LEARNED_WANDER_S) / 2;
}

double bound_growth(const struct bound_options *options, const struct bound_rate *rate,
                    int64_t elapsed_ns)
{
    double elapsed = (double)elapsed_ns;
    /* The greatest that a class allows for is of the oscillator: a rate that a young filter does
     * not know any better may be wrong by more. */
    double wrong_ppm = RATE_SD_FACTOR * rate->sd_ppm;
    double ppm;
    if (!is_known(options, rate)) {
        ppm = options->drift_start_ppm;
    } else if (options->drift_class == DRIFT_STRICT) {
        ppm = fmax(STRICT_MAX_PPM, wrong_ppm);
    } else if (options->drift_class == DRIFT_LEARNED) {
        ppm = fmax(fmin(learned_ppm(rate, elapsed * 1e-9), NORMAL_MAX_PPM), wrong_ppm);
    } else {
        ppm = fmax(wrong_ppm, RATE_SD_FACTOR * NORMAL_SD_FLOOR_PPM);
        ppm += NORMAL_WANDER_PPM_PER_S * elapsed * 1e-9 / 2;
        ppm = fmax(fmin(ppm, NORMAL_MAX_PPM), wrong_ppm);
    }
    return elapsed * ppm * PPM;
}

double bound_most_ppm(const struct bound_options *options, const struct bound_rate *rate)
{
    if (!is_known(options, rate)) {
        return options->drift_start_ppm;
    }
    double most_ppm = options->drift_class == DRIFT_STRICT ? STRICT_MAX_PPM : NORMAL_MAX_PPM;
    return fmax(most_ppm, RATE_SD_FACTOR * rate->sd_ppm);
}

int64_t bound_growth_ns(const struct bound_options *options, const struct bound_rate *rate,
                        int64_t elapsed_ns)
{
    return (int64_t)ceil(bound_growth(options, rate, elapsed_ns));
}

/* The end at another instant, without what the oscillator may have gained. */
static int64_t carry(const struct bound *bound, const struct bound_end *end, struct mono at,
                     const struct bound_rate *rate)
{
    int64_t elapsed = at.ns - end->at.ns;
    double ppm = bound_rate_ppm(&bound->options, rate);
    return end->wall.ns + elapsed + llround((double)elapsed * ppm * PPM);
}

static int64_t end_growth_ns(const struct bound *bound, const struct bound_end *end, struct mono at,
                             const struct bound_rate *rate)
{
    int64_t elapsed = at.ns - end->at.ns;
    return bound_growth_ns(&bound->options, rate, elapsed < 0 ? -elapsed : elapsed);
}

/* How far the source itself says that it may be wrong, the reading of both clocks included. */
static int64_t claim_ns(const struct sample *sample)
{
    /* The bound is half the delay and all of this. */
    return sample->bound_ns - (sample->delay_ns + 1) / 2;
}

static struct bound_end earliest_of(const struct sample *sample)
{
    int64_t before_ns = claim_ns(sample) - sample->spare_before_ns;
    return (struct bound_end){.at = sample->received.mono,
                              .wall = {sample->source_sent.ns - before_ns}};
}

static struct bound_end latest_of(const struct sample *sample)
{
    int64_t after_ns = claim_ns(sample) - sample->spare_after_ns;
    return (struct bound_end){.at = sample->sent.mono,
                              .wall = {sample->source_received.ns + after_ns}};
}

enum bound_verdict bound_add(struct bound *bound, const struct sample *sample,
                             const struct bound_rate *rate)
{
    struct bound_end earliest = earliest_of(sample);
    struct bound_end latest = latest_of(sample);
    if (!bound->is_set) {
        bound->is_set = true;
        bound->earliest = earliest;
        bound->latest = latest;
        return BOUND_TAKEN;
    }

    /* An end that was known already is moved to the new end's instant; the stricter of the two
     * stays. */
    int64_t old_earliest = carry(bound, &bound->earliest, earliest.at, rate) -
                           end_growth_ns(bound, &bound->earliest, earliest.at, rate);
    int64_t old_latest = carry(bound, &bound->latest, latest.at, rate) +
                         end_growth_ns(bound, &bound->latest, latest.at, rate);
    struct bound joined = *bound;
    joined.earliest = earliest;
    joined.latest = latest;
    if (old_earliest > earliest.wall.ns) {
        joined.earliest.wall.ns = old_earliest;
    }
    if (old_latest < latest.wall.ns) {
        joined.latest.wall.ns = old_latest;
    }
    struct interval interval;
    if (!bound_interval(&joined, sample->received.mono, rate, &interval) ||
        interval.earliest_ns > interval.latest_ns) {
        bound->earliest = earliest;
        bound->latest = latest;
        bound->contradictions++;
        return BOUND_CONTRADICTED;
    }
    *bound = joined;
    return BOUND_TAKEN;
}

bool bound_interval(const struct bound *bound, struct mono now, const struct bound_rate *rate,
                    struct interval *interval)
{
    if (!bound->is_set) {
        return false;
    }
    interval->earliest_ns = carry(bound, &bound->earliest, now, rate) -
                            end_growth_ns(bound, &bound->earliest, now, rate);
    interval->latest_ns =
        carry(bound, &bound->latest, now, rate) + end_growth_ns(bound, &bound->latest, now, rate);
    return true;
}
