/* SPDX-License-Identifier: MIT */
#include "common/mesh/verdict.h"
#include <assert.h>

/* 300 s * 2^9 is beyond a day. */
#define EXCLUSIONS_MAX 10

const char *verdict_state_name(enum verdict_state state)
{
    static const char *const names[] = {
        [VERDICT_NEW] = "new",
        [VERDICT_CANDIDATE] = "candidate",
        [VERDICT_TRUECHIMER] = "truechimer",
        [VERDICT_SUSPECT] = "suspect",
        [VERDICT_EXCLUDED] = "excluded",
        [VERDICT_PROBATION] = "probation",
        [VERDICT_CONVICTED] = "convicted",
        [VERDICT_UNREACHABLE] = "unreachable",
    };
    _Static_assert(sizeof names / sizeof names[0] == VERDICT_STATES, "one name for each state");
    assert((size_t)state < VERDICT_STATES);
    return names[state];
}

void verdict_init(struct verdict *verdict, struct mono now)
{
    *verdict = (struct verdict){
        .cause = "nothing is known of it yet",
        .entered = now,
        .since = now,
        .cooled = now,
        .decayed = now,
    };
}

enum verdict_state verdict_state(const struct verdict *verdict)
{
    /* A conviction is shown even if it falls silent: it is what an operator must act on. */
    if (verdict->is_silent && verdict->underneath != VERDICT_CONVICTED) {
        return VERDICT_UNREACHABLE;
    }
    return verdict->underneath;
}

enum member_weight verdict_weight(const struct verdict *verdict)
{
    switch (verdict_state(verdict)) {
    case VERDICT_TRUECHIMER:
        return MEMBER_COUNTS;
    case VERDICT_NEW:
    case VERDICT_CANDIDATE:
        return MEMBER_AT_FIRST;
    case VERDICT_CONVICTED:
        return MEMBER_CONVICTED;
    default:
        return MEMBER_WATCHED;
    }
}

bool verdict_is_only_silent(const struct verdict *verdict)
{
    switch (verdict->underneath) {
    case VERDICT_NEW:
    case VERDICT_CANDIDATE:
    case VERDICT_TRUECHIMER:
        return verdict->is_silent;
    case VERDICT_SUSPECT:
        return verdict->is_missed;
    default:
        return false;
    }
}

bool verdict_take_change(struct verdict *verdict)
{
    bool is_changed = verdict->is_changed;
    verdict->is_changed = false;
    return is_changed;
}

static void note(struct verdict *verdict, const char *cause, uint32_t evidence)
{
    verdict->cause = cause;
    verdict->evidence = evidence;
    verdict->is_changed = true;
}

static void enter(struct verdict *verdict, struct mono now, enum verdict_state state,
                  const char *cause, uint32_t evidence)
{
    enum verdict_state shown = verdict_state(verdict);
    verdict->underneath = state;
    verdict->is_missed = false;
    verdict->entered = now;
    verdict->decayed = now;
    verdict->rounds_now = 0;
    verdict->hits = 0;
    if (verdict_state(verdict) != shown) {
        verdict->since = now;
    }
    note(verdict, cause, evidence);
}

static int64_t cool_down_ns(unsigned exclusions)
{
    int64_t duration_ns = VERDICT_COOL_DOWN_NS << (exclusions - 1);
    return duration_ns < VERDICT_COOL_DOWN_NS_MAX ? duration_ns : VERDICT_COOL_DOWN_NS_MAX;
}

static void shut_out(struct verdict *verdict, struct mono now, const char *cause, uint32_t evidence)
{
    if (verdict->exclusions < EXCLUSIONS_MAX) {
        verdict->exclusions++;
    }
    verdict->cooled.ns = now.ns + cool_down_ns(verdict->exclusions);
    verdict->rounds = 0;
    verdict->trials = 0;
    enter(verdict, now, VERDICT_EXCLUDED, cause, evidence);
}

/* Hits among the newest rounds; count is at most VERDICT_WINDOW. */
static unsigned hits_of(const struct verdict *verdict, unsigned count)
{
    unsigned hits = 0;
    for (unsigned i = 0; i < count; i++) {
        hits += verdict->trials >> i & 1U;
    }
    return hits;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static void remember(struct verdict *verdict, bool is_hit)
{
    verdict->trials = (uint8_t)((unsigned)verdict->trials << 1 | is_hit);
    verdict->rounds = (uint8_t)least(verdict->rounds + 1U, VERDICT_WINDOW);
    verdict->rounds_now = (uint8_t)least(verdict->rounds_now + 1U, VERDICT_WINDOW);
}

static bool is_falseticker(const struct verdict *verdict)
{
    return verdict->rounds - hits_of(verdict, verdict->rounds) >= VERDICT_MISSES_EXCLUDE;
}

static void shut_out_falseticker(struct verdict *verdict, struct mono now,
                                 const struct verdict_round *round)
{
    shut_out(verdict, now,
             round->is_accused ? "accused in a fifth bad round of 8" : "missed 5 of 8 rounds",
             round->evidence);
}

static void judge_newcomer(struct verdict *verdict, struct mono now,
                           const struct verdict_round *round)
{
    /* Also from new: a liar from the start would stay one whose word counts at first. */
    if (is_falseticker(verdict)) {
        shut_out_falseticker(verdict, now, round);
    } else if (verdict->underneath == VERDICT_NEW) {
        if (verdict->rounds == VERDICT_WINDOW) {
            enter(verdict, now, VERDICT_CANDIDATE, "answered 8 rounds", round->evidence);
        }
    } else if (hits_of(verdict, verdict->rounds) >= VERDICT_HITS_TRUST &&
               now.ns - verdict->entered.ns >= VERDICT_CANDIDATE_NS) {
        enter(verdict, now, VERDICT_TRUECHIMER, "agreed in 6 of 8 rounds", round->evidence);
    }
}

static void judge_truechimer(struct verdict *verdict, struct mono now,
                             const struct verdict_round *round)
{
    unsigned count = least(verdict->rounds_now, VERDICT_WINDOW_TRUSTED);
    if (round->is_accused) {
        enter(verdict, now, VERDICT_SUSPECT, "accused by more members than may lie",
              round->evidence);
    } else if (count - hits_of(verdict, count) >= VERDICT_MISSES_SUSPECT) {
        enter(verdict, now, VERDICT_SUSPECT, "missed 2 of 4 rounds", round->evidence);
    }
}

static void judge_suspect(struct verdict *verdict, struct mono now,
                          const struct verdict_round *round)
{
    if (is_falseticker(verdict)) {
        shut_out_falseticker(verdict, now, round);
    } else if (hits_of(verdict, verdict->rounds_now) >= VERDICT_HITS_TRUST) {
        enter(verdict, now, VERDICT_TRUECHIMER, "agreed in 6 of 8 rounds", round->evidence);
    }
}

static void judge_probation(struct verdict *verdict, struct mono now,
                            const struct verdict_round *round)
{
    if ((verdict->trials & 1U) == 0) {
        shut_out(verdict, now, "missed a round on probation", round->evidence);
    } else if (++verdict->hits == VERDICT_HITS_PROBATION) {
        enter(verdict, now, VERDICT_TRUECHIMER, "agreed in 24 rounds on probation",
              round->evidence);
    }
}

/* A day as a truechimer makes up for an exclusion. */
static void decay(struct verdict *verdict, struct mono now)
{
    while (verdict->underneath == VERDICT_TRUECHIMER && verdict->exclusions > 0 &&
           now.ns - verdict->decayed.ns >= VERDICT_DECAY_NS) {
        verdict->exclusions--;
        verdict->decayed.ns += VERDICT_DECAY_NS;
    }
}

/* Returns true when one of them is the fifth within an hour, or a further one. */
static bool disrupt(struct verdict *verdict, struct mono now, unsigned count)
{
    bool is_restless = false;
    for (unsigned i = least(count, VERDICT_DISRUPTIONS_MAX + 1); i > 0; i--) {
        is_restless =
            verdict->disrupted == VERDICT_DISRUPTIONS_MAX &&
            now.ns - verdict->disruptions[VERDICT_DISRUPTIONS_MAX - 1].ns < VERDICT_DISRUPTIONS_NS;
        for (size_t k = VERDICT_DISRUPTIONS_MAX - 1; k > 0; k--) {
            verdict->disruptions[k] = verdict->disruptions[k - 1];
        }
        verdict->disruptions[0] = now;
        verdict->disrupted = (uint8_t)least(verdict->disrupted + 1U, VERDICT_DISRUPTIONS_MAX);
    }
    return is_restless;
}

void verdict_round(struct verdict *verdict, struct mono now, const struct verdict_round *round)
{
    if (!round->is_verified || verdict->underneath == VERDICT_CONVICTED) {
        return;
    }
    decay(verdict, now);
    bool is_restless = disrupt(verdict, now, round->disruptions);
    bool is_miss = round->trial == TRIAL_MISS || round->is_accused || is_restless;
    if (!is_miss && round->trial == TRIAL_NONE) {
        return;
    }
    if (verdict->underneath == VERDICT_EXCLUDED) {
        if (!is_miss && now.ns >= verdict->cooled.ns) {
            enter(verdict, now, VERDICT_PROBATION, "agreed again after its cool-down",
                  round->evidence);
        }
        return;
    }
    remember(verdict, !is_miss);
    verdict->is_missed = verdict->is_missed && !is_miss;
    switch (verdict->underneath) {
    case VERDICT_TRUECHIMER:
        judge_truechimer(verdict, now, round);
        break;
    case VERDICT_SUSPECT:
        judge_suspect(verdict, now, round);
        break;
    case VERDICT_PROBATION:
        judge_probation(verdict, now, round);
        break;
    default:
        judge_newcomer(verdict, now, round);
        break;
    }
}

void verdict_asked(struct verdict *verdict, struct mono now)
{
    /* This poll may yet be answered. */
    unsigned unanswered = verdict->asked;
    verdict->asked = (uint8_t)least(verdict->asked + 1U, VERDICT_UNANSWERED_MAX + 1);
    if (unanswered >= VERDICT_UNANSWERED_SUSPECT && verdict->underneath == VERDICT_TRUECHIMER) {
        decay(verdict, now);
        enter(verdict, now, VERDICT_SUSPECT, "left 4 polls unanswered", 0);
        verdict->is_missed = true;
    }
    if (unanswered > VERDICT_UNANSWERED_MAX && !verdict->is_silent) {
        enum verdict_state shown = verdict_state(verdict);
        verdict->is_silent = true;
        if (verdict_state(verdict) != shown) {
            verdict->since = now;
            note(verdict, "left more than 8 polls unanswered", verdict->evidence);
        }
    }
}

void verdict_answered(struct verdict *verdict, struct mono now)
{
    enum verdict_state shown = verdict_state(verdict);
    verdict->asked = 0;
    verdict->is_silent = false;
    if (verdict_state(verdict) != shown) {
        verdict->since = now;
        note(verdict, "answers again", verdict->evidence);
    }
}

void verdict_exclude(struct verdict *verdict, struct mono now, const char *cause, uint32_t evidence)
{
    if (verdict->underneath == VERDICT_CONVICTED) {
        return;
    }
    if (verdict->underneath == VERDICT_EXCLUDED) {
        int64_t cooled_ns = now.ns + cool_down_ns(verdict->exclusions);
        verdict->cooled.ns = cooled_ns > verdict->cooled.ns ? cooled_ns : verdict->cooled.ns;
        return;
    }
    decay(verdict, now);
    shut_out(verdict, now, cause, evidence);
}

void verdict_convict(struct verdict *verdict, struct mono now, uint32_t evidence)
{
    if (verdict->underneath != VERDICT_CONVICTED) {
        enter(verdict, now, VERDICT_CONVICTED, "signed two different reports as one", evidence);
    }
}

void verdict_readmit(struct verdict *verdict, struct mono now)
{
    verdict_init(verdict, now);
    note(verdict, "readmitted by an operator", 0);
}

void verdict_count(struct verdict_tally *tally, const struct verdict *verdict)
{
    tally->states[verdict_state(verdict)]++;
}

struct verdict_budget verdict_budget(const struct verdict_tally *tally, unsigned members,
                                     unsigned faults)
{
    unsigned convicted = tally->states[VERDICT_CONVICTED];
    unsigned lost =
        convicted + tally->states[VERDICT_EXCLUDED] + tally->states[VERDICT_UNREACHABLE];
    return (struct verdict_budget){
        .members = members - least(convicted, members),
        .faults = faults - least(convicted, faults),
        .lost = lost,
        .left = faults - least(lost, faults),
        .is_spent = lost > faults,
    };
}
