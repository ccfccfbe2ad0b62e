/* SPDX-License-Identifier: MIT */
/* setup.h - the configuration with all that it names: the file read, the keys loaded, the access
 * rules built. Made anew at each reload; the old one lives until nothing uses it. */
#ifndef SERVER_SETUP_H
#define SERVER_SETUP_H
#include "common/auth/keyring.h"
#include "common/config/config.h"
#include "server/access.h"

struct setup {
    struct config config;
    struct keyring keyring;
    struct access *access;
    struct access *chronyc_access;
};

/* path is NULL for the embedded default. Every mistake is told to complain as one sentence. NULL if
 * there was one. */
struct setup *setup_load(const char *path, void (*complain)(void *context, const char *sentence),
                         void *context);
void setup_destroy(struct setup *setup); /* NULL is allowed */
#endif
