/* SPDX-License-Identifier: MIT */
/* log.h - one line per message, to stderr or syslog. Safe in any thread once opened. */
#ifndef COMMON_HOST_LOG_H
#define COMMON_HOST_LOG_H
#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

/* Before the first call: stderr, notice, no program name. Lines on stderr carry the sd-daemon
 * prefix ("<4>") where a journal reads them (JOURNAL_STREAM), else "2026-03-01T12:00:00.123Z
 * chimed: warning: …". program lives on. */
void log_open(const char *program, bool use_syslog, enum log_level level);
/* One line, without its newline; control characters are escaped, what is longer than 1 KiB is cut.
 * A line that stderr does not take within 20 ms is lost, and counted in the next. Keeps errno. */
void log_message(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A line that a packet can cause goes through one of these: at most `burst` at once and one per
 * interval in the long run. Set interval_ns and burst (at least 1), the rest zero. Not thread-safe.
 */
struct log_limit {
    int64_t interval_ns;
    unsigned burst;
    int64_t spent_ns; /* how much of burst * interval_ns is used up */
    int64_t last_ns;
    uint64_t refused; /* since the last line that passed */
    /* How many were left out before the line that just passed: for that line to say. */
    uint64_t suppressed;
};
bool log_limit_pass(struct log_limit *limit, int64_t now_ns);
#endif
