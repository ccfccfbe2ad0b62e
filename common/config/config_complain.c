/* SPDX-License-Identifier: MIT */
/* What is said of a mistake. */
#include "common/config/config_reading.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COMPLAINTS_MAX 20 /* more than fit a screen help nobody */
#define SENTENCE_MAX 512
#define NEAR_DISTANCE 3
#define LIST_MAX 128
_Static_assert(CONFIG_LISTEN_MAX == 16 && CONFIG_HOSTS_MAX == 8 && CONFIG_PREFIXES_MAX == 1024,
               "as config_complain_value() says");

const char *config_quoted(const char *text, char out[CONFIG_SHOWN_MAX])
{
    size_t size = strlen(text);
    bool is_cut = size > CONFIG_SHOWN_MAX - 6;
    size = is_cut ? CONFIG_SHOWN_MAX - 6 : size;
    out[0] = '\'';
    for (size_t i = 0; i < size; i++) {
        out[i + 1] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
    }
    memcpy(out + size + 1, is_cut ? "'..." : "'", is_cut ? sizeof "'..." : sizeof "'");
    return out;
}

const char *config_section_shown(const struct config_reading *reading,
                                 char out[2 * CONFIG_SHOWN_MAX])
{
    const struct config_draft *draft = &reading->draft;
    const char *name = draft->source != NULL   ? draft->source->name
                       : draft->member != NULL ? draft->member->name
                                               : NULL;
    if (name != NULL) {
        snprintf(out, 2 * CONFIG_SHOWN_MAX, "[%s %s]", reading->section->name, name);
    } else {
        snprintf(out, 2 * CONFIG_SHOWN_MAX, "[%s]", reading->section->name);
    }
    return out;
}

static void tell(struct config_reading *reading, unsigned long line, const char *format,
                 va_list arguments) __attribute__((format(printf, 3, 0)));

static void tell(struct config_reading *reading, unsigned long line, const char *format,
                 va_list arguments)
{
    char sentence[SENTENCE_MAX];
    int size = line > 0 ? snprintf(sentence, sizeof sentence, "%.200s:%lu: ", reading->name, line)
                        : snprintf(sentence, sizeof sentence, "%.200s: ", reading->name);
    vsnprintf(sentence + size, sizeof sentence - (size_t)size, format, arguments);
    reading->complain(reading->context, sentence);
}

void config_complain(struct config_reading *reading, unsigned long line, const char *format, ...)
{
    reading->mistakes++;
    if (reading->mistakes > COMPLAINTS_MAX) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    tell(reading, line, format, arguments);
    va_end(arguments);
}

__attribute__((format(printf, 2, 3))) static void conclude(struct config_reading *reading,
                                                           const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(reading, 0, format, arguments);
    va_end(arguments);
}

void config_complain_rest(struct config_reading *reading)
{
    if (reading->mistakes > COMPLAINTS_MAX) {
        conclude(reading, "and %lu more; correct these first", reading->mistakes - COMPLAINTS_MAX);
    }
}

static void list_sections(char *list, size_t room)
{
    size_t size = 0;
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        const struct config_section *section = config_sections[i];
        size += (size_t)snprintf(list + size, room - size, "%s[%s%s]", i > 0 ? " " : "",
                                 section->name, section->has_name ? " NAME" : "");
        assert(size < room);
    }
}

void config_complain_section(struct config_reading *reading, const char *name)
{
    const struct config_section *nearest = NULL;
    unsigned distance = NEAR_DISTANCE;
    char word[CONFIG_ITEM_MAX];
    size_t size = strcspn(name, " \t");
    size = size < sizeof word ? size : sizeof word - 1;
    memcpy(word, name, size);
    word[size] = '\0';
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        if (config_distance(config_sections[i]->name, word) < distance) {
            distance = config_distance(config_sections[i]->name, word);
            nearest = config_sections[i];
        }
    }
    char shown[CONFIG_SHOWN_MAX];
    config_quoted(name, shown);
    if (nearest != NULL) {
        config_complain(reading, reading->line, "unknown section %s; did you mean [%s%s]?", shown,
                        nearest->name, nearest->has_name ? " NAME" : "");
    } else {
        char list[LIST_MAX];
        list_sections(list, sizeof list);
        config_complain(reading, reading->line, "unknown section %s; accepted: %s", shown, list);
    }
}

/* Whose other daemons' configuration one knows by heart: their names, and ours. */
static const struct config_key *find_foreign(const char *name,
                                             const struct config_section **section)
{
    static const struct {
        const char *name;
        const struct config_section *section;
        const char *ours;
    } foreign[] = {
        {"bindaddress", &config_section_server, "listen"},
        {"bindcmdaddress", &config_section_control, "chronyc"},
        {"cmdallow", &config_section_control, "chronyc-allow"},
        {"driftfile", &config_section_clock, "state-dir"},
        {"dumpdir", &config_section_clock, "state-dir"},
        {"host", &config_section_source, "address"},
        {"hwtimestamp", &config_section_clock, "hardware-timestamps"},
        {"keyfile", &config_section_keys, "file"},
        {"keys", &config_section_keys, "file"},
        {"leapfile", &config_section_clock, "leap-list"},
        {"leapsectz", &config_section_clock, "leap-list"},
        {"leapseclist", &config_section_clock, "leap-list"},
        {"leapsecmode", &config_section_clock, "leap"},
        {"local", &config_section_server, "local-stratum"},
        {"logdir", &config_section_log, "tracking"},
        {"makestep", &config_section_clock, "step"},
        {"maxchange", &config_section_clock, "panic"},
        {"maxpoll", &config_section_source, "poll"},
        {"maxslewrate", &config_section_clock, "slew-max"},
        {"maxsources", &config_section_source, "pool-size"},
        {"minpoll", &config_section_source, "poll"},
        {"peer", &config_section_source, "address"},
        {"pool", &config_section_source, "address"},
        {"ratelimit", &config_section_server, "rate-limit"},
        {"restrict", &config_section_server, "deny"},
        {"rtcsync", &config_section_clock, "control"},
        {"server", &config_section_source, "address"},
        {"smoothtime", &config_section_clock, "leap"},
        {"statsdir", &config_section_log, "tracking"},
        {"tos", &config_section_selection, "min-sources"},
        {"xleave", &config_section_source, "interleaved"},
    };
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (strcmp(foreign[i].name, name) == 0) {
            *section = foreign[i].section;
            return config_key_find(*section, foreign[i].ours);
        }
    }
    return NULL;
}

/* A section that has the key, but for one. */
static const struct config_section *find_elsewhere(const struct config_section *but,
                                                   const char *name)
{
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        const struct config_section *section = config_sections[i];
        if (section != but && config_key_find(section, name) != NULL) {
            return section;
        }
    }
    return NULL;
}

/* A line that is neither a section nor a key. Many such are of chronyd's or ntpd's language. */
void config_complain_line(struct config_reading *reading)
{
    char word[CONFIG_SHOWN_MAX];
    const struct config_section *home = NULL;
    size_t indent = strspn(reading->text, " \t");
    size_t size = strcspn(reading->text + indent, " \t\r\n");
    size = size < sizeof word ? size : sizeof word - 1;
    memcpy(word, reading->text + indent, size);
    word[size] = '\0';
    const struct config_key *foreign = find_foreign(word, &home);
    const struct config_section *elsewhere = find_elsewhere(NULL, word);
    if (foreign != NULL) {
        config_complain(reading, reading->line,
                        "'%s' is written as chronyd or ntpd has it; here it is '%s =' in [%s%s]; "
                        "see chimed.conf(5)",
                        word, foreign->name, home->name, home->has_name ? " NAME" : "");
    } else if (elsewhere != NULL) {
        config_complain(reading, reading->line, "'%s' lacks its '='; it is a key of [%s%s]", word,
                        elsewhere->name, elsewhere->has_name ? " NAME" : "");
    } else {
        config_complain(
            reading, reading->line,
            "neither a section nor a key; accepted: \"key = value\", \"[section]\", or a "
            "comment behind #");
    }
}

void config_complain_key(struct config_reading *reading, const char *name)
{
    const struct config_section *section = reading->section;
    const struct config_section *elsewhere = find_elsewhere(reading->section, name);
    const char *belongs = elsewhere != NULL ? elsewhere->name : "server";
    const char *named = elsewhere != NULL && elsewhere->has_name ? " NAME" : "";
    const struct config_key *nearest = NULL;
    unsigned distance = NEAR_DISTANCE;
    char shown[CONFIG_SHOWN_MAX];
    char where[2 * CONFIG_SHOWN_MAX];
    config_quoted(name, shown);
    if (section == NULL) {
        config_complain(reading, reading->line,
                        "%s stands before the first section; it belongs behind [%s%s]", shown,
                        belongs, named);
        return;
    }
    for (size_t i = 0; i < section->count; i++) {
        if (config_distance(section->keys[i].name, name) < distance) {
            distance = config_distance(section->keys[i].name, name);
            nearest = &section->keys[i];
        }
    }
    config_section_shown(reading, where);
    const struct config_section *home = NULL;
    const struct config_key *foreign = find_foreign(name, &home);
    if (foreign != NULL) {
        config_complain(reading, reading->line, "%s %s: unknown key; chimed has '%s' in [%s%s]",
                        where, name, foreign->name, home->name, home->has_name ? " NAME" : "");
    } else if (nearest != NULL) {
        config_complain(reading, reading->line, "%s %s: unknown key; did you mean '%s'?", where,
                        name, nearest->name);
    } else if (elsewhere != NULL) {
        config_complain(reading, reading->line, "%s %s: unknown key here; it belongs in [%s%s]",
                        where, name, belongs, named);
    } else {
        config_complain(reading, reading->line,
                        "%s %s: unknown key; chimed --print-default shows those that are known",
                        where, shown);
    }
}

void config_complain_value(struct config_reading *reading, const struct config_key *key,
                           const char *item, enum config_verdict verdict)
{
    static const char *const reasons[] = {
        [CONFIG_REPEATED] = "is there already; each is accepted once",
        [CONFIG_OPPOSED] = "is both allowed and denied; keep one of the two",
        [CONFIG_OFF_MIXED] = "cannot stand here: off excludes addresses; keep one of the two",
        [CONFIG_FULL] = "is one too many; up to 16 addresses to listen on, 8 nodes to join or "
                        "names to look up, and 1024 prefixes are accepted",
        [CONFIG_CROSSED] = "goes down; the least comes first, then the most",
        [CONFIG_NO_MEMORY] = "did not fit into memory",
    };
    char shown[CONFIG_SHOWN_MAX];
    char where[2 * CONFIG_SHOWN_MAX];
    config_quoted(item, shown);
    config_section_shown(reading, where);
    if (verdict != CONFIG_UNREADABLE) {
        config_complain(reading, reading->line, "%s %s: %s %s", where, key->name, shown,
                        reasons[verdict]);
        return;
    }
    config_complain(reading, reading->line, "%s %s: found %s; accepted: %s%s", where, key->name,
                    shown, key->accepted,
                    strstr(item, " #") != NULL ? "; a comment behind a value begins with ;" : "");
}
