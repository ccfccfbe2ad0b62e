/* SPDX-License-Identifier: MIT */
/* config.h - the configuration: INI text to a checked struct. Every complaint says file, line, what
 * was found and what is accepted; an unknown section or key is a mistake, answered with the nearest
 * known name. Pure: the caller reads the file. Not thread-safe while one is being read. */
#ifndef COMMON_CONFIG_CONFIG_H
#define COMMON_CONFIG_CONFIG_H
#include "common/base/action.h"
#include "common/base/status.h"

#define CONFIG_SOURCES_MAX STATUS_SOURCES_MAX
#define CONFIG_NAME_MAX EVENT_NAME_MAX /* of a source, and the final zero */
#define CONFIG_POOL_MAX EVENT_ADDRESSES_MAX
#define CONFIG_FAULTS_AUTO (-1)
#define CONFIG_LEAP_LIST_DEFAULT "/usr/share/zoneinfo/leap-seconds.list"
#define CONFIG_LISTEN_MAX 16
#define CONFIG_PREFIXES_MAX 1024
#define CONFIG_PATH_MAX 4096
#define CONFIG_USER_MAX 64
#define CONFIG_WORKERS_AUTO (-1)
#define CONFIG_WORKERS_MAX 64
#define CONFIG_PORT_DEFAULT 123
#define CONFIG_CHRONYC_PORT_DEFAULT 323
#define CONFIG_MEMBERS_MAX 256
#define CONFIG_HOSTS_MAX 8
#define CONFIG_WORD_MAX 32 /* a failure domain or the name of a mesh, and the final zero */
#define CONFIG_KEY_SIZE 32 /* of an Ed25519 public key */
#define CONFIG_VIEW_MAX 16
#define CONFIG_FAULTS_MAX 7 /* what a view can outvote */

enum config_control { CONTROL_AUTO, CONTROL_SYSTEM, CONTROL_SHADOW, CONTROL_VIRTUAL };
enum config_drift { CONFIG_DRIFT_NORMAL, CONFIG_DRIFT_STRICT, CONFIG_DRIFT_LEARNED };
enum config_leap { CONFIG_LEAP_KERNEL, CONFIG_LEAP_SMEAR, CONFIG_LEAP_IGNORE };
enum config_filter { CONFIG_FILTER_BANK, CONFIG_FILTER_NTP, CONFIG_FILTER_REGRESSION };
enum config_algorithm { CONFIG_AGREEMENT, CONFIG_BERKELEY };
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

/* A [source NAME]; its fields are those of client/sync/source.h. */
struct config_source {
    char name[CONFIG_NAME_MAX];
    unsigned long line; /* of its section, for complaints */
    char host[ACTION_HOST_MAX];
    uint16_t port;
    uint8_t family; /* enum address_family; ADDRESS_NONE: any */
    enum source_kind kind;
    unsigned pool_size;
    uint32_t key_id; /* 0: none */
    unsigned long key_line;
    int8_t poll_min, poll_max; /* log2 s */
    bool is_iburst, is_burst, is_interleaved;
    bool is_prefer, is_noselect, is_trust, is_require, is_offline;
    uint8_t version;
    uint8_t dscp;
    int64_t offset_ns;
    int64_t max_delay_ns;
    double max_delay_ratio; /* 0: off */
    unsigned min_samples;
    struct address local;           /* to bind to; family NONE: any */
    struct address group;           /* to join; family NONE: none */
    char device[ACTION_DEVICE_MAX]; /* to bind to; empty: any */
    enum config_filter filter;
};

struct config_sources {
    size_t count;
    struct config_source items[CONFIG_SOURCES_MAX]; /* in the order of the text */
};

/* A file by its absolute path; empty: none. The line is where it stands, for complaints; 0:
 * nowhere.
 */
struct config_file {
    char path[CONFIG_PATH_MAX];
    unsigned long line;
};

struct config_host {
    char host[ACTION_HOST_MAX]; /* name or address; empty: none */
    uint16_t port;
};

struct config_hosts {
    size_t count;
    struct config_host items[CONFIG_HOSTS_MAX];
};

struct config_names {
    size_t count;
    char items[CONFIG_HOSTS_MAX][ACTION_HOST_MAX];
};

/* A [member NAME]. */
struct config_member {
    char name[CONFIG_NAME_MAX];
    unsigned long line, key_line; /* for complaints */
    struct config_host address;
    uint8_t public_key[CONFIG_KEY_SIZE];
    char domain[CONFIG_WORD_MAX]; /* empty: not given */
    uint16_t epoch;               /* the lowest key epoch that is accepted */
};

struct config_members {
    size_t count;
    struct config_member *items; /* in the order of the text; config_clear() frees */
};

/* [mesh]. Without an identity there is none, and nothing here means anything. */
struct config_mesh {
    struct config_file identity;
    int faults; /* CONFIG_FAULTS_AUTO: the largest minority; or f */
    unsigned long faults_line;
    enum config_algorithm algorithm;
    int64_t interval_ns;       /* between two rounds of algorithm = berkeley */
    int64_t gamma_ns;          /* who is off by more is left out of its mean */
    int8_t poll_min, poll_max; /* log2 s */
    int64_t max_offset_ns;     /* of the logical clock */
    unsigned long max_offset_line;
    unsigned payload; /* octets of fields in a packet: 1000 or 1232 */
    unsigned view;    /* members that are asked, 4 to CONFIG_VIEW_MAX */
    struct config_file group_key;
    bool has_ca;
    uint8_t ca[CONFIG_KEY_SIZE];
    unsigned long ca_line;
    struct config_file certificate;
    struct config_file membership;
    struct config_hosts join;
    struct config_names srv; /* discover = srv:NAME */
    bool is_mdns;            /* discover = mdns */
    struct config_host address;
    char domain[CONFIG_WORD_MAX]; /* empty: not given */
    char name[CONFIG_WORD_MAX];   /* of the mesh */
    struct config_members members;
};

struct config {
    struct { /* [clock] */
        enum config_control control;
        int64_t virtual_offset_ns;       /* control = virtual: added at the start */
        double virtual_rate_ppm;         /* gained on the oscillator */
        double virtual_wander_ppb;       /* random walk of the rate, per square root of a second */
        char state_dir[CONFIG_PATH_MAX]; /* empty: not given */
        unsigned long state_dir_line;    /* where it stands, for complaints; 0: nowhere */
        int64_t step_ns;                 /* 0: off, never step */
        unsigned step_updates;
        int64_t panic_ns; /* 0: off */
        double slew_max_ppm;
        enum config_drift drift_class;
        double drift_start_ppm;
        enum config_leap leap;
        int64_t leap_window_ns;
        char leap_list[CONFIG_PATH_MAX]; /* empty: off */
        unsigned long leap_list_line;    /* 0: not given, and need not be there */
        bool hardware_timestamps;        /* where the network card has them */
    } clock;
    struct {        /* [selection] */
        int faults; /* CONFIG_FAULTS_AUTO, or f */
        unsigned min_sources;
        int64_t max_distance_ns;
        int64_t void_after_ns;
    } selection;
    struct config_sources sources;
    struct { /* [server] */
        struct config_addresses listen;
        int workers; /* CONFIG_WORKERS_AUTO, or 0 to CONFIG_WORKERS_MAX */
        struct config_access access;
        bool rate_limit;
        int64_t rate_interval_ns;
        unsigned rate_burst, rate_leak, rate_kod;
        size_t clients_max;
        unsigned local_stratum; /* 0: off */
        bool is_orphan;
        char user[CONFIG_USER_MAX]; /* empty: keep the user */
        unsigned long user_line;    /* as state_dir_line */
    } server;
    struct config_mesh mesh;
    struct {                        /* [keys] */
        char file[CONFIG_PATH_MAX]; /* empty: no keys */
        unsigned long file_line;    /* as state_dir_line */
    } keys;
    struct {                          /* [control] */
        bool socket_is_auto;          /* the daemon chooses where; socket is empty */
        char socket[CONFIG_PATH_MAX]; /* for operators' programs; empty, and not auto: off */
        char group[CONFIG_USER_MAX];  /* who may connect to it; empty: its owner's */
        unsigned long group_line;     /* as state_dir_line */
        struct config_addresses chronyc;
        char chronyc_socket[CONFIG_PATH_MAX];
        struct config_access chronyc_access; /* beyond loopback, which is always allowed */
    } control;
    struct { /* [log] */
        enum config_log target;
        enum config_log_level level;
        char tracking[CONFIG_PATH_MAX];     /* empty: none */
        char measurements[CONFIG_PATH_MAX]; /* empty: none */
    } log;
};

/* Reads text (NUL-terminated); name stands for it in complaints ("chimed.conf"). complain is called
 * for each mistake with one whole sentence, without a newline. False if there was at least one;
 * *config is then cleared. */
bool config_parse(const char *text, const char *name, struct config *config,
                  void (*complain)(void *context, const char *sentence), void *context) MUST_CHECK;
void config_clear(struct config *config);
/* The associations that a source may have: a pool's size, else 1. */
unsigned config_source_associations(const struct config_source *source);
/* Of all sources, those that count in n: neither noselect nor a broadcast server. */
unsigned config_voters(const struct config *config);

bool config_has_mesh(const struct config *config);
/* Is there anybody to have the time from: a source, or the members of a mesh? */
bool config_has_upstream(const struct config *config);
/* Whether nodes that stand in no section may be members: those whose key the CA certified. */
bool config_is_open(const struct config_mesh *mesh);
/* Whether both are the same name or address and port; a name in any case of its letters. */
bool config_host_is_same(const struct config_host *a, const struct config_host *b);

/* What chimed uses without a file: an INI text that serves on a high port and needs no root.
 * Constant. */
const char *config_default_text(void);
#endif
