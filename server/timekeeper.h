/* SPDX-License-Identifier: MIT */
/* timekeeper.h - the daemon's clock and all that keeps it: the node with its driver, the steering
 * of the system clock, the state files, the watch and the logs. Lives in the main loop. */
#ifndef SERVER_TIMEKEEPER_H
#define SERVER_TIMEKEEPER_H
#include "server/node.h"
#include "server/serving.h"

struct timekeeper;

/* With the rights that the program was started with: chooses the clock, reads the state files and
 * makes the node. NULL on failure; the log says why. random outlives it; setup may change later
 * through timekeeper_configure(). */
struct timekeeper *timekeeper_create(uv_loop_t *loop, const struct setup *setup,
                                     struct random *random);
/* Whether the right to set the clock must be kept. */
bool timekeeper_needs_right(const struct timekeeper *timekeeper);
/* With the rights that are left: takes the clock over and begins to keep it. serving outlives it.
 * False on failure; the log says why. */
bool timekeeper_start(struct timekeeper *timekeeper, const struct serving *serving) MUST_CHECK;
/* False, and the log says why, if setup has a membership document older than the one in force.
 * NULL: the one that a daemon keeps, or left, in setup's state_dir. */
bool timekeeper_accepts(const struct timekeeper *timekeeper, const struct setup *setup) MUST_CHECK;
/* A reload. False, and nothing changed; the log says why. */
bool timekeeper_configure(struct timekeeper *timekeeper, const struct setup *setup) MUST_CHECK;
/* The new setup is in force: logs are opened anew. */
void timekeeper_settle(struct timekeeper *timekeeper);
/* Hands the node an EVENT_COMMAND. */
void timekeeper_command(struct timekeeper *timekeeper, const struct command *command,
                        struct action_reply *reply);
/* As node_stamp(), at this instant. */
enum hlc_verdict timekeeper_stamp(struct timekeeper *timekeeper, const struct hlc_stamp *message,
                                  struct hlc_stamp *stamp) MUST_CHECK;
/* As driver_intake_dropped(). */
uint64_t timekeeper_intake_dropped(const struct timekeeper *timekeeper);
/* The end: what is known is saved, and the clock given back at its plain rate. */
void timekeeper_stop(struct timekeeper *timekeeper);
/* Closes what is in the loop, which must run once more; then it can be destroyed. */
void timekeeper_close(struct timekeeper *timekeeper);
/* Whether a name server is being waited for: nothing ends that, and the loop runs as long. */
bool timekeeper_is_busy(const struct timekeeper *timekeeper);
void timekeeper_destroy(struct timekeeper *timekeeper);

/* These live as long as the timekeeper. */
const struct clock *timekeeper_clock(const struct timekeeper *timekeeper);
const struct node *timekeeper_node(const struct timekeeper *timekeeper);
/* "system", "shadow" or "virtual": of the clock that is kept now. The text changes with it. */
const char *timekeeper_mode(const struct timekeeper *timekeeper);
/* The same in a few words more, and the precision. */
void timekeeper_describe(const struct timekeeper *timekeeper, char *text, size_t room);

/* chimed --restore: ends a slew that a killed daemon left. The exit status. */
int timekeeper_restore(const struct setup *setup);
#endif
