/* SPDX-License-Identifier: MIT */
#include "server/lookup.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <string.h>

#define WAIT_MS 20000
#define TOLD_MAX 256

static struct {
    uv_loop_t loop;
    uv_timer_t deadline;
    bool is_late;
    struct lookup *lookup;
    size_t count;
    struct event told[TOLD_MAX];
    bool has_error[TOLD_MAX];
    unsigned ask_again; /* from within an answer */
} world;

static void ask(uint32_t association, const char *host)
{
    struct action_resolve resolve = {.association = association, .port = 123};
    snprintf(resolve.host, sizeof(resolve.host), "%s", host);
    lookup_start(world.lookup, &resolve);
}

static void take(void *context, struct event *event)
{
    (void)context;
    CU_ASSERT_FATAL(world.count < TOLD_MAX);
    CU_ASSERT_EQUAL(event->kind, EVENT_RESOLVED);
    CU_ASSERT_EQUAL(event->resolved.error == NULL, event->resolved.count > 0);
    world.has_error[world.count] = event->resolved.error != NULL;
    world.told[world.count++] = *event;
    if (world.ask_again > 0) {
        world.ask_again--;
        ask(event->resolved.association, "192.0.2.9");
    }
}

static void open_world(void)
{
    memset(&world, 0, sizeof(world));
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&world.loop), 0);
    (void)uv_timer_init(&world.loop, &world.deadline);
    world.lookup = lookup_create(&world.loop, take, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(world.lookup);
}

static void close_world(void)
{
    lookup_destroy(world.lookup);
    uv_close((uv_handle_t *)&world.deadline, NULL);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&world.loop), 0);
}

static void on_deadline(uv_timer_t *timer)
{
    (void)timer;
    world.is_late = true;
}

static bool run_until(size_t count)
{
    (void)uv_timer_start(&world.deadline, on_deadline, WAIT_MS, 0);
    while (world.count < count && !world.is_late) {
        uv_run(&world.loop, UV_RUN_ONCE);
    }
    (void)uv_timer_stop(&world.deadline);
    return !world.is_late;
}

/* Until no name is being looked up, and nothing waits to be told. */
static void run_out(void)
{
    for (int i = 0; i < 10 || lookup_is_busy(world.lookup); i++) {
        uv_run(&world.loop, lookup_is_busy(world.lookup) ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    }
}

static void literals_are_told_later(void)
{
    open_world();
    ask(1, "192.0.2.1");
    ask(2, "2001:db8::1");
    CU_ASSERT_EQUAL(world.count, 0);
    CU_ASSERT_TRUE(run_until(2));
    CU_ASSERT_EQUAL(world.told[0].resolved.association, 1);
    CU_ASSERT_EQUAL(world.told[0].resolved.addresses[0].family, ADDRESS_IPV4);
    CU_ASSERT_EQUAL(world.told[0].resolved.addresses[0].port, 123);
    CU_ASSERT_EQUAL(world.told[1].resolved.association, 2);
    CU_ASSERT_EQUAL(world.told[1].resolved.addresses[0].family, ADDRESS_IPV6);
    close_world();
}

/* More names than are looked up at once, and what can't be one. */
static void many_names_are_all_answered(void)
{
    open_world();
    for (uint32_t i = 1; i <= STATUS_SOURCES_MAX; i++) {
        ask(i, i % 2 == 0 ? "localhost" : "no name");
    }
    CU_ASSERT_TRUE(run_until(STATUS_SOURCES_MAX));
    for (size_t i = 0; i < STATUS_SOURCES_MAX; i++) {
        CU_ASSERT_EQUAL(world.has_error[i], world.told[i].resolved.association % 2 == 1);
    }
    run_out();
    CU_ASSERT_EQUAL(world.count, STATUS_SOURCES_MAX);
    close_world();
}

static void the_same_is_asked_once(void)
{
    open_world();
    for (int i = 0; i < 1000; i++) {
        ask(1, "localhost");
    }
    CU_ASSERT_TRUE(run_until(1));
    run_out();
    CU_ASSERT_EQUAL(world.count, 1);
    ask(1, "localhost");
    CU_ASSERT_TRUE(run_until(2));
    close_world();
}

static void cancelled_ones_are_not_told(void)
{
    open_world();
    for (uint32_t i = 1; i <= 20; i++) {
        ask(i, "localhost");
    }
    uv_run(&world.loop, UV_RUN_NOWAIT); /* some run now, and others wait */
    size_t told = world.count;
    for (uint32_t i = 1; i <= 20; i++) {
        lookup_cancel(world.lookup, i);
    }
    run_out();
    CU_ASSERT_EQUAL(world.count, told);
    CU_ASSERT_FALSE(lookup_is_busy(world.lookup));

    ask(1, "192.0.2.1");
    ask(2, "192.0.2.2");
    lookup_reset(world.lookup);
    run_out();
    CU_ASSERT_EQUAL(world.count, told);
    ask(2, "192.0.2.2");
    CU_ASSERT_TRUE(run_until(told + 1));
    close_world();
}

static void an_answer_may_ask(void)
{
    open_world();
    world.ask_again = 3;
    ask(1, "192.0.2.1");
    CU_ASSERT_TRUE(run_until(4));
    run_out();
    CU_ASSERT_EQUAL(world.count, 4);
    CU_ASSERT_EQUAL(world.told[3].resolved.addresses[0].octets[3], 9);
    close_world();
}

static const struct unit_case cases[] = {
    {"literals are told later", literals_are_told_later},
    {"many names are all answered", many_names_are_all_answered},
    {"the same is asked once", the_same_is_asked_once},
    {"cancelled ones are not told", cancelled_ones_are_not_told},
    {"an answer may ask", an_answer_may_ask},
};
UNIT_MAIN("lookup", cases)
