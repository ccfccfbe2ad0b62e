/* SPDX-License-Identifier: MIT */
/* The server engine in interleaved mode (RFC 9769), and the order of its timestamps. */
#include "tests/unit/server_bench.h"

/* What a client of interleaved mode keeps between its requests. */
struct client {
    uint64_t receive; /* of the last reply */
    uint64_t nonce;
};

/* Asks as chronyd with xleave does: origin is the server's last receive timestamp, the other two
 * are random. */
static struct packet ask_interleaved(struct client *client)
{
    prepare(4, MODE_CLIENT, 48);
    set_timestamps(client->receive, client->nonce + 1, client->nonce + 2);
    client->nonce += 1000;
    struct packet packet = parsed(ask());
    client->receive = packet.receive.bits;
    return packet;
}

static bool is_basic(struct packet packet, const struct client *client)
{
    return packet.origin.bits == client->nonce - 1000 + 2;
}

static bool is_interleaved(struct packet packet, const struct client *client)
{
    return packet.origin.bits == client->nonce - 1000 + 1;
}

/* The kernel reports that the last reply left so much later than the daemon said. */
static void report_sent(int64_t later_ns, size_t headers, enum stamp_origin stamp)
{
    uint8_t frame[256];
    const struct action_send *reply = &bench.out.items[0].send;
    memset(frame, 0xC3, sizeof(frame));
    memcpy(frame + headers, reply->payload, reply->size);
    struct event event = {.kind = EVENT_SENT, .now = reading_at(bench.elapsed_ns + later_ns)};
    event.sent.stamp = stamp;
    event.sent.at = event.now;
    event.sent.payload = bytes_make(frame, headers + reply->size);
    struct actions *out = calloc(1, sizeof(*out));
    server_handle(bench.server, &event, out);
    CU_ASSERT_EQUAL(out->count, 0);
    free(out);
}

static void test_third_is_interleaved(void)
{
    open_bench(false);
    struct client client = {0, TRANSMIT};
    CU_ASSERT_TRUE(is_basic(ask_interleaved(&client), &client));
    CU_ASSERT_FALSE(bench.out.items[0].send.wants_stamp);
    for (unsigned i = 0; i < 3; i++) {
        struct packet packet = ask_interleaved(&client);
        struct reading left = bench.event.now;
        CU_ASSERT_EQUAL(is_basic(packet, &client), i == 0);
        CU_ASSERT_EQUAL(is_interleaved(packet, &client), i > 0);
        CU_ASSERT_TRUE(is_stamp(packet.receive, bench.event.datagram.received));
        CU_ASSERT_TRUE(bench.out.items[0].send.wants_stamp);
        if (i > 0) {
            /* When the one before left: as the kernel saw it, or the daemon if nothing was
             * reported. */
            left = reading_at(bench.elapsed_ns - NS_PER_S + (i == 1 ? 30 * NS_PER_US : 0));
        }
        CU_ASSERT_TRUE(is_stamp(packet.transmit, left));
        if (i == 0) {
            report_sent(30 * NS_PER_US, 42, STAMP_KERNEL);
        }
    }
    const struct server_counters *counters = server_counters(bench.server);
    CU_ASSERT_EQUAL(counters->interleaved, 2);
    CU_ASSERT_EQUAL(counters->answered, 4);
    CU_ASSERT_EQUAL(counters->stamps_tx[STAMP_DAEMON], 3);
    CU_ASSERT_EQUAL(counters->stamps_tx[STAMP_KERNEL], 1);
    close_bench();
}

static void test_signed(void)
{
    open_bench(false);
    uint64_t origin = 0;
    for (unsigned i = 0; i < 4; i++) {
        prepare(4, MODE_CLIENT, 48);
        set_timestamps(origin, 5, 7);
        sign(4, 4);
        const struct action_send *reply = ask();
        struct packet packet = parsed(reply);
        CU_ASSERT_TRUE(is_authentic(reply, 4, 4));
        CU_ASSERT_EQUAL(packet.origin.bits, i < 2 ? 7 : 5);
        struct reading before = reading_at(bench.elapsed_ns - NS_PER_S + NS_PER_MS);
        CU_ASSERT_TRUE(i < 2 || is_stamp(packet.transmit, before));
        origin = packet.receive.bits;
        report_sent(NS_PER_MS, 62, STAMP_HARDWARE);
    }
    CU_ASSERT_EQUAL(server_counters(bench.server)->stamps_tx[STAMP_HARDWARE], 2);
    close_bench();
}

static void test_replay(void)
{
    open_bench(false);
    struct client client = {0, TRANSMIT};
    for (unsigned i = 0; i < 3; i++) {
        (void)ask_interleaved(&client);
    }
    CU_ASSERT_EQUAL(server_counters(bench.server)->interleaved, 1);
    for (unsigned i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(parsed(ask()).origin.bits, client.nonce - 1000 + 2);
    }
    CU_ASSERT_EQUAL(server_counters(bench.server)->interleaved, 1);
    /* The client itself goes on, whether it saw those answers or not. */
    CU_ASSERT_TRUE(is_interleaved(ask_interleaved(&client), &client));
    close_bench();
}

/* ntpd sends our transmit timestamp back, every time: basic mode, and nothing is kept. */
static void test_basic_clients_cost_nothing(void)
{
    open_bench(false);
    uint64_t origin = 0;
    for (unsigned i = 0; i < 50; i++) {
        prepare(4, i % 2 == 0 ? MODE_CLIENT : MODE_ACTIVE, 48);
        set_timestamps(origin, 5, 7);
        /* Uneven instants: parity is no accident. */
        bench.event.now = reading_at(bench.elapsed_ns + 37 * i);
        bench.event.datagram.received = reading_at(bench.elapsed_ns - 1000 - 41 * i);
        struct packet packet = parsed(ask());
        CU_ASSERT_EQUAL(packet.origin.bits, 7);
        CU_ASSERT_FALSE(bench.out.items[0].send.wants_stamp);
        CU_ASSERT_EQUAL(packet.transmit.bits & 1, 0);
        CU_ASSERT_EQUAL(packet.receive.bits & 1, 1);
        origin = packet.transmit.bits;
    }
    CU_ASSERT_EQUAL(server_counters(bench.server)->interleaved, 0);
    close_bench();
}

static void test_not_taken_for_interleaved(void)
{
    open_bench(false);
    static const struct {
        uint64_t receive, transmit;
        unsigned mode;
        const char *source;
    } requests[] = {{0, 7, MODE_CLIENT, "10.0.0.1:40000"},
                    {7, 7, MODE_CLIENT, "10.0.0.1:40000"},
                    {5, 7, MODE_ACTIVE, "10.0.0.1:40000"},
                    {5, 7, MODE_CLIENT, "10.0.0.9:40000"}};
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct client client = {0, TRANSMIT + 50000 * i};
        (void)ask_interleaved(&client);
        (void)ask_interleaved(&client);
        prepare(4, requests[i].mode, 48);
        set_timestamps(client.receive, requests[i].receive, requests[i].transmit);
        CU_ASSERT_TRUE(address_parse(requests[i].source, 0, &bench.event.datagram.source));
        struct packet packet = parsed(ask());
        CU_ASSERT_EQUAL(packet.origin.bits, 7);
        CU_ASSERT_TRUE(is_stamp(packet.transmit, bench.event.now));
        CU_ASSERT_EQUAL(server_counters(bench.server)->interleaved, 0);
    }
    close_bench();
}

static void test_strange_stamps(void)
{
    open_bench(false);
    struct client client = {0, TRANSMIT};
    (void)ask_interleaved(&client);
    (void)ask_interleaved(&client);
    struct reading left = bench.event.now;
    /* Too short, empty, or not ours: nothing happens. */
    uint8_t junk[300] = {0};
    for (size_t size = 0; size < sizeof(junk); size++) {
        struct sent sent = {.at = reading_at(99 * NS_PER_S), .payload = bytes_make(junk, size)};
        server_sent(bench.server, &sent);
    }
    struct packet packet = ask_interleaved(&client);
    CU_ASSERT_TRUE(is_interleaved(packet, &client));
    CU_ASSERT_TRUE(is_stamp(packet.transmit, left));
    /* Reported twice: the first counts. */
    left = reading_at(bench.elapsed_ns + 1000);
    report_sent(1000, 0, STAMP_KERNEL);
    report_sent(5000, 14, STAMP_KERNEL);
    CU_ASSERT_TRUE(is_stamp(ask_interleaved(&client).transmit, left));
    /* A stamp before the request arrived is impossible; it is not handed on as it is. */
    uint64_t receive = client.receive;
    report_sent(-NS_PER_S, 28, STAMP_KERNEL);
    CU_ASSERT_EQUAL(ask_interleaved(&client).transmit.bits, receive + 1);
    close_bench();
}

/* A batch of which every clock reading is the same: no receive timestamp is given twice, and each
 * transmit timestamp is after its own. */
static void test_standing_clock(void)
{
    open_bench(false);
    static struct datagram datagrams[SERVER_BATCH_MAX];
    static struct server_reply replies[SERVER_BATCH_MAX];
    prepare(4, MODE_CLIENT, 48);
    set_timestamps(TRANSMIT | 1, 5, 7);
    struct reading now = bench.event.now;
    for (size_t i = 0; i < SERVER_BATCH_MAX; i++) {
        datagrams[i] = bench.event.datagram;
        datagrams[i].received = now;
        bytes_put_u16(datagrams[i].source.octets + 2, (uint16_t)(1 + i / 3));
    }
    CU_ASSERT_EQUAL(server_answer(bench.server, datagrams, SERVER_BATCH_MAX, now, replies),
                    SERVER_BATCH_MAX);
    server_seal(bench.server, replies, SERVER_BATCH_MAX, now, 0);
    for (size_t i = 0; i < SERVER_BATCH_MAX; i++) {
        struct bytes payload = bytes_make(replies[i].payload, replies[i].size);
        uint64_t receive = bytes_u64(payload, PACKET_RECEIVE_OFFSET);
        CU_ASSERT_EQUAL(receive, replies[i].receive.bits);
        CU_ASSERT_TRUE(bytes_u64(payload, PACKET_TRANSMIT_OFFSET) > receive);
        for (size_t j = 0; j < i; j++) {
            CU_ASSERT_NOT_EQUAL(receive, replies[j].receive.bits);
        }
    }
    close_bench();
}

static void test_stamp_from_the_future(void)
{
    open_bench(false);
    prepare(4, MODE_CLIENT, 48);
    bench.event.datagram.received = reading_at(bench.elapsed_ns + 5 * NS_PER_MS);
    struct packet packet = parsed(ask());
    CU_ASSERT_TRUE(is_stamp(packet.receive, bench.event.now));
    int64_t held_ns = timestamp_difference_ns(packet.transmit, packet.receive);
    CU_ASSERT_TRUE(packet.transmit.bits > packet.receive.bits && held_ns <= 1);
    close_bench();
}

/* A batch with strangers in it: replies name their requests, and leave one gap after the other. */
static void test_batch(void)
{
    open_bench(false);
    static struct datagram datagrams[SERVER_BATCH_MAX];
    static struct server_reply replies[SERVER_BATCH_MAX];
    static uint8_t payloads[SERVER_BATCH_MAX][48];
    prepare(4, MODE_CLIENT, 48);
    struct reading now = bench.event.now;
    for (size_t i = 0; i < SERVER_BATCH_MAX; i++) {
        datagrams[i] = bench.event.datagram;
        memcpy(payloads[i], bench.request, 48);
        bytes_put_u64(payloads[i] + PACKET_TRANSMIT_OFFSET, i + 1);
        payloads[i][0] = i % 4 == 3 ? 0x24 : 0x23;
        datagrams[i].payload = bytes_make(payloads[i], 48);
    }
    size_t count = server_answer(bench.server, datagrams, SERVER_BATCH_MAX, now, replies);
    CU_ASSERT_EQUAL(count, SERVER_BATCH_MAX / 4 * 3);
    now.mono.ns += 3000;
    now.wall.ns += 3000;
    server_seal(bench.server, replies, count, now, 1500);
    for (size_t i = 0; i < count; i++) {
        struct packet packet;
        struct bytes payload = bytes_make(replies[i].payload, replies[i].size);
        CU_ASSERT_EQUAL(packet_parse(payload, &packet), PACKET_OK);
        CU_ASSERT_EQUAL(replies[i].request, i / 3 * 4 + i % 3);
        CU_ASSERT_EQUAL(packet.origin.bits, replies[i].request + 1);
        int64_t error_ns =
            timestamp_difference_ns(packet.transmit, timestamp_from_unix_ns(now.wall.ns)) -
            1500 * (int64_t)i;
        CU_ASSERT_TRUE(error_ns >= -30 && error_ns <= 1);
    }
    CU_ASSERT_EQUAL(server_answer(bench.server, datagrams, 0, now, replies), 0);
    server_seal(bench.server, replies, 0, now, 1500);
    close_bench();
}

/* Stamps take room from requests: a batch asks for few, and the others have the daemon's. */
static void test_stamps_of_a_batch(void)
{
    open_bench(false);
    static struct datagram datagrams[SERVER_BATCH_MAX];
    static struct server_reply replies[SERVER_BATCH_MAX];
    prepare(4, MODE_CLIENT, 48);
    set_timestamps(1, 2, 3);
    for (size_t i = 0; i < SERVER_BATCH_MAX; i++) {
        datagrams[i] = bench.event.datagram;
        bytes_put_u32(datagrams[i].source.octets, 0x0A000100 + (uint32_t)i);
    }
    for (unsigned round = 0; round < 2; round++) {
        unsigned wanted = 0;
        size_t count =
            server_answer(bench.server, datagrams, SERVER_BATCH_MAX, bench.event.now, replies);
        CU_ASSERT_EQUAL(count, SERVER_BATCH_MAX);
        server_seal(bench.server, replies, count, bench.event.now, 0);
        for (size_t i = 0; i < count; i++) {
            wanted += replies[i].wants_stamp;
            CU_ASSERT_TRUE(replies[i].is_saved);
        }
        CU_ASSERT_TRUE(wanted > 0 && wanted <= 8);
    }
    struct packet last;
    struct bytes payload = bytes_make(replies[SERVER_BATCH_MAX - 1].payload, PACKET_SIZE);
    CU_ASSERT_EQUAL(packet_parse(payload, &last), PACKET_OK);
    prepare(4, MODE_CLIENT, 48);
    bench.event.datagram.source = datagrams[SERVER_BATCH_MAX - 1].source;
    set_timestamps(last.receive.bits, 4, 5);
    struct packet packet = parsed(ask());
    CU_ASSERT_EQUAL(packet.origin.bits, 4);
    CU_ASSERT_EQUAL(packet.transmit.bits, last.transmit.bits);
    close_bench();
}

/* In 2036 the timestamps begin again at zero. */
static void test_era(void)
{
    open_bench(false);
    bench.elapsed_ns = INT64_C(2085978496) * NS_PER_S - START_NS - 4 * NS_PER_S;
    struct client client = {0, TRANSMIT};
    for (unsigned i = 0; i < 8; i++) {
        struct packet packet = ask_interleaved(&client);
        CU_ASSERT_EQUAL(is_interleaved(packet, &client), i >= 2);
        CU_ASSERT_TRUE(is_stamp(packet.receive, bench.event.datagram.received));
        CU_ASSERT_FALSE(timestamp_is_unset(packet.transmit));
        if (i < 2) {
            CU_ASSERT_TRUE((int64_t)(packet.transmit.bits - packet.receive.bits) > 0);
        }
    }
    close_bench();
}

static const struct unit_case cases[] = {
    {"the third request is answered interleaved", test_third_is_interleaved},
    {"interleaved and signed", test_signed},
    {"a replayed request gets basic mode", test_replay},
    {"basic clients cost nothing", test_basic_clients_cost_nothing},
    {"what is not interleaved", test_not_taken_for_interleaved},
    {"strange transmit stamps", test_strange_stamps},
    {"a clock that stands still", test_standing_clock},
    {"a receive stamp from the future", test_stamp_from_the_future},
    {"a batch, and its gaps", test_batch},
    {"the stamps of a batch", test_stamps_of_a_batch},
    {"across the end of the era", test_era},
};
UNIT_MAIN("server in interleaved mode", cases)
