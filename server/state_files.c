/* SPDX-License-Identifier: MIT */
#include "server/state_files.h"
#include "common/host/files.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX 4096
#define MODE 0644
#define SECONDS_MAX 9000000000ULL /* more does not fit in nanoseconds */
#define NUMBERS_MAX 2
#define DAY_NS (86400 * NS_PER_S)
/* 2026-01-01: no clock that was right has shown less, since this was written. */
#define OLDEST_NS (INT64_C(1767225600) * NS_PER_S)
#define NEWEST_NS (OLDEST_NS + 100 * 365 * DAY_NS)
/* What ntpd and chronyd found is good, but was not found by our filter, and is of another day. */
#define IMPORTED_SD_PPM 0.1
#define NTPD_SD_PPM 1.0

/* What others leave. chronyd writes how much the clock gains when it is left alone, and how sure it
 * is of that; ntpd what it gives the kernel to make up for it: the signs differ. */
struct import {
    const char *path;
    double sign;
    size_t numbers;
};

static const struct import imports[] = {{"/var/lib/chrony/drift", -1, 2},
                                        {"/var/lib/chrony/chrony.drift", -1, 2},
                                        {"/var/lib/ntpsec/ntp.drift", 1, 1},
                                        {"/var/lib/ntp/ntp.drift", 1, 1},
                                        {"/var/lib/ntp/drift", 1, 1}};

__attribute__((format(printf, 2, 3))) static void warn(const struct state_files *files,
                                                       const char *format, ...)
{
    char sentence[STATE_FILES_ERROR_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    files->warn(files->context, sentence);
}

static bool has_folder(const struct state_files *files)
{
    return files->folder != NULL && files->folder[0] != 0;
}

static bool make_path(const struct state_files *files, const char *name, char path[PATH_MAX])
{
    int size = snprintf(path, PATH_MAX, "%s/%s", files->folder, name);
    return size > 0 && size < PATH_MAX;
}

/* Reads exactly so many numbers, and nothing else, from text. */
static bool parse_numbers(const char *text, size_t count, double *numbers)
{
    for (size_t i = 0; i < count; i++) {
        char *end;
        numbers[i] = strtod(text, &end);
        if (end == text || !isfinite(numbers[i])) {
            return false;
        }
        text = end;
    }
    return text[strspn(text, " \t\r\n")] == 0;
}

/* The numbers' line, if the first one says "chimed NAME 1". */
static const char *body_of(const char *text, const char *name)
{
    char title[64];
    int size = snprintf(title, sizeof(title), "chimed %s 1\n", name);
    return strncmp(text, title, (size_t)size) == 0 ? text + size : NULL;
}

/* The text of a file of ours (malloc'd), or NULL: warned unless it is just not there. */
static char *read_own(const struct state_files *files, const char *name, char path[PATH_MAX],
                      int *status)
{
    char *text = NULL;
    *status = !has_folder(files)              ? -ENOENT
              : !make_path(files, name, path) ? -ENAMETOOLONG
                                              : files_read_text(path, TEXT_MAX, &text);
    if (*status != 0 && *status != -ENOENT) {
        warn(files, "%s/%s can't be read: %s; going on without it", files->folder, name,
             *status == -EINVAL ? "it is no text" : strerror(-*status));
    }
    return *status == 0 ? text : NULL;
}

static int64_t date_of(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return 0;
    }
    return (int64_t)status.st_mtim.tv_sec * NS_PER_S + status.st_mtim.tv_nsec;
}

/* "SECONDS.NANOSECONDS", without a detour over floating point. */
static bool parse_time(const char *text, struct wall *time)
{
    unsigned long long seconds;
    char fraction[10];
    int used = 0;
    if (strspn(text, "0123456789") > 10 || text[0] < '0' || text[0] > '9' ||
        sscanf(text, "%10llu.%9[0-9]%n", &seconds, fraction, &used) != 2 || strlen(fraction) != 9 ||
        seconds > SECONDS_MAX || text[used + (int)strspn(text + used, " \t\r\n")] != 0) {
        return false;
    }
    time->ns = (int64_t)seconds * NS_PER_S + strtol(fraction, NULL, 10);
    return true;
}

bool state_files_read_time(const struct state_files *files, struct wall now, struct wall *time)
{
    char path[PATH_MAX];
    int status;
    char *text = read_own(files, "time", path, &status);
    if (text == NULL) {
        return false;
    }
    struct wall saved = {0};
    const char *body = body_of(text, "time");
    bool is_sound = body != NULL && parse_time(body, &saved);
    free(text);
    if (!is_sound || saved.ns < OLDEST_NS) {
        warn(files, "%s does not hold a time as chimed writes it; ignored until it is written anew",
             path);
        return false;
    }
    /* Where the clock is not set at boot, the file's date tells what it showed when it was right;
     * unless we did not set it either. */
    int64_t date_ns = date_of(path);
    int64_t latest_ns = date_ns < OLDEST_NS ? NEWEST_NS : date_ns;
    latest_ns = now.ns > latest_ns ? now.ns : latest_ns;
    if (saved.ns > latest_ns + DAY_NS || saved.ns > NEWEST_NS) {
        warn(files, "%s holds a time that has not come yet; ignored until it is written anew",
             path);
        return false;
    }
    *time = saved;
    return true;
}

static bool is_plausible(double rate_ppm, double sd_ppm)
{
    return fabs(rate_ppm) <= STATE_FILES_RATE_PPM_MAX && sd_ppm >= 0 &&
           sd_ppm <= STATE_FILES_RATE_PPM_MAX;
}

static bool is_of_the_future(const char *path, struct wall now)
{
    return date_of(path) > now.ns + DAY_NS;
}

static bool read_import(const struct state_files *files, const struct import *import,
                        struct state_rate *rate)
{
    char path[PATH_MAX];
    char *text;
    double numbers[NUMBERS_MAX] = {0, NTPD_SD_PPM};
    snprintf(path, sizeof(path), "%s%s", files->root != NULL ? files->root : "", import->path);
    int status = files_read_text(path, TEXT_MAX, &text);
    if (status == -ENOENT || status == -EACCES || status == -ENOTDIR) {
        return false; /* it is not ours to complain of */
    }
    bool is_sound = status == 0 && parse_numbers(text, import->numbers, numbers) &&
                    is_plausible(numbers[0], numbers[1]);
    if (status == 0) {
        free(text);
    }
    if (!is_sound) {
        warn(files, "%s holds no rate of a clock that is to be believed; ignored", path);
        return false;
    }
    *rate = (struct state_rate){.rate_ppm = import->sign * numbers[0],
                                .rate_sd_ppm = fmax(numbers[1], IMPORTED_SD_PPM)};
    snprintf(rate->origin, sizeof(rate->origin), "%.*s", STATE_FILES_NAME_MAX - 1, path);
    return true;
}

static bool read_imports(const struct state_files *files, struct state_rate *rate)
{
    for (size_t i = 0; i < sizeof(imports) / sizeof(imports[0]); i++) {
        if (read_import(files, &imports[i], rate)) {
            return true;
        }
    }
    return false;
}

bool state_files_read_rate(const struct state_files *files, struct wall now,
                           struct state_rate *rate)
{
    char path[PATH_MAX];
    int status;
    char *text = read_own(files, "drift", path, &status);
    if (text == NULL) {
        return status == -ENOENT && read_imports(files, rate);
    }
    double numbers[NUMBERS_MAX];
    const char *body = body_of(text, "drift");
    bool is_sound = body != NULL && parse_numbers(body, NUMBERS_MAX, numbers);
    free(text);
    if (!is_sound || !is_plausible(numbers[0], numbers[1])) {
        warn(files,
             "%s does not hold the rate of a clock as chimed writes it (two numbers, of at "
             "most %.0f ppm); ignored until it is written anew",
             path, STATE_FILES_RATE_PPM_MAX);
        return false;
    }
    if (is_of_the_future(path, now)) {
        warn(files, "%s is dated in the future; ignored until it is written anew", path);
        return false;
    }
    *rate = (struct state_rate){.rate_ppm = numbers[0], .rate_sd_ppm = numbers[1]};
    snprintf(rate->origin, sizeof(rate->origin), "%.*s", STATE_FILES_NAME_MAX - 1, path);
    return true;
}

/* What to do about it. */
static const char *advice(int status)
{
    switch (status) {
    case -ENOENT:
        return "make the folder, or name another as state-dir in [clock]";
    case -EACCES:
    case -EPERM:
    case -EROFS:
        return "let the daemon's user write there, or name another folder as state-dir in [clock]";
    case -ENOSPC:
    case -EDQUOT:
        return "make room";
    default:
        return "see what is wrong with the disk";
    }
}

static bool write_own(const struct state_files *files, const char *name, const char *numbers,
                      char error[STATE_FILES_ERROR_MAX])
{
    char path[PATH_MAX];
    char text[TEXT_MAX];
    if (!has_folder(files)) {
        snprintf(error, STATE_FILES_ERROR_MAX, "no state-dir is set in [clock]: nothing is kept");
        return false;
    }
    int size = snprintf(text, sizeof(text), "chimed %s 1\n%s\n", name, numbers);
    int status = make_path(files, name, path) ? files_write(path, text, (size_t)size, MODE, false)
                                              : -ENAMETOOLONG;
    if (status != 0) {
        snprintf(error, STATE_FILES_ERROR_MAX, "can't write %s/%s: %s; %s", files->folder, name,
                 strerror(-status), advice(status));
    }
    return status == 0;
}

bool state_files_save(const struct state_files *files, const struct action_save *save,
                      char error[STATE_FILES_ERROR_MAX])
{
    char numbers[128];
    if (save->what == SAVED_TIME) {
        snprintf(numbers, sizeof(numbers), "%lld.%09lld", (long long)(save->time.ns / NS_PER_S),
                 (long long)(save->time.ns % NS_PER_S));
        return write_own(files, "time", numbers, error);
    }
    if (!isfinite(save->rate_ppm) || !is_plausible(save->rate_ppm, save->rate_sd_ppm)) {
        snprintf(error, STATE_FILES_ERROR_MAX,
                 "a rate of %+.3f ppm is not kept: no oscillator is further off than %.0f ppm",
                 save->rate_ppm, STATE_FILES_RATE_PPM_MAX);
        return false;
    }
    snprintf(numbers, sizeof(numbers), "%+.6f %.6f", save->rate_ppm, save->rate_sd_ppm);
    return write_own(files, "drift", numbers, error);
}

bool state_files_mark(const struct state_files *files, double rate_ppm,
                      char error[STATE_FILES_ERROR_MAX])
{
    char numbers[64];
    snprintf(numbers, sizeof(numbers), "%+.6f", isfinite(rate_ppm) ? rate_ppm : 0);
    return write_own(files, "steering", numbers, error);
}

void state_files_unmark(const struct state_files *files)
{
    char path[PATH_MAX];
    if (has_folder(files) && make_path(files, "steering", path)) {
        (void)unlink(path);
    }
}

bool state_files_find_mark(const struct state_files *files, double *rate_ppm)
{
    char path[PATH_MAX];
    int status;
    double found = 0;
    char *text = read_own(files, "steering", path, &status);
    if (text == NULL) {
        return false;
    }
    /* Whatever it says, somebody was killed: without a rate that is to be believed it is 0. */
    const char *body = body_of(text, "steering");
    if (body == NULL || !parse_numbers(body, 1, &found) || !is_plausible(found, 0)) {
        warn(files, "%s is damaged: the clock's rate is taken for 0 ppm", path);
        found = 0;
    }
    free(text);
    *rate_ppm = found;
    return true;
}
