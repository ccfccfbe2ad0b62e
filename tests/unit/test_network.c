/* SPDX-License-Identifier: MIT */
#include "tests/sim/fault.h"
#include "tests/sim/network.h"
#include "tests/unit/unit.h"
#include <math.h>

#define SENT 20000

/* What SENT datagrams, one per second, meet. */
struct journey {
    size_t lost;
    size_t doubled;
    size_t overtaken;
    double mean_ns; /* beyond the delay */
    double sd_ns;
    int64_t least_ns;
};

static struct journey travel(const struct path_options *options, uint64_t seed)
{
    struct path path;
    struct journey journey = {.least_ns = INT64_MAX};
    double sum = 0, squares = 0;
    int64_t last_ns = 0;
    size_t arrived = 0;
    path_init(&path, options, seed);
    for (int64_t i = 0; i < SENT; i++) {
        int64_t arrivals_ns[2];
        size_t copies = path_send(&path, i * NS_PER_S, arrivals_ns);
        journey.lost += copies == 0;
        journey.doubled += copies == 2;
        for (size_t j = 0; j < copies; j++) {
            int64_t delay_ns = arrivals_ns[j] - i * NS_PER_S;
            double wait = (double)(delay_ns - options->delay_ns);
            sum += wait;
            squares += wait * wait;
            arrived++;
            journey.least_ns = delay_ns < journey.least_ns ? delay_ns : journey.least_ns;
            journey.overtaken += arrivals_ns[j] < last_ns;
            last_ns = arrivals_ns[j] > last_ns ? arrivals_ns[j] : last_ns;
        }
    }
    if (arrived > 0) {
        journey.mean_ns = sum / (double)arrived;
        journey.sd_ns = sqrt(squares / (double)arrived - journey.mean_ns * journey.mean_ns);
    }
    return journey;
}

static bool is_near(double value, double expected, double share)
{
    return fabs(value - expected) <= share * expected;
}

static void test_delay_alone(void)
{
    struct path_options options = {.delay_ns = 5 * NS_PER_MS};
    struct journey journey = travel(&options, 1);
    CU_ASSERT_EQUAL(journey.lost + journey.doubled + journey.overtaken, 0);
    CU_ASSERT_EQUAL(journey.least_ns, 5 * NS_PER_MS);
    CU_ASSERT_EQUAL(journey.mean_ns, 0);
}

static void test_shapes(void)
{
    struct path_options options = {.delay_ns = 100,
                                   .jitter = {.shape = JITTER_EXPONENTIAL, .scale_ns = 10000}};
    struct journey journey = travel(&options, 1);
    CU_ASSERT_TRUE(is_near(journey.mean_ns, 10000, 0.03) && is_near(journey.sd_ns, 10000, 0.05));

    options.jitter = (struct jitter){.shape = JITTER_GAUSSIAN, .scale_ns = 20000, .sd_ns = 5000};
    journey = travel(&options, 1);
    CU_ASSERT_TRUE(is_near(journey.mean_ns, 20000, 0.02) && is_near(journey.sd_ns, 5000, 0.05));
    options.jitter.sd_ns = 60000;
    CU_ASSERT_EQUAL(travel(&options, 1).least_ns, 100); /* nothing comes before it was sent */

    options.jitter =
        (struct jitter){.shape = JITTER_LOGNORMAL, .scale_ns = 10000, .parameter = 0.5};
    journey = travel(&options, 1);
    CU_ASSERT_TRUE(is_near(journey.mean_ns, 10000 * exp(0.125), 0.03));

    /* Nine of ten: 10 us; one of ten: 15 us, the mean of Pareto with 3. */
    options.jitter =
        (struct jitter){.shape = JITTER_PARETO, .scale_ns = 10000, .parameter = 0.1, .exponent = 3};
    journey = travel(&options, 1);
    CU_ASSERT_TRUE(is_near(journey.mean_ns, 0.9 * 10000 + 0.1 * 15000, 0.05));

    options.jitter = (struct jitter){.shape = JITTER_BURST,
                                     .scale_ns = 10000,
                                     .parameter = 10,
                                     .quiet_ns = 60 * NS_PER_S,
                                     .burst_ns = 20 * NS_PER_S};
    journey = travel(&options, 1);
    CU_ASSERT_TRUE(is_near(journey.mean_ns, 0.75 * 10000 + 0.25 * 100000, 0.25));
}

static void test_loss_and_more(void)
{
    struct path_options options = {.delay_ns = 1000, .loss = 0.3, .duplication = 0.1};
    struct journey journey = travel(&options, 2);
    CU_ASSERT_TRUE(is_near((double)journey.lost, 0.3 * SENT, 0.05));
    CU_ASSERT_TRUE(is_near((double)journey.doubled, 0.1 * 0.7 * SENT, 0.1));

    options = (struct path_options){.delay_ns = 1000, .spike = {0.05, 50 * NS_PER_MS}};
    journey = travel(&options, 2);
    CU_ASSERT_TRUE(is_near(journey.mean_ns, 0.05 * 50e6, 0.1));
    CU_ASSERT_EQUAL(journey.overtaken, 0);
}

static void test_order(void)
{
    struct path_options options = {.jitter = {.shape = JITTER_EXPONENTIAL, .scale_ns = NS_PER_S}};
    CU_ASSERT_TRUE(travel(&options, 3).overtaken > 1000);
    options.in_order = true;
    CU_ASSERT_EQUAL(travel(&options, 3).overtaken, 0);
    options.reorder = (struct straggling){0.01, 100 * NS_PER_S};
    /* Who comes within 100 s after a straggler was sent overtakes it: all but 0.99^100. */
    CU_ASSERT_TRUE(is_near((double)travel(&options, 3).overtaken, 0.634 * SENT, 0.15));
}

static void test_outages(void)
{
    struct path_options options = {
        .delay_ns = 1, .reachable_ns = 1200 * NS_PER_S, .period_ns = 7200 * NS_PER_S};
    struct path path;
    int64_t at_ns[2];
    path_init(&path, &options, 1);
    CU_ASSERT_EQUAL(path_send(&path, 0, at_ns), 1);
    CU_ASSERT_EQUAL(path_send(&path, 1200 * NS_PER_S - 1, at_ns), 1);
    CU_ASSERT_EQUAL(path_send(&path, 1200 * NS_PER_S, at_ns), 0);
    CU_ASSERT_EQUAL(path_send(&path, 7200 * NS_PER_S - 1, at_ns), 0);
    CU_ASSERT_EQUAL(path_send(&path, 7200 * NS_PER_S, at_ns), 1);

    options = (struct path_options){.outage_count = 1, .outages = {{10, 5}}};
    path_init(&path, &options, 1);
    CU_ASSERT_EQUAL(path_send(&path, 9, at_ns), 1);
    CU_ASSERT_EQUAL(path_send(&path, 10, at_ns), 0);
    CU_ASSERT_EQUAL(path_send(&path, 14, at_ns), 0);
    CU_ASSERT_EQUAL(path_send(&path, 15, at_ns), 1);
}

static void test_routes(void)
{
    struct path_options options = {
        .delay_ns = 10, .route_count = 2, .routes = {{200, 30}, {100, 20}}};
    struct path path;
    int64_t at_ns[2];
    static const int64_t expected[][2] = {{99, 109}, {100, 120}, {199, 219}, {200, 230}};
    path_init(&path, &options, 1);
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(path_send(&path, expected[i][0], at_ns), 1);
        CU_ASSERT_EQUAL(at_ns[0], expected[i][1]);
    }
}

static void test_seeds(void)
{
    struct path_options options = {.jitter = {.shape = JITTER_EXPONENTIAL, .scale_ns = 10000}};
    CU_ASSERT_EQUAL(travel(&options, 7).mean_ns, travel(&options, 7).mean_ns);
    CU_ASSERT_NOT_EQUAL(travel(&options, 7).mean_ns, travel(&options, 8).mean_ns);
}

static void test_faults(void)
{
    struct fault fault = {.from_ns = 1000, .until_ns = 5000, .offset_ns = 70, .rate_ppm = 20000};
    static const int64_t expected[][3] = {
        /* kind, towards client 2, towards client 3, at 2000 */
        {FAULT_OFFSET, 70, 70},     {FAULT_RAMP, 20, 20}, {FAULT_STUCK, -1000, -1000},
        {FAULT_TWO_FACED, 70, -70}, {FAULT_LEAP, 0, 0},   {FAULT_SILENT, 0, 0},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        fault.kind = (enum fault_kind)expected[i][0];
        CU_ASSERT_EQUAL(fault_offset_ns(&fault, 2000, 2), expected[i][1]);
        CU_ASSERT_EQUAL(fault_offset_ns(&fault, 2000, 3), expected[i][2]);
        CU_ASSERT_EQUAL(fault_offset_ns(&fault, 999, 2), 0);
        CU_ASSERT_EQUAL(fault_offset_ns(&fault, 5000, 2), 0);
        uint8_t payload[48] = {0x24};
        CU_ASSERT_EQUAL(fault_answer(&fault, 2000, payload), fault.kind != FAULT_SILENT);
        CU_ASSERT_EQUAL(payload[0], fault.kind == FAULT_LEAP ? 0x64 : 0x24);
        payload[0] = 0x24;
        CU_ASSERT_TRUE(fault_answer(&fault, 5000, payload));
        CU_ASSERT_EQUAL(payload[0], 0x24);
    }
}

static const struct unit_case cases[] = {
    {"a path without jitter", test_delay_alone},
    {"the shapes of jitter", test_shapes},
    {"loss, copies, spikes", test_loss_and_more},
    {"who overtakes whom", test_order},
    {"outages", test_outages},
    {"routes change", test_routes},
    {"a seed gives one journey", test_seeds},
    {"what liars say", test_faults},
};
UNIT_MAIN("network", cases)
