/* SPDX-License-Identifier: MIT */
/* What is told to the members of a mesh, and what was measured of them. */
#include "client/sync/sync_inner.h"
#include "client/sync/sync_member.h"
#include <math.h>

#define PPM 1e-6

/* What we serve gains on the oscillator. */
static double served_ppm(const struct sync *sync)
{
    return sync->state.timebase == TIMEBASE_LINE ? sync->state.rate_ppm : sync->frequency_ppm;
}

static bool is_on_utc(const struct sync *sync)
{
    return sync_is_bounded(sync) || !sync->options.mesh.is_on;
}

static void claim_interval(const struct sync *sync, struct mono now, struct own_claim *claim)
{
    struct interval interval;
    claim->is_bounded = sync_interval(sync, now, &interval);
    if (claim->is_bounded) {
        claim->before_ns = claim->clock.ns - interval.earliest_ns;
        claim->after_ns = interval.latest_ns - claim->clock.ns;
        claim->drift_ppm = span_growth_ppm(&sync->span, now, NS_PER_S);
    }
}

void sync_own_claim(const struct sync *sync, struct reading now, struct own_claim *claim)
{
    bool is_synchronised = sync->condition == SYNC_SYNCHRONISED;
    bool has_way = is_synchronised && !sync_choose_is_stale(sync, now.mono);
    *claim =
        (struct own_claim){.timescale = is_on_utc(sync) ? TIMESCALE_UTC : TIMESCALE_MESH,
                           .is_synchronised = is_synchronised,
                           .is_holdover = sync->condition == SYNC_HOLDOVER,
                           .has_utc = is_synchronised && sync->hops == 0,
                           .hops = has_way ? (uint8_t)sync->hops : SYNC_HOPS_NONE,
                           .leap = sync_state_leap(&sync->state, now.mono),
                           .clock = sync_state_utc(&sync->state, sync_clock(sync, now)),
                           .tai_offset_s = (int16_t)leap_tai_offset(&sync->options.leaps, now.wall),
                           .drift_max_ppm = bound_most_ppm(&sync->options.bound, &sync->span.rate),
                           .epoch = sync->epoch};
    if (is_on_utc(sync)) {
        claim_interval(sync, now.mono, claim);
    } else {
        sync_mesh_claim(sync, now, claim);
    }
}

void sync_member_measured(const struct sync *sync, uint64_t id, struct reading now,
                          struct member_measure *measure)
{
    const struct source *source = sync_member_source(sync, id);
    *measure = (struct member_measure){.is_silent = true};
    if (source == NULL) {
        return;
    }
    struct wall ours = sync_state_utc(&sync->state, sync_clock(sync, now));
    struct estimate estimate;
    measure->is_silent = source_reach(source) == 0;
    measure->delay_ns = source_delay_ns(source);
    measure->sampled = source_answered(source);
    measure->has_estimate = source_estimate(source, now.mono, &estimate);
    if (measure->has_estimate) {
        measure->offset_ns = (double)(estimate.wall.ns - ours.ns) + estimate.fraction_ns;
        measure->offset_sd_ns = estimate.offset_sd_ns;
        measure->rate_ppm = estimate.rate_ppm - served_ppm(sync);
    }
    measure->has_interval = source_clock_interval(source, now.mono, &measure->interval);
    if (measure->has_interval) {
        measure->interval.earliest_ns -= ours.ns;
        measure->interval.latest_ns -= ours.ns;
    }
}
