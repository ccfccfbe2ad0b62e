/* SPDX-License-Identifier: MIT */
/* Messages: what members tell each other beside the time. Each is signed by its author, who sends
 * it himself; they travel in requests only, whose transmit time is taken after they are signed. */
#include "common/mesh/mesh_inner.h"
#include <string.h>

#define LETTER_LIFE_NS (256 * NS_PER_S)
#define PARCEL_LIFE_NS (256 * NS_PER_S)
/* Certificates are told often while there are new ones, and seldom else. */
#define GOSSIP_NEWS_NS (600 * NS_PER_S)
#define GOSSIP_NS (256 * NS_PER_S)
#define GOSSIP_OWN_ROUNDS 4 /* one in so many is our own */
/* A member's messages cost a signature each. */
#define POST_PER_S 1.0
#define POST_BURST 32

static struct mesh_letter *find_place(struct mesh *mesh, struct mono now)
{
    struct mesh_letter *oldest = &mesh->letters[0];
    for (size_t i = 0; i < MESH_LETTERS_MAX; i++) {
        struct mesh_letter *letter = &mesh->letters[i];
        if (letter->kind == 0 || now.ns - letter->posted.ns > LETTER_LIFE_NS) {
            return letter;
        }
        oldest = letter->posted.ns < oldest->posted.ns ? letter : oldest;
    }
    return oldest;
}

void mesh_post(struct mesh *mesh, uint64_t to, enum report_message_kind kind, struct bytes body,
               struct mono now)
{
    assert(body.size <= MESH_LETTER_MAX);
    struct mesh_letter *letter = find_place(mesh, now);
    memset(letter, 0, offsetof(struct mesh_letter, body));
    letter->to = to;
    letter->posted = now;
    letter->hlc = mesh_stamp_bits(mesh, now);
    letter->sequence = ++mesh->post_sequence;
    letter->kind = (uint8_t)kind;
    letter->size = (uint16_t)body.size;
    size_t fragments = (body.size + MESH_FRAGMENT_SIZE - 1) / MESH_FRAGMENT_SIZE;
    letter->fragments = fragments > 0 ? (uint8_t)fragments : 1;
    if (body.size > 0) {
        memcpy(letter->body, body.data, body.size);
    }
}

/* A whole MESSAGE field; 0 if it could not be signed. */
static size_t write_message(const struct mesh *mesh, struct report_message *message, uint8_t *out,
                            size_t room)
{
    uint8_t signature[IDENTITY_SIGNATURE_SIZE] = {0};
    message->author = mesh->id;
    message->key_epoch = mesh->options.key_epoch;
    message->signature = bytes_make(signature, sizeof(signature));
    size_t size = report_message_write(out, room, message);
    if (size == 0 ||
        !identity_scheme_sign(mesh->options.scheme, mesh->options.identity, IDENTITY_MESSAGE,
                              bytes_make(out, size - sizeof(signature)), signature)) {
        return 0;
    }
    memcpy(out + size - sizeof(signature), signature, sizeof(signature));
    return size;
}

static size_t write_fragment(const struct mesh *mesh, const struct mesh_letter *letter,
                             uint8_t fragment, uint8_t *out, size_t room)
{
    size_t offset = (size_t)fragment * MESH_FRAGMENT_SIZE;
    size_t left = letter->size - offset;
    struct report_message message = {
        .kind = letter->kind,
        .fragment = fragment,
        .fragments = letter->fragments,
        .sequence = letter->sequence,
        .hlc = letter->hlc,
        .body = bytes_make(letter->body + offset,
                           left < MESH_FRAGMENT_SIZE ? left : MESH_FRAGMENT_SIZE)};
    return write_message(mesh, &message, out, room);
}

/* The note that is due, in turns; made anew each time it is sent. */
static void add_note(struct mesh *mesh, struct mesh_contact *contact, struct mesh_draft *draft,
                     struct mono now)
{
    static const uint8_t kinds[MESH_NOTES] = {
        [MESH_NOTE_ELECT] = REPORT_ELECT, [MESH_NOTE_DIFFERENCE] = REPORT_DIFFERENCE};
    uint8_t field[REPORT_MESSAGE_SIZE + BERKELEY_DIFFERENCE_SIZE + IDENTITY_SIGNATURE_SIZE];
    enum mesh_note_kind kind =
        contact->noted == MESH_NOTE_ELECT ? MESH_NOTE_DIFFERENCE : MESH_NOTE_ELECT;
    if (!contact->notes[kind].is_due) {
        kind = contact->noted;
    }
    struct mesh_note *note = &contact->notes[kind];
    if (!note->is_due || mesh_wire_left(mesh, draft) < sizeof(field)) {
        return;
    }
    struct report_message message = {.kind = kinds[kind],
                                     .fragments = 1,
                                     .sequence = ++mesh->post_sequence,
                                     .hlc = mesh_stamp_bits(mesh, now),
                                     .body = bytes_make(note->body, note->size)};
    size_t size = write_message(mesh, &message, field, sizeof(field));
    if (size > 0 && mesh_wire_add(mesh, draft, field, size)) {
        note->is_due = false;
        contact->noted = kind;
    }
}

static bool is_for(const struct mesh_letter *letter, uint64_t id, size_t contact, struct mono now)
{
    return letter->kind != 0 && (letter->to == 0 || letter->to == id) &&
           letter->told[contact] < letter->fragments &&
           now.ns - letter->posted.ns <= LETTER_LIFE_NS;
}

void mesh_post_add(struct mesh *mesh, struct mesh_contact *contact, struct mesh_draft *draft,
                   struct mono now)
{
    const struct mesh_member *member = &mesh->members[contact->member];
    size_t index = (size_t)member->contact - 1;
    uint8_t field[REPORT_MESSAGE_SIZE + MESH_FRAGMENT_SIZE + IDENTITY_SIGNATURE_SIZE];
    struct mesh_letter *next = NULL;
    for (size_t i = 0; i < MESH_LETTERS_MAX; i++) {
        struct mesh_letter *letter = &mesh->letters[i];
        if (is_for(letter, member->id, index, now) &&
            (next == NULL || letter->sequence < next->sequence)) {
            next = letter;
        }
    }
    if (next == NULL) {
        add_note(mesh, contact, draft, now);
        return;
    }
    if (mesh_wire_left(mesh, draft) < sizeof(field)) {
        return;
    }
    size_t size = write_fragment(mesh, next, next->told[index], field, sizeof(field));
    if (size > 0 && mesh_wire_add(mesh, draft, field, size)) {
        next->told[index]++;
    }
}

bool mesh_post_leave(struct mesh *mesh, struct mesh_draft *draft, struct mono now)
{
    uint8_t field[REPORT_MESSAGE_SIZE + IDENTITY_SIGNATURE_SIZE];
    struct report_message message = {.kind = REPORT_LEAVE,
                                     .fragments = 1,
                                     .sequence = ++mesh->post_sequence,
                                     .hlc = mesh_stamp_bits(mesh, now),
                                     .body = {.data = NULL, .size = 0}};
    size_t size = write_message(mesh, &message, field, sizeof(field));
    return size > 0 && mesh_wire_add(mesh, draft, field, size);
}

static bool may_tell_of(const struct mesh *mesh, size_t member)
{
    const struct mesh_certified *certified = mesh->members[member].certified;
    return certified != NULL && mesh_is_member(mesh, member) &&
           !mesh_certificate_is_over(mesh, certified);
}

/* A certificate of somebody, told to all: so that who knows one learns the rest. Ours is told first
 * and now and then, as those that know us would not learn otherwise that it is a new one. */
void mesh_post_gossip(struct mesh *mesh, struct mono now)
{
    size_t known = 0;
    bool is_news = now.ns - mesh->grown.ns < GOSSIP_NEWS_NS;
    if (mesh->gossiped.ns != 0 && !is_news && now.ns - mesh->gossiped.ns < GOSSIP_NS) {
        return;
    }
    mesh->gossiped = now;
    struct bytes own = mesh->options.certificate;
    if (mesh->gossips++ % GOSSIP_OWN_ROUNDS == 0 && mesh->certificate_size > 0) {
        mesh_post(mesh, 0, REPORT_MEMBER, own, now);
        return;
    }
    for (size_t i = 0; i < mesh->count; i++) {
        known += may_tell_of(mesh, i);
    }
    size_t turn = known > 0 ? random_below(mesh->random, (uint32_t)known) : 0;
    for (size_t i = 0; i < mesh->count && known > 0; i++) {
        if (may_tell_of(mesh, i) && turn-- == 0) {
            const struct mesh_certified *certified = mesh->members[i].certified;
            mesh_post(mesh, 0, REPORT_MEMBER, bytes_make(certified->octets, certified->size), now);
            return;
        }
    }
}

void mesh_post_add_certificate(const struct mesh *mesh, struct mesh_draft *draft)
{
    if (mesh->certificate_size > 0) {
        (void)mesh_wire_add(mesh, draft, mesh->certificate_field, mesh->certificate_size);
    }
}

/* Made once: it says the same for ever. */
bool mesh_post_make_certificate(struct mesh *mesh)
{
    struct mesh_letter letter = {.kind = REPORT_MEMBER, .fragments = 1};
    struct bytes body = mesh->options.certificate;
    mesh->certificate_size = 0;
    if (body.size == 0 || body.size > MESH_FRAGMENT_SIZE) {
        return body.size == 0;
    }
    letter.size = (uint16_t)body.size;
    memcpy(letter.body, body.data, body.size);
    mesh->certificate_size =
        write_fragment(mesh, &letter, 0, mesh->certificate_field, sizeof(mesh->certificate_field));
    return mesh->certificate_size > 0;
}

enum mesh_verdict mesh_post_take_certificate(struct mesh *mesh, struct bytes field, uint64_t id,
                                             struct mono now)
{
    struct report_message message;
    if (report_message_read(field, &message) != REPORT_OK || message.kind != REPORT_MEMBER ||
        message.fragments != 1) {
        return MESH_FORM;
    }
    return mesh_admit_certified(mesh, message.body, id, now);
}

/* A message is whole. */
static enum mesh_post_verdict take_whole(struct mesh *mesh, struct mesh_contact *contact,
                                         uint8_t kind, struct bytes body, struct mono now,
                                         struct actions *out)
{
    switch (kind) {
    case REPORT_MEMBER: {
        enum mesh_verdict verdict = mesh_admit_certified(mesh, body, 0, now);
        return verdict == MESH_HANDLED ? MESH_POST_TAKEN : MESH_POST_REFUSED;
    }
    case REPORT_EVIDENCE:
        return mesh_judge_evidence(mesh, contact, body, now, out);
    case REPORT_ACCUSATION:
        return mesh_judge_accusation(mesh, contact, body, now, out);
    case REPORT_LEAVE:
        return mesh_take_leave(mesh, contact, now, out);
    case REPORT_ELECT:
    case REPORT_DIFFERENCE:
        return mesh_berkeley_take(mesh, contact, kind, body, now, out);
    default:
        return MESH_POST_KIND;
    }
}

/* The pieces of that message, in place of those of another. */
static struct mesh_parcel *find_parcel(struct mesh_contact *contact,
                                       const struct report_message *message, struct mono now)
{
    struct mesh_parcel *parcel = &contact->parcel;
    if (parcel->got == 0 || now.ns - parcel->begun.ns > PARCEL_LIFE_NS ||
        parcel->sequence != message->sequence || parcel->kind != message->kind ||
        parcel->fragments != message->fragments) {
        memset(parcel, 0, offsetof(struct mesh_parcel, octets));
        parcel->begun = now;
        parcel->sequence = message->sequence;
        parcel->kind = message->kind;
        parcel->fragments = message->fragments;
    }
    return parcel;
}

/* True when it is whole; *body is then all of it. */
static bool add_part(struct mesh_contact *contact, const struct report_message *message,
                     struct mono now, struct bytes *body)
{
    struct mesh_parcel *parcel = find_parcel(contact, message, now);
    bool is_last = message->fragment + 1 == message->fragments;
    if (!is_last && message->body.size != MESH_FRAGMENT_SIZE) {
        return false;
    }
    if (message->body.size > 0) {
        memcpy(parcel->octets + (size_t)message->fragment * MESH_FRAGMENT_SIZE, message->body.data,
               message->body.size);
    }
    parcel->size[message->fragment] = (uint16_t)message->body.size;
    parcel->got |= (uint16_t)(1U << message->fragment);
    if (parcel->got != (1U << message->fragments) - 1U) {
        return false;
    }
    size_t whole = (size_t)(message->fragments - 1) * MESH_FRAGMENT_SIZE +
                   parcel->size[message->fragments - 1];
    *body = bytes_make(parcel->octets, whole);
    return true;
}

static enum mesh_post_verdict judge_form(const struct mesh *mesh,
                                         const struct mesh_contact *contact, struct bytes field,
                                         struct report_message *message)
{
    const struct mesh_member *member = &mesh->members[contact->member];
    if (report_message_read(field, message) != REPORT_OK ||
        message->body.size > MESH_FRAGMENT_SIZE || message->fragments > MESH_FRAGMENTS_MAX) {
        return MESH_POST_FORM;
    }
    if (message->kind == REPORT_REF) {
        return MESH_POST_KIND;
    }
    if (message->author != member->id) {
        return MESH_POST_FORGED;
    }
    return message->sequence <= contact->post_seen ? MESH_POST_AGAIN : MESH_POST_TAKEN;
}

static enum mesh_post_verdict take(struct mesh *mesh, struct mesh_contact *contact,
                                   struct bytes field, struct mono now, struct actions *out)
{
    struct report_message message;
    struct bytes body;
    enum mesh_post_verdict verdict = judge_form(mesh, contact, field, &message);
    if (verdict != MESH_POST_TAKEN) {
        return verdict;
    }
    if (!mesh_bucket_take(&contact->post, POST_PER_S, POST_BURST, now)) {
        return MESH_POST_REFUSED;
    }
    struct bytes covered = bytes_slice(field, 0, field.size - message.signature.size);
    if (!identity_scheme_verify(mesh->options.scheme, &mesh->members[contact->member].key,
                                IDENTITY_MESSAGE, covered, message.signature.data)) {
        return MESH_POST_FORGED;
    }
    if (!add_part(contact, &message, now, &body)) {
        return MESH_POST_PART;
    }
    contact->post_seen = message.sequence;
    verdict = take_whole(mesh, contact, message.kind, body, now, out);
    contact->parcel.got = 0;
    return verdict;
}

void mesh_post_take(struct mesh *mesh, struct mesh_contact *contact, struct bytes field,
                    struct mono now, struct actions *out)
{
    mesh->post_counts[take(mesh, contact, field, now, out)]++;
}
