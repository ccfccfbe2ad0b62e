/* SPDX-License-Identifier: MIT */
/* survey.h - asks several servers at once, each some times, and judges what they say. */
#ifndef CLIENT_CLI_SURVEY_H
#define CLIENT_CLI_SURVEY_H
#include "client/sync/exchange.h"
#include "client/sync/selection.h"

#define SURVEY_SERVERS_MAX SELECTION_MAX
#define SURVEY_SAMPLES_MAX 1000
#define SURVEY_TRIES 3 /* requests without an answer, after which a server is given up */
#define SURVEY_TEXT_MAX 640
#define SURVEY_ERROR_MAX 512
/* By how much our own clock may run away from the truth between the samples that are compared. */
#define SURVEY_DRIFT_PPM 50

struct survey_options {
    unsigned count;             /* samples of each server */
    int64_t interval_ns;        /* between two requests to one server */
    int64_t timeout_ns;         /* to wait for an answer */
    enum address_family family; /* ADDRESS_NONE: both */
    uint16_t port;              /* where a server is named without one */
    uint8_t version;
    bool interleaved;
    uint32_t key_id; /* 0: none */
    const struct keyring *keyring;
    int64_t distance_max_ns; /* 0: no limit beyond the packet tests */
};

enum survey_outcome {
    SURVEY_OK = 0,
    SURVEY_UNRESOLVED,  /* the name has no address */
    SURVEY_UNREACHABLE, /* the network refuses */
    SURVEY_CLOSED,      /* nothing listens on that port */
    SURVEY_SILENT,
    SURVEY_GARBAGE, /* what came was no answer to our request */
    SURVEY_KISS,
    SURVEY_REFUSED, /* an answer that failed a test */
    SURVEY_FAILED,  /* something here: the key, the system */
    SURVEY_OUTCOMES
};

struct survey_result {
    const char *name; /* as it was asked for; the caller's */
    enum survey_outcome outcome;
    /* Why there is no sample; with SURVEY_OK, why there are not more: empty, or of has_reply. */
    char sentence[SURVEY_TEXT_MAX];
    struct address address; /* that answered or was tried last; family NONE if there is none */
    unsigned requests;      /* to all addresses of the name */
    unsigned replies;
    int64_t elapsed_ns;
    /* The last answer that was refused, if one came. */
    bool has_reply;
    enum exchange_verdict verdict;
    struct exchange_reply reply;

    struct sample *samples; /* in the order of their arrival; survey_clear() frees them */
    size_t sample_count;
    bool wants_interleaved;
    size_t interleaved_count; /* of them */
    /* With SURVEY_OK: the sample whose bound is the smallest now, and how the others' offsets
     * scatter about it (RFC 5905, 10: root of the mean square; 0 with one sample). */
    struct sample best;
    int64_t jitter_ns;
    bool is_outside; /* set by survey_judge() */
    bool is_repeat;  /* the same; an earlier result is of the same address, and counts for both */
};

/* "silent" and the like, for scripts. */
const char *survey_outcome_name(enum survey_outcome outcome);

/* Asks count servers (at most SURVEY_SERVERS_MAX); results[i].name is set by the caller. False,
 * with a sentence in error, if nothing could be asked at all. survey_clear() in any case. */
bool survey_run(const struct survey_options *options, struct survey_result *results, size_t count,
                char error[SURVEY_ERROR_MAX]) MUST_CHECK;
void survey_clear(struct survey_result *results, size_t count);

/* The interval on which a majority of all that were asked agrees, as of the last sample; marks
 * those outside. An address counts once, by however many names it was asked: else one liar could
 * be a majority. */
void survey_judge(struct survey_result *results, size_t count, struct selection *selection);
#endif
