/* SPDX-License-Identifier: MIT */
/* action.h - what an engine wants done. The host performs actions in order. */
#ifndef COMMON_BASE_ACTION_H
#define COMMON_BASE_ACTION_H
#include "common/base/event.h"
#include "common/base/hlc.h"
#include "common/base/measurement.h"
#include "common/base/sync_state.h"

#define ACTION_PAYLOAD_MAX 1232
#define ACTION_HOST_MAX 256
#define ACTION_DEVICE_MAX 16
#define ACTION_TEXT_MAX 512
#define ACTIONS_MAX 32

enum action_kind {
    ACTION_SEND,     /* a datagram */
    ACTION_OPEN,     /* a socket for an association, or its place among those of the server's */
    ACTION_CLOSE,    /* of an association; its datagrams, and errors, are not told any more */
    ACTION_RESOLVE,  /* a name: EVENT_RESOLVED tells */
    ACTION_STEER,    /* the system clock */
    ACTION_KERNEL,   /* what the kernel says of it: adjtimex(2) */
    ACTION_PUBLISH,  /* what the answers claim from now on */
    ACTION_SAVE,     /* to the state files: EVENT_SAVED tells */
    ACTION_REPORT,   /* a line in the log */
    ACTION_MEASURED, /* a sample was judged: for the log of measurements */
    ACTION_REPLY     /* to the EVENT_COMMAND that is being handled */
};

struct action_send {
    uint32_t association;  /* whose socket; 0: the one that was asked, else the server's */
    struct address source; /* to send from; family NONE lets the kernel choose */
    struct address destination;
    uint32_t interface;
    bool wants_stamp; /* tell the engine by EVENT_SENT when it left */
    size_t size;
    uint8_t payload[ACTION_PAYLOAD_MAX];
};

/* An association is a number that the engine never gives twice. */
struct action_open {
    uint32_t association;
    /* False: a socket of its own, on a port that the kernel chooses, connected to remote. True: it
     * speaks through the server's sockets, from the server's port; datagrams in modes 1, 2 and 5
     * whose source is remote (whatever the port) are the association's, with its number. */
    bool is_shared;
    struct address remote;
    struct address local;           /* to bind to; family NONE: the kernel chooses */
    struct address group;           /* shared: a multicast group to join; family NONE: none */
    bool is_broadcast;              /* shared: remote may be a broadcast address */
    char device[ACTION_DEVICE_MAX]; /* to bind to; empty: any */
    uint8_t dscp;                   /* 0 to 63 */
};

struct action_resolve {
    uint32_t association;
    char host[ACTION_HOST_MAX];
    uint16_t port;
    uint8_t family; /* enum address_family; ADDRESS_NONE: both */
};

/* In this order. Never longer than until: the engine looks again by then. */
struct action_steer {
    int64_t step_ns;      /* add this to the clock; 0: don't touch it */
    double frequency_ppm; /* then let it gain this on the oscillator ... */
    double rate_ppm;      /* ... of which this is the estimated rate: what holds if we are killed */
    struct mono until;
};

enum kernel_leap { KERNEL_LEAP_NONE, KERNEL_LEAP_INSERT, KERNEL_LEAP_DELETE };

struct action_kernel {
    bool is_synchronised;
    int64_t error_max_ns; /* the interval's half-width, and what is left to correct */
    int64_t error_estimated_ns;
    enum kernel_leap leap; /* at the end of this UTC day */
    int tai_offset_s;      /* TAI - UTC; 0: unknown */
};

struct action_save {
    enum saved what;
    double rate_ppm; /* SAVED_RATE: the clock's gain on the oscillator, and its sd */
    double rate_sd_ppm;
    struct wall time;     /* SAVED_TIME */
    struct hlc_bound hlc; /* SAVED_HLC */
};

enum report_level { REPORT_ERROR, REPORT_WARNING, REPORT_NOTICE, REPORT_INFO, REPORT_DEBUG };

struct action_report {
    enum report_level level;
    char text[ACTION_TEXT_MAX];
};

struct action_reply {
    bool is_done;
    char text[ACTION_TEXT_MAX]; /* what was done, or why it was not and what to do */
};

struct action {
    enum action_kind kind;
    union {
        struct action_send send;
        struct action_open open;
        uint32_t close;
        struct action_resolve resolve;
        struct action_steer steer;
        struct action_kernel kernel;
        struct sync_state publish;
        struct action_save save;
        struct action_report report;
        struct measurement measured;
        struct action_reply reply;
    };
};

/* The caller's array. An engine never appends more than ACTIONS_MAX per event. */
struct actions {
    size_t count;
    struct action items[ACTIONS_MAX];
};

/* The next free action; asserts that there is one. */
static inline struct action *actions_append(struct actions *actions, enum action_kind kind)
{
    assert(actions->count < ACTIONS_MAX);
    struct action *action = &actions->items[actions->count++];
    action->kind = kind;
    return action;
}

/* How many more there is room for. */
static inline size_t actions_room(const struct actions *actions)
{
    return ACTIONS_MAX - actions->count;
}

/* A line for the log, as printf; left out if there is no room. */
void actions_report(struct actions *actions, enum report_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The one answer to a command, as printf: is_done says whether it was carried out. There must be
 * room. */
void actions_reply(struct actions *actions, bool is_done, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#endif
