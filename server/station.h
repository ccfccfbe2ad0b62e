/* SPDX-License-Identifier: MIT */
/* station.h - one worker with the server engine that answers on it. */
#ifndef SERVER_STATION_H
#define SERVER_STATION_H
#include "common/host/worker.h"
#include "common/mesh/gate.h"
#include "server/handover.h"
#include "server/intake.h"
#include "server/server.h"

struct station;

/* Takes over the sockets. loop: NULL for a thread of its own. NULL on failure; error says why. */
struct station *station_create(const struct server_options *options, struct udp *sockets,
                               size_t count, const struct clock *clock, uv_loop_t *loop,
                               char error[KEYRING_ERROR_MAX]);
int station_start(struct station *station) MUST_CHECK;
/* With a loop of the caller's, that loop must run once more before the station is freed by
 * station_destroy()'s second half: see worker_destroy(). */
void station_destroy(struct station *station);

/* These may be called from the main loop at any time. */
void station_publish(struct station *station, const struct sync_state *state);
bool station_configure(struct station *station, const struct server_options *options,
                       char error[KEYRING_ERROR_MAX]) MUST_CHECK;
/* What associations share with the server: their datagrams go to handover instead of being
 * answered, and so do the stamps of what they sent. Copied; an empty list ends it. takes_groups:
 * also what went to a group, which all workers' sockets hear; so only one of them takes it. */
void station_share(struct station *station, struct handover *handover,
                   const struct handover_list *list, bool takes_groups);
/* What the station's gate lets through goes to intake. Copied; NULL: there is no mesh. */
void station_gate(struct station *station, struct intake *intake, const struct gate_table *table);
/* Adds the counts of this station's gate to sum. */
void station_add_gate(struct station *station, uint64_t sum[GATE_VERDICTS]);
/* As worker_sockets(). */
const struct udp *station_sockets(const struct station *station, size_t *count);
/* Adds this station's counts to *sum. */
void station_add_counters(struct station *station, struct server_counters *sum);
/* Clients held, and the indices by which they can be listed. */
size_t station_clients(struct station *station, size_t *slots);
/* As ratelimit_list(). */
size_t station_list(struct station *station, size_t first, struct mono now,
                    struct ratelimit_client *clients, size_t room, size_t *next);
#endif
