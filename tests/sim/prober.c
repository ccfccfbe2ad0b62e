/* SPDX-License-Identifier: MIT */
#include "tests/sim/prober.h"
#include "client/sync/combine.h"
#include "client/sync/selection.h"
#include <stdlib.h>
#include <string.h>

/* What a bound loses while it ages (RFC 5905: PHI), carried on at the estimated rate. */
#define AGING_PPM 15.0
#define RANDOMISATION 40
#define FIRST_PORT 40000
#define DRIFT_START_PPM 500.0
/* A filter's first rates come from two or three samples, and are less sure than they look. */
#define BOUND_RATE_SAMPLES 4

struct prober {
    struct prober_options options;
    struct random random;
    struct mono deadline;
    struct prober_counters counters;
    bool has_fresh;
    size_t fresh;
    struct discipline discipline;
    bool has_command;
    struct discipline_command command; /* the last one */
    struct prober_source sources[PROBER_SERVERS_MAX];
};

static void find_deadline(struct prober *prober)
{
    prober->deadline.ns =
        prober->discipline.state == DISCIPLINE_WAITING ? INT64_MAX : prober->command.until.ns;
    for (size_t i = 0; i < prober->options.server_count; i++) {
        if (prober->sources[i].deadline.ns < prober->deadline.ns) {
            prober->deadline = prober->sources[i].deadline;
        }
    }
}

static bool source_init(struct prober *prober, size_t index, struct mono now)
{
    const struct prober_options *options = &prober->options;
    struct prober_source *source = &prober->sources[index];
    struct exchange_options exchange = {.version = PACKET_VERSION_MAX,
                                        .precision = options->precision,
                                        .distance_max_ns = EXCHANGE_DISTANCE_MAX_NS};
    exchange_init(&source->exchange, &exchange, &prober->random, NULL);
    struct bound_options bound = {.drift_class = DRIFT_NORMAL, .drift_start_ppm = DRIFT_START_PPM};
    bound_init(&source->bound, &bound);
    source->from = options->own;
    source->from.port = (uint16_t)(FIRST_PORT + index);
    int64_t spread_ns = options->burst > 1 ? PROBER_BURST_INTERVAL_NS : options->poll_ns;
    source->deadline.ns = now.ns + (int64_t)(random_unit(&prober->random) * NS_PER_S) +
                          (int64_t)index * (spread_ns / (int64_t)options->server_count);
    if (options->filter == PROBER_FILTER_NONE) {
        return true;
    }
    int64_t precision_ns = 2 * timestamp_log2_to_ns(options->precision);
    source->filter = filter_create(options->filter, precision_ns);
    return source->filter != NULL;
}

struct prober *prober_create(const struct prober_options *options, struct mono now)
{
    assert(options->server_count > 0 && options->server_count <= PROBER_SERVERS_MAX);
    assert(options->poll_ns > 0);
    struct prober *prober = calloc(1, sizeof(*prober));
    if (prober == NULL) {
        return NULL;
    }
    prober->options = *options;
    random_init_seeded(&prober->random, options->seed);
    discipline_init(&prober->discipline, &discipline_defaults);
    for (size_t i = 0; i < options->server_count; i++) {
        if (!source_init(prober, i, now)) {
            prober_destroy(prober);
            return NULL;
        }
    }
    find_deadline(prober);
    return prober;
}

void prober_destroy(struct prober *prober)
{
    if (prober != NULL) {
        for (size_t i = 0; i < prober->options.server_count; i++) {
            filter_destroy(prober->sources[i].filter);
        }
        free(prober);
    }
}

/* Asks, and says when to ask again. */
static void source_ask(struct prober *prober, size_t index, struct reading now, struct actions *out)
{
    struct prober_source *source = &prober->sources[index];
    int64_t wait_ns = prober->options.poll_ns;
    wait_ns += (int64_t)(random_unit(&prober->random) * (double)(wait_ns / RANDOMISATION));
    source->asked++;
    if (source->asked < prober->options.burst && wait_ns > PROBER_BURST_INTERVAL_NS) {
        wait_ns = PROBER_BURST_INTERVAL_NS;
    }
    source->deadline.ns = now.mono.ns + wait_ns;

    uint8_t request[EXCHANGE_REQUEST_MAX];
    size_t size = exchange_request(&source->exchange, request);
    struct action_send *send = &actions_append(out, ACTION_SEND)->send;
    send->source = source->from;
    send->destination = prober->options.servers[index];
    send->interface = 0;
    send->wants_stamp = false;
    send->size = size;
    memcpy(send->payload, request, size);
    struct sent sent = {
        .stamp = STAMP_DAEMON, .at = now, .payload = bytes_make(send->payload, size)};
    exchange_sent(&source->exchange, &sent);
    prober->counters.asked++;
}

static bool source_estimate(const struct prober_source *source, struct mono now,
                            struct estimate *estimate)
{
    if (source->filter != NULL) {
        return filter_estimate(source->filter, now, estimate);
    }
    if (!source->has_sample) {
        return false;
    }
    *estimate = (struct estimate){.at = now,
                                  .wall = {source->sample.wall.ns + now.ns - source->sample.at.ns},
                                  .offset_sd_ns = (double)source->sample.bound_ns};
    return true;
}

static struct bound_rate source_rate(const struct prober_source *source, struct mono now)
{
    struct estimate estimate;
    if (filter_count(source->filter) < BOUND_RATE_SAMPLES ||
        !filter_estimate(source->filter, now, &estimate)) {
        return (struct bound_rate){.is_learned = false};
    }
    return (struct bound_rate){
        .is_learned = true, .rate_ppm = estimate.rate_ppm, .sd_ppm = estimate.rate_sd_bound_ppm};
}

static double source_rate_ppm(const struct prober_source *source, struct mono now)
{
    struct estimate estimate;
    return source_estimate(source, now, &estimate) ? estimate.rate_ppm : 0;
}

/* The half-width of the best bound, by now, and where its centre went meanwhile. */
static int64_t source_bound(const struct prober_source *source, struct mono now,
                            struct wall *centre)
{
    int64_t age_ns = now.ns - source->best_at.ns;
    double gain_ns = source_rate_ppm(source, now) * 1e-6 * (double)age_ns;
    centre->ns = source->best.ns + age_ns + (int64_t)gain_ns;
    return source->best_bound_ns + 1 + (int64_t)(AGING_PPM * 1e-6 * (double)age_ns);
}

static void source_take(struct prober_source *source, const struct sample *sample, struct mono now)
{
    if (source->filter != NULL) {
        struct bound_rate rate = source_rate(source, now);
        (void)bound_add(&source->bound, sample, &rate);
        enum filter_verdict verdict = filter_add(source->filter, sample);
        if (verdict == FILTER_STEPPED) {
            source->has_sample = false; /* what was known of its clock is no longer true */
        }
    }
    struct wall centre;
    bool is_best = !source->has_sample || source_bound(source, now, &centre) >= sample->bound_ns;
    source->has_sample = true;
    source->sample = *sample;
    if (is_best) {
        source->best_at = sample->at;
        source->best = sample->wall;
        source->best_bound_ns = sample->bound_ns;
    }
}

static void take_datagram(struct prober *prober, const struct datagram *datagram, struct mono now)
{
    size_t index = datagram->destination.port - FIRST_PORT;
    if (index >= prober->options.server_count ||
        !address_is_same(&datagram->source, &prober->options.servers[index])) {
        return;
    }
    struct prober_source *source = &prober->sources[index];
    struct exchange_reply reply;
    enum exchange_verdict verdict = exchange_reply(&source->exchange, datagram, &reply);
    prober->counters.verdicts[verdict]++;
    if (verdict == EXCHANGE_OK) {
        source_take(source, &reply.sample, now);
        prober->has_fresh = true;
        prober->fresh = index;
    }
}

/* The clock is steered after every sample, and when a command's time is over. */
static void steer(struct prober *prober, struct reading now)
{
    struct estimate estimate;
    bool has_estimate = prober_estimate(prober, now.mono, &estimate);
    if (prober->has_fresh && has_estimate) {
        discipline_update(&prober->discipline, &estimate, prober->options.poll_ns, now,
                          &prober->command);
        prober->has_command = true;
    } else if (prober->command.until.ns <= now.mono.ns) {
        prober->has_command = discipline_check(&prober->discipline, has_estimate ? &estimate : NULL,
                                               now, &prober->command);
    }
    find_deadline(prober);
}

void prober_handle(struct prober *prober, const struct event *event, struct actions *out)
{
    prober->has_fresh = false;
    prober->has_command = false;
    if (event->kind == EVENT_DATAGRAM) {
        take_datagram(prober, &event->datagram, event->now.mono);
    } else if (event->kind == EVENT_TIMER) {
        for (size_t i = 0; i < prober->options.server_count; i++) {
            if (prober->sources[i].deadline.ns <= event->now.mono.ns) {
                source_ask(prober, i, event->now, out);
            }
        }
        find_deadline(prober);
    }
    if (prober->options.is_steering) {
        steer(prober, event->now);
    }
}

const struct discipline_command *prober_command(const struct prober *prober)
{
    return prober->has_command ? &prober->command : NULL;
}

struct mono prober_deadline(const struct prober *prober)
{
    return prober->deadline;
}

const struct sample *prober_sample(const struct prober *prober, size_t *server)
{
    *server = prober->fresh;
    return prober->has_fresh ? &prober->sources[prober->fresh].sample : NULL;
}

const struct prober_counters *prober_counters(const struct prober *prober)
{
    return &prober->counters;
}

static struct interval source_interval(const struct prober *prober,
                                       const struct prober_source *source, struct mono now)
{
    struct interval interval;
    struct bound_rate rate;
    if (prober->options.is_steering) {
        rate = source_rate(source, now);
        if (bound_interval(&source->bound, now, &rate, &interval)) {
            return interval;
        }
    }
    struct wall centre;
    int64_t half_ns = source_bound(source, now, &centre);
    return interval_around(centre.ns, half_ns);
}

static int64_t interval_centre(const struct interval *interval)
{
    return interval->earliest_ns + (interval->latest_ns - interval->earliest_ns) / 2;
}

/* The intersection of the sources' intervals; which[] is the source of each candidate. */
static size_t select_sources(const struct prober *prober, struct mono now, size_t *which,
                             struct interval *intervals, struct selection *selection)
{
    struct selection_candidate candidates[PROBER_SERVERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < prober->options.server_count; i++) {
        if (!prober->sources[i].has_sample) {
            continue;
        }
        candidates[count].interval = source_interval(prober, &prober->sources[i], now);
        candidates[count].offset_ns = interval_centre(&candidates[count].interval);
        intervals[count] = candidates[count].interval;
        which[count++] = i;
    }
    selection->has_agreement = false;
    if (count > 0) {
        selection_run(candidates, count, prober->options.server_count,
                      selection_faults_max(prober->options.server_count), selection);
    }
    return count;
}

bool prober_interval(const struct prober *prober, struct mono now, struct interval *interval)
{
    size_t which[PROBER_SERVERS_MAX];
    struct selection selection;
    struct interval intervals[PROBER_SERVERS_MAX];
    (void)select_sources(prober, now, which, intervals, &selection);
    if (!selection.has_agreement) {
        return false;
    }
    *interval = selection.agreed;
    return true;
}

bool prober_estimate(const struct prober *prober, struct mono now, struct estimate *estimate)
{
    if (prober->options.server_count == 1 && !prober->options.is_steering) {
        return source_estimate(&prober->sources[0], now, estimate);
    }
    size_t which[PROBER_SERVERS_MAX];
    struct interval intervals[PROBER_SERVERS_MAX];
    struct selection selection;
    size_t count = select_sources(prober, now, which, intervals, &selection);
    if (!selection.has_agreement) {
        return false;
    }
    struct combine_candidate candidates[PROBER_SERVERS_MAX] = {{.clock_sd_ns = 0}};
    size_t estimates = 0;
    for (size_t i = 0; i < count; i++) {
        struct combine_candidate *candidate = &candidates[estimates];
        candidate->interval = intervals[i];
        candidate->clock_sd_ns = 0;
        estimates += source_estimate(&prober->sources[which[i]], now, &candidate->estimate);
    }
    struct combine combine;
    combine_run(candidates, estimates, &selection.agreed, 0, &combine);
    if (combine.used > 0) {
        *estimate = combine.estimate;
    }
    return combine.used > 0;
}
