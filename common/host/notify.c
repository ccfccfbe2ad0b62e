/* SPDX-License-Identifier: MIT */
#include "common/host/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* False for what is no Unix socket's name: an empty or relative one, vsock:…, or one that is too
 * long. */
static int name_to_address(const char *name, struct sockaddr_un *address, socklen_t *size)
{
    size_t length = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof(address->sun_path)) {
        return 0;
    }
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, name, length);
    if (name[0] == '@') {
        /* An abstract socket: its name begins with a zero and is as long as it is. */
        address->sun_path[0] = 0;
    } else {
        length++;
    }
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return 1;
}

void notify_send(const char *state)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address;
    socklen_t size;
    if (name == NULL || !name_to_address(name, &address, &size)) {
        return;
    }
    int file = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (file < 0) {
        return;
    }
    /* READY=1 is worth a second's wait for a busy manager, but no more. */
    struct timeval patience = {.tv_sec = 1};
    setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    ssize_t sent =
        sendto(file, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, size);
    (void)sent; /* nobody could be told */
    close(file);
}
