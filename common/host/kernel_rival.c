/* SPDX-License-Identifier: MIT */
#include "common/host/kernel_rival.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As the kernel cuts them, to 15 octets. */
static const char *const rivals[] = {"chronyd",    "ntpd",    "systemd-timesyn", "ntp-daemon",
                                     "timemaster", "phc2sys", "chimed"};

static bool read_name(const char *processes, const char *process, char name[KERNEL_RIVAL_NAME_MAX])
{
    char path[512];
    snprintf(path, sizeof(path), "%.200s/%.200s/comm", processes, process);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    ssize_t size = read(file, name, KERNEL_RIVAL_NAME_MAX - 1);
    close(file);
    if (size <= 0) {
        return false;
    }
    name[size] = 0;
    name[strcspn(name, "\n")] = 0;
    return true;
}

static bool is_rival(const char *name)
{
    for (size_t i = 0; i < sizeof(rivals) / sizeof(rivals[0]); i++) {
        if (strcmp(name, rivals[i]) == 0) {
            return true;
        }
    }
    return false;
}

enum kernel_rival kernel_rival_find(const char *processes, char name[KERNEL_RIVAL_NAME_MAX])
{
    /* The kernel's own first thread is seen only where everything is. */
    if (!read_name(processes, "2", name) || strcmp(name, "kthreadd") != 0) {
        return KERNEL_RIVAL_HIDDEN;
    }
    DIR *folder = opendir(processes);
    if (folder == NULL) {
        return KERNEL_RIVAL_HIDDEN;
    }
    enum kernel_rival result = KERNEL_RIVAL_NONE;
    struct dirent *entry;
    while (result == KERNEL_RIVAL_NONE && (entry = readdir(folder)) != NULL) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid > 0 && pid != (long)getpid() && read_name(processes, entry->d_name, name) &&
            is_rival(name)) {
            result = KERNEL_RIVAL_FOUND;
        }
    }
    closedir(folder);
    return result;
}
