/* SPDX-License-Identifier: MIT */
/* What disturbs the engine: sleep, somebody who sets the clock, operators, reloads, names. */
#include "ntpwire/packet.h"
#include "tests/unit/sync_world.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <string.h>

static struct sync_world world;

static struct sync_options options_of(struct source_options *sources, size_t count)
{
    struct sync_options options = sync_options_default();
    options.sources = sources;
    options.source_count = count;
    options.precision = -24;
    return options;
}

static struct sync_options one_server(struct source_options *source, uint64_t seed)
{
    sync_world_init(&world, seed);
    (void)sync_world_add(&world, "192.0.2.1");
    *source = sync_world_source("a", "192.0.2.1");
    return options_of(source, 1);
}

static void test_suspend(void)
{
    for (int is_shadow = 0; is_shadow < 2; is_shadow++) {
        struct source_options source;
        struct sync_options options = one_server(&source, 1);
        options.is_shadow = is_shadow == 1;
        CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
        sync_world_run(&world, 300 * NS_PER_S);
        world.truth_ns += 3600 * NS_PER_S;
        world.slept_ns += 3600 * NS_PER_S;
        struct event event = {.now = sync_world_now(&world), .kind = EVENT_DISRUPTED};
        event.disruption.by_ns = 3600 * NS_PER_S;
        sync_world_handle(&world, &event);
        struct status status = sync_world_status(&world);
        CU_ASSERT_FALSE(status.has_interval);
        CU_ASSERT_EQUAL(status.condition, SYNC_STARTING);
        CU_ASSERT_EQUAL(sync_claim(world.sync)->stratum, 16);
        CU_ASSERT_EQUAL(status.epoch, 1);
        CU_ASSERT_PTR_NOT_NULL(strstr(status.epoch_reason, "its oscillator missed 3"));
        uint64_t asked = world.servers[0].asked;
        sync_world_run(&world, 20 * NS_PER_S);
        CU_ASSERT_TRUE(world.servers[0].asked >= asked + 4);
        CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
        CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < 2 * NS_PER_MS);
        /* The system clock is stepped, the shadow clock knows how long it slept. */
        CU_ASSERT_EQUAL(world.steps, is_shadow == 1 ? 0 : 1);
        sync_world_end(&world);
    }
}

static void set_clock(int64_t by_ns)
{
    struct reading before = sync_world_now(&world);
    world.clock_mono_ns = before.mono.ns;
    world.clock_wall_ns = before.wall.ns + by_ns;
    struct event event = {.now = sync_world_now(&world), .kind = EVENT_CLOCK_SET};
    event.disruption.by_ns = by_ns;
    /* For a moment the kernel says what it knew. */
    world.kernel.is_synchronised = false;
    sync_world_handle(&world, &event);
}

static void test_clock_set(void)
{
    struct source_options source;
    struct sync_options options = one_server(&source, 2);
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 300 * NS_PER_S);
    set_clock(-86400 * NS_PER_S);
    /* At once, without another sample. */
    CU_ASSERT_EQUAL(world.steps, 1);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < 2 * NS_PER_MS);
    CU_ASSERT_EQUAL(sync_epoch(world.sync), 0);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    CU_ASSERT_PTR_NOT_NULL(strstr(world.reports, "somebody else set the system clock"));
    /* Whoever sets it again and again steers it too: no more steps. */
    for (int i = 0; i < 3; i++) {
        sync_world_run(&world, 100 * NS_PER_S);
        set_clock(5 * NS_PER_S);
    }
    CU_ASSERT_EQUAL(world.steps, 3);
    sync_world_run(&world, 300 * NS_PER_S);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < 2 * NS_PER_MS);
    sync_world_end(&world);
}

static void test_panic(void)
{
    struct source_options source;
    struct sync_options options = one_server(&source, 3);
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 300 * NS_PER_S);
    sync_world_command(&world, COMMAND_ACCEPT, "");
    CU_ASSERT_FALSE(world.reply.is_done);
    CU_ASSERT_STRING_EQUAL(world.reply.text, "there is nothing to accept: the clock is steered");
    world.is_checked = false;
    world.servers[0].lie_ns = 7200 * NS_PER_S;
    sync_world_run(&world, 120 * NS_PER_S);
    struct status status = sync_world_status(&world);
    CU_ASSERT_EQUAL(status.condition, SYNC_PANIC);
    CU_ASSERT_FALSE(status.is_steering);
    CU_ASSERT_PTR_NOT_NULL(strstr(status.reason, "more than"));
    CU_ASSERT_PTR_NOT_NULL(strstr(world.reports, "the clock is not steered any more"));
    CU_ASSERT_EQUAL(sync_claim(world.sync)->stratum, 16);
    CU_ASSERT_FALSE(world.kernel.is_synchronised);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < NS_PER_MS);
    sync_world_command(&world, COMMAND_STEP, "");
    CU_ASSERT_FALSE(world.reply.is_done);
    /* Who sets it by hand is not overruled by sources that are not believed. */
    unsigned steps = world.steps;
    set_clock(10 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_PANIC);
    sync_world_run(&world, 120 * NS_PER_S);
    CU_ASSERT_EQUAL(world.steps, steps);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_PANIC);
    sync_world_command(&world, COMMAND_ACCEPT, "");
    CU_ASSERT_TRUE(world.reply.is_done);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world) - 7200 * NS_PER_S) < 5 * NS_PER_MS);
    sync_world_end(&world);
}

static void test_step(void)
{
    struct source_options source;
    struct sync_options options = one_server(&source, 4);
    options.discipline.slew_max_ppm = 10;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 300 * NS_PER_MS));
    sync_world_command(&world, COMMAND_STEP, "");
    CU_ASSERT_FALSE(world.reply.is_done);
    sync_world_run(&world, 60 * NS_PER_S);
    CU_ASSERT_TRUE(sync_world_error(&world) > 290 * NS_PER_MS);
    sync_world_command(&world, COMMAND_STEP, "");
    CU_ASSERT_TRUE(world.reply.is_done);
    CU_ASSERT_EQUAL(world.steps, 1);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < NS_PER_MS);
    sync_world_end(&world);
}

static void test_offline(void)
{
    struct source_options source;
    struct sync_options options = one_server(&source, 5);
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 100 * NS_PER_S);
    sync_world_command(&world, COMMAND_OFFLINE, "b");
    CU_ASSERT_FALSE(world.reply.is_done);
    CU_ASSERT_STRING_EQUAL(world.reply.text, "there is no source b; there are: a");
    sync_world_command(&world, COMMAND_OFFLINE, "192.0.2.1");
    CU_ASSERT_TRUE(world.reply.is_done);
    CU_ASSERT_EQUAL(sync_world_source_status(&world, "a").state, SOURCE_OFFLINE);
    CU_ASSERT_EQUAL(sync_world_status(&world).offline, 1);
    uint64_t asked = world.servers[0].asked;
    sync_world_run(&world, 200 * NS_PER_S);
    CU_ASSERT_EQUAL(world.servers[0].asked, asked);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_HOLDOVER);
    sync_world_command(&world, COMMAND_ONLINE, "");
    sync_world_run(&world, 40 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    asked = world.servers[0].asked;
    sync_world_command(&world, COMMAND_BURST, "a");
    CU_ASSERT_TRUE(world.reply.is_done);
    sync_world_run(&world, 9 * NS_PER_S);
    CU_ASSERT_TRUE(world.servers[0].asked >= asked + 4);
    sync_world_end(&world);
}

static void test_reload(void)
{
    struct source_options sources[3];
    struct sync_options options = one_server(&sources[0], 6);
    static struct actions out;
    char error[SYNC_ERROR_MAX];
    (void)sync_world_add(&world, "192.0.2.2");
    sources[1] = sync_world_source("b", "192.0.2.2");
    options.source_count = 2;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 100 * NS_PER_S);
    uint32_t kept = sync_world_source_status(&world, "a").association;
    uint32_t old = sync_world_source_status(&world, "b").association;
    unsigned opens = world.opens;

    /* A key that is not there: nothing changes. */
    sources[1].key_id = 7;
    out.count = 0;
    CU_ASSERT_FALSE(sync_configure(world.sync, &options, sync_world_now(&world), &out, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "[source b]"));
    CU_ASSERT_EQUAL(sync_world_source_status(&world, "b").association, old);

    sources[1].key_id = 0;
    sources[1].poll_max = 6;
    out.count = 0;
    CU_ASSERT_TRUE_FATAL(sync_configure(world.sync, &options, sync_world_now(&world), &out, error));
    CU_ASSERT_EQUAL(sync_world_source_status(&world, "a").association, kept);
    CU_ASSERT_NOT_EQUAL(sync_world_source_status(&world, "b").association, old);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    sync_world_run(&world, 20 * NS_PER_S);
    CU_ASSERT_EQUAL(world.opens, opens + 1);
    CU_ASSERT_EQUAL(world.closes, 1);
    CU_ASSERT_FALSE(world.is_open[old]);

    /* None at all: the local clock goes on. */
    options.source_count = 0;
    out.count = 0;
    CU_ASSERT_TRUE_FATAL(sync_configure(world.sync, &options, sync_world_now(&world), &out, error));
    sync_world_run(&world, 20 * NS_PER_S);
    CU_ASSERT_EQUAL(world.closes, 3);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_LOCAL);
    CU_ASSERT_EQUAL(sync_claim(world.sync)->stratum, 16);
    sync_world_end(&world);
}

static void test_unresolvable(void)
{
    struct source_options source = sync_world_source("a", "ntp.example");
    sync_world_init(&world, 7);
    (void)sync_world_add(&world, "192.0.2.1");
    struct sync_options options = options_of(&source, 1);
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 100 * NS_PER_S);
    /* 0, 2, 6, 14, 30, 62 s. */
    CU_ASSERT_EQUAL(world.resolves, 6);
    CU_ASSERT_EQUAL(sync_world_source_status(&world, "a").state, SOURCE_UNRESOLVED);
    CU_ASSERT_PTR_NOT_NULL(strstr(sync_world_source_status(&world, "a").reason, "no such name"));
    CU_ASSERT_EQUAL(sync_world_status(&world).unresolved, 1);
    world.names[0] =
        (struct sync_world_name){.host = "ntp.example", .count = 1, .addresses = {"192.0.2.1"}};
    world.name_count = 1;
    sync_world_command(&world, COMMAND_REFRESH, "");
    sync_world_run(&world, 10 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    sync_world_end(&world);
}

/* A name with two addresses, the first of which is dead. */
static void test_second_address(void)
{
    struct source_options source = sync_world_source("a", "ntp.example");
    sync_world_init(&world, 8);
    (void)sync_world_add(&world, "192.0.2.1");
    (void)sync_world_add(&world, "192.0.2.2");
    world.servers[0].is_silent = true;
    world.names[0] = (struct sync_world_name){
        .host = "ntp.example", .count = 2, .addresses = {"192.0.2.1", "192.0.2.2"}};
    world.name_count = 1;
    struct sync_options options = options_of(&source, 1);
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 90 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    CU_ASSERT_EQUAL(world.closes, 1);
    /* The other way round, after a while: resolved anew, and replaced. */
    world.servers[0].is_silent = false;
    world.servers[1].is_silent = true;
    sync_world_run(&world, 2000 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    CU_ASSERT_EQUAL(world.closes, 2);
    sync_world_end(&world);
}

static void test_pool(void)
{
    struct source_options source = sync_world_source("p", "pool.example");
    source.kind = SOURCE_POOL;
    source.pool_size = 4;
    sync_world_init(&world, 9);
    static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"};
    for (size_t i = 0; i < 4; i++) {
        (void)sync_world_add(&world, addresses[i]);
    }
    (void)sync_world_add(&world, "192.0.2.5");
    world.servers[2].lie_ns = 100 * NS_PER_MS;
    world.names[0] =
        (struct sync_world_name){.host = "pool.example",
                                 .count = 4,
                                 .addresses = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"}};
    world.name_count = 1;
    struct sync_options options = options_of(&source, 1);
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 300 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_source_count(world.sync), 4);
    CU_ASSERT_EQUAL(world.opens, 4);
    CU_ASSERT_EQUAL(sync_world_status(&world).sources, 4);
    CU_ASSERT_EQUAL(sync_world_status(&world).agreeing, 3);
    /* The liar is replaced as soon as the name gives another address. */
    world.names[0].addresses[0] = "192.0.2.5";
    sync_world_run(&world, 1500 * NS_PER_S);
    CU_ASSERT_EQUAL(world.opens, 5);
    CU_ASSERT_EQUAL(world.closes, 1);
    CU_ASSERT_EQUAL(sync_world_status(&world).agreeing, 4);
    CU_ASSERT_TRUE(world.resolves <= 7);
    sync_world_end(&world);
}

/* Two names for one address: asked once. */
static void test_duplicate(void)
{
    struct source_options sources[2];
    struct sync_options options = one_server(&sources[0], 10);
    sources[1] = sync_world_source("b", "192.0.2.1");
    options.source_count = 2;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(world.opens, 1);
    CU_ASSERT_EQUAL(sync_world_source_status(&world, "b").state, SOURCE_UNRESOLVED);
    CU_ASSERT_PTR_NOT_NULL(strstr(sync_world_source_status(&world, "b").reason, "asked already"));
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    sync_world_end(&world);
}

static void test_loop(void)
{
    struct source_options source;
    struct sync_options options = one_server(&source, 11);
    world.servers[0].stratum = 3;
    world.servers[0].refid = UINT32_C(0xC0000263); /* 192.0.2.99, where answers come to */
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_source_status(&world, "a").state, SOURCE_LOOP);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_STARTING);
    sync_world_end(&world);
}

/* What operators of chrony expect of these words. */
static void test_roles(void)
{
    struct source_options sources[3];
    struct sync_options options = one_server(&sources[0], 12);
    (void)sync_world_add(&world, "192.0.2.2");
    (void)sync_world_add(&world, "192.0.2.3");
    sources[1] = sync_world_source("b", "192.0.2.2");
    sources[2] = sync_world_source("c", "192.0.2.3");
    sources[0].is_noselect = true;
    sources[1].is_prefer = true;
    options.source_count = 3;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_source_status(&world, "a").state, SOURCE_NOSELECT);
    CU_ASSERT_EQUAL(sync_world_source_status(&world, "b").state, SOURCE_SELECTED);
    CU_ASSERT_EQUAL(sync_world_source_status(&world, "c").state, SOURCE_UNPREFERRED);
    CU_ASSERT_EQUAL(sync_world_status(&world).sources, 2);
    sync_world_end(&world);

    /* The trusted one against two that agree with each other. */
    options = one_server(&sources[0], 13);
    (void)sync_world_add(&world, "192.0.2.2");
    (void)sync_world_add(&world, "192.0.2.3");
    sources[1] = sync_world_source("b", "192.0.2.2");
    sources[2] = sync_world_source("c", "192.0.2.3");
    sources[0].is_trust = true;
    world.servers[1].lie_ns = 50 * NS_PER_MS;
    world.servers[2].lie_ns = 50 * NS_PER_MS;
    options.source_count = 3;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_source_status(&world, "a").state, SOURCE_SELECTED);
    CU_ASSERT_EQUAL(sync_world_source_status(&world, "b").state, SOURCE_UNTRUSTED);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < NS_PER_MS);
    sync_world_end(&world);
}

static void test_limits(void)
{
    struct source_options sources[2];
    struct sync_options options;

    /* The required one is silent. */
    options = one_server(&sources[0], 14);
    (void)sync_world_add(&world, "192.0.2.2");
    sources[1] = sync_world_source("b", "192.0.2.2");
    sources[1].is_require = true;
    world.servers[1].is_silent = true;
    options.source_count = 2;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_source_status(&world, "a").state, SOURCE_WAITS_REQUIRED);
    CU_ASSERT_PTR_NOT_NULL(strstr(sync_world_source_status(&world, "a").reason, "require"));
    CU_ASSERT_EQUAL(sync_claim(world.sync)->stratum, 16);
    sync_world_end(&world);

    options = one_server(&sources[0], 15);
    options.min_sources = 2;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_source_status(&world, "a").state, SOURCE_WAITS_REQUIRED);
    CU_ASSERT_PTR_NOT_NULL(strstr(sync_world_source_status(&world, "a").reason, "min-sources = 2"));
    sync_world_end(&world);

    options = one_server(&sources[0], 16);
    world.servers[0].root_dispersion_ns = 200 * NS_PER_MS;
    options.max_distance_ns = 100 * NS_PER_MS;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_source_status(&world, "a").state, SOURCE_DISTANT);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(sync_world_source_status(&world, "a").reason, "max-distance = 100 ms"));
    sync_world_end(&world);
}

/* A rate from last time is where the clock begins. */
static void test_saved_rate(void)
{
    struct source_options source;
    struct sync_options options = one_server(&source, 17);
    options.is_shadow = true;
    options.has_rate = true;
    options.rate_ppm = -20;
    options.rate_sd_ppm = 0.1;
    world.servers[0].is_silent = true;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 1000 * NS_PER_S);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < 10 * NS_PER_US);
    world.servers[0].is_silent = false;
    for (int i = 0; i < 60; i++) {
        sync_world_run(&world, NS_PER_S);
        CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < NS_PER_MS);
    }
    sync_world_end(&world);

    /* The kernel is told the same from the first answer on. */
    options = one_server(&source, 18);
    options.has_rate = true;
    options.rate_ppm = -20;
    options.rate_sd_ppm = 0.1;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    while (world.steers == 0) {
        sync_world_run(&world, 10 * NS_PER_MS);
    }
    CU_ASSERT_DOUBLE_EQUAL(world.steer.rate_ppm, -20, 1e-9);
    sync_world_end(&world);
}

/* More to do at once than one event's actions have room for. */
static void test_many(void)
{
    static struct source_options sources[SYNC_SOURCES_MAX];
    static struct actions out;
    char error[SYNC_ERROR_MAX], host[32];
    sync_world_init(&world, 19);
    for (size_t i = 0; i < SYNC_SOURCES_MAX; i++) {
        snprintf(host, sizeof(host), i % 2 == 0 ? "192.0.2.%zu" : "host%zu.example", i + 1);
        sources[i] = sync_world_source(host, host);
    }
    struct sync_options options = options_of(sources, SYNC_SOURCES_MAX);
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 40 * NS_PER_S);
    CU_ASSERT_EQUAL(world.opens, SYNC_SOURCES_MAX / 2);
    CU_ASSERT_EQUAL(sync_world_status(&world).unresolved, SYNC_SOURCES_MAX / 2);
    options.source_count = 0;
    CU_ASSERT_TRUE_FATAL(sync_configure(world.sync, &options, sync_world_now(&world), &out, error));
    sync_world_run(&world, NS_PER_S);
    CU_ASSERT_EQUAL(world.closes, SYNC_SOURCES_MAX / 2);
    sources[0].kind = SOURCE_POOL;
    sources[0].pool_size = SYNC_SOURCES_MAX + 1;
    options.source_count = 1;
    out.count = 0;
    CU_ASSERT_FALSE(sync_configure(world.sync, &options, sync_world_now(&world), &out, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "at most 64"));
    sync_world_end(&world);
}

static const struct unit_case cases[] = {
    {"the machine slept", test_suspend},
    {"somebody set the clock", test_clock_set},
    {"panic, and its end", test_panic},
    {"a step on demand", test_step},
    {"offline, online, burst", test_offline},
    {"a reload", test_reload},
    {"a name that does not resolve", test_unresolvable},
    {"the next address of a name", test_second_address},
    {"a pool", test_pool},
    {"two names for one address", test_duplicate},
    {"a source that follows us", test_loop},
    {"prefer, noselect, trust", test_roles},
    {"require, min-sources, max-distance", test_limits},
    {"the rate from last time", test_saved_rate},
    {"more sources than actions", test_many},
};
UNIT_MAIN("sync_change", cases)
