/* SPDX-License-Identifier: MIT */
/* worker.h - sockets, and the thread that answers on them (or none: then they are answered by the
 * caller's loop). */
#ifndef COMMON_HOST_WORKER_H
#define COMMON_HOST_WORKER_H
#include "common/host/clock.h"
#include "common/host/udp.h"
#include <uv.h>

#define WORKER_SOCKETS_MAX 32

struct worker_reply {
    uint32_t request; /* index in the batch */
    bool wants_stamp;
    struct bytes payload; /* lives until the next answer() */
};

/* What a worker does with datagrams. Called in the worker's thread, with the worker's lock held,
 * but for nothing that waits. */
struct worker_handler {
    void *context;
    /* Returns the number of replies it holds ready. */
    size_t (*answer)(void *context, const struct datagram *datagrams, size_t count,
                     struct reading now);
    /* The last thing before they are sent: stamps and returns them in *replies. */
    void (*seal)(void *context, struct reading now, int64_t gap_ns,
                 const struct worker_reply **replies);
    void (*sent)(void *context, const struct sent *sent);
};

struct worker;

/* Takes over the sockets, closes them at the end. loop: NULL for a thread of its own, else the loop
 * to live in. NULL if memory is short. handler and clock outlive it. */
struct worker *worker_create(struct udp *sockets, size_t count,
                             const struct worker_handler *handler, const struct clock *clock,
                             uv_loop_t *loop);
/* Starts answering. 0 or a negative errno. */
int worker_start(struct worker *worker) MUST_CHECK;
/* Ends the thread, closes and frees. With a loop of the caller's, that loop must run once more. */
void worker_destroy(struct worker *worker);
/* While it is held, the handler is not called: to read or change the handler's context from another
 * thread. Held shortly: clients wait. */
void worker_lock(struct worker *worker);
void worker_unlock(struct worker *worker);
/* Its sockets; they live as long as the worker. Sending through them is safe in any thread; reading
 * is the worker's. */
const struct udp *worker_sockets(const struct worker *worker, size_t *count);
#endif
