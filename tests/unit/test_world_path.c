/* SPDX-License-Identifier: MIT */
#include "tests/sim/world_path.h"
#include "tests/unit/unit.h"

static const struct path_options options = {
    .delay_ns = 5 * NS_PER_MS, .jitter = {.shape = JITTER_EXPONENTIAL, .scale_ns = NS_PER_MS}};

static int64_t arrival(struct world_paths *paths, size_t from, size_t to)
{
    int64_t arrivals_ns[2];
    struct path *path = world_paths_get(paths, from, to, &options);
    CU_ASSERT_PTR_NOT_NULL_FATAL(path);
    CU_ASSERT_EQUAL(path_send(path, 0, arrivals_ns), 1);
    return arrivals_ns[0];
}

static void test_a_way_stays(void)
{
    struct world_paths paths = {.seed = 1};
    struct path *first = world_paths_get(&paths, 0, 1, &options);
    for (size_t i = 0; i < 100; i++) {
        for (size_t j = 0; j < 100; j++) {
            CU_ASSERT_PTR_NOT_NULL_FATAL(world_paths_get(&paths, i, j, &options));
        }
    }
    CU_ASSERT_EQUAL(paths.count, 10000);
    CU_ASSERT_PTR_EQUAL(world_paths_get(&paths, 0, 1, &options), first);
    world_paths_clear(&paths);
    CU_ASSERT_EQUAL(paths.count, 0);
}

static void test_the_pair_alone_decides(void)
{
    struct world_paths paths = {.seed = 1};
    int64_t there_ns = arrival(&paths, 3, 70000);
    int64_t back_ns = arrival(&paths, 70000, 3);
    CU_ASSERT_NOT_EQUAL(there_ns, back_ns);
    world_paths_clear(&paths);
    CU_ASSERT_EQUAL(arrival(&paths, 70000, 3), back_ns);
    CU_ASSERT_NOT_EQUAL(arrival(&paths, 4, 70000), there_ns);
    CU_ASSERT_EQUAL(arrival(&paths, 3, 70000), there_ns);
    world_paths_clear(&paths);
    paths.seed = 2;
    CU_ASSERT_NOT_EQUAL(arrival(&paths, 3, 70000), there_ns);
    world_paths_clear(&paths);
}

static const struct unit_case cases[] = {
    {"a way stays where it is", test_a_way_stays},
    {"the pair and the seed decide", test_the_pair_alone_decides},
};
UNIT_MAIN("world_path", cases)
