/* SPDX-License-Identifier: MIT */
#include "ntpwire/mode6.h"

#define RESPONSE_BIT 0x80
#define ERROR_BIT 0x40
#define MORE_BIT 0x20
#define OPCODE_MASK 0x1F

enum packet_verdict mode6_parse(struct bytes datagram, struct mode6 *message)
{
    if (datagram.size == 0) {
        return PACKET_TOO_SHORT;
    }
    uint8_t first = bytes_u8(datagram, 0);
    if (packet_mode_of(first) != MODE_CONTROL) {
        return PACKET_NOT_HEADER;
    }
    unsigned version = packet_version_of(first);
    if (version == 0 || version > PACKET_VERSION_MAX) {
        return PACKET_VERSION_UNKNOWN;
    }
    if (datagram.size < MODE6_HEADER_SIZE) {
        return PACKET_TOO_SHORT;
    }
    /* After the data there may be padding to a multiple of 4 octets and a MAC; neither is looked
     * at. */
    size_t count = bytes_u16(datagram, 10);
    if (datagram.size - MODE6_HEADER_SIZE < count) {
        return PACKET_TOO_SHORT;
    }
    uint8_t second = bytes_u8(datagram, 1);
    *message = (struct mode6){
        .leap = first >> 6,
        .version = (uint8_t)version,
        .is_response = (second & RESPONSE_BIT) != 0,
        .is_error = (second & ERROR_BIT) != 0,
        .has_more = (second & MORE_BIT) != 0,
        .opcode = second & OPCODE_MASK,
        .sequence = bytes_u16(datagram, 2),
        .status = bytes_u16(datagram, 4),
        .association = bytes_u16(datagram, 6),
        .offset = bytes_u16(datagram, 8),
        .count = (uint16_t)count,
        .data = bytes_slice(datagram, MODE6_HEADER_SIZE, count),
    };
    return PACKET_OK;
}

void mode6_write_header(const struct mode6 *message, uint8_t out[MODE6_HEADER_SIZE])
{
    out[0] = (uint8_t)((message->leap & 3) << 6 | (message->version & 7) << 3 | MODE_CONTROL);
    out[1] =
        (uint8_t)((message->is_response ? RESPONSE_BIT : 0) | (message->is_error ? ERROR_BIT : 0) |
                  (message->has_more ? MORE_BIT : 0) | (message->opcode & OPCODE_MASK));
    bytes_put_u16(out + 2, message->sequence);
    bytes_put_u16(out + 4, message->status);
    bytes_put_u16(out + 6, message->association);
    bytes_put_u16(out + 8, message->offset);
    bytes_put_u16(out + 10, message->count);
}
