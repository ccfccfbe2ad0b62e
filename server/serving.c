/* SPDX-License-Identifier: MIT */
#include "server/serving.h"
#include "common/host/listener.h"
#include "common/host/log.h"
#include <stdio.h>
#include <string.h>

#define ERROR_MAX 512

_Static_assert(2 * CONFIG_LISTEN_MAX <= WORKER_SOCKETS_MAX, "each address may have an outlet");

/* Sockets of the first station's that only send, one for each address. */
struct outlets {
    size_t count;
    struct udp items[CONFIG_LISTEN_MAX];
};

static struct server_options server_options(const struct serving *serving,
                                            const struct setup *setup, struct random *random)
{
    const struct config *config = &setup->config;
    size_t workers = serving->station_count > 0 ? serving->station_count : 1;
    return (struct server_options){.access = setup->access,
                                   .keyring = &setup->keyring,
                                   .rate = {.enabled = config->server.rate_limit,
                                            .interval_ns = config->server.rate_interval_ns,
                                            .burst = config->server.rate_burst,
                                            .leak = config->server.rate_leak,
                                            .kod = config->server.rate_kod},
                                   .clients_max = config->server.clients_max / workers,
                                   .seed = random_u64(random)};
}

bool serving_configure(struct serving *serving, const struct setup *setup, struct random *random)
{
    char error[KEYRING_ERROR_MAX];
    struct server_options options = server_options(serving, setup, random);
    for (size_t i = 0; i < serving->station_count; i++) {
        if (!station_configure(serving->stations[i], &options, error)) {
            log_message(LOG_LEVEL_ERROR, "%s", error);
            return false;
        }
    }
    return true;
}

/* Answers to members leave by a socket of their own. Where there is none they share the others'. */
static void add_outlet(struct udp *group, unsigned workers, struct outlets *outlets)
{
    int status = udp_make_outlet(group, workers);
    if (status == 0) {
        outlets->items[outlets->count++] = group[workers];
        return;
    }
    udp_close(&group[workers]);
    log_message(LOG_LEVEL_WARNING,
                "the kernel gives no socket that only sends (%s): a flood from addresses that are "
                "nobody's may hold up answers to members of the mesh",
                strerror(-status));
}

/* Opens the sockets of all listen addresses, worker by worker: sockets[worker][address]. Returns
 * the number of addresses, 0 on failure. outlets: NULL if none are needed. */
static size_t open_sockets(struct serving *serving, const struct config_addresses *wanted,
                           unsigned workers, struct udp sockets[][WORKER_SOCKETS_MAX],
                           struct outlets *outlets)
{
    struct config_addresses *listening = &serving->listening;
    for (size_t i = 0; i < wanted->count; i++) {
        char error[ERROR_MAX];
        struct udp group[CONFIG_WORKERS_MAX + 1];
        enum listener_result result = listener_open(&wanted->items[i], workers + (outlets != NULL),
                                                    "[server] listen", group, error, sizeof(error));
        if (result == LISTENER_FAILED) {
            log_message(LOG_LEVEL_ERROR, "%s", error);
            return 0;
        }
        if (result == LISTENER_SKIPPED) {
            log_message(LOG_LEVEL_WARNING, "%s; going on without it", error);
            continue;
        }
        for (unsigned j = 0; j < workers; j++) {
            sockets[j][listening->count] = group[j];
        }
        listening->items[listening->count++] = wanted->items[i];
        if (outlets != NULL) {
            add_outlet(group, workers, outlets);
        }
    }
    if (listening->count == 0) {
        log_message(LOG_LEVEL_ERROR, "none of the addresses in [server] listen can be used");
    }
    return listening->count;
}

bool serving_open(struct serving *serving, const struct setup *setup,
                  const struct serving_context *context)
{
    const struct config *config = &setup->config;
    struct udp sockets[CONFIG_WORKERS_MAX][WORKER_SOCKETS_MAX];
    unsigned workers = config->server.workers == CONFIG_WORKERS_AUTO
                           ? uv_available_parallelism()
                           : (unsigned)config->server.workers;
    unsigned stations = workers > 0 ? workers : 1;
    if (stations > CONFIG_WORKERS_MAX) {
        stations = CONFIG_WORKERS_MAX;
    }
    struct outlets outlets = {.count = 0};
    bool is_meshed = config->mesh.identity.path[0] != '\0';
    size_t opened = open_sockets(serving, &config->server.listen, stations, sockets,
                                 is_meshed ? &outlets : NULL);
    if (opened == 0) {
        return false;
    }
    memcpy(sockets[0] + opened, outlets.items, outlets.count * sizeof(outlets.items[0]));
    serving->station_count = stations;
    struct server_options options = server_options(serving, setup, context->random);
    for (unsigned i = 0; i < stations; i++) {
        char error[KEYRING_ERROR_MAX];
        serving->stations[i] =
            station_create(&options, sockets[i], opened + (i == 0 ? outlets.count : 0),
                           context->clock, workers > 0 ? NULL : context->loop, error);
        if (serving->stations[i] == NULL) {
            serving->station_count = i;
            log_message(LOG_LEVEL_ERROR, "can't start to serve: %s", error);
            return false;
        }
    }
    return true;
}

bool serving_start(struct serving *serving)
{
    for (size_t i = 0; i < serving->station_count; i++) {
        int status = station_start(serving->stations[i]);
        if (status != 0) {
            log_message(LOG_LEVEL_ERROR,
                        "can't start worker %zu: %s; set workers = 0 in [server] to answer from "
                        "one thread",
                        i, strerror(-status));
            return false;
        }
    }
    return true;
}

void serving_close(struct serving *serving)
{
    for (size_t i = 0; i < serving->station_count; i++) {
        station_destroy(serving->stations[i]);
    }
    serving->station_count = 0;
}

void serving_list(const struct serving *serving, char *text, size_t room)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < serving->listening.count && used < room; i++) {
        char address[ADDRESS_TEXT_MAX];
        int size = snprintf(text + used, room - used, " %s",
                            address_format_port(&serving->listening.items[i], address));
        used += size > 0 ? (size_t)size : 0;
    }
}
