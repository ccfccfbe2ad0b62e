/* SPDX-License-Identifier: MIT */
#include "common/base/hlc.h"
#include "tests/unit/unit.h"
#include <pthread.h>
#include <sched.h>
#include <string.h>

#define THREADS 4
#define ROUNDS 5
#define STAMPS 200000
#define STEP_NS 25000
/* So many stamps of the fastest thread share a reading of the clock. */
#define BURST 1000
/* Well below max_offset, which is 16384. */
#define LEAD_GRANULES 1000
/* Far more than are needed; a bound that is never raised must not hang the test. */
#define TRIES_MAX 100000000
#define BASE_NS (INT64_C(1767225600) * NS_PER_S)

struct player {
    pthread_t thread;
    struct hlc *hlc;
    size_t index;
    size_t count;
    atomic_bool is_done;
    size_t refusals;
    size_t disorders;
    uint64_t stamps[STAMPS];
    _Atomic int64_t *clock_ns;
    _Atomic size_t *ready;
};

static struct hlc_now now_at(int64_t ns)
{
    struct wall wall = {.ns = BASE_NS + ns};
    return (struct hlc_now){.reading = {.mono = {.ns = ns}, .wall = wall}, .latest = wall};
}

static void advance(_Atomic int64_t *clock_ns, int64_t least_ns)
{
    int64_t old_ns = atomic_load(clock_ns);
    while (old_ns < least_ns && !atomic_compare_exchange_weak(clock_ns, &old_ns, least_ns)) {
    }
}

/* Sends and receives by turns, and reads the clock that all share: nearly every stamp is one more
 * than the last. Now and then a message leads, each by a time of its own. Stamps are refused at
 * each bound, until the main thread has saved the next. */
static void *play(void *argument)
{
    struct player *player = argument;
    uint64_t last = 0;
    size_t count = 0;
    /* Until the last thread is there, so that none has finished before another begins. */
    atomic_fetch_add(player->ready, 1);
    while (atomic_load(player->ready) < THREADS) {
        sched_yield();
    }
    for (size_t tries = 0; count < STAMPS && tries < TRIES_MAX; tries++) {
        struct hlc_now now = now_at(atomic_load(player->clock_ns));
        uint64_t lead = (tries * 7919 + player->index * 1777) % LEAD_GRANULES;
        struct hlc_stamp message = hlc_stamp_make(hlc_granules(now.latest) + (int64_t)lead, 0);
        struct hlc_stamp stamp = {0};
        enum hlc_verdict verdict;
        bool has_message = tries % 4 == 0;
        if (tries % 64 == player->index * 16) {
            /* Mixes the threads even where one processor runs them all. */
            sched_yield();
        }
        if (has_message) {
            verdict = hlc_receive(player->hlc, &now, message, &stamp);
        } else {
            verdict = hlc_send(player->hlc, &now, &stamp);
        }
        if (verdict != HLC_OK && verdict != HLC_STALLED) {
            player->refusals++;
            sched_yield();
            continue;
        }
        player->disorders += last != 0 && !hlc_is_after(stamp, (struct hlc_stamp){last});
        player->disorders += has_message && !hlc_is_after(stamp, message);
        last = stamp.bits;
        player->stamps[count++] = stamp.bits;
        if (count % BURST == 0) {
            advance(player->clock_ns, (int64_t)(count * STEP_NS));
        }
    }
    player->count = count;
    atomic_store(&player->is_done, true);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static uint64_t all[THREADS * STAMPS];

static void check(struct player *players, struct hlc *hlc)
{
    size_t total = 0;
    for (size_t i = 0; i < THREADS; i++) {
        CU_ASSERT_EQUAL(players[i].disorders, 0);
        CU_ASSERT_EQUAL(players[i].count, STAMPS);
        for (size_t k = 0; k < players[i].count; k++) {
            all[total++] = players[i].stamps[k];
        }
    }
    qsort(all, total, sizeof all[0], compare);
    size_t twice = 0;
    for (size_t i = 1; i < total; i++) {
        twice += all[i] == all[i - 1];
    }
    CU_ASSERT_EQUAL(twice, 0);
    struct hlc_bound last = {0};
    CU_ASSERT_TRUE(hlc_last(hlc, &last));
    CU_ASSERT_EQUAL(last.stamp.bits, all[total - 1]);
}

static bool are_done(struct player *players)
{
    bool are_all = true;
    for (size_t i = 0; i < THREADS; i++) {
        are_all = are_all && atomic_load(&players[i].is_done);
    }
    return are_all;
}

static void play_round(void)
{
    static struct hlc hlc;
    static struct player players[THREADS];
    static _Atomic int64_t clock_ns;
    static _Atomic size_t ready;
    memset(players, 0, sizeof players);
    atomic_store(&clock_ns, 0);
    atomic_store(&ready, 0);
    struct hlc_now now = now_at(0);
    struct hlc_bound durable = {0};
    CU_ASSERT_TRUE_FATAL(hlc_init(&hlc, NULL, HLC_MAX_OFFSET_DEFAULT_NS));
    hlc_confirm(&hlc, now.reading);
    for (size_t i = 0; i < THREADS; i++) {
        players[i].hlc = &hlc;
        players[i].index = i;
        players[i].clock_ns = &clock_ns;
        players[i].ready = &ready;
        CU_ASSERT_EQUAL_FATAL(pthread_create(&players[i].thread, NULL, play, &players[i]), 0);
    }
    /* The main loop's part: it saves what the threads need next. */
    size_t saves = 0;
    size_t passed = 0;
    size_t refusals = 0;
    while (!are_done(players)) {
        struct hlc_bound wanted;
        struct hlc_bound last;
        now = now_at(atomic_load(&clock_ns));
        hlc_confirm(&hlc, now.reading);
        if (hlc_save_due(&hlc, &now, &wanted)) {
            passed += saves > 0 && hlc_last(&hlc, &last) && hlc_is_after(last.stamp, durable.stamp);
            durable = wanted;
            hlc_saved(&hlc, true);
            saves++;
        }
        sched_yield();
    }
    for (size_t i = 0; i < THREADS; i++) {
        CU_ASSERT_EQUAL(pthread_join(players[i].thread, NULL), 0);
        refusals += players[i].refusals;
    }
    /* Five seconds in bounds of one, and no stamp before the first. */
    CU_ASSERT_TRUE(saves >= 5);
    CU_ASSERT_EQUAL(refusals, hlc_count(&hlc, HLC_UNSAVED) + hlc_count(&hlc, HLC_AHEAD));
    CU_ASSERT_EQUAL(passed, 0);
    struct hlc_bound last = {0};
    CU_ASSERT_TRUE(hlc_last(&hlc, &last));
    CU_ASSERT_FALSE(hlc_is_after(last.stamp, durable.stamp));
    check(players, &hlc);
}

/* On a busy machine a round may see little of two threads at once. */
static void stamps_from_several_threads(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        play_round();
    }
}

static const struct unit_case cases[] = {
    {"stamps from several threads", stamps_from_several_threads},
};
UNIT_MAIN("hlc_threads", cases)
