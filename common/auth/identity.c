/* SPDX-License-Identifier: MIT */
#include "common/auth/identity.h"
#include <inttypes.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_MAX 32
#define KEY_TEXT_PREFIX "ed25519:"

struct identity {
    EVP_PKEY *key; /* OpenSSL wipes it when it is freed */
    struct public_key public_key;
    uint64_t id;
};

static const char *const labels[IDENTITY_USES] = {
    [IDENTITY_REPORT] = "truechimer report v1",
    [IDENTITY_MESSAGE] = "truechimer message v1",
    [IDENTITY_HELLO] = "truechimer hello v1",
    [IDENTITY_ACCEPT] = "truechimer accept v1",
    [IDENTITY_CERTIFICATE] = "truechimer certificate v1",
    [IDENTITY_DOCUMENT] = "truechimer membership v1",
};

/* The points whose order divides 8, the sign bit aside: those of y = 0, 1 and -1, their encodings
 * beyond the prime, and the two of order 8. */
static const uint8_t small_orders[][IDENTITY_KEY_SIZE] = {
    {0},
    {1},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

static bool is_of_small_order(const struct public_key *key)
{
    uint8_t masked[IDENTITY_KEY_SIZE];
    memcpy(masked, key->octets, sizeof masked);
    masked[IDENTITY_KEY_SIZE - 1] &= 0x7f;
    for (size_t i = 0; i < sizeof small_orders / sizeof small_orders[0]; i++) {
        if (memcmp(masked, small_orders[i], sizeof masked) == 0) {
            return true;
        }
    }
    return false;
}

/* Says what the crypto library has against it. */
static void complain(char error[IDENTITY_ERROR_MAX], const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    snprintf(error, IDENTITY_ERROR_MAX, "%s (%s)", what,
             reason == NULL ? "no reason given" : reason);
    ERR_clear_error();
}

/* Takes the key over, NULL included. */
static struct identity *from_key(EVP_PKEY *key, char error[IDENTITY_ERROR_MAX])
{
    struct identity *identity = calloc(1, sizeof *identity);
    size_t size = IDENTITY_KEY_SIZE;
    bool ok = key != NULL && identity != NULL &&
              EVP_PKEY_get_raw_public_key(key, identity->public_key.octets, &size) == 1 &&
              size == IDENTITY_KEY_SIZE && public_key_id(&identity->public_key, &identity->id);
    if (!ok) {
        complain(error, "the crypto library gives no Ed25519 key; does this machine's policy "
                        "(openssl.cnf) allow Ed25519 and SHA-256?");
        free(identity);
        EVP_PKEY_free(key);
        return NULL;
    }
    identity->key = key;
    return identity;
}

struct identity *identity_create(struct random *random, char error[IDENTITY_ERROR_MAX])
{
    uint8_t seed[SECRET_SIZE];
    secret_draw(random, seed);
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
    OPENSSL_cleanse(seed, sizeof seed);
    return from_key(key, error);
}

/* Without this, OpenSSL asks for the password of an encrypted key on the terminal. */
static int no_password(char *buffer, int size, int is_writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)context;
    return -1;
}

struct identity *identity_parse(struct bytes pem, char error[IDENTITY_ERROR_MAX])
{
    if (pem.size == 0 || pem.size >= IDENTITY_PEM_MAX) {
        snprintf(error, IDENTITY_ERROR_MAX,
                 "a node key is 1 to %d octets of PEM text, found %zu; make one with 'chime keygen "
                 "--node'",
                 IDENTITY_PEM_MAX - 1, pem.size);
        return NULL;
    }
    BIO *text = BIO_new_mem_buf(pem.data, (int)pem.size);
    EVP_PKEY *key = text == NULL ? NULL : PEM_read_bio_PrivateKey(text, NULL, no_password, NULL);
    BIO_free(text);
    if (key == NULL) {
        complain(error, "no unencrypted private key in PEM; make one with 'chime keygen --node'");
        return NULL;
    }
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) {
        const char *name = EVP_PKEY_get0_type_name(key);
        snprintf(error, IDENTITY_ERROR_MAX,
                 "a node key is an Ed25519 key, found %s; make one with 'chime keygen --node'",
                 name == NULL ? "another kind" : name);
        EVP_PKEY_free(key);
        return NULL;
    }
    return from_key(key, error);
}

void identity_destroy(struct identity *identity)
{
    if (identity != NULL) {
        EVP_PKEY_free(identity->key);
        free(identity);
    }
}

bool identity_format(const struct identity *identity, char pem[IDENTITY_PEM_MAX])
{
    /* A memory BIO wipes its buffer when it grows and when it is freed. */
    BIO *text = BIO_new(BIO_s_mem());
    const char *data = NULL;
    long size = 0;
    if (text != NULL &&
        PEM_write_bio_PKCS8PrivateKey(text, identity->key, NULL, NULL, 0, NULL, NULL) == 1) {
        size = BIO_get_mem_data(text, &data);
    }
    bool ok = size > 0 && size < IDENTITY_PEM_MAX;
    if (ok) {
        memcpy(pem, data, (size_t)size);
        pem[size] = '\0';
    } else {
        ERR_clear_error();
    }
    BIO_free(text);
    return ok;
}

const struct public_key *identity_public_key(const struct identity *identity)
{
    return &identity->public_key;
}

uint64_t identity_id(const struct identity *identity)
{
    return identity->id;
}

/* Ed25519 reads its message twice, so OpenSSL wants it in one piece. The size, or 0 if too long. */
static size_t join(enum identity_use use, struct bytes message,
                   uint8_t joined[LABEL_MAX + IDENTITY_MESSAGE_MAX])
{
    size_t label_size = strlen(labels[use]) + 1;
    assert(label_size <= LABEL_MAX);
    if (message.size > IDENTITY_MESSAGE_MAX) {
        return 0;
    }
    memcpy(joined, labels[use], label_size);
    if (message.size > 0) {
        memcpy(joined + label_size, message.data, message.size);
    }
    return label_size + message.size;
}

bool identity_sign(const struct identity *identity, enum identity_use use, struct bytes message,
                   uint8_t signature[IDENTITY_SIGNATURE_SIZE])
{
    uint8_t joined[LABEL_MAX + IDENTITY_MESSAGE_MAX];
    uint8_t found[IDENTITY_SIGNATURE_SIZE];
    size_t size = join(use, message, joined);
    size_t found_size = sizeof found;
    EVP_MD_CTX *context = size == 0 ? NULL : EVP_MD_CTX_new();
    bool ok = context != NULL &&
              EVP_DigestSignInit(context, NULL, NULL, NULL, identity->key) == 1 &&
              EVP_DigestSign(context, found, &found_size, joined, size) == 1 &&
              found_size == sizeof found;
    EVP_MD_CTX_free(context);
    if (!ok) {
        ERR_clear_error();
        return false;
    }
    memcpy(signature, found, sizeof found);
    return true;
}

bool public_key_verify(const struct public_key *key, enum identity_use use, struct bytes message,
                       const uint8_t signature[IDENTITY_SIGNATURE_SIZE])
{
    uint8_t joined[LABEL_MAX + IDENTITY_MESSAGE_MAX];
    size_t size = join(use, message, joined);
    EVP_PKEY *theirs =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->octets, sizeof key->octets);
    EVP_MD_CTX *context = size == 0 ? NULL : EVP_MD_CTX_new();
    bool ok = theirs != NULL && context != NULL &&
              EVP_DigestVerifyInit(context, NULL, NULL, NULL, theirs) == 1 &&
              EVP_DigestVerify(context, signature, IDENTITY_SIGNATURE_SIZE, joined, size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(theirs);
    if (!ok) {
        ERR_clear_error();
    }
    return ok;
}

bool identity_scheme_sign(const struct identity_scheme *scheme, const struct identity *identity,
                          enum identity_use use, struct bytes message,
                          uint8_t signature[IDENTITY_SIGNATURE_SIZE])
{
    if (scheme != NULL) {
        return scheme->sign(scheme, identity, use, message, signature);
    }
    return identity_sign(identity, use, message, signature);
}

bool identity_scheme_verify(const struct identity_scheme *scheme, const struct public_key *key,
                            enum identity_use use, struct bytes message,
                            const uint8_t signature[IDENTITY_SIGNATURE_SIZE])
{
    if (scheme != NULL) {
        return scheme->verify(scheme, key, use, message, signature);
    }
    return public_key_verify(key, use, message, signature);
}

bool public_key_id(const struct public_key *key, uint64_t *id)
{
    uint8_t digest[SECRET_SIZE];
    struct bytes octets = bytes_make(key->octets, sizeof key->octets);
    if (!secret_digest(&octets, 1, digest)) {
        return false;
    }
    *id = bytes_u64(bytes_make(digest, sizeof digest), 0);
    return true;
}

uint32_t identity_tag(uint64_t id)
{
    return (uint32_t)(id >> 32);
}

char *public_key_format(const struct public_key *key, char out[IDENTITY_KEY_TEXT_MAX])
{
    size_t at = (size_t)snprintf(out, IDENTITY_KEY_TEXT_MAX, "%s", KEY_TEXT_PREFIX);
    for (size_t i = 0; i < IDENTITY_KEY_SIZE; i++) {
        snprintf(out + at + 2 * i, IDENTITY_KEY_TEXT_MAX - at - 2 * i, "%02x", key->octets[i]);
    }
    return out;
}

char *identity_id_format(uint64_t id, char out[IDENTITY_ID_TEXT_MAX])
{
    snprintf(out, IDENTITY_ID_TEXT_MAX, "%016" PRIx64, id);
    return out;
}

static int digit_of(char character)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *found = character == '\0' ? NULL : strchr(digits, character);
    return found == NULL ? -1 : (int)((found - digits) % 16);
}

/* Reads exactly size octets of hex digits, and nothing after them. */
static bool read_hex(const char *text, uint8_t *octets, size_t size)
{
    if (strlen(text) != 2 * size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        int high = digit_of(text[2 * i]);
        int low = digit_of(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        octets[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool public_key_parse(const char *text, struct public_key *key, char error[IDENTITY_ERROR_MAX])
{
    struct public_key found;
    size_t prefix_size = strlen(KEY_TEXT_PREFIX);
    if (strncmp(text, KEY_TEXT_PREFIX, prefix_size) != 0 ||
        !read_hex(text + prefix_size, found.octets, sizeof found.octets)) {
        snprintf(error, IDENTITY_ERROR_MAX,
                 "a public key is '%s' and 64 hex digits, found '%.80s'; copy what 'chime keygen "
                 "--node' printed",
                 KEY_TEXT_PREFIX, text);
        return false;
    }
    if (is_of_small_order(&found)) {
        snprintf(error, IDENTITY_ERROR_MAX,
                 "the public key %.80s is of small order, so that anybody can sign in its name; "
                 "ask its node for another",
                 text);
        return false;
    }
    *key = found;
    return true;
}

bool identity_id_parse(const char *text, uint64_t *id)
{
    uint8_t octets[8];
    if (!read_hex(text, octets, sizeof octets)) {
        return false;
    }
    *id = bytes_u64(bytes_make(octets, sizeof octets), 0);
    return true;
}
