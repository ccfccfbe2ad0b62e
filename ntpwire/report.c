/* SPDX-License-Identifier: MIT */
#include "ntpwire/report.h"

#include "ntpwire/report_field.h"
#include "ntpwire/timestamp.h"

#include <string.h>

#define NS_PER_S 1000000000
#define F28_PER_S (INT64_C(1) << 28)

const char *report_verdict_name(enum report_verdict verdict)
{
    static const char *const names[REPORT_VERDICTS] = {
        [REPORT_OK] = "ok",
        [REPORT_ABSENT] = "no mesh field",
        [REPORT_TOO_BIG] = "payload too big",
        [REPORT_TRAILER] = "mesh fields before a MAC",
        [REPORT_FOREIGN] = "foreign field among the mesh's",
        [REPORT_ORDER] = "mesh fields out of order",
        [REPORT_UNSIGNED] = "report without its signature",
        [REPORT_NO_SESSION] = "no session",
        [REPORT_KEY_EPOCH] = "signature of another key epoch",
        [REPORT_TYPE] = "other field type",
        [REPORT_SHORT] = "too short",
        [REPORT_LENGTH] = "bad length",
        [REPORT_MAGIC_OTHER] = "other magic",
        [REPORT_VERSION_UNKNOWN] = "unknown version",
        [REPORT_RESERVED] = "reserved bits set",
        [REPORT_TIMESCALE_BAD] = "bad timescale",
        [REPORT_ENTRIES_TOO_MANY] = "too many entries",
        [REPORT_ENTRY_SELF] = "entry about the author",
        [REPORT_ENTRY_ORDER] = "entries out of order",
        [REPORT_ALGORITHM_UNKNOWN] = "unknown algorithm",
        [REPORT_PADDING] = "padding not zero",
        [REPORT_KIND_UNKNOWN] = "unknown kind",
        [REPORT_NO_COOKIE] = "signature without a cookie",
        [REPORT_FRAGMENT] = "bad fragment",
    };
    return (unsigned)verdict < REPORT_VERDICTS ? names[verdict] : "unknown verdict";
}

static size_t report_size(unsigned flags, size_t count)
{
    size_t root_size = (flags & REPORT_BATCH_ROOT) != 0 ? REPORT_ROOT_SIZE : 0;
    return REPORT_SIZE + root_size + count * REPORT_ENTRY_SIZE;
}

static struct report_entry read_entry(struct bytes field, size_t offset)
{
    return (struct report_entry){
        .peer = bytes_u32(field, offset),
        .offset_f28 = (int32_t)bytes_u32(field, offset + 4),
        .delay_f28 = bytes_u32(field, offset + 8),
        .dispersion_log2 = (int16_t)bytes_u16(field, offset + 12),
        .age_log2 = bytes_u8(field, offset + 14),
        .state = bytes_u8(field, offset + 15),
    };
}

/* What stands in a report but can't be told from the length; for writer and reader. */
static enum report_verdict check_values(const struct report *report)
{
    if (report->timescale > REPORT_MESH_TIME || report->timescale_id > 0xFFFFFF ||
        (report->timescale == REPORT_UTC && report->timescale_id != 0)) {
        return REPORT_TIMESCALE_BAD;
    }
    for (size_t i = 0; i < report->count; i++) {
        if (report->entries[i].peer == report->node >> 32) {
            return REPORT_ENTRY_SELF;
        }
        if (i > 0 && report->entries[i].peer <= report->entries[i - 1].peer) {
            return REPORT_ENTRY_ORDER;
        }
    }
    return REPORT_OK;
}

static void read_fixed(struct bytes field, struct report *report)
{
    report->leap = bytes_u8(field, 9) >> 6;
    report->era = bytes_u8(field, 10);
    report->count = bytes_u8(field, 11);
    report->node = bytes_u64(field, 12);
    report->membership = bytes_u32(field, 20);
    report->key_epoch = bytes_u16(field, 24);
    report->hops = bytes_u8(field, 26);
    report->sequence = bytes_u32(field, 28);
    report->hlc = bytes_u64(field, 32);
    report->as_of = bytes_u64(field, 40);
    report->as_of_mono = bytes_u64(field, 48);
    report->before_f28 = bytes_u32(field, 56);
    report->after_f28 = bytes_u32(field, 60);
    report->drift_ppb = bytes_u16(field, 64);
    report->drift_max_decis = bytes_u16(field, 66);
    memcpy(report->previous, field.data + 68, REPORT_PREVIOUS_SIZE);
    report->incarnation = bytes_u32(field, 84);
    report->disruptions = bytes_u16(field, 88);
    report->timescale = bytes_u8(field, 90);
    report->timescale_id = bytes_u32(field, 90) & 0xFFFFFF;
    report->tai_offset_s = (int16_t)bytes_u16(field, 94);
}

enum report_verdict report_read(struct bytes field, struct report *report)
{
    enum report_verdict verdict = report_field_check(field, REPORT_TYPE_REPORT, REPORT_SIZE);
    if (verdict != REPORT_OK) {
        return verdict;
    }
    if (bytes_u8(field, 8) != REPORT_VERSION) {
        return REPORT_VERSION_UNKNOWN;
    }
    unsigned flags = (bytes_u8(field, 9) & 0x3FU) | (unsigned)bytes_u8(field, 27) << 8;
    if ((flags & ~REPORT_FLAGS) != 0) {
        return REPORT_RESERVED;
    }
    size_t count = bytes_u8(field, 11);
    if (count > REPORT_ENTRIES_MAX) {
        return REPORT_ENTRIES_TOO_MANY;
    }
    if (field.size != report_size(flags, count)) {
        return REPORT_LENGTH;
    }
    struct report read = {.flags = (uint16_t)flags};
    read_fixed(field, &read);
    size_t offset = REPORT_SIZE;
    if ((flags & REPORT_BATCH_ROOT) != 0) {
        memcpy(read.root, field.data + offset, REPORT_ROOT_SIZE);
        offset += REPORT_ROOT_SIZE;
    }
    for (size_t i = 0; i < count; i++) {
        read.entries[i] = read_entry(field, offset + i * REPORT_ENTRY_SIZE);
    }
    verdict = check_values(&read);
    if (verdict == REPORT_OK) {
        *report = read;
    }
    return verdict;
}

static void write_entry(uint8_t *out, const struct report_entry *entry)
{
    bytes_put_u32(out, entry->peer);
    bytes_put_u32(out + 4, (uint32_t)entry->offset_f28);
    bytes_put_u32(out + 8, entry->delay_f28);
    bytes_put_u16(out + 12, (uint16_t)entry->dispersion_log2);
    out[14] = entry->age_log2;
    out[15] = entry->state;
}

static void write_fixed(uint8_t *out, const struct report *report)
{
    out[8] = REPORT_VERSION;
    out[9] = (uint8_t)((report->flags & 0x3FU) | (unsigned)report->leap << 6);
    out[10] = report->era;
    out[11] = report->count;
    bytes_put_u64(out + 12, report->node);
    bytes_put_u32(out + 20, report->membership);
    bytes_put_u16(out + 24, report->key_epoch);
    out[26] = report->hops;
    out[27] = (uint8_t)(report->flags >> 8);
    bytes_put_u32(out + 28, report->sequence);
    bytes_put_u64(out + 32, report->hlc);
    bytes_put_u64(out + 40, report->as_of);
    bytes_put_u64(out + 48, report->as_of_mono);
    bytes_put_u32(out + 56, report->before_f28);
    bytes_put_u32(out + 60, report->after_f28);
    bytes_put_u16(out + 64, report->drift_ppb);
    bytes_put_u16(out + 66, report->drift_max_decis);
    memcpy(out + 68, report->previous, REPORT_PREVIOUS_SIZE);
    bytes_put_u32(out + 84, report->incarnation);
    bytes_put_u16(out + 88, report->disruptions);
    bytes_put_u32(out + 90, (uint32_t)report->timescale << 24 | report->timescale_id);
    bytes_put_u16(out + 94, (uint16_t)report->tai_offset_s);
}

size_t report_write(uint8_t *out, size_t room, const struct report *report)
{
    if (report->count > REPORT_ENTRIES_MAX || (report->flags & ~REPORT_FLAGS) != 0 ||
        report->leap > 3 || check_values(report) != REPORT_OK) {
        return 0;
    }
    size_t size = report_size(report->flags, report->count);
    if (size > room) {
        return 0;
    }
    report_field_begin(out, REPORT_TYPE_REPORT, size);
    write_fixed(out, report);
    size_t offset = REPORT_SIZE;
    if ((report->flags & REPORT_BATCH_ROOT) != 0) {
        memcpy(out + offset, report->root, REPORT_ROOT_SIZE);
        offset += REPORT_ROOT_SIZE;
    }
    for (size_t i = 0; i < report->count; i++) {
        write_entry(out + offset + i * REPORT_ENTRY_SIZE, &report->entries[i]);
    }
    return size;
}

static size_t auth_size(unsigned algorithm)
{
    switch (algorithm) {
    case REPORT_ED25519:
        return REPORT_AUTH_SIGNATURE_SIZE;
    case REPORT_SESSION_HMAC:
        return REPORT_AUTH_SESSION_SIZE;
    case REPORT_GROUP_HMAC:
        return REPORT_AUTH_GROUP_SIZE;
    default:
        return 0;
    }
}

enum report_verdict report_auth_read(struct bytes field, struct report_auth *auth)
{
    enum report_verdict verdict =
        report_field_check(field, REPORT_TYPE_AUTH, REPORT_AUTH_GROUP_SIZE);
    if (verdict != REPORT_OK) {
        return verdict;
    }
    struct report_auth read = {.algorithm = bytes_u8(field, 8), .id = bytes_u16(field, 10)};
    size_t size = auth_size(read.algorithm);
    if (size == 0) {
        return REPORT_ALGORITHM_UNKNOWN;
    }
    if (bytes_u8(field, 9) != 0) {
        return REPORT_RESERVED;
    }
    if (field.size != size) {
        return REPORT_LENGTH;
    }
    size_t tag_offset = REPORT_AUTH_GROUP_TAG_OFFSET;
    if (read.algorithm == REPORT_SESSION_HMAC) {
        read.counter = bytes_u32(field, 12);
        read.hlc = bytes_u64(field, 16);
        tag_offset = REPORT_AUTH_SESSION_TAG_OFFSET;
    }
    read.tag = bytes_slice(field, tag_offset, size - tag_offset);
    *auth = read;
    return REPORT_OK;
}

size_t report_auth_write(uint8_t *out, size_t room, const struct report_auth *auth)
{
    bool has_session = auth->algorithm == REPORT_SESSION_HMAC;
    size_t size = auth_size(auth->algorithm);
    size_t tag_offset = has_session ? REPORT_AUTH_SESSION_TAG_OFFSET : REPORT_AUTH_GROUP_TAG_OFFSET;
    if (size == 0 || size > room || auth->tag.size != size - tag_offset) {
        return 0;
    }
    report_field_begin(out, REPORT_TYPE_AUTH, size);
    out[8] = auth->algorithm;
    out[9] = 0;
    bytes_put_u16(out + 10, auth->id);
    if (has_session) {
        bytes_put_u32(out + 12, auth->counter);
        bytes_put_u64(out + 16, auth->hlc);
    }
    memcpy(out + tag_offset, auth->tag.data, auth->tag.size);
    return size;
}

enum report_verdict report_pad_read(struct bytes field)
{
    enum report_verdict verdict = report_field_check(field, REPORT_TYPE_PAD, EXTENSION_SIZE_MIN);
    if (verdict != REPORT_OK) {
        return verdict;
    }
    if (field.size % 4 != 0) {
        return REPORT_LENGTH;
    }
    struct bytes zeros = bytes_slice(field, REPORT_HEAD_SIZE, field.size - REPORT_HEAD_SIZE);
    return report_field_is_zero(zeros) ? REPORT_OK : REPORT_PADDING;
}

size_t report_pad_write(uint8_t *out, size_t room, size_t size)
{
    if (size < EXTENSION_SIZE_MIN || size > EXTENSION_SIZE_MAX || size % 4 != 0 || size > room) {
        return 0;
    }
    report_field_begin(out, REPORT_TYPE_PAD, size);
    memset(out + REPORT_HEAD_SIZE, 0, size - REPORT_HEAD_SIZE);
    return size;
}

uint32_t report_width_from_ns(int64_t width_ns)
{
    if (width_ns <= 0) {
        return 0;
    }
    if (width_ns >= INT64_C(16) * NS_PER_S) {
        return REPORT_WIDTH_UNBOUNDED;
    }
    int64_t units = (width_ns * F28_PER_S + NS_PER_S - 1) / NS_PER_S;
    return units < REPORT_WIDTH_UNBOUNDED ? (uint32_t)units : REPORT_WIDTH_UNBOUNDED;
}

int64_t report_as_of_unix_ns(const struct report *report, int64_t pivot_unix_ns)
{
    int64_t tai_ns = report->tai_offset_s * INT64_C(1000000000);
    struct timestamp as_of = {report->as_of};
    return timestamp_to_unix_ns(as_of, pivot_unix_ns + tai_ns) - tai_ns;
}

int64_t report_width_to_ns(uint32_t width_f28)
{
    if (width_f28 == REPORT_WIDTH_UNBOUNDED) {
        return INT64_MAX;
    }
    return ((int64_t)width_f28 * NS_PER_S + F28_PER_S - 1) / F28_PER_S;
}

int32_t report_offset_from_ns(int64_t offset_ns)
{
    if (offset_ns >= INT64_C(8) * NS_PER_S) {
        return INT32_MAX;
    }
    if (offset_ns <= INT64_C(-8) * NS_PER_S) {
        return INT32_MIN;
    }
    int64_t half = offset_ns < 0 ? -NS_PER_S / 2 : NS_PER_S / 2;
    int64_t units = (offset_ns * F28_PER_S + half) / NS_PER_S;
    if (units > INT32_MAX) {
        return INT32_MAX;
    }
    return units < INT32_MIN ? INT32_MIN : (int32_t)units;
}

int64_t report_offset_to_ns(int32_t offset_f28)
{
    int64_t half = offset_f28 < 0 ? -F28_PER_S / 2 : F28_PER_S / 2;
    return ((int64_t)offset_f28 * NS_PER_S + half) / F28_PER_S;
}
