/* SPDX-License-Identifier: MIT */
/* upstream.h - the sockets of the associations, in the main loop: performs ACTION_OPEN, _SEND and
 * _CLOSE, and tells of datagrams, stamps and refusals by events. */
#ifndef SERVER_UPSTREAM_H
#define SERVER_UPSTREAM_H
#include "server/sharing.h"

/* A reload may open all of its sources before it closes all of the old ones. */
#define UPSTREAM_MAX (2 * STATUS_SOURCES_MAX)

struct upstream_options {
    uv_loop_t *loop;
    const struct clock *clock;
    bool has_hardware;               /* take the stamps of network cards that have them */
    struct station *const *stations; /* for those that share the server's sockets */
    size_t station_count;
    /* Called from the loop, never from within a call below, with all of the event but now. */
    void (*take)(void *context, struct event *event);
    void *context;
};

struct upstream;

/* All that options names outlives it. NULL if memory or files are short. */
struct upstream *upstream_create(const struct upstream_options *options);
/* The loop must run once more, which frees it. NULL is allowed. */
void upstream_destroy(struct upstream *upstream);

/* None of these fails: a refusal is an EVENT_REFUSED. A socket that could not be opened, or whose
 * address the machine lost, is opened anew by the next that is sent. */
void upstream_open(struct upstream *upstream, const struct action_open *open);
void upstream_close(struct upstream *upstream, uint32_t association);
/* Closes all. */
void upstream_reset(struct upstream *upstream);
void upstream_send(struct upstream *upstream, const struct action_send *send);

/* The address that an association asks from; family NONE if it has no socket of its own. */
struct address upstream_local(const struct upstream *upstream, uint32_t association);
/* Datagrams for shared associations that found no room. */
uint64_t upstream_dropped(const struct upstream *upstream);
#endif
