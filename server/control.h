/* SPDX-License-Identifier: MIT */
/* control.h - where operators' programs ask: chronyc over UDP and a Unix socket, in the main loop.
 */
#ifndef SERVER_CONTROL_H
#define SERVER_CONTROL_H
#include "server/chronyc.h"
#include "server/node.h"
#include "server/setup.h"
#include "server/station.h"

#define CONTROL_ERROR_MAX (CONFIG_PATH_MAX + 512)

/* What the control reads of the daemon, and what that does for it in the main loop before it
 * returns; it outlives the control. */
struct control_view {
    const struct clock *clock;
    const struct node *node;
    struct station *const *stations;
    size_t station_count;
    void *context;
    /* Hands the command to the node, and copies the ACTION_REPLY. NULL: nothing is changed. */
    void (*command)(void *context, const struct command *command, struct action_reply *reply);
    /* Reads the configuration anew, as SIGHUP does. NULL: not at all. */
    void (*reload)(void *context, struct action_reply *reply);
};

struct control;

/* Opens what setup asks for; setup may change later through control_configure(). NULL on failure;
 * error is a sentence. */
struct control *control_create(uv_loop_t *loop, const struct setup *setup,
                               const struct control_view *view, char error[CONTROL_ERROR_MAX]);
void control_configure(struct control *control, const struct setup *setup);
/* Stops listening; the loop must run once more, which frees it. NULL is allowed. */
void control_destroy(struct control *control);
#endif
