/* SPDX-License-Identifier: MIT */
/* report_field.h - the first eight octets, which all of the mesh's fields share. */
#ifndef NTPWIRE_REPORT_FIELD_H
#define NTPWIRE_REPORT_FIELD_H
#include "ntpwire/report.h"

#define REPORT_HEAD_SIZE 8

/* size_min is that of the field, at least REPORT_HEAD_SIZE. */
static inline enum report_verdict report_field_check(struct bytes field, uint16_t type,
                                                     size_t size_min)
{
    if (field.size < REPORT_HEAD_SIZE) {
        return REPORT_SHORT;
    }
    if (bytes_u16(field, 0) != type) {
        return REPORT_TYPE;
    }
    if (bytes_u16(field, 2) != field.size) {
        return REPORT_LENGTH;
    }
    if (bytes_u32(field, 4) != REPORT_MAGIC) {
        return REPORT_MAGIC_OTHER;
    }
    return field.size < size_min ? REPORT_SHORT : REPORT_OK;
}

static inline void report_field_begin(uint8_t *out, uint16_t type, size_t size)
{
    bytes_put_u16(out, type);
    bytes_put_u16(out + 2, (uint16_t)size);
    bytes_put_u32(out + 4, REPORT_MAGIC);
}

static inline bool report_field_is_zero(struct bytes octets)
{
    uint8_t seen = 0;
    for (size_t i = 0; i < octets.size; i++) {
        seen |= octets.data[i];
    }
    return seen == 0;
}
#endif
