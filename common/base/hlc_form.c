/* SPDX-License-Identifier: MIT */
#include "common/base/hlc_form.h"
#include "ntpwire/timestamp.h"
#include <inttypes.h>
#include <stdio.h>

#define LOGICAL_DIGITS 10
#define GRANULES_IN_68_YEARS (INT64_C(1) << 47)
#define EPOCH_GRANULES (TIMESTAMP_UNIX_EPOCH * HLC_GRANULES_PER_S)

struct layout {
    int64_t units_per_s;
    unsigned unit_bits;
    unsigned logical_bits;
    /* At most so many granules round up to the same unit; they divide its logical part. */
    uint32_t granules_per_unit;
};

static const struct layout layouts[] = {
    [HLC_FORM_NS] = {NS_PER_S, 63, 31, 1},
    [HLC_FORM_US] = {1000000, 52, 12, 1},
    [HLC_FORM_MS] = {1000, 46, 18, 66},
    [HLC_FORM_S] = {1, 32, 32, HLC_GRANULES_PER_S},
};
_Static_assert(sizeof layouts / sizeof layouts[0] == HLC_FORMS, "one layout for each form");

static const struct layout *layout_of(enum hlc_form form)
{
    assert((size_t)form < HLC_FORMS);
    return &layouts[form];
}

/* How many logical counts belong to each granule of a unit. */
static uint32_t counts_per_granule(const struct layout *layout)
{
    uint64_t counts = (UINT64_C(1) << layout->logical_bits) / layout->granules_per_unit;
    return counts < HLC_COUNTS_PER_GRANULE ? (uint32_t)counts : HLC_COUNTS_PER_GRANULE;
}

/* Granules and units are counted from 1970 here. A granule at second s plus r granules stands in
 * the unit that it rounds up to; neither product leaves int64 when taken second by second. */
static int64_t unit_of(const struct layout *layout, int64_t granules)
{
    int64_t seconds = granules / HLC_GRANULES_PER_S;
    int64_t rest = granules % HLC_GRANULES_PER_S * layout->units_per_s;
    return seconds * layout->units_per_s + (rest + HLC_GRANULES_PER_S - 1) / HLC_GRANULES_PER_S;
}

/* The last granule that is not after the unit's instant. */
static int64_t last_granule(const struct layout *layout, int64_t units)
{
    int64_t seconds = units / layout->units_per_s;
    int64_t rest = units % layout->units_per_s * HLC_GRANULES_PER_S;
    return seconds * HLC_GRANULES_PER_S + rest / layout->units_per_s;
}

/* The first granule that is after the unit before. */
static int64_t first_granule(const struct layout *layout, int64_t units)
{
    return units == 0 ? 0 : last_granule(layout, units - 1) + 1;
}

static bool is_in_range(const struct layout *layout, struct hlc_parts parts)
{
    return parts.units >= 0 && (uint64_t)parts.units >> layout->unit_bits == 0 &&
           (uint64_t)parts.logical >> layout->logical_bits == 0;
}

bool hlc_form_split(enum hlc_form form, struct hlc_stamp stamp, struct wall pivot,
                    struct hlc_parts *parts)
{
    const struct layout *layout = layout_of(form);
    int64_t granules = hlc_unfold(stamp, pivot) - EPOCH_GRANULES;
    uint32_t count = (uint32_t)(stamp.bits & 0xFFFF);
    if (granules < 0 || granules / HLC_GRANULES_PER_S >= INT64_MAX / layout->units_per_s ||
        count >= counts_per_granule(layout)) {
        return false;
    }
    int64_t units = unit_of(layout, granules);
    int64_t index = granules - first_granule(layout, units);
    assert(index >= 0 && index < (int64_t)layout->granules_per_unit);

    uint32_t logical = (uint32_t)index * counts_per_granule(layout) + count;
    struct hlc_parts split = {.units = units, .logical = logical};
    if (!is_in_range(layout, split)) {
        return false;
    }
    *parts = split;
    return true;
}

bool hlc_form_join(enum hlc_form form, struct hlc_parts parts, struct wall pivot,
                   struct hlc_stamp *stamp)
{
    const struct layout *layout = layout_of(form);
    if (!is_in_range(layout, parts)) {
        return false;
    }
    uint32_t counts = counts_per_granule(layout);
    int64_t granules = first_granule(layout, parts.units) + parts.logical / counts;
    uint32_t count = parts.logical % counts;
    int64_t last = last_granule(layout, parts.units);
    if (granules > last) {
        /* Between two stamps, or a count that we would not have given: the next one is behind both
         * and before all that follow. */
        granules = last + 1;
        count = 0;
    }
    granules += EPOCH_GRANULES;
    int64_t ahead = granules - hlc_granules(pivot);
    if (ahead >= GRANULES_IN_68_YEARS || ahead <= -GRANULES_IN_68_YEARS) {
        return false;
    }
    *stamp = hlc_stamp_make(granules, count);
    return true;
}

bool hlc_form_pack(enum hlc_form form, struct hlc_stamp stamp, struct wall pivot, uint64_t *packed)
{
    assert(form != HLC_FORM_NS);
    struct hlc_parts parts;
    if (!hlc_form_split(form, stamp, pivot, &parts)) {
        return false;
    }
    *packed = (uint64_t)parts.units << layout_of(form)->logical_bits | parts.logical;
    return true;
}

bool hlc_form_unpack(enum hlc_form form, uint64_t packed, struct wall pivot,
                     struct hlc_stamp *stamp)
{
    assert(form != HLC_FORM_NS);
    unsigned bits = layout_of(form)->logical_bits;
    struct hlc_parts parts = {
        .units = (int64_t)(packed >> bits),
        .logical = (uint32_t)(packed & ((UINT64_C(1) << bits) - 1)),
    };
    return hlc_form_join(form, parts, pivot, stamp);
}

bool hlc_form_print(struct hlc_stamp stamp, struct wall pivot, char text[HLC_TEXT_SIZE])
{
    struct hlc_parts parts;
    if (!hlc_form_split(HLC_FORM_NS, stamp, pivot, &parts)) {
        return false;
    }
    (void)snprintf(text, HLC_TEXT_SIZE, "%" PRId64 ".%010" PRIu32, parts.units, parts.logical);
    return true;
}

/* Reads a number of one digit or more, no sign, up to max; returns what follows, or NULL. */
static const char *read_number(const char *text, int64_t max, int64_t *number)
{
    int64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        int digit = *at - '0';
        if (value > (max - digit) / 10) {
            return NULL;
        }
        value = value * 10 + digit;
    }
    *number = value;
    return at == text ? NULL : at;
}

bool hlc_form_read(const char *text, struct wall pivot, struct hlc_stamp *stamp)
{
    int64_t units;
    int64_t logical = 0;
    const char *rest = read_number(text, INT64_MAX, &units);
    if (rest == NULL) {
        return false;
    }
    if (*rest == '.') {
        /* With fewer digits, ".5" might be meant as a 5 or as a half of the scale. */
        const char *digits = rest + 1;
        rest = read_number(digits, INT32_MAX, &logical);
        if (rest == NULL || rest - digits != LOGICAL_DIGITS) {
            return false;
        }
    }
    if (*rest != '\0') {
        return false;
    }
    struct hlc_parts parts = {.units = units, .logical = (uint32_t)logical};
    return hlc_form_join(HLC_FORM_NS, parts, pivot, stamp);
}
