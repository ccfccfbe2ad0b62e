/* SPDX-License-Identifier: MIT */
#include "server/daemon.h"
#include "common/host/entropy.h"
#include "common/host/log.h"
#include "common/host/notify.h"
#include "common/host/privilege.h"
#include "server/control.h"
#include "server/operator.h"
#include "server/reload.h"
#include "server/timekeeper.h"
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
    struct timekeeper *timekeeper;
    struct serving serving;
    uv_signal_t signals[SIGNALS];
    struct control *control;
    struct operator* desk; /* where operators ask */
    bool has_mixture;      /* a reload failed half way */
};

static void warn(void *context, const char *sentence)
{
    (void)context;
    log_message(LOG_LEVEL_ERROR, "%s", sentence);
}

/* False, and as little changed as can be. */
static bool take_setup(struct daemon *daemon, const struct setup *setup)
{
    if (serving_configure(&daemon->serving, setup, &daemon->random) &&
        timekeeper_configure(daemon->timekeeper, setup)) {
        return true;
    }
    /* Some stations may have taken the new keys and rules: give them the old ones again. Where even
     * that fails the new ones are in use, and must stay. */
    daemon->has_mixture = !serving_configure(&daemon->serving, daemon->setup, &daemon->random);
    if (daemon->has_mixture) {
        log_message(LOG_LEVEL_ERROR, "reload: the old configuration could not be restored");
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
    if (setup != NULL && !setup_is_same_node(daemon->setup, setup)) {
        setup_destroy(setup);
        log_message(LOG_LEVEL_ERROR,
                    "reload: [mesh] identity changed: who this node is takes a new start; nothing "
                    "was changed");
        return false;
    }
    if (setup != NULL && !timekeeper_accepts(daemon->timekeeper, setup)) {
        setup_destroy(setup);
        log_message(LOG_LEVEL_ERROR, "reload: nothing was changed");
        return false;
    }
    if (setup == NULL || !take_setup(daemon, setup)) {
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
    /* First: an engine that begins anew has to find the identity that stays. */
    setup_inherit(daemon->setup, setup);
    timekeeper_settle(daemon->timekeeper);
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

/* The service manager waits for the end of a reload, however it was asked for. */
static bool reload_and_tell(struct daemon *daemon)
{
    char state[STATUS_MAX];
    snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
             (unsigned long long)(uv_hrtime() / 1000));
    notify_send(state);
    bool is_done = reload(daemon);
    notify_send("READY=1");
    return is_done;
}

static void on_signal(uv_signal_t *handle, int signal_number)
{
    struct daemon *daemon = handle->data;
    if (signal_number == SIGHUP) {
        (void)reload_and_tell(daemon);
    } else {
        stop(daemon, signal_number);
    }
}

static void on_command(void *context, const struct command *command, struct action_reply *reply)
{
    struct daemon *daemon = context;
    timekeeper_command(daemon->timekeeper, command, reply);
}

static void on_reload(void *context, struct action_reply *reply)
{
    struct daemon *daemon = context;
    reply->is_done = reload_and_tell(daemon);
    const char *failed = daemon->path == NULL
                             ? "no configuration file was given, there is nothing to read"
                             : "the configuration has mistakes, nothing was changed; the daemon's "
                               "log says which, and so does chimed --check";
    snprintf(reply->text, sizeof(reply->text), "%s",
             reply->is_done ? "the configuration is in force" : failed);
}

static enum hlc_verdict on_stamp(void *context, const struct hlc_stamp *message,
                                 struct hlc_stamp *stamp)
{
    const struct daemon *daemon = context;
    return timekeeper_stamp(daemon->timekeeper, message, stamp);
}

static uint64_t on_dropped(void *context)
{
    const struct daemon *daemon = context;
    return timekeeper_intake_dropped(daemon->timekeeper);
}

static bool open_control(struct daemon *daemon)
{
    char error[CONTROL_ERROR_MAX];
    struct control_view view = {.clock = timekeeper_clock(daemon->timekeeper),
                                .node = timekeeper_node(daemon->timekeeper),
                                .stations = daemon->serving.stations,
                                .station_count = daemon->serving.station_count,
                                .context = daemon,
                                .command = on_command,
                                .reload = on_reload};
    daemon->control = control_create(&daemon->loop, daemon->setup, &view, error);
    if (daemon->control == NULL) {
        log_message(LOG_LEVEL_ERROR, "%s", error);
    }
    return daemon->control != NULL;
}

static bool open_operator(struct daemon *daemon)
{
    const struct config *config = &daemon->setup->config;
    char error[OPERATOR_ERROR_MAX];
    char path[CONFIG_PATH_MAX];
    bool is_auto = config->control.socket_is_auto;
    const char *configured = config->control.socket[0] != '\0' ? config->control.socket : "none";
    if (!operator_path(is_auto ? "auto" : configured, path)) {
        if (is_auto) {
            log_message(LOG_LEVEL_NOTICE, "no socket for 'chime status' and its like: "
                                          "XDG_RUNTIME_DIR is not set; name a path as socket in "
                                          "[control], or off");
        }
        return true;
    }
    struct operator_options options = {.path = path,
                                       .make_folder = is_auto,
                                       .user = config->server.user,
                                       .group = config->control.group};
    struct operator_view view = {.clock = timekeeper_clock(daemon->timekeeper),
                                 .node = timekeeper_node(daemon->timekeeper),
                                 .stations = daemon->serving.stations,
                                 .station_count = daemon->serving.station_count,
                                 .listening = &daemon->serving.listening,
                                 .control = timekeeper_mode(daemon->timekeeper)};
    struct operator_calls calls = {.context = daemon,
                                   .command = on_command,
                                   .reload = on_reload,
                                   .stamp = on_stamp,
                                   .intake_dropped = on_dropped};
    daemon->desk = operator_create(&daemon->loop, &options, &view, &calls, error);
    if (daemon->desk == NULL) {
        log_message(is_auto ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "%s", error);
    }
    return daemon->desk != NULL || is_auto;
}

static void announce(const struct daemon *daemon)
{
    const struct config *config = &daemon->setup->config;
    size_t workers = daemon->serving.station_count;
    char listening[STATUS_MAX];
    char clock[STATUS_MAX];
    serving_list(&daemon->serving, listening, sizeof(listening));
    timekeeper_describe(daemon->timekeeper, clock, sizeof(clock));
    log_message(LOG_LEVEL_NOTICE, "serving NTP on%s with %zu worker%s; %s", listening, workers,
                workers == 1 ? "" : "s", clock);
    if (config->server.local_stratum > 0) {
        log_message(LOG_LEVEL_NOTICE, "the local clock is served as stratum %u%s",
                    config->server.local_stratum,
                    config_has_upstream(config) ? " while no source can be followed" : "");
    }
    char state[STATUS_MAX + 64];
    snprintf(state, sizeof(state), "READY=1\nSTATUS=serving on%s", listening);
    notify_send(state);
}

static void drop_privileges(const struct daemon *daemon)
{
    char error[PRIVILEGE_ERROR_MAX];
    if (!privilege_drop(daemon->setup->config.server.user,
                        timekeeper_needs_right(daemon->timekeeper), error)) {
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

static bool start(struct daemon *daemon)
{
    daemon->timekeeper = timekeeper_create(&daemon->loop, daemon->setup, &daemon->random);
    if (daemon->timekeeper == NULL) {
        return false;
    }
    struct serving_context serving = {.loop = &daemon->loop,
                                      .clock = timekeeper_clock(daemon->timekeeper),
                                      .random = &daemon->random};
    if (!serving_open(&daemon->serving, daemon->setup, &serving) || !open_control(daemon) ||
        !open_operator(daemon)) {
        return false;
    }
    drop_privileges(daemon);
    if (!timekeeper_start(daemon->timekeeper, &daemon->serving) ||
        !serving_start(&daemon->serving)) {
        return false;
    }
    announce(daemon);
    return true;
}

static void finish(struct daemon *daemon, int status)
{
    control_destroy(daemon->control);
    operator_destroy(daemon->desk);
    if (daemon->timekeeper != NULL) {
        if (timekeeper_is_busy(daemon->timekeeper)) {
            /* libuv would wait for the name server, for as long as half a minute. */
            _exit(status);
        }
        timekeeper_close(daemon->timekeeper);
    }
    serving_close(&daemon->serving);
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
    }
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
    uv_loop_close(&daemon->loop);
    timekeeper_destroy(daemon->timekeeper);
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
            timekeeper_stop(daemon->timekeeper);
            status = EXIT_SUCCESS;
        }
        finish(daemon, status);
    }
    setup_destroy(daemon->setup);
    free(daemon);
    return status;
}
