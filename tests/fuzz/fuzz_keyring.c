/* SPDX-License-Identifier: MIT */
/* Keys files: what is accepted can be used, what is refused is explained. */
#include "common/auth/mac.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

const struct fuzz_target fuzz_target = {.name = "keyring", .takes_packets = false};

/* Contexts of the crypto library are slow to make: a few keys are enough to see that they can be.
 */
#define KEYS_USED_MAX 4

static void check_key(const struct keyring *keyring, size_t index)
{
    const struct key *key = &keyring->keys[index];
    FUZZ_REQUIRE(key->id != 0);
    FUZZ_REQUIRE(index == 0 || keyring->keys[index - 1].id < key->id);
    FUZZ_REQUIRE(key->type < KEY_TYPES);
    FUZZ_REQUIRE(key->size > 0 && key->size <= KEY_SIZE_MAX);
    FUZZ_REQUIRE(key->prefix_count <= KEY_PREFIXES_MAX);
    FUZZ_REQUIRE(keyring_find(keyring, key->id) == key);
    for (size_t i = 0; i < key->prefix_count; i++) {
        struct address address = {.family = key->prefixes[i].family};
        memcpy(address.octets, key->prefixes[i].octets, sizeof(address.octets));
        FUZZ_REQUIRE(key_is_allowed(key, &address));
    }
}

static void sign_and_verify(const struct keyring *keyring)
{
    static const uint8_t message[48] = {0x23};
    char error[KEYRING_ERROR_MAX];
    struct macs *macs = macs_create(keyring, error);
    FUZZ_REQUIRE(macs != NULL);
    for (size_t i = 0; i < keyring->count; i++) {
        uint8_t digest[MAC_DIGEST_MAX];
        uint32_t id = keyring->keys[i].id;
        for (unsigned version = 3; version <= 4; version++) {
            size_t size = mac_size(macs, id, version);
            struct bytes signed_part = bytes_make(message, sizeof(message));
            FUZZ_REQUIRE(size >= 16 && size <= (version == 4 ? 20 : MAC_DIGEST_MAX));
            FUZZ_REQUIRE(mac_make(macs, id, signed_part, digest, size));
            FUZZ_REQUIRE(mac_verify(macs, id, version, signed_part, bytes_make(digest, size)));
            digest[size - 1] ^= 1;
            FUZZ_REQUIRE(!mac_verify(macs, id, version, signed_part, bytes_make(digest, size)));
        }
    }
    macs_destroy(macs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct keyring keyring;
    char error[KEYRING_ERROR_MAX] = "";
    if (keyring_parse(text, &keyring, error)) {
        FUZZ_REQUIRE(keyring.count <= KEYRING_KEYS_MAX);
        for (size_t i = 0; i < keyring.count; i++) {
            check_key(&keyring, i);
        }
        if (keyring.count <= KEYS_USED_MAX) {
            sign_and_verify(&keyring);
        }
    } else {
        FUZZ_REQUIRE(keyring.count == 0);
        FUZZ_REQUIRE(strncmp(error, "line ", 5) == 0);
        FUZZ_REQUIRE(strlen(error) < KEYRING_ERROR_MAX);
    }
    keyring_clear(&keyring);
    free(text);
    return 0;
}
