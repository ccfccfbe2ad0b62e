/* SPDX-License-Identifier: MIT */
#include "client/cli/probe.h"
#include <errno.h>

#define FRAME_MAX 512 /* our request with all the headers that a stamp brings back before it */

static void take_datagram(struct probe *probe, const struct datagram *datagram)
{
    struct exchange_reply reply;
    bool was_waiting = exchange_is_waiting(&probe->exchange);
    enum exchange_verdict verdict = exchange_reply(&probe->exchange, datagram, &reply);
    if (was_waiting && !exchange_is_waiting(&probe->exchange)) {
        probe->has_answer = true;
        probe->verdict = verdict;
        probe->reply = reply;
        probe->replies++;
        probe->unanswered = 0;
        probe->station->replied(probe->station->context, probe);
    } else if (was_waiting) {
        probe->has_stray = true;
        probe->stray_verdict = verdict;
        probe->stray = reply;
    }
}

static void fail(struct probe *probe, int status)
{
    if (probe->is_open) {
        probe->status = status;
        probe->station->failed(probe->station->context, probe, status);
    }
}

/* The stamp of our request comes before the reply to it: read them in that order. */
static void read_socket(struct probe *probe)
{
    const struct probe_station *station = probe->station;
    uint8_t frame[FRAME_MAX];
    struct sent sent;
    int status;
    do {
        status = udp_read_stamp(&probe->udp, station->clock, frame, sizeof(frame), &sent);
        if (status > 0) {
            exchange_sent(&probe->exchange, &sent);
        }
    } while (status > 0);

    struct reading now;
    int count = udp_receive(&probe->udp, station->batch, station->clock, &now);
    const struct datagram *datagrams = udp_batch_datagrams(station->batch);
    for (int i = 0; i < count && probe->is_open; i++) {
        take_datagram(probe, &datagrams[i]);
    }
    if (status < 0 || count < 0) {
        fail(probe, status < 0 ? status : count);
    }
}

static void on_poll(uv_poll_t *poll, int status, int events);

static int start_poll(struct probe *probe)
{
    return uv_poll_start(&probe->poll, UV_READABLE | UV_PRIORITIZED, on_poll);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct probe *probe = poll->data;
    read_socket(probe);
    if (status < 0 && probe->is_open) {
        /* libuv takes an error alone (a refusal by ICMP, or a stamp where the kernel doesn't know
         * SO_SELECT_ERR_QUEUE) for a dead descriptor and stops. It was read above, so go on. */
        int restarted = start_poll(probe);
        if (restarted < 0) {
            fail(probe, restarted);
        }
    }
}

int probe_open(struct probe *probe, const struct probe_station *station,
               const struct address *address)
{
    struct udp_options options = {
        .local = {.family = address->family}, .remote = *address, .transmit_stamps = true};
    struct udp udp;
    int status = udp_open(&options, &udp);
    if (status < 0) {
        return status;
    }
    probe->station = station;
    probe->address = *address;
    probe->udp = udp;
    probe->poll.data = probe;
    exchange_init(&probe->exchange, &station->exchange, station->random, station->macs);
    status = uv_poll_init(station->loop, &probe->poll, udp.fd);
    if (status < 0) {
        udp_close(&probe->udp);
        return status;
    }
    probe->is_open = true;
    status = start_poll(probe);
    if (status < 0) {
        probe_close(probe);
    }
    return status;
}

int probe_ask(struct probe *probe)
{
    uint8_t request[EXCHANGE_REQUEST_MAX];
    size_t size = exchange_request(&probe->exchange, request);
    if (size == 0) {
        return -EKEYREJECTED;
    }
    struct bytes payload = bytes_make(request, size);
    struct sent sent = {.stamp = STAMP_DAEMON, .payload = payload};
    probe->requests++;
    probe->unanswered++;
    sent.at = clock_read(probe->station->clock);
    exchange_sent(&probe->exchange, &sent);
    return udp_send(&probe->udp, NULL, payload, true);
}

void probe_close(struct probe *probe)
{
    if (probe->is_open) {
        probe->is_open = false;
        uv_close((uv_handle_t *)&probe->poll, NULL);
        udp_close(&probe->udp);
    }
}
