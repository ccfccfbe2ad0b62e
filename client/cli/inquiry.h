/* SPDX-License-Identifier: MIT */
/* inquiry.h - what the subcommands that ask the daemon have in common: their options, the
 * connection, and a first look at the answer. */
#ifndef CLIENT_CLI_INQUIRY_H
#define CLIENT_CLI_INQUIRY_H
#include "client/cli/answer.h"
#include "client/cli/ask.h"

/* The lines of every help text. */
#define INQUIRY_HELP                                                                               \
    "      --socket PATH  where chimed listens ('socket' in [control]); without it: what\n"        \
    "                     $CHIMED_SOCKET says, else /run/chimed/chimed.sock, else\n"               \
    "                     $XDG_RUNTIME_DIR/chimed.sock\n"                                          \
    "      --json         the daemon's answer as it came, JSON on a line (doc/protocol.md)\n"      \
    "  -h, --help         this text\n"

struct inquiry_profile {
    const char *command; /* "status" */
    const char *help;
    bool takes_verbose;
    size_t words_max;  /* that may follow the options */
    const char *words; /* what they are, for complaints: "a source" */
};

struct inquiry {
    const struct inquiry_profile *profile;
    const char *socket; /* NULL: to be searched */
    bool json;
    bool verbose;
    char *const *words;
    size_t word_count;
    struct ask ask;
};

/* False if there is nothing to do: *exit_code is then what the program returns, and what there was
 * to say has been said. */
bool inquiry_parse(struct inquiry *inquiry, const struct inquiry_profile *profile, int argc,
                   char **argv, int *exit_code) MUST_CHECK;
/* Connects; false, and said on stderr (or as JSON), if that fails. inquiry_close() in any case. */
bool inquiry_open(struct inquiry *inquiry) MUST_CHECK;
void inquiry_close(struct inquiry *inquiry);
/* Sends a request and reads its answer, for json_decref(). With --json the line is printed as it
 * is. NULL, and said, if there is no good answer. */
json_t *inquiry_ask(struct inquiry *inquiry, const char *request);

/* For a subcommand that asks once: parse, open, ask, print, close; what it returns is the program's
 * exit code. */
struct inquiry_once {
    struct inquiry_profile profile;
    const char *request;
    void (*print)(const struct inquiry *inquiry, const json_t *answer);
};
int inquiry_run(const struct inquiry_once *once, int argc, char **argv);
#endif
