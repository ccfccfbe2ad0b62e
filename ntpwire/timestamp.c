/* SPDX-License-Identifier: MIT */
#include "ntpwire/timestamp.h"

#define NS_IN_S INT64_C(1000000000)
#define LOW_32 UINT64_C(0xFFFFFFFF)

/* Seconds since 1900 in any era, and the rest; what the wire would carry if it carried the era. */
struct era_time {
    int64_t seconds;
    uint32_t fraction;
};

/* The divisor is a constant, so this compiles to multiplications: it is on the server's hot path.
 */
static struct era_time from_unix_ns(int64_t unix_ns)
{
    int64_t seconds = unix_ns / NS_IN_S;
    int64_t rest = unix_ns % NS_IN_S;
    if (rest < 0) {
        rest += NS_IN_S;
        seconds--;
    }
    return (struct era_time){.seconds = seconds + TIMESTAMP_UNIX_EPOCH,
                             .fraction = (uint32_t)(((uint64_t)rest << 32) / (uint64_t)NS_IN_S)};
}

static uint64_t to_bits(struct era_time time)
{
    return (uint64_t)time.seconds << 32 | time.fraction;
}

/* Rounded to nearest: 0 to 10^9, since the last half of a nanosecond rounds up to a whole second.
 */
static int64_t fraction_to_ns(uint64_t fraction)
{
    return (int64_t)((fraction * (uint64_t)NS_IN_S + (UINT64_C(1) << 31)) >> 32);
}

struct timestamp timestamp_from_unix_ns(int64_t unix_ns)
{
    uint64_t bits = to_bits(from_unix_ns(unix_ns));
    return (struct timestamp){.bits = bits == 0 ? 1 : bits};
}

/* seconds * 10^9 + ns, kept within int64; ns is 0 to 10^9. */
static int64_t join_saturating(int64_t seconds, int64_t ns)
{
    if (seconds >= 0) {
        if (seconds > INT64_MAX / NS_IN_S || ns > INT64_MAX - seconds * NS_IN_S) {
            return INT64_MAX;
        }
        return seconds * NS_IN_S + ns;
    }
    /* One second is moved to the other part, so that neither overflows before the sum would. */
    seconds++;
    ns -= NS_IN_S;
    if (seconds < INT64_MIN / NS_IN_S || ns < INT64_MIN - seconds * NS_IN_S) {
        return INT64_MIN;
    }
    return seconds * NS_IN_S + ns;
}

int64_t timestamp_to_unix_ns(struct timestamp timestamp, int64_t pivot_unix_ns)
{
    struct era_time pivot = from_unix_ns(pivot_unix_ns);
    uint64_t ahead = timestamp.bits - to_bits(pivot);

    /* The difference modulo 2^32 s, taken as signed, leads to the nearest reading. Only its whole
     * seconds are added to the pivot: the fraction is the timestamp's own, so that it is rounded
     * once. */
    int64_t whole = (int64_t)(ahead >> 32);
    if (whole >= INT64_C(1) << 31) {
        whole -= INT64_C(1) << 32;
    }
    int64_t carry = (int64_t)(((ahead & LOW_32) + pivot.fraction) >> 32);
    int64_t seconds = pivot.seconds + whole + carry - TIMESTAMP_UNIX_EPOCH;
    return join_saturating(seconds, fraction_to_ns(timestamp.bits & LOW_32));
}

int64_t timestamp_difference_ns(struct timestamp a, struct timestamp b)
{
    /* By magnitude, so that exchanging a and b changes the sign and nothing else. */
    uint64_t ahead = a.bits - b.bits;
    bool is_negative = ahead >> 63 != 0;
    uint64_t magnitude = is_negative ? UINT64_C(0) - ahead : ahead;
    int64_t ns = (int64_t)(magnitude >> 32) * NS_IN_S + fraction_to_ns(magnitude & LOW_32);
    return is_negative ? -ns : ns;
}

uint32_t timestamp_short_from_ns(int64_t duration_ns)
{
    if (duration_ns <= 0) {
        return 0;
    }
    if (duration_ns >= 65536 * NS_IN_S) {
        return UINT32_MAX;
    }
    uint64_t units = (((uint64_t)duration_ns << 16) + (uint64_t)NS_IN_S - 1) / (uint64_t)NS_IN_S;
    return units > UINT32_MAX ? UINT32_MAX : (uint32_t)units;
}

int64_t timestamp_short_to_ns(uint32_t short_format)
{
    return (int64_t)(((uint64_t)short_format * (uint64_t)NS_IN_S + 0xFFFF) >> 16);
}

int64_t timestamp_log2_to_ns(int exponent)
{
    if (exponent >= 0) {
        return NS_IN_S << (exponent > 33 ? 33 : exponent);
    }
    int shift = exponent < -30 ? 30 : -exponent;
    return (NS_IN_S + (INT64_C(1) << (shift - 1))) >> shift;
}
