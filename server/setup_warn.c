/* SPDX-License-Identifier: MIT */
#include "server/setup_warn.h"
#include "common/host/log.h"
#include "config.h"
#include "server/mdns_setup.h"
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
    bool is_alone = !config_has_mesh(config);
    unsigned voters = config_voters(config);
    if (voters == 0 && is_alone && config->server.local_stratum == 0) {
        warn(whole,
             "no source to follow and no local-stratum: answers say \"unsynchronised\", and "
             "clients refuse them; add a [source NAME], or local-stratum = 10 in [server] to serve "
             "the local clock");
    } else if (voters > 0 && is_alone && voters < TRUECHIMERS_LEAST) {
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

/* The daemon reads its secrets again at each reload, by then as that user. */
static bool may_reread(const char *path, const char *user)
{
    struct stat status;
    struct passwd *entry = user[0] != '\0' && geteuid() == 0 ? getpwnam(user) : NULL;
    return entry == NULL || stat(path, &status) != 0 || status.st_uid == entry->pw_uid;
}

static void warn_of_secret(const struct config_file *file, const char *key, const char *name,
                           const char *user)
{
    if (file->path[0] != '\0' && !may_reread(file->path, user)) {
        warn((struct place){.name = name, .line = file->line},
             "[mesh] %s: '%s' is not %s's, who can't read it at a reload; use: chown %s %s", key,
             file->path, user, user, file->path);
    }
}

/* How many liars the mesh stands, and whom it admits. */
static void warn_of_count(const struct setup *setup, const char *name)
{
    const struct config_mesh *mesh = &setup->config.mesh;
    const struct membership_terms *terms = &setup->roster.terms;
    struct place place = {.name = name, .line = mesh->identity.line};
    if (setup->credentials.membership == NULL && config_is_open(mesh)) {
        warn(place,
             "[mesh] join and discover find members, and don't make them count: n is %u, by the "
             "[member NAME] sections; have the CA sign a membership",
             terms->nodes);
    } else if (terms->faults == 0 && mesh->algorithm == CONFIG_AGREEMENT) {
        warn(place,
             "the mesh has n = %u and f = %u: it stands no liar, as %d members would with f = 1",
             terms->nodes, terms->faults, TRUECHIMERS_LEAST);
    }
    if (mesh->has_ca && mesh->certificate.path[0] == '\0' &&
        setup->credentials.membership == NULL) {
        warn(place, "[mesh] ca without certificate: only members that name this node's key in a "
                    "section admit it; have it certified with chime certify");
    }
}

static void warn_of_certificate(const struct setup *setup, const char *name)
{
    const struct config_file *file = &setup->config.mesh.certificate;
    time_t expires = (time_t)setup->credentials.expiry_s;
    struct tm day;
    char text[DAY_MAX];
    if (setup->credentials.certificate_size > 0 && expires < time(NULL) &&
        gmtime_r(&expires, &day) != NULL && strftime(text, sizeof(text), "%Y-%m-%d", &day) > 0) {
        warn((struct place){.name = name, .line = file->line},
             "[mesh] certificate: '%s' expired on %s, and whom it is shown to refuses it; have a "
             "new one made with chime certify",
             file->path, text);
    }
}

static void warn_of_mdns(const struct setup *setup, const char *name)
{
    const struct config_mesh *mesh = &setup->config.mesh;
    struct place place = {.name = name, .line = mesh->identity.line};
    struct mdns_service service;
    if (!mdns_setup(setup, &service)) {
        return;
    }
    if (!HAVE_AVAHI) {
        warn(place,
             "[mesh] discover = mdns: this chimed is built without Avahi, so nobody is found that "
             "way; use join = HOST or discover = srv:NAME, or build it with libavahi-client "
             "(Debian: libavahi-client-dev) and ./configure --with-avahi");
    } else if (service.port == 0) {
        warn(place, "[mesh] discover = mdns: this node serves on loopback addresses only, where no "
                    "other machine can ask it: it is not announced; see listen in [server]");
    }
}

static void warn_of_mesh(const struct setup *setup, const char *name)
{
    const struct config_mesh *mesh = &setup->config.mesh;
    const char *user = setup->config.server.user;
    if (!config_has_mesh(&setup->config)) {
        return;
    }
    warn_of_count(setup, name);
    warn_of_certificate(setup, name);
    warn_of_secret(&mesh->identity, "identity", name, user);
    warn_of_secret(&mesh->group_key, "group-key", name, user);
    warn_of_mdns(setup, name);
    if (setup->state_dir[0] == '\0') {
        warn((struct place){.name = name, .line = mesh->identity.line},
             "[mesh] identity: there is no state-dir to keep in what this node told the others; "
             "without that it does not join: add state-dir = FOLDER to [clock]");
    }
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
    warn_of_mesh(setup, name);
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
