/* SPDX-License-Identifier: MIT */
/* The reader of drafts, which is also that of documents: there each liberty shows as a difference
 * to the one spelling. */
#include "common/auth/membership.h"
#include "common/base/quantity.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r"
#define WORDS_MAX 5
#define TITLE "truechimer membership 1"

enum field_name {
    FIELD_MESH,
    FIELD_SERIAL,
    FIELD_NODES,
    FIELD_FAULTS,
    FIELD_MAX_OFFSET,
    FIELD_MEMBER,
    FIELD_REVOKED,
    FIELDS
};

struct draft {
    struct membership *membership;
    const char *name;
    void (*complain)(void *context, const char *sentence);
    void *context;
    unsigned long line;
    unsigned long seen[FIELDS]; /* the line of each; 0: not yet */
    bool has_title;
    bool ok;
};

struct field {
    const char *name;
    void (*read)(struct draft *draft, char *value);
    bool is_required;
    bool is_repeated;
};

__attribute__((format(printf, 3, 4))) static void complain(struct draft *draft, unsigned long line,
                                                           const char *format, ...)
{
    char sentence[MEMBERSHIP_ERROR_MAX];
    int at = line > 0 ? snprintf(sentence, sizeof sentence, "%.100s:%lu: ", draft->name, line)
                      : snprintf(sentence, sizeof sentence, "%.100s: ", draft->name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence + at, sizeof sentence - (size_t)at, format, arguments);
    va_end(arguments);
    draft->ok = false;
    draft->complain(draft->context, sentence);
}

/* False, and complained, unless it is a whole number from minimum to maximum. */
static bool read_number(struct draft *draft, const char *name, const char *value, int64_t maximum,
                        int64_t *number)
{
    int64_t minimum = strcmp(name, "faults") == 0 ? 0 : 1;
    if (quantity_parse_integer(value, minimum, maximum, number)) {
        return true;
    }
    complain(draft, draft->line,
             "%s: '%.40s' was found; a whole number from %" PRId64 " to %" PRId64 " is accepted",
             name, value, minimum, maximum);
    return false;
}

static void read_mesh(struct draft *draft, char *value)
{
    /* A mesh's name has the form of a domain's. */
    struct certificate_node form;
    if (value[0] == '\0' || !certificate_node_set_domain(&form, value)) {
        complain(draft, draft->line,
                 "mesh: '%.40s' was found; a name of 1 to %d letters, digits, '-', '_' and '.' is "
                 "accepted",
                 value, MEMBERSHIP_NAME_MAX);
        return;
    }
    memcpy(draft->membership->mesh, value, strlen(value) + 1);
}

static void read_serial(struct draft *draft, char *value)
{
    int64_t number;
    if (read_number(draft, "serial", value, UINT32_MAX, &number)) {
        draft->membership->serial = (uint32_t)number;
    }
}

static void read_nodes(struct draft *draft, char *value)
{
    int64_t number;
    if (read_number(draft, "nodes", value, MEMBERSHIP_NODES_MAX, &number)) {
        draft->membership->terms.nodes = (uint16_t)number;
    }
}

static void read_faults(struct draft *draft, char *value)
{
    int64_t number;
    if (read_number(draft, "faults", value, membership_faults_max(MEMBERSHIP_NODES_MAX), &number)) {
        draft->membership->terms.faults = (uint16_t)number;
    }
}

static void read_max_offset(struct draft *draft, char *value)
{
    int64_t ns;
    if (!quantity_parse_duration(value, &ns) || ns < MEMBERSHIP_OFFSET_NS_MIN ||
        ns > MEMBERSHIP_OFFSET_NS_MAX) {
        complain(draft, draft->line,
                 "max-offset: '%.40s' was found; a duration from 1 ms to 60 s is accepted, such as "
                 "'250 ms'",
                 value);
        return;
    }
    draft->membership->terms.max_offset_ns = ns;
}

/* Cuts value at its blanks. Returns the number of words; WORDS_MAX may be too few. */
static size_t split(char *value, char *words[WORDS_MAX])
{
    size_t count = 0;
    char *at = value + strspn(value, BLANKS);
    while (*at != '\0' && count < WORDS_MAX) {
        words[count++] = at;
        at += strcspn(at, BLANKS);
        if (*at != '\0') {
            *at++ = '\0';
            at += strspn(at, BLANKS);
        }
    }
    return count;
}

static bool is_given(const char *word)
{
    return word != NULL && strcmp(word, "-") != 0;
}

/* What the line says, by itself. */
static bool read_node(struct draft *draft, char *value, struct certificate_node *node)
{
    char *words[WORDS_MAX + 1] = {NULL};
    char error[IDENTITY_ERROR_MAX];
    struct public_key key;
    uint64_t id = 0;
    size_t count = split(value, words);
    bool has_id = count > 0 && identity_id_parse(words[0], &id);
    char **word = words + (has_id ? 1 : 0);
    if (count == 0 || count > (has_id ? 4U : 3U) || word[0] == NULL) {
        complain(draft, draft->line,
                 "member: found %zu words; accepted is [ID] ed25519:KEY [DOMAIN [ADDRESS]], with "
                 "'-' for what is not to be said",
                 count);
    } else if (!public_key_parse(word[0], &key, error)) {
        complain(draft, draft->line, "member: %s", error);
    } else if (!certificate_node_set_key(node, &key)) {
        complain(draft, draft->line, "member: the crypto library fails");
    } else if (has_id && id != node->id) {
        complain(draft, draft->line,
                 "member: the id %s was found before a key whose id is %016" PRIx64
                 "; leave the id out",
                 words[0], node->id);
    } else if (is_given(word[1]) && !certificate_node_set_domain(node, word[1])) {
        complain(draft, draft->line,
                 "member: '%.40s' was found as failure domain; at most %d letters, digits, '-', "
                 "'_' and '.' are accepted",
                 word[1], CERTIFICATE_DOMAIN_MAX);
    } else if (word[1] != NULL && is_given(word[2]) &&
               !certificate_node_set_address(node, word[2])) {
        complain(draft, draft->line,
                 "member: '%.80s' was found as address; HOST or HOST:PORT is accepted, a host of "
                 "at most %d characters",
                 word[2], CERTIFICATE_HOST_MAX);
    } else {
        return true;
    }
    return false;
}

static void read_member(struct draft *draft, char *value)
{
    struct membership *membership = draft->membership;
    struct certificate_node node = {0};
    if (!read_node(draft, value, &node)) {
        return;
    }
    if (membership->member_count == MEMBERSHIP_MEMBERS_MAX) {
        complain(draft, draft->line,
                 "member: more than %d are listed; leave these out and give them certificates",
                 MEMBERSHIP_MEMBERS_MAX);
        return;
    }
    for (size_t i = 0; i < membership->member_count; i++) {
        const struct certificate_node *other = &membership->members[i];
        if (other->id == node.id) {
            complain(draft, draft->line, "member: %016" PRIx64 " is listed twice", node.id);
            return;
        }
        if (identity_tag(other->id) == identity_tag(node.id)) {
            complain(draft, draft->line,
                     "member: the ids %016" PRIx64 " and %016" PRIx64 " begin with the same 8 "
                     "digits, by which reports name a node; make one of the two another key",
                     other->id, node.id);
            return;
        }
        if (node.port != 0 && other->port == node.port && strcmp(other->host, node.host) == 0) {
            complain(draft, draft->line,
                     "member: %016" PRIx64 " and %016" PRIx64 " have the same address", other->id,
                     node.id);
            return;
        }
    }
    membership->members[membership->member_count++] = node;
}

static void read_revoked(struct draft *draft, char *value)
{
    struct membership *membership = draft->membership;
    uint64_t id;
    if (!identity_id_parse(value, &id)) {
        complain(draft, draft->line,
                 "revoked: '%.40s' was found; a node's id of 16 hex digits is accepted", value);
    } else if (membership_is_revoked(membership, id)) {
        complain(draft, draft->line, "revoked: %s is listed twice", value);
    } else if (membership->revoked_count == MEMBERSHIP_REVOKED_MAX) {
        complain(draft, draft->line,
                 "revoked: more than %d are listed; begin a new mesh with a new CA key",
                 MEMBERSHIP_REVOKED_MAX);
    } else {
        membership->revoked[membership->revoked_count++] = id;
    }
}

static const struct field fields[FIELDS] = {
    [FIELD_MESH] = {"mesh", read_mesh, true, false},
    [FIELD_SERIAL] = {"serial", read_serial, true, false},
    [FIELD_NODES] = {"nodes", read_nodes, true, false},
    [FIELD_FAULTS] = {"faults", read_faults, true, false},
    [FIELD_MAX_OFFSET] = {"max-offset", read_max_offset, false, false},
    [FIELD_MEMBER] = {"member", read_member, false, true},
    [FIELD_REVOKED] = {"revoked", read_revoked, false, true},
};

/* Takes blanks from both ends. */
static char *trim(char *text)
{
    text += strspn(text, BLANKS);
    size_t size = strlen(text);
    while (size > 0 && strchr(BLANKS, text[size - 1]) != NULL) {
        text[--size] = '\0';
    }
    return text;
}

static void read_field(struct draft *draft, const char *name, char *value)
{
    for (size_t i = 0; i < FIELDS; i++) {
        if (strcmp(name, fields[i].name) != 0) {
            continue;
        }
        if (draft->seen[i] > 0 && !fields[i].is_repeated) {
            complain(draft, draft->line, "%s: it stands in line %lu already", name, draft->seen[i]);
            return;
        }
        draft->seen[i] = draft->line;
        fields[i].read(draft, value);
        return;
    }
    if (strcmp(name, "signature") == 0) {
        complain(draft, draft->line,
                 "a draft has no signature: delete this line; signing writes it anew");
        return;
    }
    complain(draft, draft->line,
             "'%.40s' was found; mesh, serial, nodes, faults, max-offset, member and revoked are "
             "accepted",
             name);
}

static void read_line(struct draft *draft, char *line)
{
    line = trim(line);
    if (line[0] == '\0' || line[0] == '#') {
        return;
    }
    if (strcmp(line, TITLE) == 0 && !draft->has_title) {
        draft->has_title = true;
        return;
    }
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        complain(draft, draft->line, "'%.40s' was found; NAME = VALUE is accepted", line);
        return;
    }
    *equals = '\0';
    read_field(draft, trim(line), trim(equals + 1));
}

/* What no line is wrong by itself. */
static void check_whole(struct draft *draft)
{
    const struct membership *membership = draft->membership;
    const struct membership_terms *terms = &membership->terms;
    unsigned most = membership_faults_max(terms->nodes);
    for (size_t i = 0; i < FIELDS; i++) {
        if (fields[i].is_required && draft->seen[i] == 0) {
            complain(draft, 0, "there is no '%s = ...'; it is required", fields[i].name);
        }
    }
    if (terms->nodes > 0 && terms->faults > most) {
        complain(draft, draft->seen[FIELD_FAULTS],
                 "faults: %u of %u nodes was found; 2 * %u + 1 = %u must be at most the %u that a "
                 "node sees, so at most %u is accepted",
                 terms->faults, terms->nodes, terms->faults, 2U * terms->faults + 1,
                 terms->nodes < MEMBERSHIP_VIEW_MAX ? terms->nodes : MEMBERSHIP_VIEW_MAX, most);
    }
    if (terms->nodes > 0 && membership->member_count > terms->nodes) {
        complain(draft, draft->seen[FIELD_NODES],
                 "nodes: %u was found, but %zu members are listed; nodes counts all of them",
                 terms->nodes, membership->member_count);
    }
    for (size_t i = 0; i < membership->revoked_count; i++) {
        if (membership_find(membership, membership->revoked[i]) != NULL) {
            complain(draft, 0, "%016" PRIx64 " is both a member and revoked; delete one of the two",
                     membership->revoked[i]);
        }
    }
}

static int compare_nodes(const void *a, const void *b)
{
    const struct certificate_node *left = a;
    const struct certificate_node *right = b;
    return (left->id > right->id) - (left->id < right->id);
}

static int compare_ids(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;
    return (*left > *right) - (*left < *right);
}

/* Cuts the text into lines and reads them. */
static void read_lines(struct draft *draft, char *text)
{
    char *line = text;
    while (line != NULL) {
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end++ = '\0';
        }
        draft->line++;
        read_line(draft, line);
        line = end;
    }
}

bool membership_read_draft(const char *text, const char *name, struct membership *membership,
                           void (*callback)(void *context, const char *sentence), void *context)
{
    char *copy = malloc(strlen(text) + 1);
    struct membership *found = calloc(1, sizeof *found);
    struct draft draft = {.membership = found,
                          .name = name,
                          .complain = callback,
                          .context = context,
                          .ok = copy != NULL && found != NULL};
    if (draft.ok) {
        memcpy(copy, text, strlen(text) + 1);
        found->terms.max_offset_ns = MEMBERSHIP_OFFSET_NS_DEFAULT;
        read_lines(&draft, copy);
        check_whole(&draft);
    } else {
        complain(&draft, 0, "memory is short");
    }
    if (draft.ok) {
        qsort(found->members, found->member_count, sizeof found->members[0], compare_nodes);
        qsort(found->revoked, found->revoked_count, sizeof found->revoked[0], compare_ids);
        *membership = *found;
    }
    free(copy);
    free(found);
    return draft.ok;
}
