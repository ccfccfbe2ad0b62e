/* SPDX-License-Identifier: MIT */
/* clock.h - the machine's clocks, and the faulty one of `control = virtual`. The only code that
 * reads or sets a clock. Reading is safe in any thread; a virtual clock's wander is the same for
 * all of them. */
#ifndef COMMON_HOST_CLOCK_H
#define COMMON_HOST_CLOCK_H
#include "common/base/instant.h"
#include "ntpwire/bytes.h"
#include "ntpwire/timestamp.h"
#include <time.h>

/* A fault that is added to what the kernel's clocks read; all zero: none. */
struct clock_fault {
    int64_t offset_ns;
    double rate_ppm;
    double wander_ppb; /* random walk of the rate, per square root of a second */
};

struct clock;

/* Begins at the present moment; seed drives the wander. NULL if memory is short. */
struct clock *clock_create(const struct clock_fault *fault, uint64_t seed);
void clock_destroy(struct clock *clock);

/* Both clocks, read as close together as the machine allows; with the fault. */
struct reading clock_read(const struct clock *clock);
/* What one of the kernel's clocks shows in the middle of two readings of another; *gap_ns lies
 * between those. The best of some tries: few where reading takes long, a dozen where we are
 * interrupted all the time. */
int64_t clock_read_within(clockid_t id, clockid_t other, int64_t *middle_ns, int64_t *gap_ns);
/* An instant that the kernel stamped in CLOCK_REALTIME, at most 10 s before now (a reading of this
 * clock made afterwards), as a reading of this clock. False for a stamp beyond that, from the
 * future or from before the clock was set: what it means is not known any more. */
bool clock_date(const struct clock *clock, int64_t realtime_ns, struct reading now,
                struct reading *at) MUST_CHECK;
/* The same for something that arrived: what can't be dated becomes now, when it had. */
struct reading clock_convert(const struct clock *clock, int64_t realtime_ns, struct reading now);

/* What the two above must know, or they are wrong by a slew's part of the stamp's age (80 ns for 1
 * ms at 80,000 ppm): the system clock's present gain on the oscillator, whoever steers it ... */
void clock_set_rate(struct clock *clock, double frequency_ppm);
/* ... and that it was set just now. To be called before a step of ours, too. */
void clock_mark_set(struct clock *clock);

/* log2 of the smallest step, in seconds, seen between two readings of the system clock, rounded up
 * (RFC 5905, 7.3); -30 to -6. Takes some microseconds. */
int8_t clock_precision(void);

/* Sets the system clock: steps by offset_ns, or slews it (adjtime). A negative errno on refusal. */
int clock_step(int64_t offset_ns) MUST_CHECK;
int clock_slew(int64_t offset_ns) MUST_CHECK;
#endif
