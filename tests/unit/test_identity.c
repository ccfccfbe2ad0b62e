/* SPDX-License-Identifier: MIT */
#include "common/auth/identity.h"
#include "tests/unit/unit.h"
#include "tests/vectors/hex.h"
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* RFC 8032, 7.1, test 1, as OpenSSL and python3-cryptography write it. */
static const char pem_text[] = "-----BEGIN PRIVATE KEY-----\n"
                               "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                               "-----END PRIVATE KEY-----\n";
static const char key_text[] =
    "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

static void from_hex(const char *text, uint8_t *octets)
{
    for (size_t i = 0; i < strlen(text) / 2; i++) {
        octets[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    }
}

static struct bytes of_text(const char *text)
{
    return bytes_make(text, strlen(text));
}

static struct identity *known(void)
{
    char error[IDENTITY_ERROR_MAX];
    struct identity *identity = identity_parse(of_text(pem_text), error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(identity);
    return identity;
}

static struct identity *drawn(uint64_t seed)
{
    char error[IDENTITY_ERROR_MAX];
    struct random random;
    random_init_seeded(&random, seed);
    struct identity *identity = identity_create(&random, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(identity);
    return identity;
}

static void has_the_key_of_rfc_8032(void)
{
    char text[IDENTITY_KEY_TEXT_MAX];
    char id_text[IDENTITY_ID_TEXT_MAX];
    char pem[IDENTITY_PEM_MAX];
    struct identity *identity = known();
    CU_ASSERT_STRING_EQUAL(public_key_format(identity_public_key(identity), text), key_text);
    /* sha256sum of the 32 octets begins so. */
    CU_ASSERT_EQUAL(identity_id(identity), UINT64_C(0x21fe31dfa154a261));
    CU_ASSERT_STRING_EQUAL(identity_id_format(identity_id(identity), id_text), "21fe31dfa154a261");
    CU_ASSERT_EQUAL(identity_tag(identity_id(identity)), 0x21fe31df);
    CU_ASSERT_TRUE(identity_format(identity, pem));
    CU_ASSERT_STRING_EQUAL(pem, pem_text);
    identity_destroy(identity);
}

/* Computed by python3-cryptography over the label, a zero octet and AF 82. */
static void signs_under_labels(void)
{
    static const struct {
        enum identity_use use;
        const char *signature;
    } vectors[] = {
        {IDENTITY_REPORT, "39ea40f816f6b0c0288b35aaf16c2c0948fbe282cae2ea4b81c826a4b38e605d"
                          "27848ac987b86083c7548a2c7e9a8b2426de3cff91dcd9441320d6d4db328402"},
        {IDENTITY_HELLO, "00dee66b90a8456c701615b1bc6bdcc478eb0e394ac2d248d56015aac7e80107"
                         "4db15ef116db563bfd4a5932f5a4a944ca764c2d146b89837777c2b961b1a104"},
    };
    static const uint8_t message[] = {0xaf, 0x82};
    struct identity *identity = known();
    for (size_t i = 0; i < COUNT(vectors); i++) {
        uint8_t wanted[IDENTITY_SIGNATURE_SIZE];
        uint8_t found[IDENTITY_SIGNATURE_SIZE];
        from_hex(vectors[i].signature, wanted);
        CU_ASSERT_TRUE(identity_sign(identity, vectors[i].use, bytes_make(message, 2), found));
        CU_ASSERT_EQUAL(memcmp(found, wanted, sizeof found), 0);
        for (int use = 0; use < IDENTITY_USES; use++) {
            CU_ASSERT_EQUAL(public_key_verify(identity_public_key(identity), (enum identity_use)use,
                                              bytes_make(message, 2), wanted),
                            use == (int)vectors[i].use);
        }
    }
    identity_destroy(identity);
}

static void finds_each_changed_bit(void)
{
    uint8_t message[24] = "a report of 24 octets..";
    uint8_t signature[IDENTITY_SIGNATURE_SIZE];
    struct identity *identity = drawn(1);
    struct identity *other = drawn(2);
    struct public_key key = *identity_public_key(identity);
    struct bytes view = bytes_make(message, sizeof message);
    CU_ASSERT_NOT_EQUAL(identity_id(identity), identity_id(other));
    CU_ASSERT_TRUE_FATAL(identity_sign(identity, IDENTITY_REPORT, view, signature));
    CU_ASSERT_TRUE(public_key_verify(&key, IDENTITY_REPORT, view, signature));
    CU_ASSERT_FALSE(
        public_key_verify(identity_public_key(other), IDENTITY_REPORT, view, signature));
    size_t missed = 0;
    for (size_t bit = 0; bit < sizeof message * 8; bit++) {
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
        missed += public_key_verify(&key, IDENTITY_REPORT, view, signature);
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < sizeof signature * 8; bit++) {
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        missed += public_key_verify(&key, IDENTITY_REPORT, view, signature);
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CU_ASSERT_EQUAL(missed, 0);
    view.size--;
    CU_ASSERT_FALSE(public_key_verify(&key, IDENTITY_REPORT, view, signature));
    identity_destroy(identity);
    identity_destroy(other);
}

static void limits_what_is_signed(void)
{
    static const uint8_t message[IDENTITY_MESSAGE_MAX + 1];
    uint8_t signature[IDENTITY_SIGNATURE_SIZE];
    struct identity *identity = drawn(3);
    const struct public_key *key = identity_public_key(identity);
    struct bytes most = bytes_make(message, IDENTITY_MESSAGE_MAX);
    CU_ASSERT_TRUE(identity_sign(identity, IDENTITY_MESSAGE, most, signature));
    CU_ASSERT_TRUE(public_key_verify(key, IDENTITY_MESSAGE, most, signature));
    most.size++;
    CU_ASSERT_FALSE(identity_sign(identity, IDENTITY_MESSAGE, most, signature));
    CU_ASSERT_FALSE(public_key_verify(key, IDENTITY_MESSAGE, most, signature));
    struct bytes none = bytes_make(NULL, 0);
    CU_ASSERT_TRUE(identity_sign(identity, IDENTITY_MESSAGE, none, signature));
    CU_ASSERT_TRUE(public_key_verify(key, IDENTITY_MESSAGE, none, signature));
    identity_destroy(identity);
}

static void survives_its_text(void)
{
    char error[IDENTITY_ERROR_MAX];
    char pem[IDENTITY_PEM_MAX];
    char text[IDENTITY_KEY_TEXT_MAX];
    struct public_key key;
    struct identity *identity = drawn(4);
    CU_ASSERT_TRUE(identity_format(identity, pem));
    struct identity *again = identity_parse(of_text(pem), error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT_EQUAL(identity_id(again), identity_id(identity));
    public_key_format(identity_public_key(identity), text);
    CU_ASSERT_TRUE(public_key_parse(text, &key, error));
    CU_ASSERT_EQUAL(memcmp(&key, identity_public_key(again), sizeof key), 0);
    secret_wipe(pem, sizeof pem);
    CU_ASSERT_EQUAL(pem[0], 0);
    identity_destroy(again);
    identity_destroy(identity);
    identity_destroy(NULL);
}

static void refuses_what_is_no_key(void)
{
    /* Made by the openssl command: X25519, EC, Ed25519 encrypted, Ed25519's public half. */
    static const struct {
        const char *pem;
        const char *says;
    } cases[] = {
        {"", "1 to 511 octets"},
        {"no key at all", "no unencrypted private key"},
        {"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6Ud"
         "uSwq\n-----END PRIVATE KEY-----\n",
         "found X25519"},
        {"-----BEGIN PUBLIC "
         "KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
         "-----END PUBLIC KEY-----\n",
         "no unencrypted private key"},
        {"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
         "MIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBDfhCz3S1wvB+5JXuZrsSs8AgIIADAMBggqhkiG9w0C"
         "CQUAMB0GCWCGSAFlAwQBKgQQ\n-----END ENCRYPTED PRIVATE KEY-----\n",
         "no unencrypted private key"},
    };
    char error[IDENTITY_ERROR_MAX];
    for (size_t i = 0; i < COUNT(cases); i++) {
        CU_ASSERT_PTR_NULL(identity_parse(of_text(cases[i].pem), error));
        CU_ASSERT_PTR_NOT_NULL(strstr(error, cases[i].says));
        CU_ASSERT_PTR_NOT_NULL(strstr(error, "chime keygen --node"));
    }
    char long_text[IDENTITY_PEM_MAX + 1] = {0};
    memset(long_text, '-', IDENTITY_PEM_MAX);
    CU_ASSERT_PTR_NULL(identity_parse(of_text(long_text), error));
}

static void refuses_texts_that_name_nobody(void)
{
    static const char *const wrong[] = {
        "",
        "ed25519:",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f70751",
        "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a0",
        "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511g",
        "ed25519:0000000000000000000000000000000000000000000000000000000000000000",
        "ed25519:0000000000000000000000000000000000000000000000000000000000000080",
        "ed25519:0100000000000000000000000000000000000000000000000000000000000000",
        "ed25519:ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ed25519:eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ed25519:26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "ed25519:c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    };
    char error[IDENTITY_ERROR_MAX];
    struct public_key key;
    uint64_t id = 7;
    memset(&key, 0x55, sizeof key);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        CU_ASSERT_FALSE(public_key_parse(wrong[i], &key, error));
        CU_ASSERT_EQUAL(key.octets[0], 0x55);
        CU_ASSERT_PTR_NOT_NULL(strstr(error, "public key"));
    }
    CU_ASSERT_TRUE(public_key_parse(
        "ed25519:D75A980182B10AB7D54BFED3C964073A0EE172F3DAA62325AF021A68F707511A", &key, error));
    CU_ASSERT_TRUE(public_key_id(&key, &id));
    CU_ASSERT_EQUAL(id, UINT64_C(0x21fe31dfa154a261));
    CU_ASSERT_FALSE(identity_id_parse("21fe31dfa154a26", &id));
    CU_ASSERT_FALSE(identity_id_parse("21fe31dfa154a26x", &id));
    CU_ASSERT_TRUE(identity_id_parse("0000000000000009", &id));
    CU_ASSERT_EQUAL(id, 9);
}

static const struct unit_case cases[] = {
    {"has the key of RFC 8032", has_the_key_of_rfc_8032},
    {"signs under labels", signs_under_labels},
    {"finds each changed bit", finds_each_changed_bit},
    {"limits what is signed", limits_what_is_signed},
    {"survives its text", survives_its_text},
    {"refuses what is no key", refuses_what_is_no_key},
    {"refuses texts that name nobody", refuses_texts_that_name_nobody},
};
UNIT_MAIN("identity", cases)
