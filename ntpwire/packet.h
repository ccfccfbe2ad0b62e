/* SPDX-License-Identifier: MIT */
/* packet.h - the 48-octet NTP header of versions 1 to 4 (RFC 1059, 1119, 1305, 5905, 7.3).
 *
 * Versions 1 to 4 share the layout; version 1 has no mode where 0 stands there (RFC 1769). Parsing
 * decides nothing beyond form. Pure functions, safe in any thread, no allocation. */
#ifndef NTPWIRE_PACKET_H
#define NTPWIRE_PACKET_H
#include "ntpwire/bytes.h"
#include "ntpwire/timestamp.h"

#define PACKET_SIZE 48
#define PACKET_VERSION_MAX 4
#define PACKET_STRATUM_MAX 15   /* 16 is "unsynchronised", 0 on the wire (RFC 5905, figure 11) */
#define PACKET_ORIGIN_OFFSET 24 /* where the four timestamps stand */
#define PACKET_RECEIVE_OFFSET 32
#define PACKET_TRANSMIT_OFFSET 40

enum packet_leap { LEAP_NONE = 0, LEAP_INSERT = 1, LEAP_DELETE = 2, LEAP_UNSYNCHRONISED = 3 };

enum packet_mode {
    MODE_RESERVED = 0, /* in version 1: a client request */
    MODE_ACTIVE = 1,
    MODE_PASSIVE = 2,
    MODE_CLIENT = 3,
    MODE_SERVER = 4,
    MODE_BROADCAST = 5,
    MODE_CONTROL = 6, /* ntpq; another layout, see mode6.h */
    MODE_PRIVATE = 7  /* ntpdc; never answered */
};

struct packet {
    uint8_t leap;
    uint8_t version;
    uint8_t mode;
    uint8_t stratum; /* as on the wire: 0 is a kiss code or "unspecified" */
    int8_t poll;     /* log2 seconds */
    int8_t precision;
    uint32_t root_delay;      /* short format */
    uint32_t root_dispersion; /* short format */
    uint32_t refid;
    struct timestamp reference;
    struct timestamp origin;
    struct timestamp receive;
    struct timestamp transmit;
};

/* Why octets are not an NTP message that this library takes. Each has a name and a counter. */
enum packet_verdict {
    PACKET_OK = 0,
    PACKET_TOO_SHORT,        /* fewer than 48 octets, or 12 in mode 6 */
    PACKET_VERSION_UNKNOWN,  /* version 0, or 5 and later */
    PACKET_NOT_HEADER,       /* mode 6 or 7: another layout */
    PACKET_LENGTH_ODD,       /* what follows the header is not a multiple of 4 octets */
    PACKET_EXTENSION_LENGTH, /* an extension field's length is odd, under 16 or too long */
    PACKET_EXTENSIONS_TOO_MANY,
    PACKET_MAC_LENGTH, /* a trailer that is neither a field nor a MAC */
    PACKET_VERDICTS
};

/* A short English name, such as "too short"; a constant string. */
const char *packet_verdict_name(enum packet_verdict verdict);

/* Reads the header. On anything but PACKET_OK, *packet is untouched. What follows the header is
 * extension_parse()'s. */
enum packet_verdict packet_parse(struct bytes datagram, struct packet *packet) MUST_CHECK;

/* Writes exactly PACKET_SIZE octets. leap, version and mode are cut to their bits. */
void packet_write(const struct packet *packet, uint8_t out[PACKET_SIZE]);

/* The mode and version of any datagram of at least one octet, whatever its layout. */
static inline unsigned packet_mode_of(uint8_t first_octet)
{
    return first_octet & 7;
}

static inline unsigned packet_version_of(uint8_t first_octet)
{
    return first_octet >> 3 & 7;
}

/* Kiss codes stand in the refid of a stratum-0 packet (RFC 5905, 7.4). */
#define KISS_CODE(a, b, c, d)                                                                      \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
#define KISS_RATE KISS_CODE('R', 'A', 'T', 'E')
#define KISS_DENY KISS_CODE('D', 'E', 'N', 'Y')
#define KISS_RSTR KISS_CODE('R', 'S', 'T', 'R')
#define KISS_INIT KISS_CODE('I', 'N', 'I', 'T')
#define KISS_STEP KISS_CODE('S', 'T', 'E', 'P')
#define KISS_NTSN KISS_CODE('N', 'T', 'S', 'N')

/* True for stratum 0 with a refid of four printable ASCII characters in a server's, a passive
 * peer's or a broadcast packet. */
bool packet_is_kiss(const struct packet *packet);

/* What a kiss code asks, in words ("the server asks for fewer requests"); for an unknown code a
 * sentence that says so. A constant string. */
const char *packet_kiss_meaning(uint32_t code);
#endif
