/* SPDX-License-Identifier: MIT */
/* mesh_state.h - what a node of a mesh keeps over a restart, in the folder state-dir: "mesh", who
 * it is and what it told (node_state.h), "members", how far the others were, and "membership", the
 * document that was in force, since no older one may replace it. The folder is locked, so that no
 * two processes speak for one node. Two threads may save. */
#ifndef SERVER_MESH_STATE_H
#define SERVER_MESH_STATE_H
#include "common/auth/membership.h"
#include "common/auth/node_state.h"
#include "common/base/action.h"
#include "common/mesh/mesh.h"
#include <uv.h>

#define MESH_STATE_ERROR_MAX 2048
#define MESH_STATE_MEMBERS_FILE "members"
#define MESH_STATE_DOCUMENT_FILE "membership"

struct mesh_state { /* read freely by the thread that opened it, but for what is under the mutex;
                     * changed by the calls below only */
    const char *folder;
    bool is_open;
    /* There is nothing that goes with the identity: the node is not to speak. */
    bool is_lost;
    int lock;
    uv_mutex_t mutex; /* of node and staged, and of the files */
    struct node_state node;
    struct node_state run; /* node, when it was opened or raised last */
    struct hlc_bound hlc;  /* run's; the era is the one nearest to the clock */
    size_t memory_count;   /* as they were found */
    struct mesh_memory memories[MESH_MEMBERS_MAX];
    char document_mesh[MEMBERSHIP_NAME_MAX + 1]; /* of the document in force; empty: none was */
    uint32_t document_serial;
    bool is_document_kept; /* it is written down */
    size_t staged_count;
    struct mesh_memory staged[MESH_MEMBERS_MAX];
};

/* Begins all zero. Locks the folder (which lives on; empty: none), reads, and raises the
 * incarnation, which is durable then. False only where the daemon must not start: another process
 * has the folder, or the disk refuses. True with a sentence in error: it goes on, and a person
 * should know. now is the system clock's. */
bool mesh_state_open(struct mesh_state *state, const char *folder, uint64_t id, struct wall now,
                     char error[MESH_STATE_ERROR_MAX]) MUST_CHECK;
/* NULL, or one that was not opened, is allowed. */
void mesh_state_close(struct mesh_state *state);
/* The engine begins anew: another incarnation, durable when this returns true. It goes
 * on behind the bound that is durable by then. */
bool mesh_state_raise(struct mesh_state *state, char error[MESH_STATE_ERROR_MAX]) MUST_CHECK;
/* May the node count by that document? False, with a sentence, if it is older than the one of the
 * same mesh that was in force, before a restart too. NULL: there is none, and it may. */
bool mesh_state_accepts(const struct mesh_state *state, const struct membership *membership,
                        char error[MESH_STATE_ERROR_MAX]) MUST_CHECK;
/* The same of a folder that nobody has opened, or a daemon that runs: it is only read. True also
 * where it says nothing; and, with a sentence, where it can't be read. */
bool mesh_state_would_accept(const char *folder, const struct membership *membership,
                             char error[MESH_STATE_ERROR_MAX]) MUST_CHECK;
/* It is in force now (NULL: nothing is changed), and that is durable, or a warning in the log and
 * tried again by the next call. */
void mesh_state_keep(struct mesh_state *state, const struct membership *membership);
/* What the next save of SAVED_MEMBERS writes. */
void mesh_state_stage(struct mesh_state *state, const struct mesh_memory *memories, size_t count);
/* Performs SAVED_HLC and SAVED_MEMBERS: it is durable when this returns true. Any thread. */
bool mesh_state_save(struct mesh_state *state, const struct action_save *save, char *error,
                     size_t room) MUST_CHECK;
#endif
