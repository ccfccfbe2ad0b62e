/* SPDX-License-Identifier: MIT */
/* combine.h - what the filters of several sources say, to one estimate.
 *
 * A source is used if what it vouches for meets the agreed interval, and if its estimate does,
 * give or take four sd: an estimate far outside bounds that hold is wrong. Those that are used
 * count by the inverse of their variance. The result lies in the agreed interval: no statistics
 * overrule a bound. Pure, no allocation. */
#ifndef CLIENT_SYNC_COMBINE_H
#define CLIENT_SYNC_COMBINE_H
#include "client/sync/filter.h"
#include "client/sync/selection.h"

struct combine_candidate {
    struct estimate estimate; /* carried to the instant of all ... */
    struct interval interval; /* ... and what the source vouches for then */
    double clock_sd_ns;       /* of the source's own clock; 0: exact */
    bool is_beside; /* it has its time from where we have ours: such count two thirds at most */
};

enum combine_verdict {
    COMBINE_USED = 0,
    COMBINE_OUTSIDE,  /* its interval does not meet the agreed one */
    COMBINE_UNLIKELY, /* its interval does, its estimate does not */
    COMBINE_VERDICTS
};

struct combine {
    size_t used;              /* 0: there is no estimate */
    struct estimate estimate; /* set if used > 0 */
    bool is_clipped; /* the mean lay outside the agreed interval, and was moved to its end */
    enum combine_verdict verdicts[SELECTION_MAX];
    double weights[SELECTION_MAX]; /* of the offset; their sum is 1 if used > 0 */
};

const char *combine_verdict_name(enum combine_verdict verdict);

/* Of count candidates (at most SELECTION_MAX), all of the same instant. No source gets more than
 * 1/(faults + 1) of the weight, so that it takes faults + 1 liars to outvote the others; where
 * fewer than that are left, all count alike. faults = 0: no limit. */
void combine_run(const struct combine_candidate *candidates, size_t count,
                 const struct interval *agreed, size_t faults, struct combine *combine);
#endif
