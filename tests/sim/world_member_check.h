/* SPDX-License-Identifier: MIT */
/* world_member_check.h - what must hold of honest members of a mesh, on every event. Used by
 * world*.c only. */
#ifndef TESTS_SIM_WORLD_MEMBER_CHECK_H
#define TESTS_SIM_WORLD_MEMBER_CHECK_H
#include "tests/sim/world_member.h"

/* A datagram leaves, as an engine made it: fields only to those whom it knows, stamps that never go
 * back and stay near, and what it says of others. Counts it. */
void world_member_check_send(struct world *world, struct world_node *node,
                             const struct action_send *send);
/* What it sent to the server's port's asker: never longer than what it was asked with. */
void world_member_check_answer(struct world *world, struct world_node *node,
                               const struct event *event, const struct action_send *send);
/* Before and after an event: a stamp that was taken is behind all that follow; each honest clock is
 * in each honest interval. */
void world_member_check_before(struct world *world, struct world_node *node,
                               const struct event *event);
void world_member_check_after(struct world *world, struct world_node *node,
                              const struct event *event);
#endif
