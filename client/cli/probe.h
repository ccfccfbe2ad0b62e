/* SPDX-License-Identifier: MIT */
/* probe.h - asks one address: a socket of its own, and the exchange that runs over it. */
#ifndef CLIENT_CLI_PROBE_H
#define CLIENT_CLI_PROBE_H
#include "client/sync/exchange.h"
#include "common/host/resolver.h"
#include "common/host/udp.h"

struct probe;

/* What all probes of a survey share; outlives them. */
struct probe_station {
    uv_loop_t *loop;
    const struct clock *clock;
    struct udp_batch *batch;
    struct random *random;
    struct macs *macs; /* NULL without a key */
    struct exchange_options exchange;
    void *context; /* of the calls below, from which probe_close() may be called */
    /* Our request was answered: the verdict and the reply are in the probe. */
    void (*replied)(void *context, struct probe *probe);
    /* Nothing more will come: the network refused, status is a negative errno. */
    void (*failed)(void *context, struct probe *probe, int status);
};

struct probe {
    const struct probe_station *station;
    void *owner; /* the caller's */
    struct address address;
    struct udp udp;
    uv_poll_t poll;
    bool is_open;
    struct exchange exchange;
    unsigned requests;
    unsigned replies;
    unsigned unanswered; /* requests in a row */
    uint64_t asked_ms;   /* the caller's, by the loop's clock: when it asked ... */
    uint64_t due_ms;     /* ... and when to ask again */
    /* The last answer to a request of ours. */
    bool has_answer;
    enum exchange_verdict verdict;
    struct exchange_reply reply;
    /* The last datagram that was none. */
    bool has_stray;
    enum exchange_verdict stray_verdict;
    struct exchange_reply stray;
    int status; /* why it failed: a negative errno, or 0 */
};

/* Opens the socket. A negative errno; nothing is then to be closed. */
int probe_open(struct probe *probe, const struct probe_station *station,
               const struct address *address) MUST_CHECK;
/* Sends a request; one still unanswered is given up. A negative errno. */
int probe_ask(struct probe *probe) MUST_CHECK;
/* The probe's memory is needed until the loop has run once more. */
void probe_close(struct probe *probe);
#endif
