/* SPDX-License-Identifier: MIT */
/* command_answer.h - what the daemon knows, as one line of JSON (doc/protocol.md). Pure: whoever
 * answers gathers the facts. */
#ifndef SERVER_COMMAND_ANSWER_H
#define SERVER_COMMAND_ANSWER_H
#include "common/base/action.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "server/command_request.h"
#include "server/server.h"

/* Of the JSON: grows when a key is taken away or means something else; new keys don't count. */
#define COMMAND_ANSWER_VERSION 1
/* Enough for every answer: STATUS_SOURCES_MAX sources, with the longest texts. */
#define COMMAND_ANSWER_MAX ((size_t)384 << 10)

struct command_facts {
    const char *program_version; /* "0.1.0" */
    const char *control;         /* "system", "shadow" or "virtual" */
    int64_t uptime_ns;
    struct status status;
    const struct source_status *sources; /* REQUEST_SOURCES only */
    size_t source_count;
    struct server_counters counters; /* of all workers */
    size_t clients;                  /* remembered */
    const struct address *listening; /* where NTP is served */
    size_t listening_count;
    bool may_change; /* whoever asks; REQUEST_VERSION only */
};

/* These write an answer and its newline to out, not terminated, and return its size. room is at
 * least 512. */
size_t command_answer(enum command_request_kind kind, const struct command_facts *facts, char *out,
                      size_t room);
size_t command_answer_done(const struct command_request *request, const struct action_reply *reply,
                           char *out, size_t room);
/* What begins and ends every answer: its size, with the newline. */
void command_answer_begin(struct json *json, const char *answer, char *out, size_t room);
size_t command_answer_end(struct json *json);
size_t command_answer_error(const char *sentence, char *out, size_t room);
#endif
