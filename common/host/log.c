/* SPDX-License-Identifier: MIT */
#include "common/host/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* A line stays below PIPE_BUF (4096 octets), so that a pipe takes it whole or not at all. */
#define TEXT_MAX 1024
#define LINE_MAX_OCTETS (128 + 4 * TEXT_MAX / 2)

/* How long a line may wait for a slow reader. After the first loss lines no longer wait. */
#define WAIT_MS 20

/* The log is the process's, as stderr and syslog are: the one place where the programs keep state
 * outside a struct of the caller. */
static struct {
    pthread_mutex_t mutex;
    const char *program;
    enum log_level level;
    bool use_syslog;
    bool use_journal;
    unsigned lost;
} the_log = {.mutex = PTHREAD_MUTEX_INITIALIZER, .level = LOG_LEVEL_NOTICE};

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return "error";
    case LOG_LEVEL_WARNING:
        return "warning";
    case LOG_LEVEL_NOTICE:
        return "notice";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_DEBUG:
        return "debug";
    }
    return "notice";
}

static int level_priority(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return LOG_ERR;
    case LOG_LEVEL_WARNING:
        return LOG_WARNING;
    case LOG_LEVEL_NOTICE:
        return LOG_NOTICE;
    case LOG_LEVEL_INFO:
        return LOG_INFO;
    case LOG_LEVEL_DEBUG:
        return LOG_DEBUG;
    }
    return LOG_NOTICE;
}

/* The variable is inherited by programs whose stderr goes elsewhere: it names the device and inode
 * it is true for. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;
    if (stream == NULL || sscanf(stream, "%llu:%llu", &device, &inode) != 2 ||
        fstat(STDERR_FILENO, &status) != 0) {
        return false;
    }
    return device == (unsigned long long)status.st_dev &&
           inode == (unsigned long long)status.st_ino;
}

void log_open(const char *program, bool use_syslog, enum log_level level)
{
    pthread_mutex_lock(&the_log.mutex);
    the_log.program = program;
    the_log.level = level;
    the_log.use_syslog = use_syslog;
    the_log.use_journal = stderr_is_journal();
    if (use_syslog) {
        /* At once: later a sandbox or another user may stand in the way. */
        openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
    } else {
        closelog();
    }
    pthread_mutex_unlock(&the_log.mutex);
}

static bool is_control(const unsigned char *at)
{
    if (at[0] < 0x20 || at[0] == 0x7f) {
        return true;
    }
    /* U+0080 to U+009F, which terminals obey as well, in UTF-8. */
    return at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f;
}

/* Copies text, with control characters as \xNN: what came from a file or the network must not begin
 * a line of its own or drive a terminal. Cuts what does not fit. */
static size_t escape(const char *text, char *out, size_t room)
{
    size_t size = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at != 0; at++) {
        if (room - size < 5) {
            break;
        }
        if (is_control(at)) {
            size += (size_t)snprintf(out + size, room - size, "\\x%02x", *at);
        } else {
            out[size++] = (char)*at;
        }
    }
    out[size] = 0;
    return size;
}

/* "2026-03-01T12:00:00.123Z chimed: warning: ", or what the journal understands: it has its own
 * clock. */
static size_t write_prefix(enum log_level level, char *out, size_t room)
{
    if (the_log.use_journal) {
        return (size_t)snprintf(out, room, "<%d>", level_priority(level));
    }
    struct timespec now = {0};
    struct tm fields = {0};
    char date[40];
    clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &fields) == NULL ||
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &fields) == 0) {
        date[0] = 0;
    }
    const char *program = the_log.program;
    int size =
        snprintf(out, room, "%s.%03ldZ %.32s%s%s: ", date, now.tv_nsec / 1000000,
                 program != NULL ? program : "", program != NULL ? ": " : "", level_name(level));
    return size < 0 ? 0 : (size_t)size < room ? (size_t)size : room - 1;
}

/* A pipe nobody reads must not stop the daemon: so the line waits shortly, or is lost. */
static bool write_line(const char *line, size_t size)
{
    struct pollfd stream = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&stream, 1, the_log.lost > 0 ? 0 : WAIT_MS) == 0 ||
        (stream.revents & (POLLERR | POLLNVAL)) != 0) {
        return false;
    }
    ssize_t written;
    do {
        written = write(STDERR_FILENO, line, size);
    } while (written < 0 && errno == EINTR);
    return written >= 0;
}

static void write_stderr(enum log_level level, const char *text)
{
    char line[LINE_MAX_OCTETS];
    if (the_log.lost > 0) {
        size_t size = write_prefix(LOG_LEVEL_WARNING, line, sizeof(line));
        int more = snprintf(line + size, sizeof(line) - size,
                            "%u lines were lost: whoever reads this log could not keep up\n",
                            the_log.lost);
        if (!write_line(line, size + (size_t)more)) {
            the_log.lost++;
            return;
        }
        the_log.lost = 0;
    }
    size_t size = write_prefix(level, line, sizeof(line));
    size += escape(text, line + size, sizeof(line) - size - 1);
    line[size++] = '\n';
    if (!write_line(line, size)) {
        the_log.lost++;
    }
}

void log_message(enum log_level level, const char *format, ...)
{
    int saved_errno = errno;
    char text[TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (size < 0) {
        text[0] = 0;
    } else if ((size_t)size >= sizeof(text)) {
        memcpy(text + sizeof(text) - 4, "...", 4);
    }

    pthread_mutex_lock(&the_log.mutex);
    if (level > the_log.level) {
        /* Nobody asked for it. */
    } else if (the_log.use_syslog) {
        char escaped[LINE_MAX_OCTETS];
        escape(text, escaped, sizeof(escaped));
        syslog(level_priority(level), "%s", escaped);
    } else {
        write_stderr(level, text);
    }
    pthread_mutex_unlock(&the_log.mutex);
    errno = saved_errno;
}

bool log_limit_pass(struct log_limit *limit, int64_t now_ns)
{
    int64_t passed_ns = now_ns > limit->last_ns ? now_ns - limit->last_ns : 0;
    limit->last_ns = now_ns;
    limit->spent_ns = limit->spent_ns > passed_ns ? limit->spent_ns - passed_ns : 0;
    if (limit->spent_ns + limit->interval_ns > limit->interval_ns * (int64_t)limit->burst) {
        limit->refused++;
        return false;
    }
    limit->spent_ns += limit->interval_ns;
    limit->suppressed = limit->refused;
    limit->refused = 0;
    return true;
}
