/* SPDX-License-Identifier: MIT */
/* What is known of UTC where a mesh has lost more members than may lie. */
#include "tests/unit/sync_world.h"
#include "tests/unit/unit.h"

static struct sync_world world;

static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4",
                                        "192.0.2.5", "192.0.2.6", "192.0.2.7"};
static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g"};

#define MEMBERS 4
#define CLAIM_NS (10 * NS_PER_MS)

static void add_member(size_t index)
{
    char error[SYNC_ERROR_MAX];
    struct source_options options = sync_world_source(names[index], addresses[index]);
    struct member_verdict verdict = {.id = index + 1, .weight = MEMBER_COUNTS};
    options.kind = SOURCE_MEMBER;
    options.member = index + 1;
    CU_ASSERT_EQUAL(sync_world_add(&world, addresses[index]), index);
    world.servers[index].member = index + 1;
    world.servers[index].claim = (struct member_claim){.timescale = TIMESCALE_UTC,
                                                       .incarnation = 1,
                                                       .is_bounded = true,
                                                       .before_ns = CLAIM_NS,
                                                       .after_ns = CLAIM_NS};
    CU_ASSERT_TRUE(sync_member_add(world.sync, &options, sync_world_now(&world).mono, error));
    sync_member_weigh(world.sync, &verdict, 1);
}

/* Servers, then four members, of which one may lie. */
static void begin(size_t servers, uint64_t seed)
{
    struct source_options sources[3];
    struct sync_options options = sync_options_default();
    sync_world_init(&world, seed);
    for (size_t i = 0; i < servers; i++) {
        sources[i] = sync_world_source(names[i], addresses[i]);
        CU_ASSERT_EQUAL(sync_world_add(&world, addresses[i]), i);
        world.servers[i].root_dispersion_ns = CLAIM_NS;
    }
    options.sources = sources;
    options.source_count = servers;
    options.is_shadow = true;
    options.precision = -24;
    options.faults = 1;
    options.mesh = (struct sync_mesh_options){.is_on = true, .members = 5, .timescale_id = 7};
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 30 * NS_PER_MS));
    for (size_t i = servers; i < servers + MEMBERS; i++) {
        add_member(i);
    }
}

static int64_t width_ns(void)
{
    struct own_claim claim;
    sync_own_claim(world.sync, sync_world_now(&world), &claim);
    CU_ASSERT_TRUE(claim.is_bounded);
    return claim.before_ns + claim.after_ns;
}

/* Does it grow, whoever answers? */
static void require_growth(void)
{
    for (int i = 0; i < 20; i++) {
        int64_t before_ns = width_ns();
        sync_world_run(&world, 30 * NS_PER_S);
        CU_ASSERT_TRUE(width_ns() > before_ns);
    }
}

/* What those who are left say does not narrow the interval, though they are as many as ever. */
static void test_spent(void)
{
    begin(0, 7);
    sync_world_run(&world, 600 * NS_PER_S);
    int64_t before_ns = width_ns();
    sync_world_run(&world, 600 * NS_PER_S);
    CU_ASSERT_TRUE(width_ns() < before_ns + NS_PER_MS);
    sync_member_budget(world.sync, true);
    require_growth();
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < NS_PER_MS);
    before_ns = width_ns();
    sync_member_budget(world.sync, false);
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_TRUE(width_ns() < before_ns);
    sync_world_end(&world);
}

/* Who knows nothing yet learns it from those that are there. */
static void test_spent_from_the_start(void)
{
    begin(0, 7);
    sync_member_budget(world.sync, true);
    sync_world_run(&world, 300 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    CU_ASSERT_TRUE(width_ns() > 0);
    sync_world_end(&world);
}

/* 2f + 1 servers are enough; but what members say beside them counts no more than without them. */
static void test_servers_are_enough(void)
{
    begin(3, 8);
    sync_member_budget(world.sync, true);
    sync_world_run(&world, 600 * NS_PER_S);
    /* Two liars, within what the servers say. */
    for (size_t i = 3; i < 5; i++) {
        world.servers[i].lie_ns = 7 * NS_PER_MS;
        world.servers[i].claim.before_ns = NS_PER_MS;
        world.servers[i].claim.after_ns = NS_PER_MS;
    }
    for (int i = 0; i < 60; i++) {
        sync_world_run(&world, 30 * NS_PER_S);
        CU_ASSERT_TRUE(width_ns() < 2 * CLAIM_NS + 3 * NS_PER_MS);
    }
    CU_ASSERT_TRUE(width_ns() > 2 * CLAIM_NS);
    CU_ASSERT_TRUE(world.checks > 1000);
    CU_ASSERT_EQUAL(world.outside, 0);
    sync_world_end(&world);
}

/* Those that answer: what they once said grows old like the rest. */
static void test_silent_servers_are_not(void)
{
    begin(3, 9);
    sync_world_run(&world, 600 * NS_PER_S);
    sync_member_budget(world.sync, true);
    for (size_t i = 0; i < 3; i++) {
        world.servers[i].is_silent = true;
    }
    sync_world_run(&world, 400 * NS_PER_S);
    int64_t before_ns = width_ns();
    require_growth();
    CU_ASSERT_TRUE(width_ns() > before_ns + 5 * NS_PER_MS);
    sync_world_end(&world);
}

/* One liar less among the members is none less among the servers. */
static void test_one_server_is_not(void)
{
    begin(1, 10);
    sync_world_run(&world, 600 * NS_PER_S);
    struct member_verdict verdict = {.id = 2, .weight = MEMBER_CONVICTED};
    sync_member_weigh(world.sync, &verdict, 1);
    sync_member_budget(world.sync, true);
    sync_world_run(&world, 30 * NS_PER_S);
    require_growth();
    sync_world_end(&world);
}

static const struct unit_case cases[] = {
    {"a spent budget", test_spent},
    {"a spent budget from the start", test_spent_from_the_start},
    {"servers are enough", test_servers_are_enough},
    {"silent servers are not", test_silent_servers_are_not},
    {"one server is not", test_one_server_is_not},
};
UNIT_MAIN("sync_narrow", cases)
