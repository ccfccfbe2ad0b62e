/* SPDX-License-Identifier: MIT */
/* scenario_chimed.h - the keys of nodes that run the daemon's engine. Used by scenario_schema.c
 * only. */
#ifndef TESTS_SIM_SCENARIO_CHIMED_H
#define TESTS_SIM_SCENARIO_CHIMED_H
#include "tests/sim/scenario.h"

void scenario_chimed_defaults(struct scenario_chimed *chimed);
/* 1 to 16 names with white space or a comma between. */
bool scenario_chimed_groups(const char *value, struct scenario_groups *groups);

/* One function per key: target is a struct scenario_node. */
bool scenario_chimed_pool(void *target, const char *value);
bool scenario_chimed_peer(void *target, const char *value);
bool scenario_chimed_ring(void *target, const char *value);
bool scenario_chimed_poll_min(void *target, const char *value);
bool scenario_chimed_poll_max(void *target, const char *value);
bool scenario_chimed_iburst(void *target, const char *value);
bool scenario_chimed_interleaved(void *target, const char *value);
bool scenario_chimed_control(void *target, const char *value);
bool scenario_chimed_faults(void *target, const char *value);
bool scenario_chimed_min_sources(void *target, const char *value);
bool scenario_chimed_max_distance(void *target, const char *value);
bool scenario_chimed_drift_class(void *target, const char *value);
bool scenario_chimed_drift_start(void *target, const char *value);
bool scenario_chimed_local_stratum(void *target, const char *value);
bool scenario_chimed_orphan(void *target, const char *value);
bool scenario_chimed_step(void *target, const char *value);
bool scenario_chimed_void_after(void *target, const char *value);
bool scenario_chimed_panic(void *target, const char *value);
bool scenario_chimed_leap(void *target, const char *value);
bool scenario_chimed_names_from(void *target, const char *value);
bool scenario_chimed_suspend_error(void *target, const char *value);
bool scenario_chimed_set(void *target, const char *value);
bool scenario_chimed_command(void *target, const char *value);
#endif
