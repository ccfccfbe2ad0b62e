/* SPDX-License-Identifier: MIT */
/* node.h - one machine of the network, whole but for its host: the sync engine and the mesh, side
 * by side; pure, so that the simulator runs it. What it claims goes to the servers of the workers
 * by ACTION_PUBLISH; requests of members it answers itself. Not thread-safe. */
#ifndef SERVER_NODE_H
#define SERVER_NODE_H
#include "client/sync/sync.h"
#include "common/base/action.h"
#include "common/base/event.h"
#include "common/base/mesh_status.h"
#include "common/base/status.h"
#include "common/mesh/mesh.h"

struct node;

struct node_options {
    const struct sync_options *sync;
    const struct mesh_options *mesh; /* NULL: no mesh */
};

/* random outlives it, and so does the mesh's identity. NULL, and a sentence in error. */
struct node *node_create(const struct node_options *options, struct random *random,
                         struct reading now, char error[SYNC_ERROR_MAX]);
void node_destroy(struct node *node); /* NULL is allowed */
/* As sync_configure() and mesh_configure(). A mesh that was not there before begins, one that is
 * not there any more is left. */
bool node_configure(struct node *node, const struct node_options *options, struct reading now,
                    struct actions *out, char error[SYNC_ERROR_MAX]) MUST_CHECK;

/* The engine begins anew, with what a reload can't change (is_shadow) as options have it; the host
 * closes all associations. False, and nothing changed, as above. */
bool node_restart(struct node *node, const struct node_options *options, struct random *random,
                  struct reading now, char error[SYNC_ERROR_MAX]) MUST_CHECK;

void node_handle(struct node *node, const struct event *event, struct actions *out);
/* When EVENT_TIMER is next due. */
struct mono node_deadline(const struct node *node);
/* Whether a datagram on the server's sockets is not for the servers but for node_handle(). */
bool node_wants(const struct node *node, const struct datagram *datagram);
void node_stop(struct node *node, struct reading now, struct actions *out);

const struct sync_state *node_claim(const struct node *node);
/* The engine, for those who look: sync_status(), sync_interval() ... */
const struct sync *node_sync(const struct node *node);
/* NULL: there is none. */
const struct mesh *node_mesh(const struct node *node);
/* What is shown of the mesh, with what was measured of its members. False: there is none. */
bool node_mesh_status(const struct node *node, struct reading now,
                      struct mesh_status *status) MUST_CHECK;
/* A stamp of the hybrid logical clock; with a message's, of its receipt. HLC_UNSTARTED without a
 * mesh. */
enum hlc_verdict node_stamp(struct node *node, struct reading now, const struct hlc_stamp *message,
                            struct hlc_stamp *stamp) MUST_CHECK;
#endif
