/* SPDX-License-Identifier: MIT */
#include "server/server.h"
#include "server/interleave.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Answers that wait for their transmit stamp; the kernel reports them within a batch or two. */
#define DEPARTURES_MAX 256
/* Of a batch. A stamp that waits for us takes room from the requests that wait, and anybody may ask
 * for one: under a flood that does, the other clients lost every sixth request. */
#define STAMPS_MAX 8
/* How many requests ahead the second cache line of a client is fetched. */
#define LOOKAHEAD 4
#define MAC_OFFSET PACKET_SIZE
#define DIGEST_OFFSET (PACKET_SIZE + 4)

/* Receive timestamps are odd and transmit timestamps even, at the price of half a nanosecond: so a
 * client's origin tells whether it is in interleaved mode, basic clients that send our transmit
 * timestamp back (as ntpd does) cost nothing, and the two can never be mistaken for each other (RFC
 * 9769, 2). */
#define RECEIVE_BIT UINT64_C(1)

/* An answer whose kernel stamp is awaited: enough of it to know it again. */
struct departure {
    uint64_t client_key;
    uint64_t receive;
    uint8_t mark[PACKET_TRANSMIT_OFFSET - PACKET_ORIGIN_OFFSET]; /* its origin and receive */
    uint16_t size;                                               /* 0: free */
};

struct server {
    struct macs *macs; /* NULL without keys */
    const struct access *access;
    struct ratelimit *ratelimit;
    struct interleave *interleave;
    struct random random;
    struct sync_state state;
    int8_t kiss_poll;
    /* The last receive timestamp, as measured and as given: equal readings must not give equal
     * timestamps. */
    uint64_t measured;
    uint64_t given;
    unsigned stamps_left; /* that this batch may still ask for */
    unsigned departure_next;
    struct departure departures[DEPARTURES_MAX];
    struct server_counters counters;
};

/* What is the same for the whole batch. */
struct batch {
    struct reading now;
    int64_t utc_ns;
    struct responder_claim claim;
};

/* log2 of the seconds between answers, rounded up. */
static int8_t kiss_poll_of(int64_t interval_ns)
{
    int8_t poll = 0;
    while (poll < 17 && (NS_PER_S << poll) < interval_ns) {
        poll++;
    }
    return poll;
}

/* Creates the macs that the options ask for: NULL without keys, so that the crypto library is not
 * loaded. */
static bool macs_prepare(const struct server_options *options, struct macs **macs,
                         char error[KEYRING_ERROR_MAX])
{
    *macs = NULL;
    if (options->keyring == NULL || options->keyring->count == 0) {
        return true;
    }
    *macs = macs_create(options->keyring, error);
    return *macs != NULL;
}

struct server *server_create(const struct server_options *options, char error[KEYRING_ERROR_MAX])
{
    struct macs *macs;
    if (!macs_prepare(options, &macs, error)) {
        return NULL;
    }
    struct server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        goto fail;
    }
    random_init_seeded(&server->random, options->seed);
    uint64_t clients_seed = random_u64(&server->random);
    uint64_t interleave_seed = random_u64(&server->random);
    server->macs = macs;
    server->access = options->access;
    server->ratelimit = ratelimit_create(&options->rate, options->clients_max, clients_seed);
    server->interleave = interleave_create(interleave_seed);
    server->kiss_poll = kiss_poll_of(options->rate.interval_ns);
    server->state = sync_state_unsynchronised(0);
    if (server->ratelimit != NULL && server->interleave != NULL) {
        return server;
    }
    ratelimit_destroy(server->ratelimit);
    interleave_destroy(server->interleave);
fail:
    free(server);
    macs_destroy(macs);
    snprintf(error, KEYRING_ERROR_MAX,
             "not enough memory for a table of %zu clients; lower clients-max",
             options->clients_max);
    return NULL;
}

void server_destroy(struct server *server)
{
    if (server != NULL) {
        macs_destroy(server->macs);
        ratelimit_destroy(server->ratelimit);
        interleave_destroy(server->interleave);
        free(server);
    }
}

bool server_configure(struct server *server, const struct server_options *options,
                      char error[KEYRING_ERROR_MAX])
{
    struct macs *macs;
    if (!macs_prepare(options, &macs, error)) {
        return false;
    }
    macs_destroy(server->macs);
    server->macs = macs;
    server->access = options->access;
    ratelimit_configure(server->ratelimit, &options->rate);
    server->kiss_poll = kiss_poll_of(options->rate.interval_ns);
    return true;
}

void server_publish(struct server *server, const struct sync_state *state)
{
    server->state = *state;
}

const struct server_counters *server_counters(const struct server *server)
{
    return &server->counters;
}

const struct ratelimit *server_clients(const struct server *server)
{
    return server->ratelimit;
}

/* The receive timestamp of a request: odd, not after the batch was read, and unlike the one before.
 */
static struct timestamp receive_timestamp(struct server *server, const struct batch *batch,
                                          const struct datagram *datagram)
{
    int64_t utc_ns = sync_state_utc(&server->state, datagram->received).ns;
    /* A kernel's stamp may lie ahead of a reading of the same clock, after a step or by rounding.
     */
    uint64_t bits = timestamp_from_unix_ns(utc_ns < batch->utc_ns ? utc_ns : batch->utc_ns).bits;
    uint64_t given = bits | RECEIVE_BIT;
    if (bits == server->measured) {
        given = server->given + 2;
    }
    server->measured = bits;
    server->given = given;
    return (struct timestamp){given};
}

/* Whether the origin may be a receive timestamp of ours. */
static bool is_interleaving(const struct request *request)
{
    return (request->packet.origin.bits & RECEIVE_BIT) != 0 &&
           request->packet.mode == MODE_CLIENT && request->auth != RESPONDER_CRYPTO_NAK;
}

/* Answers a client that may be in interleaved mode. Its answers are remembered from its second
 * request on, the first one that bears a receive timestamp of ours. */
static void answer_interleaving(struct server *server, const struct batch *batch,
                                const struct request *request, struct server_reply *reply)
{
    const struct packet *packet = &request->packet;
    struct timestamp transmit;
    enum stamp_origin stamp = STAMP_DAEMON;
    bool is_interleaved =
        !timestamp_is_unset(packet->receive) && packet->receive.bits != packet->transmit.bits &&
        interleave_take(server->interleave, reply->client_key, packet->origin, &transmit, &stamp);
    interleave_save(server->interleave, reply->client_key, &reply->receive);
    reply->is_saved = true;
    reply->wants_stamp = server->stamps_left > 0;
    server->stamps_left -= reply->wants_stamp;
    reply->has_transmit = is_interleaved;
    server->counters.stamps_tx[stamp]++;
    if (!is_interleaved) {
        responder_write(request, &batch->claim, packet->transmit, reply->receive, reply->payload);
        return;
    }
    server->counters.interleaved++;
    responder_write(request, &batch->claim, packet->receive, reply->receive, reply->payload);
    bytes_put_u64(reply->payload + PACKET_TRANSMIT_OFFSET, transmit.bits);
}

static void answer_with_time(struct server *server, const struct batch *batch,
                             const struct datagram *datagram, const struct request *request,
                             struct server_reply *reply)
{
    server->counters.answered++;
    server->counters.stamps_rx[datagram->stamp]++;
    reply->receive = receive_timestamp(server, batch, datagram);
    if (is_interleaving(request)) {
        answer_interleaving(server, batch, request, reply);
        return;
    }
    reply->is_saved = false;
    reply->wants_stamp = false;
    reply->has_transmit = false;
    server->counters.stamps_tx[STAMP_DAEMON]++;
    responder_write(request, &batch->claim, request->packet.transmit, reply->receive,
                    reply->payload);
}

static void answer_with_kiss(struct server *server, const struct request *request,
                             struct server_reply *reply)
{
    server->counters.kissed++;
    reply->receive.bits = 0;
    reply->is_saved = false;
    reply->wants_stamp = false;
    reply->has_transmit = true;
    responder_write_kiss(request, KISS_RATE, server->kiss_poll, reply->payload);
}

/* All but the transmit timestamp and the MAC; reply->client_key is set. On anything but
 * RESPONDER_ANSWER there is no reply. */
static enum responder_verdict answer_one(struct server *server, const struct batch *batch,
                                         const struct datagram *datagram,
                                         struct server_reply *reply)
{
    if (!access_is_allowed(server->access, &datagram->source)) {
        return RESPONDER_DENIED;
    }
    /* Before the MAC is looked at, so that a flood does not cost us its digests. */
    enum ratelimit_verdict rate =
        ratelimit_check(server->ratelimit, reply->client_key, batch->now.mono, &server->random);
    if (rate == RATELIMIT_DROP) {
        return RESPONDER_LIMITED;
    }
    struct request request;
    enum responder_verdict verdict = responder_read(datagram, server->macs, &request);
    if (verdict != RESPONDER_ANSWER) {
        return verdict;
    }
    server->counters.authentic += request.auth == RESPONDER_AUTHENTIC;
    server->counters.crypto_naks += request.auth == RESPONDER_CRYPTO_NAK;
    reply->size = (uint16_t)responder_size(&request);
    reply->key_id = request.key_id;
    if (rate == RATELIMIT_KISS) {
        answer_with_kiss(server, &request, reply);
    } else {
        answer_with_time(server, batch, datagram, &request, reply);
    }
    return RESPONDER_ANSWER;
}

size_t server_answer(struct server *server, const struct datagram *datagrams, size_t count,
                     struct reading now, struct server_reply *replies)
{
    assert(count <= SERVER_BATCH_MAX);
    uint64_t keys[SERVER_BATCH_MAX];
    uint32_t requests[SERVER_BATCH_MAX];
    size_t wanted = 0;
    for (size_t i = 0; i < count; i++) {
        enum responder_verdict verdict = responder_glance(&datagrams[i]);
        if (verdict != RESPONDER_ANSWER) {
            server->counters.verdicts[verdict]++;
            continue;
        }
        keys[wanted] = address_client_key(&datagrams[i].source);
        ratelimit_prefetch(server->ratelimit, keys[wanted]);
        requests[wanted++] = (uint32_t)i;
    }
    server->counters.received += count;

    server->stamps_left = STAMPS_MAX;
    struct batch batch = {.now = now,
                          .utc_ns = sync_state_utc(&server->state, now).ns,
                          .claim = responder_claim_make(&server->state, now.mono)};
    /* After the system clock was set back the clock was never set in the future, which clients
     * would take for nonsense (RFC 5905, A.5.1.1), but just now. */
    struct timestamp utc = timestamp_from_unix_ns(batch.utc_ns);
    if (!timestamp_is_unset(batch.claim.reference) &&
        (int64_t)(batch.claim.reference.bits - utc.bits) > 0) {
        batch.claim.reference = utc;
    }
    size_t answered = 0;
    for (size_t i = 0; i < wanted; i++) {
        if (i + LOOKAHEAD < wanted) {
            ratelimit_prefetch_entry(server->ratelimit, keys[i + LOOKAHEAD]);
        }
        struct server_reply *reply = &replies[answered];
        reply->request = requests[i];
        reply->client_key = keys[i];
        enum responder_verdict verdict = answer_one(server, &batch, &datagrams[requests[i]], reply);
        server->counters.verdicts[verdict]++;
        answered += verdict == RESPONDER_ANSWER;
    }
    return answered;
}

static enum responder_verdict screen(struct server *server, const struct datagram *datagram,
                                     struct mono now, bool is_limited)
{
    enum responder_verdict verdict = responder_glance(datagram);
    if (verdict != RESPONDER_ANSWER) {
        return verdict;
    }
    if (!access_is_allowed(server->access, &datagram->source)) {
        return RESPONDER_DENIED;
    }
    uint64_t key = address_client_key(&datagram->source);
    bool is_refused = is_limited && ratelimit_check(server->ratelimit, key, now, &server->random) !=
                                        RATELIMIT_ANSWER;
    return is_refused ? RESPONDER_LIMITED : RESPONDER_ANSWER;
}

enum responder_verdict server_screen(struct server *server, const struct datagram *datagram,
                                     struct mono now, bool is_limited)
{
    enum responder_verdict verdict = screen(server, datagram, now, is_limited);
    server->counters.received++;
    server->counters.verdicts[verdict]++;
    return verdict;
}

/* Signs with the request's key, or writes a crypto-NAK. */
static void server_sign(struct server *server, struct server_reply *reply)
{
    uint32_t key_id = reply->key_id;
    if (key_id != 0 && !mac_make(server->macs, key_id, bytes_make(reply->payload, MAC_OFFSET),
                                 reply->payload + DIGEST_OFFSET, reply->size - DIGEST_OFFSET)) {
        key_id = 0; /* the crypto library failed: what we can't sign is no authentic answer */
    }
    if (key_id == 0) {
        reply->size = DIGEST_OFFSET;
    }
    bytes_put_u32(reply->payload + MAC_OFFSET, key_id);
}

/* Remembers when it leaves: at first the daemon's own reading, until the kernel reports better. */
static void server_await(struct server *server, const struct server_reply *reply,
                         struct timestamp transmit)
{
    interleave_sent(server->interleave, reply->client_key, reply->receive, transmit, STAMP_DAEMON);
    if (!reply->wants_stamp) {
        return;
    }
    struct departure *departure = &server->departures[server->departure_next % DEPARTURES_MAX];
    server->departure_next++;
    departure->client_key = reply->client_key;
    departure->receive = reply->receive.bits;
    departure->size = reply->size;
    memcpy(departure->mark, reply->payload + PACKET_ORIGIN_OFFSET, sizeof(departure->mark));
}

static struct timestamp transmit_timestamp(uint64_t bits, struct timestamp receive)
{
    bits &= ~RECEIVE_BIT;
    /* Two readings may be equal, and the request's stamp came from another reading of the clock. */
    if ((int64_t)(bits - receive.bits) < 0) {
        bits = receive.bits + 1;
    }
    /* Zero, where an era begins, would mean "unknown". */
    return (struct timestamp){bits == 0 ? 2 : bits};
}

void server_seal(struct server *server, struct server_reply *replies, size_t count,
                 struct reading now, int64_t gap_ns)
{
    uint64_t bits = timestamp_from_unix_ns(sync_state_utc(&server->state, now).ns).bits;
    uint64_t gap_bits = (uint64_t)(((gap_ns & INT32_MAX) << 32) / NS_PER_S);
    for (size_t i = 0; i < count; i++, bits += gap_bits) {
        struct server_reply *reply = &replies[i];
        struct timestamp transmit = transmit_timestamp(bits, reply->receive);
        if (!reply->has_transmit) {
            bytes_put_u64(reply->payload + PACKET_TRANSMIT_OFFSET, transmit.bits);
        }
        if (reply->size != PACKET_SIZE) {
            server_sign(server, reply);
        }
        if (reply->is_saved) {
            server_await(server, reply, transmit);
        }
    }
}

static bool departure_is(const struct departure *departure, struct bytes payload)
{
    /* What stands before our payload depends on the link and on what the host asked for; its end
     * does not. */
    return departure->size != 0 && payload.size >= departure->size &&
           memcmp(payload.data + payload.size - departure->size + PACKET_ORIGIN_OFFSET,
                  departure->mark, sizeof(departure->mark)) == 0;
}

void server_sent(struct server *server, const struct sent *sent)
{
    /* From the oldest on: stamps come back in the order in which the datagrams left. */
    for (unsigned i = 0; i < DEPARTURES_MAX; i++) {
        struct departure *departure =
            &server->departures[(server->departure_next + i) % DEPARTURES_MAX];
        if (departure_is(departure, sent->payload)) {
            struct timestamp receive = {departure->receive};
            uint64_t bits =
                timestamp_from_unix_ns(sync_state_utc(&server->state, sent->at).ns).bits;
            interleave_sent(server->interleave, departure->client_key, receive,
                            transmit_timestamp(bits, receive), sent->stamp);
            departure->size = 0;
            return;
        }
    }
}

static void server_send(const struct datagram *datagram, const struct server_reply *reply,
                        struct actions *out)
{
    struct action_send *send = &actions_append(out, ACTION_SEND)->send;
    send->association = 0; /* the one that was asked */
    send->source = datagram->destination;
    send->destination = datagram->source;
    send->interface = datagram->interface;
    send->wants_stamp = reply->wants_stamp;
    send->size = reply->size;
    memcpy(send->payload, reply->payload, reply->size);
}

void server_handle(struct server *server, const struct event *event, struct actions *out)
{
    if (event->kind == EVENT_SENT) {
        server_sent(server, &event->sent);
        return;
    }
    if (event->kind != EVENT_DATAGRAM) {
        return;
    }
    struct server_reply reply;
    size_t count = server_answer(server, &event->datagram, 1, event->now, &reply);
    server_seal(server, &reply, count, event->now, 0);
    if (count == 1) {
        server_send(&event->datagram, &reply, out);
    }
}
