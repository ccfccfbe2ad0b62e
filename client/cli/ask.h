/* SPDX-License-Identifier: MIT */
/* ask.h - the running daemon, asked over its Unix socket: a line there, a line back. */
#ifndef CLIENT_CLI_ASK_H
#define CLIENT_CLI_ASK_H
#include "common/host/stream_socket.h"

#define ASK_ERROR_MAX 1024
#define ASK_LINE_MAX ((size_t)4 << 20)
#define ASK_TIMEOUT_MS 5000
#define ASK_PLACES_MAX 2

/* Where the daemon was looked for, and what came of it: 0 or a negative errno. */
struct ask_place {
    char path[STREAM_SOCKET_PATH_MAX];
    int status;
};

struct ask {
    int fd; /* -1: not connected */
    size_t place_count;
    struct ask_place places[ASK_PLACES_MAX]; /* the last is the one that is connected to */
    char *buffer;
    size_t room;
    size_t used; /* octets received */
    size_t end;  /* of the line that was returned last, in buffer */
};

/* Connects to path; NULL: to $CHIMED_SOCKET, else to the first of /run/chimed/chimed.sock and
 * $XDG_RUNTIME_DIR/chimed.sock where somebody listens. False, and in error what was tried and how
 * to start it. ask_close() in any case. */
bool ask_open(struct ask *ask, const char *path, char error[ASK_ERROR_MAX]) MUST_CHECK;
void ask_close(struct ask *ask);
/* The path that is connected to, or was tried last. */
const char *ask_path(const struct ask *ask);

/* Sends a request, without its newline. */
bool ask_send(struct ask *ask, const char *request, char error[ASK_ERROR_MAX]) MUST_CHECK;
/* The next line, without its end; lives until the next call. NULL, and a sentence in error, if it
 * does not come in time. With 0 it only looks: an empty error then says that there is none yet. */
const char *ask_receive(struct ask *ask, int timeout_ms, char error[ASK_ERROR_MAX]);
#endif
