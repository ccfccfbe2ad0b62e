/* SPDX-License-Identifier: MIT */
/* extension.h - what follows the header: extension fields and the MAC (RFC 5905, 7.5, errata 3627;
 * RFC 7822; RFC 8573).
 *
 * Disambiguation in version 4 (RFC 7822, 7.5.1): a remainder of 4 octets, all zero, is a
 * crypto-NAK; one of 20 or 24 is a MAC, even if it looks like a field; one of 28 or more begins
 * with an extension field, so a field that no MAC follows has at least 28 octets. Anything else is
 * refused, 4 octets that are not zero among it: a key id without a digest proves nothing, and
 * chronyd refuses it too. Versions 1 to 3 have no extension fields: all that follows is a
 * crypto-NAK or a MAC of 12 octets (RFC 1119's DES) to 68 (key id and 64 octets of digest). */
#ifndef NTPWIRE_EXTENSION_H
#define NTPWIRE_EXTENSION_H
#include "ntpwire/bytes.h"
#include "ntpwire/packet.h"

#define EXTENSIONS_MAX 16     /* NTS uses up to 11 */
#define EXTENSION_SIZE_MIN 16 /* RFC 7822 */
#define EXTENSION_SIZE_MIN_LAST 28
#define EXTENSION_SIZE_MAX 65532 /* a multiple of 4 that the length can say */
#define EXTENSION_HEADER_SIZE 4
#define CRYPTO_NAK_SIZE 4
#define MAC_SIZE_MIN 20    /* key id and 16 octets */
#define MAC_SIZE_MIN_V3 12 /* key id and 8 octets */
#define MAC_SIZE_MAX_V4 24 /* key id and 20 octets */
#define MAC_SIZE_MAX_V3 68 /* key id and 64 octets */

/* IANA's registry (RFC 9748), and what is seen in its experimental range. */
enum extension_type {
    EXTENSION_UNIQUE_IDENTIFIER = 0x0104,
    EXTENSION_NETWORK_CORRECTION = 0x010A,
    EXTENSION_NTS_COOKIE = 0x0204,
    EXTENSION_NTS_PLACEHOLDER = 0x0304,
    EXTENSION_NTS_AUTHENTICATOR = 0x0404,
    EXTENSION_CHECKSUM_COMPLEMENT = 0x2005,
    EXTENSION_CHRONY_MONO_ROOT = 0xF323
};

struct extension {
    uint16_t type;
    struct bytes body; /* without the 4 octets of type and length; with its padding */
};

enum extension_mac {
    MAC_NONE = 0,
    MAC_CRYPTO_NAK, /* 4 octets of zero */
    MAC_SYMMETRIC   /* key_id and digest are set */
};

/* A parsed remainder; its views live as long as the datagram. */
struct extensions {
    struct extension fields[EXTENSIONS_MAX];
    size_t count;
    enum extension_mac mac;
    uint32_t key_id;
    struct bytes digest;
    size_t signed_size; /* octets of the datagram that the MAC covers: header and fields */
};

/* Parses what follows the header of a datagram whose header was taken by packet_parse(). On
 * anything but PACKET_OK, *extensions is untouched. */
enum packet_verdict extension_parse(struct bytes datagram, unsigned version,
                                    struct extensions *extensions) MUST_CHECK;

/* The first field of that type, or NULL. */
const struct extension *extension_find(const struct extensions *extensions, uint16_t type);

/* Writes type, length and body, padded with zero octets to a multiple of 4 and at least minimum
 * octets in all (EXTENSION_SIZE_MIN or _MIN_LAST). Returns the octets written, or 0 if room is too
 * small or the field would exceed 65,532 octets. */
size_t extension_write(uint8_t *out, size_t room, uint16_t type, struct bytes body, size_t minimum);

/* Writes fields, then the MAC or crypto-NAK, as parsed: the inverse of extension_parse() for a
 * valid remainder. Returns the octets written, or 0 if room is too small. */
size_t extension_write_all(uint8_t *out, size_t room, const struct extensions *extensions);
#endif
