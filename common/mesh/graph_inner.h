/* SPDX-License-Identifier: MIT */
/* graph_inner.h - what the files of the graph share: graph.c keeps what is said, graph_edge.c makes
 * edges of it, graph_loop.c what loops tell of asymmetry, graph_judge.c of lies. */
#ifndef COMMON_MESH_GRAPH_INNER_H
#define COMMON_MESH_GRAPH_INNER_H
#include "common/mesh/graph.h"

#define GRAPH_CORNERS (GRAPH_NEIGHBOURS_MAX + 1)
#define GRAPH_SD_FACTOR 4.0

/* The later corner's clock less the earlier one's. */
struct graph_edge {
    double offset_ns;
    float sd_ns;
    float delay_ns;
    float drift_ns; /* that its clocks may have made since it was measured */
    bool is_known;
    bool is_doubted;      /* both said something, and it does not fit well: out of the estimate */
    bool is_contradicted; /* and not at all, so that one of them lies */
};

/* From corner a to b, a < b; GRAPH_SELF is the last. */
struct graph_edges {
    struct graph_edge between[GRAPH_CORNERS][GRAPH_CORNERS];
};

void graph_edges_make(const struct graph *graph, struct mono now, struct graph_edges *edges);
/* Of any two corners in any order: offset from a to b. */
static inline double graph_edges_offset(const struct graph_edges *edges, size_t a, size_t b)
{
    return a < b ? edges->between[a][b].offset_ns : -edges->between[b][a].offset_ns;
}

static inline const struct graph_edge *graph_edges_at(const struct graph_edges *edges, size_t a,
                                                      size_t b)
{
    return a < b ? &edges->between[a][b] : &edges->between[b][a];
}

/* a < b < c. Returns false if an edge is missing. */
bool graph_edges_triangle(const struct graph_edges *edges, const size_t corners[3],
                          struct graph_triangle *triangle);
bool graph_edges_has_failed(const struct graph_triangle *triangle);

void graph_loop_round(struct graph *graph, const struct graph_edges *edges);
void graph_judge_round(struct graph *graph, const struct graph_edges *edges, unsigned faults);
#endif
