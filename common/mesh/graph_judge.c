/* SPDX-License-Identifier: MIT */
/* Who shows two clocks. Each triangle that fails, and each pair whose words contradict each other,
 * holds a liar: a set of suspects, ourselves left out. If X were honest, each set with X in it
 * would need another liar; are more of those needed than may be, X is none of the honest. This
 * takes no word for more than it is: f members together can't make an honest one look so. The price
 * is that one who lies to no more than f of those we know is only suspected. */
#include "common/mesh/graph_inner.h"

#define EDGES_MAX (GRAPH_NEIGHBOURS_MAX * (GRAPH_NEIGHBOURS_MAX - 1) / 2)
#define TRIANGLES_MAX (GRAPH_CORNERS * (GRAPH_CORNERS - 1) * (GRAPH_CORNERS - 2) / 6)
#define LIES_MAX 255

/* Bit i: neighbour i. */
struct suspects {
    size_t count;
    uint32_t sets[EDGES_MAX + TRIANGLES_MAX];
};

static uint32_t bit_of(size_t corner)
{
    return corner == GRAPH_SELF ? 0 : UINT32_C(1) << corner;
}

static unsigned size_of(uint32_t set)
{
    return (unsigned)__builtin_popcount(set);
}

static void collect_pairs(const struct graph_edges *edges, struct suspects *suspects)
{
    for (size_t a = 0; a < GRAPH_NEIGHBOURS_MAX; a++) {
        for (size_t b = a + 1; b < GRAPH_NEIGHBOURS_MAX; b++) {
            if (edges->between[a][b].is_contradicted) {
                suspects->sets[suspects->count++] = bit_of(a) | bit_of(b);
            }
        }
    }
}

static void collect_triangles(const struct graph_edges *edges, struct suspects *suspects)
{
    for (size_t a = 0; a < GRAPH_CORNERS; a++) {
        for (size_t b = a + 1; b < GRAPH_CORNERS; b++) {
            for (size_t c = b + 1; edges->between[a][b].is_known && c < GRAPH_CORNERS; c++) {
                struct graph_triangle triangle;
                if (graph_edges_triangle(edges, (size_t[3]){a, b, c}, &triangle) &&
                    graph_edges_has_failed(&triangle)) {
                    suspects->sets[suspects->count++] = bit_of(a) | bit_of(b) | bit_of(c);
                }
            }
        }
    }
}

/* Sets that have nobody in common, of those with all of member or, if is_without, none of it: so
 * many other liars there are at least. The small ones first, which leave the most room. */
static unsigned count_liars(const struct suspects *suspects, uint32_t member, bool is_without)
{
    uint32_t used = 0;
    unsigned count = 0;
    for (unsigned size = 1; size <= 3; size++) {
        for (size_t i = 0; i < suspects->count; i++) {
            uint32_t set = suspects->sets[i];
            bool is_meant = is_without ? (set & member) == 0 : (set & member) != 0;
            uint32_t others = set & ~member;
            if (is_meant && size_of(others) == size && (others & used) == 0) {
                used |= others;
                count++;
            }
        }
    }
    return count;
}

/* Whom all sets have in common; 0 if that is nobody, or more than one. */
static uint32_t find_common(const struct suspects *suspects)
{
    uint32_t common = suspects->count > 0 ? suspects->sets[0] : 0;
    for (size_t i = 1; i < suspects->count; i++) {
        common &= suspects->sets[i];
    }
    return size_of(common) == 1 ? common : 0;
}

void graph_judge_round(struct graph *graph, const struct graph_edges *edges, unsigned faults)
{
    struct suspects suspects = {.count = 0};
    collect_pairs(edges, &suspects);
    collect_triangles(edges, &suspects);
    uint32_t common = find_common(&suspects);
    for (size_t i = 0; i < GRAPH_NEIGHBOURS_MAX; i++) {
        struct graph_neighbour *neighbour = &graph->neighbours[i];
        neighbour->is_suspected = common == bit_of(i);
        if (!neighbour->is_new) {
            continue; /* the same measurement says nothing more than before */
        }
        /* If without it there are too many still, it is our own clock that is amiss. */
        bool is_two_faced = suspects.count > 0 && faults > 0 &&
                            count_liars(&suspects, bit_of(i), false) > faults &&
                            count_liars(&suspects, bit_of(i), true) + 1 <= faults;
        unsigned lies = is_two_faced ? neighbour->lies + 1U : 0;
        neighbour->lies = (uint8_t)(lies < LIES_MAX ? lies : LIES_MAX);
    }
}
