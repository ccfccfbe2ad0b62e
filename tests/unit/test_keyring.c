/* SPDX-License-Identifier: MIT */
#include "common/auth/keyring.h"
#include "common/base/random.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define HEX16 "000102030405060708090a0b0c0d0e0f"
#define HEX64 HEX16 HEX16 HEX16 HEX16

static struct keyring keyring;
static char error[KEYRING_ERROR_MAX];

static const struct key *parse_one(const char *text)
{
    keyring_clear(&keyring);
    if (!keyring_parse(text, &keyring, error)) {
        printf("\n%s: %s", text, error);
        CU_FAIL_FATAL("a good keys file was refused");
    }
    CU_ASSERT_EQUAL_FATAL(keyring.count, 1);
    return &keyring.keys[0];
}

/* The complaint must name the line and hold each of the words, separated by '|'. */
static void expect_refusal(const char *text, const char *words)
{
    keyring_clear(&keyring);
    keyring.count = 7;
    if (keyring_parse(text, &keyring, error)) {
        printf("\n%.60s", text);
        CU_FAIL_FATAL("a bad keys file was taken");
    }
    CU_ASSERT_EQUAL(keyring.count, 0);
    CU_ASSERT_PTR_NULL(keyring.keys);
    char copy[256];
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, "|"); word != NULL; word = strtok(NULL, "|")) {
        if (strstr(error, word) == NULL) {
            printf("\nno \"%s\" in \"%s\"", word, error);
            CU_FAIL("the complaint does not say it");
        }
    }
}

static bool secret_is(const struct key *key, const void *secret, size_t size)
{
    return key->size == size && memcmp(key->secret, secret, size) == 0;
}

static void names_types(void)
{
    static const struct {
        const char *text;
        enum key_type type;
    } cases[] = {
        {"MD5", KEY_MD5},
        {"m", KEY_MD5},
        {"M", KEY_MD5},
        {"sha", KEY_SHA1},
        {"SHA1", KEY_SHA1},
        {"SHA-1", KEY_SHA1},
        {"Sha256", KEY_SHA256},
        {"SHA384", KEY_SHA384},
        {"SHA-512", KEY_SHA512},
        {"AES", KEY_AES128_CMAC},
        {"aes128", KEY_AES128_CMAC},
        {"AES-128-CMAC", KEY_AES128_CMAC},
        {"AES128CMAC", KEY_AES128_CMAC},
        {"AES256", KEY_AES256_CMAC},
        {"AES-256-CMAC", KEY_AES256_CMAC},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        enum key_type type = KEY_TYPES;
        CU_ASSERT_TRUE(key_type_parse(cases[i].text, &type));
        CU_ASSERT_EQUAL(type, cases[i].type);
    }
    static const char *const bad[] = {"",       "-",           "MD",
                                      "MD55",   "SHA3",        "SHA224",
                                      "AES192", "AES128CMACX", "AES-128-CMAC-AND-MORE-OF-IT",
                                      "MD5 "};
    for (size_t i = 0; i < COUNT(bad); i++) {
        enum key_type type;
        CU_ASSERT_FALSE(key_type_parse(bad[i], &type));
    }
    for (enum key_type type = 0; type < KEY_TYPES; type++) {
        enum key_type again;
        CU_ASSERT_TRUE(key_type_parse(key_type_name(type), &again));
        CU_ASSERT_EQUAL(again, type);
    }
}

static void reads_both_formats(void)
{
    static const uint8_t octets[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    static const struct {
        const char *text;
        uint32_t id;
        enum key_type type;
        const char *secret; /* NULL for octets above */
    } cases[] = {
        {"1 M secret", 1, KEY_MD5, "secret"},
        {"1 secret", 1, KEY_MD5, "secret"},
        {"4294967295 MD5 secret\n", 4294967295, KEY_MD5, "secret"},
        {"  7\tSHA1 \t secret  ", 7, KEY_SHA1, "secret"},
        {"1 SHA256 ASCII:se:cret", 1, KEY_SHA256, "se:cret"},
        {"1 SHA256 HEX:" HEX16, 1, KEY_SHA256, NULL},
        {"1 HEX:" HEX16, 1, KEY_MD5, NULL},
        {"1 SHA512 HEX:000102030405060708090A0B0C0D0E0F", 1, KEY_SHA512, NULL},
        {"1 AES128 " HEX16, 1, KEY_AES128_CMAC, NULL},
        {"1 AES 0123456789abcdef", 1, KEY_AES128_CMAC, "0123456789abcdef"},
        {"1 AES128 ASCII:"
         "0123456789abcdef",
         1, KEY_AES128_CMAC, "0123456789abcdef"},
        /* Up to 20 characters a bare key is ASCII, whatever it looks like. */
        {"1 M 01234567890123456789", 1, KEY_MD5, "01234567890123456789"},
        {"1 M 012345678901234567890", 1, KEY_MD5, "012345678901234567890"},
        {"1 M 01234567890123456789g0", 1, KEY_MD5, "01234567890123456789g0"},
        {"1 ASCII:" HEX16, 1, KEY_MD5, HEX16},
        {"1 M #notacomment", 0, KEY_MD5, "\0no key"},
        /* What ntp-keygen and people come up with. */
        {"1 MD5 X~o`$H\"Kl'v@a#b[{|", 1, KEY_MD5, "X~o`$H\"Kl'v@a#b[{|"},
        {"1 MD5 \"quoted\"", 1, KEY_MD5, "\"quoted\""},
        {"1 MD5 a!b;c%d#e", 1, KEY_MD5, "a!b;c%d#e"},
        {"1 MD5 gr\xc3\xbc\xc3\x9f", 1, KEY_MD5, "gr\xc3\xbc\xc3\x9f"},
        {"1 M secret # a comment", 1, KEY_MD5, "secret"},
        {"1 M secret #a comment of many more words", 1, KEY_MD5, "secret"},
        {"1 MD5 M", 1, KEY_MD5, "M"},
        {"\xef\xbb\xbf"
         "1 M secret",
         1, KEY_MD5, "secret"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (cases[i].id == 0) {
            expect_refusal(cases[i].text, "line 1|no key");
            continue;
        }
        const struct key *key = parse_one(cases[i].text);
        CU_ASSERT_EQUAL(key->id, cases[i].id);
        CU_ASSERT_EQUAL(key->type, cases[i].type);
        const char *secret = cases[i].secret;
        CU_ASSERT_TRUE(secret == NULL ? secret_is(key, octets, sizeof octets)
                                      : secret_is(key, secret, strlen(secret)));
        CU_ASSERT_EQUAL(key->prefix_count, 0);
    }
    const struct key *longest = parse_one("1 SHA512 " HEX64);
    CU_ASSERT_EQUAL(longest->size, 64);
    CU_ASSERT_EQUAL(longest->secret[63], 15);
}

static void reads_whole_files(void)
{
    static const char text[] = "# ntp.keys\r\n"
                               "! another\r\n"
                               "; another\r\n"
                               "%another 1 2 3 4 5 6 7\r\n"
                               "   # indented\r\n"
                               "\r\n"
                               "   \t\r\n"
                               "30 SHA1 HEX:0102\r\n"
                               "10 M ten\r\n"
                               "20 AES256 HEX:" HEX16 HEX16 "\r\n"
                               "4000000000 five"; /* no newline at the end */
    keyring_clear(&keyring);
    CU_ASSERT_TRUE_FATAL(keyring_parse(text, &keyring, error));
    CU_ASSERT_EQUAL_FATAL(keyring.count, 4);
    static const uint32_t ids[] = {10, 20, 30, 4000000000};
    for (size_t i = 0; i < COUNT(ids); i++) {
        CU_ASSERT_EQUAL(keyring.keys[i].id, ids[i]);
        CU_ASSERT_PTR_EQUAL(keyring_find(&keyring, ids[i]), &keyring.keys[i]);
        CU_ASSERT_PTR_NULL(keyring_find(&keyring, ids[i] + 1));
        CU_ASSERT_PTR_NULL(keyring_find(&keyring, ids[i] - 1));
    }
    CU_ASSERT_TRUE(secret_is(keyring_find(&keyring, 10), "ten", 3));
    CU_ASSERT_TRUE(secret_is(keyring_find(&keyring, 4000000000), "five", 4));
    CU_ASSERT_PTR_NULL(keyring_find(&keyring, 0));
    CU_ASSERT_PTR_NULL(keyring_find(&keyring, UINT32_MAX));
    static const char *const empty[] = {"", "\n", "\r\n", "# nothing\n\n", "#"};
    for (size_t i = 0; i < COUNT(empty); i++) {
        keyring_clear(&keyring);
        CU_ASSERT_TRUE(keyring_parse(empty[i], &keyring, error));
        CU_ASSERT_EQUAL(keyring.count, 0);
        CU_ASSERT_PTR_NULL(keyring_find(&keyring, 1));
    }
    keyring_clear(&keyring);
    keyring_clear(&keyring);
}

static void refuses_ids(void)
{
    expect_refusal("0 M secret", "line 1|is 0;|1 to 4294967295");
    expect_refusal("-1 M secret", "line 1|is -1;|1 to 4294967295");
    expect_refusal("\n\n4294967296 M secret", "line 3|4294967296;");
    expect_refusal("99999999999999999999999999 M secret", "line 1|99999999999999999999999999");
    expect_refusal("1x M secret", "line 1|no key id");
    expect_refusal("M secret", "line 1|no key id");
    expect_refusal("1 M a\n2 M b\n1 M c", "line 3|key 1|on line 1");
    expect_refusal("5 M a\n2 M b\n9 M c\n\n2 M d\n", "line 5|key 2|on line 2");
}

static void refuses_keys(void)
{
    expect_refusal("1", "line 1|key 1|no key");
    expect_refusal("1 SHA1", "line 1|key 1|no key");
    expect_refusal("1 M # secret", "line 1|key 1|no key");
    expect_refusal("1 SHA3 secret", "line 1|SHA3|MD5, SHA1");
    expect_refusal("1 AES192 HEX:00", "line 1|AES192|AES256");
    expect_refusal("1 frobnicate xyzzy", "line 1|no key type|MD5, SHA1");
    expect_refusal("1 HEX:", "line 1|key 1|empty");
    expect_refusal("1 SHA1 ASCII:", "line 1|key 1|empty");
    expect_refusal("1 SHA1 HEX:012", "line 1|key 1|3 characters|even");
    expect_refusal("1 SHA1 HEX:01zz", "line 1|key 1|not all hexadecimal");
    expect_refusal("1 SHA1 " HEX64 "00", "line 1|key 1|65 octets|64");
    expect_refusal("1 SHA1 HEX:" HEX64 "00", "line 1|key 1|65 octets|64");
    expect_refusal("1 SHA1 ASCII:" HEX16 HEX16 "x", "line 1|key 1|65 octets|64");
    expect_refusal("1 AES128 HEX:" HEX16 "00", "line 1|key 1|17 octets|AES128 takes 16|32 hex");
    expect_refusal("1 AES128 short", "line 1|key 1|5 octets|16");
    expect_refusal("1 AES256 HEX:" HEX16, "line 1|key 1|16 octets|AES256 takes 32|64 hex");
    expect_refusal("1 M a 192.0.2.1 more", "line 1|fifth word");
}

/* A complaint ends in a log that others read. */
static void keeps_secrets_out_of_complaints(void)
{
    static const char *const texts[] = {
        "1 xyzzy HEX:xyzzy",
        "1 M ple xyzzy",
        "1 M ple xyzzy.",
        "xyzzy M plugh",
        "1 M HEX:xyzzy",
        "1 AES128 xyzzy",
        "1 AES128 ASCII:xyzzy",
        "1 xyzzy xyzzy 192.0.2.1",
        "1 xyzzy xyzzy xyzzy xyzzy xyzzy",
        "xyzzyxyzzy",
        "1 M xyzzy 192.0.2.1 xyzzy",
        "1 M xyzzy\x01",
        "1 M xyzzy\n1 M xyzzy",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        expect_refusal(texts[i], "line ");
        CU_ASSERT_PTR_NULL(strstr(error, "xyzzy"));
    }
}

static bool allows(const struct key *key, const char *text)
{
    struct address address;
    CU_ASSERT_TRUE_FATAL(address_parse(text, 123, &address));
    return key_is_allowed(key, &address);
}

static void binds_keys_to_addresses(void)
{
    const struct key *key = parse_one("1 M secret 192.0.2.1,198.51.100.0/24,2001:db8::/32");
    CU_ASSERT_EQUAL(key->prefix_count, 3);
    CU_ASSERT_TRUE(allows(key, "192.0.2.1"));
    CU_ASSERT_FALSE(allows(key, "192.0.2.2"));
    CU_ASSERT_TRUE(allows(key, "198.51.100.77"));
    CU_ASSERT_FALSE(allows(key, "198.51.101.77"));
    CU_ASSERT_TRUE(allows(key, "2001:db8:ffff::1"));
    CU_ASSERT_FALSE(allows(key, "2001:db9::1"));
    key = parse_one("1 secret 192.0.2.1");
    CU_ASSERT_EQUAL(key->type, KEY_MD5);
    CU_ASSERT_TRUE(secret_is(key, "secret", 6));
    CU_ASSERT_FALSE(allows(key, "192.0.2.2"));
    key = parse_one("1 M secret");
    CU_ASSERT_TRUE(allows(key, "192.0.2.2"));
    key = parse_one("1 M s 10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5,10.0.0.6,10.0.0.7,::1");
    CU_ASSERT_EQUAL(key->prefix_count, KEY_PREFIXES_MAX);
    expect_refusal("1 M s 1.0.0.1,1.0.0.2,1.0.0.3,1.0.0.4,1.0.0.5,1.0.0.6,1.0.0.7,1.0.0.8,::1",
                   "line 1|key 1|more than 8");
    expect_refusal("1 M secret localhost", "line 1|a word of 9 characters|addresses");
    expect_refusal("1 M secret 192.0.2.1/24", "line 1|192.0.2.1/24|zero bits");
    expect_refusal("1 M secret 192.0.2.1,", "line 1|a word of 0 characters");
    expect_refusal("1 M secret ,", "line 1|a word of 0 characters");
    expect_refusal("1 M secret "
                   "192.0.2.1111111111111111111111111111111111111111111111111111111111111111111111",
                   "line 1|192.0.2.1111|addresses");
}

static void refuses_what_is_no_text(void)
{
    expect_refusal("1 M a\n2 M b\x01", "line 2|character 6|0x01");
    expect_refusal("\x7f"
                   "ELF\x02\x01\x01",
                   "line 1|character 1|0x7f");
    expect_refusal("1 M a\r2 M b\r", "line 1|0x0d");
    char text[4096];
    memset(text, 'x', sizeof text);
    memcpy(text, "1 M ", 4);
    text[1023] = '\0';
    expect_refusal(text, "line 1|64");
    text[1023] = 'x';
    text[1024] = '\0';
    expect_refusal(text, "line 1|1024 characters|1023");
    memset(text, '#', 3000);
    text[3000] = '\0';
    expect_refusal(text, "line 1|3000 characters");
}

static void holds_so_many_and_no_more(void)
{
    static char text[(KEYRING_KEYS_MAX + 1) * 16];
    size_t size = 0;
    for (unsigned i = KEYRING_KEYS_MAX; i > 0; i--) {
        size += (size_t)snprintf(text + size, sizeof text - size, "%u M key%u\n", i * 3, i);
    }
    keyring_clear(&keyring);
    CU_ASSERT_TRUE_FATAL(keyring_parse(text, &keyring, error));
    CU_ASSERT_EQUAL(keyring.count, KEYRING_KEYS_MAX);
    for (uint32_t id = 0; id <= 3 * KEYRING_KEYS_MAX + 1; id++) {
        const struct key *key = keyring_find(&keyring, id);
        CU_ASSERT_EQUAL(key != NULL, id > 0 && id % 3 == 0 && id <= 3 * KEYRING_KEYS_MAX);
        if (key != NULL) {
            char secret[16];
            snprintf(secret, sizeof secret, "key%u", id / 3);
            CU_ASSERT_TRUE(secret_is(key, secret, strlen(secret)));
        }
    }
    snprintf(text + size, sizeof text - size, "1 M last\n");
    expect_refusal(text, "line 1025|more than 1024");
}

static void survives_noise(void)
{
    static const char letters[] = "019af:HEXASCIIMD5 \t#,./\n\rGAES128\x01\xff";
    struct random random;
    random_init_seeded(&random, 1);
    for (int round = 0; round < 100000; round++) {
        char text[64];
        size_t size = random_below(&random, sizeof text);
        for (size_t i = 0; i < size; i++) {
            text[i] = letters[random_below(&random, sizeof letters - 1)];
        }
        text[size] = '\0';
        keyring_clear(&keyring);
        if (!keyring_parse(text, &keyring, error)) {
            CU_ASSERT_EQUAL_FATAL(keyring.count, 0);
            CU_ASSERT_EQUAL_FATAL(strncmp(error, "line ", 5), 0);
            CU_ASSERT_TRUE_FATAL(strlen(error) < KEYRING_ERROR_MAX - 1);
        }
        for (size_t i = 0; i < keyring.count; i++) {
            CU_ASSERT_TRUE_FATAL(keyring.keys[i].id > 0 && keyring.keys[i].size > 0 &&
                                 keyring.keys[i].size <= KEY_SIZE_MAX);
        }
    }
    keyring_clear(&keyring);
}

static const struct unit_case cases[] = {
    {"names types", names_types},
    {"reads both formats", reads_both_formats},
    {"reads whole files", reads_whole_files},
    {"refuses ids", refuses_ids},
    {"refuses keys", refuses_keys},
    {"keeps secrets out of complaints", keeps_secrets_out_of_complaints},
    {"binds keys to addresses", binds_keys_to_addresses},
    {"refuses what is no text", refuses_what_is_no_text},
    {"holds so many and no more", holds_so_many_and_no_more},
    {"survives noise", survives_noise},
};
UNIT_MAIN("keyring", cases)
