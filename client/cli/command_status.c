/* SPDX-License-Identifier: MIT */
/* chime status, sources and tracking: one question each. */
#include "client/cli/command.h"
#include "client/cli/inquiry.h"
#include "client/cli/sources_report.h"
#include "client/cli/status_report.h"

static const char status_help[] =
    "chime status [OPTION]...\n"
    "\n"
    "What the running chimed knows of its clock: the state and why, the best guess of the offset,\n"
    "the interval that holds the truth with what that rests on, and what is answered to clients.\n"
    "\n" INQUIRY_HELP "\n"
    "Exit code: 0 if chimed answered, whatever its state ('chime doctor' judges that); 1 if not;\n"
    "2 for a mistake in the arguments.\n";

static const char sources_help[] =
    "chime sources [OPTION]...\n"
    "\n"
    "Whom chimed asks for the time, what they say, and why those that are not used are not.\n"
    "\n"
    "  -v, --verbose      all that is known of each source\n" INQUIRY_HELP "\n"
    "Exit code: 0 if chimed answered; 1 if not; 2 for a mistake in the arguments.\n";

static const char tracking_help[] =
    "chime tracking [OPTION]...\n"
    "\n"
    "How chimed follows its sources, in the order that users of 'chronyc tracking' know.\n"
    "\n" INQUIRY_HELP "\n"
    "Exit code: 0 if chimed answered; 1 if not; 2 for a mistake in the arguments.\n";

static void print_status(const struct inquiry *inquiry, const json_t *answer)
{
    struct paint paint = paint_choose();
    status_report_print(stdout, answer, ask_path(&inquiry->ask), &paint);
}

static void print_sources(const struct inquiry *inquiry, const json_t *answer)
{
    struct paint paint = paint_choose();
    sources_report_print(stdout, answer, inquiry->verbose, &paint);
}

static void print_tracking(const struct inquiry *inquiry, const json_t *answer)
{
    (void)inquiry;
    status_report_tracking(stdout, answer);
}

int command_status(int argc, char **argv)
{
    static const struct inquiry_once once = {.profile = {.command = "status", .help = status_help},
                                             .request = "status",
                                             .print = print_status};
    return inquiry_run(&once, argc, argv);
}

int command_sources(int argc, char **argv)
{
    static const struct inquiry_once once = {
        .profile = {.command = "sources", .help = sources_help, .takes_verbose = true},
        .request = "sources",
        .print = print_sources};
    return inquiry_run(&once, argc, argv);
}

int command_tracking(int argc, char **argv)
{
    static const struct inquiry_once once = {
        .profile = {.command = "tracking", .help = tracking_help},
        .request = "tracking",
        .print = print_tracking};
    return inquiry_run(&once, argc, argv);
}
