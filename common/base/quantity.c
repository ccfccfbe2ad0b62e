/* SPDX-License-Identifier: MIT */
#include "common/base/quantity.h"
#include <stdio.h>
#include <string.h>

#define FRACTION_DIGITS_MAX 18
#define SUBUNITS 1000 /* thousandths of a nanosecond, so that rounding is right */

/* A decimal number as it was written; fraction points to what follows the point. */
struct decimal {
    bool is_negative;
    uint64_t whole;
    const char *fraction;
    size_t fraction_digits;
    const char *unit; /* what follows, without the blanks between */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads digits into *value; false if there is none or they do not fit. */
static bool read_digits(const char **at, uint64_t *value)
{
    const char *start = *at;
    *value = 0;
    for (; is_digit(**at); (*at)++) {
        uint64_t digit = (uint64_t)(**at - '0');
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, digit, value)) {
            return false;
        }
    }
    return *at != start;
}

static bool read_decimal(const char *text, struct decimal *decimal)
{
    const char *at = text;
    decimal->is_negative = *at == '-';
    if (*at == '-' || *at == '+') {
        at++;
    }
    if (!read_digits(&at, &decimal->whole)) {
        return false;
    }
    decimal->fraction = at;
    decimal->fraction_digits = 0;
    if (*at == '.') {
        at++;
        decimal->fraction = at;
        while (is_digit(*at)) {
            at++;
        }
        decimal->fraction_digits = (size_t)(at - decimal->fraction);
        if (decimal->fraction_digits == 0 || decimal->fraction_digits > FRACTION_DIGITS_MAX) {
            return false;
        }
    }
    while (*at == ' ' || *at == '\t') {
        at++;
    }
    decimal->unit = at;
    return true;
}

static bool is_zero(const struct decimal *decimal)
{
    return decimal->whole == 0 && strspn(decimal->fraction, "0") >= decimal->fraction_digits;
}

/* The fraction's share of unit_ns, rounded to nearest. From the last digit to the first, each step
 * stays below 10 * 3600 s in subunits, which fits. */
static uint64_t fraction_of(const struct decimal *decimal, uint64_t unit_ns)
{
    uint64_t share = 0;
    for (size_t i = decimal->fraction_digits; i > 0; i--) {
        uint64_t digit = (uint64_t)(decimal->fraction[i - 1] - '0');
        share = (share + digit * unit_ns * SUBUNITS) / 10;
    }
    return (share + SUBUNITS / 2) / SUBUNITS;
}

bool quantity_parse_duration(const char *text, int64_t *ns)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {
        {"ns", 1},
        {"us", 1000},
        {"\xc2\xb5s", 1000}, /* the micro sign */
        {"\xce\xbcs", 1000}, /* the Greek letter */
        {"ms", 1000000},
        {"s", UINT64_C(1000000000)},
        {"min", UINT64_C(60000000000)},
        {"h", UINT64_C(3600000000000)},
    };
    struct decimal decimal;
    if (!read_decimal(text, &decimal)) {
        return false;
    }
    if (*decimal.unit == '\0' && is_zero(&decimal)) {
        *ns = 0;
        return true;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(decimal.unit, units[i].name) != 0) {
            continue;
        }
        uint64_t magnitude;
        if (__builtin_mul_overflow(decimal.whole, units[i].ns, &magnitude) ||
            __builtin_add_overflow(magnitude, fraction_of(&decimal, units[i].ns), &magnitude) ||
            magnitude > INT64_MAX) {
            return false;
        }
        *ns = decimal.is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
        return true;
    }
    return false;
}

bool quantity_parse_rate(const char *text, double *ppm)
{
    struct decimal decimal;
    if (!read_decimal(text, &decimal)) {
        return false;
    }
    double divisor = 1;
    if (strcmp(decimal.unit, "ppb") == 0) {
        divisor = 1000;
    } else if (strcmp(decimal.unit, "ppm") != 0 && !(*decimal.unit == '\0' && is_zero(&decimal))) {
        return false;
    }
    /* One division of two exact numbers, where that is possible, is as near as a double can be. */
    double value = (double)decimal.whole;
    for (size_t i = 0; i < decimal.fraction_digits; i++) {
        value = value * 10 + (decimal.fraction[i] - '0');
        divisor *= 10;
    }
    value /= divisor;
    *ppm = decimal.is_negative ? -value : value;
    return true;
}

bool quantity_parse_integer(const char *text, int64_t minimum, int64_t maximum, int64_t *value)
{
    const char *at = text;
    bool is_negative = *at == '-';
    if (is_negative) {
        at++;
    }
    uint64_t magnitude;
    if (!read_digits(&at, &magnitude) || *at != '\0' || magnitude > INT64_MAX) {
        return false;
    }
    int64_t number = is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
    if (number < minimum || number > maximum) {
        return false;
    }
    *value = number;
    return true;
}

/* Four significant digits are kept; whole seconds always are. */
static uint64_t round_ns(uint64_t ns)
{
    uint64_t quantum = 1;
    while (ns / quantum >= 10000 && quantum < UINT64_C(1000000000)) {
        quantum *= 10;
    }
    return (ns + quantum / 2) / quantum * quantum;
}

char *quantity_format_duration(int64_t ns, bool sign, char out[QUANTITY_TEXT_MAX])
{
    static const char *const names[] = {"ns", "us", "ms", "s"};
    uint64_t rounded = round_ns(ns < 0 ? -(uint64_t)ns : (uint64_t)ns);
    uint64_t unit_ns = 1;
    size_t unit = 0;
    while (unit < 3 && rounded >= unit_ns * 1000) {
        unit_ns *= 1000;
        unit++;
    }
    /* Three digits, and a fourth if it is not zero; what is below a microsecond is written whole.
     */
    unsigned long long whole = rounded / unit_ns;
    unsigned thousandths = (unsigned)(rounded % unit_ns * 1000 / unit_ns);
    int decimals = whole < 10 ? 3 : whole < 100 ? 2 : whole < 1000 ? 1 : 0;
    unsigned fraction = decimals == 3   ? thousandths
                        : decimals == 2 ? thousandths / 10
                                        : thousandths / 100;
    if (decimals > 0 && fraction % 10 == 0) {
        fraction /= 10;
        decimals--;
    }
    const char *mark = ns < 0 ? "-" : sign ? "+" : "";
    if (unit == 0 || decimals == 0) {
        snprintf(out, QUANTITY_TEXT_MAX, "%s%llu %s", mark, whole, names[unit]);
    } else {
        snprintf(out, QUANTITY_TEXT_MAX, "%s%llu.%0*u %s", mark, whole, decimals, fraction,
                 names[unit]);
    }
    return out;
}
