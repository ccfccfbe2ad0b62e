/* SPDX-License-Identifier: MIT */
/* key_file.h - the Ed25519 keys of nodes and CAs that a subcommand is pointed at. What is wrong is
 * said on stderr, in the name of the subcommand. */
#ifndef CLIENT_CLI_KEY_FILE_H
#define CLIENT_CLI_KEY_FILE_H
#include "common/auth/identity.h"

/* The private key in a PEM file; identity_destroy() it. NULL, and complained, if it can't be read,
 * holds something else, or lies open to everybody. */
struct identity *key_file_read(const char *command, const char *path);
/* A public key: "ed25519:..." itself, or a file with that in a line, or with the private key. */
bool key_file_read_public(const char *command, const char *text, struct public_key *key) MUST_CHECK;
/* What else a file may hold, terminated (malloc'd), or NULL, and complained. */
char *key_file_read_text(const char *command, const char *path, size_t size_max);
/* Writes a new file, or to stdout for "-"; complains and returns COMMAND_FAILED if that fails. A
 * file that exists is not replaced. */
int key_file_write(const char *command, const char *path, const char *text, unsigned mode);
/* Why it failed, as key_file_write() says it; status is a negative errno. Returns error. */
char *key_file_explain(const char *path, int status, char error[IDENTITY_ERROR_MAX]);
#endif
