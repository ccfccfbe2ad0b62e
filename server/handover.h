/* SPDX-License-Identifier: MIT */
/* handover.h - what the workers' sockets receive for associations that share them (peers,
 * broadcasts), on its way to the main loop: a ring of fixed size. Whatever a stranger sends costs
 * bounded work and memory; an association fills no more than its part of the ring. What returns the
 * timestamp of our last packet has a part of its own: who did not see that packet can't crowd out
 * the answer to it. */
#ifndef SERVER_HANDOVER_H
#define SERVER_HANDOVER_H
#include "common/base/action.h"
#include "common/base/event.h"
#include "common/base/status.h"
#include "common/host/worker.h"

#define HANDOVER_SIZE 128
#define HANDOVER_UNASKED_MAX 64 /* of them, what returns nothing of ours ... */
#define HANDOVER_PART 16        /* ... and one association's of those */
#define HANDOVER_ANSWERS 32     /* one association's of the others, stamps included */
#define HANDOVER_ASSOCIATIONS_MAX (2 * STATUS_SOURCES_MAX) /* as UPSTREAM_MAX */

/* Instead of an association: what the node sends through the server's sockets as their answer. Its
 * stamps are told with association 0. */
#define HANDOVER_SERVER UINT32_MAX

/* Whose datagrams are wanted: modes 1, 2 and 5 from that host, whatever the port. */
struct handover_remote {
    uint32_t association;
    struct address host;
};

struct handover_list {
    size_t count;
    struct handover_remote items[HANDOVER_ASSOCIATIONS_MAX];
};

/* The association that a datagram belongs to, 0 if it is for the server. */
uint32_t handover_find(const struct handover_list *list, const struct datagram *datagram);

struct handover;

/* take is called in the loop, with EVENT_DATAGRAMs and EVENT_SENTs (without now). NULL if memory or
 * files are short. */
struct handover *handover_create(uv_loop_t *loop, void (*take)(void *context, struct event *event),
                                 void *context);
/* No worker uses it any more; the loop must run once more, which frees it. NULL is allowed. */
void handover_destroy(struct handover *handover);

/* Any thread. A copy is kept; what does not fit is dropped, and counted. */
void handover_put(struct handover *handover, uint32_t association, const struct datagram *datagram);
/* Any thread. True if that was awaited: the association is told. */
bool handover_put_sent(struct handover *handover, const struct sent *sent);

/* The main loop: the transmit stamp of this datagram, which is about to be sent, is the
 * association's. */
void handover_await(struct handover *handover, uint32_t association, struct bytes payload);
/* The association is gone: what waits for it is dropped. */
void handover_forget(struct handover *handover, uint32_t association);
/* How many did not fit since the creation. */
uint64_t handover_dropped(struct handover *handover);
#endif
