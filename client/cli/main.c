/* SPDX-License-Identifier: MIT */
#include "client/cli/command.h"
#include "client/cli/spelling.h"
#include "common/host/files.h"
#include "config.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} subcommands[] = {
    {"query", command_query, "ask NTP servers how far our clock is from theirs"},
    {"sync", command_sync, "set this machine's clock once, if a majority of servers agrees"},
    {"keygen", command_keygen, "write symmetric keys, or the key of a mesh's node or CA"},
    {"certify", command_certify, "sign, as a mesh's CA, who is a member and how they count"},
    {"mesh", command_mesh, "the mesh: its members, who lies, and what proves it"},
    {"status", command_status, "the running chimed: its state, offset, interval, clock"},
    {"sources", command_sources, "whom it asks, what they say, and why some are not used"},
    {"tracking", command_tracking, "how it follows them, as users of chronyc know it"},
    {"watch", command_watch, "all of that, live in the terminal"},
    {"doctor", command_doctor, "the checklist: what is wrong, and what to do"},
    {"explain", command_explain, "what a word means"},
    {"accept", command_accept, "end a panic: believe the sources"},
    {"step", command_step, "correct what is left of the offset by a step"},
    {"burst", command_burst, "ask the sources quickly, a few times"},
    {"online", command_online, "ask a source again"},
    {"offline", command_offline, "ask a source no more"},
    {"refresh", command_refresh, "look up the sources' names anew"},
    {"reload", command_reload, "read the configuration anew"},
};
#define SUBCOMMANDS (sizeof(subcommands) / sizeof(subcommands[0]))

static void print_help(FILE *stream)
{
    fprintf(stream,
            "chime SUBCOMMAND [OPTION]... - asks what time it is, and how sure that is\n\n");
    for (size_t i = 0; i < SUBCOMMANDS; i++) {
        fprintf(stream, "  %-9s %s\n", subcommands[i].name, subcommands[i].summary);
    }
    fprintf(stream, "\n'chime SUBCOMMAND --help' says more; 'chime --version' the version.\n"
                    "Exit code: 0 success, 1 failure, 2 a mistake in the arguments.\n");
}

static int complain(const char *name)
{
    const struct subcommand *nearest = NULL;
    unsigned least = SPELLING_NEAR + 1;
    for (size_t i = 0; i < SUBCOMMANDS; i++) {
        unsigned count = spelling_distance(subcommands[i].name, name);
        if (count < least) {
            least = count;
            nearest = &subcommands[i];
        }
    }
    fprintf(stderr, "chime: '%.64s' is no subcommand; ", name);
    if (nearest != NULL) {
        fprintf(stderr, "did you mean '%s'? ", nearest->name);
    }
    fprintf(stderr, "'chime --help' lists all of them\n");
    return COMMAND_USAGE;
}

static bool is_any(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return COMMAND_USAGE;
    }
    if (is_any(argv[1], "--help", "-h", "help")) {
        print_help(stdout);
        return COMMAND_OK;
    }
    if (is_any(argv[1], "--version", "-V", "version")) {
        printf("chime %s\n", PACKAGE_VERSION);
        return COMMAND_OK;
    }
    for (size_t i = 0; i < SUBCOMMANDS; i++) {
        if (strcmp(argv[1], subcommands[i].name) == 0) {
            return subcommands[i].run(argc - 1, argv + 1);
        }
    }
    return complain(argv[1]);
}

int main(int argc, char **argv)
{
    files_keep_standard();
    int exit_code = run(argc, argv);
    /* A full disk or a closed pipe must not look like success. */
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        fprintf(stderr, "chime: standard output cannot be written\n");
        return exit_code == COMMAND_OK ? COMMAND_FAILED : exit_code;
    }
    return exit_code;
}
