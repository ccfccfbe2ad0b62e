/* SPDX-License-Identifier: MIT */
#include "common/host/watch.h"
#include "common/host/kernel_clock.h"
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define PERIOD_MS 1000
/* Beyond what is explained; more than any reading is off, less than any step is worth. */
#define SLACK_NS NS_PER_MS
#define SLACK_PPM 501.0                  /* of an adjtime(), which shows nowhere */
#define UNKNOWN_PPM 101000.0             /* where the kernel does not tell its frequency */
#define FAR_FUTURE_S INT64_C(4000000000) /* the timer is there to be cancelled */

/* All clocks at one moment. */
struct sighting {
    int64_t raw_ns;
    int64_t realtime_ns;
    int64_t slept_ns; /* BOOTTIME - MONOTONIC, which count alike but for sleep */
    int64_t error_ns;
    bool has_state;
    struct kernel_state state;
};

struct watch {
    struct watch_handler handler;
    uv_timer_t timer;
    uv_poll_t poll;
    int cancelled; /* a timer that is cancelled when the clock is set; -1: none */
    unsigned open_handles;
    struct sighting last;
    int64_t slept_ns; /* found, and not told yet */
    int64_t set_ns;
};

static struct sighting look(void)
{
    struct sighting sighting;
    int64_t monotonic_ns, gap_ns, other_gap_ns;
    sighting.realtime_ns =
        clock_read_within(CLOCK_REALTIME, CLOCK_MONOTONIC_RAW, &sighting.raw_ns, &gap_ns);
    sighting.slept_ns =
        clock_read_within(CLOCK_BOOTTIME, CLOCK_MONOTONIC, &monotonic_ns, &other_gap_ns);
    sighting.slept_ns -= monotonic_ns;
    sighting.error_ns = gap_ns > other_gap_ns ? gap_ns : other_gap_ns;
    sighting.has_state = kernel_clock_read(&sighting.state) == 0;
    return sighting;
}

/* What the kernel's leap second did between the two. */
static int64_t leap_ns(const struct sighting *from, const struct sighting *to)
{
    if (!from->has_state || !to->has_state || from->state.is_leap_done || !to->state.is_leap_done) {
        return 0;
    }
    return to->state.leap == KERNEL_LEAP_DELETE ? NS_PER_S : -NS_PER_S;
}

static int64_t magnitude(int64_t ns)
{
    return ns < 0 ? -ns : ns;
}

/* How far `gained` is from what steering can have done; 0: that explains it. */
static int64_t unexplained(int64_t gained_ns, const struct sighting *from,
                           const struct sighting *to)
{
    bool is_known = from->has_state && to->has_state;
    double low = is_known ? from->state.frequency_ppm : -UNKNOWN_PPM;
    double high = is_known ? to->state.frequency_ppm : UNKNOWN_PPM;
    if (low > high) {
        double lower = high;
        high = low;
        low = lower;
    }
    double elapsed = (double)(to->raw_ns - from->raw_ns);
    double slack = (double)(SLACK_NS + from->error_ns + to->error_ns) + elapsed * SLACK_PPM * 1e-6;
    if (is_known) {
        slack += (double)(magnitude(from->state.offset_ns) + magnitude(to->state.offset_ns));
    }
    double gained = (double)gained_ns;
    if (gained >= low * 1e-6 * elapsed - slack && gained <= high * 1e-6 * elapsed + slack) {
        return 0;
    }
    return gained_ns - (int64_t)((low + high) / 2 * 1e-6 * elapsed);
}

static void tell_clock(const struct watch *watch, bool was_set)
{
    if (watch->last.has_state) {
        clock_set_rate(watch->handler.clock, watch->last.state.frequency_ppm);
    }
    if (was_set) {
        clock_mark_set(watch->handler.clock);
    }
}

/* Takes note of what happened since the last look; step_ns of it was our own doing. */
static void take_note(struct watch *watch, int64_t step_ns)
{
    struct sighting now = look();
    const struct sighting *last = &watch->last;
    int64_t slept_ns = now.slept_ns - last->slept_ns;
    if (magnitude(slept_ns) <= SLACK_NS + now.error_ns + last->error_ns) {
        slept_ns = 0;
    }
    int64_t gained_ns = now.realtime_ns - last->realtime_ns - (now.raw_ns - last->raw_ns);
    /* The system clock goes on while the machine sleeps. */
    gained_ns -= slept_ns + step_ns + leap_ns(last, &now);
    watch->set_ns += unexplained(gained_ns, last, &now);
    watch->slept_ns += slept_ns;
    watch->last = now;
    if (watch->handler.clock != NULL) {
        tell_clock(watch, step_ns != 0 || slept_ns != 0 || watch->set_ns != 0);
    }
}

static void check(struct watch *watch)
{
    take_note(watch, 0);
    int64_t slept_ns = watch->slept_ns;
    int64_t set_ns = watch->set_ns;
    watch->slept_ns = 0;
    watch->set_ns = 0;
    if (slept_ns != 0) {
        watch->handler.disrupted(watch->handler.context, slept_ns);
    }
    if (set_ns != 0) {
        watch->handler.clock_set(watch->handler.context, set_ns);
    }
}

static void on_timer(uv_timer_t *timer)
{
    check(timer->data);
}

static bool arm(const struct watch *watch)
{
    struct itimerspec never = {.it_value = {.tv_sec = FAR_FUTURE_S}};
    return timerfd_settime(watch->cancelled, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never,
                           NULL) == 0;
}

static void on_cancelled(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    uint64_t expirations;
    (void)events;
    /* ECANCELED: what it came for. Either way it must be armed again. */
    (void)!read(watch->cancelled, &expirations, sizeof(expirations));
    if (status < 0 || !arm(watch)) {
        (void)uv_poll_stop(poll); /* the second's look goes on */
    }
    check(watch);
}

static void open_timer(struct watch *watch, uv_loop_t *loop)
{
    watch->cancelled = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (watch->cancelled < 0) {
        return;
    }
    if (!arm(watch) || uv_poll_init(loop, &watch->poll, watch->cancelled) != 0) {
        close(watch->cancelled);
        watch->cancelled = -1;
        return;
    }
    watch->open_handles++;
    watch->poll.data = watch;
    (void)uv_poll_start(&watch->poll, UV_READABLE, on_cancelled);
}

struct watch *watch_create(uv_loop_t *loop, const struct watch_handler *handler)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return NULL;
    }
    watch->handler = *handler;
    watch->last = look();
    if (handler->clock != NULL) {
        tell_clock(watch, false);
    }
    (void)uv_timer_init(loop, &watch->timer);
    watch->timer.data = watch;
    watch->open_handles = 1;
    (void)uv_timer_start(&watch->timer, on_timer, PERIOD_MS, PERIOD_MS);
    open_timer(watch, loop);
    return watch;
}

void watch_expect_step(struct watch *watch, int64_t step_ns)
{
    take_note(watch, step_ns);
}

static void on_closed(uv_handle_t *handle)
{
    struct watch *watch = handle->data;
    if (--watch->open_handles > 0) {
        return;
    }
    if (watch->cancelled >= 0) {
        close(watch->cancelled);
    }
    free(watch);
}

void watch_destroy(struct watch *watch)
{
    if (watch == NULL) {
        return;
    }
    bool has_poll = watch->cancelled >= 0;
    uv_close((uv_handle_t *)&watch->timer, on_closed);
    if (has_poll) {
        uv_close((uv_handle_t *)&watch->poll, on_closed);
    }
}
