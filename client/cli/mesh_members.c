/* SPDX-License-Identifier: MIT */
/* chime mesh, and chime mesh evidence: what the running daemon says of its mesh. */
#include "client/cli/command.h"
#include "client/cli/inquiry.h"
#include "client/cli/members_report.h"
#include "client/cli/mesh_command.h"
#include "client/cli/options.h"
#include <stdio.h>

static const char members_help[] =
    "chime mesh [OPTION]...\n"
    "chime mesh evidence [OPTION]... NUMBER    a proof that was found, as a text to keep\n"
    "chime mesh verify [OPTION]... FILE        what such a text proves; asks nobody\n"
    "chime mesh readmit [OPTION]... MEMBER     forgets what is held against it\n"
    "\n"
    "The members of the mesh: how far their clocks are from ours, what the running chimed thinks "
    "of\n"
    "them and why, how many more may lie or be gone, and what each says of each.\n"
    "\n"
    "  -v, --verbose      counts of packets too\n" INQUIRY_HELP "\n"
    "Exit code: 0 if chimed answered, whatever it thinks of them; 1 if not; 2 for a mistake in "
    "the\n"
    "arguments.\n";

static const char evidence_help[] =
    "chime mesh evidence [OPTION]... NUMBER\n"
    "\n"
    "The proof of that number, of those that 'chime mesh' shows: the signed reports themselves, "
    "with\n"
    "all that is needed to check them. 'chime mesh verify' does that, and so can anybody.\n"
    "\n" INQUIRY_HELP "\n"
    "Exit code: 0 if there is such a proof; 1 if not; 2 for a mistake in the arguments.\n";

static void print_members(const struct inquiry *inquiry, const json_t *answer)
{
    struct paint paint = paint_choose();
    members_report_print(stdout, answer, inquiry->verbose, &paint);
}

int mesh_members(int argc, char **argv)
{
    static const struct inquiry_once once = {
        .profile = {.command = "mesh", .help = members_help, .takes_verbose = true},
        .request = "mesh",
        .print = print_members};
    return inquiry_run(&once, argc, argv);
}

int mesh_evidence(int argc, char **argv)
{
    static const struct inquiry_profile profile = {
        .command = "mesh evidence", .help = evidence_help, .words_max = 1, .words = "one number"};
    static const int64_t limits[2] = {1, UINT32_MAX};
    struct inquiry inquiry;
    char request[64];
    int exit_code;
    int64_t number;
    if (!inquiry_parse(&inquiry, &profile, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (inquiry.word_count != 1) {
        return options_complain(profile.command, "no number was found; 'chime mesh' shows those "
                                                 "of the proofs");
    }
    if (!options_read_integer(profile.command, "NUMBER", inquiry.words[0], limits, &number)) {
        return COMMAND_USAGE;
    }
    snprintf(request, sizeof(request), "mesh evidence %lld", (long long)number);
    json_t *answer = inquiry_open(&inquiry) ? inquiry_ask(&inquiry, request) : NULL;
    const char *proof = json_string_value(json_object_get(answer, "proof"));
    if (proof != NULL && !inquiry.json) {
        fputs(proof, stdout);
    }
    inquiry_close(&inquiry);
    json_decref(answer);
    return proof != NULL ? COMMAND_OK : COMMAND_FAILED;
}
