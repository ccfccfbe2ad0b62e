/* SPDX-License-Identifier: MIT */
#include "server/daemon.h"
#include "common/host/entropy.h"
#include "common/host/listener.h"
#include "common/host/log.h"
#include "common/host/notify.h"
#include "common/host/privilege.h"
#include "server/control.h"
#include "server/node.h"
#include "server/reload.h"
#include "server/station.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_MAX 512
#define SIGNALS 3
#define STATUS_MAX 512

struct daemon {
    uv_loop_t loop;
    struct setup *setup;
    const char *path;
    struct random random;
    struct clock *clock;
    enum config_control control_mode;
    struct node *node;
    uv_timer_t timer;
    uv_signal_t signals[SIGNALS];
    struct control *control;
    struct config_addresses listening; /* of those configured, what this machine has */
    size_t station_count;
    struct station *stations[CONFIG_WORKERS_MAX + 1];
};

static void perform(struct daemon *daemon, const struct actions *actions)
{
    for (size_t i = 0; i < actions->count; i++) {
        /* The node of this stage publishes only; answers are the stations'. */
        assert(actions->items[i].kind == ACTION_PUBLISH);
        for (size_t j = 0; j < daemon->station_count; j++) {
            station_publish(daemon->stations[j], &actions->items[i].publish);
        }
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;
    struct actions actions = {.count = 0};
    struct event event = {.now = clock_read(daemon->clock), .kind = EVENT_TIMER};
    node_handle(daemon->node, &event, &actions);
    perform(daemon, &actions);

    int64_t wait_ns = node_deadline(daemon->node).ns - clock_read(daemon->clock).mono.ns;
    uint64_t wait_ms = wait_ns > 0 ? (uint64_t)(wait_ns / NS_PER_MS) + 1 : 1;
    (void)uv_timer_start(timer, on_timer, wait_ms, 0);
}

static struct sync_options sync_options(const struct config *config)
{
    struct sync_options options = sync_options_default();
    options.local_stratum = config->server.local_stratum;
    options.precision = clock_precision();
    return options;
}

static struct server_options server_options(struct daemon *daemon, const struct setup *setup)
{
    const struct config *config = &setup->config;
    size_t workers = daemon->station_count > 0 ? daemon->station_count : 1;
    return (struct server_options){.access = setup->access,
                                   .keyring = &setup->keyring,
                                   .rate = {.enabled = config->server.rate_limit,
                                            .interval_ns = config->server.rate_interval_ns,
                                            .burst = config->server.rate_burst,
                                            .leak = config->server.rate_leak,
                                            .kod = config->server.rate_kod},
                                   .clients_max = config->server.clients_max / workers,
                                   .seed = random_u64(&daemon->random)};
}

static void warn(void *context, const char *sentence)
{
    (void)context;
    log_message(LOG_LEVEL_ERROR, "%s", sentence);
}

static bool configure_stations(struct daemon *daemon, const struct setup *setup)
{
    char error[KEYRING_ERROR_MAX];
    struct server_options options = server_options(daemon, setup);
    for (size_t i = 0; i < daemon->station_count; i++) {
        if (!station_configure(daemon->stations[i], &options, error)) {
            log_message(LOG_LEVEL_ERROR, "%s", error);
            return false;
        }
    }
    return true;
}

static void reload(struct daemon *daemon)
{
    struct setup *setup = daemon->path != NULL ? setup_load(daemon->path, warn, NULL) : NULL;
    if (daemon->path == NULL) {
        log_message(LOG_LEVEL_NOTICE, "reload: no configuration file was given, nothing to read");
        return;
    }
    if (setup == NULL || !configure_stations(daemon, setup)) {
        /* Some stations may have taken the new keys and rules: give them the old ones again. Where
         * even that fails the new ones are in use, and must stay. */
        if (setup != NULL && !configure_stations(daemon, daemon->setup)) {
            log_message(LOG_LEVEL_ERROR, "reload: the old configuration could not be restored");
        } else {
            setup_destroy(setup);
        }
        log_message(LOG_LEVEL_ERROR, "reload: %s has mistakes, nothing was changed", daemon->path);
        return;
    }
    reload_warn(&daemon->setup->config, &setup->config);
    struct sync_options options = sync_options(&setup->config);
    struct actions actions = {.count = 0};
    char error[SYNC_ERROR_MAX];
    if (!node_configure(daemon->node, &options, clock_read(daemon->clock), &actions, error)) {
        log_message(LOG_LEVEL_ERROR, "%s", error);
    }
    perform(daemon, &actions);
    control_configure(daemon->control, setup);
    log_open("chimed", setup->config.log.target == CONFIG_LOG_SYSLOG,
             (enum log_level)setup->config.log.level);
    setup_destroy(daemon->setup);
    daemon->setup = setup;
    on_timer(&daemon->timer);
    log_message(LOG_LEVEL_NOTICE, "reload: %s is in force", daemon->path);
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
    reload(daemon);
    notify_send("READY=1");
}

/* Opens the sockets of all listen addresses, worker by worker: sockets[worker][address]. Returns
 * the number of addresses, 0 on failure. */
static size_t open_sockets(struct daemon *daemon, unsigned workers,
                           struct udp sockets[][WORKER_SOCKETS_MAX])
{
    const struct config_addresses *wanted = &daemon->setup->config.server.listen;
    struct config_addresses *listening = &daemon->listening;
    for (size_t i = 0; i < wanted->count; i++) {
        char error[ERROR_MAX];
        struct udp group[CONFIG_WORKERS_MAX];
        enum listener_result result = listener_open(&wanted->items[i], workers, "[server] listen",
                                                    group, error, sizeof(error));
        if (result == LISTENER_FAILED) {
            log_message(LOG_LEVEL_ERROR, "%s", error);
            return 0;
        }
        if (result == LISTENER_SKIPPED) {
            log_message(LOG_LEVEL_WARNING, "%s; going on without it", error);
            continue;
        }
        for (unsigned j = 0; j < workers; j++) {
            sockets[j][listening->count] = group[j];
        }
        listening->items[listening->count++] = wanted->items[i];
    }
    if (listening->count == 0) {
        log_message(LOG_LEVEL_ERROR, "none of the addresses in [server] listen can be used");
    }
    return listening->count;
}

static bool open_stations(struct daemon *daemon)
{
    const struct config *config = &daemon->setup->config;
    struct udp sockets[CONFIG_WORKERS_MAX][WORKER_SOCKETS_MAX];
    unsigned workers = config->server.workers == CONFIG_WORKERS_AUTO
                           ? uv_available_parallelism()
                           : (unsigned)config->server.workers;
    unsigned stations = workers > 0 ? workers : 1;
    if (stations > CONFIG_WORKERS_MAX) {
        stations = CONFIG_WORKERS_MAX;
    }
    size_t opened = open_sockets(daemon, stations, sockets);
    if (opened == 0) {
        return false;
    }
    daemon->station_count = stations;
    struct server_options options = server_options(daemon, daemon->setup);
    for (unsigned i = 0; i < stations; i++) {
        char error[KEYRING_ERROR_MAX];
        daemon->stations[i] = station_create(&options, sockets[i], opened, daemon->clock,
                                             workers > 0 ? NULL : &daemon->loop, error);
        if (daemon->stations[i] == NULL) {
            daemon->station_count = i;
            log_message(LOG_LEVEL_ERROR, "can't start to serve: %s", error);
            return false;
        }
    }
    return true;
}

static bool start_stations(struct daemon *daemon)
{
    for (size_t i = 0; i < daemon->station_count; i++) {
        int status = station_start(daemon->stations[i]);
        if (status != 0) {
            log_message(LOG_LEVEL_ERROR,
                        "can't start worker %zu: %s; set workers = 0 in [server] to answer from "
                        "one thread",
                        i, strerror(-status));
            return false;
        }
    }
    return true;
}

static bool open_control(struct daemon *daemon)
{
    char error[CONTROL_ERROR_MAX];
    struct control_view view = {.clock = daemon->clock,
                                .state = node_claim(daemon->node),
                                .stations = daemon->stations,
                                .station_count = daemon->station_count};
    daemon->control = control_create(&daemon->loop, daemon->setup, &view, error);
    if (daemon->control == NULL) {
        log_message(LOG_LEVEL_ERROR, "%s", error);
    }
    return daemon->control != NULL;
}

static void choose_clock(struct daemon *daemon)
{
    enum config_control control = daemon->setup->config.clock.control;
    if (control == CONTROL_AUTO) {
        control = privilege_may_set_time() ? CONTROL_SYSTEM : CONTROL_SHADOW;
    }
    daemon->control_mode = control;
}

static const char *control_name(enum config_control control)
{
    switch (control) {
    case CONTROL_SYSTEM:
        return "system (read only)";
    case CONTROL_VIRTUAL:
        return "virtual (with a fault built in)";
    default:
        return "shadow (the system clock is left alone)";
    }
}

static void announce(const struct daemon *daemon)
{
    const struct config *config = &daemon->setup->config;
    char listening[STATUS_MAX] = "";
    size_t used = 0;
    for (size_t i = 0; i < daemon->listening.count && used < sizeof(listening); i++) {
        char text[ADDRESS_TEXT_MAX];
        int size = snprintf(listening + used, sizeof(listening) - used, " %s",
                            address_format_port(&daemon->listening.items[i], text));
        used += size > 0 ? (size_t)size : 0;
    }
    log_message(LOG_LEVEL_NOTICE, "serving NTP on%s with %zu worker%s; clock: %s; precision 2^%d s",
                listening, daemon->station_count, daemon->station_count == 1 ? "" : "s",
                control_name(daemon->control_mode), node_claim(daemon->node)->precision);
    if (config->server.local_stratum > 0) {
        log_message(LOG_LEVEL_NOTICE, "the local clock is served as stratum %u",
                    config->server.local_stratum);
    } else {
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
    (void)uv_timer_init(&daemon->loop, &daemon->timer);
    daemon->timer.data = daemon;
    for (size_t i = 0; i < SIGNALS; i++) {
        (void)uv_signal_init(&daemon->loop, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        (void)uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
    }
    return true;
}

static bool start(struct daemon *daemon)
{
    const struct config *config = &daemon->setup->config;
    struct clock_fault fault = {.offset_ns = config->clock.virtual_offset_ns,
                                .rate_ppm = config->clock.virtual_rate_ppm,
                                .wander_ppb = config->clock.virtual_wander_ppb};
    choose_clock(daemon);
    daemon->clock = clock_create(&fault, random_u64(&daemon->random));
    if (daemon->clock == NULL) {
        log_message(LOG_LEVEL_ERROR, "out of memory");
        return false;
    }
    struct sync_options options = sync_options(config);
    char error[SYNC_ERROR_MAX];
    daemon->node = node_create(&options, &daemon->random, clock_read(daemon->clock), error);
    if (daemon->node == NULL) {
        log_message(LOG_LEVEL_ERROR, "%s", error);
        return false;
    }
    if (!open_stations(daemon) || !open_control(daemon)) {
        return false;
    }
    drop_privileges(daemon);
    on_timer(&daemon->timer); /* the first answer says what is so */
    if (!start_stations(daemon)) {
        return false;
    }
    announce(daemon);
    return true;
}

static void finish(struct daemon *daemon)
{
    control_destroy(daemon->control);
    for (size_t i = 0; i < daemon->station_count; i++) {
        station_destroy(daemon->stations[i]);
    }
    uv_close((uv_handle_t *)&daemon->timer, NULL);
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
            status = EXIT_SUCCESS;
        }
        finish(daemon);
    }
    setup_destroy(daemon->setup);
    free(daemon);
    return status;
}
