/* SPDX-License-Identifier: MIT */
/* fuzz_sync_world.h - what fuzz_sync.c's script happens to: a node, the host that performs its
 * actions, the clocks of its sources. What must hold at any time is required here. */
#ifndef TESTS_FUZZ_FUZZ_SYNC_WORLD_H
#define TESTS_FUZZ_FUZZ_SYNC_WORLD_H
#include "common/auth/mac.h"
#include "server/node.h"
#include "tests/fuzz/fuzz.h"

#define WORLD_SOURCES_MAX 9
#define WORLD_SOCKETS_MAX 64
#define WORLD_REMOTES_MAX 256
#define WORLD_DATAGRAM_MAX 256
/* Some decades: timestamps mean the era that is nearest. */
#define WORLD_END_NS (INT64_C(1000000000) * NS_PER_S)

/* An association as the host knows it. */
struct world_socket {
    struct action_open open; /* association 0: free */
    uint32_t key_id;
    int64_t pace_ns;        /* requests come no closer than that */
    bool is_resend_allowed; /* something happened that allows one at once */
    bool has_sent;
    struct mono sent_at;
    bool is_answered; /* the request was, by the script */
    size_t size;
    uint8_t octets[ACTION_PAYLOAD_MAX]; /* the last one that it sent */
};

/* What a source's clock says: UTC and what it adds to it. */
struct world_lie {
    int64_t offset_ns;
    double rate_ppm;
    struct mono since;
};

struct world {
    struct random random;
    struct node *node;
    struct keyring keyring;
    struct macs *macs; /* everybody's */
    struct sync_options options;
    struct source_options sources[WORLD_SOURCES_MAX];

    struct mono now;
    int64_t utc_ns; /* at mono 0 */
    double oscillator_ppm;
    struct reading anchor; /* the system clock, and its gain from there */
    double frequency_ppm;

    struct world_socket sockets[WORLD_SOCKETS_MAX];
    struct world_lie lies[16]; /* by the last octet of the address */
    size_t remote_count;
    struct address remotes[WORLD_REMOTES_MAX]; /* that were configured or resolved */
    size_t resolve_count;
    uint32_t resolves[WORLD_SOURCES_MAX];
    size_t immediate; /* timers without time between them */

    bool has_earliest;
    int64_t earliest_ns;
    uint32_t epoch;
    bool was_panic;
    struct actions actions;
};

void world_begin(struct world *world, uint64_t choice);
void world_end(struct world *world);
/* Options of the same sources, but for the one that choice names, if any. */
void world_reload(struct world *world, unsigned choice);

/* A clock's reading that no arithmetic of ours overflows with. */
static inline bool world_is_in_range(int64_t ns)
{
    return ns > -3 * WORLD_END_NS && ns < 5 * WORLD_END_NS;
}

struct reading world_reading(const struct world *world);
/* What the source shows at that instant. */
int64_t world_source_time_ns(const struct world *world, const struct world_socket *socket,
                             struct mono at);
struct world_lie *world_lie_of(struct world *world, const struct world_socket *socket);
/* Time goes on, but no further than allowed. */
void world_advance(struct world *world, int64_t by_ns);
/* Hands the event to the node, at now, and performs what it wants. */
void world_handle(struct world *world, struct event *event);
/* The timer, if it is due; at its deadline, if that is ahead and is_waiting. */
void world_run_timer(struct world *world, bool is_waiting);
/* Anybody may be asked at once: after an operator's word, for instance. */
void world_allow_resend(struct world *world);
/* A datagram for the association. is_proven: it returns what was sent, and is signed if need be. */
void world_deliver(struct world *world, struct world_socket *socket, const uint8_t *octets,
                   size_t size, bool is_proven);
struct world_socket *world_socket_at(struct world *world, unsigned choice);

/* fuzz_sync_check.c */
/* What holds after each event. */
void world_check(struct world *world);
void world_check_action(struct world *world, const struct action *action);
/* What of an association nobody may change without proof. */
struct world_untouched {
    bool is_found;
    struct source_status status;
};
void world_look(struct world *world, uint32_t association, struct world_untouched *untouched);
void world_check_untouched(const struct world_untouched *before,
                           const struct world_untouched *after);
#endif
