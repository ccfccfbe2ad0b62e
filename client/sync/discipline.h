/* SPDX-License-Identifier: MIT */
/* discipline.h - the combined estimate to what is done with the system clock.
 *
 * The clock's frequency is set, and nothing else is asked of the kernel: to the rate that is
 * estimated, and beside it as much as lets the offset decay. A frequency is meant for a limited
 * time: whoever performs the command must call again at its `until`, however the clock is doing.
 *
 * offset = source - us: positive, we are behind. Pure; not thread-safe. */
#ifndef CLIENT_SYNC_DISCIPLINE_H
#define CLIENT_SYNC_DISCIPLINE_H
#include "client/sync/filter.h"

#define DISCIPLINE_REASON_MAX 192

enum discipline_state {
    DISCIPLINE_WAITING,  /* no estimate yet: nothing is done */
    DISCIPLINE_STARTING, /* the first updates: the offset goes as fast as it can */
    DISCIPLINE_STEERING,
    DISCIPLINE_PANIC, /* the offset is past belief: the clock runs on at the last rate */
    DISCIPLINE_STATES
};

const char *discipline_state_name(enum discipline_state state);

struct discipline_options {
    int64_t step_ns;       /* an offset beyond this is stepped ... */
    unsigned step_updates; /* ... if found by one of the first so many updates */
    int64_t panic_ns;      /* later an offset beyond this stops the steering; 0: none does */
    double slew_max_ppm;   /* how far a slew may bring the frequency off the rate */
};

/* 1 s in the first 3 updates; 1,000 s; 80,000 ppm. */
extern const struct discipline_options discipline_defaults;

/* What to do now, in this order. */
struct discipline_command {
    int64_t step_ns;      /* add this to the clock; 0: don't touch it */
    double frequency_ppm; /* then let it gain this on the oscillator ... */
    struct mono until;    /* ... until then: call discipline_check() */
};

/* Used through the calls below only. */
struct discipline {
    struct discipline_options options;
    enum discipline_state state;
    unsigned updates; /* counted no further than the start goes */
    bool is_accepted;
    double rate_ppm;         /* the last one believed */
    double mean_square_ns2;  /* of the offsets that updates found */
    double time_constant_ns; /* in which the offset decays to 1/e */
    int64_t panic_offset_ns;
};

void discipline_init(struct discipline *discipline, const struct discipline_options *options);
/* A new sample changed the combined estimate. It is of now, as the reading; poll_ns is how long the
 * next sample of the same source takes. */
void discipline_update(struct discipline *discipline, const struct estimate *estimate,
                       int64_t poll_ns, struct reading now, struct discipline_command *command);
/* The time of a command is over, and no sample came: the estimate carried to now. False, and
 * *command untouched, if nothing is steered yet. Without an estimate (NULL) the clock runs on at
 * the last rate. */
bool discipline_check(struct discipline *discipline, const struct estimate *estimate,
                      struct reading now, struct discipline_command *command) MUST_CHECK;
/* Somebody vouches for the offset that the panic was about: if the next update finds it still, give
 * or take panic_ns, it steps the clock and ends the panic. */
void discipline_accept(struct discipline *discipline);
/* In one sentence, why the clock is not steered; empty if it is. */
void discipline_explain(const struct discipline *discipline, char reason[DISCIPLINE_REASON_MAX]);
/* What is left to correct: estimate - clock, in nanoseconds. */
double discipline_offset_ns(const struct estimate *estimate, struct reading now);
#endif
