/* SPDX-License-Identifier: MIT */
#include "common/mesh/graph.h"
#include "common/mesh/graph_inner.h"
#include <assert.h>
#include <math.h>
#include <string.h>

/* What a clock's fastest change of late is worth after another round. */
#define RATE_KEPT 0.75F

void graph_init(struct graph *graph)
{
    *graph = (struct graph){.neighbours = {{0}}};
}

size_t graph_find(const struct graph *graph, uint32_t tag)
{
    for (size_t i = 0; i < GRAPH_NEIGHBOURS_MAX; i++) {
        if (graph->neighbours[i].is_used && graph->neighbours[i].tag == tag) {
            return i;
        }
    }
    return GRAPH_NOBODY;
}

static bool is_among(const uint32_t *tags, size_t count, uint32_t tag)
{
    for (size_t i = 0; i < count; i++) {
        if (tags[i] == tag) {
            return true;
        }
    }
    return false;
}

static void forget(struct graph *graph, size_t number)
{
    graph->neighbours[number] = (struct graph_neighbour){0};
    for (size_t i = 0; i < GRAPH_NEIGHBOURS_MAX; i++) {
        graph->neighbours[i].words[number].is_set = false;
    }
}

void graph_choose(struct graph *graph, const uint32_t *tags, size_t count)
{
    assert(count <= GRAPH_NEIGHBOURS_MAX);
    for (size_t i = 0; i < GRAPH_NEIGHBOURS_MAX; i++) {
        if (graph->neighbours[i].is_used && !is_among(tags, count, graph->neighbours[i].tag)) {
            forget(graph, i);
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; graph_find(graph, tags[i]) == GRAPH_NOBODY; j++) {
            if (!graph->neighbours[j].is_used) {
                graph->neighbours[j].is_used = true;
                graph->neighbours[j].tag = tags[i];
            }
        }
    }
}

static bool is_usable(const struct report_entry *entry)
{
    return (entry->state & (REPORT_ENTRY_ONE_WAY | REPORT_ENTRY_ASYMMETRY)) == 0 &&
           entry->delay_f28 != UINT32_MAX && entry->offset_f28 != INT32_MIN &&
           entry->offset_f28 != INT32_MAX;
}

void graph_hear(struct graph *graph, size_t number, const struct report *report, struct mono now)
{
    assert(number < GRAPH_NEIGHBOURS_MAX);
    struct graph_neighbour *author = &graph->neighbours[number];
    for (size_t i = 0; i < GRAPH_NEIGHBOURS_MAX; i++) {
        author->words[i].is_set = false;
    }
    author->heard = now;
    for (size_t i = 0; i < report->count; i++) {
        const struct report_entry *entry = &report->entries[i];
        size_t peer = graph_find(graph, entry->peer);
        if (peer != GRAPH_NOBODY && peer != number && is_usable(entry)) {
            author->words[peer] = (struct graph_word){.offset_f28 = entry->offset_f28,
                                                      .delay_f28 = entry->delay_f28,
                                                      .sd_log2 = entry->dispersion_log2,
                                                      .age_log2 = entry->age_log2,
                                                      .is_set = true};
        }
    }
}

/* A clock that is slewed, or stepped, shows here; what others said of it before is worth less. */
static void learn_rate(struct graph_neighbour *neighbour, const struct member_measure *measure,
                       struct mono now)
{
    double passed_ns = (double)(now.ns - neighbour->measured.ns);
    float rate_ppm = fabsf((float)measure->rate_ppm);
    if (neighbour->is_measured && passed_ns > 0.0) {
        double change_ns =
            fabs(measure->offset_ns - (double)report_offset_to_ns(neighbour->offset_f28));
        double noise_ns = 2.0 * (measure->offset_sd_ns + (double)neighbour->sd_ns);
        rate_ppm = fmaxf(rate_ppm, (float)(fmax(change_ns - noise_ns, 0.0) / passed_ns * 1e6));
    }
    neighbour->rate_ppm = fmaxf(rate_ppm, neighbour->rate_ppm * RATE_KEPT);
}

void graph_measure(struct graph *graph, size_t number, const struct member_measure *measure,
                   struct mono now)
{
    assert(number < GRAPH_NEIGHBOURS_MAX);
    struct graph_neighbour *neighbour = &graph->neighbours[number];
    if (!measure->has_estimate || !isfinite(measure->offset_ns) ||
        !isfinite(measure->offset_sd_ns) || !isfinite(measure->rate_ppm) ||
        fabs(measure->offset_ns) > (double)report_offset_to_ns(INT32_MAX)) {
        neighbour->is_measured = false;
        return;
    }
    learn_rate(neighbour, measure, now);
    neighbour->is_new |= measure->sampled.ns != neighbour->sampled.ns;
    neighbour->is_measured = true;
    neighbour->offset_f28 = report_offset_from_ns(llround(measure->offset_ns));
    neighbour->delay_f28 = report_width_from_ns(measure->delay_ns);
    neighbour->sd_ns = (float)measure->offset_sd_ns;
    neighbour->earliest_f28 =
        measure->has_interval ? report_offset_from_ns(measure->interval.earliest_ns) : INT32_MIN;
    neighbour->latest_f28 =
        measure->has_interval ? report_offset_from_ns(measure->interval.latest_ns) : INT32_MAX;
    neighbour->sampled = measure->sampled;
    neighbour->measured = now;
}

void graph_round(struct graph *graph, unsigned faults, struct mono now)
{
    struct graph_edges edges;
    graph_edges_make(graph, now, &edges);
    graph_judge_round(graph, &edges, faults);
    graph_loop_round(graph, &edges);
    for (size_t i = 0; i < GRAPH_NEIGHBOURS_MAX; i++) {
        graph->neighbours[i].is_new = false;
    }
}

void graph_look(const struct graph *graph, size_t number, struct graph_finding *finding)
{
    assert(number < GRAPH_NEIGHBOURS_MAX);
    const struct graph_neighbour *neighbour = &graph->neighbours[number];
    /* Rounds that look at a filter's estimate are not independent: averaging them gains nothing on
     * what the filter itself is unsure of. */
    double between = (double)neighbour->asymmetry_variance / GRAPH_ROUNDS;
    *finding = (struct graph_finding){
        .estimate_ns = (double)neighbour->asymmetry_ns,
        .sd_ns = hypot(sqrt(between), (double)neighbour->sd_ns),
        .loops = neighbour->loops,
        .loops_agree = neighbour->loops_agree,
        .is_two_faced = neighbour->lies >= GRAPH_LIES_ROUNDS,
        .is_suspected = neighbour->is_suspected,
    };
    bool is_majority = 2 * finding->loops_agree > finding->loops;
    bool is_usable = neighbour->rounds >= GRAPH_ROUNDS && !finding->is_two_faced &&
                     finding->loops_agree >= GRAPH_LOOPS_MIN && is_majority &&
                     fabs(finding->estimate_ns) > 3.0 * finding->sd_ns;
    finding->asymmetry_ns = is_usable ? finding->estimate_ns : 0.0;
}
