/* SPDX-License-Identifier: MIT */
/* paint.h - colours, where there is a terminal that shows them. */
#ifndef CLIENT_CLI_PAINT_H
#define CLIENT_CLI_PAINT_H

/* What to print before a word, and after it. */
struct paint {
    const char *good;
    const char *doubt;
    const char *bad;
    const char *strong;
    const char *end;
};

extern const struct paint paint_none;
/* Colours if standard output is a terminal, and NO_COLOR or TERM=dumb does not ask for none. */
struct paint paint_choose(void);
#endif
