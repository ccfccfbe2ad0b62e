/* SPDX-License-Identifier: MIT */
/* prober.h - a node that only asks: its servers at a fixed interval, each through a filter, and
 * combines what the filters say. If told to steer, it also says what is done with its system clock.
 * An engine like the daemon's: events in, actions out.
 *
 * A poll follows the one before after the interval, and up to a fortieth of it more, by chance; the
 * first `burst` requests to a server follow each other after two seconds. Servers are asked in
 * turn, spread over the interval. */
#ifndef TESTS_SIM_PROBER_H
#define TESTS_SIM_PROBER_H
#include "client/sync/bound.h"
#include "client/sync/discipline.h"
#include "client/sync/exchange.h"
#include "client/sync/filter.h"
#include "common/base/action.h"
#include "common/base/interval.h"

#define PROBER_SERVERS_MAX 16
#define PROBER_BURST_INTERVAL_NS (2 * NS_PER_S)
#define PROBER_FILTER_NONE FILTER_KINDS /* each sample is believed until the next */

struct prober_options {
    struct address own; /* whose port is counted up from server to server */
    size_t server_count;
    struct address servers[PROBER_SERVERS_MAX];
    enum filter_kind filter; /* or PROBER_FILTER_NONE */
    int64_t poll_ns;
    unsigned burst;
    bool is_steering;
    int8_t precision;
    uint64_t seed;
};

/* One server. */
struct prober_source {
    struct exchange exchange;
    struct filter *filter; /* NULL: none */
    struct address from;
    struct mono deadline;
    unsigned asked;
    bool has_sample;
    struct sample sample; /* the last one */
    /* The least bound so far, aged: centre and half-width, at an instant of the oscillator. */
    struct mono best_at;
    struct wall best;
    int64_t best_bound_ns;
    struct bound bound; /* in place of these, when steering */
};

struct prober_counters {
    uint64_t asked;
    uint64_t verdicts[EXCHANGE_VERDICTS];
};

struct prober;

/* NULL if memory is short. */
struct prober *prober_create(const struct prober_options *options, struct mono now);
void prober_destroy(struct prober *prober);
void prober_handle(struct prober *prober, const struct event *event, struct actions *out);
struct mono prober_deadline(const struct prober *prober);

/* The sample that the last event brought, and from which server; NULL if it brought none. */
const struct sample *prober_sample(const struct prober *prober, size_t *server);
/* The combined estimate. False until there is one. */
bool prober_estimate(const struct prober *prober, struct mono now,
                     struct estimate *estimate) MUST_CHECK;
/* What the servers' agreed interval says of UTC now, if there is one. */
bool prober_interval(const struct prober *prober, struct mono now,
                     struct interval *interval) MUST_CHECK;
/* What the last event wants done with the system clock; NULL if it is left alone. */
const struct discipline_command *prober_command(const struct prober *prober);
const struct prober_counters *prober_counters(const struct prober *prober);
#endif
