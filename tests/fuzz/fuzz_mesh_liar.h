/* SPDX-License-Identifier: MIT */
/* fuzz_mesh_liar.h - fuzz_mesh.c's script, and what a member with a key of its own can say that an
 * honest one would not. All of it is signed, and sent under the session that the liar has. */
#ifndef TESTS_FUZZ_FUZZ_MESH_LIAR_H
#define TESTS_FUZZ_FUZZ_MESH_LIAR_H
#include "tests/fuzz/fuzz_mesh_world.h"

struct script {
    const uint8_t *data;
    size_t left;
};

static inline uint8_t take_u8(struct script *script)
{
    if (script->left == 0) {
        return 0;
    }
    script->left--;
    return *script->data++;
}

static inline uint64_t take_u64(struct script *script, size_t octets)
{
    uint64_t value = 0;
    for (size_t i = 0; i < octets; i++) {
        value = value << 8 | take_u8(script);
    }
    return value;
}

/* From a nanosecond to an hour. */
static inline int64_t take_duration(struct script *script)
{
    return (int64_t)(1 + take_u8(script) % 128) << take_u8(script) % 35;
}

static inline enum world_node take_node(struct script *script)
{
    return (enum world_node)(take_u8(script) % WORLD_NODES);
}

static inline enum world_node take_honest(struct script *script)
{
    return take_u8(script) % 2 == 0 ? VICTIM : COMPANION;
}

void liar_report(struct world *world, struct script *script);
/* It is asked, and lies. */
void liar_answer(struct world *world, struct script *script);
void liar_message(struct world *world, struct script *script);
/* With a cookie that is good, so that the signed half is reached. */
void liar_hello(struct world *world, struct script *script);
/* A certificate of the CA's, or one that only looks like it, in a message of the liar's. */
void liar_certificate(struct world *world, struct script *script);
#endif
