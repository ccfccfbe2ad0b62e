/* SPDX-License-Identifier: MIT */
/* What members are convicted of and excluded for, how it is shown to others, and their way back. */
#include "common/mesh/mesh_inner.h"
#include "common/mesh/mesh_show.h"
#include "common/mesh/proof.h"
#include "tests/unit/mesh_world.h"
#include "tests/unit/unit.h"
#include <string.h>

/* What is kept proves to somebody else who the liar is. */
static void check_proof(const struct mesh_world *world, size_t at, enum evidence_kind kind,
                        uint64_t liar)
{
    static char text[PROOF_TEXT_MAX];
    char error[PROOF_ERROR_MAX];
    struct proof *proof = proof_create();
    size_t size = mesh_proof_write(world->nodes[at], 1, text, sizeof(text));
    CU_ASSERT_PTR_NOT_NULL_FATAL(proof);
    CU_ASSERT_TRUE_FATAL(size > 0);
    CU_ASSERT_EQUAL(proof_read(bytes_make(text, size), NULL, NULL, proof, error), PROOF_OK);
    CU_ASSERT_EQUAL(proof->kind, kind);
    CU_ASSERT_EQUAL(proof->accused[0], liar);
    CU_ASSERT_EQUAL(mesh_proof_write(world->nodes[at], 0, text, sizeof(text)), 0);
    CU_ASSERT_EQUAL(mesh_proof_write(world->nodes[at], 1, text, size), 0);
    proof_destroy(proof);
}

static bool has_proof(const struct mesh_world *world, size_t at, uint32_t number)
{
    static char text[PROOF_TEXT_MAX];
    return mesh_proof_write(world->nodes[at], number, text, sizeof(text)) > 0;
}

/* The same number under two reports: its author is convicted, and those who are told know too. */
static void test_equivocation_convicts(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 2, &opened), MESH_TIME);
    size_t total = mesh_total(world.nodes[0]);
    mesh_world_pass(&world, 16 * NS_PER_S);
    /* Its state was copied: it begins with the numbers of before. */
    struct mesh_options options = mesh_world_options(&world, 1);
    mesh_world_start(&world, 1, &options);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 1, 0, &opened), MESH_TIME);
    CU_ASSERT_EQUAL(mesh_world_weight(&world, 0, 1), MEMBER_CONVICTED);
    CU_ASSERT_EQUAL(mesh_total(world.nodes[0]), total);
    CU_ASSERT_NOT_EQUAL(mesh_world_weight(&world, 2, 1), MEMBER_CONVICTED);
    for (int i = 0; i < 4; i++) { /* an accusation and a proof, in fragments */
        mesh_world_pass(&world, 16 * NS_PER_S);
        CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 2, &opened), MESH_TIME);
    }
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 2, 1, &opened), MESH_TIME);
    CU_ASSERT_EQUAL(mesh_world_weight(&world, 2, 1), MEMBER_CONVICTED);
    check_proof(&world, 0, EVIDENCE_EQUIVOCATION, mesh_world_id(&world, 1));
    check_proof(&world, 2, EVIDENCE_EQUIVOCATION, mesh_world_id(&world, 1));
    CU_ASSERT_FALSE(has_proof(&world, 0, 2));
    mesh_world_clear(&world);
}

static bool is_readmitted(struct mesh_world *world, const char *member, const char *words)
{
    world->out.count = 0;
    mesh_readmit(world->nodes[0], member, world->now, &world->out);
    CU_ASSERT_TRUE_FATAL(world->out.count > 0);
    const struct action *last = &world->out.items[world->out.count - 1];
    CU_ASSERT_EQUAL_FATAL(last->kind, ACTION_REPLY);
    CU_ASSERT_PTR_NOT_NULL(strstr(last->reply.text, words));
    return last->reply.is_done;
}

/* Once convicted, it takes a new key epoch and an operator's word, both; what was proved of the old
 * epoch does not come back by others who still tell of it. */
static void test_readmission(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 2, &opened), MESH_TIME);
    CU_ASSERT_FALSE(is_readmitted(&world, "nobody", "no member of the mesh"));
    mesh_world_pass(&world, 16 * NS_PER_S);
    struct mesh_options options = mesh_world_options(&world, 1);
    mesh_world_start(&world, 1, &options);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 1, 0, &opened), MESH_TIME);
    CU_ASSERT_EQUAL(mesh_world_weight(&world, 0, 1), MEMBER_CONVICTED);
    CU_ASSERT_FALSE(is_readmitted(&world, "node-1", "--next-epoch"));
    CU_ASSERT_EQUAL(mesh_world_weight(&world, 0, 1), MEMBER_CONVICTED);

    options.key_epoch++;
    mesh_world_start(&world, 1, &options);
    for (int i = 0; i < 4; i++) { /* 2 hears of the proof, and tells of it */
        mesh_world_pass(&world, 16 * NS_PER_S);
        (void)mesh_world_exchange(&world, 0, 2, &opened);
        (void)mesh_world_exchange(&world, 1, 0, &opened);
    }
    CU_ASSERT_EQUAL(mesh_world_weight(&world, 0, 1), MEMBER_CONVICTED); /* its own word is none */
    CU_ASSERT_TRUE(is_readmitted(&world, "node-1", "was convicted, and begins anew"));
    CU_ASSERT_EQUAL(mesh_world_weight(&world, 0, 1), MEMBER_AT_FIRST);
    for (int i = 0; i < 4; i++) {
        mesh_world_pass(&world, 16 * NS_PER_S);
        (void)mesh_world_exchange(&world, 2, 0, &opened);
        CU_ASSERT_EQUAL(mesh_world_exchange(&world, 1, 0, &opened), MESH_TIME);
    }
    CU_ASSERT_EQUAL(mesh_world_weight(&world, 0, 1), MEMBER_AT_FIRST);
    mesh_world_clear(&world);
}

/* 1 is ahead; 3 sees its report, 2 that of 3, and 0 all of them. */
static void contradict(struct mesh_world *world)
{
    struct mesh_opened opened; /* it is in the future: reports count, and answers don't */
    (void)mesh_world_exchange(world, 0, 1, &opened);
    (void)mesh_world_exchange(world, 3, 1, &opened);
    mesh_world_pass(world, MESH_REPORT_NS);
    (void)mesh_world_exchange(world, 0, 3, &opened);
    (void)mesh_world_exchange(world, 2, 3, &opened);
    mesh_world_pass(world, MESH_REPORT_NS);
    (void)mesh_world_exchange(world, 0, 2, &opened);
}

/* The chain is there to be shown as long as the verdict stands, however many proofs come after it,
 * and when its reports have long given way to newer ones. */
static void test_causality_is_kept(void)
{
    struct mesh_world world;
    uint64_t liar;
    mesh_world_init(&world, 4);
    liar = mesh_world_id(&world, 1);
    world.wrong_ns[1] = 5 * NS_PER_S;
    world.own[3].before_ns = world.own[3].after_ns = 9 * NS_PER_S; /* contradicts nobody */
    for (size_t i = 0; i < 4; i++) {
        struct mesh_options options = mesh_world_options(&world, i);
        options.faults = 0; /* who contradicts one is excluded */
        mesh_world_start(&world, i, &options);
    }
    contradict(&world);
    check_proof(&world, 0, EVIDENCE_CAUSALITY, liar);
    CU_ASSERT_EQUAL(mesh_world_weight(&world, 0, 1), MEMBER_WATCHED);
    for (int i = 0; i < 40 && !has_proof(&world, 0, 40); i++) {
        mesh_world_pass(&world, 16 * NS_PER_S);
        contradict(&world);
    }
    CU_ASSERT_TRUE(has_proof(&world, 0, 40));
    CU_ASSERT_FALSE(has_proof(&world, 0, 2));
    check_proof(&world, 0, EVIDENCE_CAUSALITY, liar);
    mesh_world_clear(&world);
}

static size_t put_evidence(uint8_t *out, const struct evidence_report *kept)
{
    bytes_put_u16(out, kept->size);
    memcpy(out + 2, kept->octets, kept->size);
    memcpy(out + 2 + kept->size, kept->signature, IDENTITY_SIGNATURE_SIZE);
    return 2 + kept->size + IDENTITY_SIGNATURE_SIZE;
}

/* Somebody tells of a whole proof, once more. */
static void tell_again(struct mesh_world *world, const struct mesh_proof *proof)
{
    uint8_t body[MESH_PROOF_REPORTS_MAX * (2 + EVIDENCE_REPORT_SIZE_MAX + IDENTITY_SIGNATURE_SIZE)];
    size_t size = 0;
    for (size_t i = 0; i < proof->count; i++) {
        size += put_evidence(body + size, &proof->reports[i]);
    }
    struct mesh *mesh = world->nodes[0];
    struct mesh_contact *teller = mesh_contact_of(mesh, mesh_find(mesh, mesh_world_id(world, 3)));
    CU_ASSERT_EQUAL(
        mesh_judge_evidence(mesh, teller, bytes_make(body, size), world->now, &world->out),
        MESH_POST_TAKEN);
}

/* Who was wrong once, and was excluded for it, is not for ever, however often it is told again. */
static void test_old_evidence(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 4);
    world.wrong_ns[1] = 5 * NS_PER_S;
    world.own[3].before_ns = world.own[3].after_ns = 9 * NS_PER_S; /* contradicts nobody */
    for (size_t i = 0; i < 4; i++) {
        struct mesh_options options = mesh_world_options(&world, i);
        options.faults = 0; /* who contradicts one is excluded */
        mesh_world_start(&world, i, &options);
    }
    contradict(&world);
    CU_ASSERT_EQUAL(mesh_world_weight(&world, 0, 1), MEMBER_WATCHED);
    struct mesh_proof proof = world.nodes[0]->proofs[0];
    CU_ASSERT_TRUE_FATAL(proof.count >= 2);

    /* It was told right, and began anew. */
    world.wrong_ns[1] = 0;
    struct mesh_options options = mesh_world_options(&world, 1);
    options.incarnation = 2;
    options.faults = 0;
    mesh_world_start(&world, 1, &options);
    mesh_world_pass(&world, 60 * NS_PER_S);
    CU_ASSERT_TRUE(is_readmitted(&world, "node-1", "begins anew"));
    for (int i = 0; i < 6; i++) { /* what was kept gives way */
        mesh_world_pass(&world, 16 * NS_PER_S);
        for (size_t j = 1; j < 4; j++) {
            enum mesh_verdict verdict = mesh_world_exchange(&world, 0, j, &opened);
            CU_ASSERT(verdict == MESH_TIME || i < 3); /* who restarted has lost the session */
        }
    }
    CU_ASSERT_EQUAL(mesh_world_weight(&world, 0, 1), MEMBER_AT_FIRST);
    tell_again(&world, &proof);
    CU_ASSERT_EQUAL(mesh_world_weight(&world, 0, 1), MEMBER_AT_FIRST);
    CU_ASSERT_FALSE(has_proof(&world, 0, 2));
    mesh_world_clear(&world);
}

/* A report of a member's, as it would be written after that one. */
static void judge(struct mesh_world *world, size_t author, struct report *report)
{
    static const uint8_t signature[IDENTITY_SIGNATURE_SIZE];
    struct evidence_report packed;
    uint8_t octets[EVIDENCE_REPORT_SIZE_MAX];
    size_t size = report_write(octets, sizeof(octets), report);
    CU_ASSERT_TRUE_FATAL(
        evidence_pack(report, bytes_make(octets, size), signature, world->now, &packed));
    (void)mesh_judge_report(world->nodes[0], author, report, &packed, false, &world->out);
}

/* Who is told of has no place that another one had, unless it has lied. */
static void test_told_of_takes_no_place(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 4);
    mesh_world_start_all(&world);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    struct mesh *mesh = world.nodes[0];
    size_t first = mesh->count;
    for (uint64_t i = 0; i <= MESH_CONTACTS_MAX; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(
            mesh_admit(mesh, identity_public_key(world.identities[1]), (i + 1) << 32));
    }
    size_t stranger = mesh->count - 1;
    for (size_t i = first; i < stranger; i++) {
        (void)mesh_contact_make(mesh, i, world.now);
    }
    mesh_world_pass(&world, NS_PER_S);
    for (size_t i = 0; i < MESH_CONTACTS_MAX; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(mesh->contacts[i]);
    }
    struct report report = mesh_contact_of(mesh, mesh_find(mesh, mesh_world_id(&world, 1)))->report;
    report.node = mesh->members[stranger].id;
    judge(&world, stranger, &report);
    report.sequence += 1000000;
    report.incarnation++;
    report.as_of += UINT64_C(5) << 32;
    judge(&world, stranger, &report);
    CU_ASSERT_PTR_NULL(mesh_contact_of(mesh, stranger));
    report.incarnation--;
    judge(&world, stranger, &report);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mesh_contact_of(mesh, stranger));
    CU_ASSERT_EQUAL(verdict_state(&mesh_contact_of(mesh, stranger)->verdict), VERDICT_EXCLUDED);
    mesh_world_clear(&world);
}

/* One was wrong once, and another one contradicted it; much later a liar is contradicted by the
 * same. It tells the old pair again: at no time was more than one wrong. */
static void test_old_evidence_is_old(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 4);
    for (size_t i = 0; i < 4; i++) {
        struct mesh_options options = mesh_world_options(&world, i);
        options.faults = 1;
        mesh_world_start(&world, i, &options);
    }
    world.wrong_ns[1] = 5 * NS_PER_S;
    for (size_t i = 0; i < 4; i++) {
        (void)(i != 1 && mesh_world_exchange(&world, i, 1, &opened));
    }
    mesh_world_pass(&world, MESH_REPORT_NS);
    (void)mesh_world_exchange(&world, 0, 2, &opened);
    (void)mesh_world_exchange(&world, 3, 2, &opened);
    struct mesh_proof kept = {.count = 2};
    kept.reports[0] = *evidence_newest(&world.nodes[3]->evidence, mesh_world_id(&world, 1));
    kept.reports[1] = *evidence_newest(&world.nodes[3]->evidence, mesh_world_id(&world, 2));
    world.wrong_ns[1] = 0;
    world.own[1].epoch++;
    for (int i = 0; i < 12; i++) {
        mesh_world_pass(&world, i < 6 ? 3000 * NS_PER_S : 16 * NS_PER_S);
        for (size_t pair = 0; pair < 16; pair++) {
            (void)(pair / 4 != pair % 4 &&
                   mesh_world_exchange(&world, pair / 4, pair % 4, &opened));
        }
        mesh_world_run(&world, 0);
    }
    world.wrong_ns[3] = 5 * NS_PER_S;
    mesh_world_pass(&world, 16 * NS_PER_S);
    (void)mesh_world_exchange(&world, 0, 3, &opened);
    (void)mesh_world_exchange(&world, 2, 3, &opened);
    mesh_world_pass(&world, MESH_REPORT_NS);
    (void)mesh_world_exchange(&world, 0, 2, &opened);
    enum member_weight before = mesh_world_weight(&world, 0, 2);
    CU_ASSERT_NOT_EQUAL(before, MEMBER_WATCHED);
    tell_again(&world, &kept);
    CU_ASSERT_EQUAL(mesh_world_weight(&world, 0, 2), before);
    mesh_world_clear(&world);
}

/* One that signs a report with a number far ahead, and is excluded for it, is not rid of what it
 * signs later. */
static void test_far_ahead(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 4);
    mesh_world_start_all(&world);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    struct mesh *mesh = world.nodes[0];
    struct mesh_contact *contact = mesh_contact_of(mesh, mesh_find(mesh, mesh_world_id(&world, 1)));
    struct report ahead = contact->report;
    ahead.sequence += 1000000;
    ahead.incarnation++;
    ahead.as_of += UINT64_C(5) << 32;
    judge(&world, contact->member, &ahead);
    ahead.incarnation--;
    judge(&world, contact->member, &ahead);
    CU_ASSERT_EQUAL(mesh_world_weight(&world, 0, 1), MEMBER_WATCHED);
    CU_ASSERT_TRUE(is_readmitted(&world, "node-1", "begins anew"));
    world.wrong_ns[1] = 5 * NS_PER_S;
    mesh_world_pass(&world, 16 * NS_PER_S);
    (void)mesh_world_exchange(&world, 0, 1, &opened);
    CU_ASSERT_EQUAL(mesh_world_weight(&world, 0, 1), MEMBER_WATCHED);
    mesh_world_clear(&world);
}

/* Words of those that are not in the view count for nothing: a large mesh may have more liars than
 * a view may. */
static void test_strangers_to_the_view(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 8);
    for (size_t i = 0; i < 8; i++) {
        struct mesh_options options = mesh_world_options(&world, i);
        options.faults = 1;
        options.view_size = i == 0 ? 3 : options.view_size;
        mesh_world_start(&world, i, &options);
    }
    for (size_t i = 1; i < 8; i++) {
        CU_ASSERT_EQUAL(mesh_world_exchange(&world, i, 0, &opened), MESH_TIME);
    }
    struct mesh *mesh = world.nodes[0];
    size_t accused = MESH_NOBODY, seated[3], seats = 0;
    for (size_t i = 0; i < mesh->count; i++) {
        if (mesh->members[i].is_seated && seats < 3) {
            seated[seats++] = i;
        }
    }
    CU_ASSERT_EQUAL_FATAL(seats, 3);
    accused = seated[0];
    uint64_t id = mesh->members[accused].id;
    struct mesh_contact *contact = mesh_contact_of(mesh, accused);
    struct mesh_accusation word = {.of = id, .first = world.now, .last = world.now};
    for (size_t i = 0; i < mesh->count; i++) {
        if (!mesh->members[i].is_seated) {
            mesh_contact_of(mesh, i)->accusations[0] = word;
            verdict_exclude(&mesh_contact_of(mesh, i)->verdict, world.now, "gone", 0);
        }
    }
    world.out.count = 0;
    for (int i = 0; i < 12; i++) {
        mesh_tried(mesh, id, TRIAL_HIT, mesh_world_reading(&world), &world.out);
    }
    CU_ASSERT_EQUAL(verdict_state(&contact->verdict), VERDICT_CANDIDATE);
    /* Nor do those use up what the view may lose. */
    mesh_world_run(&world, 0);
    CU_ASSERT_FALSE(mesh->budget.is_spent);
    mesh_contact_of(mesh, seated[1])->accusations[0] = word;
    mesh_contact_of(mesh, seated[2])->accusations[0] = word;
    for (int i = 0; i < 12; i++) {
        mesh_tried(mesh, id, TRIAL_HIT, mesh_world_reading(&world), &world.out);
    }
    CU_ASSERT_EQUAL(verdict_state(&contact->verdict), VERDICT_EXCLUDED);
    mesh_world_clear(&world);
}

/* UTC appears behind the mesh's own time: logical clocks stand still until it has caught up, and
 * nobody holds that against anybody. */
static void test_clocks_go_back(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 3);
    for (size_t i = 0; i < 3; i++) {
        world.wrong_ns[i] = 500 * NS_PER_S;
    }
    mesh_world_start_all(&world);
    for (size_t i = 0; i < 3; i++) {
        mesh_world_run(&world, i);
        mesh_saved(world.nodes[i], true, world.now);
    }
    (void)mesh_world_exchange(&world, 0, 1, &opened); /* answers of the world show its true time */
    (void)mesh_world_exchange(&world, 0, 2, &opened);
    for (size_t i = 0; i < 3; i++) {
        world.wrong_ns[i] = 0;
        world.own[i].epoch++;
    }
    unsigned answered = 0;
    for (int i = 0; i < 20; i++) {
        mesh_world_pass(&world, 16 * NS_PER_S);
        answered += mesh_world_exchange(&world, 0, 1, &opened) == MESH_TIME;
        answered += mesh_world_exchange(&world, 0, 2, &opened) == MESH_TIME;
    }
    CU_ASSERT(answered >= 2 * 19); /* the first reports of those that went back look late */
    struct mesh *mesh = world.nodes[0];
    for (size_t i = 1; i < 3; i++) {
        size_t member = mesh_find(mesh, mesh_world_id(&world, i));
        CU_ASSERT_EQUAL(mesh_contact_of(mesh, member)->ahead, 0);
    }
    mesh_world_clear(&world);
}

static const struct unit_case cases[] = {
    {"who is told of takes no place", test_told_of_takes_no_place},
    {"old evidence is old", test_old_evidence_is_old},
    {"equivocation convicts", test_equivocation_convicts},
    {"causality is kept", test_causality_is_kept},
    {"readmission", test_readmission},
    {"clocks that go back", test_clocks_go_back},
    {"evidence that is told again", test_old_evidence},
    {"a number far ahead", test_far_ahead},
    {"strangers to the view", test_strangers_to_the_view},
};
UNIT_MAIN("mesh proof", cases)
