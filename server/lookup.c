/* SPDX-License-Identifier: MIT */
#include "server/lookup.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of sources, and of members and where they may be. */
#define QUESTIONS_MAX (2 * STATUS_SOURCES_MAX + 64)

static_assert((int)EVENT_ADDRESSES_MAX == (int)RESOLVER_ADDRESSES_MAX,
              "an answer fits into an event");

enum question_state { QUESTION_FREE = 0, QUESTION_WAITS, QUESTION_RUNS, QUESTION_ANSWERED };

struct question {
    struct lookup *lookup;
    enum question_state state;
    bool is_cancelled;
    uint64_t number; /* in the order of asking */
    struct action_resolve resolve;
    struct resolution resolution;
    size_t count;
    struct address addresses[EVENT_ADDRESSES_MAX];
    char error[RESOLVER_ERROR_MAX];
};

struct lookup {
    uv_loop_t *loop;
    void (*take)(void *context, struct event *event);
    void *context;
    uv_async_t wake;
    uint64_t asked;
    unsigned running;
    struct question questions[QUESTIONS_MAX];
};

/* The oldest in that state, or NULL. */
static struct question *oldest(struct lookup *lookup, enum question_state state)
{
    struct question *found = NULL;
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        struct question *question = &lookup->questions[i];
        if (question->state == state && (found == NULL || question->number < found->number)) {
            found = question;
        }
    }
    return found;
}

static void answer(struct question *question, const struct address *addresses, size_t count,
                   const char *error)
{
    question->state = QUESTION_ANSWERED;
    question->count = count;
    if (count > 0) {
        memcpy(question->addresses, addresses, count * sizeof(*addresses));
    }
    snprintf(question->error, sizeof(question->error), "%s", error != NULL ? error : "");
    (void)uv_async_send(&question->lookup->wake);
}

static void on_done(void *context, const struct address *addresses, size_t count, const char *error)
{
    struct question *question = context;
    question->lookup->running--;
    answer(question, addresses, count, error);
}

static void start_waiting(struct lookup *lookup)
{
    while (lookup->running < LOOKUP_AT_ONCE) {
        struct question *question = oldest(lookup, QUESTION_WAITS);
        if (question == NULL) {
            return;
        }
        const struct action_resolve *resolve = &question->resolve;
        question->state = QUESTION_RUNS;
        question->resolution = (struct resolution){.context = question, .done = on_done};
        lookup->running++;
        int status = resolver_start(lookup->loop, &question->resolution, resolve->host,
                                    resolve->port, (enum address_family)resolve->family);
        if (status != 0) {
            on_done(question, NULL, 0, uv_strerror(status));
        }
    }
}

static void on_wake(uv_async_t *wake)
{
    struct lookup *lookup = wake->data;
    struct question *question;
    /* Those that are asked for by what follows are answered in the loop's next round. */
    uint64_t asked = lookup->asked;
    while ((question = oldest(lookup, QUESTION_ANSWERED)) != NULL && question->number <= asked) {
        struct event event = {.kind = EVENT_RESOLVED};
        event.resolved.association = question->resolve.association;
        event.resolved.count = question->count;
        memcpy(event.resolved.addresses, question->addresses, sizeof(question->addresses));
        event.resolved.error = question->count == 0 ? question->error : NULL;
        if (!question->is_cancelled) {
            /* It is told before its place is free, since the error lives there. */
            lookup->take(lookup->context, &event);
        }
        question->state = QUESTION_FREE;
    }
    start_waiting(lookup);
}

struct lookup *lookup_create(uv_loop_t *loop, void (*take)(void *context, struct event *event),
                             void *context)
{
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    if (lookup == NULL || uv_async_init(loop, &lookup->wake, on_wake) != 0) {
        free(lookup);
        return NULL;
    }
    lookup->loop = loop;
    lookup->take = take;
    lookup->context = context;
    lookup->wake.data = lookup;
    return lookup;
}

/* Whether the same is being looked up already. */
static bool is_asked(const struct lookup *lookup, const struct action_resolve *resolve)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        const struct question *question = &lookup->questions[i];
        if ((question->state == QUESTION_WAITS || question->state == QUESTION_RUNS) &&
            !question->is_cancelled && question->resolve.association == resolve->association &&
            question->resolve.family == resolve->family &&
            question->resolve.port == resolve->port &&
            strcmp(question->resolve.host, resolve->host) == 0) {
            return true;
        }
    }
    return false;
}

void lookup_start(struct lookup *lookup, const struct action_resolve *resolve)
{
    if (is_asked(lookup, resolve)) {
        return;
    }
    struct question *question = oldest(lookup, QUESTION_FREE);
    /* An association asks for one name; of those that were cancelled only a few can still run. */
    assert(question != NULL);
    *question = (struct question){
        .lookup = lookup, .state = QUESTION_WAITS, .number = ++lookup->asked, .resolve = *resolve};
    (void)uv_async_send(&lookup->wake);
}

static void cancel(struct question *question)
{
    question->is_cancelled = true;
    if (question->state == QUESTION_WAITS) {
        question->state = QUESTION_FREE;
    } else if (question->state == QUESTION_RUNS) {
        /* Refused where a thread is at it already: then its answer is dropped. */
        (void)uv_cancel((uv_req_t *)&question->resolution.request);
    }
}

void lookup_cancel(struct lookup *lookup, uint32_t association)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        if (lookup->questions[i].resolve.association == association) {
            cancel(&lookup->questions[i]);
        }
    }
}

void lookup_reset(struct lookup *lookup)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        cancel(&lookup->questions[i]);
    }
}

bool lookup_is_busy(const struct lookup *lookup)
{
    return lookup != NULL && lookup->running > 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void lookup_destroy(struct lookup *lookup)
{
    if (lookup != NULL) {
        uv_close((uv_handle_t *)&lookup->wake, on_closed);
    }
}
