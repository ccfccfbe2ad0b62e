/* SPDX-License-Identifier: MIT */
/* What the engine knows, for those who look. */
#include "client/sync/sync_inner.h"
#include "common/base/quantity.h"
#include <math.h>
#include <stdio.h>

static void explain_mesh(const struct sync *sync, struct mono now, char reason[STATUS_TEXT_MAX])
{
    const struct sync_judgement *judgement = &sync->judgement;
    char age[QUANTITY_TEXT_MAX];
    int64_t age_ns = now.ns - sync->mesh.majority_at.ns;
    quantity_format_duration(age_ns / NS_PER_S * NS_PER_S, false, age);
    if (age_ns < SYNC_HOLDOVER_POLLS * sync->poll_ns) {
        snprintf(reason, STATUS_TEXT_MAX,
                 "no UTC: %zu of %zu members agree on the mesh's own time, ourselves included",
                 judgement->agreeing, judgement->total);
    } else {
        snprintf(reason, STATUS_TEXT_MAX,
                 "no UTC, and less than half of the mesh's %u members are heard for %s: our clock "
                 "runs on at its rate until a majority is back",
                 sync->options.mesh.members, age);
    }
}

static void explain(const struct sync *sync, struct mono now, char reason[STATUS_TEXT_MAX])
{
    const struct sync_judgement *judgement = &sync->judgement;
    char age[QUANTITY_TEXT_MAX];
    quantity_format_duration((now.ns - sync->agreed_at.ns) / NS_PER_S * NS_PER_S, false, age);
    switch (sync->condition) {
    case SYNC_STARTING:
        snprintf(reason, STATUS_TEXT_MAX,
                 "%zu of %zu sources answered, and %zu must agree (faults = %zu)",
                 judgement->answering, judgement->total, judgement->needed, judgement->faults);
        break;
    case SYNC_SYNCHRONISED:
        snprintf(reason, STATUS_TEXT_MAX, "%zu of %zu sources agree, %zu must (faults = %zu)",
                 judgement->agreeing, judgement->total, judgement->needed, judgement->faults);
        break;
    case SYNC_HOLDOVER:
    case SYNC_UNBOUNDED:
        snprintf(reason, STATUS_TEXT_MAX,
                 "no sample on which the sources agree for %s; 'chime sources' says why", age);
        break;
    case SYNC_PANIC:
        discipline_explain(&sync->discipline, reason);
        break;
    case SYNC_LOCAL:
        snprintf(reason, STATUS_TEXT_MAX, "no source is configured%s",
                 sync->options.local_stratum > 0 ? ": the local clock is served" : "");
        break;
    case SYNC_ORPHAN:
        snprintf(reason, STATUS_TEXT_MAX,
                 sync->is_followed ? "no source has a reference: the orphan with the smallest "
                                     "refid is followed"
                                   : "no source has a reference, and no smaller refid is seen: the "
                                     "others follow this clock");
        break;
    case SYNC_MESH:
        explain_mesh(sync, now, reason);
        break;
    case SYNC_CONDITIONS:
        break;
    }
}

static void fill_interval(const struct sync *sync, struct mono now, struct status *status)
{
    status->has_interval = sync_interval(sync, now, &status->interval);
    status->epoch = sync->epoch;
    snprintf(status->epoch_reason, sizeof(status->epoch_reason), "%s", sync->epoch_reason);
    status->drift_class = drift_class_name(sync->options.bound.drift_class);
    status->drift_ppm = span_growth_ppm(&sync->span, now, NS_PER_S);
    status->sources = sync->judgement.total;
    status->faults = sync->judgement.faults;
    status->agreeing = sync->judgement.agreeing;
    status->needed = sync->judgement.needed;
}

static void fill_estimate(const struct sync *sync, struct reading now, struct status *status)
{
    struct estimate estimate;
    status->has_estimate = sync_estimate(sync, now.mono, &estimate);
    if (status->has_estimate) {
        status->offset_ns = sync_clock_left_ns(sync, now);
        status->offset_sd_ns = estimate.offset_sd_ns;
        status->rate_ppm = estimate.rate_ppm;
        status->rate_sd_ppm = estimate.rate_sd_ppm;
    }
    status->residual_ppm = sync->residual_ppm;
    status->last_offset_ns = sync->last_offset_ns;
    status->rms_offset_ns = sqrt(sync->mean_square_ns2);
    status->last_update = sync->updated_at;
    status->update_interval_ns = sync->update_interval_ns;
}

static void count_sources(const struct sync *sync, struct reading now, struct status *status)
{
    for (size_t i = 0; i < sync->table.count; i++) {
        const struct sync_entry *entry = &sync->table.entries[i];
        struct source_status source;
        source_status(entry->source, now, 0, &source);
        if (!entry->is_connected) {
            status->unresolved++;
        } else if (source.is_online) {
            status->online += !source.is_bursting;
            status->bursting_online += source.is_bursting;
        } else {
            status->offline += !source.is_bursting;
            status->bursting_offline += source.is_bursting;
        }
    }
}

void sync_status(const struct sync *sync, struct reading now, struct status *status)
{
    *status = (struct status){.now = sync_clock(sync, now),
                              .is_shadow = sync->options.is_shadow,
                              .condition = sync->condition,
                              .state = sync->state,
                              .frequency_ppm = sync->frequency_ppm,
                              .steps = sync->steps,
                              .last_step_ns = sync->last_step_ns,
                              .last_step = sync->last_step,
                              .leap = (uint8_t)sync->leap,
                              .is_steering = sync->discipline.state == DISCIPLINE_STARTING ||
                                             sync->discipline.state == DISCIPLINE_STEERING};
    explain(sync, now.mono, status->reason);
    if (sync->selected < sync->table.count && sync->table.entries[sync->selected].weight > 0) {
        snprintf(status->selected, sizeof(status->selected), "%s",
                 sync_entry_options(sync, &sync->table.entries[sync->selected])->name);
    }
    status->tai_offset_s = leap_tai_offset(&sync->options.leaps, status->now.wall);
    double ppm;
    status->smear_ns = sync_leap_smear(sync, sync->estimate.wall, &ppm);
    fill_interval(sync, now.mono, status);
    fill_estimate(sync, now, status);
    count_sources(sync, now, status);
}

size_t sync_source_count(const struct sync *sync)
{
    return sync->table.count;
}

bool sync_source_status(const struct sync *sync, size_t index, struct reading now,
                        struct source_status *status)
{
    if (index >= sync->table.count) {
        return false;
    }
    const struct sync_entry *entry = &sync->table.entries[index];
    source_status(entry->source, sync_clock(sync, now), sync->discipline.rate_ppm, status);
    status->state = entry->state;
    status->weight = entry->weight;
    sync_judge_explain(sync, entry, now.mono, status->reason);
    return true;
}
