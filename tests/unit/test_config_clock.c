/* SPDX-License-Identifier: MIT */
/* The settings of the clock, of selection and of who may look; and the embedded default. */
#include "tests/unit/config_bench.h"

static void nothing_said_means_defaults(void)
{
    accept("");
    CU_ASSERT_STRING_EQUAL(config.clock.state_dir, "");
    CU_ASSERT_EQUAL(config.clock.state_dir_line, 0);
    CU_ASSERT_EQUAL(config.clock.step_ns, NS_PER_S);
    CU_ASSERT_EQUAL(config.clock.step_updates, 3);
    CU_ASSERT_EQUAL(config.clock.panic_ns, 1000 * NS_PER_S);
    CU_ASSERT_EQUAL(config.clock.slew_max_ppm, 80000);
    CU_ASSERT_EQUAL(config.clock.drift_class, CONFIG_DRIFT_NORMAL);
    CU_ASSERT_EQUAL(config.clock.drift_start_ppm, 500);
    CU_ASSERT_EQUAL(config.clock.leap, CONFIG_LEAP_KERNEL);
    CU_ASSERT_EQUAL(config.clock.leap_window_ns, 86400 * NS_PER_S);
    CU_ASSERT_STRING_EQUAL(config.clock.leap_list, "/usr/share/zoneinfo/leap-seconds.list");
    CU_ASSERT_EQUAL(config.clock.leap_list_line, 0);
    CU_ASSERT_TRUE(config.clock.hardware_timestamps);
    CU_ASSERT_EQUAL(config.selection.faults, CONFIG_FAULTS_AUTO);
    CU_ASSERT_EQUAL(config.selection.min_sources, 1);
    CU_ASSERT_EQUAL(config.selection.max_distance_ns, 3 * NS_PER_S);
    CU_ASSERT_EQUAL(config.selection.void_after_ns, 1000 * NS_PER_S);
    CU_ASSERT_EQUAL(config.sources.count, 0);
    CU_ASSERT_FALSE(config.server.is_orphan);
    CU_ASSERT_TRUE(config.control.socket_is_auto);
    CU_ASSERT_STRING_EQUAL(config.control.socket, "");
    CU_ASSERT_STRING_EQUAL(config.control.group, "");
    CU_ASSERT_STRING_EQUAL(config.log.tracking, "");
    CU_ASSERT_STRING_EQUAL(config.log.measurements, "");
}

static void every_key_is_read(void)
{
    accept("[clock]\nstate-dir = /var/lib/a b\nstep = 250 ms\nstep-updates = 0\npanic = 2 h\n"
           "slew-max = 500 ppm\ndrift-class = learned\ndrift-start = 100 ppm\nleap = smear\n"
           "leap-window = 1000 s\nleap-list = /etc/leaps\nhardware-timestamps = off\n"
           "[selection]\nfaults = 1\nmin-sources = 2\nmax-distance = 100 ms\nvoid-after = 1 h\n"
           "[server]\nlocal-stratum = 5\norphan = yes\n"
           "[control]\nsocket = /run/a.sock\ngroup = adm\n"
           "[log]\ntracking = /var/log/t.csv\nmeasurements = /var/log/m.csv\n"
           "[source a]\naddress = a\n[source b]\naddress = b\n[source c]\naddress = c\n");
    CU_ASSERT_STRING_EQUAL(config.clock.state_dir, "/var/lib/a b");
    CU_ASSERT_EQUAL(config.clock.state_dir_line, 2);
    CU_ASSERT_EQUAL(config.clock.step_ns, 250 * NS_PER_MS);
    CU_ASSERT_EQUAL(config.clock.step_updates, 0);
    CU_ASSERT_EQUAL(config.clock.panic_ns, 7200 * NS_PER_S);
    CU_ASSERT_DOUBLE_EQUAL(config.clock.slew_max_ppm, 500, 1e-9);
    CU_ASSERT_EQUAL(config.clock.drift_class, CONFIG_DRIFT_LEARNED);
    CU_ASSERT_DOUBLE_EQUAL(config.clock.drift_start_ppm, 100, 1e-9);
    CU_ASSERT_EQUAL(config.clock.leap, CONFIG_LEAP_SMEAR);
    CU_ASSERT_EQUAL(config.clock.leap_window_ns, 1000 * NS_PER_S);
    CU_ASSERT_STRING_EQUAL(config.clock.leap_list, "/etc/leaps");
    CU_ASSERT_EQUAL(config.clock.leap_list_line, 11);
    CU_ASSERT_FALSE(config.clock.hardware_timestamps);
    CU_ASSERT_EQUAL(config.selection.faults, 1);
    CU_ASSERT_EQUAL(config.selection.min_sources, 2);
    CU_ASSERT_EQUAL(config.selection.max_distance_ns, 100 * NS_PER_MS);
    CU_ASSERT_EQUAL(config.selection.void_after_ns, 3600 * NS_PER_S);
    CU_ASSERT_TRUE(config.server.is_orphan);
    CU_ASSERT_FALSE(config.control.socket_is_auto);
    CU_ASSERT_STRING_EQUAL(config.control.socket, "/run/a.sock");
    CU_ASSERT_STRING_EQUAL(config.control.group, "adm");
    CU_ASSERT_EQUAL(config.control.group_line, 23);
    CU_ASSERT_STRING_EQUAL(config.log.tracking, "/var/log/t.csv");
    CU_ASSERT_STRING_EQUAL(config.log.measurements, "/var/log/m.csv");
}

static void choices_are_read(void)
{
    accept("[clock]\nstep = off\npanic = off\nleap-list = off\ndrift-class = strict\n"
           "leap = ignore\nhardware-timestamps = auto\n[control]\nsocket = off\n"
           "[selection]\nfaults = 0\n[server]\norphan = no\n");
    CU_ASSERT_EQUAL(config.clock.step_ns, 0);
    CU_ASSERT_EQUAL(config.clock.panic_ns, 0);
    CU_ASSERT_STRING_EQUAL(config.clock.leap_list, "");
    CU_ASSERT_EQUAL(config.clock.drift_class, CONFIG_DRIFT_STRICT);
    CU_ASSERT_EQUAL(config.clock.leap, CONFIG_LEAP_IGNORE);
    CU_ASSERT_TRUE(config.clock.hardware_timestamps);
    CU_ASSERT_FALSE(config.control.socket_is_auto);
    CU_ASSERT_STRING_EQUAL(config.control.socket, "");
    CU_ASSERT_EQUAL(config.selection.faults, 0);
    accept("[clock]\nslew-max = 100000 ppm\ndrift-start = 1 ppm\nstep = 1 us\n");
    CU_ASSERT_EQUAL(config.clock.slew_max_ppm, 100000);
    CU_ASSERT_EQUAL(config.clock.drift_start_ppm, 1);
    CU_ASSERT_EQUAL(config.clock.step_ns, NS_PER_US);
    accept("[control]\nsocket = auto\n[clock]\nleap = kernel\ndrift-class = normal\n");
    CU_ASSERT_TRUE(config.control.socket_is_auto);
}

static void explains_values(void)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"[clock]\nstate-dir = chimed", "a.conf:2: [clock] state-dir: found 'chimed'|absolute"},
        {"[clock]\nstep = 1", "a.conf:2: [clock] step: found '1'|off|unit"},
        {"[clock]\nstep = 0", "found '0'|1 us to 1000000 h"},
        {"[clock]\nstep = 1000001 h", "1 us to 1000000 h"},
        {"[clock]\nstep = -1 s", "1 us to 1000000 h"},
        {"[clock]\nstep-updates = -1", "0 to 1000"},
        {"[clock]\nstep-updates = 1001", "0 to 1000"},
        {"[clock]\npanic = no", "found 'no'|off, or a duration"},
        {"[clock]\npanic = 999 us", "1 ms to 1000000 h"},
        {"[clock]\nslew-max = 0", "1 ppm to 100000 ppm"},
        {"[clock]\nslew-max = 100001 ppm", "1 ppm to 100000 ppm"},
        {"[clock]\nslew-max = 500", "found '500'|unit"},
        {"[clock]\ndrift-class = lax", "found 'lax'|normal, strict or learned"},
        {"[clock]\ndrift-start = 999 ppb", "1 ppm to 10000 ppm"},
        {"[clock]\ndrift-start = 10001 ppm", "1 ppm to 10000 ppm"},
        {"[clock]\nleap = slew", "found 'slew'|kernel, smear or ignore"},
        {"[clock]\nleap-window = 999 s", "1000 s to 48 h"},
        {"[clock]\nleap-window = 49 h", "1000 s to 48 h"},
        {"[clock]\nleap-list = auto", "found 'auto'|off, or an absolute path"},
        {"[clock]\nhardware-timestamps = on", "found 'on'|auto or off"},
        {"[selection]\nfaults = -1", "auto (the largest minority), or a number from 0 to 31"},
        {"[selection]\nfaults = 32", "0 to 31"},
        {"[selection]\nmin-sources = 0", "1 to 64"},
        {"[selection]\nmin-sources = 65", "1 to 64"},
        {"[selection]\nmax-distance = 999 ns", "1 us to 1000 s"},
        {"[selection]\nmax-distance = 1001 s", "1 us to 1000 s"},
        {"[selection]\nvoid-after = 999 ms", "1 s to 8760 h"},
        {"[selection]\nvoid-after = 8761 h", "1 s to 8760 h"},
        {"[server]\nlocal-stratum = 3\norphan = maybe", "found 'maybe'|yes or no"},
        {"[control]\nsocket = chimed.sock", "auto, off, or an absolute path"},
        {"[control]\ngroup = a b", "found 'a b'|name of a group"},
        {"[log]\ntracking = off", "a.conf:2: [log] tracking|absolute path"},
        {"[log]\nmeasurements = m.csv", "absolute path"},
        {"[clock]\nfaults = 1", "a.conf:2: [clock] faults|belongs in [selection]"},
        {"[server]\norphan = yes", "a.conf:2: [server] orphan|needs local-stratum"},
        {"[server]\norphan = yes\nlocal-stratum = off", "a.conf:2: |needs local-stratum"},
        {"[server]\norphan = yes\nlocal-stratum = 16", "a.conf:3: |1 to 15"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        refuse(cases[i].text, cases[i].words);
    }
    /* A path of 107 characters fits into a socket's address, one of 108 does not. */
    char text[256];
    snprintf(text, sizeof text, "[control]\nsocket = /%0106d\n", 0);
    accept(text);
    snprintf(text, sizeof text, "[control]\nsocket = /%0107d\n", 0);
    refuse(text, "up to 107 characters");
}

static void knows_the_names_of_others(void)
{
    refuse("[clock]\nmakestep = 1 s", "a.conf:2: [clock] makestep|'step' in [clock]");
    refuse("server a.example iburst",
           "a.conf:1: 'server' is written as chronyd|'address =' in [source NAME]");
    refuse("  rtcsync", "a.conf:1: 'rtcsync' is written|'control =' in [clock]");
    refuse("[server]\nallow", "a.conf:2: 'allow' lacks its '='|[server]");
    refuse("[server]\nnonsense here", "a.conf:2: neither a section nor a key");
    refuse("[clock]\ndriftfile = /x", "'state-dir' in [clock]");
    refuse("[server]\nlocal = 10", "'local-stratum' in [server]");
    refuse("[source a]\naddress = a\nminpoll = 6",
           "a.conf:3: [source a] minpoll|'poll' in [source");
    refuse("[source a]\naddress = a\nxleave = yes", "'interleaved' in [source NAME]");
}

/* The embedded default with its examples taken out of their comments. */
static void uncomment(char *out, size_t room)
{
    const char *start = out;
    const char *control = "control = shadow";
    const char *algorithm = "# algorithm = agreement";
    for (const char *at = config_default_text(); *at != '\0';) {
        size_t size = strcspn(at, "\n") + 1;
        bool is_example = strncmp(at, "# [", 3) == 0 ||
                          (strncmp(at, "# ", 2) == 0 && memchr(at, '=', size) != NULL &&
                           memchr(at, ',', size) == NULL);
        CU_ASSERT_TRUE_FATAL((size_t)(out - start) + size < room);
        if (strncmp(at, control, strlen(control)) == 0) {
            out += sprintf(out, "control = virtual\n");
        } else if (strncmp(at, algorithm, strlen(algorithm)) == 0) {
            out += sprintf(out, "algorithm = berkeley\n");
        } else if (is_example) {
            memcpy(out, at + 2, size - 2);
            out += size - 2;
        } else {
            memcpy(out, at, size);
            out += size;
        }
        at += size;
    }
    *out = '\0';
}

static void embedded_default_is_good(void)
{
    accept(config_default_text());
    CU_ASSERT_EQUAL(config.clock.control, CONTROL_SHADOW);
    CU_ASSERT_EQUAL(config.server.listen.count, 2);
    CU_ASSERT_TRUE(listens(&config.server.listen, 0, "0.0.0.0:11123"));
    CU_ASSERT_TRUE(listens(&config.server.listen, 1, "[::]:11123"));
    CU_ASSERT_EQUAL(config.server.local_stratum, 10);
    CU_ASSERT_EQUAL(config.server.workers, CONFIG_WORKERS_AUTO);
    CU_ASSERT_TRUE(config.server.access.default_allow);
    CU_ASSERT_EQUAL(config.control.chronyc.count, 2);
    CU_ASSERT_TRUE(listens(&config.control.chronyc, 0, "127.0.0.1:11323"));
    CU_ASSERT_TRUE(listens(&config.control.chronyc, 1, "[::1]:11323"));
}

static void examples_in_it_are_good(void)
{
    static char text[16384];
    uncomment(text, sizeof text);
    accept(text);
    CU_ASSERT_STRING_EQUAL(config.keys.file, "/etc/chimed.keys");
    CU_ASSERT_STRING_EQUAL(config.server.user, "chimed");
    CU_ASSERT_EQUAL(config.clock.virtual_offset_ns, 0);
    CU_ASSERT_EQUAL(config.server.access.count, 3);
    CU_ASSERT_EQUAL(config.control.chronyc_access.count, 1);
    CU_ASSERT_STRING_EQUAL(config.mesh.identity.path, "/etc/chimed.pem");
    CU_ASSERT_EQUAL(config.mesh.members.count, 1);
}

static void same_source(const struct config_source *a, const struct config_source *b)
{
    CU_ASSERT_STRING_EQUAL(a->host, b->host);
    CU_ASSERT_EQUAL(a->port, b->port);
    CU_ASSERT_EQUAL(a->family, b->family);
    CU_ASSERT_EQUAL(a->kind, b->kind);
    CU_ASSERT_EQUAL(a->pool_size, b->pool_size);
    CU_ASSERT_EQUAL(a->poll_min, b->poll_min);
    CU_ASSERT_EQUAL(a->poll_max, b->poll_max);
    CU_ASSERT_EQUAL(a->is_iburst, b->is_iburst);
    CU_ASSERT_EQUAL(a->is_burst, b->is_burst);
    CU_ASSERT_EQUAL(a->is_interleaved, b->is_interleaved);
    CU_ASSERT_EQUAL(a->is_prefer, b->is_prefer);
    CU_ASSERT_EQUAL(a->is_noselect, b->is_noselect);
    CU_ASSERT_EQUAL(a->is_trust, b->is_trust);
    CU_ASSERT_EQUAL(a->is_require, b->is_require);
    CU_ASSERT_EQUAL(a->is_offline, b->is_offline);
    CU_ASSERT_EQUAL(a->version, b->version);
    CU_ASSERT_EQUAL(a->dscp, b->dscp);
    CU_ASSERT_EQUAL(a->offset_ns, b->offset_ns);
    CU_ASSERT_EQUAL(a->max_delay_ns, b->max_delay_ns);
    CU_ASSERT_EQUAL(a->max_delay_ratio, b->max_delay_ratio);
    CU_ASSERT_EQUAL(a->min_samples, b->min_samples);
    CU_ASSERT_EQUAL(a->filter, b->filter);
}

static void same_mesh(const struct config_mesh *a, const struct config_mesh *b)
{
    CU_ASSERT_EQUAL(a->faults, b->faults);
    CU_ASSERT_EQUAL(a->interval_ns, b->interval_ns);
    CU_ASSERT_EQUAL(a->gamma_ns, b->gamma_ns);
    CU_ASSERT_EQUAL(a->poll_min, b->poll_min);
    CU_ASSERT_EQUAL(a->poll_max, b->poll_max);
    CU_ASSERT_EQUAL(a->max_offset_ns, b->max_offset_ns);
    CU_ASSERT_EQUAL(a->payload, b->payload);
    CU_ASSERT_EQUAL(a->view, b->view);
    CU_ASSERT_STRING_EQUAL(a->name, b->name);
}

/* What it shows as what holds without being said does. */
static void examples_in_it_are_the_defaults(void)
{
    static char text[16384];
    static struct config shown;
    uncomment(text, sizeof text);
    accept(text);
    shown = config; /* but for what config_clear() frees */
    accept("[source example]\naddress = pool.ntp.org\nkind = pool\n");
    CU_ASSERT_EQUAL(shown.sources.count, 1);
    same_source(&config.sources.items[0], &shown.sources.items[0]);
    same_mesh(&config.mesh, &shown.mesh);
    CU_ASSERT_EQUAL(config.selection.faults, shown.selection.faults);
    CU_ASSERT_EQUAL(config.selection.min_sources, shown.selection.min_sources);
    CU_ASSERT_EQUAL(config.selection.max_distance_ns, shown.selection.max_distance_ns);
    CU_ASSERT_EQUAL(config.selection.void_after_ns, shown.selection.void_after_ns);
    CU_ASSERT_EQUAL(config.clock.step_ns, shown.clock.step_ns);
    CU_ASSERT_EQUAL(config.clock.step_updates, shown.clock.step_updates);
    CU_ASSERT_EQUAL(config.clock.panic_ns, shown.clock.panic_ns);
    CU_ASSERT_EQUAL(config.clock.slew_max_ppm, shown.clock.slew_max_ppm);
    CU_ASSERT_EQUAL(config.clock.drift_class, shown.clock.drift_class);
    CU_ASSERT_EQUAL(config.clock.drift_start_ppm, shown.clock.drift_start_ppm);
    CU_ASSERT_EQUAL(config.clock.leap, shown.clock.leap);
    CU_ASSERT_EQUAL(config.clock.leap_window_ns, shown.clock.leap_window_ns);
    CU_ASSERT_STRING_EQUAL(config.clock.leap_list, shown.clock.leap_list);
    CU_ASSERT_EQUAL(config.clock.hardware_timestamps, shown.clock.hardware_timestamps);
    CU_ASSERT_EQUAL(config.control.socket_is_auto, shown.control.socket_is_auto);
    CU_ASSERT_EQUAL(config.server.is_orphan, shown.server.is_orphan);
    CU_ASSERT_EQUAL(config.server.rate_interval_ns, shown.server.rate_interval_ns);
    CU_ASSERT_EQUAL(config.server.clients_max, shown.server.clients_max);
}

static const struct unit_case cases[] = {
    {"nothing said means defaults", nothing_said_means_defaults},
    {"every key is read", every_key_is_read},
    {"choices are read", choices_are_read},
    {"explains values", explains_values},
    {"knows the names of others", knows_the_names_of_others},
    {"embedded default is good", embedded_default_is_good},
    {"examples in it are good", examples_in_it_are_good},
    {"examples in it are the defaults", examples_in_it_are_the_defaults},
};
UNIT_MAIN("config_clock", cases)
