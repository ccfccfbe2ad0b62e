/* SPDX-License-Identifier: MIT */
/* checks.h - the packet tests of RFC 5905 that servers' answers and peers' packets share, and what
 * is computed of the four timestamps. Pure functions. */
#ifndef CLIENT_SYNC_CHECKS_H
#define CLIENT_SYNC_CHECKS_H
#include "client/sync/exchange.h"

/* Test 5. EXCHANGE_OK without a key (0). */
enum exchange_verdict checks_mac(struct macs *macs, uint32_t key_id, struct bytes datagram,
                                 const struct extensions *extensions, struct exchange_reply *reply);
/* Tests 3, 6 and 7: what the sender says of itself. */
enum exchange_verdict checks_claims(struct exchange_reply *reply);
/* Do the four timestamps of reply->sample make a round trip? Sets its delay. */
enum exchange_verdict checks_times(const struct exchange_options *options,
                                   struct exchange_reply *reply);
/* The rest of the sample; test 11. */
enum exchange_verdict checks_fill(const struct exchange_options *options,
                                  struct exchange_reply *reply);
/* The same of a member: what it vouches for is the claim, and no distance is too much. */
void checks_fill_member(const struct exchange_options *options, const struct member_claim *claim,
                        struct exchange_reply *reply);

/* Appends the key's MAC to the header in out; returns the octets, 0 without a key or if it could
 * not be made. */
size_t checks_append_mac(struct macs *macs, const struct exchange_options *options,
                         uint8_t out[EXCHANGE_REQUEST_MAX]);

/* Notes both, for the explanation. */
bool checks_is_over(struct exchange_reply *reply, int64_t value_ns, int64_t limit_ns);
int64_t checks_precision_ns(int8_t precision);
/* The reading of a timestamp that is nearest to pivot, which may be a clock that was never set. */
struct wall checks_wall(struct timestamp timestamp, struct wall pivot);
#endif
