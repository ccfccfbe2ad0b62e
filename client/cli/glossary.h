/* SPDX-License-Identifier: MIT */
/* glossary.h - the words that chime and chimed use, explained. */
#ifndef CLIENT_CLI_GLOSSARY_H
#define CLIENT_CLI_GLOSSARY_H
#include <stddef.h>

#define GLOSSARY_NEAREST_MAX 5

struct glossary_entry {
    const char *names; /* "root distance|rootdist": the first is the title */
    const char *text;
    const char *see; /* titles, separated by "|"; NULL: none */
};

/* The tables that are searched. */
struct glossary_table {
    const struct glossary_entry *entries;
    size_t count;
};
extern const struct glossary_table glossary_terms;
extern const struct glossary_table glossary_states;
extern const struct glossary_table glossary_verdicts;
extern const struct glossary_table glossary_mesh;

size_t glossary_count(void);
const struct glossary_entry *glossary_entry(size_t index);
/* By any of its names, whatever the case; blanks, '-' and '_' are the same. NULL if unknown. */
const struct glossary_entry *glossary_find(const char *word);
/* Those whose name is nearest or holds the word; returns how many of room were filled. */
size_t glossary_nearest(const char *word, const struct glossary_entry **nearest, size_t room);
/* The first name of a "|" list, as its length. */
size_t glossary_title_size(const char *names);
#endif
