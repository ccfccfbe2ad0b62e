/* SPDX-License-Identifier: MIT */
/* The reports of single sources, and how a request names one. */
#include "ntpwire/candm.h"

#include <string.h>

static void put_float(uint8_t *at, double value)
{
    bytes_put_u32(at, candm_float_from_double(value));
}

bool candm_parse_index(struct bytes request, uint32_t *index)
{
    if (request.size < CANDM_REQUEST_HEADER + 4) {
        return false;
    }
    *index = bytes_u32(request, CANDM_REQUEST_HEADER);
    return true;
}

bool candm_parse_address(struct bytes request, struct candm_address *address)
{
    if (request.size < CANDM_REQUEST_HEADER + CANDM_ADDRESS_SIZE) {
        return false;
    }
    *address = candm_get_address(request, CANDM_REQUEST_HEADER);
    return true;
}

bool candm_parse_selector(struct bytes request, struct candm_selector *selector)
{
    if (request.size < CANDM_REQUEST_HEADER + 2 * CANDM_ADDRESS_SIZE) {
        return false;
    }
    *selector = (struct candm_selector){
        .mask = candm_get_address(request, CANDM_REQUEST_HEADER),
        .address = candm_get_address(request, CANDM_REQUEST_HEADER + CANDM_ADDRESS_SIZE),
    };
    return true;
}

bool candm_is_selected(const struct candm_selector *selector, const struct candm_address *address)
{
    const struct candm_address *mask = &selector->mask;
    if (selector->address.family == CANDM_UNSPECIFIED) {
        return true;
    }
    if (selector->address.family != address->family ||
        (mask->family != CANDM_UNSPECIFIED && mask->family != address->family)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(address->octets); i++) {
        uint8_t bits = mask->family == CANDM_UNSPECIFIED ? 0xff : mask->octets[i];
        if (((selector->address.octets[i] ^ address->octets[i]) & bits) != 0) {
            return false;
        }
    }
    return true;
}

size_t candm_write_source_count(uint32_t count, uint8_t out[CANDM_N_SOURCES_SIZE])
{
    bytes_put_u32(out + 28, count);
    return CANDM_N_SOURCES_SIZE;
}

size_t candm_write_source(const struct candm_source *source, uint8_t out[CANDM_SOURCE_DATA_SIZE])
{
    candm_put_address(out + 28, &source->address);
    bytes_put_u16(out + 48, (uint16_t)source->poll_log2_s);
    bytes_put_u16(out + 50, source->stratum);
    bytes_put_u16(out + 52, source->state);
    bytes_put_u16(out + 54, source->mode);
    bytes_put_u16(out + 58, source->reach);
    bytes_put_u32(out + 60, source->sample_ago_s);
    put_float(out + 64, source->measured_offset_s);
    put_float(out + 68, source->adjusted_offset_s);
    put_float(out + 72, source->error_s);
    return CANDM_SOURCE_DATA_SIZE;
}

size_t candm_write_sourcestats(const struct candm_sourcestats *stats,
                               uint8_t out[CANDM_SOURCESTATS_SIZE])
{
    bytes_put_u32(out + 28, stats->refid);
    candm_put_address(out + 32, &stats->address);
    bytes_put_u32(out + 52, stats->samples);
    bytes_put_u32(out + 56, stats->runs);
    bytes_put_u32(out + 60, stats->span_s);
    put_float(out + 64, stats->deviation_s);
    put_float(out + 68, stats->residual_frequency_ppm);
    put_float(out + 72, stats->skew_ppm);
    put_float(out + 76, stats->offset_s);
    put_float(out + 80, stats->offset_error_s);
    return CANDM_SOURCESTATS_SIZE;
}

size_t candm_write_ntp_data(const struct candm_ntp_data *data, size_t room, uint16_t *code,
                            uint8_t out[CANDM_NTP_DATA_RESERVED_SIZE])
{
    if (room < CANDM_NTP_DATA_SIZE) {
        return 0;
    }
    candm_put_address(out + 28, &data->remote);
    candm_put_address(out + 48, &data->local);
    bytes_put_u16(out + 68, data->port);
    out[70] = data->leap;
    out[71] = data->version;
    out[72] = data->mode;
    out[73] = data->stratum;
    out[74] = (uint8_t)data->poll_log2_s;
    out[75] = (uint8_t)data->precision_log2_s;
    put_float(out + 76, data->root_delay_s);
    put_float(out + 80, data->root_dispersion_s);
    bytes_put_u32(out + 84, data->refid);
    candm_put_time(out + 88, data->reference_unix_ns);
    put_float(out + 100, data->offset_s);
    put_float(out + 104, data->delay_s);
    put_float(out + 108, data->dispersion_s);
    put_float(out + 112, data->response_s);
    put_float(out + 116, data->asymmetry);
    bytes_put_u16(out + 120, data->flags);
    out[122] = (uint8_t)data->sent_stamp;
    out[123] = (uint8_t)data->received_stamp;
    bytes_put_u32(out + 124, data->sent);
    bytes_put_u32(out + 128, data->received);
    bytes_put_u32(out + 132, data->valid);
    bytes_put_u32(out + 136, data->good);
    /* What is reserved in a layout is all ones: not known. */
    if (room < CANDM_NTP_DATA_RESERVED_SIZE) {
        memset(out + 140, 0xff, CANDM_NTP_DATA_SIZE - 140);
        *code = CANDM_REPLY_NTP_DATA;
        return CANDM_NTP_DATA_SIZE;
    }
    bytes_put_u32(out + 140, data->kernel_sent);
    bytes_put_u32(out + 144, data->kernel_received);
    bytes_put_u32(out + 148, data->hardware_sent);
    bytes_put_u32(out + 152, data->hardware_received);
    memset(out + 156, 0xff, CANDM_NTP_DATA_RESERVED_SIZE - 156);
    *code = CANDM_REPLY_NTP_DATA_RESERVED;
    return CANDM_NTP_DATA_RESERVED_SIZE;
}

size_t candm_write_select_data(const struct candm_select_data *data,
                               uint8_t out[CANDM_SELECT_DATA_SIZE])
{
    bytes_put_u32(out + 28, data->refid);
    candm_put_address(out + 32, &data->address);
    out[52] = (uint8_t)data->state;
    out[53] = data->has_authentication ? 1 : 0;
    out[54] = data->leap;
    bytes_put_u16(out + 56, data->configured_options);
    bytes_put_u16(out + 58, data->effective_options);
    bytes_put_u32(out + 60, data->sample_ago_s);
    put_float(out + 64, data->score);
    put_float(out + 68, data->low_s);
    put_float(out + 72, data->high_s);
    return CANDM_SELECT_DATA_SIZE;
}

size_t candm_write_auth_data(const struct candm_auth_data *data, uint8_t out[CANDM_AUTH_DATA_SIZE])
{
    bytes_put_u16(out + 28, data->mode);
    bytes_put_u16(out + 30, data->key_type);
    bytes_put_u32(out + 32, data->key_id);
    bytes_put_u16(out + 36, data->key_bits);
    bytes_put_u16(out + 38, data->exchange_attempts);
    bytes_put_u32(out + 40, data->exchange_ago_s);
    bytes_put_u16(out + 44, data->cookies);
    bytes_put_u16(out + 46, data->cookie_size);
    bytes_put_u16(out + 48, data->naks);
    return CANDM_AUTH_DATA_SIZE;
}

size_t candm_write_source_name(const char *name, uint8_t out[CANDM_NTP_SOURCE_NAME_SIZE])
{
    size_t size = strlen(name);
    memcpy(out + 28, name, size < CANDM_NAME_MAX - 1 ? size : CANDM_NAME_MAX - 1);
    return CANDM_NTP_SOURCE_NAME_SIZE;
}
