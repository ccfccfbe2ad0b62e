/* SPDX-License-Identifier: MIT */
/* world_node.h - the nodes of a world, their clocks and their ways to each other. Used by world.c
 * only. */
#ifndef TESTS_SIM_WORLD_NODE_H
#define TESTS_SIM_WORLD_NODE_H
#include "server/node.h"
#include "server/server.h"
#include "tests/sim/scenario.h"
#include "tests/sim/system_clock.h"
#include "tests/sim/world.h"
#include "tests/sim/world_mesh.h"

struct world_host;

/* A node's way to another, and back. */
struct world_way {
    size_t to; /* index of the other node */
    struct path there;
    struct path back;
    uint64_t asked; /* requests so far, and when the last one left */
    struct mono asked_at;
    int64_t suspended_ns; /* how long the machine had slept then */
};

struct world_node {
    const struct scenario_node *options;
    size_t number; /* within its group, from 0 */
    struct address address;
    struct oscillator oscillator;
    struct system_clock clock;
    int64_t start_ns; /* of true time: its first event is not before */
    /* SCENARIO_SERVER, SCENARIO_CHIMED */
    struct node *node;
    struct random random;
    struct server *server;
    /* SCENARIO_CHIMED */
    struct world_host *host;
    struct mono steered_until;
    struct world_member *member; /* NULL: it is in no mesh */
    /* SCENARIO_PROBER */
    struct prober *prober;
    int64_t poll_ns; /* the least that it asks after; of a chimed too */
    size_t way_count;
    struct world_way *ways;
    struct series series;

    struct mono timer;   /* what the pending timer waits for */
    uint32_t timer_draw; /* counts the timers: an earlier one is void */
};

/* All nodes of a scenario, and what they share. */
struct world_nodes {
    size_t count;
    struct world_node *items;
    struct access *access;
    struct world_mesh *mesh;             /* NULL: there is none */
    size_t first[SCENARIO_SECTIONS_MAX]; /* index of each group's first node */
};

/* False, and a sentence in error, if memory is short or the scenario contradicts itself. */
bool world_nodes_create(struct world_nodes *nodes, const struct scenario *scenario, uint64_t seed,
                        char error[WORLD_ERROR_MAX]) MUST_CHECK;
void world_nodes_destroy(struct world_nodes *nodes);
/* The node of an address of ours; NULL if there is none. */
struct world_node *world_nodes_find(const struct world_nodes *nodes, const struct address *address);
/* The path of a datagram from one node to another, which takes *more_ns longer than it says; NULL
 * if nothing links them. */
struct path *world_nodes_path(struct world_nodes *nodes, size_t from, size_t to, int64_t *more_ns);
/* A machine's process starts again, at truth_ns: with what is on its disk. False, and a sentence in
 * error. */
bool world_nodes_restart(struct world_nodes *nodes, const struct scenario *scenario, size_t index,
                         int64_t truth_ns, char error[WORLD_ERROR_MAX]) MUST_CHECK;
#endif
