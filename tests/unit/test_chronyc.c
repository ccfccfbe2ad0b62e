/* SPDX-License-Identifier: MIT */
#include "ntpwire/candm.h"
#include "ntpwire/refid.h"
#include "server/chronyc.h"
#include "tests/unit/unit.h"
#include "tests/vectors/hex.h"

#include <math.h>
#include <string.h>

#define REQUEST_MAX 700

/* What chronyc 4.3 asked, and what becomes of it here over UDP. is_same: as the recorded chronyd
 * answered, to the octet; else the status and, on success, the code and the length. */
static const struct {
    const char *name;
    bool is_same;
    uint16_t status;
} exchanges[] = {
    {"activity", false, CANDM_SUCCESS},
    {"add_server_127.0.0.9", false, CANDM_UNAUTH},
    {"authdata-2", false, CANDM_NO_SUCH_SOURCE},
    {"authdata-3", false, CANDM_NO_SUCH_SOURCE},
    {"authdata", false, CANDM_SUCCESS},
    {"burst_1-2", false, CANDM_UNAUTH},
    {"clients", false, CANDM_SUCCESS},
    {"delete_127.0.0.9", false, CANDM_UNAUTH},
    {"makestep", false, CANDM_UNAUTH},
    {"manual_list", true, CANDM_SUCCESS},
    {"ntpdata-2", false, CANDM_NO_SUCH_SOURCE},
    {"ntpdata-3", false, CANDM_NO_SUCH_SOURCE},
    {"ntpdata", false, CANDM_SUCCESS},
    {"offline", false, CANDM_UNAUTH},
    {"online", false, CANDM_UNAUTH},
    {"reload_sources", false, CANDM_UNAUTH},
    {"rtcdata", true, CANDM_NO_RTC},
    {"selectdata-2", false, CANDM_NO_SUCH_SOURCE},
    {"selectdata", false, CANDM_SUCCESS},
    {"serverstats", false, CANDM_SUCCESS},
    {"smoothing", true, CANDM_NOT_ENABLED},
    {"sources-2", false, CANDM_NO_SUCH_SOURCE},
    {"sources", false, CANDM_SUCCESS},
    {"sourcestats-2", false, CANDM_NO_SUCH_SOURCE},
    {"sourcestats", false, CANDM_SUCCESS},
    {"tracking", false, CANDM_SUCCESS},
    {"waitsync_1", false, CANDM_SUCCESS},
};
#define EXCHANGES (sizeof(exchanges) / sizeof(exchanges[0]))

/* Measured on chronyd 4.3 without sources, over UDP: the shortest length that is not refused for
 * its length, and the status from there on. */
/* clang-format off */
static const struct {
    uint16_t command;
    uint16_t size;
    uint16_t status;
} measured[] = {
    {0, 28, 0}, {1, 60, 2}, {2, 60, 2}, {3, 68, 2}, {4, 44, 2}, {5, 44, 2}, {6, 28, 2}, {7, 44, 2},
    {8, 44, 2}, {9, 28, 2}, {10, 32, 1}, {11, 40, 2}, {12, 28, 3}, {13, 28, 2}, {14, 32, 0},
    {15, 76, 4}, {16, 28, 2}, {17, 44, 2}, {18, 44, 2}, {19, 44, 2}, {20, 44, 2}, {21, 44, 2},
    {22, 44, 2}, {23, 44, 2}, {24, 44, 2}, {25, 40, 2}, {26, 40, 2}, {27, 28, 3}, {28, 28, 3},
    {29, 40, 2}, {30, 28, 2}, {31, 28, 2}, {32, 28, 3}, {33, 104, 0}, {34, 84, 4}, {35, 56, 13},
    {36, 28, 2}, {37, 28, 2}, {38, 28, 3}, {39, 28, 3}, {40, 28, 3}, {41, 416, 0}, {42, 28, 2},
    {43, 28, 2}, {44, 48, 0}, {45, 44, 2}, {46, 44, 2}, {47, 44, 2}, {48, 28, 2}, {49, 28, 2},
    {50, 28, 2}, {51, 52, 6}, {52, 28, 2}, {53, 28, 2}, {55, 28, 3}, {56, 36, 2}, {58, 28, 3},
    {59, 28, 3}, {60, 28, 3}, {61, 28, 3}, {62, 28, 2}, {63, 28, 2}, {64, 372, 2}, {65, 284, 4},
    {66, 28, 2}, {70, 28, 2}, {71, 28, 2}, {75, 28, 3}, {255, 28, 3}, {65535, 28, 3},
    /* What chronyd reads over its local socket only; and 54 has a shorter layout here. */
    {54, 60, 0}, {57, 152, 4}, {67, 52, 4}, {68, 520, 0}, {69, 76, 4},
    /* Newer than 4.3. */
    {72, 52, 2}, {73, 48, 2}, {74, 48, 2},
};
/* clang-format on */
#define MEASURED (sizeof(measured) / sizeof(measured[0]))

struct message {
    uint8_t data[REQUEST_MAX];
    size_t size;
};

static struct bytes view(const struct message *message)
{
    return bytes_make(message->data, message->size);
}

static struct message load(const char *folder, const char *prefix, const char *name)
{
    char path[512];
    struct message message = {.size = 0};
    const char *srcdir = getenv("srcdir");
    snprintf(path, sizeof(path), "%s/tests/vectors/corpus/%s/%schronyc-%s.hex",
             srcdir != NULL ? srcdir : ".", folder, prefix, name);
    if (!hex_load(path, message.data, sizeof(message.data), &message.size)) {
        CU_FAIL_FATAL("a vector is missing");
    }
    return message;
}

static struct message request_make(uint16_t command, size_t size)
{
    const struct candm_request header = {.command = command, .sequence = 0x01020304};
    struct message message = {.size = size};
    candm_write_request_header(&header, message.data);
    return message;
}

static struct chronyc_facts facts_make(void)
{
    return (struct chronyc_facts){
        .now = {.mono = {.ns = 500 * NS_PER_S}, .wall = {.ns = INT64_C(1795192601) * NS_PER_S}},
        .state = sync_state_unsynchronised(-25),
    };
}

/* Asks, and holds to what is true of every answer. */
static struct message ask_by(enum chronyc_channel channel, const struct message *request,
                             const struct chronyc_facts *facts, struct candm_reply *reply)
{
    struct message out = {.size = 0};
    struct candm_request header;
    uint8_t again[CHRONYC_MESSAGE_MAX];
    memset(out.data, 0xa5, sizeof(out.data));
    *reply = (struct candm_reply){.status = 0xffff};
    out.size = chronyc_answer(view(request), channel, facts, out.data);
    CU_ASSERT_TRUE(out.size <= request->size);
    if (out.size > 0) {
        CU_ASSERT_EQUAL(candm_parse_reply(view(&out), reply), true);
        CU_ASSERT_NOT_EQUAL(candm_parse_request(view(request), &header), CANDM_NOT_REQUEST);
        CU_ASSERT_EQUAL(reply->command, header.command);
        CU_ASSERT_EQUAL(reply->sequence, header.sequence);
        CU_ASSERT_TRUE(reply->status == CANDM_SUCCESS || reply->code == CANDM_REPLY_NULL);
        CU_ASSERT_TRUE(reply->code != CANDM_REPLY_NULL || out.size == CANDM_REPLY_HEADER);
        /* Sent back to us, it ends there. */
        CU_ASSERT_EQUAL(chronyc_answer(view(&out), channel, facts, again), 0);
    }
    return out;
}

static struct message ask(const struct message *request, const struct chronyc_facts *facts,
                          struct candm_reply *reply)
{
    return ask_by(CHRONYC_UDP, request, facts, reply);
}

static void recorded_requests_are_answered(void)
{
    const struct chronyc_facts facts = facts_make();
    for (size_t i = 0; i < EXCHANGES; i++) {
        const struct message request = load("requests", "", exchanges[i].name);
        const struct message recorded = load("responses", "chronyd-4.3--", exchanges[i].name);
        struct candm_reply reply, recorded_reply;
        struct message out = ask(&request, &facts, &reply);
        CU_ASSERT_TRUE(candm_parse_reply(view(&recorded), &recorded_reply));
        CU_ASSERT_EQUAL(reply.status, exchanges[i].status);
        if (reply.status == CANDM_SUCCESS) {
            CU_ASSERT_EQUAL(reply.code, recorded_reply.code);
            CU_ASSERT_EQUAL(out.size, recorded.size);
            CU_ASSERT_EQUAL(memcmp(out.data, recorded.data, CANDM_REPLY_HEADER), 0);
        }
        if (exchanges[i].is_same) {
            CU_ASSERT_EQUAL(out.size, recorded.size);
            CU_ASSERT_EQUAL(memcmp(out.data, recorded.data, recorded.size), 0);
        }
    }
}

static void every_length_gets_chronyds_status(void)
{
    const struct chronyc_facts facts = facts_make();
    for (size_t i = 0; i < MEASURED; i++) {
        for (size_t size = 0; size <= REQUEST_MAX; size++) {
            const struct message request = request_make(measured[i].command, size);
            struct candm_reply reply;
            struct message out = ask(&request, &facts, &reply);
            unsigned wanted = size < 28                 ? 0xffff
                              : size < measured[i].size ? CANDM_BAD_LENGTH
                                                        : measured[i].status;
            CU_ASSERT_EQUAL(reply.status, wanted);
            CU_ASSERT_EQUAL(out.size == 0, size < 28);
        }
    }
}

/* What the daemon can't do at all is said not to exist; what it does for root and its own user only
 * is refused to others. */
static void the_local_socket_reads_the_same_and_changes_nothing(void)
{
    static const uint8_t owners[] = {CANDM_MAKESTEP, CANDM_BURST,   CANDM_ONLINE,
                                     CANDM_OFFLINE,  CANDM_REFRESH, CANDM_RELOAD_SOURCES};
    const struct chronyc_facts facts = facts_make();
    for (size_t i = 0; i < MEASURED; i++) {
        const struct message request = request_make(measured[i].command, 520);
        struct candm_reply reply, local_reply;
        struct message out = ask(&request, &facts, &reply);
        struct message local = ask_by(CHRONYC_LOCAL, &request, &facts, &local_reply);
        bool is_owners = memchr(owners, (int)measured[i].command, sizeof(owners)) != NULL &&
                         measured[i].command < 256;
        CU_ASSERT_EQUAL(local_reply.status, reply.status == CANDM_UNAUTH && !is_owners
                                                ? CANDM_NOT_ENABLED
                                                : reply.status);
        CU_ASSERT_EQUAL(local.size, out.size);
        CU_ASSERT_TRUE(reply.status == CANDM_UNAUTH || memcmp(local.data, out.data, out.size) == 0);
    }
}

static void other_versions_are_refused_politely(void)
{
    const struct chronyc_facts facts = facts_make();
    struct message request = request_make(CANDM_TRACKING, 104);
    for (unsigned version = 0; version < 256; version++) {
        struct candm_reply reply;
        request.data[0] = (uint8_t)version;
        ask(&request, &facts, &reply);
        CU_ASSERT_EQUAL(reply.status, version < 5    ? 0xffff
                                      : version == 6 ? CANDM_SUCCESS
                                                     : CANDM_BAD_VERSION);
    }
}

static void replies_get_nothing(void)
{
    const struct chronyc_facts facts = facts_make();
    for (size_t i = 0; i < EXCHANGES; i++) {
        const struct message recorded = load("responses", "chronyd-4.3--", exchanges[i].name);
        uint8_t out[CHRONYC_MESSAGE_MAX];
        CU_ASSERT_EQUAL(chronyc_answer(view(&recorded), CHRONYC_UDP, &facts, out), 0);
    }
}

static double number(const struct message *message, size_t offset)
{
    return candm_float_to_double(bytes_u32(view(message), offset));
}

static void tracking_says_unsynchronised(void)
{
    const struct chronyc_facts facts = facts_make();
    const struct message request = request_make(CANDM_TRACKING, 104);
    struct candm_reply reply;
    struct message out = ask(&request, &facts, &reply);
    int64_t reference = 1;
    CU_ASSERT_EQUAL_FATAL(out.size, 104);
    CU_ASSERT_EQUAL(bytes_u32(view(&out), 28), 0);
    CU_ASSERT_EQUAL(candm_get_address(view(&out), 32).family, CANDM_UNSPECIFIED);
    CU_ASSERT_EQUAL(bytes_u16(view(&out), 52), 0);
    CU_ASSERT_EQUAL(bytes_u16(view(&out), 54), LEAP_UNSYNCHRONISED);
    CU_ASSERT_TRUE(candm_get_time(view(&out), 56, &reference));
    CU_ASSERT_EQUAL(reference, 0);
    CU_ASSERT_EQUAL(number(&out, 68), 0);
    CU_ASSERT_EQUAL(number(&out, 80), 0);
    CU_ASSERT_TRUE(number(&out, 96) > 0);
}

static void tracking_says_what_we_serve(void)
{
    struct chronyc_facts facts = facts_make();
    const struct message request = request_make(CANDM_TRACKING, 104);
    struct candm_reply reply;
    /* A line that is 80 ms ahead of the system clock after 100 s, and gains 20 ppm. */
    facts.state = (struct sync_state){
        .timebase = TIMEBASE_LINE,
        .anchor = {.ns = facts.now.mono.ns - 100 * NS_PER_S},
        .utc = {.ns = facts.now.wall.ns - 100 * NS_PER_S + 78 * NS_PER_MS},
        .rate_ppm = 20,
        .leap = LEAP_INSERT,
        .stratum = 10,
        .refid = REFID_LOCAL_CLOCK,
        .root_delay_ns = 30 * NS_PER_MS,
        .root_dispersion_ns = 10 * NS_PER_MS,
        .dispersion_ppm = 15,
        .reference = {.ns = INT64_C(1795192001123456789)},
    };
    struct message out = ask(&request, &facts, &reply);
    int64_t reference = 0;
    CU_ASSERT_EQUAL_FATAL(out.size, 104);
    CU_ASSERT_EQUAL(bytes_u32(view(&out), 28), UINT32_C(0x7f7f0101));
    CU_ASSERT_EQUAL(bytes_u16(view(&out), 52), 10);
    CU_ASSERT_EQUAL(bytes_u16(view(&out), 54), LEAP_INSERT);
    CU_ASSERT_TRUE(candm_get_time(view(&out), 56, &reference));
    CU_ASSERT_EQUAL(reference, INT64_C(1795192001123456789));
    /* chronyc: "0.080000000 seconds slow of NTP time", "20.000 ppm slow". */
    CU_ASSERT_TRUE(fabs(number(&out, 68) - 0.080) < 1e-8);
    CU_ASSERT_EQUAL(number(&out, 80), -20);
    CU_ASSERT_TRUE(fabs(number(&out, 92) - 0.030) < 1e-8);
    CU_ASSERT_TRUE(fabs(number(&out, 96) - 0.0115) < 1e-8);
    for (size_t offset = 72; offset <= 100; offset += 4) {
        CU_ASSERT_TRUE(offset == 80 || offset == 92 || offset == 96 || number(&out, offset) == 0);
    }
    /* Stratum 15 is the last that is one. */
    facts.state.stratum = 15;
    out = ask(&request, &facts, &reply);
    CU_ASSERT_EQUAL(bytes_u16(view(&out), 52), 15);
}

static void counters_are_chronys(void)
{
    struct chronyc_facts facts = facts_make();
    struct server_counters *counters = &facts.counters;
    *counters = (struct server_counters){.received = 1000,
                                         .authentic = 40,
                                         .interleaved = 50,
                                         .stamps_rx = {1, 3, 5},
                                         .stamps_tx = {2, 4, 6}};
    counters->verdicts[RESPONDER_MALFORMED] = 1;
    counters->verdicts[RESPONDER_VERSION] = 2;
    counters->verdicts[RESPONDER_NOT_REQUEST] = 4;
    counters->verdicts[RESPONDER_CONTROL] = 8;
    counters->verdicts[RESPONDER_DENIED] = 16;
    counters->verdicts[RESPONDER_OWN_ADDRESS] = 32;
    counters->verdicts[RESPONDER_TO_GROUP] = 64;
    counters->verdicts[RESPONDER_LIMITED] = 100;
    facts.commands = 7;
    facts.commands_dropped = 2;
    static const uint64_t wanted[CANDM_STATS] = {873, 0, 9, 100, 0, 2, 0, 40, 50,
                                                 0,   0, 1, 2,   3, 4, 5, 6};
    static const struct {
        size_t size;
        uint16_t code;
        size_t shown;
    } layouts[] = {{60, CANDM_REPLY_SERVER_STATS_8, 8},
                   {72, CANDM_REPLY_SERVER_STATS_11, 11},
                   {196, CANDM_REPLY_SERVER_STATS_17, 17}};
    for (size_t i = 0; i < 3; i++) {
        const struct message request = request_make(CANDM_SERVER_STATS, layouts[i].size);
        struct candm_reply reply;
        struct message out = ask(&request, &facts, &reply);
        CU_ASSERT_EQUAL(reply.code, layouts[i].code);
        CU_ASSERT_EQUAL_FATAL(out.size, layouts[i].size);
        for (size_t stat = 0; stat < layouts[i].shown; stat++) {
            uint64_t value = layouts[i].shown == 17 ? bytes_u64(view(&out), 28 + 8 * stat)
                                                    : bytes_u32(view(&out), 28 + 4 * stat);
            CU_ASSERT_EQUAL(value, wanted[stat]);
        }
    }
}

static struct message clients_request(uint32_t first, uint32_t count, uint32_t hits_min,
                                      uint32_t reset)
{
    struct message request = request_make(CANDM_CLIENT_ACCESSES, 520);
    bytes_put_u32(request.data + 20, first);
    bytes_put_u32(request.data + 24, count);
    bytes_put_u32(request.data + 28, hits_min);
    bytes_put_u32(request.data + 32, reset);
    return request;
}

static void clients_are_wanted_by_the_page(void)
{
    uint32_t first = 42, count = 42;
    struct message request = clients_request(1000, 3, 0, 0);
    CU_ASSERT_TRUE(chronyc_wants_clients(view(&request), &first, &count));
    CU_ASSERT_EQUAL(first, 1000);
    CU_ASSERT_EQUAL(count, 3);
    request = clients_request(5, UINT32_MAX, 0, 0);
    CU_ASSERT_TRUE(chronyc_wants_clients(view(&request), &first, &count));
    CU_ASSERT_EQUAL(count, CHRONYC_CLIENTS_MAX);
    for (request.size = 0; request.size < 520; request.size++) {
        CU_ASSERT_FALSE(chronyc_wants_clients(view(&request), &first, &count));
    }
    request = clients_request(0, 8, 0, 1);
    CU_ASSERT_FALSE(chronyc_wants_clients(view(&request), &first, &count));
    request = request_make(CANDM_TRACKING, 520);
    CU_ASSERT_FALSE(chronyc_wants_clients(view(&request), &first, &count));
    CU_ASSERT_EQUAL(first, 5);
}

static void clients_are_listed(void)
{
    struct chronyc_facts facts = facts_make();
    struct address ipv6;
    CU_ASSERT_TRUE_FATAL(address_parse("2001:db8:1:2:3::4", 123, &ipv6));
    const struct ratelimit_client clients[] = {
        {.key = UINT64_C(1) << 32 | 0xc0000201,
         .hits = 9,
         .drops = 2,
         .interval_log2_s = -3,
         .last = {.ns = 490 * NS_PER_S}},
        {.key = address_client_key(&ipv6),
         .hits = UINT32_MAX,
         .interval_log2_s = 127,
         .last = {.ns = 501 * NS_PER_S}},
    };
    facts.clients = clients;
    facts.clients_count = 2;
    facts.clients_next = 77;
    facts.clients_slots = 4096;
    const struct message request = clients_request(0, 8, 0, 0);
    struct candm_reply reply;
    struct message out = ask(&request, &facts, &reply);
    struct bytes octets = view(&out);
    CU_ASSERT_EQUAL_FATAL(out.size, 520);
    CU_ASSERT_EQUAL(reply.code, CANDM_REPLY_CLIENT_ACCESSES);
    CU_ASSERT_EQUAL(bytes_u32(octets, 28), 4096);
    CU_ASSERT_EQUAL(bytes_u32(octets, 32), 77);
    CU_ASSERT_EQUAL(bytes_u32(octets, 36), 2);
    CU_ASSERT_EQUAL(bytes_u32(octets, 40), UINT32_C(0xc0000201));
    CU_ASSERT_EQUAL(candm_get_address(octets, 40).family, CANDM_IPV4);
    CU_ASSERT_EQUAL(bytes_u32(octets, 60), 9);
    CU_ASSERT_EQUAL(bytes_u32(octets, 72), 2);
    /* Interval 2^-3 s; of NTS-KE, commands and time-outs nothing is known. */
    CU_ASSERT_EQUAL(bytes_u32(octets, 84), 0xfd7f7f7f);
    CU_ASSERT_EQUAL(bytes_u32(octets, 88), 10);
    CU_ASSERT_EQUAL(bytes_u32(octets, 92), UINT32_MAX);
    CU_ASSERT_EQUAL(bytes_u32(octets, 96), UINT32_MAX);
    /* An IPv6 client is its /64; a request that came after our reading of the clock was just now.
     */
    static const uint8_t prefix[16] = {0x20, 1, 0xd, 0xb8, 0, 1, 0, 2};
    struct candm_address address = candm_get_address(octets, 100);
    CU_ASSERT_EQUAL(address.family, CANDM_IPV6);
    CU_ASSERT_EQUAL(memcmp(address.octets, prefix, sizeof(prefix)), 0);
    CU_ASSERT_EQUAL(bytes_u32(octets, 148), 0);
    for (size_t at = 160; at < 520; at++) {
        CU_ASSERT_EQUAL(out.data[at], 0);
    }
}

static void clients_are_kept_by_their_requests(void)
{
    struct ratelimit_client clients[] = {
        {.key = 1, .hits = 1}, {.key = 2, .hits = 5}, {.key = 3, .hits = 4}, {.key = 4, .hits = 6}};
    struct message request = clients_request(0, 8, 0, 0);
    CU_ASSERT_EQUAL(chronyc_keep_clients(view(&request), clients, 4), 4);
    request = clients_request(0, 8, 5, 0);
    CU_ASSERT_EQUAL(chronyc_keep_clients(view(&request), clients, 4), 2);
    CU_ASSERT_EQUAL(clients[0].key, 2);
    CU_ASSERT_EQUAL(clients[1].key, 4);
}

static void the_clients_counters_are_not_reset(void)
{
    const struct chronyc_facts facts = facts_make();
    const struct message request = clients_request(0, 8, 0, 1);
    struct candm_reply reply;
    ask(&request, &facts, &reply);
    CU_ASSERT_EQUAL(reply.status, CANDM_UNAUTH);
    ask_by(CHRONYC_LOCAL, &request, &facts, &reply);
    CU_ASSERT_EQUAL(reply.status, CANDM_NOT_ENABLED);
}

static const struct unit_case cases[] = {
    {"recorded requests are answered", recorded_requests_are_answered},
    {"every length gets chronyd's status", every_length_gets_chronyds_status},
    {"the local socket reads the same and changes nothing",
     the_local_socket_reads_the_same_and_changes_nothing},
    {"other versions are refused politely", other_versions_are_refused_politely},
    {"replies get nothing", replies_get_nothing},
    {"tracking says unsynchronised", tracking_says_unsynchronised},
    {"tracking says what we serve", tracking_says_what_we_serve},
    {"counters are chrony's", counters_are_chronys},
    {"clients are wanted by the page", clients_are_wanted_by_the_page},
    {"clients are listed", clients_are_listed},
    {"clients are kept by their requests", clients_are_kept_by_their_requests},
    {"the clients' counters are not reset", the_clients_counters_are_not_reset},
};
UNIT_MAIN("chronyc", cases)
