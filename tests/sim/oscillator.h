/* SPDX-License-Identifier: MIT */
/* oscillator.h - what a node's oscillator shows, as a function of true time.
 *
 * Its noise is drawn for each second of true time from the seed and the number of that second, so
 * that the reading of an instant does not depend on what was read before. Within a second the
 * frequency is constant; readings are exact to a nanosecond over years. */
#ifndef TESTS_SIM_OSCILLATOR_H
#define TESTS_SIM_OSCILLATOR_H
#include "common/base/instant.h"
#include "ntpwire/bytes.h"

#define OSCILLATOR_CHANGES_MAX 8
#define OSCILLATOR_STEP_NS NS_PER_S

/* At at_ns of true time the frequency steps by ppm. */
struct oscillator_jump {
    int64_t at_ns;
    double ppm;
};

/* The machine sleeps: the oscillator stands still. They must not overlap, and come in order. */
struct oscillator_suspend {
    int64_t at_ns;
    int64_t duration_ns;
};

struct oscillator_options {
    int64_t start_ns; /* what it shows at the start of true time */
    double rate_ppm;  /* positive: it runs fast */
    /* Random walk of the relative frequency, per square root of a second: 1e-9 is 1 ppb/s^(1/2). */
    double wander;
    double noise_ns; /* white noise of the phase: the sd of one reading each second */
    double sine_ppm; /* what temperature does in the course of a day */
    int64_t sine_period_ns;
    double sine_turn; /* where the sine begins: 0 to 1 */
    size_t jump_count;
    struct oscillator_jump jumps[OSCILLATOR_CHANGES_MAX];
    size_t suspend_count;
    struct oscillator_suspend suspends[OSCILLATOR_CHANGES_MAX];
};

/* A stretch of true time with one frequency. */
struct oscillator_segment {
    int64_t begin_ns;
    int64_t end_ns;
    int64_t mono_ns; /* the reading at the begin, without noise ... */
    double fraction; /* ... and what is beyond whole nanoseconds: 0 to 1 */
    double rate;     /* relative */
    bool is_suspended;
    double walk;
    int64_t step;         /* the second it lies in */
    double noise[2];      /* of the phase, at that second's begin and end */
    double normals[2][2]; /* the draws of two seconds, for walk and noise */
};

/* Used through the calls below only. */
struct oscillator {
    struct oscillator_options options;
    uint64_t seed;
    bool is_even;    /* nothing changes from second to second */
    int64_t read_ns; /* true time of the last reading */
    struct oscillator_segment now;
    struct oscillator_segment ahead; /* where oscillator_when() has come */
};

void oscillator_init(struct oscillator *oscillator, const struct oscillator_options *options,
                     uint64_t seed);
/* The reading at truth_ns, which must not lie before that of the call before (nor before 0). */
struct mono oscillator_read(struct oscillator *oscillator, int64_t truth_ns);
/* The first instant of true time, not before the last oscillator_read(), at which it shows at least
 * that. */
int64_t oscillator_when(struct oscillator *oscillator, struct mono mono);
/* The relative frequency at the last oscillator_read(), in ppm; -1e6 in suspend. */
double oscillator_rate_ppm(const struct oscillator *oscillator);
/* How long it stood still until truth_ns: what CLOCK_BOOTTIME is ahead. */
int64_t oscillator_suspended_ns(const struct oscillator *oscillator, int64_t truth_ns);
#endif
