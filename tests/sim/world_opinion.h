/* SPDX-License-Identifier: MIT */
/* world_opinion.h - what members of a mesh think of each other, and whether they are right. Used by
 * world*.c only. */
#ifndef TESTS_SIM_WORLD_OPINION_H
#define TESTS_SIM_WORLD_OPINION_H
#include "tests/sim/world_core.h"

/* At a sample: all that this one thinks. No honest member is ever convicted by an honest one. */
void world_opinion_look(struct world *world, struct world_node *node);
/* The worst of all: polls from a liar's first miss until an honest member that talks to it counted
 * it out; infinite: never; not a number: nobody's lie missed. */
double world_opinion_rounds(const struct world *world);
#endif
