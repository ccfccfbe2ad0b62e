/* SPDX-License-Identifier: MIT */
#include "client/cli/sources_report.h"
#include <string.h>

#define REACH_BITS 8

bool sources_report_is_used(const json_t *source)
{
    return answer_is(source, "state", "selected") || answer_is(source, "state", "combined");
}

const char *sources_report_colour(const json_t *source, const struct paint *paint)
{
    static const char *const bad[] = {"falseticker", "denied",     "unreachable",
                                      "loop",        "unresolved", "distant"};
    if (sources_report_is_used(source)) {
        return paint->good;
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (answer_is(source, "state", bad[i])) {
            return paint->bad;
        }
    }
    return paint->doubt;
}

/* How many of the last eight requests were answered. */
static char *format_reach(const json_t *source, char out[QUANTITY_TEXT_MAX])
{
    int64_t reach;
    if (!answer_integer(source, "reach", &reach) || reach < 0 || reach > 255) {
        snprintf(out, QUANTITY_TEXT_MAX, "?");
        return out;
    }
    unsigned answered = 0;
    for (unsigned bit = 0; bit < REACH_BITS; bit++) {
        answered += (unsigned)(reach >> bit) & 1U;
    }
    snprintf(out, QUANTITY_TEXT_MAX, "%u of %u", answered, REACH_BITS);
    return out;
}

/* What is not known is a dash in a table, where "unknown" would be noise. */
static const char *dash(const char *text)
{
    return strcmp(text, ANSWER_UNKNOWN) == 0 ? "-" : text;
}

static char *format_half_width(const json_t *source, char out[QUANTITY_TEXT_MAX])
{
    const json_t *interval = answer_part(source, "interval");
    int64_t earliest_ns;
    int64_t latest_ns;
    if (answer_integer(interval, "earliest_ns", &earliest_ns) &&
        answer_integer(interval, "latest_ns", &latest_ns)) {
        return quantity_format_duration(latest_ns / 2 - earliest_ns / 2, false, out);
    }
    snprintf(out, QUANTITY_TEXT_MAX, "-");
    return out;
}

static void print_line(FILE *out, const json_t *source, const struct paint *paint)
{
    const json_t *sample = answer_part(source, "sample");
    const json_t *estimate = answer_part(source, "estimate");
    char name[ANSWER_TEXT_MAX];
    char address[ANSWER_TEXT_MAX];
    char state[ANSWER_TEXT_MAX];
    char stratum[QUANTITY_TEXT_MAX];
    char poll[QUANTITY_TEXT_MAX];
    char reach[QUANTITY_TEXT_MAX];
    char age[QUANTITY_TEXT_MAX];
    char offset[QUANTITY_TEXT_MAX];
    char half[QUANTITY_TEXT_MAX];
    fprintf(out, "%-16.24s %-22.39s %s%-16s%s %7s %7s %6s %8s %11s %10s\n",
            answer_text(source, "name", name), dash(answer_text(source, "address", address)),
            sources_report_colour(source, paint), answer_text(source, "state", state), paint->end,
            dash(answer_count(sample, "stratum", stratum)),
            dash(answer_poll(source, "poll_log2_s", poll)), format_reach(source, reach),
            dash(answer_age(source, "answered_ago_ns", age)),
            dash(answer_duration(estimate, "offset_ns", true, offset)),
            format_half_width(source, half));
}

size_t sources_report_table(FILE *out, const json_t *sources, size_t lines_max,
                            const struct paint *paint)
{
    size_t lines = 1;
    size_t index;
    json_t *source;
    fprintf(out, "%s%-16s %-22s %-16s %7s %7s %6s %8s %11s %10s%s\n", paint->strong, "NAME",
            "ADDRESS", "STATE", "STRATUM", "POLL", "REACH", "LAST", "OFFSET", "BOUND", paint->end);
    json_array_foreach((json_t *)sources, index, source)
    {
        if (lines_max != 0 && lines >= lines_max) {
            break;
        }
        print_line(out, source, paint);
        lines++;
    }
    return lines;
}

/* Why those that do not count don't. */
static void print_reasons(FILE *out, const json_t *sources)
{
    size_t index;
    json_t *source;
    bool is_first = true;
    json_array_foreach((json_t *)sources, index, source)
    {
        char name[ANSWER_TEXT_MAX];
        char state[ANSWER_TEXT_MAX];
        char reason[ANSWER_TEXT_MAX];
        if (sources_report_is_used(source) || !answer_has_text(source, "reason")) {
            continue;
        }
        fprintf(out, "%s%s is not used (%s): %s\n", is_first ? "\n" : "",
                answer_text(source, "name", name), answer_text(source, "state", state),
                answer_text(source, "reason", reason));
        is_first = false;
    }
}

static void print_options(FILE *out, const json_t *source)
{
    static const char *const options[] = {"prefer",  "noselect", "trust",
                                          "require", "bursting", "online"};
    fprintf(out, "  %-12s", "options");
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (answer_is_true(source, options[i])) {
            fprintf(out, " %s", options[i]);
        }
    }
    int64_t key;
    if (answer_integer(source, "key_id", &key)) {
        fprintf(out, " key %lld", (long long)key);
    }
    fputc('\n', out);
}

/* "3 s ago", or "never". */
static char *format_since(const json_t *source, const char *key, char out[QUANTITY_TEXT_MAX])
{
    char age[QUANTITY_TEXT_MAX];
    int64_t ns;
    if (answer_integer(source, key, &ns)) {
        snprintf(out, QUANTITY_TEXT_MAX, "%.20s ago", answer_format_age(ns, age));
    } else {
        snprintf(out, QUANTITY_TEXT_MAX, "never");
    }
    return out;
}

static void print_asking(FILE *out, const json_t *source)
{
    const json_t *counts = answer_part(source, "counts");
    char poll[QUANTITY_TEXT_MAX];
    char reach[QUANTITY_TEXT_MAX];
    char asked[QUANTITY_TEXT_MAX];
    char answered[QUANTITY_TEXT_MAX];
    char sent[QUANTITY_TEXT_MAX];
    char received[QUANTITY_TEXT_MAX];
    char valid[QUANTITY_TEXT_MAX];
    char good[QUANTITY_TEXT_MAX];
    char kisses[QUANTITY_TEXT_MAX];
    fprintf(out, "  %-12s every %s, reach %s; last asked: %s, last answer: %s\n", "asking",
            answer_poll(source, "poll_log2_s", poll), format_reach(source, reach),
            format_since(source, "asked_ago_ns", asked),
            format_since(source, "answered_ago_ns", answered));
    fprintf(out, "  %-12s %s sent, %s received, %s valid, %s good; kisses of death: %s\n",
            "packets", answer_count(counts, "sent", sent),
            answer_count(counts, "received", received), answer_count(counts, "valid", valid),
            answer_count(counts, "good", good), answer_count(counts, "kisses", kisses));
}

static void print_sample(FILE *out, const json_t *source)
{
    const json_t *sample = answer_part(source, "sample");
    char offset[QUANTITY_TEXT_MAX];
    char bound[QUANTITY_TEXT_MAX];
    char delay[QUANTITY_TEXT_MAX];
    char dispersion[QUANTITY_TEXT_MAX];
    char stratum[QUANTITY_TEXT_MAX];
    char reference[ANSWER_TEXT_MAX];
    char leap[ANSWER_TEXT_MAX];
    char sent[ANSWER_TEXT_MAX];
    char received[ANSWER_TEXT_MAX];
    if (sample == NULL) {
        fprintf(out, "  %-12s none yet\n", "sample");
        return;
    }
    fprintf(out, "  %-12s %s +/- %s, delay %s: our clock %s\n", "sample",
            answer_duration(sample, "offset_ns", true, offset),
            answer_duration(sample, "bound_ns", false, bound),
            answer_duration(sample, "delay_ns", false, delay), answer_side(sample, "offset_ns"));
    fprintf(out, "  %-12s stratum %s, reference %s, leap %s\n", "says",
            answer_count(sample, "stratum", stratum), answer_text(sample, "reference", reference),
            answer_text(sample, "leap", leap));
    fprintf(out, "  %-12s delay %s, dispersion %s\n", "root",
            answer_duration(sample, "root_delay_ns", false, delay),
            answer_duration(sample, "root_dispersion_ns", false, dispersion));
    fprintf(out, "  %-12s sent by the %s, received by the %s%s%s\n", "stamps",
            answer_text(sample, "sent_stamp", sent),
            answer_text(sample, "received_stamp", received),
            answer_is_true(sample, "interleaved") ? ", interleaved" : "",
            answer_is_true(sample, "authenticated") ? ", authenticated" : "");
}

static void print_estimate(FILE *out, const json_t *source)
{
    const json_t *estimate = answer_part(source, "estimate");
    const json_t *interval = answer_part(source, "interval");
    char offset[QUANTITY_TEXT_MAX];
    char sd[QUANTITY_TEXT_MAX];
    char rate[QUANTITY_TEXT_MAX];
    char rate_sd[QUANTITY_TEXT_MAX];
    char jitter[QUANTITY_TEXT_MAX];
    char samples[QUANTITY_TEXT_MAX];
    char span[QUANTITY_TEXT_MAX];
    if (estimate != NULL) {
        double weight = 0;
        fprintf(out, "  %-12s %s, standard deviation %s: our clock %s\n", "estimate",
                answer_duration(estimate, "offset_ns", true, offset),
                answer_duration(estimate, "offset_sd_ns", false, sd),
                answer_side(estimate, "offset_ns"));
        fprintf(out, "  %-12s %s +/- %s; jitter %s; %s samples over %s\n", "rate",
                answer_rate(estimate, "rate_ppm", true, rate),
                answer_rate(estimate, "rate_sd_ppm", false, rate_sd),
                answer_duration(estimate, "jitter_ns", false, jitter),
                answer_count(estimate, "samples", samples), answer_age(estimate, "span_ns", span));
        if (answer_number(source, "weight", &weight)) {
            fprintf(out, "  %-12s %.1f %%\n", "weight", weight * 100);
        }
    }
    if (interval != NULL) {
        fprintf(out, "  %-12s %s to %s from our clock; root distance %s\n", "interval",
                answer_duration(interval, "earliest_ns", true, offset),
                answer_duration(interval, "latest_ns", true, sd),
                answer_duration(interval, "distance_ns", false, rate));
    }
}

static void print_block(FILE *out, const json_t *source, const struct paint *paint)
{
    char name[ANSWER_TEXT_MAX];
    char host[ANSWER_TEXT_MAX];
    char kind[ANSWER_TEXT_MAX];
    char address[ANSWER_TEXT_MAX];
    char port[QUANTITY_TEXT_MAX];
    char state[ANSWER_TEXT_MAX];
    char reason[ANSWER_TEXT_MAX];
    fprintf(out, "%s%s%s: %s %s", paint->strong, answer_text(source, "name", name), paint->end,
            answer_text(source, "kind", kind), answer_text(source, "host", host));
    if (answer_has_text(source, "address")) {
        fprintf(out, " at %s port %s", answer_text(source, "address", address),
                answer_count(source, "port", port));
    }
    fprintf(out, "\n  %-12s %s%s%s%s%s\n", "state", sources_report_colour(source, paint),
            answer_text(source, "state", state), paint->end,
            answer_has_text(source, "reason") ? ": " : "",
            answer_has_text(source, "reason") ? answer_text(source, "reason", reason) : "");
    print_options(out, source);
    print_asking(out, source);
    print_sample(out, source);
    print_estimate(out, source);
}

void sources_report_print(FILE *out, const json_t *answer, bool is_verbose,
                          const struct paint *paint)
{
    const json_t *sources = answer_part(answer, "sources");
    size_t index;
    json_t *source;
    if (!json_is_array(sources) || json_array_size(sources) == 0) {
        fprintf(out, "No source is configured: add a [source NAME] section with 'address = ...' to "
                     "chimed.conf, then 'chime reload'.\n");
        return;
    }
    if (!is_verbose) {
        sources_report_table(out, sources, 0, paint);
        fprintf(out, "\nOFFSET is the source's clock less ours: '+' means that ours is behind, '-' "
                     "that it is ahead.\nBOUND is half the width of the interval that the source "
                     "vouches for. 'chime explain WORD' has the rest.\n");
        print_reasons(out, sources);
        return;
    }
    json_array_foreach((json_t *)sources, index, source)
    {
        fprintf(out, "%s", index > 0 ? "\n" : "");
        print_block(out, source, paint);
    }
}
