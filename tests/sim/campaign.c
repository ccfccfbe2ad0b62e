/* SPDX-License-Identifier: MIT */
#include "tests/sim/campaign.h"
#include "tests/sim/world.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLICES 50
#define JOBS_MAX 256
/* In a smaller world what the nodes share weighs more than they do. */
#define NODES_WEIGHED 100

/* What a job tells: less than PIPE_BUF octets, so that messages of several jobs don't mix. */
struct message {
    enum { MESSAGE_PROGRESS, MESSAGE_RUN, MESSAGE_ERROR } kind;
    size_t run; /* index among those of the shard */
    double part;
    double node_kib;
    union {
        struct figures figures;
        char error[WORLD_ERROR_MAX];
    };
};
_Static_assert(sizeof(struct message) <= 4096, "PIPE_BUF");

/* Who is told: a function here, or the other end of a pipe. */
struct teller {
    const struct campaign *campaign;
    struct results *results;
    int pipe;
    double *parts; /* of each run */
    size_t runs;
    char *error;
    size_t room;
    bool has_failed;
    long start_kib; /* the memory of the process before its first world */
};

/* The most memory that this process ever had, in KiB. */
static long greatest_kib(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : 0;
}

static void hear(struct teller *teller, const struct message *message)
{
    if (message->kind == MESSAGE_ERROR) {
        snprintf(teller->error, teller->room, "%s", message->error);
        teller->has_failed = true;
        return;
    }
    teller->parts[message->run] = message->part;
    if (message->kind == MESSAGE_RUN && message->node_kib > teller->results->node_kib) {
        teller->results->node_kib = message->node_kib;
    }
    if (message->kind == MESSAGE_RUN && !results_add(teller->results, &message->figures)) {
        snprintf(teller->error, teller->room, "not enough memory for the results");
        teller->has_failed = true;
    }
    if (teller->campaign->progress != NULL) {
        double sum = 0;
        for (size_t i = 0; i < teller->runs; i++) {
            sum += teller->parts[i];
        }
        teller->campaign->progress(sum / (double)teller->runs);
    }
}

static void tell(struct teller *teller, const struct message *message)
{
    if (teller->pipe < 0) {
        hear(teller, message);
        return;
    }
    while (write(teller->pipe, message, sizeof(*message)) < 0) {
        if (errno != EINTR) {
            teller->has_failed = true; /* nobody listens any more */
            return;
        }
    }
}

/* What this process has worked so far: that others work besides does not count. */
static int64_t worked_ns(void *context)
{
    struct timespec time;
    (void)context;
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0
               ? (int64_t)time.tv_sec * NS_PER_S + time.tv_nsec
               : 0;
}

static void run_seed(struct teller *teller, size_t run)
{
    const struct campaign *campaign = teller->campaign;
    uint64_t seed = campaign->first_seed + campaign->shard + run * campaign->shards;
    struct message message;
    memset(&message, 0, sizeof(message));
    message.kind = MESSAGE_ERROR;
    message.run = run;
    struct world *world = world_create(campaign->scenario, seed, message.error);
    if (world == NULL) {
        tell(teller, &message);
        return;
    }
    world_listen(world, campaign->listener, NULL);
    world_time(world, worked_ns, NULL);
    message.kind = MESSAGE_PROGRESS;
    for (int i = 1; i < SLICES && !teller->has_failed; i++) {
        world_run(world, campaign->scenario->duration_ns / SLICES * i);
        message.part = (double)i / SLICES;
        tell(teller, &message);
    }
    world_run(world, INT64_MAX);
    message.part = 1;
    message.kind = MESSAGE_RUN;
    if (world_node_count(world) >= NODES_WEIGHED) {
        message.node_kib =
            (double)(greatest_kib() - teller->start_kib) / (double)world_node_count(world);
    }
    if (!world_figures(world, &message.figures)) {
        message.kind = MESSAGE_ERROR;
        snprintf(message.error, sizeof(message.error), "not enough memory for the figures");
    }
    world_destroy(world);
    tell(teller, &message);
}

/* The runs of one job: every jobs-th. */
static void run_job(struct teller *teller, size_t job, size_t jobs)
{
    teller->start_kib = greatest_kib();
    for (size_t run = job; run < teller->runs && !teller->has_failed; run += jobs) {
        run_seed(teller, run);
    }
}

/* Hears all jobs until the last one has closed its end. */
static void hear_all(struct teller *teller, int from)
{
    struct message message;
    for (;;) {
        ssize_t size = read(from, &message, sizeof(message));
        if (size == (ssize_t)sizeof(message)) {
            hear(teller, &message);
        } else if (size >= 0 || errno != EINTR) {
            return;
        }
    }
}

/* Starts a job; its process does not return. */
static pid_t start_job(struct teller *teller, const int ends[2], size_t job, size_t jobs)
{
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        teller->pipe = ends[1];
        run_job(teller, job, jobs);
        _exit(teller->has_failed);
    }
    return child;
}

static void run_jobs(struct teller *teller, size_t jobs)
{
    int ends[2];
    pid_t children[JOBS_MAX];
    size_t started = 0;
    if (pipe(ends) != 0) {
        snprintf(teller->error, teller->room, "no pipe to the jobs: %s", strerror(errno));
        teller->has_failed = true;
        return;
    }
    for (; started < jobs; started++) {
        children[started] = start_job(teller, ends, started, jobs);
        if (children[started] < 0) {
            snprintf(teller->error, teller->room, "no process for a job: %s", strerror(errno));
            teller->has_failed = true;
            break;
        }
    }
    close(ends[1]);
    hear_all(teller, ends[0]);
    close(ends[0]);
    for (size_t i = 0; i < started; i++) {
        int status = 0;
        while (waitpid(children[i], &status, 0) < 0 && errno == EINTR) {
        }
        if (status != 0 && !teller->has_failed) {
            snprintf(teller->error, teller->room, "a job ended before it was done (status %d)",
                     status);
            teller->has_failed = true;
        }
    }
}

bool campaign_run(const struct campaign *campaign, struct results *results, char *error,
                  size_t room)
{
    assert(campaign->shards > 0 && campaign->shard < campaign->shards && campaign->jobs > 0);
    size_t runs = campaign->seeds > campaign->shard
                      ? (campaign->seeds - campaign->shard - 1) / campaign->shards + 1
                      : 0;
    struct teller teller = {.campaign = campaign,
                            .results = results,
                            .pipe = -1,
                            .parts = calloc(runs + 1, sizeof(double)),
                            .runs = runs,
                            .error = error,
                            .room = room};
    if (teller.parts == NULL) {
        snprintf(error, room, "not enough memory for %zu runs", runs);
        return false;
    }
    size_t jobs = campaign->jobs < runs ? campaign->jobs : runs;
    if (jobs > JOBS_MAX) {
        jobs = JOBS_MAX;
    }
    if (jobs <= 1) {
        run_job(&teller, 0, 1);
    } else {
        run_jobs(&teller, jobs);
    }
    free(teller.parts);
    results_sort(results);
    return !teller.has_failed;
}
