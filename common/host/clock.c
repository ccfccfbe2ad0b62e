/* SPDX-License-Identifier: MIT */
#include "common/host/clock.h"
#include "common/base/random.h"
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <uv.h>

/* One clock is read between two readings of another, again if these are far apart: we were
 * interrupted. Where reading takes long, three tries do; what a busy machine makes of three in
 * a row, a dozen won't. */
#define PAIR_GAP_NS 2000
#define PAIR_TRIES 3
#define PAIR_GAP_SLOW_NS 20000
#define PAIR_TRIES_MOST 12
#define STAMP_AGE_NS_MAX (10 * NS_PER_S)
#define PRECISION_READINGS 256
#define PRECISION_MIN (-30)
#define PRECISION_MAX (-6)
#define WANDER_STEP_NS NS_PER_S

/* A random walk of the rate in steps of a second. It is advanced by whoever reads first in a new
 * second. */
struct wander {
    uv_mutex_t lock;
    struct random random;
    int64_t start_ns; /* of the present step, on the true oscillator */
    double rate;
    double gained_ns; /* until the start of the step */
};

struct clock {
    struct clock_fault fault;
    bool is_faulty;
    int64_t base_ns; /* the oscillator at creation */
    struct wander *wander;
    _Atomic int64_t rate_ppb; /* the system clock's, on the true oscillator */
    _Atomic int64_t set_ns;   /* when it was set last, on the true oscillator; 0: never */
};

static int64_t read_ns(clockid_t id)
{
    struct timespec now;
    /* RAW is missing on very old kernels and in some sandboxes; MONOTONIC is the next best. */
    if (clock_gettime(id, &now) != 0 && clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        return 0;
    }
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

struct clock *clock_create(const struct clock_fault *fault, uint64_t seed)
{
    struct clock *clock = calloc(1, sizeof(*clock));
    if (clock == NULL) {
        return NULL;
    }
    clock->fault = *fault;
    clock->base_ns = read_ns(CLOCK_MONOTONIC_RAW);
    clock->is_faulty = fault->offset_ns != 0 || fault->rate_ppm != 0 || fault->wander_ppb != 0;
    if (fault->wander_ppb != 0) {
        clock->wander = calloc(1, sizeof(*clock->wander));
        if (clock->wander == NULL || uv_mutex_init(&clock->wander->lock) != 0) {
            free(clock->wander);
            free(clock);
            return NULL;
        }
        random_init_seeded(&clock->wander->random, seed);
        clock->wander->start_ns = clock->base_ns;
    }
    return clock;
}

void clock_destroy(struct clock *clock)
{
    if (clock != NULL && clock->wander != NULL) {
        uv_mutex_destroy(&clock->wander->lock);
        free(clock->wander);
    }
    free(clock);
}

/* What the walk has gained at that instant, in nanoseconds, and the rate it has then. */
static double wander_gain(struct wander *wander, double ppb, int64_t raw_ns, double *rate)
{
    uv_mutex_lock(&wander->lock);
    while (raw_ns - wander->start_ns >= WANDER_STEP_NS) {
        wander->gained_ns += wander->rate * (double)WANDER_STEP_NS;
        wander->start_ns += WANDER_STEP_NS;
        wander->rate += random_normal(&wander->random) * ppb * 1e-9;
    }
    double gain = wander->gained_ns + wander->rate * (double)(raw_ns - wander->start_ns);
    *rate = wander->rate;
    uv_mutex_unlock(&wander->lock);
    return gain;
}

/* How far the faulty oscillator is ahead of the true one at that instant; *rate is its slope. */
static int64_t fault_gain(const struct clock *clock, int64_t raw_ns, double *rate)
{
    *rate = clock->fault.rate_ppm * 1e-6;
    double gain = *rate * (double)(raw_ns - clock->base_ns);
    if (clock->wander != NULL) {
        double wander_rate;
        gain += wander_gain(clock->wander, clock->fault.wander_ppb, raw_ns, &wander_rate);
        *rate += wander_rate;
    }
    return llround(gain);
}

static bool is_good_pair(int64_t gap_ns, int tries)
{
    return gap_ns <= PAIR_GAP_NS || (gap_ns <= PAIR_GAP_SLOW_NS && tries >= PAIR_TRIES) ||
           tries >= PAIR_TRIES_MOST;
}

int64_t clock_read_within(clockid_t id, clockid_t other, int64_t *middle_ns, int64_t *gap_ns)
{
    int64_t best = 0;
    int tries = 0;
    *gap_ns = INT64_MAX;
    do {
        int64_t before = read_ns(other);
        int64_t value = read_ns(id);
        int64_t after = read_ns(other);
        if (after - before < *gap_ns) {
            *gap_ns = after - before;
            *middle_ns = before + *gap_ns / 2;
            best = value;
        }
        tries++;
    } while (!is_good_pair(*gap_ns, tries));
    return best;
}

struct reading clock_read(const struct clock *clock)
{
    struct reading now;
    int64_t gap_ns;
    now.wall.ns = clock_read_within(CLOCK_REALTIME, CLOCK_MONOTONIC_RAW, &now.mono.ns, &gap_ns);
    if (clock->is_faulty) {
        double rate;
        int64_t gain = fault_gain(clock, now.mono.ns, &rate);
        now.mono.ns += gain;
        now.wall.ns += clock->fault.offset_ns + gain;
    }
    return now;
}

bool clock_date(const struct clock *clock, int64_t realtime_ns, struct reading now,
                struct reading *at)
{
    double fault_rate = 0;
    int64_t fault_ns = 0;
    if (clock->is_faulty) {
        /* The gain belongs to the true oscillator; taking the faulty one's reading for it errs by
         * rate². */
        int64_t gain = fault_gain(clock, now.mono.ns, &fault_rate);
        fault_ns = fault_gain(clock, now.mono.ns - gain, &fault_rate);
    }
    int64_t offset_ns = clock->is_faulty ? clock->fault.offset_ns + fault_ns : 0;
    int64_t wall_age = now.wall.ns - offset_ns - realtime_ns;
    if (wall_age < 0 || wall_age > STAMP_AGE_NS_MAX) {
        return false;
    }
    /* What the oscillator counted meanwhile; with the present rate: a stamp is read soon. */
    double rate = (double)atomic_load_explicit(&clock->rate_ppb, memory_order_relaxed) * 1e-9;
    int64_t age = wall_age - llround((double)wall_age * rate / (1 + rate));
    int64_t set_ns = atomic_load_explicit(&clock->set_ns, memory_order_relaxed);
    if (set_ns != 0 && now.mono.ns - fault_ns - age < set_ns) {
        return false;
    }
    int64_t fault_gained = llround(fault_rate * (double)age);
    at->mono.ns = now.mono.ns - age - fault_gained;
    at->wall.ns = now.wall.ns - wall_age - fault_gained;
    return true;
}

struct reading clock_convert(const struct clock *clock, int64_t realtime_ns, struct reading now)
{
    struct reading at;
    return clock_date(clock, realtime_ns, now, &at) ? at : now;
}

void clock_set_rate(struct clock *clock, double frequency_ppm)
{
    atomic_store_explicit(&clock->rate_ppb, llround(frequency_ppm * 1000), memory_order_relaxed);
}

void clock_mark_set(struct clock *clock)
{
    atomic_store_explicit(&clock->set_ns, read_ns(CLOCK_MONOTONIC_RAW), memory_order_relaxed);
}

int8_t clock_precision(void)
{
    int64_t smallest = NS_PER_S;
    int64_t previous = read_ns(CLOCK_REALTIME);
    for (int i = 0; i < PRECISION_READINGS; i++) {
        int64_t now = read_ns(CLOCK_REALTIME);
        if (now > previous && now - previous < smallest) {
            smallest = now - previous;
        }
        previous = now;
    }
    int precision = PRECISION_MIN;
    while (precision < PRECISION_MAX && timestamp_log2_to_ns(precision) < smallest) {
        precision++;
    }
    return (int8_t)precision;
}

int clock_step(int64_t offset_ns)
{
    /* Relative, so that what passes between reading and setting is not lost. */
    struct timex timex = {.modes = ADJ_SETOFFSET | ADJ_NANO};
    timex.time.tv_sec = offset_ns / NS_PER_S;
    timex.time.tv_usec = offset_ns % NS_PER_S;
    if (timex.time.tv_usec < 0) {
        timex.time.tv_sec--;
        timex.time.tv_usec += NS_PER_S;
    }
    return adjtimex(&timex) < 0 ? -errno : 0;
}

int clock_slew(int64_t offset_ns)
{
    int64_t offset_us = (offset_ns + (offset_ns < 0 ? -500 : 500)) / NS_PER_US;
    struct timeval delta = {.tv_sec = offset_us / 1000000, .tv_usec = offset_us % 1000000};
    return adjtime(&delta, NULL) != 0 ? -errno : 0;
}
