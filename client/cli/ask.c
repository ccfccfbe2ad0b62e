/* SPDX-License-Identifier: MIT */
#include "client/cli/ask.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROOM_START ((size_t)16 << 10)
#define RUN_PATH "/run/chimed/chimed.sock"

static void add_place(struct ask *ask, const char *folder, const char *name)
{
    struct ask_place *place = &ask->places[ask->place_count++];
    int size = snprintf(place->path, sizeof(place->path), "%s%s", folder, name);
    place->status = size < 0 || (size_t)size >= sizeof(place->path) ? -ENAMETOOLONG : 0;
}

static void find_places(struct ask *ask, const char *path)
{
    const char *named = path != NULL ? path : getenv("CHIMED_SOCKET");
    const char *folder = getenv("XDG_RUNTIME_DIR");
    if (named != NULL && named[0] != '\0') {
        add_place(ask, named, "");
        return;
    }
    add_place(ask, RUN_PATH, "");
    if (folder != NULL && folder[0] == '/') {
        add_place(ask, folder, "/chimed.sock");
    }
}

/* Why not, and what to do: by the most telling of the refusals. */
static void explain(const struct ask *ask, char *error)
{
    const struct ask_place *denied = NULL;
    int used = snprintf(error, ASK_ERROR_MAX, "no chimed answers");
    for (size_t i = 0; i < ask->place_count && used < ASK_ERROR_MAX; i++) {
        const struct ask_place *place = &ask->places[i];
        const char *why = place->status == -ECONNREFUSED
                              ? "nobody listens there any more: it ended without tidying up"
                              : strerror(-place->status);
        used += snprintf(error + used, (size_t)(ASK_ERROR_MAX - used), "%s%s (%s)",
                         i == 0 ? " at " : ", nor at ", place->path, why);
        denied = place->status == -EACCES ? place : denied;
    }
    if (used >= ASK_ERROR_MAX) {
        return;
    }
    if (denied != NULL) {
        snprintf(error, ASK_ERROR_MAX,
                 "uid %u may not ask chimed at %s: only its user and the members of its group may; "
                 "'ls -l %s' shows who that is, 'sudo chime ...' asks as root",
                 (unsigned)geteuid(), denied->path, denied->path);
        return;
    }
    snprintf(error + used, (size_t)(ASK_ERROR_MAX - used),
             ". Start it with 'systemctl start chimed' or 'chimed --config FILE', or name its "
             "socket ('socket' in [control]) with --socket PATH");
}

bool ask_open(struct ask *ask, const char *path, char error[ASK_ERROR_MAX])
{
    struct ask found = {.fd = -1};
    find_places(&found, path);
    for (size_t i = 0; i < found.place_count && found.fd < 0; i++) {
        struct ask_place *place = &found.places[i];
        if (place->status == 0) {
            place->status = stream_socket_connect(place->path);
        }
        if (place->status >= 0) {
            found.fd = place->status;
            place->status = 0;
            found.place_count = i + 1;
        }
    }
    *ask = found;
    if (ask->fd < 0) {
        explain(ask, error);
    }
    return ask->fd >= 0;
}

void ask_close(struct ask *ask)
{
    if (ask->fd >= 0) {
        close(ask->fd);
    }
    ask->fd = -1;
    free(ask->buffer);
    ask->buffer = NULL;
}

const char *ask_path(const struct ask *ask)
{
    return ask->place_count > 0 ? ask->places[ask->place_count - 1].path : "";
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* False when the time is over. */
static bool wait_for(int fd, short events, int64_t deadline_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    int64_t left_ms = deadline_ms - now_ms();
    int status = left_ms > 0 ? poll(&poll_fd, 1, (int)left_ms) : 0;
    return status > 0 || (status < 0 && errno == EINTR);
}

bool ask_send(struct ask *ask, const char *request, char error[ASK_ERROR_MAX])
{
    char line[512];
    int length = snprintf(line, sizeof(line), "%s\n", request);
    if (length < 0 || (size_t)length >= sizeof(line) || strchr(request, '\n') != NULL) {
        snprintf(error, ASK_ERROR_MAX, "the request is no line of less than %zu octets",
                 sizeof(line));
        return false;
    }
    int64_t deadline_ms = now_ms() + ASK_TIMEOUT_MS;
    size_t sent = 0;
    while (sent < (size_t)length) {
        int status = stream_socket_write(ask->fd, line + sent, (size_t)length - sent);
        if (status < 0 || (status == 0 && !wait_for(ask->fd, POLLOUT, deadline_ms))) {
            snprintf(error, ASK_ERROR_MAX, "chimed at %s takes no request: %s", ask_path(ask),
                     status < 0 ? strerror(-status) : "it does not read");
            return false;
        }
        sent += (size_t)status;
    }
    return true;
}

static bool make_room(struct ask *ask)
{
    if (ask->room - ask->used >= 2) {
        return true;
    }
    size_t room = ask->room == 0 ? ROOM_START : ask->room * 2;
    char *buffer = room <= ASK_LINE_MAX ? realloc(ask->buffer, room) : NULL;
    if (buffer == NULL) {
        return false;
    }
    ask->buffer = buffer;
    ask->room = room;
    return true;
}

static void drop_line(struct ask *ask)
{
    if (ask->end > 0) {
        ask->used -= ask->end;
        memmove(ask->buffer, ask->buffer + ask->end, ask->used);
        ask->end = 0;
    }
}

static const char *take_line(struct ask *ask)
{
    char *newline = ask->used > 0 ? memchr(ask->buffer, '\n', ask->used) : NULL;
    if (newline == NULL) {
        return NULL;
    }
    *newline = '\0';
    ask->end = (size_t)(newline - ask->buffer) + 1;
    return ask->buffer;
}

const char *ask_receive(struct ask *ask, int timeout_ms, char error[ASK_ERROR_MAX])
{
    int64_t deadline_ms = now_ms() + timeout_ms;
    drop_line(ask);
    const char *line;
    while ((line = take_line(ask)) == NULL) {
        if (!make_room(ask)) {
            snprintf(error, ASK_ERROR_MAX, "the answer of %s is too long to be chimed's",
                     ask_path(ask));
            return NULL;
        }
        int received =
            stream_socket_read_line(ask->fd, ask->buffer + ask->used, ask->room - ask->used - 1);
        if (received < 0) {
            snprintf(error, ASK_ERROR_MAX, "chimed at %s closed the connection without an answer%s",
                     ask_path(ask), received == -EPIPE ? "" : " (an error)");
            return NULL;
        }
        if (received == 0 && timeout_ms == 0) {
            error[0] = '\0';
            return NULL;
        }
        if (received == 0 && !wait_for(ask->fd, POLLIN, deadline_ms)) {
            snprintf(error, ASK_ERROR_MAX,
                     "chimed at %s gave no answer within %d s: is it stopped? 'ps -C chimed' shows "
                     "its state",
                     ask_path(ask), timeout_ms / 1000);
            return NULL;
        }
        ask->used += (size_t)received;
    }
    return line;
}
