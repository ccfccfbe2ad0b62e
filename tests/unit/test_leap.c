/* SPDX-License-Identifier: MIT */
#include "client/sync/leap.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SYSTEM_LIST "/usr/share/zoneinfo/leap-seconds.list"
#define S NS_PER_S
#define DAY_S 86400
#define HASH "#h 49db2447 571e5e1b 2f002a53 9c8da8e4 39b8e49e\n"

/* Seconds since 1970 of 00:00 UTC on these days, as date(1) has them. */
#define JAN_1972 INT64_C(63072000)
#define JUL_1972 INT64_C(78796800)
#define JUL_2015 INT64_C(1435708800)
#define DEC_31_2016 INT64_C(1483142400)
#define JAN_2017 INT64_C(1483228800)
#define JUN_28_2025 INT64_C(1751068800)
#define JUL_2030 INT64_C(1909094400)

/* The last lines of the list of 2024, and a deletion that nobody has decreed. */
static const char invented[] = "#\tcomment, which may hold anything: \x01\xff\n"
                               "#$\t 3929093563\n"
                               "#@\t 4133980800 \r\n"
                               "\n"
                               "3644697600      36      # 1 Jul 2015\r\n"
                               "  3692217600\t37#no space before it\n"
                               "4118083200\t36\t# 1 Jul 2030\n"
                               "#h 1 22 333 4444 55555555\n";

static char error[LEAP_ERROR_MAX];

static struct wall at(int64_t unix_s)
{
    return (struct wall){unix_s * S};
}

static struct leap_table parsed(const char *text)
{
    struct leap_table table = {.count = 99};
    error[0] = '\0';
    CU_ASSERT_TRUE_FATAL(leap_table_parse(text, &table, error));
    return table;
}

static void refused(const char *text, const char *complaint)
{
    struct leap_table table;
    memset(&table, 0x5a, sizeof(table));
    struct leap_table before = table;
    error[0] = '\0';
    CU_ASSERT_FALSE(leap_table_parse(text, &table, error));
    CU_ASSERT_EQUAL(memcmp(&table, &before, sizeof(table)), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(error, complaint));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "reinstall tzdata"));
    if (strstr(error, complaint) == NULL) {
        printf("\n  for \"%.60s\": \"%s\" lacks \"%s\"", text, error, complaint);
    }
}

static enum packet_leap pending(const struct leap_table *table, int64_t unix_s)
{
    enum packet_leap leap = LEAP_UNSYNCHRONISED;
    CU_ASSERT_TRUE(leap_table_pending(table, at(unix_s), &leap));
    return leap;
}

static void the_systems_list_is_read(void)
{
    FILE *file = fopen(SYSTEM_LIST, "r");
    if (file == NULL) {
        printf("(no %s: not tested) ", SYSTEM_LIST);
        return;
    }
    static char text[65536];
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    struct leap_table table = parsed(text);
    CU_ASSERT_TRUE(table.count >= 28);
    CU_ASSERT_EQUAL(table.entries[0].since.ns, JAN_1972 * S);
    CU_ASSERT_EQUAL(table.entries[0].tai_offset_s, 10);
    CU_ASSERT_EQUAL(table.entries[27].since.ns, JAN_2017 * S);
    CU_ASSERT_EQUAL(table.entries[27].tai_offset_s, 37);
    CU_ASSERT_TRUE(table.expires.ns >= JUN_28_2025 * S);

    CU_ASSERT_EQUAL(leap_tai_offset(&table, at(JAN_1972 - 1)), 0);
    CU_ASSERT_EQUAL(leap_tai_offset(&table, at(JAN_1972)), 10);
    CU_ASSERT_EQUAL(leap_tai_offset(&table, at(JUL_1972)), 11);
    CU_ASSERT_EQUAL(leap_tai_offset(&table, at(JAN_2017 - 1)), 36);
    CU_ASSERT_EQUAL(leap_tai_offset(&table, at(JAN_2017)), 37);
    CU_ASSERT_EQUAL(pending(&table, DEC_31_2016 - 1), LEAP_NONE);
    CU_ASSERT_EQUAL(pending(&table, DEC_31_2016), LEAP_INSERT);
    CU_ASSERT_EQUAL(pending(&table, JAN_2017 - 1), LEAP_INSERT);
    CU_ASSERT_EQUAL(pending(&table, JAN_2017), LEAP_NONE);

    /* Wherever it ends too early, it is refused. */
    size_t size = strlen(text);
    char *hash = strstr(text, "\n#h");
    CU_ASSERT_PTR_NOT_NULL_FATAL(hash);
    size_t last_word = (size_t)(strrchr(hash, ' ') + 1 - text);
    for (size_t i = 0; i < size; i++) {
        char kept = text[i];
        text[i] = '\0';
        struct leap_table cut;
        CU_ASSERT_EQUAL(leap_table_parse(text, &cut, error), i > last_word);
        text[i] = kept;
    }
}

static void a_deletion_is_read(void)
{
    struct leap_table table = parsed(invented);
    CU_ASSERT_EQUAL(table.count, 3);
    CU_ASSERT_EQUAL(table.entries[2].since.ns, JUL_2030 * S);
    CU_ASSERT_EQUAL(table.expires.ns, (INT64_C(4133980800) - INT64_C(2208988800)) * S);
    CU_ASSERT_EQUAL(pending(&table, JUL_2030 - DAY_S - 1), LEAP_NONE);
    CU_ASSERT_EQUAL(pending(&table, JUL_2030 - DAY_S), LEAP_DELETE);
    CU_ASSERT_EQUAL(pending(&table, JUL_2030 - 2), LEAP_DELETE);
    CU_ASSERT_EQUAL(pending(&table, JUL_2030), LEAP_NONE);
    CU_ASSERT_EQUAL(leap_tai_offset(&table, at(JUL_2030 - 1)), 37);
    CU_ASSERT_EQUAL(leap_tai_offset(&table, at(JUL_2030)), 36);
}

static void outside_its_time_the_list_is_silent(void)
{
    struct leap_table table = parsed(invented);
    enum packet_leap leap = LEAP_UNSYNCHRONISED;
    /* 1 July 2015 is where this list begins: it does not say that a second was inserted. */
    CU_ASSERT_FALSE(leap_table_pending(&table, at(JUL_2015 - 1), &leap));
    CU_ASSERT_EQUAL(leap, LEAP_UNSYNCHRONISED);
    CU_ASSERT_EQUAL(pending(&table, JUL_2015), LEAP_NONE);
    int64_t expires_s = table.expires.ns / S;
    CU_ASSERT_EQUAL(expires_s % DAY_S, 0);
    CU_ASSERT_EQUAL(pending(&table, expires_s - 1), LEAP_NONE);
    leap = LEAP_UNSYNCHRONISED;
    CU_ASSERT_FALSE(leap_table_pending(&table, at(expires_s), &leap));
    CU_ASSERT_EQUAL(leap, LEAP_UNSYNCHRONISED);
    CU_ASSERT_EQUAL(leap_tai_offset(&table, at(expires_s - 1)), 36);
    CU_ASSERT_EQUAL(leap_tai_offset(&table, at(expires_s)), 0);
    CU_ASSERT_EQUAL(leap_tai_offset(&table, (struct wall){INT64_MAX}), 0);
    CU_ASSERT_EQUAL(leap_tai_offset(&table, (struct wall){INT64_MIN}), 0);

    /* It may expire in the middle of a day, whose end is then unknown. */
    table.expires.ns += 1;
    CU_ASSERT_FALSE(leap_table_pending(&table, at(expires_s), &leap));

    struct leap_table none = {0};
    CU_ASSERT_FALSE(leap_table_pending(&none, at(JAN_2017), &leap));
    CU_ASSERT_FALSE(leap_table_pending(&none, (struct wall){INT64_MAX}, &leap));
    CU_ASSERT_EQUAL(leap_tai_offset(&none, at(JAN_2017)), 0);
    CU_ASSERT_EQUAL(leap_tai_offset(&none, (struct wall){-5}), 0);
}

/* NTP's 32 bits end in February 2036; the list counts on. */
static void eras_do_not_matter(void)
{
    struct leap_table table = parsed("#@ 9467107200\n3692217600 37\n4291747200 38\n"
                                     "9466588800 37\n" HASH);
    CU_ASSERT_EQUAL(table.entries[1].since.ns, INT64_C(2082758400) * S); /* 1 Jan 2036 */
    CU_ASSERT_EQUAL(table.entries[2].since.ns, INT64_C(7257600000) * S);
    CU_ASSERT_EQUAL(pending(&table, INT64_C(2085978496)), LEAP_NONE); /* the first of era 1 */
    CU_ASSERT_EQUAL(leap_tai_offset(&table, at(INT64_C(2085978496))), 38);
    CU_ASSERT_EQUAL(pending(&table, INT64_C(7257600000) - 1), LEAP_DELETE);
}

static void what_is_no_list_is_refused(void)
{
    refused("", "no entry");
    refused("\n\n#\n#@ 4133980800\n" HASH, "no entry");
    refused("<html><body>404 Not Found</body></html>\n", "line 1: expected seconds since 1900");
    refused("TZif2\x01\x02\xff", "found \"TZif2???\"");
    refused("\x7f"
            "ELF\x02\x01\x01",
            "line 1");
    refused("3692217600 37\n" HASH, "when it expires (#@)");
    refused("#@ 4133980800\n3692217600 37\n", "cut short");
    refused("#@ 4133980800\n3692217600 37\n#h 49db2447 571e5e1b 2f002a53\n", "line 3");
    refused("#@ 4133980800\n3692217600 37\n#h 1 2 3 4 123456789\n", "line 3");
    refused("#@ 4133980800\n3692217600 37\n#h 1 2 3 4 5 6\n", "line 3");
    refused("#@ 4133980800\n3692217600 37\n" HASH "4118083200 36\n", "cut short");
    refused("#@ 4133980800\n#@ 4133980800\n3692217600 37\n" HASH, "line 2: expected one expiry");
    refused("#@ soon\n3692217600 37\n" HASH, "line 1: expected #@");
    refused("#@\n3692217600 37\n" HASH, "line 1: expected #@");
    refused("#@ 0\n3692217600 37\n" HASH, "line 1: expected #@");
    refused("#@ 4133980800 4\n3692217600 37\n" HASH, "line 1: expected #@");
    refused("#@ 3692217600\n3692217600 37\n" HASH, "expires before its last entry");
}

static void entries_that_cannot_be_are_refused(void)
{
    char text[16384];
    static const struct {
        const char *entry, *complaint;
    } cases[] = {
        {"3644697600 35", "line 3: expected a later midnight"},
        {"3692217600 38", "line 3: expected a later midnight"},
        {"4118083200 39", "line 3: expected a TAI-UTC one second beside"},
        {"4118083200 37", "line 3: expected a TAI-UTC one second beside"},
        {"4118083200 35", "line 3: expected a TAI-UTC one second beside"},
        {"4118083201 36", "line 3: expected a midnight since 1972"},
        {"-86400 36", "line 3: expected seconds since 1900"},
        {"4118083200 -36", "line 3: expected seconds since 1900"},
        {"4118083200 +36", "line 3: expected seconds since 1900"},
        {"4118083200", "line 3: expected seconds since 1900"},
        {"4118083200 36 1 Jul 2030", "line 3: expected seconds since 1900"},
        {"4118083200x 36", "line 3: expected seconds since 1900"},
        {"4118083200.0 36", "line 3: expected seconds since 1900"},
        {"4118083200 1000", "line 3: expected seconds since 1900"},
        {"0xf574d080 36", "line 3: expected seconds since 1900"},
        {"11432323836 36", "line 3: expected seconds since 1900"},
        {"9223372036854775808 36", "line 3: expected seconds since 1900"},
        {"99999999999999999999999999999999999999999 36", "line 3: expected seconds since 1900"},
        {"4118083200 99999999999999999999999999999999999", "line 3: expected seconds since 1900"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), "#@ 9133980800\n3692217600 37\n%s\n%s", cases[i].entry, HASH);
        refused(text, cases[i].complaint);
    }
    refused("#@ 4133980800\n0 1\n" HASH, "line 2: expected a midnight since 1972");
    refused("#@ 4133980800\n2271974400 9\n" HASH, "line 2: expected a midnight since 1972");
    refused("#@ 4133980800\n2272060800 0\n" HASH, "line 2: expected a midnight since 1972");
}

static void the_last_instant_fits(void)
{
    struct leap_table table = parsed("#@ 11432274436\n11432188800 37\n" HASH);
    CU_ASSERT_EQUAL(table.entries[0].since.ns, INT64_C(9223200000) * S);
    CU_ASSERT_TRUE(table.expires.ns > table.entries[0].since.ns);
    refused("#@ 11432274437\n11432188800 37\n" HASH, "line 1: expected #@");
}

static void huge_lists_are_bounded(void)
{
    static char text[2 * 1024 * 1024];
    size_t size = (size_t)snprintf(text, sizeof(text), "#@ 9133980800\n");
    size_t kept = size;
    for (int i = 0; i < LEAP_SECONDS_MAX + 1; i++) {
        kept = i == LEAP_SECONDS_MAX ? size : kept;
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%lld %d\n",
                                 2272060800LL + 86400LL * i, 10 + i % 2);
    }
    snprintf(text + size, sizeof(text) - size, "%s", HASH);
    refused(text, "line 130: expected no more than 128 entries");
    snprintf(text + kept, sizeof(text) - kept, "%s", HASH);
    CU_ASSERT_EQUAL(parsed(text).count, LEAP_SECONDS_MAX);

    /* One endless line. */
    memset(text, '7', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    refused(text, "line 1: expected seconds since 1900");
    CU_ASSERT_TRUE(strlen(error) < LEAP_ERROR_MAX - 1);
}

static void days_end_at_midnight(void)
{
    CU_ASSERT_EQUAL(leap_end_of_day(at(0)).ns, DAY_S * S);
    CU_ASSERT_EQUAL(leap_end_of_day((struct wall){-1}).ns, 0);
    CU_ASSERT_EQUAL(leap_end_of_day(at(-DAY_S)).ns, 0);
    CU_ASSERT_EQUAL(leap_end_of_day((struct wall){-DAY_S * S - 1}).ns, -DAY_S * S);
    CU_ASSERT_EQUAL(leap_end_of_day(at(JAN_2017 - 1)).ns, JAN_2017 * S);
    CU_ASSERT_EQUAL(leap_end_of_day(at(JAN_2017)).ns, (JAN_2017 + DAY_S) * S);
    CU_ASSERT_EQUAL(leap_end_of_day((struct wall){INT64_MAX}).ns, INT64_MAX);
    CU_ASSERT_EQUAL(leap_end_of_day((struct wall){INT64_MIN}).ns,
                    INT64_MIN / (DAY_S * S) * (DAY_S * S));
}

static void a_strict_majority_is_believed(void)
{
    static const uint8_t leaps[] = {LEAP_INSERT, LEAP_INSERT, LEAP_DELETE,
                                    LEAP_NONE,   LEAP_INSERT, LEAP_UNSYNCHRONISED};
    struct wall last_day = at(JAN_2017 - 60);
    CU_ASSERT_EQUAL(leap_vote(leaps, 1, last_day), LEAP_INSERT);
    CU_ASSERT_EQUAL(leap_vote(leaps, 2, last_day), LEAP_INSERT);
    CU_ASSERT_EQUAL(leap_vote(leaps, 3, last_day), LEAP_INSERT);
    CU_ASSERT_EQUAL(leap_vote(leaps, 4, last_day), LEAP_NONE);
    CU_ASSERT_EQUAL(leap_vote(leaps, 5, last_day), LEAP_INSERT);
    CU_ASSERT_EQUAL(leap_vote(leaps, 6, last_day), LEAP_NONE);
    CU_ASSERT_EQUAL(leap_vote(leaps + 2, 1, last_day), LEAP_DELETE);
    CU_ASSERT_EQUAL(leap_vote(leaps + 2, 2, last_day), LEAP_NONE);
    CU_ASSERT_EQUAL(leap_vote(leaps + 5, 1, last_day), LEAP_NONE);
    CU_ASSERT_EQUAL(leap_vote(NULL, 0, last_day), LEAP_NONE);
}

/* By month, as the calendar has them since 1970, at both ends of the time that can be told. */
static void sources_are_believed_at_half_years_only(void)
{
    static const int days_of[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static const uint8_t leap = LEAP_DELETE;
    int64_t day = 0;
    for (int year = 1970; year < 2262; year++) {
        bool is_long = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        for (int month = 0; month < 12; month++) {
            int days = days_of[month] + (month == 1 && is_long ? 1 : 0);
            bool is_half = month == 5 || month == 11;
            int64_t end_s = (day + days) * DAY_S;
            CU_ASSERT_EQUAL(leap_vote(&leap, 1, at((day + days - 2) * DAY_S + 1)), LEAP_NONE);
            CU_ASSERT_EQUAL(leap_vote(&leap, 1, at(end_s - DAY_S - 1)), LEAP_NONE);
            CU_ASSERT_EQUAL(leap_vote(&leap, 1, at(end_s - DAY_S)),
                            is_half ? LEAP_DELETE : LEAP_NONE);
            CU_ASSERT_EQUAL(leap_vote(&leap, 1, at(end_s - 1)), is_half ? LEAP_DELETE : LEAP_NONE);
            CU_ASSERT_EQUAL(leap_vote(&leap, 1, at(end_s)), LEAP_NONE);
            day += days;
        }
    }
    CU_ASSERT_EQUAL(leap_vote(&leap, 1, at(-1)), LEAP_DELETE);               /* 1969-12-31 */
    CU_ASSERT_EQUAL(leap_vote(&leap, 1, at(-184 * DAY_S - 1)), LEAP_DELETE); /* 1969-06-30 */
    CU_ASSERT_EQUAL(leap_vote(&leap, 1, at(-183 * DAY_S - 1)), LEAP_NONE);   /* 1969-07-01 */
    CU_ASSERT_EQUAL(leap_vote(&leap, 1, at(-25567 * (int64_t)DAY_S - 1)), LEAP_DELETE); /* 1899 */
    (void)leap_vote(&leap, 1, (struct wall){INT64_MAX});
    (void)leap_vote(&leap, 1, (struct wall){INT64_MIN});
}

static void utc_repeats_or_skips_a_second(void)
{
    struct wall midnight = at(JAN_2017);
    CU_ASSERT_EQUAL(leap_utc((struct wall){midnight.ns - 1}, midnight, LEAP_INSERT).ns,
                    midnight.ns - 1);
    CU_ASSERT_EQUAL(leap_utc(midnight, midnight, LEAP_INSERT).ns, midnight.ns - S);
    CU_ASSERT_EQUAL(leap_utc(at(JAN_2017 + 1), midnight, LEAP_INSERT).ns, midnight.ns);
    CU_ASSERT_EQUAL(leap_utc((struct wall){midnight.ns - S - 1}, midnight, LEAP_DELETE).ns,
                    midnight.ns - S - 1);
    CU_ASSERT_EQUAL(leap_utc(at(JAN_2017 - 1), midnight, LEAP_DELETE).ns, midnight.ns);
    CU_ASSERT_EQUAL(leap_utc(midnight, midnight, LEAP_DELETE).ns, midnight.ns + S);
    CU_ASSERT_EQUAL(leap_utc(midnight, midnight, LEAP_NONE).ns, midnight.ns);
    CU_ASSERT_EQUAL(leap_utc(midnight, midnight, LEAP_UNSYNCHRONISED).ns, midnight.ns);
    CU_ASSERT_EQUAL(leap_utc((struct wall){INT64_MAX}, midnight, LEAP_DELETE).ns, INT64_MAX);
}

/* Served = unbroken + smear: it joins UTC at both ends, to the nanosecond, as UTC shows them. */
static void joints_are_exact(enum packet_leap leap, int64_t window_ns)
{
    struct wall midnight = at(JUL_2030);
    int64_t gain_ns = leap == LEAP_INSERT ? -S : S;
    struct wall begins = {midnight.ns - window_ns / 2};
    struct wall ends = {midnight.ns + window_ns / 2 - gain_ns};
    CU_ASSERT_EQUAL(leap_utc(begins, midnight, leap).ns, midnight.ns - window_ns / 2);
    CU_ASSERT_EQUAL(leap_utc(ends, midnight, leap).ns, midnight.ns + window_ns / 2);
    CU_ASSERT_EQUAL(leap_smear_ns(begins, midnight, leap, window_ns), 0);
    CU_ASSERT_EQUAL(leap_smear_ns(ends, midnight, leap, window_ns), gain_ns);
    CU_ASSERT_EQUAL(leap_smear_ppm((struct wall){begins.ns - 1}, midnight, leap, window_ns), 0);
    CU_ASSERT_EQUAL(leap_smear_ppm(ends, midnight, leap, window_ns), 0);
    double ppm = leap_smear_ppm(begins, midnight, leap, window_ns);
    CU_ASSERT_DOUBLE_EQUAL(ppm, 1e6 * (double)gain_ns / (double)(ends.ns - begins.ns), 1e-9);
    CU_ASSERT_EQUAL(leap_smear_ppm((struct wall){ends.ns - 1}, midnight, leap, window_ns), ppm);

    /* In its middle it reads midnight. */
    struct wall middle = {begins.ns / 2 + ends.ns / 2};
    CU_ASSERT_EQUAL(middle.ns + leap_smear_ns(middle, midnight, leap, window_ns), midnight.ns);

    /* Continuous, never back, and with the rate that it says. */
    int64_t step_ns = (ends.ns - begins.ns) / 997;
    double most_ns = 0.5 * (double)(window_ns + (leap == LEAP_INSERT ? 2 * S : 0)) * (double)S /
                     (double)(ends.ns - begins.ns);
    struct wall before = {begins.ns - 5 * step_ns};
    int64_t served_ns = before.ns;
    for (int i = 0; i < 1010; i++) {
        struct wall now = {before.ns + step_ns};
        int64_t now_ns = now.ns + leap_smear_ns(now, midnight, leap, window_ns);
        int64_t bend_ns = (int64_t)(fabs(ppm) * 1e-6 * (double)step_ns) + 2;
        CU_ASSERT_TRUE(now_ns > served_ns);
        CU_ASSERT_TRUE(llabs(now_ns - served_ns - step_ns) <= bend_ns);
        int64_t off_ns = now_ns - leap_utc(now, midnight, leap).ns;
        CU_ASSERT_TRUE((double)llabs(off_ns) <= most_ns + 1);
        before = now;
        served_ns = now_ns;
    }
    CU_ASSERT_EQUAL(served_ns, before.ns + gain_ns);
}

static void a_smear_joins_exactly(void)
{
    static const int64_t windows_s[] = {DAY_S, 72000, 1000, 10, 4};
    for (size_t i = 0; i < sizeof(windows_s) / sizeof(windows_s[0]); i++) {
        joints_are_exact(LEAP_INSERT, windows_s[i] * S);
        joints_are_exact(LEAP_DELETE, windows_s[i] * S);
    }
    CU_ASSERT_DOUBLE_EQUAL(leap_smear_ppm(at(JAN_2017), at(JAN_2017), LEAP_INSERT, DAY_S * S),
                           -1e6 / 86401, 1e-9);
}

/* Nanosecond by nanosecond, where rounding could go back. */
static void a_smear_never_goes_back(void)
{
    struct wall midnight = at(JAN_2017);
    static const int64_t starts_ns[] = {-S, 0, 43200 * S - 500, -43200 * S - 500};
    for (size_t i = 0; i < sizeof(starts_ns) / sizeof(starts_ns[0]); i++) {
        int64_t served_ns = INT64_MIN;
        for (int64_t ns = 0; ns < 300000; ns++) {
            struct wall now = {midnight.ns + starts_ns[i] + ns};
            int64_t now_ns = now.ns + leap_smear_ns(now, midnight, LEAP_INSERT, DAY_S * S);
            CU_ASSERT_TRUE_FATAL(now_ns >= served_ns);
            served_ns = now_ns;
        }
    }
}

static void a_smear_of_nothing_is_nothing(void)
{
    struct wall midnight = at(JAN_2017);
    CU_ASSERT_EQUAL(leap_smear_ns(midnight, midnight, LEAP_NONE, DAY_S * S), 0);
    CU_ASSERT_EQUAL(leap_smear_ppm(midnight, midnight, LEAP_NONE, DAY_S * S), 0);
    CU_ASSERT_EQUAL(leap_smear_ns(midnight, midnight, LEAP_UNSYNCHRONISED, DAY_S * S), 0);
    CU_ASSERT_EQUAL(leap_smear_ns((struct wall){INT64_MIN}, midnight, LEAP_INSERT, DAY_S * S), 0);
    CU_ASSERT_EQUAL(leap_smear_ns((struct wall){INT64_MAX}, midnight, LEAP_INSERT, DAY_S * S), -S);
    CU_ASSERT_EQUAL(
        leap_smear_ns((struct wall){INT64_MAX}, (struct wall){INT64_MIN}, LEAP_DELETE, DAY_S * S),
        S);
    CU_ASSERT_TRUE(leap_smear_ns(at(0), midnight, LEAP_INSERT, INT64_MAX) < 0);
    CU_ASSERT_TRUE(leap_smear_ns(at(0), midnight, LEAP_INSERT, INT64_MAX) > -S / 2);
}

/* Without a window a deletion is a step, and an insertion a second during which time stands. */
static void without_a_window_it_is_a_step(void)
{
    struct wall midnight = at(JAN_2017);
    static const int64_t windows_ns[] = {0, -S, INT64_MIN};
    for (size_t i = 0; i < sizeof(windows_ns) / sizeof(windows_ns[0]); i++) {
        int64_t window_ns = windows_ns[i];
        struct wall last = {midnight.ns - S - 1};
        CU_ASSERT_EQUAL(leap_smear_ns(last, midnight, LEAP_DELETE, window_ns), 0);
        CU_ASSERT_EQUAL(leap_smear_ns(at(JAN_2017 - 1), midnight, LEAP_DELETE, window_ns), S);
        CU_ASSERT_EQUAL(leap_smear_ppm(at(JAN_2017 - 1), midnight, LEAP_DELETE, window_ns), 0);
        CU_ASSERT_EQUAL(leap_smear_ns(midnight, midnight, LEAP_INSERT, window_ns), 0);
        struct wall half = {midnight.ns + S / 2};
        CU_ASSERT_EQUAL(leap_smear_ns(half, midnight, LEAP_INSERT, window_ns), -S / 2);
        CU_ASSERT_EQUAL(leap_smear_ppm(half, midnight, LEAP_INSERT, window_ns), -1e6);
        CU_ASSERT_EQUAL(leap_smear_ns(at(JAN_2017 + 1), midnight, LEAP_INSERT, window_ns), -S);
    }
}

static const struct unit_case cases[] = {
    {"the system's list is read", the_systems_list_is_read},
    {"a deletion is read", a_deletion_is_read},
    {"outside its time the list is silent", outside_its_time_the_list_is_silent},
    {"eras do not matter", eras_do_not_matter},
    {"what is no list is refused", what_is_no_list_is_refused},
    {"entries that cannot be are refused", entries_that_cannot_be_are_refused},
    {"the last instant fits", the_last_instant_fits},
    {"huge lists are bounded", huge_lists_are_bounded},
    {"days end at midnight", days_end_at_midnight},
    {"a strict majority is believed", a_strict_majority_is_believed},
    {"sources are believed at half years only", sources_are_believed_at_half_years_only},
    {"UTC repeats or skips a second", utc_repeats_or_skips_a_second},
    {"a smear joins exactly", a_smear_joins_exactly},
    {"a smear never goes back", a_smear_never_goes_back},
    {"a smear of nothing is nothing", a_smear_of_nothing_is_nothing},
    {"without a window it is a step", without_a_window_it_is_a_step},
};

UNIT_MAIN("leap", cases)
