/* SPDX-License-Identifier: MIT */
#include "client/cli/survey.h"
#include "client/cli/probe.h"
#include "client/cli/survey_failure.h"
#include "common/host/entropy.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 8305, 5: how long the first address has for itself before the next is tried beside it. */
#define RACE_MS 250
#define HOST_MAX 256

struct survey;

/* One server as it was named, and the addresses of that name. */
struct target {
    struct survey *survey;
    struct survey_result *result;
    struct resolution resolution;
    uv_timer_t timer;
    bool is_done;
    uint64_t start_ns;
    struct address addresses[RESOLVER_ADDRESSES_MAX];
    size_t address_count;
    size_t started;   /* of them have a probe */
    uint64_t next_ms; /* when the next address is tried */
    struct probe probes[RESOLVER_ADDRESSES_MAX];
    struct probe *winner; /* the first that gave a sample: the others are closed then */
    unsigned answered;    /* by the winner */
};

struct survey {
    struct survey_options options;
    struct probe_station station;
    struct random random;
    uv_loop_t loop;
    bool has_loop;
    struct clock *clock;
    struct target *targets;
    size_t count;
};

static uint64_t to_ms(int64_t ns)
{
    return (uint64_t)((ns + NS_PER_MS - 1) / NS_PER_MS);
}

static void finish(struct target *target)
{
    struct survey_result *result = target->result;
    if (target->is_done) {
        return;
    }
    target->is_done = true;
    for (size_t i = 0; i < target->started; i++) {
        probe_close(&target->probes[i]);
        result->requests += target->probes[i].requests;
        result->replies += target->probes[i].replies;
    }
    uv_close((uv_handle_t *)&target->timer, NULL);
    result->elapsed_ns = (int64_t)(uv_hrtime() - target->start_ns);
    if (target->winner != NULL) {
        result->outcome = SURVEY_OK;
        result->address = target->winner->address;
    } else if (target->started > 0) {
        survey_failure_explain(target->probes, target->started, result);
    }
}

static void ask(struct target *target, struct probe *probe)
{
    probe->asked_ms = uv_now(&target->survey->loop);
    probe->due_ms = probe->asked_ms + to_ms(target->survey->options.timeout_ns);
    probe->status = probe_ask(probe);
    if (probe->status < 0) {
        probe_close(probe);
    }
}

static void start_next(struct target *target)
{
    size_t index = target->started++;
    struct probe *probe = &target->probes[index];
    probe->owner = target;
    target->next_ms = uv_now(&target->survey->loop) + RACE_MS;
    probe->address = target->addresses[index];
    probe->status = survey_failure_key(&target->survey->options, &probe->address);
    if (probe->status == 0) {
        probe->status = probe_open(probe, &target->survey->station, &target->addresses[index]);
    }
    if (probe->status == 0) {
        ask(target, probe);
    }
}

static void on_timer(uv_timer_t *timer);

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Asks again where it is due: no answer came in time, or it is time for the next sample. */
static void continue_probes(struct target *target, uint64_t now_ms)
{
    for (size_t i = 0; i < target->started; i++) {
        struct probe *probe = &target->probes[i];
        if (!probe->is_open || probe->due_ms > now_ms) {
            continue;
        }
        if (probe->unanswered >= SURVEY_TRIES) {
            probe_close(probe);
        } else {
            ask(target, probe);
        }
    }
}

/* Does what is due, and sets the timer for what comes next. */
static void schedule(struct target *target)
{
    uint64_t now_ms = uv_now(&target->survey->loop);
    continue_probes(target, now_ms);

    uint64_t wake_ms = UINT64_MAX;
    for (size_t i = 0; i < target->address_count; i++) {
        /* Another address: nobody else is being asked, or they had their time. */
        bool is_alone = wake_ms == UINT64_MAX;
        if (i == target->started && target->winner == NULL &&
            (is_alone || target->next_ms <= now_ms)) {
            start_next(target);
        }
        if (i < target->started && target->probes[i].is_open) {
            wake_ms = earlier(wake_ms, target->probes[i].due_ms);
        }
    }
    if (wake_ms == UINT64_MAX) {
        finish(target);
        return;
    }
    if (target->winner == NULL && target->started < target->address_count) {
        wake_ms = earlier(wake_ms, target->next_ms);
    }
    uv_timer_start(&target->timer, on_timer, wake_ms > now_ms ? wake_ms - now_ms : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    schedule(timer->data);
}

static void win(struct target *target, struct probe *probe)
{
    target->winner = probe;
    for (size_t i = 0; i < target->started; i++) {
        if (&target->probes[i] != probe) {
            probe_close(&target->probes[i]);
        }
    }
}

static void on_replied(void *context, struct probe *probe)
{
    (void)context;
    struct target *target = probe->owner;
    struct survey_result *result = target->result;
    const struct survey_options *options = &target->survey->options;
    if (probe->verdict == EXCHANGE_OK) {
        if (target->winner == NULL) {
            win(target, probe);
        }
        result->samples[result->sample_count++] = probe->reply.sample;
    } else if (target->winner != NULL) {
        survey_failure_note(probe, result);
    }
    target->answered += target->winner != NULL;
    bool is_told_off = probe->verdict == EXCHANGE_KISS;
    if (target->answered >= options->count || (is_told_off && target->winner != NULL)) {
        finish(target);
        return;
    }
    /* Of no use by its own word, or tried often enough: the next address, if there is one. */
    bool is_claim = probe->verdict >= EXCHANGE_KISS && probe->verdict <= EXCHANGE_REFERENCE;
    if (target->winner == NULL && (is_claim || probe->requests >= options->count)) {
        probe_close(probe);
    }
    probe->due_ms = probe->asked_ms + to_ms(options->interval_ns);
    schedule(target);
}

static void on_failed(void *context, struct probe *probe, int status)
{
    (void)context;
    (void)status;
    probe_close(probe);
    schedule(probe->owner);
}

/* Takes the families in turn: where one of them is broken, only every other try is lost. */
static void order_addresses(struct target *target, const struct address *addresses, size_t count)
{
    bool taken[RESOLVER_ADDRESSES_MAX] = {false};
    uint8_t family = ADDRESS_NONE;
    while (target->address_count < count) {
        size_t pick = count;
        for (size_t i = 0; i < count; i++) {
            bool is_better = pick == count ||
                             (addresses[pick].family == family && addresses[i].family != family);
            if (!taken[i] && is_better) {
                pick = i;
            }
        }
        taken[pick] = true;
        family = addresses[pick].family;
        target->addresses[target->address_count++] = addresses[pick];
    }
}

static void on_resolved(void *context, const struct address *addresses, size_t count,
                        const char *error)
{
    struct target *target = context;
    if (count == 0) {
        target->result->outcome = SURVEY_UNRESOLVED;
        snprintf(target->result->sentence, SURVEY_TEXT_MAX, "%s", error);
        finish(target);
        return;
    }
    order_addresses(target, addresses, count);
    schedule(target);
}

static void start_target(struct target *target)
{
    const struct survey_options *options = &target->survey->options;
    struct survey_result *result = target->result;
    uv_timer_init(&target->survey->loop, &target->timer);
    target->timer.data = target;
    target->start_ns = uv_hrtime();
    target->resolution.context = target;
    target->resolution.done = on_resolved;
    result->outcome = SURVEY_FAILED;
    result->wants_interleaved = options->interleaved;
    result->samples = calloc(options->count, sizeof(*result->samples));

    char host[HOST_MAX];
    uint16_t port;
    int status = UV_ENOMEM;
    if (!address_split(result->name, options->port, host, sizeof(host), &port)) {
        result->outcome = SURVEY_UNRESOLVED;
        status = UV_EINVAL;
    } else if (result->samples != NULL) {
        status =
            resolver_start(&target->survey->loop, &target->resolution, host, port, options->family);
    }
    if (status < 0) {
        snprintf(result->sentence, SURVEY_TEXT_MAX, "'%.200s' cannot be asked: %s", result->name,
                 uv_strerror(status));
        finish(target);
    }
}

static bool create_macs(struct survey *survey, char error[SURVEY_ERROR_MAX])
{
    const struct survey_options *options = &survey->options;
    if (options->key_id == 0) {
        return true;
    }
    char reason[KEYRING_ERROR_MAX];
    survey->station.macs = macs_create(options->keyring, reason);
    if (survey->station.macs == NULL) {
        snprintf(error, SURVEY_ERROR_MAX, "%s", reason);
        return false;
    }
    return true;
}

static bool set_up(struct survey *survey, size_t count, char error[SURVEY_ERROR_MAX])
{
    const struct survey_options *options = &survey->options;
    static const struct clock_fault no_fault = {0};
    if (!create_macs(survey, error)) {
        return false;
    }
    survey->targets = calloc(count, sizeof(*survey->targets));
    survey->clock = clock_create(&no_fault, 0);
    survey->station.batch = udp_batch_create();
    if (survey->targets == NULL || survey->clock == NULL || survey->station.batch == NULL) {
        snprintf(error, SURVEY_ERROR_MAX, "memory is short");
        return false;
    }
    int status = uv_loop_init(&survey->loop);
    if (status < 0) {
        snprintf(error, SURVEY_ERROR_MAX, "the event loop does not start: %s", uv_strerror(status));
        return false;
    }
    survey->has_loop = true;
    entropy_init(&survey->random);
    survey->station.loop = &survey->loop;
    survey->station.clock = survey->clock;
    survey->station.random = &survey->random;
    survey->station.context = survey;
    survey->station.replied = on_replied;
    survey->station.failed = on_failed;
    survey->station.exchange =
        (struct exchange_options){.version = options->version,
                                  .precision = clock_precision(),
                                  .interleaved = options->interleaved,
                                  .key_id = options->key_id,
                                  .distance_max_ns = options->distance_max_ns};
    return true;
}

static void tear_down(struct survey *survey)
{
    if (survey->has_loop) {
        int status = uv_loop_close(&survey->loop);
        assert(status == 0);
        (void)status;
    }
    udp_batch_destroy(survey->station.batch);
    clock_destroy(survey->clock);
    macs_destroy(survey->station.macs);
    free(survey->targets);
}

/* The smallest bound as of `now`: old samples have aged by what our own clock may have run away. */
static int64_t aged_bound_ns(const struct sample *sample, struct mono now)
{
    return sample->bound_ns + (now.ns - sample->at.ns) / 1000000 * SURVEY_DRIFT_PPM;
}

static void summarise(struct survey_result *result)
{
    if (result->sample_count == 0) {
        return;
    }
    const struct sample *best = &result->samples[0];
    struct mono last = result->samples[result->sample_count - 1].at;
    for (size_t i = 1; i < result->sample_count; i++) {
        if (aged_bound_ns(&result->samples[i], last) < aged_bound_ns(best, last)) {
            best = &result->samples[i];
        }
    }
    double squares = 0;
    for (size_t i = 0; i < result->sample_count; i++) {
        double difference = (double)(result->samples[i].offset_ns - best->offset_ns);
        squares += difference * difference;
        result->interleaved_count += result->samples[i].is_interleaved;
    }
    result->best = *best;
    result->jitter_ns =
        result->sample_count > 1 ? (int64_t)sqrt(squares / (double)(result->sample_count - 1)) : 0;
}

bool survey_run(const struct survey_options *options, struct survey_result *results, size_t count,
                char error[SURVEY_ERROR_MAX])
{
    struct survey survey = {.options = *options};
    bool ok = set_up(&survey, count, error);
    for (size_t i = 0; i < count && ok; i++) {
        survey.targets[i].survey = &survey;
        survey.targets[i].result = &results[i];
        start_target(&survey.targets[i]);
    }
    if (ok) {
        uv_run(&survey.loop, UV_RUN_DEFAULT);
    }
    tear_down(&survey);
    for (size_t i = 0; i < count; i++) {
        summarise(&results[i]);
    }
    return ok;
}

void survey_clear(struct survey_result *results, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(results[i].samples);
        results[i].samples = NULL;
    }
}

/* The first result that is of the same address. */
static struct survey_result *first_of_same(struct survey_result *results, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (results[i].outcome == SURVEY_OK &&
            address_is_same(&results[i].address, &results[index].address)) {
            return &results[i];
        }
    }
    return &results[index];
}

void survey_judge(struct survey_result *results, size_t count, struct selection *selection)
{
    struct selection_candidate candidates[SURVEY_SERVERS_MAX];
    struct survey_result *answered[SURVEY_SERVERS_MAX];
    size_t candidate_count = 0;
    size_t repeats = 0;
    struct mono last = {.ns = INT64_MIN};
    for (size_t i = 0; i < count; i++) {
        if (results[i].outcome == SURVEY_OK && results[i].best.at.ns > last.ns) {
            last = results[i].best.at;
        }
    }
    for (size_t i = 0; i < count; i++) {
        bool is_ok = results[i].outcome == SURVEY_OK;
        results[i].is_repeat = is_ok && first_of_same(results, i) != &results[i];
        repeats += results[i].is_repeat;
        if (is_ok && !results[i].is_repeat) {
            const struct sample *best = &results[i].best;
            candidates[candidate_count] = (struct selection_candidate){
                .offset_ns = best->offset_ns,
                .interval = interval_around(best->offset_ns, aged_bound_ns(best, last))};
            answered[candidate_count++] = &results[i];
        }
    }
    size_t total = count - repeats;
    selection_run(candidates, candidate_count, total, selection_faults_max(total), selection);
    for (size_t i = 0; i < candidate_count; i++) {
        answered[i]->is_outside = selection->is_outside[i];
    }
    for (size_t i = 0; i < count; i++) {
        if (results[i].is_repeat) {
            results[i].is_outside = first_of_same(results, i)->is_outside;
        }
    }
}
