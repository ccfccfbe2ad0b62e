/* SPDX-License-Identifier: MIT */
/* sharing.h - associations that speak through the server's sockets (peers, broadcasts): registered
 * with the stations, which hand their datagrams over. Belongs to the main loop. */
#ifndef SERVER_SHARING_H
#define SERVER_SHARING_H
#include "server/handover.h"
#include "server/station.h"

#define SHARING_ERROR_MAX 256

struct sharing;

/* The stations outlive it, and are told to share by it alone. take as in handover.h. NULL if memory
 * or files are short. */
struct sharing *sharing_create(uv_loop_t *loop, struct station *const *stations,
                               size_t station_count,
                               void (*take)(void *context, struct event *event), void *context);
/* The stations share no more; the loop must run once more, which frees it. NULL is allowed. */
void sharing_destroy(struct sharing *sharing);

/* False, and a sentence in error, where its datagrams can neither come nor go; it is registered all
 * the same, and closed by sharing_close(). */
bool sharing_open(struct sharing *sharing, const struct action_open *open,
                  char error[SHARING_ERROR_MAX]) MUST_CHECK;
void sharing_close(struct sharing *sharing, uint32_t association);
bool sharing_has(const struct sharing *sharing, uint32_t association);
/* False, and a sentence in error, if it could not be sent. */
bool sharing_send(struct sharing *sharing, const struct action_send *send,
                  char error[SHARING_ERROR_MAX]) MUST_CHECK;
/* An answer through the server's sockets, of no association; the same. */
bool sharing_answer(struct sharing *sharing, const struct action_send *send,
                    char error[SHARING_ERROR_MAX]) MUST_CHECK;
/* As handover_dropped(). */
uint64_t sharing_dropped(const struct sharing *sharing);
#endif
