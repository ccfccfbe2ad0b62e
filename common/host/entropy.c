/* SPDX-License-Identifier: MIT */
#include "common/host/entropy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static bool fill_by_call(uint8_t *buffer, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = getrandom(buffer + done, size - done, 0);
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            return false;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool fill_by_device(uint8_t *buffer, size_t size)
{
    int file = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(file, buffer + done, size - done);
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            break;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    close(file);
    return done == size;
}

static void refill(void *context, uint8_t *buffer, size_t size)
{
    (void)context;
    if (!fill_by_call(buffer, size) && !fill_by_device(buffer, size)) {
        fprintf(stderr,
                "no random numbers: the system refuses getrandom() and /dev/urandom (%s); allow "
                "one of them\n",
                strerror(errno));
        exit(EXIT_FAILURE);
    }
}

void entropy_init(struct random *random)
{
    /* A first try, so that a system without random numbers is found at the start and not at a first
     * request. */
    uint8_t octet;
    refill(NULL, &octet, sizeof(octet));
    random_init(random, refill, NULL);
}
