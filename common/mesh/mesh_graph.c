/* SPDX-License-Identifier: MIT */
/* The graph of those we ask: what their reports and our measurements make of each other. */
#include "common/mesh/mesh_inner.h"
#include <math.h>

#define CORNERS (GRAPH_NEIGHBOURS_MAX + 1)
#define TRIANGLES_MAX (CORNERS * (CORNERS - 1) * (CORNERS - 2) / 6)
#define NS_MAX 9e18

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
    /* Those that are convicted are still in the graph, so they are still among the f. */
    graph_round(&mesh->graph, mesh->options.faults, now);
}

void mesh_graph_look(const struct mesh *mesh, size_t member, struct graph_finding *finding)
{
    size_t number = graph_find(&mesh->graph, identity_tag(mesh->members[member].id));
    *finding = (struct graph_finding){.loops = 0};
    if (number != GRAPH_NOBODY) {
        graph_look(&mesh->graph, number, finding);
    }
}

static int64_t round_ns(double ns)
{
    return llround(fmax(-NS_MAX, fmin(NS_MAX, ns)));
}

/* The place in the matrix of each corner; MESH_STATUS_NOBODY. */
static void find_places(const struct mesh *mesh, const struct mesh_status *status,
                        uint32_t places[CORNERS])
{
    for (size_t i = 0; i < CORNERS; i++) {
        places[i] = i == GRAPH_SELF ? 0 : MESH_STATUS_NOBODY;
    }
    for (size_t i = 0; i < status->count; i++) {
        size_t corner = graph_find(&mesh->graph, identity_tag(status->members[i].id));
        if (corner != GRAPH_NOBODY) {
            places[corner] = status->members[i].place;
        }
    }
}

static void show_cells(const struct mesh *mesh, struct mono now, const uint32_t places[CORNERS],
                       struct mesh_status *status)
{
    for (size_t from = 0; from < CORNERS; from++) {
        for (size_t to = 0; to < CORNERS; to++) {
            struct graph_cell cell;
            if (places[from] != MESH_STATUS_NOBODY && places[to] != MESH_STATUS_NOBODY &&
                graph_cell(&mesh->graph, from, to, now, &cell)) {
                status->matrix[places[from]][places[to]] =
                    (struct mesh_status_pair){.is_known = true,
                                              .is_measured = cell.is_measured,
                                              .offset_ns = round_ns(cell.offset_ns),
                                              .error_ns = round_ns(cell.error_ns)};
            }
        }
    }
}

/* To each member the largest of its triangles. */
static void show_surpluses(const struct mesh *mesh, struct mono now, struct mesh_status *status,
                           const uint32_t places[CORNERS])
{
    struct graph_triangle triangles[TRIANGLES_MAX];
    size_t count = graph_triangles(&mesh->graph, now, triangles, TRIANGLES_MAX);
    for (size_t i = 0; i < status->count; i++) {
        struct mesh_status_member *member = &status->members[i];
        for (size_t j = 0; j < count && member->place != MESH_STATUS_NOBODY; j++) {
            const struct graph_triangle *triangle = &triangles[j];
            int64_t excess_ns = round_ns(fabs(triangle->surplus_ns) - triangle->limit_ns);
            for (size_t k = 0; k < 3; k++) {
                if (places[triangle->corners[k]] == member->place &&
                    excess_ns > member->surplus_ns) {
                    member->surplus_ns = excess_ns;
                }
            }
        }
    }
}

void mesh_graph_show(const struct mesh *mesh, struct mono now, struct mesh_status *status)
{
    uint32_t places[CORNERS];
    find_places(mesh, status, places);
    show_cells(mesh, now, places, status);
    show_surpluses(mesh, now, status, places);
    status->is_impossible = graph_is_impossible(&mesh->graph, now);
}
