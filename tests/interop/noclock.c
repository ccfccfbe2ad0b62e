/* SPDX-License-Identifier: MIT */
/* noclock.c - preloaded into every stock program: it may believe to set the clock, and doesn't.
 *
 * What a program asks for is written to the file that NOCLOCK_LOG names, so that a test can assert
 * it, a line each; here in quotes, lest they be wrapped into one:
 *
 * "ntpd 4711 loaded"
 *
 * "ntpd 4711 step +0.080013"
 *
 * "ntpd 4711 slew +0.001200"
 *
 * "ntpd 4711 adjust modes=0x2001 offset=+0.001200 frequency=+0.000"
 *
 * With NOCLOCK_REFUSE set, it is told EPERM; else it is told that all went well. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_SIZE 256
#define NS_PER_S 1000000000.0
#define ADJUST_READ_OFFSET 0xa001 /* ADJ_OFFSET_SS_READ: only asks */

int ntp_adjtime(struct timex *timex);
long syscall(long number, ...);

static int log_descriptor = -1;

/* A daemon may have closed our descriptor or left for a chroot; one of the two ways works. */
__attribute__((format(printf, 1, 2))) static void log_line(const char *format, ...)
{
    const char *path = getenv("NOCLOCK_LOG");
    char line[LINE_MAX_SIZE];
    va_list arguments;

    int prefix =
        snprintf(line, sizeof(line), "%s %ld ", program_invocation_short_name, (long)getpid());
    va_start(arguments, format);
    vsnprintf(line + prefix, sizeof(line) - (size_t)prefix, format, arguments);
    va_end(arguments);

    int fresh = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    int descriptor = fresh >= 0 ? fresh : log_descriptor;
    if (descriptor >= 0 && write(descriptor, line, strlen(line)) < 0) {
        fprintf(stderr, "noclock: can't log \"%s\": %s\n", line, strerror(errno));
    }
    if (fresh >= 0) {
        close(fresh);
    }
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("NOCLOCK_LOG");

    if (path != NULL) {
        log_descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    }
    log_line("loaded\n");
}

static int verdict(void)
{
    if (getenv("NOCLOCK_REFUSE") == NULL) {
        return 0;
    }
    errno = EPERM;
    return -1;
}

static int swallow_step(double seconds)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    log_line("step %+.6f\n", seconds - (double)now.tv_sec - (double)now.tv_nsec / NS_PER_S);
    return verdict();
}

/* Asks the kernel for its state instead, as if nothing had been changed. */
static int swallow_adjust(clockid_t clock, struct timex *timex)
{
    unsigned modes = timex->modes;

    if (modes != 0 && modes != ADJUST_READ_OFFSET) {
        double unit = (timex->status & STA_NANO) != 0 || (modes & ADJ_NANO) != 0 ? NS_PER_S : 1e6;
        if ((modes & ADJ_SETOFFSET) != 0) {
            double fraction = (double)timex->time.tv_usec / ((modes & ADJ_NANO) ? NS_PER_S : 1e6);
            log_line("step %+.6f\n", (double)timex->time.tv_sec + fraction);
        }
        log_line("adjust modes=0x%x offset=%+.6f frequency=%+.3f\n", modes,
                 (double)timex->offset / unit, (double)timex->freq / 65536.0);
        if (verdict() != 0) {
            return -1;
        }
        timex->modes = 0;
    }

    long (*real)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    int result = (int)real(SYS_clock_adjtime, clock, timex);
    timex->modes = modes;
    return result;
}

int clock_settime(clockid_t clock, const struct timespec *time)
{
    if (clock != CLOCK_REALTIME) {
        errno = EINVAL;
        return -1;
    }
    return swallow_step((double)time->tv_sec + (double)time->tv_nsec / NS_PER_S);
}

int settimeofday(const struct timeval *time, const struct timezone *zone)
{
    (void)zone;
    if (time == NULL) {
        return verdict();
    }
    return swallow_step((double)time->tv_sec + (double)time->tv_usec / 1e6);
}

int adjtime(const struct timeval *delta, struct timeval *old)
{
    if (old != NULL) {
        old->tv_sec = 0;
        old->tv_usec = 0;
    }
    if (delta == NULL) {
        return 0;
    }
    log_line("slew %+.6f\n", (double)delta->tv_sec + (double)delta->tv_usec / 1e6);
    return verdict();
}

int clock_adjtime(clockid_t clock, struct timex *timex)
{
    return swallow_adjust(clock, timex);
}

int adjtimex(struct timex *timex)
{
    return swallow_adjust(CLOCK_REALTIME, timex);
}

int __adjtimex(struct timex *timex);
int __adjtimex(struct timex *timex)
{
    return swallow_adjust(CLOCK_REALTIME, timex);
}

int ntp_adjtime(struct timex *timex)
{
    return swallow_adjust(CLOCK_REALTIME, timex);
}

/* A program may go around the functions above; everything else passes. Six registers are what a
 * call has. */
long syscall(long number, ...)
{
    long argument[6];
    va_list arguments;

    va_start(arguments, number);
    for (int i = 0; i < 6; i++) {
        argument[i] = va_arg(arguments, long);
    }
    va_end(arguments);

    switch (number) {
    case SYS_clock_settime:
        return clock_settime((clockid_t)argument[0], (const struct timespec *)argument[1]);
    case SYS_settimeofday:
        return settimeofday((const struct timeval *)argument[0], NULL);
    case SYS_adjtimex:
        return swallow_adjust(CLOCK_REALTIME, (struct timex *)argument[0]);
    case SYS_clock_adjtime:
        return swallow_adjust((clockid_t)argument[0], (struct timex *)argument[1]);
    default:
        break;
    }

    long (*real)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    return real(number, argument[0], argument[1], argument[2], argument[3], argument[4],
                argument[5]);
}
