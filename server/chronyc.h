/* SPDX-License-Identifier: MIT */
/* chronyc.h - answers chronyc's commands (candm, protocol version 6; layouts in ntpwire/candm.h).
 * Pure: the host gathers the facts, and does what a command asks for before it is answered. A reply
 * is never longer than its request; its layout follows from the request's length, so that chronyc
 * 4.0 to the newest are all served. */
#ifndef SERVER_CHRONYC_H
#define SERVER_CHRONYC_H
#include "common/auth/keyring.h"
#include "common/base/status.h"
#include "server/ratelimit.h"
#include "server/server.h"

#define CHRONYC_MESSAGE_MAX 640
#define CHRONYC_CLIENTS_MAX 8 /* per reply */

/* How the request came, and from whom. */
enum chronyc_channel {
    CHRONYC_UDP,
    CHRONYC_LOCAL, /* the local socket, from who may look only */
    CHRONYC_OWNER  /* the same, from root or the daemon's user: it may change things too */
};

struct chronyc_facts {
    struct reading now;              /* wall is the system clock's */
    struct sync_state state;         /* what the answers claim */
    struct server_counters counters; /* of all workers */
    uint64_t commands;               /* candm requests answered so far, and those that were not */
    uint64_t commands_dropped;

    struct status status; /* the sync engine's; zero: there is none */
    /* Reads a source's; false from the last one on. NULL: there are no sources. */
    bool (*read_source)(const void *host, size_t index, struct source_status *source);
    const void *host;
    const struct keyring *keyring; /* the sources'; NULL: none */
    size_t changes;      /* what chronyc_next_command() and chronyc_wants_reload() asked for ... */
    size_t changes_done; /* ... and what of it was done */

    size_t clients_held;
    /* For a request that chronyc_wants_clients(): the page that was asked for. */
    const struct ratelimit_client *clients;
    size_t clients_count;
    uint32_t clients_next;  /* the index to go on with */
    uint32_t clients_slots; /* indices in all */
};

/* True if the request is a well-formed CLIENT_ACCESSES_BY_INDEX3; *first and *count (at most
 * CHRONYC_CLIENTS_MAX) tell which page to gather. */
bool chronyc_wants_clients(struct bytes request, uint32_t *first, uint32_t *count);
/* Of a page's clients keeps those that the request asks for by their number of requests (chronyc's
 * clients -p), in their order; returns how many. chronyc takes a page that is not full for the last
 * one: gather on until it is. */
size_t chronyc_keep_clients(struct bytes request, struct ratelimit_client *clients, size_t count);

/* What a request asks the engine to do, one command for each call: true, and *command, until there
 * is no more. *next is 0 before the first call. Whoever may not change things gets nothing. */
bool chronyc_next_command(struct bytes request, enum chronyc_channel channel,
                          const struct chronyc_facts *facts, size_t *next,
                          struct command *command) MUST_CHECK;
/* Whether it asks for the configuration to be read anew. */
bool chronyc_wants_reload(struct bytes request, enum chronyc_channel channel);

/* Writes the reply and returns its length; 0 if the request gets none (not candm, a reply, too
 * short to be refused politely). What only reads is answered on all channels; what would change
 * something is refused, but to the owner where we can do it. */
size_t chronyc_answer(struct bytes request, enum chronyc_channel channel,
                      const struct chronyc_facts *facts, uint8_t out[CHRONYC_MESSAGE_MAX]);
#endif
