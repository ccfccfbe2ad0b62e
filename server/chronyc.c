/* SPDX-License-Identifier: MIT */
#include "server/chronyc.h"
#include "ntpwire/candm.h"
#include "server/chronyc_report.h"
#include "server/chronyc_source.h"

#include <string.h>

static_assert(CHRONYC_MESSAGE_MAX >= CANDM_REPLY_MAX, "every reply fits");
static_assert(CHRONYC_CLIENTS_MAX == CANDM_CLIENTS_MAX, "a page is a reply");

bool chronyc_wants_clients(struct bytes request, uint32_t *first, uint32_t *count)
{
    struct candm_request header;
    struct candm_clients_request wanted;
    if (candm_parse_request(request, &header) != CANDM_OK ||
        header.command != CANDM_CLIENT_ACCESSES || !candm_parse_clients(request, &wanted) ||
        wanted.wants_reset) {
        return false;
    }
    *first = wanted.first_index;
    *count = wanted.clients_max < CHRONYC_CLIENTS_MAX ? wanted.clients_max : CHRONYC_CLIENTS_MAX;
    return true;
}

size_t chronyc_keep_clients(struct bytes request, struct ratelimit_client *clients, size_t count)
{
    struct candm_clients_request wanted;
    if (!candm_parse_clients(request, &wanted)) {
        return count;
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (clients[i].hits >= wanted.hits_min) {
            clients[kept++] = clients[i];
        }
    }
    return kept;
}

/* What we can't do, or not for whoever asks. Over UDP chronyd refuses all that changes something,
 * for want of authority. Over the local socket the daemon says what it does not do at all. */
static size_t refuse(enum chronyc_channel channel, struct candm_reply *reply)
{
    reply->status = channel == CHRONYC_UDP ? CANDM_UNAUTH : CANDM_NOT_ENABLED;
    return CANDM_REPLY_HEADER;
}

static size_t fail(enum candm_status status, struct candm_reply *reply)
{
    reply->status = (uint16_t)status;
    return CANDM_REPLY_HEADER;
}

/* A command that we do for our owner, who sees what became of it. */
static size_t answer_change(enum chronyc_channel channel, const struct chronyc_facts *facts,
                            struct candm_reply *reply)
{
    if (channel != CHRONYC_OWNER) {
        return fail(CANDM_UNAUTH, reply);
    }
    reply->status = facts->changes_done > 0 ? CANDM_SUCCESS
                    : facts->changes > 0    ? CANDM_FAILED
                                            : CANDM_NO_SUCH_SOURCE;
    return CANDM_REPLY_HEADER;
}

static size_t answer_tracking(const struct chronyc_facts *facts, struct candm_reply *reply,
                              uint8_t *out)
{
    struct candm_tracking tracking = chronyc_report_tracking(facts);
    reply->code = CANDM_REPLY_TRACKING;
    return candm_write_tracking(&tracking, out);
}

static size_t answer_server_stats(struct bytes request, const struct chronyc_facts *facts,
                                  struct candm_reply *reply, uint8_t *out)
{
    uint64_t stats[CANDM_STATS];
    chronyc_report_server_stats(facts, stats);
    return candm_write_server_stats(stats, request.size, &reply->code, out);
}

static size_t answer_clients(struct bytes request, enum chronyc_channel channel,
                             const struct chronyc_facts *facts, struct candm_reply *reply,
                             uint8_t *out)
{
    struct candm_clients_request wanted;
    struct candm_client clients[CANDM_CLIENTS_MAX];
    if (!candm_parse_clients(request, &wanted)) {
        return fail(CANDM_BAD_LENGTH, reply);
    }
    if (wanted.wants_reset) {
        return refuse(channel, reply);
    }
    size_t count = chronyc_report_clients(facts, clients);
    reply->code = CANDM_REPLY_CLIENT_ACCESSES;
    return candm_write_clients(clients, count, facts->clients_next, facts->clients_slots, out);
}

/* A source by its number, in the order of the configuration. */
static size_t answer_index(struct bytes request, const struct chronyc_facts *facts,
                           struct candm_reply *reply, uint8_t *out)
{
    uint32_t index;
    struct source_status source;
    if (!candm_parse_index(request, &index)) {
        return fail(CANDM_BAD_LENGTH, reply);
    }
    if (!chronyc_source_at(facts, index, &source)) {
        return fail(CANDM_NO_SUCH_SOURCE, reply);
    }
    if (reply->command == CANDM_SOURCE_DATA) {
        struct candm_source data = chronyc_source_data(&source, facts->now.mono);
        reply->code = CANDM_REPLY_SOURCE_DATA;
        return candm_write_source(&data, out);
    }
    if (reply->command == CANDM_SOURCESTATS) {
        struct candm_sourcestats stats = chronyc_source_stats(&source);
        reply->code = CANDM_REPLY_SOURCESTATS;
        return candm_write_sourcestats(&stats, out);
    }
    struct candm_select_data data = chronyc_source_select(&source, facts->now.mono);
    reply->code = CANDM_REPLY_SELECT_DATA;
    return candm_write_select_data(&data, out);
}

/* A source by its address, or by what stands for that. */
static size_t answer_address(struct bytes request, const struct chronyc_facts *facts,
                             struct candm_reply *reply, uint8_t *out)
{
    struct candm_address address;
    struct source_status source;
    if (!candm_parse_address(request, &address)) {
        return fail(CANDM_BAD_LENGTH, reply);
    }
    if (!chronyc_source_find(facts, &address, &source)) {
        return fail(CANDM_NO_SUCH_SOURCE, reply);
    }
    if (reply->command == CANDM_NTP_DATA) {
        struct candm_ntp_data data = chronyc_source_ntp(&source);
        return candm_write_ntp_data(&data, request.size, &reply->code, out);
    }
    if (reply->command == CANDM_AUTH_DATA) {
        struct candm_auth_data data = chronyc_source_auth(&source, facts->keyring);
        reply->code = CANDM_REPLY_AUTH_DATA;
        return candm_write_auth_data(&data, out);
    }
    reply->code = CANDM_REPLY_NTP_SOURCE_NAME;
    return candm_write_source_name(source.host, out);
}

static size_t answer_activity(const struct chronyc_facts *facts, struct candm_reply *reply,
                              uint8_t *out)
{
    struct candm_activity activity = chronyc_report_activity(facts);
    reply->code = CANDM_REPLY_ACTIVITY;
    return candm_write_activity(&activity, out);
}

static size_t answer(struct bytes request, enum chronyc_channel channel,
                     const struct chronyc_facts *facts, struct candm_reply *reply, uint8_t *out)
{
    switch ((enum candm_command)reply->command) {
    case CANDM_NULL:
        return CANDM_REPLY_HEADER;
    case CANDM_TRACKING:
        return answer_tracking(facts, reply, out);
    case CANDM_N_SOURCES:
        reply->code = CANDM_REPLY_N_SOURCES;
        return candm_write_source_count((uint32_t)chronyc_source_count(facts), out);
    case CANDM_ACTIVITY:
        return answer_activity(facts, reply, out);
    case CANDM_MANUAL_LIST:
        reply->code = CANDM_REPLY_MANUAL_LIST;
        return CANDM_MANUAL_LIST_SIZE;
    case CANDM_SERVER_STATS:
        return answer_server_stats(request, facts, reply, out);
    case CANDM_CLIENT_ACCESSES:
        return answer_clients(request, channel, facts, reply, out);
    case CANDM_SOURCE_DATA:
    case CANDM_SOURCESTATS:
    case CANDM_SELECT_DATA:
        return answer_index(request, facts, reply, out);
    case CANDM_NTP_DATA:
    case CANDM_NTP_SOURCE_NAME:
    case CANDM_AUTH_DATA:
        return answer_address(request, facts, reply, out);
    case CANDM_MAKESTEP:
    case CANDM_BURST:
    case CANDM_ONLINE:
    case CANDM_OFFLINE:
    case CANDM_REFRESH:
    case CANDM_RELOAD_SOURCES:
        return answer_change(channel, facts, reply);
    case CANDM_RTCREPORT:
        return fail(CANDM_NO_RTC, reply);
    case CANDM_SMOOTHING:
        return fail(CANDM_NOT_ENABLED, reply);
    case CANDM_LOGON:
        /* Passwords ended with chrony 2.2: nobody can log on. */
        return fail(CANDM_FAILED, reply);
    default:
        return refuse(channel, reply);
    }
}

size_t chronyc_answer(struct bytes request, enum chronyc_channel channel,
                      const struct chronyc_facts *facts, uint8_t out[CHRONYC_MESSAGE_MAX])
{
    struct candm_request header;
    enum candm_verdict verdict = candm_parse_request(request, &header);
    if (verdict == CANDM_NOT_REQUEST) {
        return 0;
    }
    struct candm_reply reply = {
        .command = header.command,
        .code = CANDM_REPLY_NULL,
        .status = CANDM_SUCCESS,
        .sequence = header.sequence,
    };
    size_t wanted_size = candm_request_size(header.command);
    size_t size;
    memset(out, 0, CHRONYC_MESSAGE_MAX);
    if (verdict == CANDM_VERSION_UNKNOWN) {
        size = fail(CANDM_BAD_VERSION, &reply);
    } else if (wanted_size == 0) {
        size = fail(CANDM_INVALID, &reply);
    } else if (request.size < wanted_size) {
        size = fail(CANDM_BAD_LENGTH, &reply);
    } else {
        size = answer(request, channel, facts, &reply, out);
    }
    /* The table of lengths sees to it; what a mistake in it would send, an attacker could multiply.
     */
    if (size > request.size) {
        return 0;
    }
    candm_write_reply_header(&reply, out);
    return size;
}
