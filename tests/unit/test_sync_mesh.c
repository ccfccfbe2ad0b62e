/* SPDX-License-Identifier: MIT */
#include "tests/unit/sync_mesh_world.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <string.h>

static struct sync_mesh_world world;

/* Clocks that are a second off to either side, and oscillators of 50 ppm. */
static void scatter(size_t count, uint64_t seed)
{
    sync_mesh_world_init(&world, count, seed);
    for (size_t i = 0; i < count; i++) {
        world.nodes[i].rate_ppm = 100 * random_unit(&world.random) - 50;
        world.nodes[i].offset_ns =
            (int64_t)((2 * random_unit(&world.random) - 1) * (double)NS_PER_S);
    }
}

static void begin(size_t count, int faults, uint64_t seed)
{
    struct sync_options options = sync_mesh_world_options(count, faults);
    scatter(count, seed);
    for (size_t i = 0; i < count; i++) {
        sync_mesh_world_start(&world, i, &options);
    }
    sync_mesh_world_meet_all(&world);
}

static bool all_in(enum sync_condition condition)
{
    for (size_t i = 0; i < world.count; i++) {
        if (!world.nodes[i].is_off && sync_mesh_world_condition(&world, i) != condition) {
            return false;
        }
    }
    return true;
}

static bool has_interval(size_t i, struct interval *interval)
{
    return sync_mesh_interval(world.nodes[i].sync, sync_mesh_world_now(&world, i).mono, interval);
}

static void test_agrees_within_fifteen_polls(void)
{
    static const struct {
        size_t count;
        int faults;
    } meshes[] = {{3, 1}, {4, 1}, {5, 2}, {7, 2}, {10, 3}, {16, 5}};
    for (size_t i = 0; i < sizeof(meshes) / sizeof(meshes[0]); i++) {
        begin(meshes[i].count, meshes[i].faults, 20 + i);
        sync_mesh_world_run(&world, 15 * 16 * NS_PER_S);
        CU_ASSERT_TRUE(all_in(SYNC_MESH));
        CU_ASSERT_TRUE(sync_mesh_world_spread(&world, -1) < NS_PER_MS);
        /* And stays so, at one rate. */
        sync_mesh_world_run(&world, 600 * NS_PER_S);
        for (int j = 0; j < 20; j++) {
            CU_ASSERT_TRUE(sync_mesh_world_spread(&world, -1) < 100 * NS_PER_US);
            sync_mesh_world_run(&world, 16 * NS_PER_S);
        }
        CU_ASSERT_TRUE(world.checks > 100);
        sync_mesh_world_end(&world);
    }
}

/* Once in a minute, and over longer ways: slower, and as steady. */
static void test_other_paces(void)
{
    struct sync_options options = sync_mesh_world_options(5, 1);
    scatter(5, 31);
    world.poll = 6;
    for (size_t i = 0; i < 5; i++) {
        sync_mesh_world_start(&world, i, &options);
    }
    sync_mesh_world_meet_all(&world);
    sync_mesh_world_run(&world, 20 * 64 * NS_PER_S);
    CU_ASSERT_TRUE(all_in(SYNC_MESH));
    CU_ASSERT_TRUE(sync_mesh_world_spread(&world, -1) < NS_PER_MS);
    sync_mesh_world_end(&world);
    scatter(5, 32);
    world.delay_ns = 20e6;
    world.jitter_ns = 5e6;
    for (size_t i = 0; i < 5; i++) {
        sync_mesh_world_start(&world, i, &options);
    }
    sync_mesh_world_meet_all(&world);
    sync_mesh_world_run(&world, 1200 * NS_PER_S);
    CU_ASSERT_TRUE(all_in(SYNC_MESH));
    CU_ASSERT_TRUE(sync_mesh_world_spread(&world, -1) < 3 * NS_PER_MS);
    sync_mesh_world_end(&world);
}

static void test_nothing_is_said_of_utc(void)
{
    struct interval interval;
    begin(4, 1, 2);
    sync_mesh_world_run(&world, 300 * NS_PER_S);
    struct sync *sync = world.nodes[0].sync;
    struct mono now = sync_mesh_world_now(&world, 0).mono;
    CU_ASSERT_EQUAL(sync_claim(sync)->stratum, 16);
    CU_ASSERT_EQUAL(sync_claim(sync)->leap, 3);
    CU_ASSERT_FALSE(sync_interval(sync, now, &interval));
    CU_ASSERT_TRUE(sync_mesh_interval(sync, now, &interval));
    CU_ASSERT_TRUE(interval.latest_ns - interval.earliest_ns < 5 * NS_PER_MS);
    struct own_claim own;
    sync_own_claim(sync, sync_mesh_world_now(&world, 0), &own);
    CU_ASSERT_EQUAL(own.timescale, TIMESCALE_MESH);
    CU_ASSERT_TRUE(own.is_bounded);
    CU_ASSERT_FALSE(own.is_synchronised || own.is_holdover || own.has_utc);
    CU_ASSERT_EQUAL(own.hops, 255);
    CU_ASSERT_TRUE(own.before_ns >= 0 && own.after_ns >= 0);
    CU_ASSERT_EQUAL(sync_member_try(sync, 2, now), TRIAL_HIT);
    struct status status;
    sync_status(sync, sync_mesh_world_now(&world, 0), &status);
    CU_ASSERT_FALSE(status.has_interval);
    CU_ASSERT_EQUAL(status.agreeing, 4);
    CU_ASSERT_EQUAL(status.sources, 4);
    sync_mesh_world_end(&world);
}

/* f of 2f + 1 lie alike, and all believe their words for honest ones. */
static void test_liars_don_t_move_it(void)
{
    begin(5, 2, 3);
    world.nodes[3].lie_ns = 300 * NS_PER_MS;
    world.nodes[4].lie_ns = 300 * NS_PER_MS;
    sync_mesh_world_run(&world, 400 * NS_PER_S);
    CU_ASSERT_TRUE(sync_mesh_world_spread(&world, -1) < NS_PER_MS);
    /* Their claims are no narrower than their lies make all others' claims; their clocks tell. */
    struct mono now = sync_mesh_world_now(&world, 0).mono;
    for (uint64_t id = 2; id <= 5; id++) {
        /* Nobody else is judged while two of the four who could bear it out lie. */
        CU_ASSERT_EQUAL(sync_member_try(world.nodes[0].sync, id, now),
                        id <= 3 ? TRIAL_NONE : TRIAL_MISS);
    }
    int64_t error_ns = sync_mesh_world_error(&world, 0);
    sync_mesh_world_run(&world, 1000 * NS_PER_S);
    CU_ASSERT_TRUE(sync_mesh_world_spread(&world, -1) < 100 * NS_PER_US);
    /* No faster than the oscillators are. */
    CU_ASSERT_TRUE(llabs(sync_mesh_world_error(&world, 0) - error_ns) < 60 * NS_PER_MS);
    /* Once they are found out they make nobody unsure. */
    struct member_verdict verdicts[] = {{.id = 4, .weight = MEMBER_WATCHED},
                                        {.id = 5, .weight = MEMBER_WATCHED}};
    sync_member_weigh(world.nodes[0].sync, verdicts, 2);
    sync_mesh_world_run(&world, 20 * NS_PER_S);
    struct interval interval;
    CU_ASSERT_TRUE(has_interval(0, &interval));
    CU_ASSERT_TRUE(interval.latest_ns - interval.earliest_ns < 10 * NS_PER_MS);
    sync_mesh_world_end(&world);
}

/* Who is in the minority goes on alone, and comes back. */
static void test_partition(void)
{
    struct interval interval;
    begin(5, 1, 4);
    sync_mesh_world_run(&world, 600 * NS_PER_S);
    uint32_t epoch = sync_epoch(world.nodes[0].sync);
    world.nodes[3].group = 1;
    world.nodes[4].group = 1;
    sync_mesh_world_run(&world, 900 * NS_PER_S);
    CU_ASSERT_TRUE(all_in(SYNC_MESH));
    CU_ASSERT_TRUE(has_interval(4, &interval));
    CU_ASSERT_TRUE(sync_mesh_world_spread(&world, 0) < 100 * NS_PER_US);
    struct status status;
    sync_status(world.nodes[4].sync, sync_mesh_world_now(&world, 4), &status);
    CU_ASSERT_PTR_NOT_NULL(strstr(status.reason, "less than half"));
    sync_mesh_world_run(&world, 3000 * NS_PER_S);
    CU_ASSERT_TRUE(has_interval(0, &interval));
    CU_ASSERT_FALSE(has_interval(4, &interval));
    CU_ASSERT_TRUE(all_in(SYNC_MESH));
    int64_t error_ns = sync_mesh_world_error(&world, 0);
    world.nodes[3].group = 0;
    world.nodes[4].group = 0;
    sync_mesh_world_run(&world, 600 * NS_PER_S);
    CU_ASSERT_TRUE(sync_mesh_world_spread(&world, -1) < NS_PER_MS);
    CU_ASSERT_TRUE(has_interval(4, &interval));
    /* The majority did not go to them. */
    CU_ASSERT_TRUE(llabs(sync_mesh_world_error(&world, 0) - error_ns) < 60 * NS_PER_MS);
    CU_ASSERT_EQUAL(sync_epoch(world.nodes[0].sync), epoch);
    sync_mesh_world_end(&world);
}

/* Cut off alone, a node does not know that the others' clocks are where they were, nor that they
 * are not: its interval has them for a while, and grows. */
static void test_alone(void)
{
    struct interval interval;
    begin(5, 1, 6);
    sync_mesh_world_run(&world, 900 * NS_PER_S);
    world.nodes[0].group = 1;
    int64_t before_ns = 0;
    for (int i = 0; i < 30; i++) {
        sync_mesh_world_run(&world, 30 * NS_PER_S);
        if (i == 3) { /* five polls, and the mesh suspects them */
            for (size_t j = 1; j < 5; j++) {
                struct member_verdict verdict = {
                    .id = j + 1, .weight = MEMBER_WATCHED, .is_only_silent = true};
                sync_member_weigh(world.nodes[0].sync, &verdict, 1);
            }
        }
        CU_ASSERT_TRUE_FATAL(has_interval(0, &interval));
        int64_t width_ns = interval.latest_ns - interval.earliest_ns;
        CU_ASSERT_TRUE(width_ns > before_ns);
        before_ns = width_ns;
        struct reading now = sync_mesh_world_now(&world, 0);
        for (size_t j = 1; j < 5; j++) {
            int64_t beside_ns = sync_mesh_world_error(&world, j) - sync_mesh_world_error(&world, 0);
            struct wall served = sync_clock(world.nodes[0].sync, now).wall;
            CU_ASSERT_TRUE(interval_contains(interval, served.ns + beside_ns));
        }
    }
    sync_mesh_world_run(&world, 400 * NS_PER_S);
    CU_ASSERT_FALSE(has_interval(0, &interval));
    sync_mesh_world_end(&world);
}

static void test_an_exact_half_holds(void)
{
    begin(4, 1, 5);
    sync_mesh_world_run(&world, 600 * NS_PER_S);
    world.nodes[2].group = 1;
    world.nodes[3].group = 1;
    sync_mesh_world_run(&world, 3000 * NS_PER_S);
    struct interval interval;
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_FALSE(has_interval(i, &interval));
    }
    world.nodes[2].group = 0;
    world.nodes[3].group = 0;
    sync_mesh_world_run(&world, 600 * NS_PER_S);
    CU_ASSERT_TRUE(sync_mesh_world_spread(&world, -1) < NS_PER_MS);
    sync_mesh_world_end(&world);
}

/* One whose clock begins in another decade joins, and moves nobody. */
static void test_latecomer(void)
{
    struct sync_options options = sync_mesh_world_options(5, 1);
    scatter(5, 6);
    world.nodes[4].offset_ns = -INT64_C(86400) * 9000 * NS_PER_S;
    for (size_t i = 0; i < 4; i++) {
        sync_mesh_world_start(&world, i, &options);
        for (size_t j = 0; j < 5; j++) {
            if (i != j) {
                sync_mesh_world_meet(&world, i, j);
            }
        }
    }
    sync_mesh_world_run(&world, 600 * NS_PER_S);
    int64_t error_ns = sync_mesh_world_error(&world, 0);
    sync_mesh_world_start(&world, 4, &options);
    for (size_t j = 0; j < 4; j++) {
        sync_mesh_world_meet(&world, 4, j);
    }
    sync_mesh_world_run(&world, 300 * NS_PER_S);
    CU_ASSERT_TRUE(sync_mesh_world_spread(&world, -1) < NS_PER_MS);
    CU_ASSERT_TRUE(llabs(sync_mesh_world_error(&world, 0) - error_ns) < 30 * NS_PER_MS);
    sync_mesh_world_end(&world);
}

static void add_server(struct source_options *source, size_t k)
{
    *source = source_options_default();
    snprintf(source->name, sizeof(source->name), "utc%zu", k);
    snprintf(source->host, sizeof(source->host), "192.0.2.%zu", k + 1);
    source->poll_min = 4;
    source->poll_max = 4;
}

/* Two of four have servers that are silent for long; then UTC comes, and all have it; then it
 * goes, and the mesh keeps on from there. */
static void test_utc_comes_and_goes(void)
{
    struct source_options servers[2];
    add_server(&servers[0], 0);
    add_server(&servers[1], 1);
    scatter(4, 7);
    for (size_t i = 0; i < 4; i++) {
        struct sync_options options = sync_mesh_world_options(4, 1);
        options.sources = servers;
        options.source_count = i < 2 ? 2 : 0;
        sync_mesh_world_start(&world, i, &options);
    }
    sync_mesh_world_meet_all(&world);
    sync_mesh_world_run(&world, 600 * NS_PER_S);
    CU_ASSERT_TRUE(all_in(SYNC_MESH));
    world.has_utc_servers = true;
    sync_mesh_world_run(&world, 3600 * NS_PER_S);
    CU_ASSERT_TRUE(all_in(SYNC_SYNCHRONISED));
    CU_ASSERT_PTR_NOT_NULL(strstr(world.reports, "joins UTC"));
    for (size_t i = 0; i < 4; i++) {
        struct own_claim own;
        sync_own_claim(world.nodes[i].sync, sync_mesh_world_now(&world, i), &own);
        CU_ASSERT_EQUAL(own.timescale, TIMESCALE_UTC);
        CU_ASSERT_EQUAL(own.has_utc, i < 2);
        CU_ASSERT_EQUAL(own.hops, i < 2 ? 0 : 1);
        CU_ASSERT_TRUE(llabs(sync_mesh_world_error(&world, i)) < NS_PER_MS);
    }
    world.has_utc_servers = false;
    sync_mesh_world_run(&world, 600 * NS_PER_S);
    CU_ASSERT_TRUE(all_in(SYNC_HOLDOVER));
    sync_mesh_world_run(&world, 2000 * NS_PER_S);
    CU_ASSERT_TRUE(all_in(SYNC_MESH));
    CU_ASSERT_TRUE(sync_mesh_world_spread(&world, -1) < NS_PER_MS);
    /* Nobody jumped on the way. */
    CU_ASSERT_TRUE(llabs(sync_mesh_world_error(&world, 0)) < 20 * NS_PER_MS);
    sync_mesh_world_end(&world);
}

/* All have UTC from one that is gone then: none goes on with the others' word for it. */
static void test_circle_without_utc(void)
{
    struct source_options server;
    add_server(&server, 0);
    scatter(4, 8);
    world.has_utc_servers = true;
    for (size_t i = 0; i < 4; i++) {
        struct sync_options options = sync_mesh_world_options(4, 0);
        options.sources = &server;
        options.source_count = i == 0 ? 1 : 0;
        sync_mesh_world_start(&world, i, &options);
    }
    sync_mesh_world_meet_all(&world);
    sync_mesh_world_run(&world, 900 * NS_PER_S);
    CU_ASSERT_TRUE(all_in(SYNC_SYNCHRONISED));
    world.has_utc_servers = false;
    world.nodes[0].is_off = true;
    sync_mesh_world_run(&world, 16 * 12 * NS_PER_S);
    CU_ASSERT_TRUE(all_in(SYNC_HOLDOVER));
    for (int i = 0; i < 100; i++) {
        sync_mesh_world_run(&world, 16 * NS_PER_S);
        for (size_t j = 1; j < 4; j++) {
            CU_ASSERT_NOT_EQUAL(sync_mesh_world_condition(&world, j), SYNC_SYNCHRONISED);
        }
    }
    sync_mesh_world_end(&world);
}

/* The first of them measures all, and tells each how far it is from the mean. */
static void coordinate(void)
{
    double offsets_ns[8] = {0};
    double mean_ns = 0;
    for (size_t i = 1; i < world.count; i++) {
        struct member_measure measure;
        sync_member_measured(world.nodes[0].sync, i + 1, sync_mesh_world_now(&world, 0), &measure);
        if (!measure.has_estimate) {
            return;
        }
        offsets_ns[i] = measure.offset_ns;
        mean_ns += measure.offset_ns / (double)world.count;
    }
    for (size_t i = 0; i < world.count; i++) {
        sync_mesh_world_tell(&world, i, mean_ns - offsets_ns[i], 20e3);
    }
}

static void test_berkeley(void)
{
    struct sync_options options = sync_mesh_world_options(5, 0);
    options.mesh.is_berkeley = true;
    scatter(5, 10);
    world.poll = 2;
    for (size_t i = 0; i < 5; i++) {
        sync_mesh_world_start(&world, i, &options);
    }
    sync_mesh_world_meet_all(&world);
    sync_mesh_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_TRUE(all_in(SYNC_STARTING));
    for (int i = 0; i < 100; i++) {
        coordinate();
        sync_mesh_world_run(&world, 5 * NS_PER_S);
    }
    CU_ASSERT_TRUE(all_in(SYNC_MESH));
    CU_ASSERT_TRUE(sync_mesh_world_spread(&world, -1) < 200 * NS_PER_US);
    struct interval interval;
    for (size_t i = 0; i < 5; i++) {
        CU_ASSERT_TRUE(has_interval(i, &interval));
    }
    /* Without a word they run on, at rates that are alike by now. */
    sync_mesh_world_run(&world, 600 * NS_PER_S);
    CU_ASSERT_TRUE(all_in(SYNC_MESH));
    CU_ASSERT_TRUE(sync_mesh_world_spread(&world, -1) < NS_PER_MS);
    sync_mesh_world_run(&world, 1000 * NS_PER_S);
    CU_ASSERT_FALSE(has_interval(3, &interval));
    sync_mesh_world_end(&world);
}

/* By how much a coordinator's word moved the first of them, a while later. */
static int64_t moved_ns(double offset_ns, double sd_ns, int64_t after_ns)
{
    int64_t before_ns = sync_mesh_world_error(&world, 0);
    sync_mesh_world_tell(&world, 0, offset_ns, sd_ns);
    sync_mesh_world_run(&world, after_ns);
    return sync_mesh_world_error(&world, 0) - before_ns;
}

static bool is_within(int64_t value, int64_t least, int64_t most)
{
    return value >= least && value <= most;
}

static void test_berkeley_pace(void)
{
    struct sync_options options = sync_mesh_world_options(3, 0);
    options.mesh.is_berkeley = true;
    sync_mesh_world_init(&world, 3, 1);
    world.poll = 1;
    for (size_t i = 0; i < 3; i++) {
        sync_mesh_world_start(&world, i, &options);
    }
    sync_mesh_world_meet_all(&world);
    sync_mesh_world_run(&world, 30 * NS_PER_S);
    /* It begins where it is told, if it is more than the paths' noise. */
    CU_ASSERT_TRUE(is_within(moved_ns(1e6, 1e6, 0), 999 * NS_PER_US, 1001 * NS_PER_US));
    /* What may be noise is slewed then: in 16 s, and in a minute once it has settled. */
    CU_ASSERT_TRUE(is_within(moved_ns(4e5, 4e5, 5 * NS_PER_S), 100 * NS_PER_US, 150 * NS_PER_US));
    for (int i = 0; i < 12; i++) {
        (void)moved_ns(0, 1e5, 5 * NS_PER_S);
    }
    CU_ASSERT_TRUE(is_within(moved_ns(4e5, 4e5, 5 * NS_PER_S), 15 * NS_PER_US, 50 * NS_PER_US));
    /* As slowly as word comes, and never farther than it says. */
    (void)moved_ns(0, 1e5, 100 * NS_PER_S);
    CU_ASSERT_TRUE(is_within(moved_ns(4e5, 4e5, 25 * NS_PER_S), 80 * NS_PER_US, 120 * NS_PER_US));
    sync_mesh_world_end(&world);
}

static void test_sparse(void)
{
    enum { NODES = 32, VIEW = 10 };
    static const size_t steps[VIEW] = {1, 2, 4, 7, 11, 13, 16, 19, 23, 29};
    struct sync_options options = sync_mesh_world_options(VIEW + 1, 1);
    scatter(NODES, 9);
    for (size_t i = 0; i < NODES; i++) {
        sync_mesh_world_start(&world, i, &options);
        for (size_t j = 0; j < VIEW; j++) {
            sync_mesh_world_meet(&world, i, (i + steps[j]) % NODES);
        }
    }
    sync_mesh_world_run(&world, 600 * NS_PER_S);
    CU_ASSERT_TRUE(all_in(SYNC_MESH));
    CU_ASSERT_TRUE(sync_mesh_world_spread(&world, -1) < NS_PER_MS);
    sync_mesh_world_end(&world);
}

static const struct unit_case cases[] = {
    {"agrees within fifteen polls", test_agrees_within_fifteen_polls},
    {"other paces", test_other_paces},
    {"nothing is said of UTC", test_nothing_is_said_of_utc},
    {"liars don't move it", test_liars_don_t_move_it},
    {"a minority waits, and comes back", test_partition},
    {"cut off alone", test_alone},
    {"an exact half holds", test_an_exact_half_holds},
    {"a latecomer", test_latecomer},
    {"UTC comes and goes", test_utc_comes_and_goes},
    {"a circle without UTC", test_circle_without_utc},
    {"a coordinator's differences", test_berkeley},
    {"how soon they are followed", test_berkeley_pace},
    {"a sparse mesh", test_sparse},
};
UNIT_MAIN("sync_mesh", cases)
