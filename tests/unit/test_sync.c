/* SPDX-License-Identifier: MIT */
#include "ntpwire/packet.h"
#include "ntpwire/refid.h"
#include "tests/unit/sync_world.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <string.h>

static struct sync_world world;

/* count servers, the first of them of these names. */
static struct sync_options options_of(size_t count, struct source_options *sources)
{
    static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3",
                                            "192.0.2.4", "192.0.2.5", "192.0.2.6"};
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    for (size_t i = 0; i < count; i++) {
        (void)sync_world_add(&world, addresses[i]);
        sources[i] = sync_world_source(names[i], addresses[i]);
    }
    struct sync_options options = sync_options_default();
    options.sources = sources;
    options.source_count = count;
    options.is_shadow = true;
    options.precision = -24;
    return options;
}

static enum source_state state_of(const char *name)
{
    return sync_world_source_status(&world, name).state;
}

static void test_one_server(void)
{
    struct source_options sources[1];
    sync_world_init(&world, 1);
    struct sync_options options = options_of(1, sources);
    world.servers[0].root_dispersion_ns = 3 * NS_PER_MS;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 50 * NS_PER_MS));
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_STARTING);
    CU_ASSERT_EQUAL(sync_claim(world.sync)->stratum, 16);
    sync_world_run(&world, 5 * NS_PER_S);
    struct status status = sync_world_status(&world);
    CU_ASSERT_EQUAL(status.condition, SYNC_SYNCHRONISED);
    CU_ASSERT_TRUE(status.has_interval);
    CU_ASSERT_STRING_EQUAL(status.selected, "a");
    CU_ASSERT_EQUAL(state_of("a"), SOURCE_SELECTED);
    sync_world_run(&world, 600 * NS_PER_S);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < 100 * NS_PER_US);
    const struct sync_state *claim = sync_claim(world.sync);
    CU_ASSERT_EQUAL(claim->stratum, 2);
    CU_ASSERT_EQUAL(claim->refid, UINT32_C(0xC0000201));
    CU_ASSERT_EQUAL(claim->leap, LEAP_NONE);
    CU_ASSERT_EQUAL(claim->timebase, TIMEBASE_LINE);
    CU_ASSERT_TRUE(claim->reference.ns > SYNC_WORLD_START);
    status = sync_world_status(&world);
    CU_ASSERT_DOUBLE_EQUAL(status.rate_ppm, -20, 1);
    CU_ASSERT_DOUBLE_EQUAL(status.frequency_ppm, -20, 2);
    CU_ASSERT_TRUE(status.rms_offset_ns < (double)(100 * NS_PER_US)); /* without the first 50 ms */
    /* Half the delay, root dispersion, growth: little more than 4 ms. */
    CU_ASSERT_TRUE(status.interval.latest_ns - status.interval.earliest_ns < 9 * NS_PER_MS);
    CU_ASSERT_TRUE(world.checks > 50);
    /* What is claimed is no less than what is known. */
    int64_t claimed_ns =
        claim->root_delay_ns / 2 + sync_state_dispersion_ns(claim, sync_world_now(&world).mono);
    CU_ASSERT_TRUE(2 * claimed_ns >= status.interval.latest_ns - status.interval.earliest_ns);
    CU_ASSERT_TRUE(claimed_ns < 5 * NS_PER_MS);
    /* A shadow clock: the system's is not touched. */
    CU_ASSERT_EQUAL(world.steers, 0);
    CU_ASSERT_EQUAL(world.kernels, 0);
    CU_ASSERT_EQUAL(world.saves_rate, 1);
    CU_ASSERT_TRUE(world.saves_time >= 1);
    sync_world_end(&world);
}

static void test_system_clock(void)
{
    struct source_options sources[1];
    sync_world_init(&world, 2);
    struct sync_options options = options_of(1, sources);
    options.is_shadow = false;
    world.servers[0].is_silent = true;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 5 * NS_PER_S));
    sync_world_run(&world, 100 * NS_PER_S);
    /* Nothing is touched before there was an agreement. */
    CU_ASSERT_EQUAL(world.steers, 0);
    CU_ASSERT_EQUAL(world.kernels, 0);
    world.servers[0].is_silent = false;
    sync_world_run(&world, 200 * NS_PER_S);
    CU_ASSERT_EQUAL(world.steps, 1);
    CU_ASSERT_TRUE(world.kernels > 10);
    CU_ASSERT_TRUE(world.kernel.is_synchronised);
    CU_ASSERT_TRUE(world.kernel.error_max_ns < 3 * NS_PER_MS);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < 200 * NS_PER_US);
    /* Stopped, it keeps the plain rate. */
    struct actions *out = calloc(1, sizeof(*out));
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    sync_stop(world.sync, sync_world_now(&world), out);
    CU_ASSERT_EQUAL(out->items[0].kind, ACTION_STEER);
    CU_ASSERT_DOUBLE_EQUAL(out->items[0].steer.frequency_ppm, out->items[0].steer.rate_ppm, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(out->items[0].steer.rate_ppm, -20, 1);
    CU_ASSERT_EQUAL(out->items[out->count - 1].kind, ACTION_CLOSE);
    free(out);
    sync_world_end(&world);
}

static void test_liar(void)
{
    struct source_options sources[4];
    sync_world_init(&world, 3);
    struct sync_options options = options_of(4, sources);
    world.servers[2].lie_ns = 50 * NS_PER_MS;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, -30 * NS_PER_MS));
    sync_world_run(&world, 600 * NS_PER_S);
    struct status status = sync_world_status(&world);
    CU_ASSERT_EQUAL(status.condition, SYNC_SYNCHRONISED);
    CU_ASSERT_EQUAL(status.sources, 4);
    CU_ASSERT_EQUAL(status.faults, 1);
    CU_ASSERT_EQUAL(status.needed, 3);
    CU_ASSERT_EQUAL(status.agreeing, 3);
    struct source_status liar = sync_world_source_status(&world, "c");
    CU_ASSERT_EQUAL(liar.state, SOURCE_FALSETICKER);
    CU_ASSERT_PTR_NOT_NULL(strstr(liar.reason, "misses what 3 sources agree on by +4"));
    CU_ASSERT_TRUE(liar.weight < 1e-9);
    CU_ASSERT_PTR_NOT_NULL(strstr(world.reports, "c (192.0.2.3) is a falseticker: what it"));
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < 100 * NS_PER_US);
    double sum = 0;
    static const char *const names[] = {"a", "b", "d"};
    for (size_t i = 0; i < 3; i++) {
        struct source_status source = sync_world_source_status(&world, names[i]);
        CU_ASSERT_TRUE(source.state == SOURCE_COMBINED || source.state == SOURCE_SELECTED);
        sum += source.weight;
    }
    CU_ASSERT_DOUBLE_EQUAL(sum, 1, 1e-9);
    sync_world_end(&world);
}

/* A clock that stands still is no clock, even if it is the only one. */
static void test_stuck(void)
{
    struct source_options sources[1];
    sync_world_init(&world, 4);
    struct sync_options options = options_of(1, sources);
    world.servers[0].lie_ppm = -1e6;
    sources[0].poll_max = 6;
    sources[0].filter = FILTER_REGRESSION;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    world.is_checked = false; /* the truth is nowhere */
    sync_world_run(&world, 2000 * NS_PER_S);
    struct status status = sync_world_status(&world);
    CU_ASSERT_EQUAL(status.condition, SYNC_UNBOUNDED);
    CU_ASSERT_FALSE(status.has_interval);
    CU_ASSERT(fabs(status.frequency_ppm) < 81000);
    CU_ASSERT_EQUAL(state_of("a"), SOURCE_FALSETICKER);
    struct source_status source = sync_world_source_status(&world, "a");
    CU_ASSERT_PTR_NOT_NULL(strstr(source.reason, "stands still"));
    sync_world_end(&world);
}

/* One may lie and none is caught: no source has more than half the say. */
static void test_cap(void)
{
    struct source_options sources[3];
    sync_world_init(&world, 4);
    struct sync_options options = options_of(3, sources);
    world.servers[0].jitter_ns = 1e3;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 900 * NS_PER_S);
    CU_ASSERT_DOUBLE_EQUAL(sync_world_source_status(&world, "a").weight, 0.5, 1e-9);
    sync_world_end(&world);
}

/* Two of five, just inside of what everybody vouches for. */
static void test_subtle_liars(void)
{
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct source_options sources[5];
        sync_world_init(&world, 100 + seed);
        struct sync_options options = options_of(5, sources);
        world.servers[0].lie_ns = 900 * NS_PER_US;
        world.servers[3].lie_ns = 900 * NS_PER_US;
        CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
        sync_world_run(&world, 900 * NS_PER_S);
        CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
        sync_world_end(&world);
    }
}

/* Two liars and one honest source answer first, and agree on what is false: the others are waited
 * for. */
static void test_early_liars(void)
{
    struct source_options sources[5];
    sync_world_init(&world, 11);
    struct sync_options options = options_of(5, sources);
    world.servers[0].lie_ns = 1500 * NS_PER_US;
    world.servers[1].lie_ns = 1500 * NS_PER_US;
    world.servers[3].is_silent = true;
    world.servers[4].is_silent = true;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 4 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_STARTING);
    world.servers[3].is_silent = false;
    world.servers[4].is_silent = false;
    sync_world_run(&world, 300 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    sync_world_end(&world);
}

/* One of three never answers: of the two that do one may lie. They agree, and yet the truth is
 * only where one of them says; the world checks that it is in the interval. */
static void test_silent_and_liar(void)
{
    struct source_options sources[3];
    sync_world_init(&world, 31);
    struct sync_options options = options_of(3, sources);
    world.servers[0].is_silent = true;
    world.servers[1].delay_ns = 80 * NS_PER_MS;
    world.servers[2].lie_ns = 35 * NS_PER_MS;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 300 * NS_PER_S);
    struct status status = sync_world_status(&world);
    CU_ASSERT_EQUAL(status.condition, SYNC_SYNCHRONISED);
    CU_ASSERT_TRUE(status.has_interval);
    CU_ASSERT_EQUAL(status.needed, 2);
    CU_ASSERT_EQUAL(status.epoch, 0);
    /* The third cannot tell which of them it is either: the second vouches for both. */
    world.servers[0].is_silent = false;
    sync_world_run(&world, 300 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).epoch, 0);
    sync_world_end(&world);
}

static void test_silent(void)
{
    struct source_options sources[4];
    sync_world_init(&world, 5);
    struct sync_options options = options_of(4, sources);
    world.servers[1].is_silent = true;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 300 * NS_PER_S);
    struct status status = sync_world_status(&world);
    CU_ASSERT_EQUAL(status.condition, SYNC_SYNCHRONISED);
    CU_ASSERT_EQUAL(status.sources, 4);
    CU_ASSERT_EQUAL(state_of("b"), SOURCE_UNREACHABLE);
    /* Two of three that answer are no longer silent than the third: still one may lie. */
    CU_ASSERT_EQUAL(status.needed, 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(world.reports, "b (192.0.2.2) is unreachable: "));
    CU_ASSERT_PTR_NULL(strstr(strstr(world.reports, " is unreachable") + 1, " is unreachable"));
    CU_ASSERT_PTR_NULL(strstr(world.reports, "is back"));
    world.servers[1].is_silent = false;
    sync_world_run(&world, 300 * NS_PER_S);
    CU_ASSERT_PTR_NOT_NULL(strstr(world.reports, "b (192.0.2.2) is back: "));
    sync_world_end(&world);
}

/* Three of five don't answer: no quorum, whatever the two say. */
static void test_no_quorum(void)
{
    struct source_options sources[5];
    sync_world_init(&world, 6);
    struct sync_options options = options_of(5, sources);
    for (size_t i = 0; i < 3; i++) {
        world.servers[i].is_silent = true;
    }
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 300 * NS_PER_S);
    struct status status = sync_world_status(&world);
    CU_ASSERT_EQUAL(status.condition, SYNC_STARTING);
    CU_ASSERT_FALSE(status.has_interval);
    CU_ASSERT_STRING_EQUAL(status.reason, "2 of 5 sources answered, and 3 must agree (faults = 2)");
    CU_ASSERT_EQUAL(state_of("d"), SOURCE_WAITS_REQUIRED);
    CU_ASSERT_EQUAL(sync_claim(world.sync)->stratum, 16);
    CU_ASSERT_EQUAL(sync_claim(world.sync)->leap, LEAP_UNSYNCHRONISED);
    /* One more: enough. */
    world.servers[0].is_silent = false;
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    sync_world_end(&world);
}

static void test_forged(void)
{
    struct source_options sources[1];
    sync_world_init(&world, 7);
    struct sync_options options = options_of(1, sources);
    world.servers[0].is_forging = true;
    world.servers[0].lie_ns = NS_PER_S;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 300 * NS_PER_S);
    CU_ASSERT_TRUE(world.servers[0].asked > 10);
    CU_ASSERT_EQUAL(state_of("a"), SOURCE_UNREACHABLE);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_STARTING);
    sync_world_end(&world);
}

static void test_holdover(void)
{
    struct source_options sources[1];
    sync_world_init(&world, 8);
    struct sync_options options = options_of(1, sources);
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 600 * NS_PER_S);
    int64_t dispersion_ns = sync_claim(world.sync)->root_dispersion_ns;
    world.servers[0].is_silent = true;
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_HOLDOVER);
    CU_ASSERT_TRUE(sync_world_status(&world).has_interval);
    CU_ASSERT_TRUE(sync_claim(world.sync)->root_dispersion_ns > dispersion_ns);
    uint32_t epoch = sync_epoch(world.sync);
    sync_world_run(&world, 1000 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_UNBOUNDED);
    CU_ASSERT_FALSE(sync_world_status(&world).has_interval);
    world.servers[0].is_silent = false;
    sync_world_run(&world, 200 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    CU_ASSERT_EQUAL(sync_epoch(world.sync), epoch);
    sync_world_end(&world);
}

/* The only server steps: what was known is void, and that is said. */
static void test_server_steps(void)
{
    struct source_options sources[1];
    sync_world_init(&world, 9);
    struct sync_options options = options_of(1, sources);
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 900 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_epoch(world.sync), 0);
    world.is_checked = false;
    world.servers[0].lie_ns = NS_PER_S;
    sync_world_run(&world, 300 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_epoch(world.sync), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(world.reports, "the interval begins anew (epoch 1)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(sync_world_status(&world).epoch_reason, "a source stepped"));
    CU_ASSERT_TRUE(llabs(sync_world_error(&world) - NS_PER_S) < NS_PER_MS);
    sync_world_end(&world);
}

/* Two clocks without a reference: the one with the smaller address leads. */
static void test_orphan(void)
{
    struct source_options sources[2];
    sync_world_init(&world, 10);
    struct sync_options options = options_of(2, sources);
    options.local_stratum = 10;
    options.is_orphan = true;
    world.servers[0].stratum = 10; /* 192.0.2.1; ours is 192.0.2.99 */
    world.servers[0].refid = REFID_LOCAL_CLOCK;
    world.servers[0].lie_ns = 4000 * NS_PER_S;
    world.servers[1].is_silent = true;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    CU_ASSERT_EQUAL(sync_claim(world.sync)->stratum, 10);
    CU_ASSERT_EQUAL(sync_claim(world.sync)->refid, REFID_LOCAL_CLOCK);
    sync_world_run(&world, 300 * NS_PER_S);
    struct status status = sync_world_status(&world);
    CU_ASSERT_EQUAL(status.condition, SYNC_ORPHAN);
    CU_ASSERT_FALSE(status.has_interval);
    CU_ASSERT_EQUAL(state_of("a"), SOURCE_SELECTED);
    CU_ASSERT_EQUAL(sync_claim(world.sync)->stratum, 11);
    CU_ASSERT_EQUAL(sync_claim(world.sync)->refid, UINT32_C(0xC0000201));
    CU_ASSERT_TRUE(llabs(sync_world_error(&world) - 4000 * NS_PER_S) < NS_PER_MS);
    /* A reference: UTC at once, however far the orphans were. */
    world.servers[1].is_silent = false;
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    CU_ASSERT_EQUAL(state_of("a"), SOURCE_ORPHAN);
    CU_ASSERT_EQUAL(sync_claim(world.sync)->stratum, 2);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < NS_PER_MS);
    /* It is lost for long: an orphan again, and no UTC is claimed. */
    world.servers[1].is_silent = true;
    world.servers[0].lie_ns = NS_PER_MS;
    sync_world_run(&world, 1500 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_ORPHAN);
    CU_ASSERT_EQUAL(sync_claim(world.sync)->stratum, 11);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world) - NS_PER_MS) < 300 * NS_PER_US);
    /* And the orphan too: on our own, with a smaller claim. */
    world.servers[0].is_silent = true;
    sync_world_run(&world, 300 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_ORPHAN);
    CU_ASSERT_EQUAL(sync_claim(world.sync)->stratum, 10);
    CU_ASSERT_EQUAL(sync_claim(world.sync)->refid, REFID_LOCAL_CLOCK);
    sync_world_end(&world);
}

/* Who is not to be believed when it answers is not when it falls silent. */
static void test_silent_outcasts(void)
{
    for (int is_loop = 0; is_loop < 2; is_loop++) {
        struct source_options sources[2];
        sync_world_init(&world, 15);
        struct sync_options options = options_of(2, sources);
        sources[1].is_noselect = is_loop == 0;
        world.servers[1].lie_ns = 50 * NS_PER_MS;
        if (is_loop == 1) {
            world.servers[1].stratum = 3;
            world.servers[1].refid = UINT32_C(0xC0000263);
        }
        CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
        sync_world_run(&world, 300 * NS_PER_S);
        CU_ASSERT_EQUAL(state_of("b"), is_loop == 1 ? SOURCE_LOOP : SOURCE_NOSELECT);
        struct status before = sync_world_status(&world);
        world.servers[1].is_silent = true;
        sync_world_run(&world, 900 * NS_PER_S);
        CU_ASSERT_EQUAL(state_of("b"), SOURCE_UNREACHABLE);
        struct status status = sync_world_status(&world);
        CU_ASSERT_EQUAL(status.condition, before.condition);
        CU_ASSERT_EQUAL(status.sources, before.sources);
        CU_ASSERT_EQUAL(status.agreeing, before.agreeing);
        CU_ASSERT_STRING_NOT_EQUAL(status.selected, "b");
        sync_world_end(&world);
    }
}

/* The preferred one is a little off, and so unsure that it disagrees with nobody: the others that
 * agree are better than none. */
static void test_unlikely_preferred(void)
{
    struct source_options sources[3];
    sync_world_init(&world, 19);
    struct sync_options options = options_of(3, sources);
    sources[1].is_prefer = true;
    world.servers[1].lie_ns = 5 * NS_PER_MS;
    world.servers[1].root_dispersion_ns = 20 * NS_PER_MS;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(state_of("b"), SOURCE_UNLIKELY);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < NS_PER_MS);
    sync_world_end(&world);
}

/* A shadow clock without sources sleeps no longer than the machine. */
static void test_local_suspend(void)
{
    sync_world_init(&world, 20);
    struct sync_options options = options_of(0, NULL);
    options.local_stratum = 10;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    sync_world_run(&world, 100 * NS_PER_S);
    world.truth_ns += 3600 * NS_PER_S;
    world.slept_ns += 3600 * NS_PER_S;
    struct event event = {.now = sync_world_now(&world), .kind = EVENT_DISRUPTED};
    event.disruption.by_ns = 3600 * NS_PER_S;
    sync_world_handle(&world, &event);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < 10 * NS_PER_MS);
    int64_t served_ns = sync_state_utc(&world.state, sync_world_now(&world)).ns;
    CU_ASSERT_TRUE(llabs(served_ns - sync_world_utc(&world)) < 10 * NS_PER_MS);
    sync_world_end(&world);
}

static const struct unit_case cases[] = {
    {"one server: the shadow clock, the interval, the claim", test_one_server},
    {"the system clock, its kernel, its end", test_system_clock},
    {"one of four lies", test_liar},
    {"no source outvotes the others", test_cap},
    {"a clock that stands still", test_stuck},
    {"two of five lie a little", test_subtle_liars},
    {"liars that answer first", test_early_liars},
    {"a silent source and a liar among three", test_silent_and_liar},
    {"one of four is silent", test_silent},
    {"noselect and loops, silent", test_silent_outcasts},
    {"three of five are silent: no quorum", test_no_quorum},
    {"answers that were forged", test_forged},
    {"holdover, unbounded, and back", test_holdover},
    {"the only server steps", test_server_steps},
    {"orphans, a reference, and orphans again", test_orphan},
    {"a preferred source that is unlikely", test_unlikely_preferred},
    {"asleep without a source", test_local_suspend},
};
UNIT_MAIN("sync", cases)
