/* SPDX-License-Identifier: MIT */
/* privilege.h - gives up what is no longer needed, once the sockets are bound (libcap). */
#ifndef COMMON_HOST_PRIVILEGE_H
#define COMMON_HOST_PRIVILEGE_H
#include "ntpwire/bytes.h"

#define PRIVILEGE_ERROR_MAX 256

/* As root with a user named: becomes that user and its group, without supplementary groups. In any
 * case drops every capability but CAP_SYS_TIME where keep_time asks for it, and sets no_new_privs.
 * Unprivileged: nothing to do, true. What the system refuses (a sandbox) leaves a sentence in error
 * and returns false: the caller warns and goes on, but for an unknown user, see
 * privilege_user_exists(). user is a name or a number. Call it before the first thread starts:
 * capabilities belong to a thread. */
bool privilege_drop(const char *user, bool keep_time, char error[PRIVILEGE_ERROR_MAX]) MUST_CHECK;
bool privilege_user_exists(const char *user);
bool privilege_may_set_time(void);
#endif
