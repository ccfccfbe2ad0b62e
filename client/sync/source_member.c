/* SPDX-License-Identifier: MIT */
/* A member of a mesh as a source: an ordinary exchange, with a claim of its own beside it. Its
 * clock is bounded twice: as what it vouches for, and as what it shows. */
#include "client/sync/source_parts.h"

static bool is_same_clock(const struct member_claim *a, const struct member_claim *b)
{
    return a->timescale == b->timescale && a->timescale_id == b->timescale_id &&
           a->key_epoch == b->key_epoch && a->incarnation == b->incarnation &&
           a->disruptions == b->disruptions;
}

/* Another clock than before, under the same name: nothing that was known holds for it. */
static void begin_anew(struct source *source, struct mono now)
{
    source_forget(source);
    exchange_forget(&source->exchange);
    polling_renew(&source->polling, now);
}

enum source_news source_member_receive(struct source *source, const struct datagram *datagram,
                                       const struct member_claim *claim, struct reading now,
                                       struct actions *out)
{
    assert(source->options.kind == SOURCE_MEMBER);
    if (!source->is_open || !source->is_online || source->is_denied ||
        !address_is_same(&datagram->source, &source->remote)) {
        return SOURCE_NOTHING;
    }
    bool was_waiting = exchange_is_waiting(&source->exchange);
    struct source_answer answer = {.datagram = datagram};
    answer.verdict = exchange_member_reply(&source->exchange, datagram, claim, &answer.reply);
    answer.is_heard = was_waiting && !exchange_is_waiting(&source->exchange);
    if (answer.verdict == EXCHANGE_OK) {
        if (source->member.has_claim && !is_same_clock(&source->member.claim, claim)) {
            begin_anew(source, now.mono);
        }
        source->member.has_claim = true;
        source->member.claim = *claim;
    }
    return source_judge(source, &answer, now, out);
}

/* The sample without the claim: what is left are half the delay and both precisions. */
static struct sample bare(const struct sample *sample)
{
    struct sample clock = *sample;
    clock.bound_ns -= sample->root_dispersion_ns;
    clock.spare_before_ns = 0;
    clock.spare_after_ns = 0;
    return clock;
}

/* Only what it vouches for of UTC is of a time that nobody moves: ends of many samples can be
 * joined. A clock that is moved, and the mesh's time with all of these, is where it was seen last.
 */
bool source_member_narrow(struct source *source, const struct sample *sample,
                          const struct bound_rate *rate)
{
    struct sample clock = bare(sample);
    bound_void(&source->member.clock);
    (void)bound_add(&source->member.clock, &clock, rate);
    if (sample->is_unbounded) {
        bound_void(&source->bound);
        return false;
    }
    if (source->member.claim.timescale == TIMESCALE_MESH) {
        bound_void(&source->bound);
    }
    return bound_add(&source->bound, sample, rate) == BOUND_CONTRADICTED;
}

void source_member_forget(struct source *source)
{
    bound_void(&source->member.clock);
}

bool source_clock_interval(const struct source *source, struct mono now, struct interval *interval)
{
    struct bound_rate rate = source_rate(source, now);
    return bound_interval(&source->member.clock, now, &rate, interval);
}

const struct member_claim *source_claim(const struct source *source)
{
    return source->has_sample && source->member.has_claim ? &source->member.claim : NULL;
}
