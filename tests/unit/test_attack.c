/* SPDX-License-Identifier: MIT */
#include "ntpwire/packet.h"
#include "ntpwire/report.h"
#include "tests/sim/attack.h"
#include "tests/unit/unit.h"
#include <string.h>

static struct attack attack;

static struct attack_datagram datagram(uint8_t number)
{
    struct attack_datagram made = {.source = {.octets = {10, 0, 0, number}, .port = 1},
                                   .destination = {.octets = {10, 0, 1, number}, .port = 2},
                                   .size = 100};
    made.source.family = ADDRESS_IPV4;
    made.destination.family = ADDRESS_IPV4;
    memset(made.payload, number, made.size);
    return made;
}

static void begin(enum attack_kind kind)
{
    attack_init(&attack, kind, 1);
    attack.share = 1;
}

static void test_time_and_share(void)
{
    struct attack_datagram more;
    size_t met = 0;
    begin(ATTACK_REFLECT);
    attack.from_ns = 100;
    attack.until_ns = 200;
    struct attack_datagram first = datagram(1);
    CU_ASSERT_FALSE(attack_meet(&attack, 99, &first, &more));
    CU_ASSERT_TRUE(attack_meet(&attack, 100, &first, &more));
    CU_ASSERT_FALSE(attack_meet(&attack, 200, &first, &more));
    attack.share = 0.25;
    for (size_t i = 0; i < 1000; i++) {
        met += attack_meet(&attack, 150, &first, &more);
    }
    CU_ASSERT_TRUE(met > 200 && met < 300);
}

static void test_replay(void)
{
    struct attack_datagram more;
    struct attack_datagram first = datagram(1), second = datagram(2);
    begin(ATTACK_REPLAY);
    CU_ASSERT_FALSE(attack_meet(&attack, 0, &first, &more)); /* nothing to remember yet */
    CU_ASSERT_TRUE(attack_meet(&attack, 0, &second, &more));
    CU_ASSERT_EQUAL(memcmp(&more, &first, sizeof(more)), 0);
    CU_ASSERT_EQUAL(second.payload[0], 2);

    begin(ATTACK_REDIRECT);
    CU_ASSERT_FALSE(attack_meet(&attack, 0, &first, &more));
    for (size_t i = 0; i < 10; i++) {
        attack.count = 1;
        attack.next = 1;
        CU_ASSERT_TRUE(attack_meet(&attack, 0, &second, &more));
        CU_ASSERT_EQUAL(more.payload[0], 1);
        CU_ASSERT_TRUE(address_is_same(&more.destination, &second.destination));
    }
}

static void test_changes(void)
{
    struct attack_datagram more;
    struct attack_datagram changed = datagram(1), before = changed;
    begin(ATTACK_STRIP);
    CU_ASSERT_FALSE(attack_meet(&attack, 0, &changed, &more));
    CU_ASSERT_EQUAL(changed.size, PACKET_SIZE);
    changed = before;
    begin(ATTACK_FLIP);
    CU_ASSERT_FALSE(attack_meet(&attack, 0, &changed, &more));
    size_t bits = 0;
    for (size_t i = 0; i < changed.size; i++) {
        for (uint8_t rest = changed.payload[i] ^ before.payload[i]; rest != 0; rest >>= 1) {
            bits += rest & 1;
        }
    }
    CU_ASSERT_EQUAL(bits, 1);
    changed = before;
    begin(ATTACK_REFLECT);
    CU_ASSERT_TRUE(attack_meet(&attack, 0, &changed, &more));
    CU_ASSERT_TRUE(address_is_same(&more.destination, &before.source));
    CU_ASSERT_TRUE(address_is_same(&more.source, &before.destination));
    CU_ASSERT_EQUAL(memcmp(more.payload, before.payload, before.size), 0);
}

/* It has the form of our fields, so that only a key tells. */
static void test_garbage(void)
{
    struct attack_datagram more;
    struct attack_datagram honest = datagram(0);
    honest.payload[0] = PACKET_VERSION_MAX << 3 | MODE_CLIENT;
    begin(ATTACK_GARBAGE);
    for (size_t i = 0; i < 100; i++) {
        CU_ASSERT_TRUE_FATAL(attack_meet(&attack, 0, &honest, &more));
        struct bytes payload = bytes_make(more.payload, more.size);
        struct packet header;
        struct extensions extensions;
        struct report_packet fields;
        struct report report;
        CU_ASSERT_EQUAL(packet_parse(payload, &header), PACKET_OK);
        CU_ASSERT_EQUAL(extension_parse(payload, header.version, &extensions), PACKET_OK);
        CU_ASSERT_EQUAL(report_packet_read(payload, &extensions, REPORT_PAYLOAD_MAX, &fields),
                        REPORT_OK);
        CU_ASSERT_EQUAL(report_read(fields.report, &report), REPORT_OK);
    }
}

static const struct unit_case cases[] = {
    {"when, and how often", test_time_and_share},
    {"what was heard before", test_replay},
    {"what is changed, and what comes back", test_changes},
    {"garbage in our form", test_garbage},
};
UNIT_MAIN("attack", cases)
