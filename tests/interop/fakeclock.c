/* SPDX-License-Identifier: MIT */
/* fakeclock.c - a simulated clock, preloaded into a program or linked into a test: what it asks of
 * the clock is done, truly and to the nanosecond, to clocks that only those processes see. The
 * machine's own clock is read, and never set.
 *
 * FAKECLOCK names a file in which processes share the clock; without it, a process shares it with
 * its children. FAKECLOCK_OFFSET (seconds) and FAKECLOCK_RATE (ppm, of the oscillator) say how it
 * starts; FAKECLOCK_LOG names a file that gets a line for whatever was set:
 *
 * "chimed 4711 step +0.080013"
 *
 * "chimed 4711 adjust frequency=+80000.000 status=0x40 maxerror=1000 esterror=10 tai=37"
 *
 * "chimed 4711 leap inserted tai=38"
 *
 * The clock inserts and deletes leap seconds at the end of a UTC day, its maximum error grows, and
 * a REALTIME timer is cancelled when its own process sets the clock or sees a leap second. Of the
 * kernel's own loop only the switch exists. Sockets have no stamps: the kernel would take them from
 * the true clock. */
#include "tests/interop/fakeclock_world.h"
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 1024

int ntp_adjtime(struct timex *timex);
int __adjtimex(struct timex *timex);
long syscall(long number, ...);

static char timers[DESCRIPTORS_MAX]; /* 1: a REALTIME timer, 2: cancelled */

void *fakeclock_next(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        fprintf(stderr, "fakeclock: no %s in libc\n", name);
        abort();
    }
    return found;
}

static int64_t read_clock(clockid_t id, bool *is_known)
{
    struct fakeclock_reading now = fakeclock_read();
    *is_known = true;
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return now.realtime;
    case CLOCK_TAI:
        return now.realtime + fakeclock_tai() * NS_PER_S;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
        return now.monotonic;
    case CLOCK_MONOTONIC_RAW:
        return now.raw;
    case CLOCK_BOOTTIME:
        return now.boottime;
    default:
        *is_known = false;
        return 0;
    }
}

int clock_gettime(clockid_t id, struct timespec *time)
{
    bool is_known = false;
    /* Before main() there may be no world yet, and what makes it asks the time too. */
    int64_t ns = fakeclock_has_begun() ? read_clock(id, &is_known) : 0;
    if (!is_known) {
        int (*real)(clockid_t, struct timespec *) =
            (int (*)(clockid_t, struct timespec *))fakeclock_next("clock_gettime");
        return real(id, time);
    }
    *time = (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
    return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}

int timespec_get(struct timespec *time, int base)
{
    return clock_gettime(CLOCK_REALTIME, time) == 0 ? base : 0;
}

int clock_settime(clockid_t id, const struct timespec *time)
{
    if (id != CLOCK_REALTIME) {
        errno = EINVAL;
        return -1;
    }
    if (fakeclock_may_set() != 0) {
        return -1;
    }
    fakeclock_step((int64_t)time->tv_sec * NS_PER_S + time->tv_nsec - fakeclock_read().realtime);
    return 0;
}

int settimeofday(const struct timeval *time, const struct timezone *zone)
{
    (void)zone;
    if (time == NULL) {
        return fakeclock_may_set();
    }
    struct timespec wanted = {.tv_sec = time->tv_sec, .tv_nsec = time->tv_usec * 1000};
    return clock_settime(CLOCK_REALTIME, &wanted);
}

int adjtime(const struct timeval *delta, struct timeval *old)
{
    if (old != NULL) {
        *old = (struct timeval){.tv_sec = 0};
    }
    return delta == NULL ? 0 : fakeclock_may_set();
}

void fakeclock_cancel_timers(void)
{
    struct itimerspec soon = {.it_value = {.tv_nsec = 1}};
    int (*arm)(int, int, const struct itimerspec *, struct itimerspec *) = (int (*)(
        int, int, const struct itimerspec *, struct itimerspec *))fakeclock_next("timerfd_settime");
    for (int i = 0; i < DESCRIPTORS_MAX; i++) {
        if (timers[i] != 0) {
            timers[i] = 2;
            (void)arm(i, 0, &soon, NULL);
        }
    }
}

int clock_adjtime(clockid_t id, struct timex *timex)
{
    return fakeclock_adjust(id, timex);
}

int adjtimex(struct timex *timex)
{
    return fakeclock_adjust(CLOCK_REALTIME, timex);
}

int __adjtimex(struct timex *timex)
{
    return fakeclock_adjust(CLOCK_REALTIME, timex);
}

int ntp_adjtime(struct timex *timex)
{
    return fakeclock_adjust(CLOCK_REALTIME, timex);
}

int timerfd_create(int id, int flags)
{
    int (*real)(int, int) = (int (*)(int, int))fakeclock_next("timerfd_create");
    int descriptor = real(id == CLOCK_REALTIME ? CLOCK_MONOTONIC : id, flags);
    if (id == CLOCK_REALTIME && descriptor >= 0 && descriptor < DESCRIPTORS_MAX) {
        timers[descriptor] = 1;
    }
    return descriptor;
}

int timerfd_settime(int descriptor, int flags, const struct itimerspec *value,
                    struct itimerspec *old)
{
    static const struct itimerspec never;
    int (*real)(int, int, const struct itimerspec *, struct itimerspec *) = (int (*)(
        int, int, const struct itimerspec *, struct itimerspec *))fakeclock_next("timerfd_settime");
    if (descriptor < 0 || descriptor >= DESCRIPTORS_MAX || timers[descriptor] == 0) {
        return real(descriptor, flags, value, old);
    }
    timers[descriptor] = 1;
    return real(descriptor, 0, &never, old); /* its time never comes, but it may be cancelled */
}

ssize_t read(int descriptor, void *buffer, size_t size)
{
    ssize_t (*real)(int, void *, size_t) = (ssize_t(*)(int, void *, size_t))fakeclock_next("read");
    ssize_t got = real(descriptor, buffer, size);
    if (got > 0 && descriptor < DESCRIPTORS_MAX && timers[descriptor] == 2) {
        timers[descriptor] = 1;
        errno = ECANCELED;
        return -1;
    }
    return got;
}

int close(int descriptor)
{
    if (descriptor >= 0 && descriptor < DESCRIPTORS_MAX) {
        timers[descriptor] = 0;
    }
    return ((int (*)(int))fakeclock_next("close"))(descriptor);
}

int setsockopt(int descriptor, int level, int name, const void *value, socklen_t size)
{
    if (level == SOL_SOCKET &&
        (name == SO_TIMESTAMP || name == SO_TIMESTAMPNS || name == SO_TIMESTAMPING)) {
        errno = ENOPROTOOPT;
        return -1;
    }
    int (*real)(int, int, int, const void *, socklen_t) =
        (int (*)(int, int, int, const void *, socklen_t))fakeclock_next("setsockopt");
    return real(descriptor, level, name, value, size);
}

/* A program may go around the functions above; everything else passes. Six registers are what a
 * call has, however many were given: that is no mistake for a sanitizer to find. */
__attribute__((no_sanitize("address"))) long syscall(long number, ...)
{
    long argument[6];
    va_list arguments;

    va_start(arguments, number);
    for (int i = 0; i < 6; i++) {
        argument[i] = va_arg(arguments, long);
    }
    va_end(arguments);

    switch (number) {
    case SYS_clock_gettime:
        return clock_gettime((clockid_t)argument[0], (struct timespec *)argument[1]);
    case SYS_clock_settime:
        return clock_settime((clockid_t)argument[0], (const struct timespec *)argument[1]);
    case SYS_settimeofday:
        return settimeofday((const struct timeval *)argument[0], NULL);
    case SYS_adjtimex:
        return fakeclock_adjust(CLOCK_REALTIME, (struct timex *)argument[0]);
    case SYS_clock_adjtime:
        return fakeclock_adjust((clockid_t)argument[0], (struct timex *)argument[1]);
    default:
        break;
    }

    long (*real)(long, ...) = (long (*)(long, ...))fakeclock_next("syscall");
    return real(number, argument[0], argument[1], argument[2], argument[3], argument[4],
                argument[5]);
}
