/* SPDX-License-Identifier: MIT */
#include "common/host/resolver.h"
#include "tests/unit/unit.h"

#include <string.h>

struct outcome {
    unsigned calls;
    size_t count;
    struct address addresses[RESOLVER_ADDRESSES_MAX];
    char error[RESOLVER_ERROR_MAX];
};

static void done(void *context, const struct address *addresses, size_t count, const char *error)
{
    struct outcome *outcome = context;
    outcome->calls++;
    outcome->count = count;
    CU_ASSERT_TRUE_FATAL(count <= RESOLVER_ADDRESSES_MAX);
    CU_ASSERT_EQUAL(error == NULL, count > 0);
    for (size_t i = 0; i < count; i++) {
        outcome->addresses[i] = addresses[i];
    }
    snprintf(outcome->error, sizeof(outcome->error), "%s", error != NULL ? error : "");
}

/* Looks the name up; is_at_once says that done was called before resolver_start() returned. */
static struct outcome look_up(const char *name, enum address_family family, bool *is_at_once)
{
    uv_loop_t loop;
    struct outcome outcome = {.calls = 0};
    struct resolution resolution = {.context = &outcome, .done = done};
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&loop), 0);
    CU_ASSERT_EQUAL(resolver_start(&loop, &resolution, name, 123, family), 0);
    *is_at_once = outcome.calls == 1;
    uv_run(&loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(outcome.calls, 1);
    CU_ASSERT_EQUAL(uv_loop_close(&loop), 0);
    return outcome;
}

static void literals_are_answered_at_once(void)
{
    static const struct {
        const char *text;
        enum address_family family;
    } literals[] = {
        {"192.0.2.1", ADDRESS_IPV4}, {"2001:db8::1", ADDRESS_IPV6}, {"fe80::1%7", ADDRESS_IPV6}};
    for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
        for (int named = 0; named < 2; named++) {
            bool is_at_once = false;
            char text[ADDRESS_TEXT_MAX];
            struct outcome outcome =
                look_up(literals[i].text, named ? literals[i].family : ADDRESS_NONE, &is_at_once);
            CU_ASSERT_TRUE(is_at_once);
            CU_ASSERT_EQUAL_FATAL(outcome.count, 1);
            CU_ASSERT_EQUAL(outcome.addresses[0].family, literals[i].family);
            CU_ASSERT_EQUAL(outcome.addresses[0].port, 123);
            CU_ASSERT_STRING_EQUAL(address_format(&outcome.addresses[0], text), literals[i].text);
        }
    }
}

static void a_literal_of_the_other_family_is_refused(void)
{
    bool is_at_once = false;
    struct outcome outcome = look_up("192.0.2.1", ADDRESS_IPV6, &is_at_once);
    CU_ASSERT_TRUE(is_at_once);
    CU_ASSERT_EQUAL(outcome.count, 0);
    CU_ASSERT_STRING_EQUAL(outcome.error, "'192.0.2.1' is no IPv6 address, which was asked for");
    outcome = look_up("::1", ADDRESS_IPV4, &is_at_once);
    CU_ASSERT_STRING_EQUAL(outcome.error, "'::1' is no IPv4 address, which was asked for");
}

/* From /etc/hosts, where it may stand on several lines; without a network. */
static void names_are_looked_up_by_family_and_listed_once(void)
{
    bool is_at_once = true;
    struct outcome both = look_up("localhost", ADDRESS_NONE, &is_at_once);
    CU_ASSERT_FALSE(is_at_once);
    CU_ASSERT_TRUE(both.count >= 1);
    for (size_t i = 0; i < both.count; i++) {
        CU_ASSERT_TRUE(address_is_loopback(&both.addresses[i]));
        CU_ASSERT_EQUAL(both.addresses[i].port, 123);
        for (size_t other = 0; other < i; other++) {
            CU_ASSERT_FALSE(address_is_same(&both.addresses[i], &both.addresses[other]));
        }
    }
    struct outcome ipv4 = look_up("localhost", ADDRESS_IPV4, &is_at_once);
    CU_ASSERT_TRUE(ipv4.count >= 1);
    for (size_t i = 0; i < ipv4.count; i++) {
        CU_ASSERT_EQUAL(ipv4.addresses[i].family, ADDRESS_IPV4);
    }
    /* There may be none, which is a sentence then. */
    struct outcome ipv6 = look_up("localhost", ADDRESS_IPV6, &is_at_once);
    for (size_t i = 0; i < ipv6.count; i++) {
        CU_ASSERT_EQUAL(ipv6.addresses[i].family, ADDRESS_IPV6);
    }
}

static void what_is_no_name_gets_a_sentence(void)
{
    char name[400];
    bool is_at_once = false;
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    struct outcome outcome = look_up(name, ADDRESS_NONE, &is_at_once);
    CU_ASSERT_EQUAL(outcome.count, 0);
    CU_ASSERT_NSTRING_EQUAL(outcome.error, "host 'aaaa", 10);
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.error, "aaa' does not resolve: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(outcome.error, "; "));
    outcome = look_up("", ADDRESS_NONE, &is_at_once);
    CU_ASSERT_EQUAL(outcome.count, 0);
    CU_ASSERT_NSTRING_EQUAL(outcome.error, "host '' does not resolve: ", 26);
}

static const struct unit_case cases[] = {
    {"literals are answered at once", literals_are_answered_at_once},
    {"a literal of the other family is refused", a_literal_of_the_other_family_is_refused},
    {"names are looked up by family and listed once",
     names_are_looked_up_by_family_and_listed_once},
    {"what is no name gets a sentence", what_is_no_name_gets_a_sentence},
};
UNIT_MAIN("resolver", cases)
