/* SPDX-License-Identifier: MIT */
/* Worlds with a mesh: its members, liars among them, attackers, and what is checked of them. */
#include "tests/sim/world.h"
#include "tests/sim/world_check.h"
#include "tests/sim/world_core.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct scenario scenario;
static uint64_t decisions;

static void fail(void *context, const char *sentence)
{
    (void)context;
    printf("%s\n", sentence);
    CU_FAIL("the scenario has a mistake");
}

static struct world *create(const char *head, const char *node, const char *rest, uint64_t seed)
{
    char text[2048];
    snprintf(text, sizeof(text),
             "[scenario]\nduration = 400 s\nsettle = 200 s\npoll = 16 s\n%s"
             "[node s]\nkind = server\ncount = 3\n"
             "[node m]\nkind = chimed\nmesh = yes\ncount = 4\nfaults = 1\nask = s\n"
             "offset-spread = 100 ms\nrate-spread = 20 ppm\nwander = 1e-9\n%s"
             "[node l]\nkind = chimed\nmesh = yes\nfaults = 1\noffset-spread = 100 ms\n"
             "[link * *]\ndelay = 5 ms\njitter = exponential 500 us\n%s",
             head, node, rest);
    CU_ASSERT_TRUE_FATAL(scenario_parse(text, "test", &scenario, fail, NULL));
    char error[WORLD_ERROR_MAX];
    struct world *world = world_create(&scenario, seed, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(world);
    return world;
}

static struct figures finish(struct world *world)
{
    struct figures figures;
    world_run(world, INT64_MAX);
    CU_ASSERT_TRUE_FATAL(world_figures(world, &figures));
    if (figures.violation[0] != '\0') {
        printf("%s\n", figures.violation);
    }
    decisions = world_decisions(world);
    world_destroy(world);
    return figures;
}

/* Three servers, four members and one that may lie, and more lines of [scenario], of the members
 * and of sections. */
static struct figures run(const char *head, const char *node, const char *rest)
{
    return finish(create(head, node, rest, 1));
}

static void test_agrees(void)
{
    struct figures figures = run("", "", "");
    CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);
    CU_ASSERT_EQUAL(figures.values[FIGURE_CONTAINMENT], 100);
    CU_ASSERT_EQUAL(figures.values[FIGURE_SYNCHRONISED], 100);
    CU_ASSERT_EQUAL(figures.values[FIGURE_FALSE_EXCLUSIONS], 0);
    CU_ASSERT_TRUE(figures.values[FIGURE_ROUNDS] <= 15);
    CU_ASSERT_TRUE(figures.values[FIGURE_OFFSET_MAX] < 1e6);
    CU_ASSERT_TRUE(fabs(figures.values[FIGURE_BIAS]) < 1e6);
    CU_ASSERT_TRUE(isnan(figures.values[FIGURE_EXCLUSION]));
    /* Four others to ask every 16 s, as many that ask, and three servers: each with a report. */
    CU_ASSERT_TRUE(figures.values[FIGURE_NODE_PACKETS] > 8.0 / 17);
    CU_ASSERT_TRUE(figures.values[FIGURE_NODE_PACKETS] < 11.0 / 15);
    CU_ASSERT_TRUE(figures.values[FIGURE_NODE_OCTETS] > 100 * figures.values[FIGURE_NODE_PACKETS]);
}

static void test_is_reproducible(void)
{
    struct figures figures[3];
    for (int i = 0; i < 3; i++) {
        struct world *world = create("", "", "", i == 2 ? 2 : 1);
        for (int j = 1; i == 1 && j < 37; j++) {
            world_run(world, scenario.duration_ns / 37 * j);
        }
        figures[i] = finish(world);
    }
    CU_ASSERT_EQUAL(figures[0].hash, figures[1].hash);
    CU_ASSERT_EQUAL(figures[0].values[FIGURE_OFFSET_RMS], figures[1].values[FIGURE_OFFSET_RMS]);
    CU_ASSERT_NOT_EQUAL(figures[0].hash, figures[2].hash);
}

/* Verdicts, intervals and corrections are the same to the last nanosecond. */
static void test_both_signatures_decide_alike(void)
{
    static const char *const heads[] = {"[mesh]\nsignatures = ed25519\n",
                                        "[mesh]\nsignatures = stand-in\n"};
    static const char *const lies[] = {
        "", "[fault f]\nnode = l\nkind = offset\noffset = 80 ms\nfrom = 150 s\n",
        "[fault f]\nnode = l\nkind = equivocate\noffset = 80 ms\nfrom = 150 s\n",
        "[fault f]\nnode = l\nkind = forge\nfrom = 150 s\n"};
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct figures real = run(heads[0], "", lies[i]);
        uint64_t wanted = decisions;
        struct figures stood = run(heads[1], "", lies[i]);
        CU_ASSERT_EQUAL(decisions, wanted);
        CU_ASSERT_EQUAL(real.values[FIGURE_OFFSET_RMS], stood.values[FIGURE_OFFSET_RMS]);
        CU_ASSERT_NOT_EQUAL(real.hash, stood.hash);
        CU_ASSERT_EQUAL(real.values[FIGURE_VIOLATIONS] + stood.values[FIGURE_VIOLATIONS], 0);
    }
}

static void test_work_is_booked(void)
{
    struct figures stood = run("[mesh]\nsignatures = stand-in\n", "", "");
    /* Each exchange verifies a report; nobody reads a clock here. */
    CU_ASSERT_TRUE(stood.cpu_ns > STAND_IN_VERIFY_NS / 2);
    CU_ASSERT_TRUE(stood.cpu_ns < 2.0 * (STAND_IN_VERIFY_NS + STAND_IN_SIGN_NS));
}

static void test_liars_are_found(void)
{
    struct figures figures = run("", "", "[fault f]\nnode = l\nkind = offset\noffset = 80 ms\n");
    CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);
    CU_ASSERT_EQUAL(figures.values[FIGURE_CONTAINMENT], 100);
    CU_ASSERT_FALSE(isnan(figures.values[FIGURE_EXCLUSION]));
    CU_ASSERT_TRUE(isfinite(figures.values[FIGURE_EXCLUSION]));
    CU_ASSERT_EQUAL(figures.values[FIGURE_FALSE_EXCLUSIONS], 0);
    CU_ASSERT_TRUE(fabs(figures.values[FIGURE_BIAS]) < 1e6);
    /* Who lies within the bounds of all is not found, and does little. */
    figures = run("", "", "[fault f]\nnode = l\nkind = just-inside\noffset = 1 ns\n");
    CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);
    CU_ASSERT_TRUE(isnan(figures.values[FIGURE_EXCLUSION]));
    CU_ASSERT_EQUAL(figures.values[FIGURE_CONTAINMENT], 100);
}

static void test_what_has_no_key_changes_nothing(void)
{
    static const char *const kinds[] = {"replay", "redirect", "reflect", "garbage"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char attack[100];
        snprintf(attack, sizeof(attack), "[attack a]\nkind = %s\n", kinds[i]);
        struct figures figures = run("", "", attack);
        CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);
        CU_ASSERT_EQUAL(figures.values[FIGURE_FALSE_EXCLUSIONS], 0);
        CU_ASSERT_TRUE(figures.values[FIGURE_OFFSET_MAX] < 1e6);
    }
}

static void test_restarts(void)
{
    struct world *world = create("", "", "", 1);
    world_destroy(world);
    world = create("", "restart = 5 s at 100 s\nrestart = 20 s at 150 s\n", "", 1);
    world_run(world, INT64_MAX);
    for (size_t i = 0; i < 4; i++) {
        const struct world_member *member = &world->nodes.mesh->members[i];
        CU_ASSERT_EQUAL(member->incarnation, 3);
        CU_ASSERT_FALSE(member->is_down);
        CU_ASSERT_TRUE(member->has_hlc);
    }
    struct figures figures = finish(world);
    CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);
    CU_ASSERT_EQUAL(figures.values[FIGURE_FALSE_EXCLUSIONS], 0);
    CU_ASSERT_EQUAL(figures.values[FIGURE_CONTAINMENT], 100);
}

/* Strangers, who are no members, are served as ever: what is checked would tell if they got more.
 */
static void test_strangers(void)
{
    struct figures figures = run("", "",
                                 "[node p]\nkind = prober\nask = m\n[node c]\nkind = chimed\n"
                                 "ask = m\noffset = 30 ms\n");
    CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);
    CU_ASSERT_TRUE(figures.values[FIGURE_OFFSET_MAX] < 2e6);
}

/* A timer that is late may find a report to sign first: then the steering is due at once, and not
 * at its end any more. Nothing else may be later than that. */
static void test_late_timers(void)
{
    struct world *world = create("", "", "", 1);
    world_run(world, 60 * NS_PER_S);
    struct world_node *node = &world->nodes.items[world->nodes.mesh->node_of[0]];
    CU_ASSERT_TRUE_FATAL(node->steered_until.ns > 0);
    struct mono due = node_deadline(node->node);
    world->truth_ns = oscillator_when(&node->oscillator, due);
    CU_ASSERT_EQUAL(world->checker.violations, 0);
    node->steered_until.ns = due.ns - 1;
    world_check_event(world, node, (struct mono){due.ns - 1});
    CU_ASSERT_EQUAL(world->checker.violations, 1);
    node->steered_until.ns = due.ns - 1;
    world_check_event(world, node, due);
    CU_ASSERT_EQUAL(world->checker.violations, 1);
    world_destroy(world);
}

static const struct unit_case cases[] = {
    {"a mesh agrees", test_agrees},
    {"a seed gives one run", test_is_reproducible},
    {"both kinds of signatures decide alike", test_both_signatures_decide_alike},
    {"work is booked", test_work_is_booked},
    {"liars are found", test_liars_are_found},
    {"who has no key changes nothing", test_what_has_no_key_changes_nothing},
    {"members that are killed", test_restarts},
    {"strangers", test_strangers},
    {"late timers", test_late_timers},
};
UNIT_MAIN("world_mesh", cases)
