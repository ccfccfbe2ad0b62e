/* SPDX-License-Identifier: MIT */
/* handshake.h - how two nodes that know each other's Ed25519 keys agree on the keys of a session.
 *
 * HELLO, from the initiator, and its answer ACCEPT are whole HANDSHAKE fields; what is signed,
 * digested and hashed is their octets as they travel. Integers are big-endian:
 *
 *      0 type 0xF7C3 (2), length (2)
 *      4 magic 0x54434D31 (4)
 *      8 version 1 (1), kind (1): HELLO 1, ACCEPT 3, zeros (2)
 *     12 the sender's id (8)
 *     20 the other's id (8)
 *     28 the sender's key epoch (2), the other's (2)
 *     32 the sender's membership epoch (4)
 *     36 the sender's ephemeral (32)
 *     68 HELLO: cookie (16); ACCEPT: SHA-256 of the whole HELLO (32)
 *        signature (64): at 84, or at 100
 *
 * A first HELLO has neither cookie nor signature (zeros), and is worth a COOKIE at most. A HELLO in
 * a packet that verifies under the two nodes' present session needs no cookie, and has 16 octets of
 * 0xFF instead: that renews in one round trip. A signature covers all before it under a label of
 * its own; ACCEPT's covers the initiator's ephemeral by the HELLO's digest.
 *
 * HKDF-SHA256 extracts from the X25519 secret of the ephemerals, salted by SHA-256("truechimer
 * session v1", a zero octet, HELLO, ACCEPT). Expanding, each with a final zero octet, "truechimer
 * initiator v1" and "truechimer responder v1" gives the key of what either sends, and "truechimer
 * session id v1" two octets. The responder knows that the HELLO was no replay when a packet
 * verifies under the session.
 *
 * A node speaks with its own key epoch, and with the highest that it has seen of the other. Either
 * may raise its own at any time; nobody comes back with a lower one. Membership epochs may differ.
 * Pure functions; safe in any thread. */
#ifndef COMMON_AUTH_HANDSHAKE_H
#define COMMON_AUTH_HANDSHAKE_H
#include "common/auth/cookie.h"
#include "common/auth/identity.h"
#include "common/auth/session.h"

#define HANDSHAKE_HELLO_SIZE 148
#define HANDSHAKE_ACCEPT_SIZE 164

enum handshake_verdict {
    HANDSHAKE_OK = 0,
    HANDSHAKE_LAYOUT,      /* not a field of that kind */
    HANDSHAKE_NOT_FOR_US,  /* from or to somebody else, our own one come back included */
    HANDSHAKE_UNEXPECTED,  /* an ACCEPT to something else than our last signed HELLO */
    HANDSHAKE_STALE_EPOCH, /* their key epoch is lower than one they had already */
    HANDSHAKE_OUR_EPOCH,   /* they have seen a higher key epoch of ours: who used our key? */
    HANDSHAKE_FORGED,      /* the signature is not theirs */
    HANDSHAKE_WEAK,        /* no secret follows from their ephemeral, or the library fails */
    HANDSHAKE_REPLAYED,    /* a HELLO that was answered before, and is not the last one */
    HANDSHAKE_CROSSED,     /* ours is under way, and wins */
    HANDSHAKE_VERDICTS
};

/* Ourselves, and where our ephemeral keys come from. */
struct handshake_self {
    const struct identity *identity;
    struct random *random; /* the kernel's generator outside of tests and simulations */
    const struct identity_scheme *scheme; /* NULL: Ed25519 */
    uint32_t membership_epoch;
    uint16_t epoch;
};

/* The other one, as configured or certified. */
struct handshake_peer {
    struct public_key key;
    uint64_t id;
    uint16_t epoch; /* the highest seen, kept by the calls below; to be saved by the owner */
};

struct hello {
    uint8_t ephemeral[SECRET_SIZE];
    uint64_t initiator;
    uint64_t responder;
    uint32_t membership_epoch; /* the initiator's */
    uint16_t initiator_epoch;
    uint16_t responder_epoch;
    uint8_t cookie[COOKIE_SIZE];
    uint8_t signature[IDENTITY_SIGNATURE_SIZE];
};

struct accept {
    uint8_t ephemeral[SECRET_SIZE];
    uint64_t initiator;
    uint64_t responder;
    uint32_t membership_epoch; /* the responder's */
    uint16_t initiator_epoch;
    uint16_t responder_epoch;
    uint8_t hello_digest[SECRET_SIZE];
    uint8_t signature[IDENTITY_SIGNATURE_SIZE];
};

/* One that we began; wiped with handshake_clear(). */
struct handshake {
    struct hello hello;
    uint8_t private_key[SECRET_SIZE];
    bool is_signed;
};

const char *handshake_verdict_name(enum handshake_verdict verdict);

void hello_encode(const struct hello *hello, uint8_t out[HANDSHAKE_HELLO_SIZE]);
void accept_encode(const struct accept *accept, uint8_t out[HANDSHAKE_ACCEPT_SIZE]);
/* False unless octets are a whole field of that kind: type, length, magic, version and zeros. */
bool hello_decode(struct bytes octets, struct hello *hello) MUST_CHECK;
bool accept_decode(struct bytes octets, struct accept *accept) MUST_CHECK;
/* What an ACCEPT names its HELLO by. */
bool hello_digest(const struct hello *hello, uint8_t digest[SECRET_SIZE]) MUST_CHECK;

/* Draws an ephemeral key; handshake->hello is then a first HELLO, unsigned. False if the crypto
 * library fails. */
bool handshake_start(struct handshake *handshake, const struct handshake_self *self,
                     const struct handshake_peer *peer) MUST_CHECK;
/* Signs it with that cookie, or with octets of 0xFF if cookie is NULL (a renewal under a session).
 */
bool handshake_sign(struct handshake *handshake, const struct handshake_self *self,
                    const uint8_t *cookie) MUST_CHECK;
void handshake_clear(struct handshake *handshake);

/* Is it signed by that peer? What else speaks against it is not judged. */
bool handshake_is_signed(const struct handshake_self *self, const struct public_key *key,
                         const struct hello *hello) MUST_CHECK;
/* The responder's half. Whoever calls it has found the cookie good, or the packet verified under
 * the present session. Only when it is OK are *accept, *keys and peer->epoch written. */
enum handshake_verdict handshake_answer(const struct handshake_self *self,
                                        struct handshake_peer *peer, const struct hello *hello,
                                        struct accept *accept,
                                        struct session_keys *keys) MUST_CHECK;
/* The initiator's. The handshake stays as it is, so that a forged ACCEPT ends nothing; clear it
 * once it is OK. */
enum handshake_verdict handshake_finish(const struct handshake *handshake,
                                        const struct handshake_self *self,
                                        struct handshake_peer *peer, const struct accept *accept,
                                        struct session_keys *keys) MUST_CHECK;
#endif
