/* SPDX-License-Identifier: MIT */
/* watch_screen.h - the live view of chime watch: what was seen lately, and a picture of it. */
#ifndef CLIENT_CLI_WATCH_SCREEN_H
#define CLIENT_CLI_WATCH_SCREEN_H
#include "client/cli/answer.h"
#include "client/cli/paint.h"
#include <stdio.h>

#define WATCH_POINTS_MAX 512

struct watch_point {
    bool has_offset;
    bool has_interval;
    int64_t offset_ns;
    int64_t earliest_ns; /* of the interval, from our clock */
    int64_t latest_ns;
};

/* The latest points; all zero: none yet. */
struct watch_history {
    size_t next;
    size_t count;
    struct watch_point points[WATCH_POINTS_MAX];
};

void watch_history_add(struct watch_history *history, const json_t *status);

/* A terminal's room, in characters. */
struct watch_size {
    size_t columns;
    size_t rows;
};

/* The whole screen; never more lines than rows, each ended by a newline. */
void watch_screen_print(FILE *out, const struct watch_history *history, const json_t *status,
                        const json_t *sources, struct watch_size size, const struct paint *paint);
/* The plot alone. A column is a point, the latest at the right: '*' the offset, ':' the interval.
 */
void watch_screen_plot(FILE *out, const struct watch_history *history, struct watch_size size,
                       const struct paint *paint);
/* The same on one line, for what is no terminal. */
void watch_screen_line(FILE *out, const json_t *status, const json_t *sources);
#endif
