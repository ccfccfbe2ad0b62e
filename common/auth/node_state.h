/* SPDX-License-Identifier: MIT */
/* node_state.h - what a node of a mesh must not forget: the file "mesh" in the state directory.
 *
 * chimed reads and replaces it, 'chime keygen --node --next-epoch' too; each reads and writes the
 * file itself. An identity whose state is lost does not join until the latter raised its key epoch.
 * Incarnations of a higher key epoch begin anew: what orders a node's processes is the epoch, then
 * the incarnation. Pure functions; safe in any thread.
 *
 *      chimed mesh 1
 *      node ID KEY-EPOCH
 *      incarnation NUMBER
 *      hlc DIGITS          16 hex digits: none above it was told to anybody; 0: none at all */
#ifndef COMMON_AUTH_NODE_STATE_H
#define COMMON_AUTH_NODE_STATE_H
#include "ntpwire/bytes.h"

#define NODE_STATE_FILE "mesh"
#define NODE_STATE_TEXT_MAX 128
#define NODE_STATE_ERROR_MAX 256

struct node_state {
    uint64_t id;          /* of the identity that it belongs to */
    uint16_t key_epoch;   /* at least 1 */
    uint32_t incarnation; /* of the last process; 0: none ran yet in this key epoch */
    uint64_t hlc_bound;
};

/* Writes the file's text, terminated. Returns out. */
char *node_state_format(const struct node_state *state, char out[NODE_STATE_TEXT_MAX]);
/* Reads it; no other spelling than the one above. On a mistake *state is untouched, and error is a
 * sentence. */
bool node_state_parse(const char *text, struct node_state *state,
                      char error[NODE_STATE_ERROR_MAX]) MUST_CHECK;
/* Begins the next key epoch, with no incarnation yet; the HLC goes on. False after the last epoch:
 * then the node needs a new key. */
bool node_state_raise(struct node_state *state) MUST_CHECK;
#endif
