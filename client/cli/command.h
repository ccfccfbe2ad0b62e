/* SPDX-License-Identifier: MIT */
/* command.h - the subcommands of chime. Each parses its own arguments, prints, and returns the exit
 * code. */
#ifndef CLIENT_CLI_COMMAND_H
#define CLIENT_CLI_COMMAND_H

enum command_exit {
    COMMAND_OK = 0,     /* did what was asked */
    COMMAND_FAILED = 1, /* could not */
    COMMAND_USAGE = 2   /* did not understand: the arguments, or a file they name */
};

/* argv[0] is the subcommand's name. */
int command_query(int argc, char **argv);
int command_sync(int argc, char **argv);
int command_keygen(int argc, char **argv);
#endif
