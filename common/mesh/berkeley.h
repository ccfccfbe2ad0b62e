/* SPDX-License-Identifier: MIT */
/* berkeley.h - one member says how the clocks of all are off (Gusella and Zatti's algorithm): its
 * election, its rounds, and what it tells.
 *
 * The coordinator is the member of the smallest id of those that are heard and not excluded, once
 * more than half of all members, itself among them, name it; else there is none. Each member says
 * in every interval whom it names (ELECT). A term counts the elections: what is of an older one is
 * refused, so that a coordinator that was away does not go on. One that is not heard for
 * BERKELEY_PATIENCE intervals is named no more. In each interval the coordinator takes the offsets
 * of all, its own 0 among them; the largest group within gamma of each other is averaged, and each
 * member is told how far it is from that (DIFFERENCE), those beyond gamma too. Everybody trusts it:
 * it may lie, which nothing here prevents.
 *
 * Messages must come as often as an interval: members are to be asked so often. A coordinator that
 * has UTC is an anchor: the others go to its clock, not to the mean. Pure; not thread-safe. */
#ifndef COMMON_MESH_BERKELEY_H
#define COMMON_MESH_BERKELEY_H
#include "common/base/instant.h"
#include "ntpwire/bytes.h"

#define BERKELEY_MEMBERS_MAX 64
#define BERKELEY_PATIENCE 4 /* intervals */
#define BERKELEY_ELECT_SIZE 16
#define BERKELEY_DIFFERENCE_SIZE 40

enum berkeley_verdict {
    BERKELEY_OK = 0,
    BERKELEY_SIZE,      /* the body has another size than its kind */
    BERKELEY_RESERVED,  /* octets that are to be zero are not */
    BERKELEY_TERM,      /* 0, or one that no mesh lives to see */
    BERKELEY_STALE,     /* of an older term, or a round that was here */
    BERKELEY_SMALLER,   /* a smaller id is heard, and was not asked */
    BERKELEY_STRANGER,  /* its author is not the coordinator */
    BERKELEY_RECIPIENT, /* it is for another member */
    BERKELEY_OLD,       /* it is about a clock that was read too long ago, or will be */
    BERKELEY_UNKNOWN,   /* its author is no member that counts */
    BERKELEY_VERDICTS
};

/* "stale". */
const char *berkeley_verdict_name(enum berkeley_verdict verdict);

/* Body of ELECT: 0 term (4), 4 coordinator's id (8), 0 for nobody; 12 how many members its author
 * hears, itself included (2); 14 zeros (2). */
struct berkeley_elect {
    uint32_t term;
    uint64_t coordinator;
    uint16_t heard;
};

/* Body of DIFFERENCE: 0 term (4), 4 round (4), 8 recipient's id (8), 16 what the recipient's clock
 * read, signed nanoseconds since 1970 (8), 24 how far it was behind then, signed ns (8), 32 the
 * standard deviation of that in ns (4), 36 how many were averaged (2), 38 zeros (2). */
struct berkeley_difference {
    uint32_t term;
    uint32_t round;
    uint64_t recipient;
    struct wall clock;
    int64_t offset_ns;
    uint32_t sd_ns; /* UINT32_MAX: that or more */
    uint16_t averaged;
};

void berkeley_elect_write(const struct berkeley_elect *elect, uint8_t out[BERKELEY_ELECT_SIZE]);
enum berkeley_verdict berkeley_elect_read(struct bytes body,
                                          struct berkeley_elect *elect) MUST_CHECK;
void berkeley_difference_write(const struct berkeley_difference *difference,
                               uint8_t out[BERKELEY_DIFFERENCE_SIZE]);
enum berkeley_verdict berkeley_difference_read(struct bytes body,
                                               struct berkeley_difference *difference) MUST_CHECK;

struct berkeley_options {
    uint64_t id;         /* ours */
    unsigned members;    /* of the mesh, ourselves included */
    int64_t interval_ns; /* 5 s */
    int64_t gamma_ns;    /* 50 ms */
};

/* Whom another member named last. Used through the calls below only. */
struct berkeley_vote {
    uint64_t id;
    struct mono at;
    uint32_t term;
    uint64_t coordinator;
    bool is_excluded;
};

/* Used through the calls below only. */
struct berkeley {
    struct berkeley_options options;
    uint32_t term;        /* 0: none yet */
    uint32_t highest;     /* term that anybody named */
    uint64_t coordinator; /* whom we name; 0: nobody */
    struct mono heard;    /* when the coordinator was, if it is another */
    struct mono deadline;
    struct mono stands_from; /* others are listened to first */
    uint32_t round;          /* told last, or taken */
    size_t vote_count;
    struct berkeley_vote votes[BERKELEY_MEMBERS_MAX];
};

void berkeley_init(struct berkeley *berkeley, const struct berkeley_options *options,
                   struct mono now);
/* The mesh excludes that member, or does no more: it is neither elected nor counted. */
void berkeley_exclude(struct berkeley *berkeley, uint64_t id, bool is_excluded);
/* When berkeley_look() is due: every interval. */
struct mono berkeley_deadline(const struct berkeley *berkeley);
/* Elects; *elect is to be sent to all members. */
void berkeley_look(struct berkeley *berkeley, struct mono now, struct berkeley_elect *elect);
/* Do we coordinate, with a majority behind us? */
bool berkeley_is_coordinator(const struct berkeley *berkeley, struct mono now);
/* Whom we name; 0: nobody. */
uint64_t berkeley_coordinator(const struct berkeley *berkeley);

/* author is a member, and the message its own. */
enum berkeley_verdict berkeley_take_elect(struct berkeley *berkeley, uint64_t author,
                                          const struct berkeley_elect *elect, struct mono now);
/* With BERKELEY_OK *at is when our oscillator was where the difference is about; clock is ours now,
 * as we serve it. */
enum berkeley_verdict berkeley_take_difference(struct berkeley *berkeley, uint64_t author,
                                               const struct berkeley_difference *difference,
                                               struct reading clock, struct mono *at) MUST_CHECK;

/* What is measured of a member now: its clock less ours. */
struct berkeley_offset {
    uint64_t id;
    double offset_ns;
    double sd_ns;
};

/* A round, if we coordinate: what each of count members and, last, we ourselves are to be told;
 * clock is ours now, as we serve it. Those that are excluded are not averaged. is_anchored: we have
 * UTC. Returns how many differences there are in out: count + 1, or 0. */
size_t berkeley_round(struct berkeley *berkeley, const struct berkeley_offset *offsets,
                      size_t count, bool is_anchored, struct reading clock,
                      struct berkeley_difference out[BERKELEY_MEMBERS_MAX + 1]);
#endif
