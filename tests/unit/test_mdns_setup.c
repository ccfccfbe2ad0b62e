/* SPDX-License-Identifier: MIT */
/* What of the configuration is announced by mDNS. */
#include "common/base/random.h"
#include "config.h"
#include "server/mdns_setup.h"
#include "tests/unit/setup_bench.h"

static char ca[IDENTITY_KEY_TEXT_MAX];
static struct mdns_service service;
static uint64_t own_id;

static void begin(void)
{
    struct random random;
    char error[IDENTITY_ERROR_MAX];
    char pem[IDENTITY_PEM_MAX];
    snprintf(folder, sizeof folder, "/tmp/test_setup.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    random_init_seeded(&random, 1);
    struct identity *node = identity_create(&random, error);
    struct identity *authority = identity_create(&random, error);
    CU_ASSERT_TRUE_FATAL(node != NULL && authority != NULL);
    public_key_format(identity_public_key(authority), ca);
    own_id = identity_id(node);
    CU_ASSERT_TRUE_FATAL(identity_format(node, pem));
    write_file("node.pem", pem);
    identity_destroy(node);
    identity_destroy(authority);
}

/* What follows from these lines of [server] and [mesh]. */
static bool set_up(const char *listen, const char *lines)
{
    char text[TEXT_MAX / 2];
    snprintf(text, sizeof text,
             "[clock]\nstate-dir = @\nleap-list = off\n[server]\n%s\n[mesh]\nidentity = "
             "@/node.pem\nca = %s\n%s\n",
             listen, ca, lines);
    struct setup *setup = load(text);
    if (setup == NULL) {
        printf("\n%s", said);
        CU_FAIL_FATAL("a good configuration was refused");
    }
    memset(&service, 0x5a, sizeof service);
    bool is_wanted = mdns_setup(setup, &service);
    setup_destroy(setup);
    return is_wanted;
}

static bool has_address(size_t place, const char *text)
{
    struct address address;
    CU_ASSERT_TRUE_FATAL(address_parse(text, 0, &address));
    return address_is_same_host(&service.addresses[place], &address);
}

static void who_is_not_told_to_look_does_not(void)
{
    CU_ASSERT_FALSE(set_up("listen = 0.0.0.0", "join = a.example"));
    CU_ASSERT_FALSE(set_up("listen = 0.0.0.0", "discover = srv:a.example"));
    CU_ASSERT_TRUE(set_up("listen = 0.0.0.0", "discover = srv:a.example mdns"));
    CU_ASSERT_EQUAL(service.id, own_id);
    CU_ASSERT_STRING_EQUAL(service.mesh, "truechimer");
    CU_ASSERT_TRUE(set_up("listen = 0.0.0.0", "discover = mdns\nname = office.west"));
    CU_ASSERT_STRING_EQUAL(service.mesh, "office.west");
}

static void what_listens_is_announced(void)
{
    CU_ASSERT_TRUE(set_up("listen = 0.0.0.0 [::]", "discover = mdns"));
    CU_ASSERT_EQUAL(service.port, 123);
    CU_ASSERT_TRUE(service.is_ipv4 && service.is_ipv6);
    CU_ASSERT_EQUAL(service.address_count, 0);
    CU_ASSERT_TRUE(set_up("listen = 0.0.0.0:1123 127.0.0.1", "discover = mdns"));
    CU_ASSERT_EQUAL(service.port, 1123);
    CU_ASSERT_TRUE(service.is_ipv4 && !service.is_ipv6);
    CU_ASSERT_EQUAL(service.address_count, 0);
    CU_ASSERT_TRUE(
        set_up("listen = 127.0.0.1 192.0.2.1:5 [2001:db8::1]:5 192.0.2.2:6", "discover = mdns"));
    CU_ASSERT_EQUAL(service.port, 5);
    CU_ASSERT_TRUE(service.is_ipv4 && service.is_ipv6);
    CU_ASSERT_EQUAL_FATAL(service.address_count, 2);
    CU_ASSERT_TRUE(has_address(0, "192.0.2.1") && has_address(1, "2001:db8::1"));
    CU_ASSERT_TRUE(set_up("listen = 127.0.0.1 [::1]", "discover = mdns"));
    CU_ASSERT_EQUAL(service.port, 0);
    expect(logged, HAVE_AVAHI ? "on loopback addresses only" : "is built without Avahi");
}

static void an_address_of_the_operators_holds(void)
{
    CU_ASSERT_TRUE(
        set_up("listen = 192.0.2.1 0.0.0.0:5", "discover = mdns\naddress = 198.51.100.7:99"));
    CU_ASSERT_EQUAL(service.port, 99);
    CU_ASSERT_EQUAL_FATAL(service.address_count, 1);
    CU_ASSERT_TRUE(has_address(0, "198.51.100.7"));
    CU_ASSERT_STRING_EQUAL(service.host, "");
    CU_ASSERT_TRUE(set_up("listen = 192.0.2.1", "discover = mdns\naddress = node7.example"));
    CU_ASSERT_EQUAL(service.port, 123);
    CU_ASSERT_EQUAL(service.address_count, 0);
    CU_ASSERT_STRING_EQUAL(service.host, "node7.example");
    CU_ASSERT_TRUE(service.is_ipv4 && service.is_ipv6);
}

/* It is compared whole, octet by octet: an unchanged configuration must not begin anew. */
static void the_same_is_the_same(void)
{
    static struct mdns_service before;
    static const char *const listens[] = {"listen = 192.0.2.1 0.0.0.0 [::]",
                                          "listen = 192.0.2.1 192.0.2.2"};
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_TRUE(set_up(listens[i], "discover = mdns"));
        memcpy(&before, &service, sizeof before);
        CU_ASSERT_TRUE(set_up(listens[i], "discover = mdns\nname = other"));
        CU_ASSERT_NOT_EQUAL(memcmp(&before, &service, sizeof before), 0);
        CU_ASSERT_TRUE(set_up(listens[i], "discover = mdns"));
        CU_ASSERT_EQUAL(memcmp(&before, &service, sizeof before), 0);
    }
}

static void end(void)
{
    static const char *const names[] = {"a.conf", "node.pem", "log"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static const struct unit_case cases[] = {
    {"a folder is made", begin},
    {"who is not told to look does not", who_is_not_told_to_look_does_not},
    {"what listens is announced", what_listens_is_announced},
    {"an address of the operator's holds", an_address_of_the_operators_holds},
    {"the same is the same", the_same_is_the_same},
    {"the folder is removed", end},
};
UNIT_MAIN("mdns_setup", cases)
