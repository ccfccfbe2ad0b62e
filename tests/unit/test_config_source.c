/* SPDX-License-Identifier: MIT */
/* The sections [source NAME]: what each says, and what they must be together. */
#include "common/base/random.h"
#include "tests/unit/config_bench.h"

#define A "[source a]\naddress = time.example\n"
#define KEYS "[keys]\nfile = /etc/a.keys\n"

static const struct config_source *source(size_t index)
{
    CU_ASSERT_TRUE_FATAL(index < config.sources.count);
    return &config.sources.items[index];
}

static bool is_address(const struct address *address, const char *text)
{
    char written[ADDRESS_TEXT_MAX];
    return strcmp(address_format(address, written), text) == 0;
}

static void an_address_is_enough(void)
{
    accept(A);
    CU_ASSERT_EQUAL(config.sources.count, 1);
    CU_ASSERT_STRING_EQUAL(source(0)->name, "a");
    CU_ASSERT_EQUAL(source(0)->line, 1);
    CU_ASSERT_STRING_EQUAL(source(0)->host, "time.example");
    CU_ASSERT_EQUAL(source(0)->port, 123);
    CU_ASSERT_EQUAL(source(0)->family, ADDRESS_NONE);
    CU_ASSERT_EQUAL(source(0)->kind, SOURCE_SERVER);
    CU_ASSERT_EQUAL(source(0)->key_id, 0);
    CU_ASSERT_EQUAL(source(0)->poll_min, 6);
    CU_ASSERT_EQUAL(source(0)->poll_max, 10);
    CU_ASSERT_TRUE(source(0)->is_iburst);
    CU_ASSERT_FALSE(source(0)->is_burst || source(0)->is_interleaved || source(0)->is_prefer ||
                    source(0)->is_noselect || source(0)->is_trust || source(0)->is_require ||
                    source(0)->is_offline);
    CU_ASSERT_EQUAL(source(0)->version, 4);
    CU_ASSERT_EQUAL(source(0)->offset_ns, 0);
    CU_ASSERT_EQUAL(source(0)->max_delay_ns, 3 * NS_PER_S);
    CU_ASSERT_EQUAL(source(0)->max_delay_ratio, 0);
    CU_ASSERT_EQUAL(source(0)->min_samples, 1);
    CU_ASSERT_EQUAL(source(0)->local.family, ADDRESS_NONE);
    CU_ASSERT_EQUAL(source(0)->group.family, ADDRESS_NONE);
    CU_ASSERT_STRING_EQUAL(source(0)->device, "");
    CU_ASSERT_EQUAL(source(0)->dscp, 0);
    CU_ASSERT_EQUAL(source(0)->filter, CONFIG_FILTER_BANK);
    accept(A "kind = pool\n");
    CU_ASSERT_EQUAL(source(0)->pool_size, 4);
    CU_ASSERT_EQUAL(config_source_associations(source(0)), 4);
    CU_ASSERT_EQUAL(config_voters(&config), 4);
}

static void every_key_is_read(void)
{
    accept(KEYS "[source a]\naddress = [2001:db8::1]:11123\nkind = server\nfamily = ipv6\n"
                "key = 4294967295\npoll = 125 ms 131072 s\niburst = no\nburst = yes\n"
                "interleaved = yes\nversion = 3\nprefer = yes\nnoselect = no\ntrust = yes\n"
                "require = yes\noffline = yes\noffset = -1.5 ms\nmax-delay = 10 ms\n"
                "max-delay-ratio = 1.5\nmin-samples = 64\nbind = 2001:db8::2\n"
                "device = eth0.100\ndscp = 46\nfilter = regression\n"
                "[source b]\nkind = pool\naddress = pool.ntp.org\nport = 5\npool-size = 16\n"
                "noselect = yes\nfilter = ntp\nfamily = ipv4\n"
                "[source c]\nkind = broadcast-client\naddress = 192.0.2.1\nkey = 1\n"
                "group = 224.0.1.1\ndevice = eth0\n"
                "[source d]\nkind = broadcast\naddress = 224.0.1.1\nkey = 2\npoll = 16 s\n"
                "[source e.-_:Z9]\nkind = peer\naddress = peer.example\n");
    CU_ASSERT_EQUAL(config.sources.count, 5);
    CU_ASSERT_STRING_EQUAL(source(0)->host, "2001:db8::1");
    CU_ASSERT_EQUAL(source(0)->port, 11123);
    CU_ASSERT_EQUAL(source(0)->family, ADDRESS_IPV6);
    CU_ASSERT_EQUAL(source(0)->key_id, UINT32_MAX);
    CU_ASSERT_EQUAL(source(0)->key_line, 7);
    CU_ASSERT_EQUAL(source(0)->poll_min, -3);
    CU_ASSERT_EQUAL(source(0)->poll_max, 17);
    CU_ASSERT_FALSE(source(0)->is_iburst || source(0)->is_noselect);
    CU_ASSERT_TRUE(source(0)->is_burst && source(0)->is_interleaved && source(0)->is_prefer &&
                   source(0)->is_trust && source(0)->is_require && source(0)->is_offline);
    CU_ASSERT_EQUAL(source(0)->version, 3);
    CU_ASSERT_EQUAL(source(0)->offset_ns, -1500 * NS_PER_US);
    CU_ASSERT_EQUAL(source(0)->max_delay_ns, 10 * NS_PER_MS);
    CU_ASSERT_DOUBLE_EQUAL(source(0)->max_delay_ratio, 1.5, 0);
    CU_ASSERT_EQUAL(source(0)->min_samples, 64);
    CU_ASSERT_TRUE(is_address(&source(0)->local, "2001:db8::2"));
    CU_ASSERT_EQUAL(source(0)->local.port, 0);
    CU_ASSERT_STRING_EQUAL(source(0)->device, "eth0.100");
    CU_ASSERT_EQUAL(source(0)->dscp, 46);
    CU_ASSERT_EQUAL(source(0)->filter, CONFIG_FILTER_REGRESSION);
    CU_ASSERT_EQUAL(source(1)->kind, SOURCE_POOL);
    CU_ASSERT_EQUAL(source(1)->port, 5);
    CU_ASSERT_EQUAL(source(1)->pool_size, 16);
    CU_ASSERT_EQUAL(source(1)->family, ADDRESS_IPV4);
    CU_ASSERT_EQUAL(source(1)->filter, CONFIG_FILTER_NTP);
    CU_ASSERT_TRUE(source(1)->is_noselect);
    CU_ASSERT_EQUAL(source(2)->kind, SOURCE_BROADCAST_CLIENT);
    CU_ASSERT_TRUE(is_address(&source(2)->group, "224.0.1.1"));
    CU_ASSERT_EQUAL(source(3)->kind, SOURCE_BROADCAST_SERVER);
    CU_ASSERT_EQUAL(source(3)->poll_min, 4);
    CU_ASSERT_EQUAL(source(3)->poll_max, 4);
    CU_ASSERT_EQUAL(source(4)->kind, SOURCE_PEER);
    CU_ASSERT_STRING_EQUAL(source(4)->name, "e.-_:Z9");
    /* noselect and what is sent do not count. */
    CU_ASSERT_EQUAL(config_voters(&config), 3);
}

static void polls_have_many_forms(void)
{
    static const struct {
        const char *text;
        int least, most;
    } polls[] = {{"64 s", 6, 6},
                 {"64s", 6, 6},
                 {"64s 1024s", 6, 10},
                 {"64 s 1024 s", 6, 10},
                 {"64 s, 1024 s", 6, 10},
                 {"250 ms  0.5 s", -2, -1},
                 {"125ms\t131072 s", -3, 17},
                 {"1 s 1 s", 0, 0},
                 {"1000 ms 2s", 0, 1}};
    static const char *const wrong[] = {
        "100 s",     "64",       "0",        "0 64 s", "64 s 100 s",
        "-64 s",     "62500 us", "262144 s", "auto",   "64 s 128 s 256 s",
        "1 s 2 s x", ",",        "64 s 1024"};
    char text[128];
    for (size_t i = 0; i < COUNT(polls); i++) {
        snprintf(text, sizeof text, A "poll = %s\n", polls[i].text);
        accept(text);
        CU_ASSERT_EQUAL(source(0)->poll_min, polls[i].least);
        CU_ASSERT_EQUAL(source(0)->poll_max, polls[i].most);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        snprintf(text, sizeof text, A "poll = %s\n", wrong[i]);
        refuse(text, "a.conf:3: [source a] poll: found|powers of two from 125 ms to 131072 s");
    }
    refuse(A "poll = 1024 s 64 s\n", "a.conf:3: [source a] poll: '1024 s 64 s' goes down|least");
}

static void names_are_checked(void)
{
    char text[256];
    snprintf(text, sizeof text, "[source %063d]\naddress = a\n", 0);
    accept(text);
    CU_ASSERT_EQUAL(strlen(source(0)->name), 63);
    snprintf(text, sizeof text, "[source %064d]\naddress = a\n", 0);
    refuse(text, "a.conf:1: [source NAME]: found '000|up to 63 letters, digits and . _ - :");
    refuse("[source]\naddress = a\n", "a.conf:1: |found ''");
    refuse("[source a b]\naddress = a\n", "found 'a b'");
    refuse("[source a,b]\nx = 1\n", "found 'a,b'");
    refuse(A "[source b]\naddress = b\n[source a]\naddress = c\n",
           "a.conf:5: [source a]: there is one of this name on line 1");
    refuse("[sorce a]\naddress = a\n", "a.conf:1: |'sorce a'; did you mean [source NAME]?");
    refuse("[server a]\nx = 1\n", "a.conf:1: [server] has no name");
    refuse("address = a\n", "a.conf:1: 'address' stands before|[source NAME]");
    /* Two names that begin alike stay two, though inih cuts them to one. */
    accept("[source aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1]\naddress = a\n"
           "  [source aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa::2]\naddress = b\n"
           "[source\t c ]\naddress = c\n");
    CU_ASSERT_EQUAL(config.sources.count, 3);
    CU_ASSERT_STRING_EQUAL(source(1)->host, "b");
    CU_ASSERT_STRING_EQUAL(source(2)->name, "c");
}

static void addresses_are_checked(void)
{
    static const char *const good[] = {"a",           "time.example.", "192.0.2.1",
                                       "2001:db8::1", "fe80::1%2",     "a-b.c_d",
                                       "127.0.0.1",   "3com.example",  "x.1a"};
    static const char *const bad[] = {
        "",   "192.0.2.256", "192.0.2", "0.0.0.0",        "[::]:123", "::",  "a..b",
        ".a", "-a.b",        "a b",     "time.example:0", "a:65536",  "a:b", "http://a",
        "[a", "a;b",         "1",       "a/24",           "*"};
    char text[512];
    for (size_t i = 0; i < COUNT(good); i++) {
        snprintf(text, sizeof text, "[source a]\naddress = %s\n", good[i]);
        accept(text);
        CU_ASSERT_STRING_EQUAL(source(0)->host, good[i]);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(text, sizeof text, "[source a]\naddress = %s\n", bad[i]);
        refuse(text, "a.conf:2: [source a] address: found|a name or an address");
    }
    snprintf(text, sizeof text, "[source a]\naddress = %063d.example\n", 0);
    accept(text);
    snprintf(text, sizeof text, "[source a]\naddress = %064d.example\n", 0);
    refuse(text, "a.conf:2: ");
    accept("[source a]\naddress = [2001:db8::1]\nport = 9\n");
    CU_ASSERT_STRING_EQUAL(source(0)->host, "2001:db8::1");
    CU_ASSERT_EQUAL(source(0)->port, 9);
}

static void explains_values(void)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {A "kind = pear", "a.conf:3: [source a] kind: found 'pear'|server, pool, peer, broadcast"},
        {A "port = 0", "1 to 65535"},
        {A "port = 65536", "1 to 65535"},
        {A "family = inet", "any, ipv4 or ipv6"},
        {KEYS A "key = 0", "1 to 4294967295"},
        {KEYS A "key = 4294967296", "1 to 4294967295"},
        {A "iburst = true", "a.conf:3: [source a] iburst: found 'true'|yes or no"},
        {A "burst = 1", "yes or no"},
        {A "interleaved = on", "yes or no"},
        {A "prefer = y", "yes or no"},
        {A "noselect =", "found ''|yes or no"},
        {A "trust = Yes", "yes or no"},
        {A "require = x", "yes or no"},
        {A "offline = x", "yes or no"},
        {A "version = 5", "1 to 4"},
        {A "version = 0", "1 to 4"},
        {A "offset = 3", "found '3'|unit"},
        {A "offset = 25 h", "24 h either way"},
        {A "max-delay = 0", "1 us to 1000 s"},
        {A "max-delay = 1001 s", "1 us to 1000 s"},
        {A "max-delay-ratio = 1", "above 1"},
        {A "max-delay-ratio = 0.5", "above 1"},
        {A "max-delay-ratio = -2", "above 1"},
        {A "max-delay-ratio = inf", "above 1"},
        {A "max-delay-ratio = 0x2", "above 1"},
        {A "max-delay-ratio = 1e3", "above 1"},
        {A "max-delay-ratio = 1.2.3", "above 1"},
        {A "min-samples = 0", "1 to 64"},
        {A "min-samples = 65", "1 to 64"},
        {A "kind = pool\npool-size = 0", "1 to 16"},
        {A "kind = pool\npool-size = 17", "1 to 16"},
        {A "bind = eth0", "found 'eth0'|an address of this machine"},
        {A "bind = 192.0.2.1:123", "without a port"},
        {A "bind = 0.0.0.0", "an address of this machine"},
        {A "device = abcdefghijklmnop", "up to 15 characters"},
        {A "device = ../eth0", "name of a network device"},
        {A "dscp = 64", "0 to 63"},
        {KEYS A "kind = broadcast-client\nkey = 1\ngroup = 192.0.2.1", "multicast group"},
        {A "filter = kalman", "bank, ntp or regression"},
        {A "prefer = yes\nprefer = yes", "a.conf:4: [source a] prefer: given before, on line 3"},
        {A "minsamples = 3", "did you mean 'min-samples'?"},
        {A "state-dir = /x", "a.conf:3: [source a] state-dir|belongs in [clock]"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        refuse(cases[i].text, cases[i].words);
    }
}

static void kinds_have_their_own_options(void)
{
    static const struct {
        const char *head;
        const char *wrong[24]; /* ends with NULL */
    } kinds[] = {
        {A, {"pool-size = 2", "group = 224.0.1.1"}},
        {A "kind = pool\n", {"group = 224.0.1.1"}},
        {A "kind = peer\n",
         {"iburst = yes", "burst = no", "pool-size = 2", "device = eth0", "group = 224.0.1.1"}},
        {KEYS "[source a]\naddress = 192.0.2.255\nkey = 1\nkind = broadcast\n",
         {"iburst = yes", "burst = yes", "interleaved = no", "family = ipv4", "prefer = no",
          "noselect = yes", "trust = yes", "require = no", "offset = 0", "max-delay = 1 s",
          "max-delay-ratio = 2", "min-samples = 1", "pool-size = 2", "bind = 192.0.2.1", "dscp = 1",
          "device = eth0", "group = 224.0.1.1", "filter = ntp"}},
        {KEYS A "key = 1\nkind = broadcast-client\n",
         {"iburst = yes", "burst = yes", "interleaved = yes", "poll = 64 s", "version = 4",
          "pool-size = 2", "bind = 192.0.2.1", "dscp = 1"}},
    };
    static const char for_all_that_are_heard[] =
        "prefer = yes\nnoselect = no\ntrust = no\nrequire = no\noffline = no\noffset = 1 ms\n"
        "max-delay = 1 s\nmax-delay-ratio = 2\nmin-samples = 2\nfilter = ntp\nfamily = ipv4\n";
    char text[512];
    for (size_t i = 0; i < COUNT(kinds); i++) {
        accept(kinds[i].head);
        snprintf(text, sizeof text, "%s%s", kinds[i].head, for_all_that_are_heard);
        CU_ASSERT_EQUAL(parse(text), strstr(text, "kind = broadcast\n") == NULL);
        for (size_t j = 0; kinds[i].wrong[j] != NULL; j++) {
            snprintf(text, sizeof text, "%s%s\n", kinds[i].head, kinds[i].wrong[j]);
            char words[64];
            snprintf(words, sizeof words, "[source a] %.*s: means nothing with kind = ",
                     (int)strcspn(kinds[i].wrong[j], " "), kinds[i].wrong[j]);
            refuse(text, words);
        }
    }
}

static void a_source_is_checked_as_a_whole(void)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"\n[source a]\nprefer = yes\n", "a.conf:2: [source a] has no address"},
        {A "key = 7", "a.conf:3: [source a] key: there are no keys|[keys]"},
        {A "noselect = yes\nrequire = yes",
         "a.conf:4: [source a] require: noselect = yes means|never followed"},
        {A "trust = yes\nnoselect = yes", "a.conf:3: [source a] trust: noselect"},
        {A "prefer = yes\nnoselect = yes", "a.conf:3: [source a] prefer: noselect"},
        {"[source a]\naddress = a:5\nport = 5\n", "a.conf:3: [source a] port|already, 5"},
        {A "kind = peer\n[source b]\naddress = 2.POOL.ntp.org\nkind = server\n"
           "[source c]\naddress = 2.pool.ntp.org\nkind = peer",
         "a.conf:8: [source c] address: '2.pool.ntp.org' is a pool|kind = pool"},
        {"[source a]\naddress = 192.0.2.1\nkind = pool",
         "a.conf:2: [source a] address: a pool is a name|'192.0.2.1'|kind = server"},
        {KEYS "[source a]\naddress = lan.example\nkind = broadcast\nkey = 1",
         "a.conf:4: |'lan.example'|broadcast or multicast address"},
        {"[source a]\naddress = 192.0.2.255\nkind = broadcast",
         "a.conf:1: [source a] has no key; kind = broadcast needs one"},
        {A "kind = broadcast-client", "[source a] has no key; kind = broadcast-client needs one"},
        {"[source a]\naddress = 224.0.1.1", "a.conf:2: |multicast group|name the server"},
        {KEYS "[source a]\naddress = ff05::101\nkind = broadcast-client\nkey = 1",
         "a.conf:4: |multicast group|group = "},
        {"[source a]\naddress = 192.0.2.1\nfamily = ipv6",
         "a.conf:3: [source a] family: found ipv6|'192.0.2.1'"},
        {"[source a]\naddress = 192.0.2.1\nbind = 2001:db8::1",
         "a.conf:3: [source a] bind: found an IPv6 address|IPv4 only"},
        {A "family = ipv6\nbind = 192.0.2.1", "a.conf:4: [source a] bind: found an IPv4"},
        {KEYS "[source a]\naddress = 192.0.2.1\nkind = broadcast-client\nkey = 1\n"
              "group = ff05::101",
         "a.conf:7: [source a] group: found an IPv6"},
        {A "[source b]\naddress = Time.Example:123",
         "a.conf:4: [source b] address: [source a] on line 1 has the same address and kind"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        refuse(cases[i].text, cases[i].words);
    }
    accept(A "[source b]\naddress = time.example:124\n"
             "[source c]\naddress = time.example\nkind = peer\n");
    accept(A "family = ipv4\n[source b]\naddress = time.example\nfamily = ipv6\n");
    refuse(A "family = ipv4\n[source b]\naddress = time.example\n",
           "a.conf:5: [source b] address: [source a] on line 1 has the same address and kind");
    accept(A "noselect = yes\nprefer = no\ntrust = no\nrequire = no\n");
    /* A mistake in one key draws no complaint about what depends on it. */
    refuse("[keys]\nfile = a\n" A "key = 1\n", "a.conf:2: ");
    refuse(A "kind = pol\npool-size = 3\n", "a.conf:3: ");
    refuse("[source a]\naddress = 1.2\nkind = pool\n", "a.conf:2: ");
    refuse(KEYS "[source a]\nkind = broadcast\nkey = 1\n", "a.conf:3: [source a] has no address");
}

static void quorums_must_be_possible(void)
{
    static const char two[] = A "[source b]\naddress = b\n";
    char text[512];
    snprintf(text, sizeof text, "%s[selection]\nfaults = 1\n", two);
    refuse(text, "a.conf:6: [selection] faults = 1 needs 3 sources, 2 are configured");
    snprintf(text, sizeof text, "%s[selection]\nmin-sources = 3\n", two);
    refuse(text, "a.conf:6: [selection] min-sources = 3 needs 3 sources, 2 are configured");
    snprintf(text, sizeof text, "%s[source c]\naddress = c\n[selection]\nfaults = 1\n", two);
    accept(text);
    snprintf(text, sizeof text,
             "%s[source c]\naddress = c\nnoselect = yes\n[selection]\nfaults = 1\n", two);
    refuse(text, "faults = 1 needs 3 sources, 2 are configured");
    refuse(A "[selection]\nfaults = 1\n", "1 is configured");
    accept(A "kind = pool\n[selection]\nfaults = 1\nmin-sources = 4\n");
    refuse(A "kind = pool\n[selection]\nfaults = 2\n", "faults = 2 needs 5 sources, 4 are");
    /* Who is not counted because of another mistake is not missed. */
    refuse(A "[source b c]\naddress = b\n[source d]\naddress = d\n[selection]\nfaults = 1\n",
           "a.conf:3: ");
    refuse(A "[sourc b]\naddress = b\n[source d]\naddress = d\n[selection]\nfaults = 1\n",
           "a.conf:3: ");
    refuse(A "kind = pol\n[selection]\nfaults = 1\n", "a.conf:3: ");
}

static void sources_are_bounded(void)
{
    static char text[16384];
    size_t size = 0;
    for (unsigned i = 0; i < CONFIG_SOURCES_MAX; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "[source s%u]\naddress = h%u\n",
                                 i, i);
    }
    accept(text);
    CU_ASSERT_EQUAL(config.sources.count, CONFIG_SOURCES_MAX);
    CU_ASSERT_STRING_EQUAL(source(63)->host, "h63");
    snprintf(text + size, sizeof text - size, "[source more]\naddress = more\nprefer = maybe\n");
    refuse(text, "a.conf:129: [source more] is one too many; up to 64");
    size = 0;
    for (unsigned i = 0; i < 5; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "[source s%u]\naddress = h%u\nkind = pool\npool-size = %u\n", i, i,
                                 i < 4 ? 16U : 1U);
    }
    refuse(text, "a.conf: |are 65; up to 64");
}

static void survives_noise(void)
{
    static const char *const pieces[] = {"[source a]",
                                         "[source b]",
                                         "[source ",
                                         "]",
                                         "\n",
                                         "\n",
                                         "\n",
                                         "address = ",
                                         "192.0.2.1",
                                         "a",
                                         "::1",
                                         ":5",
                                         "kind = ",
                                         "pool",
                                         "peer",
                                         "broadcast",
                                         "poll = ",
                                         "64 s",
                                         " ",
                                         "1024 s",
                                         "key = ",
                                         "1",
                                         "[keys]\nfile = /k\n",
                                         "bind = ",
                                         "group = ",
                                         "224.0.1.1",
                                         "[selection]",
                                         "faults = ",
                                         "noselect = ",
                                         "yes",
                                         "offset = ",
                                         "1 ms",
                                         "max-delay-ratio = ",
                                         "1.5",
                                         ".",
                                         "\t"};
    struct random random;
    random_init_seeded(&random, 1);
    unsigned accepted = 0;
    for (int round = 0; round < 30000; round++) {
        char text[512] = "";
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
    {"an address is enough", an_address_is_enough},
    {"every key is read", every_key_is_read},
    {"polls have many forms", polls_have_many_forms},
    {"names are checked", names_are_checked},
    {"addresses are checked", addresses_are_checked},
    {"explains values", explains_values},
    {"kinds have their own options", kinds_have_their_own_options},
    {"a source is checked as a whole", a_source_is_checked_as_a_whole},
    {"quorums must be possible", quorums_must_be_possible},
    {"sources are bounded", sources_are_bounded},
    {"survives noise", survives_noise},
};
UNIT_MAIN("config_source", cases)
