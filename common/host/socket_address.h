/* SPDX-License-Identifier: MIT */
/* socket_address.h - struct address to and from the system's socket addresses. */
#ifndef COMMON_HOST_SOCKET_ADDRESS_H
#define COMMON_HOST_SOCKET_ADDRESS_H
#include "common/base/address.h"
#include <netinet/in.h>
#include <sys/socket.h>

/* Either family, without the size of a sockaddr_storage. */
union socket_address {
    struct sockaddr generic;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

/* Returns the length that bind() and the like want. */
socklen_t socket_address_make(const struct address *address, union socket_address *out);
/* Family NONE for anything that is not IPv4 or IPv6. */
struct address socket_address_read(const union socket_address *socket_address);
/* The same for an address without a port, as ancillary data carries it. */
struct address socket_address_from_ipv4(const struct in_addr *ipv4, uint16_t port);
struct address socket_address_from_ipv6(const struct in6_addr *ipv6, uint16_t port);
#endif
