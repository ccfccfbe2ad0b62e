/* SPDX-License-Identifier: MIT */
/* world_check.h - what must hold of a node that runs the daemon's engine, on every event. Used by
 * world*.c only. */
#ifndef TESTS_SIM_WORLD_CHECK_H
#define TESTS_SIM_WORLD_CHECK_H
#include "tests/sim/world_host.h"

/* An association was opened, a member began a session or its clock anew (run tells it from
 * other runs; 0: that is not known, and it may be any), a clock was set by another or a machine
 * slept, an operator spoke: some requests may be quick, and the clock may be stepped. */
void world_check_begins(struct world_node *node, struct world_association *association);
void world_check_member(struct world_node *node, uint32_t association, uint64_t run);
void world_check_disrupted(struct world_node *node);
/* A member that moved its own clock asks each of the others once. */
void world_check_moved(struct world_node *node);
void world_check_command(struct world_node *node, enum command_kind kind);

/* A request leaves: not too soon. */
void world_check_request(struct world *world, struct world_node *node,
                         struct world_association *association, const struct action_send *send);
/* A sample: an honest server's bound holds the truth. */
void world_check_measured(struct world *world, struct world_node *node,
                          const struct measurement *measured, struct reading now);
void world_check_step(struct world *world, struct world_node *node, int64_t step_ns);
/* Of any node with a server: its answers to a datagram. */
void world_check_answers(struct world *world, const struct world_node *node,
                         const struct event *event, const struct actions *actions);
/* After each event: the interval holds the truth, and its start never goes back; whoever steers
 * looks again in time. */
void world_check_event(struct world *world, struct world_node *node, struct mono now);
/* At each sample that counts: the NTP root distances of the sources. */
void world_check_distances(struct world *world, struct world_node *node, struct mono now);
/* Of its honest sources the one with the least mean; not a number if there is none. */
double world_check_best_ns(const struct world *world, const struct world_node *node);
/* At each sample: what is claimed of the served time, and what the kernel says of its clock. */
void world_check_claims(struct world *world, struct world_node *node, struct reading now,
                        const struct status *status);
#endif
