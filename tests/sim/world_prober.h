/* SPDX-License-Identifier: MIT */
/* world_prober.h - what the host is to a prober, and what must hold of it. Used by world*.c only.
 */
#ifndef TESTS_SIM_WORLD_PROBER_H
#define TESTS_SIM_WORLD_PROBER_H
#include "tests/sim/world_core.h"

/* Lets it handle an event, and performs what it wants. */
void world_prober_handle(struct world *world, struct world_node *node, const struct event *event);
/* What it goes by, at now: its estimate, or, if it steers, what its clock shows; left_ns is what
 * that clock has still to correct. False if it has no estimate. */
bool world_prober_read(const struct world_node *node, struct mono now, struct estimate *shown,
                       int64_t *left_ns) MUST_CHECK;
#endif
