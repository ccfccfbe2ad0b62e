/* SPDX-License-Identifier: MIT */
#include "client/cli/command.h"
#include "client/cli/glossary.h"
#include "client/cli/options.h"
#include "client/cli/paint.h"
#include "common/base/json.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define WORD_ROOM 128
#define WIDTH 78
#define INDENT 2

static const char help[] =
    "chime explain [OPTION]... [WORD]...\n"
    "\n"
    "What a word means that chime or chimed uses: a number, a state, a verdict, a setting. Without "
    "one,\n"
    "all that it knows.\n"
    "\n"
    "      --json  a JSON document instead of text\n"
    "  -h, --help  this text\n"
    "\n"
    "Exit code: 0 if the word is known; 1 if not; 2 for a mistake in the arguments.\n";

/* Words never straddle the right margin, unless they are longer than the line. */
static void print_wrapped(const char *text)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        if (column > 0 && column + 1 + size > WIDTH) {
            fputc('\n', stdout);
            column = 0;
        }
        if (column == 0) {
            printf("%*s", INDENT, "");
            column = INDENT;
        } else {
            fputc(' ', stdout);
            column++;
        }
        printf("%.*s", (int)size, text);
        column += size;
        text += size + strspn(text + size, " ");
    }
    fputc('\n', stdout);
}

/* The titles of a "|" list, with a separator. */
static void print_titles(const char *names)
{
    const char *separator = "";
    while (*names != '\0') {
        size_t size = glossary_title_size(names);
        printf("%s%.*s", separator, (int)size, names);
        names += size + (names[size] == '|' ? 1 : 0);
        separator = ", ";
    }
    fputc('\n', stdout);
}

static void print_entry(const struct glossary_entry *entry)
{
    struct paint paint = paint_choose();
    printf("%s%.*s%s\n", paint.strong, (int)glossary_title_size(entry->names), entry->names,
           paint.end);
    print_wrapped(entry->text);
    if (entry->see != NULL) {
        printf("%*sSee also: ", INDENT, "");
        print_titles(entry->see);
    }
}

static void print_all(void)
{
    for (size_t i = 0; i < glossary_count(); i++) {
        const char *names = glossary_entry(i)->names;
        printf("%.*s\n", (int)glossary_title_size(names), names);
    }
}

static void write_list(struct json *json, const char *key, const char *names)
{
    json_open_array(json, key);
    while (names != NULL && *names != '\0') {
        char name[WORD_ROOM];
        size_t size = glossary_title_size(names);
        snprintf(name, sizeof(name), "%.*s", (int)size, names);
        json_put_string(json, NULL, name);
        names += size + (names[size] == '|' ? 1 : 0);
    }
    json_close_array(json);
}

static void print_json(const char *word, const struct glossary_entry *entry)
{
    char out[8192];
    struct json json;
    json_init(&json, out, sizeof(out));
    json_open_object(&json, NULL);
    json_put_string(&json, "word", word);
    json_put_string(&json, "text", entry != NULL ? entry->text : NULL);
    write_list(&json, "names", entry != NULL ? entry->names : NULL);
    write_list(&json, "see", entry != NULL ? entry->see : NULL);
    if (entry == NULL) {
        const struct glossary_entry *nearest[GLOSSARY_NEAREST_MAX];
        size_t count = glossary_nearest(word, nearest, GLOSSARY_NEAREST_MAX);
        json_open_array(&json, "nearest");
        for (size_t i = 0; i < count; i++) {
            char name[WORD_ROOM];
            snprintf(name, sizeof(name), "%.*s", (int)glossary_title_size(nearest[i]->names),
                     nearest[i]->names);
            json_put_string(&json, NULL, name);
        }
        json_close_array(&json);
    }
    json_close_object(&json);
    if (json_finish(&json)) {
        puts(out);
    }
}

static int complain(const char *word)
{
    const struct glossary_entry *nearest[GLOSSARY_NEAREST_MAX];
    size_t count = glossary_nearest(word, nearest, GLOSSARY_NEAREST_MAX);
    char list[512] = "";
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof(list); i++) {
        int size = snprintf(list + used, sizeof(list) - used, "%s'%.*s'", i > 0 ? ", " : "",
                            (int)glossary_title_size(nearest[i]->names), nearest[i]->names);
        used += size > 0 ? (size_t)size : 0;
    }
    if (count > 0) {
        (void)options_complain("explain", "'%s' is not known; near it: %s", word, list);
    } else {
        (void)options_complain("explain", "'%s' is not known; 'chime explain' lists what is", word);
    }
    return COMMAND_FAILED;
}

/* The words as one, with blanks between; what a terminal would obey is left out. */
static bool join(char *const *words, size_t count, char out[WORD_ROOM])
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        for (const char *at = words[i]; *at != '\0' && used + 2 < WORD_ROOM; at++) {
            if ((unsigned char)*at >= 0x20 && (unsigned char)*at < 0x7F) {
                out[used++] = *at;
            }
        }
        if (i + 1 < count) {
            out[used++] = ' ';
        }
        if (used + 2 >= WORD_ROOM) {
            return false;
        }
    }
    out[used] = '\0';
    return true;
}

int command_explain(int argc, char **argv)
{
    static const struct option names[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    bool as_json = false;
    char word[WORD_ROOM];
    opterr = 0;
    int letter;
    while ((letter = getopt_long(argc, argv, ":h", names, NULL)) != -1) {
        if (letter == 'h') {
            fputs(help, stdout);
            return COMMAND_OK;
        }
        if (letter != 'j') {
            return options_complain_of("explain", letter, optopt, argv[optind - 1]);
        }
        as_json = true;
    }
    if (optind == argc) {
        print_all();
        return COMMAND_OK;
    }
    if (!join(argv + optind, (size_t)(argc - optind), word)) {
        return options_complain("explain", "a word or two are accepted, more were found");
    }
    const struct glossary_entry *entry = glossary_find(word);
    if (as_json) {
        print_json(word, entry);
    } else if (entry != NULL) {
        print_entry(entry);
    }
    return entry != NULL ? COMMAND_OK : as_json ? COMMAND_FAILED : complain(word);
}
