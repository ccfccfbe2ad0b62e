/* SPDX-License-Identifier: MIT */
#include "common/base/heap.h"
#include <stdlib.h>

/* Four children to a node: a quarter of the levels' cache misses are saved when items sink. */
#define ARITY 4

bool heap_init(struct heap *heap, size_t capacity)
{
    assert(capacity > 0);
    *heap = (struct heap){.count = 0};
    return heap_reserve(heap, capacity);
}

void heap_clear(struct heap *heap)
{
    free(heap->items);
    *heap = (struct heap){.count = 0};
}

bool heap_reserve(struct heap *heap, size_t capacity)
{
    if (capacity <= heap->capacity) {
        return true;
    }
    if (capacity > SIZE_MAX / sizeof(*heap->items)) {
        return false;
    }
    struct heap_item *items = realloc(heap->items, capacity * sizeof(*items));
    if (items == NULL) {
        return false;
    }
    heap->items = items;
    heap->capacity = capacity;
    return true;
}

static bool is_before(const struct heap_item *a, const struct heap_item *b)
{
    return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->order < b->order);
}

bool heap_push(struct heap *heap, int64_t at_ns, uint64_t value)
{
    if (heap->count == heap->capacity) {
        return false;
    }
    struct heap_item item = {.at_ns = at_ns, .order = heap->pushed++, .value = value};
    size_t place = heap->count++;
    while (place > 0 && is_before(&item, &heap->items[(place - 1) / ARITY])) {
        heap->items[place] = heap->items[(place - 1) / ARITY];
        place = (place - 1) / ARITY;
    }
    heap->items[place] = item;
    return true;
}

const struct heap_item *heap_first(const struct heap *heap)
{
    return heap->count > 0 ? &heap->items[0] : NULL;
}

/* The earliest child of a place; place itself if it has none. */
static size_t first_child(const struct heap *heap, size_t place)
{
    size_t child = place * ARITY + 1;
    size_t end = child + ARITY < heap->count ? child + ARITY : heap->count;
    size_t first = place;
    for (; child < end; child++) {
        if (first == place || is_before(&heap->items[child], &heap->items[first])) {
            first = child;
        }
    }
    return first;
}

struct heap_item heap_pop(struct heap *heap)
{
    assert(heap->count > 0);
    struct heap_item first = heap->items[0];
    struct heap_item last = heap->items[--heap->count];
    size_t place = 0;
    for (;;) {
        size_t child = first_child(heap, place);
        if (child == place || !is_before(&heap->items[child], &last)) {
            break;
        }
        heap->items[place] = heap->items[child];
        place = child;
    }
    if (heap->count > 0) {
        heap->items[place] = last;
    }
    return first;
}
