/* SPDX-License-Identifier: MIT */
/* keyed_hash.h - spreads client keys over a table so that nobody outside can choose keys that
 * collide: multipliers and offsets are secret. Two multiplications, since every packet pays for it;
 * it is no cryptographic hash, and what it protects is only the fairness of a table that forgets
 * anyway. */
#ifndef SERVER_KEYED_HASH_H
#define SERVER_KEYED_HASH_H
#include <stdint.h>

struct keyed_hash {
    uint64_t offset[2];
    uint64_t factor[2]; /* odd */
};

static inline uint64_t keyed_hash_expand(uint64_t *state)
{
    /* splitmix64: one seed to as many independent words as are asked for. */
    uint64_t word = *state += UINT64_C(0x9E3779B97F4A7C15);
    word = (word ^ word >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    word = (word ^ word >> 27) * UINT64_C(0x94D049BB133111EB);
    return word ^ word >> 31;
}

static inline struct keyed_hash keyed_hash_make(uint64_t seed)
{
    struct keyed_hash hash;
    for (int i = 0; i < 2; i++) {
        hash.offset[i] = keyed_hash_expand(&seed);
        hash.factor[i] = keyed_hash_expand(&seed) | 1;
    }
    return hash;
}

/* The high bits are the best ones. */
static inline uint64_t keyed_hash_of(const struct keyed_hash *hash, uint64_t key)
{
    uint64_t word = (key ^ hash->offset[0]) * hash->factor[0];
    word ^= word >> 32;
    word = (word + hash->offset[1]) * hash->factor[1];
    return word ^ word >> 29;
}
#endif
