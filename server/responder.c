/* SPDX-License-Identifier: MIT */
#include "server/responder.h"

#define POLL_MAX 17 /* RFC 5905, 7.2 */
#define KEY_ID_SIZE 4

const char *responder_verdict_name(enum responder_verdict verdict)
{
    static const char *const names[RESPONDER_VERDICTS] = {
        [RESPONDER_ANSWER] = "answered",
        [RESPONDER_MALFORMED] = "malformed",
        [RESPONDER_VERSION] = "unknown version",
        [RESPONDER_NOT_REQUEST] = "not a request",
        [RESPONDER_CONTROL] = "control message",
        [RESPONDER_DENIED] = "access denied",
        [RESPONDER_LIMITED] = "rate limited",
        [RESPONDER_OWN_ADDRESS] = "impossible source address",
        [RESPONDER_TO_GROUP] = "sent to a group",
    };
    return (unsigned)verdict < RESPONDER_VERDICTS ? names[verdict] : "unknown verdict";
}

/* Whether an answer to that source could reach one client, and not ourselves: with a forged source
 * it would go to many, or round in circles. */
static bool source_is_possible(const struct datagram *datagram)
{
    const struct address *source = &datagram->source;
    if (source->port == 0) {
        return false;
    }
    uint8_t first = source->octets[0];
    if (source->family == ADDRESS_IPV4) {
        /* 0.0.0.0/8, groups, the reserved class and broadcast. */
        if (first == 0 || first >= 224) {
            return false;
        }
    } else if (source->family != ADDRESS_IPV6 || first == 0xFF || address_is_wildcard(source)) {
        return false;
    }
    return source->port != datagram->destination.port ||
           !address_is_same_host(source, &datagram->destination);
}

enum responder_verdict responder_glance(const struct datagram *datagram)
{
    if (datagram->payload.size == 0) {
        return RESPONDER_MALFORMED;
    }
    uint8_t first = bytes_u8(datagram->payload, 0);
    unsigned mode = packet_mode_of(first);
    unsigned version = packet_version_of(first);
    if (mode == MODE_CONTROL || mode == MODE_PRIVATE) {
        return RESPONDER_CONTROL;
    }
    if (version == 0 || version > PACKET_VERSION_MAX) {
        return RESPONDER_VERSION;
    }
    /* Version 1 had no modes at first (RFC 1059): there zero is a client. */
    bool is_request =
        mode == MODE_CLIENT || mode == MODE_ACTIVE || (mode == MODE_RESERVED && version == 1);
    if (!is_request) {
        return RESPONDER_NOT_REQUEST;
    }
    if (datagram->payload.size < PACKET_SIZE) {
        return RESPONDER_MALFORMED;
    }
    if (datagram->to_group) {
        return RESPONDER_TO_GROUP;
    }
    return source_is_possible(datagram) ? RESPONDER_ANSWER : RESPONDER_OWN_ADDRESS;
}

static bool is_authentic(const struct datagram *datagram, struct macs *macs, unsigned version,
                         const struct extensions *extensions)
{
    const struct key *key = macs == NULL ? NULL : macs_key(macs, extensions->key_id);
    return key != NULL && key_is_allowed(key, &datagram->source) &&
           mac_verify(macs, extensions->key_id, version,
                      bytes_slice(datagram->payload, 0, extensions->signed_size),
                      extensions->digest);
}

/* What follows the header. */
static enum responder_verdict read_remainder(const struct datagram *datagram, struct macs *macs,
                                             struct request *request)
{
    struct extensions extensions;
    unsigned version = request->packet.version;
    /* A crypto-NAK answers a request; as one it asks for nothing. */
    if (extension_parse(datagram->payload, version, &extensions) != PACKET_OK ||
        extensions.mac == MAC_CRYPTO_NAK) {
        return RESPONDER_MALFORMED;
    }
    if (extensions.mac == MAC_NONE) {
        return RESPONDER_ANSWER;
    }
    if (is_authentic(datagram, macs, version, &extensions)) {
        request->auth = RESPONDER_AUTHENTIC;
        request->key_id = extensions.key_id;
        request->digest_size = (uint8_t)extensions.digest.size;
    } else {
        request->auth = RESPONDER_CRYPTO_NAK;
    }
    return RESPONDER_ANSWER;
}

enum responder_verdict responder_read(const struct datagram *datagram, struct macs *macs,
                                      struct request *request)
{
    struct request parsed;
    if (packet_parse(datagram->payload, &parsed.packet) != PACKET_OK) {
        return RESPONDER_MALFORMED;
    }
    parsed.auth = RESPONDER_PLAIN;
    parsed.key_id = 0;
    parsed.digest_size = 0;
    if (datagram->payload.size != PACKET_SIZE) {
        enum responder_verdict verdict = read_remainder(datagram, macs, &parsed);
        if (verdict != RESPONDER_ANSWER) {
            return verdict;
        }
    }
    *request = parsed;
    return RESPONDER_ANSWER;
}

size_t responder_size(const struct request *request)
{
    if (request->auth == RESPONDER_PLAIN) {
        return PACKET_SIZE;
    }
    return PACKET_SIZE + KEY_ID_SIZE + request->digest_size;
}

struct responder_claim responder_claim_make(const struct sync_state *state, struct mono now)
{
    struct responder_claim claim = {
        .leap = sync_state_leap(state, now),
        .stratum = state->stratum,
        .precision = state->precision,
        .root_delay = timestamp_short_from_ns(state->root_delay_ns),
        .root_dispersion = timestamp_short_from_ns(sync_state_dispersion_ns(state, now)),
        .refid = state->refid,
    };
    if (state->reference.ns != 0) {
        claim.reference = timestamp_from_unix_ns(state->reference.ns);
    }
    if (state->stratum == 0 || state->stratum > PACKET_STRATUM_MAX ||
        state->leap == LEAP_UNSYNCHRONISED) {
        /* Four letters beside stratum 0 would be a kiss code, and some clients stop asking at any
         * of them: a zero refid says no more than is so. */
        claim.leap = LEAP_UNSYNCHRONISED;
        claim.stratum = 0;
        claim.refid = 0;
        claim.reference.bits = 0;
    }
    return claim;
}

static uint8_t reply_mode(const struct request *request)
{
    return request->packet.mode == MODE_ACTIVE ? MODE_PASSIVE : MODE_SERVER;
}

void responder_write(const struct request *request, const struct responder_claim *claim,
                     struct timestamp origin, struct timestamp receive, uint8_t out[PACKET_SIZE])
{
    struct packet reply = {
        .leap = claim->leap,
        .version = request->packet.version,
        .mode = reply_mode(request),
        .stratum = claim->stratum,
        .poll = request->packet.poll,
        .precision = claim->precision,
        .root_delay = claim->root_delay,
        .root_dispersion = claim->root_dispersion,
        .refid = claim->refid,
        .reference = claim->reference,
        .origin = origin,
        .receive = receive,
    };
    packet_write(&reply, out);
}

void responder_write_kiss(const struct request *request, uint32_t code, int8_t poll_min,
                          uint8_t out[PACKET_SIZE])
{
    int8_t poll = request->packet.poll < POLL_MAX ? request->packet.poll : POLL_MAX;
    struct packet reply = {
        .leap = LEAP_UNSYNCHRONISED,
        .version = request->packet.version,
        .mode = reply_mode(request),
        .poll = poll > poll_min ? poll : poll_min,
        .refid = code,
        .origin = request->packet.transmit,
        .receive = request->packet.transmit,
        .transmit = request->packet.transmit,
    };
    packet_write(&reply, out);
}
