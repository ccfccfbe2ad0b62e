/* SPDX-License-Identifier: MIT */
#include "tests/unit/graph_world.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <stdio.h>

#define NODES 40
#define SKEW_NS 300e3

static struct graph_world world;

static void make_ring(uint64_t seed, bool is_route)
{
    graph_world_init(&world, NODES, seed);
    graph_world_ring(&world, 4);
    graph_world_skew(&world, SKEW_NS, is_route);
}

static double mean_gain(double noise_ns, bool is_route)
{
    double sum = 0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        make_ring(seed, is_route);
        world.noise_ns = noise_ns;
        graph_world_run(&world, 30);
        sum += graph_world_gain(&world, NULL);
    }
    return sum / 3;
}

/* Degree 8, rich in triangles: the mean error between neighbours falls by 40 % and more. */
static void network_effect_halves_errors(void)
{
    double route = mean_gain(15e3, true);
    double any = mean_gain(15e3, false);
    printf("  mean error between neighbours: %.0f %% less with asymmetry of routes, %.0f %% less "
           "with any\n",
           100 * route, 100 * any);
    CU_ASSERT_TRUE(route >= 0.40);
    /* A quarter of any asymmetry on such a graph is like that of access links: no loop shows it. */
    CU_ASSERT_TRUE(any >= 0.30);
}

/* What is corrected is still in the interval of the measurement itself, which nothing changed. */
static void intervals_are_untouched(void)
{
    make_ring(4, false);
    graph_world_run(&world, 30);
    for (size_t i = 0; i < NODES; i++) {
        for (size_t j = 0; j < NODES; j++) {
            if (!world.has_edge[i][j]) {
                continue;
            }
            struct member_measure before = world.measures[i][j];
            graph_measure(&world.graphs[i], graph_world_number(&world, i, j), &world.measures[i][j],
                          world.now);
            graph_round(&world.graphs[i], 1, world.now);
            CU_ASSERT_EQUAL(before.interval.earliest_ns, world.measures[i][j].interval.earliest_ns);
            CU_ASSERT_EQUAL(before.interval.latest_ns, world.measures[i][j].interval.latest_ns);
            CU_ASSERT_EQUAL(before.offset_ns, world.measures[i][j].offset_ns);
            double corrected_ns = before.offset_ns - graph_world_look(&world, i, j).asymmetry_ns;
            CU_ASSERT_TRUE(corrected_ns >= (double)before.interval.earliest_ns);
            CU_ASSERT_TRUE(corrected_ns <= (double)before.interval.latest_ns);
        }
    }
}

/* A narrow interval stops what the others would have it corrected to. */
static void an_interval_stops_the_correction(void)
{
    make_ring(5, true);
    graph_world_run(&world, 12);
    for (size_t round = 0; round < 15; round++) {
        graph_world_round(&world);
        for (size_t j = 1; j <= 4; j++) {
            struct member_measure narrow = world.measures[0][j];
            narrow.interval.earliest_ns = (int64_t)narrow.offset_ns - 1000;
            narrow.interval.latest_ns = (int64_t)narrow.offset_ns + 1000;
            graph_measure(&world.graphs[0], graph_world_number(&world, 0, j), &narrow, world.now);
        }
        graph_round(&world.graphs[0], 1, world.now);
        for (size_t j = 1; j <= 4; j++) {
            struct graph_finding finding = graph_world_look(&world, 0, j);
            CU_ASSERT_TRUE(round < 14 || fabs(finding.estimate_ns) < SKEW_NS);
        }
    }
}

/* One in eight, or two, who lie about all they measured: what the honest have of each other is
 * still better than without, and never pulled to the lie. */
static void liars_do_little(void)
{
    static const double lies_ns[] = {-100e6, -3e6, 0.6e6, 2e6, 20e6};
    for (size_t stride = 4; stride <= 8; stride += 4) {
        for (size_t k = 0; k < sizeof(lies_ns) / sizeof(lies_ns[0]); k++) {
            bool is_liar[NODES] = {false};
            make_ring(6, true);
            world.noise_ns = 15e3;
            world.faults = 2;
            for (size_t i = 0; i < NODES; i += stride) {
                is_liar[i] = true;
                for (size_t j = 0; j < NODES; j++) {
                    world.false_ns[i][j] = lies_ns[k];
                }
            }
            graph_world_run(&world, 30);
            double gain = graph_world_gain(&world, is_liar);
            printf("  one in %zu lies by %.1f ms: %.0f %% less\n", stride, lies_ns[k] * 1e-6,
                   100 * gain);
            CU_ASSERT_TRUE(gain > (stride == 8 ? 0.25 : 0.0));
        }
    }
}

/* Who shows each another clock, by less than a round trip, and says what fits it. */
static void faces_do_little(void)
{
    bool is_liar[NODES] = {false};
    make_ring(11, true);
    world.noise_ns = 15e3;
    for (size_t i = 0; i < NODES; i += 4) {
        is_liar[i] = true;
        for (size_t j = 0; j < NODES; j++) {
            world.shown_ns[i][j] = random_below(&world.random, 2) == 0 ? 3e6 : -3e6;
            world.false_ns[i][j] = -world.shown_ns[i][j];
        }
    }
    graph_world_run(&world, 30);
    double gain = graph_world_gain(&world, is_liar);
    printf("  one in 4 shows each another clock: %.0f %% less\n", 100 * gain);
    CU_ASSERT_TRUE(gain > 0.0);
}

/* Asymmetry that is one node's own, on all its paths, is like an offset of its clock. */
static void an_access_link_cannot_be_seen(void)
{
    make_ring(7, true);
    for (size_t i = 0; i < NODES; i++) {
        for (size_t j = 0; j < NODES; j++) {
            world.asymmetry_ns[i][j] = 0;
        }
    }
    for (size_t j = 0; j < NODES; j++) {
        world.asymmetry_ns[3][j] = -2e6;
        world.asymmetry_ns[j][3] = 2e6;
    }
    graph_world_run(&world, 30);
    for (size_t j = 0; j < NODES; j++) {
        if (world.has_edge[j][3]) {
            CU_ASSERT_TRUE(fabs(graph_world_look(&world, j, 3).estimate_ns) < 50e3);
        }
    }
    CU_ASSERT_TRUE(graph_world_gain(&world, NULL) < 0.1);
}

static void few_loops_and_noise_are_not_used(void)
{
    /* Without triangles nothing is known. */
    graph_world_init(&world, NODES, 8);
    graph_world_ring(&world, 1);
    graph_world_skew(&world, SKEW_NS, false);
    graph_world_run(&world, 30);
    CU_ASSERT_EQUAL(graph_world_look(&world, 0, 1).asymmetry_ns, 0);
    CU_ASSERT_EQUAL(graph_world_look(&world, 0, 1).loops, 0);

    /* Noise alone is not taken for asymmetry. */
    graph_world_init(&world, NODES, 9);
    graph_world_ring(&world, 4);
    graph_world_run(&world, 30);
    size_t used = 0;
    for (size_t i = 0; i < NODES; i++) {
        for (size_t j = 0; j < NODES; j++) {
            used += world.has_edge[i][j] && graph_world_look(&world, i, j).asymmetry_ns != 0;
        }
    }
    CU_ASSERT_EQUAL(used, 0);

    /* And nothing before it is averaged. */
    make_ring(10, true);
    graph_world_run(&world, GRAPH_ROUNDS);
    CU_ASSERT_EQUAL(graph_world_gain(&world, NULL), 0);
}

static const struct unit_case cases[] = {
    {"the network effect halves errors", network_effect_halves_errors},
    {"intervals are untouched", intervals_are_untouched},
    {"an interval stops the correction", an_interval_stops_the_correction},
    {"liars do little", liars_do_little},
    {"faces do little", faces_do_little},
    {"an access link can't be seen", an_access_link_cannot_be_seen},
    {"few loops and noise are not used", few_loops_and_noise_are_not_used},
};
UNIT_MAIN("graph", cases)
