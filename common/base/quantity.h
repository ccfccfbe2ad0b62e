/* SPDX-License-Identifier: MIT */
/* quantity.h - numbers with units, as people write and read them. Pure, safe in any thread. */
#ifndef COMMON_BASE_QUANTITY_H
#define COMMON_BASE_QUANTITY_H
#include "ntpwire/bytes.h"

#define QUANTITY_TEXT_MAX 32

/* Reads a duration such as "1 s", "250ms", "-20 us", "1.5 ms", "100ns", "2 min", "1 h", "0". A
 * number without a unit is refused (but 0). False, and *ns untouched, if it is not one or does not
 * fit. */
bool quantity_parse_duration(const char *text, int64_t *ns) MUST_CHECK;
/* Reads a rate such as "50 ppm", "-3.5ppm", "20 ppb"; 0 needs no unit. */
bool quantity_parse_rate(const char *text, double *ppm) MUST_CHECK;
/* Reads a whole decimal number within [minimum, maximum]; nothing may follow it. */
bool quantity_parse_integer(const char *text, int64_t minimum, int64_t maximum,
                            int64_t *value) MUST_CHECK;

/* Three significant digits or more with the unit that suits: "12.3 us", "+1.002 ms", "3.50 s", "0
 * ns". sign writes "+" before what is not negative. Microseconds are written "us". Returns out. */
char *quantity_format_duration(int64_t ns, bool sign, char out[QUANTITY_TEXT_MAX]);
#endif
