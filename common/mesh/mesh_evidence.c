/* SPDX-License-Identifier: MIT */
/* What reports prove, and how that is passed on. */
#include "common/mesh/mesh_inner.h"
#include <string.h>

#define ITEM_OVERHEAD (2 + IDENTITY_SIGNATURE_SIZE)
#define CONTRADICTION_LIFE_NS (3600 * NS_PER_S)
#define TWINS_AGAIN_NS (600 * NS_PER_S)
/* One relay in so many rounds of upkeep: each costs its readers two verifications. */
#define RELAY_ROUNDS 8

static size_t put_report(uint8_t *out, const struct evidence_report *kept)
{
    bytes_put_u16(out, kept->size);
    memcpy(out + 2, kept->octets, kept->size);
    memcpy(out + 2 + kept->size, kept->signature, IDENTITY_SIGNATURE_SIZE);
    return ITEM_OVERHEAD + kept->size;
}

static void post_reports(struct mesh *mesh, const struct evidence_report *first,
                         const struct evidence_report *second, struct mono now)
{
    uint8_t body[2 * (ITEM_OVERHEAD + EVIDENCE_REPORT_SIZE_MAX)];
    _Static_assert(sizeof(body) <= MESH_LETTER_MAX, "a proof fits a letter");
    size_t size = put_report(body, first);
    size += second != NULL ? put_report(body + size, second) : 0;
    mesh_post(mesh, 0, REPORT_EVIDENCE, bytes_make(body, size), now);
}

void mesh_evidence_relay(struct mesh *mesh, struct mono now)
{
    if (++mesh->maintained % RELAY_ROUNDS != 0 || mesh->count < 2) {
        return;
    }
    size_t member = random_below(mesh->random, (uint32_t)mesh->count);
    const struct evidence_report *newest =
        evidence_newest(&mesh->evidence, mesh->members[member].id);
    if (newest != NULL) {
        post_reports(mesh, newest, NULL, now);
    }
}

/* Is a verdict founded on it? */
static bool stands(const struct mesh *mesh, const struct mesh_proof *proof)
{
    for (size_t i = 0; i < MESH_CONTACTS_MAX && proof->number > 0; i++) {
        const struct mesh_contact *contact = mesh->contacts[i];
        if (contact != NULL && contact->verdict.evidence == proof->number) {
            return true;
        }
    }
    return false;
}

/* A free place, or that of the oldest on which no verdict is founded; of the oldest if all are. */
static struct mesh_proof *find_place(struct mesh *mesh)
{
    struct mesh_proof *oldest = &mesh->proofs[0], *idle = NULL;
    for (size_t i = 0; i < MESH_PROOFS_MAX; i++) {
        struct mesh_proof *proof = &mesh->proofs[i];
        oldest = proof->number < oldest->number ? proof : oldest;
        if ((idle == NULL || proof->number < idle->number) && !stands(mesh, proof)) {
            idle = proof;
        }
    }
    return idle != NULL ? idle : oldest;
}

/* A proof is found once. */
static uint32_t keep_proof(struct mesh *mesh, const struct evidence_finding *finding,
                           const struct evidence_report *newest)
{
    struct mesh_proof *place = find_place(mesh);
    place->number = ++mesh->proof_count;
    place->kind = finding->kind;
    place->count = 0;
    place->reports[place->count++] = finding->other;
    for (size_t i = 0; i < finding->between_count; i++) {
        place->reports[place->count++] = finding->between[i];
    }
    place->reports[place->count++] = *newest;
    return place->number;
}

/* Of two, is the first signed no later than the second? */
static bool is_no_later(const struct mesh_held *first, const struct mesh_held *second)
{
    if (first->epoch != second->epoch) {
        return first->epoch < second->epoch; /* runs are counted in each anew */
    }
    if (first->incarnation != second->incarnation) {
        return first->incarnation < second->incarnation;
    }
    return first->sequence <= second->sequence;
}

static struct mesh_held place_of(const struct report *report)
{
    return (struct mesh_held){.epoch = report->key_epoch,
                              .incarnation = report->incarnation,
                              .sequence = report->sequence};
}

/* Was it signed no later than what its author was last excluded for, or more than an hour ago? Old
 * evidence can be told again by whoever has kept it, and would hold for ever against who was wrong
 * once, and against those whom that one contradicted. */
static bool is_served(const struct mesh *mesh, size_t author, const struct report *report)
{
    struct mesh_held place = place_of(report);
    return is_no_later(&place, &mesh->members[author].held);
}

static void advance(struct mesh_held *held, const struct mesh_held *place)
{
    if (!is_no_later(place, held)) {
        *held = *place;
    }
}

void mesh_evidence_age(struct mesh *mesh, const struct mesh_contact *contact, struct mono now)
{
    struct mesh_member *member = &mesh->members[contact->member];
    if (!contact->has_report ||
        (member->aged.ns != 0 && now.ns - member->aged.ns < CONTRADICTION_LIFE_NS)) {
        return;
    }
    struct mesh_held heard = place_of(&contact->report);
    if (member->aged.ns == 0) {
        /* Of what came before its first word to us nobody knows the age. */
        member->aging = heard;
        member->aging.sequence -= heard.sequence > 0;
    }
    advance(&member->held, &member->aging);
    member->aging = heard;
    member->aged = now;
}

/* As far as we heard it ourselves, newest or not NULL just now: by a report that is told as
 * evidence alone, with a number far ahead, its author would be rid of all that it signs later. */
static void hold(struct mesh *mesh, const struct mesh_contact *contact, const struct report *newest)
{
    const struct report *heard = contact->has_report ? &contact->report : NULL;
    heard = newest != NULL ? newest : heard;
    if (heard != NULL) {
        struct mesh_held place = place_of(heard);
        advance(&mesh->members[contact->member].held, &place);
    }
}

static void exclude(struct mesh *mesh, struct mesh_contact *contact, enum evidence_kind kind,
                    uint32_t proof, struct mono now, struct actions *out)
{
    verdict_exclude(&contact->verdict, now, evidence_kind_name(kind), proof);
    mesh_judge_tell(mesh, contact, now, out);
}

/* A report of the one author that contradicts one of the other. */
struct contradiction {
    const struct report *report;
    uint64_t other;
    uint32_t proof;
    bool is_heard; /* from its author itself, just now */
};

/* Of two authors whose reports contradict each other one is wrong; who does so with f + 1 of the
 * view is. */
static void contradict(struct mesh *mesh, struct mesh_contact *contact,
                       const struct contradiction *found, struct mono now, struct actions *out)
{
    if (contact == NULL || is_served(mesh, contact->member, found->report) ||
        !mesh_judge_has_vote(mesh, mesh_find(mesh, found->other))) {
        return;
    }
    struct mesh_accusation *place = mesh_judge_find(contact->contradictors, found->other);
    *place = (struct mesh_accusation){.of = found->other, .first = now, .last = now};
    size_t count = 0;
    for (size_t i = 0; i < MESH_ACCUSATIONS_MAX; i++) {
        const struct mesh_accusation *contradictor = &contact->contradictors[i];
        count += contradictor->of != 0 && now.ns - contradictor->last.ns < CONTRADICTION_LIFE_NS &&
                 mesh_judge_has_vote(mesh, mesh_find(mesh, contradictor->of));
    }
    if (count > mesh->options.faults) {
        exclude(mesh, contact, EVIDENCE_CAUSALITY, found->proof, now, out);
        hold(mesh, contact, found->is_heard ? found->report : NULL);
        memset(contact->contradictors, 0, sizeof(contact->contradictors));
    }
}

/* The other report of a finding; an author of its own may have no contact. */
static bool is_news(struct mesh *mesh, size_t author, const struct evidence_finding *finding,
                    const struct report *report, struct report *before)
{
    struct bytes field = bytes_make(finding->other.octets, finding->other.size);
    if (report_read(field, before) != REPORT_OK) {
        return false;
    }
    if (finding->kind == EVIDENCE_EQUIVOCATION || !is_served(mesh, author, report)) {
        return true;
    }
    size_t other = mesh_find(mesh, before->node);
    return other != MESH_NOBODY && !is_served(mesh, other, before);
}

bool mesh_judge_report(struct mesh *mesh, size_t author, const struct report *report,
                       const struct evidence_report *signed_report, bool is_heard,
                       struct actions *out)
{
    struct evidence_finding finding;
    struct report before;
    struct mono now = signed_report->came;
    evidence_add(&mesh->evidence, report, signed_report, &finding);
    if (finding.kind == EVIDENCE_NONE || !is_news(mesh, author, &finding, report, &before)) {
        return false;
    }
    /* Now, and not for whatever is told of it, it may take another one's place. */
    struct mesh_contact *contact = mesh_contact_make(mesh, author, now);
    if (contact == NULL) {
        return false;
    }
    uint32_t proof = keep_proof(mesh, &finding, signed_report);
    if (finding.kind == EVIDENCE_EQUIVOCATION) {
        contact->convicted_epoch = report->key_epoch;
        verdict_convict(&contact->verdict, now, proof);
        mesh_judge_tell(mesh, contact, now, out);
        post_reports(mesh, &finding.other, signed_report, now);
        return true;
    }
    if (finding.kind == EVIDENCE_CAUSALITY) {
        struct mesh_contact *other = mesh_contact_of(mesh, mesh_find(mesh, before.node));
        struct contradiction ours = {
            .report = report, .other = before.node, .proof = proof, .is_heard = is_heard};
        struct contradiction theirs = {.report = &before, .other = report->node, .proof = proof};
        contradict(mesh, contact, &ours, now, out);
        contradict(mesh, other, &theirs, now, out);
        return false;
    }
    exclude(mesh, contact, finding.kind, proof, now, out);
    hold(mesh, contact, is_heard ? report : NULL);
    return false;
}

void mesh_judge_twins(struct mesh *mesh, struct mesh_contact *contact, struct mono now,
                      struct actions *out)
{
    char text[IDENTITY_ID_TEXT_MAX];
    if (contact->twins.ns == 0 || now.ns - contact->twins.ns > TWINS_AGAIN_NS) {
        actions_report(out, REPORT_WARNING,
                       "mesh: %s is one identity, two processes: an older run of it goes on beside "
                       "a newer one; stop one of them, and make each node a key of its own "
                       "('chime keygen --node')",
                       mesh_name_of(mesh, contact->member, text));
    }
    contact->twins = now;
}

/* One report of the body; false: it is none, of nobody known, of an old epoch, or not signed. */
static bool take_report(struct mesh *mesh, struct bytes body, size_t *offset, struct mono now,
                        struct report *report, struct evidence_report *packed)
{
    if (body.size - *offset < ITEM_OVERHEAD) {
        return false;
    }
    size_t size = bytes_u16(body, *offset);
    if (size > EVIDENCE_REPORT_SIZE_MAX || body.size - *offset < ITEM_OVERHEAD + size) {
        return false;
    }
    struct bytes field = bytes_slice(body, *offset + 2, size);
    const uint8_t *signature = body.data + *offset + 2 + size;
    *offset += ITEM_OVERHEAD + size;
    if (report_read(field, report) != REPORT_OK) {
        return false;
    }
    /* What a key signed in an epoch that is over proves nothing any more. */
    size_t member = mesh_find(mesh, report->node);
    return mesh_is_member(mesh, member) && report->key_epoch >= mesh->members[member].epoch &&
           identity_scheme_verify(mesh->options.scheme, &mesh->members[member].key, IDENTITY_REPORT,
                                  field, signature) &&
           evidence_pack(report, field, signature, now, packed);
}

enum mesh_post_verdict mesh_judge_evidence(struct mesh *mesh, struct mesh_contact *contact,
                                           struct bytes body, struct mono now, struct actions *out)
{
    size_t offset = 0;
    (void)contact;
    while (offset < body.size) {
        struct report report;
        struct evidence_report packed;
        if (!take_report(mesh, body, &offset, now, &report, &packed)) {
            return MESH_POST_REFUSED;
        }
        size_t author = mesh_find(mesh, report.node);
        (void)mesh_judge_report(mesh, author, &report, &packed, false, out);
    }
    return body.size > 0 ? MESH_POST_TAKEN : MESH_POST_FORM;
}
