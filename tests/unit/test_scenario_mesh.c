/* SPDX-License-Identifier: MIT */
#include "tests/sim/attack.h"
#include "tests/sim/scenario_mesh.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <string.h>

#define SAID_MAX 4096

static struct scenario scenario;
static char said[SAID_MAX];

static void note(void *context, const char *sentence)
{
    (void)context;
    size_t size = strlen(said);
    snprintf(said + size, sizeof(said) - size, "%s\n", sentence);
}

static bool parse(const char *text)
{
    said[0] = '\0';
    return scenario_parse(text, "x.ini", &scenario, note, NULL);
}

#define MESH "[node a]\nkind = chimed\nmesh = yes\ncount = 5\n"
#define LINK "[link * *]\ndelay = 5 ms\n"

static void test_defaults(void)
{
    CU_ASSERT_TRUE_FATAL(parse(MESH LINK));
    CU_ASSERT_EQUAL(scenario_members(&scenario), 5);
    CU_ASSERT_EQUAL(scenario_asking(&scenario.nodes[0]), 5);
    CU_ASSERT_FALSE(scenario.mesh.is_stand_in);
    CU_ASSERT_EQUAL(scenario.mesh.poll_ns, 16 * NS_PER_S);
    CU_ASSERT_EQUAL(scenario.nodes[0].chimed.member.view, 16);
}

static void test_all_that_can_be_said(void)
{
    CU_ASSERT_TRUE_FATAL(parse(
        "[mesh]\nsignatures = stand-in\npoll = 64 s\nmax-offset = 1 s\nknown = 32\n"
        "ring-delay = 20 ms\n" MESH "view = 8\nfaults = 1\ndomain = rack\nask-share = 1 %\n"
        "restart = 10 s at 1 h\nrestart = 1 s at 2 h\n"
        "[node b]\nkind = chimed\nmesh = yes\ncount = 2\nalgorithm = berkeley\nask-count = 1\n" LINK
        "[fault f]\nnode = b\nkind = just-inside\n[attack x]\nkind = garbage\nshare = 5 %\n"
        "from = 1 s\nuntil = 2 s\n"));
    const struct scenario_chimed *a = &scenario.nodes[0].chimed;
    const struct scenario_chimed *b = &scenario.nodes[1].chimed;
    CU_ASSERT_EQUAL(scenario_members(&scenario), 7);
    CU_ASSERT_TRUE(scenario.mesh.is_stand_in);
    CU_ASSERT_EQUAL(scenario.mesh.poll_ns, 64 * NS_PER_S);
    CU_ASSERT_EQUAL(scenario.mesh.max_offset_ns, NS_PER_S);
    CU_ASSERT_EQUAL(scenario.mesh.known, 32);
    CU_ASSERT_EQUAL(scenario.mesh.ring_delay_ns, 20 * NS_PER_MS);
    CU_ASSERT_EQUAL(a->member.view, 8);
    CU_ASSERT_STRING_EQUAL(a->member.domain, "rack");
    CU_ASSERT_FALSE(a->member.is_berkeley);
    CU_ASSERT_EQUAL(a->restart_count, 2);
    CU_ASSERT_EQUAL(a->restarts[0].at_ns, 3600 * NS_PER_S);
    CU_ASSERT_EQUAL(a->restarts[0].duration_ns, 10 * NS_PER_S);
    CU_ASSERT_TRUE(b->member.is_berkeley);
    /* A share is rounded up. */
    CU_ASSERT_EQUAL(scenario_asking(&scenario.nodes[0]), 1);
    CU_ASSERT_EQUAL(scenario_asking(&scenario.nodes[1]), 1);
    CU_ASSERT_EQUAL(scenario.faults[0].kind, FAULT_JUST_INSIDE);
    CU_ASSERT_EQUAL(scenario.attack_count, 1);
    CU_ASSERT_EQUAL(scenario.attacks[0].kind, ATTACK_GARBAGE);
    CU_ASSERT_EQUAL(scenario.attacks[0].share, 0.05);
    CU_ASSERT_EQUAL(scenario.attacks[0].until_ns, 2 * NS_PER_S);
}

static void test_mistakes(void)
{
    static const char *const mistakes[][2] = {
        {"[node a]\nkind = server\nmesh = yes\n", "x.ini:1: mesh = yes needs kind = chimed"},
        {"[node a]\nkind = chimed\nask-count = 1\n", "x.ini:1: ask-count, ask-share, restart and"},
        {"[node a]\nkind = chimed\nrestart = 1 s at 1 s\n", "need mesh = yes"},
        {MESH, "x.ini:1: [node a] is in a mesh with a, but no [link a a] joins them"},
        {MESH "[node b]\nkind = chimed\nmesh = yes\n[link a a]\n[link b b]\n",
         "x.ini:1: [node a] is in a mesh with b, but no [link a b] joins them"},
        {MESH "faults = 3\n" LINK, "[node a] is in a mesh of 5: with faults = f at least 2 f + 1"},
        {"[node a]\nkind = chimed\nmesh = yes\n" LINK, "in a mesh of 1"},
        {MESH "view = 17\n" LINK, "[node] view: found '17'; accepted: 4 to 16"},
        {MESH LINK "[mesh]\npoll = 3 s\n", "[mesh] poll: found '3 s'; accepted: a power of two"},
        {MESH LINK "[mesh]\nsignatures = rsa\n", "accepted: ed25519 or stand-in"},
        {MESH LINK "[fault f]\nnode = a\nkind = stuck\n", "[fault f] needs a kind"},
        {"[node s]\nkind = server\n[fault f]\nnode = s\nkind = wide\n", "[fault f] needs a kind"},
        {MESH LINK "[attack x]\nshare = 1 %\n", "x.ini:7: an [attack] needs a kind, and a mesh"},
        {"[node s]\nkind = server\n[attack x]\nkind = strip\n", "an [attack] needs a kind"},
        {MESH LINK "[attack]\n", "[attack] is no section; accepted: "},
    };
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        CU_ASSERT_FALSE(parse(mistakes[i][0]));
        if (strstr(said, mistakes[i][1]) == NULL) {
            printf("%zu: %s", i, said);
            CU_FAIL("another complaint");
        }
    }
}

static const struct unit_case cases[] = {
    {"defaults", test_defaults},
    {"all that can be said of a mesh", test_all_that_can_be_said},
    {"mistakes", test_mistakes},
};
UNIT_MAIN("scenario_mesh", cases)
