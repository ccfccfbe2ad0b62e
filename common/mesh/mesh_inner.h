/* SPDX-License-Identifier: MIT */
/* mesh_inner.h - what the files of the engine share; nobody else includes it, but for the
 * simulator's liars. Each file keeps one of its jobs: mesh.c its life, mesh_table.c who is a member
 * and whom we talk to, mesh_certified.c what a CA says of that, mesh_wire.c fields and tags of a
 * packet, mesh_open.c what comes in, mesh_handshake.c sessions, mesh_report.c what is said of the
 * time, mesh_post.c messages, mesh_judge.c verdicts, mesh_status.c what is shown. */
#ifndef COMMON_MESH_MESH_INNER_H
#define COMMON_MESH_MESH_INNER_H
#include "common/auth/certificate.h"
#include "common/auth/pairing.h"
#include "common/base/mesh_status.h"
#include "common/mesh/berkeley.h"
#include "common/mesh/evidence.h"
#include "common/mesh/graph.h"
#include "common/mesh/mesh.h"
#include "common/mesh/verdict.h"
#include "common/mesh/view.h"

#define MESH_NEVER INT64_MAX
#define MESH_NOBODY SIZE_MAX
#define MESH_CONTACTS_MAX 64 /* members that we exchange packets with */
#define MESH_TRIES_MAX 8     /* addresses that are asked who they are */
#define MESH_DATAGRAM_MAX REPORT_PAYLOAD_MAX_AGREED
/* A fragment fits beside a report of 16 entries, and a proof of two such reports in eight. */
#define MESH_FRAGMENT_SIZE 320
#define MESH_FRAGMENTS_MAX 8
#define MESH_LETTER_MAX (MESH_FRAGMENTS_MAX * MESH_FRAGMENT_SIZE)
#define MESH_LETTERS_MAX 8
#define MESH_ACCUSATIONS_MAX 8
#define MESH_PROOFS_MAX MESH_VIEW_MAX /* one for each verdict that can stand at once */
#define MESH_PROOF_REPORTS_MAX (EVIDENCE_CHAIN_MAX + 1)

/* Tokens that come back with time. */
struct mesh_bucket {
    struct mono at; /* when it was last looked at */
    double tokens;
};

/* What the CA says of a member, and as it travels. */
struct mesh_certified {
    struct certificate certificate;
    size_t size;
    uint8_t octets[CERTIFICATE_SIZE_MAX];
};

/* Up to this report of its own, which we heard ourselves, nothing that a member signed is held
 * against it any more: it was already, or it is old; zeros: all may be. */
struct mesh_held {
    uint16_t epoch;
    uint32_t incarnation;
    uint32_t sequence;
};

/* A member that is known. */
struct mesh_member {
    uint64_t id;
    struct public_key key;
    struct address address;           /* where it answers; family NONE: unknown, or by its name */
    size_t option;                    /* in options.members; MESH_NOBODY: certified */
    struct mesh_certified *certified; /* NULL: by configuration alone */
    uint32_t incarnation;             /* the highest seen; 0: none */
    uint32_t domain;                  /* a digest of the word; 0: none */
    uint16_t epoch;                   /* of its key, the highest seen */
    uint8_t contact;                  /* in contacts, and one more; 0: none */
    bool is_seated;                   /* it is asked ... */
    enum view_slot slot;              /* ... for this */
    struct mono drawn;                /* by chance */
    int64_t delay_ns;                 /* the least round trip when it was last asked; 0: unknown */
    bool is_revoked;
    bool has_expired; /* its certificate did, by which alone it was a member */
    bool has_left;
    bool has_answered;         /* us, in this run of ours */
    bool is_moved;             /* address is where it is, whatever options and certificate say */
    struct address hint;       /* where a COOKIE came from in its name; family NONE: none ... */
    bool is_by_hint;           /* ... and it is asked there ... */
    struct mono placed;        /* ... or not, since then */
    struct address spoke_from; /* its last authentic request */
    struct mesh_held held;
    struct mesh_held aging; /* what held becomes, an hour after it was heard */
    struct mono aged;       /* that was then; 0: never */
};

/* What a member says of another: that it excluded it. */
struct mesh_accusation {
    uint64_t of; /* 0: none */
    struct mono first;
    struct mono last;
};

/* A short message to one member of which only the newest is worth sending: ELECT, DIFFERENCE. */
enum mesh_note_kind { MESH_NOTE_ELECT, MESH_NOTE_DIFFERENCE, MESH_NOTES };

struct mesh_note {
    bool is_due;
    uint8_t size;
    uint8_t body[BERKELEY_DIFFERENCE_SIZE];
};

/* A message that comes in pieces. */
struct mesh_parcel {
    struct mono begun;
    uint32_t sequence;
    uint8_t kind;
    uint8_t fragments;
    uint16_t got; /* a bit for each; 0: there is none */
    uint16_t size[MESH_FRAGMENTS_MAX];
    uint8_t octets[MESH_FRAGMENTS_MAX * MESH_FRAGMENT_SIZE];
};

/* What we have with a member that we talk to. */
struct mesh_contact {
    size_t member;
    struct pairing pairing;
    struct mono handshake_at; /* when the next one of ours may begin */
    unsigned handshake_tries;
    unsigned unanswered;     /* requests in a row */
    unsigned untold;         /* those under a session, whatever handshakes came between */
    uint64_t hello_transmit; /* of the packet that carried our last HELLO; 0: none is awaited */
    unsigned cookies;        /* that our handshake was given: each has us sign anew */
    struct mesh_note notes[MESH_NOTES];
    enum mesh_note_kind noted; /* the last one that was sent */
    uint32_t post_seen;        /* the newest message of its incarnation that was taken */
    struct mesh_bucket post;
    struct mesh_parcel parcel; /* of its own messages: nobody's takes another's place */
    bool owes_accept;          /* to a renewal that came within its request */
    struct accept accept;
    struct mesh_bucket requests;
    struct mesh_bucket handshakes; /* that it began without a session, and with one */
    struct mesh_bucket renewals;
    struct mono heard; /* the last authentic packet */

    struct verdict verdict;
    uint16_t convicted_epoch; /* of its key, if it is convicted: then */
    struct mesh_accusation accusations[MESH_ACCUSATIONS_MAX];   /* by it */
    struct mesh_accusation contradictors[MESH_ACCUSATIONS_MAX]; /* reports that its own miss */
    struct mono twins;           /* when it was last seen twice; 0: never */
    uint32_t judged_incarnation; /* of its report when it was last judged ... */
    uint16_t judged_disruptions; /* ... and these */
    bool has_vouched;            /* for bounds, since its last disruption */

    /* The newest verified report. */
    bool has_report;
    struct mono reported; /* when it came */
    struct report report;
    uint8_t digest[SECRET_SIZE]; /* of its octets */
    bool is_other_membership;    /* it is of another membership epoch: shown, not counted */
    uint64_t ahead;              /* stamps beyond its own latest and max-offset ... */
    bool is_ahead;               /* ... one since it was last judged */
    uint64_t counts[MESH_VERDICTS];
};

/* Our own report as it is sent: REPORT, then AUTH(1). */
struct mesh_own_report {
    bool is_set;
    struct mono made;
    uint32_t sequence;
    size_t size; /* of REPORT */
    size_t whole;
    uint8_t count;  /* of entries */
    uint32_t epoch; /* of the interval that it tells */
    enum timescale timescale;
    uint8_t octets[REPORT_PAYLOAD_MAX_AGREED];
};

/* What becomes of a message. */
enum mesh_post_verdict {
    MESH_POST_TAKEN = 0,
    MESH_POST_PART,    /* others of its fragments are still to come */
    MESH_POST_AGAIN,   /* it was here before */
    MESH_POST_FORM,    /* its field or its body */
    MESH_POST_FORGED,  /* not signed by the sender, or of another author */
    MESH_POST_KIND,    /* not of use here */
    MESH_POST_REFUSED, /* what it says does not hold */
    MESH_POST_VERDICTS
};

/* What was proved, with the reports that do. */
struct mesh_proof {
    uint32_t number; /* 0: none */
    enum evidence_kind kind;
    size_t count;
    struct evidence_report reports[MESH_PROOF_REPORTS_MAX]; /* of causality: the earliest first */
};

/* A message that is to be told, to one member or to all that are asked. */
struct mesh_letter {
    uint64_t to; /* 0: all */
    struct mono posted;
    uint64_t hlc;
    uint32_t sequence;
    uint16_t size;
    uint8_t kind; /* enum report_message_kind; 0: the place is free */
    uint8_t fragments;
    uint8_t told[MESH_CONTACTS_MAX]; /* fragments that a contact was sent */
    uint8_t body[MESH_LETTER_MAX];
};

/* An address that is asked who it is. */
struct mesh_try {
    uint32_t association; /* in actions and events; 0: the place is free */
    bool is_join;         /* a configured host, resolved anew each time */
    bool is_resolving;
    bool is_open;
    size_t join; /* which */
    struct address remote;
    uint64_t transmit; /* of the HELLO that waits for its answer */
    struct mono at;    /* when the next step is due */
    unsigned tries;
};

struct mesh {
    struct mesh_options options; /* pointers are to the copies below */
    struct mesh_member_options *members_given;
    struct random *random;
    uint64_t id;
    struct handshake_self self;
    struct cookie_jar jar;
    struct hlc hlc;
    bool is_saving_hlc;
    struct mono save_at;

    size_t count;
    struct mesh_member members[MESH_MEMBERS_MAX];
    struct mesh_contact *contacts[MESH_CONTACTS_MAX]; /* NULL: free */
    struct mesh_bucket strangers;
    uint32_t view_version;
    uint32_t gate_version;
    struct mono maintain_at;
    struct mono grown;    /* when a member was last admitted */
    struct mono gossiped; /* 0: never */
    unsigned gossips;     /* since we were told of our own certificate */

    struct own_claim own;
    struct mono looked;  /* when own was told */
    bool has_found_time; /* once, in this run ... */
    struct mono found_time;
    bool has_looked;
    uint32_t epoch_changes; /* of our interval, and the last one's instant */
    struct mono epoch_changed;
    struct verdict_budget budget;
    bool is_degraded; /* more are lost or lie than may */
    struct mesh_own_report report;
    uint8_t previous[REPORT_PREVIOUS_SIZE]; /* of the newest report of somebody else */
    bool has_memories;                      /* epochs or incarnations changed: to be saved */
    bool is_ahead_seen;                     /* a stamp was too far ahead of us to be merged */
    struct berkeley berkeley;               /* with that algorithm */
    bool has_difference;                    /* one that the node has not taken yet */
    struct mesh_difference difference;
    uint64_t berkeley_counts[BERKELEY_VERDICTS];
    struct evidence_store evidence;
    struct graph graph;
    uint32_t proof_count; /* so far: numbers begin with 1 */
    struct mesh_proof proofs[MESH_PROOFS_MAX];
    unsigned maintained;
    uint32_t post_sequence;
    struct mesh_letter letters[MESH_LETTERS_MAX];
    uint64_t post_counts[MESH_POST_VERDICTS];
    struct mesh_try tries[MESH_TRIES_MAX];
    uint32_t next_association;
    size_t certificate_size; /* ours as a MESSAGE field; 0: none */
    uint8_t certificate_field[REPORT_MESSAGE_SIZE + MESH_FRAGMENT_SIZE + IDENTITY_SIGNATURE_SIZE];

    uint64_t counts[MESH_VERDICTS];
    uint64_t form_counts[REPORT_VERDICTS];
    uint64_t handshake_counts[HANDSHAKE_VERDICTS];
};

/* A packet on its way in. */
struct mesh_packet {
    const struct datagram *datagram;
    struct packet header;
    struct report_packet fields;
    struct report_auth session; /* set if there is one */
};

/* mesh_table.c */
size_t mesh_find(const struct mesh *mesh, uint64_t id); /* MESH_NOBODY */
size_t mesh_find_tag(const struct mesh *mesh, uint32_t tag);
/* NULL: we don't talk to it (yet). */
struct mesh_contact *mesh_contact_of(const struct mesh *mesh, size_t member);
/* The same, made if need be, in place of the one that is silent longest. NULL: no memory, or the
 * others are asked, or were heard right now (a caller may still hold one of those), or are
 * convicted, or excluded for a while yet. */
struct mesh_contact *mesh_contact_make(struct mesh *mesh, size_t member, struct mono now);
void mesh_contact_drop(struct mesh *mesh, size_t index);
bool mesh_is_revoked(const struct mesh *mesh, uint64_t id);
bool mesh_is_member(const struct mesh *mesh, size_t member); /* not revoked, nor expired */
/* A word to a number that stands for it in comparisons; 0: none. */
uint32_t mesh_domain_of(const char *word);
/* At least that one; runs are counted anew in each. */
void mesh_raise_epoch(struct mesh_member *member, uint16_t epoch);
/* Takes one, if there is one. */
bool mesh_bucket_take(struct mesh_bucket *bucket, double per_s, double most, struct mono now);
/* It says goodbye, and is not asked until it asks us. */
enum mesh_post_verdict mesh_take_leave(struct mesh *mesh, struct mesh_contact *contact,
                                       struct mono now, struct actions *out);
/* An authentic request, from there; had_left: before it came. */
void mesh_take_speech(struct mesh *mesh, size_t member, const struct address *source, bool had_left,
                      struct mono now);
/* It may be there: nobody vouches for that. It is tried where nothing else is known, or for a while
 * where that does not answer; the first good answer confirms it. */
void mesh_take_hint(struct mesh *mesh, size_t member, const struct address *address,
                    struct mono now);
void mesh_try_hints(struct mesh *mesh, struct mono now);
/* It answered, by its session. */
void mesh_confirm_place(struct mesh *mesh, size_t member);
/* Does anybody know where it is to be asked? */
bool mesh_has_place(const struct mesh *mesh, const struct mesh_member *member);
bool mesh_table_build(struct mesh *mesh, const struct mesh_options *options,
                      char error[MESH_ERROR_MAX]) MUST_CHECK;
/* Chooses whom to ask. */
void mesh_table_seat(struct mesh *mesh, struct mono now);
struct mesh_member *mesh_admit(struct mesh *mesh, const struct public_key *key,
                               uint64_t id); /* NULL: no room, or its tag is another's */

/* mesh_certified.c */
/* By a certificate of the CA's; id: whose it must be, 0: anybody's. MESH_HANDLED: it is a member
 * now, or was one. */
enum mesh_verdict mesh_admit_certified(struct mesh *mesh, struct bytes octets, uint64_t id,
                                       struct mono now);
/* Those whose certificates are over are no members, as far as we know the time. */
void mesh_expire(struct mesh *mesh, struct actions *out);
/* Has it expired, by a clock that may be believed? */
bool mesh_certificate_is_over(const struct mesh *mesh, const struct mesh_certified *held);

/* mesh_wire.c */
/* Form, in the order of doc/protocol.md. MESH_TIME: well-formed, and has fields. */
enum mesh_verdict mesh_wire_read(struct mesh *mesh, const struct datagram *datagram,
                                 struct mesh_packet *packet);
/* A packet that is written from its header on. */
struct mesh_draft {
    size_t size;
    size_t room;      /* what it may have in the end; tags are allowed for by the calls below */
    bool has_session; /* it will have the session's tag */
    uint8_t octets[MESH_DATAGRAM_MAX];
};
bool mesh_wire_add(const struct mesh *mesh, struct mesh_draft *draft, const uint8_t *octets,
                   size_t size);
/* Pads so that the whole will have size octets, if that can be. */
void mesh_wire_pad(const struct mesh *mesh, struct mesh_draft *draft, size_t size);
/* The session's tag, and the group's: the last that is done. False: no session. */
bool mesh_wire_seal(struct mesh *mesh, struct mesh_contact *contact, struct mesh_draft *draft,
                    struct mono now);
/* The group's alone, for a handshake. */
bool mesh_wire_close(const struct mesh *mesh, struct mesh_draft *draft);
/* What tags add to a packet. */
size_t mesh_wire_tags(const struct mesh *mesh, bool has_session);
/* What is left for fields. */
size_t mesh_wire_left(const struct mesh *mesh, const struct mesh_draft *draft);
void mesh_wire_send(const struct mesh_draft *draft, struct action_send *send);
/* A packet of our own in mode 3, of which only the transmit timestamp says anything. */
void mesh_wire_begin(struct mesh *mesh, struct mesh_draft *draft, size_t room, uint64_t transmit);
struct hlc_now mesh_hlc_now(const struct mesh *mesh, struct mono now);
/* A stamp for what is sent; 0 where there is none to give. */
uint64_t mesh_stamp_bits(struct mesh *mesh, struct mono now);

/* mesh_open.c */
enum mesh_verdict mesh_count_as(struct mesh *mesh, struct mesh_contact *contact,
                                enum mesh_verdict verdict);

/* mesh_handshake.c */
/* Is one due, and may it begin now? */
bool mesh_handshake_is_due(const struct mesh *mesh, const struct mesh_contact *contact,
                           struct mono now);
/* Begins one of ours: *field is the HELLO to send. is_afresh: by a cookie, though there may be a
 * session. */
bool mesh_handshake_offer(struct mesh *mesh, struct mesh_contact *contact, bool is_afresh,
                          struct mono now, uint8_t field[HANDSHAKE_HELLO_SIZE]);
/* What answers ours. */
enum mesh_verdict mesh_handshake_answered(struct mesh *mesh, struct mesh_contact *contact,
                                          const struct mesh_packet *packet, struct mono now,
                                          struct actions *out);
/* A HELLO without a session. */
enum mesh_verdict mesh_handshake_asked(struct mesh *mesh, const struct mesh_packet *packet,
                                       struct mono now, struct actions *out);
/* A HELLO within a packet that verified under the session. */
enum mesh_verdict mesh_handshake_renewed(struct mesh *mesh, struct mesh_contact *contact,
                                         const struct mesh_packet *packet, struct mono now);
/* Of a packet with a HELLO, so that its answer has room. */
size_t mesh_handshake_size(const struct mesh *mesh);

/* mesh_join.c */
/* What is due: names, sockets, questions. */
void mesh_join_run(struct mesh *mesh, struct mono now, struct actions *out);
struct mono mesh_join_deadline(const struct mesh *mesh);
/* There may be other hosts to join by: begins anew, and closes what is open when it runs next. */
void mesh_join_restart(struct mesh *mesh, struct mono now);

/* mesh_post.c */
/* Is to be told to that member, 0: to all; in place of the oldest when there is no room. */
void mesh_post(struct mesh *mesh, uint64_t to, enum report_message_kind kind, struct bytes body,
               struct mono now);
/* Adds what waits to be told to that member, if there is room. */
void mesh_post_add(struct mesh *mesh, struct mesh_contact *contact, struct mesh_draft *draft,
                   struct mono now);
/* Adds a goodbye, before whatever else waits: there is no other packet. */
bool mesh_post_leave(struct mesh *mesh, struct mesh_draft *draft, struct mono now) MUST_CHECK;
void mesh_post_gossip(struct mesh *mesh, struct mono now);
/* Our certificate, if there is one and room. */
void mesh_post_add_certificate(const struct mesh *mesh, struct mesh_draft *draft);
bool mesh_post_make_certificate(struct mesh *mesh) MUST_CHECK;
/* The certificate that came with a HELLO, of a node that is no member yet. MESH_HANDLED: it is one
 * now. */
enum mesh_verdict mesh_post_take_certificate(struct mesh *mesh, struct bytes field, uint64_t id,
                                             struct mono now);
/* A message that came under the session of a member, who need not be its author. */
void mesh_post_take(struct mesh *mesh, struct mesh_contact *contact, struct bytes field,
                    struct mono now, struct actions *out);

/* mesh_report.c */
/* Takes the report of a packet that verified under the session of its author. */
enum mesh_verdict mesh_report_take(struct mesh *mesh, struct mesh_contact *contact,
                                   const struct mesh_packet *packet, struct mono now,
                                   struct actions *out);
/* What the newest report says of the clock at the packet's transmit timestamp. */
enum mesh_verdict mesh_report_claim(const struct mesh *mesh, const struct mesh_contact *contact,
                                    const struct packet *header, struct member_claim *claim);

/* mesh_graph.c */
/* Once in a while, with what was measured. */
void mesh_graph_run(struct mesh *mesh, const struct mesh_outlook *outlook, struct mono now);
/* The matrix of the status, and surpluses, for the members whose place is set. */
void mesh_graph_show(const struct mesh *mesh, struct mono now, struct mesh_status *status);
/* Zeros for a member that is not asked. */
void mesh_graph_look(const struct mesh *mesh, size_t member, struct graph_finding *finding);

/* mesh_judge.c */
/* The verdict as an entry of a report has it. */
uint8_t mesh_judge_state(const struct mesh *mesh, size_t member);
/* As a person knows it. */
const char *mesh_name_of(const struct mesh *mesh, size_t member, char text[IDENTITY_ID_TEXT_MAX]);
/* Says what has changed, and accuses. */
void mesh_judge_tell(struct mesh *mesh, struct mesh_contact *contact, struct mono now,
                     struct actions *out);
/* Does its word of others count? Of a large mesh that of the view alone, among which f may lie. */
bool mesh_judge_has_vote(const struct mesh *mesh, size_t member);
/* The place of that id, or the one that is longest unused. */
struct mesh_accusation *mesh_judge_find(struct mesh_accusation accusations[MESH_ACCUSATIONS_MAX],
                                        uint64_t id);
/* Silence, the budget, what is to be told of; every 16 s. */
void mesh_judge_maintain(struct mesh *mesh, const struct mesh_outlook *outlook, struct mono now,
                         struct actions *out);

/* mesh_evidence.c */
/* A report of somebody else's, told to all for comparison; now and then. */
void mesh_evidence_relay(struct mesh *mesh, struct mono now);
/* A new verified report of a member's, heard from itself or told by another, held against others.
 * True: it convicts its author. */
bool mesh_judge_report(struct mesh *mesh, size_t author, const struct report *report,
                       const struct evidence_report *signed_report, bool is_heard,
                       struct actions *out);
/* What was heard of the contact an hour ago is old now; every 16 s. */
void mesh_evidence_age(struct mesh *mesh, const struct mesh_contact *contact, struct mono now);
/* Two live processes sign with one key. */
void mesh_judge_twins(struct mesh *mesh, struct mesh_contact *contact, struct mono now,
                      struct actions *out);
/* Reports that a member passes on: of one author for comparison, or of two as a proof. */
enum mesh_post_verdict mesh_judge_evidence(struct mesh *mesh, struct mesh_contact *contact,
                                           struct bytes body, struct mono now, struct actions *out);
enum mesh_post_verdict mesh_judge_accusation(struct mesh *mesh, struct mesh_contact *contact,
                                             struct bytes body, struct mono now,
                                             struct actions *out);

/* mesh_berkeley.c; without that algorithm nothing happens. */
void mesh_berkeley_init(struct mesh *mesh, struct mono now);
/* A reload: the options are new, before is the algorithm until now. An election goes on. */
void mesh_berkeley_configure(struct mesh *mesh, enum mesh_algorithm before, struct mono now);
/* Elects, and coordinates if we are elected. */
void mesh_berkeley_run(struct mesh *mesh, const struct mesh_outlook *outlook, struct mono now);
struct mono mesh_berkeley_deadline(const struct mesh *mesh);
enum mesh_post_verdict mesh_berkeley_take(struct mesh *mesh, struct mesh_contact *contact,
                                          uint8_t kind, struct bytes body, struct mono now,
                                          struct actions *out);
#endif
