/* SPDX-License-Identifier: MIT */
/* bytes.h - a view of octets that belong to somebody else, read and written big-endian. */
#ifndef NTPWIRE_BYTES_H
#define NTPWIRE_BYTES_H
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define MUST_CHECK __attribute__((warn_unused_result))
#else
#define MUST_CHECK
#endif

struct bytes {
    const uint8_t *data;
    size_t size;
};

static inline struct bytes bytes_make(const void *data, size_t size)
{
    return (struct bytes){.data = data, .size = size};
}

/* The readers assert that offset and width lie inside: check the size before you read. */
static inline uint8_t bytes_u8(struct bytes view, size_t offset)
{
    assert(offset < view.size);
    return view.data[offset];
}

static inline uint16_t bytes_u16(struct bytes view, size_t offset)
{
    assert(view.size >= 2 && offset <= view.size - 2);
    const uint8_t *at = view.data + offset;
    return (uint16_t)((uint16_t)at[0] << 8 | at[1]);
}

static inline uint32_t bytes_u32(struct bytes view, size_t offset)
{
    assert(view.size >= 4 && offset <= view.size - 4);
    const uint8_t *at = view.data + offset;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline uint64_t bytes_u64(struct bytes view, size_t offset)
{
    return (uint64_t)bytes_u32(view, offset) << 32 | bytes_u32(view, offset + 4);
}

/* The part of view that begins at offset and has size octets; both must lie inside. */
static inline struct bytes bytes_slice(struct bytes view, size_t offset, size_t size)
{
    assert(offset <= view.size && size <= view.size - offset);
    return bytes_make(view.data + offset, size);
}

static inline void bytes_put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void bytes_put_u32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

static inline void bytes_put_u64(uint8_t *at, uint64_t value)
{
    bytes_put_u32(at, (uint32_t)(value >> 32));
    bytes_put_u32(at + 4, (uint32_t)value);
}
#endif
