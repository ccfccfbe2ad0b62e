/* SPDX-License-Identifier: MIT */
#include "common/host/stream_socket.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

static int new_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

static bool make_name(const char *path, struct sockaddr_un *name)
{
    size_t length = strlen(path);
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (length == 0 || length >= sizeof(name->sun_path)) {
        return false;
    }
    memcpy(name->sun_path, path, length + 1);
    return true;
}

/* Makes way at the path: 0 if nothing is there any more. */
static int remove_stale(const struct sockaddr_un *name)
{
    struct stat status;
    if (lstat(name->sun_path, &status) != 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!S_ISSOCK(status.st_mode)) {
        return -EEXIST;
    }
    int fd = new_socket();
    if (fd < 0) {
        return fd;
    }
    /* Only a refusal tells that nobody listens. One whose queue is full (EAGAIN), or that has
     * another type, is somebody's; of one that we may not write to nothing is known. */
    int error = connect(fd, (const struct sockaddr *)name, sizeof(*name)) == 0 ? 0 : errno;
    close(fd);
    if (error != ECONNREFUSED) {
        return error == EACCES ? -EACCES : -EADDRINUSE;
    }
    return unlink(name->sun_path) == 0 || errno == ENOENT ? 0 : -errno;
}

/* The mode comes from the descriptor and the umask, so that there is no moment of wider rights. */
static int bind_with_mode(int fd, const struct sockaddr_un *name, unsigned mode)
{
    (void)fchmod(fd, mode);
    mode_t umask_before = umask(~mode & 0777);
    int status = bind(fd, (const struct sockaddr *)name, sizeof(*name)) == 0 ? 0 : -errno;
    (void)umask(umask_before);
    return status;
}

int stream_socket_open(const char *path, const struct stream_socket_access *access,
                       struct stream_socket *socket)
{
    struct sockaddr_un name;
    if (!make_name(path, &name)) {
        return path[0] == '\0' ? -ENOENT : -ENAMETOOLONG;
    }
    int status = remove_stale(&name);
    if (status != 0) {
        return status;
    }
    int fd = new_socket();
    if (fd < 0) {
        return fd;
    }
    status = bind_with_mode(fd, &name, access->mode);
    if (status != 0) {
        goto fail;
    }
    /* Before anybody can connect. lchown() does not follow a link put there by somebody else. */
    if ((access->user != STREAM_SOCKET_KEEP || access->group != STREAM_SOCKET_KEEP) &&
        lchown(path, access->user, access->group) != 0) {
        status = -errno;
        (void)unlink(path);
        goto fail;
    }
    if (listen(fd, BACKLOG) != 0) {
        status = -errno;
        (void)unlink(path);
        goto fail;
    }
    *socket = (struct stream_socket){.fd = fd};
    memcpy(socket->path, name.sun_path, strlen(path) + 1);
    struct stat made;
    if (lstat(path, &made) == 0) {
        socket->device = made.st_dev;
        socket->inode = made.st_ino;
    }
    return 0;
fail:
    close(fd);
    return status;
}

void stream_socket_close(struct stream_socket *socket)
{
    if (socket->fd < 0) {
        return;
    }
    close(socket->fd);
    socket->fd = -1;
    struct stat there;
    if (lstat(socket->path, &there) == 0 && there.st_dev == socket->device &&
        there.st_ino == socket->inode) {
        (void)unlink(socket->path);
    }
}

int stream_socket_accept(const struct stream_socket *socket, size_t send_room)
{
    int fd = accept4(socket->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED ? -EAGAIN : -errno;
    }
    int room = send_room > INT32_MAX ? INT32_MAX : (int)send_room;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    return fd;
}

int stream_socket_peer(int fd, uint32_t *user)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        return -errno;
    }
    *user = peer.uid;
    return 0;
}

static int result_of(ssize_t size)
{
    if (size >= 0) {
        return (int)size;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
}

int stream_socket_write(int fd, const void *data, size_t size)
{
    return result_of(send(fd, data, size < INT32_MAX ? size : INT32_MAX, MSG_NOSIGNAL));
}

int stream_socket_read_line(int fd, void *data, size_t room)
{
    /* What follows the newline stays in the kernel, which then says again that there is something
     * to read: so one line is one event. */
    ssize_t size = recv(fd, data, room, MSG_PEEK);
    if (size > 0) {
        const char *end = memchr(data, '\n', (size_t)size);
        size_t wanted = end != NULL ? (size_t)(end - (const char *)data) + 1 : (size_t)size;
        size = recv(fd, data, wanted, 0);
    }
    return size == 0 ? -EPIPE : result_of(size);
}

int stream_socket_connect(const char *path)
{
    struct sockaddr_un name;
    if (!make_name(path, &name)) {
        return path[0] == '\0' ? -ENOENT : -ENAMETOOLONG;
    }
    int fd = new_socket();
    if (fd < 0) {
        return fd;
    }
    if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) != 0) {
        int status = -errno;
        close(fd);
        return status;
    }
    return fd;
}
