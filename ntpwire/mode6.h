/* SPDX-License-Identifier: MIT */
/* mode6.h - the 12-octet header of control messages, as ntpq sends them (RFC 9327, 2). Recognised,
 * so that they are counted by kind; chimed does not answer them at this stage. */
#ifndef NTPWIRE_MODE6_H
#define NTPWIRE_MODE6_H
#include "ntpwire/packet.h"

#define MODE6_HEADER_SIZE 12

struct mode6 {
    uint8_t
        leap; /* two bits without a meaning (some ntpq set them), kept for mode6_write_header() */
    uint8_t version;
    bool is_response;
    bool is_error;
    bool has_more;
    uint8_t opcode;
    uint16_t sequence;
    uint16_t status;
    uint16_t association;
    uint16_t offset;
    uint16_t count;
    struct bytes data; /* count octets; lives as long as the datagram */
};

/* PACKET_TOO_SHORT also where fewer than count octets of data follow. */
enum packet_verdict mode6_parse(struct bytes datagram, struct mode6 *message) MUST_CHECK;
void mode6_write_header(const struct mode6 *message, uint8_t out[MODE6_HEADER_SIZE]);
#endif
