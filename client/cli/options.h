/* SPDX-License-Identifier: MIT */
/* options.h - the arguments of the subcommands that ask servers, and the parts that every
 * subcommand needs. */
#ifndef CLIENT_CLI_OPTIONS_H
#define CLIENT_CLI_OPTIONS_H
#include "client/cli/survey.h"
#include "common/auth/keyring.h"

struct options {
    struct survey_options survey;
    bool json;
    bool dry_run; /* sync only */
    bool step;    /* sync only */
    const char *keys_path;
    struct keyring keyring;
    char *const *hosts;
    size_t host_count;
};

/* What a subcommand asks by default, and if it knows the options of sync. */
struct options_profile {
    const char *command; /* "query" */
    const char *help;
    bool is_sync;
    unsigned count;
    int64_t distance_max_ns;
};

/* False if there is nothing to do: *exit_code is then what the program returns, and what there was
 * to say has been said. options_clear() in any case. */
bool options_parse(struct options *options, const struct options_profile *profile, int argc,
                   char **argv, int *exit_code) MUST_CHECK;
void options_clear(struct options *options);

/* For every subcommand: a sentence on stderr that begins with "chime COMMAND: "; returns
 * COMMAND_USAGE. */
int options_complain(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Complains of what getopt_long() did not take: an unknown option, or one without its argument. */
int options_complain_of(const char *command, int result, int option, const char *argument);
/* A whole number within the limits, or a complaint that names the option and them. */
bool options_read_integer(const char *command, const char *option, const char *text,
                          const int64_t limits[2], int64_t *value) MUST_CHECK;
#endif
