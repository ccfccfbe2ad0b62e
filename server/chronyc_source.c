/* SPDX-License-Identifier: MIT */
#include "server/chronyc_source.h"

#include "ntpwire/refid.h"
#include <string.h>

/* What chronyd shows of a source of which it has no estimate. */
#define SKEW_UNKNOWN_PPM 2000
#define DEVIATION_UNKNOWN_S 4

/* In "sources", and in "selectdata", which tells more of them apart. */
static const struct {
    uint8_t shown;
    char letter;
} states[SOURCE_STATES] = {
    [SOURCE_OFFLINE] = {CANDM_SOURCE_NONSELECTABLE, 'M'},
    [SOURCE_UNRESOLVED] = {CANDM_SOURCE_NONSELECTABLE, 'M'},
    [SOURCE_DENIED] = {CANDM_SOURCE_NONSELECTABLE, 'M'},
    [SOURCE_UNREACHABLE] = {CANDM_SOURCE_NONSELECTABLE, 'M'},
    [SOURCE_WAITING] = {CANDM_SOURCE_NONSELECTABLE, 'M'},
    [SOURCE_UNSYNCHRONISED] = {CANDM_SOURCE_NONSELECTABLE, 's'},
    [SOURCE_LOOP] = {CANDM_SOURCE_NONSELECTABLE, 's'},
    [SOURCE_DISTANT] = {CANDM_SOURCE_NONSELECTABLE, 'd'},
    [SOURCE_NOSELECT] = {CANDM_SOURCE_NONSELECTABLE, 'N'},
    [SOURCE_EXCLUDED] = {CANDM_SOURCE_NONSELECTABLE, 'N'},
    [SOURCE_ORPHAN] = {CANDM_SOURCE_NONSELECTABLE, 'O'},
    [SOURCE_FALSETICKER] = {CANDM_SOURCE_FALSETICKER, 'x'},
    [SOURCE_UNTRUSTED] = {CANDM_SOURCE_NONSELECTABLE, 'T'},
    [SOURCE_UNLIKELY] = {CANDM_SOURCE_SELECTABLE, 'D'},
    [SOURCE_WAITS_REQUIRED] = {CANDM_SOURCE_SELECTABLE, 'W'},
    [SOURCE_UNPREFERRED] = {CANDM_SOURCE_SELECTABLE, 'P'},
    [SOURCE_COMBINED] = {CANDM_SOURCE_COMBINED, '+'},
    [SOURCE_SELECTED] = {CANDM_SOURCE_SELECTED, '*'},
};

static double seconds(int64_t duration_ns)
{
    return (double)duration_ns / (double)NS_PER_S;
}

static uint32_t bounded_u32(uint64_t count)
{
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

struct candm_address chronyc_address(const struct address *address)
{
    struct candm_address out = {.family = address->family == ADDRESS_IPV4   ? CANDM_IPV4
                                          : address->family == ADDRESS_IPV6 ? CANDM_IPV6
                                                                            : CANDM_UNSPECIFIED};
    if (out.family != CANDM_UNSPECIFIED) {
        memcpy(out.octets, address->octets, sizeof(out.octets));
    }
    return out;
}

struct candm_address chronyc_source_address(const struct source_status *source)
{
    struct candm_address out = chronyc_address(&source->remote);
    if (out.family == CANDM_UNSPECIFIED) {
        out.family = CANDM_ID;
        bytes_put_u32(out.octets, source->association);
    }
    return out;
}

/* As a server that follows the source would have it. */
static uint32_t refid_of(const struct source_status *source)
{
    const struct address *remote = &source->remote;
    return remote->family == ADDRESS_IPV4   ? refid_from_ipv4(remote->octets)
           : remote->family == ADDRESS_IPV6 ? refid_from_ipv6(remote->octets)
                                            : source->association;
}

static bool is_shown(const struct source_status *source)
{
    return source->kind != SOURCE_BROADCAST_SERVER;
}

static bool read_source(const struct chronyc_facts *facts, size_t index,
                        struct source_status *source)
{
    return facts->read_source != NULL && facts->read_source(facts->host, index, source);
}

size_t chronyc_source_count(const struct chronyc_facts *facts)
{
    struct source_status source;
    size_t count = 0;
    for (size_t i = 0; read_source(facts, i, &source); i++) {
        count += is_shown(&source) ? 1 : 0;
    }
    return count;
}

bool chronyc_source_at(const struct chronyc_facts *facts, size_t index,
                       struct source_status *source)
{
    struct source_status found;
    size_t before = 0;
    for (size_t i = 0; read_source(facts, i, &found); i++) {
        if (is_shown(&found) && before++ == index) {
            *source = found;
            return true;
        }
    }
    return false;
}

bool chronyc_source_find(const struct chronyc_facts *facts, const struct candm_address *address,
                         struct source_status *source)
{
    struct source_status found;
    for (size_t i = 0; read_source(facts, i, &found); i++) {
        struct candm_address its = chronyc_source_address(&found);
        if (is_shown(&found) && its.family == address->family &&
            memcmp(its.octets, address->octets, sizeof(its.octets)) == 0) {
            *source = found;
            return true;
        }
    }
    return false;
}

bool chronyc_source_of_refid(const struct chronyc_facts *facts, uint32_t refid,
                             struct source_status *source)
{
    struct source_status found;
    for (size_t i = 0; read_source(facts, i, &found); i++) {
        if (is_shown(&found) && found.remote.family != ADDRESS_NONE && refid_of(&found) == refid) {
            *source = found;
            return true;
        }
    }
    return false;
}

static uint32_t sample_ago_s(const struct source_status *source, struct mono now)
{
    if (source->answered.ns == 0) {
        return CANDM_AGO_UNKNOWN;
    }
    /* Wraps rather than overflow, should an instant be nonsense. */
    int64_t ago_s = (int64_t)((uint64_t)now.ns - (uint64_t)source->answered.ns) / NS_PER_S;
    return ago_s < 0 ? 0 : ago_s < CANDM_AGO_UNKNOWN ? (uint32_t)ago_s : CANDM_AGO_UNKNOWN - 1;
}

struct candm_source chronyc_source_data(const struct source_status *source, struct mono now)
{
    assert((unsigned)source->state < SOURCE_STATES);
    struct candm_source data = {
        .address = chronyc_source_address(source),
        .poll_log2_s = source->poll,
        .state = states[source->state].shown,
        .mode = source->kind == SOURCE_PEER ? CANDM_MODE_PEER : CANDM_MODE_CLIENT,
        .reach = source->reach,
        .sample_ago_s = sample_ago_s(source, now),
    };
    if (source->has_sample) {
        data.stratum = source->stratum;
        data.measured_offset_s = -seconds(source->sample_offset_ns);
        /* What the samples say of our clock as it reads now, whatever became of it since. */
        data.adjusted_offset_s =
            source->has_estimate ? -source->offset_ns / (double)NS_PER_S : data.measured_offset_s;
        data.error_s = seconds(source->sample_bound_ns);
    }
    return data;
}

struct candm_sourcestats chronyc_source_stats(const struct source_status *source)
{
    struct candm_sourcestats stats = {
        .refid = refid_of(source),
        .address = chronyc_source_address(source),
        .samples = bounded_u32(source->samples),
        .deviation_s = DEVIATION_UNKNOWN_S,
        .skew_ppm = SKEW_UNKNOWN_PPM,
    };
    if (source->has_estimate) {
        stats.span_s = bounded_u32((uint64_t)(source->span_ns / NS_PER_S));
        stats.deviation_s = source->jitter_ns / (double)NS_PER_S;
        stats.residual_frequency_ppm = -source->rate_ppm;
        stats.skew_ppm = CHRONYC_SKEW_DEVIATIONS * source->rate_sd_ppm;
        stats.offset_s = -source->offset_ns / (double)NS_PER_S;
        stats.offset_error_s = source->offset_sd_ns / (double)NS_PER_S;
    }
    return stats;
}

/* What remains of the sample's bound without the delays and the source's own dispersion. */
static double sample_dispersion_s(const struct source_status *source)
{
    double rest_s = seconds(source->sample_bound_ns) - seconds(source->sample_delay_ns) / 2 -
                    seconds(source->root_delay_ns) / 2 - seconds(source->root_dispersion_ns);
    return rest_s > 0 ? rest_s : 0;
}

static char stamp_letter(enum stamp_origin stamp)
{
    return stamp == STAMP_HARDWARE ? 'H' : stamp == STAMP_KERNEL ? 'K' : 'D';
}

static void add_sample(const struct source_status *source, struct candm_ntp_data *data)
{
    data->leap = source->leap;
    data->version = source->version;
    data->mode = source->mode;
    data->stratum = source->stratum;
    data->poll_log2_s = source->source_poll;
    data->precision_log2_s = source->precision;
    data->root_delay_s = seconds(source->root_delay_ns);
    data->root_dispersion_s = seconds(source->root_dispersion_ns);
    data->refid = source->refid;
    data->reference_unix_ns = source->reference.ns;
    data->offset_s = seconds(source->sample_offset_ns);
    data->delay_s = seconds(source->sample_delay_ns);
    data->dispersion_s = sample_dispersion_s(source);
    data->response_s = seconds(source->response_ns);
    data->sent_stamp = stamp_letter(source->sent_stamp);
    data->received_stamp = stamp_letter(source->received_stamp);
}

struct candm_ntp_data chronyc_source_ntp(const struct source_status *source)
{
    unsigned tests = source->tests & (2 * CANDM_TEST_FIRST - 1);
    struct candm_ntp_data data = {
        .remote = chronyc_source_address(source),
        .local = chronyc_address(&source->local),
        .port = source->remote.port,
        .flags = (uint16_t)(tests | (source->is_interleaved ? CANDM_NTP_INTERLEAVED : 0) |
                            (source->is_authenticated ? CANDM_NTP_AUTHENTICATED : 0)),
        .sent = bounded_u32(source->sent),
        .received = bounded_u32(source->received),
        .valid = bounded_u32(source->valid),
        .good = bounded_u32(source->good),
        .kernel_sent = bounded_u32(source->stamps_sent[STAMP_KERNEL]),
        .kernel_received = bounded_u32(source->stamps_received[STAMP_KERNEL]),
        .hardware_sent = bounded_u32(source->stamps_sent[STAMP_HARDWARE]),
        .hardware_received = bounded_u32(source->stamps_received[STAMP_HARDWARE]),
    };
    if (source->has_sample) {
        add_sample(source, &data);
    }
    return data;
}

struct candm_select_data chronyc_source_select(const struct source_status *source, struct mono now)
{
    assert((unsigned)source->state < SOURCE_STATES);
    unsigned options = (source->is_noselect ? CANDM_OPTION_NOSELECT : 0) |
                       (source->is_prefer ? CANDM_OPTION_PREFER : 0) |
                       (source->is_trust ? CANDM_OPTION_TRUST : 0) |
                       (source->is_require ? CANDM_OPTION_REQUIRE : 0);
    struct candm_select_data data = {
        .refid = refid_of(source),
        .address = chronyc_source_address(source),
        .state = states[source->state].letter,
        .has_authentication = source->key_id != 0,
        .leap = source->has_sample ? source->leap : LEAP_UNSYNCHRONISED,
        .configured_options = (uint16_t)options,
        .effective_options = (uint16_t)options,
        .sample_ago_s = sample_ago_s(source, now),
        .score = 1,
    };
    if (source->has_interval) {
        data.low_s = -seconds(source->interval.latest_ns);
        data.high_s = -seconds(source->interval.earliest_ns);
    }
    return data;
}

struct candm_auth_data chronyc_source_auth(const struct source_status *source,
                                           const struct keyring *keyring)
{
    static const uint8_t types[KEY_TYPES] = {
        [KEY_MD5] = 1,    [KEY_SHA1] = 2,         [KEY_SHA256] = 3,       [KEY_SHA384] = 4,
        [KEY_SHA512] = 5, [KEY_AES128_CMAC] = 13, [KEY_AES256_CMAC] = 14,
    };
    struct candm_auth_data data = {.exchange_ago_s = CANDM_AGO_UNKNOWN};
    if (source->key_id == 0) {
        return data;
    }
    data.mode = CANDM_AUTH_SYMMETRIC;
    data.key_id = source->key_id;
    data.naks = source->naks < UINT16_MAX ? (uint16_t)source->naks : UINT16_MAX;
    const struct key *key = keyring != NULL ? keyring_find(keyring, source->key_id) : NULL;
    if (key != NULL) {
        data.key_type = types[key->type];
        data.key_bits = (uint16_t)(8 * key->size);
    }
    return data;
}
