/* SPDX-License-Identifier: MIT */
#include "common/base/hlc.h"
#include "ntpwire/timestamp.h"

#define NOTHING INT64_MIN
#define ERA_GRANULES (INT64_C(1) << 48)
/* int64 nanoseconds since 1970 reach from 1677 to 2262. */
#define ERA_MIN (-2)
#define ERA_MAX 2

static int64_t add_saturating(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return b < 0 ? INT64_MIN : INT64_MAX;
    }
    return sum;
}

static int64_t subtract_saturating(int64_t a, int64_t b)
{
    int64_t difference;
    if (__builtin_sub_overflow(a, b, &difference)) {
        return b > 0 ? INT64_MIN : INT64_MAX;
    }
    return difference;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t hlc_granules(struct wall wall)
{
    int64_t seconds = wall.ns / NS_PER_S;
    int64_t rest = wall.ns % NS_PER_S;
    if (rest < 0) {
        rest += NS_PER_S;
        seconds--;
    }
    int64_t fraction = (rest * HLC_GRANULES_PER_S + NS_PER_S - 1) / NS_PER_S;
    return (seconds + TIMESTAMP_UNIX_EPOCH) * HLC_GRANULES_PER_S + fraction;
}

int64_t hlc_unfold(struct hlc_stamp stamp, struct wall pivot)
{
    int64_t granules = hlc_granules(pivot);
    /* The difference modulo an era, taken as signed, leads to the nearest reading. */
    uint64_t mask = (uint64_t)ERA_GRANULES - 1;
    int64_t ahead = (int64_t)(((stamp.bits >> 16) - (uint64_t)granules) & mask);
    return granules + (ahead >= ERA_GRANULES / 2 ? ahead - ERA_GRANULES : ahead);
}

struct hlc_stamp hlc_stamp_make(int64_t granules, uint32_t count)
{
    assert(count < HLC_COUNTS_PER_GRANULE);
    return (struct hlc_stamp){.bits = (uint64_t)granules << 16 | count};
}

/* The last instant that a message may claim. */
static int64_t limit_granules(struct wall latest, int64_t max_offset_ns)
{
    return hlc_granules((struct wall){.ns = add_saturating(latest.ns, max_offset_ns)});
}

bool hlc_is_ahead(struct hlc_stamp stamp, struct wall latest, int64_t max_offset_ns)
{
    return hlc_is_after(stamp, hlc_stamp_make(limit_granules(latest, max_offset_ns), 0));
}

/* Granules since 1900 to a distance from the origin; 68 years off it saturates. */
static int64_t to_distance(const struct hlc *hlc, int64_t granules)
{
    int64_t distance = granules - hlc->origin_granules;
    if (distance >= ERA_GRANULES / 2) {
        return INT64_MAX;
    }
    return distance < -ERA_GRANULES / 2 ? INT64_MIN : distance * HLC_COUNTS_PER_GRANULE;
}

/* distance is not negative: nothing that is given or saved lies before the origin. */
static struct hlc_bound to_bound(const struct hlc *hlc, int64_t distance)
{
    assert(distance >= 0);
    int64_t granules = hlc->origin_granules + distance / HLC_COUNTS_PER_GRANULE;
    /* Shifted into the positive, where division rounds down. */
    int64_t eras = (granules - ERA_MIN * ERA_GRANULES) / ERA_GRANULES + ERA_MIN;
    return (struct hlc_bound){
        .era = (int32_t)eras,
        .stamp = hlc_stamp_make(granules, (uint32_t)(distance % HLC_COUNTS_PER_GRANULE)),
    };
}

static int64_t ticks(int64_t duration_ns)
{
    int64_t whole = duration_ns / NS_PER_S * HLC_GRANULES_PER_S;
    int64_t part = (duration_ns % NS_PER_S * HLC_GRANULES_PER_S + NS_PER_S - 1) / NS_PER_S;
    return (whole + part) * HLC_COUNTS_PER_GRANULE;
}

bool hlc_init(struct hlc *hlc, const struct hlc_bound *saved, int64_t max_offset_ns)
{
    assert(max_offset_ns >= 0 && max_offset_ns <= HLC_MAX_OFFSET_NS_MAX);
    if (saved != NULL && (saved->era < ERA_MIN || saved->era > ERA_MAX)) {
        return false;
    }
    hlc->origin_granules = 0;
    hlc->resumed = NOTHING;
    if (saved != NULL) {
        hlc->origin_granules = saved->era * ERA_GRANULES + (int64_t)(saved->stamp.bits >> 16);
        hlc->resumed = (int64_t)(saved->stamp.bits & 0xFFFF);
    }
    hlc->ahead_ns = HLC_BOUND_AHEAD_NS;
    int64_t start = saved != NULL ? hlc->resumed : 0;
    atomic_init(&hlc->last, start);
    atomic_init(&hlc->seen, start);
    atomic_init(&hlc->bound, start);
    atomic_init(&hlc->line_ns, 0);
    atomic_init(&hlc->is_started, saved != NULL);
    atomic_init(&hlc->has_line, false);
    atomic_init(&hlc->is_synchronised, false);
    for (size_t i = 0; i < HLC_VERDICTS; i++) {
        atomic_init(&hlc->counts[i], 0);
    }
    hlc->saving = NOTHING;
    hlc->max_offset_ns = max_offset_ns;
    return true;
}

void hlc_set_ahead(struct hlc *hlc, int64_t ahead_ns)
{
    assert(ahead_ns > 0);
    hlc->ahead_ns = ahead_ns;
}

void hlc_confirm(struct hlc *hlc, struct reading reading)
{
    if (!atomic_load(&hlc->is_started)) {
        /* One granule back, so that the first stamp is the clock's reading itself. */
        hlc->origin_granules = hlc_granules(reading.wall) - 1;
        atomic_store(&hlc->is_started, true);
    }
    atomic_store(&hlc->line_ns, subtract_saturating(reading.wall.ns, reading.mono.ns));
    atomic_store(&hlc->has_line, true);
    atomic_store(&hlc->is_synchronised, true);
}

void hlc_doubt(struct hlc *hlc)
{
    atomic_store(&hlc->is_synchronised, false);
}

/* Our clock as far as it is confirmed, as a distance; if it never was, NOTHING: a past so far that
 * the rules below give way to it nowhere. */
static int64_t physical(struct hlc *hlc, struct reading reading)
{
    if (!atomic_load(&hlc->has_line)) {
        return NOTHING;
    }
    /* Stamps would follow a step forward for ever, and carry it to everybody who merges them. */
    int64_t line_ns = add_saturating(reading.mono.ns, atomic_load(&hlc->line_ns));
    struct wall wall = reading.wall;
    if (subtract_saturating(wall.ns, line_ns) > hlc->max_offset_ns) {
        wall.ns = line_ns;
    }
    return to_distance(hlc, hlc_granules(wall));
}

static enum hlc_verdict count(struct hlc *hlc, enum hlc_verdict verdict)
{
    atomic_fetch_add_explicit(&hlc->counts[verdict], 1, memory_order_relaxed);
    return verdict;
}

/* A bound is at most ahead_ns ahead of a stamp, which is at most max_offset ahead of us:
 * what lies further off is a clock that went back, for which nobody wants to wait. */
static bool is_waiting(const struct hlc *hlc, int64_t last, int64_t clock)
{
    return last == hlc->resumed && clock < last &&
           subtract_saturating(last, clock) <= ticks(hlc->ahead_ns + hlc->max_offset_ns);
}

enum hlc_verdict hlc_send(struct hlc *hlc, const struct hlc_now *now, struct hlc_stamp *stamp)
{
    if (!atomic_load(&hlc->is_started)) {
        return count(hlc, HLC_UNSTARTED);
    }
    int64_t clock = physical(hlc, now->reading);
    int64_t last = atomic_load(&hlc->last);
    int64_t next;
    do {
        if (is_waiting(hlc, last, clock)) {
            return count(hlc, HLC_WAITING);
        }
        next = later(add_saturating(later(last, atomic_load(&hlc->seen)), 1), clock);
        /* At the end of the scale the bound is reached and next can't grow: no stamp twice. */
        if (next > atomic_load(&hlc->bound) || next == last) {
            return count(hlc, HLC_UNSAVED);
        }
    } while (!atomic_compare_exchange_weak(&hlc->last, &last, next));

    *stamp = to_bound(hlc, next).stamp;
    if (subtract_saturating(next, clock) > ticks(hlc->max_offset_ns)) {
        return count(hlc, HLC_STALLED);
    }
    return HLC_OK;
}

static void raise_to(_Atomic int64_t *value, int64_t least)
{
    int64_t old = atomic_load(value);
    while (old < least && !atomic_compare_exchange_weak(value, &old, least)) {
    }
}

enum hlc_verdict hlc_receive(struct hlc *hlc, const struct hlc_now *now, struct hlc_stamp message,
                             struct hlc_stamp *stamp)
{
    if (!atomic_load(&hlc->is_started)) {
        return count(hlc, HLC_UNSTARTED);
    }
    if (!atomic_load(&hlc->is_synchronised)) {
        return count(hlc, HLC_UNSYNCHRONISED);
    }
    if (hlc_is_ahead(message, now->latest, hlc->max_offset_ns)) {
        return count(hlc, HLC_AHEAD);
    }
    /* Placed by its distance from the limit, behind which it lies: compared with our last stamp, a
     * message of 68 years ago could pass for a new one while we are stalled ahead of the limit. */
    int64_t limit = limit_granules(now->latest, hlc->max_offset_ns);
    uint64_t behind = hlc_stamp_make(limit, 0).bits - message.bits;
    if (behind <= INT64_MAX) {
        raise_to(&hlc->seen, subtract_saturating(to_distance(hlc, limit), (int64_t)behind));
    }
    return hlc_send(hlc, now, stamp);
}

bool hlc_save_due(struct hlc *hlc, const struct hlc_now *now, struct hlc_bound *bound)
{
    if (!atomic_load(&hlc->is_started) || hlc->saving != NOTHING) {
        return false;
    }
    int64_t clock = physical(hlc, now->reading);
    int64_t reached = later(later(atomic_load(&hlc->last), atomic_load(&hlc->seen)), clock);
    /* Whoever waits for the old bound gives no stamp, and so needs no new one: else each restart of
     * a process that does not live long would push it, and soon out of the clock's reach. */
    if (reached == hlc->resumed && is_waiting(hlc, reached, clock)) {
        reached = clock;
    }
    int64_t durable = atomic_load(&hlc->bound);
    if (subtract_saturating(durable, reached) >= ticks(hlc->ahead_ns / 2) || durable == INT64_MAX) {
        return false;
    }
    hlc->saving = add_saturating(reached, ticks(hlc->ahead_ns));
    *bound = to_bound(hlc, hlc->saving);
    return true;
}

void hlc_saved(struct hlc *hlc, bool is_durable)
{
    assert(hlc->saving != NOTHING);
    if (is_durable) {
        atomic_store(&hlc->bound, hlc->saving);
    }
    hlc->saving = NOTHING;
}

bool hlc_last(struct hlc *hlc, struct hlc_bound *last)
{
    int64_t distance = atomic_load(&hlc->last);
    if (!atomic_load(&hlc->is_started) || (hlc->resumed == NOTHING && distance == 0)) {
        return false;
    }
    *last = to_bound(hlc, distance);
    return true;
}

uint64_t hlc_count(struct hlc *hlc, enum hlc_verdict verdict)
{
    assert((size_t)verdict < HLC_VERDICTS);
    return atomic_load_explicit(&hlc->counts[verdict], memory_order_relaxed);
}

const char *hlc_verdict_name(enum hlc_verdict verdict)
{
    static const char *const names[] = {
        [HLC_OK] = "ok",
        [HLC_STALLED] = "stalled",
        [HLC_AHEAD] = "ahead",
        [HLC_UNSYNCHRONISED] = "unsynchronised",
        [HLC_WAITING] = "waiting",
        [HLC_UNSAVED] = "unsaved",
        [HLC_UNSTARTED] = "unstarted",
    };
    _Static_assert(sizeof names / sizeof names[0] == HLC_VERDICTS, "one name for each verdict");
    assert((size_t)verdict < HLC_VERDICTS);
    return names[verdict];
}
