/* SPDX-License-Identifier: MIT */
/* chime accept, step, burst, online, offline, refresh, reload and mesh readmit: what changes
 * something. */
#include "client/cli/command.h"
#include "client/cli/inquiry.h"
#include "client/cli/mesh_command.h"
#include "client/cli/options.h"
#include <stdio.h>

#define WHO_MAY                                                                                    \
    "Only root and the user that chimed runs as may ask for it.\n"                                 \
    "\n" INQUIRY_HELP "\n"                                                                         \
    "Exit code: 0 if it was done; 1 if not, with the reason; 2 for a mistake in the arguments.\n"
#define SOURCE_WORDS "one source at most"

static int ask(struct inquiry *inquiry, const struct inquiry_profile *profile)
{
    char request[256];
    char text[ANSWER_TEXT_MAX];
    const char *word = inquiry->word_count > 0 ? inquiry->words[0] : "";
    int size = snprintf(request, sizeof(request), "%s%s%s", profile->command,
                        word[0] != '\0' ? " " : "", word);
    if (size < 0 || (size_t)size >= sizeof(request)) {
        return options_complain(profile->command, "'%.32s...' is too long to be a source's name",
                                word);
    }
    json_t *answer = inquiry_open(inquiry) ? inquiry_ask(inquiry, request) : NULL;
    bool is_done = answer_is_true(answer, "done");
    if (answer != NULL && is_done && !inquiry->json) {
        printf("%s\n", answer_text(answer, "text", text));
    } else if (answer != NULL && !is_done) {
        (void)options_complain(profile->command, "%s", answer_text(answer, "text", text));
    }
    inquiry_close(inquiry);
    json_decref(answer);
    return is_done ? COMMAND_OK : COMMAND_FAILED;
}

static int run(const struct inquiry_profile *profile, int argc, char **argv)
{
    struct inquiry inquiry;
    int exit_code;
    return inquiry_parse(&inquiry, profile, argc, argv, &exit_code) ? ask(&inquiry, profile)
                                                                    : exit_code;
}

int command_accept(int argc, char **argv)
{
    static const struct inquiry_profile profile = {
        .command = "accept",
        .help = "chime accept [OPTION]...\n"
                "\n"
                "Ends a panic: vouches for the sources. Their next estimate is believed, and the "
                "clock is\n"
                "stepped to it if need be. Look at 'chime sources' first.\n"
                "\n" WHO_MAY};
    return run(&profile, argc, argv);
}

int command_step(int argc, char **argv)
{
    static const struct inquiry_profile profile = {
        .command = "step",
        .help = "chime step [OPTION]...\n"
                "\n"
                "Corrects what is left of the offset by a step, now, in place of slewing it away.\n"
                "\n" WHO_MAY};
    return run(&profile, argc, argv);
}

int command_burst(int argc, char **argv)
{
    static const struct inquiry_profile profile = {
        .command = "burst",
        .help = "chime burst [OPTION]... [SOURCE]\n"
                "\n"
                "Asks a source (its name or address), or all of them, quickly a few times.\n"
                "\n" WHO_MAY,
        .words_max = 1,
        .words = SOURCE_WORDS};
    return run(&profile, argc, argv);
}

int command_online(int argc, char **argv)
{
    static const struct inquiry_profile profile = {
        .command = "online",
        .help = "chime online [OPTION]... [SOURCE]\n"
                "\n"
                "Asks a source (its name or address), or all of them, again after 'chime "
                "offline'.\n"
                "\n" WHO_MAY,
        .words_max = 1,
        .words = SOURCE_WORDS};
    return run(&profile, argc, argv);
}

int command_offline(int argc, char **argv)
{
    static const struct inquiry_profile profile = {
        .command = "offline",
        .help = "chime offline [OPTION]... [SOURCE]\n"
                "\n"
                "Asks a source (its name or address), or all of them, no more until 'chime "
                "online'.\n"
                "\n" WHO_MAY,
        .words_max = 1,
        .words = SOURCE_WORDS};
    return run(&profile, argc, argv);
}

int command_refresh(int argc, char **argv)
{
    static const struct inquiry_profile profile = {
        .command = "refresh",
        .help = "chime refresh [OPTION]... [SOURCE]\n"
                "\n"
                "Looks up the host name of a source, or of all of them, anew.\n"
                "\n" WHO_MAY,
        .words_max = 1,
        .words = SOURCE_WORDS};
    return run(&profile, argc, argv);
}

int command_reload(int argc, char **argv)
{
    static const struct inquiry_profile profile = {
        .command = "reload",
        .help = "chime reload [OPTION]...\n"
                "\n"
                "Lets chimed read its configuration anew, as SIGHUP does. A file with a mistake "
                "changes\n"
                "nothing; chimed's log names the mistakes.\n"
                "\n" WHO_MAY};
    return run(&profile, argc, argv);
}

int mesh_readmit_command(int argc, char **argv)
{
    static const struct inquiry_profile profile = {
        .command = "mesh readmit",
        .help =
            "chime mesh readmit [OPTION]... MEMBER\n"
            "\n"
            "Forgets what this node holds against a member (its name or id), which then begins "
            "as a\n"
            "new one. One that is convicted must have begun a new key epoch before that ('chime "
            "keygen\n"
            "--node --next-epoch' there). Every node of the mesh judges for itself: run it on "
            "each.\n"
            "\n" WHO_MAY,
        .words_max = 1,
        .words = "one member"};
    struct inquiry inquiry;
    int exit_code;
    if (!inquiry_parse(&inquiry, &profile, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (inquiry.word_count != 1) {
        return options_complain(profile.command,
                                "no member was found; 'chime mesh' shows their names");
    }
    return ask(&inquiry, &profile);
}
