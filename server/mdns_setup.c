/* SPDX-License-Identifier: MIT */
#include "server/mdns_setup.h"
#include <stdio.h>
#include <string.h>

_Static_assert(CONFIG_WORD_MAX <= ANNOUNCEMENT_WORD_MAX, "the mesh's name is announced whole");

static void add(struct mdns_service *service, const struct address *address)
{
    if (service->address_count < MDNS_ADDRESSES_MAX) {
        service->addresses[service->address_count++] = *address;
    }
}

static bool is_for_others(const struct address *address)
{
    return address->family != ADDRESS_NONE && !address_is_loopback(address);
}

/* Where we are asked by default: what listens on all of the machine's addresses is announced with
 * those, else each one by itself. One service has one port, which is the first. */
static void set_listening(const struct config_addresses *listen, struct mdns_service *service)
{
    bool is_wide = false;
    for (size_t i = 0; i < listen->count; i++) {
        const struct address *address = &listen->items[i];
        if (!is_for_others(address) || (service->port != 0 && address->port != service->port)) {
            continue;
        }
        service->port = address->port;
        service->is_ipv4 |= address->family == ADDRESS_IPV4;
        service->is_ipv6 |= address->family == ADDRESS_IPV6;
        is_wide |= address_is_wildcard(address);
        add(service, address);
    }
    if (is_wide) {
        memset(service->addresses, 0, sizeof(service->addresses));
        service->address_count = 0;
    }
}

/* An operator knows better, such as behind a translator of addresses. */
static void set_own(const struct config_host *own, struct mdns_service *service)
{
    struct address address;
    if (own->host[0] == '\0') {
        return;
    }
    memset(service->addresses, 0, sizeof(service->addresses));
    service->address_count = 0;
    service->port = own->port;
    service->is_ipv4 = true;
    service->is_ipv6 = true;
    if (address_parse(own->host, own->port, &address)) {
        add(service, &address);
    } else {
        snprintf(service->host, sizeof(service->host), "%s", own->host);
    }
}

bool mdns_setup(const struct setup *setup, struct mdns_service *service)
{
    const struct config_mesh *mesh = &setup->config.mesh;
    if (!mesh->is_mdns || setup->credentials.identity == NULL) {
        return false;
    }
    memset(service, 0, sizeof(*service));
    service->id = identity_id(setup->credentials.identity);
    snprintf(service->mesh, sizeof(service->mesh), "%s", mesh->name);
    set_listening(&setup->config.server.listen, service);
    set_own(&mesh->address, service);
    return true;
}
