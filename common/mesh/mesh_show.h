/* SPDX-License-Identifier: MIT */
/* mesh_show.h - what the engine shows; and proofs, as a text that anybody can check.
 *
 *      truechimer proof 1
 *      kind = WORDS                of enum evidence_kind
 *      key = ed25519:DIGITS        of the author of the report that follows
 *      report = DIGITS             the whole REPORT field
 *      signature = DIGITS          Ed25519 over "truechimer report v1", a zero octet, the field
 *      key = ..., report = ..., signature = ...    the other report */
#ifndef COMMON_MESH_MESH_SHOW_H
#define COMMON_MESH_MESH_SHOW_H
#include "common/base/mesh_status.h"
#include "common/mesh/mesh.h"

#define MESH_PROOF_TEXT_MAX 4096

/* Some 150 kB. Measures, and the matrix's first row, are node_mesh_status()'s. */
void mesh_status(const struct mesh *mesh, struct reading now, struct mesh_status *status);
/* After the measures are in: our own row of the matrix, and surpluses. */
void mesh_status_measured(struct mesh_status *status);
/* Writes a proof that is kept, terminated. False: there is none of that number (any more). */
bool mesh_proof_write(const struct mesh *mesh, uint32_t number,
                      char out[MESH_PROOF_TEXT_MAX]) MUST_CHECK;
#endif
