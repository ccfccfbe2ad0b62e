/* SPDX-License-Identifier: MIT */
#include "server/operator_socket.h"
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE_DEFAULT 0660
#define FOLDER_MODE 0755
#define NAMES_ROOM 16384 /* for an entry of the system's lists; a group may have many members */
#define RUN_PATH "/run/chimed/chimed.sock"

bool operator_path(const char *configured, char path[CONFIG_PATH_MAX])
{
    int size;
    if (strcmp(configured, "none") == 0 || strcmp(configured, "off") == 0 ||
        configured[0] == '\0') {
        return false;
    }
    const char *folder = getenv("XDG_RUNTIME_DIR");
    if (strcmp(configured, "auto") != 0) {
        size = snprintf(path, CONFIG_PATH_MAX, "%s", configured);
    } else if (geteuid() == 0) {
        size = snprintf(path, CONFIG_PATH_MAX, "%s", RUN_PATH);
    } else if (folder != NULL && folder[0] == '/') {
        size = snprintf(path, CONFIG_PATH_MAX, "%s/chimed.sock", folder);
    } else {
        return false;
    }
    return size > 0 && size < CONFIG_PATH_MAX;
}

static bool is_named(const char *name)
{
    return name != NULL && name[0] != '\0';
}

/* A number stands for itself. */
static bool read_number(const char *text, uint32_t *number)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long long value = digits > 0 && digits <= 10 ? strtoull(text, NULL, 10) : UINT64_MAX;
    if (text[digits] != '\0' || value >= STREAM_SOCKET_KEEP) {
        return false;
    }
    *number = (uint32_t)value;
    return true;
}

static bool find_user(const char *name, struct stream_socket_access *access)
{
    char buffer[NAMES_ROOM];
    struct passwd entry;
    struct passwd *found = NULL;
    uint32_t number;
    if (getpwnam_r(name, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL) {
        access->user = entry.pw_uid;
        access->group = entry.pw_gid;
        return true;
    }
    if (!read_number(name, &number)) {
        return false;
    }
    access->user = access->group = number;
    if (getpwuid_r(number, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL) {
        access->group = entry.pw_gid;
    }
    return true;
}

static bool find_group(const char *name, uint32_t *group)
{
    char buffer[NAMES_ROOM];
    struct group entry;
    struct group *found = NULL;
    if (getgrnam_r(name, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL) {
        *group = entry.gr_gid;
        return true;
    }
    return read_number(name, group);
}

/* Only root may give a socket to somebody else; a daemon that stays who it is needs not. */
static bool find_access(const struct operator_options *options, struct stream_socket_access *access,
                        char *error)
{
    *access =
        (struct stream_socket_access){.mode = options->mode != 0 ? options->mode : MODE_DEFAULT,
                                      .user = STREAM_SOCKET_KEEP,
                                      .group = STREAM_SOCKET_KEEP};
    if (is_named(options->user) && geteuid() == 0 && !find_user(options->user, access)) {
        snprintf(error, OPERATOR_ERROR_MAX,
                 "the socket can't be given to user '%.64s', who does not exist", options->user);
        return false;
    }
    if (is_named(options->group) && !find_group(options->group, &access->group)) {
        snprintf(error, OPERATOR_ERROR_MAX,
                 "the socket can't be given to group '%.64s', which does not exist; create it "
                 "(groupadd --system) or name another",
                 options->group);
        return false;
    }
    return true;
}

/* The folder belongs to the daemon's user later, or the socket could not be removed at the end. */
static void make_folder(const char *path, const struct stream_socket_access *access)
{
    char folder[CONFIG_PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path || (size_t)(slash - path) >= sizeof(folder)) {
        return;
    }
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    if (mkdir(folder, FOLDER_MODE) == 0 && access->user != STREAM_SOCKET_KEEP) {
        (void)!lchown(folder, access->user, STREAM_SOCKET_KEEP);
    }
}

bool operator_socket_open(const struct operator_options *options, struct stream_socket *socket,
                          char error[OPERATOR_ERROR_MAX])
{
    struct stream_socket_access access;
    if (!find_access(options, &access, error)) {
        return false;
    }
    if (options->make_folder) {
        make_folder(options->path, &access);
    }
    int status = stream_socket_open(options->path, &access, socket);
    if (status == 0) {
        return true;
    }
    const char *advice =
        status == -EADDRINUSE     ? "another chimed answers there: end it, or name another path"
        : status == -ENOENT       ? "make its folder first"
        : status == -EEXIST       ? "something else than a socket is there: name another path"
        : status == -ENAMETOOLONG ? "a socket's path has at most 107 octets"
        : status == -EPERM        ? "a group that the daemon's user belongs to is needed"
                                  : "name another path";
    snprintf(error, OPERATOR_ERROR_MAX, "can't open [control] socket %.200s: %s; %s", options->path,
             strerror(-status), advice);
    return false;
}
