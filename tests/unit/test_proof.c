/* SPDX-License-Identifier: MIT */
#include "common/mesh/proof.h"
#include "ntpwire/timestamp.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <string.h>

#define START_NS (INT64_C(1780000000) * NS_PER_S)
#define MS_F28(ms) ((uint32_t)((ms)*268435))
#define NODES 3
#define EPOCH 2

/* A CA, nodes, and what they signed. */
struct world {
    struct identity *ca;
    struct identity *nodes[NODES];
    struct report reports[PROOF_REPORTS_MAX];
    uint8_t fields[PROOF_REPORTS_MAX][PROOF_FIELD_MAX];
    uint8_t signatures[PROOF_REPORTS_MAX][IDENTITY_SIGNATURE_SIZE];
    uint8_t certificates[NODES][CERTIFICATE_SIZE_MAX];
    char *document;
    struct proof_parts parts;
    char text[PROOF_TEXT_MAX + 1];
    size_t size;
};

static struct world world;
static struct proof *proof;

static struct identity *drawn(uint64_t seed)
{
    char error[IDENTITY_ERROR_MAX];
    struct random random;
    random_init_seeded(&random, seed);
    struct identity *identity = identity_create(&random, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(identity);
    return identity;
}

static void begin(enum evidence_kind kind)
{
    memset(&world, 0, sizeof world);
    world.ca = drawn(1);
    for (size_t i = 0; i < NODES; i++) {
        world.nodes[i] = drawn(i + 2);
    }
    world.parts.kind = kind;
    proof = proof_create();
    CU_ASSERT_PTR_NOT_NULL_FATAL(proof);
}

static void end(void)
{
    identity_destroy(world.ca);
    for (size_t i = 0; i < NODES; i++) {
        identity_destroy(world.nodes[i]);
    }
    free(world.document);
    proof_destroy(proof);
}

/* A report of a node whose clock shows the start, at_ns and offset_ns. */
static struct report *report(size_t node, uint32_t sequence, int64_t at_ns, int64_t offset_ns)
{
    struct report *made = &world.reports[world.parts.report_count];
    int64_t clock_ns = START_NS + at_ns + offset_ns;
    *made = (struct report){
        .flags = REPORT_SYNCED | REPORT_HLC_VALID,
        .node = identity_id(world.nodes[node]),
        .sequence = sequence,
        .incarnation = 1,
        .key_epoch = EPOCH,
        .as_of = timestamp_from_unix_ns(clock_ns).bits,
        .as_of_mono = (uint64_t)((__int128)at_ns * (INT64_C(1) << 30) / NS_PER_S),
        .hlc = timestamp_from_unix_ns(START_NS + at_ns).bits,
        .before_f28 = MS_F28(2),
        .after_f28 = MS_F28(2),
    };
    return made;
}

/* Signs the last report, and puts it into the proof. */
static void add(size_t node)
{
    size_t i = world.parts.report_count++;
    size_t size = report_write(world.fields[i], sizeof world.fields[i], &world.reports[i]);
    struct bytes field = bytes_make(world.fields[i], size);
    CU_ASSERT_TRUE_FATAL(
        size > 0 && identity_sign(world.nodes[node], IDENTITY_REPORT, field, world.signatures[i]));
    world.parts.reports[i] = (struct proof_report){field, world.signatures[i]};
}

/* The next report says that its author has seen the last one. */
static void chain(struct report *next)
{
    uint8_t digest[SECRET_SIZE];
    size_t i = world.parts.report_count - 1;
    CU_ASSERT_TRUE(secret_digest(&world.parts.reports[i].field, 1, digest));
    memcpy(next->previous, digest, sizeof next->previous);
}

static void author(size_t node, bool is_certified)
{
    struct proof_author *next = &world.parts.authors[world.parts.author_count++];
    struct certificate certificate = {.epoch = EPOCH, .expiry_s = 1800000000};
    next->key = *identity_public_key(world.nodes[node]);
    next->id = identity_id(world.nodes[node]);
    if (is_certified) {
        CU_ASSERT_TRUE(certificate_node_set_key(&certificate.node, &next->key));
        size_t size = certificate_write(&certificate, world.ca, NULL, world.certificates[node]);
        CU_ASSERT_TRUE_FATAL(size > 0);
        next->certificate = bytes_make(world.certificates[node], size);
    }
}

static void complain(void *context, const char *sentence)
{
    (void)context;
    printf("\n%s\n", sentence);
    CU_FAIL("a draft is wrong");
}

/* A document that lists these nodes, in bits. */
static void list(unsigned nodes)
{
    static struct membership membership;
    char draft[1024];
    char key[IDENTITY_KEY_TEXT_MAX];
    size_t size =
        (size_t)snprintf(draft, sizeof draft, "mesh = lab\nserial = 1\nnodes = 3\nfaults = 1\n");
    for (size_t i = 0; i < NODES; i++) {
        if ((nodes >> i & 1) != 0) {
            size += (size_t)snprintf(draft + size, sizeof draft - size, "member = %s\n",
                                     public_key_format(identity_public_key(world.nodes[i]), key));
        }
    }
    CU_ASSERT_TRUE_FATAL(membership_read_draft(draft, "draft", &membership, complain, NULL));
    world.document = membership_sign(&membership, world.ca, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(world.document);
    world.parts.document = bytes_make(world.document, strlen(world.document));
}

static void write_down(void)
{
    world.size = proof_write(&world.parts, world.text, sizeof world.text);
    CU_ASSERT_TRUE_FATAL(world.size > 0);
    CU_ASSERT_EQUAL(strlen(world.text), world.size);
}

static enum proof_verdict verify(bool with_ca)
{
    char error[PROOF_ERROR_MAX] = "";
    enum proof_verdict verdict =
        proof_read(bytes_make(world.text, world.size),
                   with_ca ? identity_public_key(world.ca) : NULL, NULL, proof, error);
    CU_ASSERT_TRUE(verdict == PROOF_OK || error[0] != '\0');
    return verdict;
}

static void equivocate(size_t node)
{
    (void)report(node, 7, NS_PER_S, 0);
    add(node);
    (void)report(node, 7, NS_PER_S, NS_PER_MS);
    add(node);
}

static void proves_by_the_document(void)
{
    begin(EVIDENCE_EQUIVOCATION);
    equivocate(0);
    list(7);
    write_down();
    CU_ASSERT_EQUAL_FATAL(verify(true), PROOF_OK);
    CU_ASSERT_EQUAL(proof->kind, EVIDENCE_EQUIVOCATION);
    CU_ASSERT_EQUAL(proof->accused[0], identity_id(world.nodes[0]));
    CU_ASSERT_EQUAL(proof->accused[1], 0);
    CU_ASSERT_TRUE(proof->is_certified && proof->has_document);
    CU_ASSERT_STRING_EQUAL(proof->membership.mesh, "lab");
    CU_ASSERT_EQUAL(proof->report_count, 2);
    CU_ASSERT_EQUAL(proof->reports[1].sequence, 7);
    CU_ASSERT_EQUAL(verify(false), PROOF_MEMBERSHIP);
    end();
}

static void proves_by_a_certificate(void)
{
    for (int has_document = 0; has_document < 2; has_document++) {
        begin(EVIDENCE_EQUIVOCATION);
        equivocate(1);
        author(1, true);
        if (has_document != 0) {
            list(5);
        }
        write_down();
        CU_ASSERT_EQUAL(verify(true), PROOF_OK);
        CU_ASSERT_EQUAL(proof->has_document, has_document != 0);
        CU_ASSERT_EQUAL(verify(false), PROOF_STRANGER);
        end();
    }
}

/* A certificate holds for its epoch and all above. */
static void proves_by_the_certificate_of_an_epoch(void)
{
    for (uint16_t epoch = EPOCH - 1; epoch <= EPOCH + 1; epoch++) {
        begin(EVIDENCE_EQUIVOCATION);
        report(1, 7, NS_PER_S, 0)->key_epoch = epoch;
        add(1);
        report(1, 7, NS_PER_S, NS_PER_MS)->key_epoch = epoch;
        add(1);
        author(1, true);
        write_down();
        CU_ASSERT_EQUAL(verify(true), epoch < EPOCH ? PROOF_EPOCH : PROOF_OK);
        end();
    }
}

static void proves_something_of_a_key(void)
{
    begin(EVIDENCE_EQUIVOCATION);
    equivocate(1);
    author(1, false);
    write_down();
    CU_ASSERT_EQUAL(verify(false), PROOF_OK);
    CU_ASSERT_FALSE(proof->is_certified);
    CU_ASSERT_EQUAL(verify(true), PROOF_STRANGER);
    end();
}

static void proves_each_kind(void)
{
    begin(EVIDENCE_STAMPS);
    report(0, 7, NS_PER_S, 0)->hlc = timestamp_from_unix_ns(START_NS + 9 * NS_PER_S).bits;
    add(0);
    (void)report(0, 8, 2 * NS_PER_S, 0);
    add(0);
    list(1);
    write_down();
    CU_ASSERT_EQUAL(verify(true), PROOF_OK);
    CU_ASSERT_EQUAL(proof->kind, EVIDENCE_STAMPS);
    end();

    begin(EVIDENCE_INTERVALS);
    (void)report(0, 7, NS_PER_S, 0);
    add(0);
    (void)report(0, 8, 2 * NS_PER_S, 10 * NS_PER_MS);
    add(0);
    list(1);
    write_down();
    CU_ASSERT_EQUAL(verify(true), PROOF_OK);
    CU_ASSERT_EQUAL(proof->kind, EVIDENCE_INTERVALS);
    end();

    begin(EVIDENCE_TWINS);
    (void)report(0, 7, 2 * NS_PER_S, 0);
    add(0);
    report(0, 1, NS_PER_S, 0)->incarnation++;
    add(0);
    list(1);
    write_down();
    CU_ASSERT_EQUAL(verify(true), PROOF_OK);
    CU_ASSERT_EQUAL(proof->kind, EVIDENCE_TWINS);
    end();
}

/* 0 is ahead by a second; 1 saw its report, and 2 that of 1. */
static void make_chain(void)
{
    begin(EVIDENCE_CAUSALITY);
    (void)report(0, 7, NS_PER_S, NS_PER_S);
    add(0);
    chain(report(1, 7, NS_PER_S + NS_PER_MS, 0));
    add(1);
    chain(report(2, 7, NS_PER_S + 2 * NS_PER_MS, 0));
    add(2);
    author(0, true);
    author(2, true);
    list(2);
    write_down();
}

static void proves_along_a_chain(void)
{
    make_chain();
    CU_ASSERT_EQUAL(verify(true), PROOF_OK);
    CU_ASSERT_EQUAL(proof->accused[0], identity_id(world.nodes[0]));
    CU_ASSERT_EQUAL(proof->accused[1], identity_id(world.nodes[2]));
    world.parts.reports[1] = world.parts.reports[2];
    world.parts.report_count = 2;
    write_down();
    CU_ASSERT_EQUAL(verify(true), PROOF_NOTHING);
    end();
}

static void refuse_bits(bool with_ca)
{
    unsigned verdicts[PROOF_VERDICTS] = {0};
    for (size_t bit = 0; bit < 8 * world.size; bit++) {
        world.text[bit / 8] = (char)(world.text[bit / 8] ^ 1 << bit % 8);
        verdicts[verify(with_ca)]++;
        world.text[bit / 8] = (char)(world.text[bit / 8] ^ 1 << bit % 8);
    }
    CU_ASSERT_EQUAL(verdicts[PROOF_OK], 0);
    CU_ASSERT_TRUE(verdicts[PROOF_FORGED] > 0 && verdicts[PROOF_MALFORMED] > 0);
    CU_ASSERT_EQUAL(verify(with_ca), PROOF_OK);
    for (size_t size = world.size, i = 0; i < size; i += 7) {
        world.size = i;
        CU_ASSERT_NOT_EQUAL(verify(with_ca), PROOF_OK);
        world.size = size;
    }
}

static void refuses_each_changed_bit(void)
{
    make_chain();
    refuse_bits(true);
    end();
    begin(EVIDENCE_EQUIVOCATION);
    equivocate(0);
    list(7);
    write_down();
    refuse_bits(true);
    end();
    begin(EVIDENCE_EQUIVOCATION);
    equivocate(1);
    author(1, false);
    write_down();
    refuse_bits(false);
    end();
}

static void refuses_what_does_not_hold(void)
{
    begin(EVIDENCE_STAMPS); /* it is one, but of another kind */
    equivocate(0);
    list(1);
    write_down();
    CU_ASSERT_EQUAL(verify(true), PROOF_NOTHING);
    world.parts.kind = EVIDENCE_CAUSALITY;
    write_down();
    CU_ASSERT_EQUAL(verify(true), PROOF_NOTHING);
    world.parts.kind = EVIDENCE_EQUIVOCATION;
    world.parts.reports[1] = world.parts.reports[0]; /* one report is no two */
    write_down();
    CU_ASSERT_EQUAL(verify(true), PROOF_NOTHING);
    end();

    begin(EVIDENCE_EQUIVOCATION); /* two honest nodes with one number */
    (void)report(0, 7, NS_PER_S, 0);
    add(0);
    (void)report(1, 7, NS_PER_S, NS_PER_MS);
    add(1);
    list(3);
    write_down();
    CU_ASSERT_EQUAL(verify(true), PROOF_NOTHING);
    end();
}

static void refuses_strangers(void)
{
    begin(EVIDENCE_EQUIVOCATION);
    equivocate(0);
    list(6); /* the others only */
    write_down();
    CU_ASSERT_EQUAL(verify(true), PROOF_STRANGER);
    author(1, true);
    write_down();
    CU_ASSERT_EQUAL(verify(true), PROOF_STRANGER);
    author(0, true); /* behind one who wrote nothing */
    write_down();
    CU_ASSERT_EQUAL(verify(true), PROOF_STRANGER);
    world.parts.author_count = 0;
    author(0, true);
    author(1, true);
    write_down();
    CU_ASSERT_EQUAL(verify(true), PROOF_MALFORMED);
    world.parts.author_count = 1;
    write_down();
    CU_ASSERT_EQUAL(verify(true), PROOF_OK);
    /* Signed by another node than the one that it names. */
    CU_ASSERT_TRUE(identity_sign(world.nodes[1], IDENTITY_REPORT, world.parts.reports[1].field,
                                 world.signatures[1]));
    write_down();
    CU_ASSERT_EQUAL(verify(true), PROOF_FORGED);
    end();
}

static void writes_nothing_that_is_none(void)
{
    begin(EVIDENCE_KINDS);
    equivocate(0);
    CU_ASSERT_EQUAL(proof_write(&world.parts, world.text, sizeof world.text), 0);
    world.parts.kind = EVIDENCE_NONE;
    CU_ASSERT_EQUAL(proof_write(&world.parts, world.text, sizeof world.text), 0);
    world.parts.kind = EVIDENCE_EQUIVOCATION;
    size_t size = proof_write(&world.parts, world.text, sizeof world.text);
    CU_ASSERT_TRUE(size > 0);
    for (size_t room = 0; room <= size; room++) {
        CU_ASSERT_EQUAL(proof_write(&world.parts, world.text, room), 0);
    }
    CU_ASSERT_EQUAL(proof_write(&world.parts, world.text, size + 1), size);
    world.parts.report_count = 1;
    CU_ASSERT_EQUAL(proof_write(&world.parts, world.text, sizeof world.text), 0);
    end();
}

static void refuses_what_is_none(void)
{
    static char big[PROOF_TEXT_MAX + 1];
    char error[PROOF_ERROR_MAX];
    begin(EVIDENCE_EQUIVOCATION);
    CU_ASSERT_EQUAL(proof_read(bytes_make(big, sizeof big), NULL, NULL, proof, error),
                    PROOF_TOO_BIG);
    CU_ASSERT_EQUAL(proof_read(bytes_make(big, sizeof big - 1), NULL, NULL, proof, error),
                    PROOF_MALFORMED);
    CU_ASSERT_EQUAL(proof_read(bytes_make("", 0), NULL, NULL, proof, error), PROOF_MALFORMED);
    end();
}

static void names_each_verdict(void)
{
    for (int i = 0; i < PROOF_VERDICTS; i++) {
        CU_ASSERT_STRING_NOT_EQUAL(proof_verdict_name((enum proof_verdict)i), "unknown");
    }
    CU_ASSERT_STRING_EQUAL(proof_verdict_name(PROOF_VERDICTS), "unknown");
}

static const struct unit_case cases[] = {
    {"proves by the document", proves_by_the_document},
    {"proves by a certificate", proves_by_a_certificate},
    {"proves by the certificate of an epoch", proves_by_the_certificate_of_an_epoch},
    {"proves something of a key", proves_something_of_a_key},
    {"proves each kind", proves_each_kind},
    {"proves along a chain", proves_along_a_chain},
    {"refuses each changed bit", refuses_each_changed_bit},
    {"refuses what does not hold", refuses_what_does_not_hold},
    {"refuses strangers", refuses_strangers},
    {"writes nothing that is none", writes_nothing_that_is_none},
    {"refuses what is none", refuses_what_is_none},
    {"names each verdict", names_each_verdict},
};

UNIT_MAIN("proof", cases)
