/* SPDX-License-Identifier: MIT */
#include "server/interleave.h"
#include "server/keyed_hash.h"
#include <stdlib.h>

/* A set belongs to a client's key alone, not to the timestamp: whoever floods us with one address
 * spoils interleaved mode for itself and few others. */
#define WAYS 16
#define SETS (INTERLEAVE_ENTRIES / WAYS)
#define SETS_LOG2 8
#define STEP 2 /* keeps the parity of a receive timestamp */

_Static_assert(SETS == 1 << SETS_LOG2, "the set is chosen by a shift");

/* By column, so that a search reads receive timestamps only. */
struct set {
    uint64_t receive[WAYS]; /* 0: free */
    uint64_t client_key[WAYS];
    uint64_t transmit[WAYS]; /* 0: not sent yet */
    uint32_t made[WAYS];     /* interleave.saves then */
    uint8_t stamp[WAYS];     /* enum stamp_origin of transmit */
};

struct interleave {
    struct keyed_hash hash;
    uint32_t saves;
    struct set sets[SETS];
};

struct interleave *interleave_create(uint64_t seed)
{
    struct interleave *interleave = calloc(1, sizeof(*interleave));
    if (interleave != NULL) {
        interleave->hash = keyed_hash_make(seed);
    }
    return interleave;
}

void interleave_destroy(struct interleave *interleave)
{
    free(interleave);
}

static struct set *interleave_set(struct interleave *interleave, uint64_t client_key)
{
    return &interleave->sets[keyed_hash_of(&interleave->hash, client_key) >> (64 - SETS_LOG2)];
}

/* The way, or WAYS. receive is not 0. */
static unsigned set_find(const struct set *set, uint64_t client_key, uint64_t receive)
{
    for (unsigned way = 0; way < WAYS; way++) {
        if (set->receive[way] == receive && set->client_key[way] == client_key) {
            return way;
        }
    }
    return WAYS;
}

/* A free way, or the oldest. */
static unsigned set_victim(const struct set *set, uint32_t saves)
{
    unsigned oldest = 0;
    for (unsigned way = 0; way < WAYS; way++) {
        if (set->receive[way] == 0) {
            return way;
        }
        if (saves - set->made[way] > saves - set->made[oldest]) {
            oldest = way;
        }
    }
    return oldest;
}

void interleave_save(struct interleave *interleave, uint64_t client_key, struct timestamp *receive)
{
    struct set *set = interleave_set(interleave, client_key);
    while (timestamp_is_unset(*receive) || set_find(set, client_key, receive->bits) != WAYS) {
        receive->bits += STEP;
    }
    unsigned way = set_victim(set, interleave->saves);
    set->receive[way] = receive->bits;
    set->client_key[way] = client_key;
    set->transmit[way] = 0;
    set->made[way] = ++interleave->saves;
    set->stamp[way] = STAMP_DAEMON;
}

void interleave_sent(struct interleave *interleave, uint64_t client_key, struct timestamp receive,
                     struct timestamp transmit, enum stamp_origin stamp)
{
    struct set *set = interleave_set(interleave, client_key);
    unsigned way = timestamp_is_unset(receive) ? WAYS : set_find(set, client_key, receive.bits);
    if (way != WAYS) {
        set->transmit[way] = transmit.bits;
        set->stamp[way] = (uint8_t)stamp;
    }
}

bool interleave_take(struct interleave *interleave, uint64_t client_key, struct timestamp receive,
                     struct timestamp *transmit, enum stamp_origin *stamp)
{
    struct set *set = interleave_set(interleave, client_key);
    unsigned way = timestamp_is_unset(receive) ? WAYS : set_find(set, client_key, receive.bits);
    if (way == WAYS || set->transmit[way] == 0) {
        return false;
    }
    transmit->bits = set->transmit[way];
    *stamp = (enum stamp_origin)set->stamp[way];
    set->receive[way] = 0;
    return true;
}
