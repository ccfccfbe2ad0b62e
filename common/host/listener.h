/* SPDX-License-Identifier: MIT */
/* listener.h - opens the sockets of one address to listen on, and explains what stands in the way.
 */
#ifndef COMMON_HOST_LISTENER_H
#define COMMON_HOST_LISTENER_H
#include "common/host/udp.h"

enum listener_result {
    LISTENER_OPEN,
    LISTENER_SKIPPED, /* an IPv6 wildcard or loopback on a machine without IPv6: go on without it */
    LISTENER_FAILED
};

/* Opens `count` sockets that share the address; with more than one, clients are spread by source
 * address. what names the configuration's key. Unless LISTENER_OPEN, no socket is open and error is
 * a sentence of at most room octets. */
enum listener_result listener_open(const struct address *address, unsigned count, const char *what,
                                   struct udp *sockets, char *error, size_t room);
#endif
