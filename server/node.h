/* SPDX-License-Identifier: MIT */
/* node.h - what this machine claims about the time, and when that changes. Here the engines of
 * later stages meet (sync, mesh); pure, so that the simulator runs it. Not thread-safe. */
#ifndef SERVER_NODE_H
#define SERVER_NODE_H
#include "common/base/action.h"
#include "common/base/event.h"

struct node_options {
    enum sync_timebase timebase; /* what UTC is computed from while there is no source */
    int64_t offset_ns;      /* TIMEBASE_LINE: where the line starts, relative to the system clock */
    unsigned local_stratum; /* 1 to 15: serve the local clock; 0: say "unsynchronised" */
    int8_t precision;       /* measured, log2 seconds */
};

struct node {
    struct node_options options;
    struct sync_state state;
    struct mono deadline;
};

void node_init(struct node *node, const struct node_options *options, struct reading now);
/* A reload: options but the timebase and its line, which go on. */
void node_configure(struct node *node, const struct node_options *options, struct reading now);
/* EVENT_TIMER at or after the deadline appends an ACTION_PUBLISH. */
void node_handle(struct node *node, const struct event *event, struct actions *out);
struct mono node_deadline(const struct node *node);
#endif
