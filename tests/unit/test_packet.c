/* SPDX-License-Identifier: MIT */
#include "ntpwire/packet.h"

#include "tests/unit/unit.h"

#include <string.h>

/* Leap 3, version 4, mode 3, and every field its own value. */
static const uint8_t sample[PACKET_SIZE] = {
    0xE3, 0x02, 0xFA, 0xE7, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 'G',  'P',  'S',  0x00,
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27,
    0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47};

static void reads_every_field(void)
{
    struct packet packet;
    CU_ASSERT_EQUAL_FATAL(packet_parse(bytes_make(sample, sizeof(sample)), &packet), PACKET_OK);
    CU_ASSERT_EQUAL(packet.leap, LEAP_UNSYNCHRONISED);
    CU_ASSERT_EQUAL(packet.version, 4);
    CU_ASSERT_EQUAL(packet.mode, MODE_CLIENT);
    CU_ASSERT_EQUAL(packet.stratum, 2);
    CU_ASSERT_EQUAL(packet.poll, -6);
    CU_ASSERT_EQUAL(packet.precision, -25);
    CU_ASSERT_EQUAL(packet.root_delay, 0x00010203);
    CU_ASSERT_EQUAL(packet.root_dispersion, 0x04050607);
    CU_ASSERT_EQUAL(packet.refid, KISS_CODE('G', 'P', 'S', 0));
    CU_ASSERT_EQUAL(packet.reference.bits, UINT64_C(0x1011121314151617));
    CU_ASSERT_EQUAL(packet.origin.bits, UINT64_C(0x2021222324252627));
    CU_ASSERT_EQUAL(packet.receive.bits, UINT64_C(0x3031323334353637));
    CU_ASSERT_EQUAL(packet.transmit.bits, UINT64_C(0x4041424344454647));
}

static void writes_what_it_read(void)
{
    for (unsigned first = 0; first < 256; first++) {
        uint8_t octets[PACKET_SIZE + 4];
        uint8_t written[PACKET_SIZE];
        memcpy(octets, sample, PACKET_SIZE);
        octets[0] = (uint8_t)first;
        unsigned version = first >> 3 & 7;
        unsigned mode = first & 7;
        enum packet_verdict wanted = PACKET_OK;
        if (version < 1 || version > 4) {
            wanted = PACKET_VERSION_UNKNOWN;
        } else if (mode > 5) {
            wanted = PACKET_NOT_HEADER;
        }
        struct packet packet;
        CU_ASSERT_EQUAL(packet_parse(bytes_make(octets, sizeof(octets)), &packet), wanted);
        if (wanted == PACKET_OK) {
            packet_write(&packet, written);
            CU_ASSERT_EQUAL(memcmp(written, octets, PACKET_SIZE), 0);
        }
        CU_ASSERT_EQUAL(packet_mode_of((uint8_t)first), mode);
        CU_ASSERT_EQUAL(packet_version_of((uint8_t)first), version);
    }
}

static void refuses_short_datagrams(void)
{
    for (size_t size = 0; size < PACKET_SIZE; size++) {
        struct packet packet = {.stratum = 77};
        CU_ASSERT_EQUAL(packet_parse(bytes_make(sample, size), &packet), PACKET_TOO_SHORT);
        CU_ASSERT_EQUAL(packet.stratum, 77);
    }
    struct packet packet;
    CU_ASSERT_EQUAL(packet_parse(bytes_make(NULL, 0), &packet), PACKET_TOO_SHORT);
}

static void tells_other_layouts_from_short_ones(void)
{
    const uint8_t control[12] = {0x16, 0x02};
    const uint8_t version_5[1] = {0x2B};
    struct packet packet = {.stratum = 77};
    CU_ASSERT_EQUAL(packet_parse(bytes_make(control, sizeof(control)), &packet), PACKET_NOT_HEADER);
    CU_ASSERT_EQUAL(packet_parse(bytes_make(version_5, 1), &packet), PACKET_VERSION_UNKNOWN);
    CU_ASSERT_EQUAL(packet.stratum, 77);
}

static void cuts_small_fields_to_their_bits(void)
{
    struct packet packet = {.leap = 0xFD, .version = 0xFC, .mode = 0xFB};
    uint8_t written[PACKET_SIZE];
    packet_write(&packet, written);
    CU_ASSERT_EQUAL(written[0], 1 << 6 | 4 << 3 | 3);
}

static void recognises_kisses(void)
{
    struct packet packet = {.version = 4, .mode = MODE_SERVER, .refid = KISS_RATE};
    CU_ASSERT_TRUE(packet_is_kiss(&packet));
    packet.mode = MODE_PASSIVE;
    CU_ASSERT_TRUE(packet_is_kiss(&packet));
    packet.mode = MODE_BROADCAST;
    CU_ASSERT_TRUE(packet_is_kiss(&packet));
    packet.mode = MODE_CLIENT;
    CU_ASSERT_FALSE(packet_is_kiss(&packet));
    packet.mode = MODE_ACTIVE;
    CU_ASSERT_FALSE(packet_is_kiss(&packet));
    packet.mode = MODE_SERVER;
    packet.stratum = 1;
    CU_ASSERT_FALSE(packet_is_kiss(&packet));
    packet.stratum = 0;
    packet.refid = 0;
    CU_ASSERT_FALSE(packet_is_kiss(&packet));
    packet.refid = KISS_CODE('G', 'P', 'S', 0);
    CU_ASSERT_FALSE(packet_is_kiss(&packet));
    packet.refid = KISS_CODE(0x7F, 'A', 'B', 'C');
    CU_ASSERT_FALSE(packet_is_kiss(&packet));
    packet.refid = KISS_CODE('A', 'B', 0x1F, 'C');
    CU_ASSERT_FALSE(packet_is_kiss(&packet));
}

static void explains_kisses(void)
{
    const char *unknown = packet_kiss_meaning(KISS_CODE('?', '?', '?', '?'));
    static const uint32_t known[] = {KISS_RATE, KISS_DENY, KISS_RSTR,
                                     KISS_INIT, KISS_STEP, KISS_NTSN};
    CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(unknown, "not known"));
    CU_ASSERT_STRING_EQUAL(packet_kiss_meaning(KISS_RATE), "the server asks for fewer requests");
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        CU_ASSERT_STRING_NOT_EQUAL(packet_kiss_meaning(known[i]), unknown);
    }
}

static void names_every_verdict(void)
{
    for (unsigned i = 0; i < PACKET_VERDICTS; i++) {
        const char *name = packet_verdict_name((enum packet_verdict)i);
        CU_ASSERT_PTR_NOT_NULL_FATAL(name);
        for (unsigned j = 0; j < i; j++) {
            CU_ASSERT_STRING_NOT_EQUAL(name, packet_verdict_name((enum packet_verdict)j));
        }
    }
    CU_ASSERT_STRING_EQUAL(packet_verdict_name(PACKET_TOO_SHORT), "too short");
    CU_ASSERT_STRING_EQUAL(packet_verdict_name(PACKET_VERDICTS), "unknown verdict");
}

static const struct unit_case cases[] = {
    {"reads every field", reads_every_field},
    {"writes what it read", writes_what_it_read},
    {"refuses short datagrams", refuses_short_datagrams},
    {"tells other layouts from short ones", tells_other_layouts_from_short_ones},
    {"cuts small fields to their bits", cuts_small_fields_to_their_bits},
    {"recognises kisses", recognises_kisses},
    {"explains kisses", explains_kisses},
    {"names every verdict", names_every_verdict},
};

UNIT_MAIN("packet", cases)
