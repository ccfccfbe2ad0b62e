/* SPDX-License-Identifier: MIT */
#include "tests/bench/load_account.h"
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void account_read(struct account *account)
{
    for (size_t i = 0; i < account->count; i++) {
        char path[64];
        int64_t cpu_ns;
        /* Unlike the ticks in stat, schedstat's first figure is exact. */
        snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", account->threads[i].pid,
                 account->threads[i].thread);
        FILE *file = fopen(path, "r");
        if (!file) {
            continue;
        }
        if (fscanf(file, "%" SCNd64, &cpu_ns) == 1) {
            account->threads[i].cpu_ns = cpu_ns;
        }
        fclose(file);
    }
}

size_t account_add(struct account *account, int pid)
{
    char path[64];
    size_t before = account->count;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *directory = opendir(path);
    if (!directory) {
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(directory));) {
        int thread = atoi(entry->d_name);
        if (thread > 0 && account->count < ACCOUNT_THREADS_MAX) {
            account->threads[account->count].pid = pid;
            account->threads[account->count].thread = thread;
            account->count++;
        }
    }
    closedir(directory);
    account_read(account);
    return account->count - before;
}
