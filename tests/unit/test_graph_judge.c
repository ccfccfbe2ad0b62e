/* SPDX-License-Identifier: MIT */
#include "tests/unit/graph_world.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <string.h>

#define LIE_NS 40e6 /* beyond the half round trips of a triangle, 15 ms */

static struct graph_world world;

/* Everybody measures everybody. */
static void make_complete(size_t count, unsigned faults, uint64_t seed)
{
    graph_world_init(&world, count, seed);
    world.faults = faults;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            graph_world_connect(&world, i, j);
        }
    }
    graph_world_skew(&world, 500e3, false);
}

/* Shows to one another clock than to everybody else, and says of him what fits. */
static void show(size_t liar, size_t to, double lie_ns)
{
    world.shown_ns[liar][to] = lie_ns;
    world.false_ns[liar][to] = -lie_ns;
}

static size_t count_convictions(size_t of)
{
    size_t count = 0;
    for (size_t i = 0; i < world.count; i++) {
        count += i != of && graph_world_has_convicted(&world, i, of);
    }
    return count;
}

static void check_nobody_but(const size_t *liars, size_t count)
{
    for (size_t j = 0; j < world.count; j++) {
        bool is_liar = false;
        for (size_t i = 0; i < count; i++) {
            is_liar |= liars[i] == j;
        }
        for (size_t i = 0; !is_liar && i < world.count; i++) {
            bool is_judge_honest = true;
            for (size_t k = 0; k < count; k++) {
                is_judge_honest &= liars[k] != i;
            }
            CU_ASSERT_FALSE(i != j && is_judge_honest && graph_world_has_convicted(&world, i, j));
        }
    }
}

static void two_faces_are_seen_by_those_who_are_lied_to(void)
{
    static const size_t liar[] = {0};
    make_complete(5, 1, 1);
    graph_world_run(&world, 5);
    CU_ASSERT_EQUAL(count_convictions(0), 0);
    show(0, 1, LIE_NS);
    show(0, 2, LIE_NS);
    /* Of four, two are told something else: for each, two others contradict it. */
    graph_world_run(&world, GRAPH_LIES_ROUNDS - 1);
    CU_ASSERT_EQUAL(count_convictions(0), 0);
    graph_world_run(&world, 3);
    CU_ASSERT_EQUAL(count_convictions(0), 4);
    check_nobody_but(liar, 1);
    /* It is forgiven when it no longer does so, rates have calmed down, and reports are new. */
    show(0, 1, 0);
    show(0, 2, 0);
    graph_world_run(&world, 3);
    CU_ASSERT_EQUAL(count_convictions(0), 0);
}

/* Seven nodes, three liars each with two faces of its own. */
static void three_of_seven_are_found(void)
{
    static const size_t liars[] = {0, 2, 5};
    make_complete(7, 3, 2);
    for (size_t k = 0; k < 3; k++) {
        for (size_t j = 0; j < 7; j++) {
            show(liars[k], j, LIE_NS * (double)(k + 1) * ((double)j + 1) / 2);
        }
    }
    graph_world_run(&world, 12);
    check_nobody_but(liars, 3);
    size_t found = count_convictions(0) + count_convictions(2) + count_convictions(5);
    CU_ASSERT_TRUE(found >= 12); /* by all four honest ones */
}

/* f who say false things of an honest one, whatever they agree on, can't convict it. */
static void liars_cannot_frame(void)
{
    for (unsigned faults = 1; faults <= 3; faults++) {
        size_t liars[3];
        make_complete(2 * faults + 1, faults, 3);
        for (size_t k = 0; k < faults; k++) {
            liars[k] = k + 1;
            world.false_ns[k + 1][0] = LIE_NS;
        }
        graph_world_run(&world, 12);
        check_nobody_but(liars, faults);

        /* Nor by showing him, and him alone, another clock, which his own report then says. */
        make_complete(2 * faults + 1, faults, 4);
        for (size_t k = 0; k < faults; k++) {
            show(k + 1, 0, -LIE_NS);
        }
        graph_world_run(&world, 12);
        check_nobody_but(liars, faults);
    }
}

static void of_three_nobody_can_be_told(void)
{
    make_complete(3, 1, 5);
    show(0, 1, LIE_NS);
    graph_world_run(&world, 12);
    check_nobody_but(NULL, 0);
    struct graph_triangle triangle;
    CU_ASSERT_EQUAL(graph_triangles(&world.graphs[1], world.now, &triangle, 1), 1);
    CU_ASSERT_TRUE(fabs(triangle.surplus_ns) > triangle.limit_ns);
    CU_ASSERT_FALSE(graph_world_look(&world, 1, 0).is_suspected);
    CU_ASSERT_TRUE(graph_is_impossible(&world.graphs[1], world.now));

    /* With no fault allowed for there is nobody to look for. */
    make_complete(5, 0, 5);
    show(0, 1, LIE_NS);
    graph_world_run(&world, 12);
    check_nobody_but(NULL, 0);
}

/* Where others could have made it up, it is suspected only. */
static void what_others_could_make_up_is_a_suspicion(void)
{
    make_complete(5, 2, 6);
    show(0, 1, LIE_NS);
    show(0, 2, LIE_NS);
    graph_world_run(&world, 12);
    CU_ASSERT_EQUAL(count_convictions(0), 0);
    CU_ASSERT_TRUE(graph_world_look(&world, 3, 0).is_suspected);
    CU_ASSERT_FALSE(graph_world_look(&world, 3, 1).is_suspected);
}

/* Neither a longer route, nor a slewing or stepping clock, nor one of our own, convicts anybody. */
static void changes_convict_nobody(void)
{
    make_complete(6, 2, 7);
    graph_world_run(&world, 10);
    world.asymmetry_ns[0][1] += 4.9e6;
    world.asymmetry_ns[1][0] -= 4.9e6;
    for (size_t round = 0; round < 8; round++) {
        graph_world_round(&world);
        check_nobody_but(NULL, 0);
    }
    /* On short paths, on which a clock slews by more than a round trip between two reports. */
    world.delay_ns = 2e6;
    graph_world_skew(&world, 100e3, false);
    graph_world_run(&world, 2);
    world.rate_ppm[2] = 500;
    world.rate_ppm[3] = -500;
    for (size_t round = 0; round < 10; round++) {
        graph_world_round(&world);
        check_nobody_but(NULL, 0);
    }
    world.rate_ppm[2] = 0;
    world.rate_ppm[3] = 0;
    for (size_t round = 0; round < 20; round++) {
        world.clock_ns[round % 6] += round % 3 == 0 ? 0.5e9 : 0;
        graph_world_round(&world);
        check_nobody_but(NULL, 0);
    }
}

/* As a route that only one of us has: one edge that is off in both words. */
static void a_bad_path_convicts_neither_end(void)
{
    make_complete(7, 2, 8);
    world.asymmetry_ns[1][2] = LIE_NS;
    world.asymmetry_ns[2][1] = -LIE_NS;
    graph_world_run(&world, 12);
    for (size_t i = 0; i < 7; i++) {
        CU_ASSERT_FALSE(i != 1 && i != 2 && graph_world_has_convicted(&world, i, 1));
        CU_ASSERT_FALSE(i != 1 && i != 2 && graph_world_has_convicted(&world, i, 2));
    }
}

/* Whose own measurements are all amiss, each in its way, finds too many liars and judges nobody. */
static void we_may_be_amiss_ourselves(void)
{
    make_complete(7, 2, 10);
    for (size_t j = 1; j < 7; j++) {
        world.asymmetry_ns[0][j] = LIE_NS * (double)j;
    }
    for (size_t round = 0; round < 12; round++) {
        graph_world_round(&world);
        for (size_t j = 1; j < 7; j++) {
            CU_ASSERT_FALSE(graph_world_has_convicted(&world, 0, j));
        }
    }
}

static void the_matrix_is_filled(void)
{
    struct graph_cell cell;
    make_complete(5, 1, 9);
    world.has_edge[2][3] = false;
    world.has_edge[3][2] = false;
    graph_world_run(&world, 3);
    size_t second = graph_world_number(&world, 0, 2), third = graph_world_number(&world, 0, 3);
    CU_ASSERT_TRUE(graph_cell(&world.graphs[0], GRAPH_SELF, second, world.now, &cell));
    CU_ASSERT_TRUE(cell.is_measured);
    CU_ASSERT_DOUBLE_EQUAL(cell.offset_ns, world.measures[0][2].offset_ns, 4.0);
    CU_ASSERT_TRUE(graph_cell(&world.graphs[0], second, GRAPH_SELF, world.now, &cell));
    CU_ASSERT_DOUBLE_EQUAL(cell.offset_ns, -world.measures[0][2].offset_ns, 4.0);
    CU_ASSERT_TRUE(graph_cell(&world.graphs[0], second, third, world.now, &cell));
    CU_ASSERT_FALSE(cell.is_measured);
    CU_ASSERT_TRUE(fabs(cell.offset_ns - (world.clock_ns[3] - world.clock_ns[2])) <= cell.error_ns);
    size_t first = graph_world_number(&world, 0, 1);
    CU_ASSERT_TRUE(graph_cell(&world.graphs[0], first, third, world.now, &cell));
    CU_ASSERT_TRUE(cell.is_measured);
    CU_ASSERT_TRUE(fabs(cell.offset_ns - (world.clock_ns[3] - world.clock_ns[1])) <= cell.error_ns);
    CU_ASSERT_FALSE(graph_cell(&world.graphs[0], first, first, world.now, &cell));
    CU_ASSERT_FALSE(graph_cell(&world.graphs[0], first, 15, world.now, &cell));

    struct graph_triangle triangles[4];
    size_t count = graph_triangles(&world.graphs[0], world.now, triangles, 4);
    CU_ASSERT_EQUAL(count, 7); /* ten, less those with the missing path */
    for (size_t i = 1; i < 4; i++) {
        CU_ASSERT_TRUE(fabs(triangles[i].surplus_ns) <= fabs(triangles[i - 1].surplus_ns));
        CU_ASSERT_TRUE(fabs(triangles[i].surplus_ns) <= triangles[i].limit_ns);
    }
    CU_ASSERT_FALSE(graph_is_impossible(&world.graphs[0], world.now));
}

static void members_come_and_go(void)
{
    static const uint32_t some[] = {7, 8, 9}, others[] = {9, 10};
    struct graph graph;
    struct report report = {.count = 4,
                            .entries = {{.peer = 8, .offset_f28 = 100, .delay_f28 = 1000},
                                        {.peer = 9, .offset_f28 = INT32_MAX, .delay_f28 = 1000},
                                        {.peer = 10, .offset_f28 = 5, .delay_f28 = 1000},
                                        {.peer = 11, .offset_f28 = 5, .delay_f28 = 1000}}};
    struct graph_cell cell;
    graph_init(&graph);
    graph_choose(&graph, some, 3);
    size_t seven = graph_find(&graph, 7), eight = graph_find(&graph, 8);
    size_t nine = graph_find(&graph, 9);
    CU_ASSERT_EQUAL(graph_find(&graph, 10), GRAPH_NOBODY);
    graph_hear(&graph, seven, &report, (struct mono){NS_PER_S});
    CU_ASSERT_TRUE(graph_cell(&graph, seven, eight, (struct mono){NS_PER_S}, &cell));
    CU_ASSERT_FALSE(graph_cell(&graph, seven, nine, (struct mono){NS_PER_S}, &cell));
    /* What is old is not known any more. */
    CU_ASSERT_FALSE(graph_cell(&graph, seven, eight, (struct mono){4000 * NS_PER_S}, &cell));
    for (int bit = 0; bit < 2; bit++) {
        report.entries[0].state = bit == 0 ? REPORT_ENTRY_ONE_WAY : REPORT_ENTRY_ASYMMETRY;
        graph_hear(&graph, seven, &report, (struct mono){NS_PER_S});
        CU_ASSERT_FALSE(graph_cell(&graph, seven, eight, (struct mono){NS_PER_S}, &cell));
    }
    graph_choose(&graph, others, 2);
    CU_ASSERT_EQUAL(graph_find(&graph, 7), GRAPH_NOBODY);
    CU_ASSERT_EQUAL(graph_find(&graph, 9), nine);
    CU_ASSERT_NOT_EQUAL(graph_find(&graph, 10), GRAPH_NOBODY);
    CU_ASSERT_EQUAL(graph_find(&graph, 11), GRAPH_NOBODY);
}

static const struct unit_case cases[] = {
    {"two faces are seen by those who are lied to", two_faces_are_seen_by_those_who_are_lied_to},
    {"three of seven are found", three_of_seven_are_found},
    {"liars can't frame", liars_cannot_frame},
    {"of three nobody can be told", of_three_nobody_can_be_told},
    {"what others could make up is a suspicion", what_others_could_make_up_is_a_suspicion},
    {"changes convict nobody", changes_convict_nobody},
    {"a bad path convicts neither end", a_bad_path_convicts_neither_end},
    {"we may be amiss ourselves", we_may_be_amiss_ourselves},
    {"the matrix is filled", the_matrix_is_filled},
    {"members come and go", members_come_and_go},
};
UNIT_MAIN("graph_judge", cases)
