/* SPDX-License-Identifier: MIT */
/* The keys of [clock]. */
#include "common/config/config_reading.h"
#include <string.h>

#define HOURS_NS (3600 * NS_PER_S)
#define VIRTUAL_OFFSET_NS_MAX (1000000 * HOURS_NS)
#define VIRTUAL_RATE_PPM_MAX 100000.0
#define VIRTUAL_WANDER_PPM_MAX 1000.0
#define STEP_NS_MIN NS_PER_US
#define OFFSET_NS_MAX (1000000 * HOURS_NS)
#define STEP_UPDATES_MAX 1000
#define PANIC_NS_MIN NS_PER_MS
#define SLEW_PPM_MAX 100000.0 /* the kernel's ticks go no further */
#define DRIFT_START_PPM_MAX 10000.0
#define LEAP_WINDOW_NS_MIN (1000 * NS_PER_S)
#define LEAP_WINDOW_NS_MAX (48 * HOURS_NS)

static enum config_verdict take_control(struct config_draft *draft, const char *item)
{
    static const char *const words[] = {"auto", "system", "shadow", "virtual", NULL};
    /* A misspelt word counts as virtual here, so that the keys for it draw no complaint besides. */
    int choice = CONTROL_VIRTUAL;
    enum config_verdict verdict = config_take_choice(item, words, &choice);
    draft->config.clock.control = (enum config_control)choice;
    return verdict;
}

static enum config_verdict take_virtual_offset(struct config_draft *draft, const char *item)
{
    return config_take_duration(item, -VIRTUAL_OFFSET_NS_MAX, VIRTUAL_OFFSET_NS_MAX,
                                &draft->config.clock.virtual_offset_ns);
}

static enum config_verdict take_virtual_rate(struct config_draft *draft, const char *item)
{
    return config_take_rate(item, -VIRTUAL_RATE_PPM_MAX, VIRTUAL_RATE_PPM_MAX,
                            &draft->config.clock.virtual_rate_ppm);
}

static enum config_verdict take_virtual_wander(struct config_draft *draft, const char *item)
{
    double ppm = 0;
    enum config_verdict verdict = config_take_rate(item, 0, VIRTUAL_WANDER_PPM_MAX, &ppm);
    draft->config.clock.virtual_wander_ppb = ppm * 1000;
    return verdict;
}

static enum config_verdict take_state_dir(struct config_draft *draft, const char *item)
{
    return config_take_path(item, CONFIG_PATH_MAX, draft->config.clock.state_dir);
}

static enum config_verdict take_step(struct config_draft *draft, const char *item)
{
    return config_take_duration_or_off(item, STEP_NS_MIN, OFFSET_NS_MAX,
                                       &draft->config.clock.step_ns);
}

static enum config_verdict take_step_updates(struct config_draft *draft, const char *item)
{
    int64_t updates = 0;
    enum config_verdict verdict = config_take_integer(item, 0, STEP_UPDATES_MAX, &updates);
    draft->config.clock.step_updates = (unsigned)updates;
    return verdict;
}

static enum config_verdict take_panic(struct config_draft *draft, const char *item)
{
    return config_take_duration_or_off(item, PANIC_NS_MIN, OFFSET_NS_MAX,
                                       &draft->config.clock.panic_ns);
}

static enum config_verdict take_slew_max(struct config_draft *draft, const char *item)
{
    return config_take_rate(item, 1, SLEW_PPM_MAX, &draft->config.clock.slew_max_ppm);
}

static enum config_verdict take_drift_class(struct config_draft *draft, const char *item)
{
    static const char *const words[] = {"normal", "strict", "learned", NULL};
    int choice = 0;
    enum config_verdict verdict = config_take_choice(item, words, &choice);
    draft->config.clock.drift_class = (enum config_drift)choice;
    return verdict;
}

static enum config_verdict take_drift_start(struct config_draft *draft, const char *item)
{
    return config_take_rate(item, 1, DRIFT_START_PPM_MAX, &draft->config.clock.drift_start_ppm);
}

static enum config_verdict take_leap(struct config_draft *draft, const char *item)
{
    static const char *const words[] = {"kernel", "smear", "ignore", NULL};
    int choice = 0;
    enum config_verdict verdict = config_take_choice(item, words, &choice);
    draft->config.clock.leap = (enum config_leap)choice;
    return verdict;
}

static enum config_verdict take_leap_window(struct config_draft *draft, const char *item)
{
    return config_take_duration(item, LEAP_WINDOW_NS_MIN, LEAP_WINDOW_NS_MAX,
                                &draft->config.clock.leap_window_ns);
}

static enum config_verdict take_leap_list(struct config_draft *draft, const char *item)
{
    if (strcmp(item, "off") == 0) {
        draft->config.clock.leap_list[0] = '\0';
        return CONFIG_TAKEN;
    }
    return config_take_path(item, CONFIG_PATH_MAX, draft->config.clock.leap_list);
}

static enum config_verdict take_hardware_timestamps(struct config_draft *draft, const char *item)
{
    static const char *const words[] = {"off", "auto", NULL};
    int choice = 0;
    enum config_verdict verdict = config_take_choice(item, words, &choice);
    draft->config.clock.hardware_timestamps = choice == 1;
    return verdict;
}

static const struct config_key clock_keys[] = {
    {.name = "control", .accepted = "auto, system, shadow or virtual", .take = take_control},
    {.name = "virtual-offset",
     .accepted = "a duration with its unit such as 80 ms or -1.5 s, up to 1000000 h either way",
     .take = take_virtual_offset,
     .is_virtual = true},
    {.name = "virtual-rate",
     .accepted = "a rate with its unit such as 20 ppm or -500 ppb, up to 100000 ppm either way",
     .take = take_virtual_rate,
     .is_virtual = true},
    {.name = "virtual-wander",
     .accepted = "a rate with its unit such as 1 ppb, up to 1000 ppm, not negative",
     .take = take_virtual_wander,
     .is_virtual = true},
    {.name = "state-dir",
     .accepted = "the absolute path of a folder, such as /var/lib/chimed",
     .take = take_state_dir},
    {.name = "step",
     .accepted = "off, or a duration with its unit, from 1 us to 1000000 h",
     .take = take_step},
    {.name = "step-updates", .accepted = "a number from 0 to 1000", .take = take_step_updates},
    {.name = "panic",
     .accepted = "off, or a duration with its unit, from 1 ms to 1000000 h",
     .take = take_panic},
    {.name = "slew-max",
     .accepted = "a rate with its unit, from 1 ppm to 100000 ppm",
     .take = take_slew_max},
    {.name = "drift-class", .accepted = "normal, strict or learned", .take = take_drift_class},
    {.name = "drift-start",
     .accepted = "a rate with its unit, from 1 ppm to 10000 ppm",
     .take = take_drift_start},
    {.name = "leap", .accepted = "kernel, smear or ignore", .take = take_leap},
    {.name = "leap-window",
     .accepted = "a duration with its unit, from 1000 s to 48 h",
     .take = take_leap_window},
    {.name = "leap-list",
     .accepted = "off, or an absolute path such as " CONFIG_LEAP_LIST_DEFAULT,
     .take = take_leap_list},
    {.name = "hardware-timestamps", .accepted = "auto or off", .take = take_hardware_timestamps},
};
_Static_assert(sizeof clock_keys / sizeof clock_keys[0] <= CONFIG_KEYS_MAX, "too many keys");

const struct config_section config_section_clock = {
    .name = "clock", .keys = clock_keys, .count = sizeof clock_keys / sizeof clock_keys[0]};
