/* SPDX-License-Identifier: MIT */
#include "server/command_request.h"
#include "common/base/hexadecimal.h"
#include "common/base/quantity.h"
#include <stdio.h>
#include <string.h>

#define WATCH_INTERVAL_NS NS_PER_S
#define WATCH_INTERVAL_NS_MIN (100 * NS_PER_MS)
#define WATCH_INTERVAL_NS_MAX (3600 * NS_PER_S)
#define READMIT "mesh readmit"
#define SHOWN_MAX 48 /* octets of what was found, in an error */

enum argument { ARGUMENT_NONE, ARGUMENT_SOURCE, ARGUMENT_SECONDS, ARGUMENT_MESH, ARGUMENT_STAMP };

static const struct word {
    const char *word;
    enum command_request_kind kind;
    enum command_kind command;
    enum argument argument;
} words[] = {
    {"status", REQUEST_STATUS, COMMAND_KINDS, ARGUMENT_NONE},
    {"sources", REQUEST_SOURCES, COMMAND_KINDS, ARGUMENT_NONE},
    {"tracking", REQUEST_TRACKING, COMMAND_KINDS, ARGUMENT_NONE},
    {"version", REQUEST_VERSION, COMMAND_KINDS, ARGUMENT_NONE},
    {"mesh", REQUEST_MESH, COMMAND_KINDS, ARGUMENT_MESH},
    {"hlc", REQUEST_HLC, COMMAND_KINDS, ARGUMENT_STAMP},
    {"watch", REQUEST_WATCH, COMMAND_KINDS, ARGUMENT_SECONDS},
    {"accept", REQUEST_CHANGE, COMMAND_ACCEPT, ARGUMENT_NONE},
    {"step", REQUEST_CHANGE, COMMAND_STEP, ARGUMENT_NONE},
    {"burst", REQUEST_CHANGE, COMMAND_BURST, ARGUMENT_SOURCE},
    {"online", REQUEST_CHANGE, COMMAND_ONLINE, ARGUMENT_SOURCE},
    {"offline", REQUEST_CHANGE, COMMAND_OFFLINE, ARGUMENT_SOURCE},
    {"refresh", REQUEST_CHANGE, COMMAND_REFRESH, ARGUMENT_SOURCE},
    {"reload", REQUEST_RELOAD, COMMAND_KINDS, ARGUMENT_NONE},
};
#define WORDS (sizeof(words) / sizeof(words[0]))

const char *command_request_word(size_t index)
{
    return index < WORDS ? words[index].word : NULL;
}

bool command_request_is_change(const struct command_request *request)
{
    return request->kind == REQUEST_CHANGE || request->kind == REQUEST_RELOAD;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Copies the line to text, without blanks and a carriage return at its ends. */
static bool copy_line(struct bytes line, char text[COMMAND_REQUEST_MAX + 1], char *error)
{
    if (line.size > COMMAND_REQUEST_MAX) {
        snprintf(error, COMMAND_REQUEST_ERROR_MAX,
                 "the request has %zu octets, at most %d are accepted", line.size,
                 COMMAND_REQUEST_MAX);
        return false;
    }
    size_t size = line.size;
    const char *from = (const char *)line.data;
    if (size > 0 && from[size - 1] == '\r') {
        size--;
    }
    while (size > 0 && is_blank(from[size - 1])) {
        size--;
    }
    while (size > 0 && is_blank(*from)) {
        from++;
        size--;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char octet = (unsigned char)from[i];
        if ((octet < 0x20 && octet != '\t') || octet == 0x7F) {
            snprintf(error, COMMAND_REQUEST_ERROR_MAX,
                     "the request has a control character (octet %u); a line of text is accepted, "
                     "such as 'status'",
                     octet);
            return false;
        }
        text[i] = from[i];
    }
    text[size] = '\0';
    return true;
}

static const struct word *find_word(const char *text, size_t size)
{
    for (size_t i = 0; i < WORDS; i++) {
        if (strlen(words[i].word) == size && memcmp(words[i].word, text, size) == 0) {
            return &words[i];
        }
    }
    return NULL;
}

static void complain_of_word(const char *text, size_t size, char *error)
{
    int used = snprintf(error, COMMAND_REQUEST_ERROR_MAX, "'%.*s' is no request; accepted are:",
                        size < SHOWN_MAX ? (int)size : SHOWN_MAX, text);
    for (size_t i = 0; i < WORDS && used < COMMAND_REQUEST_ERROR_MAX; i++) {
        used += snprintf(error + used, (size_t)(COMMAND_REQUEST_ERROR_MAX - used), "%s %s",
                         i > 0 ? "," : "", words[i].word);
    }
}

static bool read_interval(const char *text, int64_t *interval_ns, char *error)
{
    char with_unit[COMMAND_REQUEST_MAX + 4];
    int64_t ns = WATCH_INTERVAL_NS;
    snprintf(with_unit, sizeof(with_unit), "%s s", text);
    if (*text != '\0' && !quantity_parse_duration(with_unit, &ns)) {
        ns = 0;
    }
    if (ns < WATCH_INTERVAL_NS_MIN || ns > WATCH_INTERVAL_NS_MAX) {
        snprintf(error, COMMAND_REQUEST_ERROR_MAX,
                 "watch: '%.*s' was found, seconds from 0.1 to 3600 are accepted", SHOWN_MAX, text);
        return false;
    }
    *interval_ns = ns;
    return true;
}

/* "readmit MEMBER". */
static bool read_member(const char *text, struct command_request *request, char *error)
{
    size_t blanks = strspn(text, " \t");
    const char *member = text + blanks;
    if (blanks == 0 || *member == '\0' || strlen(member) >= sizeof(request->command.source)) {
        snprintf(error, COMMAND_REQUEST_ERROR_MAX,
                 "mesh readmit: '%.*s' was found; a member's name or id is accepted, as 'mesh' "
                 "shows them",
                 SHOWN_MAX, member);
        return false;
    }
    request->kind = REQUEST_CHANGE;
    request->word = READMIT;
    request->command.kind = COMMAND_READMIT;
    memcpy(request->command.source, member, strlen(member) + 1);
    return true;
}

/* "", "evidence NUMBER", or "readmit MEMBER". */
static bool read_mesh(const char *text, struct command_request *request, char *error)
{
    static const char word[] = "evidence ", readmit[] = "readmit";
    uint64_t number = 0;
    if (*text == '\0') {
        return true;
    }
    if (strncmp(text, readmit, sizeof(readmit) - 1) == 0) {
        return read_member(text + sizeof(readmit) - 1, request, error);
    }
    bool ok = strncmp(text, word, sizeof(word) - 1) == 0;
    const char *digit = ok ? text + sizeof(word) - 1 : text;
    while (ok && *digit >= '0' && *digit <= '9' && number <= UINT32_MAX) {
        number = 10 * number + (unsigned)(*digit++ - '0');
    }
    if (!ok || *digit != '\0' || number == 0 || number > UINT32_MAX) {
        snprintf(error, COMMAND_REQUEST_ERROR_MAX,
                 "mesh: '%.*s' was found; accepted are nothing, 'evidence NUMBER' with one that "
                 "'mesh' shows, or 'readmit MEMBER'",
                 SHOWN_MAX, text);
        return false;
    }
    request->kind = REQUEST_EVIDENCE;
    request->number = (uint32_t)number;
    return true;
}

/* "", or 16 hex digits. */
static bool read_stamp(const char *text, struct command_request *request, char *error)
{
    uint8_t octets[8];
    if (*text == '\0') {
        return true;
    }
    if (strlen(text) != 2 * sizeof(octets) || !hexadecimal_read(text, octets, sizeof(octets))) {
        snprintf(error, COMMAND_REQUEST_ERROR_MAX,
                 "hlc: '%.*s' was found; accepted are nothing, or the 16 hex digits of a message's "
                 "stamp",
                 SHOWN_MAX, text);
        return false;
    }
    request->has_message = true;
    request->message = bytes_u64(bytes_make(octets, sizeof(octets)), 0);
    return true;
}

static bool read_argument(const struct word *word, const char *text,
                          struct command_request *request, char *error)
{
    if (word->argument == ARGUMENT_SECONDS) {
        return read_interval(text, &request->interval_ns, error);
    }
    if (word->argument == ARGUMENT_MESH) {
        return read_mesh(text, request, error);
    }
    if (word->argument == ARGUMENT_STAMP) {
        return read_stamp(text, request, error);
    }
    if (word->argument == ARGUMENT_NONE && *text != '\0') {
        snprintf(error, COMMAND_REQUEST_ERROR_MAX,
                 "%s: '%.*s' was found, nothing is accepted after it", word->word, SHOWN_MAX, text);
        return false;
    }
    if (strlen(text) >= sizeof(request->command.source)) {
        snprintf(error, COMMAND_REQUEST_ERROR_MAX,
                 "%s: a source's name has at most %zu octets, %zu were found; 'sources' lists them",
                 word->word, sizeof(request->command.source) - 1, strlen(text));
        return false;
    }
    memcpy(request->command.source, text, strlen(text) + 1);
    return true;
}

bool command_request_parse(struct bytes line, struct command_request *request,
                           char error[COMMAND_REQUEST_ERROR_MAX])
{
    char text[COMMAND_REQUEST_MAX + 1];
    if (!copy_line(line, text, error)) {
        return false;
    }
    size_t size = strcspn(text, " \t");
    const struct word *word = find_word(text, size);
    if (word == NULL) {
        complain_of_word(text, size, error);
        return false;
    }
    struct command_request found = {
        .kind = word->kind, .word = word->word, .command = {.kind = word->command}};
    if (!read_argument(word, text + size + strspn(text + size, " \t"), &found, error)) {
        return false;
    }
    *request = found;
    return true;
}
