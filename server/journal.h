/* SPDX-License-Identifier: MIT */
/* journal.h - the logs of tracking (a line per second) and of measurements (a line per answer), in
 * the main loop. What the disk refuses is said once, and tried again with the next line. */
#ifndef SERVER_JOURNAL_H
#define SERVER_JOURNAL_H
#include "common/host/worker.h"
#include "server/node.h"

struct journal;

/* node and clock outlive it. NULL if memory is short. */
struct journal *journal_create(uv_loop_t *loop, const struct clock *clock, const struct node *node);
/* The files to append to, "" for none; they are opened anew in any case, so that what was renamed
 * (logrotate) is left. */
void journal_configure(struct journal *journal, const char *tracking, const char *measurements);
void journal_measured(struct journal *journal, const struct measurement *measurement);
/* The loop must run once more, which frees it. NULL is allowed. */
void journal_destroy(struct journal *journal);
#endif
