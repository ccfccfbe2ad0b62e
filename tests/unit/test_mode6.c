/* SPDX-License-Identifier: MIT */
#include "ntpwire/mode6.h"

#include "tests/unit/unit.h"

#include <string.h>

/* A response, with more to come, to "read variables" in version 2, with three octets of data and
 * one of padding. */
static const uint8_t sample[16] = {0x16, 0xA2, 0x01, 0x02, 0x96, 0x1A, 0xB2, 0x94,
                                   0x01, 0xD4, 0x00, 0x03, 'a',  '=',  '1',  0};

static void reads_every_field(void)
{
    struct mode6 message;
    CU_ASSERT_EQUAL_FATAL(mode6_parse(bytes_make(sample, sizeof(sample)), &message), PACKET_OK);
    CU_ASSERT_EQUAL(message.version, 2);
    CU_ASSERT_TRUE(message.is_response);
    CU_ASSERT_FALSE(message.is_error);
    CU_ASSERT_TRUE(message.has_more);
    CU_ASSERT_EQUAL(message.opcode, 2);
    CU_ASSERT_EQUAL(message.sequence, 0x0102);
    CU_ASSERT_EQUAL(message.status, 0x961A);
    CU_ASSERT_EQUAL(message.association, 0xB294);
    CU_ASSERT_EQUAL(message.offset, 468);
    CU_ASSERT_EQUAL(message.count, 3);
    CU_ASSERT_EQUAL(message.data.size, 3);
    CU_ASSERT_PTR_EQUAL(message.data.data, sample + 12);
}

static void writes_what_it_read(void)
{
    for (unsigned second = 0; second < 256; second++) {
        uint8_t octets[16];
        uint8_t written[MODE6_HEADER_SIZE];
        memcpy(octets, sample, sizeof(octets));
        octets[1] = (uint8_t)second;
        struct mode6 message;
        CU_ASSERT_EQUAL_FATAL(mode6_parse(bytes_make(octets, sizeof(octets)), &message), PACKET_OK);
        CU_ASSERT_EQUAL(message.is_response, second >> 7);
        CU_ASSERT_EQUAL(message.is_error, second >> 6 & 1);
        CU_ASSERT_EQUAL(message.has_more, second >> 5 & 1);
        CU_ASSERT_EQUAL(message.opcode, second & 31);
        mode6_write_header(&message, written);
        CU_ASSERT_EQUAL(memcmp(written, octets, MODE6_HEADER_SIZE), 0);
    }
}

static void refuses_short_ones(void)
{
    struct mode6 message = {.opcode = 77};
    for (size_t size = 0; size < 15; size++) {
        CU_ASSERT_EQUAL(mode6_parse(bytes_make(sample, size), &message), PACKET_TOO_SHORT);
    }
    CU_ASSERT_EQUAL(message.opcode, 77);
    CU_ASSERT_EQUAL(mode6_parse(bytes_make(sample, 15), &message), PACKET_OK);
    CU_ASSERT_EQUAL(mode6_parse(bytes_make(NULL, 0), &message), PACKET_TOO_SHORT);
}

static void refuses_other_modes_and_versions(void)
{
    for (unsigned first = 0; first < 256; first++) {
        uint8_t octets[16];
        memcpy(octets, sample, sizeof(octets));
        octets[0] = (uint8_t)first;
        unsigned version = first >> 3 & 7;
        enum packet_verdict wanted = PACKET_OK;
        if ((first & 7) != 6) {
            wanted = PACKET_NOT_HEADER;
        } else if (version < 1 || version > 4) {
            wanted = PACKET_VERSION_UNKNOWN;
        }
        struct mode6 message = {.opcode = 77};
        CU_ASSERT_EQUAL(mode6_parse(bytes_make(octets, sizeof(octets)), &message), wanted);
        CU_ASSERT_EQUAL(message.opcode == 77, wanted != PACKET_OK);
        if (wanted == PACKET_OK) {
            uint8_t written[MODE6_HEADER_SIZE];
            mode6_write_header(&message, written);
            CU_ASSERT_EQUAL(written[0], first);
        }
    }
}

static const struct unit_case cases[] = {
    {"reads every field", reads_every_field},
    {"writes what it read", writes_what_it_read},
    {"refuses short ones", refuses_short_ones},
    {"refuses other modes and versions", refuses_other_modes_and_versions},
};

UNIT_MAIN("mode6", cases)
