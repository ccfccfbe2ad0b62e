/* SPDX-License-Identifier: MIT */
#include "client/sync/selection.h"
#include <stdlib.h>

struct edge {
    int64_t at_ns;
    bool is_end;
};

size_t selection_faults_max(size_t total)
{
    return total == 0 ? 0 : (total - 1) / 2;
}

/* Intervals are closed: where one begins as another ends, they share that point. */
static int compare_edges(const void *left, const void *right)
{
    const struct edge *a = left;
    const struct edge *b = right;
    if (a->at_ns != b->at_ns) {
        return a->at_ns < b->at_ns ? -1 : 1;
    }
    return (int)a->is_end - (int)b->is_end;
}

/* Sweeps over the edges; the first point and the last that `needed` intervals cover, and whether
 * the cover breaks off in between. */
static bool intersect(const struct edge *edges, size_t count, size_t needed,
                      struct selection *selection)
{
    size_t depth = 0;
    size_t stretches = 0;
    for (size_t i = 0; i < count; i++) {
        if (!edges[i].is_end) {
            depth++;
            if (depth == needed) {
                stretches++;
                if (stretches == 1) {
                    selection->agreed.earliest_ns = edges[i].at_ns;
                }
            }
        } else {
            if (depth == needed) {
                selection->agreed.latest_ns = edges[i].at_ns;
            }
            depth--;
        }
    }
    selection->is_split = stretches > 1;
    return stretches > 0;
}

/* From one to the other, without losing nanoseconds where both are years away. */
static double distance(int64_t from_ns, int64_t to_ns)
{
    int64_t difference_ns;
    if (__builtin_sub_overflow(to_ns, from_ns, &difference_ns)) {
        return (double)to_ns - (double)from_ns;
    }
    return (double)difference_ns;
}

/* RFC 5905, 11.2.3: a source counts by the inverse of its distance. */
static int64_t combine(const struct selection_candidate *candidates, size_t count,
                       const struct selection *selection)
{
    double sum = 0;
    double weights = 0;
    int64_t origin_ns = selection->agreed.earliest_ns;
    for (size_t i = 0; i < count; i++) {
        if (selection->is_outside[i]) {
            continue;
        }
        const struct interval *interval = &candidates[i].interval;
        double width = distance(interval->earliest_ns, interval->latest_ns);
        double weight = 1 / (width < 1 ? 1 : width);
        sum += weight * distance(origin_ns, candidates[i].offset_ns);
        weights += weight;
    }
    double mean_ns = weights > 0 ? sum / weights : 0;
    if (mean_ns <= 0) {
        return selection->agreed.earliest_ns;
    }
    if (mean_ns >= distance(origin_ns, selection->agreed.latest_ns)) {
        return selection->agreed.latest_ns;
    }
    return (int64_t)((uint64_t)origin_ns + (uint64_t)(mean_ns + 0.5));
}

static void sort_edges(const struct selection_candidate *candidates, size_t count,
                       struct edge edges[2 * SELECTION_MAX])
{
    assert(count <= SELECTION_MAX);
    for (size_t i = 0; i < count; i++) {
        assert(candidates[i].interval.earliest_ns <= candidates[i].interval.latest_ns);
        edges[2 * i] = (struct edge){.at_ns = candidates[i].interval.earliest_ns, .is_end = false};
        edges[2 * i + 1] = (struct edge){.at_ns = candidates[i].interval.latest_ns, .is_end = true};
    }
    qsort(edges, 2 * count, sizeof(edges[0]), compare_edges);
}

bool selection_hull(const struct selection_candidate *candidates, size_t count, size_t needed,
                    struct interval *hull)
{
    assert(needed >= 1);
    struct edge edges[2 * SELECTION_MAX];
    struct selection selection = {.total = count};
    sort_edges(candidates, count, edges);
    if (!intersect(edges, 2 * count, needed, &selection)) {
        return false;
    }
    *hull = selection.agreed;
    return true;
}

void selection_run(const struct selection_candidate *candidates, size_t count, size_t total,
                   size_t faults, struct selection *selection)
{
    assert(count <= total);
    assert(total <= SELECTION_MAX);
    assert(faults <= selection_faults_max(total));

    struct edge edges[2 * SELECTION_MAX];
    sort_edges(candidates, count, edges);

    *selection = (struct selection){.total = total, .faults = faults};
    selection->has_agreement = total > 0 && intersect(edges, 2 * count, total - faults, selection);
    for (size_t i = 0; i < count; i++) {
        selection->is_outside[i] = !selection->has_agreement ||
                                   !interval_overlaps(candidates[i].interval, selection->agreed);
        selection->truechimers += !selection->is_outside[i];
    }
    if (selection->has_agreement) {
        selection->offset_ns = combine(candidates, count, selection);
    }
}
