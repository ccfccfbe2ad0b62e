/* SPDX-License-Identifier: MIT */
#include "common/base/random.h"
#include "server/access.h"
#include "tests/unit/unit.h"
#include <string.h>

#define RULES 300

/* The rules as a list, searched from the end for the longest that fits: slow, and too plain to be
 * wrong. */
struct oracle {
    bool default_allow;
    size_t count;
    struct prefix prefixes[RULES];
    bool allow[RULES];
};

static bool bit_of(const uint8_t *octets, unsigned index)
{
    return octets[index / 8] >> (7 - index % 8) & 1;
}

static bool oracle_matches(const struct prefix *prefix, const struct address *address)
{
    if (prefix->family != address->family) {
        return false;
    }
    for (unsigned i = 0; i < prefix->length; i++) {
        if (bit_of(prefix->octets, i) != bit_of(address->octets, i)) {
            return false;
        }
    }
    return true;
}

static bool oracle_allows(const struct oracle *oracle, const struct address *address)
{
    int longest = -1;
    bool allowed = oracle->default_allow;
    for (size_t i = 0; i < oracle->count; i++) {
        if (oracle->prefixes[i].length >= longest &&
            oracle_matches(&oracle->prefixes[i], address)) {
            longest = oracle->prefixes[i].length;
            allowed = oracle->allow[i];
        }
    }
    return allowed;
}

static void cut(uint8_t *octets, unsigned length)
{
    for (unsigned i = length; i < 128; i++) {
        octets[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
    }
}

static struct address address_of(const char *text)
{
    struct address address;
    CU_ASSERT_TRUE_FATAL(address_parse(text, 123, &address));
    return address;
}

static bool add(struct access *access, const char *text, bool allow)
{
    struct prefix prefix;
    CU_ASSERT_TRUE_FATAL(prefix_parse(text, &prefix));
    return access_add(access, &prefix, allow);
}

static bool allows(const struct access *access, const char *text)
{
    struct address address = address_of(text);
    return access_is_allowed(access, &address);
}

static void test_default(void)
{
    for (int i = 0; i < 2; i++) {
        struct access *access = access_create(i == 1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(access);
        CU_ASSERT_EQUAL(allows(access, "192.0.2.1"), i == 1);
        CU_ASSERT_EQUAL(allows(access, "2001:db8::1"), i == 1);
        struct address none = {.family = ADDRESS_NONE};
        CU_ASSERT_EQUAL(access_is_allowed(access, &none), i == 1);
        access_destroy(access);
    }
    access_destroy(NULL);
}

static void test_longest_wins(void)
{
    struct access *access = access_create(false);
    CU_ASSERT_TRUE(add(access, "192.0.2.128/25", false));
    CU_ASSERT_TRUE(add(access, "192.0.2.0/24", true));
    CU_ASSERT_TRUE(add(access, "192.0.2.200", true));
    CU_ASSERT_TRUE(allows(access, "192.0.2.1"));
    CU_ASSERT_TRUE(allows(access, "192.0.2.127"));
    CU_ASSERT_FALSE(allows(access, "192.0.2.128"));
    CU_ASSERT_FALSE(allows(access, "192.0.2.199"));
    CU_ASSERT_TRUE(allows(access, "192.0.2.200"));
    CU_ASSERT_FALSE(allows(access, "192.0.2.201"));
    CU_ASSERT_FALSE(allows(access, "192.0.3.1"));
    CU_ASSERT_TRUE(add(access, "0.0.0.0/0", true));
    CU_ASSERT_TRUE(allows(access, "192.0.3.1"));
    CU_ASSERT_FALSE(allows(access, "192.0.2.128"));
    /* The families have nothing to do with each other. */
    CU_ASSERT_FALSE(allows(access, "2001:db8::1"));
    CU_ASSERT_FALSE(allows(access, "c000:0201::"));
    access_destroy(access);
}

static void test_replaced(void)
{
    struct access *access = access_create(true);
    CU_ASSERT_TRUE(add(access, "2001:db8::/32", false));
    CU_ASSERT_FALSE(allows(access, "2001:db8::1"));
    CU_ASSERT_TRUE(add(access, "2001:db8::/32", true));
    CU_ASSERT_TRUE(allows(access, "2001:db8::1"));
    access_destroy(access);
}

/* Every length of both families: what lies inside, and what differs in any one bit. */
static void test_every_length(void)
{
    for (unsigned family = ADDRESS_IPV4; family <= ADDRESS_IPV6; family += 2) {
        unsigned width = family == ADDRESS_IPV4 ? 32 : 128;
        for (unsigned length = 0; length <= width; length++) {
            struct address address = {.family = (uint8_t)family, .port = 123};
            for (unsigned i = 0; i < width / 8; i++) {
                address.octets[i] = (uint8_t)(0xA5 + 31 * i);
            }
            struct prefix prefix = {.family = (uint8_t)family, .length = (uint8_t)length};
            memcpy(prefix.octets, address.octets, 16);
            cut(prefix.octets, length);
            struct access *access = access_create(false);
            CU_ASSERT_TRUE(access_add(access, &prefix, true));
            CU_ASSERT_TRUE(access_is_allowed(access, &address));
            for (unsigned i = 0; i < width; i++) {
                struct address other = address;
                other.octets[i / 8] ^= (uint8_t)(0x80 >> i % 8);
                CU_ASSERT_EQUAL(access_is_allowed(access, &other), i >= length);
            }
            access_destroy(access);
        }
    }
}

static struct prefix random_prefix(struct random *random, const struct oracle *oracle)
{
    struct prefix prefix = {.family = random_below(random, 2) == 0 ? ADDRESS_IPV4 : ADDRESS_IPV6};
    unsigned width = prefix.family == ADDRESS_IPV4 ? 32 : 128;
    prefix.length = (uint8_t)random_below(random, width + 1);
    for (unsigned i = 0; i < width / 8; i++) {
        prefix.octets[i] = (uint8_t)random_u32(random);
    }
    if (oracle->count > 0 && random_below(random, 4) != 0) {
        /* A relative of a rule that is there, or there would be no nesting. */
        const struct prefix *other =
            &oracle->prefixes[random_below(random, (uint32_t)oracle->count)];
        if (other->family == prefix.family) {
            unsigned flip = random_below(random, width);
            memcpy(prefix.octets, other->octets, 16);
            prefix.octets[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
        }
    }
    cut(prefix.octets, prefix.length);
    return prefix;
}

static void compare(struct random *random, const struct access *access, const struct oracle *oracle)
{
    for (size_t i = 0; i < oracle->count; i++) {
        struct address address = {.family = oracle->prefixes[i].family};
        unsigned width = address.family == ADDRESS_IPV4 ? 32 : 128;
        memcpy(address.octets, oracle->prefixes[i].octets, 16);
        for (int round = 0; round < 8; round++) {
            CU_ASSERT_EQUAL(access_is_allowed(access, &address), oracle_allows(oracle, &address));
            unsigned flip = random_below(random, width);
            address.octets[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
        }
    }
}

static void test_against_oracle(void)
{
    struct random random;
    random_init_seeded(&random, 2015);
    for (int run = 0; run < 20; run++) {
        static struct oracle oracle;
        oracle.count = 0;
        oracle.default_allow = run % 2 == 0;
        struct access *access = access_create(oracle.default_allow);
        while (oracle.count < RULES) {
            struct prefix prefix = random_prefix(&random, &oracle);
            bool allow = random_below(&random, 2) == 0;
            CU_ASSERT_TRUE(access_add(access, &prefix, allow));
            oracle.prefixes[oracle.count] = prefix;
            oracle.allow[oracle.count++] = allow;
        }
        compare(&random, access, &oracle);
        access_destroy(access);
    }
}

static void test_full(void)
{
    struct access *access = access_create(false);
    struct prefix prefix = {.family = ADDRESS_IPV4, .length = 32, .octets = {10}};
    for (unsigned i = 0; i < ACCESS_RULES_MAX; i++) {
        bytes_put_u16(prefix.octets + 2, (uint16_t)i);
        CU_ASSERT_TRUE(access_add(access, &prefix, true));
    }
    CU_ASSERT_FALSE(add(access, "192.0.2.1", true));
    CU_ASSERT_FALSE(add(access, "10.0.0.0/8", true));
    CU_ASSERT_FALSE(allows(access, "192.0.2.1"));
    CU_ASSERT_FALSE(allows(access, "10.1.0.0"));
    /* To change a rule needs no room. */
    CU_ASSERT_TRUE(add(access, "10.0.0.7", false));
    CU_ASSERT_FALSE(allows(access, "10.0.0.7"));
    CU_ASSERT_TRUE(allows(access, "10.0.0.8"));
    access_destroy(access);
}

static const struct unit_case cases[] = {
    {"without a rule the default decides", test_default},
    {"the longest match wins", test_longest_wins},
    {"a later rule replaces", test_replaced},
    {"every prefix length", test_every_length},
    {"random rules against a plain list", test_against_oracle},
    {"a full table refuses", test_full},
};
UNIT_MAIN("access", cases)
