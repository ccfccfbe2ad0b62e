/* SPDX-License-Identifier: MIT */
/* The sockets of associations, against sockets of ours on loopback. */
#include "server/upstream.h"
#include "tests/unit/upstream_world.h"

#define SOURCE 3

static struct upstream *upstream;

static void open_upstream(void)
{
    open_world(true);
    struct upstream_options options = {.loop = &world.loop,
                                       .clock = world.clock,
                                       .stations = &world.station,
                                       .station_count = 1,
                                       .take = take,
                                       .context = &world};
    upstream = upstream_create(&options);
    CU_ASSERT_PTR_NOT_NULL_FATAL(upstream);
}

static void close_upstream(void)
{
    upstream_destroy(upstream);
    close_world();
}

static void open_towards(const struct address *remote)
{
    struct action_open open = {.association = SOURCE, .remote = *remote};
    upstream_open(upstream, &open);
}

static void ask(uint8_t mark)
{
    struct action_send send = {.association = SOURCE, .wants_stamp = true, .size = PACKET_SIZE};
    make_packet(send.payload, MODE_CLIENT, mark);
    upstream_send(upstream, &send);
}

/* Receives what was asked and says from where. */
static struct address hear(const struct udp *server)
{
    struct pollfd item = {.fd = server->fd, .events = POLLIN};
    struct udp_batch *batch = udp_batch_create();
    struct reading now;
    struct address from = {.family = ADDRESS_NONE};
    if (poll(&item, 1, WAIT_MS) == 1 && udp_receive(server, batch, world.clock, &now) > 0) {
        from = udp_batch_datagrams(batch)->source;
    }
    udp_batch_destroy(batch);
    return from;
}

static void exchanges(void)
{
    open_upstream();
    struct udp server = open_socket("127.0.0.2"), stranger = open_socket("127.0.0.3");
    open_towards(&server.local);
    ask(1);
    struct address from = hear(&server);
    struct address local = upstream_local(upstream, SOURCE);
    CU_ASSERT_TRUE(address_is_same(&from, &local));
    send_packet(&stranger, &from, MODE_SERVER, 8);
    send_packet(&server, &from, MODE_SERVER, 9);
    CU_ASSERT_TRUE(run_until(EVENT_DATAGRAM, 1));
    CU_ASSERT_TRUE(run_until(EVENT_SENT, 1));
    CU_ASSERT_EQUAL(world.count, 2); /* nothing of the stranger */
    const struct told *sent = first_of(EVENT_SENT), *datagram = first_of(EVENT_DATAGRAM);
    CU_ASSERT_TRUE(sent < datagram); /* in the order in which it was */
    CU_ASSERT_EQUAL(sent->event.sent.association, SOURCE);
    CU_ASSERT_EQUAL(sent->event.sent.stamp, STAMP_KERNEL);
    CU_ASSERT_TRUE(sent->size >= PACKET_SIZE);
    CU_ASSERT_EQUAL(sent->payload[sent->size - 1], 1);
    CU_ASSERT_EQUAL(datagram->event.datagram.association, SOURCE);
    CU_ASSERT_EQUAL(datagram->payload[PACKET_TRANSMIT_OFFSET], 9);
    CU_ASSERT_TRUE(datagram->event.datagram.received.mono.ns > sent->event.sent.at.mono.ns);
    close_upstream();
    udp_close(&server);
    udp_close(&stranger);
}

/* Refused by the network, and later heard all the same: by the same socket. */
static void refusals_are_told_and_survived(void)
{
    open_upstream();
    struct udp server = open_socket("127.0.0.2");
    struct udp_options options = {.local = server.local, .transmit_stamps = true};
    udp_close(&server);
    open_towards(&options.local);
    struct address local = upstream_local(upstream, SOURCE);
    ask(1);
    CU_ASSERT_TRUE_FATAL(run_until(EVENT_REFUSED, 1));
    CU_ASSERT_STRING_EQUAL(first_of(EVENT_REFUSED)->error, "Connection refused");
    CU_ASSERT_EQUAL(first_of(EVENT_REFUSED)->event.refused.association, SOURCE);

    CU_ASSERT_EQUAL_FATAL(udp_open(&options, &server), 0);
    ask(2);
    struct address from = hear(&server);
    CU_ASSERT_TRUE(address_is_same(&from, &local));
    send_packet(&server, &from, MODE_SERVER, 9);
    CU_ASSERT_TRUE(run_until(EVENT_DATAGRAM, 1));
    close_upstream();
    udp_close(&server);
}

/* What can't be opened is told from the loop, never from within the call; and opened later. */
static void failures_are_queued(void)
{
    open_upstream();
    struct udp server = open_socket("127.0.0.2");
    struct action_open open = {.association = SOURCE, .remote = server.local};
    CU_ASSERT_FATAL(address_parse("192.0.2.77", 0, &open.local));
    upstream_open(upstream, &open);
    ask(1);
    ask(2);
    CU_ASSERT_EQUAL(world.count, 0);
    CU_ASSERT_TRUE(run_until(EVENT_REFUSED, 1));
    run_a_little();
    CU_ASSERT_EQUAL(world.count, 1); /* the same reason counts once */
    CU_ASSERT_STRING_EQUAL(world.told[0].error, "Cannot assign requested address");

    upstream_close(upstream, SOURCE);
    open_towards(&server.local);
    ask(3);
    (void)hear(&server);
    CU_ASSERT_TRUE(run_until(EVENT_SENT, 1));
    CU_ASSERT_EQUAL(count_of(EVENT_REFUSED), 1);
    close_upstream();
    udp_close(&server);
}

static void a_closed_one_is_told_nothing(void)
{
    open_upstream();
    struct udp server = open_socket("127.0.0.2");
    struct action_open open = {.association = SOURCE, .remote = server.local};
    CU_ASSERT_FATAL(address_parse("192.0.2.77", 0, &open.local));
    upstream_open(upstream, &open); /* refused, and closed before that is told */
    upstream_close(upstream, SOURCE);
    run_a_little();
    CU_ASSERT_EQUAL(world.count, 0);

    open_towards(&server.local);
    ask(1);
    struct address from = hear(&server);
    send_packet(&server, &from, MODE_SERVER, 9);
    upstream_close(upstream, SOURCE);
    run_a_little();
    CU_ASSERT_EQUAL(world.count, 0);

    ask(2); /* unknown by now */
    CU_ASSERT_TRUE(run_until(EVENT_REFUSED, 1));
    CU_ASSERT_STRING_EQUAL(world.told[0].error, "it is not open");
    close_upstream();
    udp_close(&server);
}

static void close_at_once(struct world *here, const struct event *event)
{
    (void)here;
    if (event->kind == EVENT_DATAGRAM) {
        upstream_close(upstream, SOURCE);
    }
}

/* In the middle of a batch. */
static void closing_ends_a_batch(void)
{
    open_upstream();
    struct udp server = open_socket("127.0.0.2");
    open_towards(&server.local);
    ask(1);
    struct address from = hear(&server);
    for (uint8_t i = 0; i < 5; i++) {
        send_packet(&server, &from, MODE_SERVER, i);
    }
    world.also = close_at_once;
    CU_ASSERT_TRUE(run_until(EVENT_DATAGRAM, 1));
    run_a_little();
    CU_ASSERT_EQUAL(count_of(EVENT_DATAGRAM), 1);
    close_upstream();
    udp_close(&server);
}

static void many_are_opened_and_reset(void)
{
    open_upstream();
    struct udp server = open_socket("127.0.0.2");
    for (uint32_t i = 1; i <= UPSTREAM_MAX + 1; i++) {
        struct action_open open = {.association = i, .remote = server.local};
        upstream_open(upstream, &open);
    }
    CU_ASSERT_TRUE(run_until(EVENT_REFUSED, 1));
    CU_ASSERT_EQUAL(world.count, 1);
    CU_ASSERT_EQUAL(world.told[0].event.refused.association, UPSTREAM_MAX + 1);
    upstream_reset(upstream);
    CU_ASSERT_EQUAL(upstream_local(upstream, 1).family, ADDRESS_NONE);
    open_towards(&server.local);
    ask(1);
    CU_ASSERT_EQUAL(hear(&server).family, ADDRESS_IPV4);
    close_upstream();
    udp_close(&server);
}

static void shared_ones_speak_from_the_servers_port(void)
{
    open_upstream();
    struct udp peer = open_socket("127.0.0.2");
    struct action_open open = {.association = SOURCE, .is_shared = true, .remote = peer.local};
    struct action_send send = {
        .association = SOURCE, .destination = peer.local, .size = PACKET_SIZE};
    make_packet(send.payload, MODE_ACTIVE, 5);
    upstream_open(upstream, &open);
    upstream_send(upstream, &send);
    struct address from = hear(&peer);
    CU_ASSERT_TRUE(address_is_same(&from, &world.served));
    send_packet(&peer, &from, MODE_PASSIVE, 6);
    CU_ASSERT_TRUE(run_until(EVENT_DATAGRAM, 1));
    CU_ASSERT_EQUAL(first_of(EVENT_DATAGRAM)->event.datagram.association, SOURCE);
    upstream_close(upstream, SOURCE);
    send_packet(&peer, &from, MODE_PASSIVE, 7);
    run_a_little();
    CU_ASSERT_EQUAL(count_of(EVENT_DATAGRAM), 1);
    close_upstream();
    udp_close(&peer);
}

static const struct unit_case cases[] = {
    {"an exchange is told with its stamps", exchanges},
    {"refusals are told and survived", refusals_are_told_and_survived},
    {"failures are queued", failures_are_queued},
    {"a closed one is told nothing", a_closed_one_is_told_nothing},
    {"closing ends a batch", closing_ends_a_batch},
    {"many are opened and reset", many_are_opened_and_reset},
    {"shared ones speak from the server's port", shared_ones_speak_from_the_servers_port},
};
UNIT_MAIN("upstream", cases)
