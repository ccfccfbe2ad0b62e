/* SPDX-License-Identifier: MIT */
/* polling.h - when to ask a source: its interval, bursts, what answers and silence change of it.
 *
 * Requests stand 2^poll s apart and up to a fortieth of that more, by chance. Bursts alone are
 * quicker: POLLING_BURST_NS apart (or a poll, if that is less). Whatever the cause, a source is not
 * asked so for ever: POLLING_QUICK_MAX requests may be quick, and one more in POLLING_QUICK_POLLS
 * polls. What the configuration or an operator wants is not counted: the burst of the start, one at
 * each poll, a command. Pure; not thread-safe. */
#ifndef CLIENT_SYNC_POLLING_H
#define CLIENT_SYNC_POLLING_H
#include "common/base/instant.h"
#include "common/base/random.h"
#include <stdbool.h>

#define POLLING_BURST_NS (2 * NS_PER_S)
#define POLLING_BURST_COUNT 4
#define POLLING_QUICK_MAX 48
#define POLLING_QUICK_POLLS 4

struct polling_options {
    int8_t poll_min; /* log2 s */
    int8_t poll_max;
    bool is_iburst; /* a burst at the start and after every return */
    bool is_burst;  /* a burst at each poll */
};

/* Requests to come that do not wait for the poll. */
struct polling_burst {
    unsigned wanted;   /* answers to go */
    unsigned left;     /* requests that may still be sent for them */
    unsigned patience; /* of them, how many while there is no answer at all */
    bool is_doubt;     /* begun to find out what a strange sample means */
    bool is_wanted;    /* by the configuration or an operator: it is not counted */
};

/* Used through the calls below only, or read. */
struct polling {
    struct polling_options options;
    struct random *random;
    bool is_running;
    struct mono deadline; /* INT64_MAX: never */
    struct mono asked;    /* since it was begun; 0: never */
    struct mono left;     /* the last request of all; 0: none */
    int8_t poll;
    int8_t floor;    /* the least poll that the source allows */
    bool is_slowed;  /* it asked for fewer requests */
    uint8_t reach;   /* a bit per request, the last one lowest: was it answered well */
    unsigned silent; /* requests in a row without an answer while none of eight was answered */
    unsigned doubts; /* strange samples in a row */
    unsigned longer; /* samples in a row that allow a longer interval, or want a shorter one */
    unsigned shorter;
    struct polling_burst burst;
    unsigned quick; /* requests that may still be quick, as of that moment */
    struct mono quick_at;
};

void polling_init(struct polling *polling, const struct polling_options *options,
                  struct random *random);
/* Begins anew, soon: at the least interval, by a burst if so configured. */
void polling_start(struct polling *polling, struct mono now);
/* Its clock is another one than before: begins anew, by a burst if one may be. */
void polling_renew(struct polling *polling, struct mono now);
void polling_stop(struct polling *polling);
/* A source that asked for fewer requests gets none of its own in a hurry. */
bool polling_may_burst(const struct polling *polling);
bool polling_is_bursting(const struct polling *polling);
int64_t polling_interval_ns(const struct polling *polling);

/* A request leaves: says when the next one is due. */
void polling_asked(struct polling *polling, struct mono now);
/* A packet leaves that need not be answered. */
void polling_sent(struct polling *polling, struct mono now);
/* The other side polls at 2^poll s: asks as often, if that is more often, within the limits. */
void polling_follow(struct polling *polling, int8_t poll, struct mono now);
/* A good answer came. */
void polling_answered(struct polling *polling, struct mono now);
/* Its sample was taken, kept aside, or showed that the source's clock moved. */
void polling_taken(struct polling *polling, struct mono now);
void polling_doubted(struct polling *polling, struct mono now);
void polling_stepped(struct polling *polling);
/* The standard deviations of the estimate now, after the interval, and after twice that. */
void polling_weigh(struct polling *polling, double sd_now, double sd_next, double sd_longer);
/* The source asks for fewer requests: from now on at least 2^poll s apart, and slower than before.
 */
void polling_slow(struct polling *polling, int8_t poll, struct mono now);
/* Asks count times, beginning now: if bursts may be, and as long as requests may be quick. */
void polling_hurry(struct polling *polling, unsigned count, struct mono now);
/* The same by an operator's word: whatever was asked before. */
void polling_burst(struct polling *polling, unsigned count, struct mono now);
#endif
