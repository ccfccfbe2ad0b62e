/* SPDX-License-Identifier: MIT */
/* filter_outlook.h - what a bank of filters expects at any time to come, ready to be asked often.
 *
 * With v = (1, dt, fade_dt), where fade_dt is what a rate that decays adds to the offset in dt
 * (filter_member_fade()), the mixture's mean is linear in v and its variance, but for the noise to
 * come, a square form in v: so both are summed over the members once, not for each glance. */
#ifndef CLIENT_SYNC_FILTER_OUTLOOK_H
#define CLIENT_SYNC_FILTER_OUTLOOK_H
#include "client/sync/filter_member.h"

/* The members' states mixed by their shares: x in s, the rate in s/s. Their spread is part of the
 * variances. What is called bound is of those members only that have a share to speak of. */
struct filter_mixture {
    double x;
    double rate;
    double x_variance;
    double rate_variance;
    double rate_variance_bound;
    double wander;
    double thermal_share;
};

struct filter_outlook {
    double x[FILTER_MEMBER_STATES];
    double square[FILTER_MEMBER_STATES][FILTER_MEMBER_STATES]; /* its lower half */
    double cube;                                               /* on dt^3 */
    double thermal; /* on the noise of the temperature, filter_member_fade() */
    struct filter_mixture constant;
};

/* From zero: first the means of all members, by shares that sum to 1, then all spreads. */
void filter_outlook_add_mean(struct filter_outlook *outlook, const struct filter_member *member,
                             double share);
void filter_outlook_add_spread(struct filter_outlook *outlook, const struct filter_member *member,
                               double share);
void filter_outlook_add_bound(struct filter_outlook *outlook, const struct filter_member *member,
                              double share);
/* By one over the sum of the shares that were added to the bound. */
void filter_outlook_scale_bound(struct filter_outlook *outlook, double scale);

/* dt is in s from the members' time on. */
struct filter_mixture filter_outlook_at(const struct filter_outlook *outlook, double dt);
#endif
