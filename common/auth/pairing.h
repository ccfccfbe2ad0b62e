/* SPDX-License-Identifier: MIT */
/* pairing.h - what a node keeps of another: the session that lives, the one that is to follow, and
 * the handshake under way.
 *
 * A new session is pending until a packet under it verifies, and the old one lives until then; no
 * message without a key ends either. The initiator speaks under the pending session first, since a
 * signed ACCEPT says that the other holds it; after PAIRING_TRIES packets without an answer it
 * drops it, and goes on as before. When both begin at once, the signed HELLO of the smaller node id
 * wins, for as long as its answer may still come. The last PAIRING_SEEN signed HELLOs are
 * remembered, which outlasts a cookie's life at the pace that a member may start handshakes. Not
 * thread-safe. */
#ifndef COMMON_AUTH_PAIRING_H
#define COMMON_AUTH_PAIRING_H
#include "common/auth/handshake.h"

#define PAIRING_SEEN 16
#define PAIRING_TRIES 8
/* So long a signed HELLO of ours stands against one of the other's. */
#define PAIRING_CROSSING_NS (8 * NS_PER_S)
/* So long a pending session keeps us from a handshake of our own. */
#define PAIRING_PATIENCE_NS (300 * NS_PER_S)

struct pairing { /* used through the calls below only */
    struct handshake_peer peer;
    struct handshake handshake; /* ours, while is_waiting */
    struct session *current;    /* NULL if none */
    struct session *pending;    /* NULL if none */
    struct mono pending_since;
    struct mono signed_at; /* our HELLO, if it is */
    struct accept answer;  /* to the HELLO that seen_answered points at */
    uint8_t seen[PAIRING_SEEN][SECRET_SIZE];
    uint8_t seen_answered;
    uint8_t seen_newest;
    bool has_answered;
    bool is_waiting;
    bool is_initiator; /* of the pending session */
};

/* False if the crypto library fails, which gives no id then. */
bool pairing_init(struct pairing *pairing, const struct public_key *key, uint16_t epoch) MUST_CHECK;
/* Wipes and frees what it holds. */
void pairing_clear(struct pairing *pairing);

/* Begins a handshake, in place of one that is under way. The HELLO to send is pairing_hello()'s:
 * with a live session it is signed (a renewal, to be sent under it), else it asks for a cookie. */
bool pairing_start(struct pairing *pairing, const struct handshake_self *self,
                   struct mono now) MUST_CHECK;
/* The same, but it asks for a cookie though there is a session: the other may have lost it. */
bool pairing_start_afresh(struct pairing *pairing, const struct handshake_self *self) MUST_CHECK;
/* The HELLO to send or to send again, or NULL if no handshake is under way. */
const struct hello *pairing_hello(const struct pairing *pairing);
/* Signs our HELLO with the cookie that came back; that it answers our packet is the caller's to
 * know, by the origin timestamp. False if no handshake is under way. */
bool pairing_take_cookie(struct pairing *pairing, const struct handshake_self *self,
                         const uint8_t cookie[COOKIE_SIZE], struct mono now) MUST_CHECK;
/* Gives ours up, as when no answer came. */
void pairing_abandon(struct pairing *pairing);

/* Is it the HELLO that was answered last, once more? That costs nothing to answer. */
bool pairing_has_answered(const struct pairing *pairing, const struct hello *hello);
/* Answers a HELLO whose cookie, or whose packet's session MAC, was found good. If it is OK, *accept
 * is to be sent: the same one again if the HELLO is the newest again. */
enum handshake_verdict pairing_answer(struct pairing *pairing, const struct handshake_self *self,
                                      const struct hello *hello, struct mono now,
                                      struct accept *accept) MUST_CHECK;
/* Takes the answer to ours. */
enum handshake_verdict pairing_finish(struct pairing *pairing, const struct handshake_self *self,
                                      const struct accept *accept, struct mono now) MUST_CHECK;

/* Is it time to begin a handshake: no session, or one that is due? */
bool pairing_is_due(const struct pairing *pairing, struct mono now);
/* The sessions under which the other may send: their ids and keys, at most two. Returns their
 * number. */
size_t pairing_receive_keys(const struct pairing *pairing, struct session_key keys[2]);
/* Is there a session under which a packet may be sent? */
bool pairing_has_session(const struct pairing *pairing, struct mono now);
/* As session_seal() and session_open(), under the session that is right. The first packet that
 * verifies under the pending session makes it the current one. */
bool pairing_seal(struct pairing *pairing, struct mono now, uint8_t *packet, size_t size,
                  uint8_t tag[SESSION_TAG_SIZE]) MUST_CHECK;
enum session_verdict pairing_open(struct pairing *pairing, struct mono now, struct bytes covered,
                                  const uint8_t tag[SESSION_TAG_SIZE]) MUST_CHECK;
#endif
