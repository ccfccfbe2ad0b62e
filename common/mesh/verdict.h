/* SPDX-License-Identifier: MIT */
/* verdict.h - what we think of a member of the mesh, step by step, and why.
 *
 * A verdict weighs a member in the estimate, and does nothing else: every member stays in n, and
 * its interval counts from its first verified report. Only a conviction lowers n and f. What moves
 * a verdict:
 *
 *   new          8 rounds -> candidate; 5 misses of the last 8 -> excluded
 *   candidate    6 hits of the last 8, and 180 s -> truechimer; 5 misses of the last 8 -> excluded
 *   truechimer   2 misses of 4, or accused, or 4 polls unanswered -> suspect
 *   suspect      6 hits of 8 -> truechimer; 5 misses of the last 8 -> excluded
 *   excluded     after a cool-down of 300 s * 2^k, at most a day: a hit -> probation
 *   probation    24 hits in a row -> truechimer; a miss -> excluded
 *   any          its interval is proved wrong -> excluded; proved to say two things -> convicted
 *   convicted    an operator's word -> new
 *
 * The last 8 rounds are those before the last change too, "of 4" and "of 8" those since; so a liar
 * is excluded by its fifth miss, or its first on probation, whatever it was before. k is 0 at the
 * first exclusion, one more at each further one, and one less for each day as a truechimer. A
 * member that leaves more than 8 polls unanswered is shown as unreachable, and keeps its verdict
 * underneath. Pure, one struct for each member. */
#ifndef COMMON_MESH_VERDICT_H
#define COMMON_MESH_VERDICT_H
#include "common/base/instant.h"
#include "common/base/member.h"
#include <stddef.h>

#define VERDICT_WINDOW 8          /* rounds that are remembered */
#define VERDICT_MISSES_EXCLUDE 5  /* of them */
#define VERDICT_HITS_TRUST 6      /* of them */
#define VERDICT_WINDOW_TRUSTED 4  /* rounds in which a truechimer may miss ... */
#define VERDICT_MISSES_SUSPECT 2  /* ... less often than this */
#define VERDICT_HITS_PROBATION 24 /* in a row */
#define VERDICT_UNANSWERED_SUSPECT 4
#define VERDICT_UNANSWERED_MAX 8
#define VERDICT_DISRUPTIONS_MAX 4 /* in an hour; each further one makes its round a miss */
#define VERDICT_CANDIDATE_NS (180 * NS_PER_S)
#define VERDICT_COOL_DOWN_NS (300 * NS_PER_S)
#define VERDICT_COOL_DOWN_NS_MAX (86400 * NS_PER_S)
#define VERDICT_DECAY_NS (86400 * NS_PER_S)
#define VERDICT_DISRUPTIONS_NS (3600 * NS_PER_S)

/* Numbered as in octet 15 of a report's entries. */
enum verdict_state {
    VERDICT_NEW = 0,
    VERDICT_CANDIDATE = 1,
    VERDICT_TRUECHIMER = 2,
    VERDICT_SUSPECT = 3,
    VERDICT_EXCLUDED = 4,
    VERDICT_PROBATION = 5,
    VERDICT_CONVICTED = 6,
    VERDICT_UNREACHABLE = 7,
    VERDICT_STATES
};

/* Such as "truechimer"; a constant string. */
const char *verdict_state_name(enum verdict_state state);

struct verdict { /* changed through the calls below only */
    enum verdict_state underneath;
    bool is_silent;
    bool is_missed; /* a suspect for its silence alone */
    bool is_changed;
    uint8_t trials;     /* a bit for each of the last rounds, the newest lowest: 1 is a hit */
    uint8_t rounds;     /* of them that took place */
    uint8_t rounds_now; /* of them since the last change */
    uint8_t hits;       /* in a row, on probation */
    uint8_t exclusions; /* k + 1 */
    uint8_t asked;      /* polls since the last answer, this one too */
    uint8_t disrupted;  /* entries of disruptions */
    uint32_t evidence;
    const char *cause;
    struct mono entered;                              /* the state underneath */
    struct mono since;                                /* what verdict_state() says */
    struct mono cooled;                               /* when the cool-down ends */
    struct mono decayed;                              /* when k last became less */
    struct mono disruptions[VERDICT_DISRUPTIONS_MAX]; /* the newest first */
};

/* One judgement of one member; evidence is a number of the caller's, 0 for none. */
struct verdict_round {
    enum member_trial trial;
    bool is_verified;     /* its report; without that nothing happens */
    bool is_accused;      /* by f + 1 members, signed, as things stand: a miss, whatever we saw */
    uint16_t disruptions; /* since the last round; a new incarnation is one too */
    uint32_t evidence;
};

void verdict_init(struct verdict *verdict, struct mono now);

/* TRIAL_NONE, without an accusation, changes nothing. */
void verdict_round(struct verdict *verdict, struct mono now, const struct verdict_round *round);
/* A request has gone out to it, or a good answer has come. */
void verdict_asked(struct verdict *verdict, struct mono now);
void verdict_answered(struct verdict *verdict, struct mono now);
/* An interval that it signed was wrong, which may be its upstream's lie: excluded for a while. If
 * it is already, the cool-down begins again. cause is a constant string. */
void verdict_exclude(struct verdict *verdict, struct mono now, const char *cause,
                     uint32_t evidence);
/* It signed two different reports as one: not to be believed any more. */
void verdict_convict(struct verdict *verdict, struct mono now, uint32_t evidence);
/* By an operator's word: nothing of before counts. The member's own word for a new key epoch is
 * none. */
void verdict_readmit(struct verdict *verdict, struct mono now);

enum verdict_state verdict_state(const struct verdict *verdict);
enum member_weight verdict_weight(const struct verdict *verdict);
/* Is it watched for its silence, and for nothing that it said? */
bool verdict_is_only_silent(const struct verdict *verdict);
/* Returns true once after each change, so that it can be logged; cause and evidence tell of it. */
bool verdict_take_change(struct verdict *verdict);

/* How many members are in which state. */
struct verdict_tally {
    unsigned states[VERDICT_STATES];
};

void verdict_count(struct verdict_tally *tally, const struct verdict *verdict);

/* What the fault budget still is. */
struct verdict_budget {
    unsigned members; /* n, less those that are convicted */
    unsigned faults;  /* f, less those that are convicted */
    unsigned lost;    /* excluded, convicted or unreachable */
    unsigned left;    /* so many more may be lost: of the whole f, as lost counts convicted ones */
    bool is_spent;    /* more are lost than f: an alarm, and an interval that only ages */
};

struct verdict_budget verdict_budget(const struct verdict_tally *tally, unsigned members,
                                     unsigned faults);
#endif
