/* SPDX-License-Identifier: MIT */
/* cookie.h - the address cookie: who echoes it receives what is sent to its address, so that a
 * spoofed source causes no work with public keys.
 *
 * A cookie is HMAC-SHA256-128 over the address, its port and the HELLO's ephemeral key, under a
 * secret that is replaced every two minutes; the one before stays good, so a cookie lives for two
 * to four minutes. Nothing is kept for a stranger. */
#ifndef COMMON_AUTH_COOKIE_H
#define COMMON_AUTH_COOKIE_H
#include "common/auth/secret.h"
#include "common/base/address.h"
#include "common/base/instant.h"

#define COOKIE_SIZE SECRET_TAG_SIZE
#define COOKIE_ROTATION_NS (120 * NS_PER_S)

struct cookie_jar { /* used through the calls below only */
    uint8_t newest[SECRET_SIZE];
    uint8_t older[SECRET_SIZE];
    struct mono rotated; /* when newest was drawn */
};

/* random must be the kernel's generator outside of tests and simulations. */
void cookie_jar_init(struct cookie_jar *jar, struct random *random, struct mono now);
/* Replaces the secrets that are too old; call it before the two below. */
void cookie_jar_rotate(struct cookie_jar *jar, struct random *random, struct mono now);
void cookie_jar_clear(struct cookie_jar *jar);

bool cookie_make(const struct cookie_jar *jar, const struct address *address,
                 const uint8_t ephemeral[SECRET_SIZE], uint8_t cookie[COOKIE_SIZE]) MUST_CHECK;
bool cookie_verify(const struct cookie_jar *jar, const struct address *address,
                   const uint8_t ephemeral[SECRET_SIZE],
                   const uint8_t cookie[COOKIE_SIZE]) MUST_CHECK;
#endif
