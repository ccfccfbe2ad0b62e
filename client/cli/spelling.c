/* SPDX-License-Identifier: MIT */
#include "client/cli/spelling.h"
#include <stddef.h>
#include <string.h>

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

unsigned spelling_distance(const char *from, const char *to)
{
    unsigned row[SPELLING_LENGTH_MAX + 1];
    size_t width = strlen(to);
    if (width > SPELLING_LENGTH_MAX) {
        return SPELLING_LENGTH_MAX;
    }
    for (size_t j = 0; j <= width; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 0; from[i] != '\0'; i++) {
        unsigned diagonal = row[0]++;
        for (size_t j = 0; j < width; j++) {
            unsigned above = row[j + 1];
            row[j + 1] = smallest(row[j] + 1, above + 1, diagonal + (from[i] != to[j]));
            diagonal = above;
        }
    }
    return row[width];
}
