/* SPDX-License-Identifier: MIT */
#include "common/host/listener.h"
#include "common/host/log.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PRIVILEGED_PORT_MAX 1023

static const char *advice(const struct address *address, int error)
{
    switch (error) {
    case EADDRINUSE:
        return "another program holds this port (see: ss -ulnp), or a wildcard address in the same "
               "list does; stop it, or choose another port";
    case EACCES:
    case EPERM:
        return address->port <= PRIVILEGED_PORT_MAX
                   ? "ports below 1024 need root or CAP_NET_BIND_SERVICE; grant it, or choose a "
                     "higher port"
                   : "a security policy forbids it";
    case EADDRNOTAVAIL:
        return "this machine has no such address (see: ip address)";
    case EAFNOSUPPORT:
        return "this machine has no IPv6";
    case EMFILE:
    case ENFILE:
        return "allow more open files (ulimit -n, LimitNOFILE=), or set fewer workers";
    default:
        return "check the address";
    }
}

/* An address that a machine without IPv6 can do without: it names no host in particular. */
static bool is_dispensable(const struct address *address, int error)
{
    return address->family == ADDRESS_IPV6 && (error == EAFNOSUPPORT || error == EADDRNOTAVAIL) &&
           (address_is_wildcard(address) || address_is_loopback(address));
}

/* A group would share its port with any other program of the same user that asks for it too: see
 * whether it is free by asking alone. */
static int probe(const struct address *address)
{
    struct udp_options options = {.local = *address};
    struct udp udp;
    int status = udp_open(&options, &udp);
    if (status == 0) {
        udp_close(&udp);
    }
    return status;
}

static int open_all(const struct address *address, unsigned count, struct udp *sockets)
{
    struct udp_options options = {
        .local = *address, .in_group = count > 1, .transmit_stamps = true};
    for (unsigned i = 0; i < count; i++) {
        int status = udp_open(&options, &sockets[i]);
        if (status != 0) {
            while (i-- > 0) {
                udp_close(&sockets[i]);
            }
            return status;
        }
        /* Where the kernel chose the port, the others share it. */
        options.local.port = sockets[i].local.port;
    }
    return 0;
}

enum listener_result listener_open(const struct address *address, unsigned count, const char *what,
                                   struct udp *sockets, char *error, size_t room)
{
    char text[ADDRESS_TEXT_MAX];
    assert(count > 0);
    int status = count > 1 ? probe(address) : 0;
    if (status == 0) {
        status = open_all(address, count, sockets);
    }
    if (status != 0) {
        snprintf(error, room, "can't listen on %s (%s): %s; %s", address_format_port(address, text),
                 what, strerror(-status), advice(address, -status));
        return is_dispensable(address, -status) ? LISTENER_SKIPPED : LISTENER_FAILED;
    }
    status = count > 1 ? udp_group_attach(&sockets[0], count) : 0;
    if (status != 0) {
        log_message(LOG_LEVEL_WARNING,
                    "%s: the kernel can't choose workers by source address (%s): rate limits and "
                    "interleaved mode then count per address and port",
                    address_format_port(address, text), strerror(-status));
    }
    return LISTENER_OPEN;
}
