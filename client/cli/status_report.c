/* SPDX-License-Identifier: MIT */
#include "client/cli/status_report.h"
#include <stdarg.h>
#include <string.h>

__attribute__((format(printf, 3, 4))) static void print_row(FILE *out, const char *label,
                                                            const char *format, ...)
{
    va_list arguments;
    fprintf(out, "%-13s ", label);
    va_start(arguments, format);
    vfprintf(out, format, arguments);
    va_end(arguments);
    fputc('\n', out);
}

const char *status_report_colour(const json_t *status, const struct paint *paint)
{
    if (answer_is(status, "condition", "synchronised")) {
        return paint->good;
    }
    bool is_bad =
        answer_is(status, "condition", "panic") || answer_is(status, "condition", "unbounded");
    return is_bad ? paint->bad : paint->doubt;
}

bool status_report_interval(const json_t *status, int64_t *earliest_ns, int64_t *latest_ns)
{
    const json_t *interval = answer_part(status, "interval");
    int64_t now_ns;
    return answer_integer(status, "now_ns", &now_ns) &&
           answer_integer(interval, "earliest_ns", earliest_ns) &&
           answer_integer(interval, "latest_ns", latest_ns) &&
           !__builtin_sub_overflow(*earliest_ns, now_ns, earliest_ns) &&
           !__builtin_sub_overflow(*latest_ns, now_ns, latest_ns);
}

/* Half of it, without overflow. */
static int64_t half_width(int64_t earliest_ns, int64_t latest_ns)
{
    return latest_ns / 2 - earliest_ns / 2;
}

static void print_condition(FILE *out, const json_t *status, const struct paint *paint)
{
    char condition[ANSWER_TEXT_MAX];
    char reason[ANSWER_TEXT_MAX];
    answer_text(status, "condition", condition);
    print_row(out, "state", "%s%s%s%s%s", status_report_colour(status, paint), condition,
              paint->end, answer_has_text(status, "reason") ? ": " : "",
              answer_has_text(status, "reason") ? answer_text(status, "reason", reason) : "");
}

static void print_offset(FILE *out, const json_t *status)
{
    const json_t *estimate = answer_part(status, "estimate");
    char offset[QUANTITY_TEXT_MAX];
    char sd[QUANTITY_TEXT_MAX];
    if (estimate == NULL) {
        print_row(out, "offset", "unknown: no estimate yet");
        return;
    }
    print_row(out, "offset", "%s, standard deviation %s: our clock %s (the best guess, no bound)",
              answer_duration(estimate, "offset_ns", true, offset),
              answer_duration(estimate, "offset_sd_ns", false, sd),
              answer_side(estimate, "offset_ns"));
}

static void print_interval(FILE *out, const json_t *status)
{
    const json_t *assumptions = answer_part(status, "assumptions");
    char low[QUANTITY_TEXT_MAX];
    char high[QUANTITY_TEXT_MAX];
    char half[QUANTITY_TEXT_MAX];
    char faults[QUANTITY_TEXT_MAX];
    char sources[QUANTITY_TEXT_MAX];
    char drift[QUANTITY_TEXT_MAX];
    char class[ANSWER_TEXT_MAX];
    int64_t earliest_ns;
    int64_t latest_ns;
    if (!status_report_interval(status, &earliest_ns, &latest_ns)) {
        print_row(out, "interval", "none: no error is vouched for");
        return;
    }
    print_row(out, "interval", "UTC is %s to %s from our clock: +/- %s",
              quantity_format_duration(earliest_ns, true, low),
              quantity_format_duration(latest_ns, true, high),
              quantity_format_duration(half_width(earliest_ns, latest_ns), false, half));
    print_row(out, "  holds while",
              "at most %s of %s sources lie or are silent, and the clock drifts by at most "
              "%s (class %s)",
              answer_count(assumptions, "faults", faults),
              answer_count(assumptions, "sources", sources),
              answer_rate(assumptions, "drift_ppm", false, drift),
              answer_text(assumptions, "drift_class", class));
}

static void print_epoch(FILE *out, const json_t *status)
{
    const json_t *epoch = answer_part(status, "epoch");
    char number[QUANTITY_TEXT_MAX];
    char reason[ANSWER_TEXT_MAX];
    print_row(out, "  epoch", "%s%s%s", answer_count(epoch, "number", number),
              answer_has_text(epoch, "reason") ? ", since " : "",
              answer_has_text(epoch, "reason") ? answer_text(epoch, "reason", reason) : "");
}

static void print_clock(FILE *out, const json_t *status)
{
    const json_t *clock = answer_part(status, "clock");
    char control[ANSWER_TEXT_MAX];
    char frequency[QUANTITY_TEXT_MAX];
    char count[QUANTITY_TEXT_MAX];
    char size[QUANTITY_TEXT_MAX];
    char when[QUANTITY_TEXT_MAX];
    char tai[QUANTITY_TEXT_MAX];
    int64_t steps = 0;
    int64_t number;
    print_row(out, "clock", "%s%s; %s; frequency %s", answer_text(clock, "control", control),
              answer_is_true(clock, "shadow") ? " (the system's is left alone)" : "",
              answer_is_true(clock, "steering") ? "steered" : "not steered",
              answer_rate(clock, "frequency_ppm", true, frequency));
    if (answer_integer(clock, "steps", &steps) && steps != 0) {
        print_row(out, "  steps", "%s, the last by %s at %s", answer_count(clock, "steps", count),
                  answer_duration(clock, "last_step_ns", true, size),
                  answer_date(clock, "last_step_at_ns", when));
    }
    if (answer_is(clock, "leap", "insert") || answer_is(clock, "leap", "delete")) {
        char leap[ANSWER_TEXT_MAX];
        print_row(out, "  leap second", "%s at the end of this UTC day",
                  answer_text(clock, "leap", leap));
    }
    if (answer_integer(clock, "tai_offset_s", &number)) {
        print_row(out, "  TAI - UTC", "%s s", answer_count(clock, "tai_offset_s", tai));
    }
    if (answer_integer(clock, "smear_ns", &number) && number != 0) {
        print_row(out, "  smear", "%s is added to UTC now",
                  answer_duration(clock, "smear_ns", true, size));
    }
}

static void print_updates(FILE *out, const json_t *status)
{
    const json_t *updates = answer_part(status, "updates");
    char age[QUANTITY_TEXT_MAX];
    char interval[QUANTITY_TEXT_MAX];
    char last[QUANTITY_TEXT_MAX];
    char rms[QUANTITY_TEXT_MAX];
    if (updates == NULL) {
        print_row(out, "last update", "never");
        return;
    }
    print_row(out, "last update",
              "%s ago, %s after the one before; it found %s (root mean square %s)",
              answer_age(updates, "age_ns", age), answer_age(updates, "interval_ns", interval),
              answer_duration(updates, "last_offset_ns", true, last),
              answer_duration(updates, "rms_offset_ns", false, rms));
}

static void print_sources(FILE *out, const json_t *status)
{
    const json_t *activity = answer_part(status, "activity");
    const json_t *assumptions = answer_part(status, "assumptions");
    int64_t bursting = 0;
    char online[QUANTITY_TEXT_MAX];
    char burst[QUANTITY_TEXT_MAX];
    char offline[QUANTITY_TEXT_MAX];
    char unresolved[QUANTITY_TEXT_MAX];
    char agreeing[QUANTITY_TEXT_MAX];
    char needed[QUANTITY_TEXT_MAX];
    bool has_burst = answer_integer(activity, "bursting_online", &bursting) && bursting > 0;
    print_row(out, "sources",
              "%s online%s%s%s, %s offline, %s unresolved; %s agree, %s must ('chime "
              "sources' lists them)",
              answer_count(activity, "online", online), has_burst ? ", " : "",
              has_burst ? answer_count(activity, "bursting_online", burst) : "",
              has_burst ? " in a burst" : "", answer_count(activity, "offline", offline),
              answer_count(activity, "unresolved", unresolved),
              answer_count(assumptions, "agreeing", agreeing),
              answer_count(assumptions, "needed", needed));
}

static void print_claim(FILE *out, const json_t *status)
{
    const json_t *claim = answer_part(status, "claim");
    char stratum[QUANTITY_TEXT_MAX];
    char reference[ANSWER_TEXT_MAX];
    char delay[QUANTITY_TEXT_MAX];
    char dispersion[QUANTITY_TEXT_MAX];
    char leap[ANSWER_TEXT_MAX];
    char selected[ANSWER_TEXT_MAX];
    if (answer_is(claim, "leap", "unsynchronised")) {
        print_row(out, "answers say", "not synchronised: clients will refuse them");
        return;
    }
    bool has_name = answer_has_text(status, "selected");
    print_row(out, "answers say",
              "stratum %s, reference %s%s%s%s, root delay %s, root dispersion "
              "%s, leap %s",
              answer_count(claim, "stratum", stratum), answer_text(claim, "reference", reference),
              has_name ? " (" : "", has_name ? answer_text(status, "selected", selected) : "",
              has_name ? ")" : "", answer_duration(claim, "root_delay_ns", false, delay),
              answer_duration(claim, "root_dispersion_ns", false, dispersion),
              answer_text(claim, "leap", leap));
}

/* What got no answer, by its reason; no line if that never happened. */
static void print_verdicts(FILE *out, const json_t *server)
{
    json_t *verdicts = json_object_get(server, "verdicts");
    const char *separator = "";
    const char *key;
    json_t *value;
    json_object_foreach(verdicts, key, value)
    {
        char name[ANSWER_TEXT_MAX];
        if (json_integer_value(value) > 0 && strcmp(key, "answered") != 0) {
            fprintf(out, "%s%s: %lld", separator[0] != '\0' ? separator : "  without     ",
                    answer_copy(key, name), (long long)json_integer_value(value));
            separator = ", ";
        }
    }
    if (separator[0] != '\0') {
        fputc('\n', out);
    }
}

static void print_server(FILE *out, const json_t *status)
{
    const json_t *server = answer_part(status, "server");
    const json_t *listening = answer_part(server, "listening");
    char answered[QUANTITY_TEXT_MAX];
    char received[QUANTITY_TEXT_MAX];
    char clients[QUANTITY_TEXT_MAX];
    fprintf(out, "%-13s", "served on");
    for (size_t i = 0; i < json_array_size(listening); i++) {
        char text[ANSWER_TEXT_MAX];
        const char *address = json_string_value(json_array_get(listening, i));
        fprintf(out, " %s", answer_copy(address != NULL ? address : ANSWER_UNKNOWN, text));
    }
    fprintf(out, "%s\n", json_array_size(listening) == 0 ? " no address" : "");
    print_row(out, "requests", "%s of %s answered; clients remembered: %s",
              answer_count(server, "answered", answered),
              answer_count(server, "received", received), answer_count(server, "clients", clients));
    print_verdicts(out, server);
}

void status_report_print(FILE *out, const json_t *status, const char *path,
                         const struct paint *paint)
{
    char program[ANSWER_TEXT_MAX];
    char version[ANSWER_TEXT_MAX];
    char uptime[QUANTITY_TEXT_MAX];
    char now[QUANTITY_TEXT_MAX];
    print_row(out, "daemon", "%s %s at %s, up for %s", answer_text(status, "program", program),
              answer_text(status, "program_version", version), path,
              answer_age(status, "uptime_ns", uptime));
    print_condition(out, status, paint);
    print_row(out, "time", "%s by our clock", answer_date(status, "now_ns", now));
    print_offset(out, status);
    print_interval(out, status);
    print_epoch(out, status);
    print_clock(out, status);
    print_updates(out, status);
    print_sources(out, status);
    print_claim(out, status);
    print_server(out, status);
}

void status_report_tracking(FILE *out, const json_t *tracking)
{
    const json_t *estimate = answer_part(tracking, "estimate");
    const json_t *updates = answer_part(tracking, "updates");
    char text[ANSWER_TEXT_MAX];
    char a[QUANTITY_TEXT_MAX];
    char b[QUANTITY_TEXT_MAX];
    int64_t earliest_ns;
    int64_t latest_ns;
    print_row(out, "state", "%s", answer_text(tracking, "condition", text));
    print_row(out, "reference", "%s", answer_text(tracking, "reference", text));
    print_row(out, "source", "%s",
              answer_has_text(tracking, "selected") ? answer_text(tracking, "selected", text)
                                                    : "none");
    print_row(out, "stratum", "%s", answer_count(tracking, "stratum", a));
    print_row(out, "ref time", "%s", answer_date(tracking, "reference_time_ns", a));
    print_row(out, "offset", "%s (our clock %s)", answer_duration(estimate, "offset_ns", true, a),
              answer_side(estimate, "offset_ns"));
    print_row(out, "last offset", "%s", answer_duration(updates, "last_offset_ns", true, a));
    print_row(out, "rms offset", "%s", answer_duration(updates, "rms_offset_ns", false, a));
    if (status_report_interval(tracking, &earliest_ns, &latest_ns)) {
        print_row(out, "interval", "%s to %s", quantity_format_duration(earliest_ns, true, a),
                  quantity_format_duration(latest_ns, true, b));
    } else {
        print_row(out, "interval", "none");
    }
    print_row(out, "frequency", "%s", answer_rate(tracking, "frequency_ppm", true, a));
    print_row(out, "residual", "%s", answer_rate(estimate, "residual_ppm", true, a));
    print_row(out, "skew", "%s (standard deviation of the rate)",
              answer_rate(estimate, "rate_sd_ppm", false, a));
    print_row(out, "root delay", "%s", answer_duration(tracking, "root_delay_ns", false, a));
    print_row(out, "root disp.", "%s", answer_duration(tracking, "root_dispersion_ns", false, a));
    print_row(out, "update every", "%s", answer_age(updates, "interval_ns", a));
    print_row(out, "leap", "%s", answer_text(tracking, "leap", text));
}
