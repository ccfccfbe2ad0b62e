/* SPDX-License-Identifier: MIT */
#include "server/command_source.h"
#include "ntpwire/refid.h"
#include <stdio.h>

#define STAMPS 3

const char *command_leap_name(unsigned leap)
{
    static const char *const names[] = {"none", "insert", "delete", "unsynchronised"};
    return leap < sizeof(names) / sizeof(names[0]) ? names[leap] : "unknown";
}

const char *command_stamp_name(enum stamp_origin stamp)
{
    static const char *const names[STAMPS] = {
        [STAMP_DAEMON] = "daemon", [STAMP_KERNEL] = "kernel", [STAMP_HARDWARE] = "hardware"};
    return (unsigned)stamp < STAMPS ? names[stamp] : "unknown";
}

static void write_positive(struct json *json, const char *key, uint64_t value)
{
    json_put_integer(json, key, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static void write_address(struct json *json, const char *key, const struct address *address)
{
    char text[ADDRESS_TEXT_MAX];
    bool is_known = address->family != ADDRESS_NONE;
    json_put_string(json, key, is_known ? address_format(address, text) : NULL);
}

static void write_age(struct json *json, const char *key, struct mono then, struct mono now)
{
    int64_t age_ns;
    if (then.ns == 0 || __builtin_sub_overflow(now.ns, then.ns, &age_ns)) {
        json_put_null(json, key);
    } else {
        json_put_integer(json, key, age_ns);
    }
}

static void write_asking(struct json *json, const struct source_status *source, struct mono now)
{
    json_put_boolean(json, "online", source->is_online);
    json_put_boolean(json, "bursting", source->is_bursting);
    json_put_integer(json, "poll_log2_s", source->poll);
    json_put_integer(json, "reach", source->reach);
    write_age(json, "asked_ago_ns", source->asked, now);
    write_age(json, "answered_ago_ns", source->answered, now);
    if (source->key_id != 0) {
        json_put_integer(json, "key_id", source->key_id);
    } else {
        json_put_null(json, "key_id");
    }
}

static void write_sample(struct json *json, const struct source_status *source)
{
    if (!source->has_sample) {
        json_put_null(json, "sample");
        return;
    }
    char digits[16];
    char reference[REFID_TEXT_MAX];
    snprintf(digits, sizeof(digits), "%08X", (unsigned)source->refid);
    refid_format(source->refid, source->stratum, reference);
    json_open_object(json, "sample");
    json_put_integer(json, "offset_ns", source->sample_offset_ns);
    json_put_integer(json, "delay_ns", source->sample_delay_ns);
    json_put_integer(json, "bound_ns", source->sample_bound_ns);
    json_put_integer(json, "response_ns", source->response_ns);
    json_put_string(json, "leap", command_leap_name(source->leap));
    json_put_integer(json, "ntp_version", source->version);
    json_put_integer(json, "mode", source->mode);
    json_put_integer(json, "stratum", source->stratum);
    json_put_integer(json, "poll_log2_s", source->source_poll);
    json_put_integer(json, "precision_log2_s", source->precision);
    json_put_integer(json, "root_delay_ns", source->root_delay_ns);
    json_put_integer(json, "root_dispersion_ns", source->root_dispersion_ns);
    json_put_string(json, "refid", digits);
    json_put_string(json, "reference", reference);
    if (source->reference.ns == 0) {
        json_put_null(json, "reference_time_ns");
    } else {
        json_put_integer(json, "reference_time_ns", source->reference.ns);
    }
    json_put_string(json, "sent_stamp", command_stamp_name(source->sent_stamp));
    json_put_string(json, "received_stamp", command_stamp_name(source->received_stamp));
    json_put_boolean(json, "interleaved", source->is_interleaved);
    json_put_boolean(json, "authenticated", source->is_authenticated);
    json_put_integer(json, "tests", source->tests);
    json_close_object(json);
}

static void write_estimate(struct json *json, const struct source_status *source)
{
    if (!source->has_estimate) {
        json_put_null(json, "estimate");
        return;
    }
    json_open_object(json, "estimate");
    json_put_number(json, "offset_ns", source->offset_ns);
    json_put_number(json, "offset_sd_ns", source->offset_sd_ns);
    json_put_number(json, "rate_ppm", source->rate_ppm);
    json_put_number(json, "rate_sd_ppm", source->rate_sd_ppm);
    json_put_number(json, "jitter_ns", source->jitter_ns);
    write_positive(json, "samples", source->samples);
    json_put_integer(json, "span_ns", source->span_ns);
    json_close_object(json);
}

static void write_interval(struct json *json, const struct source_status *source)
{
    if (!source->has_interval) {
        json_put_null(json, "interval");
        return;
    }
    json_open_object(json, "interval");
    json_put_integer(json, "earliest_ns", source->interval.earliest_ns);
    json_put_integer(json, "latest_ns", source->interval.latest_ns);
    json_put_integer(json, "distance_ns", source->distance_ns);
    json_close_object(json);
}

static void write_stamps(struct json *json, const char *key, const uint64_t counts[STAMPS])
{
    json_open_object(json, key);
    for (int i = 0; i < STAMPS; i++) {
        write_positive(json, command_stamp_name((enum stamp_origin)i), counts[i]);
    }
    json_close_object(json);
}

static void write_counts(struct json *json, const struct source_status *source)
{
    json_open_object(json, "counts");
    write_positive(json, "sent", source->sent);
    write_positive(json, "received", source->received);
    write_positive(json, "valid", source->valid);
    write_positive(json, "good", source->good);
    write_positive(json, "kisses", source->kisses);
    write_positive(json, "naks", source->naks);
    write_positive(json, "refused", source->refused);
    write_positive(json, "steps", source->steps);
    write_stamps(json, "sent_stamps", source->stamps_sent);
    write_stamps(json, "received_stamps", source->stamps_received);
    json_close_object(json);
}

void command_source_write(struct json *json, const struct source_status *source, struct mono now)
{
    json_open_object(json, NULL);
    json_put_string(json, "name", source->name);
    json_put_string(json, "host", source->host);
    json_put_string(json, "kind", source_kind_name(source->kind));
    write_address(json, "address", &source->remote);
    if (source->remote.family != ADDRESS_NONE) {
        json_put_integer(json, "port", source->remote.port);
    } else {
        json_put_null(json, "port");
    }
    write_address(json, "local_address", &source->local);
    json_put_string(json, "state", source_state_name(source->state));
    json_put_string(json, "reason", source->reason);
    json_put_boolean(json, "prefer", source->is_prefer);
    json_put_boolean(json, "noselect", source->is_noselect);
    json_put_boolean(json, "trust", source->is_trust);
    json_put_boolean(json, "require", source->is_require);
    write_asking(json, source, now);
    write_sample(json, source);
    write_estimate(json, source);
    write_interval(json, source);
    json_put_number(json, "weight", source->weight);
    write_counts(json, source);
    json_close_object(json);
}
