/* SPDX-License-Identifier: MIT */
#include "client/cli/glossary.h"
#include "client/cli/spelling.h"
#include <stdbool.h>
#include <string.h>

#define TABLES 4
#define NAME_ROOM 64

static const struct glossary_table *table_of(size_t index)
{
    switch (index) {
    case 0:
        return &glossary_terms;
    case 1:
        return &glossary_states;
    case 2:
        return &glossary_verdicts;
    default:
        return &glossary_mesh;
    }
}

size_t glossary_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < TABLES; i++) {
        count += table_of(i)->count;
    }
    return count;
}

const struct glossary_entry *glossary_entry(size_t index)
{
    for (size_t i = 0; i < TABLES; i++) {
        if (index < table_of(i)->count) {
            return &table_of(i)->entries[index];
        }
        index -= table_of(i)->count;
    }
    return NULL;
}

size_t glossary_title_size(const char *names)
{
    return strcspn(names, "|");
}

/* In lower case, with blanks between words; cut to the room. */
static void plain(const char *from, size_t size, char out[NAME_ROOM])
{
    size_t used = 0;
    for (size_t i = 0; i < size && used + 1 < NAME_ROOM; i++) {
        char c = from[i];
        if (c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
        } else if (c == '-' || c == '_') {
            c = ' ';
        }
        out[used++] = c;
    }
    out[used] = '\0';
}

/* How far the nearest of the names is: 0 for the very word. */
static unsigned distance(const char *names, const char *word, bool *holds)
{
    unsigned least = SPELLING_LENGTH_MAX;
    *holds = false;
    for (const char *at = names; *at != '\0';) {
        char name[NAME_ROOM];
        size_t size = glossary_title_size(at);
        plain(at, size, name);
        unsigned edits = spelling_distance(name, word);
        least = edits < least ? edits : least;
        *holds = *holds || strstr(name, word) != NULL ||
                 (strlen(name) > 3 && strstr(word, name) != NULL);
        at += size + (at[size] == '|' ? 1 : 0);
    }
    return least;
}

const struct glossary_entry *glossary_find(const char *word)
{
    char wanted[NAME_ROOM];
    bool holds;
    plain(word, strlen(word), wanted);
    for (size_t i = 0; i < glossary_count(); i++) {
        if (distance(glossary_entry(i)->names, wanted, &holds) == 0) {
            return glossary_entry(i);
        }
    }
    return NULL;
}

size_t glossary_nearest(const char *word, const struct glossary_entry **nearest, size_t room)
{
    char wanted[NAME_ROOM];
    size_t count = 0;
    plain(word, strlen(word), wanted);
    for (unsigned edits = 1; edits <= SPELLING_NEAR + 1; edits++) {
        for (size_t i = 0; i < glossary_count() && count < room; i++) {
            bool holds;
            unsigned far = distance(glossary_entry(i)->names, wanted, &holds);
            /* Those that only hold the word come last. */
            bool is_near = far <= SPELLING_NEAR && far * 2 <= strlen(wanted) + 1;
            unsigned rank = is_near                       ? far
                            : holds && strlen(wanted) > 2 ? SPELLING_NEAR + 1
                                                          : SPELLING_NEAR + 2;
            if (rank == edits) {
                nearest[count++] = glossary_entry(i);
            }
        }
    }
    return count;
}
