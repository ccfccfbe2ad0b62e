/* SPDX-License-Identifier: MIT */
/* identity.h - who a node is: an Ed25519 key (RFC 8032), and the id that its public half hashes to.
 *
 * The id is the first 8 octets of SHA-256(public key), kept as the number that they are big-endian,
 * so that the smaller id is the smaller number; its first 4 octets are the tag by which reports
 * name a node. A key epoch is a number that stands beside the key, not in it: raising it leaves key
 * and id as they are, another key is another node. Every signature is made over a label and a zero
 * octet before the message, so that what was signed for one purpose is worth nothing for another.
 * Safe in any thread; signing and verifying allocate inside of OpenSSL. */
#ifndef COMMON_AUTH_IDENTITY_H
#define COMMON_AUTH_IDENTITY_H
#include "common/auth/secret.h"

#define IDENTITY_KEY_SIZE 32
#define IDENTITY_SIGNATURE_SIZE 64
#define IDENTITY_MESSAGE_MAX 2048 /* octets under one signature */
#define IDENTITY_PEM_MAX 512      /* of the text with its final zero; ours has 120 */
#define IDENTITY_KEY_TEXT_MAX 73  /* "ed25519:", 64 hex digits and the final zero */
#define IDENTITY_ID_TEXT_MAX 17   /* 16 hex digits and the final zero */
#define IDENTITY_ERROR_MAX 256

/* What a signature is for. */
enum identity_use {
    IDENTITY_REPORT,
    IDENTITY_MESSAGE,
    IDENTITY_HELLO,
    IDENTITY_ACCEPT,
    IDENTITY_CERTIFICATE,
    IDENTITY_DOCUMENT,
    IDENTITY_USES
};

struct public_key {
    uint8_t octets[IDENTITY_KEY_SIZE];
};

struct identity; /* a private key, and what follows from it */

/* Draws a key from random, which must be the kernel's generator outside of tests and simulations.
 * NULL, and a sentence in error, if memory or the crypto library fails. */
struct identity *identity_create(struct random *random, char error[IDENTITY_ERROR_MAX]);
/* Reads an unencrypted Ed25519 private key in PEM (PKCS #8, "BEGIN PRIVATE KEY"). The caller wipes
 * the text with secret_wipe(). NULL, and a sentence in error, if it is anything else. */
struct identity *identity_parse(struct bytes pem, char error[IDENTITY_ERROR_MAX]);
/* Wipes and frees; NULL is allowed. */
void identity_destroy(struct identity *identity);

/* Writes the private key as PEM, terminated. The caller wipes the text with secret_wipe(). */
bool identity_format(const struct identity *identity, char pem[IDENTITY_PEM_MAX]) MUST_CHECK;

const struct public_key *identity_public_key(const struct identity *identity);
uint64_t identity_id(const struct identity *identity);

/* Signs at most IDENTITY_MESSAGE_MAX octets. False if there are more or the crypto library fails;
 * signature is then untouched. */
bool identity_sign(const struct identity *identity, enum identity_use use, struct bytes message,
                   uint8_t signature[IDENTITY_SIGNATURE_SIZE]) MUST_CHECK;
/* Did the owner of that key sign these octets for that use? */
bool public_key_verify(const struct public_key *key, enum identity_use use, struct bytes message,
                       const uint8_t signature[IDENTITY_SIGNATURE_SIZE]) MUST_CHECK;

/* Another way to make and verify signatures, of the same sizes, with which a simulation of many
 * nodes spares the crypto library's time. The program chimed has none: everywhere NULL stands for
 * Ed25519. */
struct identity_scheme {
    bool (*sign)(const struct identity_scheme *scheme, const struct identity *identity,
                 enum identity_use use, struct bytes message,
                 uint8_t signature[IDENTITY_SIGNATURE_SIZE]);
    bool (*verify)(const struct identity_scheme *scheme, const struct public_key *key,
                   enum identity_use use, struct bytes message,
                   const uint8_t signature[IDENTITY_SIGNATURE_SIZE]);
};

/* As identity_sign() and public_key_verify(), by that scheme; NULL: Ed25519. */
bool identity_scheme_sign(const struct identity_scheme *scheme, const struct identity *identity,
                          enum identity_use use, struct bytes message,
                          uint8_t signature[IDENTITY_SIGNATURE_SIZE]) MUST_CHECK;
bool identity_scheme_verify(const struct identity_scheme *scheme, const struct public_key *key,
                            enum identity_use use, struct bytes message,
                            const uint8_t signature[IDENTITY_SIGNATURE_SIZE]) MUST_CHECK;

/* The id of the key's owner. False if the crypto library fails. */
bool public_key_id(const struct public_key *key, uint64_t *id) MUST_CHECK;
/* The tag by which reports name the node of that id. */
uint32_t identity_tag(uint64_t id);

/* Writes "ed25519:" and 64 lower-case hex digits, or an id's 16. Returns out. */
char *public_key_format(const struct public_key *key, char out[IDENTITY_KEY_TEXT_MAX]);
char *identity_id_format(uint64_t id, char out[IDENTITY_ID_TEXT_MAX]);
/* Reads them back; hex digits in either case. A key of small order is refused: anybody could sign
 * in its name. On a mistake *key and *id are untouched, and error has a sentence. */
bool public_key_parse(const char *text, struct public_key *key,
                      char error[IDENTITY_ERROR_MAX]) MUST_CHECK;
bool identity_id_parse(const char *text, uint64_t *id) MUST_CHECK;
#endif
