/* SPDX-License-Identifier: MIT */
/* hlc.h - a hybrid logical clock (Kulkarni and others, 2014): stamps that respect causality, never
 * go back, and stay near to UTC.
 *
 * A stamp is one 64-bit number: the upper 48 bits of an NTP timestamp, then a 16-bit counter. The
 * time is rounded up to a granule of 2^-16 s, so that a stamp is never before the clock it was made
 * from. Stamps are compared serially, across an era's end (2036), while they lie within 68 years of
 * each other. A full counter carries into the time, which is right because only the order matters.
 *
 * No stamp may be given beyond a bound that lies on stable storage: this module says what must be
 * saved, its caller saves it, and a restart goes on behind it. A stamp bounds nothing: a peer with
 * a later clock may have pushed it, so derive neither earliest nor latest from one.
 *
 * hlc_send, hlc_receive, hlc_last and hlc_count may be called by any thread, and are lock-free
 * where a 64-bit compare-and-swap is; the other calls that take a struct hlc belong to one thread.
 */
#ifndef COMMON_BASE_HLC_H
#define COMMON_BASE_HLC_H
#include "common/base/instant.h"
#include "ntpwire/bytes.h"
#include <stdatomic.h>

#define HLC_GRANULES_PER_S 65536
#define HLC_COUNTS_PER_GRANULE 65536
/* How far ahead of the last stamp the bound is set; when less than half of that is left, the next
 * save is due. */
#define HLC_BOUND_AHEAD_NS NS_PER_S
/* One figure for a mesh: how far a message may lie ahead of its reader's latest. */
#define HLC_MAX_OFFSET_DEFAULT_NS (250 * NS_PER_MS)
#define HLC_MAX_OFFSET_NS_MAX (3600 * NS_PER_S)

struct hlc_stamp {
    uint64_t bits; /* as on the wire; any value can be a stamp */
};

/* A stamp with the era that the wire leaves out (era 0 began in 1900), to be saved and logged. */
struct hlc_bound {
    int32_t era;
    struct hlc_stamp stamp;
};

/* What a caller knows of the time: a reading of both clocks, and the end of the interval that holds
 * UTC at it. */
struct hlc_now {
    struct reading reading;
    struct wall latest;
};

enum hlc_verdict {
    HLC_OK = 0,
    /* A stamp was given, but it lies more than max_offset ahead of our clock, or no clock was ever
     * confirmed. Its order holds; its time means little, and should not be claimed to others. */
    HLC_STALLED,
    HLC_AHEAD,          /* the message lies too far in the future, and was not merged */
    HLC_UNSYNCHRONISED, /* we can't judge a message, and did not merge it */
    HLC_WAITING,        /* restarted a moment ago: our clock reaches the old bound within seconds */
    HLC_UNSAVED,        /* the stamp would pass the bound: save first */
    HLC_UNSTARTED,      /* nothing was saved, and no clock is confirmed */
    HLC_VERDICTS
};

struct hlc { /* used through the calls below only */
    /* Distances from the origin in units of a stamp's last bit. Inside, no comparison wraps: the
     * origin is an absolute instant, and 68 years from it the values saturate. */
    _Atomic int64_t last;    /* the last stamp given */
    _Atomic int64_t seen;    /* the greatest message merged */
    _Atomic int64_t bound;   /* what is known to be durable */
    _Atomic int64_t line_ns; /* wall minus mono, as last confirmed */
    atomic_bool is_started;
    atomic_bool has_line;
    atomic_bool is_synchronised;
    _Atomic uint64_t counts[HLC_VERDICTS];
    int64_t origin_granules; /* since 1900 */
    int64_t resumed;         /* where a restart begins; INT64_MIN when there was nothing saved */
    int64_t saving;          /* the bound that is under way; INT64_MIN if none is */
    int64_t max_offset_ns;
    int64_t ahead_ns; /* HLC_BOUND_AHEAD_NS, or what hlc_set_ahead() said */
};

/* saved is the bound read from storage, or NULL at the first start ever. Returns false, and leaves
 * *hlc alone, when its era can't be one of ours (1677 to 2262): the file is damaged. max_offset_ns
 * is 0 to HLC_MAX_OFFSET_NS_MAX. */
MUST_CHECK bool hlc_init(struct hlc *hlc, const struct hlc_bound *saved, int64_t max_offset_ns);

/* Another distance of the bound, positive: who gives few stamps saves more rarely, and waits longer
 * after a restart. Right after hlc_init(), and the same in all runs. */
void hlc_set_ahead(struct hlc *hlc, int64_t ahead_ns);

/* The wall clock of this reading is borne out (by the quorum, if there is one). Call it after every
 * such update and while slewing: a clock that runs more than max_offset ahead of the line last
 * confirmed (a step, a suspend) enters no stamp until this is called again. */
void hlc_confirm(struct hlc *hlc, struct reading reading);
/* The quorum is lost: messages are not merged until the next hlc_confirm; stamps follow the line.
 */
void hlc_doubt(struct hlc *hlc);

/* Stamps an event of our own, such as the sending of a message. *stamp is set only when HLC_OK or
 * HLC_STALLED is returned. */
MUST_CHECK enum hlc_verdict hlc_send(struct hlc *hlc, const struct hlc_now *now,
                                     struct hlc_stamp *stamp);
/* Stamps the receipt of a message. With HLC_AHEAD and HLC_UNSYNCHRONISED nothing has changed; with
 * HLC_WAITING and HLC_UNSAVED no stamp is given, but those that follow will be behind the message.
 */
MUST_CHECK enum hlc_verdict hlc_receive(struct hlc *hlc, const struct hlc_now *now,
                                        struct hlc_stamp message, struct hlc_stamp *stamp);

/* Returns true when a new bound must be saved (with fsync), and none is under way. Ask after each
 * HLC_UNSAVED, and at least every quarter of the bound's distance. Then call hlc_saved with the
 * outcome: only a durable bound allows stamps up to it. After a failure the next call asks again.
 */
MUST_CHECK bool hlc_save_due(struct hlc *hlc, const struct hlc_now *now, struct hlc_bound *bound);
void hlc_saved(struct hlc *hlc, bool is_durable);

/* The last stamp given, or where a restart begins. Returns false when there is neither. */
MUST_CHECK bool hlc_last(struct hlc *hlc, struct hlc_bound *last);
/* How often a call ended so; HLC_OK is not counted. */
uint64_t hlc_count(struct hlc *hlc, enum hlc_verdict verdict);
const char *hlc_verdict_name(enum hlc_verdict verdict);

/* Granules of 2^-16 s from 1900 to the instant, rounded up. */
int64_t hlc_granules(struct wall wall);
/* The granules from 1900 to the stamp, read in the era that brings it nearest to pivot. */
int64_t hlc_unfold(struct hlc_stamp stamp, struct wall pivot);
/* count is below HLC_COUNTS_PER_GRANULE; the era is left out. */
struct hlc_stamp hlc_stamp_make(int64_t granules, uint32_t count);

/* Whether a lies after b, within 68 years. */
static inline bool hlc_is_after(struct hlc_stamp a, struct hlc_stamp b)
{
    uint64_t ahead = a.bits - b.bits;
    return ahead != 0 && ahead >> 63 == 0;
}

/* Whether a stamp lies beyond latest + max_offset. With the sender's own signed latest, anybody can
 * check so that it broke the rule; with ours it only tells that we must not merge it. */
bool hlc_is_ahead(struct hlc_stamp stamp, struct wall latest, int64_t max_offset_ns);
#endif
