/* SPDX-License-Identifier: MIT */
#include "common/auth/node_state.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

char *node_state_format(const struct node_state *state, char out[NODE_STATE_TEXT_MAX])
{
    snprintf(out, NODE_STATE_TEXT_MAX,
             "chimed mesh 1\nnode %016" PRIx64 " %" PRIu16 "\nincarnation %" PRIu32
             "\nhlc %016" PRIx64 "\n",
             state->id, state->key_epoch, state->incarnation, state->hlc_bound);
    return out;
}

bool node_state_parse(const char *text, struct node_state *state, char error[NODE_STATE_ERROR_MAX])
{
    struct node_state found = {0};
    char again[NODE_STATE_TEXT_MAX];
    int count = sscanf(text,
                       "chimed mesh 1\nnode %16" SCNx64 " %5" SCNu16 "\nincarnation %10" SCNu32
                       "\nhlc %16" SCNx64,
                       &found.id, &found.key_epoch, &found.incarnation, &found.hlc_bound);
    /* One spelling, so that a file that was damaged is not half believed. */
    if (count != 4 || strcmp(node_state_format(&found, again), text) != 0 || found.key_epoch == 0) {
        snprintf(error, NODE_STATE_ERROR_MAX,
                 "it does not hold a node's id, key epoch, incarnation and HLC as chimed writes "
                 "them; begin a new key epoch with 'chime keygen --node --next-epoch'");
        return false;
    }
    *state = found;
    return true;
}

bool node_state_raise(struct node_state *state)
{
    if (state->key_epoch == UINT16_MAX) {
        return false;
    }
    state->key_epoch++;
    state->incarnation = 0;
    return true;
}
