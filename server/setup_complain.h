/* SPDX-License-Identifier: MIT */
/* setup_complain.h - mistakes of a configuration that only show in the files that it names. */
#ifndef SERVER_SETUP_COMPLAIN_H
#define SERVER_SETUP_COMPLAIN_H

/* Who is told, one whole sentence each time. */
struct setup_listener {
    void (*complain)(void *context, const char *sentence);
    void *context;
    const char *path; /* of the configuration */
};

void setup_complain(const struct setup_listener *listener, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, behind the configuration's path and the line. */
void setup_complain_at(const struct setup_listener *listener, unsigned long line,
                       const char *format, ...) __attribute__((format(printf, 3, 4)));
/* What to do about a file that can't be read, by its errno: a constant clause. */
const char *setup_advice(int error);
#endif
