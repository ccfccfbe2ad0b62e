/* SPDX-License-Identifier: MIT */
/* gate.h - which packets with mesh fields a worker hands to the main loop, and what it answers
 * itself: so that full-rate garbage that carries our fields costs the loop nothing.
 *
 * To be handed over a packet has to verify under the key of a live session (or, being a handshake,
 * under a cookie, and pass a token bucket). A first HELLO is answered by a COOKIE, which keeps no
 * state. All else is a stranger's, and is answered as any other client's, in 48 octets. Nothing
 * here moves a replay window: the engine judges again. Pure; one per worker. */
#ifndef COMMON_MESH_GATE_H
#define COMMON_MESH_GATE_H
#include "common/auth/cookie.h"
#include "common/base/event.h"
#include "ntpwire/report.h"

#define GATE_SESSIONS_MAX 256
#define GATE_ANSWER_MAX REPORT_PAYLOAD_MAX_AGREED

struct gate_session {
    uint16_t id;
    uint8_t key[SECRET_SIZE]; /* of what the member sends */
};

/* A copy of what the engine knows. Wiped with secret_wipe(). */
struct gate_table {
    bool is_on;
    uint64_t self;
    size_t payload_max;
    struct cookie_jar jar;
    bool has_group;
    uint16_t group_id;
    uint8_t group_key[SECRET_SIZE];
    size_t certificate_size; /* ours, as a MESSAGE field that goes with a COOKIE; 0: none */
    uint8_t certificate[REPORT_PAYLOAD_MAX];
    size_t count;
    struct gate_session sessions[GATE_SESSIONS_MAX];
};
#endif
