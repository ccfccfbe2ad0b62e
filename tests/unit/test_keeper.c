/* SPDX-License-Identifier: MIT */
#include "server/keeper.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Later than the date of any file that the test makes: one of the future is not believed. */
#define NOW_NS (INT64_C(4102444800) * NS_PER_S)

static struct {
    uv_loop_t loop;
    struct state_files files;
    char folder[64];
    struct keeper *keeper;
    unsigned told[SAVED_KINDS];
    unsigned failed;
    bool save_again; /* from within an answer */
} world;

static void save_rate(double rate_ppm)
{
    struct action_save save = {.what = SAVED_RATE, .rate_ppm = rate_ppm, .rate_sd_ppm = 0.5};
    keeper_save(world.keeper, &save);
}

static void save_time(void)
{
    struct action_save save = {.what = SAVED_TIME, .time = {NOW_NS}};
    keeper_save(world.keeper, &save);
}

static void take(void *context, struct event *event)
{
    (void)context;
    CU_ASSERT_EQUAL(event->kind, EVENT_SAVED);
    world.told[event->saved.what]++;
    world.failed += event->saved.error != NULL;
    if (event->saved.error != NULL) {
        CU_ASSERT_TRUE(strlen(event->saved.error) > 0);
    }
    if (world.save_again) {
        world.save_again = false;
        save_rate(9);
    }
}

static void open_world(const char *folder)
{
    memset(&world, 0, sizeof(world));
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&world.loop), 0);
    snprintf(world.folder, sizeof(world.folder), "%s", "/tmp/chime-keeper-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(world.folder));
    world.files = (struct state_files){.folder = folder != NULL ? folder : world.folder};
    world.keeper = keeper_create(&world.loop, &world.files, take, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(world.keeper);
}

static double kept_rate(void)
{
    struct state_rate rate = {.rate_ppm = 0};
    struct wall now = {NOW_NS};
    return state_files_read_rate(&world.files, now, &rate) ? rate.rate_ppm : -1e9;
}

static void close_world(void)
{
    char path[sizeof(world.folder) + 16];
    static const char *const names[] = {"drift", "time"};
    uv_run(&world.loop, UV_RUN_DEFAULT);
    keeper_destroy(world.keeper);
    CU_ASSERT_EQUAL(uv_loop_close(&world.loop), 0);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", world.folder, names[i]);
        (void)unlink(path);
    }
    CU_ASSERT_EQUAL(rmdir(world.folder), 0);
}

static void saved_is_told(void)
{
    open_world(NULL);
    save_rate(3);
    save_time();
    CU_ASSERT_EQUAL(world.told[SAVED_RATE], 0);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(world.told[SAVED_RATE], 1);
    CU_ASSERT_EQUAL(world.told[SAVED_TIME], 1);
    CU_ASSERT_EQUAL(world.failed, 0);
    CU_ASSERT_DOUBLE_EQUAL(kept_rate(), 3, 1e-6);
    close_world();
}

static void the_newest_is_saved_last(void)
{
    open_world(NULL);
    for (int i = 1; i <= 100; i++) {
        save_rate(i);
    }
    world.save_again = true;
    uv_run(&world.loop, UV_RUN_DEFAULT);
    /* The first, at most one of those asked for meanwhile, and then what the answer asked for. */
    CU_ASSERT_EQUAL(world.told[SAVED_RATE], 2);
    CU_ASSERT_DOUBLE_EQUAL(kept_rate(), 9, 1e-6);
    close_world();
}

static void a_failure_is_told(void)
{
    open_world("/nonexistent/chime-keeper");
    save_rate(3);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(world.told[SAVED_RATE], 1);
    CU_ASSERT_EQUAL(world.failed, 1);
    close_world();
}

static void nothing_to_keep_is_no_failure(void)
{
    open_world("");
    save_rate(3);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(world.told[SAVED_RATE], 0);
    close_world();
}

/* One save is in its thread, and another waits, when the engine begins anew. */
static void another_engine_is_not_told(void)
{
    open_world(NULL);
    save_rate(3);
    save_time();
    keeper_begin_anew(world.keeper);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(world.told[SAVED_RATE], 0);
    CU_ASSERT_EQUAL(world.told[SAVED_TIME], 0);
    CU_ASSERT_DOUBLE_EQUAL(kept_rate(), 3, 1e-6);
    save_rate(4);
    keeper_begin_anew(world.keeper);
    save_rate(5);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(world.told[SAVED_RATE], 1);
    CU_ASSERT_DOUBLE_EQUAL(kept_rate(), 5, 1e-6);
    close_world();
}

static void the_end_saves_at_once(void)
{
    open_world(NULL);
    save_rate(3);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    keeper_finish(world.keeper);
    save_rate(4);
    CU_ASSERT_DOUBLE_EQUAL(kept_rate(), 4, 1e-6);
    CU_ASSERT_EQUAL(world.told[SAVED_RATE], 1);
    close_world();
}

static const struct unit_case cases[] = {
    {"saved is told", saved_is_told},
    {"the newest is saved last", the_newest_is_saved_last},
    {"a failure is told", a_failure_is_told},
    {"nothing to keep is no failure", nothing_to_keep_is_no_failure},
    {"another engine is not told", another_engine_is_not_told},
    {"the end saves at once", the_end_saves_at_once},
};
UNIT_MAIN("keeper", cases)
