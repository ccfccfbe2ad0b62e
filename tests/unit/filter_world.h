/* SPDX-License-Identifier: MIT */
/* filter_world.h - an oscillator that wanders, a path that queues, and how well a filter sees
 * through both. The truth is known, so the error is too. Seeded: a run repeats to the bit. */
#ifndef TESTS_UNIT_FILTER_WORLD_H
#define TESTS_UNIT_FILTER_WORLD_H
#include "client/sync/filter.h"

enum filter_world_shape {
    SHAPE_EXPONENTIAL,
    SHAPE_GAUSSIAN, /* around two jitters: the delay tells nothing */
    SHAPE_LOG_NORMAL,
    SHAPE_PARETO, /* exponential, and one in ten has a long tail */
    SHAPE_BURST   /* exponential, and ten times that for a while */
};

struct filter_world_setup {
    double poll_s;
    double wander; /* of the frequency, per square root of a second */
    double base_s; /* each way */
    double jitter_s;
    double asymmetry; /* the jitter is (1 + 2 a) one way and (1 - 2 a) the other */
    enum filter_world_shape shape;
    double outlier_share; /* samples that are off by outlier_s though their delay is fine */
    double outlier_s;
    double event_at_s; /* when what follows happens; 0: never */
    double step_s;     /* of the source's clock */
    double route_s;    /* the path gets longer, each way */
    double rate_jump;
    double duration_s;
    double settle_s; /* not judged */
};

struct filter_world {
    struct filter_world_setup setup;
    struct random random;
    double t; /* since the start, of our oscillator */
    double x; /* the source's clock less ours, less what it was at the start */
    double rate;
    bool has_happened;
    double burst_until;
};

struct filter_world_result {
    double rms_s;
    double start_rms_s; /* from the fourth sample on */
    double within;      /* share of errors below three claimed standard deviations */
    double max_s;
    size_t steps;
};

void filter_world_init(struct filter_world *world, const struct filter_world_setup *setup,
                       uint64_t seed);
void filter_world_advance(struct filter_world *world, double seconds);
struct mono filter_world_now(const struct filter_world *world);
struct sample filter_world_sample(struct filter_world *world);
/* The estimate less the truth, now. */
double filter_world_error_s(const struct filter_world *world, const struct estimate *estimate);
void filter_world_run(const struct filter_world_setup *setup, enum filter_kind kind, uint64_t seed,
                      struct filter_world_result *result);
#endif
