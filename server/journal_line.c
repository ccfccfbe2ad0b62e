/* SPDX-License-Identifier: MIT */
#include "server/journal_line.h"
#include "server/command_source.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A line that grows; what does not fit is cut, at the end of a field. */
struct line {
    char *text;
    size_t size;
    bool has_field;
};

const char *journal_line_tracking_header(void)
{
    return "time,system,clock,estimate,estimate_sd_ns,earliest,latest,offset_ns,frequency_ppm,"
           "rate_ppm,rate_sd_ppm,state,epoch,stratum,leap,source,root_delay_ns,"
           "root_dispersion_ns,sources,faults,agreeing,steps,drift_class,drift_ppm\n";
}

const char *journal_line_measurements_header(void)
{
    return "time,source,address,verdict,offset_ns,delay_ns,root_distance_ns,root_delay_ns,"
           "root_dispersion_ns,stratum,refid,leap,mode,poll,sent_stamp,received_stamp,"
           "interleaved,authenticated,reason\n";
}

static void append(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(struct line *line, const char *format, ...)
{
    /* Room for the newline and the final zero. */
    size_t room = JOURNAL_LINE_MAX - 1 - line->size;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line->text + line->size, room, format, arguments);
    va_end(arguments);
    if (size > 0 && (size_t)size < room) {
        line->size += (size_t)size;
    }
}

/* Between two fields; a field that is not known is this alone. */
static void next(struct line *line)
{
    if (line->has_field) {
        append(line, ",");
    }
    line->has_field = true;
}

/* Whole seconds before the instant, and the nanoseconds since them. */
static int64_t split(struct wall instant, int64_t *fraction)
{
    int64_t rest = instant.ns % NS_PER_S;
    *fraction = rest < 0 ? rest + NS_PER_S : rest;
    return instant.ns / NS_PER_S - (rest < 0);
}

static void put_instant(struct line *line, struct wall instant)
{
    int64_t fraction;
    int64_t seconds = split(instant, &fraction);
    next(line);
    if (seconds < 0 && fraction != 0) {
        /* -0.25 s is 0.75 s after -1. */
        seconds++;
        fraction = NS_PER_S - fraction;
    }
    append(line, "%s%lld.%09lld", instant.ns < 0 && seconds == 0 ? "-" : "", (long long)seconds,
           (long long)fraction);
}

static void put_date(struct line *line, struct wall instant)
{
    int64_t fraction;
    int64_t seconds = split(instant, &fraction);
    time_t whole = (time_t)seconds;
    struct tm fields = {0};
    char date[64] = "";
    if (gmtime_r(&whole, &fields) != NULL) {
        (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &fields);
    }
    next(line);
    append(line, "%s.%09lldZ", date, (long long)fraction);
}

static void put_integer(struct line *line, int64_t value)
{
    next(line);
    append(line, "%lld", (long long)value);
}

static void put_ppm(struct line *line, double value)
{
    next(line);
    append(line, "%.6f", value);
}

/* Nanoseconds, of which an estimate has fractions that mean nothing. */
static void put_rounded(struct line *line, double ns)
{
    put_integer(line, fabs(ns) < 9e18 ? llround(ns) : ns < 0 ? INT64_MIN : INT64_MAX);
}

/* Quoted where CSV asks for it; what would end a line becomes a space. */
static void put_text(struct line *line, const char *text)
{
    bool is_quoted = strpbrk(text, "\",") != NULL;
    next(line);
    append(line, "%s", is_quoted ? "\"" : "");
    for (const char *at = text; *at != '\0'; at++) {
        bool is_control = (unsigned char)*at < 0x20 || *at == 0x7F;
        append(line, "%s%c", *at == '"' ? "\"" : "", is_control ? ' ' : *at);
    }
    append(line, "%s", is_quoted ? "\"" : "");
}

static size_t end(struct line *line)
{
    line->text[line->size++] = '\n';
    line->text[line->size] = '\0';
    return line->size;
}

static struct wall later(struct wall instant, double by_ns)
{
    bool is_sane = fabs(by_ns) < 4e18;
    int64_t sum;
    bool overflows = __builtin_add_overflow(instant.ns, is_sane ? llround(by_ns) : 0, &sum);
    return (struct wall){overflows ? instant.ns : sum};
}

static void put_estimate(struct line *line, const struct status *status)
{
    if (status->has_estimate) {
        put_instant(line, later(status->now.wall, status->offset_ns));
        put_rounded(line, status->offset_sd_ns);
    } else {
        next(line);
        next(line);
    }
    if (status->has_interval) {
        put_instant(line, (struct wall){status->interval.earliest_ns});
        put_instant(line, (struct wall){status->interval.latest_ns});
    } else {
        next(line);
        next(line);
    }
    if (status->has_estimate) {
        put_rounded(line, status->offset_ns);
    } else {
        next(line);
    }
}

size_t journal_line_tracking(const struct status *status, struct wall system,
                             char text[JOURNAL_LINE_MAX])
{
    struct line line = {.text = text};
    const struct sync_state *state = &status->state;
    put_date(&line, status->now.wall);
    put_instant(&line, system);
    put_instant(&line, status->now.wall);
    put_estimate(&line, status);
    put_ppm(&line, status->frequency_ppm);
    if (status->has_estimate) {
        put_ppm(&line, status->rate_ppm);
        put_ppm(&line, status->rate_sd_ppm);
    } else {
        next(&line);
        next(&line);
    }
    put_text(&line, sync_condition_name(status->condition));
    put_integer(&line, status->epoch);
    put_integer(&line, state->stratum);
    put_integer(&line, state->leap);
    put_text(&line, status->selected);
    put_integer(&line, state->root_delay_ns);
    put_integer(&line, sync_state_dispersion_ns(state, status->now.mono));
    put_integer(&line, (int64_t)status->sources);
    put_integer(&line, (int64_t)status->faults);
    put_integer(&line, (int64_t)status->agreeing);
    put_integer(&line, status->steps);
    put_text(&line, status->drift_class != NULL ? status->drift_class : "");
    put_ppm(&line, status->drift_ppm);
    return end(&line);
}

static void put_sample(struct line *line, const struct measurement *measurement)
{
    put_integer(line, measurement->offset_ns);
    put_integer(line, measurement->delay_ns);
    put_integer(line, measurement->root_distance_ns);
    put_integer(line, measurement->root_delay_ns);
    put_integer(line, measurement->root_dispersion_ns);
    put_integer(line, measurement->stratum);
    next(line);
    append(line, "%08lx", (unsigned long)measurement->refid);
    put_integer(line, measurement->leap);
    put_integer(line, measurement->mode);
    put_integer(line, measurement->poll);
    put_text(line, command_stamp_name(measurement->sent_stamp));
    put_text(line, command_stamp_name(measurement->received_stamp));
    put_integer(line, measurement->is_interleaved);
    put_integer(line, measurement->is_authenticated);
}

size_t journal_line_measurement(const struct measurement *measurement, struct wall clock,
                                char text[JOURNAL_LINE_MAX])
{
    struct line line = {.text = text};
    char address[ADDRESS_TEXT_MAX];
    put_date(&line, clock);
    put_text(&line, measurement->name);
    put_text(&line, address_format_port(&measurement->remote, address));
    put_text(&line, measurement->verdict != NULL ? measurement->verdict : "");
    if (measurement->is_good) {
        put_sample(&line, measurement);
    } else {
        for (int i = 0; i < 14; i++) {
            next(&line);
        }
    }
    put_text(&line, measurement->reason);
    return end(&line);
}
