/* SPDX-License-Identifier: MIT */
#include "common/host/worker.h"
#include "common/host/log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Batches read in a row from one socket before the loop looks at everything else. */
#define ROUNDS_MAX 16
#define STAMPS_MAX 64
/* A flush of so many tells what the kernel needs for one datagram; a single one says more of the
 * system call. */
#define GAP_BATCH_MIN 8
#define GAP_NS_MAX 20000
#define STACK_SIZE (256 * 1024)
/* Refusals in a row, after which a socket is left alone for a while: a system that offers what it
 * then does not hand out would else cost a whole processor. */
#define REFUSALS_MAX 16
#define PAUSE_MS 100

struct worker {
    struct worker_handler handler;
    const struct clock *clock;
    uv_mutex_t lock;
    uv_loop_t own_loop;
    uv_loop_t *loop; /* own_loop, or the caller's */
    uv_thread_t thread;
    bool has_thread;
    uv_async_t stop;
    uv_idle_t flood;  /* runs while the sockets are not waited for */
    uv_timer_t pause; /* ends when those are waited for again that refused too often */
    bool has_paused;
    struct udp_batch *batch;
    int64_t gap_ns; /* running mean of the time the kernel needs to send one datagram */
    size_t open_handles;
    size_t count;
    struct udp sockets[WORKER_SOCKETS_MAX];
    uv_poll_t polls[WORKER_SOCKETS_MAX];
    unsigned refusals[WORKER_SOCKETS_MAX]; /* in a row */
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void start_poll(uv_poll_t *poll)
{
    /* "Prioritized" is where transmit stamps show themselves, see SO_SELECT_ERR_QUEUE in udp.c. */
    (void)uv_poll_start(poll, UV_READABLE | UV_PRIORITIZED, on_poll);
}

static void send_replies(struct worker *worker, const struct udp *udp, size_t count)
{
    const struct worker_reply *replies;
    /* The stamp comes last, but before the signature and the queueing of the whole batch, which
     * cost less than one datagram's way through the kernel. */
    struct reading now = clock_read(worker->clock);
    worker->handler.seal(worker->handler.context, now, worker->gap_ns, &replies);
    for (size_t i = 0; i < count; i++) {
        udp_reply(udp, worker->batch, replies[i].request, replies[i].payload,
                  replies[i].wants_stamp);
    }
}

static void measure_gap(struct worker *worker, size_t sent, struct reading before)
{
    int64_t gap = (clock_read(worker->clock).mono.ns - before.mono.ns) / (int64_t)sent;
    if (gap >= 0 && gap < GAP_NS_MAX) {
        worker->gap_ns += (gap - worker->gap_ns) / 8;
    }
}

/* Reads, answers and sends one batch; false when there was less than a full one. */
static bool serve_batch(struct worker *worker, const struct udp *udp)
{
    struct reading now;
    int received = udp_receive(udp, worker->batch, worker->clock, &now);
    unsigned *refusals = &worker->refusals[udp - worker->sockets];
    *refusals = received < 0 ? *refusals + 1 : 0;
    if (received <= 0) {
        return false;
    }
    uv_mutex_lock(&worker->lock);
    size_t count = worker->handler.answer(
        worker->handler.context, udp_batch_datagrams(worker->batch), (size_t)received, now);
    if (count > 0) {
        send_replies(worker, udp, count);
    }
    uv_mutex_unlock(&worker->lock);
    if (count >= GAP_BATCH_MIN) {
        struct reading before = clock_read(worker->clock);
        size_t sent = udp_flush(udp, worker->batch);
        measure_gap(worker, sent > 0 ? sent : 1, before);
    } else if (count > 0) {
        (void)udp_flush(udp, worker->batch);
    }
    return received == UDP_BATCH_MAX;
}

static void read_stamps(struct worker *worker, const struct udp *udp)
{
    uint8_t buffer[UDP_PAYLOAD_MAX];
    struct sent sent;
    for (int i = 0; i < STAMPS_MAX; i++) {
        if (udp_read_stamp(udp, worker->clock, buffer, sizeof(buffer), &sent) <= 0) {
            return;
        }
        uv_mutex_lock(&worker->lock);
        worker->handler.sent(worker->handler.context, &sent);
        uv_mutex_unlock(&worker->lock);
    }
}

/* True if there is more to read. */
static bool serve(struct worker *worker, const struct udp *udp)
{
    if (udp->is_outlet) {
        return false;
    }
    for (int round = 0; round < ROUNDS_MAX; round++) {
        if (!serve_batch(worker, udp)) {
            return false;
        }
    }
    return true;
}

static void on_flood(uv_idle_t *idle)
{
    struct worker *worker = idle->data;
    bool has_more = false;
    for (size_t i = 0; i < worker->count; i++) {
        read_stamps(worker, &worker->sockets[i]);
        has_more |= serve(worker, &worker->sockets[i]);
    }
    if (!has_more) {
        uv_idle_stop(idle);
        for (size_t i = 0; i < worker->count; i++) {
            start_poll(&worker->polls[i]);
        }
    }
}

/* A socket that is waited for costs 5 % more per answer, since the kernel then looks at its waiters
 * whenever a datagram has left. Under a flood nothing needs to be waited for: the sockets are read
 * in turn, until none of them fills a batch. */
static void start_flood(struct worker *worker)
{
    for (size_t i = 0; i < worker->count; i++) {
        (void)uv_poll_stop(&worker->polls[i]);
    }
    (void)uv_idle_start(&worker->flood, on_flood);
}

static void on_pause_end(uv_timer_t *pause)
{
    struct worker *worker = pause->data;
    /* After a flood they are waited for anyway. */
    for (size_t i = 0; i < worker->count && !uv_is_active((uv_handle_t *)&worker->flood); i++) {
        start_poll(&worker->polls[i]);
    }
}

static void pause_socket(struct worker *worker, uv_poll_t *poll)
{
    if (!worker->has_paused) {
        log_message(LOG_LEVEL_WARNING,
                    "the system refuses to hand out what a socket received; trying again every "
                    "%d ms",
                    PAUSE_MS);
        worker->has_paused = true;
    }
    worker->refusals[poll - worker->polls] = 0;
    (void)uv_poll_stop(poll);
    (void)uv_timer_start(&worker->pause, on_pause_end, PAUSE_MS, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct worker *worker = poll->data;
    const struct udp *udp = &worker->sockets[poll - worker->polls];
    if (status < 0) {
        /* An error on the socket alone makes libuv give the handle up; reading the error clears it.
         */
        read_stamps(worker, udp);
        start_poll(poll);
        worker->refusals[poll - worker->polls]++;
    }
    if (worker->refusals[poll - worker->polls] >= REFUSALS_MAX) {
        pause_socket(worker, poll);
        return;
    }
    /* Stamps first: the next request of the same client may need them. */
    if ((events & UV_PRIORITIZED) != 0) {
        read_stamps(worker, udp);
    }
    if ((events & UV_READABLE) != 0 && serve(worker, udp)) {
        start_flood(worker);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct worker *worker = handle->data;
    if (--worker->open_handles > 0) {
        return;
    }
    for (size_t i = 0; i < worker->count; i++) {
        udp_close(&worker->sockets[i]);
    }
    if (!worker->has_thread) {
        uv_mutex_destroy(&worker->lock);
        udp_batch_destroy(worker->batch);
        free(worker);
    }
}

static void close_handles(struct worker *worker)
{
    for (size_t i = 0; i < worker->count; i++) {
        uv_close((uv_handle_t *)&worker->polls[i], on_closed);
    }
    uv_close((uv_handle_t *)&worker->flood, on_closed);
    uv_close((uv_handle_t *)&worker->pause, on_closed);
    uv_close((uv_handle_t *)&worker->stop, on_closed);
}

static void on_stop(uv_async_t *stop)
{
    close_handles(stop->data);
}

static void run_thread(void *context)
{
    struct worker *worker = context;
    /* Ends when on_stop() has closed the last handle. */
    uv_run(worker->loop, UV_RUN_DEFAULT);
}

static int add_handles(struct worker *worker)
{
    int status = uv_async_init(worker->loop, &worker->stop, on_stop);
    if (status != 0) {
        return status;
    }
    (void)uv_idle_init(worker->loop, &worker->flood); /* never fails */
    (void)uv_timer_init(worker->loop, &worker->pause);
    worker->flood.data = worker;
    worker->pause.data = worker;
    worker->stop.data = worker;
    worker->open_handles = 3;
    for (size_t i = 0; i < worker->count; i++) {
        status = uv_poll_init(worker->loop, &worker->polls[i], worker->sockets[i].fd);
        assert(status == 0); /* the descriptors are sockets of ours, fresh */
        worker->polls[i].data = worker;
        worker->open_handles++;
    }
    return 0;
}

struct worker *worker_create(struct udp *sockets, size_t count,
                             const struct worker_handler *handler, const struct clock *clock,
                             uv_loop_t *loop)
{
    assert(count > 0 && count <= WORKER_SOCKETS_MAX);
    struct worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL) {
        return NULL;
    }
    worker->handler = *handler;
    worker->clock = clock;
    worker->loop = loop != NULL ? loop : &worker->own_loop;
    worker->batch = udp_batch_create();
    if (worker->batch == NULL || uv_mutex_init(&worker->lock) != 0) {
        goto fail;
    }
    if (loop == NULL && uv_loop_init(&worker->own_loop) != 0) {
        uv_mutex_destroy(&worker->lock);
        goto fail;
    }
    worker->count = count;
    memcpy(worker->sockets, sockets, count * sizeof(*sockets));
    int status = add_handles(worker);
    assert(status == 0);
    return worker;
fail:
    udp_batch_destroy(worker->batch);
    free(worker);
    return NULL;
}

int worker_start(struct worker *worker)
{
    for (size_t i = 0; i < worker->count; i++) {
        start_poll(&worker->polls[i]);
    }
    if (worker->loop != &worker->own_loop) {
        return 0;
    }
    uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = STACK_SIZE};
    int status = uv_thread_create_ex(&worker->thread, &options, run_thread, worker);
    worker->has_thread = status == 0;
    return status;
}

void worker_destroy(struct worker *worker)
{
    if (worker->loop != &worker->own_loop) {
        close_handles(worker); /* on_closed() frees */
        return;
    }
    if (worker->has_thread) {
        uv_async_send(&worker->stop);
        uv_thread_join(&worker->thread);
    } else {
        worker->has_thread = true; /* the loop runs here, once more, to close */
        close_handles(worker);
        uv_run(worker->loop, UV_RUN_DEFAULT);
    }
    uv_loop_close(&worker->own_loop);
    uv_mutex_destroy(&worker->lock);
    udp_batch_destroy(worker->batch);
    free(worker);
}

void worker_lock(struct worker *worker)
{
    uv_mutex_lock(&worker->lock);
}

void worker_unlock(struct worker *worker)
{
    uv_mutex_unlock(&worker->lock);
}

const struct udp *worker_sockets(const struct worker *worker, size_t *count)
{
    *count = worker->count;
    return worker->sockets;
}
