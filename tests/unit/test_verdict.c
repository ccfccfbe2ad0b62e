/* SPDX-License-Identifier: MIT */
/* What tests/unit/test_verdict_model.c leaves out: exact durations, disruptions, causes. */
#include "common/mesh/verdict.h"
#include "tests/unit/unit.h"
#include <string.h>

#define POLL_NS (16 * NS_PER_S)

static struct verdict verdict;
static struct mono now;

static void play(enum member_trial trial, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        now.ns += POLL_NS;
        verdict_asked(&verdict, now);
        verdict_answered(&verdict, now);
        struct verdict_round round = {.trial = trial, .is_verified = true, .evidence = 40};
        verdict_round(&verdict, now, &round);
    }
}

static void begin(void)
{
    now.ns = 0;
    verdict_init(&verdict, now);
}

static void begin_trusted(void)
{
    begin();
    play(TRIAL_HIT, 30);
    CU_ASSERT_EQUAL_FATAL(verdict_state(&verdict), VERDICT_TRUECHIMER);
    (void)verdict_take_change(&verdict);
}

/* Silence is told apart from what a member said: what was known of its clock stays known. */
static void silence_is_told_apart(void)
{
    begin_trusted();
    CU_ASSERT_FALSE(verdict_is_only_silent(&verdict));
    for (int i = 0; i < 12; i++) {
        now.ns += POLL_NS;
        verdict_asked(&verdict, now);
        CU_ASSERT_EQUAL(verdict_is_only_silent(&verdict), i >= VERDICT_UNANSWERED_SUSPECT);
        CU_ASSERT_EQUAL(verdict_weight(&verdict) == MEMBER_WATCHED,
                        i >= VERDICT_UNANSWERED_SUSPECT);
    }
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_UNREACHABLE);
    play(TRIAL_HIT, 1);
    CU_ASSERT_TRUE(verdict_is_only_silent(&verdict));
    play(TRIAL_MISS, 1);
    CU_ASSERT_FALSE(verdict_is_only_silent(&verdict));
    play(TRIAL_MISS, 8);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_EXCLUDED);
    for (int i = 0; i < 12; i++) {
        verdict_asked(&verdict, now);
    }
    CU_ASSERT_FALSE(verdict_is_only_silent(&verdict));
}

static void takes_180_seconds_to_trust(void)
{
    begin();
    CU_ASSERT_EQUAL(verdict_weight(&verdict), MEMBER_AT_FIRST);
    play(TRIAL_HIT, 7);
    CU_ASSERT_FALSE(verdict_take_change(&verdict));
    play(TRIAL_HIT, 1);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_CANDIDATE);
    CU_ASSERT_EQUAL(verdict_weight(&verdict), MEMBER_AT_FIRST);
    CU_ASSERT_TRUE(verdict_take_change(&verdict));
    CU_ASSERT_FALSE(verdict_take_change(&verdict));
    CU_ASSERT_EQUAL(verdict.since.ns, now.ns);
    CU_ASSERT_EQUAL(verdict.evidence, 40);
    struct mono candidate = now;
    struct verdict_round hit = {.trial = TRIAL_HIT, .is_verified = true};
    now.ns = candidate.ns + 180 * NS_PER_S - 1;
    verdict_round(&verdict, now, &hit);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_CANDIDATE);
    now.ns++;
    verdict_round(&verdict, now, &hit);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_TRUECHIMER);
    CU_ASSERT_EQUAL(verdict_weight(&verdict), MEMBER_COUNTS);
}

static void liar_is_out_after_five_rounds(void)
{
    begin();
    play(TRIAL_MISS, 4);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_NEW);
    play(TRIAL_MISS, 1);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_EXCLUDED);

    begin_trusted();
    play(TRIAL_MISS, 2);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_SUSPECT);
    CU_ASSERT_EQUAL(verdict_weight(&verdict), MEMBER_WATCHED);
    play(TRIAL_NONE, 3);
    play(TRIAL_MISS, 3);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_EXCLUDED);
    CU_ASSERT_STRING_EQUAL(verdict.cause, "missed 5 of 8 rounds");
}

/* It is accused wherever it does not lie. */
static void accusations_are_misses(void)
{
    begin_trusted();
    struct verdict_round accused = {.trial = TRIAL_HIT, .is_verified = true, .is_accused = true};
    verdict_round(&verdict, now, &accused);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_SUSPECT);
    accused.trial = TRIAL_NONE;
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_SUSPECT);
        verdict_round(&verdict, now, &accused);
    }
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_EXCLUDED);
    CU_ASSERT_STRING_EQUAL(verdict.cause, "accused in a fifth bad round of 8");
}

/* Excludes it again and again, and returns the cool-down that it then had. */
static int64_t exclude_again(void)
{
    play(TRIAL_MISS, 5);
    CU_ASSERT_EQUAL_FATAL(verdict_state(&verdict), VERDICT_EXCLUDED);
    struct verdict_round hit = {.trial = TRIAL_HIT, .is_verified = true};
    struct mono early = {verdict.cooled.ns - 1};
    verdict_round(&verdict, early, &hit);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_EXCLUDED);
    int64_t duration_ns = verdict.cooled.ns - verdict.entered.ns;
    now = verdict.cooled;
    verdict_round(&verdict, now, &hit);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_PROBATION);
    CU_ASSERT_EQUAL(verdict_weight(&verdict), MEMBER_WATCHED);
    return duration_ns;
}

static void cools_down_longer_each_time(void)
{
    begin();
    for (int64_t expected_s = 300; expected_s < 86400; expected_s *= 2) {
        CU_ASSERT_EQUAL(exclude_again(), expected_s * NS_PER_S);
    }
    for (int i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(exclude_again(), 86400 * NS_PER_S);
    }
    play(TRIAL_HIT, 23);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_PROBATION);
    play(TRIAL_HIT, 1);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_TRUECHIMER);
    /* Ten exclusions are remembered. Seven days leave three, so that the next is the fourth. */
    now.ns = verdict.entered.ns + 7 * 86400 * NS_PER_S;
    CU_ASSERT_EQUAL(exclude_again(), 2400 * NS_PER_S);
}

static void proof_excludes_and_starts_the_cool_down_anew(void)
{
    begin_trusted();
    verdict_exclude(&verdict, now, "contradicts itself", 7);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_EXCLUDED);
    CU_ASSERT_STRING_EQUAL(verdict.cause, "contradicts itself");
    CU_ASSERT_EQUAL(verdict.evidence, 7);
    CU_ASSERT_TRUE(verdict_take_change(&verdict));
    now.ns += 200 * NS_PER_S;
    verdict_exclude(&verdict, now, "again", 8);
    CU_ASSERT_FALSE(verdict_take_change(&verdict));
    CU_ASSERT_EQUAL(verdict.cooled.ns, now.ns + 300 * NS_PER_S);
    CU_ASSERT_STRING_EQUAL(verdict.cause, "contradicts itself");
}

static void conviction_outlasts_all_but_an_operator(void)
{
    begin_trusted();
    verdict_convict(&verdict, now, 9);
    CU_ASSERT_EQUAL(verdict_weight(&verdict), MEMBER_CONVICTED);
    verdict_convict(&verdict, now, 10);
    CU_ASSERT_EQUAL(verdict.evidence, 9);
    for (int i = 0; i < 12; i++) {
        verdict_asked(&verdict, now);
    }
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_CONVICTED);
    now.ns += 100 * 86400 * NS_PER_S;
    play(TRIAL_HIT, 100);
    verdict_exclude(&verdict, now, "contradicts itself", 11);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_CONVICTED);
    verdict_readmit(&verdict, now);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_NEW);
    CU_ASSERT_TRUE(verdict_take_change(&verdict));
}

static void silence_keeps_the_verdict(void)
{
    begin_trusted();
    /* The poll that is just out may yet be answered. */
    for (int i = 0; i < 4; i++) {
        verdict_asked(&verdict, now);
    }
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_TRUECHIMER);
    verdict_asked(&verdict, now);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_SUSPECT);
    for (int i = 5; i < 9; i++) {
        verdict_asked(&verdict, now);
    }
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_SUSPECT);
    now.ns++;
    verdict_asked(&verdict, now);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_UNREACHABLE);
    CU_ASSERT_EQUAL(verdict_weight(&verdict), MEMBER_WATCHED);
    CU_ASSERT_EQUAL(verdict.since.ns, now.ns);
    verdict_exclude(&verdict, now, "contradicts itself", 7);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_UNREACHABLE);
    now.ns++;
    verdict_answered(&verdict, now);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_EXCLUDED);
    CU_ASSERT_EQUAL(verdict.since.ns, now.ns);
}

static void disrupt(int64_t minute, uint16_t count)
{
    now.ns = 86400 * NS_PER_S + minute * 60 * NS_PER_S;
    struct verdict_round round = {.trial = TRIAL_HIT, .is_verified = true, .disruptions = count};
    verdict_round(&verdict, now, &round);
}

static void more_than_four_disruptions_an_hour_are_misses(void)
{
    begin_trusted();
    for (int64_t minute = 0; minute <= 195; minute += 15) {
        disrupt(minute, 1);
    }
    CU_ASSERT_EQUAL(verdict.trials, 0xFF);
    /* 150, 165, 180 and 195 were in the last hour. */
    disrupt(196, 1);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_TRUECHIMER);
    disrupt(197, 0);
    CU_ASSERT_EQUAL(verdict.trials, 0xFD);
    disrupt(198, 1);
    CU_ASSERT_EQUAL(verdict_state(&verdict), VERDICT_SUSPECT);

    begin_trusted();
    disrupt(0, 4);
    disrupt(60, 4);
    CU_ASSERT_EQUAL(verdict.trials, 0xFF);
    disrupt(120, UINT16_MAX);
    CU_ASSERT_EQUAL(verdict.trials, 0xFE);
}

static void budget_counts_what_is_lost(void)
{
    struct verdict_tally tally = {{0}};
    struct verdict_budget budget = verdict_budget(&tally, 7, 3);
    CU_ASSERT_TRUE(budget.members == 7 && budget.faults == 3 && budget.lost == 0);
    CU_ASSERT_EQUAL(budget.left, 3);
    tally.states[VERDICT_TRUECHIMER] = 2;
    tally.states[VERDICT_SUSPECT] = 4;
    CU_ASSERT_EQUAL(verdict_budget(&tally, 7, 3).lost, 0);
    tally.states[VERDICT_EXCLUDED] = 1;
    tally.states[VERDICT_UNREACHABLE] = 1;
    tally.states[VERDICT_CONVICTED] = 1;
    CU_ASSERT_EQUAL(verdict_budget(&tally, 7, 4).left, 1); /* a conviction is not counted twice */
    budget = verdict_budget(&tally, 7, 3);
    CU_ASSERT_TRUE(budget.members == 6 && budget.faults == 2 && budget.lost == 3);
    CU_ASSERT_FALSE(budget.is_spent);
    tally.states[VERDICT_EXCLUDED]++;
    CU_ASSERT_TRUE(verdict_budget(&tally, 7, 3).is_spent);
    tally.states[VERDICT_CONVICTED] = 4;
    budget = verdict_budget(&tally, 7, 3);
    CU_ASSERT_TRUE(budget.members == 3 && budget.faults == 0 && budget.is_spent);
}

static void names_its_states(void)
{
    for (unsigned state = 0; state < VERDICT_STATES; state++) {
        CU_ASSERT_TRUE(strlen(verdict_state_name((enum verdict_state)state)) > 0);
    }
}

static const struct unit_case cases[] = {
    {"takes 180 seconds to trust", takes_180_seconds_to_trust},
    {"a liar is out after five rounds", liar_is_out_after_five_rounds},
    {"accusations are misses", accusations_are_misses},
    {"cools down longer each time", cools_down_longer_each_time},
    {"proof excludes", proof_excludes_and_starts_the_cool_down_anew},
    {"conviction outlasts all but an operator", conviction_outlasts_all_but_an_operator},
    {"silence is told apart", silence_is_told_apart},
    {"silence keeps the verdict", silence_keeps_the_verdict},
    {"more than four disruptions", more_than_four_disruptions_an_hour_are_misses},
    {"budget counts what is lost", budget_counts_what_is_lost},
    {"names its states", names_its_states},
};
UNIT_MAIN("verdict", cases)
