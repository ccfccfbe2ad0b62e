/* SPDX-License-Identifier: MIT */
#include "common/mesh/evidence.h"
#include "ntpwire/timestamp.h"
#include "tests/unit/unit.h"
#include <string.h>

#define START_NS (INT64_C(1780000000) * NS_PER_S)
#define MS_F28(ms) ((uint32_t)((ms)*268435))

/* A report of node `node`, made when its oscillator read at_ns and its clock showed that and
 * offset_ns more. */
static struct report made(uint64_t node, uint32_t sequence, int64_t at_ns, int64_t offset_ns)
{
    int64_t clock_ns = START_NS + at_ns + offset_ns;
    return (struct report){
        .flags = REPORT_SYNCED | REPORT_HLC_VALID,
        .node = node,
        .sequence = sequence,
        .incarnation = 1,
        .as_of = timestamp_from_unix_ns(clock_ns).bits,
        .as_of_mono = (uint64_t)((__int128)at_ns * (INT64_C(1) << 30) / NS_PER_S),
        .hlc = timestamp_from_unix_ns(clock_ns).bits,
        .before_f28 = MS_F28(2),
        .after_f28 = MS_F28(2),
    };
}

static void digest_of(const struct report *report, uint8_t digest[SECRET_SIZE])
{
    uint8_t octets[REPORT_PAYLOAD_MAX];
    size_t size = report_write(octets, sizeof(octets), report);
    struct bytes field = bytes_make(octets, size);
    CU_ASSERT_TRUE_FATAL(size > 0 && secret_digest(&field, 1, digest));
}

/* In both orders, which must not matter. */
static enum evidence_kind compare(const struct report *a, const struct report *b)
{
    uint8_t first[SECRET_SIZE], second[SECRET_SIZE];
    digest_of(a, first);
    digest_of(b, second);
    enum evidence_kind kind = evidence_compare(a, first, b, second);
    CU_ASSERT_EQUAL(evidence_compare(b, second, a, first), kind);
    return kind;
}

static void test_equivocation(void)
{
    struct report a = made(1, 7, NS_PER_S, 0);
    struct report b = made(1, 7, NS_PER_S, 1);
    CU_ASSERT_EQUAL(compare(&a, &b), EVIDENCE_EQUIVOCATION);
    CU_ASSERT_EQUAL(compare(&a, &a), EVIDENCE_NONE);
    b.node = 2;
    CU_ASSERT_EQUAL(compare(&a, &b), EVIDENCE_NONE);
    b.node = 1;
    b.incarnation = 2; /* a restart begins to count anew */
    b.hlc = a.hlc + 1;
    CU_ASSERT_EQUAL(compare(&a, &b), EVIDENCE_NONE);
}

static void test_stamps(void)
{
    struct report a = made(1, 7, NS_PER_S, 0);
    struct report b = made(1, 8, 2 * NS_PER_S, 0);
    CU_ASSERT_EQUAL(compare(&a, &b), EVIDENCE_NONE);
    b.hlc = a.hlc;
    CU_ASSERT_EQUAL(compare(&a, &b), EVIDENCE_STAMPS);
    b.flags &= (uint16_t)~REPORT_HLC_VALID;
    CU_ASSERT_EQUAL(compare(&a, &b), EVIDENCE_NONE);
    b.flags |= REPORT_HLC_VALID;
    b.sequence = 1;
    b.incarnation = 2;
    CU_ASSERT_EQUAL(compare(&a, &b), EVIDENCE_TWINS);
    /* An oscillator counts on while it is not disrupted. */
    b = made(1, 8, 2 * NS_PER_S, 0);
    b.as_of_mono = a.as_of_mono - 1;
    CU_ASSERT_EQUAL(compare(&a, &b), EVIDENCE_STAMPS);
    b.disruptions = 1;
    CU_ASSERT_EQUAL(compare(&a, &b), EVIDENCE_NONE);
}

static void test_intervals(void)
{
    struct report a = made(1, 7, NS_PER_S, 0);
    for (int sign = -1; sign <= 1; sign += 2) {
        struct report near = made(1, 8, 2 * NS_PER_S, sign * 4 * NS_PER_MS);
        struct report far = made(1, 8, 2 * NS_PER_S, sign * 6 * NS_PER_MS);
        near.hlc = far.hlc = a.hlc + 1;
        CU_ASSERT_EQUAL(compare(&a, &near), EVIDENCE_NONE);
        CU_ASSERT_EQUAL(compare(&a, &far), EVIDENCE_INTERVALS);
        far.flags |= REPORT_RETRACTED;
        CU_ASSERT_EQUAL(compare(&a, &far), EVIDENCE_NONE);
        far.flags &= (uint16_t)~REPORT_RETRACTED;
        far.disruptions = 1; /* it slept, or was moved */
        CU_ASSERT_EQUAL(compare(&a, &far), EVIDENCE_NONE);
        far.disruptions = 0;
        far.timescale = REPORT_MESH_TIME; /* it joined UTC, or lost it */
        far.timescale_id = 5;
        CU_ASSERT_EQUAL(compare(&a, &far), EVIDENCE_NONE);
        far.timescale = REPORT_UTC;
        far.timescale_id = 0;
        far.before_f28 = REPORT_WIDTH_UNBOUNDED;
        CU_ASSERT_EQUAL(compare(&a, &far), EVIDENCE_NONE);
    }
}

/* The bound that is known, carried on by a crystal that is off by as much as any, over an hour. */
static void test_crystal(void)
{
    struct report a = made(1, 7, 0, 0);
    struct report b = made(1, 8, 3600 * NS_PER_S, 3600 * INT64_C(900000));
    CU_ASSERT_EQUAL(compare(&a, &b), EVIDENCE_NONE);
    struct report c = made(1, 8, 3600 * NS_PER_S, 3600 * INT64_C(1100000));
    CU_ASSERT_EQUAL(compare(&a, &c), EVIDENCE_INTERVALS);
}

static void test_causality(void)
{
    struct report before = made(1, 7, 10 * NS_PER_S, 0);
    struct report after = made(2, 3, 10 * NS_PER_S, -3 * NS_PER_MS);
    CU_ASSERT_FALSE(evidence_is_acausal(&before, &after));
    after = made(2, 3, 10 * NS_PER_S, -5 * NS_PER_MS);
    CU_ASSERT_TRUE(evidence_is_acausal(&before, &after));
    /* The other way round proves nothing: a report may be read at any later time. */
    CU_ASSERT_FALSE(evidence_is_acausal(&after, &before));
    after.timescale = REPORT_MESH_TIME;
    CU_ASSERT_FALSE(evidence_is_acausal(&before, &after));
}

static struct evidence_finding add(struct evidence_store *store, const struct report *report,
                                   struct mono now)
{
    uint8_t octets[REPORT_PAYLOAD_MAX], signature[IDENTITY_SIGNATURE_SIZE] = {0};
    size_t size = report_write(octets, sizeof(octets), report);
    struct evidence_report packed;
    struct evidence_finding finding;
    CU_ASSERT_TRUE_FATAL(evidence_pack(report, bytes_make(octets, size), signature, now, &packed));
    evidence_add(store, report, &packed, &finding);
    return finding;
}

/* b saw a, c saw b: that c is from before a shows along the chain. */
static void test_chain(void)
{
    static struct evidence_store store;
    memset(&store, 0, sizeof(store));
    uint8_t digest[SECRET_SIZE];
    struct report a = made(1, 1, 10 * NS_PER_S, 0);
    struct report b = made(2, 1, 10 * NS_PER_S, -3 * NS_PER_MS);
    struct report c = made(3, 1, 10 * NS_PER_S, -6 * NS_PER_MS);
    digest_of(&a, digest);
    memcpy(b.previous, digest, sizeof(b.previous));
    digest_of(&b, digest);
    memcpy(c.previous, digest, sizeof(c.previous));
    CU_ASSERT_EQUAL(add(&store, &a, (struct mono){1}).kind, EVIDENCE_NONE);
    CU_ASSERT_EQUAL(add(&store, &b, (struct mono){2}).kind, EVIDENCE_NONE);
    struct evidence_finding finding = add(&store, &c, (struct mono){3});
    CU_ASSERT_EQUAL(finding.kind, EVIDENCE_CAUSALITY);
    CU_ASSERT_EQUAL(finding.other.author, 1);
    CU_ASSERT_EQUAL_FATAL(finding.between_count, 1);
    CU_ASSERT_EQUAL(finding.between[0].author, 2);
    /* Known already: nothing new. */
    CU_ASSERT_EQUAL(add(&store, &c, (struct mono){4}).kind, EVIDENCE_NONE);
    CU_ASSERT_EQUAL(evidence_newest(&store, 3)->came.ns, 3);
    CU_ASSERT_PTR_NULL(evidence_newest(&store, 4));
}

/* However many are added, each author keeps few, and the newest. */
static void test_store(void)
{
    static struct evidence_store store;
    memset(&store, 0, sizeof(store));
    for (int64_t i = 1; i <= 1000; i++) {
        struct report report = made((uint64_t)(i % 20) + 1, (uint32_t)i, i * NS_PER_S, 0);
        CU_ASSERT_EQUAL(add(&store, &report, (struct mono){i}).kind, EVIDENCE_NONE);
    }
    for (uint64_t author = 1; author <= 20; author++) {
        size_t count = 0;
        for (size_t i = 0; i < EVIDENCE_REPORTS_MAX; i++) {
            count += store.reports[i].author == author;
        }
        CU_ASSERT_TRUE(count > 0 && count <= EVIDENCE_PER_AUTHOR_MAX);
        CU_ASSERT_TRUE(evidence_newest(&store, author)->came.ns > 980);
    }
}

static const struct unit_case cases[] = {
    {"equivocation", test_equivocation}, {"stamps", test_stamps},
    {"intervals", test_intervals},       {"a bad crystal", test_crystal},
    {"causality", test_causality},       {"a chain", test_chain},
    {"the store", test_store},
};
UNIT_MAIN("evidence", cases)
