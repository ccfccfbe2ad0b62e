/* SPDX-License-Identifier: MIT */
/* Names over hours: whose addresses die, lie, change, or can't be looked up for a while. That no
 * two associations have one address, the world holds at every opening. */
#include "tests/unit/sync_world.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <string.h>

#define HOUR_NS (3600 * NS_PER_S)

static struct sync_world world;

/* Servers at 192.0.2.1 to .count, the first four of which are what the name tells. */
static void begin(struct source_options *source, enum source_kind kind, size_t count, uint64_t seed)
{
    static char addresses[SYNC_WORLD_SERVERS][16];
    sync_world_init(&world, seed);
    world.names[0] = (struct sync_world_name){.host = "ntp.example"};
    world.name_count = 1;
    for (size_t i = 0; i < count; i++) {
        snprintf(addresses[i], sizeof(addresses[i]), "192.0.2.%zu", i + 1);
        (void)sync_world_add(&world, addresses[i]);
        if (i < 4) {
            world.names[0].addresses[i] = addresses[i];
            world.names[0].count = i + 1;
        }
    }
    *source = sync_world_source("a", "ntp.example");
    source->kind = kind;
    source->pool_size = 3;
}

static void start(struct source_options *source)
{
    struct sync_options options = sync_options_default();
    options.sources = source;
    options.source_count = 1;
    options.precision = -24;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 80 * NS_PER_MS));
}

/* Whether an association has that address. */
static bool is_open(const char *text)
{
    struct address address;
    CU_ASSERT_TRUE_FATAL(address_parse(text, 123, &address));
    for (size_t i = 0; i < SYNC_WORLD_ASSOCIATIONS; i++) {
        if (world.is_open[i] && address_is_same(&world.remotes[i], &address)) {
            return true;
        }
    }
    return false;
}

static size_t open_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < SYNC_WORLD_ASSOCIATIONS; i++) {
        count += world.is_open[i];
    }
    return count;
}

static void check_right(void)
{
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < NS_PER_MS);
    CU_ASSERT_EQUAL(world.outside, 0);
}

/* One of three is silent, one lies by a second from the second hour on: both make way, and the
 * name's fourth address and a new one take their places. */
static void test_bad_members(void)
{
    struct source_options source;
    begin(&source, SOURCE_POOL, 6, 1);
    world.servers[0].is_silent = true;
    start(&source);
    CU_ASSERT_EQUAL(sync_source_count(world.sync), 3);
    sync_world_run(&world, 300 * NS_PER_S);
    check_right();
    CU_ASSERT_EQUAL(open_count(), 3);
    CU_ASSERT_TRUE(!is_open("192.0.2.1") && is_open("192.0.2.4"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(world.reports, "a: 192.0.2.4 in place of 192.0.2.1, which is unreachable"));

    sync_world_run(&world, HOUR_NS);
    CU_ASSERT_EQUAL(world.resolves, 1);
    world.servers[1].lie_ns = NS_PER_S;
    world.names[0].addresses[0] = "192.0.2.6";
    sync_world_run(&world, HOUR_NS);
    check_right();
    CU_ASSERT_EQUAL(open_count(), 3);
    CU_ASSERT_TRUE(!is_open("192.0.2.2") && is_open("192.0.2.6"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(world.reports, "a: 192.0.2.6 in place of 192.0.2.2, which is falseticker"));
    CU_ASSERT_EQUAL(sync_world_status(&world).agreeing, 3);
    sync_world_end(&world);
}

/* A server whose name's address changes after it fell silent; while the name can't be looked up,
 * the old address is kept. */
static void test_moved(void)
{
    struct source_options source;
    begin(&source, SOURCE_SERVER, 2, 2);
    world.names[0].count = 1;
    start(&source);
    sync_world_run(&world, HOUR_NS);
    check_right();
    CU_ASSERT_EQUAL(world.resolves, 1);
    world.servers[0].is_silent = true;
    world.names[0].count = 0;
    sync_world_run(&world, HOUR_NS);
    CU_ASSERT_TRUE(is_open("192.0.2.1"));
    CU_ASSERT_TRUE(world.resolves >= 3 && world.resolves <= 12);
    unsigned resolves = world.resolves;
    world.names[0].addresses[0] = "192.0.2.2";
    world.names[0].count = 1;
    sync_world_run(&world, HOUR_NS);
    CU_ASSERT_TRUE(world.resolves > resolves);
    CU_ASSERT_TRUE(!is_open("192.0.2.1") && is_open("192.0.2.2"));
    CU_ASSERT_EQUAL(world.opens, 2);
    check_right();
    sync_world_end(&world);
}

/* The name tells one address twice, and two in all: the third place stays empty, which is told,
 * until there are more. */
static void test_few(void)
{
    struct source_options source;
    begin(&source, SOURCE_POOL, 4, 3);
    world.names[0].addresses[1] = world.names[0].addresses[0];
    world.names[0].count = 3;
    start(&source);
    sync_world_run(&world, HOUR_NS);
    CU_ASSERT_EQUAL(open_count(), 2);
    CU_ASSERT_TRUE(is_open("192.0.2.1") && is_open("192.0.2.3"));
    CU_ASSERT_EQUAL(sync_world_status(&world).unresolved, 1);
    CU_ASSERT_TRUE(world.resolves <= 14);
    world.names[0].addresses[1] = "192.0.2.2";
    sync_world_run(&world, 600 * NS_PER_S);
    CU_ASSERT_EQUAL(open_count(), 3);
    CU_ASSERT_EQUAL(sync_world_status(&world).unresolved, 0);
    check_right();
    sync_world_end(&world);
}

/* All that the name tells of are dead: each is tried, none of them for ever, and the name is not
 * looked up without end. */
static void test_all_dead(void)
{
    struct source_options source;
    begin(&source, SOURCE_POOL, 5, 4);
    for (size_t i = 0; i < 4; i++) {
        world.servers[i].is_silent = true;
    }
    start(&source);
    sync_world_run(&world, HOUR_NS);
    CU_ASSERT_NOT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_TRUE(world.servers[i].asked >= 4);
    }
    CU_ASSERT_TRUE(world.resolves <= 14);
    world.names[0].addresses[2] = "192.0.2.5";
    sync_world_run(&world, 900 * NS_PER_S);
    CU_ASSERT_TRUE(is_open("192.0.2.5"));
    CU_ASSERT_EQUAL(open_count(), 3);
    sync_world_end(&world);
}

static const struct unit_case cases[] = {
    {"a pool's silent and lying members", test_bad_members},
    {"a server that moved", test_moved},
    {"a pool with too few addresses", test_few},
    {"a pool of the dead", test_all_dead},
};
UNIT_MAIN("sync_names", cases)
