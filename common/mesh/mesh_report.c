/* SPDX-License-Identifier: MIT */
/* What is said of the time: our report, and those of others. */
#include "common/mesh/mesh_inner.h"
#include <math.h>
#include <string.h>

/* An answer's report may be so much older than the answer; more would be a replay's. */
#define REPORT_AGE_NS_MAX (32 * NS_PER_S)
/* And so much younger: an answer tells when it will leave, by an estimate. */
#define REPORT_EARLY_NS (10 * NS_PER_MS)
/* What is allowed for an author's rate to change while its report is carried (drift class). */
#define WANDER_PPM_PER_S 0.02
#define RETRACT_NS (64 * NS_PER_S)
#define PPB_MAX 65535.0

bool mesh_needs_signature(const struct mesh *mesh, struct mono now)
{
    return !mesh->options.is_lost &&
           (!mesh->report.is_set || now.ns - mesh->report.made.ns >= MESH_REPORT_NS ||
            mesh->report.epoch != mesh->own.epoch || mesh->report.timescale != mesh->own.timescale);
}

/* In units of 2^-30 s. */
static uint64_t oscillator_units(struct mono mono)
{
    return (uint64_t)((__int128)mono.ns * (INT64_C(1) << 30) / NS_PER_S);
}

/* A power of two, in 1/256; never less than it is. */
static int16_t log2_of_s(double ns)
{
    double power = ceil(256 * log2(fmax(ns, 1) * 1e-9));
    return (int16_t)fmin(fmax(power, INT16_MIN), INT16_MAX);
}

static uint8_t log2_of_age(int64_t age_ns)
{
    double age_s = (double)age_ns * 1e-9;
    return age_s <= 1 ? 0 : (uint8_t)fmin(ceil(4 * log2(age_s)), UINT8_MAX);
}

static uint8_t sequence_bits(const struct mesh *mesh, size_t member)
{
    const struct mesh_contact *contact = mesh_contact_of(mesh, member);
    uint32_t sequence = contact != NULL && contact->has_report ? contact->report.sequence : 0;
    return (uint8_t)((sequence & 7) << REPORT_ENTRY_SEQUENCE_SHIFT);
}

static void add_entry(const struct mesh *mesh, size_t member, const struct member_measure *measure,
                      struct mono now, struct report *report)
{
    uint32_t tag = identity_tag(mesh->members[member].id);
    struct report_entry entry = {
        .peer = tag,
        .offset_f28 = report_offset_from_ns(llround(fmin(fmax(measure->offset_ns, -9e9), 9e9))),
        .delay_f28 = report_width_from_ns(measure->delay_ns),
        .dispersion_log2 = log2_of_s(measure->offset_sd_ns),
        .age_log2 = log2_of_age(now.ns - measure->sampled.ns),
        .state = (uint8_t)(mesh_judge_state(mesh, member) | sequence_bits(mesh, member))};
    /* Tags ascend. */
    size_t place = report->count++;
    while (place > 0 && report->entries[place - 1].peer > tag) {
        report->entries[place] = report->entries[place - 1];
        place--;
    }
    report->entries[place] = entry;
}

static uint16_t flags_of(const struct mesh *mesh, struct mono now)
{
    const struct own_claim *own = &mesh->own;
    bool is_retracting = mesh->epoch_changes > 0 && now.ns - mesh->epoch_changed.ns < RETRACT_NS;
    return (uint16_t)((own->is_synchronised ? REPORT_SYNCED : 0) |
                      (own->is_holdover ? REPORT_HOLDOVER : 0) |
                      (mesh->is_degraded ? REPORT_DEGRADED : 0) |
                      (own->has_utc ? REPORT_UTC_ANCHOR : 0) |
                      (is_retracting ? REPORT_RETRACTED : 0));
}

/* What the report's width of the rate can't say, over the life of a report. */
static int64_t beyond_drift_ns(const struct own_claim *own)
{
    double ppb = ceil(fmax(own->drift_ppm, 0) * 1e3) - PPB_MAX;
    return ppb > 0 ? (int64_t)ceil(ppb * ((double)MESH_REPORT_NS / (double)NS_PER_S)) : 0;
}

static void state_clock(const struct mesh *mesh, struct mono now, struct report *report)
{
    const struct own_claim *own = &mesh->own;
    struct wall clock = {mesh_hlc_now(mesh, now).reading.wall.ns + own->tai_offset_s * NS_PER_S};
    report->era = (uint8_t)((clock.ns / NS_PER_S + TIMESTAMP_UNIX_EPOCH) >> 32);
    report->as_of = timestamp_from_unix_ns(clock.ns).bits;
    report->as_of_mono = oscillator_units(now);
    report->tai_offset_s = own->tai_offset_s;
    report->before_f28 = REPORT_WIDTH_UNBOUNDED;
    report->after_f28 = REPORT_WIDTH_UNBOUNDED;
    /* The timestamp is rounded down by less than a unit. */
    if (own->is_bounded) {
        int64_t more_ns = beyond_drift_ns(own);
        int64_t before_ns = own->before_ns > 0 ? own->before_ns : 0;
        int64_t after_ns = own->after_ns > 0 ? own->after_ns : 0;
        report->before_f28 = report_width_from_ns(before_ns + more_ns);
        report->after_f28 = report_width_from_ns(after_ns + more_ns + 1);
    }
    report->drift_ppb = (uint16_t)fmin(ceil(fmax(own->drift_ppm, 0) * 1e3), PPB_MAX);
    report->drift_max_decis = (uint16_t)fmin(ceil(fmax(own->drift_max_ppm, 0) * 10), PPB_MAX);
    report->timescale = own->timescale == TIMESCALE_MESH ? REPORT_MESH_TIME : REPORT_UTC;
    report->timescale_id = own->timescale == TIMESCALE_MESH ? mesh->options.timescale_id : 0;
}

static void write_own(struct mesh *mesh, const struct report *report, struct mono now)
{
    struct mesh_own_report *own = &mesh->report;
    uint8_t signature[IDENTITY_SIGNATURE_SIZE];
    size_t size = report_write(own->octets, sizeof(own->octets), report);
    own->is_set = false;
    if (size == 0 ||
        !identity_scheme_sign(mesh->options.scheme, mesh->options.identity, IDENTITY_REPORT,
                              bytes_make(own->octets, size), signature)) {
        return;
    }
    struct report_auth auth = {.algorithm = REPORT_ED25519,
                               .id = report->key_epoch,
                               .tag = bytes_make(signature, sizeof(signature))};
    size_t added = report_auth_write(own->octets + size, sizeof(own->octets) - size, &auth);
    own->is_set = added > 0;
    own->size = size;
    own->whole = size + added;
    own->made = now;
    own->count = report->count;
    own->epoch = mesh->own.epoch;
    own->timescale = mesh->own.timescale;
}

void mesh_sign(struct mesh *mesh, const struct mesh_outlook *outlook, struct reading now)
{
    struct report report = {.node = mesh->id,
                            .membership = mesh->options.membership_epoch,
                            .key_epoch = mesh->options.key_epoch,
                            .incarnation = mesh->options.incarnation};
    if (mesh->options.is_lost) {
        return;
    }
    mesh_look(mesh, &outlook->own, now.mono);
    report.sequence = ++mesh->report.sequence;
    report.flags = flags_of(mesh, now.mono);
    report.leap = mesh->own.leap;
    report.hops = mesh->own.hops;
    report.disruptions = (uint16_t)mesh->own.epoch;
    memcpy(report.previous, mesh->previous, sizeof(report.previous));
    state_clock(mesh, now.mono, &report);
    report.hlc = mesh_stamp_bits(mesh, now.mono);
    report.flags |= report.hlc != 0 ? REPORT_HLC_VALID : 0;
    for (size_t i = 0; i < outlook->count; i++) {
        size_t member = mesh_find(mesh, outlook->peers[i].id);
        if (member != MESH_NOBODY && outlook->peers[i].measure.has_estimate) {
            add_entry(mesh, member, &outlook->peers[i].measure, now.mono, &report);
        }
    }
    write_own(mesh, &report, now.mono);
}

/* Runs of a node are counted in each epoch of its key anew. Negative: an older run than that one.
 */
static int compare_runs(const struct report *report, uint16_t epoch, uint32_t incarnation)
{
    if (report->key_epoch != epoch) {
        return report->key_epoch < epoch ? -1 : 1;
    }
    return (report->incarnation > incarnation) - (report->incarnation < incarnation);
}

/* OK: it is newer than what we have, or the same octets again (*is_known). */
static enum mesh_verdict judge_run(const struct mesh *mesh, const struct mesh_contact *contact,
                                   const struct report *report, const uint8_t digest[SECRET_SIZE],
                                   bool *is_known)
{
    const struct mesh_member *member = &mesh->members[contact->member];
    *is_known = contact->has_report && memcmp(contact->digest, digest, SECRET_SIZE) == 0;
    if (*is_known) {
        return MESH_TIME;
    }
    if (compare_runs(report, member->epoch, member->incarnation) < 0) {
        return MESH_STALE;
    }
    bool is_same_run = contact->has_report && compare_runs(report, contact->report.key_epoch,
                                                           contact->report.incarnation) == 0;
    /* An equal number with other octets is looked at: it convicts. */
    return is_same_run && report->sequence < contact->report.sequence ? MESH_STALE : MESH_TIME;
}

static void keep(struct mesh *mesh, struct mesh_contact *contact, const struct report *report,
                 const uint8_t digest[SECRET_SIZE], struct mono now)
{
    struct mesh_member *member = &mesh->members[contact->member];
    bool is_new_run = compare_runs(report, member->epoch, member->incarnation) != 0;
    mesh->has_memories |= is_new_run;
    contact->post_seen = is_new_run ? 0 : contact->post_seen;
    member->epoch = report->key_epoch;
    member->incarnation = report->incarnation;
    member->has_left = false;
    contact->has_report = true;
    contact->report = *report;
    contact->reported = now;
    contact->is_other_membership = report->membership != mesh->options.membership_epoch;
    memcpy(contact->digest, digest, SECRET_SIZE);
    memcpy(mesh->previous, digest, sizeof(mesh->previous));
}

static bool is_signed(const struct mesh *mesh, const struct mesh_contact *contact,
                      struct bytes field, const uint8_t *signature)
{
    return identity_scheme_verify(mesh->options.scheme, &mesh->members[contact->member].key,
                                  IDENTITY_REPORT, field, signature);
}

/* An old run that goes on beside a newer one: its report is fresh. */
static bool is_twin(const struct mesh *mesh, const struct mesh_contact *contact,
                    const struct report *report)
{
    int64_t now_ns = mesh->own.clock.ns;
    int64_t age_ns = now_ns - report_as_of_unix_ns(report, now_ns);
    return contact->has_report &&
           compare_runs(report, contact->report.key_epoch, contact->report.incarnation) < 0 &&
           age_ns < REPORT_AGE_NS_MAX && age_ns > -REPORT_AGE_NS_MAX;
}

enum mesh_verdict mesh_report_take(struct mesh *mesh, struct mesh_contact *contact,
                                   const struct mesh_packet *packet, struct mono now,
                                   struct actions *out)
{
    struct bytes field = packet->fields.report;
    struct report report;
    struct report_auth auth;
    uint8_t digest[SECRET_SIZE];
    bool is_known;
    enum report_verdict form = report_read(field, &report);
    if (form == REPORT_OK) {
        form = report_auth_read(packet->fields.signature, &auth);
    }
    if (form != REPORT_OK) {
        mesh->form_counts[form]++;
        return MESH_FORM;
    }
    if (report.node != mesh->members[contact->member].id) {
        return MESH_AUTHOR;
    }
    if (!secret_digest(&field, 1, digest)) {
        return MESH_SIGNATURE;
    }
    enum mesh_verdict verdict = judge_run(mesh, contact, &report, digest, &is_known);
    if (verdict == MESH_STALE && is_twin(mesh, contact, &report) &&
        is_signed(mesh, contact, field, auth.tag.data)) {
        mesh_judge_twins(mesh, contact, now, out);
    }
    if (verdict != MESH_TIME || is_known) {
        return verdict;
    }
    if (!is_signed(mesh, contact, field, auth.tag.data)) {
        return MESH_SIGNATURE;
    }
    /* One that can't be kept could not be held against others of its author. */
    struct evidence_report packed;
    if (!evidence_pack(&report, field, auth.tag.data, now, &packed)) {
        mesh->form_counts[REPORT_ENTRIES_TOO_MANY]++;
        return MESH_FORM;
    }
    if (!mesh_judge_report(mesh, contact->member, &report, &packed, true, out)) {
        keep(mesh, contact, &report, digest, now);
    }
    return MESH_TIME;
}

static int64_t growth_ns(const struct report *report, int64_t age_ns)
{
    double age_s = fabs((double)age_ns) * 1e-9;
    double ppm = report->drift_ppb * 1e-3 + WANDER_PPM_PER_S * age_s / 2;
    double most_ppm = fmax(report->drift_max_decis * 0.1, report->drift_ppb * 1e-3);
    return (int64_t)ceil(age_s * 1e3 * fmin(ppm, most_ppm));
}

enum mesh_verdict mesh_report_claim(const struct mesh *mesh, const struct mesh_contact *contact,
                                    const struct packet *header, struct member_claim *claim)
{
    const struct report *report = &contact->report;
    int64_t pivot_ns = mesh->own.clock.ns;
    int64_t sent_ns = timestamp_to_unix_ns(header->transmit, pivot_ns);
    int64_t age_ns = sent_ns - report_as_of_unix_ns(report, sent_ns);
    if (age_ns < -REPORT_EARLY_NS || age_ns > REPORT_AGE_NS_MAX) {
        return MESH_FUTURE;
    }
    *claim = (struct member_claim){
        .timescale = report->timescale == REPORT_MESH_TIME ? TIMESCALE_MESH : TIMESCALE_UTC,
        .timescale_id = report->timescale_id,
        .key_epoch = report->key_epoch,
        .incarnation = report->incarnation,
        .disruptions = report->disruptions,
        .hops = report->hops,
        .is_bounded = report_is_bounded(report) && !contact->is_other_membership};
    if (claim->is_bounded) {
        int64_t more_ns = growth_ns(report, age_ns) + 1;
        claim->before_ns = report_width_to_ns(report->before_f28) + more_ns;
        claim->after_ns = report_width_to_ns(report->after_f28) + more_ns;
    }
    return MESH_TIME;
}
