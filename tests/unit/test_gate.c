/* SPDX-License-Identifier: MIT */
/* Who gets past a worker, and what others are answered. */
#include "tests/unit/gate_world.h"

#define GARBAGE 20000

static const struct mono start = {1000 * NS_PER_S};

struct bench {
    struct random random;
    struct gate gate;
    struct gate_table table;
    struct gate_result result;
    struct mono now;
};

static struct bench bench;

static void open_bench(void)
{
    memset(&bench, 0, sizeof(bench));
    random_init_seeded(&bench.random, 42);
    bench.now = start;
    make_table(&bench.table, &bench.random, start);
    gate_set(&bench.gate, &bench.table);
}

static struct datagram datagram_of(const struct made *made, const char *source)
{
    struct datagram datagram = {.payload = made_bytes(made)};
    CU_ASSERT_TRUE_FATAL(address_parse(source, 1234, &datagram.source));
    return datagram;
}

static enum gate_verdict judge_from(const struct made *made, const char *source)
{
    struct datagram datagram = datagram_of(made, source);
    return gate_judge(&bench.gate, &datagram, bench.now, &bench.result);
}

static enum gate_verdict judge(const struct made *made)
{
    return judge_from(made, "192.0.2.1");
}

static void ordinary_requests_are_plain(void)
{
    struct made made;
    open_bench();
    begin(&made, 1);
    CU_ASSERT_EQUAL(judge(&made), GATE_PLAIN);
    /* A field of somebody else's, of the same length. */
    add_session(&made, SESSION, 7);
    made.payload[PACKET_SIZE] = 0x01;
    CU_ASSERT_EQUAL(judge(&made), GATE_PLAIN);
    /* Ours in another mode, and in another version. */
    make_request(&made, 1);
    made.payload[0] = 4 << 3 | MODE_ACTIVE;
    CU_ASSERT_EQUAL(judge(&made), GATE_PLAIN);
    made.payload[0] = 3 << 3 | MODE_CLIENT;
    CU_ASSERT_EQUAL(judge(&made), GATE_PLAIN);
    CU_ASSERT_EQUAL(gate_count(&bench.gate, GATE_PLAIN), 4);
}

static void members_are_handed_over(void)
{
    struct made made;
    open_bench();
    make_request(&made, 1);
    CU_ASSERT_EQUAL(judge(&made), GATE_HANDOVER);
    CU_ASSERT_NOT_EQUAL(bench.result.share, 0);

    /* Every octet of it is covered: header, counter, tag. */
    for (size_t i = PACKET_ORIGIN_OFFSET; i < made.size; i++) {
        make_request(&made, 1);
        made.payload[i] ^= 1;
        CU_ASSERT_NOT_EQUAL(judge(&made), GATE_HANDOVER);
    }
    begin(&made, 1);
    add_session(&made, SESSION, 8);
    CU_ASSERT_EQUAL(judge(&made), GATE_FORGED);
    begin(&made, 1);
    add_session(&made, SESSION + 1, 7);
    CU_ASSERT_EQUAL(judge(&made), GATE_NO_SESSION);
}

/* Another session, whose key is octets of 8. */
static void set_second(uint64_t member, uint16_t id)
{
    bench.table.count = 2;
    bench.table.sessions[1] = (struct gate_session){.member = member, .id = id};
    memset(bench.table.sessions[1].key, 8, SECRET_SIZE);
    gate_set(&bench.gate, &bench.table);
}

static void sessions_may_share_an_id(void)
{
    struct made made;
    open_bench();
    set_second(OTHER + 1, SESSION);
    begin(&made, 1);
    add_session(&made, SESSION, 8);
    CU_ASSERT_EQUAL(judge(&made), GATE_HANDOVER);
    make_request(&made, 1);
    CU_ASSERT_EQUAL(judge(&made), GATE_HANDOVER);
}

static void no_mesh_is_no_gate(void)
{
    struct made made;
    open_bench();
    make_request(&made, 1);
    gate_close(&bench.gate);
    CU_ASSERT_EQUAL(judge(&made), GATE_PLAIN);
    memset(&bench.gate, 0, sizeof(bench.gate));
    CU_ASSERT_EQUAL(judge(&made), GATE_PLAIN);
}

static void first_hellos_get_a_cookie(void)
{
    struct made made;
    uint8_t cookie[COOKIE_SIZE] = {0};
    open_bench();
    begin(&made, 0x5A);
    struct report_handshake hello = make_hello(NULL);
    add_hello(&made, &hello);
    CU_ASSERT_EQUAL(judge(&made), GATE_COOKIE);
    CU_ASSERT_TRUE(bench.result.size <= made.size);
    struct bytes answer = bytes_make(bench.result.payload, bench.result.size);
    CU_ASSERT_TRUE_FATAL(read_cookie(answer, cookie));

    /* No client takes it for the time; who asked knows it as the answer. */
    struct packet header;
    CU_ASSERT_EQUAL_FATAL(packet_parse(answer, &header), PACKET_OK);
    CU_ASSERT_EQUAL(header.mode, MODE_SERVER);
    CU_ASSERT_EQUAL(header.version, 4);
    CU_ASSERT_EQUAL(header.leap, LEAP_UNSYNCHRONISED);
    CU_ASSERT_FALSE(packet_is_kiss(&header));
    CU_ASSERT_EQUAL(header.origin.bits, UINT64_C(0x5A5A5A5A5A5A5A5A));

    /* With it the next is handed over, from there alone. */
    begin(&made, 1);
    hello = make_hello(cookie);
    add_hello(&made, &hello);
    CU_ASSERT_EQUAL(judge(&made), GATE_HANDOVER);
    CU_ASSERT_EQUAL(bench.result.share, 0);
    CU_ASSERT_EQUAL(judge_from(&made, "192.0.2.2"), GATE_COOKIE);
    CU_ASSERT_EQUAL(judge_from(&made, "192.0.2.1:9"), GATE_COOKIE);
}

static void cookies_grow_old(void)
{
    struct made made;
    uint8_t cookie[COOKIE_SIZE] = {0};
    open_bench();
    struct address address;
    struct report_handshake hello = make_hello(NULL);
    CU_ASSERT_TRUE_FATAL(address_parse("192.0.2.1", 1234, &address));
    CU_ASSERT_TRUE_FATAL(cookie_make(&bench.table.jar, &address, hello.ephemeral, cookie));
    begin(&made, 1);
    hello = make_hello(cookie);
    add_hello(&made, &hello);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(judge(&made), GATE_HANDOVER);
        bench.now.ns += COOKIE_ROTATION_NS;
        cookie_jar_rotate(&bench.table.jar, &bench.random, bench.now);
        gate_set(&bench.gate, &bench.table);
    }
    CU_ASSERT_EQUAL(judge(&made), GATE_COOKIE);
}

/* Who joins knows an address, and nobody's name. */
static void asks_who_is_there(void)
{
    struct made made;
    open_bench();
    struct report_handshake hello = make_hello(NULL);
    hello.to = 0;
    begin(&made, 1);
    add_hello(&made, &hello);
    CU_ASSERT_EQUAL(judge(&made), GATE_COOKIE);
}

static void hellos_to_others_are_plain(void)
{
    struct made made;
    open_bench();
    struct report_handshake hello = make_hello(NULL);
    hello.to = OTHER + 1;
    begin(&made, 1);
    add_hello(&made, &hello);
    CU_ASSERT_EQUAL(judge(&made), GATE_FOREIGN);
    hello = make_hello(NULL);
    hello.from = SELF;
    begin(&made, 1);
    add_hello(&made, &hello);
    CU_ASSERT_EQUAL(judge(&made), GATE_FOREIGN);
    /* What answers, and was not asked for here. */
    struct report_handshake nak = {
        .kind = REPORT_SESSION_NAK, .from = OTHER, .to = SELF, .session = SESSION};
    begin(&made, 1);
    add_hello(&made, &nak);
    CU_ASSERT_EQUAL(judge(&made), GATE_FOREIGN);
    /* The cookie of a renewal, without its session. */
    uint8_t renewal[COOKIE_SIZE];
    memset(renewal, 0xFF, sizeof(renewal));
    hello = make_hello(renewal);
    begin(&made, 1);
    add_hello(&made, &hello);
    CU_ASSERT_EQUAL(judge(&made), GATE_COOKIE);
    begin(&made, 1);
    add_hello(&made, &hello);
    add_session(&made, SESSION, 7);
    CU_ASSERT_EQUAL(judge(&made), GATE_HANDOVER);
}

static void groups_are_asked_first(void)
{
    struct made made;
    uint8_t cookie[COOKIE_SIZE] = {0};
    open_bench();
    bench.table.has_group = true;
    bench.table.group_id = 3;
    memset(bench.table.group_key, 5, SECRET_SIZE);
    gate_set(&bench.gate, &bench.table);
    make_request(&made, 1);
    CU_ASSERT_EQUAL(judge(&made), GATE_GROUP);
    add_group(&made, 3, 6);
    CU_ASSERT_EQUAL(judge(&made), GATE_GROUP);
    make_request(&made, 1);
    add_group(&made, 4, 5);
    CU_ASSERT_EQUAL(judge(&made), GATE_GROUP);
    make_request(&made, 1);
    add_group(&made, 3, 5);
    CU_ASSERT_EQUAL(judge(&made), GATE_HANDOVER);

    /* It admits nobody. */
    begin(&made, 1);
    struct report_handshake hello = make_hello(NULL);
    add_hello(&made, &hello);
    CU_ASSERT_EQUAL(judge(&made), GATE_GROUP);
    add_group(&made, 3, 5);
    CU_ASSERT_EQUAL(judge(&made), GATE_COOKIE);
    CU_ASSERT_TRUE(bench.result.size <= made.size);
    struct bytes answer = bytes_make(bench.result.payload, bench.result.size);
    CU_ASSERT_TRUE(read_cookie(answer, cookie));
    uint8_t mac[SECRET_SIZE];
    struct bytes covered = bytes_slice(answer, 0, answer.size - REPORT_TAG_SIZE);
    CU_ASSERT_TRUE(secret_hmac(bytes_make(bench.table.group_key, SECRET_SIZE), covered, mac));
    CU_ASSERT_EQUAL(memcmp(mac, answer.data + covered.size, REPORT_TAG_SIZE), 0);
}

/* Ours goes along where there is room, and an answer is never longer than what it answers. */
static void certificates_go_where_they_fit(void)
{
    open_bench();
    bench.table.certificate_size = 200;
    memset(bench.table.certificate, 0xCE, 200);
    gate_set(&bench.gate, &bench.table);
    struct report_handshake hello = make_hello(NULL);
    for (size_t pad = 28; pad < 300; pad += 4) {
        struct made made;
        begin(&made, 1);
        add_hello(&made, &hello);
        add_pad(&made, pad);
        CU_ASSERT_EQUAL(judge(&made), GATE_COOKIE);
        CU_ASSERT_TRUE(bench.result.size <= made.size);
        size_t alone = PACKET_SIZE + REPORT_COOKIE_ANSWER_SIZE;
        bool fits = made.size >= alone + 200;
        CU_ASSERT_EQUAL(bench.result.size, alone + (fits ? 200 : 0));
        CU_ASSERT_TRUE(!fits || bench.result.payload[bench.result.size - 1] == 0xCE);
    }
}

static size_t admitted(struct made *made, const char *source, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (made->key != 0) {
            make_next(made);
        }
        sum += judge_from(made, source) == GATE_HANDOVER;
    }
    return sum;
}

static void make_known(struct made *made, const char *source)
{
    struct address address;
    uint8_t cookie[COOKIE_SIZE] = {0};
    struct report_handshake hello = make_hello(NULL);
    CU_ASSERT_TRUE_FATAL(address_parse(source, 1234, &address));
    CU_ASSERT_TRUE_FATAL(cookie_make(&bench.table.jar, &address, hello.ephemeral, cookie));
    begin(made, 1);
    hello = make_hello(cookie);
    add_hello(made, &hello);
}

static void handshakes_are_limited(void)
{
    struct made made, request;
    open_bench();
    make_known(&made, "192.0.2.1");
    CU_ASSERT_EQUAL(admitted(&made, "192.0.2.1", 1000), GATE_HANDSHAKE_BURST);
    CU_ASSERT_EQUAL(judge(&made), GATE_LIMITED);
    bench.now.ns += GATE_HANDSHAKE_NS;
    CU_ASSERT_EQUAL(admitted(&made, "192.0.2.1", 1000), 1);

    /* Many addresses get no more than strangers together may have; a member's own packets are no
     * part of that. */
    size_t sum = 0;
    for (unsigned i = 0; i < 200; i++) {
        char source[32];
        snprintf(source, sizeof(source), "198.51.100.%u", i);
        make_known(&made, source);
        sum += admitted(&made, source, 10);
    }
    CU_ASSERT_TRUE(sum <= GATE_STRANGERS_BURST);
    CU_ASSERT_TRUE(sum >= GATE_STRANGERS_BURST - GATE_HANDSHAKE_BURST);
    make_request(&request, 1);
    CU_ASSERT_EQUAL(judge(&request), GATE_HANDOVER);
}

static void sessions_are_limited(void)
{
    struct made made;
    open_bench();
    set_second(OTHER + 1, SESSION + 1);
    make_request(&made, 1);
    CU_ASSERT_EQUAL(admitted(&made, "192.0.2.1", 1000), GATE_SESSION_BURST);
    /* A new table gives nothing back. */
    gate_set(&bench.gate, &bench.table);
    CU_ASSERT_EQUAL(judge(&made), GATE_LIMITED);
    begin(&made, 1);
    add_session(&made, SESSION + 1, 8);
    CU_ASSERT_EQUAL(judge(&made), GATE_HANDOVER);

    /* Handshakes under a session cost more, and have a limit of their own. */
    uint8_t renewal[COOKIE_SIZE];
    memset(renewal, 0xFF, sizeof(renewal));
    struct report_handshake hello = make_hello(renewal);
    begin(&made, 1);
    add_hello(&made, &hello);
    add_session(&made, SESSION + 1, 8);
    CU_ASSERT_EQUAL(admitted(&made, "192.0.2.1", 20), GATE_HANDSHAKE_BURST);
}

/* Whoever answers a handshake can choose its session's number, so as to fall together with a
 * victim's. */
static void members_are_limited_apart(void)
{
    static const uint16_t ids[] = {SESSION, SESSION + 256, SESSION + 1024};
    struct made made;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        open_bench();
        set_second(OTHER + 1, ids[i]);
        make_request(&made, 1);
        CU_ASSERT_EQUAL(admitted(&made, "192.0.2.1", 1000), GATE_SESSION_BURST);
        uint32_t share = bench.result.share;
        begin(&made, 1);
        add_session(&made, ids[i], 8);
        CU_ASSERT_EQUAL(admitted(&made, "192.0.2.1", 1000), GATE_SESSION_BURST);
        CU_ASSERT_NOT_EQUAL(bench.result.share, share);
    }
}

/* A session more is none the more to spend, wherever in the table its member stands. */
static void sessions_of_a_member_are_limited_together(void)
{
    struct made made;
    open_bench();
    set_second(OTHER, SESSION + 1);
    make_request(&made, 1);
    CU_ASSERT_EQUAL(admitted(&made, "192.0.2.1", 1000), GATE_SESSION_BURST);
    begin(&made, 1);
    add_session(&made, SESSION + 1, 8);
    CU_ASSERT_EQUAL(judge(&made), GATE_LIMITED);
    bench.table.sessions[0].member = OTHER + 1;
    bench.table.sessions[0].id++;
    bench.table.sessions[1].id++;
    gate_set(&bench.gate, &bench.table);
    begin(&made, 1);
    add_session(&made, SESSION + 2, 8);
    CU_ASSERT_EQUAL(judge(&made), GATE_LIMITED);
    begin(&made, 1);
    add_session(&made, SESSION + 1, 7);
    CU_ASSERT_EQUAL(judge(&made), GATE_HANDOVER);

    /* What is not its own is not looked at closely while it is limited; then it is, and costs it
     * nothing. */
    begin(&made, 1);
    add_session(&made, SESSION + 2, 9);
    CU_ASSERT_EQUAL(judge(&made), GATE_LIMITED);
    bench.now.ns += GATE_SESSION_NS;
    CU_ASSERT_EQUAL(judge(&made), GATE_FORGED);
    begin(&made, 1);
    add_session(&made, SESSION + 2, 8);
    CU_ASSERT_EQUAL(judge(&made), GATE_HANDOVER);
}

/* Whatever comes, nothing is handed over that does not verify, and no answer is longer than its
 * request. */
static void garbage_gets_nowhere(void)
{
    struct made made;
    struct report_handshake hello = make_hello(NULL);
    open_bench();
    for (size_t i = 0; i < GARBAGE; i++) {
        if (random_below(&bench.random, 2) == 0) {
            make_request(&made, 1);
        } else {
            begin(&made, 1);
            add_hello(&made, &hello);
            add_pad(&made, 16 + 4 * random_below(&bench.random, 40));
        }
        unsigned changes = 1 + random_below(&bench.random, 4);
        for (unsigned j = 0; j < changes; j++) {
            size_t at = random_below(&bench.random, (uint32_t)made.size);
            made.payload[at] ^= (uint8_t)(1 + random_below(&bench.random, 255));
        }
        if (random_below(&bench.random, 4) == 0) {
            made.size = random_below(&bench.random, (uint32_t)made.size + 1);
        }
        enum gate_verdict verdict = judge(&made);
        CU_ASSERT_NOT_EQUAL(verdict, GATE_HANDOVER);
        CU_ASSERT_TRUE(verdict != GATE_COOKIE || bench.result.size <= made.size);
    }
}

/* Who has seen a packet sends it again and again: its member loses nothing by it. */
static void replays_cost_nothing(void)
{
    struct made made, first, late;
    open_bench();
    make_request(&made, 1);
    first = late = made;
    make_next(&late);
    made = late;
    CU_ASSERT_EQUAL(judge(&first), GATE_HANDOVER);
    for (unsigned i = 0; i < 10 * GATE_SESSION_BURST; i++) {
        CU_ASSERT_EQUAL(judge(&first), GATE_REPLAYED);
        CU_ASSERT_EQUAL(judge_from(&first, "192.0.2.77"), GATE_REPLAYED);
    }
    /* Nor after a new table; what overtook another is none. */
    gate_set(&bench.gate, &bench.table);
    CU_ASSERT_EQUAL(judge(&first), GATE_REPLAYED);
    for (unsigned i = 1; i < SESSION_WINDOW && i < GATE_SESSION_BURST - 2; i++) {
        make_next(&made);
        CU_ASSERT_EQUAL(judge(&made), GATE_HANDOVER);
    }
    CU_ASSERT_EQUAL(judge(&late), GATE_HANDOVER);
    CU_ASSERT_EQUAL(judge(&late), GATE_REPLAYED);
    /* Too old to tell is as good as seen; the key of another session is another matter. */
    made = late;
    for (unsigned i = 0; i < 2 * SESSION_WINDOW; i++) {
        make_next(&made);
    }
    bench.now.ns += 2 * NS_PER_S;
    CU_ASSERT_EQUAL(judge(&made), GATE_HANDOVER);
    make_next(&made);
    CU_ASSERT_EQUAL(judge(&made), GATE_HANDOVER);
    CU_ASSERT_EQUAL(judge(&late), GATE_REPLAYED);
    memset(bench.table.sessions[0].key, 9, SECRET_SIZE);
    gate_set(&bench.gate, &bench.table);
    made.key = 9;
    make_next(&made);
    CU_ASSERT_EQUAL(judge(&made), GATE_HANDOVER);
}

static void verdicts_have_names(void)
{
    for (int i = 0; i < GATE_VERDICTS; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(gate_verdict_name((enum gate_verdict)i));
        CU_ASSERT_TRUE(strcmp(gate_verdict_name((enum gate_verdict)i), "unknown verdict") != 0);
    }
}

static const struct unit_case cases[] = {
    {"ordinary requests are plain", ordinary_requests_are_plain},
    {"members are handed over", members_are_handed_over},
    {"sessions may share an id", sessions_may_share_an_id},
    {"replays cost nothing", replays_cost_nothing},
    {"no mesh is no gate", no_mesh_is_no_gate},
    {"first HELLOs get a cookie", first_hellos_get_a_cookie},
    {"cookies grow old", cookies_grow_old},
    {"asks who is there", asks_who_is_there},
    {"HELLOs to others are plain", hellos_to_others_are_plain},
    {"groups are asked first", groups_are_asked_first},
    {"certificates go where they fit", certificates_go_where_they_fit},
    {"handshakes are limited", handshakes_are_limited},
    {"sessions are limited", sessions_are_limited},
    {"members are limited apart", members_are_limited_apart},
    {"sessions of a member are limited together", sessions_of_a_member_are_limited_together},
    {"garbage gets nowhere", garbage_gets_nowhere},
    {"verdicts have names", verdicts_have_names},
};
UNIT_MAIN("gate", cases)
