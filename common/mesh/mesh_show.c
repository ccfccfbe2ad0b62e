/* SPDX-License-Identifier: MIT */
#include "common/mesh/mesh_show.h"
#include "common/mesh/mesh_inner.h"
#include "common/mesh/proof.h"
#include <stdio.h>
#include <string.h>

static int64_t age(struct mono now, struct mono at)
{
    return now.ns - at.ns;
}

static void show_report(const struct mesh_contact *contact, struct mono now,
                        struct mesh_status_member *shown)
{
    const struct report *report = &contact->report;
    shown->report_age_ns = MESH_STATUS_NEVER;
    if (!contact->has_report) {
        return;
    }
    shown->report_age_ns = age(now, contact->reported);
    shown->membership_epoch = report->membership;
    shown->is_other_membership = contact->is_other_membership;
    shown->timescale = report->timescale == REPORT_UTC ? TIMESCALE_UTC : TIMESCALE_MESH;
    shown->hops = report->hops;
    shown->disruptions = report->disruptions;
    shown->is_bounded = report_is_bounded(report);
    if (shown->is_bounded) {
        shown->before_ns = report_width_to_ns(report->before_f28);
        shown->after_ns = report_width_to_ns(report->after_f28);
    }
}

static void show_contact(const struct mesh_contact *contact, struct mono now,
                         struct mesh_status_member *shown)
{
    const struct verdict *verdict = &contact->verdict;
    shown->is_known = true;
    shown->has_session = pairing_has_session(&contact->pairing, now);
    shown->state = verdict_state_name(verdict_state(verdict));
    shown->cause = verdict->cause;
    shown->state_age_ns = age(now, verdict->since);
    shown->evidence = verdict->evidence;
    shown->heard_age_ns = age(now, contact->heard);
    for (size_t i = 0; i < MESH_VERDICTS; i++) {
        if (i == MESH_TIME) {
            shown->accepted = contact->counts[i];
        } else if (i != MESH_HANDLED) {
            shown->dropped += contact->counts[i];
        }
    }
    show_report(contact, now, shown);
}

static void show_finding(const struct mesh *mesh, size_t index, struct mesh_status_member *shown)
{
    struct graph_finding finding;
    mesh_graph_look(mesh, index, &finding);
    shown->loops = finding.loops;
    shown->asymmetry_ns = finding.estimate_ns;
    shown->asymmetry_sd_ns = finding.sd_ns;
    shown->corrected_ns = finding.asymmetry_ns;
    shown->is_two_faced = finding.is_two_faced;
    shown->is_suspected = finding.is_suspected;
}

static void show_member(const struct mesh *mesh, size_t index, struct mono now,
                        struct mesh_status_member *shown)
{
    const struct mesh_member *member = &mesh->members[index];
    const struct mesh_contact *contact = mesh_contact_of(mesh, index);
    char text[IDENTITY_ID_TEXT_MAX];
    *shown = (struct mesh_status_member){.id = member->id,
                                         .address = member->address,
                                         .is_asked = member->is_seated,
                                         .is_certified = member->certified != NULL,
                                         .is_revoked = member->is_revoked,
                                         .has_expired = member->has_expired,
                                         .has_left = member->has_left,
                                         .key_epoch = member->epoch,
                                         .incarnation = member->incarnation,
                                         .heard_age_ns = MESH_STATUS_NEVER,
                                         .report_age_ns = MESH_STATUS_NEVER,
                                         .place = MESH_STATUS_NOBODY};
    shown->slot = member->is_seated ? view_slot_name(member->slot) : NULL;
    snprintf(shown->name, sizeof(shown->name), "%s", mesh_name_of(mesh, index, text));
    const char *domain = member->option != MESH_NOBODY
                             ? mesh->options.members[member->option].domain
                         : member->certified != NULL ? member->certified->certificate.node.domain
                                                     : "";
    snprintf(shown->domain, sizeof(shown->domain), "%s", domain);
    if (contact != NULL) {
        show_contact(contact, now, shown);
    }
    show_finding(mesh, index, shown);
}

static void show_hlc(const struct mesh *mesh, struct mesh_status *status)
{
    struct hlc *hlc = (struct hlc *)(uintptr_t)&mesh->hlc; /* it is only read */
    bool is_started = atomic_load(&hlc->is_started);
    bool is_synchronised = atomic_load(&hlc->is_synchronised);
    status->has_hlc = hlc_last(hlc, &status->hlc);
    status->hlc_state = !is_started ? "not started" : is_synchronised ? "running" : "doubtful";
    status->max_offset_ns = mesh->options.max_offset_ns;
}

void mesh_status(const struct mesh *mesh, struct reading now, struct mesh_status *status)
{
    memset(status, 0, sizeof(*status));
    status->now = now;
    status->id = mesh->id;
    status->key_epoch = mesh->options.key_epoch;
    status->incarnation = mesh->options.incarnation;
    status->membership_epoch = mesh->options.membership_epoch;
    status->timescale_id = mesh->options.timescale_id;
    status->is_lost = mesh->options.is_lost;
    status->is_berkeley = mesh->options.algorithm == MESH_BERKELEY;
    status->own = mesh->own;
    status->nodes = mesh->budget.members > 0 ? mesh->budget.members : (unsigned)mesh_total(mesh);
    status->faults = mesh->budget.members > 0 ? mesh->budget.faults : mesh->options.faults;
    status->lost = mesh->budget.lost;
    status->left = mesh->budget.members > 0 ? mesh->budget.left : mesh->options.faults;
    status->is_degraded = mesh->is_degraded;
    show_hlc(mesh, status);
    status->matrix_count = 1;
    _Static_assert(MESH_MEMBERS_MAX <= MESH_STATUS_MEMBERS_MAX, "all members are shown");
    for (size_t i = 0; i < mesh->count; i++) {
        struct mesh_status_member *shown = &status->members[status->count++];
        show_member(mesh, i, now.mono, shown);
        bool is_other = shown->id != mesh->id && mesh_is_member(mesh, i);
        status->choices += is_other;
        status->asked += is_other && shown->is_asked;
        if (shown->is_asked && status->matrix_count < MESH_STATUS_MATRIX_MAX) {
            shown->place = (uint32_t)status->matrix_count++;
        }
    }
    mesh_graph_show(mesh, now.mono, status);
    _Static_assert((int)MESH_VERDICTS <= MESH_STATUS_COUNTS_MAX, "all verdicts are shown");
    for (int i = 0; i < MESH_VERDICTS; i++) {
        status->verdicts[status->verdict_count].name = mesh_verdict_name((enum mesh_verdict)i);
        status->verdicts[status->verdict_count++].count = mesh->counts[i];
    }
}

/* Who vouches for a report's key: its certificate; else the document, if there is one; else nobody
 * but the configuration. */
static void add_author(const struct mesh *mesh, uint64_t id, struct proof_parts *parts)
{
    size_t member = mesh_find(mesh, id);
    if (member == MESH_NOBODY || parts->author_count == PROOF_REPORTS_MAX) {
        return;
    }
    const struct mesh_certified *certified = mesh->members[member].certified;
    bool has_certificate = certified != NULL && certified->size > 0;
    for (size_t i = 0; i < parts->author_count; i++) {
        if (parts->authors[i].id == id) {
            return;
        }
    }
    if (has_certificate || mesh->options.document.size == 0) {
        parts->authors[parts->author_count++] = (struct proof_author){
            .id = id,
            .key = mesh->members[member].key,
            .certificate = has_certificate ? bytes_make(certified->octets, certified->size)
                                           : (struct bytes){NULL, 0},
        };
    }
}

static size_t write_proof(const struct mesh *mesh, const struct mesh_proof *proof, char *out,
                          size_t room)
{
    struct proof_parts parts = {
        .kind = proof->kind, .report_count = proof->count, .document = mesh->options.document};
    _Static_assert(MESH_PROOF_REPORTS_MAX <= PROOF_REPORTS_MAX, "a whole chain fits a proof");
    for (size_t i = 0; i < proof->count; i++) {
        const struct evidence_report *report = &proof->reports[i];
        parts.reports[i] = (struct proof_report){.field = bytes_make(report->octets, report->size),
                                                 .signature = report->signature};
        add_author(mesh, report->author, &parts);
    }
    return proof_write(&parts, out, room);
}

size_t mesh_proof_write(const struct mesh *mesh, uint32_t number, char *out, size_t room)
{
    for (size_t i = 0; i < MESH_PROOFS_MAX && number > 0; i++) {
        if (mesh->proofs[i].number == number) {
            return write_proof(mesh, &mesh->proofs[i], out, room);
        }
    }
    return 0;
}
