/* SPDX-License-Identifier: MIT */
/* The keys: their names, what they accept, and where each goes. */
#include "common/base/instant.h"
#include "common/config/config_value.h"
#include <string.h>

#define VIRTUAL_OFFSET_NS_MAX (1000000 * (3600 * NS_PER_S))
#define VIRTUAL_RATE_PPM_MAX 100000.0
#define VIRTUAL_WANDER_PPM_MAX 1000.0
#define RATE_INTERVAL_NS_MIN NS_PER_MS
#define RATE_INTERVAL_NS_MAX (4096 * NS_PER_S)
#define RATE_COUNT_MAX 255
#define CLIENTS_MIN 64
#define CLIENTS_MAX 16777216
#define STRATUM_MAX 15
#define SOCKET_PATH_ROOM 108 /* what a Unix socket's address holds */

static enum config_verdict take_control(struct config_draft *draft, const char *item)
{
    static const char *const words[] = {"auto", "system", "shadow", "virtual", NULL};
    /* A misspelt word counts as virtual here, so that the keys for it draw no complaint besides. */
    int choice = CONTROL_VIRTUAL;
    enum config_verdict verdict = config_take_choice(item, words, &choice);
    draft->config.clock.control = (enum config_control)choice;
    return verdict;
}

static enum config_verdict take_virtual_offset(struct config_draft *draft, const char *item)
{
    return config_take_duration(item, -VIRTUAL_OFFSET_NS_MAX, VIRTUAL_OFFSET_NS_MAX,
                                &draft->config.clock.virtual_offset_ns);
}

static enum config_verdict take_virtual_rate(struct config_draft *draft, const char *item)
{
    return config_take_rate(item, -VIRTUAL_RATE_PPM_MAX, VIRTUAL_RATE_PPM_MAX,
                            &draft->config.clock.virtual_rate_ppm);
}

static enum config_verdict take_virtual_wander(struct config_draft *draft, const char *item)
{
    double ppm = 0;
    enum config_verdict verdict = config_take_rate(item, 0, VIRTUAL_WANDER_PPM_MAX, &ppm);
    draft->config.clock.virtual_wander_ppb = ppm * 1000;
    return verdict;
}

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

#define PREFIXES                                                                                   \
    "all, addresses and prefixes such as 192.0.2.0/24 or 2001:db8::/32, with zero bits behind "    \
    "the "                                                                                         \
    "prefix"

const struct config_key config_keys[] = {
    {.section = "clock",
     .name = "control",
     .accepted = "auto, system, shadow or virtual",
     .take = take_control},
    {.section = "clock",
     .name = "virtual-offset",
     .accepted = "a duration with its unit such as 80 ms or -1.5 s, up to 1000000 h either way",
     .take = take_virtual_offset,
     .is_virtual = true},
    {.section = "clock",
     .name = "virtual-rate",
     .accepted = "a rate with its unit such as 20 ppm or -500 ppb, up to 100000 ppm either way",
     .take = take_virtual_rate,
     .is_virtual = true},
    {.section = "clock",
     .name = "virtual-wander",
     .accepted = "a rate with its unit such as 1 ppb, up to 1000 ppm, not negative",
     .take = take_virtual_wander,
     .is_virtual = true},
    {.section = "server",
     .name = "listen",
     .accepted = "addresses of this machine such as 192.0.2.1, 192.0.2.1:123, [2001:db8::1]:123 or "
                 "[fe80::1%2]:123, no groups",
     .take = take_listen,
     .is_list = true},
    {.section = "server",
     .name = "workers",
     .accepted = "auto (one for each processor), or a number from 0 to 64",
     .take = take_workers},
    {.section = "server",
     .name = "allow",
     .accepted = PREFIXES,
     .take = take_allow,
     .is_list = true},
    {.section = "server", .name = "deny", .accepted = PREFIXES, .take = take_deny, .is_list = true},
    {.section = "server", .name = "rate-limit", .accepted = "off or on", .take = take_rate_limit},
    {.section = "server",
     .name = "rate-interval",
     .accepted = "a duration with its unit, from 1 ms to 4096 s",
     .take = take_rate_interval},
    {.section = "server",
     .name = "rate-burst",
     .accepted = "a number from 1 to 255",
     .take = take_rate_burst},
    {.section = "server",
     .name = "rate-leak",
     .accepted = "a number from 2 to 255, or 0 for never",
     .take = take_rate_leak},
    {.section = "server",
     .name = "rate-kod",
     .accepted = "a number from 1 to 255, or 0 for never",
     .take = take_rate_kod},
    {.section = "server",
     .name = "clients-max",
     .accepted = "a number from 64 to 16777216",
     .take = take_clients_max},
    {.section = "server",
     .name = "local-stratum",
     .accepted = "off, or a number from 1 to 15",
     .take = take_local_stratum},
    {.section = "server",
     .name = "user",
     .accepted = "the name of a user, up to 63 characters without spaces",
     .take = take_user},
    {.section = "keys",
     .name = "file",
     .accepted = "an absolute path such as /etc/chimed/chimed.keys",
     .take = take_keys_file},
    {.section = "control",
     .name = "chronyc",
     .accepted = "off, or addresses such as 127.0.0.1:323 or [::1]:323",
     .take = take_chronyc,
     .is_list = true},
    {.section = "control",
     .name = "chronyc-socket",
     .accepted = "an absolute path of up to 107 characters, such as /run/chimed/chronyc.sock",
     .take = take_chronyc_socket},
    {.section = "control",
     .name = "chronyc-allow",
     .accepted = PREFIXES,
     .take = take_chronyc_allow,
     .is_list = true},
    {.section = "log", .name = "target", .accepted = "stderr or syslog", .take = take_log_target},
    {.section = "log",
     .name = "level",
     .accepted = "error, warning, notice, info or debug",
     .take = take_log_level},
};

const size_t config_keys_count = sizeof config_keys / sizeof config_keys[0];
_Static_assert(sizeof config_keys / sizeof config_keys[0] <= CONFIG_KEYS_MAX, "too many keys");

void config_draft_init(struct config_draft *draft)
{
    *draft = (struct config_draft){0};
    struct config *config = &draft->config;
    config->server.workers = CONFIG_WORKERS_AUTO;
    config->server.access.default_allow = true;
    config->server.rate_interval_ns = NS_PER_S;
    config->server.rate_burst = 16;
    config->server.rate_leak = 4;
    config->server.rate_kod = 4;
    config->server.clients_max = 131072;
    config->log.level = CONFIG_LOG_NOTICE;
}

void config_draft_finish(struct config_draft *draft)
{
    struct config *config = &draft->config;
    if (config->server.listen.count == 0) {
        config->server.listen = (struct config_addresses){
            .count = 2,
            .items = {{.family = ADDRESS_IPV4, .port = CONFIG_PORT_DEFAULT},
                      {.family = ADDRESS_IPV6, .port = CONFIG_PORT_DEFAULT}},
        };
    }
}

static const char default_text[] =
    "# chimed's embedded default: serves on a high port and needs no root. A file given\n"
    "# with --config replaces all of it; a key behind a # shows what holds without it.\n"
    "# Lists are separated by white space or commas; a key that takes a list may repeat.\n"
    "\n"
    "[clock]\n"
    "# auto, system (read only so far), shadow (leave the kernel's clock alone), or virtual:\n"
    "# shadow with a fault built in, for demonstrations. Without this key: auto.\n"
    "control = shadow\n"
    "# The fault, with control = virtual only.\n"
    "# virtual-offset = 0\n"
    "# virtual-rate = 0\n"
    "# virtual-wander = 0\n"
    "\n"
    "[server]\n"
    "# Addresses to answer on; the port is 123 where none is given. Without this key:\n"
    "# 0.0.0.0:123 [::]:123.\n"
    "listen = 0.0.0.0:11123 [::]:11123\n"
    "# auto (one for each processor), or 0 to 64; with 0 the main loop answers.\n"
    "workers = auto\n"
    "# Who may ask: \"all\", or prefixes such as 192.0.2.0/24; the longest match wins.\n"
    "# With any allow, who matches nothing is refused; else everybody may ask.\n"
    "# allow = all\n"
    "# deny = 203.0.113.0/24\n"
    "# How often one address (or one IPv6 /64) may ask: one answer per interval, and a\n"
    "# burst that may be saved up. Beyond that one request in leak is answered all the\n"
    "# same, and one in kod of the rest gets a kiss of death RATE; 0 means never.\n"
    "# rate-limit = off\n"
    "# rate-interval = 1 s\n"
    "# rate-burst = 16\n"
    "# rate-leak = 4\n"
    "# rate-kod = 4\n"
    "# How many clients are remembered.\n"
    "# clients-max = 131072\n"
    "# Serve the local clock at this stratum, 1 to 15, while there is no source.\n"
    "# Without this key: off.\n"
    "local-stratum = 10\n"
    "# The user to become once the sockets are open. Without this key the user stays.\n"
    "# user = chimed\n"
    "\n"
    "[keys]\n"
    "# Symmetric keys, in the format of ntp or chrony; an absolute path.\n"
    "# file = /etc/chimed/chimed.keys\n"
    "\n"
    "[control]\n"
    "# Where stock chronyc is answered: off, or addresses; the port is 323 where none\n"
    "# is given. Only loopback is heard, and whom chronyc-allow names. Without this\n"
    "# key: off.\n"
    "chronyc = 127.0.0.1:11323 [::1]:11323\n"
    "# chronyc-allow = 192.0.2.0/24\n"
    "# chronyc-socket = /run/chimed/chronyc.sock\n"
    "\n"
    "[log]\n"
    "# stderr or syslog.\n"
    "# target = stderr\n"
    "# error, warning, notice, info or debug.\n"
    "# level = notice\n";

const char *config_default_text(void)
{
    return default_text;
}
