/* SPDX-License-Identifier: MIT */
/* scenario_schema.h - the keys of a scenario, and how their values are read. Used by scenario.c
 * only. */
#ifndef TESTS_SIM_SCENARIO_SCHEMA_H
#define TESTS_SIM_SCENARIO_SCHEMA_H
#include "tests/sim/scenario.h"

enum scenario_section {
    SECTION_SCENARIO,
    SECTION_NODE,
    SECTION_LINK,
    SECTION_FAULT,
    SECTION_MESH,
    SECTION_ATTACK,
    SECTION_BOUNDS,
    SECTIONS
};

/* A key: what it is called, what is accepted, and how a value becomes part of the section's struct
 * (the scenario itself for [scenario]). False if the value is not accepted. */
struct scenario_key {
    enum scenario_section section;
    const char *name;
    const char *accepted;
    bool (*take)(void *target, const char *value);
    bool repeats;
};
extern const struct scenario_key scenario_keys[];
extern const size_t scenario_keys_count;
#define SCENARIO_KEYS_MAX 128 /* no fewer than scenario_keys_count */

/* What stands where a section gives nothing. */
void scenario_set_defaults(struct scenario *scenario);
void scenario_node_defaults(struct scenario_node *node);
void scenario_link_defaults(struct scenario_link *link);
void scenario_fault_defaults(struct scenario_fault *fault);
/* What [link] gives one way only holds both ways. */
void scenario_link_finish(struct scenario_link *link);
/* A bound: "offset-rms-max". False if there is no such figure; *is_read is false if the value is
 * not accepted. */
bool scenario_take_bound(struct scenario *scenario, const char *name, const char *value,
                         bool *is_read);
#endif
