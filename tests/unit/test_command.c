/* SPDX-License-Identifier: MIT */
#include "server/command_answer.h"
#include "server/command_request.h"
#include "server/command_source.h"
#include "tests/unit/unit.h"
#include <jansson.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static bool parse(const char *line, struct command_request *request, char *error)
{
    return command_request_parse(bytes_make((const uint8_t *)line, strlen(line)), request, error);
}

static void reads_requests(void)
{
    static const struct {
        const char *line;
        enum command_request_kind kind;
        enum command_kind command;
        const char *source;
        bool is_change;
    } cases[] = {
        {"status", REQUEST_STATUS, COMMAND_KINDS, "", false},
        {"sources", REQUEST_SOURCES, COMMAND_KINDS, "", false},
        {"tracking", REQUEST_TRACKING, COMMAND_KINDS, "", false},
        {"version", REQUEST_VERSION, COMMAND_KINDS, "", false},
        {"mesh", REQUEST_MESH, COMMAND_KINDS, "", false},
        {"mesh evidence 7", REQUEST_EVIDENCE, COMMAND_KINDS, "", false},
        {"mesh readmit node-5", REQUEST_CHANGE, COMMAND_READMIT, "node-5", true},
        {"hlc", REQUEST_HLC, COMMAND_KINDS, "", false},
        {"hlc 0123456789abcdef", REQUEST_HLC, COMMAND_KINDS, "", false},
        {"watch 5", REQUEST_WATCH, COMMAND_KINDS, "", false},
        {"accept", REQUEST_CHANGE, COMMAND_ACCEPT, "", true},
        {"step", REQUEST_CHANGE, COMMAND_STEP, "", true},
        {"burst", REQUEST_CHANGE, COMMAND_BURST, "", true},
        {"burst ntp1", REQUEST_CHANGE, COMMAND_BURST, "ntp1", true},
        {"online 2001:db8::1", REQUEST_CHANGE, COMMAND_ONLINE, "2001:db8::1", true},
        {"offline a b", REQUEST_CHANGE, COMMAND_OFFLINE, "a b", true},
        {"refresh \xc3\xbc", REQUEST_CHANGE, COMMAND_REFRESH, "\xc3\xbc", true},
        {"reload", REQUEST_RELOAD, COMMAND_KINDS, "", true},
        {"  status \t", REQUEST_STATUS, COMMAND_KINDS, "", false},
        {"burst \t ntp1  ", REQUEST_CHANGE, COMMAND_BURST, "ntp1", true},
        {"status\r", REQUEST_STATUS, COMMAND_KINDS, "", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct command_request request;
        char error[COMMAND_REQUEST_ERROR_MAX];
        CU_ASSERT_TRUE_FATAL(parse(cases[i].line, &request, error));
        CU_ASSERT_EQUAL(request.kind, cases[i].kind);
        CU_ASSERT_EQUAL(request.command.kind, cases[i].command);
        CU_ASSERT_STRING_EQUAL(request.command.source, cases[i].source);
        CU_ASSERT_EQUAL(command_request_is_change(&request), cases[i].is_change);
    }
}

static void reads_intervals(void)
{
    static const struct {
        const char *line;
        int64_t ns;
    } cases[] = {{"watch", NS_PER_S},
                 {"watch 0.1", NS_PER_S / 10},
                 {"watch 2.5", 2500 * NS_PER_MS},
                 {"watch 3600", 3600 * NS_PER_S}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct command_request request;
        char error[COMMAND_REQUEST_ERROR_MAX];
        CU_ASSERT_TRUE_FATAL(parse(cases[i].line, &request, error));
        CU_ASSERT_EQUAL(request.interval_ns, cases[i].ns);
    }
}

static void reads_arguments_of_the_mesh(void)
{
    struct command_request request;
    char error[COMMAND_REQUEST_ERROR_MAX];
    CU_ASSERT_TRUE_FATAL(parse("mesh evidence 4294967295", &request, error));
    CU_ASSERT_EQUAL(request.number, UINT32_MAX);
    CU_ASSERT_TRUE_FATAL(parse("hlc 0123456789abcdef", &request, error));
    CU_ASSERT_TRUE(request.has_message);
    CU_ASSERT_EQUAL(request.message, UINT64_C(0x0123456789abcdef));
    CU_ASSERT_TRUE_FATAL(parse("hlc", &request, error));
    CU_ASSERT_FALSE(request.has_message);
}

static void refuses_what_is_no_request(void)
{
    static const struct {
        const char *line;
        const char *said;
    } cases[] = {
        {"", "is no request"},
        {"   ", "is no request"},
        {"statu", "'statu' is no request; accepted are: status, sources"},
        {"STATUS", "is no request"},
        {"status now", "nothing is accepted after it"},
        {"mesh evidence", "'evidence' was found"},
        {"mesh evidence 0", "'evidence NUMBER'"},
        {"mesh readmit", "a member's name or id"},
        {"mesh readmits x", "a member's name or id"},
        {"mesh evidence 4294967296", "'evidence NUMBER'"},
        {"mesh evidence 1x", "'evidence NUMBER'"},
        {"mesh proof 1", "'evidence NUMBER'"},
        {"hlc 12", "16 hex digits"},
        {"hlc 0123456789ABCDEF", "16 hex digits"},
        {"hlc 0123456789abcdef0", "16 hex digits"},
        {"accept ntp1", "nothing is accepted after it"},
        {"watch 0", "seconds from 0.1 to 3600"},
        {"watch 0.05", "seconds from 0.1 to 3600"},
        {"watch 3601", "seconds from 0.1 to 3600"},
        {"watch -1", "seconds from 0.1 to 3600"},
        {"watch often", "'often' was found"},
        {"watch 1 s", "seconds from 0.1 to 3600"},
        {"status\x1b", "control character (octet 27)"},
        {"status\x7f", "control character (octet 127)"},
        {"burst 1234567890123456789012345678901234567890123456789012345678901234",
         "at most 63 octets, 64 were found"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct command_request request = {.kind = REQUEST_KINDS};
        char error[COMMAND_REQUEST_ERROR_MAX] = "";
        CU_ASSERT_FALSE(parse(cases[i].line, &request, error));
        CU_ASSERT_PTR_NOT_NULL(strstr(error, cases[i].said));
        CU_ASSERT_EQUAL(request.kind, REQUEST_KINDS);
    }
    struct command_request request;
    char error[COMMAND_REQUEST_ERROR_MAX];
    static const uint8_t zero[] = {'s', 't', 'a', 't', 'u', 's', 0, 'x'};
    CU_ASSERT_FALSE(command_request_parse(bytes_make(zero, sizeof(zero)), &request, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "octet 0"));
    uint8_t longest[COMMAND_REQUEST_MAX + 1];
    memset(longest, ' ', sizeof(longest));
    memcpy(longest, "status", 6);
    CU_ASSERT_TRUE(
        command_request_parse(bytes_make(longest, COMMAND_REQUEST_MAX), &request, error));
    CU_ASSERT_FALSE(
        command_request_parse(bytes_make(longest, COMMAND_REQUEST_MAX + 1), &request, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "257 octets"));
}

/* A valid line: one object, one newline, at the end. */
static json_t *load(const char *out, size_t size)
{
    json_error_t error;
    CU_ASSERT_TRUE_FATAL(size > 1);
    CU_ASSERT_EQUAL(out[size - 1], '\n');
    CU_ASSERT_PTR_NULL(memchr(out, '\n', size - 1));
    /* The version stands first: whoever reads without a parser finds it. */
    CU_ASSERT_EQUAL(strncmp(out, "{\"version\":1,", 13), 0);
    json_t *object = json_loadb(out, size, JSON_REJECT_DUPLICATES, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(object);
    return object;
}

static struct command_facts facts_empty(void)
{
    struct command_facts facts = {.program_version = "1.2.3", .control = "system"};
    facts.status.drift_class = "normal";
    facts.status.state = sync_state_unsynchronised(-20);
    return facts;
}

static json_t *at(json_t *object, const char *path)
{
    char copy[128];
    snprintf(copy, sizeof(copy), "%s", path);
    for (char *key = strtok(copy, "."); key != NULL; key = strtok(NULL, ".")) {
        object = json_object_get(object, key);
    }
    return object;
}

static void writes_an_empty_status(void)
{
    static char out[COMMAND_ANSWER_MAX];
    struct command_facts facts = facts_empty();
    json_t *object = load(out, command_answer(REQUEST_STATUS, &facts, out, sizeof(out)));
    CU_ASSERT_STRING_EQUAL(json_string_value(at(object, "answer")), "status");
    CU_ASSERT_STRING_EQUAL(json_string_value(at(object, "condition")), "starting");
    CU_ASSERT_STRING_EQUAL(json_string_value(at(object, "program_version")), "1.2.3");
    CU_ASSERT_STRING_EQUAL(json_string_value(at(object, "claim.leap")), "unsynchronised");
    CU_ASSERT_EQUAL(json_integer_value(at(object, "claim.stratum")), 16);
    static const char *const nulls[] = {"selected",           "interval",
                                        "estimate",           "updates",
                                        "claim.refid",        "claim.reference",
                                        "epoch.reason",       "clock.last_step_at_ns",
                                        "clock.tai_offset_s", "claim.reference_time_ns"};
    for (size_t i = 0; i < COUNT(nulls); i++) {
        CU_ASSERT_TRUE(json_is_null(at(object, nulls[i])));
    }
    CU_ASSERT_EQUAL(json_array_size(at(object, "server.listening")), 0);
    json_decref(object);
}

static void fill_status(struct command_facts *facts)
{
    struct status *status = &facts->status;
    status->now = (struct reading){{5 * NS_PER_S}, {INT64_C(1700000000000000123)}};
    status->condition = SYNC_SYNCHRONISED;
    strcpy(status->reason, "the sources agree");
    strcpy(status->selected, "ntp1");
    status->state = (struct sync_state){.anchor = {4 * NS_PER_S},
                                        .stratum = 3,
                                        .refid = 0xC0000201,
                                        .root_delay_ns = 1000,
                                        .root_dispersion_ns = 2000,
                                        .dispersion_ppm = 15,
                                        .precision = -24,
                                        .reference = {99}};
    status->has_interval = true;
    status->interval =
        (struct interval){INT64_C(1700000000000000000), INT64_C(1700000000000000999)};
    status->epoch = 7;
    strcpy(status->epoch_reason, "the machine slept");
    status->drift_ppm = 15;
    status->sources = 4;
    status->faults = 1;
    status->agreeing = 3;
    status->needed = 3;
    status->has_estimate = true;
    status->offset_ns = -12.5;
    status->offset_sd_ns = 3;
    status->last_update.ns = 3 * NS_PER_S;
    status->update_interval_ns = 64 * NS_PER_S;
    status->steps = 2;
    status->last_step_ns = -NS_PER_S;
    status->last_step.ns = 77;
    status->tai_offset_s = 37;
    status->is_steering = true;
    facts->counters.answered = 41;
    facts->counters.verdicts[RESPONDER_DENIED] = UINT64_MAX;
}

static void writes_a_full_status(void)
{
    static char out[COMMAND_ANSWER_MAX];
    struct command_facts facts = facts_empty();
    struct address listening;
    CU_ASSERT_TRUE_FATAL(address_parse("[2001:db8::1]:123", 123, &listening));
    fill_status(&facts);
    facts.listening = &listening;
    facts.listening_count = 1;
    json_t *object = load(out, command_answer(REQUEST_STATUS, &facts, out, sizeof(out)));
    CU_ASSERT_STRING_EQUAL(json_string_value(at(object, "condition")), "synchronised");
    CU_ASSERT_STRING_EQUAL(json_string_value(at(object, "claim.reference")), "192.0.2.1");
    CU_ASSERT_STRING_EQUAL(json_string_value(at(object, "claim.refid")), "C0000201");
    /* A second at 15 ppm later. */
    CU_ASSERT_EQUAL(json_integer_value(at(object, "claim.root_dispersion_ns")), 17000);
    CU_ASSERT_EQUAL(json_integer_value(at(object, "now_ns")), INT64_C(1700000000000000123));
    CU_ASSERT_EQUAL(json_integer_value(at(object, "interval.latest_ns")),
                    INT64_C(1700000000000000999));
    CU_ASSERT_EQUAL(json_integer_value(at(object, "updates.age_ns")), 2 * NS_PER_S);
    CU_ASSERT_EQUAL(json_number_value(at(object, "estimate.offset_ns")), -12.5);
    CU_ASSERT_EQUAL(json_integer_value(at(object, "assumptions.faults")), 1);
    CU_ASSERT_EQUAL(json_integer_value(at(object, "clock.tai_offset_s")), 37);
    CU_ASSERT_EQUAL(json_integer_value(at(object, "clock.last_step_ns")), -NS_PER_S);
    CU_ASSERT_TRUE(json_is_true(at(object, "clock.steering")));
    CU_ASSERT_STRING_EQUAL(json_string_value(at(object, "epoch.reason")), "the machine slept");
    CU_ASSERT_EQUAL(json_integer_value(at(object, "server.answered")), 41);
    CU_ASSERT_EQUAL(json_integer_value(at(object, "server.verdicts.access denied")), INT64_MAX);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(at(object, "server.listening"), 0)),
                           "[2001:db8::1]:123");
    json_decref(object);
    object = load(out, command_answer(REQUEST_TRACKING, &facts, out, sizeof(out)));
    CU_ASSERT_STRING_EQUAL(json_string_value(at(object, "answer")), "tracking");
    CU_ASSERT_EQUAL(json_integer_value(at(object, "stratum")), 3);
    CU_ASSERT_EQUAL(json_integer_value(at(object, "updates.interval_ns")), 64 * NS_PER_S);
    json_decref(object);
}

static void writes_every_state(void)
{
    static char out[COMMAND_ANSWER_MAX];
    static struct source_status sources[SOURCE_STATES * SOURCE_KINDS];
    struct command_facts facts = facts_empty();
    for (int state = 0; state < SOURCE_STATES; state++) {
        sources[state] = (struct source_status){.state = (enum source_state)state,
                                                .kind = (enum source_kind)(state % SOURCE_KINDS)};
    }
    facts.sources = sources;
    facts.source_count = SOURCE_STATES;
    json_t *object = load(out, command_answer(REQUEST_SOURCES, &facts, out, sizeof(out)));
    json_t *list = at(object, "sources");
    CU_ASSERT_EQUAL_FATAL(json_array_size(list), SOURCE_STATES);
    for (int state = 0; state < SOURCE_STATES; state++) {
        json_t *source = json_array_get(list, (size_t)state);
        CU_ASSERT_STRING_EQUAL(json_string_value(at(source, "state")),
                               source_state_name((enum source_state)state));
        CU_ASSERT_TRUE(json_is_null(at(source, "sample")));
        CU_ASSERT_TRUE(json_is_null(at(source, "address")));
        CU_ASSERT_TRUE(json_is_null(at(source, "answered_ago_ns")));
        CU_ASSERT_TRUE(json_is_null(at(source, "key_id")));
    }
    json_decref(object);
    for (int condition = 0; condition < SYNC_CONDITIONS; condition++) {
        facts.status.condition = (enum sync_condition)condition;
        object = load(out, command_answer(REQUEST_STATUS, &facts, out, sizeof(out)));
        CU_ASSERT_STRING_EQUAL(json_string_value(at(object, "condition")),
                               sync_condition_name((enum sync_condition)condition));
        json_decref(object);
    }
}

/* Everything at its longest and its worst: still valid, and it fits. */
static void survives_hostile_values(void)
{
    static char out[COMMAND_ANSWER_MAX];
    static struct source_status sources[STATUS_SOURCES_MAX];
    static const char *const texts[] = {"\x01",     "\"",           "\\", "\xff",
                                        "\xc3\xbc", "\xe2\x82\xac", "\n"};
    struct command_facts facts = facts_empty();
    for (size_t text = 0; text < COUNT(texts); text++) {
        for (size_t i = 0; i < STATUS_SOURCES_MAX; i++) {
            struct source_status *source = &sources[i];
            memset(source, 0x7f, sizeof(*source));
            size_t size = strlen(texts[text]);
            memset(source->name, 0, sizeof(source->name));
            memset(source->host, 0, sizeof(source->host));
            memset(source->reason, 0, sizeof(source->reason));
            for (size_t j = 0; j + size < sizeof(source->reason); j += size) {
                memcpy(source->reason + j, texts[text], size);
            }
            memcpy(source->name, source->reason, sizeof(source->name) - 1);
            memcpy(source->host, source->reason, sizeof(source->host) - 1);
            source->remote.family = ADDRESS_IPV6;
            source->local.family = ADDRESS_IPV6;
            source->is_prefer = source->is_noselect = source->is_trust = source->is_require = true;
            source->is_online = source->is_bursting = true;
            source->is_interleaved = source->is_authenticated = true;
            source->has_sample = source->has_estimate = source->has_interval = true;
            source->leap = 9;
            source->sent_stamp = (enum stamp_origin)99;
            source->state = (enum source_state)99;
            source->kind = (enum source_kind)99;
            source->asked.ns = INT64_MIN + 1;
            source->weight = 1.0 / 0.0;
            source->offset_ns = -1.2345678901234567e-300;
            source->jitter_ns = 0.0 / 0.0;
        }
        facts.sources = sources;
        facts.source_count = STATUS_SOURCES_MAX;
        facts.status.now.mono.ns = INT64_MAX;
        size_t size = command_answer(REQUEST_SOURCES, &facts, out, sizeof(out));
        json_t *object = load(out, size);
        CU_ASSERT_PTR_NULL(at(object, "error"));
        CU_ASSERT_EQUAL(json_array_size(at(object, "sources")), STATUS_SOURCES_MAX);
        json_decref(object);
    }
}

static void says_when_there_is_no_room(void)
{
    static char out[COMMAND_ANSWER_MAX];
    struct command_facts facts = facts_empty();
    size_t whole = command_answer(REQUEST_STATUS, &facts, out, sizeof(out));
    json_t *object = load(out, command_answer(REQUEST_STATUS, &facts, out, whole - 1));
    CU_ASSERT_PTR_NOT_NULL(at(object, "error"));
    json_decref(object);
    object = load(out, command_answer(REQUEST_STATUS, &facts, out, whole));
    CU_ASSERT_PTR_NULL(at(object, "error"));
    json_decref(object);
}

static void tells_what_was_done(void)
{
    char out[4096];
    struct command_request request;
    char error[COMMAND_REQUEST_ERROR_MAX];
    struct action_reply reply = {.is_done = true, .text = "two \"sources\"\x1b"};
    CU_ASSERT_TRUE_FATAL(parse("burst x", &request, error));
    json_t *object = load(out, command_answer_done(&request, &reply, out, sizeof(out)));
    CU_ASSERT_STRING_EQUAL(json_string_value(at(object, "answer")), "burst");
    CU_ASSERT_STRING_EQUAL(json_string_value(at(object, "text")), "two \"sources\"\x1b");
    CU_ASSERT_TRUE(json_is_true(at(object, "done")));
    json_decref(object);
    object = load(out, command_answer_error("no", out, sizeof(out)));
    CU_ASSERT_STRING_EQUAL(json_string_value(at(object, "error")), "no");
    CU_ASSERT_PTR_NULL(at(object, "answer"));
    json_decref(object);
}

static void tells_its_version(void)
{
    char out[4096];
    struct command_facts facts = facts_empty();
    facts.may_change = true;
    json_t *object = load(out, command_answer(REQUEST_VERSION, &facts, out, sizeof(out)));
    CU_ASSERT_TRUE(json_is_true(at(object, "may_change")));
    CU_ASSERT_EQUAL(json_array_size(at(object, "requests")), 14);
    json_decref(object);
}

static const struct unit_case cases[] = {
    {"reads requests", reads_requests},
    {"reads intervals", reads_intervals},
    {"reads arguments of the mesh", reads_arguments_of_the_mesh},
    {"refuses what is no request", refuses_what_is_no_request},
    {"writes an empty status", writes_an_empty_status},
    {"writes a full status", writes_a_full_status},
    {"writes every state", writes_every_state},
    {"survives hostile values", survives_hostile_values},
    {"says when there is no room", says_when_there_is_no_room},
    {"tells what was done", tells_what_was_done},
    {"tells its version", tells_its_version},
};
UNIT_MAIN("command", cases)
