/* SPDX-License-Identifier: MIT */
/* Datagrams by the batch: the server's hot path. Everything that does not change from batch to
 * batch is set once. */
#include "common/host/socket_address.h"
#include "common/host/udp_hardware.h"
#include "common/host/udp_stamp.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

struct udp_batch {
    size_t queued;
    struct mmsghdr incoming[UDP_BATCH_MAX];
    struct mmsghdr outgoing[UDP_BATCH_MAX];
    struct iovec incoming_vectors[UDP_BATCH_MAX];
    struct iovec outgoing_vectors[UDP_BATCH_MAX];
    union socket_address names[UDP_BATCH_MAX];
    struct datagram datagrams[UDP_BATCH_MAX];
    union udp_control outgoing_controls[UDP_BATCH_MAX];
    union udp_control controls[UDP_BATCH_MAX];
    uint8_t payloads[UDP_BATCH_MAX][UDP_PAYLOAD_MAX];
};

struct udp_batch *udp_batch_create(void)
{
    /* Not cleared beyond what is set here: pages that no batch ever fills stay unused. */
    struct udp_batch *batch = calloc(1, sizeof(*batch));
    if (batch == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < UDP_BATCH_MAX; i++) {
        batch->incoming_vectors[i] =
            (struct iovec){.iov_base = batch->payloads[i], .iov_len = UDP_PAYLOAD_MAX};
        batch->incoming[i].msg_hdr = (struct msghdr){.msg_name = &batch->names[i],
                                                     .msg_iov = &batch->incoming_vectors[i],
                                                     .msg_iovlen = 1,
                                                     .msg_control = &batch->controls[i]};
        batch->outgoing[i].msg_hdr =
            (struct msghdr){.msg_iov = &batch->outgoing_vectors[i], .msg_iovlen = 1};
    }
    return batch;
}

void udp_batch_destroy(struct udp_batch *batch)
{
    free(batch);
}

static void fill_datagram(struct udp_batch *batch, size_t i, const struct udp *udp,
                          const struct clock *clock, struct reading now)
{
    struct mmsghdr *message = &batch->incoming[i];
    struct datagram *datagram = &batch->datagrams[i];
    struct udp_ancillary ancillary = udp_ancillary_read(&message->msg_hdr);

    datagram->source = socket_address_read(&batch->names[i]);
    datagram->destination = udp->local;
    if (ancillary.asked.family != ADDRESS_NONE) {
        datagram->destination = ancillary.asked;
        datagram->destination.port = udp->local.port;
    }
    datagram->to_group = ancillary.to_group;
    datagram->interface = ancillary.interface;
    datagram->stamp = ancillary.stamp;
    datagram->received =
        ancillary.stamp == STAMP_DAEMON ? now : clock_convert(clock, ancillary.realtime_ns, now);
    if (udp->card != NULL && ancillary.card_ns != 0 &&
        udp_card_date(udp->card, ancillary.card_interface, ancillary.card_ns, now,
                      &datagram->received)) {
        datagram->stamp = STAMP_HARDWARE;
    }
    bool is_cut = (message->msg_hdr.msg_flags & MSG_TRUNC) != 0;
    datagram->payload = bytes_make(batch->payloads[i], is_cut ? 0 : message->msg_len);
}

int udp_receive(const struct udp *udp, struct udp_batch *batch, const struct clock *clock,
                struct reading *now)
{
    for (size_t i = 0; i < UDP_BATCH_MAX; i++) {
        batch->incoming[i].msg_hdr.msg_namelen = sizeof(batch->names[i]);
        batch->incoming[i].msg_hdr.msg_controllen = UDP_CONTROL_SIZE;
    }
    int count;
    do {
        count = recvmmsg(udp->fd, batch->incoming, UDP_BATCH_MAX, MSG_DONTWAIT, NULL);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
    }
    *now = clock_read(clock);
    for (size_t i = 0; i < (size_t)count; i++) {
        fill_datagram(batch, i, udp, clock, *now);
    }
    return count;
}

const struct datagram *udp_batch_datagrams(const struct udp_batch *batch)
{
    return batch->datagrams;
}

void udp_reply(const struct udp *udp, struct udp_batch *batch, size_t index, struct bytes payload,
               bool wants_stamp)
{
    assert(index < UDP_BATCH_MAX && batch->queued < UDP_BATCH_MAX);
    size_t slot = batch->queued++;
    const struct datagram *asked = &batch->datagrams[index];
    struct msghdr *message = &batch->outgoing[slot].msg_hdr;
    uint8_t *control = batch->outgoing_controls[slot].octets;
    size_t control_size = 0;

    if (udp->names_source && asked->destination.family != ADDRESS_NONE &&
        !address_is_wildcard(&asked->destination)) {
        control_size = udp_source_request(control, &asked->destination, asked->interface);
    }
    if (wants_stamp) {
        control_size += udp_stamp_request(control + control_size, false);
    }
    message->msg_control = control_size > 0 ? control : NULL;
    message->msg_controllen = control_size;
    message->msg_name = &batch->names[index];
    message->msg_namelen = batch->incoming[index].msg_hdr.msg_namelen;
    batch->outgoing_vectors[slot] =
        (struct iovec){.iov_base = (void *)(uintptr_t)payload.data, .iov_len = payload.size};
}

size_t udp_flush(const struct udp *udp, struct udp_batch *batch)
{
    size_t sent = 0;
    for (size_t next = 0; next < batch->queued;) {
        int count = sendmmsg(udp->fd, batch->outgoing + next, (unsigned)(batch->queued - next),
                             MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count > 0) {
            sent += (size_t)count;
            next += (size_t)count;
        } else if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)) {
            break; /* the queue is full: the rest would be refused too */
        } else if (count == 0 || errno != EINTR) {
            next++; /* this destination alone is refused (no route, a firewall) */
        }
    }
    batch->queued = 0;
    return sent;
}
