/* SPDX-License-Identifier: MIT */
#include "client/sync/orphan.h"
#include "tests/unit/unit.h"

static const uint32_t own[] = {50, 60};
static const struct orphan_self self = {.stratum = 10, .own = own, .own_count = 2};

static void test_smallest(void)
{
    struct orphan_choice choice;
    struct orphan_peer peers[] = {{.address = 40, .refid = 0x7F7F0101, .stratum = 10},
                                  {.address = 30, .refid = 0x7F7F0101, .stratum = 10},
                                  {.address = 70, .refid = 0x7F7F0101, .stratum = 10}};
    CU_ASSERT_TRUE_FATAL(orphan_choose(&self, peers, 3, &choice));
    CU_ASSERT_EQUAL(choice.index, 1);
    CU_ASSERT_EQUAL(choice.root, 30);
    CU_ASSERT_EQUAL(choice.stratum, 11);
    /* Nobody smaller: we are the root. */
    CU_ASSERT_FALSE(orphan_choose(&self, &peers[2], 1, &choice));
    CU_ASSERT_FALSE(orphan_choose(&self, peers, 0, &choice));
}

static void test_followers(void)
{
    struct orphan_choice choice;
    struct orphan_peer peers[] = {
        {.address = 40, .refid = 0x7F7F0101, .stratum = 10},
        {.address = 90, .refid = 20, .stratum = 13}, /* leads to 20 */
        {.address = 80, .refid = 20, .stratum = 12}, /* and by less */
        {.address = 85, .refid = 20, .stratum = 12},
    };
    CU_ASSERT_TRUE_FATAL(orphan_choose(&self, peers, 4, &choice));
    CU_ASSERT_EQUAL(choice.index, 2);
    CU_ASSERT_EQUAL(choice.root, 20);
    CU_ASSERT_EQUAL(choice.stratum, 13);
}

static void test_own_followers(void)
{
    struct orphan_choice choice;
    struct orphan_peer peers[] = {{.address = 10, .refid = 50, .stratum = 11},
                                  {.address = 11, .refid = 60, .stratum = 12}};
    CU_ASSERT_FALSE(orphan_choose(&self, peers, 2, &choice));
}

/* What goes round in a ring without a root ends. */
static void test_strata_end(void)
{
    struct orphan_choice choice;
    struct orphan_peer peer = {.address = 90, .refid = 20, .stratum = 14};
    CU_ASSERT_TRUE(orphan_choose(&self, &peer, 1, &choice));
    CU_ASSERT_EQUAL(choice.stratum, 15);
    peer.stratum = 15;
    CU_ASSERT_FALSE(orphan_choose(&self, &peer, 1, &choice));
    /* Better than an orphan: somebody with a reference, and no matter of ours. */
    peer.stratum = 9;
    CU_ASSERT_FALSE(orphan_is_one(&self, 9));
    CU_ASSERT_FALSE(orphan_choose(&self, &peer, 1, &choice));
}

static const struct unit_case cases[] = {
    {"the smallest refid is followed", test_smallest},
    {"through others, by the least stratum", test_followers},
    {"whoever follows us is not followed", test_own_followers},
    {"the strata end", test_strata_end},
};
UNIT_MAIN("orphan", cases)
