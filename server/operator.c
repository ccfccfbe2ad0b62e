/* SPDX-License-Identifier: MIT */
#include "server/operator.h"
#include "common/host/log.h"
#include "config.h"
#include "server/command_answer.h"
#include "server/operator_mesh.h"
#include "server/operator_socket.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A watch sends two answers at once: the sources' and the much shorter status. */
#define ANSWERS_ROOM (COMMAND_ANSWER_MAX + ((size_t)32 << 10))
#define SLOW_MAX 4    /* answers that wait for their readers */
#define SLOW_MS 10000 /* how long a reader may let one wait */
#define REST_MS 1000  /* after the system refused a connection */
#define NEVER_MS UINT64_MAX

enum connection_state { CONNECTION_FREE, CONNECTION_OPEN, CONNECTION_CLOSING };

/* An answer that the kernel did not take at once. */
struct leftover {
    char *text; /* ANSWERS_ROOM */
    size_t size, sent;
    bool is_used;
    uint64_t since_ms; /* when its reader last took something */
};

struct connection {
    struct operator* operator;
    enum connection_state state;
    int fd;
    uv_poll_t poll;
    uint32_t user;
    char line[COMMAND_REQUEST_MAX + 2]; /* carriage return and newline included */
    size_t used;
    bool is_skipping;  /* the rest of a line that is too long */
    uint64_t heard_ms; /* when the last request came */
    struct leftover *leftover;
    uint64_t watch_ms; /* 0: does not watch */
    uint64_t due_ms;
};

struct operator
{
    struct operator_view view;
    struct operator_calls calls;
    uv_loop_t *loop;
    struct stream_socket socket;
    uv_poll_t listener;
    uint64_t rests_until_ms; /* the listener; 0: it does not */
    uv_timer_t timer;
    size_t open_handles;
    struct reading started;
    struct command_facts facts;
    struct source_status sources[STATUS_SOURCES_MAX];
    char *answer; /* ANSWERS_ROOM */
    struct leftover leftovers[SLOW_MAX];
    struct connection connections[OPERATOR_CONNECTIONS_MAX];
};

static void on_timer(uv_timer_t *timer);
static void on_connection(uv_poll_t *poll, int status, int events);

static void release(struct operator* operator)
{
    for (size_t i = 0; i < SLOW_MAX; i++) {
        free(operator->leftovers[i].text);
    }
    free(operator->answer);
    free(operator);
}

static void on_closed(uv_handle_t *handle)
{
    struct operator* operator= handle->data;
    if (--operator->open_handles == 0) {
        release(operator);
    }
}

static void on_connection_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    struct operator* operator= connection->operator;
    connection->state = CONNECTION_FREE;
    if (--operator->open_handles == 0) {
        release(operator);
    }
}

static void close_connection(struct connection *connection)
{
    if (connection->state != CONNECTION_OPEN) {
        return;
    }
    if (connection->leftover != NULL) {
        connection->leftover->is_used = false;
        connection->leftover = NULL;
    }
    connection->watch_ms = 0;
    connection->state = CONNECTION_CLOSING;
    uv_close((uv_handle_t *)&connection->poll, on_connection_closed);
    close(connection->fd);
}

static void arm_timer(struct operator* operator)
{
    uint64_t next_ms = operator->rests_until_ms != 0 ? operator->rests_until_ms : NEVER_MS;
    for (size_t i = 0; i < OPERATOR_CONNECTIONS_MAX; i++) {
        const struct connection *connection = &operator->connections[i];
        if (connection->state != CONNECTION_OPEN) {
            continue;
        }
        if (connection->watch_ms != 0 && connection->due_ms < next_ms) {
            next_ms = connection->due_ms;
        }
        if (connection->leftover != NULL && connection->leftover->since_ms + SLOW_MS < next_ms) {
            next_ms = connection->leftover->since_ms + SLOW_MS;
        }
    }
    uint64_t now_ms = uv_now(operator->loop);
    if (next_ms == NEVER_MS) {
        (void)uv_timer_stop(&operator->timer);
    } else {
        (void)uv_timer_start(&operator->timer, on_timer, next_ms > now_ms ? next_ms - now_ms : 0,
                             0);
    }
}

static struct leftover *free_leftover(struct operator* operator)
{
    struct connection *slowest = NULL;
    for (size_t i = 0; i < SLOW_MAX; i++) {
        if (!operator->leftovers[i].is_used) {
            return &operator->leftovers[i];
        }
    }
    for (size_t i = 0; i < OPERATOR_CONNECTIONS_MAX; i++) {
        struct connection *connection = &operator->connections[i];
        if (connection->state == CONNECTION_OPEN && connection->leftover != NULL &&
            (slowest == NULL || connection->leftover->since_ms < slowest->leftover->since_ms)) {
            slowest = connection;
        }
    }
    assert(slowest != NULL);
    struct leftover *leftover = slowest->leftover;
    close_connection(slowest);
    return leftover;
}

/* Sends operator->answer. What does not go at once is kept, and nothing more is read until then. */
static void send_answer(struct connection *connection, size_t size)
{
    struct operator* operator= connection->operator;
    int sent = stream_socket_write(connection->fd, operator->answer, size);
    if (sent < 0) {
        close_connection(connection);
        return;
    }
    if ((size_t)sent == size) {
        return;
    }
    struct leftover *leftover = free_leftover(operator);
    leftover->size = size - (size_t)sent;
    leftover->sent = 0;
    leftover->is_used = true;
    leftover->since_ms = uv_now(operator->loop);
    memcpy(leftover->text, operator->answer + sent, leftover->size);
    connection->leftover = leftover;
    (void)uv_poll_start(&connection->poll, UV_WRITABLE | UV_DISCONNECT, on_connection);
    arm_timer(operator);
}

static void send_leftover(struct connection *connection)
{
    struct leftover *leftover = connection->leftover;
    int sent = stream_socket_write(connection->fd, leftover->text + leftover->sent,
                                   leftover->size - leftover->sent);
    if (sent < 0) {
        close_connection(connection);
        return;
    }
    leftover->sent += (size_t)sent;
    if (sent > 0) {
        leftover->since_ms = uv_now(connection->operator->loop);
    }
    if (leftover->sent == leftover->size) {
        leftover->is_used = false;
        connection->leftover = NULL;
        (void)uv_poll_start(&connection->poll, UV_READABLE, on_connection);
    }
    arm_timer(connection->operator);
}

static bool may_change(const struct connection *connection)
{
    return connection->user == 0 || connection->user == geteuid();
}

static void gather(struct operator* operator, const struct connection * connection,
                   bool wants_sources)
{
    const struct operator_view *view = &operator->view;
    const struct sync *sync = node_sync(view->node);
    struct command_facts *facts = &operator->facts;
    struct reading now = clock_read(view->clock);
    *facts = (struct command_facts){.program_version = PACKAGE_VERSION,
                                    .control = view->control,
                                    .uptime_ns = now.mono.ns - operator->started.mono.ns,
                                    .sources = operator->sources,
                                    .may_change = may_change(connection)};
    sync_status(sync, now, &facts->status);
    if (view->listening != NULL) {
        facts->listening = view->listening->items;
        facts->listening_count = view->listening->count;
    }
    for (size_t i = 0; i < view->station_count; i++) {
        size_t slots;
        station_add_counters(view->stations[i], &facts->counters);
        facts->clients += station_clients(view->stations[i], &slots);
    }
    size_t count = wants_sources ? sync_source_count(sync) : 0;
    for (size_t i = 0; i < count && facts->source_count < STATUS_SOURCES_MAX; i++) {
        if (sync_source_status(sync, i, now, &operator->sources[facts->source_count])) {
            facts->source_count++;
        }
    }
}

static void send_view(struct connection *connection, enum command_request_kind kind)
{
    struct operator* operator= connection->operator;
    size_t size = 0;
    gather(operator, connection, kind == REQUEST_SOURCES || kind == REQUEST_WATCH);
    if (kind == REQUEST_WATCH) {
        size = command_answer(REQUEST_STATUS, &operator->facts, operator->answer, ANSWERS_ROOM);
        kind = REQUEST_SOURCES;
    }
    size += command_answer(kind, &operator->facts, operator->answer + size, ANSWERS_ROOM - size);
    send_answer(connection, size);
}

static void look(struct connection *connection, const struct command_request *request)
{
    struct operator* operator= connection->operator;
    size_t size = operator_mesh_answer(&operator->view, &operator->calls, request, operator->answer,
                                       ANSWERS_ROOM);
    if (size > 0) {
        send_answer(connection, size);
    } else {
        send_view(connection, request->kind);
    }
}

static void send_error(struct connection *connection, const char *sentence)
{
    char *out = connection->operator->answer;
    send_answer(connection, command_answer_error(sentence, out, ANSWERS_ROOM));
}

static void change(struct connection *connection, const struct command_request *request)
{
    struct operator* operator= connection->operator;
    struct action_reply reply = {.text = "chimed has no answer to this"};
    if (!may_change(connection)) {
        char error[OPERATOR_ERROR_MAX];
        snprintf(error, sizeof(error),
                 "%s changes something: that is for root and the user that chimed runs as (uid "
                 "%u), not for uid %u; try 'sudo chime %s'",
                 request->word, (unsigned)geteuid(), (unsigned)connection->user, request->word);
        send_error(connection, error);
        return;
    }
    if (request->kind == REQUEST_RELOAD) {
        operator->calls.reload(operator->calls.context, &reply);
    } else {
        operator->calls.command(operator->calls.context, &request->command, &reply);
    }
    log_message(LOG_LEVEL_NOTICE, "%s%s%s, asked for by uid %u: %s", request->word,
                request->command.source[0] != '\0' ? " " : "", request->command.source,
                (unsigned)connection->user, reply.text);
    reply.text[sizeof(reply.text) - 1] = '\0';
    send_answer(connection, command_answer_done(request, &reply, operator->answer, ANSWERS_ROOM));
}

static void answer_line(struct connection *connection)
{
    struct command_request request;
    char error[COMMAND_REQUEST_ERROR_MAX];
    size_t size = connection->used - 1; /* without the newline */
    connection->used = 0;
    connection->heard_ms = uv_now(connection->operator->loop);
    if (!command_request_parse(bytes_make((const uint8_t *)connection->line, size), &request,
                               error)) {
        send_error(connection, error);
        return;
    }
    if (command_request_is_change(&request)) {
        change(connection, &request);
        return;
    }
    look(connection, &request);
    if (request.kind == REQUEST_WATCH && connection->state == CONNECTION_OPEN) {
        connection->watch_ms = (uint64_t)(request.interval_ns / NS_PER_MS);
        connection->due_ms = connection->heard_ms + connection->watch_ms;
        arm_timer(connection->operator);
    }
}

static void receive(struct connection *connection)
{
    size_t room = sizeof(connection->line) - connection->used;
    int received =
        stream_socket_read_line(connection->fd, connection->line + connection->used, room);
    if (received < 0) {
        close_connection(connection);
        return;
    }
    if (received == 0) {
        return;
    }
    connection->used += (size_t)received;
    bool is_whole = connection->line[connection->used - 1] == '\n';
    if (connection->is_skipping) {
        connection->is_skipping = !is_whole;
        connection->used = 0;
    } else if (is_whole) {
        answer_line(connection);
    } else if (connection->used == sizeof(connection->line)) {
        connection->is_skipping = true;
        connection->used = 0;
        send_error(connection, "the line is too long; a request has at most 256 octets");
    }
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct connection *connection = poll->data;
    /* An error also ended the polling. */
    if (status < 0 || (connection->leftover != NULL && (events & UV_DISCONNECT) != 0)) {
        close_connection(connection);
    } else if (connection->leftover != NULL) {
        send_leftover(connection);
    } else {
        receive(connection);
    }
}

static struct connection *free_connection(struct operator* operator)
{
    struct connection *silent = NULL;
    bool is_closing = false;
    for (size_t i = 0; i < OPERATOR_CONNECTIONS_MAX; i++) {
        struct connection *connection = &operator->connections[i];
        if (connection->state == CONNECTION_FREE) {
            return connection;
        }
        is_closing = is_closing || connection->state == CONNECTION_CLOSING;
        if (connection->state == CONNECTION_OPEN &&
            (silent == NULL || connection->heard_ms < silent->heard_ms)) {
            silent = connection;
        }
    }
    /* Whoever waits is accepted in the loop's next round, when there is room. */
    if (!is_closing) {
        close_connection(silent);
    }
    return NULL;
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
    struct operator* operator= poll->data;
    (void)events;
    struct connection *connection = free_connection(operator);
    if (connection == NULL) {
        return;
    }
    int fd = status < 0 ? status : stream_socket_accept(&operator->socket, 2 * ANSWERS_ROOM);
    if (fd == -EAGAIN) {
        return;
    }
    uint32_t user = 0;
    if (fd >= 0 && stream_socket_peer(fd, &user) == 0) {
        *connection = (struct connection){.operator= operator,
                                          .state = CONNECTION_OPEN,
                                          .fd = fd,
                                          .user = user,
                                          .heard_ms = uv_now(operator->loop)};
        if (uv_poll_init(operator->loop, &connection->poll, fd) == 0) {
            connection->poll.data = connection;
            operator->open_handles++;
            (void)uv_poll_start(&connection->poll, UV_READABLE, on_connection);
            return;
        }
        connection->state = CONNECTION_FREE;
    }
    if (fd >= 0) {
        close(fd);
    }
    /* No descriptors are left, perhaps: asked at once again, the system would say the same. */
    (void)uv_poll_stop(&operator->listener);
    operator->rests_until_ms = uv_now(operator->loop) + REST_MS;
    arm_timer(operator);
}

static void on_timer(uv_timer_t *timer)
{
    struct operator* operator= timer->data;
    uint64_t now_ms = uv_now(operator->loop);
    if (operator->rests_until_ms != 0 && operator->rests_until_ms <= now_ms) {
        operator->rests_until_ms = 0;
        (void)uv_poll_start(&operator->listener, UV_READABLE, on_listener);
    }
    for (size_t i = 0; i < OPERATOR_CONNECTIONS_MAX; i++) {
        struct connection *connection = &operator->connections[i];
        if (connection->state != CONNECTION_OPEN) {
            continue;
        }
        if (connection->leftover != NULL && connection->leftover->since_ms + SLOW_MS <= now_ms) {
            close_connection(connection);
        } else if (connection->watch_ms != 0 && connection->due_ms <= now_ms) {
            connection->due_ms = now_ms + connection->watch_ms;
            if (connection->leftover == NULL) {
                send_view(connection, REQUEST_WATCH);
            }
        }
    }
    arm_timer(operator);
}

static struct operator* allocate(void)
{
    struct operator* operator= calloc(1, sizeof(*operator));
    if (operator== NULL) {
        return NULL;
    }
    operator->answer = malloc(ANSWERS_ROOM);
    bool is_whole = operator->answer != NULL;
    for (size_t i = 0; i < SLOW_MAX; i++) {
        operator->leftovers[i].text = malloc(ANSWERS_ROOM);
        is_whole = is_whole && operator->leftovers[i].text != NULL;
    }
    if (!is_whole) {
        release(operator);
        return NULL;
    }
    return operator;
}

struct operator* operator_create(uv_loop_t *loop, const struct operator_options *options,
                                 const struct operator_view *view,
                                 const struct operator_calls *calls, char error[OPERATOR_ERROR_MAX])
{
    struct operator* operator= allocate();
    if (operator== NULL) {
        snprintf(error, OPERATOR_ERROR_MAX, "out of memory");
        return NULL;
    }
    operator->view = * view;
    operator->calls = * calls;
    operator->loop = loop;
    operator->started = clock_read(view->clock);
    if (!operator_socket_open(options, &operator->socket, error)) {
        release(operator);
        return NULL;
    }
    int status = uv_poll_init(loop, &operator->listener, operator->socket.fd);
    assert(status == 0);
    operator->listener.data = operator;
    (void)uv_timer_init(loop, &operator->timer);
    operator->timer.data = operator;
    operator->open_handles = 2;
    (void)uv_poll_start(&operator->listener, UV_READABLE, on_listener);
    return operator;
}

void operator_destroy(struct operator* operator)
{
    if (operator== NULL) {
        return;
    }
    for (size_t i = 0; i < OPERATOR_CONNECTIONS_MAX; i++) {
        close_connection(&operator->connections[i]);
    }
    uv_close((uv_handle_t *)&operator->timer, on_closed);
    uv_close((uv_handle_t *)&operator->listener, on_closed);
    stream_socket_close(&operator->socket);
}
