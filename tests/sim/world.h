/* SPDX-License-Identifier: MIT */
/* world.h - a run of a scenario: virtual nodes with their clocks, the network between them, and
 * virtual time. The engines are the daemon's own, driven by events and obeyed by actions as its
 * host does. The same scenario and seed give the same run, to the bit. One thread. */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H
#include "tests/sim/scenario.h"

#define WORLD_ERROR_MAX 256

struct world;

/* Told what nodes log, and what becomes of each answer they get: one line, without its end. */
typedef void world_listener(void *context, const char *line);

/* scenario outlives the world. NULL, and a sentence in error, if it can't be. */
struct world *world_create(const struct scenario *scenario, uint64_t seed,
                           char error[WORLD_ERROR_MAX]);
void world_destroy(struct world *world);
/* Lets everything happen that happens before until_ns of virtual time, or before the end. */
void world_run(struct world *world, int64_t until_ns);
/* Sums up. False if memory is short. */
bool world_figures(const struct world *world, struct figures *figures) MUST_CHECK;
/* A clock by which the CPU time of members of a mesh is measured; nothing else depends on it. */
typedef int64_t world_clock(void *context);
void world_time(struct world *world, world_clock *clock, void *context);
/* A hash of what a mesh's honest members decided: verdicts, intervals, corrections. */
uint64_t world_decisions(const struct world *world);
void world_listen(struct world *world, world_listener *listener, void *context);
/* How many nodes it has. */
size_t world_node_count(const struct world *world);
#endif
