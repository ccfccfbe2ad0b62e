/* SPDX-License-Identifier: MIT */
/* Verdicts: what is thought of members, and why. */
#include "common/mesh/mesh_inner.h"
#include <stdio.h>
#include <string.h>

#define ACCUSATION_SIZE 12
#define ACCUSATION_LIFE_NS (1000 * NS_PER_S)
#define ACCUSATION_AGAIN_NS (64 * NS_PER_S)
#define DAY_NS (86400 * NS_PER_S)

uint8_t mesh_judge_state(const struct mesh *mesh, size_t member)
{
    const struct mesh_contact *contact = mesh_contact_of(mesh, member);
    return contact != NULL ? (uint8_t)verdict_state(&contact->verdict) : VERDICT_NEW;
}

const char *mesh_name_of(const struct mesh *mesh, size_t member, char text[IDENTITY_ID_TEXT_MAX])
{
    const struct mesh_member *known = &mesh->members[member];
    if (known->option != MESH_NOBODY) {
        return mesh->options.members[known->option].name;
    }
    return identity_id_format(known->id, text);
}

/* How many it accused within a day: whoever accuses more than may lie has no vote. */
static size_t count_accused(const struct mesh_contact *contact, struct mono now)
{
    size_t count = 0;
    for (size_t i = 0; i < MESH_ACCUSATIONS_MAX; i++) {
        const struct mesh_accusation *accusation = &contact->accusations[i];
        count += accusation->of != 0 && now.ns - accusation->first.ns < DAY_NS;
    }
    return count;
}

static bool accuses(const struct mesh_contact *contact, uint64_t id, struct mono now)
{
    for (size_t i = 0; i < MESH_ACCUSATIONS_MAX; i++) {
        const struct mesh_accusation *accusation = &contact->accusations[i];
        if (accusation->of == id && now.ns - accusation->last.ns < ACCUSATION_LIFE_NS) {
            return true;
        }
    }
    return false;
}

bool mesh_judge_has_vote(const struct mesh *mesh, size_t member)
{
    return member != MESH_NOBODY && mesh->members[member].is_seated;
}

/* By f + 1 different members of the view, of whom one at least is honest: of a large mesh more than
 * f may lie, and whoever wants to can ask us. */
static bool is_accused(const struct mesh *mesh, uint64_t id, struct mono now)
{
    size_t accusers = 0;
    for (size_t i = 0; i < MESH_CONTACTS_MAX; i++) {
        const struct mesh_contact *contact = mesh->contacts[i];
        if (contact != NULL && mesh_judge_has_vote(mesh, contact->member) &&
            verdict_state(&contact->verdict) != VERDICT_CONVICTED &&
            count_accused(contact, now) <= mesh->options.faults) {
            accusers += accuses(contact, id, now);
        }
    }
    return accusers > mesh->options.faults;
}

/* Our own word, to all that we ask. */
static void accuse(struct mesh *mesh, const struct mesh_contact *contact, struct mono now)
{
    uint8_t body[ACCUSATION_SIZE] = {0};
    bytes_put_u64(body, mesh->members[contact->member].id);
    body[8] = (uint8_t)verdict_state(&contact->verdict);
    mesh_post(mesh, 0, REPORT_ACCUSATION, bytes_make(body, sizeof(body)), now);
}

void mesh_judge_tell(struct mesh *mesh, struct mesh_contact *contact, struct mono now,
                     struct actions *out)
{
    char text[IDENTITY_ID_TEXT_MAX];
    if (!verdict_take_change(&contact->verdict)) {
        return;
    }
    enum verdict_state state = verdict_state(&contact->verdict);
    bool is_bad = state == VERDICT_EXCLUDED || state == VERDICT_CONVICTED;
    actions_report(out, is_bad ? REPORT_WARNING : REPORT_INFO, "mesh: %s is %s: %s",
                   mesh_name_of(mesh, contact->member, text), verdict_state_name(state),
                   contact->verdict.cause != NULL ? contact->verdict.cause : "");
    if (is_bad) {
        accuse(mesh, contact, now);
    }
}

/* Since it was judged last. A new run counts them from 0, and is one itself; the first that we hear
 * of is none. Who looks for the time jumps until it has found it: what was vouched for by nothing
 * is not escaped from either. */
static uint16_t take_disruptions(struct mesh_contact *contact)
{
    const struct report *report = &contact->report;
    bool is_bounded = report_is_bounded(report);
    bool is_same_run = report->incarnation == contact->judged_incarnation;
    bool has_vouched = contact->has_vouched;
    uint16_t count = (uint16_t)(report->disruptions - contact->judged_disruptions);
    if (!is_same_run) {
        has_vouched = contact->judged_incarnation != 0;
        count = is_bounded && report->disruptions < UINT16_MAX ? report->disruptions : 0;
        count = (uint16_t)(count + 1);
    }
    contact->has_vouched = is_bounded || (has_vouched && count == 0);
    contact->judged_incarnation = report->incarnation;
    contact->judged_disruptions = report->disruptions;
    return has_vouched ? count : 0;
}

void mesh_tried(struct mesh *mesh, uint64_t id, enum member_trial trial, struct reading now,
                struct actions *out)
{
    struct mesh_contact *contact = mesh_contact_of(mesh, mesh_find(mesh, id));
    if (contact == NULL) {
        return;
    }
    struct graph_finding finding;
    mesh_graph_look(mesh, contact->member, &finding);
    struct verdict_round round = {
        .trial = contact->is_ahead || finding.is_two_faced ? TRIAL_MISS : trial,
        .is_verified = contact->has_report,
        .is_accused = is_accused(mesh, id, now.mono),
        .disruptions = take_disruptions(contact),
    };
    contact->is_ahead = false;
    verdict_round(&contact->verdict, now.mono, &round);
    mesh_judge_tell(mesh, contact, now.mono, out);
}

/* By its name or its id. */
static size_t find_member(const struct mesh *mesh, const char *wanted)
{
    char name[IDENTITY_ID_TEXT_MAX], id[IDENTITY_ID_TEXT_MAX];
    for (size_t i = 0; i < mesh->count; i++) {
        if (strcmp(mesh_name_of(mesh, i, name), wanted) == 0 ||
            strcmp(identity_id_format(mesh->members[i].id, id), wanted) == 0) {
            return i;
        }
    }
    return MESH_NOBODY;
}

/* Nor do others' words of before count: whoever still thinks so says it again. */
static void forget(struct mesh *mesh, struct mesh_contact *contact)
{
    for (size_t i = 0; i < MESH_CONTACTS_MAX; i++) {
        struct mesh_contact *other = mesh->contacts[i];
        for (size_t j = 0; other != NULL && j < MESH_ACCUSATIONS_MAX; j++) {
            if (other->accusations[j].of == mesh->members[contact->member].id) {
                other->accusations[j] = (struct mesh_accusation){.of = 0};
            }
        }
    }
    memset(contact->contradictors, 0, sizeof(contact->contradictors));
    contact->is_ahead = false;
}

void mesh_readmit(struct mesh *mesh, const char *member, struct mono now, struct actions *out)
{
    char text[IDENTITY_ID_TEXT_MAX];
    size_t index = find_member(mesh, member);
    struct mesh_contact *contact = index != MESH_NOBODY ? mesh_contact_of(mesh, index) : NULL;
    if (contact == NULL) {
        actions_reply(out, false, "%.64s: %s; 'chime mesh' lists the members", member,
                      index == MESH_NOBODY
                          ? "no member of the mesh has that name or id"
                          : "nothing is known of that member, and so nothing is held "
                            "against it");
        return;
    }
    const char *name = mesh_name_of(mesh, index, text);
    unsigned epoch = contact->convicted_epoch;
    enum verdict_state before = verdict_state(&contact->verdict);
    if (before == VERDICT_CONVICTED && mesh->members[index].epoch <= epoch) {
        actions_reply(
            out, false,
            "%s was convicted of what its key signed in epoch %u, and has shown no later one: "
            "end all that uses the key, then run 'chime keygen --node --next-epoch' there, start "
            "its chimed, and ask again when 'chime mesh' shows its new epoch",
            name, epoch);
        return;
    }
    verdict_readmit(&contact->verdict, now);
    forget(mesh, contact);
    mesh_judge_tell(mesh, contact, now, out);
    actions_reply(out, true, "%s was %s, and begins anew", name, verdict_state_name(before));
}

void mesh_judge_maintain(struct mesh *mesh, const struct mesh_outlook *outlook, struct mono now,
                         struct actions *out)
{
    struct verdict_tally tally = {.states = {0}};
    for (size_t i = 0; i < MESH_CONTACTS_MAX; i++) {
        struct mesh_contact *contact = mesh->contacts[i];
        if (contact != NULL && mesh_is_member(mesh, contact->member)) {
            /* Of a large mesh those that are asked: others can't answer either. */
            if (mesh_judge_has_vote(mesh, contact->member) ||
                mesh->count <= mesh->options.view_size) {
                verdict_count(&tally, &contact->verdict);
            }
            mesh_judge_tell(mesh, contact, now, out);
            mesh_evidence_age(mesh, contact, now);
        }
    }
    mesh->budget = verdict_budget(&tally, (unsigned)mesh_total(mesh), mesh->options.faults);
    if (mesh->budget.is_spent != mesh->is_degraded) {
        actions_report(out, mesh->budget.is_spent ? REPORT_WARNING : REPORT_NOTICE,
                       mesh->budget.is_spent
                           ? "mesh: the fault budget is spent: %u of %u members are excluded, "
                             "convicted or unreachable, and at most %u may be; the interval grows "
                             "until enough are back ('chime mesh' says who)"
                           : "mesh: the fault budget holds again: %u of %u members are excluded, "
                             "convicted or unreachable, and at most %u may be",
                       mesh->budget.lost, (unsigned)mesh_total(mesh), mesh->options.faults);
    }
    mesh->is_degraded = mesh->budget.is_spent;
    mesh_graph_run(mesh, outlook, now);
}

bool mesh_is_spent(const struct mesh *mesh)
{
    return mesh->is_degraded;
}

size_t mesh_verdicts(const struct mesh *mesh, struct member_verdict verdicts[MESH_VIEW_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < mesh->count && count < MESH_VIEW_MAX; i++) {
        const struct mesh_contact *contact = mesh_contact_of(mesh, i);
        if (!mesh->members[i].is_seated || contact == NULL) {
            continue;
        }
        enum member_weight weight = verdict_weight(&contact->verdict);
        if (contact->is_other_membership && weight != MEMBER_CONVICTED) {
            weight = MEMBER_WATCHED;
        }
        struct graph_finding finding;
        mesh_graph_look(mesh, i, &finding);
        verdicts[count++] =
            (struct member_verdict){.id = mesh->members[i].id,
                                    .weight = weight,
                                    .is_only_silent = !contact->is_other_membership &&
                                                      verdict_is_only_silent(&contact->verdict),
                                    .asymmetry_ns = finding.asymmetry_ns};
    }
    return count;
}

struct mesh_accusation *mesh_judge_find(struct mesh_accusation accusations[MESH_ACCUSATIONS_MAX],
                                        uint64_t id)
{
    struct mesh_accusation *place = &accusations[0];
    for (size_t i = 0; i < MESH_ACCUSATIONS_MAX; i++) {
        struct mesh_accusation *accusation = &accusations[i];
        if (accusation->of == id) {
            return accusation;
        }
        place = accusation->last.ns < place->last.ns ? accusation : place;
    }
    return place;
}

enum mesh_post_verdict mesh_judge_accusation(struct mesh *mesh, struct mesh_contact *contact,
                                             struct bytes body, struct mono now,
                                             struct actions *out)
{
    (void)out;
    if (body.size != ACCUSATION_SIZE || bytes_u8(body, 8) > VERDICT_UNREACHABLE) {
        return MESH_POST_FORM;
    }
    uint64_t id = bytes_u64(body, 0);
    if (id == mesh->members[contact->member].id ||
        (id != mesh->id && mesh_find(mesh, id) == MESH_NOBODY)) {
        return MESH_POST_REFUSED;
    }
    struct mesh_accusation *accusation = mesh_judge_find(contact->accusations, id);
    if (accusation->of == id && now.ns - accusation->last.ns < ACCUSATION_AGAIN_NS) {
        return MESH_POST_AGAIN;
    }
    if (accusation->of != id) {
        *accusation = (struct mesh_accusation){.of = id, .first = now};
    }
    accusation->last = now;
    return MESH_POST_TAKEN;
}
