/* SPDX-License-Identifier: MIT */
#include "common/mesh/proof.h"
#include "common/base/hexadecimal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TITLE "truechimer proof 1\n"
#define KEY_PREFIX "ed25519:"

static const char *const words[EVIDENCE_KINDS] = {
    [EVIDENCE_EQUIVOCATION] = "equivocation",
    [EVIDENCE_STAMPS] = "stamps",
    [EVIDENCE_INTERVALS] = "intervals",
    [EVIDENCE_CAUSALITY] = "causality",
    [EVIDENCE_TWINS] = "twins",
};

/* A text that is read line by line, and what was found. */
struct proof_reading {
    struct bytes rest;
    const struct public_key *ca;
    const struct identity_scheme *scheme;
    struct proof *proof;
    char *error;
    uint8_t digests[PROOF_REPORTS_MAX][SECRET_SIZE];
    uint8_t octets[PROOF_REPORTS_MAX][PROOF_FIELD_MAX];
    size_t sizes[PROOF_REPORTS_MAX];
    uint8_t signatures[PROOF_REPORTS_MAX][IDENTITY_SIGNATURE_SIZE];
    size_t author_count;
    struct proof_author authors[PROOF_REPORTS_MAX];
    bool is_used[PROOF_REPORTS_MAX];
};

const char *proof_verdict_name(enum proof_verdict verdict)
{
    static const char *const names[PROOF_VERDICTS] = {
        [PROOF_OK] = "ok",
        [PROOF_TOO_BIG] = "too big",
        [PROOF_MALFORMED] = "no proof, or a damaged one",
        [PROOF_MEMBERSHIP] = "the membership document is not the CA's",
        [PROOF_STRANGER] = "nobody vouches for an author's key",
        [PROOF_EPOCH] = "a report is of a key epoch before its certificate's",
        [PROOF_FORGED] = "a report is not signed by its author",
        [PROOF_NOTHING] = "the reports do not prove it",
        [PROOF_NO_MEMORY] = "memory is short",
    };
    return verdict < PROOF_VERDICTS ? names[verdict] : "unknown";
}

struct proof *proof_create(void)
{
    return calloc(1, sizeof(struct proof));
}

void proof_destroy(struct proof *proof)
{
    free(proof);
}

/* A text that grows; *size passes room when it does not fit. */
struct writing {
    char *out;
    size_t room;
    size_t size;
};

static void put_text(struct writing *writing, struct bytes text)
{
    if (writing->size + text.size < writing->room && text.size > 0) {
        memcpy(writing->out + writing->size, text.data, text.size);
    }
    writing->size += text.size;
}

static void put_word(struct writing *writing, const char *word)
{
    put_text(writing, bytes_make(word, strlen(word)));
}

static void put_digits(struct writing *writing, struct bytes octets)
{
    if (writing->size + 2 * octets.size < writing->room) {
        hexadecimal_write(octets, writing->out + writing->size);
    }
    writing->size += 2 * octets.size;
    put_word(writing, "\n");
}

static bool has_form(const struct proof_parts *parts)
{
    bool is_kind = parts->kind > EVIDENCE_NONE && parts->kind < EVIDENCE_KINDS;
    bool is_number = parts->report_count >= 2 && parts->report_count <= PROOF_REPORTS_MAX &&
                     parts->author_count <= PROOF_REPORTS_MAX;
    for (size_t i = 0; is_number && i < parts->report_count; i++) {
        is_number = parts->reports[i].field.size <= PROOF_FIELD_MAX;
    }
    return is_kind && is_number;
}

size_t proof_write(const struct proof_parts *parts, char *out, size_t room)
{
    struct writing writing = {.out = out, .room = room};
    if (!has_form(parts)) {
        return 0;
    }
    put_word(&writing, TITLE "kind = ");
    put_word(&writing, words[parts->kind]);
    put_word(&writing, "\n");
    for (size_t i = 0; i < parts->report_count; i++) {
        put_word(&writing, "report = ");
        put_digits(&writing, parts->reports[i].field);
        put_word(&writing, "signature = ");
        put_digits(&writing, bytes_make(parts->reports[i].signature, IDENTITY_SIGNATURE_SIZE));
    }
    for (size_t i = 0; i < parts->author_count; i++) {
        const struct proof_author *author = &parts->authors[i];
        bool is_certified = author->certificate.size > 0;
        put_word(&writing, "author = ");
        put_word(&writing, is_certified ? CERTIFICATE_TEXT_PREFIX : KEY_PREFIX);
        put_digits(&writing, is_certified
                                 ? author->certificate
                                 : bytes_make(author->key.octets, sizeof author->key.octets));
    }
    put_text(&writing, parts->document);
    if (writing.size >= room) {
        return 0;
    }
    out[writing.size] = '\0';
    return writing.size;
}

/* Is this what comes next? Then it is taken. */
static bool take(struct proof_reading *reading, const char *word)
{
    size_t size = strlen(word);
    if (reading->rest.size < size || memcmp(reading->rest.data, word, size) != 0) {
        return false;
    }
    reading->rest = bytes_slice(reading->rest, size, reading->rest.size - size);
    return true;
}

/* Hex digits to the end of the line, of at most room octets. */
static bool take_digits(struct proof_reading *reading, uint8_t *octets, size_t room, size_t *size)
{
    const char *text = (const char *)reading->rest.data;
    const char *end = memchr(text, '\n', reading->rest.size);
    size_t digits = end == NULL ? 1 : (size_t)(end - text);
    if (digits % 2 != 0 || digits / 2 > room || !hexadecimal_read(text, octets, digits / 2)) {
        return false;
    }
    *size = digits / 2;
    reading->rest = bytes_slice(reading->rest, digits + 1, reading->rest.size - digits - 1);
    return true;
}

static bool take_exactly(struct proof_reading *reading, uint8_t *octets, size_t size)
{
    size_t found;
    return take_digits(reading, octets, size, &found) && found == size;
}

static enum proof_verdict refuse(struct proof_reading *reading, enum proof_verdict verdict,
                                 const char *sentence)
{
    snprintf(reading->error, PROOF_ERROR_MAX, "%s", sentence);
    return verdict;
}

static bool take_kind(struct proof_reading *reading)
{
    if (!take(reading, TITLE) || !take(reading, "kind = ")) {
        return false;
    }
    for (int kind = EVIDENCE_NONE + 1; kind < EVIDENCE_KINDS; kind++) {
        if (take(reading, words[kind])) {
            reading->proof->kind = (enum evidence_kind)kind;
            return take(reading, "\n");
        }
    }
    return false;
}

static bool take_reports(struct proof_reading *reading)
{
    struct proof *proof = reading->proof;
    while (take(reading, "report = ")) {
        size_t i = proof->report_count;
        if (i == PROOF_REPORTS_MAX ||
            !take_digits(reading, reading->octets[i], PROOF_FIELD_MAX, &reading->sizes[i]) ||
            !take(reading, "signature = ") ||
            !take_exactly(reading, reading->signatures[i], IDENTITY_SIGNATURE_SIZE)) {
            return false;
        }
        struct bytes field = bytes_make(reading->octets[i], reading->sizes[i]);
        if (report_read(field, &proof->reports[i]) != REPORT_OK ||
            !secret_digest(&field, 1, reading->digests[i])) {
            return false;
        }
        proof->report_count++;
    }
    return proof->report_count >= 2 &&
           (proof->report_count == 2 || proof->kind == EVIDENCE_CAUSALITY);
}

/* A certificate's key is as good as the CA that the caller believes. */
static enum proof_verdict take_author(struct proof_reading *reading, struct proof_author *author)
{
    uint8_t octets[CERTIFICATE_SIZE_MAX];
    size_t size;
    struct certificate certificate;
    if (take(reading, KEY_PREFIX)) {
        if (!take_exactly(reading, author->key.octets, sizeof author->key.octets) ||
            !public_key_id(&author->key, &author->id)) {
            return refuse(reading, PROOF_MALFORMED, "an author's key is not 64 hex digits");
        }
        return reading->ca == NULL
                   ? PROOF_OK
                   : refuse(reading, PROOF_STRANGER,
                            "an author's key stands there without a certificate of the CA; without "
                            "--ca the proof says something of a key, and not of a member");
    }
    if (!take(reading, CERTIFICATE_TEXT_PREFIX) ||
        !take_digits(reading, octets, sizeof octets, &size)) {
        return refuse(reading, PROOF_MALFORMED, "an author is no certificate and no key");
    }
    if (reading->ca == NULL) {
        return refuse(reading, PROOF_STRANGER,
                      "there is a certificate, so the CA's key is needed: give --ca");
    }
    if (certificate_read(bytes_make(octets, size), reading->ca, reading->scheme, &certificate) !=
        CERTIFICATE_OK) {
        return refuse(reading, PROOF_STRANGER,
                      "an author's certificate is not of this CA, or was changed");
    }
    author->id = certificate.node.id;
    author->key = certificate.node.key;
    author->epoch = certificate.epoch;
    return PROOF_OK;
}

static enum proof_verdict take_authors(struct proof_reading *reading)
{
    while (take(reading, "author = ")) {
        if (reading->author_count == PROOF_REPORTS_MAX) {
            return refuse(reading, PROOF_MALFORMED, "there are more authors than reports");
        }
        enum proof_verdict verdict = take_author(reading, &reading->authors[reading->author_count]);
        if (verdict != PROOF_OK) {
            return verdict;
        }
        reading->author_count++;
    }
    return PROOF_OK;
}

static enum proof_verdict take_document(struct proof_reading *reading)
{
    char error[MEMBERSHIP_ERROR_MAX];
    if (reading->rest.size == 0) {
        return PROOF_OK;
    }
    if (reading->ca == NULL) {
        return refuse(reading, PROOF_MEMBERSHIP,
                      "something follows that is to be a membership document, so the CA's key is "
                      "needed: give --ca");
    }
    if (membership_read(reading->rest, reading->ca, reading->scheme, &reading->proof->membership,
                        error) != MEMBERSHIP_OK) {
        return refuse(reading, PROOF_MEMBERSHIP, error);
    }
    reading->proof->has_document = true;
    return PROOF_OK;
}

/* The key of that node, and the least key epoch that goes with it: of the next author's line, or
 * one before, or of the document, which names no epoch. */
static const struct public_key *find_key(struct proof_reading *reading, uint64_t id,
                                         uint16_t *epoch)
{
    *epoch = 0;
    for (size_t i = 0; i < reading->author_count; i++) {
        bool is_next = i == 0 || reading->is_used[i - 1];
        if (is_next && reading->authors[i].id == id) {
            reading->is_used[i] = true;
            *epoch = reading->authors[i].epoch;
            return &reading->authors[i].key;
        }
    }
    const struct certificate_node *node =
        reading->proof->has_document ? membership_find(&reading->proof->membership, id) : NULL;
    return node == NULL ? NULL : &node->key;
}

static enum proof_verdict check_signatures(struct proof_reading *reading)
{
    struct proof *proof = reading->proof;
    for (size_t i = 0; i < proof->report_count; i++) {
        uint16_t epoch;
        const struct public_key *key = find_key(reading, proof->reports[i].node, &epoch);
        if (key == NULL) {
            return refuse(reading, PROOF_STRANGER,
                          "a report's author is not listed, and its key does not stand there");
        }
        if (proof->reports[i].key_epoch < epoch) {
            return refuse(reading, PROOF_EPOCH,
                          "a report is of a key epoch before the first for which its author's "
                          "certificate vouches");
        }
        if (!identity_scheme_verify(reading->scheme, key, IDENTITY_REPORT,
                                    bytes_make(reading->octets[i], reading->sizes[i]),
                                    reading->signatures[i])) {
            return refuse(reading, PROOF_FORGED,
                          "a report is not signed by its author, or was changed since");
        }
    }
    if (reading->author_count > 0 && !reading->is_used[reading->author_count - 1]) {
        return refuse(reading, PROOF_MALFORMED, "an author stands there who wrote no report");
    }
    return PROOF_OK;
}

/* Each of them names the one before it, so it was made later. */
static bool is_chain(const struct proof_reading *reading)
{
    const struct proof *proof = reading->proof;
    for (size_t i = 1; i < proof->report_count; i++) {
        if (memcmp(proof->reports[i].previous, reading->digests[i - 1], REPORT_PREVIOUS_SIZE) !=
            0) {
            return false;
        }
    }
    return true;
}

static enum proof_verdict check_evidence(struct proof_reading *reading)
{
    struct proof *proof = reading->proof;
    const struct report *first = &proof->reports[0];
    const struct report *last = &proof->reports[proof->report_count - 1];
    bool holds;
    if (proof->kind == EVIDENCE_CAUSALITY) {
        holds = is_chain(reading) && evidence_is_acausal(first, last);
        proof->accused[1] = last->node;
    } else {
        holds =
            evidence_compare(first, reading->digests[0], last, reading->digests[1]) == proof->kind;
    }
    proof->accused[0] = first->node;
    if (!holds) {
        return refuse(reading, PROOF_NOTHING,
                      "the reports are genuine, and do not contradict each other as it says");
    }
    proof->is_certified = reading->ca != NULL;
    return PROOF_OK;
}

static enum proof_verdict read_all(struct proof_reading *reading)
{
    if (!take_kind(reading) || !take_reports(reading)) {
        return refuse(reading, PROOF_MALFORMED,
                      "not a proof as 'chime mesh evidence' prints it, or one that was damaged");
    }
    enum proof_verdict verdict = take_authors(reading);
    if (verdict == PROOF_OK) {
        verdict = take_document(reading);
    }
    if (verdict == PROOF_OK) {
        verdict = check_signatures(reading);
    }
    return verdict == PROOF_OK ? check_evidence(reading) : verdict;
}

enum proof_verdict proof_read(struct bytes text, const struct public_key *ca,
                              const struct identity_scheme *scheme, struct proof *proof,
                              char error[PROOF_ERROR_MAX])
{
    if (text.size > PROOF_TEXT_MAX) {
        snprintf(error, PROOF_ERROR_MAX, "a proof has at most %zu octets, found %zu",
                 (size_t)PROOF_TEXT_MAX, text.size);
        return PROOF_TOO_BIG;
    }
    struct proof_reading *reading = calloc(1, sizeof *reading);
    if (reading == NULL) {
        snprintf(error, PROOF_ERROR_MAX, "memory is short");
        return PROOF_NO_MEMORY;
    }
    memset(proof, 0, sizeof *proof);
    reading->rest = text;
    reading->ca = ca;
    reading->scheme = scheme;
    reading->proof = proof;
    reading->error = error;
    enum proof_verdict verdict = read_all(reading);
    free(reading);
    return verdict;
}
