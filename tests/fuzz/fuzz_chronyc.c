/* SPDX-License-Identifier: MIT */
/* chronyc's requests: a reply is never longer than its request, and nothing but a request gets one.
 */
#include "ntpwire/candm.h"
#include "server/chronyc.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <string.h>

const struct fuzz_target fuzz_target = {.name = "chronyc", .takes_packets = true};

static void check_reply(struct bytes request, struct bytes reply)
{
    struct candm_request asked;
    struct candm_reply answered;
    FUZZ_REQUIRE(reply.size <= request.size);
    FUZZ_REQUIRE(reply.size <= CHRONYC_MESSAGE_MAX);
    FUZZ_REQUIRE(candm_parse_request(request, &asked) != CANDM_NOT_REQUEST);
    FUZZ_REQUIRE(candm_parse_reply(reply, &answered));
    FUZZ_REQUIRE(answered.command == asked.command);
    FUZZ_REQUIRE(answered.sequence == asked.sequence);
}

/* The parsers of what chime will read from others, at every offset. */
static void check_values(struct bytes message)
{
    struct candm_clients_request wanted;
    struct candm_reply reply;
    if (candm_parse_clients(message, &wanted)) {
        FUZZ_REQUIRE(message.size >= CANDM_REQUEST_HEADER);
    }
    uint32_t index;
    struct candm_address meant;
    struct candm_selector selector;
    if (candm_parse_index(message, &index) && candm_parse_address(message, &meant) &&
        candm_parse_selector(message, &selector)) {
        FUZZ_REQUIRE(message.size >= CANDM_REQUEST_HEADER + 2 * CANDM_ADDRESS_SIZE);
        FUZZ_REQUIRE(selector.address.family != CANDM_UNSPECIFIED ||
                     candm_is_selected(&selector, &meant));
    }
    if (candm_parse_reply(message, &reply)) {
        uint8_t header[CANDM_REPLY_HEADER];
        candm_write_reply_header(&reply, header);
        FUZZ_REQUIRE(bytes_u16(bytes_make(header, sizeof(header)), 4) == bytes_u16(message, 4));
    }
    for (size_t offset = 0; offset + CANDM_ADDRESS_SIZE <= message.size; offset += 4) {
        struct candm_address address = candm_get_address(message, offset);
        uint8_t written[CANDM_ADDRESS_SIZE];
        candm_put_address(written, &address);
        int64_t unix_ns;
        if (candm_get_time(message, offset, &unix_ns)) {
            int64_t again;
            candm_put_time(written, unix_ns);
            FUZZ_REQUIRE(candm_get_time(bytes_make(written, sizeof(written)), 0, &again));
            FUZZ_REQUIRE(again == unix_ns);
        }
        double value = candm_float_to_double(bytes_u32(message, offset));
        FUZZ_REQUIRE(isfinite(value));
        /* The largest negative number is written a bit smaller; all others come back as they were.
         */
        double again = candm_float_to_double(candm_float_from_double(value));
        FUZZ_REQUIRE(fabs(again - value) <= fabs(value) * 0x1p-24);
    }
}

static const struct ratelimit_client clients[CHRONYC_CLIENTS_MAX] = {
    {.key = UINT64_C(1) << 32 | 0x7F000001, .hits = 5, .interval_log2_s = 6},
    {.key = UINT64_C(2) << 32, .hits = UINT32_MAX, .drops = UINT32_MAX, .interval_log2_s = 127},
    {.key = UINT64_C(0x20010DB800000000), .hits = 1, .interval_log2_s = -128},
};

#define SOURCES 4

/* A good source, one without an address, a broadcast server, and one that is all limits. */
static bool read_source(const void *host, size_t index, struct source_status *source)
{
    (void)host;
    if (index >= SOURCES) {
        return false;
    }
    *source = (struct source_status){.host = "ntp.example",
                                     .association = (uint32_t)index + 1,
                                     .kind = (enum source_kind)(index % SOURCE_KINDS),
                                     .state = (enum source_state)(SOURCE_SELECTED - index)};
    if (index == 0) {
        source->remote = (struct address){{127, 0, 0, 1}, 0, 123, ADDRESS_IPV4, 0};
        source->has_sample = source->has_estimate = source->has_interval = true;
        source->answered.ns = NS_PER_S;
    } else if (index == 2) {
        source->kind = SOURCE_BROADCAST_SERVER;
    } else if (index == 3) {
        source->remote = (struct address){{[15] = 1}, 0, UINT16_MAX, ADDRESS_IPV6, 0};
        source->has_sample = source->has_estimate = source->has_interval = true;
        source->is_prefer = source->is_noselect = source->is_trust = source->is_require = true;
        source->answered.ns = INT64_MIN;
        source->reference.ns = INT64_MIN;
        source->poll = source->source_poll = source->precision = INT8_MIN;
        source->leap = source->version = source->mode = source->stratum = UINT8_MAX;
        source->root_delay_ns = source->sample_delay_ns = source->response_ns = INT64_MIN;
        source->root_dispersion_ns = source->sample_bound_ns = INT64_MAX;
        source->sample_offset_ns = source->span_ns = INT64_MIN;
        source->samples = SIZE_MAX;
        source->offset_ns = (double)NAN;
        source->rate_ppm = (double)INFINITY;
        source->interval = (struct interval){INT64_MIN, INT64_MAX};
        source->sent = source->received = source->naks = UINT64_MAX;
        source->tests = UINT16_MAX;
        source->key_id = UINT32_MAX;
        memset(source->host, 'n', sizeof(source->host) - 1);
    }
    return true;
}

/* A server that knows nothing, or one whose figures are at their limits. */
static struct chronyc_facts make_facts(bool extreme)
{
    struct chronyc_facts facts = {
        .now = {.mono = {5 * NS_PER_S}, .wall = {INT64_C(1795132800) * NS_PER_S}},
        .state = sync_state_unsynchronised(-20),
        .clients_slots = 64,
    };
    if (extreme) {
        memset(&facts.counters, 0xFF, sizeof(facts.counters));
        facts.state.timebase = TIMEBASE_LINE;
        facts.state.utc.ns = facts.now.wall.ns - NS_PER_S;
        facts.state.anchor.ns = 0;
        facts.state.leap = 0;
        facts.state.stratum = 15;
        facts.state.refid = UINT32_C(0x7F000001);
        facts.state.rate_ppm = -500;
        facts.state.root_delay_ns = 65536 * NS_PER_S;
        facts.state.root_dispersion_ns = 65536 * NS_PER_S;
        facts.state.dispersion_ppm = 1000;
        facts.state.reference.ns = facts.now.wall.ns - 1;
        facts.read_source = read_source;
        facts.status.has_estimate = true;
        facts.status.now.wall.ns = INT64_MIN;
        facts.status.offset_ns = (double)INFINITY;
        facts.status.rate_sd_ppm = (double)NAN;
        facts.status.last_update.ns = 1;
        facts.status.last_offset_ns = INT64_MIN;
        facts.status.update_interval_ns = INT64_MAX;
        facts.commands = UINT64_MAX;
        facts.commands_dropped = UINT64_MAX;
        facts.clients_held = SIZE_MAX;
    }
    return facts;
}

static void answer(struct bytes request, enum chronyc_channel channel,
                   const struct chronyc_facts *facts)
{
    uint8_t out[CHRONYC_MESSAGE_MAX];
    size_t size = chronyc_answer(request, channel, facts, out);
    if (size > 0) {
        uint8_t again[CHRONYC_MESSAGE_MAX];
        struct bytes reply = bytes_make(out, size);
        check_reply(request, reply);
        /* Two daemons must not answer each other for ever. */
        FUZZ_REQUIRE(chronyc_answer(reply, channel, facts, again) == 0);
    }
}

/* Only the owner's commands come through, a bounded number of them. */
static void check_commands(struct bytes request, const struct chronyc_facts *facts)
{
    struct command command;
    struct candm_request header;
    size_t next = 0;
    size_t count = 0;
    FUZZ_REQUIRE(!chronyc_next_command(request, CHRONYC_UDP, facts, &next, &command));
    FUZZ_REQUIRE(!chronyc_next_command(request, CHRONYC_LOCAL, facts, &next, &command));
    FUZZ_REQUIRE(!chronyc_wants_reload(request, CHRONYC_LOCAL));
    while (chronyc_next_command(request, CHRONYC_OWNER, facts, &next, &command)) {
        FUZZ_REQUIRE(++count <= SOURCES);
        FUZZ_REQUIRE((unsigned)command.kind < COMMAND_KINDS);
        FUZZ_REQUIRE(memchr(command.source, '\0', sizeof(command.source)) != NULL);
    }
    FUZZ_REQUIRE(count == 0 || candm_parse_request(request, &header) == CANDM_OK);
    FUZZ_REQUIRE(count == 0 || !chronyc_wants_reload(request, CHRONYC_OWNER));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes request = bytes_make(data, size);
    check_values(request);
    for (int extreme = 0; extreme <= 1; extreme++) {
        struct chronyc_facts facts = make_facts(extreme == 1);
        uint32_t first;
        uint32_t count;
        struct ratelimit_client page[CHRONYC_CLIENTS_MAX];
        if (chronyc_wants_clients(request, &first, &count)) {
            FUZZ_REQUIRE(count <= CHRONYC_CLIENTS_MAX);
            memcpy(page, clients, sizeof(page));
            facts.clients = page;
            facts.clients_count = chronyc_keep_clients(request, page, count);
            FUZZ_REQUIRE(facts.clients_count <= count);
            facts.clients_next = first;
        }
        answer(request, CHRONYC_UDP, &facts);
        answer(request, CHRONYC_LOCAL, &facts);
        check_commands(request, &facts);
        facts.changes = facts.changes_done = (size_t)extreme;
        answer(request, CHRONYC_OWNER, &facts);
    }
    return 0;
}
