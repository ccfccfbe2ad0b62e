/* SPDX-License-Identifier: MIT */
#include "common/base/address.h"
#include "common/base/random.h"
#include "tests/unit/unit.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct address parsed(const char *text)
{
    struct address address = {0};
    CU_ASSERT_TRUE_FATAL(address_parse(text, 123, &address));
    return address;
}

static struct prefix prefix_of(const char *text)
{
    struct prefix prefix = {0};
    CU_ASSERT_TRUE_FATAL(prefix_parse(text, &prefix));
    return prefix;
}

static void reads_and_writes(void)
{
    static const struct {
        const char *text;
        const char *plain;
        const char *with_port;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1", "192.0.2.1:123"},
        {"192.0.2.1:4567", "192.0.2.1", "192.0.2.1:4567"},
        {"0.0.0.0:65535", "0.0.0.0", "0.0.0.0:65535"},
        {"255.255.255.255:1", "255.255.255.255", "255.255.255.255:1"},
        {"::", "::", "[::]:123"},
        {"[::]:5", "::", "[::]:5"},
        {"::1", "::1", "[::1]:123"},
        {"[::1]", "::1", "[::1]:123"},
        {"1::", "1::", "[1::]:123"},
        {"2001:DB8::1", "2001:db8::1", "[2001:db8::1]:123"},
        {"[2001:db8:0:0:0:0:2:1]:11123", "2001:db8::2:1", "[2001:db8::2:1]:11123"},
        /* RFC 5952, 4.2: one group alone is not shortened, the longest run is, the first of two. */
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", "[2001:db8:0:1:1:1:1:1]:123"},
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1", "[2001:db8:0:1:1:1:1:1]:123"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1", "[2001:0:0:1::1]:123"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", "[2001:db8::1:0:0:1]:123"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0", "[1:2:3:4:5:6:7:0]:123"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8", "[0:2:3:4:5:6:7:8]:123"},
        {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::", "[1:2:3:4:5:6::]:123"},
        {"0001:0020:0300:4000::", "1:20:300:4000::", "[1:20:300:4000::]:123"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221", "[64:ff9b::c000:221]:123"},
        {"1:2:3:4:5:6:192.0.2.33", "1:2:3:4:5:6:c000:221", "[1:2:3:4:5:6:c000:221]:123"},
        {"fe80::1%2", "fe80::1%2", "[fe80::1%2]:123"},
        {"[fe80::1%4294967295]:65535", "fe80::1%4294967295", "[fe80::1%4294967295]:65535"},
        {"ff02::101%3", "ff02::101%3", "[ff02::101%3]:123"},
        {"fe80::1", "fe80::1", "[fe80::1]:123"},
        /* Mapped addresses are IPv4. */
        {"::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1:123"},
        {"[::ffff:c000:201]:9", "192.0.2.1", "192.0.2.1:9"},
        {"::192.0.2.1", "::c000:201", "[::c000:201]:123"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[ADDRESS_TEXT_MAX];
        struct address address = parsed(cases[i].text);
        CU_ASSERT_STRING_EQUAL(address_format(&address, text), cases[i].plain);
        CU_ASSERT_STRING_EQUAL(address_format_port(&address, text), cases[i].with_port);
        struct address again = parsed(text);
        CU_ASSERT_TRUE(address_is_same(&address, &again));
    }
}

static void keeps_octets_port_and_scope(void)
{
    struct address ipv4 = parsed("192.0.2.1:4567");
    static const uint8_t ipv4_octets[16] = {192, 0, 2, 1};
    CU_ASSERT_EQUAL(ipv4.family, ADDRESS_IPV4);
    CU_ASSERT_EQUAL(ipv4.port, 4567);
    CU_ASSERT_EQUAL(ipv4.scope, 0);
    CU_ASSERT_EQUAL(memcmp(ipv4.octets, ipv4_octets, 16), 0);
    struct address ipv6 = parsed("[fe80::a:b%77]:89");
    static const uint8_t ipv6_octets[16] = {0xfe, 0x80, [13] = 0x0a, [15] = 0x0b};
    CU_ASSERT_EQUAL(ipv6.family, ADDRESS_IPV6);
    CU_ASSERT_EQUAL(ipv6.port, 89);
    CU_ASSERT_EQUAL(ipv6.scope, 77);
    CU_ASSERT_EQUAL(memcmp(ipv6.octets, ipv6_octets, 16), 0);
}

/* clang-format off */
static const char *const no_addresses[] = {
    "", " ", "localhost", "192.0.2", "192.0.2.1.5", "192.0.2.256", "192.0.2.01", "192.0.2.1 ",
    " 192.0.2.1", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:+1",
    "192.0.2.1:123x", "192.0.2.1:000123", "192.0.2.1/32", "192..2.1", ".192.0.2.1", "192.0.2.1.",
    "0x7f.0.0.1", "1921.0.2.1", "[192.0.2.1]:123", "[192.0.2.1]", ":", ":::", "::1::", "1::2::3",
    ":1", "1:", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8", "12345::", "g::", "::g", "::1 ",
    "[::1", "::1]", "[]", "[]:123", "[::1]123", "[::1]:", "[::1]:0", "[::1]:65536", "[::1]:1 ",
    "[[::1]]:1", "::192.0.2", "::192.0.2.256", "1:2:3:4:5:6:7:192.0.2.1", "::192.0.2.1:5",
    "::ffff:192.0.2.1%2", "::1%2", "2001:db8::1%2", "fe80::1%", "fe80::1%0", "fe80::1%eth0",
    "fe80::1%4294967296", "fe80::1%-1", "fe80::1%2x", "%2", "1::2:", "::-1",
    "fe80::1%99999999999999999999", "192.0.2.1\n", "::1\n",
    "11111111111111111111111111111111111111111111111111111111111111111111111111111111111",
};
/* clang-format on */

static void refuses_what_is_no_address(void)
{
    for (size_t i = 0; i < COUNT(no_addresses); i++) {
        struct address address = {.port = 7, .family = 99};
        if (address_parse(no_addresses[i], 123, &address)) {
            printf("\n\"%s\" was taken", no_addresses[i]);
            CU_FAIL("what is no address was taken");
        }
        CU_ASSERT_EQUAL(address.port, 7);
        CU_ASSERT_EQUAL(address.family, 99);
    }
}

static void agrees_with_the_system(void)
{
    struct random random;
    random_init_seeded(&random, 1);
    for (int round = 0; round < 20000; round++) {
        struct address address = {.family = ADDRESS_IPV6, .port = 1};
        for (size_t i = 0; i < 16; i++) {
            uint32_t drawn = random_u32(&random);
            address.octets[i] = drawn % 3 == 0 ? (uint8_t)(drawn >> 8) : 0;
        }
        /* The system writes the IPv4-compatible ones, long deprecated, with dots. */
        if (memcmp(address.octets, (uint8_t[12]){0}, 12) == 0) {
            continue;
        }
        char ours[ADDRESS_TEXT_MAX];
        char theirs[INET6_ADDRSTRLEN];
        CU_ASSERT_PTR_NOT_NULL_FATAL(inet_ntop(AF_INET6, address.octets, theirs, sizeof theirs));
        CU_ASSERT_STRING_EQUAL_FATAL(address_format(&address, ours), theirs);
        struct address again = parsed(theirs);
        CU_ASSERT_TRUE_FATAL(address_is_same_host(&again, &address));
    }
}

/* Whatever is thrown at it: the system's parser and ours take the same texts, with the same
 * meaning. */
static void survives_noise(void)
{
    static const char letters[] = "0012f9:::.%[]/ gZ-";
    struct random random;
    random_init_seeded(&random, 2);
    unsigned taken = 0;
    for (int round = 0; round < 400000; round++) {
        char text[24];
        size_t size = random_below(&random, sizeof text);
        for (size_t i = 0; i < size; i++) {
            text[i] = letters[random_below(&random, sizeof letters - 1)];
        }
        text[size] = '\0';
        struct address address;
        struct prefix prefix;
        char host[16];
        uint16_t port;
        uint8_t octets[16];
        (void)!prefix_parse(text, &prefix);
        (void)!address_split(text, 1, host, sizeof host, &port);
        bool is_ours = address_parse(text, 1, &address);
        taken += is_ours;
        if (inet_pton(AF_INET6, text, octets) == 1) {
            struct address theirs = {.family = ADDRESS_IPV6};
            memcpy(theirs.octets, octets, 16);
            address_unmap(&theirs);
            CU_ASSERT_TRUE_FATAL(is_ours && address_is_same_host(&address, &theirs));
        } else if (is_ours && strpbrk(text, "[%.") == NULL) {
            printf("\n\"%s\"", text);
            CU_FAIL_FATAL("taken by us, refused by the system");
        }
    }
    CU_ASSERT_TRUE(taken > 100);
}

static void unmaps(void)
{
    struct address mapped = {.family = ADDRESS_IPV6,
                             .port = 5,
                             .octets = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, 2, 1}};
    char text[ADDRESS_TEXT_MAX];
    CU_ASSERT_STRING_EQUAL(address_format(&mapped, text), "::ffff:192.0.2.1");
    struct address plain = mapped;
    address_unmap(&plain);
    CU_ASSERT_STRING_EQUAL(address_format_port(&plain, text), "192.0.2.1:5");
    struct address expected = parsed("192.0.2.1:5");
    CU_ASSERT_TRUE(address_is_same(&plain, &expected));
    struct address none = {0};
    address_unmap(&none);
    CU_ASSERT_EQUAL(none.family, ADDRESS_NONE);
    CU_ASSERT_STRING_EQUAL(address_format(&none, text), "none");
}

static void longest_text_fits(void)
{
    struct address longest = {.family = ADDRESS_IPV6, .scope = UINT32_MAX, .port = UINT16_MAX};
    memset(longest.octets, 0xff, sizeof longest.octets);
    char text[ADDRESS_TEXT_MAX];
    CU_ASSERT_STRING_EQUAL(address_format_port(&longest, text),
                           "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
}

static void splits(void)
{
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
    } cases[] = {
        {"time.example", "time.example", 123},
        {"time.example:5", "time.example", 5},
        {"192.0.2.1", "192.0.2.1", 123},
        {"192.0.2.1:65535", "192.0.2.1", 65535},
        {"::1", "::1", 123},
        {"[::1]", "::1", 123},
        {"[::1]:99", "::1", 99},
        {"2001:db8::1", "2001:db8::1", 123},
        {"[fe80::1%eth0]:7", "fe80::1%eth0", 7},
        {"fe80::1%eth0", "fe80::1%eth0", 123},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char host[64];
        uint16_t port = 0;
        CU_ASSERT_TRUE(address_split(cases[i].text, 123, host, sizeof host, &port));
        CU_ASSERT_STRING_EQUAL(host, cases[i].host);
        CU_ASSERT_EQUAL(port, cases[i].port);
    }
    static const char *const bad[] = {"",        ":5",      "host:",   "host:0",  "host:65536",
                                      "host:x",  "[]",      "[]:5",    "[host]",  "[host]:5",
                                      "[::1",    "[::1]x",  "[::1]:",  "[::1]:0", "[::1]:99999",
                                      "a b",     "host\n",  "ho[st",   "::1]",    "[a]b::1]",
                                      "host: 5", "host:5 ", "host:-5", "x[::1]:5"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char host[64] = "kept";
        uint16_t port = 7;
        CU_ASSERT_FALSE(address_split(bad[i], 123, host, sizeof host, &port));
        CU_ASSERT_STRING_EQUAL(host, "kept");
        CU_ASSERT_EQUAL(port, 7);
    }
    char small[5];
    uint16_t port;
    CU_ASSERT_TRUE(address_split("four:9", 1, small, sizeof small, &port));
    CU_ASSERT_FALSE(address_split("fiver:9", 1, small, sizeof small, &port));
    CU_ASSERT_FALSE(address_split("x", 1, small, 0, &port));
}

static void compares(void)
{
    struct address a = parsed("[fe80::1%2]:5");
    struct address other_port = parsed("[fe80::1%2]:6");
    struct address other_scope = parsed("[fe80::1%3]:5");
    struct address other_octet = parsed("[fe80::2%2]:5");
    CU_ASSERT_TRUE(address_is_same(&a, &a));
    CU_ASSERT_FALSE(address_is_same(&a, &other_port));
    CU_ASSERT_TRUE(address_is_same_host(&a, &other_port));
    CU_ASSERT_FALSE(address_is_same_host(&a, &other_scope));
    CU_ASSERT_FALSE(address_is_same_host(&a, &other_octet));
    struct address zero4 = parsed("0.0.0.0");
    struct address zero6 = parsed("::");
    CU_ASSERT_FALSE(address_is_same_host(&zero4, &zero6));
}

static void knows_special_addresses(void)
{
    static const struct {
        const char *text;
        bool is_loopback, is_wildcard;
    } cases[] = {
        {"127.0.0.1", true, false},
        {"127.255.255.255", true, false},
        {"128.0.0.1", false, false},
        {"126.0.0.1", false, false},
        {"::1", true, false},
        {"::2", false, false},
        {"::ffff:127.0.0.9", true, false},
        {"0.0.0.0", false, true},
        {"::", false, true},
        {"0.0.0.1", false, false},
        {"::ffff:0.0.0.0", false, true},
        {"1::1", false, false},
        {"7f00::", false, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address = parsed(cases[i].text);
        CU_ASSERT_EQUAL(address_is_loopback(&address), cases[i].is_loopback);
        CU_ASSERT_EQUAL(address_is_wildcard(&address), cases[i].is_wildcard);
    }
    struct address none = {0};
    CU_ASSERT_FALSE(address_is_loopback(&none));
    CU_ASSERT_FALSE(address_is_wildcard(&none));
    struct address raw_mapped = {.family = ADDRESS_IPV6,
                                 .octets = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    CU_ASSERT_TRUE(address_is_loopback(&raw_mapped));
}

static void makes_client_keys(void)
{
    static const struct {
        const char *text;
        uint64_t key;
        const char *back;
    } cases[] = {
        {"0.0.0.0", UINT64_C(0x100000000), "0.0.0.0"},
        {"192.0.2.1:99", UINT64_C(0x1c0000201), "192.0.2.1"},
        {"255.255.255.255", UINT64_C(0x1ffffffff), "255.255.255.255"},
        {"2001:db8:1:2:3:4:5:6", UINT64_C(0x20010db800010002), "2001:db8:1:2::"},
        {"fe80::1%5", UINT64_C(0xfe80000000000000), "fe80::"},
        {"::1", UINT64_C(0x200000000), "::1"},
        {"::", UINT64_C(0x200000000), "::1"},
        /* Reserved space must not be mistaken for IPv4. */
        {"0:1:c000:201::", UINT64_C(0x200000000), "::1"},
        {"0:0:0:1::", UINT64_C(0x200000000), "::1"},
        {"0:3::", UINT64_C(0x300000000), "0:3::"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address = parsed(cases[i].text);
        CU_ASSERT_EQUAL(address_client_key(&address), cases[i].key);
        struct address back = address_from_client_key(cases[i].key);
        char text[ADDRESS_TEXT_MAX];
        CU_ASSERT_STRING_EQUAL(address_format(&back, text), cases[i].back);
        CU_ASSERT_EQUAL(back.port, 0);
        CU_ASSERT_EQUAL(address_client_key(&back), cases[i].key);
    }
    struct address a = parsed("2001:db8:1:2::1");
    struct address same_network = parsed("2001:db8:1:2:ffff:ffff:ffff:ffff");
    struct address next_network = parsed("2001:db8:1:3::1");
    CU_ASSERT_EQUAL(address_client_key(&a), address_client_key(&same_network));
    CU_ASSERT_NOT_EQUAL(address_client_key(&a), address_client_key(&next_network));
}

static void reads_prefixes(void)
{
    static const struct {
        const char *text;
        uint8_t family, length;
    } cases[] = {
        {"192.0.2.0/24", ADDRESS_IPV4, 24},
        {"192.0.2.1", ADDRESS_IPV4, 32},
        {"0.0.0.0/0", ADDRESS_IPV4, 0},
        {"192.0.2.1/32", ADDRESS_IPV4, 32},
        {"2001:db8::/32", ADDRESS_IPV6, 32},
        {"::/0", ADDRESS_IPV6, 0},
        {"::1", ADDRESS_IPV6, 128},
        {"::1/128", ADDRESS_IPV6, 128},
        {"::ffff:192.0.2.0/120", ADDRESS_IPV4, 24},
        {"::ffff:0.0.0.0/96", ADDRESS_IPV4, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct prefix prefix = prefix_of(cases[i].text);
        CU_ASSERT_EQUAL(prefix.family, cases[i].family);
        CU_ASSERT_EQUAL(prefix.length, cases[i].length);
    }
    struct prefix prefix = prefix_of("192.0.2.0/24");
    static const uint8_t octets[16] = {192, 0, 2};
    CU_ASSERT_EQUAL(memcmp(prefix.octets, octets, 16), 0);
    static const char *const bad[] = {"",
                                      "all",
                                      "192.0.2.0/33",
                                      "192.0.2.1/24",
                                      "192.0.2.0/",
                                      "192.0.2.0/-1",
                                      "/24",
                                      "192.0.2.0/24 ",
                                      "192.0.2.0/x",
                                      "192.0.2/24",
                                      "::/129",
                                      "::1/127",
                                      "::/0128",
                                      "[::]/0",
                                      "::1%1",
                                      "fe80::1%2/128",
                                      "192.0.2.0:123",
                                      "128.0.0.0/0",
                                      "2001:db8::1/64",
                                      "192.0.2.0/24/24",
                                      "::ffff:192.0.2.1/120"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct prefix kept = {.length = 77};
        CU_ASSERT_FALSE(prefix_parse(bad[i], &kept));
        CU_ASSERT_EQUAL(kept.length, 77);
    }
}

/* For every length: the prefix holds its first and last address, every bit within it counts, and no
 * bit behind it does. */
static void contains_for_each_length(enum address_family family, unsigned length_max)
{
    struct random random;
    random_init_seeded(&random, 3);
    for (unsigned length = 0; length <= length_max; length++) {
        struct prefix prefix = {.family = (uint8_t)family, .length = (uint8_t)length};
        for (unsigned bit = 0; bit < length; bit++) {
            prefix.octets[bit / 8] |= (uint8_t)((random_u32(&random) & 1) << (7 - bit % 8));
        }
        struct address address = {.family = (uint8_t)family};
        memcpy(address.octets, prefix.octets, sizeof address.octets);
        CU_ASSERT_TRUE(prefix_contains(&prefix, &address));
        for (unsigned bit = 0; bit < length_max; bit++) {
            address.octets[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
            CU_ASSERT_EQUAL(prefix_contains(&prefix, &address), bit >= length);
            address.octets[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        }
        for (unsigned bit = length; bit < length_max; bit++) {
            address.octets[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
        }
        CU_ASSERT_TRUE(prefix_contains(&prefix, &address));
    }
}

static void contains(void)
{
    contains_for_each_length(ADDRESS_IPV4, 32);
    contains_for_each_length(ADDRESS_IPV6, 128);
    struct prefix every_ipv4 = prefix_of("0.0.0.0/0");
    struct prefix every_ipv6 = prefix_of("::/0");
    struct address ipv4 = parsed("192.0.2.1");
    struct address ipv6 = parsed("2001:db8::1");
    struct address none = {0};
    CU_ASSERT_TRUE(prefix_contains(&every_ipv4, &ipv4));
    CU_ASSERT_FALSE(prefix_contains(&every_ipv4, &ipv6));
    CU_ASSERT_TRUE(prefix_contains(&every_ipv6, &ipv6));
    CU_ASSERT_FALSE(prefix_contains(&every_ipv6, &ipv4));
    CU_ASSERT_FALSE(prefix_contains(&every_ipv4, &none));
}

static const struct unit_case cases[] = {
    {"reads and writes", reads_and_writes},
    {"keeps octets, port and scope", keeps_octets_port_and_scope},
    {"refuses what is no address", refuses_what_is_no_address},
    {"agrees with the system", agrees_with_the_system},
    {"survives noise", survives_noise},
    {"unmaps", unmaps},
    {"longest text fits", longest_text_fits},
    {"splits", splits},
    {"compares", compares},
    {"knows special addresses", knows_special_addresses},
    {"makes client keys", makes_client_keys},
    {"reads prefixes", reads_prefixes},
    {"contains, for all lengths", contains},
};
UNIT_MAIN("address", cases)
