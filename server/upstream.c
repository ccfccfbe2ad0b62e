/* SPDX-License-Identifier: MIT */
#include "server/upstream.h"
#include "common/host/log.h"
#include "common/host/udp_hardware.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX UDP_PAYLOAD_MAX /* what comes back with a stamp, link and network headers too */
#define STAMPS_MAX 16             /* read in a row from one socket */
#define COMPARE_MS 1000           /* the clocks of network cards with ours */
#define REFUSALS_MAX (2 * UPSTREAM_MAX)

/* An open socket. Lives until libuv has closed its handle. */
struct link {
    struct upstream *upstream;
    uint32_t association; /* 0: it is closed, and nothing is told of it any more */
    struct udp udp;
    uv_poll_t poll;
};

/* An association that was opened, and its socket where it has one. */
struct slot {
    struct action_open open; /* association 0: free */
    struct link *link;       /* NULL: it could not be opened, or shares the server's */
};

/* What is told from the loop: perform() must not be called from within itself. */
struct refusal {
    uint32_t association; /* 0: it was closed in the meantime */
    char error[SHARING_ERROR_MAX];
};

struct upstream {
    struct upstream_options options;
    struct udp_batch *batch;
    struct sharing *sharing;
    struct udp_hardware *hardware; /* NULL: cards are not asked */
    uv_timer_t compare;
    uv_async_t wake;
    unsigned open_handles; /* of these two */
    struct slot slots[UPSTREAM_MAX];
    size_t refusal_count;
    struct refusal refusals[REFUSALS_MAX];
};

static struct slot *find(const struct upstream *upstream, uint32_t association)
{
    for (size_t i = 0; i < UPSTREAM_MAX; i++) {
        if (upstream->slots[i].open.association == association) {
            return (struct slot *)(uintptr_t)&upstream->slots[i];
        }
    }
    return NULL;
}

/* Queued; the same again, or one too many, is left out. */
static void refuse(struct upstream *upstream, uint32_t association, const char *error)
{
    for (size_t i = 0; i < upstream->refusal_count; i++) {
        if (upstream->refusals[i].association == association &&
            strcmp(upstream->refusals[i].error, error) == 0) {
            return;
        }
    }
    if (upstream->refusal_count < REFUSALS_MAX) {
        struct refusal *refusal = &upstream->refusals[upstream->refusal_count++];
        refusal->association = association;
        snprintf(refusal->error, sizeof(refusal->error), "%s", error);
        (void)uv_async_send(&upstream->wake);
    }
}

static void tell_refused(struct upstream *upstream, uint32_t association, const char *error)
{
    struct event event = {.kind = EVENT_REFUSED,
                          .refused = {.association = association, .error = error}};
    upstream->options.take(upstream->options.context, &event);
}

static void on_wake(uv_async_t *wake)
{
    struct upstream *upstream = wake->data;
    /* Only those that wait now: what follows from them is told in the next round of the loop. */
    for (size_t left = upstream->refusal_count; left > 0; left--) {
        struct refusal refusal = upstream->refusals[0];
        upstream->refusal_count--;
        memmove(&upstream->refusals[0], &upstream->refusals[1],
                upstream->refusal_count * sizeof(upstream->refusals[0]));
        if (refusal.association != 0) {
            tell_refused(upstream, refusal.association, refusal.error);
        }
    }
    if (upstream->refusal_count > 0) {
        (void)uv_async_send(wake);
    }
}

static void on_link_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void close_link(struct slot *slot)
{
    struct link *link = slot->link;
    if (link != NULL) {
        slot->link = NULL;
        link->association = 0;
        uv_close((uv_handle_t *)&link->poll, on_link_closed);
        udp_close(&link->udp);
    }
}

/* The stamp of a request comes before the reply to it: they are read in that order. */
static void read_stamps(struct link *link)
{
    struct upstream *upstream = link->upstream;
    uint8_t frame[FRAME_MAX];
    for (int i = 0; i < STAMPS_MAX && link->association != 0; i++) {
        struct event event = {.kind = EVENT_SENT};
        int status =
            udp_read_stamp(&link->udp, upstream->options.clock, frame, sizeof(frame), &event.sent);
        if (status == 0) {
            return;
        }
        if (status > 0) {
            event.sent.association = link->association;
            upstream->options.take(upstream->options.context, &event);
        } else {
            tell_refused(upstream, link->association, strerror(-status));
        }
    }
}

static void read_datagrams(struct link *link)
{
    struct upstream *upstream = link->upstream;
    struct reading now;
    if (link->association == 0) {
        return;
    }
    int count = udp_receive(&link->udp, upstream->batch, upstream->options.clock, &now);
    const struct datagram *datagrams = udp_batch_datagrams(upstream->batch);
    for (int i = 0; i < count && link->association != 0; i++) {
        struct event event = {.kind = EVENT_DATAGRAM, .datagram = datagrams[i]};
        event.datagram.association = link->association;
        upstream->options.take(upstream->options.context, &event);
    }
    if (count < 0 && link->association != 0) {
        tell_refused(upstream, link->association, strerror(-count));
    }
}

static void on_poll(uv_poll_t *poll, int status, int events);

static int start_poll(struct link *link)
{
    return uv_poll_start(&link->poll, UV_READABLE | UV_PRIORITIZED, on_poll);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct link *link = poll->data;
    (void)events;
    read_stamps(link);
    read_datagrams(link);
    /* libuv takes an error alone (a refusal by ICMP, or a stamp where the kernel doesn't know
     * SO_SELECT_ERR_QUEUE) for a dead descriptor and stops. It was read above, so go on. */
    if (status < 0 && link->association != 0 && start_poll(link) != 0) {
        close_link(find(link->upstream, link->association));
    }
}

static void on_compare(uv_timer_t *timer)
{
    struct upstream *upstream = timer->data;
    if (!udp_hardware_compare(upstream->hardware)) {
        (void)uv_timer_stop(timer);
    }
}

static void attach_card(struct upstream *upstream, struct udp *udp)
{
    char sentence[UDP_HARDWARE_TEXT_MAX];
    if (upstream->hardware == NULL) {
        return;
    }
    if (udp_hardware_attach(upstream->hardware, udp, sentence)) {
        log_message(LOG_LEVEL_INFO, "%s", sentence);
    }
    if (udp->card != NULL && !uv_is_active((uv_handle_t *)&upstream->compare)) {
        (void)uv_timer_start(&upstream->compare, on_compare, 0, COMPARE_MS);
    }
}

/* 0 or a negative errno. */
static int open_link(struct upstream *upstream, struct slot *slot)
{
    const struct action_open *open = &slot->open;
    struct udp_options options = {.local = open->local,
                                  .remote = open->remote,
                                  .device = open->device,
                                  .dscp = open->dscp,
                                  .transmit_stamps = true};
    struct link *link = calloc(1, sizeof(*link));
    if (link == NULL) {
        return -ENOMEM;
    }
    int status = udp_open(&options, &link->udp);
    if (status != 0) {
        free(link);
        return status;
    }
    status = uv_poll_init(upstream->options.loop, &link->poll, link->udp.fd);
    if (status != 0) {
        udp_close(&link->udp);
        free(link);
        return status;
    }
    attach_card(upstream, &link->udp);
    link->upstream = upstream;
    link->association = open->association;
    link->poll.data = link;
    slot->link = link;
    status = start_poll(link);
    if (status != 0) {
        close_link(slot);
    }
    return status;
}

void upstream_open(struct upstream *upstream, const struct action_open *open)
{
    assert(open->association != 0);
    struct slot *slot = find(upstream, open->association);
    slot = slot != NULL ? slot : find(upstream, 0);
    if (slot == NULL) {
        refuse(upstream, open->association, "there is no room for another association");
        return;
    }
    close_link(slot);
    slot->open = *open;
    if (open->is_shared) {
        char error[SHARING_ERROR_MAX];
        if (!sharing_open(upstream->sharing, open, error)) {
            refuse(upstream, open->association, error);
        }
        return;
    }
    int status = open_link(upstream, slot);
    if (status != 0) {
        refuse(upstream, open->association, strerror(-status));
    }
}

void upstream_close(struct upstream *upstream, uint32_t association)
{
    struct slot *slot = association != 0 ? find(upstream, association) : NULL;
    for (size_t i = 0; i < upstream->refusal_count; i++) {
        if (upstream->refusals[i].association == association) {
            upstream->refusals[i].association = 0;
        }
    }
    if (slot != NULL) {
        close_link(slot);
        sharing_close(upstream->sharing, association);
        *slot = (struct slot){.link = NULL};
    }
}

void upstream_reset(struct upstream *upstream)
{
    for (size_t i = 0; i < UPSTREAM_MAX; i++) {
        upstream_close(upstream, upstream->slots[i].open.association);
    }
}

/* Whether the socket itself has become useless: an address that the machine lost stays the source
 * of a connected socket. */
static bool is_stale(int status)
{
    return status != 0 && status != -ECONNREFUSED && status != -EAGAIN && status != -ENOBUFS &&
           status != -EMSGSIZE;
}

static int send_by_link(struct upstream *upstream, struct slot *slot,
                        const struct action_send *send)
{
    struct bytes payload = bytes_make(send->payload, send->size);
    int status = 0;
    bool is_new = slot->link == NULL;
    if (is_new) {
        status = open_link(upstream, slot);
    }
    if (status == 0) {
        status = udp_send(&slot->link->udp, NULL, payload, send->wants_stamp);
    }
    if (status == -ECONNREFUSED) {
        /* What an ICMP message said of an earlier datagram; it is cleared now, and this one was not
         * sent. */
        refuse(upstream, send->association, strerror(-status));
        status = udp_send(&slot->link->udp, NULL, payload, send->wants_stamp);
    }
    if (is_stale(status)) {
        close_link(slot);
        status = is_new ? status : open_link(upstream, slot);
        if (status == 0) {
            status = udp_send(&slot->link->udp, NULL, payload, send->wants_stamp);
        }
    }
    return status;
}

void upstream_send(struct upstream *upstream, const struct action_send *send)
{
    char error[SHARING_ERROR_MAX] = "it is not open";
    struct slot *slot = send->association != 0 ? find(upstream, send->association) : NULL;
    bool is_sent;
    if (send->association == 0) {
        is_sent = sharing_answer(upstream->sharing, send, error);
    } else if (slot == NULL) {
        is_sent = false;
    } else if (slot->open.is_shared) {
        is_sent = sharing_has(upstream->sharing, send->association) &&
                  sharing_send(upstream->sharing, send, error);
    } else {
        int status = send_by_link(upstream, slot, send);
        is_sent = status == 0;
        snprintf(error, sizeof(error), "%s", strerror(-status));
    }
    /* An answer that does not get away is lost, as a network would lose it. */
    if (!is_sent && send->association != 0) {
        refuse(upstream, send->association, error);
    }
}

struct address upstream_local(const struct upstream *upstream, uint32_t association)
{
    const struct slot *slot = association != 0 ? find(upstream, association) : NULL;
    bool has_link = slot != NULL && slot->link != NULL;
    return has_link ? slot->link->udp.local : (struct address){.family = ADDRESS_NONE};
}

uint64_t upstream_dropped(const struct upstream *upstream)
{
    return sharing_dropped(upstream->sharing);
}

static void release(struct upstream *upstream)
{
    udp_batch_destroy(upstream->batch);
    udp_hardware_destroy(upstream->hardware);
    free(upstream);
}

struct upstream *upstream_create(const struct upstream_options *options)
{
    struct upstream *upstream = calloc(1, sizeof(*upstream));
    if (upstream == NULL) {
        return NULL;
    }
    upstream->options = *options;
    upstream->batch = udp_batch_create();
    upstream->hardware = options->has_hardware ? udp_hardware_create(options->clock) : NULL;
    if (upstream->batch == NULL || (options->has_hardware && upstream->hardware == NULL) ||
        uv_async_init(options->loop, &upstream->wake, on_wake) != 0) {
        release(upstream);
        return NULL;
    }
    upstream->wake.data = upstream;
    (void)uv_timer_init(options->loop, &upstream->compare);
    upstream->compare.data = upstream;
    upstream->open_handles = 2;
    upstream->sharing = sharing_create(options->loop, options->stations, options->station_count,
                                       options->take, options->context);
    if (upstream->sharing == NULL) {
        upstream_destroy(upstream);
        return NULL;
    }
    return upstream;
}

static void on_closed(uv_handle_t *handle)
{
    struct upstream *upstream = handle->data;
    if (--upstream->open_handles == 0) {
        release(upstream);
    }
}

void upstream_destroy(struct upstream *upstream)
{
    if (upstream != NULL) {
        for (size_t i = 0; i < UPSTREAM_MAX; i++) {
            close_link(&upstream->slots[i]);
        }
        sharing_destroy(upstream->sharing);
        uv_close((uv_handle_t *)&upstream->wake, on_closed);
        uv_close((uv_handle_t *)&upstream->compare, on_closed);
    }
}
