/* SPDX-License-Identifier: MIT */
#include "common/host/kernel_clock.h"
#include "common/host/kernel_rival.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

/* The kernel's frequency reaches 500 ppm; beyond that the length of its tick is changed, of which
 * there are 100 a second on every machine but the Alpha. */
#define FREQUENCY_PPM_MAX 500.0
#define FREQUENCY_UNIT 65536.0
#define TICK_US 10000
#define TICK_UNIT_PPM 100.0
#define ERROR_US_MAX                                                                               \
    16000000 /* where the kernel itself stops, and calls the clock unsynchronised */

/* Bits that say who steers. The kernel changes others by itself. */
#define STEERING_BITS (STA_PLL | STA_FLL | STA_PPSFREQ | STA_PPSTIME | STA_FREQHOLD)

#define LEAP_BITS (STA_INS | STA_DEL)

/* A clock that somebody keeps is vouched for again at least every 2048 s. Meanwhile its error grows
 * by 500 ppm, from what was told. */
#define FRESH_ERROR_NS (2048 * INT64_C(500000) + NS_PER_S / 4)

static double frequency_of(const struct timex *timex)
{
    return (double)timex->freq / FREQUENCY_UNIT + (double)(timex->tick - TICK_US) * TICK_UNIT_PPM;
}

/* Both parts of a frequency. Within the range of the plain frequency the tick stays alone: others
 * read that. */
static void set_frequency(struct timex *timex, double ppm)
{
    double wanted =
        fmin(fmax(isfinite(ppm) ? ppm : 0, -KERNEL_CLOCK_PPM_MAX), KERNEL_CLOCK_PPM_MAX);
    double ticks = fabs(wanted) > FREQUENCY_PPM_MAX ? round(wanted / TICK_UNIT_PPM) : 0;
    timex->modes |= ADJ_FREQUENCY | ADJ_TICK;
    timex->tick = TICK_US + (long)ticks;
    timex->freq = lround((wanted - ticks * TICK_UNIT_PPM) * FREQUENCY_UNIT);
}

/* Relative, so that what passes between reading and setting is not lost. */
static void set_step(struct timex *timex, int64_t step_ns)
{
    timex->modes |= ADJ_SETOFFSET | ADJ_NANO;
    timex->time.tv_sec = step_ns / NS_PER_S;
    timex->time.tv_usec = step_ns % NS_PER_S;
    if (timex->time.tv_usec < 0) {
        timex->time.tv_sec--;
        timex->time.tv_usec += NS_PER_S;
    }
}

/* The kernel's answer (TIME_OK and so on), or a negative errno. */
static int adjust(struct timex *timex)
{
    int state = clock_adjtime(CLOCK_REALTIME, timex);
    return state < 0 ? -errno : state;
}

int kernel_clock_read(struct kernel_state *state)
{
    struct timex timex = {.modes = 0};
    int answer = adjust(&timex);
    if (answer < 0) {
        return answer;
    }
    int64_t unit = (timex.status & STA_NANO) != 0 ? 1 : NS_PER_US;
    *state = (struct kernel_state){.frequency_ppm = frequency_of(&timex),
                                   .offset_ns = (int64_t)timex.offset * unit,
                                   .is_pll = (timex.status & STA_PLL) != 0,
                                   .is_synchronised = (timex.status & STA_UNSYNC) == 0,
                                   .error_max_ns = (int64_t)timex.maxerror * NS_PER_US,
                                   .error_estimated_ns = (int64_t)timex.esterror * NS_PER_US,
                                   .leap = (timex.status & STA_INS) != 0   ? KERNEL_LEAP_INSERT
                                           : (timex.status & STA_DEL) != 0 ? KERNEL_LEAP_DELETE
                                                                           : KERNEL_LEAP_NONE,
                                   .is_leap_done = answer == TIME_OOP || answer == TIME_WAIT,
                                   .tai_offset_s = timex.tai};
    return 0;
}

void kernel_clock_init(struct kernel_clock *kernel)
{
    *kernel = (struct kernel_clock){.processes = "/proc", .guard = {.link = -1}};
}

/* The kernel's own loop goes on adding what it was given even after it was switched off; only the
 * loop itself can be told that nothing is left. An adjtime() likewise. */
static int stop_others(const struct timex *found)
{
    if (found->offset != 0 || (found->status & STA_PLL) != 0) {
        struct timex loop = {.modes = ADJ_STATUS | ADJ_OFFSET, .status = STA_PLL | STA_UNSYNC};
        int answer = adjust(&loop);
        if (answer < 0) {
            return answer;
        }
    }
    struct timex single = {.modes = ADJ_OFFSET_SINGLESHOT, .offset = 0};
    int answer = adjust(&single);
    return answer < 0 ? answer : 0;
}

/* Writes, and remembers what the kernel made of it. */
static int write_steering(struct kernel_clock *kernel, struct timex *timex)
{
    timex->modes |= ADJ_STATUS;
    timex->status = kernel->status;
    int answer = adjust(timex);
    if (answer < 0) {
        return answer;
    }
    kernel->frequency = timex->freq;
    kernel->tick = timex->tick;
    return 0;
}

int kernel_clock_take(struct kernel_clock *kernel, int *guard_error)
{
    struct timex found = {.modes = 0};
    int answer = adjust(&found);
    if (answer >= 0) {
        answer = stop_others(&found);
    }
    if (answer < 0) {
        return answer;
    }
    /* A changed tick is somebody's slew. */
    double rate_ppm = found.tick == TICK_US ? frequency_of(&found) : 0;
    struct timex timex = {.modes = 0};
    set_frequency(&timex, rate_ppm);
    kernel->status = STA_UNSYNC;
    answer = write_steering(kernel, &timex);
    if (answer < 0) {
        return answer;
    }
    kernel->is_taken = true;
    kernel->rate_ppm = rate_ppm;
    *guard_error = kernel_guard_start(&kernel->guard, rate_ppm);
    return 0;
}

/* Does the kernel still hold what we left? What the guard would set is not somebody else's. */
static void compare(struct kernel_clock *kernel, const struct timex *found)
{
    struct timex plain = {.modes = 0};
    set_frequency(&plain, kernel->rate_ppm);
    bool is_ours = found->freq == kernel->frequency && found->tick == kernel->tick;
    bool is_plain = found->freq == plain.freq && found->tick == plain.tick;
    int bits = found->status & STEERING_BITS;
    bool is_news = bits != kernel->rival_bits;
    kernel->rival_bits = bits;
    if (bits != 0 && is_news) {
        snprintf(kernel->rival, sizeof(kernel->rival),
                 "the kernel's own control loop was switched on (status 0x%x)",
                 (unsigned)found->status);
    } else if (!is_ours && !is_plain) {
        double ours = (double)kernel->frequency / FREQUENCY_UNIT +
                      (double)(kernel->tick - TICK_US) * TICK_UNIT_PPM;
        snprintf(kernel->rival, sizeof(kernel->rival),
                 "its frequency is %+.3f ppm, and was set to %+.3f ppm by us", frequency_of(found),
                 ours);
    }
}

int kernel_clock_steer(struct kernel_clock *kernel, const struct action_steer *steer,
                       struct mono now, double *frequency_ppm)
{
    assert(kernel->is_taken);
    struct timex found = {.modes = 0};
    int answer = adjust(&found);
    if (answer < 0) {
        return answer;
    }
    compare(kernel, &found);

    int64_t slew_ns = steer->until.ns - now.ns;
    bool is_slew = steer->frequency_ppm != steer->rate_ppm;
    kernel_guard_tell(&kernel->guard, steer->rate_ppm, !is_slew ? 0 : slew_ns > 0 ? slew_ns : 1);
    struct timex timex = {.modes = 0};
    set_frequency(&timex, steer->frequency_ppm);
    if (steer->step_ns != 0) {
        set_step(&timex, steer->step_ns);
        kernel->holds_leap = kernel->holds_leap || (kernel->status & LEAP_BITS) != 0;
        kernel->status = STA_UNSYNC;
    }
    answer = write_steering(kernel, &timex);
    if (answer < 0) {
        return answer;
    }
    if (steer->step_ns != 0) {
        kernel->stepped_s = timex.time.tv_sec;
    }
    kernel->rate_ppm = steer->rate_ppm;
    *frequency_ppm = frequency_of(&timex);
    return 0;
}

static long error_us(int64_t error_ns)
{
    int64_t us = error_ns / NS_PER_US + (error_ns % NS_PER_US > 0);
    return us < 0 ? 0 : us > ERROR_US_MAX ? ERROR_US_MAX : (long)us;
}

/* The kernel looks at what it was told when a second begins, and a little late. */
static bool must_hold_leap(const struct kernel_clock *kernel)
{
    struct timex timex = {.modes = 0};
    return kernel->holds_leap && adjust(&timex) >= 0 && timex.time.tv_sec >= kernel->stepped_s &&
           timex.time.tv_sec < kernel->stepped_s + 2;
}

int kernel_clock_tell(struct kernel_clock *kernel, const struct action_kernel *told)
{
    assert(kernel->is_taken);
    int status = told->is_synchronised ? 0 : STA_UNSYNC;
    kernel->holds_leap = must_hold_leap(kernel);
    if (!kernel->holds_leap) {
        status |= told->leap == KERNEL_LEAP_INSERT   ? STA_INS
                  : told->leap == KERNEL_LEAP_DELETE ? STA_DEL
                                                     : 0;
    }
    struct timex timex = {.modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR,
                          .status = status,
                          .maxerror = error_us(told->error_max_ns),
                          .esterror = error_us(told->error_estimated_ns)};
    if (told->tai_offset_s > 0) {
        timex.modes |= ADJ_TAI;
        timex.constant = told->tai_offset_s; /* that is where the kernel takes it from */
    }
    int answer = adjust(&timex);
    if (answer < 0) {
        return answer;
    }
    kernel->status = status;
    return 0;
}

/* Nothing of ours is there to compare with: the kernel's state must speak. It stays as it was told
 * when its keeper has ended, so that is looked for. */
static bool is_kept(const struct kernel_clock *kernel, char reason[KERNEL_CLOCK_REASON_MAX])
{
    struct kernel_state state;
    char name[KERNEL_RIVAL_NAME_MAX] = "";
    if (kernel_clock_read(&state) != 0 || !state.is_synchronised ||
        state.error_max_ns > FRESH_ERROR_NS) {
        return false;
    }
    switch (kernel_rival_find(kernel->processes, name)) {
    case KERNEL_RIVAL_NONE:
        return false;
    case KERNEL_RIVAL_FOUND:
        snprintf(reason, KERNEL_CLOCK_REASON_MAX,
                 "%s runs, and the kernel says that the clock is synchronised", name);
        return true;
    default:
        snprintf(reason, KERNEL_CLOCK_REASON_MAX,
                 "the kernel says that the clock is synchronised, and somebody told it so in the "
                 "last 40 minutes (whether that still runs can't be seen from here)");
        return true;
    }
}

bool kernel_clock_is_steered_by_other(struct kernel_clock *kernel,
                                      char reason[KERNEL_CLOCK_REASON_MAX])
{
    if (!kernel->is_taken) {
        return is_kept(kernel, reason);
    }
    struct timex found = {.modes = 0};
    if (adjust(&found) >= 0) {
        compare(kernel, &found);
        kernel->frequency = found.freq;
        kernel->tick = found.tick;
    }
    bool has_rival = kernel->rival[0] != 0;
    memcpy(reason, kernel->rival, sizeof(kernel->rival));
    kernel->rival[0] = 0;
    return has_rival;
}

int kernel_clock_release(struct kernel_clock *kernel)
{
    if (!kernel->is_taken) {
        return 0;
    }
    int status = kernel_clock_restore(kernel->rate_ppm);
    kernel_guard_end(&kernel->guard);
    kernel->is_taken = false;
    return status;
}

int kernel_clock_restore(double rate_ppm)
{
    struct timex timex = {.modes = ADJ_STATUS, .status = STA_UNSYNC};
    set_frequency(&timex, rate_ppm);
    int answer = adjust(&timex);
    return answer < 0 ? answer : 0;
}
