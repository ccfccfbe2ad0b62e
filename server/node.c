/* SPDX-License-Identifier: MIT */
#include "server/node_inner.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sync_options with_mesh(const struct node_options *options, const struct mesh *mesh)
{
    struct sync_options sync = *options->sync;
    sync.mesh = (struct sync_mesh_options){.is_on = mesh != NULL};
    if (mesh != NULL) {
        sync.faults = (int)options->mesh->faults;
        sync.mesh.members = (unsigned)mesh_total(mesh);
        sync.mesh.timescale_id = options->mesh->timescale_id;
        sync.mesh.is_berkeley = options->mesh->algorithm == MESH_BERKELEY;
    }
    return sync;
}

static bool create_mesh(const struct node_options *options, struct random *random,
                        struct reading now, struct mesh **mesh, char error[SYNC_ERROR_MAX])
{
    char why[MESH_ERROR_MAX];
    *mesh = NULL;
    if (options->mesh == NULL) {
        return true;
    }
    *mesh = mesh_create(options->mesh, random, now, why);
    if (*mesh == NULL) {
        snprintf(error, SYNC_ERROR_MAX, "[mesh]: %.480s", why);
    }
    return *mesh != NULL;
}

/* Under Berkeley's algorithm members speak in requests, twice in an interval. */
static int8_t berkeley_poll(int64_t interval_ns)
{
    int8_t poll = SOURCE_POLL_MIN;
    while (poll < SOURCE_POLL_MAX && 4 * timestamp_log2_to_ns(poll) <= interval_ns) {
        poll++;
    }
    return poll;
}

static void adopt(struct node *node, const struct node_options *options)
{
    const struct mesh_options *mesh = options->mesh;
    node->poll_min = mesh != NULL ? mesh->poll_min : 0;
    node->poll_max = mesh != NULL ? mesh->poll_max : 0;
    if (mesh != NULL && mesh->algorithm == MESH_BERKELEY) {
        node->poll_min = berkeley_poll(mesh->interval_ns);
        node->poll_max = node->poll_min;
    }
}

struct node *node_create(const struct node_options *options, struct random *random,
                         struct reading now, char error[SYNC_ERROR_MAX])
{
    struct node *node = calloc(1, sizeof(*node));
    if (node == NULL) {
        snprintf(error, SYNC_ERROR_MAX, "out of memory");
        return NULL;
    }
    if (!create_mesh(options, random, now, &node->mesh, error)) {
        free(node);
        return NULL;
    }
    struct sync_options sync = with_mesh(options, node->mesh);
    node->sync = sync_create(&sync, random, now, error);
    if (node->sync == NULL) {
        mesh_destroy(node->mesh);
        free(node);
        return NULL;
    }
    node->random = random;
    node->handled = now.mono;
    adopt(node, options);
    return node;
}

void node_destroy(struct node *node)
{
    if (node != NULL) {
        mesh_destroy(node->mesh);
        sync_destroy(node->sync);
        free(node);
    }
}

bool node_configure(struct node *node, const struct node_options *options, struct reading now,
                    struct actions *out, char error[SYNC_ERROR_MAX])
{
    struct mesh *mesh = node->mesh;
    bool is_new = options->mesh != NULL && mesh == NULL;
    if (is_new && !create_mesh(options, node->random, now, &mesh, error)) {
        return false;
    }
    struct sync_options sync = with_mesh(options, options->mesh != NULL ? mesh : NULL);
    char why[MESH_ERROR_MAX];
    bool ok = sync_configure(node->sync, &sync, now, out, error);
    if (ok && options->mesh != NULL && !is_new && !mesh_configure(mesh, options->mesh, now, why)) {
        snprintf(error, SYNC_ERROR_MAX, "[mesh]: %.480s", why);
        ok = false;
    }
    if (!ok) {
        mesh_destroy(is_new ? mesh : NULL);
        return false;
    }
    if (options->mesh == NULL && node->mesh != NULL) {
        node_mesh_drop(node, now.mono);
        mesh_destroy(node->mesh);
        mesh = NULL;
    }
    node->mesh = mesh;
    adopt(node, options);
    return true;
}

bool node_restart(struct node *node, const struct node_options *options, struct random *random,
                  struct reading now, char error[SYNC_ERROR_MAX])
{
    struct node *fresh = node_create(options, random, now, error);
    if (fresh == NULL) {
        return false;
    }
    struct node old = *node;
    *node = *fresh;
    *fresh = old;
    node_destroy(fresh);
    return true;
}

void node_handle(struct node *node, const struct event *event, struct actions *out)
{
    node->handled = event->now.mono;
    if (node->mesh == NULL) {
        sync_handle(node->sync, event, out);
        return;
    }
    if (!node_mesh_take(node, event, out)) {
        node_mesh_sync(node, event, out);
    }
    if (mesh_view_version(node->mesh) != node->view_version) {
        node_mesh_seat(node, event->now.mono, out);
    }
}

struct mono node_deadline(const struct node *node)
{
    struct mono deadline = sync_deadline(node->sync);
    if (node->mesh != NULL) {
        struct mono own = mesh_deadline(node->mesh);
        deadline = own.ns < deadline.ns ? own : deadline;
        bool is_due =
            node->pending_count > 0 || mesh_view_version(node->mesh) != node->view_version;
        deadline = is_due || deadline.ns < node->handled.ns ? node->handled : deadline;
    }
    return deadline;
}

bool node_wants(const struct node *node, const struct datagram *datagram)
{
    return sync_wants(node->sync, datagram) ||
           (node->mesh != NULL && mesh_wants(node->mesh, datagram));
}

void node_stop(struct node *node, struct reading now, struct actions *out)
{
    if (node->mesh != NULL) {
        node_mesh_leave(node, now, out);
    }
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

const struct mesh *node_mesh(const struct node *node)
{
    return node->mesh;
}

enum hlc_verdict node_stamp(struct node *node, struct reading now, const struct hlc_stamp *message,
                            struct hlc_stamp *stamp)
{
    if (node->mesh == NULL) {
        return HLC_UNSTARTED;
    }
    node_mesh_look(node, now);
    return mesh_stamp(node->mesh, now.mono, message, stamp);
}
