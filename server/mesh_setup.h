/* SPDX-License-Identifier: MIT */
/* mesh_setup.h - the configuration as the engine of the mesh takes it. */
#ifndef SERVER_MESH_SETUP_H
#define SERVER_MESH_SETUP_H
#include "common/mesh/mesh.h"
#include "server/setup.h"

/* What the options point to, beside the setup; some 190 kB. */
struct mesh_setup_room {
    struct mesh_member_options members[MESH_MEMBERS_MAX];
    char joins[MESH_JOINS_MAX][ACTION_HOST_MAX];
};

/* Fills *options, which point into setup and room: the identity must live as long as the mesh,
 * which setup_inherit() sees to at a reload; all else may go once the mesh is created or
 * configured. False, and nothing is filled in, if there is no mesh. Nothing can fail: setup_load()
 * refused what would.
 *
 * The caller sets what only it knows, afterwards: key_epoch, incarnation, is_lost, hlc and memories
 * (from the state files). At a reload the engine ignores these. */
bool mesh_setup(const struct setup *setup, struct mesh_options *options,
                struct mesh_setup_room *room) MUST_CHECK;
#endif
