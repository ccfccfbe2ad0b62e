/* SPDX-License-Identifier: MIT */
/* Broadcast (RFC 5905, 3: mode 5), as its server and as its client.
 *
 * The client measures the path to and fro by a burst of ordinary requests, from a socket of its
 * own, at first and then every sixteen polls; in between it listens. While the path is not known,
 * and when broadcasts alone said that the server's clock moved, it asks again after one poll (4 s
 * at least), then two, four, eight, until an answer was taken; if the server asks for fewer
 * requests, as seldom as it says. A broadcast is taken as an exchange whose way there took half of
 * the least delay measured, and whose way back took as much longer than that as it came later than
 * the earliest of the last sixteen. Of the interval a broadcast narrows one end only: it can't have
 * come before it was sent, but it may have been delayed at will. */
#include "client/sync/source_parts.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CALIBRATION_POLLS_LOG2 4
/* So long after a burst's last request the answer is not waited for any more. */
#define CALIBRATION_PATIENCE_NS (2 * NS_PER_S)
/* What a broadcast says of the interval's other end: nothing that would ever count. */
#define NO_BOUND_NS (3600 * NS_PER_S)

int8_t source_broadcast_poll(const struct source *source)
{
    int poll = source->options.poll_min + CALIBRATION_POLLS_LOG2;
    return (int8_t)(poll < SOURCE_POLL_MAX ? poll : SOURCE_POLL_MAX);
}

enum source_news source_broadcast_send(struct source *source, const struct sync_state *claim,
                                       struct reading now, struct actions *out)
{
    polling_sent(&source->polling, now.mono);
    struct packet packet = symmetric_claim(claim, now.mono);
    if (packet.leap == LEAP_UNSYNCHRONISED) {
        return SOURCE_NOTHING; /* who does not know the time need not shout it */
    }
    packet.version = source->options.version;
    packet.mode = MODE_BROADCAST;
    packet.poll = source->options.poll_min;
    packet.transmit = timestamp_from_unix_ns(sync_state_utc(claim, now).ns +
                                             departure_lag_ns(&source->departure));
    uint8_t octets[EXCHANGE_REQUEST_MAX];
    packet_write(&packet, octets);
    struct exchange_options options = {.version = source->options.version,
                                       .key_id = source->options.key_id};
    size_t mac = checks_append_mac(source->macs, &options, octets);
    departure_begin(&source->departure, bytes_make(octets, PACKET_SIZE + mac), now.mono);
    source_send(source, octets, mac != 0 ? PACKET_SIZE + mac : 0, out);
    return SOURCE_NOTHING;
}

void source_broadcast_begin(struct source *source)
{
    source->broadcast = (struct source_broadcast){.is_calibrating = true, .needs_exchange = true};
}

void source_broadcast_forget(struct source *source)
{
    source->broadcast.count = 0;
    source->broadcast.needs_exchange = true;
    source->broadcast.tries = 0;
}

void source_broadcast_taken(struct source *source, bool is_one_way, enum source_news news,
                            struct mono now)
{
    struct source_broadcast *broadcast = &source->broadcast;
    bool is_taken = news == SOURCE_SAMPLED || news == SOURCE_STEPPED;
    bool was_needed = broadcast->needs_exchange;
    if (is_taken && !is_one_way) {
        broadcast->needs_exchange = false;
    } else if (news == SOURCE_STEPPED) {
        broadcast->needs_exchange = true;
    }
    if (was_needed != broadcast->needs_exchange) {
        broadcast->tries = 0;
    }
    if (broadcast->needs_exchange && !was_needed) {
        polling_hurry(&source->polling, POLLING_BURST_COUNT, now);
    }
}

/* One socket at a time: its own while it asks, its place among the server's while it listens. */
static void change_socket(struct source *source, bool is_calibrating, struct actions *out)
{
    source->broadcast.is_calibrating = is_calibrating;
    source->broadcast.fresh_delay_ns = 0;
    actions_append(out, ACTION_CLOSE)->close = source->association;
    source_open(source, out);
}

static struct mono earlier(struct mono a, struct mono b)
{
    return a.ns < b.ns ? a : b;
}

/* When the server is to be asked. */
static struct mono due(const struct source *source)
{
    const struct source_broadcast *broadcast = &source->broadcast;
    const struct polling *polling = &source->polling;
    if (!polling->is_running || !broadcast->needs_exchange || polling_is_bursting(polling) ||
        polling->asked.ns == 0 || !polling_may_burst(polling)) {
        return polling->deadline;
    }
    unsigned log2 = broadcast->tries > 0 ? broadcast->tries - 1 : 0;
    log2 = log2 < CALIBRATION_POLLS_LOG2 ? log2 : CALIBRATION_POLLS_LOG2;
    int64_t poll_ns = timestamp_log2_to_ns(source->options.poll_min);
    poll_ns = poll_ns > 2 * CALIBRATION_PATIENCE_NS ? poll_ns : 2 * CALIBRATION_PATIENCE_NS;
    int64_t pause_ns = poll_ns * (INT64_C(1) << log2);
    return earlier((struct mono){.ns = polling->asked.ns + pause_ns}, polling->deadline);
}

struct mono source_broadcast_deadline(const struct source *source)
{
    const struct polling *polling = &source->polling;
    if (!polling->is_running || !source->broadcast.is_calibrating || polling_is_bursting(polling) ||
        !source->broadcast.has_asked) {
        return due(source);
    }
    return earlier((struct mono){.ns = polling->asked.ns + CALIBRATION_PATIENCE_NS}, due(source));
}

enum source_news source_broadcast_poll_server(struct source *source, struct reading now,
                                              struct actions *out)
{
    struct source_broadcast *broadcast = &source->broadcast;
    if (now.mono.ns < due(source).ns) {
        broadcast->has_asked = false;
        change_socket(source, false, out);
        return SOURCE_NOTHING;
    }
    if (!broadcast->is_calibrating) {
        /* The request follows at the next call, which is due at once. */
        change_socket(source, true, out);
        return SOURCE_NOTHING;
    }
    broadcast->tries += !broadcast->has_asked;
    broadcast->has_asked = true;
    return source_ask_server(source, now, out);
}

void source_broadcast_calibrated(struct source *source, const struct sample *sample)
{
    struct source_broadcast *broadcast = &source->broadcast;
    int64_t delay_ns = sample->delay_ns > 0 ? sample->delay_ns : 1;
    if (broadcast->fresh_delay_ns == 0 || delay_ns < broadcast->fresh_delay_ns) {
        broadcast->fresh_delay_ns = delay_ns;
        broadcast->delay_ns = delay_ns;
    }
    /* It returned our nonce: so this is the server's time now, wherever it was before. */
    broadcast->newest = timestamp_from_unix_ns(sample->source_sent.ns);
}

/* How much later it came than the earliest of the last sixteen, at the rate that is known. */
static int64_t lateness_ns(struct source *source, const struct sample *sample)
{
    struct source_broadcast *broadcast = &source->broadcast;
    struct mono came = sample->received.mono;
    size_t index = broadcast->count % SOURCE_BROADCAST_LEGS;
    broadcast->count++;
    broadcast->came[index] = came;
    broadcast->leg_ns[index] = came.ns - sample->source_sent.ns;
    struct bound_rate rate = source_rate(source, came);
    size_t held =
        broadcast->count < SOURCE_BROADCAST_LEGS ? broadcast->count : SOURCE_BROADCAST_LEGS;
    int64_t least = broadcast->leg_ns[index];
    for (size_t i = 0; i < held; i++) {
        /* A source that gains makes the later legs look shorter. */
        double elapsed = (double)(came.ns - broadcast->came[i].ns);
        double gained = rate.is_learned ? elapsed * rate.rate_ppm * 1e-6 : 0;
        int64_t leg = broadcast->leg_ns[i] - llround(gained);
        least = leg < least ? leg : least;
    }
    return broadcast->leg_ns[index] - least;
}

static enum exchange_verdict check(struct source *source, const struct datagram *datagram,
                                   struct exchange_reply *reply)
{
    reply->size = datagram->payload.size;
    reply->packet_verdict = packet_parse(datagram->payload, &reply->packet);
    struct extensions extensions;
    if (reply->packet_verdict == PACKET_OK) {
        reply->has_packet = true;
        reply->packet_verdict =
            extension_parse(datagram->payload, reply->packet.version, &extensions);
    }
    if (reply->packet_verdict != PACKET_OK) {
        return EXCHANGE_MALFORMED;
    }
    if (reply->packet.mode != MODE_BROADCAST) {
        return EXCHANGE_MODE;
    }
    enum exchange_verdict verdict =
        checks_mac(source->macs, source->options.key_id, datagram->payload, &extensions, reply);
    if (verdict != EXCHANGE_OK) {
        return verdict;
    }
    struct timestamp newest = source->broadcast.newest;
    if (timestamp_is_unset(reply->packet.transmit)) {
        return EXCHANGE_TIMESTAMP_UNSET;
    }
    if (!timestamp_is_unset(newest) &&
        timestamp_difference_ns(reply->packet.transmit, newest) <= 0) {
        return EXCHANGE_DUPLICATE;
    }
    source->broadcast.newest = reply->packet.transmit;
    /* It was sent to nobody in particular, and has no receive timestamp. */
    struct exchange_reply claims = *reply;
    claims.packet.receive = claims.packet.transmit;
    verdict = checks_claims(&claims);
    reply->value_ns = claims.value_ns;
    reply->limit_ns = claims.limit_ns;
    return verdict;
}

/* The exchange that it is taken for. */
static enum exchange_verdict imagine(struct source *source, const struct datagram *datagram,
                                     struct exchange_reply *reply)
{
    struct sample *sample = &reply->sample;
    sample->received = datagram->received;
    sample->received_stamp = datagram->stamp;
    sample->sent_stamp = STAMP_DAEMON;
    sample->source_sent = checks_wall(reply->packet.transmit, datagram->received.wall);
    sample->source_received = sample->source_sent;
    int64_t delay_ns = source->broadcast.delay_ns + lateness_ns(source, sample);
    sample->sent.mono.ns = datagram->received.mono.ns - delay_ns;
    sample->sent.wall.ns = datagram->received.wall.ns - delay_ns;
    struct exchange_options options = {.version = source->options.version,
                                       .precision = source->common.precision,
                                       .key_id = source->options.key_id,
                                       .distance_max_ns = EXCHANGE_DISTANCE_MAX_NS};
    enum exchange_verdict verdict = checks_times(&options, reply);
    return verdict == EXCHANGE_OK ? checks_fill(&options, reply) : verdict;
}

enum source_news source_broadcast_receive(struct source *source, const struct datagram *datagram,
                                          struct reading now, struct actions *out)
{
    struct source_answer answer = {.datagram = datagram};
    answer.verdict = check(source, datagram, &answer.reply);
    switch (answer.verdict) {
    case EXCHANGE_DUPLICATE:
        answer.why =
            "the broadcast is not newer than the one before: it came twice, or is a replay";
        break;
    case EXCHANGE_MODE:
        answer.why = "the packet is no broadcast: mode 5 is expected";
        break;
    case EXCHANGE_OK:
        answer.is_heard = true;
        break;
    default:
        answer.is_heard = answer.verdict == EXCHANGE_UNSYNCHRONISED;
        break;
    }
    if (answer.verdict == EXCHANGE_OK && source->broadcast.delay_ns == 0) {
        source->counts.received++;
        snprintf(source->complaint, sizeof(source->complaint),
                 "broadcasts come, but the path's delay is not known: the server must also answer "
                 "ordinary requests (mode 3)");
        return SOURCE_NOTHING;
    }
    if (answer.verdict == EXCHANGE_OK) {
        answer.verdict = imagine(source, datagram, &answer.reply);
    }
    answer.is_one_way = true;
    return source_judge(source, &answer, now, out);
}

struct sample source_broadcast_legs(const struct sample *sample)
{
    struct sample legs = *sample;
    legs.sent = legs.received;
    legs.source_received.ns += NO_BOUND_NS;
    return legs;
}

void source_broadcast_shift(struct source *source, int64_t by_ns)
{
    for (size_t i = 0; i < SOURCE_BROADCAST_LEGS; i++) {
        source->broadcast.leg_ns[i] -= by_ns;
    }
}
