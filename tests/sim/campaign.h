/* SPDX-License-Identifier: MIT */
/* campaign.h - many seeds of one scenario, on several processors: one process per job. What a run
 * gives does not depend on the number of jobs. */
#ifndef TESTS_SIM_CAMPAIGN_H
#define TESTS_SIM_CAMPAIGN_H
#include "tests/sim/results.h"
#include "tests/sim/world.h"

struct campaign {
    const struct scenario *scenario;
    uint64_t first_seed;
    size_t seeds;
    size_t shard;  /* of the seeds, every shards-th from this one on: 0 to shards - 1 */
    size_t shards; /* at least 1 */
    unsigned jobs; /* at least 1 */
    /* Told now and then which part is done, 0 to 1; may be NULL. */
    world_listener *listener; /* told what happens, if not NULL; then jobs is 1 */
    void (*progress)(double part);
};

/* Runs all, and appends what came of it to *results, sorted. False, and a sentence in error, if a
 * run could not be made. */
bool campaign_run(const struct campaign *campaign, struct results *results, char *error,
                  size_t room) MUST_CHECK;
#endif
