/* SPDX-License-Identifier: MIT */
#include "common/base/random.h"
#include "common/mesh/odds.h"
#include "tests/unit/unit.h"
#include <math.h>

/* The table of the design: a majority of a random view lies, to two digits. */
static void agrees_with_the_table(void)
{
    static const struct {
        uint32_t view;
        double share;
        double chance;
    } rows[] = {
        {5, 0.05, 1.2e-3},  {5, 0.1, 8.6e-3},  {5, 0.2, 5.8e-2},  {5, 0.3, 1.6e-1},
        {9, 0.05, 3.3e-5},  {9, 0.1, 8.9e-4},  {9, 0.2, 2.0e-2},  {9, 0.3, 9.9e-2},
        {17, 0.05, 3.3e-8}, {17, 0.1, 1.1e-5}, {17, 0.2, 2.6e-3}, {17, 0.3, 4.0e-2},
        {33, 0.05, 4e-14},  {33, 0.1, 2.4e-9}, {33, 0.2, 5.5e-5}, {33, 0.3, 7.8e-3},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct odds odds = {.view = rows[i].view, .faults = (rows[i].view - 1) / 2};
        double chance = odds_of_excess(&odds, rows[i].share);
        CU_ASSERT_TRUE(fabs(chance / rows[i].chance - 1.0) < 0.06);
    }
}

static double choose(uint32_t from, uint32_t take)
{
    double ways = 1.0;
    for (uint32_t i = 0; i < take; i++) {
        ways *= (double)(from - i) / (i + 1);
    }
    return take > from ? 0.0 : ways;
}

/* Against the formula, for each small membership, view and number of liars. */
static void counts_without_replacement(void)
{
    for (uint32_t members = 1; members <= 14; members++) {
        for (uint32_t liars = 0; liars <= members; liars++) {
            for (uint32_t view = 0; view <= members; view++) {
                double excess = 0.0;
                for (uint32_t faults = view; faults-- > 0;) {
                    uint32_t lied = faults + 1;
                    if (lied <= liars && view - lied <= members - liars) {
                        excess += choose(liars, lied) * choose(members - liars, view - lied) /
                                  choose(members, view);
                    }
                    struct odds odds = {members, view, faults};
                    double chance = odds_of_excess(&odds, (double)liars / members);
                    CU_ASSERT_DOUBLE_EQUAL(chance, excess, 1e-12);
                }
            }
        }
    }
}

/* A view that is the whole membership holds exactly the liars that there are. */
static void a_view_of_all_leaves_nothing_to_chance(void)
{
    CU_ASSERT_EQUAL(odds_of_excess(&(struct odds){8, 8, 3}, 0.375), 0.0);
    CU_ASSERT_EQUAL(odds_of_excess(&(struct odds){8, 8, 2}, 0.375), 1.0);
    CU_ASSERT_EQUAL(odds_of_excess(&(struct odds){8, 16, 2}, 0.375), 1.0);
    /* Rounded up: 5 % of 8 is one, 5 % of 20 is one, 5 % of 21 are two. */
    CU_ASSERT_EQUAL(odds_of_excess(&(struct odds){8, 8, 0}, 0.05), 1.0);
    CU_ASSERT_EQUAL(odds_of_excess(&(struct odds){20, 20, 1}, 0.05), 0.0);
    CU_ASSERT_EQUAL(odds_of_excess(&(struct odds){21, 21, 1}, 0.05), 1.0);
}

static void edges(void)
{
    CU_ASSERT_EQUAL(odds_of_excess(&(struct odds){0, 0, 0}, 0.5), 0.0);
    CU_ASSERT_EQUAL(odds_of_excess(&(struct odds){0, 16, 5}, 0.0), 0.0);
    CU_ASSERT_EQUAL(odds_of_excess(&(struct odds){0, 16, 5}, 1.0), 1.0);
    CU_ASSERT_EQUAL(odds_of_excess(&(struct odds){0, 16, 16}, 1.0), 0.0);
    CU_ASSERT_EQUAL(odds_of_excess(&(struct odds){0, 16, UINT32_MAX}, 0.9), 0.0);
    CU_ASSERT_EQUAL(odds_of_excess(&(struct odds){UINT32_MAX, ODDS_VIEW_MAX, 0}, 1.0), 1.0);
}

/* Of many members it makes no difference that nobody is drawn twice; of few it does. */
static void many_members_are_as_if_without_end(void)
{
    double endless = odds_of_excess(&(struct odds){0, 16, 5}, 0.1);
    double many = odds_of_excess(&(struct odds){1000000, 16, 5}, 0.1);
    double few = odds_of_excess(&(struct odds){40, 16, 5}, 0.1);
    CU_ASSERT_TRUE(fabs(many / endless - 1.0) < 1e-4);
    CU_ASSERT_EQUAL(few, 0.0);
}

static void draws_agree(void)
{
    enum { MEMBERS = 30, VIEW = 9, LIARS = 6, ROUNDS = 40000 };
    struct random random;
    random_init_seeded(&random, 3);
    int excess = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t liars = 0;
        for (uint32_t drawn = 0; drawn < VIEW; drawn++) {
            liars += random_below(&random, MEMBERS - drawn) < LIARS - liars;
        }
        excess += liars > 2;
    }
    double chance = odds_of_excess(&(struct odds){MEMBERS, VIEW, 2}, (double)LIARS / MEMBERS);
    CU_ASSERT_DOUBLE_EQUAL((double)excess / ROUNDS, chance, 0.01);
}

static const struct unit_case cases[] = {
    {"agrees with the table", agrees_with_the_table},
    {"counts without replacement", counts_without_replacement},
    {"a view of all leaves nothing to chance", a_view_of_all_leaves_nothing_to_chance},
    {"edges", edges},
    {"many members are as if without end", many_members_are_as_if_without_end},
    {"draws agree", draws_agree},
};
UNIT_MAIN("odds", cases)
