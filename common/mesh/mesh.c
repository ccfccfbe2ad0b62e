/* SPDX-License-Identifier: MIT */
#include "common/mesh/mesh_inner.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAINTAIN_NS (16 * NS_PER_S)
/* The bound of stamps lies a quarter of a poll ahead, within these. */
#define AHEAD_NS_MIN NS_PER_S
#define AHEAD_NS_MAX (16 * NS_PER_S)

/* A copy of an array of the caller's; NULL if there is nothing in it. */
static void *copy_of(const void *items, size_t count, size_t size, bool *ok)
{
    if (count == 0) {
        return NULL;
    }
    void *copy = malloc(count * size);
    *ok = *ok && copy != NULL;
    if (copy != NULL) {
        memcpy(copy, items, count * size);
    }
    return copy;
}

static void free_copies(struct mesh_options *options)
{
    free((void *)(uintptr_t)options->members);
    free((void *)(uintptr_t)options->memories);
    free((void *)(uintptr_t)options->revoked);
    free((void *)(uintptr_t)options->joins);
    free((void *)(uintptr_t)options->ca);
    free((void *)(uintptr_t)options->certificate.data);
    free((void *)(uintptr_t)options->document.data);
    if (options->group_key != NULL) {
        secret_wipe((void *)(uintptr_t)options->group_key, SECRET_SIZE);
        free((void *)(uintptr_t)options->group_key);
    }
}

/* All that options point to becomes the engine's, but for the identity and the scheme. */
static bool copy_options(const struct mesh_options *from, struct mesh_options *to)
{
    bool ok = true;
    *to = *from;
    to->hlc = NULL;
    to->members = copy_of(from->members, from->member_count, sizeof(*from->members), &ok);
    to->memories = copy_of(from->memories, from->memory_count, sizeof(*from->memories), &ok);
    to->revoked = copy_of(from->revoked, from->revoked_count, sizeof(*from->revoked), &ok);
    to->joins = copy_of(from->joins, from->join_count, sizeof(*from->joins), &ok);
    to->ca = copy_of(from->ca, from->ca != NULL, sizeof(*from->ca), &ok);
    to->group_key = copy_of(from->group_key, from->group_key != NULL, SECRET_SIZE, &ok);
    to->certificate.data = copy_of(from->certificate.data, from->certificate.size, 1, &ok);
    to->document.data = copy_of(from->document.data, from->document.size, 1, &ok);
    if (!ok) {
        free_copies(to);
    }
    return ok;
}

static bool check_options(const struct mesh_options *options, char error[MESH_ERROR_MAX])
{
    const char *what = NULL;
    if (options->identity == NULL) {
        what = "a mesh needs an identity: 'chime keygen --node' makes one";
    } else if (options->view_size == 0 || options->view_size > MESH_VIEW_MAX) {
        what = "a view is of 1 to 16 members";
    } else if (options->member_count > MESH_MEMBERS_MAX) {
        what = "at most 256 members are kept";
    } else if (options->join_count > MESH_JOINS_MAX) {
        what = "at most 8 hosts to join by are kept";
    }
    if (what != NULL) {
        snprintf(error, MESH_ERROR_MAX, "%s", what);
    }
    return what == NULL;
}

static bool begin(struct mesh *mesh, const struct mesh_options *options, struct reading now,
                  char error[MESH_ERROR_MAX])
{
    mesh->id = identity_id(options->identity);
    mesh->self = (struct handshake_self){.identity = options->identity,
                                         .random = mesh->random,
                                         .scheme = options->scheme,
                                         .membership_epoch = options->membership_epoch,
                                         .epoch = options->key_epoch};
    cookie_jar_init(&mesh->jar, mesh->random, now.mono);
    if (!hlc_init(&mesh->hlc, options->hlc, options->max_offset_ns)) {
        snprintf(error, MESH_ERROR_MAX,
                 "the saved bound of the logical clock is of no era of ours: its file is damaged; "
                 "'chime keygen --node --next-epoch' begins anew");
        return false;
    }
    int64_t ahead_ns = timestamp_log2_to_ns(options->poll_min) / 4;
    ahead_ns = ahead_ns < AHEAD_NS_MIN ? AHEAD_NS_MIN : ahead_ns;
    hlc_set_ahead(&mesh->hlc, ahead_ns > AHEAD_NS_MAX ? AHEAD_NS_MAX : ahead_ns);
    if (!mesh_table_build(mesh, &mesh->options, error)) {
        return false;
    }
    if (!mesh_post_make_certificate(mesh)) {
        snprintf(error, MESH_ERROR_MAX, "our certificate could not be signed, or is too long");
        return false;
    }
    mesh->own.clock = now.wall;
    mesh->own.timescale = TIMESCALE_MESH;
    mesh->own.hops = REPORT_HOPS_NONE;
    mesh->looked = now.mono;
    mesh->maintain_at = now.mono;
    mesh->save_at = now.mono;
    mesh->strangers = (struct mesh_bucket){.at = now.mono, .tokens = -1};
    mesh->gate_version = 1;
    mesh_berkeley_init(mesh, now.mono);
    mesh_table_seat(mesh, now.mono);
    return true;
}

struct mesh *mesh_create(const struct mesh_options *options, struct random *random,
                         struct reading now, char error[MESH_ERROR_MAX])
{
    if (!check_options(options, error)) {
        return NULL;
    }
    struct mesh *mesh = calloc(1, sizeof(*mesh));
    if (mesh == NULL || !copy_options(options, &mesh->options)) {
        snprintf(error, MESH_ERROR_MAX, "out of memory");
        free(mesh);
        return NULL;
    }
    mesh->random = random;
    if (!begin(mesh, options, now, error)) {
        mesh_destroy(mesh);
        return NULL;
    }
    return mesh;
}

void mesh_destroy(struct mesh *mesh)
{
    if (mesh != NULL) {
        for (size_t i = 0; i < MESH_CONTACTS_MAX; i++) {
            mesh_contact_drop(mesh, i);
        }
        for (size_t i = 0; i < mesh->count; i++) {
            free(mesh->members[i].certified);
        }
        free_copies(&mesh->options);
        secret_wipe(mesh, sizeof(*mesh));
        free(mesh);
    }
}

uint64_t mesh_id(const struct mesh *mesh)
{
    return mesh->id;
}

void mesh_look(struct mesh *mesh, const struct own_claim *own, struct mono now)
{
    bool has_changed = mesh->has_looked && own->epoch != mesh->own.epoch;
    if (has_changed) {
        mesh->epoch_changes++;
        mesh->epoch_changed = now;
    }
    mesh->has_looked = true;
    if (own->is_bounded && !mesh->has_found_time) {
        mesh->has_found_time = true;
        mesh->found_time = now;
    }
    mesh->own = *own;
    mesh->looked = now;
    if (own->is_bounded) {
        hlc_confirm(&mesh->hlc, (struct reading){.mono = now, .wall = own->clock});
    } else {
        hlc_doubt(&mesh->hlc);
    }
}

enum hlc_verdict mesh_stamp(struct mesh *mesh, struct mono now, const struct hlc_stamp *message,
                            struct hlc_stamp *stamp)
{
    struct hlc_now at = mesh_hlc_now(mesh, now);
    return message != NULL ? hlc_receive(&mesh->hlc, &at, *message, stamp)
                           : hlc_send(&mesh->hlc, &at, stamp);
}

static void save(struct mesh *mesh, struct mono now, struct actions *out)
{
    struct hlc_now at = mesh_hlc_now(mesh, now);
    struct hlc_bound bound;
    mesh->save_at.ns = now.ns + mesh->hlc.ahead_ns / 4;
    if (actions_room(out) > 1 && hlc_save_due(&mesh->hlc, &at, &bound)) {
        actions_append(out, ACTION_SAVE)->save =
            (struct action_save){.what = SAVED_HLC, .hlc = bound};
    }
    if (mesh->has_memories && actions_room(out) > 1) {
        mesh->has_memories = false;
        actions_append(out, ACTION_SAVE)->save = (struct action_save){.what = SAVED_MEMBERS};
    }
}

void mesh_saved(struct mesh *mesh, bool is_durable, struct mono now)
{
    (void)now;
    hlc_saved(&mesh->hlc, is_durable);
}

size_t mesh_memories(const struct mesh *mesh, struct mesh_memory memories[MESH_MEMBERS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < mesh->count; i++) {
        const struct mesh_member *member = &mesh->members[i];
        if (member->incarnation > 0 || member->epoch > 0) {
            memories[count++] = (struct mesh_memory){
                .id = member->id, .epoch = member->epoch, .incarnation = member->incarnation};
        }
    }
    /* Of those that may be members again. */
    for (size_t i = 0; i < mesh->options.memory_count && count < MESH_MEMBERS_MAX; i++) {
        if (mesh_find(mesh, mesh->options.memories[i].id) == MESH_NOBODY) {
            memories[count++] = mesh->options.memories[i];
        }
    }
    return count;
}

static void learn_delays(struct mesh *mesh, const struct mesh_outlook *outlook)
{
    for (size_t i = 0; i < outlook->count; i++) {
        size_t member = mesh_find(mesh, outlook->peers[i].id);
        if (member != MESH_NOBODY && outlook->peers[i].measure.has_estimate) {
            mesh->members[member].delay_ns = outlook->peers[i].measure.delay_ns + 1;
        }
    }
}

void mesh_run(struct mesh *mesh, const struct mesh_outlook *outlook, struct reading now,
              struct actions *out)
{
    mesh_look(mesh, &outlook->own, now.mono);
    if (mesh->save_at.ns <= now.mono.ns) {
        save(mesh, now.mono, out);
    }
    if (mesh->maintain_at.ns <= now.mono.ns) {
        mesh->maintain_at.ns = now.mono.ns + MAINTAIN_NS;
        cookie_jar_rotate(&mesh->jar, mesh->random, now.mono);
        mesh->gate_version++;
        mesh_expire(mesh, out);
        mesh_post_gossip(mesh, now.mono);
        mesh_evidence_relay(mesh, now.mono);
        mesh_judge_maintain(mesh, outlook, now.mono, out);
        learn_delays(mesh, outlook);
        mesh_try_hints(mesh, now.mono);
        mesh_table_seat(mesh, now.mono);
    }
    mesh_berkeley_run(mesh, outlook, now.mono);
    mesh_join_run(mesh, now.mono, out);
}

struct mono mesh_deadline(const struct mesh *mesh)
{
    struct mono deadline = mesh_join_deadline(mesh);
    struct mono berkeley = mesh_berkeley_deadline(mesh);
    deadline = berkeley.ns < deadline.ns ? berkeley : deadline;
    deadline = mesh->save_at.ns < deadline.ns ? mesh->save_at : deadline;
    return mesh->maintain_at.ns < deadline.ns ? mesh->maintain_at : deadline;
}

bool mesh_leave(struct mesh *mesh, uint64_t id, struct reading now, struct action_send *send)
{
    struct mesh_draft draft;
    struct mesh_contact *contact = mesh_contact_of(mesh, mesh_find(mesh, id));
    if (contact == NULL || !pairing_has_session(&contact->pairing, now.mono)) {
        return false;
    }
    mesh_wire_begin(mesh, &draft, mesh->options.payload_max, random_u64(mesh->random));
    draft.has_session = true;
    if (!mesh_post_leave(mesh, &draft, now.mono) ||
        !mesh_wire_seal(mesh, contact, &draft, now.mono)) {
        return false;
    }
    mesh_wire_send(&draft, send);
    return true;
}

uint32_t mesh_view_version(const struct mesh *mesh)
{
    return mesh->view_version;
}

size_t mesh_total(const struct mesh *mesh)
{
    size_t total = 1;
    for (size_t i = 0; i < mesh->count; i++) {
        total += mesh_is_member(mesh, i);
    }
    total = mesh->options.nodes > 0 ? mesh->options.nodes : total;
    return total < mesh->options.view_size + 1 ? total : mesh->options.view_size + 1;
}

uint32_t mesh_gate_version(const struct mesh *mesh)
{
    return mesh->gate_version;
}

static void add_keys(const struct pairing *pairing, uint64_t member, struct gate_table *table)
{
    struct session_key keys[2];
    size_t count = pairing_receive_keys(pairing, keys);
    for (size_t i = 0; i < count && table->count < GATE_SESSIONS_MAX; i++) {
        struct gate_session *session = &table->sessions[table->count++];
        session->member = member;
        session->id = keys[i].id;
        memcpy(session->key, keys[i].octets, SECRET_SIZE);
    }
    secret_wipe(keys, sizeof(keys));
}

void mesh_gate(const struct mesh *mesh, struct gate_table *table)
{
    *table = (struct gate_table){.is_on = !mesh->options.is_lost,
                                 .self = mesh->id,
                                 .payload_max = mesh->options.payload_max,
                                 .jar = mesh->jar,
                                 .has_group = mesh->options.group_key != NULL,
                                 .group_id = mesh->options.group_id};
    if (table->has_group) {
        memcpy(table->group_key, mesh->options.group_key, SECRET_SIZE);
    }
    if (mesh->certificate_size > 0 && mesh->certificate_size <= sizeof(table->certificate)) {
        memcpy(table->certificate, mesh->certificate_field, mesh->certificate_size);
        table->certificate_size = mesh->certificate_size;
    }
    for (size_t i = 0; i < MESH_CONTACTS_MAX; i++) {
        const struct mesh_contact *contact = mesh->contacts[i];
        if (contact != NULL && mesh_is_member(mesh, contact->member)) {
            add_keys(&contact->pairing, mesh->members[contact->member].id, table);
        }
    }
}

/* Where it is now, unless we were told of another place since. One that has no place any more is
 * looked for as if it had never answered. */
static void carry_place(const struct mesh *mesh, const struct mesh_member *before,
                        const struct mesh *fresh, struct mesh_member *after)
{
    bool has_host =
        after->option != MESH_NOBODY && fresh->options.members[after->option].host[0] != '\0';
    after->spoke_from = before->spoke_from;
    bool is_listed = before->option != MESH_NOBODY && after->option != MESH_NOBODY;
    const struct mesh_member_options *old =
        is_listed ? &mesh->options.members[before->option] : NULL;
    const struct mesh_member_options *given =
        is_listed ? &fresh->options.members[after->option] : NULL;
    if (before->is_moved && is_listed && old->port == given->port &&
        strcmp(old->host, given->host) == 0) {
        after->is_moved = true;
        after->address = before->address;
    } else if (!has_host) {
        after->is_moved = before->is_moved;
        after->address = before->address;
    }
    after->has_answered = before->has_answered && mesh_has_place(fresh, after);
}

/* What another CA certified is not certified by this one. */
static bool is_same_ca(const struct mesh *mesh, const struct mesh *fresh)
{
    const struct public_key *before = mesh->options.ca, *after = fresh->options.ca;
    return before != NULL && after != NULL &&
           memcmp(before->octets, after->octets, sizeof(before->octets)) == 0;
}

/* What is known of a member goes on with its place in the new table. One that was revoked stays
 * there, to be shown as such; one whose certificate has expired does not. */
static void carry_over(struct mesh *mesh, struct mesh *fresh, size_t old)
{
    struct mesh_member *before = &mesh->members[old];
    size_t index = mesh_find(fresh, before->id);
    bool is_certified =
        before->certified != NULL && !before->has_expired && is_same_ca(mesh, fresh);
    if (index == MESH_NOBODY && (is_certified || mesh_is_revoked(fresh, before->id)) &&
        mesh_admit(fresh, &before->key, before->id) != NULL) {
        index = fresh->count - 1;
        fresh->members[index].address = before->address;
        fresh->members[index].is_moved = before->is_moved;
        fresh->members[index].domain = before->domain;
        fresh->members[index].is_revoked = mesh_is_revoked(fresh, before->id);
    }
    if (index == MESH_NOBODY) {
        return; /* its contact goes */
    }
    struct mesh_member *after = &fresh->members[index];
    after->has_left = before->has_left;
    after->is_seated = before->is_seated;
    after->slot = before->slot;
    after->drawn = before->drawn;
    after->delay_ns = before->delay_ns;
    after->held = before->held;
    after->aging = before->aging;
    after->aged = before->aged;
    after->certified = is_certified ? before->certified : NULL;
    before->certified = is_certified ? NULL : before->certified;
    carry_place(mesh, before, fresh, after);
    if (before->contact > 0 && !after->is_revoked) {
        after->contact = before->contact;
        mesh->contacts[before->contact - 1]->member = index;
        before->contact = 0;
    }
}

/* Contacts of nobody who is left. */
static void drop_orphaned(struct mesh *mesh)
{
    for (size_t i = 0; i < mesh->count; i++) {
        if (mesh->members[i].contact > 0) {
            mesh_contact_drop(mesh, (size_t)mesh->members[i].contact - 1);
        }
        free(mesh->members[i].certified);
    }
}

bool mesh_configure(struct mesh *mesh, const struct mesh_options *options, struct reading now,
                    char error[MESH_ERROR_MAX])
{
    struct mesh_memory memories[MESH_MEMBERS_MAX];
    struct mesh_options same = *options;
    same.identity = mesh->options.identity;
    same.scheme = mesh->options.scheme;
    same.key_epoch = mesh->options.key_epoch;
    same.incarnation = mesh->options.incarnation;
    same.is_lost = mesh->options.is_lost;
    same.hlc = NULL;
    same.memories = memories;
    same.memory_count = mesh_memories(mesh, memories);
    struct mesh *fresh = mesh_create(&same, mesh->random, now, error);
    if (fresh == NULL) {
        return false;
    }
    for (size_t i = 0; i < mesh->count; i++) {
        carry_over(mesh, fresh, i);
    }
    drop_orphaned(mesh);
    enum mesh_algorithm before = mesh->options.algorithm;
    free_copies(&mesh->options);
    mesh->options = fresh->options;
    mesh->count = fresh->count;
    memcpy(mesh->members, fresh->members, sizeof(mesh->members));
    mesh->certificate_size = fresh->certificate_size;
    mesh->gossips = 0;
    memcpy(mesh->certificate_field, fresh->certificate_field, sizeof(mesh->certificate_field));
    mesh->self.membership_epoch = same.membership_epoch;
    mesh->hlc.max_offset_ns = same.max_offset_ns;
    mesh->report.is_set = false;
    mesh_join_restart(mesh, now.mono);
    mesh_berkeley_configure(mesh, before, now.mono);
    secret_wipe(fresh, sizeof(*fresh));
    free(fresh);
    mesh->view_version++;
    mesh->gate_version++;
    mesh_table_seat(mesh, now.mono);
    return true;
}
