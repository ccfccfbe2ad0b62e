/* SPDX-License-Identifier: MIT */
#include "server/command_members.h"
#include "common/auth/identity.h"
#include "common/base/hlc_form.h"
#include "common/mesh/gate.h"
#include "common/mesh/odds.h"
#include "server/command_source.h"
#include <stdio.h>

#define STAMP_TEXT_MAX 17
#define HOPS_NONE 255

static void write_id(struct json *json, const char *key, uint64_t id)
{
    char text[IDENTITY_ID_TEXT_MAX];
    json_put_string(json, key, identity_id_format(id, text));
}

static void write_count(struct json *json, const char *key, uint64_t count)
{
    json_put_integer(json, key, count > INT64_MAX ? INT64_MAX : (int64_t)count);
}

static void write_age(struct json *json, const char *key, int64_t age_ns)
{
    if (age_ns == MESH_STATUS_NEVER) {
        json_put_null(json, key);
    } else {
        json_put_integer(json, key, age_ns);
    }
}

static const char *timescale_name(enum timescale timescale)
{
    return timescale == TIMESCALE_UTC ? "utc" : "mesh";
}

static void write_hops(struct json *json, uint8_t hops)
{
    if (hops == HOPS_NONE) {
        json_put_null(json, "hops");
    } else {
        json_put_integer(json, "hops", hops);
    }
}

static void write_stamp(struct json *json, const char *key, struct hlc_stamp stamp)
{
    char text[STAMP_TEXT_MAX];
    snprintf(text, sizeof(text), "%016llx", (unsigned long long)stamp.bits);
    json_put_string(json, key, text);
}

static void write_hlc(struct json *json, const struct mesh_status *status)
{
    json_open_object(json, "hlc");
    json_put_string(json, "state", status->hlc_state);
    if (status->has_hlc) {
        write_stamp(json, "last", status->hlc.stamp);
    } else {
        json_put_null(json, "last");
    }
    json_put_integer(json, "max_offset_ns", status->max_offset_ns);
    json_close_object(json);
}

/* What it says of itself, and of its clock. */
static void write_self(struct json *json, const struct mesh_status *status)
{
    const struct own_claim *own = &status->own;
    json_open_object(json, "self");
    write_id(json, "id", status->id);
    json_put_integer(json, "key_epoch", status->key_epoch);
    json_put_integer(json, "incarnation", status->incarnation);
    json_put_boolean(json, "state_is_lost", status->is_lost);
    json_put_string(json, "timescale", timescale_name(own->timescale));
    write_hops(json, own->hops);
    if (own->is_bounded) {
        json_put_integer(json, "before_ns", own->before_ns);
        json_put_integer(json, "after_ns", own->after_ns);
    } else {
        json_put_null(json, "before_ns");
        json_put_null(json, "after_ns");
    }
    json_close_object(json);
}

/* How likely our view holds more liars than it bears, if so many of all members lie. */
static void write_odds(struct json *json, const struct mesh_status *status)
{
    static const double shares[] = {0.05, 0.1, 0.2};
    struct odds odds = {
        .members = status->choices, .view = status->asked, .faults = status->faults};
    json_open_array(json, "odds");
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]) && status->choices > 0; i++) {
        json_open_object(json, NULL);
        json_put_number(json, "liars_share", shares[i]);
        json_put_number(json, "chance", odds_of_excess(&odds, shares[i]));
        json_close_object(json);
    }
    json_close_array(json);
}

static void write_budget(struct json *json, const struct mesh_status *status)
{
    json_open_object(json, "budget");
    json_put_integer(json, "nodes", status->nodes);
    json_put_integer(json, "faults", status->faults);
    json_put_integer(json, "lost", status->lost);
    json_put_integer(json, "left", status->left);
    json_put_boolean(json, "degraded", status->is_degraded);
    json_put_integer(json, "asked", status->asked);
    write_odds(json, status);
    json_close_object(json);
}

static void write_report(struct json *json, const struct mesh_status_member *member)
{
    if (member->report_age_ns == MESH_STATUS_NEVER) {
        json_put_null(json, "report");
        return;
    }
    json_open_object(json, "report");
    json_put_integer(json, "age_ns", member->report_age_ns);
    json_put_integer(json, "membership_epoch", member->membership_epoch);
    json_put_boolean(json, "same_membership", !member->is_other_membership);
    json_put_string(json, "timescale", timescale_name(member->timescale));
    write_hops(json, member->hops);
    json_put_integer(json, "disruptions", member->disruptions);
    if (member->is_bounded) {
        json_put_integer(json, "before_ns", member->before_ns);
        json_put_integer(json, "after_ns", member->after_ns);
    } else {
        json_put_null(json, "before_ns");
        json_put_null(json, "after_ns");
    }
    json_close_object(json);
}

static void write_measure(struct json *json, const struct mesh_status_member *member)
{
    const struct member_measure *measure = &member->measure;
    if (!member->is_asked || !measure->has_estimate) {
        json_put_null(json, "measure");
        return;
    }
    json_open_object(json, "measure");
    json_put_number(json, "offset_ns", measure->offset_ns);
    json_put_number(json, "offset_sd_ns", measure->offset_sd_ns);
    json_put_number(json, "rate_ppm", measure->rate_ppm);
    json_put_integer(json, "delay_ns", measure->delay_ns);
    json_put_boolean(json, "silent", measure->is_silent);
    json_close_object(json);
}

static void write_asymmetry(struct json *json, const struct mesh_status_member *member)
{
    json_put_boolean(json, "two_faced", member->is_two_faced);
    json_put_boolean(json, "suspected", member->is_suspected);
    if (member->loops == 0) {
        json_put_null(json, "asymmetry");
        return;
    }
    json_open_object(json, "asymmetry");
    json_put_integer(json, "loops", member->loops);
    json_put_number(json, "estimate_ns", member->asymmetry_ns);
    json_put_number(json, "sd_ns", member->asymmetry_sd_ns);
    json_put_number(json, "corrected_ns", member->corrected_ns);
    json_close_object(json);
}

static void write_verdict(struct json *json, const struct mesh_status_member *member)
{
    json_put_string(json, "state", member->is_known ? member->state : NULL);
    json_put_string(json, "cause", member->is_known ? member->cause : NULL);
    write_age(json, "state_age_ns", member->is_known ? member->state_age_ns : MESH_STATUS_NEVER);
    if (member->evidence != 0) {
        json_put_integer(json, "evidence", member->evidence);
    } else {
        json_put_null(json, "evidence");
    }
}

static void write_member(struct json *json, const struct mesh_status_member *member)
{
    char address[ADDRESS_TEXT_MAX];
    bool has_address = member->address.family != ADDRESS_NONE;
    json_open_object(json, NULL);
    json_put_string(json, "name", member->name);
    write_id(json, "id", member->id);
    json_put_string(json, "domain", member->domain[0] != '\0' ? member->domain : NULL);
    json_put_string(json, "address",
                    has_address ? address_format_port(&member->address, address) : NULL);
    json_put_string(json, "slot", member->slot);
    json_put_boolean(json, "certified", member->is_certified);
    json_put_boolean(json, "revoked", member->is_revoked);
    json_put_boolean(json, "expired", member->has_expired);
    json_put_boolean(json, "left", member->has_left);
    json_put_boolean(json, "session", member->has_session);
    json_put_integer(json, "key_epoch", member->key_epoch);
    json_put_integer(json, "incarnation", member->incarnation);
    write_verdict(json, member);
    write_age(json, "heard_ago_ns", member->heard_age_ns);
    write_count(json, "accepted", member->accepted);
    write_count(json, "dropped", member->dropped);
    write_report(json, member);
    write_measure(json, member);
    write_asymmetry(json, member);
    if (member->place != MESH_STATUS_NOBODY) {
        json_put_integer(json, "place", member->place);
        json_put_integer(json, "surplus_ns", member->surplus_ns);
    } else {
        json_put_null(json, "place");
        json_put_null(json, "surplus_ns");
    }
    json_close_object(json);
}

static void write_pair(struct json *json, const struct mesh_status_pair *pair)
{
    if (!pair->is_known) {
        json_put_null(json, NULL);
        return;
    }
    json_open_object(json, NULL);
    json_put_integer(json, "offset_ns", pair->offset_ns);
    json_put_integer(json, "error_ns", pair->error_ns);
    json_put_boolean(json, "measured", pair->is_measured);
    json_close_object(json);
}

static void write_matrix(struct json *json, const struct mesh_status *status)
{
    json_open_array(json, "matrix");
    for (size_t i = 0; i < status->matrix_count; i++) {
        json_open_array(json, NULL);
        for (size_t j = 0; j < status->matrix_count; j++) {
            write_pair(json, &status->matrix[i][j]);
        }
        json_close_array(json);
    }
    json_close_array(json);
}

static void write_packets(struct json *json, const struct mesh_status *status)
{
    json_open_object(json, "packets");
    for (size_t i = 0; i < status->verdict_count; i++) {
        write_count(json, status->verdicts[i].name, status->verdicts[i].count);
    }
    json_close_object(json);
    json_open_object(json, "gate");
    for (int i = 0; i < GATE_VERDICTS; i++) {
        write_count(json, gate_verdict_name((enum gate_verdict)i), status->gate_count[i]);
    }
    write_count(json, "no room in the queue", status->intake_dropped);
    json_close_object(json);
}

size_t command_members(const struct mesh_status *status, char *out, size_t room)
{
    struct json json;
    _Static_assert(GATE_VERDICTS <= sizeof(status->gate_count) / sizeof(status->gate_count[0]),
                   "all verdicts of the gate are shown");
    command_answer_begin(&json, "mesh", out, room);
    json_put_integer(&json, "now_ns", status->now.wall.ns);
    json_put_string(&json, "algorithm", status->is_berkeley ? "berkeley" : "agreement");
    json_put_integer(&json, "membership_epoch", status->membership_epoch);
    json_put_integer(&json, "timescale_id", status->timescale_id);
    write_self(&json, status);
    write_budget(&json, status);
    write_hlc(&json, status);
    json_open_array(&json, "members");
    for (size_t i = 0; i < status->count; i++) {
        if (status->members[i].id != status->id) {
            write_member(&json, &status->members[i]);
        }
    }
    json_close_array(&json);
    json_put_boolean(&json, "contradictory", status->is_impossible);
    write_matrix(&json, status);
    write_packets(&json, status);
    return command_answer_end(&json);
}

size_t command_members_evidence(uint32_t number, const char *text, char *out, size_t room)
{
    struct json json;
    command_answer_begin(&json, "evidence", out, room);
    json_put_integer(&json, "number", number);
    json_put_string(&json, "proof", text);
    return command_answer_end(&json);
}

size_t command_members_stamp(enum hlc_verdict verdict, struct hlc_stamp stamp, struct wall now,
                             char *out, size_t room)
{
    struct json json;
    char text[HLC_TEXT_SIZE];
    bool is_given = verdict == HLC_OK || verdict == HLC_STALLED;
    bool has_text = is_given && hlc_form_print(stamp, now, text);
    command_answer_begin(&json, "hlc", out, room);
    json_put_string(&json, "verdict", hlc_verdict_name(verdict));
    if (is_given) {
        write_stamp(&json, "stamp", stamp);
    } else {
        json_put_null(&json, "stamp");
    }
    json_put_string(&json, "text", has_text ? text : NULL);
    json_put_integer(&json, "now_ns", now.ns);
    return command_answer_end(&json);
}
