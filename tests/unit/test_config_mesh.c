/* SPDX-License-Identifier: MIT */
/* The sections [mesh] and [member NAME]: what each says, and what they must be together. */
#include "common/base/random.h"
#include "tests/unit/config_bench.h"

#define DIGITS_62 "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEE"
#define KEY(end) "ed25519:" DIGITS_62 end
#define MESH "[mesh]\nidentity = /etc/a.pem\n"
#define A "[member a]\naddress = a.example\npublic-key = " KEY("0a") "\n"
#define B "[member b]\naddress = b.example\npublic-key = " KEY("0b") "\n"
#define CA "ca = " KEY("ca") "\n"
#define TEXT_MAX 65536

static const struct config_member *member(size_t index)
{
    CU_ASSERT_TRUE_FATAL(index < config.mesh.members.count);
    return &config.mesh.members.items[index];
}

static void without_it_there_is_none(void)
{
    accept("");
    CU_ASSERT_FALSE(config_has_mesh(&config));
    accept("[mesh]\n");
    CU_ASSERT_FALSE(config_has_mesh(&config));
    CU_ASSERT_PTR_NULL(config.mesh.members.items);
}

static void an_identity_is_enough(void)
{
    accept(MESH);
    CU_ASSERT_TRUE(config_has_mesh(&config));
    CU_ASSERT_FALSE(config_is_open(&config.mesh));
    CU_ASSERT_STRING_EQUAL(config.mesh.identity.path, "/etc/a.pem");
    CU_ASSERT_EQUAL(config.mesh.identity.line, 2);
    CU_ASSERT_EQUAL(config.mesh.faults, CONFIG_FAULTS_AUTO);
    CU_ASSERT_EQUAL(config.mesh.faults_line, 0);
    CU_ASSERT_EQUAL(config.mesh.algorithm, CONFIG_AGREEMENT);
    CU_ASSERT_EQUAL(config.mesh.interval_ns, 5 * NS_PER_S);
    CU_ASSERT_EQUAL(config.mesh.gamma_ns, 50 * NS_PER_MS);
    CU_ASSERT_EQUAL(config.mesh.poll_min, 4);
    CU_ASSERT_EQUAL(config.mesh.poll_max, 4);
    CU_ASSERT_EQUAL(config.mesh.max_offset_ns, 250 * NS_PER_MS);
    CU_ASSERT_EQUAL(config.mesh.payload, 1000);
    CU_ASSERT_EQUAL(config.mesh.view, 16);
    CU_ASSERT_STRING_EQUAL(config.mesh.group_key.path, "");
    CU_ASSERT_FALSE(config.mesh.has_ca);
    CU_ASSERT_STRING_EQUAL(config.mesh.certificate.path, "");
    CU_ASSERT_STRING_EQUAL(config.mesh.membership.path, "");
    CU_ASSERT_EQUAL(config.mesh.join.count, 0);
    CU_ASSERT_EQUAL(config.mesh.srv.count, 0);
    CU_ASSERT_FALSE(config.mesh.is_mdns);
    CU_ASSERT_STRING_EQUAL(config.mesh.address.host, "");
    CU_ASSERT_STRING_EQUAL(config.mesh.domain, "");
    CU_ASSERT_STRING_EQUAL(config.mesh.name, "truechimer");
    CU_ASSERT_EQUAL(config.mesh.members.count, 0);
}

static void every_key_is_read(void)
{
    accept("[mesh]\nidentity = /etc/a.pem\nfaults = 2\nalgorithm = agreement\npoll = 8 s 32 s\n"
           "max-offset = 1 h\npayload = 1232\nview = 5\ngroup-key = /etc/a.group\n" CA
           "certificate = /etc/a.cert\nmembership = /etc/a.members\n"
           "join = b.example [2001:db8::1]:11123\n  192.0.2.1:124\n"
           "discover = mdns srv:_ntp._udp.mesh.example\n  srv:ntp.service.consul\n"
           "address = a.example:124\ndomain = rack-1\nname = office.west\n");
    CU_ASSERT_TRUE(config_is_open(&config.mesh));
    CU_ASSERT_EQUAL(config.mesh.faults, 2);
    CU_ASSERT_EQUAL(config.mesh.faults_line, 3);
    CU_ASSERT_EQUAL(config.mesh.poll_min, 3);
    CU_ASSERT_EQUAL(config.mesh.poll_max, 5);
    CU_ASSERT_EQUAL(config.mesh.max_offset_ns, 3600 * NS_PER_S);
    CU_ASSERT_EQUAL(config.mesh.payload, 1232);
    CU_ASSERT_EQUAL(config.mesh.view, 5);
    CU_ASSERT_STRING_EQUAL(config.mesh.group_key.path, "/etc/a.group");
    CU_ASSERT_EQUAL(config.mesh.group_key.line, 9);
    CU_ASSERT_TRUE(config.mesh.has_ca);
    CU_ASSERT_EQUAL(config.mesh.ca_line, 10);
    CU_ASSERT_EQUAL(config.mesh.ca[0], 0x00);
    CU_ASSERT_EQUAL(config.mesh.ca[1], 0x11);
    CU_ASSERT_EQUAL(config.mesh.ca[15], 0xff);
    CU_ASSERT_EQUAL(config.mesh.ca[26], 0xaa);
    CU_ASSERT_EQUAL(config.mesh.ca[31], 0xca);
    CU_ASSERT_STRING_EQUAL(config.mesh.certificate.path, "/etc/a.cert");
    CU_ASSERT_EQUAL(config.mesh.certificate.line, 11);
    CU_ASSERT_STRING_EQUAL(config.mesh.membership.path, "/etc/a.members");
    CU_ASSERT_EQUAL(config.mesh.membership.line, 12);
    CU_ASSERT_EQUAL_FATAL(config.mesh.join.count, 3);
    CU_ASSERT_STRING_EQUAL(config.mesh.join.items[0].host, "b.example");
    CU_ASSERT_EQUAL(config.mesh.join.items[0].port, 123);
    CU_ASSERT_STRING_EQUAL(config.mesh.join.items[1].host, "2001:db8::1");
    CU_ASSERT_EQUAL(config.mesh.join.items[1].port, 11123);
    CU_ASSERT_EQUAL(config.mesh.join.items[2].port, 124);
    CU_ASSERT_TRUE(config.mesh.is_mdns);
    CU_ASSERT_EQUAL_FATAL(config.mesh.srv.count, 2);
    CU_ASSERT_STRING_EQUAL(config.mesh.srv.items[0], "_ntp._udp.mesh.example");
    CU_ASSERT_STRING_EQUAL(config.mesh.srv.items[1], "ntp.service.consul");
    CU_ASSERT_STRING_EQUAL(config.mesh.address.host, "a.example");
    CU_ASSERT_EQUAL(config.mesh.address.port, 124);
    CU_ASSERT_STRING_EQUAL(config.mesh.domain, "rack-1");
    CU_ASSERT_STRING_EQUAL(config.mesh.name, "office.west");
    accept(MESH "algorithm = berkeley\ninterval = 10 s\ngamma = 5 ms\nfaults = 0\n");
    CU_ASSERT_EQUAL(config.mesh.algorithm, CONFIG_BERKELEY);
    CU_ASSERT_EQUAL(config.mesh.interval_ns, 10 * NS_PER_S);
    CU_ASSERT_EQUAL(config.mesh.gamma_ns, 5 * NS_PER_MS);
}

static void the_time_is_had_from_sources_or_members(void)
{
    accept("");
    CU_ASSERT_FALSE(config_has_upstream(&config));
    accept("[source a]\naddress = 192.0.2.1\n");
    CU_ASSERT_TRUE(config_has_upstream(&config));
    accept(MESH "faults = 0\n");
    CU_ASSERT_EQUAL(config.sources.count, 0);
    CU_ASSERT_TRUE(config_has_upstream(&config));
}

static void members_are_read(void)
{
    accept(A "domain = west\nepoch = 65535\n\n  [member 2001:db8::b]\n  address = [::1]:124\n"
             "  public-key = " KEY("0b") "\n" MESH);
    CU_ASSERT_EQUAL_FATAL(config.mesh.members.count, 2);
    CU_ASSERT_STRING_EQUAL(member(0)->name, "a");
    CU_ASSERT_EQUAL(member(0)->line, 1);
    CU_ASSERT_EQUAL(member(0)->key_line, 3);
    CU_ASSERT_STRING_EQUAL(member(0)->address.host, "a.example");
    CU_ASSERT_EQUAL(member(0)->address.port, 123);
    CU_ASSERT_EQUAL(member(0)->public_key[31], 0x0a);
    CU_ASSERT_STRING_EQUAL(member(0)->domain, "west");
    CU_ASSERT_EQUAL(member(0)->epoch, 65535);
    CU_ASSERT_STRING_EQUAL(member(1)->name, "2001:db8::b");
    CU_ASSERT_STRING_EQUAL(member(1)->address.host, "::1");
    CU_ASSERT_EQUAL(member(1)->address.port, 124);
    CU_ASSERT_STRING_EQUAL(member(1)->domain, "");
    CU_ASSERT_EQUAL(member(1)->epoch, 0);
}

static void explains_values(void)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"[mesh]\nidentity = a.pem", "a.conf:2: [mesh] identity: found 'a.pem'|keygen --node"},
        {MESH "faults = -1", "a.conf:3: [mesh] faults: found '-1'|auto|0 to 7"},
        {MESH "faults = 8", "0 to 7"},
        {MESH "algorithm = berkley\ninterval = 1 s", "a.conf:3: |agreement or berkeley"},
        {MESH "algorithm = berkeley\ninterval = 5", "1 s to 1024 s"},
        {MESH "algorithm = berkeley\ninterval = 999 ms", "1 s to 1024 s"},
        {MESH "algorithm = berkeley\ngamma = 0", "10 us to 1000 s"},
        {MESH "algorithm = berkeley\ngamma = -1 ms", "10 us to 1000 s"},
        {MESH "poll = 10 s", "powers of two"},
        {MESH "poll = 64 s 16 s", "goes down"},
        {MESH "max-offset = 999 us", "1 ms to 1 h"},
        {MESH "max-offset = 3601 s", "1 ms to 1 h"},
        {MESH "max-offset = off", "1 ms to 1 h"},
        {MESH "payload = 1001", "1000 or 1232"},
        {MESH "view = 3", "4 to 16"},
        {MESH "view = 17", "4 to 16"},
        {MESH "group-key = group", "an absolute path"},
        {MESH "ca = " DIGITS_62 "00", "ed25519: and 64 hexadecimal digits"},
        {MESH "ca = ed25519:" DIGITS_62 "0", "64 hexadecimal digits"},
        {MESH "ca = ed25519:" DIGITS_62 "000", "64 hexadecimal digits"},
        {MESH "ca = ed25519:" DIGITS_62 "0g", "64 hexadecimal digits"},
        {MESH "ca = ED25519:" DIGITS_62 "00", "64 hexadecimal digits"},
        {MESH "ca = /etc/ca.pub", "64 hexadecimal digits"},
        {MESH CA "certificate = a", "what chime certify made"},
        {MESH CA "membership = a", "the CA signed"},
        {MESH CA "join = a:0", "a name or an address"},
        {MESH CA "join = 0.0.0.0", "a name or an address"},
        {MESH CA "join = b.example B.example:123", "[mesh] join: 'B.example:123' is there already"},
        {MESH CA "join =", "[mesh] join: the list is empty"},
        {MESH CA "discover = srv:", "mdns, and srv: with a name"},
        {MESH CA "discover = dns:a", "mdns, and srv: with a name"},
        {MESH CA "discover = srv:192.0.2.1", "mdns, and srv: with a name"},
        {MESH CA "discover = srv:a:5", "mdns, and srv: with a name"},
        {MESH CA "discover = mdns mdns", "'mdns' is there already"},
        {MESH CA "discover = srv:a srv:a", "'srv:a' is there already"},
        {MESH "address = ::", "a name or an address"},
        {MESH "domain = a b", "a word of up to 31"},
        {MESH "domain = a:b", "a word of up to 31"},
        {MESH "domain =", "a word of up to 31"},
        {MESH "name = 0123456789012345678901234567890a", "a word of up to 31"},
        {MESH "identity = /etc/b.pem", "a.conf:3: [mesh] identity: given before, on line 2"},
        {MESH "max-ofset = 1 s", "[mesh] max-ofset: unknown key; did you mean 'max-offset'?"},
        {MESH "public-key = a", "[mesh] public-key: unknown key here; it belongs in [member NAME]"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        refuse(cases[i].text, cases[i].words);
    }
}

static void explains_members(void)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {MESH A "epoch = 65536", "a.conf:6: [member a] epoch: found '65536'|0 to 65535"},
        {MESH A "epoch = -1", "0 to 65535"},
        {MESH A "domain = #", "a word of up to 31"},
        {MESH A "key = 1", "[member a] key: unknown key here; it belongs in [source NAME]"},
        {MESH "[member a]\naddress = ..\npublic-key = " KEY("00"), "a name or an address"},
        {MESH "[member a]\naddress = a\npublic-key = x", "[member a] public-key: found 'x'"},
        {"[mash]\n", "did you mean [mesh]?"},
        {MESH "[mebmer a]\naddress = a\n", "did you mean [member NAME]?"},
        {MESH "[member]\naddress = a\n", "a.conf:3: [member NAME]: found '' as the name"},
        {MESH "[member a b]\naddress = a\n", "a.conf:3: [member NAME]: found 'a b' as the name"},
        {MESH A "[member a]\nx = 1\n", "a.conf:6: [member a]: there is one of this name on line 3"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        refuse(cases[i].text, cases[i].words);
    }
}

static void a_mesh_is_checked_as_a_whole(void)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"[log]\n[mesh]\ndomain = a\nview = 4\n",
         "a.conf:3: [mesh] has no identity|chime keygen --node"},
        {"[mesh]\nview = 4\n" A, "a.conf:2: [mesh] has no identity"},
        {B A, "a.conf:1: [member b] is in a mesh, and this node is in none|[mesh]|identity = PATH"},
        {MESH "certificate = /etc/a.cert", "a.conf:3: [mesh] certificate: needs ca = ed25519:"},
        {MESH "membership = /etc/a.members", "a.conf:3: [mesh] membership: needs ca = ed25519:"},
        {MESH "join = b.example", "a.conf:3: [mesh] join: needs ca|could be admitted"},
        {MESH "discover = mdns", "a.conf:3: [mesh] discover: needs ca|could be admitted"},
        {MESH "interval = 5 s", "a.conf:3: [mesh] interval: needs algorithm = berkeley"},
        {MESH "gamma = 5 ms", "a.conf:3: [mesh] gamma: needs algorithm = berkeley"},
        {MESH "faults = 1\nalgorithm = berkeley",
         "a.conf:3: [mesh] faults = 1: algorithm = berkeley tolerates none|trusts the coordinator"},
        {MESH "algorithm = berkeley\nmax-offset = 99 ms",
         "a.conf:4: |gamma = 50 ms|100 ms apart|max-offset = 99 ms|make it 100 ms or more"},
        {MESH "algorithm = berkeley\ngamma = 126 ms",
         "a.conf:4: |252 ms apart|max-offset = 250 ms"},
        {MESH "view = 5\nfaults = 3",
         "a.conf:4: [mesh] faults = 3 needs 7 members that decide|view = 5 gives 6"},
        {MESH "[selection]\nfaults = 0", "a.conf:4: [selection] faults = 0: in a mesh|[mesh]"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        refuse(cases[i].text, cases[i].words);
    }
    accept(MESH "algorithm = berkeley\nmax-offset = 100 ms\n");
    accept(MESH "max-offset = 1 ms\n");
    accept(MESH "view = 4\nfaults = 2\n");
    accept(MESH CA "join = b\ndiscover = mdns\ncertificate = /c\nmembership = /m\n");
    accept(MESH "[selection]\nfaults = auto\nmin-sources = 3\n");
    /* A mistake in one key draws no complaint about what depends on it. */
    refuse("[mesh]\nidentity = a\nview = 4\n" A, "a.conf:2: ");
    refuse(MESH "ca = a\njoin = b\ncertificate = /c\n", "a.conf:3: ");
    refuse(MESH "algorithm = berk\nfaults = 1\nmax-offset = 1 ms\n", "a.conf:3: ");
    refuse(MESH "algorithm = berkeley\ngamma = 1\nmax-offset = 1 ms\n", "a.conf:4: ");
}

static void members_are_checked(void)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {MESH A "[member c]\npublic-key = " KEY("0c"), "a.conf:6: [member c] has no address"},
        {MESH A "[member c]\naddress = c", "a.conf:6: [member c] has no public-key"},
        {MESH A B "[member c]\naddress = c\npublic-key = " KEY("0B"),
         "a.conf:11: [member c] public-key: [member b] on line 6 has the same key"},
        {MESH A B "[member c]\naddress = A.Example:123\npublic-key = " KEY("0c"),
         "a.conf:10: [member c] address: [member a] on line 3 has the same address"},
        {MESH CA "[member c]\naddress = c\npublic-key = " KEY("CA"),
         "a.conf:6: [member c] public-key: it is the key of the CA"},
        {MESH "[source s]\naddress = a.example\n" A,
         "a.conf:6: [member a] address: [source s] on line 3 has the same address|counts once"},
        {MESH "[member g]\naddress = 224.0.1.1\npublic-key = " KEY("0c"),
         "a.conf:4: [member g] address: '224.0.1.1' is a multicast group"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        refuse(cases[i].text, cases[i].words);
    }
    accept(MESH "[source s]\naddress = a.example:124\n" A B);
    accept(MESH "address = a.example\n" A B);
    accept(MESH "[source s]\naddress = 192.0.2.255\nkind = broadcast\nkey = 1\n"
                "[keys]\nfile = /k\n[member a]\naddress = 192.0.2.255\npublic-key = " KEY("0a"));
}

/* A list of members, one of them in each line but the first two. */
static void write_members(char text[TEXT_MAX], unsigned count)
{
    size_t size = (size_t)snprintf(text, TEXT_MAX, MESH);
    for (unsigned i = 0; i < count; i++) {
        size += (size_t)snprintf(text + size, TEXT_MAX - size,
                                 "[member m%u]\naddress = h%u\npublic-key = ed25519:%064x\n", i, i,
                                 i + 1);
    }
}

static void members_are_bounded(void)
{
    static char text[TEXT_MAX];
    write_members(text, CONFIG_MEMBERS_MAX);
    accept(text);
    CU_ASSERT_EQUAL(config.mesh.members.count, CONFIG_MEMBERS_MAX);
    CU_ASSERT_STRING_EQUAL(member(255)->address.host, "h255");
    CU_ASSERT_EQUAL(member(254)->public_key[31], 255);
    CU_ASSERT_EQUAL(member(255)->public_key[30], 1);
    write_members(text, CONFIG_MEMBERS_MAX + 1);
    refuse(text, "a.conf:771: [member m256] is one too many; up to 256|certifies");
    size_t size = (size_t)snprintf(text, TEXT_MAX, MESH "view = 4\n");
    for (unsigned i = 0; i < 16; i++) {
        size += (size_t)snprintf(text + size, TEXT_MAX - size,
                                 "[source p%u]\naddress = p%u\nkind = pool\npool-size = %u\n", i, i,
                                 i == 0 ? 1U : 4U);
    }
    refuse(text, "are 61, and view = 4 in [mesh] makes them 65; up to 64");
    strstr(text, "view = 4")[0] = '#';
    strstr(text, "pool-size = 1")[0] = '#';
    refuse(text, "are 64, and view = 16 in [mesh] makes them 80; up to 64");
    char list[1024] = MESH CA "join =";
    for (unsigned i = 0; i < CONFIG_HOSTS_MAX; i++) {
        size = strlen(list);
        snprintf(list + size, sizeof list - size, " h%u", i);
    }
    accept(list);
    CU_ASSERT_EQUAL(config.mesh.join.count, CONFIG_HOSTS_MAX);
    strcat(list, " more");
    refuse(list, "a.conf:4: [mesh] join: 'more' is one too many; |8 nodes to join");
}

static void survives_noise(void)
{
    static const char *const pieces[] = {"[mesh]",
                                         "[member a]",
                                         "[member b]",
                                         "[member ",
                                         "]",
                                         "\n",
                                         "\n",
                                         "\n",
                                         "identity = ",
                                         "/etc/a.pem",
                                         MESH,
                                         MESH,
                                         A,
                                         B,
                                         CA,
                                         "address = ",
                                         "192.0.2.1",
                                         "::1",
                                         ":5",
                                         "public-key = ",
                                         KEY("00"),
                                         "ed25519:",
                                         DIGITS_62,
                                         "faults = ",
                                         "1",
                                         "join = ",
                                         "a b c",
                                         "discover = ",
                                         "mdns",
                                         "srv:",
                                         "algorithm = ",
                                         "berkeley",
                                         "gamma = ",
                                         "5 ms",
                                         "max-offset = ",
                                         "poll = ",
                                         "16 s",
                                         " ",
                                         "certificate = ",
                                         "domain = ",
                                         "epoch = ",
                                         "[selection]",
                                         "[source a]\naddress = a\n"};
    struct random random;
    random_init_seeded(&random, 1);
    unsigned accepted = 0;
    for (int round = 0; round < 10000; round++) {
        char text[4096] = "";
        uint32_t count = random_below(&random, 24);
        for (uint32_t i = 0; i < count; i++) {
            strcat(text, pieces[random_below(&random, COUNT(pieces))]);
        }
        accepted += parse(text);
    }
    CU_ASSERT_TRUE(accepted > 100);
    config_clear(&config);
}

static const struct unit_case cases[] = {
    {"without it there is none", without_it_there_is_none},
    {"an identity is enough", an_identity_is_enough},
    {"every key is read", every_key_is_read},
    {"the time is had from sources or members", the_time_is_had_from_sources_or_members},
    {"members are read", members_are_read},
    {"explains values", explains_values},
    {"explains members", explains_members},
    {"a mesh is checked as a whole", a_mesh_is_checked_as_a_whole},
    {"members are checked", members_are_checked},
    {"members are bounded", members_are_bounded},
    {"survives noise", survives_noise},
};
UNIT_MAIN("config_mesh", cases)
