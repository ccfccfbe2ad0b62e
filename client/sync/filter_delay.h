/* SPDX-License-Identifier: MIT */
/* filter_delay.h - a source's round trips: how long the bare path is, and so how far a sample may
 * be off. */
#ifndef CLIENT_SYNC_FILTER_DELAY_H
#define CLIENT_SYNC_FILTER_DELAY_H
#include <stdbool.h>
#include <stddef.h>

#define FILTER_DELAY_RING 128 /* delays held */
/* The least of each 64 delays is held longer. */
#define FILTER_DELAY_BLOCK 64
#define FILTER_DELAY_BLOCKS 16

/* In seconds. Used through the calls below only. */
struct filter_delay {
    double precision;
    double ring[FILTER_DELAY_RING];
    size_t head; /* where the next goes */
    size_t count;
    double block_min[FILTER_DELAY_BLOCKS];
    size_t block; /* the one being filled */
    size_t blocks;
    size_t block_count; /* delays in it */

    double base; /* the bare path: the least of base_count delays */
    size_t base_count;
    double excess_mean;
    double slack; /* how far the base may be above the true one */

    double out_mean; /* queueing on the way there, and back */
    double back_mean;
    size_t one_way_count;
};

/* What a sample says: the truth lies within half of it, with a density that goes with
 * exp(tilt * (x - sample)), blurred by soft. */
struct filter_window {
    double half;
    double tilt;
    double soft;
};

void filter_delay_init(struct filter_delay *delay, double precision);
void filter_delay_add(struct filter_delay *delay, double seconds);
/* The window of the newest delay; innovation is its sample less what was expected: it tells the
 * directions apart, and is learnt from. */
struct filter_window filter_delay_window(struct filter_delay *delay, double innovation);
double filter_delay_half(const struct filter_delay *delay);
/* Variance of the last 32 delays. */
double filter_delay_variance(const struct filter_delay *delay);
#endif
