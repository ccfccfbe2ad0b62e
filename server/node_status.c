/* SPDX-License-Identifier: MIT */
/* What the node shows of its mesh. */
#include "common/mesh/mesh_show.h"
#include "server/node_inner.h"

bool node_mesh_status(const struct node *node, struct reading now, struct mesh_status *status)
{
    if (node->mesh == NULL) {
        return false;
    }
    mesh_status(node->mesh, now, status);
    sync_own_claim(node->sync, now, &status->own);
    for (size_t i = 0; i < status->count; i++) {
        struct mesh_status_member *member = &status->members[i];
        if (!member->is_asked) {
            continue;
        }
        const struct address *address = sync_member_address(node->sync, member->id);
        sync_member_measured(node->sync, member->id, now, &member->measure);
        if (address != NULL) {
            member->address = *address;
        }
    }
    return true;
}
