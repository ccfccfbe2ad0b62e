/* SPDX-License-Identifier: MIT */
/* source_parts.h - what source.h's functions share among their files: the struct, and the steps
 * from an answer to the estimate. Nobody else includes it. */
#ifndef CLIENT_SYNC_SOURCE_PARTS_H
#define CLIENT_SYNC_SOURCE_PARTS_H
#include "client/sync/polling.h"
#include "client/sync/source.h"

/* A filter's first rates come from two or three samples, and are less sure than they look. */
#define SOURCE_RATE_SAMPLES 4
#define SOURCE_INSTANTS 64

/* The packet tests as chronyc's ntpdata shows them, from the left: 1 to 3, 5 to 7, A to D. */
#define SOURCE_TESTS_ALL 0x3FF

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
    struct filter *filter; /* NULL: it learns nothing */
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
    struct mono begun;      /* the first of them */
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
    const char *why; /* NULL: exchange_explain()'s sentence */
};

/* source_judge.c: what follows of an answer that was read. Appends an ACTION_MEASURED if the answer
 * was the source's, or is the first that was refused since the last request. */
enum source_news source_judge(struct source *source, struct source_answer *answer,
                              struct reading now, struct actions *out);
/* Forgets what was learned. */
void source_forget(struct source *source);
#endif
