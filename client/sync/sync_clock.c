/* SPDX-License-Identifier: MIT */
/* The clock that is steered: the system's, or a line inside the engine. */
#include "client/sync/sync_inner.h"
#include "common/base/quantity.h"
#include <math.h>

#define PPM 1e-6
#define MEAN_GAIN 0.1
/* What the state files say of the rate is no better than this: the temperature is another. */
#define SAVED_SD_LEAST_PPM 1.0
/* Somebody else set the clock so many times within the time: they steer it too, and it would go to
 * and fro for ever. */
#define CLOCK_SETS_MAX 3
#define CLOCK_SETS_NS (900 * NS_PER_S)

void sync_clock_init(struct sync *sync, struct reading now)
{
    const struct sync_options *options = &sync->options;
    discipline_init(&sync->discipline, &options->discipline);
    sync->frequency_ppm = options->has_rate ? options->rate_ppm : 0;
    sync->discipline.rate_ppm = sync->frequency_ppm;
    sync->line = (struct sync_line){.anchor = now.mono,
                                    .wall = {now.wall.ns + options->shadow_offset_ns},
                                    .rate_ppm = sync->frequency_ppm};
    sync->steer_at.ns = SYNC_NEVER;
}

static double line_gain_ns(const struct sync_line *line, struct mono now)
{
    return line->fraction_ns + (double)(now.ns - line->anchor.ns) * line->rate_ppm * PPM;
}

struct reading sync_clock(const struct sync *sync, struct reading now)
{
    if (!sync->options.is_shadow) {
        now.wall.ns += sync->stepped_ns;
        return now;
    }
    const struct sync_line *line = &sync->line;
    now.wall.ns =
        line->wall.ns + (now.mono.ns - line->anchor.ns) + llround(line_gain_ns(line, now.mono));
    return now;
}

static void move_line(struct sync_line *line, int64_t step_ns, double rate_ppm, struct mono now)
{
    double gain_ns = line_gain_ns(line, now);
    double whole_ns = rint(gain_ns);
    line->wall.ns += now.ns - line->anchor.ns + (int64_t)whole_ns + step_ns;
    line->fraction_ns = gain_ns - whole_ns;
    line->anchor = now;
    line->rate_ppm = rate_ppm;
}

double sync_clock_left_ns(const struct sync *sync, struct reading now)
{
    struct estimate estimate;
    if (!sync_estimate(sync, now.mono, &estimate)) {
        return 0;
    }
    sync_leap_serve(sync, &estimate);
    return discipline_offset_ns(&estimate, sync_clock(sync, now));
}

static void apply(struct sync *sync, const struct discipline_command *command, struct reading now,
                  struct actions *out)
{
    if (command->step_ns != 0) {
        char step[QUANTITY_TEXT_MAX];
        sync->steps++;
        sync->is_settled = false;
        sync->last_step_ns = command->step_ns;
        actions_report(out, REPORT_NOTICE, "the %s clock is stepped by %s",
                       sync->options.is_shadow ? "shadow" : "system",
                       quantity_format_duration(command->step_ns, true, step));
    }
    if (sync->options.is_shadow) {
        move_line(&sync->line, command->step_ns, command->frequency_ppm, now.mono);
    } else {
        struct action_steer *steer = &actions_append(out, ACTION_STEER)->steer;
        *steer = (struct action_steer){.step_ns = command->step_ns,
                                       .frequency_ppm = command->frequency_ppm,
                                       .rate_ppm = sync->discipline.rate_ppm,
                                       .until = command->until};
        sync->stepped_ns += command->step_ns;
    }
    if (command->step_ns != 0) {
        sync->last_step = sync_clock(sync, now).wall;
    }
    sync->frequency_ppm = command->frequency_ppm;
    sync->steer_at = command->until;
    sync->has_steered = true;
}

/* A rate from last time is better than the first guesses of a filter. */
static void use_saved_rate(const struct sync *sync, struct estimate *estimate)
{
    double sd_ppm = fmax(sync->options.rate_sd_ppm, SAVED_SD_LEAST_PPM);
    if (sync->options.has_rate && estimate->rate_sd_ppm > sd_ppm && !sync->is_followed) {
        estimate->rate_ppm = sync->options.rate_ppm;
    }
}

static void keep_figures(struct sync *sync, const struct estimate *estimate, struct reading clock)
{
    double offset_ns = discipline_offset_ns(estimate, clock);
    double square = offset_ns * offset_ns;
    /* What is made up for at the start, or by a step, is not how well the clock is kept: the mean
     * begins when the offsets shrink no more. */
    bool is_first = sync->discipline.state == DISCIPLINE_WAITING;
    sync->is_settled = !is_first && (sync->is_settled || square > sync->mean_square_ns2);
    sync->mean_square_ns2 =
        sync->is_settled ? sync->mean_square_ns2 + MEAN_GAIN * (square - sync->mean_square_ns2)
                         : square;
    sync->last_offset_ns = llround(offset_ns);
    sync->residual_ppm = estimate->rate_ppm - sync->discipline.rate_ppm;
    sync->reference = estimate->wall;
}

static void report_panic(const struct sync *sync, struct actions *out)
{
    char reason[DISCIPLINE_REASON_MAX];
    discipline_explain(&sync->discipline, reason);
    actions_report(out, REPORT_ERROR, "the clock is not steered any more: %s", reason);
}

void sync_clock_steer(struct sync *sync, bool is_fresh, struct reading now, struct actions *out)
{
    struct reading clock = sync_clock(sync, now);
    struct estimate estimate = sync->estimate;
    bool has_estimate = sync->judgement.has_estimate;
    bool was_panic = sync->discipline.state == DISCIPLINE_PANIC;
    struct discipline_command command;
    use_saved_rate(sync, &estimate);
    sync_leap_serve(sync, &estimate);
    if (sync_leap_is_near(sync, now.mono) && sync->has_steered) {
        /* Which second the kernel's clock is in can't be told: no slew now. */
        command = (struct discipline_command){.frequency_ppm = sync->discipline.rate_ppm,
                                              .until = sync_leap_end(sync)};
        apply(sync, &command, now, out);
        return;
    }
    if (is_fresh && has_estimate) {
        keep_figures(sync, &estimate, clock);
        discipline_update(&sync->discipline, &estimate, sync->poll_ns, clock, &command);
    } else if (!discipline_check(&sync->discipline, has_estimate ? &estimate : NULL, clock,
                                 &command)) {
        sync->steer_at.ns = SYNC_NEVER;
        return;
    }
    apply(sync, &command, now, out);
    if (!was_panic && sync->discipline.state == DISCIPLINE_PANIC) {
        report_panic(sync, out);
    }
}

void sync_clock_step(struct sync *sync, struct reading now, struct actions *out)
{
    struct discipline_command command = {.step_ns = llround(sync_clock_left_ns(sync, now)),
                                         .frequency_ppm = sync->discipline.rate_ppm,
                                         .until = {now.mono.ns + NS_PER_S}};
    apply(sync, &command, now, out);
}

void sync_clock_restart(struct sync *sync)
{
    bool is_waiting = sync->discipline.state == DISCIPLINE_WAITING;
    double rate_ppm = sync->discipline.rate_ppm;
    discipline_init(&sync->discipline, &sync->options.discipline);
    sync->discipline.rate_ppm = rate_ppm;
    /* It has to be called again, to leave the slew that belonged to another offset. */
    sync->discipline.state = is_waiting ? DISCIPLINE_WAITING : DISCIPLINE_STARTING;
}

/* Somebody who sets the clock once gets it back; somebody who goes on steers it too. */
static bool is_rival(struct sync *sync, struct mono now)
{
    if (now.ns - sync->clock_set_at.ns > CLOCK_SETS_NS) {
        sync->clock_sets = 0;
    }
    sync->clock_set_at = now;
    return ++sync->clock_sets > CLOCK_SETS_MAX;
}

void sync_clock_disturb(struct sync *sync, int64_t by_ns, bool is_set, struct reading now)
{
    if (sync->options.is_shadow && !is_set) {
        /* The line stood still with the oscillator. */
        move_line(&sync->line, by_ns, sync->line.rate_ppm, now.mono);
    }
    if (is_set && is_rival(sync, now.mono)) {
        return;
    }
    sync_clock_restart(sync);
}

void sync_clock_stop(struct sync *sync, struct reading now, struct actions *out)
{
    if (!sync->has_steered) {
        return;
    }
    struct discipline_command command = {.frequency_ppm = sync->discipline.rate_ppm,
                                         .until = {SYNC_NEVER}};
    apply(sync, &command, now, out);
}
