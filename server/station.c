/* SPDX-License-Identifier: MIT */
#include "server/station.h"
#include <stdio.h>
#include <stdlib.h>

/* An answer of the gate's. */
struct cookie {
    uint32_t request; /* index in the batch */
    struct gate_result result;
};

struct station {
    struct worker *worker;
    struct server *server;
    size_t count; /* replies of the server's */
    struct server_reply replies[SERVER_BATCH_MAX];
    struct worker_reply outgoing[SERVER_BATCH_MAX];
    /* While associations share the sockets. */
    struct handover *handover;
    bool takes_groups;
    struct handover_list shared;
    /* While there is a mesh. */
    struct intake *intake;
    struct gate gate;
    size_t cookie_count;
    struct cookie cookies[SERVER_BATCH_MAX];
    struct datagram kept[SERVER_BATCH_MAX]; /* of a batch of which some were for others */
    uint32_t origins[SERVER_BATCH_MAX];     /* where they stood in it */
};

static_assert(SERVER_BATCH_MAX >= UDP_BATCH_MAX, "a worker hands over whole batches");

/* Whether an association takes it, or lets it be. */
static bool is_shared(struct station *station, const struct datagram *datagram)
{
    uint32_t association = handover_find(&station->shared, datagram);
    if (association == 0) {
        return false;
    }
    if (!datagram->to_group || station->takes_groups) {
        handover_put(station->handover, association, datagram);
    }
    return true;
}

/* Whether the mesh takes it, or the gate answers it: number `index` of the batch. */
static bool is_meshed(struct station *station, const struct datagram *datagram, size_t index,
                      struct mono now)
{
    if (!gate_concerns(&station->gate, datagram) ||
        responder_glance(datagram) != RESPONDER_ANSWER) {
        return false;
    }
    struct cookie *cookie = &station->cookies[station->cookie_count];
    enum gate_verdict verdict = gate_judge(&station->gate, datagram, now, &cookie->result);
    bool is_cookie = verdict == GATE_COOKIE;
    if (verdict != GATE_HANDOVER && verdict != GATE_LIMITED && verdict != GATE_REPLAYED &&
        !is_cookie) {
        return false;
    }
    /* Who is asked for a cookie is nobody yet, and limited as such. */
    if (server_screen(station->server, datagram, now, is_cookie) != RESPONDER_ANSWER) {
        return true;
    }
    if (verdict == GATE_HANDOVER) {
        intake_put(station->intake, cookie->result.share, datagram);
    }
    if (is_cookie) {
        cookie->request = (uint32_t)index;
        station->cookie_count++;
    }
    return true;
}

/* Takes out what is for others, and answers the rest. */
static size_t answer_rest(struct station *station, const struct datagram *datagrams, size_t count,
                          struct reading now)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const struct datagram *datagram = &datagrams[i];
        if (!is_shared(station, datagram) && !is_meshed(station, datagram, i, now.mono)) {
            station->kept[kept] = *datagram;
            station->origins[kept++] = (uint32_t)i;
        }
    }
    size_t replies = server_answer(station->server, station->kept, kept, now, station->replies);
    for (size_t i = 0; i < replies; i++) {
        station->replies[i].request = station->origins[station->replies[i].request];
    }
    return replies;
}

/* Whether a batch may hold anything for others: most do not, and need not be copied. */
static bool is_mixed(const struct station *station, const struct datagram *datagrams, size_t count)
{
    bool is_mixed = station->shared.count > 0;
    for (size_t i = 0; !is_mixed && i < count; i++) {
        is_mixed = gate_concerns(&station->gate, &datagrams[i]);
    }
    return is_mixed;
}

static size_t on_answer(void *context, const struct datagram *datagrams, size_t count,
                        struct reading now)
{
    struct station *station = context;
    station->cookie_count = 0;
    station->count = is_mixed(station, datagrams, count)
                         ? answer_rest(station, datagrams, count, now)
                         : server_answer(station->server, datagrams, count, now, station->replies);
    return station->count + station->cookie_count;
}

static void on_seal(void *context, struct reading now, int64_t gap_ns,
                    const struct worker_reply **replies)
{
    struct station *station = context;
    server_seal(station->server, station->replies, station->count, now, gap_ns);
    for (size_t i = 0; i < station->count; i++) {
        const struct server_reply *reply = &station->replies[i];
        station->outgoing[i] =
            (struct worker_reply){.request = reply->request,
                                  .wants_stamp = reply->wants_stamp,
                                  .payload = bytes_make(reply->payload, reply->size)};
    }
    for (size_t i = 0; i < station->cookie_count; i++) {
        const struct cookie *cookie = &station->cookies[i];
        station->outgoing[station->count + i] = (struct worker_reply){
            .request = cookie->request,
            .payload = bytes_make(cookie->result.payload, cookie->result.size)};
    }
    *replies = station->outgoing;
}

static void on_sent(void *context, const struct sent *sent)
{
    struct station *station = context;
    if (station->handover == NULL || !handover_put_sent(station->handover, sent)) {
        server_sent(station->server, sent);
    }
}

struct station *station_create(const struct server_options *options, struct udp *sockets,
                               size_t count, const struct clock *clock, uv_loop_t *loop,
                               char error[KEYRING_ERROR_MAX])
{
    snprintf(error, KEYRING_ERROR_MAX, "out of memory");
    struct station *station = calloc(1, sizeof(*station));
    if (station == NULL) {
        return NULL;
    }
    station->server = server_create(options, error);
    if (station->server == NULL) {
        free(station);
        return NULL;
    }
    struct worker_handler handler = {
        .context = station, .answer = on_answer, .seal = on_seal, .sent = on_sent};
    station->worker = worker_create(sockets, count, &handler, clock, loop);
    if (station->worker == NULL) {
        snprintf(error, KEYRING_ERROR_MAX,
                 "no memory or no file is left for an event loop; allow more open files (ulimit "
                 "-n, LimitNOFILE=), or set fewer workers");
        server_destroy(station->server);
        free(station);
        return NULL;
    }
    return station;
}

int station_start(struct station *station)
{
    return worker_start(station->worker);
}

void station_destroy(struct station *station)
{
    /* From here on the handler is not called any more. */
    worker_destroy(station->worker);
    server_destroy(station->server);
    gate_close(&station->gate);
    free(station);
}

void station_publish(struct station *station, const struct sync_state *state)
{
    worker_lock(station->worker);
    server_publish(station->server, state);
    worker_unlock(station->worker);
}

bool station_configure(struct station *station, const struct server_options *options,
                       char error[KEYRING_ERROR_MAX])
{
    worker_lock(station->worker);
    bool ok = server_configure(station->server, options, error);
    worker_unlock(station->worker);
    return ok;
}

void station_share(struct station *station, struct handover *handover,
                   const struct handover_list *list, bool takes_groups)
{
    worker_lock(station->worker);
    station->handover = handover;
    station->shared = *list;
    station->takes_groups = takes_groups;
    worker_unlock(station->worker);
}

void station_gate(struct station *station, struct intake *intake, const struct gate_table *table)
{
    worker_lock(station->worker);
    station->intake = intake;
    if (table != NULL && intake != NULL) {
        gate_set(&station->gate, table);
    } else {
        gate_close(&station->gate);
    }
    worker_unlock(station->worker);
}

void station_add_gate(struct station *station, uint64_t sum[GATE_VERDICTS])
{
    worker_lock(station->worker);
    for (size_t i = 0; i < GATE_VERDICTS; i++) {
        sum[i] += gate_count(&station->gate, (enum gate_verdict)i);
    }
    worker_unlock(station->worker);
}

const struct udp *station_sockets(const struct station *station, size_t *count)
{
    return worker_sockets(station->worker, count);
}

static void add_counters(struct server_counters *sum, const struct server_counters *counters)
{
    sum->received += counters->received;
    sum->answered += counters->answered;
    sum->kissed += counters->kissed;
    for (size_t i = 0; i < RESPONDER_VERDICTS; i++) {
        sum->verdicts[i] += counters->verdicts[i];
    }
    sum->authentic += counters->authentic;
    sum->crypto_naks += counters->crypto_naks;
    sum->interleaved += counters->interleaved;
    for (size_t i = 0; i < sizeof(sum->stamps_rx) / sizeof(sum->stamps_rx[0]); i++) {
        sum->stamps_rx[i] += counters->stamps_rx[i];
        sum->stamps_tx[i] += counters->stamps_tx[i];
    }
}

void station_add_counters(struct station *station, struct server_counters *sum)
{
    worker_lock(station->worker);
    add_counters(sum, server_counters(station->server));
    worker_unlock(station->worker);
}

size_t station_clients(struct station *station, size_t *slots)
{
    worker_lock(station->worker);
    size_t count = ratelimit_count(server_clients(station->server));
    *slots = ratelimit_slots(server_clients(station->server));
    worker_unlock(station->worker);
    return count;
}

size_t station_list(struct station *station, size_t first, struct mono now,
                    struct ratelimit_client *clients, size_t room, size_t *next)
{
    worker_lock(station->worker);
    size_t count = ratelimit_list(server_clients(station->server), first, now, clients, room, next);
    worker_unlock(station->worker);
    return count;
}
