/* SPDX-License-Identifier: MIT */
/* config.h - the configuration: INI text to a checked struct. Every complaint says file, line, what
 * was found and what is accepted; an unknown section or key is a mistake, answered with the nearest
 * known name. Pure: the caller reads the file. Not thread-safe while one is being read. */
#ifndef COMMON_CONFIG_CONFIG_H
#define COMMON_CONFIG_CONFIG_H
#include "common/base/address.h"

#define CONFIG_LISTEN_MAX 16
#define CONFIG_PREFIXES_MAX 1024
#define CONFIG_PATH_MAX 4096
#define CONFIG_USER_MAX 64
#define CONFIG_WORKERS_AUTO (-1)
#define CONFIG_WORKERS_MAX 64
#define CONFIG_PORT_DEFAULT 123
#define CONFIG_CHRONYC_PORT_DEFAULT 323

enum config_control { CONTROL_AUTO, CONTROL_SYSTEM, CONTROL_SHADOW, CONTROL_VIRTUAL };
enum config_log { CONFIG_LOG_STDERR, CONFIG_LOG_SYSLOG };
enum config_log_level {
    CONFIG_LOG_ERROR,
    CONFIG_LOG_WARNING,
    CONFIG_LOG_NOTICE,
    CONFIG_LOG_INFO,
    CONFIG_LOG_DEBUG
};

struct config_addresses {
    size_t count;
    struct address items[CONFIG_LISTEN_MAX];
};

struct config_prefix {
    struct prefix prefix;
    bool allow;
};

struct config_access {
    bool default_allow; /* true until an allow is given */
    size_t count;
    struct config_prefix *items; /* in the order of the text; config_clear() frees */
};

struct config {
    struct { /* [clock] */
        enum config_control control;
        int64_t virtual_offset_ns; /* control = virtual: added at the start */
        double virtual_rate_ppm;   /* gained on the oscillator */
        double virtual_wander_ppb; /* random walk of the rate, per square root of a second */
    } clock;
    struct { /* [server] */
        struct config_addresses listen;
        int workers; /* CONFIG_WORKERS_AUTO, or 0 to CONFIG_WORKERS_MAX */
        struct config_access access;
        bool rate_limit;
        int64_t rate_interval_ns;
        unsigned rate_burst, rate_leak, rate_kod;
        size_t clients_max;
        unsigned local_stratum;     /* 0: off */
        char user[CONFIG_USER_MAX]; /* empty: keep the user */
        unsigned long user_line;    /* where it stands, for complaints; 0: nowhere */
    } server;
    struct {                        /* [keys] */
        char file[CONFIG_PATH_MAX]; /* empty: no keys */
        unsigned long file_line;    /* as user_line */
    } keys;
    struct { /* [control] */
        struct config_addresses chronyc;
        char chronyc_socket[CONFIG_PATH_MAX];
        struct config_access chronyc_access; /* beyond loopback, which is always allowed */
    } control;
    struct { /* [log] */
        enum config_log target;
        enum config_log_level level;
    } log;
};

/* Reads text (NUL-terminated); name stands for it in complaints ("chimed.conf"). complain is called
 * for each mistake with one whole sentence, without a newline. False if there was at least one;
 * *config is then cleared. */
bool config_parse(const char *text, const char *name, struct config *config,
                  void (*complain)(void *context, const char *sentence), void *context) MUST_CHECK;
void config_clear(struct config *config);

/* What chimed uses without a file: an INI text that serves on a high port and needs no root.
 * Constant. */
const char *config_default_text(void);
#endif
