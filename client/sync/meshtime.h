/* SPDX-License-Identifier: MIT */
/* meshtime.h - the time of a mesh that has no UTC. Every member keeps a line over its oscillator
 * and serves what that reads; all measure each other's lines, and each moves its own towards the
 * middle of them.
 *
 * The middle is the trimmed mean: of the sorted values the f lowest and f highest are dropped, our
 * own 0 among them, and the rest is averaged; where few are heard, as many as leave one or two. So
 * it lies between two honest values while at most f lie. A line is slewed, by at most
 * MESHTIME_SLEW_PPM beside its rate, or jumps where that would take minutes: until all have come
 * together, rarely later. Its rate goes to the middle of the rates, or all lines would go the
 * way of the fastest oscillators. Pure; not thread-safe. */
#ifndef CLIENT_SYNC_MESHTIME_H
#define CLIENT_SYNC_MESHTIME_H
#include "common/base/instant.h"
#include <stdbool.h>
#include <stddef.h>

#define MESHTIME_SLEW_PPM 25.0
/* What a line may stray by from the rate that was seen of it: from one end of the slews to the
 * other, and by what its rate is corrected meanwhile. */
#define MESHTIME_STRAY_PPM 60.0
/* A line is to be followed again, or held, after this. */
#define MESHTIME_TICK_NS (8 * NS_PER_S)
#define MESHTIME_VOICES_MAX 64

/* Used through the calls below only. */
struct meshtime {
    struct mono at; /* here it read wall + fraction_ns ... */
    struct wall wall;
    double fraction_ns;
    double rate_ppm; /* ... and gains this on the oscillator, and slew_ppm beside it */
    double slew_ppm;
    struct mono begun;
    struct mono tuned; /* its rate followed the others' last */
    int64_t poll_ns;   /* in which all are measured */
    bool is_settled;
    bool has_rate; /* it did so once */
    unsigned jumps;
    struct mono jumped;
};

/* What was measured of another one's line, for now. */
struct meshtime_voice {
    double offset_ns; /* it less ours */
    double sd_ns;
    bool has_rate;
    double rate_ppm; /* its gain on our oscillator */
};

void meshtime_begin(struct meshtime *line, struct mono now, struct wall wall, double rate_ppm);
/* All are measured once in poll_ns: what is done about it takes longer. */
void meshtime_pace(struct meshtime *line, int64_t poll_ns);
/* What it reads, and what rounding took from that. */
struct wall meshtime_read(const struct meshtime *line, struct mono now, double *fraction_ns);
double meshtime_rate_ppm(const struct meshtime *line);

/* The trimmed mean of 1 to MESHTIME_VOICES_MAX + 1 values. */
double meshtime_middle(const double *values, size_t count, size_t faults);
/* Moves the line towards the middle of count voices (at least 1), and of its own if has_own.
 * Returns by how much it jumped, in nanoseconds; 0: it is slewed. */
int64_t meshtime_follow(struct meshtime *line, const struct meshtime_voice *voices, size_t count,
                        size_t faults, bool has_own, struct mono now);
/* The two halves of that, for who is told of the offset by others: only the rate goes to the middle
 * of the voices' ... */
void meshtime_tune(struct meshtime *line, const struct meshtime_voice *voices, size_t count,
                   size_t faults, struct mono now);
/* ... and an offset is slewed, to decay in so many polls, or jumped. */
int64_t meshtime_move(struct meshtime *line, const struct meshtime_voice *offset, double polls,
                      struct mono now);
/* One that is settled is relied on; until then it may jump 24 times, a poll and
 * a quarter or five seconds apart. */
void meshtime_settle(struct meshtime *line, bool is_settled);
/* Goes on at its rate. */
void meshtime_hold(struct meshtime *line, struct mono now);
#endif
