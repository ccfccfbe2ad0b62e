/* SPDX-License-Identifier: MIT */
/* command_request.h - a line of an operator's program to what it asks for. Pure. */
#ifndef SERVER_COMMAND_REQUEST_H
#define SERVER_COMMAND_REQUEST_H
#include "common/base/event.h"

#define COMMAND_REQUEST_MAX 256 /* octets of a line, without its end */
#define COMMAND_REQUEST_ERROR_MAX 320

enum command_request_kind {
    REQUEST_STATUS,
    REQUEST_SOURCES,
    REQUEST_TRACKING,
    REQUEST_VERSION,
    REQUEST_MESH,
    REQUEST_EVIDENCE, /* number says of which proof */
    REQUEST_HLC,      /* a stamp; of a receipt, if has_message */
    REQUEST_WATCH,    /* status and sources, again and again */
    REQUEST_CHANGE,   /* command says what */
    REQUEST_RELOAD,
    REQUEST_KINDS
};

struct command_request {
    enum command_request_kind kind;
    const char *word;       /* its first, constant */
    struct command command; /* REQUEST_CHANGE */
    int64_t interval_ns;    /* REQUEST_WATCH */
    uint32_t number;        /* REQUEST_EVIDENCE */
    bool has_message;       /* REQUEST_HLC */
    uint64_t message;
};

/* Reads a line without its end; blanks around words don't count, nor does a final carriage return.
 * False, and a sentence in error, if it is no request. */
bool command_request_parse(struct bytes line, struct command_request *request,
                           char error[COMMAND_REQUEST_ERROR_MAX]) MUST_CHECK;
/* Whether only root and the daemon's user may ask for it. */
bool command_request_is_change(const struct command_request *request);
/* The first words that are known, from 0 on; NULL beyond the last. */
const char *command_request_word(size_t index);
#endif
