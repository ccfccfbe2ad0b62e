/* SPDX-License-Identifier: MIT */
/* event.h - what happened, as an engine is told. */
#ifndef COMMON_BASE_EVENT_H
#define COMMON_BASE_EVENT_H
#include "common/base/address.h"
#include "common/base/instant.h"

#define EVENT_ADDRESSES_MAX 16
#define EVENT_NAME_MAX 64

enum stamp_origin { STAMP_DAEMON, STAMP_KERNEL, STAMP_HARDWARE };

struct datagram {
    struct address source;
    struct address destination; /* the address that was asked; family NONE if unknown */
    bool to_group;              /* it went to a multicast group or to everybody, as far as known */
    uint32_t interface;         /* index, 0 if unknown */
    enum stamp_origin stamp;
    uint32_t association;    /* whose socket it came in on (ACTION_OPEN); 0: the server's */
    struct reading received; /* when it arrived; wall is the system clock's reading then */
    struct bytes payload;    /* lives as long as the event */
};

/* A datagram of ours left: its payload comes back with the instant (the kernel's error queue). */
struct sent {
    enum stamp_origin stamp;
    uint32_t association; /* whose socket it left by; 0: the server's */
    struct reading at;
    struct bytes payload; /* ends with our payload; link and network headers may stand before it */
};

/* The answer to an ACTION_RESOLVE. */
struct resolved {
    uint32_t association;
    size_t count; /* 0: error says why */
    struct address addresses[EVENT_ADDRESSES_MAX];
    const char *error; /* lives as long as the event */
};

/* An ACTION_OPEN or an ACTION_SEND failed, or the network said later that it could not deliver. */
struct refused {
    uint32_t association;
    const char *error; /* "Network is unreachable"; lives as long as the event */
};

/* SAVED_HLC: the bound of the logical clock's stamps. SAVED_MEMBERS: what mesh_memories() gives. */
enum saved { SAVED_RATE, SAVED_TIME, SAVED_HLC, SAVED_MEMBERS, SAVED_KINDS };

/* What an operator asks for; who may is the host's to check. */
enum command_kind {
    COMMAND_ACCEPT, /* ends a panic: the next estimate is believed, and stepped to if need be */
    COMMAND_STEP,   /* corrects what is left to correct by a step, now */
    COMMAND_BURST,  /* asks the sources quickly, a few times */
    COMMAND_ONLINE,
    COMMAND_OFFLINE, /* asks them no more */
    COMMAND_REFRESH, /* resolves their names anew */
    COMMAND_READMIT, /* forgets what is held against a member of the mesh */
    COMMAND_KINDS
};

struct command {
    enum command_kind kind;
    char source[EVENT_NAME_MAX]; /* a source's name or address, or a member's name or
                                    id; empty: all of them */
};

enum event_kind {
    EVENT_DATAGRAM,
    EVENT_SENT,
    EVENT_TIMER,
    EVENT_RESOLVED,
    EVENT_REFUSED,
    EVENT_CLOCK_SET, /* somebody else set the system clock */
    EVENT_DISRUPTED, /* the machine slept or was moved: the oscillator did not count all the time */
    EVENT_SAVED,
    EVENT_COMMAND
};

struct event {
    struct reading now; /* the only clock an engine may use */
    enum event_kind kind;
    union {
        struct datagram datagram;
        struct sent sent;
        struct resolved resolved;
        struct refused refused;
        struct { /* EVENT_CLOCK_SET: what was added; EVENT_DISRUPTED: what was not counted */
            int64_t by_ns;
        } disruption;
        struct {
            enum saved what;
            const char *error; /* NULL: it is durable */
        } saved;
        struct command command;
    };
};
#endif
