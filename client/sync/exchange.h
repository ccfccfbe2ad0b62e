/* SPDX-License-Identifier: MIT */
/* exchange.h - four timestamps to a sample: makes requests to one server, checks its replies by the
 * packet tests of RFC 5905 (8, 9.2 and A.5.1), in basic or interleaved mode (RFC 9769).
 *
 * Pure: the caller reads the clocks, sends and receives. Requests reveal nothing of our clock:
 * every field but leap, version and mode is constant, and the transmit timestamp is a random number
 * that the reply must return as its origin. One struct per server and socket; not thread-safe. */
#ifndef CLIENT_SYNC_EXCHANGE_H
#define CLIENT_SYNC_EXCHANGE_H
#include "common/auth/mac.h"
#include "common/base/event.h"
#include "common/base/member.h"
#include "common/base/random.h"
#include "ntpwire/extension.h"

#define EXCHANGE_REQUEST_MAX (PACKET_SIZE + MAC_SIZE_MAX_V3)
#define EXCHANGE_DISTANCE_MAX_NS (16 * NS_PER_S) /* RFC 5905: MAXDISP */
#define EXCHANGE_TEXT_MAX 256

/* What a reply says of the source's clock. It never changes: `at` is on the oscillator, which
 * nobody steers. */
struct sample {
    struct mono at;    /* halfway between request and reply ... */
    struct wall wall;  /* ... the source's clock showed this, give or take half the delay */
    int64_t offset_ns; /* source - us, by our system clock then: positive means we are behind */
    int64_t delay_ns;  /* the round trip without the source's own time in it; not negative */
    /* Half the delay, half the root delay, the root dispersion, and both precisions: as far as the
     * source's claims hold, UTC is within offset_ns +/- bound_ns of our clock. */
    int64_t bound_ns;
    /* By how much less than that the source may be off to either side: its claims need not be the
     * same for both. 0 where they are. */
    int64_t spare_before_ns;
    int64_t spare_after_ns;
    bool is_unbounded; /* it vouches for nothing: bound_ns is of its clock alone */

    struct reading sent;          /* T1 */
    struct wall source_received;  /* T2 */
    struct wall source_sent;      /* T3 */
    struct reading received;      /* T4 */
    enum stamp_origin sent_stamp; /* who took T1 and T4 */
    enum stamp_origin received_stamp;
    bool is_interleaved;
    bool is_authenticated;

    uint8_t leap; /* enum packet_leap */
    uint8_t version;
    uint8_t stratum;
    int8_t poll;
    int8_t precision;
    uint32_t refid;
    int64_t root_delay_ns;
    int64_t root_dispersion_ns;
};

/* The tests a reply passes, in this order. Where RFC 5905 numbers a test, its number stands behind.
 */
enum exchange_verdict {
    EXCHANGE_OK = 0,
    EXCHANGE_MALFORMED,       /* see reply->packet_verdict */
    EXCHANGE_MODE,            /* no server's reply */
    EXCHANGE_DUPLICATE,       /* 1: the answer was here before */
    EXCHANGE_BOGUS,           /* 2: its origin is not what we sent */
    EXCHANGE_MAC_NAK,         /* 5: a crypto-NAK */
    EXCHANGE_MAC_MISSING,     /* 5 */
    EXCHANGE_MAC_KEY,         /* 5: made with another key than ours */
    EXCHANGE_MAC_BAD,         /* 5 */
    EXCHANGE_KISS,            /* 4: refid says which */
    EXCHANGE_TIMESTAMP_UNSET, /* 3: receive or transmit timestamp is zero */
    EXCHANGE_UNSYNCHRONISED,  /* 6: leap indicator 3 */
    EXCHANGE_STRATUM,         /* 6: 0 without a kiss code, or beyond 15 */
    EXCHANGE_ROOT_DISTANCE,   /* 7: half the root delay, root dispersion, precision */
    EXCHANGE_REFERENCE,       /* 7: the clock was set after it was read */
    EXCHANGE_INTERLEAVED,     /* an interleaved timestamp that can't belong to the answer before */
    EXCHANGE_TRANSMIT_EARLY,  /* it left before it came */
    EXCHANGE_ROUND_TRIP,      /* our own clock went back */
    EXCHANGE_DELAY_NEGATIVE,  /* the server's time in it exceeds the round trip */
    EXCHANGE_DISTANCE,        /* 11: the whole bound */
    EXCHANGE_VERDICTS
};

struct exchange_options {
    uint8_t version;         /* 1 to 4 */
    int8_t precision;        /* log2 s, of our own clock */
    bool interleaved;        /* ask for it where the server can */
    uint32_t key_id;         /* 0: no authentication */
    int64_t distance_max_ns; /* of a sample's bound; 0: no limit */
    /* What is sent gets extension fields after we made it, and the answer's are taken off before we
     * see it. */
    bool is_extended;
};

/* Used through the calls below only. */
struct exchange_request {
    struct timestamp transmit; /* the random numbers that stand there */
    struct timestamp receive;
    struct reading sent;
    enum stamp_origin stamp;
    bool is_sent;
};

struct exchange {
    struct exchange_options options;
    struct random *random;
    struct macs *macs;

    struct exchange_request request;
    bool is_waiting;
    uint8_t unanswered; /* requests in a row */

    /* The last exchange that was answered: what an interleaved reply completes. */
    bool has_previous;
    bool was_interleaved;
    struct exchange_request previous;
    struct timestamp source_received;
    struct timestamp source_sent; /* as that reply claimed it */
    struct reading received;
    enum stamp_origin received_stamp;
};

/* A reply as far as it could be read. */
struct exchange_reply {
    enum packet_verdict packet_verdict;
    bool has_packet;
    struct packet packet;
    size_t size;
    uint32_t key_id;  /* of its MAC */
    int64_t value_ns; /* what a test found, and its limit, where the test compares durations */
    int64_t limit_ns;
    struct sample sample; /* set with EXCHANGE_OK only */
};

/* macs is NULL, or has the key options->key_id; it and random outlive the exchange. */
void exchange_init(struct exchange *exchange, const struct exchange_options *options,
                   struct random *random, struct macs *macs);

/* Makes the next request and forgets the one before, if it is still unanswered. Returns its size; 0
 * if the MAC could not be made. */
size_t exchange_request(struct exchange *exchange, uint8_t out[EXCHANGE_REQUEST_MAX]) MUST_CHECK;

/* The request left: called with our own reading just before it is sent, and again when the kernel
 * tells. The payload ends with the request. A stamp of something else, or earlier than the one
 * before, is ignored. */
void exchange_sent(struct exchange *exchange, const struct sent *sent);

/* Checks a datagram from the server. Afterwards exchange_is_waiting() tells if the answer is still
 * to come: whatever somebody else could have sent leaves the request open. */
enum exchange_verdict exchange_reply(struct exchange *exchange, const struct datagram *datagram,
                                     struct exchange_reply *reply) MUST_CHECK;
/* The same for a member of a mesh: what its header says of its clock beside the four timestamps
 * does not count, and claim does. */
enum exchange_verdict exchange_member_reply(struct exchange *exchange,
                                            const struct datagram *datagram,
                                            const struct member_claim *claim,
                                            struct exchange_reply *reply) MUST_CHECK;
bool exchange_is_waiting(const struct exchange *exchange);
/* A leap second passed: what an interleaved reply would complete is of the time before it. The next
 * request is a basic one. */
void exchange_forget(struct exchange *exchange);

/* A short English name ("root distance"), and a whole sentence that says what was found and what
 * the limit is. */
const char *exchange_verdict_name(enum exchange_verdict verdict);
void exchange_explain(enum exchange_verdict verdict, const struct exchange_reply *reply,
                      char out[EXCHANGE_TEXT_MAX]);
#endif
