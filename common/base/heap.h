/* SPDX-License-Identifier: MIT */
/* heap.h - a queue of instants: the earliest comes first, and of equal ones the one pushed first.
 * What a value means is the caller's. Not thread-safe. */
#ifndef COMMON_BASE_HEAP_H
#define COMMON_BASE_HEAP_H
#include "ntpwire/bytes.h"

struct heap_item {
    int64_t at_ns;
    uint64_t order; /* the heap's: how many were pushed before */
    uint64_t value;
};

/* Used through the calls below only. */
struct heap {
    struct heap_item *items;
    size_t count;
    size_t capacity;
    uint64_t pushed;
};

/* Room for capacity items, which must be positive. False if memory is short. */
bool heap_init(struct heap *heap, size_t capacity) MUST_CHECK;
void heap_clear(struct heap *heap);
/* Makes room for capacity items in all; what is in it stays. False if memory is short. */
bool heap_reserve(struct heap *heap, size_t capacity) MUST_CHECK;
/* False when the heap is full. */
bool heap_push(struct heap *heap, int64_t at_ns, uint64_t value) MUST_CHECK;
/* The earliest item, or NULL; it stays where it is. */
const struct heap_item *heap_first(const struct heap *heap);
/* Removes the earliest item; the heap must not be empty. */
struct heap_item heap_pop(struct heap *heap);
#endif
