/* SPDX-License-Identifier: MIT */
/* graph_world.h - nodes that measure each other over asymmetric paths, each with a graph of its
 * own; and liars among them. Deterministic. */
#ifndef TESTS_UNIT_GRAPH_WORLD_H
#define TESTS_UNIT_GRAPH_WORLD_H
#include "common/base/random.h"
#include "common/mesh/graph.h"

#define GRAPH_WORLD_NODES_MAX 64
#define GRAPH_WORLD_ROUND_NS (16 * NS_PER_S)

struct graph_world {
    size_t count;
    double noise_ns; /* sd of a measurement, which is told as it is */
    double delay_ns; /* round trip of each path */
    unsigned faults;
    struct mono now;
    struct random random;
    double clock_ns[GRAPH_WORLD_NODES_MAX]; /* less true time */
    double rate_ppm[GRAPH_WORLD_NODES_MAX];
    bool has_edge[GRAPH_WORLD_NODES_MAX][GRAPH_WORLD_NODES_MAX];
    /* What a measures of b beyond the difference of their clocks; of b by a, the opposite. */
    double asymmetry_ns[GRAPH_WORLD_NODES_MAX][GRAPH_WORLD_NODES_MAX];
    double shown_ns[GRAPH_WORLD_NODES_MAX][GRAPH_WORLD_NODES_MAX]; /* by a, of its clock, to b */
    double false_ns[GRAPH_WORLD_NODES_MAX][GRAPH_WORLD_NODES_MAX]; /* by a in its word of b */
    struct graph graphs[GRAPH_WORLD_NODES_MAX];
    struct report reports[GRAPH_WORLD_NODES_MAX]; /* of the last round */
    struct member_measure measures[GRAPH_WORLD_NODES_MAX][GRAPH_WORLD_NODES_MAX];
};

/* Clocks within a millisecond, no path yet. */
void graph_world_init(struct graph_world *world, size_t count, uint64_t seed);
void graph_world_connect(struct graph_world *world, size_t a, size_t b);
/* Each with the reach next ones on both sides. */
void graph_world_ring(struct graph_world *world, size_t reach);
/* A normal asymmetry for each path. is_route: only what loops show; what is left out is like
 * offsets of the clocks, or asymmetric access links. */
void graph_world_skew(struct graph_world *world, double sd_ns, bool is_route);
/* Everybody measures, reports, hears and judges. */
void graph_world_round(struct graph_world *world);
void graph_world_run(struct graph_world *world, size_t rounds);
/* The number that node gives to neighbour. */
size_t graph_world_number(const struct graph_world *world, size_t node, size_t neighbour);
struct graph_finding graph_world_look(const struct graph_world *world, size_t node,
                                      size_t neighbour);
bool graph_world_has_convicted(const struct graph_world *world, size_t node, size_t neighbour);
/* By how much the mean error of what honest nodes measure of honest neighbours is less, once it is
 * corrected: 1 if nothing is left of it. */
double graph_world_gain(const struct graph_world *world, const bool *is_liar);
#endif
