/* SPDX-License-Identifier: MIT */
#include "common/auth/cookie.h"
#include <string.h>

#define LABEL "truechimer cookie v1" /* with its final zero */
#define INPUT_SIZE (sizeof LABEL + 1 + 16 + 4 + 2 + SECRET_SIZE)

void cookie_jar_init(struct cookie_jar *jar, struct random *random, struct mono now)
{
    /* A secret that made no cookie yet, rather than zeros, which anybody could use. */
    secret_draw(random, jar->newest);
    secret_draw(random, jar->older);
    jar->rotated = now;
}

void cookie_jar_rotate(struct cookie_jar *jar, struct random *random, struct mono now)
{
    if (now.ns - jar->rotated.ns < COOKIE_ROTATION_NS) {
        return;
    }
    if (now.ns - jar->rotated.ns < 2 * COOKIE_ROTATION_NS) {
        memcpy(jar->older, jar->newest, sizeof jar->older);
    } else {
        secret_draw(random, jar->older);
    }
    secret_draw(random, jar->newest);
    jar->rotated = now;
}

void cookie_jar_clear(struct cookie_jar *jar)
{
    secret_wipe(jar, sizeof *jar);
}

static bool make_under(const uint8_t secret[SECRET_SIZE], const struct address *address,
                       const uint8_t ephemeral[SECRET_SIZE], uint8_t cookie[COOKIE_SIZE])
{
    uint8_t input[INPUT_SIZE];
    uint8_t mac[SECRET_SIZE];
    uint8_t *at = input + sizeof LABEL;
    memcpy(input, LABEL, sizeof LABEL);
    at[0] = address->family;
    memcpy(at + 1, address->octets, 16);
    bytes_put_u32(at + 17, address->scope);
    bytes_put_u16(at + 21, address->port);
    memcpy(at + 23, ephemeral, SECRET_SIZE);
    if (!secret_hmac(bytes_make(secret, SECRET_SIZE), bytes_make(input, sizeof input), mac)) {
        return false;
    }
    memcpy(cookie, mac, COOKIE_SIZE);
    return true;
}

bool cookie_make(const struct cookie_jar *jar, const struct address *address,
                 const uint8_t ephemeral[SECRET_SIZE], uint8_t cookie[COOKIE_SIZE])
{
    return make_under(jar->newest, address, ephemeral, cookie);
}

bool cookie_verify(const struct cookie_jar *jar, const struct address *address,
                   const uint8_t ephemeral[SECRET_SIZE], const uint8_t cookie[COOKIE_SIZE])
{
    uint8_t newest[COOKIE_SIZE];
    uint8_t older[COOKIE_SIZE];
    return make_under(jar->newest, address, ephemeral, newest) &&
           make_under(jar->older, address, ephemeral, older) &&
           (secret_is_equal(cookie, newest, COOKIE_SIZE) ||
            secret_is_equal(cookie, older, COOKIE_SIZE));
}
