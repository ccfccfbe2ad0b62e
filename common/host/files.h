/* SPDX-License-Identifier: MIT */
/* files.h - whole files in, whole files out. Errors are negative errno; the caller names the
 * object. */
#ifndef COMMON_HOST_FILES_H
#define COMMON_HOST_FILES_H
#include "ntpwire/bytes.h"

/* To be called first: puts /dev/null in the place of each standard stream that is closed, so that
 * what a program opens never gets its number, and what it says never goes there. Reading from a
 * stream that was closed, or writing to it, goes on failing. */
void files_keep_standard(void);

/* Reads a regular file of at most size_max octets into *text (malloc'd, NUL-terminated; the caller
 * frees). -EFBIG for a longer one, -EISDIR for a folder, -EINVAL for a zero octet inside, -EACCES …
 */
int files_read_text(const char *path, size_t size_max, char **text) MUST_CHECK;
/* Do others than owner and group have any access? For files that hold secrets. */
int files_is_private(const char *path, bool *is_private) MUST_CHECK;
/* The permission bits, such as 0600. */
int files_mode(const char *path, unsigned *mode) MUST_CHECK;
/* Writes atomically: a new file beside it with that mode (whatever the umask), fsync, rename.
 * exclusive refuses with -EEXIST to replace one. A full disk leaves the old file as it was. */
int files_write(const char *path, const char *text, size_t size, unsigned mode,
                bool exclusive) MUST_CHECK;
/* There is a folder of that name: it was made with that mode (less the umask) if there was none,
 * but not what it lies in. -ENOTDIR, -ENOENT, -EACCES … */
int files_make_folder(const char *path, unsigned mode) MUST_CHECK;
/* Locks a folder until it is unlocked, or this process ends. -EWOULDBLOCK if another has it. */
int files_lock(const char *folder, int *lock) MUST_CHECK;
void files_unlock(int lock);
#endif
