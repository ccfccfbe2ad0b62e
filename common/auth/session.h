/* SPDX-License-Identifier: MIT */
/* session.h - the keys that two nodes share for an hour, and the packets under them.
 *
 * One key for each direction, so that a packet reflected to its sender does not verify. The tag is
 * HMAC-SHA256-128 over everything before it; what is covered ends with session id (u16), packet
 * counter (u32) and HLC (u64), as the AUTH field lays them out. Counters begin with 1; the receiver
 * takes each once, inside of a window of 64. Allocates when created only. Not thread-safe: the
 * packets of a session belong to one thread. */
#ifndef COMMON_AUTH_SESSION_H
#define COMMON_AUTH_SESSION_H
#include "common/auth/secret.h"
#include "common/base/instant.h"

#define SESSION_TAG_SIZE SECRET_TAG_SIZE
#define SESSION_TRAILER_SIZE 14 /* session id, counter, HLC: the end of what is covered */
#define SESSION_WINDOW 64       /* packets that may overtake each other */
#define SESSION_PACKETS_MAX (UINT32_C(1) << 20)
#define SESSION_LIFE_NS (3600 * NS_PER_S)
/* The two ends do not begin at the same instant, and the last packet travels for a while. */
#define SESSION_GRACE_NS (60 * NS_PER_S)

enum session_verdict {
    SESSION_OK = 0,
    SESSION_TOO_SHORT, /* nothing that could end in id, counter and HLC */
    SESSION_OTHER,     /* the id of another session */
    SESSION_SPENT,     /* older than its life, or beyond its last packet */
    SESSION_REPLAYED,  /* seen before, or too old to tell */
    SESSION_FORGED,    /* the tag is not that of the other side */
    SESSION_VERDICTS
};

struct session_keys { /* wiped with secret_wipe() by whoever holds one */
    uint8_t send[SECRET_SIZE];
    uint8_t receive[SECRET_SIZE];
    uint16_t id; /* the same on both sides */
};

/* What verifies the other side's packets, for whoever sorts them elsewhere; wiped likewise. */
struct session_key {
    uint8_t octets[SECRET_SIZE];
    uint16_t id;
};

/* The counters that were seen: those 64 up to the highest are told apart. Zeros: none was. */
struct session_window {
    uint64_t seen; /* bit i: highest - i */
    uint32_t highest;
};

struct session;

/* Was it seen, or is it too old to tell? */
bool session_window_has(const struct session_window *window, uint32_t counter);
void session_window_note(struct session_window *window, uint32_t counter);

const char *session_verdict_name(enum session_verdict verdict);

/* Takes what it needs of *keys. NULL if memory or the crypto library fails. */
struct session *session_create(const struct session_keys *keys, struct mono now);
/* Wipes and frees; NULL is allowed. */
void session_destroy(struct session *session);

uint16_t session_id(const struct session *session);
struct session_key session_receive_key(const struct session *session);
/* Packets sealed so far. */
uint32_t session_sent(const struct session *session);
/* Has it lived for three quarters, in time or packets, so that its successor should be agreed on?
 */
bool session_is_due(const struct session *session, struct mono now);
/* Is it at its end, so that nothing can be sealed any more? */
bool session_is_spent(const struct session *session, struct mono now);

/* Writes session id and the next counter into the last SESSION_TRAILER_SIZE of the size octets of
 * packet (the HLC is the caller's), then the tag of them all. False if the session is spent or the
 * crypto library fails; a counter is never used twice. */
bool session_seal(struct session *session, struct mono now, uint8_t *packet, size_t size,
                  uint8_t tag[SESSION_TAG_SIZE]) MUST_CHECK;
/* The tag of what session_seal() sealed and somebody changed since; for those who try what becomes
 * of that. No counter is taken. */
bool session_tag(struct session *session, struct bytes covered,
                 uint8_t tag[SESSION_TAG_SIZE]) MUST_CHECK;
/* Judges what the other side sealed. Only a packet that verifies moves the window. */
enum session_verdict session_open(struct session *session, struct mono now, struct bytes covered,
                                  const uint8_t tag[SESSION_TAG_SIZE]) MUST_CHECK;
#endif
