/* SPDX-License-Identifier: MIT */
/* intake.h - what the workers' gates let through for the mesh, on its way to the main loop: a ring
 * of fixed size, of which nobody fills more than a share. So a member that sends what it may, and
 * far too much of it, crowds out no other. */
#ifndef SERVER_INTAKE_H
#define SERVER_INTAKE_H
#include "common/base/action.h"
#include "common/base/event.h"
#include <uv.h>

#define INTAKE_SIZE 64
#define INTAKE_STRANGERS_MAX 16 /* of them, all strangers together ... */
#define INTAKE_SHARE_MAX 4      /* ... and one member each */

struct intake;

/* take is called in the loop, with EVENT_DATAGRAMs (without now) of association 0. NULL if memory
 * or files are short. */
struct intake *intake_create(uv_loop_t *loop, void (*take)(void *context, struct event *event),
                             void *context);
/* No worker uses it any more; the loop must run once more, which frees it. NULL is allowed. */
void intake_destroy(struct intake *intake);

/* Any thread. share as in struct gate_result. A copy is kept; what does not fit is dropped, and
 * counted. */
void intake_put(struct intake *intake, uint32_t share, const struct datagram *datagram);
/* How many did not fit since the creation. */
uint64_t intake_dropped(struct intake *intake);
#endif
