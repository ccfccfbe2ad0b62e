/* SPDX-License-Identifier: MIT */
/* selection.h - truechimers from falsetickers: the intersection of intervals (Marzullo, with n-f
 * coverage).
 *
 * Of n sources at most f lie. The agreed interval is the hull of the points that at least n-f of
 * the n intervals cover; so it holds the truth. A source that is silent covers nothing, and still
 * counts in n: the threshold never sinks because somebody is gone. Pure, no allocation. */
#ifndef CLIENT_SYNC_SELECTION_H
#define CLIENT_SYNC_SELECTION_H
#include "common/base/interval.h"
#include "ntpwire/bytes.h"

#define SELECTION_MAX 80

struct selection_candidate {
    int64_t offset_ns;        /* the source's best guess ... */
    struct interval interval; /* ... and what it vouches for: both of the same moment */
};

struct selection {
    size_t total;  /* n */
    size_t faults; /* f */
    /* Is there a point that n-f sources cover? What follows is only set if so. */
    bool has_agreement;
    struct interval agreed;
    bool is_split; /* the points are not all connected: the hull has a gap that fewer cover */
    /* Inside the agreed interval: the candidates' mean, weighted by the inverse of their
     * half-widths. */
    int64_t offset_ns;
    size_t truechimers;             /* candidates whose interval touches the agreed one */
    bool is_outside[SELECTION_MAX]; /* the others: falsetickers */
};

/* The most liars that a majority of n outvotes. */
size_t selection_faults_max(size_t total);

/* count candidates answered, of total sources that were asked (count <= total <= SELECTION_MAX);
 * faults must leave a majority: faults <= selection_faults_max(total). Without agreement every
 * candidate is_outside. */
void selection_run(const struct selection_candidate *candidates, size_t count, size_t total,
                   size_t faults, struct selection *selection);

/* The hull of the points that at least `needed` (1 to count) of the candidates cover; false, and
 * *hull untouched, if there is none. Where silence is no lie, and f of all sources may lie, the
 * truth is covered by all but f of those that answered. */
bool selection_hull(const struct selection_candidate *candidates, size_t count, size_t needed,
                    struct interval *hull) MUST_CHECK;
#endif
