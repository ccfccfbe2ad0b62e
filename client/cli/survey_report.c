/* SPDX-License-Identifier: MIT */
#include "client/cli/survey_report.h"
#include "client/cli/paint.h"
#include "common/base/quantity.h"
#include "common/host/resolver.h"
#include "ntpwire/refid.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_WIDTH_MIN 6
#define NAME_WIDTH_MAX 44

const char *survey_report_direction(int64_t offset_ns)
{
    return offset_ns > 0 ? "behind" : offset_ns < 0 ? "ahead" : "even";
}

const char *survey_report_leap(unsigned leap)
{
    static const char *const names[] = {"none", "insert", "delete", "unsynchronised"};
    return leap < 4 ? names[leap] : "unknown";
}

const char *survey_report_stamp(enum stamp_origin stamp)
{
    switch (stamp) {
    case STAMP_KERNEL:
        return "kernel";
    case STAMP_HARDWARE:
        return "hardware";
    default:
        return "daemon";
    }
}

char *survey_report_reference(uint32_t refid, unsigned stratum, char out[REFERENCE_TEXT_MAX])
{
    char text[REFID_TEXT_MAX];
    const char *meaning = stratum <= 1 ? refid_meaning(refid) : NULL;
    refid_format(refid, stratum, text);
    if (stratum > 1 && refid >> 8 == REFID_LOCAL_CLOCK >> 8) {
        meaning = "its own clock";
    }
    if (meaning != NULL) {
        snprintf(out, REFERENCE_TEXT_MAX, "%s (%s)", text, meaning);
    } else {
        snprintf(out, REFERENCE_TEXT_MAX, "%s", text);
    }
    return out;
}

bool survey_report_is_good(const struct survey_result *results, size_t count,
                           const struct selection *selection)
{
    for (size_t i = 0; i < count; i++) {
        if (results[i].outcome != SURVEY_OK) {
            return false;
        }
    }
    return count < 2 || selection->has_agreement;
}

/* The address that answered, where the name does not say it already. */
static void print_title(const struct survey_result *result, const struct paint *paint)
{
    char bare[ADDRESS_TEXT_MAX];
    char whole[ADDRESS_TEXT_MAX];
    address_format(&result->address, bare);
    address_format_port(&result->address, whole);
    printf("%s%s%s", paint->strong, result->name, paint->end);
    if (strcmp(result->name, bare) != 0 && strcmp(result->name, whole) != 0) {
        printf(" (%s)", bare);
    }
    printf("\n");
}

static void print_duration(const char *label, int64_t ns, const char *explanation)
{
    char text[QUANTITY_TEXT_MAX];
    printf("  %-11s %s%s\n", label, quantity_format_duration(ns, false, text), explanation);
}

static void print_jitter(const struct survey_result *result)
{
    char text[64];
    if (result->sample_count > 1) {
        snprintf(text, sizeof(text), " over %zu samples", result->sample_count);
        print_duration("jitter", result->jitter_ns, text);
    } else {
        printf("  %-11s unknown from one sample (-c 4 takes four)\n", "jitter");
    }
}

static void print_block(const struct survey_result *result, const struct paint *paint)
{
    const struct sample *best = &result->best;
    char offset[QUANTITY_TEXT_MAX];
    char bound[QUANTITY_TEXT_MAX];
    char delay[QUANTITY_TEXT_MAX];
    char dispersion[QUANTITY_TEXT_MAX];
    char reference[REFERENCE_TEXT_MAX];
    print_title(result, paint);
    printf("  %-11s %s%s%s +/- %s: ", "offset", paint->strong,
           quantity_format_duration(best->offset_ns, true, offset), paint->end,
           quantity_format_duration(best->bound_ns, false, bound));
    if (best->offset_ns == 0) {
        printf("our clock and the server's are even\n");
    } else {
        printf("our clock is %s the server's\n", best->offset_ns > 0 ? "behind" : "ahead of");
    }
    print_duration("delay", best->delay_ns, "");
    if (result->sample_count < result->requests) {
        printf("  %-11s %zu of %u requests gave a sample\n", "loss", result->sample_count,
               result->requests);
    }
    print_jitter(result);
    printf("  %-11s %u\n", "stratum", best->stratum);
    printf("  %-11s %s\n", "reference",
           survey_report_reference(best->refid, best->stratum, reference));
    printf("  %-11s delay %s, dispersion %s\n", "root",
           quantity_format_duration(best->root_delay_ns, false, delay),
           quantity_format_duration(best->root_dispersion_ns, false, dispersion));
    printf("  %-11s %s\n", "leap", survey_report_leap(best->leap));
    printf("  %-11s %u%s\n", "version", best->version,
           best->is_authenticated ? ", authenticated" : "");
    if (result->wants_interleaved) {
        printf("  %-11s %zu of %zu samples\n", "interleaved", result->interleaved_count,
               result->sample_count);
    }
    printf("  %-11s %s when sent, %s when received\n", "stamps",
           survey_report_stamp(best->sent_stamp), survey_report_stamp(best->received_stamp));
}

static int name_width(const struct survey_result *results, size_t count)
{
    size_t width = NAME_WIDTH_MIN;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(results[i].name);
        width = length > width ? length : width;
    }
    return width > NAME_WIDTH_MAX ? NAME_WIDTH_MAX : (int)width;
}

static void print_row(const struct survey_result *result, int width, bool is_outside,
                      const struct paint *paint)
{
    const struct sample *best = &result->best;
    char offset[QUANTITY_TEXT_MAX];
    char bound[QUANTITY_TEXT_MAX];
    char delay[QUANTITY_TEXT_MAX];
    char jitter[QUANTITY_TEXT_MAX] = "-";
    char reference[REFERENCE_TEXT_MAX];
    if (result->outcome != SURVEY_OK) {
        printf("%s! %-*.*s %12s%s\n", paint->bad, width, NAME_WIDTH_MAX, result->name,
               survey_outcome_name(result->outcome), paint->end);
        return;
    }
    if (result->sample_count > 1) {
        quantity_format_duration(result->jitter_ns, false, jitter);
    }
    printf("%s%c %-*.*s %12s %-6s %11s %10s %10s %2u %-6s %u %s%s\n", is_outside ? paint->bad : "",
           is_outside ? 'x' : ' ', width, NAME_WIDTH_MAX, result->name,
           quantity_format_duration(best->offset_ns, true, offset),
           survey_report_direction(best->offset_ns),
           quantity_format_duration(best->bound_ns, false, bound),
           quantity_format_duration(best->delay_ns, false, delay), jitter, best->stratum,
           survey_report_leap(best->leap), best->version,
           survey_report_reference(best->refid, best->stratum, reference),
           is_outside ? paint->end : "");
}

static void print_table(const struct survey_result *results, size_t count,
                        const struct selection *selection, const struct paint *paint)
{
    int width = name_width(results, count);
    bool has_daemon_stamps = false;
    printf("%s  %-*s %12s %-6s %11s %10s %10s %2s %-6s %s %s%s\n", paint->strong, width, "SERVER",
           "OFFSET", "WE ARE", "+/- BOUND", "DELAY", "JITTER", "ST", "LEAP", "V", "REFERENCE",
           paint->end);
    for (size_t i = 0; i < count; i++) {
        const struct survey_result *result = &results[i];
        print_row(result, width, selection->has_agreement && result->is_outside, paint);
        has_daemon_stamps = has_daemon_stamps || (result->outcome == SURVEY_OK &&
                                                  (result->best.sent_stamp == STAMP_DAEMON ||
                                                   result->best.received_stamp == STAMP_DAEMON));
    }
    if (has_daemon_stamps) {
        printf("Some timestamps are our own, for want of the kernel's: less exact, see --json.\n");
    }
}

static void print_outsiders(const struct survey_result *results, size_t count,
                            const struct paint *paint)
{
    const char *separator = "x outside of it: ";
    bool has_any = false;
    for (size_t i = 0; i < count; i++) {
        if (results[i].outcome == SURVEY_OK && results[i].is_outside) {
            printf("%s%s%s", paint->bad, separator, results[i].name);
            separator = ", ";
            has_any = true;
        }
    }
    if (has_any) {
        printf("%s\n", paint->end);
    }
}

static void print_repeats(const struct survey_result *results, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (results[i].is_repeat) {
            char text[ADDRESS_TEXT_MAX];
            printf("%s is a server that was asked already (%s): it counts once.\n", results[i].name,
                   address_format_port(&results[i].address, text));
        }
    }
}

static void print_agreement(const struct survey_result *results, size_t count,
                            const struct selection *selection, const struct paint *paint)
{
    char offset[QUANTITY_TEXT_MAX];
    char earliest[QUANTITY_TEXT_MAX];
    char latest[QUANTITY_TEXT_MAX];
    size_t needed = selection->total - selection->faults;
    size_t usable = 0;
    for (size_t i = 0; i < count; i++) {
        usable += results[i].outcome == SURVEY_OK && !results[i].is_repeat;
    }
    if (!selection->has_agreement) {
        printf("%sNo agreement: %zu of %zu servers must share an offset; %zu gave one, and %s.%s\n",
               paint->bad, needed, selection->total, usable,
               usable < needed ? "that is too few" : "they are too far apart", paint->end);
        return;
    }
    printf("%sAgreed by %zu of %zu servers (%zu needed): offset %s, from %s to %s.%s\n",
           paint->good, selection->truechimers, selection->total, needed,
           quantity_format_duration(selection->offset_ns, true, offset),
           quantity_format_duration(selection->agreed.earliest_ns, true, earliest),
           quantity_format_duration(selection->agreed.latest_ns, true, latest), paint->end);
    if (selection->is_split) {
        printf("Within that interval there is a gap on which fewer agree.\n");
    }
}

void survey_report_print(const struct survey_result *results, size_t count,
                         const struct selection *selection)
{
    struct paint paint = paint_choose();
    if (count > 1) {
        print_table(results, count, selection, &paint);
        print_repeats(results, count);
        print_agreement(results, count, selection, &paint);
        if (selection->has_agreement) {
            print_outsiders(results, count, &paint);
        }
    } else if (results[0].outcome == SURVEY_OK) {
        print_block(&results[0], &paint);
    }
    fflush(stdout);
    for (size_t i = 0; i < count; i++) {
        if (results[i].sentence[0] != '\0') {
            fprintf(stderr, "chime: %s\n", results[i].sentence);
        }
    }
}
