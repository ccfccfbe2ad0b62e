/* SPDX-License-Identifier: MIT */
#include "common/auth/certificate.h"
#include "tests/unit/unit.h"
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct identity *drawn(uint64_t seed)
{
    char error[IDENTITY_ERROR_MAX];
    struct random random;
    random_init_seeded(&random, seed);
    struct identity *identity = identity_create(&random, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(identity);
    return identity;
}

/* A CA, and what it says of a node. */
struct world {
    struct identity *ca;
    struct identity *node;
    struct certificate certificate;
    uint8_t octets[CERTIFICATE_SIZE_MAX];
    size_t size;
};

static void sign(struct world *world)
{
    world->size = certificate_write(&world->certificate, world->ca, NULL, world->octets);
}

static void begin(struct world *world, const char *domain, const char *address)
{
    memset(world, 0, sizeof *world);
    world->ca = drawn(1);
    world->node = drawn(2);
    world->certificate.epoch = 7;
    world->certificate.expiry_s = 1800000000;
    CU_ASSERT_TRUE(
        certificate_node_set_key(&world->certificate.node, identity_public_key(world->node)));
    CU_ASSERT_TRUE(certificate_node_set_domain(&world->certificate.node, domain));
    CU_ASSERT_TRUE(address == NULL ||
                   certificate_node_set_address(&world->certificate.node, address));
    sign(world);
    CU_ASSERT_EQUAL_FATAL(world->size, CERTIFICATE_SIZE_MIN + strlen(domain) +
                                           strlen(world->certificate.node.host));
}

static void end(struct world *world)
{
    identity_destroy(world->ca);
    identity_destroy(world->node);
}

static enum certificate_verdict read_size(const struct world *world, size_t size,
                                          struct certificate *found)
{
    return certificate_read(bytes_make(world->octets, size), identity_public_key(world->ca), NULL,
                            found);
}

static void reads_what_it_writes(void)
{
    static const struct {
        const char *domain;
        const char *address;
        const char *shown;
    } rows[] = {
        {"", NULL, ""},
        {"east", NULL, ""},
        {"", "192.0.2.1", "192.0.2.1:123"},
        {"rack-7.east_1", "[2001:db8::1]:11123", "[2001:db8::1]:11123"},
        {"a", "time.example.org", "time.example.org:123"},
        {"0123456789012345678901234567890",
         "0123456789012345678901234567890123456789012345678901234567890123:65535",
         "0123456789012345678901234567890123456789012345678901234567890123:65535"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world world;
        struct certificate found;
        char address[CERTIFICATE_ADDRESS_MAX];
        begin(&world, rows[i].domain, rows[i].address);
        CU_ASSERT_EQUAL_FATAL(read_size(&world, world.size, &found), CERTIFICATE_OK);
        CU_ASSERT_EQUAL(found.node.id, identity_id(world.node));
        CU_ASSERT_EQUAL(
            memcmp(&found.node.key, identity_public_key(world.node), sizeof found.node.key), 0);
        CU_ASSERT_EQUAL(found.epoch, 7);
        CU_ASSERT_EQUAL(found.expiry_s, 1800000000);
        CU_ASSERT_STRING_EQUAL(found.node.domain, rows[i].domain);
        CU_ASSERT_STRING_EQUAL(certificate_node_format_address(&found.node, address),
                               rows[i].shown);
        end(&world);
    }
}

/* As doc/protocol.md has it, octet for octet. */
static void has_the_layout(void)
{
    struct world world;
    begin(&world, "east", "[2001:db8::1]:11123");
    struct bytes view = bytes_make(world.octets, world.size);
    CU_ASSERT_EQUAL(memcmp(world.octets, "TCCC\1\4\13\0", 8), 0);
    CU_ASSERT_EQUAL(bytes_u64(view, 8), identity_id(world.node));
    CU_ASSERT_EQUAL(memcmp(world.octets + 16, identity_public_key(world.node)->octets, 32), 0);
    CU_ASSERT_EQUAL(bytes_u16(view, 48), 7);
    CU_ASSERT_EQUAL(bytes_u16(view, 50), 11123);
    CU_ASSERT_EQUAL(bytes_u64(view, 52), 1800000000);
    CU_ASSERT_EQUAL(memcmp(world.octets + 60, "east2001:db8::1", 15), 0);
    CU_ASSERT_EQUAL(world.size, 60 + 15 + 64);
    CU_ASSERT_TRUE(public_key_verify(identity_public_key(world.ca), IDENTITY_CERTIFICATE,
                                     bytes_slice(view, 0, 75), world.octets + 75));
    end(&world);
}

static void refuses_each_changed_bit(void)
{
    struct world world;
    unsigned verdicts[CERTIFICATE_VERDICTS] = {0};
    begin(&world, "east", "192.0.2.1");
    for (size_t bit = 0; bit < 8 * world.size; bit++) {
        struct certificate found = {.epoch = 4711};
        world.octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
        verdicts[read_size(&world, world.size, &found)]++;
        CU_ASSERT_EQUAL(found.epoch, 4711);
        world.octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CU_ASSERT_EQUAL(verdicts[CERTIFICATE_OK], 0);
    CU_ASSERT_EQUAL(verdicts[CERTIFICATE_MAGIC_OTHER], 32);
    CU_ASSERT_EQUAL(verdicts[CERTIFICATE_VERSION_UNKNOWN], 8);
    CU_ASSERT_EQUAL(verdicts[CERTIFICATE_LENGTH], 16);
    CU_ASSERT_EQUAL(verdicts[CERTIFICATE_RESERVED], 8);
    CU_ASSERT_EQUAL(verdicts[CERTIFICATE_ID], 8 * (8 + 32));
    CU_ASSERT_TRUE(verdicts[CERTIFICATE_FORGED] >= 8 * (64 + 2));
    end(&world);
}

static void refuses_another_length(void)
{
    struct world world;
    struct certificate found;
    begin(&world, "east", "192.0.2.1");
    for (size_t size = 0; size < world.size; size++) {
        enum certificate_verdict verdict = read_size(&world, size, &found);
        CU_ASSERT_EQUAL(verdict,
                        size < CERTIFICATE_SIZE_MIN ? CERTIFICATE_SHORT : CERTIFICATE_LENGTH);
    }
    CU_ASSERT_EQUAL(read_size(&world, world.size + 1, &found), CERTIFICATE_LENGTH);
    end(&world);
}

static void refuses_another_ca(void)
{
    struct world world;
    struct certificate found;
    begin(&world, "", NULL);
    CU_ASSERT_EQUAL(certificate_read(bytes_make(world.octets, world.size),
                                     identity_public_key(world.node), NULL, &found),
                    CERTIFICATE_FORGED);
    /* What the CA signed for another purpose is no certificate. */
    size_t signed_size = world.size - IDENTITY_SIGNATURE_SIZE;
    CU_ASSERT_TRUE(identity_sign(world.ca, IDENTITY_DOCUMENT, bytes_make(world.octets, signed_size),
                                 world.octets + signed_size));
    CU_ASSERT_EQUAL(read_size(&world, world.size, &found), CERTIFICATE_FORGED);
    end(&world);
}

/* What nobody should sign is not read even when the CA did. */
static void refuses_what_none_may_say(void)
{
    static const struct {
        size_t at;
        uint8_t octet;
        enum certificate_verdict verdict;
    } rows[] = {
        {60, '\0', CERTIFICATE_DOMAIN}, {61, ' ', CERTIFICATE_DOMAIN},
        {62, ':', CERTIFICATE_DOMAIN},  {64, '\0', CERTIFICATE_ADDRESS},
        {65, '%', CERTIFICATE_ADDRESS}, {66, ':', CERTIFICATE_ADDRESS},
        {52, 1, CERTIFICATE_EXPIRY},    {7, 1, CERTIFICATE_RESERVED},
        {8, 1, CERTIFICATE_ID},
    };
    struct world world;
    struct certificate found;
    begin(&world, "east", "a.example");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world changed = world;
        size_t signed_size = world.size - IDENTITY_SIGNATURE_SIZE;
        changed.octets[rows[i].at] = rows[i].octet;
        CU_ASSERT_TRUE(identity_sign(world.ca, IDENTITY_CERTIFICATE,
                                     bytes_make(changed.octets, signed_size),
                                     changed.octets + signed_size));
        CU_ASSERT_EQUAL(read_size(&changed, changed.size, &found), rows[i].verdict);
    }
    world.octets[50] = 0;
    world.octets[51] = 0;
    CU_ASSERT_EQUAL(read_size(&world, world.size, &found), CERTIFICATE_ADDRESS);
    end(&world);
}

static void writes_nothing_that_none_may_say(void)
{
    struct world world;
    begin(&world, "east", "a.example");
    struct certificate good = world.certificate;
    world.certificate.node.id++;
    sign(&world);
    CU_ASSERT_EQUAL(world.size, 0);
    world.certificate = good;
    world.certificate.node.port = 0;
    sign(&world);
    CU_ASSERT_EQUAL(world.size, 0);
    world.certificate = good;
    world.certificate.node.domain[0] = ' ';
    sign(&world);
    CU_ASSERT_EQUAL(world.size, 0);
    world.certificate = good;
    world.certificate.expiry_s = CERTIFICATE_EXPIRY_MAX + 1;
    sign(&world);
    CU_ASSERT_EQUAL(world.size, 0);
    end(&world);
}

static void expires(void)
{
    struct certificate certificate = {.expiry_s = 1800000000};
    struct wall now = {.ns = 1800000000 * NS_PER_S - 1};
    CU_ASSERT_FALSE(certificate_has_expired(&certificate, now));
    now.ns++;
    CU_ASSERT_TRUE(certificate_has_expired(&certificate, now));
    now.ns = -1;
    CU_ASSERT_FALSE(certificate_has_expired(&certificate, now));
    certificate.expiry_s = CERTIFICATE_EXPIRY_MAX;
    now.ns = 1800000000 * NS_PER_S;
    CU_ASSERT_FALSE(certificate_has_expired(&certificate, now));
}

static void has_a_text_of_one_spelling(void)
{
    struct world world;
    char text[CERTIFICATE_TEXT_MAX + 1];
    uint8_t octets[CERTIFICATE_SIZE_MAX];
    size_t size;
    begin(&world, "east", "192.0.2.1");
    certificate_format(bytes_make(world.octets, world.size), text);
    CU_ASSERT_EQUAL(strncmp(text, "certificate:544343430104", 24), 0);
    CU_ASSERT_TRUE_FATAL(certificate_parse(text, octets, &size));
    CU_ASSERT_EQUAL_FATAL(size, world.size);
    CU_ASSERT_EQUAL(memcmp(octets, world.octets, size), 0);
    strcat(text, "\n");
    CU_ASSERT_TRUE(certificate_parse(text, octets, &size));
    size_t length = strlen(text);
    unsigned accepted = 0;
    for (size_t bit = 0; bit < 8 * length; bit++) {
        struct certificate found;
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
        accepted += certificate_parse(text, octets, &size) &&
                    certificate_read(bytes_make(octets, size), identity_public_key(world.ca), NULL,
                                     &found) == CERTIFICATE_OK;
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
    }
    CU_ASSERT_EQUAL(accepted, 0);
    text[length - 1] = ' ';
    CU_ASSERT_FALSE(certificate_parse(text, octets, &size));
    CU_ASSERT_FALSE(certificate_parse("", octets, &size));
    CU_ASSERT_FALSE(certificate_parse("certificate:", octets, &size));
    end(&world);
}

static void takes_the_longest_text(void)
{
    char text[CERTIFICATE_TEXT_MAX + 2] = CERTIFICATE_TEXT_PREFIX;
    uint8_t octets[CERTIFICATE_SIZE_MAX];
    size_t size;
    memset(text + strlen(text), '0', 2 * CERTIFICATE_SIZE_MAX);
    CU_ASSERT_TRUE(certificate_parse(text, octets, &size));
    CU_ASSERT_EQUAL(size, CERTIFICATE_SIZE_MAX);
    strcat(text, "00");
    CU_ASSERT_FALSE(certificate_parse(text, octets, &size));
}

static void refuses_words_that_are_none(void)
{
    struct certificate_node node = {0};
    CU_ASSERT_FALSE(certificate_node_set_domain(&node, "01234567890123456789012345678901"));
    CU_ASSERT_FALSE(certificate_node_set_domain(&node, "a b"));
    CU_ASSERT_FALSE(certificate_node_set_domain(&node, "a\n"));
    CU_ASSERT_FALSE(certificate_node_set_address(&node, ""));
    CU_ASSERT_FALSE(certificate_node_set_address(&node, "a b"));
    CU_ASSERT_FALSE(certificate_node_set_address(&node, "a:0"));
    CU_ASSERT_FALSE(certificate_node_set_address(&node, "fe80::1%2"));
    CU_ASSERT_FALSE(certificate_node_set_address(&node, "a:b:c"));
    CU_ASSERT_FALSE(certificate_node_set_address(
        &node, "01234567890123456789012345678901234567890123456789012345678901234"));
    CU_ASSERT_EQUAL(node.port, 0);
    CU_ASSERT_STRING_EQUAL(node.host, "");
    CU_ASSERT_STRING_EQUAL(node.domain, "");
}

static void names_each_verdict(void)
{
    for (int i = 0; i < CERTIFICATE_VERDICTS; i++) {
        const char *name = certificate_verdict_name((enum certificate_verdict)i);
        CU_ASSERT_PTR_NOT_NULL_FATAL(name);
        CU_ASSERT_STRING_NOT_EQUAL(name, "unknown");
    }
    CU_ASSERT_STRING_EQUAL(certificate_verdict_name(CERTIFICATE_VERDICTS), "unknown");
}

static const struct unit_case cases[] = {
    {"reads what it writes", reads_what_it_writes},
    {"has the layout", has_the_layout},
    {"refuses each changed bit", refuses_each_changed_bit},
    {"refuses another length", refuses_another_length},
    {"refuses another CA", refuses_another_ca},
    {"refuses what none may say", refuses_what_none_may_say},
    {"writes nothing that none may say", writes_nothing_that_none_may_say},
    {"expires", expires},
    {"has a text of one spelling", has_a_text_of_one_spelling},
    {"takes the longest text", takes_the_longest_text},
    {"refuses words that are none", refuses_words_that_are_none},
    {"names each verdict", names_each_verdict},
};

UNIT_MAIN("certificate", cases)
