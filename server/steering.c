/* SPDX-License-Identifier: MIT */
#include "server/steering.h"
#include "common/host/privilege.h"
#include <errno.h>
#include <string.h>

#define WARN_INTERVAL_NS (600 * NS_PER_S)
#define WARN_BURST 3
/* The mark of a clock in our hands is renewed when its rate is off by that much. */
#define MARK_PPM 0.5

/* A predecessor was killed: its slew ends here, and what the kernel still says of the clock is
 * nobody's word any more. */
static bool end_slew(const struct state_files *files)
{
    double rate_ppm;
    if (!state_files_find_mark(files, &rate_ppm)) {
        return true;
    }
    int status = kernel_clock_restore(rate_ppm);
    if (status != 0) {
        log_message(LOG_LEVEL_WARNING,
                    "a chimed was killed while it steered the system clock, which can't be set to "
                    "its plain rate of %+.3f ppm: %s",
                    rate_ppm, strerror(-status));
        return false;
    }
    log_message(LOG_LEVEL_NOTICE,
                "a chimed was killed while it steered the system clock, which is back at its plain "
                "rate of %+.3f ppm",
                rate_ppm);
    state_files_unmark(files);
    return true;
}

/* What auto comes to. */
static enum steering_mode choose_auto(struct steering *steering)
{
    char reason[KERNEL_CLOCK_REASON_MAX];
    if (!steering->is_permitted) {
        log_message(LOG_LEVEL_NOTICE,
                    "control = auto: shadow, without the right to set the clock (CAP_SYS_TIME)");
        return STEERING_SHADOW;
    }
    (void)end_slew(steering->files);
    if (kernel_clock_is_steered_by_other(&steering->kernel, reason)) {
        log_message(LOG_LEVEL_NOTICE,
                    "control = auto: shadow, because somebody else steers the system clock: %s; "
                    "stop that (chronyd, ntpd, systemd-timesyncd), or set control = system",
                    reason);
        return STEERING_SHADOW;
    }
    return STEERING_SYSTEM;
}

static enum steering_mode choose_system(struct steering *steering)
{
    char reason[KERNEL_CLOCK_REASON_MAX];
    if (!steering->is_permitted) {
        log_message(LOG_LEVEL_WARNING,
                    "control = system: the right to set the clock is missing (CAP_SYS_TIME); going "
                    "on with a shadow clock");
        return STEERING_SHADOW;
    }
    (void)end_slew(steering->files);
    if (kernel_clock_is_steered_by_other(&steering->kernel, reason)) {
        log_message(LOG_LEVEL_WARNING,
                    "control = system, but somebody else steers the system clock too: %s; stop "
                    "that (chronyd, ntpd, systemd-timesyncd)",
                    reason);
    }
    return STEERING_SYSTEM;
}

static enum steering_mode choose(struct steering *steering, bool has_sources)
{
    switch (steering->wanted) {
    case CONTROL_SYSTEM:
        return choose_system(steering);
    case CONTROL_VIRTUAL:
        return STEERING_VIRTUAL;
    case CONTROL_SHADOW:
        return STEERING_SHADOW;
    default:
        return has_sources ? choose_auto(steering) : STEERING_NONE;
    }
}

void steering_init(struct steering *steering, enum config_control wanted, bool has_sources,
                   const struct state_files *files)
{
    *steering = (struct steering){
        .wanted = wanted,
        .is_permitted = privilege_may_set_time(),
        .files = files,
        .limit = {.interval_ns = WARN_INTERVAL_NS, .burst = WARN_BURST},
    };
    kernel_clock_init(&steering->kernel);
    steering->mode = choose(steering, has_sources);
}

bool steering_needs_right(const struct steering *steering)
{
    /* A reload may give a source to what has none. */
    return steering->mode == STEERING_SYSTEM ||
           (steering->mode == STEERING_NONE && steering->is_permitted);
}

bool steering_is_shadow(const struct steering *steering)
{
    return steering->mode == STEERING_SHADOW || steering->mode == STEERING_VIRTUAL;
}

const char *steering_name(const struct steering *steering)
{
    switch (steering->mode) {
    case STEERING_SHADOW:
        return "shadow";
    case STEERING_VIRTUAL:
        return "virtual";
    default:
        return "system";
    }
}

const char *steering_text(const struct steering *steering)
{
    switch (steering->mode) {
    case STEERING_NONE:
        return "system (as it reads: there is no source to steer it by)";
    case STEERING_SHADOW:
        return "shadow (the system clock is left alone)";
    case STEERING_VIRTUAL:
        return "virtual (with a fault built in)";
    default:
        return "system";
    }
}

static void become_shadow(struct steering *steering, int status)
{
    log_message(LOG_LEVEL_WARNING,
                "the system clock can't be steered: %s; going on with a shadow clock, which is "
                "served all the same",
                strerror(-status));
    /* What can be given back is. */
    steering_release(steering);
    steering->is_permitted = false;
    steering->mode = STEERING_SHADOW;
}

static void leave_mark(struct steering *steering, double rate_ppm)
{
    char error[STATE_FILES_ERROR_MAX];
    bool is_kept = steering->files->folder != NULL && steering->files->folder[0] != '\0';
    bool is_left = !is_kept || state_files_mark(steering->files, rate_ppm, error);
    if (!is_left && !steering->has_warned) {
        log_message(LOG_LEVEL_WARNING, "%s", error);
    }
    steering->has_warned = !is_left;
    steering->marked_ppm = rate_ppm;
}

bool steering_take(struct steering *steering)
{
    int guard_error = 0;
    if (steering->mode != STEERING_SYSTEM || steering->is_taken) {
        return true;
    }
    int status = kernel_clock_take(&steering->kernel, &guard_error);
    if (status != 0) {
        become_shadow(steering, status);
        return false;
    }
    steering->is_taken = true;
    if (guard_error != 0) {
        log_message(LOG_LEVEL_WARNING,
                    "no process guards the clock (%s): a kill in the middle of a slew leaves it "
                    "running until chimed --restore or the next start",
                    strerror(-guard_error));
    }
    leave_mark(steering, steering->kernel.rate_ppm);
    return true;
}

bool steering_reconsider(struct steering *steering, bool has_sources)
{
    if (steering->mode != STEERING_NONE || !has_sources) {
        return false;
    }
    steering->mode = choose(steering, has_sources);
    (void)steering_take(steering);
    return true;
}

/* What says that the right is gone, not that we asked for nonsense. */
static bool is_refusal(int status)
{
    return status == -EPERM || status == -EACCES || status == -ENOSYS;
}

/* False if the right is gone. */
static bool judge(struct steering *steering, int status, struct mono now)
{
    char reason[KERNEL_CLOCK_REASON_MAX];
    if (is_refusal(status)) {
        become_shadow(steering, status);
        return false;
    }
    if (status != 0 && log_limit_pass(&steering->limit, now.ns)) {
        log_message(LOG_LEVEL_ERROR, "the kernel refuses to adjust the clock: %s",
                    strerror(-status));
    }
    if (kernel_clock_is_steered_by_other(&steering->kernel, reason) &&
        log_limit_pass(&steering->limit, now.ns)) {
        log_message(LOG_LEVEL_WARNING,
                    "somebody else steers the system clock: %s; stop that (chronyd, ntpd, "
                    "systemd-timesyncd)",
                    reason);
    }
    return true;
}

bool steering_steer(struct steering *steering, const struct action_steer *steer, struct mono now,
                    int64_t *step_ns)
{
    double frequency_ppm;
    *step_ns = 0;
    if (!steering->is_taken) {
        return true;
    }
    int status = kernel_clock_steer(&steering->kernel, steer, now, &frequency_ppm);
    if (status == 0) {
        *step_ns = steer->step_ns;
        double off_ppm = steer->rate_ppm - steering->marked_ppm;
        if (off_ppm > MARK_PPM || off_ppm < -MARK_PPM) {
            leave_mark(steering, steer->rate_ppm);
        }
    }
    return judge(steering, status, now);
}

bool steering_tell(struct steering *steering, const struct action_kernel *kernel, struct mono now)
{
    if (!steering->is_taken) {
        return true;
    }
    return judge(steering, kernel_clock_tell(&steering->kernel, kernel), now);
}

void steering_release(struct steering *steering)
{
    if (!steering->is_taken) {
        return;
    }
    int status = kernel_clock_release(&steering->kernel);
    steering->is_taken = false;
    if (status == 0) {
        state_files_unmark(steering->files);
    } else {
        log_message(LOG_LEVEL_WARNING, "the system clock can't be given back at its plain rate: %s",
                    strerror(-status));
    }
}

bool steering_restore(const struct state_files *files)
{
    return end_slew(files);
}
