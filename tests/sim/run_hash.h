/* SPDX-License-Identifier: MIT */
/* run_hash.h - a 64-bit hash over all that happened in a run: equal runs, equal hashes. Not for
 * secrets. */
#ifndef TESTS_SIM_RUN_HASH_H
#define TESTS_SIM_RUN_HASH_H
#include "ntpwire/bytes.h"

#define RUN_HASH_START UINT64_C(0x2545f4914f6cdd1d)

static inline uint64_t run_hash_add(uint64_t hash, uint64_t word)
{
    /* Two odd multipliers with a rotation between: each bit of a word reaches the whole hash. */
    word *= UINT64_C(0xc2b2ae3d27d4eb4f);
    word = word << 31 | word >> 33;
    hash = (hash ^ word * UINT64_C(0x9e3779b185ebca87)) + UINT64_C(0x165667b19e3779f9);
    return (hash << 27 | hash >> 37) * UINT64_C(0x9e3779b185ebca87);
}

/* Reads big-endian, so that the hash is the same on every machine. */
static inline uint64_t run_hash_add_bytes(uint64_t hash, struct bytes bytes)
{
    size_t at = 0;
    for (; at + 8 <= bytes.size; at += 8) {
        hash = run_hash_add(hash, bytes_u64(bytes, at));
    }
    for (; at < bytes.size; at++) {
        hash = run_hash_add(hash, bytes_u8(bytes, at));
    }
    return run_hash_add(hash, bytes.size);
}
#endif
