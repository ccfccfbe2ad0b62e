/* SPDX-License-Identifier: MIT */
#include "common/config/config_reading.h"
#include <ini.h>
#include <stdlib.h>
#include <string.h>

static void take_list(struct config_reading *reading, size_t index, const char *value)
{
    static const char separators[] = " \t,";
    const struct config_key *key = &reading->section->keys[index];
    struct config_seen *seen = &reading->seen[index];
    /* inih cuts off a comment behind a value, but not one behind its further lines. */
    for (const char *at = value + strspn(value, separators); *at != '\0' && *at != ';';) {
        size_t size = strcspn(at, separators);
        char item[CONFIG_ITEM_MAX];
        bool fits = size < sizeof item;
        size_t copied = fits ? size : sizeof item - 1;
        memcpy(item, at, copied);
        item[copied] = '\0';
        enum config_verdict verdict = fits ? key->take(&reading->draft, item) : CONFIG_UNREADABLE;
        if (verdict != CONFIG_TAKEN) {
            seen->is_refused = true;
            config_complain_value(reading, key, item, verdict);
        }
        seen->items++;
        at += size;
        at += strspn(at, separators);
    }
}

static void take_value(struct config_reading *reading, size_t index, const char *value)
{
    const struct config_key *key = &reading->section->keys[index];
    struct config_seen *seen = &reading->seen[index];
    if (seen->line != 0 && !key->is_list) {
        char section[2 * CONFIG_SHOWN_MAX];
        config_complain(
            reading, reading->line,
            "%s %s: given before, on line %lu; it is accepted once, remove one of the two",
            config_section_shown(reading, section), key->name, seen->line);
        return;
    }
    seen->line = reading->line;
    if (key->is_list) {
        take_list(reading, index, value);
        return;
    }
    enum config_verdict verdict = key->take(&reading->draft, value);
    if (verdict != CONFIG_TAKEN) {
        seen->is_refused = true;
        config_complain_value(reading, key, value, verdict);
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
    (void)section; /* cut to 49 characters: open_section() saw it whole */
    struct config_reading *reading = context;
    reading->handled_line = reading->line;
    if (reading->skips_section) {
        return 1;
    }
    for (size_t i = 0; reading->section != NULL && i < reading->section->count; i++) {
        if (strcmp(reading->section->keys[i].name, name) == 0) {
            take_value(reading, i, value == NULL ? "" : value);
            return 1;
        }
    }
    config_complain_key(reading, name);
    return 1;
}

static bool is_comment(const char *text, size_t size)
{
    return size == 0 || text[0] == '#' || text[0] == ';';
}

static bool begins_with(const char *text, size_t size, const char *word)
{
    return size >= strlen(word) && memcmp(text, word, strlen(word)) == 0;
}

/* An indented '[' may also begin an IPv6 address that continues a list. */
static bool is_section_line(const char *text, size_t size, bool is_indented)
{
    return size > 0 && text[0] == '[' &&
           (!is_indented || memchr(text, ':', size) == NULL || begins_with(text, size, "[source") ||
            begins_with(text, size, "[member"));
}

/* The name of a section that is there for each of several; taken is the line of one of the same
 * name. */
static bool is_good_name(struct config_reading *reading, const char *name, unsigned long taken)
{
    const char *section = reading->section->name;
    char shown[CONFIG_SHOWN_MAX];
    if (taken != 0) {
        config_complain(reading, reading->line,
                        "[%s %s]: there is one of this name on line %lu; give each another",
                        section, name, taken);
        return false;
    }
    if (!config_is_source_name(name)) {
        config_complain(reading, reading->line,
                        "[%s NAME]: found %s as the name; accepted: up to %d letters, digits "
                        "and . _ - :",
                        section, config_quoted(name, shown), CONFIG_NAME_MAX - 1);
        return false;
    }
    return true;
}

/* [source NAME] begins another source. */
static bool open_source(struct config_reading *reading, const char *name)
{
    struct config_sources *sources = &reading->draft.config.sources;
    unsigned long taken = 0;
    for (size_t i = 0; i < sources->count; i++) {
        taken = strcmp(sources->items[i].name, name) == 0 ? sources->items[i].line : taken;
    }
    if (!is_good_name(reading, name, taken)) {
        return false;
    }
    if (sources->count == CONFIG_SOURCES_MAX) {
        config_complain(reading, reading->line,
                        "[source %s] is one too many; up to %d sources are accepted", name,
                        CONFIG_SOURCES_MAX);
        return false;
    }
    struct config_source *source = &sources->items[sources->count];
    reading->seen = reading->seen_source[sources->count++];
    *source = config_source_default();
    memcpy(source->name, name, strlen(name) + 1);
    source->line = reading->line;
    reading->draft.source = source;
    return true;
}

/* [member NAME] begins another member. */
static bool open_member(struct config_reading *reading, const char *name)
{
    struct config_members *members = &reading->draft.config.mesh.members;
    unsigned long taken = 0;
    for (size_t i = 0; i < members->count; i++) {
        taken = strcmp(members->items[i].name, name) == 0 ? members->items[i].line : taken;
    }
    if (!is_good_name(reading, name, taken)) {
        return false;
    }
    if (members->count == CONFIG_MEMBERS_MAX) {
        config_complain(reading, reading->line,
                        "[member %s] is one too many; up to %d members are accepted: a larger "
                        "mesh certifies them, see ca in [mesh]",
                        name, CONFIG_MEMBERS_MAX);
        return false;
    }
    if (members->items == NULL) {
        members->items = calloc(CONFIG_MEMBERS_MAX, sizeof *members->items);
    }
    if (members->items == NULL) {
        config_complain(reading, reading->line, "no memory for [member %s]", name);
        return false;
    }
    struct config_member *member = &members->items[members->count];
    reading->seen = reading->seen_member[members->count++];
    memcpy(member->name, name, strlen(name) + 1);
    member->line = reading->line;
    reading->draft.member = member;
    return true;
}

static bool open_named(struct config_reading *reading, const char *name)
{
    bool is_source = reading->section == &config_section_source;
    bool is_open = is_source ? open_source(reading, name) : open_member(reading, name);
    reading->skipped_source |= is_source && !is_open;
    reading->skipped_member |= !is_source && !is_open;
    return is_open;
}

/* text is what stands between the brackets. */
static bool open_section(struct config_reading *reading, char *text)
{
    size_t size = strcspn(text, " \t");
    const char *name = text + size + strspn(text + size, " \t");
    bool has_blank = text[size] != '\0';
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        const struct config_section *section = config_sections[i];
        if (strlen(section->name) != size || memcmp(section->name, text, size) != 0) {
            continue;
        }
        reading->section = section;
        reading->seen = reading->seen_plain[i];
        reading->draft.source = NULL;
        reading->draft.member = NULL;
        if (section->has_name) {
            return open_named(reading, name);
        }
        if (has_blank) {
            config_complain(reading, reading->line, "[%s] has no name: write [%s] alone",
                            section->name, section->name);
        }
        return !has_blank;
    }
    config_complain_section(reading, text);
    reading->skipped_source = reading->skipped_member = true; /* it may have been meant for one */
    return false;
}

static void check_section(struct config_reading *reading, const char *text, size_t size)
{
    const char *end = memchr(text, ']', size);
    char name[CONFIG_ITEM_MAX];
    size_t name_size = (end == NULL ? size : (size_t)(end - text)) - 1;
    name_size = name_size < sizeof name ? name_size : sizeof name - 1;
    memcpy(name, text + 1, name_size);
    name[name_size] = '\0';
    while (name_size > 0 && strchr(" \t", name[name_size - 1]) != NULL) {
        name[--name_size] = '\0';
    }
    if (end == NULL) {
        char shown[CONFIG_SHOWN_MAX];
        config_complain(reading, reading->line, "the section '[%s has no ']' at its end",
                        config_quoted(name, shown) + 1);
        reading->skips_section = true;
        return;
    }
    reading->skips_section = !open_section(reading, name);
}

/* Did inih make anything of the line before? */
static void check_handled(struct config_reading *reading)
{
    if (reading->wants_key && reading->handled_line != reading->line) {
        config_complain_line(reading);
    }
    reading->wants_key = false;
}

/* A line that inih cannot take, or must not see. */
static bool is_refused(struct config_reading *reading, const char *text, size_t size,
                       size_t size_max)
{
    for (size_t i = 0; i < size; i++) {
        if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f) {
            config_complain(reading, reading->line,
                            "character %zu is the control character 0x%02x; the file must be text",
                            i + 1, (unsigned)(unsigned char)text[i]);
            return true;
        }
    }
    if (size > size_max) {
        config_complain(
            reading, reading->line,
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
    struct config_reading *reading = stream;
    check_handled(reading);
    if (*reading->at == '\0') {
        return NULL;
    }
    reading->line++;
    const char *text = reading->at;
    reading->text = text;
    size_t size = strcspn(text, "\n");
    reading->at += size + (text[size] == '\n' ? 1 : 0);
    while (size > 0 && strchr(" \t\r", text[size - 1]) != NULL) {
        size--;
    }
    size_t indent = strspn(text, " \t");
    indent = indent < size ? indent : size;
    bool is_section = is_section_line(text + indent, size - indent, indent > 0);
    out[0] = '\n';
    out[1] = '\0';
    if (is_comment(text + indent, size - indent) ||
        is_refused(reading, text, size, (size_t)room - 2)) {
        return out;
    }
    /* inih takes every indented line for more of the last value: leave that to lists, and let who
     * likes to indent the keys do so. */
    if (is_section || memchr(text, '=', size) != NULL) {
        text += indent;
        size -= indent;
    }
    if (is_section) {
        check_section(reading, text, size);
    }
    reading->wants_key = !is_section;
    memcpy(out, text, size);
    out[size] = '\n';
    out[size + 1] = '\0';
    return out;
}

static struct config_reading *begin(const char *text, const char *name)
{
    struct config_reading *reading = calloc(1, sizeof *reading);
    if (reading != NULL) {
        reading->name = name;
        reading->at = strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text; /* its order mark */
        config_draft_init(&reading->draft);
    }
    return reading;
}

bool config_parse(const char *text, const char *name, struct config *config,
                  void (*complain)(void *context, const char *sentence), void *context)
{
    struct config_reading *reading = begin(text, name);
    *config = (struct config){0};
    if (reading == NULL) {
        complain(context, "no memory to read the configuration");
        return false;
    }
    reading->complain = complain;
    reading->context = context;
    int result = ini_parse_stream(next_line, reading, handle, reading);
    config_check(reading);
    if (result != 0 && reading->mistakes == 0) {
        config_complain(reading, result > 0 ? (unsigned long)result : 0,
                        result > 0 ? "not in the form \"key = value\" or \"[section]\""
                                   : "no memory to read it");
    }
    config_complain_rest(reading);
    bool is_good = reading->mistakes == 0;
    if (is_good) {
        config_draft_finish(&reading->draft);
        *config = reading->draft.config;
    } else {
        config_clear(&reading->draft.config);
    }
    free(reading);
    return is_good;
}

void config_clear(struct config *config)
{
    free(config->server.access.items);
    free(config->control.chronyc_access.items);
    free(config->mesh.members.items);
    *config = (struct config){0};
}
