/* SPDX-License-Identifier: MIT */
/* Berkeley's algorithm, as messages of the mesh. */
#include "common/mesh/mesh_inner.h"

enum mesh_post_verdict mesh_berkeley_take(struct mesh *mesh, struct mesh_contact *contact,
                                          uint8_t kind, struct bytes body, struct mono now,
                                          struct actions *out)
{
    (void)mesh;
    (void)contact;
    (void)kind;
    (void)body;
    (void)now;
    (void)out;
    return MESH_POST_KIND;
}
