/* SPDX-License-Identifier: MIT */
/* scout.h - where members of the mesh may be: looked for by SRV records and by mDNS, as the
 * configuration has it. */
#ifndef SERVER_SCOUT_H
#define SERVER_SCOUT_H
#include "common/host/discovery.h"
#include "server/setup.h"

struct scout;

/* What is found is an event of options' association. What options names outlives it. NULL if memory
 * is short. */
struct scout *scout_create(const struct discovery_options *options);
void scout_configure(struct scout *scout, const struct setup *setup);
/* Ends what can be ended, within a second; NULL is allowed, below too. */
void scout_stop(struct scout *scout);
/* Whether somebody is being waited for whom nothing ends. */
bool scout_is_busy(const struct scout *scout);
/* After scout_stop(). The loop must run once more, unless it is busy. */
void scout_destroy(struct scout *scout);
#endif
