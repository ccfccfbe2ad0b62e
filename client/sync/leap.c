/* SPDX-License-Identifier: MIT */
#include "client/sync/leap.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DAY_NS (86400 * NS_PER_S)
#define DAY_S INT64_C(86400)
/* From 1900, from which the list counts, to 1970. Counted in full, it has no eras. */
#define UNIX_EPOCH_S INT64_C(2208988800)
#define FIRST_S INT64_C(2272060800) /* 1972-01-01: there were no leap seconds before */
#define LAST_S (UNIX_EPOCH_S + INT64_MAX / NS_PER_S - DAY_S)
#define TAI_OFFSET_MAX 999
#define HASH_WORDS 5
#define FOUND_MAX 40
#define ADVICE "reinstall tzdata, or name another list"

/* The Gregorian calendar repeats itself after so many days. */
#define CYCLE_DAYS 146097

/* One line of the list, which is read from left to right. */
struct line {
    const char *at;
    const char *end;
};

struct reader {
    struct leap_table table;
    unsigned number; /* of the line, from 1 */
    bool has_expiry;
    bool has_hash;
    char *error;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static void skip_space(struct line *line)
{
    while (line->at < line->end && is_space(*line->at)) {
        line->at++;
    }
}

/* A decimal number that white space, a comment or the line's end follows. */
static bool take_number(struct line *line, int64_t maximum, int64_t *number)
{
    skip_space(line);
    const char *start = line->at;
    int64_t value = 0;
    for (; line->at < line->end && is_digit(*line->at); line->at++) {
        int digit = *line->at - '0';
        if (value > (maximum - digit) / 10) {
            return false;
        }
        value = 10 * value + digit;
    }
    if (line->at == start || (line->at < line->end && !is_space(*line->at) && *line->at != '#')) {
        return false;
    }
    *number = value;
    return true;
}

static bool is_at_end(struct line *line)
{
    skip_space(line);
    return line->at == line->end;
}

/* Says what was wanted and what stands there instead, which may be anything. */
static bool refuse(const struct reader *reader, struct line line, const char *wanted)
{
    char found[FOUND_MAX + 1];
    size_t size = 0;
    for (; line.at < line.end && size < FOUND_MAX; line.at++) {
        found[size++] = *line.at >= ' ' && *line.at <= '~' ? *line.at : '?';
    }
    found[size] = '\0';
    snprintf(reader->error, LEAP_ERROR_MAX, "line %u: expected %s, found \"%s\"; %s",
             reader->number, wanted, found, ADVICE);
    return false;
}

static struct wall wall_of(int64_t ntp_s)
{
    return (struct wall){(ntp_s - UNIX_EPOCH_S) * NS_PER_S};
}

/* "#@ 3991593600" */
static bool read_expiry(struct reader *reader, struct line line)
{
    struct line rest = {line.at + 2, line.end};
    int64_t ntp_s;
    if (reader->has_expiry) {
        return refuse(reader, line, "one expiry (#@) only");
    }
    if (!take_number(&rest, LAST_S, &ntp_s) || !is_at_end(&rest) || ntp_s < FIRST_S) {
        return refuse(reader, line, "#@ and the expiry in seconds since 1900");
    }
    reader->table.expires = wall_of(ntp_s);
    reader->has_expiry = true;
    return true;
}

/* "#h" and five words, of which the IERS leaves leading zeros out. */
static bool read_hash(struct reader *reader, struct line line)
{
    struct line rest = {line.at + 2, line.end};
    for (int word = 0; word < HASH_WORDS; word++) {
        skip_space(&rest);
        const char *start = rest.at;
        while (rest.at < rest.end && is_hex(*rest.at)) {
            rest.at++;
        }
        if (rest.at == start || rest.at > start + 8) {
            return refuse(reader, line, "#h and five words of a hash");
        }
    }
    if (!is_at_end(&rest)) {
        return refuse(reader, line, "#h and five words of a hash");
    }
    reader->has_hash = true;
    return true;
}

/* "3692217600 37 # 1 Jan 2017" */
static bool read_entry(struct reader *reader, struct line line)
{
    struct leap_table *table = &reader->table;
    struct line rest = line;
    int64_t ntp_s, offset_s;
    if (!take_number(&rest, LAST_S, &ntp_s) || !take_number(&rest, TAI_OFFSET_MAX, &offset_s) ||
        !(is_at_end(&rest) || *rest.at == '#')) {
        return refuse(reader, line, "seconds since 1900 and TAI-UTC in seconds");
    }
    if (ntp_s < FIRST_S || ntp_s % DAY_S != 0 || offset_s == 0) {
        return refuse(reader, line, "a midnight since 1972 and a TAI-UTC above 0");
    }
    static_assert(LEAP_SECONDS_MAX == 128, "as the sentence says");
    if (table->count == LEAP_SECONDS_MAX) {
        return refuse(reader, line, "no more than 128 entries");
    }
    struct leap_entry entry = {wall_of(ntp_s), (int)offset_s};
    if (table->count > 0) {
        const struct leap_entry *last = &table->entries[table->count - 1];
        int step_s = entry.tai_offset_s - last->tai_offset_s;
        if (entry.since.ns <= last->since.ns) {
            return refuse(reader, line, "a later midnight than the line before it has");
        }
        if (step_s != 1 && step_s != -1) {
            return refuse(reader, line, "a TAI-UTC one second beside that before it");
        }
    }
    table->entries[table->count++] = entry;
    reader->has_hash = false;
    return true;
}

static bool read_line(struct reader *reader, struct line line)
{
    skip_space(&line);
    if (line.at == line.end) {
        return true;
    }
    if (*line.at != '#') {
        return read_entry(reader, line);
    }
    char mark = line.at + 1 < line.end ? line.at[1] : ' ';
    return mark == '@' ? read_expiry(reader, line) : mark == 'h' ? read_hash(reader, line) : true;
}

/* What only the whole list shows. */
static bool judge_list(const struct reader *reader)
{
    const struct leap_table *table = &reader->table;
    const char *fault = NULL;
    if (table->count == 0) {
        fault = "it has no entry (seconds since 1900 and TAI-UTC)";
    } else if (!reader->has_expiry) {
        fault = "it does not say when it expires (#@)";
    } else if (!reader->has_hash) {
        fault = "it is cut short: its last line should be the hash (#h)";
    } else if (table->expires.ns <= table->entries[table->count - 1].since.ns) {
        fault = "it expires before its last entry";
    }
    if (fault != NULL) {
        snprintf(reader->error, LEAP_ERROR_MAX, "%s; %s", fault, ADVICE);
    }
    return fault == NULL;
}

bool leap_table_parse(const char *text, struct leap_table *table, char error[LEAP_ERROR_MAX])
{
    struct reader reader = {.error = error};
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        reader.number++;
        if (!read_line(&reader, (struct line){text, text + size})) {
            return false;
        }
        text += size + (text[size] == '\n' ? 1 : 0);
    }
    if (!judge_list(&reader)) {
        return false;
    }
    *table = reader.table;
    return true;
}

int leap_tai_offset(const struct leap_table *table, struct wall now)
{
    int offset_s = 0;
    for (size_t i = 0; i < table->count && table->entries[i].since.ns <= now.ns; i++) {
        offset_s = table->entries[i].tai_offset_s;
    }
    return now.ns < table->expires.ns ? offset_s : 0;
}

static int64_t day_of(struct wall now)
{
    return now.ns / DAY_NS - (now.ns % DAY_NS < 0 ? 1 : 0);
}

struct wall leap_end_of_day(struct wall now)
{
    int64_t end_ns;
    if (__builtin_mul_overflow(day_of(now) + 1, DAY_NS, &end_ns)) {
        return (struct wall){INT64_MAX};
    }
    return (struct wall){end_ns};
}

bool leap_table_pending(const struct leap_table *table, struct wall now, enum packet_leap *leap)
{
    struct wall midnight = leap_end_of_day(now);
    /* The first entry is where the list begins, and no leap second of its own. */
    if (table->count == 0 || now.ns < table->entries[0].since.ns ||
        midnight.ns > table->expires.ns) {
        return false;
    }
    enum packet_leap found = LEAP_NONE;
    for (size_t i = 1; i < table->count; i++) {
        if (table->entries[i].since.ns == midnight.ns) {
            int step_s = table->entries[i].tai_offset_s - table->entries[i - 1].tai_offset_s;
            found = step_s > 0 ? LEAP_INSERT : LEAP_DELETE;
        }
    }
    *leap = found;
    return true;
}

static bool is_leap_year(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Whether the first of January or July begins then. */
static bool begins_half_year(struct wall midnight)
{
    int64_t day = day_of(midnight) % CYCLE_DAYS;
    day += day < 0 ? CYCLE_DAYS : 0;
    int year = 1970;
    while (day >= 365 + is_leap_year(year)) {
        day -= 365 + is_leap_year(year);
        year++;
    }
    return day == 0 || day == 181 + is_leap_year(year);
}

enum packet_leap leap_vote(const uint8_t *leaps, size_t count, struct wall now)
{
    size_t insertions = 0;
    size_t deletions = 0;
    for (size_t i = 0; i < count; i++) {
        insertions += leaps[i] == LEAP_INSERT;
        deletions += leaps[i] == LEAP_DELETE;
    }
    enum packet_leap majority = insertions > count / 2  ? LEAP_INSERT
                                : deletions > count / 2 ? LEAP_DELETE
                                                        : LEAP_NONE;
    return majority != LEAP_NONE && begins_half_year(leap_end_of_day(now)) ? majority : LEAP_NONE;
}

/* What UTC has gained on the unbroken count in the end. */
static int64_t gain_ns(enum packet_leap leap)
{
    return leap == LEAP_INSERT ? -NS_PER_S : leap == LEAP_DELETE ? NS_PER_S : 0;
}

/* Saturated, should one of them be nonsense. */
static int64_t since_ns(struct wall now, struct wall then)
{
    int64_t difference_ns;
    if (__builtin_sub_overflow(now.ns, then.ns, &difference_ns)) {
        return now.ns < then.ns ? INT64_MIN : INT64_MAX;
    }
    return difference_ns;
}

struct wall leap_utc(struct wall unbroken, struct wall midnight, enum packet_leap leap)
{
    int64_t gain = gain_ns(leap);
    int64_t begins_ns = leap == LEAP_DELETE ? -NS_PER_S : 0;
    struct wall utc;
    if (since_ns(unbroken, midnight) < begins_ns ||
        __builtin_add_overflow(unbroken.ns, gain, &utc.ns)) {
        return unbroken;
    }
    return utc;
}

/* How long the smear takes on the unbroken count: both its ends are marked by UTC, between which
 * one second more, or less, goes by than the window says. */
static double length_ns(enum packet_leap leap, int64_t window_ns)
{
    double window = window_ns > 0 ? (double)window_ns : 0;
    return window - (double)gain_ns(leap);
}

/* How much of it is behind us: below 0 before it, 1 and more after it. */
static double part_done(struct wall unbroken, struct wall midnight, enum packet_leap leap,
                        int64_t window_ns)
{
    double length = length_ns(leap, window_ns);
    double since = (double)since_ns(unbroken, midnight);
    if (length <= 0) {
        /* No room for a deleted second: it is skipped where UTC skips it. */
        return since < (double)-NS_PER_S ? -1 : 1;
    }
    double before = window_ns > 0 ? (double)window_ns / 2 : 0;
    return (since + before) / length;
}

int64_t leap_smear_ns(struct wall unbroken, struct wall midnight, enum packet_leap leap,
                      int64_t window_ns)
{
    double part = part_done(unbroken, midnight, leap, window_ns);
    double bounded = part < 0 ? 0 : part > 1 ? 1 : part;
    return (int64_t)floor(bounded * (double)gain_ns(leap) + 0.5);
}

double leap_smear_ppm(struct wall unbroken, struct wall midnight, enum packet_leap leap,
                      int64_t window_ns)
{
    double part = part_done(unbroken, midnight, leap, window_ns);
    return part < 0 || part >= 1 ? 0 : 1e6 * (double)gain_ns(leap) / length_ns(leap, window_ns);
}
