/* SPDX-License-Identifier: MIT */
#include "common/auth/handshake.h"
#include <string.h>

#define LABEL "truechimer session v1" /* with its final zero */
#define FIELD_TYPE 0xF7C3
#define FIELD_MAGIC 0x54434D31U /* "TCM1" */
#define KIND_HELLO 0x01010000U  /* version 1, kind, zeros */
#define KIND_ACCEPT 0x01030000U
#define BODY_OFFSET 68 /* of the cookie, or of the HELLO's digest */
#define HELLO_SIGNED (HANDSHAKE_HELLO_SIZE - IDENTITY_SIGNATURE_SIZE)
#define ACCEPT_SIGNED (HANDSHAKE_ACCEPT_SIZE - IDENTITY_SIGNATURE_SIZE)

const char *handshake_verdict_name(enum handshake_verdict verdict)
{
    static const char *const names[HANDSHAKE_VERDICTS] = {
        [HANDSHAKE_OK] = "ok",
        [HANDSHAKE_LAYOUT] = "not a handshake",
        [HANDSHAKE_NOT_FOR_US] = "not for us",
        [HANDSHAKE_UNEXPECTED] = "unexpected",
        [HANDSHAKE_STALE_EPOCH] = "stale key epoch",
        [HANDSHAKE_OUR_EPOCH] = "our key epoch was raised elsewhere",
        [HANDSHAKE_FORGED] = "forged",
        [HANDSHAKE_WEAK] = "weak ephemeral key",
        [HANDSHAKE_REPLAYED] = "replayed",
        [HANDSHAKE_CROSSED] = "crossed"};
    return names[verdict];
}

static void begin_field(uint8_t *out, size_t size, uint32_t kind)
{
    bytes_put_u16(out, FIELD_TYPE);
    bytes_put_u16(out + 2, (uint16_t)size);
    bytes_put_u32(out + 4, FIELD_MAGIC);
    bytes_put_u32(out + 8, kind);
}

static bool is_field(struct bytes octets, size_t size, uint32_t kind)
{
    return octets.size == size && bytes_u16(octets, 0) == FIELD_TYPE &&
           bytes_u16(octets, 2) == size && bytes_u32(octets, 4) == FIELD_MAGIC &&
           bytes_u32(octets, 8) == kind;
}

void hello_encode(const struct hello *hello, uint8_t out[HANDSHAKE_HELLO_SIZE])
{
    begin_field(out, HANDSHAKE_HELLO_SIZE, KIND_HELLO);
    bytes_put_u64(out + 12, hello->initiator);
    bytes_put_u64(out + 20, hello->responder);
    bytes_put_u16(out + 28, hello->initiator_epoch);
    bytes_put_u16(out + 30, hello->responder_epoch);
    bytes_put_u32(out + 32, hello->membership_epoch);
    memcpy(out + 36, hello->ephemeral, SECRET_SIZE);
    memcpy(out + BODY_OFFSET, hello->cookie, COOKIE_SIZE);
    memcpy(out + HELLO_SIGNED, hello->signature, IDENTITY_SIGNATURE_SIZE);
}

void accept_encode(const struct accept *accept, uint8_t out[HANDSHAKE_ACCEPT_SIZE])
{
    begin_field(out, HANDSHAKE_ACCEPT_SIZE, KIND_ACCEPT);
    bytes_put_u64(out + 12, accept->responder);
    bytes_put_u64(out + 20, accept->initiator);
    bytes_put_u16(out + 28, accept->responder_epoch);
    bytes_put_u16(out + 30, accept->initiator_epoch);
    bytes_put_u32(out + 32, accept->membership_epoch);
    memcpy(out + 36, accept->ephemeral, SECRET_SIZE);
    memcpy(out + BODY_OFFSET, accept->hello_digest, SECRET_SIZE);
    memcpy(out + ACCEPT_SIGNED, accept->signature, IDENTITY_SIGNATURE_SIZE);
}

bool hello_decode(struct bytes octets, struct hello *hello)
{
    if (!is_field(octets, HANDSHAKE_HELLO_SIZE, KIND_HELLO)) {
        return false;
    }
    hello->initiator = bytes_u64(octets, 12);
    hello->responder = bytes_u64(octets, 20);
    hello->initiator_epoch = bytes_u16(octets, 28);
    hello->responder_epoch = bytes_u16(octets, 30);
    hello->membership_epoch = bytes_u32(octets, 32);
    memcpy(hello->ephemeral, octets.data + 36, SECRET_SIZE);
    memcpy(hello->cookie, octets.data + BODY_OFFSET, COOKIE_SIZE);
    memcpy(hello->signature, octets.data + HELLO_SIGNED, IDENTITY_SIGNATURE_SIZE);
    return true;
}

bool accept_decode(struct bytes octets, struct accept *accept)
{
    if (!is_field(octets, HANDSHAKE_ACCEPT_SIZE, KIND_ACCEPT)) {
        return false;
    }
    accept->responder = bytes_u64(octets, 12);
    accept->initiator = bytes_u64(octets, 20);
    accept->responder_epoch = bytes_u16(octets, 28);
    accept->initiator_epoch = bytes_u16(octets, 30);
    accept->membership_epoch = bytes_u32(octets, 32);
    memcpy(accept->ephemeral, octets.data + 36, SECRET_SIZE);
    memcpy(accept->hello_digest, octets.data + BODY_OFFSET, SECRET_SIZE);
    memcpy(accept->signature, octets.data + ACCEPT_SIGNED, IDENTITY_SIGNATURE_SIZE);
    return true;
}

bool hello_digest(const struct hello *hello, uint8_t digest[SECRET_SIZE])
{
    uint8_t octets[HANDSHAKE_HELLO_SIZE];
    hello_encode(hello, octets);
    struct bytes whole = bytes_make(octets, sizeof octets);
    return secret_digest(&whole, 1, digest);
}

bool handshake_start(struct handshake *handshake, const struct handshake_self *self,
                     const struct handshake_peer *peer)
{
    *handshake = (struct handshake){.hello = {.initiator = identity_id(self->identity),
                                              .responder = peer->id,
                                              .membership_epoch = self->membership_epoch,
                                              .initiator_epoch = self->epoch,
                                              .responder_epoch = peer->epoch}};
    secret_draw(self->random, handshake->private_key);
    return secret_exchange_key(handshake->private_key, handshake->hello.ephemeral);
}

bool handshake_sign(struct handshake *handshake, const struct handshake_self *self,
                    const uint8_t *cookie)
{
    uint8_t octets[HANDSHAKE_HELLO_SIZE];
    struct hello hello = handshake->hello;
    if (cookie == NULL) {
        memset(hello.cookie, 0xff, COOKIE_SIZE);
    } else {
        memcpy(hello.cookie, cookie, COOKIE_SIZE);
    }
    hello_encode(&hello, octets);
    if (!identity_scheme_sign(self->scheme, self->identity, IDENTITY_HELLO,
                              bytes_make(octets, HELLO_SIGNED), hello.signature)) {
        return false;
    }
    handshake->hello = hello;
    handshake->is_signed = true;
    return true;
}

void handshake_clear(struct handshake *handshake)
{
    secret_wipe(handshake, sizeof *handshake);
}

/* Both sides see the same octets and the same secret, or not the same keys. */
static bool derive_keys(const uint8_t shared[SECRET_SIZE], const struct hello *hello,
                        const struct accept *accept, bool is_initiator, struct session_keys *keys)
{
    uint8_t hello_octets[HANDSHAKE_HELLO_SIZE];
    uint8_t accept_octets[HANDSHAKE_ACCEPT_SIZE];
    uint8_t transcript[SECRET_SIZE];
    uint8_t root[SECRET_SIZE];
    uint8_t id[2];
    hello_encode(hello, hello_octets);
    accept_encode(accept, accept_octets);
    struct bytes parts[] = {bytes_make(LABEL, sizeof LABEL),
                            bytes_make(hello_octets, sizeof hello_octets),
                            bytes_make(accept_octets, sizeof accept_octets)};
    uint8_t *by_initiator = is_initiator ? keys->send : keys->receive;
    uint8_t *by_responder = is_initiator ? keys->receive : keys->send;
    bool ok = secret_digest(parts, 3, transcript) &&
              secret_extract(bytes_make(transcript, SECRET_SIZE), bytes_make(shared, SECRET_SIZE),
                             root) &&
              secret_derive(root, "truechimer initiator v1", by_initiator, SECRET_SIZE) &&
              secret_derive(root, "truechimer responder v1", by_responder, SECRET_SIZE) &&
              secret_derive(root, "truechimer session id v1", id, sizeof id);
    secret_wipe(root, sizeof root);
    if (ok) {
        keys->id = bytes_u16(bytes_make(id, sizeof id), 0);
    }
    return ok;
}

/* The rest of the responder's work, once the HELLO is believed. */
static bool make_accept(const struct handshake_self *self, const struct hello *hello,
                        struct accept *accept, struct session_keys *keys)
{
    uint8_t private_key[SECRET_SIZE];
    uint8_t shared[SECRET_SIZE] = {0};
    uint8_t octets[HANDSHAKE_ACCEPT_SIZE];
    *accept = (struct accept){.initiator = hello->initiator,
                              .responder = hello->responder,
                              .membership_epoch = self->membership_epoch,
                              .initiator_epoch = hello->initiator_epoch,
                              .responder_epoch = self->epoch};
    secret_draw(self->random, private_key);
    bool ok = secret_exchange(private_key, hello->ephemeral, shared) &&
              secret_exchange_key(private_key, accept->ephemeral) &&
              hello_digest(hello, accept->hello_digest);
    secret_wipe(private_key, sizeof private_key);
    if (ok) {
        accept_encode(accept, octets);
        ok = identity_scheme_sign(self->scheme, self->identity, IDENTITY_ACCEPT,
                                  bytes_make(octets, ACCEPT_SIGNED), accept->signature) &&
             derive_keys(shared, hello, accept, false, keys);
    }
    secret_wipe(shared, sizeof shared);
    return ok;
}

bool handshake_is_signed(const struct handshake_self *self, const struct public_key *key,
                         const struct hello *hello)
{
    uint8_t octets[HANDSHAKE_HELLO_SIZE];
    hello_encode(hello, octets);
    return identity_scheme_verify(self->scheme, key, IDENTITY_HELLO,
                                  bytes_make(octets, HELLO_SIGNED), hello->signature);
}

/* What is judged without a public-key operation comes first. */
static enum handshake_verdict judge_hello(const struct handshake_self *self,
                                          const struct handshake_peer *peer,
                                          const struct hello *hello)
{
    if (hello->initiator != peer->id || hello->responder != identity_id(self->identity) ||
        hello->initiator == hello->responder) {
        return HANDSHAKE_NOT_FOR_US;
    }
    if (hello->initiator_epoch < peer->epoch) {
        return HANDSHAKE_STALE_EPOCH;
    }
    if (!handshake_is_signed(self, &peer->key, hello)) {
        return HANDSHAKE_FORGED;
    }
    return hello->responder_epoch > self->epoch ? HANDSHAKE_OUR_EPOCH : HANDSHAKE_OK;
}

enum handshake_verdict handshake_answer(const struct handshake_self *self,
                                        struct handshake_peer *peer, const struct hello *hello,
                                        struct accept *accept, struct session_keys *keys)
{
    enum handshake_verdict verdict = judge_hello(self, peer, hello);
    if (verdict != HANDSHAKE_OK) {
        return verdict;
    }
    struct accept made;
    struct session_keys found;
    if (make_accept(self, hello, &made, &found)) {
        *accept = made;
        *keys = found;
        peer->epoch = hello->initiator_epoch;
    } else {
        verdict = HANDSHAKE_WEAK;
    }
    secret_wipe(&found, sizeof found);
    return verdict;
}

static enum handshake_verdict judge_accept(const struct handshake *handshake,
                                           const struct handshake_self *self,
                                           const struct handshake_peer *peer,
                                           const struct accept *accept)
{
    const struct hello *hello = &handshake->hello;
    if (accept->initiator != hello->initiator || accept->responder != hello->responder ||
        accept->responder != peer->id || accept->initiator_epoch != hello->initiator_epoch) {
        return HANDSHAKE_NOT_FOR_US;
    }
    uint8_t digest[SECRET_SIZE];
    if (!handshake->is_signed || !hello_digest(hello, digest) ||
        !secret_is_equal(digest, accept->hello_digest, SECRET_SIZE)) {
        return HANDSHAKE_UNEXPECTED;
    }
    if (accept->responder_epoch < peer->epoch) {
        return HANDSHAKE_STALE_EPOCH;
    }
    uint8_t octets[HANDSHAKE_ACCEPT_SIZE];
    accept_encode(accept, octets);
    if (!identity_scheme_verify(self->scheme, &peer->key, IDENTITY_ACCEPT,
                                bytes_make(octets, ACCEPT_SIGNED), accept->signature)) {
        return HANDSHAKE_FORGED;
    }
    return HANDSHAKE_OK;
}

enum handshake_verdict handshake_finish(const struct handshake *handshake,
                                        const struct handshake_self *self,
                                        struct handshake_peer *peer, const struct accept *accept,
                                        struct session_keys *keys)
{
    enum handshake_verdict verdict = handshake->hello.initiator != identity_id(self->identity)
                                         ? HANDSHAKE_NOT_FOR_US
                                         : judge_accept(handshake, self, peer, accept);
    if (verdict != HANDSHAKE_OK) {
        return verdict;
    }
    uint8_t shared[SECRET_SIZE] = {0};
    struct session_keys found;
    if (secret_exchange(handshake->private_key, accept->ephemeral, shared) &&
        derive_keys(shared, &handshake->hello, accept, true, &found)) {
        *keys = found;
        peer->epoch = accept->responder_epoch;
    } else {
        verdict = HANDSHAKE_WEAK;
    }
    secret_wipe(shared, sizeof shared);
    secret_wipe(&found, sizeof found);
    return verdict;
}
