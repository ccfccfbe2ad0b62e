/* SPDX-License-Identifier: MIT */
#include "tests/sim/scenario_chimed.h"
#include "tests/sim/scenario_value.h"
#include <string.h>

#define FAULTS_MAX 31

void scenario_chimed_defaults(struct scenario_chimed *chimed)
{
    *chimed = (struct scenario_chimed){.is_iburst = true, .sync = sync_options_default()};
}

bool scenario_chimed_groups(const char *value, struct scenario_groups *groups)
{
    groups->count = 0;
    for (const char *at = value; *at != '\0';) {
        size_t size = strcspn(at, " \t,");
        if (size >= SCENARIO_NAME_MAX || groups->count == PROBER_SERVERS_MAX) {
            return false;
        }
        memcpy(groups->names[groups->count], at, size);
        groups->names[groups->count++][size] = '\0';
        at += size;
        at += strspn(at, " \t,");
    }
    return groups->count > 0;
}

/* One function per key, by macros: a key is one line. */
#define TAKE(function, call)                                                                       \
    bool function(void *target, const char *value)                                                 \
    {                                                                                              \
        struct scenario_chimed *to = &((struct scenario_node *)target)->chimed;                    \
        return call;                                                                               \
    }

static bool take_poll(const char *value, int64_t *ns)
{
    int64_t taken;
    if (!value_duration(value, NS_PER_S / 8, NS_PER_S << SOURCE_POLL_MAX, &taken)) {
        return false;
    }
    for (int poll = SOURCE_POLL_MIN; poll <= SOURCE_POLL_MAX; poll++) {
        if (taken == timestamp_log2_to_ns((int8_t)poll)) {
            *ns = taken;
            return true;
        }
    }
    return false;
}

static bool take_unsigned(const char *value, int64_t minimum, int64_t maximum, unsigned *number)
{
    int64_t taken;
    if (!value_integer(value, (double)maximum, &taken) || taken < minimum) {
        return false;
    }
    *number = (unsigned)taken;
    return true;
}

static bool take_shadow(const char *value, bool *is_shadow)
{
    static const char *const words[] = {"system", "shadow", NULL};
    int choice;
    if (!value_choice(value, words, &choice)) {
        return false;
    }
    *is_shadow = choice != 0;
    return true;
}

static bool take_faults(const char *value, int *faults)
{
    unsigned number;
    if (strcmp(value, "auto") == 0) {
        *faults = SYNC_FAULTS_AUTO;
        return true;
    }
    if (!take_unsigned(value, 0, FAULTS_MAX, &number)) {
        return false;
    }
    *faults = (int)number;
    return true;
}

static bool take_drift_class(const char *value, enum drift_class *drift_class)
{
    for (int i = 0; i < DRIFT_CLASSES; i++) {
        if (strcmp(value, drift_class_name((enum drift_class)i)) == 0) {
            *drift_class = (enum drift_class)i;
            return true;
        }
    }
    return false;
}

static bool take_step(const char *value, struct discipline_options *discipline)
{
    char step[SCENARIO_WORD_MAX], updates[SCENARIO_WORD_MAX];
    return value_split(value, " in ", step, updates) &&
           value_duration(step, 0, YEAR_NS, &discipline->step_ns) &&
           take_unsigned(updates, 0, 1000, &discipline->step_updates);
}

static bool take_leap(const char *value, enum sync_leap *leap)
{
    static const char *const words[] = {"kernel", "smear", "ignore", NULL};
    _Static_assert(SYNC_LEAP_KERNEL == 0 && SYNC_LEAP_SMEAR == 1 && SYNC_LEAP_IGNORE == 2, "words");
    int choice;
    if (!value_choice(value, words, &choice)) {
        return false;
    }
    *leap = (enum sync_leap)choice;
    return true;
}

static bool take_set(const char *value, struct scenario_chimed *chimed)
{
    struct scenario_set *set = &chimed->sets[chimed->set_count];
    if (chimed->set_count == SCENARIO_COMMANDS_MAX ||
        !value_at(value, -YEAR_NS, &set->by_ns, &set->at_ns)) {
        return false;
    }
    chimed->set_count++;
    return true;
}

static bool take_command(const char *value, struct scenario_chimed *chimed)
{
    static const char *const words[] = {"accept",  "step",    "burst", "online",
                                        "offline", "refresh", NULL};
    _Static_assert(COMMAND_ACCEPT == 0 && COMMAND_STEP == 1 && COMMAND_BURST == 2 &&
                       COMMAND_ONLINE == 3 && COMMAND_OFFLINE == 4 && COMMAND_REFRESH == 5,
                   "words");
    char whole[SCENARIO_WORD_MAX], word[SCENARIO_WORD_MAX], source[SCENARIO_WORD_MAX] = "";
    char when[SCENARIO_WORD_MAX];
    struct scenario_command *command = &chimed->commands[chimed->command_count];
    if (chimed->command_count == SCENARIO_COMMANDS_MAX ||
        !value_split(value, " at ", whole, when) ||
        !value_duration(when, 0, YEAR_NS, &command->at_ns)) {
        return false;
    }
    const char *first = value_split(whole, " ", word, source) ? word : whole;
    if (!value_choice(first, words, &command->kind)) {
        return false;
    }
    memcpy(command->source, source, sizeof(source));
    chimed->command_count++;
    return true;
}
_Static_assert(SCENARIO_WORD_MAX <= EVENT_NAME_MAX, "a source's name");

TAKE(scenario_chimed_pool, scenario_chimed_groups(value, &to->pool))
TAKE(scenario_chimed_peer, scenario_chimed_groups(value, &to->peer))
TAKE(scenario_chimed_ring, value_yes(value, &to->is_ring))
TAKE(scenario_chimed_poll_min, take_poll(value, &to->poll_min_ns))
TAKE(scenario_chimed_poll_max, take_poll(value, &to->poll_max_ns))
TAKE(scenario_chimed_iburst, value_yes(value, &to->is_iburst))
TAKE(scenario_chimed_interleaved, value_yes(value, &to->is_interleaved))
TAKE(scenario_chimed_control, take_shadow(value, &to->is_shadow))
TAKE(scenario_chimed_faults, take_faults(value, &to->sync.faults))
TAKE(scenario_chimed_min_sources, take_unsigned(value, 1, 64, &to->sync.min_sources))
TAKE(scenario_chimed_max_distance, value_duration(value, 1, YEAR_NS, &to->sync.max_distance_ns))
TAKE(scenario_chimed_drift_class, take_drift_class(value, &to->sync.bound.drift_class))
TAKE(scenario_chimed_drift_start,
     value_rate(value, RATE_MAX_PPM, &to->sync.bound.drift_start_ppm) &&
         to->sync.bound.drift_start_ppm > 0)
TAKE(scenario_chimed_local_stratum, take_unsigned(value, 1, 15, &to->sync.local_stratum))
TAKE(scenario_chimed_orphan, value_yes(value, &to->sync.is_orphan))
TAKE(scenario_chimed_step, take_step(value, &to->sync.discipline))
TAKE(scenario_chimed_void_after, value_duration(value, 0, YEAR_NS, &to->sync.void_after_ns))
TAKE(scenario_chimed_panic, value_duration(value, 0, YEAR_NS, &to->sync.discipline.panic_ns))
TAKE(scenario_chimed_leap, take_leap(value, &to->sync.leap))
TAKE(scenario_chimed_names_from, value_duration(value, 0, YEAR_NS, &to->names_from_ns))
TAKE(scenario_chimed_suspend_error, value_duration(value, -YEAR_NS, YEAR_NS, &to->suspend_error_ns))
TAKE(scenario_chimed_set, take_set(value, to))
TAKE(scenario_chimed_command, take_command(value, to))
