/* SPDX-License-Identifier: MIT */
/* The graph of those we ask: what their reports and our measurements make of each other. */
#include "common/mesh/mesh_inner.h"

void mesh_graph_run(struct mesh *mesh, const struct mesh_outlook *outlook, struct mono now)
{
    uint32_t tags[GRAPH_NEIGHBOURS_MAX] = {0};
    size_t count = outlook->count < GRAPH_NEIGHBOURS_MAX ? outlook->count : GRAPH_NEIGHBOURS_MAX;
    for (size_t i = 0; i < count; i++) {
        tags[i] = identity_tag(outlook->peers[i].id);
    }
    graph_choose(&mesh->graph, tags, count);
    for (size_t i = 0; i < count; i++) {
        const struct mesh_contact *contact =
            mesh_contact_of(mesh, mesh_find(mesh, outlook->peers[i].id));
        size_t number = graph_find(&mesh->graph, tags[i]);
        if (contact != NULL && contact->has_report && !contact->is_other_membership) {
            graph_hear(&mesh->graph, number, &contact->report, contact->reported);
        }
        graph_measure(&mesh->graph, number, &outlook->peers[i].measure, now);
    }
    bool has_budget = mesh->budget.members > 0;
    graph_round(&mesh->graph, has_budget ? mesh->budget.faults : mesh->options.faults, now);
}

void mesh_graph_look(const struct mesh *mesh, size_t member, struct graph_finding *finding)
{
    size_t number = graph_find(&mesh->graph, identity_tag(mesh->members[member].id));
    *finding = (struct graph_finding){.loops = 0};
    if (number != GRAPH_NOBODY) {
        graph_look(&mesh->graph, number, finding);
    }
}
