/* SPDX-License-Identifier: MIT */
#include "common/auth/membership.h"
#include "common/base/hexadecimal.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE_HEAD "signature = "
#define SIGNATURE_HEAD_SIZE (sizeof SIGNATURE_HEAD - 1)
/* Its line: digits and newline too. */
#define SIGNATURE_LINE_SIZE (SIGNATURE_HEAD_SIZE + 2 * IDENTITY_SIGNATURE_SIZE + 1)
/* Between them: a text of the configuration has no more per key. */
#define CONFIGURED_TEXT_MAX (256 + MEMBERSHIP_MEMBERS_MAX * (IDENTITY_KEY_TEXT_MAX + 8))

/* A text that grows; nothing is written beyond room. */
struct writing {
    char *text;
    size_t room;
    size_t size; /* of all that was to be written */
};

const char *membership_verdict_name(enum membership_verdict verdict)
{
    static const char *const names[MEMBERSHIP_VERDICTS] = {
        [MEMBERSHIP_OK] = "ok",
        [MEMBERSHIP_TOO_BIG] = "too big",
        [MEMBERSHIP_UNSIGNED] = "no signature at the end",
        [MEMBERSHIP_FORGED] = "not signed by the CA",
        [MEMBERSHIP_MALFORMED] = "not as documents are written",
        [MEMBERSHIP_NO_MEMORY] = "memory is short",
    };
    return verdict < MEMBERSHIP_VERDICTS ? names[verdict] : "unknown";
}

uint16_t membership_faults_max(size_t nodes)
{
    size_t deciding = nodes < MEMBERSHIP_VIEW_MAX ? nodes : MEMBERSHIP_VIEW_MAX;
    return (uint16_t)(deciding == 0 ? 0 : (deciding - 1) / 2);
}

bool membership_is_revoked(const struct membership *membership, uint64_t id)
{
    for (size_t i = 0; i < membership->revoked_count; i++) {
        if (membership->revoked[i] == id) {
            return true;
        }
    }
    return false;
}

const struct certificate_node *membership_find(const struct membership *membership, uint64_t id)
{
    for (size_t i = 0; i < membership->member_count; i++) {
        if (membership->members[i].id == id) {
            return &membership->members[i];
        }
    }
    return NULL;
}

__attribute__((format(printf, 2, 3))) static void put(struct writing *writing, const char *format,
                                                      ...)
{
    size_t at = writing->size < writing->room ? writing->size : writing->room;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(writing->text + at, writing->room - at, format, arguments);
    va_end(arguments);
    assert(size >= 0);
    writing->size += (size_t)size;
}

static void put_terms(struct writing *writing, const struct membership_terms *terms)
{
    put(writing, "nodes = %u\nfaults = %u\nmax-offset = %" PRId64 " ns\n", (unsigned)terms->nodes,
        (unsigned)terms->faults, terms->max_offset_ns);
}

/* All but the signature. */
static void put_document(struct writing *writing, const struct membership *membership)
{
    put(writing, "truechimer membership 1\nmesh = %s\nserial = %" PRIu32 "\n", membership->mesh,
        membership->serial);
    put_terms(writing, &membership->terms);
    for (size_t i = 0; i < membership->member_count; i++) {
        const struct certificate_node *node = &membership->members[i];
        char key[IDENTITY_KEY_TEXT_MAX];
        char address[CERTIFICATE_ADDRESS_MAX];
        put(writing, "member = %016" PRIx64 " %s %s %s\n", node->id,
            public_key_format(&node->key, key), node->domain[0] == '\0' ? "-" : node->domain,
            node->port == 0 ? "-" : certificate_node_format_address(node, address));
    }
    for (size_t i = 0; i < membership->revoked_count; i++) {
        put(writing, "revoked = %016" PRIx64 "\n", membership->revoked[i]);
    }
}

static bool digest_of(const char *text, size_t size, uint8_t digest[SECRET_SIZE])
{
    struct bytes part = bytes_make(text, size);
    return secret_digest(&part, 1, digest);
}

/* 24 bits of a digest; 0 stands for UTC. */
static uint32_t timescale_of(uint32_t digest)
{
    return digest >> 8 == 0 ? 1 : digest >> 8;
}

/* A mesh's own time goes on when a newer document comes: it is named by the mesh, not by the
 * document. */
static bool name_document(struct membership *membership, const struct public_key *ca,
                          const uint8_t digest[SECRET_SIZE])
{
    static const char label[] = "truechimer timescale v1";
    uint8_t named[SECRET_SIZE];
    struct bytes parts[] = {bytes_make(label, sizeof label),
                            bytes_make(ca->octets, sizeof ca->octets),
                            bytes_make(membership->mesh, strlen(membership->mesh))};
    if (!secret_digest(parts, 3, named)) {
        return false;
    }
    membership->terms.epoch = bytes_u32(bytes_make(digest, SECRET_SIZE), 0);
    membership->terms.timescale_id = timescale_of(bytes_u32(bytes_make(named, sizeof named), 0));
    return true;
}

static void keep_first(void *context, const char *sentence)
{
    char *error = context;
    if (error[0] == '\0') {
        snprintf(error, MEMBERSHIP_ERROR_MAX, "%s", sentence);
    }
}

/* The line in which two texts differ. */
static unsigned long differing_line(const char *text, const char *other, size_t size)
{
    unsigned long line = 1;
    for (size_t i = 0; i < size && text[i] == other[i]; i++) {
        line += text[i] == '\n';
    }
    return line;
}

/* The lines before the signature, which verified; terminated. */
static enum membership_verdict read_signed(const char *text, size_t size,
                                           struct membership *membership,
                                           char error[MEMBERSHIP_ERROR_MAX])
{
    error[0] = '\0';
    if (!membership_read_draft(text, "the document", membership, keep_first, error)) {
        return MEMBERSHIP_MALFORMED;
    }
    struct writing writing = {.text = malloc(size + 1), .room = size + 1};
    if (writing.text == NULL) {
        snprintf(error, MEMBERSHIP_ERROR_MAX, "memory is short");
        return MEMBERSHIP_NO_MEMORY;
    }
    put_document(&writing, membership);
    bool is_same = writing.size == size && memcmp(writing.text, text, size) == 0;
    if (!is_same) {
        snprintf(error, MEMBERSHIP_ERROR_MAX,
                 "the document:%lu: not written as 'chime certify' writes it; sign it with that",
                 differing_line(text, writing.text, size));
    }
    free(writing.text);
    return is_same ? MEMBERSHIP_OK : MEMBERSHIP_MALFORMED;
}

/* Finds the last line; signed_size is what it covers. */
static bool read_signature(struct bytes text, size_t *signed_size,
                           uint8_t signature[IDENTITY_SIGNATURE_SIZE])
{
    if (text.size <= SIGNATURE_LINE_SIZE) {
        return false;
    }
    size_t start = text.size - SIGNATURE_LINE_SIZE;
    const char *line = (const char *)text.data + start;
    *signed_size = start;
    return line[-1] == '\n' && line[SIGNATURE_LINE_SIZE - 1] == '\n' &&
           memcmp(line, SIGNATURE_HEAD, SIGNATURE_HEAD_SIZE) == 0 &&
           hexadecimal_read(line + SIGNATURE_HEAD_SIZE, signature, IDENTITY_SIGNATURE_SIZE);
}

/* With room of their own for the text, terminated, and for what it says. */
static enum membership_verdict read_copies(struct bytes text, const struct public_key *ca,
                                           const uint8_t digest[SECRET_SIZE],
                                           struct membership *membership,
                                           char error[MEMBERSHIP_ERROR_MAX])
{
    char *copy = malloc(text.size + 1);
    struct membership *found = calloc(1, sizeof *found);
    enum membership_verdict verdict = MEMBERSHIP_NO_MEMORY;
    snprintf(error, MEMBERSHIP_ERROR_MAX, "memory is short");
    if (copy != NULL && found != NULL) {
        memcpy(copy, text.data, text.size);
        copy[text.size] = '\0';
        verdict = read_signed(copy, text.size, found, error);
        if (verdict == MEMBERSHIP_OK && name_document(found, ca, digest)) {
            *membership = *found;
        } else if (verdict == MEMBERSHIP_OK) {
            snprintf(error, MEMBERSHIP_ERROR_MAX, "the crypto library fails");
            verdict = MEMBERSHIP_FORGED;
        }
    }
    free(copy);
    free(found);
    return verdict;
}

enum membership_verdict membership_read(struct bytes text, const struct public_key *ca,
                                        const struct identity_scheme *scheme,
                                        struct membership *membership,
                                        char error[MEMBERSHIP_ERROR_MAX])
{
    uint8_t signature[IDENTITY_SIGNATURE_SIZE];
    uint8_t digest[SECRET_SIZE];
    size_t signed_size;
    if (text.size > MEMBERSHIP_TEXT_MAX) {
        snprintf(error, MEMBERSHIP_ERROR_MAX,
                 "a membership document has at most %d octets, found %zu", MEMBERSHIP_TEXT_MAX,
                 text.size);
        return MEMBERSHIP_TOO_BIG;
    }
    if (!read_signature(text, &signed_size, signature)) {
        snprintf(error, MEMBERSHIP_ERROR_MAX,
                 "a membership document ends with a line '%s' and %d hex digits, which is not "
                 "there; sign the draft with 'chime certify --membership'",
                 SIGNATURE_HEAD, 2 * IDENTITY_SIGNATURE_SIZE);
        return MEMBERSHIP_UNSIGNED;
    }
    if (!digest_of((const char *)text.data, signed_size, digest) ||
        !identity_scheme_verify(scheme, ca, IDENTITY_DOCUMENT, bytes_make(digest, sizeof digest),
                                signature)) {
        char key[IDENTITY_KEY_TEXT_MAX];
        snprintf(error, MEMBERSHIP_ERROR_MAX,
                 "the document is not signed by the CA %s, or was changed since; ask the CA for "
                 "it again",
                 public_key_format(ca, key));
        return MEMBERSHIP_FORGED;
    }
    return read_copies(bytes_slice(text, 0, signed_size), ca, digest, membership, error);
}

char *membership_sign(struct membership *membership, const struct identity *ca,
                      const struct identity_scheme *scheme)
{
    struct writing writing = {.text = malloc(MEMBERSHIP_TEXT_MAX + 1),
                              .room = MEMBERSHIP_TEXT_MAX + 1};
    struct membership *again = malloc(sizeof *again);
    uint8_t digest[SECRET_SIZE];
    uint8_t signature[IDENTITY_SIGNATURE_SIZE];
    char digits[2 * IDENTITY_SIGNATURE_SIZE + 1];
    char error[MEMBERSHIP_ERROR_MAX];
    bool ok = writing.text != NULL && again != NULL;
    if (ok) {
        put_document(&writing, membership);
        ok = writing.size + SIGNATURE_LINE_SIZE <= MEMBERSHIP_TEXT_MAX &&
             digest_of(writing.text, writing.size, digest) &&
             identity_scheme_sign(scheme, ca, IDENTITY_DOCUMENT, bytes_make(digest, sizeof digest),
                                  signature);
    }
    if (ok) {
        hexadecimal_write(bytes_make(signature, sizeof signature), digits);
        put(&writing, SIGNATURE_HEAD "%s\n", digits);
        /* What can't be read back must not be handed out. */
        ok = membership_read(bytes_make(writing.text, writing.size), identity_public_key(ca),
                             scheme, again, error) == MEMBERSHIP_OK;
    }
    if (ok) {
        membership->terms = again->terms;
    } else {
        free(writing.text);
        writing.text = NULL;
    }
    free(again);
    return writing.text;
}

static int compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct public_key));
}

bool membership_configured(const struct public_key *keys, size_t count,
                           struct membership_terms *terms)
{
    struct public_key sorted[MEMBERSHIP_MEMBERS_MAX];
    char text[CONFIGURED_TEXT_MAX];
    struct writing writing = {.text = text, .room = sizeof text};
    uint8_t digest[SECRET_SIZE];
    if (count == 0 || count > MEMBERSHIP_MEMBERS_MAX) {
        return false;
    }
    struct membership_terms found = *terms;
    found.nodes = (uint16_t)count;
    memcpy(sorted, keys, count * sizeof keys[0]);
    qsort(sorted, count, sizeof sorted[0], compare_keys);
    put(&writing, "truechimer configuration 1\n");
    put_terms(&writing, &found);
    for (size_t i = 0; i < count; i++) {
        char key[IDENTITY_KEY_TEXT_MAX];
        put(&writing, "key = %s\n", public_key_format(&sorted[i], key));
    }
    assert(writing.size < sizeof text);
    if (!digest_of(text, writing.size, digest)) {
        return false;
    }
    found.epoch = bytes_u32(bytes_make(digest, sizeof digest), 0);
    found.timescale_id = timescale_of(bytes_u32(bytes_make(digest, sizeof digest), 4));
    *terms = found;
    return true;
}
