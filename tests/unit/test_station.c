/* SPDX-License-Identifier: MIT */
/* What associations share with the server: station, handover and sharing, over real sockets. */
#include "server/sharing.h"
#include "tests/unit/upstream_world.h"

#define PEER 7

static struct sharing *share_with(const struct address *remote)
{
    char error[SHARING_ERROR_MAX];
    struct sharing *sharing = sharing_create(&world.loop, &world.station, 1, take, &world);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sharing);
    struct action_open open = {.association = PEER, .is_shared = true, .remote = *remote};
    open.remote.port = 123; /* whatever the port */
    CU_ASSERT_TRUE(sharing_open(sharing, &open, error));
    return sharing;
}

/* Requests of the same host are answered, and what is between them is not. */
static void check_batch(bool in_loop)
{
    open_world(in_loop);
    struct udp peer = open_socket("127.0.0.2");
    struct sharing *sharing = share_with(&peer.local);
    uint8_t mark = 0;
    static const struct {
        unsigned mode;
        uint8_t mark;
    } sent[] = {{3, 1}, {1, 2}, {3, 3}, {2, 4}, {5, 5}, {4, 6}, {3, 7}};
    for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
        send_packet(&peer, &world.served, sent[i].mode, sent[i].mark);
    }
    CU_ASSERT_TRUE(run_until(EVENT_DATAGRAM, 3));
    static const uint8_t answered[] = {1, 3, 7};
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(receive_packet(&peer, WAIT_MS, &mark), MODE_SERVER);
        CU_ASSERT_EQUAL(mark, answered[i]);
    }
    run_a_little();
    CU_ASSERT_EQUAL(receive_packet(&peer, 0, &mark), 0);
    CU_ASSERT_EQUAL(world.count, 3);
    static const uint8_t handed[] = {2, 4, 5};
    for (size_t i = 0; i < 3; i++) {
        const struct told *told = &world.told[i];
        CU_ASSERT_EQUAL(told->event.datagram.association, PEER);
        CU_ASSERT_EQUAL(told->size, PACKET_SIZE);
        CU_ASSERT_EQUAL(told->payload[PACKET_TRANSMIT_OFFSET], handed[i]);
        CU_ASSERT_TRUE(address_is_same(&told->event.datagram.source, &peer.local));
        CU_ASSERT_TRUE(told->event.datagram.received.mono.ns > 0);
    }
    sharing_destroy(sharing);
    close_world();
    udp_close(&peer);
}

static void peers_are_handed_over_by_a_thread(void)
{
    check_batch(false);
}

static void peers_are_handed_over_in_the_loop(void)
{
    check_batch(true);
}

static void others_are_answered_as_ever(void)
{
    open_world(true);
    uint8_t mark = 0;
    struct udp peer = open_socket("127.0.0.2"), other = open_socket("127.0.0.3");
    struct sharing *sharing = share_with(&peer.local);
    send_packet(&other, &world.served, MODE_ACTIVE, 9);
    run_a_little();
    CU_ASSERT_EQUAL(receive_packet(&other, 0, &mark), MODE_PASSIVE);
    CU_ASSERT_EQUAL(mark, 9);

    /* Once it is closed, so is the peer. */
    sharing_close(sharing, PEER);
    send_packet(&peer, &world.served, MODE_ACTIVE, 8);
    run_a_little();
    CU_ASSERT_EQUAL(receive_packet(&peer, 0, &mark), MODE_PASSIVE);
    CU_ASSERT_EQUAL(mark, 8);
    CU_ASSERT_EQUAL(world.count, 0);
    sharing_destroy(sharing);
    close_world();
    udp_close(&peer);
    udp_close(&other);
}

static void what_does_not_fit_is_dropped(void)
{
    open_world(false);
    struct udp peer = open_socket("127.0.0.2"), answered = open_socket("127.0.0.2");
    struct sharing *sharing = share_with(&peer.local);
    uint8_t mark;
    for (uint8_t i = 0; i < HANDOVER_PART + 5; i++) {
        send_packet(&peer, &world.served, MODE_ACTIVE, i);
    }
    /* The worker has seen all of them when this is answered. */
    send_packet(&answered, &world.served, MODE_CLIENT, 77);
    CU_ASSERT_EQUAL(receive_packet(&answered, WAIT_MS, &mark), MODE_SERVER);
    CU_ASSERT_EQUAL(sharing_dropped(sharing), 5);
    CU_ASSERT_TRUE(run_until(EVENT_DATAGRAM, HANDOVER_PART));
    run_a_little();
    CU_ASSERT_EQUAL(world.count, HANDOVER_PART);
    CU_ASSERT_EQUAL(world.told[0].payload[PACKET_TRANSMIT_OFFSET], 0);

    /* There is room again. */
    send_packet(&peer, &world.served, MODE_ACTIVE, 99);
    CU_ASSERT_TRUE(run_until(EVENT_DATAGRAM, HANDOVER_PART + 1));
    CU_ASSERT_EQUAL(world.told[HANDOVER_PART].payload[PACKET_TRANSMIT_OFFSET], 99);
    sharing_destroy(sharing);
    close_world();
    udp_close(&peer);
    udp_close(&answered);
}

static void what_waits_for_a_closed_one_is_dropped(void)
{
    open_world(false);
    struct udp peer = open_socket("127.0.0.2"), answered = open_socket("127.0.0.2");
    struct sharing *sharing = share_with(&peer.local);
    uint8_t mark;
    send_packet(&peer, &world.served, MODE_ACTIVE, 1);
    send_packet(&answered, &world.served, MODE_CLIENT, 77);
    CU_ASSERT_EQUAL(receive_packet(&answered, WAIT_MS, &mark), MODE_SERVER);
    sharing_close(sharing, PEER);
    run_a_little();
    CU_ASSERT_EQUAL(world.count, 0);
    sharing_destroy(sharing);
    close_world();
    udp_close(&peer);
    udp_close(&answered);
}

/* Every worker's socket hears a broadcast: it is told once. */
static void broadcasts_are_told_once(void)
{
    open_world(true);
    char error[KEYRING_ERROR_MAX];
    struct server_options options = {
        .access = world.access, .keyring = &world.keyring, .clients_max = 64};
    struct udp_options wildcard = {.local = {.family = ADDRESS_IPV4}, .in_group = true};
    struct station *stations[2];
    for (size_t i = 0; i < 2; i++) {
        struct udp udp;
        CU_ASSERT_EQUAL_FATAL(udp_open(&wildcard, &udp), 0);
        wildcard.local.port = udp.local.port;
        stations[i] = station_create(&options, &udp, 1, world.clock, &world.loop, error);
        CU_ASSERT_PTR_NOT_NULL_FATAL(stations[i]);
        CU_ASSERT_EQUAL(station_start(stations[i]), 0);
    }
    struct udp sender = open_socket("127.0.0.2");
    struct sharing *sharing = sharing_create(&world.loop, stations, 2, take, &world);
    struct action_open open = {
        .association = PEER, .is_shared = true, .is_broadcast = true, .remote = sender.local};
    char reason[SHARING_ERROR_MAX];
    CU_ASSERT_TRUE(sharing_open(sharing, &open, reason));

    struct address everybody;
    CU_ASSERT_FATAL(address_parse("127.255.255.255", wildcard.local.port, &everybody));
    CU_ASSERT_EQUAL(udp_allow_broadcast(&sender), 0);
    for (uint8_t i = 1; i <= 5; i++) {
        send_packet(&sender, &everybody, MODE_BROADCAST, i);
    }
    CU_ASSERT_TRUE(run_until(EVENT_DATAGRAM, 5));
    run_a_little();
    CU_ASSERT_EQUAL(world.count, 5);
    CU_ASSERT_TRUE(world.told[0].event.datagram.to_group);
    sharing_destroy(sharing);
    station_destroy(stations[0]);
    station_destroy(stations[1]);
    close_world();
    udp_close(&sender);
}

/* From the server's port, and its stamp comes back. */
static void check_sending(bool in_loop)
{
    open_world(in_loop);
    char error[SHARING_ERROR_MAX];
    struct udp peer = open_socket("127.0.0.2");
    struct sharing *sharing = share_with(&peer.local);
    struct action_send send = {
        .association = PEER, .destination = peer.local, .wants_stamp = true, .size = PACKET_SIZE};
    make_packet(send.payload, MODE_ACTIVE, 42);
    CU_ASSERT_TRUE(sharing_has(sharing, PEER));
    struct reading before = clock_read(world.clock);
    CU_ASSERT_TRUE_FATAL(sharing_send(sharing, &send, error));

    struct pollfd item = {.fd = peer.fd, .events = POLLIN};
    struct udp_batch *batch = udp_batch_create();
    struct reading now;
    CU_ASSERT_EQUAL_FATAL(poll(&item, 1, WAIT_MS), 1);
    CU_ASSERT_EQUAL_FATAL(udp_receive(&peer, batch, world.clock, &now), 1);
    CU_ASSERT_TRUE(address_is_same(&udp_batch_datagrams(batch)->source, &world.served));
    udp_batch_destroy(batch);

    CU_ASSERT_TRUE_FATAL(run_until(EVENT_SENT, 1));
    const struct told *told = first_of(EVENT_SENT);
    CU_ASSERT_EQUAL(told->event.sent.association, PEER);
    CU_ASSERT_EQUAL(told->event.sent.stamp, STAMP_KERNEL);
    CU_ASSERT_EQUAL(told->size, PACKET_SIZE);
    CU_ASSERT_EQUAL(memcmp(told->payload, send.payload, PACKET_SIZE), 0);
    CU_ASSERT_TRUE(told->event.sent.at.mono.ns >= before.mono.ns - NS_PER_MS);
    CU_ASSERT_TRUE(told->event.sent.at.mono.ns <= now.mono.ns);
    sharing_destroy(sharing);
    close_world();
    udp_close(&peer);
}

static void stamps_come_back_by_a_thread(void)
{
    check_sending(false);
}

static void stamps_come_back_in_the_loop(void)
{
    check_sending(true);
}

/* Who does not know what we sent can't crowd out the answer to it. */
static void answers_come_through_a_flood(void)
{
    open_world(false);
    char error[SHARING_ERROR_MAX];
    struct udp peer = open_socket("127.0.0.2"), answered = open_socket("127.0.0.2");
    struct sharing *sharing = share_with(&peer.local);
    struct action_send send = {
        .association = PEER, .destination = peer.local, .wants_stamp = true, .size = PACKET_SIZE};
    make_packet(send.payload, MODE_ACTIVE, 42);
    CU_ASSERT_TRUE_FATAL(sharing_send(sharing, &send, error));
    for (uint8_t i = 0; i < HANDOVER_PART + 5; i++) {
        send_packet(&peer, &world.served, MODE_ACTIVE, i);
    }
    uint8_t answer[PACKET_SIZE];
    make_packet(answer, MODE_ACTIVE, 77);
    memcpy(answer + PACKET_ORIGIN_OFFSET, send.payload + PACKET_TRANSMIT_OFFSET, 8);
    CU_ASSERT_EQUAL(udp_send(&peer, &world.served, bytes_make(answer, sizeof(answer)), false), 0);
    uint8_t mark;
    send_packet(&answered, &world.served, MODE_CLIENT, 9);
    CU_ASSERT_EQUAL(receive_packet(&answered, WAIT_MS, &mark), MODE_SERVER);
    CU_ASSERT_EQUAL(sharing_dropped(sharing), 5);
    CU_ASSERT_TRUE(run_until(EVENT_DATAGRAM, HANDOVER_PART + 1));
    bool is_told = false;
    for (size_t i = 0; i < world.count; i++) {
        is_told |= world.told[i].event.kind == EVENT_DATAGRAM &&
                   world.told[i].payload[PACKET_TRANSMIT_OFFSET] == 77;
    }
    CU_ASSERT_TRUE(is_told);
    sharing_destroy(sharing);
    close_world();
    udp_close(&peer);
    udp_close(&answered);
}

static void missing_families_are_explained(void)
{
    open_world(true);
    char error[SHARING_ERROR_MAX] = "";
    struct sharing *sharing = sharing_create(&world.loop, &world.station, 1, take, &world);
    struct action_open open = {.association = PEER, .is_shared = true};
    CU_ASSERT_FATAL(address_parse("2001:db8::1", 123, &open.remote));
    CU_ASSERT_FALSE(sharing_open(sharing, &open, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "[server] listen has no IPv6 address"));
    struct action_send send = {.association = PEER, .destination = open.remote, .size = 48};
    CU_ASSERT_FALSE(sharing_send(sharing, &send, error));

    /* A group is heard by a wildcard only; this station has none. */
    CU_ASSERT_FATAL(address_parse("192.0.2.1", 123, &open.remote));
    CU_ASSERT_FATAL(address_parse("224.0.1.1", 123, &open.group));
    CU_ASSERT_FALSE(sharing_open(sharing, &open, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "224.0.1.1"));
    snprintf(open.device, sizeof(open.device), "nowhere0");
    CU_ASSERT_FALSE(sharing_open(sharing, &open, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "nowhere0"));
    sharing_destroy(sharing);
    close_world();
}

static const struct unit_case cases[] = {
    {"peers are handed over by a thread", peers_are_handed_over_by_a_thread},
    {"peers are handed over in the loop", peers_are_handed_over_in_the_loop},
    {"others are answered as ever", others_are_answered_as_ever},
    {"what does not fit is dropped", what_does_not_fit_is_dropped},
    {"what waits for a closed one is dropped", what_waits_for_a_closed_one_is_dropped},
    {"broadcasts are told once", broadcasts_are_told_once},
    {"stamps come back by a thread", stamps_come_back_by_a_thread},
    {"stamps come back in the loop", stamps_come_back_in_the_loop},
    {"answers come through a flood", answers_come_through_a_flood},
    {"missing families are explained", missing_families_are_explained},
};
UNIT_MAIN("station", cases)
