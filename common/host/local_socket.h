/* SPDX-License-Identifier: MIT */
/* local_socket.h - a Unix datagram socket at a path, answering whoever asks. One thread. */
#ifndef COMMON_HOST_LOCAL_SOCKET_H
#define COMMON_HOST_LOCAL_SOCKET_H
#include "ntpwire/bytes.h"

#define LOCAL_SOCKET_PATH_MAX 108 /* of sun_path, its final zero included */

struct local_socket {
    int fd;
    char path[LOCAL_SOCKET_PATH_MAX];
    uint8_t peer[LOCAL_SOCKET_PATH_MAX + 2]; /* whom the last datagram came from */
    uint32_t peer_size;
    bool has_peer_user; /* the kernel vouches for who sent it */
    uint32_t peer_user; /* user id */
};

/* Binds path with that mode. A socket that nobody answers on (left by a crash) is replaced;
 * -EADDRINUSE if somebody does, -EEXIST if something else than a socket is there, -ENAMETOOLONG. A
 * negative errno on failure. */
int local_socket_open(const char *path, unsigned mode, struct local_socket *socket) MUST_CHECK;
/* Closes and removes the path. */
void local_socket_close(struct local_socket *socket);

/* Returns the size of the datagram (cut to room), 0 for none, or a negative errno. */
int local_socket_receive(struct local_socket *socket, uint8_t *buffer, size_t room) MUST_CHECK;
/* To whom the last datagram came from; a sender without a path gets nothing. */
void local_socket_answer(const struct local_socket *socket, struct bytes payload);
#endif
