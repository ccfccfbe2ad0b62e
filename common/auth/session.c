/* SPDX-License-Identifier: MIT */
#include "common/auth/session.h"
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#define ID_FROM_END 14
#define COUNTER_FROM_END 12

struct session {
    EVP_MAC_CTX *send; /* holds its key, so that a packet needs no set-up of it */
    EVP_MAC_CTX *receive;
    struct mono began;
    struct session_window window; /* of what was received */
    uint32_t sent;
    uint16_t id;
    uint8_t receive_key[SECRET_SIZE];
};

const char *session_verdict_name(enum session_verdict verdict)
{
    static const char *const names[SESSION_VERDICTS] = {[SESSION_OK] = "ok",
                                                        [SESSION_TOO_SHORT] = "too short",
                                                        [SESSION_OTHER] = "other session",
                                                        [SESSION_SPENT] = "session spent",
                                                        [SESSION_REPLAYED] = "replayed",
                                                        [SESSION_FORGED] = "forged"};
    return names[verdict];
}

static EVP_MAC_CTX *context_create(const uint8_t key[SECRET_SIZE])
{
    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = algorithm == NULL ? NULL : EVP_MAC_CTX_new(algorithm);
    EVP_MAC_free(algorithm);
    /* OpenSSL's parameters are not const, but it only reads this one. */
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    if (context != NULL && EVP_MAC_init(context, key, SECRET_SIZE, parameters) != 1) {
        EVP_MAC_CTX_free(context);
        context = NULL;
    }
    if (context == NULL) {
        ERR_clear_error();
    }
    return context;
}

struct session *session_create(const struct session_keys *keys, struct mono now)
{
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    session->send = context_create(keys->send);
    session->receive = context_create(keys->receive);
    session->began = now;
    session->id = keys->id;
    memcpy(session->receive_key, keys->receive, SECRET_SIZE);
    if (session->send == NULL || session->receive == NULL) {
        session_destroy(session);
        return NULL;
    }
    return session;
}

void session_destroy(struct session *session)
{
    if (session != NULL) {
        EVP_MAC_CTX_free(session->send); /* which wipes the key */
        EVP_MAC_CTX_free(session->receive);
        secret_wipe(session->receive_key, SECRET_SIZE);
        free(session);
    }
}

uint16_t session_id(const struct session *session)
{
    return session->id;
}

struct session_key session_receive_key(const struct session *session)
{
    struct session_key key = {.id = session->id};
    memcpy(key.octets, session->receive_key, SECRET_SIZE);
    return key;
}

uint32_t session_sent(const struct session *session)
{
    return session->sent;
}

bool session_is_due(const struct session *session, struct mono now)
{
    uint32_t most = SESSION_PACKETS_MAX / 4 * 3;
    return session->sent >= most || session->window.highest >= most ||
           now.ns - session->began.ns >= SESSION_LIFE_NS / 4 * 3;
}

bool session_is_spent(const struct session *session, struct mono now)
{
    return session->sent >= SESSION_PACKETS_MAX || now.ns - session->began.ns >= SESSION_LIFE_NS;
}

static bool compute(EVP_MAC_CTX *context, struct bytes covered, uint8_t tag[SESSION_TAG_SIZE])
{
    uint8_t whole[SECRET_SIZE];
    size_t size = 0;
    bool ok = EVP_MAC_init(context, NULL, 0, NULL) == 1 &&
              EVP_MAC_update(context, covered.data, covered.size) == 1 &&
              EVP_MAC_final(context, whole, &size, sizeof whole) == 1 && size == sizeof whole;
    if (!ok) {
        ERR_clear_error();
        return false;
    }
    memcpy(tag, whole, SESSION_TAG_SIZE);
    return true;
}

bool session_seal(struct session *session, struct mono now, uint8_t *packet, size_t size,
                  uint8_t tag[SESSION_TAG_SIZE])
{
    assert(size >= SESSION_TRAILER_SIZE);
    if (session_is_spent(session, now)) {
        return false;
    }
    session->sent++;
    bytes_put_u16(packet + size - ID_FROM_END, session->id);
    bytes_put_u32(packet + size - COUNTER_FROM_END, session->sent);
    return compute(session->send, bytes_make(packet, size), tag);
}

bool session_tag(struct session *session, struct bytes covered, uint8_t tag[SESSION_TAG_SIZE])
{
    return compute(session->send, covered, tag);
}

bool session_window_has(const struct session_window *window, uint32_t counter)
{
    if (counter == 0) {
        return true; /* none is sent */
    }
    if (counter > window->highest) {
        return false;
    }
    uint32_t age = window->highest - counter;
    return age >= SESSION_WINDOW || (window->seen >> age & 1) != 0;
}

void session_window_note(struct session_window *window, uint32_t counter)
{
    if (counter > window->highest) {
        uint32_t ahead = counter - window->highest;
        window->seen = ahead >= SESSION_WINDOW ? 0 : window->seen << ahead;
        window->highest = counter;
    }
    window->seen |= UINT64_C(1) << (window->highest - counter);
}

enum session_verdict session_open(struct session *session, struct mono now, struct bytes covered,
                                  const uint8_t tag[SESSION_TAG_SIZE])
{
    if (covered.size < SESSION_TRAILER_SIZE) {
        return SESSION_TOO_SHORT;
    }
    if (bytes_u16(covered, covered.size - ID_FROM_END) != session->id) {
        return SESSION_OTHER;
    }
    uint32_t counter = bytes_u32(covered, covered.size - COUNTER_FROM_END);
    if (counter > SESSION_PACKETS_MAX ||
        now.ns - session->began.ns >= SESSION_LIFE_NS + SESSION_GRACE_NS) {
        return SESSION_SPENT;
    }
    if (session_window_has(&session->window, counter)) {
        return SESSION_REPLAYED;
    }
    uint8_t found[SESSION_TAG_SIZE];
    if (!compute(session->receive, covered, found) ||
        !secret_is_equal(found, tag, SESSION_TAG_SIZE)) {
        return SESSION_FORGED;
    }
    session_window_note(&session->window, counter);
    return SESSION_OK;
}
