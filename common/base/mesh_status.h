/* SPDX-License-Identifier: MIT */
/* mesh_status.h - what a node shows of its mesh: values, for the answers to an operator. Names are
 * constant strings. */
#ifndef COMMON_BASE_MESH_STATUS_H
#define COMMON_BASE_MESH_STATUS_H
#include "common/base/address.h"
#include "common/base/event.h"
#include "common/base/hlc.h"
#include "common/base/member.h"

#define MESH_STATUS_MEMBERS_MAX 256
#define MESH_STATUS_DOMAIN_MAX 32
#define MESH_STATUS_MATRIX_MAX 17 /* a view, and ourselves */
#define MESH_STATUS_COUNTS_MAX 32
#define MESH_STATUS_NEVER INT64_MIN /* of an age */
#define MESH_STATUS_NOBODY UINT32_MAX

/* A clock less another, give or take. */
struct mesh_status_pair {
    bool is_known;
    bool is_measured; /* by one of the two; else it is put together through a third */
    int64_t offset_ns;
    int64_t error_ns;
};

struct mesh_status_member {
    uint64_t id;
    char name[EVENT_NAME_MAX]; /* as configured, or its id */
    char domain[MESH_STATUS_DOMAIN_MAX];
    struct address address; /* family NONE: by its name, or unknown */
    bool is_asked;          /* it is in the view ... */
    const char *slot;       /* ... and why: "near", "anchor", "random"; NULL: it is not asked */
    bool is_certified;
    bool is_revoked;
    bool has_expired; /* its certificate: it is no member any more */
    bool has_left;
    bool has_session;
    uint16_t key_epoch; /* the highest seen */
    uint32_t incarnation;

    bool is_known;     /* we talk to it: what follows is set */
    const char *state; /* of the verdict: "truechimer" */
    const char *cause; /* NULL: none */
    int64_t state_age_ns;
    uint32_t evidence; /* number of a proof; 0: none */
    int64_t heard_age_ns;
    uint64_t accepted; /* packets with its time, and those dropped */
    uint64_t dropped;

    int64_t report_age_ns; /* MESH_STATUS_NEVER: there is none, and what follows is not set */
    uint32_t membership_epoch;
    bool is_other_membership; /* it counts by another document: shown, not counted */
    enum timescale timescale;
    uint8_t hops; /* to UTC; 255: no way */
    uint16_t disruptions;
    bool is_bounded;
    int64_t before_ns; /* of its interval, when the report was made */
    int64_t after_ns;

    uint32_t place;                /* in the matrix; MESH_STATUS_NOBODY */
    int64_t surplus_ns;            /* see below; 0: no triangle exceeds its error bars */
    unsigned loops;                /* triangles that tell of its path's asymmetry; 0: none */
    double asymmetry_ns;           /* that they tell */
    double asymmetry_sd_ns;        /* of the same */
    double corrected_ns;           /* what of it is taken from its offset; 0: nothing */
    bool is_two_faced;             /* no f others can have made up what it shows to whom */
    bool is_suspected;             /* of the same: others could have */
    struct member_measure measure; /* by ourselves */
};

struct mesh_status {
    struct reading now;
    uint64_t id;
    uint16_t key_epoch;
    uint32_t incarnation;
    uint32_t membership_epoch;
    uint32_t timescale_id;
    bool is_lost; /* the state is missing: it does not speak */
    bool is_berkeley;
    struct own_claim own;
    unsigned nodes;  /* n, and ... */
    unsigned faults; /* ... f, less those that are convicted */
    unsigned lost;   /* excluded, convicted or unreachable */
    unsigned left;   /* so many more may be */
    bool is_degraded;
    unsigned asked;        /* the view */
    unsigned choices;      /* whom it is drawn from */
    const char *hlc_state; /* "running", "doubtful", "not started" */
    bool has_hlc;
    struct hlc_bound hlc; /* the last stamp that was given */
    int64_t max_offset_ns;

    size_t count;
    struct mesh_status_member members[MESH_STATUS_MEMBERS_MAX];
    /* The column's clock less the row's, from what both said of it (common/mesh/graph.h). 0 is
     * ourselves. Where three go round and do not come back to where they began, by more than their
     * error bars, that is the loop's surplus. */
    bool is_impossible; /* some of what was said is false: it contradicts itself along a loop */
    size_t matrix_count;
    struct mesh_status_pair matrix[MESH_STATUS_MATRIX_MAX][MESH_STATUS_MATRIX_MAX];

    size_t verdict_count; /* what became of packets */
    struct {
        const char *name;
        uint64_t count;
    } verdicts[MESH_STATUS_COUNTS_MAX];
    uint64_t gate_count[16]; /* by enum gate_verdict, of all workers; filled in by the host */
    uint64_t intake_dropped; /* the same */
};
#endif
