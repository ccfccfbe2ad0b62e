/* SPDX-License-Identifier: MIT */
#include "server/scout.h"
#include "common/host/mdns.h"
#include "server/mdns_setup.h"
#include <stdlib.h>

struct scout {
    struct discovery *discovery;
    struct mdns *mdns; /* NULL: there is no way to ask */
};

struct scout *scout_create(const struct discovery_options *options)
{
    struct mdns_options mdns = {.loop = options->loop,
                                .random = options->random,
                                .association = options->association,
                                .take = options->take,
                                .context = options->context};
    struct scout *scout = calloc(1, sizeof(*scout));
    if (scout == NULL) {
        return NULL;
    }
    scout->discovery = discovery_create(options);
    if (scout->discovery == NULL) {
        free(scout);
        return NULL;
    }
    scout->mdns = mdns_create(&mdns);
    return scout;
}

void scout_configure(struct scout *scout, const struct setup *setup)
{
    const struct config_names *srv = &setup->config.mesh.srv;
    struct mdns_service service;
    discovery_configure(scout->discovery, (const char(*)[ACTION_HOST_MAX])srv->items, srv->count);
    if (scout->mdns != NULL) {
        mdns_configure(scout->mdns, mdns_setup(setup, &service) ? &service : NULL);
    }
}

void scout_stop(struct scout *scout)
{
    if (scout != NULL) {
        mdns_stop(scout->mdns);
    }
}

bool scout_is_busy(const struct scout *scout)
{
    return scout != NULL && (discovery_is_busy(scout->discovery) || mdns_is_busy(scout->mdns));
}

void scout_destroy(struct scout *scout)
{
    if (scout != NULL) {
        discovery_destroy(scout->discovery);
        mdns_destroy(scout->mdns);
        free(scout);
    }
}
