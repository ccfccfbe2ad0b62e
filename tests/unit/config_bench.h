/* SPDX-License-Identifier: MIT */
/* config_bench.h - configurations to accept or refuse, and what is said of them. */
#ifndef TESTS_UNIT_CONFIG_BENCH_H
#define TESTS_UNIT_CONFIG_BENCH_H
#include "common/config/config.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define SENTENCES_MAX 32

static struct config config;
static char sentences[SENTENCES_MAX][600];
static size_t sentence_count;

static inline void collect(void *context, const char *sentence)
{
    CU_ASSERT_PTR_EQUAL(context, &config);
    CU_ASSERT_FATAL(sentence_count < SENTENCES_MAX);
    CU_ASSERT_PTR_NULL(strchr(sentence, '\n'));
    snprintf(sentences[sentence_count++], sizeof sentences[0], "%s", sentence);
}

static inline bool parse(const char *text)
{
    config_clear(&config);
    sentence_count = 0;
    bool ok = config_parse(text, "a.conf", &config, collect, &config);
    CU_ASSERT_EQUAL(ok, sentence_count == 0);
    return ok;
}

static inline void accept(const char *text)
{
    if (!parse(text)) {
        printf("\n%s\n%s", text, sentences[0]);
        CU_FAIL_FATAL("a good configuration was refused");
    }
}

/* One mistake exactly, whose sentence holds each of the words, separated by '|'. */
static inline void refuse(const char *text, const char *words)
{
    if (parse(text)) {
        printf("\n%.200s", text);
        CU_FAIL_FATAL("a bad configuration was taken");
    }
    static const struct config cleared;
    CU_ASSERT_EQUAL(memcmp(&config, &cleared, sizeof config), 0);
    for (size_t i = 1; i < sentence_count; i++) {
        printf("\nbesides: %s", sentences[i]);
        CU_FAIL("one mistake, several complaints");
    }
    char copy[512];
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, "|"); word != NULL; word = strtok(NULL, "|")) {
        if (strstr(sentences[0], word) == NULL) {
            printf("\nno \"%s\" in \"%s\"", word, sentences[0]);
            CU_FAIL("the complaint does not say it");
        }
    }
}

static inline bool listens(const struct config_addresses *addresses, size_t index, const char *text)
{
    char written[ADDRESS_TEXT_MAX];
    return index < addresses->count &&
           strcmp(address_format_port(&addresses->items[index], written), text) == 0;
}

#endif
