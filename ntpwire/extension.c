/* SPDX-License-Identifier: MIT */
#include "ntpwire/extension.h"

#include <string.h>

static void take_mac(struct bytes datagram, size_t offset, struct extensions *extensions)
{
    extensions->mac = MAC_SYMMETRIC;
    extensions->key_id = bytes_u32(datagram, offset);
    extensions->digest = bytes_slice(datagram, offset + 4, datagram.size - offset - 4);
}

/* Versions 1 to 3. Every length that a stock program has sent lies between the 64-bit DES checksum
 * of RFC 1119 and SHA-512. */
static enum packet_verdict parse_v3(struct bytes datagram, struct extensions *extensions)
{
    size_t size = datagram.size - PACKET_SIZE;
    if (size == CRYPTO_NAK_SIZE && bytes_u32(datagram, PACKET_SIZE) == 0) {
        extensions->mac = MAC_CRYPTO_NAK;
        return PACKET_OK;
    }
    if (size < MAC_SIZE_MIN_V3 || size > MAC_SIZE_MAX_V3) {
        return PACKET_MAC_LENGTH;
    }
    take_mac(datagram, PACKET_SIZE, extensions);
    return PACKET_OK;
}

/* Takes the field at offset, whose remainder is at least EXTENSION_SIZE_MIN_LAST octets. */
static enum packet_verdict parse_field(struct bytes datagram, size_t offset,
                                       struct extensions *extensions)
{
    size_t length = bytes_u16(datagram, offset + 2);
    if (length < EXTENSION_SIZE_MIN || length % 4 != 0 || length > datagram.size - offset) {
        return PACKET_EXTENSION_LENGTH;
    }
    if (extensions->count == EXTENSIONS_MAX) {
        return PACKET_EXTENSIONS_TOO_MANY;
    }
    struct extension *field = &extensions->fields[extensions->count++];
    field->type = bytes_u16(datagram, offset);
    field->body =
        bytes_slice(datagram, offset + EXTENSION_HEADER_SIZE, length - EXTENSION_HEADER_SIZE);
    return PACKET_OK;
}

static enum packet_verdict parse_v4(struct bytes datagram, struct extensions *extensions)
{
    size_t offset = PACKET_SIZE;
    while (offset < datagram.size) {
        size_t rest = datagram.size - offset;
        if (rest == CRYPTO_NAK_SIZE && bytes_u32(datagram, offset) == 0) {
            extensions->mac = MAC_CRYPTO_NAK;
            break;
        }
        if (rest == MAC_SIZE_MIN || rest == MAC_SIZE_MAX_V4) {
            take_mac(datagram, offset, extensions);
            break;
        }
        /* What is left is too short for a last field. That a field which ends the packet has 28
         * octets or more (RFC 7822, 7.5.1.4) follows from this: a shorter one was a MAC above, or
         * stops here. */
        if (rest < EXTENSION_SIZE_MIN_LAST) {
            return PACKET_MAC_LENGTH;
        }
        enum packet_verdict verdict = parse_field(datagram, offset, extensions);
        if (verdict != PACKET_OK) {
            return verdict;
        }
        offset += EXTENSION_HEADER_SIZE + extensions->fields[extensions->count - 1].body.size;
    }
    extensions->signed_size = offset;
    return PACKET_OK;
}

enum packet_verdict extension_parse(struct bytes datagram, unsigned version,
                                    struct extensions *extensions)
{
    if (datagram.size < PACKET_SIZE) {
        return PACKET_TOO_SHORT;
    }
    if (version == 0 || version > PACKET_VERSION_MAX) {
        return PACKET_VERSION_UNKNOWN;
    }
    if (datagram.size % 4 != 0) {
        return PACKET_LENGTH_ODD;
    }
    if (datagram.size == PACKET_SIZE) {
        /* By far the most common packet: not even the table of fields is cleared for it. */
        extensions->count = 0;
        extensions->mac = MAC_NONE;
        extensions->key_id = 0;
        extensions->digest = bytes_make(NULL, 0);
        extensions->signed_size = PACKET_SIZE;
        return PACKET_OK;
    }
    struct extensions parsed = {.mac = MAC_NONE, .signed_size = PACKET_SIZE};
    enum packet_verdict verdict =
        version == 4 ? parse_v4(datagram, &parsed) : parse_v3(datagram, &parsed);
    if (verdict == PACKET_OK) {
        *extensions = parsed;
    }
    return verdict;
}

const struct extension *extension_find(const struct extensions *extensions, uint16_t type)
{
    for (size_t i = 0; i < extensions->count; i++) {
        if (extensions->fields[i].type == type) {
            return &extensions->fields[i];
        }
    }
    return NULL;
}

size_t extension_write(uint8_t *out, size_t room, uint16_t type, struct bytes body, size_t minimum)
{
    if (body.size > EXTENSION_SIZE_MAX - EXTENSION_HEADER_SIZE || minimum > EXTENSION_SIZE_MAX) {
        return 0;
    }
    size_t length = EXTENSION_HEADER_SIZE + body.size;
    length = length < minimum ? minimum : length;
    length = (length + 3) / 4 * 4;
    if (length > room) {
        return 0;
    }
    bytes_put_u16(out, type);
    bytes_put_u16(out + 2, (uint16_t)length);
    if (body.size > 0) {
        memcpy(out + EXTENSION_HEADER_SIZE, body.data, body.size);
    }
    size_t written = EXTENSION_HEADER_SIZE + body.size;
    memset(out + written, 0, length - written);
    return length;
}

size_t extension_write_all(uint8_t *out, size_t room, const struct extensions *extensions)
{
    size_t size = 0;
    for (size_t i = 0; i < extensions->count; i++) {
        const struct extension *field = &extensions->fields[i];
        size_t length =
            extension_write(out + size, room - size, field->type, field->body, EXTENSION_SIZE_MIN);
        if (length == 0) {
            return 0;
        }
        size += length;
    }
    if (extensions->mac == MAC_NONE) {
        return size;
    }
    bool is_signed = extensions->mac == MAC_SYMMETRIC;
    size_t digest_size = is_signed ? extensions->digest.size : 0;
    if (room - size < 4 || room - size - 4 < digest_size) {
        return 0;
    }
    bytes_put_u32(out + size, is_signed ? extensions->key_id : 0);
    if (digest_size > 0) {
        memcpy(out + size + 4, extensions->digest.data, digest_size);
    }
    return size + 4 + digest_size;
}
