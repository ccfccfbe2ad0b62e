/* SPDX-License-Identifier: MIT */
/* Edges between the corners: of what we measured, and of two words on the same path. */
#include "common/mesh/graph_inner.h"
#include <assert.h>
#include <math.h>

/* By what two disciplined clocks part at most that are not seen to. */
#define DRIFT_PPM 30.0
/* A report that is older says nothing. */
#define WORD_NS_MAX (2048.0 * 1e9)

static double age_ns_of(uint8_t age_log2)
{
    return age_log2 == 0 ? 1e9 : exp2(age_log2 / 4.0) * 1e9;
}

static struct graph_edge make_own(const struct graph_neighbour *neighbour, struct mono now)
{
    double extrapolated_ns = (double)(neighbour->measured.ns - neighbour->sampled.ns);
    double passed_ns = (double)(now.ns - neighbour->measured.ns);
    if (!neighbour->is_measured || extrapolated_ns > WORD_NS_MAX || passed_ns > WORD_NS_MAX) {
        return (struct graph_edge){.is_known = false};
    }
    double drift_ns = (extrapolated_ns + passed_ns) * DRIFT_PPM * 1e-6 +
                      passed_ns * (double)neighbour->rate_ppm * 1e-6;
    return (struct graph_edge){
        .offset_ns = -(double)report_offset_to_ns(neighbour->offset_f28), /* to us, who are last */
        .sd_ns = neighbour->sd_ns,
        .delay_ns = (float)report_width_to_ns(neighbour->delay_f28),
        .drift_ns = (float)drift_ns,
        .is_known = true};
}

/* What from says of to. The offset is as it was when the report was made. */
static struct graph_edge make_word(const struct graph *graph, size_t from, size_t to,
                                   struct mono now)
{
    const struct graph_neighbour *author = &graph->neighbours[from];
    const struct graph_word *word = &author->words[to];
    double passed_ns = (double)(now.ns - author->heard.ns);
    if (!word->is_set || passed_ns > WORD_NS_MAX) {
        return (struct graph_edge){.is_known = false};
    }
    double age_ns = age_ns_of(word->age_log2);
    double rate_ppm = (double)author->rate_ppm + (double)graph->neighbours[to].rate_ppm;
    double drift_ns = (age_ns + passed_ns) * DRIFT_PPM * 1e-6 + passed_ns * rate_ppm * 1e-6;
    return (struct graph_edge){.offset_ns = (double)report_offset_to_ns(word->offset_f28),
                               .sd_ns = (float)(exp2(word->sd_log2 / 256.0) * 1e9),
                               .delay_ns = (float)report_width_to_ns(word->delay_f28),
                               .drift_ns = (float)drift_ns,
                               .is_known = age_ns <= WORD_NS_MAX};
}

/* Both went the same path, so that its asymmetry is in both, and cancels in their difference. */
static struct graph_edge join(const struct graph_edge *there, const struct graph_edge *back)
{
    if (!there->is_known || !back->is_known) {
        struct graph_edge edge = there->is_known ? *there : *back;
        edge.offset_ns = there->is_known ? edge.offset_ns : -edge.offset_ns;
        return edge;
    }
    double differ_ns = fabs(there->offset_ns + back->offset_ns);
    double noise_ns = GRAPH_SD_FACTOR * hypot((double)there->sd_ns, (double)back->sd_ns) +
                      (double)there->drift_ns + (double)back->drift_ns;
    double delays_ns = (double)there->delay_ns + (double)back->delay_ns;
    struct graph_edge edge = {
        .offset_ns = (there->offset_ns - back->offset_ns) / 2.0,
        .sd_ns = hypotf(there->sd_ns, back->sd_ns) / 2.0F,
        .delay_ns = fmaxf(there->delay_ns, back->delay_ns),
        .drift_ns = fmaxf(there->drift_ns, back->drift_ns),
        .is_known = true,
        /* What one waited longer in queues than the other may be in the difference. */
        .is_doubted =
            differ_ns > noise_ns + fabs((double)there->delay_ns - (double)back->delay_ns) / 2.0,
        .is_contradicted = differ_ns > noise_ns + delays_ns / 2.0};
    return edge;
}

void graph_edges_make(const struct graph *graph, struct mono now, struct graph_edges *edges)
{
    *edges = (struct graph_edges){.between = {{{.is_known = false}}}};
    for (size_t a = 0; a < GRAPH_NEIGHBOURS_MAX; a++) {
        if (!graph->neighbours[a].is_used) {
            continue;
        }
        edges->between[a][GRAPH_SELF] = make_own(&graph->neighbours[a], now);
        for (size_t b = a + 1; b < GRAPH_NEIGHBOURS_MAX; b++) {
            if (graph->neighbours[b].is_used) {
                struct graph_edge there = make_word(graph, a, b, now);
                struct graph_edge back = make_word(graph, b, a, now);
                edges->between[a][b] = join(&there, &back);
            }
        }
    }
}

bool graph_edges_triangle(const struct graph_edges *edges, const size_t corners[3],
                          struct graph_triangle *triangle)
{
    const struct graph_edge *first = &edges->between[corners[0]][corners[1]];
    const struct graph_edge *second = &edges->between[corners[1]][corners[2]];
    const struct graph_edge *across = &edges->between[corners[0]][corners[2]];
    if (!first->is_known || !second->is_known || !across->is_known || first->is_contradicted ||
        second->is_contradicted || across->is_contradicted) {
        return false;
    }
    double sd_ns = sqrt((double)(first->sd_ns * first->sd_ns + second->sd_ns * second->sd_ns +
                                 across->sd_ns * across->sd_ns));
    *triangle = (struct graph_triangle){
        .corners = {(uint8_t)corners[0], (uint8_t)corners[1], (uint8_t)corners[2]},
        .surplus_ns = first->offset_ns + second->offset_ns - across->offset_ns,
        .limit_ns = (double)(first->delay_ns + second->delay_ns + across->delay_ns) / 2.0 +
                    (double)(first->drift_ns + second->drift_ns + across->drift_ns) +
                    GRAPH_SD_FACTOR * sd_ns};
    return true;
}

bool graph_edges_has_failed(const struct graph_triangle *triangle)
{
    return fabs(triangle->surplus_ns) > triangle->limit_ns;
}

static double error_of(const struct graph_edge *edge)
{
    return (double)edge->delay_ns / 2.0 + (double)edge->drift_ns +
           GRAPH_SD_FACTOR * (double)edge->sd_ns;
}

/* Through the third that leaves the least error. */
static bool find_way(const struct graph_edges *edges, size_t from, size_t to,
                     struct graph_cell *cell)
{
    bool is_found = false;
    for (size_t via = 0; via < GRAPH_CORNERS; via++) {
        if (via == from || via == to) {
            continue;
        }
        const struct graph_edge *first = graph_edges_at(edges, from, via);
        const struct graph_edge *second = graph_edges_at(edges, via, to);
        double error_ns = error_of(first) + error_of(second);
        if (first->is_known && second->is_known && (!is_found || error_ns < cell->error_ns)) {
            is_found = true;
            cell->error_ns = error_ns;
            cell->sd_ns = hypot((double)first->sd_ns, (double)second->sd_ns);
            cell->offset_ns =
                graph_edges_offset(edges, from, via) + graph_edges_offset(edges, via, to);
        }
    }
    return is_found;
}

bool graph_cell(const struct graph *graph, size_t from, size_t to, struct mono now,
                struct graph_cell *cell)
{
    struct graph_edges edges;
    assert(from < GRAPH_CORNERS && to < GRAPH_CORNERS);
    *cell = (struct graph_cell){.is_measured = false};
    if (from == to) {
        return false;
    }
    graph_edges_make(graph, now, &edges);
    const struct graph_edge *edge = graph_edges_at(&edges, from, to);
    if (!edge->is_known) {
        return find_way(&edges, from, to, cell);
    }
    cell->is_measured = true;
    cell->offset_ns = graph_edges_offset(&edges, from, to);
    cell->error_ns = error_of(edge);
    cell->sd_ns = (double)edge->sd_ns;
    return true;
}

/* Keeps those of the largest surplus, the largest first. */
static void insert(struct graph_triangle *triangles, size_t held, size_t room,
                   const struct graph_triangle *triangle)
{
    size_t place = held < room ? held : room;
    while (place > 0 && fabs(triangles[place - 1].surplus_ns) < fabs(triangle->surplus_ns)) {
        if (place < room) {
            triangles[place] = triangles[place - 1];
        }
        place--;
    }
    if (place < room) {
        triangles[place] = *triangle;
    }
}

size_t graph_triangles(const struct graph *graph, struct mono now, struct graph_triangle *triangles,
                       size_t room)
{
    struct graph_edges edges;
    size_t count = 0;
    graph_edges_make(graph, now, &edges);
    for (size_t a = 0; a < GRAPH_CORNERS; a++) {
        for (size_t b = a + 1; b < GRAPH_CORNERS; b++) {
            for (size_t c = b + 1; c < GRAPH_CORNERS; c++) {
                struct graph_triangle triangle;
                if (graph_edges_triangle(&edges, (size_t[3]){a, b, c}, &triangle)) {
                    insert(triangles, count++, room, &triangle);
                }
            }
        }
    }
    return count;
}

/* Each offset bounds a difference of two clocks from both sides. Shortest paths over these bounds
 * are the tightest that follow; one that leads back below zero can't be. */
bool graph_is_impossible(const struct graph *graph, struct mono now)
{
    struct graph_edges edges;
    double bound[GRAPH_CORNERS][GRAPH_CORNERS];
    graph_edges_make(graph, now, &edges);
    for (size_t a = 0; a < GRAPH_CORNERS; a++) {
        for (size_t b = 0; b < GRAPH_CORNERS; b++) {
            bool is_known = a != b && graph_edges_at(&edges, a, b)->is_known;
            bound[a][b] =
                is_known ? graph_edges_offset(&edges, a, b) + error_of(graph_edges_at(&edges, a, b))
                         : HUGE_VAL;
        }
        bound[a][a] = 0.0;
    }
    for (size_t via = 0; via < GRAPH_CORNERS; via++) {
        for (size_t a = 0; a < GRAPH_CORNERS; a++) {
            for (size_t b = 0; b < GRAPH_CORNERS; b++) {
                bound[a][b] = fmin(bound[a][b], bound[a][via] + bound[via][b]);
            }
        }
    }
    for (size_t a = 0; a < GRAPH_CORNERS; a++) {
        for (size_t b = 0; b < GRAPH_CORNERS; b++) {
            /* A contradicted edge has its middle for an offset, and is false as well. */
            if (bound[a][a] < 0.0 || (a < b && edges.between[a][b].is_contradicted)) {
                return true;
            }
        }
    }
    return false;
}
