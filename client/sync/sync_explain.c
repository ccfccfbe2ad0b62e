/* SPDX-License-Identifier: MIT */
/* Why a source is in its state, in a sentence. */
#include "client/sync/sync_inner.h"
#include "common/base/quantity.h"
#include <stdio.h>
#include <string.h>

/* Nobody can fill the log by lying now and then. */
#define REPORT_AGAIN_NS (600 * NS_PER_S)
#define SELECTED_AGAIN_NS (60 * NS_PER_S)
/* A source may be silent for so long after the start. */
#define LOST_FIRST_NS (30 * NS_PER_S)

static int64_t half_ns(const struct interval *interval)
{
    return (interval->latest_ns - interval->earliest_ns) / 2;
}

static void explain_unresolved(const struct sync *sync, const struct sync_entry *entry,
                               char reason[STATUS_TEXT_MAX])
{
    const struct sync_name *name = &sync->table.names[entry->name];
    if (entry->is_duplicate) {
        snprintf(reason, STATUS_TEXT_MAX,
                 "%.100s has no address that is not asked already; remove this source, or name "
                 "another host",
                 name->options.host);
    } else if (name->error[0] != '\0') {
        snprintf(reason, STATUS_TEXT_MAX,
                 "no address of %.40s: %.140s; tried again, by 'chime refresh' at once",
                 name->options.host, name->error);
    } else {
        snprintf(reason, STATUS_TEXT_MAX, "%.100s is being resolved", name->options.host);
    }
}

static void explain_distant(const struct sync *sync, const struct sync_entry *entry,
                            char reason[STATUS_TEXT_MAX])
{
    char found[QUANTITY_TEXT_MAX], limit[QUANTITY_TEXT_MAX];
    snprintf(reason, STATUS_TEXT_MAX,
             "its time may be wrong by %s, more than max-distance = %s; choose a source that is "
             "nearer, or raise the limit",
             quantity_format_duration(half_ns(&entry->interval), false, found),
             quantity_format_duration(sync->options.max_distance_ns, false, limit));
}

static void explain_falseticker(const struct sync *sync, const struct sync_entry *entry,
                                struct mono now, char reason[STATUS_TEXT_MAX])
{
    const struct sync_judgement *judgement = &sync->judgement;
    char gap[QUANTITY_TEXT_MAX], half[QUANTITY_TEXT_MAX];
    if (source_state_own(entry->source, now, reason) == SOURCE_FALSETICKER) {
        return;
    }
    if (!judgement->has_agreement) {
        snprintf(reason, STATUS_TEXT_MAX,
                 "no %zu of the %zu sources that answer agree, as %zu of %zu must (faults = %zu); "
                 "compare them with others",
                 judgement->needed, judgement->answering, judgement->needed, judgement->total,
                 judgement->faults);
        return;
    }
    bool is_late = entry->interval.latest_ns < judgement->agreed.earliest_ns;
    int64_t gap_ns = is_late ? entry->interval.latest_ns - judgement->agreed.earliest_ns
                             : entry->interval.earliest_ns - judgement->agreed.latest_ns;
    snprintf(reason, STATUS_TEXT_MAX,
             "what it vouches for (+-%s) misses what %zu %s agree on by %s; if it is right, "
             "the others are wrong together",
             quantity_format_duration(half_ns(&entry->interval), false, half), judgement->agreeing,
             entry->state == SOURCE_UNTRUSTED ? "sources marked trust" : "sources",
             quantity_format_duration(gap_ns, true, gap));
}

static void explain_waits(const struct sync *sync, char reason[STATUS_TEXT_MAX])
{
    const struct sync_judgement *judgement = &sync->judgement;
    if (!judgement->has_agreement) {
        snprintf(reason, STATUS_TEXT_MAX,
                 "%zu of %zu sources answered, and %zu must agree (faults = %zu)",
                 judgement->answering, judgement->total, judgement->needed, judgement->faults);
    } else if (judgement->lacks_required) {
        snprintf(reason, STATUS_TEXT_MAX,
                 "it agrees with %zu, but none of the sources marked require does", judgement->fit);
    } else {
        snprintf(reason, STATUS_TEXT_MAX, "only %zu sources are fit, less than min-sources = %u",
                 judgement->fit, sync->options.min_sources);
    }
}

static void explain_orphan(const struct sync *sync, const struct sync_entry *entry,
                           char reason[STATUS_TEXT_MAX])
{
    const struct sample *sample = source_sample(entry->source);
    struct orphan_self self = {.stratum = sync->options.local_stratum,
                               .own = sync->own_refids,
                               .own_count = sync->own_count};
    struct orphan_peer peer = {.address = entry->refid,
                               .refid = sample != NULL ? sample->refid : 0,
                               .stratum = sample != NULL ? sample->stratum : 0};
    if (sync_is_bounded(sync)) {
        snprintf(reason, STATUS_TEXT_MAX,
                 "it has no reference (stratum %u, local-stratum = %u here), and others have",
                 peer.stratum, sync->options.local_stratum);
    } else if (orphan_is_own(&self, orphan_root(&self, &peer))) {
        snprintf(reason, STATUS_TEXT_MAX, "it has no reference, and follows this clock");
    } else {
        snprintf(reason, STATUS_TEXT_MAX,
                 "it has no reference, and is not the one with the smallest refid that all follow");
    }
}

/* A member that agrees, and is not needed. */
static void explain_passed(const struct sync *sync, const struct sync_entry *entry,
                           char reason[STATUS_TEXT_MAX])
{
    const struct member_claim *claim = source_claim(entry->source);
    unsigned most = sync->judgement.hops_cut;
    if (claim == NULL || claim->hops == SYNC_HOPS_NONE) {
        snprintf(reason, STATUS_TEXT_MAX,
                 "it agrees, but says that it has no way to UTC now: its interval counts, its "
                 "estimate does not");
    } else if (claim->hops > most) {
        snprintf(reason, STATUS_TEXT_MAX,
                 "it agrees, but has UTC over %u hops, and may have it from us; members count "
                 "that have it over %u",
                 claim->hops, most);
    } else {
        snprintf(reason, STATUS_TEXT_MAX,
                 "it agrees, but is not known for long, or is silent; others that agree are known "
                 "as truechimers");
    }
}

static void explain_excluded(const struct sync *sync, const struct sync_entry *entry,
                             char reason[STATUS_TEXT_MAX])
{
    bool is_convicted = sync->table.names[entry->name].verdict.weight == MEMBER_CONVICTED;
    snprintf(reason, STATUS_TEXT_MAX,
             is_convicted ? "the mesh convicted it: two signed reports of it contradict each "
                            "other; it counts no more, 'chime mesh' shows the evidence"
                          : "the mesh watches it, or excludes it for now ('chime mesh' says why): "
                            "its interval counts, its estimate does not");
}

/* A member without UTC. */
static void explain_unsynchronised(const struct sync *sync, const struct sync_entry *entry,
                                   struct mono now, char reason[STATUS_TEXT_MAX])
{
    const struct member_claim *claim = source_claim(entry->source);
    if (source_state_own(entry->source, now, reason) == SOURCE_UNSYNCHRONISED ||
        !sync_is_member(sync, entry)) {
        return;
    }
    bool is_mesh = claim != NULL && claim->timescale == TIMESCALE_MESH;
    snprintf(reason, STATUS_TEXT_MAX, "it answers, but vouches for no UTC%s",
             is_mesh ? ": it keeps the mesh's own time, or has none yet" : "");
}

static void explain_noselect(const struct sync_entry *entry, struct mono now,
                             char reason[STATUS_TEXT_MAX])
{
    if (source_state_own(entry->source, now, reason) != SOURCE_NOSELECT) {
        snprintf(reason, STATUS_TEXT_MAX,
                 "members are only measured: the mesh's coordinator says how clocks are off "
                 "(algorithm = berkeley)");
    }
}

static void explain_agreeing(const struct sync *sync, const struct sync_entry *entry,
                             char reason[STATUS_TEXT_MAX])
{
    if (entry->state == SOURCE_UNLIKELY) {
        snprintf(reason, STATUS_TEXT_MAX,
                 "its bounds meet what is agreed, but its estimate lies beyond that by more than "
                 "4 sd");
    } else if (entry->state == SOURCE_UNPREFERRED && sync_is_member(sync, entry)) {
        explain_passed(sync, entry, reason);
    } else if (entry->state == SOURCE_UNPREFERRED) {
        snprintf(reason, STATUS_TEXT_MAX, "it agrees, but another source is marked prefer");
    } else if (sync->is_followed) {
        snprintf(reason, STATUS_TEXT_MAX,
                 "no source has a reference, and this one leads to the smallest refid: it is "
                 "followed");
    } else {
        snprintf(reason, STATUS_TEXT_MAX, "it agrees with %zu of %zu, and counts for %.0f %%",
                 sync->judgement.agreeing, sync->judgement.total, 100 * entry->weight);
    }
}

/* It may count still, by what it said before. */
static void explain_silent(const struct sync_entry *entry, struct mono now,
                           char reason[STATUS_TEXT_MAX])
{
    (void)source_state_own(entry->source, now, reason);
    size_t size = strlen(reason);
    if (entry->is_candidate) {
        snprintf(reason + size, STATUS_TEXT_MAX - size,
                 "; what it said last still counts, and less with time");
    }
}

void sync_judge_explain(const struct sync *sync, const struct sync_entry *entry, struct mono now,
                        char reason[STATUS_TEXT_MAX])
{
    reason[0] = '\0';
    switch (entry->state) {
    case SOURCE_OFFLINE:
    case SOURCE_UNREACHABLE:
        explain_silent(entry, now, reason);
        break;
    case SOURCE_DENIED:
    case SOURCE_WAITING:
        (void)source_state_own(entry->source, now, reason);
        break;
    case SOURCE_NOSELECT:
        explain_noselect(entry, now, reason);
        break;
    case SOURCE_UNSYNCHRONISED:
        explain_unsynchronised(sync, entry, now, reason);
        break;
    case SOURCE_EXCLUDED:
        explain_excluded(sync, entry, reason);
        break;
    case SOURCE_UNRESOLVED:
        explain_unresolved(sync, entry, reason);
        break;
    case SOURCE_LOOP:
        snprintf(reason, STATUS_TEXT_MAX, "it gets its time from this machine: its refid is ours");
        break;
    case SOURCE_DISTANT:
        explain_distant(sync, entry, reason);
        break;
    case SOURCE_ORPHAN:
        explain_orphan(sync, entry, reason);
        break;
    case SOURCE_FALSETICKER:
    case SOURCE_UNTRUSTED:
        explain_falseticker(sync, entry, now, reason);
        break;
    case SOURCE_WAITS_REQUIRED:
        explain_waits(sync, reason);
        break;
    case SOURCE_UNLIKELY:
    case SOURCE_UNPREFERRED:
    case SOURCE_COMBINED:
    case SOURCE_SELECTED:
    case SOURCE_STATES:
        explain_agreeing(sync, entry, reason);
        break;
    }
}

static void report_selected(struct sync *sync, struct mono now, struct actions *out)
{
    char address[ADDRESS_TEXT_MAX];
    bool is_soon =
        sync->selected_told != SIZE_MAX && now.ns - sync->selected_told_at.ns < SELECTED_AGAIN_NS;
    if (sync->selected == sync->selected_told || sync->selected >= sync->table.count || is_soon) {
        return;
    }
    const struct sync_entry *entry = &sync->table.entries[sync->selected];
    sync->selected_told = sync->selected;
    sync->selected_told_at = now;
    actions_report(out, REPORT_INFO, "%s (%s) counts most now",
                   sync_entry_options(sync, entry)->name, address_format(&entry->remote, address));
}

void sync_judge_report(struct sync *sync, struct mono now, struct actions *out)
{
    report_selected(sync, now, out);
    for (size_t i = 0; i < sync->table.count; i++) {
        struct sync_entry *entry = &sync->table.entries[i];
        bool is_false = entry->state == SOURCE_FALSETICKER || entry->state == SOURCE_UNTRUSTED;
        bool is_soon = entry->reported.ns > 0 && now.ns - entry->reported.ns < REPORT_AGAIN_NS;
        if (!is_false || is_soon || actions_room(out) < 4) {
            continue;
        }
        char address[ADDRESS_TEXT_MAX], reason[STATUS_TEXT_MAX];
        entry->reported = now;
        sync_judge_explain(sync, entry, now, reason);
        actions_report(out, REPORT_WARNING, "%s (%s) is a falseticker: %s",
                       sync_entry_options(sync, entry)->name,
                       address_format(&entry->remote, address), reason);
    }
}

/* A member that has no UTC now may have the mesh's time. */
static bool is_lost(enum source_state state, bool is_member)
{
    if (is_member && state == SOURCE_UNSYNCHRONISED) {
        return false;
    }
    return state == SOURCE_UNREACHABLE || state == SOURCE_DENIED || state == SOURCE_DISTANT ||
           state == SOURCE_UNSYNCHRONISED || state == SOURCE_LOOP;
}

static bool is_back(enum source_state state)
{
    return state == SOURCE_COMBINED || state == SOURCE_SELECTED || state == SOURCE_UNPREFERRED ||
           state == SOURCE_UNLIKELY || state == SOURCE_NOSELECT || state == SOURCE_EXCLUDED;
}

void sync_judge_report_lost(struct sync *sync, struct mono now, struct actions *out)
{
    for (size_t i = 0; i < sync->table.count; i++) {
        struct sync_entry *entry = &sync->table.entries[i];
        bool was_lost = entry->is_told_lost;
        bool is_soon = entry->lost_at.ns > 0 && now.ns - entry->lost_at.ns < REPORT_AGAIN_NS;
        bool begins = !was_lost && is_lost(entry->state, sync_is_member(sync, entry)) && !is_soon &&
                      now.ns - sync->started.ns >= LOST_FIRST_NS;
        bool ends = was_lost && is_back(entry->state);
        if (!(begins || ends) || actions_room(out) < 4) {
            continue;
        }
        char address[ADDRESS_TEXT_MAX], reason[STATUS_TEXT_MAX] = "it answers, and can be used";
        entry->is_told_lost = begins;
        if (begins) {
            entry->lost_at = now;
            sync_judge_explain(sync, entry, now, reason);
        }
        actions_report(out, begins ? REPORT_WARNING : REPORT_NOTICE, "%s (%s) is %s: %s",
                       sync_entry_options(sync, entry)->name,
                       address_format(&entry->remote, address),
                       begins ? source_state_name(entry->state) : "back", reason);
    }
}
