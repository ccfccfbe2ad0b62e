/* SPDX-License-Identifier: MIT */
/* departure.h - how much later a packet leaves than the engine made it. A packet that tells its own
 * time (modes 1, 2 and 5) is signed, handed over and queued after that was written into it; the
 * kernel's stamps tell how long that takes. Pure; not thread-safe. */
#ifndef CLIENT_SYNC_DEPARTURE_H
#define CLIENT_SYNC_DEPARTURE_H
#include "common/base/event.h"

#define DEPARTURE_LAGS 8

/* Used through the calls below only; all zero: nothing is known. */
struct departure {
    struct mono made;  /* the last packet ... */
    uint64_t transmit; /* ... its transmit timestamp, 0: its stamp was seen, or there is none */
    size_t size;
    int64_t lag_ns[DEPARTURE_LAGS];
    size_t count;
};

/* The packet that is handed over now. */
void departure_begin(struct departure *departure, struct bytes packet, struct mono now);
/* A stamp of a packet; of another than the last one, or taken by ourselves, it is ignored. */
void departure_end(struct departure *departure, const struct sent *sent);
/* What is to be added to the time that the next packet tells, in nanoseconds: the least of the last
 * lags, so that no packet claims to leave later than it does; 0 while nothing is known. */
int64_t departure_lag_ns(const struct departure *departure);
#endif
