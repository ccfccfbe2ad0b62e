/* SPDX-License-Identifier: MIT */
/* source_parts.h - what source.h's functions share among their files: the struct, and the steps
 * from an answer to the estimate. Nobody else includes it. */
#ifndef CLIENT_SYNC_SOURCE_PARTS_H
#define CLIENT_SYNC_SOURCE_PARTS_H
#include "client/sync/checks.h"
#include "client/sync/departure.h"
#include "client/sync/polling.h"
#include "client/sync/source.h"
#include "client/sync/symmetric.h"
#include "client/sync/symmetric_history.h"

/* A filter's first rates come from two or three samples, and are less sure than they look. */
#define SOURCE_RATE_SAMPLES 4
#define SOURCE_INSTANTS 64

/* The packet tests as chronyc's ntpdata shows them, from the left: 1 to 3, 5 to 7, A to D. */
#define SOURCE_TESTS_ALL 0x3FF

#define SOURCE_BROADCAST_LEGS 16
#define SOURCE_DELAYS 8

struct source_peer {
    struct symmetric symmetric;
    struct symmetric_history history;
    double rate_ppm; /* of the last run in it */
    size_t uneven;   /* exchanges in a row without a run */
    size_t taken;    /* exchanges in the run that the filter began anew with; 0: none */
    bool has_poll;
    int8_t poll;       /* as its packets say */
    struct mono heard; /* when one returned our timestamp */
};

struct source_broadcast {
    bool is_calibrating; /* its own socket is open, in place of the one to listen */
    bool has_asked;
    bool needs_exchange;    /* what broadcasts can't tell is not known: the path, or the interval */
    unsigned tries;         /* to measure that, since it was known */
    int64_t delay_ns;       /* the least of the last calibration; 0: none was answered yet */
    int64_t fresh_delay_ns; /* the least of this one; 0: none yet */
    struct timestamp newest;
    struct mono came[SOURCE_BROADCAST_LEGS]; /* of the last broadcasts */
    int64_t leg_ns[SOURCE_BROADCAST_LEGS];
    size_t count;
};

struct source_member {
    bool has_claim;
    struct member_claim claim;
    struct bound clock; /* where its clock is, whatever that shows */
};

struct source {
    struct source_options options;
    struct source_common common;
    uint32_t association;
    struct macs *macs; /* with the one key; NULL: none */
    struct address remote;
    struct address local; /* where the last answer came to */
    bool is_open;
    bool is_online;
    bool is_denied;
    struct polling polling;
    struct exchange exchange;
    struct source_peer peer;
    struct source_broadcast broadcast;
    struct source_member member;
    struct departure departure; /* of packets that tell our time */
    struct filter *filter;      /* NULL: it learns nothing */
    struct bound bound;

    /* The last good sample, and what stood in its packet. */
    bool has_sample;
    struct sample sample;
    uint8_t mode;
    struct wall reference;
    struct mono answered;
    uint16_t tests; /* of the last answer that was judged */

    /* Why there is nothing better. */
    uint8_t heard;          /* a bit per request: was it answered at all by the source itself */
    bool is_unsynchronised; /* the last such answer said so */
    bool has_complained;    /* an answer to this request was refused already */
    char complaint[MEASUREMENT_TEXT_MAX]; /* why the last refused answer was */
    char refusal[STATUS_TEXT_MAX];        /* what the network said since the last answer */

    /* max-delay-ratio: the least delay, and what may be the least of a path that got longer. */
    int64_t least_delay_ns; /* 0: none */
    int64_t longer_delay_ns;
    unsigned longer_count;

    /* Instants of the samples in the filter, the newest at (instants - 1) % SOURCE_INSTANTS. */
    struct mono instants_at[SOURCE_INSTANTS];
    size_t instants;
    struct mono begun;                /* the first of them */
    int64_t delays_ns[SOURCE_DELAYS]; /* of the last good answers */
    size_t delays;
    double residual_square; /* running mean, ns^2 */

    struct {
        uint64_t sent, received, valid, good;
        uint64_t stamps_sent[3], stamps_received[3];
        uint64_t kisses, naks, refused, steps;
    } counts;
};

/* An answer on its way from the wire to the filter. */
struct source_answer {
    const struct datagram *datagram;
    enum exchange_verdict verdict;
    struct exchange_reply reply;
    bool is_heard;   /* it came from the source itself, as far as anybody can tell */
    bool is_one_way; /* a broadcast */
    const char *why; /* NULL: exchange_explain()'s sentence */
};

/* source.c */
void source_open(struct source *source, struct actions *out);
/* A request leaves now: what follows for reach. */
enum source_news source_asked(struct source *source, struct mono now);
/* Sends it; size 0: there is none, since no MAC could be made. */
void source_send(struct source *source, const uint8_t *payload, size_t size, struct actions *out);
enum source_news source_ask_server(struct source *source, struct reading now, struct actions *out);

/* source_judge.c: what follows of an answer that was read. Appends an ACTION_MEASURED if the answer
 * was the source's, or is the first that was refused since the last request. */
enum source_news source_judge(struct source *source, struct source_answer *answer,
                              struct reading now, struct actions *out);
/* Forgets what was learned. */
void source_forget(struct source *source);
/* Where the filter's samples stand in time, and how far they lie beside its estimate. */
void source_keep_books(struct source *source, const struct sample *sample);
void source_forget_books(struct source *source);

/* source_member.c */
/* What a sample that was taken says of the bounds. */
bool source_member_narrow(struct source *source, const struct sample *sample,
                          const struct bound_rate *rate);
void source_member_forget(struct source *source);

/* source_peer.c */
enum source_peer_verdict {
    SOURCE_PEER_READY,
    SOURCE_PEER_HELD,    /* until the rate is known */
    SOURCE_PEER_NEGATIVE /* its delay is below zero at that rate */
};
void source_peer_begin(struct source *source);
enum source_news source_peer_send(struct source *source, const struct sync_state *claim,
                                  struct reading now, struct actions *out);
enum source_news source_peer_receive(struct source *source, const struct datagram *datagram,
                                     const struct sync_state *claim, struct reading now,
                                     struct actions *out);
/* Corrects the delay of an exchange, or keeps it for later. */
enum source_peer_verdict source_peer_prepare(struct source *source, struct sample *sample,
                                             struct mono now);
/* As source_shift(). */
void source_peer_shift(struct source *source, int64_t by_ns);

/* source_broadcast.c */
int8_t source_broadcast_poll(const struct source *source);
enum source_news source_broadcast_send(struct source *source, const struct sync_state *claim,
                                       struct reading now, struct actions *out);
void source_broadcast_begin(struct source *source);
/* All but the path. */
void source_broadcast_forget(struct source *source);
/* A sample was judged: where a broadcast moved the estimate, nothing is left of the interval, and
 * only an exchange can tell it. */
void source_broadcast_taken(struct source *source, bool is_one_way, enum source_news news,
                            struct mono now);
struct mono source_broadcast_deadline(const struct source *source);
enum source_news source_broadcast_poll_server(struct source *source, struct reading now,
                                              struct actions *out);
/* An ordinary answer of the server. */
void source_broadcast_calibrated(struct source *source, const struct sample *sample);
enum source_news source_broadcast_receive(struct source *source, const struct datagram *datagram,
                                          struct reading now, struct actions *out);
void source_broadcast_shift(struct source *source, int64_t by_ns);
/* What a broadcast proves: one end only. */
struct sample source_broadcast_legs(const struct sample *sample);
#endif
