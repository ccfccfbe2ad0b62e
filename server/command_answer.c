/* SPDX-License-Identifier: MIT */
#include "server/command_answer.h"
#include "common/base/json.h"
#include "ntpwire/refid.h"
#include "server/command_source.h"
#include <stdio.h>

static void begin(struct json *json, char *out, size_t room)
{
    assert(room >= 512);
    json_init(json, out, room);
    json_open_object(json, NULL);
    json_put_integer(json, "version", COMMAND_ANSWER_VERSION);
}

static size_t end(struct json *json)
{
    json_close_object(json);
    if (!json_finish(json)) {
        return command_answer_error("the answer is longer than it may be; this is a mistake of "
                                    "chimed, please report it",
                                    json->out, json->room);
    }
    json->out[json->size] = '\n';
    return json->size + 1;
}

void command_answer_begin(struct json *json, const char *answer, char *out, size_t room)
{
    begin(json, out, room);
    json_put_string(json, "answer", answer);
}

size_t command_answer_end(struct json *json)
{
    return end(json);
}

static void write_positive(struct json *json, const char *key, uint64_t value)
{
    json_put_integer(json, key, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static void write_time(struct json *json, const char *key, struct wall time)
{
    if (time.ns == 0) {
        json_put_null(json, key);
    } else {
        json_put_integer(json, key, time.ns);
    }
}

static bool is_synchronised(const struct sync_state *state)
{
    return state->stratum >= 1 && state->stratum <= PACKET_STRATUM_MAX &&
           state->leap != LEAP_UNSYNCHRONISED;
}

/* What the answers to NTP clients say now. */
static void write_claim(struct json *json, const struct status *status)
{
    const struct sync_state *state = &status->state;
    bool is_good = is_synchronised(state);
    char digits[16];
    char reference[REFID_TEXT_MAX];
    snprintf(digits, sizeof(digits), "%08X", (unsigned)state->refid);
    refid_format(state->refid, state->stratum, reference);
    json_put_string(json, "leap", command_leap_name(state->leap));
    json_put_integer(json, "stratum", state->stratum);
    json_put_string(json, "refid", is_good ? digits : NULL);
    json_put_string(json, "reference", is_good ? reference : NULL);
    json_put_integer(json, "root_delay_ns", state->root_delay_ns);
    json_put_integer(json, "root_dispersion_ns", sync_state_dispersion_ns(state, status->now.mono));
    json_put_integer(json, "precision_log2_s", state->precision);
    write_time(json, "reference_time_ns", state->reference);
}

static void write_clock(struct json *json, const struct command_facts *facts)
{
    const struct status *status = &facts->status;
    json_open_object(json, "clock");
    json_put_string(json, "control", facts->control);
    json_put_boolean(json, "shadow", status->is_shadow);
    json_put_boolean(json, "steering", status->is_steering);
    json_put_number(json, "frequency_ppm", status->frequency_ppm);
    json_put_integer(json, "steps", status->steps);
    json_put_integer(json, "last_step_ns", status->last_step_ns);
    write_time(json, "last_step_at_ns", status->last_step);
    json_put_string(json, "leap", command_leap_name(status->leap));
    if (status->tai_offset_s != 0) {
        json_put_integer(json, "tai_offset_s", status->tai_offset_s);
    } else {
        json_put_null(json, "tai_offset_s");
    }
    json_put_integer(json, "smear_ns", status->smear_ns);
    json_close_object(json);
}

static void write_interval(struct json *json, const struct status *status)
{
    if (!status->has_interval) {
        json_put_null(json, "interval");
        return;
    }
    json_open_object(json, "interval");
    json_put_integer(json, "earliest_ns", status->interval.earliest_ns);
    json_put_integer(json, "latest_ns", status->interval.latest_ns);
    json_close_object(json);
}

static void write_assumptions(struct json *json, const struct status *status)
{
    json_open_object(json, "epoch");
    json_put_integer(json, "number", status->epoch);
    json_put_string(json, "reason", status->epoch_reason[0] != '\0' ? status->epoch_reason : NULL);
    json_close_object(json);
    json_open_object(json, "assumptions");
    json_put_string(json, "drift_class", status->drift_class);
    json_put_number(json, "drift_ppm", status->drift_ppm);
    write_positive(json, "sources", status->sources);
    write_positive(json, "faults", status->faults);
    write_positive(json, "needed", status->needed);
    write_positive(json, "agreeing", status->agreeing);
    json_close_object(json);
}

static void write_estimate(struct json *json, const struct status *status)
{
    if (!status->has_estimate) {
        json_put_null(json, "estimate");
        return;
    }
    json_open_object(json, "estimate");
    json_put_number(json, "offset_ns", status->offset_ns);
    json_put_number(json, "offset_sd_ns", status->offset_sd_ns);
    json_put_number(json, "rate_ppm", status->rate_ppm);
    json_put_number(json, "rate_sd_ppm", status->rate_sd_ppm);
    json_put_number(json, "residual_ppm", status->residual_ppm);
    json_close_object(json);
}

static void write_updates(struct json *json, const struct status *status)
{
    if (status->last_update.ns == 0) {
        json_put_null(json, "updates");
        return;
    }
    json_open_object(json, "updates");
    json_put_integer(json, "age_ns", status->now.mono.ns - status->last_update.ns);
    json_put_integer(json, "interval_ns", status->update_interval_ns);
    json_put_integer(json, "last_offset_ns", status->last_offset_ns);
    json_put_number(json, "rms_offset_ns", status->rms_offset_ns);
    json_close_object(json);
}

static void write_activity(struct json *json, const struct status *status)
{
    json_open_object(json, "activity");
    json_put_integer(json, "online", status->online);
    json_put_integer(json, "offline", status->offline);
    json_put_integer(json, "bursting_online", status->bursting_online);
    json_put_integer(json, "bursting_offline", status->bursting_offline);
    json_put_integer(json, "unresolved", status->unresolved);
    json_close_object(json);
}

static void write_server(struct json *json, const struct command_facts *facts)
{
    const struct server_counters *counters = &facts->counters;
    json_open_object(json, "server");
    json_open_array(json, "listening");
    for (size_t i = 0; i < facts->listening_count; i++) {
        char text[ADDRESS_TEXT_MAX];
        json_put_string(json, NULL, address_format_port(&facts->listening[i], text));
    }
    json_close_array(json);
    write_positive(json, "received", counters->received);
    write_positive(json, "answered", counters->answered);
    write_positive(json, "kissed", counters->kissed);
    write_positive(json, "authentic", counters->authentic);
    write_positive(json, "crypto_naks", counters->crypto_naks);
    write_positive(json, "interleaved", counters->interleaved);
    write_positive(json, "clients", facts->clients);
    json_open_object(json, "verdicts");
    for (int i = 0; i < RESPONDER_VERDICTS; i++) {
        write_positive(json, responder_verdict_name((enum responder_verdict)i),
                       counters->verdicts[i]);
    }
    json_close_object(json);
    json_close_object(json);
}

static void write_status(struct json *json, const struct command_facts *facts)
{
    const struct status *status = &facts->status;
    json_put_string(json, "program", "chimed");
    json_put_string(json, "program_version", facts->program_version);
    json_put_integer(json, "uptime_ns", facts->uptime_ns);
    json_put_integer(json, "now_ns", status->now.wall.ns);
    json_put_string(json, "condition", sync_condition_name(status->condition));
    json_put_string(json, "reason", status->reason);
    json_put_string(json, "selected", status->selected[0] != '\0' ? status->selected : NULL);
    json_open_object(json, "claim");
    write_claim(json, status);
    json_close_object(json);
    write_clock(json, facts);
    write_interval(json, status);
    write_assumptions(json, status);
    write_estimate(json, status);
    write_updates(json, status);
    write_activity(json, status);
    write_server(json, facts);
}

/* What those who know chronyc's tracking look for, in one flat object. */
static void write_tracking(struct json *json, const struct command_facts *facts)
{
    const struct status *status = &facts->status;
    json_put_integer(json, "now_ns", status->now.wall.ns);
    json_put_string(json, "condition", sync_condition_name(status->condition));
    json_put_string(json, "selected", status->selected[0] != '\0' ? status->selected : NULL);
    write_claim(json, status);
    json_put_number(json, "frequency_ppm", status->frequency_ppm);
    write_interval(json, status);
    write_estimate(json, status);
    write_updates(json, status);
}

static void write_sources(struct json *json, const struct command_facts *facts)
{
    json_put_integer(json, "now_ns", facts->status.now.wall.ns);
    json_open_array(json, "sources");
    for (size_t i = 0; i < facts->source_count; i++) {
        command_source_write(json, &facts->sources[i], facts->status.now.mono);
    }
    json_close_array(json);
}

static void write_version(struct json *json, const struct command_facts *facts)
{
    json_put_string(json, "program", "chimed");
    json_put_string(json, "program_version", facts->program_version);
    json_put_boolean(json, "may_change", facts->may_change);
    json_open_array(json, "requests");
    for (size_t i = 0; command_request_word(i) != NULL; i++) {
        json_put_string(json, NULL, command_request_word(i));
    }
    json_close_array(json);
}

size_t command_answer(enum command_request_kind kind, const struct command_facts *facts, char *out,
                      size_t room)
{
    static const struct {
        const char *name;
        void (*write)(struct json *json, const struct command_facts *facts);
    } answers[REQUEST_KINDS] = {
        [REQUEST_STATUS] = {"status", write_status},
        [REQUEST_SOURCES] = {"sources", write_sources},
        [REQUEST_TRACKING] = {"tracking", write_tracking},
        [REQUEST_VERSION] = {"version", write_version},
    };
    assert((unsigned)kind < REQUEST_KINDS && answers[kind].name != NULL);
    struct json json;
    begin(&json, out, room);
    json_put_string(&json, "answer", answers[kind].name);
    answers[kind].write(&json, facts);
    return end(&json);
}

size_t command_answer_done(const struct command_request *request, const struct action_reply *reply,
                           char *out, size_t room)
{
    struct json json;
    begin(&json, out, room);
    json_put_string(&json, "answer", request->word);
    json_put_boolean(&json, "done", reply->is_done);
    json_put_string(&json, "text", reply->text);
    return end(&json);
}

size_t command_answer_error(const char *sentence, char *out, size_t room)
{
    struct json json;
    begin(&json, out, room);
    json_put_string(&json, "error", sentence);
    return end(&json);
}
