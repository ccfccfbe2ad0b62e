/* SPDX-License-Identifier: MIT */
/* filter_member.h - one Kalman filter of the bank: one belief about how much the oscillator
 * wanders, and one about what the samples' noise looks like.
 *
 * The state is the offset x, its rate y and, for members that expect temperature to come and go, a
 * rate s that decays. Its covariance is held as L D L', x first, so that a sample, which tells of x
 * only, changes d[0] and nothing else: the covariance stays positive definite without a thought. */
#ifndef CLIENT_SYNC_FILTER_MEMBER_H
#define CLIENT_SYNC_FILTER_MEMBER_H
#include "client/sync/filter_delay.h"

#define FILTER_MEMBER_STATES 3

struct filter_member {
    double wander; /* power of the rate's random walk, per second */
    bool is_cut;   /* noise: the sample's window, else Gaussian */
    bool is_thermal;
    double state[FILTER_MEMBER_STATES];
    double lower[FILTER_MEMBER_STATES]; /* L: y on x, s on x, s on y */
    double d[FILTER_MEMBER_STATES];
};

/* What is common to all members that cross the same time. */
struct filter_stride {
    double dt;
    double fade;         /* what is left of s */
    double fade_dt;      /* s adds so much to x, per unit of s */
    double thermal_d[2]; /* covariance of the noise of x and s, as L D L' */
    double thermal_lower;
};

struct filter_stride filter_stride_make(double dt);

/* Begins anew at x, with a rate of 0. */
void filter_member_init(struct filter_member *member, double x, double x_sd);
void filter_member_predict(struct filter_member *member, const struct filter_stride *stride);
/* Both return the sample's log likelihood. noise is the variance of a sample's error. */
double filter_member_cut(struct filter_member *member, double sample,
                         const struct filter_window *window);
double filter_member_gauss(struct filter_member *member, double sample, double noise);

double filter_member_rate(const struct filter_member *member);
double filter_member_rate_variance(const struct filter_member *member);
/* What a rate that decays adds to the offset in dt s, per unit of the rate, and the variance in s^2
 * of what new such rates add meanwhile: filter_stride's fade_dt and thermal_d[0]. */
double filter_member_fade(double dt, double *variance);
#endif
