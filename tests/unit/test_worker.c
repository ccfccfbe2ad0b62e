/* SPDX-License-Identifier: MIT */
#include "common/host/worker.h"
#include "tests/unit/unit.h"
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#define WAIT_MS 5000
#define REQUESTS 200

static const struct clock_fault no_fault;

/* Echoes, and counts what it is told. */
struct echo {
    size_t count;
    unsigned seals;
    unsigned stamps;
    bool stamp_is_after_seal;
    struct reading sealed;
    const struct udp
        *refill_from; /* sends as many datagrams as were answered, for so many batches */
    struct address refill_to;
    unsigned refills;
    struct worker_reply replies[UDP_BATCH_MAX];
};

static size_t on_answer(void *context, const struct datagram *datagrams, size_t count,
                        struct reading now)
{
    struct echo *echo = context;
    (void)now;
    for (size_t i = 0; i < count; i++) {
        echo->replies[i] = (struct worker_reply){
            .request = (uint32_t)i, .wants_stamp = true, .payload = datagrams[i].payload};
    }
    echo->count = count;
    if (echo->refills > 0) {
        echo->refills--;
        for (size_t i = 0; i < count; i++) {
            CU_ASSERT_EQUAL(
                udp_send(echo->refill_from, &echo->refill_to, bytes_make("x", 1), false), 0);
        }
    }
    return count;
}

static void on_seal(void *context, struct reading now, int64_t gap_ns,
                    const struct worker_reply **replies)
{
    struct echo *echo = context;
    CU_ASSERT(gap_ns >= 0);
    echo->sealed = now;
    echo->seals++;
    *replies = echo->replies;
}

static void on_sent(void *context, const struct sent *sent)
{
    struct echo *echo = context;
    echo->stamps++;
    echo->stamp_is_after_seal = sent->at.mono.ns >= echo->sealed.mono.ns - NS_PER_MS;
}

static struct udp open_local(void)
{
    struct udp udp;
    struct udp_options options = {.transmit_stamps = true};
    CU_ASSERT_FATAL(address_parse("127.0.0.1", 0, &options.local));
    CU_ASSERT_EQUAL_FATAL(udp_open(&options, &udp), 0);
    return udp;
}

static struct worker *make_worker(struct echo *echo, struct udp *socket, struct clock *clock,
                                  uv_loop_t *loop)
{
    struct worker_handler handler = {
        .context = echo, .answer = on_answer, .seal = on_seal, .sent = on_sent};
    struct worker *worker = worker_create(socket, 1, &handler, clock, loop);
    CU_ASSERT_PTR_NOT_NULL_FATAL(worker);
    return worker;
}

static void test_thread_answers(void)
{
    struct echo echo = {.count = 0};
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp_batch *batch = udp_batch_create();
    struct udp server = open_local(), client = open_local();
    struct worker *worker = make_worker(&echo, &server, clock, NULL);
    CU_ASSERT_EQUAL_FATAL(worker_start(worker), 0);
    for (int i = 0; i < REQUESTS; i++) {
        struct pollfd item = {.fd = client.fd, .events = POLLIN};
        struct reading now;
        uint8_t octet = (uint8_t)i;
        CU_ASSERT_EQUAL(udp_send(&client, &server.local, bytes_make(&octet, 1), false), 0);
        CU_ASSERT_EQUAL_FATAL(poll(&item, 1, WAIT_MS), 1);
        CU_ASSERT_EQUAL_FATAL(udp_receive(&client, batch, clock, &now), 1);
        CU_ASSERT_EQUAL(udp_batch_datagrams(batch)->payload.data[0], octet);
    }
    worker_lock(worker);
    unsigned seals = echo.seals;
    worker_unlock(worker);
    CU_ASSERT_EQUAL(seals, REQUESTS);
    worker_destroy(worker);
    /* All but perhaps the last stamp were read before the request that followed. */
    CU_ASSERT(echo.stamps >= REQUESTS - 1);
    CU_ASSERT(echo.stamp_is_after_seal);
    udp_close(&client);
    udp_batch_destroy(batch);
    clock_destroy(clock);
}

static void test_callers_loop_answers(void)
{
    struct echo echo = {.count = 0};
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp_batch *batch = udp_batch_create();
    struct udp server = open_local(), client = open_local();
    struct reading now;
    uv_loop_t loop;
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&loop), 0);
    struct worker *worker = make_worker(&echo, &server, clock, &loop);
    CU_ASSERT_EQUAL_FATAL(worker_start(worker), 0);
    for (int i = 0; i < UDP_BATCH_MAX; i++) {
        CU_ASSERT_EQUAL(udp_send(&client, &server.local, bytes_make("x", 1), false), 0);
    }
    while (echo.seals == 0) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    CU_ASSERT_EQUAL(echo.seals, 1); /* one batch, one stamp */
    CU_ASSERT_EQUAL(udp_receive(&client, batch, clock, &now), UDP_BATCH_MAX);
    worker_destroy(worker);
    uv_run(&loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&loop), 0);
    udp_close(&client);
    udp_batch_destroy(batch);
    clock_destroy(clock);
}

/* A flood, during which the sockets are not waited for, ends, and single requests are answered as
 * before it. */
static void test_flood_comes_and_goes(void)
{
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp server = open_local(), client = open_local();
    struct echo echo = {.refill_from = &client, .refill_to = server.local, .refills = 100};
    uv_loop_t loop;
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&loop), 0);
    struct worker *worker = make_worker(&echo, &server, clock, &loop);
    CU_ASSERT_EQUAL_FATAL(worker_start(worker), 0);
    for (int i = 0; i < UDP_BATCH_MAX; i++) {
        CU_ASSERT_EQUAL(udp_send(&client, &server.local, bytes_make("x", 1), false), 0);
    }
    while (echo.seals < 101) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    CU_ASSERT_EQUAL(echo.refills, 0);
    for (unsigned i = 1; i <= 3; i++) {
        CU_ASSERT_EQUAL(udp_send(&client, &server.local, bytes_make("x", 1), false), 0);
        while (echo.seals < 101 + i) {
            uv_run(&loop, UV_RUN_ONCE);
        }
        CU_ASSERT_EQUAL(echo.count, 1);
    }
    worker_destroy(worker);
    uv_run(&loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&loop), 0);
    udp_close(&client);
    clock_destroy(clock);
}

static void count_turn(uv_prepare_t *prepare)
{
    unsigned *turns = prepare->data;
    ++*turns;
}

static void stop_loop(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* A descriptor that is always readable, and refuses every read: the worker neither spins nor
 * forgets its other socket. */
static void test_refusing_socket_is_left_alone(void)
{
    struct echo echo = {.count = 0};
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp client = open_local();
    struct udp sockets[2] = {{.fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)}, open_local()};
    struct address healthy = sockets[1].local;
    unsigned turns = 0;
    uv_loop_t loop;
    uv_prepare_t prepare;
    uv_timer_t timer;
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&loop), 0);
    uv_prepare_init(&loop, &prepare);
    uv_timer_init(&loop, &timer);
    prepare.data = &turns;
    struct worker_handler handler = {
        .context = &echo, .answer = on_answer, .seal = on_seal, .sent = on_sent};
    struct worker *worker = worker_create(sockets, 2, &handler, clock, &loop);
    CU_ASSERT_PTR_NOT_NULL_FATAL(worker);
    CU_ASSERT_EQUAL_FATAL(worker_start(worker), 0);
    uv_prepare_start(&prepare, count_turn);
    uv_timer_start(&timer, stop_loop, 150, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    CU_ASSERT(turns < 100);
    CU_ASSERT_EQUAL(udp_send(&client, &healthy, bytes_make("x", 1), false), 0);
    while (echo.seals == 0) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&prepare, NULL);
    uv_close((uv_handle_t *)&timer, NULL);
    worker_destroy(worker);
    uv_run(&loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&loop), 0);
    udp_close(&client);
    clock_destroy(clock);
}

static void test_worker_that_never_started_ends(void)
{
    struct echo echo = {.count = 0};
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp server = open_local();
    worker_destroy(make_worker(&echo, &server, clock, NULL));
    clock_destroy(clock);
}

static const struct unit_case cases[] = {
    {"a thread answers", test_thread_answers},
    {"the caller's loop answers", test_callers_loop_answers},
    {"a flood comes and goes", test_flood_comes_and_goes},
    {"a refusing socket is left alone", test_refusing_socket_is_left_alone},
    {"a worker that never started ends", test_worker_that_never_started_ends},
};
UNIT_MAIN("worker", cases)
