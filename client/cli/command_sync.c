/* SPDX-License-Identifier: MIT */
#include "client/cli/command.h"
#include "client/cli/options.h"
#include "client/cli/survey_report.h"
#include "common/base/quantity.h"
#include "common/host/clock.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_NS (128 * NS_PER_MS)      /* RFC 5905: STEPT */
#define DISTANCE_NS_MAX (3 * NS_PER_S) /* a clock is not set by less than this */
#define TEXT_MAX 256

static const char help[] =
    "chime sync [OPTION]... HOST[:PORT]...\n"
    "\n"
    "Sets this machine's clock once, by NTP servers. Each is asked several times; the clock is "
    "only\n"
    "touched if a majority of all the servers named agrees. An offset of more than 128 ms is "
    "stepped,\n"
    "a smaller one slewed (the clock then runs up to 0.05 % fast or slow until it is right).\n"
    "\n"
    "      --dry-run        say what would be done, and don't do it\n"
    "      --step           step in any case\n"
    "  -c, --count N        samples of each server, 1 to 1000 (default 4)\n"
    "  -i, --interval S     seconds between two samples, 0.1 to 3600 (default 2)\n"
    "  -t, --timeout S      seconds to wait for an answer, 0.01 to 60 (default 1)\n"
    "  -4, -6               IPv4 only, IPv6 only\n"
    "  -p, --port N         the port of servers named without one (default 123)\n"
    "  -V, --ntp-version N  ask in this version of NTP, 1 to 4 (default 4)\n"
    "  -k, --key ID         authenticate with this key ...\n"
    "      --keys FILE      ... of this file, as 'chime keygen' writes it\n"
    "  -x, --interleaved    ask for interleaved mode\n"
    "      --json           one JSON document instead of text\n"
    "  -h, --help           this text\n"
    "\n"
    "Setting the clock needs root or CAP_SYS_TIME. Don't run it beside a time daemon that steers "
    "the\n"
    "same clock.\n"
    "\n"
    "Exit code: 0 if the clock was set (or would have been); 1 if not; 2 for a mistake in the\n"
    "arguments or the keys file.\n";

struct correction {
    bool is_wanted; /* is there an offset to correct? */
    bool is_step;
    bool is_dry;
    bool is_done;
    int64_t offset_ns;
    char error[TEXT_MAX]; /* why not; empty if nothing went wrong */
};

static void write_action(struct json *json, const void *context)
{
    const struct correction *correction = context;
    json_open_object(json, "action");
    json_put_string(json, "kind",
                    !correction->is_wanted ? "none"
                    : correction->is_step  ? "step"
                                           : "slew");
    if (correction->is_wanted) {
        json_put_integer(json, "offset_ns", correction->offset_ns);
    } else {
        json_put_null(json, "offset_ns");
    }
    json_put_boolean(json, "dry_run", correction->is_dry);
    json_put_boolean(json, "done", correction->is_done);
    json_put_string(json, "error", correction->error[0] != '\0' ? correction->error : NULL);
    json_close_object(json);
}

static void correct(struct correction *correction)
{
    int status =
        correction->is_step ? clock_step(correction->offset_ns) : clock_slew(correction->offset_ns);
    correction->is_done = status == 0;
    if (status == -EPERM || status == -EACCES) {
        snprintf(
            correction->error, TEXT_MAX,
            "the clock was not set: this needs root or CAP_SYS_TIME; run 'sudo chime sync ...', "
            "or add --dry-run to only look");
    } else if (status < 0) {
        snprintf(correction->error, TEXT_MAX, "the clock was not set: the system refuses (%s)",
                 strerror(-status));
    }
}

static void decide(const struct options *options, const struct selection *selection,
                   struct correction *correction)
{
    correction->is_dry = options->dry_run;
    if (!selection->has_agreement) {
        if (selection->total == 1) {
            snprintf(correction->error, TEXT_MAX, "the clock is left alone: no usable answer came");
        } else {
            snprintf(correction->error, TEXT_MAX,
                     "the clock is left alone: %zu of %zu servers must agree, and do not",
                     selection->total - selection->faults, selection->total);
        }
        return;
    }
    correction->is_wanted = true;
    correction->offset_ns = selection->offset_ns;
    correction->is_step =
        options->step || selection->offset_ns > STEP_NS || selection->offset_ns < -STEP_NS;
    if (!correction->is_dry) {
        correct(correction);
    }
}

static void print_correction(const struct correction *correction, size_t server_count)
{
    char offset[QUANTITY_TEXT_MAX];
    if (correction->error[0] != '\0') {
        fflush(stdout);
        fprintf(stderr, "chime sync: %s\n", correction->error);
        return;
    }
    if (server_count == 1) {
        printf("One server is a majority of one: nobody checks it. Name three to be safe from one "
               "that is wrong.\n");
    }
    quantity_format_duration(correction->offset_ns, true, offset);
    if (correction->is_dry) {
        printf("Would %s the clock by %s; nothing was done (--dry-run).\n",
               correction->is_step ? "step" : "slew", offset);
    } else if (correction->is_step) {
        printf("Stepped the clock by %s.\n", offset);
    } else {
        printf("Slewing the clock by %s.\n", offset);
    }
}

static bool run(const struct options *options, struct survey_result *results)
{
    char error[SURVEY_ERROR_MAX] = "";
    struct selection selection;
    struct correction correction = {0};
    for (size_t i = 0; i < options->host_count; i++) {
        results[i] = (struct survey_result){.name = options->hosts[i]};
    }
    bool has_run = survey_run(&options->survey, results, options->host_count, error);
    if (has_run) {
        survey_judge(results, options->host_count, &selection);
        decide(options, &selection, &correction);
    } else {
        snprintf(correction.error, TEXT_MAX, "%.*s", TEXT_MAX - 1, error);
    }
    bool ok = correction.error[0] == '\0';
    if (options->json) {
        struct survey_json document = {.results = results,
                                       .count = has_run ? options->host_count : 0,
                                       .selection = has_run ? &selection : NULL,
                                       .error = has_run ? NULL : error,
                                       .ok = ok,
                                       .action = write_action,
                                       .context = &correction};
        survey_json_print(&document);
    } else {
        if (has_run) {
            survey_report_print(results, options->host_count, &selection);
        }
        print_correction(&correction, has_run ? selection.total : 0);
    }
    survey_clear(results, options->host_count);
    return ok;
}

int command_sync(int argc, char **argv)
{
    static const struct options_profile profile = {.command = "sync",
                                                   .help = help,
                                                   .is_sync = true,
                                                   .count = 4,
                                                   .distance_max_ns = DISTANCE_NS_MAX};
    static struct survey_result results[SURVEY_SERVERS_MAX];
    struct options options;
    int exit_code;
    if (options_parse(&options, &profile, argc, argv, &exit_code)) {
        exit_code = run(&options, results) ? COMMAND_OK : COMMAND_FAILED;
    }
    options_clear(&options);
    return exit_code;
}
