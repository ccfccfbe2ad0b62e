/* SPDX-License-Identifier: MIT */
#include "client/sync/symmetric.h"
#include "client/sync/checks.h"

#define FRACTION_BITS 32
#define NONCE_BITS_MAX 31

void symmetric_init(struct symmetric *symmetric, const struct exchange_options *options,
                    struct random *random, struct macs *macs)
{
    assert(options->version >= 1 && options->version <= PACKET_VERSION_MAX);
    assert(options->key_id == 0 || macs != NULL);
    *symmetric = (struct symmetric){.options = *options, .random = random, .macs = macs};
}

struct packet symmetric_claim(const struct sync_state *claim, struct mono now)
{
    struct packet packet = {
        .leap = sync_state_leap(claim, now),
        .stratum = claim->stratum,
        .precision = claim->precision,
        .root_delay = timestamp_short_from_ns(claim->root_delay_ns),
        .root_dispersion = timestamp_short_from_ns(sync_state_dispersion_ns(claim, now)),
        .refid = claim->refid,
    };
    if (claim->reference.ns != 0) {
        packet.reference = timestamp_from_unix_ns(claim->reference.ns);
    }
    if (claim->stratum == 0 || claim->stratum > PACKET_STRATUM_MAX ||
        claim->leap == LEAP_UNSYNCHRONISED) {
        /* Letters beside stratum 0 would be a kiss code. */
        packet.leap = LEAP_UNSYNCHRONISED;
        packet.stratum = 0;
        packet.refid = 0;
        packet.reference.bits = 0;
    }
    return packet;
}

/* Our time, in whose bits below the precision only chance stands. */
static struct timestamp make_transmit(struct symmetric *symmetric, const struct sync_state *claim,
                                      struct reading now)
{
    int bits = FRACTION_BITS + symmetric->options.precision;
    bits = bits < 1 ? 1 : bits;
    bits = bits > NONCE_BITS_MAX ? NONCE_BITS_MAX : bits;
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    struct timestamp utc =
        timestamp_from_unix_ns(sync_state_utc(claim, now).ns + symmetric->lag_ns);
    struct timestamp transmit;
    do {
        transmit.bits = (utc.bits & ~mask) | (random_u64(symmetric->random) & mask);
    } while (transmit.bits == 0 || transmit.bits == symmetric->transmit.bits);
    return transmit;
}

size_t symmetric_packet(struct symmetric *symmetric, const struct sync_state *claim, int8_t poll,
                        struct reading now, uint8_t out[EXCHANGE_REQUEST_MAX])
{
    struct packet packet = symmetric_claim(claim, now.mono);
    packet.version = symmetric->options.version;
    packet.mode = MODE_ACTIVE;
    packet.poll = poll;
    packet.origin = symmetric->echo.transmit;
    packet.receive = symmetric->echo.receive;
    packet.transmit = make_transmit(symmetric, claim, now);
    packet_write(&packet, out);
    size_t size = PACKET_SIZE + checks_append_mac(symmetric->macs, &symmetric->options, out);
    if (size == PACKET_SIZE && symmetric->options.key_id != 0) {
        return 0;
    }
    symmetric->transmit = packet.transmit;
    symmetric->sent = now;
    symmetric->sent_stamp = STAMP_DAEMON;
    symmetric->is_open = true;
    /* From now on a packet that returns nothing may be the first of a peer that began anew. */
    symmetric->echo.is_answer = false;
    return size;
}

void symmetric_sent(struct symmetric *symmetric, const struct sent *sent)
{
    size_t size = PACKET_SIZE;
    if (symmetric->options.key_id != 0) {
        size +=
            4 + mac_size(symmetric->macs, symmetric->options.key_id, symmetric->options.version);
    }
    struct bytes payload = sent->payload;
    if (!symmetric->is_open || payload.size < size ||
        bytes_u64(payload, payload.size - size + PACKET_TRANSMIT_OFFSET) !=
            symmetric->transmit.bits) {
        return;
    }
    /* A kernel's stamp from before our own reading was taken across a step of the clock. */
    if (sent->at.mono.ns >= symmetric->sent.mono.ns) {
        symmetric->sent = sent->at;
        symmetric->sent_stamp = sent->stamp;
    }
}

static bool is_authentic_source(const struct symmetric *symmetric, const struct address *source)
{
    const struct key *key =
        symmetric->macs == NULL ? NULL : macs_key(symmetric->macs, symmetric->options.key_id);
    return key == NULL || key_is_allowed(key, source);
}

/* Reads it. Nothing is changed by what fails here. */
static enum exchange_verdict check_form(const struct symmetric *symmetric,
                                        const struct datagram *datagram,
                                        struct exchange_reply *reply)
{
    reply->packet_verdict = packet_parse(datagram->payload, &reply->packet);
    if (reply->packet_verdict != PACKET_OK) {
        return EXCHANGE_MALFORMED;
    }
    const struct packet *packet = &reply->packet;
    reply->has_packet = true;
    struct extensions extensions;
    reply->packet_verdict = extension_parse(datagram->payload, packet->version, &extensions);
    if (reply->packet_verdict != PACKET_OK) {
        return EXCHANGE_MALFORMED;
    }
    if (packet->mode != MODE_ACTIVE && packet->mode != MODE_PASSIVE) {
        return EXCHANGE_MODE;
    }
    enum exchange_verdict verdict = checks_mac(symmetric->macs, symmetric->options.key_id,
                                               datagram->payload, &extensions, reply);
    if (verdict != EXCHANGE_OK) {
        return verdict;
    }
    if (!is_authentic_source(symmetric, &datagram->source)) {
        return EXCHANGE_MAC_KEY;
    }
    if (timestamp_is_unset(packet->transmit)) {
        return EXCHANGE_TIMESTAMP_UNSET;
    }
    return EXCHANGE_OK;
}

/* A passive peer that refuses us. Another word beside stratum 0 ("INIT") is a peer's that has no
 * time yet, and whose timestamps we need. */
static bool is_kiss(const struct packet *packet)
{
    return packet_is_kiss(packet) &&
           (packet->refid == KISS_RATE || packet->refid == KISS_DENY || packet->refid == KISS_RSTR);
}

static struct timestamp local_time(const struct sync_state *claim, struct reading at)
{
    return timestamp_from_unix_ns(sync_state_utc(claim, at).ns);
}

/* What does not return our timestamp: of a peer that has not heard us yet or lost our last packet,
 * or of somebody else. */
static enum exchange_verdict take_stranger(struct symmetric *symmetric,
                                           const struct datagram *datagram,
                                           const struct sync_state *claim,
                                           const struct packet *packet)
{
    bool is_old = !timestamp_is_unset(symmetric->newest) &&
                  timestamp_difference_ns(packet->transmit, symmetric->newest) <= 0;
    /* A replay is not returned, nor what comes beside a peer that answers. A peer that starts again
     * with a clock that is behind finds back by returning ours. */
    if (!is_old && !symmetric->echo.is_answer) {
        symmetric->echo = (struct symmetric_echo){.transmit = packet->transmit,
                                                  .receive = local_time(claim, datagram->received)};
    }
    return EXCHANGE_BOGUS;
}

static void gather(const struct symmetric *symmetric, const struct datagram *datagram,
                   struct exchange_reply *reply)
{
    struct sample *sample = &reply->sample;
    sample->sent = symmetric->sent;
    sample->sent_stamp = symmetric->sent_stamp;
    sample->source_received = checks_wall(reply->packet.receive, datagram->received.wall);
    sample->source_sent = checks_wall(reply->packet.transmit, datagram->received.wall);
    sample->received = datagram->received;
    sample->received_stamp = datagram->stamp;
}

static enum exchange_verdict judge(const struct symmetric *symmetric,
                                   const struct datagram *datagram, struct exchange_reply *reply)
{
    enum exchange_verdict verdict = checks_claims(reply);
    if (verdict == EXCHANGE_OK) {
        gather(symmetric, datagram, reply);
        verdict = checks_times(&symmetric->options, reply);
    }
    return verdict == EXCHANGE_OK ? checks_fill(&symmetric->options, reply) : verdict;
}

enum exchange_verdict symmetric_receive(struct symmetric *symmetric,
                                        const struct datagram *datagram,
                                        const struct sync_state *claim,
                                        struct exchange_reply *reply, bool *is_answer)
{
    *is_answer = false;
    *reply = (struct exchange_reply){.size = datagram->payload.size};
    enum exchange_verdict verdict = check_form(symmetric, datagram, reply);
    if (verdict != EXCHANGE_OK) {
        return verdict;
    }
    const struct packet *packet = &reply->packet;
    bool is_ours =
        !timestamp_is_unset(packet->origin) && packet->origin.bits == symmetric->transmit.bits;
    if (is_ours && is_kiss(packet)) {
        /* Its timestamps are ours. */
        *is_answer = symmetric->is_open;
        symmetric->is_open = false;
        return *is_answer ? EXCHANGE_KISS : EXCHANGE_DUPLICATE;
    }
    if (packet->transmit.bits == symmetric->newest.bits ||
        packet->transmit.bits == symmetric->echo.transmit.bits) {
        return EXCHANGE_DUPLICATE;
    }
    if (!is_ours) {
        return take_stranger(symmetric, datagram, claim, packet);
    }
    *is_answer = true;
    symmetric->newest = packet->transmit;
    symmetric->echo = (struct symmetric_echo){.transmit = packet->transmit,
                                              .receive = local_time(claim, datagram->received),
                                              .is_answer = true};
    if (!symmetric->is_open) {
        /* The peer polls more often than we do; the way to it was measured already. */
        return EXCHANGE_DUPLICATE;
    }
    symmetric->is_open = false;
    return judge(symmetric, datagram, reply);
}

const char *symmetric_explain(enum exchange_verdict verdict, const struct packet *packet)
{
    switch (verdict) {
    case EXCHANGE_BOGUS:
        return timestamp_is_unset(packet->origin)
                   ? "the packet returns no timestamp of ours: the peer has not heard us yet"
                   : "the packet returns another timestamp than our last one: the peer lost it or "
                     "crossed it on the way, or the packet is forged";
    case EXCHANGE_DUPLICATE:
        return "the packet came a second time, or returns what was returned already: nothing is "
               "measured by it";
    case EXCHANGE_MODE:
        return "the packet is not a peer's: modes 1 and 2 are expected";
    case EXCHANGE_UNSYNCHRONISED:
        return "the peer says that it is not synchronised (leap indicator 3): it does not know the "
               "time yet";
    case EXCHANGE_TIMESTAMP_UNSET:
        return "the packet's receive or transmit timestamp is zero, both are needed";
    default:
        return NULL;
    }
}
