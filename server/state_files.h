/* SPDX-License-Identifier: MIT */
/* state_files.h - what is kept over a restart, in the folder state-dir: "drift", the clock's rate;
 * "time", when we last knew it; "steering", while the system clock is in our hands. Text: a line
 * that names the format, and one with the numbers. Safe in any thread, for one at a time. */
#ifndef SERVER_STATE_FILES_H
#define SERVER_STATE_FILES_H
#include "common/base/action.h"

#define STATE_FILES_ERROR_MAX 512
#define STATE_FILES_NAME_MAX 256
#define STATE_FILES_RATE_PPM_MAX 1000.0 /* no oscillator is further off */

struct state_files {
    const char *folder; /* lives on; NULL or "": nothing is kept, and what others left is read */
    const char *root;   /* lives on; stands before the paths of what others left; NULL: "" */
    /* A sentence each: what it is about is ignored, and replaced at the next good save. */
    void *context;
    void (*warn)(void *context, const char *sentence);
};

struct state_rate {
    double rate_ppm; /* UTC's gain on our oscillator */
    double rate_sd_ppm;
    char origin[STATE_FILES_NAME_MAX]; /* the file it was read from */
};

/* When we last knew the time. now is the system clock's: a time that is later than both that and
 * the file's date is not believed; one that is later than now is where a machine without a
 * real-time clock goes on. */
bool state_files_read_time(const struct state_files *files, struct wall now,
                           struct wall *time) MUST_CHECK;
/* From our own file or, where there is none, from what chronyd or ntpd left on this machine. now is
 * the later of the system clock's and of what was read above: a file of the future is not believed.
 */
bool state_files_read_rate(const struct state_files *files, struct wall now,
                           struct state_rate *rate) MUST_CHECK;

/* Performs an ACTION_SAVE: it is durable when this returns true, else error is a sentence. Waits
 * for the disk. */
bool state_files_save(const struct state_files *files, const struct action_save *save,
                      char error[STATE_FILES_ERROR_MAX]) MUST_CHECK;

/* The mark of a clock in our hands, with the rate that it should have without us: to be left before
 * it is taken, and removed when it was given back. Where it is found at a start, or after an end,
 * its owner was killed. */
bool state_files_mark(const struct state_files *files, double rate_ppm,
                      char error[STATE_FILES_ERROR_MAX]) MUST_CHECK;
void state_files_unmark(const struct state_files *files);
bool state_files_find_mark(const struct state_files *files, double *rate_ppm) MUST_CHECK;
#endif
