/* SPDX-License-Identifier: MIT */
#include "common/host/udp.h"
#include "tests/unit/unit.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define WAIT_MS 5000
#define PORTS 16
#define GROUP 4

static const struct clock_fault no_fault;

static struct address address_of(const char *text)
{
    struct address address = {.family = ADDRESS_NONE};
    CU_ASSERT_FATAL(address_parse(text, 0, &address));
    return address;
}

static struct udp open_at(const char *local)
{
    struct udp udp;
    struct udp_options options = {.local = address_of(local), .transmit_stamps = true};
    CU_ASSERT_EQUAL_FATAL(udp_open(&options, &udp), 0);
    return udp;
}

/* Waits for what the kernel promised, without guessing how long it takes. */
static bool wait_for(const struct udp *udp, short events)
{
    struct pollfd item = {.fd = udp->fd, .events = events};
    return poll(&item, 1, WAIT_MS) == 1;
}

static void send_text(const struct udp *from, const struct address *to, const char *text)
{
    CU_ASSERT_EQUAL(udp_send(from, to, bytes_make(text, strlen(text)), false), 0);
}

static void test_datagram_arrives_with_its_facts(void)
{
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp_batch *batch = udp_batch_create();
    struct udp a = open_at("127.0.0.1"), b = open_at("127.0.0.1");
    struct reading before = clock_read(clock), now;
    send_text(&a, &b.local, "hello");
    CU_ASSERT(wait_for(&b, POLLIN));
    CU_ASSERT_EQUAL_FATAL(udp_receive(&b, batch, clock, &now), 1);
    const struct datagram *datagram = udp_batch_datagrams(batch);
    CU_ASSERT(address_is_same(&datagram->source, &a.local));
    CU_ASSERT(address_is_same(&datagram->destination, &b.local));
    CU_ASSERT_EQUAL(datagram->payload.size, 5);
    CU_ASSERT(memcmp(datagram->payload.data, "hello", 5) == 0);
    CU_ASSERT(datagram->received.mono.ns >= before.mono.ns - NS_PER_MS);
    CU_ASSERT(datagram->received.mono.ns <= now.mono.ns);
    CU_ASSERT_EQUAL(datagram->stamp, STAMP_KERNEL);
    CU_ASSERT_EQUAL(udp_receive(&b, batch, clock, &now), 0);
    udp_close(&a);
    udp_close(&b);
    udp_batch_destroy(batch);
    clock_destroy(clock);
}

static void test_answer_leaves_from_the_address_that_was_asked(void)
{
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp_batch *batch = udp_batch_create();
    struct udp server = open_at("0.0.0.0"), client = open_at("127.0.0.1");
    struct address asked = address_of("127.0.0.77");
    struct reading now;
    asked.port = server.local.port;
    send_text(&client, &asked, "who");
    CU_ASSERT(wait_for(&server, POLLIN));
    CU_ASSERT_EQUAL_FATAL(udp_receive(&server, batch, clock, &now), 1);
    CU_ASSERT(address_is_same(&udp_batch_datagrams(batch)->destination, &asked));
    udp_reply(&server, batch, 0, bytes_make("me", 2), false);
    CU_ASSERT_EQUAL(udp_flush(&server, batch), 1);
    CU_ASSERT(wait_for(&client, POLLIN));
    CU_ASSERT_EQUAL_FATAL(udp_receive(&client, batch, clock, &now), 1);
    CU_ASSERT(address_is_same(&udp_batch_datagrams(batch)->source, &asked));
    udp_close(&server);
    udp_close(&client);
    udp_batch_destroy(batch);
    clock_destroy(clock);
}

static void test_long_datagram_is_emptied(void)
{
    static char text[UDP_PAYLOAD_MAX + 1];
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp_batch *batch = udp_batch_create();
    struct udp a = open_at("127.0.0.1"), b = open_at("127.0.0.1");
    struct reading now;
    CU_ASSERT_EQUAL(udp_send(&a, &b.local, bytes_make(text, sizeof(text)), false), 0);
    CU_ASSERT_EQUAL(udp_send(&a, &b.local, bytes_make(text, sizeof(text) - 1), false), 0);
    CU_ASSERT(wait_for(&b, POLLIN));
    CU_ASSERT_EQUAL_FATAL(udp_receive(&b, batch, clock, &now), 2);
    CU_ASSERT_EQUAL(udp_batch_datagrams(batch)[0].payload.size, 0);
    CU_ASSERT_EQUAL(udp_batch_datagrams(batch)[1].payload.size, UDP_PAYLOAD_MAX);
    udp_close(&a);
    udp_close(&b);
    udp_batch_destroy(batch);
    clock_destroy(clock);
}

static void test_whole_batch_is_answered(void)
{
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp_batch *batch = udp_batch_create();
    struct udp server = open_at("127.0.0.1"), client = open_at("127.0.0.1");
    struct reading now;
    for (int i = 0; i < UDP_BATCH_MAX; i++) {
        char octet = (char)i;
        CU_ASSERT_EQUAL(udp_send(&client, &server.local, bytes_make(&octet, 1), false), 0);
    }
    CU_ASSERT(wait_for(&server, POLLIN));
    CU_ASSERT_EQUAL_FATAL(udp_receive(&server, batch, clock, &now), UDP_BATCH_MAX);
    const struct datagram *datagrams = udp_batch_datagrams(batch);
    for (size_t i = 0; i < UDP_BATCH_MAX; i++) {
        CU_ASSERT_EQUAL(datagrams[i].payload.data[0], i);
        udp_reply(&server, batch, i, datagrams[i].payload, false);
    }
    CU_ASSERT_EQUAL(udp_flush(&server, batch), UDP_BATCH_MAX);
    CU_ASSERT(wait_for(&client, POLLIN));
    CU_ASSERT_EQUAL(udp_receive(&client, batch, clock, &now), UDP_BATCH_MAX);
    udp_close(&server);
    udp_close(&client);
    udp_batch_destroy(batch);
    clock_destroy(clock);
}

static void test_transmit_stamp_comes_back(void)
{
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp a = open_at("127.0.0.1"), b = open_at("127.0.0.1");
    uint8_t buffer[256];
    struct sent sent;
    struct reading before = clock_read(clock);
    CU_ASSERT_EQUAL(udp_read_stamp(&a, clock, buffer, sizeof(buffer), &sent), 0);
    CU_ASSERT_EQUAL(udp_send(&a, &b.local, bytes_make("stamp me", 8), true), 0);
    CU_ASSERT(wait_for(&a, POLLPRI));
    CU_ASSERT_EQUAL_FATAL(udp_read_stamp(&a, clock, buffer, sizeof(buffer), &sent), 1);
    CU_ASSERT_EQUAL(sent.stamp, STAMP_KERNEL);
    CU_ASSERT(sent.at.mono.ns >= before.mono.ns - NS_PER_MS);
    CU_ASSERT(sent.at.mono.ns <= clock_read(clock).mono.ns);
    CU_ASSERT_FATAL(sent.payload.size >= 8);
    CU_ASSERT(memcmp(sent.payload.data + sent.payload.size - 8, "stamp me", 8) == 0);
    CU_ASSERT_EQUAL(udp_read_stamp(&a, clock, buffer, sizeof(buffer), &sent), 0);
    udp_close(&a);
    udp_close(&b);
    clock_destroy(clock);
}

static void test_refused_port_is_an_error_of_the_connected_socket(void)
{
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp closed = open_at("127.0.0.1"), udp;
    struct udp_options options = {.local = address_of("127.0.0.1"), .remote = closed.local};
    uint8_t buffer[256];
    struct sent sent;
    udp_close(&closed);
    CU_ASSERT_EQUAL_FATAL(udp_open(&options, &udp), 0);
    CU_ASSERT_EQUAL(udp_send(&udp, NULL, bytes_make("x", 1), false), 0);
    CU_ASSERT(wait_for(&udp, POLLIN));
    CU_ASSERT_EQUAL(udp_read_stamp(&udp, clock, buffer, sizeof(buffer), &sent), -ECONNREFUSED);
    udp_close(&udp);
    clock_destroy(clock);
}

static void test_taken_port_is_refused(void)
{
    struct udp taken = open_at("127.0.0.1"), udp = {.fd = -7};
    struct udp_options options = {.local = taken.local};
    CU_ASSERT_EQUAL(udp_open(&options, &udp), -EADDRINUSE);
    CU_ASSERT_EQUAL(udp.fd, -7);
    udp_close(&taken);
}

/* Which of the group's sockets got the datagram, or -1. */
static int receiver_of(struct udp *group, struct udp_batch *batch, const struct clock *clock)
{
    struct pollfd items[GROUP];
    struct reading now;
    for (int i = 0; i < GROUP; i++) {
        items[i] = (struct pollfd){.fd = group[i].fd, .events = POLLIN};
    }
    CU_ASSERT_EQUAL(poll(items, GROUP, WAIT_MS), 1);
    int found = -1;
    for (int i = 0; i < GROUP; i++) {
        if (udp_receive(&group[i], batch, clock, &now) == 1) {
            found = i;
        }
    }
    return found;
}

static void test_group_is_chosen_by_source_address(void)
{
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp_batch *batch = udp_batch_create();
    struct udp group[GROUP];
    struct udp_options options = {.local = address_of("127.0.0.1"), .in_group = true};
    for (int i = 0; i < GROUP; i++) {
        CU_ASSERT_EQUAL_FATAL(udp_open(&options, &group[i]), 0);
        options.local = group[i].local;
    }
    CU_ASSERT_EQUAL_FATAL(udp_group_attach(&group[0], GROUP), 0);

    unsigned seen = 0;
    for (int host = 1; host < 64; host++) {
        char text[32];
        snprintf(text, sizeof(text), "127.0.1.%d", host);
        int first = -1;
        for (int port = 0; port < PORTS; port++) {
            struct udp client = open_at(text);
            send_text(&client, &group[0].local, "x");
            int got = receiver_of(group, batch, clock);
            CU_ASSERT(got >= 0 && (first == -1 || got == first));
            first = got;
            udp_close(&client);
        }
        seen |= 1u << first;
    }
    CU_ASSERT_EQUAL(seen, (1u << GROUP) - 1); /* 63 hosts meet all four */
    for (int i = 0; i < GROUP; i++) {
        udp_close(&group[i]);
    }
    udp_batch_destroy(batch);
    clock_destroy(clock);
}

/* The last of a group of two, made an outlet, sends from the group's port, and hears nothing: no
 * host's packets, and no broadcast. */
static void test_outlet(void)
{
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp_batch *batch = udp_batch_create();
    struct udp group[2], client = open_at("127.0.0.1");
    struct udp_options options = {.local = address_of("0.0.0.0"), .in_group = true};
    struct reading now;
    int on = 1;
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL_FATAL(udp_open(&options, &group[i]), 0);
        options.local = group[i].local;
    }
    CU_ASSERT_EQUAL_FATAL(udp_make_outlet(group, 1), 0);
    CU_ASSERT_TRUE(group[1].is_outlet && !group[0].is_outlet);
    for (int host = 1; host < 64; host++) {
        char text[32];
        snprintf(text, sizeof(text), "127.0.1.%d", host);
        struct udp each = open_at(text);
        struct address server = address_of("127.0.0.1");
        server.port = group[0].local.port;
        send_text(&each, &server, "x");
        CU_ASSERT(wait_for(&group[0], POLLIN));
        CU_ASSERT_EQUAL(udp_receive(&group[0], batch, clock, &now), 1);
        udp_close(&each);
    }
    CU_ASSERT_EQUAL(setsockopt(client.fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)), 0);
    struct address everybody = address_of("127.255.255.255");
    everybody.port = group[0].local.port;
    send_text(&client, &everybody, "who");
    CU_ASSERT(wait_for(&group[0], POLLIN));
    CU_ASSERT_EQUAL(udp_receive(&group[1], batch, clock, &now), 0);

    send_text(&group[1], &client.local, "there");
    CU_ASSERT(wait_for(&client, POLLIN));
    CU_ASSERT_EQUAL_FATAL(udp_receive(&client, batch, clock, &now), 1);
    CU_ASSERT_EQUAL(udp_batch_datagrams(batch)->source.port, group[0].local.port);
    udp_close(&group[0]);
    udp_close(&group[1]);
    udp_close(&client);
    udp_batch_destroy(batch);
    clock_destroy(clock);
}

/* The loopback network has a broadcast address too; what it heard there it answers from none. */
static void test_broadcast_is_told_apart(void)
{
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp_batch *batch = udp_batch_create();
    struct udp server = open_at("0.0.0.0"), client = open_at("127.0.0.1");
    struct address everybody = address_of("127.255.255.255");
    struct reading now;
    int on = 1;
    CU_ASSERT_EQUAL(setsockopt(client.fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)), 0);
    everybody.port = server.local.port;
    send_text(&client, &everybody, "who");
    CU_ASSERT(wait_for(&server, POLLIN));
    CU_ASSERT_EQUAL_FATAL(udp_receive(&server, batch, clock, &now), 1);
    CU_ASSERT_TRUE(udp_batch_datagrams(batch)->to_group);

    struct address one = address_of("127.0.0.77");
    one.port = server.local.port;
    send_text(&client, &one, "who");
    CU_ASSERT(wait_for(&server, POLLIN));
    CU_ASSERT_EQUAL_FATAL(udp_receive(&server, batch, clock, &now), 1);
    CU_ASSERT_FALSE(udp_batch_datagrams(batch)->to_group);
    udp_close(&server);
    udp_close(&client);
    udp_batch_destroy(batch);
    clock_destroy(clock);
}

static void test_connected_socket_knows_its_own_address(void)
{
    struct udp server = open_at("127.0.0.1"), udp;
    struct udp_options options = {.remote = server.local};
    CU_ASSERT_EQUAL_FATAL(udp_open(&options, &udp), 0);
    struct address loopback = address_of("127.0.0.1");
    CU_ASSERT_TRUE(address_is_same_host(&udp.local, &loopback));
    CU_ASSERT_NOT_EQUAL(udp.local.port, 0);
    udp_close(&udp);
    udp_close(&server);
}

static void test_errors_and_stamps_share_the_queue(void)
{
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp closed = open_at("127.0.0.1"), udp;
    struct udp_options options = {.remote = closed.local, .transmit_stamps = true};
    uint8_t buffer[256];
    struct sent sent;
    int refusals = 0, stamps = 0, got;
    udp_close(&closed);
    CU_ASSERT_EQUAL_FATAL(udp_open(&options, &udp), 0);
    CU_ASSERT_EQUAL(udp_send(&udp, NULL, bytes_make("x", 1), true), 0);
    CU_ASSERT(wait_for(&udp, POLLPRI)); /* an error, too, is one of those */
    while ((got = udp_read_stamp(&udp, clock, buffer, sizeof(buffer), &sent)) != 0) {
        stamps += got == 1;
        refusals += got == -ECONNREFUSED;
        CU_ASSERT_FATAL(stamps + refusals < 10);
    }
    CU_ASSERT_EQUAL(stamps, 1);
    CU_ASSERT_EQUAL(refusals, 1);
    struct pollfd item = {.fd = udp.fd, .events = POLLIN | POLLPRI};
    CU_ASSERT_EQUAL(poll(&item, 1, 0), 0); /* nothing is left to wake a loop again and again */
    udp_close(&udp);
    clock_destroy(clock);
}

static void test_device_is_bound_to(void)
{
    struct udp udp = {.fd = -7};
    struct udp_options options = {.local = address_of("127.0.0.1"), .device = "no-such-device"};
    CU_ASSERT_EQUAL(udp_open(&options, &udp), -ENODEV);
    CU_ASSERT_EQUAL(udp.fd, -7);
    options.device = "lo";
    CU_ASSERT_EQUAL_FATAL(udp_open(&options, &udp), 0);
    char name[16] = "";
    socklen_t size = sizeof(name);
    CU_ASSERT_EQUAL(getsockopt(udp.fd, SOL_SOCKET, SO_BINDTODEVICE, name, &size), 0);
    CU_ASSERT_STRING_EQUAL(name, "lo");
    udp_close(&udp);
}

static void test_datagrams_are_marked(void)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};
    for (size_t i = 0; i < 2; i++) {
        struct udp udp;
        struct udp_options options = {.local = address_of(hosts[i]), .dscp = 46};
        bool is_ipv4 = options.local.family == ADDRESS_IPV4;
        if (udp_open(&options, &udp) != 0) {
            CU_ASSERT_FALSE(is_ipv4); /* a machine without IPv6 */
            continue;
        }
        int value = 0;
        socklen_t size = sizeof(value);
        CU_ASSERT_EQUAL(getsockopt(udp.fd, is_ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
                                   is_ipv4 ? IP_TOS : IPV6_TCLASS, &value, &size),
                        0);
        CU_ASSERT_EQUAL(value, 46 << 2);
        udp_close(&udp);
    }
}

static size_t count_waiting(const struct udp *udp, struct udp_batch *batch,
                            const struct clock *clock)
{
    struct reading now;
    int count = udp_receive(udp, batch, clock, &now);
    CU_ASSERT(count >= 0);
    return (size_t)count;
}

/* Of two that share a port, as two workers do, only the one that joined hears the group. */
static void test_group_is_heard_by_who_joined(void)
{
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp_batch *batch = udp_batch_create();
    struct udp joined, other, client = open_at("127.0.0.1");
    struct udp_options options = {.local = address_of("0.0.0.0"), .in_group = true};
    struct address group = address_of("239.1.2.3");
    struct in_addr loopback = {.s_addr = htonl(INADDR_LOOPBACK)};
    CU_ASSERT_EQUAL_FATAL(udp_open(&options, &joined), 0);
    options.local = joined.local;
    CU_ASSERT_EQUAL_FATAL(udp_open(&options, &other), 0);
    group.port = joined.local.port;
    CU_ASSERT_EQUAL(udp_join_group(&joined, &group, "no-such-device"), -ENODEV);
    CU_ASSERT_EQUAL_FATAL(udp_join_group(&joined, &group, "lo"), 0);
    CU_ASSERT_EQUAL(udp_join_group(&joined, &group, "lo"), -EADDRINUSE);
    CU_ASSERT_EQUAL(setsockopt(client.fd, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof(loopback)),
                    0);
    send_text(&client, &group, "all");
    CU_ASSERT(wait_for(&joined, POLLIN));
    CU_ASSERT_EQUAL(count_waiting(&joined, batch, clock), 1);
    CU_ASSERT_TRUE(udp_batch_datagrams(batch)->to_group);
    CU_ASSERT_EQUAL(count_waiting(&other, batch, clock), 0);

    udp_leave_group(&joined, &group, "lo");
    send_text(&client, &group, "all"); /* the loopback network delivers while it sends */
    CU_ASSERT_EQUAL(count_waiting(&joined, batch, clock), 0);
    udp_close(&joined);
    udp_close(&other);
    udp_close(&client);
    udp_batch_destroy(batch);
    clock_destroy(clock);
}

static void test_broadcast_must_be_allowed(void)
{
    struct udp udp = open_at("127.0.0.1");
    struct address everybody = address_of("127.255.255.255");
    everybody.port = 9;
    CU_ASSERT_EQUAL(udp_send(&udp, &everybody, bytes_make("x", 1), false), -EACCES);
    CU_ASSERT_EQUAL(udp_allow_broadcast(&udp), 0);
    CU_ASSERT_EQUAL(udp_send(&udp, &everybody, bytes_make("x", 1), false), 0);
    udp_close(&udp);
}

static const struct unit_case cases[] = {
    {"a datagram arrives with its facts", test_datagram_arrives_with_its_facts},
    {"an answer leaves from the address asked", test_answer_leaves_from_the_address_that_was_asked},
    {"a datagram that is too long is emptied", test_long_datagram_is_emptied},
    {"a broadcast is told apart", test_broadcast_is_told_apart},
    {"a whole batch is answered", test_whole_batch_is_answered},
    {"a transmit stamp comes back", test_transmit_stamp_comes_back},
    {"a refused port is an error", test_refused_port_is_an_error_of_the_connected_socket},
    {"a taken port is refused", test_taken_port_is_refused},
    {"a connected socket knows its own address", test_connected_socket_knows_its_own_address},
    {"errors and stamps share the queue", test_errors_and_stamps_share_the_queue},
    {"a device is bound to", test_device_is_bound_to},
    {"datagrams are marked", test_datagrams_are_marked},
    {"a group is heard by who joined", test_group_is_heard_by_who_joined},
    {"broadcast must be allowed", test_broadcast_must_be_allowed},
    {"a group is chosen by source address", test_group_is_chosen_by_source_address},
    {"an outlet", test_outlet},
};
UNIT_MAIN("udp", cases)
