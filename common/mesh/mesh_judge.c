/* SPDX-License-Identifier: MIT */
/* Verdicts: what is thought of members, and why. */
#include "common/mesh/mesh_inner.h"
#include <stdio.h>
#include <string.h>

#define ACCUSATION_SIZE 12

uint8_t mesh_judge_state(const struct mesh *mesh, size_t member)
{
    const struct mesh_contact *contact = mesh_contact_of(mesh, member);
    return contact != NULL ? (uint8_t)verdict_state(&contact->verdict) : VERDICT_NEW;
}

/* As a person knows it. */
static const char *name_of(const struct mesh *mesh, size_t member, char text[IDENTITY_ID_TEXT_MAX])
{
    const struct mesh_member *known = &mesh->members[member];
    if (known->option != MESH_NOBODY) {
        return mesh->options.members[known->option].name;
    }
    return identity_id_format(known->id, text);
}

static void tell_change(const struct mesh *mesh, struct mesh_contact *contact, struct actions *out)
{
    char text[IDENTITY_ID_TEXT_MAX];
    if (!verdict_take_change(&contact->verdict)) {
        return;
    }
    enum verdict_state state = verdict_state(&contact->verdict);
    bool is_bad = state == VERDICT_EXCLUDED || state == VERDICT_CONVICTED;
    actions_report(out, is_bad ? REPORT_WARNING : REPORT_INFO, "mesh: %s is %s: %s",
                   name_of(mesh, contact->member, text), verdict_state_name(state),
                   contact->verdict.cause != NULL ? contact->verdict.cause : "");
}

void mesh_tried(struct mesh *mesh, uint64_t id, enum member_trial trial, struct reading now,
                struct actions *out)
{
    struct mesh_contact *contact = mesh_contact_of(mesh, mesh_find(mesh, id));
    if (contact == NULL) {
        return;
    }
    struct verdict_round round = {
        .trial = contact->is_ahead ? TRIAL_MISS : trial,
        .is_verified = contact->has_report,
        .disruptions = (uint16_t)(contact->report.disruptions - contact->judged_disruptions),
    };
    contact->judged_disruptions = contact->report.disruptions;
    contact->is_ahead = false;
    verdict_round(&contact->verdict, now.mono, &round);
    tell_change(mesh, contact, out);
}

void mesh_judge_maintain(struct mesh *mesh, const struct mesh_outlook *outlook, struct mono now,
                         struct actions *out)
{
    (void)outlook;
    (void)now;
    struct verdict_tally tally = {.states = {0}};
    for (size_t i = 0; i < MESH_CONTACTS_MAX; i++) {
        struct mesh_contact *contact = mesh->contacts[i];
        if (contact != NULL) {
            verdict_count(&tally, &contact->verdict);
            tell_change(mesh, contact, out);
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
                       mesh->budget.lost, mesh->budget.members, mesh->budget.faults);
    }
    mesh->is_degraded = mesh->budget.is_spent;
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
        verdicts[count++] = (struct member_verdict){.id = mesh->members[i].id, .weight = weight};
    }
    return count;
}

bool mesh_judge_report(struct mesh *mesh, struct mesh_contact *contact, const struct report *report,
                       struct bytes field, const uint8_t *signature, struct mono now,
                       struct actions *out)
{
    (void)field;
    (void)signature;
    bool is_equivocal = contact->has_report && report->incarnation == contact->report.incarnation &&
                        report->key_epoch == contact->report.key_epoch &&
                        report->sequence == contact->report.sequence;
    if (is_equivocal) {
        verdict_convict(&contact->verdict, now, 0);
        tell_change(mesh, contact, out);
    }
    return is_equivocal;
}

enum mesh_post_verdict mesh_judge_evidence(struct mesh *mesh, struct mesh_contact *contact,
                                           struct bytes body, struct mono now, struct actions *out)
{
    (void)mesh;
    (void)contact;
    (void)body;
    (void)now;
    (void)out;
    return MESH_POST_KIND;
}

enum mesh_post_verdict mesh_judge_accusation(struct mesh *mesh, struct mesh_contact *contact,
                                             struct bytes body, struct mono now,
                                             struct actions *out)
{
    (void)now;
    (void)out;
    (void)contact;
    (void)mesh;
    return body.size == ACCUSATION_SIZE ? MESH_POST_TAKEN : MESH_POST_FORM;
}
