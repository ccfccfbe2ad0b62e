/* SPDX-License-Identifier: MIT */
#include "server/keeper.h"
#include "common/host/log.h"
#include <stdlib.h>

struct keeper {
    uv_loop_t *loop;
    const struct state_files *files;
    struct mesh_state *mesh;
    void (*take)(void *context, struct event *event);
    void *context;
    uv_work_t work;
    bool is_working;
    bool is_finished;
    struct action_save current;
    unsigned asked_by; /* the generation of engines that asked for the current one */
    unsigned generation;
    bool is_saved; /* the current one; else error says why not */
    char error[STATE_FILES_ERROR_MAX];
    bool has_next[SAVED_KINDS];
    struct action_save next[SAVED_KINDS];
    unsigned next_asked_by[SAVED_KINDS];
};

struct keeper *keeper_create(uv_loop_t *loop, const struct state_files *files,
                             void (*take)(void *context, struct event *event), void *context)
{
    struct keeper *keeper = calloc(1, sizeof(*keeper));
    if (keeper != NULL) {
        keeper->loop = loop;
        keeper->files = files;
        keeper->take = take;
        keeper->context = context;
    }
    return keeper;
}

void keeper_set_mesh(struct keeper *keeper, struct mesh_state *mesh)
{
    keeper->mesh = mesh;
}

static bool write_down(const struct keeper *keeper, const struct action_save *save,
                       char error[STATE_FILES_ERROR_MAX])
{
    bool is_mesh = save->what == SAVED_HLC || save->what == SAVED_MEMBERS;
    return is_mesh ? mesh_state_save(keeper->mesh, save, error, STATE_FILES_ERROR_MAX)
                   : state_files_save(keeper->files, save, error);
}

/* In a thread of libuv's. */
static void on_work(uv_work_t *work)
{
    struct keeper *keeper = work->data;
    keeper->is_saved = write_down(keeper, &keeper->current, keeper->error);
}

static void start_next(struct keeper *keeper);

static void on_worked(uv_work_t *work, int status)
{
    struct keeper *keeper = work->data;
    (void)status; /* it is never cancelled */
    keeper->is_working = false;
    if (keeper->is_finished) {
        return;
    }
    if (keeper->asked_by == keeper->generation) {
        struct event event = {.kind = EVENT_SAVED,
                              .saved = {.what = keeper->current.what,
                                        .error = keeper->is_saved ? NULL : keeper->error}};
        keeper->take(keeper->context, &event);
    }
    start_next(keeper);
}

static void start_next(struct keeper *keeper)
{
    for (size_t i = 0; i < SAVED_KINDS && !keeper->is_working; i++) {
        if (!keeper->has_next[i]) {
            continue;
        }
        keeper->has_next[i] = false;
        keeper->current = keeper->next[i];
        keeper->asked_by = keeper->next_asked_by[i];
        keeper->work.data = keeper;
        keeper->is_working = uv_queue_work(keeper->loop, &keeper->work, on_work, on_worked) == 0;
    }
}

static void save_at_once(const struct keeper *keeper, const struct action_save *save)
{
    char error[STATE_FILES_ERROR_MAX];
    if (!write_down(keeper, save, error)) {
        log_message(LOG_LEVEL_WARNING, "%s", error);
    }
}

void keeper_save(struct keeper *keeper, const struct action_save *save)
{
    if (keeper->files->folder == NULL || keeper->files->folder[0] == '\0') {
        return;
    }
    if (keeper->is_finished) {
        save_at_once(keeper, save);
        return;
    }
    keeper->next[save->what] = *save;
    keeper->next_asked_by[save->what] = keeper->generation;
    keeper->has_next[save->what] = true;
    start_next(keeper);
}

void keeper_begin_anew(struct keeper *keeper)
{
    keeper->generation++;
}

void keeper_finish(struct keeper *keeper)
{
    keeper->is_finished = true;
    for (size_t i = 0; i < SAVED_KINDS; i++) {
        if (keeper->has_next[i]) {
            save_at_once(keeper, &keeper->next[i]);
        }
    }
}

void keeper_destroy(struct keeper *keeper)
{
    free(keeper);
}
