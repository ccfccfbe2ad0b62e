/* SPDX-License-Identifier: MIT */
#include "common/host/socket_address.h"
#include <arpa/inet.h>
#include <string.h>

socklen_t socket_address_make(const struct address *address, union socket_address *out)
{
    memset(out, 0, sizeof(*out));
    if (address->family == ADDRESS_IPV4) {
        out->ipv4.sin_family = AF_INET;
        out->ipv4.sin_port = htons(address->port);
        memcpy(&out->ipv4.sin_addr, address->octets, 4);
        return sizeof(out->ipv4);
    }
    assert(address->family == ADDRESS_IPV6);
    out->ipv6.sin6_family = AF_INET6;
    out->ipv6.sin6_port = htons(address->port);
    out->ipv6.sin6_scope_id = address->scope;
    memcpy(&out->ipv6.sin6_addr, address->octets, 16);
    return sizeof(out->ipv6);
}

struct address socket_address_from_ipv4(const struct in_addr *ipv4, uint16_t port)
{
    struct address address = {.family = ADDRESS_IPV4, .port = port};
    memcpy(address.octets, ipv4, 4);
    return address;
}

struct address socket_address_from_ipv6(const struct in6_addr *ipv6, uint16_t port)
{
    struct address address = {.family = ADDRESS_IPV6, .port = port};
    memcpy(address.octets, ipv6, 16);
    return address;
}

struct address socket_address_read(const union socket_address *socket_address)
{
    if (socket_address->generic.sa_family == AF_INET) {
        return socket_address_from_ipv4(&socket_address->ipv4.sin_addr,
                                        ntohs(socket_address->ipv4.sin_port));
    }
    if (socket_address->generic.sa_family == AF_INET6) {
        struct address address = socket_address_from_ipv6(&socket_address->ipv6.sin6_addr,
                                                          ntohs(socket_address->ipv6.sin6_port));
        address.scope = socket_address->ipv6.sin6_scope_id;
        address_unmap(&address);
        return address;
    }
    return (struct address){.family = ADDRESS_NONE};
}
