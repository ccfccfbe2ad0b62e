/* SPDX-License-Identifier: MIT */
#include "common/base/quantity.h"
#include "common/base/random.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* clang-format off */
static const char *const no_durations[] = {
    "", " ", "s", "1", "1.5", "-1", "1 S", "1 sec", "1 s ", " 1 s", "1 m", "1e3 s", "1,5 s",
    ".5 s", "1. s", "-.5 s", "--1 s", "+-1 s", "1 s s", "1 2 s", "0x10 s", "inf s", "nan s",
    "1 d", "1 \xc2s", "0.5", "2562048 h", "9223372036854775808 ns", "9223372036.854775808 s",
    "18446744073709551616 ns", "99999999999999999999999 s", "0.0000000000000000001 s", "1\ns",
};
/* clang-format on */

static void reads_durations(void)
{
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"1 s", 1000000000},
        {"250ms", 250000000},
        {"-20 us", -20000},
        {"+20 us", 20000},
        {"1.5 ms", 1500000},
        {"100ns", 100},
        {"2 min", 120000000000},
        {"1 h", 3600000000000},
        {"0", 0},
        {"-0", 0},
        {"0.000", 0},
        {"0 s", 0},
        {"007 s", 7000000000},
        {"3 \t s", 3000000000},
        {"20 \xc2\xb5s", 20000},
        {"20 \xce\xbcs", 20000},
        {"0.5 ns", 1},
        {"0.4 ns", 0},
        {"0.49999999 ns", 0},
        {"-0.5 ns", -1},
        {"0.123456789 s", 123456789},
        {"0.123456789499 s", 123456789},
        {"0.1234567895 s", 123456790},
        {"0.999999999999999999 h", 3600000000000},
        {"0.000000000000000001 s", 0},
        {"1.000000001 s", 1000000001},
        {"9223372036.854775807 s", INT64_MAX},
        {"-9223372036.854775807 s", -INT64_MAX},
        {"9223372036854775807 ns", INT64_MAX},
        {"2562047 h", INT64_C(9223369200000000000)},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ns = -77;
        CU_ASSERT_TRUE(quantity_parse_duration(cases[i].text, &ns));
        CU_ASSERT_EQUAL(ns, cases[i].ns);
    }
    for (size_t i = 0; i < COUNT(no_durations); i++) {
        int64_t ns = 77;
        if (quantity_parse_duration(no_durations[i], &ns)) {
            printf("\n\"%s\"", no_durations[i]);
            CU_FAIL("what is no duration was taken");
        }
        CU_ASSERT_EQUAL(ns, 77);
    }
}

static void reads_rates(void)
{
    static const struct {
        const char *text;
        double ppm;
    } cases[] = {
        {"50 ppm", 50},
        {"-3.5ppm", -3.5},
        {"20 ppb", 0.02},
        {"1 ppb", 0.001},
        {"0", 0},
        {"0.0", 0},
        {"0 ppm", 0},
        {"0.1 ppm", 0.1},
        {"+7 ppm", 7},
        {"-0.25 ppb", -0.00025},
        {"123.456789 ppm", 123.456789},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        double ppm = 99;
        CU_ASSERT_TRUE(quantity_parse_rate(cases[i].text, &ppm));
        CU_ASSERT_DOUBLE_EQUAL(ppm, cases[i].ppm, 1e-15);
    }
    static const char *const bad[] = {"",        "ppm",
                                      "50",      "50 PPM",
                                      "50 ppm ", "1e2 ppm",
                                      "5 %",     "5 s",
                                      "nan ppm", "inf ppm",
                                      "0x1 ppm", "--1 ppm",
                                      "1. ppm",  "99999999999999999999999 ppm"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        double ppm = 77;
        CU_ASSERT_FALSE(quantity_parse_rate(bad[i], &ppm));
        CU_ASSERT_EQUAL(ppm, 77);
    }
}

static void reads_integers(void)
{
    static const struct {
        const char *text;
        int64_t minimum, maximum, value;
    } cases[] = {
        {"0", 0, 0, 0},
        {"64", 0, 64, 64},
        {"-5", -5, 5, -5},
        {"-0", 0, 1, 0},
        {"007", 0, 10, 7},
        {"4294967295", 1, UINT32_MAX, UINT32_MAX},
        {"9223372036854775807", 0, INT64_MAX, INT64_MAX},
        {"-9223372036854775807", INT64_MIN, 0, -INT64_MAX},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t value = 99;
        CU_ASSERT_TRUE(
            quantity_parse_integer(cases[i].text, cases[i].minimum, cases[i].maximum, &value));
        CU_ASSERT_EQUAL(value, cases[i].value);
    }
    static const char *const bad[] = {"",
                                      "-",
                                      "+5",
                                      " 5",
                                      "5 ",
                                      "5x",
                                      "0x5",
                                      "5.0",
                                      "65",
                                      "-1",
                                      "--5",
                                      "9223372036854775808",
                                      "18446744073709551621",
                                      "99999999999999999999999999"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t value = 77;
        CU_ASSERT_FALSE(quantity_parse_integer(bad[i], 0, 64, &value));
        CU_ASSERT_EQUAL(value, 77);
    }
}

static void writes_durations(void)
{
    static const struct {
        int64_t ns;
        const char *plain;
        const char *with_sign;
    } cases[] = {
        {0, "0 ns", "+0 ns"},
        {1, "1 ns", "+1 ns"},
        {-1, "-1 ns", "-1 ns"},
        {999, "999 ns", "+999 ns"},
        {1000, "1.00 us", "+1.00 us"},
        {1001, "1.001 us", "+1.001 us"},
        {1010, "1.01 us", "+1.01 us"},
        {-9999, "-9.999 us", "-9.999 us"},
        {12300, "12.3 us", "+12.3 us"},
        {12345, "12.35 us", "+12.35 us"},
        {99994, "99.99 us", "+99.99 us"},
        {99996, "100 us", "+100 us"},
        {123400, "123.4 us", "+123.4 us"},
        {123000, "123 us", "+123 us"},
        {999949, "999.9 us", "+999.9 us"},
        {999950, "1.00 ms", "+1.00 ms"},
        {1002000, "1.002 ms", "+1.002 ms"},
        {-80000000, "-80.0 ms", "-80.0 ms"},
        {3500000000, "3.50 s", "+3.50 s"},
        {999949999999, "999.9 s", "+999.9 s"},
        {999950000000, "1000 s", "+1000 s"},
        {86400499999999, "86400 s", "+86400 s"},
        {86400500000000, "86401 s", "+86401 s"},
        {INT64_MAX, "9223372037 s", "+9223372037 s"},
        {INT64_MIN, "-9223372037 s", "-9223372037 s"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[QUANTITY_TEXT_MAX];
        CU_ASSERT_STRING_EQUAL(quantity_format_duration(cases[i].ns, false, text), cases[i].plain);
        CU_ASSERT_STRING_EQUAL(quantity_format_duration(cases[i].ns, true, text),
                               cases[i].with_sign);
    }
}

/* What is written is read back as the same duration, to four digits. */
static void writes_what_it_reads(void)
{
    struct random random;
    random_init_seeded(&random, 1);
    for (int round = 0; round < 20000; round++) {
        int64_t ns = (int64_t)(random_u64(&random) >> random_below(&random, 63)) / 2;
        ns = random_below(&random, 2) == 0 ? ns : -ns;
        char text[QUANTITY_TEXT_MAX];
        int64_t again = 0;
        CU_ASSERT_TRUE_FATAL(
            quantity_parse_duration(quantity_format_duration(ns, true, text), &again));
        int64_t difference = again > ns ? again - ns : ns - again;
        int64_t magnitude = ns < 0 ? -ns : ns;
        CU_ASSERT_TRUE_FATAL(difference <= magnitude / 2000 + (magnitude < 10000 ? 0 : 1));
    }
}

static const struct unit_case cases[] = {
    {"reads durations", reads_durations},
    {"reads rates", reads_rates},
    {"reads integers", reads_integers},
    {"writes durations", writes_durations},
    {"writes what it reads", writes_what_it_reads},
};
UNIT_MAIN("quantity", cases)
