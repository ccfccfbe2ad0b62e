/* SPDX-License-Identifier: MIT */
/* keeper.h - performs ACTION_SAVE beside the main loop, which must not wait for a disk. */
#ifndef SERVER_KEEPER_H
#define SERVER_KEEPER_H
#include "common/host/worker.h"
#include "server/mesh_state.h"
#include "server/state_files.h"

struct keeper;

/* take is called from the loop with an EVENT_SAVED without now. files outlives it. NULL if memory
 * is short. */
struct keeper *keeper_create(uv_loop_t *loop, const struct state_files *files,
                             void (*take)(void *context, struct event *event), void *context);
/* What SAVED_HLC and SAVED_MEMBERS go to; NULL: nowhere. It outlives the keeper. */
void keeper_set_mesh(struct keeper *keeper, struct mesh_state *mesh);
/* Saves; what is asked for while that goes on is saved next, the newest of its kind.
 * Where nothing is to be kept nobody is told. */
void keeper_save(struct keeper *keeper, const struct action_save *save);
/* The engine begins anew: what the old one asked for is saved all the same, and nobody is told. The
 * new one would take a bound of stamps for its own, and for durable. */
void keeper_begin_anew(struct keeper *keeper);
/* The end: what is asked for from now on is saved at once, and nobody is told. */
void keeper_finish(struct keeper *keeper);
/* Frees it. Nothing is under way when keeper_finish() was called and the loop has run. NULL is
 * allowed. */
void keeper_destroy(struct keeper *keeper);
#endif
