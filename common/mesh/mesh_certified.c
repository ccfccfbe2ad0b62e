/* SPDX-License-Identifier: MIT */
/* Members by the CA's word: from when, and until when. */
#include "common/mesh/mesh_inner.h"
#include <stdlib.h>
#include <string.h>

static bool trusts_clock(const struct mesh *mesh)
{
    return mesh->own.is_bounded && mesh->own.timescale == TIMESCALE_UTC;
}

/* The CA's word of where it is, if that is new; before: its last one, if there was one. */
static void take_address(struct mesh *mesh, struct mesh_member *member,
                         const struct certificate_node *before, const struct certificate_node *node)
{
    struct address address = {.family = ADDRESS_NONE};
    if (node->port == 0) {
        return;
    }
    bool is_new = address_parse(node->host, node->port, &address)
                      ? !address_is_same(&address, &member->address)
                      : before->port != node->port || strcmp(before->host, node->host) != 0;
    if (is_new) {
        member->address = address;
        member->is_moved = false;
        mesh->view_version++;
    }
}

bool mesh_certificate_is_over(const struct mesh *mesh, const struct mesh_certified *held)
{
    return trusts_clock(mesh) && certificate_has_expired(&held->certificate, mesh->own.clock);
}

/* An order of all that a key may have, the same for everybody: whoever holds two can't have us go
 * from one to the other and back. One that has expired is none. */
static bool is_newer(const struct mesh *mesh, const struct certificate *certificate,
                     const struct mesh_certified *held)
{
    if (held->size == 0 || mesh_certificate_is_over(mesh, held)) {
        return true;
    }
    if (certificate->epoch != held->certificate.epoch) {
        return certificate->epoch > held->certificate.epoch;
    }
    return certificate->expiry_s > held->certificate.expiry_s;
}

static void take(struct mesh *mesh, struct mesh_member *member,
                 const struct certificate *certificate, struct bytes octets, struct mono now)
{
    struct certificate_node before = member->certified->certificate.node; /* zeros: none */
    member->certified->certificate = *certificate;
    member->certified->size = octets.size;
    memcpy(member->certified->octets, octets.data, octets.size);
    mesh_raise_epoch(member, certificate->epoch);
    member->has_expired = false;
    mesh->grown = now;
    bool is_listed = member->option != MESH_NOBODY;
    if (!is_listed) {
        member->domain = mesh_domain_of(certificate->node.domain);
    }
    if (!is_listed || mesh->options.members[member->option].host[0] == '\0') {
        take_address(mesh, member, &before, &certificate->node);
    }
    mesh_table_seat(mesh, now);
}

enum mesh_verdict mesh_admit_certified(struct mesh *mesh, struct bytes octets, uint64_t id,
                                       struct mono now)
{
    struct certificate certificate;
    if (mesh->options.ca == NULL ||
        certificate_read(octets, mesh->options.ca, mesh->options.scheme, &certificate) !=
            CERTIFICATE_OK ||
        (id != 0 && certificate.node.id != id) || mesh_is_revoked(mesh, certificate.node.id)) {
        return MESH_REVOKED;
    }
    if (certificate.node.id == mesh->id ||
        (trusts_clock(mesh) && certificate_has_expired(&certificate, mesh->own.clock))) {
        return MESH_REVOKED;
    }
    size_t known = mesh_find(mesh, certificate.node.id);
    struct mesh_member *member = known != MESH_NOBODY
                                     ? &mesh->members[known]
                                     : mesh_admit(mesh, &certificate.node.key, certificate.node.id);
    if (member == NULL) {
        return MESH_NO_ROOM;
    }
    if (member->certified == NULL) {
        member->certified = calloc(1, sizeof(*member->certified));
    }
    if (member->certified == NULL) {
        return MESH_NO_ROOM;
    }
    if (is_newer(mesh, &certificate, member->certified)) {
        take(mesh, member, &certificate, octets, now);
    }
    return MESH_HANDLED;
}

/* One that is configured as well stays a member; its certificate is told to nobody any more. */
static void expire(struct mesh *mesh, size_t index, struct actions *out)
{
    struct mesh_member *member = &mesh->members[index];
    char text[IDENTITY_ID_TEXT_MAX];
    bool was_member = mesh_is_member(mesh, index);
    if (member->option != MESH_NOBODY) {
        /* Where it is, the certificate alone may say. */
        if (mesh->options.members[member->option].host[0] != '\0') {
            free(member->certified);
            member->certified = NULL;
        }
        return;
    }
    member->has_expired = true;
    if (was_member) {
        actions_report(out, REPORT_WARNING,
                       "mesh: %s is no member any more: its certificate has expired; have the CA "
                       "certify it until a later date ('chime certify'), and reload its chimed",
                       mesh_name_of(mesh, index, text));
    }
}

void mesh_expire(struct mesh *mesh, struct actions *out)
{
    if (!trusts_clock(mesh)) {
        return;
    }
    for (size_t i = 0; i < mesh->count; i++) {
        struct mesh_member *member = &mesh->members[i];
        if (member->certified == NULL) {
            continue;
        }
        if (mesh_certificate_is_over(mesh, member->certified)) {
            expire(mesh, i, out);
        } else {
            member->has_expired = false; /* the clock was wrong */
        }
    }
}
