/* SPDX-License-Identifier: MIT */
#include "server/roster.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(CONFIG_KEY_SIZE == IDENTITY_KEY_SIZE, "a key is copied whole");
_Static_assert(CONFIG_MEMBERS_MAX <= MEMBERSHIP_MEMBERS_MAX, "all of them can be counted");
_Static_assert(CONFIG_WORD_MAX > CERTIFICATE_DOMAIN_MAX, "a domain is copied whole");
_Static_assert(ACTION_HOST_MAX > CERTIFICATE_HOST_MAX, "a host is copied whole");
_Static_assert(CONFIG_NAME_MAX >= IDENTITY_ID_TEXT_MAX, "an id is a name");

/* While a roster is put together. */
struct building {
    const struct config_mesh *mesh;
    const struct credentials *credentials;
    const struct setup_listener *listener;
    struct roster *roster;
    uint64_t ids[CONFIG_MEMBERS_MAX];
    uint64_t self;
    bool is_listed; /* are we? */
    bool has_mistake;
};

static struct public_key key_of(const struct config_member *member)
{
    struct public_key key;
    memcpy(key.octets, member->public_key, sizeof key.octets);
    return key;
}

/* Takes a member in: its place is the next. */
static void admit(struct building *building, const struct config_member *member, uint64_t id)
{
    struct roster *roster = building->roster;
    building->ids[roster->count] = id;
    building->is_listed |= id == building->self;
    roster->items[roster->count++] = *member;
}

/* Reports name a node by its tag alone. */
static bool has_own_tag(struct building *building, const struct config_member *member,
                        unsigned long line, uint64_t id)
{
    char text[IDENTITY_ID_TEXT_MAX];
    if (id != building->self && identity_tag(id) == identity_tag(building->self)) {
        setup_complain_at(building->listener, line,
                          "[member %s]: the id of its key, %s, begins as that of this node's own "
                          "does; have one of the two make a new key",
                          member->name, identity_id_format(id, text));
        building->has_mistake = true;
        return false;
    }
    for (size_t i = 0; i < building->roster->count; i++) {
        if (identity_tag(building->ids[i]) == identity_tag(id)) {
            setup_complain_at(building->listener, line,
                              "[member %s]: the id of its key, %s, begins as that of member %s "
                              "does; have one of the two make a new key",
                              member->name, identity_id_format(id, text),
                              building->roster->items[i].name);
            building->has_mistake = true;
            return false;
        }
    }
    return true;
}

static void admit_configured(struct building *building, const struct config_member *member)
{
    const struct membership *membership = building->credentials->membership;
    struct public_key key = key_of(member);
    char text[IDENTITY_KEY_TEXT_MAX];
    char error[IDENTITY_ERROR_MAX];
    uint64_t id = 0;
    if (!public_key_parse(public_key_format(&key, text), &key, error)) {
        setup_complain_at(building->listener, member->key_line, "[member %s] public-key: %s",
                          member->name, error);
        building->has_mistake = true;
        return;
    }
    if (!public_key_id(&key, &id)) {
        setup_complain(building->listener, "the crypto library gives no SHA-256; does this "
                                           "machine's policy (openssl.cnf) allow it?");
        building->has_mistake = true;
        return;
    }
    if (membership != NULL && membership_is_revoked(membership, id)) {
        setup_complain_at(building->listener, member->line,
                          "[member %s]: '%s' revokes its key; remove the section", member->name,
                          building->mesh->membership.path);
        building->has_mistake = true;
        return;
    }
    if (has_own_tag(building, member, member->key_line, id)) {
        admit(building, member, id);
    }
}

/* A member of the document; a section that names it too says where it is. */
static void admit_listed(struct building *building, const struct certificate_node *node)
{
    struct config_member member = {.line = building->mesh->membership.line};
    for (size_t i = 0; i < building->roster->count; i++) {
        if (building->ids[i] == node->id) {
            if (building->roster->items[i].domain[0] == '\0') {
                memcpy(building->roster->items[i].domain, node->domain, sizeof node->domain);
            }
            return;
        }
    }
    identity_id_format(node->id, member.name);
    memcpy(member.address.host, node->host, sizeof node->host);
    member.address.port = node->port;
    memcpy(member.public_key, node->key.octets, sizeof member.public_key);
    memcpy(member.domain, node->domain, sizeof node->domain);
    if (building->roster->count == CONFIG_MEMBERS_MAX) {
        setup_complain_at(building->listener, member.line,
                          "[mesh] membership: with the [member NAME] sections these are more than "
                          "%d members; remove those that it lists",
                          CONFIG_MEMBERS_MAX);
        building->has_mistake = true;
    } else if (has_own_tag(building, &member, member.line, node->id)) {
        admit(building, &member, node->id);
    }
}

/* Of n nodes, how many decide at each: all of them if a view has the others, else those of a view.
 */
static unsigned deciding(const struct config_mesh *mesh, size_t nodes)
{
    return nodes <= mesh->view + 1 ? (unsigned)nodes : mesh->view;
}

static unsigned most_faults(unsigned deciding)
{
    unsigned most = deciding == 0 ? 0 : (deciding - 1) / 2;
    return most < CONFIG_FAULTS_MAX ? most : CONFIG_FAULTS_MAX;
}

/* What the document's word means for those who trust a coordinator. */
static void check_berkeley(struct building *building)
{
    const struct config_mesh *mesh = building->mesh;
    const struct membership_terms *terms = &building->roster->terms;
    if (terms->faults > 0) {
        setup_complain_at(building->listener, mesh->membership.line,
                          "[mesh] membership: '%s' has faults = %u, and algorithm = berkeley "
                          "tolerates none; use algorithm = agreement, or have the CA sign faults "
                          "= 0",
                          mesh->membership.path, terms->faults);
        building->has_mistake = true;
    }
    if (mesh->gamma_ns > terms->max_offset_ns / 2) {
        setup_complain_at(building->listener, mesh->membership.line,
                          "[mesh] membership: '%s' has max-offset = %g ms, and gamma = %g ms "
                          "averages clocks that are up to %g ms apart; lower gamma, or have the CA "
                          "sign a larger one",
                          mesh->membership.path, (double)terms->max_offset_ns / 1e6,
                          (double)mesh->gamma_ns / 1e6, 2 * (double)mesh->gamma_ns / 1e6);
        building->has_mistake = true;
    }
}

/* The document's word, with which ours must agree. */
static void count_by_document(struct building *building)
{
    const struct config_mesh *mesh = building->mesh;
    const struct membership_terms *terms = &building->credentials->membership->terms;
    building->roster->terms = *terms;
    building->roster->deciding = deciding(mesh, terms->nodes);
    if (mesh->faults != CONFIG_FAULTS_AUTO && mesh->faults != terms->faults) {
        setup_complain_at(building->listener, mesh->faults_line,
                          "[mesh] faults = %d: '%s' has %u, by which all members count; remove "
                          "this line",
                          mesh->faults, mesh->membership.path, terms->faults);
        building->has_mistake = true;
    } else if (2U * terms->faults + 1 > building->roster->deciding) {
        setup_complain_at(building->listener, mesh->membership.line,
                          "[mesh] membership: faults = %u of '%s' needs a view of %u members, "
                          "view = %u is configured; raise that",
                          terms->faults, mesh->membership.path, 2U * terms->faults + 1, mesh->view);
        building->has_mistake = true;
    }
    if (mesh->max_offset_line != 0 && mesh->max_offset_ns != terms->max_offset_ns) {
        setup_complain_at(building->listener, mesh->max_offset_line,
                          "[mesh] max-offset = %g ms: '%s' has %g ms, one figure for all members; "
                          "remove this line",
                          (double)mesh->max_offset_ns / 1e6, mesh->membership.path,
                          (double)terms->max_offset_ns / 1e6);
        building->has_mistake = true;
    }
    if (mesh->algorithm == CONFIG_BERKELEY) {
        check_berkeley(building);
    }
}

static void count_by_configuration(struct building *building)
{
    const struct config_mesh *mesh = building->mesh;
    struct roster *roster = building->roster;
    struct public_key keys[CONFIG_MEMBERS_MAX + 1];
    size_t nodes = roster->count;
    for (size_t i = 0; i < roster->count; i++) {
        keys[i] = key_of(&roster->items[i]);
    }
    if (!building->is_listed) {
        keys[nodes++] = *identity_public_key(building->credentials->identity);
    }
    roster->deciding = deciding(mesh, nodes);
    unsigned most = most_faults(roster->deciding);
    unsigned faults = mesh->faults == CONFIG_FAULTS_AUTO ? most : (unsigned)mesh->faults;
    if (faults > most) {
        setup_complain_at(building->listener, mesh->faults_line,
                          "[mesh] faults = %u needs %u members, %zu %s configured (this node "
                          "included); add members, or lower it to %u",
                          faults, 2 * faults + 1, nodes, nodes == 1 ? "is" : "are", most);
        building->has_mistake = true;
        return;
    }
    roster->terms =
        (struct membership_terms){.faults = (uint16_t)faults, .max_offset_ns = mesh->max_offset_ns};
    if (!membership_configured(keys, nodes, &roster->terms)) {
        setup_complain(building->listener,
                       "%s: %zu members with this node are more than %d, or the crypto library "
                       "gives no SHA-256",
                       building->listener->path, nodes, MEMBERSHIP_MEMBERS_MAX);
        building->has_mistake = true;
    }
}

bool roster_build(const struct config_mesh *mesh, const struct credentials *credentials,
                  const struct setup_listener *listener, struct roster *roster)
{
    struct building building = {
        .mesh = mesh, .credentials = credentials, .listener = listener, .roster = roster};
    const struct membership *membership = credentials->membership;
    *roster = (struct roster){.count = 0};
    if (credentials->identity == NULL) {
        return true;
    }
    building.self = identity_id(credentials->identity);
    roster->items = calloc(CONFIG_MEMBERS_MAX, sizeof *roster->items);
    if (roster->items == NULL) {
        setup_complain(listener, "out of memory while reading the members of the mesh");
        return false;
    }
    for (size_t i = 0; i < mesh->members.count; i++) {
        admit_configured(&building, &mesh->members.items[i]);
    }
    for (size_t i = 0; membership != NULL && i < membership->member_count; i++) {
        admit_listed(&building, &membership->members[i]);
    }
    if (membership != NULL) {
        count_by_document(&building);
    } else if (!building.has_mistake) {
        count_by_configuration(&building);
    }
    if (building.has_mistake) {
        roster_clear(roster);
    }
    return !building.has_mistake;
}

void roster_clear(struct roster *roster)
{
    free(roster->items);
    *roster = (struct roster){.count = 0};
}
