/* SPDX-License-Identifier: MIT */
#include "server/timekeeper.h"
#include "common/host/log.h"
#include "common/host/watch.h"
#include "server/driver.h"
#include "server/herald.h"
#include "server/journal.h"
#include "server/keeper.h"
#include "server/mesh_setup.h"
#include "server/scout.h"
#include "server/steering.h"
#include "server/sync_setup.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODE_MAX 16
/* Less is nothing that a missing real-time clock explains. */
#define RESTORE_NS_MIN NS_PER_S

struct timekeeper {
    uv_loop_t *loop;
    const struct setup *setup;
    struct random *random;
    struct state_files files;
    char folder[CONFIG_PATH_MAX];
    struct mesh_state mesh;            /* all zero where there is no mesh */
    struct mesh_setup_room *mesh_room; /* NULL: the same */
    struct steering steering;
    char mode[MODE_MAX];
    int8_t precision; /* log2 s */
    struct clock *clock;
    struct node *node;
    struct driver *driver;
    struct keeper *keeper;
    struct scout *scout; /* NULL: there is no mesh */
    struct watch *watch;
    struct journal *journal;
    struct herald herald;
    bool has_rate; /* from the state files */
    struct state_rate rate;
    int64_t shadow_offset_ns;
    bool must_restart; /* is_shadow is another one now */
    bool is_stopping;
};

static void warn(void *context, const char *sentence)
{
    (void)context;
    log_message(LOG_LEVEL_WARNING, "%s", sentence);
}

static void note_mode(struct timekeeper *timekeeper)
{
    snprintf(timekeeper->mode, sizeof(timekeeper->mode), "%s",
             steering_name(&timekeeper->steering));
}

/* What the node is told, and what that points to. */
struct instructions {
    struct node_options node;
    struct sync_options sync;
    struct mesh_options mesh;
    struct source_options sources[SYNC_SOURCES_MAX];
};

static void instruct(const struct timekeeper *timekeeper, const struct setup *setup,
                     struct instructions *told)
{
    struct sync_options *sync = &told->sync;
    sync_setup(setup, sync, told->sources);
    sync->precision = timekeeper->precision;
    sync->is_shadow = steering_is_shadow(&timekeeper->steering);
    sync->has_rate = timekeeper->has_rate;
    sync->rate_ppm = timekeeper->rate.rate_ppm;
    sync->rate_sd_ppm = timekeeper->rate.rate_sd_ppm;
    sync->shadow_offset_ns = timekeeper->shadow_offset_ns;
    told->node = (struct node_options){.sync = sync};
    if (timekeeper->mesh_room == NULL || !mesh_setup(setup, &told->mesh, timekeeper->mesh_room)) {
        return;
    }
    const struct mesh_state *state = &timekeeper->mesh;
    told->mesh.is_lost = state->is_lost;
    told->mesh.key_epoch = state->is_lost ? 1 : state->run.key_epoch;
    told->mesh.incarnation = state->is_lost ? 1 : state->run.incarnation;
    told->mesh.hlc = !state->is_lost && state->run.hlc_bound != 0 ? &state->hlc : NULL;
    told->mesh.memories = state->memories;
    told->mesh.memory_count = state->memory_count;
    told->node.mesh = &told->mesh;
}

static void on_event(void *context, struct event *event)
{
    struct timekeeper *timekeeper = context;
    driver_feed(timekeeper->driver, event);
}

static void on_steer(void *context, const struct action_steer *steer)
{
    struct timekeeper *timekeeper = context;
    int64_t step_ns;
    struct mono now = clock_read(timekeeper->clock).mono;
    if (!steering_steer(&timekeeper->steering, steer, now, &step_ns)) {
        timekeeper->must_restart = true;
    }
    /* A slew may be over before the watch looks by itself, and then nothing would explain it. */
    watch_expect_step(timekeeper->watch, step_ns);
}

static void on_kernel(void *context, const struct action_kernel *kernel)
{
    struct timekeeper *timekeeper = context;
    struct mono now = clock_read(timekeeper->clock).mono;
    if (!steering_tell(&timekeeper->steering, kernel, now)) {
        timekeeper->must_restart = true;
    }
}

static void on_save(void *context, const struct action_save *save)
{
    struct timekeeper *timekeeper = context;
    const struct mesh *mesh = node_mesh(timekeeper->node);
    if (save->what == SAVED_MEMBERS && mesh != NULL) {
        struct mesh_memory memories[MESH_MEMBERS_MAX];
        mesh_state_stage(&timekeeper->mesh, memories, mesh_memories(mesh, memories));
    }
    keeper_save(timekeeper->keeper, save);
}

static void on_measured(void *context, const struct measurement *measurement)
{
    struct timekeeper *timekeeper = context;
    if (timekeeper->journal != NULL) {
        journal_measured(timekeeper->journal, measurement);
    }
}

/* The mesh's engine begins anew as well: as another run of the node, whose reports must not be
 * held against those of the last. */
static bool begin_run(struct timekeeper *timekeeper)
{
    char error[MESH_STATE_ERROR_MAX];
    struct mesh_state *state = &timekeeper->mesh;
    const struct mesh *mesh = node_mesh(timekeeper->node);
    if (mesh == NULL || !state->is_open) {
        return true;
    }
    if (!mesh_state_raise(state, error)) {
        log_message(LOG_LEVEL_ERROR, "%s", error);
        return false;
    }
    state->memory_count = mesh_memories(mesh, state->memories);
    return true;
}

/* The engine begins anew, from what the system clock reads now. */
static void restart(struct timekeeper *timekeeper)
{
    struct instructions told;
    char error[SYNC_ERROR_MAX];
    timekeeper->shadow_offset_ns = 0;
    note_mode(timekeeper);
    if (!begin_run(timekeeper)) {
        return;
    }
    instruct(timekeeper, timekeeper->setup, &told);
    if (!driver_restart(timekeeper->driver, &told.node, timekeeper->random, error)) {
        log_message(LOG_LEVEL_ERROR, "%s", error);
        return;
    }
    keeper_begin_anew(timekeeper->keeper);
}

static void on_performed(void *context, bool has_published)
{
    struct timekeeper *timekeeper = context;
    if (timekeeper->must_restart && !timekeeper->is_stopping) {
        timekeeper->must_restart = false;
        restart(timekeeper);
    }
    if (has_published) {
        struct status status;
        sync_status(node_sync(timekeeper->node), clock_read(timekeeper->clock), &status);
        herald_tell(&timekeeper->herald, &status, timekeeper->steering.is_taken);
    }
}

static void on_disrupted(void *context, int64_t by_ns)
{
    struct event event = {.kind = EVENT_DISRUPTED, .disruption = {.by_ns = by_ns}};
    on_event(context, &event);
}

static void on_clock_set(void *context, int64_t by_ns)
{
    struct event event = {.kind = EVENT_CLOCK_SET, .disruption = {.by_ns = by_ns}};
    on_event(context, &event);
}

static bool make_clock(struct timekeeper *timekeeper)
{
    const struct config *config = &timekeeper->setup->config;
    struct clock_fault fault = {.offset_ns = config->clock.virtual_offset_ns,
                                .rate_ppm = config->clock.virtual_rate_ppm,
                                .wander_ppb = config->clock.virtual_wander_ppb};
    timekeeper->clock = clock_create(&fault, random_u64(timekeeper->random));
    if (timekeeper->clock == NULL) {
        log_message(LOG_LEVEL_ERROR, "out of memory");
    }
    return timekeeper->clock != NULL;
}

/* A machine without a clock of its own starts no earlier than it stopped. */
static void restore_time(struct timekeeper *timekeeper)
{
    struct wall time;
    struct wall now = clock_read(timekeeper->clock).wall;
    enum steering_mode mode = timekeeper->steering.mode;
    if (mode == STEERING_NONE || !state_files_read_time(&timekeeper->files, now, &time) ||
        time.ns - now.ns < RESTORE_NS_MIN) {
        return;
    }
    int64_t behind_ns = time.ns - now.ns;
    int status = mode == STEERING_SYSTEM ? clock_step(behind_ns) : 0;
    if (mode != STEERING_SYSTEM) {
        timekeeper->shadow_offset_ns = behind_ns;
    }
    if (status == 0) {
        log_message(LOG_LEVEL_NOTICE,
                    "the clock was %.0f s before the time when this machine last knew it, and is "
                    "set to that",
                    (double)behind_ns / 1e9);
    } else {
        log_message(LOG_LEVEL_WARNING,
                    "the clock is %.0f s before the time when this machine last knew it, and can't "
                    "be set: %s",
                    (double)behind_ns / 1e9, strerror(-status));
    }
}

static void restore_rate(struct timekeeper *timekeeper)
{
    struct wall now = clock_read(timekeeper->clock).wall;
    now.ns += timekeeper->shadow_offset_ns;
    timekeeper->has_rate = state_files_read_rate(&timekeeper->files, now, &timekeeper->rate);
    if (timekeeper->has_rate) {
        log_message(LOG_LEVEL_INFO, "the clock's rate was %+.3f ppm (sd %.3f), by %s",
                    timekeeper->rate.rate_ppm, timekeeper->rate.rate_sd_ppm,
                    timekeeper->rate.origin);
    }
}

bool timekeeper_accepts(const struct timekeeper *timekeeper, const struct setup *setup)
{
    char error[MESH_STATE_ERROR_MAX] = "";
    const struct membership *membership = setup->credentials.membership;
    bool ok = timekeeper != NULL ? mesh_state_accepts(&timekeeper->mesh, membership, error)
                                 : mesh_state_would_accept(setup->state_dir, membership, error);
    if (error[0] != '\0') {
        log_message(ok ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "[mesh] membership: '%s': %s",
                    setup->config.mesh.membership.path, error);
    }
    return ok;
}

/* Reads what the node of the mesh told the others, where there is one. */
static bool open_mesh(struct timekeeper *timekeeper)
{
    char error[MESH_STATE_ERROR_MAX];
    const struct identity *identity = timekeeper->setup->credentials.identity;
    if (identity == NULL) {
        return true;
    }
    struct wall now = clock_read(timekeeper->clock).wall;
    now.ns += timekeeper->shadow_offset_ns;
    timekeeper->mesh_room = calloc(1, sizeof(*timekeeper->mesh_room));
    if (timekeeper->mesh_room == NULL) {
        log_message(LOG_LEVEL_ERROR, "out of memory");
        return false;
    }
    bool ok =
        mesh_state_open(&timekeeper->mesh, timekeeper->folder, identity_id(identity), now, error);
    if (error[0] != '\0') {
        log_message(ok ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "mesh: %s", error);
    }
    return ok && timekeeper_accepts(timekeeper, timekeeper->setup);
}

static bool make_node(struct timekeeper *timekeeper)
{
    struct instructions told;
    char error[SYNC_ERROR_MAX];
    timekeeper->precision = clock_precision();
    instruct(timekeeper, timekeeper->setup, &told);
    timekeeper->node =
        node_create(&told.node, timekeeper->random, clock_read(timekeeper->clock), error);
    if (timekeeper->node == NULL) {
        log_message(LOG_LEVEL_ERROR, "%s", error);
    }
    return timekeeper->node != NULL;
}

struct timekeeper *timekeeper_create(uv_loop_t *loop, const struct setup *setup,
                                     struct random *random)
{
    struct timekeeper *timekeeper = calloc(1, sizeof(*timekeeper));
    if (timekeeper == NULL) {
        log_message(LOG_LEVEL_ERROR, "out of memory");
        return NULL;
    }
    timekeeper->loop = loop;
    timekeeper->setup = setup;
    timekeeper->random = random;
    snprintf(timekeeper->folder, sizeof(timekeeper->folder), "%s", setup->state_dir);
    timekeeper->files = (struct state_files){.folder = timekeeper->folder, .warn = warn};
    steering_init(&timekeeper->steering, setup->config.clock.control,
                  config_has_upstream(&setup->config), &timekeeper->files);
    note_mode(timekeeper);
    if (!make_clock(timekeeper)) {
        timekeeper_destroy(timekeeper);
        return NULL;
    }
    restore_time(timekeeper);
    restore_rate(timekeeper);
    if (!open_mesh(timekeeper) || !make_node(timekeeper)) {
        timekeeper_destroy(timekeeper);
        return NULL;
    }
    return timekeeper;
}

bool timekeeper_needs_right(const struct timekeeper *timekeeper)
{
    return steering_needs_right(&timekeeper->steering);
}

static bool make_parts(struct timekeeper *timekeeper, const struct serving *serving)
{
    struct driver_options options = {.loop = timekeeper->loop,
                                     .clock = timekeeper->clock,
                                     .node = timekeeper->node,
                                     .has_hardware =
                                         timekeeper->setup->config.clock.hardware_timestamps,
                                     .stations = serving->stations,
                                     .station_count = serving->station_count};
    struct driver_calls calls = {.context = timekeeper,
                                 .steer = on_steer,
                                 .kernel = on_kernel,
                                 .save = on_save,
                                 .measured = on_measured,
                                 .performed = on_performed};
    struct watch_handler handler = {.clock = timekeeper->clock,
                                    .context = timekeeper,
                                    .disrupted = on_disrupted,
                                    .clock_set = on_clock_set};
    timekeeper->driver = driver_create(&options, &calls);
    timekeeper->keeper = keeper_create(timekeeper->loop, &timekeeper->files, on_event, timekeeper);
    if (timekeeper->keeper != NULL && timekeeper->mesh.is_open) {
        keeper_set_mesh(timekeeper->keeper, &timekeeper->mesh);
    }
    if (timekeeper->mesh_room != NULL) {
        struct discovery_options discovery = {.loop = timekeeper->loop,
                                              .random = timekeeper->random,
                                              .association = MESH_DISCOVERY,
                                              .take = on_event,
                                              .context = timekeeper};
        timekeeper->scout = scout_create(&discovery);
    }
    timekeeper->watch = watch_create(timekeeper->loop, &handler);
    timekeeper->journal = journal_create(timekeeper->loop, timekeeper->clock, timekeeper->node);
    return timekeeper->driver != NULL && timekeeper->keeper != NULL && timekeeper->watch != NULL &&
           timekeeper->journal != NULL;
}

bool timekeeper_start(struct timekeeper *timekeeper, const struct serving *serving)
{
    if (!make_parts(timekeeper, serving)) {
        log_message(LOG_LEVEL_ERROR, "out of memory, or of files (ulimit -n, LimitNOFILE=)");
        return false;
    }
    timekeeper->must_restart = !steering_take(&timekeeper->steering);
    timekeeper_settle(timekeeper);
    struct event event = {.kind = EVENT_TIMER};
    on_event(timekeeper, &event); /* the first answer says what is so */
    mesh_state_keep(&timekeeper->mesh, timekeeper->setup->credentials.membership);
    return true;
}

bool timekeeper_configure(struct timekeeper *timekeeper, const struct setup *setup)
{
    struct instructions told;
    char error[SYNC_ERROR_MAX];
    instruct(timekeeper, setup, &told);
    if (!driver_configure(timekeeper->driver, &told.node, error)) {
        log_message(LOG_LEVEL_ERROR, "%s", error);
        return false;
    }
    timekeeper->setup = setup;
    mesh_state_keep(&timekeeper->mesh, setup->credentials.membership);
    return true;
}

void timekeeper_settle(struct timekeeper *timekeeper)
{
    const struct config *config = &timekeeper->setup->config;
    journal_configure(timekeeper->journal, config->log.tracking, config->log.measurements);
    if (timekeeper->scout != NULL) {
        scout_configure(timekeeper->scout, timekeeper->setup);
    }
    bool was_shadow = steering_is_shadow(&timekeeper->steering);
    if (steering_reconsider(&timekeeper->steering, config_has_upstream(config))) {
        note_mode(timekeeper);
        if (steering_is_shadow(&timekeeper->steering) != was_shadow) {
            restart(timekeeper);
        }
    }
}

void timekeeper_command(struct timekeeper *timekeeper, const struct command *command,
                        struct action_reply *reply)
{
    driver_command(timekeeper->driver, command, reply);
}

enum hlc_verdict timekeeper_stamp(struct timekeeper *timekeeper, const struct hlc_stamp *message,
                                  struct hlc_stamp *stamp)
{
    return node_stamp(timekeeper->node, clock_read(timekeeper->clock), message, stamp);
}

uint64_t timekeeper_intake_dropped(const struct timekeeper *timekeeper)
{
    return driver_intake_dropped(timekeeper->driver);
}

void timekeeper_stop(struct timekeeper *timekeeper)
{
    timekeeper->is_stopping = true;
    scout_stop(timekeeper->scout);
    keeper_finish(timekeeper->keeper);
    driver_stop(timekeeper->driver);
    steering_release(&timekeeper->steering);
}

void timekeeper_close(struct timekeeper *timekeeper)
{
    journal_destroy(timekeeper->journal);
    timekeeper->journal = NULL;
    watch_destroy(timekeeper->watch);
    scout_destroy(timekeeper->scout);
    driver_destroy(timekeeper->driver);
}

bool timekeeper_is_busy(const struct timekeeper *timekeeper)
{
    return scout_is_busy(timekeeper->scout) ||
           (timekeeper->driver != NULL && driver_is_busy(timekeeper->driver));
}

void timekeeper_destroy(struct timekeeper *timekeeper)
{
    if (timekeeper != NULL) {
        keeper_destroy(timekeeper->keeper);
        node_destroy(timekeeper->node);
        mesh_state_close(&timekeeper->mesh);
        free(timekeeper->mesh_room);
        clock_destroy(timekeeper->clock);
        free(timekeeper);
    }
}

const struct clock *timekeeper_clock(const struct timekeeper *timekeeper)
{
    return timekeeper->clock;
}

const struct node *timekeeper_node(const struct timekeeper *timekeeper)
{
    return timekeeper->node;
}

const char *timekeeper_mode(const struct timekeeper *timekeeper)
{
    return timekeeper->mode;
}

void timekeeper_describe(const struct timekeeper *timekeeper, char *text, size_t room)
{
    snprintf(text, room, "clock: %s; precision 2^%d s", steering_text(&timekeeper->steering),
             timekeeper->precision);
}

int timekeeper_restore(const struct setup *setup)
{
    struct state_files files = {.folder = setup->state_dir, .warn = warn};
    return steering_restore(&files) ? EXIT_SUCCESS : EXIT_FAILURE;
}
