/* SPDX-License-Identifier: MIT */
/* operator.h - where the command line asks: a Unix stream socket in the main loop. One request is a
 * line, and so is its answer, which is JSON (doc/protocol.md). Whoever may connect may look; what
 * changes anything is for root and the daemon's own user. */
#ifndef SERVER_OPERATOR_H
#define SERVER_OPERATOR_H
#include "common/base/action.h"
#include "common/base/event.h"
#include "common/config/config.h"
#include "server/node.h"
#include "server/station.h"

#define OPERATOR_ERROR_MAX 512
#define OPERATOR_CONNECTIONS_MAX 64 /* beyond: the one that was silent longest is closed */

struct operator_options {
    const char *path; /* as operator_path() gave it */
    bool make_folder; /* the path's last folder, if it is missing */
    /* Whom the daemon becomes later: the socket is theirs. "" or NULL: nobody else. */
    const char *user;
    /* Whose members may ask. "" or NULL: that user's group, or the daemon's own. */
    const char *group;
    unsigned mode; /* of the socket; 0: 0660 */
};

/* What the operator reads of the daemon; all of it outlives the operator. */
struct operator_view {
    const struct clock *clock;
    const struct node *node;
    struct station *const *stations;
    size_t station_count;
    const struct config_addresses *listening; /* where NTP is served; NULL: nowhere */
    const char *control;                      /* "system", "shadow" or "virtual"; constant */
};

/* What the daemon does for it, in the main loop, before it returns. */
struct operator_calls {
    void *context;
    /* Hands the command to the node as EVENT_COMMAND, performs the actions, and copies the
     * ACTION_REPLY. */
    void (*command)(void *context, const struct command *command, struct action_reply *reply);
    /* Reads the configuration anew, as SIGHUP does. */
    void (*reload)(void *context, struct action_reply *reply);
    /* node_stamp(); NULL: there is none to give. */
    enum hlc_verdict (*stamp)(void *context, const struct hlc_stamp *message,
                              struct hlc_stamp *stamp);
    /* driver_intake_dropped(); NULL: 0. */
    uint64_t (*intake_dropped)(void *context);
};

struct operator;

/* From the configured "auto", "off", "" or path to a path: "auto" is /run/chimed/chimed.sock for
 * root, else $XDG_RUNTIME_DIR/chimed.sock. False if there is to be no socket. */
bool operator_path(const char *configured, char path[CONFIG_PATH_MAX]) MUST_CHECK;

/* Call it as long as the daemon has its rights. NULL, and a sentence in error: then a path that was
 * configured is reason enough to give up, "auto" only for a warning. */
struct operator* operator_create(uv_loop_t *loop, const struct operator_options *options,
                                 const struct operator_view *view,
                                 const struct operator_calls *calls,
                                 char error[OPERATOR_ERROR_MAX]);
/* Closes and removes the socket; the loop must run once more, which frees it. NULL is allowed. */
void operator_destroy(struct operator* operator);
#endif
