/* SPDX-License-Identifier: MIT */
/* The interval of the mesh's own time, and what members say of it, in place of UTC. */
#include "client/sync/sync_inner.h"
#include "client/sync/sync_member.h"
#include <math.h>

#define PPM 1e-6
/* Who moved to the mesh's time is reckoned with before it says so, as far as it is almost there:
 * more than twice as far as it has to be near a majority. */
#define ALMOST_NS (50 * NS_PER_MS)
/* So far may honest lines that are relied on be apart: a little more than what makes one jump. */
#define APART_NS (5 * NS_PER_MS)
/* A line is read to the nanosecond, and so is what is served by it. */
#define ROUNDING_NS 2
#define MEMORY_POLLS 10

/* A reading is older than now by some seconds, in which the other line may have been slewed. */
static int64_t slewed_ns(const struct sync_entry *entry, struct mono now)
{
    int64_t age_ns = now.ns - source_sample(entry->source)->sent.mono.ns;
    return (int64_t)ceil((double)age_ns * MESHTIME_STRAY_PPM * PPM);
}

static void widen(struct interval *interval, int64_t by_ns)
{
    interval->earliest_ns -= by_ns;
    interval->latest_ns += by_ns;
}

/* Who is silent is not known to have left the mesh's time, until it was silent for long. */
static bool may_keep(const struct sync *sync, const struct sync_entry *entry)
{
    return sync_is_member(sync, entry) &&
           (sync_mesh_is_trusted(sync, entry) ||
            sync->table.names[entry->name].verdict.is_only_silent) &&
           sync_mesh_is_time(sync, source_claim(entry->source));
}

/* Whoever heard a majority eight polls ago claims the mesh's time for so long; it is reckoned with
 * for a little longer. */
static int64_t memory_ns(const struct sync *sync, const struct sync_entry *entry)
{
    return sync->options.void_after_ns +
           MEMORY_POLLS * timestamp_log2_to_ns(source_poll_log2(entry->source));
}

/* A clock that keeps the mesh's time, as far as it is known where it is. One that is silent for
 * long is not known to keep it. */
static bool find_clock(const struct sync *sync, const struct sync_entry *entry, struct mono now,
                       int64_t own_ns, struct interval *clock)
{
    const struct sample *sample = source_sample(entry->source);
    if (sample == NULL || now.ns - sample->at.ns > memory_ns(sync, entry) ||
        !may_keep(sync, entry) || !source_clock_interval(entry->source, now, clock)) {
        return false;
    }
    widen(clock, slewed_ns(entry, now));
    return sync_mesh_is_settled(entry) ||
           (clock->earliest_ns >= own_ns - ALMOST_NS && clock->latest_ns <= own_ns + ALMOST_NS);
}

bool sync_mesh_interval(const struct sync *sync, struct mono now, struct interval *interval)
{
    double unused;
    if (!sync_mesh_is_held(sync, now)) {
        return false;
    }
    int64_t own_ns = meshtime_read(&sync->mesh.line, now, &unused).ns;
    *interval = (struct interval){own_ns - ROUNDING_NS, own_ns + ROUNDING_NS};
    for (size_t i = 0; i < sync->table.count; i++) {
        struct interval clock;
        if (find_clock(sync, &sync->table.entries[i], now, own_ns, &clock)) {
            interval->earliest_ns = clock.earliest_ns < interval->earliest_ns
                                        ? clock.earliest_ns
                                        : interval->earliest_ns;
            interval->latest_ns =
                clock.latest_ns > interval->latest_ns ? clock.latest_ns : interval->latest_ns;
        }
    }
    return true;
}

/* Its line as it was read, give or take what honest ones may be apart. False: it has none that it
 * would rely on. */
static bool find_line(const struct sync *sync, const struct sync_entry *entry, struct mono now,
                      struct interval *line)
{
    const struct sample *sample = source_sample(entry->source);
    if (!entry->is_candidate || sync_is_convicted(sync, entry) || sample == NULL ||
        now.ns - sample->at.ns > sync->options.void_after_ns ||
        !source_clock_interval(entry->source, now, line)) {
        return false;
    }
    widen(line, slewed_ns(entry, now) + APART_NS);
    return true;
}

enum member_trial sync_mesh_try(const struct sync *sync, const struct sync_entry *entry,
                                struct mono now)
{
    struct selection_candidate candidates[SELECTION_MAX];
    struct interval line;
    struct interval agreed;
    double unused;
    size_t count = 1;
    if (!sync_mesh_is_held(sync, now) || !find_line(sync, entry, now, &line)) {
        return TRIAL_NONE;
    }
    /* Claims of the mesh's time are as wide as the lines of all that are relied on are apart, a
     * liar's too: by them it would never miss. */
    int64_t own_ns = meshtime_read(&sync->mesh.line, now, &unused).ns;
    candidates[0].interval = (struct interval){own_ns - APART_NS, own_ns + APART_NS};
    for (size_t i = 0; i < sync->table.count; i++) {
        const struct sync_entry *other = &sync->table.entries[i];
        if (other != entry && find_line(sync, other, now, &candidates[count].interval)) {
            count++;
        }
    }
    size_t faults = sync->judgement.faults;
    size_t total = 2 * faults + 1 > count ? 2 * faults + 1 : count;
    if (count < total - faults || !selection_hull(candidates, count, total - faults, &agreed) ||
        !selection_hull(candidates, count, count - faults, &agreed)) {
        return TRIAL_NONE;
    }
    return interval_overlaps(line, agreed) ? TRIAL_HIT : TRIAL_MISS;
}

/* What the members vouch for of the mesh's time, in place of UTC. */
static void hear(struct sync *sync, struct sync_entry *entry, struct mono now)
{
    struct sync_judgement *judgement = &sync->judgement;
    entry->weight = 0;
    entry->is_candidate = false;
    if (!sync_is_member(sync, entry) || sync_is_convicted(sync, entry)) {
        return;
    }
    judgement->total++;
    entry->has_interval = sync_mesh_is_time(sync, source_claim(entry->source)) &&
                          sync_mesh_is_settled(entry) &&
                          source_interval(entry->source, now, &entry->interval);
    if (entry->has_interval) {
        widen(&entry->interval, slewed_ns(entry, now));
        entry->is_candidate = true;
        judgement->answering++;
    }
}

static enum source_state state_of(const struct sync *sync, const struct sync_entry *entry)
{
    const struct sync_judgement *judgement = &sync->judgement;
    if (!judgement->has_agreement) {
        return SOURCE_WAITS_REQUIRED;
    }
    if (!interval_overlaps(entry->interval, judgement->agreed)) {
        return SOURCE_FALSETICKER;
    }
    return sync_mesh_is_trusted(sync, entry) ? SOURCE_COMBINED : SOURCE_EXCLUDED;
}

static void mark(struct sync *sync)
{
    struct sync_judgement *judgement = &sync->judgement;
    for (size_t i = 0; i < sync->table.count; i++) {
        struct sync_entry *entry = &sync->table.entries[i];
        if (!entry->is_candidate) {
            continue;
        }
        enum source_state state = state_of(sync, entry);
        judgement->agreeing +=
            judgement->has_agreement && interval_overlaps(entry->interval, judgement->agreed);
        entry->weight = state == SOURCE_COMBINED ? 1.0 / (double)judgement->answering : 0;
        if (!sync_is_silent(entry)) {
            entry->state = state;
        }
    }
}

void sync_mesh_judge(struct sync *sync, struct mono now)
{
    struct sync_judgement *judgement = &sync->judgement;
    *judgement = (struct sync_judgement){.faults = sync_mesh_faults(sync)};
    judgement->has_own = sync_mesh_interval(sync, now, &judgement->own);
    judgement->answering = judgement->has_own;
    judgement->total = 1;
    for (size_t i = 0; i < sync->table.count; i++) {
        hear(sync, &sync->table.entries[i], now);
    }
    size_t most = selection_faults_max(judgement->total);
    judgement->faults = judgement->faults < most ? judgement->faults : most;
    judgement->has_agreement = sync_judge_agreed(sync, NULL, &judgement->agreed);
    judgement->agreeing = judgement->has_own && judgement->has_agreement &&
                          interval_overlaps(judgement->own, judgement->agreed);
    size_t total = 2 * judgement->faults + 1;
    total = total > judgement->answering ? total : judgement->answering;
    judgement->needed = total - judgement->faults;
    mark(sync);
    sync_mesh_keep_estimate(sync, now);
}

void sync_mesh_claim(const struct sync *sync, struct reading now, struct own_claim *claim)
{
    struct interval interval;
    claim->timescale = TIMESCALE_MESH;
    claim->is_bounded = sync_mesh_interval(sync, now.mono, &interval);
    if (claim->is_bounded) {
        claim->before_ns = claim->clock.ns - interval.earliest_ns;
        claim->after_ns = interval.latest_ns - claim->clock.ns;
        claim->drift_max_ppm += MESHTIME_STRAY_PPM;
        claim->drift_ppm = claim->drift_max_ppm;
    }
}
