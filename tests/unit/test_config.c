/* SPDX-License-Identifier: MIT */
#include "common/base/random.h"
#include "tests/unit/config_bench.h"

static bool has_prefix(const struct config_access *access, size_t index, const char *text,
                       bool allow)
{
    struct prefix wanted;
    CU_ASSERT_TRUE_FATAL(prefix_parse(text, &wanted));
    return index < access->count && access->items[index].allow == allow &&
           access->items[index].prefix.family == wanted.family &&
           access->items[index].prefix.length == wanted.length &&
           memcmp(access->items[index].prefix.octets, wanted.octets, 16) == 0;
}

static void empty_text_means_defaults(void)
{
    static const char *const texts[] = {"", "\n\n", "# nothing\r\n; nothing\r\n", "\xef\xbb\xbf",
                                        "[server]\n[keys]\n[clock]\n[control]\n[log]\n"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        accept(texts[i]);
        CU_ASSERT_EQUAL(config.clock.control, CONTROL_AUTO);
        CU_ASSERT_EQUAL(config.clock.virtual_offset_ns, 0);
        CU_ASSERT_EQUAL(config.clock.virtual_rate_ppm, 0);
        CU_ASSERT_EQUAL(config.clock.virtual_wander_ppb, 0);
        CU_ASSERT_EQUAL(config.server.listen.count, 2);
        CU_ASSERT_TRUE(listens(&config.server.listen, 0, "0.0.0.0:123"));
        CU_ASSERT_TRUE(listens(&config.server.listen, 1, "[::]:123"));
        CU_ASSERT_EQUAL(config.server.workers, CONFIG_WORKERS_AUTO);
        CU_ASSERT_TRUE(config.server.access.default_allow);
        CU_ASSERT_EQUAL(config.server.access.count, 0);
        CU_ASSERT_FALSE(config.server.rate_limit);
        CU_ASSERT_EQUAL(config.server.rate_interval_ns, NS_PER_S);
        CU_ASSERT_EQUAL(config.server.rate_burst, 16);
        CU_ASSERT_EQUAL(config.server.rate_leak, 4);
        CU_ASSERT_EQUAL(config.server.rate_kod, 4);
        CU_ASSERT_EQUAL(config.server.clients_max, 131072);
        CU_ASSERT_EQUAL(config.server.local_stratum, 0);
        CU_ASSERT_STRING_EQUAL(config.server.user, "");
        CU_ASSERT_STRING_EQUAL(config.keys.file, "");
        CU_ASSERT_EQUAL(config.control.chronyc.count, 0);
        CU_ASSERT_STRING_EQUAL(config.control.chronyc_socket, "");
        CU_ASSERT_EQUAL(config.control.chronyc_access.count, 0);
        CU_ASSERT_FALSE(config.control.chronyc_access.default_allow);
        CU_ASSERT_EQUAL(config.log.target, CONFIG_LOG_STDERR);
        CU_ASSERT_EQUAL(config.log.level, CONFIG_LOG_NOTICE);
    }
}

static void every_key_is_read(void)
{
    accept("[clock]\ncontrol = virtual\nvirtual-offset = -1.5 s\nvirtual-rate = -500 ppb\n"
           "virtual-wander = 3 ppb\n"
           "[server]\nlisten = 192.0.2.1, [2001:db8::1]:11123\nworkers = 7\nallow = 192.0.2.0/24\n"
           "deny = 192.0.2.128/25\nrate-limit = on\nrate-interval = 250 ms\nrate-burst = 255\n"
           "rate-leak = 0\nrate-kod = 9\nclients-max = 64\nlocal-stratum = 15\nuser = _chimed\n"
           "[keys]\nfile = /etc/chimed keys/a.keys\n"
           "[control]\nchronyc = 127.0.0.1 [::1]:11323\nchronyc-socket = /run/chronyc.sock\n"
           "chronyc-allow = 2001:db8::/32\n"
           "[log]\ntarget = syslog\nlevel = debug\n");
    CU_ASSERT_EQUAL(config.clock.control, CONTROL_VIRTUAL);
    CU_ASSERT_EQUAL(config.clock.virtual_offset_ns, -1500 * NS_PER_MS);
    CU_ASSERT_DOUBLE_EQUAL(config.clock.virtual_rate_ppm, -0.5, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(config.clock.virtual_wander_ppb, 3, 1e-12);
    CU_ASSERT_EQUAL(config.server.listen.count, 2);
    CU_ASSERT_TRUE(listens(&config.server.listen, 0, "192.0.2.1:123"));
    CU_ASSERT_TRUE(listens(&config.server.listen, 1, "[2001:db8::1]:11123"));
    CU_ASSERT_EQUAL(config.server.workers, 7);
    CU_ASSERT_FALSE(config.server.access.default_allow);
    CU_ASSERT_EQUAL(config.server.access.count, 2);
    CU_ASSERT_TRUE(has_prefix(&config.server.access, 0, "192.0.2.0/24", true));
    CU_ASSERT_TRUE(has_prefix(&config.server.access, 1, "192.0.2.128/25", false));
    CU_ASSERT_TRUE(config.server.rate_limit);
    CU_ASSERT_EQUAL(config.server.rate_interval_ns, 250 * NS_PER_MS);
    CU_ASSERT_EQUAL(config.server.rate_burst, 255);
    CU_ASSERT_EQUAL(config.server.rate_leak, 0);
    CU_ASSERT_EQUAL(config.server.rate_kod, 9);
    CU_ASSERT_EQUAL(config.server.clients_max, 64);
    CU_ASSERT_EQUAL(config.server.local_stratum, 15);
    CU_ASSERT_STRING_EQUAL(config.server.user, "_chimed");
    CU_ASSERT_STRING_EQUAL(config.keys.file, "/etc/chimed keys/a.keys");
    CU_ASSERT_EQUAL(config.control.chronyc.count, 2);
    CU_ASSERT_TRUE(listens(&config.control.chronyc, 0, "127.0.0.1:323"));
    CU_ASSERT_TRUE(listens(&config.control.chronyc, 1, "[::1]:11323"));
    CU_ASSERT_STRING_EQUAL(config.control.chronyc_socket, "/run/chronyc.sock");
    CU_ASSERT_EQUAL(config.control.chronyc_access.count, 1);
    CU_ASSERT_TRUE(has_prefix(&config.control.chronyc_access, 0, "2001:db8::/32", true));
    CU_ASSERT_EQUAL(config.log.target, CONFIG_LOG_SYSLOG);
    CU_ASSERT_EQUAL(config.log.level, CONFIG_LOG_DEBUG);
}

static void choices_are_read(void)
{
    static const struct {
        const char *text;
        enum config_control control;
    } controls[] = {{"auto", CONTROL_AUTO},
                    {"system", CONTROL_SYSTEM},
                    {"shadow", CONTROL_SHADOW},
                    {"virtual", CONTROL_VIRTUAL}};
    static const struct {
        const char *text;
        enum config_log_level level;
    } levels[] = {{"error", CONFIG_LOG_ERROR},
                  {"warning", CONFIG_LOG_WARNING},
                  {"notice", CONFIG_LOG_NOTICE},
                  {"info", CONFIG_LOG_INFO},
                  {"debug", CONFIG_LOG_DEBUG}};
    char text[64];
    for (size_t i = 0; i < COUNT(controls); i++) {
        snprintf(text, sizeof text, "[clock]\ncontrol = %s", controls[i].text);
        accept(text);
        CU_ASSERT_EQUAL(config.clock.control, controls[i].control);
    }
    CU_ASSERT_EQUAL(config.clock.virtual_offset_ns, 0);
    CU_ASSERT_EQUAL(config.clock.virtual_rate_ppm, 0);
    CU_ASSERT_EQUAL(config.clock.virtual_wander_ppb, 0);
    for (size_t i = 0; i < COUNT(levels); i++) {
        snprintf(text, sizeof text, "[log]\nlevel = %s", levels[i].text);
        accept(text);
        CU_ASSERT_EQUAL(config.log.level, levels[i].level);
    }
    for (int workers = 0; workers <= CONFIG_WORKERS_MAX; workers++) {
        snprintf(text, sizeof text, "[server]\nworkers = %d", workers);
        accept(text);
        CU_ASSERT_EQUAL(config.server.workers, workers);
    }
    accept("[server]\nworkers = auto\nlocal-stratum = off\n[control]\nchronyc = off\n");
    CU_ASSERT_EQUAL(config.server.workers, CONFIG_WORKERS_AUTO);
    CU_ASSERT_EQUAL(config.server.local_stratum, 0);
    CU_ASSERT_EQUAL(config.control.chronyc.count, 0);
}

static void lists_accumulate(void)
{
    accept("[server]\n"
           "listen = 192.0.2.1,192.0.2.2 ,\t192.0.2.3\n"
           "  [2001:db8::1]\n"
           "  [::1]:5, 192.0.2.4 ; a comment\n"
           "allow =\n"
           "    192.0.2.0/24\n"
           "    # a comment\n"
           "    2001:db8::/32 10.0.0.0/8\n"
           "listen = 192.0.2.5\n"
           "[log]\n"
           "[server]\n"
           "deny = all\n"
           "allow = 172.16.0.0/12\n");
    static const char *const expected[] = {"192.0.2.1:123",     "192.0.2.2:123", "192.0.2.3:123",
                                           "[2001:db8::1]:123", "[::1]:5",       "192.0.2.4:123",
                                           "192.0.2.5:123"};
    CU_ASSERT_EQUAL(config.server.listen.count, COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++) {
        CU_ASSERT_TRUE(listens(&config.server.listen, i, expected[i]));
    }
    const struct config_access *access = &config.server.access;
    CU_ASSERT_EQUAL(access->count, 6);
    CU_ASSERT_TRUE(has_prefix(access, 0, "192.0.2.0/24", true));
    CU_ASSERT_TRUE(has_prefix(access, 1, "2001:db8::/32", true));
    CU_ASSERT_TRUE(has_prefix(access, 2, "10.0.0.0/8", true));
    CU_ASSERT_TRUE(has_prefix(access, 3, "0.0.0.0/0", false));
    CU_ASSERT_TRUE(has_prefix(access, 4, "::/0", false));
    CU_ASSERT_TRUE(has_prefix(access, 5, "172.16.0.0/12", true));
    accept("[server]\ndeny = 192.0.2.0/24\n");
    CU_ASSERT_TRUE(config.server.access.default_allow);
}

static void form_is_free(void)
{
    accept("\xef\xbb\xbf[server]\r\n\r\n\tworkers=3\r\n  local-stratum  =  4  ; here\r\n"
           "  [log]\r\n  target = syslog\r\nlevel:info");
    CU_ASSERT_EQUAL(config.server.workers, 3);
    CU_ASSERT_EQUAL(config.server.local_stratum, 4);
    CU_ASSERT_EQUAL(config.log.target, CONFIG_LOG_SYSLOG);
    CU_ASSERT_EQUAL(config.log.level, CONFIG_LOG_NOTICE + 1);
}

static void names_the_nearest(void)
{
    refuse("[server]\n\nlisen = ::1",
           "a.conf:3: [server] lisen: unknown key; did you mean 'listen'?");
    refuse("[server]\nWorkers = 3", "a.conf:2: |did you mean 'workers'?");
    refuse("[server]\nlocal_stratum = 3", "did you mean 'local-stratum'?");
    refuse("[server]\nfrobnicate = 3",
           "a.conf:2: [server] 'frobnicate': unknown key|--print-default");
    refuse("[server]\nchronyc = off", "a.conf:2: [server] chronyc|belongs in [control]");
    refuse("workers = 3", "a.conf:1: 'workers' stands before the first section|[server]");
    refuse("level = info\n[log]", "a.conf:1: |[log]");
    refuse("[sever]\nworkers = 3\nno-key-at-all = 5\n",
           "a.conf:1: |'sever'; did you mean [server]?");
    refuse("[frobnicate]\n", "a.conf:1: |'frobnicate'|[clock] [selection] [source NAME] [server] "
                             "[mesh] [member NAME] "
                             "[keys] [control] [log]");
    refuse("[server]\nworkers = 1\n[]\nx = 1\n", "a.conf:3: ");
    refuse("[server]\n= 5\n", "a.conf:2: ");
}

static void explains_values(void)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"[clock]\ncontrol = Auto", "a.conf:2: [clock] control: found 'Auto'|auto, system, shadow"},
        {"[clock]\ncontrol = virtal\nvirtual-rate = 1 ppm", "a.conf:2: |'virtal'"},
        {"[clock]\ncontrol = ", "a.conf:2: [clock] control: found ''"},
        {"[clock]\ncontrol=virtual\nvirtual-offset = 80", "a.conf:3: |'80'|unit"},
        {"[clock]\ncontrol=virtual\nvirtual-offset = 1000001 h", "a.conf:3: |1000000 h"},
        {"[clock]\ncontrol=virtual\nvirtual-rate = 100001 ppm", "a.conf:3: |100000 ppm"},
        {"[clock]\ncontrol=virtual\nvirtual-wander = -1 ppb", "a.conf:3: |not negative"},
        {"[server]\nlisten = localhost", "a.conf:2: [server] listen: found 'localhost'"},
        {"[server]\nlisten = 192.0.2.1:0", "'192.0.2.1:0'"},
        {"[server]\nlisten = 224.0.1.1", "'224.0.1.1'"},
        {"[server]\nlisten = 255.255.255.255:123", "'255.255.255.255:123'"},
        {"[server]\nlisten = ff02::101", "'ff02::101'"},
        {"[server]\nlisten = [fe80::1]:123", "'[fe80::1]:123'"},
        {"[control]\nchronyc = 239.0.0.1:323", "'239.0.0.1:323'"},
        {"[server]\nlisten = 192.0.2.1\n 192.0.2.2\n 192.0.2.1:123", "a.conf:4: |there already"},
        {"[server]\nlisten = 192.0.2.1\nlisten = ::ffff:192.0.2.1", "a.conf:3: |there already"},
        {"[server]\nlisten =", "a.conf:2: |the list is empty"},
        {"[server]\nlisten = , ,", "a.conf:2: |the list is empty"},
        {"[server]\nworkers = 65", "'65'|0 to 64"},
        {"[server]\nworkers = -1", "'-1'|0 to 64"},
        {"[server]\nworkers = 2 # two", "'2 # two'|comment behind a value begins with ;"},
        {"[server]\nallow = 192.0.2.1/24",
         "a.conf:2: [server] allow: found '192.0.2.1/24'|zero bits"},
        {"[server]\nallow = everyone", "'everyone'|all"},
        {"[server]\nallow = all all", "there already"},
        {"[server]\nallow = 10.0.0.0/8\ndeny = 10.0.0.0/8", "a.conf:3: |both allowed and denied"},
        {"[server]\nrate-limit = yes", "'yes'|off or on"},
        {"[server]\nrate-interval = 0", "'0'|1 ms to 4096 s"},
        {"[server]\nrate-interval = 4097 s", "'4097 s'|1 ms to 4096 s"},
        {"[server]\nrate-burst = 0", "1 to 255"},
        {"[server]\nrate-leak = 1", "'1'|2 to 255, or 0"},
        {"[server]\nrate-kod = 256", "'256'|1 to 255, or 0"},
        {"[server]\nclients-max = 63", "'63'|64 to 16777216"},
        {"[server]\nclients-max = 16777217", "64 to 16777216"},
        {"[server]\nlocal-stratum = 16", "'16'|1 to 15"},
        {"[server]\nlocal-stratum = 0", "'0'|off|1 to 15"},
        {"[server]\nuser = two words", "'two words'|without spaces"},
        {"[server]\nuser =", "found ''"},
        {"[keys]\nfile = chimed.keys", "a.conf:2: [keys] file: found 'chimed.keys'|absolute"},
        {"[keys]\nfile = /etc/a.keys # mine", "'/etc/a.keys # mine'|behind a value begins with ;"},
        {"[control]\nchronyc = off 127.0.0.1", "'127.0.0.1'|off excludes addresses"},
        {"[control]\nchronyc = 127.0.0.1\nchronyc = off", "a.conf:3: |'off'"},
        {"[control]\nchronyc-socket = chronyc.sock", "absolute"},
        {"[log]\ntarget = file", "'file'|stderr or syslog"},
        {"[log]\nlevel = verbose", "'verbose'|error, warning, notice, info or debug"},
        {"[server]\nworkers = 1\n[log]\n[server]\nworkers = 2", "a.conf:5: |on line 2"},
        {"[server]\nworkers = 1\n   2", "a.conf:3: |on line 2"},
        {"[clock]\nvirtual-offset = 1 s", "a.conf:2: [clock] virtual-offset|control = virtual"},
        {"[clock]\ncontrol = shadow\nvirtual-rate = 1 ppm", "a.conf:3: |control = virtual"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        refuse(cases[i].text, cases[i].words);
    }
}

static void explains_form(void)
{
    refuse("[server]\ngarbage\n", "a.conf:2: |key = value");
    refuse("garbage", "a.conf:1: |key = value");
    refuse("[server\nworkers = 99\n[log]\nlevel = info\n", "a.conf:1: |'[server'|']'");
    refuse("[server]\nuser = a\x01"
           "b\n",
           "a.conf:2: |character 9|0x01");
    refuse("[server]\nworkers = 1\rlisten = ::1\n", "a.conf:2: |0x0d");
    char text[1024];
    memset(text, 'x', sizeof text);
    memcpy(text, "[server]\nuser = ", 16);
    text[sizeof text - 1] = '\0';
    refuse(text, "a.conf:2: |the line has 1014 characters, up to|indented");
    /* A comment may be as long as it likes. */
    text[9] = '#';
    accept(text);
}

/* Whatever inih would cut is refused, and what is not refused is whole. */
static void long_lines_are_whole_or_refused(void)
{
    unsigned taken = 0;
    unsigned refused = 0;
    for (size_t length = 10; length < 400; length++) {
        char text[512];
        size_t start = (size_t)snprintf(text, sizeof text, "[keys]\nfile = /");
        memset(text + start, 'x', length);
        memcpy(text + start + length, "\n", 2);
        if (parse(text)) {
            CU_ASSERT_EQUAL(strlen(config.keys.file), length + 1);
            CU_ASSERT_EQUAL(refused, 0);
            taken++;
        } else {
            CU_ASSERT_PTR_NOT_NULL(strstr(sentences[0], "characters"));
            refused++;
        }
    }
    CU_ASSERT_TRUE(taken > 100);
}

static void all_mistakes_are_told(void)
{
    CU_ASSERT_FALSE(parse("[server]\nworkers = 99\nlisen = ::1\n[log]\nlevel = loud\n"));
    CU_ASSERT_EQUAL(sentence_count, 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(sentences[0], "a.conf:2: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(sentences[1], "a.conf:3: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(sentences[2], "a.conf:5: "));
    static char text[16384] = "[server]\n";
    for (int i = 0; i < 20; i++) {
        strcat(text, "garbage\n");
    }
    CU_ASSERT_FALSE(parse(text));
    CU_ASSERT_EQUAL(sentence_count, 20);
    for (int i = 0; i < 980; i++) {
        strcat(text, "garbage\n");
    }
    CU_ASSERT_FALSE(parse(text));
    CU_ASSERT_EQUAL(sentence_count, 21);
    CU_ASSERT_STRING_EQUAL(sentences[20], "a.conf: and 980 more; correct these first");
}

static void lists_are_bounded(void)
{
    static char text[65536];
    size_t size = (size_t)snprintf(text, sizeof text, "[server]\nlisten =\n");
    for (unsigned i = 1; i <= CONFIG_LISTEN_MAX; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, " 192.0.2.%u\n", i);
    }
    accept(text);
    CU_ASSERT_EQUAL(config.server.listen.count, CONFIG_LISTEN_MAX);
    snprintf(text + size, sizeof text - size, " 192.0.2.77\n");
    refuse(text, "a.conf:19: |'192.0.2.77'|one too many|16");
    size = (size_t)snprintf(text, sizeof text, "[server]\n");
    for (unsigned i = 0; i < CONFIG_PREFIXES_MAX; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "allow = 10.0.%u.%u\n", i / 256,
                                 i % 256);
    }
    accept(text);
    CU_ASSERT_EQUAL(config.server.access.count, CONFIG_PREFIXES_MAX);
    snprintf(text + size, sizeof text - size, "deny = 10.1.1.1\n");
    refuse(text, "a.conf:1026: |'10.1.1.1'|one too many|1024");
}

static void survives_noise(void)
{
    static const char *const pieces[] = {
        "[server]", "[",       "]",         "\n",      "\n",      "\n",      " ",
        "\t",       "=",       "listen",    "allow",   "workers", "1",       "192.0.2.1",
        "::",       ",",       "all",       "\r",      ";",       "#",       ":",
        "off",      "chronyc", "[control]", "x",       "\xff",    "\x01",    "deny",
        "%",        "/24",     "[::1]:5",   "[clock]", "control", "virtual", "\xef\xbb\xbf"};
    struct random random;
    random_init_seeded(&random, 1);
    unsigned accepted = 0;
    for (int round = 0; round < 30000; round++) {
        char text[512] = "";
        uint32_t count = random_below(&random, 30);
        for (uint32_t i = 0; i < count; i++) {
            strcat(text, pieces[random_below(&random, COUNT(pieces))]);
        }
        accepted += parse(text);
    }
    CU_ASSERT_TRUE(accepted > 1000);
    config_clear(&config);
}

static const struct unit_case cases[] = {
    {"empty text means defaults", empty_text_means_defaults},
    {"every key is read", every_key_is_read},
    {"choices are read", choices_are_read},
    {"lists accumulate", lists_accumulate},
    {"form is free", form_is_free},
    {"names the nearest", names_the_nearest},
    {"explains values", explains_values},
    {"explains form", explains_form},
    {"long lines are whole or refused", long_lines_are_whole_or_refused},
    {"all mistakes are told", all_mistakes_are_told},
    {"lists are bounded", lists_are_bounded},
    {"survives noise", survives_noise},
};
UNIT_MAIN("config", cases)
