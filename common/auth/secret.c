/* SPDX-License-Identifier: MIT */
#include "common/auth/secret.h"
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdatomic.h>
#include <string.h>

void secret_draw(struct random *random, uint8_t secret[SECRET_SIZE])
{
    for (size_t i = 0; i < SECRET_SIZE; i += 8) {
        bytes_put_u64(secret + i, random_u64(random));
    }
    /* What was handed out is never read again; but it would lie there until the next refill. */
    OPENSSL_cleanse(random->buffer, sizeof random->buffer - random->left);
}

void secret_wipe(void *data, size_t size)
{
    OPENSSL_cleanse(data, size);
}

bool secret_is_equal(const uint8_t *a, const uint8_t *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}

bool secret_exchange_key(const uint8_t private_key[SECRET_SIZE], uint8_t public_key[SECRET_SIZE])
{
    size_t size = SECRET_SIZE;
    uint8_t found[SECRET_SIZE];
    EVP_PKEY *ours = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, SECRET_SIZE);
    bool ok =
        ours != NULL && EVP_PKEY_get_raw_public_key(ours, found, &size) == 1 && size == SECRET_SIZE;
    EVP_PKEY_free(ours);
    if (!ok) {
        ERR_clear_error();
        return false;
    }
    memcpy(public_key, found, SECRET_SIZE);
    return true;
}

static bool derive_shared(EVP_PKEY *ours, EVP_PKEY *theirs, uint8_t shared[SECRET_SIZE])
{
    size_t size = SECRET_SIZE;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(ours, NULL);
    bool ok = context != NULL && EVP_PKEY_derive_init(context) == 1 &&
              EVP_PKEY_derive_set_peer(context, theirs) == 1 &&
              EVP_PKEY_derive(context, shared, &size) == 1 && size == SECRET_SIZE;
    EVP_PKEY_CTX_free(context);
    return ok;
}

bool secret_exchange(const uint8_t private_key[SECRET_SIZE], const uint8_t public_key[SECRET_SIZE],
                     uint8_t shared[SECRET_SIZE])
{
    static const uint8_t zeros[SECRET_SIZE];
    uint8_t found[SECRET_SIZE] = {0};
    EVP_PKEY *ours = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, SECRET_SIZE);
    EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, SECRET_SIZE);
    /* OpenSSL refuses an all-zero secret by itself, which another version might not. */
    bool ok = ours != NULL && theirs != NULL && derive_shared(ours, theirs, found) &&
              CRYPTO_memcmp(found, zeros, SECRET_SIZE) != 0;
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
    if (ok) {
        memcpy(shared, found, SECRET_SIZE);
    } else {
        ERR_clear_error();
    }
    OPENSSL_cleanse(found, sizeof found);
    return ok;
}

/* Looked up once, since EVP_sha256() would have each digest look it up anew, under a lock. NULL if
 * the library does not give it. */
static const EVP_MD *find_sha256(void)
{
    static EVP_MD *_Atomic kept;
    EVP_MD *found = atomic_load_explicit(&kept, memory_order_acquire);
    if (found == NULL) {
        EVP_MD *fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
        if (atomic_compare_exchange_strong(&kept, &found, fetched)) {
            return fetched;
        }
        EVP_MD_free(fetched); /* another thread was faster */
    }
    return found;
}

bool secret_digest(const struct bytes *parts, size_t count, uint8_t digest[SECRET_SIZE])
{
    assert(count <= SECRET_PARTS_MAX);
    uint8_t found[SECRET_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *algorithm = find_sha256();
    bool ok =
        context != NULL && algorithm != NULL && EVP_DigestInit_ex2(context, algorithm, NULL) == 1;
    for (size_t i = 0; ok && i < count; i++) {
        ok = EVP_DigestUpdate(context, parts[i].data, parts[i].size) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(context, found, NULL) == 1;
    EVP_MD_CTX_free(context);
    if (!ok) {
        ERR_clear_error();
        return false;
    }
    memcpy(digest, found, SECRET_SIZE);
    return true;
}

bool secret_hmac(struct bytes key, struct bytes message, uint8_t mac[SECRET_SIZE])
{
    unsigned size = 0;
    uint8_t found[SECRET_SIZE];
    assert(key.size <= 4096);
    bool ok = HMAC(EVP_sha256(), key.data, (int)key.size, message.data, message.size, found,
                   &size) != NULL &&
              size == SECRET_SIZE;
    if (ok) {
        memcpy(mac, found, SECRET_SIZE);
    } else {
        ERR_clear_error();
    }
    OPENSSL_cleanse(found, sizeof found);
    return ok;
}

bool secret_extract(struct bytes salt, struct bytes material, uint8_t key[SECRET_SIZE])
{
    return secret_hmac(salt, material, key);
}

/* RFC 5869, 2.3: T(i) = HMAC(key, T(i - 1) | info | i). */
bool secret_expand(const uint8_t key[SECRET_SIZE], struct bytes info, uint8_t *out, size_t size)
{
    assert(info.size <= SECRET_EXPAND_MAX);
    assert(size <= 255 * SECRET_SIZE);
    uint8_t block[SECRET_SIZE];
    uint8_t input[SECRET_SIZE + SECRET_EXPAND_MAX + 1];
    size_t begin = SECRET_SIZE; /* the first block has none before it */
    bool ok = true;
    if (info.size > 0) {
        memcpy(input + SECRET_SIZE, info.data, info.size);
    }
    for (size_t done = 0; ok && done < size; done += SECRET_SIZE) {
        input[SECRET_SIZE + info.size] = (uint8_t)(done / SECRET_SIZE + 1);
        struct bytes message = bytes_make(input + begin, SECRET_SIZE + info.size + 1 - begin);
        ok = secret_hmac(bytes_make(key, SECRET_SIZE), message, block);
        if (ok) {
            memcpy(out + done, block, size - done < SECRET_SIZE ? size - done : SECRET_SIZE);
            memcpy(input, block, SECRET_SIZE);
            begin = 0;
        }
    }
    OPENSSL_cleanse(block, sizeof block);
    OPENSSL_cleanse(input, sizeof input);
    return ok;
}

bool secret_derive(const uint8_t key[SECRET_SIZE], const char *label, uint8_t *out, size_t size)
{
    return secret_expand(key, bytes_make(label, strlen(label) + 1), out, size);
}
