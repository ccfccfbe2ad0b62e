/* SPDX-License-Identifier: MIT */
/* md5.h - MD5 (RFC 1321), for the refid of an IPv6 address: an identifier, no protection. Packets
 * are signed elsewhere (common/auth/mac.h). Not installed. */
#ifndef NTPWIRE_MD5_H
#define NTPWIRE_MD5_H
#include "ntpwire/bytes.h"

#define MD5_SIZE 16

void md5_digest(struct bytes message, uint8_t digest[MD5_SIZE]);
#endif
