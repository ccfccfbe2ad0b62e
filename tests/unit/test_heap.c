/* SPDX-License-Identifier: MIT */
#include "common/base/heap.h"
#include "common/base/random.h"
#include "tests/unit/unit.h"

static void test_order(void)
{
    struct heap heap;
    CU_ASSERT_TRUE_FATAL(heap_init(&heap, 4));
    CU_ASSERT_PTR_NULL(heap_first(&heap));
    static const int64_t at_ns[] = {30, -5, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_TRUE(heap_push(&heap, at_ns[i], i));
    }
    static const uint64_t values[] = {3, 1, 0, 2};
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(heap_first(&heap)->value, values[i]);
        CU_ASSERT_EQUAL(heap_pop(&heap).value, values[i]);
    }
    CU_ASSERT_PTR_NULL(heap_first(&heap));
    heap_clear(&heap);
}

static void test_equal_instants_keep_their_order(void)
{
    struct heap heap;
    CU_ASSERT_TRUE_FATAL(heap_init(&heap, 100));
    for (uint64_t i = 0; i < 100; i++) {
        CU_ASSERT_TRUE(heap_push(&heap, 7, i));
    }
    for (uint64_t i = 0; i < 100; i++) {
        CU_ASSERT_EQUAL(heap_pop(&heap).value, i);
    }
    heap_clear(&heap);
}

static void test_full_and_more_room(void)
{
    struct heap heap;
    CU_ASSERT_TRUE_FATAL(heap_init(&heap, 1));
    CU_ASSERT_TRUE(heap_push(&heap, 2, 20));
    CU_ASSERT_FALSE(heap_push(&heap, 1, 10));
    CU_ASSERT_EQUAL(heap_first(&heap)->value, 20);
    CU_ASSERT_TRUE(heap_reserve(&heap, 2));
    CU_ASSERT_TRUE(heap_reserve(&heap, 1)); /* never less */
    CU_ASSERT_TRUE(heap_push(&heap, 1, 10));
    CU_ASSERT_FALSE(heap_push(&heap, 0, 0));
    CU_ASSERT_EQUAL(heap_pop(&heap).value, 10);
    CU_ASSERT_EQUAL(heap_pop(&heap).value, 20);
    CU_ASSERT_FALSE(heap_reserve(&heap, SIZE_MAX));
    heap_clear(&heap);
}

/* Pushes and pops at random, against a plain list. */
static void test_against_a_list(void)
{
    enum { ROOM = 300 };
    struct heap heap;
    CU_ASSERT_TRUE_FATAL(heap_init(&heap, ROOM));
    struct heap_item list[ROOM];
    size_t count = 0;
    uint64_t pushed = 0;
    struct random random;
    random_init_seeded(&random, 1);
    for (unsigned round = 0; round < 20000; round++) {
        if (count < ROOM && (count == 0 || random_below(&random, 100) < 52)) {
            int64_t at_ns = random_below(&random, 200);
            list[count++] = (struct heap_item){.at_ns = at_ns, .order = pushed, .value = pushed};
            CU_ASSERT_TRUE(heap_push(&heap, at_ns, pushed++));
            continue;
        }
        size_t first = 0;
        for (size_t i = 1; i < count; i++) {
            if (list[i].at_ns < list[first].at_ns ||
                (list[i].at_ns == list[first].at_ns && list[i].order < list[first].order)) {
                first = i;
            }
        }
        struct heap_item item = heap_pop(&heap);
        CU_ASSERT_EQUAL_FATAL(item.value, list[first].value);
        CU_ASSERT_EQUAL_FATAL(item.at_ns, list[first].at_ns);
        list[first] = list[--count];
    }
    heap_clear(&heap);
}

static const struct unit_case cases[] = {
    {"the earliest comes first", test_order},
    {"equal instants keep their order", test_equal_instants_keep_their_order},
    {"a full heap says so, and takes more room", test_full_and_more_room},
    {"as a plain list would", test_against_a_list},
};
UNIT_MAIN("heap", cases)
