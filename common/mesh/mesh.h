/* SPDX-License-Identifier: MIT */
/* mesh.h - the engine of the mesh: what members of it say to each other inside of ordinary NTP
 * exchanges (doc/protocol.md, "The mesh's fields"), and what is thought of them.
 *
 * It measures no time and steers nothing: the sync engine asks members as it asks any source, and
 * this engine dresses those requests, opens the answers, answers the requests of others, keeps
 * sessions, reports, a hybrid logical clock, verdicts and evidence. What each learns of the other
 * are the values of common/base/member.h, which server/node carries between them.
 *
 * Only members' addresses ever get a field. What does not verify under a session is no sample, no
 * vote, no sign of life: it is counted by a verdict, and changes nothing. Tables are of a fixed
 * size; a packet causes bounded work. Pure; not thread-safe. */
#ifndef COMMON_MESH_MESH_H
#define COMMON_MESH_MESH_H
#include "common/auth/identity.h"
#include "common/base/action.h"
#include "common/base/hlc.h"
#include "common/base/member.h"
#include "common/mesh/gate.h"
#include "ntpwire/report.h"

#define MESH_MEMBERS_MAX 256 /* that are known */
#define MESH_VIEW_MAX 16     /* that are asked */
#define MESH_JOINS_MAX 8
#define MESH_DOMAIN_MAX 32
#define MESH_ERROR_MAX 512
#define MESH_REPORT_NS NS_PER_S /* so old may a report be that is sent again */

enum mesh_algorithm { MESH_AGREEMENT, MESH_BERKELEY };

/* A member by configuration. */
struct mesh_member_options {
    char name[EVENT_NAME_MAX];
    char host[ACTION_HOST_MAX]; /* name or address; empty: it is only answered */
    uint16_t port;
    struct public_key key;
    char domain[MESH_DOMAIN_MAX]; /* of failure; empty: none */
    uint16_t epoch;               /* the least key epoch that is accepted */
};

/* What was kept of a member over a restart. */
struct mesh_memory {
    uint64_t id;
    uint16_t epoch;       /* the highest seen */
    uint32_t incarnation; /* the same */
};

struct mesh_options {
    const struct identity *identity;      /* outlives the mesh */
    const struct identity_scheme *scheme; /* NULL: Ed25519 */
    uint16_t key_epoch;
    /* Raised, and durable, before the mesh is created. */
    uint32_t incarnation;
    /* The state that goes with the identity is missing: nothing is signed, and nobody asked, until
     * `chime keygen --node --next-epoch`. */
    bool is_lost;
    const struct hlc_bound *hlc; /* that was saved; NULL: the first start */
    uint32_t membership_epoch;
    uint32_t timescale_id; /* of the mesh's own time: 1 to 2^24 - 1 */

    const struct mesh_member_options *members; /* copied; we ourselves may stand among them */
    size_t member_count;                       /* at most MESH_MEMBERS_MAX */
    const struct mesh_memory *memories;        /* copied */
    size_t memory_count;
    unsigned faults;
    unsigned nodes; /* n by the membership document, ourselves included; 0: those that are known */
    size_t view_size; /* at most MESH_VIEW_MAX */
    char domain[MESH_DOMAIN_MAX];

    /* Those whom the CA certifies are admitted as well; NULL: nobody else is. */
    const struct public_key *ca;
    struct bytes certificate; /* our own, as it travels; copied; empty: none */
    struct bytes document;    /* the membership document, for proofs; copied; empty: none */
    const uint64_t *revoked;  /* ids, sorted; copied */
    size_t revoked_count;
    const char (*joins)[ACTION_HOST_MAX]; /* HOST or HOST:PORT to start from; copied */
    size_t join_count;

    enum mesh_algorithm algorithm;
    int64_t interval_ns; /* Berkeley's round (5 s) */
    int64_t gamma_ns;    /* Berkeley's: those farther from the largest group are dropped (50 ms) */
    int8_t poll_min;     /* log2 s, of members (4) */
    int8_t poll_max;
    int64_t max_offset_ns;    /* of the logical clock; one figure for the mesh (250 ms) */
    size_t payload_max;       /* REPORT_PAYLOAD_MAX or REPORT_PAYLOAD_MAX_AGREED */
    const uint8_t *group_key; /* SECRET_SIZE octets, copied; NULL: none */
    uint16_t group_id;
};

/* What becomes of a packet with mesh fields, or from a member's address. Each has a name and a
 * count. */
enum mesh_verdict {
    MESH_TIME = 0,   /* authentic, with a report: an answer's time, or a request to be answered */
    MESH_HANDLED,    /* a step of a handshake, which was taken */
    MESH_PLAIN,      /* no field of the mesh's: an answer without is dropped */
    MESH_FORM,       /* see the counts of enum report_verdict */
    MESH_STRANGER,   /* from nobody who is a member, or may become one */
    MESH_GROUP,      /* the group's tag is missing or wrong */
    MESH_NO_SESSION, /* of a session that we don't have */
    MESH_FORGED,     /* the session's tag is not that of the member */
    MESH_REPLAYED,   /* its counter was here before, or is too old to tell */
    MESH_SIGNATURE,  /* a report or message is not signed by its author */
    MESH_AUTHOR,     /* a report of somebody else than the sender */
    MESH_STALE,     /* a report that is older than one that came before, or of an old incarnation */
    MESH_FUTURE,    /* its times don't fit together with its own interval */
    MESH_HANDSHAKE, /* see the counts of enum handshake_verdict */
    MESH_COOKIE,    /* a HELLO with a cookie that is none of ours */
    MESH_UNASKED,   /* an answer to nothing that we sent */
    MESH_LIMITED,   /* more of these than a member, or all strangers together, may send */
    MESH_REVOKED,   /* its key is revoked, or its certificate expired or not the CA's */
    MESH_LOST,      /* we are not to speak: our own state is missing */
    MESH_TOO_SMALL, /* a request that leaves no room for our answer */
    MESH_NO_ROOM,   /* a table is full */
    MESH_VERDICTS
};
const char *mesh_verdict_name(enum mesh_verdict verdict);

/* Whom the sync engine is to ask. */
struct mesh_seat {
    uint64_t id;
    char name[EVENT_NAME_MAX];
    char host[ACTION_HOST_MAX];
    uint16_t port;
};

/* What sync measured, and says of us: all that a report tells. */
struct mesh_outlook {
    struct own_claim own;
    size_t count;
    struct {
        uint64_t id;
        struct member_measure measure;
    } peers[MESH_VIEW_MAX];
};

/* A packet that was opened. */
struct mesh_opened {
    uint64_t id;                 /* whose */
    uint8_t header[PACKET_SIZE]; /* with MESH_TIME */
    struct member_claim claim;   /* the same */
    size_t size;                 /* octets of the whole datagram: an answer has no more */
    struct address source;       /* where it came from */
    bool is_ready; /* with MESH_HANDLED: there is a session now, and it may be asked at once */
};

struct mesh;

/* random outlives it. NULL, and a sentence in error, if memory or the crypto library fails or the
 * options make no mesh. */
struct mesh *mesh_create(const struct mesh_options *options, struct random *random,
                         struct reading now, char error[MESH_ERROR_MAX]);
void mesh_destroy(struct mesh *mesh); /* NULL is allowed */
/* A reload: members, faults, polls and lists; identity, epoch and incarnation stay. False, and
 * nothing changed, with a sentence. */
bool mesh_configure(struct mesh *mesh, const struct mesh_options *options, struct reading now,
                    char error[MESH_ERROR_MAX]) MUST_CHECK;
uint64_t mesh_id(const struct mesh *mesh);

/* What we would claim now; call it before each of the calls below that send or open. */
void mesh_look(struct mesh *mesh, const struct own_claim *own, struct mono now);
/* Is our report too old to be sent? Then mesh_sign(), in an event of its own before the one whose
 * packets' times it would delay. */
bool mesh_needs_signature(const struct mesh *mesh, struct mono now);
void mesh_sign(struct mesh *mesh, const struct mesh_outlook *outlook, struct reading now);

/* Turns a request of 48 octets to that member into what is to be sent. A request that can't be
 * dressed is made empty (size 0), and must not leave. */
void mesh_dress(struct mesh *mesh, uint64_t id, struct reading now, struct action_send *send);
/* What came in on the association of that member. */
enum mesh_verdict mesh_open(struct mesh *mesh, uint64_t id, const struct datagram *datagram,
                            struct reading now, struct mesh_opened *opened, struct actions *out);

/* Does a datagram on the server's sockets concern the mesh? */
bool mesh_wants(const struct mesh *mesh, const struct datagram *datagram);
/* A datagram that came to the server's sockets. With MESH_TIME, *opened is a request; handshakes
 * are answered by actions. */
enum mesh_verdict mesh_serve(struct mesh *mesh, const struct datagram *datagram, struct reading now,
                             struct mesh_opened *opened, struct actions *out);
/* Appends the fields of the answer to it to the 48 octets in send. As mesh_dress(). */
void mesh_answer(struct mesh *mesh, const struct mesh_opened *request, struct reading now,
                 struct action_send *send);

/* How a round went for a member, by its last sample; is_path_new: its round trips just changed. */
void mesh_tried(struct mesh *mesh, uint64_t id, enum member_trial trial, struct reading now,
                struct actions *out);
/* Berkeley: the coordinator says that our clock was offset_ns behind at `at`. */
struct mesh_difference {
    struct mono at;
    double offset_ns;
    double sd_ns;
};
/* Takes what came since the last call; false: nothing did. */
bool mesh_take_difference(struct mesh *mesh, struct mesh_difference *difference) MUST_CHECK;

/* What is due: views, gossip, saves, silence. */
void mesh_run(struct mesh *mesh, const struct mesh_outlook *outlook, struct reading now,
              struct actions *out);
struct mono mesh_deadline(const struct mesh *mesh);
/* An ACTION_SAVE of SAVED_HLC was performed. */
void mesh_saved(struct mesh *mesh, bool is_durable, struct mono now);
/* What is to be kept of members over a restart (SAVED_MEMBERS). Returns their number. */
size_t mesh_memories(const struct mesh *mesh, struct mesh_memory memories[MESH_MEMBERS_MAX]);
/* Goodbye to that member: fills send's payload. False if we have no session. */
bool mesh_leave(struct mesh *mesh, uint64_t id, struct reading now,
                struct action_send *send) MUST_CHECK;

/* Events on associations of the engine's own, whose numbers have their highest bit set: names and
 * addresses to begin with. */
#define MESH_ASSOCIATION UINT32_C(0x80000000)
/* Of an EVENT_RESOLVED with what a discovery found, as mesh_discovered(). */
#define MESH_DISCOVERY UINT32_C(0xFFFFFFFE)
void mesh_resolved(struct mesh *mesh, const struct resolved *resolved, struct mono now);
void mesh_refused(struct mesh *mesh, uint32_t association, struct mono now);
/* An answer of somebody who was asked who it is. */
enum mesh_verdict mesh_heard(struct mesh *mesh, const struct datagram *datagram, struct mono now,
                             struct actions *out);
/* Addresses where members may be, by SRV or mDNS. */
void mesh_discovered(struct mesh *mesh, const struct address *addresses, size_t count,
                     struct mono now);

/* Grows with each change of the seats. */
uint32_t mesh_view_version(const struct mesh *mesh);
size_t mesh_seats(const struct mesh *mesh, struct mesh_seat seats[MESH_VIEW_MAX]);
/* Did it answer once, and leave the last eight requests unanswered? */
bool mesh_is_missed(const struct mesh *mesh, uint64_t id);
/* It is to be asked there from now on. */
void mesh_move(struct mesh *mesh, uint64_t id, const struct address *address);
/* An operator trusts that member (its name or id) again: what was held against it is forgotten, and
 * it begins as a new one. One that is convicted must have begun a new key epoch since. Appends an
 * ACTION_REPLY. */
void mesh_readmit(struct mesh *mesh, const char *member, struct mono now, struct actions *out);
/* Verdicts on all that are asked, and on those convicted. Returns their number. */
size_t mesh_verdicts(const struct mesh *mesh, struct member_verdict verdicts[MESH_VIEW_MAX]);
/* Are more of them excluded, convicted or unreachable than may lie? */
bool mesh_is_spent(const struct mesh *mesh);
/* Members that count in n, ourselves included: all of them, or those of the view. */
size_t mesh_total(const struct mesh *mesh);

/* A stamp for an event of the program's own; with a message's stamp, for its receipt: it is merged
 * as one of a member is (client/lib, tests). */
enum hlc_verdict mesh_stamp(struct mesh *mesh, struct mono now, const struct hlc_stamp *message,
                            struct hlc_stamp *stamp) MUST_CHECK;

/* What the workers need to sort packets; the version grows when it changes. */
uint32_t mesh_gate_version(const struct mesh *mesh);
void mesh_gate(const struct mesh *mesh, struct gate_table *table);

uint64_t mesh_count(const struct mesh *mesh, enum mesh_verdict verdict);
#endif
