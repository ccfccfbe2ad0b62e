/* SPDX-License-Identifier: MIT */
/* fuzz_mesh_world.h - three engines of the mesh, of which the third is in the hands of
 * fuzz_mesh.c's script, and the wire between them, too. What must hold at any time is required
 * here.
 *
 * Signatures are a stand-in: a digest under a key that only its owner uses. */
#ifndef TESTS_FUZZ_FUZZ_MESH_WORLD_H
#define TESTS_FUZZ_FUZZ_MESH_WORLD_H
#include "common/mesh/mesh_inner.h"
#include "tests/fuzz/fuzz.h"

#define WORLD_NODES 3
#define WORLD_HISTORY 16
#define WORLD_SERVER_PORT 123

/* The first two are honest. */
enum world_node { VICTIM, COMPANION, LIAR };

/* A datagram that was on the wire. */
struct world_packet {
    enum world_node from;
    enum world_node to;
    bool is_answer;  /* it goes to the association, else to the server's port */
    bool is_taken;   /* it was delivered as it is: once more it is a replay */
    uint64_t number; /* in the history, from 1 */
    size_t size;
    uint8_t octets[MESH_DATAGRAM_MAX];
};

struct world {
    struct random random;
    struct random randoms[WORLD_NODES];
    struct identity_scheme scheme;
    struct mesh_member_options members[WORLD_NODES];
    struct own_claim own[WORLD_NODES];
    struct mesh *nodes[WORLD_NODES];
    uint32_t incarnations[WORLD_NODES];
    struct hlc_bound bounds[WORLD_NODES]; /* that are durable */
    bool has_bound[WORLD_NODES];
    bool has_group;
    bool is_open_to_certified; /* there is a CA */
    struct mono now;
    struct hlc_stamp stamps[WORLD_NODES]; /* the last one that was given */
    bool has_stamp[WORLD_NODES];
    struct actions out;

    uint64_t history_count;
    struct world_packet history[WORLD_HISTORY];
};

void world_begin(struct world *world, uint8_t choice);
void world_end(struct world *world);
/* Its process ends, and the next one begins. */
void world_restart(struct world *world, enum world_node node);
void world_reload(struct world *world, enum world_node node, uint8_t choice);
void world_pass(struct world *world, int64_t duration_ns);
struct reading world_reading(const struct world *world);
const struct identity *world_identity(enum world_node node);
const struct identity *world_ca(void);
uint64_t world_id(enum world_node node);
/* That node's contact with the other; NULL: none. */
struct mesh_contact *world_contact(const struct world *world, enum world_node node,
                                   enum world_node other);

/* Tells the engine of its clock, and has it sign. */
void world_look(struct world *world, enum world_node node);
/* What is due, until nothing is. */
void world_run(struct world *world, enum world_node node);
/* An honest request. False: it can't be made now. */
bool world_request(struct world *world, enum world_node from, enum world_node to,
                   struct world_packet *packet);
/* Gives it a number and keeps a copy, unless it is empty. */
void world_remember(struct world *world, struct world_packet *packet);
/* The answer's header, as an honest node writes it. */
void world_answer_header(const struct world *world, const uint8_t request[PACKET_SIZE],
                         uint8_t header[PACKET_SIZE]);
/* The packet is received; what is sent in return, if anything, is *reply. is_proven: nobody changed
 * it, or its sender himself did. */
enum mesh_verdict world_deliver(struct world *world, const struct world_packet *packet,
                                bool is_proven, struct world_packet *reply);
#endif
