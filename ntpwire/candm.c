/* SPDX-License-Identifier: MIT */
#include "ntpwire/candm.h"

#include <math.h>
#include <string.h>

#define TYPE_REQUEST 1
#define TYPE_REPLY 2
#define SECONDS_HIGH_NONE UINT32_C(0x7fffffff)
#define NS_PER_SECOND INT64_C(1000000000)

/* As chronyd 4.3 was seen to ask for; the last three are newer, and as long as chronyc 4.9 sends
 * them. */
static const uint16_t request_sizes[] = {
    [CANDM_NULL] = 28,
    [CANDM_ONLINE] = 60,
    [CANDM_OFFLINE] = 60,
    [CANDM_BURST] = 68,
    [CANDM_MODIFY_MINPOLL] = 44,
    [CANDM_MODIFY_MAXPOLL] = 44,
    [CANDM_DUMP] = 28,
    [CANDM_MODIFY_MAXDELAY] = 44,
    [CANDM_MODIFY_MAXDELAYRATIO] = 44,
    [CANDM_MODIFY_MAXUPDATESKEW] = 28,
    [CANDM_LOGON] = 32,
    [CANDM_SETTIME] = 40,
    [CANDM_MANUAL] = 28,
    [CANDM_N_SOURCES] = CANDM_N_SOURCES_SIZE,
    [CANDM_SOURCE_DATA] = CANDM_SOURCE_DATA_SIZE,
    [CANDM_REKEY] = 28,
    [CANDM_ALLOW] = 44,
    [CANDM_ALLOWALL] = 44,
    [CANDM_DENY] = 44,
    [CANDM_DENYALL] = 44,
    [CANDM_CMDALLOW] = 44,
    [CANDM_CMDALLOWALL] = 44,
    [CANDM_CMDDENY] = 44,
    [CANDM_CMDDENYALL] = 44,
    [CANDM_ACCHECK] = 40,
    [CANDM_CMDACCHECK] = 40,
    [CANDM_DEL_SOURCE] = 40,
    [CANDM_WRITERTC] = 28,
    [CANDM_DFREQ] = 28,
    [CANDM_TRACKING] = CANDM_TRACKING_SIZE,
    [CANDM_SOURCESTATS] = CANDM_SOURCESTATS_SIZE,
    [CANDM_RTCREPORT] = 56,
    [CANDM_TRIMRTC] = 28,
    [CANDM_CYCLELOGS] = 28,
    [CANDM_MANUAL_LIST] = CANDM_MANUAL_LIST_SIZE,
    [CANDM_MANUAL_DELETE] = 28,
    [CANDM_MAKESTEP] = 28,
    [CANDM_ACTIVITY] = CANDM_ACTIVITY_SIZE,
    [CANDM_MODIFY_MINSTRATUM] = 44,
    [CANDM_MODIFY_POLLTARGET] = 44,
    [CANDM_MODIFY_MAXDELAYDEVRATIO] = 44,
    [CANDM_RESELECT] = 28,
    [CANDM_RESELECTDISTANCE] = 28,
    [CANDM_MODIFY_MAKESTEP] = 28,
    [CANDM_SMOOTHING] = 52,
    [CANDM_SMOOTHTIME] = 28,
    [CANDM_REFRESH] = 28,
    [CANDM_SERVER_STATS] = CANDM_SERVER_STATS_8_SIZE,
    [CANDM_LOCAL] = 36,
    [CANDM_NTP_DATA] = CANDM_NTP_DATA_SIZE,
    [CANDM_SHUTDOWN] = 28,
    [CANDM_ONOFFLINE] = 28,
    [CANDM_ADD_SOURCE] = 372,
    [CANDM_NTP_SOURCE_NAME] = CANDM_NTP_SOURCE_NAME_SIZE,
    [CANDM_RESET_SOURCES] = 28,
    [CANDM_AUTH_DATA] = CANDM_AUTH_DATA_SIZE,
    [CANDM_CLIENT_ACCESSES] = CANDM_CLIENT_ACCESSES_SIZE,
    [CANDM_SELECT_DATA] = CANDM_SELECT_DATA_SIZE,
    [CANDM_RELOAD_SOURCES] = 28,
    [CANDM_DOFFSET] = 28,
    [CANDM_MODIFY_SELECTOPTS] = 52,
    [CANDM_MODIFY_OFFSET] = 48,
    [CANDM_LOCAL_WAIT] = 48,
};

enum candm_verdict candm_parse_request(struct bytes datagram, struct candm_request *request)
{
    /* Shorter than any reply. An endless exchange of refusals between two servers is impossible,
     * since a reply is no request. */
    if (datagram.size < CANDM_REPLY_HEADER || datagram.data[1] != TYPE_REQUEST ||
        datagram.data[2] != 0 || datagram.data[3] != 0 ||
        datagram.data[0] < CANDM_VERSION_REFUSABLE) {
        return CANDM_NOT_REQUEST;
    }
    *request = (struct candm_request){
        .command = bytes_u16(datagram, 4),
        .attempt = bytes_u16(datagram, 6),
        .sequence = bytes_u32(datagram, 8),
    };
    return datagram.data[0] == CANDM_VERSION ? CANDM_OK : CANDM_VERSION_UNKNOWN;
}

bool candm_parse_reply(struct bytes datagram, struct candm_reply *reply)
{
    if (datagram.size < CANDM_REPLY_HEADER || datagram.data[0] != CANDM_VERSION ||
        datagram.data[1] != TYPE_REPLY || datagram.data[2] != 0 || datagram.data[3] != 0) {
        return false;
    }
    *reply = (struct candm_reply){
        .command = bytes_u16(datagram, 4),
        .code = bytes_u16(datagram, 6),
        .status = bytes_u16(datagram, 8),
        .sequence = bytes_u32(datagram, 16),
    };
    return true;
}

void candm_write_request_header(const struct candm_request *request,
                                uint8_t out[CANDM_REQUEST_HEADER])
{
    memset(out, 0, CANDM_REQUEST_HEADER);
    out[0] = CANDM_VERSION;
    out[1] = TYPE_REQUEST;
    bytes_put_u16(out + 4, request->command);
    bytes_put_u16(out + 6, request->attempt);
    bytes_put_u32(out + 8, request->sequence);
}

void candm_write_reply_header(const struct candm_reply *reply, uint8_t out[CANDM_REPLY_HEADER])
{
    memset(out, 0, CANDM_REPLY_HEADER);
    out[0] = CANDM_VERSION;
    out[1] = TYPE_REPLY;
    bytes_put_u16(out + 4, reply->command);
    bytes_put_u16(out + 6, reply->code);
    bytes_put_u16(out + 8, reply->status);
    bytes_put_u32(out + 16, reply->sequence);
}

size_t candm_request_size(unsigned command)
{
    return command < sizeof(request_sizes) / sizeof(request_sizes[0]) ? request_sizes[command] : 0;
}

uint32_t candm_float_from_double(double value)
{
    if (isnan(value) || value == 0) {
        return 0;
    }
    /* |value| = fraction * 2^power, 0.5 <= fraction < 1: the coefficient has 24 significant bits.
     */
    int power = 0;
    double fraction = isinf(value) ? 0.5 : frexp(fabs(value), &power);
    int32_t coefficient = (int32_t)(fraction * 0x1p24 + 0.5);
    if (coefficient == 1 << 24) {
        coefficient >>= 1;
        power++;
    }
    int exponent = power + 1;
    if (isinf(value) || exponent > 63) {
        exponent = 63;
        coefficient = (1 << 24) - 1;
    }
    /* Too small for the exponent: fewer bits of the coefficient, and at last none. */
    if (exponent < -64) {
        int shift = -64 - exponent;
        coefficient = shift < 25 ? coefficient >> shift : 0;
        exponent = -64;
    }
    if (coefficient == 0) {
        return 0;
    }
    uint32_t bits = (uint32_t)(value < 0 ? -coefficient : coefficient);
    return ((uint32_t)exponent & 0x7f) << 25 | (bits & 0x1ffffff);
}

double candm_float_to_double(uint32_t bits)
{
    int exponent = (int)(bits >> 25);
    int32_t coefficient = (int32_t)(bits & 0x1ffffff);
    exponent = exponent >= 1 << 6 ? exponent - (1 << 7) : exponent;
    coefficient = coefficient >= 1 << 24 ? coefficient - (1 << 25) : coefficient;
    return ldexp((double)coefficient, exponent - 25);
}

static void put_float(uint8_t *at, double value)
{
    bytes_put_u32(at, candm_float_from_double(value));
}

void candm_put_time(uint8_t *at, int64_t unix_ns)
{
    int64_t seconds = unix_ns / NS_PER_SECOND;
    int64_t rest_ns = unix_ns % NS_PER_SECOND;
    if (rest_ns < 0) {
        seconds--;
        rest_ns += NS_PER_SECOND;
    }
    bytes_put_u64(at, (uint64_t)seconds);
    bytes_put_u32(at + 8, (uint32_t)rest_ns);
}

bool candm_get_time(struct bytes view, size_t offset, int64_t *unix_ns)
{
    uint32_t high = bytes_u32(view, offset);
    uint32_t low = bytes_u32(view, offset + 4);
    uint32_t rest_ns = bytes_u32(view, offset + 8);
    high = high == SECONDS_HIGH_NONE ? 0 : high;
    int64_t seconds = (int64_t)((uint64_t)high << 32 | low);
    if (rest_ns >= NS_PER_SECOND || seconds >= INT64_MAX / NS_PER_SECOND ||
        seconds <= INT64_MIN / NS_PER_SECOND) {
        return false;
    }
    *unix_ns = seconds * NS_PER_SECOND + rest_ns;
    return true;
}

void candm_put_address(uint8_t *at, const struct candm_address *address)
{
    memcpy(at, address->octets, sizeof(address->octets));
    bytes_put_u16(at + 16, address->family);
    bytes_put_u16(at + 18, 0);
}

struct candm_address candm_get_address(struct bytes view, size_t offset)
{
    struct bytes octets = bytes_slice(view, offset, CANDM_ADDRESS_SIZE);
    struct candm_address address = {.family = bytes_u16(octets, 16)};
    memcpy(address.octets, octets.data, sizeof(address.octets));
    return address;
}

size_t candm_write_tracking(const struct candm_tracking *tracking, uint8_t out[CANDM_TRACKING_SIZE])
{
    bytes_put_u32(out + 28, tracking->refid);
    candm_put_address(out + 32, &tracking->address);
    bytes_put_u16(out + 52, tracking->stratum);
    bytes_put_u16(out + 54, tracking->leap);
    candm_put_time(out + 56, tracking->reference_unix_ns);
    put_float(out + 68, tracking->correction_s);
    put_float(out + 72, tracking->last_offset_s);
    put_float(out + 76, tracking->rms_offset_s);
    put_float(out + 80, tracking->frequency_ppm);
    put_float(out + 84, tracking->residual_frequency_ppm);
    put_float(out + 88, tracking->skew_ppm);
    put_float(out + 92, tracking->root_delay_s);
    put_float(out + 96, tracking->root_dispersion_s);
    put_float(out + 100, tracking->update_interval_s);
    return CANDM_TRACKING_SIZE;
}

size_t candm_write_activity(const struct candm_activity *activity, uint8_t out[CANDM_ACTIVITY_SIZE])
{
    bytes_put_u32(out + 28, activity->online);
    bytes_put_u32(out + 32, activity->offline);
    bytes_put_u32(out + 36, activity->burst_online);
    bytes_put_u32(out + 40, activity->burst_offline);
    bytes_put_u32(out + 44, activity->unresolved);
    return CANDM_ACTIVITY_SIZE;
}

size_t candm_write_server_stats(const uint64_t stats[CANDM_STATS], size_t room, uint16_t *code,
                                uint8_t out[CANDM_SERVER_STATS_17_SIZE])
{
    uint8_t *at = out + CANDM_REPLY_HEADER;
    if (room >= CANDM_SERVER_STATS_17_SIZE) {
        for (size_t i = 0; i < CANDM_STATS; i++, at += 8) {
            bytes_put_u64(at, stats[i]);
        }
        /* Room for four more: all ones mean that they are not known. */
        memset(at, 0xff, 32);
        *code = CANDM_REPLY_SERVER_STATS_17;
        return CANDM_SERVER_STATS_17_SIZE;
    }
    if (room < CANDM_SERVER_STATS_8_SIZE) {
        return 0;
    }
    bool is_11 = room >= CANDM_SERVER_STATS_11_SIZE;
    for (size_t i = 0; i < (is_11 ? 11 : 8); i++, at += 4) {
        bytes_put_u32(at, stats[i] < UINT32_MAX ? (uint32_t)stats[i] : UINT32_MAX);
    }
    *code = is_11 ? CANDM_REPLY_SERVER_STATS_11 : CANDM_REPLY_SERVER_STATS_8;
    return (size_t)(at - out);
}

bool candm_parse_clients(struct bytes request, struct candm_clients_request *wanted)
{
    if (request.size < CANDM_CLIENT_ACCESSES_SIZE) {
        return false;
    }
    *wanted = (struct candm_clients_request){
        .first_index = bytes_u32(request, 20),
        .clients_max = bytes_u32(request, 24),
        .hits_min = bytes_u32(request, 28),
        .wants_reset = bytes_u32(request, 32) != 0,
    };
    return true;
}

static void put_client(uint8_t *at, const struct candm_client *client)
{
    candm_put_address(at, &client->address);
    bytes_put_u32(at + 20, client->ntp.hits);
    bytes_put_u32(at + 24, client->nke.hits);
    bytes_put_u32(at + 28, client->cmd.hits);
    bytes_put_u32(at + 32, client->ntp.drops);
    bytes_put_u32(at + 36, client->nke.drops);
    bytes_put_u32(at + 40, client->cmd.drops);
    at[44] = (uint8_t)client->ntp.interval_log2_s;
    at[45] = (uint8_t)client->nke.interval_log2_s;
    at[46] = (uint8_t)client->cmd.interval_log2_s;
    at[47] = (uint8_t)client->timeout_interval_log2_s;
    bytes_put_u32(at + 48, client->ntp.last_ago_s);
    bytes_put_u32(at + 52, client->nke.last_ago_s);
    bytes_put_u32(at + 56, client->cmd.last_ago_s);
}

size_t candm_write_clients(const struct candm_client *clients, size_t count, uint32_t next_index,
                           uint32_t indices, uint8_t out[CANDM_CLIENT_ACCESSES_SIZE])
{
    assert(count <= CANDM_CLIENTS_MAX);
    bytes_put_u32(out + 28, indices);
    bytes_put_u32(out + 32, next_index);
    bytes_put_u32(out + 36, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        put_client(out + 40 + i * 60, &clients[i]);
    }
    return CANDM_CLIENT_ACCESSES_SIZE;
}
