/* SPDX-License-Identifier: MIT */
#include "ntpwire/packet.h"
#include "tests/unit/sync_world.h"
#include "tests/unit/unit.h"
#include <string.h>

static struct sync_world world;

#define HOUR (3600 * NS_PER_S)
/* 2016-12-31 22:00:00 UTC. */
#define EVENING INT64_C(1483221600000000000)

static struct sync_options begin(struct source_options *sources, uint64_t seed)
{
    static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3"};
    static const char *const names[] = {"a", "b", "c"};
    sync_world_init(&world, seed);
    world.start_ns = EVENING;
    for (size_t i = 0; i < 3; i++) {
        (void)sync_world_add(&world, addresses[i]);
        world.servers[i].leap = LEAP_INSERT;
        sources[i] = sync_world_source(names[i], addresses[i]);
    }
    struct sync_options options = sync_options_default();
    options.sources = sources;
    options.source_count = 3;
    options.is_shadow = true;
    options.precision = -24;
    return options;
}

/* From a second before it to ten after, looked at closely. */
static void pass_midnight(int64_t error_ns)
{
    sync_world_run(&world, world.leap_at_ns - NS_PER_S - world.truth_ns);
    for (int i = 0; i < 1100; i++) {
        sync_world_run(&world, 10 * NS_PER_MS);
        struct event event = {.now = sync_world_now(&world), .kind = EVENT_TIMER};
        sync_world_handle(&world, &event);
        /* The line may leap a little sooner or later than the truth does. */
        int64_t since_ns = world.truth_ns - world.leap_at_ns;
        if (llabs(since_ns) > 5 * NS_PER_MS) {
            CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < error_ns);
        }
    }
}

static void test_inserted(void)
{
    struct source_options sources[3];
    struct sync_options options = begin(sources, 1);
    world.leap_at_ns = 2 * HOUR;
    world.leap_by_ns = -NS_PER_S;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, HOUR);
    CU_ASSERT_EQUAL(sync_claim(world.sync)->leap, LEAP_INSERT);
    CU_ASSERT_EQUAL(sync_world_status(&world).leap, LEAP_INSERT);
    pass_midnight(NS_PER_MS);
    CU_ASSERT_PTR_NOT_NULL(strstr(world.reports, "a leap second is inserted"));
    sync_world_run(&world, HOUR);
    CU_ASSERT_EQUAL(sync_claim(world.sync)->leap, LEAP_NONE);
    CU_ASSERT_EQUAL(sync_epoch(world.sync), 0);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    CU_ASSERT_EQUAL(sync_world_status(&world).steps, 0);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < 200 * NS_PER_US);
    CU_ASSERT_PTR_NULL(strstr(strstr(world.reports, "is inserted") + 1, "is inserted"));
    sync_world_end(&world);
}

static void test_deleted(void)
{
    struct source_options sources[3];
    struct sync_options options = begin(sources, 2);
    for (size_t i = 0; i < 3; i++) {
        world.servers[i].leap = LEAP_DELETE;
    }
    world.leap_at_ns = 2 * HOUR - NS_PER_S;
    world.leap_by_ns = NS_PER_S;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, HOUR);
    CU_ASSERT_EQUAL(sync_claim(world.sync)->leap, LEAP_DELETE);
    pass_midnight(NS_PER_MS);
    sync_world_run(&world, HOUR);
    CU_ASSERT_EQUAL(sync_epoch(world.sync), 0);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < 200 * NS_PER_US);
    sync_world_end(&world);
}

static void test_kernel(void)
{
    struct source_options sources[3];
    struct sync_options options = begin(sources, 3);
    options.is_shadow = false;
    world.leap_at_ns = 2 * HOUR;
    world.leap_by_ns = -NS_PER_S;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, HOUR);
    CU_ASSERT_EQUAL(world.kernel.leap, KERNEL_LEAP_INSERT);
    pass_midnight(NS_PER_MS);
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(world.leaps, 1);
    CU_ASSERT_EQUAL(world.steps, 0);
    CU_ASSERT_EQUAL(world.kernel.leap, KERNEL_LEAP_NONE);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    sync_world_end(&world);
}

/* One of three announces it: it is not believed, and its clock is a falseticker's afterwards. */
static void test_minority(void)
{
    struct source_options sources[3];
    struct sync_options options = begin(sources, 4);
    world.servers[1].leap = LEAP_NONE;
    world.servers[2].leap = LEAP_NONE;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, HOUR);
    CU_ASSERT_EQUAL(sync_claim(world.sync)->leap, LEAP_NONE);
    sync_world_run(&world, 2 * HOUR);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < 200 * NS_PER_US);
    CU_ASSERT_PTR_NULL(strstr(world.reports, "leap second"));
    sync_world_end(&world);
}

static void test_ignored(void)
{
    struct source_options sources[3];
    struct sync_options options = begin(sources, 5);
    options.leap = SYNC_LEAP_IGNORE;
    world.leap_at_ns = 2 * HOUR;
    world.leap_by_ns = -NS_PER_S;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 2 * HOUR + 3 * NS_PER_S);
    /* The clock did not leap; then it is slewed. */
    CU_ASSERT_TRUE(llabs(sync_world_error(&world) - NS_PER_S) < 10 * NS_PER_MS);
    sync_world_run(&world, HOUR);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < 200 * NS_PER_US);
    CU_ASSERT_EQUAL(sync_world_status(&world).steps, 0);
    sync_world_end(&world);
}

static void test_smeared(void)
{
    struct source_options sources[3];
    struct sync_options options = begin(sources, 6);
    options.leap = SYNC_LEAP_SMEAR;
    options.leap_window_ns = 2 * HOUR;
    world.leap_at_ns = 2 * HOUR;
    world.leap_by_ns = -NS_PER_S;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    world.is_smeared = true;
    int64_t last_ns = 0;
    for (int i = 0; i < 4 * 360; i++) {
        sync_world_run(&world, 10 * NS_PER_S);
        struct reading now = sync_world_now(&world);
        int64_t served_ns = sync_state_utc(sync_claim(world.sync), now).ns;
        /* Never back, and never a second at once. */
        CU_ASSERT_TRUE(last_ns == 0 || llabs(served_ns - last_ns - 10 * NS_PER_S) < 5 * NS_PER_MS);
        CU_ASSERT_TRUE(llabs(served_ns - sync_clock(world.sync, now).wall.ns) < 2 * NS_PER_MS);
        last_ns = served_ns;
        CU_ASSERT_EQUAL(sync_claim(world.sync)->leap, LEAP_NONE);
        if (i == 2 * 360 - 2) {
            /* In the middle half of it is done. */
            int64_t off_ns = served_ns - sync_world_utc(&world);
            CU_ASSERT_TRUE(off_ns < -490 * NS_PER_MS && off_ns > -510 * NS_PER_MS);
        }
    }
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < 200 * NS_PER_US);
    sync_world_end(&world);
}

static const struct unit_case cases[] = {
    {"inserted: the shadow clock repeats it", test_inserted},
    {"deleted", test_deleted},
    {"the kernel leaps by itself", test_kernel},
    {"announced by a minority", test_minority},
    {"ignored", test_ignored},
    {"smeared", test_smeared},
};
UNIT_MAIN("sync_leap", cases)
