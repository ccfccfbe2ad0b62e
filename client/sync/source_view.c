/* SPDX-License-Identifier: MIT */
#include "client/sync/source_parts.h"
#include "common/base/quantity.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* RFC 5905: PHI. The root distance grows so much while nothing is heard. */
#define AGING_PPM 15.0
/* As far as a kernel can steer a clock. One that stands still, or runs backwards, would take ours
 * along. */
#define RATE_MAX_PPM 1e5

int8_t source_poll_log2(const struct source *source)
{
    /* A broadcast client's samples come at the server's poll, its own requests are rarer. */
    if (source->options.kind == SOURCE_BROADCAST_CLIENT) {
        return source->options.poll_min;
    }
    return source->polling.poll;
}

uint8_t source_reach(const struct source *source)
{
    return source->polling.reach;
}

const struct sample *source_sample(const struct source *source)
{
    return source->has_sample ? &source->sample : NULL;
}

int64_t source_delay_ns(const struct source *source)
{
    size_t count = source->delays < SOURCE_DELAYS ? source->delays : SOURCE_DELAYS;
    int64_t least_ns = count > 0 ? source->delays_ns[0] : 0;
    for (size_t i = 1; i < count; i++) {
        least_ns = source->delays_ns[i] < least_ns ? source->delays_ns[i] : least_ns;
    }
    return least_ns;
}

struct mono source_answered(const struct source *source)
{
    return source->answered;
}

uint32_t source_contradictions(const struct source *source)
{
    return source->bound.contradictions;
}

/* Does the source's clock run like one? */
static bool is_running(const struct estimate *estimate)
{
    return fabs(estimate->rate_ppm) <= RATE_MAX_PPM;
}

bool source_estimate(const struct source *source, struct mono now, struct estimate *estimate)
{
    struct estimate found;
    if (source->filter == NULL || !filter_estimate(source->filter, now, &found) ||
        !is_running(&found)) {
        return false;
    }
    *estimate = found;
    estimate->wall.ns += source->options.offset_ns;
    return true;
}

struct bound_rate source_rate(const struct source *source, struct mono now)
{
    struct estimate estimate;
    if (source->filter == NULL || filter_count(source->filter) < SOURCE_RATE_SAMPLES ||
        !filter_estimate(source->filter, now, &estimate) || !is_running(&estimate)) {
        return (struct bound_rate){.is_learned = false};
    }
    return (struct bound_rate){.is_learned = true,
                               .rate_ppm = estimate.rate_ppm,
                               .sd_ppm = estimate.rate_sd_bound_ppm,
                               .wander_ppm2_per_s = estimate.wander_ppm2_per_s,
                               .thermal_share = estimate.thermal_share};
}

bool source_interval(const struct source *source, struct mono now, struct interval *interval)
{
    struct bound_rate rate = source_rate(source, now);
    return bound_interval(&source->bound, now, &rate, interval);
}

static void say_unreachable(const struct source *source, char reason[STATUS_TEXT_MAX])
{
    uint64_t asked = source->counts.sent;
    if (source->refusal[0] != '\0') {
        snprintf(reason, STATUS_TEXT_MAX, "it can't be asked: %.200s", source->refusal);
    } else if (source->complaint[0] != '\0') {
        snprintf(reason, STATUS_TEXT_MAX, "none of its answers can be used; the last one: %.200s",
                 source->complaint);
    } else if (asked == 0) {
        snprintf(reason, STATUS_TEXT_MAX, "it was not asked yet");
    } else if (asked < 8) {
        snprintf(reason, STATUS_TEXT_MAX, "no answer yet, %u asked for",
                 (unsigned)source->counts.sent);
    } else {
        snprintf(reason, STATUS_TEXT_MAX,
                 "no answer to the last 8 requests: it is down, or the network or a firewall drops "
                 "them (UDP port %u)%s",
                 (unsigned)source->remote.port,
                 source->options.kind == SOURCE_PEER
                     ? "; ntpsec has no peers: make it a source of kind server"
                     : "");
    }
}

/* Has it too few samples? */
static bool say_waiting(const struct source *source, char reason[STATUS_TEXT_MAX])
{
    size_t count = filter_count(source->filter);
    size_t needed = source->options.min_samples > 1 ? source->options.min_samples : 1;
    if (count >= needed) {
        return false;
    }
    if (source->complaint[0] != '\0') {
        snprintf(reason, STATUS_TEXT_MAX, "its last answer is of no use: %.200s",
                 source->complaint);
    } else if (source->options.kind == SOURCE_PEER && count == 0) {
        snprintf(
            reason, STATUS_TEXT_MAX,
            "%d exchanges in a row are needed to show the rate between the two clocks; %u came "
            "so far",
            SYMMETRIC_HISTORY_RUN_MIN, (unsigned)source->peer.history.count);
    } else {
        snprintf(reason, STATUS_TEXT_MAX,
                 "%zu of the %zu samples that it needs are there (min-samples)", count, needed);
    }
    return true;
}

static bool say_not_running(const struct source *source, struct mono now,
                            char reason[STATUS_TEXT_MAX])
{
    struct estimate estimate;
    if (!filter_estimate(source->filter, now, &estimate) || is_running(&estimate)) {
        return false;
    }
    snprintf(reason, STATUS_TEXT_MAX,
             "its clock gains %.0f ppm on ours, and none that runs strays by more than %.0f ppm: "
             "it stands still, or is set all the time",
             estimate.rate_ppm, RATE_MAX_PPM);
    return true;
}

static bool is_connected(const struct source *source, enum source_state *state,
                         char reason[STATUS_TEXT_MAX])
{
    if (!source->is_online) {
        *state = SOURCE_OFFLINE;
        snprintf(
            reason, STATUS_TEXT_MAX,
            "it is not asked: switched off (offline = yes, or `chime offline`); `chime online` "
            "switches it on");
        return false;
    }
    if (!source->is_open) {
        *state = SOURCE_UNRESOLVED;
        snprintf(reason, STATUS_TEXT_MAX, "the name \"%.160s\" has no address yet",
                 source->options.host);
        return false;
    }
    if (source->is_denied) {
        *state = SOURCE_DENIED;
        snprintf(reason, STATUS_TEXT_MAX, "it wants none of our requests, and gets no more: %.180s",
                 source->complaint);
        return false;
    }
    return true;
}

enum source_state source_state_own(const struct source *source, struct mono now,
                                   char reason[STATUS_TEXT_MAX])
{
    enum source_state state;
    if (!is_connected(source, &state, reason)) {
        return state;
    }
    if (source->options.kind == SOURCE_BROADCAST_SERVER) {
        snprintf(reason, STATUS_TEXT_MAX, "we send broadcasts there, and learn nothing from it");
        return SOURCE_NOSELECT;
    }
    if (source->is_unsynchronised && source->heard != 0) {
        snprintf(reason, STATUS_TEXT_MAX, "%s", source->complaint);
        return SOURCE_UNSYNCHRONISED;
    }
    if (source->polling.reach == 0) {
        say_unreachable(source, reason);
        return SOURCE_UNREACHABLE;
    }
    if (say_waiting(source, reason)) {
        return SOURCE_WAITING;
    }
    if (say_not_running(source, now, reason)) {
        return SOURCE_FALSETICKER;
    }
    if (source->options.is_noselect) {
        snprintf(reason, STATUS_TEXT_MAX, "it is configured to be watched only (noselect)");
        return SOURCE_NOSELECT;
    }
    reason[0] = '\0';
    return SOURCE_COMBINED;
}

static void show_sample(const struct source *source, struct mono now, struct source_status *status)
{
    const struct sample *sample = &source->sample;
    status->has_sample = source->has_sample;
    status->tests = source->tests;
    if (!source->has_sample) {
        return;
    }
    status->answered = source->answered;
    status->leap = sample->leap;
    status->version = sample->version;
    status->mode = source->mode;
    status->stratum = sample->stratum;
    status->source_poll = sample->poll;
    status->precision = sample->precision;
    status->refid = sample->refid;
    status->reference = source->reference;
    status->root_delay_ns = sample->root_delay_ns;
    status->root_dispersion_ns = sample->root_dispersion_ns;
    status->sample_offset_ns = sample->offset_ns + source->options.offset_ns;
    status->sample_delay_ns = sample->delay_ns;
    status->sample_bound_ns = sample->bound_ns;
    status->response_ns = sample->source_sent.ns - sample->source_received.ns;
    status->sent_stamp = sample->sent_stamp;
    status->received_stamp = sample->received_stamp;
    status->is_interleaved = sample->is_interleaved;
    status->is_authenticated = sample->is_authenticated;
    double age_ns = (double)(now.ns - sample->at.ns);
    status->distance_ns = sample->bound_ns + (int64_t)ceil(age_ns * AGING_PPM * 1e-6);
}

static int64_t span_ns(const struct source *source, size_t count)
{
    if (source->instants == 0 || count < 2) {
        return 0;
    }
    size_t newest = source->instants - 1;
    struct mono oldest = source->begun;
    if (count <= SOURCE_INSTANTS && count <= source->instants) {
        oldest = source->instants_at[(newest + 1 - count) % SOURCE_INSTANTS];
    }
    return source->instants_at[newest % SOURCE_INSTANTS].ns - oldest.ns;
}

static void show_filter(const struct source *source, struct reading now, double clock_rate_ppm,
                        struct source_status *status)
{
    struct estimate estimate;
    status->has_estimate = source_estimate(source, now.mono, &estimate);
    if (!status->has_estimate) {
        return;
    }
    status->samples = filter_count(source->filter);
    status->span_ns = span_ns(source, status->samples);
    status->offset_ns = (double)(estimate.wall.ns - now.wall.ns) + estimate.fraction_ns;
    status->offset_sd_ns = estimate.offset_sd_ns;
    status->rate_ppm = estimate.rate_ppm - clock_rate_ppm;
    status->rate_sd_ppm = estimate.rate_sd_ppm;
    status->jitter_ns = sqrt(source->residual_square);
}

void source_status(const struct source *source, struct reading now, double clock_rate_ppm,
                   struct source_status *status)
{
    const struct source_options *options = &source->options;
    *status = (struct source_status){.association = source->association,
                                     .kind = options->kind,
                                     .remote = source->remote,
                                     .local = source->local,
                                     .is_prefer = options->is_prefer,
                                     .is_noselect = options->is_noselect,
                                     .is_trust = options->is_trust,
                                     .is_require = options->is_require,
                                     .is_online = source->is_online,
                                     .is_bursting = polling_is_bursting(&source->polling),
                                     .poll = source_poll_log2(source),
                                     .reach = source->polling.reach,
                                     .asked = source->polling.asked,
                                     .key_id = options->key_id};
    snprintf(status->name, sizeof(status->name), "%s", options->name);
    snprintf(status->host, sizeof(status->host), "%.*s", (int)sizeof(status->host) - 1,
             options->host);
    show_sample(source, now.mono, status);
    if (source->filter != NULL) {
        show_filter(source, now, clock_rate_ppm, status);
    }
    status->has_interval = source_interval(source, now.mono, &status->interval);
    if (status->has_interval) {
        status->interval.earliest_ns -= now.wall.ns;
        status->interval.latest_ns -= now.wall.ns;
    }
    status->sent = source->counts.sent;
    status->received = source->counts.received;
    status->valid = source->counts.valid;
    status->good = source->counts.good;
    memcpy(status->stamps_sent, source->counts.stamps_sent, sizeof(status->stamps_sent));
    memcpy(status->stamps_received, source->counts.stamps_received,
           sizeof(status->stamps_received));
    status->kisses = source->counts.kisses;
    status->naks = source->counts.naks;
    status->refused = source->counts.refused;
    status->steps = source->counts.steps;
}
