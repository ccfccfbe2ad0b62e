/* SPDX-License-Identifier: MIT */
/* lookup.h - the names of the sources, in the main loop: performs ACTION_RESOLVE, a few at a time,
 * and tells by EVENT_RESOLVED. */
#ifndef SERVER_LOOKUP_H
#define SERVER_LOOKUP_H
#include "common/base/action.h"
#include "common/base/status.h"
#include "common/host/resolver.h"

#define LOOKUP_AT_ONCE 2 /* as many as libuv lets run of what may take long */

struct lookup;

/* take is called from the loop, never from within a call below, with all of the event but now. NULL
 * if memory or files are short. */
struct lookup *lookup_create(uv_loop_t *loop, void (*take)(void *context, struct event *event),
                             void *context);
/* The loop must run once more, which frees it, unless it is busy. NULL is allowed. */
void lookup_destroy(struct lookup *lookup);
/* Whether a name server is being waited for: nothing ends that, and the loop runs as long. */
bool lookup_is_busy(const struct lookup *lookup);

/* Always answered, be it by an error, unless it is cancelled. */
void lookup_start(struct lookup *lookup, const struct action_resolve *resolve);
/* The association is gone: nothing is told of it any more. */
void lookup_cancel(struct lookup *lookup, uint32_t association);
/* The same for all. */
void lookup_reset(struct lookup *lookup);
#endif
