/* SPDX-License-Identifier: MIT */
/* chime mesh: its own subcommands; without one of them, what is asked most. */
#include "client/cli/mesh_command.h"
#include "client/cli/command.h"
#include <stddef.h>
#include <string.h>

static const struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
} subcommands[] = {
    {"evidence", mesh_evidence},
    {"verify", mesh_verify},
    {"readmit", mesh_readmit_command},
};
#define SUBCOMMANDS (sizeof subcommands / sizeof subcommands[0])

int command_mesh(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < SUBCOMMANDS; i++) {
        if (strcmp(argv[1], subcommands[i].name) == 0) {
            return subcommands[i].run(argc - 1, argv + 1);
        }
    }
    return mesh_members(argc, argv);
}
