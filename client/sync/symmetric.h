/* SPDX-License-Identifier: MIT */
/* symmetric.h - the packets of two peers (modes 1 and 2), and the four timestamps in them (RFC
 * 5905, 8 and 9.2).
 *
 * Each peer sends when its own poll is due, and returns what the other one sent last. So an
 * exchange lasts as long as the peer takes to its next poll, or no time at all if the other side
 * answers as a server does. We do not wait for the peer's packet in order to answer soon: only one
 * of the two would gain, and what a long exchange loses the learned rate gives back (see
 * symmetric_history.h).
 *
 * The transmit timestamp is the time, since the peer computes with it, and random below our
 * precision. A packet that does not return it changes only what we return ourselves, and that only
 * while no packet since our last one did: so a forged one can cost one exchange in an association
 * without a key, and none where the peer sends as often as we do. Pure; not thread-safe. */
#ifndef CLIENT_SYNC_SYMMETRIC_H
#define CLIENT_SYNC_SYMMETRIC_H
#include "client/sync/exchange.h"
#include "common/base/sync_state.h"

/* What the next packet returns: the peer's transmit timestamp, and our time when it came. */
struct symmetric_echo {
    struct timestamp transmit;
    struct timestamp receive;
    bool is_answer; /* it returned ours */
};

/* Used through the calls below only. */
struct symmetric {
    struct exchange_options options;
    struct random *random;
    struct macs *macs;

    int64_t lag_ns;            /* how much later a packet leaves; set by the caller */
    struct timestamp transmit; /* of our last packet; unset before the first */
    struct reading sent;
    enum stamp_origin sent_stamp;
    bool is_open; /* nothing returned it yet */

    struct symmetric_echo echo;
    struct timestamp newest; /* the transmit timestamp of the last packet that returned ours */
};

/* macs is NULL, or has the key options->key_id; it and random outlive the struct. */
void symmetric_init(struct symmetric *symmetric, const struct exchange_options *options,
                    struct random *random, struct macs *macs);
/* Makes the next packet, which leaves now, and says what we claim. Returns its size; 0 if the MAC
 * could not be made. */
size_t symmetric_packet(struct symmetric *symmetric, const struct sync_state *claim, int8_t poll,
                        struct reading now, uint8_t out[EXCHANGE_REQUEST_MAX]) MUST_CHECK;
/* As exchange_sent(): when it really left. */
void symmetric_sent(struct symmetric *symmetric, const struct sent *sent);
/* Checks a packet of the peer. is_answer tells whether it returns our last timestamp. With
 * EXCHANGE_OK reply->sample is a sample whose delay is not yet corrected for what the two clocks
 * gained on each other meanwhile. */
enum exchange_verdict symmetric_receive(struct symmetric *symmetric,
                                        const struct datagram *datagram,
                                        const struct sync_state *claim,
                                        struct exchange_reply *reply, bool *is_answer) MUST_CHECK;
/* A sentence for what is different between peers; NULL: exchange_explain() has it. */
const char *symmetric_explain(enum exchange_verdict verdict, const struct packet *packet);

/* The header of a packet of ours in a mode that claims something: all but its timestamps. */
struct packet symmetric_claim(const struct sync_state *claim, struct mono now);
#endif
