/* SPDX-License-Identifier: MIT */
/* node_inner.h - what the two files of the node share; nobody else includes it. node.c is its life,
 * node_mesh.c what passes between sync and mesh. */
#ifndef SERVER_NODE_INNER_H
#define SERVER_NODE_INNER_H
#include "client/sync/departure.h"
#include "client/sync/sync_member.h"
#include "server/node.h"

#define NODE_PENDING_MAX 16

/* A member's request whose answer waits until our report is signed: what takes its time must not
 * stand between its transmit timestamp and the wire. */
struct node_pending {
    struct mesh_opened request;
    struct address destination; /* ours, as it was asked */
    uint32_t interface;
    struct reading received;
};

struct node {
    struct sync *sync;
    struct mesh *mesh; /* NULL: none */
    int8_t poll_min;   /* of members, log2 s */
    int8_t poll_max;
    struct random *random;
    uint32_t view_version; /* of the seats that sync knows */
    size_t seat_count;
    struct mesh_seat seats[MESH_VIEW_MAX];
    bool has_signed; /* in the event before: once is enough */
    struct mono handled;
    size_t pending_count;
    struct node_pending pending[NODE_PENDING_MAX];
    struct departure departure; /* of answers */
};

/* node_mesh.c; there is a mesh. */
/* Sync handles the event; what it asks of members is dressed. */
void node_mesh_sync(struct node *node, const struct event *event, struct actions *out);
/* What is the mesh's, or may be. True: the event is done with. */
bool node_mesh_take(struct node *node, const struct event *event, struct actions *out) MUST_CHECK;
/* Sync's members become those that are seated. */
void node_mesh_seat(struct node *node, struct mono now, struct actions *out);
/* Sync forgets the members that it has. */
void node_mesh_drop(struct node *node, struct mono now);
/* Says goodbye to those that are asked. */
void node_mesh_leave(struct node *node, struct reading now, struct actions *out);
void node_mesh_look(struct node *node, struct reading now);
#endif
