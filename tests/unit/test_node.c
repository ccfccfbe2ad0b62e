/* SPDX-License-Identifier: MIT */
#include "ntpwire/packet.h"
#include "ntpwire/refid.h"
#include "server/node.h"
#include "tests/unit/unit.h"

#define WALL INT64_C(1795190400123456789)

static struct random source_of_numbers;

static struct reading reading(int64_t elapsed_ns)
{
    return (struct reading){{INT64_C(5000000000) + elapsed_ns}, {WALL + elapsed_ns}};
}

static struct sync_options options_of(bool is_shadow, unsigned stratum)
{
    struct sync_options options = sync_options_default();
    options.is_shadow = is_shadow;
    options.shadow_offset_ns = 80 * NS_PER_MS;
    options.local_stratum = stratum;
    options.precision = -23;
    return options;
}

static struct node *start(const struct sync_options *options)
{
    char error[SYNC_ERROR_MAX];
    random_init_seeded(&source_of_numbers, 1);
    struct node *node =
        node_create(&(struct node_options){.sync = options}, &source_of_numbers, reading(0), error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(node);
    return node;
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
    struct sync_options options = options_of(false, 0);
    struct node *node = start(&options);
    const struct sync_state *claim = node_claim(node);
    CU_ASSERT_EQUAL(claim->leap, LEAP_UNSYNCHRONISED);
    CU_ASSERT_EQUAL(claim->stratum, 16);
    CU_ASSERT_EQUAL(claim->precision, -23);
    CU_ASSERT_EQUAL(claim->reference.ns, 0);
    CU_ASSERT_TRUE(claim->root_dispersion_ns > 0);
    CU_ASSERT_EQUAL(claim->timebase, TIMEBASE_SYSTEM);
    CU_ASSERT_EQUAL(sync_state_utc(claim, reading(77)).ns, WALL + 77);
    struct status status;
    sync_status(node_sync(node), reading(1), &status);
    CU_ASSERT_EQUAL(status.condition, SYNC_LOCAL);
    CU_ASSERT_FALSE(status.has_interval);
    node_destroy(node);
}

static void test_local_stratum(void)
{
    for (unsigned stratum = 1; stratum <= 15; stratum++) {
        struct sync_options options = options_of(false, stratum);
        struct node *node = start(&options);
        const struct sync_state *claim = node_claim(node);
        CU_ASSERT_EQUAL(claim->leap, LEAP_NONE);
        CU_ASSERT_EQUAL(claim->stratum, stratum);
        CU_ASSERT_EQUAL(claim->refid, stratum == 1 ? REFID_LOCL : REFID_LOCAL_CLOCK);
        CU_ASSERT_EQUAL(claim->root_delay_ns, 0);
        /* 2^-23 s are 119 ns. */
        CU_ASSERT_EQUAL(claim->root_dispersion_ns, 119);
        CU_ASSERT_EQUAL(claim->reference.ns, WALL);
        /* It is the reference: it does not stray from itself. */
        CU_ASSERT_EQUAL(sync_state_dispersion_ns(claim, reading(16 * NS_PER_S).mono), 119);
        node_destroy(node);
    }
}

static void test_line(void)
{
    struct sync_options options = options_of(true, 0);
    struct node *node = start(&options);
    CU_ASSERT_EQUAL(node_claim(node)->stratum, 16);
    /* Unsynchronised or not, the line is what it serves. */
    CU_ASSERT_EQUAL(sync_state_utc(node_claim(node), reading(1000)).ns,
                    WALL + 80 * NS_PER_MS + 1000);
    /* Somebody steps the system clock: the line does not care. */
    struct reading stepped = reading(2000);
    stepped.wall.ns -= 3600 * NS_PER_S;
    CU_ASSERT_EQUAL(sync_state_utc(node_claim(node), stepped).ns, WALL + 80 * NS_PER_MS + 2000);
    node_destroy(node);
}

/* A month of renewals at uneven times, and the line is where it was, to the nanosecond. */
static void test_line_is_exact(void)
{
    static struct actions out;
    struct sync_options options = options_of(true, 10);
    struct node *node = start(&options);
    int64_t elapsed_ns = 0;
    unsigned published = 0;
    while (elapsed_ns < 30 * 86400 * NS_PER_S) {
        struct mono deadline = node_deadline(node);
        elapsed_ns = deadline.ns - reading(0).mono.ns + 12345 + published % 977;
        struct reading now = reading(elapsed_ns);
        now.wall.ns = published; /* whatever the system clock shows */
        CU_ASSERT_EQUAL_FATAL(tick(node, now, &out), 1);
        CU_ASSERT_EQUAL(out.items[0].kind, ACTION_PUBLISH);
        published++;
        int64_t utc_ns = WALL + 80 * NS_PER_MS + elapsed_ns;
        CU_ASSERT_EQUAL(sync_state_utc(&out.items[0].publish, now).ns, utc_ns);
        CU_ASSERT_EQUAL(out.items[0].publish.reference.ns, utc_ns);
        CU_ASSERT_EQUAL(sync_state_dispersion_ns(&out.items[0].publish, now.mono), 119);
    }
    CU_ASSERT_TRUE(published > 160000);
    node_destroy(node);
}

static void test_deadline(void)
{
    static struct actions out;
    struct sync_options options = options_of(false, 10);
    struct node *node = start(&options);
    /* The first publication is due at once. */
    CU_ASSERT_EQUAL(node_deadline(node).ns, reading(0).mono.ns);
    CU_ASSERT_EQUAL(tick(node, reading(0), &out), 1);
    CU_ASSERT_EQUAL(node_deadline(node).ns, reading(16 * NS_PER_S).mono.ns);
    CU_ASSERT_EQUAL(tick(node, reading(16 * NS_PER_S - 1), &out), 0);
    CU_ASSERT_EQUAL(tick(node, reading(16 * NS_PER_S), &out), 1);
    CU_ASSERT_EQUAL(out.items[0].publish.reference.ns, WALL + 16 * NS_PER_S);
    struct event other = {.now = reading(100 * NS_PER_S), .kind = EVENT_SENT};
    out.count = 0;
    node_handle(node, &other, &out);
    CU_ASSERT_EQUAL(out.count, 0);
    node_destroy(node);
}

static void test_configure(void)
{
    static struct actions out;
    char error[SYNC_ERROR_MAX];
    struct sync_options options = options_of(true, 10);
    struct node *node = start(&options);
    CU_ASSERT_EQUAL(tick(node, reading(0), &out), 1);

    struct sync_options reload = options_of(false, 1);
    reload.shadow_offset_ns = 0;
    reload.precision = -20;
    struct reading now = reading(5 * NS_PER_S);
    CU_ASSERT_TRUE_FATAL(
        node_configure(node, &(struct node_options){.sync = &reload}, now, &out, error));
    CU_ASSERT_EQUAL(node_claim(node)->stratum, 1);
    CU_ASSERT_EQUAL(node_claim(node)->refid, REFID_LOCL);
    CU_ASSERT_EQUAL(node_claim(node)->precision, -20);
    CU_ASSERT_EQUAL(node_claim(node)->timebase, TIMEBASE_LINE);
    now.wall.ns = 0;
    CU_ASSERT_EQUAL(sync_state_utc(node_claim(node), now).ns, WALL + 80 * NS_PER_MS + 5 * NS_PER_S);
    /* Published at once. */
    CU_ASSERT_EQUAL(tick(node, now, &out), 1);

    reload.local_stratum = 0;
    CU_ASSERT_TRUE_FATAL(
        node_configure(node, &(struct node_options){.sync = &reload}, now, &out, error));
    CU_ASSERT_EQUAL(node_claim(node)->stratum, 16);
    CU_ASSERT_EQUAL(node_claim(node)->leap, LEAP_UNSYNCHRONISED);
    CU_ASSERT_EQUAL(node_claim(node)->reference.ns, 0);
    node_destroy(node);
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
