/* SPDX-License-Identifier: MIT */
/* candm.h - the protocol between chronyc and chronyd (version 6), as octets: big-endian, fields at
 * fixed offsets.
 *
 * A request is padded to at least the length of its reply, so that a server need never send more
 * than it got. What chronyd 4.3 asks of each command's length was measured; the layouts are those
 * that chronyc 4.0 to 4.9 take. Pure functions, safe in any thread, no allocation. */
#ifndef NTPWIRE_CANDM_H
#define NTPWIRE_CANDM_H
#include "ntpwire/bytes.h"

#define CANDM_VERSION 6
#define CANDM_VERSION_REFUSABLE 5 /* what is older is not even refused */
#define CANDM_REQUEST_HEADER 20   /* then the request's data */
#define CANDM_REPLY_HEADER 28     /* then the reply's; also the shortest request */
#define CANDM_REPLY_MAX 520
#define CANDM_CLIENTS_MAX 8 /* in one reply */

enum candm_command {
    CANDM_NULL = 0,
    CANDM_ONLINE = 1,
    CANDM_OFFLINE = 2,
    CANDM_BURST = 3,
    CANDM_MODIFY_MINPOLL = 4,
    CANDM_MODIFY_MAXPOLL = 5,
    CANDM_DUMP = 6,
    CANDM_MODIFY_MAXDELAY = 7,
    CANDM_MODIFY_MAXDELAYRATIO = 8,
    CANDM_MODIFY_MAXUPDATESKEW = 9,
    CANDM_LOGON = 10,
    CANDM_SETTIME = 11,
    CANDM_MANUAL = 13,
    CANDM_N_SOURCES = 14,
    CANDM_SOURCE_DATA = 15,
    CANDM_REKEY = 16,
    CANDM_ALLOW = 17,
    CANDM_ALLOWALL = 18,
    CANDM_DENY = 19,
    CANDM_DENYALL = 20,
    CANDM_CMDALLOW = 21,
    CANDM_CMDALLOWALL = 22,
    CANDM_CMDDENY = 23,
    CANDM_CMDDENYALL = 24,
    CANDM_ACCHECK = 25,
    CANDM_CMDACCHECK = 26,
    CANDM_DEL_SOURCE = 29,
    CANDM_WRITERTC = 30,
    CANDM_DFREQ = 31,
    CANDM_TRACKING = 33,
    CANDM_SOURCESTATS = 34,
    CANDM_RTCREPORT = 35,
    CANDM_TRIMRTC = 36,
    CANDM_CYCLELOGS = 37,
    CANDM_MANUAL_LIST = 41,
    CANDM_MANUAL_DELETE = 42,
    CANDM_MAKESTEP = 43,
    CANDM_ACTIVITY = 44,
    CANDM_MODIFY_MINSTRATUM = 45,
    CANDM_MODIFY_POLLTARGET = 46,
    CANDM_MODIFY_MAXDELAYDEVRATIO = 47,
    CANDM_RESELECT = 48,
    CANDM_RESELECTDISTANCE = 49,
    CANDM_MODIFY_MAKESTEP = 50,
    CANDM_SMOOTHING = 51,
    CANDM_SMOOTHTIME = 52,
    CANDM_REFRESH = 53,
    CANDM_SERVER_STATS = 54,
    CANDM_LOCAL = 56,
    CANDM_NTP_DATA = 57,
    CANDM_SHUTDOWN = 62,
    CANDM_ONOFFLINE = 63,
    CANDM_ADD_SOURCE = 64,
    CANDM_NTP_SOURCE_NAME = 65,
    CANDM_RESET_SOURCES = 66,
    CANDM_AUTH_DATA = 67,
    CANDM_CLIENT_ACCESSES = 68,
    CANDM_SELECT_DATA = 69,
    CANDM_RELOAD_SOURCES = 70,
    CANDM_DOFFSET = 71,
    CANDM_MODIFY_SELECTOPTS = 72,
    CANDM_MODIFY_OFFSET = 73,
    CANDM_LOCAL_WAIT = 74
};

enum candm_reply_code {
    CANDM_REPLY_NULL = 1,
    CANDM_REPLY_N_SOURCES = 2,
    CANDM_REPLY_SOURCE_DATA = 3,
    CANDM_REPLY_TRACKING = 5,
    CANDM_REPLY_SOURCESTATS = 6,
    CANDM_REPLY_ACTIVITY = 12,
    CANDM_REPLY_NTP_DATA = 16,
    CANDM_REPLY_MANUAL_LIST = 18,
    CANDM_REPLY_NTP_SOURCE_NAME = 19,
    CANDM_REPLY_AUTH_DATA = 20,
    CANDM_REPLY_CLIENT_ACCESSES = 21,
    CANDM_REPLY_SERVER_STATS_8 = 22, /* 8 counters of 32 bits: chronyc 4.0 and 4.1 */
    CANDM_REPLY_SELECT_DATA = 23,
    CANDM_REPLY_SERVER_STATS_11 = 24,  /* 11 of 32 bits: 4.2 and 4.3 */
    CANDM_REPLY_SERVER_STATS_17 = 25,  /* 17 of 64 bits: 4.4 and later */
    CANDM_REPLY_NTP_DATA_RESERVED = 26 /* 4.6 and later */
};

enum candm_status {
    CANDM_SUCCESS = 0,
    CANDM_FAILED = 1,
    CANDM_UNAUTH = 2,
    CANDM_INVALID = 3,
    CANDM_NO_SUCH_SOURCE = 4,
    CANDM_NOT_ENABLED = 6,
    CANDM_NO_RTC = 13,
    CANDM_INACTIVE = 15,
    CANDM_BAD_VERSION = 18,
    CANDM_BAD_LENGTH = 19
};

/* What octets are to a server. */
enum candm_verdict {
    CANDM_OK = 0,
    CANDM_NOT_REQUEST,     /* too short, a reply, or older than version 5: gets nothing */
    CANDM_VERSION_UNKNOWN, /* gets CANDM_BAD_VERSION */
    CANDM_VERDICTS
};

struct candm_request {
    uint16_t command; /* enum candm_command, or unknown */
    uint16_t attempt; /* 0, then counting the repetitions */
    uint32_t sequence;
};

struct candm_reply {
    uint16_t command;
    uint16_t code;   /* enum candm_reply_code */
    uint16_t status; /* enum candm_status */
    uint32_t sequence;
};

/* Sets *request unless the verdict is CANDM_NOT_REQUEST. */
enum candm_verdict candm_parse_request(struct bytes datagram,
                                       struct candm_request *request) MUST_CHECK;
/* False, and *reply untouched, for what is no reply of version 6. */
bool candm_parse_reply(struct bytes datagram, struct candm_reply *reply) MUST_CHECK;
void candm_write_request_header(const struct candm_request *request,
                                uint8_t out[CANDM_REQUEST_HEADER]);
void candm_write_reply_header(const struct candm_reply *reply, uint8_t out[CANDM_REPLY_HEADER]);

/* The octets that a request of this command must at least have, 0 for an unknown or withdrawn
 * command. Of several layouts the shortest counts. */
size_t candm_request_size(unsigned command);

/* A number in 32 bits: an exponent of 7 bits and a coefficient of 25, both signed, value =
 * coefficient * 2^(exponent - 25): 7 significant digits from 3e-27 to 4e+18, saturating;
 * not-a-number becomes 0. */
uint32_t candm_float_from_double(double value);
double candm_float_to_double(uint32_t bits);

/* 12 octets: seconds since 1970 in 64 bits, nanoseconds. */
void candm_put_time(uint8_t *at, int64_t unix_ns);
/* False if the nanoseconds are 10^9 or more, or the instant is beyond int64 nanoseconds. 0x7fffffff
 * in the upper half of the seconds says that they have 32 bits only. */
bool candm_get_time(struct bytes view, size_t offset, int64_t *unix_ns) MUST_CHECK;

enum candm_family { CANDM_UNSPECIFIED = 0, CANDM_IPV4 = 1, CANDM_IPV6 = 2, CANDM_ID = 3 };

#define CANDM_ADDRESS_SIZE 20

struct candm_address {
    uint8_t octets[16]; /* IPv4 and an ID in the first four, the rest zero */
    uint16_t family;    /* enum candm_family */
};

void candm_put_address(uint8_t *at, const struct candm_address *address);
struct candm_address candm_get_address(struct bytes view, size_t offset);

/* What a request of SOURCE_DATA, SOURCESTATS or SELECT_DATA asks for: a source by its number from
 * 0. False, and *index untouched, if the request is too short. */
bool candm_parse_index(struct bytes request, uint32_t *index) MUST_CHECK;
/* The same for NTP_DATA, NTP_SOURCE_NAME and AUTH_DATA: a source by its address. */
bool candm_parse_address(struct bytes request, struct candm_address *address) MUST_CHECK;

/* Which sources ONLINE, OFFLINE and BURST are for. */
struct candm_selector {
    struct candm_address mask; /* no family: address is one source's; nor has that: all sources */
    struct candm_address address;
};

/* False, and *selector untouched, if the request is too short for its command. */
bool candm_parse_selector(struct bytes request, struct candm_selector *selector) MUST_CHECK;
bool candm_is_selected(const struct candm_selector *selector, const struct candm_address *address);

/* The reports. A writer sets the octets of a reply behind its header, which must be zero before,
 * and returns the length of the whole reply. */
#define CANDM_AGO_UNKNOWN UINT32_MAX /* never, in seconds */

#define CANDM_N_SOURCES_SIZE 32
#define CANDM_SOURCE_DATA_SIZE 76
#define CANDM_TRACKING_SIZE 104
#define CANDM_SOURCESTATS_SIZE 84
#define CANDM_ACTIVITY_SIZE 48
#define CANDM_SERVER_STATS_8_SIZE 60
#define CANDM_SERVER_STATS_11_SIZE 72
#define CANDM_SERVER_STATS_17_SIZE 196
#define CANDM_NTP_DATA_SIZE 152
#define CANDM_NTP_DATA_RESERVED_SIZE 172
#define CANDM_NTP_SOURCE_NAME_SIZE 284
#define CANDM_AUTH_DATA_SIZE 52
#define CANDM_CLIENT_ACCESSES_SIZE 520
#define CANDM_SELECT_DATA_SIZE 76
#define CANDM_MANUAL_LIST_SIZE 416

struct candm_tracking {
    uint32_t refid;
    struct candm_address address;
    uint16_t stratum;          /* 0: unsynchronised */
    uint16_t leap;             /* enum packet_leap */
    int64_t reference_unix_ns; /* 0: never */
    double correction_s; /* what must be added to the system clock: positive if that is slow */
    double last_offset_s;
    double rms_offset_s;
    double frequency_ppm; /* positive: the uncorrected clock is fast */
    double residual_frequency_ppm;
    double skew_ppm;
    double root_delay_s;
    double root_dispersion_s;
    double update_interval_s;
};

size_t candm_write_tracking(const struct candm_tracking *tracking,
                            uint8_t out[CANDM_TRACKING_SIZE]);

/* Numbers of sources. */
struct candm_activity {
    uint32_t online;
    uint32_t offline;
    uint32_t burst_online;
    uint32_t burst_offline;
    uint32_t unresolved;
};

size_t candm_write_activity(const struct candm_activity *activity,
                            uint8_t out[CANDM_ACTIVITY_SIZE]);

size_t candm_write_source_count(uint32_t count, uint8_t out[CANDM_N_SOURCES_SIZE]);

/* How chronyc's "sources" shows a source. */
enum candm_source_state {
    CANDM_SOURCE_SELECTED = 0,      /* '*' */
    CANDM_SOURCE_NONSELECTABLE = 1, /* '?' */
    CANDM_SOURCE_FALSETICKER = 2,   /* 'x' */
    CANDM_SOURCE_JITTERY = 3,       /* '~' */
    CANDM_SOURCE_COMBINED = 4,      /* '+' */
    CANDM_SOURCE_SELECTABLE = 5     /* '-' */
};

enum candm_source_mode { CANDM_MODE_CLIENT = 0, CANDM_MODE_PEER = 1, CANDM_MODE_REFCLOCK = 2 };

/* Offsets are positive where our clock is ahead of the source. */
struct candm_source {
    struct candm_address address;
    int16_t poll_log2_s;
    uint16_t stratum;
    uint16_t state;           /* enum candm_source_state */
    uint16_t mode;            /* enum candm_source_mode */
    uint16_t reach;           /* 8 bits */
    uint32_t sample_ago_s;    /* CANDM_AGO_UNKNOWN */
    double measured_offset_s; /* of the last sample, as it was found */
    double adjusted_offset_s; /* the same by our clock now */
    double error_s;
};

size_t candm_write_source(const struct candm_source *source, uint8_t out[CANDM_SOURCE_DATA_SIZE]);

struct candm_sourcestats {
    uint32_t refid;
    struct candm_address address;
    uint32_t samples;
    uint32_t runs; /* of residuals with the same sign */
    uint32_t span_s;
    double deviation_s;            /* of the samples */
    double residual_frequency_ppm; /* positive: our clock gains on the source */
    double skew_ppm;               /* the error of that */
    double offset_s;               /* positive: our clock is ahead */
    double offset_error_s;
};

size_t candm_write_sourcestats(const struct candm_sourcestats *stats,
                               uint8_t out[CANDM_SOURCESTATS_SIZE]);

#define CANDM_TEST_FIRST 0x200 /* ten tests, 0x200 to 1 */
#define CANDM_NTP_INTERLEAVED 0x4000
#define CANDM_NTP_AUTHENTICATED 0x8000

/* The last valid reply. Here offset_s is positive where our clock is behind the source. */
struct candm_ntp_data {
    struct candm_address remote;
    struct candm_address local;
    uint16_t port;
    uint8_t leap;
    uint8_t version;
    uint8_t mode; /* enum packet_mode; 0: there was none */
    uint8_t stratum;
    int8_t poll_log2_s;
    int8_t precision_log2_s;
    double root_delay_s;
    double root_dispersion_s;
    uint32_t refid;
    int64_t reference_unix_ns;
    double offset_s;
    double delay_s;
    double dispersion_s;
    double response_s;
    double asymmetry; /* of the jitter, -0.5 to 0.5 */
    uint16_t flags;   /* of the constants above */
    char sent_stamp;  /* 'D' daemon, 'K' kernel, 'H' hardware; 0: none */
    char received_stamp;
    uint32_t sent;
    uint32_t received;
    uint32_t valid;
    uint32_t good;
    uint32_t kernel_sent; /* by who took the time; in the longer layout only */
    uint32_t kernel_received;
    uint32_t hardware_sent;
    uint32_t hardware_received;
};

/* Takes the newer of two layouts that fits in room octets, as candm_write_server_stats() does. */
size_t candm_write_ntp_data(const struct candm_ntp_data *data, size_t room, uint16_t *code,
                            uint8_t out[CANDM_NTP_DATA_RESERVED_SIZE]);

#define CANDM_OPTION_NOSELECT 1
#define CANDM_OPTION_PREFER 2
#define CANDM_OPTION_TRUST 4
#define CANDM_OPTION_REQUIRE 8

/* The interval is of our clock's offset: positive ahead of the source. */
struct candm_select_data {
    uint32_t refid;
    struct candm_address address;
    char state; /* a letter that "selectdata -v" explains */
    bool has_authentication;
    uint8_t leap; /* enum packet_leap */
    uint16_t configured_options;
    uint16_t effective_options;
    uint32_t sample_ago_s;
    double score;
    double low_s;
    double high_s;
};

size_t candm_write_select_data(const struct candm_select_data *data,
                               uint8_t out[CANDM_SELECT_DATA_SIZE]);

enum candm_auth_mode { CANDM_AUTH_NONE = 0, CANDM_AUTH_SYMMETRIC = 1, CANDM_AUTH_NTS = 2 };

struct candm_auth_data {
    uint16_t mode; /* enum candm_auth_mode */
    uint16_t key_type;
    uint32_t key_id;
    uint16_t key_bits;
    uint16_t exchange_attempts; /* what follows is NTS's */
    uint32_t exchange_ago_s;    /* CANDM_AGO_UNKNOWN */
    uint16_t cookies;
    uint16_t cookie_size;
    uint16_t naks;
};

size_t candm_write_auth_data(const struct candm_auth_data *data, uint8_t out[CANDM_AUTH_DATA_SIZE]);

#define CANDM_NAME_MAX 256

/* A longer name is cut. */
size_t candm_write_source_name(const char *name, uint8_t out[CANDM_NTP_SOURCE_NAME_SIZE]);

/* In the order of the wire. */
enum candm_server_stat {
    CANDM_STAT_NTP_HITS,
    CANDM_STAT_NKE_HITS,
    CANDM_STAT_CMD_HITS,
    CANDM_STAT_NTP_DROPS,
    CANDM_STAT_NKE_DROPS,
    CANDM_STAT_CMD_DROPS,
    CANDM_STAT_LOG_DROPS,
    CANDM_STAT_NTP_AUTH,
    CANDM_STAT_NTP_INTERLEAVED,
    CANDM_STAT_NTP_TIMESTAMPS,
    CANDM_STAT_NTP_SPAN_SECONDS,
    CANDM_STAT_RX_DAEMON,
    CANDM_STAT_TX_DAEMON,
    CANDM_STAT_RX_KERNEL,
    CANDM_STAT_TX_KERNEL,
    CANDM_STAT_RX_HARDWARE,
    CANDM_STAT_TX_HARDWARE,
    CANDM_STATS
};

/* Takes the newest of the three layouts that fits in room octets (the length of the request), says
 * which in *code, and returns its length, 0 if none fits. Where a counter has 32 bits it saturates.
 */
size_t candm_write_server_stats(const uint64_t stats[CANDM_STATS], size_t room, uint16_t *code,
                                uint8_t out[CANDM_SERVER_STATS_17_SIZE]);

#define CANDM_INTERVAL_UNKNOWN 127

struct candm_service {
    uint32_t hits;
    uint32_t drops;
    int8_t interval_log2_s; /* CANDM_INTERVAL_UNKNOWN */
    uint32_t last_ago_s;    /* CANDM_AGO_UNKNOWN */
};

struct candm_client {
    struct candm_address address;
    struct candm_service ntp;
    struct candm_service nke;
    struct candm_service cmd;
    int8_t timeout_interval_log2_s; /* after requests that were dropped */
};

struct candm_clients_request {
    uint32_t first_index;
    uint32_t clients_max;
    uint32_t hits_min;
    bool wants_reset; /* of the counters */
};

/* False, and *wanted untouched, if the request is too short for its command. */
bool candm_parse_clients(struct bytes request, struct candm_clients_request *wanted) MUST_CHECK;
/* At most CANDM_CLIENTS_MAX clients. */
size_t candm_write_clients(const struct candm_client *clients, size_t count, uint32_t next_index,
                           uint32_t indices, uint8_t out[CANDM_CLIENT_ACCESSES_SIZE]);
#endif
