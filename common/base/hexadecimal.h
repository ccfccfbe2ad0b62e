/* SPDX-License-Identifier: MIT */
/* hexadecimal.h - octets as lower-case hex digits, the only spelling that is read back. Pure. */
#ifndef COMMON_BASE_HEXADECIMAL_H
#define COMMON_BASE_HEXADECIMAL_H
#include "ntpwire/bytes.h"

/* Writes two digits for each octet, terminated: out has room for 2 * octets.size + 1. */
void hexadecimal_write(struct bytes octets, char *out);
/* Reads size octets from the first 2 * size characters of text, which may end before them. False
 * for anything else than 0-9 and a-f; octets are then undefined. */
bool hexadecimal_read(const char *text, uint8_t *octets, size_t size) MUST_CHECK;
#endif
