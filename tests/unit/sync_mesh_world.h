/* SPDX-License-Identifier: MIT */
/* sync_mesh_world.h - a mesh of sync engines in virtual time, each with an oscillator of its own.
 * They answer each other with what they claim of themselves, as nodes do whose mesh has opened it
 * all; some lie. There may be servers that know UTC. */
#ifndef TESTS_UNIT_SYNC_MESH_WORLD_H
#define TESTS_UNIT_SYNC_MESH_WORLD_H
#include "client/sync/sync_member.h"
#include "common/base/random.h"

#define SYNC_MESH_WORLD_NODES 1024
#define SYNC_MESH_WORLD_START INT64_C(1795190400000000000)

struct sync_mesh_world_node {
    struct sync *sync;
    struct random random;
    double rate_ppm;   /* of its oscillator */
    int64_t offset_ns; /* of its clock at the beginning */
    int64_t begun_ns;  /* when it was started */
    int group;         /* who is in another one is not reached */
    bool is_off;
    int64_t lie_ns;    /* on what it serves ... */
    bool is_two_faced; /* ... and its sign changes with who asks */
    int64_t due_ns;
    size_t associations;
    struct sync_mesh_world_link {
        uint32_t association;
        size_t to; /* node, or SYNC_MESH_WORLD_NODES and the server */
    } * links;
    unsigned steps;
    uint64_t requests;
};

struct sync_mesh_world_flight {
    int64_t at_ns;
    size_t from;
    size_t to;
    uint32_t association;
    bool is_answer;
    uint8_t payload[48];
    struct member_claim claim;
};

struct sync_mesh_world {
    size_t count;
    struct sync_mesh_world_node *nodes;
    int64_t truth_ns;
    double delay_ns; /* each way, and the mean of what comes on top */
    double jitter_ns;
    struct random random;
    size_t flight_count;
    size_t flight_room;
    struct sync_mesh_world_flight *flights; /* a heap */
    struct actions *actions;
    char reports[65536]; /* of node 0 */
    uint64_t checks;
    uint64_t outside; /* an honest node's clock was not in another one's interval */
    bool has_utc_servers;
    int8_t poll; /* log2 s (4) */
};

void sync_mesh_world_init(struct sync_mesh_world *world, size_t count, uint64_t seed);
void sync_mesh_world_end(struct sync_mesh_world *world);
struct sync_options sync_mesh_world_options(size_t members, int faults);
/* Starts node i, at its offset and rate. */
void sync_mesh_world_start(struct sync_mesh_world *world, size_t i,
                           const struct sync_options *options);
/* i asks j from now on. */
void sync_mesh_world_meet(struct sync_mesh_world *world, size_t i, size_t j);
void sync_mesh_world_meet_all(struct sync_mesh_world *world);
void sync_mesh_world_run(struct sync_mesh_world *world, int64_t by_ns);
/* A coordinator tells i how far its clock is behind now. */
void sync_mesh_world_tell(struct sync_mesh_world *world, size_t i, double offset_ns, double sd_ns);
struct reading sync_mesh_world_now(const struct sync_mesh_world *world, size_t i);
/* What i serves, less the truth. */
int64_t sync_mesh_world_error(const struct sync_mesh_world *world, size_t i);
/* The largest difference between two that don't lie and are on; group < 0: in whatever group. */
int64_t sync_mesh_world_spread(const struct sync_mesh_world *world, int group);
enum sync_condition sync_mesh_world_condition(const struct sync_mesh_world *world, size_t i);
#endif
