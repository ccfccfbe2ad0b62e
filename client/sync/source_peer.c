/* SPDX-License-Identifier: MIT */
/* A peer as a source: symmetric.h's packets on source.h's polls. */
#include "client/sync/source_parts.h"
#include <math.h>
#include <stdio.h>

/* A peer that polls slower than we do owes an answer only after its own poll, and a quarter. */
#define OWED_FACTOR 1.25
/* What a short path's stamps scatter by beside their precision. */
#define TOLERANCE_NS (10 * NS_PER_US)
#define UNEVEN_MAX 8

void source_peer_begin(struct source *source)
{
    struct exchange_options options = {.version = source->options.version,
                                       .precision = source->common.precision,
                                       .key_id = source->options.key_id,
                                       .distance_max_ns = EXCHANGE_DISTANCE_MAX_NS};
    symmetric_init(&source->peer.symmetric, &options, source->common.random, source->macs);
    source->peer.has_poll = false;
}

/* What is not owed yet is not missed either. */
static bool is_owed(const struct source *source, struct mono now)
{
    if (!source->peer.has_poll || source->peer.poll <= source->polling.poll) {
        return true;
    }
    double owed_ns = OWED_FACTOR * (double)timestamp_log2_to_ns(source->peer.poll);
    return (double)(now.ns - source->peer.heard.ns) > owed_ns;
}

enum source_news source_peer_send(struct source *source, const struct sync_state *claim,
                                  struct reading now, struct actions *out)
{
    uint8_t packet[EXCHANGE_REQUEST_MAX];
    source->peer.symmetric.lag_ns = departure_lag_ns(&source->departure);
    size_t size =
        symmetric_packet(&source->peer.symmetric, claim, source->polling.poll, now, packet);
    enum source_news news = SOURCE_NOTHING;
    if (is_owed(source, now.mono)) {
        news = source_asked(source, now.mono);
    } else {
        polling_sent(&source->polling, now.mono);
    }
    departure_begin(&source->departure, bytes_make(packet, size), now.mono);
    source_send(source, packet, size, out);
    return news;
}

enum source_news source_peer_receive(struct source *source, const struct datagram *datagram,
                                     const struct sync_state *claim, struct reading now,
                                     struct actions *out)
{
    struct source_answer answer = {.datagram = datagram};
    answer.verdict = symmetric_receive(&source->peer.symmetric, datagram, claim, &answer.reply,
                                       &answer.is_heard);
    answer.why = symmetric_explain(answer.verdict, &answer.reply.packet);
    if (answer.is_heard && answer.verdict != EXCHANGE_KISS) {
        /* Two peers poll at the shorter of their intervals. */
        source->peer.has_poll = true;
        source->peer.poll = answer.reply.packet.poll;
        source->peer.heard = now.mono;
        polling_follow(&source->polling, source->peer.poll, now.mono);
    }
    if (answer.is_heard && answer.verdict == EXCHANGE_DUPLICATE) {
        source->counts.received++;
        source->polling.reach |= source->is_unsynchronised ? 0 : 1;
        source->heard |= 1;
        return SOURCE_NOTHING;
    }
    return source_judge(source, &answer, now, out);
}

static int64_t growth_ns(const struct source *source, const struct sample *sample, struct mono now)
{
    struct bound_rate rate = source_rate(source, now);
    return bound_growth_ns(&source->bound.options, &rate,
                           sample->received.mono.ns - sample->sent.mono.ns);
}

/* The filter begins anew with the exchanges of the run but the last, at the rate that they show
 * together. */
static void take_again(struct source *source, size_t run, struct mono now)
{
    const struct symmetric_history *history = &source->peer.history;
    source->peer.taken = run;
    filter_clear(source->filter);
    source_forget_books(source);
    for (size_t age = run - 1; age > 0; age--) {
        struct sample sample = *symmetric_history_sample(history, age);
        symmetric_history_correct(&sample, source->peer.rate_ppm, growth_ns(source, &sample, now));
        if (filter_add(source->filter, &sample) != FILTER_DOUBTED) {
            source_keep_books(source, &sample);
        }
    }
}

enum source_peer_verdict source_peer_prepare(struct source *source, struct sample *sample,
                                             struct mono now)
{
    struct source_peer *peer = &source->peer;
    int64_t tolerance_ns = checks_precision_ns(sample->precision) +
                           checks_precision_ns(source->common.precision) + TOLERANCE_NS;
    symmetric_history_add(&peer->history, sample);
    size_t run = symmetric_history_run(&peer->history, tolerance_ns);
    peer->uneven = run == 0 ? peer->uneven + 1 : 0;
    if (peer->uneven >= UNEVEN_MAX) {
        /* That is no step: one of the clocks is restless. */
        run = SYMMETRIC_HISTORY_RUN_MIN;
    }
    if (run != 0) {
        peer->rate_ppm = symmetric_history_rate_ppm(&peer->history, run);
    }
    /* At first the exchanges are taken again whenever the rate is known twice as well. */
    if (run != 0 && peer->taken < SYMMETRIC_HISTORY_MAX && run >= 2 * peer->taken) {
        take_again(source, run, now);
    } else if (peer->taken == 0) {
        return SOURCE_PEER_HELD;
    }
    if (symmetric_history_delay_ns(sample, peer->rate_ppm) < -tolerance_ns) {
        return SOURCE_PEER_NEGATIVE;
    }
    symmetric_history_correct(sample, peer->rate_ppm, growth_ns(source, sample, now));
    return SOURCE_PEER_READY;
}

void source_peer_shift(struct source *source, int64_t by_ns)
{
    for (size_t i = 0; i < SYMMETRIC_HISTORY_MAX; i++) {
        struct sample *sample = &source->peer.history.samples[i];
        sample->wall.ns += by_ns;
        sample->source_received.ns += by_ns;
        sample->source_sent.ns += by_ns;
    }
}
