/* SPDX-License-Identifier: MIT */
/* kernel_clock.h - the system clock as the kernel keeps it: its frequency, its steps, and what the
 * kernel tells of it (clock_adjtime). One per program; one thread. Time between is not watched:
 * see watch.h.
 *
 * With a frequency of 0 ppm the system clock runs as CLOCK_MONOTONIC_RAW does: all frequencies here
 * are its gain on that. */
#ifndef COMMON_HOST_KERNEL_CLOCK_H
#define COMMON_HOST_KERNEL_CLOCK_H
#include "common/base/action.h"
#include "common/host/kernel_guard.h"

#define KERNEL_CLOCK_PPM_MAX 100000.0 /* as far as the kernel lets itself be steered */
#define KERNEL_CLOCK_REASON_MAX 256

/* What the kernel says; anybody may read it. */
struct kernel_state {
    double frequency_ppm;
    int64_t offset_ns;    /* what the kernel's own loop is still about to add */
    bool is_pll;          /* that loop is on: not our doing */
    bool is_synchronised; /* somebody vouches for the clock */
    int64_t error_max_ns; /* grows by 500 ppm since it was told */
    int64_t error_estimated_ns;
    enum kernel_leap leap;
    bool is_leap_done; /* the leap that was told has come; a second before the present day, or less
                        */
    int tai_offset_s;
};

struct kernel_clock {
    const char *processes; /* "/proc" */
    bool is_taken;
    double rate_ppm; /* what stays if we are killed */
    /* What we left in the kernel, to see whether somebody else changes it. */
    long frequency; /* 2^-16 ppm */
    long tick;      /* us */
    int status;
    /* A step makes the kernel forget when a leap second is due, but not that it waits for one: it
     * must see none told when a second begins, to begin anew. */
    bool holds_leap;
    int64_t stepped_s;                   /* what the clock read then */
    int rival_bits;                      /* of the status, as seen last */
    char rival[KERNEL_CLOCK_REASON_MAX]; /* what was found changed; empty: nothing */
    struct kernel_guard guard;
};

/* A negative errno where the system has no such call. */
int kernel_clock_read(struct kernel_state *state) MUST_CHECK;

void kernel_clock_init(struct kernel_clock *kernel);
/* Takes the clock over: what others left running in the kernel (its own loop, an adjtime(), a
 * frequency that no oscillator has) ends; the time stays, and counts as unsynchronised. From here
 * on a guard ends every slew of ours should we be killed or stopped; *guard_error says, as a
 * negative errno, that there is none, else it is 0. -EPERM: we may not; nothing was changed. */
int kernel_clock_take(struct kernel_clock *kernel, int *guard_error) MUST_CHECK;
/* Steps, then steers. *frequency_ppm receives what the kernel made of steer->frequency_ppm: it
 * rounds to 2^-16 ppm, and what is beyond its range is cut. A step leaves the clock marked
 * unsynchronised, without a leap second, until kernel_clock_tell() (for the leap, one that comes
 * two seconds later). */
int kernel_clock_steer(struct kernel_clock *kernel, const struct action_steer *steer,
                       struct mono now, double *frequency_ppm) MUST_CHECK;
/* Says how good the clock is: to adjtimex(2), and to all who ask that. */
int kernel_clock_tell(struct kernel_clock *kernel, const struct action_kernel *told) MUST_CHECK;
/* Does anybody else steer the clock, and by what sign? Before it is taken: the
 * clock is vouched for, and a program that may have done so runs, or might unseen. After: what we
 * left there was changed. Each change is told once. */
bool kernel_clock_is_steered_by_other(struct kernel_clock *kernel,
                                      char reason[KERNEL_CLOCK_REASON_MAX]);
/* Gives the clock back, at its plain rate and unsynchronised: nobody keeps it now. 0 if it was not
 * taken. */
int kernel_clock_release(struct kernel_clock *kernel) MUST_CHECK;

/* The same for a clock that somebody left, who was killed. */
int kernel_clock_restore(double rate_ppm) MUST_CHECK;
#endif
