/* SPDX-License-Identifier: MIT */
#include "tests/sim/world_path.h"
#include "tests/sim/run_hash.h"
#include <stdlib.h>

#define CAPACITY_START 64

struct world_path {
    uint64_t key;
    struct path path;
};

/* Where a way stands, or would stand. */
static size_t place_of(struct world_path **slots, size_t capacity, uint64_t key)
{
    size_t place = (size_t)run_hash_add(RUN_HASH_START, key) & (capacity - 1);
    while (slots[place] != NULL && slots[place]->key != key) {
        place = (place + 1) & (capacity - 1);
    }
    return place;
}

static bool grow(struct world_paths *paths)
{
    size_t capacity = paths->capacity > 0 ? paths->capacity * 2 : CAPACITY_START;
    struct world_path **slots = calloc(capacity, sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < paths->capacity; i++) {
        if (paths->slots[i] != NULL) {
            slots[place_of(slots, capacity, paths->slots[i]->key)] = paths->slots[i];
        }
    }
    free(paths->slots);
    paths->slots = slots;
    paths->capacity = capacity;
    return true;
}

struct path *world_paths_get(struct world_paths *paths, size_t from, size_t to,
                             const struct path_options *options)
{
    uint64_t key = (uint64_t)from << 32 | to;
    if (paths->count * 2 >= paths->capacity && !grow(paths)) {
        return NULL;
    }
    size_t place = place_of(paths->slots, paths->capacity, key);
    if (paths->slots[place] == NULL) {
        struct world_path *way = malloc(sizeof(*way));
        if (way == NULL) {
            return NULL;
        }
        way->key = key;
        path_init(&way->path, options, run_hash_add(paths->seed, key));
        paths->slots[place] = way;
        paths->count++;
    }
    return &paths->slots[place]->path;
}

void world_paths_clear(struct world_paths *paths)
{
    for (size_t i = 0; i < paths->capacity; i++) {
        free(paths->slots[i]);
    }
    free(paths->slots);
    *paths = (struct world_paths){.seed = paths->seed};
}
