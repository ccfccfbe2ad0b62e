/* SPDX-License-Identifier: MIT */
/* filter_normal.h - moments of a standard normal cut to a window, far tails and slits included. */
#ifndef CLIENT_SYNC_FILTER_NORMAL_H
#define CLIENT_SYNC_FILTER_NORMAL_H

struct filter_normal {
    double log_mass; /* ln of the probability of the window, uncut */
    double mean;
    double variance;
};

/* low < high, both finite. */
struct filter_normal filter_normal_cut(double low, double high);
/* (1 - Phi(a)) / phi(a); a not negative. */
double filter_normal_mills(double a);
#endif
