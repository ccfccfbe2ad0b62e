/* SPDX-License-Identifier: MIT */
#include "tests/sim/oscillator.h"
#include <math.h>

#define TWO_PI 6.283185307179586
#define FOREVER_NS (INT64_MAX / 4)

enum draw { DRAW_WALK, DRAW_NOISE };

static uint64_t mix(uint64_t value)
{
    /* splitmix64 */
    value += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

/* The normal number of that second; two seconds share one pair of draws (Box and Muller). */
static double draw_normal(uint64_t seed, enum draw kind, int64_t step, double pair[2])
{
    if ((step & 1) == 0) {
        uint64_t first = mix(mix(seed + (uint64_t)kind) ^ (uint64_t)step);
        double radius = sqrt(-2.0 * log(1.0 - (double)(first >> 11) * 0x1p-53));
        double angle = TWO_PI * ((double)(mix(first) >> 11) * 0x1p-53);
        pair[0] = radius * cos(angle);
        pair[1] = radius * sin(angle);
    }
    return pair[step & 1];
}

/* Cuts the end where the next change of frequency or suspend lies. */
static void cut(const struct oscillator_options *options, struct oscillator_segment *segment)
{
    for (size_t i = 0; i < options->jump_count; i++) {
        int64_t at_ns = options->jumps[i].at_ns;
        if (at_ns > segment->begin_ns && at_ns < segment->end_ns) {
            segment->end_ns = at_ns;
        }
    }
    segment->is_suspended = false;
    for (size_t i = 0; i < options->suspend_count; i++) {
        int64_t begin_ns = options->suspends[i].at_ns;
        int64_t end_ns = begin_ns + options->suspends[i].duration_ns;
        if (begin_ns > segment->begin_ns && begin_ns < segment->end_ns) {
            segment->end_ns = begin_ns;
        }
        if (begin_ns <= segment->begin_ns && segment->begin_ns < end_ns) {
            segment->is_suspended = true;
            segment->end_ns = end_ns < segment->end_ns ? end_ns : segment->end_ns;
        }
    }
}

static void find_rate(const struct oscillator_options *options, struct oscillator_segment *segment)
{
    segment->rate = options->rate_ppm * 1e-6 + segment->walk;
    for (size_t i = 0; i < options->jump_count; i++) {
        if (options->jumps[i].at_ns <= segment->begin_ns) {
            segment->rate += options->jumps[i].ppm * 1e-6;
        }
    }
    if (options->sine_ppm != 0) {
        /* The middle of a second stands for its mean: 1e-8 of the swing at a period of an hour. */
        double middle_ns = (double)segment->begin_ns / 2 + (double)segment->end_ns / 2;
        double turn = middle_ns / (double)options->sine_period_ns + options->sine_turn;
        segment->rate += options->sine_ppm * 1e-6 * sin(TWO_PI * turn);
    }
}

/* Begins a segment at segment->begin_ns, of the second segment->step. */
static void begin(const struct oscillator *oscillator, struct oscillator_segment *segment)
{
    segment->end_ns = oscillator->is_even ? FOREVER_NS : (segment->step + 1) * OSCILLATOR_STEP_NS;
    cut(&oscillator->options, segment);
    find_rate(&oscillator->options, segment);
}

static void next_second(const struct oscillator *oscillator, struct oscillator_segment *segment)
{
    const struct oscillator_options *options = &oscillator->options;
    segment->step++;
    if (options->wander != 0) {
        segment->walk += options->wander * draw_normal(oscillator->seed, DRAW_WALK, segment->step,
                                                       segment->normals[DRAW_WALK]);
    }
    if (options->noise_ns != 0) {
        segment->noise[0] = segment->noise[1];
        segment->noise[1] =
            options->noise_ns *
            draw_normal(oscillator->seed, DRAW_NOISE, segment->step, segment->normals[DRAW_NOISE]);
    }
}

/* Between the draws of two seconds the noise goes in a straight line: so time never goes back. */
static double noise_at(const struct oscillator_segment *segment, int64_t truth_ns)
{
    double part = (double)(truth_ns - segment->step * OSCILLATOR_STEP_NS) / OSCILLATOR_STEP_NS;
    return segment->noise[0] + (segment->noise[1] - segment->noise[0]) * part;
}

static double phase_noise(const struct oscillator *oscillator,
                          const struct oscillator_segment *segment, int64_t truth_ns)
{
    return oscillator->options.noise_ns == 0 ? 0 : noise_at(segment, truth_ns);
}

static void advance(const struct oscillator *oscillator, struct oscillator_segment *segment)
{
    int64_t elapsed_ns = segment->end_ns - segment->begin_ns;
    if (segment->is_suspended) {
        /* The reading stands still, so what the noise does meanwhile is taken out again. */
        segment->fraction += phase_noise(oscillator, segment, segment->begin_ns) -
                             phase_noise(oscillator, segment, segment->end_ns);
    } else {
        segment->fraction += segment->rate * (double)elapsed_ns;
        segment->mono_ns += elapsed_ns;
    }
    double whole = floor(segment->fraction);
    segment->mono_ns += (int64_t)whole;
    segment->fraction -= whole;
    segment->begin_ns = segment->end_ns;
    if (!oscillator->is_even && segment->begin_ns == (segment->step + 1) * OSCILLATOR_STEP_NS) {
        next_second(oscillator, segment);
    }
    begin(oscillator, segment);
}

static int64_t read_in(const struct oscillator *oscillator,
                       const struct oscillator_segment *segment, int64_t truth_ns)
{
    if (segment->is_suspended) {
        truth_ns = segment->begin_ns;
    }
    int64_t elapsed_ns = truth_ns - segment->begin_ns;
    double more = segment->fraction + segment->rate * (double)elapsed_ns +
                  phase_noise(oscillator, segment, truth_ns);
    return segment->mono_ns + elapsed_ns + (int64_t)floor(more);
}

void oscillator_init(struct oscillator *oscillator, const struct oscillator_options *options,
                     uint64_t seed)
{
    *oscillator = (struct oscillator){.options = *options, .seed = mix(seed)};
    oscillator->is_even = options->wander == 0 && options->noise_ns == 0 && options->sine_ppm == 0;
    oscillator->now.mono_ns = options->start_ns;
    oscillator->now.step = -1;
    next_second(oscillator, &oscillator->now);
    oscillator->now.walk = 0; /* the walk begins at the start */
    begin(oscillator, &oscillator->now);
    oscillator->ahead = oscillator->now;
}

struct mono oscillator_read(struct oscillator *oscillator, int64_t truth_ns)
{
    assert(truth_ns >= oscillator->read_ns);
    oscillator->read_ns = truth_ns;
    while (truth_ns >= oscillator->now.end_ns) {
        advance(oscillator, &oscillator->now);
    }
    return (struct mono){.ns = read_in(oscillator, &oscillator->now, truth_ns)};
}

int64_t oscillator_when(struct oscillator *oscillator, struct mono mono)
{
    struct oscillator_segment *segment = &oscillator->ahead;
    if (segment->begin_ns < oscillator->now.begin_ns ||
        read_in(oscillator, segment, segment->begin_ns) >= mono.ns) {
        *segment = oscillator->now;
    }
    while (read_in(oscillator, segment, segment->end_ns) < mono.ns) {
        advance(oscillator, segment);
    }
    /* Halve the segment: what is read never falls. */
    int64_t low_ns = segment->begin_ns;
    int64_t high_ns = segment->end_ns;
    while (low_ns < high_ns) {
        int64_t middle_ns = low_ns + (high_ns - low_ns) / 2;
        if (read_in(oscillator, segment, middle_ns) < mono.ns) {
            low_ns = middle_ns + 1;
        } else {
            high_ns = middle_ns;
        }
    }
    return low_ns > oscillator->read_ns ? low_ns : oscillator->read_ns;
}

double oscillator_rate_ppm(const struct oscillator *oscillator)
{
    return oscillator->now.is_suspended ? -1e6 : oscillator->now.rate * 1e6;
}

int64_t oscillator_suspended_ns(const struct oscillator *oscillator, int64_t truth_ns)
{
    int64_t total_ns = 0;
    for (size_t i = 0; i < oscillator->options.suspend_count; i++) {
        const struct oscillator_suspend *suspend = &oscillator->options.suspends[i];
        int64_t past_ns = truth_ns - suspend->at_ns;
        past_ns = past_ns < suspend->duration_ns ? past_ns : suspend->duration_ns;
        total_ns += past_ns > 0 ? past_ns : 0;
    }
    return total_ns;
}
