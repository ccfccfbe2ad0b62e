/* SPDX-License-Identifier: MIT */
/* stream_socket.h - a Unix stream socket at a path: to listen on it, and to connect to it.
 * No call waits. Errors are negative errno; one thread. */
#ifndef COMMON_HOST_STREAM_SOCKET_H
#define COMMON_HOST_STREAM_SOCKET_H
#include "ntpwire/bytes.h"

#define STREAM_SOCKET_PATH_MAX 108 /* of sun_path, its final zero included */
#define STREAM_SOCKET_KEEP UINT32_MAX

struct stream_socket {
    int fd; /* -1: closed */
    char path[STREAM_SOCKET_PATH_MAX];
    uint64_t device, inode; /* of what was bound there */
};

/* Who may connect: mode's write bits of owner and group; STREAM_SOCKET_KEEP leaves them as they
 * are. */
struct stream_socket_access {
    unsigned mode;
    uint32_t user;
    uint32_t group;
};

/* Binds path and listens. A socket that nobody listens on (left by a crash) is replaced;
 * -EADDRINUSE if somebody does, -EEXIST if something else than a socket is there, -ENAMETOOLONG,
 * -EPERM if owner or group can't be given. */
int stream_socket_open(const char *path, const struct stream_socket_access *access,
                       struct stream_socket *socket) MUST_CHECK;
/* Closes, and removes the path if it is still this socket's. */
void stream_socket_close(struct stream_socket *socket);

/* A connection, non-blocking, whose kernel buffer holds send_room octets if the system allows;
 * -EAGAIN if nobody waits. */
int stream_socket_accept(const struct stream_socket *socket, size_t send_room) MUST_CHECK;
/* The user at the other end, as the kernel says, who connected. */
int stream_socket_peer(int fd, uint32_t *user) MUST_CHECK;

/* How many octets went; 0: the peer has to read first; -EPIPE: there is none any more. */
int stream_socket_write(int fd, const void *data, size_t size) MUST_CHECK;
/* How many octets came, none beyond the first newline; 0: none yet; -EPIPE: no more will come. */
int stream_socket_read_line(int fd, void *data, size_t room) MUST_CHECK;

/* Connects: a descriptor. */
int stream_socket_connect(const char *path) MUST_CHECK;
#endif
