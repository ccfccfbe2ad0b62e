/* SPDX-License-Identifier: MIT */
#include "ntpwire/report.h"
#include "ntpwire/timestamp.h"

#include "tests/unit/unit.h"

#include <string.h>

#define ROOM 2048

static uint8_t octets[ROOM];
static const uint8_t filler[ROOM] = {0xD1, 0xD2, 0xD3, 0xD4, 0xD5};

static struct report make_report(size_t count)
{
    struct report report = {
        .flags = REPORT_SYNCED | REPORT_HLC_VALID | REPORT_RETRACTED,
        .leap = 2,
        .era = 1,
        .hops = 3,
        .node = UINT64_C(0x0102030405060708),
        .membership = 0xA1B2C3D4,
        .key_epoch = 0xE0E1,
        .sequence = 0xFFFFFFFF,
        .hlc = UINT64_C(0x1112131415161718),
        .as_of = UINT64_C(0x2122232425262728),
        .as_of_mono = UINT64_C(0x3132333435363738),
        .before_f28 = 0x41424344,
        .after_f28 = REPORT_WIDTH_UNBOUNDED,
        .drift_ppb = 0x5152,
        .drift_max_decis = 0x5354,
        .incarnation = 0x61626364,
        .disruptions = 0x7172,
        .timescale = REPORT_MESH_TIME,
        .timescale_id = 0x818283,
        .tai_offset_s = -37,
        .count = (uint8_t)count,
    };
    memset(report.previous, 0x99, sizeof(report.previous));
    for (size_t i = 0; i < count && i < REPORT_ENTRIES_MAX; i++) {
        report.entries[i] = (struct report_entry){
            .peer = 0x20000000 + (uint32_t)i,
            .offset_f28 = INT32_MIN + (int32_t)i,
            .delay_f28 = UINT32_MAX - (uint32_t)i,
            .dispersion_log2 = (int16_t)(-4096 - (int)i),
            .age_log2 = (uint8_t)(255 - i),
            .state = (uint8_t)(REPORT_ENTRY_ONE_WAY | (i & REPORT_ENTRY_VERDICT)),
        };
    }
    return report;
}

static enum report_verdict read_changed(size_t size, size_t offset, uint8_t value)
{
    struct report report;
    uint8_t before = octets[offset];
    octets[offset] = value;
    enum report_verdict verdict = report_read(bytes_make(octets, size), &report);
    octets[offset] = before;
    return verdict;
}

static void report_comes_back(void)
{
    for (size_t count = 0; count <= REPORT_ENTRIES_MAX; count++) {
        struct report report = make_report(count);
        struct report read;
        size_t size = report_write(octets, ROOM, &report);
        CU_ASSERT_EQUAL(size, REPORT_SIZE + 16 * count);
        CU_ASSERT_EQUAL_FATAL(report_read(bytes_make(octets, size), &read), REPORT_OK);
        CU_ASSERT_EQUAL(read.count, count);
        CU_ASSERT_EQUAL(read.flags, report.flags);
        CU_ASSERT_EQUAL(read.tai_offset_s, -37);
        CU_ASSERT_EQUAL(read.timescale_id, 0x818283);
        if (count > 0) {
            const struct report_entry *last = &read.entries[count - 1];
            CU_ASSERT_EQUAL(last->offset_f28, report.entries[count - 1].offset_f28);
            CU_ASSERT_EQUAL(last->dispersion_log2, report.entries[count - 1].dispersion_log2);
        }
        uint8_t again[ROOM];
        CU_ASSERT_EQUAL(report_write(again, ROOM, &read), size);
        CU_ASSERT_EQUAL(memcmp(again, octets, size), 0);
        CU_ASSERT_EQUAL(report_write(again, size - 1, &read), 0);
    }
}

static void report_stands_where_the_text_says(void)
{
    struct report report = make_report(1);
    report.flags |= REPORT_BATCH_ROOT;
    memset(report.root, 0x77, sizeof(report.root));
    size_t size = report_write(octets, ROOM, &report);
    struct bytes field = bytes_make(octets, size);
    CU_ASSERT_EQUAL_FATAL(size, 144);
    CU_ASSERT_EQUAL(bytes_u64(field, 0), UINT64_C(0xF7C0009054434D31));
    CU_ASSERT_EQUAL(bytes_u64(field, 8), UINT64_C(0x01A9010101020304));
    CU_ASSERT_EQUAL(bytes_u64(field, 20), UINT64_C(0xA1B2C3D4E0E10301));
    CU_ASSERT_EQUAL(bytes_u32(field, 28), 0xFFFFFFFF);
    CU_ASSERT_EQUAL(bytes_u64(field, 32), report.hlc);
    CU_ASSERT_EQUAL(bytes_u64(field, 40), report.as_of);
    CU_ASSERT_EQUAL(bytes_u64(field, 48), report.as_of_mono);
    CU_ASSERT_EQUAL(bytes_u64(field, 56), UINT64_C(0x41424344FFFFFFFF));
    CU_ASSERT_EQUAL(bytes_u64(field, 64), UINT64_C(0x5152535499999999));
    CU_ASSERT_EQUAL(bytes_u64(field, 84), UINT64_C(0x6162636471720181));
    CU_ASSERT_EQUAL(bytes_u32(field, 92), 0x8283FFDB);
    CU_ASSERT_EQUAL(bytes_u32(field, 96), 0x77777777);
    CU_ASSERT_EQUAL(bytes_u64(field, 128), UINT64_C(0x2000000080000000));
    CU_ASSERT_EQUAL(bytes_u64(field, 136), UINT64_C(0xFFFFFFFFF000FF08));
}

static void report_cut_anywhere_is_dropped(void)
{
    struct report report = make_report(3);
    struct report read = {.sequence = 5};
    size_t size = report_write(octets, ROOM, &report);
    for (size_t cut = 0; cut < size; cut++) {
        CU_ASSERT_EQUAL(report_read(bytes_make(octets, cut), &read),
                        cut < 8 ? REPORT_SHORT : REPORT_LENGTH);
        /* Even where the length is made to fit. */
        uint8_t copy[ROOM];
        memcpy(copy, octets, size);
        bytes_put_u16(copy + 2, (uint16_t)cut);
        CU_ASSERT_EQUAL(report_read(bytes_make(copy, cut), &read),
                        cut < REPORT_SIZE ? REPORT_SHORT : REPORT_LENGTH);
    }
    CU_ASSERT_EQUAL(read.sequence, 5);
}

static void every_other_length_is_dropped(void)
{
    struct report report = make_report(3);
    struct report read;
    size_t size = report_write(octets, ROOM, &report);
    for (unsigned length = 0; length <= UINT16_MAX; length++) {
        bytes_put_u16(octets + 2, (uint16_t)length);
        CU_ASSERT_EQUAL(report_read(bytes_make(octets, size), &read),
                        length == size ? REPORT_OK : REPORT_LENGTH);
    }
    bytes_put_u16(octets + 2, (uint16_t)size);
    for (unsigned count = 0; count <= UINT8_MAX; count++) {
        enum report_verdict wanted =
            count > REPORT_ENTRIES_MAX ? REPORT_ENTRIES_TOO_MANY : REPORT_LENGTH;
        CU_ASSERT_EQUAL(read_changed(size, 11, (uint8_t)count), count == 3 ? REPORT_OK : wanted);
    }
}

static void report_octets_that_decide(void)
{
    struct report report = make_report(3);
    size_t size = report_write(octets, ROOM, &report);
    CU_ASSERT_EQUAL(read_changed(size, 0, 0xF6), REPORT_TYPE);
    CU_ASSERT_EQUAL(read_changed(size, 1, 0xC1), REPORT_TYPE);
    CU_ASSERT_EQUAL(read_changed(size, 7, 0x32), REPORT_MAGIC_OTHER);
    for (unsigned version = 0; version <= UINT8_MAX; version++) {
        CU_ASSERT_EQUAL(read_changed(size, 8, (uint8_t)version),
                        version == 1 ? REPORT_OK : REPORT_VERSION_UNKNOWN);
    }
    for (unsigned bit = 0; bit < 8; bit++) {
        CU_ASSERT_EQUAL(read_changed(size, 27, (uint8_t)(1U << bit)),
                        bit == 0 ? REPORT_OK : REPORT_RESERVED);
        CU_ASSERT_EQUAL(read_changed(size, 9, (uint8_t)(1U << bit)),
                        bit == 5 ? REPORT_LENGTH : REPORT_OK);
    }
    CU_ASSERT_EQUAL(read_changed(size, 90, 2), REPORT_TIMESCALE_BAD);
    CU_ASSERT_EQUAL(read_changed(size, 90, REPORT_UTC), REPORT_TIMESCALE_BAD);
    bytes_put_u32(octets + 96, 0x01020304);
    CU_ASSERT_EQUAL(read_changed(size, 8, 1), REPORT_ENTRY_SELF);
    bytes_put_u32(octets + 96, 0x20000001);
    CU_ASSERT_EQUAL(read_changed(size, 8, 1), REPORT_ENTRY_ORDER);
}

static void report_without_a_form_is_not_written(void)
{
    struct report report = make_report(2);
    report.count = REPORT_ENTRIES_MAX + 1;
    CU_ASSERT_EQUAL(report_write(octets, ROOM, &report), 0);
    report = make_report(2);
    report.flags |= 0x40;
    CU_ASSERT_EQUAL(report_write(octets, ROOM, &report), 0);
    report = make_report(2);
    report.leap = 4;
    CU_ASSERT_EQUAL(report_write(octets, ROOM, &report), 0);
    report = make_report(2);
    report.timescale_id = 0x1000000;
    CU_ASSERT_EQUAL(report_write(octets, ROOM, &report), 0);
    report = make_report(2);
    report.entries[1].peer = report.entries[0].peer;
    CU_ASSERT_EQUAL(report_write(octets, ROOM, &report), 0);
}

static void auth_comes_back(void)
{
    static const size_t sizes[] = {0, 76, 40, 28};
    for (uint8_t algorithm = 1; algorithm <= 3; algorithm++) {
        struct report_auth read;
        struct report_auth auth = {
            .algorithm = algorithm,
            .id = 0xBEEF,
            .counter = algorithm == REPORT_SESSION_HMAC ? 0x01020304 : 0,
            .hlc = algorithm == REPORT_SESSION_HMAC ? UINT64_C(0x1112131415161718) : 0,
            .tag = bytes_make(filler, algorithm == REPORT_ED25519 ? 64 : 16),
        };
        size_t size = report_auth_write(octets, ROOM, &auth);
        CU_ASSERT_EQUAL_FATAL(size, sizes[algorithm]);
        CU_ASSERT_EQUAL(report_auth_write(octets, size - 1, &auth), 0);
        CU_ASSERT_EQUAL_FATAL(report_auth_read(bytes_make(octets, size), &read), REPORT_OK);
        CU_ASSERT_EQUAL(read.id, 0xBEEF);
        CU_ASSERT_EQUAL(read.counter, auth.counter);
        CU_ASSERT_EQUAL(read.hlc, auth.hlc);
        CU_ASSERT_PTR_EQUAL(read.tag.data + read.tag.size, octets + size);
        CU_ASSERT_EQUAL(memcmp(read.tag.data, filler, read.tag.size), 0);
        for (size_t cut = 0; cut < size; cut++) {
            bytes_put_u16(octets + 2, (uint16_t)cut);
            CU_ASSERT_EQUAL(report_auth_read(bytes_make(octets, cut), &read),
                            cut < 28 ? REPORT_SHORT : REPORT_LENGTH);
        }
        bytes_put_u16(octets + 2, (uint16_t)size);
        octets[9] = 1;
        CU_ASSERT_EQUAL(report_auth_read(bytes_make(octets, size), &read), REPORT_RESERVED);
        octets[8] = (uint8_t)(algorithm == 3 ? 4 : 0);
        CU_ASSERT_EQUAL(report_auth_read(bytes_make(octets, size), &read),
                        REPORT_ALGORITHM_UNKNOWN);
        auth.tag.size--;
        CU_ASSERT_EQUAL(report_auth_write(octets, ROOM, &auth), 0);
    }
}

static void pad_is_zero(void)
{
    CU_ASSERT_EQUAL(report_pad_write(octets, ROOM, 12), 0);
    CU_ASSERT_EQUAL(report_pad_write(octets, ROOM, 18), 0);
    CU_ASSERT_EQUAL(report_pad_write(octets, 16, 20), 0);
    CU_ASSERT_EQUAL(report_pad_write(octets, ROOM, ROOM), ROOM);
    CU_ASSERT_EQUAL(report_pad_write(octets, ROOM, 16), 16);
    CU_ASSERT_EQUAL(report_pad_read(bytes_make(octets, 16)), REPORT_OK);
    for (size_t i = 8; i < 16; i++) {
        octets[i] = 0x80;
        CU_ASSERT_EQUAL(report_pad_read(bytes_make(octets, 16)), REPORT_PADDING);
        octets[i] = 0;
    }
    bytes_put_u16(octets + 2, 18);
    CU_ASSERT_EQUAL(report_pad_read(bytes_make(octets, 18)), REPORT_LENGTH);
    bytes_put_u16(octets + 2, 12);
    CU_ASSERT_EQUAL(report_pad_read(bytes_make(octets, 12)), REPORT_SHORT);
}

static void handshake_is_held_to_its_kind(void)
{
    static const size_t sizes[] = {0, 148, 44, 164, 32};
    for (uint8_t kind = REPORT_HELLO; kind <= REPORT_SESSION_NAK; kind++) {
        struct report_handshake read;
        struct report_handshake handshake = {.kind = kind, .from = 1, .to = 2};
        handshake.cookie[15] = 1;
        handshake.signature[63] = 1;
        size_t size = report_handshake_write(octets, ROOM, &handshake);
        CU_ASSERT_EQUAL_FATAL(size, sizes[kind]);
        CU_ASSERT_EQUAL(report_handshake_write(octets, size - 1, &handshake), 0);
        struct bytes field = bytes_make(octets, size);
        CU_ASSERT_EQUAL_FATAL(report_handshake_read(field, &read), REPORT_OK);
        CU_ASSERT_EQUAL(read.from, 1);
        CU_ASSERT_EQUAL(read.to, 2);
        for (unsigned other = 0; other <= UINT8_MAX; other++) {
            bool is_known = other >= REPORT_HELLO && other <= REPORT_SESSION_NAK;
            octets[9] = (uint8_t)other;
            CU_ASSERT_EQUAL(report_handshake_read(field, &read),
                            other == kind ? REPORT_OK
                                          : (is_known ? REPORT_LENGTH : REPORT_KIND_UNKNOWN));
        }
        octets[9] = kind;
        for (size_t cut = 0; cut < size; cut++) {
            bytes_put_u16(octets + 2, (uint16_t)cut);
            CU_ASSERT_EQUAL(report_handshake_read(bytes_make(octets, cut), &read),
                            cut < 28 ? REPORT_SHORT : REPORT_LENGTH);
        }
        bytes_put_u16(octets + 2, (uint16_t)size);
        octets[11] = 1;
        CU_ASSERT_EQUAL(report_handshake_read(field, &read), REPORT_RESERVED);
        octets[8] = 2;
        CU_ASSERT_EQUAL(report_handshake_read(field, &read), REPORT_VERSION_UNKNOWN);
    }
}

static void hello_is_signed_after_the_cookie(void)
{
    struct report_handshake hello = {.kind = REPORT_HELLO};
    struct report_handshake read;
    CU_ASSERT_EQUAL(report_handshake_write(octets, ROOM, &hello), REPORT_HELLO_SIZE);
    octets[REPORT_HELLO_SIZE - 1] = 1;
    CU_ASSERT_EQUAL(report_handshake_read(bytes_make(octets, REPORT_HELLO_SIZE), &read),
                    REPORT_NO_COOKIE);
    hello.signature[0] = 1;
    CU_ASSERT_EQUAL(report_handshake_write(octets, ROOM, &hello), 0);
}

static void message_comes_back(void)
{
    for (size_t body_size = 0; body_size <= REPORT_MESSAGE_BODY_MAX; body_size++) {
        struct report_message read;
        struct report_message message = {
            .kind = REPORT_EVIDENCE,
            .fragment = 254,
            .fragments = 255,
            .author = 7,
            .body = bytes_make(filler, body_size),
            .signature = bytes_make(filler, 64),
        };
        size_t size = report_message_write(octets, ROOM, &message);
        struct bytes field = bytes_make(octets, size);
        CU_ASSERT_EQUAL_FATAL(size, 100 + (body_size + 3) / 4 * 4);
        CU_ASSERT_EQUAL(report_message_write(octets, size - 1, &message), 0);
        CU_ASSERT_EQUAL_FATAL(report_message_read(field, &read), REPORT_OK);
        CU_ASSERT_EQUAL(read.body.size, body_size);
        CU_ASSERT_PTR_EQUAL(read.signature.data, octets + size - 64);
        if (body_size % 4 != 0) {
            octets[36 + body_size] = 1;
            CU_ASSERT_EQUAL(report_message_read(field, &read), REPORT_PADDING);
        }
        octets[10] = 255;
        CU_ASSERT_EQUAL(report_message_read(field, &read), REPORT_FRAGMENT);
    }
    struct report_message message = {
        .kind = REPORT_EVIDENCE,
        .fragments = 1,
        .body = bytes_make(filler, REPORT_MESSAGE_BODY_MAX + 1),
        .signature = bytes_make(filler, 64),
    };
    CU_ASSERT_EQUAL(report_message_write(octets, ROOM, &message), 0);
    message.body.size = 0;
    message.kind = REPORT_REF + 1;
    CU_ASSERT_EQUAL(report_message_write(octets, ROOM, &message), 0);
}

static void every_other_body_size_is_dropped(void)
{
    struct report_message read;
    struct report_message message = {
        .kind = REPORT_REF, .fragments = 1, .body = bytes_make(filler, 4)};
    size_t size = report_message_write(octets, ROOM, &message);
    CU_ASSERT_EQUAL_FATAL(size, 40);
    for (unsigned body_size = 0; body_size <= UINT16_MAX; body_size++) {
        bytes_put_u16(octets + 32, (uint16_t)body_size);
        CU_ASSERT_EQUAL(report_message_read(bytes_make(octets, size), &read),
                        body_size == 4 ? REPORT_OK : REPORT_LENGTH);
    }
    bytes_put_u16(octets + 32, 4);
    for (size_t cut = 0; cut < size; cut++) {
        bytes_put_u16(octets + 2, (uint16_t)cut);
        CU_ASSERT_EQUAL(report_message_read(bytes_make(octets, cut), &read),
                        cut < 36 ? REPORT_SHORT : REPORT_LENGTH);
    }
    message.fragments = 2;
    CU_ASSERT_EQUAL(report_message_write(octets, ROOM, &message), 0);
    message.fragments = 1;
    message.signature = bytes_make(filler, 64);
    CU_ASSERT_EQUAL(report_message_write(octets, ROOM, &message), 0);
}

/* A report with as many entries, signed and under a session. */
static size_t write_packet(size_t count, bool has_group)
{
    struct report report = make_report(count);
    struct report_auth signature = {
        .algorithm = REPORT_ED25519, .id = report.key_epoch, .tag = bytes_make(filler, 64)};
    struct report_auth session = {.algorithm = REPORT_SESSION_HMAC, .tag = bytes_make(filler, 16)};
    struct report_auth group = {.algorithm = REPORT_GROUP_HMAC, .tag = bytes_make(filler, 16)};
    memset(octets, 0, PACKET_SIZE);
    octets[0] = 0x23;
    size_t size = PACKET_SIZE;
    size += report_write(octets + size, ROOM - size, &report);
    size += report_auth_write(octets + size, ROOM - size, &signature);
    size += report_auth_write(octets + size, ROOM - size, &session);
    return size + (has_group ? report_auth_write(octets + size, ROOM - size, &group) : 0);
}

static enum report_verdict read_packet(size_t size, size_t payload_max,
                                       struct report_packet *packet)
{
    struct extensions extensions;
    struct bytes datagram = bytes_make(octets, size);
    CU_ASSERT_EQUAL_FATAL(extension_parse(datagram, 4, &extensions), PACKET_OK);
    return report_packet_read(datagram, &extensions, payload_max, packet);
}

static void packet_keeps_to_the_limit(void)
{
    struct report_packet packet;
    for (size_t count = 0; count <= REPORT_ENTRIES_MAX; count++) {
        size_t size = write_packet(count, false);
        CU_ASSERT_EQUAL_FATAL(size, 260 + 16 * count);
        CU_ASSERT_EQUAL(read_packet(size, REPORT_PAYLOAD_MAX, &packet),
                        count <= 46 ? REPORT_OK : REPORT_TOO_BIG);
        CU_ASSERT_EQUAL(read_packet(size, REPORT_PAYLOAD_MAX_AGREED, &packet), REPORT_OK);
        CU_ASSERT_EQUAL(packet.report.size, REPORT_SIZE + 16 * count);
        CU_ASSERT_EQUAL(packet.session_size, size - REPORT_TAG_SIZE);
        CU_ASSERT_EQUAL(packet.group_size, 0);
    }
    size_t size = write_packet(44, true);
    CU_ASSERT_EQUAL(size, 992);
    CU_ASSERT_EQUAL(read_packet(size, REPORT_PAYLOAD_MAX, &packet), REPORT_OK);
    CU_ASSERT_EQUAL(packet.group_size, size - REPORT_TAG_SIZE);
    CU_ASSERT_EQUAL(packet.session_size, size - 28 - REPORT_TAG_SIZE);
    size = write_packet(60, true);
    CU_ASSERT_EQUAL(read_packet(size, REPORT_PAYLOAD_MAX_AGREED, &packet), REPORT_TOO_BIG);
}

static void packet_cut_anywhere_is_dropped(void)
{
    struct report_packet packet;
    size_t size = write_packet(2, true);
    for (size_t cut = PACKET_SIZE; cut < size; cut++) {
        struct extensions extensions;
        struct bytes datagram = bytes_make(octets, cut);
        if (extension_parse(datagram, 4, &extensions) != PACKET_OK) {
            continue;
        }
        enum report_verdict verdict =
            report_packet_read(datagram, &extensions, REPORT_PAYLOAD_MAX, &packet);
        /* Without the group's tag it is whole. */
        CU_ASSERT_EQUAL(verdict == REPORT_OK, cut == size - REPORT_AUTH_GROUP_SIZE);
        /* 20 and 24 octets look like a MAC. */
        size_t rest = cut - PACKET_SIZE;
        CU_ASSERT_EQUAL(verdict == REPORT_ABSENT, rest == 0 || rest == 20 || rest == 24);
    }
}

static void widths_round_up(void)
{
    CU_ASSERT_EQUAL(report_width_from_ns(-1), 0);
    CU_ASSERT_EQUAL(report_width_from_ns(0), 0);
    CU_ASSERT_EQUAL(report_width_from_ns(1), 1);
    CU_ASSERT_EQUAL(report_width_from_ns(4), 2);
    CU_ASSERT_EQUAL(report_width_from_ns(1000000000), 1U << 28);
    CU_ASSERT_EQUAL(report_width_from_ns(INT64_C(15999999999)), UINT32_MAX);
    CU_ASSERT_EQUAL(report_width_from_ns(INT64_MAX), REPORT_WIDTH_UNBOUNDED);
    CU_ASSERT_EQUAL(report_width_to_ns(REPORT_WIDTH_UNBOUNDED), INT64_MAX);
    CU_ASSERT_EQUAL(report_width_to_ns(1), 4);
    for (int64_t ns = 1; ns < INT64_C(16000000000); ns += INT64_C(7654321)) {
        int64_t back = report_width_to_ns(report_width_from_ns(ns));
        CU_ASSERT_TRUE(back >= ns && (back <= ns + 5 || back == INT64_MAX));
    }
}

static void offsets_are_cut_at_eight_seconds(void)
{
    CU_ASSERT_EQUAL(report_offset_from_ns(INT64_MAX), INT32_MAX);
    CU_ASSERT_EQUAL(report_offset_from_ns(INT64_C(7999999999)), INT32_MAX);
    CU_ASSERT_EQUAL(report_offset_from_ns(INT64_MIN), INT32_MIN);
    CU_ASSERT_EQUAL(report_offset_from_ns(-1000000000), -(1 << 28));
    CU_ASSERT_EQUAL(report_offset_to_ns(INT32_MIN), INT64_C(-8000000000));
    for (int64_t ns = INT64_C(-7999999990); ns < INT64_C(7999999990); ns += INT64_C(7654321)) {
        int64_t difference = report_offset_to_ns(report_offset_from_ns(ns)) - ns;
        CU_ASSERT_TRUE(difference >= -3 && difference <= 3);
    }
}

static void every_verdict_has_a_name(void)
{
    for (unsigned i = 0; i < REPORT_VERDICTS; i++) {
        const char *name = report_verdict_name((enum report_verdict)i);
        CU_ASSERT_PTR_NOT_NULL_FATAL(name);
        CU_ASSERT_STRING_NOT_EQUAL(name, "unknown verdict");
        for (unsigned j = 0; j < i; j++) {
            CU_ASSERT_STRING_NOT_EQUAL(name, report_verdict_name((enum report_verdict)j));
        }
    }
    CU_ASSERT_STRING_EQUAL(report_verdict_name(REPORT_VERDICTS), "unknown verdict");
}

/* As-of counts without leap seconds, so 37 s later than UTC where those are known. */
static void as_of_is_read_as_utc(void)
{
    const int64_t at_ns = INT64_C(1780000000500000000);
    struct timestamp tai = timestamp_from_unix_ns(at_ns + INT64_C(37000000000));
    struct report report = {.as_of = tai.bits, .tai_offset_s = 37};
    CU_ASSERT_EQUAL(report_as_of_unix_ns(&report, at_ns), at_ns);
}

static const struct unit_case cases[] = {
    {"report comes back", report_comes_back},
    {"report stands where the text says", report_stands_where_the_text_says},
    {"as-of is read as UTC", as_of_is_read_as_utc},
    {"report cut anywhere is dropped", report_cut_anywhere_is_dropped},
    {"every other length is dropped", every_other_length_is_dropped},
    {"report octets that decide", report_octets_that_decide},
    {"report without a form is not written", report_without_a_form_is_not_written},
    {"auth comes back", auth_comes_back},
    {"pad is zero", pad_is_zero},
    {"handshake is held to its kind", handshake_is_held_to_its_kind},
    {"hello is signed after the cookie", hello_is_signed_after_the_cookie},
    {"message comes back", message_comes_back},
    {"every other body size is dropped", every_other_body_size_is_dropped},
    {"packet keeps to the limit", packet_keeps_to_the_limit},
    {"packet cut anywhere is dropped", packet_cut_anywhere_is_dropped},
    {"widths round up", widths_round_up},
    {"offsets are cut at eight seconds", offsets_are_cut_at_eight_seconds},
    {"every verdict has a name", every_verdict_has_a_name},
};
UNIT_MAIN("report", cases)
