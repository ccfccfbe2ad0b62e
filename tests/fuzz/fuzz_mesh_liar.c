/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/fuzz_mesh_liar.h"

#include <string.h>

/* Who says it, and when: a field that is not as it should be. */
static void spoil_run(struct script *script, struct report *report)
{
    uint32_t value = (uint32_t)take_u64(script, 4);
    switch (take_u8(script) % 8) {
    case 0:
        report->sequence += value - 128;
        break;
    case 1:
        report->incarnation += value % 8 - 1;
        break;
    case 2:
        report->key_epoch = (uint16_t)value;
        break;
    case 3:
        report->membership = value;
        break;
    case 4:
        report->hlc += (uint64_t)value << 16;
        break;
    case 5:
        report->node ^= value & 1;
        break;
    case 6:
        report->disruptions = (uint16_t)value;
        break;
    default:
        memset(report->previous, (int)(value & UINT8_MAX), sizeof(report->previous));
        break;
    }
}

/* What it says of its clock. */
static void spoil_clock(struct script *script, struct report *report)
{
    uint32_t value = (uint32_t)take_u64(script, 4);
    switch (take_u8(script) % 8) {
    case 0:
        report->as_of += value;
        break;
    case 1:
        report->as_of -= (uint64_t)value << 8;
        break;
    case 2:
        report->as_of_mono = (uint64_t)value << take_u8(script) % 32;
        break;
    case 3:
        report->before_f28 = value;
        break;
    case 4:
        report->after_f28 = value;
        break;
    case 5:
        report->drift_ppb = (uint16_t)value;
        report->drift_max_decis = (uint16_t)(value >> 16);
        break;
    case 6:
        report->timescale = value & 1;
        report->timescale_id = report->timescale != 0 ? value >> 8 : 0;
        break;
    default:
        report->tai_offset_s = (int16_t)value;
        break;
    }
}

static void spoil_rest(struct script *script, struct report *report)
{
    uint32_t value = (uint32_t)take_u64(script, 4);
    switch (take_u8(script) % 4) {
    case 0:
        report->hops = (uint8_t)value;
        report->era = (uint8_t)(value >> 8);
        report->leap = value >> 16 & 3;
        break;
    case 1:
        report->flags = (uint16_t)(value & REPORT_FLAGS & ~REPORT_BATCH_ROOT);
        break;
    case 2:
        report->count = (uint8_t)(value % (report->count + 1U));
        break;
    default:
        report->count = (uint8_t)(value % 2);
        report->entries[0] = (struct report_entry){.peer = value,
                                                   .offset_f28 = (int32_t)take_u64(script, 4),
                                                   .delay_f28 = (uint32_t)take_u64(script, 4),
                                                   .state = take_u8(script)};
        break;
    }
}

static void spoil_report(struct script *script, struct report *report)
{
    switch (take_u8(script) % 3) {
    case 0:
        spoil_run(script, report);
        break;
    case 1:
        spoil_clock(script, report);
        break;
    default:
        spoil_rest(script, report);
        break;
    }
}

/* Signed by the liar, whatever it says. */
static size_t write_report(struct world *world, struct script *script, uint8_t *out, size_t room)
{
    const struct mesh *mesh = world->nodes[LIAR];
    struct report report;
    uint8_t signature[IDENTITY_SIGNATURE_SIZE];
    if (!mesh->report.is_set ||
        report_read(bytes_make(mesh->report.octets, mesh->report.size), &report) != REPORT_OK) {
        return 0;
    }
    for (unsigned spoils = take_u8(script) % 4; spoils > 0; spoils--) {
        spoil_report(script, &report);
    }
    size_t size = report_write(out, room, &report);
    if (size == 0 || !identity_scheme_sign(&world->scheme, world_identity(LIAR), IDENTITY_REPORT,
                                           bytes_make(out, size), signature)) {
        return 0;
    }
    struct report_auth auth = {.algorithm = REPORT_ED25519,
                               .id = report.key_epoch,
                               .tag = bytes_make(signature, sizeof(signature))};
    return size + report_auth_write(out + size, room - size, &auth);
}

/* Fields and tag after the header, under the liar's session with that node. */
static bool finish(struct world *world, enum world_node to, struct script *script,
                   struct bytes report, struct bytes message, struct world_packet *packet)
{
    struct mesh *mesh = world->nodes[LIAR];
    struct mesh_contact *contact = world_contact(world, LIAR, to);
    struct mesh_draft draft = {.size = PACKET_SIZE, .room = MESH_DATAGRAM_MAX, .has_session = true};
    memcpy(draft.octets, packet->octets, PACKET_SIZE);
    if (contact == NULL || !pairing_has_session(&contact->pairing, world->now)) {
        return false;
    }
    bool fits = report.size == 0 || mesh_wire_add(mesh, &draft, report.data, report.size);
    fits = (message.size == 0 || mesh_wire_add(mesh, &draft, message.data, message.size)) && fits;
    mesh_wire_pad(mesh, &draft, take_u64(script, 2) % MESH_DATAGRAM_MAX);
    if (!fits || !mesh_wire_seal(mesh, contact, &draft, world->now)) {
        return false;
    }
    packet->from = LIAR;
    packet->to = to;
    packet->size = draft.size;
    memcpy(packet->octets, draft.octets, draft.size);
    world_remember(world, packet);
    return true;
}

/* A header that asks; its timestamps mean something to nobody but the sender. */
static void write_request(struct world *world, struct world_packet *packet)
{
    struct packet request = {.version = PACKET_VERSION_MAX,
                             .mode = MODE_CLIENT,
                             .transmit = {random_u64(&world->random)}};
    packet->is_answer = false;
    packet_write(&request, packet->octets);
}

static void send_lie(struct world *world, enum world_node to, struct script *script,
                     struct bytes report, struct bytes message)
{
    struct world_packet packet, reply;
    write_request(world, &packet);
    if (finish(world, to, script, report, message, &packet)) {
        (void)world_deliver(world, &packet, true, &reply);
    }
}

void liar_report(struct world *world, struct script *script)
{
    uint8_t octets[MESH_DATAGRAM_MAX];
    enum world_node to = take_honest(script);
    world_look(world, LIAR);
    size_t size = write_report(world, script, octets, sizeof(octets));
    send_lie(world, to, script, bytes_make(octets, size), bytes_make(NULL, 0));
}

void liar_answer(struct world *world, struct script *script)
{
    uint8_t octets[MESH_DATAGRAM_MAX];
    struct world_packet request, reply, packet = {.is_answer = true};
    enum world_node to = take_honest(script);
    uint64_t shift = take_u64(script, 2);
    if (!world_request(world, to, LIAR, &request) ||
        world_deliver(world, &request, true, &reply) != MESH_TIME) {
        return;
    }
    world_answer_header(world, request.octets, packet.octets);
    bytes_put_u64(packet.octets + PACKET_TRANSMIT_OFFSET,
                  bytes_u64(bytes_make(packet.octets, PACKET_SIZE), PACKET_TRANSMIT_OFFSET) +
                      (shift << take_u8(script) % 48));
    size_t size = write_report(world, script, octets, sizeof(octets));
    if (finish(world, to, script, bytes_make(octets, size), bytes_make(NULL, 0), &packet)) {
        (void)world_deliver(world, &packet, true, &reply);
    }
}

/* Reports that were on the wire, as a member passes them on: the evidence of a message. */
static size_t gather_reports(const struct world *world, struct script *script, uint8_t *out,
                             size_t room)
{
    size_t size = 0;
    for (int i = 0; i < 2; i++) {
        const struct world_packet *packet = &world->history[take_u8(script) % WORLD_HISTORY];
        struct bytes octets = bytes_make(packet->octets, packet->size);
        size_t at = PACKET_SIZE;
        bool is_report =
            octets.size >= at + 4 && bytes_u16(octets, at) == (uint16_t)REPORT_TYPE_REPORT;
        size_t length = is_report ? bytes_u16(octets, at + 2) + REPORT_AUTH_SIGNATURE_SIZE : 0;
        if (length > 0 && at + length <= octets.size && size + length <= room) {
            memcpy(out + size, octets.data + at, length);
            size += length;
        }
    }
    return size;
}

/* Signed by the liar; 0 if it has no form on the wire. */
static size_t write_message(const struct world *world, struct report_message *message, uint8_t *out,
                            size_t room)
{
    uint8_t signature[IDENTITY_SIGNATURE_SIZE] = {0};
    message->signature = bytes_make(signature, sizeof(signature));
    size_t size = report_message_write(out, room, message);
    if (size <= sizeof(signature) || message->kind == REPORT_REF) {
        return size;
    }
    FUZZ_REQUIRE(identity_scheme_sign(&world->scheme, world_identity(LIAR), IDENTITY_MESSAGE,
                                      bytes_make(out, size - sizeof(signature)), signature));
    memcpy(out + size - sizeof(signature), signature, sizeof(signature));
    return size;
}

static void send_message(struct world *world, enum world_node to, struct script *script,
                         struct report_message *message, struct bytes body)
{
    uint8_t field[MESH_DATAGRAM_MAX];
    for (size_t i = 0; i < message->fragments; i++) {
        size_t offset = i * MESH_FRAGMENT_SIZE < body.size ? i * MESH_FRAGMENT_SIZE : body.size;
        size_t left = body.size - offset;
        message->fragment = (uint8_t)i;
        message->body =
            bytes_make(body.data + offset, left < MESH_FRAGMENT_SIZE ? left : MESH_FRAGMENT_SIZE);
        size_t size = write_message(world, message, field, sizeof(field));
        if (size > 0) {
            send_lie(world, to, script, bytes_make(NULL, 0), bytes_make(field, size));
        }
    }
}

void liar_message(struct world *world, struct script *script)
{
    uint8_t body[MESH_LETTER_MAX];
    enum world_node to = take_honest(script);
    uint8_t kind = take_u8(script) % 9, form = take_u8(script);
    size_t size = 0;
    if ((form & 1) != 0) {
        size = gather_reports(world, script, body, sizeof(body));
    }
    if ((form & 2) != 0) {
        bytes_put_u64(body, world_id(take_node(script)));
        size = size < 8 ? 8 : size;
    }
    for (size_t left = take_u8(script); left > 0 && size < MESH_FRAGMENT_SIZE; left--) {
        body[size++] = take_u8(script);
    }
    size_t fragments = (form & 4) != 0 ? 1 + take_u8(script) % 16U
                                       : (size + MESH_FRAGMENT_SIZE - 1) / MESH_FRAGMENT_SIZE;
    fragments = fragments == 0 ? 1 : fragments;
    struct report_message message = {.kind = kind,
                                     .fragments = (uint8_t)fragments,
                                     .author = world_id((form & 8) != 0 ? take_node(script) : LIAR),
                                     .sequence = (form & 16) != 0
                                                     ? (uint32_t)take_u64(script, 4)
                                                     : ++world->nodes[LIAR]->post_sequence,
                                     .hlc = mesh_stamp_bits(world->nodes[LIAR], world->now) +
                                            ((form & 32) != 0 ? UINT64_C(1) << 60 : 0)};
    send_message(world, to, script, &message, bytes_make(body, size));
}

static void spoil_hello(struct script *script, struct hello *hello)
{
    switch (take_u8(script) % 6) {
    case 0:
        hello->initiator = world_id(take_node(script));
        break;
    case 1:
        hello->responder = take_u8(script) % 2 == 0 ? 0 : world_id(take_node(script));
        break;
    case 2:
        hello->initiator_epoch = (uint16_t)take_u64(script, 2);
        break;
    case 3:
        hello->responder_epoch = (uint16_t)take_u64(script, 2);
        break;
    case 4:
        hello->membership_epoch = (uint32_t)take_u64(script, 4);
        break;
    default:
        hello->ephemeral[take_u8(script) % SECRET_SIZE] ^= take_u8(script);
        break;
    }
}

static void write_hello(struct world *world, struct script *script, const uint8_t *cookie,
                        const struct handshake *handshake, struct world_packet *packet)
{
    uint8_t field[HANDSHAKE_HELLO_SIZE];
    struct mesh_draft draft;
    struct hello hello = handshake->hello;
    if (cookie != NULL) {
        memcpy(hello.cookie, cookie, COOKIE_SIZE);
        for (unsigned spoils = take_u8(script) % 4; spoils > 0; spoils--) {
            spoil_hello(script, &hello);
        }
    }
    hello_encode(&hello, field);
    if (cookie != NULL) {
        struct bytes covered = bytes_make(field, sizeof(field) - IDENTITY_SIGNATURE_SIZE);
        FUZZ_REQUIRE(identity_scheme_sign(&world->scheme, world_identity(LIAR), IDENTITY_HELLO,
                                          covered, hello.signature));
        hello_encode(&hello, field);
    }
    mesh_wire_begin(world->nodes[LIAR], &draft, REPORT_PAYLOAD_MAX, random_u64(&world->random));
    packet->size = 0;
    if (mesh_wire_add(world->nodes[LIAR], &draft, field, sizeof(field))) {
        mesh_wire_pad(world->nodes[LIAR], &draft, take_u64(script, 2) % REPORT_PAYLOAD_MAX);
        packet->size = mesh_wire_close(world->nodes[LIAR], &draft) ? draft.size : 0;
        memcpy(packet->octets, draft.octets, draft.size);
    }
    packet->is_answer = false;
    world_remember(world, packet);
}

void liar_hello(struct world *world, struct script *script)
{
    struct handshake handshake;
    struct handshake_peer peer = {.id = 0};
    struct world_packet packet = {.from = LIAR, .to = take_honest(script)}, reply;
    struct report_packet fields;
    struct report_handshake answer;
    struct extensions extensions;
    peer.id = world_id(packet.to);
    FUZZ_REQUIRE(handshake_start(&handshake, &world->nodes[LIAR]->self, &peer));
    write_hello(world, script, NULL, &handshake, &packet);
    bool is_answered =
        packet.size > 0 && world_deliver(world, &packet, true, &reply) == MESH_HANDLED;
    struct bytes octets = bytes_make(reply.octets, is_answered ? reply.size : 0);
    if (octets.size > 0 && extension_parse(octets, PACKET_VERSION_MAX, &extensions) == PACKET_OK &&
        report_packet_read(octets, &extensions, REPORT_PAYLOAD_MAX, &fields) == REPORT_OK &&
        report_handshake_read(fields.handshake, &answer) == REPORT_OK) {
        write_hello(world, script, answer.cookie, &handshake, &packet);
        if (packet.size > 0) {
            (void)world_deliver(world, &packet, true, &reply);
        }
    }
    handshake_clear(&handshake);
}

void liar_certificate(struct world *world, struct script *script)
{
    uint8_t octets[CERTIFICATE_SIZE_MAX];
    enum world_node to = take_honest(script);
    bool is_true = take_u8(script) % 2 != 0;
    struct certificate certificate = {.epoch = take_u8(script), .expiry_s = take_u64(script, 5)};
    enum world_node of = take_node(script);
    struct public_key key = *identity_public_key(world_identity(of));
    uint8_t change = take_u8(script);
    /* By an epoch that an honest node has not begun the CA would revoke the key that it has. */
    if (of != LIAR && change == 0) {
        certificate.epoch = 0;
    }
    key.octets[0] ^= change;
    FUZZ_REQUIRE(certificate_node_set_key(&certificate.node, &key));
    FUZZ_REQUIRE(certificate_node_set_address(&certificate.node, "192.0.2.77"));
    size_t size = certificate_write(&certificate, is_true ? world_ca() : world_identity(LIAR),
                                    &world->scheme, octets);
    if (size == 0) {
        return;
    }
    struct report_message message = {.kind = REPORT_MEMBER,
                                     .fragments = 1,
                                     .author = world_id(LIAR),
                                     .sequence = ++world->nodes[LIAR]->post_sequence};
    size_t members = world->nodes[to]->count;
    send_message(world, to, script, &message, bytes_make(octets, size));
    FUZZ_REQUIRE(world->nodes[to]->count == members || (is_true && world->is_open_to_certified));
}
