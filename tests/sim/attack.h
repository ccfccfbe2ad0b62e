/* SPDX-License-Identifier: MIT */
/* attack.h - somebody on the way between members of a mesh, who has no key: what becomes of a
 * datagram that he takes up. Losing and delaying is what links do by themselves. */
#ifndef TESTS_SIM_ATTACK_H
#define TESTS_SIM_ATTACK_H
#include "common/base/action.h"
#include "common/base/random.h"

#define ATTACK_MEMORY 64 /* datagrams that he remembers */

enum attack_kind {
    ATTACK_REPLAY,   /* an earlier datagram follows, from its own sender to its own receiver */
    ATTACK_REDIRECT, /* one follows that was for, or from, another */
    ATTACK_REFLECT,  /* it comes back to its sender besides, as from its receiver */
    ATTACK_STRIP,    /* the mesh's fields are cut off */
    ATTACK_FLIP,     /* a bit of it is another */
    ATTACK_GARBAGE,  /* one with the form of our fields follows, of random octets */
    ATTACK_KINDS
};

/* A datagram between two members. */
struct attack_datagram {
    struct address source;
    struct address destination;
    size_t size;
    uint8_t payload[ACTION_PAYLOAD_MAX];
};

struct attack {
    enum attack_kind kind;
    int64_t from_ns;
    int64_t until_ns;
    double share;
    struct random random;
    size_t count;
    size_t next;
    struct attack_datagram memory[ATTACK_MEMORY];
};

/* The struct must not be moved afterwards. */
void attack_init(struct attack *attack, enum attack_kind kind, uint64_t seed);
/* A datagram passes, which may be changed. True: *more is another one that he sends. */
bool attack_meet(struct attack *attack, int64_t truth_ns, struct attack_datagram *datagram,
                 struct attack_datagram *more);
#endif
