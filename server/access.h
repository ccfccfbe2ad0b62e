/* SPDX-License-Identifier: MIT */
/* access.h - who may ask: prefixes with a verdict, the longest match wins. Lookups are safe in
 * several threads while nobody changes the table. */
#ifndef SERVER_ACCESS_H
#define SERVER_ACCESS_H
#include "common/base/address.h"

#define ACCESS_RULES_MAX 4096 /* of 64 octets at most */

struct access;

/* With no rule for an address, default_allow decides. NULL if memory is short. */
struct access *access_create(bool default_allow);
void access_destroy(struct access *access);
/* A later rule for the same prefix replaces the earlier one. False when the table is full. */
bool access_add(struct access *access, const struct prefix *prefix, bool allow) MUST_CHECK;
bool access_is_allowed(const struct access *access, const struct address *address);
#endif
