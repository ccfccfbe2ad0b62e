/* SPDX-License-Identifier: MIT */
#include "client/sync/polling.h"
#include "ntpwire/packet.h"
#include "tests/unit/sync_world.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <string.h>

static struct sync_world world;

static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3",
                                        "192.0.2.4", "192.0.2.5", "192.0.2.6"};
static const char *const names[] = {"a", "b", "c", "d", "e", "f"};

static struct sync_options mesh_options(int faults)
{
    struct sync_options options = sync_options_default();
    options.is_shadow = true;
    options.precision = -24;
    options.faults = faults;
    options.mesh = (struct sync_mesh_options){.is_on = true, .members = 5, .timescale_id = 7};
    return options;
}

static struct source_options member_source(size_t index)
{
    struct source_options options = sync_world_source(names[index], addresses[index]);
    options.kind = SOURCE_MEMBER;
    options.member = index + 1;
    return options;
}

/* In the world only; vouches for 5 ms of UTC to either side. */
static void meet(size_t index, uint8_t hops)
{
    CU_ASSERT_EQUAL(sync_world_add(&world, addresses[index]), index);
    world.servers[index].member = index + 1;
    world.servers[index].claim = (struct member_claim){.timescale = TIMESCALE_UTC,
                                                       .incarnation = 1,
                                                       .hops = hops,
                                                       .is_bounded = true,
                                                       .before_ns = 5 * NS_PER_MS,
                                                       .after_ns = 5 * NS_PER_MS};
}

static void add(size_t index)
{
    char error[SYNC_ERROR_MAX];
    struct source_options options = member_source(index);
    CU_ASSERT_TRUE(sync_member_add(world.sync, &options, sync_world_now(&world).mono, error));
}

static void weigh(size_t index, enum member_weight weight)
{
    struct member_verdict verdict = {.id = index + 1, .weight = weight};
    sync_member_weigh(world.sync, &verdict, 1);
}

/* count members that have UTC over so many hops, all of them truechimers. */
static void begin(size_t count, int faults, uint8_t hops, uint64_t seed)
{
    sync_world_init(&world, seed);
    struct sync_options options = mesh_options(faults);
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 30 * NS_PER_MS));
    for (size_t i = 0; i < count; i++) {
        meet(i, hops);
        add(i);
        weigh(i, MEMBER_COUNTS);
    }
}

static enum source_state state_of(const char *name)
{
    return sync_world_source_status(&world, name).state;
}

static struct member_measure measured(size_t index)
{
    struct member_measure measure;
    sync_member_measured(world.sync, index + 1, sync_world_now(&world), &measure);
    return measure;
}

static enum member_trial try(size_t index)
{
    return sync_member_try(world.sync, index + 1, sync_world_now(&world).mono);
}

static struct own_claim own(void)
{
    struct own_claim claim;
    sync_own_claim(world.sync, sync_world_now(&world), &claim);
    return claim;
}

static void test_members_give_utc(void)
{
    begin(4, 1, 0, 1);
    sync_world_run(&world, 300 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < NS_PER_MS);
    struct status status = sync_world_status(&world);
    CU_ASSERT_EQUAL(status.sources, 5); /* and ourselves */
    CU_ASSERT_EQUAL(status.faults, 1);
    CU_ASSERT_EQUAL(status.agreeing, 5);
    struct own_claim claim = own();
    CU_ASSERT_EQUAL(claim.timescale, TIMESCALE_UTC);
    CU_ASSERT_TRUE(claim.is_bounded && claim.is_synchronised);
    CU_ASSERT_FALSE(claim.has_utc);
    CU_ASSERT_EQUAL(claim.hops, 1);
    int64_t error_ns = claim.clock.ns - sync_world_utc(&world);
    CU_ASSERT_TRUE(error_ns <= claim.before_ns && -error_ns <= claim.after_ns);
    CU_ASSERT_TRUE(claim.before_ns + claim.after_ns < 14 * NS_PER_MS);
    CU_ASSERT_TRUE(claim.drift_ppm > 0 && claim.drift_ppm <= claim.drift_max_ppm);
    struct member_measure measure = measured(0);
    CU_ASSERT_TRUE(measure.has_estimate && measure.has_interval && !measure.is_silent);
    CU_ASSERT_DOUBLE_EQUAL(measure.offset_ns, 0, 500e3);
    CU_ASSERT_DOUBLE_EQUAL(measure.rate_ppm, 0, 2);
    CU_ASSERT_TRUE(measure.delay_ns >= 2 * NS_PER_MS && measure.delay_ns < 3 * NS_PER_MS);
    /* Round trips alone: the claim of 5 ms is not in it. */
    CU_ASSERT_TRUE(interval_contains(measure.interval, llround(measure.offset_ns)));
    CU_ASSERT_TRUE(measure.interval.latest_ns - measure.interval.earliest_ns < 4 * NS_PER_MS);
    sync_world_end(&world);
}

/* Each end of the claim is one of the interval's. */
static void test_claims_are_one_sided(void)
{
    begin(1, 0, 0, 2);
    world.servers[0].lie_ns = 3 * NS_PER_MS; /* its clock is ahead, and it knows */
    world.servers[0].claim.before_ns = 4 * NS_PER_MS;
    world.servers[0].claim.after_ns = 0;
    sync_world_run(&world, 100 * NS_PER_S);
    struct interval interval;
    CU_ASSERT_TRUE(sync_interval(world.sync, sync_world_now(&world).mono, &interval));
    CU_ASSERT_TRUE(interval.latest_ns - interval.earliest_ns < 8 * NS_PER_MS);
    printf("width %lld\n", (long long)(interval.latest_ns - interval.earliest_ns));
    sync_world_end(&world);
}

/* What came by sync_handle() is nobody's word. */
static void test_only_opened_answers_count(void)
{
    begin(3, 0, 0, 3);
    for (size_t i = 0; i < 3; i++) {
        world.servers[i].member = 0;
    }
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_STARTING);
    CU_ASSERT_TRUE(measured(0).is_silent);
    CU_ASSERT_EQUAL(measured(0).sampled.ns, 0);
    sync_world_end(&world);
}

static void test_headers_do_not_matter(void)
{
    begin(3, 1, 0, 4);
    for (size_t i = 0; i < 3; i++) {
        world.servers[i].leap = LEAP_UNSYNCHRONISED;
        world.servers[i].stratum = 16;
    }
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    CU_ASSERT_EQUAL(sync_claim(world.sync)->stratum, 3);
    sync_world_end(&world);
}

/* Without f + 1 that vouch there is no UTC; without a claim a member is as good as silent. */
static void test_unbounded_members_are_silent(void)
{
    begin(4, 1, 0, 5);
    for (size_t i = 1; i < 4; i++) {
        world.servers[i].claim.is_bounded = false;
    }
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_STARTING);
    CU_ASSERT_EQUAL(state_of("b"), SOURCE_UNSYNCHRONISED);
    CU_ASSERT_EQUAL(sync_world_status(&world).sources, 4);
    CU_ASSERT_EQUAL(sync_world_status(&world).agreeing, 0);
    CU_ASSERT_TRUE(measured(1).has_estimate);
    world.servers[1].claim.is_bounded = true;
    sync_world_run(&world, 50 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    sync_world_end(&world);
}

static void test_trials(void)
{
    begin(4, 1, 0, 6);
    world.servers[3].lie_ns = 200 * NS_PER_MS;
    sync_world_run(&world, 100 * NS_PER_S);
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(try(i), TRIAL_HIT);
        CU_ASSERT_EQUAL(try(i), TRIAL_NONE); /* nothing new */
    }
    CU_ASSERT_EQUAL(try(3), TRIAL_MISS);
    CU_ASSERT_EQUAL(try(8), TRIAL_NONE);
    CU_ASSERT_EQUAL(state_of("d"), SOURCE_FALSETICKER);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world)) < NS_PER_MS);
    sync_world_end(&world);
}

/* A clock that jumps at every other answer is never sampled as one clock, and judged all the same.
 */
static void test_jumping_clock(void)
{
    begin(4, 1, 0, 6);
    sync_world_run(&world, 600 * NS_PER_S);
    (void)try(3);
    unsigned misses = 0;
    for (int i = 0; i < 60; i++) {
        uint64_t asked = world.servers[3].asked;
        while (world.servers[3].asked < asked + 2) {
            sync_world_run(&world, NS_PER_S);
            misses += try(3) == TRIAL_MISS;
        }
        world.servers[3].lie_ns = i % 2 == 0 ? 500 * NS_PER_MS : -500 * NS_PER_MS;
    }
    CU_ASSERT_TRUE(misses >= 20);
    sync_world_end(&world);
}

/* f that claim UTC, each another one, and one that has it: nobody can tell who, and the others keep
 * a time of their own meanwhile. */
static void test_liars_claim_utc(void)
{
    sync_world_init(&world, 5);
    struct sync_options options = mesh_options(2);
    options.mesh.members = 7;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 30 * NS_PER_MS));
    for (size_t i = 0; i < 6; i++) {
        meet(i, 0);
        if (i < 3) {
            world.servers[i].claim = (struct member_claim){
                .timescale = TIMESCALE_MESH, .timescale_id = 7, .incarnation = 1, .hops = 255};
        }
        add(i);
        weigh(i, MEMBER_AT_FIRST);
    }
    world.servers[4].lie_ns = 20 * NS_PER_S;
    world.servers[5].lie_ns = -20 * NS_PER_S;
    sync_world_run(&world, 200 * NS_PER_S);
    CU_ASSERT_NOT_EQUAL(sync_world_status(&world).condition, SYNC_MESH);
    sync_world_run(&world, 400 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_MESH);
    sync_world_end(&world);
}

static void test_verdicts_weigh_the_estimate(void)
{
    begin(4, 1, 0, 7);
    weigh(0, MEMBER_WATCHED);
    weigh(1, MEMBER_AT_FIRST);
    sync_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(state_of("a"), SOURCE_EXCLUDED);
    CU_ASSERT_EQUAL(state_of("b"), SOURCE_UNPREFERRED);
    CU_ASSERT_TRUE(sync_world_source_status(&world, "c").weight > 0);
    CU_ASSERT_EQUAL(sync_world_status(&world).sources, 5);
    weigh(2, MEMBER_WATCHED);
    weigh(3, MEMBER_CONVICTED);
    sync_world_run(&world, 50 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).sources, 4);
    CU_ASSERT_EQUAL(sync_world_status(&world).faults, 0);
    CU_ASSERT_EQUAL(state_of("d"), SOURCE_EXCLUDED);
    CU_ASSERT_TRUE(sync_world_source_status(&world, "b").weight > 0.99);
    sync_world_end(&world);
}

static void test_asymmetry_is_taken_off(void)
{
    begin(3, 1, 0, 8);
    for (size_t i = 0; i < 3; i++) {
        struct member_verdict verdict = {.id = i + 1, .weight = MEMBER_COUNTS, .asymmetry_ns = 2e6};
        sync_member_weigh(world.sync, &verdict, 1);
    }
    sync_world_run(&world, 300 * NS_PER_S);
    CU_ASSERT_TRUE(llabs(sync_world_error(&world) + 2 * NS_PER_MS) < NS_PER_MS);
    sync_world_end(&world);
}

/* Another incarnation is another clock: no sample of the old one stays. */
static void test_another_clock_voids(void)
{
    begin(3, 1, 0, 9);
    sync_world_run(&world, 300 * NS_PER_S);
    CU_ASSERT_TRUE(sync_world_source_status(&world, "a").samples > 10);
    uint64_t asked = world.servers[0].asked;
    world.servers[0].claim.incarnation++;
    sync_world_run(&world, 17 * NS_PER_S);
    CU_ASSERT_TRUE(sync_world_source_status(&world, "a").samples <= 5);
    sync_world_run(&world, 7 * NS_PER_S);
    CU_ASSERT_TRUE(world.servers[0].asked >= asked + 4); /* its turn, and a burst 2 s apart */
    sync_world_run(&world, 23 * NS_PER_S);
    CU_ASSERT_TRUE(sync_world_source_status(&world, "a").samples > 3);
    sync_world_end(&world);
}

/* One that says so at every answer is not asked every two seconds for ever: a liar would have all
 * others do that. */
static void test_another_clock_each_time(void)
{
    begin(1, 0, 0, 13);
    uint64_t asked = world.servers[0].asked;
    for (int i = 0; i < 3600; i++) {
        world.servers[0].claim.disruptions++;
        sync_world_run(&world, NS_PER_S);
    }
    asked = world.servers[0].asked - asked;
    CU_ASSERT_TRUE(asked > 3600 / 17 + POLLING_QUICK_MAX);
    CU_ASSERT_TRUE(asked < 3600 / 16 * (POLLING_QUICK_POLLS + 1) / POLLING_QUICK_POLLS +
                               POLLING_QUICK_MAX + POLLING_BURST_COUNT);
    /* After an hour of quiet it is asked as quickly as ever. */
    sync_world_run(&world, 3600 * NS_PER_S);
    asked = world.servers[0].asked;
    world.servers[0].claim.disruptions++;
    sync_world_run(&world, 24 * NS_PER_S);
    CU_ASSERT_TRUE(world.servers[0].asked >= asked + 4);
    sync_world_end(&world);
}

/* a and b have UTC over two hops, and then only from us: nobody is followed, and no interval is
 * believed any longer than it is. */
static void test_circle_goes_to_holdover(void)
{
    begin(3, 0, 2, 10);
    world.servers[0].claim.hops = 0;
    sync_world_run(&world, 300 * NS_PER_S);
    CU_ASSERT_EQUAL(own().hops, 1);
    CU_ASSERT_EQUAL(state_of("b"), SOURCE_UNPREFERRED);
    world.servers[0].is_silent = true;
    /* What we had from a is good for a while yet, but nobody is to have it from us. */
    sync_world_run(&world, 80 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    CU_ASSERT_EQUAL(own().hops, 255);
    sync_world_run(&world, 75 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_HOLDOVER);
    CU_ASSERT_EQUAL(own().hops, 255);
    CU_ASSERT_TRUE(own().is_bounded && own().is_holdover);
    /* Later they have another way, and so have we. */
    sync_world_run(&world, 200 * NS_PER_S);
    CU_ASSERT_EQUAL(sync_world_status(&world).condition, SYNC_SYNCHRONISED);
    CU_ASSERT_EQUAL(own().hops, 3);
    sync_world_end(&world);
}

/* b has UTC over as many hops as we have, so not from us: it counts with a, and is followed at once
 * when a has none. Not so where ours has just become longer. */
static void test_as_near_as_we_are(void)
{
    begin(2, 0, 1, 11);
    world.servers[0].claim.hops = 0;
    sync_world_run(&world, 300 * NS_PER_S);
    CU_ASSERT_EQUAL(own().hops, 1);
    CU_ASSERT_EQUAL(state_of("b"), SOURCE_COMBINED);
    world.servers[0].claim.hops = 255;
    sync_world_run(&world, 32 * NS_PER_S);
    CU_ASSERT_EQUAL(own().hops, 2);
    CU_ASSERT_EQUAL(state_of("b"), SOURCE_SELECTED);
    world.servers[1].claim.hops = 2;
    sync_world_run(&world, 60 * NS_PER_S);
    CU_ASSERT_EQUAL(state_of("b"), SOURCE_UNPREFERRED);
    CU_ASSERT_EQUAL(own().hops, 255);
    sync_world_run(&world, 60 * NS_PER_S);
    CU_ASSERT_EQUAL(state_of("b"), SOURCE_SELECTED);
    CU_ASSERT_EQUAL(own().hops, 3);
    sync_world_end(&world);
}

static void test_members_come_and_go(void)
{
    char error[SYNC_ERROR_MAX];
    struct source_options sources[1];
    sync_world_init(&world, 11);
    struct sync_options options = mesh_options(0);
    (void)sync_world_add(&world, addresses[0]);
    sources[0] = sync_world_source(names[0], addresses[0]);
    options.sources = sources;
    options.source_count = 1;
    CU_ASSERT_TRUE_FATAL(sync_world_start(&world, &options, 0));
    meet(1, 0);
    meet(2, 0);
    add(1);
    add(2);
    struct source_options again = member_source(1);
    CU_ASSERT_FALSE(sync_member_add(world.sync, &again, sync_world_now(&world).mono, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "already"));
    sync_world_run(&world, 60 * NS_PER_S);
    CU_ASSERT_EQUAL(own().hops, 0);
    CU_ASSERT_TRUE(own().has_utc);
    uint32_t association = sync_member_association(world.sync, 2);
    CU_ASSERT_EQUAL(sync_member_of(world.sync, association), 2);
    CU_ASSERT_EQUAL(sync_member_of(world.sync, 1), 0);
    CU_ASSERT_PTR_NOT_NULL(sync_member_address(world.sync, 2));
    sync_member_drop(world.sync, 2, sync_world_now(&world).mono);
    CU_ASSERT_EQUAL(sync_member_association(world.sync, 2), 0);
    CU_ASSERT_EQUAL(sync_source_count(world.sync), 2);
    sync_world_run(&world, NS_PER_S);
    CU_ASSERT_FALSE(world.is_open[association]);
    CU_ASSERT_TRUE(sync_member_association(world.sync, 3) != 0);
    struct actions *out = calloc(1, sizeof(*out));
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    CU_ASSERT_TRUE(sync_configure(world.sync, &options, sync_world_now(&world), out, error));
    free(out);
    CU_ASSERT_TRUE(measured(2).has_estimate);
    sync_world_end(&world);
}

static void test_hurry(void)
{
    begin(1, 0, 0, 12);
    sync_world_run(&world, 100 * NS_PER_S);
    uint64_t asked = world.servers[0].asked;
    sync_member_hurry(world.sync, 1, 2, sync_world_now(&world).mono);
    sync_world_run(&world, 3 * NS_PER_S);
    CU_ASSERT_TRUE(world.servers[0].asked >= asked + 2);
    sync_world_end(&world);
}

static const struct unit_case cases[] = {
    {"members give UTC", test_members_give_utc},
    {"claims are one-sided", test_claims_are_one_sided},
    {"only opened answers count", test_only_opened_answers_count},
    {"headers do not matter", test_headers_do_not_matter},
    {"unbounded members are silent", test_unbounded_members_are_silent},
    {"trials leave one out", test_trials},
    {"a clock that jumps at every other answer", test_jumping_clock},
    {"liars claim UTC", test_liars_claim_utc},
    {"verdicts weigh the estimate", test_verdicts_weigh_the_estimate},
    {"an asymmetry is taken off", test_asymmetry_is_taken_off},
    {"another clock voids", test_another_clock_voids},
    {"another clock each time is not asked quickly each time", test_another_clock_each_time},
    {"a circle goes to holdover", test_circle_goes_to_holdover},
    {"as near as we are", test_as_near_as_we_are},
    {"members come and go", test_members_come_and_go},
    {"a member is asked in a hurry", test_hurry},
};
UNIT_MAIN("sync_member", cases)
