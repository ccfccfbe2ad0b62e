/* SPDX-License-Identifier: MIT */
#include "client/sync/polling.h"
#include "ntpwire/timestamp.h"

/* Uniform up to a fortieth more: on average 1.0125 intervals, as chronyd's. */
#define RANDOMISATION 40
/* The first request waits a little, so that many sources, and many machines that start together, do
 * not ask at once. */
#define START_SPREAD_NS (NS_PER_S / 4)
/* Lost requests of a burst are made up for, if the source answers at all. */
#define BURST_REQUESTS_MAX (2 * POLLING_BURST_COUNT)
/* Of one that returns much is known still: a second answer tells whether it holds. */
#define RETURN_COUNT 2
#define RETURN_REQUESTS_MAX 3
#define SILENT_PER_STEP 4
#define DOUBTS_FAST 2
/* Variances: the interval doubles while the estimate's would grow by less than ten times until
 * then, and halves when it grows by more than 23 times within one. Measured to be the best trade of
 * packets for error on wide-area paths. */
#define LONGER_FACTOR 10.0
#define LONGER_COUNT 3
#define SHORTER_FACTOR 23.0
#define SHORTER_COUNT 8
/* A kiss may ask for a longer interval than the configuration allows, up to this. */
#define KISS_POLL_MAX 10

void polling_init(struct polling *polling, const struct polling_options *options,
                  struct random *random)
{
    *polling = (struct polling){.options = *options,
                                .random = random,
                                .deadline = {.ns = INT64_MAX},
                                .poll = options->poll_min,
                                .floor = options->poll_min,
                                .quick = POLLING_QUICK_MAX};
}

bool polling_may_burst(const struct polling *polling)
{
    return !polling->is_slowed;
}

int64_t polling_interval_ns(const struct polling *polling)
{
    return timestamp_log2_to_ns(polling->poll);
}

bool polling_is_bursting(const struct polling *polling)
{
    const struct polling_burst *burst = &polling->burst;
    return burst->wanted > 0 && burst->left > 0 && (burst->patience > 0 || polling->reach != 0);
}

/* How many requests may be quick now. A source that changes again and again, and one that makes us
 * move again and again, would be asked at the pace of bursts for ever. */
static bool has_quick(struct polling *polling, struct mono now)
{
    int64_t each_ns = POLLING_QUICK_POLLS * polling_interval_ns(polling);
    int64_t more = (now.ns - polling->quick_at.ns) / each_ns;
    if (more >= POLLING_QUICK_MAX - (int64_t)polling->quick) {
        polling->quick = POLLING_QUICK_MAX;
        polling->quick_at = now;
    } else {
        polling->quick += (unsigned)more;
        polling->quick_at.ns += more * each_ns;
    }
    return polling->quick > 0;
}

static int64_t burst_interval_ns(const struct polling *polling)
{
    int64_t interval_ns = polling_interval_ns(polling);
    return interval_ns < POLLING_BURST_NS ? interval_ns : POLLING_BURST_NS;
}

/* The next request, counted from the last one. */
static void schedule(struct polling *polling, struct mono now)
{
    if (!polling->is_running) {
        return;
    }
    if (!polling->burst.is_wanted && !has_quick(polling, now)) {
        polling->burst = (struct polling_burst){.wanted = 0};
    }
    int64_t interval_ns =
        polling_is_bursting(polling) ? burst_interval_ns(polling) : polling_interval_ns(polling);
    double more = random_unit(polling->random) / RANDOMISATION;
    polling->deadline.ns = polling->asked.ns + interval_ns + (int64_t)(more * (double)interval_ns);
    if (polling->deadline.ns < now.ns) {
        polling->deadline = now;
    }
}

static struct polling_burst burst_make(unsigned requests)
{
    return (struct polling_burst){
        .wanted = POLLING_BURST_COUNT, .left = requests, .patience = POLLING_BURST_COUNT};
}

/* All but what was asked of it. */
static void begin(struct polling *polling)
{
    struct polling before = *polling;
    polling_init(polling, &before.options, before.random);
    polling->is_running = true;
    polling->quick = before.quick;
    polling->quick_at = before.quick_at;
    polling->left = before.left;
}

/* Not right behind a request: the server would count both. */
static struct mono not_behind(const struct polling *polling, struct mono wanted)
{
    int64_t least_ns = polling->left.ns + burst_interval_ns(polling);
    return polling->left.ns != 0 && least_ns > wanted.ns ? (struct mono){least_ns} : wanted;
}

void polling_start(struct polling *polling, struct mono now)
{
    begin(polling);
    if (polling->options.is_iburst) {
        polling->burst = burst_make(BURST_REQUESTS_MAX);
        polling->burst.is_wanted = true;
    }
    int64_t spread_ns = burst_interval_ns(polling);
    spread_ns = spread_ns < START_SPREAD_NS ? spread_ns : START_SPREAD_NS;
    polling->deadline.ns = now.ns + (int64_t)(random_unit(polling->random) * (double)spread_ns);
    polling->deadline = not_behind(polling, polling->deadline);
}

void polling_renew(struct polling *polling, struct mono now)
{
    struct mono asked = polling->asked;
    begin(polling);
    polling->asked = asked;
    schedule(polling, now);
    polling_hurry(polling, POLLING_BURST_COUNT, now);
}

void polling_stop(struct polling *polling)
{
    polling->is_running = false;
    polling->deadline.ns = INT64_MAX;
    polling->burst = (struct polling_burst){.wanted = 0};
}

/* Nobody answers: no use in asking often. */
static void count_silence(struct polling *polling)
{
    if (polling->reach != 0 || polling->asked.ns == 0) {
        return;
    }
    polling->silent++;
    if (polling->silent % SILENT_PER_STEP == 0 && !polling_is_bursting(polling) &&
        polling->poll < polling->options.poll_max) {
        polling->poll++;
    }
}

void polling_sent(struct polling *polling, struct mono now)
{
    struct polling_burst *burst = &polling->burst;
    bool was_bursting = polling_is_bursting(polling);
    if (!was_bursting && polling->options.is_burst && polling->reach != 0 &&
        polling_may_burst(polling)) {
        *burst = burst_make(POLLING_BURST_COUNT);
        burst->is_wanted = true;
        was_bursting = true;
    }
    bool is_quick =
        polling->asked.ns != 0 && now.ns - polling->asked.ns < polling_interval_ns(polling);
    if (was_bursting && is_quick && !burst->is_wanted && has_quick(polling, now)) {
        polling->quick--;
    }
    polling->asked = now;
    polling->left = now;
    if (was_bursting) {
        burst->left--;
        burst->patience -= burst->patience > 0;
    }
    schedule(polling, now);
}

void polling_asked(struct polling *polling, struct mono now)
{
    count_silence(polling);
    polling->reach = (uint8_t)(polling->reach << 1);
    polling_sent(polling, now);
}

void polling_follow(struct polling *polling, int8_t poll, struct mono now)
{
    int8_t wanted = poll > polling->floor ? poll : polling->floor;
    if (wanted < polling->poll) {
        polling->poll = wanted;
        schedule(polling, now);
    }
}

void polling_answered(struct polling *polling, struct mono now)
{
    bool was_unreachable = polling->reach == 0;
    bool was_bursting = polling_is_bursting(polling);
    polling->reach |= 1;
    polling->silent = 0;
    if (polling->burst.wanted > 0) {
        polling->burst.wanted--;
    }
    if (was_unreachable && !was_bursting && !polling_is_bursting(polling)) {
        polling->poll = polling->floor;
        if (polling->options.is_iburst && polling_may_burst(polling)) {
            polling->burst = burst_make(RETURN_REQUESTS_MAX);
            polling->burst.wanted = RETURN_COUNT - 1;
        }
        schedule(polling, now);
    } else if (was_bursting != polling_is_bursting(polling)) {
        schedule(polling, now);
    }
}

void polling_taken(struct polling *polling, struct mono now)
{
    polling->doubts = 0;
    if (polling->burst.is_doubt) {
        polling->burst = (struct polling_burst){.wanted = 0};
        schedule(polling, now);
    }
}

static void go_fast(struct polling *polling)
{
    polling->poll = polling->floor;
    polling->longer = 0;
    polling->shorter = 0;
}

void polling_doubted(struct polling *polling, struct mono now)
{
    polling->doubts++;
    /* Once per doubt: a source that stays strange is not asked at this pace for ever. */
    if (polling->doubts == 1 && !polling_is_bursting(polling) && polling_may_burst(polling)) {
        polling->burst = burst_make(POLLING_BURST_COUNT);
        polling->burst.is_doubt = true;
        schedule(polling, now);
    }
    if (polling->doubts == DOUBTS_FAST) {
        go_fast(polling);
        schedule(polling, now);
    }
}

void polling_stepped(struct polling *polling)
{
    /* What is left of the burst refines the new estimate. */
    polling->burst.is_doubt = false;
    polling->doubts = 0;
    go_fast(polling);
}

void polling_weigh(struct polling *polling, double sd_now, double sd_next, double sd_longer)
{
    /* Within a burst the samples say little of the interval. */
    if (polling_is_bursting(polling) || !(sd_now > 0)) {
        return;
    }
    double variance = sd_now * sd_now;
    polling->longer = sd_longer * sd_longer < LONGER_FACTOR * variance ? polling->longer + 1 : 0;
    polling->shorter = sd_next * sd_next > SHORTER_FACTOR * variance ? polling->shorter + 1 : 0;
    if (polling->longer >= LONGER_COUNT) {
        polling->longer = 0;
        if (polling->poll < polling->options.poll_max) {
            polling->poll++;
        }
    } else if (polling->shorter >= SHORTER_COUNT) {
        polling->shorter = 0;
        if (polling->poll > polling->floor) {
            polling->poll--;
        }
    }
}

void polling_slow(struct polling *polling, int8_t poll, struct mono now)
{
    int8_t most = polling->options.poll_max;
    most = most > KISS_POLL_MAX ? most : KISS_POLL_MAX;
    int8_t slower = (int8_t)(polling->poll + 1);
    int8_t wanted = poll > slower ? poll : slower;
    polling->floor = wanted < most ? wanted : most;
    polling->is_slowed = true;
    polling->poll = polling->floor;
    polling->burst = (struct polling_burst){.wanted = 0};
    schedule(polling, now);
}

static void hurry(struct polling *polling, const struct polling_burst *burst, struct mono now)
{
    polling->burst = *burst;
    polling->deadline = not_behind(polling, now);
}

void polling_hurry(struct polling *polling, unsigned count, struct mono now)
{
    struct polling_burst burst = {.wanted = count, .left = count, .patience = count};
    bool may_hurry = polling_may_burst(polling) && has_quick(polling, now);
    if (polling->is_running && count > 0 && may_hurry) {
        hurry(polling, &burst, now);
    }
}

void polling_burst(struct polling *polling, unsigned count, struct mono now)
{
    struct polling_burst burst = {
        .wanted = count, .left = count, .patience = count, .is_wanted = true};
    if (polling->is_running && count > 0) {
        hurry(polling, &burst, now);
    }
}
