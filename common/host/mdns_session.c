/* SPDX-License-Identifier: MIT */
#include "common/host/mdns_session.h"
#include "common/host/log.h"
#include <avahi-client/client.h>
#include <avahi-client/lookup.h>
#include <avahi-client/publish.h>
#include <avahi-common/alternative.h>
#include <avahi-common/domain.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RENAMES_MAX 8

_Static_assert(SIGHTINGS_NAME_MAX == AVAHI_LABEL_MAX, "names of services fit");

struct mdns_session {
    const struct mdns_session_options *options;
    AvahiClient *client;
    AvahiServiceBrowser *browser;
    AvahiEntryGroup *group;
    char name[AVAHI_LABEL_MAX];
    unsigned renames;
    bool has_run;
    bool has_failed;
    struct sightings sightings;
    AvahiServiceResolver *resolvers[SIGHTINGS_MAX]; /* of each sighting */
};

static void complain(const struct mdns_session *session, const char *what)
{
    log_message(LOG_LEVEL_WARNING, "mesh: avahi-daemon does not %s: %s", what,
                avahi_strerror(avahi_client_errno(session->client)));
}

static void tell(const struct mdns_session *session)
{
    session->options->changed(session->options->context, &session->sightings);
}

static struct address address_of(const AvahiAddress *from, AvahiIfIndex interface, uint16_t port)
{
    struct address to = {.port = port};
    if (from->proto == AVAHI_PROTO_INET) {
        to.family = ADDRESS_IPV4;
        memcpy(to.octets, &from->data.ipv4.address, 4);
    } else if (from->proto == AVAHI_PROTO_INET6) {
        to.family = ADDRESS_IPV6;
        memcpy(to.octets, from->data.ipv6.address, sizeof(to.octets));
        address_unmap(&to);
        /* fe80::/10 means something on the interface alone where it was heard. */
        bool is_link_local = to.octets[0] == 0xfe && (to.octets[1] & 0xc0) == 0x80;
        to.scope = to.family == ADDRESS_IPV6 && is_link_local ? (uint32_t)interface : 0;
    }
    return to;
}

static bool is_for_us(const struct mdns_session *session, AvahiStringList *txt)
{
    struct announcement announcement = {.has_version = false};
    const struct mdns_service *service = session->options->service;
    for (; txt != NULL; txt = avahi_string_list_get_next(txt)) {
        announcement_take(&announcement, bytes_make(avahi_string_list_get_text(txt),
                                                    avahi_string_list_get_size(txt)));
    }
    return announcement_is_for(&announcement, service->mesh, service->id);
}

static void end_resolver(struct mdns_session *session, size_t place)
{
    if (session->resolvers[place] != NULL) {
        avahi_service_resolver_free(session->resolvers[place]);
        session->resolvers[place] = NULL;
    }
}

static void on_resolved(AvahiServiceResolver *resolver, AvahiIfIndex interface,
                        AvahiProtocol protocol, AvahiResolverEvent event, const char *name,
                        const char *type, const char *domain, const char *host,
                        const AvahiAddress *address, uint16_t port, AvahiStringList *txt,
                        AvahiLookupResultFlags flags, void *context)
{
    struct mdns_session *session = context;
    struct address located = {.family = ADDRESS_NONE};
    size_t place = 0;
    (void)protocol, (void)name, (void)type, (void)domain, (void)host, (void)flags;
    while (place < SIGHTINGS_MAX && session->resolvers[place] != resolver) {
        place++;
    }
    if (place == SIGHTINGS_MAX) {
        return;
    }
    if (event == AVAHI_RESOLVER_FOUND && !is_for_us(session, txt)) {
        end_resolver(session, place);
        sightings_remove(&session->sightings, place);
        return;
    }
    if (event == AVAHI_RESOLVER_FOUND && address != NULL) {
        located = address_of(address, interface, port);
    }
    (void)sightings_locate(&session->sightings, place, &located);
    tell(session);
}

static void add(struct mdns_session *session, const struct sighting *sighting, const char *type,
                const char *domain)
{
    bool is_taken;
    size_t place = sightings_add(&session->sightings, sighting,
                                 random_u32(session->options->random), &is_taken);
    if (place == SIGHTINGS_NONE) {
        return;
    }
    if (is_taken) {
        end_resolver(session, place);
    }
    /* An address of the family by which it was heard: that way it surely can be reached. */
    session->resolvers[place] = avahi_service_resolver_new(
        session->client, sighting->interface, sighting->protocol, sighting->name, type, domain,
        sighting->protocol, 0, on_resolved, session);
    if (session->resolvers[place] == NULL) {
        sightings_remove(&session->sightings, place);
    }
    if (is_taken) {
        tell(session);
    }
}

static void on_browsed(AvahiServiceBrowser *browser, AvahiIfIndex interface, AvahiProtocol protocol,
                       AvahiBrowserEvent event, const char *name, const char *type,
                       const char *domain, AvahiLookupResultFlags flags, void *context)
{
    struct mdns_session *session = context;
    (void)browser;
    if (event == AVAHI_BROWSER_FAILURE) {
        complain(session, "look for others any more");
        session->has_failed = true;
    } else if (event == AVAHI_BROWSER_NEW && !(flags & AVAHI_LOOKUP_RESULT_OUR_OWN)) {
        struct sighting sighting = {.interface = interface, .protocol = protocol};
        if (strlen(name) < sizeof(sighting.name)) {
            memcpy(sighting.name, name, strlen(name));
            add(session, &sighting, type, domain);
        }
    } else if (event == AVAHI_BROWSER_REMOVE) {
        size_t place = sightings_find(&session->sightings, interface, protocol, name);
        if (place != SIGHTINGS_NONE) {
            end_resolver(session, place);
            sightings_remove(&session->sightings, place);
            tell(session);
        }
    }
}

static AvahiProtocol protocol_of(const struct mdns_service *service)
{
    if (service->is_ipv4 && service->is_ipv6) {
        return AVAHI_PROTO_UNSPEC;
    }
    return service->is_ipv6 ? AVAHI_PROTO_INET6 : AVAHI_PROTO_INET;
}

/* Addresses of our own choice belong to a host name of our own. */
static int add_addresses(struct mdns_session *session, const char *host)
{
    const struct mdns_service *service = session->options->service;
    int status = 0;
    for (size_t i = 0; i < service->address_count && status == 0; i++) {
        const struct address *from = &service->addresses[i];
        AvahiAddress address = {.proto = AVAHI_PROTO_INET};
        if (from->family == ADDRESS_IPV6) {
            address.proto = AVAHI_PROTO_INET6;
            memcpy(address.data.ipv6.address, from->octets, sizeof(from->octets));
        } else {
            memcpy(&address.data.ipv4.address, from->octets, 4);
        }
        status = avahi_entry_group_add_address(session->group, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC,
                                               AVAHI_PUBLISH_NO_REVERSE, host, &address);
    }
    return status;
}

static int add_service(struct mdns_session *session)
{
    char host[AVAHI_DOMAIN_NAME_MAX];
    char lines[ANNOUNCEMENT_LINES][ANNOUNCEMENT_LINE_MAX];
    const struct mdns_service *service = session->options->service;
    const char *domain = avahi_client_get_domain_name(session->client);
    AvahiStringList *txt = NULL;
    int size = snprintf(host, sizeof(host), "chimed-%016llx.%s", (unsigned long long)service->id,
                        domain != NULL ? domain : "local");
    if (size < 0 || (size_t)size >= sizeof(host)) {
        return AVAHI_ERR_INVALID_DOMAIN_NAME;
    }
    int status = add_addresses(session, host);
    if (status != 0) {
        return status;
    }
    announcement_write(service->mesh, service->id, lines);
    for (size_t i = ANNOUNCEMENT_LINES; i > 0; i--) {
        txt = avahi_string_list_add(txt, lines[i - 1]); /* puts it in front */
    }
    status = avahi_entry_group_add_service_strlst(
        session->group, AVAHI_IF_UNSPEC, protocol_of(service), 0, session->name, MDNS_TYPE, NULL,
        service->address_count > 0 ? host : NULL, service->port, txt);
    avahi_string_list_free(txt);
    return status;
}

/* Somebody else has our name: a copy of our key's node, or one who pretends. */
static bool take_another_name(struct mdns_session *session)
{
    char *another = avahi_alternative_service_name(session->name);
    bool is_good = another != NULL && session->renames < RENAMES_MAX;
    if (is_good) {
        log_message(LOG_LEVEL_INFO, "mesh: the service '%s' is there already; announcing '%s'",
                    session->name, another);
        snprintf(session->name, sizeof(session->name), "%s", another);
        session->renames++;
    }
    avahi_free(another);
    return is_good;
}

static void on_group(AvahiEntryGroup *group, AvahiEntryGroupState state, void *context);

static void announce(struct mdns_session *session)
{
    if (session->options->service->port == 0) {
        return;
    }
    if (session->group == NULL) {
        session->group = avahi_entry_group_new(session->client, on_group, session);
    }
    if (session->group == NULL) {
        complain(session, "announce this node");
        return;
    }
    if (!avahi_entry_group_is_empty(session->group)) {
        return;
    }
    int status = add_service(session);
    while (status == AVAHI_ERR_COLLISION && take_another_name(session)) {
        avahi_entry_group_reset(session->group);
        status = add_service(session);
    }
    if (status != 0 || avahi_entry_group_commit(session->group) != 0) {
        complain(session, "announce this node");
        avahi_entry_group_reset(session->group);
    }
}

static void on_group(AvahiEntryGroup *group, AvahiEntryGroupState state, void *context)
{
    struct mdns_session *session = context;
    session->group = group;
    if (state == AVAHI_ENTRY_GROUP_ESTABLISHED) {
        log_message(LOG_LEVEL_INFO, "mesh: announced by mDNS as '%s', port %u", session->name,
                    (unsigned)session->options->service->port);
    } else if (state == AVAHI_ENTRY_GROUP_FAILURE) {
        complain(session, "announce this node any more");
    } else if (state == AVAHI_ENTRY_GROUP_COLLISION) {
        if (take_another_name(session)) {
            avahi_entry_group_reset(group);
            announce(session);
        } else {
            log_message(LOG_LEVEL_WARNING,
                        "mesh: somebody in the local network takes each name under which this node "
                        "is announced; it goes on looking for others");
        }
    }
}

static void begin(struct mdns_session *session)
{
    session->has_run = true;
    if (session->browser == NULL) {
        session->browser =
            avahi_service_browser_new(session->client, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC,
                                      MDNS_TYPE, NULL, 0, on_browsed, session);
    }
    if (session->browser == NULL) {
        complain(session, "look for others");
        session->has_failed = true;
        return;
    }
    announce(session);
}

static void on_client(AvahiClient *client, AvahiClientState state, void *context)
{
    struct mdns_session *session = context;
    session->client = client; /* the first call is made before it is known otherwise */
    switch (state) {
    case AVAHI_CLIENT_S_RUNNING:
        begin(session);
        break;
    case AVAHI_CLIENT_S_REGISTERING:
    case AVAHI_CLIENT_S_COLLISION:
        /* The machine gets another name, to which our service must point. */
        if (session->group != NULL) {
            avahi_entry_group_reset(session->group);
        }
        break;
    case AVAHI_CLIENT_CONNECTING:
        log_message(LOG_LEVEL_WARNING,
                    "mesh: discover = mdns: avahi-daemon is not on the D-Bus; waiting for it: "
                    "start it, or install it (package avahi-daemon)");
        break;
    case AVAHI_CLIENT_FAILURE:
        log_message(LOG_LEVEL_WARNING, "mesh: avahi-daemon is gone: %s; trying again",
                    avahi_strerror(avahi_client_errno(client)));
        session->has_failed = true;
        break;
    }
}

struct mdns_session *mdns_session_create(const struct mdns_session_options *options, int *error)
{
    struct mdns_session *session = calloc(1, sizeof(*session));
    *error = AVAHI_ERR_NO_MEMORY;
    if (session == NULL) {
        return NULL;
    }
    session->options = options;
    snprintf(session->name, sizeof(session->name), "chimed-%016llx",
             (unsigned long long)options->service->id);
    if (avahi_client_new(options->poll, AVAHI_CLIENT_NO_FAIL, on_client, session, error) == NULL) {
        free(session);
        return NULL;
    }
    return session;
}

bool mdns_session_has_run(const struct mdns_session *session)
{
    return session->has_run;
}

bool mdns_session_has_failed(const struct mdns_session *session)
{
    return session->has_failed;
}

void mdns_session_destroy(struct mdns_session *session)
{
    avahi_client_free(session->client); /* and all that it made */
    free(session);
}
