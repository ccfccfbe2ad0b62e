/* SPDX-License-Identifier: MIT */
/* setup_bench.h - configurations with the files that they name, in a folder; and what is said of
 * them. */
#ifndef TESTS_UNIT_SETUP_BENCH_H
#define TESTS_UNIT_SETUP_BENCH_H
#include "common/host/log.h"
#include "server/setup.h"
#include "tests/unit/unit.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX 8192

static char folder[64];
static char said[TEXT_MAX];   /* mistakes */
static char logged[TEXT_MAX]; /* warnings */

static inline void collect(void *context, const char *sentence)
{
    CU_ASSERT_PTR_EQUAL(context, said);
    size_t size = strlen(said);
    snprintf(said + size, sizeof said - size, "%s\n", sentence);
}

static inline void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
    CU_ASSERT_EQUAL(chmod(path, 0600), 0);
}

/* Loads a configuration in which each '@' stands for the folder; what goes to the log is kept. */
static inline struct setup *load(const char *text)
{
    char whole[TEXT_MAX];
    char path[128];
    size_t size = 0;
    for (const char *at = text; *at != '\0'; at++) {
        size += (size_t)snprintf(whole + size, sizeof whole - size, *at == '@' ? "%s" : "%.1s",
                                 *at == '@' ? folder : at);
    }
    write_file("a.conf", whole);
    snprintf(path, sizeof path, "%s/log", folder);
    int kept = dup(STDERR_FILENO);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CU_ASSERT_TRUE_FATAL(kept >= 0 && file >= 0);
    CU_ASSERT_EQUAL(dup2(file, STDERR_FILENO), STDERR_FILENO);
    snprintf(path, sizeof path, "%s/a.conf", folder);
    said[0] = '\0';
    struct setup *setup = setup_load(path, collect, said);
    CU_ASSERT_EQUAL(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    ssize_t got = pread(file, logged, sizeof logged - 1, 0);
    logged[got > 0 ? got : 0] = '\0';
    close(kept);
    close(file);
    CU_ASSERT_EQUAL(setup == NULL, said[0] != '\0');
    return setup;
}

static inline void accept(const char *text)
{
    struct setup *setup = load(text);
    if (setup == NULL) {
        printf("\n%s", said);
        CU_FAIL("a good configuration was refused");
    }
    setup_destroy(setup);
}

static inline void expect(const char *text, const char *words)
{
    if (strstr(text, words) == NULL) {
        printf("\nno \"%s\" in \"%s\"", words, text);
        CU_FAIL("it is not said");
    }
}

static inline void warns(const char *text, const char *words)
{
    accept(text);
    expect(logged, words);
}

static inline void refuses(const char *text, const char *words)
{
    struct setup *setup = load(text);
    CU_ASSERT_PTR_NULL(setup);
    setup_destroy(setup);
    expect(said, words);
}
#endif
