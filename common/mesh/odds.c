/* SPDX-License-Identifier: MIT */
#include "common/mesh/odds.h"
#include <assert.h>
#include <math.h>

/* The chance that the next draw is a liar, when so many were drawn, and so many of them lied. */
static double next_lies(const struct odds *odds, double liars, uint32_t drawn, uint32_t lied)
{
    if (odds->members == 0) {
        return liars;
    }
    double left = liars - lied;
    return left > 0.0 ? fmin(left / (odds->members - drawn), 1.0) : 0.0;
}

double odds_of_excess(const struct odds *odds, double share)
{
    assert(odds->view <= ODDS_VIEW_MAX);
    assert(share >= 0.0 && share <= 1.0);

    /* A hair less before rounding up: 5 % of 20 is one, whatever 0.05 is in binary. */
    double liars = odds->members == 0 ? share : ceil(share * odds->members - 1e-12 * odds->members);
    uint32_t draws = odds->members != 0 && odds->members < odds->view ? odds->members : odds->view;

    /* Draw by draw: chance[i] is that of i liars so far. Only sums of positive terms, so that even
     * a tail of 1e-14 is exact to many digits. */
    double chance[ODDS_VIEW_MAX + 1] = {1.0};
    for (uint32_t drawn = 0; drawn < draws; drawn++) {
        for (uint32_t lied = drawn + 1; lied-- > 0;) {
            double lies = next_lies(odds, liars, drawn, lied);
            chance[lied + 1] += chance[lied] * lies;
            chance[lied] *= 1.0 - lies;
        }
    }
    double excess = 0.0;
    for (uint32_t lied = draws; lied > odds->faults; lied--) {
        excess += chance[lied];
    }
    return fmin(excess, 1.0);
}
