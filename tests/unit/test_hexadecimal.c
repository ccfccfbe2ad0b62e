/* SPDX-License-Identifier: MIT */
#include "common/base/hexadecimal.h"
#include "tests/unit/unit.h"
#include <string.h>

static void reads_what_it_writes(void)
{
    uint8_t octets[256];
    uint8_t found[256];
    char text[2 * sizeof octets + 1];
    for (size_t i = 0; i < sizeof octets; i++) {
        octets[i] = (uint8_t)i;
    }
    hexadecimal_write(bytes_make(octets, sizeof octets), text);
    CU_ASSERT_EQUAL(strlen(text), 2 * sizeof octets);
    CU_ASSERT_EQUAL(strncmp(text, "000102", 6), 0);
    CU_ASSERT_STRING_EQUAL(text + 2 * 253, "fdfeff");
    CU_ASSERT_TRUE(hexadecimal_read(text, found, sizeof found));
    CU_ASSERT_EQUAL(memcmp(octets, found, sizeof found), 0);
}

static void refuses_all_but_lower_case_digits(void)
{
    uint8_t octet;
    unsigned accepted = 0;
    for (int i = 0; i < 256; i++) {
        char first[] = {(char)i, '0', '\0'};
        char second[] = {'0', (char)i, '\0'};
        bool is_digit = (i >= '0' && i <= '9') || (i >= 'a' && i <= 'f');
        CU_ASSERT_EQUAL(hexadecimal_read(first, &octet, 1), is_digit);
        CU_ASSERT_EQUAL(hexadecimal_read(second, &octet, 1), is_digit);
        accepted += is_digit;
    }
    CU_ASSERT_EQUAL(accepted, 16);
    CU_ASSERT_FALSE(hexadecimal_read("", &octet, 1));
    CU_ASSERT_TRUE(hexadecimal_read("", &octet, 0));
}

static const struct unit_case cases[] = {
    {"reads what it writes", reads_what_it_writes},
    {"refuses all but lower-case digits", refuses_all_but_lower_case_digits},
};

UNIT_MAIN("hexadecimal", cases)
