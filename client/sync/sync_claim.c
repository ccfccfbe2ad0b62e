/* SPDX-License-Identifier: MIT */
/* What is said of ourselves: to clients, to the kernel, to the state files. */
#include "client/sync/sync_inner.h"
#include "ntpwire/refid.h"
#include <math.h>

#define SAVE_RATE_NS (3600 * NS_PER_S)
#define SAVE_TIME_NS (600 * NS_PER_S)
/* A rate worth keeping. */
#define RATE_GOOD_PPM 1.0
/* Beyond this nobody takes an answer (RFC 5905, MAXDISP). */
#define SERVE_BOUND_NS (16 * NS_PER_S)
/* A claim is renewed every 16 s, and may be read a little later. */
#define STRETCH_NS (20 * NS_PER_S)

bool sync_is_bounded(const struct sync *sync)
{
    return sync->condition == SYNC_SYNCHRONISED || sync->condition == SYNC_HOLDOVER;
}

static bool has_upstream(const struct sync *sync)
{
    for (size_t i = 0; i < sync->table.name_count; i++) {
        const struct source_options *options = &sync->table.names[i].options;
        if (options->kind != SOURCE_BROADCAST_SERVER && !options->is_noselect) {
            return true;
        }
    }
    return false;
}

static enum sync_condition find_condition(const struct sync *sync, struct mono now)
{
    if (!has_upstream(sync)) {
        return SYNC_LOCAL;
    }
    if (sync->discipline.state == DISCIPLINE_PANIC) {
        return SYNC_PANIC;
    }
    int64_t age_ns = now.ns - sync->agreed_at.ns;
    int64_t patience_ns =
        SYNC_HOLDOVER_POLLS * sync->poll_ns + sync_leap_pause_ns(sync, sync->agreed_at, now);
    bool has_span = sync->has_agreed && sync->span.is_set;
    if (has_span && !sync->is_followed && age_ns <= patience_ns) {
        return SYNC_SYNCHRONISED;
    }
    bool is_short = age_ns <= patience_ns || age_ns <= sync->options.void_after_ns;
    if (has_span && !sync->is_followed && is_short) {
        return SYNC_HOLDOVER;
    }
    if (sync->mesh.is_in) {
        return SYNC_MESH;
    }
    if (sync->options.is_orphan && sync->options.local_stratum > 0) {
        return SYNC_ORPHAN;
    }
    return has_span ? SYNC_UNBOUNDED : SYNC_STARTING;
}

void sync_claim_find_condition(struct sync *sync, struct reading now, struct actions *out)
{
    static const char *const texts[SYNC_CONDITIONS] = {
        [SYNC_STARTING] = "not synchronised",
        [SYNC_SYNCHRONISED] = "synchronised: the sources agree",
        [SYNC_HOLDOVER] = "holdover: no agreement of sources for eight polls, the error grows; "
                          "'chime sources' says why",
        [SYNC_UNBOUNDED] = "no agreement of sources for too long: no error is vouched for; 'chime "
                           "sources' says why",
        [SYNC_PANIC] = "not synchronised: the sources are not believed",
        [SYNC_LOCAL] = "no source is configured",
        [SYNC_ORPHAN] = "no reference: orphan mode",
        [SYNC_MESH] = "no UTC: the members of the mesh agree on a time of its own",
    };
    enum sync_condition condition = find_condition(sync, now.mono);
    if (condition == sync->condition) {
        return;
    }
    bool is_good =
        condition == SYNC_SYNCHRONISED || condition == SYNC_ORPHAN || condition == SYNC_MESH;
    if (out != NULL) {
        actions_report(out, is_good ? REPORT_NOTICE : REPORT_WARNING, "%s", texts[condition]);
    }
    sync->condition = condition;
    sync->publish_at = now.mono;
}

/* The local clock, as far as it is configured to be served. */
static struct sync_state local_claim(const struct sync *sync)
{
    struct sync_state state = sync_state_unsynchronised(sync->options.precision);
    unsigned stratum = sync->options.local_stratum;
    if (stratum == 0) {
        return state;
    }
    state.leap = LEAP_NONE;
    state.stratum = (uint8_t)stratum;
    state.refid = stratum == 1 ? REFID_LOCL : REFID_LOCAL_CLOCK;
    state.root_delay_ns = 0;
    state.root_dispersion_ns = timestamp_log2_to_ns(sync->options.precision);
    /* The local clock is the reference here: it does not stray from itself. */
    state.dispersion_ppm = 0;
    return state;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* How far the clock at `wall` may be from UTC: to the farther end of the interval. */
static int64_t distance_ns(const struct sync *sync, struct mono now, struct wall wall)
{
    struct interval interval;
    if (!span_interval(&sync->span, now, &interval)) {
        return INT64_MAX;
    }
    return larger(larger(interval.latest_ns - wall.ns, wall.ns - interval.earliest_ns), 0);
}

/* What the source that counts most hands on. */
static void inherit(const struct sync *sync, const struct sync_entry *entry,
                    struct sync_state *state)
{
    const struct sample *sample = source_sample(entry->source);
    state->stratum = (uint8_t)(sample->stratum + 1);
    state->refid = sync->is_followed ? sync->orphan_root : entry->refid;
    state->root_delay_ns = sample->root_delay_ns + sample->delay_ns;
    state->leap = (uint8_t)sync_leap_shown(sync);
    state->reference = sync->reference;
}

/* Half the root delay and the root dispersion are the interval's farther end from what is served:
 * the estimate, whatever the clock has still to go. */
static bool follow_claim(const struct sync *sync, const struct estimate *estimate,
                         struct reading now, struct sync_state *state)
{
    const struct sync_entry *entry =
        sync->selected < sync->table.count ? &sync->table.entries[sync->selected] : NULL;
    if (entry == NULL || source_sample(entry->source) == NULL) {
        return false;
    }
    int64_t bound_ns = sync->is_followed ? source_sample(entry->source)->bound_ns
                                         : distance_ns(sync, now.mono, estimate->wall);
    if (bound_ns >= SERVE_BOUND_NS) {
        return false;
    }
    inherit(sync, entry, state);
    if (state->stratum > PACKET_STRATUM_MAX) {
        return false;
    }
    int64_t distance_ns = bound_ns + 1;
    /* The interval comes of the best of many answers, the delay of the last one: where that is
     * longer than what the interval leaves, it says nothing. */
    if (state->root_delay_ns / 2 > distance_ns) {
        state->root_delay_ns = 2 * distance_ns;
    }
    int64_t rest_ns = distance_ns - state->root_delay_ns / 2;
    state->root_dispersion_ns = larger(rest_ns, timestamp_log2_to_ns(sync->options.precision));
    state->dispersion_ppm =
        sync->is_followed ? 15.0 : span_growth_ppm(&sync->span, now.mono, STRETCH_NS);
    return true;
}

static void set_timebase(const struct sync *sync, bool has_line, const struct estimate *estimate,
                         struct reading now, struct sync_state *state)
{
    state->anchor = now.mono;
    if (has_line) {
        state->timebase = TIMEBASE_LINE;
        state->utc = estimate->wall;
        state->rate_ppm = estimate->rate_ppm;
        sync_leap_foretell(sync, state);
    } else {
        state->timebase = sync->options.is_shadow ? TIMEBASE_LINE : TIMEBASE_SYSTEM;
        state->utc = sync_clock(sync, now).wall;
        state->rate_ppm = sync->options.is_shadow ? sync->frequency_ppm : 0;
    }
}

void sync_claim_renew(struct sync *sync, struct reading now)
{
    struct sync_state state = sync_state_unsynchronised(sync->options.precision);
    struct estimate estimate;
    enum sync_condition condition = sync->condition;
    bool has_line = sync_estimate(sync, now.mono, &estimate) && condition != SYNC_PANIC &&
                    condition != SYNC_LOCAL;
    bool is_following = has_line && (sync_is_bounded(sync) || condition == SYNC_UNBOUNDED ||
                                     (condition == SYNC_ORPHAN && sync->is_followed));
    bool is_local = condition == SYNC_LOCAL || condition == SYNC_STARTING ||
                    condition == SYNC_ORPHAN || condition == SYNC_UNBOUNDED ||
                    condition == SYNC_MESH;
    if (is_following && !(condition == SYNC_UNBOUNDED && sync->options.local_stratum > 0) &&
        follow_claim(sync, &estimate, now, &state)) {
        sync_leap_serve(sync, &estimate);
        set_timebase(sync, true, &estimate, now, &state);
    } else {
        state = is_local ? local_claim(sync) : state;
        set_timebase(sync, has_line && condition != SYNC_ORPHAN, &estimate, now, &state);
        state.reference = state.stratum <= PACKET_STRATUM_MAX ? state.utc : (struct wall){0};
    }
    sync->state = state;
}

static enum kernel_leap kernel_leap(const struct sync *sync)
{
    if (sync->options.leap != SYNC_LEAP_KERNEL || sync->leap == LEAP_NONE) {
        return KERNEL_LEAP_NONE;
    }
    return sync->leap == LEAP_INSERT ? KERNEL_LEAP_INSERT : KERNEL_LEAP_DELETE;
}

static void tell_kernel(const struct sync *sync, struct reading now, struct actions *out)
{
    struct action_kernel *kernel = &actions_append(out, ACTION_KERNEL)->kernel;
    struct reading clock = sync_clock(sync, now);
    struct estimate estimate = {.offset_sd_ns = 0};
    bool is_bounded = sync_is_bounded(sync) && sync_estimate(sync, now.mono, &estimate);
    int64_t bound_ns = distance_ns(sync, now.mono, clock.wall);
    *kernel = (struct action_kernel){
        .is_synchronised = is_bounded && bound_ns < SERVE_BOUND_NS,
        .error_max_ns = bound_ns < SERVE_BOUND_NS ? bound_ns : SERVE_BOUND_NS,
        .error_estimated_ns =
            is_bounded ? llround(fabs(sync_clock_left_ns(sync, now)) + estimate.offset_sd_ns)
                       : SERVE_BOUND_NS,
        .leap = kernel_leap(sync),
        .tai_offset_s = leap_tai_offset(&sync->options.leaps, clock.wall),
    };
}

void sync_claim_publish(struct sync *sync, struct reading now, struct actions *out)
{
    sync_claim_renew(sync, now);
    sync->publish_at.ns = now.mono.ns + SYNC_RENEWAL_NS;
    actions_append(out, ACTION_PUBLISH)->publish = sync->state;
    /* Its own midnight is not exactly ours: until it has leapt for sure it is told nothing else. */
    bool is_waiting = sync->passed != LEAP_NONE && sync_leap_is_near(sync, now.mono);
    if (!sync->options.is_shadow && sync->has_steered && !is_waiting) {
        tell_kernel(sync, now, out);
    }
}

void sync_claim_save(struct sync *sync, bool is_last, struct reading now, struct actions *out)
{
    struct estimate estimate;
    if (!sync_is_bounded(sync) || !sync_estimate(sync, now.mono, &estimate)) {
        return;
    }
    bool is_good = estimate.rate_sd_ppm < RATE_GOOD_PPM;
    bool is_due = is_last || sync->save_rate_at.ns <= now.mono.ns || !sync->has_saved_rate;
    if (is_good && is_due) {
        sync->has_saved_rate = true;
        sync->save_rate_at.ns = now.mono.ns + SAVE_RATE_NS;
        actions_append(out, ACTION_SAVE)->save = (struct action_save){
            .what = SAVED_RATE, .rate_ppm = estimate.rate_ppm, .rate_sd_ppm = estimate.rate_sd_ppm};
    }
    if (is_last || sync->save_time_at.ns <= now.mono.ns) {
        sync->save_time_at.ns = now.mono.ns + SAVE_TIME_NS;
        actions_append(out, ACTION_SAVE)->save =
            (struct action_save){.what = SAVED_TIME, .time = estimate.wall};
    }
}
