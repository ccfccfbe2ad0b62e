/* SPDX-License-Identifier: MIT */
#include "server/setup.h"
#include "common/host/files.h"
#include "common/host/log.h"
#include "server/setup_complain.h"
#include "server/setup_warn.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_SIZE_MAX (4 * 1024 * 1024)
static bool load_config(struct setup *setup, const char *path,
                        const struct setup_listener *listener)
{
    if (path == NULL) {
        return config_parse(config_default_text(), "embedded default", &setup->config,
                            listener->complain, listener->context);
    }
    char *text;
    int status = files_read_text(path, FILE_SIZE_MAX, &text);
    if (status != 0) {
        setup_complain(listener, "%s: can't read the configuration: %s; %s", path,
                       strerror(-status), setup_advice(-status));
        return false;
    }
    bool ok = config_parse(text, path, &setup->config, listener->complain, listener->context);
    free(text);
    return ok;
}

static bool load_keys(struct setup *setup, const char *config_path,
                      const struct setup_listener *listener)
{
    const char *path = setup->config.keys.file;
    char error[KEYRING_ERROR_MAX];
    char *text;
    bool is_private;
    if (path[0] == '\0') {
        return true;
    }
    int status = files_read_text(path, FILE_SIZE_MAX, &text);
    if (status != 0) {
        setup_complain(listener, "%s:%lu: [keys] file: can't read '%s': %s; %s", config_path,
                       setup->config.keys.file_line, path, strerror(-status),
                       setup_advice(-status));
        return false;
    }
    bool ok = keyring_parse(text, &setup->keyring, error);
    explicit_bzero(text, strlen(text)); /* it held secrets */
    free(text);
    if (!ok) {
        setup_complain(listener, "%s: %s", path, error);
    } else if (files_is_private(path, &is_private) == 0 && !is_private) {
        log_message(LOG_LEVEL_WARNING, "%s: everybody can read these keys; use: chmod o= %s", path,
                    path);
    }
    return ok;
}

/* Every key of a source exists, and may be used with its address. */
static bool check_keys(const struct setup *setup, const char *config_path,
                       const struct setup_listener *listener)
{
    bool ok = true;
    for (size_t i = 0; i < setup->config.sources.count; i++) {
        const struct config_source *source = &setup->config.sources.items[i];
        const struct key *key = keyring_find(&setup->keyring, source->key_id);
        struct address address;
        if (source->key_id == 0) {
            continue;
        }
        if (key == NULL) {
            setup_complain(listener, "%s:%lu: [source %s] key: there is no key %" PRIu32 " in '%s'",
                           config_path, source->key_line, source->name, source->key_id,
                           setup->config.keys.file);
            ok = false;
        } else if (address_parse(source->host, source->port, &address) &&
                   !key_is_allowed(key, &address)) {
            setup_complain(listener,
                           "%s:%lu: [source %s] key: key %" PRIu32
                           " is not for '%s', as its line in "
                           "'%s' says",
                           config_path, source->key_line, source->name, source->key_id,
                           source->host, setup->config.keys.file);
            ok = false;
        }
    }
    return ok;
}

static bool load_mesh(struct setup *setup, const struct setup_listener *listener)
{
    return credentials_load(&setup->config.mesh, listener, &setup->credentials) &&
           roster_build(&setup->config.mesh, &setup->credentials, listener, &setup->roster);
}

/* Without its list the sources still announce a leap second: what is wrong with it is a warning. */
static void load_leaps(struct setup *setup, const char *config_path)
{
    const char *path = setup->config.clock.leap_list;
    unsigned long line = setup->config.clock.leap_list_line;
    char error[LEAP_ERROR_MAX];
    char *text;
    if (path[0] == '\0') {
        return;
    }
    int status = files_read_text(path, FILE_SIZE_MAX, &text);
    if (status != 0) {
        if (line > 0) {
            log_message(LOG_LEVEL_WARNING,
                        "%s:%lu: [clock] leap-list: can't read '%s': %s; %s; going on without it",
                        config_path, line, path, strerror(-status), setup_advice(-status));
        }
        return;
    }
    if (!leap_table_parse(text, &setup->leaps, error)) {
        setup->leaps.count = 0;
        log_message(LOG_LEVEL_WARNING, "%s: %s; going on without the list of leap seconds", path,
                    error);
    }
    free(text);
}

/* A virtual clock's rate has a fault that the next start must not begin with. */
static void choose_state_dir(struct setup *setup)
{
    const char *path = setup->config.clock.state_dir;
    if (path[0] == '\0' && setup->config.clock.control != CONTROL_VIRTUAL &&
        access(SETUP_STATE_DIR, W_OK | X_OK) == 0) {
        path = SETUP_STATE_DIR;
    }
    memcpy(setup->state_dir, path, strlen(path) + 1);
}

static struct access *build_access(const struct config_access *rules,
                                   const struct setup_listener *listener)
{
    struct access *access = access_create(rules->default_allow);
    for (size_t i = 0; access != NULL && i < rules->count; i++) {
        if (!access_add(access, &rules->items[i].prefix, rules->items[i].allow)) {
            setup_complain(listener, "too many allow and deny rules: at most %d are accepted",
                           ACCESS_RULES_MAX);
            access_destroy(access);
            return NULL;
        }
    }
    return access;
}

struct setup *setup_load(const char *path, void (*complain_to)(void *context, const char *sentence),
                         void *context)
{
    struct setup_listener listener = {.complain = complain_to, .context = context, .path = path};
    struct setup *setup = calloc(1, sizeof(*setup));
    if (setup == NULL) {
        setup_complain(&listener, "out of memory while reading the configuration");
        return NULL;
    }
    if (!load_config(setup, path, &listener)) {
        free(setup);
        return NULL;
    }
    if (load_keys(setup, path, &listener) && check_keys(setup, path, &listener) &&
        load_mesh(setup, &listener)) {
        load_leaps(setup, path);
        choose_state_dir(setup);
        setup->access = build_access(&setup->config.server.access, &listener);
        setup->chronyc_access = build_access(&setup->config.control.chronyc_access, &listener);
        if (setup->access != NULL && setup->chronyc_access != NULL) {
            setup_warn(setup, path != NULL ? path : "embedded default");
            return setup;
        }
    }
    setup_destroy(setup);
    return NULL;
}

bool setup_is_same_node(const struct setup *before, const struct setup *after)
{
    const struct identity *old = before->credentials.identity;
    const struct identity *new = after->credentials.identity;
    if (old == NULL || new == NULL) {
        return old == new;
    }
    return memcmp(identity_public_key(old), identity_public_key(new), sizeof(struct public_key)) ==
           0;
}

void setup_inherit(struct setup *before, struct setup *after)
{
    struct identity *fresh = after->credentials.identity;
    after->credentials.identity = before->credentials.identity;
    before->credentials.identity = fresh;
}

void setup_destroy(struct setup *setup)
{
    if (setup == NULL) {
        return;
    }
    if (setup->access != NULL) {
        access_destroy(setup->access);
    }
    if (setup->chronyc_access != NULL) {
        access_destroy(setup->chronyc_access);
    }
    roster_clear(&setup->roster);
    credentials_clear(&setup->credentials);
    keyring_clear(&setup->keyring);
    config_clear(&setup->config);
    free(setup);
}
