/* SPDX-License-Identifier: MIT */
/* state_files.h - what is kept over a restart, in the folder state-dir: "drift", the clock's rate;
 * "time", when we last knew it; "steering", while the system clock is in our hands. Text, a line
 * each, whose first word names the format. */
#ifndef SERVER_STATE_FILES_H
#define SERVER_STATE_FILES_H
#include "common/base/action.h"

#define STATE_FILES_ERROR_MAX 512

struct state_files {
    const char *folder; /* lives on; NULL or "": nothing is kept */
    /* A sentence each; what it is about is ignored, and replaced at the next good save. */
    void *context;
    void (*warn)(void *context, const char *sentence);
};

struct state_rate {
    double rate_ppm; /* UTC's gain on our oscillator */
    double rate_sd_ppm;
    char origin[256]; /* the file it was read from */
};

/* From our own file or, where that is missing, from what chronyd or ntpd left on this machine. False
 * if there is none that is to be believed. */
bool state_files_read_rate(const struct state_files *files, struct state_rate *rate) MUST_CHECK;
/* When we last knew the time; now is the system clock's, by which a time to come is not believed.
 */
bool state_files_read_time(const struct state_files *files, struct wall *time) MUST_CHECK;

/* Performs an ACTION_SAVE: durable when this returns true, else error is a sentence. Waits for the
 * disk. */
bool state_files_save(const struct state_files *files, const struct action_save *save,
                      char error[STATE_FILES_ERROR_MAX]) MUST_CHECK;

/* The mark of a clock in our hands, with the rate that it should have without us: to be left before
 * the first steering, and removed when the clock was given back. Where it is found at a start, its
 * owner was killed. */
bool state_files_mark(const struct state_files *files, double rate_ppm,
                      char error[STATE_FILES_ERROR_MAX]) MUST_CHECK;
void state_files_unmark(const struct state_files *files);
bool state_files_find_mark(const struct state_files *files, double *rate_ppm) MUST_CHECK;
#endif
