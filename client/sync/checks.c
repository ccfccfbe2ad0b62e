/* SPDX-License-Identifier: MIT */
#include "client/sync/checks.h"

/* Two clocks that run apart by so much make a round trip of 1 s look shorter by 0.5 ms. */
#define RATE_TOLERANCE_PPM 500
/* Beyond this nothing is vouched for: it would bound nothing, and sums of it may run over. */
#define CLAIM_NS_MAX (3600 * NS_PER_S)
/* 2025: whoever runs this lives later. A clock that starts at 1970 would else place 2040 in 1904.
 */
#define PIVOT_NS_MIN (INT64_C(1735689600) * NS_PER_S)

/* Of a precision that is nonsense so much is kept that it fails the tests. */
int64_t checks_precision_ns(int8_t precision)
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

struct wall checks_wall(struct timestamp timestamp, struct wall pivot)
{
    int64_t pivot_ns = pivot.ns > PIVOT_NS_MIN ? pivot.ns : PIVOT_NS_MIN;
    return (struct wall){.ns = timestamp_to_unix_ns(timestamp, pivot_ns)};
}

bool checks_is_over(struct exchange_reply *reply, int64_t value_ns, int64_t limit_ns)
{
    reply->value_ns = value_ns;
    reply->limit_ns = limit_ns;
    return value_ns > limit_ns;
}

size_t checks_append_mac(struct macs *macs, const struct exchange_options *options,
                         uint8_t out[EXCHANGE_REQUEST_MAX])
{
    if (options->key_id == 0) {
        return 0;
    }
    size_t digest_size = mac_size(macs, options->key_id, options->version);
    if (digest_size == 0 || !mac_make(macs, options->key_id, bytes_make(out, PACKET_SIZE),
                                      out + PACKET_SIZE + 4, digest_size)) {
        return 0;
    }
    bytes_put_u32(out + PACKET_SIZE, options->key_id);
    return 4 + digest_size;
}

enum exchange_verdict checks_mac(struct macs *macs, uint32_t key_id, struct bytes datagram,
                                 const struct extensions *extensions, struct exchange_reply *reply)
{
    if (key_id == 0) {
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
    if (extensions->key_id != key_id) {
        return EXCHANGE_MAC_KEY;
    }
    struct bytes message = bytes_slice(datagram, 0, extensions->signed_size);
    return mac_verify(macs, extensions->key_id, reply->packet.version, message, extensions->digest)
               ? EXCHANGE_OK
               : EXCHANGE_MAC_BAD;
}

enum exchange_verdict checks_claims(struct exchange_reply *reply)
{
    const struct packet *packet = &reply->packet;
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
                          checks_precision_ns(packet->precision);
    if (checks_is_over(reply, distance_ns, EXCHANGE_DISTANCE_MAX_NS)) {
        return EXCHANGE_ROOT_DISTANCE;
    }
    /* In interleaved mode the transmit timestamp is the older one; nothing is said against a clock
     * that was set between the two answers. */
    int64_t after_receive_ns = timestamp_difference_ns(packet->reference, packet->receive);
    int64_t after_transmit_ns = timestamp_difference_ns(packet->reference, packet->transmit);
    int64_t ahead_ns = after_receive_ns < after_transmit_ns ? after_receive_ns : after_transmit_ns;
    if (!timestamp_is_unset(packet->reference) && checks_is_over(reply, ahead_ns, 0)) {
        return EXCHANGE_REFERENCE;
    }
    return EXCHANGE_OK;
}

static int64_t round_trip_ns(const struct sample *sample)
{
    return saturated_difference(sample->received.mono.ns, sample->sent.mono.ns);
}

/* The delay may come out negative by what the clocks can't tell apart.
 */
enum exchange_verdict checks_times(const struct exchange_options *options,
                                   struct exchange_reply *reply)
{
    struct sample *sample = &reply->sample;
    int64_t trip_ns = round_trip_ns(sample);
    int64_t server_ns = saturated_difference(sample->source_sent.ns, sample->source_received.ns);
    if (checks_is_over(reply, saturated_difference(0, trip_ns), 0)) {
        return EXCHANGE_ROUND_TRIP;
    }
    int64_t tolerance_ns = checks_precision_ns(reply->packet.precision) +
                           checks_precision_ns(options->precision) +
                           trip_ns / 1000000 * RATE_TOLERANCE_PPM;
    if (checks_is_over(reply, saturated_difference(0, server_ns), tolerance_ns)) {
        return sample->is_interleaved ? EXCHANGE_INTERLEAVED : EXCHANGE_TRANSMIT_EARLY;
    }
    if (checks_is_over(reply, saturated_difference(server_ns, trip_ns), tolerance_ns)) {
        reply->value_ns = server_ns;
        reply->limit_ns = trip_ns;
        return sample->is_interleaved ? EXCHANGE_INTERLEAVED : EXCHANGE_DELAY_NEGATIVE;
    }
    sample->delay_ns = server_ns < trip_ns ? trip_ns - server_ns : 0;
    return EXCHANGE_OK;
}

enum exchange_verdict checks_fill(const struct exchange_options *options,
                                  struct exchange_reply *reply)
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
    sample->is_authenticated = options->key_id != 0;
    /* Halves are rounded up: it is a bound. */
    sample->bound_ns = (sample->delay_ns + 1) / 2 + (sample->root_delay_ns + 1) / 2 +
                       sample->root_dispersion_ns + checks_precision_ns(packet->precision) +
                       checks_precision_ns(options->precision);
    if (options->distance_max_ns > 0 &&
        checks_is_over(reply, sample->bound_ns, options->distance_max_ns)) {
        return EXCHANGE_DISTANCE;
    }
    return EXCHANGE_OK;
}

static bool is_within(int64_t value_ns, int64_t limit_ns)
{
    return value_ns >= -limit_ns && value_ns <= limit_ns;
}

/* What reads like a claim and can't be one is as good as none. */
static bool is_vouching(const struct member_claim *claim)
{
    return claim->is_bounded && is_within(claim->before_ns, CLAIM_NS_MAX) &&
           is_within(claim->after_ns, CLAIM_NS_MAX) && claim->before_ns + claim->after_ns >= 0;
}

/* One that does not say how far from a reference it is: from its way to UTC. A server is one hop,
 * and there is one at the end of the way. */
static uint8_t member_stratum(const struct packet *packet, const struct member_claim *claim)
{
    bool is_said = packet->stratum > 0 && packet->stratum <= PACKET_STRATUM_MAX;
    unsigned from_hops = claim->hops + 2U;
    if (is_said) {
        return packet->stratum;
    }
    return (uint8_t)(from_hops <= PACKET_STRATUM_MAX ? from_hops : PACKET_STRATUM_MAX + 1);
}

void checks_fill_member(const struct exchange_options *options, const struct member_claim *claim,
                        struct exchange_reply *reply)
{
    struct exchange_options unlimited = *options;
    struct sample *sample = &reply->sample;
    int64_t before_ns = 0, after_ns = 0;
    unlimited.distance_max_ns = 0;
    (void)checks_fill(&unlimited, reply);
    sample->is_unbounded = !is_vouching(claim);
    if (!sample->is_unbounded) {
        before_ns = claim->before_ns;
        after_ns = claim->after_ns;
    }
    int64_t farther_ns = before_ns > after_ns ? before_ns : after_ns;
    sample->root_delay_ns = 0;
    sample->root_dispersion_ns = farther_ns;
    sample->bound_ns = (sample->delay_ns + 1) / 2 + farther_ns +
                       checks_precision_ns(sample->precision) +
                       checks_precision_ns(options->precision);
    sample->spare_before_ns = farther_ns - before_ns;
    sample->spare_after_ns = farther_ns - after_ns;
    sample->stratum = member_stratum(&reply->packet, claim);
    sample->is_authenticated = true;
}
