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

/* Reads the IERS/NIST list as tzdata installs it (leap-seconds.list; text is NUL-terminated). Its
 * "#h" hash is not checked; order and steps of one second are. False, and a sentence in error. */
bool leap_table_parse(const char *text, struct leap_table *table,
                      char error[LEAP_ERROR_MAX]) MUST_CHECK;
/* TAI - UTC at now, 0 if the table does not say (before its first entry, after its expiry). */
int leap_tai_offset(const struct leap_table *table, struct wall now);
/* Whether a leap second comes at the end of now's UTC day. False, and *leap untouched, where the
 * table does not say. */
bool leap_table_pending(const struct leap_table *table, struct wall now,
                        enum packet_leap *leap) MUST_CHECK;

/* What a strict majority of the sources that are used announces; leap seconds only come at the end
 * of June and December (others are not believed from sources), and one is announced for at most the
 * month before. */
enum packet_leap leap_vote(const uint8_t *leaps, size_t count, struct wall now);

/* 00:00 UTC after now. */
struct wall leap_end_of_day(struct wall now);

/* A linear smear over window_ns, centred on midnight (24 h, noon to noon, is common practice). What
 * is to be added to UTC for whoever is served; anchor is the midnight of a leap second, and leap
 * its sign. now counts without the leap second until the midnight itself and from there on as POSIX
 * does, so that the sum has no jump. */
int64_t leap_smear_ns(struct wall now, struct wall midnight, enum packet_leap leap,
                      int64_t window_ns);
/* The rate of the same at now, in ppm. */
double leap_smear_ppm(struct wall now, struct wall midnight, enum packet_leap leap,
                      int64_t window_ns);
#endif
