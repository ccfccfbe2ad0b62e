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
int command_certify(int argc, char **argv);
int command_mesh(int argc, char **argv);
/* Of the running daemon. */
int command_status(int argc, char **argv);
int command_sources(int argc, char **argv);
int command_tracking(int argc, char **argv);
int command_watch(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_accept(int argc, char **argv);
int command_step(int argc, char **argv);
int command_burst(int argc, char **argv);
int command_online(int argc, char **argv);
int command_offline(int argc, char **argv);
int command_refresh(int argc, char **argv);
int command_reload(int argc, char **argv);
#endif
