/* SPDX-License-Identifier: MIT */
/* What of the configuration the engine of the mesh gets. */
#include "common/base/random.h"
#include "server/mesh_setup.h"
#include "tests/unit/setup_bench.h"

#define QUIET "[clock]\nstate-dir = @\nleap-list = off\n"
#define MEMBER(name, more)                                                                         \
    "[member " name "]\naddress = " name ".example:12" name "\npublic-key = %s\n" more

static struct identity *nodes[3]; /* we are the first */
static char keys[3][IDENTITY_KEY_TEXT_MAX];
static struct mesh_setup_room room;
static struct mesh_options options;

static void begin(void)
{
    struct random random;
    char error[IDENTITY_ERROR_MAX];
    char pem[IDENTITY_PEM_MAX];
    snprintf(folder, sizeof folder, "/tmp/test_setup.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    random_init_seeded(&random, 1);
    for (size_t i = 0; i < 3; i++) {
        nodes[i] = identity_create(&random, error);
        CU_ASSERT_PTR_NOT_NULL_FATAL(nodes[i]);
        public_key_format(identity_public_key(nodes[i]), keys[i]);
    }
    CU_ASSERT_TRUE_FATAL(identity_format(nodes[0], pem));
    write_file("node.pem", pem);
    write_file("group", "9 SHA256 HEX:"
                        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
}

static struct setup *load_good(const char *text)
{
    struct setup *setup = load(text);
    if (setup == NULL) {
        printf("\n%s", said);
        CU_FAIL_FATAL("a good configuration was refused");
    }
    return setup;
}

static void without_an_identity_there_is_no_mesh(void)
{
    struct setup *setup = load_good(QUIET);
    options.faults = 77;
    CU_ASSERT_FALSE(mesh_setup(setup, &options, &room));
    CU_ASSERT_EQUAL(options.faults, 77);
    setup_destroy(setup);
}

static void the_defaults_arrive(void)
{
    struct setup *setup = load_good(QUIET "[mesh]\nidentity = @/node.pem\n");
    CU_ASSERT_TRUE_FATAL(mesh_setup(setup, &options, &room));
    CU_ASSERT_PTR_EQUAL(options.identity, setup->credentials.identity);
    CU_ASSERT_PTR_NULL(options.scheme);
    CU_ASSERT_EQUAL(options.member_count, 0);
    CU_ASSERT_EQUAL(options.join_count, 0);
    CU_ASSERT_EQUAL(options.faults, 0);
    CU_ASSERT_EQUAL(options.view_size, MESH_VIEW_MAX);
    CU_ASSERT_STRING_EQUAL(options.domain, "");
    CU_ASSERT_PTR_NULL(options.ca);
    CU_ASSERT_EQUAL(options.certificate.size, 0);
    CU_ASSERT_EQUAL(options.revoked_count, 0);
    CU_ASSERT_PTR_NULL(options.group_key);
    CU_ASSERT_EQUAL(options.algorithm, MESH_AGREEMENT);
    CU_ASSERT_EQUAL(options.interval_ns, 5 * NS_PER_S);
    CU_ASSERT_EQUAL(options.gamma_ns, 50 * NS_PER_MS);
    CU_ASSERT_EQUAL(options.poll_min, 4);
    CU_ASSERT_EQUAL(options.poll_max, 4);
    CU_ASSERT_EQUAL(options.max_offset_ns, 250 * NS_PER_MS);
    CU_ASSERT_EQUAL(options.payload_max, REPORT_PAYLOAD_MAX);
    CU_ASSERT_EQUAL(options.membership_epoch, setup->roster.terms.epoch);
    CU_ASSERT_EQUAL(options.timescale_id, setup->roster.terms.timescale_id);
    CU_ASSERT_TRUE(options.timescale_id > 0 && options.timescale_id < 1U << 24);
    setup_destroy(setup);
}

static void what_is_said_arrives(void)
{
    char text[TEXT_MAX / 2];
    snprintf(text, sizeof text,
             QUIET "[mesh]\nidentity = @/node.pem\nalgorithm = berkeley\ninterval = 7 s\n"
                   "gamma = 3 ms\npoll = 2 s 8 s\nmax-offset = 6 ms\npayload = 1232\nview = 5\n"
                   "group-key = @/group\nca = %s\njoin = h.example [2001:db8::1]:5 192.0.2.1\n"
                   "domain = west\n" MEMBER("3", "domain = east\nepoch = 9\n") MEMBER("4", ""),
             keys[2], keys[1], keys[0]);
    struct setup *setup = load_good(text);
    CU_ASSERT_TRUE_FATAL(mesh_setup(setup, &options, &room));
    CU_ASSERT_EQUAL(options.algorithm, MESH_BERKELEY);
    CU_ASSERT_EQUAL(options.interval_ns, 7 * NS_PER_S);
    CU_ASSERT_EQUAL(options.gamma_ns, 3 * NS_PER_MS);
    CU_ASSERT_EQUAL(options.poll_min, 1);
    CU_ASSERT_EQUAL(options.poll_max, 3);
    CU_ASSERT_EQUAL(options.max_offset_ns, 6 * NS_PER_MS);
    CU_ASSERT_EQUAL(options.payload_max, REPORT_PAYLOAD_MAX_AGREED);
    CU_ASSERT_EQUAL(options.view_size, 5);
    CU_ASSERT_EQUAL(options.group_id, 9);
    CU_ASSERT_PTR_NOT_NULL_FATAL(options.group_key);
    CU_ASSERT_EQUAL(options.group_key[31], 0x1f);
    CU_ASSERT_PTR_NOT_NULL_FATAL(options.ca);
    CU_ASSERT_EQUAL(memcmp(options.ca, identity_public_key(nodes[2]), IDENTITY_KEY_SIZE), 0);
    CU_ASSERT_EQUAL_FATAL(options.join_count, 3);
    CU_ASSERT_STRING_EQUAL(options.joins[0], "h.example:123");
    CU_ASSERT_STRING_EQUAL(options.joins[1], "[2001:db8::1]:5");
    CU_ASSERT_STRING_EQUAL(options.joins[2], "192.0.2.1:123");
    CU_ASSERT_STRING_EQUAL(options.domain, "west");
    CU_ASSERT_EQUAL_FATAL(options.member_count, 2);
    CU_ASSERT_STRING_EQUAL(options.members[0].name, "3");
    CU_ASSERT_STRING_EQUAL(options.members[0].host, "3.example");
    CU_ASSERT_EQUAL(options.members[0].port, 123);
    CU_ASSERT_EQUAL(options.members[1].port, 124);
    CU_ASSERT_STRING_EQUAL(options.members[0].domain, "east");
    CU_ASSERT_EQUAL(options.members[0].epoch, 9);
    CU_ASSERT_EQUAL(
        memcmp(&options.members[0].key, identity_public_key(nodes[1]), IDENTITY_KEY_SIZE), 0);
    setup_destroy(setup);
}

/* Where we stand among the members, that section has our domain too. */
static void our_domain_is_found(void)
{
    char text[TEXT_MAX / 2];
    snprintf(text, sizeof text,
             QUIET "[mesh]\nidentity = @/node.pem\n" MEMBER("3", "domain = east\n")
                 MEMBER("4", "domain = south\n"),
             keys[1], keys[0]);
    struct setup *setup = load_good(text);
    CU_ASSERT_TRUE_FATAL(mesh_setup(setup, &options, &room));
    CU_ASSERT_STRING_EQUAL(options.domain, "south");
    setup_destroy(setup);
}

static void end(void)
{
    static const char *const names[] = {"a.conf", "node.pem", "group", "log"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    CU_ASSERT_EQUAL(rmdir(folder), 0);
    for (size_t i = 0; i < 3; i++) {
        identity_destroy(nodes[i]);
    }
}

static const struct unit_case cases[] = {
    {"a folder is made", begin},
    {"without an identity there is no mesh", without_an_identity_there_is_no_mesh},
    {"the defaults arrive", the_defaults_arrive},
    {"what is said arrives", what_is_said_arrives},
    {"our domain is found", our_domain_is_found},
    {"the folder is removed", end},
};
UNIT_MAIN("mesh_setup", cases)
