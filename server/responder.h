/* SPDX-License-Identifier: MIT */
/* responder.h - one request to one reply, by form alone (RFC 5905, 9.2; RFC 9769). Who may ask, how
 * often, and what is remembered is the caller's (server.h). Pure. */
#ifndef SERVER_RESPONDER_H
#define SERVER_RESPONDER_H
#include "common/auth/mac.h"
#include "common/base/event.h"
#include "common/base/sync_state.h"
#include "ntpwire/extension.h"
#include "ntpwire/packet.h"

#define RESPONDER_REPLY_MAX (PACKET_SIZE + MAC_SIZE_MAX_V3)

/* What a datagram is to a server. Everything but ANSWER is counted and gets nothing. */
enum responder_verdict {
    RESPONDER_ANSWER = 0,
    RESPONDER_MALFORMED,   /* too short, bad extension fields, or a crypto-NAK as a request */
    RESPONDER_VERSION,     /* version 0, or 5 and later */
    RESPONDER_NOT_REQUEST, /* modes 2, 4, 5 and, above version 1, 0 */
    RESPONDER_CONTROL,     /* modes 6 and 7 */
    RESPONDER_DENIED,      /* access */
    RESPONDER_LIMITED,     /* rate limit, no kiss */
    RESPONDER_OWN_ADDRESS, /* from the socket that it was sent to, or from where no client can be:
                              port 0, a group, a broadcast or no address */
    RESPONDER_TO_GROUP,    /* to a group or a broadcast address: each server that hears it would
                              answer, perhaps to a forged source */
    RESPONDER_VERDICTS
};
const char *responder_verdict_name(enum responder_verdict verdict);

/* Whether and how a request is authenticated. */
enum responder_auth { RESPONDER_PLAIN, RESPONDER_AUTHENTIC, RESPONDER_CRYPTO_NAK };

struct request {
    struct packet packet;
    enum responder_auth auth;
    uint32_t key_id;     /* for RESPONDER_AUTHENTIC */
    uint8_t digest_size; /* the same; else 0 */
};

/* Judges a datagram by its length, its first octet and where it came from. Cheap: before any state
 * is touched. */
enum responder_verdict responder_glance(const struct datagram *datagram) MUST_CHECK;

/* Reads a datagram that passed responder_glance(); macs may be NULL where no key is configured.
 * RESPONDER_ANSWER or RESPONDER_MALFORMED; on RESPONDER_ANSWER *request is set. Unknown extension
 * fields are ignored. A MAC with an unknown key, a key that the source may not use, or a wrong
 * digest is RESPONDER_CRYPTO_NAK. */
enum responder_verdict responder_read(const struct datagram *datagram, struct macs *macs,
                                      struct request *request) MUST_CHECK;

/* The octets of a reply to that request: with a digest as long as its own, so never more. */
size_t responder_size(const struct request *request);

/* The part of a reply that is the same for all: made once per batch. */
struct responder_claim {
    uint8_t leap;
    uint8_t stratum; /* as on the wire */
    int8_t precision;
    uint32_t root_delay;
    uint32_t root_dispersion;
    uint32_t refid;
    struct timestamp reference;
};
struct responder_claim responder_claim_make(const struct sync_state *state, struct mono now);

/* Writes the header of a reply, all but the transmit timestamp, in mode 4 (2 for a request in mode
 * 1) and in the request's version. */
void responder_write(const struct request *request, const struct responder_claim *claim,
                     struct timestamp origin, struct timestamp receive, uint8_t out[PACKET_SIZE]);
/* Writes the whole header of a kiss (RFC 5905, 7.4): leap 3, stratum 0, no time; all three
 * timestamps are the request's transmit timestamp, since clients drop what has a zero there.
 * poll_min: log2 of the seconds that the client shall leave between requests. */
void responder_write_kiss(const struct request *request, uint32_t code, int8_t poll_min,
                          uint8_t out[PACKET_SIZE]);
#endif
