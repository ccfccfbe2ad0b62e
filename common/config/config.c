/* SPDX-License-Identifier: MIT */
#include "common/config/config.h"
#include "common/config/config_value.h"
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPLAINTS_MAX 20 /* more than fit a screen help nobody */
#define SENTENCE_MAX 512
#define SHOWN_MAX 64
#define NEAR_DISTANCE 3
_Static_assert(CONFIG_LISTEN_MAX == 16 && CONFIG_PREFIXES_MAX == 1024, "as complain_value() says");

/* How far the text has been read. inih cuts lines into sections, keys and values, but Debian's
 * build of it tells neither line numbers nor any mistake but the first: so the lines are counted,
 * and looked at, as they are handed to it. */
struct reading_state {
    struct config_draft draft;
    const char *name;
    const char *at; /* the next line */
    unsigned long line;
    unsigned long handled_line; /* the last line that inih found a key in */
    bool wants_key;             /* the current line must hold a key */
    bool skips_section;         /* the section was complained about */
    unsigned long key_lines[CONFIG_KEYS_MAX];
    unsigned item_counts[CONFIG_KEYS_MAX];
    unsigned long mistakes;
    void (*complain)(void *context, const char *sentence);
    void *context;
};

/* The text cut to what a line of a log bears, in quotes, with '?' for what cannot be printed. */
static const char *quoted(const char *text, char out[SHOWN_MAX])
{
    size_t size = strlen(text);
    bool is_cut = size > SHOWN_MAX - 6;
    size = is_cut ? SHOWN_MAX - 6 : size;
    out[0] = '\'';
    for (size_t i = 0; i < size; i++) {
        out[i + 1] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
    }
    memcpy(out + size + 1, is_cut ? "'..." : "'", is_cut ? sizeof "'..." : sizeof "'");
    return out;
}

__attribute__((format(printf, 3, 4))) static void
complain(struct reading_state *state, unsigned long line, const char *format, ...)
{
    state->mistakes++;
    if (state->mistakes > COMPLAINTS_MAX) {
        return;
    }
    char sentence[SENTENCE_MAX];
    int size = line > 0 ? snprintf(sentence, sizeof sentence, "%.200s:%lu: ", state->name, line)
                        : snprintf(sentence, sizeof sentence, "%.200s: ", state->name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence + size, sizeof sentence - (size_t)size, format, arguments);
    va_end(arguments);
    state->complain(state->context, sentence);
}

static bool is_section(const char *name)
{
    for (size_t i = 0; i < config_keys_count; i++) {
        if (strcmp(config_keys[i].section, name) == 0) {
            return true;
        }
    }
    return false;
}

static void complain_section(struct reading_state *state, const char *name)
{
    const char *nearest = "";
    unsigned distance = NEAR_DISTANCE;
    char list[SHOWN_MAX] = "";
    for (size_t i = 0; i < config_keys_count; i++) {
        const char *section = config_keys[i].section;
        if (i > 0 && strcmp(section, config_keys[i - 1].section) == 0) {
            continue;
        }
        size_t size = strlen(list);
        snprintf(list + size, sizeof list - size, size > 0 ? " [%s]" : "[%s]", section);
        if (config_distance(section, name) < distance) {
            distance = config_distance(section, name);
            nearest = section;
        }
    }
    char shown[SHOWN_MAX];
    quoted(name, shown);
    if (nearest[0] != '\0') {
        complain(state, state->line, "unknown section %s; did you mean [%s]?", shown, nearest);
    } else {
        complain(state, state->line, "unknown section %s; accepted: %s", shown, list);
    }
}

static void complain_key(struct reading_state *state, const char *section, const char *name)
{
    const struct config_key *nearest = NULL;
    const struct config_key *elsewhere = NULL;
    unsigned distance = NEAR_DISTANCE;
    for (size_t i = 0; i < config_keys_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (strcmp(key->section, section) != 0) {
            elsewhere = strcmp(key->name, name) == 0 ? key : elsewhere;
        } else if (config_distance(key->name, name) < distance) {
            distance = config_distance(key->name, name);
            nearest = key;
        }
    }
    char shown[SHOWN_MAX];
    quoted(name, shown);
    if (section[0] == '\0') {
        complain(state, state->line, "%s stands before the first section; it belongs behind [%s]",
                 shown, elsewhere != NULL ? elsewhere->section : "server");
    } else if (nearest != NULL) {
        complain(state, state->line, "[%s] %s: unknown key; did you mean '%s'?", section, name,
                 nearest->name);
    } else if (elsewhere != NULL) {
        complain(state, state->line, "[%s] %s: unknown key here; it belongs in [%s]", section, name,
                 elsewhere->section);
    } else {
        complain(state, state->line,
                 "[%s] %s: unknown key; chimed --print-default shows those that are known", section,
                 shown);
    }
}

static void complain_value(struct reading_state *state, const struct config_key *key,
                           const char *item, enum config_verdict verdict)
{
    static const char *const reasons[] = {
        [CONFIG_REPEATED] = "is there already; each is accepted once",
        [CONFIG_OPPOSED] = "is both allowed and denied; keep one of the two",
        [CONFIG_OFF_MIXED] = "cannot stand here: off excludes addresses; keep one of the two",
        [CONFIG_FULL] = "is one too many; up to 16 addresses and 1024 prefixes are accepted",
        [CONFIG_NO_MEMORY] = "did not fit into memory",
    };
    char shown[SHOWN_MAX];
    quoted(item, shown);
    if (verdict != CONFIG_UNREADABLE) {
        complain(state, state->line, "[%s] %s: %s %s", key->section, key->name, shown,
                 reasons[verdict]);
        return;
    }
    complain(state, state->line, "[%s] %s: found %s; accepted: %s%s", key->section, key->name,
             shown, key->accepted,
             strstr(item, " #") != NULL ? "; a comment behind a value begins with ;" : "");
}

static void take_list(struct reading_state *state, size_t index, const char *value)
{
    static const char separators[] = " \t,";
    const struct config_key *key = &config_keys[index];
    /* inih cuts off a comment behind a value, but not one behind its further lines. */
    for (const char *at = value + strspn(value, separators); *at != '\0' && *at != ';';) {
        size_t size = strcspn(at, separators);
        char item[CONFIG_ITEM_MAX];
        bool fits = size < sizeof item;
        size_t copied = fits ? size : sizeof item - 1;
        memcpy(item, at, copied);
        item[copied] = '\0';
        enum config_verdict verdict = fits ? key->take(&state->draft, item) : CONFIG_UNREADABLE;
        if (verdict != CONFIG_TAKEN) {
            complain_value(state, key, item, verdict);
        }
        state->item_counts[index]++;
        at += size;
        at += strspn(at, separators);
    }
}

static void take_value(struct reading_state *state, size_t index, const char *value)
{
    const struct config_key *key = &config_keys[index];
    unsigned long before = state->key_lines[index];
    if (before != 0 && !key->is_list) {
        complain(state, state->line,
                 "[%s] %s: given before, on line %lu; it is accepted once, remove one of the two",
                 key->section, key->name, before);
        return;
    }
    state->key_lines[index] = state->line;
    if (key->is_list) {
        take_list(state, index, value);
        return;
    }
    enum config_verdict verdict = key->take(&state->draft, value);
    if (verdict != CONFIG_TAKEN) {
        complain_value(state, key, value, verdict);
    }
}

/* Called by inih for each key, and for each further line of a value. */
#if INI_HANDLER_LINENO
static int handle(void *context, const char *section, const char *name, const char *value, int line)
#else
static int handle(void *context, const char *section, const char *name, const char *value)
#endif
{
#if INI_HANDLER_LINENO
    (void)line;
#endif
    struct reading_state *state = context;
    state->handled_line = state->line;
    if (state->skips_section) {
        return 1;
    }
    for (size_t i = 0; i < config_keys_count; i++) {
        if (strcmp(config_keys[i].section, section) == 0 &&
            strcmp(config_keys[i].name, name) == 0) {
            take_value(state, i, value == NULL ? "" : value);
            return 1;
        }
    }
    complain_key(state, section, name);
    return 1;
}

static bool is_comment(const char *text, size_t size)
{
    return size == 0 || text[0] == '#' || text[0] == ';';
}

/* An indented '[' may also begin an IPv6 address that continues a list. */
static bool is_section_line(const char *text, size_t size, bool is_indented)
{
    return text[0] == '[' && (!is_indented || memchr(text, ':', size) == NULL);
}

static void check_section(struct reading_state *state, const char *text, size_t size)
{
    const char *end = memchr(text, ']', size);
    char name[SHOWN_MAX];
    size_t name_size = (end == NULL ? size : (size_t)(end - text)) - 1;
    name_size = name_size < sizeof name ? name_size : sizeof name - 1;
    memcpy(name, text + 1, name_size);
    name[name_size] = '\0';
    state->skips_section = end == NULL || !is_section(name);
    if (end == NULL) {
        complain(state, state->line, "the section '[%s' has no ']' at its end", name);
    } else if (state->skips_section) {
        complain_section(state, name);
    }
}

/* Did inih make anything of the line before? */
static void check_handled(struct reading_state *state)
{
    if (state->wants_key && state->handled_line != state->line) {
        complain(
            state, state->line,
            "neither a section nor a key; accepted: \"key = value\", \"[section]\", or a comment "
            "behind #");
    }
    state->wants_key = false;
}

/* A line that inih cannot take, or must not see. */
static bool is_refused(struct reading_state *state, const char *text, size_t size, size_t size_max)
{
    for (size_t i = 0; i < size; i++) {
        if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f) {
            complain(state, state->line,
                     "character %zu is the control character 0x%02x; the file must be text", i + 1,
                     (unsigned)(unsigned char)text[i]);
            return true;
        }
    }
    if (size > size_max) {
        complain(
            state, state->line,
            "the line has %zu characters, up to %zu are accepted; a list may go on in the next "
            "line, indented",
            size, size_max);
        return true;
    }
    return false;
}

/* Called by inih for each line, like fgets(). */
static char *next_line(char *out, int room, void *stream)
{
    struct reading_state *state = stream;
    check_handled(state);
    if (*state->at == '\0') {
        return NULL;
    }
    state->line++;
    const char *text = state->at;
    size_t size = strcspn(text, "\n");
    state->at += size + (text[size] == '\n' ? 1 : 0);
    while (size > 0 && strchr(" \t\r", text[size - 1]) != NULL) {
        size--;
    }
    size_t indent = strspn(text, " \t");
    indent = indent < size ? indent : size;
    bool is_section = is_section_line(text + indent, size - indent, indent > 0);
    out[0] = '\n';
    out[1] = '\0';
    if (is_comment(text + indent, size - indent) ||
        is_refused(state, text, size, (size_t)room - 2)) {
        return out;
    }
    /* inih takes every indented line for more of the last value: leave that to lists, and let who
     * likes to indent the keys do so. */
    if (is_section || memchr(text, '=', size) != NULL) {
        text += indent;
        size -= indent;
    }
    if (is_section) {
        check_section(state, text, size);
    }
    state->wants_key = !is_section;
    memcpy(out, text, size);
    out[size] = '\n';
    out[size + 1] = '\0';
    return out;
}

static unsigned long line_of(const struct reading_state *state, const char *section,
                             const char *name)
{
    for (size_t i = 0; i < config_keys_count; i++) {
        if (strcmp(config_keys[i].section, section) == 0 &&
            strcmp(config_keys[i].name, name) == 0) {
            return state->key_lines[i];
        }
    }
    return 0;
}

/* What only shows when all has been read. */
static void check_whole(struct reading_state *state)
{
    state->draft.config.server.user_line = line_of(state, "server", "user");
    state->draft.config.keys.file_line = line_of(state, "keys", "file");
    for (size_t i = 0; i < config_keys_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (state->key_lines[i] == 0) {
            continue;
        }
        if (key->is_list && state->item_counts[i] == 0) {
            complain(state, state->key_lines[i], "[%s] %s: the list is empty; accepted: %s",
                     key->section, key->name, key->accepted);
        }
        if (key->is_virtual && state->draft.config.clock.control != CONTROL_VIRTUAL) {
            complain(state, state->key_lines[i],
                     "[%s] %s: needs control = virtual; set that, or remove this line",
                     key->section, key->name);
        }
    }
}

bool config_parse(const char *text, const char *name, struct config *config,
                  void (*complain_to)(void *context, const char *sentence), void *context)
{
    struct reading_state state = {
        .name = name, .at = text, .complain = complain_to, .context = context};
    config_draft_init(&state.draft);
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) {
        state.at += 3; /* a byte order mark */
    }
    int result = ini_parse_stream(next_line, &state, handle, &state);
    check_whole(&state);
    if (result != 0 && state.mistakes == 0) {
        complain(&state, result > 0 ? (unsigned long)result : 0,
                 result > 0 ? "not in the form \"key = value\" or \"[section]\""
                            : "no memory to read it");
    }
    if (state.mistakes > COMPLAINTS_MAX) {
        unsigned long rest = state.mistakes - COMPLAINTS_MAX;
        state.mistakes = 0; /* so that this one is not counted away */
        complain(&state, 0, "and %lu more; correct these first", rest);
    }
    if (state.mistakes > 0) {
        config_clear(&state.draft.config);
        *config = (struct config){0};
        return false;
    }
    config_draft_finish(&state.draft);
    *config = state.draft.config;
    return true;
}

void config_clear(struct config *config)
{
    free(config->server.access.items);
    free(config->control.chronyc_access.items);
    *config = (struct config){0};
}
