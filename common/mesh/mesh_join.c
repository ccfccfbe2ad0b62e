/* SPDX-License-Identifier: MIT */
/* Joining: addresses that are known, of nodes that are not. Each is asked who it is, by a HELLO to
 * nobody in particular; its COOKIE names it, and its certificate makes it a member. Then it is
 * asked for the time as any other member is. */
#include "common/mesh/mesh_inner.h"
#include <stdio.h>
#include <string.h>

#define ANSWER_NS (2 * NS_PER_S) /* an answer is waited for so long */
#define TRIES_MAX 3
#define JOIN_AGAIN_NS (60 * NS_PER_S)
#define NTP_PORT 123

/* Enough are known: who joined needs no help any more. */
static bool is_settled(const struct mesh *mesh)
{
    size_t alive = 0;
    for (size_t i = 0; i < MESH_CONTACTS_MAX; i++) {
        alive += mesh->contacts[i] != NULL && mesh->contacts[i]->has_report;
    }
    return alive > 2 * mesh->options.faults;
}

static void end(struct mesh_try *try, struct mono now, struct actions *out)
{
    if (try->is_open) {
        actions_append(out, ACTION_CLOSE)->close = try->association;
    }
    try->is_open = false;
    try->transmit = 0;
    try->tries = 0;
    if (try->is_join) {
        try->at.ns = now.ns + JOIN_AGAIN_NS;
        try->remote.family = ADDRESS_NONE;
    } else {
        try->association = 0;
    }
}

static uint32_t next_association(struct mesh *mesh)
{
    mesh->next_association++;
    return MESH_ASSOCIATION | (mesh->next_association & ~MESH_ASSOCIATION);
}

static void resolve(struct mesh *mesh, struct mesh_try *try, struct actions *out)
{
    struct action_resolve *resolve = &actions_append(out, ACTION_RESOLVE)->resolve;
    *resolve = (struct action_resolve){.association = try->association, .port = NTP_PORT};
    if (!address_split(mesh->options.joins[try->join], NTP_PORT, resolve->host,
                       sizeof(resolve->host), &resolve->port)) {
        resolve->host[0] = '\0';
    }
    try->is_resolving = true;
    try->at.ns = MESH_NEVER;
}

static bool make_question(struct mesh *mesh, uint64_t transmit, struct mesh_draft *draft)
{
    uint8_t field[HANDSHAKE_HELLO_SIZE];
    struct handshake handshake;
    struct handshake_peer nobody = {.id = 0};
    if (!handshake_start(&handshake, &mesh->self, &nobody)) {
        return false;
    }
    hello_encode(&handshake.hello, field);
    handshake_clear(&handshake);
    mesh_wire_begin(mesh, draft, mesh->options.payload_max, transmit);
    bool is_added = mesh_wire_add(mesh, draft, field, sizeof(field));
    mesh_wire_pad(mesh, draft, mesh_handshake_size(mesh));
    return is_added && mesh_wire_close(mesh, draft);
}

static void ask(struct mesh *mesh, struct mesh_try *try, struct mono now, struct actions *out)
{
    struct mesh_draft draft;
    if (!try->is_open) {
        struct action_open *open = &actions_append(out, ACTION_OPEN)->open;
        *open = (struct action_open){.association = try->association, .remote = try->remote};
        try->is_open = true;
    }
    try->transmit = random_u64(mesh->random) | 1;
    try->tries++;
    try->at.ns = now.ns + ANSWER_NS;
    if (make_question(mesh, try->transmit, &draft)) {
        struct action_send *send = &actions_append(out, ACTION_SEND)->send;
        *send = (struct action_send){.association = try->association, .destination = try->remote};
        mesh_wire_send(&draft, send);
    }
}

static void run(struct mesh *mesh, struct mesh_try *try, struct mono now, struct actions *out)
{
    if (try->tries >= TRIES_MAX || (is_settled(mesh) && try->tries == 0)) {
        end(try, now, out);
    } else if (try->remote.family == ADDRESS_NONE) {
        resolve(mesh, try, out);
    } else {
        ask(mesh, try, now, out);
    }
}

static void begin_joins(struct mesh *mesh, struct mono now)
{
    for (size_t i = 0; i < mesh->options.join_count && i < MESH_TRIES_MAX; i++) {
        struct mesh_try *try = &mesh->tries[i];
        if (try->association == 0) {
            *try = (struct mesh_try){
                .association = next_association(mesh), .is_join = true, .join = i, .at = now};
        }
    }
}

void mesh_join_run(struct mesh *mesh, struct mono now, struct actions *out)
{
    if (mesh->options.is_lost) {
        return;
    }
    begin_joins(mesh, now);
    for (size_t i = 0; i < MESH_TRIES_MAX; i++) {
        struct mesh_try *try = &mesh->tries[i];
        if (try->association != 0 && try->at.ns <= now.ns && actions_room(out) > 4) {
            run(mesh, try, now, out);
        }
    }
}

struct mono mesh_join_deadline(const struct mesh *mesh)
{
    struct mono deadline = {MESH_NEVER};
    for (size_t i = 0; i < MESH_TRIES_MAX; i++) {
        const struct mesh_try *try = &mesh->tries[i];
        if (try->association != 0 && try->at.ns < deadline.ns) {
            deadline = try->at;
        }
    }
    return deadline;
}

void mesh_join_restart(struct mesh *mesh, struct mono now)
{
    for (size_t i = 0; i < MESH_TRIES_MAX; i++) {
        struct mesh_try *try = &mesh->tries[i];
        if (try->is_open) {
            try->is_join = false;
            try->tries = TRIES_MAX;
            try->at = now;
        } else {
            *try = (struct mesh_try){.association = 0};
        }
    }
}

static struct mesh_try *find_try(struct mesh *mesh, uint32_t association)
{
    for (size_t i = 0; i < MESH_TRIES_MAX; i++) {
        if (mesh->tries[i].association == association && association != 0) {
            return &mesh->tries[i];
        }
    }
    return NULL;
}

void mesh_resolved(struct mesh *mesh, const struct resolved *resolved, struct mono now)
{
    struct mesh_try *try = find_try(mesh, resolved->association);
    if (resolved->association == MESH_DISCOVERY) {
        mesh_discovered(mesh, resolved->addresses, resolved->count, now);
        return;
    }
    if (try == NULL || !try->is_resolving) {
        return;
    }
    try->is_resolving = false;
    try->at.ns = now.ns + (resolved->count > 0 ? 0 : JOIN_AGAIN_NS);
    if (resolved->count > 0) {
        /* Of several addresses another one each time: they may be different nodes. */
        size_t which = random_below(mesh->random, (uint32_t)resolved->count);
        try->remote = resolved->addresses[which];
        mesh_discovered(mesh, resolved->addresses, resolved->count, now);
    }
}

void mesh_refused(struct mesh *mesh, uint32_t association, struct mono now)
{
    struct mesh_try *try = find_try(mesh, association);
    if (try != NULL) {
        try->at.ns = now.ns < try->at.ns ? now.ns + ANSWER_NS : try->at.ns;
    }
}

static bool is_asked(const struct mesh *mesh, const struct address *address)
{
    for (size_t i = 0; i < MESH_TRIES_MAX; i++) {
        if (mesh->tries[i].association != 0 && address_is_same(&mesh->tries[i].remote, address)) {
            return true;
        }
    }
    for (size_t i = 0; i < mesh->count; i++) {
        if (address_is_same(&mesh->members[i].address, address) ||
            address_is_same(&mesh->members[i].hint, address)) {
            return true;
        }
    }
    return false;
}

void mesh_discovered(struct mesh *mesh, const struct address *addresses, size_t count,
                     struct mono now)
{
    size_t place = 0;
    for (size_t i = 0; i < count; i++) {
        while (place < MESH_TRIES_MAX &&
               (mesh->tries[place].association != 0 || place < mesh->options.join_count)) {
            place++;
        }
        if (place < MESH_TRIES_MAX && !is_asked(mesh, &addresses[i])) {
            mesh->tries[place] = (struct mesh_try){
                .association = next_association(mesh), .remote = addresses[i], .at = now};
        }
    }
}

/* It named itself; only what is signed, by the CA or for the session that follows, is believed. */
static enum mesh_verdict meet(struct mesh *mesh, const struct mesh_try *try,
                              const struct mesh_packet *packet, uint64_t id, struct mono now)
{
    size_t member = mesh_find(mesh, id);
    if (!mesh_is_member(mesh, member) && packet->fields.message.size > 0) {
        (void)mesh_post_take_certificate(mesh, packet->fields.message, id, now);
        member = mesh_find(mesh, id);
    }
    if (!mesh_is_member(mesh, member)) {
        return MESH_STRANGER;
    }
    struct mesh_member *known = &mesh->members[member];
    mesh_take_hint(mesh, member, &try->remote, now);
    /* From where it is looked for anyhow, or was: else anybody could say so. */
    if (try->is_join || address_is_same_host(&try->remote, &known->address) ||
        address_is_same_host(&try->remote, &known->spoke_from)) {
        known->has_left = false;
    }
    mesh_table_seat(mesh, now);
    return MESH_HANDLED;
}

enum mesh_verdict mesh_heard(struct mesh *mesh, const struct datagram *datagram, struct mono now,
                             struct actions *out)
{
    struct mesh_packet packet;
    struct report_handshake handshake;
    struct mesh_try *try = find_try(mesh, datagram->association);
    enum mesh_verdict verdict = mesh_wire_read(mesh, datagram, &packet);
    if (verdict != MESH_TIME) {
        return mesh_count_as(mesh, NULL, verdict);
    }
    bool is_answer = try != NULL && try->transmit != 0 && packet.header.mode == MODE_SERVER &&
                     packet.header.origin.bits == try->transmit &&
                     address_is_same(&datagram->source, &try->remote);
    if (!is_answer || packet.fields.handshake.size == 0 ||
        report_handshake_read(packet.fields.handshake, &handshake) != REPORT_OK ||
        handshake.kind != REPORT_COOKIE || handshake.from == mesh->id) {
        return mesh_count_as(mesh, NULL, MESH_UNASKED);
    }
    verdict = meet(mesh, try, &packet, handshake.from, now);
    end(try, now, out);
    return mesh_count_as(mesh, NULL, verdict);
}
