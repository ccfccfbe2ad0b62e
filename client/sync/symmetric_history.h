/* SPDX-License-Identifier: MIT */
/* symmetric_history.h - the delays of exchanges that last long.
 *
 * Two peers that poll independently exchange their four timestamps over half a poll and more. For
 * clocks that run evenly the offset halfway is exact whatever their rates. The delay is not: both
 * clocks measure a part of the same long time, and 1 ppm between them is 64 us in 64 s, as much as
 * many a path. So each delay is corrected by the rate, and while that is unknown, the exchanges are
 * kept: a line through the offsets of the first four tells it well enough, as its error then is
 * below half the scatter of the offsets, at any poll. After eight and sixteen it is told better,
 * and all of them are taken again. Later the filter knows it best. Pure. */
#ifndef CLIENT_SYNC_SYMMETRIC_HISTORY_H
#define CLIENT_SYNC_SYMMETRIC_HISTORY_H
#include "client/sync/exchange.h"

#define SYMMETRIC_HISTORY_FIRST 4
#define SYMMETRIC_HISTORY_MAX 16

/* All zero: empty. */
struct symmetric_history {
    struct sample samples[SYMMETRIC_HISTORY_MAX];
    size_t count;
};

/* Keeps it, if there is room. True if all samples are to be taken anew, this one among them. */
bool symmetric_history_add(struct symmetric_history *history, const struct sample *sample);
/* The source's gain on our oscillator, in ppm: least squares over the offsets. */
double symmetric_history_rate_ppm(const struct symmetric_history *history);
/* The delay of an exchange between clocks of that rate; negative if the rate is wrong. */
int64_t symmetric_history_delay_ns(const struct sample *sample, double rate_ppm);
/* Sets the delay (not below 0), and the bound by what the oscillator may have gained besides. */
void symmetric_history_correct(struct sample *sample, double rate_ppm, int64_t growth_ns);
#endif
