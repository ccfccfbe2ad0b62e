/* SPDX-License-Identifier: MIT */
#include "tests/unit/filter_world.h"
#include <math.h>

#define START_MONO_NS INT64_C(7000000000000)
#define START_WALL_NS INT64_C(1800000000123456789)
#define START_RATE 1e-4
/* The error is looked at so many times from one sample to the next. */
#define LOOKS 8

void filter_world_init(struct filter_world *world, const struct filter_world_setup *setup,
                       uint64_t seed)
{
    *world = (struct filter_world){.setup = *setup, .rate = START_RATE};
    random_init_seeded(&world->random, seed);
}

void filter_world_advance(struct filter_world *world, double seconds)
{
    double first = random_normal(&world->random);
    double second = random_normal(&world->random);
    double step = world->setup.wander * sqrt(seconds);
    world->x += seconds * (world->rate + step * (0.5 * first + second / sqrt(12.0)));
    world->rate += step * first;
    world->t += seconds;
    if (world->setup.event_at_s > 0.0 && world->t >= world->setup.event_at_s &&
        !world->has_happened) {
        world->has_happened = true;
        world->x += world->setup.step_s;
        world->rate += world->setup.rate_jump;
    }
}

struct mono filter_world_now(const struct filter_world *world)
{
    return (struct mono){START_MONO_NS + (int64_t)nearbyint(world->t * 1e9)};
}

static double exponential(struct filter_world *world)
{
    return -log(1.0 - random_unit(&world->random));
}

static double queueing(struct filter_world *world)
{
    struct random *random = &world->random;
    switch (world->setup.shape) {
    case SHAPE_GAUSSIAN:
        return fmax(2.0 + random_normal(random), 0.0);
    case SHAPE_LOG_NORMAL:
        return exp(1.2 * random_normal(random) - 0.72);
    case SHAPE_PARETO:
        return random_unit(random) < 0.1 ? 3.0 * pow(1.0 - random_unit(random), -1.0 / 1.5)
                                         : exponential(world);
    case SHAPE_BURST:
        if (random_unit(random) < 0.01) {
            world->burst_until = world->t + 10.0 * world->setup.poll_s;
        }
        return exponential(world) * (world->t < world->burst_until ? 10.0 : 1.0);
    case SHAPE_EXPONENTIAL:
        break;
    }
    return exponential(world);
}

struct sample filter_world_sample(struct filter_world *world)
{
    const struct filter_world_setup *setup = &world->setup;
    double base = setup->base_s + (world->has_happened ? setup->route_s : 0.0);
    double out = base + setup->jitter_s * (1.0 + 2.0 * setup->asymmetry) * queueing(world);
    double back = base + setup->jitter_s * (1.0 - 2.0 * setup->asymmetry) * queueing(world);
    double offset = world->x + 0.5 * (out - back);
    if (random_unit(&world->random) < setup->outlier_share) {
        offset += random_normal(&world->random) * setup->outlier_s;
    }
    struct mono at = filter_world_now(world);
    return (struct sample){
        .at = at,
        .wall.ns = START_WALL_NS + at.ns + (int64_t)nearbyint(offset * 1e9),
        .delay_ns = (int64_t)nearbyint((out + back) * 1e9),
    };
}

double filter_world_error_s(const struct filter_world *world, const struct estimate *estimate)
{
    int64_t start_ns = START_WALL_NS + filter_world_now(world).ns;
    return (double)(estimate->wall.ns - start_ns) * 1e-9 + estimate->fraction_ns * 1e-9 - world->x;
}

struct tally {
    double squares;
    double start_squares;
    size_t count;
    size_t start_count;
    size_t within;
};

static void look(const struct filter_world *world, const struct filter *filter,
                 struct filter_world_result *result, struct tally *tally)
{
    struct estimate estimate;
    if (!filter_estimate(filter, filter_world_now(world), &estimate)) {
        return;
    }
    double error = filter_world_error_s(world, &estimate);
    if (world->t >= 3.0 * world->setup.poll_s) {
        tally->start_squares += error * error;
        tally->start_count++;
    }
    if (world->t >= world->setup.settle_s) {
        tally->squares += error * error;
        tally->count++;
        tally->within += fabs(error) * 1e9 < 3.0 * estimate.offset_sd_ns ? 1 : 0;
        result->max_s = fmax(result->max_s, fabs(error));
    }
}

void filter_world_run(const struct filter_world_setup *setup, enum filter_kind kind, uint64_t seed,
                      struct filter_world_result *result)
{
    struct filter_world world;
    filter_world_init(&world, setup, seed);
    struct filter *filter = filter_create(kind, 50);
    struct tally tally = {.count = 0};
    *result = (struct filter_world_result){.steps = 0};
    while (world.t < setup->duration_s) {
        struct sample sample = filter_world_sample(&world);
        result->steps += filter_add(filter, &sample) == FILTER_STEPPED ? 1 : 0;
        for (int i = 0; i < LOOKS; i++) {
            look(&world, filter, result, &tally);
            filter_world_advance(&world, setup->poll_s / LOOKS);
        }
    }
    filter_destroy(filter);
    result->rms_s = sqrt(tally.squares / (double)tally.count);
    result->start_rms_s = sqrt(tally.start_squares / (double)tally.start_count);
    result->within = (double)tally.within / (double)tally.count;
}
