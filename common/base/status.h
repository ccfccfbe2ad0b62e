/* SPDX-License-Identifier: MIT */
/* status.h - what the node knows about its clock and its sources, for those who look: the command
 * line, chronyc, logs, metrics. Values, made anew for each look.
 *
 * offset = source - us everywhere: positive means that our clock is behind. "Our clock" is the one
 * that is steered: the system clock, or the shadow clock. */
#ifndef COMMON_BASE_STATUS_H
#define COMMON_BASE_STATUS_H
#include "common/base/address.h"
#include "common/base/event.h"
#include "common/base/interval.h"
#include "common/base/sync_state.h"

#define STATUS_TEXT_MAX 256
#define STATUS_SOURCES_MAX 64

enum source_kind {
    SOURCE_SERVER,
    SOURCE_POOL, /* as configured; each address of it is a source of its own */
    SOURCE_PEER,
    SOURCE_BROADCAST_CLIENT, /* listens to a broadcast server */
    SOURCE_BROADCAST_SERVER, /* is one: sends, and learns nothing */
    SOURCE_MEMBER,           /* of our mesh: not configured as a source */
    SOURCE_KINDS
};

/* Why a source is, or is not, used; worst first. */
enum source_state {
    SOURCE_OFFLINE,        /* told not to ask */
    SOURCE_UNRESOLVED,     /* its name has no address yet */
    SOURCE_DENIED,         /* it does not want us (kiss DENY or RSTR): it is asked no more */
    SOURCE_UNREACHABLE,    /* asked, no valid answer to the last eight requests, or to any */
    SOURCE_WAITING,        /* answered, but has too few samples yet */
    SOURCE_UNSYNCHRONISED, /* says itself that it has no time */
    SOURCE_LOOP,           /* gets its time from us */
    SOURCE_DISTANT,        /* its root distance is beyond max-distance */
    SOURCE_NOSELECT,       /* configured to be watched only */
    SOURCE_EXCLUDED,       /* the mesh watches it, and leaves it out */
    SOURCE_ORPHAN,         /* an orphan that is not the one to follow */
    SOURCE_FALSETICKER,    /* what it vouches for misses what the others agree on */
    SOURCE_UNTRUSTED,      /* does not meet the sources that are trusted */
    SOURCE_UNLIKELY,       /* its interval agrees, its estimate does not */
    SOURCE_WAITS_REQUIRED, /* fit, but no source marked "require" is, or fewer than min-sources */
    SOURCE_UNPREFERRED,    /* fit, but another one is preferred */
    SOURCE_COMBINED,       /* counts */
    SOURCE_SELECTED,       /* counts most: its stratum and refid are passed on */
    SOURCE_STATES
};

struct source_status {
    char name[EVENT_NAME_MAX]; /* as configured: "[source NAME]" */
    char host[EVENT_NAME_MAX]; /* what was resolved */
    uint32_t association;
    enum source_kind kind;
    struct address remote; /* family NONE: unresolved */
    struct address local;  /* the address it was asked from, if known */
    enum source_state state;
    char reason[STATUS_TEXT_MAX]; /* a sentence: what was found, the limit, what to do */
    bool is_prefer, is_noselect, is_trust, is_require;

    /* Asking. */
    bool is_online;
    bool is_bursting;
    int8_t poll; /* log2 s */
    uint8_t reach;
    struct mono asked;    /* 0: never */
    struct mono answered; /* the last good sample; 0: never */
    uint32_t key_id;      /* 0: no authentication */

    /* The last good answer, as it came. */
    bool has_sample;
    uint8_t leap, version, mode, stratum;
    int8_t source_poll, precision;
    uint32_t refid;
    struct wall reference;
    int64_t root_delay_ns;
    int64_t root_dispersion_ns;
    int64_t sample_offset_ns; /* to our clock then */
    int64_t sample_delay_ns;
    int64_t sample_bound_ns;
    int64_t response_ns; /* the source's own time in it */
    enum stamp_origin sent_stamp;
    enum stamp_origin received_stamp;
    bool is_interleaved;
    bool is_authenticated;
    uint16_t
        tests; /* bit n: test n of chronyc's ntpdata passed, from the left: 0x200 is the first */

    /* The filter. */
    bool has_estimate;
    size_t samples;   /* in use */
    int64_t span_ns;  /* from the oldest to the newest of them */
    double offset_ns; /* of the estimate, to our clock now */
    double offset_sd_ns;
    double rate_ppm; /* the source's gain on our clock as it is steered by rate, not slew */
    double rate_sd_ppm;
    double jitter_ns; /* sd of the samples about the estimate */

    /* What it vouches for. */
    bool has_interval;
    struct interval interval; /* of its offset to our clock now */
    int64_t distance_ns;      /* root distance now */
    double weight;            /* in the combination: 0 to 1 */

    /* Counts since the association began. */
    uint64_t sent, received, valid, good;
    uint64_t stamps_sent[3], stamps_received[3]; /* by enum stamp_origin */
    uint64_t kisses, naks, refused, steps;
};

enum sync_condition {
    SYNC_STARTING,     /* no agreement of sources yet */
    SYNC_SYNCHRONISED, /* the sources agree, and are asked as they should be */
    SYNC_HOLDOVER,     /* no agreement, or no answers, for eight polls: the interval grows */
    SYNC_UNBOUNDED,    /* for longer than the configured time: no error is vouched for */
    SYNC_PANIC,        /* the sources are too far off to be believed: not steered */
    SYNC_LOCAL,        /* no source is configured: the local clock is served, or nothing */
    SYNC_ORPHAN,       /* no reference: the peers agree among themselves */
    SYNC_MESH,         /* no UTC: the members of the mesh agree on a time of its own */
    SYNC_CONDITIONS
};

struct status {
    struct reading now; /* by the steered clock: wall is what that shows */
    bool is_shadow;     /* the kernel's clock is left alone */
    enum sync_condition condition;
    char reason[STATUS_TEXT_MAX];
    struct sync_state state;       /* what the answers claim */
    char selected[EVENT_NAME_MAX]; /* name of the source that counts most; may be empty */

    /* The interval: what correctness may rest on. Of UTC now, since 1970. */
    bool has_interval;
    struct interval interval;
    uint32_t epoch; /* grows when an interval was void or proved wrong */
    char epoch_reason[STATUS_TEXT_MAX];
    const char *drift_class; /* constant */
    double drift_ppm;        /* at which the interval grows now */
    size_t sources;          /* that count in n */
    size_t faults;           /* f, the liars that are tolerated */
    size_t agreeing;         /* sources whose interval meets the agreed one */
    size_t needed;           /* n - f */

    /* The estimate: the best guess. */
    bool has_estimate;
    double offset_ns; /* estimate - our clock now: what is left to correct */
    double offset_sd_ns;
    double rate_ppm; /* UTC's gain on the oscillator */
    double rate_sd_ppm;
    double residual_ppm;     /* of the last update's rate beyond what was believed before */
    int64_t last_offset_ns;  /* what the last update found */
    double rms_offset_ns;    /* of those, a running mean */
    struct mono last_update; /* 0: never */
    int64_t update_interval_ns;

    /* The clock. */
    double frequency_ppm; /* its gain on the oscillator now, slew included */
    uint32_t steps;
    int64_t last_step_ns;
    struct wall last_step;
    uint8_t leap;     /* enum packet_leap: what comes at the end of the day, LEAP_NONE if unknown */
    int tai_offset_s; /* 0: unknown */
    int64_t smear_ns; /* served - UTC, within a smear */
    bool is_steering; /* false: reason says why */

    uint32_t online, offline, bursting_online, bursting_offline, unresolved; /* sources */
};

const char *source_kind_name(enum source_kind kind);
const char *source_state_name(enum source_state state); /* "falseticker" */
const char *sync_condition_name(enum sync_condition condition);
#endif
