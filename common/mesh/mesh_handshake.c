/* SPDX-License-Identifier: MIT */
/* Sessions: how one is begun, renewed and answered, at a pace that nobody can force. */
#include "common/mesh/mesh_inner.h"
#include <string.h>

/* A handshake of ours is begun anew after so long without an answer, and then ever more rarely. */
#define RETRY_NS (4 * NS_PER_S)
#define RETRY_DOUBLINGS_MAX 4
/* Public-key work for those who have no session: of one member, and of all together. */
#define MEMBER_PER_S 0.25
#define MEMBER_BURST 6
/* Two may be given to one handshake: the first may have come late, from before a rotation. */
#define COOKIES_MAX 2
#define STRANGERS_PER_S 16
#define STRANGERS_BURST 64
#define TRY_ROOM_CERTIFIED 640 /* of a first HELLO, where certificates travel with the answer */

size_t mesh_handshake_size(const struct mesh *mesh)
{
    size_t accept = PACKET_SIZE + REPORT_ACCEPT_SIZE + mesh_wire_tags(mesh, false);
    return mesh->options.ca != NULL ? TRY_ROOM_CERTIFIED : accept;
}

bool mesh_handshake_is_due(const struct mesh *mesh, const struct mesh_contact *contact,
                           struct mono now)
{
    (void)mesh;
    return now.ns >= contact->handshake_at.ns && pairing_is_due(&contact->pairing, now);
}

bool mesh_handshake_offer(struct mesh *mesh, struct mesh_contact *contact, bool is_afresh,
                          struct mono now, uint8_t field[HANDSHAKE_HELLO_SIZE])
{
    unsigned doublings = contact->handshake_tries < RETRY_DOUBLINGS_MAX ? contact->handshake_tries
                                                                        : RETRY_DOUBLINGS_MAX;
    bool is_started = is_afresh ? pairing_start_afresh(&contact->pairing, &mesh->self)
                                : pairing_start(&contact->pairing, &mesh->self, now);
    contact->handshake_tries++;
    contact->cookies = 0;
    contact->handshake_at.ns = now.ns + (RETRY_NS << doublings);
    if (!is_started) {
        return false;
    }
    hello_encode(pairing_hello(&contact->pairing), field);
    return true;
}

/* What goes back to whoever asked: a header without a time, that returns the origin. */
static void begin_answer(struct mesh *mesh, const struct mesh_packet *packet,
                         struct mesh_draft *draft)
{
    uint64_t origin = packet->header.transmit.bits;
    mesh_wire_begin(mesh, draft, packet->datagram->payload.size, origin);
    draft->octets[0] = (uint8_t)((draft->octets[0] & ~7) | MODE_SERVER);
    bytes_put_u64(draft->octets + PACKET_ORIGIN_OFFSET, origin);
    bytes_put_u64(draft->octets + PACKET_RECEIVE_OFFSET, origin);
}

static struct action_send *send_back(const struct mesh_packet *packet, struct actions *out)
{
    struct action_send *send = &actions_append(out, ACTION_SEND)->send;
    send->association = packet->datagram->association;
    send->source = packet->datagram->destination;
    send->destination = packet->datagram->source;
    send->interface = packet->datagram->interface;
    send->wants_stamp = false;
    return send;
}

/* The next step of ours, at once. */
static bool send_hello(struct mesh *mesh, struct mesh_contact *contact,
                       const struct mesh_packet *packet, struct actions *out)
{
    uint8_t field[HANDSHAKE_HELLO_SIZE];
    struct mesh_draft draft;
    uint64_t transmit = random_u64(mesh->random) | 1; /* 0 would mean that none is awaited */
    mesh_wire_begin(mesh, &draft, mesh->options.payload_max, transmit);
    hello_encode(pairing_hello(&contact->pairing), field);
    if (actions_room(out) == 0 || !mesh_wire_add(mesh, &draft, field, sizeof(field))) {
        return false;
    }
    mesh_post_add_certificate(mesh, &draft);
    mesh_wire_pad(mesh, &draft, mesh_handshake_size(mesh));
    if (!mesh_wire_close(mesh, &draft)) {
        return false;
    }
    contact->hello_transmit = transmit;
    struct action_send *send = send_back(packet, out);
    send->source = (struct address){.family = ADDRESS_NONE};
    mesh_wire_send(&draft, send);
    return true;
}

static enum mesh_verdict take_accept(struct mesh *mesh, struct mesh_contact *contact,
                                     const struct mesh_packet *packet, struct mono now)
{
    struct accept accept;
    enum handshake_verdict verdict = HANDSHAKE_LAYOUT;
    if (accept_decode(packet->fields.handshake, &accept)) {
        verdict = pairing_finish(&contact->pairing, &mesh->self, &accept, now);
    }
    mesh->handshake_counts[verdict]++;
    if (verdict != HANDSHAKE_OK) {
        return MESH_HANDSHAKE;
    }
    contact->hello_transmit = 0;
    contact->handshake_tries = 0;
    contact->unanswered = 0;
    mesh->gate_version++;
    return MESH_HANDLED;
}

enum mesh_verdict mesh_handshake_answered(struct mesh *mesh, struct mesh_contact *contact,
                                          const struct mesh_packet *packet, struct mono now,
                                          struct actions *out)
{
    struct report_handshake handshake;
    enum report_verdict form = report_handshake_read(packet->fields.handshake, &handshake);
    if (form != REPORT_OK) {
        mesh->form_counts[form]++;
        return MESH_FORM;
    }
    if (handshake.from != mesh->members[contact->member].id || handshake.to != mesh->id) {
        mesh->handshake_counts[HANDSHAKE_NOT_FOR_US]++;
        return MESH_HANDSHAKE;
    }
    if (handshake.kind == REPORT_ACCEPT) {
        return take_accept(mesh, contact, packet, now);
    }
    if (handshake.kind != REPORT_COOKIE) {
        return MESH_HANDSHAKE; /* a session-NAK proves nothing, and ends nothing */
    }
    if (contact->cookies >= COOKIES_MAX) {
        contact->hello_transmit = 0;
        return MESH_LIMITED;
    }
    contact->cookies++;
    bool is_taken = pairing_take_cookie(&contact->pairing, &mesh->self, handshake.cookie, now) &&
                    send_hello(mesh, contact, packet, out);
    return is_taken ? MESH_HANDLED : MESH_HANDSHAKE;
}

static bool is_blank(const uint8_t *octets, size_t size)
{
    uint8_t seen = 0;
    for (size_t i = 0; i < size; i++) {
        seen |= octets[i];
    }
    return seen == 0;
}

/* Keeps nothing, and costs one MAC. */
static enum mesh_verdict give_cookie(struct mesh *mesh, const struct mesh_packet *packet,
                                     const struct hello *hello, struct actions *out)
{
    struct mesh_draft draft;
    uint8_t field[REPORT_COOKIE_ANSWER_SIZE];
    struct report_handshake answer = {
        .kind = REPORT_COOKIE, .from = mesh->id, .to = hello->initiator};
    if (!cookie_make(&mesh->jar, &packet->datagram->source, hello->ephemeral, answer.cookie)) {
        return MESH_COOKIE;
    }
    begin_answer(mesh, packet, &draft);
    size_t size = report_handshake_write(field, sizeof(field), &answer);
    if (size == 0 || actions_room(out) == 0 || !mesh_wire_add(mesh, &draft, field, size)) {
        return MESH_TOO_SMALL;
    }
    mesh_post_add_certificate(mesh, &draft);
    if (!mesh_wire_close(mesh, &draft)) {
        return MESH_TOO_SMALL;
    }
    mesh_wire_send(&draft, send_back(packet, out));
    return MESH_HANDLED;
}

/* Who sent it: a member, or one whose certificate is good. */
static enum mesh_verdict find_initiator(struct mesh *mesh, const struct mesh_packet *packet,
                                        const struct hello *hello, struct mono now, size_t *member)
{
    *member = mesh_find(mesh, hello->initiator);
    if (!mesh_is_member(mesh, *member) && packet->fields.message.size > 0) {
        enum mesh_verdict verdict =
            mesh_post_take_certificate(mesh, packet->fields.message, hello->initiator, now);
        if (verdict != MESH_HANDLED) {
            return verdict;
        }
        *member = mesh_find(mesh, hello->initiator);
    }
    if (*member == MESH_NOBODY) {
        return MESH_STRANGER;
    }
    return mesh_is_member(mesh, *member) ? MESH_HANDLED : MESH_REVOKED;
}

/* The member's allowance is its own: whatever others send in its name, by which they know no key,
 * takes nothing of it. */
static enum mesh_verdict answer_hello(struct mesh *mesh, struct mesh_contact *contact,
                                      struct mesh_bucket *allowance, const struct hello *hello,
                                      struct mono now, struct accept *accept)
{
    struct mesh_bucket before = *allowance;
    bool is_again = pairing_has_answered(&contact->pairing, hello);
    if (!is_again && !mesh_bucket_take(allowance, MEMBER_PER_S, MEMBER_BURST, now)) {
        return mesh_count_as(mesh, contact, MESH_LIMITED);
    }
    enum handshake_verdict verdict =
        pairing_answer(&contact->pairing, &mesh->self, hello, now, accept);
    mesh->handshake_counts[verdict]++;
    bool is_its_own = verdict == HANDSHAKE_OK || verdict == HANDSHAKE_CROSSED;
    if (!is_its_own) {
        *allowance = before;
    }
    if (verdict != HANDSHAKE_OK) {
        return MESH_HANDSHAKE;
    }
    mesh->gate_version += !is_again;
    return MESH_HANDLED;
}

static enum mesh_verdict send_accept(struct mesh *mesh, const struct mesh_packet *packet,
                                     const struct accept *accept, struct actions *out)
{
    struct mesh_draft draft;
    uint8_t field[HANDSHAKE_ACCEPT_SIZE];
    begin_answer(mesh, packet, &draft);
    accept_encode(accept, field);
    if (actions_room(out) == 0 || !mesh_wire_add(mesh, &draft, field, sizeof(field)) ||
        !mesh_wire_close(mesh, &draft)) {
        return MESH_TOO_SMALL;
    }
    mesh_wire_send(&draft, send_back(packet, out));
    return MESH_HANDLED;
}

enum mesh_verdict mesh_handshake_asked(struct mesh *mesh, const struct mesh_packet *packet,
                                       struct mono now, struct actions *out)
{
    struct hello hello;
    struct accept accept;
    size_t member;
    bool is_hello = hello_decode(packet->fields.handshake, &hello);
    bool is_for_us = is_hello && (hello.responder == mesh->id || hello.responder == 0);
    if (!is_for_us || hello.initiator == mesh->id) {
        mesh->handshake_counts[is_hello ? HANDSHAKE_NOT_FOR_US : HANDSHAKE_LAYOUT]++;
        return MESH_HANDSHAKE;
    }
    cookie_jar_rotate(&mesh->jar, mesh->random, now);
    if (is_blank(hello.cookie, sizeof(hello.cookie))) {
        return give_cookie(mesh, packet, &hello, out);
    }
    if (!cookie_verify(&mesh->jar, &packet->datagram->source, hello.ephemeral, hello.cookie)) {
        return MESH_COOKIE;
    }
    if (!mesh_bucket_take(&mesh->strangers, STRANGERS_PER_S, STRANGERS_BURST, now)) {
        return MESH_LIMITED;
    }
    enum mesh_verdict verdict = find_initiator(mesh, packet, &hello, now, &member);
    if (verdict != MESH_HANDLED) {
        return verdict;
    }
    /* Nobody else makes us take up with a member, and drop another. */
    if (mesh_contact_of(mesh, member) == NULL &&
        !handshake_is_signed(&mesh->self, &mesh->members[member].key, &hello)) {
        mesh->handshake_counts[HANDSHAKE_FORGED]++;
        return MESH_HANDSHAKE;
    }
    struct mesh_contact *contact = mesh_contact_make(mesh, member, now);
    if (contact == NULL) {
        return MESH_NO_ROOM;
    }
    verdict = answer_hello(mesh, contact, &contact->handshakes, &hello, now, &accept);
    return verdict == MESH_HANDLED ? send_accept(mesh, packet, &accept, out) : verdict;
}

enum mesh_verdict mesh_handshake_renewed(struct mesh *mesh, struct mesh_contact *contact,
                                         const struct mesh_packet *packet, struct mono now)
{
    struct hello hello;
    if (!hello_decode(packet->fields.handshake, &hello)) {
        mesh->handshake_counts[HANDSHAKE_LAYOUT]++;
        return MESH_HANDSHAKE;
    }
    enum mesh_verdict verdict =
        answer_hello(mesh, contact, &contact->renewals, &hello, now, &contact->accept);
    contact->owes_accept = verdict == MESH_HANDLED;
    return verdict;
}
