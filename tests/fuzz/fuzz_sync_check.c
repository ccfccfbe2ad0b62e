/* SPDX-License-Identifier: MIT */
/* What must hold of a node, whatever its sources do. */
#include "tests/fuzz/fuzz_sync_world.h"

#include <math.h>
#include <string.h>

/* Beyond what a slew may do: the rate that a source may show, if it is to be believed. */
#define RATE_ALLOWANCE_PPM 100000

static void check_text(const char *text, size_t room)
{
    const char *end = memchr(text, '\0', room);
    FUZZ_REQUIRE(end != NULL);
    for (; text < end; text++) {
        FUZZ_REQUIRE((unsigned char)*text >= 0x20 && *text != 0x7F);
    }
}

static void check_source_estimate(const struct source_status *status)
{
    if (status->has_estimate) {
        FUZZ_REQUIRE(isfinite(status->offset_ns) && isfinite(status->offset_sd_ns));
        FUZZ_REQUIRE(isfinite(status->rate_ppm) && isfinite(status->rate_sd_ppm));
        FUZZ_REQUIRE(status->offset_sd_ns >= 0 && status->rate_sd_ppm >= 0);
        FUZZ_REQUIRE(isfinite(status->jitter_ns) && status->jitter_ns >= 0);
    }
    if (status->has_interval) {
        FUZZ_REQUIRE(status->interval.earliest_ns <= status->interval.latest_ns);
    }
    FUZZ_REQUIRE(status->weight >= 0 && status->weight <= 1 + 1e-9);
}

static void check_source(const struct source_status *status)
{
    check_text(status->name, sizeof(status->name));
    check_text(status->host, sizeof(status->host));
    check_text(status->reason, sizeof(status->reason));
    FUZZ_REQUIRE(status->kind < SOURCE_KINDS && status->state < SOURCE_STATES);
    FUZZ_REQUIRE(status->poll >= SOURCE_POLL_MIN && status->poll <= SOURCE_POLL_MAX);
    FUZZ_REQUIRE(status->good <= status->valid && status->valid <= status->received);
    if (status->has_sample) {
        FUZZ_REQUIRE(status->sample_delay_ns >= 0 && status->sample_bound_ns >= 0);
        FUZZ_REQUIRE(status->is_authenticated == (status->key_id != 0));
    }
    check_source_estimate(status);
}

static void check_state(const struct sync_state *state)
{
    FUZZ_REQUIRE(isfinite(state->rate_ppm) && isfinite(state->dispersion_ppm));
    FUZZ_REQUIRE(state->dispersion_ppm >= 0);
    FUZZ_REQUIRE(state->root_delay_ns >= 0 && state->root_dispersion_ns >= 0);
    FUZZ_REQUIRE(state->stratum >= 1 && state->stratum <= 16);
    FUZZ_REQUIRE((state->leap == LEAP_UNSYNCHRONISED) == (state->stratum == 16));
}

/* The earliest end of an epoch never goes back. */
static void check_interval(struct world *world, const struct status *status)
{
    struct interval interval;
    bool has_interval = sync_interval(node_sync(world->node), world->now, &interval);
    FUZZ_REQUIRE(has_interval == status->has_interval);
    if (status->epoch != world->epoch) {
        world->epoch = status->epoch;
        world->has_earliest = false;
    }
    if (has_interval) {
        FUZZ_REQUIRE(interval.earliest_ns <= interval.latest_ns);
        FUZZ_REQUIRE(!world->has_earliest || interval.earliest_ns >= world->earliest_ns);
        world->has_earliest = true;
        world->earliest_ns = interval.earliest_ns;
    }
}

static void check_status(const struct world *world, const struct status *status)
{
    double limit_ppm = world->options.discipline.slew_max_ppm + RATE_ALLOWANCE_PPM;
    check_text(status->reason, sizeof(status->reason));
    check_text(status->epoch_reason, sizeof(status->epoch_reason));
    check_text(status->selected, sizeof(status->selected));
    FUZZ_REQUIRE(status->condition < SYNC_CONDITIONS);
    FUZZ_REQUIRE(status->reason[0] != '\0');
    FUZZ_REQUIRE(isfinite(status->offset_ns) && isfinite(status->offset_sd_ns));
    FUZZ_REQUIRE(isfinite(status->rate_ppm) && isfinite(status->rate_sd_ppm));
    FUZZ_REQUIRE(isfinite(status->residual_ppm) && isfinite(status->rms_offset_ns));
    FUZZ_REQUIRE(isfinite(status->drift_ppm) && isfinite(status->frequency_ppm));
    FUZZ_REQUIRE(fabs(status->frequency_ppm) <= limit_ppm);
    FUZZ_REQUIRE(status->condition != SYNC_PANIC || !status->is_steering);
    FUZZ_REQUIRE(status->condition != SYNC_PANIC || !status->has_interval);
}

void world_check(struct world *world)
{
    static struct status status;
    static struct source_status source;
    const struct sync *sync = node_sync(world->node);
    struct reading now = world_reading(world);
    sync_status(sync, now, &status);
    check_status(world, &status);
    check_state(&status.state);
    check_interval(world, &status);
    size_t count = sync_source_count(sync);
    for (size_t i = 0; i < count; i++) {
        FUZZ_REQUIRE(sync_source_status(sync, i, now, &source));
        check_source(&source);
    }
    FUZZ_REQUIRE(!sync_source_status(sync, count, now, &source));
    world->was_panic = status.condition == SYNC_PANIC;
}

static void check_steer(const struct world *world, const struct action_steer *steer)
{
    double limit_ppm = world->options.discipline.slew_max_ppm + RATE_ALLOWANCE_PPM;
    FUZZ_REQUIRE(!world->options.is_shadow);
    FUZZ_REQUIRE(isfinite(steer->frequency_ppm) && isfinite(steer->rate_ppm));
    FUZZ_REQUIRE(fabs(steer->frequency_ppm) <= limit_ppm);
    FUZZ_REQUIRE(fabs(steer->rate_ppm) <= limit_ppm);
    FUZZ_REQUIRE(steer->until.ns > world->now.ns);
}

void world_check_action(struct world *world, const struct action *action)
{
    switch (action->kind) {
    case ACTION_STEER:
        check_steer(world, &action->steer);
        break;
    case ACTION_KERNEL:
        FUZZ_REQUIRE(!world->options.is_shadow);
        FUZZ_REQUIRE(action->kernel.error_max_ns >= 0 && action->kernel.error_estimated_ns >= 0);
        break;
    case ACTION_PUBLISH:
        check_state(&action->publish);
        break;
    case ACTION_SAVE:
        FUZZ_REQUIRE(action->save.what < SAVED_KINDS);
        FUZZ_REQUIRE(isfinite(action->save.rate_ppm) && isfinite(action->save.rate_sd_ppm));
        break;
    case ACTION_REPORT:
        FUZZ_REQUIRE(action->report.level <= REPORT_DEBUG);
        check_text(action->report.text, sizeof(action->report.text));
        break;
    case ACTION_MEASURED:
        check_text(action->measured.name, sizeof(action->measured.name));
        check_text(action->measured.reason, sizeof(action->measured.reason));
        FUZZ_REQUIRE(action->measured.verdict != NULL);
        break;
    case ACTION_REPLY:
        check_text(action->reply.text, sizeof(action->reply.text));
        FUZZ_REQUIRE(action->reply.text[0] != '\0');
        break;
    default:
        break;
    }
}

void world_look(struct world *world, uint32_t association, struct world_untouched *untouched)
{
    const struct sync *sync = node_sync(world->node);
    untouched->is_found = false;
    for (size_t i = 0; i < sync_source_count(sync) && !untouched->is_found; i++) {
        FUZZ_REQUIRE(sync_source_status(sync, i, world_reading(world), &untouched->status));
        untouched->is_found = untouched->status.association == association;
    }
}

/* All but what was counted, and the reason for it. */
void world_check_untouched(const struct world_untouched *before,
                           const struct world_untouched *after)
{
    const struct source_status *a = &before->status;
    const struct source_status *b = &after->status;
    FUZZ_REQUIRE(before->is_found == after->is_found);
    if (!before->is_found) {
        return;
    }
    FUZZ_REQUIRE(a->state == b->state && a->is_online == b->is_online);
    FUZZ_REQUIRE(a->poll == b->poll && a->reach == b->reach && a->is_bursting == b->is_bursting);
    FUZZ_REQUIRE(a->asked.ns == b->asked.ns && a->answered.ns == b->answered.ns);
    FUZZ_REQUIRE(a->has_sample == b->has_sample && a->stratum == b->stratum);
    FUZZ_REQUIRE(a->leap == b->leap && a->refid == b->refid && a->version == b->version);
    FUZZ_REQUIRE(a->sample_offset_ns == b->sample_offset_ns);
    FUZZ_REQUIRE(a->sample_bound_ns == b->sample_bound_ns);
    FUZZ_REQUIRE(a->has_estimate == b->has_estimate && a->samples == b->samples);
    FUZZ_REQUIRE(memcmp(&a->offset_ns, &b->offset_ns, sizeof(a->offset_ns)) == 0);
    FUZZ_REQUIRE(memcmp(&a->rate_ppm, &b->rate_ppm, sizeof(a->rate_ppm)) == 0);
    FUZZ_REQUIRE(a->has_interval == b->has_interval);
    FUZZ_REQUIRE(a->interval.earliest_ns == b->interval.earliest_ns);
    FUZZ_REQUIRE(a->interval.latest_ns == b->interval.latest_ns);
    FUZZ_REQUIRE(a->valid == b->valid && a->good == b->good);
    FUZZ_REQUIRE(a->kisses == b->kisses && a->steps == b->steps);
}
