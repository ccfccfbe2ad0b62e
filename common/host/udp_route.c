/* SPDX-License-Identifier: MIT */
#include "common/host/udp_route.h"
#include "common/host/socket_address.h"
#include "common/host/udp_stamp.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static size_t append(uint8_t *control, int level, int type, const void *data, size_t size)
{
    struct cmsghdr header = {.cmsg_len = CMSG_LEN(size), .cmsg_level = level, .cmsg_type = type};
    memset(control, 0, CMSG_SPACE(size));
    memcpy(control, &header, sizeof(header));
    memcpy(control + CMSG_LEN(0), data, size);
    return CMSG_SPACE(size);
}

/* The address to send from, and the interface where it matters: for a group no route says which. */
static size_t append_source(uint8_t *control, const struct udp *udp, const struct udp_route *route,
                            uint32_t link)
{
    const struct address *source = &route->source;
    bool names_source =
        udp->names_source && source->family == udp->local.family && !address_is_wildcard(source);
    if (route->interface == 0) {
        return names_source ? udp_source_request(control, source, link) : 0;
    }
    if (udp->local.family == ADDRESS_IPV4) {
        struct in_pktinfo info = {.ipi_ifindex = (int)route->interface};
        memcpy(&info.ipi_spec_dst, source->octets, names_source ? 4 : 0);
        return append(control, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    }
    struct in6_pktinfo info = {.ipi6_ifindex = route->interface};
    memcpy(&info.ipi6_addr, source->octets, names_source ? 16 : 0);
    return append(control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
}

static size_t append_dscp(uint8_t *control, const struct udp *udp, uint8_t dscp)
{
    int traffic_class = dscp << 2;
    if (dscp == 0) {
        return 0;
    }
    return udp->local.family == ADDRESS_IPV4
               ? append(control, IPPROTO_IP, IP_TOS, &traffic_class, sizeof(traffic_class))
               : append(control, IPPROTO_IPV6, IPV6_TCLASS, &traffic_class, sizeof(traffic_class));
}

int udp_route_send(const struct udp *udp, const struct action_send *send,
                   const struct udp_route *route)
{
    union socket_address name;
    union udp_control control;
    struct iovec vector = {.iov_base = (void *)(uintptr_t)send->payload, .iov_len = send->size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    message.msg_namelen = socket_address_make(&send->destination, &name);
    message.msg_name = &name;
    size_t size = append_source(control.octets, udp, route, send->interface);
    size += append_dscp(control.octets + size, udp, route->dscp);
    if (send->wants_stamp) {
        size += udp_stamp_request(control.octets + size, udp->card != NULL);
    }
    message.msg_control = size > 0 ? &control : NULL;
    message.msg_controllen = size;
    ssize_t sent;
    do {
        sent = sendmsg(udp->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}
