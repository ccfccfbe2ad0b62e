/* SPDX-License-Identifier: MIT */
#include "common/mesh/evidence.h"
#include "ntpwire/timestamp.h"
#include <string.h>

/* What rounding of timestamps, widths and oscillator stamps may add up to, and a little more. */
#define ROUNDING_NS 64
#define PPM_UNITS 1000000

const char *evidence_kind_name(enum evidence_kind kind)
{
    static const char *const names[EVIDENCE_KINDS] = {
        [EVIDENCE_NONE] = "nothing",
        [EVIDENCE_EQUIVOCATION] = "two reports with one number",
        [EVIDENCE_STAMPS] = "a later report with an earlier stamp",
        [EVIDENCE_INTERVALS] = "two intervals that can't both hold the time",
        [EVIDENCE_CAUSALITY] = "a report from before one that it follows",
        [EVIDENCE_TWINS] = "one identity, two processes",
    };
    return (unsigned)kind < EVIDENCE_KINDS ? names[kind] : "unknown";
}

static bool is_bounded(const struct report *report)
{
    return report->before_f28 != REPORT_WIDTH_UNBOUNDED &&
           report->after_f28 != REPORT_WIDTH_UNBOUNDED && (report->flags & REPORT_RETRACTED) == 0;
}

/* Where TAI is not known, the clock that as-of shows repeats or omits a second at a leap. */
static bool is_even(const struct report *a, const struct report *b)
{
    bool knows_tai = a->tai_offset_s != 0 && b->tai_offset_s != 0;
    bool is_far = a->leap == LEAP_NONE && b->leap == LEAP_NONE;
    bool is_same = (a->tai_offset_s != 0) == (b->tai_offset_s != 0);
    return knows_tai || (is_far && is_same);
}

static bool is_same_scale(const struct report *a, const struct report *b)
{
    return a->timescale == b->timescale && a->timescale_id == b->timescale_id;
}

/* How far b's as-of lies after a's. */
static int64_t as_of_after_ns(const struct report *a, const struct report *b)
{
    return timestamp_difference_ns((struct timestamp){b->as_of}, (struct timestamp){a->as_of});
}

static int64_t oscillator_ns(uint64_t units)
{
    return (int64_t)((__int128)units * NS_PER_S / (INT64_C(1) << 30));
}

/* a was made before b by the author's own oscillator, which counts through both. */
static bool can_both_hold(const struct report *a, const struct report *b)
{
    int64_t passed_ns = oscillator_ns(b->as_of_mono) - oscillator_ns(a->as_of_mono);
    int64_t slack_ns = passed_ns / PPM_UNITS * EVIDENCE_RATE_PPM + EVIDENCE_RATE_PPM + ROUNDING_NS;
    int64_t moved_ns = as_of_after_ns(a, b);
    /* Both ends relative to a's as-of. */
    int64_t b_earliest = moved_ns - report_width_to_ns(b->before_f28);
    int64_t b_latest = moved_ns + report_width_to_ns(b->after_f28);
    int64_t a_latest = report_width_to_ns(a->after_f28) + passed_ns + slack_ns;
    int64_t a_earliest = -report_width_to_ns(a->before_f28) + passed_ns - slack_ns;
    return b_earliest <= a_latest && b_latest >= a_earliest;
}

/* Serial, as sequence numbers of a long run may wrap. */
static bool is_later_number(uint32_t a, uint32_t b)
{
    return a != b && a - b < UINT32_C(1) << 31;
}

static bool is_later_stamp(uint64_t a, uint64_t b)
{
    return a != b && a - b < UINT64_C(1) << 63;
}

static bool have_stamps(const struct report *a, const struct report *b)
{
    return (a->flags & b->flags & REPORT_HLC_VALID) != 0;
}

/* a is the earlier one by what its author counts. */
static enum evidence_kind compare_ordered(const struct report *a, const struct report *b)
{
    if (have_stamps(a, b) && !is_later_stamp(b->hlc, a->hlc)) {
        return EVIDENCE_STAMPS;
    }
    bool is_one_clock =
        a->incarnation == b->incarnation && a->disruptions == b->disruptions && is_same_scale(a, b);
    if (is_one_clock && b->as_of_mono >= a->as_of_mono && is_bounded(a) && is_bounded(b) &&
        is_even(a, b) && !can_both_hold(a, b)) {
        return EVIDENCE_INTERVALS;
    }
    return EVIDENCE_NONE;
}

enum evidence_kind evidence_compare(const struct report *a, const uint8_t a_digest[SECRET_SIZE],
                                    const struct report *b, const uint8_t b_digest[SECRET_SIZE])
{
    if (a->node != b->node || memcmp(a_digest, b_digest, SECRET_SIZE) == 0) {
        return EVIDENCE_NONE;
    }
    if (a->key_epoch != b->key_epoch) {
        return EVIDENCE_NONE;
    }
    if (a->incarnation != b->incarnation) {
        return a->incarnation < b->incarnation ? compare_ordered(a, b) : compare_ordered(b, a);
    }
    if (a->sequence == b->sequence) {
        return EVIDENCE_EQUIVOCATION;
    }
    return is_later_number(b->sequence, a->sequence) ? compare_ordered(a, b)
                                                     : compare_ordered(b, a);
}

bool evidence_is_acausal(const struct report *before, const struct report *after)
{
    if (before->node == after->node || !is_same_scale(before, after) || !is_bounded(before) ||
        !is_bounded(after) || before->leap != LEAP_NONE || after->leap != LEAP_NONE) {
        return false;
    }
    int64_t tai_ns = (int64_t)(after->tai_offset_s - before->tai_offset_s) * NS_PER_S;
    int64_t moved_ns = as_of_after_ns(before, after) - tai_ns;
    int64_t earliest = -report_width_to_ns(before->before_f28);
    int64_t latest = moved_ns + report_width_to_ns(after->after_f28);
    return earliest > latest + ROUNDING_NS;
}

static bool read_kept(const struct evidence_report *kept, struct report *report)
{
    return report_read(bytes_make(kept->octets, kept->size), report) == REPORT_OK;
}

static void worsen(struct evidence_finding *finding, enum evidence_kind kind,
                   const struct evidence_report *other)
{
    if (kind != EVIDENCE_NONE && (finding->kind == EVIDENCE_NONE || kind < finding->kind)) {
        finding->kind = kind;
        finding->other = *other;
    }
}

/* Along the digests: each names a report that was there before. */
static void follow_chain(const struct evidence_store *store, const struct report *report,
                         struct evidence_finding *finding)
{
    uint8_t wanted[REPORT_PREVIOUS_SIZE];
    memcpy(wanted, report->previous, sizeof(wanted));
    for (int depth = 0; depth < EVIDENCE_CHAIN_MAX; depth++) {
        const struct evidence_report *next = NULL;
        struct report before;
        for (size_t i = 0; i < EVIDENCE_REPORTS_MAX && next == NULL; i++) {
            const struct evidence_report *kept = &store->reports[i];
            bool is_it = kept->author != 0 && memcmp(kept->digest, wanted, sizeof(wanted)) == 0;
            next = is_it ? kept : NULL;
        }
        if (next == NULL || !read_kept(next, &before)) {
            return;
        }
        if (evidence_is_acausal(&before, report)) {
            worsen(finding, EVIDENCE_CAUSALITY, next);
        }
        memcpy(wanted, before.previous, sizeof(wanted));
    }
}

/* Of its author the oldest, if there are enough; else a free one, or the oldest of all. */
static struct evidence_report *find_place(struct evidence_store *store, uint64_t author)
{
    struct evidence_report *oldest = NULL, *oldest_own = NULL;
    size_t own = 0;
    for (size_t i = 0; i < EVIDENCE_REPORTS_MAX; i++) {
        struct evidence_report *kept = &store->reports[i];
        if (kept->author == author) {
            own++;
            oldest_own =
                oldest_own == NULL || kept->came.ns < oldest_own->came.ns ? kept : oldest_own;
        }
        bool is_better = oldest == NULL || (oldest->author != 0 &&
                                            (kept->author == 0 || kept->came.ns < oldest->came.ns));
        oldest = is_better ? kept : oldest;
    }
    return own >= EVIDENCE_PER_AUTHOR_MAX ? oldest_own : oldest;
}

bool evidence_pack(const struct report *report, struct bytes field, const uint8_t *signature,
                   struct mono now, struct evidence_report *packed)
{
    if (field.size > EVIDENCE_REPORT_SIZE_MAX || !secret_digest(&field, 1, packed->digest)) {
        return false;
    }
    packed->author = report->node;
    packed->came = now;
    packed->size = (uint16_t)field.size;
    memcpy(packed->octets, field.data, field.size);
    memcpy(packed->signature, signature, IDENTITY_SIGNATURE_SIZE);
    return true;
}

void evidence_add(struct evidence_store *store, const struct report *report,
                  const struct evidence_report *signed_report, struct evidence_finding *finding)
{
    finding->kind = EVIDENCE_NONE;
    for (size_t i = 0; i < EVIDENCE_REPORTS_MAX; i++) {
        const struct evidence_report *other = &store->reports[i];
        struct report before;
        if (other->author != report->node || !read_kept(other, &before)) {
            continue;
        }
        if (memcmp(other->digest, signed_report->digest, SECRET_SIZE) == 0) {
            finding->kind = EVIDENCE_NONE;
            return;
        }
        worsen(finding, evidence_compare(&before, other->digest, report, signed_report->digest),
               other);
    }
    follow_chain(store, report, finding);
    *find_place(store, report->node) = *signed_report;
}

const struct evidence_report *evidence_newest(const struct evidence_store *store, uint64_t author)
{
    const struct evidence_report *newest = NULL;
    for (size_t i = 0; i < EVIDENCE_REPORTS_MAX; i++) {
        const struct evidence_report *kept = &store->reports[i];
        if (kept->author == author && (newest == NULL || kept->came.ns > newest->came.ns)) {
            newest = kept;
        }
    }
    return newest;
}
