/* SPDX-License-Identifier: MIT */
/* symmetric_history.h - the delays of exchanges that last long.
 *
 * Two peers that poll independently exchange their four timestamps over half a poll and more. For
 * clocks that run evenly the offset halfway is exact whatever their rates. The delay is not: both
 * clocks measure a part of the same long time, and 1 ppm between them is 64 us in 64 s, as much as
 * many a path. So each delay is corrected by the rate that a line through the last offsets shows.
 * Four are enough at any poll: the delay's error is then below half the offsets' scatter, and with
 * sixteen below a tenth of it. The filter's own rate would not do: where it is wrong, so are the
 * delays, and with wide delays it stays wrong.
 *
 * A line is believed where no offset strays from it by more than its delay allows; where one does,
 * a clock was set or changed its rate, and only the exchanges since count. Pure. */
#ifndef CLIENT_SYNC_SYMMETRIC_HISTORY_H
#define CLIENT_SYNC_SYMMETRIC_HISTORY_H
#include "client/sync/exchange.h"

#define SYMMETRIC_HISTORY_RUN_MIN 4
#define SYMMETRIC_HISTORY_MAX 16

/* All zero: empty. */
struct symmetric_history {
    struct sample samples[SYMMETRIC_HISTORY_MAX]; /* as they came */
    uint64_t count;                               /* that came */
};

/* Keeps it, in place of the oldest when full. */
void symmetric_history_add(struct symmetric_history *history, const struct sample *sample);
/* How many of the last exchanges lie on a line; 0 if not the last four do. tolerance_ns is what the
 * two clocks can't tell apart. */
size_t symmetric_history_run(const struct symmetric_history *history, int64_t tolerance_ns);
/* The source's gain on our oscillator: least squares over the last `run`. */
double symmetric_history_rate_ppm(const struct symmetric_history *history, size_t run);
/* The last one is of age 0. */
const struct sample *symmetric_history_sample(const struct symmetric_history *history, size_t age);

/* The delay of an exchange between clocks of that rate; negative if the rate is wrong. */
int64_t symmetric_history_delay_ns(const struct sample *sample, double rate_ppm);
/* Sets the delay (not below 0), and the bound by what the oscillator may have gained besides. */
void symmetric_history_correct(struct sample *sample, double rate_ppm, int64_t growth_ns);
#endif
