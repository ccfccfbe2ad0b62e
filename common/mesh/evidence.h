/* SPDX-License-Identifier: MIT */
/* evidence.h - what verified reports prove about their authors, by themselves or against each
 * other; and the store of recent ones in which that is looked for.
 *
 * Two reports of one author convict it if they are the same one twice with other octets: an honest
 * node makes one report for each sequence number. All else that can't hold together proves that an
 * interval or a stamp was wrong, which may be the doing of whoever told its author the time. What
 * an honest node does when it is killed, suspended, stepped, joins UTC or passes a leap second is
 * no evidence: reports name their incarnation, disruptions and timescale, and only those that agree
 * in them are compared. UTC may jump by a second wherever a month ends, whatever their authors say
 * of leaps. A clock that shows the mesh's own time may be stepped until all agree: two authors'
 * intervals of it prove nothing. Pure; not thread-safe. */
#ifndef COMMON_MESH_EVIDENCE_H
#define COMMON_MESH_EVIDENCE_H
#include "common/auth/identity.h"
#include "common/base/instant.h"
#include "ntpwire/report.h"

#define EVIDENCE_REPORTS_MAX 64 /* kept, of all authors */
#define EVIDENCE_PER_AUTHOR_MAX 4
#define EVIDENCE_REPORT_SIZE_MAX                                                                   \
    (REPORT_SIZE + 16 * REPORT_ENTRY_SIZE) /* longer ones are not kept */
#define EVIDENCE_CHAIN_MAX 8
/* No oscillator that a clock can be kept by runs farther off; signed stamps of it bound the time
 * between two reports by this. */
#define EVIDENCE_RATE_PPM 1000

enum evidence_kind {
    EVIDENCE_NONE = 0,
    EVIDENCE_EQUIVOCATION, /* E1(a): two reports with one number; convicts */
    EVIDENCE_STAMPS,       /* E1(b): a later report has an earlier stamp or oscillator */
    EVIDENCE_INTERVALS,    /* E1(c): two intervals of one clock that can't both hold the time */
    EVIDENCE_CAUSALITY,    /* E2: a report was made before one that is certainly earlier */
    EVIDENCE_TWINS,        /* two incarnations alternate: one identity, two processes */
    EVIDENCE_KINDS
};

/* Such as "two reports with one number"; a constant string. */
const char *evidence_kind_name(enum evidence_kind kind);

/* Of two verified reports of one author, in any order, with the digests of their fields. */
enum evidence_kind evidence_compare(const struct report *a, const uint8_t a_digest[SECRET_SIZE],
                                    const struct report *b, const uint8_t b_digest[SECRET_SIZE]);
/* Of two authors: `before` was seen by the author of `after` when that was made. True: one of the
 * two intervals is wrong. */
bool evidence_is_acausal(const struct report *before, const struct report *after);

/* A report as it is kept. */
struct evidence_report {
    uint64_t author; /* 0: the place is free */
    struct mono came;
    uint16_t size;
    uint8_t digest[SECRET_SIZE];
    uint8_t octets[EVIDENCE_REPORT_SIZE_MAX];
    uint8_t signature[IDENTITY_SIGNATURE_SIZE];
};

struct evidence_store { /* used through the calls below only, or read */
    struct evidence_report reports[EVIDENCE_REPORTS_MAX];
};

/* What a new report proves together with one that is kept. */
struct evidence_finding {
    enum evidence_kind kind;      /* the gravest */
    struct evidence_report other; /* set unless it is EVIDENCE_NONE */
    /* Of causality: those that lead from other to the new one, the earliest first. */
    size_t between_count;
    struct evidence_report between[EVIDENCE_CHAIN_MAX - 1];
};

/* A report as it is kept. False if it is longer than EVIDENCE_REPORT_SIZE_MAX, or the crypto
 * library fails. */
bool evidence_pack(const struct report *report, struct bytes field, const uint8_t *signature,
                   struct mono now, struct evidence_report *packed) MUST_CHECK;
/* Compares a verified report with what is kept of its author and along the chain of digests, and
 * keeps it. What is known already proves nothing again. */
void evidence_add(struct evidence_store *store, const struct report *report,
                  const struct evidence_report *signed_report, struct evidence_finding *finding);
/* The newest that is kept of that author; NULL: none. */
const struct evidence_report *evidence_newest(const struct evidence_store *store, uint64_t author);
#endif
