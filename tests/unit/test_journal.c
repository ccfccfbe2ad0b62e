/* SPDX-License-Identifier: MIT */
#include "common/host/files.h"
#include "server/journal.h"
#include "server/journal_line.h"
#include "tests/unit/unit.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define SIZE_MAX_OCTETS (1 << 20)
#define WAIT_MS 20000

static const struct clock_fault no_fault;

static struct {
    uv_loop_t loop;
    uv_timer_t deadline;
    bool is_late;
    struct random random;
    struct clock *clock;
    struct node *node;
    struct journal *journal;
    char folder[64];
    char tracking[96], measurements[96], other[96];
} world;

static void open_world(void)
{
    char error[SYNC_ERROR_MAX];
    memset(&world, 0, sizeof(world));
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&world.loop), 0);
    (void)uv_timer_init(&world.loop, &world.deadline);
    snprintf(world.folder, sizeof(world.folder), "%s", "/tmp/chime-journal-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(world.folder));
    snprintf(world.tracking, sizeof(world.tracking), "%s/tracking", world.folder);
    snprintf(world.measurements, sizeof(world.measurements), "%s/measurements", world.folder);
    snprintf(world.other, sizeof(world.other), "%s/other", world.folder);
    random_init_seeded(&world.random, 1);
    world.clock = clock_create(&no_fault, 1);
    struct sync_options options = sync_options_default();
    world.node = node_create(&(struct node_options){.sync = &options}, &world.random,
                             clock_read(world.clock), error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(world.node);
    world.journal = journal_create(&world.loop, world.clock, world.node);
    CU_ASSERT_PTR_NOT_NULL_FATAL(world.journal);
}

static void close_world(void)
{
    journal_destroy(world.journal);
    uv_close((uv_handle_t *)&world.deadline, NULL);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&world.loop), 0);
    node_destroy(world.node);
    clock_destroy(world.clock);
    (void)unlink(world.tracking);
    (void)unlink(world.measurements);
    (void)unlink(world.other);
    CU_ASSERT_EQUAL(rmdir(world.folder), 0);
}

static void measure(const char *name)
{
    struct measurement measurement = {.verdict = "good", .at = clock_read(world.clock)};
    snprintf(measurement.name, sizeof(measurement.name), "%s", name);
    journal_measured(world.journal, &measurement);
}

/* The caller frees. */
static char *read_file(const char *path)
{
    char *text = NULL;
    CU_ASSERT_EQUAL_FATAL(files_read_text(path, SIZE_MAX_OCTETS, &text), 0);
    return text;
}

static size_t count_lines(const char *path)
{
    char *text = read_file(path);
    size_t count = 0;
    for (const char *at = text; *at != '\0'; at++) {
        count += *at == '\n';
    }
    free(text);
    return count;
}

static void assert_has(const char *path, const char *part, bool has)
{
    char *text = read_file(path);
    CU_ASSERT_EQUAL(strstr(text, part) != NULL, has);
    free(text);
}

static void a_new_file_has_one_header(void)
{
    open_world();
    journal_configure(world.journal, "", world.measurements);
    measure("alpha");
    measure("beta");
    journal_configure(world.journal, "", world.measurements);
    measure("gamma");
    char *text = read_file(world.measurements);
    const char *header = journal_line_measurements_header();
    CU_ASSERT_EQUAL(strncmp(text, header, strlen(header)), 0);
    CU_ASSERT_PTR_NULL(strstr(text + 1, "time,source"));
    free(text);
    CU_ASSERT_EQUAL(count_lines(world.measurements), 4);
    close_world();
}

/* As logrotate does it: renamed, then SIGHUP. */
static void a_renamed_file_is_left_at_a_reload(void)
{
    open_world();
    journal_configure(world.journal, "", world.measurements);
    measure("alpha");
    CU_ASSERT_EQUAL(rename(world.measurements, world.other), 0);
    measure("beta");
    journal_configure(world.journal, "", world.measurements);
    measure("gamma");
    assert_has(world.other, ",alpha,", true);
    assert_has(world.other, ",beta,", true);
    assert_has(world.other, ",gamma,", false);
    assert_has(world.measurements, ",gamma,", true);
    CU_ASSERT_EQUAL(count_lines(world.measurements), 2);
    close_world();
}

static void nothing_is_written_unasked(void)
{
    open_world();
    journal_configure(world.journal, "", "");
    measure("alpha");
    CU_ASSERT_EQUAL(access(world.measurements, F_OK), -1);
    close_world();
}

static void a_missing_folder_is_tried_again(void)
{
    char path[128];
    open_world();
    snprintf(path, sizeof(path), "%s/later", world.folder);
    char file[160];
    snprintf(file, sizeof(file), "%s/measurements", path);
    journal_configure(world.journal, "", file);
    measure("alpha");
    char command[256];
    snprintf(command, sizeof(command), "mkdir %s", path);
    CU_ASSERT_EQUAL(system(command), 0);
    measure("beta");
    assert_has(file, ",alpha,", false);
    assert_has(file, ",beta,", true);
    CU_ASSERT_EQUAL(count_lines(file), 2);
    (void)unlink(file);
    (void)rmdir(path);
    close_world();
}

/* A disk that takes a part of a line: the part is taken back. */
static void no_line_is_torn(void)
{
    struct rlimit before, little;
    open_world();
    (void)signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &before), 0);
    journal_configure(world.journal, "", world.measurements);
    measure("alpha");
    char *text = read_file(world.measurements);
    little = before;
    size_t size = strlen(text);
    little.rlim_cur = size + 20;
    free(text);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &little), 0);
    measure("beta");
    measure("gamma");
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &before), 0);
    text = read_file(world.measurements);
    CU_ASSERT_EQUAL(strlen(text), size);
    free(text);
    measure("delta");
    CU_ASSERT_EQUAL(count_lines(world.measurements), 3);
    assert_has(world.measurements, "beta", false);
    assert_has(world.measurements, ",delta,", true);
    text = read_file(world.measurements);
    CU_ASSERT_EQUAL(text[strlen(text) - 1], '\n');
    free(text);
    close_world();
}

static void on_deadline(uv_timer_t *timer)
{
    (void)timer;
    world.is_late = true;
}

static void tracking_has_a_line_each_second(void)
{
    open_world();
    journal_configure(world.journal, world.tracking, "");
    CU_ASSERT_EQUAL(count_lines(world.tracking), 1);
    (void)uv_timer_start(&world.deadline, on_deadline, WAIT_MS, 0);
    while (count_lines(world.tracking) < 3 && !world.is_late) {
        uv_run(&world.loop, UV_RUN_ONCE);
    }
    CU_ASSERT_FALSE(world.is_late);
    (void)uv_timer_stop(&world.deadline);
    assert_has(world.tracking, journal_line_tracking_header(), true);
    close_world();
}

static const struct unit_case cases[] = {
    {"a new file has one header", a_new_file_has_one_header},
    {"a renamed file is left at a reload", a_renamed_file_is_left_at_a_reload},
    {"nothing is written unasked", nothing_is_written_unasked},
    {"a missing folder is tried again", a_missing_folder_is_tried_again},
    {"no line is torn", no_line_is_torn},
    {"tracking has a line each second", tracking_has_a_line_each_second},
};
UNIT_MAIN("journal", cases)
