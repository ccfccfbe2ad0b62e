/* SPDX-License-Identifier: MIT */
/* Whose estimates are combined, of those that agree: options have their say, and in a mesh what it
 * thinks of its members, and over how many hops these have their time. */
#include "client/sync/sync_inner.h"

/* More of them would not be believed as a stratum. */
#define HOPS_MAX 13
/* For so many polls without a sample that counts nobody takes a longer way to UTC than was lost.
 * Until then those who had it from us have noticed: after so many we say that we have none. */
#define HOLD_DOWN_POLLS 10
#define STALE_POLLS 3
/* Ours has become longer so many polls ago: who had it from us has asked us since. */
#define SETTLED_POLLS 6
/* Another source must count so much more to be passed on in place of the one that is. */
#define SELECTED_LEAD 1.5
/* What a source's root dispersion says of the sd of its clock: it is a bound, with all that has
 * happened to others in it. */
#define CLOCK_SD_PART 0.1

bool sync_is_silent(const struct sync_entry *entry)
{
    return entry->state == SOURCE_UNREACHABLE || entry->state == SOURCE_OFFLINE;
}

bool sync_choose_is_stale(const struct sync *sync, struct mono now)
{
    return now.ns - sync->agreed_at.ns > STALE_POLLS * sync->poll_ns;
}

/* Members count that are nearer to UTC than so many hops: who has it from us is farther than we
 * are, or than we were a while ago. (The condition of distance-vector routing that has no loops: J.
 * J. Garcia-Luna-Aceves, IEEE/ACM Trans. Networking 1 (1), 1993.) */
static unsigned hops_limit(const struct sync *sync, struct mono now)
{
    int64_t age_ns = now.ns - sync->agreed_at.ns;
    bool is_free = !sync->has_agreed || sync->hops == SYNC_HOPS_NONE ||
                   age_ns > HOLD_DOWN_POLLS * sync->poll_ns;
    if (is_free) {
        return HOPS_MAX + 1;
    }
    /* Who has servers of its own (0 hops) has not got it from us. */
    bool is_steady = now.ns - sync->lengthened.ns > SETTLED_POLLS * sync->poll_ns;
    return is_steady || sync->hops == 0 ? sync->hops + 1 : sync->hops;
}

static bool is_leading(const struct sync *sync, const struct sync_entry *entry,
                       enum member_weight weight, unsigned limit)
{
    const struct member_claim *claim = source_claim(entry->source);
    return sync->table.names[entry->name].verdict.weight == weight && !sync_is_silent(entry) &&
           claim != NULL && claim->hops < limit;
}

/* The agreeing members that count: truechimers if there are any, those that are nearest to UTC. */
struct leaders {
    enum member_weight weight;
    bool has_any;
    unsigned limit; /* fewer hops than these */
    unsigned cut;   /* most hops of those ahead of us */
};

static bool find_nearest(const struct sync *sync, const struct sync_panel *panel,
                         struct leaders *leaders)
{
    for (size_t i = 0; i < panel->count; i++) {
        const struct sync_entry *entry = &sync->table.entries[panel->which[i]];
        if (panel->is_out[i] || !sync_is_member(sync, entry) ||
            !is_leading(sync, entry, leaders->weight, leaders->limit)) {
            continue;
        }
        unsigned hops = source_claim(entry->source)->hops;
        leaders->cut = !leaders->has_any || hops < leaders->cut ? hops : leaders->cut;
        leaders->has_any = true;
    }
    return leaders->has_any;
}

static struct leaders find_leaders(const struct sync *sync, const struct sync_panel *panel,
                                   struct mono now)
{
    struct leaders leaders = {.weight = MEMBER_COUNTS,
                              .limit = sync->judgement.has_server ? 1 : hops_limit(sync, now)};
    if (!find_nearest(sync, panel, &leaders)) {
        leaders.weight = MEMBER_AT_FIRST;
        (void)find_nearest(sync, panel, &leaders);
    }
    return leaders;
}

/* One hop more have those beside us. They have their time from elsewhere, where that is sure to be
 * (hops_limit()), and count with those ahead: one of them alone would have us follow the noise of
 * one path. */
static unsigned count_limit(const struct leaders *leaders)
{
    return leaders->cut + 2 < leaders->limit ? leaders->cut + 2 : leaders->limit;
}

bool sync_choose_is_beside(const struct sync *sync, const struct sync_entry *entry)
{
    const struct member_claim *claim = source_claim(entry->source);
    return sync_is_member(sync, entry) && claim != NULL && claim->hops > sync->judgement.hops_cut;
}

static bool may_count(const struct sync *sync, const struct sync_entry *entry,
                      const struct leaders *leaders)
{
    return !sync_is_member(sync, entry) ||
           (leaders->has_any && is_leading(sync, entry, leaders->weight, count_limit(leaders)));
}

static bool has_server(const struct sync *sync, const struct sync_panel *panel)
{
    for (size_t i = 0; i < panel->count; i++) {
        const struct sync_entry *entry = &sync->table.entries[panel->which[i]];
        if (!panel->is_out[i] && !sync_is_member(sync, entry) && !sync_is_silent(entry)) {
            return true;
        }
    }
    return false;
}

static enum source_state passed_state(const struct sync *sync, const struct sync_entry *entry)
{
    bool is_watched = sync_is_member(sync, entry) &&
                      sync->table.names[entry->name].verdict.weight == MEMBER_WATCHED;
    return is_watched ? SOURCE_EXCLUDED : SOURCE_UNPREFERRED;
}

static bool is_any_required(const struct sync *sync)
{
    for (size_t i = 0; i < sync->table.name_count; i++) {
        if (sync->table.names[i].options.is_require) {
            return true;
        }
    }
    return false;
}

/* What the agreeing ones are marked with. */
struct marks {
    bool has_required;
    bool has_preferred;
};

static struct marks find_marks(struct sync *sync, const struct sync_panel *panel)
{
    struct marks marks = {.has_required = false};
    sync->judgement.fit = 0;
    for (size_t i = 0; i < panel->count; i++) {
        const struct source_options *options =
            sync_entry_options(sync, &sync->table.entries[panel->which[i]]);
        if (!panel->is_out[i]) {
            sync->judgement.fit++;
            marks.has_required |= options->is_require;
            marks.has_preferred |= options->is_prefer;
        }
    }
    return marks;
}

size_t sync_choose(struct sync *sync, const struct sync_panel *panel, bool heeds_prefer,
                   struct mono now, size_t which[SYNC_SOURCES_MAX])
{
    struct sync_judgement *judgement = &sync->judgement;
    struct marks marks = find_marks(sync, panel);
    bool has_preferred = heeds_prefer && marks.has_preferred;
    judgement->lacks_required = is_any_required(sync) && !marks.has_required;
    judgement->has_server = has_server(sync, panel);
    struct leaders leaders = find_leaders(sync, panel, now);
    judgement->hops_cut = leaders.has_any ? leaders.cut : leaders.limit - 1;
    bool is_held = judgement->lacks_required || judgement->fit < sync->options.min_sources;
    size_t count = 0;
    for (size_t i = 0; i < panel->count; i++) {
        struct sync_entry *entry = &sync->table.entries[panel->which[i]];
        bool is_passed = (has_preferred && !sync_entry_options(sync, entry)->is_prefer) ||
                         !may_count(sync, entry, &leaders);
        if (panel->is_out[i]) {
            continue;
        }
        if (!is_held && !is_passed) {
            which[count++] = panel->which[i];
            if (entry->state == SOURCE_UNPREFERRED) {
                entry->state = SOURCE_COMBINED;
            }
        } else if (entry->state == SOURCE_COMBINED) {
            entry->state = is_held ? SOURCE_WAITS_REQUIRED : passed_state(sync, entry);
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
        if (weight > 0 && !sync_choose_is_beside(sync, &sync->table.entries[i]) &&
            (best == SIZE_MAX || weight > sync->table.entries[best].weight)) {
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

/* Of the clock that a source serves. A member's is an estimate itself, made of others' that may be
 * made of ours: it is as unsure as it vouches for, in the same proportion. */
static double clock_sd_ns(const struct sync *sync, const struct sync_entry *entry, size_t count)
{
    const struct member_claim *claim = source_claim(entry->source);
    if (sync_is_member(sync, entry) && claim != NULL) {
        return CLOCK_SD_PART * (double)(claim->before_ns + claim->after_ns) / 2;
    }
    return count > 1 ? CLOCK_SD_PART * (double)source_sample(entry->source)->root_dispersion_ns : 0;
}

bool sync_choose_combine(struct sync *sync, const size_t *which, size_t count, struct mono now,
                         struct estimate *estimate)
{
    struct combine_candidate candidates[SYNC_SOURCES_MAX] = {{.clock_sd_ns = 0}};
    size_t used[SYNC_SOURCES_MAX];
    size_t estimates = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sync_entry *entry = &sync->table.entries[which[i]];
        struct combine_candidate *candidate = &candidates[estimates];
        candidate->interval = entry->interval;
        candidate->clock_sd_ns = clock_sd_ns(sync, entry, count);
        candidate->is_beside = sync_choose_is_beside(sync, entry);
        if (source_estimate(entry->source, now, &candidate->estimate)) {
            candidate->estimate.fraction_ns -= sync->table.names[entry->name].verdict.asymmetry_ns;
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

void sync_choose_hops(struct sync *sync, struct mono now)
{
    bool has_server = false;
    for (size_t i = 0; i < sync->table.count; i++) {
        const struct sync_entry *entry = &sync->table.entries[i];
        has_server |= entry->weight > 0 && !sync_is_member(sync, entry) && !sync_is_silent(entry);
    }
    sync->judgement.has_server = has_server;
    unsigned hops = has_server ? 0 : sync->judgement.hops_cut + 1;
    if (sync->hops != SYNC_HOPS_NONE && hops > sync->hops) {
        sync->lengthened = now;
    }
    sync->hops = hops;
}
