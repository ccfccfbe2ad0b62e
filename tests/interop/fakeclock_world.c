/* SPDX-License-Identifier: MIT */
#include "tests/interop/fakeclock_world.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_DAY (86400 * NS_PER_S)
#define TICK_US 10000
#define FREQUENCY_MAX (500 * 65536)
#define ERROR_US_MAX 16000000
#define ERROR_US_PER_S 500
#define SPINS_MAX 1000000
#define NEVER INT64_MAX
#define ADJUST_READ_OFFSET 0xa001 /* ADJ_OFFSET_SS_READ: only asks */

/* What the clocks showed when the true oscillator showed base, and how they go on. */
struct world {
    atomic_int is_made;
    atomic_int owner;     /* the process that writes; 0: none */
    atomic_uint sequence; /* odd while it does */
    int64_t begin;        /* of the oscillator's rate */
    int64_t base;
    int64_t raw;
    int64_t realtime;
    int64_t monotonic;
    int64_t slept;
    int64_t passed;
    double rate_ppm;
    int64_t ticked;    /* the last full second of REALTIME that was looked at */
    int64_t next_leap; /* on REALTIME; NEVER: none is due */
    int leap_state;    /* TIME_OK, _INS, _DEL, _OOP or _WAIT */
    long frequency, tick, offset;
    int64_t error_us, error_at; /* error_at on raw */
    long estimated_us;
    int status, tai;
    int refusal;
};

static struct world *world;

static int64_t true_ns(clockid_t id)
{
    static int (*real)(clockid_t, struct timespec *);
    struct timespec now;
    if (real == NULL) {
        real = (int (*)(clockid_t, struct timespec *))fakeclock_next("clock_gettime");
    }
    real(id, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static double number_of(const char *name)
{
    const char *text = getenv(name);
    return text != NULL ? strtod(text, NULL) : 0;
}

static void make(struct world *made)
{
    made->begin = made->base = true_ns(CLOCK_MONOTONIC_RAW);
    made->raw = made->base;
    made->monotonic = true_ns(CLOCK_MONOTONIC);
    made->realtime = true_ns(CLOCK_REALTIME) + llround(number_of("FAKECLOCK_OFFSET") * 1e9);
    made->ticked = made->realtime - made->realtime % NS_PER_S;
    made->next_leap = NEVER;
    made->leap_state = TIME_OK;
    made->slept = true_ns(CLOCK_BOOTTIME) - made->monotonic;
    made->rate_ppm = number_of("FAKECLOCK_RATE");
    made->tick = TICK_US;
    made->status = STA_UNSYNC;
    made->error_us = made->estimated_us = ERROR_US_MAX;
    atomic_store(&made->is_made, 2);
}

static struct world *map(void)
{
    const char *path = getenv("FAKECLOCK");
    int file = path == NULL ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (path != NULL && (file < 0 || ftruncate(file, sizeof(struct world)) != 0)) {
        fprintf(stderr, "fakeclock: %s: %s\n", path, strerror(errno));
        abort();
    }
    void *place = mmap(NULL, sizeof(struct world), PROT_READ | PROT_WRITE,
                       path == NULL ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, file, 0);
    if (place == MAP_FAILED) {
        abort();
    }
    if (file >= 0) {
        (void)fchmod(file, 0666);
        close(file);
    }
    return place;
}

__attribute__((constructor)) void fakeclock_begin(void)
{
    if (world != NULL) {
        return;
    }
    struct world *shared = map();
    int nobody = 0;
    if (atomic_compare_exchange_strong(&shared->is_made, &nobody, 1)) {
        make(shared);
    }
    while (atomic_load(&shared->is_made) != 2) {
        sched_yield();
    }
    world = shared;
}

__attribute__((format(printf, 1, 2))) static void log_line(const char *format, ...)
{
    const char *path = getenv("FAKECLOCK_LOG");
    if (path == NULL) {
        return;
    }
    char line[256];
    int prefix =
        snprintf(line, sizeof(line), "%s %ld ", program_invocation_short_name, (long)getpid());
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + prefix, sizeof(line) - (size_t)prefix, format, arguments);
    va_end(arguments);
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0 || write(file, line, strlen(line)) < 0) {
        fprintf(stderr, "fakeclock: can't log \"%s\": %s\n", line, strerror(errno));
    }
    if (file >= 0) {
        close(file);
    }
}

static long double steered_ppm(const struct world *now)
{
    return (long double)now->frequency / 65536 + (long double)(now->tick - TICK_US) * 100;
}

/* All clocks, as the world has them at this moment. */
static struct fakeclock_reading evaluate(const struct world *now)
{
    int64_t elapsed = true_ns(CLOCK_MONOTONIC_RAW) + now->passed - now->base;
    int64_t raw = elapsed + llroundl((long double)elapsed * (long double)now->rate_ppm / 1e6L);
    int64_t steered = raw + llroundl((long double)raw * steered_ppm(now) / 1e6L);
    return (struct fakeclock_reading){.realtime = now->realtime + steered,
                                      .monotonic = now->monotonic + steered,
                                      .raw = now->raw + raw,
                                      .boottime = now->monotonic + steered + now->slept};
}

/* What changes from here on counts from here on. */
static void rebase(void)
{
    struct fakeclock_reading now = evaluate(world);
    world->base = true_ns(CLOCK_MONOTONIC_RAW) + world->passed;
    /* What passed between the two readings of the oscillator is lost, to all alike. */
    world->realtime = now.realtime;
    world->monotonic = now.monotonic;
    world->raw = now.raw;
}

static void hold(void)
{
    int self = (int)getpid();
    for (int spins = 0;; spins++) {
        int owner = 0;
        if (atomic_compare_exchange_strong(&world->owner, &owner, self)) {
            break;
        }
        bool is_gone =
            spins > SPINS_MAX || (owner != self && kill(owner, 0) != 0 && errno == ESRCH);
        if (is_gone && atomic_compare_exchange_strong(&world->owner, &owner, self)) {
            break;
        }
        sched_yield();
    }
    atomic_fetch_or(&world->sequence, 1);
}

static int64_t end_of_day(int64_t realtime)
{
    return realtime - realtime % NS_PER_DAY + NS_PER_DAY;
}

/* From here on REALTIME is a second beside what it was: the kernel has its timers cancelled. */
static void leap(bool inserts)
{
    world->realtime += inserts ? -NS_PER_S : NS_PER_S;
    world->ticked += inserts ? -NS_PER_S : NS_PER_S;
    world->tai += inserts ? 1 : -1;
    world->leap_state = inserts ? TIME_OOP : TIME_WAIT;
    log_line("leap %s tai=%d\n", inserts ? "inserted" : "deleted", world->tai);
    fakeclock_cancel_timers();
}

/* Another second begins. As the kernel does then, and no earlier: of what was told meanwhile only
 * the last counts. */
static void tick(void)
{
    int asked = world->status & (STA_INS | STA_DEL);
    bool inserts = (asked & STA_INS) != 0;
    switch (world->leap_state) {
    case TIME_OK:
        if (asked != 0) {
            world->leap_state = inserts ? TIME_INS : TIME_DEL;
            world->next_leap = inserts ? end_of_day(world->ticked)
                                       : end_of_day(world->ticked + NS_PER_S) - NS_PER_S;
        }
        return;
    case TIME_INS:
    case TIME_DEL:
        if ((asked & (world->leap_state == TIME_INS ? STA_INS : STA_DEL)) == 0) {
            world->leap_state = TIME_OK;
            world->next_leap = NEVER;
        } else if (world->ticked == world->next_leap) {
            leap(world->leap_state == TIME_INS);
        }
        return;
    case TIME_OOP:
        world->leap_state = TIME_WAIT;
        world->next_leap = NEVER;
        return;
    default:
        world->leap_state = asked == 0 ? TIME_OK : TIME_WAIT;
    }
}

/* All seconds that have begun; the world is held. */
static void catch_up(void)
{
    for (;;) {
        int64_t now = evaluate(world).realtime;
        if (now < world->ticked + NS_PER_S) {
            return;
        }
        int before = world->leap_state;
        world->ticked += NS_PER_S;
        tick();
        if (world->leap_state == before) {
            /* So it is in all that follow, but for that of the leap. */
            int64_t last = now - now % NS_PER_S;
            bool is_due = before == TIME_INS || before == TIME_DEL;
            world->ticked = is_due && world->next_leap <= last ? world->next_leap - NS_PER_S : last;
        }
    }
}

static void unlock(void)
{
    atomic_fetch_add(&world->sequence, 1);
    atomic_store(&world->owner, 0);
}

/* To change how the clocks go on. */
static void lock(void)
{
    hold();
    rebase();
    catch_up();
}

static struct world peek(void)
{
    struct world copy;
    unsigned before;
    int spins = 0;
    do {
        before = atomic_load(&world->sequence);
        memcpy(&copy, world, sizeof(copy));
        atomic_thread_fence(memory_order_acquire);
    } while (((before & 1) != 0 || atomic_load(&world->sequence) != before) && ++spins < SPINS_MAX);
    return copy;
}

struct fakeclock_reading fakeclock_read(void)
{
    fakeclock_begin();
    for (;;) {
        struct world copy = peek();
        struct fakeclock_reading now = evaluate(&copy);
        if (now.realtime < copy.ticked + NS_PER_S) {
            return now;
        }
        hold();
        catch_up();
        unlock();
    }
}

void fakeclock_suspend(int64_t ns)
{
    fakeclock_begin();
    lock();
    world->slept += ns;
    world->realtime += ns;
    unlock();
}

void fakeclock_pass(int64_t ns)
{
    fakeclock_begin();
    (void)fakeclock_read();
    lock();
    unlock();
    world->passed += ns;
}

void fakeclock_refuse(int error)
{
    fakeclock_begin();
    world->refusal = error;
}

/* As the kernel does after the clock was set. */
static void forget_discipline(void)
{
    world->status |= STA_UNSYNC;
    world->error_us = world->estimated_us = ERROR_US_MAX;
    world->error_at = world->raw;
    /* A leap that was due never comes, and is still waited for. */
    world->next_leap = NEVER;
    world->offset = 0;
}

static void step(int64_t ns)
{
    lock();
    world->realtime += ns;
    world->ticked = world->realtime - world->realtime % NS_PER_S;
    forget_discipline();
    unlock();
    fakeclock_cancel_timers();
    log_line("step %+.9f\n", (double)ns / 1e9);
}

void fakeclock_step(int64_t ns)
{
    fakeclock_begin();
    step(ns);
}

int fakeclock_may_set(void)
{
    fakeclock_begin();
    if (world->refusal == 0) {
        return 0;
    }
    errno = world->refusal;
    return -1;
}

static bool is_valid(const struct timex *timex)
{
    if ((timex->modes & ADJ_TICK) != 0 && (timex->tick < 9000 || timex->tick > 11000)) {
        return false;
    }
    int64_t limit = (timex->modes & ADJ_NANO) != 0 ? NS_PER_S : 1000000;
    return (timex->modes & ADJ_SETOFFSET) == 0 ||
           (timex->time.tv_usec >= 0 && timex->time.tv_usec < limit);
}

static void apply(const struct timex *timex)
{
    if ((timex->modes & ADJ_STATUS) != 0) {
        world->status = (world->status & STA_RONLY) | (timex->status & ~STA_RONLY);
    }
    if ((timex->modes & ADJ_NANO) != 0) {
        world->status |= STA_NANO;
    }
    if ((timex->modes & ADJ_FREQUENCY) != 0) {
        world->frequency = timex->freq > FREQUENCY_MAX    ? FREQUENCY_MAX
                           : timex->freq < -FREQUENCY_MAX ? -FREQUENCY_MAX
                                                          : timex->freq;
    }
    if ((timex->modes & ADJ_TICK) != 0) {
        world->tick = timex->tick;
    }
    if ((timex->modes & ADJ_MAXERROR) != 0) {
        world->error_us = timex->maxerror;
        world->error_at = world->raw;
    }
    if ((timex->modes & ADJ_ESTERROR) != 0) {
        world->estimated_us = timex->esterror;
    }
    if ((timex->modes & ADJ_TAI) != 0) {
        world->tai = (int)timex->constant;
    }
    if ((timex->modes & ADJ_OFFSET) != 0 && (world->status & STA_PLL) != 0) {
        world->offset = timex->offset;
    }
}

static int report(struct timex *timex)
{
    struct fakeclock_reading now = fakeclock_read();
    struct world copy = peek();
    int64_t error_us = copy.error_us + (now.raw - copy.error_at) / NS_PER_S * ERROR_US_PER_S;
    bool is_lost = error_us > ERROR_US_MAX;
    timex->freq = copy.frequency;
    timex->tick = copy.tick;
    timex->offset = copy.offset;
    timex->status = copy.status | (is_lost ? STA_UNSYNC : 0);
    timex->maxerror = is_lost ? ERROR_US_MAX : (long)error_us;
    timex->esterror = copy.estimated_us;
    timex->tai = copy.tai;
    timex->precision = 1;
    timex->tolerance = FREQUENCY_MAX;
    timex->time.tv_sec = now.realtime / NS_PER_S;
    timex->time.tv_usec = now.realtime % NS_PER_S / ((copy.status & STA_NANO) != 0 ? 1 : 1000);
    /* Whatever it waits for. */
    return (timex->status & STA_UNSYNC) != 0 ? TIME_ERROR : copy.leap_state;
}

int fakeclock_adjust(clockid_t id, struct timex *timex)
{
    fakeclock_begin();
    unsigned modes = timex->modes;
    if (id != CLOCK_REALTIME || !is_valid(timex)) {
        errno = EINVAL;
        return -1;
    }
    if (modes == 0 || modes == ADJUST_READ_OFFSET) {
        return report(timex);
    }
    if (fakeclock_may_set() != 0) {
        return -1;
    }
    if (modes == ADJ_OFFSET_SINGLESHOT) {
        return report(timex);
    }
    if ((modes & ADJ_SETOFFSET) != 0) {
        int64_t unit = (modes & ADJ_NANO) != 0 ? 1 : 1000;
        step((int64_t)timex->time.tv_sec * NS_PER_S + (int64_t)timex->time.tv_usec * unit);
    }
    lock();
    apply(timex);
    unlock();
    int state = report(timex);
    log_line("adjust frequency=%+.3Lf status=0x%x maxerror=%ld esterror=%ld tai=%d\n",
             steered_ppm(world), (unsigned)timex->status, timex->maxerror, timex->esterror,
             timex->tai);
    return state;
}

bool fakeclock_has_begun(void)
{
    return world != NULL;
}

int fakeclock_tai(void)
{
    return world->tai;
}
