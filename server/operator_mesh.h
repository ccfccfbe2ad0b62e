/* SPDX-License-Identifier: MIT */
/* operator_mesh.h - what operators ask about the mesh. */
#ifndef SERVER_OPERATOR_MESH_H
#define SERVER_OPERATOR_MESH_H
#include "server/command_request.h"
#include "server/operator.h"

/* Answers REQUEST_MESH, REQUEST_EVIDENCE and REQUEST_HLC; size 0: it is none of them. */
size_t operator_mesh_answer(const struct operator_view *view, const struct operator_calls *calls,
                            const struct command_request *request, char *out, size_t room);
#endif
