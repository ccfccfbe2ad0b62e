/* SPDX-License-Identifier: MIT */
/* world_core.h - what the parts of a world share: its state, what happens next, and what is true.
 * Used by world*.c only. */
#ifndef TESTS_SIM_WORLD_CORE_H
#define TESTS_SIM_WORLD_CORE_H
#include "common/base/heap.h"
#include "tests/sim/checker.h"
#include "tests/sim/run_hash.h"
#include "tests/sim/world_node.h"

/* What an item of the heap is: the kind in the upper bits, which one in the lower. */
#define HAPPENING_SHIFT 60
enum happening {
    HAPPENING_ARRIVAL,  /* which: a flight */
    HAPPENING_TIMER,    /* node, draw */
    HAPPENING_SAMPLE,   /* 0 */
    HAPPENING_RESOLVED, /* world_host's */
    HAPPENING_SAVED,    /* node, enum saved */
    HAPPENING_COMMAND,  /* node, index among its commands */
    HAPPENING_SET,      /* node, index among its sets */
    HAPPENING_RESUME,   /* node, index among its suspends */
    HAPPENING_LEAP,     /* node; the servers': their number and no more */
    HAPPENING_KILL,     /* node */
    HAPPENING_BOOT      /* node */
};

/* A datagram on its way. */
struct flight {
    struct address source;
    struct address destination;
    size_t size;
    size_t next; /* the next free one, while this is free */
    uint8_t payload[ACTION_PAYLOAD_MAX];
};

struct world {
    const struct scenario *scenario;
    uint64_t seed;
    int64_t truth_ns;
    int64_t leap_ns; /* of true time: when the leap second is inserted or deleted; else never */
    struct heap heap;
    struct world_nodes nodes;
    size_t flight_count;
    size_t flight_free; /* index + 1; 0: none */
    struct flight *flights;
    struct fault faults[SCENARIO_SECTIONS_MAX];
    size_t reference; /* index + 1 of a node; 0: the truth */
    uint64_t hash;
    struct checker checker;
    world_listener *listener;
    void *listener_context;
    world_clock *clock; /* NULL: what is done takes no time */
    void *clock_context;
    /* Of the peers' clocks: greatest - least, at each sample that counts. */
    double spread_square_sum;
    size_t spread_count;
};

struct checker_place world_core_place(const struct world *world, const struct world_node *node);
size_t world_core_index(const struct world *world, const struct world_node *node);
void world_core_plan(struct world *world, int64_t at_ns, enum happening kind, uint64_t which);
/* which, of a node and a small number. */
uint64_t world_core_which(const struct world *world, const struct world_node *node, size_t number);

/* UTC now, or what the reference shows. */
int64_t world_core_utc_ns(const struct world *world);
/* Whether UTC shows each instant of now twice, or showed it a moment ago. */
bool world_core_is_leaping(const struct world *world);
/* What a node's lies add to its clock, towards a client. */
int64_t world_core_lie_ns(const struct world *world, const struct world_node *node, size_t client);
bool world_core_is_honest(const struct world *world, const struct world_node *node);
/* A node's clocks now, as a client of that number is told of them. */
struct reading world_core_read(struct world *world, struct world_node *node, size_t client);
bool world_core_is_asleep(const struct world_node *node);

/* Defined by world.c: lets the node's engines handle an event, and performs what they want. */
void world_core_handle(struct world *world, struct world_node *node, const struct event *event);
#endif
