/* SPDX-License-Identifier: MIT */
/* chime mesh: its own subcommands. */
#include "client/cli/mesh_command.h"
#include "client/cli/command.h"
#include "client/cli/options.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char help[] = "chime mesh SUBCOMMAND [OPTION]...\n"
                           "\n"
                           "  verify    what a proof against a member proves, from its file alone\n"
                           "\n"
                           "'chime mesh SUBCOMMAND --help' says more.\n";

static const struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
} subcommands[] = {
    {"verify", mesh_verify},
};
#define SUBCOMMANDS (sizeof subcommands / sizeof subcommands[0])

int command_mesh(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(help, stdout);
        return COMMAND_OK;
    }
    for (size_t i = 0; argc > 1 && i < SUBCOMMANDS; i++) {
        if (strcmp(argv[1], subcommands[i].name) == 0) {
            return subcommands[i].run(argc - 1, argv + 1);
        }
    }
    if (argc > 1) {
        return options_complain("mesh", "'%.64s' is no subcommand; 'chime mesh --help' lists them",
                                argv[1]);
    }
    fputs(help, stderr);
    return COMMAND_USAGE;
}
