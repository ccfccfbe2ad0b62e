/* SPDX-License-Identifier: MIT */
#include "server/intake.h"
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_MAX ACTION_PAYLOAD_MAX

struct entry {
    uint32_t share;
    struct datagram datagram;
    uint8_t payload[PAYLOAD_MAX];
};

struct intake {
    void (*take)(void *context, struct event *event);
    void *context;
    uv_mutex_t lock;
    uv_async_t wake;
    uint64_t dropped;
    size_t first;
    size_t count;
    struct entry ring[INTAKE_SIZE];
    struct entry taken; /* the main loop's copy of the one that is being handed out */
};

static bool take_one(struct intake *intake)
{
    struct entry *entry = &intake->taken;
    uv_mutex_lock(&intake->lock);
    bool has_one = intake->count > 0;
    if (has_one) {
        *entry = intake->ring[intake->first];
        intake->first = (intake->first + 1) % INTAKE_SIZE;
        intake->count--;
    }
    uv_mutex_unlock(&intake->lock);
    if (!has_one) {
        return false;
    }
    struct event event = {.kind = EVENT_DATAGRAM, .datagram = entry->datagram};
    event.datagram.payload.data = entry->payload;
    intake->take(intake->context, &event);
    return true;
}

static void on_wake(uv_async_t *wake)
{
    /* A ring at a time, as for associations (handover.c). */
    for (int i = 0; i < INTAKE_SIZE; i++) {
        if (!take_one(wake->data)) {
            return;
        }
    }
    (void)uv_async_send(wake);
}

struct intake *intake_create(uv_loop_t *loop, void (*take)(void *context, struct event *event),
                             void *context)
{
    struct intake *intake = calloc(1, sizeof(*intake));
    if (intake == NULL) {
        return NULL;
    }
    intake->take = take;
    intake->context = context;
    if (uv_mutex_init(&intake->lock) != 0) {
        free(intake);
        return NULL;
    }
    if (uv_async_init(loop, &intake->wake, on_wake) != 0) {
        uv_mutex_destroy(&intake->lock);
        free(intake);
        return NULL;
    }
    intake->wake.data = intake;
    return intake;
}

static void on_closed(uv_handle_t *handle)
{
    struct intake *intake = handle->data;
    uv_mutex_destroy(&intake->lock);
    free(intake);
}

void intake_destroy(struct intake *intake)
{
    if (intake != NULL) {
        uv_close((uv_handle_t *)&intake->wake, on_closed);
    }
}

/* Under the lock. */
static bool has_room(const struct intake *intake, uint32_t share)
{
    size_t held = 0;
    for (size_t i = 0; i < intake->count; i++) {
        held += intake->ring[(intake->first + i) % INTAKE_SIZE].share == share;
    }
    size_t most = share == 0 ? INTAKE_STRANGERS_MAX : INTAKE_SHARE_MAX;
    return intake->count < INTAKE_SIZE && held < most;
}

void intake_put(struct intake *intake, uint32_t share, const struct datagram *datagram)
{
    uv_mutex_lock(&intake->lock);
    bool fits = datagram->payload.size <= PAYLOAD_MAX && has_room(intake, share);
    if (fits) {
        struct entry *entry = &intake->ring[(intake->first + intake->count++) % INTAKE_SIZE];
        entry->share = share;
        entry->datagram = *datagram;
        entry->datagram.association = 0;
        memcpy(entry->payload, datagram->payload.data, datagram->payload.size);
    } else {
        intake->dropped++;
    }
    uv_mutex_unlock(&intake->lock);
    if (fits) {
        (void)uv_async_send(&intake->wake);
    }
}

uint64_t intake_dropped(struct intake *intake)
{
    uv_mutex_lock(&intake->lock);
    uint64_t dropped = intake->dropped;
    uv_mutex_unlock(&intake->lock);
    return dropped;
}
