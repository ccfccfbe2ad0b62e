/* SPDX-License-Identifier: MIT */
#include "client/sync/exchange.h"
#include "client/sync/checks.h"

/* What the request says of our precision: a value that no clock has tells nothing. */
#define REQUEST_PRECISION 32
/* After so many lost answers the server's memory of us is not worth asking for. */
#define INTERLEAVED_LOSSES_MAX 3

void exchange_init(struct exchange *exchange, const struct exchange_options *options,
                   struct random *random, struct macs *macs)
{
    assert(options->version >= 1 && options->version <= PACKET_VERSION_MAX);
    assert(options->key_id == 0 || macs != NULL);
    *exchange = (struct exchange){.options = *options, .random = random, .macs = macs};
}

bool exchange_is_waiting(const struct exchange *exchange)
{
    return exchange->is_waiting;
}

void exchange_forget(struct exchange *exchange)
{
    exchange->has_previous = false;
}

/* Zero means "unknown" on the wire. */
static struct timestamp make_nonce(struct random *random)
{
    struct timestamp nonce;
    do {
        nonce.bits = random_u64(random);
    } while (nonce.bits == 0);
    return nonce;
}

size_t exchange_request(struct exchange *exchange, uint8_t out[EXCHANGE_REQUEST_MAX])
{
    if (exchange->is_waiting && exchange->unanswered < UINT8_MAX) {
        exchange->unanswered++;
    }
    if (exchange->unanswered > INTERLEAVED_LOSSES_MAX) {
        exchange->has_previous = false;
    }
    exchange->request = (struct exchange_request){.transmit = make_nonce(exchange->random)};
    exchange->is_waiting = false;

    struct packet packet = {
        .version = exchange->options.version,
        /* Version 1 has no mode; its servers know a client by the 0. */
        .mode = exchange->options.version == 1 ? MODE_RESERVED : MODE_CLIENT,
        .precision = REQUEST_PRECISION,
        .transmit = exchange->request.transmit,
    };
    if (exchange->options.interleaved && exchange->has_previous) {
        /* The server finds its earlier answer by the origin. Its reply tells by the origin of its
         * own which mode it took: so the two random numbers must differ. */
        do {
            exchange->request.receive = make_nonce(exchange->random);
        } while (exchange->request.receive.bits == exchange->request.transmit.bits);
        packet.origin = exchange->source_received;
        packet.receive = exchange->request.receive;
    }
    packet_write(&packet, out);
    size_t size = PACKET_SIZE;
    if (exchange->options.key_id != 0) {
        size_t mac = checks_append_mac(exchange->macs, &exchange->options, out);
        size = mac != 0 ? PACKET_SIZE + mac : 0;
    }
    exchange->is_waiting = size != 0;
    return size;
}

static bool improve_stamp(struct exchange_request *request, const struct sent *sent)
{
    /* A kernel's stamp from before our own reading was taken across a step of the clock. */
    if (request->is_sent && sent->at.mono.ns < request->sent.mono.ns) {
        return false;
    }
    request->sent = sent->at;
    request->stamp = sent->stamp;
    request->is_sent = true;
    return true;
}

/* The transmit timestamp is at the same place in a request with a MAC and in one without. */
static bool carries(struct bytes payload, size_t request_size, struct timestamp transmit)
{
    return payload.size >= request_size && transmit.bits != 0 &&
           bytes_u64(payload, payload.size - request_size + PACKET_TRANSMIT_OFFSET) ==
               transmit.bits;
}

/* Headers stand before a request in the kernel's copy, and fields that we don't know behind it: it
 * is found by its random number. */
static bool contains(struct bytes payload, struct timestamp transmit)
{
    for (size_t i = 0; transmit.bits != 0 && i + PACKET_SIZE <= payload.size; i++) {
        if (bytes_u64(payload, i + PACKET_TRANSMIT_OFFSET) == transmit.bits) {
            return true;
        }
    }
    return false;
}

static bool is_copy(const struct exchange *exchange, const struct exchange_request *request,
                    struct bytes payload)
{
    size_t size = PACKET_SIZE;
    if (exchange->options.is_extended) {
        return contains(payload, request->transmit);
    }
    if (exchange->options.key_id != 0) {
        size += 4 + mac_size(exchange->macs, exchange->options.key_id, exchange->options.version);
    }
    return carries(payload, size, request->transmit);
}

void exchange_sent(struct exchange *exchange, const struct sent *sent)
{
    if (is_copy(exchange, &exchange->request, sent->payload)) {
        if (improve_stamp(&exchange->request, sent) && exchange->has_previous &&
            exchange->previous.transmit.bits == exchange->request.transmit.bits) {
            exchange->previous = exchange->request;
        }
    } else if (exchange->has_previous && is_copy(exchange, &exchange->previous, sent->payload)) {
        (void)improve_stamp(&exchange->previous, sent);
    }
}

/* Reads it, and asks if it is an answer to our request at all. */
static enum exchange_verdict check_form(struct exchange *exchange, struct bytes datagram,
                                        struct exchange_reply *reply)
{
    reply->packet_verdict = packet_parse(datagram, &reply->packet);
    if (reply->packet_verdict != PACKET_OK) {
        return EXCHANGE_MALFORMED;
    }
    const struct packet *packet = &reply->packet;
    reply->has_packet = true;
    struct extensions extensions;
    reply->packet_verdict = extension_parse(datagram, packet->version, &extensions);
    if (reply->packet_verdict != PACKET_OK) {
        return EXCHANGE_MALFORMED;
    }
    /* An old server of version 1 leaves the mode as it was in the request. */
    if (packet->mode != MODE_SERVER && !(packet->version == 1 && packet->mode == MODE_RESERVED)) {
        return EXCHANGE_MODE;
    }
    uint64_t origin = packet->origin.bits;
    if (origin == 0 ||
        (origin != exchange->request.transmit.bits && origin != exchange->request.receive.bits)) {
        bool is_late = exchange->has_previous && origin != 0 &&
                       (origin == exchange->previous.transmit.bits ||
                        origin == exchange->previous.receive.bits);
        return is_late ? EXCHANGE_DUPLICATE : EXCHANGE_BOGUS;
    }
    if (!exchange->is_waiting) {
        return EXCHANGE_DUPLICATE;
    }
    return checks_mac(exchange->macs, exchange->options.key_id, datagram, &extensions, reply);
}

/* In version 1 a server's mode may be 0. */
static bool is_kiss(const struct packet *packet)
{
    struct packet as_server = *packet;
    as_server.mode = MODE_SERVER;
    return packet_is_kiss(&as_server);
}

/* The four timestamps, from this exchange or, interleaved, from the one before. */
static enum exchange_verdict gather(const struct exchange *exchange,
                                    const struct datagram *datagram, struct exchange_reply *reply)
{
    const struct packet *packet = &reply->packet;
    struct sample *sample = &reply->sample;
    struct wall now = datagram->received.wall;
    sample->is_interleaved = packet->origin.bits != exchange->request.transmit.bits;
    sample->source_sent = checks_wall(packet->transmit, now);
    if (!sample->is_interleaved) {
        sample->sent = exchange->request.sent;
        sample->sent_stamp = exchange->request.stamp;
        sample->source_received = checks_wall(packet->receive, now);
        sample->received = datagram->received;
        sample->received_stamp = datagram->stamp;
        return EXCHANGE_OK;
    }
    sample->sent = exchange->previous.sent;
    sample->sent_stamp = exchange->previous.stamp;
    sample->source_received = checks_wall(exchange->source_received, now);
    sample->received = exchange->received;
    sample->received_stamp = exchange->received_stamp;
    /* The first one is not taken blindly: an answer leaves after the server wrote its transmit
     * timestamp, if this is the answer that we had. Later ones have no such witness, but must fit
     * the round trip. */
    int64_t early_ns = timestamp_difference_ns(exchange->source_sent, packet->transmit);
    int64_t tolerance_ns = checks_precision_ns(packet->precision);
    if (!exchange->was_interleaved && checks_is_over(reply, early_ns, tolerance_ns)) {
        return EXCHANGE_INTERLEAVED;
    }
    return EXCHANGE_OK;
}

/* Keeps what an interleaved reply to the next request will complete. */
static void remember(struct exchange *exchange, const struct datagram *datagram,
                     const struct exchange_reply *reply)
{
    exchange->was_interleaved = reply->packet.origin.bits != exchange->request.transmit.bits;
    exchange->has_previous = true;
    exchange->previous = exchange->request;
    exchange->source_received = reply->packet.receive;
    exchange->source_sent = reply->packet.transmit;
    exchange->received = datagram->received;
    exchange->received_stamp = datagram->stamp;
}

/* What is done with every answer to our request, whatever it says. */
static void finish(struct exchange *exchange, const struct datagram *datagram,
                   enum exchange_verdict verdict, const struct exchange_reply *reply)
{
    if (verdict == EXCHANGE_OK || verdict == EXCHANGE_DISTANCE) {
        remember(exchange, datagram, reply);
    } else {
        /* Whatever is wrong, the next request starts afresh, in basic mode. */
        exchange->has_previous = false;
    }
}

/* OK: it answers our request, which is open no more. */
static enum exchange_verdict begin(struct exchange *exchange, const struct datagram *datagram,
                                   struct exchange_reply *reply)
{
    *reply = (struct exchange_reply){.size = datagram->payload.size};
    enum exchange_verdict verdict = check_form(exchange, datagram->payload, reply);
    if (verdict == EXCHANGE_OK) {
        assert(exchange->request.is_sent);
        exchange->is_waiting = false;
        exchange->unanswered = 0;
    }
    return verdict;
}

enum exchange_verdict exchange_reply(struct exchange *exchange, const struct datagram *datagram,
                                     struct exchange_reply *reply)
{
    enum exchange_verdict verdict = begin(exchange, datagram, reply);
    if (verdict != EXCHANGE_OK) {
        return verdict;
    }
    verdict = is_kiss(&reply->packet) ? EXCHANGE_KISS : checks_claims(reply);
    if (verdict == EXCHANGE_OK) {
        verdict = gather(exchange, datagram, reply);
    }
    if (verdict == EXCHANGE_OK) {
        verdict = checks_times(&exchange->options, reply);
    }
    if (verdict == EXCHANGE_OK) {
        verdict = checks_fill(&exchange->options, reply);
    }
    finish(exchange, datagram, verdict, reply);
    return verdict;
}

static enum exchange_verdict check_set(const struct packet *packet)
{
    return timestamp_is_unset(packet->receive) || timestamp_is_unset(packet->transmit)
               ? EXCHANGE_TIMESTAMP_UNSET
               : EXCHANGE_OK;
}

enum exchange_verdict exchange_member_reply(struct exchange *exchange,
                                            const struct datagram *datagram,
                                            const struct member_claim *claim,
                                            struct exchange_reply *reply)
{
    enum exchange_verdict verdict = begin(exchange, datagram, reply);
    if (verdict != EXCHANGE_OK) {
        return verdict;
    }
    verdict = is_kiss(&reply->packet) ? EXCHANGE_KISS : check_set(&reply->packet);
    if (verdict == EXCHANGE_OK) {
        verdict = gather(exchange, datagram, reply);
    }
    if (verdict == EXCHANGE_OK) {
        verdict = checks_times(&exchange->options, reply);
    }
    if (verdict == EXCHANGE_OK) {
        checks_fill_member(&exchange->options, claim, reply);
    }
    finish(exchange, datagram, verdict, reply);
    return verdict;
}
