/* SPDX-License-Identifier: MIT */
#include "common/base/random.h"
#include "common/mesh/berkeley.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <string.h>

#define NODES 5
#define INTERVAL_NS (5 * NS_PER_S)

/* Ids are 10, 20, 30 ...; who hears whom can be chosen. */
static struct berkeley nodes[NODES];
static bool hears[NODES][NODES]; /* [who][whom] */
static struct mono now;

static uint64_t id_of(size_t i)
{
    return 10 * (i + 1);
}

static struct berkeley_options options_of(size_t i)
{
    return (struct berkeley_options){
        .id = id_of(i), .members = NODES, .interval_ns = INTERVAL_NS, .gamma_ns = 50 * NS_PER_MS};
}

static void begin_node(size_t i)
{
    struct berkeley_options options = options_of(i);
    berkeley_init(&nodes[i], &options, now);
}

static void begin(void)
{
    now.ns = 100 * NS_PER_S;
    memset(hears, 1, sizeof(hears));
    for (size_t i = 0; i < NODES; i++) {
        begin_node(i);
    }
}

/* One interval: all say whom they name; through the wire and back. */
static void pass(void)
{
    now.ns += INTERVAL_NS;
    for (size_t i = 0; i < NODES; i++) {
        struct berkeley_elect elect, read;
        uint8_t body[BERKELEY_ELECT_SIZE];
        CU_ASSERT_TRUE(berkeley_deadline(&nodes[i]).ns <= now.ns);
        berkeley_look(&nodes[i], now, &elect);
        berkeley_elect_write(&elect, body);
        CU_ASSERT_EQUAL(berkeley_elect_read(bytes_make(body, sizeof(body)), &read), BERKELEY_OK);
        for (size_t j = 0; j < NODES; j++) {
            if (j != i && hears[j][i]) {
                (void)berkeley_take_elect(&nodes[j], id_of(i), &read, now);
            }
        }
    }
}

static void pass_many(int count)
{
    for (int i = 0; i < count; i++) {
        pass();
    }
}

static void cut(size_t i, size_t j)
{
    hears[i][j] = false;
    hears[j][i] = false;
}

static void isolate(size_t i)
{
    for (size_t j = 0; j < NODES; j++) {
        cut(i, j);
    }
}

/* In office, and named by so many. */
static size_t coordinators(void)
{
    size_t count = 0;
    for (size_t i = 0; i < NODES; i++) {
        count += berkeley_is_coordinator(&nodes[i], now);
    }
    return count;
}

static void test_smallest_is_elected(void)
{
    begin();
    CU_ASSERT_EQUAL(coordinators(), 0);
    pass_many(5);
    CU_ASSERT_TRUE(berkeley_is_coordinator(&nodes[0], now));
    CU_ASSERT_EQUAL(coordinators(), 1);
    for (size_t i = 0; i < NODES; i++) {
        CU_ASSERT_EQUAL(berkeley_coordinator(&nodes[i]), id_of(0));
        CU_ASSERT_EQUAL(nodes[i].term, nodes[0].term);
    }
    uint32_t term = nodes[0].term;
    pass_many(50);
    CU_ASSERT_EQUAL(nodes[0].term, term); /* once is enough */
}

static void test_replaced_and_back(void)
{
    begin();
    pass_many(5);
    uint32_t term = nodes[1].term;
    isolate(0);
    pass_many(BERKELEY_PATIENCE);
    CU_ASSERT_EQUAL(berkeley_coordinator(&nodes[1]), id_of(0));
    pass_many(4);
    CU_ASSERT_TRUE(berkeley_is_coordinator(&nodes[1], now));
    CU_ASSERT_FALSE(berkeley_is_coordinator(&nodes[0], now));
    CU_ASSERT_EQUAL(berkeley_coordinator(&nodes[4]), id_of(1));
    CU_ASSERT_TRUE(nodes[4].term > term);
    memset(hears, 1, sizeof(hears));
    pass_many(4);
    CU_ASSERT_EQUAL(coordinators(), 1);
    CU_ASSERT_TRUE(berkeley_is_coordinator(&nodes[0], now));
}

static void test_no_majority_no_coordinator(void)
{
    begin();
    pass_many(5);
    isolate(0);
    isolate(1);
    isolate(2);
    pass_many(10);
    CU_ASSERT_EQUAL(coordinators(), 0);
    for (size_t i = 0; i < NODES; i++) {
        CU_ASSERT_EQUAL(berkeley_coordinator(&nodes[i]), 0);
    }
}

/* 20 can't hear 10, and all others do: it does not take over, and does not upset them. */
static void test_one_link_is_cut(void)
{
    begin();
    cut(0, 1);
    pass_many(20);
    CU_ASSERT_TRUE(berkeley_is_coordinator(&nodes[0], now));
    CU_ASSERT_FALSE(berkeley_is_coordinator(&nodes[1], now));
    CU_ASSERT_EQUAL(berkeley_coordinator(&nodes[3]), id_of(0));
    hears[0][1] = true;
    hears[1][0] = true;
    pass_many(4);
    CU_ASSERT_EQUAL(berkeley_coordinator(&nodes[1]), id_of(0));
    CU_ASSERT_EQUAL(nodes[1].term, nodes[0].term);
}

static void test_excluded_is_not_elected(void)
{
    begin();
    pass_many(5);
    for (size_t i = 1; i < NODES; i++) {
        berkeley_exclude(&nodes[i], id_of(0), true);
    }
    pass_many(4);
    CU_ASSERT_TRUE(berkeley_is_coordinator(&nodes[1], now));
    CU_ASSERT_FALSE(berkeley_is_coordinator(&nodes[0], now) &&
                    berkeley_coordinator(&nodes[3]) == id_of(0));
    struct berkeley_elect elect = {.term = nodes[3].term + 1, .coordinator = id_of(0)};
    CU_ASSERT_EQUAL(berkeley_take_elect(&nodes[3], id_of(0), &elect, now), BERKELEY_UNKNOWN);
    for (size_t i = 1; i < NODES; i++) {
        berkeley_exclude(&nodes[i], id_of(0), false);
    }
    pass_many(4);
    CU_ASSERT_TRUE(berkeley_is_coordinator(&nodes[0], now));
}

static void test_terms_are_held(void)
{
    begin();
    pass_many(5);
    uint32_t term = nodes[3].term;
    struct berkeley_elect elect = {.term = term + 100000, .coordinator = id_of(4)};
    CU_ASSERT_EQUAL(berkeley_take_elect(&nodes[3], id_of(4), &elect, now), BERKELEY_TERM);
    elect.term = term + 1;
    CU_ASSERT_EQUAL(berkeley_take_elect(&nodes[3], id_of(4), &elect, now), BERKELEY_SMALLER);
    elect.coordinator = id_of(1); /* and 10 is heard */
    CU_ASSERT_EQUAL(berkeley_take_elect(&nodes[3], id_of(1), &elect, now), BERKELEY_SMALLER);
    CU_ASSERT_EQUAL(berkeley_coordinator(&nodes[3]), id_of(0));
    elect = (struct berkeley_elect){.term = term - 1, .coordinator = id_of(0)};
    nodes[3].term = term + 1;
    CU_ASSERT_EQUAL(berkeley_take_elect(&nodes[3], id_of(0), &elect, now), BERKELEY_STALE);
}

static struct reading clock_at(int64_t wall_ns)
{
    return (struct reading){now, {wall_ns}};
}

static void test_round(void)
{
    const int64_t wall_ns = INT64_C(1795190400) * NS_PER_S;
    struct berkeley_offset offsets[] = {{.id = 20, .offset_ns = 10e6, .sd_ns = 3e3},
                                        {.id = 30, .offset_ns = 20e6},
                                        {.id = 40, .offset_ns = 900e6},
                                        {.id = 50, .offset_ns = 15e6}};
    struct berkeley_difference out[BERKELEY_MEMBERS_MAX + 1];
    struct mono at;
    begin();
    CU_ASSERT_EQUAL(berkeley_round(&nodes[0], offsets, 4, false, clock_at(wall_ns), out), 0);
    pass_many(5);
    CU_ASSERT_EQUAL(berkeley_round(&nodes[1], offsets, 4, false, clock_at(wall_ns), out), 0);
    CU_ASSERT_EQUAL(berkeley_round(&nodes[0], offsets, 4, false, clock_at(wall_ns), out), 5);
    /* 0, 10, 20 and 15 ms: 900 ms is left out, and told all the same. */
    CU_ASSERT_EQUAL(out[0].averaged, 4);
    CU_ASSERT_EQUAL(out[0].recipient, 20);
    CU_ASSERT_EQUAL(out[0].offset_ns, 1250000);
    CU_ASSERT_EQUAL(out[0].clock.ns, wall_ns + 10 * NS_PER_MS);
    CU_ASSERT_TRUE(out[0].sd_ns >= 3000 && out[0].sd_ns < 4000);
    CU_ASSERT_EQUAL(out[2].offset_ns, 11250000 - 900 * NS_PER_MS);
    CU_ASSERT_EQUAL(out[4].recipient, 10);
    CU_ASSERT_EQUAL(out[4].offset_ns, 11250000);
    CU_ASSERT_EQUAL(berkeley_take_difference(&nodes[0], 10, &out[4], clock_at(wall_ns), &at),
                    BERKELEY_OK);
    CU_ASSERT_EQUAL(at.ns, now.ns);
    /* Who is excluded is not averaged. */
    berkeley_exclude(&nodes[0], 30, true);
    CU_ASSERT_EQUAL(berkeley_round(&nodes[0], offsets, 4, false, clock_at(wall_ns), out), 5);
    CU_ASSERT_EQUAL(out[4].averaged, 3);
    CU_ASSERT_EQUAL(out[4].offset_ns, llround(25e6 / 3));
    /* An anchor moves nowhere. */
    CU_ASSERT_EQUAL(berkeley_round(&nodes[0], offsets, 4, true, clock_at(wall_ns), out), 5);
    CU_ASSERT_EQUAL(out[4].offset_ns, 0);
    CU_ASSERT_EQUAL(out[1].offset_ns, -20 * NS_PER_MS);
}

/* The clocks beyond gamma of the largest group have no say, wherever ours is. */
static void test_largest_group(void)
{
    struct berkeley_offset offsets[] = {{.id = 20, .offset_ns = 400e6},
                                        {.id = 30, .offset_ns = 420e6},
                                        {.id = 40, .offset_ns = -60e6},
                                        {.id = 50, .offset_ns = 410e6}};
    struct berkeley_difference out[BERKELEY_MEMBERS_MAX + 1];
    begin();
    pass_many(5);
    CU_ASSERT_EQUAL(berkeley_round(&nodes[0], offsets, 4, false, clock_at(NS_PER_S), out), 5);
    CU_ASSERT_EQUAL(out[4].averaged, 3);
    CU_ASSERT_EQUAL(out[4].offset_ns, 410 * NS_PER_MS);
    /* Of two as large it is ours. */
    CU_ASSERT_EQUAL(berkeley_round(&nodes[0], offsets + 2, 1, false, clock_at(NS_PER_S), out), 2);
    CU_ASSERT_EQUAL(out[1].offset_ns, 0);
}

static void test_differences_are_checked(void)
{
    struct mono at;
    begin();
    pass_many(5);
    const struct berkeley_difference good = {
        .term = nodes[3].term, .round = 1, .recipient = id_of(3), .clock = {1000 * NS_PER_S}};
    struct reading clock = clock_at(1003 * NS_PER_S);
    struct berkeley_difference bad = good;
    bad.recipient = id_of(2);
    CU_ASSERT_EQUAL(berkeley_take_difference(&nodes[3], 10, &bad, clock, &at), BERKELEY_RECIPIENT);
    CU_ASSERT_EQUAL(berkeley_take_difference(&nodes[3], 20, &good, clock, &at), BERKELEY_STRANGER);
    bad = good;
    bad.term--;
    CU_ASSERT_EQUAL(berkeley_take_difference(&nodes[3], 10, &bad, clock, &at), BERKELEY_STALE);
    bad.term += 2;
    CU_ASSERT_EQUAL(berkeley_take_difference(&nodes[3], 10, &bad, clock, &at), BERKELEY_STRANGER);
    bad = good;
    bad.clock.ns = 1004 * NS_PER_S;
    CU_ASSERT_EQUAL(berkeley_take_difference(&nodes[3], 10, &bad, clock, &at), BERKELEY_OLD);
    bad.clock.ns = 900 * NS_PER_S;
    CU_ASSERT_EQUAL(berkeley_take_difference(&nodes[3], 10, &bad, clock, &at), BERKELEY_OLD);
    bad.clock.ns = INT64_MIN;
    CU_ASSERT_EQUAL(berkeley_take_difference(&nodes[3], 10, &bad, clock, &at), BERKELEY_OLD);
    CU_ASSERT_EQUAL(berkeley_take_difference(&nodes[3], 10, &good, clock, &at), BERKELEY_OK);
    CU_ASSERT_EQUAL(at.ns, now.ns - 3 * NS_PER_S);
    CU_ASSERT_EQUAL(berkeley_take_difference(&nodes[3], 10, &good, clock, &at), BERKELEY_STALE);
}

static void test_bodies(void)
{
    const struct berkeley_difference difference = {.term = 7,
                                                   .round = 0x01020304,
                                                   .recipient = UINT64_C(0x1122334455667788),
                                                   .clock = {-5},
                                                   .offset_ns = -6,
                                                   .sd_ns = UINT32_MAX,
                                                   .averaged = 300};
    struct berkeley_difference read;
    struct berkeley_elect elect;
    uint8_t body[BERKELEY_DIFFERENCE_SIZE + 1];
    memset(body, 0xAA, sizeof(body));
    berkeley_difference_write(&difference, body);
    CU_ASSERT_EQUAL(body[8], 0x11);
    CU_ASSERT_EQUAL(body[BERKELEY_DIFFERENCE_SIZE], 0xAA);
    struct bytes whole = bytes_make(body, BERKELEY_DIFFERENCE_SIZE);
    CU_ASSERT_EQUAL(berkeley_difference_read(whole, &read), BERKELEY_OK);
    CU_ASSERT_EQUAL(read.term, 7);
    CU_ASSERT_EQUAL(read.round, difference.round);
    CU_ASSERT_EQUAL(read.recipient, difference.recipient);
    CU_ASSERT_EQUAL(read.clock.ns, -5);
    CU_ASSERT_EQUAL(read.offset_ns, -6);
    CU_ASSERT_EQUAL(read.sd_ns, UINT32_MAX);
    CU_ASSERT_EQUAL(read.averaged, 300);
    CU_ASSERT_EQUAL(berkeley_difference_read(bytes_make(body, sizeof(body)), &read), BERKELEY_SIZE);
    body[39] = 1;
    CU_ASSERT_EQUAL(berkeley_difference_read(whole, &read), BERKELEY_RESERVED);
    body[39] = 0;
    bytes_put_u32(body, 0);
    CU_ASSERT_EQUAL(berkeley_difference_read(whole, &read), BERKELEY_TERM);
    bytes_put_u32(body, UINT32_MAX);
    CU_ASSERT_EQUAL(berkeley_difference_read(whole, &read), BERKELEY_TERM);

    const struct berkeley_elect nobody = {.heard = 1};
    berkeley_elect_write(&nobody, body);
    whole.size = BERKELEY_ELECT_SIZE;
    CU_ASSERT_EQUAL(berkeley_elect_read(whole, &elect), BERKELEY_OK);
    CU_ASSERT_EQUAL(elect.heard, 1);
    body[11] = 9; /* somebody, and no term */
    CU_ASSERT_EQUAL(berkeley_elect_read(whole, &elect), BERKELEY_TERM);
    body[15] = 1;
    CU_ASSERT_EQUAL(berkeley_elect_read(whole, &elect), BERKELEY_RESERVED);
    whole.size--;
    CU_ASSERT_EQUAL(berkeley_elect_read(whole, &elect), BERKELEY_SIZE);
}

/* Links fail by chance; once all are whole again, one is elected soon, and all name it. */
static void test_by_chance(void)
{
    struct random random;
    random_init_seeded(&random, 5);
    for (int run = 0; run < 200; run++) {
        begin();
        for (int i = 0; i < 30; i++) {
            for (size_t j = 0; j < NODES * NODES; j++) {
                hears[j / NODES][j % NODES] = random_unit(&random) < 0.6;
            }
            if (random_unit(&random) < 0.1) {
                begin_node((size_t)(random_unit(&random) * NODES));
            }
            pass();
        }
        memset(hears, 1, sizeof(hears));
        pass_many(2 * BERKELEY_PATIENCE);
        CU_ASSERT_TRUE(berkeley_is_coordinator(&nodes[0], now));
        CU_ASSERT_EQUAL(coordinators(), 1);
        for (size_t i = 1; i < NODES; i++) {
            CU_ASSERT_EQUAL(berkeley_coordinator(&nodes[i]), id_of(0));
        }
    }
}

static void test_names(void)
{
    for (int i = 0; i < BERKELEY_VERDICTS; i++) {
        for (int j = 0; j < i; j++) {
            CU_ASSERT_STRING_NOT_EQUAL(berkeley_verdict_name((enum berkeley_verdict)i),
                                       berkeley_verdict_name((enum berkeley_verdict)j));
        }
    }
}

static const struct unit_case cases[] = {
    {"the smallest is elected", test_smallest_is_elected},
    {"replaced, and back", test_replaced_and_back},
    {"no majority, no coordinator", test_no_majority_no_coordinator},
    {"one link is cut", test_one_link_is_cut},
    {"who is excluded is not elected", test_excluded_is_not_elected},
    {"terms are held", test_terms_are_held},
    {"a round", test_round},
    {"the largest group", test_largest_group},
    {"differences are checked", test_differences_are_checked},
    {"bodies", test_bodies},
    {"links by chance", test_by_chance},
    {"names", test_names},
};
UNIT_MAIN("berkeley", cases)
