/* SPDX-License-Identifier: MIT */
#include "server/daemon.h"
#include "common/host/entropy.h"
#include "common/host/log.h"
#include "common/host/notify.h"
#include "common/host/privilege.h"
#include "server/control.h"
#include "server/driver.h"
#include "server/operator.h"
#include "server/reload.h"
#include "server/serving.h"
#include "server/sync_setup.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIGNALS 3
#define STATUS_MAX 512

struct daemon {
    uv_loop_t loop;
    struct setup *setup;
    const char *path;
    struct random random;
    struct clock *clock;
    enum config_control control_mode;
    int8_t precision; /* log2 s */
    bool has_mixture; /* a reload failed half way */
    struct node *node;
    struct driver *driver;
    uv_signal_t signals[SIGNALS];
    struct control *control;
    struct operator* operator;
    struct serving serving;
};

static void warn(void *context, const char *sentence)
{
    (void)context;
    log_message(LOG_LEVEL_ERROR, "%s", sentence);
}

/* What the engine is to do; sources has room for SYNC_SOURCES_MAX. */
static struct sync_options sync_options(const struct daemon *daemon, const struct setup *setup,
                                        struct source_options *sources)
{
    struct sync_options options;
    sync_setup(setup, &options, sources);
    options.precision = daemon->precision;
    options.is_shadow = true;
    return options;
}

/* False, and nothing changed. */
static bool configure_node(struct daemon *daemon, const struct setup *setup)
{
    struct source_options sources[SYNC_SOURCES_MAX];
    char error[SYNC_ERROR_MAX];
    struct sync_options options = sync_options(daemon, setup, sources);
    if (!driver_configure(daemon->driver, &options, error)) {
        log_message(LOG_LEVEL_ERROR, "%s", error);
        return false;
    }
    return true;
}

/* False, and as little changed as can be. */
static bool take_setup(struct daemon *daemon, const struct setup *setup)
{
    if (serving_configure(&daemon->serving, setup, &daemon->random) &&
        configure_node(daemon, setup)) {
        return true;
    }
    /* Some stations may have taken the new keys and rules: give them the old ones again. */
    if (!serving_configure(&daemon->serving, daemon->setup, &daemon->random)) {
        log_message(LOG_LEVEL_ERROR, "reload: the old configuration could not be restored");
        daemon->has_mixture = true;
    }
    return false;
}

static bool reload(struct daemon *daemon)
{
    if (daemon->path == NULL) {
        log_message(LOG_LEVEL_NOTICE, "reload: no configuration file was given, nothing to read");
        return false;
    }
    struct setup *setup = setup_load(daemon->path, warn, NULL);
    if (setup == NULL || !take_setup(daemon, setup)) {
        /* What stations may still use must stay. */
        if (!daemon->has_mixture) {
            setup_destroy(setup);
        }
        daemon->has_mixture = false;
        log_message(LOG_LEVEL_ERROR, "reload: %s has mistakes, nothing was changed", daemon->path);
        return false;
    }
    reload_warn(&daemon->setup->config, &setup->config);
    control_configure(daemon->control, setup);
    log_open("chimed", setup->config.log.target == CONFIG_LOG_SYSLOG,
             (enum log_level)setup->config.log.level);
    setup_destroy(daemon->setup);
    daemon->setup = setup;
    log_message(LOG_LEVEL_NOTICE, "reload: %s is in force", daemon->path);
    return true;
}

static void stop(struct daemon *daemon, int signal_number)
{
    log_message(LOG_LEVEL_NOTICE, "stopping on signal %d", signal_number);
    notify_send("STOPPING=1");
    uv_stop(&daemon->loop);
}

static void on_signal(uv_signal_t *handle, int signal_number)
{
    struct daemon *daemon = handle->data;
    if (signal_number != SIGHUP) {
        stop(daemon, signal_number);
        return;
    }
    char state[STATUS_MAX];
    snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
             (unsigned long long)(uv_hrtime() / 1000));
    notify_send(state);
    (void)reload(daemon);
    notify_send("READY=1");
}

static void on_steer(void *context, const struct action_steer *steer)
{
    (void)context;
    (void)steer;
}

static void on_kernel(void *context, const struct action_kernel *kernel)
{
    (void)context;
    (void)kernel;
}

static void on_save(void *context, const struct action_save *save)
{
    (void)context;
    (void)save;
}

static void on_measured(void *context, const struct measurement *measurement)
{
    (void)context;
    (void)measurement;
}

static void on_published(void *context)
{
    (void)context;
}

static const char *mode_name(enum config_control control)
{
    switch (control) {
    case CONTROL_SYSTEM:
        return "system";
    case CONTROL_VIRTUAL:
        return "virtual";
    default:
        return "shadow";
    }
}

static void choose_clock(struct daemon *daemon)
{
    enum config_control control = daemon->setup->config.clock.control;
    if (control == CONTROL_AUTO) {
        control = privilege_may_set_time() ? CONTROL_SYSTEM : CONTROL_SHADOW;
    }
    daemon->control_mode = control;
}

static const char *control_text(enum config_control control)
{
    switch (control) {
    case CONTROL_SYSTEM:
        return "system";
    case CONTROL_VIRTUAL:
        return "virtual (with a fault built in)";
    default:
        return "shadow (the system clock is left alone)";
    }
}

static bool open_control(struct daemon *daemon)
{
    char error[CONTROL_ERROR_MAX];
    struct control_view view = {.clock = daemon->clock,
                                .node = daemon->node,
                                .stations = daemon->serving.stations,
                                .station_count = daemon->serving.station_count};
    daemon->control = control_create(&daemon->loop, daemon->setup, &view, error);
    if (daemon->control == NULL) {
        log_message(LOG_LEVEL_ERROR, "%s", error);
    }
    return daemon->control != NULL;
}

static void on_command(void *context, const struct command *command, struct action_reply *reply)
{
    struct daemon *daemon = context;
    driver_command(daemon->driver, command, reply);
}

static void on_reload(void *context, struct action_reply *reply)
{
    struct daemon *daemon = context;
    reply->is_done = reload(daemon);
    snprintf(reply->text, sizeof(reply->text), "%s",
             reply->is_done ? "the configuration is in force"
                            : "nothing was changed; the log of the daemon says why");
}

static bool open_operator(struct daemon *daemon)
{
    const struct config *config = &daemon->setup->config;
    char error[OPERATOR_ERROR_MAX];
    char path[CONFIG_PATH_MAX];
    bool is_auto = config->control.socket_is_auto;
    const char *configured = config->control.socket[0] != '\0' ? config->control.socket : "none";
    if (!operator_path(is_auto ? "auto" : configured, path)) {
        return true;
    }
    struct operator_options options = {.path = path,
                                       .make_folder = is_auto,
                                       .user = config->server.user,
                                       .group = config->control.group};
    struct operator_view view = {.clock = daemon->clock,
                                 .node = daemon->node,
                                 .stations = daemon->serving.stations,
                                 .station_count = daemon->serving.station_count,
                                 .listening = &daemon->serving.listening,
                                 .control = mode_name(daemon->control_mode)};
    struct operator_calls calls = {.context = daemon, .command = on_command, .reload = on_reload};
    daemon->operator= operator_create(&daemon->loop, &options, &view, &calls, error);
    if (daemon->operator== NULL) {
        log_message(is_auto ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "%s", error);
    }
    return daemon->operator!= NULL || is_auto;
}

static void announce(const struct daemon *daemon)
{
    const struct config *config = &daemon->setup->config;
    size_t workers = daemon->serving.station_count;
    char listening[STATUS_MAX];
    serving_list(&daemon->serving, listening, sizeof(listening));
    log_message(LOG_LEVEL_NOTICE, "serving NTP on%s with %zu worker%s; clock: %s; precision 2^%d s",
                listening, workers, workers == 1 ? "" : "s", control_text(daemon->control_mode),
                daemon->precision);
    if (config->server.local_stratum > 0) {
        log_message(LOG_LEVEL_NOTICE, "the local clock is served as stratum %u%s",
                    config->server.local_stratum,
                    config->sources.count > 0 ? " while no source can be followed" : "");
    } else if (config->sources.count == 0) {
        log_message(
            LOG_LEVEL_WARNING,
            "answers say \"unsynchronised\", clients will refuse them: no source is configured; "
            "set local-stratum = 10 in [server] to serve the local clock");
    }
    char state[STATUS_MAX + 64];
    snprintf(state, sizeof(state), "READY=1\nSTATUS=serving on%s", listening);
    notify_send(state);
}

static void drop_privileges(const struct daemon *daemon)
{
    char error[PRIVILEGE_ERROR_MAX];
    if (!privilege_drop(daemon->setup->config.server.user, false, error)) {
        log_message(LOG_LEVEL_WARNING, "%s", error);
    }
}

static bool open_loop(struct daemon *daemon)
{
    static const int numbers[SIGNALS] = {SIGHUP, SIGTERM, SIGINT};
    int status = uv_loop_init(&daemon->loop);
    if (status != 0) {
        log_message(LOG_LEVEL_ERROR, "can't make an event loop: %s", uv_strerror(status));
        return false;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < SIGNALS; i++) {
        (void)uv_signal_init(&daemon->loop, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        (void)uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
    }
    return true;
}

static bool make_node(struct daemon *daemon)
{
    struct source_options sources[SYNC_SOURCES_MAX];
    char error[SYNC_ERROR_MAX];
    daemon->precision = clock_precision();
    struct sync_options options = sync_options(daemon, daemon->setup, sources);
    daemon->node = node_create(&options, &daemon->random, clock_read(daemon->clock), error);
    if (daemon->node == NULL) {
        log_message(LOG_LEVEL_ERROR, "%s", error);
    }
    return daemon->node != NULL;
}

static bool make_driver(struct daemon *daemon)
{
    struct driver_options options = {.loop = &daemon->loop,
                                     .clock = daemon->clock,
                                     .stations = daemon->serving.stations,
                                     .station_count = daemon->serving.station_count};
    struct driver_calls calls = {.context = daemon,
                                 .steer = on_steer,
                                 .kernel = on_kernel,
                                 .save = on_save,
                                 .measured = on_measured,
                                 .published = on_published};
    daemon->driver = driver_create(&options, &calls);
    if (daemon->driver == NULL) {
        log_message(LOG_LEVEL_ERROR, "out of memory or of files");
        return false;
    }
    driver_set_node(daemon->driver, daemon->node);
    return true;
}

static bool make_clock(struct daemon *daemon)
{
    const struct config *config = &daemon->setup->config;
    struct clock_fault fault = {.offset_ns = config->clock.virtual_offset_ns,
                                .rate_ppm = config->clock.virtual_rate_ppm,
                                .wander_ppb = config->clock.virtual_wander_ppb};
    daemon->clock = clock_create(&fault, random_u64(&daemon->random));
    if (daemon->clock == NULL) {
        log_message(LOG_LEVEL_ERROR, "out of memory");
    }
    return daemon->clock != NULL;
}

static bool start(struct daemon *daemon)
{
    choose_clock(daemon);
    if (!make_clock(daemon)) {
        return false;
    }
    struct serving_context serving = {
        .loop = &daemon->loop, .clock = daemon->clock, .random = &daemon->random};
    if (!make_node(daemon) || !serving_open(&daemon->serving, daemon->setup, &serving) ||
        !make_driver(daemon) || !open_control(daemon) || !open_operator(daemon)) {
        return false;
    }
    drop_privileges(daemon);
    struct event event = {.kind = EVENT_TIMER};
    driver_feed(daemon->driver, &event); /* the first answer says what is so */
    if (!serving_start(&daemon->serving)) {
        return false;
    }
    announce(daemon);
    return true;
}

static void finish(struct daemon *daemon)
{
    control_destroy(daemon->control);
    operator_destroy(daemon->operator);
    driver_destroy(daemon->driver);
    serving_close(&daemon->serving);
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
    }
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
    uv_loop_close(&daemon->loop);
    node_destroy(daemon->node);
    clock_destroy(daemon->clock);
}

int daemon_run(struct setup *setup, const char *path)
{
    struct daemon *daemon = calloc(1, sizeof(*daemon));
    int status = EXIT_FAILURE;
    if (daemon == NULL) {
        log_message(LOG_LEVEL_ERROR, "out of memory");
        setup_destroy(setup);
        return status;
    }
    daemon->setup = setup;
    daemon->path = path;
    entropy_init(&daemon->random);
    if (open_loop(daemon)) {
        if (start(daemon)) {
            uv_run(&daemon->loop, UV_RUN_DEFAULT);
            driver_stop(daemon->driver);
            status = EXIT_SUCCESS;
        }
        finish(daemon);
    }
    setup_destroy(daemon->setup);
    free(daemon);
    return status;
}
