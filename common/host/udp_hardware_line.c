/* SPDX-License-Identifier: MIT */
/* A card's clock by our oscillator: arithmetic alone. */
#include "common/host/udp_hardware.h"
#include <math.h>

#define AGE_NS_MAX (10 * NS_PER_S)
#define SPAN_NS_MIN (NS_PER_S / 2) /* shorter, and the rate is mostly the readings' error */
#define RATE_MAX 0.2               /* of a card's clock that somebody steers hard */
#define MISS_NS (20 * NS_PER_US)   /* beyond what the pairs may be off */

static const struct udp_hardware_pair *newest_of(const struct udp_hardware_line *line)
{
    return &line->pairs[line->newest];
}

static const struct udp_hardware_pair *oldest_of(const struct udp_hardware_line *line)
{
    return &line->pairs[(line->newest + UDP_HARDWARE_PAIRS - line->count + 1) % UDP_HARDWARE_PAIRS];
}

/* What our oscillator gains on the card's clock, per unit of that. */
static double gain_of(const struct udp_hardware_line *line)
{
    int64_t card_ns = newest_of(line)->card_ns - oldest_of(line)->card_ns;
    int64_t mono_ns = newest_of(line)->mono.ns - oldest_of(line)->mono.ns;
    if (card_ns < SPAN_NS_MIN) {
        return 0;
    }
    return (double)(mono_ns - card_ns) / (double)card_ns;
}

static int64_t mono_at(const struct udp_hardware_line *line, int64_t card_ns)
{
    int64_t since_ns = card_ns - newest_of(line)->card_ns;
    return newest_of(line)->mono.ns + since_ns + llround((double)since_ns * gain_of(line));
}

static bool is_near(const struct udp_hardware_line *line, int64_t card_ns)
{
    int64_t since_ns;
    return line->count > 0 &&
           !__builtin_sub_overflow(card_ns, newest_of(line)->card_ns, &since_ns) &&
           since_ns < AGE_NS_MAX && since_ns > -AGE_NS_MAX;
}

void udp_hardware_line_add(struct udp_hardware_line *line, const struct udp_hardware_pair *pair)
{
    if (line->count > 0) {
        const struct udp_hardware_pair *newest = newest_of(line);
        int64_t since_ns = pair->mono.ns - newest->mono.ns;
        /* A rate that is not known yet may be anything that a clock does; one that is known may
         * have been changed, by little. */
        double unknown = line->count > 1 ? RATE_MAX / 100 : RATE_MAX;
        double allowed =
            (double)(pair->error_ns + newest->error_ns + MISS_NS) + unknown * (double)since_ns;
        if (!is_near(line, pair->card_ns) || since_ns <= 0 ||
            fabs((double)(mono_at(line, pair->card_ns) - pair->mono.ns)) > allowed) {
            line->count = 0;
        }
    }
    line->newest = (line->newest + 1) % UDP_HARDWARE_PAIRS;
    line->pairs[line->newest] = *pair;
    line->count += line->count < UDP_HARDWARE_PAIRS;
}

bool udp_hardware_line_date(const struct udp_hardware_line *line, int64_t card_ns, struct mono *at)
{
    if (!is_near(line, card_ns)) {
        return false;
    }
    at->ns = mono_at(line, card_ns);
    return true;
}
