/* SPDX-License-Identifier: MIT */
/* stand_in.h - signatures for meshes of thousands of nodes, in the simulator only: a digest of a
 * secret which nobody but this scheme knows, the signer's key and the message, in place of Ed25519.
 * They are as long, fit the same octets only, and what Ed25519 would have taken is booked to the
 * node. */
#ifndef TESTS_SIM_STAND_IN_H
#define TESTS_SIM_STAND_IN_H
#include "common/auth/identity.h"

/* Measured on the machine that doc/lab.md names. */
#define STAND_IN_SIGN_NS 41000
#define STAND_IN_VERIFY_NS 110000

struct stand_in {
    struct identity_scheme scheme; /* the first member: what the engine is given */
    uint8_t master[SECRET_SIZE];
    int64_t *booked_ns; /* of the node that works now; NULL: nobody's */
};

void stand_in_init(struct stand_in *stand_in, struct random *random);
#endif
