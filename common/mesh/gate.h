/* SPDX-License-Identifier: MIT */
/* gate.h - which packets with mesh fields a worker hands to the main loop, and what it answers
 * itself: so that full-rate garbage that carries our fields costs the loop nothing.
 *
 * To be handed over a packet has to verify under the key of a live session (or, being a handshake,
 * under a cookie, and pass a token bucket). A first HELLO is answered by a COOKIE, which keeps no
 * state. All else is a stranger's, and is answered as any other client's, in 48 octets. Nothing
 * here moves the engine's replay window: it judges again, and has seen what came to other workers.
 * Pure; one per worker. */
#ifndef COMMON_MESH_GATE_H
#define COMMON_MESH_GATE_H
#include "common/auth/cookie.h"
#include "common/auth/session.h"
#include "common/base/event.h"
#include "ntpwire/packet.h"
#include "ntpwire/report.h"

#define GATE_SESSIONS_MAX 256
#define GATE_ANSWER_MAX REPORT_PAYLOAD_MAX_AGREED
#define GATE_BUCKETS 256 /* of addresses */

/* What may be handed over: packets of a member, handshakes of one address (or member), and
 * handshakes of all strangers together. The interval between two, and how many may be saved up. */
#define GATE_SESSION_NS (NS_PER_S / 32)
#define GATE_SESSION_BURST 32
#define GATE_HANDSHAKE_NS (NS_PER_S / 2)
#define GATE_HANDSHAKE_BURST 8
#define GATE_STRANGERS_NS (NS_PER_S / 16)
#define GATE_STRANGERS_BURST 32

struct gate_session {
    uint64_t member; /* its node id: one may have several sessions */
    uint16_t id;
    uint8_t key[SECRET_SIZE]; /* of what the member sends */
};

/* A copy of what the engine knows. Wiped with secret_wipe(). The engine rotates the jar, and hands
 * out a new table, every COOKIE_ROTATION_NS at least. */
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

/* What becomes of a request. Each has a name and a count. */
enum gate_verdict {
    GATE_PLAIN = 0, /* no field of the mesh's, or no mesh: an ordinary client's */
    GATE_HANDOVER,  /* for the engine */
    GATE_COOKIE,    /* it is answered, if its client may be, by what gate_judge() wrote */
    GATE_LIMITED,   /* for the engine, but too much of it: dropped */
    GATE_REPLAYED,  /* handed over before: dropped, and costs its member nothing */
    /* Those are answered as GATE_PLAIN is. */
    GATE_FORM,       /* see enum report_verdict */
    GATE_GROUP,      /* the group's tag is missing or wrong */
    GATE_NO_SESSION, /* of none that we have */
    GATE_FORGED,     /* the session's tag is wrong */
    GATE_FOREIGN,    /* a HELLO to somebody else, or a handshake that is no request */
    GATE_VERDICTS
};

/* Full again at that instant of the oscillator; 0: always was. */
struct gate_bucket {
    int64_t full_ns;
};

/* What a member has spent. Numbers of sessions fall together, and who answers a handshake can see
 * to it: so no two members share one. */
struct gate_purse {
    struct gate_bucket packets;
    struct gate_bucket handshakes;
};

struct gate { /* used through the calls below only */
    struct gate_table table;
    uint16_t owners[GATE_SESSIONS_MAX]; /* of each session: the first one of its member ... */
    struct gate_purse purses[GATE_SESSIONS_MAX];      /* ... which has the purse */
    struct session_window windows[GATE_SESSIONS_MAX]; /* of each session: what was handed over */
    struct gate_bucket addresses[GATE_BUCKETS];
    struct gate_bucket strangers;
    uint64_t counts[GATE_VERDICTS];
};

/* What goes with a verdict. */
struct gate_result {
    uint32_t share; /* GATE_HANDOVER: whose part of a queue it takes; 0: that of all strangers */
    size_t size;    /* GATE_COOKIE: the whole answer, at most as long as the request */
    uint8_t payload[GATE_ANSWER_MAX];
};

const char *gate_verdict_name(enum gate_verdict verdict);

/* A gate of zeros has no mesh behind it. Takes a copy of the table; what was spent stays spent. */
void gate_set(struct gate *gate, const struct gate_table *table);
/* Wipes the table; there is no mesh any more. */
void gate_close(struct gate *gate);
uint64_t gate_count(const struct gate *gate, enum gate_verdict verdict);

/* Judges a datagram on a server's socket, and counts. */
enum gate_verdict gate_judge(struct gate *gate, const struct datagram *datagram, struct mono now,
                             struct gate_result *result) MUST_CHECK;

/* Whether gate_judge() is to be asked at all: a request of version 4 whose first field may be the
 * mesh's. Costs nothing for all others. */
static inline bool gate_concerns(const struct gate *gate, const struct datagram *datagram)
{
    const struct bytes *payload = &datagram->payload;
    if (payload->size < PACKET_SIZE + EXTENSION_SIZE_MIN_LAST || !gate->table.is_on) {
        return false;
    }
    uint16_t type = bytes_u16(*payload, PACKET_SIZE);
    return (payload->data[0] & 0x3F) == (4 << 3 | MODE_CLIENT) && type >= REPORT_TYPE_REPORT &&
           type <= REPORT_TYPE_MESSAGE;
}
#endif
