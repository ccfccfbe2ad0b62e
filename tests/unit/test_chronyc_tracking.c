/* SPDX-License-Identifier: MIT */
#include "ntpwire/refid.h"
#include "tests/unit/chronyc_bench.h"

static void activity_is_told(void)
{
    struct chronyc_facts facts = facts_make(NULL);
    facts.status.online = 1;
    facts.status.offline = 2;
    facts.status.bursting_online = 3;
    facts.status.bursting_offline = 4;
    facts.status.unresolved = 5;
    struct message request = request_make(CANDM_ACTIVITY, 48);
    struct message out = ask(&request, &facts, CANDM_SUCCESS, CANDM_REPLY_ACTIVITY);
    for (uint32_t i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(u32(&out, 28 + 4 * i), i + 1);
    }
}

static struct chronyc_facts following(const struct node_view *node)
{
    struct chronyc_facts facts = facts_make(node);
    facts.state.timebase = TIMEBASE_LINE;
    facts.state.utc = (struct wall){facts.now.wall.ns + 5 * NS_PER_S};
    facts.state.anchor = facts.now.mono;
    facts.state.leap = LEAP_NONE;
    facts.state.stratum = 3;
    facts.state.refid = 0xc0000201;
    facts.status = (struct status){
        .now = facts.now,
        .has_estimate = true,
        .offset_ns = 1500000,
        .rate_ppm = 12,
        .rate_sd_ppm = 0.1,
        .residual_ppm = 0.25,
        .last_offset_ns = 700 * NS_PER_US,
        .rms_offset_ns = 300e3,
        .last_update = {490 * NS_PER_S},
        .update_interval_ns = 64 * NS_PER_S,
    };
    return facts;
}

static void tracking_names_the_source(void)
{
    const struct node_view node = node_make();
    struct chronyc_facts facts = following(&node);
    const struct message request = request_make(CANDM_TRACKING, 104);
    struct message out = ask(&request, &facts, CANDM_SUCCESS, CANDM_REPLY_TRACKING);
    CU_ASSERT_TRUE(is_same(address_at(&out, 32), paris));
    CU_ASSERT_EQUAL(u16(&out, 52), 3);
    facts.state.refid = refid_from_ipv6(peer.octets);
    out = ask(&request, &facts, CANDM_SUCCESS, CANDM_REPLY_TRACKING);
    CU_ASSERT_TRUE(is_same(address_at(&out, 32), peer));
    /* Nobody's, the local clock's, or none at all. */
    static const uint32_t others[] = {0x0a000001, REFID_LOCAL_CLOCK, 14};
    for (size_t i = 0; i < 3; i++) {
        facts.state.refid = others[i];
        out = ask(&request, &facts, CANDM_SUCCESS, CANDM_REPLY_TRACKING);
        CU_ASSERT_EQUAL(address_at(&out, 32).family, CANDM_UNSPECIFIED);
    }
    facts.state.refid = 0xc0000201;
    facts.state.stratum = 16;
    out = ask(&request, &facts, CANDM_SUCCESS, CANDM_REPLY_TRACKING);
    CU_ASSERT_EQUAL(address_at(&out, 32).family, CANDM_UNSPECIFIED);
}

static void tracking_says_what_is_left(void)
{
    const struct node_view node = node_make();
    struct chronyc_facts facts = following(&node);
    const struct message request = request_make(CANDM_TRACKING, 104);
    struct message out = ask(&request, &facts, CANDM_SUCCESS, CANDM_REPLY_TRACKING);
    /* chronyc: "0.0015 seconds slow of NTP time", and the system clock is 12 ppm slow. */
    CU_ASSERT_TRUE(is_number(&out, 68, 1.5e-3));
    CU_ASSERT_TRUE(is_number(&out, 72, -700e-6));
    CU_ASSERT_TRUE(is_number(&out, 76, 300e-6));
    CU_ASSERT_TRUE(is_number(&out, 80, -12));
    CU_ASSERT_TRUE(is_number(&out, 84, -0.25));
    CU_ASSERT_TRUE(is_number(&out, 88, 0.329));
    CU_ASSERT_TRUE(is_number(&out, 100, 64));
    /* A shadow clock is 80 ms ahead of the system clock, which nobody corrects. */
    facts.status.now.wall.ns += 80 * NS_PER_MS;
    out = ask(&request, &facts, CANDM_SUCCESS, CANDM_REPLY_TRACKING);
    CU_ASSERT_TRUE(is_number(&out, 68, 81.5e-3));
    facts.status.last_update.ns = 0;
    out = ask(&request, &facts, CANDM_SUCCESS, CANDM_REPLY_TRACKING);
    CU_ASSERT_TRUE(is_number(&out, 72, 0) && is_number(&out, 76, 0) && is_number(&out, 100, 0));
}

static const struct unit_case cases[] = {
    {"activity is told", activity_is_told},
    {"tracking names the source", tracking_names_the_source},
    {"tracking says what is left", tracking_says_what_is_left},
};

UNIT_MAIN("chronyc_tracking", cases)
