/* SPDX-License-Identifier: MIT */
/* What passes between sync and mesh, and the answers to members. */
#include "server/node_inner.h"
#include "server/responder.h"
#include <stdio.h>
#include <string.h>

#define ANSWERS_PER_EVENT 8 /* each is an action; sync needs room for its own */
/* When a session begins, its member is asked quickly so often. */
#define HURRY_COUNT 2

void node_mesh_look(struct node *node, struct reading now)
{
    struct own_claim own;
    sync_own_claim(node->sync, now, &own);
    mesh_look(node->mesh, &own, now.mono);
}

static void make_outlook(const struct node *node, struct reading now, struct mesh_outlook *outlook)
{
    outlook->count = 0;
    sync_own_claim(node->sync, now, &outlook->own);
    for (size_t i = 0; i < node->seat_count; i++) {
        outlook->peers[outlook->count].id = node->seats[i].id;
        sync_member_measured(node->sync, node->seats[i].id, now,
                             &outlook->peers[outlook->count++].measure);
    }
}

static void sign(struct node *node, struct reading now)
{
    struct mesh_outlook outlook;
    make_outlook(node, now, &outlook);
    mesh_sign(node->mesh, &outlook, now);
}

/* The same member, to be asked at the same place? */
static bool is_among(const struct mesh_seat *seats, size_t count, const struct mesh_seat *seat)
{
    for (size_t i = 0; i < count; i++) {
        if (seats[i].id == seat->id && seats[i].port == seat->port &&
            strcmp(seats[i].host, seat->host) == 0) {
            return true;
        }
    }
    return false;
}

static bool add_seat(struct node *node, const struct mesh_seat *seat, struct mono now,
                     struct actions *out)
{
    char error[SYNC_ERROR_MAX];
    struct source_options options = source_options_default();
    options.kind = SOURCE_MEMBER;
    options.member = seat->id;
    options.port = seat->port;
    options.poll_min = node->poll_min;
    options.poll_max = node->poll_max;
    snprintf(options.name, sizeof(options.name), "%s", seat->name);
    snprintf(options.host, sizeof(options.host), "%s", seat->host);
    bool is_added = sync_member_add(node->sync, &options, now, error);
    if (!is_added) {
        actions_report(out, REPORT_WARNING, "mesh: %s is not asked: %.300s", seat->name, error);
    }
    return is_added;
}

void node_mesh_seat(struct node *node, struct mono now, struct actions *out)
{
    struct mesh_seat seats[MESH_VIEW_MAX];
    size_t count = mesh_seats(node->mesh, seats);
    size_t taken = 0;
    node->view_version = mesh_view_version(node->mesh);
    for (size_t i = 0; i < node->seat_count; i++) {
        if (!is_among(seats, count, &node->seats[i])) {
            sync_member_drop(node->sync, node->seats[i].id, now);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (is_among(node->seats, node->seat_count, &seats[i]) ||
            add_seat(node, &seats[i], now, out)) {
            seats[taken++] = seats[i];
        }
    }
    memcpy(node->seats, seats, taken * sizeof(*seats));
    node->seat_count = taken;
    sync_member_total(node->sync, (unsigned)mesh_total(node->mesh));
}

static void weigh(struct node *node)
{
    struct member_verdict verdicts[MESH_VIEW_MAX];
    size_t count = mesh_verdicts(node->mesh, verdicts);
    sync_member_weigh(node->sync, verdicts, count);
    sync_member_budget(node->sync, mesh_is_spent(node->mesh));
}

/* Requests of sync to members are dressed; those that can't be do not leave. */
static void dress(struct node *node, size_t from, struct reading now, struct actions *out)
{
    size_t kept = from;
    for (size_t i = from; i < out->count; i++) {
        struct action *action = &out->items[i];
        uint64_t id = action->kind == ACTION_SEND && action->send.association != 0
                          ? sync_member_of(node->sync, action->send.association)
                          : 0;
        if (id != 0) {
            mesh_dress(node->mesh, id, now, &action->send);
        }
        if (id == 0 || action->send.size > 0) {
            if (kept != i) {
                out->items[kept] = *action;
            }
            kept++;
        }
    }
    out->count = kept;
}

/* What a coordinator said of our clock. */
static void follow_difference(struct node *node, struct reading now, struct actions *out)
{
    struct mesh_difference difference;
    if (mesh_take_difference(node->mesh, &difference)) {
        sync_follow_difference(node->sync, difference.at, difference.offset_ns, difference.sd_ns,
                               now, out);
    }
}

void node_mesh_sync(struct node *node, const struct event *event, struct actions *out)
{
    size_t from = out->count;
    if (event->kind == EVENT_COMMAND && event->command.kind == COMMAND_READMIT) {
        mesh_readmit(node->mesh, event->command.source, event->now.mono, out);
        return;
    }
    sync_handle(node->sync, event, out);
    dress(node, from, event->now, out);
}

static struct timestamp timestamp_of(const struct sync_state *state, struct reading at)
{
    return timestamp_from_unix_ns(sync_state_utc(state, at).ns);
}

/* By the same clock as everybody else is answered, and in the same form; then come our fields. */
static void answer(struct node *node, const struct node_pending *pending, struct reading now,
                   struct actions *out)
{
    const struct sync_state *state = sync_claim(node->sync);
    struct request request = {.auth = RESPONDER_PLAIN};
    struct bytes header = bytes_make(pending->request.header, PACKET_SIZE);
    if (packet_parse(header, &request.packet) != PACKET_OK || actions_room(out) == 0) {
        return;
    }
    int64_t lag_ns = departure_lag_ns(&node->departure);
    struct reading leaves = {.mono = {now.mono.ns + lag_ns}, .wall = {now.wall.ns + lag_ns}};
    struct responder_claim claim = responder_claim_make(state, now.mono);
    struct action_send *send = &actions_append(out, ACTION_SEND)->send;
    *send = (struct action_send){.source = pending->destination,
                                 .destination = pending->request.source,
                                 .interface = pending->interface,
                                 .wants_stamp = true,
                                 .size = PACKET_SIZE};
    responder_write(&request, &claim, request.packet.transmit,
                    timestamp_of(state, pending->received), send->payload);
    bytes_put_u64(send->payload + PACKET_TRANSMIT_OFFSET, timestamp_of(state, leaves).bits);
    mesh_answer(node->mesh, &pending->request, now, send);
    if (send->size == 0) {
        out->count--;
        return;
    }
    departure_begin(&node->departure, bytes_make(send->payload, send->size), now.mono);
}

/* A member that answered once, is silent where it was, and speaks to us from elsewhere, has moved.
 * One that never answered may just have several addresses. */
static void follow_address(struct node *node, const struct mesh_opened *opened)
{
    const struct address *known = sync_member_address(node->sync, opened->id);
    /* On loopback the kernel has 127.0.0.1 speak for all of 127.0.0.0/8. */
    if (known == NULL || address_is_same_host(known, &opened->source) ||
        address_is_loopback(known)) {
        return;
    }
    if (mesh_is_missed(node->mesh, opened->id)) {
        struct address moved = opened->source;
        moved.port = known->port;
        mesh_move(node->mesh, opened->id, &moved);
    }
}

static void serve(struct node *node, const struct event *event, struct actions *out)
{
    const struct datagram *datagram = &event->datagram;
    struct node_pending pending = {.destination = datagram->destination,
                                   .interface = datagram->interface,
                                   .received = datagram->received};
    node_mesh_look(node, event->now);
    if (mesh_serve(node->mesh, datagram, event->now, &pending.request, out) != MESH_TIME) {
        return;
    }
    follow_address(node, &pending.request);
    follow_difference(node, event->now, out);
    if (!mesh_needs_signature(node->mesh, event->now.mono)) {
        answer(node, &pending, event->now, out);
    } else if (node->pending_count < NODE_PENDING_MAX) {
        sign(node, event->now);
        node->pending[node->pending_count++] = pending;
    }
}

/* How the answer stands to what the others say. */
static void judge(struct node *node, uint64_t id, struct reading now, struct actions *out)
{
    enum member_trial trial = sync_member_try(node->sync, id, now.mono);
    mesh_tried(node->mesh, id, trial, now, out);
    weigh(node);
}

static void open_answer(struct node *node, uint64_t id, const struct event *event,
                        struct actions *out)
{
    struct mesh_opened opened;
    node_mesh_look(node, event->now);
    enum mesh_verdict verdict =
        mesh_open(node->mesh, id, &event->datagram, event->now, &opened, out);
    if (verdict == MESH_HANDLED && opened.is_ready) {
        sync_member_hurry(node->sync, id, HURRY_COUNT, event->now.mono);
    }
    if (verdict == MESH_FUTURE) {
        /* Signed and sealed, and the two contradict each other. */
        mesh_tried(node->mesh, id, TRIAL_MISS, event->now, out);
        weigh(node);
    }
    if (verdict != MESH_TIME) {
        return;
    }
    struct event stripped = *event;
    stripped.datagram.payload = bytes_make(opened.header, PACKET_SIZE);
    size_t from = out->count;
    sync_member_receive(node->sync, id, &stripped, &opened.claim, out);
    dress(node, from, event->now, out);
    judge(node, id, event->now, out);
}

static void take_datagram(struct node *node, const struct event *event, struct actions *out)
{
    uint32_t association = event->datagram.association;
    if (association == 0 && mesh_wants(node->mesh, &event->datagram)) {
        serve(node, event, out);
        return;
    }
    if ((association & MESH_ASSOCIATION) != 0) {
        node_mesh_look(node, event->now);
        (void)mesh_heard(node->mesh, &event->datagram, event->now.mono, out);
        return;
    }
    uint64_t id = association != 0 ? sync_member_of(node->sync, association) : 0;
    if (id != 0) {
        open_answer(node, id, event, out);
    } else {
        node_mesh_sync(node, event, out);
    }
}

static bool is_before(struct mono a, struct mono b)
{
    return a.ns <= b.ns;
}

static void answer_pending(struct node *node, struct reading now, struct actions *out)
{
    size_t count =
        node->pending_count < ANSWERS_PER_EVENT ? node->pending_count : ANSWERS_PER_EVENT;
    node_mesh_look(node, now);
    for (size_t i = 0; i < count; i++) {
        answer(node, &node->pending[i], now, out);
    }
    node->pending_count -= count;
    memmove(node->pending, node->pending + count, node->pending_count * sizeof(*node->pending));
}

/* Answers that wait go first: their time was read right now. Before requests leave, our report is
 * signed in an event of its own. */
static void take_timer(struct node *node, const struct event *event, struct actions *out)
{
    struct reading now = event->now;
    if (node->pending_count > 0) {
        answer_pending(node, now, out);
        return;
    }
    bool is_due = is_before(sync_deadline(node->sync), now.mono);
    node_mesh_look(node, now);
    if (is_due && node->seat_count > 0 && !node->has_signed &&
        mesh_needs_signature(node->mesh, now.mono)) {
        sign(node, now);
        node->has_signed = true;
        return;
    }
    node->has_signed = false;
    if (is_due) {
        node_mesh_sync(node, event, out);
    }
    if (is_before(mesh_deadline(node->mesh), now.mono)) {
        struct mesh_outlook outlook;
        make_outlook(node, now, &outlook);
        mesh_run(node->mesh, &outlook, now, out);
        weigh(node);
        follow_difference(node, now, out);
    }
}

bool node_mesh_take(struct node *node, const struct event *event, struct actions *out)
{
    switch (event->kind) {
    case EVENT_DATAGRAM:
        take_datagram(node, event, out);
        return true;
    case EVENT_TIMER:
        take_timer(node, event, out);
        return true;
    case EVENT_SENT:
        departure_end(&node->departure, &event->sent);
        return event->sent.association == 0;
    case EVENT_RESOLVED:
        if ((event->resolved.association & MESH_ASSOCIATION) == 0) {
            return false;
        }
        mesh_resolved(node->mesh, &event->resolved, event->now.mono);
        return true;
    case EVENT_REFUSED:
        if ((event->refused.association & MESH_ASSOCIATION) == 0) {
            return false;
        }
        mesh_refused(node->mesh, event->refused.association, event->now.mono);
        return true;
    case EVENT_SAVED:
        if (event->saved.what == SAVED_HLC) {
            mesh_saved(node->mesh, event->saved.error == NULL, event->now.mono);
        }
        return event->saved.what == SAVED_HLC || event->saved.what == SAVED_MEMBERS;
    default:
        return false;
    }
}

void node_mesh_drop(struct node *node, struct mono now)
{
    for (size_t i = 0; i < node->seat_count; i++) {
        sync_member_drop(node->sync, node->seats[i].id, now);
    }
    node->seat_count = 0;
    node->pending_count = 0;
    node->view_version = 0;
}

void node_mesh_leave(struct node *node, struct reading now, struct actions *out)
{
    for (size_t i = 0; i < node->seat_count && actions_room(out) > ACTIONS_MAX / 2; i++) {
        uint32_t association = sync_member_association(node->sync, node->seats[i].id);
        const struct address *address = sync_member_address(node->sync, node->seats[i].id);
        if (association == 0 || address == NULL) {
            continue;
        }
        struct action_send *send = &actions_append(out, ACTION_SEND)->send;
        *send = (struct action_send){.association = association, .destination = *address};
        if (!mesh_leave(node->mesh, node->seats[i].id, now, send)) {
            out->count--;
        }
    }
}
