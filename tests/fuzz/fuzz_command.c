/* SPDX-License-Identifier: MIT */
/* The control socket from both ends: any octets as a request to the daemon, and as its answer to
 * chime. */
#include "client/cli/answer.h"
#include "client/cli/doctor.h"
#include "client/cli/sources_report.h"
#include "client/cli/status_report.h"
#include "client/cli/watch_screen.h"
#include "server/command_answer.h"
#include "server/command_request.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

const struct fuzz_target fuzz_target = {.name = "command", .takes_packets = false};

static void check_answer(const char *out, size_t size)
{
    char error[ANSWER_ERROR_MAX] = "";
    FUZZ_REQUIRE(size > 1 && out[size - 1] == '\n' && memchr(out, '\n', size - 1) == NULL);
    json_t *object = json_loadb(out, size, JSON_REJECT_DUPLICATES, NULL);
    FUZZ_REQUIRE(object != NULL);
    json_decref(object);
    char *line = fuzz_text((const uint8_t *)out, size - 1);
    object = answer_parse(line, error);
    FUZZ_REQUIRE((object != NULL) == (error[0] == '\0'));
    json_decref(object);
    free(line);
}

static void check_request(const uint8_t *data, size_t size)
{
    struct command_request request;
    char error[COMMAND_REQUEST_ERROR_MAX] = "";
    char out[8192];
    if (!command_request_parse(bytes_make(data, size), &request, error)) {
        FUZZ_REQUIRE(error[0] != '\0' && strlen(error) < sizeof(error));
        check_answer(out, command_answer_error(error, out, sizeof(out)));
        return;
    }
    FUZZ_REQUIRE(size <= COMMAND_REQUEST_MAX && error[0] == '\0');
    FUZZ_REQUIRE(strlen(request.command.source) < sizeof(request.command.source));
    if (request.kind == REQUEST_WATCH) {
        FUZZ_REQUIRE(request.interval_ns >= NS_PER_S / 10);
        FUZZ_REQUIRE(request.interval_ns <= 3600 * NS_PER_S);
    }
    if (command_request_is_change(&request)) {
        struct action_reply reply = {.is_done = true};
        memcpy(reply.text, request.command.source, sizeof(request.command.source));
        check_answer(out, command_answer_done(&request, &reply, out, sizeof(out)));
    }
}

static void examine(const json_t *object)
{
    static struct doctor doctor;
    struct ask ask = {.fd = -1, .place_count = 1};
    struct survey_result served = {.name = "x", .outcome = SURVEY_OK};
    struct doctor_facts facts = {.is_connected = true,
                                 .ask = &ask,
                                 .ask_error = "",
                                 .version = object,
                                 .status = object,
                                 .status_after = object,
                                 .sources = object,
                                 .served = &served};
    doctor_examine(&doctor, &facts);
    FUZZ_REQUIRE(doctor.count > 0);
}

/* Nothing that a terminal would obey is printed. */
static void check_printed(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        FUZZ_REQUIRE(text[i] == '\n' || ((unsigned char)text[i] >= 0x20 && text[i] != 0x7F));
    }
}

static void check_response(const char *line)
{
    char error[ANSWER_ERROR_MAX] = "";
    json_t *object = answer_parse(line, error);
    char *text = NULL;
    size_t size = 0;
    FUZZ_REQUIRE((object != NULL) == (error[0] == '\0'));
    check_printed(error, strlen(error));
    if (object == NULL) {
        return;
    }
    FILE *out = open_memstream(&text, &size);
    struct watch_history history = {0};
    FUZZ_REQUIRE(out != NULL);
    status_report_print(out, object, "/x", &paint_none);
    status_report_tracking(out, object);
    sources_report_print(out, object, false, &paint_none);
    sources_report_print(out, object, true, &paint_none);
    watch_history_add(&history, object);
    watch_screen_print(out, &history, object, object, (struct watch_size){80, 24}, &paint_none);
    watch_screen_line(out, object, object);
    fclose(out);
    check_printed(text, size);
    free(text);
    examine(object);
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_request(data, size);
    char *line = fuzz_text(data, size);
    check_response(line);
    free(line);
    return 0;
}
