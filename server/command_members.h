/* SPDX-License-Identifier: MIT */
/* command_members.h - the mesh as one line of JSON (doc/protocol.md). Pure. */
#ifndef SERVER_COMMAND_MEMBERS_H
#define SERVER_COMMAND_MEMBERS_H
#include "common/base/mesh_status.h"
#include "server/command_answer.h"

/* These are as command_answer(). */
size_t command_members(const struct mesh_status *status, char *out, size_t room);
size_t command_members_evidence(uint32_t number, const char *text, char *out, size_t room);
/* now is what our clock shows; stamp is not looked at unless one was given. */
size_t command_members_stamp(enum hlc_verdict verdict, struct hlc_stamp stamp, struct wall now,
                             char *out, size_t room);
#endif
