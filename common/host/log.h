/* SPDX-License-Identifier: MIT */
/* log.h - one line per message, to stderr or syslog. Safe in any thread once opened. */
#ifndef COMMON_HOST_LOG_H
#define COMMON_HOST_LOG_H
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Before the first call: stderr, notice. Lines on stderr carry the sd-daemon prefix ("<4>") where a journal reads
 * them (JOURNAL_STREAM), else "chimed: warning: …". */
void log_open(const char *program, bool use_syslog, enum log_level level);
void log_message(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line that a packet can cause goes through one of these: at most `burst` at once and one per interval in the long
 * run; how many were left out is said with the next. Zeroed at the start; not thread-safe. */
struct log_limit {
    int64_t interval_ns;
    unsigned burst;
    int64_t tokens_ns;
    int64_t last_ns;
    uint64_t suppressed;
};
bool log_limit_pass(struct log_limit *limit, int64_t now_ns);
#endif
