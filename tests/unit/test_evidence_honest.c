/* SPDX-License-Identifier: MIT */
/* What an honest node may live through, and that no two of its reports are evidence then. */
#include "common/base/hlc.h"
#include "common/base/random.h"
#include "common/mesh/evidence.h"
#include "ntpwire/timestamp.h"
#include "tests/unit/unit.h"
#include <string.h>

/* 2026-12-31 23:59:00 UTC, in ns since 1970. */
#define YEAR_END_NS (INT64_C(1798761540) * NS_PER_S)
#define MID_MONTH_NS (YEAR_END_NS - 15 * INT64_C(86400) * NS_PER_S)
#define HISTORY 256
#define RUNS 200

/* An honest node. Its clock is wrong by error_ns, its interval holds UTC all the same. */
struct node {
    uint64_t id;
    struct random random;
    struct hlc hlc;
    struct hlc_bound bound;
    double rate_ppm; /* of its oscillator */
    double mono_ns;
    int64_t error_ns;
    int16_t tai_s;
    uint32_t incarnation;
    uint32_t sequence;
    uint16_t disruptions;
    bool is_mesh_time;
    bool is_retracting;
    size_t count;
    struct report history[HISTORY];
};

/* What everybody's UTC does: it jumps by leap_ns at leap_at_ns. */
static int64_t truth_ns;
static int64_t leap_at_ns;
static int64_t leap_ns;
static struct node nodes[2];
static size_t guilty;

/* All of them differ. */
static enum evidence_kind compare(const struct report *a, const struct report *b)
{
    static const uint8_t digests[2][SECRET_SIZE] = {{1}, {2}};
    return evidence_compare(a, digests[0], b, digests[1]);
}

static int64_t utc(void)
{
    return truth_ns >= leap_at_ns ? truth_ns + leap_ns : truth_ns;
}

static struct hlc_now hlc_now_of(const struct node *node)
{
    struct wall wall = {utc() + node->error_ns};
    return (struct hlc_now){.reading = {.mono = {(int64_t)node->mono_ns}, .wall = wall},
                            .latest = {wall.ns + NS_PER_S}};
}

static void save(struct node *node)
{
    struct hlc_now now = hlc_now_of(node);
    hlc_confirm(&node->hlc, now.reading);
    if (hlc_save_due(&node->hlc, &now, &node->bound)) {
        hlc_saved(&node->hlc, true);
    }
}

static void start(struct node *node, bool is_first)
{
    CU_ASSERT_TRUE_FATAL(
        hlc_init(&node->hlc, is_first ? NULL : &node->bound, HLC_MAX_OFFSET_DEFAULT_NS));
    node->incarnation++;
    node->sequence = 0;
    node->disruptions = 0;
    save(node);
}

static void begin(struct node *node, uint64_t id, uint64_t seed)
{
    memset(node, 0, sizeof(*node));
    random_init_seeded(&node->random, seed);
    node->id = id;
    node->rate_ppm = (double)random_below(&node->random, 900) - 450;
    node->mono_ns = 1e12;
    node->tai_s = 37;
    start(node, true);
}

static void begin_all(int64_t start_ns, uint64_t seed)
{
    truth_ns = start_ns;
    leap_at_ns = INT64_MAX;
    leap_ns = 0;
    begin(&nodes[0], 1, seed * 2 + 1);
    begin(&nodes[1], 2, seed * 2 + 2);
}

static void pass(int64_t duration_ns)
{
    truth_ns += duration_ns;
    for (size_t i = 0; i < 2; i++) {
        nodes[i].mono_ns += (double)duration_ns * (1 + nodes[i].rate_ppm * 1e-6);
    }
}

static struct report sign(struct node *node)
{
    save(node);
    struct hlc_now now = hlc_now_of(node);
    struct hlc_stamp stamp = {0};
    enum hlc_verdict verdict = hlc_send(&node->hlc, &now, &stamp);
    bool has_stamp = verdict == HLC_OK || verdict == HLC_STALLED;
    /* As narrow as it may be: sometimes UTC is at the very end of the interval. */
    int64_t before_ns = node->error_ns > 0 ? node->error_ns : 0;
    int64_t after_ns = node->error_ns < 0 ? -node->error_ns : 0;
    before_ns += random_below(&node->random, 2) * random_below(&node->random, 1000000);
    after_ns += random_below(&node->random, 2) * random_below(&node->random, 1000000);
    int64_t clock_ns = now.reading.wall.ns + node->tai_s * NS_PER_S;
    struct report report = {
        .flags = (uint16_t)((has_stamp ? REPORT_HLC_VALID : 0) |
                            (node->is_retracting ? REPORT_RETRACTED : 0)),
        .node = node->id,
        .sequence = ++node->sequence,
        .hlc = stamp.bits,
        .as_of = timestamp_from_unix_ns(clock_ns).bits,
        .as_of_mono = (uint64_t)((__int128)(int64_t)node->mono_ns * (1 << 30) / NS_PER_S),
        .before_f28 = report_width_from_ns(before_ns),
        .after_f28 = report_width_from_ns(after_ns + 1),
        .drift_max_decis = 150,
        .incarnation = node->incarnation,
        .disruptions = node->disruptions,
        .timescale = node->is_mesh_time ? REPORT_MESH_TIME : REPORT_UTC,
        .timescale_id = node->is_mesh_time ? 7 : 0,
        .tai_offset_s = node->tai_s,
    };
    return report;
}

/* Each report is held against all before it: of the same node, and of the other, of which every
 * one was made before it. */
static void sign_and_judge(struct node *node)
{
    struct report report = sign(node);
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < nodes[i].count; k++) {
            const struct report *other = &nodes[i].history[k];
            bool is_own = &nodes[i] == node;
            guilty += is_own ? compare(other, &report) != EVIDENCE_NONE ||
                                   compare(&report, other) != EVIDENCE_NONE
                             : evidence_is_acausal(other, &report);
        }
    }
    CU_ASSERT_FATAL(node->count < HISTORY);
    node->history[node->count++] = report;
}

static void live(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        pass((int64_t)random_below(&nodes[0].random, 20000000) * 1000);
        for (size_t k = 0; k < 2; k++) {
            /* The clock is slewed, and wanders. */
            nodes[k].error_ns += (int64_t)random_below(&nodes[k].random, 200001) - 100000;
            sign_and_judge(&nodes[k]);
        }
    }
}

static void kill_9(struct node *node)
{
    start(node, false);
}

static void reboot(struct node *node)
{
    pass(30 * NS_PER_S);
    node->mono_ns = 1e9;
    start(node, false);
}

/* The oscillator stands still meanwhile; who wakes up notices before it signs. */
static void suspend(struct node *node)
{
    double stopped_ns = node->mono_ns;
    pass(600 * NS_PER_S);
    node->mono_ns = stopped_ns;
    node->disruptions++;
}

/* By hand, and it is found out at once: the interval follows, under another count. */
static void step_system_clock(struct node *node)
{
    node->error_ns += 3 * NS_PER_S;
    node->disruptions++;
    sign_and_judge(node);
    node->error_ns -= 3 * NS_PER_S;
    node->disruptions++;
}

static void lose_utc_for_an_hour(struct node *node)
{
    node->is_mesh_time = true;
    for (int i = 0; i < 8; i++) {
        /* The mesh's time goes its own way, and once its clock joins the others'. */
        if (i == 4) {
            node->error_ns += 2 * NS_PER_S;
            node->disruptions++;
        }
        node->error_ns += 30 * NS_PER_MS;
        pass(450 * NS_PER_S);
        sign_and_judge(node);
    }
    node->is_mesh_time = false;
    node->error_ns = 0;
    sign_and_judge(node);
}

/* An interval that turns out to be wrong is taken back. */
static void break_and_retract(struct node *node)
{
    node->disruptions++;
    node->is_retracting = true;
    node->error_ns += 5 * NS_PER_MS;
    sign_and_judge(node);
    node->error_ns -= 5 * NS_PER_MS;
    node->is_retracting = false;
}

static void honest_nodes_are_never_guilty(void)
{
    static void (*const upsets[])(struct node *) = {
        kill_9, reboot, suspend, step_system_clock, lose_utc_for_an_hour, break_and_retract};
    guilty = 0;
    for (uint64_t run = 0; run < RUNS; run++) {
        begin_all(MID_MONTH_NS, run);
        live(5);
        for (int i = 0; i < 6; i++) {
            upsets[random_below(&nodes[0].random, 6)](&nodes[0]);
            live(3);
        }
    }
    CU_ASSERT_EQUAL(guilty, 0);
}

/* Both ways, with the jump at midnight or a second after it, known to the node at once, late, or
 * never. */
static void leap_seconds_convict_nobody(void)
{
    static const int64_t jumps_ns[] = {-NS_PER_S, NS_PER_S};
    guilty = 0;
    for (unsigned i = 0; i < 12; i++) {
        begin_all(YEAR_END_NS + 20 * NS_PER_S, i);
        leap_ns = jumps_ns[i % 2];
        leap_at_ns = YEAR_END_NS + 60 * NS_PER_S + (i / 2 % 2) * NS_PER_S;
        if (i / 4 == 2) {
            nodes[0].tai_s = 0;
        }
        bool has_leapt = false;
        for (unsigned k = 0; k < 100; k++) {
            pass(NS_PER_S);
            has_leapt = has_leapt || truth_ns >= leap_at_ns;
            bool is_late = i / 4 == 1 && truth_ns < leap_at_ns + 20 * NS_PER_S;
            if (has_leapt && !is_late && nodes[0].tai_s == 37) {
                nodes[0].tai_s = (int16_t)(37 - leap_ns / NS_PER_S);
            }
            sign_and_judge(&nodes[0]);
            sign_and_judge(&nodes[1]);
        }
    }
    CU_ASSERT_EQUAL(guilty, 0);
}

/* A clock that differs from what was said before, by more than the least that can be seen. */
static enum evidence_kind shifted(int64_t shift_ns, int64_t passed_ns,
                                  bool (*change)(struct report *))
{
    begin_all(MID_MONTH_NS, 3);
    nodes[0].rate_ppm = 0;
    struct report a = sign(&nodes[0]);
    a.before_f28 = a.after_f28 = report_width_from_ns(NS_PER_MS);
    pass(passed_ns);
    nodes[0].error_ns = 0;
    struct report b = sign(&nodes[0]);
    b.before_f28 = b.after_f28 = report_width_from_ns(NS_PER_MS);
    b.as_of += (uint64_t)((__int128)shift_ns * (INT64_C(1) << 32) / NS_PER_S);
    return change != NULL && !change(&b) ? EVIDENCE_NONE : compare(&a, &b);
}

static bool retract(struct report *report)
{
    report->flags |= REPORT_RETRACTED;
    return true;
}

static bool leave_open(struct report *report)
{
    report->after_f28 = REPORT_WIDTH_UNBOUNDED;
    return true;
}

static bool disrupt(struct report *report)
{
    report->disruptions++;
    return true;
}

static bool change_timescale(struct report *report)
{
    report->timescale = REPORT_MESH_TIME;
    report->timescale_id = 7;
    return true;
}

static bool pretend_leap(struct report *report)
{
    report->tai_offset_s++;
    return true;
}

/* A liar may announce one for ever. */
static bool announce(struct report *report)
{
    report->leap = LEAP_INSERT;
    report->tai_offset_s = 0;
    report->as_of -= UINT64_C(37) << 32;
    return true;
}

static void intervals_must_hold_together(void)
{
    int64_t second = NS_PER_S;
    /* Two milliseconds by their widths, one by the oscillator in a second. */
    CU_ASSERT_EQUAL(shifted(2990 * NS_PER_US, second, NULL), EVIDENCE_NONE);
    CU_ASSERT_EQUAL(shifted(3010 * NS_PER_US, second, NULL), EVIDENCE_INTERVALS);
    CU_ASSERT_EQUAL(shifted(-2990 * NS_PER_US, second, NULL), EVIDENCE_NONE);
    CU_ASSERT_EQUAL(shifted(-3010 * NS_PER_US, second, NULL), EVIDENCE_INTERVALS);
    CU_ASSERT_EQUAL(shifted(second, 64 * second, NULL), EVIDENCE_INTERVALS);
    CU_ASSERT_EQUAL(shifted(second, 64 * second, retract), EVIDENCE_NONE);
    CU_ASSERT_EQUAL(shifted(second, 64 * second, leave_open), EVIDENCE_NONE);
    CU_ASSERT_EQUAL(shifted(second, 64 * second, disrupt), EVIDENCE_NONE);
    CU_ASSERT_EQUAL(shifted(second, 64 * second, change_timescale), EVIDENCE_NONE);
    CU_ASSERT_EQUAL(shifted(second, 64 * second, pretend_leap), EVIDENCE_NONE);
    CU_ASSERT_EQUAL(shifted(3600 * second, second, pretend_leap), EVIDENCE_INTERVALS);
    CU_ASSERT_EQUAL(shifted(second, 64 * second, announce), EVIDENCE_INTERVALS);
    /* Across the month's end, where a second is anybody's. */
    CU_ASSERT_EQUAL(shifted(second, 16 * INT64_C(86400) * second, NULL), EVIDENCE_NONE);
}

static const struct unit_case cases[] = {
    {"honest nodes are never guilty", honest_nodes_are_never_guilty},
    {"leap seconds convict nobody", leap_seconds_convict_nobody},
    {"intervals must hold together", intervals_must_hold_together},
};
UNIT_MAIN("evidence_honest", cases)
