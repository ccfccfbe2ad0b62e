/* SPDX-License-Identifier: MIT */
/* serving.h - all the stations: where NTP is served, and by how many workers. */
#ifndef SERVER_SERVING_H
#define SERVER_SERVING_H
#include "common/base/random.h"
#include "server/setup.h"
#include "server/station.h"

/* Begins all zero; read by those who look. */
struct serving {
    struct config_addresses listening; /* of those configured, what this machine has */
    size_t station_count;
    struct station *stations[CONFIG_WORKERS_MAX];
};

struct serving_context {
    uv_loop_t *loop; /* to answer in, where no worker is configured */
    const struct clock *clock;
    struct random *random;
};

/* Opens the sockets. False if nothing can be served; the log says why. What is open is closed by
 * serving_close() in any case. */
bool serving_open(struct serving *serving, const struct setup *setup,
                  const struct serving_context *context) MUST_CHECK;
bool serving_start(struct serving *serving) MUST_CHECK;
/* Access rules, keys and rates anew. False, and the log says why: then some stations may have taken
 * them. */
bool serving_configure(struct serving *serving, const struct setup *setup,
                       struct random *random) MUST_CHECK;
/* The loop must run once more. */
void serving_close(struct serving *serving);
/* " 0.0.0.0:123 [::]:123": each address after a space, as many as fit. */
void serving_list(const struct serving *serving, char *text, size_t room);
#endif
