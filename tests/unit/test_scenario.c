/* SPDX-License-Identifier: MIT */
#include "tests/sim/scenario.h"
#include "tests/sim/scenario_value.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SAID_MAX 4096

static struct scenario scenario;
static char said[SAID_MAX];

static void note(void *context, const char *sentence)
{
    (void)context;
    size_t size = strlen(said);
    snprintf(said + size, sizeof(said) - size, "%s\n", sentence);
}

static bool parse(const char *text)
{
    said[0] = '\0';
    return scenario_parse(text, "x.ini", &scenario, note, NULL);
}

#define WORLD                                                                                      \
    "[node s]\nkind = server\n[node c]\nkind = prober\nask = s\n[link c s]\ndelay = 1 ms\n"

static void test_defaults(void)
{
    CU_ASSERT_TRUE_FATAL(parse(WORLD));
    CU_ASSERT_EQUAL(scenario.node_count, 2);
    CU_ASSERT_EQUAL(scenario.poll_ns, 64 * NS_PER_S);
    CU_ASSERT_EQUAL(scenario.filter, FILTER_BANK);
    CU_ASSERT_EQUAL(scenario.nodes[1].count, 1);
    CU_ASSERT_EQUAL(scenario.links[0].back.delay_ns, NS_PER_MS);
    CU_ASSERT_TRUE(scenario_is_kept(&scenario, FIGURE_OFFSET_RMS, 1e18));
    CU_ASSERT_FALSE(scenario_is_kept(&scenario, FIGURE_VIOLATIONS, 1));
}

static void test_everything(void)
{
    CU_ASSERT_TRUE_FATAL(parse(
        "# all of it\n[scenario]\nname = all\nduration = 2 h\nsettle = 10 min\nrecover = 20 min\n"
        "sample = 500 ms\nstart = 2085973096\npoll = 16 s\nfilter = ntp\nreference = a\n"
        "[node a]\nkind = server\nstratum = 2\nprecision = 1 us\n"
        "[node b]\nkind = server\ncount = 3\n"
        "[node c]\nkind = prober\nask = a, b\noffset = -1 s\noffset-spread = 50 ms\nrate = 20 ppb\n"
        "rate-spread = 50 ppm\nwander = 3e-9\nnoise = 40 ns\nsine = 1 ppm, 3600 s\n"
        "jump = 5 ppm at 1 h\njump = -5 ppm at 90 min\nsuspend = 10 min at 1 h\nfilter = none\n"
        "poll = 125 ms\nburst = 4\n"
        "[link c *]\ndelay = 5 ms\ndelay-back = 1 ms\njitter = exponential 500 us\n"
        "jitter-back = none\nloss = 30 %\nloss-back = 0 %\nduplication = 1 %\nspike = 5 %, 50 ms\n"
        "reorder = 2 %, 1 s\nin-order = yes\nreachable = 20 min of every 2 h\n"
        "outage = 1 min at 2 min\noutage = 1 min at 5 min\nroute = 9 ms at 1 h\n"
        "  [link a c]  \n  delay = 7 ms\n"
        "[fault liar]\nnode = a\nkind = ramp\nfrom = 1 s\nuntil = 2 s\nrate = 20 ppm\n"
        "[bounds]\noffset-rms-max = 10 us ; with a comment\noffset-max = 1 ms\n"
        "rate-rms-max = 1 ppm\ncontainment-min = 99.5 %\ntime-to-1ms-max = 6 s\n"
        "packets-per-hour-max = 60\nviolations-max = 3\n"));
    const struct scenario_node *node = &scenario.nodes[2];
    CU_ASSERT_EQUAL(scenario.sample_ns, NS_PER_S / 2);
    CU_ASSERT_EQUAL(scenario.start_ns, 2085973096 * NS_PER_S);
    CU_ASSERT_EQUAL(scenario.filter, FILTER_NTP);
    CU_ASSERT_STRING_EQUAL(scenario.reference, "a");
    CU_ASSERT_EQUAL(node->ask.count, 2);
    CU_ASSERT_EQUAL(node->filter, PROBER_FILTER_NONE);
    CU_ASSERT_EQUAL(node->offset_ns, -NS_PER_S);
    CU_ASSERT_DOUBLE_EQUAL(node->oscillator.rate_ppm, 0.02, 1e-12);
    CU_ASSERT_EQUAL(node->oscillator.jump_count, 2);
    CU_ASSERT_EQUAL(node->oscillator.jumps[1].at_ns, 5400 * NS_PER_S);
    CU_ASSERT_EQUAL(node->oscillator.suspends[0].duration_ns, 600 * NS_PER_S);
    CU_ASSERT_EQUAL(node->oscillator.sine_period_ns, 3600 * NS_PER_S);
    const struct scenario_link *link = &scenario.links[0];
    CU_ASSERT_EQUAL(link->there.jitter.scale_ns, 500000);
    CU_ASSERT_EQUAL(link->back.jitter.shape, JITTER_NONE);
    CU_ASSERT_EQUAL(link->back.delay_ns, NS_PER_MS);
    CU_ASSERT_EQUAL(link->back.loss, 0);
    CU_ASSERT_EQUAL(link->back.outage_count, 2);
    CU_ASSERT_EQUAL(link->there.route_count, 1);
    CU_ASSERT_EQUAL(link->back.route_count, 0);
    CU_ASSERT_EQUAL(link->back.reachable_ns, 1200 * NS_PER_S);
    CU_ASSERT_EQUAL(scenario.faults[0].until_ns, 2 * NS_PER_S);
    CU_ASSERT_DOUBLE_EQUAL(scenario.most[FIGURE_OFFSET_RMS], 10000, 0);
    CU_ASSERT_DOUBLE_EQUAL(scenario.most[FIGURE_OFFSET_MAX], 1e6, 0);
    CU_ASSERT_DOUBLE_EQUAL(scenario.most[FIGURE_RATE_RMS], 1000, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(scenario.least[FIGURE_CONTAINMENT], 99.5, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(scenario.most[FIGURE_TIME_TO_1_MS], 6, 0);
    CU_ASSERT_DOUBLE_EQUAL(scenario.most[FIGURE_VIOLATIONS], 3, 0);

    bool is_turned = false;
    CU_ASSERT_PTR_EQUAL(scenario_find_link(&scenario, "c", "a", &is_turned), &scenario.links[1]);
    CU_ASSERT_TRUE(is_turned);
    CU_ASSERT_PTR_EQUAL(scenario_find_link(&scenario, "c", "b", &is_turned), &scenario.links[0]);
    CU_ASSERT_FALSE(is_turned);
    CU_ASSERT_PTR_NULL(scenario_find_link(&scenario, "a", "b", &is_turned));
}

static void test_chimed(void)
{
    CU_ASSERT_TRUE_FATAL(
        parse("[scenario]\nbroken-from = 1 h\nleap = delete\n[node s]\nkind = server\ncount = 5\n"
              "[node c]\nkind = chimed\nask = s\npool = s\npeer = c\nring = yes\npoll-min = 16 s\n"
              "poll-max = 1024 s\niburst = no\ninterleaved = yes\ncontrol = shadow\nfaults = 1\n"
              "min-sources = 2\nmax-distance = 1 s\ndrift-class = strict\ndrift-start = 100 ppm\n"
              "local-stratum = 10\norphan = yes\nstep = 100 ms in 4\npanic = 10 s\nleap = smear\n"
              "names-from = 1 min\nsuspend-error = -1 s\nset = -5 s at 1 h\n"
              "command = accept at 2 h\ncommand = offline s.3 at 3 h\n"
              "[link * *]\ndelay = 1 ms\n"));
    const struct scenario_chimed *chimed = &scenario.nodes[1].chimed;
    CU_ASSERT_EQUAL(scenario.broken_from_ns, 3600 * NS_PER_S);
    CU_ASSERT_EQUAL(scenario.leap, -1);
    CU_ASSERT_EQUAL(chimed->pool.count, 1);
    CU_ASSERT_STRING_EQUAL(chimed->peer.names[0], "c");
    CU_ASSERT_TRUE(chimed->is_ring && chimed->is_interleaved && chimed->is_shadow);
    CU_ASSERT_FALSE(chimed->is_iburst);
    CU_ASSERT_EQUAL(chimed->poll_min_ns, 16 * NS_PER_S);
    CU_ASSERT_EQUAL(chimed->poll_max_ns, 1024 * NS_PER_S);
    CU_ASSERT_EQUAL(chimed->sync.faults, 1);
    CU_ASSERT_EQUAL(chimed->sync.min_sources, 2);
    CU_ASSERT_EQUAL(chimed->sync.max_distance_ns, NS_PER_S);
    CU_ASSERT_EQUAL(chimed->sync.bound.drift_class, DRIFT_STRICT);
    CU_ASSERT_EQUAL(chimed->sync.bound.drift_start_ppm, 100);
    CU_ASSERT_EQUAL(chimed->sync.local_stratum, 10);
    CU_ASSERT_TRUE(chimed->sync.is_orphan);
    CU_ASSERT_EQUAL(chimed->sync.discipline.step_ns, 100 * NS_PER_MS);
    CU_ASSERT_EQUAL(chimed->sync.discipline.step_updates, 4);
    CU_ASSERT_EQUAL(chimed->sync.discipline.panic_ns, 10 * NS_PER_S);
    CU_ASSERT_EQUAL(chimed->sync.leap, SYNC_LEAP_SMEAR);
    CU_ASSERT_EQUAL(chimed->names_from_ns, 60 * NS_PER_S);
    CU_ASSERT_EQUAL(chimed->suspend_error_ns, -NS_PER_S);
    CU_ASSERT_EQUAL(chimed->sets[0].by_ns, -5 * NS_PER_S);
    CU_ASSERT_EQUAL(chimed->command_count, 2);
    CU_ASSERT_EQUAL(chimed->commands[0].kind, COMMAND_ACCEPT);
    CU_ASSERT_STRING_EQUAL(chimed->commands[0].source, "");
    CU_ASSERT_EQUAL(chimed->commands[1].kind, COMMAND_OFFLINE);
    CU_ASSERT_STRING_EQUAL(chimed->commands[1].source, "s.3");
    CU_ASSERT_EQUAL(chimed->commands[1].at_ns, 3 * 3600 * NS_PER_S);

    CU_ASSERT_TRUE_FATAL(parse("[node c]\nkind = chimed\n"));
    CU_ASSERT_TRUE(scenario.nodes[0].chimed.is_iburst);
    CU_ASSERT_EQUAL(scenario.nodes[0].chimed.sync.faults, SYNC_FAULTS_AUTO);
    CU_ASSERT_EQUAL(scenario.broken_from_ns, INT64_MAX);
}

static void test_mistakes(void)
{
    static const char *const mistakes[][2] = {
        {"[scenario]\npole = 1 s\n", "x.ini:2: [scenario] pole: unknown key; did you mean 'poll'?"},
        {"[scenario]\npoll = 64\n",
         "x.ini:2: [scenario] poll: found '64'; accepted: a duration from 125 ms to 131072 s"},
        {"[scenario]\npoll = 64 s\n\npoll = 64 s\n", "x.ini:4: [scenario] poll: given before"},
        {"[scenario]\nduration = 10 s\nsettle = 10 s\n" WORLD, "must be shorter than duration"},
        {"[scenario]\nreference = z\n" WORLD, "[scenario] reference: no [node z]"},
        {"poll = 64 s\n", "x.ini:1: poll stands before the first section"},
        {"[scenario]\nnonsense\n", "x.ini:2: neither a section nor a key"},
        {"[nodes a]\nkind = server\n", "x.ini:1: [nodes a] is no section; accepted: [scenario]"},
        {"[node]\n", "x.ini:1: [node] is no section"},
        {"[node a\n", "x.ini:1: [node a is no section"},
        {"[node a]\n[node a]\n", "x.ini:2: [node a] is there already"},
        {"[node a]\n", "x.ini:1: [node a] has no kind; accepted: server, prober or chimed"},
        {"[node a]\nkind = clock\n",
         "x.ini:2: [node] kind: found 'clock'; accepted: server, prober or"},
        {"[node a]\nkind = prober\n", "x.ini:1: [node a] asks nobody"},
        {"[node a]\nkind = prober\nask = b\n", "[node a] ask: 'b' is no server"},
        {"[node b]\nkind = server\n[node a]\nkind = prober\nask = b\n",
         "x.ini:3: [node a] asks b, but no [link a b] joins them"},
        {"[node a]\nkind = chimed\npeer = b\n", "[node a] peer: 'b' is no chimed"},
        {"[node a]\nkind = chimed\npoll = 100 s\n", "[node a] poll of a chimed: a power of two"},
        {"[node a]\nkind = chimed\npoll-min = 128 s\n", "[node a] poll-min is more than poll-max"},
        {"[node a]\ndrift-class = loose\n", "x.ini:2: [node] drift-class: found 'loose'"},
        {"[node a]\ncommand = sleep at 1 h\n", "x.ini:2: [node] command: found 'sleep at 1 h'"},
        {WORLD "[link c z]\n", "x.ini:8: [link c z]: no [node z]"},
        {WORLD "[fault f]\nnode = c\nkind = silent\n", "x.ini:8: [fault f] needs a kind, and as"},
        {WORLD "[bounds]\noffset-rms = 1 us\n", "[bounds] offset-rms: unknown key; accepted: "},
        {WORLD "[bounds]\noffset-rms-max = 1\n", "[bounds] offset-rms-max: found '1'"},
        {WORLD "[node d]\nkind = server\ncount = 16000\n", "nodes; 1 to 16000 are accepted"},
        {"", "x.ini: 0 nodes"},
    };
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        CU_ASSERT_FALSE(parse(mistakes[i][0]));
        if (strstr(said, mistakes[i][1]) == NULL) {
            printf("%zu: %s", i, said);
            CU_FAIL("another complaint");
        }
    }
}

static void test_values(void)
{
    struct jitter jitter;
    static const char *const bad[] = {"",
                                      "exponential",
                                      "exponential 10",
                                      "exponential 10 us, 3",
                                      "gaussian 10 us",
                                      "gaussian 10 us, x",
                                      "lognormal 10 us, nan",
                                      "pareto 10 us, 10 %",
                                      "burst 10 us, 3, 10 s",
                                      "flat 10 us",
                                      "none 10 us",
                                      "exponential -1 us"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_FALSE(value_jitter(bad[i], &jitter));
    }
    CU_ASSERT_TRUE(value_jitter("gaussian 200 us,100 us", &jitter));
    CU_ASSERT_EQUAL(jitter.sd_ns, 100000);
    CU_ASSERT_TRUE(value_jitter("pareto 1 ms, 10 %, 1.5", &jitter));
    CU_ASSERT_DOUBLE_EQUAL(jitter.parameter, 0.1, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(jitter.exponent, 1.5, 0);
    CU_ASSERT_TRUE(value_jitter("burst 1 ms, 10, 600 s, 60 s", &jitter));
    CU_ASSERT_EQUAL(jitter.quiet_ns, 600 * NS_PER_S);
    CU_ASSERT_EQUAL(jitter.burst_ns, 60 * NS_PER_S);
    double number;
    CU_ASSERT_FALSE(value_number("0x10", 0, 100, &number));
    CU_ASSERT_FALSE(value_number("inf", 0, 100, &number));
    CU_ASSERT_FALSE(value_number("1e3", 0, 100, &number));
    CU_ASSERT_FALSE(value_share("101 %", &number));
    CU_ASSERT_FALSE(value_share("5", &number));
    CU_ASSERT_FALSE(value_share("5 % 3", &number));
    int64_t ns, at_ns;
    CU_ASSERT_FALSE(value_at("5 ms", 0, &ns, &at_ns));
    CU_ASSERT_FALSE(value_at("0 ms at 1 h", 1, &ns, &at_ns));
}

static const struct unit_case cases[] = {
    {"what is not given", test_defaults},
    {"every key", test_everything},
    {"the keys of a node that runs all of it", test_chimed},
    {"every mistake has its line and what is accepted", test_mistakes},
    {"values of several parts", test_values},
};
UNIT_MAIN("scenario", cases)
