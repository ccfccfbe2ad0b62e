/* SPDX-License-Identifier: MIT */
/* source.h - one upstream: when to ask it, what of its answers to believe, and what follows for its
 * time. An association in RFC 5905's sense: a client's with a server (mode 3 to 4), a symmetric one
 * with a peer (1 to 1, or 2 if it only answers), a broadcast client's (5), or a broadcast server's.
 * A member of a mesh is asked like a server.
 *
 * It judges its source by itself only; what several of them say together is sync.h's. Nothing that
 * is not authentic changes an association that has a key; nothing that does not return our origin
 * changes any (but a symmetric peer's or broadcaster's own timestamps, which it needs). Pure; not
 * thread-safe. */
#ifndef CLIENT_SYNC_SOURCE_H
#define CLIENT_SYNC_SOURCE_H
#include "client/sync/bound.h"
#include "client/sync/exchange.h"
#include "client/sync/filter.h"
#include "common/base/action.h"
#include "common/base/status.h"

#define SOURCE_POLL_MIN (-3) /* log2 s: 1/8 s ... */
#define SOURCE_POLL_MAX 17   /* ... to 2^17 s */

struct source_options {
    char name[EVENT_NAME_MAX];  /* of its [source] section */
    char host[ACTION_HOST_MAX]; /* name or address */
    uint16_t port;              /* 123 */
    uint8_t family;             /* ADDRESS_NONE: both */
    enum source_kind kind;
    unsigned pool_size; /* SOURCE_POOL: addresses in use at once (4) */
    int8_t poll_min;    /* log2 s (6) */
    int8_t poll_max;    /* (10) */
    bool is_iburst;     /* four requests 2 s apart at the start, two after every return (true) */
    bool is_burst;      /* the same at each poll */
    bool is_interleaved;
    uint8_t version; /* 1 to 4 (4) */
    uint32_t key_id; /* 0: none */
    bool is_prefer, is_noselect, is_trust, is_require, is_offline;
    int64_t offset_ns;      /* added to what the source says: a known asymmetry of its path */
    int64_t max_delay_ns;   /* a sample with a longer delay is not used (3 s) */
    double max_delay_ratio; /* nor one beyond the least delay seen times this; 0: no limit */
    unsigned min_samples;   /* before it may be selected; at least 1 */
    struct address local;   /* to bind to; family NONE: the kernel chooses */
    struct address group;   /* SOURCE_BROADCAST_CLIENT: multicast group to join; NONE: none */
    char device[ACTION_DEVICE_MAX];
    uint8_t dscp;
    enum filter_kind filter;
    uint64_t member; /* SOURCE_MEMBER: its node id; 0 for others */
};

/* A server with the defaults above. */
struct source_options source_options_default(void);

/* What all sources of a node share; outlives them. */
struct source_common {
    struct random *random;
    const struct keyring *keyring; /* NULL: no keys; copied by those that need one */
    int8_t precision;              /* log2 s, of our own clock */
    struct bound_options bound;
};

/* What an event did to a source. */
enum source_news {
    SOURCE_NOTHING = 0,
    SOURCE_CHANGED, /* its state: others may have to take its place */
    SOURCE_SAMPLED, /* a new sample went into filter and bound */
    SOURCE_DOUBTED, /* a sample was kept aside; it asks again soon */
    SOURCE_STEPPED  /* the source's clock moved: its estimate began anew */
};

struct source;

/* remote's family is NONE while the name is not resolved. association is its number in events and
 * actions. NULL, and a sentence in error, if memory is short or there is no such key. */
struct source *source_create(const struct source_options *options,
                             const struct source_common *common, uint32_t association,
                             struct mono now, char error[STATUS_TEXT_MAX]);
void source_destroy(struct source *source); /* NULL is allowed */

const struct source_options *source_options_of(const struct source *source);
uint32_t source_association(const struct source *source);
const struct address *source_remote(const struct source *source);

/* Opens its socket towards remote and begins anew; from then on it asks. The caller resolves. */
void source_connect(struct source *source, const struct address *remote, struct mono now,
                    struct actions *out);
/* Closes its socket. */
void source_disconnect(struct source *source, struct actions *out);

/* When source_poll() is due; INT64_MAX if never (offline, denied, unresolved). */
struct mono source_deadline(const struct source *source);
/* Asks, or sends what a peer or broadcast server sends. claim is what we say of ourselves now: only
 * modes 1, 2 and 5 carry it. Appends at most 2 actions. */
enum source_news source_poll(struct source *source, const struct sync_state *claim,
                             struct reading now, struct actions *out);

/* Whether a datagram that came to the server's sockets belongs to this source: a peer's in mode 1
 * or 2, a broadcast server's in mode 5. */
bool source_wants(const struct source *source, const struct datagram *datagram);
/* A datagram for it. Appends an ACTION_MEASURED if it was the source's, or is the first since the
 * last request that was refused. */
enum source_news source_receive(struct source *source, const struct datagram *datagram,
                                const struct sync_state *claim, struct reading now,
                                struct actions *out);
/* SOURCE_MEMBER: an authentic answer of it, stripped to its header; source_receive() makes nothing
 * of whatever comes. A claim of another timescale, incarnation or disruption than the last one
 * voids what was known, and this answer is the first of what follows. */
enum source_news source_member_receive(struct source *source, const struct datagram *datagram,
                                       const struct member_claim *claim, struct reading now,
                                       struct actions *out);
void source_sent(struct source *source, const struct sent *sent);
enum source_news source_refused(struct source *source, const char *error, struct mono now);

void source_set_online(struct source *source, bool is_online, struct mono now);
/* Asks `count` times, 2 s apart (or a poll, if that is less), beginning now: by an operator's word
 * ... */
void source_burst(struct source *source, unsigned count, struct mono now);
/* ... or unless it was asked quickly so often that it has to wait (polling.h). */
void source_hurry(struct source *source, unsigned count, struct mono now);
/* What was known no longer holds: the oscillator lost time, or another path is used. Interval and
 * filter begin anew, and so do the polls, with a burst. */
void source_void(struct source *source, struct mono now);
/* A leap second passed: POSIX time is by_ns later (-1 s after an insertion) than it was in what is
 * known. Filter, bound and last sample are shifted, and the next answers are expected so. */
void source_shift(struct source *source, int64_t by_ns);
/* How well the whole node knows the time; lengthens or shortens the poll within its limits
 * together with the source's own samples. */
int8_t source_poll_log2(const struct source *source);

/* As filter_estimate(), with the configured offset; none of a clock that does not run. */
bool source_estimate(const struct source *source, struct mono now,
                     struct estimate *estimate) MUST_CHECK;
/* As bound_interval(): what the source vouches for, of its time at now. */
bool source_interval(const struct source *source, struct mono now,
                     struct interval *interval) MUST_CHECK;
/* SOURCE_MEMBER: the same of its clock, by the round trips alone, whatever that is worth. */
bool source_clock_interval(const struct source *source, struct mono now,
                           struct interval *interval) MUST_CHECK;
/* SOURCE_MEMBER: what its last good answer said; NULL without one. */
const struct member_claim *source_claim(const struct source *source);
struct bound_rate source_rate(const struct source *source, struct mono now);
/* How often a sample left nothing of the interval that was known: a claim of the source's, or what
 * is assumed of our oscillator, was wrong. */
uint32_t source_contradictions(const struct source *source);
/* The last good sample; NULL without one. */
const struct sample *source_sample(const struct source *source);
uint8_t source_reach(const struct source *source);
/* The least round trip of the last eight good ones; 0 without any. */
int64_t source_delay_ns(const struct source *source);
/* When the last good answer came; 0: never. */
struct mono source_answered(const struct source *source);
/* Its own reasons not to be selected: OFFLINE to WAITING, UNSYNCHRONISED, NOSELECT, FALSETICKER
 * (its clock does not run); else SOURCE_COMBINED, and the verdict is the caller's. reason becomes a
 * sentence. */
enum source_state source_state_own(const struct source *source, struct mono now,
                                   char reason[STATUS_TEXT_MAX]);
/* All but state, reason and weight; our clock reads now and is steered at clock_rate_ppm. */
void source_status(const struct source *source, struct reading now, double clock_rate_ppm,
                   struct source_status *status);
#endif
