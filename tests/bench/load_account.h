/* SPDX-License-Identifier: MIT */
/* load_account.h - the CPU time of threads that are measured from outside, to the nanosecond. */
#ifndef TESTS_BENCH_LOAD_ACCOUNT_H
#define TESTS_BENCH_LOAD_ACCOUNT_H
#include <stddef.h>
#include <stdint.h>

#define ACCOUNT_THREADS_MAX 80

struct account {
    size_t count;
    struct {
        int pid;
        int thread;
        int64_t cpu_ns;
    } threads[ACCOUNT_THREADS_MAX];
};

/* Adds the threads of a process with what they have used. Returns their number. */
size_t account_add(struct account *account, int pid);
/* Reads all again. A thread that ended keeps its last value. */
void account_read(struct account *account);
#endif
