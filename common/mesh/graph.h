/* SPDX-License-Identifier: MIT */
/* graph.h - the graph of a node and its neighbours: what it measured of them, and what their
 * verified reports say of each other. Loops in it have to close. Where they don't, and no more than
 * round trips explain, the paths are asymmetric: that is estimated, for the estimate alone, never
 * for an interval. Where round trips don't explain it, somebody lies, or shows two clocks.
 *
 * Offsets are the later one's clock less the earlier one's, as measured: uncorrected. A fixed size,
 * no allocation; a round costs some 10,000 additions. See doc/mesh.md, "Asymmetry". */
#ifndef COMMON_MESH_GRAPH_H
#define COMMON_MESH_GRAPH_H
#include "common/base/member.h"
#include "ntpwire/report.h"
#include <stddef.h>

#define GRAPH_NEIGHBOURS_MAX 16
#define GRAPH_SELF GRAPH_NEIGHBOURS_MAX /* stands for ourselves where a neighbour's number does */
#define GRAPH_NOBODY SIZE_MAX
#define GRAPH_ROUNDS 10     /* over which asymmetry is averaged; before that it is not used */
#define GRAPH_LIES_ROUNDS 4 /* in a row, of new measurements: then it is two-faced */
#define GRAPH_LOOPS_MIN 3   /* that must agree in sign, and be the majority */

/* An entry of a report. */
struct graph_word {
    int32_t offset_f28;
    uint32_t delay_f28;
    int16_t sd_log2; /* as report_entry.dispersion_log2 */
    uint8_t age_log2;
    bool is_set;
};

struct graph_neighbour {
    uint32_t tag;
    bool is_used;
    bool is_measured; /* what we measured is set */
    bool is_new;      /* and it was not there in the last round */
    uint8_t rounds;   /* that are averaged; stops at GRAPH_ROUNDS */
    uint8_t lies;     /* rounds in a row in which nothing explains it but two faces */
    uint8_t loops;    /* of the last round */
    uint8_t loops_agree;
    bool is_suspected;
    int32_t offset_f28;
    int32_t earliest_f28; /* its clock certainly lies between; the extremes mean "or beyond" */
    int32_t latest_f28;
    uint32_t delay_f28;
    float sd_ns;
    float rate_ppm; /* at which its clock and ours part, at most, of late */
    float asymmetry_ns;
    float asymmetry_variance; /* ns^2, between rounds */
    struct mono sampled;
    struct mono measured;
    struct mono heard;                             /* the report that words[] are from */
    struct graph_word words[GRAPH_NEIGHBOURS_MAX]; /* of the others */
};

struct graph { /* used through the calls below only */
    struct graph_neighbour neighbours[GRAPH_NEIGHBOURS_MAX];
};

/* What is known of a neighbour. */
struct graph_finding {
    double asymmetry_ns;  /* to be taken from what is measured of its offset; 0: don't */
    double estimate_ns;   /* of the same, be it usable or not */
    double sd_ns;         /* of the estimate */
    unsigned loops;       /* triangles that it was taken from ... */
    unsigned loops_agree; /* ... and those that agree in sign */
    bool is_two_faced;    /* no f of the others can have made this up, for rounds: a miss */
    bool is_suspected;    /* all triangles that fail have it, but others could have made it up */
};

/* A pair's offset. */
struct graph_cell {
    double offset_ns; /* the second's clock less the first's */
    double error_ns;  /* at most, if nobody lies: half the round trips, drift, four sd */
    double sd_ns;
    bool is_measured; /* by one of the two; else it is put together through a third */
};

/* A triangle and what is left over when one goes around it. */
struct graph_triangle {
    uint8_t corners[3]; /* numbers of neighbours, or GRAPH_SELF */
    double surplus_ns;
    double limit_ns; /* what round trips, drift and noise explain; beyond it, somebody lies */
};

void graph_init(struct graph *graph);

/* These are the neighbours from now on, at most GRAPH_NEIGHBOURS_MAX. Who is no longer among them
 * is forgotten. Cheap if nothing changed. */
void graph_choose(struct graph *graph, const uint32_t *tags, size_t count);
/* Its number, which it keeps while it is chosen; GRAPH_NOBODY. */
size_t graph_find(const struct graph *graph, uint32_t tag);

/* A verified report of that neighbour. Entries of one-way measurements, and of those that say that
 * they are corrected for asymmetry, are left out. */
void graph_hear(struct graph *graph, size_t number, const struct report *report, struct mono now);
/* What we measured of it now; without an estimate, what was measured before is forgotten. */
void graph_measure(struct graph *graph, size_t number, const struct member_measure *measure,
                   struct mono now);

/* Once a round, after all of these: estimates anew, and looks for those with two faces. With faults
 * 0, or 2 members or fewer beside us, nobody can be told from anybody. */
void graph_round(struct graph *graph, unsigned faults, struct mono now);

void graph_look(const struct graph *graph, size_t number, struct graph_finding *finding);
/* Returns false if nothing is known, even through a third. */
bool graph_cell(const struct graph *graph, size_t from, size_t to, struct mono now,
                struct graph_cell *cell);
/* The triangles of the largest surplus first, as many as there is room for. Returns the number of
 * all. */
size_t graph_triangles(const struct graph *graph, struct mono now, struct graph_triangle *triangles,
                       size_t room);
/* Do the bounds that follow from all offsets and round trips contradict each other, by a loop of
 * any length? Then something that was said is false. */
bool graph_is_impossible(const struct graph *graph, struct mono now);
#endif
