/* SPDX-License-Identifier: MIT */
/* Proofs: whatever is accepted is written in the one way, and proves what it says; nothing is that
 * its author did not sign. The seeds are of the CA below. */
#include "common/base/hexadecimal.h"
#include "common/mesh/proof.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

const struct fuzz_target fuzz_target = {.name = "proof", .takes_packets = false};

#define CA_SEED 1
#define LINE_MAX_SIZE (2 * PROOF_FIELD_MAX + 16)

/* Believes every signature, so that what follows on them is reached. */
static bool believe(const struct identity_scheme *scheme, const struct public_key *key,
                    enum identity_use use, struct bytes message,
                    const uint8_t signature[IDENTITY_SIGNATURE_SIZE])
{
    (void)scheme;
    (void)key;
    (void)use;
    FUZZ_REQUIRE(message.size > 0 && signature != NULL);
    return true;
}

static const struct identity_scheme credulous = {.verify = believe};

static void draw_ca(struct public_key *ca)
{
    char error[IDENTITY_ERROR_MAX];
    struct random random;
    random_init_seeded(&random, CA_SEED);
    struct identity *identity = identity_create(&random, error);
    FUZZ_REQUIRE(identity != NULL);
    *ca = *identity_public_key(identity);
    identity_destroy(identity);
}

/* Its reports, written again, stand in the text in that order. */
static void require_reports(const struct proof *proof, const char *text)
{
    static char line[LINE_MAX_SIZE];
    static uint8_t field[PROOF_FIELD_MAX];
    for (size_t i = 0; i < proof->report_count; i++) {
        size_t size = report_write(field, sizeof field, &proof->reports[i]);
        FUZZ_REQUIRE(size > 0);
        strcpy(line, "\nreport = ");
        hexadecimal_write(bytes_make(field, size), line + strlen(line));
        text = strstr(text, line);
        FUZZ_REQUIRE(text != NULL);
        text += strlen(line);
        FUZZ_REQUIRE(strncmp(text, "\nsignature = ", 13) == 0);
    }
    FUZZ_REQUIRE(strstr(text, "\nreport = ") == NULL);
}

static void require_accused(const struct proof *proof)
{
    const struct report *first = &proof->reports[0];
    const struct report *last = &proof->reports[proof->report_count - 1];
    FUZZ_REQUIRE(proof->report_count >= 2 && proof->report_count <= PROOF_REPORTS_MAX);
    FUZZ_REQUIRE(proof->kind > EVIDENCE_NONE && proof->kind < EVIDENCE_KINDS);
    FUZZ_REQUIRE(proof->accused[0] == first->node);
    if (proof->kind == EVIDENCE_CAUSALITY) {
        FUZZ_REQUIRE(proof->accused[1] == last->node && first->node != last->node);
    } else {
        FUZZ_REQUIRE(proof->accused[1] == 0 && first->node == last->node);
        FUZZ_REQUIRE(first->key_epoch == last->key_epoch);
    }
    if (proof->kind == EVIDENCE_EQUIVOCATION) {
        FUZZ_REQUIRE(first->sequence == last->sequence && first->incarnation == last->incarnation);
    }
}

static enum proof_verdict check(const char *text, size_t size, const struct public_key *ca,
                                const struct identity_scheme *scheme)
{
    char error[PROOF_ERROR_MAX] = "";
    struct proof *proof = proof_create();
    FUZZ_REQUIRE(proof != NULL);
    enum proof_verdict verdict = proof_read(bytes_make(text, size), ca, scheme, proof, error);
    FUZZ_REQUIRE(verdict < PROOF_VERDICTS && proof_verdict_name(verdict)[0] != '\0');
    if (verdict == PROOF_OK) {
        FUZZ_REQUIRE(proof->is_certified == (ca != NULL));
        FUZZ_REQUIRE(!proof->has_document || ca != NULL);
        FUZZ_REQUIRE(strlen(text) == size);
        require_accused(proof);
        require_reports(proof, text);
    } else {
        FUZZ_REQUIRE(error[0] != '\0' && memchr(error, '\0', sizeof error) != NULL);
    }
    proof_destroy(proof);
    return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct public_key ca;
    draw_ca(&ca);
    /* What Ed25519 accepts, who believes everything does; and never with and without a CA. */
    bool is_genuine = check(text, size, &ca, NULL) == PROOF_OK;
    bool is_of_keys = check(text, size, NULL, NULL) == PROOF_OK;
    FUZZ_REQUIRE(!is_genuine || !is_of_keys);
    FUZZ_REQUIRE(check(text, size, &ca, &credulous) == PROOF_OK || !is_genuine);
    FUZZ_REQUIRE(check(text, size, NULL, &credulous) == PROOF_OK || !is_of_keys);
    free(text);
    return 0;
}
