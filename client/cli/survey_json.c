/* SPDX-License-Identifier: MIT */
#include "client/cli/survey_report.h"
#include "ntpwire/refid.h"
#include <stdio.h>
#include <stdlib.h>

#define ROOM_START 8192
#define ROOM_MAX (64 * 1024 * 1024)

static void write_integer_or_null(struct json *json, const char *key, bool is_known, int64_t value)
{
    if (is_known) {
        json_put_integer(json, key, value);
    } else {
        json_put_null(json, key);
    }
}

static void write_failure(struct json *json, const struct survey_result *result)
{
    bool is_kiss = result->has_reply && result->verdict == EXCHANGE_KISS;
    char code[REFID_TEXT_MAX];
    refid_format(result->reply.packet.refid, 0, code);
    json_put_string(json, "outcome", survey_outcome_name(result->outcome));
    json_put_string(json, "error", result->outcome == SURVEY_OK ? NULL : result->sentence);
    json_put_string(json, "test",
                    result->has_reply ? exchange_verdict_name(result->verdict) : NULL);
    json_put_string(json, "kiss_code", is_kiss ? code : NULL);
}

/* The header of the sample, or of the reply that was refused. */
static void write_header(struct json *json, const struct survey_result *result)
{
    const struct packet *packet = &result->reply.packet;
    const struct sample *best = &result->best;
    bool is_ok = result->outcome == SURVEY_OK;
    bool is_known = is_ok || (result->has_reply && result->reply.has_packet);
    uint32_t refid = is_ok ? best->refid : packet->refid;
    unsigned stratum = is_ok ? best->stratum : packet->stratum;
    int64_t delay_ns = is_ok ? best->root_delay_ns : timestamp_short_to_ns(packet->root_delay);
    int64_t dispersion_ns =
        is_ok ? best->root_dispersion_ns : timestamp_short_to_ns(packet->root_dispersion);
    char digits[16];
    char words[REFERENCE_TEXT_MAX];
    snprintf(digits, sizeof(digits), "%08X", (unsigned)refid);
    survey_report_reference(refid, stratum, words);

    write_integer_or_null(json, "stratum", is_known, stratum);
    json_put_string(json, "leap",
                    is_known ? survey_report_leap(is_ok ? best->leap : packet->leap) : NULL);
    write_integer_or_null(json, "version", is_known, is_ok ? best->version : packet->version);
    write_integer_or_null(json, "precision_log2_s", is_known,
                          is_ok ? best->precision : packet->precision);
    write_integer_or_null(json, "poll_log2_s", is_known, is_ok ? best->poll : packet->poll);
    write_integer_or_null(json, "root_delay_ns", is_known, delay_ns);
    write_integer_or_null(json, "root_dispersion_ns", is_known, dispersion_ns);
    json_put_string(json, "refid", is_known ? digits : NULL);
    json_put_string(json, "reference", is_known ? words : NULL);
}

static void write_sample(struct json *json, const struct survey_result *result)
{
    const struct sample *best = &result->best;
    bool is_ok = result->outcome == SURVEY_OK;
    write_integer_or_null(json, "offset_ns", is_ok, best->offset_ns);
    write_integer_or_null(json, "bound_ns", is_ok, best->bound_ns);
    write_integer_or_null(json, "delay_ns", is_ok, best->delay_ns);
    write_integer_or_null(json, "jitter_ns", is_ok && result->sample_count > 1, result->jitter_ns);
    if (is_ok) {
        json_put_boolean(json, "outside", result->is_outside);
    } else {
        json_put_null(json, "outside");
    }
    write_header(json, result);
    if (is_ok) {
        json_put_boolean(json, "interleaved", best->is_interleaved);
        json_put_boolean(json, "authenticated", best->is_authenticated);
    } else {
        json_put_null(json, "interleaved");
        json_put_null(json, "authenticated");
    }
    json_put_string(json, "sent_stamp", is_ok ? survey_report_stamp(best->sent_stamp) : NULL);
    json_put_string(json, "received_stamp",
                    is_ok ? survey_report_stamp(best->received_stamp) : NULL);
    write_integer_or_null(json, "t1_ns", is_ok, best->sent.wall.ns);
    write_integer_or_null(json, "t2_ns", is_ok, best->source_received.ns);
    write_integer_or_null(json, "t3_ns", is_ok, best->source_sent.ns);
    write_integer_or_null(json, "t4_ns", is_ok, best->received.wall.ns);
}

static void write_server(struct json *json, const struct survey_result *result)
{
    char address[ADDRESS_TEXT_MAX];
    bool has_address = result->address.family != ADDRESS_NONE;
    json_open_object(json, NULL);
    json_put_string(json, "name", result->name);
    json_put_string(json, "address",
                    has_address ? address_format(&result->address, address) : NULL);
    write_integer_or_null(json, "port", has_address, result->address.port);
    write_failure(json, result);
    json_put_integer(json, "requests", result->requests);
    json_put_integer(json, "replies", result->replies);
    json_put_integer(json, "samples", (int64_t)result->sample_count);
    json_put_integer(json, "interleaved_samples", (int64_t)result->interleaved_count);
    json_put_integer(json, "elapsed_ns", result->elapsed_ns);
    write_sample(json, result);
    json_close_object(json);
}

static void write_agreement(struct json *json, const struct selection *selection)
{
    if (selection == NULL) {
        json_put_null(json, "agreement");
        return;
    }
    bool has = selection->has_agreement;
    json_open_object(json, "agreement");
    json_put_boolean(json, "agreed", has);
    json_put_integer(json, "servers", (int64_t)selection->total);
    json_put_integer(json, "needed", (int64_t)(selection->total - selection->faults));
    json_put_integer(json, "truechimers", (int64_t)selection->truechimers);
    write_integer_or_null(json, "earliest_ns", has, selection->agreed.earliest_ns);
    write_integer_or_null(json, "latest_ns", has, selection->agreed.latest_ns);
    write_integer_or_null(json, "offset_ns", has, selection->offset_ns);
    json_put_boolean(json, "split", selection->is_split);
    json_close_object(json);
}

static bool write_document(const struct survey_json *document, char *out, size_t room)
{
    struct json json;
    json_init(&json, out, room);
    json_open_object(&json, NULL);
    json_open_array(&json, "servers");
    for (size_t i = 0; i < document->count; i++) {
        write_server(&json, &document->results[i]);
    }
    json_close_array(&json);
    write_agreement(&json, document->selection);
    if (document->action != NULL) {
        document->action(&json, document->context);
    } else {
        json_put_null(&json, "action");
    }
    json_put_boolean(&json, "ok", document->ok);
    json_put_string(&json, "error", document->error);
    json_close_object(&json);
    return json_finish(&json);
}

void survey_json_print(const struct survey_json *document)
{
    for (size_t room = ROOM_START; room <= ROOM_MAX; room *= 2) {
        char *out = malloc(room);
        if (out == NULL) {
            break;
        }
        bool fits = write_document(document, out, room);
        if (fits) {
            puts(out);
        }
        free(out);
        if (fits) {
            return;
        }
    }
    puts("{\"ok\":false,\"error\":\"memory is short\"}");
}
