/* SPDX-License-Identifier: MIT */
/* daemon.h - chimed, from its configuration to its end: opens, answers, reloads, stops. */
#ifndef SERVER_DAEMON_H
#define SERVER_DAEMON_H
#include "server/setup.h"

/* Runs until SIGTERM or SIGINT. Takes over setup. path is what SIGHUP reads again (NULL: nothing to
 * read). Returns the exit status. */
int daemon_run(struct setup *setup, const char *path);
#endif
