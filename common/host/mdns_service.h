/* SPDX-License-Identifier: MIT */
/* mdns_service.h - what a node of the mesh announces of itself by mDNS. */
#ifndef COMMON_HOST_MDNS_SERVICE_H
#define COMMON_HOST_MDNS_SERVICE_H
#include "common/base/action.h"
#include "common/host/sightings.h"

#define MDNS_TYPE "_truechimer._udp"
#define MDNS_ADDRESSES_MAX 8

/* Whom we look for, and what we say of ourselves. Make it from all zero: it is compared whole. */
struct mdns_service {
    char mesh[ANNOUNCEMENT_WORD_MAX];
    uint64_t id;
    uint16_t port;              /* 0: only look, and announce nothing */
    char host[ACTION_HOST_MAX]; /* whose addresses are announced; empty: those below */
    size_t address_count;       /* 0: those of the machine */
    struct address addresses[MDNS_ADDRESSES_MAX];
    bool is_ipv4, is_ipv6; /* by which of them we can be asked */
};
#endif
