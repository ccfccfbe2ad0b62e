/* SPDX-License-Identifier: MIT */
#include "server/setup_warn.h"
#include "common/host/log.h"
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TRUECHIMERS_LEAST 3 /* two of them outvote the third */
#define SENTENCE_MAX (2 * CONFIG_PATH_MAX + 512)
#define DAY_MAX 32

struct place {
    const char *name;
    unsigned long line; /* 0: none */
};

__attribute__((format(printf, 2, 3))) static void warn(struct place place, const char *format, ...)
{
    char sentence[SENTENCE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    if (place.line > 0) {
        log_message(LOG_LEVEL_WARNING, "%s:%lu: %s", place.name, place.line, sentence);
    } else {
        log_message(LOG_LEVEL_WARNING, "%s: %s", place.name, sentence);
    }
}

static size_t count_kind(const struct config *config, enum source_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < config->sources.count; i++) {
        count += config->sources.items[i].kind == kind;
    }
    return count;
}

static void warn_of_sources(const struct config *config, const char *name)
{
    struct place whole = {.name = name};
    unsigned voters = config_voters(config);
    if (voters == 0 && config->server.local_stratum == 0) {
        warn(whole,
             "no source to follow and no local-stratum: answers say \"unsynchronised\", and "
             "clients refuse them; add a [source NAME], or local-stratum = 10 in [server] to serve "
             "the local clock");
    } else if (voters > 0 && voters < TRUECHIMERS_LEAST) {
        warn(whole,
             "%u source%s can't outvote one that lies: whom to believe is then unknown; configure "
             "at least %d",
             voters, voters == 1 ? "" : "s", TRUECHIMERS_LEAST);
    }
    if (config->server.is_orphan && count_kind(config, SOURCE_PEER) == 0) {
        warn(whole, "orphan = yes in [server], and no source is a peer: orphans agree by kind = "
                    "peer with each other");
    }
}

/* Whether a folder or file may be written by the user that the daemon becomes. */
static bool may_write(const char *path, int wanted, const char *user)
{
    struct stat status;
    struct passwd *entry = user[0] != '\0' && geteuid() == 0 ? getpwnam(user) : NULL;
    if (entry == NULL) {
        return access(path, wanted) == 0;
    }
    if (stat(path, &status) != 0) {
        return false;
    }
    unsigned bits = (wanted & W_OK ? 2U : 0U) | (wanted & X_OK ? 1U : 0U);
    unsigned shift = status.st_uid == entry->pw_uid ? 6 : status.st_gid == entry->pw_gid ? 3 : 0;
    return (status.st_mode >> shift & bits) == bits;
}

static void warn_of_folder(const char *path, const char *what, struct place place, const char *user)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        warn(place, "%s '%s': %s; make it, and let %s write there", what, path, strerror(errno),
             user[0] != '\0' ? user : "chimed");
    } else if (!S_ISDIR(status.st_mode)) {
        warn(place, "%s '%s' is no folder; name a folder", what, path);
    } else if (access(path, W_OK) != 0 && errno == EROFS) {
        warn(place, "%s '%s' is on a read-only file system; name another folder", what, path);
    } else if (!may_write(path, W_OK | X_OK, user)) {
        warn(place, "%s '%s' can't be written by %s; use: chown %s %s", what, path,
             user[0] != '\0' ? user : "this user", user[0] != '\0' ? user : "USER", path);
    }
}

/* A log's file is made when it is opened; its folder is not. */
static void warn_of_log(const char *path, const char *what, const struct setup *setup,
                        const char *name)
{
    char folder[CONFIG_PATH_MAX];
    const char *user = setup->config.server.user;
    if (path[0] == '\0') {
        return;
    }
    if (access(path, F_OK) == 0) {
        if (!may_write(path, W_OK, user)) {
            warn((struct place){.name = name}, "%s '%s' can't be written by %s", what, path,
                 user[0] != '\0' ? user : "this user");
        }
        return;
    }
    size_t size = (size_t)(strrchr(path, '/') - path);
    size = size > 0 ? size : 1;
    memcpy(folder, path, size);
    folder[size] = '\0';
    warn_of_folder(folder, what, (struct place){.name = name}, user);
}

static void warn_of_leaps(const struct setup *setup, const char *name)
{
    const struct config *config = &setup->config;
    /* Who follows nobody needs no list, unless asked for. */
    bool matters = config->sources.count > 0 || config->clock.leap_list_line > 0;
    time_t expires = (time_t)(setup->leaps.expires.ns / NS_PER_S);
    struct tm day;
    char text[DAY_MAX];
    if (matters && setup->leaps.count > 0 && expires < time(NULL) &&
        gmtime_r(&expires, &day) != NULL && strftime(text, sizeof(text), "%Y-%m-%d", &day) > 0) {
        warn((struct place){.name = name, .line = config->clock.leap_list_line},
             "the list of leap seconds '%s' expired on %s: those that come are known from the "
             "sources only; get a new one (package tzdata)",
             config->clock.leap_list, text);
    }
}

void setup_warn(const struct setup *setup, const char *name)
{
    const struct config *config = &setup->config;
    const char *group = config->control.group;
    warn_of_sources(config, name);
    warn_of_leaps(setup, name);
    if (config->clock.state_dir[0] != '\0') {
        warn_of_folder(config->clock.state_dir, "[clock] state-dir",
                       (struct place){.name = name, .line = config->clock.state_dir_line},
                       config->server.user);
    }
    warn_of_log(config->log.tracking, "[log] tracking", setup, name);
    warn_of_log(config->log.measurements, "[log] measurements", setup, name);
    if (group[0] != '\0' && getgrnam(group) == NULL) {
        warn((struct place){.name = name, .line = config->control.group_line},
             "[control] group: there is no group '%s'; make it, or name another", group);
    }
}
