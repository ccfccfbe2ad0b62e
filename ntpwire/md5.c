/* SPDX-License-Identifier: MIT */
#include "ntpwire/md5.h"

#include <string.h>

#define BLOCK_SIZE 64
#define LENGTH_SIZE 8 /* the message's length in bits ends the last block */

/* The integer part of 2^32 * |sin(i + 1)| (RFC 1321, 3.4). */
static const uint32_t sines[64] = {
    0xD76AA478, 0xE8C7B756, 0x242070DB, 0xC1BDCEEE, 0xF57C0FAF, 0x4787C62A, 0xA8304613, 0xFD469501,
    0x698098D8, 0x8B44F7AF, 0xFFFF5BB1, 0x895CD7BE, 0x6B901122, 0xFD987193, 0xA679438E, 0x49B40821,
    0xF61E2562, 0xC040B340, 0x265E5A51, 0xE9B6C7AA, 0xD62F105D, 0x02441453, 0xD8A1E681, 0xE7D3FBC8,
    0x21E1CDE6, 0xC33707D6, 0xF4D50D87, 0x455A14ED, 0xA9E3E905, 0xFCEFA3F8, 0x676F02D9, 0x8D2A4C8A,
    0xFFFA3942, 0x8771F681, 0x6D9D6122, 0xFDE5380C, 0xA4BEEA44, 0x4BDECFA9, 0xF6BB4B60, 0xBEBFBC70,
    0x289B7EC6, 0xEAA127FA, 0xD4EF3085, 0x04881D05, 0xD9D4D039, 0xE6DB99E5, 0x1FA27CF8, 0xC4AC5665,
    0xF4292244, 0x432AFF97, 0xAB9423A7, 0xFC93A039, 0x655B59C3, 0x8F0CCC92, 0xFFEFF47D, 0x85845DD1,
    0x6FA87E4F, 0xFE2CE6E0, 0xA3014314, 0x4E0811A1, 0xF7537E82, 0xBD3AF235, 0x2AD7D2BB, 0xEB86D391,
};

static const uint8_t rotations[4][4] = {
    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

/* MD5 is little-endian, unlike everything else on this wire. */
static uint32_t load_u32(const uint8_t *at)
{
    return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static void store_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

static void add_block(uint32_t state[4], const uint8_t block[BLOCK_SIZE])
{
    uint32_t a = state[0];
    uint32_t b = state[1];
    uint32_t c = state[2];
    uint32_t d = state[3];
    for (unsigned i = 0; i < 64; i++) {
        uint32_t mixed;
        unsigned word;
        switch (i / 16) {
        case 0:
            mixed = (b & c) | (~b & d);
            word = i;
            break;
        case 1:
            mixed = (b & d) | (c & ~d);
            word = (5 * i + 1) % 16;
            break;
        case 2:
            mixed = b ^ c ^ d;
            word = (3 * i + 5) % 16;
            break;
        default:
            mixed = c ^ (b | ~d);
            word = 7 * i % 16;
            break;
        }
        uint32_t sum = a + mixed + sines[i] + load_u32(block + 4 * word);
        unsigned rotation = rotations[i / 16][i % 4];
        a = d;
        d = c;
        c = b;
        b += sum << rotation | sum >> (32 - rotation);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void md5_digest(struct bytes message, uint8_t digest[MD5_SIZE])
{
    uint32_t state[4] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476};
    size_t whole = message.size / BLOCK_SIZE * BLOCK_SIZE;
    for (size_t offset = 0; offset < whole; offset += BLOCK_SIZE) {
        add_block(state, message.data + offset);
    }

    /* The rest, one bit that ends it, zeros and the length: one block, or two if they do not fit.
     */
    uint8_t tail[2 * BLOCK_SIZE] = {0};
    size_t rest = message.size - whole;
    if (rest > 0) {
        memcpy(tail, message.data + whole, rest);
    }
    tail[rest] = 0x80;
    size_t size = rest + 1 + LENGTH_SIZE <= BLOCK_SIZE ? BLOCK_SIZE : sizeof(tail);
    uint64_t bits = (uint64_t)message.size * 8;
    store_u32(tail + size - 8, (uint32_t)bits);
    store_u32(tail + size - 4, (uint32_t)(bits >> 32));
    for (size_t offset = 0; offset < size; offset += BLOCK_SIZE) {
        add_block(state, tail + offset);
    }
    for (int i = 0; i < 4; i++) {
        store_u32(digest + 4 * i, state[i]);
    }
}
