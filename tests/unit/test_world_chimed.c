/* SPDX-License-Identifier: MIT */
#include "ntpwire/packet.h"
#include "tests/sim/world_check.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct scenario scenario;

static void fail(void *context, const char *sentence)
{
    (void)context;
    printf("%s\n", sentence);
    CU_FAIL("the scenario has a mistake");
}

static struct world *create(const char *head, const char *node, const char *rest, uint64_t seed)
{
    char text[2048];
    snprintf(
        text, sizeof(text),
        "[scenario]\nduration = 4000 s\nsettle = 2000 s\n%s[node s]\nkind = server\ncount = 3\n"
        "[node c]\nkind = chimed\nrate = 30 ppm\nwander = 1e-9\noffset = 3 s\n%s"
        "[link * *]\ndelay = 250 us\njitter = exponential 10 us\n%s",
        head, node, rest);
    CU_ASSERT_TRUE_FATAL(scenario_parse(text, "test", &scenario, fail, NULL));
    char error[WORLD_ERROR_MAX];
    struct world *world = world_create(&scenario, seed, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(world);
    return world;
}

/* Three servers, a node that runs the daemon's engine, and more lines of [scenario], of the node
 * and of sections. */
static struct figures run(const char *head, const char *node, const char *rest)
{
    struct world *world = create(head, node, rest, 1);
    struct figures figures;
    world_run(world, INT64_MAX);
    CU_ASSERT_TRUE_FATAL(world_figures(world, &figures));
    world_destroy(world);
    return figures;
}

static void test_follows_and_claims(void)
{
    struct figures figures = run("", "ask = s\n", "");
    CU_ASSERT_TRUE(figures.values[FIGURE_OFFSET_RMS] < 20000);
    CU_ASSERT_TRUE(figures.values[FIGURE_OFFSET_RMS] > 10);
    CU_ASSERT_TRUE(figures.values[FIGURE_RATE_RMS] < 1000);
    CU_ASSERT_TRUE(figures.values[FIGURE_TIME_TO_1_MS] <= 10);
    CU_ASSERT_EQUAL(figures.values[FIGURE_CONTAINMENT], 100);
    CU_ASSERT_EQUAL(figures.values[FIGURE_CLAIM_HELD], 100);
    CU_ASSERT_EQUAL(figures.values[FIGURE_SYNCHRONISED], 100);
    CU_ASSERT_TRUE(figures.values[FIGURE_HALF_WIDTH] > 250000);
    CU_ASSERT_TRUE(figures.values[FIGURE_CLAIM] >= figures.values[FIGURE_HALF_WIDTH]);
    CU_ASSERT_EQUAL(figures.values[FIGURE_NOTICE], 0);
    CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);
    CU_ASSERT_TRUE(isnan(figures.values[FIGURE_SPREAD]));
    /* Of three servers: bursts of four, and then at 64 to 65.6 s apart. */
    CU_ASSERT_TRUE(figures.values[FIGURE_PACKETS] >= 3 * 63);
    CU_ASSERT_TRUE(figures.values[FIGURE_PACKETS] <= 3 * 66);
    CU_ASSERT_EQUAL(figures.values[FIGURE_EXCHANGES], figures.values[FIGURE_PACKETS]);
}

static void test_is_reproducible(void)
{
    struct figures figures[4];
    for (int i = 0; i < 4; i++) {
        struct world *world = create("", "peer = c\ncount = 3\nask = s\n", "", i == 3 ? 2 : 1);
        for (int j = 1; i == 1 && j < 37; j++) {
            world_run(world, scenario.duration_ns / 37 * j);
        }
        world_run(world, INT64_MAX);
        CU_ASSERT_TRUE_FATAL(world_figures(world, &figures[i]));
        world_destroy(world);
    }
    CU_ASSERT_EQUAL(figures[0].hash, figures[1].hash);
    CU_ASSERT_EQUAL(figures[0].hash, figures[2].hash);
    CU_ASSERT_EQUAL(figures[0].values[FIGURE_SPREAD], figures[1].values[FIGURE_SPREAD]);
    CU_ASSERT_NOT_EQUAL(figures[0].hash, figures[3].hash);
    CU_ASSERT_EQUAL(figures[0].values[FIGURE_VIOLATIONS], 0);
}

#define LIE "[fault f]\nnode = s\nkind = offset\n"

static void test_misses_are_counted(void)
{
    struct figures figures = run("", "pool = s\n", "");
    CU_ASSERT_EQUAL(figures.values[FIGURE_SYNCHRONISED], 100);
    CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);
    /* One of three may lie. */
    figures = run("", "ask = s\n", LIE "offset = 1 s\n");
    CU_ASSERT_EQUAL(figures.values[FIGURE_CONTAINMENT], 100);
    CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);

#define ALONE "[node d]\nkind = server\n[fault f]\nnode = d\nkind = offset\noffset = 1 s\n"
#define AGAIN "[fault g]\nnode = d\nkind = offset\noffset = 1 s\nfrom = 2500 s\n"
    figures = run("", "ask = d\n", ALONE);
    CU_ASSERT_TRUE(figures.values[FIGURE_VIOLATIONS] > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(figures.violation, "outside of the interval"));
    CU_ASSERT_EQUAL(figures.values[FIGURE_CONTAINMENT], 0);
    figures = run("broken-from = 0 s\n", "ask = d\n", ALONE);
    CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);
    CU_ASSERT_TRUE(isinf(figures.values[FIGURE_NOTICE])); /* who has one server can't know */
    figures = run("broken-from = 0 s\n", "ask = d\n", ALONE AGAIN);
    CU_ASSERT_TRUE(figures.values[FIGURE_NOTICE] > 2490);
    CU_ASSERT_TRUE(figures.values[FIGURE_NOTICE] < 2570);
    figures = run("broken-from = 2500 s\nreference = d\n", "ask = d\n", ALONE AGAIN);
    CU_ASSERT_TRUE(figures.values[FIGURE_NOTICE] > 0);
    CU_ASSERT_TRUE(figures.values[FIGURE_NOTICE] < 70);
    CU_ASSERT_TRUE(figures.values[FIGURE_CONTAINMENT] < 100);
}

static void test_the_host_is_simulated(void)
{
    struct figures plain = run("", "ask = s\n", "");
    struct figures figures = run("", "ask = s\nnames-from = 1000 s\n", "");
    CU_ASSERT_TRUE(figures.values[FIGURE_TIME_TO_1_MS] > 1000);
    CU_ASSERT_EQUAL(figures.values[FIGURE_SYNCHRONISED], 100);
    figures = run("", "ask = s\ncommand = offline s.1 at 500 s\n", "");
    CU_ASSERT_TRUE(figures.values[FIGURE_PACKETS] < plain.values[FIGURE_PACKETS] - 50);
    figures = run("", "ask = s\nset = 5 s at 3000 s\n", "");
    CU_ASSERT_TRUE(figures.values[FIGURE_OFFSET_MAX] < 5.001e9);
    CU_ASSERT_TRUE(figures.values[FIGURE_MTIE_256] > 4.9e9 ||
                   figures.values[FIGURE_TIME_TO_1_MS] < 10);
    CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);
    figures = run("", "ask = s\nsuspend = 10 min at 2500 s\nsuspend-error = 100 ms\n", "");
    CU_ASSERT_TRUE(figures.values[FIGURE_OFFSET_MAX] < 0.101e9);
    CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);
    figures = run("", "ask = s\ncontrol = shadow\n", "");
    CU_ASSERT_TRUE(figures.values[FIGURE_OFFSET_RMS] < 20000);
    figures = run("", "ask = s\npeer = c\nring = yes\ncount = 4\n", "");
    CU_ASSERT_TRUE(figures.values[FIGURE_SPREAD] > 0 && figures.values[FIGURE_SPREAD] < 100000);
    figures = run("start = 1483225200\nleap = insert\n", "ask = s\n", "");
    CU_ASSERT_TRUE(figures.values[FIGURE_OFFSET_MAX] < 1e6);
    CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);
}

static uint64_t breaches(struct world *world)
{
    uint64_t count = world->checker.violations;
    world->checker.violations = 0;
    return count;
}

static struct action_send request_in(uint8_t mode)
{
    struct action_send send = {.association = 1, .size = PACKET_SIZE};
    struct packet packet = {.version = 4, .mode = mode};
    packet_write(&packet, send.payload);
    return send;
}

static void test_checks_of_requests(void)
{
    struct world *world = create("", "ask = s\n", "", 1);
    world_run(world, 1000 * NS_PER_S);
    struct world_node *node = &world->nodes.items[3];
    CU_ASSERT_PTR_NOT_NULL_FATAL(node->host);
    struct mono now = oscillator_read(&node->oscillator, world->truth_ns);
    struct action_send send = request_in(MODE_CLIENT);
    struct world_association association = {.asked = 1, .asked_at = {now.ns - 64 * NS_PER_S}};
    world_check_request(world, node, &association, &send);
    CU_ASSERT_EQUAL(breaches(world), 0);
    association.asked_at.ns = now.ns - 64 * NS_PER_S + 1;
    world_check_request(world, node, &association, &send);
    CU_ASSERT_EQUAL(breaches(world), 1);
    association.asked_at.ns = now.ns - 2 * NS_PER_S;
    association.quick = 1;
    world_check_request(world, node, &association, &send);
    CU_ASSERT_EQUAL(breaches(world), 0);
    association.asked_at.ns = now.ns - 2 * NS_PER_S;
    world_check_request(world, node, &association, &send);
    CU_ASSERT_EQUAL(breaches(world), 1);
    association.quick = 1;
    association.asked_at.ns = now.ns - 2 * NS_PER_S + 1;
    world_check_request(world, node, &association, &send);
    CU_ASSERT_EQUAL(breaches(world), 1);
    send = request_in(MODE_PASSIVE); /* an answer */
    world_check_request(world, node, &association, &send);
    CU_ASSERT_EQUAL(breaches(world), 0);
    send.size = 3;
    world_check_request(world, node, &association, &send);
    CU_ASSERT_EQUAL(breaches(world), 1);
    world_destroy(world);
}

static void test_checks_of_clocks(void)
{
    struct world *world = create("", "ask = s\n", "", 1);
    world_run(world, 1000 * NS_PER_S);
    struct world_node *node = &world->nodes.items[3];
    struct reading now = world_core_read(world, node, 0);
    struct status status;
    sync_status(node_sync(node->node), now, &status);
    CU_ASSERT_EQUAL(breaches(world), 0);

    world_check_step(world, node, NS_PER_S);
    CU_ASSERT_EQUAL(breaches(world), 1);
    world_check_command(node, COMMAND_STEP);
    world_check_step(world, node, NS_PER_S);
    CU_ASSERT_EQUAL(breaches(world), 0);

    world_check_claims(world, node, now, &status);
    CU_ASSERT_EQUAL(breaches(world), 0);
    CU_ASSERT_TRUE(node->host->has_kernel && node->host->kernel.is_synchronised);
    node->host->kernel.error_max_ns = -NS_PER_S;
    world_check_claims(world, node, now, &status);
    CU_ASSERT_EQUAL(breaches(world), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(world->checker.first, "the kernel's maximum error"));
    node->host->kernel.is_synchronised = false;
    world->truth_ns += 100 * NS_PER_MS; /* what is served lags behind the truth by that */
    world_check_claims(world, node, now, &status);
    CU_ASSERT_EQUAL(breaches(world), 1);
    world->truth_ns -= 100 * NS_PER_MS;

    world_check_event(world, node, now.mono);
    CU_ASSERT_EQUAL(breaches(world), 0);
    node->host->earliest_ns++;
    world_check_event(world, node, now.mono);
    CU_ASSERT_EQUAL(breaches(world), 1);
    node->steered_until.ns = node_deadline(node->node).ns - 1;
    world_check_event(world, node, now.mono);
    CU_ASSERT_EQUAL(breaches(world), 1);
    world_destroy(world);
}

static void test_checks_of_samples(void)
{
    struct world *world = create("", "ask = s\n", "", 1);
    world_run(world, 1000 * NS_PER_S);
    struct world_node *node = &world->nodes.items[3];
    struct reading now = world_core_read(world, node, 0);
    struct measurement measured = {.remote = world->nodes.items[0].address,
                                   .is_good = true,
                                   .verdict = "good",
                                   .offset_ns = world_core_utc_ns(world) - now.wall.ns,
                                   .root_distance_ns = 1000};
    world_check_measured(world, node, &measured, now);
    CU_ASSERT_EQUAL(breaches(world), 0);
    measured.offset_ns += 1010;
    world_check_measured(world, node, &measured, now);
    CU_ASSERT_EQUAL(breaches(world), 1);
    measured.is_good = false;
    world_check_measured(world, node, &measured, now);
    CU_ASSERT_EQUAL(breaches(world), 0);
    world_destroy(world);
}

static const struct unit_case cases[] = {
    {"a whole node follows the truth, and claims no less than its error", test_follows_and_claims},
    {"a run is the same again, in slices too", test_is_reproducible},
    {"an interval that misses the truth is seen", test_misses_are_counted},
    {"names, commands, disruptions, peers and leap seconds reach the node",
     test_the_host_is_simulated},
    {"early requests are seen", test_checks_of_requests},
    {"steps, false claims and an interval that turns back are seen", test_checks_of_clocks},
    {"samples with a false bound are seen", test_checks_of_samples},
};
UNIT_MAIN("world_chimed", cases)
