/* SPDX-License-Identifier: MIT */
/* keygen_identity.h - chime keygen --node, --ca and --public: the Ed25519 keys of a mesh. */
#ifndef CLIENT_CLI_KEYGEN_IDENTITY_H
#define CLIENT_CLI_KEYGEN_IDENTITY_H
#include <stdbool.h>
#include <stdint.h>

/* What was asked for. */
struct keygen_identity {
    bool is_node;
    bool is_ca;
    bool is_public;
    bool is_next_epoch;
    bool json;
    uint16_t epoch;        /* 0: not given */
    const char *state_dir; /* NULL: not given */
};

/* Is it one of these at all? */
bool keygen_identity_is_asked(const struct keygen_identity *asked);
/* Returns the exit code. */
int keygen_identity_run(const struct keygen_identity *asked, const char *path);
#endif
