/* SPDX-License-Identifier: MIT */
/* udp_route.h - sends through a socket that several share, each by a way of its own. */
#ifndef COMMON_HOST_UDP_ROUTE_H
#define COMMON_HOST_UDP_ROUTE_H
#include "common/base/action.h"
#include "common/host/udp.h"

struct udp_route {
    struct address source; /* to send from, where the socket is bound to a wildcard; family NONE:
                              the kernel chooses */
    uint32_t interface;    /* to leave by; 0: the kernel's routes decide */
    uint8_t dscp;
};

/* Sends send's payload to its destination. 0 or a negative errno. Safe in any thread, beside the
 * one that reads from the socket. */
int udp_route_send(const struct udp *udp, const struct action_send *send,
                   const struct udp_route *route) MUST_CHECK;
#endif
