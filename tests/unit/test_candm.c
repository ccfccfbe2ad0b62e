/* SPDX-License-Identifier: MIT */
#include "ntpwire/candm.h"
#include "tests/unit/unit.h"
#include "tests/vectors/hex.h"

#include <math.h>
#include <string.h>

/* What chronyc 4.3 asked, and what chronyd 4.3 answered. */
static const char *const exchanges[] = {"activity",    "add_server_127.0.0.9",
                                        "authdata-2",  "authdata-3",
                                        "authdata",    "burst_1-2",
                                        "clients",     "delete_127.0.0.9",
                                        "makestep",    "manual_list",
                                        "ntpdata-2",   "ntpdata-3",
                                        "ntpdata",     "offline",
                                        "online",      "reload_sources",
                                        "rtcdata",     "selectdata-2",
                                        "selectdata",  "serverstats",
                                        "smoothing",   "sources-2",
                                        "sources",     "sourcestats-2",
                                        "sourcestats", "tracking",
                                        "waitsync_1"};
#define EXCHANGES (sizeof(exchanges) / sizeof(exchanges[0]))

struct octets {
    uint8_t data[640];
    size_t size;
};

static struct bytes view(const struct octets *octets)
{
    return bytes_make(octets->data, octets->size);
}

static struct octets load(const char *folder, const char *prefix, const char *name)
{
    char path[512];
    struct octets octets = {.size = 0};
    const char *srcdir = getenv("srcdir");
    snprintf(path, sizeof(path), "%s/tests/vectors/corpus/%s/%schronyc-%s.hex",
             srcdir != NULL ? srcdir : ".", folder, prefix, name);
    if (!hex_load(path, octets.data, sizeof(octets.data), &octets.size)) {
        CU_FAIL_FATAL("a vector is missing");
    }
    return octets;
}

static struct octets load_request(const char *name)
{
    return load("requests", "", name);
}

static struct octets load_reply(const char *name)
{
    return load("responses", "chronyd-4.3--", name);
}

static void recorded_requests_parse_and_serialise(void)
{
    for (size_t i = 0; i < EXCHANGES; i++) {
        struct octets octets = load_request(exchanges[i]);
        struct candm_request request;
        uint8_t out[CANDM_REQUEST_HEADER];
        CU_ASSERT_EQUAL(candm_parse_request(view(&octets), &request), CANDM_OK);
        candm_write_request_header(&request, out);
        CU_ASSERT_EQUAL(memcmp(out, octets.data, sizeof(out)), 0);
        /* chronyc 4.3 knows two layouts of the counters; the shorter is the limit. */
        size_t size = candm_request_size(request.command);
        CU_ASSERT_EQUAL(request.command == CANDM_SERVER_STATS ? CANDM_SERVER_STATS_11_SIZE : size,
                        octets.size);
    }
}

static void recorded_replies_parse_and_serialise(void)
{
    for (size_t i = 0; i < EXCHANGES; i++) {
        struct octets asked = load_request(exchanges[i]);
        struct octets octets = load_reply(exchanges[i]);
        struct candm_request request;
        struct candm_reply reply;
        uint8_t out[CANDM_REPLY_HEADER];
        CU_ASSERT_EQUAL(candm_parse_request(view(&asked), &request), CANDM_OK);
        CU_ASSERT_TRUE(candm_parse_reply(view(&octets), &reply));
        CU_ASSERT_EQUAL(reply.command, request.command);
        CU_ASSERT_EQUAL(reply.sequence, request.sequence);
        CU_ASSERT_TRUE(octets.size <= asked.size);
        candm_write_reply_header(&reply, out);
        CU_ASSERT_EQUAL(memcmp(out, octets.data, sizeof(out)), 0);
        /* One is not taken for the other. */
        CU_ASSERT_EQUAL(candm_parse_request(view(&octets), &request), CANDM_NOT_REQUEST);
        CU_ASSERT_FALSE(candm_parse_reply(view(&asked), &reply));
    }
}

static void refuses_what_is_no_request(void)
{
    const struct octets good = load_request("tracking");
    const struct candm_request untouched = {.command = 1, .attempt = 2, .sequence = 3};
    struct candm_request request = untouched;
    struct candm_reply reply;
    for (size_t size = 0; size < CANDM_REPLY_HEADER; size++) {
        CU_ASSERT_EQUAL(candm_parse_request(bytes_make(good.data, size), &request),
                        CANDM_NOT_REQUEST);
        CU_ASSERT_FALSE(candm_parse_reply(bytes_make(good.data, size), &reply));
    }
    for (unsigned type = 0; type < 256; type++) {
        struct octets other = good;
        other.data[1] = (uint8_t)type;
        if (type != 1) {
            CU_ASSERT_EQUAL(candm_parse_request(view(&other), &request), CANDM_NOT_REQUEST);
        }
        CU_ASSERT_EQUAL(candm_parse_reply(view(&other), &reply), type == 2);
    }
    for (size_t reserved = 2; reserved <= 3; reserved++) {
        struct octets other = good;
        other.data[reserved] = 1;
        CU_ASSERT_EQUAL(candm_parse_request(view(&other), &request), CANDM_NOT_REQUEST);
    }
    CU_ASSERT_EQUAL(memcmp(&request, &untouched, sizeof(request)), 0);
    for (unsigned version = 0; version < 256; version++) {
        struct octets other = good;
        other.data[0] = (uint8_t)version;
        enum candm_verdict wanted = version < 5    ? CANDM_NOT_REQUEST
                                    : version == 6 ? CANDM_OK
                                                   : CANDM_VERSION_UNKNOWN;
        CU_ASSERT_EQUAL(candm_parse_request(view(&other), &request), wanted);
    }
}

static void knows_the_length_of_each_command(void)
{
    static const unsigned withdrawn[] = {12, 27, 28, 32, 38, 39, 40, 55, 58, 59, 60, 61};
    size_t known = 0;
    for (unsigned command = 0; command <= 65535; command++) {
        size_t size = candm_request_size(command);
        CU_ASSERT_TRUE(size == 0 || (size >= CANDM_REPLY_HEADER && size <= CANDM_REPLY_MAX));
        known += size != 0;
    }
    CU_ASSERT_EQUAL(known, 75 - sizeof(withdrawn) / sizeof(withdrawn[0]));
    for (size_t i = 0; i < sizeof(withdrawn) / sizeof(withdrawn[0]); i++) {
        CU_ASSERT_EQUAL(candm_request_size(withdrawn[i]), 0);
    }
}

static void recorded_numbers_keep_their_bits(void)
{
    static const struct {
        const char *name;
        uint8_t offsets[10];
    } fields[] = {{"tracking", {68, 72, 76, 80, 84, 88, 92, 96, 100}},
                  {"waitsync_1", {68, 72, 76, 80, 84, 88, 92, 96, 100}},
                  {"sources-2", {64, 68, 72}},
                  {"authdata-2", {64, 68, 72}},
                  {"sourcestats-2", {64, 68, 72, 76, 80}},
                  {"ntpdata-3", {76, 80, 100, 104, 108, 112, 116}},
                  {"selectdata-2", {64, 68, 72}}};
    size_t seen = 0;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct octets reply = load_reply(fields[i].name);
        for (const uint8_t *offset = fields[i].offsets; *offset != 0; offset++) {
            uint32_t bits = bytes_u32(view(&reply), *offset);
            CU_ASSERT_EQUAL(candm_float_from_double(candm_float_to_double(bits)), bits);
            seen++;
        }
    }
    CU_ASSERT_EQUAL(seen, 39);
}

static void numbers_mean_what_chronyc_prints(void)
{
    static const struct {
        double value;
        uint32_t bits;
    } known[] = {{0, 0},
                 {-0.0, 0},
                 {1, 0x04800000},
                 {-1, 0x05800000},
                 {0.5, 0x02800000},
                 {1.5, 0x04c00000},
                 {-0.25, 0x01800000},
                 {2, 0x06800000}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        CU_ASSERT_EQUAL(candm_float_from_double(known[i].value), known[i].bits);
        CU_ASSERT_EQUAL(candm_float_to_double(known[i].bits), known[i].value);
    }
    CU_ASSERT_EQUAL(candm_float_from_double(NAN), 0);
    /* 24 significant bits, rounded to nearest, over the whole range. */
    for (double magnitude = 1e-18; magnitude < 1e18; magnitude *= 1.37) {
        for (int sign = -1; sign <= 1; sign += 2) {
            double value = sign * magnitude;
            double back = candm_float_to_double(candm_float_from_double(value));
            CU_ASSERT_TRUE(fabs(back - value) <= magnitude * 0x1p-24);
        }
    }
    /* Rounding may carry into the next power of two. */
    CU_ASSERT_EQUAL(candm_float_to_double(candm_float_from_double(2 - 0x1p-30)), 2.0);
}

static void numbers_beyond_the_range_saturate(void)
{
    double most = candm_float_to_double(candm_float_from_double(INFINITY));
    CU_ASSERT_TRUE(most > 4e18 && most < 5e18);
    CU_ASSERT_EQUAL(candm_float_to_double(candm_float_from_double(-INFINITY)), -most);
    CU_ASSERT_EQUAL(candm_float_to_double(candm_float_from_double(1e300)), most);
    CU_ASSERT_EQUAL(candm_float_to_double(candm_float_from_double(6e18)), most);
    CU_ASSERT_EQUAL(candm_float_to_double(candm_float_from_double(-1e300)), -most);
    CU_ASSERT_EQUAL(candm_float_to_double(candm_float_from_double(most * (1 - 0x1p-30))), most);
    CU_ASSERT_EQUAL(candm_float_from_double(1e-300), 0);
    CU_ASSERT_EQUAL(candm_float_from_double(-1e-300), 0);
    /* The smallest: 2^-89, with a coefficient of 1. */
    CU_ASSERT_EQUAL(candm_float_to_double(candm_float_from_double(0x1p-89)), 0x1p-89);
    CU_ASSERT_EQUAL(candm_float_to_double(candm_float_from_double(-0x1p-80)), -0x1p-80);
    CU_ASSERT_EQUAL(candm_float_to_double(UINT32_C(0x81ffffff)), -0x1p-89);
    /* Every pattern is a number. */
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 65521) {
        CU_ASSERT_TRUE(isfinite(candm_float_to_double((uint32_t)bits)));
    }
}

static void times_round_trip(void)
{
    static const int64_t instants[] = {0,
                                       1,
                                       -1,
                                       -INT64_C(1500000000),
                                       INT64_C(1795192601176249105),
                                       INT64_C(4294967296) * 1000000000 + 999999999,
                                       INT64_C(9223372035) * 1000000000};
    for (size_t i = 0; i < sizeof(instants) / sizeof(instants[0]); i++) {
        uint8_t out[12];
        int64_t back = 42;
        candm_put_time(out, instants[i]);
        CU_ASSERT_TRUE(candm_get_time(bytes_make(out, sizeof(out)), 0, &back));
        CU_ASSERT_EQUAL(back, instants[i]);
    }
    static const uint8_t only_32_bits[12] = {0x7f, 0xff, 0xff, 0xff, 0x6b, 0,
                                             0x57, 0x87, 0,    0,    0,    5};
    static const uint8_t too_many_ns[12] = {0, 0, 0, 0, 0, 0, 0, 1, 0x3b, 0x9a, 0xca, 0};
    static const uint8_t too_late[12] = {0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0};
    int64_t unix_ns = 42;
    CU_ASSERT_FALSE(candm_get_time(bytes_make(too_many_ns, 12), 0, &unix_ns));
    CU_ASSERT_FALSE(candm_get_time(bytes_make(too_late, 12), 0, &unix_ns));
    CU_ASSERT_EQUAL(unix_ns, 42);
    CU_ASSERT_TRUE(candm_get_time(bytes_make(only_32_bits, 12), 0, &unix_ns));
    CU_ASSERT_EQUAL(unix_ns, INT64_C(0x6b005787) * 1000000000 + 5);
}

static void tracking_is_laid_out_as_recorded(void)
{
    static const char *const names[] = {"tracking", "waitsync_1"};
    for (size_t i = 0; i < 2; i++) {
        const struct octets recorded = load_reply(names[i]);
        struct bytes reply = view(&recorded);
        uint8_t out[CANDM_TRACKING_SIZE] = {0};
        memcpy(out, recorded.data, CANDM_REPLY_HEADER);
        struct candm_tracking tracking = {
            .refid = bytes_u32(reply, 28),
            .address = candm_get_address(reply, 32),
            .stratum = bytes_u16(reply, 52),
            .leap = bytes_u16(reply, 54),
            .correction_s = candm_float_to_double(bytes_u32(reply, 68)),
            .last_offset_s = candm_float_to_double(bytes_u32(reply, 72)),
            .rms_offset_s = candm_float_to_double(bytes_u32(reply, 76)),
            .frequency_ppm = candm_float_to_double(bytes_u32(reply, 80)),
            .residual_frequency_ppm = candm_float_to_double(bytes_u32(reply, 84)),
            .skew_ppm = candm_float_to_double(bytes_u32(reply, 88)),
            .root_delay_s = candm_float_to_double(bytes_u32(reply, 92)),
            .root_dispersion_s = candm_float_to_double(bytes_u32(reply, 96)),
            .update_interval_s = candm_float_to_double(bytes_u32(reply, 100)),
        };
        CU_ASSERT_TRUE(candm_get_time(reply, 56, &tracking.reference_unix_ns));
        CU_ASSERT_EQUAL(tracking.refid, 0x7f000001);
        CU_ASSERT_EQUAL(tracking.address.family, CANDM_IPV4);
        CU_ASSERT_EQUAL(tracking.stratum, 3);
        CU_ASSERT_EQUAL(candm_write_tracking(&tracking, out), recorded.size);
        CU_ASSERT_EQUAL(memcmp(out, recorded.data, recorded.size), 0);
    }
}

static void activity_and_counters_are_laid_out_as_recorded(void)
{
    const struct octets activity = load_reply("activity");
    const struct octets stats = load_reply("serverstats");
    uint8_t out[CANDM_SERVER_STATS_17_SIZE] = {0};
    const struct candm_activity one = {.online = 1};
    CU_ASSERT_EQUAL(candm_write_activity(&one, out), activity.size);
    CU_ASSERT_EQUAL(memcmp(out + 28, activity.data + 28, activity.size - 28), 0);
    const struct candm_activity five = {1, 2, 3, 4, 5};
    CU_ASSERT_EQUAL(candm_write_activity(&five, out), activity.size);
    for (uint32_t i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(bytes_u32(bytes_make(out, sizeof(out)), 28 + 4 * i), i + 1);
    }

    const uint64_t counts[CANDM_STATS] = {[CANDM_STAT_CMD_HITS] = 7};
    uint16_t code = 0;
    memset(out, 0, sizeof(out));
    CU_ASSERT_EQUAL(candm_write_server_stats(counts, stats.size, &code, out), stats.size);
    CU_ASSERT_EQUAL(code, CANDM_REPLY_SERVER_STATS_11);
    CU_ASSERT_EQUAL(memcmp(out + 28, stats.data + 28, stats.size - 28), 0);
}

static void counters_take_the_layout_that_fits(void)
{
    uint64_t counts[CANDM_STATS];
    for (size_t i = 0; i < CANDM_STATS; i++) {
        counts[i] = (UINT64_C(1) << 32) * (i % 2) + i;
    }
    for (size_t room = 0; room < 400; room++) {
        uint8_t out[CANDM_SERVER_STATS_17_SIZE] = {0};
        uint16_t code = 0;
        size_t size = candm_write_server_stats(counts, room, &code, out);
        CU_ASSERT_EQUAL(size, room < 60 ? 0 : room < 72 ? 60 : room < 196 ? 72 : 196);
        CU_ASSERT_EQUAL(code, room < 60 ? 0 : room < 72 ? 22 : room < 196 ? 24 : 25);
        struct bytes written = bytes_make(out, sizeof(out));
        size_t shown = size == 60 ? 8 : size == 72 ? 11 : size == 196 ? 17 : 0;
        for (size_t i = 0; i < shown; i++) {
            uint64_t value =
                size == 196 ? bytes_u64(written, 28 + 8 * i) : bytes_u32(written, 28 + 4 * i);
            CU_ASSERT_EQUAL(value, size < 196 && i % 2 == 1 ? UINT32_MAX : counts[i]);
        }
        for (size_t at = 164; size == 196 && at < 196; at++) {
            CU_ASSERT_EQUAL(out[at], 0xff);
        }
    }
}

static void clients_are_laid_out_as_recorded(void)
{
    const struct octets recorded = load_reply("clients");
    uint8_t out[CANDM_CLIENT_ACCESSES_SIZE] = {0};
    CU_ASSERT_EQUAL(candm_write_clients(NULL, 0, 16, 16, out), recorded.size);
    CU_ASSERT_EQUAL(memcmp(out + 28, recorded.data + 28, recorded.size - 28), 0);

    struct candm_client clients[CANDM_CLIENTS_MAX];
    memset(clients, 0, sizeof(clients));
    clients[7] = (struct candm_client){
        .address = {.octets = {0x20, 1, 0xd, 0xb8}, .family = CANDM_IPV6},
        .ntp = {.hits = 1, .drops = 4, .interval_log2_s = -7, .last_ago_s = 11},
        .nke = {.hits = 2, .drops = 5, .interval_log2_s = 8, .last_ago_s = 12},
        .cmd = {.hits = 3, .drops = 6, .interval_log2_s = 9, .last_ago_s = CANDM_AGO_UNKNOWN},
        .timeout_interval_log2_s = CANDM_INTERVAL_UNKNOWN,
    };
    CU_ASSERT_EQUAL(candm_write_clients(clients, 8, 9, 1000, out), 520);
    struct bytes written = bytes_make(out, sizeof(out));
    CU_ASSERT_EQUAL(bytes_u32(written, 28), 1000);
    CU_ASSERT_EQUAL(bytes_u32(written, 32), 9);
    CU_ASSERT_EQUAL(bytes_u32(written, 36), 8);
    const size_t last = 40 + 7 * 60;
    struct candm_address address = candm_get_address(written, last);
    CU_ASSERT_EQUAL(memcmp(&address, &clients[7].address, sizeof(address)), 0);
    for (uint32_t i = 0; i < 6; i++) {
        CU_ASSERT_EQUAL(bytes_u32(written, last + 20 + 4 * i), i + 1);
    }
    CU_ASSERT_EQUAL(bytes_u32(written, last + 44), 0xf908097f);
    CU_ASSERT_EQUAL(bytes_u32(written, last + 48), 11);
    CU_ASSERT_EQUAL(bytes_u32(written, last + 52), 12);
    CU_ASSERT_EQUAL(bytes_u32(written, last + 56), UINT32_MAX);
}

static void reads_which_clients_are_wanted(void)
{
    struct octets request = load_request("clients");
    struct candm_clients_request wanted;
    CU_ASSERT_TRUE(candm_parse_clients(view(&request), &wanted));
    CU_ASSERT_EQUAL(wanted.first_index, 0);
    CU_ASSERT_EQUAL(wanted.clients_max, 8);
    CU_ASSERT_EQUAL(wanted.hits_min, 0);
    CU_ASSERT_FALSE(wanted.wants_reset);
    bytes_put_u32(request.data + 20, 77);
    bytes_put_u32(request.data + 28, 5);
    bytes_put_u32(request.data + 32, 1);
    CU_ASSERT_TRUE(candm_parse_clients(view(&request), &wanted));
    CU_ASSERT_EQUAL(wanted.first_index, 77);
    CU_ASSERT_EQUAL(wanted.hits_min, 5);
    CU_ASSERT_TRUE(wanted.wants_reset);
    for (size_t size = 0; size < 520; size++) {
        CU_ASSERT_FALSE(candm_parse_clients(bytes_make(request.data, size), &wanted));
    }
}

static const struct unit_case cases[] = {
    {"recorded requests parse and serialise", recorded_requests_parse_and_serialise},
    {"recorded replies parse and serialise", recorded_replies_parse_and_serialise},
    {"refuses what is no request", refuses_what_is_no_request},
    {"knows the length of each command", knows_the_length_of_each_command},
    {"recorded numbers keep their bits", recorded_numbers_keep_their_bits},
    {"numbers mean what chronyc prints", numbers_mean_what_chronyc_prints},
    {"numbers beyond the range saturate", numbers_beyond_the_range_saturate},
    {"times round trip", times_round_trip},
    {"tracking is laid out as recorded", tracking_is_laid_out_as_recorded},
    {"activity and counters are laid out as recorded",
     activity_and_counters_are_laid_out_as_recorded},
    {"counters take the layout that fits", counters_take_the_layout_that_fits},
    {"clients are laid out as recorded", clients_are_laid_out_as_recorded},
    {"reads which clients are wanted", reads_which_clients_are_wanted},
};
UNIT_MAIN("candm", cases)
