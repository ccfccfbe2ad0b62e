/* SPDX-License-Identifier: MIT */
#include "common/base/instant.h"
#include "common/host/log.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUTPUT_MAX 65536

/* Stands in for stderr: what is logged can be read from it. */
struct capture {
    int saved;
    int reader;
};

static struct capture capture_start(void)
{
    int ends[2];
    struct capture capture = {.saved = dup(STDERR_FILENO)};
    CU_ASSERT_FATAL(capture.saved >= 0 && pipe(ends) == 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    capture.reader = ends[0];
    return capture;
}

/* Returns to the true stderr and hands over what was written, NUL-terminated. */
static size_t capture_end(struct capture *capture, char *out, size_t room)
{
    dup2(capture->saved, STDERR_FILENO);
    close(capture->saved);
    size_t size = 0;
    ssize_t got;
    while (size < room - 1 && (got = read(capture->reader, out + size, room - 1 - size)) > 0) {
        size += (size_t)got;
    }
    out[size] = 0;
    close(capture->reader);
    return size;
}

static void writes_one_line_with_time_program_and_level(void)
{
    char out[1024];
    unsetenv("JOURNAL_STREAM");
    struct capture capture = capture_start();
    log_open("chimed", false, LOG_LEVEL_NOTICE);
    errno = EDOM;
    log_message(LOG_LEVEL_WARNING, "port %d is taken", 123);
    int error = errno;
    capture_end(&capture, out, sizeof(out));
    CU_ASSERT_EQUAL(error, EDOM);
    int year, month, day, hour, minute, second, ms, end = 0;
    CU_ASSERT_EQUAL(sscanf(out, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour,
                           &minute, &second, &ms, &end),
                    7);
    CU_ASSERT_EQUAL(end, (int)strlen("2026-03-01T12:00:00.123Z "));
    CU_ASSERT_STRING_EQUAL(out + end, "chimed: warning: port 123 is taken\n");
}

static void leaves_out_what_is_below_the_level(void)
{
    char out[1024];
    struct capture capture = capture_start();
    log_open("chimed", false, LOG_LEVEL_WARNING);
    log_message(LOG_LEVEL_NOTICE, "not this");
    log_message(LOG_LEVEL_DEBUG, "nor this");
    log_message(LOG_LEVEL_ERROR, "but this");
    capture_end(&capture, out, sizeof(out));
    CU_ASSERT_PTR_NULL(strstr(out, "not this"));
    CU_ASSERT_PTR_NULL(strstr(out, "nor this"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "chimed: error: but this\n"));
}

static void speaks_to_a_journal_only_where_it_reads(void)
{
    char out[1024];
    char stream[64];
    struct stat status;
    struct capture capture = capture_start();
    CU_ASSERT_EQUAL_FATAL(fstat(STDERR_FILENO, &status), 0);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_open("chimed", false, LOG_LEVEL_NOTICE);
    log_message(LOG_LEVEL_WARNING, "a");
    log_message(LOG_LEVEL_NOTICE, "b");
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino + 1);
    setenv("JOURNAL_STREAM", stream, 1);
    log_open("chimed", false, LOG_LEVEL_NOTICE);
    log_message(LOG_LEVEL_ERROR, "c");
    capture_end(&capture, out, sizeof(out));
    unsetenv("JOURNAL_STREAM");
    CU_ASSERT_NSTRING_EQUAL(out, "<4>a\n<5>b\n2", 11);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "Z chimed: error: c\n"));
}

static void escapes_control_characters(void)
{
    char out[1024];
    struct capture capture = capture_start();
    log_open("chimed", false, LOG_LEVEL_NOTICE);
    log_message(LOG_LEVEL_ERROR, "%s", "a\nb\x1b[2Jc\x7f\xc2\x9b é");
    capture_end(&capture, out, sizeof(out));
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "error: a\\x0ab\\x1b[2Jc\\x7f\\xc2\x9b é\n"));
    CU_ASSERT_PTR_EQUAL(strchr(out, '\n'), out + strlen(out) - 1);
}

static void cuts_long_lines(void)
{
    char text[9000];
    char out[20000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    struct capture capture = capture_start();
    log_open("chimed", false, LOG_LEVEL_NOTICE);
    log_message(LOG_LEVEL_ERROR, "%s", text);
    memset(text, '\n', sizeof(text) - 1);
    log_message(LOG_LEVEL_ERROR, "%s", text);
    size_t size = capture_end(&capture, out, sizeof(out));
    CU_ASSERT_TRUE(size > 2000 && size < 2 * 4096);
    char *end = strchr(out, '\n');
    CU_ASSERT_PTR_NOT_NULL_FATAL(end);
    CU_ASSERT_NSTRING_EQUAL(end - 4, "x...", 4);
    CU_ASSERT_EQUAL(out[size - 1], '\n');
    CU_ASSERT_PTR_EQUAL(strchr(end + 1, '\n'), out + size - 1);
}

static void survives_a_closed_pipe_and_says_what_was_lost(void)
{
    char out[1024];
    struct capture capture = capture_start();
    log_open("chimed", false, LOG_LEVEL_NOTICE);
    close(capture.reader);
    /* No reader: neither a signal nor a stop. */
    log_message(LOG_LEVEL_ERROR, "nobody reads this");
    log_message(LOG_LEVEL_ERROR, "nor this");
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    capture.reader = ends[0];
    log_message(LOG_LEVEL_ERROR, "here again");
    capture_end(&capture, out, sizeof(out));
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "warning: 2 lines were lost"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "error: here again\n"));
}

static void does_not_wait_for_a_full_pipe(void)
{
    char block[4096] = {0};
    char out[OUTPUT_MAX * 4];
    struct capture capture = capture_start();
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
    memset(block, '.', sizeof(block));
    while (write(STDERR_FILENO, block, sizeof(block)) > 0) {
    }
    fcntl(STDERR_FILENO, F_SETFL, flags);
    log_open("chimed", false, LOG_LEVEL_NOTICE);
    for (int i = 0; i < 1000; i++) {
        log_message(LOG_LEVEL_ERROR, "line %d", i);
    }
    size_t size = capture_end(&capture, out, sizeof(out));
    CU_ASSERT_TRUE(size > 0);
    CU_ASSERT_PTR_NULL(strstr(out, "line"));
    /* The count is told once somebody reads again. */
    capture = capture_start();
    log_message(LOG_LEVEL_ERROR, "after");
    capture_end(&capture, out, sizeof(out));
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "1000 lines were lost"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "after"));
}

static void *log_many(void *context)
{
    for (int i = 0; i < 100; i++) {
        log_message(LOG_LEVEL_ERROR, "thread %s line %d end", (const char *)context, i);
    }
    return NULL;
}

static void keeps_lines_of_threads_apart(void)
{
    char out[OUTPUT_MAX];
    pthread_t threads[4];
    char names[4][2] = {"a", "b", "c", "d"};
    struct capture capture = capture_start();
    log_open("chimed", false, LOG_LEVEL_NOTICE);
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, log_many, names[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    capture_end(&capture, out, sizeof(out));
    int lines = 0;
    for (char *line = strtok(out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char thread;
        int number, end = 0;
        CU_ASSERT_EQUAL(
            sscanf(line, "%*s chimed: error: thread %c line %d end%n", &thread, &number, &end), 2);
        CU_ASSERT_EQUAL(end, (int)strlen(line));
        lines++;
    }
    CU_ASSERT_EQUAL(lines, 400);
}

static void limit_passes_a_burst_then_one_per_interval(void)
{
    struct log_limit limit = {.interval_ns = 10 * NS_PER_S, .burst = 3};
    const int64_t start_ns = 1000 * NS_PER_S;
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(log_limit_pass(&limit, start_ns));
        CU_ASSERT_EQUAL(limit.suppressed, 0);
    }
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_FALSE(log_limit_pass(&limit, start_ns + 9 * NS_PER_S));
    }
    CU_ASSERT_TRUE(log_limit_pass(&limit, start_ns + 10 * NS_PER_S));
    CU_ASSERT_EQUAL(limit.suppressed, 5);
    CU_ASSERT_FALSE(log_limit_pass(&limit, start_ns + 10 * NS_PER_S));
    CU_ASSERT_TRUE(log_limit_pass(&limit, start_ns + 20 * NS_PER_S));
    CU_ASSERT_EQUAL(limit.suppressed, 1);
    /* A long silence earns a burst, no more. */
    int passed = 0;
    for (int i = 0; i < 10; i++) {
        passed += log_limit_pass(&limit, start_ns + 100000 * NS_PER_S) ? 1 : 0;
    }
    CU_ASSERT_EQUAL(passed, 3);
}

static void limit_survives_a_clock_that_goes_back(void)
{
    struct log_limit limit = {.interval_ns = NS_PER_S, .burst = 1};
    CU_ASSERT_TRUE(log_limit_pass(&limit, 5 * NS_PER_S));
    CU_ASSERT_FALSE(log_limit_pass(&limit, 4 * NS_PER_S));
    CU_ASSERT_TRUE(log_limit_pass(&limit, 5 * NS_PER_S));
}

static const struct unit_case cases[] = {
    {"writes one line with time, program and level", writes_one_line_with_time_program_and_level},
    {"leaves out what is below the level", leaves_out_what_is_below_the_level},
    {"speaks to a journal only where it reads", speaks_to_a_journal_only_where_it_reads},
    {"escapes control characters", escapes_control_characters},
    {"cuts long lines", cuts_long_lines},
    {"survives a closed pipe and says what was lost",
     survives_a_closed_pipe_and_says_what_was_lost},
    {"does not wait for a full pipe", does_not_wait_for_a_full_pipe},
    {"keeps the lines of threads apart", keeps_lines_of_threads_apart},
    {"limit: a burst, then one per interval", limit_passes_a_burst_then_one_per_interval},
    {"limit: a clock that goes back", limit_survives_a_clock_that_goes_back},
};
UNIT_MAIN("log", cases)
