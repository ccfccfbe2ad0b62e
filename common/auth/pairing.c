/* SPDX-License-Identifier: MIT */
#include "common/auth/pairing.h"
#include <string.h>

bool pairing_init(struct pairing *pairing, const struct public_key *key, uint16_t epoch)
{
    uint64_t id;
    if (!public_key_id(key, &id)) {
        return false;
    }
    *pairing = (struct pairing){.peer = {.key = *key, .id = id, .epoch = epoch}};
    return true;
}

void pairing_clear(struct pairing *pairing)
{
    session_destroy(pairing->current);
    session_destroy(pairing->pending);
    secret_wipe(pairing, sizeof *pairing);
}

static bool is_alive(const struct session *session, struct mono now)
{
    return session != NULL && !session_is_spent(session, now);
}

bool pairing_start(struct pairing *pairing, const struct handshake_self *self, struct mono now)
{
    pairing_abandon(pairing);
    if (!handshake_start(&pairing->handshake, self, &pairing->peer) ||
        (is_alive(pairing->current, now) && !handshake_sign(&pairing->handshake, self, NULL))) {
        return false;
    }
    pairing->is_waiting = true;
    pairing->signed_at = now;
    return true;
}

bool pairing_start_afresh(struct pairing *pairing, const struct handshake_self *self)
{
    pairing_abandon(pairing);
    pairing->is_waiting = handshake_start(&pairing->handshake, self, &pairing->peer);
    return pairing->is_waiting;
}

const struct hello *pairing_hello(const struct pairing *pairing)
{
    return pairing->is_waiting ? &pairing->handshake.hello : NULL;
}

bool pairing_take_cookie(struct pairing *pairing, const struct handshake_self *self,
                         const uint8_t cookie[COOKIE_SIZE], struct mono now)
{
    pairing->signed_at = now;
    return pairing->is_waiting && handshake_sign(&pairing->handshake, self, cookie);
}

void pairing_abandon(struct pairing *pairing)
{
    handshake_clear(&pairing->handshake);
    pairing->is_waiting = false;
}

/* Takes the place of a session that was pending before. */
static bool add_pending(struct pairing *pairing, const struct session_keys *keys, struct mono now,
                        bool is_initiator)
{
    struct session *session = session_create(keys, now);
    if (session == NULL) {
        return false;
    }
    session_destroy(pairing->pending);
    pairing->pending = session;
    pairing->is_initiator = is_initiator;
    pairing->pending_since = now;
    return true;
}

static bool is_seen(const struct pairing *pairing, const uint8_t digest[SECRET_SIZE])
{
    static const uint8_t none[SECRET_SIZE];
    bool is_found = false;
    for (uint8_t i = 0; i < PAIRING_SEEN; i++) {
        is_found = is_found || memcmp(pairing->seen[i], digest, SECRET_SIZE) == 0;
    }
    return is_found && memcmp(none, digest, SECRET_SIZE) != 0;
}

static void note_seen(struct pairing *pairing, const uint8_t digest[SECRET_SIZE])
{
    uint8_t next = (uint8_t)((pairing->seen_newest + 1) % PAIRING_SEEN);
    if (pairing->has_answered && next == pairing->seen_answered) {
        next = (uint8_t)((next + 1) % PAIRING_SEEN); /* it may be asked for again */
    }
    memcpy(pairing->seen[next], digest, SECRET_SIZE);
    pairing->seen_newest = next;
}

bool pairing_has_answered(const struct pairing *pairing, const struct hello *hello)
{
    uint8_t digest[SECRET_SIZE];
    return pairing->has_answered && hello_digest(hello, digest) &&
           memcmp(pairing->seen[pairing->seen_answered], digest, SECRET_SIZE) == 0;
}

/* They drop theirs when they hear ours; whether they ever will, only a cookie of theirs tells, or
 * the session: where ours don't arrive, theirs must be answered. And once ours is too old to be
 * answered, nothing speaks against theirs. */
static bool is_crossed(const struct pairing *pairing, const struct handshake_self *self,
                       struct mono now)
{
    return pairing->is_waiting && pairing->handshake.is_signed &&
           now.ns - pairing->signed_at.ns < PAIRING_CROSSING_NS &&
           identity_id(self->identity) < pairing->peer.id;
}

enum handshake_verdict pairing_answer(struct pairing *pairing, const struct handshake_self *self,
                                      const struct hello *hello, struct mono now,
                                      struct accept *accept)
{
    uint8_t digest[SECRET_SIZE];
    if (!hello_digest(hello, digest)) {
        return HANDSHAKE_WEAK;
    }
    if (pairing_has_answered(pairing, hello)) {
        *accept = pairing->answer; /* the first copy of it may have been lost */
        return HANDSHAKE_OK;
    }
    if (is_seen(pairing, digest)) {
        return HANDSHAKE_REPLAYED;
    }
    struct session_keys keys;
    struct handshake_peer peer = pairing->peer;
    struct accept answer;
    enum handshake_verdict verdict = handshake_answer(self, &peer, hello, &answer, &keys);
    if (verdict != HANDSHAKE_OK) {
        return verdict;
    }
    pairing->peer.epoch = peer.epoch;
    note_seen(pairing, digest);
    if (is_crossed(pairing, self, now)) {
        verdict = HANDSHAKE_CROSSED;
    } else if (!add_pending(pairing, &keys, now, false)) {
        verdict = HANDSHAKE_WEAK;
    } else {
        pairing_abandon(pairing);
        pairing->seen_answered = pairing->seen_newest;
        pairing->answer = answer;
        pairing->has_answered = true;
        *accept = answer;
    }
    secret_wipe(&keys, sizeof keys);
    return verdict;
}

enum handshake_verdict pairing_finish(struct pairing *pairing, const struct handshake_self *self,
                                      const struct accept *accept, struct mono now)
{
    if (!pairing->is_waiting) {
        return HANDSHAKE_UNEXPECTED;
    }
    struct session_keys keys;
    enum handshake_verdict verdict =
        handshake_finish(&pairing->handshake, self, &pairing->peer, accept, &keys);
    if (verdict != HANDSHAKE_OK) {
        return verdict;
    }
    if (add_pending(pairing, &keys, now, true)) {
        pairing_abandon(pairing);
    } else {
        verdict = HANDSHAKE_WEAK;
    }
    secret_wipe(&keys, sizeof keys);
    return verdict;
}

bool pairing_is_due(const struct pairing *pairing, struct mono now)
{
    if (pairing->pending != NULL && now.ns - pairing->pending_since.ns < PAIRING_PATIENCE_NS) {
        return false;
    }
    return pairing->current == NULL || session_is_due(pairing->current, now);
}

size_t pairing_receive_keys(const struct pairing *pairing, struct session_key keys[2])
{
    size_t count = 0;
    if (pairing->current != NULL) {
        keys[count++] = session_receive_key(pairing->current);
    }
    if (pairing->pending != NULL) {
        keys[count++] = session_receive_key(pairing->pending);
    }
    return count;
}

bool pairing_has_session(const struct pairing *pairing, struct mono now)
{
    bool may_begin = pairing->is_initiator && is_alive(pairing->pending, now) &&
                     session_sent(pairing->pending) < PAIRING_TRIES;
    return may_begin || is_alive(pairing->current, now);
}

bool pairing_seal(struct pairing *pairing, struct mono now, uint8_t *packet, size_t size,
                  uint8_t tag[SESSION_TAG_SIZE])
{
    if (pairing->pending != NULL && pairing->is_initiator &&
        session_sent(pairing->pending) >= PAIRING_TRIES) {
        session_destroy(pairing->pending);
        pairing->pending = NULL;
    }
    bool is_pending = pairing->pending != NULL && pairing->is_initiator;
    struct session *session = is_pending ? pairing->pending : pairing->current;
    return session != NULL && session_seal(session, now, packet, size, tag);
}

enum session_verdict pairing_open(struct pairing *pairing, struct mono now, struct bytes covered,
                                  const uint8_t tag[SESSION_TAG_SIZE])
{
    enum session_verdict verdict = SESSION_OTHER;
    if (pairing->pending != NULL) {
        verdict = session_open(pairing->pending, now, covered, tag);
        if (verdict == SESSION_OK) {
            session_destroy(pairing->current);
            pairing->current = pairing->pending;
            pairing->pending = NULL;
            return verdict;
        }
    }
    /* The two may have the same id by chance, and only the tag tells them apart. */
    if (pairing->current != NULL) {
        enum session_verdict older = session_open(pairing->current, now, covered, tag);
        return older == SESSION_OTHER ? verdict : older;
    }
    return verdict;
}
