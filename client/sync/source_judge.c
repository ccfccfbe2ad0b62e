/* SPDX-License-Identifier: MIT */
#include "client/sync/source_parts.h"
#include "common/base/quantity.h"
#include <stdio.h>

/* So many answers in a row beyond max-delay-ratio: the path got longer, and its least is learned
 * anew. */
#define LONGER_COUNT_MAX 8
#define JITTER_GAIN_MIN 0.125

/* Where a test that failed stands in chronyc's row of ten. */
static uint16_t failed_tests(enum exchange_verdict verdict)
{
    switch (verdict) {
    case EXCHANGE_OK:
        return 0;
    case EXCHANGE_DUPLICATE:
        return 0x200;
    case EXCHANGE_BOGUS:
        return 0x100;
    case EXCHANGE_TIMESTAMP_UNSET:
        return 0x080;
    case EXCHANGE_MAC_NAK:
    case EXCHANGE_MAC_MISSING:
    case EXCHANGE_MAC_KEY:
    case EXCHANGE_MAC_BAD:
        return 0x040;
    case EXCHANGE_KISS:
    case EXCHANGE_UNSYNCHRONISED:
    case EXCHANGE_STRATUM:
        return 0x020;
    case EXCHANGE_ROOT_DISTANCE:
    case EXCHANGE_REFERENCE:
        return 0x010;
    default:
        return 0x008;
    }
}

/* A line of the log of measurements; `answer` may have failed any test. */
static struct measurement *measure(const struct source *source, const struct source_answer *answer,
                                   struct actions *out)
{
    const struct exchange_reply *reply = &answer->reply;
    struct measurement *measured = &actions_append(out, ACTION_MEASURED)->measured;
    *measured = (struct measurement){.remote = source->remote,
                                     .at = answer->datagram->received,
                                     .refid = reply->packet.refid,
                                     .stratum = reply->packet.stratum,
                                     .leap = reply->packet.leap,
                                     .mode = reply->packet.mode,
                                     .poll = source->polling.poll,
                                     .received_stamp = answer->datagram->stamp,
                                     .verdict = exchange_verdict_name(answer->verdict)};
    snprintf(measured->name, sizeof(measured->name), "%s", source->options.name);
    if (answer->verdict == EXCHANGE_OK) {
        const struct sample *sample = &reply->sample;
        measured->is_good = true;
        measured->offset_ns = sample->offset_ns + source->options.offset_ns;
        measured->delay_ns = sample->delay_ns;
        measured->root_delay_ns = sample->root_delay_ns;
        measured->root_distance_ns = sample->bound_ns;
        measured->root_dispersion_ns = sample->root_dispersion_ns;
        measured->sent_stamp = sample->sent_stamp;
        measured->received_stamp = sample->received_stamp;
        measured->is_interleaved = sample->is_interleaved;
        measured->is_authenticated = sample->is_authenticated;
    }
    return measured;
}

static enum source_news take_kiss(struct source *source, const struct packet *packet,
                                  struct mono now)
{
    source->counts.kisses++;
    if (packet->refid == KISS_DENY || packet->refid == KISS_RSTR) {
        source->is_denied = true;
        polling_stop(&source->polling);
        return SOURCE_CHANGED;
    }
    if (packet->refid == KISS_RATE) {
        polling_slow(&source->polling, packet->poll, now);
        return SOURCE_NOTHING;
    }
    bool is_news = !source->is_unsynchronised;
    source->is_unsynchronised = true;
    return is_news ? SOURCE_CHANGED : SOURCE_NOTHING;
}

/* An answer that passed too few tests to be a sample. */
static enum source_news refuse(struct source *source, struct source_answer *answer, struct mono now,
                               struct actions *out)
{
    source->counts.naks += answer->verdict == EXCHANGE_MAC_NAK;
    /* Anybody can send what is refused here: one line per request of ours is enough. */
    if (answer->is_heard || !source->has_complained) {
        char sentence[EXCHANGE_TEXT_MAX];
        exchange_explain(answer->verdict, &answer->reply, sentence);
        if (answer->verdict == EXCHANGE_KISS && answer->reply.packet.refid == KISS_RATE) {
            answer->why = "it asks for fewer requests (kiss code RATE): its poll gets longer";
        }
        snprintf(source->complaint, sizeof(source->complaint), "%s",
                 answer->why != NULL ? answer->why : sentence);
        struct measurement *measured = measure(source, answer, out);
        snprintf(measured->reason, sizeof(measured->reason), "%s", source->complaint);
        source->tests = SOURCE_TESTS_ALL & (uint16_t)~failed_tests(answer->verdict);
        source->has_complained = true;
    }
    if (!answer->is_heard) {
        return SOURCE_NOTHING;
    }
    if (answer->verdict == EXCHANGE_KISS) {
        return take_kiss(source, &answer->reply.packet, now);
    }
    bool was_unsynchronised = source->is_unsynchronised;
    source->is_unsynchronised =
        answer->verdict == EXCHANGE_UNSYNCHRONISED || answer->verdict == EXCHANGE_STRATUM;
    return was_unsynchronised == source->is_unsynchronised ? SOURCE_NOTHING : SOURCE_CHANGED;
}

static void explain_delay(char reason[MEASUREMENT_TEXT_MAX], int64_t delay_ns, int64_t limit_ns,
                          const char *option)
{
    char delay[QUANTITY_TEXT_MAX];
    char limit[QUANTITY_TEXT_MAX];
    quantity_format_duration(delay_ns, false, delay);
    quantity_format_duration(limit_ns, false, limit);
    snprintf(reason, MEASUREMENT_TEXT_MAX, "the round trip took %s, at most %s is accepted (%s)",
             delay, limit, option);
}

/* The limits of the configuration. The reason, if it is refused. */
static const char *delay_verdict(struct source *source, const struct sample *sample,
                                 char reason[MEASUREMENT_TEXT_MAX])
{
    const struct source_options *options = &source->options;
    if (options->max_delay_ns > 0 && sample->delay_ns > options->max_delay_ns) {
        explain_delay(reason, sample->delay_ns, options->max_delay_ns, "max-delay");
        source->tests &= (uint16_t)~0x008;
        return "delay";
    }
    bool is_least = source->least_delay_ns == 0 || sample->delay_ns < source->least_delay_ns;
    if (is_least) {
        source->least_delay_ns = sample->delay_ns > 0 ? sample->delay_ns : 1;
    }
    if (options->max_delay_ratio > 0) {
        double limit = options->max_delay_ratio * (double)source->least_delay_ns;
        if ((double)sample->delay_ns > limit && source->longer_count + 1 < LONGER_COUNT_MAX) {
            bool is_first = source->longer_count++ == 0;
            if (is_first || sample->delay_ns < source->longer_delay_ns) {
                source->longer_delay_ns = sample->delay_ns;
            }
            explain_delay(reason, sample->delay_ns, (int64_t)limit, "max-delay-ratio");
            source->tests &= (uint16_t)~0x004;
            return "delay ratio";
        }
        if ((double)sample->delay_ns > limit) {
            source->least_delay_ns = sample->delay_ns < source->longer_delay_ns
                                         ? sample->delay_ns
                                         : source->longer_delay_ns;
        }
    }
    source->longer_count = 0;
    return NULL;
}

void source_forget_books(struct source *source)
{
    source->instants = 0;
    source->residual_square = 0;
}

void source_keep_books(struct source *source, const struct sample *sample)
{
    if (source->instants == 0) {
        source->begun = sample->at;
    }
    source->instants_at[source->instants % SOURCE_INSTANTS] = sample->at;
    source->instants++;
    struct estimate estimate;
    if (source->instants > 1 && filter_estimate(source->filter, sample->at, &estimate)) {
        double residual = (double)(sample->wall.ns - estimate.wall.ns) - estimate.fraction_ns;
        double gain = 1.0 / (double)(source->instants - 1);
        gain = gain > JITTER_GAIN_MIN ? gain : JITTER_GAIN_MIN;
        source->residual_square += gain * (residual * residual - source->residual_square);
    }
}

static void weigh_poll(struct source *source, struct mono now)
{
    int64_t interval_ns = polling_interval_ns(&source->polling);
    struct mono next = {.ns = now.ns + interval_ns};
    struct mono later = {.ns = now.ns + 2 * interval_ns};
    polling_weigh(&source->polling, filter_predict_sd_ns(source->filter, now),
                  filter_predict_sd_ns(source->filter, next),
                  filter_predict_sd_ns(source->filter, later));
}

/* Narrows the interval. A sample that the filter keeps aside is kept out of it too: while nobody
 * knows whether the clock moved, the interval only grows. */
static bool narrow(struct source *source, const struct sample *sample,
                   const struct bound_rate *rate, enum filter_verdict verdict)
{
    if (verdict == FILTER_DOUBTED || verdict == FILTER_OLD) {
        return false;
    }
    if (verdict == FILTER_STEPPED) {
        bound_void(&source->bound);
        source_member_forget(source);
    }
    if (source->options.kind == SOURCE_MEMBER) {
        return source_member_narrow(source, sample, rate);
    }
    return bound_add(&source->bound, sample, rate) == BOUND_CONTRADICTED;
}

/* The source's clock, its rate or the path moved: the estimate began anew with this sample. */
static enum source_news begin_anew(struct source *source, struct measurement *measured)
{
    source->counts.steps++;
    polling_stepped(&source->polling);
    measured->verdict = "stepped";
    snprintf(measured->reason, sizeof(measured->reason),
             "several answers agree that the source's clock, or the path to it, has moved: its "
             "estimate begins anew");
    return SOURCE_STEPPED;
}

static enum source_news take(struct source *source, const struct sample *sample,
                             const struct sample *legs, struct reading now,
                             struct measurement *measured)
{
    struct bound_rate rate = source_rate(source, now.mono);
    enum filter_verdict verdict = filter_add(source->filter, sample);
    bool is_contradicted = narrow(source, legs, &rate, verdict);
    switch (verdict) {
    case FILTER_TAKEN:
        source_keep_books(source, sample);
        polling_taken(&source->polling, now.mono);
        weigh_poll(source, now.mono);
        if (is_contradicted) {
            snprintf(measured->reason, sizeof(measured->reason),
                     "it leaves nothing of the interval that was known: its clock or ours ran "
                     "faster or slower than assumed (drift-class); the interval begins anew");
        }
        return SOURCE_SAMPLED;
    case FILTER_STEPPED:
        source_forget_books(source);
        source_keep_books(source, sample);
        return begin_anew(source, measured);
    case FILTER_DOUBTED:
        polling_doubted(&source->polling, now.mono);
        measured->verdict = "doubted";
        snprintf(measured->reason, sizeof(measured->reason),
                 "it is farther from the estimate than its delay explains: kept aside until others "
                 "agree with it");
        return SOURCE_DOUBTED;
    default:
        measured->verdict = "old";
        snprintf(measured->reason, sizeof(measured->reason),
                 "it is not newer than the sample before");
        return SOURCE_NOTHING;
    }
}

/* What a good answer leaves behind for those who look. */
static void remember(struct source *source, const struct source_answer *answer, struct mono now)
{
    const struct sample *sample = &answer->reply.sample;
    const struct packet *packet = &answer->reply.packet;
    source->counts.good++;
    source->complaint[0] = '\0';
    source->has_sample = true;
    source->sample = *sample;
    source->delays_ns[source->delays++ % SOURCE_DELAYS] = sample->delay_ns;
    source->mode = packet->mode;
    source->answered = now;
    source->reference.ns = 0;
    if (!timestamp_is_unset(packet->reference)) {
        source->reference.ns = timestamp_to_unix_ns(packet->reference, sample->source_sent.ns);
    }
}

/* Peers: until the rate is known, the exchange narrows the interval only. */
static enum source_news hold(struct source *source, const struct source_answer *answer,
                             struct mono now, struct actions *out)
{
    remember(source, answer, now);
    struct bound_rate rate = source_rate(source, now);
    (void)bound_add(&source->bound, &answer->reply.sample, &rate);
    struct measurement *measured = measure(source, answer, out);
    measured->verdict = "held";
    snprintf(measured->reason, sizeof(measured->reason),
             "%d exchanges in a row are needed to show the rate between the two clocks, which the "
             "delay depends on; %u came so far",
             SYMMETRIC_HISTORY_RUN_MIN, (unsigned)source->peer.history.count);
    return SOURCE_NOTHING;
}

/* An answer that passed the packet tests, and whose delay is known. */
static enum source_news take_sample(struct source *source, const struct source_answer *answer,
                                    const struct sample *legs, struct reading now,
                                    struct actions *out)
{
    const struct sample *sample = &answer->reply.sample;
    struct measurement *measured = measure(source, answer, out);
    measured->verdict = "good";
    const char *delay = delay_verdict(source, sample, measured->reason);
    if (delay != NULL) {
        measured->verdict = delay;
        snprintf(source->complaint, sizeof(source->complaint), "%s", measured->reason);
        return SOURCE_NOTHING;
    }
    remember(source, answer, now.mono);
    enum source_news news = take(source, sample, legs, now, measured);
    if (source->options.kind == SOURCE_BROADCAST_CLIENT) {
        source_broadcast_taken(source, answer->is_one_way, news, now.mono);
    }
    return news;
}

static enum source_news take_peer(struct source *source, struct source_answer *answer,
                                  struct reading now, struct actions *out)
{
    struct sample legs = answer->reply.sample;
    switch (source_peer_prepare(source, &answer->reply.sample, now.mono)) {
    case SOURCE_PEER_HELD:
        return hold(source, answer, now.mono, out);
    case SOURCE_PEER_NEGATIVE:
        answer->verdict = EXCHANGE_DELAY_NEGATIVE;
        answer->why = "the round trip comes out below zero at the rate between the two clocks that "
                      "was known: one of them was set, or changed its rate";
        return refuse(source, answer, now.mono, out);
    default:
        break;
    }
    return take_sample(source, answer, &legs, now, out);
}

static enum source_news take_valid(struct source *source, struct source_answer *answer,
                                   struct reading now, struct actions *out)
{
    if (source->options.kind == SOURCE_PEER) {
        return take_peer(source, answer, now, out);
    }
    struct sample legs = answer->reply.sample;
    if (answer->is_one_way) {
        legs = source_broadcast_legs(&legs);
    } else if (source->options.kind == SOURCE_BROADCAST_CLIENT) {
        source_broadcast_calibrated(source, &legs);
    }
    return take_sample(source, answer, &legs, now, out);
}

enum source_news source_judge(struct source *source, struct source_answer *answer,
                              struct reading now, struct actions *out)
{
    source->counts.received++;
    if (answer->is_heard) {
        source->heard |= 1;
        source->refusal[0] = '\0';
        source->local = answer->datagram->destination;
    }
    if (answer->verdict != EXCHANGE_OK) {
        return refuse(source, answer, now.mono, out);
    }
    const struct sample *sample = &answer->reply.sample;
    bool was_reached = source->polling.reach != 0;
    source->counts.valid++;
    source->counts.stamps_sent[sample->sent_stamp]++;
    source->counts.stamps_received[sample->received_stamp]++;
    source->is_unsynchronised = false;
    source->tests = SOURCE_TESTS_ALL;
    if (answer->is_one_way) {
        source->polling.reach |= 1; /* it answers nothing */
    } else {
        polling_answered(&source->polling, now.mono);
    }
    enum source_news news = take_valid(source, answer, now, out);
    return news == SOURCE_NOTHING && !was_reached ? SOURCE_CHANGED : news;
}

void source_forget(struct source *source)
{
    if (source->filter != NULL) {
        filter_clear(source->filter);
    }
    bound_void(&source->bound);
    source_member_forget(source);
    source_forget_books(source);
    source->delays = 0;
    source->peer.history.count = 0;
    source->peer.taken = 0;
    source->peer.uneven = 0;
    source->peer.rate_ppm = 0;
    source_broadcast_forget(source);
    source->least_delay_ns = 0;
    source->longer_count = 0;
    source->has_sample = false;
}
