/* SPDX-License-Identifier: MIT */
/* hlc_form.h - stamps in the forms that other systems use: a time since 1970 in some unit, and a
 * logical count beside or below it.
 *
 * Both ways keep the order. A stamp's time is rounded up to the unit. A foreign time that no stamp
 * stands for becomes the least stamp that is not before it; a stamp that was converted comes back
 * as itself. What does not fit is refused, never wrapped. pivot names the era: an instant, such as
 * now, within 68 years of the stamp. */
#ifndef COMMON_BASE_HLC_FORM_H
#define COMMON_BASE_HLC_FORM_H
#include "common/base/hlc.h"

enum hlc_form {
    HLC_FORM_NS, /* 64 + 32 bits, of which the logical part uses 31: CockroachDB */
    HLC_FORM_US, /* 52 + 12: YugabyteDB */
    HLC_FORM_MS, /* 46 + 18: TiDB's timestamp oracle */
    HLC_FORM_S,  /* 32 + 32: MongoDB */
    HLC_FORMS
};

struct hlc_parts {
    int64_t units; /* since 1970, never negative */
    uint32_t logical;
};

/* The longest text and its end. */
#define HLC_TEXT_SIZE 32

/* Returns false when the stamp lies before 1970 or beyond the form's range, or when more stamps
 * shared one unit than its logical part can tell apart. */
MUST_CHECK bool hlc_form_split(enum hlc_form form, struct hlc_stamp stamp, struct wall pivot,
                               struct hlc_parts *parts);
/* Returns false when a part is beyond the form's range, or 68 years or more from pivot. */
MUST_CHECK bool hlc_form_join(enum hlc_form form, struct hlc_parts parts, struct wall pivot,
                              struct hlc_stamp *stamp);

/* The parts as one number, the logical part in its low bits. Not for HLC_FORM_NS, which is wider.
 */
MUST_CHECK bool hlc_form_pack(enum hlc_form form, struct hlc_stamp stamp, struct wall pivot,
                              uint64_t *packed);
MUST_CHECK bool hlc_form_unpack(enum hlc_form form, uint64_t packed, struct wall pivot,
                                struct hlc_stamp *stamp);

/* CockroachDB's text: nanoseconds, a full stop, ten digits of logical count. */
MUST_CHECK bool hlc_form_print(struct hlc_stamp stamp, struct wall pivot, char text[HLC_TEXT_SIZE]);
/* The count may be missing with its full stop, and means 0 then; else it has all its digits. */
MUST_CHECK bool hlc_form_read(const char *text, struct wall pivot, struct hlc_stamp *stamp);
#endif
