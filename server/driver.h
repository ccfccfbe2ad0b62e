/* SPDX-License-Identifier: MIT */
/* driver.h - drives the node, in the main loop: hands it what happens as events, performs its
 * actions in order, and keeps its timer. */
#ifndef SERVER_DRIVER_H
#define SERVER_DRIVER_H
#include "server/node.h"
#include "server/upstream.h"

struct driver_options {
    uv_loop_t *loop;
    const struct clock *clock;
    struct node *node;
    bool has_hardware; /* take the stamps of network cards that have them */
    struct station *const *stations;
    size_t station_count;
};

/* What becomes of the actions that are not the driver's own; called while the node is handling
 * nothing, in the order of the actions. */
struct driver_calls {
    void *context;
    void (*steer)(void *context, const struct action_steer *steer);
    void (*kernel)(void *context, const struct action_kernel *kernel);
    void (*save)(void *context, const struct action_save *save);
    void (*measured)(void *context, const struct measurement *measurement);
    /* After an event, and all that followed from it; whether what is claimed was published anew. */
    void (*performed)(void *context, bool has_published);
};

struct driver;

/* What options and calls name outlives it. NULL if memory or files are short. */
struct driver *driver_create(const struct driver_options *options,
                             const struct driver_calls *calls);
/* The loop must run once more, which frees it, unless it is busy. NULL is allowed. */
void driver_destroy(struct driver *driver);
/* Whether a name server is being waited for: the loop runs as long. */
bool driver_is_busy(const struct driver *driver);

/* The node handles *event, with the present time; what follows is performed. From the loop only,
 * never from within one of the calls above but performed(). */
void driver_feed(struct driver *driver, struct event *event);
/* The same with EVENT_COMMAND; *reply is the node's answer. */
void driver_command(struct driver *driver, const struct command *command,
                    struct action_reply *reply);
/* What node_configure() asked for. */
bool driver_configure(struct driver *driver, const struct node_options *options,
                      char error[SYNC_ERROR_MAX]) MUST_CHECK;
/* node_restart(): the engine begins anew. */
bool driver_restart(struct driver *driver, const struct node_options *options,
                    struct random *random, char error[SYNC_ERROR_MAX]) MUST_CHECK;
/* node_stop(), performed: the last thing the node does. */
void driver_stop(struct driver *driver);

/* Packets for the mesh that found no room on their way from the workers. */
uint64_t driver_intake_dropped(const struct driver *driver);
const struct upstream *driver_upstream(const struct driver *driver);
#endif
