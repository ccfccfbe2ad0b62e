/* SPDX-License-Identifier: MIT */
#include "common/host/discovery.h"
#include "common/host/log.h"
#include "common/host/socket_address.h"
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX 8192
#define FIRST_MS 1000
#define SRV_FIXED_SIZE 6 /* priority, weight, port */

/* What a thread is given, and what it finds; nobody else touches it meanwhile. */
struct search {
    size_t name_count;
    char names[DISCOVERY_NAMES_MAX][ACTION_HOST_MAX];
    uint32_t draws[DISCOVERY_TARGETS_MAX];
    size_t count;
    struct address addresses[EVENT_ADDRESSES_MAX];
    char error[ACTION_TEXT_MAX]; /* of the last name that failed */
};

struct discovery {
    struct discovery_options options;
    size_t name_count;
    char names[DISCOVERY_NAMES_MAX][ACTION_HOST_MAX];
    uv_timer_t timer;
    uv_work_t work;
    bool is_working;
    bool is_closing;
    bool has_failed; /* and it was told */
    struct search search;
};

static void swap(struct discovery_target *a, struct discovery_target *b)
{
    struct discovery_target kept = *a;
    *a = *b;
    *b = kept;
}

/* RFC 2782: of those left with the least priority one is drawn, by its part of their weights. */
static size_t draw(const struct discovery_target *targets, size_t count, uint32_t drawn)
{
    uint16_t least = UINT16_MAX;
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (targets[i].priority < least) {
            least = targets[i].priority;
            sum = 0;
        }
        sum += targets[i].priority == least ? (uint32_t)targets[i].weight + 1 : 0;
    }
    uint32_t left = sum > 0 ? drawn % sum : 0;
    for (size_t i = 0; i < count; i++) {
        if (targets[i].priority == least) {
            if (left <= targets[i].weight) {
                return i;
            }
            left -= (uint32_t)targets[i].weight + 1;
        }
    }
    return 0;
}

void discovery_order(struct discovery_target *targets, size_t count, const uint32_t *draws)
{
    for (size_t i = 0; i + 1 < count; i++) {
        swap(&targets[i], &targets[i + draw(targets + i, count - i, draws[i])]);
    }
}

size_t discovery_read(struct bytes answer, struct discovery_target targets[DISCOVERY_TARGETS_MAX])
{
    ns_msg message;
    ns_rr record;
    size_t count = 0;
    if (answer.size > INT32_MAX || ns_initparse(answer.data, (int)answer.size, &message) != 0) {
        return 0;
    }
    for (int i = 0; i < ns_msg_count(message, ns_s_an) && count < DISCOVERY_TARGETS_MAX; i++) {
        struct discovery_target *target = &targets[count];
        if (ns_parserr(&message, ns_s_an, i, &record) != 0 || ns_rr_type(record) != ns_t_srv ||
            ns_rr_rdlen(record) <= SRV_FIXED_SIZE) {
            continue;
        }
        struct bytes fixed = bytes_make(ns_rr_rdata(record), SRV_FIXED_SIZE);
        int size =
            dn_expand(ns_msg_base(message), ns_msg_end(message),
                      ns_rr_rdata(record) + SRV_FIXED_SIZE, target->host, sizeof(target->host));
        target->priority = bytes_u16(fixed, 0);
        target->weight = bytes_u16(fixed, 2);
        target->port = bytes_u16(fixed, 4);
        count += size > 0 && target->host[0] != '\0' && target->port != 0;
    }
    return count;
}

static bool is_known(const struct search *search, const struct address *address)
{
    for (size_t i = 0; i < search->count; i++) {
        if (address_is_same(&search->addresses[i], address)) {
            return true;
        }
    }
    return false;
}

/* Waits for a name server. */
static void resolve_target(struct search *search, const struct discovery_target *target)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    struct addrinfo *list = NULL;
    int status = getaddrinfo(target->host, NULL, &hints, &list);
    if (status != 0) {
        snprintf(search->error, sizeof(search->error), "host '%.128s' does not resolve: %s",
                 target->host, gai_strerror(status));
        return;
    }
    for (const struct addrinfo *entry = list; entry != NULL && search->count < EVENT_ADDRESSES_MAX;
         entry = entry->ai_next) {
        union socket_address socket_address = {0};
        if (entry->ai_addrlen > sizeof(socket_address)) {
            continue;
        }
        memcpy(&socket_address, entry->ai_addr, entry->ai_addrlen);
        struct address address = socket_address_read(&socket_address);
        address.port = target->port;
        if (address.family != ADDRESS_NONE && !is_known(search, &address)) {
            search->addresses[search->count++] = address;
        }
    }
    freeaddrinfo(list);
}

static void look_up(struct search *search, const char *name)
{
    unsigned char answer[ANSWER_MAX];
    struct discovery_target targets[DISCOVERY_TARGETS_MAX];
    int size = res_search(name, ns_c_in, ns_t_srv, answer, sizeof(answer));
    size_t kept = size > 0 && size <= (int)sizeof(answer) ? (size_t)size : 0;
    size_t count = kept > 0 ? discovery_read(bytes_make(answer, kept), targets) : 0;
    if (count == 0) {
        snprintf(search->error, sizeof(search->error),
                 "'%.128s' has no SRV record that could be read%s%s; check the spelling, the name "
                 "server or /etc/resolv.conf",
                 name, size < 0 ? ": " : "", size < 0 ? hstrerror(h_errno) : "");
        return;
    }
    discovery_order(targets, count, search->draws);
    for (size_t i = 0; i < count && search->count < EVENT_ADDRESSES_MAX; i++) {
        resolve_target(search, &targets[i]);
    }
}

/* In a thread of libuv's. */
static void on_work(uv_work_t *work)
{
    struct discovery *discovery = work->data;
    for (size_t i = 0; i < discovery->search.name_count; i++) {
        look_up(&discovery->search, discovery->search.names[i]);
    }
}

static void on_timer(uv_timer_t *timer);

static void tell(struct discovery *discovery)
{
    struct search *search = &discovery->search;
    if (search->count == 0) {
        if (!discovery->has_failed) {
            log_message(LOG_LEVEL_WARNING, "mesh: no member is found by SRV: %s", search->error);
        }
        discovery->has_failed = true;
        return;
    }
    struct event event = {.kind = EVENT_RESOLVED};
    event.resolved.association = discovery->options.association;
    event.resolved.count = search->count;
    memcpy(event.resolved.addresses, search->addresses, sizeof(search->addresses));
    discovery->has_failed = false;
    discovery->options.take(discovery->options.context, &event);
}

static void on_worked(uv_work_t *work, int status)
{
    struct discovery *discovery = work->data;
    (void)status; /* it is never cancelled */
    discovery->is_working = false;
    if (discovery->is_closing || discovery->name_count == 0) {
        return;
    }
    tell(discovery);
    (void)uv_timer_start(&discovery->timer, on_timer,
                         discovery->has_failed ? DISCOVERY_RETRY_MS : DISCOVERY_INTERVAL_MS, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct discovery *discovery = timer->data;
    struct search *search = &discovery->search;
    if (discovery->is_working || discovery->name_count == 0) {
        return;
    }
    search->count = 0;
    search->name_count = discovery->name_count;
    memcpy(search->names, discovery->names, sizeof(search->names));
    for (size_t i = 0; i < DISCOVERY_TARGETS_MAX; i++) {
        search->draws[i] = random_u32(discovery->options.random);
    }
    snprintf(search->error, sizeof(search->error), "there is no such host");
    discovery->work.data = discovery;
    discovery->is_working =
        uv_queue_work(discovery->options.loop, &discovery->work, on_work, on_worked) == 0;
}

struct discovery *discovery_create(const struct discovery_options *options)
{
    struct discovery *discovery = calloc(1, sizeof(*discovery));
    if (discovery == NULL) {
        return NULL;
    }
    discovery->options = *options;
    (void)uv_timer_init(options->loop, &discovery->timer);
    discovery->timer.data = discovery;
    return discovery;
}

void discovery_configure(struct discovery *discovery, const char (*names)[ACTION_HOST_MAX],
                         size_t count)
{
    count = count < DISCOVERY_NAMES_MAX ? count : DISCOVERY_NAMES_MAX;
    bool is_same = count == discovery->name_count &&
                   (count == 0 || memcmp(discovery->names, names, count * sizeof(*names)) == 0);
    if (is_same) {
        return;
    }
    discovery->name_count = count;
    memcpy(discovery->names, names, count * sizeof(*names));
    discovery->has_failed = false;
    (void)uv_timer_start(&discovery->timer, on_timer, FIRST_MS, 0);
}

bool discovery_is_busy(const struct discovery *discovery)
{
    return discovery != NULL && discovery->is_working;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void discovery_destroy(struct discovery *discovery)
{
    if (discovery != NULL) {
        discovery->is_closing = true;
        uv_close((uv_handle_t *)&discovery->timer, on_closed);
    }
}
