/* SPDX-License-Identifier: MIT */
/* interleave.h - remembers when answers left, for clients in interleaved mode (RFC 9769, 2).
 *
 * The server's key is the receive timestamp it gave, which the client sends back as its origin
 * timestamp; an entry belongs to the address it was made for. A fixed, set-associative table: when
 * a set is full the oldest entry makes room, and its client is answered in basic mode once. Not
 * thread-safe: one per worker. */
#ifndef SERVER_INTERLEAVE_H
#define SERVER_INTERLEAVE_H
#include "common/base/event.h"
#include "ntpwire/timestamp.h"

#define INTERLEAVE_ENTRIES 4096

struct interleave;

struct interleave *interleave_create(uint64_t seed); /* NULL if memory is short */
void interleave_destroy(struct interleave *interleave);

/* Makes *receive unique among the entries of that client by adding steps of 2^-31 s (it stays
 * odd or even), and enters it with no transmit timestamp yet. */
void interleave_save(struct interleave *interleave, uint64_t client_key, struct timestamp *receive);
/* Sets or improves the transmit timestamp of the answer that carried receive; nothing happens if it
 * is gone. */
void interleave_sent(struct interleave *interleave, uint64_t client_key, struct timestamp receive,
                     struct timestamp transmit, enum stamp_origin stamp);
/* Finds the transmit timestamp of the earlier answer, and who took it, and forgets the entry, so
 * that a replayed request gets basic mode. False if there is none. */
bool interleave_take(struct interleave *interleave, uint64_t client_key, struct timestamp receive,
                     struct timestamp *transmit, enum stamp_origin *stamp) MUST_CHECK;
#endif
