/* SPDX-License-Identifier: MIT */
#include "ntpwire/candm.h"
#include "tests/unit/unit.h"
#include "tests/vectors/hex.h"

#include <string.h>

struct octets {
    uint8_t data[640];
    size_t size;
};

static struct bytes view(const struct octets *octets)
{
    return bytes_make(octets->data, octets->size);
}

/* What chronyd 4.3 answered. */
static struct octets load_reply(const char *name)
{
    char path[512];
    struct octets octets = {.size = 0};
    const char *srcdir = getenv("srcdir");
    snprintf(path, sizeof(path), "%s/tests/vectors/corpus/responses/chronyd-4.3--chronyc-%s.hex",
             srcdir != NULL ? srcdir : ".", name);
    if (!hex_load(path, octets.data, sizeof(octets.data), &octets.size)) {
        CU_FAIL_FATAL("a vector is missing");
    }
    return octets;
}

static double number(const struct octets *octets, size_t offset)
{
    return candm_float_to_double(bytes_u32(view(octets), offset));
}

/* A reply with the recorded header and nothing behind it. */
static struct octets begin(const struct octets *recorded)
{
    struct octets out = {.size = 0};
    memcpy(out.data, recorded->data, CANDM_REPLY_HEADER);
    return out;
}

static void is_as_recorded(const struct octets *out, size_t size, const struct octets *recorded)
{
    CU_ASSERT_EQUAL_FATAL(size, recorded->size);
    CU_ASSERT_EQUAL(memcmp(out->data, recorded->data, size), 0);
}

static void sources_are_laid_out_as_recorded(void)
{
    static const char *const names[] = {"sources-2", "ntpdata-2", "authdata-2"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct octets recorded = load_reply(names[i]);
        struct octets out = begin(&recorded);
        struct candm_source source = {
            .address = candm_get_address(view(&recorded), 28),
            .poll_log2_s = (int16_t)bytes_u16(view(&recorded), 48),
            .stratum = 2,
            .state = CANDM_SOURCE_SELECTED,
            .mode = CANDM_MODE_CLIENT,
            .reach = 0xff,
            .sample_ago_s = bytes_u32(view(&recorded), 60),
            .measured_offset_s = number(&recorded, 64),
            .adjusted_offset_s = number(&recorded, 68),
            .error_s = number(&recorded, 72),
        };
        CU_ASSERT_EQUAL(source.address.family, CANDM_IPV4);
        is_as_recorded(&out, candm_write_source(&source, out.data), &recorded);
    }
    struct octets out = {.size = 0};
    const struct candm_source fast = {.poll_log2_s = -3, .mode = CANDM_MODE_PEER};
    CU_ASSERT_EQUAL(candm_write_source(&fast, out.data), 76);
    CU_ASSERT_EQUAL(bytes_u16(bytes_make(out.data, 76), 48), 0xfffd);
    CU_ASSERT_EQUAL(bytes_u16(bytes_make(out.data, 76), 54), 1);
}

static void sourcestats_are_laid_out_as_recorded(void)
{
    const struct octets recorded = load_reply("sourcestats-2");
    struct octets out = begin(&recorded);
    const struct candm_sourcestats stats = {
        .refid = 0x7f000001,
        .address = candm_get_address(view(&recorded), 32),
        .samples = 12,
        .runs = 7,
        .span_s = 9,
        .deviation_s = number(&recorded, 64),
        .residual_frequency_ppm = number(&recorded, 68),
        .skew_ppm = number(&recorded, 72),
        .offset_s = number(&recorded, 76),
        .offset_error_s = number(&recorded, 80),
    };
    is_as_recorded(&out, candm_write_sourcestats(&stats, out.data), &recorded);
}

static struct candm_ntp_data recorded_ntp_data(const struct octets *recorded)
{
    struct bytes reply = view(recorded);
    struct candm_ntp_data data = {
        .remote = candm_get_address(reply, 28),
        .local = candm_get_address(reply, 48),
        .port = 123,
        .version = 4,
        .mode = 4,
        .stratum = 2,
        .poll_log2_s = 0,
        .precision_log2_s = -25,
        .root_delay_s = number(recorded, 76),
        .root_dispersion_s = number(recorded, 80),
        .refid = 0x7f7f0101,
        .offset_s = number(recorded, 100),
        .delay_s = number(recorded, 104),
        .dispersion_s = number(recorded, 108),
        .response_s = number(recorded, 112),
        .asymmetry = number(recorded, 116),
        .flags = 2 * CANDM_TEST_FIRST - 1,
        .sent_stamp = 'K',
        .received_stamp = 'K',
        .sent = 12,
        .received = 12,
        .valid = 12,
        .good = 12,
        .kernel_sent = 1,
        .kernel_received = 2,
        .hardware_sent = 3,
        .hardware_received = 4,
    };
    CU_ASSERT_TRUE(candm_get_time(reply, 88, &data.reference_unix_ns));
    return data;
}

static void ntp_data_is_laid_out_as_recorded(void)
{
    const struct octets recorded = load_reply("ntpdata-3");
    const struct candm_ntp_data data = recorded_ntp_data(&recorded);
    for (size_t room = CANDM_NTP_DATA_SIZE; room < CANDM_NTP_DATA_RESERVED_SIZE; room++) {
        struct octets out = begin(&recorded);
        uint16_t code = 0;
        is_as_recorded(&out, candm_write_ntp_data(&data, room, &code, out.data), &recorded);
        CU_ASSERT_EQUAL(code, CANDM_REPLY_NTP_DATA);
    }
}

static void ntp_data_takes_the_layout_that_fits(void)
{
    const struct octets recorded = load_reply("ntpdata-3");
    const struct candm_ntp_data data = recorded_ntp_data(&recorded);
    struct octets out = begin(&recorded);
    uint16_t code = 0;
    CU_ASSERT_EQUAL(candm_write_ntp_data(&data, 151, &code, out.data), 0);
    CU_ASSERT_EQUAL(code, 0);
    CU_ASSERT_EQUAL(candm_write_ntp_data(&data, 172, &code, out.data), 172);
    CU_ASSERT_EQUAL(code, CANDM_REPLY_NTP_DATA_RESERVED);
    CU_ASSERT_EQUAL(memcmp(out.data, recorded.data, 140), 0);
    struct bytes reply = bytes_make(out.data, 172);
    for (uint32_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(bytes_u32(reply, 140 + 4 * i), i + 1);
        CU_ASSERT_EQUAL(bytes_u32(reply, 156 + 4 * i), UINT32_MAX);
    }
}

static void select_data_is_laid_out_as_recorded(void)
{
    const struct octets recorded = load_reply("selectdata-2");
    struct octets out = begin(&recorded);
    struct candm_select_data data = {
        .refid = 0x7f000001,
        .address = candm_get_address(view(&recorded), 32),
        .state = '*',
        .score = 1,
        .low_s = number(&recorded, 68),
        .high_s = number(&recorded, 72),
    };
    CU_ASSERT_TRUE(data.low_s < 0 && data.high_s > 0);
    is_as_recorded(&out, candm_write_select_data(&data, out.data), &recorded);
    data.has_authentication = true;
    data.leap = 3;
    data.configured_options = CANDM_OPTION_NOSELECT | CANDM_OPTION_REQUIRE;
    data.effective_options = CANDM_OPTION_PREFER | CANDM_OPTION_TRUST;
    data.sample_ago_s = CANDM_AGO_UNKNOWN;
    CU_ASSERT_EQUAL(candm_write_select_data(&data, out.data), 76);
    static const uint8_t wanted[] = {'*', 1, 3, 0, 0, 9, 0, 6, 0xff, 0xff, 0xff, 0xff};
    CU_ASSERT_EQUAL(memcmp(out.data + 52, wanted, sizeof(wanted)), 0);
}

static void auth_data_is_laid_out_as_recorded(void)
{
    const struct octets recorded = load_reply("authdata-3");
    struct octets out = begin(&recorded);
    const struct candm_auth_data none = {.exchange_ago_s = CANDM_AGO_UNKNOWN};
    is_as_recorded(&out, candm_write_auth_data(&none, out.data), &recorded);
    const struct candm_auth_data some = {
        .mode = 1,
        .key_type = 2,
        .key_id = 0x01020304,
        .key_bits = 160,
        .exchange_attempts = 5,
        .exchange_ago_s = 6,
        .cookies = 7,
        .cookie_size = 8,
        .naks = 9,
    };
    CU_ASSERT_EQUAL(candm_write_auth_data(&some, out.data), 52);
    static const uint8_t wanted[] = {0, 1, 0, 2, 1, 2, 3, 4, 0, 160, 0, 5,
                                     0, 0, 0, 6, 0, 7, 0, 8, 0, 9,   0, 0};
    CU_ASSERT_EQUAL(memcmp(out.data + 28, wanted, sizeof(wanted)), 0);
}

static void names_and_counts_are_written(void)
{
    uint8_t out[CANDM_NTP_SOURCE_NAME_SIZE] = {0};
    CU_ASSERT_EQUAL(candm_write_source_name("ntp.example", out), 284);
    CU_ASSERT_STRING_EQUAL((const char *)out + 28, "ntp.example");
    char longest[1024];
    memset(longest, 'n', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    memset(out, 0, sizeof(out));
    CU_ASSERT_EQUAL(candm_write_source_name(longest, out), 284);
    CU_ASSERT_EQUAL(strlen((const char *)out + 28), CANDM_NAME_MAX - 1);

    uint8_t count[CANDM_N_SOURCES_SIZE] = {0};
    CU_ASSERT_EQUAL(candm_write_source_count(7, count), 32);
    CU_ASSERT_EQUAL(bytes_u32(bytes_make(count, sizeof(count)), 28), 7);
}

static void reads_which_source_is_meant(void)
{
    struct octets request = {.size = 24};
    uint32_t index = 99;
    bytes_put_u32(request.data + 20, 0xfffffffe);
    for (size_t size = 0; size < 24; size++) {
        CU_ASSERT_FALSE(candm_parse_index(bytes_make(request.data, size), &index));
    }
    CU_ASSERT_EQUAL(index, 99);
    CU_ASSERT_TRUE(candm_parse_index(view(&request), &index));
    CU_ASSERT_EQUAL(index, 0xfffffffe);

    const struct candm_address wanted = {{192, 0, 2, 1}, CANDM_IPV4};
    struct candm_address address = {.family = 99};
    candm_put_address(request.data + 20, &wanted);
    for (size_t size = 0; size < 40; size++) {
        CU_ASSERT_FALSE(candm_parse_address(bytes_make(request.data, size), &address));
    }
    CU_ASSERT_EQUAL(address.family, 99);
    CU_ASSERT_TRUE(candm_parse_address(bytes_make(request.data, 40), &address));
    CU_ASSERT_EQUAL(memcmp(&address, &wanted, sizeof(address)), 0);
}

static void reads_which_sources_are_meant(void)
{
    struct octets request = {.size = 60};
    const struct candm_address net = {{192, 0, 2, 7}, CANDM_IPV4};
    const struct candm_address mask = {{255, 255, 255, 0}, CANDM_IPV4};
    const struct candm_address near = {{192, 0, 2, 1}, CANDM_IPV4};
    const struct candm_address far = {{192, 0, 3, 7}, CANDM_IPV4};
    const struct candm_address six = {{192, 0, 2, 7}, CANDM_IPV6};
    struct candm_selector selector;
    memset(&selector, 0x5a, sizeof(selector));
    for (size_t size = 0; size < 60; size++) {
        CU_ASSERT_FALSE(candm_parse_selector(bytes_make(request.data, size), &selector));
    }
    CU_ASSERT_EQUAL(selector.mask.family, 0x5a5a);
    /* Nothing at all: all of them. */
    CU_ASSERT_TRUE(candm_parse_selector(view(&request), &selector));
    CU_ASSERT_TRUE(candm_is_selected(&selector, &near) && candm_is_selected(&selector, &six));
    /* One address. */
    candm_put_address(request.data + 40, &net);
    CU_ASSERT_TRUE(candm_parse_selector(view(&request), &selector));
    CU_ASSERT_TRUE(candm_is_selected(&selector, &net));
    CU_ASSERT_FALSE(candm_is_selected(&selector, &near) || candm_is_selected(&selector, &six));
    /* A network. */
    candm_put_address(request.data + 20, &mask);
    CU_ASSERT_TRUE(candm_parse_selector(view(&request), &selector));
    CU_ASSERT_TRUE(candm_is_selected(&selector, &net) && candm_is_selected(&selector, &near));
    CU_ASSERT_FALSE(candm_is_selected(&selector, &far) || candm_is_selected(&selector, &six));
    /* A mask of another family fits nothing. */
    selector.mask.family = CANDM_IPV6;
    CU_ASSERT_FALSE(candm_is_selected(&selector, &net) || candm_is_selected(&selector, &six));
}

static const struct unit_case cases[] = {
    {"sources are laid out as recorded", sources_are_laid_out_as_recorded},
    {"sourcestats are laid out as recorded", sourcestats_are_laid_out_as_recorded},
    {"ntp data is laid out as recorded", ntp_data_is_laid_out_as_recorded},
    {"ntp data takes the layout that fits", ntp_data_takes_the_layout_that_fits},
    {"select data is laid out as recorded", select_data_is_laid_out_as_recorded},
    {"auth data is laid out as recorded", auth_data_is_laid_out_as_recorded},
    {"names and counts are written", names_and_counts_are_written},
    {"reads which source is meant", reads_which_source_is_meant},
    {"reads which sources are meant", reads_which_sources_are_meant},
};

UNIT_MAIN("candm_source", cases)
