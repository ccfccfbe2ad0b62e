/* SPDX-License-Identifier: MIT */
#include "server/journal.h"
#include "common/host/log.h"
#include "server/journal_line.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0644
#define PATH_ROOM 4096

struct file {
    const char *key;    /* "[log] tracking" */
    const char *header; /* constant */
    char path[PATH_ROOM];
    int fd;          /* -1: not open */
    bool has_warned; /* of what it refuses now */
    uint64_t lost;   /* lines, since then */
};

struct journal {
    const struct clock *clock;
    const struct node *node;
    uv_timer_t second;
    struct file tracking;
    struct file measurements;
};

static void close_file(struct file *file)
{
    if (file->fd >= 0) {
        close(file->fd);
        file->fd = -1;
    }
}

static void complain(struct file *file, int error)
{
    file->lost++;
    if (!file->has_warned) {
        file->has_warned = true;
        log_message(LOG_LEVEL_WARNING,
                    "%s: nothing can be written to %s: %s; going on without, and trying again",
                    file->key, file->path, strerror(error));
    }
}

/* All of it or nothing: a part that a full disk took is taken back, so that the next line begins a
 * line. 0 or an errno. */
static int write_whole(const struct file *file, const char *text, size_t size)
{
    struct stat status;
    off_t before = fstat(file->fd, &status) == 0 && S_ISREG(status.st_mode) ? status.st_size : -1;
    ssize_t written;
    do {
        written = write(file->fd, text, size);
    } while (written < 0 && errno == EINTR);
    if (written == (ssize_t)size) {
        return 0;
    }
    int error = written < 0 ? errno : ENOSPC;
    if (written > 0 && before >= 0 && ftruncate(file->fd, before) != 0) {
        /* Then a torn line stays; its fields are too few, which a reader sees. */
        (void)!write(file->fd, "\n", 1);
    }
    return error;
}

/* 0 or an errno. A file that is new, or empty, begins with its header. */
static int open_file(struct file *file)
{
    /* Not waiting: it may be a pipe that nobody reads. */
    int fd = open(file->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                  FILE_MODE);
    if (fd < 0) {
        return errno;
    }
    struct stat status;
    file->fd = fd;
    bool is_new = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0;
    int error = is_new ? write_whole(file, file->header, strlen(file->header)) : 0;
    if (error != 0) {
        close_file(file);
    }
    return error;
}

static void append_line(struct file *file, const char *text, size_t size)
{
    int error = file->fd < 0 ? open_file(file) : 0;
    error = error != 0 ? error : write_whole(file, text, size);
    if (error != 0) {
        /* Opened anew, it may lie elsewhere. */
        close_file(file);
        complain(file, error);
    } else if (file->has_warned) {
        log_message(LOG_LEVEL_NOTICE, "%s: %s can be written again; %llu lines are missing",
                    file->key, file->path, (unsigned long long)file->lost);
        file->has_warned = false;
        file->lost = 0;
    }
}

void journal_measured(struct journal *journal, const struct measurement *measurement)
{
    if (journal->measurements.path[0] == '\0') {
        return;
    }
    char line[JOURNAL_LINE_MAX];
    struct reading shown = sync_clock(node_sync(journal->node), measurement->at);
    /* A source is compared with the system clock, which in shadow mode is not ours. */
    struct measurement ours = *measurement;
    ours.offset_ns += measurement->at.wall.ns - shown.wall.ns;
    size_t size = journal_line_measurement(&ours, shown.wall, line);
    append_line(&journal->measurements, line, size);
}

static void on_second(uv_timer_t *timer);

/* At the next full second of our clock. */
static void set_timer(struct journal *journal, struct wall shown)
{
    int64_t into_ns = ((shown.ns % NS_PER_S) + NS_PER_S) % NS_PER_S;
    uint64_t wait_ms = (uint64_t)((NS_PER_S - into_ns) / NS_PER_MS) + 1;
    uv_update_time(journal->second.loop);
    (void)uv_timer_start(&journal->second, on_second, wait_ms, 0);
}

static void on_second(uv_timer_t *timer)
{
    struct journal *journal = timer->data;
    char line[JOURNAL_LINE_MAX];
    struct status status;
    struct reading now = clock_read(journal->clock);
    sync_status(node_sync(journal->node), now, &status);
    append_line(&journal->tracking, line, journal_line_tracking(&status, now.wall, line));
    set_timer(journal, status.now.wall);
}

static void configure(struct file *file, const char *path)
{
    close_file(file);
    snprintf(file->path, sizeof(file->path), "%s", path);
    file->has_warned = false;
    file->lost = 0;
    if (path[0] != '\0') {
        int error = open_file(file);
        if (error != 0) {
            complain(file, error);
            file->lost = 0;
        }
    }
}

void journal_configure(struct journal *journal, const char *tracking, const char *measurements)
{
    configure(&journal->tracking, tracking);
    configure(&journal->measurements, measurements);
    (void)uv_timer_stop(&journal->second);
    if (tracking[0] != '\0') {
        struct reading now = clock_read(journal->clock);
        set_timer(journal, sync_clock(node_sync(journal->node), now).wall);
    }
}

struct journal *journal_create(uv_loop_t *loop, const struct clock *clock, const struct node *node)
{
    struct journal *journal = calloc(1, sizeof(*journal));
    if (journal == NULL) {
        return NULL;
    }
    journal->clock = clock;
    journal->node = node;
    journal->tracking =
        (struct file){.key = "[log] tracking", .header = journal_line_tracking_header(), .fd = -1};
    journal->measurements = (struct file){
        .key = "[log] measurements", .header = journal_line_measurements_header(), .fd = -1};
    (void)uv_timer_init(loop, &journal->second);
    journal->second.data = journal;
    return journal;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void journal_destroy(struct journal *journal)
{
    if (journal != NULL) {
        close_file(&journal->tracking);
        close_file(&journal->measurements);
        uv_close((uv_handle_t *)&journal->second, on_closed);
    }
}
