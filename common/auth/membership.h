/* SPDX-License-Identifier: MIT */
/* membership.h - by what a mesh counts: how many nodes it has, how many of them may lie, and whose
 * keys are in or out of it. Its CA signs that as a text:
 *
 *      truechimer membership 1
 *      mesh = NAME                       1 to 31 letters, digits, '-', '_' and '.'
 *      serial = NUMBER                   1 to 4294967295; the higher one replaces the lower
 *      nodes = n                         1 to 65535
 *      faults = f                        2f + 1 is at most n, and at most the 16 of a view
 *      max-offset = NUMBER ns            1 ms to 60 s
 *      member = ID KEY DOMAIN ADDRESS    any number up to n and 256, ascending by id; "-": none
 *      revoked = ID                      any number up to 1024, ascending
 *      signature = 128 digits
 *
 * Each line ends with a newline, and there is one space where one is shown; a KEY is "ed25519:" and
 * 64 hex digits, an ID 16, an ADDRESS always has its port; hex digits are lower-case, numbers have
 * no leading zeros. There is no other spelling: a document that reads well is the one text that
 * says what it says. The signature is Ed25519 by the CA's key over "truechimer membership v1", a
 * zero octet, and the SHA-256 of all lines before it; the membership epoch is the first 4 octets of
 * that digest. Members that are not listed come with a certificate.
 *
 * A mesh without a CA counts by its configuration: the epoch is that of the lines "truechimer
 * configuration 1", nodes, faults, max-offset, and "key = KEY" for each member, oneself included,
 * ascending.
 *
 * Pure functions, safe in any thread; what reads and writes a whole text allocates meanwhile. */
#ifndef COMMON_AUTH_MEMBERSHIP_H
#define COMMON_AUTH_MEMBERSHIP_H
#include "common/auth/certificate.h"

#define MEMBERSHIP_NAME_MAX 31 /* octets, without the final zero */
#define MEMBERSHIP_NODES_MAX 65535
#define MEMBERSHIP_VIEW_MAX 16 /* of this many one decides; f is at most 7 */
#define MEMBERSHIP_MEMBERS_MAX 256
#define MEMBERSHIP_REVOKED_MAX 1024
#define MEMBERSHIP_TEXT_MAX 98304 /* more than any has */
#define MEMBERSHIP_ERROR_MAX 320
#define MEMBERSHIP_OFFSET_NS_MIN NS_PER_MS
#define MEMBERSHIP_OFFSET_NS_MAX (60 * NS_PER_S)
#define MEMBERSHIP_OFFSET_NS_DEFAULT (250 * NS_PER_MS)

/* By what all members of a mesh count alike. */
struct membership_terms {
    uint32_t epoch;
    uint32_t timescale_id; /* of the mesh's own time: 1 to 2^24 - 1 */
    uint16_t nodes;        /* n */
    uint16_t faults;       /* f */
    int64_t max_offset_ns; /* how far a clock may be ahead before its HLC is not followed */
};

/* Some 50 kB: not for the stack of a small thread. */
struct membership {
    struct membership_terms terms;
    char mesh[MEMBERSHIP_NAME_MAX + 1];
    uint32_t serial;
    size_t member_count;
    struct certificate_node members[MEMBERSHIP_MEMBERS_MAX];
    size_t revoked_count;
    uint64_t revoked[MEMBERSHIP_REVOKED_MAX];
};

enum membership_verdict {
    MEMBERSHIP_OK = 0,
    MEMBERSHIP_TOO_BIG,
    MEMBERSHIP_UNSIGNED, /* it does not end with a signature */
    MEMBERSHIP_FORGED,   /* not signed by that CA */
    MEMBERSHIP_MALFORMED,
    MEMBERSHIP_NO_MEMORY,
    MEMBERSHIP_VERDICTS
};

const char *membership_verdict_name(enum membership_verdict verdict);

/* Reads a signed document: the signature first, then the rest. Unless MEMBERSHIP_OK, error is a
 * sentence, and *membership untouched. scheme: NULL for Ed25519. */
enum membership_verdict membership_read(struct bytes text, const struct public_key *ca,
                                        const struct identity_scheme *scheme,
                                        struct membership *membership,
                                        char error[MEMBERSHIP_ERROR_MAX]) MUST_CHECK;

/* Reads what a person wrote, to be signed: the lines in any order, with blank lines and comments
 * (from a '#' at the beginning of a line), the first line and max-offset (250 ms) left out,
 * durations with any unit; of a member the id may be left out, and the end from the domain on.
 * complain is called with a sentence for each mistake, which name (of the file) begins. False if
 * there was one. */
bool membership_read_draft(const char *text, const char *name, struct membership *membership,
                           void (*complain)(void *context, const char *sentence),
                           void *context) MUST_CHECK;

/* Writes the signed document, terminated (malloc'd; the caller frees), and its terms' epoch and
 * timescale_id. NULL if memory is short, the crypto library fails or the membership is none that
 * could be read back. */
char *membership_sign(struct membership *membership, const struct identity *ca,
                      const struct identity_scheme *scheme) MUST_CHECK;

bool membership_is_revoked(const struct membership *membership, uint64_t id);
/* NULL if it is not listed. */
const struct certificate_node *membership_find(const struct membership *membership, uint64_t id);

/* For a mesh without a CA: keys are those of all its members, oneself included, in any order.
 * terms->faults and terms->max_offset_ns are given; epoch, timescale_id and nodes are filled in.
 * False if there are none or more than MEMBERSHIP_MEMBERS_MAX, or the crypto library fails. */
bool membership_configured(const struct public_key *keys, size_t count,
                           struct membership_terms *terms) MUST_CHECK;
/* The largest f of n nodes. */
uint16_t membership_faults_max(size_t nodes);
#endif
