/* SPDX-License-Identifier: MIT */
/* world_path.h - the ways between members of a mesh, of whom anybody may ask anybody: each is made
 * when it is first gone, and is the same whenever that is. Used by world*.c only. */
#ifndef TESTS_SIM_WORLD_PATH_H
#define TESTS_SIM_WORLD_PATH_H
#include "tests/sim/network.h"

struct world_path;

struct world_paths {
    uint64_t seed;
    size_t count;
    size_t capacity;           /* a power of two, or 0 */
    struct world_path **slots; /* NULL: free */
};

void world_paths_clear(struct world_paths *paths);
/* The way between two nodes by their indices, one way; options are its, and outlive it. NULL if
 * memory is short. */
struct path *world_paths_get(struct world_paths *paths, size_t from, size_t to,
                             const struct path_options *options);
#endif
