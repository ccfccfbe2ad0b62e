/* SPDX-License-Identifier: MIT */
/* mac.h - message authentication codes of symmetric keys (RFC 5905, A.6; RFC 8573; RFC 7822).
 *
 * Digests are digest(key || message), as NTP has always done; ciphers are CMAC. Contexts are
 * initialised once per key, since OpenSSL needs four times as long otherwise. Not thread-safe: one
 * struct macs for a thread. OpenSSL is touched only when there is at least one key. */
#ifndef COMMON_AUTH_MAC_H
#define COMMON_AUTH_MAC_H
#include "common/auth/keyring.h"

#define MAC_DIGEST_MAX 64

struct macs; /* a context per key */

/* Copies what it needs of the keyring. NULL if memory or the crypto library fails; error then names
 * the key and the algorithm (an algorithm that the library refuses, such as MD5 in FIPS mode). */
struct macs *macs_create(const struct keyring *keyring, char error[KEYRING_ERROR_MAX]);
void macs_destroy(struct macs *macs); /* NULL is allowed */

/* The key's facts, or NULL if there is no such key. */
const struct key *macs_key(const struct macs *macs, uint32_t key_id);

/* The length of the digest that a packet of that version carries: whole in versions 1 to 3, at most
 * 20 octets in version 4 (RFC 7822). 0 if the key is unknown. */
size_t mac_size(const struct macs *macs, uint32_t key_id, unsigned version);

/* Writes the digest of message, cut to size octets (as mac_size() says, or less). False if the key
 * is unknown or the crypto library failed; out is then untouched. */
bool mac_make(struct macs *macs, uint32_t key_id, struct bytes message, uint8_t *out,
              size_t size) MUST_CHECK;

/* Compares in constant time. False for an unknown key or a length that the version does not have.
 */
bool mac_verify(struct macs *macs, uint32_t key_id, unsigned version, struct bytes message,
                struct bytes digest) MUST_CHECK;
#endif
