/* SPDX-License-Identifier: MIT */
/* fuzz.h - what a fuzz target is: one function of libFuzzer's, which must hold for any octets. The
 * same file is linked with libFuzzer (--enable-fuzzing) and with replay.c, which runs it over the
 * recorded packets under any compiler. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H
#include "ntpwire/bytes.h"

#include <stdio.h>
#include <stdlib.h>

/* The folder of seeds in tests/fuzz/seeds, and whether recorded packets are input as well. */
struct fuzz_target {
    const char *name;
    bool takes_packets;
};
extern const struct fuzz_target fuzz_target;

/* libFuzzer's interface. Returns 0. Nothing may be kept from one input to the next, or a crash
 * could not be repeated. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must be true of the code under test; unlike assert() it is in every build. */
#define FUZZ_REQUIRE(condition) fuzz_require((condition), #condition, __FILE__, __LINE__)

static inline void fuzz_require(bool condition, const char *text, const char *file, int line)
{
    if (!condition) {
        fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
        abort();
    }
}

/* The input as text; the caller frees it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    FUZZ_REQUIRE(text != NULL);
    for (size_t i = 0; i < size; i++) {
        text[i] = (char)data[i];
    }
    text[size] = '\0';
    return text;
}
#endif
