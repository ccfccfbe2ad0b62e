/* SPDX-License-Identifier: MIT */
#include "common/host/mdns.h"
#include "common/host/entropy.h"
#include "common/host/log.h"
#include "common/host/mdns_session.h"
#include "common/host/socket_address.h"
#include <avahi-common/error.h>
#include <avahi-common/simple-watch.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FIRST_MS 1000 /* what is found at once is told at once */
#define RETRY_FIRST_MS 1000
#define RETRY_LAST_MS 32000
#define STOP_NS (UINT64_C(1000) * 1000 * 1000)

struct mdns {
    struct mdns_options options;
    uv_async_t async; /* something was found, or lost */
    uv_timer_t timer;
    uv_thread_t thread;
    bool has_thread;
    int handles; /* that are still to be closed */
    uint64_t told_ms;
    size_t told_count;
    int wake_fd; /* ends a wait for avahi-daemon */

    uv_mutex_t lock; /* of what follows */
    uv_cond_t changed;
    bool is_stopping, has_ended;
    bool has_service;
    uint32_t generation; /* of the service */
    struct mdns_service service;
    size_t count;
    struct address addresses[SIGHTINGS_MAX];

    /* The thread's own. */
    AvahiSimplePoll *poll;
    struct random random;
    uint64_t retry_ms;
    bool has_complained;
};

/* --- In the thread -------------------------------------------------------------------------- */

/* What is to be done now. */
struct errand {
    bool is_stopping, has_service;
    uint32_t generation;
    struct mdns_service service;
};

static void take_errand(struct mdns *mdns, struct errand *errand)
{
    uv_mutex_lock(&mdns->lock);
    *errand = (struct errand){.is_stopping = mdns->is_stopping,
                              .has_service = mdns->has_service,
                              .generation = mdns->generation,
                              .service = mdns->service};
    uv_mutex_unlock(&mdns->lock);
}

static bool is_current(struct mdns *mdns, const struct errand *errand)
{
    uv_mutex_lock(&mdns->lock);
    bool is = !mdns->is_stopping && mdns->generation == errand->generation;
    uv_mutex_unlock(&mdns->lock);
    return is;
}

/* Until there is something else to do, or so long. */
static void rest(struct mdns *mdns, const struct errand *errand, uint64_t ms)
{
    uint64_t end_ns = uv_hrtime() + ms * 1000 * 1000;
    uv_mutex_lock(&mdns->lock);
    while (!mdns->is_stopping && mdns->generation == errand->generation && uv_hrtime() < end_ns) {
        (void)uv_cond_timedwait(&mdns->changed, &mdns->lock, end_ns - uv_hrtime());
    }
    uv_mutex_unlock(&mdns->lock);
}

static void on_changed(void *context, const struct sightings *sightings)
{
    struct mdns *mdns = context;
    uv_mutex_lock(&mdns->lock);
    mdns->count = sightings_addresses(sightings, mdns->addresses);
    uv_mutex_unlock(&mdns->lock);
    (void)uv_async_send(&mdns->async);
}

static void forget_all(struct mdns *mdns)
{
    static const struct sightings none;
    on_changed(mdns, &none);
}

/* Waits for a name server. Without an address of its own it is announced with the machine's. */
static void find_own(struct mdns_service *service)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    struct addrinfo *list = NULL;
    if (service->host[0] == '\0') {
        return;
    }
    int status = getaddrinfo(service->host, NULL, &hints, &list);
    for (const struct addrinfo *entry = list;
         status == 0 && entry != NULL && service->address_count < MDNS_ADDRESSES_MAX;
         entry = entry->ai_next) {
        union socket_address socket_address = {0};
        if (entry->ai_addrlen <= sizeof(socket_address)) {
            memcpy(&socket_address, entry->ai_addr, entry->ai_addrlen);
            struct address address = socket_address_read(&socket_address);
            bool is_ours = (address.family == ADDRESS_IPV4 && service->is_ipv4) ||
                           (address.family == ADDRESS_IPV6 && service->is_ipv6);
            if (is_ours && !address_is_loopback(&address)) {
                service->addresses[service->address_count++] = address;
            }
        }
    }
    if (service->address_count == 0) {
        log_message(LOG_LEVEL_WARNING,
                    "mesh: '%.128s', the address of this node, does not resolve to one that others "
                    "could ask%s%s; it is announced with those of this machine",
                    service->host, status != 0 ? ": " : "",
                    status != 0 ? gai_strerror(status) : "");
    }
    if (status == 0) {
        freeaddrinfo(list);
    }
}

static void on_wake(AvahiWatch *watch, int fd, AvahiWatchEvent event, void *context)
{
    uint64_t count;
    (void)watch, (void)event, (void)context;
    ssize_t size = read(fd, &count, sizeof(count));
    (void)size; /* it says nothing but that there is something to look at */
}

/* While there is a connection. */
static void use(struct mdns *mdns, const struct errand *errand, const struct mdns_session *session)
{
    const AvahiPoll *poll = avahi_simple_poll_get(mdns->poll);
    AvahiWatch *watch = poll->watch_new(poll, mdns->wake_fd, AVAHI_WATCH_IN, on_wake, NULL);
    while (watch != NULL && is_current(mdns, errand) && !mdns_session_has_failed(session) &&
           avahi_simple_poll_iterate(mdns->poll, -1) == 0) {
    }
    if (watch != NULL) {
        poll->watch_free(watch);
    }
    if (mdns_session_has_run(session)) {
        mdns->retry_ms = RETRY_FIRST_MS;
        mdns->has_complained = false;
    }
}

static void try_once(struct mdns *mdns, struct errand *errand)
{
    struct mdns_session_options options = {.poll = avahi_simple_poll_get(mdns->poll),
                                           .service = &errand->service,
                                           .random = &mdns->random,
                                           .changed = on_changed,
                                           .context = mdns};
    int error;
    struct mdns_session *session = mdns_session_create(&options, &error);
    if (session != NULL) {
        use(mdns, errand, session);
        mdns_session_destroy(session);
        forget_all(mdns);
    } else if (!mdns->has_complained) {
        log_message(LOG_LEVEL_WARNING,
                    "mesh: discover = mdns: avahi-daemon can't be asked: %s; going on trying, "
                    "every %d s at last: start it, and dbus-daemon (packages avahi-daemon, dbus)",
                    avahi_strerror(error), RETRY_LAST_MS / 1000);
        mdns->has_complained = true;
    }
}

static void run_thread(void *context)
{
    struct mdns *mdns = context;
    struct errand errand;
    for (take_errand(mdns, &errand); !errand.is_stopping; take_errand(mdns, &errand)) {
        if (!errand.has_service) {
            rest(mdns, &errand, RETRY_LAST_MS);
            continue;
        }
        find_own(&errand.service);
        while (is_current(mdns, &errand)) {
            try_once(mdns, &errand);
            rest(mdns, &errand, mdns->retry_ms);
            mdns->retry_ms =
                mdns->retry_ms * 2 < RETRY_LAST_MS ? mdns->retry_ms * 2 : RETRY_LAST_MS;
        }
    }
    uv_mutex_lock(&mdns->lock);
    mdns->has_ended = true;
    uv_cond_broadcast(&mdns->changed);
    uv_mutex_unlock(&mdns->lock);
}

/* --- In the loop ---------------------------------------------------------------------------- */

static void wake(struct mdns *mdns)
{
    const uint64_t one = 1;
    uv_cond_broadcast(&mdns->changed);
    ssize_t size = write(mdns->wake_fd, &one, sizeof(one));
    (void)size; /* it is refused only while it is awake already */
}

/* Of many some, other ones each time. */
static void draw(struct mdns *mdns, struct resolved *resolved)
{
    struct address addresses[SIGHTINGS_MAX];
    uv_mutex_lock(&mdns->lock);
    size_t count = mdns->count;
    memcpy(addresses, mdns->addresses, sizeof(addresses));
    uv_mutex_unlock(&mdns->lock);
    if (count != mdns->told_count) {
        log_message(LOG_LEVEL_INFO, "mesh: %zu address%s known by mDNS", count,
                    count == 1 ? " is" : "es are");
        mdns->told_count = count;
    }
    for (resolved->count = 0; resolved->count < EVENT_ADDRESSES_MAX && count > 0; count--) {
        size_t which = random_below(mdns->options.random, (uint32_t)count);
        resolved->addresses[resolved->count++] = addresses[which];
        addresses[which] = addresses[count - 1];
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct mdns *mdns = timer->data;
    struct event event = {.kind = EVENT_RESOLVED};
    draw(mdns, &event.resolved);
    mdns->told_ms = uv_now(mdns->options.loop);
    if (event.resolved.count > 0) {
        (void)uv_timer_start(&mdns->timer, on_timer, MDNS_INTERVAL_MS, 0);
        event.resolved.association = mdns->options.association;
        mdns->options.take(mdns->options.context, &event);
    }
}

static void on_async(uv_async_t *async)
{
    struct mdns *mdns = async->data;
    uint64_t now_ms = uv_now(mdns->options.loop);
    uint64_t due_ms = mdns->told_ms + MDNS_GAP_MS;
    uint64_t wait_ms = mdns->told_ms > 0 && due_ms > now_ms + FIRST_MS ? due_ms - now_ms : FIRST_MS;
    if (!uv_is_active((const uv_handle_t *)&mdns->timer) ||
        uv_timer_get_due_in(&mdns->timer) > wait_ms) {
        (void)uv_timer_start(&mdns->timer, on_timer, wait_ms, 0);
    }
}

static bool make_parts(struct mdns *mdns)
{
    mdns->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    mdns->poll = avahi_simple_poll_new();
    if (mdns->wake_fd < 0 || mdns->poll == NULL || uv_mutex_init(&mdns->lock) != 0) {
        return false;
    }
    if (uv_cond_init(&mdns->changed) != 0) {
        uv_mutex_destroy(&mdns->lock);
        return false;
    }
    if (uv_async_init(mdns->options.loop, &mdns->async, on_async) != 0) {
        uv_cond_destroy(&mdns->changed);
        uv_mutex_destroy(&mdns->lock);
        return false;
    }
    return true;
}

static void release(struct mdns *mdns)
{
    if (mdns->poll != NULL) {
        avahi_simple_poll_free(mdns->poll);
    }
    if (mdns->wake_fd >= 0) {
        (void)close(mdns->wake_fd);
    }
    free(mdns);
}

struct mdns *mdns_create(const struct mdns_options *options)
{
    struct mdns *mdns = calloc(1, sizeof(*mdns));
    if (mdns == NULL) {
        return NULL;
    }
    mdns->options = *options;
    mdns->retry_ms = RETRY_FIRST_MS;
    if (!make_parts(mdns)) {
        release(mdns);
        return NULL;
    }
    entropy_init(&mdns->random);
    (void)uv_timer_init(options->loop, &mdns->timer);
    mdns->async.data = mdns;
    mdns->timer.data = mdns;
    mdns->handles = 2;
    return mdns;
}

void mdns_configure(struct mdns *mdns, const struct mdns_service *service)
{
    bool is_same = mdns->has_service == (service != NULL) &&
                   (service == NULL || memcmp(&mdns->service, service, sizeof(*service)) == 0);
    if (is_same) {
        return;
    }
    uv_mutex_lock(&mdns->lock);
    mdns->has_service = service != NULL;
    if (service != NULL) {
        memcpy(&mdns->service, service, sizeof(*service));
    }
    mdns->generation++;
    uv_mutex_unlock(&mdns->lock);
    if (!mdns->has_thread) {
        mdns->has_thread = uv_thread_create(&mdns->thread, run_thread, mdns) == 0;
        if (!mdns->has_thread) {
            log_message(LOG_LEVEL_ERROR, "mesh: discover = mdns: no thread can be made for it");
        }
    }
    wake(mdns);
}

void mdns_stop(struct mdns *mdns)
{
    if (mdns == NULL || !mdns->has_thread) {
        return;
    }
    uint64_t end_ns = uv_hrtime() + STOP_NS;
    uv_mutex_lock(&mdns->lock);
    mdns->is_stopping = true;
    wake(mdns);
    while (!mdns->has_ended && uv_hrtime() < end_ns) {
        (void)uv_cond_timedwait(&mdns->changed, &mdns->lock, end_ns - uv_hrtime());
    }
    uv_mutex_unlock(&mdns->lock);
}

bool mdns_is_busy(struct mdns *mdns)
{
    if (mdns == NULL || !mdns->has_thread) {
        return false;
    }
    uv_mutex_lock(&mdns->lock);
    bool is_busy = !mdns->has_ended;
    uv_mutex_unlock(&mdns->lock);
    return is_busy;
}

static void on_closed(uv_handle_t *handle)
{
    struct mdns *mdns = handle->data;
    mdns->handles--;
    if (mdns->handles == 0) {
        release(mdns);
    }
}

void mdns_destroy(struct mdns *mdns)
{
    if (mdns == NULL) {
        return;
    }
    if (mdns->has_thread) {
        (void)uv_thread_join(&mdns->thread);
    }
    uv_cond_destroy(&mdns->changed);
    uv_mutex_destroy(&mdns->lock);
    uv_close((uv_handle_t *)&mdns->async, on_closed);
    uv_close((uv_handle_t *)&mdns->timer, on_closed);
}
