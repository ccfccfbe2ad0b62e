/* SPDX-License-Identifier: MIT */
/* Addresses, prefixes, quantities and names of key types: what is accepted means the same when
 * written and read again. */
#include "common/auth/keyring.h"
#include "common/base/address.h"
#include "common/base/quantity.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <string.h>

const struct fuzz_target fuzz_target = {.name = "text", .takes_packets = false};

#define HOST_ROOM 64

static void check_address(const char *text)
{
    struct address address;
    if (!address_parse(text, 123, &address)) {
        return;
    }
    FUZZ_REQUIRE(address.port != 0);
    FUZZ_REQUIRE(address_is_same(&address, &address));
    char written[ADDRESS_TEXT_MAX];
    struct address again;
    FUZZ_REQUIRE(address_parse(address_format_port(&address, written), 1, &again));
    FUZZ_REQUIRE(address_is_same(&address, &again));
    FUZZ_REQUIRE(address_parse(address_format(&address, written), address.port, &again));
    FUZZ_REQUIRE(address_is_same(&address, &again));

    uint64_t key = address_client_key(&address);
    FUZZ_REQUIRE(key != 0);
    struct address representative = address_from_client_key(key);
    FUZZ_REQUIRE(representative.family == address.family);
    FUZZ_REQUIRE(address_client_key(&representative) == key);
}

static void check_prefix(const char *text)
{
    struct prefix prefix;
    if (!prefix_parse(text, &prefix)) {
        return;
    }
    FUZZ_REQUIRE(prefix.length <= (prefix.family == ADDRESS_IPV4 ? 32 : 128));
    struct address address = {.family = prefix.family};
    memcpy(address.octets, prefix.octets, sizeof(address.octets));
    FUZZ_REQUIRE(prefix_contains(&prefix, &address));
    if (prefix.length > 0) {
        /* The last bit that counts. */
        unsigned last = prefix.length - 1U;
        address.octets[last / 8] ^= (uint8_t)(0x80 >> last % 8);
        FUZZ_REQUIRE(!prefix_contains(&prefix, &address));
    }
}

static void check_split(const char *text)
{
    char host[HOST_ROOM];
    uint16_t port;
    if (address_split(text, 123, host, sizeof(host), &port)) {
        FUZZ_REQUIRE(port != 0);
        FUZZ_REQUIRE(memchr(host, 0, sizeof(host)) != NULL);
        FUZZ_REQUIRE(host[0] != '\0');
        FUZZ_REQUIRE(strlen(host) <= strlen(text));
    }
}

static void check_quantity(const char *text)
{
    int64_t ns;
    if (quantity_parse_duration(text, &ns)) {
        char written[QUANTITY_TEXT_MAX];
        int64_t again;
        quantity_format_duration(ns, true, written);
        FUZZ_REQUIRE(memchr(written, 0, sizeof(written)) != NULL);
        /* Three digits or more: within a hundredth. */
        FUZZ_REQUIRE(quantity_parse_duration(written, &again) || ns > INT64_MAX - INT64_MAX / 100 ||
                     ns < INT64_MIN - INT64_MIN / 100);
    }
    double ppm;
    if (quantity_parse_rate(text, &ppm)) {
        FUZZ_REQUIRE(isfinite(ppm));
    }
    int64_t value;
    if (quantity_parse_integer(text, -5, 1000, &value)) {
        FUZZ_REQUIRE(value >= -5 && value <= 1000);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    enum key_type type;
    if (key_type_parse(text, &type)) {
        enum key_type again;
        FUZZ_REQUIRE(key_type_parse(key_type_name(type), &again));
        FUZZ_REQUIRE(again == type);
    }
    check_address(text);
    check_prefix(text);
    check_split(text);
    check_quantity(text);
    free(text);
    return 0;
}
