/* SPDX-License-Identifier: MIT */
/* steering.h - whose the system clock is: chooses the mode that [clock] control asks for, or what
 * is possible instead, and performs ACTION_STEER and ACTION_KERNEL where the clock is ours. */
#ifndef SERVER_STEERING_H
#define SERVER_STEERING_H
#include "common/config/config.h"
#include "common/host/kernel_clock.h"
#include "common/host/log.h"
#include "server/state_files.h"

enum steering_mode {
    STEERING_NONE, /* auto, and neither sources nor a mesh: the clock is served as it reads */
    STEERING_SYSTEM,
    STEERING_SHADOW,
    STEERING_VIRTUAL
};

struct steering {
    enum config_control wanted;
    enum steering_mode mode;
    bool is_permitted;
    bool is_taken;
    double marked_ppm; /* in the state files */
    bool has_warned;   /* that it can't be written there */
    struct kernel_clock kernel;
    const struct state_files *files;
    struct log_limit limit;
};

/* Chooses the mode, by the rights that the program has now, and says why where it is not what one
 * would expect. files outlives it. */
void steering_init(struct steering *steering, enum config_control wanted, bool has_sources,
                   const struct state_files *files);
/* Whether the right to set the clock must be kept. */
bool steering_needs_right(const struct steering *steering);
/* What the engine is told. */
bool steering_is_shadow(const struct steering *steering);
const char *steering_name(const struct steering *steering); /* "system"; constant */
const char *steering_text(const struct steering *steering); /* a few words more */

/* With the rights that are left: takes the clock over, if the mode is system, and undoes what a
 * killed predecessor left. False if that was refused, which is said: the mode is then shadow. */
bool steering_take(struct steering *steering);
/* Sources were configured, or are no more. True if the mode became another one. */
bool steering_reconsider(struct steering *steering, bool has_sources);

/* step_ns receives what was added to the clock. False if the right to it is gone, which is said:
 * the mode is then shadow. */
bool steering_steer(struct steering *steering, const struct action_steer *steer, struct mono now,
                    int64_t *step_ns) MUST_CHECK;
bool steering_tell(struct steering *steering, const struct action_kernel *kernel,
                   struct mono now) MUST_CHECK;
/* Gives the clock back, at its plain rate. */
void steering_release(struct steering *steering);

/* chimed --restore: if a predecessor was killed while the clock was in its hands, sets the clock to
 * its plain rate. False if it could not, which is said. */
bool steering_restore(const struct state_files *files);
#endif
