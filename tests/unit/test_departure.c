/* SPDX-License-Identifier: MIT */
#include "client/sync/departure.h"
#include "ntpwire/packet.h"
#include "tests/unit/unit.h"
#include <string.h>

#define LINK_HEADER 42

static uint8_t packet[LINK_HEADER + PACKET_SIZE];

/* Makes a packet at made_ns, and reports a stamp of it at left_ns. */
static void depart(struct departure *departure, uint64_t transmit, int64_t made_ns, int64_t left_ns)
{
    uint8_t *payload = packet + LINK_HEADER;
    bytes_put_u64(payload + PACKET_TRANSMIT_OFFSET, transmit);
    departure_begin(departure, bytes_make(payload, PACKET_SIZE), (struct mono){made_ns});
    struct sent sent = {.stamp = STAMP_KERNEL,
                        .at = {.mono = {left_ns}},
                        .payload = bytes_make(packet, sizeof(packet))};
    departure_end(departure, &sent);
}

static void test_least(void)
{
    struct departure departure = {.count = 0};
    CU_ASSERT_EQUAL(departure_lag_ns(&departure), 0);
    depart(&departure, 11, 1000, 1000 + 70000);
    CU_ASSERT_EQUAL(departure_lag_ns(&departure), 70000);
    depart(&departure, 12, 2000, 2000 + 40000);
    depart(&departure, 13, 3000, 3000 + 90000);
    CU_ASSERT_EQUAL(departure_lag_ns(&departure), 40000);
    /* The least is forgotten with the eighth after it. */
    for (unsigned i = 0; i < DEPARTURE_LAGS; i++) {
        depart(&departure, 20 + i, 4000, 4000 + 60000 + (int64_t)i);
    }
    CU_ASSERT_EQUAL(departure_lag_ns(&departure), 60000);
}

static void test_ignored(void)
{
    struct departure departure = {.count = 0};
    depart(&departure, 11, 1000, 999); /* a clock that went back */
    depart(&departure, 12, 1000, 1000 + 6 * NS_PER_MS);
    CU_ASSERT_EQUAL(departure_lag_ns(&departure), 0);

    bytes_put_u64(packet + LINK_HEADER + PACKET_TRANSMIT_OFFSET, 13);
    struct bytes payload = bytes_make(packet + LINK_HEADER, PACKET_SIZE);
    departure_begin(&departure, payload, (struct mono){5000});
    struct sent sent = {.stamp = STAMP_DAEMON, .at = {.mono = {6000}}, .payload = payload};
    departure_end(&departure, &sent);
    CU_ASSERT_EQUAL(departure_lag_ns(&departure), 0);
    /* Another packet's, and one that is cut short. */
    sent.stamp = STAMP_KERNEL;
    sent.payload.size = PACKET_SIZE - 1;
    departure_end(&departure, &sent);
    bytes_put_u64(packet + LINK_HEADER + PACKET_TRANSMIT_OFFSET, 14);
    sent.payload.size = PACKET_SIZE;
    departure_end(&departure, &sent);
    CU_ASSERT_EQUAL(departure_lag_ns(&departure), 0);
    /* Its own, and that once only. */
    bytes_put_u64(packet + LINK_HEADER + PACKET_TRANSMIT_OFFSET, 13);
    departure_end(&departure, &sent);
    CU_ASSERT_EQUAL(departure_lag_ns(&departure), 1000);
    sent.at.mono.ns = 5500;
    departure_end(&departure, &sent);
    CU_ASSERT_EQUAL(departure_lag_ns(&departure), 1000);
}

static const struct unit_case cases[] = {
    {"the least of the last lags", test_least},
    {"stamps that tell nothing", test_ignored},
};

UNIT_MAIN("departure", cases)
