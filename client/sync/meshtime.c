/* SPDX-License-Identifier: MIT */
#include "client/sync/meshtime.h"
#include <assert.h>
#include <math.h>

#define PPM 1e-6
/* In which an offset decays, while all others decay towards us: longer than a poll, so that what is
 * answered was measured after what it answers. */
#define OFFSET_POLLS 1.5
/* Of a young line: the noise of a few samples is less than what is left to go, and while the rates
 * of all come together an offset is as long in decaying as neighbours have in common that they
 * drift. */
#define OFFSET_POLLS_YOUNG 0.75
#define YOUNG_POLLS 30
#define POLL_NS (16 * NS_PER_S) /* until it is told */
/* The same of the rate: of a young line a sixteenth of its age, as far as the limits go, since all
 * learn at once then. */
#define RATE_AGES 16
#define RATE_POLLS_LEAST 0.5
#define RATE_POLLS_MOST 8
/* No oscillator is so far from another. */
#define RATE_MOST_PPM 500.0
/* A slew would take minutes. */
#define JUMP_NS (2.0 * NS_PER_MS)
#define JUMP_YOUNG_NS (0.5 * NS_PER_MS)
#define JUMPS_FIRST 24 /* who has not found it then does not flood the others with questions */
#define JUMP_AGAIN_POLLS 1.25
#define JUMP_AGAIN_MOST_NS (5.0 * NS_PER_S) /* of a young line: all are asked again then */
#define JUMP_LATER_NS (900 * NS_PER_S)
/* What may be noise is no reason to jump. */
#define JUMP_SD 4

void meshtime_begin(struct meshtime *line, struct mono now, struct wall wall, double rate_ppm)
{
    *line = (struct meshtime){.at = now,
                              .wall = wall,
                              .rate_ppm = rate_ppm,
                              .begun = now,
                              .tuned = now,
                              .poll_ns = POLL_NS};
}

void meshtime_pace(struct meshtime *line, int64_t poll_ns)
{
    line->poll_ns = poll_ns;
}

double meshtime_rate_ppm(const struct meshtime *line)
{
    return line->rate_ppm + line->slew_ppm;
}

struct wall meshtime_read(const struct meshtime *line, struct mono now, double *fraction_ns)
{
    int64_t elapsed_ns = now.ns - line->at.ns;
    double gain_ns = line->fraction_ns + (double)elapsed_ns * meshtime_rate_ppm(line) * PPM;
    double whole_ns = rint(gain_ns);
    *fraction_ns = gain_ns - whole_ns;
    return (struct wall){line->wall.ns + elapsed_ns + (int64_t)whole_ns};
}

double meshtime_middle(const double *values, size_t count, size_t faults)
{
    double sorted[MESHTIME_VOICES_MAX + 1];
    double sum = 0;
    assert(count > 0 && count <= MESHTIME_VOICES_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        size_t j = i;
        for (; j > 0 && sorted[j - 1] > values[i]; j--) {
            sorted[j] = sorted[j - 1];
        }
        sorted[j] = values[i];
    }
    size_t most = (count - 1) / 2;
    size_t dropped = faults < most ? faults : most;
    for (size_t i = dropped; i < count - dropped; i++) {
        sum += sorted[i];
    }
    return sum / (double)(count - 2 * dropped);
}

static void anchor(struct meshtime *line, struct mono now)
{
    line->wall = meshtime_read(line, now, &line->fraction_ns);
    line->at = now;
}

void meshtime_settle(struct meshtime *line, bool is_settled)
{
    if (line->is_settled && !is_settled) {
        line->jumps = 0;
    }
    line->is_settled = is_settled;
}

void meshtime_hold(struct meshtime *line, struct mono now)
{
    anchor(line, now);
    line->slew_ppm = 0;
}

void meshtime_tune(struct meshtime *line, const struct meshtime_voice *voices, size_t count,
                   size_t faults, struct mono now)
{
    assert(count <= MESHTIME_VOICES_MAX);
    anchor(line, now);
    double elapsed_ns = (double)(now.ns - line->tuned.ns);
    double rates[MESHTIME_VOICES_MAX + 1] = {line->rate_ppm};
    size_t known = 1;
    for (size_t i = 0; i < count; i++) {
        if (voices[i].has_rate) {
            rates[known++] = voices[i].rate_ppm;
        }
    }
    /* A few that are known first are not the middle. */
    if (2 * (known - 1) < count) {
        return;
    }
    double age_ns = (double)(now.ns - line->begun.ns);
    double poll_ns = (double)line->poll_ns;
    double time_ns =
        fmin(fmax(age_ns / RATE_AGES, RATE_POLLS_LEAST * poll_ns), RATE_POLLS_MOST * poll_ns);
    double gain = line->has_rate ? -expm1(-elapsed_ns / time_ns) : 1;
    line->has_rate = true;
    line->tuned = now;
    line->rate_ppm += gain * (meshtime_middle(rates, known, faults) - line->rate_ppm);
    line->rate_ppm = fmin(fmax(line->rate_ppm, -RATE_MOST_PPM), RATE_MOST_PPM);
}

static bool may_jump(const struct meshtime *line, const struct meshtime_voice *offset,
                     struct mono now)
{
    bool is_young = !line->is_settled && line->jumps < JUMPS_FIRST;
    double again_ns = JUMP_AGAIN_POLLS * (double)line->poll_ns;
    double wait_ns = is_young ? fmin(again_ns, JUMP_AGAIN_MOST_NS) : fmax(again_ns, JUMP_LATER_NS);
    double least_ns = fmax(is_young ? JUMP_YOUNG_NS : JUMP_NS, JUMP_SD * offset->sd_ns);
    return fabs(offset->offset_ns) > least_ns &&
           (line->jumps == 0 || (double)(now.ns - line->jumped.ns) >= wait_ns);
}

int64_t meshtime_move(struct meshtime *line, const struct meshtime_voice *offset, double polls,
                      struct mono now)
{
    anchor(line, now);
    line->slew_ppm = 0;
    if (may_jump(line, offset, now)) {
        line->wall.ns += llround(offset->offset_ns);
        line->jumps++;
        line->jumped = now;
        return llround(offset->offset_ns);
    }
    double slew_ppm = offset->offset_ns / (polls * (double)line->poll_ns) / PPM;
    line->slew_ppm = fmin(fmax(slew_ppm, -MESHTIME_SLEW_PPM), MESHTIME_SLEW_PPM);
    return 0;
}

int64_t meshtime_follow(struct meshtime *line, const struct meshtime_voice *voices, size_t count,
                        size_t faults, bool has_own, struct mono now)
{
    double offsets[MESHTIME_VOICES_MAX + 1] = {0};
    size_t own = has_own ? 1 : 0;
    assert(count > 0 && count <= MESHTIME_VOICES_MAX);
    double sd_ns = 0;
    for (size_t i = 0; i < count; i++) {
        offsets[own + i] = voices[i].offset_ns;
        sd_ns += voices[i].sd_ns / (double)count;
    }
    struct meshtime_voice middle = {.offset_ns = meshtime_middle(offsets, count + own, faults),
                                    .sd_ns = sd_ns};
    meshtime_tune(line, voices, count, faults, now);
    bool is_young = !line->is_settled || now.ns - line->begun.ns < YOUNG_POLLS * line->poll_ns;
    return meshtime_move(line, &middle, is_young ? OFFSET_POLLS_YOUNG : OFFSET_POLLS, now);
}
