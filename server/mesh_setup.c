/* SPDX-License-Identifier: MIT */
#include "server/mesh_setup.h"
#include <stdio.h>
#include <string.h>

_Static_assert(CONFIG_MEMBERS_MAX <= MESH_MEMBERS_MAX, "there is room for all members");
_Static_assert(CONFIG_HOSTS_MAX <= MESH_JOINS_MAX, "there is room for all to join");
_Static_assert(CONFIG_VIEW_MAX <= MESH_VIEW_MAX, "no view is too large");
_Static_assert(CONFIG_WORD_MAX <= MESH_DOMAIN_MAX && CONFIG_NAME_MAX <= EVENT_NAME_MAX,
               "words are copied whole");

static struct mesh_member_options member_of(const struct config_member *from)
{
    struct mesh_member_options to = {.port = from->address.port, .epoch = from->epoch};
    memcpy(to.name, from->name, sizeof from->name);
    memcpy(to.host, from->address.host, sizeof from->address.host);
    memcpy(to.key.octets, from->public_key, sizeof to.key.octets);
    memcpy(to.domain, from->domain, sizeof from->domain);
    return to;
}

/* Ours, be it said in [mesh] or where we stand among the members. */
static const char *own_domain(const struct setup *setup)
{
    const struct public_key *key = identity_public_key(setup->credentials.identity);
    const char *domain = setup->config.mesh.domain;
    for (size_t i = 0; i < setup->roster.count && domain[0] == '\0'; i++) {
        const struct config_member *member = &setup->roster.items[i];
        if (memcmp(member->public_key, key->octets, sizeof key->octets) == 0) {
            domain = member->domain;
        }
    }
    return domain;
}

/* An IPv6 address has brackets, so that its port is one. */
static void write_join(const struct config_host *host, char out[ACTION_HOST_MAX])
{
    bool is_ipv6 = strchr(host->host, ':') != NULL;
    int size = snprintf(out, ACTION_HOST_MAX, is_ipv6 ? "[%s]:%u" : "%s:%u", host->host,
                        (unsigned)host->port);
    assert(size > 0 && size < ACTION_HOST_MAX);
}

static void add_authority(const struct setup *setup, struct mesh_options *options)
{
    const struct credentials *credentials = &setup->credentials;
    if (setup->config.mesh.has_ca) {
        options->ca = &credentials->ca;
        options->certificate = bytes_make(credentials->certificate, credentials->certificate_size);
    }
    if (credentials->membership != NULL) {
        options->revoked = credentials->membership->revoked;
        options->revoked_count = credentials->membership->revoked_count;
        options->document = bytes_make(credentials->document, strlen(credentials->document));
    }
    if (credentials->has_group) {
        options->group_key = credentials->group_key;
        options->group_id = credentials->group_id;
    }
}

bool mesh_setup(const struct setup *setup, struct mesh_options *options,
                struct mesh_setup_room *room)
{
    const struct config_mesh *mesh = &setup->config.mesh;
    const struct membership_terms *terms = &setup->roster.terms;
    if (setup->credentials.identity == NULL) {
        return false;
    }
    for (size_t i = 0; i < setup->roster.count; i++) {
        room->members[i] = member_of(&setup->roster.items[i]);
    }
    for (size_t i = 0; i < mesh->join.count; i++) {
        write_join(&mesh->join.items[i], room->joins[i]);
    }
    *options = (struct mesh_options){
        .identity = setup->credentials.identity,
        .membership_epoch = terms->epoch,
        .timescale_id = terms->timescale_id,
        .members = room->members,
        .member_count = setup->roster.count,
        .faults = terms->faults,
        .nodes = setup->credentials.membership != NULL ? terms->nodes : 0,
        .view_size = mesh->view,
        .joins = (const char(*)[ACTION_HOST_MAX])room->joins,
        .join_count = mesh->join.count,
        .algorithm = mesh->algorithm == CONFIG_BERKELEY ? MESH_BERKELEY : MESH_AGREEMENT,
        .interval_ns = mesh->interval_ns,
        .gamma_ns = mesh->gamma_ns,
        .poll_min = mesh->poll_min,
        .poll_max = mesh->poll_max,
        .max_offset_ns = terms->max_offset_ns,
        .payload_max = mesh->payload,
    };
    snprintf(options->domain, sizeof options->domain, "%s", own_domain(setup));
    add_authority(setup, options);
    return true;
}
