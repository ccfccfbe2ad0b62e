/* SPDX-License-Identifier: MIT */
#include "client/sync/sync.h"
#include "ntpwire/packet.h"
#include "ntpwire/refid.h"
#include <stdio.h>
#include <stdlib.h>

/* The claim is renewed this often: clients refuse a reference time of long ago. */
#define RENEWAL_NS (16 * NS_PER_S)

struct sync {
    struct sync_options options;
    struct random *random;
    struct sync_state state;
    struct mono deadline;
};

struct sync_options sync_options_default(void)
{
    return (struct sync_options){.precision = -20,
                                 .faults = SYNC_FAULTS_AUTO,
                                 .min_sources = 1,
                                 .max_distance_ns = 3 * NS_PER_S,
                                 .void_after_ns = 1000 * NS_PER_S,
                                 .bound = {.drift_class = DRIFT_NORMAL, .drift_start_ppm = 500},
                                 .discipline = discipline_defaults,
                                 .leap_window_ns = 86400 * NS_PER_S};
}

/* What is said beside the timebase. */
static struct sync_state local_claim(const struct sync_options *options)
{
    struct sync_state state = sync_state_unsynchronised(options->precision);
    if (options->local_stratum == 0) {
        return state;
    }
    state.leap = LEAP_NONE;
    state.stratum = (uint8_t)options->local_stratum;
    state.refid = options->local_stratum == 1 ? REFID_LOCL : REFID_LOCAL_CLOCK;
    state.root_delay_ns = 0;
    state.root_dispersion_ns = timestamp_log2_to_ns(options->precision);
    /* The local clock is the reference here: it does not stray from itself. */
    state.dispersion_ppm = 0;
    return state;
}

static void renew(struct sync *sync, struct wall utc, struct reading now)
{
    enum sync_timebase timebase = sync->state.timebase;
    sync->state = local_claim(&sync->options);
    sync->state.timebase = timebase;
    sync->state.anchor = now.mono;
    sync->state.utc = utc;
    if (sync->options.local_stratum != 0) {
        sync->state.reference = utc;
    }
}

struct sync *sync_create(const struct sync_options *options, struct random *random,
                         struct reading now, char error[SYNC_ERROR_MAX])
{
    struct sync *sync = calloc(1, sizeof(*sync));
    if (sync == NULL) {
        snprintf(error, SYNC_ERROR_MAX, "out of memory");
        return NULL;
    }
    sync->options = *options;
    sync->random = random;
    sync->deadline = now.mono;
    renew(sync, now.wall, now);
    return sync;
}

void sync_destroy(struct sync *sync)
{
    free(sync);
}

bool sync_configure(struct sync *sync, const struct sync_options *options, struct reading now,
                    struct actions *out, char error[SYNC_ERROR_MAX])
{
    (void)out;
    (void)error;
    sync->options = *options;
    sync->deadline = now.mono;
    renew(sync, sync_state_utc(&sync->state, now), now);
    return true;
}

void sync_handle(struct sync *sync, const struct event *event, struct actions *out)
{
    if (event->kind != EVENT_TIMER || event->now.mono.ns < sync->deadline.ns) {
        return;
    }
    renew(sync, sync_state_utc(&sync->state, event->now), event->now);
    sync->deadline.ns = event->now.mono.ns + RENEWAL_NS;
    actions_append(out, ACTION_PUBLISH)->publish = sync->state;
}

struct mono sync_deadline(const struct sync *sync)
{
    return sync->deadline;
}

bool sync_wants(const struct sync *sync, const struct datagram *datagram)
{
    (void)sync;
    (void)datagram;
    return false;
}

void sync_stop(struct sync *sync, struct reading now, struct actions *out)
{
    (void)sync;
    (void)now;
    (void)out;
}

const struct sync_state *sync_claim(const struct sync *sync)
{
    return &sync->state;
}

struct reading sync_clock(const struct sync *sync, struct reading now)
{
    return (struct reading){.mono = now.mono, .wall = sync_state_utc(&sync->state, now)};
}

bool sync_interval(const struct sync *sync, struct mono now, struct interval *interval)
{
    (void)sync;
    (void)now;
    (void)interval;
    return false;
}

bool sync_estimate(const struct sync *sync, struct mono now, struct estimate *estimate)
{
    (void)sync;
    (void)now;
    (void)estimate;
    return false;
}

uint32_t sync_epoch(const struct sync *sync)
{
    (void)sync;
    return 0;
}

void sync_status(const struct sync *sync, struct reading now, struct status *status)
{
    *status = (struct status){.now = sync_clock(sync, now),
                              .is_shadow = sync->options.is_shadow,
                              .condition = SYNC_LOCAL,
                              .state = sync->state,
                              .drift_class = drift_class_name(sync->options.bound.drift_class),
                              .leap = LEAP_NONE};
}

size_t sync_source_count(const struct sync *sync)
{
    (void)sync;
    return 0;
}

bool sync_source_status(const struct sync *sync, size_t index, struct reading now,
                        struct source_status *status)
{
    (void)sync;
    (void)index;
    (void)now;
    (void)status;
    return false;
}
