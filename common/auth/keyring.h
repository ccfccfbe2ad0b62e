/* SPDX-License-Identifier: MIT */
/* keyring.h - the symmetric keys of a keys file, in ntp's and chrony's formats.
 *
 * A line is "ID [TYPE] KEY [ADDRESSES]". TYPE is a digest (MD5, M, SHA1, SHA, SHA256, SHA384,
 * SHA512) or a cipher for CMAC (AES128, AES-128-CMAC, AES128CMAC, AES, AES256 and so on), in any
 * case; without it MD5. KEY is "HEX:…", "ASCII:…", or bare: up to 20 characters it is ASCII, longer
 * ones are hexadecimal if they are an even number of hex digits, else ASCII (ntpd's rule, chrony's
 * keys being marked). ADDRESSES (ntp's fourth column) is a comma-separated list of addresses or
 * prefixes that may use the key. Comments begin with #, !, ; or % at the start of a line, or with #
 * after white space. */
#ifndef COMMON_AUTH_KEYRING_H
#define COMMON_AUTH_KEYRING_H
#include "common/base/address.h"

#define KEYRING_KEYS_MAX 1024
#define KEY_SIZE_MAX 64
#define KEY_PREFIXES_MAX 8
#define KEYRING_ERROR_MAX 256

enum key_type {
    KEY_MD5,
    KEY_SHA1,
    KEY_SHA256,
    KEY_SHA384,
    KEY_SHA512,
    KEY_AES128_CMAC,
    KEY_AES256_CMAC,
    KEY_TYPES
};

struct key {
    uint32_t id; /* 1 to 2^32 - 1 */
    enum key_type type;
    uint8_t size;
    uint8_t secret[KEY_SIZE_MAX];
    uint8_t prefix_count; /* 0: any address */
    struct prefix prefixes[KEY_PREFIXES_MAX];
};

struct keyring {
    struct key *keys; /* sorted by id */
    size_t count;
};

const char *key_type_name(enum key_type type);
/* Reads a type as the keys file writes it. */
bool key_type_parse(const char *text, enum key_type *type) MUST_CHECK;

/* Parses a whole file's text (NUL-terminated). On a mistake returns false and writes into error
 * "line N: what was found, what is accepted"; *keyring is then empty. A duplicate id is a mistake.
 * The caller ends with keyring_clear(). */
bool keyring_parse(const char *text, struct keyring *keyring,
                   char error[KEYRING_ERROR_MAX]) MUST_CHECK;
/* Wipes the secrets and frees. */
void keyring_clear(struct keyring *keyring);

/* The key, or NULL. */
const struct key *keyring_find(const struct keyring *keyring, uint32_t id);
/* May that address use the key? */
bool key_is_allowed(const struct key *key, const struct address *address);
#endif
