/* SPDX-License-Identifier: MIT */
#include "client/sync/exchange.h"

/* What the request says of our precision: a value that no clock has tells nothing. */
#define REQUEST_PRECISION 32
/* After so many lost answers the server's memory of us is not worth asking for. */
#define INTERLEAVED_LOSSES_MAX 3
/* Two clocks that run apart by so much make a round trip of 1 s look shorter by 0.5 ms. */
#define RATE_TOLERANCE_PPM 500
/* 2025: whoever runs this lives later. A clock that starts at 1970 would else place 2040 in 1904.
 */
#define PIVOT_NS_MIN (INT64_C(1735689600) * NS_PER_S)

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

/* Zero means "unknown" on the wire. */
static struct timestamp make_nonce(struct random *random)
{
    struct timestamp nonce;
    do {
        nonce.bits = random_u64(random);
    } while (nonce.bits == 0);
    return nonce;
}

static size_t append_mac(struct exchange *exchange, uint8_t out[EXCHANGE_REQUEST_MAX])
{
    uint32_t key_id = exchange->options.key_id;
    size_t digest_size = mac_size(exchange->macs, key_id, exchange->options.version);
    if (digest_size == 0 || !mac_make(exchange->macs, key_id, bytes_make(out, PACKET_SIZE),
                                      out + PACKET_SIZE + 4, digest_size)) {
        return 0;
    }
    bytes_put_u32(out + PACKET_SIZE, key_id);
    return PACKET_SIZE + 4 + digest_size;
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
        size = append_mac(exchange, out);
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

void exchange_sent(struct exchange *exchange, const struct sent *sent)
{
    size_t size = PACKET_SIZE;
    if (exchange->options.key_id != 0) {
        size += 4 + mac_size(exchange->macs, exchange->options.key_id, exchange->options.version);
    }
    if (carries(sent->payload, size, exchange->request.transmit)) {
        if (improve_stamp(&exchange->request, sent) && exchange->has_previous &&
            exchange->previous.transmit.bits == exchange->request.transmit.bits) {
            exchange->previous = exchange->request;
        }
    } else if (exchange->has_previous &&
               carries(sent->payload, size, exchange->previous.transmit)) {
        (void)improve_stamp(&exchange->previous, sent);
    }
}

/* Of a precision that is nonsense so much is kept that it fails the tests. */
static int64_t precision_ns(int8_t precision)
{
    return timestamp_log2_to_ns(precision > 14 ? 14 : precision);
}

static int64_t saturated_difference(int64_t a, int64_t b)
{
    int64_t difference;
    if (__builtin_sub_overflow(a, b, &difference)) {
        return a < b ? INT64_MIN : INT64_MAX;
    }
    return difference;
}

static struct wall wall_near(struct timestamp timestamp, struct wall pivot)
{
    int64_t pivot_ns = pivot.ns > PIVOT_NS_MIN ? pivot.ns : PIVOT_NS_MIN;
    return (struct wall){.ns = timestamp_to_unix_ns(timestamp, pivot_ns)};
}

static enum exchange_verdict check_mac(struct exchange *exchange, struct bytes datagram,
                                       const struct extensions *extensions,
                                       struct exchange_reply *reply)
{
    if (exchange->options.key_id == 0) {
        return EXCHANGE_OK;
    }
    if (extensions->mac == MAC_CRYPTO_NAK) {
        return EXCHANGE_MAC_NAK;
    }
    if (extensions->mac != MAC_SYMMETRIC) {
        return EXCHANGE_MAC_MISSING;
    }
    reply->key_id = extensions->key_id;
    /* Another key of ours would be right too, but the server answers with the one it was asked
     * with. */
    if (extensions->key_id != exchange->options.key_id) {
        return EXCHANGE_MAC_KEY;
    }
    struct bytes message = bytes_slice(datagram, 0, extensions->signed_size);
    return mac_verify(exchange->macs, extensions->key_id, reply->packet.version, message,
                      extensions->digest)
               ? EXCHANGE_OK
               : EXCHANGE_MAC_BAD;
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
    return check_mac(exchange, datagram, &extensions, reply);
}

static bool is_over(struct exchange_reply *reply, int64_t value_ns, int64_t limit_ns)
{
    reply->value_ns = value_ns;
    reply->limit_ns = limit_ns;
    return value_ns > limit_ns;
}

/* What the server says of itself. */
static enum exchange_verdict check_claims(struct exchange_reply *reply)
{
    const struct packet *packet = &reply->packet;
    struct packet as_server = *packet;
    as_server.mode = MODE_SERVER;
    if (packet_is_kiss(&as_server)) {
        return EXCHANGE_KISS;
    }
    if (timestamp_is_unset(packet->receive) || timestamp_is_unset(packet->transmit)) {
        return EXCHANGE_TIMESTAMP_UNSET;
    }
    if (packet->leap == LEAP_UNSYNCHRONISED) {
        return EXCHANGE_UNSYNCHRONISED;
    }
    if (packet->stratum == 0 || packet->stratum > PACKET_STRATUM_MAX) {
        return EXCHANGE_STRATUM;
    }
    int64_t distance_ns = timestamp_short_to_ns(packet->root_delay) / 2 +
                          timestamp_short_to_ns(packet->root_dispersion) +
                          precision_ns(packet->precision);
    if (is_over(reply, distance_ns, EXCHANGE_DISTANCE_MAX_NS)) {
        return EXCHANGE_ROOT_DISTANCE;
    }
    /* In interleaved mode the transmit timestamp is the older one; nothing is said against a clock
     * that was set between the two answers. */
    int64_t after_receive_ns = timestamp_difference_ns(packet->reference, packet->receive);
    int64_t after_transmit_ns = timestamp_difference_ns(packet->reference, packet->transmit);
    int64_t ahead_ns = after_receive_ns < after_transmit_ns ? after_receive_ns : after_transmit_ns;
    if (!timestamp_is_unset(packet->reference) && is_over(reply, ahead_ns, 0)) {
        return EXCHANGE_REFERENCE;
    }
    return EXCHANGE_OK;
}

/* The four timestamps, from this exchange or, interleaved, from the one before. */
static enum exchange_verdict gather(const struct exchange *exchange,
                                    const struct datagram *datagram, struct exchange_reply *reply)
{
    const struct packet *packet = &reply->packet;
    struct sample *sample = &reply->sample;
    struct wall now = datagram->received.wall;
    sample->is_interleaved = packet->origin.bits != exchange->request.transmit.bits;
    sample->source_sent = wall_near(packet->transmit, now);
    if (!sample->is_interleaved) {
        sample->sent = exchange->request.sent;
        sample->sent_stamp = exchange->request.stamp;
        sample->source_received = wall_near(packet->receive, now);
        sample->received = datagram->received;
        sample->received_stamp = datagram->stamp;
        return EXCHANGE_OK;
    }
    sample->sent = exchange->previous.sent;
    sample->sent_stamp = exchange->previous.stamp;
    sample->source_received = wall_near(exchange->source_received, now);
    sample->received = exchange->received;
    sample->received_stamp = exchange->received_stamp;
    /* The first one is not taken blindly: an answer leaves after the server wrote its transmit
     * timestamp, if this is the answer that we had. Later ones have no such witness, but must fit
     * the round trip. */
    int64_t early_ns = timestamp_difference_ns(exchange->source_sent, packet->transmit);
    int64_t tolerance_ns = precision_ns(packet->precision);
    if (!exchange->was_interleaved && is_over(reply, early_ns, tolerance_ns)) {
        return EXCHANGE_INTERLEAVED;
    }
    return EXCHANGE_OK;
}

static int64_t round_trip_ns(const struct sample *sample)
{
    return saturated_difference(sample->received.mono.ns, sample->sent.mono.ns);
}

/* Do they make a round trip? The delay may come out negative by what the clocks can't tell apart.
 */
static enum exchange_verdict check_times(const struct exchange *exchange,
                                         struct exchange_reply *reply)
{
    struct sample *sample = &reply->sample;
    int64_t trip_ns = round_trip_ns(sample);
    int64_t server_ns = saturated_difference(sample->source_sent.ns, sample->source_received.ns);
    if (is_over(reply, saturated_difference(0, trip_ns), 0)) {
        return EXCHANGE_ROUND_TRIP;
    }
    int64_t tolerance_ns = precision_ns(reply->packet.precision) +
                           precision_ns(exchange->options.precision) +
                           trip_ns / 1000000 * RATE_TOLERANCE_PPM;
    if (is_over(reply, saturated_difference(0, server_ns), tolerance_ns)) {
        return sample->is_interleaved ? EXCHANGE_INTERLEAVED : EXCHANGE_TRANSMIT_EARLY;
    }
    if (is_over(reply, saturated_difference(server_ns, trip_ns), tolerance_ns)) {
        reply->value_ns = server_ns;
        reply->limit_ns = trip_ns;
        return sample->is_interleaved ? EXCHANGE_INTERLEAVED : EXCHANGE_DELAY_NEGATIVE;
    }
    sample->delay_ns = server_ns < trip_ns ? trip_ns - server_ns : 0;
    return EXCHANGE_OK;
}

static enum exchange_verdict compute(const struct exchange *exchange, struct exchange_reply *reply)
{
    const struct packet *packet = &reply->packet;
    struct sample *sample = &reply->sample;
    int64_t half_trip_ns = round_trip_ns(sample) / 2;
    int64_t half_server_ns =
        saturated_difference(sample->source_sent.ns, sample->source_received.ns) / 2;

    /* Halfway, by the oscillator: so a step of our own clock within the exchange does no harm. */
    sample->at.ns = sample->sent.mono.ns + half_trip_ns;
    sample->wall.ns = saturated_difference(sample->source_sent.ns, half_server_ns);
    int64_t ours_ns = saturated_difference(sample->received.wall.ns, half_trip_ns);
    sample->offset_ns = saturated_difference(sample->wall.ns, ours_ns);

    sample->leap = packet->leap;
    sample->version = packet->version;
    sample->stratum = packet->stratum;
    sample->poll = packet->poll;
    sample->precision = packet->precision;
    sample->refid = packet->refid;
    sample->root_delay_ns = timestamp_short_to_ns(packet->root_delay);
    sample->root_dispersion_ns = timestamp_short_to_ns(packet->root_dispersion);
    sample->is_authenticated = exchange->options.key_id != 0;
    /* Halves are rounded up: it is a bound. */
    sample->bound_ns = (sample->delay_ns + 1) / 2 + (sample->root_delay_ns + 1) / 2 +
                       sample->root_dispersion_ns + precision_ns(packet->precision) +
                       precision_ns(exchange->options.precision);
    if (exchange->options.distance_max_ns > 0 &&
        is_over(reply, sample->bound_ns, exchange->options.distance_max_ns)) {
        return EXCHANGE_DISTANCE;
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

enum exchange_verdict exchange_reply(struct exchange *exchange, const struct datagram *datagram,
                                     struct exchange_reply *reply)
{
    *reply = (struct exchange_reply){.size = datagram->payload.size};
    enum exchange_verdict verdict = check_form(exchange, datagram->payload, reply);
    if (verdict != EXCHANGE_OK) {
        return verdict;
    }
    assert(exchange->request.is_sent);
    exchange->is_waiting = false;
    exchange->unanswered = 0;

    verdict = check_claims(reply);
    if (verdict == EXCHANGE_OK) {
        verdict = gather(exchange, datagram, reply);
    }
    if (verdict == EXCHANGE_OK) {
        verdict = check_times(exchange, reply);
    }
    if (verdict == EXCHANGE_OK) {
        verdict = compute(exchange, reply);
    }
    if (verdict == EXCHANGE_OK || verdict == EXCHANGE_DISTANCE) {
        remember(exchange, datagram, reply);
    } else {
        /* Whatever is wrong, the next request starts afresh, in basic mode. */
        exchange->has_previous = false;
    }
    return verdict;
}
