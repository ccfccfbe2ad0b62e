/* SPDX-License-Identifier: MIT */
#include "ntpwire/extension.h"

#include "tests/unit/unit.h"

#include <string.h>

#define ROOM 2048

/* A datagram under construction: a header of zeros, then what a case appends. */
struct builder {
    uint8_t octets[ROOM];
    size_t size;
};

static void begin(struct builder *builder)
{
    memset(builder->octets, 0, sizeof(builder->octets));
    builder->size = PACKET_SIZE;
}

/* A field whose length says `says` and which has `has` octets in all, filled with its type. */
static void add_field(struct builder *builder, uint16_t type, size_t says, size_t has)
{
    uint8_t *at = builder->octets + builder->size;
    memset(at, type & 0xFF, has);
    bytes_put_u16(at, type);
    bytes_put_u16(at + 2, (uint16_t)says);
    builder->size += has;
}

static void add_mac(struct builder *builder, uint32_t key_id, size_t digest_size)
{
    bytes_put_u32(builder->octets + builder->size, key_id);
    memset(builder->octets + builder->size + 4, 0xD1, digest_size);
    builder->size += 4 + digest_size;
}

static enum packet_verdict parse(const struct builder *builder, unsigned version,
                                 struct extensions *extensions)
{
    return extension_parse(bytes_make(builder->octets, builder->size), version, extensions);
}

/* Parses, and demands that what was parsed is written back as it was. */
static void parse_and_write_back(const struct builder *builder, unsigned version,
                                 struct extensions *extensions)
{
    uint8_t written[ROOM];
    size_t size = builder->size - PACKET_SIZE;
    CU_ASSERT_EQUAL_FATAL(parse(builder, version, extensions), PACKET_OK);
    CU_ASSERT_EQUAL_FATAL(extension_write_all(written, size, extensions), size);
    CU_ASSERT_EQUAL(memcmp(written, builder->octets + PACKET_SIZE, size), 0);
    if (size > 0) {
        CU_ASSERT_EQUAL(extension_write_all(written, size - 1, extensions), 0);
    }
}

static void nothing_follows(void)
{
    struct builder builder;
    struct extensions extensions;
    begin(&builder);
    memset(&extensions, 0xEE, sizeof(extensions));
    for (unsigned version = 1; version <= 4; version++) {
        parse_and_write_back(&builder, version, &extensions);
        CU_ASSERT_EQUAL(extensions.count, 0);
        CU_ASSERT_EQUAL(extensions.mac, MAC_NONE);
        CU_ASSERT_EQUAL(extensions.signed_size, PACKET_SIZE);
        CU_ASSERT_EQUAL(extensions.digest.size, 0);
    }
}

static void refuses_what_has_no_header(void)
{
    struct builder builder;
    struct extensions extensions = {.count = 77};
    begin(&builder);
    CU_ASSERT_EQUAL(parse(&builder, 0, &extensions), PACKET_VERSION_UNKNOWN);
    CU_ASSERT_EQUAL(parse(&builder, 5, &extensions), PACKET_VERSION_UNKNOWN);
    builder.size = PACKET_SIZE - 1;
    CU_ASSERT_EQUAL(parse(&builder, 4, &extensions), PACKET_TOO_SHORT);
    CU_ASSERT_EQUAL(extensions.count, 77);
}

static void refuses_odd_lengths(void)
{
    struct builder builder;
    begin(&builder);
    for (size_t size = PACKET_SIZE; size < PACKET_SIZE + 200; size++) {
        struct extensions extensions = {.count = 77};
        builder.size = size;
        if (size % 4 != 0) {
            CU_ASSERT_EQUAL(parse(&builder, 4, &extensions), PACKET_LENGTH_ODD);
            CU_ASSERT_EQUAL(parse(&builder, 3, &extensions), PACKET_LENGTH_ODD);
            CU_ASSERT_EQUAL(extensions.count, 77);
        }
    }
}

static void four_zeros_are_a_crypto_nak(void)
{
    for (unsigned version = 1; version <= 4; version++) {
        struct builder builder;
        struct extensions extensions;
        begin(&builder);
        add_mac(&builder, 0, 0);
        parse_and_write_back(&builder, version, &extensions);
        CU_ASSERT_EQUAL(extensions.mac, MAC_CRYPTO_NAK);
        CU_ASSERT_EQUAL(extensions.signed_size, PACKET_SIZE);
        /* A key id without a digest is no MAC. */
        begin(&builder);
        add_mac(&builder, 1, 0);
        CU_ASSERT_EQUAL(parse(&builder, version, &extensions), PACKET_MAC_LENGTH);
    }
}

static void version_4_has_two_lengths_of_mac(void)
{
    for (size_t digest = 4; digest <= 20; digest += 4) {
        struct builder builder;
        struct extensions extensions;
        begin(&builder);
        add_mac(&builder, 0x01020304, digest);
        if (digest != 16 && digest != 20) {
            CU_ASSERT_EQUAL(parse(&builder, 4, &extensions), PACKET_MAC_LENGTH);
            continue;
        }
        parse_and_write_back(&builder, 4, &extensions);
        CU_ASSERT_EQUAL(extensions.mac, MAC_SYMMETRIC);
        CU_ASSERT_EQUAL(extensions.key_id, 0x01020304);
        CU_ASSERT_EQUAL(extensions.digest.size, digest);
        CU_ASSERT_EQUAL(extensions.digest.data[0], 0xD1);
        CU_ASSERT_EQUAL(extensions.signed_size, PACKET_SIZE);
        CU_ASSERT_EQUAL(extensions.count, 0);
    }
}

static void a_short_last_field_is_a_mac(void)
{
    static const size_t lengths[] = {20, 24};
    for (size_t i = 0; i < 2; i++) {
        struct builder builder;
        struct extensions extensions;
        begin(&builder);
        add_field(&builder, 0x0104, lengths[i], lengths[i]);
        parse_and_write_back(&builder, 4, &extensions);
        CU_ASSERT_EQUAL(extensions.mac, MAC_SYMMETRIC);
        CU_ASSERT_EQUAL(extensions.key_id, (uint32_t)(0x01040000 | lengths[i]));
        CU_ASSERT_EQUAL(extensions.count, 0);
        /* The same after a field. */
        begin(&builder);
        add_field(&builder, 0x0204, 16, 16);
        add_field(&builder, 0x0104, lengths[i], lengths[i]);
        parse_and_write_back(&builder, 4, &extensions);
        CU_ASSERT_EQUAL(extensions.mac, MAC_SYMMETRIC);
        CU_ASSERT_EQUAL(extensions.count, 1);
        CU_ASSERT_EQUAL(extensions.signed_size, PACKET_SIZE + 16);
    }
    /* 16 octets are neither. */
    struct builder builder;
    struct extensions extensions;
    begin(&builder);
    add_field(&builder, 0x0104, 16, 16);
    CU_ASSERT_EQUAL(parse(&builder, 4, &extensions), PACKET_MAC_LENGTH);
    begin(&builder);
    add_field(&builder, 0x0204, 28, 28);
    add_field(&builder, 0x0104, 16, 16);
    CU_ASSERT_EQUAL(parse(&builder, 4, &extensions), PACKET_MAC_LENGTH);
}

static void old_versions_have_a_mac_only(void)
{
    for (unsigned version = 1; version <= 3; version++) {
        for (size_t size = 4; size <= 80; size += 4) {
            struct builder builder;
            struct extensions extensions = {.count = 77};
            begin(&builder);
            /* It would be a fine field in version 4. */
            add_field(&builder, 0x0104, size, size);
            if (size < 12 || size > 68) {
                CU_ASSERT_EQUAL(parse(&builder, version, &extensions), PACKET_MAC_LENGTH);
                CU_ASSERT_EQUAL(extensions.count, 77);
                continue;
            }
            parse_and_write_back(&builder, version, &extensions);
            CU_ASSERT_EQUAL(extensions.mac, MAC_SYMMETRIC);
            CU_ASSERT_EQUAL(extensions.count, 0);
            CU_ASSERT_EQUAL(extensions.digest.size, size - 4);
            CU_ASSERT_EQUAL(extensions.signed_size, PACKET_SIZE);
        }
    }
}

static void fields_stand_in_order(void)
{
    struct builder builder;
    struct extensions extensions;
    begin(&builder);
    add_field(&builder, EXTENSION_UNIQUE_IDENTIFIER, 36, 36);
    add_field(&builder, EXTENSION_NTS_COOKIE, 104, 104);
    add_field(&builder, EXTENSION_NTS_COOKIE, 16, 16);
    add_field(&builder, EXTENSION_NTS_AUTHENTICATOR, 40, 40);
    parse_and_write_back(&builder, 4, &extensions);
    CU_ASSERT_EQUAL_FATAL(extensions.count, 4);
    CU_ASSERT_EQUAL(extensions.mac, MAC_NONE);
    CU_ASSERT_EQUAL(extensions.signed_size, builder.size);
    CU_ASSERT_EQUAL(extensions.fields[0].type, EXTENSION_UNIQUE_IDENTIFIER);
    CU_ASSERT_EQUAL(extensions.fields[0].body.size, 32);
    CU_ASSERT_EQUAL(extensions.fields[0].body.data[0], 0x04);
    CU_ASSERT_PTR_EQUAL(extensions.fields[3].body.data, builder.octets + builder.size - 36);
    CU_ASSERT_PTR_EQUAL(extension_find(&extensions, EXTENSION_NTS_COOKIE), &extensions.fields[1]);
    CU_ASSERT_PTR_NULL(extension_find(&extensions, EXTENSION_NTS_PLACEHOLDER));
}

static void a_mac_may_follow_fields(void)
{
    struct builder builder;
    struct extensions extensions;
    begin(&builder);
    add_field(&builder, EXTENSION_CHRONY_MONO_ROOT, 28, 28);
    add_mac(&builder, 7, 16);
    parse_and_write_back(&builder, 4, &extensions);
    CU_ASSERT_EQUAL(extensions.count, 1);
    CU_ASSERT_EQUAL(extensions.key_id, 7);
    CU_ASSERT_EQUAL(extensions.signed_size, PACKET_SIZE + 28);
    begin(&builder);
    add_field(&builder, EXTENSION_CHRONY_MONO_ROOT, 28, 28);
    add_mac(&builder, 0, 0);
    parse_and_write_back(&builder, 4, &extensions);
    CU_ASSERT_EQUAL(extensions.count, 1);
    CU_ASSERT_EQUAL(extensions.mac, MAC_CRYPTO_NAK);
    CU_ASSERT_EQUAL(extensions.signed_size, PACKET_SIZE + 28);
}

static void refuses_bad_field_lengths(void)
{
    for (size_t says = 0; says <= 200; says++) {
        struct builder builder;
        struct extensions extensions = {.count = 77};
        begin(&builder);
        add_field(&builder, 0xF323, says, 100);
        bool fits = says >= 16 && says % 4 == 0 && says <= 100;
        /* 28 zeros or more after the first field are a field of length 0; 20 or 24 are a MAC, 4 a
         * NAK. */
        memset(builder.octets + PACKET_SIZE + 4, 0, 96);
        size_t rest = fits ? 100 - says : 0;
        enum packet_verdict verdict = parse(&builder, 4, &extensions);
        if (!fits || rest >= 28) {
            CU_ASSERT_EQUAL(verdict, PACKET_EXTENSION_LENGTH);
        } else if (rest == 0 || rest == 4 || rest == 20 || rest == 24) {
            CU_ASSERT_EQUAL(verdict, PACKET_OK);
        } else {
            CU_ASSERT_EQUAL(verdict, PACKET_MAC_LENGTH);
        }
        CU_ASSERT_EQUAL(verdict == PACKET_OK, extensions.count == 1);
    }
}

static void refuses_short_fields_before_a_good_one(void)
{
    for (size_t says = 0; says <= 16; says += 4) {
        struct builder builder;
        struct extensions extensions = {.count = 77};
        begin(&builder);
        add_field(&builder, 0xF323, says, says > 0 ? says : 4);
        add_field(&builder, 0xF323, 28, 28);
        CU_ASSERT_EQUAL(parse(&builder, 4, &extensions),
                        says < 16 ? PACKET_EXTENSION_LENGTH : PACKET_OK);
    }
}

static void bounds_the_number_of_fields(void)
{
    struct builder builder;
    struct extensions extensions = {.count = 77};
    begin(&builder);
    for (int i = 0; i < EXTENSIONS_MAX; i++) {
        add_field(&builder, 0xF323, 28, 28);
    }
    parse_and_write_back(&builder, 4, &extensions);
    CU_ASSERT_EQUAL(extensions.count, EXTENSIONS_MAX);
    extensions.count = 77;
    add_field(&builder, 0xF323, 28, 28);
    CU_ASSERT_EQUAL(parse(&builder, 4, &extensions), PACKET_EXTENSIONS_TOO_MANY);
    CU_ASSERT_EQUAL(extensions.count, 77);
}

static void writes_padded_fields(void)
{
    const uint8_t body[] = {1, 2, 3, 4, 5};
    uint8_t out[64];
    memset(out, 0xEE, sizeof(out));
    struct bytes five = bytes_make(body, sizeof(body));
    CU_ASSERT_EQUAL(extension_write(out, sizeof(out), 0xF323, five, EXTENSION_SIZE_MIN), 16);
    static const uint8_t wanted[17] = {0xF3, 0x23, 0, 16, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0xEE};
    CU_ASSERT_EQUAL(memcmp(out, wanted, sizeof(wanted)), 0);
    CU_ASSERT_EQUAL(extension_write(out, 64, 1, five, EXTENSION_SIZE_MIN_LAST), 28);
    CU_ASSERT_EQUAL(extension_write(out, 64, 1, five, 0), 12);
    CU_ASSERT_EQUAL(extension_write(out, 64, 1, bytes_make(NULL, 0), 0), 4);
    CU_ASSERT_EQUAL(extension_write(out, 64, 1, bytes_make(NULL, 0), 17), 20);
    CU_ASSERT_EQUAL(extension_write(out, 15, 1, five, EXTENSION_SIZE_MIN), 0);
    CU_ASSERT_EQUAL(extension_write(out, 27, 1, five, EXTENSION_SIZE_MIN_LAST), 0);
}

static void refuses_to_write_too_long_fields(void)
{
    static uint8_t body[65536];
    static uint8_t out[65540];
    CU_ASSERT_EQUAL(extension_write(out, sizeof(out), 1, bytes_make(body, 65528), 16), 65532);
    CU_ASSERT_EQUAL(bytes_u16(bytes_make(out, 4), 2), 65532);
    CU_ASSERT_EQUAL(extension_write(out, sizeof(out), 1, bytes_make(body, 65529), 16), 0);
    CU_ASSERT_EQUAL(extension_write(out, sizeof(out), 1, bytes_make(body, 65536), 16), 0);
    CU_ASSERT_EQUAL(extension_write(out, sizeof(out), 1, bytes_make(body, 16), 65533), 0);
}

static const struct unit_case cases[] = {
    {"nothing follows", nothing_follows},
    {"refuses what has no header", refuses_what_has_no_header},
    {"refuses odd lengths", refuses_odd_lengths},
    {"four zeros are a crypto-NAK", four_zeros_are_a_crypto_nak},
    {"version 4 has two lengths of MAC", version_4_has_two_lengths_of_mac},
    {"a short last field is a MAC", a_short_last_field_is_a_mac},
    {"old versions have a MAC only", old_versions_have_a_mac_only},
    {"fields stand in order", fields_stand_in_order},
    {"a MAC may follow fields", a_mac_may_follow_fields},
    {"refuses bad field lengths", refuses_bad_field_lengths},
    {"refuses short fields before a good one", refuses_short_fields_before_a_good_one},
    {"bounds the number of fields", bounds_the_number_of_fields},
    {"writes padded fields", writes_padded_fields},
    {"refuses to write too long fields", refuses_to_write_too_long_fields},
};

UNIT_MAIN("extension", cases)
