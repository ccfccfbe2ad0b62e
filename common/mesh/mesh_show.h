/* SPDX-License-Identifier: MIT */
/* mesh_show.h - what the engine shows, and the proofs that it keeps. */
#ifndef COMMON_MESH_MESH_SHOW_H
#define COMMON_MESH_MESH_SHOW_H
#include "common/base/mesh_status.h"
#include "common/mesh/mesh.h"

/* Some 150 kB. Measures are node_mesh_status()'s. */
void mesh_status(const struct mesh *mesh, struct reading now, struct mesh_status *status);
/* Writes a proof that is kept, terminated (PROOF_TEXT_MAX of common/mesh/proof.h is room enough).
 * One on which a verdict is founded is kept as long as that stands. Returns its length; 0: there is
 * none. */
size_t mesh_proof_write(const struct mesh *mesh, uint32_t number, char *out, size_t room);
#endif
