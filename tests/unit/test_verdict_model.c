/* SPDX-License-Identifier: MIT */
/* Every state that the verdict's machine can reach, by every sequence of inputs, with at most three
 * exclusions remembered. A state is one number, from which the machine is made anew; time is
 * counted in halves of what the state waits for. The rules are stated here a second time. */
#include "common/mesh/verdict.h"
#include "tests/unit/unit.h"
#include <string.h>

#define NOW_NS (INT64_C(1) << 60)
#define EXCLUSIONS 3
#define DAY_NS (86400 * NS_PER_S)
#define TABLE (1U << 24)

enum input { HIT, MISS, NONE, ACCUSED, FORGED, ASK, ANSWER, TICK, EXCLUDE, CONVICT, READMIT };

static uint64_t table[TABLE]; /* keys plus one */
static uint64_t queue[TABLE / 2];
static size_t queued;

static int64_t half_ns(const struct verdict *verdict)
{
    switch (verdict->underneath) {
    case VERDICT_CANDIDATE:
        return 90 * NS_PER_S;
    case VERDICT_EXCLUDED: {
        int64_t whole_ns = 300 * NS_PER_S;
        for (unsigned k = 1; k < verdict->exclusions; k++) {
            whole_ns = whole_ns * 2 < DAY_NS ? whole_ns * 2 : DAY_NS;
        }
        return whole_ns / 2;
    }
    case VERDICT_TRUECHIMER:
        return verdict->exclusions > 0 ? DAY_NS / 2 : 0;
    default:
        return 0;
    }
}

/* How many halves have passed; two are enough for everything. */
static unsigned halves_of(const struct verdict *verdict, struct mono now)
{
    int64_t half = half_ns(verdict);
    if (half == 0) {
        return 0;
    }
    int64_t passed_ns = now.ns - verdict->entered.ns;
    if (verdict->underneath == VERDICT_EXCLUDED) {
        passed_ns = 2 * half - (verdict->cooled.ns - now.ns);
    } else if (verdict->underneath == VERDICT_TRUECHIMER) {
        passed_ns = now.ns - verdict->decayed.ns;
    }
    CU_ASSERT_FATAL(passed_ns >= 0);
    return passed_ns / half < 2 ? (unsigned)(passed_ns / half) : 2;
}

static uint64_t key_of(const struct verdict *verdict, struct mono now)
{
    uint64_t key = (uint64_t)verdict->underneath;
    key = key << 1 | verdict->is_silent;
    key = key << 8 | verdict->trials;
    key = key << 4 | verdict->rounds;
    key = key << 4 | verdict->rounds_now;
    key = key << 5 | verdict->hits;
    key = key << 4 | verdict->exclusions;
    key = key << 4 | verdict->asked;
    return key << 2 | halves_of(verdict, now);
}

static uint64_t take(uint64_t *key, unsigned bits)
{
    uint64_t value = *key & ((UINT64_C(1) << bits) - 1);
    *key >>= bits;
    return value;
}

static struct verdict verdict_of(uint64_t key)
{
    struct verdict verdict;
    struct mono now = {NOW_NS};
    verdict_init(&verdict, now);
    int64_t halves = (int64_t)take(&key, 2);
    verdict.asked = (uint8_t)take(&key, 4);
    verdict.exclusions = (uint8_t)take(&key, 4);
    verdict.hits = (uint8_t)take(&key, 5);
    verdict.rounds_now = (uint8_t)take(&key, 4);
    verdict.rounds = (uint8_t)take(&key, 4);
    verdict.trials = (uint8_t)take(&key, 8);
    verdict.is_silent = take(&key, 1) != 0;
    verdict.underneath = (enum verdict_state)key;
    int64_t half = half_ns(&verdict);
    verdict.entered.ns -= halves * half;
    verdict.decayed.ns -= halves * half;
    verdict.cooled.ns += (2 - halves) * half;
    return verdict;
}

static struct mono apply(struct verdict *verdict, struct mono now, enum input input)
{
    struct verdict_round round = {.trial = TRIAL_NONE, .is_verified = true};
    switch (input) {
    case ASK:
        verdict_asked(verdict, now);
        return now;
    case ANSWER:
        verdict_answered(verdict, now);
        return now;
    case TICK:
        now.ns += half_ns(verdict);
        return now;
    case EXCLUDE:
        verdict_exclude(verdict, now, "proved", 1);
        return now;
    case CONVICT:
        verdict_convict(verdict, now, 2);
        return now;
    case READMIT:
        verdict_readmit(verdict, now);
        return now;
    default:
        round.trial = input == HIT ? TRIAL_HIT : input == NONE ? TRIAL_NONE : TRIAL_MISS;
        round.trial = input == ACCUSED ? TRIAL_HIT : round.trial;
        round.is_accused = input == ACCUSED;
        round.is_verified = input != FORGED;
        verdict_round(verdict, now, &round);
        return now;
    }
}

static void enqueue(uint64_t key)
{
    size_t slot = (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 40) % TABLE;
    while (table[slot] != 0 && table[slot] != key + 1) {
        slot = (slot + 1) % TABLE;
    }
    if (table[slot] == 0) {
        CU_ASSERT_FATAL(queued < TABLE / 2);
        table[slot] = key + 1;
        queue[queued++] = key;
    }
}

/* The last rounds, this one too, as the reader of the table would count them. */
static unsigned misses(const struct verdict *before, enum input input, unsigned rounds,
                       unsigned window)
{
    unsigned bits = (unsigned)before->trials << 1 | (input == HIT);
    unsigned held = rounds + 1 < window ? rounds + 1 : window;
    return held - (unsigned)__builtin_popcount(bits & ((1U << held) - 1));
}

/* What the table says that a judged round leads to. */
static enum verdict_state after_round(const struct verdict *before, enum input input)
{
    bool is_false = misses(before, input, before->rounds, 8) >= 5;
    unsigned rounds_now = before->rounds_now + 1U < 8 ? before->rounds_now + 1U : 8;
    unsigned hits_now = rounds_now - misses(before, input, before->rounds_now, 8);
    unsigned hits =
        (before->rounds < 8 ? before->rounds + 1U : 8) - misses(before, input, before->rounds, 8);
    unsigned halves = halves_of(before, (struct mono){NOW_NS});
    switch (before->underneath) {
    case VERDICT_NEW:
        return is_false ? VERDICT_EXCLUDED : before->rounds == 7 ? VERDICT_CANDIDATE : VERDICT_NEW;
    case VERDICT_CANDIDATE:
        return is_false                   ? VERDICT_EXCLUDED
               : hits >= 6 && halves == 2 ? VERDICT_TRUECHIMER
                                          : VERDICT_CANDIDATE;
    case VERDICT_TRUECHIMER:
        return input == ACCUSED || misses(before, input, before->rounds_now, 4) >= 2
                   ? VERDICT_SUSPECT
                   : VERDICT_TRUECHIMER;
    case VERDICT_SUSPECT:
        return is_false ? VERDICT_EXCLUDED : hits_now >= 6 ? VERDICT_TRUECHIMER : VERDICT_SUSPECT;
    case VERDICT_EXCLUDED:
        return input == HIT && halves == 2 ? VERDICT_PROBATION : VERDICT_EXCLUDED;
    case VERDICT_PROBATION:
        return input != HIT             ? VERDICT_EXCLUDED
               : before->hits + 1 == 24 ? VERDICT_TRUECHIMER
                                        : VERDICT_PROBATION;
    default:
        return before->underneath;
    }
}

static enum verdict_state expected(const struct verdict *before, enum input input)
{
    bool is_convicted = before->underneath == VERDICT_CONVICTED;
    switch (input) {
    case HIT:
    case MISS:
    case ACCUSED:
        return is_convicted ? VERDICT_CONVICTED : after_round(before, input);
    case ASK:
        return before->underneath == VERDICT_TRUECHIMER && before->asked >= 4 ? VERDICT_SUSPECT
                                                                              : before->underneath;
    case EXCLUDE:
        return is_convicted ? VERDICT_CONVICTED : VERDICT_EXCLUDED;
    case CONVICT:
        return VERDICT_CONVICTED;
    case READMIT:
        return VERDICT_NEW;
    default:
        return before->underneath;
    }
}

static unsigned seen_moves[VERDICT_STATES][VERDICT_STATES];
static size_t wrong;

static void require(bool is_true)
{
    wrong += !is_true;
}

static bool has_weight(const struct verdict *verdict)
{
    return verdict_weight(verdict) == MEMBER_COUNTS || verdict_weight(verdict) == MEMBER_AT_FIRST;
}

/* Holds of every step. */
static void check_step(const struct verdict *before, const struct verdict *after, enum input input)
{
    enum verdict_state from = before->underneath;
    enum verdict_state to = after->underneath;
    require(to == expected(before, input));
    seen_moves[from][to]++;
    /* A change is told, and only a change. */
    require(after->is_changed ==
            (from != to || verdict_state(before) != verdict_state(after) || input == READMIT));
    require(!after->is_changed || after->cause != before->cause);
    /* Silence shows, and hides nothing but itself. */
    bool is_silent = input == ASK       ? before->asked > 8 || before->is_silent
                     : input == ANSWER  ? false
                     : input == READMIT ? false
                                        : before->is_silent;
    require(after->is_silent == is_silent);
    require(verdict_state(after) ==
            (is_silent && to != VERDICT_CONVICTED ? VERDICT_UNREACHABLE : to));
    /* The cool-down grows with each exclusion, and shrinks by a day as a truechimer only. */
    if (from != VERDICT_EXCLUDED && to == VERDICT_EXCLUDED) {
        require(after->exclusions == before->exclusions + 1 ||
                (from == VERDICT_TRUECHIMER && after->exclusions == before->exclusions));
        require(after->cooled.ns - NOW_NS == 2 * half_ns(after));
    } else if (input != READMIT) {
        require(after->exclusions == before->exclusions ||
                (from == VERDICT_TRUECHIMER && after->exclusions + 1 == before->exclusions &&
                 halves_of(before, (struct mono){NOW_NS}) == 2));
    }
    /* Only the word of an operator makes somebody count that was shut out. */
    if (from == VERDICT_EXCLUDED || from == VERDICT_CONVICTED) {
        require(!has_weight(after) || input == READMIT);
    }
    require(!has_weight(after) || to != VERDICT_PROBATION);
    /* Doubt changes no n. */
    struct verdict_tally tally = {{0}};
    verdict_count(&tally, after);
    struct verdict_budget budget = verdict_budget(&tally, 4, 1);
    require(budget.members == (to == VERDICT_CONVICTED ? 3U : 4U));
    require(budget.faults == (to == VERDICT_CONVICTED ? 0U : 1U));
}

/* From anywhere: who lies from now on is excluded at the fifth miss, and counts no more after the
 * second at the latest if it was a truechimer. */
static void check_liar(uint64_t key)
{
    struct verdict verdict = verdict_of(key);
    bool was_trusted = verdict.underneath == VERDICT_TRUECHIMER;
    for (unsigned round = 1; round <= 5; round++) {
        (void)apply(&verdict, (struct mono){NOW_NS}, MISS);
        require(round < 2 || !was_trusted || !has_weight(&verdict));
    }
    require(verdict.underneath == VERDICT_EXCLUDED || verdict.underneath == VERDICT_CONVICTED);
}

/* From anywhere but a conviction: who tells the truth from now on, and answers, comes to count. */
static void check_honest(uint64_t key)
{
    struct verdict verdict = verdict_of(key);
    struct mono now = {NOW_NS};
    bool is_convicted = verdict.underneath == VERDICT_CONVICTED;
    for (unsigned step = 0; step < 40; step++) {
        (void)apply(&verdict, now, ANSWER);
        now = apply(&verdict, now, HIT);
        now = apply(&verdict, now, TICK);
        require(verdict.underneath != VERDICT_EXCLUDED || step < 3);
    }
    require((verdict_weight(&verdict) == MEMBER_COUNTS) == !is_convicted);
}

typedef void check_function(const struct verdict *before, const struct verdict *after,
                            enum input input);

/* Everywhere that the inputs lead, from the start. */
static void explore(const enum input *inputs, size_t count, check_function *check)
{
    memset(table, 0, sizeof table);
    memset(seen_moves, 0, sizeof seen_moves);
    queued = 0;
    wrong = 0;
    struct verdict first;
    verdict_init(&first, (struct mono){NOW_NS});
    enqueue(key_of(&first, (struct mono){NOW_NS}));
    for (size_t i = 0; i < queued; i++) {
        for (size_t k = 0; k < count; k++) {
            struct verdict before = verdict_of(queue[i]);
            struct verdict after = before;
            struct mono now = apply(&after, (struct mono){NOW_NS}, inputs[k]);
            check(&before, &after, inputs[k]);
            if (after.exclusions <= EXCLUSIONS) {
                enqueue(key_of(&after, now));
            }
        }
    }
}

static void keeps_to_the_table(void)
{
    static const enum input all[] = {HIT,    MISS, NONE,    ACCUSED, FORGED, ASK,
                                     ANSWER, TICK, EXCLUDE, CONVICT, READMIT};
    explore(all, sizeof all / sizeof all[0], check_step);
    CU_ASSERT_EQUAL(wrong, 0);
    /* Every line of the table was walked. */
    static const enum verdict_state lines[][2] = {
        {VERDICT_NEW, VERDICT_CANDIDATE},        {VERDICT_NEW, VERDICT_EXCLUDED},
        {VERDICT_CANDIDATE, VERDICT_TRUECHIMER}, {VERDICT_CANDIDATE, VERDICT_EXCLUDED},
        {VERDICT_TRUECHIMER, VERDICT_SUSPECT},   {VERDICT_TRUECHIMER, VERDICT_EXCLUDED},
        {VERDICT_SUSPECT, VERDICT_TRUECHIMER},   {VERDICT_SUSPECT, VERDICT_EXCLUDED},
        {VERDICT_EXCLUDED, VERDICT_PROBATION},   {VERDICT_PROBATION, VERDICT_TRUECHIMER},
        {VERDICT_PROBATION, VERDICT_EXCLUDED},   {VERDICT_PROBATION, VERDICT_CONVICTED},
        {VERDICT_CONVICTED, VERDICT_NEW},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        CU_ASSERT_TRUE(seen_moves[lines[i][0]][lines[i][1]] > 0);
    }
    for (size_t i = 0; i < queued; i++) {
        check_liar(queue[i]);
        check_honest(queue[i]);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_TRUE(queued > 100000);
}

static void check_innocent(const struct verdict *before, const struct verdict *after,
                           enum input input)
{
    (void)before;
    (void)input;
    require(after->underneath != VERDICT_EXCLUDED && after->underneath != VERDICT_CONVICTED &&
            after->underneath != VERDICT_PROBATION);
}

static void excludes_nobody_that_always_hits(void)
{
    static const enum input innocent[] = {HIT, NONE, FORGED, ASK, ANSWER, TICK};
    explore(innocent, sizeof innocent / sizeof innocent[0], check_innocent);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_TRUE(queued > 100);
}

static const struct unit_case cases[] = {
    {"keeps to the table", keeps_to_the_table},
    {"excludes nobody that always hits", excludes_nobody_that_always_hits},
};
UNIT_MAIN("verdict_model", cases)
