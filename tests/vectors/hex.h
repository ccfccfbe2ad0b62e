/* SPDX-License-Identifier: MIT */
/* hex.h - reads a vector: a file of hex digits and white space. */
#ifndef TESTS_VECTORS_HEX_H
#define TESTS_VECTORS_HEX_H
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static inline int hex_digit(int character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    if (character >= 'a' && character <= 'f') {
        return character - 'a' + 10;
    }
    return -1;
}

/* False if the file can't be read, holds anything but lower-case digits and white space, has an odd
 * number of digits, or more than room octets. */
static inline bool hex_load(const char *path, uint8_t *octets, size_t room, size_t *size)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    size_t digits = 0;
    bool ok = true;
    for (int character = fgetc(file); ok && character != EOF; character = fgetc(file)) {
        if (isspace(character)) {
            continue;
        }
        int digit = hex_digit(character);
        ok = digit >= 0 && digits / 2 < room;
        if (ok) {
            octets[digits / 2] =
                (uint8_t)(digits % 2 == 0 ? digit << 4 : octets[digits / 2] | digit);
            digits++;
        }
    }
    fclose(file);
    *size = digits / 2;
    return ok && digits % 2 == 0;
}
#endif
