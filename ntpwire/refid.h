/* SPDX-License-Identifier: MIT */
/* refid.h - reference identifiers: what a server says it follows (RFC 5905, 7.3). */
#ifndef NTPWIRE_REFID_H
#define NTPWIRE_REFID_H
#include <stddef.h>
#include <stdint.h>

#define REFID_TEXT_MAX 24

#define REFID_LOCL UINT32_C(0x4C4F434C)        /* "LOCL": an uncalibrated local clock, stratum 1 */
#define REFID_LOCAL_CLOCK UINT32_C(0x7F7F0101) /* 127.127.1.1: the same above stratum 1 */

/* An IPv4 address is its own refid. */
uint32_t refid_from_ipv4(const uint8_t address[4]);
/* An IPv6 address is represented by the first four octets of its MD5 digest. MD5 is an identifier
 * here, no protection; it is computed within, so that a FIPS build of a crypto library does not
 * matter. */
uint32_t refid_from_ipv6(const uint8_t address[16]);
/* Up to four characters, padded with zero. */
uint32_t refid_from_ascii(const char *text);

/* Writes the refid as a person reads it, given the stratum on the wire: at 0 and 1 its ASCII
 * characters (or eight hex digits if they are not printable), above that dotted decimal (it may
 * also be the MD5 of an IPv6 address: nobody can tell). Always terminated; returns the length. */
size_t refid_format(uint32_t refid, unsigned stratum, char out[REFID_TEXT_MAX]);

/* What an ASCII refid of a stratum-1 server stands for ("Global Positioning System"), or NULL. */
const char *refid_meaning(uint32_t refid);
#endif
