/* SPDX-License-Identifier: MIT */
#include "client/sync/departure.h"
#include "ntpwire/packet.h"

/* A packet that took longer waited for something else. */
#define LAG_NS_MAX (5 * NS_PER_MS)

void departure_begin(struct departure *departure, struct bytes packet, struct mono now)
{
    departure->made = now;
    departure->size = packet.size;
    departure->transmit =
        packet.size >= PACKET_SIZE ? bytes_u64(packet, PACKET_TRANSMIT_OFFSET) : 0;
}

void departure_end(struct departure *departure, const struct sent *sent)
{
    /* What stands before our payload is the link's. */
    if (departure->transmit == 0 || sent->stamp == STAMP_DAEMON ||
        sent->payload.size < departure->size ||
        bytes_u64(sent->payload, sent->payload.size - departure->size + PACKET_TRANSMIT_OFFSET) !=
            departure->transmit) {
        return;
    }
    int64_t lag_ns = sent->at.mono.ns - departure->made.ns;
    departure->transmit = 0;
    if (lag_ns >= 0 && lag_ns <= LAG_NS_MAX) {
        departure->lag_ns[departure->count++ % DEPARTURE_LAGS] = lag_ns;
    }
}

int64_t departure_lag_ns(const struct departure *departure)
{
    if (departure->count == 0) {
        return 0;
    }
    size_t count = departure->count < DEPARTURE_LAGS ? departure->count : DEPARTURE_LAGS;
    int64_t least_ns = departure->lag_ns[0];
    for (size_t i = 1; i < count; i++) {
        least_ns = departure->lag_ns[i] < least_ns ? departure->lag_ns[i] : least_ns;
    }
    return least_ns;
}
