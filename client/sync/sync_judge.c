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
/* Another source must count so much more to be passed on in place of the one that is. */
#define SELECTED_LEAD 1.5
/* What a source's root dispersion says of the sd of its clock: it is a bound, with all that has
 * happened to others in it. */
#define CLOCK_SD_PART 0.1

/* Candidates of one judgement: the entries, and what they say. */
struct panel {
    size_t count;
    size_t which[SYNC_SOURCES_MAX];
    bool is_out[SYNC_SOURCES_MAX]; /* not meeting what is agreed */
};

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

/* COMBINED, or what in its last words rules it out. */
static enum source_state judge_words(const struct sync *sync, const struct sync_entry *entry,
                                     const struct sample *sample)
{
    if (is_orphan(sync, sample)) {
        return SOURCE_ORPHAN;
    }
    if (is_loop(sync, sample)) {
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

/* Does it count in n? Its silence does not change that. But a peer has no time of its own to tell
 * until it follows somebody else than us: it counts while it does, or a server and a peer that
 * waits for us would wait for each other. */
static bool is_counted(const struct sync *sync, const struct sync_entry *entry)
{
    const struct source_options *options = sync_entry_options(sync, entry);
    if (options->is_noselect || options->kind == SOURCE_BROADCAST_SERVER ||
        entry->state == SOURCE_ORPHAN || entry->state == SOURCE_OFFLINE ||
        (options->kind == SOURCE_PEER && !entry->is_candidate)) {
        return false;
    }
    /* A pool that has fewer addresses than were asked for is as large as it is. */
    return !(options->kind == SOURCE_POOL && entry->is_duplicate);
}

/* The intervals of all of the panel, or of the trusted ones only; then all are held to the
 * result. Of k that answer k-f don't lie: so many cover the truth. To agree at all takes f+1; where
 * k is less than 2f+1 that is more than k-f, and what f+1 agree on may be a liar's: the interval is
 * then what k-f cover, and holds the truth all the same. */
static void select_among(const struct sync *sync, struct panel *panel, bool is_trust, size_t faults,
                         struct selection *selection)
{
    struct selection_candidate candidates[SYNC_SOURCES_MAX];
    size_t count = 0;
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

static size_t faults_of(const struct sync *sync, size_t total)
{
    size_t most = selection_faults_max(total);
    if (sync->options.faults == SYNC_FAULTS_AUTO || (size_t)sync->options.faults > most) {
        return most;
    }
    return (size_t)sync->options.faults;
}

/* How many of the panel are trusted, beside others that are not. */
static size_t count_trusted(const struct sync *sync, const struct panel *panel)
{
    size_t count = 0;
    for (size_t i = 0; i < panel->count; i++) {
        count += sync_entry_options(sync, &sync->table.entries[panel->which[i]])->is_trust;
    }
    return count;
}

static void judge_each(struct sync *sync, struct panel *panel, struct mono now)
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
    /* Those who are offline and still remembered. */
    judgement->total = judgement->total > panel->count ? judgement->total : panel->count;
    judgement->answering = panel->count;
    judgement->faults = faults_of(sync, judgement->total);
}

static void mark_outside(struct sync *sync, const struct panel *panel, enum source_state state)
{
    for (size_t i = 0; i < panel->count; i++) {
        struct sync_entry *entry = &sync->table.entries[panel->which[i]];
        if (panel->is_out[i] && entry->state == SOURCE_COMBINED) {
            entry->state = state;
        }
    }
}

/* The agreed interval, and who misses it. */
static void find_agreement(struct sync *sync, struct panel *panel, struct mono now)
{
    struct sync_judgement *judgement = &sync->judgement;
    size_t trusted = count_trusted(sync, panel);
    bool is_trust = trusted > 0;
    size_t faults = judgement->faults;
    if (is_trust && selection_faults_max(trusted) < faults) {
        faults = selection_faults_max(trusted);
    }
    size_t count = is_trust ? trusted : panel->count;
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
    mark_outside(sync, panel,
                 is_trust && selection.has_agreement ? SOURCE_UNTRUSTED : SOURCE_FALSETICKER);
}

/* Those that agree, as far as options leave them. Returns how many are to be combined. */
static size_t choose(struct sync *sync, const struct panel *panel, bool heeds_prefer,
                     size_t which[SYNC_SOURCES_MAX])
{
    struct sync_judgement *judgement = &sync->judgement;
    bool is_required = false, has_required = false, has_preferred = false;
    judgement->fit = 0;
    for (size_t i = 0; i < sync->table.name_count; i++) {
        is_required |= sync->table.names[i].options.is_require;
    }
    for (size_t i = 0; i < panel->count; i++) {
        const struct source_options *options =
            sync_entry_options(sync, &sync->table.entries[panel->which[i]]);
        if (!panel->is_out[i]) {
            judgement->fit++;
            has_required |= options->is_require;
            has_preferred |= heeds_prefer && options->is_prefer;
        }
    }
    judgement->lacks_required = is_required && !has_required;
    bool is_held = judgement->lacks_required || judgement->fit < sync->options.min_sources;
    size_t count = 0;
    for (size_t i = 0; i < panel->count; i++) {
        struct sync_entry *entry = &sync->table.entries[panel->which[i]];
        bool is_passed = has_preferred && !sync_entry_options(sync, entry)->is_prefer;
        if (panel->is_out[i]) {
            continue;
        }
        if (!is_held && !is_passed) {
            which[count++] = panel->which[i];
            if (entry->state == SOURCE_UNPREFERRED) {
                entry->state = SOURCE_COMBINED;
            }
        } else if (entry->state == SOURCE_COMBINED) {
            entry->state = is_held ? SOURCE_WAITS_REQUIRED : SOURCE_UNPREFERRED;
        }
    }
    return count;
}

/* The one that counts most; the one before keeps its place unless it is clearly less. */
static size_t find_selected(const struct sync *sync)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < sync->table.count; i++) {
        double weight = sync->table.entries[i].weight;
        if (weight > 0 && (best == SIZE_MAX || weight > sync->table.entries[best].weight)) {
            best = i;
        }
    }
    size_t old = sync->selected;
    if (best != SIZE_MAX && old < sync->table.count && sync->table.entries[old].weight > 0 &&
        sync->table.entries[best].weight < SELECTED_LEAD * sync->table.entries[old].weight) {
        return old;
    }
    return best;
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

static void mark_combined(struct sync *sync, const size_t *which, size_t count,
                          const struct combine *combine)
{
    for (size_t i = 0; i < count; i++) {
        struct sync_entry *entry = &sync->table.entries[which[i]];
        entry->weight = combine->verdicts[i] == COMBINE_USED ? combine->weights[i] : 0;
        if (combine->verdicts[i] != COMBINE_USED && entry->state == SOURCE_COMBINED) {
            entry->state = SOURCE_UNLIKELY;
        }
    }
    sync->selected = find_selected(sync);
    if (sync->selected != SIZE_MAX &&
        sync->table.entries[sync->selected].state == SOURCE_COMBINED) {
        sync->table.entries[sync->selected].state = SOURCE_SELECTED;
    }
}

static bool combine_chosen(struct sync *sync, const size_t *which, size_t count, struct mono now,
                           struct estimate *estimate)
{
    struct combine_candidate candidates[SYNC_SOURCES_MAX];
    size_t used[SYNC_SOURCES_MAX];
    size_t estimates = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sync_entry *entry = &sync->table.entries[which[i]];
        struct combine_candidate *candidate = &candidates[estimates];
        candidate->interval = entry->interval;
        candidate->clock_sd_ns =
            count > 1 ? CLOCK_SD_PART * (double)source_sample(entry->source)->root_dispersion_ns
                      : 0;
        if (source_estimate(entry->source, now, &candidate->estimate)) {
            used[estimates++] = which[i];
        }
    }
    /* Liars that were caught are not among those who are left. */
    size_t caught = sync->judgement.answering - sync->judgement.agreeing;
    size_t faults = sync->judgement.faults > caught ? sync->judgement.faults - caught : 0;
    struct combine combine;
    combine_run(candidates, estimates, &sync->judgement.agreed, faults, &combine);
    mark_combined(sync, used, estimates, &combine);
    if (combine.used > 0) {
        *estimate = combine.estimate;
    }
    return combine.used > 0;
}

void sync_end_epoch(struct sync *sync, const char *reason, struct actions *out)
{
    sync->epoch++;
    snprintf(sync->epoch_reason, sizeof(sync->epoch_reason), "%s", reason);
    actions_report(out, REPORT_WARNING, "the interval begins anew (epoch %u): %s",
                   (unsigned)sync->epoch, reason);
}

/* What is agreed may only narrow what was known. */
static void narrow(struct sync *sync, const struct bound_rate *rate, struct mono now,
                   struct actions *out)
{
    if (span_meet(&sync->span, &sync->judgement.agreed, rate, now) == SPAN_BROKEN) {
        sync_end_epoch(sync,
                       "what the sources agree on now leaves nothing of what was known before; "
                       "a source stepped, more of them lied than may, or an assumption of the "
                       "drift class did not hold",
                       out);
    }
}

static struct bound_rate learned_rate(const struct sync *sync, const struct estimate *estimate,
                                      struct mono now)
{
    struct bound_rate rate = {.is_learned = false};
    if (sync->selected != SIZE_MAX) {
        rate = source_rate(sync->table.entries[sync->selected].source, now);
    }
    if (rate.is_learned) {
        rate.rate_ppm = estimate->rate_ppm;
        rate.sd_ppm = estimate->rate_sd_bound_ppm;
        rate.wander_ppm2_per_s = estimate->wander_ppm2_per_s;
        rate.thermal_share = estimate->thermal_share;
    }
    return rate;
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
        struct bound_rate rate = learned_rate(sync, estimate, now);
        narrow(sync, &rate, now, out);
        if (sync->condition == SYNC_ORPHAN) {
            /* What orphans agree on may be far from UTC. */
            sync_clock_restart(sync);
        }
        sync->has_agreed = true;
        sync->agreed_at = now;
    }
    keep_poll(sync);
    sync->update_interval_ns = sync->updated_at.ns > 0 ? now.ns - sync->updated_at.ns : 0;
    sync->updated_at = now;
}

bool sync_judge(struct sync *sync, const struct sync_entry *fresh, struct reading now,
                struct actions *out)
{
    struct panel panel;
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
            size_t count = choose(sync, &panel, heeds_prefer != 0, which);
            has_estimate = combine_chosen(sync, which, count, now.mono, &estimate);
        }
    }
    sync->judgement.has_estimate = has_estimate;
    if (!has_estimate) {
        return false;
    }
    bool counts = fresh != NULL && fresh->weight > 0;
    if (counts) {
        take_sample(sync, &estimate, now.mono, out);
    }
    if (!sync->is_followed) {
        clip(sync, &estimate);
    }
    sync->has_estimate = true;
    sync->estimate = estimate;
    return counts;
}
