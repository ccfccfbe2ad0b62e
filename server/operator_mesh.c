/* SPDX-License-Identifier: MIT */
#include "server/operator_mesh.h"
#include "common/mesh/mesh_show.h"
#include "common/mesh/proof.h"
#include "server/command_members.h"
#include <stdio.h>
#include <stdlib.h>

static size_t answer_status(const struct operator_view *view, const struct operator_calls *calls,
                            char *out, size_t room)
{
    struct mesh_status *status = calloc(1, sizeof(*status));
    if (status == NULL || !node_mesh_status(view->node, clock_read(view->clock), status)) {
        free(status);
        return command_answer_error("out of memory", out, room);
    }
    for (size_t i = 0; i < view->station_count; i++) {
        station_add_gate(view->stations[i], status->gate_count);
    }
    status->intake_dropped =
        calls->intake_dropped != NULL ? calls->intake_dropped(calls->context) : 0;
    size_t size = command_members(status, out, room);
    free(status);
    return size;
}

static size_t answer_evidence(const struct operator_view *view, uint32_t number, char *out,
                              size_t room)
{
    char *text = malloc(PROOF_TEXT_MAX);
    if (text == NULL) {
        return command_answer_error("out of memory", out, room);
    }
    size_t size =
        mesh_proof_write(node_mesh(view->node), number, text, PROOF_TEXT_MAX) > 0
            ? command_members_evidence(number, text, out, room)
            : command_answer_error("there is no proof of that number, or not any more; 'chime "
                                   "mesh' shows those that are kept",
                                   out, room);
    free(text);
    return size;
}

static size_t answer_stamp(const struct operator_view *view, const struct operator_calls *calls,
                           const struct command_request *request, char *out, size_t room)
{
    struct hlc_stamp message = {request->message};
    struct hlc_stamp stamp = {0};
    enum hlc_verdict verdict = HLC_UNSTARTED;
    if (calls->stamp != NULL) {
        verdict = calls->stamp(calls->context, request->has_message ? &message : NULL, &stamp);
    }
    struct wall now = sync_clock(node_sync(view->node), clock_read(view->clock)).wall;
    return command_members_stamp(verdict, stamp, now, out, room);
}

size_t operator_mesh_answer(const struct operator_view *view, const struct operator_calls *calls,
                            const struct command_request *request, char *out, size_t room)
{
    bool is_ours = request->kind == REQUEST_MESH || request->kind == REQUEST_EVIDENCE ||
                   request->kind == REQUEST_HLC;
    if (!is_ours) {
        return 0;
    }
    if (node_mesh(view->node) == NULL) {
        return command_answer_error("this chimed is no node of a mesh: its configuration has no "
                                    "[mesh] with an identity; see chimed.conf(5)",
                                    out, room);
    }
    if (request->kind == REQUEST_MESH) {
        return answer_status(view, calls, out, room);
    }
    return request->kind == REQUEST_EVIDENCE ? answer_evidence(view, request->number, out, room)
                                             : answer_stamp(view, calls, request, out, room);
}
