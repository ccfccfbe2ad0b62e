/* SPDX-License-Identifier: MIT */
/* world_host.h - what the daemon's host is to a node that runs the whole engine: sockets, names,
 * the system clock and its kernel, the state files, an operator. Used by world*.c only. */
#ifndef TESTS_SIM_WORLD_HOST_H
#define TESTS_SIM_WORLD_HOST_H
#include "tests/sim/world_core.h"

/* A socket of the engine's, and when it was last used to ask. */
struct world_association {
    uint32_t number; /* 0: free */
    bool is_shared;
    struct address remote;
    uint64_t asked;
    struct mono asked_at;
    /* How many requests have a cause to come sooner than the poll interval; of how many the cause
     * is not what others do; and how many more may, whatever the causes, as of that moment. */
    unsigned quick;
    unsigned quick_free;
    double quick_left;
    struct mono quick_at;
    uint64_t run;        /* of a member's clock: what begins anew when it does; 0: none yet */
    unsigned unanswered; /* requests since the last good answer */
    /* NTP's root distance of its source, and the mean of it. */
    bool has_distance;
    int64_t distance_ns;
    struct mono distance_at;
    double distance_sum_ns;
    size_t distance_count;
};

struct world_host {
    struct sync_options sync;
    struct source_options *sources;
    struct world_association associations[SYNC_SOURCES_MAX];
    uint64_t asked; /* requests */
    uint64_t good;  /* samples */

    /* The kernel's own state, as last set. */
    bool has_kernel;
    struct action_kernel kernel;
    struct mono kernel_at;
    bool is_leap_planned;

    /* For the checks. */
    bool is_fresh;        /* the event at hand brought a sample */
    uint64_t updates;     /* of the clock by samples, since it was last to be set anew */
    uint32_t moved_epoch; /* the last one in which its members were told that it moved */
    bool has_earliest;
    int64_t earliest_ns;
    uint32_t epoch;
    bool is_outside; /* the truth lies outside of the interval ... */
    bool is_noticed; /* ... and the status says so */
    int64_t outside_from_ns;
    uint32_t outside_epoch;
    double notice_ns; /* the longest time until it did; infinite if it never did */
};

/* Asks for its first events: commands, steps of its clock, suspends. */
void world_host_start(struct world *world, struct world_node *node);
/* Whether a datagram reaches anybody on this machine; completes it with its association. */
bool world_host_takes(const struct world *world, struct world_node *node,
                      struct datagram *datagram);
/* Lets node or server handle an event, and performs what they want. */
void world_host_handle(struct world *world, struct world_node *node, const struct event *event);
/* Tells the listener how the node is. */
void world_host_tell(struct world *world, struct world_node *node);
/* What world_host planned happens. */
void world_host_happen(struct world *world, enum happening kind, uint64_t which);
#endif
