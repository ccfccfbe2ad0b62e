/* SPDX-License-Identifier: MIT */
/* action.h - what an engine wants done. The host performs actions in order. */
#ifndef COMMON_BASE_ACTION_H
#define COMMON_BASE_ACTION_H
#include "common/base/address.h"
#include "common/base/sync_state.h"

#define ACTION_PAYLOAD_MAX 1232
#define ACTIONS_MAX 16

enum action_kind {
    ACTION_SEND,   /* a datagram */
    ACTION_PUBLISH /* what the answers claim from now on */
};

struct action_send {
    struct address source; /* to send from; family NONE lets the kernel choose */
    struct address destination;
    uint32_t interface;
    bool wants_stamp; /* tell the engine by EVENT_SENT when it left */
    size_t size;
    uint8_t payload[ACTION_PAYLOAD_MAX];
};

struct action {
    enum action_kind kind;
    union {
        struct action_send send;
        struct sync_state publish;
    };
};

/* The caller's array. An engine never appends more than ACTIONS_MAX per event. */
struct actions {
    size_t count;
    struct action items[ACTIONS_MAX];
};

/* The next free action; asserts that there is one. */
static inline struct action *actions_append(struct actions *actions, enum action_kind kind)
{
    assert(actions->count < ACTIONS_MAX);
    struct action *action = &actions->items[actions->count++];
    action->kind = kind;
    return action;
}
#endif
