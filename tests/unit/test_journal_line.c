/* SPDX-License-Identifier: MIT */
#include "server/journal_line.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <string.h>

#define NOW_NS (INT64_C(1772366400) * NS_PER_S + 123456789) /* 2026-03-01T12:00:00.123456789Z */

/* Commas outside quotes. */
static size_t count_fields(const char *line)
{
    size_t count = 1;
    bool is_quoted = false;
    for (const char *at = line; *at != '\0'; at++) {
        is_quoted ^= *at == '"';
        count += *at == ',' && !is_quoted;
    }
    return count;
}

static struct status known_status(void)
{
    struct status status = {.now = {.mono = {1000}, .wall = {NOW_NS}},
                            .condition = SYNC_SYNCHRONISED,
                            .selected = "alpha",
                            .has_interval = true,
                            .interval = {NOW_NS - 1500, NOW_NS + 2500},
                            .epoch = 3,
                            .has_estimate = true,
                            .offset_ns = -250.4,
                            .offset_sd_ns = 40.6,
                            .rate_ppm = 12.5,
                            .rate_sd_ppm = 0.015625,
                            .frequency_ppm = -7.25,
                            .sources = 5,
                            .faults = 2,
                            .agreeing = 4,
                            .steps = 1,
                            .drift_class = "normal",
                            .drift_ppm = 15};
    status.state = (struct sync_state){
        .anchor = {1000}, .stratum = 2, .leap = 1, .root_delay_ns = 777, .root_dispersion_ns = 888};
    return status;
}

static void tracking_holds_all_that_is_known(void)
{
    char line[JOURNAL_LINE_MAX];
    struct status status = known_status();
    size_t size = journal_line_tracking(&status, (struct wall){NOW_NS + NS_PER_S}, line);
    CU_ASSERT_STRING_EQUAL(
        line, "2026-03-01T12:00:00.123456789Z,1772366401.123456789,1772366400.123456789,"
              "1772366400.123456539,41,1772366400.123455289,1772366400.123459289,-250,-7.250000,"
              "12.500000,0.015625,synchronised,3,2,1,alpha,777,888,5,2,4,1,normal,15.000000\n");
    CU_ASSERT_EQUAL(size, strlen(line));
}

static void tracking_leaves_the_unknown_empty(void)
{
    char line[JOURNAL_LINE_MAX];
    struct status status = {.now = {.wall = {0}}, .condition = SYNC_STARTING};
    (void)journal_line_tracking(&status, (struct wall){-NS_PER_S / 4}, line);
    CU_ASSERT_STRING_EQUAL(line, "1970-01-01T00:00:00.000000000Z,-0.250000000,0.000000000,,,,,,"
                                 "0.000000,,,starting,0,0,0,,0,0,0,0,0,0,,0.000000\n");
}

static void instants_before_1970_are_negative(void)
{
    char line[JOURNAL_LINE_MAX];
    struct status status = {.now = {.wall = {-NS_PER_S}}, .condition = SYNC_STARTING};
    (void)journal_line_tracking(&status, (struct wall){-5 * NS_PER_S / 4}, line);
    CU_ASSERT_EQUAL(strncmp(line, "1969-12-31T23:59:59.000000000Z,-1.250000000,-1.000000000,,", 58),
                    0);
}

static void headers_have_a_name_for_each_field(void)
{
    char line[JOURNAL_LINE_MAX];
    struct status status = known_status();
    struct measurement measurement = {.verdict = "good", .is_good = true};
    (void)journal_line_tracking(&status, status.now.wall, line);
    CU_ASSERT_EQUAL(count_fields(line), count_fields(journal_line_tracking_header()));
    (void)journal_line_measurement(&measurement, status.now.wall, line);
    CU_ASSERT_EQUAL(count_fields(line), count_fields(journal_line_measurements_header()));
    measurement.is_good = false;
    (void)journal_line_measurement(&measurement, status.now.wall, line);
    CU_ASSERT_EQUAL(count_fields(line), count_fields(journal_line_measurements_header()));
}

static struct measurement known_measurement(void)
{
    struct measurement measurement = {.name = "alpha",
                                      .at = {.wall = {1}},
                                      .is_good = true,
                                      .offset_ns = -12,
                                      .delay_ns = 34,
                                      .root_distance_ns = 56,
                                      .root_delay_ns = 78,
                                      .root_dispersion_ns = 90,
                                      .refid = 0x0A00002A,
                                      .stratum = 3,
                                      .leap = 0,
                                      .mode = 4,
                                      .poll = -3,
                                      .sent_stamp = STAMP_KERNEL,
                                      .received_stamp = STAMP_HARDWARE,
                                      .is_interleaved = true,
                                      .verdict = "good"};
    CU_ASSERT_FATAL(address_parse("192.0.2.7", 123, &measurement.remote));
    return measurement;
}

static void measurement_holds_a_sample(void)
{
    char line[JOURNAL_LINE_MAX];
    struct measurement measurement = known_measurement();
    size_t size = journal_line_measurement(&measurement, (struct wall){NOW_NS}, line);
    CU_ASSERT_STRING_EQUAL(line, "2026-03-01T12:00:00.123456789Z,alpha,192.0.2.7:123,good,-12,34,"
                                 "56,78,90,3,0a00002a,0,4,-3,kernel,hardware,1,0,\n");
    CU_ASSERT_EQUAL(size, strlen(line));
}

static void bad_measurement_has_a_reason_only(void)
{
    char line[JOURNAL_LINE_MAX];
    struct measurement measurement = known_measurement();
    measurement.is_good = false;
    measurement.verdict = "root distance";
    snprintf(measurement.reason, sizeof(measurement.reason), "it is 4 s,\nsays \"alpha\"");
    (void)journal_line_measurement(&measurement, (struct wall){NOW_NS}, line);
    CU_ASSERT_STRING_EQUAL(line, "2026-03-01T12:00:00.123456789Z,alpha,192.0.2.7:123,root distance"
                                 ",,,,,,,,,,,,,,,\"it is 4 s, says \"\"alpha\"\"\"\n");
}

/* The longest of all texts, of the sign that needs most room. */
static void longest_line_fits(void)
{
    char line[JOURNAL_LINE_MAX];
    struct measurement measurement = known_measurement();
    memset(measurement.name, '"', sizeof(measurement.name) - 1);
    memset(measurement.reason, '"', sizeof(measurement.reason) - 1);
    measurement.offset_ns = measurement.delay_ns = INT64_MIN;
    measurement.root_distance_ns = measurement.root_delay_ns = INT64_MIN;
    measurement.root_dispersion_ns = INT64_MIN;
    size_t size = journal_line_measurement(&measurement, (struct wall){INT64_MIN}, line);
    CU_ASSERT_EQUAL(size, strlen(line));
    CU_ASSERT_EQUAL(line[size - 1], '\n');
    CU_ASSERT_EQUAL(line[size - 2], '"');
    CU_ASSERT_EQUAL(count_fields(line), count_fields(journal_line_measurements_header()));

    struct status status = known_status();
    status.now.wall.ns = INT64_MAX;
    status.offset_ns = -1e300;
    status.offset_sd_ns = 1e300;
    status.rate_ppm = 1e300;
    status.frequency_ppm = -1e300;
    size = journal_line_tracking(&status, (struct wall){INT64_MIN}, line);
    CU_ASSERT_EQUAL(size, strlen(line));
    CU_ASSERT_EQUAL(count_fields(line), count_fields(journal_line_tracking_header()));
}

static const struct unit_case cases[] = {
    {"tracking holds all that is known", tracking_holds_all_that_is_known},
    {"tracking leaves the unknown empty", tracking_leaves_the_unknown_empty},
    {"instants before 1970 are negative", instants_before_1970_are_negative},
    {"headers have a name for each field", headers_have_a_name_for_each_field},
    {"a measurement holds a sample", measurement_holds_a_sample},
    {"a bad measurement has a reason only", bad_measurement_has_a_reason_only},
    {"the longest line fits", longest_line_fits},
};
UNIT_MAIN("journal_line", cases)
