/* SPDX-License-Identifier: MIT */
#include "tests/unit/source_world.h"
#include <math.h>
#include <string.h>

static void test_measures(void)
{
    struct source_world world;
    source_world_init(&world);
    world.rate_ppm = 20;
    source_world_start(&world);
    char reason[STATUS_TEXT_MAX];
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_UNREACHABLE);
    CU_ASSERT_STRING_EQUAL(reason, "it was not asked yet");
    CU_ASSERT_PTR_NULL(source_sample(world.source));
    source_world_run(&world, 1000 * NS_PER_S);
    CU_ASSERT_EQUAL(world.news[SOURCE_SAMPLED], world.asked_count);
    CU_ASSERT_EQUAL(world.measured_count, world.asked_count);
    CU_ASSERT_STRING_EQUAL(world.measured.name, "alpha");
    CU_ASSERT_STRING_EQUAL(world.measured.verdict, "good");
    CU_ASSERT_TRUE(world.measured.is_good);
    CU_ASSERT_EQUAL(world.measured.reason[0], '\0');
    CU_ASSERT_EQUAL(world.measured.mode, MODE_SERVER);
    CU_ASSERT(llabs(world.measured.delay_ns - 20 * NS_PER_MS) < NS_PER_US);
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_COMBINED);
    CU_ASSERT_EQUAL(reason[0], '\0');
    CU_ASSERT(fabs(source_world_error_ns(&world)) < 100e3);
    struct bound_rate rate = source_rate(world.source, world.now.mono);
    CU_ASSERT_TRUE(rate.is_learned);
    CU_ASSERT_DOUBLE_EQUAL(rate.rate_ppm, 20, 1);
    struct interval interval;
    CU_ASSERT_TRUE_FATAL(source_interval(world.source, world.now.mono, &interval));
    CU_ASSERT_TRUE(interval_contains(interval, world.now.wall.ns + (int64_t)world.offset_ns));
    CU_ASSERT(interval.latest_ns - interval.earliest_ns < 22 * NS_PER_MS);
    source_world_clear(&world);
}

static void test_rate_is_learned_from_four(void)
{
    struct source_world world;
    source_world_init(&world);
    source_world_start(&world);
    for (unsigned i = 0; i < 4; i++) {
        CU_ASSERT_FALSE(source_rate(world.source, world.now.mono).is_learned);
        CU_ASSERT_TRUE(source_world_ask(&world));
        CU_ASSERT_EQUAL(source_world_answer(&world), SOURCE_SAMPLED);
    }
    CU_ASSERT_TRUE(source_rate(world.source, world.now.mono).is_learned);
    source_world_clear(&world);
}

static void test_status(void)
{
    struct source_world world;
    source_world_init(&world);
    world.rate_ppm = 5;
    world.jitter_ns = 50e3;
    world.options.offset_ns = 3 * NS_PER_MS;
    source_world_use_key(&world, 2);
    source_world_start(&world);
    source_world_run(&world, 2000 * NS_PER_S);
    struct source_status status;
    source_status(world.source, world.now, 4, &status);
    CU_ASSERT_STRING_EQUAL(status.name, "alpha");
    CU_ASSERT_STRING_EQUAL(status.host, "alpha.example");
    CU_ASSERT_EQUAL(status.association, 1);
    CU_ASSERT_TRUE(address_is_same(&status.remote, &world.remote));
    CU_ASSERT_EQUAL(status.reach, 0xFF);
    CU_ASSERT_EQUAL(status.key_id, 2);
    CU_ASSERT_TRUE(status.has_sample && status.has_estimate && status.has_interval);
    CU_ASSERT_TRUE(status.is_authenticated);
    CU_ASSERT_EQUAL(status.stratum, 2);
    CU_ASSERT_EQUAL(status.tests, 0x3FF);
    CU_ASSERT_EQUAL(status.sent, world.asked_count);
    CU_ASSERT_EQUAL(status.good, world.asked_count);
    CU_ASSERT_EQUAL(status.valid, world.asked_count);
    CU_ASSERT_EQUAL(status.received, world.asked_count);
    CU_ASSERT_EQUAL(status.stamps_sent[STAMP_DAEMON], world.asked_count);
    CU_ASSERT_EQUAL(status.samples, world.asked_count);
    /* From the first sample to the last one. */
    int64_t span = world.asked[world.asked_count - 1].ns - world.asked[0].ns;
    CU_ASSERT(llabs(status.span_ns - span) < 5 * NS_PER_MS);
    CU_ASSERT_DOUBLE_EQUAL(status.offset_ns, world.offset_ns + 3e6, 50e3);
    CU_ASSERT_DOUBLE_EQUAL(status.rate_ppm, 1, 0.3);
    CU_ASSERT(status.jitter_ns > 1e3 && status.jitter_ns < 100e3);
    CU_ASSERT(status.interval.earliest_ns < (int64_t)world.offset_ns);
    CU_ASSERT(status.interval.latest_ns > (int64_t)world.offset_ns);
    CU_ASSERT(status.distance_ns >= status.sample_bound_ns);
    CU_ASSERT_EQUAL(status.response_ns / NS_PER_US, 20);
    source_world_clear(&world);
}

static void test_no_such_key(void)
{
    struct source_world world;
    source_world_init(&world);
    char error[STATUS_TEXT_MAX] = "";
    world.options.key_id = 7;
    CU_ASSERT_PTR_NULL(source_create(&world.options, &world.common, 1, world.now.mono, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "alpha"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "key 7"));
    source_world_use_key(&world, 1);
    world.options.key_id = 7;
    CU_ASSERT_PTR_NULL(source_create(&world.options, &world.common, 1, world.now.mono, error));
    world.options.key_id = 0;
    world.options.kind = SOURCE_BROADCAST_CLIENT;
    CU_ASSERT_PTR_NULL(source_create(&world.options, &world.common, 1, world.now.mono, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "broadcast-client"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "key"));
    source_world_clear(&world);
}

static void test_unsynchronised(void)
{
    struct source_world world;
    source_world_init(&world);
    source_world_start(&world);
    source_world_run(&world, 10 * NS_PER_S);
    world.reply.leap = LEAP_UNSYNCHRONISED;
    CU_ASSERT_TRUE(source_world_ask(&world));
    CU_ASSERT_EQUAL(source_world_answer(&world), SOURCE_CHANGED);
    char reason[STATUS_TEXT_MAX];
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_UNSYNCHRONISED);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "leap indicator 3"));
    /* What anybody could send does not change that. */
    struct packet forged = world.reply;
    forged.leap = LEAP_NONE;
    forged.origin.bits = 4711;
    forged.receive.bits = 4712;
    forged.transmit.bits = 4713;
    uint8_t octets[PACKET_SIZE];
    packet_write(&forged, octets);
    CU_ASSERT_EQUAL(source_world_take(&world, octets, sizeof(octets)), SOURCE_NOTHING);
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_UNSYNCHRONISED);
    source_world_run(&world, 700 * NS_PER_S);
    CU_ASSERT_EQUAL(source_reach(world.source), 0);
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_UNSYNCHRONISED);
    world.reply.leap = LEAP_NONE;
    source_world_run(&world, 200 * NS_PER_S);
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_COMBINED);
    source_world_clear(&world);
}

static void test_unreachable_says_why(void)
{
    struct source_world world;
    source_world_init(&world);
    world.is_silent = true;
    source_world_start(&world);
    CU_ASSERT_TRUE(source_world_ask(&world));
    char reason[STATUS_TEXT_MAX];
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_UNREACHABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "no answer yet"));
    CU_ASSERT_EQUAL(source_refused(world.source, "Network is unreachable", world.now.mono),
                    SOURCE_CHANGED);
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_UNREACHABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "Network is unreachable"));
    /* It is not the end. */
    world.is_silent = false;
    source_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_COMBINED);
    CU_ASSERT_EQUAL(source_refused(world.source, "Connection refused", world.now.mono),
                    SOURCE_NOTHING);
    world.is_silent = true;
    source_world_run(&world, 2000 * NS_PER_S);
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_UNREACHABLE);
    source_world_clear(&world);

    source_world_init(&world);
    world.is_silent = true;
    source_world_start(&world);
    source_world_run(&world, 600 * NS_PER_S);
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_UNREACHABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "last 8 requests"));
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "123"));
    source_world_clear(&world);
}

static void test_states_of_the_operator(void)
{
    struct source_world world;
    source_world_init(&world);
    world.options.is_noselect = true;
    world.options.min_samples = 6;
    char reason[STATUS_TEXT_MAX];
    char error[STATUS_TEXT_MAX];
    struct source *unresolved =
        source_create(&world.options, &world.common, 2, world.now.mono, error);
    CU_ASSERT_EQUAL(source_state_own(unresolved, world.now.mono, reason), SOURCE_UNRESOLVED);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "alpha.example"));
    CU_ASSERT_EQUAL(source_deadline(unresolved).ns, INT64_MAX);
    source_destroy(unresolved);

    source_world_start(&world);
    source_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_WAITING);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "5 of the 6 samples"));
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "min-samples"));
    source_world_run(&world, 100 * NS_PER_S);
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_NOSELECT);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "noselect"));

    source_set_online(world.source, false, world.now.mono);
    CU_ASSERT_FALSE(source_world_ask(&world));
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_OFFLINE);
    source_burst(world.source, 4, world.now.mono);
    CU_ASSERT_FALSE(source_world_ask(&world));
    size_t asked = world.asked_count;
    source_set_online(world.source, true, world.now.mono);
    source_world_run(&world, 20 * NS_PER_S);
    CU_ASSERT_EQUAL(world.asked_count, asked + 4);

    world.actions.count = 0;
    source_disconnect(world.source, &world.actions);
    CU_ASSERT_EQUAL(world.actions.count, 1);
    CU_ASSERT_EQUAL(world.actions.items[0].kind, ACTION_CLOSE);
    CU_ASSERT_EQUAL(world.actions.items[0].close, 1);
    CU_ASSERT_FALSE(source_world_ask(&world));
    source_disconnect(world.source, &world.actions);
    CU_ASSERT_EQUAL(world.actions.count, 1);
    source_world_clear(&world);
}

static void test_max_delay(void)
{
    struct source_world world;
    source_world_init(&world);
    world.options.max_delay_ns = 25 * NS_PER_MS;
    source_world_start(&world);
    source_world_run(&world, 10 * NS_PER_S);
    world.delay_ns = 13 * NS_PER_MS;
    CU_ASSERT_TRUE(source_world_ask(&world));
    CU_ASSERT_EQUAL(source_world_answer(&world), SOURCE_NOTHING);
    CU_ASSERT_STRING_EQUAL(world.measured.verdict, "delay");
    CU_ASSERT_PTR_NOT_NULL(strstr(world.measured.reason, "26.0"));
    CU_ASSERT_PTR_NOT_NULL(strstr(world.measured.reason, "25.0"));
    CU_ASSERT_PTR_NOT_NULL(strstr(world.measured.reason, "(max-delay)"));
    struct source_status status;
    source_status(world.source, world.now, 0, &status);
    CU_ASSERT_EQUAL(status.good, 4);
    CU_ASSERT_EQUAL(status.valid, 5);
    CU_ASSERT_EQUAL(status.samples, 4);
    CU_ASSERT_EQUAL(status.tests, 0x3F7);
    CU_ASSERT_EQUAL(status.reach, 0x1F);
    source_world_clear(&world);

    /* Nothing else ever comes: it answers, but waits. */
    source_world_init(&world);
    world.options.max_delay_ns = 5 * NS_PER_MS;
    source_world_start(&world);
    source_world_run(&world, 10 * NS_PER_S);
    char reason[STATUS_TEXT_MAX];
    CU_ASSERT_EQUAL(source_world_state(&world, reason), SOURCE_WAITING);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, "max-delay"));
    source_world_clear(&world);
}

static void test_max_delay_ratio(void)
{
    struct source_world world;
    source_world_init(&world);
    world.options.max_delay_ratio = 1.5;
    source_world_start(&world);
    source_world_run(&world, 10 * NS_PER_S);
    world.delay_ns = 16 * NS_PER_MS;
    for (unsigned i = 0; i < 7; i++) {
        CU_ASSERT_TRUE(source_world_ask(&world));
        CU_ASSERT_EQUAL(source_world_answer(&world), SOURCE_NOTHING);
        CU_ASSERT_STRING_EQUAL(world.measured.verdict, "delay ratio");
        CU_ASSERT_PTR_NOT_NULL(strstr(world.measured.reason, "max-delay-ratio"));
    }
    /* The path got longer for good. */
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(source_world_ask(&world));
        CU_ASSERT_EQUAL(source_world_answer(&world), SOURCE_SAMPLED);
    }
    source_world_clear(&world);
}

static void test_doubt(void)
{
    struct source_world world;
    source_world_init(&world);
    world.jitter_ns = 1e5;
    world.options.poll_max = 6;
    source_world_start(&world);
    source_world_run(&world, 3000 * NS_PER_S);
    size_t asked = world.asked_count;
    world.offset_ns += 1e9;
    CU_ASSERT_TRUE(source_world_ask(&world));
    CU_ASSERT_EQUAL(source_world_answer(&world), SOURCE_DOUBTED);
    CU_ASSERT_STRING_EQUAL(world.measured.verdict, "doubted");
    CU_ASSERT(world.measured.reason[0] != '\0');
    /* Asked again soon; one sample moved nothing. */
    CU_ASSERT(source_deadline(world.source).ns < world.asked[asked].ns + 2060 * NS_PER_MS);
    CU_ASSERT(source_world_error_ns(&world) < -0.9e9);
    world.offset_ns -= 1e9;
    CU_ASSERT_TRUE(source_world_ask(&world));
    CU_ASSERT_EQUAL(source_world_answer(&world), SOURCE_SAMPLED);
    CU_ASSERT(source_deadline(world.source).ns >= world.asked[asked + 1].ns + 64 * NS_PER_S);
    CU_ASSERT_EQUAL(source_contradictions(world.source), 0);
    source_world_clear(&world);
}

static void test_step(void)
{
    struct source_world world;
    source_world_init(&world);
    world.jitter_ns = 1e5;
    source_world_start(&world);
    source_world_run(&world, 20000 * NS_PER_S);
    CU_ASSERT(source_poll_log2(world.source) > 6);
    world.offset_ns += 1e9;
    size_t asked = world.asked_count;
    CU_ASSERT_TRUE(source_world_ask(&world));
    int64_t noticed = world.now.mono.ns;
    while (world.news[SOURCE_STEPPED] == 0 && world.asked_count < asked + 8) {
        (void)source_world_answer(&world);
        CU_ASSERT_TRUE(source_world_ask(&world));
    }
    CU_ASSERT_EQUAL(world.news[SOURCE_STEPPED], 1);
    CU_ASSERT(world.now.mono.ns - noticed < 9 * NS_PER_S);
    CU_ASSERT_EQUAL(source_poll_log2(world.source), 6);
    struct interval interval;
    CU_ASSERT_TRUE_FATAL(source_interval(world.source, world.now.mono, &interval));
    CU_ASSERT_TRUE(interval_contains(interval, world.now.wall.ns + (int64_t)world.offset_ns));
    (void)source_world_answer(&world);
    CU_ASSERT(fabs(source_world_error_ns(&world)) < 10e6);
    struct source_status status;
    source_status(world.source, world.now, 0, &status);
    CU_ASSERT_EQUAL(status.steps, 1);
    CU_ASSERT(status.samples < 8);
    source_world_clear(&world);
}

/* So small a step leaves a part of the interval from before, without the truth. */
static void test_step_within_the_interval(void)
{
    struct source_world world;
    source_world_init(&world);
    world.jitter_ns = 1e5;
    source_world_start(&world);
    source_world_run(&world, 5000 * NS_PER_S);
    world.offset_ns += 14e6;
    while (world.news[SOURCE_STEPPED] == 0 && world.asked_count < 200) {
        source_world_run(&world, NS_PER_S);
    }
    CU_ASSERT_EQUAL(world.news[SOURCE_STEPPED], 1);
    for (unsigned i = 0; i < 100; i++) {
        source_world_run(&world, i * NS_PER_S);
        struct interval interval;
        CU_ASSERT_TRUE_FATAL(source_interval(world.source, world.now.mono, &interval));
        CU_ASSERT_TRUE(interval_contains(interval, world.now.wall.ns + (int64_t)world.offset_ns));
    }
    source_world_clear(&world);
}

static void test_void(void)
{
    struct source_world world;
    source_world_init(&world);
    source_world_start(&world);
    source_world_run(&world, 300 * NS_PER_S);
    CU_ASSERT_TRUE(source_world_ask(&world));
    struct actions asked = world.actions;
    source_void(world.source, world.now.mono);
    struct estimate estimate;
    struct interval interval;
    CU_ASSERT_FALSE(source_estimate(world.source, world.now.mono, &estimate));
    CU_ASSERT_FALSE(source_interval(world.source, world.now.mono, &interval));
    CU_ASSERT_PTR_NULL(source_sample(world.source));
    CU_ASSERT_EQUAL(source_reach(world.source), 0);
    /* What was asked before the gap counts no more. */
    world.actions = asked;
    CU_ASSERT_EQUAL(source_world_answer(&world), SOURCE_NOTHING);
    CU_ASSERT_FALSE(source_interval(world.source, world.now.mono, &interval));
    size_t before = world.asked_count;
    source_world_run(&world, 20 * NS_PER_S);
    CU_ASSERT_EQUAL(world.asked_count, before + 4);
    CU_ASSERT_TRUE(source_interval(world.source, world.now.mono, &interval));
    source_world_clear(&world);
}

/* Whatever comes: a verdict, and the next answer counts as ever. */
static void test_garbage(void)
{
    struct source_world world;
    source_world_init(&world);
    source_world_start(&world);
    for (unsigned i = 0; i < 300; i++) {
        CU_ASSERT_TRUE(source_world_ask(&world));
        struct actions asked = world.actions;
        uint8_t octets[100];
        for (unsigned j = 0; j < 20; j++) {
            size_t size = random_below(&world.chance, sizeof(octets));
            for (size_t k = 0; k < size; k++) {
                octets[k] = (uint8_t)random_u32(&world.chance);
            }
            CU_ASSERT_EQUAL(source_world_take(&world, octets, size), SOURCE_NOTHING);
        }
        world.actions = asked;
        CU_ASSERT_EQUAL(source_world_answer(&world), SOURCE_SAMPLED);
    }
    /* Another address is not even read. */
    CU_ASSERT_TRUE(source_world_ask(&world));
    struct address remote = world.remote;
    world.remote.octets[3] = 77;
    CU_ASSERT_EQUAL(source_world_answer(&world), SOURCE_NOTHING);
    world.remote = remote;
    source_world_clear(&world);
}

static const struct unit_case cases[] = {
    {"a server is measured", test_measures},
    {"the rate is learned from four samples on", test_rate_is_learned_from_four},
    {"what is shown of a source", test_status},
    {"a key that is missing is said", test_no_such_key},
    {"an unsynchronised server is waited for", test_unsynchronised},
    {"an unreachable one has a reason", test_unreachable_says_why},
    {"offline, unresolved, waiting, noselect", test_states_of_the_operator},
    {"max-delay", test_max_delay},
    {"max-delay-ratio, and a path that got longer", test_max_delay_ratio},
    {"a strange sample is asked about", test_doubt},
    {"a source that steps", test_step},
    {"a step that the interval would hide", test_step_within_the_interval},
    {"a disruption voids it all", test_void},
    {"garbage changes nothing", test_garbage},
};

UNIT_MAIN("source", cases)
