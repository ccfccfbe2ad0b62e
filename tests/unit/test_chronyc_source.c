/* SPDX-License-Identifier: MIT */
#include "ntpwire/refid.h"
#include "tests/unit/chronyc_bench.h"

static void sources_are_counted(void)
{
    const struct node_view node = node_make();
    struct chronyc_facts facts = facts_make(&node);
    struct message request = request_make(CANDM_N_SOURCES, 32);
    struct message out = ask(&request, &facts, CANDM_SUCCESS, CANDM_REPLY_N_SOURCES);
    CU_ASSERT_EQUAL(u32(&out, 28), 4);
    facts.read_source = NULL;
    out = ask(&request, &facts, CANDM_SUCCESS, CANDM_REPLY_N_SOURCES);
    CU_ASSERT_EQUAL(u32(&out, 28), 0);
    (void)ask_index(CANDM_SOURCE_DATA, 0, &facts, CANDM_REPLY_NULL);
}

static void a_source_is_shown(void)
{
    const struct node_view node = node_make();
    const struct chronyc_facts facts = facts_make(&node);
    struct message out = ask_index(CANDM_SOURCE_DATA, 0, &facts, CANDM_REPLY_SOURCE_DATA);
    CU_ASSERT_EQUAL_FATAL(out.size, 76);
    CU_ASSERT_TRUE(is_same(address_at(&out, 28), paris));
    CU_ASSERT_EQUAL(u16(&out, 48), 6);
    CU_ASSERT_EQUAL(u16(&out, 50), 2);
    CU_ASSERT_EQUAL(u16(&out, 52), CANDM_SOURCE_SELECTED);
    CU_ASSERT_EQUAL(u16(&out, 54), CANDM_MODE_CLIENT);
    CU_ASSERT_EQUAL(u16(&out, 58), 0377);
    CU_ASSERT_EQUAL(u32(&out, 60), 10);
    /* We are behind, which chrony says with a minus. */
    CU_ASSERT_TRUE(is_number(&out, 64, -250e-6));
    CU_ASSERT_TRUE(is_number(&out, 68, -125e-6));
    CU_ASSERT_TRUE(is_number(&out, 72, 18e-3));
    /* The broadcast server is left out. */
    out = ask_index(CANDM_SOURCE_DATA, 1, &facts, CANDM_REPLY_SOURCE_DATA);
    CU_ASSERT_TRUE(is_same(address_at(&out, 28), peer));
    CU_ASSERT_EQUAL(u16(&out, 52), CANDM_SOURCE_FALSETICKER);
    CU_ASSERT_EQUAL(u16(&out, 54), CANDM_MODE_PEER);
    out = ask_index(CANDM_SOURCE_DATA, 2, &facts, CANDM_REPLY_SOURCE_DATA);
    CU_ASSERT_TRUE(is_same(address_at(&out, 28), rome));
    CU_ASSERT_EQUAL(u16(&out, 50), 0);
    CU_ASSERT_EQUAL(u16(&out, 52), CANDM_SOURCE_NONSELECTABLE);
    CU_ASSERT_EQUAL(u32(&out, 60), CANDM_AGO_UNKNOWN);
    CU_ASSERT_TRUE(is_number(&out, 64, 0) && is_number(&out, 68, 0) && is_number(&out, 72, 0));
    out = ask_index(CANDM_SOURCE_DATA, 3, &facts, CANDM_REPLY_SOURCE_DATA);
    CU_ASSERT_TRUE(is_same(address_at(&out, 28), oslo));
    CU_ASSERT_EQUAL(u16(&out, 48), 0xffff);
    (void)ask_index(CANDM_SOURCE_DATA, 4, &facts, CANDM_REPLY_NULL);
    (void)ask_index(CANDM_SOURCE_DATA, UINT32_MAX, &facts, CANDM_REPLY_NULL);
}

static void without_an_estimate_the_sample_is_shown(void)
{
    struct node_view node = node_make();
    const struct chronyc_facts facts = facts_make(&node);
    node.sources[0].has_estimate = false;
    struct message out = ask_index(CANDM_SOURCE_DATA, 0, &facts, CANDM_REPLY_SOURCE_DATA);
    CU_ASSERT_TRUE(is_number(&out, 64, -250e-6) && is_number(&out, 68, -250e-6));
    /* What is not known is as chronyd shows it. */
    out = ask_index(CANDM_SOURCESTATS, 0, &facts, CANDM_REPLY_SOURCESTATS);
    CU_ASSERT_TRUE(is_number(&out, 64, 4) && is_number(&out, 72, 2000));
    CU_ASSERT_TRUE(is_number(&out, 68, 0) && is_number(&out, 76, 0));
}

/* A clock that reads nonsense, or an instant just before. */
static void ages_are_bounded(void)
{
    struct node_view node = node_make();
    struct chronyc_facts facts = facts_make(&node);
    node.sources[0].answered.ns = facts.now.mono.ns + 5 * NS_PER_S;
    struct message out = ask_index(CANDM_SOURCE_DATA, 0, &facts, CANDM_REPLY_SOURCE_DATA);
    CU_ASSERT_EQUAL(u32(&out, 60), 0);
    node.sources[0].answered.ns = 1;
    facts.now.mono.ns = INT64_MAX;
    out = ask_index(CANDM_SOURCE_DATA, 0, &facts, CANDM_REPLY_SOURCE_DATA);
    CU_ASSERT_EQUAL(u32(&out, 60), CANDM_AGO_UNKNOWN - 1);
    node.sources[0].answered.ns = INT64_MIN;
    out = ask_index(CANDM_SOURCE_DATA, 0, &facts, CANDM_REPLY_SOURCE_DATA);
    CU_ASSERT_NOT_EQUAL(u32(&out, 60), CANDM_AGO_UNKNOWN);
}

static void every_state_has_its_letters(void)
{
    static const struct {
        enum source_state state;
        uint16_t shown;
        char letter;
    } wanted[] = {
        {SOURCE_OFFLINE, 1, 'M'},     {SOURCE_UNRESOLVED, 1, 'M'},     {SOURCE_DENIED, 1, 'M'},
        {SOURCE_UNREACHABLE, 1, 'M'}, {SOURCE_WAITING, 1, 'M'},        {SOURCE_LOOP, 1, 's'},
        {SOURCE_DISTANT, 1, 'd'},     {SOURCE_UNSYNCHRONISED, 1, 's'}, {SOURCE_NOSELECT, 1, 'N'},
        {SOURCE_ORPHAN, 1, 'O'},      {SOURCE_FALSETICKER, 2, 'x'},    {SOURCE_UNTRUSTED, 1, 'T'},
        {SOURCE_UNLIKELY, 5, 'D'},    {SOURCE_WAITS_REQUIRED, 5, 'W'}, {SOURCE_UNPREFERRED, 5, 'P'},
        {SOURCE_COMBINED, 4, '+'},    {SOURCE_SELECTED, 0, '*'},       {SOURCE_EXCLUDED, 1, 'N'},
    };
    CU_ASSERT_EQUAL(sizeof(wanted) / sizeof(wanted[0]), SOURCE_STATES);
    struct node_view node = node_make();
    const struct chronyc_facts facts = facts_make(&node);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        node.sources[0].state = wanted[i].state;
        struct message out = ask_index(CANDM_SOURCE_DATA, 0, &facts, CANDM_REPLY_SOURCE_DATA);
        CU_ASSERT_EQUAL(u16(&out, 52), wanted[i].shown);
        out = ask_index(CANDM_SELECT_DATA, 0, &facts, CANDM_REPLY_SELECT_DATA);
        CU_ASSERT_EQUAL(u8(&out, 52), wanted[i].letter);
    }
}

static void statistics_are_shown(void)
{
    const struct node_view node = node_make();
    const struct chronyc_facts facts = facts_make(&node);
    struct message out = ask_index(CANDM_SOURCESTATS, 0, &facts, CANDM_REPLY_SOURCESTATS);
    CU_ASSERT_EQUAL_FATAL(out.size, 84);
    CU_ASSERT_EQUAL(u32(&out, 28), 0xc0000201);
    CU_ASSERT_TRUE(is_same(address_at(&out, 32), paris));
    CU_ASSERT_EQUAL(u32(&out, 52), 17);
    CU_ASSERT_EQUAL(u32(&out, 60), 1024);
    CU_ASSERT_TRUE(is_number(&out, 64, 60e-6));
    /* The source gains on us: we are slow, with a minus. */
    CU_ASSERT_TRUE(is_number(&out, 68, -0.5));
    CU_ASSERT_TRUE(is_number(&out, 72, 0.0329));
    CU_ASSERT_TRUE(is_number(&out, 76, -125e-6));
    CU_ASSERT_TRUE(is_number(&out, 80, 30e-6));
    out = ask_index(CANDM_SOURCESTATS, 1, &facts, CANDM_REPLY_SOURCESTATS);
    CU_ASSERT_EQUAL(u32(&out, 28), refid_from_ipv6(peer.octets));
    out = ask_index(CANDM_SOURCESTATS, 2, &facts, CANDM_REPLY_SOURCESTATS);
    CU_ASSERT_EQUAL(u32(&out, 28), 14);
    CU_ASSERT_EQUAL(u32(&out, 52), 0);
    (void)ask_index(CANDM_SOURCESTATS, 4, &facts, CANDM_REPLY_NULL);
}

static void the_last_reply_is_shown(void)
{
    const struct node_view node = node_make();
    const struct chronyc_facts facts = facts_make(&node);
    static const struct {
        size_t size;
        uint16_t code;
    } layouts[] = {{152, CANDM_REPLY_NTP_DATA}, {172, CANDM_REPLY_NTP_DATA_RESERVED}};
    for (size_t i = 0; i < 2; i++) {
        struct message out =
            ask_address(CANDM_NTP_DATA, layouts[i].size, paris, &facts, layouts[i].code);
        int64_t reference_ns = 0;
        CU_ASSERT_EQUAL_FATAL(out.size, layouts[i].size);
        CU_ASSERT_TRUE(is_same(address_at(&out, 28), paris));
        CU_ASSERT_EQUAL(address_at(&out, 48).octets[3], 200);
        CU_ASSERT_EQUAL(u16(&out, 68), 123);
        static const uint8_t octets[] = {LEAP_INSERT, 4, MODE_SERVER, 2, 7, (uint8_t)-23};
        CU_ASSERT_EQUAL(memcmp(out.data + 70, octets, sizeof(octets)), 0);
        CU_ASSERT_TRUE(is_number(&out, 76, 0.020) && is_number(&out, 80, 0.003));
        CU_ASSERT_EQUAL(u32(&out, 84), 0x01020304);
        CU_ASSERT_TRUE(candm_get_time(bytes_make(out.data, out.size), 88, &reference_ns));
        CU_ASSERT_EQUAL(reference_ns, (NOW_S - 100) * NS_PER_S);
        /* Only here an offset is the source's to us. */
        CU_ASSERT_TRUE(is_number(&out, 100, 250e-6));
        CU_ASSERT_TRUE(is_number(&out, 104, 8e-3));
        CU_ASSERT_TRUE(is_number(&out, 108, 1e-3));
        CU_ASSERT_TRUE(is_number(&out, 112, 40e-6));
        CU_ASSERT_EQUAL(u16(&out, 120), 0x3fe | CANDM_NTP_INTERLEAVED);
        CU_ASSERT_EQUAL(u8(&out, 122), 'K');
        CU_ASSERT_EQUAL(u8(&out, 123), 'H');
        for (uint32_t j = 0; j < 4; j++) {
            CU_ASSERT_EQUAL(u32(&out, 124 + 4 * j), 40 - j);
        }
        static const uint32_t counts[] = {2, 5, 3, 6};
        for (uint32_t j = 0; j < 4 && i == 1; j++) {
            CU_ASSERT_EQUAL(u32(&out, 140 + 4 * j), counts[j]);
        }
    }
    struct message out =
        ask_address(CANDM_NTP_DATA, 172, peer, &facts, CANDM_REPLY_NTP_DATA_RESERVED);
    CU_ASSERT_EQUAL(u16(&out, 68), 1234);
    CU_ASSERT_EQUAL(u16(&out, 120), 0x3fe | CANDM_NTP_AUTHENTICATED);
}

static void without_a_reply_nothing_is_shown(void)
{
    const struct node_view node = node_make();
    const struct chronyc_facts facts = facts_make(&node);
    struct message out = ask_address(CANDM_NTP_DATA, 152, oslo, &facts, CANDM_REPLY_NTP_DATA);
    CU_ASSERT_EQUAL(u16(&out, 68), 123);
    for (size_t offset = 70; offset < 124; offset++) {
        CU_ASSERT_EQUAL(u8(&out, offset), 0);
    }
    CU_ASSERT_EQUAL(u32(&out, 124), UINT32_MAX);
    const struct candm_address nobody = {{192, 0, 2, 2}, CANDM_IPV4};
    const struct candm_address other = {{192, 0, 2, 1}, CANDM_IPV6};
    (void)ask_address(CANDM_NTP_DATA, 172, nobody, &facts, CANDM_REPLY_NULL);
    (void)ask_address(CANDM_NTP_DATA, 172, other, &facts, CANDM_REPLY_NULL);
    /* A broadcast server's address is none of a source. */
    const struct candm_address all = {{192, 0, 2, 255}, CANDM_IPV4};
    (void)ask_address(CANDM_NTP_DATA, 172, all, &facts, CANDM_REPLY_NULL);
}

static void the_selection_is_shown(void)
{
    const struct node_view node = node_make();
    const struct chronyc_facts facts = facts_make(&node);
    struct message out = ask_index(CANDM_SELECT_DATA, 0, &facts, CANDM_REPLY_SELECT_DATA);
    CU_ASSERT_EQUAL_FATAL(out.size, 76);
    CU_ASSERT_EQUAL(u32(&out, 28), 0xc0000201);
    CU_ASSERT_TRUE(is_same(address_at(&out, 32), paris));
    CU_ASSERT_EQUAL(u8(&out, 53), 0);
    CU_ASSERT_EQUAL(u8(&out, 54), LEAP_INSERT);
    CU_ASSERT_EQUAL(u16(&out, 56), CANDM_OPTION_PREFER | CANDM_OPTION_REQUIRE);
    CU_ASSERT_EQUAL(u16(&out, 58), CANDM_OPTION_PREFER | CANDM_OPTION_REQUIRE);
    CU_ASSERT_EQUAL(u32(&out, 60), 10);
    CU_ASSERT_TRUE(is_number(&out, 64, 1));
    /* Our clock is 4 ms ahead at most, and 6 ms behind. */
    CU_ASSERT_TRUE(is_number(&out, 68, -6e-3) && is_number(&out, 72, 4e-3));
    out = ask_index(CANDM_SELECT_DATA, 1, &facts, CANDM_REPLY_SELECT_DATA);
    CU_ASSERT_EQUAL(u8(&out, 53), 1);
    CU_ASSERT_EQUAL(u16(&out, 56), CANDM_OPTION_TRUST | CANDM_OPTION_NOSELECT);
    out = ask_index(CANDM_SELECT_DATA, 3, &facts, CANDM_REPLY_SELECT_DATA);
    CU_ASSERT_EQUAL(u8(&out, 54), LEAP_UNSYNCHRONISED);
    CU_ASSERT_EQUAL(u32(&out, 60), CANDM_AGO_UNKNOWN);
    CU_ASSERT_TRUE(is_number(&out, 68, 0) && is_number(&out, 72, 0));
    (void)ask_index(CANDM_SELECT_DATA, 4, &facts, CANDM_REPLY_NULL);
}

static void keys_are_described(void)
{
    const struct node_view node = node_make();
    struct chronyc_facts facts = facts_make(&node);
    struct key key = {.id = 77, .type = KEY_AES128_CMAC, .size = 16};
    const struct keyring keyring = {&key, 1};
    struct message out = ask_address(CANDM_AUTH_DATA, 52, paris, &facts, CANDM_REPLY_AUTH_DATA);
    CU_ASSERT_EQUAL_FATAL(out.size, 52);
    CU_ASSERT_EQUAL(u16(&out, 28), CANDM_AUTH_NONE);
    CU_ASSERT_EQUAL(u32(&out, 32), 0);
    CU_ASSERT_EQUAL(u32(&out, 40), CANDM_AGO_UNKNOWN);
    /* A keyring that lacks it must not crash us. */
    out = ask_address(CANDM_AUTH_DATA, 52, peer, &facts, CANDM_REPLY_AUTH_DATA);
    CU_ASSERT_EQUAL(u16(&out, 28), CANDM_AUTH_SYMMETRIC);
    CU_ASSERT_EQUAL(u16(&out, 30), 0);
    CU_ASSERT_EQUAL(u32(&out, 32), 77);
    CU_ASSERT_EQUAL(u16(&out, 48), UINT16_MAX);
    facts.keyring = &keyring;
    static const struct {
        enum key_type type;
        uint8_t size;
        uint16_t number;
    } wanted[KEY_TYPES] = {{KEY_MD5, 1, 1},          {KEY_SHA1, 20, 2},   {KEY_SHA256, 32, 3},
                           {KEY_SHA384, 48, 4},      {KEY_SHA512, 64, 5}, {KEY_AES128_CMAC, 16, 13},
                           {KEY_AES256_CMAC, 32, 14}};
    for (size_t i = 0; i < KEY_TYPES; i++) {
        key.type = wanted[i].type;
        key.size = wanted[i].size;
        out = ask_address(CANDM_AUTH_DATA, 52, peer, &facts, CANDM_REPLY_AUTH_DATA);
        CU_ASSERT_EQUAL(u16(&out, 30), wanted[i].number);
        CU_ASSERT_EQUAL(u16(&out, 36), 8 * wanted[i].size);
    }
}

static void names_are_told(void)
{
    const struct node_view node = node_make();
    const struct chronyc_facts facts = facts_make(&node);
    struct message out =
        ask_address(CANDM_NTP_SOURCE_NAME, 284, paris, &facts, CANDM_REPLY_NTP_SOURCE_NAME);
    CU_ASSERT_EQUAL(out.size, 284);
    CU_ASSERT_STRING_EQUAL((const char *)out.data + 28, "ntp.paris.example");
    out = ask_address(CANDM_NTP_SOURCE_NAME, 284, rome, &facts, CANDM_REPLY_NTP_SOURCE_NAME);
    CU_ASSERT_STRING_EQUAL((const char *)out.data + 28, "rome.example");
    const struct candm_address unknown = {{0, 0, 0, 99}, CANDM_ID};
    (void)ask_address(CANDM_NTP_SOURCE_NAME, 284, unknown, &facts, CANDM_REPLY_NULL);
}

static const struct unit_case cases[] = {
    {"sources are counted", sources_are_counted},
    {"a source is shown", a_source_is_shown},
    {"without an estimate the sample is shown", without_an_estimate_the_sample_is_shown},
    {"ages are bounded", ages_are_bounded},
    {"every state has its letters", every_state_has_its_letters},
    {"statistics are shown", statistics_are_shown},
    {"the last reply is shown", the_last_reply_is_shown},
    {"without a reply nothing is shown", without_a_reply_nothing_is_shown},
    {"the selection is shown", the_selection_is_shown},
    {"keys are described", keys_are_described},
    {"names are told", names_are_told},
};

UNIT_MAIN("chronyc_source", cases)
