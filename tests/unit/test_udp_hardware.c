/* SPDX-License-Identifier: MIT */
#include "common/host/udp_hardware.h"
#include "tests/unit/unit.h"
#include <string.h>

#define S NS_PER_S
#define CARD_NS (INT64_C(1795203222) * S) /* the card shows TAI, our oscillator the uptime */
#define MONO_NS (1000 * S)
#define ERROR_NS 300

static const struct clock_fault no_fault;

/* A card that gains ppm on our oscillator: what it shows at mono. */
static int64_t card_at(int64_t mono_ns, double ppm)
{
    return CARD_NS + (mono_ns - MONO_NS) + (int64_t)((double)(mono_ns - MONO_NS) * ppm * 1e-6);
}

static void add(struct udp_hardware_line *line, int64_t mono_ns, int64_t card_ns)
{
    struct udp_hardware_pair pair = {.card_ns = card_ns, .mono = {mono_ns}, .error_ns = ERROR_NS};
    udp_hardware_line_add(line, &pair);
}

static int64_t missed_ns(const struct udp_hardware_line *line, int64_t mono_ns, double ppm)
{
    struct mono at = {INT64_MIN};
    CU_ASSERT_TRUE_FATAL(udp_hardware_line_date(line, card_at(mono_ns, ppm), &at));
    return llabs(at.ns - mono_ns);
}

static void test_line_without_a_pair_dates_nothing(void)
{
    struct udp_hardware_line line = {.count = 0};
    struct mono at = {7};
    CU_ASSERT_FALSE(udp_hardware_line_date(&line, CARD_NS, &at));
    CU_ASSERT_EQUAL(at.ns, 7);
}

static void test_pair_dates_what_is_near(void)
{
    struct udp_hardware_line line = {.count = 0};
    struct mono at = {7};
    add(&line, MONO_NS, CARD_NS);
    CU_ASSERT_TRUE(udp_hardware_line_date(&line, CARD_NS - NS_PER_MS, &at));
    CU_ASSERT_EQUAL(at.ns, MONO_NS - NS_PER_MS);
    CU_ASSERT_FALSE(udp_hardware_line_date(&line, CARD_NS + 10 * S, &at));
    CU_ASSERT_FALSE(udp_hardware_line_date(&line, CARD_NS - 10 * S, &at));
    CU_ASSERT_FALSE(udp_hardware_line_date(&line, INT64_MIN, &at));
    CU_ASSERT_FALSE(udp_hardware_line_date(&line, INT64_MAX, &at));
    CU_ASSERT_FALSE(udp_hardware_line_date(&line, 0, &at));
}

static void test_rate_is_learned(void)
{
    static const double rates[] = {0, 37, -37, 100000, -100000};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct udp_hardware_line line = {.count = 0};
        int64_t mono_ns = MONO_NS;
        for (int second = 0; second < 3 * UDP_HARDWARE_PAIRS; second++) {
            mono_ns += S;
            add(&line, mono_ns, card_at(mono_ns, rates[i]));
        }
        CU_ASSERT_EQUAL(line.count, UDP_HARDWARE_PAIRS);
        CU_ASSERT(missed_ns(&line, mono_ns, rates[i]) <= 2);
        CU_ASSERT(missed_ns(&line, mono_ns + S, rates[i]) <= 2);
        CU_ASSERT(missed_ns(&line, mono_ns - S / 2, rates[i]) <= 2);
    }
}

static void test_slow_change_of_the_rate_is_followed(void)
{
    struct udp_hardware_line line = {.count = 0};
    int64_t mono_ns = MONO_NS, card_ns = CARD_NS;
    for (int second = 0; second < 100; second++) {
        add(&line, mono_ns, card_ns);
        mono_ns += S;
        card_ns += S + second * 10;
    }
    CU_ASSERT_EQUAL(line.count, UDP_HARDWARE_PAIRS);
}

static void test_set_card_begins_anew(void)
{
    static const int64_t steps[] = {37 * S, -37 * S, 5 * NS_PER_MS, -5 * NS_PER_MS};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct udp_hardware_line line = {.count = 0};
        int64_t mono_ns = MONO_NS;
        for (int second = 0; second < 5; second++) {
            mono_ns += S;
            add(&line, mono_ns, card_at(mono_ns, 10));
        }
        CU_ASSERT_EQUAL(line.count, 5);
        mono_ns += S;
        add(&line, mono_ns, card_at(mono_ns, 10) + steps[i]);
        CU_ASSERT_EQUAL(line.count, 1);
        struct mono at;
        CU_ASSERT_TRUE(udp_hardware_line_date(&line, card_at(mono_ns, 10) + steps[i], &at));
        CU_ASSERT_EQUAL(at.ns, mono_ns);
    }
}

/* No card of a loopback network has a clock: that is said, once, and the kernel's stamps go on. */
static void test_socket_without_a_card_keeps_the_kernels_stamps(void)
{
    struct clock *clock = clock_create(&no_fault, 1);
    struct udp_hardware *hardware = udp_hardware_create(clock);
    CU_ASSERT_PTR_NOT_NULL_FATAL(hardware);
    char sentence[UDP_HARDWARE_TEXT_MAX] = "";
    struct address loopback = {.family = ADDRESS_IPV4, .octets = {127, 0, 0, 1}};
    struct udp_options server_options = {.local = loopback};
    struct udp server, udp;
    CU_ASSERT_EQUAL_FATAL(udp_open(&server_options, &server), 0);
    struct udp_options options = {.remote = server.local, .transmit_stamps = true};
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL_FATAL(udp_open(&options, &udp), 0);
        CU_ASSERT_EQUAL(udp_hardware_attach(hardware, &udp, sentence), i == 0);
        CU_ASSERT_PTR_NULL(udp.card);
        CU_ASSERT_PTR_NOT_NULL(strstr(sentence, "no hardware timestamps of lo: "));
        CU_ASSERT_EQUAL(udp_send(&udp, NULL, bytes_make("x", 1), true), 0);
        uint8_t buffer[64];
        struct sent sent;
        CU_ASSERT_EQUAL(udp_read_stamp(&udp, clock, buffer, sizeof(buffer), &sent), 1);
        CU_ASSERT_EQUAL(sent.stamp, STAMP_KERNEL);
        udp_close(&udp);
    }
    CU_ASSERT_FALSE(udp_hardware_compare(hardware));
    udp_close(&server);
    udp_hardware_destroy(hardware);
    clock_destroy(clock);
}

static const struct unit_case cases[] = {
    {"a line without a pair dates nothing", test_line_without_a_pair_dates_nothing},
    {"a pair dates what is near", test_pair_dates_what_is_near},
    {"the rate is learned", test_rate_is_learned},
    {"a slow change of the rate is followed", test_slow_change_of_the_rate_is_followed},
    {"a card that was set begins anew", test_set_card_begins_anew},
    {"without a card the kernel's stamps stay",
     test_socket_without_a_card_keeps_the_kernels_stamps},
};
UNIT_MAIN("udp_hardware", cases)
