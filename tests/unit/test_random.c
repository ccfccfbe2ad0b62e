/* SPDX-License-Identifier: MIT */
#include "common/base/random.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <string.h>

/* A source that counts octets and calls. */
struct counter {
    uint8_t next;
    unsigned calls;
    size_t size;
};

static void refill_counting(void *context, uint8_t *buffer, size_t size)
{
    struct counter *counter = context;
    counter->calls++;
    counter->size = size;
    for (size_t i = 0; i < size; i++) {
        buffer[i] = counter->next++;
    }
}

static void hands_out_what_it_was_given(void)
{
    struct counter counter = {0};
    struct random random;
    random_init(&random, refill_counting, &counter);
    CU_ASSERT_EQUAL(counter.calls, 0);
    CU_ASSERT_EQUAL(random_u64(&random), UINT64_C(0x0001020304050607));
    CU_ASSERT_EQUAL(random_u64(&random), UINT64_C(0x08090a0b0c0d0e0f));
    CU_ASSERT_EQUAL(random_u32(&random), UINT32_C(0x10111213));
    for (int i = 3; i < RANDOM_BUFFER_SIZE / 8; i++) {
        (void)random_u64(&random);
    }
    CU_ASSERT_EQUAL(counter.calls, 1);
    CU_ASSERT_EQUAL(counter.size, RANDOM_BUFFER_SIZE);
    (void)random_u64(&random);
    CU_ASSERT_EQUAL(counter.calls, 2);
}

/* The numbers of splitmix64's and xoshiro256**'s published sources, so that a recorded seed means
 * the same run for ever. */
static uint64_t reference_splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static void replays_a_seed(void)
{
    struct random random;
    random_init_seeded(&random, 1234567);
    /* The first of splitmix64 from 1234567 is known: 6457827717110365317. */
    CU_ASSERT_EQUAL(random.state[0], UINT64_C(6457827717110365317));
    CU_ASSERT_EQUAL(random.state[1], UINT64_C(3203168211198807973));
    uint64_t x = 1234567;
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(random.state[i], reference_splitmix(&x));
    }
    memcpy(random.state, (uint64_t[4]){1, 2, 3, 4}, sizeof random.state);
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(random_u64(&random), expected[i]);
    }
    struct random a;
    struct random b;
    struct random c;
    random_init_seeded(&a, 7);
    random_init_seeded(&b, 7);
    random_init_seeded(&c, 8);
    unsigned same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t drawn = random_u64(&a);
        CU_ASSERT_EQUAL(drawn, random_u64(&b));
        same += drawn == random_u64(&c);
    }
    CU_ASSERT_EQUAL(same, 0);
}

static void draws_below(void)
{
    struct random random;
    random_init_seeded(&random, 42);
    for (int i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(random_below(&random, 1), 0);
    }
    unsigned hits[10] = {0};
    for (int i = 0; i < 100000; i++) {
        uint32_t drawn = random_below(&random, 10);
        CU_ASSERT_TRUE_FATAL(drawn < 10);
        hits[drawn]++;
    }
    for (size_t i = 0; i < 10; i++) {
        CU_ASSERT_TRUE(hits[i] > 9500 && hits[i] < 10500);
    }
    /* With three quarters of the range, a plain product or remainder would favour one number in
     * three. */
    const uint32_t below = UINT32_C(3) << 30;
    unsigned thirds[3] = {0};
    for (int i = 0; i < 90000; i++) {
        uint32_t drawn = random_below(&random, below);
        CU_ASSERT_TRUE_FATAL(drawn < below);
        thirds[drawn % 3]++;
    }
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(thirds[i] > 29000 && thirds[i] < 31000);
    }
}

static void refill_with(void *context, uint8_t *buffer, size_t size)
{
    memset(buffer, *(const uint8_t *)context, size);
}

static void unit_stays_inside(void)
{
    struct random random;
    uint8_t octet = 0;
    random_init(&random, refill_with, &octet);
    CU_ASSERT_EQUAL(random_unit(&random), 0.0);
    octet = 0xff;
    random_init(&random, refill_with, &octet);
    double largest = random_unit(&random);
    CU_ASSERT_TRUE(largest < 1.0);
    CU_ASSERT_EQUAL(largest, 1.0 - 0x1p-53);
    /* At neither end is it the logarithm of zero. */
    CU_ASSERT_TRUE(isfinite(random_normal(&random)));
    octet = 0;
    random_init(&random, refill_with, &octet);
    CU_ASSERT_TRUE(isfinite(random_normal(&random)));
    double sum = 0;
    random_init_seeded(&random, 5);
    for (int i = 0; i < 100000; i++) {
        sum += random_unit(&random);
    }
    CU_ASSERT_DOUBLE_EQUAL(sum / 100000, 0.5, 0.005);
}

static void normal_is_normal(void)
{
    struct random random;
    random_init_seeded(&random, 6);
    const int count = 200000;
    double sum = 0;
    double squares = 0;
    double fourths = 0;
    int beyond_two = 0;
    for (int i = 0; i < count; i++) {
        double drawn = random_normal(&random);
        sum += drawn;
        squares += drawn * drawn;
        fourths += drawn * drawn * drawn * drawn;
        beyond_two += fabs(drawn) > 2;
    }
    CU_ASSERT_DOUBLE_EQUAL(sum / count, 0, 0.01);
    CU_ASSERT_DOUBLE_EQUAL(squares / count, 1, 0.02);
    CU_ASSERT_DOUBLE_EQUAL(fourths / count, 3, 0.15);
    CU_ASSERT_DOUBLE_EQUAL((double)beyond_two / count, 0.0455, 0.003);
}

static const struct unit_case cases[] = {
    {"hands out what it was given", hands_out_what_it_was_given},
    {"replays a seed", replays_a_seed},
    {"draws below", draws_below},
    {"unit stays inside", unit_stays_inside},
    {"normal is normal", normal_is_normal},
};
UNIT_MAIN("random", cases)
