/* SPDX-License-Identifier: MIT */
#include "ntpwire/refid.h"

#include "ntpwire/md5.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static void digests_as_rfc_1321_says(void)
{
    static const struct {
        const char *message;
        const char *digest;
    } vectors[] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"a", "0cc175b9c0f1b6a831c399e269772661"},
        {"abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
         "d174ab98d277d9f5a5611c2c9f419d9f"},
        {"1234567890123456789012345678901234567890123456789012345678901234567890"
         "1234567890",
         "57edf4a22be3c955ac49da2e2107b67a"},
        /* 55, 56 and 64 octets: where the padding needs a second block, and where a block is full.
         */
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "ef1772b6dff9a122358552954ad0df65"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "3b0c8ac703f828b04c6c197006d17218"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "014842d480b571495a4a0363793f7367"},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        uint8_t digest[MD5_SIZE];
        char text[2 * MD5_SIZE + 1];
        md5_digest(bytes_make(vectors[i].message, strlen(vectors[i].message)), digest);
        for (size_t j = 0; j < MD5_SIZE; j++) {
            snprintf(text + 2 * j, 3, "%02x", digest[j]);
        }
        CU_ASSERT_STRING_EQUAL(text, vectors[i].digest);
    }
}

static void addresses_become_refids(void)
{
    const uint8_t ipv4[4] = {192, 0, 2, 33};
    CU_ASSERT_EQUAL(refid_from_ipv4(ipv4), 0xC0000221);
    /* MD5 of the octets of ::1 and of 2001:db8::1. */
    const uint8_t loopback[16] = {[15] = 1};
    const uint8_t documentation[16] = {0x20, 0x01, 0x0D, 0xB8, [15] = 1};
    CU_ASSERT_EQUAL(refid_from_ipv6(loopback), 0xCF404DC8);
    CU_ASSERT_EQUAL(refid_from_ipv6(documentation), 0x39AB9B37);
}

static void text_becomes_refids(void)
{
    CU_ASSERT_EQUAL(refid_from_ascii("LOCL"), REFID_LOCL);
    CU_ASSERT_EQUAL(refid_from_ascii("GPS"), 0x47505300);
    CU_ASSERT_EQUAL(refid_from_ascii("LOCLX"), REFID_LOCL);
    CU_ASSERT_EQUAL(refid_from_ascii(""), 0);
}

static void people_can_read_refids(void)
{
    static const struct {
        uint32_t refid;
        unsigned stratum;
        const char *text;
    } readings[] = {
        {REFID_LOCL, 1, "LOCL"},
        {0x47505300, 1, "GPS"},
        {0x50000000, 0, "P"},
        {0x52415445, 0, "RATE"},
        {0, 0, "00000000"},
        {0x00505300, 1, "00505300"},
        {0x47005300, 1, "47005300"},
        {0x4750531F, 1, "4750531F"},
        {0x4750537F, 1, "4750537F"},
        {0x4750537E, 1, "GPS~"},
        {0xC0000221, 1, "C0000221"},
        {REFID_LOCAL_CLOCK, 2, "127.127.1.1"},
        {REFID_LOCL, 2, "76.79.67.76"},
        {0xFFFFFFFF, 15, "255.255.255.255"},
        {0, 16, "0.0.0.0"},
    };
    for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
        char text[REFID_TEXT_MAX];
        memset(text, 'x', sizeof(text));
        size_t length = refid_format(readings[i].refid, readings[i].stratum, text);
        CU_ASSERT_STRING_EQUAL(text, readings[i].text);
        CU_ASSERT_EQUAL(length, strlen(readings[i].text));
    }
}

static void reference_clocks_have_meanings(void)
{
    CU_ASSERT_STRING_EQUAL(refid_meaning(0x47505300), "Global Positioning System");
    CU_ASSERT_STRING_EQUAL(refid_meaning(REFID_LOCL), "uncalibrated local clock");
    CU_ASSERT_STRING_EQUAL(refid_meaning(refid_from_ascii("PPS")), "pulse per second");
    CU_ASSERT_PTR_NULL(refid_meaning(REFID_LOCAL_CLOCK));
    CU_ASSERT_PTR_NULL(refid_meaning(0));
}

static const struct unit_case cases[] = {
    {"digests as RFC 1321 says", digests_as_rfc_1321_says},
    {"addresses become refids", addresses_become_refids},
    {"text becomes refids", text_becomes_refids},
    {"people can read refids", people_can_read_refids},
    {"reference clocks have meanings", reference_clocks_have_meanings},
};

UNIT_MAIN("refid", cases)
