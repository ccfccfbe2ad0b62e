/* SPDX-License-Identifier: MIT */
/* leap.h - leap seconds: the published list, what a majority of sources says, and a smear.
 *
 * Inside, time counts without leap seconds as POSIX does: the day with an inserted second repeats
 * its last one. Pure; not thread-safe. */
#ifndef CLIENT_SYNC_LEAP_H
#define CLIENT_SYNC_LEAP_H
#include "common/base/instant.h"
#include "ntpwire/bytes.h"
#include "ntpwire/packet.h"

#define LEAP_SECONDS_MAX 128
#define LEAP_ERROR_MAX 256

/* From since on (midnight UTC), TAI - UTC is tai_offset_s. */
struct leap_entry {
    struct wall since;
    int tai_offset_s;
};

struct leap_table {
    size_t count;
    struct leap_entry entries[LEAP_SECONDS_MAX];
    struct wall expires; /* what comes after is not known */
};

/* Reads the IERS/NIST list as tzdata installs it (leap-seconds.list; text is NUL-terminated):
 * order, steps of one second at midnight and the expiry are checked, and that the list ends with
 * its "#h" hash, without which it was cut short; the hash itself is not checked. False, and a
 * sentence in error that names the line, not the file; *table is untouched then. */
bool leap_table_parse(const char *text, struct leap_table *table,
                      char error[LEAP_ERROR_MAX]) MUST_CHECK;
/* TAI - UTC at now, 0 if the table does not say (before its first entry, after its expiry). */
int leap_tai_offset(const struct leap_table *table, struct wall now);
/* Whether a leap second comes at the end of now's UTC day. False, and *leap untouched, where the
 * table does not say; else *leap is LEAP_NONE, LEAP_INSERT or LEAP_DELETE. */
bool leap_table_pending(const struct leap_table *table, struct wall now,
                        enum packet_leap *leap) MUST_CHECK;

/* What a strict majority of the sources that are used announces for the end of now's UTC day.
 * Sources are believed on the last day of June and of December only: nobody ever inserted a leap
 * second on another day, and RFC 5905 has it announced for the month, not the day. */
enum packet_leap leap_vote(const uint8_t *leaps, size_t count, struct wall now);

/* 00:00 UTC after now; at midnight, the next one. */
struct wall leap_end_of_day(struct wall now);

/* A clock that does not stumble: unbroken counts on at midnight as if there were no leap second,
 * for good. What UTC shows then, as POSIX counts: an inserted second repeats 23:59:59, and of a
 * deleted one 23:59:59 is skipped. */
struct wall leap_utc(struct wall unbroken, struct wall midnight, enum packet_leap leap);

/* A linear smear from half a window before midnight to half a window after it, both as UTC shows
 * them (24 h, noon to noon, is common practice). Returns what is to be added to unbroken, as above,
 * for whoever is served: 0 before the window, -1 s (LEAP_INSERT) or 1 s (LEAP_DELETE) after it, as
 * UTC has it by then too. What is served is continuous and never goes back. */
int64_t leap_smear_ns(struct wall unbroken, struct wall midnight, enum packet_leap leap,
                      int64_t window_ns);
/* The rate of the same, in ppm of unbroken; 0 outside the window. */
double leap_smear_ppm(struct wall unbroken, struct wall midnight, enum packet_leap leap,
                      int64_t window_ns);
#endif
