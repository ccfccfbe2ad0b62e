/* SPDX-License-Identifier: MIT */
#include "server/chronyc_report.h"

#include "server/chronyc_source.h"
#include <string.h>

/* Wraps rather than overflow, should a clock read nonsense. */
static int64_t difference_ns(int64_t a_ns, int64_t b_ns)
{
    return (int64_t)((uint64_t)a_ns - (uint64_t)b_ns);
}

static double seconds(int64_t duration_ns)
{
    return (double)duration_ns / (double)NS_PER_S;
}

/* What the engine estimates. Where our clock is steered it is the system clock, and the correction
 * is what is left to slew; a shadow clock leaves that alone, whose whole error it is then, as with
 * chronyd's option -x. */
static void add_estimate(const struct chronyc_facts *facts, struct candm_tracking *tracking)
{
    const struct status *status = &facts->status;
    tracking->correction_s = seconds(difference_ns(status->now.wall.ns, facts->now.wall.ns)) +
                             status->offset_ns / (double)NS_PER_S;
    tracking->frequency_ppm = -status->rate_ppm;
    tracking->residual_frequency_ppm = -status->residual_ppm;
    tracking->skew_ppm = CHRONYC_SKEW_DEVIATIONS * status->rate_sd_ppm;
    if (status->last_update.ns != 0) {
        tracking->last_offset_s = -seconds(status->last_offset_ns);
        tracking->rms_offset_s = status->rms_offset_ns / (double)NS_PER_S;
        tracking->update_interval_s = seconds(status->update_interval_ns);
    }
}

struct candm_tracking chronyc_report_tracking(const struct chronyc_facts *facts)
{
    const struct sync_state *state = &facts->state;
    struct source_status source;
    struct candm_tracking tracking = {
        .refid = state->refid,
        .stratum = state->stratum <= PACKET_STRATUM_MAX ? state->stratum : 0,
        .leap = state->leap,
        .reference_unix_ns = state->reference.ns,
        .root_delay_s = seconds(state->root_delay_ns),
        .root_dispersion_s = seconds(sync_state_dispersion_ns(state, facts->now.mono)),
    };
    if (tracking.stratum != 0 && chronyc_source_of_refid(facts, state->refid, &source)) {
        tracking.address = chronyc_source_address(&source);
    }
    if (facts->status.has_estimate) {
        add_estimate(facts, &tracking);
    } else if (state->timebase == TIMEBASE_LINE) {
        /* The time we serve may differ from what the system clock shows. Ours gains rate_ppm on the
         * oscillator: so that is slow, which chrony says with a minus. */
        tracking.correction_s =
            seconds(difference_ns(sync_state_utc(state, facts->now).ns, facts->now.wall.ns));
        tracking.frequency_ppm = -state->rate_ppm;
    }
    return tracking;
}

struct candm_activity chronyc_report_activity(const struct chronyc_facts *facts)
{
    const struct status *status = &facts->status;
    return (struct candm_activity){
        .online = status->online,
        .offline = status->offline,
        .burst_online = status->bursting_online,
        .burst_offline = status->bursting_offline,
        .unresolved = status->unresolved,
    };
}

/* Valid requests from those who may ask, as chronyd counts them. */
static uint64_t requests_heard(const struct server_counters *counters)
{
    static const enum responder_verdict others[] = {
        RESPONDER_MALFORMED, RESPONDER_VERSION,     RESPONDER_NOT_REQUEST, RESPONDER_CONTROL,
        RESPONDER_DENIED,    RESPONDER_OWN_ADDRESS, RESPONDER_TO_GROUP};
    uint64_t heard = counters->received;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        uint64_t count = counters->verdicts[others[i]];
        heard = heard > count ? heard - count : 0;
    }
    return heard;
}

/* Those that we have no count for stay 0: no time over TLS, no log of commands' clients, no list of
 * saved timestamps. */
void chronyc_report_server_stats(const struct chronyc_facts *facts, uint64_t stats[CANDM_STATS])
{
    const struct server_counters *counters = &facts->counters;
    memset(stats, 0, CANDM_STATS * sizeof(stats[0]));
    stats[CANDM_STAT_NTP_HITS] = requests_heard(counters);
    stats[CANDM_STAT_CMD_HITS] = facts->commands + facts->commands_dropped;
    stats[CANDM_STAT_NTP_DROPS] = counters->verdicts[RESPONDER_LIMITED];
    stats[CANDM_STAT_CMD_DROPS] = facts->commands_dropped;
    stats[CANDM_STAT_NTP_AUTH] = counters->authentic;
    stats[CANDM_STAT_NTP_INTERLEAVED] = counters->interleaved;
    stats[CANDM_STAT_RX_DAEMON] = counters->stamps_rx[STAMP_DAEMON];
    stats[CANDM_STAT_TX_DAEMON] = counters->stamps_tx[STAMP_DAEMON];
    stats[CANDM_STAT_RX_KERNEL] = counters->stamps_rx[STAMP_KERNEL];
    stats[CANDM_STAT_TX_KERNEL] = counters->stamps_tx[STAMP_KERNEL];
    stats[CANDM_STAT_RX_HARDWARE] = counters->stamps_rx[STAMP_HARDWARE];
    stats[CANDM_STAT_TX_HARDWARE] = counters->stamps_tx[STAMP_HARDWARE];
}

static struct candm_address client_address(uint64_t key)
{
    struct address address = address_from_client_key(key);
    return chronyc_address(&address);
}

static uint32_t seconds_ago(struct mono last, struct mono now)
{
    int64_t ago_s = difference_ns(now.ns, last.ns) / NS_PER_S;
    return ago_s < 0 ? 0 : ago_s < CANDM_AGO_UNKNOWN ? (uint32_t)ago_s : CANDM_AGO_UNKNOWN - 1;
}

size_t chronyc_report_clients(const struct chronyc_facts *facts,
                              struct candm_client clients[CANDM_CLIENTS_MAX])
{
    const struct candm_service unused = {.interval_log2_s = CANDM_INTERVAL_UNKNOWN,
                                         .last_ago_s = CANDM_AGO_UNKNOWN};
    size_t count =
        facts->clients_count < CANDM_CLIENTS_MAX ? facts->clients_count : CANDM_CLIENTS_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct ratelimit_client *client = &facts->clients[i];
        clients[i] = (struct candm_client){
            .address = client_address(client->key),
            .ntp = {.hits = client->hits,
                    .drops = client->drops,
                    .interval_log2_s = client->interval_log2_s,
                    .last_ago_s = seconds_ago(client->last, facts->now.mono)},
            .nke = unused,
            .cmd = unused,
            .timeout_interval_log2_s = CANDM_INTERVAL_UNKNOWN,
        };
    }
    return count;
}
