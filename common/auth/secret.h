/* SPDX-License-Identifier: MIT */
/* secret.h - the primitives under the mesh's keys: drawing, wiping and comparing secrets, X25519
 * (RFC 7748), SHA-256, HMAC-SHA256 and HKDF-SHA256 (RFC 5869).
 *
 * Randomness is the caller's, which must be the kernel's wherever the secret matters: X25519 and
 * Ed25519 private keys are any 32 random octets, and Ed25519 signs without randomness, so that
 * OpenSSL's own generator is never asked. False means that the crypto library failed or refused
 * (its policy may forbid an algorithm); outputs are then untouched. Safe in any thread. */
#ifndef COMMON_AUTH_SECRET_H
#define COMMON_AUTH_SECRET_H
#include "common/base/random.h"
#include "ntpwire/bytes.h"

#define SECRET_SIZE 32 /* of X25519 keys, SHA-256 digests and all that is derived */
#define SECRET_TAG_SIZE 16
#define SECRET_PARTS_MAX 4
#define SECRET_EXPAND_MAX 96 /* octets of info */

/* Draws SECRET_SIZE octets, and wipes them from the generator's buffer. */
void secret_draw(struct random *random, uint8_t secret[SECRET_SIZE]);
/* Overwrites, even where the compiler thinks that nobody will look. */
void secret_wipe(void *data, size_t size);
/* Compares in constant time. */
bool secret_is_equal(const uint8_t *a, const uint8_t *b, size_t size);

/* The X25519 public key of a private one. */
bool secret_exchange_key(const uint8_t private_key[SECRET_SIZE],
                         uint8_t public_key[SECRET_SIZE]) MUST_CHECK;
/* The secret that both ends share. False also for an all-zero one: theirs is then a point of small
 * order, and the secret would be known to everybody. */
bool secret_exchange(const uint8_t private_key[SECRET_SIZE], const uint8_t public_key[SECRET_SIZE],
                     uint8_t shared[SECRET_SIZE]) MUST_CHECK;

/* SHA-256 of the parts, one after the other. */
bool secret_digest(const struct bytes *parts, size_t count, uint8_t digest[SECRET_SIZE]) MUST_CHECK;
/* HMAC-SHA256. */
bool secret_hmac(struct bytes key, struct bytes message, uint8_t mac[SECRET_SIZE]) MUST_CHECK;

/* HKDF-SHA256, in its two steps. A label is expanded with its final zero, so that none is the
 * beginning of another; secret_expand() takes at most SECRET_EXPAND_MAX octets of info. */
bool secret_extract(struct bytes salt, struct bytes material, uint8_t key[SECRET_SIZE]) MUST_CHECK;
bool secret_expand(const uint8_t key[SECRET_SIZE], struct bytes info, uint8_t *out,
                   size_t size) MUST_CHECK;
bool secret_derive(const uint8_t key[SECRET_SIZE], const char *label, uint8_t *out,
                   size_t size) MUST_CHECK;
#endif
