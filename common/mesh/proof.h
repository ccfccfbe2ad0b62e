/* SPDX-License-Identifier: MIT */
/* proof.h - evidence as a text that anybody can check who knows the CA's public key:
 *
 *      truechimer proof 1
 *      kind = equivocation | stamps | intervals | causality | twins
 *      report = DIGITS                the REPORT field, in hex
 *      signature = DIGITS             of AUTH(1) that came with it
 *      ...                            and so on: two reports of one author; of causality 2
 *                                     to 10, each naming the digest of the one before it
 *      author = certificate:DIGITS    for each author with a certificate, as the reports
 *                                     stand; ed25519:DIGITS if there is no document
 *      the membership document        to the end, if there is one; the other authors are
 *                                     listed in it
 *
 * A certificate vouches for its key epoch and all above: a report of an earlier one is refused.
 * Hex digits are lower-case, each line ends with a newline, and nothing else is accepted: a proof
 * with any bit changed proves nothing. That a certificate expired or a key was revoked since does
 * not matter to what it signed. Pure; safe in any thread. */
#ifndef COMMON_MESH_PROOF_H
#define COMMON_MESH_PROOF_H
#include "common/auth/membership.h"
#include "common/mesh/evidence.h"

#define PROOF_REPORTS_MAX 10
#define PROOF_FIELD_MAX (REPORT_SIZE + REPORT_ROOT_SIZE + REPORT_ENTRIES_MAX * REPORT_ENTRY_SIZE)
#define PROOF_ERROR_MAX MEMBERSHIP_ERROR_MAX
/* Kind, reports with their signatures, authors; the document comes on top. */
#define PROOF_HEAD_MAX                                                                             \
    (64 + PROOF_REPORTS_MAX *                                                                      \
              (2 * (PROOF_FIELD_MAX + IDENTITY_SIGNATURE_SIZE) + CERTIFICATE_TEXT_MAX + 48))
#define PROOF_TEXT_MAX (PROOF_HEAD_MAX + MEMBERSHIP_TEXT_MAX)

enum proof_verdict {
    PROOF_OK = 0,
    PROOF_TOO_BIG,
    PROOF_MALFORMED,  /* no proof, or one that was damaged */
    PROOF_MEMBERSHIP, /* its membership document is not that CA's */
    PROOF_STRANGER,   /* nobody vouches for an author's key */
    PROOF_EPOCH,      /* a report is of a key epoch for which its certificate does not vouch */
    PROOF_FORGED,     /* a report is not signed by its author */
    PROOF_NOTHING,    /* the reports do not prove what it says */
    PROOF_NO_MEMORY,
    PROOF_VERDICTS
};

/* A short English name; a constant string. */
const char *proof_verdict_name(enum proof_verdict verdict);

/* A report with its signature, both as they came. */
struct proof_report {
    struct bytes field;
    const uint8_t *signature;
};

/* Who vouches for an author: the CA by a certificate, or nobody but the configuration. */
struct proof_author {
    uint64_t id;
    struct public_key key;
    uint16_t epoch; /* the least that is vouched for; of the certificate, by proof_read() */
    struct bytes certificate; /* empty: none */
};

/* What goes into a proof. Views live as long as the call. */
struct proof_parts {
    enum evidence_kind kind;
    size_t report_count;
    struct proof_report reports[PROOF_REPORTS_MAX]; /* of causality: the earliest first */
    size_t author_count; /* those left out for whom the document must do */
    struct proof_author authors[PROOF_REPORTS_MAX];
    struct bytes document; /* empty: none */
};

/* Writes it, terminated. Returns its length; 0 if room is too small (PROOF_TEXT_MAX is enough) or
 * there is no such proof. What it proves is not looked at. */
size_t proof_write(const struct proof_parts *parts, char *out, size_t room);

/* What a proof proves. */
struct proof {
    enum evidence_kind kind;
    size_t report_count;
    struct report reports[PROOF_REPORTS_MAX];
    /* The author; of causality the authors of the first and the last report: one of them is wrong.
     */
    uint64_t accused[2]; /* the second is 0 if it is one */
    bool is_certified;   /* the keys are vouched for by the CA; else only by who gave us the text */
    bool has_document;
    struct membership membership; /* if has_document */
};

/* Some 70 kB. NULL if memory is short. */
struct proof *proof_create(void);
void proof_destroy(struct proof *proof);

/* Checks all of it. ca: NULL takes a proof without certificates and document; else each key must be
 * vouched for by that CA. scheme: NULL for Ed25519. Unless PROOF_OK, error is a sentence, and
 * *proof is not to be used. */
enum proof_verdict proof_read(struct bytes text, const struct public_key *ca,
                              const struct identity_scheme *scheme, struct proof *proof,
                              char error[PROOF_ERROR_MAX]) MUST_CHECK;
#endif
