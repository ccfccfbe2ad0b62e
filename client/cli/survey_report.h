/* SPDX-License-Identifier: MIT */
/* survey_report.h - what a survey found: for people, and as one JSON document. */
#ifndef CLIENT_CLI_SURVEY_REPORT_H
#define CLIENT_CLI_SURVEY_REPORT_H
#include "client/cli/survey.h"
#include "common/base/json.h"

#define REFERENCE_TEXT_MAX 96

/* Prints a block for one server, a table and the agreed interval for several; the sentences of
 * those that failed go to stderr. Colour only on a terminal, and not where NO_COLOR or TERM=dumb
 * asks for none. */
void survey_report_print(const struct survey_result *results, size_t count,
                         const struct selection *selection);
/* Every server gave a sample and, of several, a majority agrees. */
bool survey_report_is_good(const struct survey_result *results, size_t count,
                           const struct selection *selection);

/* "behind", "ahead", or "even": our clock against the source's. */
const char *survey_report_direction(int64_t offset_ns);
/* Whom the server follows, in words: "GPS (Global Positioning System)". Returns out. */
char *survey_report_reference(uint32_t refid, unsigned stratum, char out[REFERENCE_TEXT_MAX]);
const char *survey_report_leap(unsigned leap);
const char *survey_report_stamp(enum stamp_origin stamp);

/* The document; `action` appends what a subcommand did to it, or is NULL. Every key is always
 * there; what does not apply is null. Times are nanoseconds since 1970, durations nanoseconds.
 *
 *   servers      an array, in the order of the arguments:
 *     name, address, port               as asked; what answered, or was tried last
 *     outcome                           ok, unresolved, unreachable, closed, silent, garbage, kiss
 * code, refused, failed error                             a sentence test, kiss_code the name of
 * the test that failed; RATE and the like requests, replies, samples, interleaved_samples,
 * elapsed_ns offset_ns, bound_ns, delay_ns     server - us: positive means we are behind;
 * half-width; round trip jitter_ns                         with two samples or more outside of the
 * agreed interval stratum, leap, version, precision_log2_s, poll_log2_s, root_delay_ns,
 * root_dispersion_ns refid, reference                  eight hex digits; in words interleaved,
 * authenticated sent_stamp, received_stamp        kernel, daemon or hardware: who took T1 and T4
 *     t1_ns, t2_ns, t3_ns, t4_ns
 *   agreement    agreed, servers, needed, truechimers, earliest_ns, latest_ns, offset_ns, split
 *   action       of chime sync: kind (step, slew, none), offset_ns, dry_run, done, error
 *   ok           whether the exit code is 0
 *   error        a sentence, if nothing could be asked
 */
struct survey_json {
    const struct survey_result *results;
    size_t count;
    const struct selection *selection;
    const char *error;
    bool ok;
    void (*action)(struct json *json, const void *context);
    const void *context;
};
void survey_json_print(const struct survey_json *document);
#endif
