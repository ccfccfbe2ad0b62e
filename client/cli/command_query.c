/* SPDX-License-Identifier: MIT */
#include "client/cli/command.h"
#include "client/cli/options.h"
#include "client/cli/survey_report.h"
#include <stdio.h>

static const char help[] =
    "chime query [OPTION]... HOST[:PORT]...\n"
    "\n"
    "Asks NTP servers for the time and says how far our clock is from theirs. It sets nothing.\n"
    "Several servers are asked at once; the interval on which a majority of them agrees is shown,\n"
    "and those outside of it are marked.\n"
    "\n"
    "  -c, --count N        samples of each server, 1 to 1000 (default 1; with -x 4)\n"
    "  -i, --interval S     seconds between two samples, 0.1 to 3600 (default 2)\n"
    "  -t, --timeout S      seconds to wait for an answer, 0.01 to 60 (default 1); a server that\n"
    "                       leaves three requests in a row unanswered is given up\n"
    "  -4, -6               IPv4 only, IPv6 only\n"
    "  -p, --port N         the port of servers named without one (default 123)\n"
    "  -V, --ntp-version N  ask in this version of NTP, 1 to 4 (default 4)\n"
    "  -k, --key ID         authenticate with this key ...\n"
    "      --keys FILE      ... of this file, as 'chime keygen' writes it\n"
    "  -x, --interleaved    ask for interleaved mode, which tells more exactly when replies left\n"
    "      --json           one JSON document instead of text\n"
    "  -h, --help           this text\n"
    "\n"
    "offset is the server's clock less ours: positive means that ours is behind. True time is "
    "within\n"
    "+/- bound of it, if the server's claims hold: half the delay, half its root delay, its root\n"
    "dispersion and the precisions of both clocks.\n"
    "\n"
    "Exit code: 0 if every server gave a usable answer and, of several, a majority agrees; else "
    "1;\n"
    "2 for a mistake in the arguments or the keys file.\n";

static bool run(const struct options *options, struct survey_result *results)
{
    char error[SURVEY_ERROR_MAX] = "";
    struct selection selection;
    for (size_t i = 0; i < options->host_count; i++) {
        results[i] = (struct survey_result){.name = options->hosts[i]};
    }
    bool has_run = survey_run(&options->survey, results, options->host_count, error);
    bool ok = false;
    if (has_run) {
        survey_judge(results, options->host_count, &selection);
        ok = survey_report_is_good(results, options->host_count, &selection);
    }
    if (options->json) {
        struct survey_json document = {.results = results,
                                       .count = has_run ? options->host_count : 0,
                                       .selection = has_run ? &selection : NULL,
                                       .error = has_run ? NULL : error,
                                       .ok = ok};
        survey_json_print(&document);
    } else if (has_run) {
        survey_report_print(results, options->host_count, &selection);
    } else {
        (void)options_complain("query", "%s", error);
    }
    survey_clear(results, options->host_count);
    return ok;
}

int command_query(int argc, char **argv)
{
    static const struct options_profile profile = {.command = "query", .help = help, .count = 1};
    static struct survey_result results[SURVEY_SERVERS_MAX];
    struct options options;
    int exit_code;
    if (options_parse(&options, &profile, argc, argv, &exit_code)) {
        exit_code = run(&options, results) ? COMMAND_OK : COMMAND_FAILED;
    }
    options_clear(&options);
    return exit_code;
}
