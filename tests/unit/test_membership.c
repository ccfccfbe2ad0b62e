/* SPDX-License-Identifier: MIT */
#include "common/auth/membership.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define COMPLAINTS_MAX 8

/* The key of RFC 8032, 7.1, test 1, its id, and another. */
#define KEY_A "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define ID_A "21fe31dfa154a261"
#define KEY_B "ed25519:3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
#define NEEDED "mesh = lab\nserial = 7\nnodes = 3\nfaults = 1\n"

struct complaints {
    size_t count;
    char sentences[COMPLAINTS_MAX][MEMBERSHIP_ERROR_MAX];
};

static void note(void *context, const char *sentence)
{
    struct complaints *complaints = context;
    CU_ASSERT_FATAL(complaints->count < COMPLAINTS_MAX);
    snprintf(complaints->sentences[complaints->count++], MEMBERSHIP_ERROR_MAX, "%s", sentence);
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

static struct membership *draft(const char *text, struct complaints *complaints)
{
    static struct membership membership;
    memset(complaints, 0, sizeof *complaints);
    return membership_read_draft(text, "draft", &membership, note, complaints) ? &membership : NULL;
}

static const char sample[] = "# who is in\n"
                             " faults=1 \r\n"
                             "member = " KEY_B " west b.example\n"
                             "\n"
                             "nodes = 3\n"
                             "member = " ID_A " " KEY_A "\n"
                             "max-offset = 0.1 s\n"
                             "revoked = FFFFFFFFFFFFFFFF\n"
                             "revoked = 0000000000000001\n"
                             "serial = 7\n"
                             "mesh = lab";

/* The document without its signature, as doc/protocol.md has it. */
static const char canonical[] = "truechimer membership 1\n"
                                "mesh = lab\n"
                                "serial = 7\n"
                                "nodes = 3\n"
                                "faults = 1\n"
                                "max-offset = 100000000 ns\n"
                                "member = " ID_A " " KEY_A " - -\n"
                                "member = 39f713d0a644253f " KEY_B " west b.example:123\n"
                                "revoked = 0000000000000001\n"
                                "revoked = ffffffffffffffff\n";

static struct membership *signed_sample(struct identity *ca, char **text)
{
    struct complaints complaints;
    struct membership *membership = draft(sample, &complaints);
    CU_ASSERT_EQUAL(complaints.count, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(membership);
    *text = membership_sign(membership, ca, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(*text);
    return membership;
}

static enum membership_verdict read_text(const char *text, size_t size, const struct identity *ca,
                                         struct membership *found)
{
    char error[MEMBERSHIP_ERROR_MAX] = "";
    enum membership_verdict verdict =
        membership_read(bytes_make(text, size), identity_public_key(ca), NULL, found, error);
    CU_ASSERT_TRUE(verdict == MEMBERSHIP_OK || error[0] != '\0');
    return verdict;
}

static void writes_one_spelling(void)
{
    static struct membership found;
    struct identity *ca = drawn(1);
    char *text;
    const struct membership *membership = signed_sample(ca, &text);
    CU_ASSERT_EQUAL(strncmp(text, canonical, strlen(canonical)), 0);
    CU_ASSERT_EQUAL(strncmp(text + strlen(canonical), "signature = ", 12), 0);
    CU_ASSERT_EQUAL(strlen(text), strlen(canonical) + 12 + 128 + 1);
    CU_ASSERT_EQUAL_FATAL(read_text(text, strlen(text), ca, &found), MEMBERSHIP_OK);
    CU_ASSERT_EQUAL(found.terms.epoch, membership->terms.epoch);
    CU_ASSERT_EQUAL(found.terms.nodes, 3);
    CU_ASSERT_EQUAL(found.terms.faults, 1);
    CU_ASSERT_EQUAL(found.terms.max_offset_ns, 100 * NS_PER_MS);
    CU_ASSERT_EQUAL(found.serial, 7);
    CU_ASSERT_STRING_EQUAL(found.mesh, "lab");
    CU_ASSERT_EQUAL_FATAL(found.member_count, 2);
    CU_ASSERT_EQUAL(found.members[0].id, UINT64_C(0x21fe31dfa154a261));
    CU_ASSERT_STRING_EQUAL(found.members[1].host, "b.example");
    CU_ASSERT_PTR_EQUAL(membership_find(&found, found.members[1].id), &found.members[1]);
    CU_ASSERT_PTR_NULL(membership_find(&found, 1));
    CU_ASSERT_TRUE(membership_is_revoked(&found, 1));
    CU_ASSERT_FALSE(membership_is_revoked(&found, 2));
    free(text);
    identity_destroy(ca);
}

/* sha256sum of the lines before the signature begins so. */
static void has_an_epoch(void)
{
    struct identity *ca = drawn(1);
    uint8_t digest[SECRET_SIZE];
    struct bytes part = bytes_make(canonical, strlen(canonical));
    char *text;
    const struct membership *membership = signed_sample(ca, &text);
    CU_ASSERT_TRUE(secret_digest(&part, 1, digest));
    CU_ASSERT_EQUAL(membership->terms.epoch, bytes_u32(bytes_make(digest, 32), 0));
    CU_ASSERT_EQUAL(membership->terms.epoch, 0xfee0d1a0);
    free(text);
    identity_destroy(ca);
}

static void refuses_each_changed_bit(void)
{
    static struct membership found;
    struct identity *ca = drawn(1);
    unsigned verdicts[MEMBERSHIP_VERDICTS] = {0};
    char *text;
    (void)signed_sample(ca, &text);
    size_t size = strlen(text);
    found.serial = 4711;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
        verdicts[read_text(text, size, ca, &found)]++;
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
    }
    CU_ASSERT_EQUAL(verdicts[MEMBERSHIP_OK], 0);
    CU_ASSERT_TRUE(verdicts[MEMBERSHIP_FORGED] > 8 * strlen(canonical) - 8);
    CU_ASSERT_TRUE(verdicts[MEMBERSHIP_UNSIGNED] > 0);
    CU_ASSERT_EQUAL(found.serial, 4711);
    for (size_t i = 0; i < size; i++) {
        CU_ASSERT_NOT_EQUAL(read_text(text, i, ca, &found), MEMBERSHIP_OK);
    }
    CU_ASSERT_EQUAL(read_text(text, size, ca, &found), MEMBERSHIP_OK);
    free(text);
    identity_destroy(ca);
}

static void refuses_another_ca(void)
{
    static struct membership found;
    struct identity *ca = drawn(1);
    struct identity *other = drawn(2);
    char *text;
    (void)signed_sample(ca, &text);
    CU_ASSERT_EQUAL(read_text(text, strlen(text), other, &found), MEMBERSHIP_FORGED);
    free(text);
    identity_destroy(ca);
    identity_destroy(other);
}

static void refuses_what_is_too_big(void)
{
    static struct membership found;
    static char text[MEMBERSHIP_TEXT_MAX + 1];
    struct identity *ca = drawn(1);
    memset(text, '\n', sizeof text);
    CU_ASSERT_EQUAL(read_text(text, sizeof text, ca, &found), MEMBERSHIP_TOO_BIG);
    CU_ASSERT_EQUAL(read_text(text, sizeof text - 1, ca, &found), MEMBERSHIP_UNSIGNED);
    CU_ASSERT_EQUAL(read_text(text, 0, ca, &found), MEMBERSHIP_UNSIGNED);
    identity_destroy(ca);
}

/* Signed by the CA with another program, but not as documents are written. */
static void refuses_another_spelling(void)
{
    static const char *const texts[] = {
        "truechimer membership 1\nmesh = lab\nserial = 7\nnodes = 3\nfaults = 1\n",
        "truechimer membership 1\nmesh = lab\nserial = 7\nnodes = 3\nfaults = 1\n"
        "max-offset = 100 ms\n",
        "mesh = lab\nserial = 7\nnodes = 3\nfaults = 1\nmax-offset = 100000000 ns\n",
        "truechimer membership 1\nserial = 7\nmesh = lab\nnodes = 3\nfaults = 1\n"
        "max-offset = 100000000 ns\n",
        "truechimer membership 1\nmesh = lab\nserial = 07\nnodes = 3\nfaults = 1\n"
        "max-offset = 100000000 ns\n",
        "truechimer membership 1\nmesh = lab\nserial = 7\nnodes = 3\nfaults = 1 \n"
        "max-offset = 100000000 ns\n",
        "truechimer membership 1\nmesh = lab\nserial = 7\nnodes = 3\nfaults = 1\n"
        "max-offset = 100000000 ns\nrevoked = 0000000000000002\nrevoked = 0000000000000001\n",
        "truechimer membership 1\nmesh = lab\nserial = 7\nnodes = 3\nfaults = 1\n"
        "max-offset = 100000000 ns\nrevoked = FFFFFFFFFFFFFFFF\n",
        "truechimer membership 1\nmesh = lab\nserial = 7\nnodes = 3\nfaults = 2\n"
        "max-offset = 100000000 ns\n",
        "truechimer membership 1\nmesh = lab\nserial = 7\nserial = 8\nnodes = 3\nfaults = 1\n"
        "max-offset = 100000000 ns\n",
        "truechimer membership 2\nmesh = lab\nserial = 7\nnodes = 3\nfaults = 1\n"
        "max-offset = 100000000 ns\n",
        "truechimer membership 1\nmesh = lab\nserial = 7\nnodes = 3\nfaults = 1\n"
        "max-offset = 100000000 ns\nfuture = 1\n",
    };
    static struct membership found;
    struct identity *ca = drawn(1);
    for (size_t i = 0; i < COUNT(texts); i++) {
        uint8_t digest[SECRET_SIZE];
        uint8_t signature[IDENTITY_SIGNATURE_SIZE];
        char text[1024];
        struct bytes part = bytes_make(texts[i], strlen(texts[i]));
        CU_ASSERT_TRUE(secret_digest(&part, 1, digest));
        CU_ASSERT_TRUE(identity_sign(ca, IDENTITY_DOCUMENT, bytes_make(digest, 32), signature));
        size_t size = (size_t)snprintf(text, sizeof text, "%ssignature = ", texts[i]);
        for (size_t j = 0; j < sizeof signature; j++) {
            size += (size_t)snprintf(text + size, sizeof text - size, "%02x", signature[j]);
        }
        text[size++] = '\n';
        CU_ASSERT_EQUAL(read_text(text, size, ca, &found), MEMBERSHIP_MALFORMED);
    }
    identity_destroy(ca);
}

static void explains_mistakes(void)
{
    static const struct {
        const char *text;
        const char *wanted[3];
    } rows[] = {
        {"", {"draft: there is no 'mesh = ...'", "'serial = ...'", "'nodes = ...'"}},
        {NEEDED "serial = 8\n", {"draft:5: serial: it stands in line 2 already"}},
        {NEEDED "nonsense\n", {"draft:5: 'nonsense' was found; NAME = VALUE is accepted"}},
        {NEEDED "node = 3\n", {"draft:5: 'node' was found; mesh, serial, nodes, faults"}},
        {NEEDED "signature = 00\n", {"draft:5: a draft has no signature: delete this line"}},
        {NEEDED "max-offset = 250\n", {"draft:5: max-offset: '250' was found; a duration from"}},
        {NEEDED "max-offset = 61 s\n", {"draft:5: max-offset: '61 s' was found"}},
        {NEEDED "member =\n", {"draft:5: member: found 0 words; accepted is [ID]"}},
        {NEEDED "member = " ID_A "\n", {"draft:5: member: found 1 words"}},
        {NEEDED "member = " KEY_A " a b:1 c\n", {"draft:5: member: found 4 words"}},
        {NEEDED "member = ed25519:12\n", {"draft:5: member: a public key is 'ed25519:' and 64"}},
        {NEEDED "member = " ID_A " " KEY_B "\n",
         {"draft:5: member: the id " ID_A " was found before a key whose id is 39f713d0a644253f"}},
        {NEEDED "member = " KEY_A " a/b\n", {"draft:5: member: 'a/b' was found as failure"}},
        {NEEDED "member = " KEY_A " - a:b:c\n", {"draft:5: member: 'a:b:c' was found as address"}},
        {NEEDED "member = " KEY_A "\nmember = " KEY_A "\n",
         {"draft:6: member: " ID_A " is listed twice"}},
        {NEEDED "member = " KEY_A " - h\nmember = " KEY_B " - h:123\n",
         {"draft:6: member: " ID_A " and 39f713d0a644253f have the same address"}},
        {NEEDED "revoked = 12\n", {"draft:5: revoked: '12' was found; a node's id"}},
        {NEEDED "revoked = " ID_A "\nrevoked = " ID_A "\n", {"draft:6: revoked: " ID_A " is li"}},
        {NEEDED "revoked = " ID_A "\nmember = " KEY_A "\n",
         {"draft: " ID_A " is both a member and revoked"}},
        {"mesh = a b\nserial = 0\nnodes = 65536\nfaults = 0\n",
         {"draft:1: mesh: 'a b' was found", "draft:2: serial: '0' was found; a whole number from 1",
          "draft:3: nodes: '65536' was found; a whole number from 1 to 65535"}},
        {"mesh = a\nserial = 1\nnodes = 3\nfaults = 2\n",
         {"draft:4: faults: 2 of 3 nodes was found; 2 * 2 + 1 = 5 must be at most the 3 that a "
          "node sees, so at most 1 is accepted"}},
        {"mesh = a\nserial = 1\nnodes = 1000\nfaults = 8\n",
         {"draft:4: faults: '8' was found; a whole number from 0 to 7"}},
        {"mesh = a\nserial = 1\nnodes = 1\nfaults = 0\nmember = " KEY_A "\nmember = " KEY_B "\n",
         {"draft:3: nodes: 1 was found, but 2 members are listed"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct complaints complaints;
        CU_ASSERT_PTR_NULL(draft(rows[i].text, &complaints));
        for (size_t j = 0; j < 3 && rows[i].wanted[j] != NULL; j++) {
            CU_ASSERT_FATAL(j < complaints.count);
            bool is_found = strstr(complaints.sentences[j], rows[i].wanted[j]) != NULL;
            CU_ASSERT_TRUE(is_found);
            if (!is_found) {
                printf("\nwanted: %s\nfound:  %s\n", rows[i].wanted[j], complaints.sentences[j]);
            }
        }
    }
}

static void takes_as_many_as_it_says(void)
{
    static char text[2 * MEMBERSHIP_TEXT_MAX];
    static struct membership found;
    struct identity *ca = drawn(1);
    struct complaints complaints;
    size_t size = (size_t)snprintf(text, sizeof text,
                                   "mesh = m\nserial = 1\nnodes = 65535\n"
                                   "faults = 7\n");
    for (unsigned i = 0; i < MEMBERSHIP_MEMBERS_MAX; i++) {
        char key[IDENTITY_KEY_TEXT_MAX];
        struct public_key octets = {{9, (uint8_t)(i >> 8), (uint8_t)i}};
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "member = %s 0123456789012345678901234567890 "
                                 "%064u:65535\n",
                                 public_key_format(&octets, key), i);
    }
    for (unsigned i = 0; i < MEMBERSHIP_REVOKED_MAX; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "revoked = %016x\n", i);
    }
    struct membership *membership = draft(text, &complaints);
    CU_ASSERT_PTR_NOT_NULL_FATAL(membership);
    char *document = membership_sign(membership, ca, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(document);
    CU_ASSERT_EQUAL(read_text(document, strlen(document), ca, &found), MEMBERSHIP_OK);
    CU_ASSERT_EQUAL(found.member_count, MEMBERSHIP_MEMBERS_MAX);
    CU_ASSERT_EQUAL(found.revoked_count, MEMBERSHIP_REVOKED_MAX);
    free(document);
    snprintf(text + size, sizeof text - size, "revoked = ffffffffffffffff\nmember = " KEY_A "\n");
    CU_ASSERT_PTR_NULL(draft(text, &complaints));
    CU_ASSERT_EQUAL_FATAL(complaints.count, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(complaints.sentences[0], "revoked: more than 1024"));
    CU_ASSERT_PTR_NOT_NULL(strstr(complaints.sentences[1], "member: more than 256"));
    identity_destroy(ca);
}

/* A newer document is another epoch, but the same mesh and its time. */
static void keeps_the_time_of_its_mesh(void)
{
    struct identity *ca = drawn(1);
    struct identity *other = drawn(2);
    char *text;
    struct membership *membership = signed_sample(ca, &text);
    struct membership_terms before = membership->terms;
    free(text);
    membership->serial++;
    text = membership_sign(membership, ca, NULL);
    CU_ASSERT_PTR_NOT_NULL(text);
    CU_ASSERT_NOT_EQUAL(membership->terms.epoch, before.epoch);
    CU_ASSERT_EQUAL(membership->terms.timescale_id, before.timescale_id);
    CU_ASSERT_TRUE(before.timescale_id <= 0xffffff);
    free(text);
    text = membership_sign(membership, other, NULL);
    CU_ASSERT_PTR_NOT_NULL(text);
    CU_ASSERT_NOT_EQUAL(membership->terms.timescale_id, before.timescale_id);
    free(text);
    memcpy(membership->mesh, "lap", 4);
    text = membership_sign(membership, ca, NULL);
    CU_ASSERT_PTR_NOT_NULL(text);
    CU_ASSERT_NOT_EQUAL(membership->terms.timescale_id, before.timescale_id);
    free(text);
    identity_destroy(ca);
    identity_destroy(other);
}

static void signs_nothing_that_is_not_read_back(void)
{
    struct identity *ca = drawn(1);
    char *text;
    struct membership *membership = signed_sample(ca, &text);
    free(text);
    membership->terms.faults = 2;
    CU_ASSERT_PTR_NULL(membership_sign(membership, ca, NULL));
    membership->terms.faults = 1;
    memcpy(membership->mesh, "a b", 4);
    CU_ASSERT_PTR_NULL(membership_sign(membership, ca, NULL));
    identity_destroy(ca);
}

static void names_a_configuration(void)
{
    static const char text[] = "truechimer configuration 1\n"
                               "nodes = 2\n"
                               "faults = 0\n"
                               "max-offset = 250000000 ns\n"
                               "key = " KEY_B "\n"
                               "key = " KEY_A "\n";
    char error[IDENTITY_ERROR_MAX];
    uint8_t digest[SECRET_SIZE];
    struct bytes part = bytes_make(text, strlen(text));
    struct public_key keys[2];
    struct membership_terms terms = {.max_offset_ns = 250 * NS_PER_MS};
    CU_ASSERT_TRUE(public_key_parse(KEY_A, &keys[0], error));
    CU_ASSERT_TRUE(public_key_parse(KEY_B, &keys[1], error));
    CU_ASSERT_TRUE(secret_digest(&part, 1, digest));
    CU_ASSERT_TRUE(membership_configured(keys, 2, &terms));
    CU_ASSERT_EQUAL(terms.epoch, bytes_u32(bytes_make(digest, 32), 0));
    CU_ASSERT_EQUAL(terms.nodes, 2);
    CU_ASSERT_TRUE(terms.timescale_id <= 0xffffff);
    struct public_key swapped[] = {keys[1], keys[0]};
    struct membership_terms same = {.max_offset_ns = 250 * NS_PER_MS};
    CU_ASSERT_TRUE(membership_configured(swapped, 2, &same));
    CU_ASSERT_EQUAL(same.epoch, terms.epoch);
    struct membership_terms other = {.max_offset_ns = 250 * NS_PER_MS + 1};
    CU_ASSERT_TRUE(membership_configured(keys, 2, &other));
    CU_ASSERT_NOT_EQUAL(other.epoch, terms.epoch);
    CU_ASSERT_FALSE(membership_configured(keys, 0, &other));
    CU_ASSERT_FALSE(membership_configured(keys, MEMBERSHIP_MEMBERS_MAX + 1, &other));
}

static void knows_how_many_may_lie(void)
{
    static const uint16_t wanted[] = {0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 7, 7};
    for (size_t n = 0; n < COUNT(wanted); n++) {
        CU_ASSERT_EQUAL(membership_faults_max(n), wanted[n]);
    }
    CU_ASSERT_EQUAL(membership_faults_max(SIZE_MAX), 7);
}

static void names_each_verdict(void)
{
    for (int i = 0; i < MEMBERSHIP_VERDICTS; i++) {
        CU_ASSERT_STRING_NOT_EQUAL(membership_verdict_name((enum membership_verdict)i), "unknown");
    }
    CU_ASSERT_STRING_EQUAL(membership_verdict_name(MEMBERSHIP_VERDICTS), "unknown");
}

static const struct unit_case cases[] = {
    {"writes one spelling", writes_one_spelling},
    {"has an epoch", has_an_epoch},
    {"refuses each changed bit", refuses_each_changed_bit},
    {"refuses another CA", refuses_another_ca},
    {"refuses what is too big", refuses_what_is_too_big},
    {"refuses another spelling", refuses_another_spelling},
    {"explains mistakes", explains_mistakes},
    {"takes as many as it says", takes_as_many_as_it_says},
    {"keeps the time of its mesh", keeps_the_time_of_its_mesh},
    {"signs nothing that is not read back", signs_nothing_that_is_not_read_back},
    {"names a configuration", names_a_configuration},
    {"knows how many may lie", knows_how_many_may_lie},
    {"names each verdict", names_each_verdict},
};

UNIT_MAIN("membership", cases)
