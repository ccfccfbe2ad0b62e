/* SPDX-License-Identifier: MIT */
/* world_member.h - what happens to members of a mesh besides what happens to any node: what they do
 * is paid for, what they send may be a lie or be met by an attacker, they are killed and start
 * again, and they are looked at together. Used by world*.c only. */
#ifndef TESTS_SIM_WORLD_MEMBER_H
#define TESTS_SIM_WORLD_MEMBER_H
#include "tests/sim/world_host.h"

/* node_handle(), and what it took. */
void world_member_handle(struct world *world, struct world_node *node, const struct event *event,
                         struct actions *actions);
/* An ACTION_SAVE: what is on its way to the disk, and when it has got there. */
void world_member_save(struct world_node *node, const struct action_save *save);
void world_member_saved(struct world_node *node, enum saved what);
/* The process is gone, or starts again. */
void world_member_kill(struct world *world, struct world_node *node);
void world_member_boot(struct world *world, struct world_node *node);

/* False if a datagram has none of the mesh's fields, or they have no form. */
bool world_member_fields(struct bytes datagram, struct packet *header,
                         struct report_packet *fields) MUST_CHECK;
/* Is it a step of a handshake, and no request for the time? */
bool world_member_is_handshake(const struct action_send *send);
/* A datagram leaves: *hold_ns is how long it waits first. False if it does not leave. */
bool world_member_lies(struct world *world, struct world_node *node, struct action_send *send,
                       int64_t *hold_ns);
/* What its clock may be: of UTC, or of the mesh's own time. False if it vouches for nothing. */
bool world_member_interval(const struct world_node *node, struct mono now,
                           struct interval *interval) MUST_CHECK;
/* What the clocks of the mesh are, while they keep a time of their own. As above. */
bool world_member_mesh_interval(const struct world_node *node, struct mono now,
                                struct interval *interval) MUST_CHECK;
/* Does it ask the other one? */
bool world_member_asks(const struct world_node *node, const struct world_node *other);
/* Whether an interval of the mesh's time holds the clock of the other, if that one is
 * honest and keeps the mesh's time as well. */
bool world_member_holds(struct world *world, struct world_node *other, struct interval interval);
void world_member_sample_interval(struct world *world, struct world_node *node);
/* What it serves now, less UTC. */
int64_t world_member_error_ns(struct world *world, struct world_node *node);
/* Does it count: honest, awake and running? */
bool world_member_counts(const struct world *world, const struct world_node *node);

/* All of them, at a sample; and in the end. */
void world_member_sample(struct world *world);
void world_member_figures(const struct world *world, struct figures *figures);
#endif
