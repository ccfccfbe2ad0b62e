/* SPDX-License-Identifier: MIT */
/* What a configuration names: keys, the list of leap seconds, folders; and what of it the engine
 * gets. */
#include "server/sync_setup.h"
#include "tests/unit/setup_bench.h"

#define HASH "#h\t1 2 3 4 5\n"
#define SOURCES "[source a]\naddress = a\n[source b]\naddress = b\n[source c]\naddress = c\n"

static void keys_of_sources_exist(void)
{
    write_file("keys", "1 SHA1 ASCII:secret\n2 SHA1 ASCII:secret 192.0.2.0/24\n");
    accept("[keys]\nfile = @/keys\n[source a]\naddress = a\nkey = 1\n"
           "[source b]\naddress = 192.0.2.7\nkey = 2\n[source c]\naddress = c\nkey = 2\n");
    refuses("[keys]\nfile = @/keys\n[source a]\naddress = a\nkey = 7\n",
            "a.conf:5: [source a] key: there is no key 7 in '");
    refuses("[keys]\nfile = @/keys\n[source a]\naddress = 198.51.100.1\nkey = 2\n",
            "a.conf:5: [source a] key: key 2 is not for '198.51.100.1'");
}

static void leap_list_is_read(void)
{
    static const char list[] = "#@ 9999999999\n2272060800 10 # 1 Jan 1972\n"
                               "2287785600 11 # 1 Jul 1972\n" HASH;
    write_file("leaps", list);
    struct setup *setup = load("[clock]\nleap-list = @/leaps\n" SOURCES);
    CU_ASSERT_PTR_NOT_NULL_FATAL(setup);
    CU_ASSERT_EQUAL(setup->leaps.count, 2);
    CU_ASSERT_EQUAL(setup->leaps.entries[1].tai_offset_s, 11);
    CU_ASSERT_STRING_EQUAL(logged, "");
    setup_destroy(setup);
    setup = load("[clock]\nleap-list = off\n" SOURCES);
    CU_ASSERT_PTR_NOT_NULL_FATAL(setup);
    CU_ASSERT_EQUAL(setup->leaps.count, 0);
    setup_destroy(setup);
}

static void a_bad_leap_list_is_a_warning(void)
{
    write_file("leaps", "#@ 2303683200\n2272060800 10\n2287785600 11\n" HASH);
    warns("[clock]\nleap-list = @/leaps\n" SOURCES, "a.conf:2: the list of leap seconds '");
    expect(logged, "expired on 1973-01-01");
    write_file("leaps", "2272060800 ten\n");
    struct setup *setup = load("[clock]\nleap-list = @/leaps\n" SOURCES);
    CU_ASSERT_PTR_NOT_NULL_FATAL(setup);
    CU_ASSERT_EQUAL(setup->leaps.count, 0);
    expect(logged, "going on without the list of leap seconds");
    setup_destroy(setup);
    warns("[clock]\nleap-list = @/nowhere\n" SOURCES, "a.conf:2: [clock] leap-list: can't read '");
    warns("[clock]\nleap-list = @\n" SOURCES, "a file is expected");
}

static void few_sources_are_a_warning(void)
{
    static const char no_list[] = "[clock]\nleap-list = off\n";
    char text[512];
    warns("[server]\n", "no source to follow and no local-stratum");
    accept("[server]\nlocal-stratum = 10\n");
    CU_ASSERT_STRING_EQUAL(logged, "");
    snprintf(text, sizeof text, "%s[source a]\naddress = a\n", no_list);
    warns(text, "1 source can't outvote one that lies");
    snprintf(text, sizeof text, "%s" SOURCES "noselect = yes\n", no_list);
    warns(text, "2 sources can't outvote one that lies");
    snprintf(text, sizeof text, "%s" SOURCES, no_list);
    accept(text);
    CU_ASSERT_STRING_EQUAL(logged, "");
    snprintf(text, sizeof text, "%s[source a]\naddress = a\nkind = pool\n", no_list);
    accept(text);
    CU_ASSERT_STRING_EQUAL(logged, "");
    snprintf(text, sizeof text, "%s" SOURCES "[server]\nlocal-stratum = 9\norphan = yes\n",
             no_list);
    warns(text, "orphans agree by kind = peer");
}

static void places_must_be_there(void)
{
#define HEAD "[server]\nlocal-stratum = 10\n"
    warns(HEAD "[clock]\nstate-dir = @/nowhere\n", "a.conf:4: [clock] state-dir '");
    expect(logged, "No such file or directory; make it");
    warns(HEAD "[clock]\nstate-dir = @/a.conf\n", "is no folder");
    accept(HEAD "[clock]\nstate-dir = @\n[log]\ntracking = @/t.csv\nmeasurements = @/log\n");
    CU_ASSERT_STRING_EQUAL(logged, "");
    warns(HEAD "[log]\ntracking = @/nowhere/t.csv\n", "[log] tracking '");
    warns(HEAD "[log]\nmeasurements = @/nowhere/m.csv\n", "[log] measurements '");
    warns(HEAD "[control]\ngroup = nobody.has.this.name\n",
          "a.conf:4: [control] group: there is no");
    if (geteuid() == 0) {
        warns(HEAD "user = nobody\n[clock]\nstate-dir = @\n",
              "can't be written by nobody; use: chown");
        warns(HEAD "user = nobody\n[log]\ntracking = @/a.conf\n", "can't be written by nobody");
    }
    struct setup *setup = load(HEAD "[clock]\nstate-dir = @/x\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(setup);
    CU_ASSERT_EQUAL(strncmp(setup->state_dir, folder, strlen(folder)), 0);
    setup_destroy(setup);
    setup = load(HEAD "[clock]\ncontrol = virtual\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(setup);
    CU_ASSERT_STRING_EQUAL(setup->state_dir, "");
    setup_destroy(setup);
}

static void engine_gets_the_defaults(void)
{
    static struct sync_options options;
    static struct source_options sources[SYNC_SOURCES_MAX];
    struct sync_options defaults = sync_options_default();
    struct setup *setup = load("[clock]\nleap-list = off\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(setup);
    sync_setup(setup, &options, sources);
    CU_ASSERT_PTR_EQUAL(options.sources, sources);
    CU_ASSERT_EQUAL(options.source_count, 0);
    CU_ASSERT_PTR_EQUAL(options.keyring, &setup->keyring);
    CU_ASSERT_EQUAL(options.faults, defaults.faults);
    CU_ASSERT_EQUAL(options.min_sources, defaults.min_sources);
    CU_ASSERT_EQUAL(options.max_distance_ns, defaults.max_distance_ns);
    CU_ASSERT_EQUAL(options.void_after_ns, defaults.void_after_ns);
    CU_ASSERT_EQUAL(options.bound.drift_class, defaults.bound.drift_class);
    CU_ASSERT_EQUAL(options.bound.drift_start_ppm, defaults.bound.drift_start_ppm);
    CU_ASSERT_EQUAL(options.discipline.step_ns, defaults.discipline.step_ns);
    CU_ASSERT_EQUAL(options.discipline.step_updates, defaults.discipline.step_updates);
    CU_ASSERT_EQUAL(options.discipline.panic_ns, defaults.discipline.panic_ns);
    CU_ASSERT_EQUAL(options.discipline.slew_max_ppm, defaults.discipline.slew_max_ppm);
    CU_ASSERT_EQUAL(options.leap, defaults.leap);
    CU_ASSERT_EQUAL(options.leap_window_ns, defaults.leap_window_ns);
    CU_ASSERT_EQUAL(options.leaps.count, 0);
    CU_ASSERT_EQUAL(options.local_stratum, 0);
    CU_ASSERT_FALSE(options.is_orphan);
    CU_ASSERT_FALSE(options.has_rate);
    setup_destroy(setup);
}

static void engine_gets_what_is_said(void)
{
    static struct sync_options options;
    static struct source_options sources[SYNC_SOURCES_MAX];
    write_file("leaps", "#@ 9999999999\n2272060800 10\n2287785600 11\n" HASH);
    struct setup *setup =
        load("[clock]\nstep = off\nstep-updates = 7\npanic = off\nslew-max = 500 ppm\n"
             "drift-class = strict\ndrift-start = 50 ppm\nleap = smear\nleap-window = 20 h\n"
             "leap-list = @/leaps\n[selection]\nfaults = 1\nmin-sources = 2\n"
             "max-distance = 1 s\nvoid-after = 2 h\n"
             "[server]\nlocal-stratum = 8\norphan = yes\n" SOURCES);
    CU_ASSERT_PTR_NOT_NULL_FATAL(setup);
    sync_setup(setup, &options, sources);
    CU_ASSERT_EQUAL(options.source_count, 3);
    CU_ASSERT_EQUAL(options.faults, 1);
    CU_ASSERT_EQUAL(options.min_sources, 2);
    CU_ASSERT_EQUAL(options.max_distance_ns, NS_PER_S);
    CU_ASSERT_EQUAL(options.void_after_ns, 7200 * NS_PER_S);
    CU_ASSERT_EQUAL(options.bound.drift_class, DRIFT_STRICT);
    CU_ASSERT_EQUAL(options.bound.drift_start_ppm, 50);
    CU_ASSERT_EQUAL(options.discipline.step_ns, INT64_MAX);
    CU_ASSERT_EQUAL(options.discipline.step_updates, 7);
    CU_ASSERT_EQUAL(options.discipline.panic_ns, 0);
    CU_ASSERT_EQUAL(options.discipline.slew_max_ppm, 500);
    CU_ASSERT_EQUAL(options.leap, SYNC_LEAP_SMEAR);
    CU_ASSERT_EQUAL(options.leap_window_ns, 72000 * NS_PER_S);
    CU_ASSERT_EQUAL(options.leaps.count, 2);
    CU_ASSERT_EQUAL(options.local_stratum, 8);
    CU_ASSERT_TRUE(options.is_orphan);
    setup_destroy(setup);
    setup = load("[clock]\ndrift-class = learned\nleap = ignore\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(setup);
    sync_setup(setup, &options, sources);
    CU_ASSERT_EQUAL(options.bound.drift_class, DRIFT_LEARNED);
    CU_ASSERT_EQUAL(options.leap, SYNC_LEAP_IGNORE);
    setup_destroy(setup);
}

static void check_first_source(const struct source_options *source)
{
    CU_ASSERT_STRING_EQUAL(source->name, "one");
    CU_ASSERT_STRING_EQUAL(source->host, "192.0.2.1");
    CU_ASSERT_EQUAL(source->port, 1123);
    CU_ASSERT_EQUAL(source->family, ADDRESS_IPV4);
    CU_ASSERT_EQUAL(source->kind, SOURCE_SERVER);
    CU_ASSERT_EQUAL(source->poll_min, -3);
    CU_ASSERT_EQUAL(source->poll_max, 17);
    CU_ASSERT_FALSE(source->is_iburst);
    CU_ASSERT_TRUE(source->is_burst && source->is_interleaved && source->is_prefer &&
                   !source->is_noselect && source->is_trust && source->is_require &&
                   source->is_offline);
    CU_ASSERT_EQUAL(source->version, 3);
    CU_ASSERT_EQUAL(source->key_id, 1);
    CU_ASSERT_EQUAL(source->offset_ns, -2 * NS_PER_MS);
    CU_ASSERT_EQUAL(source->max_delay_ns, NS_PER_S);
    CU_ASSERT_EQUAL(source->max_delay_ratio, 2.5);
    CU_ASSERT_EQUAL(source->min_samples, 5);
    CU_ASSERT_EQUAL(source->local.family, ADDRESS_IPV4);
    CU_ASSERT_STRING_EQUAL(source->device, "eth0");
    CU_ASSERT_EQUAL(source->dscp, 46);
    CU_ASSERT_EQUAL(source->filter, FILTER_REGRESSION);
}

static void engine_gets_the_sources(void)
{
    static struct sync_options options;
    static struct source_options sources[SYNC_SOURCES_MAX];
    write_file("keys", "1 SHA1 ASCII:secret\n");
    struct setup *setup =
        load("[keys]\nfile = @/keys\n"
             "[source one]\naddress = 192.0.2.1\nport = 1123\nfamily = ipv4\n"
             "poll = 125 ms 131072 s\niburst = no\nburst = yes\ninterleaved = yes\n"
             "prefer = yes\ntrust = yes\nrequire = yes\noffline = yes\n"
             "version = 3\nkey = 1\noffset = -2 ms\nmax-delay = 1 s\nmax-delay-ratio = 2.5\n"
             "min-samples = 5\nbind = 192.0.2.2\ndevice = eth0\ndscp = 46\nfilter = regression\n"
             "[source two]\naddress = pool.example\nkind = pool\npool-size = 3\nfilter = ntp\n"
             "noselect = yes\n"
             "[source three]\naddress = 192.0.2.3\nkind = broadcast-client\ngroup = 224.0.1.1\n"
             "key = 1\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(setup);
    sync_setup(setup, &options, sources);
    CU_ASSERT_EQUAL(options.source_count, 3);
    check_first_source(&sources[0]);
    CU_ASSERT_STRING_EQUAL(sources[1].host, "pool.example");
    CU_ASSERT_EQUAL(sources[1].kind, SOURCE_POOL);
    CU_ASSERT_EQUAL(sources[1].pool_size, 3);
    CU_ASSERT_TRUE(sources[1].is_noselect);
    CU_ASSERT_EQUAL(sources[1].port, 123);
    CU_ASSERT_TRUE(sources[1].is_iburst);
    CU_ASSERT_EQUAL(sources[1].filter, FILTER_NTP);
    CU_ASSERT_EQUAL(sources[2].kind, SOURCE_BROADCAST_CLIENT);
    CU_ASSERT_EQUAL(sources[2].group.octets[0], 224);
    CU_ASSERT_EQUAL(sources[2].filter, FILTER_BANK);
    CU_ASSERT_FALSE(sources[2].is_iburst);
    setup_destroy(setup);
}

static void begin(void)
{
    snprintf(folder, sizeof folder, "/tmp/test_setup.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    CU_ASSERT_EQUAL(chmod(folder, 0755), 0);
}

static void end(void)
{
    static const char *const names[] = {"a.conf", "keys", "leaps", "log"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static const struct unit_case cases[] = {
    {"a folder is made", begin},
    {"keys of sources exist", keys_of_sources_exist},
    {"leap list is read", leap_list_is_read},
    {"a bad leap list is a warning", a_bad_leap_list_is_a_warning},
    {"few sources are a warning", few_sources_are_a_warning},
    {"places must be there", places_must_be_there},
    {"engine gets the defaults", engine_gets_the_defaults},
    {"engine gets what is said", engine_gets_what_is_said},
    {"engine gets the sources", engine_gets_the_sources},
    {"the folder is removed", end},
};
UNIT_MAIN("setup", cases)
