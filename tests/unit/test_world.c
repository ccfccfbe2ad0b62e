/* SPDX-License-Identifier: MIT */
#include "ntpwire/packet.h"
#include "tests/sim/checker.h"
#include "tests/sim/results.h"
#include "tests/sim/world.h"
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

/* A server, a client 250 us away and a fault, or more lines of that kind. */
static struct figures run(const char *more, uint64_t seed, int slices)
{
    char text[2048];
    snprintf(text, sizeof(text),
             "[scenario]\nduration = 4000 s\nsettle = 2000 s\n[node s]\nkind = server\n"
             "[node c]\nkind = prober\nask = s\nrate = 30 ppm\nwander = 1e-9\noffset = 3 s\n%s",
             more);
    CU_ASSERT_TRUE_FATAL(scenario_parse(text, "test", &scenario, fail, NULL));
    char error[WORLD_ERROR_MAX];
    struct world *world = world_create(&scenario, seed, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(world);
    for (int i = 1; i < slices; i++) {
        world_run(world, scenario.duration_ns / slices * i);
    }
    world_run(world, INT64_MAX);
    struct figures figures;
    CU_ASSERT_TRUE_FATAL(world_figures(world, &figures));
    world_destroy(world);
    return figures;
}

#define LINK "[link c s]\ndelay = 250 us\njitter = exponential 10 us\n"

static void test_follows_the_truth(void)
{
    struct figures figures = run(LINK, 1, 1);
    CU_ASSERT_TRUE(figures.values[FIGURE_OFFSET_RMS] < 20000);
    CU_ASSERT_TRUE(figures.values[FIGURE_OFFSET_RMS] > 10);
    CU_ASSERT_TRUE(figures.values[FIGURE_OFFSET_MEDIAN] <= figures.values[FIGURE_OFFSET_95]);
    CU_ASSERT_TRUE(figures.values[FIGURE_OFFSET_99] <= figures.values[FIGURE_OFFSET_MAX]);
    CU_ASSERT_TRUE(figures.values[FIGURE_RATE_RMS] < 1000);
    CU_ASSERT_EQUAL(figures.values[FIGURE_CONTAINMENT], 100);
    CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);
    /* At 64 to 65.6 s apart. */
    CU_ASSERT_TRUE(figures.values[FIGURE_PACKETS] >= 60 && figures.values[FIGURE_PACKETS] <= 63);
    CU_ASSERT_EQUAL(figures.values[FIGURE_EXCHANGES], figures.values[FIGURE_PACKETS]);
}

static void test_is_reproducible(void)
{
    struct figures once = run(LINK, 1, 1);
    struct figures again = run(LINK, 1, 1);
    struct figures sliced = run(LINK, 1, 37);
    struct figures other = run(LINK, 2, 1);
    CU_ASSERT_EQUAL(memcmp(&once, &again, sizeof(once)), 0);
    CU_ASSERT_EQUAL(once.hash, sliced.hash);
    CU_ASSERT_EQUAL(once.values[FIGURE_OFFSET_RMS], sliced.values[FIGURE_OFFSET_RMS]);
    CU_ASSERT_NOT_EQUAL(once.hash, other.hash);
}

static void test_faults_reach_the_client(void)
{
    struct figures figures = run(LINK "[fault f]\nnode = s\nkind = offset\noffset = 1 s\n", 1, 1);
    CU_ASSERT_TRUE(fabs(figures.values[FIGURE_OFFSET_MEDIAN] - 1e9) < 1e6);
    CU_ASSERT_EQUAL(figures.values[FIGURE_CONTAINMENT], 0);
    /* Who lies breaks nothing that is checked. */
    CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);
    figures = run(LINK "[fault f]\nnode = s\nkind = silent\nfrom = 1000 s\n", 1, 1);
    CU_ASSERT_TRUE(figures.values[FIGURE_EXCHANGES] < figures.values[FIGURE_PACKETS] - 30);
    figures = run("[link c s]\ndelay = 1 ms\nloss = 100 %\n", 1, 1);
    CU_ASSERT_EQUAL(figures.values[FIGURE_EXCHANGES], 0);
    CU_ASSERT_TRUE(isinf(figures.values[FIGURE_TIME_TO_1_MS]));
    CU_ASSERT_TRUE(isnan(figures.values[FIGURE_OFFSET_RMS]));
    CU_ASSERT_FALSE(1 <= figures.values[FIGURE_CONTAINMENT]);
}

/* From the server to the client it takes 10 ms, the other way none: the server seems to be 5 ms
 * behind, as much as it is ahead. */
#define STEER "burst = 4\nsteer = yes\n" LINK

static void test_a_clock_is_steered(void)
{
    /* The clock starts 3 s off, is stepped, and the figures are its own from then on. */
    struct figures figures = run(STEER, 1, 1);
    CU_ASSERT_TRUE(figures.values[FIGURE_OFFSET_RMS] < 20000);
    CU_ASSERT_TRUE(figures.values[FIGURE_OFFSET_RMS] > 10);
    CU_ASSERT_TRUE(figures.values[FIGURE_RATE_RMS] < 200);
    CU_ASSERT_TRUE(figures.values[FIGURE_TIME_TO_1_MS] <= 10);
    CU_ASSERT_EQUAL(figures.values[FIGURE_CONTAINMENT], 100);
    CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);

    /* Later it follows without a step, at no more than 8 %. */
    figures = run(STEER "[fault f]\nnode = s\nkind = offset\nfrom = 2200 s\noffset = 2 s\n", 1, 1);
    CU_ASSERT_TRUE(fabs(figures.values[FIGURE_OFFSET_MEDIAN] - 2e9) < 1e6);
    CU_ASSERT_TRUE(figures.values[FIGURE_MTIE_1] < 0.0801e9);
    CU_ASSERT_TRUE(figures.values[FIGURE_MTIE_1] > 0.0799e9);
    CU_ASSERT_EQUAL(figures.values[FIGURE_VIOLATIONS], 0);
}

static void test_links_have_two_ends(void)
{
    struct figures figures = run("[link s c]\ndelay = 10 ms\ndelay-back = 0 ms\n"
                                 "[fault f]\nnode = s\nkind = offset\noffset = 5 ms\n",
                                 1, 1);
    CU_ASSERT_TRUE(figures.values[FIGURE_OFFSET_MAX] < 100000);
}

static void test_copies_and_latecomers(void)
{
    struct figures figures = run("[link c s]\ndelay = 5 ms\nduplication = 100 %\n", 1, 1);
    CU_ASSERT_EQUAL(figures.values[FIGURE_EXCHANGES], figures.values[FIGURE_PACKETS]);
    figures = run("[link c s]\ndelay = 40 s\n", 1, 1); /* each answer after the next request */
    CU_ASSERT_EQUAL(figures.values[FIGURE_EXCHANGES], 0);
}

static struct action_send reply_to(const struct packet *request, struct wall receive,
                                   struct wall transmit)
{
    struct action_send send = {.size = PACKET_SIZE};
    struct packet reply = {.version = 4,
                           .mode = MODE_SERVER,
                           .stratum = 1,
                           .origin = request->transmit,
                           .receive = timestamp_from_unix_ns(receive.ns),
                           .transmit = timestamp_from_unix_ns(transmit.ns)};
    packet_write(&reply, send.payload);
    return send;
}

static uint64_t answer_breaches(uint8_t mode, size_t size, int64_t receive_ns, int64_t transmit_ns)
{
    const struct checker_place place = {.node = "s"};
    const struct wall now = {1767225600 * NS_PER_S};
    struct checker checker = {.violations = 0};
    uint8_t wire[PACKET_SIZE];
    struct packet request = {.version = 4, .mode = mode, .transmit = {12345}};
    packet_write(&request, wire);
    struct action_send send =
        reply_to(&request, (struct wall){now.ns + receive_ns}, (struct wall){now.ns + transmit_ns});
    send.size = size;
    checker_answer(&checker, &place, bytes_make(wire, sizeof(wire)), &send, now);
    CU_ASSERT_EQUAL(checker.first[0] != '\0', checker.violations > 0);
    return checker.violations;
}

static void test_checker_sees_bad_answers(void)
{
    CU_ASSERT_EQUAL(answer_breaches(MODE_CLIENT, PACKET_SIZE, 0, 0), 0);
    CU_ASSERT_EQUAL(answer_breaches(MODE_ACTIVE, PACKET_SIZE, 0, 1), 0);
    CU_ASSERT_TRUE(answer_breaches(MODE_CLIENT, PACKET_SIZE + 4, 0, 0) > 0);
    CU_ASSERT_TRUE(answer_breaches(MODE_SERVER, PACKET_SIZE, 0, 0) > 0);
    CU_ASSERT_TRUE(answer_breaches(MODE_RESERVED, PACKET_SIZE, 0, 0) > 0);
    CU_ASSERT_TRUE(answer_breaches(MODE_CLIENT, PACKET_SIZE, 3, 0) > 0);
    CU_ASSERT_TRUE(answer_breaches(MODE_CLIENT, PACKET_SIZE, -100, 0) > 0);
    CU_ASSERT_TRUE(answer_breaches(MODE_CLIENT, PACKET_SIZE, 0, 100) > 0);
}

static void test_checker_sees_early_polls_and_bad_bounds(void)
{
    const struct checker_place place = {.truth_ns = 1500 * NS_PER_MS, .node = "c", .number = 3};
    struct checker checker = {.violations = 0};
    checker_poll(&checker, &place, 64 * NS_PER_S, 64 * NS_PER_S);
    CU_ASSERT_EQUAL(checker.violations, 0);
    checker_step(&checker, &place, NS_PER_S, true);
    CU_ASSERT_EQUAL(checker.violations, 0);
    checker_poll(&checker, &place, 64 * NS_PER_S - 1, 64 * NS_PER_S);
    CU_ASSERT_EQUAL(checker.violations, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(checker.first, "at 1.500000000 s, c 3: asks again after 63.99"));

    checker = (struct checker){.violations = 0};
    checker_step(&checker, &place, -2 * NS_PER_S, false);
    CU_ASSERT_EQUAL(checker.violations, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(checker.first, "steps its clock by -2.000000000 s"));

    struct sample sample = {.at = {1000000},
                            .wall = {50000000},
                            .bound_ns = 1000,
                            .sent = {.mono = {0}},
                            .received = {.mono = {2000000}}};
    checker = (struct checker){.violations = 0};
    checker_sample(&checker, &place, &sample, (struct wall){51000000 + 1002}, 0);
    checker_sample(&checker, &place, &sample, (struct wall){51000000 - 1002}, 0);
    checker_sample(&checker, &place, &sample, (struct wall){51000000 + 1190}, 100);
    CU_ASSERT_EQUAL(checker.violations, 0);
    checker_sample(&checker, &place, &sample, (struct wall){51000000 + 1003}, 0);
    checker_sample(&checker, &place, &sample, (struct wall){51000000 - 1003}, 0);
    checker_sample(&checker, &place, &sample, (struct wall){51000000 + 1210}, 100);
    CU_ASSERT_EQUAL(checker.violations, 3);
}

static void test_figures(void)
{
    struct series series;
    struct figures figures = {.seed = 1};
    CU_ASSERT_TRUE_FATAL(series_init(&series, 1000));
    series.settled = 400;
    series_add(&series, NAN);
    for (int i = 1; i < 400; i++) {
        series_add(&series, i < 30 && i / 5 != 2 ? 2e6 : 0); /* until 30 s, but for a moment */
    }
    series_add_rate(&series, 1e9);
    series_add_interval(&series, false, 1e9); /* before it settled */
    for (int i = 400; i < 1000; i++) {
        series_add(&series, i == 700 ? -30000 : i % 2 == 0 ? 3000 : 4000);
        series_add_rate(&series, i % 2 == 0 ? 3 : -4);
        series_add_interval(&series, i != 500, 100);
    }
    CU_ASSERT_TRUE_FATAL(figures_compute(&series, 1, NS_PER_S, &figures));
    double rms = sqrt((299 * 9e6 + 300 * 16e6 + 9e8) / 600);
    CU_ASSERT_DOUBLE_EQUAL(figures.values[FIGURE_OFFSET_RMS], rms, 1e-6);
    CU_ASSERT_EQUAL(figures.values[FIGURE_OFFSET_MEDIAN], 4000);
    CU_ASSERT_EQUAL(figures.values[FIGURE_OFFSET_MAX], 30000);
    CU_ASSERT_EQUAL(figures.values[FIGURE_OFFSET_99], 4000);
    CU_ASSERT_DOUBLE_EQUAL(figures.values[FIGURE_RATE_RMS], sqrt(12.5), 1e-9);
    CU_ASSERT_EQUAL(figures.values[FIGURE_MTIE_1], 34000);
    CU_ASSERT_EQUAL(figures.values[FIGURE_MTIE_256], 34000);
    CU_ASSERT_EQUAL(figures.values[FIGURE_TIME_TO_1_MS], 30);
    CU_ASSERT_EQUAL(figures.values[FIGURE_TIME_TO_10_US], 30);
    CU_ASSERT_DOUBLE_EQUAL(figures.values[FIGURE_CONTAINMENT], 100 * 599.0 / 600, 1e-9);
    CU_ASSERT_EQUAL(figures.values[FIGURE_HALF_WIDTH], 100);
    series_clear(&series);
}

/* Up or down, 10 ns in each second. */
static void ramp(double slope_ns)
{
    struct series series;
    struct figures figures = {.seed = 1};
    CU_ASSERT_TRUE_FATAL(series_init(&series, 1000));
    for (int i = 0; i < 1000; i++) {
        series_add(&series, slope_ns * i);
    }
    CU_ASSERT_TRUE_FATAL(figures_compute(&series, 1, NS_PER_S, &figures));
    CU_ASSERT_EQUAL(figures.values[FIGURE_MTIE_1], 10);
    CU_ASSERT_EQUAL(figures.values[FIGURE_MTIE_64], 640);
    CU_ASSERT_EQUAL(figures.values[FIGURE_OFFSET_95], 9490);
    CU_ASSERT_TRUE_FATAL(figures_compute(&series, 1, 2 * NS_PER_S, &figures));
    CU_ASSERT_TRUE(isnan(figures.values[FIGURE_MTIE_1])); /* too coarse */
    CU_ASSERT_EQUAL(figures.values[FIGURE_MTIE_64], 320);
    series_clear(&series);
}

static void test_ramps(void)
{
    ramp(10);
    ramp(-10);
}

static void test_summary_and_csv(void)
{
    struct results results = {.name = "x"};
    for (uint64_t seed = 4; seed >= 1; seed--) {
        struct figures figures = {.seed = seed, .hash = seed * 17};
        figures.values[FIGURE_OFFSET_RMS] = (double)seed;
        figures.values[FIGURE_CONTAINMENT] = 90 + (double)seed / 3;
        figures.values[FIGURE_TIME_TO_1_MS] = seed > 1 ? INFINITY : 5;
        figures.values[FIGURE_MTIE_1] = NAN;
        figures.values[FIGURE_VIOLATIONS] = seed == 3 ? 2 : 0;
        strcpy(figures.violation, seed == 3 ? "at 3 s, c 0: this, and that" : "");
        CU_ASSERT_TRUE_FATAL(results_add(&results, &figures));
    }
    results_sort(&results);
    struct figures summary;
    CU_ASSERT_TRUE_FATAL(figures_summarise(results.runs, results.count, &summary));
    CU_ASSERT_EQUAL(summary.values[FIGURE_OFFSET_RMS], 2.5);
    CU_ASSERT_DOUBLE_EQUAL(summary.values[FIGURE_CONTAINMENT], 90 + 1.0 / 3, 1e-12);
    CU_ASSERT_TRUE(isinf(summary.values[FIGURE_TIME_TO_1_MS]));
    CU_ASSERT_TRUE(isnan(summary.values[FIGURE_MTIE_1]));
    CU_ASSERT_EQUAL(summary.values[FIGURE_VIOLATIONS], 2);
    CU_ASSERT_STRING_EQUAL(summary.violation, "at 3 s, c 0: this, and that");

    struct text text = {.size = 0};
    results_csv(&results, &text);
    const char *line = text.data;
    for (size_t i = 0; i < results.count; i++) {
        char name[SCENARIO_NAME_MAX];
        struct figures run_read;
        CU_ASSERT_TRUE_FATAL(results_read_csv(line, name, &run_read));
        CU_ASSERT_STRING_EQUAL(name, "x");
        CU_ASSERT_EQUAL(run_read.seed, i + 1);
        CU_ASSERT_EQUAL(run_read.hash, (i + 1) * 17);
        CU_ASSERT_EQUAL(run_read.values[FIGURE_CONTAINMENT],
                        results.runs[i].values[FIGURE_CONTAINMENT]);
        CU_ASSERT_STRING_EQUAL(run_read.violation, results.runs[i].violation);
        line = strchr(line, '\n') + 1;
    }
    char name[SCENARIO_NAME_MAX];
    CU_ASSERT_FALSE(results_read_csv("x,1,2,3\n", name, &summary));
    CU_ASSERT_FALSE(results_read_csv("x,one,2,3\n", name, &summary));
    CU_ASSERT_FALSE(results_read_csv("", name, &summary));
    text_clear(&text);
    results_clear(&results);
}

static const struct unit_case cases[] = {
    {"a client follows the truth", test_follows_the_truth},
    {"a run is the same again, in slices too", test_is_reproducible},
    {"faults and losses reach the client", test_faults_reach_the_client},
    {"a clock is steered", test_a_clock_is_steered},
    {"a link has two ends", test_links_have_two_ends},
    {"copies and latecomers are no samples", test_copies_and_latecomers},
    {"the checker sees bad answers", test_checker_sees_bad_answers},
    {"the checker sees early polls and bad bounds", test_checker_sees_early_polls_and_bad_bounds},
    {"figures", test_figures},
    {"MTIE of ramps", test_ramps},
    {"a summary, and CSV read again", test_summary_and_csv},
};
UNIT_MAIN("world", cases)
