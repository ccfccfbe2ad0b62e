/* SPDX-License-Identifier: MIT */
#include "server/driver.h"
#include "common/host/log.h"
#include "server/lookup.h"
#include <stdio.h>
#include <stdlib.h>

/* The longest sleep: nothing waits longer, but for nothing at all. */
#define WAIT_MS_MAX (24 * 3600 * 1000)
/* Of each level, for what packets can cause. */
#define REPORT_INTERVAL_NS (5 * NS_PER_S)
#define REPORT_BURST 24
#define REPORT_LEVELS 5
#define GATE_UNKNOWN UINT32_MAX

struct driver {
    struct driver_options options;
    struct driver_calls calls;
    struct upstream *upstream;
    struct lookup *lookup;
    struct intake *intake;
    struct gate_table table;
    uint32_t gate_version; /* that the stations have; 0: there is no mesh */
    uv_timer_t timer;
    bool is_handling;
    bool has_published;
    struct action_reply *reply; /* of the command that is being handled */
    struct log_limit limits[REPORT_LEVELS];
    struct actions actions;
};

static void report(struct driver *driver, const struct action_report *report)
{
    static const enum log_level levels[REPORT_LEVELS] = {
        [REPORT_ERROR] = LOG_LEVEL_ERROR,   [REPORT_WARNING] = LOG_LEVEL_WARNING,
        [REPORT_NOTICE] = LOG_LEVEL_NOTICE, [REPORT_INFO] = LOG_LEVEL_INFO,
        [REPORT_DEBUG] = LOG_LEVEL_DEBUG,
    };
    struct log_limit *limit = &driver->limits[report->level];
    if (!log_limit_pass(limit, clock_read(driver->options.clock).mono.ns)) {
        return;
    }
    if (limit->suppressed > 0) {
        log_message(levels[report->level], "%s (%llu lines like it were left out before)",
                    report->text, (unsigned long long)limit->suppressed);
    } else {
        log_message(levels[report->level], "%s", report->text);
    }
}

static void publish(struct driver *driver, const struct sync_state *state)
{
    for (size_t i = 0; i < driver->options.station_count; i++) {
        station_publish(driver->options.stations[i], state);
    }
    driver->has_published = true;
}

static void perform_one(struct driver *driver, const struct action *action)
{
    const struct driver_calls *calls = &driver->calls;
    switch (action->kind) {
    case ACTION_SEND:
        upstream_send(driver->upstream, &action->send);
        return;
    case ACTION_OPEN:
        upstream_open(driver->upstream, &action->open);
        return;
    case ACTION_CLOSE:
        upstream_close(driver->upstream, action->close);
        lookup_cancel(driver->lookup, action->close);
        return;
    case ACTION_RESOLVE:
        lookup_start(driver->lookup, &action->resolve);
        return;
    case ACTION_STEER:
        calls->steer(calls->context, &action->steer);
        return;
    case ACTION_KERNEL:
        calls->kernel(calls->context, &action->kernel);
        return;
    case ACTION_PUBLISH:
        publish(driver, &action->publish);
        return;
    case ACTION_SAVE:
        calls->save(calls->context, &action->save);
        return;
    case ACTION_REPORT:
        report(driver, &action->report);
        return;
    case ACTION_MEASURED:
        calls->measured(calls->context, &action->measured);
        return;
    case ACTION_REPLY:
        if (driver->reply != NULL) {
            *driver->reply = action->reply;
        }
        return;
    }
}

/* Gives the workers what they need to sort the packets of members. */
static void gate(struct driver *driver)
{
    const struct mesh *mesh = node_mesh(driver->options.node);
    uint32_t version = mesh != NULL ? mesh_gate_version(mesh) : 0;
    if (version == driver->gate_version) {
        return;
    }
    driver->gate_version = version;
    if (mesh != NULL) {
        mesh_gate(mesh, &driver->table);
    }
    for (size_t i = 0; i < driver->options.station_count; i++) {
        station_gate(driver->options.stations[i], driver->intake,
                     mesh != NULL ? &driver->table : NULL);
    }
    secret_wipe(&driver->table, sizeof(driver->table));
}

static void on_timer(uv_timer_t *timer);

/* The loop's timer counts milliseconds: late by up to one, never early. */
static void set_timer(struct driver *driver)
{
    int64_t now_ns = clock_read(driver->options.clock).mono.ns;
    int64_t deadline_ns = node_deadline(driver->options.node).ns;
    uint64_t wait_ms = 1;
    if (deadline_ns > now_ns) {
        uint64_t wanted_ms = (uint64_t)(deadline_ns - now_ns) / (uint64_t)NS_PER_MS + 1;
        wait_ms = wanted_ms < WAIT_MS_MAX ? wanted_ms : WAIT_MS_MAX;
    }
    /* Else it would count from when this round of the loop began. */
    uv_update_time(driver->options.loop);
    (void)uv_timer_start(&driver->timer, on_timer, wait_ms, 0);
}

/* Performs what the node appended, which may not reach it again before it is done. */
static void perform(struct driver *driver)
{
    for (size_t i = 0; i < driver->actions.count; i++) {
        perform_one(driver, &driver->actions.items[i]);
    }
    driver->actions.count = 0;
    driver->is_handling = false;
    gate(driver);
    set_timer(driver);
    bool has_published = driver->has_published;
    driver->has_published = false;
    driver->calls.performed(driver->calls.context, has_published);
}

static void begin(struct driver *driver)
{
    assert(!driver->is_handling);
    driver->is_handling = true;
    driver->actions.count = 0;
}

void driver_feed(struct driver *driver, struct event *event)
{
    begin(driver);
    event->now = clock_read(driver->options.clock);
    node_handle(driver->options.node, event, &driver->actions);
    perform(driver);
}

static void on_timer(uv_timer_t *timer)
{
    struct event event = {.kind = EVENT_TIMER};
    driver_feed(timer->data, &event);
}

static void on_event(void *context, struct event *event)
{
    driver_feed(context, event);
}

void driver_command(struct driver *driver, const struct command *command,
                    struct action_reply *reply)
{
    struct event event = {.kind = EVENT_COMMAND, .command = *command};
    *reply = (struct action_reply){.is_done = false};
    snprintf(reply->text, sizeof(reply->text), "the engine did not answer");
    driver->reply = reply;
    driver_feed(driver, &event);
    driver->reply = NULL;
}

bool driver_configure(struct driver *driver, const struct node_options *options,
                      char error[SYNC_ERROR_MAX])
{
    begin(driver);
    bool is_done = node_configure(driver->options.node, options, clock_read(driver->options.clock),
                                  &driver->actions, error);
    perform(driver);
    return is_done;
}

bool driver_restart(struct driver *driver, const struct node_options *options,
                    struct random *random, char error[SYNC_ERROR_MAX])
{
    begin(driver);
    bool is_done = node_restart(driver->options.node, options, random,
                                clock_read(driver->options.clock), error);
    if (is_done) {
        /* The new engine counts its associations from the start. */
        upstream_reset(driver->upstream);
        driver->gate_version = GATE_UNKNOWN;
        lookup_reset(driver->lookup);
    }
    perform(driver);
    return is_done;
}

void driver_stop(struct driver *driver)
{
    begin(driver);
    node_stop(driver->options.node, clock_read(driver->options.clock), &driver->actions);
    perform(driver);
    (void)uv_timer_stop(&driver->timer);
}

const struct upstream *driver_upstream(const struct driver *driver)
{
    return driver->upstream;
}

uint64_t driver_intake_dropped(const struct driver *driver)
{
    return intake_dropped(driver->intake);
}

bool driver_is_busy(const struct driver *driver)
{
    return lookup_is_busy(driver->lookup);
}

struct driver *driver_create(const struct driver_options *options, const struct driver_calls *calls)
{
    struct driver *driver = calloc(1, sizeof(*driver));
    if (driver == NULL) {
        return NULL;
    }
    driver->options = *options;
    driver->calls = *calls;
    for (size_t i = 0; i < REPORT_LEVELS; i++) {
        driver->limits[i] =
            (struct log_limit){.interval_ns = REPORT_INTERVAL_NS, .burst = REPORT_BURST};
    }
    struct upstream_options upstream = {.loop = options->loop,
                                        .clock = options->clock,
                                        .has_hardware = options->has_hardware,
                                        .stations = options->stations,
                                        .station_count = options->station_count,
                                        .take = on_event,
                                        .context = driver};
    driver->upstream = upstream_create(&upstream);
    driver->lookup = lookup_create(options->loop, on_event, driver);
    driver->intake = intake_create(options->loop, on_event, driver);
    if (driver->upstream == NULL || driver->lookup == NULL || driver->intake == NULL) {
        intake_destroy(driver->intake);
        upstream_destroy(driver->upstream);
        lookup_destroy(driver->lookup);
        free(driver);
        return NULL;
    }
    (void)uv_timer_init(options->loop, &driver->timer);
    driver->timer.data = driver;
    return driver;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void driver_destroy(struct driver *driver)
{
    if (driver != NULL) {
        for (size_t i = 0; i < driver->options.station_count; i++) {
            station_gate(driver->options.stations[i], NULL, NULL);
        }
        intake_destroy(driver->intake);
        upstream_destroy(driver->upstream);
        lookup_destroy(driver->lookup);
        uv_close((uv_handle_t *)&driver->timer, on_closed);
    }
}
