/* SPDX-License-Identifier: MIT */
/* network.h - what becomes of a datagram on its way from one node to another: when it arrives, how
 * often, or not at all. One struct per direction of a link; its random numbers are its own. */
#ifndef TESTS_SIM_NETWORK_H
#define TESTS_SIM_NETWORK_H
#include "common/base/instant.h"
#include "common/base/random.h"
#include "ntpwire/bytes.h"

#define NETWORK_CHANGES_MAX 8

/* How the time in queues is distributed; it is added to the delay of the path. */
enum jitter_shape {
    JITTER_NONE,
    JITTER_EXPONENTIAL, /* mean */
    JITTER_GAUSSIAN,    /* mean, sd; never below zero */
    JITTER_LOGNORMAL,   /* median, sigma of its logarithm */
    JITTER_PARETO,      /* exponential mean; a share of the datagrams wait Pareto's time: mean as
                           the least, and an exponent */
    JITTER_BURST /* exponential mean, a factor to it in bursts, their and the quiet duration */
};

struct jitter {
    enum jitter_shape shape;
    int64_t scale_ns;
    double parameter; /* lognormal: sigma; Pareto: share; burst: factor */
    double exponent;  /* Pareto */
    int64_t sd_ns;    /* Gaussian */
    int64_t quiet_ns; /* burst: mean durations */
    int64_t burst_ns;
};

/* From at_ns on the path has another delay: the route changed. */
struct route_change {
    int64_t at_ns;
    int64_t delay_ns;
};

struct outage {
    int64_t at_ns;
    int64_t duration_ns;
};

/* A share of the datagrams takes that much longer. */
struct straggling {
    double share;
    int64_t extra_ns;
};

struct path_options {
    int64_t delay_ns;
    struct jitter jitter;
    double loss; /* shares: 0 to 1 */
    double duplication;
    struct straggling spike;
    struct straggling reorder; /* the same, but others overtake those even where in_order is set */
    bool in_order;             /* no datagram overtakes another */
    int64_t reachable_ns;      /* of each period, from its start; 0: always */
    int64_t period_ns;
    size_t route_count;
    struct route_change routes[NETWORK_CHANGES_MAX];
    size_t outage_count;
    struct outage outages[NETWORK_CHANGES_MAX];
};

/* Used through the calls below only. */
struct path {
    const struct path_options *options; /* outlive the path */
    struct random random;
    bool is_bursting;
    int64_t burst_change_ns;
    int64_t last_ns; /* the latest arrival of an orderly datagram */
};

/* The struct must not be moved afterwards. */
void path_init(struct path *path, const struct path_options *options, uint64_t seed);
/* A datagram leaves at truth_ns, not before the one before it. Returns how many copies arrive, and
 * when. */
size_t path_send(struct path *path, int64_t truth_ns, int64_t arrivals_ns[2]);
#endif
