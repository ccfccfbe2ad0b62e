/* SPDX-License-Identifier: MIT */
/* Where a coordinator says how our clock is off, our line goes there, and nowhere else. */
#include "client/sync/sync_inner.h"
#include "client/sync/sync_member.h"
#include <math.h>

/* An offset decays in so many polls. The coordinator measured us up to a poll ago, and reckons with
 * our rate since: sooner, and what we did meanwhile would be done again. Its filter takes slews for
 * rates besides, so that a settled line takes polls of 16 s for it even where they are shorter. */
#define OFFSET_POLLS 4
#define POLL_LEAST_NS (16 * NS_PER_S)
/* Of a line that has not settled: while all come together there is more to go than noise. */
#define OFFSET_POLLS_YOUNG 2
#define PPM 1e-6
#define NEAR_NS (20 * NS_PER_MS)
/* Without word for so long the line is slewed no more. */
#define SILENCE_NS (4 * MESHTIME_TICK_NS)

/* What our line read at an instant, or our clock before there was one. */
static int64_t read_ns(const struct sync *sync, struct mono at, struct reading now)
{
    double unused;
    const struct sync_mesh *mesh = &sync->mesh;
    if (mesh->is_in) {
        bool is_old = at.ns < mesh->line.at.ns && mesh->before.at.ns > 0;
        return meshtime_read(is_old ? &mesh->before : &mesh->line, at, &unused).ns;
    }
    return sync_state_utc(&sync->state, sync_clock(sync, now)).ns - (now.mono.ns - at.ns);
}

/* In so many polls an offset decays. Where word comes seldom, as slowly: it is not overdone before
 * the next one. */
static double pace(struct sync *sync, struct mono now)
{
    struct meshtime *line = &sync->mesh.line;
    double polls = line->is_settled ? OFFSET_POLLS : OFFSET_POLLS_YOUNG;
    int64_t poll_ns = sync_mesh_poll_ns(sync);
    int64_t word_ns = (int64_t)((double)(now.ns - sync->mesh.majority_at.ns) / polls);
    poll_ns = line->is_settled && poll_ns < POLL_LEAST_NS ? POLL_LEAST_NS : poll_ns;
    meshtime_pace(line, poll_ns > word_ns ? poll_ns : word_ns);
    return polls;
}

/* The rates are what all measure of each other; only the offset is the coordinator's to tell. */
static int64_t follow(struct sync *sync, const struct meshtime_voice *offset, struct reading now)
{
    struct sync_choir choir;
    double unused;
    struct meshtime *line = &sync->mesh.line;
    sync_mesh_gather(sync, now, meshtime_read(line, now.mono, &unused), &choir);
    sync->mesh.before = *line;
    double polls = pace(sync, now.mono);
    meshtime_tune(line, choir.voices, choir.count, sync_mesh_faults(sync), now.mono);
    int64_t jump_ns = meshtime_move(line, offset, polls, now.mono);
    if (jump_ns != 0) {
        sync_mesh_begin_settling(sync, now.mono);
    } else if (now.mono.ns >= sync->mesh.settle_at.ns &&
               fabs(offset->offset_ns) <= (double)NEAR_NS) {
        meshtime_settle(line, true);
    }
    return jump_ns;
}

static bool is_usable(double offset_ns)
{
    return isfinite(offset_ns) && fabs(offset_ns) < (double)INT64_MAX / 4;
}

void sync_follow_difference(struct sync *sync, struct mono at, double offset_ns, double sd_ns,
                            struct reading now, struct actions *out)
{
    bool is_wanted = sync->options.mesh.is_on && sync->options.mesh.is_berkeley &&
                     !sync_is_bounded(sync) && sync->condition != SYNC_PANIC;
    if (!is_wanted || at.ns > now.mono.ns || !is_usable(offset_ns) || !is_usable(sd_ns)) {
        return;
    }
    sync->handled = now.mono;
    bool is_first = !sync->mesh.is_in;
    int64_t read = read_ns(sync, at, now);
    if (is_first) {
        sync_mesh_enter(sync, now, sync_state_utc(&sync->state, sync_clock(sync, now)));
    }
    /* What our line has gone since, in place of its rate, is made up for. */
    double unused;
    int64_t gone_ns = meshtime_read(&sync->mesh.line, now.mono, &unused).ns - read;
    double rate_ns = (double)(now.mono.ns - at.ns) * sync->mesh.line.rate_ppm * PPM;
    offset_ns -= (double)(gone_ns - (now.mono.ns - at.ns)) - rate_ns;
    bool was_settled = sync->mesh.line.is_settled;
    /* A line begins where it is told, however unsure that is: nobody relies on it yet. */
    struct meshtime_voice offset = {.offset_ns = offset_ns, .sd_ns = is_first ? 0 : sd_ns};
    int64_t jump_ns = follow(sync, &offset, now);
    if (is_first || (was_settled && jump_ns != 0)) {
        sync_mesh_tell_jump(sync, jump_ns, is_first, out);
    }
    sync->mesh.majority_at = now.mono;
    sync_mesh_carry_out(sync, now, out);
    sync->stepped_ns = 0;
}

void sync_berkeley_run(struct sync *sync, struct reading now, struct actions *out)
{
    if (!sync->mesh.is_in) {
        return;
    }
    if (now.mono.ns - sync->mesh.majority_at.ns > SILENCE_NS) {
        sync->mesh.before = sync->mesh.line;
        meshtime_hold(&sync->mesh.line, now.mono);
    }
    sync_mesh_carry_out(sync, now, out);
}
