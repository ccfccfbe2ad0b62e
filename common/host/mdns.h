/* SPDX-License-Identifier: MIT */
/* mdns.h - members of a mesh in the local network, by mDNS: avahi-daemon announces this node and
 * looks for others. What is found is a place to ask, and no more: nobody is believed for it.
 *
 * libavahi-client waits for answers of the D-Bus, for as long as 25 s each, so it has a thread of
 * its own. That begins again, at growing intervals, for as long as avahi-daemon or the bus is not
 * there. */
#ifndef COMMON_HOST_MDNS_H
#define COMMON_HOST_MDNS_H
#include "common/base/event.h"
#include "common/base/random.h"
#include "common/host/mdns_service.h"
#include <uv.h>

#define MDNS_INTERVAL_MS (60 * 1000) /* what is still there is told again */
#define MDNS_GAP_MS 5000             /* and nothing sooner than this after the last time */

struct mdns_options {
    uv_loop_t *loop;
    struct random *random; /* of the loop's thread */
    uint32_t association;  /* of the events */
    /* Called from the loop, with an EVENT_RESOLVED (without now) that has addresses. */
    void (*take)(void *context, struct event *event);
    void *context;
};

struct mdns;

/* What options names outlives it. NULL if memory or files are short, or if this was built without
 * libavahi-client (HAVE_AVAHI in config.h is 0). */
struct mdns *mdns_create(const struct mdns_options *options);
/* From now on; NULL: no more. Call it when the privileges are given up: its thread keeps what the
 * process has then. */
void mdns_configure(struct mdns *mdns, const struct mdns_service *service);
/* Ends it: avahi-daemon says goodbye for us. Waits for that, a second at most. NULL is allowed. */
void mdns_stop(struct mdns *mdns);
/* Whether the thread still waits for an answer: nothing ends that. */
bool mdns_is_busy(struct mdns *mdns);
/* After mdns_stop(). The loop must run once more, which frees it, unless it is busy. NULL is
 * allowed. */
void mdns_destroy(struct mdns *mdns);
#endif
