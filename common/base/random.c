/* SPDX-License-Identifier: MIT */
#include "common/base/random.h"
#include "ntpwire/bytes.h"
#include <math.h>

void random_init(struct random *random, void (*refill)(void *context, uint8_t *buffer, size_t size),
                 void *context)
{
    *random = (struct random){.refill = refill, .context = context};
}

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

/* xoshiro256**, Blackman and Vigna 2018. */
static uint64_t xoshiro_next(uint64_t state[4])
{
    uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}

/* Big-endian like the reader, so that a seed gives the same numbers on every machine. */
static void refill_seeded(void *context, uint8_t *buffer, size_t size)
{
    struct random *random = context;
    assert(size % 8 == 0);
    for (size_t i = 0; i < size; i += 8) {
        bytes_put_u64(buffer + i, xoshiro_next(random->state));
    }
}

void random_init_seeded(struct random *random, uint64_t seed)
{
    random_init(random, refill_seeded, random);
    for (size_t i = 0; i < 4; i++) {
        /* splitmix64: neighbouring seeds give unrelated states, and never one of zeros. */
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t mixed = seed;
        mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
        random->state[i] = mixed ^ mixed >> 31;
    }
}

uint64_t random_u64(struct random *random)
{
    if (random->left < 8) {
        random->refill(random->context, random->buffer, sizeof random->buffer);
        random->left = sizeof random->buffer;
    }
    struct bytes buffer = bytes_make(random->buffer, sizeof random->buffer);
    uint64_t value = bytes_u64(buffer, sizeof random->buffer - random->left);
    random->left -= 8;
    return value;
}

uint32_t random_u32(struct random *random)
{
    return (uint32_t)(random_u64(random) >> 32);
}

uint32_t random_below(struct random *random, uint32_t below)
{
    assert(below > 0);
    /* The high half of a product is uniform once the 2^32 mod below lowest low halves are drawn
     * again (Lemire 2019). */
    uint32_t excess = (uint32_t)-below % below;
    uint64_t product;
    do {
        product = (uint64_t)random_u32(random) * below;
    } while ((uint32_t)product < excess);
    return (uint32_t)(product >> 32);
}

double random_unit(struct random *random)
{
    return (double)(random_u64(random) >> 11) * 0x1p-53;
}

double random_normal(struct random *random)
{
    /* Box and Muller; the logarithm needs (0, 1]. */
    const double two_pi = 6.283185307179586;
    double radius = sqrt(-2.0 * log(1.0 - random_unit(random)));
    return radius * cos(two_pi * random_unit(random));
}
