/* SPDX-License-Identifier: MIT */
/* Berkeley's algorithm, as messages of the mesh. */
#include "common/mesh/mesh_inner.h"
#include <string.h>

static bool is_on(const struct mesh *mesh)
{
    return mesh->options.algorithm == MESH_BERKELEY;
}

void mesh_berkeley_init(struct mesh *mesh, struct mono now)
{
    struct berkeley_options options = {.id = mesh->id,
                                       .members = (unsigned)mesh_total(mesh),
                                       .interval_ns = mesh->options.interval_ns,
                                       .gamma_ns = mesh->options.gamma_ns};
    if (is_on(mesh)) {
        berkeley_init(&mesh->berkeley, &options, now);
    }
}

void mesh_berkeley_configure(struct mesh *mesh, enum mesh_algorithm before, struct mono now)
{
    struct berkeley *berkeley = &mesh->berkeley;
    if (before != mesh->options.algorithm) {
        mesh->has_difference = false;
        mesh_berkeley_init(mesh, now);
    } else if (is_on(mesh)) {
        int64_t next_ns = now.ns + mesh->options.interval_ns;
        berkeley->options.interval_ns = mesh->options.interval_ns;
        berkeley->options.gamma_ns = mesh->options.gamma_ns;
        berkeley->deadline.ns = next_ns < berkeley->deadline.ns ? next_ns : berkeley->deadline.ns;
    }
}

struct mono mesh_berkeley_deadline(const struct mesh *mesh)
{
    return is_on(mesh) ? berkeley_deadline(&mesh->berkeley) : (struct mono){MESH_NEVER};
}

bool mesh_take_difference(struct mesh *mesh, struct mesh_difference *difference)
{
    bool has_one = mesh->has_difference;
    if (has_one) {
        *difference = mesh->difference;
        mesh->has_difference = false;
    }
    return has_one;
}

static void note(struct mesh_contact *contact, enum mesh_note_kind kind, const uint8_t *body,
                 size_t size)
{
    struct mesh_note *note = &contact->notes[kind];
    assert(size <= sizeof(note->body));
    memcpy(note->body, body, size);
    note->size = (uint8_t)size;
    note->is_due = true;
}

static void tell_election(struct mesh *mesh, const struct berkeley_elect *elect)
{
    uint8_t body[BERKELEY_ELECT_SIZE];
    berkeley_elect_write(elect, body);
    for (size_t i = 0; i < MESH_CONTACTS_MAX; i++) {
        if (mesh->contacts[i] != NULL) {
            note(mesh->contacts[i], MESH_NOTE_ELECT, body, sizeof(body));
        }
    }
}

static struct reading own_clock(const struct mesh *mesh, struct mono now)
{
    return mesh_hlc_now(mesh, now).reading;
}

static void keep_difference(struct mesh *mesh, const struct berkeley_difference *difference,
                            struct mono at)
{
    mesh->has_difference = true;
    mesh->difference = (struct mesh_difference){
        .at = at, .offset_ns = (double)difference->offset_ns, .sd_ns = difference->sd_ns};
}

static void tell_difference(struct mesh *mesh, const struct berkeley_difference *difference,
                            struct mono now)
{
    uint8_t body[BERKELEY_DIFFERENCE_SIZE];
    if (difference->recipient == mesh->id) {
        keep_difference(mesh, difference, now);
        return;
    }
    struct mesh_contact *contact = mesh_contact_of(mesh, mesh_find(mesh, difference->recipient));
    if (contact != NULL) {
        berkeley_difference_write(difference, body);
        note(contact, MESH_NOTE_DIFFERENCE, body, sizeof(body));
    }
}

static void coordinate(struct mesh *mesh, const struct mesh_outlook *outlook, struct mono now)
{
    struct berkeley_offset offsets[MESH_VIEW_MAX];
    struct berkeley_difference differences[BERKELEY_MEMBERS_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < outlook->count; i++) {
        const struct member_measure *measure = &outlook->peers[i].measure;
        if (measure->has_estimate && !measure->is_silent) {
            offsets[count++] = (struct berkeley_offset){.id = outlook->peers[i].id,
                                                        .offset_ns = measure->offset_ns,
                                                        .sd_ns = measure->offset_sd_ns};
        }
    }
    bool is_anchored = outlook->own.has_utc && outlook->own.timescale == TIMESCALE_UTC;
    size_t told = berkeley_round(&mesh->berkeley, offsets, count, is_anchored, own_clock(mesh, now),
                                 differences);
    for (size_t i = 0; i < told; i++) {
        tell_difference(mesh, &differences[i], now);
    }
}

void mesh_berkeley_run(struct mesh *mesh, const struct mesh_outlook *outlook, struct mono now)
{
    struct berkeley_elect elect;
    if (!is_on(mesh) || mesh->options.is_lost || berkeley_deadline(&mesh->berkeley).ns > now.ns) {
        return;
    }
    mesh->berkeley.options.members = (unsigned)mesh_total(mesh);
    for (size_t i = 0; i < MESH_CONTACTS_MAX; i++) {
        const struct mesh_contact *contact = mesh->contacts[i];
        if (contact != NULL) {
            enum verdict_state state = verdict_state(&contact->verdict);
            berkeley_exclude(&mesh->berkeley, mesh->members[contact->member].id,
                             state == VERDICT_EXCLUDED || state == VERDICT_CONVICTED);
        }
    }
    berkeley_look(&mesh->berkeley, now, &elect);
    tell_election(mesh, &elect);
    if (berkeley_is_coordinator(&mesh->berkeley, now)) {
        coordinate(mesh, outlook, now);
    }
}

static enum berkeley_verdict take_elect(struct mesh *mesh, uint64_t author, struct bytes body,
                                        struct mono now)
{
    struct berkeley_elect elect;
    enum berkeley_verdict verdict = berkeley_elect_read(body, &elect);
    return verdict == BERKELEY_OK ? berkeley_take_elect(&mesh->berkeley, author, &elect, now)
                                  : verdict;
}

static enum berkeley_verdict take_difference(struct mesh *mesh, uint64_t author, struct bytes body,
                                             struct mono now)
{
    struct berkeley_difference difference;
    struct mono at;
    enum berkeley_verdict verdict = berkeley_difference_read(body, &difference);
    if (verdict == BERKELEY_OK) {
        verdict = berkeley_take_difference(&mesh->berkeley, author, &difference,
                                           own_clock(mesh, now), &at);
    }
    if (verdict == BERKELEY_OK) {
        keep_difference(mesh, &difference, at);
    }
    return verdict;
}

enum mesh_post_verdict mesh_berkeley_take(struct mesh *mesh, struct mesh_contact *contact,
                                          uint8_t kind, struct bytes body, struct mono now,
                                          struct actions *out)
{
    (void)out;
    if (!is_on(mesh)) {
        return MESH_POST_KIND;
    }
    uint64_t author = mesh->members[contact->member].id;
    enum berkeley_verdict verdict = kind == REPORT_ELECT ? take_elect(mesh, author, body, now)
                                                         : take_difference(mesh, author, body, now);
    mesh->berkeley_counts[verdict]++;
    return verdict == BERKELEY_OK ? MESH_POST_TAKEN : MESH_POST_REFUSED;
}
