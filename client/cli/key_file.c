/* SPDX-License-Identifier: MIT */
#include "client/cli/key_file.h"
#include "client/cli/command.h"
#include "client/cli/options.h"
#include "common/host/files.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBLIC_FILE_MAX 4096
#define KEY_PREFIX "ed25519:"

char *key_file_read_text(const char *command, const char *path, size_t size_max)
{
    char *text;
    int status = files_read_text(path, size_max, &text);
    if (status == -EINVAL) {
        (void)options_complain(command, "'%s' is no text file", path);
    } else if (status == -EFBIG) {
        (void)options_complain(command, "'%s' is too big: at most %zu octets are accepted", path,
                               size_max);
    } else if (status < 0) {
        (void)options_complain(command, "'%s' cannot be read: %s", path, strerror(-status));
    }
    return status < 0 ? NULL : text;
}

/* A key that everybody could read has to be taken for known. */
static bool is_private(const char *command, const char *path)
{
    unsigned mode;
    if (files_mode(path, &mode) == 0 && (mode & 07) != 0) {
        (void)options_complain(command,
                               "'%s' holds a private key, and its mode is %04o, which lets "
                               "everybody at it; mode 0600 is accepted: chmod 600 '%s', and make a "
                               "new key if somebody may have read this one",
                               path, mode, path);
        return false;
    }
    return true;
}

static struct identity *parse(const char *command, const char *path, const char *text)
{
    char error[IDENTITY_ERROR_MAX];
    struct identity *identity = identity_parse(bytes_make(text, strlen(text)), error);
    if (identity == NULL) {
        (void)options_complain(command, "'%s': %s", path, error);
    }
    return identity;
}

struct identity *key_file_read(const char *command, const char *path)
{
    char *text = key_file_read_text(command, path, IDENTITY_PEM_MAX - 1);
    if (text == NULL) {
        return NULL;
    }
    struct identity *identity = is_private(command, path) ? parse(command, path, text) : NULL;
    explicit_bzero(text, strlen(text));
    free(text);
    return identity;
}

/* The line with a public key, cut out; NULL if there is none. */
static char *find_line(char *text)
{
    char *start =
        strncmp(text, KEY_PREFIX, strlen(KEY_PREFIX)) == 0 ? text : strstr(text, "\n" KEY_PREFIX);
    if (start == NULL) {
        return NULL;
    }
    start += *start == '\n';
    start[strcspn(start, " \t\r\n")] = '\0';
    return start;
}

static bool read_public(const char *command, const char *path, char *text, struct public_key *key)
{
    char error[IDENTITY_ERROR_MAX];
    const char *line = find_line(text);
    if (line != NULL) {
        bool ok = public_key_parse(line, key, error);
        if (!ok) {
            (void)options_complain(command, "'%s': %s", path, error);
        }
        return ok;
    }
    if (strstr(text, "PRIVATE KEY") == NULL) {
        (void)options_complain(command,
                               "'%s' holds no key: a line '" KEY_PREFIX
                               "' and 64 hex digits, or a private key in PEM is accepted",
                               path);
        return false;
    }
    struct identity *identity = is_private(command, path) ? parse(command, path, text) : NULL;
    if (identity != NULL) {
        *key = *identity_public_key(identity);
    }
    identity_destroy(identity);
    return identity != NULL;
}

bool key_file_read_public(const char *command, const char *text, struct public_key *key)
{
    char error[IDENTITY_ERROR_MAX];
    if (strncmp(text, KEY_PREFIX, strlen(KEY_PREFIX)) == 0) {
        if (public_key_parse(text, key, error)) {
            return true;
        }
        (void)options_complain(command, "%s", error);
        return false;
    }
    char *held = key_file_read_text(command, text, PUBLIC_FILE_MAX);
    if (held == NULL) {
        return false;
    }
    size_t size = strlen(held);
    bool ok = read_public(command, text, held, key);
    explicit_bzero(held, size);
    free(held);
    return ok;
}

char *key_file_explain(const char *path, int status, char error[IDENTITY_ERROR_MAX])
{
    if (status == -EEXIST) {
        snprintf(error, IDENTITY_ERROR_MAX,
                 "'%.120s' exists already and is not replaced: name another file, or move that one "
                 "away",
                 path);
    } else {
        snprintf(error, IDENTITY_ERROR_MAX, "'%.120s' cannot be written: %s", path,
                 strerror(-status));
    }
    return error;
}

int key_file_write(const char *command, const char *path, const char *text, unsigned mode)
{
    char error[IDENTITY_ERROR_MAX];
    size_t size = strlen(text);
    int status;
    if (strcmp(path, "-") == 0) {
        errno = 0;
        bool ok = fwrite(text, 1, size, stdout) == size && fflush(stdout) == 0;
        status = ok ? 0 : errno == 0 ? -EIO : -errno;
        path = "the standard output";
    } else {
        status = files_write(path, text, size, mode, true);
    }
    if (status == 0) {
        return COMMAND_OK;
    }
    (void)options_complain(command, "%s", key_file_explain(path, status, error));
    return COMMAND_FAILED;
}
