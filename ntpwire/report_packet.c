/* SPDX-License-Identifier: MIT */
/* HANDSHAKE and MESSAGE, and how the fields of a packet go together. */
#include "ntpwire/report_field.h"

#include <string.h>

#define SHARED_SIZE 28 /* of all handshakes: up to the node id of who is addressed */

static size_t handshake_size(unsigned kind)
{
    switch (kind) {
    case REPORT_HELLO:
        return REPORT_HELLO_SIZE;
    case REPORT_COOKIE:
        return REPORT_COOKIE_ANSWER_SIZE;
    case REPORT_ACCEPT:
        return REPORT_ACCEPT_SIZE;
    case REPORT_SESSION_NAK:
        return REPORT_SESSION_NAK_SIZE;
    default:
        return 0;
    }
}

/* Nothing is signed before an address has proved itself, so that a signature asks for no work that
 * a spoofed source could cause. */
static bool is_signed_too_early(const struct report_handshake *handshake)
{
    return handshake->kind == REPORT_HELLO &&
           report_field_is_zero(bytes_make(handshake->cookie, REPORT_COOKIE_SIZE)) &&
           !report_field_is_zero(bytes_make(handshake->signature, REPORT_SIGNATURE_SIZE));
}

static void read_epochs(struct bytes field, struct report_handshake *handshake)
{
    handshake->from_epoch = bytes_u16(field, 28);
    handshake->to_epoch = bytes_u16(field, 30);
    handshake->membership = bytes_u32(field, 32);
    memcpy(handshake->ephemeral, field.data + 36, REPORT_EPHEMERAL_SIZE);
    memcpy(handshake->signature, field.data + field.size - REPORT_SIGNATURE_SIZE,
           REPORT_SIGNATURE_SIZE);
}

enum report_verdict report_handshake_read(struct bytes field, struct report_handshake *handshake)
{
    enum report_verdict verdict = report_field_check(field, REPORT_TYPE_HANDSHAKE, SHARED_SIZE);
    if (verdict != REPORT_OK) {
        return verdict;
    }
    if (bytes_u8(field, 8) != REPORT_VERSION) {
        return REPORT_VERSION_UNKNOWN;
    }
    struct report_handshake read = {.kind = bytes_u8(field, 9)};
    size_t size = handshake_size(read.kind);
    if (size == 0) {
        return REPORT_KIND_UNKNOWN;
    }
    if (bytes_u16(field, 10) != 0) {
        return REPORT_RESERVED;
    }
    if (field.size != size) {
        return REPORT_LENGTH;
    }
    read.from = bytes_u64(field, 12);
    read.to = bytes_u64(field, 20);
    if (read.kind == REPORT_HELLO) {
        read_epochs(field, &read);
        memcpy(read.cookie, field.data + 68, REPORT_COOKIE_SIZE);
    } else if (read.kind == REPORT_ACCEPT) {
        read_epochs(field, &read);
        memcpy(read.hello_hash, field.data + 68, REPORT_HASH_SIZE);
    } else if (read.kind == REPORT_COOKIE) {
        memcpy(read.cookie, field.data + SHARED_SIZE, REPORT_COOKIE_SIZE);
    } else {
        read.session = bytes_u16(field, SHARED_SIZE);
        if (bytes_u16(field, SHARED_SIZE + 2) != 0) {
            return REPORT_RESERVED;
        }
    }
    if (is_signed_too_early(&read)) {
        return REPORT_NO_COOKIE;
    }
    *handshake = read;
    return REPORT_OK;
}

static void write_epochs(uint8_t *out, size_t size, const struct report_handshake *handshake)
{
    bytes_put_u16(out + 28, handshake->from_epoch);
    bytes_put_u16(out + 30, handshake->to_epoch);
    bytes_put_u32(out + 32, handshake->membership);
    memcpy(out + 36, handshake->ephemeral, REPORT_EPHEMERAL_SIZE);
    memcpy(out + size - REPORT_SIGNATURE_SIZE, handshake->signature, REPORT_SIGNATURE_SIZE);
}

size_t report_handshake_write(uint8_t *out, size_t room, const struct report_handshake *handshake)
{
    size_t size = handshake_size(handshake->kind);
    if (size == 0 || size > room || is_signed_too_early(handshake)) {
        return 0;
    }
    report_field_begin(out, REPORT_TYPE_HANDSHAKE, size);
    out[8] = REPORT_VERSION;
    out[9] = handshake->kind;
    bytes_put_u16(out + 10, 0);
    bytes_put_u64(out + 12, handshake->from);
    bytes_put_u64(out + 20, handshake->to);
    if (handshake->kind == REPORT_HELLO) {
        write_epochs(out, size, handshake);
        memcpy(out + 68, handshake->cookie, REPORT_COOKIE_SIZE);
    } else if (handshake->kind == REPORT_ACCEPT) {
        write_epochs(out, size, handshake);
        memcpy(out + 68, handshake->hello_hash, REPORT_HASH_SIZE);
    } else if (handshake->kind == REPORT_COOKIE) {
        memcpy(out + SHARED_SIZE, handshake->cookie, REPORT_COOKIE_SIZE);
    } else {
        bytes_put_u16(out + SHARED_SIZE, handshake->session);
        bytes_put_u16(out + SHARED_SIZE + 2, 0);
    }
    return size;
}

static size_t message_signature_size(unsigned kind)
{
    return kind == REPORT_REF ? 0 : REPORT_SIGNATURE_SIZE;
}

static size_t message_size(unsigned kind, size_t body_size)
{
    return REPORT_MESSAGE_SIZE + (body_size + 3) / 4 * 4 + message_signature_size(kind);
}

/* For writer and reader: the form of a message apart from its length. */
static enum report_verdict check_message(unsigned kind, unsigned fragment, unsigned fragments,
                                         size_t body_size)
{
    if (kind < REPORT_MEMBER || kind > REPORT_REF) {
        return REPORT_KIND_UNKNOWN;
    }
    if (fragment >= fragments || (kind == REPORT_REF && fragments != 1)) {
        return REPORT_FRAGMENT;
    }
    if (body_size > REPORT_MESSAGE_BODY_MAX ||
        (kind == REPORT_REF && body_size != REPORT_REF_BODY_SIZE)) {
        return REPORT_LENGTH;
    }
    return REPORT_OK;
}

enum report_verdict report_message_read(struct bytes field, struct report_message *message)
{
    enum report_verdict verdict =
        report_field_check(field, REPORT_TYPE_MESSAGE, REPORT_MESSAGE_SIZE);
    if (verdict != REPORT_OK) {
        return verdict;
    }
    if (bytes_u8(field, 8) != REPORT_VERSION) {
        return REPORT_VERSION_UNKNOWN;
    }
    struct report_message read = {
        .kind = bytes_u8(field, 9),
        .fragment = bytes_u8(field, 10),
        .fragments = bytes_u8(field, 11),
        .author = bytes_u64(field, 12),
        .sequence = bytes_u32(field, 20),
        .hlc = bytes_u64(field, 24),
        .key_epoch = bytes_u16(field, 34),
    };
    size_t body_size = bytes_u16(field, 32);
    verdict = check_message(read.kind, read.fragment, read.fragments, body_size);
    if (verdict != REPORT_OK) {
        return verdict;
    }
    if (field.size != message_size(read.kind, body_size)) {
        return REPORT_LENGTH;
    }
    size_t signature_offset = field.size - message_signature_size(read.kind);
    size_t body_end = REPORT_MESSAGE_SIZE + body_size;
    if (!report_field_is_zero(bytes_slice(field, body_end, signature_offset - body_end))) {
        return REPORT_PADDING;
    }
    read.body = bytes_slice(field, REPORT_MESSAGE_SIZE, body_size);
    read.signature = bytes_slice(field, signature_offset, field.size - signature_offset);
    *message = read;
    return REPORT_OK;
}

size_t report_message_write(uint8_t *out, size_t room, const struct report_message *message)
{
    if (check_message(message->kind, message->fragment, message->fragments, message->body.size) !=
            REPORT_OK ||
        message->signature.size != message_signature_size(message->kind)) {
        return 0;
    }
    size_t size = message_size(message->kind, message->body.size);
    if (size > room) {
        return 0;
    }
    report_field_begin(out, REPORT_TYPE_MESSAGE, size);
    out[8] = REPORT_VERSION;
    out[9] = message->kind;
    out[10] = message->fragment;
    out[11] = message->fragments;
    bytes_put_u64(out + 12, message->author);
    bytes_put_u32(out + 20, message->sequence);
    bytes_put_u64(out + 24, message->hlc);
    bytes_put_u16(out + 32, (uint16_t)message->body.size);
    bytes_put_u16(out + 34, message->key_epoch);
    memset(out + REPORT_MESSAGE_SIZE, 0, size - REPORT_MESSAGE_SIZE);
    if (message->body.size > 0) {
        memcpy(out + REPORT_MESSAGE_SIZE, message->body.data, message->body.size);
    }
    if (message->signature.size > 0) {
        memcpy(out + size - message->signature.size, message->signature.data,
               message->signature.size);
    }
    return size;
}

static bool is_ours(uint16_t type)
{
    return type >= REPORT_TYPE_REPORT && type <= REPORT_TYPE_MESSAGE;
}

/* Where a field stands among the others: ranks ascend, so that none stands twice. */
enum rank {
    RANK_NONE = 0,
    RANK_HANDSHAKE,
    RANK_REPORT,
    RANK_SIGNATURE,
    RANK_MESSAGE,
    RANK_PAD,
    RANK_SESSION,
    RANK_GROUP
};

static enum report_verdict take_auth(size_t offset, struct bytes field,
                                     struct report_packet *packet, enum rank *rank)
{
    struct report_auth auth;
    enum report_verdict verdict = report_auth_read(field, &auth);
    if (verdict != REPORT_OK) {
        return verdict;
    }
    if (auth.algorithm == REPORT_ED25519) {
        packet->signature = field;
        *rank = RANK_SIGNATURE;
    } else if (auth.algorithm == REPORT_SESSION_HMAC) {
        packet->session = field;
        packet->session_size = offset + REPORT_AUTH_SESSION_TAG_OFFSET;
        *rank = RANK_SESSION;
    } else {
        packet->group = field;
        packet->group_size = offset + REPORT_AUTH_GROUP_TAG_OFFSET;
        *rank = RANK_GROUP;
    }
    return REPORT_OK;
}

static enum report_verdict take_field(size_t offset, struct bytes field,
                                      struct report_packet *packet, enum rank *rank)
{
    uint16_t type = bytes_u16(field, 0);
    switch (type) {
    case REPORT_TYPE_HANDSHAKE:
        packet->handshake = field;
        *rank = RANK_HANDSHAKE;
        break;
    case REPORT_TYPE_REPORT:
        packet->report = field;
        *rank = RANK_REPORT;
        break;
    case REPORT_TYPE_AUTH:
        return take_auth(offset, field, packet, rank);
    case REPORT_TYPE_MESSAGE:
        packet->message = field;
        *rank = RANK_MESSAGE;
        break;
    case REPORT_TYPE_PAD:
        *rank = RANK_PAD;
        return report_pad_read(field);
    default:
        return REPORT_FOREIGN;
    }
    return report_field_check(field, type, REPORT_HEAD_SIZE);
}

static enum report_verdict take_fields(struct bytes datagram, const struct extensions *extensions,
                                       struct report_packet *packet)
{
    enum rank last = RANK_NONE;
    size_t offset = PACKET_SIZE;
    for (size_t i = 0; i < extensions->count; i++) {
        size_t size = EXTENSION_HEADER_SIZE + extensions->fields[i].body.size;
        struct bytes field = bytes_slice(datagram, offset, size);
        enum rank rank = RANK_NONE;
        enum report_verdict verdict = take_field(offset, field, packet, &rank);
        if (verdict != REPORT_OK) {
            return verdict;
        }
        if (rank <= last) {
            return REPORT_ORDER;
        }
        last = rank;
        offset += size;
    }
    return REPORT_OK;
}

/* What may travel without a session: a handshake, and beside it the certificate of who sends it,
 * which others vouch for. */
static bool may_be_alone(const struct report_packet *packet)
{
    bool has_other_message =
        packet->message.size > 0 && (packet->message.size < REPORT_MESSAGE_SIZE ||
                                     bytes_u8(packet->message, 9) != REPORT_MEMBER);
    return packet->handshake.size > 0 && packet->report.size == 0 && !has_other_message;
}

/* What needs what. */
static enum report_verdict check_company(const struct report_packet *packet)
{
    if ((packet->report.size > 0) != (packet->signature.size > 0)) {
        return REPORT_UNSIGNED;
    }
    if (packet->session.size == 0 && !may_be_alone(packet)) {
        return REPORT_NO_SESSION;
    }
    if (packet->report.size == 0) {
        return REPORT_OK;
    }
    if (packet->report.size < REPORT_SIZE) {
        return REPORT_SHORT;
    }
    /* The signature does not cover its own field, and this keeps that field from having two
     * forms. */
    return bytes_u16(packet->signature, 10) == bytes_u16(packet->report, 24) ? REPORT_OK
                                                                             : REPORT_KEY_EPOCH;
}

enum report_verdict report_packet_read(struct bytes datagram, const struct extensions *extensions,
                                       size_t payload_max, struct report_packet *packet)
{
    bool has_ours = false;
    for (size_t i = 0; i < extensions->count; i++) {
        has_ours = has_ours || is_ours(extensions->fields[i].type);
    }
    if (!has_ours) {
        return REPORT_ABSENT;
    }
    if (datagram.size > payload_max) {
        return REPORT_TOO_BIG;
    }
    if (extensions->mac != MAC_NONE) {
        return REPORT_TRAILER;
    }
    struct report_packet read = {.session_size = 0};
    enum report_verdict verdict = take_fields(datagram, extensions, &read);
    if (verdict == REPORT_OK) {
        verdict = check_company(&read);
    }
    if (verdict == REPORT_OK) {
        *packet = read;
    }
    return verdict;
}
