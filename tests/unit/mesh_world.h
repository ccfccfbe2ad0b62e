/* SPDX-License-Identifier: MIT */
/* mesh_world.h - engines of the mesh without sync engines: each has a clock that is right at first,
 * and a wire between every two. Time stands still unless a test moves it. */
#ifndef TESTS_UNIT_MESH_WORLD_H
#define TESTS_UNIT_MESH_WORLD_H
#include "common/mesh/mesh.h"

#define MESH_WORLD_MAX 8
#define MESH_WORLD_START_NS (INT64_C(1780000000) * NS_PER_S)

struct mesh_world {
    size_t count;
    struct random random;
    struct random randoms[MESH_WORLD_MAX];
    struct identity *identities[MESH_WORLD_MAX];
    struct mesh *nodes[MESH_WORLD_MAX];
    struct mesh_member_options members[MESH_WORLD_MAX];
    struct own_claim own[MESH_WORLD_MAX];
    int64_t wrong_ns[MESH_WORLD_MAX]; /* by what its clock is ahead of the truth */
    double measured_ns;               /* that each says of all others' clocks */
    struct mono now;
    struct actions out;
};

/* What a test may change before mesh_world_start(). */
struct mesh_options mesh_world_options(struct mesh_world *world, size_t index);
void mesh_world_init(struct mesh_world *world, size_t count);
void mesh_world_start(struct mesh_world *world, size_t index, const struct mesh_options *options);
/* All of them, with the options above. */
void mesh_world_start_all(struct mesh_world *world);
void mesh_world_clear(struct mesh_world *world);
void mesh_world_pass(struct mesh_world *world, int64_t duration_ns);
struct reading mesh_world_reading(const struct mesh_world *world);
struct address mesh_world_address(size_t index, uint16_t port);
uint64_t mesh_world_id(const struct mesh_world *world, size_t index);

/* A request of `from` to `to`, dressed. False: it can't be. */
bool mesh_world_request(struct mesh_world *world, size_t from, size_t to, struct action_send *send);
/* What the other side makes of what is sent to its server's port. */
enum mesh_verdict mesh_world_serve(struct mesh_world *world, size_t from, size_t to,
                                   const struct action_send *send, struct mesh_opened *opened);
/* The time's answer to a request. */
bool mesh_world_answer(struct mesh_world *world, size_t by, const struct mesh_opened *request,
                       struct action_send *send);
/* What the asker makes of what came back. */
enum mesh_verdict mesh_world_open(struct mesh_world *world, size_t by, size_t from,
                                  const struct action_send *send, struct mesh_opened *opened);
/* One exchange, with what it takes of a handshake. The verdict of the last packet. */
enum mesh_verdict mesh_world_exchange(struct mesh_world *world, size_t from, size_t to,
                                      struct mesh_opened *opened);
/* Its upkeep, with what it measured. */
void mesh_world_run(struct mesh_world *world, size_t index);
/* What `by` thinks of `of`; MEMBER_WATCHED if it does not say. */
enum member_weight mesh_world_weight(const struct mesh_world *world, size_t by, size_t of);
#endif
