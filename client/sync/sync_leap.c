/* SPDX-License-Identifier: MIT */
/* Leap seconds: all that is known is shifted at once when one passes, so that inside time goes on
 * evenly; what POSIX makes of it is added at the edge. */
#include "client/sync/sync_inner.h"

#define PPM 1e-6
/* Around a leap second nobody is asked and no answer is taken: whose clock has leapt, and which of
 * two readings it means, can't be told. */
#define NEAR_NS (5 * NS_PER_S)

static int64_t leap_by_ns(enum packet_leap leap)
{
    return leap == LEAP_INSERT ? -NS_PER_S : NS_PER_S;
}

/* When unbroken time has it: an inserted second begins at midnight, a deleted one would have begun
 * a second before it. */
static int64_t leap_instant_ns(enum packet_leap leap, struct wall midnight)
{
    return leap == LEAP_INSERT ? midnight.ns : midnight.ns - NS_PER_S;
}

/* What the list says, or most of the sources that count. */
static enum packet_leap announced(const struct sync *sync, struct wall utc, bool *is_listed)
{
    enum packet_leap leap = LEAP_NONE;
    *is_listed = leap_table_pending(&sync->options.leaps, utc, &leap);
    if (*is_listed) {
        return leap;
    }
    uint8_t leaps[SYNC_SOURCES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < sync->table.count; i++) {
        const struct sync_entry *entry = &sync->table.entries[i];
        if (entry->weight > 0 && source_sample(entry->source) != NULL) {
            leaps[count++] = source_sample(entry->source)->leap;
        }
    }
    return leap_vote(leaps, count, utc);
}

static void report(enum packet_leap leap, bool is_listed, struct actions *out)
{
    if (leap == LEAP_NONE) {
        actions_report(out, REPORT_NOTICE, "the leap second is not announced any more");
        return;
    }
    actions_report(out, REPORT_NOTICE, "a leap second will be %s at the end of this UTC day, %s",
                   leap == LEAP_INSERT ? "inserted" : "deleted",
                   is_listed ? "as the list of leap seconds has it"
                             : "as most of the sources announce");
}

void sync_leap_look(struct sync *sync, struct mono now, struct actions *out)
{
    struct estimate estimate;
    enum packet_leap before = sync->leap;
    bool is_listed;
    /* During an inserted second the day is still the one that had it announced. */
    if (sync_leap_is_near(sync, now)) {
        return;
    }
    sync->leap = LEAP_NONE;
    sync->leap_at.ns = SYNC_NEVER;
    if (!sync_is_bounded(sync) || !sync_estimate(sync, now, &estimate)) {
        return;
    }
    struct wall midnight = leap_end_of_day(estimate.wall);
    enum packet_leap leap = announced(sync, estimate.wall, &is_listed);
    if (leap != before) {
        report(leap, is_listed, out);
    }
    if (leap == LEAP_NONE) {
        return;
    }
    sync->leap = leap;
    sync->midnight = midnight;
    int64_t left_ns = leap_instant_ns(leap, midnight) - estimate.wall.ns;
    sync->leap_at.ns = now.ns + (int64_t)((double)left_ns / (1 + estimate.rate_ppm * PPM));
}

bool sync_leap_is_near(const struct sync *sync, struct mono now)
{
    return (sync->leap != LEAP_NONE && now.ns > sync->leap_at.ns - NEAR_NS) ||
           (sync->passed != LEAP_NONE && now.ns < sync->passed_at.ns + NEAR_NS);
}

int64_t sync_leap_pause_ns(const struct sync *sync, struct mono since, struct mono now)
{
    bool is_ahead = sync->leap != LEAP_NONE && now.ns > sync->leap_at.ns - NEAR_NS;
    bool is_behind = sync->passed != LEAP_NONE && since.ns < sync->passed_at.ns + NEAR_NS &&
                     now.ns > sync->passed_at.ns - NEAR_NS;
    return is_ahead || is_behind ? 2 * NEAR_NS : 0;
}

struct mono sync_leap_end(const struct sync *sync)
{
    int64_t at_ns = sync->leap != LEAP_NONE ? sync->leap_at.ns : sync->passed_at.ns;
    return (struct mono){at_ns + NEAR_NS};
}

void sync_leap_pass(struct sync *sync, struct reading now, struct actions *out)
{
    if (sync->leap == LEAP_NONE || now.mono.ns < sync->leap_at.ns) {
        return;
    }
    int64_t by_ns = leap_by_ns(sync->leap);
    for (size_t i = 0; i < sync->table.count; i++) {
        source_shift(sync->table.entries[i].source, by_ns);
    }
    span_shift(&sync->span, by_ns);
    sync->estimate.wall.ns += by_ns;
    sync->judgement.agreed.earliest_ns += by_ns;
    sync->judgement.agreed.latest_ns += by_ns;
    /* The kernel does it by itself. */
    if (sync->options.leap == SYNC_LEAP_KERNEL && sync->options.is_shadow) {
        sync->line.wall.ns += by_ns;
    }
    actions_report(out, REPORT_NOTICE, "a leap second is %s",
                   sync->leap == LEAP_INSERT ? "inserted" : "deleted");
    sync->passed = sync->leap;
    sync->passed_midnight = sync->midnight;
    sync->passed_at = now.mono;
    sync->leap = LEAP_NONE;
    sync->leap_at.ns = SYNC_NEVER;
    sync_claim_publish(sync, now, out);
}

/* The ends of an interval of unbroken time as POSIX counts. An inserted second repeats the one
 * before: whatever the reading may mean has to lie inside, and the earlier end never goes back. */
static void break_interval(enum packet_leap leap, struct wall midnight, struct interval *interval)
{
    int64_t earliest_ns = interval->earliest_ns;
    int64_t latest_ns = interval->latest_ns;
    if (leap == LEAP_INSERT) {
        int64_t before_ns = midnight.ns - NS_PER_S;
        interval->earliest_ns = earliest_ns < before_ns     ? earliest_ns
                                : earliest_ns < midnight.ns ? before_ns
                                                            : earliest_ns - NS_PER_S;
        interval->latest_ns = latest_ns < midnight.ns              ? latest_ns
                              : latest_ns < midnight.ns + NS_PER_S ? midnight.ns
                                                                   : latest_ns - NS_PER_S;
    } else {
        int64_t instant_ns = leap_instant_ns(leap, midnight);
        interval->earliest_ns += earliest_ns >= instant_ns ? NS_PER_S : 0;
        interval->latest_ns += latest_ns >= instant_ns ? NS_PER_S : 0;
    }
}

void sync_leap_break(const struct sync *sync, struct mono now, struct interval *interval)
{
    if (!sync_leap_is_near(sync, now)) {
        return;
    }
    if (sync->leap != LEAP_NONE) {
        break_interval(sync->leap, sync->midnight, interval);
    } else {
        int64_t by_ns = leap_by_ns(sync->passed);
        interval->earliest_ns -= by_ns;
        interval->latest_ns -= by_ns;
        break_interval(sync->passed, sync->passed_midnight, interval);
    }
}

int64_t sync_leap_smear(const struct sync *sync, struct wall utc, double *ppm)
{
    *ppm = 0;
    if (sync->options.leap != SYNC_LEAP_SMEAR) {
        return 0;
    }
    int64_t window_ns = sync->options.leap_window_ns;
    if (sync->leap != LEAP_NONE) {
        *ppm = leap_smear_ppm(utc, sync->midnight, sync->leap, window_ns);
        return leap_smear_ns(utc, sync->midnight, sync->leap, window_ns);
    }
    if (sync->passed != LEAP_NONE) {
        int64_t by_ns = leap_by_ns(sync->passed);
        struct wall unbroken = {utc.ns - by_ns};
        *ppm = leap_smear_ppm(unbroken, sync->passed_midnight, sync->passed, window_ns);
        return leap_smear_ns(unbroken, sync->passed_midnight, sync->passed, window_ns) - by_ns;
    }
    return 0;
}

void sync_leap_serve(const struct sync *sync, struct estimate *estimate)
{
    double ppm;
    estimate->wall.ns += sync_leap_smear(sync, estimate->wall, &ppm);
    estimate->rate_ppm += ppm;
}

void sync_leap_foretell(const struct sync *sync, struct sync_state *state)
{
    if (sync->leap != LEAP_NONE && sync->options.leap != SYNC_LEAP_SMEAR) {
        state->leap_by_ns = leap_by_ns(sync->leap);
        state->leap_from.ns = leap_instant_ns(sync->leap, sync->midnight);
    }
}

enum packet_leap sync_leap_shown(const struct sync *sync)
{
    return sync->options.leap == SYNC_LEAP_SMEAR ? LEAP_NONE : sync->leap;
}
