/* SPDX-License-Identifier: MIT */
#include "tests/sim/acquaintance.h"
#include "tests/unit/unit.h"
#include <string.h>

#define MANY 1000
#define KNOWN 48

static void test_few_know_everybody(void)
{
    for (size_t count = 1; count <= KNOWN + 1; count++) {
        struct acquaintance acquaintance;
        CU_ASSERT_TRUE_FATAL(acquaintance_init(&acquaintance, count, KNOWN, 1));
        for (size_t i = 0; i < count; i++) {
            size_t known;
            (void)acquaintance_of(&acquaintance, i, &known);
            CU_ASSERT_EQUAL(known, count - 1);
            CU_ASSERT_FALSE(acquaintance_knows(&acquaintance, i, i));
        }
        acquaintance_clear(&acquaintance);
    }
}

static void test_many_know_some(void)
{
    struct acquaintance acquaintance;
    CU_ASSERT_TRUE_FATAL(acquaintance_init(&acquaintance, MANY, KNOWN, 1));
    for (size_t i = 0; i < MANY; i++) {
        size_t known;
        const uint32_t *numbers = acquaintance_of(&acquaintance, i, &known);
        CU_ASSERT_TRUE(known > KNOWN / 2 && known <= KNOWN);
        for (size_t j = 0; j < known; j++) {
            CU_ASSERT_NOT_EQUAL(numbers[j], i);
            CU_ASSERT_TRUE(acquaintance_knows(&acquaintance, numbers[j], i));
            for (size_t k = 0; k < j; k++) {
                CU_ASSERT_NOT_EQUAL(numbers[k], numbers[j]);
            }
        }
        /* Those next to it, both of whom know each other. */
        size_t next = (i + 1) % MANY, other = (i + MANY - 1) % MANY;
        CU_ASSERT_TRUE(acquaintance_knows(&acquaintance, i, next));
        CU_ASSERT_TRUE(acquaintance_knows(&acquaintance, next, other));
    }
    acquaintance_clear(&acquaintance);
}

/* Everybody is heard of by everybody, in a few steps. */
static void test_nobody_is_cut_off(void)
{
    struct acquaintance acquaintance;
    static bool has_heard[MANY], hears[MANY];
    size_t heard = 1, steps = 0;
    CU_ASSERT_TRUE_FATAL(acquaintance_init(&acquaintance, MANY, KNOWN, 7));
    memset(has_heard, 0, sizeof(has_heard));
    has_heard[0] = true;
    for (; heard < MANY && steps < 5; steps++) {
        memcpy(hears, has_heard, sizeof(hears));
        for (size_t i = 0; i < MANY; i++) {
            size_t known;
            const uint32_t *numbers = acquaintance_of(&acquaintance, i, &known);
            for (size_t j = 0; j < known && has_heard[i]; j++) {
                heard += !hears[numbers[j]];
                hears[numbers[j]] = true;
            }
        }
        memcpy(has_heard, hears, sizeof(hears));
    }
    CU_ASSERT_EQUAL(heard, MANY);
    acquaintance_clear(&acquaintance);
}

static void test_a_seed_gives_one_mesh(void)
{
    struct acquaintance once, again, other;
    CU_ASSERT_TRUE_FATAL(acquaintance_init(&once, MANY, KNOWN, 1));
    CU_ASSERT_TRUE_FATAL(acquaintance_init(&again, MANY, KNOWN, 1));
    CU_ASSERT_TRUE_FATAL(acquaintance_init(&other, MANY, KNOWN, 2));
    size_t size = MANY * once.room * sizeof(*once.known);
    CU_ASSERT_EQUAL(memcmp(once.known, again.known, size), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(once.known, other.known, size), 0);
    acquaintance_clear(&once);
    acquaintance_clear(&again);
    acquaintance_clear(&other);
}

static void test_distances(void)
{
    struct acquaintance acquaintance;
    CU_ASSERT_TRUE_FATAL(acquaintance_init(&acquaintance, 100, KNOWN, 1));
    CU_ASSERT_EQUAL(acquaintance_distance(&acquaintance, 3, 3), 0);
    CU_ASSERT_EQUAL(acquaintance_distance(&acquaintance, 0, 50), 1);
    CU_ASSERT_EQUAL(acquaintance_distance(&acquaintance, 99, 0), 1.0 / 50);
    CU_ASSERT_EQUAL(acquaintance_distance(&acquaintance, 10, 80),
                    acquaintance_distance(&acquaintance, 80, 10));
    acquaintance_clear(&acquaintance);
}

static const struct unit_case cases[] = {
    {"a small mesh", test_few_know_everybody},
    {"a large one", test_many_know_some},
    {"nobody is cut off", test_nobody_is_cut_off},
    {"a seed gives one mesh", test_a_seed_gives_one_mesh},
    {"distances in the ring", test_distances},
};
UNIT_MAIN("acquaintance", cases)
