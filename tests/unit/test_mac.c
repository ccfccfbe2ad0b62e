/* SPDX-License-Identifier: MIT */
#include "common/auth/mac.h"
#include "tests/unit/unit.h"
#include "tests/vectors/hex.h"
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define AES128_KEY "HEX:2b7e151628aed2a6abf7158809cf4f3c"
#define AES256_KEY "HEX:603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"

/* The keys of the corpus's README, and those that published vectors use. */
static const char keys_text[] =
    "1 MD5 ASCII:interopMD5key_01\n"
    "2 SHA1 HEX:a5000102030405060708090a0b0c0d0e0f101112\n"
    "3 SHA256 HEX:b5000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e\n"
    "4 AES128 HEX:c5000102030405060708090a0b0c0d0e\n"
    "5 AES256 HEX:d5000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e\n"
    "11 MD5 a\n12 SHA1 a\n13 SHA256 a\n14 SHA384 a\n15 SHA512 a\n"
    "16 AES128 " AES128_KEY "\n17 AES256 " AES256_KEY "\n"
    "4294967295 SHA1 last\n";

static struct macs *macs_of(const char *text, char error[KEYRING_ERROR_MAX])
{
    struct keyring keyring;
    CU_ASSERT_TRUE_FATAL(keyring_parse(text, &keyring, error));
    struct macs *macs = macs_create(&keyring, error);
    keyring_clear(&keyring); /* macs has a copy */
    return macs;
}

static struct macs *good_macs(void)
{
    char error[KEYRING_ERROR_MAX];
    struct macs *macs = macs_of(keys_text, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(macs);
    return macs;
}

static size_t from_hex(const char *text, uint8_t *octets)
{
    size_t size = strlen(text) / 2;
    for (size_t i = 0; i < size; i++) {
        octets[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    }
    return size;
}

/* Each twice, since the contexts are used again. */
static void computes_published_vectors(void)
{
    /* RFC 4493, 4; NIST SP 800-38B, D.1 and D.3: the same message of 64 octets, cut. */
    static const char message[] =
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    static const struct {
        uint32_t key_id;
        const char *message; /* NULL for so much of the above */
        size_t size;
        const char *digest;
    } cases[] = {
        {16, NULL, 0, "bb1d6929e95937287fa37d129b756746"},
        {16, NULL, 16, "070a16b46b4d4144f79bdd9dd04a287c"},
        {16, NULL, 40, "dfa66747de9ae63030ca32611497c827"},
        {16, NULL, 64, "51f0bebf7e3b9d92fc49741779363cfe"},
        {17, NULL, 0, "028962f61b7bf89efc6b551f4667d983"},
        {17, NULL, 16, "28a7023f452e8f82bd4bf28d8c37c35c"},
        {17, NULL, 40, "aaf3d8f1de5640c232f5b169b9c911e6"},
        {17, NULL, 64, "e1992190549f6ed5696a2c056c315410"},
        /* RFC 1321 and FIPS 180: digests of "abc", of which the key is "a". */
        {11, "bc", 2, "900150983cd24fb0d6963f7d28e17f72"},
        {12, "bc", 2, "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {13, "bc", 2, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {14, "bc", 2,
         "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
         "8086072ba1e7cc2358baeca134c825a7"},
        {15, "bc", 2,
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
         "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    };
    struct macs *macs = good_macs();
    uint8_t octets[64];
    from_hex(message, octets);
    for (size_t i = 0; i < 2 * COUNT(cases); i++) {
        size_t at = i % COUNT(cases);
        const void *data = cases[at].message != NULL ? (const void *)cases[at].message : octets;
        uint8_t expected[MAC_DIGEST_MAX];
        uint8_t computed[MAC_DIGEST_MAX + 1];
        size_t size = from_hex(cases[at].digest, expected);
        CU_ASSERT_EQUAL(mac_size(macs, cases[at].key_id, 3), size);
        memset(computed, 0xee, sizeof computed);
        CU_ASSERT_TRUE(
            mac_make(macs, cases[at].key_id, bytes_make(data, cases[at].size), computed, size));
        CU_ASSERT_EQUAL(memcmp(computed, expected, size), 0);
        CU_ASSERT_EQUAL(computed[size], 0xee);
        /* A shorter one is the beginning of it, and nothing is written behind it. */
        memset(computed, 0xee, sizeof computed);
        CU_ASSERT_TRUE(
            mac_make(macs, cases[at].key_id, bytes_make(data, cases[at].size), computed, 9));
        CU_ASSERT_EQUAL(memcmp(computed, expected, 9), 0);
        CU_ASSERT_EQUAL(computed[9], 0xee);
    }
    macs_destroy(macs);
}

/* Packets that stock programs signed: chronyd, ntpd and busybox. */
static void verifies_recorded_packets(void)
{
    static const struct {
        const char *name;
        unsigned version;
        uint32_t key_id;
        size_t size;
    } cases[] = {
        {"requests/chronyd-4.3-auth-md5", 4, 1, 16},
        {"requests/chronyd-4.3-auth-sha1", 4, 2, 20},
        {"requests/chronyd-4.3-auth-sha256", 3, 3, 32},
        {"requests/chronyd-4.3-auth-aes128", 4, 4, 16},
        {"requests/chronyd-4.3-auth-aes256", 4, 5, 16},
        {"requests/busybox-ntpd-1.35.0-auth-md5", 4, 1, 16},
        {"responses/ntpd-4.2.8p15--chronyd-4.3-auth-aes128", 4, 4, 16},
        {"responses/ntpsec-1.2.2--chronyd-4.3-auth-aes256", 4, 5, 16},
    };
    const char *srcdir = getenv("srcdir");
    struct macs *macs = good_macs();
    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[1024];
        uint8_t octets[128];
        size_t size = 0;
        snprintf(path, sizeof path, "%s/tests/vectors/corpus/%s.hex", srcdir == NULL ? "." : srcdir,
                 cases[i].name);
        CU_ASSERT_TRUE_FATAL(hex_load(path, octets, sizeof octets, &size));
        CU_ASSERT_EQUAL_FATAL(size, 48 + 4 + cases[i].size);
        struct bytes packet = bytes_make(octets, size);
        CU_ASSERT_EQUAL(bytes_u32(packet, 48), cases[i].key_id);
        struct bytes message = bytes_slice(packet, 0, 48);
        struct bytes digest = bytes_slice(packet, 52, cases[i].size);
        CU_ASSERT_EQUAL(mac_size(macs, cases[i].key_id, cases[i].version), cases[i].size);
        CU_ASSERT_TRUE(mac_verify(macs, cases[i].key_id, cases[i].version, message, digest));
        /* Every damaged bit shows, in the message and in the digest. */
        for (size_t bit = 0; bit < size * 8; bit++) {
            if (bit / 8 >= 48 && bit / 8 < 52) {
                continue;
            }
            octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
            CU_ASSERT_FALSE(mac_verify(macs, cases[i].key_id, cases[i].version, message, digest));
            octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        CU_ASSERT_FALSE(mac_verify(macs, cases[i].key_id + 10, cases[i].version, message, digest));
    }
    macs_destroy(macs);
}

static void cuts_in_version_4_only(void)
{
    static const struct {
        uint32_t key_id;
        size_t whole, cut;
    } cases[] = {{1, 16, 16},  {2, 20, 20}, {3, 32, 20}, {14, 48, 20},
                 {15, 64, 20}, {4, 16, 16}, {5, 16, 16}, {UINT32_MAX, 20, 20}};
    static const uint8_t zeros[48];
    struct bytes message = bytes_make(zeros, sizeof zeros);
    struct macs *macs = good_macs();
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint32_t id = cases[i].key_id;
        for (unsigned version = 1; version <= 4; version++) {
            size_t size = version == 4 ? cases[i].cut : cases[i].whole;
            CU_ASSERT_EQUAL(mac_size(macs, id, version), size);
            uint8_t whole[MAC_DIGEST_MAX] = {0};
            CU_ASSERT_TRUE(mac_make(macs, id, message, whole, cases[i].whole));
            /* Of all lengths, only that of the version is a MAC. */
            for (size_t length = 0; length <= MAC_DIGEST_MAX; length++) {
                CU_ASSERT_EQUAL(mac_verify(macs, id, version, message, bytes_make(whole, length)),
                                length == size);
            }
        }
    }
    macs_destroy(macs);
}

static void refuses_unknown_keys(void)
{
    static const uint8_t zeros[48];
    struct bytes message = bytes_make(zeros, sizeof zeros);
    struct macs *macs = good_macs();
    uint8_t out[MAC_DIGEST_MAX] = {0x55};
    CU_ASSERT_EQUAL(mac_size(macs, 6, 4), 0);
    CU_ASSERT_EQUAL(mac_size(macs, 0, 4), 0);
    CU_ASSERT_PTR_NULL(macs_key(macs, 6));
    CU_ASSERT_FALSE(mac_make(macs, 6, message, out, 16));
    CU_ASSERT_EQUAL(out[0], 0x55);
    CU_ASSERT_FALSE(mac_verify(macs, 6, 4, message, bytes_make(zeros, 0)));
    CU_ASSERT_FALSE(mac_verify(macs, 6, 4, message, bytes_make(zeros, 16)));
    const struct key *key = macs_key(macs, 5);
    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT_EQUAL(key->id, 5);
    CU_ASSERT_EQUAL(key->type, KEY_AES256_CMAC);
    macs_destroy(macs);
    macs_destroy(NULL);
}

/* Two structs share nothing, so that each thread may have one. */
static void structs_are_apart(void)
{
    char error[KEYRING_ERROR_MAX];
    struct macs *a = macs_of("1 SHA1 one\n2 AES128 HEX:000102030405060708090a0b0c0d0e0f", error);
    struct macs *b = macs_of("1 SHA1 two\n2 AES128 HEX:100102030405060708090a0b0c0d0e0f", error);
    CU_ASSERT_FATAL(a != NULL && b != NULL);
    static const uint8_t zeros[48];
    struct bytes message = bytes_make(zeros, sizeof zeros);
    for (uint32_t id = 1; id <= 2; id++) {
        uint8_t from_a[16];
        uint8_t from_b[16];
        CU_ASSERT_TRUE(mac_make(a, id, message, from_a, 16) &&
                       mac_make(b, id, message, from_b, 16));
        CU_ASSERT_NOT_EQUAL(memcmp(from_a, from_b, 16), 0);
        CU_ASSERT_TRUE(mac_verify(b, id, 3, message, bytes_make(from_b, 16)) == (id == 2));
        CU_ASSERT_FALSE(mac_verify(a, id, 3, message, bytes_make(from_b, 16)));
    }
    macs_destroy(a);
    uint8_t after[16];
    CU_ASSERT_TRUE(mac_make(b, 2, message, after, 16));
    macs_destroy(b);
}

static bool write_policy(char *path)
{
    static const char policy[] = "openssl_conf = init\n[init]\nalg_section = policy\n"
                                 "[policy]\ndefault_properties = fips=yes\n";
    int descriptor = mkstemp(path);
    bool ok = descriptor >= 0 &&
              write(descriptor, policy, sizeof policy - 1) == (ssize_t)(sizeof policy - 1);
    return descriptor >= 0 && close(descriptor) == 0 && ok && setenv("OPENSSL_CONF", path, 1) == 0;
}

/* Runs in a process of its own, before anything here has used OpenSSL. Returns what went wrong. */
static const char *refused_by_policy(char *path)
{
    char error[KEYRING_ERROR_MAX] = "";
    struct macs *none = macs_of("", error);
    if (none == NULL || mac_size(none, 1, 4) != 0) {
        return "macs_create() failed without a key";
    }
    macs_destroy(none);
    /* Had that touched OpenSSL, it would have read its configuration, and would not now. */
    if (!write_policy(path)) {
        return "the policy could not be written";
    }
    if (macs_of("77 MD5 secret", error) != NULL) {
        return "the policy was not obeyed";
    }
    bool is_named = strstr(error, "key 77") != NULL && strstr(error, "MD5") != NULL;
    return is_named ? NULL : "the complaint does not name the key and its algorithm";
}

static void obeys_the_policy_of_the_machine(void)
{
    char path[] = "/tmp/test_mac.XXXXXX";
    fflush(stdout);
    pid_t child = fork();
    CU_ASSERT_FATAL(child >= 0);
    if (child == 0) {
        const char *wrong = refused_by_policy(path);
        unlink(path);
        if (wrong != NULL) {
            fprintf(stderr, "%s\n", wrong);
        }
        _exit(wrong == NULL ? 0 : 1);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
}

static const struct unit_case cases[] = {
    {"obeys the policy of the machine", obeys_the_policy_of_the_machine}, /* first: see there */
    {"computes published vectors", computes_published_vectors},
    {"verifies recorded packets", verifies_recorded_packets},
    {"cuts in version 4 only", cuts_in_version_4_only},
    {"refuses unknown keys", refuses_unknown_keys},
    {"structs are apart", structs_are_apart},
};
UNIT_MAIN("mac", cases)
