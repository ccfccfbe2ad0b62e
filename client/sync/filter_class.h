/* SPDX-License-Identifier: MIT */
/* filter_class.h - what each kind of filter offers to filter.c, which keeps the integers: here all
 * times and offsets are in seconds from an anchor near the newest sample. */
#ifndef CLIENT_SYNC_FILTER_CLASS_H
#define CLIENT_SYNC_FILTER_CLASS_H
#include "client/sync/filter.h"

struct filter_point {
    double t;     /* of our oscillator; later than the point before */
    double x;     /* source - oscillator */
    double delay; /* round trip; not negative */
};

struct filter_line {
    double x;
    double rate; /* of x, per second */
    double x_sd;
    double rate_sd;
    double rate_sd_bound;
    double wander; /* of the rate, variance per second; 0: not known */
    double thermal_share;
};

struct filter_class {
    const char *name;
    size_t size; /* of the state */
    void (*init)(void *state, double precision);
    enum filter_verdict (*add)(void *state, const struct filter_point *point);
    /* Called once a point was added. */
    void (*estimate)(const void *state, double t, struct filter_line *line);
    /* The anchor moves: times are less by t, offsets by x. */
    void (*shift)(void *state, double t, double x);
    size_t (*count)(const void *state);
};

extern const struct filter_class filter_class_bank;
extern const struct filter_class filter_class_ntp;
extern const struct filter_class filter_class_regression;
#endif
