/* SPDX-License-Identifier: MIT */
#include "tests/sim/network.h"
#include <math.h>

static double exponential(struct random *random)
{
    return -log(1.0 - random_unit(random));
}

void path_init(struct path *path, const struct path_options *options, uint64_t seed)
{
    *path = (struct path){.options = options};
    random_init_seeded(&path->random, seed);
    if (options->jitter.shape == JITTER_BURST) {
        path->burst_change_ns =
            (int64_t)(exponential(&path->random) * (double)options->jitter.quiet_ns);
    }
}

/* Whether the queues are full now. */
static bool is_bursting(struct path *path, int64_t truth_ns)
{
    const struct jitter *jitter = &path->options->jitter;
    while (path->burst_change_ns <= truth_ns) {
        path->is_bursting = !path->is_bursting;
        int64_t mean_ns = path->is_bursting ? jitter->burst_ns : jitter->quiet_ns;
        path->burst_change_ns += 1 + (int64_t)(exponential(&path->random) * (double)mean_ns);
    }
    return path->is_bursting;
}

static double jitter_ns(struct path *path, int64_t truth_ns)
{
    const struct jitter *jitter = &path->options->jitter;
    struct random *random = &path->random;
    double scale = (double)jitter->scale_ns;
    switch (jitter->shape) {
    case JITTER_EXPONENTIAL:
        return scale * exponential(random);
    case JITTER_GAUSSIAN:
        return fmax(0, scale + (double)jitter->sd_ns * random_normal(random));
    case JITTER_LOGNORMAL:
        return scale * exp(jitter->parameter * random_normal(random));
    case JITTER_PARETO:
        if (random_unit(random) < jitter->parameter) {
            return scale * pow(1.0 - random_unit(random), -1.0 / jitter->exponent);
        }
        return scale * exponential(random);
    case JITTER_BURST:
        scale *= is_bursting(path, truth_ns) ? jitter->parameter : 1;
        return scale * exponential(random);
    case JITTER_NONE:
        break;
    }
    return 0;
}

static bool is_reachable(const struct path_options *options, int64_t truth_ns)
{
    if (options->reachable_ns > 0 && truth_ns % options->period_ns >= options->reachable_ns) {
        return false;
    }
    for (size_t i = 0; i < options->outage_count; i++) {
        int64_t since_ns = truth_ns - options->outages[i].at_ns;
        if (since_ns >= 0 && since_ns < options->outages[i].duration_ns) {
            return false;
        }
    }
    return true;
}

static int64_t base_ns(const struct path_options *options, int64_t truth_ns)
{
    int64_t delay_ns = options->delay_ns;
    int64_t since_ns = -1;
    for (size_t i = 0; i < options->route_count; i++) {
        if (options->routes[i].at_ns <= truth_ns && options->routes[i].at_ns > since_ns) {
            since_ns = options->routes[i].at_ns;
            delay_ns = options->routes[i].delay_ns;
        }
    }
    return delay_ns;
}

static bool is_chosen(struct random *random, double share)
{
    return share > 0 && random_unit(random) < share;
}

static int64_t arrival_ns(struct path *path, int64_t truth_ns)
{
    const struct path_options *options = path->options;
    int64_t at_ns = truth_ns + base_ns(options, truth_ns);
    double wait_ns = jitter_ns(path, truth_ns);
    at_ns += wait_ns < 1e15 ? (int64_t)wait_ns : (int64_t)1e15;
    if (is_chosen(&path->random, options->spike.share)) {
        at_ns += options->spike.extra_ns;
    }
    if (is_chosen(&path->random, options->reorder.share)) {
        return at_ns + options->reorder.extra_ns;
    }
    if (options->in_order && at_ns < path->last_ns) {
        at_ns = path->last_ns;
    }
    path->last_ns = at_ns > path->last_ns ? at_ns : path->last_ns;
    return at_ns;
}

size_t path_send(struct path *path, int64_t truth_ns, int64_t arrivals_ns[2])
{
    const struct path_options *options = path->options;
    if (!is_reachable(options, truth_ns) || is_chosen(&path->random, options->loss)) {
        return 0;
    }
    size_t count = is_chosen(&path->random, options->duplication) ? 2 : 1;
    for (size_t i = 0; i < count; i++) {
        arrivals_ns[i] = arrival_ns(path, truth_ns);
    }
    return count;
}
