/* SPDX-License-Identifier: MIT */
/* scenario.h - a world described by an INI text: its nodes, links, faults, and the bounds that its
 * figures must keep. Every mistake is told with its line and what is accepted. The caller reads the
 * file. */
#ifndef TESTS_SIM_SCENARIO_H
#define TESTS_SIM_SCENARIO_H
#include "client/sync/filter.h"
#include "client/sync/sync.h"
#include "tests/sim/fault.h"
#include "tests/sim/figures.h"
#include "tests/sim/network.h"
#include "tests/sim/oscillator.h"
#include "tests/sim/prober.h"

#define SCENARIO_NAME_MAX 32
#define SCENARIO_SECTIONS_MAX 64 /* of each kind */
#define SCENARIO_NODES_MAX 16000 /* all groups together */
#define SCENARIO_DOMAIN_MAX 32

#define SCENARIO_COMMANDS_MAX 8

enum scenario_kind { SCENARIO_SERVER, SCENARIO_PROBER, SCENARIO_CHIMED };

/* Groups of nodes that are asked. */
struct scenario_groups {
    size_t count;
    char names[PROBER_SERVERS_MAX][SCENARIO_NAME_MAX];
};

/* What an operator tells a node, and when. */
struct scenario_command {
    int64_t at_ns;
    int kind; /* enum command_kind */
    char source[EVENT_NAME_MAX];
};

/* Somebody else sets a node's system clock: by_ns is added. */
struct scenario_set {
    int64_t at_ns;
    int64_t by_ns;
};

/* At at_ns its process is killed; after duration_ns it starts again. */
struct scenario_restart {
    int64_t at_ns;
    int64_t duration_ns;
};

/* What makes a node that runs the daemon's engine a member of the mesh: all of these groups are one
 * mesh. */
struct scenario_member {
    bool is_member;
    int64_t view;
    bool is_berkeley;
    char domain[SCENARIO_DOMAIN_MAX]; /* of failure; empty: none */
    /* So many of the group, its first ones, have the sources that it gives; -1: all. */
    int64_t ask_count;
    double ask_share; /* the same as a share, rounded up; negative: not given */
};

/* What only a node that runs the daemon's engine has. */
struct scenario_chimed {
    struct scenario_groups pool; /* each by one name with several addresses */
    struct scenario_groups peer;
    bool is_ring;        /* of its own group it has the two next to it as peers only */
    int64_t poll_min_ns; /* 0: poll */
    int64_t poll_max_ns;
    bool is_iburst;
    bool is_interleaved;
    bool is_shadow;
    struct sync_options sync; /* what of it a scenario tells; sources are added later */
    int64_t names_from_ns;    /* names are not resolved before */
    int64_t suspend_error_ns; /* of the system clock after a suspend */
    size_t command_count;
    struct scenario_command commands[SCENARIO_COMMANDS_MAX];
    size_t set_count;
    struct scenario_set sets[SCENARIO_COMMANDS_MAX];
    size_t restart_count;
    struct scenario_restart restarts[SCENARIO_COMMANDS_MAX];
    struct scenario_member member;
};

/* One node, or several of a kind. */
struct scenario_node {
    char name[SCENARIO_NAME_MAX];
    unsigned long line;
    int kind; /* enum scenario_kind */
    int64_t count;
    struct oscillator_options oscillator;
    double rate_spread_ppm; /* drawn uniformly within +/- this, and added */
    int64_t offset_ns;      /* of the system clock at the start */
    int64_t offset_spread_ns;
    int64_t precision_ns;       /* of its clock */
    int64_t stratum;            /* server: 1 to 15 */
    struct scenario_groups ask; /* prober, chimed */
    int filter;                 /* -1: as in [scenario] */
    int64_t poll_ns;            /* 0: as in [scenario] */
    int64_t burst;
    bool is_steering; /* prober: steers its system clock */
    struct scenario_chimed chimed;
};

/* Between two groups of nodes; a is where the words "there" and "back" look from. */
struct scenario_link {
    char a[SCENARIO_NAME_MAX];
    char b[SCENARIO_NAME_MAX];
    unsigned long line;
    struct path_options there;
    struct path_options back;
};

struct scenario_fault {
    char name[SCENARIO_NAME_MAX];
    char node[SCENARIO_NAME_MAX];
    unsigned long line;
    int kind; /* enum fault_kind */
    int64_t from_ns;
    int64_t until_ns;
    int64_t offset_ns;
    double rate_ppm;
};

/* What all members have in common. */
struct scenario_mesh {
    bool is_stand_in; /* signatures that cost no public-key work, but are booked as if */
    int64_t poll_ns;
    int64_t max_offset_ns; /* of the logical clocks */
    int64_t known;         /* of a larger mesh, so many members are configured at each */
    /* Members stand in a ring: the way between two of them takes so much longer, in proportion to
     * their distance, if they are opposite to each other. */
    int64_t ring_delay_ns;
};

/* Somebody on the way between members. */
struct scenario_attack {
    char name[SCENARIO_NAME_MAX];
    unsigned long line;
    int kind; /* enum attack_kind */
    int64_t from_ns;
    int64_t until_ns;
    double share; /* of the members' datagrams */
};

struct scenario {
    char name[SCENARIO_NAME_MAX];
    int64_t duration_ns;
    int64_t settle_ns;  /* what is before it counts for no figure but the times to a limit */
    int64_t recover_ns; /* from when on these times count */
    int64_t sample_ns;  /* how often the errors are taken */
    int64_t start_ns;   /* UTC at the start */
    int64_t poll_ns;
    int filter; /* enum filter_kind, or PROBER_FILTER_NONE */
    /* From then on an interval may miss the truth: the scenario breaks what it assumes. */
    int64_t broken_from_ns;
    /* A leap second at the midnight that follows the start: -1 deleted, 1 inserted, 0 none. */
    int leap;
    /* The node whose clock, lies and all, the errors are measured against; empty: the truth. */
    char reference[SCENARIO_NAME_MAX];
    size_t node_count;
    struct scenario_node nodes[SCENARIO_SECTIONS_MAX];
    size_t link_count;
    struct scenario_link links[SCENARIO_SECTIONS_MAX];
    size_t fault_count;
    struct scenario_fault faults[SCENARIO_SECTIONS_MAX];
    struct scenario_mesh mesh;
    size_t attack_count;
    struct scenario_attack attacks[SCENARIO_SECTIONS_MAX];
    /* What the figures of a run must not exceed, or fall below: not a number where none is given.
     */
    double most[FIGURES];
    double least[FIGURES];
};

/* Reads text (NUL-terminated); file stands for it in complaints. complain is called for each
 * mistake with one sentence. False if there was one. */
bool scenario_parse(const char *text, const char *file, struct scenario *scenario,
                    void (*complain)(void *context, const char *sentence),
                    void *context) MUST_CHECK;
/* The filters' names as a scenario gives them, ending with NULL; "none" is the last. */
extern const char *const scenario_filters[];
/* The group of that name; -1 if there is none. */
int scenario_find_node(const struct scenario *scenario, const char *name);
/* The link between two groups, whichever way round; NULL if there is none. "*" stands for every
 * group; a link that names both goes before one that does not. */
const struct scenario_link *scenario_find_link(const struct scenario *scenario, const char *a,
                                               const char *b, bool *is_turned);
/* How many nodes of a group have the sources that it gives. */
size_t scenario_asking(const struct scenario_node *node);
/* How many members the mesh has; 0: there is none. */
size_t scenario_members(const struct scenario *scenario);
/* Whether a figure keeps its bounds; a figure that could not be measured keeps none. */
bool scenario_is_kept(const struct scenario *scenario, enum figure figure, double value);
#endif
