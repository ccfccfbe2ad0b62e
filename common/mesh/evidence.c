/* SPDX-License-Identifier: MIT */
#include "common/mesh/evidence.h"
#include "common/base/hlc.h"
#include <string.h>

/* All times are differences in units of 2^-32 s, the finest that a report has. */
#define UNITS_PER_S (INT64_C(1) << 32)
#define UNITS_OF_F28 16
#define UNITS_OF_MONO 4
/* Clock and oscillator are rounded to their units and to nanoseconds: a microsecond is far more. */
#define ROUNDING_UNITS (UNITS_PER_S / 1000000)
#define PPM_UNITS 1000000
/* Two reports of one run that are farther apart than 12 days are not compared. */
#define SPAN_MONO_MAX (UINT64_C(1) << 50)
#define DAY_S 86400

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

/* For the time of its timescale. */
static bool vouches(const struct report *report)
{
    return (report->flags & REPORT_RETRACTED) == 0 && report_is_bounded(report);
}

/* Of UTC as the author serves it; the era counts from 1900. */
static int64_t utc_seconds(const struct report *report)
{
    return ((int64_t)report->era << 32) + (int64_t)(report->as_of >> 32) - report->tai_offset_s;
}

/* Months since the year 0, in the calendar from March on, in which a year's last day is the one
 * that leap years add. Days are counted from 1900. */
static int64_t month_of(int64_t seconds)
{
    /* 693901 days from the first of March of the year 0 to 1900. */
    int64_t day = seconds / DAY_S + 693901;
    int64_t era = day / 146097;
    int64_t of_era = day % 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    return (era * 400 + year) * 12 + (5 * of_year + 2) / 153;
}

/* UTC may have jumped by a second at each end of a month between the two, whether or not their
 * authors knew of it in time. */
static int64_t leap_units(const struct report *a, const struct report *b)
{
    int64_t first_s = utc_seconds(a);
    int64_t last_s = utc_seconds(b);
    if (first_s > last_s) {
        int64_t swapped_s = first_s;
        first_s = last_s;
        last_s = swapped_s;
    }
    /* Intervals reach 16 s to each side, and a leap second one more. */
    int64_t months = month_of(last_s + 18) - month_of(first_s > 18 ? first_s - 18 : 0);
    /* So many that nothing can contradict them: the difference is then far more in any case. */
    return (months < 1024 ? months : 1024) * UNITS_PER_S;
}

/* b less a, of UTC as they serve it. */
static int64_t utc_difference(const struct report *a, const struct report *b)
{
    int64_t difference = (int64_t)(b->as_of - a->as_of);
    int64_t tai = (int64_t)(b->tai_offset_s - a->tai_offset_s) * UNITS_PER_S;
    int64_t sum;
    if (__builtin_sub_overflow(difference, tai, &sum)) {
        return difference;
    }
    return sum;
}

static int64_t width_units(uint32_t width_f28)
{
    return (int64_t)width_f28 * UNITS_OF_F28;
}

static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return b < 0 ? INT64_MIN : INT64_MAX;
    }
    return sum;
}

/* a's oscillator is not after b's. Do both intervals fit into one course of time? The mesh's own is
 * that of any honest node's clock, the author's too, which jumps with a disruption only. */
static bool are_consistent(const struct report *a, const struct report *b)
{
    if (b->as_of_mono - a->as_of_mono > SPAN_MONO_MAX) {
        return true;
    }
    int64_t passed = (int64_t)(b->as_of_mono - a->as_of_mono) * UNITS_OF_MONO;
    int64_t slack = passed / PPM_UNITS * EVIDENCE_RATE_PPM + EVIDENCE_RATE_PPM;
    slack += ROUNDING_UNITS + leap_units(a, b);
    int64_t difference = utc_difference(a, b);
    int64_t least = add(difference, -width_units(b->before_f28) - width_units(a->after_f28));
    int64_t most = add(difference, width_units(b->after_f28) + width_units(a->before_f28));
    return least <= passed + slack && most >= passed - slack;
}

static bool stamp_goes_back(const struct report *earlier, const struct report *later)
{
    return (earlier->flags & REPORT_HLC_VALID) != 0 && (later->flags & REPORT_HLC_VALID) != 0 &&
           !hlc_is_after((struct hlc_stamp){later->hlc}, (struct hlc_stamp){earlier->hlc});
}

/* Two of one incarnation, by their sequence numbers. */
static enum evidence_kind compare_run(const struct report *a, const struct report *b)
{
    bool is_one_clock = a->disruptions == b->disruptions;
    if (stamp_goes_back(a, b) || (is_one_clock && b->as_of_mono < a->as_of_mono)) {
        return EVIDENCE_STAMPS;
    }
    bool is_one_scale = a->timescale == b->timescale && a->timescale_id == b->timescale_id;
    if (is_one_clock && is_one_scale && vouches(a) && vouches(b) && !are_consistent(a, b)) {
        return EVIDENCE_INTERVALS;
    }
    return EVIDENCE_NONE;
}

/* Serial, as sequence numbers of a long run may wrap. */
static bool is_later_number(uint32_t a, uint32_t b)
{
    return a != b && a - b < UINT32_C(1) << 31;
}

enum evidence_kind evidence_compare(const struct report *a, const uint8_t a_digest[SECRET_SIZE],
                                    const struct report *b, const uint8_t b_digest[SECRET_SIZE])
{
    if (a->node != b->node || a->key_epoch != b->key_epoch ||
        memcmp(a_digest, b_digest, SECRET_SIZE) == 0) {
        return EVIDENCE_NONE;
    }
    if (a->incarnation != b->incarnation) {
        bool is_first = a->incarnation < b->incarnation;
        /* The older run went on when there was a newer one. */
        return stamp_goes_back(is_first ? a : b, is_first ? b : a) ? EVIDENCE_TWINS : EVIDENCE_NONE;
    }
    if (a->sequence == b->sequence) {
        return EVIDENCE_EQUIVOCATION;
    }
    return is_later_number(b->sequence, a->sequence) ? compare_run(a, b) : compare_run(b, a);
}

bool evidence_is_acausal(const struct report *before, const struct report *after)
{
    bool is_utc = before->timescale == REPORT_UTC && after->timescale == REPORT_UTC;
    if (before->node == after->node || !is_utc || !vouches(before) || !vouches(after)) {
        return false;
    }
    /* Its latest, less the earliest of the one that was there before. */
    int64_t room = add(utc_difference(before, after),
                       width_units(after->after_f28) + width_units(before->before_f28));
    return room < -ROUNDING_UNITS - leap_units(before, after);
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

static const struct evidence_report *find_named(const struct evidence_store *store,
                                                const uint8_t digest[REPORT_PREVIOUS_SIZE])
{
    for (size_t i = 0; i < EVIDENCE_REPORTS_MAX; i++) {
        const struct evidence_report *kept = &store->reports[i];
        if (kept->author != 0 && memcmp(kept->digest, digest, REPORT_PREVIOUS_SIZE) == 0) {
            return kept;
        }
    }
    return NULL;
}

/* path: from the newest back to the one that contradicts, which is the last of them. Copies, as the
 * store keeps none of them for long. */
static void find_acausal(struct evidence_finding *finding,
                         const struct evidence_report *const *path, size_t count)
{
    if (finding->kind != EVIDENCE_NONE) {
        return;
    }
    worsen(finding, EVIDENCE_CAUSALITY, path[count - 1]);
    finding->between_count = count - 1;
    for (size_t i = 0; i + 1 < count; i++) {
        finding->between[i] = *path[count - 2 - i];
    }
}

/* Along the digests: each names a report that was there before. */
static void follow_chain(const struct evidence_store *store, const struct report *report,
                         struct evidence_finding *finding)
{
    const struct evidence_report *path[EVIDENCE_CHAIN_MAX];
    uint8_t wanted[REPORT_PREVIOUS_SIZE];
    memcpy(wanted, report->previous, sizeof(wanted));
    for (size_t depth = 0; depth < EVIDENCE_CHAIN_MAX; depth++) {
        struct report before;
        path[depth] = find_named(store, wanted);
        if (path[depth] == NULL || !read_kept(path[depth], &before)) {
            return;
        }
        if (evidence_is_acausal(&before, report)) {
            find_acausal(finding, path, depth + 1);
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
    finding->between_count = 0;
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
