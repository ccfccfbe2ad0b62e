/* SPDX-License-Identifier: MIT */
#include "server/ratelimit.h"
#include "tests/unit/unit.h"
#include <stdlib.h>

#define SLOTS 131072
#define MANY 100000
#define KEY(n) (UINT64_C(1) << 32 | (n))
#define START ((struct mono){INT64_C(123456789012345)})

static struct random seeded;

static struct ratelimit *create(bool enabled, int64_t interval_ns, unsigned burst, unsigned leak,
                                unsigned kod, size_t clients_max)
{
    struct ratelimit_options options = {
        .enabled = enabled, .interval_ns = interval_ns, .burst = burst, .leak = leak, .kod = kod};
    random_init_seeded(&seeded, 7);
    struct ratelimit *ratelimit = ratelimit_create(&options, clients_max, 99);
    CU_ASSERT_PTR_NOT_NULL_FATAL(ratelimit);
    return ratelimit;
}

static struct mono after(int64_t ns)
{
    return (struct mono){START.ns + ns};
}

/* How many of count requests, period_ns apart from `from` on, are answered. */
static unsigned answered(struct ratelimit *ratelimit, uint64_t key, int64_t from, int64_t period_ns,
                         unsigned count)
{
    unsigned answers = 0;
    for (unsigned i = 0; i < count; i++) {
        enum ratelimit_verdict verdict =
            ratelimit_check(ratelimit, key, after(from + i * period_ns), &seeded);
        answers += verdict == RATELIMIT_ANSWER;
    }
    return answers;
}

static struct ratelimit_client only_client(const struct ratelimit *ratelimit, struct mono now)
{
    struct ratelimit_client clients[2] = {{.key = 0}};
    size_t next;
    size_t count = ratelimit_list(ratelimit, 0, now, clients, 2, &next);
    CU_ASSERT_EQUAL(count, 1);
    CU_ASSERT_EQUAL(next, ratelimit_slots(ratelimit));
    return clients[0];
}

static void test_sizes(void)
{
    static const struct {
        size_t asked, given;
    } sizes[] = {{0, 64}, {1, 64}, {64, 64}, {65, 128}, {131072, 131072}, {131073, 262144}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct ratelimit *ratelimit = create(false, NS_PER_S, 1, 0, 0, sizes[i].asked);
        CU_ASSERT_EQUAL(ratelimit_slots(ratelimit), sizes[i].given);
        CU_ASSERT_EQUAL(ratelimit_count(ratelimit), 0);
        ratelimit_destroy(ratelimit);
    }
    ratelimit_destroy(NULL);
}

static void test_burst_then_interval(void)
{
    struct ratelimit *ratelimit = create(true, NS_PER_S, 16, 0, 0, 64);
    CU_ASSERT_EQUAL(answered(ratelimit, KEY(1), 0, 0, 100), 16);
    /* Another client is another account. */
    CU_ASSERT_EQUAL(answered(ratelimit, KEY(2), 0, 0, 3), 3);
    /* In the long run one per interval, whatever the rate that is tried. */
    CU_ASSERT_EQUAL(answered(ratelimit, KEY(1), NS_PER_S, NS_PER_S / 10, 1000), 100);
    /* What was saved while silent is the burst, not more. */
    CU_ASSERT_EQUAL(answered(ratelimit, KEY(1), 3600 * NS_PER_S, 0, 100), 16);
    /* Exactly at the interval nobody is ever limited. */
    CU_ASSERT_EQUAL(answered(ratelimit, KEY(3), 0, NS_PER_S, 5000), 5000);
    ratelimit_destroy(ratelimit);
}

static void test_short_intervals(void)
{
    static const int64_t intervals[] = {NS_PER_MS, 3 * NS_PER_MS, 62500 * NS_PER_US,
                                        4096 * NS_PER_S};
    for (size_t i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
        struct ratelimit *ratelimit = create(true, intervals[i], 1, 0, 0, 64);
        CU_ASSERT_EQUAL(answered(ratelimit, KEY(1), 0, intervals[i], 1000), 1000);
        CU_ASSERT_EQUAL(answered(ratelimit, KEY(2), 0, intervals[i] / 4, 4000), 1000);
        ratelimit_destroy(ratelimit);
    }
}

static void test_disabled_counts(void)
{
    struct ratelimit *ratelimit = create(false, 4096 * NS_PER_S, 1, 0, 1, 64);
    CU_ASSERT_EQUAL(answered(ratelimit, KEY(1), 0, 0, 1000), 1000);
    struct ratelimit_client client = only_client(ratelimit, START);
    CU_ASSERT_EQUAL(client.key, KEY(1));
    CU_ASSERT_EQUAL(client.hits, 1000);
    CU_ASSERT_EQUAL(client.drops, 0);
    ratelimit_destroy(ratelimit);
}

static void test_leak_and_kiss(void)
{
    struct ratelimit *ratelimit = create(true, 4096 * NS_PER_S, 1, 4, 3, 64);
    unsigned counts[3] = {0, 0, 0};
    for (int i = 0; i < 12001; i++) {
        counts[ratelimit_check(ratelimit, KEY(1), START, &seeded)]++;
    }
    /* 1 + 12000 / 4 answers, a third of the rest kisses; within five standard deviations. */
    CU_ASSERT_TRUE(counts[RATELIMIT_ANSWER] > 3001 - 240 && counts[RATELIMIT_ANSWER] < 3001 + 240);
    CU_ASSERT_TRUE(counts[RATELIMIT_KISS] > 3000 - 240 && counts[RATELIMIT_KISS] < 3000 + 240);
    struct ratelimit_client client = only_client(ratelimit, START);
    CU_ASSERT_EQUAL(client.hits, 12001);
    CU_ASSERT_EQUAL(client.drops, counts[RATELIMIT_KISS] + counts[RATELIMIT_DROP]);
    ratelimit_destroy(ratelimit);
}

static void test_never_leaks(void)
{
    struct ratelimit *ratelimit = create(true, 4096 * NS_PER_S, 1, 0, 1, 64);
    CU_ASSERT_EQUAL(ratelimit_check(ratelimit, KEY(1), START, &seeded), RATELIMIT_ANSWER);
    for (int i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(ratelimit_check(ratelimit, KEY(1), START, &seeded), RATELIMIT_KISS);
    }
    struct ratelimit_options options = {true, 4096 * NS_PER_S, 1, 0, 0};
    ratelimit_configure(ratelimit, &options);
    for (int i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(ratelimit_check(ratelimit, KEY(1), START, &seeded), RATELIMIT_DROP);
    }
    ratelimit_destroy(ratelimit);
}

static void test_reload_forgives(void)
{
    struct ratelimit *ratelimit = create(true, 4096 * NS_PER_S, 255, 0, 0, 64);
    CU_ASSERT_EQUAL(answered(ratelimit, KEY(1), 0, 0, 300), 255);
    struct ratelimit_options options = {true, NS_PER_S, 2, 0, 0};
    ratelimit_configure(ratelimit, &options);
    CU_ASSERT_EQUAL(answered(ratelimit, KEY(1), 0, 0, 10), 0);
    CU_ASSERT_EQUAL(answered(ratelimit, KEY(1), NS_PER_S, NS_PER_S, 10), 10);
    ratelimit_destroy(ratelimit);
}

/* Adds count clients and returns how many of them are still held, asked one after the other. */
static size_t flood(struct ratelimit *ratelimit, uint64_t (*key_of)(uint32_t), uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ratelimit_prefetch(ratelimit, key_of(i));
        ratelimit_prefetch_entry(ratelimit, key_of(i));
        CU_ASSERT_EQUAL(ratelimit_check(ratelimit, key_of(i), after(i), &seeded), RATELIMIT_ANSWER);
    }
    return ratelimit_count(ratelimit);
}

static uint64_t key_in_a_row(uint32_t i)
{
    return KEY(UINT32_C(0x0A000000) + i);
}

static uint64_t key_of_slash64(uint32_t i)
{
    return (UINT64_C(0x20010DB8) << 32) + i;
}

static uint64_t key_strided(uint32_t i)
{
    return (UINT64_C(0x2001) << 48) + ((uint64_t)i << 20);
}

static void test_many_clients(void)
{
    uint64_t (*const shapes[])(uint32_t) = {key_in_a_row, key_of_slash64, key_strided};
    for (size_t shape = 0; shape < sizeof(shapes) / sizeof(shapes[0]); shape++) {
        struct ratelimit *ratelimit = create(false, NS_PER_S, 16, 4, 4, SLOTS);
        size_t held = flood(ratelimit, shapes[shape], MANY);
        CU_ASSERT_TRUE(held > MANY / 100 * 97);
        CU_ASSERT_TRUE(held <= MANY);
        ratelimit_destroy(ratelimit);
    }
}

/* Counts what is listed, by pages of 7, and that nobody is listed twice. */
static size_t list_all(const struct ratelimit *ratelimit, uint32_t *seen, uint32_t below)
{
    size_t total = 0;
    size_t slot = 0;
    while (slot < ratelimit_slots(ratelimit)) {
        struct ratelimit_client page[7];
        size_t count = ratelimit_list(ratelimit, slot, START, page, 7, &slot);
        for (size_t i = 0; i < count; i++) {
            uint32_t number = (uint32_t)(page[i].key - key_in_a_row(0));
            CU_ASSERT_FATAL(number < below);
            seen[number]++;
        }
        total += count;
    }
    return total;
}

static void test_list(void)
{
    struct ratelimit *ratelimit = create(false, NS_PER_S, 16, 4, 4, 1024);
    static uint32_t seen[600];
    size_t held = flood(ratelimit, key_in_a_row, 600);
    CU_ASSERT_EQUAL(list_all(ratelimit, seen, 600), held);
    for (size_t i = 0; i < 600; i++) {
        CU_ASSERT_TRUE(seen[i] <= 1);
    }
    struct ratelimit_client client;
    size_t next = 0;
    CU_ASSERT_EQUAL(ratelimit_list(ratelimit, 5000, START, &client, 1, &next), 0);
    CU_ASSERT_EQUAL(next, ratelimit_slots(ratelimit));
    ratelimit_destroy(ratelimit);
}

/* The client of number i is in the list. */
static bool is_held(const struct ratelimit *ratelimit, uint32_t i)
{
    struct ratelimit_client clients[64];
    size_t next;
    size_t count = ratelimit_list(ratelimit, 0, START, clients, 64, &next);
    for (size_t at = 0; at < count; at++) {
        if (clients[at].key == key_in_a_row(i)) {
            return true;
        }
    }
    return false;
}

static void test_oldest_makes_room(void)
{
    struct ratelimit *ratelimit = create(false, NS_PER_S, 16, 4, 4, 64);
    /* The first asks again and again and stays, however many others pass by. */
    for (uint32_t i = 1; i < 5000; i++) {
        CU_ASSERT_EQUAL(ratelimit_check(ratelimit, key_in_a_row(0), after(2 * i), &seeded),
                        RATELIMIT_ANSWER);
        CU_ASSERT_EQUAL(ratelimit_check(ratelimit, key_in_a_row(i), after(2 * i + 1), &seeded),
                        RATELIMIT_ANSWER);
        CU_ASSERT_TRUE(is_held(ratelimit, i));
    }
    CU_ASSERT_TRUE(is_held(ratelimit, 0));
    CU_ASSERT_EQUAL(ratelimit_count(ratelimit), 64);
    struct ratelimit_client clients[64];
    size_t next;
    size_t count = ratelimit_list(ratelimit, 0, after(10000), clients, 64, &next);
    CU_ASSERT_EQUAL(count, 64);
    for (size_t i = 0; i < count; i++) {
        /* Four sets of sixteen: who was forgotten was older than a few hundred requests. */
        CU_ASSERT_TRUE(clients[i].key == key_in_a_row(0) || clients[i].key > key_in_a_row(4500));
        CU_ASSERT_TRUE(clients[i].key != key_in_a_row(0) || clients[i].hits == 4999);
    }
    ratelimit_destroy(ratelimit);
}

static void test_interval_and_last(void)
{
    static const struct {
        int64_t period_ns;
        int log2_s;
    } periods[] = {{64 * NS_PER_S, 6},    {NS_PER_S, 0},      {NS_PER_S / 16, -4}, {NS_PER_MS, -10},
                   {1024 * NS_PER_S, 10}, {90 * NS_PER_S, 6}, {100 * NS_PER_S, 7}};
    for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
        struct ratelimit *ratelimit = create(false, NS_PER_S, 16, 4, 4, 64);
        CU_ASSERT_EQUAL(answered(ratelimit, KEY(1), 0, 1, 1), 1);
        CU_ASSERT_EQUAL(only_client(ratelimit, START).interval_log2_s, 127);
        int64_t period = periods[i].period_ns;
        CU_ASSERT_EQUAL(answered(ratelimit, KEY(1), period, period, 50), 50);
        struct ratelimit_client client = only_client(ratelimit, after(51 * period));
        CU_ASSERT_EQUAL(client.interval_log2_s, periods[i].log2_s);
        int64_t error_ns = client.last.ns - after(50 * period).ns;
        CU_ASSERT_TRUE(error_ns < NS_PER_S / 16 && error_ns > -NS_PER_S / 16);
        ratelimit_destroy(ratelimit);
    }
}

/* Whoever lists read the clock before a worker counted its newest request. */
static void test_seen_after_the_reading(void)
{
    struct ratelimit *ratelimit = create(false, NS_PER_S, 16, 4, 4, 64);
    CU_ASSERT_EQUAL(answered(ratelimit, KEY(1), NS_PER_S, 1, 1), 1);
    CU_ASSERT_EQUAL(only_client(ratelimit, START).last.ns, START.ns);
    ratelimit_destroy(ratelimit);
}

/* The counter of time in an entry goes round: nothing may jump there. */
static void test_time_wraps(void)
{
    struct ratelimit *ratelimit = create(true, NS_PER_S, 1, 0, 0, 64);
    int64_t wrap_ns = INT64_C(1) << 58; /* 48 bits of 1024 ns */
    for (int i = -20; i < 20; i++) {
        struct mono now = {wrap_ns + i * NS_PER_S + 77};
        CU_ASSERT_EQUAL(ratelimit_check(ratelimit, KEY(1), now, &seeded), RATELIMIT_ANSWER);
        struct ratelimit_client client = only_client(ratelimit, now);
        CU_ASSERT_TRUE(now.ns - client.last.ns >= 0 && now.ns - client.last.ns < 2048);
        CU_ASSERT_EQUAL(client.interval_log2_s, i == -20 ? 127 : 0);
    }
    ratelimit_destroy(ratelimit);
}

/* With another seed the same clients fall into other sets: nobody can choose colliding addresses
 * beforehand. */
static void test_seed_matters(void)
{
    struct ratelimit_options options = {false, NS_PER_S, 16, 4, 4};
    uint64_t keys[2][64];
    for (unsigned seed = 0; seed < 2; seed++) {
        struct ratelimit *ratelimit = ratelimit_create(&options, 4096, seed);
        CU_ASSERT_PTR_NOT_NULL_FATAL(ratelimit);
        CU_ASSERT_EQUAL(flood(ratelimit, key_in_a_row, 64), 64);
        struct ratelimit_client clients[64];
        size_t next;
        CU_ASSERT_EQUAL(ratelimit_list(ratelimit, 0, START, clients, 64, &next), 64);
        for (size_t i = 0; i < 64; i++) {
            keys[seed][i] = clients[i].key;
        }
        ratelimit_destroy(ratelimit);
    }
    unsigned same = 0;
    for (size_t i = 0; i < 64; i++) {
        same += keys[0][i] == keys[1][i];
    }
    CU_ASSERT_TRUE(same < 16);
}

static const struct unit_case cases[] = {
    {"the number of slots", test_sizes},
    {"a burst, then one per interval", test_burst_then_interval},
    {"intervals from 1 ms to 4096 s", test_short_intervals},
    {"switched off it only counts", test_disabled_counts},
    {"leaks and kisses in their proportions", test_leak_and_kiss},
    {"no leak, and no kiss, if so configured", test_never_leaks},
    {"a reload does not leave old debts", test_reload_forgives},
    {"100,000 clients are held", test_many_clients},
    {"the list, page by page", test_list},
    {"the client longest unseen makes room", test_oldest_makes_room},
    {"the interval and the last request", test_interval_and_last},
    {"a client seen after the reading", test_seen_after_the_reading},
    {"time goes round", test_time_wraps},
    {"the seed keys the hash", test_seed_matters},
};
UNIT_MAIN("ratelimit", cases)
