/* SPDX-License-Identifier: MIT */
#include "ntpwire/packet.h"
#include "ntpwire/refid.h"
#include "server/node.h"
#include "tests/unit/unit.h"

#define WALL INT64_C(1795190400123456789)

static struct reading reading(int64_t elapsed_ns)
{
    return (struct reading){{INT64_C(5000000000) + elapsed_ns}, {WALL + elapsed_ns}};
}

static struct node_options options_of(enum sync_timebase timebase, unsigned stratum)
{
    return (struct node_options){.timebase = timebase,
                                 .offset_ns = 80 * NS_PER_MS,
                                 .local_stratum = stratum,
                                 .precision = -23};
}

/* Hands over a timer event and returns how many actions it gave. */
static size_t tick(struct node *node, struct reading now, struct actions *out)
{
    struct event event = {.now = now, .kind = EVENT_TIMER};
    out->count = 0;
    node_handle(node, &event, out);
    return out->count;
}

static void test_unsynchronised(void)
{
    struct node node;
    struct node_options options = options_of(TIMEBASE_SYSTEM, 0);
    node_init(&node, &options, reading(0));
    CU_ASSERT_EQUAL(node.state.leap, LEAP_UNSYNCHRONISED);
    CU_ASSERT_EQUAL(node.state.stratum, 16);
    CU_ASSERT_EQUAL(node.state.precision, -23);
    CU_ASSERT_EQUAL(node.state.reference.ns, 0);
    CU_ASSERT_TRUE(node.state.root_dispersion_ns > 0);
    CU_ASSERT_EQUAL(sync_state_utc(&node.state, reading(77)).ns, WALL + 77);
}

static void test_local_stratum(void)
{
    for (unsigned stratum = 1; stratum <= 15; stratum++) {
        struct node node;
        struct node_options options = options_of(TIMEBASE_SYSTEM, stratum);
        node_init(&node, &options, reading(0));
        CU_ASSERT_EQUAL(node.state.leap, LEAP_NONE);
        CU_ASSERT_EQUAL(node.state.stratum, stratum);
        CU_ASSERT_EQUAL(node.state.refid, stratum == 1 ? REFID_LOCL : REFID_LOCAL_CLOCK);
        CU_ASSERT_EQUAL(node.state.root_delay_ns, 0);
        /* 2^-23 s are 119 ns. */
        CU_ASSERT_EQUAL(node.state.root_dispersion_ns, 119);
        CU_ASSERT_EQUAL(node.state.reference.ns, WALL);
        /* It is the reference: it does not stray from itself. */
        CU_ASSERT_EQUAL(sync_state_dispersion_ns(&node.state, reading(16 * NS_PER_S).mono), 119);
    }
}

static void test_line(void)
{
    struct node node;
    struct node_options options = options_of(TIMEBASE_LINE, 0);
    node_init(&node, &options, reading(0));
    CU_ASSERT_EQUAL(node.state.stratum, 16);
    /* Unsynchronised or not, the line is what it serves. */
    CU_ASSERT_EQUAL(sync_state_utc(&node.state, reading(1000)).ns, WALL + 80 * NS_PER_MS + 1000);
    /* Somebody steps the system clock: the line does not care. */
    struct reading stepped = reading(2000);
    stepped.wall.ns -= 3600 * NS_PER_S;
    CU_ASSERT_EQUAL(sync_state_utc(&node.state, stepped).ns, WALL + 80 * NS_PER_MS + 2000);
}

/* A month of renewals at uneven times, and the line is where it was, to the nanosecond. */
static void test_line_is_exact(void)
{
    struct node node;
    static struct actions out;
    struct node_options options = options_of(TIMEBASE_LINE, 10);
    node_init(&node, &options, reading(0));
    int64_t elapsed_ns = 0;
    unsigned published = 0;
    while (elapsed_ns < 30 * 86400 * NS_PER_S) {
        struct mono deadline = node_deadline(&node);
        elapsed_ns = deadline.ns - reading(0).mono.ns + 12345 + published % 977;
        struct reading now = reading(elapsed_ns);
        now.wall.ns = published; /* whatever the system clock shows */
        CU_ASSERT_EQUAL_FATAL(tick(&node, now, &out), 1);
        CU_ASSERT_EQUAL(out.items[0].kind, ACTION_PUBLISH);
        published++;
        int64_t utc_ns = WALL + 80 * NS_PER_MS + elapsed_ns;
        CU_ASSERT_EQUAL(sync_state_utc(&out.items[0].publish, now).ns, utc_ns);
        CU_ASSERT_EQUAL(out.items[0].publish.reference.ns, utc_ns);
        CU_ASSERT_EQUAL(sync_state_dispersion_ns(&out.items[0].publish, now.mono), 119);
    }
    CU_ASSERT_TRUE(published > 160000);
}

static void test_deadline(void)
{
    struct node node;
    static struct actions out;
    struct node_options options = options_of(TIMEBASE_SYSTEM, 10);
    node_init(&node, &options, reading(0));
    /* The first publication is due at once. */
    CU_ASSERT_EQUAL(node_deadline(&node).ns, reading(0).mono.ns);
    CU_ASSERT_EQUAL(tick(&node, reading(0), &out), 1);
    CU_ASSERT_EQUAL(node_deadline(&node).ns, reading(16 * NS_PER_S).mono.ns);
    CU_ASSERT_EQUAL(tick(&node, reading(16 * NS_PER_S - 1), &out), 0);
    CU_ASSERT_EQUAL(tick(&node, reading(16 * NS_PER_S), &out), 1);
    CU_ASSERT_EQUAL(out.items[0].publish.reference.ns, WALL + 16 * NS_PER_S);
    struct event other = {.now = reading(100 * NS_PER_S), .kind = EVENT_SENT};
    out.count = 0;
    node_handle(&node, &other, &out);
    CU_ASSERT_EQUAL(out.count, 0);
}

static void test_configure(void)
{
    struct node node;
    static struct actions out;
    struct node_options options = options_of(TIMEBASE_LINE, 10);
    node_init(&node, &options, reading(0));
    CU_ASSERT_EQUAL(tick(&node, reading(0), &out), 1);

    struct node_options reload = options_of(TIMEBASE_SYSTEM, 1);
    reload.offset_ns = 0;
    reload.precision = -20;
    struct reading now = reading(5 * NS_PER_S);
    node_configure(&node, &reload, now);
    CU_ASSERT_EQUAL(node.state.stratum, 1);
    CU_ASSERT_EQUAL(node.state.refid, REFID_LOCL);
    CU_ASSERT_EQUAL(node.state.precision, -20);
    CU_ASSERT_EQUAL(node.state.timebase, TIMEBASE_LINE);
    now.wall.ns = 0;
    CU_ASSERT_EQUAL(sync_state_utc(&node.state, now).ns, WALL + 80 * NS_PER_MS + 5 * NS_PER_S);
    /* Published at once. */
    CU_ASSERT_EQUAL(tick(&node, now, &out), 1);

    reload.local_stratum = 0;
    node_configure(&node, &reload, now);
    CU_ASSERT_EQUAL(node.state.stratum, 16);
    CU_ASSERT_EQUAL(node.state.leap, LEAP_UNSYNCHRONISED);
    CU_ASSERT_EQUAL(node.state.reference.ns, 0);
}

static const struct unit_case cases[] = {
    {"without a source and a local stratum: unsynchronised", test_unsynchronised},
    {"the local clock as a source", test_local_stratum},
    {"the line goes its own way", test_line},
    {"renewing moves the line by nothing", test_line_is_exact},
    {"renewed every 16 s", test_deadline},
    {"a reload keeps the timebase", test_configure},
};
UNIT_MAIN("node", cases)
