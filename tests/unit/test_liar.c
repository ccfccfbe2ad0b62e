/* SPDX-License-Identifier: MIT */
#include "ntpwire/packet.h"
#include "ntpwire/timestamp.h"
#include "tests/sim/liar.h"
#include "tests/sim/stand_in.h"
#include "tests/unit/unit.h"
#include <stdlib.h>
#include <string.h>

#define NOW_NS (INT64_C(1767225600) * NS_PER_S)
#define WIDTH_NS (5 * NS_PER_MS)
/* Two roundings to 2^-28 s. */
#define NEAR_NS 8

static struct random numbers;
static struct stand_in stand_in;
static struct identity *identity;
static struct liar *liar;
static struct scenario_fault fault;
static struct liar_scene scene;
static int64_t hold_ns;

static void begin(enum fault_kind kind, int64_t offset_ns)
{
    char error[IDENTITY_ERROR_MAX];
    random_init_seeded(&numbers, 1);
    stand_in_init(&stand_in, &numbers);
    identity = identity_create(&numbers, error);
    liar = liar_create(0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(identity);
    CU_ASSERT_PTR_NOT_NULL_FATAL(liar);
    fault = (struct scenario_fault){.kind = (int)kind, .until_ns = INT64_MAX};
    fault.offset_ns = offset_ns;
    liar_tell(liar, &fault);
    scene = (struct liar_scene){.truth_ns = 1000 * NS_PER_S,
                                .identity = identity,
                                .scheme = &stand_in.scheme,
                                .other_id = 77,
                                .room_up_ns = 3 * NS_PER_MS,
                                .room_down_ns = -2 * NS_PER_MS};
}

static void end(void)
{
    liar_destroy(liar);
    identity_destroy(identity);
}

struct said {
    enum liar_act act;
    bool is_signed;
    struct packet header;
    struct report report;
    struct report_auth session;
};

static size_t write_packet(uint8_t *payload, enum packet_mode mode, uint32_t sequence)
{
    uint64_t stamp = timestamp_from_unix_ns(NOW_NS).bits;
    struct report report = {.node = identity_id(identity), .sequence = sequence, .as_of = stamp};
    report.incarnation = 1;
    report.hlc = stamp;
    report.before_f28 = report_width_from_ns(WIDTH_NS);
    report.after_f28 = report_width_from_ns(WIDTH_NS);
    report.count = 1;
    report.entries[0] = (struct report_entry){.peer = 5};
    uint8_t tag[REPORT_SIGNATURE_SIZE] = {0};
    struct report_auth auth = {.algorithm = REPORT_ED25519, .tag = bytes_make(tag, sizeof(tag))};
    struct report_auth session = {.algorithm = REPORT_SESSION_HMAC,
                                  .counter = 9,
                                  .hlc = stamp,
                                  .tag = bytes_make(tag, REPORT_TAG_SIZE)};
    struct packet header = {.version = 4, .mode = mode, .stratum = 2};
    header.receive.bits = stamp;
    header.transmit.bits = stamp;
    packet_write(&header, payload);
    size_t size = PACKET_SIZE;
    size += report_write(payload + size, ACTION_PAYLOAD_MAX - size, &report);
    size += report_auth_write(payload + size, ACTION_PAYLOAD_MAX - size, &auth);
    size += report_auth_write(payload + size, ACTION_PAYLOAD_MAX - size, &session);
    return size;
}

/* What becomes of a packet with the report of that number, to that reader. */
static struct said tell(enum packet_mode mode, uint32_t sequence, size_t reader)
{
    uint8_t payload[ACTION_PAYLOAD_MAX];
    struct said said;
    struct extensions extensions;
    struct report_packet fields;
    struct report_auth auth;
    memset(&said, 0, sizeof(said));
    size_t size = write_packet(payload, mode, sequence);
    scene.reader = reader;
    said.act = liar_send(liar, &scene, payload, size, &hold_ns);
    struct bytes datagram = bytes_make(payload, size);
    CU_ASSERT_EQUAL_FATAL(packet_parse(datagram, &said.header), PACKET_OK);
    CU_ASSERT_EQUAL_FATAL(extension_parse(datagram, 4, &extensions), PACKET_OK);
    CU_ASSERT_EQUAL_FATAL(report_packet_read(datagram, &extensions, REPORT_PAYLOAD_MAX, &fields),
                          REPORT_OK);
    CU_ASSERT_EQUAL_FATAL(report_read(fields.report, &said.report), REPORT_OK);
    CU_ASSERT_EQUAL_FATAL(report_auth_read(fields.signature, &auth), REPORT_OK);
    CU_ASSERT_EQUAL_FATAL(report_auth_read(fields.session, &said.session), REPORT_OK);
    said.is_signed = identity_scheme_verify(&stand_in.scheme, identity_public_key(identity),
                                            IDENTITY_REPORT, fields.report, auth.tag.data);
    return said;
}

static int64_t clock_of(const struct said *said)
{
    return timestamp_to_unix_ns(said->header.transmit, NOW_NS) - NOW_NS;
}

static int64_t as_of(const struct said *said)
{
    return timestamp_to_unix_ns((struct timestamp){said->report.as_of}, NOW_NS) - NOW_NS;
}

static bool is_near(int64_t value, int64_t expected)
{
    return llabs(value - expected) <= NEAR_NS;
}

static void test_an_honest_time(void)
{
    begin(FAULT_OFFSET, NS_PER_S);
    fault.from_ns = 2000 * NS_PER_S;
    struct said said = tell(MODE_SERVER, 1, 0);
    CU_ASSERT_EQUAL(said.act, LIAR_KEEPS);
    CU_ASSERT_TRUE(is_near(clock_of(&said), 0));
    CU_ASSERT_FALSE(liar_is_active(liar, scene.truth_ns));
    end();
}

static void test_offset(void)
{
    static const int64_t offsets_ns[] = {3 * NS_PER_MS, -7 * NS_PER_S - 1, 90061 * NS_PER_S};
    for (size_t i = 0; i < sizeof(offsets_ns) / sizeof(offsets_ns[0]); i++) {
        begin(FAULT_OFFSET, offsets_ns[i]);
        struct said said = tell(MODE_SERVER, 1, 0);
        CU_ASSERT_EQUAL(said.act, LIAR_CHANGES);
        CU_ASSERT_TRUE(said.is_signed);
        CU_ASSERT_TRUE(is_near(clock_of(&said), offsets_ns[i]));
        CU_ASSERT_TRUE(is_near(as_of(&said), offsets_ns[i]));
        CU_ASSERT_EQUAL(said.header.receive.bits, said.header.transmit.bits);
        int64_t other_ns = report_offset_to_ns(said.report.entries[0].offset_f28);
        CU_ASSERT_TRUE(llabs(offsets_ns[i]) > 8 * NS_PER_S || is_near(other_ns, -offsets_ns[i]));
        /* In a request only the report tells a time. */
        said = tell(MODE_CLIENT, 1, 0);
        CU_ASSERT_TRUE(is_near(clock_of(&said), 0));
        CU_ASSERT_TRUE(is_near(as_of(&said), offsets_ns[i]));
        end();
    }
}

static void test_ramp(void)
{
    begin(FAULT_RAMP, 0);
    fault.rate_ppm = 100;
    fault.from_ns = 900 * NS_PER_S;
    struct said said = tell(MODE_SERVER, 1, 0);
    CU_ASSERT_TRUE(is_near(clock_of(&said), 10 * NS_PER_MS));
    /* A report that was told once is not told otherwise later. */
    scene.truth_ns += 100 * NS_PER_S;
    struct said again = tell(MODE_SERVER, 1, 0);
    CU_ASSERT_TRUE(is_near(clock_of(&again), 20 * NS_PER_MS));
    CU_ASSERT_EQUAL(again.report.as_of, said.report.as_of);
    said = tell(MODE_SERVER, 2, 0);
    CU_ASSERT_TRUE(is_near(as_of(&said), 20 * NS_PER_MS));
    end();
}

static void test_faces(void)
{
    begin(FAULT_TWO_FACED, 50 * NS_PER_MS);
    struct said even = tell(MODE_SERVER, 1, 2), odd = tell(MODE_SERVER, 1, 3);
    CU_ASSERT_TRUE(is_near(clock_of(&even), 50 * NS_PER_MS));
    CU_ASSERT_TRUE(is_near(clock_of(&odd), -50 * NS_PER_MS));
    CU_ASSERT_EQUAL(even.report.as_of, odd.report.as_of);
    end();
    begin(FAULT_EQUIVOCATE, 50 * NS_PER_MS);
    even = tell(MODE_SERVER, 1, 2);
    odd = tell(MODE_SERVER, 1, 3);
    CU_ASSERT_TRUE(is_near(clock_of(&odd), -50 * NS_PER_MS));
    CU_ASSERT_TRUE(is_near(as_of(&even), 50 * NS_PER_MS));
    CU_ASSERT_TRUE(is_near(as_of(&odd), -50 * NS_PER_MS));
    CU_ASSERT_EQUAL(even.report.sequence, odd.report.sequence);
    CU_ASSERT_TRUE(even.is_signed && odd.is_signed);
    end();
}

/* Its earliest touches what the honest say at the latest, or the other way round. */
static void test_just_inside(void)
{
    begin(FAULT_JUST_INSIDE, 1);
    struct said said = tell(MODE_SERVER, 1, 0);
    int64_t earliest_ns = clock_of(&said) - report_width_to_ns(said.report.before_f28);
    CU_ASSERT_TRUE(earliest_ns < scene.room_up_ns && earliest_ns > scene.room_up_ns - 50000);
    end();
    begin(FAULT_JUST_INSIDE, -1);
    said = tell(MODE_SERVER, 1, 0);
    int64_t latest_ns = clock_of(&said) + report_width_to_ns(said.report.after_f28);
    CU_ASSERT_TRUE(latest_ns > scene.room_down_ns && latest_ns < scene.room_down_ns + 50000);
    CU_ASSERT_TRUE(liar_wants_room(liar, scene.truth_ns));
    end();
}

static void test_widths(void)
{
    begin(FAULT_WIDE, NS_PER_S);
    struct said said = tell(MODE_SERVER, 1, 0);
    CU_ASSERT_TRUE(is_near(clock_of(&said), NS_PER_S));
    CU_ASSERT_TRUE(report_width_to_ns(said.report.before_f28) > NS_PER_S);
    end();
    /* All that collude tell the same, whatever their own clocks are. */
    begin(FAULT_COLLUDING, NS_PER_S);
    scene.error_ns = 30 * NS_PER_MS;
    said = tell(MODE_SERVER, 1, 0);
    CU_ASSERT_TRUE(is_near(clock_of(&said) + scene.error_ns, NS_PER_S));
    CU_ASSERT_TRUE(report_width_to_ns(said.report.before_f28) < WIDTH_NS / 10);
    end();
}

static void test_others_names(void)
{
    size_t foreign = 0, old = 0;
    begin(FAULT_FORGE, 0);
    for (uint32_t i = 0; i < 10; i++) {
        struct said said = tell(MODE_SERVER, i, 0);
        foreign += said.report.node == scene.other_id;
        CU_ASSERT_TRUE(said.is_signed);
    }
    CU_ASSERT_EQUAL(foreign, 5);
    end();
    begin(FAULT_REPLAY, 0);
    for (uint32_t i = 1; i <= 10; i++) {
        struct said said = tell(MODE_SERVER, i, 0);
        old += said.report.sequence < i;
        CU_ASSERT_TRUE(said.is_signed);
    }
    CU_ASSERT_TRUE(old >= 4 && old < 10);
    end();
}

static void test_the_rest(void)
{
    begin(FAULT_HLC, 3600 * NS_PER_S);
    struct said said = tell(MODE_CLIENT, 1, 0);
    uint64_t stamp = timestamp_from_unix_ns(NOW_NS + 3600 * NS_PER_S).bits;
    CU_ASSERT_EQUAL(said.report.hlc, stamp);
    CU_ASSERT_EQUAL(said.session.hlc, stamp);
    CU_ASSERT_TRUE(is_near(as_of(&said), 0));
    end();
    begin(FAULT_LATE, 20 * NS_PER_MS);
    said = tell(MODE_SERVER, 1, 0);
    CU_ASSERT_EQUAL(hold_ns, 20 * NS_PER_MS);
    CU_ASSERT_TRUE(is_near(clock_of(&said), 0));
    said = tell(MODE_CLIENT, 1, 0);
    CU_ASSERT_EQUAL(hold_ns, 0);
    end();
    begin(FAULT_SILENT, 0);
    said = tell(MODE_SERVER, 1, 0);
    CU_ASSERT_EQUAL(said.act, LIAR_SWALLOWS);
    said = tell(MODE_CLIENT, 1, 0);
    CU_ASSERT_NOT_EQUAL(said.act, LIAR_SWALLOWS);
    end();
}

/* What is not under a session is left alone: a handshake, or a stranger's 48 octets. */
static void test_other_packets(void)
{
    uint8_t payload[ACTION_PAYLOAD_MAX] = {4 << 3 | MODE_SERVER};
    uint8_t before[ACTION_PAYLOAD_MAX];
    begin(FAULT_OFFSET, NS_PER_S);
    memcpy(before, payload, sizeof(before));
    CU_ASSERT_EQUAL(liar_send(liar, &scene, payload, PACKET_SIZE, &hold_ns), LIAR_KEEPS);
    CU_ASSERT_EQUAL(liar_send(liar, &scene, payload, 20, &hold_ns), LIAR_KEEPS);
    CU_ASSERT_EQUAL(memcmp(before, payload, sizeof(before)), 0);
    end();
}

static const struct unit_case cases[] = {
    {"before it begins", test_an_honest_time},
    {"a constant lie", test_offset},
    {"a ramp", test_ramp},
    {"two faces, and two reports", test_faces},
    {"just inside", test_just_inside},
    {"too wide, too narrow", test_widths},
    {"others' reports, and old ones", test_others_names},
    {"stamps ahead, late answers, none", test_the_rest},
    {"packets that are none of its own", test_other_packets},
};
UNIT_MAIN("liar", cases)
