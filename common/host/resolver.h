/* SPDX-License-Identifier: MIT */
/* resolver.h - host names to addresses. A literal needs no thread and no system call. */
#ifndef COMMON_HOST_RESOLVER_H
#define COMMON_HOST_RESOLVER_H
#include "common/base/address.h"
#include <uv.h>

#define RESOLVER_ADDRESSES_MAX 16
#define RESOLVER_ERROR_MAX 256
#define RESOLVER_NAME_MAX 128

/* The caller sets context and done. */
struct resolution {
    void *context;
    void (*done)(void *context, const struct address *addresses, size_t count, const char *error);
    uv_getaddrinfo_t request;
    uint16_t port;
    char name[RESOLVER_NAME_MAX]; /* for the error; cut if it is longer */
};

/* Looks name up (family: ADDRESS_IPV4, ADDRESS_IPV6, or ADDRESS_NONE for both) on the loop's
 * threads, a literal at once. done is called from the loop (for a literal, and for what can't be a
 * name, before this returns), with count 0 and a sentence in error on failure. resolution lives
 * until then. 0 or a negative errno, then done is not called. */
int resolver_start(uv_loop_t *loop, struct resolution *resolution, const char *name, uint16_t port,
                   enum address_family family) MUST_CHECK;
#endif
