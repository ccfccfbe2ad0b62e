/* SPDX-License-Identifier: MIT */
#include "client/cli/inquiry.h"
#include "client/cli/command.h"
#include "client/cli/options.h"
#include "common/base/json.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum long_option { OPTION_SOCKET = 256, OPTION_JSON };

static bool set_option(struct inquiry *inquiry, int letter, const char *text)
{
    switch (letter) {
    case OPTION_SOCKET:
        inquiry->socket = text;
        return true;
    case OPTION_JSON:
        inquiry->json = true;
        return true;
    default: /* 'v' */
        inquiry->verbose = true;
        return inquiry->profile->takes_verbose;
    }
}

static bool check_words(const struct inquiry *inquiry)
{
    const struct inquiry_profile *profile = inquiry->profile;
    if (inquiry->word_count <= profile->words_max) {
        return true;
    }
    if (profile->words_max == 0) {
        (void)options_complain(profile->command,
                               "'%.64s' was found, no argument is accepted; 'chime %s --help' "
                               "says more",
                               inquiry->words[0], profile->command);
    } else {
        (void)options_complain(profile->command, "%zu arguments were found, %s is accepted",
                               inquiry->word_count, profile->words);
    }
    return false;
}

bool inquiry_parse(struct inquiry *inquiry, const struct inquiry_profile *profile, int argc,
                   char **argv, int *exit_code)
{
    static const struct option names[] = {
        {"socket", required_argument, NULL, OPTION_SOCKET},
        {"json", no_argument, NULL, OPTION_JSON},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    *inquiry = (struct inquiry){.profile = profile, .ask = {.fd = -1}};
    *exit_code = COMMAND_USAGE;
    opterr = 0;
    int letter;
    while ((letter = getopt_long(argc, argv, ":vh", names, NULL)) != -1) {
        if (letter == 'h') {
            fputs(profile->help, stdout);
            *exit_code = COMMAND_OK;
            return false;
        }
        if (letter == '?' || letter == ':' || !set_option(inquiry, letter, optarg)) {
            *exit_code = options_complain_of(profile->command, letter == ':' ? ':' : '?', optopt,
                                             argv[optind - 1]);
            return false;
        }
    }
    inquiry->words = argv + optind;
    inquiry->word_count = (size_t)(argc - optind);
    return check_words(inquiry);
}

/* With --json whoever reads standard output finds there what went wrong, too. */
static void complain(const struct inquiry *inquiry, const char *error)
{
    char out[8 * ASK_ERROR_MAX];
    struct json json;
    (void)options_complain(inquiry->profile->command, "%s", error);
    if (!inquiry->json) {
        return;
    }
    json_init(&json, out, sizeof(out));
    json_open_object(&json, NULL);
    json_put_integer(&json, "version", ANSWER_VERSION);
    json_put_string(&json, "error", error);
    json_close_object(&json);
    if (json_finish(&json)) {
        puts(out);
    }
}

bool inquiry_open(struct inquiry *inquiry)
{
    char error[ASK_ERROR_MAX];
    if (ask_open(&inquiry->ask, inquiry->socket, error)) {
        return true;
    }
    complain(inquiry, error);
    return false;
}

void inquiry_close(struct inquiry *inquiry)
{
    ask_close(&inquiry->ask);
}

json_t *inquiry_ask(struct inquiry *inquiry, const char *request)
{
    char error[ASK_ERROR_MAX];
    const char *line = NULL;
    if (ask_send(&inquiry->ask, request, error)) {
        line = ask_receive(&inquiry->ask, ASK_TIMEOUT_MS, error);
    }
    if (line == NULL) {
        complain(inquiry, error);
        return NULL;
    }
    if (inquiry->json) {
        puts(line);
    }
    json_t *answer = answer_parse(line, error);
    if (answer == NULL) {
        (void)options_complain(inquiry->profile->command, "%s", error);
    }
    return answer;
}

int inquiry_run(const struct inquiry_once *once, int argc, char **argv)
{
    struct inquiry inquiry;
    int exit_code;
    if (!inquiry_parse(&inquiry, &once->profile, argc, argv, &exit_code)) {
        return exit_code;
    }
    json_t *answer = inquiry_open(&inquiry) ? inquiry_ask(&inquiry, once->request) : NULL;
    if (answer != NULL && !inquiry.json) {
        once->print(&inquiry, answer);
    }
    inquiry_close(&inquiry);
    json_decref(answer);
    return answer != NULL ? COMMAND_OK : COMMAND_FAILED;
}
