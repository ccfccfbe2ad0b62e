/* SPDX-License-Identifier: MIT */
/* figures.h - how well a run kept time: the errors of its nodes, second by second, to a few
 * figures; and what is known of each figure. */
#ifndef TESTS_SIM_FIGURES_H
#define TESTS_SIM_FIGURES_H
#include "common/base/instant.h"
#include "ntpwire/bytes.h"

enum figure {
    FIGURE_OFFSET_RMS,
    FIGURE_OFFSET_MEDIAN, /* of the absolute offset, as the next three */
    FIGURE_OFFSET_95,
    FIGURE_OFFSET_99,
    FIGURE_OFFSET_MAX,
    FIGURE_RATE_RMS,
    FIGURE_MTIE_1, /* over 1, 16, 64 and 256 s */
    FIGURE_MTIE_16,
    FIGURE_MTIE_64,
    FIGURE_MTIE_256,
    FIGURE_TIME_TO_1_MS, /* from when on the offset is below it for a while; of the slowest node */
    FIGURE_TIME_TO_100_US,
    FIGURE_TIME_TO_10_US,
    FIGURE_CONTAINMENT, /* of the moments with an interval, those in which it holds the truth */
    FIGURE_HALF_WIDTH,  /* of the interval, mean */
    FIGURE_CLAIM_HELD,  /* of the moments with a root distance, those in which it holds the error */
    FIGURE_CLAIM,       /* the root distance that answers tell, mean */
    FIGURE_SOURCE,      /* NTP root distance of the best single source that is honest, mean */
    FIGURE_NOTICE,      /* the longest time until an interval that missed the truth was doubted */
    FIGURE_SPREAD,      /* of peers: the greatest of their clocks - the least, RMS */
    FIGURE_SYNCHRONISED,     /* of the moments, those in which the sources agree */
    FIGURE_PACKETS,          /* requests sent */
    FIGURE_PACKETS_PER_HOUR, /* and node */
    FIGURE_EXCHANGES,        /* answered, and believed */
    FIGURE_ROUNDS,           /* of a mesh: polls until all honest clocks stay within 1 ms */
    FIGURE_APART,            /* how far they are apart in the end */
    FIGURE_BIAS,             /* the mean error of its honest clocks, signed */
    FIGURE_EXCLUSION, /* polls from a liar's first miss until the last honest one excludes it */
    FIGURE_FALSE_EXCLUSIONS, /* of honest members by honest ones */
    FIGURE_NODE_PACKETS,     /* that a member sends per second */
    FIGURE_NODE_OCTETS,
    FIGURE_VIOLATIONS, /* that the checker saw */
    FIGURES
};

enum figure_unit { UNIT_NS, UNIT_PPB, UNIT_S, UNIT_PERCENT, UNIT_COUNT };

struct figure_info {
    const char *name;   /* "offset-rms": what a bound is called, with -max or -min behind it */
    const char *column; /* "offset_rms_ns": what it is called in JSON and CSV */
    const char *title;
    enum figure_unit unit;
};
extern const struct figure_info figure_infos[FIGURES];

#define FIGURES_TEXT_MAX 320

/* A run. A time that was never reached is infinite; what could not be measured is not a number. */
struct figures {
    uint64_t seed;
    uint64_t hash;
    double values[FIGURES];
    double cpu_ns; /* of a mesh's members, for an exchange; no two runs take the same */
    char violation[FIGURES_TEXT_MAX]; /* the first one; empty if there was none */
};

/* The errors of one node, in order. */
struct series {
    double *offsets_ns; /* estimate - truth; not a number while there is no estimate */
    size_t count;
    size_t capacity;
    size_t settled;  /* index of the first that counts */
    size_t recovers; /* index from which time-to figures count */
    double rate_square_sum;
    size_t rate_count;
    size_t interval_count;
    size_t interval_held;
    double half_width_sum_ns;
    size_t state_count;
    size_t synchronised;
    size_t claim_count;
    size_t claim_held;
    double claim_sum_ns;
};

/* False if memory is short. */
bool series_init(struct series *series, size_t capacity) MUST_CHECK;
void series_clear(struct series *series);
void series_add(struct series *series, double offset_ns);
/* What belongs to the last offset; ignored before the series has settled. */
void series_add_rate(struct series *series, double rate_error_ppb);
void series_add_interval(struct series *series, bool is_held, double half_width_ns);
void series_add_state(struct series *series, bool is_synchronised);
void series_add_claim(struct series *series, bool is_held, double distance_ns);

/* The offset figures, the rate's and the interval's, over all series; the time between two offsets
 * is interval_ns. False if memory is short. */
bool figures_compute(const struct series *series, size_t count, int64_t interval_ns,
                     struct figures *figures) MUST_CHECK;
/* The median of each figure over several runs, count > 0; containment: the least, violations and
 * false exclusions: the sum, the rounds of a mesh: the greatest. False if memory is short. */
bool figures_summarise(const struct figures *runs, size_t count,
                       struct figures *summary) MUST_CHECK;
#endif
