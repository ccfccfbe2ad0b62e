/* SPDX-License-Identifier: MIT */
/* udp_stamp.h - the ancillary data of datagrams: kernel timestamps and the address that was asked.
 */
#ifndef COMMON_HOST_UDP_STAMP_H
#define COMMON_HOST_UDP_STAMP_H
#include "common/base/event.h"
#include <sys/socket.h>

#define UDP_CONTROL_SIZE 256

union udp_control {
    struct cmsghdr alignment;
    uint8_t octets[UDP_CONTROL_SIZE];
};

struct udp_ancillary {
    enum stamp_origin stamp; /* STAMP_DAEMON: there was none */
    int64_t realtime_ns;     /* CLOCK_REALTIME, if there was one */
    int64_t card_ns;         /* of the network card's clock; 0: no such stamp */
    uint32_t card_interface; /* whose it is; 0: unknown */
    struct address asked;    /* family NONE, if unknown; no port */
    bool to_group;           /* asked is then one of ours that heard it (IPv4), or the group */
    uint32_t interface;
    int error; /* errno of what the network, or this machine, said of a datagram; 0: nothing */
};

struct udp_ancillary udp_ancillary_read(struct msghdr *message);

/* Writes control messages into a buffer of UDP_CONTROL_SIZE octets: the request for a transmit
 * stamp of this datagram, and the address to send from. They return the octets written, so that one
 * can follow the other. */
size_t udp_stamp_request(uint8_t *control, bool of_card);
size_t udp_source_request(uint8_t *control, const struct address *source, uint32_t interface);
#endif
