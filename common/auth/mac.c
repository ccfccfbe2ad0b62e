/* SPDX-License-Identifier: MIT */
#include "common/auth/mac.h"
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST_SIZE_MAX_V4 20
#define CMAC_SIZE 16

/* One context for each kind of digest, which absorbs the key with each message: OpenSSL 3.0 needs
 * 130 ns for 20 octets of SHA1 key and 48 of message. Copying a context that holds the key already
 * takes 113 ns, but allocates memory each time. One context for each CMAC key, since setting the
 * key again takes 350 ns in place of 160. */
struct macs {
    struct keyring keyring;
    EVP_MD_CTX *digests[KEY_TYPES];
    EVP_MAC_CTX **ciphers; /* beside keyring.keys; NULL for the digest keys */
};

/* What OpenSSL calls them. */
static const char *const algorithm_names[KEY_TYPES] = {[KEY_MD5] = "MD5",
                                                       [KEY_SHA1] = "SHA1",
                                                       [KEY_SHA256] = "SHA256",
                                                       [KEY_SHA384] = "SHA384",
                                                       [KEY_SHA512] = "SHA512",
                                                       [KEY_AES128_CMAC] = "AES-128-CBC",
                                                       [KEY_AES256_CMAC] = "AES-256-CBC"};

static bool is_cipher(enum key_type type)
{
    return type == KEY_AES128_CMAC || type == KEY_AES256_CMAC;
}

/* The digest's size, or 0 if the library does not give it. */
static size_t digest_size(const struct macs *macs, const struct key *key)
{
    if (is_cipher(key->type)) {
        return CMAC_SIZE;
    }
    return (size_t)EVP_MD_CTX_get_size(macs->digests[key->type]);
}

static EVP_MD_CTX *digest_create(enum key_type type)
{
    EVP_MD *algorithm = EVP_MD_fetch(NULL, algorithm_names[type], NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = algorithm != NULL && context != NULL &&
              EVP_DigestInit_ex2(context, algorithm, NULL) == 1 && EVP_MD_get_size(algorithm) > 0 &&
              EVP_MD_get_size(algorithm) <= MAC_DIGEST_MAX;
    EVP_MD_free(algorithm);
    if (!ok) {
        EVP_MD_CTX_free(context);
        return NULL;
    }
    return context;
}

static EVP_MAC_CTX *cipher_create(const struct key *key)
{
    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "CMAC", NULL);
    EVP_MAC_CTX *context = algorithm == NULL ? NULL : EVP_MAC_CTX_new(algorithm);
    EVP_MAC_free(algorithm);
    /* OpenSSL's parameters are not const, but it only reads this one. */
    char name[16];
    snprintf(name, sizeof name, "%s", algorithm_names[key->type]);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, name, 0),
        OSSL_PARAM_construct_end(),
    };
    if (context != NULL && EVP_MAC_init(context, key->secret, key->size, parameters) != 1) {
        EVP_MAC_CTX_free(context);
        return NULL;
    }
    return context;
}

static bool add_context(struct macs *macs, size_t index)
{
    const struct key *key = &macs->keyring.keys[index];
    if (is_cipher(key->type)) {
        macs->ciphers[index] = cipher_create(key);
        return macs->ciphers[index] != NULL;
    }
    if (macs->digests[key->type] == NULL) {
        macs->digests[key->type] = digest_create(key->type);
    }
    return macs->digests[key->type] != NULL;
}

/* OpenSSL reads its openssl.cnf with the first algorithm, and we let it: that is where an
 * administrator confines it to FIPS algorithms, and a MAC must not be a way around that. */
static bool add_contexts(struct macs *macs, char error[KEYRING_ERROR_MAX])
{
    for (size_t i = 0; i < macs->keyring.count; i++) {
        if (add_context(macs, i)) {
            continue;
        }
        const struct key *key = &macs->keyring.keys[i];
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        snprintf(error, KEYRING_ERROR_MAX,
                 "key %lu: OpenSSL refuses %s (%s); give the key a type that this machine's policy "
                 "allows, such as AES128, or remove it",
                 (unsigned long)key->id, key_type_name(key->type),
                 reason == NULL ? "no reason given" : reason);
        ERR_clear_error();
        return false;
    }
    return true;
}

struct macs *macs_create(const struct keyring *keyring, char error[KEYRING_ERROR_MAX])
{
    size_t count = keyring->count;
    struct macs *macs = calloc(1, sizeof *macs);
    struct key *keys = calloc(count + 1, sizeof *keys);
    EVP_MAC_CTX **ciphers = calloc(count + 1, sizeof(EVP_MAC_CTX *));
    if (macs == NULL || keys == NULL || ciphers == NULL) {
        snprintf(error, KEYRING_ERROR_MAX, "no memory for %zu keys", count);
        free(macs);
        free(keys);
        free(ciphers);
        return NULL;
    }
    if (count > 0) {
        memcpy(keys, keyring->keys, count * sizeof *keys);
    }
    macs->keyring = (struct keyring){.keys = keys, .count = count};
    macs->ciphers = ciphers;
    if (!add_contexts(macs, error)) {
        macs_destroy(macs);
        return NULL;
    }
    return macs;
}

void macs_destroy(struct macs *macs)
{
    if (macs == NULL) {
        return;
    }
    for (size_t i = 0; i < macs->keyring.count; i++) {
        EVP_MAC_CTX_free(macs->ciphers[i]);
    }
    for (size_t i = 0; i < KEY_TYPES; i++) {
        EVP_MD_CTX_free(macs->digests[i]);
    }
    free(macs->ciphers);
    keyring_clear(&macs->keyring);
    free(macs);
}

const struct key *macs_key(const struct macs *macs, uint32_t key_id)
{
    return keyring_find(&macs->keyring, key_id);
}

size_t mac_size(const struct macs *macs, uint32_t key_id, unsigned version)
{
    const struct key *key = macs_key(macs, key_id);
    if (key == NULL) {
        return 0;
    }
    size_t size = digest_size(macs, key);
    return version >= 4 && size > DIGEST_SIZE_MAX_V4 ? DIGEST_SIZE_MAX_V4 : size;
}

static bool compute_digest(EVP_MD_CTX *context, const struct key *key, struct bytes message,
                           uint8_t whole[MAC_DIGEST_MAX])
{
    return EVP_DigestInit_ex2(context, NULL, NULL) == 1 &&
           EVP_DigestUpdate(context, key->secret, key->size) == 1 &&
           EVP_DigestUpdate(context, message.data, message.size) == 1 &&
           EVP_DigestFinal_ex(context, whole, NULL) == 1;
}

static bool compute_cmac(EVP_MAC_CTX *context, struct bytes message, uint8_t whole[MAC_DIGEST_MAX])
{
    size_t size;
    return EVP_MAC_init(context, NULL, 0, NULL) == 1 &&
           EVP_MAC_update(context, message.data, message.size) == 1 &&
           EVP_MAC_final(context, whole, &size, MAC_DIGEST_MAX) == 1 && size == CMAC_SIZE;
}

/* The whole digest, of digest_size() octets. */
static bool compute(struct macs *macs, const struct key *key, struct bytes message,
                    uint8_t whole[MAC_DIGEST_MAX])
{
    if (is_cipher(key->type)) {
        return compute_cmac(macs->ciphers[key - macs->keyring.keys], message, whole);
    }
    return compute_digest(macs->digests[key->type], key, message, whole);
}

bool mac_make(struct macs *macs, uint32_t key_id, struct bytes message, uint8_t *out, size_t size)
{
    const struct key *key = macs_key(macs, key_id);
    uint8_t whole[MAC_DIGEST_MAX];
    if (key == NULL || !compute(macs, key, message, whole)) {
        return false;
    }
    assert(size <= digest_size(macs, key));
    memcpy(out, whole, size);
    return true;
}

bool mac_verify(struct macs *macs, uint32_t key_id, unsigned version, struct bytes message,
                struct bytes digest)
{
    size_t size = mac_size(macs, key_id, version);
    uint8_t whole[MAC_DIGEST_MAX];
    return size > 0 && digest.size == size && mac_make(macs, key_id, message, whole, size) &&
           CRYPTO_memcmp(whole, digest.data, size) == 0;
}
