/* SPDX-License-Identifier: MIT */
/* random.h - where an engine gets its random numbers from: handed over at creation, so that a run
 * can be replayed. In the daemon it is the kernel's generator, elsewhere a seeded one. Not
 * thread-safe: one per thread. */
#ifndef COMMON_BASE_RANDOM_H
#define COMMON_BASE_RANDOM_H
#include <stddef.h>
#include <stdint.h>

#define RANDOM_BUFFER_SIZE 256

struct random {
    void (*refill)(void *context, uint8_t *buffer, size_t size);
    void *context;
    uint64_t state[4];
    size_t left;
    uint8_t buffer[RANDOM_BUFFER_SIZE];
};

/* refill must fill the whole buffer or not return; context outlives the generator. */
void random_init(struct random *random, void (*refill)(void *context, uint8_t *buffer, size_t size),
                 void *context);

/* A reproducible generator (xoshiro256**, seeded by splitmix64): not for secrets. The struct must
 * not be moved afterwards. */
void random_init_seeded(struct random *random, uint64_t seed);

uint64_t random_u64(struct random *random);
uint32_t random_u32(struct random *random);
/* Uniform in [0, below); below must be positive. */
uint32_t random_below(struct random *random, uint32_t below);
/* Uniform in [0, 1), 53 bits. */
double random_unit(struct random *random);
/* Normal with mean 0 and standard deviation 1. */
double random_normal(struct random *random);
#endif
