/* SPDX-License-Identifier: MIT */
/* world_opinion.h - what members of a mesh think of each other, and whether they are right. Used by
 * world*.c only. */
#ifndef TESTS_SIM_WORLD_OPINION_H
#define TESTS_SIM_WORLD_OPINION_H
#include "tests/sim/world_core.h"

/* At a sample: all that this one thinks. No honest member is ever convicted by an honest one. */
void world_opinion_look(struct world *world, struct world_node *node);
/* A liar's lie misses what the honest agree on, now. */
void world_opinion_miss(const struct world *world, struct world_node *liar);
/* The worst of all: polls during which a liar's lie missed, and an honest member that talks to it
 * counted it all the same: until it was out, stopped or the run was over. Not a number: nobody's
 * lie missed. Whoever is readmitted, and lies on, counts anew. */
double world_opinion_rounds(const struct world *world);
#endif
