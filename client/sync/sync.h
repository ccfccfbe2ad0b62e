/* SPDX-License-Identifier: MIT */
/* sync.h - the engine that keeps the time: asks its sources, judges them together, bounds the error
 * of what they say, and steers the clock.
 *
 * One way in: sync_handle(). The host performs the actions in order and calls again, with
 * EVENT_TIMER, at sync_deadline(). In shadow mode the clock that is steered is a line over the
 * oscillator inside the engine, and no ACTION_STEER or ACTION_KERNEL leaves it; else it is the
 * system clock, event.now.wall. Pure; not thread-safe.
 *
 * What it does when something else happens:
 * - EVENT_DISRUPTED voids all that was measured: a new epoch, a burst, no claim until the sources
 *   agree again. The clock may be stepped then as at the start.
 * - EVENT_CLOCK_SET: what was measured is of the oscillator, which nobody set. The clock is brought
 *   back at once, by a step if it is off by more than the step threshold; from the fourth time
 *   within 15 minutes on somebody else steers it too, and it is only slewed.
 * - Panic: neither an interval nor a time is vouched for until COMMAND_ACCEPT.
 * - Holdover and unbounded: answers go on with a root dispersion that grows, until that is 16 s or
 *   a local stratum takes their place; but the interval, and the kernel's word that the clock is
 *   synchronised, end with the bound.
 * - Of n sources that count at most f lie: of k that have answered, k - f must agree, and at least
 *   f + 1; at the start those that have not are waited for, for 10 s. */
#ifndef CLIENT_SYNC_SYNC_H
#define CLIENT_SYNC_SYNC_H
#include "client/sync/discipline.h"
#include "client/sync/leap.h"
#include "client/sync/source.h"

#define SYNC_SOURCES_MAX STATUS_SOURCES_MAX
#define SYNC_FAULTS_AUTO (-1)
#define SYNC_ERROR_MAX 512

/* How a leap second is met. */
enum sync_leap {
    SYNC_LEAP_KERNEL, /* announced, and inserted by the kernel (a shadow line repeats the second) */
    SYNC_LEAP_SMEAR,  /* served smeared over leap_window_ns, and not announced; the clock too */
    SYNC_LEAP_IGNORE  /* corrected afterwards like any other offset */
};

/* See sync_member.h. */
struct sync_mesh_options {
    bool is_on;
    unsigned members;      /* of the mesh, ourselves included; above 16: of the view */
    uint32_t timescale_id; /* of the mesh's own time */
    bool is_berkeley;      /* a coordinator says how our clock is off; members are only measured */
};

struct sync_options {
    const struct source_options *sources; /* copied */
    size_t source_count;                  /* at most SYNC_SOURCES_MAX */
    const struct keyring *keyring;        /* copied; NULL: none */
    bool is_shadow;
    int8_t precision;        /* log2 s, of our own clock */
    int faults;              /* f; SYNC_FAULTS_AUTO: the largest minority */
    unsigned min_sources;    /* fewer than that fit: nothing is updated (1) */
    int64_t max_distance_ns; /* of a source's interval, half-width: beyond it is not used (3 s) */
    int64_t void_after_ns;   /* without agreement for so long: unbounded (1,000 s) */
    struct bound_options bound;
    struct discipline_options discipline;
    enum sync_leap leap;
    int64_t leap_window_ns;
    struct leap_table leaps; /* count 0: no list */

    unsigned local_stratum; /* 1 to 15: what is served without a source; 0: nothing */
    bool is_orphan;         /* peers without a reference agree on one of them (local_stratum) */

    bool has_rate; /* from the state files: where the clock's rate starts, and its sd */
    double rate_ppm;
    double rate_sd_ppm;
    int64_t shadow_offset_ns; /* where the shadow line starts, relative to the system clock */
    struct sync_mesh_options mesh;
};

/* A node without sources, as RFC 5905 and the comments above would have it. */
struct sync_options sync_options_default(void);

struct sync;

/* random outlives it. NULL, and a sentence in error, if memory is short or a key is missing. */
struct sync *sync_create(const struct sync_options *options, struct random *random,
                         struct reading now, char error[SYNC_ERROR_MAX]);
void sync_destroy(struct sync *sync); /* NULL is allowed */
/* A reload: sources whose options are the same go on; the others are closed and begun. The clock,
 * its rate and is_shadow stay. False, and nothing changed, as above. */
bool sync_configure(struct sync *sync, const struct sync_options *options, struct reading now,
                    struct actions *out, char error[SYNC_ERROR_MAX]) MUST_CHECK;

/* EVENT_DATAGRAM with association 0 is looked at too: sync_wants() tells whether it is a source's.
 */
void sync_handle(struct sync *sync, const struct event *event, struct actions *out);
struct mono sync_deadline(const struct sync *sync);
bool sync_wants(const struct sync *sync, const struct datagram *datagram);
/* Closes what is open and leaves the clock at its estimated rate: the last call before the end. */
void sync_stop(struct sync *sync, struct reading now, struct actions *out);

/* What we may claim, as of the last event; sync_handle() appends an ACTION_PUBLISH when it changes,
 * and every 16 s. */
const struct sync_state *sync_claim(const struct sync *sync);
/* Our clock: what is steered. */
struct reading sync_clock(const struct sync *sync, struct reading now);
/* The interval of UTC at now, since 1970; never earlier than a previous one's earliest within the
 * same epoch. False if nothing is vouched for. */
bool sync_interval(const struct sync *sync, struct mono now, struct interval *interval) MUST_CHECK;
bool sync_estimate(const struct sync *sync, struct mono now, struct estimate *estimate) MUST_CHECK;
uint32_t sync_epoch(const struct sync *sync);

/* For those who look. index counts the associations from 0, in the order of the configuration. */
void sync_status(const struct sync *sync, struct reading now, struct status *status);
size_t sync_source_count(const struct sync *sync);
bool sync_source_status(const struct sync *sync, size_t index, struct reading now,
                        struct source_status *status) MUST_CHECK;
#endif
