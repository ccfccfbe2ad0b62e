/* SPDX-License-Identifier: MIT */
#include "common/host/local_socket.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int new_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
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
    /* Only a refusal tells that nobody holds it. A socket of another type, or one with a peer of
     * its own, is somebody's; of one that we may not write to nothing is known. */
    int error = connect(fd, (const struct sockaddr *)name, sizeof(*name)) == 0 ? 0 : errno;
    close(fd);
    if (error != ECONNREFUSED) {
        return error == EACCES ? -EACCES : -EADDRINUSE;
    }
    return unlink(name->sun_path) == 0 || errno == ENOENT ? 0 : -errno;
}

int local_socket_open(const char *path, unsigned mode, struct local_socket *socket)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof(name.sun_path)) {
        return -ENAMETOOLONG;
    }
    memcpy(name.sun_path, path, length + 1);

    int status = remove_stale(&name);
    if (status != 0) {
        return status;
    }
    int fd = new_socket();
    if (fd < 0) {
        return fd;
    }
    /* The mode comes from the descriptor and the umask, so that there is no moment of wider rights;
     * to change it by path afterwards would follow a link that somebody else put there. */
    (void)fchmod(fd, mode);
    mode_t umask_before = umask(~mode & 0777);
    bool is_bound = bind(fd, (const struct sockaddr *)&name, sizeof(name)) == 0;
    status = is_bound ? 0 : -errno;
    (void)umask(umask_before);
    if (!is_bound) {
        close(fd);
        return status;
    }
    /* Without it nobody is known, and so nobody may do what only some may. */
    (void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int));
    *socket = (struct local_socket){.fd = fd};
    memcpy(socket->path, path, length + 1);
    return 0;
}

void local_socket_close(struct local_socket *socket)
{
    if (socket->fd >= 0) {
        close(socket->fd);
        (void)unlink(socket->path);
        socket->fd = -1;
    }
}

/* Whom the kernel names as the sender, if it does. */
static void read_user(struct msghdr *message, struct local_socket *socket)
{
    socket->has_peer_user = false;
    for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control != NULL;
         control = CMSG_NXTHDR(message, control)) {
        struct ucred credentials;
        if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_CREDENTIALS &&
            control->cmsg_len >= CMSG_LEN(sizeof(credentials))) {
            memcpy(&credentials, CMSG_DATA(control), sizeof(credentials));
            socket->has_peer_user = true;
            socket->peer_user = credentials.uid;
        }
    }
}

int local_socket_receive(struct local_socket *socket, uint8_t *buffer, size_t room)
{
    struct sockaddr_un name;
    union {
        struct cmsghdr aligned;
        char octets[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec into = {.iov_base = buffer, .iov_len = room};
    struct msghdr message = {.msg_name = &name,
                             .msg_namelen = sizeof(name),
                             .msg_iov = &into,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t size = recvmsg(socket->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
    }
    socket->peer_size = 0;
    if (message.msg_namelen > sizeof(sa_family_t) && message.msg_namelen <= sizeof(socket->peer)) {
        memcpy(socket->peer, &name, message.msg_namelen);
        socket->peer_size = message.msg_namelen;
    }
    read_user(&message, socket);
    return (int)size;
}

void local_socket_answer(const struct local_socket *socket, struct bytes payload)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (socket->peer_size == 0) {
        return;
    }
    memcpy(&name, socket->peer, socket->peer_size);
    /* Whoever went away, or does not read, gets nothing. */
    (void)sendto(socket->fd, payload.data, payload.size, MSG_DONTWAIT | MSG_NOSIGNAL,
                 (const struct sockaddr *)&name, socket->peer_size);
}
