/* SPDX-License-Identifier: MIT */
/* udp_hardware.h - stamps of network cards: which cards have them, and what a card's clock says by
 * our oscillator. One thread. */
#ifndef COMMON_HOST_UDP_HARDWARE_H
#define COMMON_HOST_UDP_HARDWARE_H
#include "common/host/clock.h"
#include "common/host/udp.h"

#define UDP_HARDWARE_TEXT_MAX 256
#define UDP_HARDWARE_PAIRS 8

struct udp_hardware;

/* NULL if memory is short. clock outlives it. */
struct udp_hardware *udp_hardware_create(const struct clock *clock);
/* No socket that was attached may be used any more. NULL is allowed. */
void udp_hardware_destroy(struct udp_hardware *hardware);
/* Lets a connected socket have the stamps of the card that it uses now, if that has them; else the
 * socket keeps the kernel's. True if nothing was known of that card: sentence then says what was
 * found, and that it is said once. */
bool udp_hardware_attach(struct udp_hardware *hardware, struct udp *udp,
                         char sentence[UDP_HARDWARE_TEXT_MAX]);
/* Compares the cards' clocks with ours: to be called once a second. False if there is no card to
 * compare with, and never needs to be called before the next attach. */
bool udp_hardware_compare(struct udp_hardware *hardware);

/* What a stamp of a card says by our oscillator: pairs of readings of both, and the line through
 * them. Pure. */
struct udp_hardware_pair {
    int64_t card_ns;
    struct mono mono;
    int64_t error_ns; /* of mono, at most */
};

struct udp_hardware_line {
    size_t count;
    size_t newest;
    struct udp_hardware_pair pairs[UDP_HARDWARE_PAIRS];
};

/* A pair that misses the line says that the card's clock was set: the line begins anew. */
void udp_hardware_line_add(struct udp_hardware_line *line, const struct udp_hardware_pair *pair);
/* False without a pair that is less than 10 s away. */
bool udp_hardware_line_date(const struct udp_hardware_line *line, int64_t card_ns,
                            struct mono *at) MUST_CHECK;

/* For udp.c: a stamp of the socket's card as a reading of our clock, at or before now. */
bool udp_card_date(const struct udp_card *card, uint32_t interface, int64_t card_ns,
                   struct reading now, struct reading *at) MUST_CHECK;
#endif
