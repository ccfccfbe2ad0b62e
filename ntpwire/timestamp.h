/* SPDX-License-Identifier: MIT */
/* timestamp.h - NTP's 64-bit timestamp and 32-bit short format, with eras (RFC 5905, 6; RFC 8877).
 *
 * A timestamp counts 2^-32 s since the start of an era of 2^32 s; era 0 began on 1900-01-01, era 1
 * begins on 2036-02-07 06:28:16 UTC, era 2 in 2172. The wire does not carry the era, so every
 * conversion takes a pivot: the answer is the reading nearest to it (within 68 years). Leap seconds
 * are not counted (POSIX time). All functions are pure and safe in any thread. */
#ifndef NTPWIRE_TIMESTAMP_H
#define NTPWIRE_TIMESTAMP_H
#include <stdbool.h>
#include <stdint.h>

struct timestamp {
    uint64_t bits; /* seconds << 32 | fraction; 0 means "unknown" on the wire */
};

#define TIMESTAMP_UNIX_EPOCH INT64_C(2208988800) /* seconds from 1900 to 1970 */

static inline bool timestamp_is_unset(struct timestamp timestamp)
{
    return timestamp.bits == 0;
}

/* Nanoseconds since 1970 to the timestamp of the same instant, rounded down. Any int64 is taken. A
 * reading that would encode as 0 ("unknown") encodes as 1, a quarter of a nanosecond late. */
struct timestamp timestamp_from_unix_ns(int64_t unix_ns);

/* The instant nearest to pivot_unix_ns that the timestamp can mean, in nanoseconds since 1970,
 * rounded to nearest; saturates at the ends of int64. The caller has checked for "unset". */
int64_t timestamp_to_unix_ns(struct timestamp timestamp, int64_t pivot_unix_ns);

/* a - b in nanoseconds, rounded to nearest, right across an era boundary while the two lie within
 * 68 years of each other. */
int64_t timestamp_difference_ns(struct timestamp a, struct timestamp b);

/* Short format, unsigned 16.16 seconds. Durations are rounded up, since they serve in bounds;
 * negative ones become 0, and those of 65536 s and more the largest value. */
uint32_t timestamp_short_from_ns(int64_t duration_ns);
int64_t timestamp_short_to_ns(uint32_t short_format);

/* 2^exponent seconds in nanoseconds, at least 1; exponents beyond [-30, 33] saturate. For poll and
 * precision fields. */
int64_t timestamp_log2_to_ns(int exponent);
#endif
