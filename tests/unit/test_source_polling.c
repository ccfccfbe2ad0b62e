/* SPDX-License-Identifier: MIT */
#include "client/sync/polling.h"
#include "tests/unit/source_world.h"
#include <string.h>

static int64_t gap_ns(const struct source_world *world, size_t index)
{
    return world->asked[index].ns - world->asked[index - 1].ns;
}

static void test_burst_at_start(void)
{
    struct source_world world;
    source_world_init(&world);
    world.options.poll_max = 6;
    source_world_start(&world);
    CU_ASSERT_EQUAL(world.actions.count, 1);
    CU_ASSERT_EQUAL(world.actions.items[0].kind, ACTION_OPEN);
    CU_ASSERT_EQUAL(world.actions.items[0].open.association, 1);
    CU_ASSERT_FALSE(world.actions.items[0].open.is_shared);
    CU_ASSERT_TRUE(address_is_same(&world.actions.items[0].open.remote, &world.remote));
    source_world_run(&world, 400 * NS_PER_S);
    for (size_t i = 1; i < 4; i++) {
        CU_ASSERT(gap_ns(&world, i) >= 2 * NS_PER_S);
        CU_ASSERT(gap_ns(&world, i) < 2060 * NS_PER_MS);
    }
    for (size_t i = 4; i < world.asked_count; i++) {
        CU_ASSERT(gap_ns(&world, i) >= 64 * NS_PER_S);
        CU_ASSERT(gap_ns(&world, i) <= 65600 * NS_PER_MS);
    }
    CU_ASSERT_EQUAL(world.asked_count, 4 + 6);
    CU_ASSERT_EQUAL(source_reach(world.source), 0xFF);
    source_world_clear(&world);
}

/* Whatever begins anew right behind a request waits, or the server would count both. */
static void test_begins_anew(void)
{
    struct source_world world;
    source_world_init(&world);
    source_world_start(&world);
    source_world_run(&world, 400 * NS_PER_S);
    CU_ASSERT_TRUE(source_world_ask(&world));
    for (unsigned i = 0; i < 3; i++) {
        source_world_pass(&world, NS_PER_S / 10);
        source_void(world.source, world.now.mono);
    }
    CU_ASSERT_TRUE(source_world_ask(&world));
    CU_ASSERT(gap_ns(&world, world.asked_count - 1) >= 2 * NS_PER_S);
    CU_ASSERT(gap_ns(&world, world.asked_count - 1) < 3 * NS_PER_S);
    source_world_clear(&world);
}

static void test_no_iburst(void)
{
    struct source_world world;
    source_world_init(&world);
    world.options.is_iburst = false;
    source_world_start(&world);
    source_world_run(&world, 200 * NS_PER_S);
    CU_ASSERT_EQUAL(world.asked_count, 4);
    CU_ASSERT(gap_ns(&world, 1) >= 64 * NS_PER_S);
    source_world_clear(&world);
}

static void test_lost_requests_of_a_burst_are_made_up_for(void)
{
    struct source_world world;
    source_world_init(&world);
    source_world_start(&world);
    CU_ASSERT_TRUE(source_world_ask(&world));
    CU_ASSERT_TRUE(source_world_ask(&world));
    CU_ASSERT_TRUE(source_world_ask(&world));
    (void)source_world_answer(&world);
    world.is_silent = false;
    source_world_run(&world, 20 * NS_PER_S);
    CU_ASSERT_EQUAL(world.asked_count, 6);
    CU_ASSERT_EQUAL(source_reach(world.source), 0x0F);
    source_world_clear(&world);
}

static void test_silence_ends_a_burst(void)
{
    struct source_world world;
    source_world_init(&world);
    world.is_silent = true;
    source_world_start(&world);
    source_world_run(&world, 60 * NS_PER_S);
    CU_ASSERT_EQUAL(world.asked_count, 4);
    CU_ASSERT_EQUAL(source_reach(world.source), 0);
    source_world_clear(&world);
}

/* Slowly to the longest interval while nobody answers; a burst, and the shortest, on return. */
static void test_unreachable_and_back(void)
{
    struct source_world world;
    source_world_init(&world);
    source_world_start(&world);
    source_world_run(&world, 100 * NS_PER_S);
    world.is_silent = true;
    source_world_run(&world, 86400 * NS_PER_S);
    CU_ASSERT_EQUAL(source_reach(world.source), 0);
    CU_ASSERT_EQUAL(source_poll_log2(world.source), 10);
    CU_ASSERT_EQUAL(gap_ns(&world, world.asked_count - 1) / NS_PER_S / 1024, 1);
    CU_ASSERT_EQUAL(world.news[SOURCE_CHANGED], 1);
    world.is_silent = false;
    size_t asked = world.asked_count;
    source_world_run(&world, 1060 * NS_PER_S);
    CU_ASSERT_EQUAL(source_poll_log2(world.source), 6);
    CU_ASSERT(gap_ns(&world, asked + 1) < 2060 * NS_PER_MS);
    CU_ASSERT(gap_ns(&world, asked + 3) < 2060 * NS_PER_MS);
    CU_ASSERT(gap_ns(&world, asked + 4) >= 64 * NS_PER_S || world.asked_count <= asked + 4);
    source_world_clear(&world);
}

static void test_burst_option(void)
{
    struct source_world world;
    source_world_init(&world);
    world.options.is_burst = true;
    world.options.poll_min = 8;
    source_world_start(&world);
    source_world_run(&world, 700 * NS_PER_S);
    CU_ASSERT_EQUAL(world.asked_count, 12);
    for (size_t i = 1; i < world.asked_count; i++) {
        CU_ASSERT(i % 4 == 0 ? gap_ns(&world, i) >= 256 * NS_PER_S
                             : gap_ns(&world, i) < 2060 * NS_PER_MS);
    }
    source_world_clear(&world);
}

static void test_mean_interval(void)
{
    struct source_world world;
    source_world_init(&world);
    world.options.is_iburst = false;
    world.options.poll_max = 6;
    source_world_start(&world);
    source_world_run(&world, 1000 * 64 * NS_PER_S);
    double mean = (double)(world.asked[world.asked_count - 1].ns - world.asked[0].ns) * 1e-9 /
                  (double)(world.asked_count - 1);
    CU_ASSERT_DOUBLE_EQUAL(mean, 64.8, 0.1);
    source_world_clear(&world);
}

static void test_fast_and_slow_limits(void)
{
    struct source_world world;
    source_world_init(&world);
    world.options.poll_min = -3;
    world.options.poll_max = -3;
    world.delay_ns = NS_PER_MS;
    source_world_start(&world);
    source_world_run(&world, 10 * NS_PER_S);
    CU_ASSERT(world.asked_count >= 78 && world.asked_count <= 81);
    for (size_t i = 1; i < world.asked_count; i++) {
        CU_ASSERT(gap_ns(&world, i) >= NS_PER_S / 8);
    }
    source_world_clear(&world);

    source_world_init(&world);
    world.options.poll_min = 17;
    world.options.poll_max = 17;
    world.options.is_iburst = false;
    source_world_start(&world);
    source_world_run(&world, 300000 * NS_PER_S);
    CU_ASSERT_EQUAL(world.asked_count, 3);
    CU_ASSERT(gap_ns(&world, 1) >= 131072 * NS_PER_S);
    source_world_clear(&world);
}

/* A steady oscillator over a noisy path needs few samples. */
static void test_poll_lengthens(void)
{
    struct source_world world;
    source_world_init(&world);
    world.jitter_ns = 1e6;
    world.rate_ppm = 3;
    source_world_start(&world);
    source_world_run(&world, 200000 * NS_PER_S);
    CU_ASSERT(source_poll_log2(world.source) >= 9);
    CU_ASSERT(world.asked_count < 600);
    CU_ASSERT_DOUBLE_EQUAL(source_world_error_ns(&world), 0, 600e3);
    source_world_clear(&world);
}

/* And a restless one more of them. */
static void test_poll_shortens(void)
{
    struct source_world world;
    source_world_init(&world);
    world.jitter_ns = 1e6;
    source_world_start(&world);
    source_world_run(&world, 100000 * NS_PER_S);
    int8_t before = source_poll_log2(world.source);
    world.jitter_ns = 1e4;
    for (unsigned i = 0; i < 3000; i++) {
        world.rate_ppm += random_normal(&world.chance) * 0.5;
        source_world_run(&world, 64 * NS_PER_S);
    }
    CU_ASSERT(source_poll_log2(world.source) < before);
    source_world_clear(&world);
}

static void test_asks_on_command(void)
{
    struct source_world world;
    source_world_init(&world);
    source_world_start(&world);
    source_world_run(&world, 100 * NS_PER_S);
    size_t asked = world.asked_count;
    source_burst(world.source, 3, world.now.mono);
    CU_ASSERT_EQUAL(source_deadline(world.source).ns, world.now.mono.ns);
    source_world_run(&world, 30 * NS_PER_S);
    CU_ASSERT_EQUAL(world.asked_count, asked + 3);
    source_world_clear(&world);
}

static size_t quick_requests(const struct source_world *world)
{
    size_t count = 0;
    for (size_t i = 1; i < world->asked_count; i++) {
        count += gap_ns(world, i) < 64 * NS_PER_S;
    }
    return count;
}

/* Each of its jumps is doubted, and what that means is found out quickly; but not at each of them,
 * for ever. */
static void test_a_clock_that_jumps_all_the_time(void)
{
    struct source_world world;
    source_world_init(&world);
    world.options.poll_max = 6;
    source_world_start(&world);
    for (int i = 0; i < 300; i++) {
        source_world_run(&world, 100 * NS_PER_S);
        world.offset_ns += i % 2 == 0 ? 300e6 : -300e6;
    }
    size_t start = POLLING_BURST_COUNT - 1;
    size_t most = POLLING_QUICK_MAX + 30000 / 64 / POLLING_QUICK_POLLS;
    CU_ASSERT_TRUE(world.news[SOURCE_STEPPED] > 100);
    CU_ASSERT_TRUE(quick_requests(&world) > POLLING_QUICK_MAX);
    CU_ASSERT_TRUE(quick_requests(&world) <= start + most);
    source_world_clear(&world);
}

/* The engine's hurry has an end; an operator's has not. */
static void test_hurries_end(void)
{
    struct source_world world;
    source_world_init(&world);
    world.options.poll_max = 6;
    source_world_start(&world);
    for (int i = 0; i < 360; i++) {
        source_world_run(&world, 10 * NS_PER_S);
        source_hurry(world.source, 1, world.now.mono);
    }
    size_t start = POLLING_BURST_COUNT - 1;
    size_t most = POLLING_QUICK_MAX + 3600 / 64 / POLLING_QUICK_POLLS;
    CU_ASSERT_TRUE(quick_requests(&world) > POLLING_QUICK_MAX);
    CU_ASSERT_TRUE(quick_requests(&world) <= start + most);
    /* The poll goes on, and so does what is asked for. */
    size_t asked = world.asked_count;
    source_hurry(world.source, 3, world.now.mono);
    source_world_run(&world, 66 * NS_PER_S);
    CU_ASSERT_TRUE(world.asked_count > asked && world.asked_count <= asked + 3);
    asked = world.asked_count;
    source_burst(world.source, 3, world.now.mono);
    source_world_run(&world, 10 * NS_PER_S);
    CU_ASSERT_EQUAL(world.asked_count, asked + 3);
    source_world_clear(&world);
}

/* Many machines that start together do not ask at once. */
static void test_starts_spread(void)
{
    struct source_world world;
    source_world_init(&world);
    source_world_start(&world);
    int64_t least = NS_PER_S;
    int64_t most = 0;
    for (unsigned i = 0; i < 100; i++) {
        world.actions.count = 0;
        source_connect(world.source, &world.remote, world.now.mono, &world.actions);
        int64_t wait = source_deadline(world.source).ns - world.now.mono.ns;
        CU_ASSERT(wait >= 0 && wait < NS_PER_S / 4);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
        CU_ASSERT_EQUAL(world.actions.count, 2);
        CU_ASSERT_EQUAL(world.actions.items[0].kind, ACTION_CLOSE);
    }
    CU_ASSERT(most - least > NS_PER_S / 8);
    source_world_clear(&world);
}

static const struct unit_case cases[] = {
    {"a burst at the start, then the poll", test_burst_at_start},
    {"what begins anew waits", test_begins_anew},
    {"no burst where none is wanted", test_no_iburst},
    {"what a burst loses is made up for", test_lost_requests_of_a_burst_are_made_up_for},
    {"silence ends a burst", test_silence_ends_a_burst},
    {"silence lengthens the poll, a return ends that", test_unreachable_and_back},
    {"a burst at each poll", test_burst_option},
    {"the mean interval is 1.0125 polls", test_mean_interval},
    {"from an eighth of a second to a day and a half", test_fast_and_slow_limits},
    {"a steady clock is asked less often", test_poll_lengthens},
    {"a restless one more often", test_poll_shortens},
    {"a burst on command", test_asks_on_command},
    {"a clock that jumps all the time", test_a_clock_that_jumps_all_the_time},
    {"hurries have an end", test_hurries_end},
    {"the first request waits a little, by chance", test_starts_spread},
};

UNIT_MAIN("source, polling", cases)
