/* SPDX-License-Identifier: MIT */
/* scenario_mesh.h - the keys of a mesh, of its members and of who attacks it. Used by
 * scenario*.c only. */
#ifndef TESTS_SIM_SCENARIO_MESH_H
#define TESTS_SIM_SCENARIO_MESH_H
#include "tests/sim/scenario.h"

void scenario_mesh_defaults(struct scenario_mesh *mesh);
void scenario_member_defaults(struct scenario_member *member);
void scenario_attack_defaults(struct scenario_attack *attack);

/* Can that group lie so? */
bool scenario_mesh_can_lie(const struct scenario_node *node, int kind);
/* What of a mesh only shows when all has been read: complain is called with a sentence for each
 * mistake. */
void scenario_mesh_check(const struct scenario *scenario,
                         void (*complain)(void *context, unsigned long line, const char *sentence),
                         void *context);

/* One function per key. Of [node]: target is a struct scenario_node. */
bool scenario_mesh_member(void *target, const char *value);
bool scenario_mesh_view(void *target, const char *value);
bool scenario_mesh_algorithm(void *target, const char *value);
bool scenario_mesh_domain(void *target, const char *value);
bool scenario_mesh_ask_count(void *target, const char *value);
bool scenario_mesh_ask_share(void *target, const char *value);
bool scenario_mesh_restart(void *target, const char *value);
/* Of [mesh]: a struct scenario. */
bool scenario_mesh_signatures(void *target, const char *value);
bool scenario_mesh_poll(void *target, const char *value);
bool scenario_mesh_max_offset(void *target, const char *value);
bool scenario_mesh_known(void *target, const char *value);
bool scenario_mesh_ring_delay(void *target, const char *value);
/* Of [attack]: a struct scenario_attack. */
bool scenario_mesh_attack_kind(void *target, const char *value);
bool scenario_mesh_attack_from(void *target, const char *value);
bool scenario_mesh_attack_until(void *target, const char *value);
bool scenario_mesh_attack_share(void *target, const char *value);
#endif
