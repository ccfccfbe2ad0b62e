/* SPDX-License-Identifier: MIT */
/* A peer as a source: symmetric.h's packets on source.h's polls. */
#include "client/sync/source_parts.h"
#include <math.h>
#include <stdio.h>

/* A peer that polls slower than we do owes an answer only after its own poll, and a quarter. */
#define OWED_FACTOR 1.25
/* A corrected delay may be below zero by so many standard deviations of the rate. */
#define NEGATIVE_SD 6.0

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
    size_t size =
        symmetric_packet(&source->peer.symmetric, claim, source->polling.poll, now, packet);
    enum source_news news = SOURCE_NOTHING;
    if (is_owed(source, now.mono)) {
        news = source_asked(source, now.mono);
    } else {
        polling_sent(&source->polling, now.mono);
    }
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

/* The filter begins anew with all exchanges but the last, at the rate that they show together. */
static void take_again(struct source *source, struct mono now)
{
    const struct symmetric_history *history = &source->peer.history;
    double rate_ppm = symmetric_history_rate_ppm(history);
    filter_clear(source->filter);
    source_forget_books(source);
    for (size_t i = 0; i + 1 < history->count; i++) {
        struct sample sample = history->samples[i];
        symmetric_history_correct(&sample, rate_ppm, growth_ns(source, &sample, now));
        if (filter_add(source->filter, &sample) != FILTER_DOUBTED) {
            source_keep_books(source, &sample);
        }
    }
}

enum source_peer_verdict source_peer_prepare(struct source *source, struct sample *sample,
                                             struct mono now)
{
    struct symmetric_history *history = &source->peer.history;
    struct estimate estimate;
    if (symmetric_history_add(history, sample)) {
        take_again(source, now);
        symmetric_history_correct(sample, symmetric_history_rate_ppm(history),
                                  growth_ns(source, sample, now));
        return SOURCE_PEER_READY;
    }
    if (!filter_estimate(source->filter, now, &estimate)) {
        return SOURCE_PEER_HELD;
    }
    double trip_ns = (double)(sample->received.mono.ns - sample->sent.mono.ns);
    double tolerance_ns = NEGATIVE_SD * estimate.rate_sd_ppm * 1e-6 * trip_ns +
                          2.0 * (double)timestamp_log2_to_ns(source->common.precision);
    if ((double)symmetric_history_delay_ns(sample, estimate.rate_ppm) < -tolerance_ns) {
        /* The rate is not what it was. If that goes on, it is learned anew. */
        if (history->count == SYMMETRIC_HISTORY_MAX) {
            history->count = 0;
            (void)symmetric_history_add(history, sample);
        }
        return SOURCE_PEER_NEGATIVE;
    }
    symmetric_history_correct(sample, estimate.rate_ppm, growth_ns(source, sample, now));
    return SOURCE_PEER_READY;
}

void source_peer_stepped(struct source *source, const struct sample *raw)
{
    /* A line through offsets from before and after the step would be no rate. Once the history is
     * full the filter knows the rate, and keeps it. */
    if (source->peer.history.count < SYMMETRIC_HISTORY_MAX) {
        source->peer.history.count = 0;
        (void)symmetric_history_add(&source->peer.history, raw);
    }
}
