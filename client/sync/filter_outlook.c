/* SPDX-License-Identifier: MIT */
#include "client/sync/filter_outlook.h"
#include <math.h>

void filter_outlook_add_mean(struct filter_outlook *outlook, const struct filter_member *member,
                             double share)
{
    outlook->x[0] += share * member->state[0];
    outlook->x[1] += share * member->state[1];
    outlook->x[2] += member->is_thermal ? share * member->state[2] : 0.0;
    outlook->constant.rate = outlook->x[1] + outlook->x[2];
}

static void add_square(struct filter_outlook *outlook, double power, const double row[3])
{
    for (size_t i = 0; i < FILTER_MEMBER_STATES; i++) {
        for (size_t j = 0; j <= i; j++) {
            outlook->square[i][j] += power * row[i] * row[j];
        }
    }
}

static double rate_square(const struct filter_outlook *outlook, const struct filter_member *member)
{
    double off = filter_member_rate(member) - outlook->constant.rate;
    return filter_member_rate_variance(member) + off * off;
}

void filter_outlook_add_spread(struct filter_outlook *outlook, const struct filter_member *member,
                               double share)
{
    bool is_thermal = member->is_thermal;
    const double *lower = member->lower;
    const double off[] = {member->state[0] - outlook->x[0], member->state[1] - outlook->x[1],
                          (is_thermal ? member->state[2] : 0.0) - outlook->x[2]};
    const double on_x[] = {1.0, lower[0], is_thermal ? lower[1] : 0.0};
    const double on_y[] = {0.0, 1.0, is_thermal ? lower[2] : 0.0};
    const double on_s[] = {0.0, 0.0, 1.0};
    add_square(outlook, share, off);
    add_square(outlook, share * member->d[0], on_x);
    add_square(outlook, share * member->d[1], on_y);
    if (is_thermal) {
        add_square(outlook, share * member->d[2], on_s);
        outlook->thermal += share;
    }
    outlook->cube += share * member->wander / 3.0;
    outlook->constant.rate_variance += share * rate_square(outlook, member);
}

void filter_outlook_add_bound(struct filter_outlook *outlook, const struct filter_member *member,
                              double share)
{
    outlook->constant.rate_variance_bound += share * rate_square(outlook, member);
    outlook->constant.wander += share * member->wander;
    outlook->constant.thermal_share += member->is_thermal ? share : 0.0;
}

void filter_outlook_scale_bound(struct filter_outlook *outlook, double scale)
{
    outlook->constant.rate_variance_bound *= scale;
    outlook->constant.wander *= scale;
    outlook->constant.thermal_share *= scale;
}

struct filter_mixture filter_outlook_at(const struct filter_outlook *outlook, double dt)
{
    double thermal_variance;
    double fade_dt = filter_member_fade(dt, &thermal_variance);
    const double(*square)[FILTER_MEMBER_STATES] = outlook->square;
    double on_dt = square[1][1] * dt + 2.0 * square[1][0];
    double on_fade = square[2][2] * fade_dt + 2.0 * (square[2][0] + square[2][1] * dt);
    struct filter_mixture mixture = outlook->constant;
    mixture.x = outlook->x[0] + outlook->x[1] * dt + outlook->x[2] * fade_dt;
    /* The sum of squares that this is stays above 0, but for what rounding takes. */
    mixture.x_variance = fmax(square[0][0] + on_dt * dt + on_fade * fade_dt, 0.0) +
                         outlook->cube * dt * dt * dt + outlook->thermal * thermal_variance;
    return mixture;
}
