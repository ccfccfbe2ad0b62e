/* SPDX-License-Identifier: MIT */
/* mdns_session.h - what a connection to avahi-daemon is used for; the inside of mdns.c. All of it
 * happens in one thread, and may wait for avahi-daemon. */
#ifndef COMMON_HOST_MDNS_SESSION_H
#define COMMON_HOST_MDNS_SESSION_H
#include "common/host/mdns.h"
#include <avahi-common/watch.h>

struct mdns_session_options {
    const AvahiPoll *poll;
    const struct mdns_service *service;
    struct random *random; /* of the thread */
    void (*changed)(void *context, const struct sightings *sightings);
    void *context;
};

struct mdns_session;

/* What options names outlives it, options itself too. NULL, with the reason in *error, which is
 * avahi's number, where there is no bus to ask on; without avahi-daemon on it, it waits for that.
 */
struct mdns_session *mdns_session_create(const struct mdns_session_options *options, int *error);
/* Has avahi-daemon answered? */
bool mdns_session_has_run(const struct mdns_session *session);
/* The connection is gone, and this with it: begin another one. */
bool mdns_session_has_failed(const struct mdns_session *session);
void mdns_session_destroy(struct mdns_session *session);
#endif
