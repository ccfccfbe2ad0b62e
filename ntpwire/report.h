/* SPDX-License-Identifier: MIT */
/* report.h - the extension fields that members of a mesh exchange: REPORT, AUTH, PAD, HANDSHAKE
 * and MESSAGE (doc/protocol.md, "The mesh's fields").
 *
 * Layout and form only: nothing here verifies a signature, knows a key or remembers a packet. A
 * `field` is the whole field as it stands in the packet, type and length included, so that offsets
 * are those of doc/protocol.md and a signature's input is a slice. Readers leave their output
 * untouched unless they return REPORT_OK; writers return the octets written, or 0 if room is too
 * small or the value has no form on the wire. Pure functions, no allocation. */
#ifndef NTPWIRE_REPORT_H
#define NTPWIRE_REPORT_H
#include "ntpwire/bytes.h"
#include "ntpwire/extension.h"

#define REPORT_MAGIC 0x54434D31U /* "TCM1" */
#define REPORT_VERSION 1
#define REPORT_PAYLOAD_MAX 1000        /* of UDP: ntpd's and ntpd-rs's buffers end about there */
#define REPORT_PAYLOAD_MAX_AGREED 1232 /* where both sides said so: IPv6's smallest MTU */
#define REPORT_SIZE 96                 /* without batch root and entries */
#define REPORT_ROOT_SIZE 32
#define REPORT_ENTRY_SIZE 16
#define REPORT_ENTRIES_MAX 60 /* as many as 1,232 octets hold */
#define REPORT_PREVIOUS_SIZE 16
#define REPORT_SIGNATURE_SIZE 64
#define REPORT_TAG_SIZE 16
#define REPORT_AUTH_SIGNATURE_SIZE 76 /* the three AUTH fields */
#define REPORT_AUTH_SESSION_SIZE 40
#define REPORT_AUTH_GROUP_SIZE 28
#define REPORT_AUTH_SESSION_TAG_OFFSET 24
#define REPORT_AUTH_GROUP_TAG_OFFSET 12
#define REPORT_COOKIE_SIZE 16
#define REPORT_EPHEMERAL_SIZE 32
#define REPORT_HASH_SIZE 32
#define REPORT_HELLO_SIZE 148
#define REPORT_COOKIE_ANSWER_SIZE 44
#define REPORT_ACCEPT_SIZE 164
#define REPORT_SESSION_NAK_SIZE 32
#define REPORT_MESSAGE_SIZE 36 /* without body and signature */
#define REPORT_MESSAGE_BODY_MAX                                                                    \
    (REPORT_PAYLOAD_MAX_AGREED - PACKET_SIZE - REPORT_MESSAGE_SIZE - REPORT_SIGNATURE_SIZE -       \
     REPORT_AUTH_SESSION_SIZE)
#define REPORT_REF_BODY_SIZE 4
#define REPORT_WIDTH_UNBOUNDED UINT32_MAX
#define REPORT_HOPS_NONE 255

enum report_type {
    REPORT_TYPE_REPORT = 0xF7C0,
    REPORT_TYPE_AUTH = 0xF7C1,
    REPORT_TYPE_PAD = 0xF7C2,
    REPORT_TYPE_HANDSHAKE = 0xF7C3,
    REPORT_TYPE_MESSAGE = 0xF7C4
};

/* Why a packet or a field is dropped. Each has a name; their numbers may change. */
enum report_verdict {
    REPORT_OK = 0,
    REPORT_ABSENT,  /* none of these fields: an ordinary packet, and no reason to drop it */
    REPORT_TOO_BIG, /* the UDP payload exceeds the limit */
    REPORT_TRAILER, /* a crypto-NAK or a MAC of symmetric keys follows */
    REPORT_FOREIGN, /* a field of somebody else's stands among ours */
    REPORT_ORDER,   /* fields stand out of order, or one stands twice */
    REPORT_UNSIGNED,
    REPORT_NO_SESSION, /* neither a handshake nor a session's AUTH */
    REPORT_KEY_EPOCH,  /* the signature's is not the report's */
    REPORT_TYPE,
    REPORT_SHORT,
    REPORT_LENGTH, /* the field's length does not fit what it holds */
    REPORT_MAGIC_OTHER,
    REPORT_VERSION_UNKNOWN,
    REPORT_RESERVED, /* a reserved bit or octet is not zero */
    REPORT_TIMESCALE_BAD,
    REPORT_ENTRIES_TOO_MANY,
    REPORT_ENTRY_SELF,  /* an entry has the author's own tag */
    REPORT_ENTRY_ORDER, /* tags do not ascend, or one stands twice */
    REPORT_ALGORITHM_UNKNOWN,
    REPORT_PADDING, /* padding is not zero */
    REPORT_KIND_UNKNOWN,
    REPORT_NO_COOKIE, /* a signature without a cookie */
    REPORT_FRAGMENT,
    REPORT_VERDICTS
};

/* A short English name, such as "too short"; a constant string. */
const char *report_verdict_name(enum report_verdict verdict);

/* Bits of a report's flags. The two highest bits of the first octet are the leap indicator. */
#define REPORT_SYNCED 0x01U
#define REPORT_HOLDOVER 0x02U
#define REPORT_DEGRADED 0x04U
#define REPORT_HLC_VALID 0x08U
#define REPORT_UTC_ANCHOR 0x10U
#define REPORT_BATCH_ROOT 0x20U
#define REPORT_RETRACTED 0x100U /* the second octet's lowest bit */
#define REPORT_FLAGS 0x13FU

enum report_timescale { REPORT_UTC = 0, REPORT_MESH_TIME = 1 };

/* Bits of an entry's state; the three highest are those of the peer's newest sequence number. */
#define REPORT_ENTRY_VERDICT 0x07U
#define REPORT_ENTRY_ONE_WAY 0x08U
#define REPORT_ENTRY_ASYMMETRY 0x10U
#define REPORT_ENTRY_SEQUENCE_SHIFT 5

/* What the author measured of a peer; f28: units of 2^-28 s. */
struct report_entry {
    uint32_t peer;      /* the first four octets of its node id */
    int32_t offset_f28; /* the peer's clock less the author's; the extremes mean "or more" */
    uint32_t delay_f28;
    int16_t dispersion_log2; /* 1/256 of a power of two of seconds */
    uint8_t age_log2;        /* a quarter of a power of two of seconds */
    uint8_t state;
};

struct report {
    uint16_t flags;
    uint8_t leap;
    uint8_t era;
    uint8_t hops; /* to UTC */
    uint64_t node;
    uint32_t membership;
    uint16_t key_epoch;
    uint32_t sequence;
    uint64_t hlc;
    uint64_t as_of;           /* NTP time of the author's clock, without leap seconds */
    uint64_t as_of_mono;      /* 2^-30 s of its oscillator */
    uint32_t before_f28;      /* earliest = as_of - before */
    uint32_t after_f28;       /* latest = as_of + after */
    uint16_t drift_ppb;       /* how the rate's uncertainty widens the interval */
    uint16_t drift_max_decis; /* tenths of ppm */
    uint8_t previous[REPORT_PREVIOUS_SIZE];
    uint32_t incarnation;
    uint16_t disruptions;
    uint8_t timescale;
    uint32_t timescale_id; /* 24 bits; 0 for UTC */
    int16_t tai_offset_s;
    uint8_t root[REPORT_ROOT_SIZE]; /* zeros unless REPORT_BATCH_ROOT */
    uint8_t count;
    struct report_entry entries[REPORT_ENTRIES_MAX];
};

enum report_verdict report_read(struct bytes field, struct report *report) MUST_CHECK;
size_t report_write(uint8_t *out, size_t room, const struct report *report);

enum report_algorithm {
    REPORT_ED25519 = 1,      /* over the report */
    REPORT_SESSION_HMAC = 2, /* over the packet, under a pair's key */
    REPORT_GROUP_HMAC = 3    /* over the packet, under the mesh's */
};

struct report_auth {
    uint8_t algorithm;
    uint16_t id;      /* key epoch, session id or the group key's id */
    uint32_t counter; /* session only */
    uint64_t hlc;     /* session only: of the send event */
    struct bytes tag; /* 64 octets for REPORT_ED25519, else 16 */
};

enum report_verdict report_auth_read(struct bytes field, struct report_auth *auth) MUST_CHECK;
size_t report_auth_write(uint8_t *out, size_t room, const struct report_auth *auth);

/* size counts the whole field. */
enum report_verdict report_pad_read(struct bytes field) MUST_CHECK;
size_t report_pad_write(uint8_t *out, size_t room, size_t size);

enum report_handshake_kind {
    REPORT_HELLO = 1,
    REPORT_COOKIE = 2,
    REPORT_ACCEPT = 3,
    REPORT_SESSION_NAK = 4,
    REPORT_PROOF = 5 /* reserved; not read yet */
};

/* What a kind does not carry is zero. */
struct report_handshake {
    uint8_t kind;
    uint64_t from;
    uint64_t to;
    uint16_t from_epoch; /* hello, accept */
    uint16_t to_epoch;
    uint32_t membership;
    uint8_t ephemeral[REPORT_EPHEMERAL_SIZE];
    uint8_t cookie[REPORT_COOKIE_SIZE];       /* hello, cookie; a first hello has zeros */
    uint8_t hello_hash[REPORT_HASH_SIZE];     /* accept */
    uint8_t signature[REPORT_SIGNATURE_SIZE]; /* hello with a cookie, accept: the field's end */
    uint16_t session;                         /* session-NAK */
};

enum report_verdict report_handshake_read(struct bytes field,
                                          struct report_handshake *handshake) MUST_CHECK;
size_t report_handshake_write(uint8_t *out, size_t room, const struct report_handshake *handshake);

enum report_message_kind {
    REPORT_MEMBER = 1,
    REPORT_EVIDENCE = 2,
    REPORT_ACCUSATION = 3,
    REPORT_LEAVE = 4,
    REPORT_ELECT = 5,
    REPORT_DIFFERENCE = 6,
    REPORT_REF = 7 /* unsigned: sequence and hlc are a report's, the body is its incarnation */
};

struct report_message {
    uint8_t kind;
    uint8_t fragment; /* counted from 0 */
    uint8_t fragments;
    uint64_t author;
    uint32_t sequence;
    uint64_t hlc;
    uint16_t key_epoch;
    struct bytes body;
    struct bytes signature; /* the field's end; empty for REPORT_REF */
};

enum report_verdict report_message_read(struct bytes field,
                                        struct report_message *message) MUST_CHECK;
size_t report_message_write(uint8_t *out, size_t room, const struct report_message *message);

/* The fields of one packet; an absent one has size 0. Views live as long as the datagram. */
struct report_packet {
    struct bytes handshake;
    struct bytes report;
    struct bytes signature; /* AUTH, REPORT_ED25519 */
    struct bytes message;
    struct bytes session; /* AUTH, REPORT_SESSION_HMAC */
    struct bytes group;   /* AUTH, REPORT_GROUP_HMAC */
    size_t session_size;  /* octets of the datagram that the session's tag covers, or 0 */
    size_t group_size;
};

/* Sorts the fields that extension_parse() took from a datagram of version 4, and reads AUTH and
 * PAD; the others are left to their readers. payload_max is REPORT_PAYLOAD_MAX or _AGREED. */
enum report_verdict report_packet_read(struct bytes datagram, const struct extensions *extensions,
                                       size_t payload_max, struct report_packet *packet) MUST_CHECK;

/* A width of an interval, or a delay: rounded up, at least 0; REPORT_WIDTH_UNBOUNDED from just
 * under 16 s, which reads as INT64_MAX. */
uint32_t report_width_from_ns(int64_t width_ns);
int64_t report_width_to_ns(uint32_t width_f28);
/* The as-of time as UTC or mesh time counts, since 1970, near to that pivot: less the leap seconds
 * that its author knew of. */
int64_t report_as_of_unix_ns(const struct report *report, int64_t pivot_unix_ns);
/* Does it vouch for an interval that ends on both sides? */
static inline bool report_is_bounded(const struct report *report)
{
    return report->before_f28 != REPORT_WIDTH_UNBOUNDED &&
           report->after_f28 != REPORT_WIDTH_UNBOUNDED;
}

/* An offset: to the nearest unit, cut to about 8 s either way. */
int32_t report_offset_from_ns(int64_t offset_ns);
int64_t report_offset_to_ns(int32_t offset_f28);
#endif
