/* SPDX-License-Identifier: MIT */
#include "tests/sim/scenario_schema.h"
#include "tests/sim/scenario_chimed.h"
#include "tests/sim/scenario_mesh.h"
#include "tests/sim/scenario_value.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define UNGIVEN_NS INT64_MIN
#define UNGIVEN_SHARE (-1.0)
/* 2026-01-01 00:00:00 UTC */
#define START_DEFAULT_NS (INT64_C(1767225600) * NS_PER_S)

const char *const scenario_filters[] = {"bank", "ntp", "regression", "none", NULL};
_Static_assert(FILTER_BANK == 0 && FILTER_NTP == 1 && FILTER_REGRESSION == 2 && FILTER_KINDS == 3,
               "in the order of scenario_filters");

static const char duration_text[] = "a duration from 0 to a year, such as \"20 ms\" or \"64 s\"";
static const char rate_text[] = "a rate such as \"50 ppm\" or \"20 ppb\"";
static const char share_text[] = "a share such as \"5 %\"";
static const char straggling_text[] = "a share and a duration, such as \"5 %, 50 ms\"";
static const char route_text[] = "a delay and when it begins, such as \"20 ms at 1 h\"";
static const char jitter_text[] =
    "none, exponential MEAN, gaussian MEAN, SD, lognormal MEDIAN, SIGMA, pareto MEAN, SHARE, "
    "EXPONENT or burst MEAN, FACTOR, QUIET, BURST, such as \"exponential 10 us\"";
static const char filter_text[] = "bank, ntp, regression or none";

/* One function per key, by macros: a key is one line. */
#define TAKE(function, type, call)                                                                 \
    static bool function(void *target, const char *value)                                          \
    {                                                                                              \
        type *to = target;                                                                         \
        return call;                                                                               \
    }

TAKE(take_name, struct scenario, value_name(value, SCENARIO_NAME_MAX, to->name))
TAKE(take_duration, struct scenario, value_duration(value, NS_PER_S, YEAR_NS, &to->duration_ns))
TAKE(take_settle, struct scenario, value_duration(value, 0, YEAR_NS, &to->settle_ns))
TAKE(take_recover, struct scenario, value_duration(value, 0, YEAR_NS, &to->recover_ns))
TAKE(take_sample, struct scenario, value_duration(value, NS_PER_MS, YEAR_NS, &to->sample_ns))
TAKE(take_poll, struct scenario,
     value_duration(value, NS_PER_S / 8, (NS_PER_S << 17), &to->poll_ns))
TAKE(take_filter, struct scenario, value_choice(value, scenario_filters, &to->filter))
TAKE(take_reference, struct scenario, value_name(value, SCENARIO_NAME_MAX, to->reference))
TAKE(take_broken_from, struct scenario, value_duration(value, 0, YEAR_NS, &to->broken_from_ns))

static bool take_leap(void *target, const char *value)
{
    static const char *const words[] = {"delete", "none", "insert", NULL};
    int choice;
    if (!value_choice(value, words, &choice)) {
        return false;
    }
    ((struct scenario *)target)->leap = choice - 1;
    return true;
}

static bool take_start(void *target, const char *value)
{
    struct scenario *scenario = target;
    double seconds;
    if (!value_number(value, 0, 8e9, &seconds)) {
        return false;
    }
    scenario->start_ns = (int64_t)seconds * NS_PER_S;
    return true;
}

static bool take_kind(void *target, const char *value)
{
    static const char *const kinds[] = {"server", "prober", "chimed", NULL};
    return value_choice(value, kinds, &((struct scenario_node *)target)->kind);
}

static bool take_count(void *target, const char *value)
{
    struct scenario_node *node = target;
    return value_integer(value, SCENARIO_NODES_MAX, &node->count) && node->count > 0;
}

static bool take_stratum(void *target, const char *value)
{
    struct scenario_node *node = target;
    return value_integer(value, 15, &node->stratum) && node->stratum > 0;
}

static bool take_rate(void *target, const char *value)
{
    return value_rate(value, RATE_MAX_PPM, &((struct scenario_node *)target)->oscillator.rate_ppm);
}

static bool take_sine(void *target, const char *value)
{
    struct oscillator_options *to = &((struct scenario_node *)target)->oscillator;
    char swing[SCENARIO_WORD_MAX], period[SCENARIO_WORD_MAX];
    return value_split(value, ",", swing, period) &&
           value_rate(swing, RATE_MAX_PPM, &to->sine_ppm) &&
           value_duration(period, 2 * NS_PER_S, YEAR_NS, &to->sine_period_ns);
}

static bool take_jump(void *target, const char *value)
{
    struct oscillator_options *to = &((struct scenario_node *)target)->oscillator;
    char ppm[SCENARIO_WORD_MAX], at[SCENARIO_WORD_MAX];
    struct oscillator_jump jump;
    if (to->jump_count == OSCILLATOR_CHANGES_MAX || !value_split(value, " at ", ppm, at) ||
        !value_rate(ppm, RATE_MAX_PPM, &jump.ppm) || !value_duration(at, 0, YEAR_NS, &jump.at_ns)) {
        return false;
    }
    to->jumps[to->jump_count++] = jump;
    return true;
}

static bool take_suspend(void *target, const char *value)
{
    struct oscillator_options *to = &((struct scenario_node *)target)->oscillator;
    struct oscillator_suspend suspend;
    if (to->suspend_count == OSCILLATOR_CHANGES_MAX ||
        !value_at(value, 1, &suspend.duration_ns, &suspend.at_ns)) {
        return false;
    }
    const struct oscillator_suspend *last = &to->suspends[to->suspend_count];
    if (to->suspend_count > 0 && suspend.at_ns < last[-1].at_ns + last[-1].duration_ns) {
        return false;
    }
    to->suspends[to->suspend_count++] = suspend;
    return true;
}

TAKE(take_ask, struct scenario_node, scenario_chimed_groups(value, &to->ask))
TAKE(take_rate_spread, struct scenario_node, value_rate(value, RATE_MAX_PPM, &to->rate_spread_ppm))
TAKE(take_offset, struct scenario_node, value_duration(value, -YEAR_NS, YEAR_NS, &to->offset_ns))
TAKE(take_offset_spread, struct scenario_node,
     value_duration(value, 0, YEAR_NS, &to->offset_spread_ns))
TAKE(take_wander, struct scenario_node, value_number(value, 0, 1e-3, &to->oscillator.wander))
TAKE(take_precision, struct scenario_node,
     value_duration(value, 1, NS_PER_S / 64, &to->precision_ns))
TAKE(take_node_filter, struct scenario_node, value_choice(value, scenario_filters, &to->filter))
TAKE(take_node_poll, struct scenario_node,
     value_duration(value, NS_PER_S / 8, (NS_PER_S << 17), &to->poll_ns))

static bool take_burst(void *target, const char *value)
{
    return value_integer(value, 100, &((struct scenario_node *)target)->burst);
}

TAKE(take_steer, struct scenario_node, value_yes(value, &to->is_steering))

static bool take_noise(void *target, const char *value)
{
    int64_t ns;
    if (!value_duration(value, 0, NS_PER_MS, &ns)) {
        return false;
    }
    ((struct scenario_node *)target)->oscillator.noise_ns = (double)ns;
    return true;
}

TAKE(take_delay, struct scenario_link, value_duration(value, 0, YEAR_NS, &to->there.delay_ns))
TAKE(take_delay_back, struct scenario_link, value_duration(value, 0, YEAR_NS, &to->back.delay_ns))
TAKE(take_jitter, struct scenario_link, value_jitter(value, &to->there.jitter))
TAKE(take_jitter_back, struct scenario_link, value_jitter(value, &to->back.jitter))
TAKE(take_loss, struct scenario_link, value_share(value, &to->there.loss))
TAKE(take_loss_back, struct scenario_link, value_share(value, &to->back.loss))
TAKE(take_duplication, struct scenario_link, value_share(value, &to->there.duplication))
TAKE(take_spike, struct scenario_link, value_straggling(value, &to->there.spike))
TAKE(take_reorder, struct scenario_link, value_straggling(value, &to->there.reorder))

TAKE(take_in_order, struct scenario_link, value_yes(value, &to->there.in_order))

static bool take_reachable(void *target, const char *value)
{
    struct path_options *to = &((struct scenario_link *)target)->there;
    char part[SCENARIO_WORD_MAX], period[SCENARIO_WORD_MAX];
    return value_split(value, " of every ", part, period) &&
           value_duration(period, 1, YEAR_NS, &to->period_ns) &&
           value_duration(part, 1, to->period_ns, &to->reachable_ns);
}

static bool take_outage(void *target, const char *value)
{
    struct path_options *to = &((struct scenario_link *)target)->there;
    struct outage *outage = &to->outages[to->outage_count];
    if (to->outage_count == NETWORK_CHANGES_MAX ||
        !value_at(value, 1, &outage->duration_ns, &outage->at_ns)) {
        return false;
    }
    to->outage_count++;
    return true;
}

static bool append_route(struct path_options *to, const char *value)
{
    struct route_change *route = &to->routes[to->route_count];
    if (to->route_count == NETWORK_CHANGES_MAX ||
        !value_at(value, 0, &route->delay_ns, &route->at_ns)) {
        return false;
    }
    to->route_count++;
    return true;
}

TAKE(take_route, struct scenario_link, append_route(&to->there, value))
TAKE(take_route_back, struct scenario_link, append_route(&to->back, value))

static bool take_fault_kind(void *target, const char *value)
{
    static const char *const kinds[] = {
        "offset", "ramp",      "stuck",      "two-faced", "leap",   "silent", "just-inside", "late",
        "wide",   "colluding", "equivocate", "forge",     "replay", "hlc",    NULL};
    _Static_assert(sizeof(kinds) / sizeof(kinds[0]) == FAULT_KINDS + 1, "a word for each");
    return value_choice(value, kinds, &((struct scenario_fault *)target)->kind);
}

TAKE(take_fault_node, struct scenario_fault, value_name(value, SCENARIO_NAME_MAX, to->node))
TAKE(take_from, struct scenario_fault, value_duration(value, 0, YEAR_NS, &to->from_ns))
TAKE(take_until, struct scenario_fault, value_duration(value, 0, YEAR_NS, &to->until_ns))
TAKE(take_fault_offset, struct scenario_fault,
     value_duration(value, -YEAR_NS, YEAR_NS, &to->offset_ns))
TAKE(take_fault_rate, struct scenario_fault, value_rate(value, RATE_MAX_PPM, &to->rate_ppm))

const struct scenario_key scenario_keys[] = {
    {SECTION_SCENARIO, "name", "a word", take_name, false},
    {SECTION_SCENARIO, "duration", "a duration from 1 s to a year", take_duration, false},
    {SECTION_SCENARIO, "settle", duration_text, take_settle, false},
    {SECTION_SCENARIO, "recover", duration_text, take_recover, false},
    {SECTION_SCENARIO, "sample", "a duration from 1 ms on, such as \"1 s\"", take_sample, false},
    {SECTION_SCENARIO, "start", "seconds since 1970, up to 8e9", take_start, false},
    {SECTION_SCENARIO, "poll", "a duration from 125 ms to 131072 s", take_poll, false},
    {SECTION_SCENARIO, "filter", filter_text, take_filter, false},
    {SECTION_SCENARIO, "reference", "the name of a node", take_reference, false},
    {SECTION_SCENARIO, "broken-from", duration_text, take_broken_from, false},
    {SECTION_SCENARIO, "leap", "none, insert or delete", take_leap, false},
    {SECTION_NODE, "kind", "server, prober or chimed", take_kind, false},
    {SECTION_NODE, "count", "1 to 16000", take_count, false},
    {SECTION_NODE, "stratum", "1 to 15", take_stratum, false},
    {SECTION_NODE, "precision", "a duration from 1 ns to 15 ms", take_precision, false},
    {SECTION_NODE, "rate", rate_text, take_rate, false},
    {SECTION_NODE, "rate-spread", rate_text, take_rate_spread, false},
    {SECTION_NODE, "offset", "a duration such as \"-10 ms\"", take_offset, false},
    {SECTION_NODE, "offset-spread", duration_text, take_offset_spread, false},
    {SECTION_NODE, "wander", "a number from 0 to 1e-3, such as 1e-9", take_wander, false},
    {SECTION_NODE, "noise", "a duration up to 1 ms", take_noise, false},
    {SECTION_NODE, "sine", "a swing and a period, such as \"1 ppm, 3600 s\"", take_sine, false},
    {SECTION_NODE, "jump", "a rate and when, such as \"5 ppm at 10 h\"", take_jump, true},
    {SECTION_NODE, "suspend", "how long and when, such as \"10 min at 1 h\", in order",
     take_suspend, true},
    {SECTION_NODE, "ask", "1 to 16 names of nodes", take_ask, false},
    {SECTION_NODE, "filter", filter_text, take_node_filter, false},
    {SECTION_NODE, "poll", "a duration from 125 ms to 131072 s", take_node_poll, false},
    {SECTION_NODE, "burst", "0 to 100", take_burst, false},
    {SECTION_NODE, "steer", "yes or no", take_steer, false},
    {SECTION_NODE, "pool", "1 to 16 names of nodes", scenario_chimed_pool, false},
    {SECTION_NODE, "peer", "1 to 16 names of nodes", scenario_chimed_peer, false},
    {SECTION_NODE, "ring", "yes or no", scenario_chimed_ring, false},
    {SECTION_NODE, "poll-min", "a power of two from 125 ms to 131072 s", scenario_chimed_poll_min,
     false},
    {SECTION_NODE, "poll-max", "a power of two from 125 ms to 131072 s", scenario_chimed_poll_max,
     false},
    {SECTION_NODE, "iburst", "yes or no", scenario_chimed_iburst, false},
    {SECTION_NODE, "interleaved", "yes or no", scenario_chimed_interleaved, false},
    {SECTION_NODE, "control", "system or shadow", scenario_chimed_control, false},
    {SECTION_NODE, "faults", "auto, or 0 to 31", scenario_chimed_faults, false},
    {SECTION_NODE, "mesh", "yes or no", scenario_mesh_member, false},
    {SECTION_NODE, "view", "4 to 16", scenario_mesh_view, false},
    {SECTION_NODE, "algorithm", "agreement or berkeley", scenario_mesh_algorithm, false},
    {SECTION_NODE, "domain", "a word", scenario_mesh_domain, false},
    {SECTION_NODE, "ask-count", "how many of the group have its sources", scenario_mesh_ask_count,
     false},
    {SECTION_NODE, "ask-share", share_text, scenario_mesh_ask_share, false},
    {SECTION_NODE, "restart", "how long and when, such as \"10 s at 1 h\"", scenario_mesh_restart,
     true},
    {SECTION_NODE, "min-sources", "1 to 64", scenario_chimed_min_sources, false},
    {SECTION_NODE, "max-distance", duration_text, scenario_chimed_max_distance, false},
    {SECTION_NODE, "drift-class", "a class that chimed.conf(5) names", scenario_chimed_drift_class,
     false},
    {SECTION_NODE, "drift-start", rate_text, scenario_chimed_drift_start, false},
    {SECTION_NODE, "local-stratum", "1 to 15", scenario_chimed_local_stratum, false},
    {SECTION_NODE, "orphan", "yes or no", scenario_chimed_orphan, false},
    {SECTION_NODE, "step", "a duration and in how many updates, such as \"1 s in 3\"",
     scenario_chimed_step, false},
    {SECTION_NODE, "void-after", duration_text, scenario_chimed_void_after, false},
    {SECTION_NODE, "panic", duration_text, scenario_chimed_panic, false},
    {SECTION_NODE, "leap", "kernel, smear or ignore", scenario_chimed_leap, false},
    {SECTION_NODE, "names-from", duration_text, scenario_chimed_names_from, false},
    {SECTION_NODE, "suspend-error", "a duration such as \"-200 ms\"", scenario_chimed_suspend_error,
     false},
    {SECTION_NODE, "set", "by how much and when, such as \"-5 s at 1 h\"", scenario_chimed_set,
     true},
    {SECTION_NODE, "command",
     "accept, step, burst, online, offline or refresh, and when, such as \"burst at 1 h\"",
     scenario_chimed_command, true},
    {SECTION_LINK, "delay", duration_text, take_delay, false},
    {SECTION_LINK, "delay-back", duration_text, take_delay_back, false},
    {SECTION_LINK, "jitter", jitter_text, take_jitter, false},
    {SECTION_LINK, "jitter-back", jitter_text, take_jitter_back, false},
    {SECTION_LINK, "loss", share_text, take_loss, false},
    {SECTION_LINK, "loss-back", share_text, take_loss_back, false},
    {SECTION_LINK, "duplication", share_text, take_duplication, false},
    {SECTION_LINK, "spike", straggling_text, take_spike, false},
    {SECTION_LINK, "reorder", straggling_text, take_reorder, false},
    {SECTION_LINK, "in-order", "yes or no", take_in_order, false},
    {SECTION_LINK, "reachable", "a part of a period, such as \"1200 s of every 7200 s\"",
     take_reachable, false},
    {SECTION_LINK, "outage", "how long and when, such as \"10 min at 1 h\"", take_outage, true},
    {SECTION_LINK, "route", route_text, take_route, true},
    {SECTION_LINK, "route-back", route_text, take_route_back, true},
    {SECTION_FAULT, "node", "the name of a server or of members", take_fault_node, false},
    {SECTION_FAULT, "kind",
     "offset, ramp, stuck, two-faced, leap or silent; of members offset, ramp, two-faced, silent, "
     "just-inside, late, wide, colluding, equivocate, forge, replay or hlc",
     take_fault_kind, false},
    {SECTION_FAULT, "from", duration_text, take_from, false},
    {SECTION_FAULT, "until", duration_text, take_until, false},
    {SECTION_FAULT, "offset", "a duration such as \"-50 ms\"", take_fault_offset, false},
    {SECTION_FAULT, "rate", rate_text, take_fault_rate, false},
    {SECTION_MESH, "signatures", "ed25519 or stand-in", scenario_mesh_signatures, false},
    {SECTION_MESH, "poll", "a power of two from 1 s to 1024 s", scenario_mesh_poll, false},
    {SECTION_MESH, "max-offset", "a duration up to 1 h", scenario_mesh_max_offset, false},
    {SECTION_MESH, "known", "16 to 255", scenario_mesh_known, false},
    {SECTION_MESH, "ring-delay", "a duration up to 1 s", scenario_mesh_ring_delay, false},
    {SECTION_ATTACK, "kind", "replay, redirect, reflect, strip, flip or garbage",
     scenario_mesh_attack_kind, false},
    {SECTION_ATTACK, "from", duration_text, scenario_mesh_attack_from, false},
    {SECTION_ATTACK, "until", duration_text, scenario_mesh_attack_until, false},
    {SECTION_ATTACK, "share", share_text, scenario_mesh_attack_share, false},
};
const size_t scenario_keys_count = sizeof(scenario_keys) / sizeof(scenario_keys[0]);
_Static_assert(sizeof(scenario_keys) / sizeof(scenario_keys[0]) <= SCENARIO_KEYS_MAX, "its room");

void scenario_set_defaults(struct scenario *scenario)
{
    memset(scenario, 0, sizeof(*scenario));
    scenario->duration_ns = 10000 * NS_PER_S;
    scenario->sample_ns = NS_PER_S;
    scenario->start_ns = START_DEFAULT_NS;
    scenario->poll_ns = 64 * NS_PER_S;
    scenario->filter = FILTER_BANK;
    scenario->broken_from_ns = INT64_MAX;
    scenario_mesh_defaults(&scenario->mesh);
    for (size_t i = 0; i < FIGURES; i++) {
        scenario->most[i] = NAN;
        scenario->least[i] = NAN;
    }
    scenario->most[FIGURE_VIOLATIONS] = 0;
}

void scenario_node_defaults(struct scenario_node *node)
{
    *node = (struct scenario_node){
        .kind = -1, .count = 1, .precision_ns = 100, .stratum = 1, .filter = -1};
    scenario_chimed_defaults(&node->chimed);
    scenario_member_defaults(&node->chimed.member);
}

void scenario_link_defaults(struct scenario_link *link)
{
    *link = (struct scenario_link){.back = {.delay_ns = UNGIVEN_NS, .loss = UNGIVEN_SHARE}};
    link->back.jitter.scale_ns = UNGIVEN_NS;
}

void scenario_link_finish(struct scenario_link *link)
{
    struct path_options back = link->back;
    link->back = link->there;
    if (back.delay_ns != UNGIVEN_NS) {
        link->back.delay_ns = back.delay_ns;
    }
    if (back.jitter.scale_ns != UNGIVEN_NS) {
        link->back.jitter = back.jitter;
    }
    if (back.loss != UNGIVEN_SHARE) {
        link->back.loss = back.loss;
    }
    /* A route changes in the directions that say so; "route" alone is the way there only. */
    link->back.route_count = back.route_count;
    memcpy(link->back.routes, back.routes, sizeof(back.routes));
}

void scenario_fault_defaults(struct scenario_fault *fault)
{
    *fault = (struct scenario_fault){.kind = -1, .until_ns = INT64_MAX};
}

static bool take_limit(enum figure_unit unit, const char *value, double *limit)
{
    int64_t ns;
    switch (unit) {
    case UNIT_NS:
    case UNIT_S:
        if (!value_duration(value, 0, YEAR_NS, &ns)) {
            return false;
        }
        *limit = unit == UNIT_NS ? (double)ns : (double)ns / 1e9;
        return true;
    case UNIT_PPB:
        if (!value_rate(value, RATE_MAX_PPM, limit)) {
            return false;
        }
        *limit *= 1000;
        return true;
    case UNIT_PERCENT:
        if (!value_share(value, limit)) {
            return false;
        }
        *limit *= 100;
        return true;
    case UNIT_COUNT:
        break;
    }
    return value_number(value, 0, 1e15, limit);
}

bool scenario_take_bound(struct scenario *scenario, const char *name, const char *value,
                         bool *is_read)
{
    for (size_t i = 0; i < FIGURES; i++) {
        size_t size = strlen(figure_infos[i].name);
        if (strncmp(name, figure_infos[i].name, size) != 0) {
            continue;
        }
        if (strcmp(name + size, "-max") == 0) {
            *is_read = take_limit(figure_infos[i].unit, value, &scenario->most[i]);
            return true;
        }
        if (strcmp(name + size, "-min") == 0) {
            *is_read = take_limit(figure_infos[i].unit, value, &scenario->least[i]);
            return true;
        }
    }
    return false;
}
