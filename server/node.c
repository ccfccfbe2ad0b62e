/* SPDX-License-Identifier: MIT */
#include "server/node.h"
#include <stdio.h>
#include <stdlib.h>

struct node {
    struct sync *sync;
};

struct node *node_create(const struct sync_options *options, struct random *random,
                         struct reading now, char error[SYNC_ERROR_MAX])
{
    struct node *node = calloc(1, sizeof(*node));
    if (node == NULL) {
        snprintf(error, SYNC_ERROR_MAX, "out of memory");
        return NULL;
    }
    node->sync = sync_create(options, random, now, error);
    if (node->sync == NULL) {
        free(node);
        return NULL;
    }
    return node;
}

void node_destroy(struct node *node)
{
    if (node != NULL) {
        sync_destroy(node->sync);
        free(node);
    }
}

bool node_configure(struct node *node, const struct sync_options *options, struct reading now,
                    struct actions *out, char error[SYNC_ERROR_MAX])
{
    return sync_configure(node->sync, options, now, out, error);
}

bool node_restart(struct node *node, const struct sync_options *options, struct random *random,
                  struct reading now, char error[SYNC_ERROR_MAX])
{
    struct sync *sync = sync_create(options, random, now, error);
    if (sync == NULL) {
        return false;
    }
    sync_destroy(node->sync);
    node->sync = sync;
    return true;
}

void node_handle(struct node *node, const struct event *event, struct actions *out)
{
    sync_handle(node->sync, event, out);
}

struct mono node_deadline(const struct node *node)
{
    return sync_deadline(node->sync);
}

bool node_wants(const struct node *node, const struct datagram *datagram)
{
    return sync_wants(node->sync, datagram);
}

void node_stop(struct node *node, struct reading now, struct actions *out)
{
    sync_stop(node->sync, now, out);
}

const struct sync_state *node_claim(const struct node *node)
{
    return sync_claim(node->sync);
}

const struct sync *node_sync(const struct node *node)
{
    return node->sync;
}
