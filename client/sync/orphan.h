/* SPDX-License-Identifier: MIT */
/* orphan.h - whom to follow among peers that all lack a reference, so that they agree.
 *
 * Each of them serves its own clock at the orphan stratum with the refid of a local clock, and is
 * known by the refid of its address. Between neighbours the rule is chrony's: whoever has the
 * smallest refid is followed by all others, who serve the next stratum and its refid. It is carried
 * further here, so that those who are no neighbours of it agree as well: a follower passes on the
 * refid of the root, not of the one between; everybody follows the smallest root, by the least
 * stratum. A root that is gone goes round in a ring of followers until the strata end. Pure. */
#ifndef CLIENT_SYNC_ORPHAN_H
#define CLIENT_SYNC_ORPHAN_H
#include "ntpwire/bytes.h"

struct orphan_self {
    unsigned stratum;    /* what is configured */
    const uint32_t *own; /* refids of our own addresses, as far as known */
    size_t own_count;
};

struct orphan_peer {
    uint32_t address; /* the refid of its address */
    uint32_t refid;   /* what it says it follows */
    uint8_t stratum;
};

struct orphan_choice {
    size_t index;
    uint32_t root;
    uint8_t stratum; /* that we have then */
};

/* Whether such a stratum is that of an orphan, or of one that follows it. */
bool orphan_is_one(const struct orphan_self *self, unsigned stratum);
/* The refid of who is at the end of its chain. */
uint32_t orphan_root(const struct orphan_self *self, const struct orphan_peer *peer);
bool orphan_is_own(const struct orphan_self *self, uint32_t refid);
/* Whom to follow; false: nobody, we are the root. */
bool orphan_choose(const struct orphan_self *self, const struct orphan_peer *peers, size_t count,
                   struct orphan_choice *choice) MUST_CHECK;
#endif
