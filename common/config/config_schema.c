/* SPDX-License-Identifier: MIT */
/* The keys of the sections that have no file of their own: their names, what they accept, and where
 * each goes. */
#include "common/config/config_reading.h"
#include <string.h>

#define RATE_INTERVAL_NS_MIN NS_PER_MS
#define RATE_INTERVAL_NS_MAX (4096 * NS_PER_S)
#define RATE_COUNT_MAX 255
#define CLIENTS_MIN 64
#define CLIENTS_MAX 16777216
#define STRATUM_MAX 15
#define SOCKET_PATH_ROOM 108 /* what a Unix socket's address holds */
#define FAULTS_MAX 31        /* what 64 sources can outvote */
#define DISTANCE_NS_MIN NS_PER_US
#define DISTANCE_NS_MAX (1000 * NS_PER_S)
#define VOID_NS_MAX (8760 * (3600 * NS_PER_S))

static enum config_verdict take_listen(struct config_draft *draft, const char *item)
{
    return config_take_address(item, CONFIG_PORT_DEFAULT, &draft->config.server.listen);
}

static enum config_verdict take_workers(struct config_draft *draft, const char *item)
{
    int64_t workers = CONFIG_WORKERS_AUTO;
    enum config_verdict verdict = CONFIG_TAKEN;
    if (strcmp(item, "auto") != 0) {
        verdict = config_take_integer(item, 0, CONFIG_WORKERS_MAX, &workers);
    }
    draft->config.server.workers = (int)workers;
    return verdict;
}

static enum config_verdict take_allow(struct config_draft *draft, const char *item)
{
    draft->config.server.access.default_allow = false;
    return config_take_prefix(item, true, &draft->config.server.access);
}

static enum config_verdict take_deny(struct config_draft *draft, const char *item)
{
    return config_take_prefix(item, false, &draft->config.server.access);
}

static enum config_verdict take_rate_limit(struct config_draft *draft, const char *item)
{
    static const char *const words[] = {"off", "on", NULL};
    int choice = 0;
    enum config_verdict verdict = config_take_choice(item, words, &choice);
    draft->config.server.rate_limit = choice == 1;
    return verdict;
}

static enum config_verdict take_rate_interval(struct config_draft *draft, const char *item)
{
    return config_take_duration(item, RATE_INTERVAL_NS_MIN, RATE_INTERVAL_NS_MAX,
                                &draft->config.server.rate_interval_ns);
}

static enum config_verdict take_rate_burst(struct config_draft *draft, const char *item)
{
    int64_t burst = 1;
    enum config_verdict verdict = config_take_integer(item, 1, RATE_COUNT_MAX, &burst);
    draft->config.server.rate_burst = (unsigned)burst;
    return verdict;
}

static enum config_verdict take_rate_leak(struct config_draft *draft, const char *item)
{
    int64_t leak = 0;
    enum config_verdict verdict = config_take_integer(item, 0, RATE_COUNT_MAX, &leak);
    draft->config.server.rate_leak = (unsigned)leak;
    /* One in one would be no limit at all. */
    return leak == 1 ? CONFIG_UNREADABLE : verdict;
}

static enum config_verdict take_rate_kod(struct config_draft *draft, const char *item)
{
    int64_t kod = 0;
    enum config_verdict verdict = config_take_integer(item, 0, RATE_COUNT_MAX, &kod);
    draft->config.server.rate_kod = (unsigned)kod;
    return verdict;
}

static enum config_verdict take_clients_max(struct config_draft *draft, const char *item)
{
    int64_t clients = 0;
    enum config_verdict verdict = config_take_integer(item, CLIENTS_MIN, CLIENTS_MAX, &clients);
    draft->config.server.clients_max = (size_t)clients;
    return verdict;
}

static enum config_verdict take_local_stratum(struct config_draft *draft, const char *item)
{
    int64_t stratum = 0;
    enum config_verdict verdict = CONFIG_TAKEN;
    if (strcmp(item, "off") != 0) {
        verdict = config_take_integer(item, 1, STRATUM_MAX, &stratum);
    }
    draft->config.server.local_stratum = (unsigned)stratum;
    return verdict;
}

static enum config_verdict take_orphan(struct config_draft *draft, const char *item)
{
    return config_take_flag(item, &draft->config.server.is_orphan);
}

static enum config_verdict take_user(struct config_draft *draft, const char *item)
{
    return config_take_name(item, CONFIG_USER_MAX, draft->config.server.user);
}

static enum config_verdict take_keys_file(struct config_draft *draft, const char *item)
{
    return config_take_path(item, CONFIG_PATH_MAX, draft->config.keys.file);
}

static enum config_verdict take_chronyc(struct config_draft *draft, const char *item)
{
    struct config_addresses *addresses = &draft->config.control.chronyc;
    bool is_off = strcmp(item, "off") == 0;
    if (is_off ? addresses->count > 0 : draft->chronyc_is_off) {
        return CONFIG_OFF_MIXED;
    }
    draft->chronyc_is_off = is_off;
    return is_off ? CONFIG_TAKEN
                  : config_take_address(item, CONFIG_CHRONYC_PORT_DEFAULT, addresses);
}

static enum config_verdict take_socket(struct config_draft *draft, const char *item)
{
    char *socket = draft->config.control.socket;
    draft->config.control.socket_is_auto = strcmp(item, "auto") == 0;
    if (draft->config.control.socket_is_auto || strcmp(item, "off") == 0) {
        return CONFIG_TAKEN;
    }
    return config_take_path(item, SOCKET_PATH_ROOM, socket);
}

static enum config_verdict take_group(struct config_draft *draft, const char *item)
{
    return config_take_name(item, CONFIG_USER_MAX, draft->config.control.group);
}

static enum config_verdict take_chronyc_socket(struct config_draft *draft, const char *item)
{
    return config_take_path(item, SOCKET_PATH_ROOM, draft->config.control.chronyc_socket);
}

static enum config_verdict take_chronyc_allow(struct config_draft *draft, const char *item)
{
    return config_take_prefix(item, true, &draft->config.control.chronyc_access);
}

static enum config_verdict take_log_target(struct config_draft *draft, const char *item)
{
    static const char *const words[] = {"stderr", "syslog", NULL};
    int choice = 0;
    enum config_verdict verdict = config_take_choice(item, words, &choice);
    draft->config.log.target = (enum config_log)choice;
    return verdict;
}

static enum config_verdict take_log_level(struct config_draft *draft, const char *item)
{
    static const char *const words[] = {"error", "warning", "notice", "info", "debug", NULL};
    int choice = 0;
    enum config_verdict verdict = config_take_choice(item, words, &choice);
    draft->config.log.level = (enum config_log_level)choice;
    return verdict;
}

static enum config_verdict take_tracking(struct config_draft *draft, const char *item)
{
    return config_take_path(item, CONFIG_PATH_MAX, draft->config.log.tracking);
}

static enum config_verdict take_measurements(struct config_draft *draft, const char *item)
{
    return config_take_path(item, CONFIG_PATH_MAX, draft->config.log.measurements);
}

static enum config_verdict take_faults(struct config_draft *draft, const char *item)
{
    int64_t faults = CONFIG_FAULTS_AUTO;
    enum config_verdict verdict = CONFIG_TAKEN;
    if (strcmp(item, "auto") != 0) {
        verdict = config_take_integer(item, 0, FAULTS_MAX, &faults);
    }
    draft->config.selection.faults = (int)faults;
    return verdict;
}

static enum config_verdict take_min_sources(struct config_draft *draft, const char *item)
{
    int64_t sources = 1;
    enum config_verdict verdict = config_take_integer(item, 1, CONFIG_SOURCES_MAX, &sources);
    draft->config.selection.min_sources = (unsigned)sources;
    return verdict;
}

static enum config_verdict take_max_distance(struct config_draft *draft, const char *item)
{
    return config_take_duration(item, DISTANCE_NS_MIN, DISTANCE_NS_MAX,
                                &draft->config.selection.max_distance_ns);
}

static enum config_verdict take_void_after(struct config_draft *draft, const char *item)
{
    return config_take_duration(item, NS_PER_S, VOID_NS_MAX,
                                &draft->config.selection.void_after_ns);
}

#define YES_OR_NO "yes or no"
#define PREFIXES                                                                                   \
    "all, addresses and prefixes such as 192.0.2.0/24 or 2001:db8::/32, with zero bits behind "    \
    "the "                                                                                         \
    "prefix"

static const struct config_key selection_keys[] = {
    {.name = "faults",
     .accepted = "auto (the largest minority), or a number from 0 to 31",
     .take = take_faults},
    {.name = "min-sources", .accepted = "a number from 1 to 64", .take = take_min_sources},
    {.name = "max-distance",
     .accepted = "a duration with its unit, from 1 us to 1000 s",
     .take = take_max_distance},
    {.name = "void-after",
     .accepted = "a duration with its unit, from 1 s to 8760 h",
     .take = take_void_after},
};
_Static_assert(sizeof selection_keys / sizeof selection_keys[0] <= CONFIG_KEYS_MAX,
               "too many keys");

static const struct config_key server_keys[] = {
    {.name = "listen",
     .accepted = "addresses of this machine such as 192.0.2.1, 192.0.2.1:123, [2001:db8::1]:123 or "
                 "[fe80::1%2]:123, no groups",
     .take = take_listen,
     .is_list = true},
    {.name = "workers",
     .accepted = "auto (one for each processor), or a number from 0 to 64",
     .take = take_workers},
    {.name = "allow", .accepted = PREFIXES, .take = take_allow, .is_list = true},
    {.name = "deny", .accepted = PREFIXES, .take = take_deny, .is_list = true},
    {.name = "rate-limit", .accepted = "off or on", .take = take_rate_limit},
    {.name = "rate-interval",
     .accepted = "a duration with its unit, from 1 ms to 4096 s",
     .take = take_rate_interval},
    {.name = "rate-burst", .accepted = "a number from 1 to 255", .take = take_rate_burst},
    {.name = "rate-leak",
     .accepted = "a number from 2 to 255, or 0 for never",
     .take = take_rate_leak},
    {.name = "rate-kod",
     .accepted = "a number from 1 to 255, or 0 for never",
     .take = take_rate_kod},
    {.name = "clients-max", .accepted = "a number from 64 to 16777216", .take = take_clients_max},
    {.name = "local-stratum",
     .accepted = "off, or a number from 1 to 15",
     .take = take_local_stratum},
    {.name = "orphan", .accepted = YES_OR_NO, .take = take_orphan},
    {.name = "user",
     .accepted = "the name of a user, up to 63 characters without spaces",
     .take = take_user},
};
_Static_assert(sizeof server_keys / sizeof server_keys[0] <= CONFIG_KEYS_MAX, "too many keys");

static const struct config_key keys_keys[] = {
    {.name = "file",
     .accepted = "an absolute path such as /etc/chimed.keys",
     .take = take_keys_file},
};
_Static_assert(sizeof keys_keys / sizeof keys_keys[0] <= CONFIG_KEYS_MAX, "too many keys");

static const struct config_key control_keys[] = {
    {.name = "socket",
     .accepted =
         "auto, off, or an absolute path of up to 107 characters, such as /run/chimed/chimed.sock",
     .take = take_socket},
    {.name = "group",
     .accepted = "the name of a group, up to 63 characters without spaces",
     .take = take_group},
    {.name = "chronyc",
     .accepted = "off, or addresses such as 127.0.0.1:323 or [::1]:323",
     .take = take_chronyc,
     .is_list = true},
    {.name = "chronyc-socket",
     .accepted = "an absolute path of up to 107 characters, such as /run/chimed/chronyc.sock",
     .take = take_chronyc_socket},
    {.name = "chronyc-allow", .accepted = PREFIXES, .take = take_chronyc_allow, .is_list = true},
};
_Static_assert(sizeof control_keys / sizeof control_keys[0] <= CONFIG_KEYS_MAX, "too many keys");

static const struct config_key log_keys[] = {
    {.name = "target", .accepted = "stderr or syslog", .take = take_log_target},
    {.name = "level", .accepted = "error, warning, notice, info or debug", .take = take_log_level},
    {.name = "tracking",
     .accepted = "an absolute path such as /var/log/chimed/tracking.csv",
     .take = take_tracking},
    {.name = "measurements",
     .accepted = "an absolute path such as /var/log/chimed/measurements.csv",
     .take = take_measurements},
};
_Static_assert(sizeof log_keys / sizeof log_keys[0] <= CONFIG_KEYS_MAX, "too many keys");

const struct config_section config_section_selection = {.name = "selection",
                                                        .keys = selection_keys,
                                                        .count = sizeof selection_keys /
                                                                 sizeof selection_keys[0]};
const struct config_section config_section_server = {
    .name = "server", .keys = server_keys, .count = sizeof server_keys / sizeof server_keys[0]};
const struct config_section config_section_keys = {
    .name = "keys", .keys = keys_keys, .count = sizeof keys_keys / sizeof keys_keys[0]};
const struct config_section config_section_control = {
    .name = "control", .keys = control_keys, .count = sizeof control_keys / sizeof control_keys[0]};
const struct config_section config_section_log = {
    .name = "log", .keys = log_keys, .count = sizeof log_keys / sizeof log_keys[0]};
