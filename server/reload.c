/* SPDX-License-Identifier: MIT */
#include "server/reload.h"
#include "common/host/log.h"
#include <string.h>

static void warn_if(bool differs, const char *key)
{
    if (differs) {
        log_message(LOG_LEVEL_WARNING, "reload: %s changed; it takes effect at the next start",
                    key);
    }
}

static bool addresses_differ(const struct config_addresses *a, const struct config_addresses *b)
{
    bool differ = a->count != b->count;
    for (size_t i = 0; i < a->count && !differ; i++) {
        differ = !address_is_same(&a->items[i], &b->items[i]);
    }
    return differ;
}

void reload_warn(const struct config *before, const struct config *after)
{
    warn_if(before->clock.control != after->clock.control, "[clock] control");
    warn_if(before->clock.virtual_offset_ns != after->clock.virtual_offset_ns ||
                before->clock.virtual_rate_ppm != after->clock.virtual_rate_ppm ||
                before->clock.virtual_wander_ppb != after->clock.virtual_wander_ppb,
            "the virtual clock's fault");
    warn_if(strcmp(before->clock.state_dir, after->clock.state_dir) != 0, "[clock] state-dir");
    warn_if(before->clock.hardware_timestamps != after->clock.hardware_timestamps,
            "[clock] hardware-timestamps");
    warn_if(addresses_differ(&before->server.listen, &after->server.listen), "[server] listen");
    warn_if(before->server.workers != after->server.workers, "[server] workers");
    warn_if(before->server.clients_max != after->server.clients_max, "[server] clients-max");
    warn_if(strcmp(before->server.user, after->server.user) != 0, "[server] user");
    warn_if(addresses_differ(&before->control.chronyc, &after->control.chronyc),
            "[control] chronyc");
    warn_if(before->control.socket_is_auto != after->control.socket_is_auto ||
                strcmp(before->control.socket, after->control.socket) != 0,
            "[control] socket");
    warn_if(strcmp(before->control.group, after->control.group) != 0, "[control] group");
    warn_if(strcmp(before->control.chronyc_socket, after->control.chronyc_socket) != 0,
            "[control] chronyc-socket");
}
