/* SPDX-License-Identifier: MIT */
#include "client/sync/filter_class.h"
#include <math.h>
#include <stdlib.h>

/* Doubles hold the distance from the anchor only, so that a nanosecond stays one over years. */
#define ANCHOR_TIME_MAX_S 1e5
#define ANCHOR_OFFSET_MAX_S 1.0
/* Beyond this the nanoseconds of an estimate do not fit their integer. */
#define AHEAD_MAX_S 9e9
/* A cheap crystal's, for filters that learn none. */
#define WANDER_UNKNOWN 1e-14

struct filter {
    const struct filter_class *class;
    double precision_s;
    bool has_point;
    struct mono newest;
    struct mono anchor;
    int64_t anchor_offset_ns; /* source - oscillator, where x is 0 */
    max_align_t state[];
};

static const struct filter_class *const classes[FILTER_KINDS] = {
    [FILTER_BANK] = &filter_class_bank,
    [FILTER_NTP] = &filter_class_ntp,
    [FILTER_REGRESSION] = &filter_class_regression,
};

/* Differences of instants wrap: the two clocks may be anywhere, and what counts is near. */
static int64_t difference_ns(int64_t left, int64_t right)
{
    return (int64_t)((uint64_t)left - (uint64_t)right);
}

static int64_t sum_ns(int64_t left, int64_t right)
{
    return (int64_t)((uint64_t)left + (uint64_t)right);
}

static double seconds(int64_t ns)
{
    return (double)ns * 1e-9;
}

struct filter *filter_create(enum filter_kind kind, int64_t precision_ns)
{
    assert((unsigned)kind < FILTER_KINDS);
    struct filter *filter = malloc(sizeof *filter + classes[kind]->size);
    if (filter == NULL) {
        return NULL;
    }
    filter->class = classes[kind];
    filter->precision_s = seconds(precision_ns > 1 ? precision_ns : 1);
    filter_clear(filter);
    return filter;
}

void filter_destroy(struct filter *filter)
{
    free(filter);
}

void filter_clear(struct filter *filter)
{
    filter->has_point = false;
    filter->class->init(filter->state, filter->precision_s);
}

const char *filter_kind_name(enum filter_kind kind)
{
    assert((unsigned)kind < FILTER_KINDS);
    return classes[kind]->name;
}

/* Moves the anchor to the newest sample when it has got far away. */
static void reanchor(struct filter *filter)
{
    double t = seconds(difference_ns(filter->newest.ns, filter->anchor.ns));
    struct filter_line line;
    filter->class->estimate(filter->state, t, &line);
    if (t < ANCHOR_TIME_MAX_S && fabs(line.x) < ANCHOR_OFFSET_MAX_S) {
        return;
    }
    double x_ns = fabs(line.x) < AHEAD_MAX_S ? nearbyint(line.x * 1e9) : 0.0;
    filter->class->shift(filter->state, t, x_ns * 1e-9);
    filter->anchor = filter->newest;
    filter->anchor_offset_ns = sum_ns(filter->anchor_offset_ns, (int64_t)x_ns);
}

enum filter_verdict filter_add(struct filter *filter, const struct sample *sample)
{
    int64_t offset_ns = difference_ns(sample->wall.ns, sample->at.ns);
    if (!filter->has_point) {
        filter->anchor = sample->at;
        filter->anchor_offset_ns = offset_ns;
    } else if (difference_ns(sample->at.ns, filter->newest.ns) <= 0) {
        return FILTER_OLD;
    }
    struct filter_point point = {
        .t = seconds(difference_ns(sample->at.ns, filter->anchor.ns)),
        .x = seconds(difference_ns(offset_ns, filter->anchor_offset_ns)),
        .delay = sample->delay_ns > 0 ? seconds(sample->delay_ns) : 0.0,
    };
    filter->has_point = true;
    filter->newest = sample->at;
    enum filter_verdict verdict = filter->class->add(filter->state, &point);
    reanchor(filter);
    return verdict;
}

void filter_shift(struct filter *filter, int64_t by_ns)
{
    filter->anchor_offset_ns = sum_ns(filter->anchor_offset_ns, by_ns);
}

/* Before the newest sample the line is only followed back: what was known then is forgotten. */
static struct filter_line line_at(const struct filter *filter, struct mono now)
{
    double back = fmax(seconds(difference_ns(filter->newest.ns, now.ns)), 0.0);
    double t = seconds(difference_ns(now.ns, filter->anchor.ns));
    struct filter_line line;
    filter->class->estimate(filter->state, t + back, &line);
    line.x -= back * line.rate;
    line.x_sd = hypot(line.x_sd, back * line.rate_sd);
    return line;
}

bool filter_estimate(const struct filter *filter, struct mono now, struct estimate *estimate)
{
    if (!filter->has_point) {
        return false;
    }
    struct filter_line line = line_at(filter, now);
    double x_ns = line.x * 1e9;
    double whole_ns = fabs(line.x) < AHEAD_MAX_S ? nearbyint(x_ns) : 0.0;
    *estimate = (struct estimate){
        .at = now,
        .wall.ns = sum_ns(sum_ns(now.ns, filter->anchor_offset_ns), (int64_t)whole_ns),
        .fraction_ns = x_ns - whole_ns,
        .rate_ppm = line.rate * 1e6,
        .offset_sd_ns = line.x_sd * 1e9,
        .rate_sd_ppm = line.rate_sd * 1e6,
        .rate_sd_bound_ppm = line.rate_sd_bound * 1e6,
        .wander_ppm2_per_s = (line.wander > 0.0 ? line.wander : WANDER_UNKNOWN) * 1e12,
        .thermal_share = line.thermal_share,
    };
    return true;
}

double filter_predict_sd_ns(const struct filter *filter, struct mono then)
{
    struct estimate estimate;
    return filter_estimate(filter, then, &estimate) ? estimate.offset_sd_ns : -1.0;
}

size_t filter_count(const struct filter *filter)
{
    return filter->class->count(filter->state);
}
