/* SPDX-License-Identifier: MIT */
/* world_mesh.h - what nodes are as members of a mesh: who they are, whom they know, what they keep
 * over a restart, and what they cost. Used by world*.c only. */
#ifndef TESTS_SIM_WORLD_MESH_H
#define TESTS_SIM_WORLD_MESH_H
#include "common/mesh/mesh.h"
#include "common/mesh/verdict.h"
#include "tests/sim/acquaintance.h"
#include "tests/sim/attack.h"
#include "tests/sim/liar.h"
#include "tests/sim/scenario.h"
#include "tests/sim/stand_in.h"
#include "tests/sim/world_path.h"

#define WORLD_MESH_NOBODY SIZE_MAX

/* What a member thinks of another. */
struct world_opinion {
    bool is_known;    /* they exchange packets */
    bool is_excluded; /* excluded, not readmitted yet, or convicted */
    bool is_out;      /* ... or silent: it does not count */
    enum verdict_state state;
    int64_t looked_ns; /* when this was so the last time */
    int64_t since_ns;  /* a liar that counts: since when, while its lie misses; -1: it does not */
};

struct world_member {
    size_t number; /* among all members */
    struct identity *identity;
    uint64_t id;
    size_t group;      /* of the scenario's nodes */
    bool is_asking;    /* it has the sources of its group */
    bool is_down;      /* killed, and not started again */
    struct liar *liar; /* NULL: honest */

    /* On its disk, and on the way there. */
    uint32_t incarnation;
    bool has_hlc;
    struct hlc_bound hlc;
    struct hlc_bound hlc_saving;
    size_t memory_count;
    size_t memory_saving_count;
    struct mesh_memory *memories; /* room for MESH_MEMBERS_MAX each; NULL: it is never killed */
    struct mesh_memory *memories_saving;
    bool has_rate;
    double rate_ppm;
    double rate_sd_ppm;

    /* What it cost, and sent, once all had settled. */
    int64_t booked_ns;
    int64_t used_ns;
    uint64_t exchanges; /* answers given and got */
    uint64_t packets;
    uint64_t octets;

    /* For the checks. */
    bool has_stamp;
    struct hlc_stamp stamp; /* the last one that left */
    bool has_floor;
    struct hlc_stamp floor; /* what the next one must lie after */
    uint64_t taken;         /* packets that were, before the event at hand */
    bool has_latest;
    struct wall latest;             /* then */
    struct world_opinion *opinions; /* as many as it knows, in acquaintance_of()'s order */
    int64_t miss_ns;   /* a liar: since when its lie misses what the honest agree on; -1: never */
    int64_t missed_ns; /* ... and when it did the last time */
    int64_t fooled_ns; /* the longest that a liar counted here while its lie missed; -1: none did */
    uint64_t false_exclusions; /* of honest members, by it */
};

struct world_mesh {
    const struct scenario *scenario;
    size_t count;
    struct world_member *members;
    uint32_t *by_id;   /* their numbers, by ascending ids */
    uint32_t *node_of; /* the nodes' indices */
    struct acquaintance acquaintance;
    struct world_paths paths;
    struct stand_in stand_in;
    size_t attack_count;
    struct attack *attacks;
    uint64_t decisions; /* a hash of them */
    uint64_t events;
    /* Of the honest clocks: greatest - least; when it was last beyond a millisecond. */
    double apart_ns;
    int64_t apart_since_ns;
    double bias_sum_ns; /* of their errors */
    uint64_t bias_count;
    struct mesh_member_options scratch[MESH_MEMBERS_MAX];
};

/* first: the index of each group's first node. NULL, and a sentence in error. */
struct world_mesh *world_mesh_create(const struct scenario *scenario, const size_t *first,
                                     uint64_t seed, char *error, size_t room);
void world_mesh_destroy(struct world_mesh *mesh);
/* The member of a node; NULL if it is none. */
struct world_member *world_mesh_member(struct world_mesh *mesh, size_t group, size_t number);
/* The numbers of members: by id, and by the tag of reports; WORLD_MESH_NOBODY if there is none. */
size_t world_mesh_find(const struct world_mesh *mesh, uint64_t id);
size_t world_mesh_find_tag(const struct world_mesh *mesh, uint32_t tag);
/* What it is created with; points into mesh, until the next call. */
void world_mesh_options(struct world_mesh *mesh, const struct world_member *member,
                        struct mesh_options *options);
/* The way from one to another, and how much longer than its link says; NULL: no memory. */
struct path *world_mesh_path(struct world_mesh *mesh, const struct world_member *from,
                             const struct world_member *to, int64_t *more_ns);
#endif
