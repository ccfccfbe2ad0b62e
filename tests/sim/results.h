/* SPDX-License-Identifier: MIT */
/* results.h - the figures of runs as text: a table for people, JSON, CSV, and CSV read again. */
#ifndef TESTS_SIM_RESULTS_H
#define TESTS_SIM_RESULTS_H
#include "tests/sim/scenario.h"

/* A text that grows; begins zeroed, and is freed by the caller with text_clear(). */
struct text {
    char *data; /* terminated; NULL while empty */
    size_t size;
    size_t capacity;
    bool has_failed; /* memory was short: what is there is not all */
};
void text_clear(struct text *text);

/* The runs of one scenario, in the order of their seeds. */
struct results {
    char name[SCENARIO_NAME_MAX];
    const struct scenario *scenario; /* NULL if it isn't known: then there are no bounds */
    double node_kib; /* memory of a run per node, at most; 0 if unknown; not the same each time */
    size_t count;
    size_t capacity;
    struct figures *runs;
};

/* False if memory is short. */
bool results_add(struct results *results, const struct figures *run) MUST_CHECK;
void results_clear(struct results *results);
void results_sort(struct results *results); /* by seed */
/* One hash over the hashes of all runs. */
uint64_t results_hash(const struct results *results);

/* Says which bounds the median run does not keep, one line each. True if it keeps all. */
bool results_judge(const struct results *results, struct text *complaints);
/* speed: virtual seconds per real second; not a number if unknown. */
void results_table(const struct results *results, double speed, struct text *text);
void results_json(const struct results *results, double speed, struct text *text);
/* The first line, and then one per run. */
void results_csv_head(struct text *text);
void results_csv(const struct results *results, struct text *text);
/* Reads a line that results_csv() wrote. False if it is none. */
bool results_read_csv(const char *line, char name[SCENARIO_NAME_MAX],
                      struct figures *run) MUST_CHECK;
#endif
