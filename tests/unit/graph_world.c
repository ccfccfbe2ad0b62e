/* SPDX-License-Identifier: MIT */
#include "tests/unit/graph_world.h"
#include <assert.h>
#include <math.h>
#include <string.h>

/* Tags that do not stand in the order of the numbers. */
static uint32_t tag_of(size_t node)
{
    return (uint32_t)(node * 2654435761U + 12345U);
}

void graph_world_init(struct graph_world *world, size_t count, uint64_t seed)
{
    assert(count <= GRAPH_WORLD_NODES_MAX);
    memset(world, 0, sizeof(*world));
    world->count = count;
    world->noise_ns = 30e3;
    world->delay_ns = 10e6;
    world->faults = 1;
    world->now.ns = 1000 * NS_PER_S;
    random_init_seeded(&world->random, seed);
    for (size_t i = 0; i < count; i++) {
        graph_init(&world->graphs[i]);
        world->clock_ns[i] = 1e6 * random_normal(&world->random);
    }
}

void graph_world_connect(struct graph_world *world, size_t a, size_t b)
{
    world->has_edge[a][b] = true;
    world->has_edge[b][a] = true;
}

void graph_world_ring(struct graph_world *world, size_t reach)
{
    for (size_t i = 0; i < world->count; i++) {
        for (size_t step = 1; step <= reach; step++) {
            graph_world_connect(world, i, (i + step) % world->count);
        }
    }
}

/* Takes out what potentials explain: Gauss and Seidel's way of least squares. */
static void keep_routes(struct graph_world *world)
{
    double potential[GRAPH_WORLD_NODES_MAX] = {0};
    for (int sweep = 0; sweep < 2000; sweep++) {
        for (size_t i = 0; i < world->count; i++) {
            double sum = 0, degree = 0;
            for (size_t j = 0; j < world->count; j++) {
                if (world->has_edge[i][j]) {
                    sum += potential[j] - world->asymmetry_ns[i][j];
                    degree++;
                }
            }
            potential[i] = degree > 0 ? sum / degree : 0;
        }
    }
    for (size_t i = 0; i < world->count; i++) {
        for (size_t j = 0; j < world->count; j++) {
            world->asymmetry_ns[i][j] -= world->has_edge[i][j] ? potential[j] - potential[i] : 0;
        }
    }
}

void graph_world_skew(struct graph_world *world, double sd_ns, bool is_route)
{
    for (size_t i = 0; i < world->count; i++) {
        for (size_t j = i + 1; j < world->count; j++) {
            if (world->has_edge[i][j]) {
                world->asymmetry_ns[i][j] = sd_ns * random_normal(&world->random);
                world->asymmetry_ns[j][i] = -world->asymmetry_ns[i][j];
            }
        }
    }
    if (is_route) {
        keep_routes(world);
    }
}

static void measure(struct graph_world *world, size_t i, size_t j)
{
    double offset_ns = world->clock_ns[j] + world->shown_ns[j][i] - world->clock_ns[i] +
                       world->asymmetry_ns[i][j] + world->noise_ns * random_normal(&world->random);
    double half_ns = world->delay_ns / 2 + 4 * world->noise_ns;
    world->measures[i][j] = (struct member_measure){
        .has_estimate = true,
        .offset_ns = offset_ns,
        .offset_sd_ns = world->noise_ns,
        .delay_ns = (int64_t)world->delay_ns,
        .sampled = world->now,
        .interval = {(int64_t)(offset_ns - half_ns), (int64_t)(offset_ns + half_ns)},
        .has_interval = true};
}

static void report(const struct graph_world *world, size_t i, struct report *report)
{
    *report = (struct report){.sequence = 1};
    for (size_t j = 0; j < world->count; j++) {
        if (world->has_edge[i][j]) {
            double told_ns = world->measures[i][j].offset_ns + world->false_ns[i][j];
            report->entries[report->count++] = (struct report_entry){
                .peer = tag_of(j),
                .offset_f28 = report_offset_from_ns((int64_t)told_ns),
                .delay_f28 = report_width_from_ns((int64_t)world->delay_ns),
                .dispersion_log2 = (int16_t)ceil(256 * log2(world->noise_ns * 1e-9))};
        }
    }
}

static void choose(struct graph_world *world, size_t i)
{
    uint32_t tags[GRAPH_NEIGHBOURS_MAX];
    size_t count = 0;
    for (size_t j = 0; j < world->count; j++) {
        if (world->has_edge[i][j]) {
            assert(count < GRAPH_NEIGHBOURS_MAX);
            tags[count++] = tag_of(j);
        }
    }
    graph_choose(&world->graphs[i], tags, count);
}

void graph_world_round(struct graph_world *world)
{
    world->now.ns += GRAPH_WORLD_ROUND_NS;
    for (size_t i = 0; i < world->count; i++) {
        world->clock_ns[i] += world->rate_ppm[i] * 1e-6 * (double)GRAPH_WORLD_ROUND_NS;
    }
    for (size_t i = 0; i < world->count; i++) {
        choose(world, i);
        for (size_t j = 0; j < world->count; j++) {
            if (world->has_edge[i][j]) {
                measure(world, i, j);
                graph_measure(&world->graphs[i], graph_world_number(world, i, j),
                              &world->measures[i][j], world->now);
            }
        }
    }
    /* What is heard of others is a round old: it comes with the answers of this one. */
    for (size_t i = 0; i < world->count; i++) {
        struct mono earlier = {world->now.ns - GRAPH_WORLD_ROUND_NS};
        for (size_t j = 0; world->reports[j].sequence != 0 && j < world->count; j++) {
            if (world->has_edge[i][j]) {
                graph_hear(&world->graphs[i], graph_world_number(world, i, j), &world->reports[j],
                           earlier);
            }
        }
        graph_round(&world->graphs[i], world->faults, world->now);
    }
    for (size_t i = 0; i < world->count; i++) {
        report(world, i, &world->reports[i]);
    }
}

void graph_world_run(struct graph_world *world, size_t rounds)
{
    for (size_t i = 0; i < rounds; i++) {
        graph_world_round(world);
    }
}

size_t graph_world_number(const struct graph_world *world, size_t node, size_t neighbour)
{
    return graph_find(&world->graphs[node], tag_of(neighbour));
}

struct graph_finding graph_world_look(const struct graph_world *world, size_t node,
                                      size_t neighbour)
{
    struct graph_finding finding;
    graph_look(&world->graphs[node], graph_world_number(world, node, neighbour), &finding);
    return finding;
}

bool graph_world_has_convicted(const struct graph_world *world, size_t node, size_t neighbour)
{
    return graph_world_look(world, node, neighbour).is_two_faced;
}

double graph_world_gain(const struct graph_world *world, const bool *is_liar)
{
    double raw_ns = 0, corrected_ns = 0;
    for (size_t i = 0; i < world->count; i++) {
        for (size_t j = 0; j < world->count; j++) {
            if (world->has_edge[i][j] && (is_liar == NULL || (!is_liar[i] && !is_liar[j]))) {
                double truth_ns = world->clock_ns[j] - world->clock_ns[i];
                double measured_ns = world->measures[i][j].offset_ns;
                raw_ns += fabs(measured_ns - truth_ns);
                corrected_ns +=
                    fabs(measured_ns - graph_world_look(world, i, j).asymmetry_ns - truth_ns);
            }
        }
    }
    return 1 - corrected_ns / raw_ns;
}
