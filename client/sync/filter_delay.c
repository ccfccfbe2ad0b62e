/* SPDX-License-Identifier: MIT */
#include "client/sync/filter_delay.h"
#include <math.h>

#define VARIANCE_SAMPLES 32
/* The path got longer if the least of this many is beyond what the others' scatter explains. */
#define REBASE_SAMPLES 10
#define REBASE_COUNT_MIN 24
#define ONE_WAY_COUNT_MIN 16
#define ONE_WAY_GAIN_MIN 0.025
#define ONE_WAY_CLIP 10.0
/* From this difference of the one-way means over their sum on, the jitter is taken as lopsided. */
#define LOPSIDED_MIN 0.35
#define TILT_MAX 250.0

void filter_delay_init(struct filter_delay *delay, double precision)
{
    *delay = (struct filter_delay){.precision = precision};
}

/* age 0 is the newest. */
static double held(const struct filter_delay *delay, size_t age)
{
    return delay->ring[(delay->head + FILTER_DELAY_RING - 1 - age) % FILTER_DELAY_RING];
}

static void push_block(struct filter_delay *delay, double seconds)
{
    if (delay->blocks == 0 || delay->block_count == FILTER_DELAY_BLOCK) {
        delay->block = (delay->block + 1) % FILTER_DELAY_BLOCKS;
        delay->block_min[delay->block] = seconds;
        delay->block_count = 0;
        if (delay->blocks < FILTER_DELAY_BLOCKS) {
            delay->blocks++;
        }
    }
    delay->block_min[delay->block] = fmin(delay->block_min[delay->block], seconds);
    delay->block_count++;
}

static void find_base(struct filter_delay *delay)
{
    double base = delay->block_min[delay->block];
    for (size_t i = 1; i < delay->blocks; i++) {
        size_t block = (delay->block + FILTER_DELAY_BLOCKS - i) % FILTER_DELAY_BLOCKS;
        base = fmin(base, delay->block_min[block]);
    }
    delay->base = base;
    delay->base_count = (delay->blocks - 1) * FILTER_DELAY_BLOCK + delay->block_count;
}

static double least_of_newest(const struct filter_delay *delay)
{
    double least = held(delay, 0);
    for (size_t age = 1; age < REBASE_SAMPLES; age++) {
        least = fmin(least, held(delay, age));
    }
    return least;
}

/* Is `rise` more than twice the median excess of the delays before the newest? */
static bool is_route_longer(const struct filter_delay *delay, double rise)
{
    double limit = delay->base + 0.5 * (rise - 4.0 * delay->precision);
    size_t below = 0;
    for (size_t age = REBASE_SAMPLES; age < delay->count; age++) {
        below += held(delay, age) < limit ? 1 : 0;
    }
    return 2 * below > delay->count - REBASE_SAMPLES;
}

/* Do at least half of the newest lie within `rise` of their least? If not, that is a slow packet of
 * the old route before nine of the new one, and would be the base of the next thousand samples. */
static bool is_least_typical(const struct filter_delay *delay, double least, double rise)
{
    size_t near = 0;
    for (size_t age = 0; age < REBASE_SAMPLES; age++) {
        near += held(delay, age) < least + rise ? 1 : 0;
    }
    return 2 * near >= REBASE_SAMPLES;
}

/* The base follows a shorter path at once; a longer one only once ten delays agree. */
static void rebase(struct filter_delay *delay)
{
    if (delay->base_count < REBASE_COUNT_MIN || delay->count < REBASE_COUNT_MIN) {
        return;
    }
    double least = least_of_newest(delay);
    double rise = least - delay->base;
    if (!is_route_longer(delay, rise) || !is_least_typical(delay, least, rise)) {
        return;
    }
    delay->count = REBASE_SAMPLES;
    delay->blocks = 0;
    for (size_t age = REBASE_SAMPLES; age > 0; age--) {
        push_block(delay, held(delay, age - 1));
    }
    find_base(delay);
}

/* The expected error of a minimum of base_count one-way excesses, or of sums of two. Without the
 * second form a path that queues one way only would leave the estimate beside its true edge. */
static void find_slack(struct filter_delay *delay)
{
    double count = (double)delay->base_count;
    double slack =
        0.75 * delay->excess_mean / sqrt(count) + delay->base * exp2(-0.5 * fmin(count, 2000.0));
    if (delay->one_way_count >= ONE_WAY_COUNT_MIN) {
        double greater = fmax(delay->out_mean, delay->back_mean);
        slack =
            fmin(slack, greater / count + 1.25 * sqrt(delay->out_mean * delay->back_mean / count));
    }
    delay->slack = slack;
}

void filter_delay_add(struct filter_delay *delay, double seconds)
{
    delay->ring[delay->head] = seconds;
    delay->head = (delay->head + 1) % FILTER_DELAY_RING;
    if (delay->count < FILTER_DELAY_RING) {
        delay->count++;
    }
    push_block(delay, seconds);
    find_base(delay);
    rebase(delay);
    double sum = 0.0;
    for (size_t age = 0; age < delay->count; age++) {
        sum += held(delay, age) - delay->base;
    }
    delay->excess_mean = fmax(sum / (double)delay->count, delay->precision);
    find_slack(delay);
}

double filter_delay_half(const struct filter_delay *delay)
{
    double half = 0.5 * (held(delay, 0) - delay->base + delay->slack);
    return fmax(half, 0.5 * delay->precision);
}

static double clip(double value, double most)
{
    return fmax(0.0, fmin(value, most));
}

static void learn_one_way(struct filter_delay *delay, double half, double innovation)
{
    double most = ONE_WAY_CLIP * delay->excess_mean;
    double gain = fmax(1.0 / (double)(delay->one_way_count + 1), ONE_WAY_GAIN_MIN);
    delay->out_mean += gain * (clip(half + innovation, most) - delay->out_mean);
    delay->back_mean += gain * (clip(half - innovation, most) - delay->back_mean);
    delay->one_way_count++;
}

static double tilt(const struct filter_delay *delay, double half)
{
    double sum = delay->out_mean + delay->back_mean;
    double difference = fabs(delay->out_mean - delay->back_mean);
    if (difference <= LOPSIDED_MIN * sum) {
        return 0.0;
    }
    double floor = 0.002 * delay->excess_mean;
    double strength = (difference / sum - LOPSIDED_MIN) / (1.0 - LOPSIDED_MIN);
    double per_second =
        strength * (1.0 / (delay->out_mean + floor) - 1.0 / (delay->back_mean + floor));
    double most = TILT_MAX / half;
    return fmax(-most, fmin(per_second, most));
}

struct filter_window filter_delay_window(struct filter_delay *delay, double innovation)
{
    double half = filter_delay_half(delay);
    learn_one_way(delay, half, innovation);
    return (struct filter_window){
        .half = half,
        .tilt = tilt(delay, half),
        .soft = delay->precision + 0.15 * delay->slack,
    };
}

double filter_delay_variance(const struct filter_delay *delay)
{
    size_t count = delay->count < VARIANCE_SAMPLES ? delay->count : VARIANCE_SAMPLES;
    double sum = 0.0;
    double squares = 0.0;
    for (size_t age = 0; age < count; age++) {
        double excess = held(delay, age) - delay->base;
        sum += excess;
        squares += excess * excess;
    }
    double mean = sum / (double)count;
    return fmax(squares / (double)count - mean * mean, 0.0);
}
