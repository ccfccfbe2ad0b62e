/* SPDX-License-Identifier: MIT */
#include "server/ratelimit.h"
#include "server/keyed_hash.h"
#include <stdlib.h>
#include <string.h>

/* Sixteen ways, since at three quarters full sets of eight would lose one client in twenty, and
 * sets of sixteen lose one in sixty. A lookup touches two cache lines: the set's head, which says
 * where, and the entry. */
#define WAYS 16
#define SLOTS_MIN 64
#define SLOTS_MAX ((size_t)1 << 24)
#define LINE_SIZE 64

#define LOW_BITS UINT64_C(0x0101010101010101)
#define HIGH_BITS UINT64_C(0x8080808080808080)
#define LOW_NIBBLES UINT64_C(0x1111111111111111)
#define HIGH_NIBBLES UINT64_C(0x8888888888888888)
#define ORDER_AT_FIRST UINT64_C(0xFEDCBA9876543210)

/* When a client was last seen, in the upper 48 bits of entry.seen, is counted in units of 1024 ns:
 * it goes round in nine years. The lower 16 bits are the smoothed interval, log2 of seconds in
 * 1/256. */
#define UNIT_SHIFT 10
#define SEEN_SHIFT 16
#define SEEN_MASK (UINT64_MAX >> SEEN_SHIFT)
#define LOG2_ONE 256
#define LOG2_UNITS_PER_S 5094 /* log2(1e9 / 1024) in 1/256 */
#define SMOOTHING 8
#define INTERVAL_UNKNOWN 127

/* One octet of the hash of each client of a set, 0 for none, and the ways in the order of their
 * use: the lowest nibble is the newest. Ways never used are the oldest, so a set fills before it
 * forgets. All zero: untouched. */
struct head {
    uint64_t tags[2];
    uint64_t order;
    uint64_t reserved;
};

struct entry {
    uint64_t key; /* 0: free */
    /* When the next answer is due in the long run (the generic cell rate algorithm): it needs no
     * division, and no rounding however short the interval. */
    int64_t due_ns;
    uint64_t seen;
    uint32_t hits;
    uint32_t drops;
};

struct ratelimit {
    struct keyed_hash hash;
    unsigned set_shift;
    bool enabled;
    int64_t interval_ns;
    int64_t ahead_ns; /* how far `due` may lie ahead of an answer: the burst */
    unsigned leak;
    unsigned kod;
    struct head *heads;
    struct entry *entries;
    size_t sets;
    size_t count;
    void *memory;
};

void ratelimit_configure(struct ratelimit *ratelimit, const struct ratelimit_options *options)
{
    unsigned burst = options->burst > 0 ? options->burst : 1;
    ratelimit->enabled = options->enabled;
    ratelimit->interval_ns = options->interval_ns;
    ratelimit->ahead_ns = (int64_t)(burst - 1) * options->interval_ns;
    ratelimit->leak = options->leak;
    ratelimit->kod = options->kod;
}

struct ratelimit *ratelimit_create(const struct ratelimit_options *options, size_t clients_max,
                                   uint64_t seed)
{
    struct ratelimit *ratelimit = calloc(1, sizeof(*ratelimit));
    if (ratelimit == NULL) {
        return NULL;
    }
    size_t slots = SLOTS_MIN;
    while (slots < clients_max && slots < SLOTS_MAX) {
        slots *= 2;
    }
    ratelimit->sets = slots / WAYS;
    ratelimit->set_shift = 64 - (unsigned)__builtin_ctzll(ratelimit->sets);
    ratelimit->hash = keyed_hash_make(seed);
    /* From calloc, so that the kernel gives pages only when clients come; then aligned by hand. */
    size_t heads_size = ratelimit->sets * sizeof(struct head);
    ratelimit->memory = calloc(1, heads_size + slots * sizeof(struct entry) + LINE_SIZE);
    if (ratelimit->memory == NULL) {
        free(ratelimit);
        return NULL;
    }
    uintptr_t start = (uintptr_t)ratelimit->memory;
    uint8_t *aligned = (uint8_t *)ratelimit->memory + (LINE_SIZE - start % LINE_SIZE) % LINE_SIZE;
    ratelimit->heads = (struct head *)(void *)aligned;
    ratelimit->entries = (struct entry *)(void *)(aligned + heads_size);
    ratelimit_configure(ratelimit, options);
    return ratelimit;
}

void ratelimit_destroy(struct ratelimit *ratelimit)
{
    if (ratelimit != NULL) {
        free(ratelimit->memory);
        free(ratelimit);
    }
}

static size_t set_of(const struct ratelimit *ratelimit, uint64_t hash)
{
    return (size_t)(hash >> ratelimit->set_shift);
}

/* Taken from bits that the choice of the set leaves alone. */
static uint8_t tag_of(uint64_t hash)
{
    uint8_t tag = (uint8_t)(hash >> 24);
    return tag == 0 ? 1 : tag;
}

/* The high bit of each octet of tags that equals tag, and perhaps of one above it that differs in
 * its lowest bit: the caller compares keys. */
static uint64_t tags_equal(uint64_t tags, uint8_t tag)
{
    uint64_t difference = tags ^ tag * LOW_BITS;
    return (difference - LOW_BITS) & ~difference & HIGH_BITS;
}

/* The way that holds the key, or WAYS. */
static unsigned ratelimit_find(const struct head *head, const struct entry *ways, uint64_t key,
                               uint8_t tag)
{
    for (unsigned half = 0; half < 2; half++) {
        for (uint64_t equal = tags_equal(head->tags[half], tag); equal != 0; equal &= equal - 1) {
            unsigned way = half * 8 + (unsigned)__builtin_ctzll(equal) / 8;
            if (ways[way].key == key) {
                return way;
            }
        }
    }
    return WAYS;
}

/* Moves a way to the front of the order. */
static void head_touch(struct head *head, unsigned way)
{
    uint64_t order = head->order;
    if ((order & 15) == way) {
        return;
    }
    uint64_t difference = order ^ way * LOW_NIBBLES;
    uint64_t equal = (difference - LOW_NIBBLES) & ~difference & HIGH_NIBBLES;
    unsigned shift = (unsigned)__builtin_ctzll(equal) - 3; /* of the way's nibble; not 0 */
    uint64_t newer = (UINT64_C(1) << shift) - 1;
    uint64_t older = ~(newer << 4 | 15);
    head->order = (order & older) | (order & newer) << 4 | way;
}

void ratelimit_prefetch(const struct ratelimit *ratelimit, uint64_t key)
{
    uint64_t hash = keyed_hash_of(&ratelimit->hash, key);
    __builtin_prefetch(&ratelimit->heads[set_of(ratelimit, hash)], 1);
}

void ratelimit_prefetch_entry(const struct ratelimit *ratelimit, uint64_t key)
{
    uint64_t hash = keyed_hash_of(&ratelimit->hash, key);
    size_t set = set_of(ratelimit, hash);
    const struct head *head = &ratelimit->heads[set];
    const struct entry *ways = &ratelimit->entries[set * WAYS];
    uint64_t low = tags_equal(head->tags[0], tag_of(hash));
    uint64_t high = tags_equal(head->tags[1], tag_of(hash));
    unsigned way = (unsigned)(head->order >> 60); /* for a newcomer: the oldest */
    if (low != 0) {
        way = (unsigned)__builtin_ctzll(low) / 8;
    } else if (high != 0) {
        way = 8 + (unsigned)__builtin_ctzll(high) / 8;
    }
    __builtin_prefetch(&ways[way], 1);
}

/* Log2 of a number, in 1/256, straight between the powers of two (wrong by 0.09 at most). */
static int log2_of(uint64_t number)
{
    unsigned exponent = 63 - (unsigned)__builtin_clzll(number | 1);
    uint64_t mantissa = exponent < 8 ? number << (8 - exponent) : number >> (exponent - 8);
    return (int)(exponent * LOG2_ONE) + (int)(mantissa & 255);
}

static void entry_count(struct entry *entry, uint64_t units)
{
    uint64_t apart = (units - (entry->seen >> SEEN_SHIFT)) & SEEN_MASK;
    int interval = log2_of(apart) - LOG2_UNITS_PER_S;
    if (entry->hits > 1) {
        int smoothed = (int16_t)(entry->seen & 0xFFFF);
        interval = smoothed + (interval - smoothed) / SMOOTHING;
    }
    entry->seen = units << SEEN_SHIFT | (uint16_t)interval;
    entry->hits += entry->hits != UINT32_MAX;
}

static struct entry *ratelimit_take_over(struct ratelimit *ratelimit, struct head *head,
                                         struct entry *ways, uint8_t tag)
{
    if (head->order == 0) {
        head->order = ORDER_AT_FIRST;
    }
    unsigned way = (unsigned)(head->order >> 60);
    head->order = head->order << 4 | way;
    unsigned shift = way % 8 * 8;
    uint64_t *tags = &head->tags[way / 8];
    *tags = (*tags & ~(UINT64_C(0xFF) << shift)) | (uint64_t)tag << shift;
    ratelimit->count += ways[way].key == 0;
    return &ways[way];
}

static enum ratelimit_verdict ratelimit_refuse(const struct ratelimit *ratelimit,
                                               struct entry *entry, struct random *random)
{
    if (ratelimit->leak != 0 && random_below(random, ratelimit->leak) == 0) {
        return RATELIMIT_ANSWER;
    }
    entry->drops += entry->drops != UINT32_MAX;
    if (ratelimit->kod != 0 && random_below(random, ratelimit->kod) == 0) {
        return RATELIMIT_KISS;
    }
    return RATELIMIT_DROP;
}

enum ratelimit_verdict ratelimit_check(struct ratelimit *ratelimit, uint64_t key, struct mono now,
                                       struct random *random)
{
    uint64_t hash = keyed_hash_of(&ratelimit->hash, key);
    size_t set = set_of(ratelimit, hash);
    struct head *head = &ratelimit->heads[set];
    struct entry *ways = &ratelimit->entries[set * WAYS];
    uint64_t units = (uint64_t)now.ns >> UNIT_SHIFT & SEEN_MASK;
    uint8_t tag = tag_of(hash);
    unsigned way = ratelimit_find(head, ways, key, tag);
    struct entry *entry;
    if (way == WAYS) {
        entry = ratelimit_take_over(ratelimit, head, ways, tag);
        *entry =
            (struct entry){.key = key, .due_ns = now.ns, .seen = units << SEEN_SHIFT, .hits = 1};
    } else {
        entry = &ways[way];
        head_touch(head, way);
        entry_count(entry, units);
    }
    if (!ratelimit->enabled) {
        return RATELIMIT_ANSWER;
    }

    int64_t due_ns = entry->due_ns > now.ns ? entry->due_ns : now.ns;
    if (due_ns - now.ns <= ratelimit->ahead_ns) {
        entry->due_ns = due_ns + ratelimit->interval_ns;
        return RATELIMIT_ANSWER;
    }
    /* After a reload with a shorter interval or burst the old debt could last for days. */
    int64_t debt_ns_max = ratelimit->ahead_ns + ratelimit->interval_ns;
    if (due_ns - now.ns > debt_ns_max) {
        entry->due_ns = now.ns + debt_ns_max;
    }
    return ratelimit_refuse(ratelimit, entry, random);
}

size_t ratelimit_count(const struct ratelimit *ratelimit)
{
    return ratelimit->count;
}

size_t ratelimit_slots(const struct ratelimit *ratelimit)
{
    return ratelimit->sets * WAYS;
}

static struct ratelimit_client entry_report(const struct entry *entry, struct mono now)
{
    uint64_t units = (uint64_t)now.ns >> UNIT_SHIFT & SEEN_MASK;
    uint64_t ago = (units - (entry->seen >> SEEN_SHIFT)) & SEEN_MASK;
    if (ago > SEEN_MASK / 2) {
        ago = 0; /* seen by its worker after the caller read the clock */
    }
    struct ratelimit_client client = {.key = entry->key,
                                      .hits = entry->hits,
                                      .drops = entry->drops,
                                      .interval_log2_s = INTERVAL_UNKNOWN,
                                      .last = {now.ns - (int64_t)(ago << UNIT_SHIFT)}};
    if (entry->hits > 1) {
        int smoothed = (int16_t)(entry->seen & 0xFFFF) + LOG2_ONE / 2;
        /* Rounded to nearest, halves up, also below zero. */
        int below = smoothed < 0 && smoothed % LOG2_ONE != 0;
        client.interval_log2_s = (int8_t)(smoothed / LOG2_ONE - below);
    }
    return client;
}

size_t ratelimit_list(const struct ratelimit *ratelimit, size_t first, struct mono now,
                      struct ratelimit_client *clients, size_t room, size_t *next)
{
    size_t slots = ratelimit_slots(ratelimit);
    size_t copied = 0;
    size_t slot = first;
    while (slot < slots && copied < room) {
        if (ratelimit->heads[slot / WAYS].order == 0) {
            slot += WAYS - slot % WAYS; /* leaves pages alone that nobody has touched */
            continue;
        }
        const struct entry *entry = &ratelimit->entries[slot++];
        if (entry->key != 0) {
            clients[copied++] = entry_report(entry, now);
        }
    }
    *next = slot < slots ? slot : slots;
    return copied;
}
