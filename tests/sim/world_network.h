/* SPDX-License-Identifier: MIT */
/* world_network.h - datagrams from node to node: when they leave, on their way, and when they
 * arrive. Used by world*.c only. */
#ifndef TESTS_SIM_WORLD_NETWORK_H
#define TESTS_SIM_WORLD_NETWORK_H
#include "tests/sim/world_core.h"

/* A datagram leaves; its source address is complete. If it wants a stamp, the node is told. */
void world_network_send(struct world *world, struct world_node *node,
                        const struct action_send *send);
/* That flight arrives: the node it is for is told. */
void world_network_arrive(struct world *world, size_t index);
#endif
