/* SPDX-License-Identifier: MIT */
/* udp.h - datagram sockets with kernel timestamps, the address that was asked, and batches. A
 * socket belongs to one thread. What a socket can't do (a fake libc, an old kernel) is done
 * without: stamps are then the daemon's. */
#ifndef COMMON_HOST_UDP_H
#define COMMON_HOST_UDP_H
#include "common/base/address.h"
#include "common/base/event.h"
#include "common/host/clock.h"

#define UDP_BATCH_MAX 64
#define UDP_PAYLOAD_MAX 2048 /* of a longer datagram nothing is kept: its payload is empty */

struct udp_card;

struct udp {
    int fd;
    struct address local; /* as bound, with the port the kernel chose */
    bool names_source;    /* bound to a wildcard: an answer names the address that was asked */
    bool is_outlet;       /* it hears nothing, see udp_make_outlet() */
    const struct udp_card *card; /* whose stamps it has, see udp_hardware_attach(); NULL: none */
};

struct udp_options {
    struct address local;  /* port 0: the kernel chooses; family NONE: any of remote's family */
    struct address remote; /* connect to it; family NONE: don't */
    const char *device;    /* to bind to; NULL or "": any */
    uint8_t dscp;          /* of what is sent, 0 to 63 */
    bool in_group;         /* one of several sockets that share the port */
    bool transmit_stamps;  /* sending may ask for them */
};

/* A negative errno on failure; *udp is then untouched. A connected socket is told what the network
 * says of its datagrams (ICMP): see udp_read_stamp(). With libuv wait for UV_READABLE |
 * UV_PRIORITIZED: stamps and errors show themselves as "prioritized". */
int udp_open(const struct udp_options *options, struct udp *udp) MUST_CHECK;
void udp_close(struct udp *udp);
/* Lets the kernel choose among the group's `size` sockets, in the order of their binding, by a hash
 * of the source address (IPv6: its /64): call it once, on any of them, when all are bound. A
 * negative errno where the kernel can't; it then chooses by address and port. */
int udp_group_attach(const struct udp *udp, unsigned size) MUST_CHECK;

/* Makes the last socket of a group of size + 1 one that only sends: the kernel chooses among the
 * first `size`, as above. What waits in the kernel for neighbours that are not there fills the
 * socket that it was sent by, and no other; so what leaves by an outlet is not held up by what a
 * flood was answered. A negative errno where the kernel can't. */
int udp_make_outlet(struct udp *group, unsigned size) MUST_CHECK;

/* Lets a socket on a wildcard address (or on the group's own) hear a multicast group, on that
 * device (NULL or "": where the route to the group leads). Of several sockets that share a port
 * only those that joined hear it. A negative errno: -EADDRINUSE if it hears it already, -ENODEV. */
int udp_join_group(const struct udp *udp, const struct address *group,
                   const char *device) MUST_CHECK;
void udp_leave_group(const struct udp *udp, const struct address *group, const char *device);
/* Lets the socket send to broadcast addresses. */
int udp_allow_broadcast(const struct udp *udp) MUST_CHECK;

struct udp_batch;                         /* buffers for UDP_BATCH_MAX datagrams */
struct udp_batch *udp_batch_create(void); /* NULL if memory is short */
void udp_batch_destroy(struct udp_batch *batch);

/* Reads what is there, up to UDP_BATCH_MAX datagrams, without waiting. Returns their number, 0 for
 * none, or a negative errno: on a connected socket it may be what udp_read_stamp() tells too, so
 * that is to be asked first. now receives the clock's reading after them. */
int udp_receive(const struct udp *udp, struct udp_batch *batch, const struct clock *clock,
                struct reading *now) MUST_CHECK;
/* The datagrams of the last udp_receive(); they live until the next. */
const struct datagram *udp_batch_datagrams(const struct udp_batch *batch);

/* Queues an answer to datagram number `index` of the batch: to its source, from the address it
 * asked. payload must live until udp_flush(). At most UDP_BATCH_MAX. */
void udp_reply(const struct udp *udp, struct udp_batch *batch, size_t index, struct bytes payload,
               bool wants_stamp);
/* Sends what is queued and empties the queue. Returns how many the kernel took; what it refuses is
 * lost, as a network would lose it. */
size_t udp_flush(const struct udp *udp, struct udp_batch *batch);

/* Sends one datagram (remote is NULL on a connected socket). 0 or a negative errno. */
int udp_send(const struct udp *udp, const struct address *remote, struct bytes payload,
             bool wants_stamp) MUST_CHECK;

/* Reads one transmit stamp from the error queue; 1, 0 for none left, or the negative errno that an
 * ICMP message left on a connected socket (there may be more after it; anybody on the path may have
 * forged it). sent->payload lives in buffer. */
int udp_read_stamp(const struct udp *udp, const struct clock *clock, uint8_t *buffer, size_t room,
                   struct sent *sent) MUST_CHECK;
#endif
