/* SPDX-License-Identifier: MIT */
/* What loops tell of the asymmetry of our own paths: least squares over the graph, with weights
 * that lose those who don't fit (Cauchy's). The width at which a residual counts as one is not the
 * noise of the measurements, which asymmetry exceeds by far, but the spread of the loops' own
 * surplus; doc/mesh.md has what was measured. */
#include "common/mesh/graph_inner.h"
#include <math.h>
#include <string.h>

#define SWEEPS 12
/* A residual of so many spreads weighs half. */
#define WIDTH 1.5
/* Of a normal distribution, the median of what is without its sign. */
#define MEDIAN_NORMAL 0.6745
#define SPREAD_NS_MIN 100.0

struct solver {
    const struct graph_edges *edges;
    double spread_ns;
    bool is_used[GRAPH_NEIGHBOURS_MAX];
    double own_ns[GRAPH_NEIGHBOURS_MAX]; /* as measured */
    double x_ns[GRAPH_NEIGHBOURS_MAX];   /* its clock less ours */
    double earliest_ns[GRAPH_NEIGHBOURS_MAX];
    double latest_ns[GRAPH_NEIGHBOURS_MAX];
};

static bool has_edge(const struct solver *solver, size_t a, size_t b)
{
    const struct graph_edge *edge = a == b ? NULL : graph_edges_at(solver->edges, a, b);
    return edge != NULL && edge->is_known && !edge->is_doubted && solver->is_used[a] &&
           solver->is_used[b];
}

/* Around by one of the others: what our own path to number shows too much, by that loop. */
static double surplus_of(const struct solver *solver, size_t number, size_t via)
{
    return solver->own_ns[number] - solver->own_ns[via] -
           graph_edges_offset(solver->edges, via, number);
}

static void sink(double *heap, size_t count, size_t place)
{
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= count) {
            return;
        }
        child += child + 1 < count && heap[child + 1] > heap[child];
        if (heap[child] <= heap[place]) {
            return;
        }
        double value = heap[place];
        heap[place] = heap[child];
        heap[child] = value;
        place = child;
    }
}

static double median(double *values, size_t count)
{
    for (size_t i = count / 2; i-- > 0;) {
        sink(values, count, i);
    }
    for (size_t left = count; left > count / 2 + 1; left--) {
        values[0] = values[left - 1];
        sink(values, left - 1, 0);
    }
    return values[0];
}

/* How much one edge is off, as the loops through us have it. Returns false if there is none. */
static bool find_spread(struct solver *solver)
{
    double surplus[GRAPH_NEIGHBOURS_MAX * (GRAPH_NEIGHBOURS_MAX - 1) / 2];
    size_t count = 0;
    for (size_t a = 0; a < GRAPH_NEIGHBOURS_MAX; a++) {
        for (size_t b = a + 1; b < GRAPH_NEIGHBOURS_MAX; b++) {
            if (has_edge(solver, a, b)) {
                surplus[count++] = fabs(surplus_of(solver, a, b));
            }
        }
    }
    if (count == 0) {
        return false;
    }
    solver->spread_ns = fmax(median(surplus, count) / MEDIAN_NORMAL / sqrt(3.0), SPREAD_NS_MIN);
    return true;
}

static void prepare(const struct graph *graph, const struct graph_edges *edges,
                    struct solver *solver)
{
    *solver = (struct solver){.edges = edges};
    for (size_t i = 0; i < GRAPH_NEIGHBOURS_MAX; i++) {
        const struct graph_neighbour *neighbour = &graph->neighbours[i];
        solver->is_used[i] =
            edges->between[i][GRAPH_SELF].is_known && neighbour->lies < GRAPH_LIES_ROUNDS;
        solver->own_ns[i] = graph_edges_offset(edges, GRAPH_SELF, i);
        solver->x_ns[i] = solver->own_ns[i];
        solver->earliest_ns[i] = neighbour->earliest_f28 == INT32_MIN
                                     ? -HUGE_VAL
                                     : (double)report_offset_to_ns(neighbour->earliest_f28);
        solver->latest_ns[i] = neighbour->latest_f28 == INT32_MAX
                                   ? HUGE_VAL
                                   : (double)report_offset_to_ns(neighbour->latest_f28);
    }
}

static double weight_of(const struct solver *solver, const struct graph_edge *edge,
                        double residual_ns)
{
    double variance = solver->spread_ns * solver->spread_ns + (double)(edge->sd_ns * edge->sd_ns);
    return 1.0 / (variance * WIDTH * WIDTH + residual_ns * residual_ns);
}

static void sweep(struct solver *solver, size_t number)
{
    const struct graph_edge *own = &solver->edges->between[number][GRAPH_SELF];
    double weight = weight_of(solver, own, solver->own_ns[number] - solver->x_ns[number]);
    double sum = weight * solver->own_ns[number];
    for (size_t i = 0; i < GRAPH_NEIGHBOURS_MAX; i++) {
        if (has_edge(solver, i, number)) {
            double there_ns = solver->x_ns[i] + graph_edges_offset(solver->edges, i, number);
            double heed = weight_of(solver, graph_edges_at(solver->edges, i, number),
                                    there_ns - solver->x_ns[number]);
            sum += heed * there_ns;
            weight += heed;
        }
    }
    solver->x_ns[number] = fmin(fmax(sum / weight, solver->earliest_ns[number]),
                                fmax(solver->latest_ns[number], solver->earliest_ns[number]));
}

static void average(struct graph_neighbour *neighbour, double asymmetry_ns)
{
    if (neighbour->rounds < GRAPH_ROUNDS) {
        neighbour->rounds++;
    }
    double share = 1.0 / neighbour->rounds;
    double change = asymmetry_ns - (double)neighbour->asymmetry_ns;
    neighbour->asymmetry_ns += (float)(share * change);
    neighbour->asymmetry_variance =
        (float)((1.0 - share) * ((double)neighbour->asymmetry_variance + share * change * change));
}

static void count_loops(const struct solver *solver, size_t number,
                        struct graph_neighbour *neighbour)
{
    neighbour->loops = 0;
    neighbour->loops_agree = 0;
    for (size_t i = 0; i < GRAPH_NEIGHBOURS_MAX; i++) {
        if (has_edge(solver, number, i)) {
            neighbour->loops++;
            if (surplus_of(solver, number, i) * (double)neighbour->asymmetry_ns > 0.0) {
                neighbour->loops_agree++;
            }
        }
    }
}

void graph_loop_round(struct graph *graph, const struct graph_edges *edges)
{
    struct solver solver;
    prepare(graph, edges, &solver);
    bool has_loops = find_spread(&solver);
    for (int i = 0; has_loops && i < SWEEPS; i++) {
        for (size_t number = 0; number < GRAPH_NEIGHBOURS_MAX; number++) {
            if (solver.is_used[number]) {
                sweep(&solver, number);
            }
        }
    }
    for (size_t number = 0; number < GRAPH_NEIGHBOURS_MAX; number++) {
        struct graph_neighbour *neighbour = &graph->neighbours[number];
        neighbour->loops = 0;
        neighbour->loops_agree = 0;
        if (has_loops && solver.is_used[number]) {
            average(neighbour, solver.own_ns[number] - solver.x_ns[number]);
            count_loops(&solver, number, neighbour);
        }
    }
}
