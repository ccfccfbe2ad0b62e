/* SPDX-License-Identifier: MIT */
#include "server/handover.h"
#include "ntpwire/packet.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* What stands before our payload in what comes back with a transmit stamp is not kept. */
#define PAYLOAD_MAX ACTION_PAYLOAD_MAX

struct entry {
    enum event_kind kind; /* EVENT_DATAGRAM or EVENT_SENT */
    union {
        struct datagram datagram;
        struct sent sent;
    };
    bool is_answer; /* it returns the timestamp of our last packet, or is the stamp of that */
    size_t size;
    uint8_t payload[PAYLOAD_MAX];
};

/* The transmit timestamp of an association's last packet. */
struct question {
    uint32_t association; /* 0: free */
    uint64_t transmit;
};

/* The last datagram of an association whose stamp is awaited. */
struct departure {
    uint32_t association; /* 0: free */
    size_t size;
    uint8_t payload[PAYLOAD_MAX];
};

struct handover {
    void (*take)(void *context, struct event *event);
    void *context;
    uv_mutex_t lock;
    uv_async_t wake;
    uint64_t dropped;
    size_t first;
    size_t count;
    struct entry ring[HANDOVER_SIZE];
    atomic_size_t awaited; /* so that stamps of answers need no lock while there are none */
    struct departure departures[HANDOVER_ASSOCIATIONS_MAX];
    struct question questions[HANDOVER_ASSOCIATIONS_MAX];
    struct entry taken; /* the main loop's copy of the one that is being handed out */
};

uint32_t handover_find(const struct handover_list *list, const struct datagram *datagram)
{
    if (datagram->payload.size == 0) {
        return 0;
    }
    unsigned mode = packet_mode_of(bytes_u8(datagram->payload, 0));
    if (mode != MODE_ACTIVE && mode != MODE_PASSIVE && mode != MODE_BROADCAST) {
        return 0;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (address_is_same_host(&list->items[i].host, &datagram->source)) {
            return list->items[i].association;
        }
    }
    return 0;
}

static uint32_t association_of(const struct entry *entry)
{
    return entry->kind == EVENT_SENT ? entry->sent.association : entry->datagram.association;
}

static bool take_one(struct handover *handover)
{
    struct entry *entry = &handover->taken;
    uv_mutex_lock(&handover->lock);
    bool has_one = handover->count > 0;
    if (has_one) {
        *entry = handover->ring[handover->first];
        handover->first = (handover->first + 1) % HANDOVER_SIZE;
        handover->count--;
    }
    uv_mutex_unlock(&handover->lock);
    if (!has_one) {
        return false;
    }
    struct event event = {.kind = entry->kind};
    struct bytes payload = bytes_make(entry->payload, entry->size);
    if (entry->kind == EVENT_SENT) {
        event.sent = entry->sent;
        event.sent.payload = payload;
        if (event.sent.association == HANDOVER_SERVER) {
            event.sent.association = 0;
        }
    } else {
        event.datagram = entry->datagram;
        event.datagram.payload = payload;
    }
    if (association_of(entry) != 0) {
        handover->take(handover->context, &event);
    }
    return true;
}

static void on_wake(uv_async_t *wake)
{
    /* A ring at a time: who fills it faster than it is emptied gets no more of the loop than that.
     */
    for (int i = 0; i < HANDOVER_SIZE; i++) {
        if (!take_one(wake->data)) {
            return;
        }
    }
    (void)uv_async_send(wake);
}

struct handover *handover_create(uv_loop_t *loop, void (*take)(void *context, struct event *event),
                                 void *context)
{
    struct handover *handover = calloc(1, sizeof(*handover));
    if (handover == NULL) {
        return NULL;
    }
    handover->take = take;
    handover->context = context;
    atomic_init(&handover->awaited, 0);
    if (uv_mutex_init(&handover->lock) != 0) {
        free(handover);
        return NULL;
    }
    if (uv_async_init(loop, &handover->wake, on_wake) != 0) {
        uv_mutex_destroy(&handover->lock);
        free(handover);
        return NULL;
    }
    handover->wake.data = handover;
    return handover;
}

static void on_closed(uv_handle_t *handle)
{
    struct handover *handover = handle->data;
    uv_mutex_destroy(&handover->lock);
    free(handover);
}

void handover_destroy(struct handover *handover)
{
    if (handover != NULL) {
        uv_close((uv_handle_t *)&handover->wake, on_closed);
    }
}

/* Under the lock. NULL where it does not fit. */
static struct entry *append(struct handover *handover, uint32_t association, bool is_answer)
{
    size_t part = 0, unasked = 0;
    for (size_t i = 0; i < handover->count; i++) {
        const struct entry *entry = &handover->ring[(handover->first + i) % HANDOVER_SIZE];
        part += association_of(entry) == association && entry->is_answer == is_answer;
        unasked += !entry->is_answer;
    }
    bool is_full = is_answer ? part >= HANDOVER_ANSWERS
                             : part >= HANDOVER_PART || unasked >= HANDOVER_UNASKED_MAX;
    if (handover->count == HANDOVER_SIZE || is_full) {
        handover->dropped++;
        return NULL;
    }
    struct entry *entry = &handover->ring[(handover->first + handover->count++) % HANDOVER_SIZE];
    entry->is_answer = is_answer;
    return entry;
}

/* Under the lock. NULL if nothing was sent yet. */
static struct question *find_question(struct handover *handover, uint32_t association)
{
    for (size_t i = 0; i < HANDOVER_ASSOCIATIONS_MAX; i++) {
        if (handover->questions[i].association == association) {
            return &handover->questions[i];
        }
    }
    return NULL;
}

static bool is_answer(struct handover *handover, uint32_t association,
                      const struct datagram *datagram)
{
    const struct question *question = find_question(handover, association);
    return question != NULL && datagram->payload.size >= PACKET_SIZE &&
           bytes_u64(datagram->payload, PACKET_ORIGIN_OFFSET) == question->transmit;
}

void handover_put(struct handover *handover, uint32_t association, const struct datagram *datagram)
{
    uv_mutex_lock(&handover->lock);
    /* What is longer is nothing that we could read. */
    bool fits = datagram->payload.size <= PAYLOAD_MAX;
    struct entry *entry =
        fits ? append(handover, association, is_answer(handover, association, datagram)) : NULL;
    handover->dropped += !fits;
    if (entry != NULL) {
        entry->kind = EVENT_DATAGRAM;
        entry->datagram = *datagram;
        entry->datagram.association = association;
        entry->size = datagram->payload.size;
        memcpy(entry->payload, datagram->payload.data, entry->size);
    }
    uv_mutex_unlock(&handover->lock);
    if (entry != NULL) {
        (void)uv_async_send(&handover->wake);
    }
}

/* Under the lock: the departure that came back behind some headers. */
static struct departure *find_departure(struct handover *handover, struct bytes payload)
{
    for (size_t i = 0; i < HANDOVER_ASSOCIATIONS_MAX; i++) {
        struct departure *departure = &handover->departures[i];
        if (departure->association != 0 && payload.size >= departure->size &&
            memcmp(payload.data + payload.size - departure->size, departure->payload,
                   departure->size) == 0) {
            return departure;
        }
    }
    return NULL;
}

bool handover_put_sent(struct handover *handover, const struct sent *sent)
{
    if (atomic_load(&handover->awaited) == 0) {
        return false;
    }
    uv_mutex_lock(&handover->lock);
    struct departure *departure = find_departure(handover, sent->payload);
    struct entry *entry = NULL;
    if (departure != NULL) {
        entry = append(handover, departure->association, true);
    }
    if (entry != NULL) {
        entry->kind = EVENT_SENT;
        entry->sent = *sent;
        entry->sent.association = departure->association;
        entry->size = departure->size;
        memcpy(entry->payload, departure->payload, departure->size);
    }
    if (departure != NULL) {
        departure->association = 0;
        atomic_fetch_sub(&handover->awaited, 1);
    }
    uv_mutex_unlock(&handover->lock);
    if (entry != NULL) {
        (void)uv_async_send(&handover->wake);
    }
    return departure != NULL;
}

/* Under the lock: the association's own, or a free one. */
static struct departure *choose_departure(struct handover *handover, uint32_t association)
{
    struct departure *chosen = NULL;
    for (size_t i = 0; i < HANDOVER_ASSOCIATIONS_MAX; i++) {
        struct departure *departure = &handover->departures[i];
        if (departure->association == association) {
            return departure;
        }
        if (departure->association == 0) {
            chosen = departure;
        }
    }
    return chosen;
}

void handover_await(struct handover *handover, uint32_t association, struct bytes payload)
{
    assert(payload.size <= PAYLOAD_MAX);
    uv_mutex_lock(&handover->lock);
    struct question *question = find_question(handover, association);
    question = question != NULL ? question : find_question(handover, 0);
    if (question != NULL && payload.size >= PACKET_SIZE) {
        question->association = association;
        question->transmit = bytes_u64(payload, PACKET_TRANSMIT_OFFSET);
    }
    struct departure *departure = choose_departure(handover, association);
    if (departure != NULL) {
        atomic_fetch_add(&handover->awaited, departure->association == 0 ? 1 : 0);
        departure->association = association;
        departure->size = payload.size;
        memcpy(departure->payload, payload.data, payload.size);
    }
    uv_mutex_unlock(&handover->lock);
}

void handover_forget(struct handover *handover, uint32_t association)
{
    uv_mutex_lock(&handover->lock);
    struct question *question = find_question(handover, association);
    if (question != NULL) {
        question->association = 0;
    }
    for (size_t i = 0; i < HANDOVER_ASSOCIATIONS_MAX; i++) {
        if (handover->departures[i].association == association) {
            handover->departures[i].association = 0;
            atomic_fetch_sub(&handover->awaited, 1);
        }
    }
    for (size_t i = 0; i < handover->count; i++) {
        struct entry *entry = &handover->ring[(handover->first + i) % HANDOVER_SIZE];
        if (association_of(entry) == association) {
            /* Its place stays taken until it is taken out. */
            entry->kind = EVENT_DATAGRAM;
            entry->datagram.association = 0;
        }
    }
    uv_mutex_unlock(&handover->lock);
}

uint64_t handover_dropped(struct handover *handover)
{
    uv_mutex_lock(&handover->lock);
    uint64_t dropped = handover->dropped;
    uv_mutex_unlock(&handover->lock);
    return dropped;
}
