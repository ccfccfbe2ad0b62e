/* SPDX-License-Identifier: MIT */
/* server.h - the server engine: a batch of datagrams to a batch of replies. It holds the clients'
 * table and the interleaved state; it opens no socket and reads no clock. One per worker; not
 * thread-safe.
 *
 * The transmit timestamp is taken last: server_answer() writes all of a reply but that, the host
 * reads the clock, and server_seal() stamps and signs, right before the datagrams go to the kernel.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H
#include "common/auth/keyring.h"
#include "common/base/action.h"
#include "common/base/event.h"
#include "server/access.h"
#include "server/ratelimit.h"
#include "server/responder.h"

#define SERVER_BATCH_MAX 64

struct server_options {
    const struct access *access;   /* outlives the server, or its next configuration */
    const struct keyring *keyring; /* copied */
    struct ratelimit_options rate;
    size_t clients_max;
    uint64_t seed; /* unpredictable in the daemon */
};

/* Counts since creation. */
struct server_counters {
    uint64_t received;
    uint64_t answered; /* with time */
    uint64_t kissed;   /* with a kiss of death */
    uint64_t verdicts[RESPONDER_VERDICTS];
    uint64_t authentic;    /* requests with a good MAC */
    uint64_t crypto_naks;  /* answers to requests with a bad one */
    uint64_t interleaved;  /* answers in interleaved mode */
    uint64_t stamps_rx[3]; /* by enum stamp_origin */
    uint64_t stamps_tx[3];
};

struct server_reply {
    uint32_t request;  /* index in the batch: whom it goes to */
    uint16_t size;     /* octets of payload, MAC included; never more than the request had */
    bool wants_stamp;  /* report the kernel's transmit stamp through server_sent() */
    bool is_saved;     /* its transmit time is remembered under client_key and receive */
    bool has_transmit; /* interleaved, or a kiss: the transmit field is written already */
    uint32_t key_id;   /* sign with this key, if size says that there is a MAC */
    uint64_t client_key;
    struct timestamp receive;
    uint8_t payload[RESPONDER_REPLY_MAX];
};

struct server;

/* NULL if memory or a key's algorithm fails; error then says which. */
struct server *server_create(const struct server_options *options, char error[KEYRING_ERROR_MAX]);
void server_destroy(struct server *server);
/* Takes new access rules, keys and rates; the clients' table stays. False, and nothing changed, as
 * above. */
bool server_configure(struct server *server, const struct server_options *options,
                      char error[KEYRING_ERROR_MAX]) MUST_CHECK;
/* What the answers claim from now on. Until the first call: unsynchronised. */
void server_publish(struct server *server, const struct sync_state *state);

/* Answers up to SERVER_BATCH_MAX datagrams that were received by now. Returns how many replies were
 * written; replies has room for count. */
size_t server_answer(struct server *server, const struct datagram *datagrams, size_t count,
                     struct reading now, struct server_reply *replies);
/* For a datagram that somebody else answers: whether its source may have an answer. It is judged
 * and counted as all others are; by its rate only if is_limited, and never kissed. */
enum responder_verdict server_screen(struct server *server, const struct datagram *datagram,
                                     struct mono now, bool is_limited) MUST_CHECK;
/* Stamps and signs. The first reply leaves at now, each further one gap_ns later (what the kernel
 * needs for one datagram; 0 if unknown). */
void server_seal(struct server *server, struct server_reply *replies, size_t count,
                 struct reading now, int64_t gap_ns);
/* A reply that wanted it left at sent->at. */
void server_sent(struct server *server, const struct sent *sent);

const struct server_counters *server_counters(const struct server *server);
const struct ratelimit *server_clients(const struct server *server);

/* The same by events, for a simulator, a fuzzer and tests: EVENT_DATAGRAM and EVENT_SENT. Replies
 * are appended as sealed ACTION_SENDs. */
void server_handle(struct server *server, const struct event *event, struct actions *out);
#endif
