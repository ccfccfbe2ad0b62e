/* SPDX-License-Identifier: MIT */
/* event.h - what happened, as an engine is told. */
#ifndef COMMON_BASE_EVENT_H
#define COMMON_BASE_EVENT_H
#include "common/base/address.h"
#include "common/base/instant.h"

enum stamp_origin { STAMP_DAEMON, STAMP_KERNEL, STAMP_HARDWARE };

struct datagram {
    struct address source;
    struct address destination; /* the address that was asked; family NONE if unknown */
    bool to_group;              /* it went to a multicast group or to everybody, as far as known */
    uint32_t interface;         /* index, 0 if unknown */
    enum stamp_origin stamp;
    struct reading received; /* when it arrived; wall is the system clock's reading then */
    struct bytes payload;    /* lives as long as the event */
};

/* A datagram of ours left: its payload comes back with the instant (the kernel's error queue). */
struct sent {
    enum stamp_origin stamp;
    struct reading at;
    struct bytes payload; /* ends with our payload; link and network headers may stand before it */
};

enum event_kind { EVENT_DATAGRAM, EVENT_SENT, EVENT_TIMER };

struct event {
    struct reading now; /* the only clock an engine may use */
    enum event_kind kind;
    union {
        struct datagram datagram;
        struct sent sent;
    };
};
#endif
