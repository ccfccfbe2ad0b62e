/* SPDX-License-Identifier: MIT */
/* The fields and tags of a packet: how one is read, and how one is put together. */
#include "common/mesh/mesh_inner.h"
#include <string.h>

/* What says nothing of our clock: no time, no stratum (RFC 5905, 7.3). */
#define LEAP_SAYS_NOTHING (LEAP_UNSYNCHRONISED << 6)
#define PAD_MIN ((size_t)16)
#define PAD_MIN_LAST ((size_t)28) /* RFC 7822: where no MAC follows */

static enum mesh_verdict refuse_form(struct mesh *mesh, enum report_verdict verdict)
{
    mesh->form_counts[verdict]++;
    return verdict == REPORT_ABSENT ? MESH_PLAIN : MESH_FORM;
}

static bool group_tag(const struct mesh *mesh, struct bytes covered, uint8_t mac[SECRET_SIZE])
{
    return secret_hmac(bytes_make(mesh->options.group_key, SECRET_SIZE), covered, mac);
}

/* The flood filter: it admits nobody, and stands before all work with other keys. */
static bool is_of_group(const struct mesh *mesh, const struct mesh_packet *packet)
{
    struct report_auth auth;
    uint8_t mac[SECRET_SIZE];
    if (mesh->options.group_key == NULL) {
        return true;
    }
    return packet->fields.group.size > 0 &&
           report_auth_read(packet->fields.group, &auth) == REPORT_OK &&
           auth.id == mesh->options.group_id &&
           group_tag(mesh, bytes_slice(packet->datagram->payload, 0, packet->fields.group_size),
                     mac) &&
           secret_is_equal(mac, auth.tag.data, SECRET_TAG_SIZE);
}

enum mesh_verdict mesh_wire_read(struct mesh *mesh, const struct datagram *datagram,
                                 struct mesh_packet *packet)
{
    struct extensions extensions;
    *packet = (struct mesh_packet){.datagram = datagram};
    if (packet_parse(datagram->payload, &packet->header) != PACKET_OK ||
        packet->header.version != PACKET_VERSION_MAX ||
        extension_parse(datagram->payload, packet->header.version, &extensions) != PACKET_OK) {
        return MESH_PLAIN;
    }
    enum report_verdict verdict = report_packet_read(datagram->payload, &extensions,
                                                     mesh->options.payload_max, &packet->fields);
    if (verdict == REPORT_OK && packet->fields.session.size > 0) {
        verdict = report_auth_read(packet->fields.session, &packet->session);
    }
    if (verdict != REPORT_OK) {
        return refuse_form(mesh, verdict);
    }
    return is_of_group(mesh, packet) ? MESH_TIME : MESH_GROUP;
}

size_t mesh_wire_tags(const struct mesh *mesh, bool has_session)
{
    size_t session = has_session ? REPORT_AUTH_SESSION_SIZE : 0;
    size_t group = mesh->options.group_key != NULL ? REPORT_AUTH_GROUP_SIZE : 0;
    return session + group;
}

void mesh_wire_begin(struct mesh *mesh, struct mesh_draft *draft, size_t room, uint64_t transmit)
{
    draft->room = room < mesh->options.payload_max ? room : mesh->options.payload_max;
    draft->size = PACKET_SIZE;
    draft->has_session = false;
    memset(draft->octets, 0, PACKET_SIZE);
    draft->octets[0] = LEAP_SAYS_NOTHING | PACKET_VERSION_MAX << 3 | MODE_CLIENT;
    bytes_put_u64(draft->octets + PACKET_TRANSMIT_OFFSET, transmit);
}

size_t mesh_wire_left(const struct mesh *mesh, const struct mesh_draft *draft)
{
    size_t taken = draft->size + mesh_wire_tags(mesh, draft->has_session);
    return taken < draft->room ? draft->room - taken : 0;
}

bool mesh_wire_add(const struct mesh *mesh, struct mesh_draft *draft, const uint8_t *octets,
                   size_t size)
{
    if (size > mesh_wire_left(mesh, draft)) {
        return false;
    }
    memcpy(draft->octets + draft->size, octets, size);
    draft->size += size;
    return true;
}

void mesh_wire_pad(const struct mesh *mesh, struct mesh_draft *draft, size_t size)
{
    size_t tags = mesh_wire_tags(mesh, draft->has_session);
    size_t least = tags == 0 ? PAD_MIN_LAST : PAD_MIN;
    if (size > draft->room) {
        size = draft->room / 4 * 4;
    }
    if (draft->size + tags >= size) {
        return;
    }
    size_t pad = size - draft->size - tags;
    pad = pad < least ? least : pad;
    if (draft->size + tags + pad <= draft->room) {
        draft->size +=
            report_pad_write(draft->octets + draft->size, sizeof(draft->octets) - draft->size, pad);
    }
}

static bool add_group(const struct mesh *mesh, struct mesh_draft *draft)
{
    uint8_t mac[SECRET_SIZE] = {0};
    if (mesh->options.group_key == NULL) {
        return true;
    }
    struct report_auth auth = {.algorithm = REPORT_GROUP_HMAC,
                               .id = mesh->options.group_id,
                               .tag = bytes_make(mac, SECRET_TAG_SIZE)};
    uint8_t *field = draft->octets + draft->size;
    size_t size = report_auth_write(field, sizeof(draft->octets) - draft->size, &auth);
    size_t covered = draft->size + REPORT_AUTH_GROUP_TAG_OFFSET;
    if (size == 0 || !group_tag(mesh, bytes_make(draft->octets, covered), mac)) {
        return false;
    }
    memcpy(field + REPORT_AUTH_GROUP_TAG_OFFSET, mac, SECRET_TAG_SIZE);
    draft->size += size;
    return true;
}

struct hlc_now mesh_hlc_now(const struct mesh *mesh, struct mono now)
{
    int64_t since_ns = now.ns - mesh->looked.ns;
    struct wall clock = {mesh->own.clock.ns + since_ns};
    int64_t after_ns = mesh->own.is_bounded ? mesh->own.after_ns : 0;
    return (struct hlc_now){.reading = {.mono = now, .wall = clock},
                            .latest = {clock.ns + after_ns}};
}

uint64_t mesh_stamp_bits(struct mesh *mesh, struct mono now)
{
    struct hlc_now at = mesh_hlc_now(mesh, now);
    struct hlc_stamp stamp;
    /* While it is stalled its order holds, but whoever judged us by it would find it ahead of what
     * we say of the time. */
    return hlc_send(&mesh->hlc, &at, &stamp) == HLC_OK ? stamp.bits : 0;
}

bool mesh_wire_seal(struct mesh *mesh, struct mesh_contact *contact, struct mesh_draft *draft,
                    struct mono now)
{
    uint8_t tag[SESSION_TAG_SIZE] = {0};
    struct report_auth auth = {.algorithm = REPORT_SESSION_HMAC,
                               .hlc = mesh_stamp_bits(mesh, now),
                               .tag = bytes_make(tag, sizeof(tag))};
    uint8_t *field = draft->octets + draft->size;
    size_t size = report_auth_write(field, sizeof(draft->octets) - draft->size, &auth);
    if (size == 0 || draft->size + size > draft->room ||
        !pairing_seal(&contact->pairing, now, draft->octets,
                      draft->size + REPORT_AUTH_SESSION_TAG_OFFSET, tag)) {
        return false;
    }
    memcpy(field + REPORT_AUTH_SESSION_TAG_OFFSET, tag, sizeof(tag));
    draft->size += size;
    return add_group(mesh, draft) && draft->size <= draft->room;
}

bool mesh_wire_close(const struct mesh *mesh, struct mesh_draft *draft)
{
    return add_group(mesh, draft) && draft->size <= draft->room;
}

void mesh_wire_send(const struct mesh_draft *draft, struct action_send *send)
{
    assert(draft->size <= sizeof(send->payload));
    send->size = draft->size;
    memcpy(send->payload, draft->octets, draft->size);
}
