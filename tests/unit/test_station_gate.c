/* SPDX-License-Identifier: MIT */
/* Requests of members on a server's sockets: station, gate and intake, over real sockets. */
#include "tests/unit/gate_world.h"
#include "tests/unit/upstream_world.h"

static struct random generator;

static struct intake *open_mesh(bool in_loop)
{
    static struct gate_table table;
    open_world(in_loop);
    random_init_seeded(&generator, 42);
    struct intake *intake = intake_create(&world.loop, take, &world);
    CU_ASSERT_PTR_NOT_NULL_FATAL(intake);
    make_table(&table, &generator, clock_read(world.clock).mono);
    station_gate(world.station, intake, &table);
    return intake;
}

static void close_mesh(struct intake *intake)
{
    station_gate(world.station, NULL, NULL);
    intake_destroy(intake);
    close_world();
}

static void send_made(const struct udp *from, const struct made *made)
{
    CU_ASSERT_EQUAL(udp_send(from, &world.served, made_bytes(made), false), 0);
}

static size_t receive(const struct udp *udp, uint8_t *payload, size_t room)
{
    struct pollfd item = {.fd = udp->fd, .events = POLLIN};
    if (poll(&item, 1, WAIT_MS) != 1) {
        return 0;
    }
    ssize_t size = recv(udp->fd, payload, room, MSG_DONTWAIT);
    return size > 0 ? (size_t)size : 0;
}

/* Ordinary clients, members and strangers with a member's fields, in one batch. */
static void check_batch(bool in_loop)
{
    struct intake *intake = open_mesh(in_loop);
    struct udp client = open_socket("127.0.0.2");
    struct made made, request;
    uint8_t mark = 0;
    send_packet(&client, &world.served, MODE_CLIENT, 1);
    make_request(&request, 2);
    send_made(&client, &request);
    send_made(&client, &request); /* a replay, which is nobody's */
    begin(&made, 3);
    add_session(&made, SESSION, 8);
    send_made(&client, &made);
    send_packet(&client, &world.served, MODE_CLIENT, 4);
    CU_ASSERT_TRUE(run_until(EVENT_DATAGRAM, 1));
    static const uint8_t answered[] = {1, 3, 4};
    for (size_t i = 0; i < sizeof(answered); i++) {
        uint8_t payload[GATE_ANSWER_MAX];
        CU_ASSERT_EQUAL(receive(&client, payload, sizeof(payload)), PACKET_SIZE);
        CU_ASSERT_EQUAL(payload[PACKET_ORIGIN_OFFSET], answered[i]);
    }
    run_a_little();
    CU_ASSERT_EQUAL(receive_packet(&client, 0, &mark), 0);
    CU_ASSERT_EQUAL(world.count, 1);
    const struct told *told = first_of(EVENT_DATAGRAM);
    CU_ASSERT_EQUAL(told->event.datagram.association, 0);
    CU_ASSERT_TRUE(address_is_same(&told->event.datagram.source, &client.local));
    CU_ASSERT_TRUE(told->event.datagram.received.mono.ns > 0);
    CU_ASSERT_EQUAL_FATAL(told->size, request.size);
    CU_ASSERT_EQUAL(memcmp(told->payload, request.payload, request.size), 0);

    uint64_t counts[GATE_VERDICTS] = {0};
    station_add_gate(world.station, counts);
    CU_ASSERT_EQUAL(counts[GATE_HANDOVER], 1);
    CU_ASSERT_EQUAL(counts[GATE_REPLAYED], 1);
    CU_ASSERT_EQUAL(counts[GATE_FORGED], 1);
    struct server_counters counters = {.received = 0};
    station_add_counters(world.station, &counters);
    CU_ASSERT_EQUAL(counters.received, 5);
    CU_ASSERT_EQUAL(counters.answered, 3);
    udp_close(&client);
    close_mesh(intake);
}

static void members_are_handed_over_by_a_thread(void)
{
    check_batch(false);
}

static void members_are_handed_over_in_the_loop(void)
{
    check_batch(true);
}

static void cookies_are_answered(void)
{
    struct intake *intake = open_mesh(false);
    struct udp client = open_socket("127.0.0.2");
    struct made made;
    uint8_t payload[GATE_ANSWER_MAX];
    uint8_t cookie[COOKIE_SIZE] = {0};
    begin(&made, 1);
    struct report_handshake hello = make_hello(NULL);
    add_hello(&made, &hello);
    send_made(&client, &made);
    size_t size = receive(&client, payload, sizeof(payload));
    CU_ASSERT_TRUE_FATAL(read_cookie(bytes_make(payload, size), cookie));
    CU_ASSERT_EQUAL(payload[PACKET_ORIGIN_OFFSET], 1);
    begin(&made, 2);
    hello = make_hello(cookie);
    add_hello(&made, &hello);
    send_made(&client, &made);
    CU_ASSERT_TRUE(run_until(EVENT_DATAGRAM, 1));
    CU_ASSERT_EQUAL(world.told[0].payload[PACKET_TRANSMIT_OFFSET], 2);
    udp_close(&client);
    close_mesh(intake);
}

static void nobody_takes_more_than_a_share(void)
{
    struct intake *intake = open_mesh(false);
    struct udp client = open_socket("127.0.0.2");
    struct made made;
    uint8_t mark;
    for (uint8_t i = 0; i < INTAKE_SHARE_MAX + 5; i++) {
        make_request(&made, i);
        send_made(&client, &made);
    }
    /* The worker has seen all of them when this is answered. */
    send_packet(&client, &world.served, MODE_CLIENT, 77);
    CU_ASSERT_EQUAL(receive_packet(&client, WAIT_MS, &mark), MODE_SERVER);
    CU_ASSERT_EQUAL(intake_dropped(intake), 5);
    CU_ASSERT_TRUE(run_until(EVENT_DATAGRAM, INTAKE_SHARE_MAX));
    run_a_little();
    CU_ASSERT_EQUAL(world.count, INTAKE_SHARE_MAX);

    /* The ring itself has room for the others, up to its end. */
    struct datagram datagram = {.payload = made_bytes(&made)};
    for (uint32_t share = 0; share < INTAKE_SIZE; share++) {
        for (int i = 0; i < 2; i++) {
            intake_put(intake, share, &datagram);
        }
    }
    CU_ASSERT_EQUAL(intake_dropped(intake), 5 + INTAKE_SIZE);
    CU_ASSERT_TRUE(run_until(EVENT_DATAGRAM, INTAKE_SHARE_MAX + INTAKE_SIZE));
    udp_close(&client);
    close_mesh(intake);
}

static void who_is_denied_stays_so(void)
{
    struct intake *intake = open_mesh(true);
    struct prefix prefix;
    struct made made;
    struct udp client = open_socket("127.0.0.2");
    uint8_t mark;
    CU_ASSERT_TRUE_FATAL(prefix_parse("127.0.0.2", &prefix));
    CU_ASSERT_TRUE_FATAL(access_add(world.access, &prefix, false));
    make_request(&made, 1);
    send_made(&client, &made);
    begin(&made, 2);
    struct report_handshake hello = make_hello(NULL);
    add_hello(&made, &hello);
    send_made(&client, &made);
    run_a_little();
    CU_ASSERT_EQUAL(world.count, 0);
    CU_ASSERT_EQUAL(receive_packet(&client, 0, &mark), 0);
    udp_close(&client);
    close_mesh(intake);
}

static const struct unit_case cases[] = {
    {"members are handed over by a thread", members_are_handed_over_by_a_thread},
    {"members are handed over in the loop", members_are_handed_over_in_the_loop},
    {"cookies are answered", cookies_are_answered},
    {"nobody takes more than a share", nobody_takes_more_than_a_share},
    {"who is denied stays so", who_is_denied_stays_so},
};
UNIT_MAIN("gate of a station", cases)
