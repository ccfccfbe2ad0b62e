/* SPDX-License-Identifier: MIT */
/* upstream_world.h - a loop, a clock, a station that serves on loopback, sockets of others, and
 * what a node would have been told. */
#ifndef TESTS_UNIT_UPSTREAM_WORLD_H
#define TESTS_UNIT_UPSTREAM_WORLD_H
#include "common/base/action.h"
#include "ntpwire/packet.h"
#include "server/station.h"
#include "tests/unit/unit.h"
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define WAIT_MS 5000
#define TOLD_MAX 128

/* An event as it was told, with its own copy of what lives as long as the event. */
struct told {
    struct event event;
    size_t size;
    uint8_t payload[ACTION_PAYLOAD_MAX];
    char error[256];
};

struct world {
    uv_loop_t loop;
    uv_timer_t deadline;
    bool is_late;
    struct clock *clock;
    struct access *access;
    struct keyring keyring;
    struct station *station;
    struct address served; /* where the station serves */
    size_t count;
    struct told told[TOLD_MAX];
    void (*also)(struct world *world, const struct event *event); /* called for each */
    void *also_context;
};

static struct world world;

static inline void take(void *context, struct event *event)
{
    struct world *here = context;
    CU_ASSERT_FATAL(here->count < TOLD_MAX);
    struct told *told = &here->told[here->count++];
    told->event = *event;
    struct bytes payload = event->kind == EVENT_DATAGRAM ? event->datagram.payload
                           : event->kind == EVENT_SENT   ? event->sent.payload
                                                         : bytes_make(NULL, 0);
    told->size = payload.size;
    if (payload.size > 0) {
        CU_ASSERT_FATAL(payload.size <= sizeof(told->payload));
        memcpy(told->payload, payload.data, payload.size);
    }
    if (event->kind == EVENT_REFUSED) {
        strncpy(told->error, event->refused.error, sizeof(told->error) - 1);
    }
    if (here->also != NULL) {
        here->also(here, event);
    }
}

static inline size_t count_of(enum event_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < world.count; i++) {
        count += world.told[i].event.kind == kind;
    }
    return count;
}

/* The first of its kind; fails the test if there is none. */
static inline const struct told *first_of(enum event_kind kind)
{
    size_t i = 0;
    while (i < world.count && world.told[i].event.kind != kind) {
        i++;
    }
    CU_ASSERT_FATAL(i < world.count);
    return &world.told[i];
}

static inline void on_deadline(uv_timer_t *timer)
{
    (void)timer;
    world.is_late = true;
}

/* Runs the loop until so many events of a kind were told; false if that takes too long. */
static inline bool run_until(enum event_kind kind, size_t count)
{
    world.is_late = false;
    (void)uv_timer_start(&world.deadline, on_deadline, WAIT_MS, 0);
    while (count_of(kind) < count && !world.is_late) {
        uv_run(&world.loop, UV_RUN_ONCE);
    }
    (void)uv_timer_stop(&world.deadline);
    return !world.is_late;
}

/* Whatever waits now is handled. */
static inline void run_a_little(void)
{
    for (int i = 0; i < 10; i++) {
        uv_run(&world.loop, UV_RUN_NOWAIT);
    }
}

static inline struct udp open_socket(const char *text)
{
    struct udp udp = {.fd = -1};
    struct udp_options options = {.transmit_stamps = true};
    CU_ASSERT_FATAL(address_parse(text, 0, &options.local));
    CU_ASSERT_EQUAL_FATAL(udp_open(&options, &udp), 0);
    return udp;
}

/* in_loop: the station lives in the world's loop; else it has a thread. */
static inline void open_world(bool in_loop)
{
    static const struct clock_fault no_fault;
    char error[KEYRING_ERROR_MAX];
    memset(&world, 0, sizeof(world));
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&world.loop), 0);
    (void)uv_timer_init(&world.loop, &world.deadline);
    world.clock = clock_create(&no_fault, 1);
    world.access = access_create(true);
    struct server_options options = {
        .access = world.access, .keyring = &world.keyring, .clients_max = 64};
    struct udp served = open_socket("127.0.0.1");
    world.served = served.local;
    world.station =
        station_create(&options, &served, 1, world.clock, in_loop ? &world.loop : NULL, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(world.station);
    CU_ASSERT_EQUAL_FATAL(station_start(world.station), 0);
}

static inline void close_world(void)
{
    station_destroy(world.station);
    uv_close((uv_handle_t *)&world.deadline, NULL);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&world.loop), 0);
    clock_destroy(world.clock);
    access_destroy(world.access);
}

/* An NTP packet that can be told from others by its mark. */
static inline void make_packet(uint8_t packet[PACKET_SIZE], unsigned mode, uint8_t mark)
{
    memset(packet, 0, PACKET_SIZE);
    packet[0] = (uint8_t)(4 << 3 | mode);
    memset(packet + PACKET_TRANSMIT_OFFSET, mark, 8);
}

static inline void send_packet(const struct udp *from, const struct address *to, unsigned mode,
                               uint8_t mark)
{
    uint8_t packet[PACKET_SIZE];
    make_packet(packet, mode, mark);
    CU_ASSERT_EQUAL(udp_send(from, to, bytes_make(packet, sizeof(packet)), false), 0);
}

/* Waits for a datagram and returns its mode, 0 if none came; *mark is its origin's. */
static inline unsigned receive_packet(const struct udp *udp, int wait_ms, uint8_t *mark)
{
    struct pollfd item = {.fd = udp->fd, .events = POLLIN};
    uint8_t packet[ACTION_PAYLOAD_MAX];
    if (poll(&item, 1, wait_ms) != 1 ||
        recv(udp->fd, packet, sizeof(packet), MSG_DONTWAIT) < PACKET_SIZE) {
        return 0;
    }
    *mark = packet[PACKET_ORIGIN_OFFSET];
    return packet_mode_of(packet[0]);
}
#endif
