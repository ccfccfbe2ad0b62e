/* SPDX-License-Identifier: MIT */
#include "client/cli/doctor.h"
#include "client/cli/status_report.h"
#include "common/base/instant.h"
#include <math.h>
#include <string.h>

/* An interval that is wider than this either way is of little use to anybody. */
#define BOUND_WIDE_NS (100 * NS_PER_MS)
/* What the kernel's frequency may differ from what chimed says it set: rounding, and a slew that
 * goes on between two looks. */
#define FREQUENCY_NEAR_PPM 1.0

static void examine_bound(struct doctor *doctor, const json_t *status)
{
    const json_t *assumptions = answer_part(status, "assumptions");
    char half[QUANTITY_TEXT_MAX];
    char faults[QUANTITY_TEXT_MAX];
    char drift[QUANTITY_TEXT_MAX];
    char class[ANSWER_TEXT_MAX];
    int64_t earliest_ns;
    int64_t latest_ns;
    if (!status_report_interval(status, &earliest_ns, &latest_ns)) {
        doctor_add(doctor, "bound", DOCTOR_FAIL, "no error is vouched for: UTC is not known");
        doctor_next(doctor, "chime sources");
        return;
    }
    int64_t half_ns = latest_ns / 2 - earliest_ns / 2;
    doctor_add(doctor, "bound", half_ns > BOUND_WIDE_NS ? DOCTOR_WARN : DOCTOR_OK,
               "UTC is known to +/- %s, while at most %s of the sources lie or are silent, and the "
               "clock drifts by at most %s (class %s)",
               quantity_format_duration(half_ns, false, half),
               answer_count(assumptions, "faults", faults),
               answer_rate(assumptions, "drift_ppm", false, drift),
               answer_text(assumptions, "drift_class", class));
    if (half_ns > BOUND_WIDE_NS) {
        doctor_next(doctor, "chime sources -v; a nearer source helps");
    }
}

static void examine_control(struct doctor *doctor, const json_t *status)
{
    const json_t *clock = answer_part(status, "clock");
    char frequency[QUANTITY_TEXT_MAX];
    if (answer_is(clock, "control", "virtual")) {
        doctor_add(doctor, "steering", DOCTOR_WARN,
                   "the clock is a virtual one with a fault built in: for trials only");
        doctor_next(doctor, "set 'control = auto' in [clock] of chimed.conf");
    } else if (answer_is_true(clock, "shadow")) {
        doctor_add(doctor, "steering", DOCTOR_WARN,
                   "chimed serves the right time from a shadow clock, but leaves this machine's "
                   "own alone ('control = shadow', or it lacks CAP_SYS_TIME, or another program "
                   "steers that)");
        doctor_next(doctor, "set 'control = system', and give it CAP_SYS_TIME, if it should");
    } else if (!answer_is_true(clock, "steering")) {
        doctor_add(doctor, "steering", DOCTOR_WARN, "the clock is not steered; 'state' says why");
    } else {
        doctor_add(doctor, "steering", DOCTOR_OK, "the system's clock is steered, frequency %s",
                   answer_rate(clock, "frequency_ppm", true, frequency));
    }
}

/* Whether chimed steers the clock that the kernel keeps. */
static bool is_system(const json_t *status)
{
    const json_t *clock = answer_part(status, "clock");
    return !answer_is_true(clock, "shadow") && answer_is(clock, "control", "system") &&
           answer_is_true(clock, "steering");
}

static double distance(const json_t *status, double kernel_ppm)
{
    double ppm;
    bool is_known = answer_number(answer_part(status, "clock"), "frequency_ppm", &ppm);
    return is_known ? fabs(ppm - kernel_ppm) : 0;
}

static void examine_rivals(struct doctor *doctor, const struct doctor_facts *facts)
{
    bool is_ours = is_system(facts->status);
    for (size_t i = 0; i < facts->rival_count; i++) {
        const struct doctor_rival *rival = &facts->rivals[i];
        doctor_add(doctor, "rivals", is_ours ? DOCTOR_FAIL : DOCTOR_OK,
                   "%s runs as well (process %d)%s", rival->program, rival->pid,
                   is_ours ? ": two that steer one clock make it wrong"
                           : "; it may, as chimed leaves the system's clock alone");
        if (is_ours) {
            doctor_next(doctor, "systemctl disable --now $(ps -o unit= %d)", rival->pid);
        }
    }
    if (facts->kernel_error != 0) {
        doctor_add(doctor, "rivals", DOCTOR_WARN, "the kernel's clock can't be read: %s",
                   strerror(-facts->kernel_error));
        return;
    }
    if (is_ours && facts->kernel.is_pll) {
        doctor_add(doctor, "rivals", DOCTOR_FAIL,
                   "the kernel's own loop (PLL) is on: somebody else steers the clock, as ntpd "
                   "does");
        doctor_next(doctor, "ps -e | grep -E 'ntp|chrony|ptp|phc2sys|timesync'");
        return;
    }
    /* A slew may change it at any time: it must fit neither look. */
    double before_ppm = distance(facts->status, facts->kernel.frequency_ppm);
    double after_ppm = distance(facts->status_after, facts->kernel.frequency_ppm);
    if (is_ours && before_ppm > FREQUENCY_NEAR_PPM && after_ppm > FREQUENCY_NEAR_PPM) {
        doctor_add(doctor, "rivals", DOCTOR_FAIL,
                   "the kernel's clock runs at %+.3f ppm, %.3f ppm off what chimed set: somebody "
                   "else steers it",
                   facts->kernel.frequency_ppm, after_ppm);
        doctor_next(doctor, "ps -e | grep -E 'ntp|chrony|ptp|phc2sys|timesync'");
    } else if (facts->rival_count == 0) {
        doctor_add(doctor, "rivals", DOCTOR_OK,
                   "nobody else is seen to steer this machine's clock");
    }
}

static void examine_kernel(struct doctor *doctor, const struct doctor_facts *facts)
{
    const struct kernel_state *kernel = &facts->kernel;
    bool is_good = answer_is(facts->status, "condition", "synchronised");
    char said[QUANTITY_TEXT_MAX];
    char half[QUANTITY_TEXT_MAX];
    int64_t earliest_ns;
    int64_t latest_ns;
    if (facts->kernel_error != 0) {
        return;
    }
    quantity_format_duration(kernel->error_max_ns, false, said);
    if (!is_system(facts->status)) {
        doctor_add(doctor, "kernel", DOCTOR_OK,
                   "the kernel says '%s'; that is not chimed's to say here",
                   kernel->is_synchronised ? "synchronised" : "unsynchronised");
        return;
    }
    if (kernel->is_synchronised != is_good) {
        doctor_add(doctor, "kernel", DOCTOR_FAIL,
                   "the kernel says '%s' (STA_UNSYNC, as node_exporter and timedatectl show it), "
                   "chimed does not",
                   kernel->is_synchronised ? "synchronised" : "unsynchronised");
        doctor_next(doctor, "adjtimex --print; does another program write it?");
        return;
    }
    bool has_bound = status_report_interval(facts->status, &earliest_ns, &latest_ns);
    int64_t half_ns = has_bound ? latest_ns / 2 - earliest_ns / 2 : 0;
    /* The kernel counts in microseconds. */
    if (is_good && kernel->error_max_ns + NS_PER_US < half_ns - half_ns / 10) {
        doctor_add(doctor, "kernel", DOCTOR_WARN,
                   "the kernel claims an error of at most %s, chimed of %s", said,
                   quantity_format_duration(half_ns, false, half));
        doctor_next(doctor, "adjtimex --print");
        return;
    }
    doctor_add(doctor, "kernel", DOCTOR_OK, "the kernel tells the same: %s, at most %s wrong",
               kernel->is_synchronised ? "synchronised" : "unsynchronised", said);
}

void doctor_examine_clock(struct doctor *doctor, const struct doctor_facts *facts)
{
    if (!answer_is(facts->status, "condition", "local")) {
        examine_bound(doctor, facts->status);
        examine_control(doctor, facts->status);
    }
    examine_rivals(doctor, facts);
    examine_kernel(doctor, facts);
}
