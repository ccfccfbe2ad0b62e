/* SPDX-License-Identifier: MIT */
#include "server/control.h"
#include "common/host/listener.h"
#include "common/host/local_socket.h"
#include "common/host/log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCAL_SOCKET_MODE 0660
/* Requests answered in a row before the loop looks at everything else. */
#define LOCAL_ROUNDS_MAX 64
/* Refusals in a row, after which a socket is given up: the clock matters more than questions. */
#define REFUSALS_MAX 16

struct control {
    const struct setup *setup;
    struct control_view view;
    uint64_t answered;
    uint64_t dropped;
    struct udp_batch *batch;
    size_t udp_count;
    struct udp sockets[CONFIG_LISTEN_MAX];
    uv_poll_t polls[CONFIG_LISTEN_MAX];
    unsigned refusals[CONFIG_LISTEN_MAX + 1]; /* in a row; the last are the local socket's */
    bool has_local;
    struct local_socket local;
    uv_poll_t local_poll;
    size_t open_handles;
    uint8_t replies[UDP_BATCH_MAX][CHRONYC_MESSAGE_MAX];
};

/* The page of the clients' table that was asked for; its indices run through the tables of all
 * workers. */
static void gather_clients(const struct control *control, struct bytes request, uint32_t first,
                           uint32_t count, struct ratelimit_client *clients,
                           struct chronyc_facts *facts)
{
    size_t base = 0;
    size_t next = first;
    for (size_t i = 0; i < control->view.station_count; i++) {
        struct station *station = control->view.stations[i];
        size_t slots;
        facts->clients_held += station_clients(station, &slots);
        while (facts->clients_count < count && next < base + slots) {
            struct ratelimit_client *page = clients + facts->clients_count;
            size_t local_next;
            size_t found = station_list(station, next - base, facts->now.mono, page,
                                        count - facts->clients_count, &local_next);
            facts->clients_count += chronyc_keep_clients(request, page, found);
            next = base + local_next;
        }
        base += slots;
    }
    facts->clients = clients;
    facts->clients_next = (uint32_t)next;
    facts->clients_slots = (uint32_t)base;
}

/* The sources of the engine, as of one instant. */
struct sources {
    const struct sync *sync;
    struct reading now;
};

static bool read_source(const void *host, size_t index, struct source_status *source)
{
    const struct sources *sources = host;
    return sync_source_status(sources->sync, index, sources->now, source);
}

/* Does what the request asks for, if whoever sent it may. */
static void perform(struct control *control, struct bytes request, enum chronyc_channel channel,
                    struct chronyc_facts *facts)
{
    const struct control_view *view = &control->view;
    struct command command;
    struct action_reply reply = {.is_done = false};
    size_t next = 0;
    while (view->command != NULL &&
           chronyc_next_command(request, channel, facts, &next, &command)) {
        view->command(view->context, &command, &reply);
        facts->changes++;
        facts->changes_done += reply.is_done ? 1 : 0;
    }
    if (view->reload != NULL && chronyc_wants_reload(request, channel)) {
        view->reload(view->context, &reply);
        facts->changes++;
        facts->changes_done += reply.is_done ? 1 : 0;
        /* What the facts name may be another now. */
        facts->keyring = &control->setup->keyring;
    }
}

static size_t answer(struct control *control, struct bytes request, enum chronyc_channel channel,
                     uint8_t *out)
{
    const struct sources sources = {node_sync(control->view.node), clock_read(control->view.clock)};
    struct chronyc_facts facts = {.now = sources.now,
                                  .state = *node_claim(control->view.node),
                                  .commands = control->answered,
                                  .commands_dropped = control->dropped,
                                  .read_source = read_source,
                                  .host = &sources,
                                  .keyring = &control->setup->keyring};
    sync_status(sources.sync, sources.now, &facts.status);
    struct ratelimit_client clients[CHRONYC_CLIENTS_MAX];
    uint32_t first, count;
    if (chronyc_wants_clients(request, &first, &count)) {
        gather_clients(control, request, first, count, clients, &facts);
    }
    for (size_t i = 0; i < control->view.station_count; i++) {
        station_add_counters(control->view.stations[i], &facts.counters);
    }
    perform(control, request, channel, &facts);
    size_t size = chronyc_answer(request, channel, &facts, out);
    if (size > 0) {
        control->answered++;
    } else {
        control->dropped++;
    }
    return size;
}

static bool is_allowed(const struct control *control, const struct address *source)
{
    return source->family != ADDRESS_NONE && source->port != 0 &&
           (address_is_loopback(source) ||
            access_is_allowed(control->setup->chronyc_access, source));
}

/* Counts what the system refuses to hand out although it said that there is something. */
static void count_refusal(unsigned *refusals, int received, uv_poll_t *poll, const char *what)
{
    *refusals = received < 0 ? *refusals + 1 : 0;
    if (*refusals >= REFUSALS_MAX) {
        log_message(LOG_LEVEL_ERROR, "%s: nothing can be received (%s); it is given up", what,
                    strerror(-received));
        (void)uv_poll_stop(poll);
    }
}

static void on_udp(uv_poll_t *poll, int status, int events)
{
    struct control *control = poll->data;
    const struct udp *udp = &control->sockets[poll - control->polls];
    struct reading now;
    (void)events;
    if (status < 0) {
        (void)uv_poll_start(poll, UV_READABLE, on_udp);
    }
    /* Reading also clears an error that the socket has. */
    int received = udp_receive(udp, control->batch, control->view.clock, &now);
    count_refusal(&control->refusals[poll - control->polls], received, poll, "[control] chronyc");
    const struct datagram *datagrams = udp_batch_datagrams(control->batch);
    for (int i = 0; i < received; i++) {
        if (!is_allowed(control, &datagrams[i].source)) {
            control->dropped++;
            continue;
        }
        size_t size = answer(control, datagrams[i].payload, CHRONYC_UDP, control->replies[i]);
        if (size > 0) {
            udp_reply(udp, control->batch, (size_t)i, bytes_make(control->replies[i], size), false);
        }
    }
    (void)udp_flush(udp, control->batch);
}

static enum chronyc_channel channel_of(const struct local_socket *local)
{
    bool is_owner =
        local->has_peer_user && (local->peer_user == 0 || local->peer_user == geteuid());
    return is_owner ? CHRONYC_OWNER : CHRONYC_LOCAL;
}

static void on_local(uv_poll_t *poll, int status, int events)
{
    struct control *control = poll->data;
    (void)events;
    if (status < 0) {
        (void)uv_poll_start(poll, UV_READABLE, on_local);
    }
    for (int round = 0; round < LOCAL_ROUNDS_MAX; round++) {
        uint8_t request[CHRONYC_MESSAGE_MAX];
        int received = local_socket_receive(&control->local, request, sizeof(request));
        count_refusal(&control->refusals[CONFIG_LISTEN_MAX], received, poll,
                      "[control] chronyc-socket");
        if (received <= 0) {
            return;
        }
        size_t size = answer(control, bytes_make(request, (size_t)received),
                             channel_of(&control->local), control->replies[0]);
        if (size > 0) {
            local_socket_answer(&control->local, bytes_make(control->replies[0], size));
        }
    }
}

static bool open_udp(struct control *control, uv_loop_t *loop, char *error)
{
    const struct config_addresses *addresses = &control->setup->config.control.chronyc;
    for (size_t i = 0; i < addresses->count; i++) {
        enum listener_result opened =
            listener_open(&addresses->items[i], 1, "[control] chronyc",
                          &control->sockets[control->udp_count], error, CONTROL_ERROR_MAX);
        if (opened == LISTENER_FAILED) {
            return false;
        }
        if (opened == LISTENER_SKIPPED) {
            log_message(LOG_LEVEL_WARNING, "%s", error);
            continue;
        }
        uv_poll_t *poll = &control->polls[control->udp_count];
        int status = uv_poll_init(loop, poll, control->sockets[control->udp_count].fd);
        assert(status == 0);
        control->udp_count++;
        control->open_handles++;
        poll->data = control;
        (void)uv_poll_start(poll, UV_READABLE, on_udp);
    }
    return true;
}

static bool open_local(struct control *control, uv_loop_t *loop, char *error)
{
    const char *path = control->setup->config.control.chronyc_socket;
    if (path[0] == '\0') {
        return true;
    }
    int status = local_socket_open(path, LOCAL_SOCKET_MODE, &control->local);
    if (status != 0) {
        const char *advice = status == -EADDRINUSE ? "another program holds it"
                             : status == -ENOENT   ? "make its folder first"
                             : status == -EEXIST   ? "something else than a socket is there"
                                                   : "choose another path";
        snprintf(error, CONTROL_ERROR_MAX, "can't open [control] chronyc-socket %s: %s; %s", path,
                 strerror(-status), advice);
        return false;
    }
    status = uv_poll_init(loop, &control->local_poll, control->local.fd);
    assert(status == 0);
    control->has_local = true;
    control->open_handles++;
    control->local_poll.data = control;
    (void)uv_poll_start(&control->local_poll, UV_READABLE, on_local);
    return true;
}

static void release(struct control *control)
{
    for (size_t i = 0; i < control->udp_count; i++) {
        udp_close(&control->sockets[i]);
    }
    if (control->has_local) {
        local_socket_close(&control->local);
    }
    udp_batch_destroy(control->batch);
    free(control);
}

static void on_closed(uv_handle_t *handle)
{
    struct control *control = handle->data;
    if (--control->open_handles == 0) {
        release(control);
    }
}

void control_destroy(struct control *control)
{
    if (control == NULL) {
        return;
    }
    if (control->open_handles == 0) {
        release(control);
        return;
    }
    for (size_t i = 0; i < control->udp_count; i++) {
        uv_close((uv_handle_t *)&control->polls[i], on_closed);
    }
    if (control->has_local) {
        uv_close((uv_handle_t *)&control->local_poll, on_closed);
    }
}

struct control *control_create(uv_loop_t *loop, const struct setup *setup,
                               const struct control_view *view, char error[CONTROL_ERROR_MAX])
{
    struct control *control = calloc(1, sizeof(*control));
    struct udp_batch *batch = control != NULL ? udp_batch_create() : NULL;
    if (batch == NULL) {
        free(control);
        snprintf(error, CONTROL_ERROR_MAX, "out of memory");
        return NULL;
    }
    control->batch = batch;
    control->setup = setup;
    control->view = *view;
    if (!open_udp(control, loop, error) || !open_local(control, loop, error)) {
        control_destroy(control);
        return NULL;
    }
    return control;
}

void control_configure(struct control *control, const struct setup *setup)
{
    control->setup = setup;
}
