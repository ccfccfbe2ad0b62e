/* SPDX-License-Identifier: MIT */
#include "tests/sim/liar.h"
#include "ntpwire/packet.h"
#include "ntpwire/timestamp.h"
#include <stdlib.h>
#include <string.h>

#define LIES_MAX 8
#define OLD_MAX 16
/* Where it stands in REPORT (doc/protocol.md). */
#define ID_OFFSET 12
#define HLC_OFFSET 32
#define AS_OF_OFFSET 40
#define BEFORE_OFFSET 56
#define AFTER_OFFSET 60
#define ENTRIES_OFFSET REPORT_SIZE
#define ENTRY_OFFSET 4
#define SIGNATURE_OFFSET 12
/* ... and in AUTH(2). */
#define STAMP_OFFSET 16
/* Just inside is so far within. */
#define MARGIN_NS (20 * NS_PER_US)
/* What a liar that is sure of itself vouches for, and one that vouches for all. */
#define NARROW_NS (10 * NS_PER_US)
#define WIDE_NS (10 * NS_PER_S)

/* A REPORT as it was rewritten, so that its number has one text. */
struct liar_report {
    bool is_set;
    uint32_t incarnation;
    uint32_t sequence;
    size_t size;
    uint8_t octets[REPORT_PAYLOAD_MAX_AGREED];
    uint8_t signature[REPORT_SIGNATURE_SIZE];
};

struct liar {
    size_t count;
    const struct scenario_fault *lies[LIES_MAX];
    struct liar_report faces[2]; /* one for all, or for each half of the readers */
    size_t old_count;
    struct liar_report old[OLD_MAX];
    uint64_t packets;
};

struct liar *liar_create(uint64_t seed)
{
    struct liar *liar = calloc(1, sizeof(*liar));
    if (liar != NULL) {
        liar->packets = seed & 1;
    }
    return liar;
}

void liar_destroy(struct liar *liar)
{
    free(liar);
}

void liar_tell(struct liar *liar, const struct scenario_fault *fault)
{
    assert(liar->count < LIES_MAX);
    liar->lies[liar->count++] = fault;
}

/* The lie of a kind that is told now; NULL: none. */
static const struct scenario_fault *lie_of(const struct liar *liar, enum fault_kind kind,
                                           int64_t truth_ns)
{
    for (size_t i = 0; i < liar->count; i++) {
        const struct scenario_fault *lie = liar->lies[i];
        if (lie->kind == (int)kind && truth_ns >= lie->from_ns && truth_ns < lie->until_ns) {
            return lie;
        }
    }
    return NULL;
}

bool liar_is_active(const struct liar *liar, int64_t truth_ns)
{
    for (size_t i = 0; i < liar->count; i++) {
        if (truth_ns >= liar->lies[i]->from_ns) {
            return true;
        }
    }
    return false;
}

bool liar_wants_room(const struct liar *liar, int64_t truth_ns)
{
    return lie_of(liar, FAULT_JUST_INSIDE, truth_ns) != NULL;
}

/* NTP's 2^-32 s of a duration that is not negative. */
static uint64_t units_of(int64_t ns)
{
    return (uint64_t)(ns / NS_PER_S) << 32 | (uint64_t)((ns % NS_PER_S << 32) / NS_PER_S);
}

static uint64_t later(uint64_t stamp, int64_t by_ns)
{
    return by_ns >= 0 ? stamp + units_of(by_ns) : stamp - units_of(-by_ns);
}

static void shift_stamp(uint8_t *at, int64_t by_ns)
{
    bytes_put_u64(at, later(bytes_u64(bytes_make(at, 8), 0), by_ns));
}

/* As wrong as still meets what the honest agree on. */
static int64_t inside_ns(const struct liar_scene *scene, const struct scenario_fault *lie,
                         struct bytes report)
{
    bool is_up = lie->offset_ns >= 0;
    int64_t width_ns = report_width_to_ns(bytes_u32(report, is_up ? BEFORE_OFFSET : AFTER_OFFSET));
    if (width_ns == INT64_MAX) {
        return 0;
    }
    int64_t by_ns = is_up ? scene->room_up_ns + width_ns - MARGIN_NS
                          : scene->room_down_ns - width_ns + MARGIN_NS;
    return (is_up && by_ns < 0) || (!is_up && by_ns > 0) ? 0 : by_ns;
}

/* What is added to its clock in all that it says to all. */
static int64_t common_ns(const struct liar *liar, const struct liar_scene *scene,
                         struct bytes report)
{
    int64_t truth_ns = scene->truth_ns, by_ns = 0;
    const struct scenario_fault *lie = lie_of(liar, FAULT_OFFSET, truth_ns);
    by_ns += lie != NULL ? lie->offset_ns : 0;
    lie = lie_of(liar, FAULT_WIDE, truth_ns);
    by_ns += lie != NULL ? lie->offset_ns : 0;
    lie = lie_of(liar, FAULT_RAMP, truth_ns);
    by_ns += lie != NULL ? (int64_t)(lie->rate_ppm * 1e-6 * (double)(truth_ns - lie->from_ns)) : 0;
    lie = lie_of(liar, FAULT_COLLUDING, truth_ns);
    by_ns += lie != NULL ? lie->offset_ns - scene->error_ns : 0;
    lie = lie_of(liar, FAULT_JUST_INSIDE, truth_ns);
    by_ns += lie != NULL && report.size > 0 ? inside_ns(scene, lie, report) : 0;
    return by_ns;
}

/* What is added towards this reader only. */
static int64_t faced_ns(const struct liar *liar, const struct liar_scene *scene,
                        enum fault_kind kind)
{
    const struct scenario_fault *lie = lie_of(liar, kind, scene->truth_ns);
    if (lie == NULL) {
        return 0;
    }
    return scene->reader % 2 == 0 ? lie->offset_ns : -lie->offset_ns;
}

static void put_width(uint8_t *report, int64_t width_ns)
{
    bytes_put_u32(report + BEFORE_OFFSET, report_width_from_ns(width_ns));
    bytes_put_u32(report + AFTER_OFFSET, report_width_from_ns(width_ns));
}

/* Its clock is later by that much, and so all others' are earlier. */
static void shift_report(uint8_t *report, size_t size, int64_t by_ns)
{
    shift_stamp(report + AS_OF_OFFSET, by_ns);
    for (size_t at = ENTRIES_OFFSET; at + REPORT_ENTRY_SIZE <= size; at += REPORT_ENTRY_SIZE) {
        uint8_t *offset = report + at + ENTRY_OFFSET;
        int64_t said_ns = report_offset_to_ns((int32_t)bytes_u32(bytes_make(offset, 4), 0));
        bytes_put_u32(offset, (uint32_t)report_offset_from_ns(said_ns - by_ns));
    }
}

static void write_report(const struct liar *liar, const struct liar_scene *scene,
                         struct liar_report *face, int64_t by_ns)
{
    int64_t truth_ns = scene->truth_ns;
    shift_report(face->octets, face->size, by_ns);
    if (lie_of(liar, FAULT_WIDE, truth_ns) != NULL) {
        put_width(face->octets, WIDE_NS);
    }
    if (lie_of(liar, FAULT_COLLUDING, truth_ns) != NULL) {
        put_width(face->octets, NARROW_NS);
    }
    const struct scenario_fault *lie = lie_of(liar, FAULT_HLC, truth_ns);
    if (lie != NULL) {
        shift_stamp(face->octets + HLC_OFFSET, lie->offset_ns);
    }
    bool is_signed = identity_scheme_sign(scene->scheme, scene->identity, IDENTITY_REPORT,
                                          bytes_make(face->octets, face->size), face->signature);
    assert(is_signed);
}

static void remember(struct liar *liar, const struct liar_report *report)
{
    if (liar->old_count < OLD_MAX) {
        liar->old[liar->old_count++] = *report;
    }
}

/* The report as it tells it to this reader; the same as often as it is the same one. */
static const struct liar_report *face_of(struct liar *liar, const struct liar_scene *scene,
                                         struct bytes field, const struct report *report)
{
    int64_t faced = faced_ns(liar, scene, FAULT_EQUIVOCATE);
    struct liar_report *face = &liar->faces[faced < 0 ? 1 : 0];
    if (face->is_set && face->sequence == report->sequence &&
        face->incarnation == report->incarnation && face->size == field.size) {
        return face;
    }
    face->is_set = true;
    face->sequence = report->sequence;
    face->incarnation = report->incarnation;
    face->size = field.size;
    memcpy(face->octets, field.data, field.size);
    write_report(liar, scene, face, common_ns(liar, scene, field) + faced);
    remember(liar, face);
    return face;
}

/* In the name of another: with its id, or all of an own old one. */
static void put_foreign(struct liar *liar, const struct liar_scene *scene, uint8_t *report,
                        uint8_t *signature, size_t size)
{
    bool is_odd = liar->packets % 2 != 0;
    if (is_odd && lie_of(liar, FAULT_FORGE, scene->truth_ns) != NULL) {
        bytes_put_u64(report + ID_OFFSET, scene->other_id);
        bool is_signed =
            identity_scheme_sign(scene->scheme, scene->identity, IDENTITY_REPORT,
                                 bytes_make(report, size), signature + SIGNATURE_OFFSET);
        assert(is_signed);
    }
    if (is_odd && lie_of(liar, FAULT_REPLAY, scene->truth_ns) != NULL) {
        for (size_t i = 0; i < liar->old_count; i++) {
            if (liar->old[i].size == size) {
                memcpy(report, liar->old[i].octets, size);
                memcpy(signature + SIGNATURE_OFFSET, liar->old[i].signature, REPORT_SIGNATURE_SIZE);
                return;
            }
        }
    }
}

static void lie_in_report(struct liar *liar, const struct liar_scene *scene, uint8_t *payload,
                          const struct report_packet *fields)
{
    struct report report;
    if (fields->report.size == 0 || report_read(fields->report, &report) != REPORT_OK) {
        return;
    }
    uint8_t *field = payload + (fields->report.data - payload);
    uint8_t *signature = payload + (fields->signature.data - payload);
    const struct liar_report *face = face_of(liar, scene, fields->report, &report);
    memcpy(field, face->octets, face->size);
    memcpy(signature + SIGNATURE_OFFSET, face->signature, REPORT_SIGNATURE_SIZE);
    put_foreign(liar, scene, field, signature, face->size);
}

static void lie_in_header(const struct liar *liar, const struct liar_scene *scene, uint8_t *payload,
                          struct bytes report)
{
    int64_t by_ns = common_ns(liar, scene, report) + faced_ns(liar, scene, FAULT_TWO_FACED) +
                    faced_ns(liar, scene, FAULT_EQUIVOCATE);
    shift_stamp(payload + PACKET_RECEIVE_OFFSET, by_ns);
    shift_stamp(payload + PACKET_TRANSMIT_OFFSET, by_ns);
}

enum liar_act liar_send(struct liar *liar, const struct liar_scene *scene, uint8_t *payload,
                        size_t size, int64_t *hold_ns)
{
    struct packet header;
    struct extensions extensions;
    struct report_packet fields;
    struct bytes datagram = bytes_make(payload, size);
    *hold_ns = 0;
    if (!liar_is_active(liar, scene->truth_ns) || packet_parse(datagram, &header) != PACKET_OK ||
        extension_parse(datagram, header.version, &extensions) != PACKET_OK ||
        report_packet_read(datagram, &extensions, REPORT_PAYLOAD_MAX_AGREED, &fields) !=
            REPORT_OK ||
        fields.session.size == 0 || fields.handshake.size > 0) {
        return LIAR_KEEPS;
    }
    bool is_answer = header.mode == MODE_SERVER;
    if (is_answer && lie_of(liar, FAULT_SILENT, scene->truth_ns) != NULL) {
        return LIAR_SWALLOWS;
    }
    const struct scenario_fault *late = lie_of(liar, FAULT_LATE, scene->truth_ns);
    *hold_ns = is_answer && late != NULL ? late->offset_ns : 0;
    liar->packets++;
    if (is_answer) {
        lie_in_header(liar, scene, payload, fields.report);
    }
    lie_in_report(liar, scene, payload, &fields);
    const struct scenario_fault *poison = lie_of(liar, FAULT_HLC, scene->truth_ns);
    if (poison != NULL) {
        shift_stamp(payload + (fields.session.data - payload) + STAMP_OFFSET, poison->offset_ns);
    }
    return LIAR_CHANGES;
}
