/* SPDX-License-Identifier: MIT */
/* load.c - offers a server more requests than it can answer, or a fixed rate of them, and counts
 * the answers. The CPU time of the processes named by --watch is read in the same instants as the
 * counters. */
#include "tests/bench/load.h"
#include "tests/bench/load_account.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOW_STALL_NS 20000000 /* answers that are not here by then are lost */
#define DRAIN_NS 5000000

struct load {
    struct load_options options;
    struct requests requests;
    struct wire *wire;
    struct account account;
    uint32_t source; /* index of the next */
    uint32_t stride;
    size_t request;      /* index of the next */
    int64_t outstanding; /* with a window */
    int64_t progress_ns; /* when the last answer came */
    int64_t sent, valid, invalid;
};

struct figures {
    int64_t at_ns, own_cpu_ns, sent, valid, invalid, dropped;
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void load_send(struct load *load, size_t count)
{
    struct request *batch[WIRE_BATCH];

    for (size_t i = 0; i < count; i++) {
        batch[i] = &load->requests.each[load->request];
        request_set_source(&load->requests, batch[i],
                           load->options.path.first_source + load->source);
        load->request = (load->request + 1) % REQUESTS;
        load->source = (load->source + load->stride) % load->options.sources;
    }
    size_t sent = wire_send(load->wire, batch, count, load->requests.size);
    load->sent += (int64_t)sent;
    load->outstanding += (int64_t)sent;
}

static void load_receive(struct load *load, int64_t now_ns)
{
    struct bytes answers[WIRE_BATCH];
    size_t count;

    /* At most a few batches in a row, so that sending never stops for long. */
    for (int i = 0; i < 4; i++) {
        count = wire_receive(load->wire, answers);
        for (size_t j = 0; j < count; j++) {
            if (requests_match(&load->requests, answers[j].data, answers[j].size)) {
                load->valid++;
            } else {
                load->invalid++;
            }
        }
        if (count > 0) {
            load->outstanding -= (int64_t)count;
            load->progress_ns = now_ns;
        }
        if (count < WIRE_BATCH) {
            return;
        }
    }
}

/* How many requests are due now. */
static size_t load_due(struct load *load, int64_t start_ns, int64_t start_sent, int64_t now_ns)
{
    int64_t due = WIRE_BATCH;

    if (load->options.rate > 0) {
        due = (int64_t)((double)(now_ns - start_ns) * load->options.rate / 1e9) -
              (load->sent - start_sent);
    } else if (load->options.window > 0) {
        if (now_ns - load->progress_ns > WINDOW_STALL_NS) {
            load->outstanding = 0;
            load->progress_ns = now_ns;
        }
        due = load->options.window - load->outstanding;
    }
    return due <= 0 ? 0 : due < WIRE_BATCH ? (size_t)due : WIRE_BATCH;
}

static void load_run(struct load *load, double seconds)
{
    int64_t start_ns = clock_ns(CLOCK_MONOTONIC);
    int64_t end_ns = start_ns + (int64_t)(seconds * 1e9);
    int64_t start_sent = load->sent;

    for (int64_t now_ns = start_ns; now_ns < end_ns; now_ns = clock_ns(CLOCK_MONOTONIC)) {
        size_t due = load_due(load, start_ns, start_sent, now_ns);
        if (due > 0) {
            load_send(load, due);
        }
        load_receive(load, now_ns);
    }
}

/* A request each millisecond until the first answer. */
static bool load_wait(struct load *load)
{
    int64_t end_ns = clock_ns(CLOCK_MONOTONIC) + (int64_t)(load->options.wait_s * 1e9);
    struct timespec pause = {.tv_nsec = 1000000};

    while (load->valid == 0 && clock_ns(CLOCK_MONOTONIC) < end_ns) {
        load_send(load, 1);
        nanosleep(&pause, NULL);
        load_receive(load, clock_ns(CLOCK_MONOTONIC));
    }
    return load->valid > 0;
}

static struct figures load_figures(const struct load *load)
{
    return (struct figures){.at_ns = clock_ns(CLOCK_MONOTONIC),
                            .own_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID),
                            .sent = load->sent,
                            .valid = load->valid,
                            .invalid = load->invalid,
                            .dropped = wire_dropped(load->wire)};
}

static void load_print(const struct load *load, const struct account *before,
                       const struct figures *from, const struct figures *to)
{
    int64_t cpu_ns = 0;
    double seconds = (double)(to->at_ns - from->at_ns) / 1e9;
    int64_t read = to->valid - from->valid + to->invalid - from->invalid;
    /* What the socket dropped, by the sampling filter or for want of room, was an answer too; only
     * of those that were read is known whether they were valid. */
    int64_t arrived = read + to->dropped - from->dropped;
    double valid =
        read > 0 ? (double)arrived * (double)(to->valid - from->valid) / (double)read : 0;

    printf("{\"seconds\": %.6f, \"sent\": %" PRId64 ", \"answers\": %.0f, \"read\": %" PRId64
           ", \"invalid\": %" PRId64 ", \"generator_cpu_ns\": %" PRId64 ", \"threads\": [",
           seconds, to->sent - from->sent, valid, read, to->invalid - from->invalid,
           to->own_cpu_ns - from->own_cpu_ns);
    for (size_t i = 0; i < load->account.count; i++) {
        int64_t used_ns = load->account.threads[i].cpu_ns - before->threads[i].cpu_ns;
        cpu_ns += used_ns;
        printf("%s{\"pid\": %d, \"thread\": %d, \"cpu_ns\": %" PRId64 "}", i > 0 ? ", " : "",
               load->account.threads[i].pid, load->account.threads[i].thread, used_ns);
    }
    printf("], \"cpu_ns\": %" PRId64 "}\n", cpu_ns);
}

int main(int argc, char **argv)
{
    static struct load load;

    if (!load_options_parse(argc, argv, &load.options)) {
        return 2;
    }
    load.stride = 7919 % load.options.sources; /* neighbours in time are no neighbours in a table */
    load.stride = load.stride > 0 ? load.stride : 1;
    load.requests.expects_echo = load.options.expects_echo;
    load.wire = wire_open(&load.options);
    if (!load.wire || !requests_make(&load.requests, &load.options.path, load.options.key)) {
        return 1;
    }
    if (!load_wait(&load)) {
        fprintf(stderr, "load: no valid answer in %.1f s (%" PRId64 " invalid ones)\n",
                load.options.wait_s, load.invalid);
        return 1;
    }
    for (size_t i = 0; i < load.options.watched; i++) {
        if (account_add(&load.account, load.options.watch[i]) == 0) {
            fprintf(stderr, "load: --watch %d: no such process\n", load.options.watch[i]);
            return 1;
        }
    }
    if (!wire_sample(load.wire, load.options.sample)) {
        return 1;
    }
    load_run(&load, load.options.warm_s);
    account_read(&load.account);
    struct account before = load.account;
    struct figures from = load_figures(&load);
    load_run(&load, load.options.seconds);
    account_read(&load.account);
    struct figures to = load_figures(&load);
    load_print(&load, &before, &from, &to);
    /* Answers on their way would meet a closed socket, and the server an ICMP error. */
    struct timespec drain = {.tv_nsec = DRAIN_NS};
    nanosleep(&drain, NULL);
    wire_close(load.wire);
    return to.valid > from.valid || load.options.seconds <= 0 ? 0 : 1;
}
