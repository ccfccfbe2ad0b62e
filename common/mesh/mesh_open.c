/* SPDX-License-Identifier: MIT */
/* What comes in: whose it is, and whether that is true; and what is sent in the same exchanges. */
#include "common/mesh/mesh_inner.h"
#include <string.h>

/* A member may ask so often, in the mean and at once. */
#define REQUESTS_PER_S 16
#define REQUESTS_BURST 64
#define UNANSWERED_MAX 2

const char *mesh_verdict_name(enum mesh_verdict verdict)
{
    static const char *const names[MESH_VERDICTS] = {
        [MESH_TIME] = "authentic",
        [MESH_HANDLED] = "handshake",
        [MESH_PLAIN] = "no mesh field",
        [MESH_FORM] = "malformed mesh field",
        [MESH_STRANGER] = "stranger",
        [MESH_GROUP] = "not of the group",
        [MESH_NO_SESSION] = "no such session",
        [MESH_FORGED] = "forged",
        [MESH_REPLAYED] = "replayed",
        [MESH_SIGNATURE] = "bad signature",
        [MESH_AUTHOR] = "other author",
        [MESH_STALE] = "stale report",
        [MESH_FUTURE] = "times do not fit",
        [MESH_HANDSHAKE] = "handshake refused",
        [MESH_COOKIE] = "bad cookie",
        [MESH_UNASKED] = "not asked for",
        [MESH_LIMITED] = "too many",
        [MESH_REVOKED] = "not certified",
        [MESH_LOST] = "own state lost",
        [MESH_TOO_SMALL] = "no room for an answer",
        [MESH_NO_ROOM] = "table full",
    };
    return (unsigned)verdict < MESH_VERDICTS ? names[verdict] : "unknown";
}

enum mesh_verdict mesh_count_as(struct mesh *mesh, struct mesh_contact *contact,
                                enum mesh_verdict verdict)
{
    mesh->counts[verdict]++;
    if (contact != NULL) {
        contact->counts[verdict]++;
    }
    return verdict;
}

uint64_t mesh_count(const struct mesh *mesh, enum mesh_verdict verdict)
{
    return mesh->counts[verdict];
}

static enum mesh_verdict verdict_of(enum session_verdict verdict)
{
    switch (verdict) {
    case SESSION_OK:
        return MESH_TIME;
    case SESSION_REPLAYED:
        return MESH_REPLAYED;
    case SESSION_FORGED:
        return MESH_FORGED;
    default:
        return MESH_NO_SESSION;
    }
}

static enum mesh_verdict open_session(struct mesh *mesh, struct mesh_contact *contact,
                                      const struct mesh_packet *packet, struct mono now)
{
    struct bytes covered = bytes_slice(packet->datagram->payload, 0, packet->fields.session_size);
    const struct session *before = contact->pairing.current;
    enum session_verdict verdict =
        pairing_open(&contact->pairing, now, covered, packet->session.tag.data);
    mesh->gate_version += contact->pairing.current != before;
    return verdict_of(verdict);
}

/* The stamp of the sending event. A message too far ahead is not merged, and counted. */
static void merge_stamp(struct mesh *mesh, const struct mesh_packet *packet, struct mono now)
{
    struct hlc_stamp message = {packet->session.hlc};
    struct hlc_now at = mesh_hlc_now(mesh, now);
    struct hlc_stamp stamp;
    if (message.bits != 0) {
        enum hlc_verdict verdict = hlc_receive(&mesh->hlc, &at, message, &stamp);
        mesh->is_ahead_seen |= verdict == HLC_AHEAD;
    }
}

/* Whether a stamp breaks the rule, the sender's own word tells: its signed latest, and the one
 * figure that holds for the whole mesh. */
static void judge_stamp(const struct mesh *mesh, struct mesh_contact *contact,
                        const struct mesh_packet *packet, const struct member_claim *claim)
{
    struct hlc_stamp message = {packet->session.hlc};
    int64_t sent_ns = timestamp_to_unix_ns(packet->header.transmit, mesh->own.clock.ns);
    struct wall latest = {sent_ns + claim->after_ns};
    if (message.bits != 0 && claim->is_bounded &&
        hlc_is_ahead(message, latest, mesh->options.max_offset_ns)) {
        contact->ahead++;
        contact->is_ahead = true;
    }
}

/* What verified under the session: report, message, stamp. */
static enum mesh_verdict take_contents(struct mesh *mesh, struct mesh_contact *contact,
                                       const struct mesh_packet *packet, struct mono now,
                                       struct actions *out)
{
    contact->heard = now;
    enum mesh_verdict verdict = MESH_TIME;
    if (packet->fields.report.size > 0) {
        verdict = mesh_report_take(mesh, contact, packet, now, out);
    }
    if (verdict != MESH_TIME) {
        return verdict;
    }
    merge_stamp(mesh, packet, now);
    if (packet->fields.message.size > 0) {
        mesh_post_take(mesh, contact, packet->fields.message, now, out);
    }
    return contact->has_report ? MESH_TIME : MESH_STALE;
}

/* An answer tells the time besides. */
static enum mesh_verdict take_answer(struct mesh *mesh, struct mesh_contact *contact,
                                     const struct mesh_packet *packet, struct mono now,
                                     struct mesh_opened *opened, struct actions *out)
{
    contact->unanswered = 0;
    contact->untold = 0;
    enum mesh_verdict verdict = take_contents(mesh, contact, packet, now, out);
    if (verdict != MESH_TIME) {
        return verdict;
    }
    verdict_answered(&contact->verdict, now);
    mesh_confirm_place(mesh, contact->member);
    verdict = mesh_report_claim(mesh, contact, &packet->header, &opened->claim);
    if (verdict == MESH_TIME) {
        judge_stamp(mesh, contact, packet, &opened->claim);
    }
    return verdict;
}

static void fill_opened(const struct mesh *mesh, const struct mesh_contact *contact,
                        const struct mesh_packet *packet, struct mesh_opened *opened)
{
    opened->id = mesh->members[contact->member].id;
    opened->size = packet->datagram->payload.size;
    opened->source = packet->datagram->source;
    memcpy(opened->header, packet->datagram->payload.data, PACKET_SIZE);
}

static bool is_answer_to(const struct packet *header, uint64_t transmit)
{
    return transmit != 0 && header->origin.bits == transmit;
}

enum mesh_verdict mesh_open(struct mesh *mesh, uint64_t id, const struct datagram *datagram,
                            struct reading now, struct mesh_opened *opened, struct actions *out)
{
    struct mesh_packet packet;
    *opened = (struct mesh_opened){.id = id};
    size_t member = mesh_find(mesh, id);
    struct mesh_contact *contact = mesh_contact_of(mesh, member);
    if (contact == NULL || !mesh_is_member(mesh, member)) {
        return mesh_count_as(mesh, NULL, MESH_STRANGER);
    }
    enum mesh_verdict verdict = mesh_wire_read(mesh, datagram, &packet);
    if (verdict == MESH_TIME && packet.header.mode != MODE_SERVER) {
        verdict = MESH_UNASKED;
    }
    if (verdict != MESH_TIME) {
        return mesh_count_as(mesh, contact, verdict);
    }
    if (packet.fields.session.size == 0) {
        bool is_asked = is_answer_to(&packet.header, contact->hello_transmit);
        verdict = is_asked ? mesh_handshake_answered(mesh, contact, &packet, now.mono, out)
                           : MESH_UNASKED;
        opened->is_ready = verdict == MESH_HANDLED && contact->pairing.pending != NULL;
        return mesh_count_as(mesh, contact, verdict);
    }
    verdict = open_session(mesh, contact, &packet, now.mono);
    if (verdict == MESH_TIME && packet.fields.handshake.size > 0) {
        (void)mesh_handshake_answered(mesh, contact, &packet, now.mono, out);
    }
    if (verdict == MESH_TIME) {
        verdict = take_answer(mesh, contact, &packet, now.mono, opened, out);
        fill_opened(mesh, contact, &packet, opened);
    }
    return mesh_count_as(mesh, contact, verdict);
}

/* Whoever has the session that the packet names; the tag decides. */
static enum mesh_verdict find_session(struct mesh *mesh, const struct mesh_packet *packet,
                                      struct mono now, struct mesh_contact **found)
{
    enum mesh_verdict worst = MESH_NO_SESSION;
    for (size_t i = 0; i < MESH_CONTACTS_MAX; i++) {
        struct mesh_contact *contact = mesh->contacts[i];
        if (contact == NULL || !mesh_is_member(mesh, contact->member)) {
            continue;
        }
        enum mesh_verdict verdict = open_session(mesh, contact, packet, now);
        if (verdict == MESH_TIME) {
            *found = contact;
            return verdict;
        }
        worst = verdict != MESH_NO_SESSION ? verdict : worst;
    }
    return worst;
}

bool mesh_wants(const struct mesh *mesh, const struct datagram *datagram)
{
    struct bytes payload = datagram->payload;
    if (mesh->options.is_lost || datagram->to_group ||
        payload.size < PACKET_SIZE + REPORT_AUTH_GROUP_SIZE ||
        packet_version_of(bytes_u8(payload, 0)) != PACKET_VERSION_MAX ||
        packet_mode_of(bytes_u8(payload, 0)) != MODE_CLIENT) {
        return false;
    }
    uint16_t type = bytes_u16(payload, PACKET_SIZE);
    return type >= REPORT_TYPE_REPORT && type <= REPORT_TYPE_MESSAGE &&
           bytes_u32(payload, PACKET_SIZE + 4) == REPORT_MAGIC;
}

static enum mesh_verdict serve_session(struct mesh *mesh, const struct mesh_packet *packet,
                                       struct reading now, struct mesh_opened *opened,
                                       struct actions *out)
{
    struct mesh_contact *contact = NULL;
    enum mesh_verdict verdict = find_session(mesh, packet, now.mono, &contact);
    if (verdict != MESH_TIME) {
        return mesh_count_as(mesh, NULL, verdict);
    }
    if (!mesh_bucket_take(&contact->requests, REQUESTS_PER_S, REQUESTS_BURST, now.mono)) {
        return mesh_count_as(mesh, contact, MESH_LIMITED);
    }
    contact->owes_accept = false;
    if (packet->fields.handshake.size > 0) {
        (void)mesh_handshake_renewed(mesh, contact, packet, now.mono);
    }
    bool had_left = mesh->members[contact->member].has_left;
    verdict = take_contents(mesh, contact, packet, now.mono, out);
    mesh_take_speech(mesh, contact->member, &packet->datagram->source, had_left, now.mono);
    fill_opened(mesh, contact, packet, opened);
    return mesh_count_as(mesh, contact, verdict);
}

enum mesh_verdict mesh_serve(struct mesh *mesh, const struct datagram *datagram, struct reading now,
                             struct mesh_opened *opened, struct actions *out)
{
    struct mesh_packet packet;
    *opened = (struct mesh_opened){.id = 0};
    if (mesh->options.is_lost) {
        return mesh_count_as(mesh, NULL, MESH_LOST);
    }
    enum mesh_verdict verdict = mesh_wire_read(mesh, datagram, &packet);
    if (verdict == MESH_TIME && packet.header.mode != MODE_CLIENT) {
        verdict = MESH_UNASKED;
    }
    if (verdict != MESH_TIME) {
        return mesh_count_as(mesh, NULL, verdict);
    }
    if (packet.fields.session.size > 0) {
        return serve_session(mesh, &packet, now, opened, out);
    }
    return mesh_count_as(mesh, NULL, mesh_handshake_asked(mesh, &packet, now.mono, out));
}

/* Report and signature, if they fit. */
static bool add_report(const struct mesh *mesh, struct mesh_draft *draft)
{
    return mesh->report.is_set &&
           mesh_wire_add(mesh, draft, mesh->report.octets, mesh->report.whole);
}

/* Two requests without an answer may both have had too little room for it. One is rather lost by
 * chance, or overtaken by what the member itself asks with its longer report. */
#define UNANSWERED_SHORT 2

/* So much that an answer with a report like those that were seen has room; and then for the longest
 * that is taken. */
static size_t wanted_size(const struct mesh *mesh, const struct mesh_contact *contact,
                          const struct mesh_draft *draft)
{
    size_t entries = mesh->report.count;
    if (contact->untold >= UNANSWERED_SHORT) {
        entries = MESH_VIEW_MAX;
    } else if (contact->has_report && contact->report.count > entries) {
        entries = contact->report.count;
    } else if (!contact->has_report) {
        entries = mesh->count < MESH_VIEW_MAX ? mesh->count : MESH_VIEW_MAX;
    }
    size_t answer = PACKET_SIZE + REPORT_SIZE + (entries + 1) * REPORT_ENTRY_SIZE +
                    REPORT_AUTH_SIGNATURE_SIZE + mesh_wire_tags(mesh, true);
    size_t own = draft->size + mesh_wire_tags(mesh, true);
    return answer > own ? answer : own;
}

static void note_hello(struct mesh_contact *contact, const struct mesh_draft *draft)
{
    struct bytes header = bytes_make(draft->octets, PACKET_SIZE);
    contact->hello_transmit = bytes_u64(header, PACKET_TRANSMIT_OFFSET);
}

/* Header, a renewal if one is due, our report, a message, and the session's tag. */
static bool dress_session(struct mesh *mesh, struct mesh_contact *contact, struct mono now,
                          struct mesh_draft *draft)
{
    uint8_t hello[HANDSHAKE_HELLO_SIZE];
    draft->has_session = true;
    bool is_renewing = mesh_handshake_is_due(mesh, contact, now) &&
                       mesh_handshake_offer(mesh, contact, false, now, hello) &&
                       mesh_wire_add(mesh, draft, hello, sizeof(hello));
    if (is_renewing) {
        note_hello(contact, draft);
    }
    if (!add_report(mesh, draft)) {
        return false;
    }
    mesh_post_add(mesh, contact, draft, now);
    size_t wanted = wanted_size(mesh, contact, draft);
    wanted += is_renewing ? REPORT_ACCEPT_SIZE : 0;
    contact->untold++;
    mesh_wire_pad(mesh, draft, wanted);
    return mesh_wire_seal(mesh, contact, draft, now);
}

/* Without a session all that can be sent is a HELLO. */
static bool dress_hello(struct mesh *mesh, struct mesh_contact *contact, struct mono now,
                        struct mesh_draft *draft)
{
    uint8_t hello[HANDSHAKE_HELLO_SIZE];
    if (now.ns < contact->handshake_at.ns ||
        !mesh_handshake_offer(mesh, contact, true, now, hello) ||
        !mesh_wire_add(mesh, draft, hello, sizeof(hello))) {
        return false;
    }
    note_hello(contact, draft);
    mesh_wire_pad(mesh, draft, mesh_handshake_size(mesh));
    return mesh_wire_close(mesh, draft);
}

/* A member that restarted knows the session no more, and what it would say of that nobody could
 * believe: from the second request without an answer on every other one is a HELLO. */
static bool is_lost_session(const struct mesh_contact *contact)
{
    return contact->unanswered >= UNANSWERED_MAX && (contact->unanswered - UNANSWERED_MAX) % 2 == 0;
}

static bool dress(struct mesh *mesh, struct mesh_contact *contact, struct mono now,
                  struct mesh_draft *draft)
{
    bool is_afresh = is_lost_session(contact) && now.ns >= contact->handshake_at.ns;
    contact->unanswered++;
    verdict_asked(&contact->verdict, now);
    if (!is_afresh && pairing_has_session(&contact->pairing, now) &&
        dress_session(mesh, contact, now, draft)) {
        return true;
    }
    draft->size = PACKET_SIZE;
    draft->has_session = false;
    return dress_hello(mesh, contact, now, draft);
}

void mesh_dress(struct mesh *mesh, uint64_t id, struct reading now, struct action_send *send)
{
    struct mesh_draft draft = {.size = PACKET_SIZE, .room = mesh->options.payload_max};
    size_t member = mesh_find(mesh, id);
    struct mesh_contact *contact = NULL;
    if (mesh_is_member(mesh, member) && !mesh->options.is_lost) {
        contact = mesh_contact_make(mesh, member, now.mono);
    }
    assert(send->size >= PACKET_SIZE);
    memcpy(draft.octets, send->payload, PACKET_SIZE);
    send->size = 0;
    if (contact != NULL && dress(mesh, contact, now.mono, &draft)) {
        mesh_wire_send(&draft, send);
    }
}

void mesh_answer(struct mesh *mesh, const struct mesh_opened *request, struct reading now,
                 struct action_send *send)
{
    struct mesh_draft draft = {.size = PACKET_SIZE, .room = request->size, .has_session = true};
    struct mesh_contact *contact = mesh_contact_of(mesh, mesh_find(mesh, request->id));
    assert(send->size >= PACKET_SIZE);
    memcpy(draft.octets, send->payload, PACKET_SIZE);
    send->size = 0;
    if (contact == NULL) {
        return;
    }
    if (contact->owes_accept) {
        uint8_t accept[HANDSHAKE_ACCEPT_SIZE];
        accept_encode(&contact->accept, accept);
        (void)mesh_wire_add(mesh, &draft, accept, sizeof(accept));
        contact->owes_accept = false;
    }
    if (!add_report(mesh, &draft)) {
        (void)mesh_count_as(mesh, contact, MESH_TOO_SMALL);
        return;
    }
    mesh_wire_pad(mesh, &draft, draft.room);
    if (mesh_wire_seal(mesh, contact, &draft, now.mono)) {
        mesh_wire_send(&draft, send);
    }
}
