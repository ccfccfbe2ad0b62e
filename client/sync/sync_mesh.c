/* SPDX-License-Identifier: MIT */
/* The mesh's own time: when it is kept, who has a say in it, and what we may claim of it. */
#include "client/sync/sync_inner.h"
#include "client/sync/sync_member.h"
#include "common/base/quantity.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* So long after the start nobody gives up on UTC. */
#define PATIENCE_NS (30 * NS_PER_S)
/* Nor does anybody ask for so many polls whether those that claim UTC agree on it. */
#define UTC_POLLS 16
/* Our line as a clock's estimate: it is what it is. The sd lets the system's clock follow within
 * half a minute. */
#define LINE_SD_NS 1e4
#define LINE_RATE_SD_PPM 0.1
/* Of a member whose rate is known worse than this the rate has no say. */
#define RATE_SD_MOST_PPM 20.0

/* Who moved to the mesh's time says so when the others can have seen where it is: after two polls,
 * and so long at least; and if a majority is so near. */
#define SETTLE_NS (40 * NS_PER_S)
#define NEAR_NS (20 * NS_PER_MS)

bool sync_mesh_is_time(const struct sync *sync, const struct member_claim *claim)
{
    return claim != NULL && claim->timescale == TIMESCALE_MESH &&
           claim->timescale_id == sync->options.mesh.timescale_id;
}

/* Does the entry answer, with a clock of the mesh's time or one that waits for it? */
static bool is_heard(const struct sync *sync, const struct sync_entry *entry)
{
    return sync_is_member(sync, entry) && entry->is_connected && source_reach(entry->source) != 0 &&
           sync_mesh_is_time(sync, source_claim(entry->source)) && !sync_is_convicted(sync, entry);
}

bool sync_mesh_is_trusted(const struct sync *sync, const struct sync_entry *entry)
{
    enum member_weight weight = sync->table.names[entry->name].verdict.weight;
    return weight == MEMBER_COUNTS || weight == MEMBER_AT_FIRST;
}

static bool has_say(const struct sync *sync, const struct sync_entry *entry)
{
    return is_heard(sync, entry) && sync_mesh_is_trusted(sync, entry);
}

bool sync_mesh_is_settled(const struct sync_entry *entry)
{
    return source_claim(entry->source)->is_bounded;
}

/* Of the members that are left, ourselves included. */
static bool is_majority(const struct sync *sync, size_t count)
{
    size_t members = sync->options.mesh.members;
    for (size_t i = 0; i < sync->table.count; i++) {
        const struct sync_entry *entry = &sync->table.entries[i];
        members -= sync_is_convicted(sync, entry) && members > 1;
    }
    return 2 * count > members;
}

size_t sync_mesh_faults(const struct sync *sync)
{
    size_t members = sync->options.mesh.members > 0 ? sync->options.mesh.members : 1;
    size_t faults = sync->options.faults == SYNC_FAULTS_AUTO ? selection_faults_max(members)
                                                             : (size_t)sync->options.faults;
    for (size_t i = 0; i < sync->table.count; i++) {
        const struct sync_entry *entry = &sync->table.entries[i];
        faults -= sync_is_convicted(sync, entry) && faults > 0;
    }
    return faults;
}

int64_t sync_mesh_poll_ns(const struct sync *sync)
{
    int64_t poll_ns = MESHTIME_TICK_NS;
    for (size_t i = 0; i < sync->table.count; i++) {
        int64_t each_ns = timestamp_log2_to_ns(source_poll_log2(sync->table.entries[i].source));
        poll_ns = is_heard(sync, &sync->table.entries[i]) && each_ns > poll_ns ? each_ns : poll_ns;
    }
    return poll_ns;
}

static bool says_utc(const struct sync *sync, const struct sync_entry *entry)
{
    const struct member_claim *claim = source_claim(entry->source);
    return sync_is_member(sync, entry) && claim != NULL && !sync_is_silent(entry) &&
           claim->hops != SYNC_HOPS_NONE;
}

/* How many of those whose intervals of UTC reach to where that of the entry begins. */
static size_t count_meeting(const struct sync *sync, const struct sync_entry *entry)
{
    size_t count = 0;
    for (size_t i = 0; i < sync->table.count; i++) {
        const struct sync_entry *other = &sync->table.entries[i];
        count += says_utc(sync, other) && other->is_candidate &&
                 interval_contains(other->interval, entry->interval.earliest_ns);
    }
    return count;
}

/* f + 1 members that have a way to UTC will have it agreed soon. After a while only if what they
 * say of it is one time: f that lie, and one that does not, would keep us waiting for ever. */
static bool is_utc_coming(const struct sync *sync, struct mono now)
{
    bool is_young = now.ns - sync->started.ns < UTC_POLLS * sync_mesh_poll_ns(sync);
    size_t count = 0, most = 0;
    for (size_t i = 0; i < sync->table.count; i++) {
        const struct sync_entry *entry = &sync->table.entries[i];
        count += says_utc(sync, entry);
        if (says_utc(sync, entry) && entry->is_candidate) {
            size_t meeting = count_meeting(sync, entry);
            most = meeting > most ? meeting : most;
        }
    }
    return (is_young ? count : most) > sync->judgement.faults;
}

void sync_mesh_gather(const struct sync *sync, struct reading now, struct wall ours,
                      struct sync_choir *choir)
{
    *choir = (struct sync_choir){.heard = 1};
    for (size_t i = 0; i < sync->table.count; i++) {
        const struct sync_entry *entry = &sync->table.entries[i];
        struct estimate estimate;
        if (!is_heard(sync, entry) || !source_estimate(entry->source, now.mono, &estimate)) {
            continue;
        }
        choir->heard++;
        if (!has_say(sync, entry)) {
            continue;
        }
        double offset_ns = (double)(estimate.wall.ns - ours.ns) + estimate.fraction_ns -
                           sync->table.names[entry->name].verdict.asymmetry_ns;
        choir->near += fabs(offset_ns) <= (double)NEAR_NS;
        choir->is_settled[choir->count] = sync_mesh_is_settled(entry);
        choir->voices[choir->count++] =
            (struct meshtime_voice){.offset_ns = offset_ns,
                                    .has_rate = estimate.rate_sd_ppm < RATE_SD_MOST_PPM,
                                    .rate_ppm = estimate.rate_ppm};
    }
}

static void keep(struct sync_choir *choir, const bool *is_kept)
{
    size_t kept = 0;
    for (size_t i = 0; i < choir->count; i++) {
        if (is_kept[i]) {
            choir->voices[kept++] = choir->voices[i];
        }
    }
    choir->count = kept;
}

/* How many keep the mesh's time within NEAR_NS above the voice; marks them. */
static size_t mark_group(const struct sync_choir *choir, size_t voice, bool is_in[SYNC_SOURCES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < choir->count; i++) {
        double above_ns = choir->voices[i].offset_ns - choir->voices[voice].offset_ns;
        is_in[i] = choir->is_settled[i] && above_ns >= 0 && above_ns <= (double)NEAR_NS;
        count += is_in[i];
    }
    return count;
}

/* The largest group that keeps the mesh's time: one of f + 1 is honest. False: there is none. */
static bool keep_leaders(const struct sync *sync, struct sync_choir *choir)
{
    bool is_in[SYNC_SOURCES_MAX];
    size_t best = 0;
    size_t most = 0;
    for (size_t i = 0; i < choir->count; i++) {
        size_t count = choir->is_settled[i] ? mark_group(choir, i, is_in) : 0;
        best = count > most ? i : best;
        most = count > most ? count : most;
    }
    if (most <= sync_mesh_faults(sync)) {
        return false;
    }
    (void)mark_group(choir, best, is_in);
    keep(choir, is_in);
    return true;
}

/* Who is relied on listens to the others that are, and to those that have come near; so no number
 * of newcomers moves it. Who begins follows a group of which one is honest; without one all that
 * wait begin together. False: nobody moves. */
static bool choose_voices(const struct sync *sync, struct sync_choir *choir, bool *has_own)
{
    *has_own = sync->mesh.line.is_settled || !keep_leaders(sync, choir);
    if (sync->mesh.line.is_settled) {
        bool is_kept[SYNC_SOURCES_MAX];
        for (size_t i = 0; i < choir->count; i++) {
            is_kept[i] =
                choir->is_settled[i] || fabs(choir->voices[i].offset_ns) <= (double)NEAR_NS;
        }
        keep(choir, is_kept);
    }
    return choir->count > 0 && (!*has_own || is_majority(sync, choir->count + 1));
}

void sync_mesh_keep_estimate(struct sync *sync, struct mono now)
{
    struct estimate *estimate = &sync->estimate;
    *estimate = (struct estimate){.at = now,
                                  .rate_ppm = meshtime_rate_ppm(&sync->mesh.line),
                                  .offset_sd_ns = LINE_SD_NS,
                                  .rate_sd_ppm = LINE_RATE_SD_PPM,
                                  .rate_sd_bound_ppm = LINE_RATE_SD_PPM};
    estimate->wall = meshtime_read(&sync->mesh.line, now, &estimate->fraction_ns);
    sync->has_estimate = true;
    sync->judgement.has_estimate = true;
}

void sync_mesh_tell_jump(struct sync *sync, int64_t jump_ns, bool is_first, struct actions *out)
{
    char by[QUANTITY_TEXT_MAX], reason[STATUS_TEXT_MAX];
    quantity_format_duration(jump_ns, true, by);
    snprintf(reason, sizeof(reason),
             is_first ? "the members of the mesh agree on its own time, without UTC; ours moves by "
                        "%s to it"
                      : "the mesh's time is %s from ours, and is taken over",
             by);
    sync_end_epoch(sync, reason, out);
}

/* Did we move, others have to see us where we are now. */
void sync_mesh_begin_settling(struct sync *sync, struct mono now)
{
    int64_t wait_ns = 2 * sync_mesh_poll_ns(sync);
    meshtime_settle(&sync->mesh.line, false);
    sync->mesh.settle_at.ns = now.ns + (wait_ns > SETTLE_NS ? wait_ns : SETTLE_NS);
}

void sync_mesh_enter(struct sync *sync, struct reading now, struct wall ours)
{
    sync->mesh.is_in = true;
    sync->mesh.majority_at = now.mono;
    double rate_ppm = sync->has_estimate ? sync->estimate.rate_ppm : sync->frequency_ppm;
    meshtime_begin(&sync->mesh.line, now.mono, ours, rate_ppm);
    sync_mesh_begin_settling(sync, now.mono);
    if (!sync->has_agreed) {
        sync_clock_restart(sync);
    }
    span_void(&sync->span);
    sync->has_agreed = false;
    sync->hops = SYNC_HOPS_NONE;
    sync->selected = SIZE_MAX;
}

static bool may_enter(const struct sync *sync, const struct sync_choir *choir, struct mono now)
{
    return now.ns - sync->started.ns >= PATIENCE_NS && !sync_is_bounded(sync) &&
           sync->condition != SYNC_PANIC && is_majority(sync, choir->heard) && choir->count > 0 &&
           !is_utc_coming(sync, now);
}

/* Steers, and tells, after the line was moved or the sources were judged. */
void sync_mesh_carry_out(struct sync *sync, struct reading now, struct actions *out)
{
    sync_mesh_keep_estimate(sync, now.mono);
    sync->poll_ns = sync_mesh_poll_ns(sync);
    sync->update_interval_ns = sync->updated_at.ns > 0 ? now.mono.ns - sync->updated_at.ns : 0;
    sync->updated_at = now.mono;
    sync->mesh.tick_at.ns = now.mono.ns + MESHTIME_TICK_NS;
    sync_clock_steer(sync, true, now, out);
    sync_claim_find_condition(sync, now, out);
    sync_claim_publish(sync, now, out);
}

/* Moves the line, or not. Returns by how much it jumped. */
static int64_t move(struct sync *sync, struct sync_choir *choir, struct mono now)
{
    bool has_own;
    bool is_heard_by_most = is_majority(sync, choir->heard);
    bool is_near = is_majority(sync, choir->near + 1);
    int64_t jump_ns = 0;
    meshtime_pace(&sync->mesh.line, sync_mesh_poll_ns(sync));
    if (!is_heard_by_most && sync->mesh.line.is_settled && !sync_mesh_is_held(sync, now)) {
        sync_mesh_begin_settling(sync, now);
    }
    if (is_heard_by_most && choose_voices(sync, choir, &has_own)) {
        jump_ns = meshtime_follow(&sync->mesh.line, choir->voices, choir->count,
                                  sync_mesh_faults(sync), has_own, now);
    } else {
        meshtime_hold(&sync->mesh.line, now);
    }
    if (jump_ns != 0) {
        sync_mesh_begin_settling(sync, now);
    }
    if (now.ns >= sync->mesh.settle_at.ns && is_near && is_heard_by_most) {
        meshtime_settle(&sync->mesh.line, true);
    }
    if (is_heard_by_most) {
        sync->mesh.majority_at = now;
    }
    return jump_ns;
}

/* They are told that we moved, and it is seen where they are before we move again. */
static void hurry_members(struct sync *sync, struct mono now)
{
    for (size_t i = 0; i < sync->table.count; i++) {
        const struct sync_entry *entry = &sync->table.entries[i];
        if (sync_is_member(sync, entry)) {
            sync_member_hurry(sync, sync_entry_options(sync, entry)->member, 1, now);
        }
    }
}

void sync_mesh_run(struct sync *sync, struct reading now, struct actions *out)
{
    struct sync_choir choir;
    if (!sync->options.mesh.is_on) {
        return;
    }
    if (sync->options.mesh.is_berkeley) {
        sync_berkeley_run(sync, now, out);
        return;
    }
    struct wall ours = sync_state_utc(&sync->state, sync_clock(sync, now));
    sync_mesh_gather(sync, now, ours, &choir);
    bool is_first = !sync->mesh.is_in;
    if (is_first && !may_enter(sync, &choir, now.mono)) {
        return;
    }
    if (is_first) {
        sync_mesh_enter(sync, now, ours);
    }

    int64_t jump_ns = move(sync, &choir, now.mono);
    /* Relied on or not: whoever measured it begins anew, or takes the jump for a rate. */
    if (is_first || jump_ns != 0) {
        sync_mesh_tell_jump(sync, jump_ns, is_first, out);
        hurry_members(sync, now.mono);
    }
    sync_mesh_carry_out(sync, now, out);
}

void sync_mesh_leave(struct sync *sync)
{
    sync->mesh.is_in = false;
    sync->mesh.tick_at.ns = SYNC_NEVER;
}

bool sync_mesh_is_held(const struct sync *sync, struct mono now)
{
    return sync->mesh.is_in && sync->mesh.line.is_settled &&
           now.ns - sync->mesh.majority_at.ns <= sync->options.void_after_ns;
}
