/* SPDX-License-Identifier: MIT */
/* member.h - what the sync engine and the mesh tell each other of a member of the mesh. Values. */
#ifndef COMMON_BASE_MEMBER_H
#define COMMON_BASE_MEMBER_H
#include "common/base/instant.h"
#include "common/base/interval.h"

/* Which time an interval or a clock is of. Numbered as REPORT's octet 90 is. */
enum timescale { TIMESCALE_UTC = 0, TIMESCALE_MESH = 1 };

/* What a member's verified report says of its clock, carried to the instant at which the answer
 * left it (T3). */
struct member_claim {
    enum timescale timescale; /* of its clock */
    uint32_t timescale_id;    /* of the mesh's own time; 0 for UTC */
    uint16_t key_epoch;       /* of its key */
    uint32_t incarnation;     /* of its process, in that epoch */
    uint16_t disruptions;     /* of its clock, in that incarnation */
    uint8_t hops;             /* to UTC; 255: no way */
    bool is_bounded;          /* else it vouches for nothing, and what follows is 0 */
    int64_t before_ns;        /* the time is not before its clock less this ... */
    int64_t after_ns;         /* ... and not after its clock and this; never negative together */
};

/* What the mesh thinks of a member, as far as the estimate goes. All members count in n but those
 * that are convicted; then n and f are one less for each. */
enum member_weight {
    MEMBER_COUNTS,   /* a truechimer */
    MEMBER_AT_FIRST, /* counts while no member is a truechimer */
    MEMBER_WATCHED,  /* measured and shown; counts in n, not in the estimate */
    MEMBER_CONVICTED
};

struct member_verdict {
    uint64_t id;
    enum member_weight weight;
    bool is_only_silent; /* watched for its silence, and for nothing that it said */
    double asymmetry_ns; /* to be taken from what is measured of its offset; of the estimate only */
};

/* A round of the judgement of one member: does what it vouches for meet what the others agree on,
 * our own aged interval among them? */
enum member_trial {
    TRIAL_NONE, /* the others don't agree, its path just changed, or it said nothing new */
    TRIAL_HIT,
    TRIAL_MISS
};

/* What was measured of a member. Offsets are its clock less ours, as we serve it. */
struct member_measure {
    bool has_estimate;
    double offset_ns;
    double offset_sd_ns;
    double rate_ppm;          /* of its clock on ours */
    int64_t delay_ns;         /* the least round trip of late */
    struct mono sampled;      /* the last good answer; 0: never */
    struct interval interval; /* that its clock certainly lies in, by the round trips alone */
    bool has_interval;
    bool is_silent; /* it did not answer the last eight requests, or any */
};

/* What we say of our own clock, as we serve it, to other members. */
struct own_claim {
    enum timescale timescale;
    bool is_bounded; /* synchronised or in holdover, or the mesh's time is held */
    bool is_synchronised;
    bool is_holdover;
    bool has_utc; /* by a source of our own that is no member */
    uint8_t hops;
    uint8_t leap;         /* enum packet_leap */
    int16_t tai_offset_s; /* 0: unknown */
    struct wall clock;    /* what we serve, at the instant that was asked for */
    int64_t before_ns;
    int64_t after_ns;
    double drift_ppm;     /* at which the interval grows now ... */
    double drift_max_ppm; /* ... and at most */
    uint32_t epoch;       /* of the interval: how often it was void or broken */
};
#endif
