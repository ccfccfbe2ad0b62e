/* SPDX-License-Identifier: MIT */
#include "common/host/resolver.h"
#include "common/host/socket_address.h"

#include <stdio.h>
#include <string.h>

static void fail(const struct resolution *resolution, const char *error)
{
    resolution->done(resolution->context, NULL, 0, error);
}

static void fail_to_resolve(const struct resolution *resolution, int status)
{
    char error[RESOLVER_ERROR_MAX];
    const char *why = uv_strerror(status);
    const char *advice = "check the spelling or /etc/resolv.conf";
    switch (status) {
    case UV_EAI_NONAME:
        why = "Name or service not known";
        break;
    case UV_EAI_AGAIN:
        why = "no name server answers";
        advice = "check the network and /etc/resolv.conf, or use an address";
        break;
    case UV_EAI_NODATA:
    case UV_EAI_ADDRFAMILY:
        why = "it has no address of the family asked for";
        advice = "try without -4 or -6";
        break;
    case UV_ENAMETOOLONG:
        why = "the name is too long";
        advice = "a name has at most 253 characters";
        break;
    case UV_EINVAL:
        why = "this is no host name";
        break;
    default:
        break;
    }
    snprintf(error, sizeof(error), "host '%.128s' does not resolve: %s; %s", resolution->name, why,
             advice);
    fail(resolution, error);
}

/* Appends address unless it is there already: each is listed once per socket type and per line of a
 * hosts file. */
static size_t append(struct address *addresses, size_t count, const struct address *address)
{
    for (size_t i = 0; i < count; i++) {
        if (address_is_same(&addresses[i], address)) {
            return count;
        }
    }
    if (count < RESOLVER_ADDRESSES_MAX) {
        addresses[count++] = *address;
    }
    return count;
}

static void resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct resolution *resolution = request->data;
    struct address addresses[RESOLVER_ADDRESSES_MAX];
    size_t count = 0;
    for (const struct addrinfo *entry = status == 0 ? list : NULL; entry != NULL;
         entry = entry->ai_next) {
        union socket_address socket_address = {0};
        if (entry->ai_addrlen > sizeof(socket_address)) {
            continue;
        }
        memcpy(&socket_address, entry->ai_addr, entry->ai_addrlen);
        struct address address = socket_address_read(&socket_address);
        address.port = resolution->port;
        if (address.family != ADDRESS_NONE) {
            count = append(addresses, count, &address);
        }
    }
    uv_freeaddrinfo(list);
    if (count == 0) {
        fail_to_resolve(resolution, status != 0 ? status : UV_EAI_NODATA);
        return;
    }
    resolution->done(resolution->context, addresses, count, NULL);
}

static void answer_literal(struct resolution *resolution, const struct address *address,
                           enum address_family family)
{
    if (family == ADDRESS_NONE || family == address->family) {
        resolution->done(resolution->context, address, 1, NULL);
        return;
    }
    char error[RESOLVER_ERROR_MAX];
    snprintf(error, sizeof(error), "'%s' is no %s address, which was asked for", resolution->name,
             family == ADDRESS_IPV4 ? "IPv4" : "IPv6");
    fail(resolution, error);
}

int resolver_start(uv_loop_t *loop, struct resolution *resolution, const char *name, uint16_t port,
                   enum address_family family)
{
    snprintf(resolution->name, sizeof(resolution->name), "%s", name);
    resolution->port = port;
    struct address literal;
    if (address_parse(name, port, &literal)) {
        answer_literal(resolution, &literal, family);
        return 0;
    }
    /* No AI_ADDRCONFIG: where there is only the loopback interface, it lets nothing resolve. */
    struct addrinfo hints = {
        .ai_family = family == ADDRESS_IPV4   ? AF_INET
                     : family == ADDRESS_IPV6 ? AF_INET6
                                              : AF_UNSPEC,
        .ai_socktype = SOCK_DGRAM,
    };
    resolution->request.data = resolution;
    int result = uv_getaddrinfo(loop, &resolution->request, resolved, name, NULL, &hints);
    if (result == 0 || result == UV_ENOMEM) {
        return result;
    }
    /* libuv refuses at once what can't be a name. */
    fail_to_resolve(resolution, result);
    return 0;
}
