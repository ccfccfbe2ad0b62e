/* SPDX-License-Identifier: MIT */
/* What the sources say together: who is believed, the agreed interval, the combined estimate. */
#include "client/sync/sync_inner.h"
#include "common/base/quantity.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* So long after the start a source that has not answered yet is waited for, if its word may be
 * needed: a first burst is over then. */
#define PATIENCE_NS (10 * NS_PER_S)

bool sync_is_own_refid(const struct sync *sync, uint32_t refid)
{
    for (size_t i = 0; i < sync->own_count; i++) {
        if (sync->own_refids[i] == refid) {
            return true;
        }
    }
    return false;
}

static bool is_loop(const struct sync *sync, const struct sample *sample)
{
    return sample->stratum > 1 && sync_is_own_refid(sync, sample->refid);
}

static bool is_orphan(const struct sync *sync, const struct sample *sample)
{
    struct orphan_self self = {.stratum = sync->options.local_stratum};
    return sync->options.is_orphan && orphan_is_one(&self, sample->stratum);
}

bool sync_is_convicted(const struct sync *sync, const struct sync_entry *entry)
{
    return sync_is_member(sync, entry) &&
           sync->table.names[entry->name].verdict.weight == MEMBER_CONVICTED;
}

/* A member vouches for UTC, for the mesh's own time, or for nothing; where it gets its time from
 * does no harm to its interval. */
static enum source_state judge_member(const struct sync *sync, const struct sync_entry *entry)
{
    const struct member_claim *claim = source_claim(entry->source);
    if (sync->options.mesh.is_berkeley) {
        return SOURCE_NOSELECT;
    }
    if (sync_is_convicted(sync, entry)) {
        return SOURCE_EXCLUDED;
    }
    bool is_vouching = claim != NULL && claim->is_bounded && claim->timescale == TIMESCALE_UTC;
    return is_vouching && entry->has_interval ? SOURCE_COMBINED : SOURCE_UNSYNCHRONISED;
}

/* COMBINED, or what in its last words rules it out. */
static enum source_state judge_words(const struct sync *sync, const struct sync_entry *entry,
                                     const struct sample *sample)
{
    if (sync_is_member(sync, entry)) {
        enum source_state said = judge_member(sync, entry);
        if (said != SOURCE_COMBINED) {
            return said;
        }
    } else if (is_orphan(sync, sample)) {
        return SOURCE_ORPHAN;
    } else if (is_loop(sync, sample)) {
        return SOURCE_LOOP;
    }
    if (entry->has_interval && (entry->interval.latest_ns - entry->interval.earliest_ns) / 2 >
                                   sync->options.max_distance_ns) {
        return SOURCE_DISTANT;
    }
    return SOURCE_COMBINED;
}

/* What its source says of itself, and what one look at its interval does. */
static void judge_alone(const struct sync *sync, struct sync_entry *entry, struct mono now)
{
    entry->weight = 0;
    entry->has_interval = false;
    entry->is_candidate = false;
    if (!entry->is_connected) {
        entry->state =
            sync->table.names[entry->name].is_offline ? SOURCE_OFFLINE : SOURCE_UNRESOLVED;
        return;
    }
    char unused[STATUS_TEXT_MAX];
    entry->state = source_state_own(entry->source, now, unused);
    const struct sample *sample = source_sample(entry->source);
    if (sample == NULL || entry->state == SOURCE_UNSYNCHRONISED || entry->state == SOURCE_WAITING) {
        return;
    }
    entry->has_interval = source_interval(entry->source, now, &entry->interval);
    enum source_state said = judge_words(sync, entry, sample);
    bool is_usual = entry->state == SOURCE_COMBINED;
    /* One that is silent still vouches for what it said: its interval grows, and so does the
     * variance of its estimate. What rules out one that answers rules it out as well. */
    bool is_remembered = entry->state == SOURCE_UNREACHABLE || entry->state == SOURCE_OFFLINE;
    entry->is_candidate = entry->has_interval && said == SOURCE_COMBINED &&
                          (is_usual || is_remembered) &&
                          !sync_entry_options(sync, entry)->is_noselect;
    if (is_usual) {
        entry->state = said;
    }
}

/* A member counts, offline or not. */
static bool is_voice(const struct sync *sync, const struct sync_entry *entry)
{
    return sync_is_member(sync, entry) && !sync_is_convicted(sync, entry) &&
           !sync->options.mesh.is_berkeley;
}

/* Does it count in n? Its silence does not change that. But a peer has no time of its own to tell
 * until it follows somebody else than us: it counts while it does, or a server and a peer that
 * waits for us would wait for each other. */
static bool is_counted(const struct sync *sync, const struct sync_entry *entry)
{
    const struct source_options *options = sync_entry_options(sync, entry);
    if (options->is_noselect || options->kind == SOURCE_BROADCAST_SERVER ||
        entry->state == SOURCE_ORPHAN || entry->state == SOURCE_OFFLINE ||
        (options->kind == SOURCE_PEER && !entry->is_candidate)) {
        return is_voice(sync, entry);
    }
    if (options->kind == SOURCE_MEMBER) {
        return is_voice(sync, entry);
    }
    /* A pool that has fewer addresses than were asked for is as large as it is. */
    return !(options->kind == SOURCE_POOL && entry->is_duplicate);
}

/* The intervals of all of the panel, or of the trusted ones only; then all are held to the
 * result. Of k that answer k-f don't lie: so many cover the truth. To agree at all takes f+1; where
 * k is less than 2f+1 that is more than k-f, and what f+1 agree on may be a liar's: the interval is
 * then what k-f cover, and holds the truth all the same. */
static void select_among(const struct sync *sync, struct sync_panel *panel, bool is_trust,
                         size_t faults, struct selection *selection)
{
    struct selection_candidate candidates[SELECTION_MAX];
    size_t count = 0;
    if (!is_trust && sync->judgement.has_own) {
        candidates[count++] = (struct selection_candidate){.interval = sync->judgement.own};
    }
    for (size_t i = 0; i < panel->count; i++) {
        const struct sync_entry *entry = &sync->table.entries[panel->which[i]];
        if (!is_trust || sync_entry_options(sync, entry)->is_trust) {
            candidates[count++] = (struct selection_candidate){
                .interval = entry->interval, .offset_ns = entry->interval.earliest_ns};
        }
    }
    size_t total = 2 * faults + 1 > count ? 2 * faults + 1 : count;
    selection_run(candidates, count, total, faults, selection);
    for (size_t i = 0; i < panel->count; i++) {
        panel->is_out[i] =
            !selection->has_agreement ||
            !interval_overlaps(sync->table.entries[panel->which[i]].interval, selection->agreed);
    }
    if (selection->has_agreement && count < total) {
        bool is_covered = selection_hull(candidates, count, count - faults, &selection->agreed);
        assert(is_covered);
    }
}

/* Of f liars, as many are left as were not convicted: these count in n no more. */
static size_t faults_of(const struct sync *sync, size_t total)
{
    size_t most = selection_faults_max(total);
    size_t convicted = 0;
    for (size_t i = 0; i < sync->table.count; i++) {
        convicted += sync_is_convicted(sync, &sync->table.entries[i]);
    }
    size_t faults = (size_t)sync->options.faults;
    bool is_fixed = sync->options.mesh.is_on && sync->options.faults != SYNC_FAULTS_AUTO;
    if (sync->options.faults == SYNC_FAULTS_AUTO) {
        faults = selection_faults_max(total + convicted);
    }
    faults = faults > convicted ? faults - convicted : 0;
    /* In a mesh nothing lowers it: with fewer who count than it takes nobody is believed. */
    return faults < most || is_fixed ? faults : most;
}

/* What we know ourselves is no other's lie. */
static void hear_own(struct sync *sync, struct mono now)
{
    struct sync_judgement *judgement = &sync->judgement;
    judgement->has_own = sync->options.mesh.is_on && sync_is_bounded(sync) &&
                         span_interval(&sync->span, now, &judgement->own);
}

/* How many of the panel are trusted, beside others that are not. */
static size_t count_trusted(const struct sync *sync, const struct sync_panel *panel)
{
    size_t count = 0;
    for (size_t i = 0; i < panel->count; i++) {
        count += sync_entry_options(sync, &sync->table.entries[panel->which[i]])->is_trust;
    }
    return count;
}

static void judge_each(struct sync *sync, struct sync_panel *panel, struct mono now)
{
    struct sync_judgement *judgement = &sync->judgement;
    *judgement = (struct sync_judgement){.total = 0};
    panel->count = 0;
    for (size_t i = 0; i < sync->table.count; i++) {
        struct sync_entry *entry = &sync->table.entries[i];
        judge_alone(sync, entry, now);
        judgement->total += is_counted(sync, entry);
        if (entry->is_candidate) {
            panel->which[panel->count++] = i;
        }
    }
    hear_own(sync, now);
    /* Those who are offline and still remembered. */
    judgement->total = judgement->total > panel->count ? judgement->total : panel->count;
    judgement->total += judgement->has_own;
    judgement->answering = panel->count + judgement->has_own;
    judgement->faults = faults_of(sync, judgement->total);
}

static void mark_outside(struct sync *sync, const struct sync_panel *panel, enum source_state state)
{
    for (size_t i = 0; i < panel->count; i++) {
        struct sync_entry *entry = &sync->table.entries[panel->which[i]];
        if (panel->is_out[i] && entry->state == SOURCE_COMBINED) {
            entry->state = state;
        }
    }
}

/* The agreed interval, and who misses it. */
static void find_agreement(struct sync *sync, struct sync_panel *panel, struct mono now)
{
    struct sync_judgement *judgement = &sync->judgement;
    size_t trusted = count_trusted(sync, panel);
    bool is_trust = trusted > 0;
    size_t faults = judgement->faults;
    if (is_trust && selection_faults_max(trusted) < faults) {
        faults = selection_faults_max(trusted);
    }
    size_t count = is_trust ? trusted : judgement->answering;
    size_t total = 2 * faults + 1 > count ? 2 * faults + 1 : count;
    judgement->needed = total - faults;
    struct selection selection = {.has_agreement = false};
    bool is_early = count < 2 * faults + 1 && now.ns - sync->started.ns < PATIENCE_NS;
    if (count < judgement->needed || is_early) {
        memset(panel->is_out, 1, sizeof(panel->is_out));
        mark_outside(sync, panel, SOURCE_WAITS_REQUIRED);
        return;
    }
    select_among(sync, panel, is_trust, faults, &selection);
    judgement->has_agreement = selection.has_agreement;
    judgement->agreed = selection.agreed;
    for (size_t i = 0; i < panel->count; i++) {
        judgement->agreeing += !panel->is_out[i];
    }
    judgement->agreeing += judgement->has_own && selection.has_agreement &&
                           interval_overlaps(judgement->own, selection.agreed);
    mark_outside(sync, panel,
                 is_trust && selection.has_agreement ? SOURCE_UNTRUSTED : SOURCE_FALSETICKER);
}

/* Where the estimate is beyond what correctness rests on, that prevails. */
static void clip(struct sync *sync, struct estimate *estimate)
{
    struct interval interval;
    if (!span_interval(&sync->span, estimate->at, &interval) ||
        interval_contains(interval, estimate->wall.ns)) {
        return;
    }
    bool is_early = estimate->wall.ns < interval.earliest_ns;
    estimate->wall.ns = is_early ? interval.earliest_ns : interval.latest_ns;
    estimate->fraction_ns = 0;
    sync->judgement.is_clipped = true;
}

void sync_end_epoch(struct sync *sync, const char *reason, struct actions *out)
{
    sync->epoch++;
    snprintf(sync->epoch_reason, sizeof(sync->epoch_reason), "%s", reason);
    actions_report(out, REPORT_WARNING, "the interval begins anew (epoch %u): %s",
                   (unsigned)sync->epoch, reason);
}

/* Nobody has a reference: the orphan to follow, if it is not we ourselves. */
static bool follow_orphan(struct sync *sync, struct mono now, struct estimate *estimate)
{
    struct orphan_self self = {.stratum = sync->options.local_stratum,
                               .own = sync->own_refids,
                               .own_count = sync->own_count};
    struct orphan_peer peers[SYNC_SOURCES_MAX];
    size_t which[SYNC_SOURCES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < sync->table.count; i++) {
        struct sync_entry *entry = &sync->table.entries[i];
        struct estimate unused;
        if (entry->state == SOURCE_ORPHAN && source_estimate(entry->source, now, &unused)) {
            const struct sample *sample = source_sample(entry->source);
            which[count] = i;
            peers[count++] = (struct orphan_peer){
                .address = entry->refid, .refid = sample->refid, .stratum = sample->stratum};
        }
    }
    struct orphan_choice choice;
    if (!orphan_choose(&self, peers, count, &choice)) {
        return false;
    }
    struct sync_entry *entry = &sync->table.entries[which[choice.index]];
    entry->state = SOURCE_SELECTED;
    entry->weight = 1;
    sync->selected = which[choice.index];
    sync->orphan_root = choice.root;
    return source_estimate(entry->source, now, estimate);
}

/* Sources that were lost still agree on what they said once: without news of them, orphans
 * prevail. */
static bool may_follow(const struct sync *sync, const struct sync_entry *fresh, struct mono now)
{
    bool is_news = sync->judgement.has_agreement && fresh != NULL && fresh->state != SOURCE_ORPHAN;
    return sync->options.is_orphan && sync->options.local_stratum > 0 && !is_news &&
           now.ns - sync->started.ns >= PATIENCE_NS / 2 && sync->condition == SYNC_ORPHAN;
}

static void keep_poll(struct sync *sync)
{
    int least = SOURCE_POLL_MAX;
    for (size_t i = 0; i < sync->table.count; i++) {
        if (sync->table.entries[i].weight > 0) {
            int poll = source_poll_log2(sync->table.entries[i].source);
            least = poll < least ? poll : least;
        }
    }
    sync->poll_ns = timestamp_log2_to_ns(least);
}

/* A sample that counts: it narrows the interval, and the clock follows. */
static void take_sample(struct sync *sync, const struct estimate *estimate, struct mono now,
                        struct actions *out)
{
    if (!sync->is_followed) {
        sync_narrow(sync, estimate, now, out);
        if (sync->condition == SYNC_ORPHAN) {
            /* What orphans agree on may be far from UTC. */
            sync_clock_restart(sync);
        }
        sync->has_agreed = true;
        sync->agreed_at = now;
        sync_choose_hops(sync, now);
    }
    keep_poll(sync);
    sync->update_interval_ns = sync->updated_at.ns > 0 ? now.ns - sync->updated_at.ns : 0;
    sync->updated_at = now;
}

/* The mesh's time may be far from it. */
static void join_utc(struct sync *sync, const struct estimate *estimate, struct reading now,
                     struct actions *out)
{
    char by[QUANTITY_TEXT_MAX], reason[STATUS_TEXT_MAX];
    int64_t by_ns = estimate->wall.ns - sync_clock(sync, now).wall.ns;
    quantity_format_duration(by_ns, true, by);
    snprintf(reason, sizeof(reason),
             "this node joins UTC, and leaves the mesh's own time: the "
             "clock moves by %s",
             by);
    sync_mesh_leave(sync);
    sync_clock_restart(sync);
    sync_end_epoch(sync, reason, out);
}

bool sync_judge(struct sync *sync, const struct sync_entry *fresh, struct reading now,
                struct actions *out)
{
    struct sync_panel panel;
    size_t which[SYNC_SOURCES_MAX];
    struct estimate estimate;
    judge_each(sync, &panel, now.mono);
    find_agreement(sync, &panel, now.mono);
    bool has_estimate = false;
    sync->is_followed = false;
    if (may_follow(sync, fresh, now.mono)) {
        has_estimate = follow_orphan(sync, now.mono, &estimate);
        sync->is_followed = has_estimate;
    } else if (sync->judgement.has_agreement) {
        /* If those that are preferred are unlikely, the others that agree are better than nobody.
         */
        for (int heeds_prefer = 1; heeds_prefer >= 0 && !has_estimate; heeds_prefer--) {
            size_t count = sync_choose(sync, &panel, heeds_prefer != 0, now.mono, which);
            has_estimate = sync_choose_combine(sync, which, count, now.mono, &estimate);
        }
    }
    sync->judgement.has_estimate = has_estimate;
    /* Those beside us have no news of UTC. */
    bool counts = has_estimate && fresh != NULL && fresh->weight > 0 &&
                  (sync->is_followed || !sync_choose_is_beside(sync, fresh));
    if (sync->mesh.is_in && !counts) {
        sync_mesh_judge(sync, now.mono);
        return false;
    }
    if (!has_estimate) {
        return false;
    }
    if (counts) {
        if (sync->mesh.is_in) {
            join_utc(sync, &estimate, now, out);
        }
        take_sample(sync, &estimate, now.mono, out);
    }
    if (!sync->is_followed) {
        clip(sync, &estimate);
    }
    sync->has_estimate = true;
    sync->estimate = estimate;
    return counts;
}

bool sync_judge_agreed(const struct sync *sync, const struct sync_entry *without,
                       struct interval *agreed)
{
    const struct sync_judgement *judgement = &sync->judgement;
    struct selection_candidate candidates[SELECTION_MAX];
    size_t count = 0;
    if (judgement->has_own) {
        candidates[count++] = (struct selection_candidate){.interval = judgement->own};
    }
    for (size_t i = 0; i < sync->table.count; i++) {
        const struct sync_entry *entry = &sync->table.entries[i];
        if (entry != without && entry->is_candidate) {
            candidates[count++] = (struct selection_candidate){.interval = entry->interval};
        }
    }
    size_t faults = judgement->faults;
    size_t total = 2 * faults + 1 > count ? 2 * faults + 1 : count;
    /* f + 1 have to agree, and then what all but f of those who are here cover is the truth. */
    return count >= total - faults && selection_hull(candidates, count, total - faults, agreed) &&
           selection_hull(candidates, count, count - faults, agreed);
}

enum member_trial sync_judge_without(const struct sync *sync, const struct sync_entry *entry)
{
    struct interval agreed;
    if (!entry->is_candidate || !sync_judge_agreed(sync, entry, &agreed)) {
        return TRIAL_NONE;
    }
    return interval_overlaps(entry->interval, agreed) ? TRIAL_HIT : TRIAL_MISS;
}
