/* SPDX-License-Identifier: MIT */
/* mesh_command.h - the subcommands of 'chime mesh'. argv[0] is the subcommand's name; they return
 * the exit code. */
#ifndef CLIENT_CLI_MESH_COMMAND_H
#define CLIENT_CLI_MESH_COMMAND_H

/* Of the running daemon: the members, without a subcommand, and its proofs. */
int mesh_members(int argc, char **argv);
int mesh_evidence(int argc, char **argv);
int mesh_verify(int argc, char **argv);
/* Changes something: of the same file as the other commands that do. */
int mesh_readmit_command(int argc, char **argv);
#endif
