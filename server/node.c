/* SPDX-License-Identifier: MIT */
#include "server/node.h"
#include "ntpwire/packet.h"
#include "ntpwire/refid.h"
#include "ntpwire/timestamp.h"

/* While there is no source the claim is renewed this often: clients refuse a reference time of long
 * ago. */
#define RENEWAL_NS (16 * NS_PER_S)

/* What is said beside the timebase. */
static struct sync_state node_claim(const struct node_options *options)
{
    struct sync_state state = sync_state_unsynchronised(options->precision);
    if (options->local_stratum == 0) {
        return state;
    }
    state.leap = LEAP_NONE;
    state.stratum = (uint8_t)options->local_stratum;
    state.refid = options->local_stratum == 1 ? REFID_LOCL : REFID_LOCAL_CLOCK;
    state.root_delay_ns = 0;
    state.root_dispersion_ns = timestamp_log2_to_ns(options->precision);
    /* The local clock is the reference here: it does not stray from itself. */
    state.dispersion_ppm = 0;
    return state;
}

/* States the claim anew, at a point of the timebase that it has run on. */
static void node_renew(struct node *node, struct wall utc, struct reading now)
{
    node->state = node_claim(&node->options);
    node->state.timebase = node->options.timebase;
    node->state.anchor = now.mono;
    node->state.utc = utc;
    node->state.rate_ppm = 0;
    if (node->options.local_stratum != 0) {
        node->state.reference = utc;
    }
}

void node_init(struct node *node, const struct node_options *options, struct reading now)
{
    struct wall utc = now.wall;
    if (options->timebase == TIMEBASE_LINE) {
        utc.ns += options->offset_ns;
    }
    node->options = *options;
    node->deadline = now.mono;
    node_renew(node, utc, now);
}

void node_configure(struct node *node, const struct node_options *options, struct reading now)
{
    struct node_options kept = node->options;
    node->options = *options;
    node->options.timebase = kept.timebase;
    node->options.offset_ns = kept.offset_ns;
    node->deadline = now.mono;
    node_renew(node, sync_state_utc(&node->state, now), now);
}

void node_handle(struct node *node, const struct event *event, struct actions *out)
{
    if (event->kind != EVENT_TIMER || event->now.mono.ns < node->deadline.ns) {
        return;
    }
    /* The rate is 0, so a line continues to the nanosecond. */
    node_renew(node, sync_state_utc(&node->state, event->now), event->now);
    node->deadline.ns = event->now.mono.ns + RENEWAL_NS;
    actions_append(out, ACTION_PUBLISH)->publish = node->state;
}

struct mono node_deadline(const struct node *node)
{
    return node->deadline;
}
