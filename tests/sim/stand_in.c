/* SPDX-License-Identifier: MIT */
#include "tests/sim/stand_in.h"
#include <string.h>

_Static_assert(IDENTITY_SIGNATURE_SIZE == 2 * SECRET_SIZE, "two digests fill a signature");

static void book(const struct stand_in *stand_in, int64_t ns)
{
    if (stand_in->booked_ns != NULL) {
        *stand_in->booked_ns += ns;
    }
}

static bool compute(const struct stand_in *stand_in, const struct public_key *key,
                    enum identity_use use, struct bytes message,
                    uint8_t signature[IDENTITY_SIGNATURE_SIZE])
{
    const uint8_t used = (uint8_t)use;
    const struct bytes parts[] = {bytes_make(stand_in->master, sizeof(stand_in->master)),
                                  bytes_make(key->octets, sizeof(key->octets)),
                                  bytes_make(&used, 1), message};
    return secret_digest(parts, sizeof(parts) / sizeof(parts[0]), signature) &&
           secret_digest(&(struct bytes){signature, SECRET_SIZE}, 1, signature + SECRET_SIZE);
}

static bool sign(const struct identity_scheme *scheme, const struct identity *identity,
                 enum identity_use use, struct bytes message,
                 uint8_t signature[IDENTITY_SIGNATURE_SIZE])
{
    const struct stand_in *stand_in = (const struct stand_in *)(const void *)scheme;
    book(stand_in, STAND_IN_SIGN_NS);
    return message.size <= IDENTITY_MESSAGE_MAX &&
           compute(stand_in, identity_public_key(identity), use, message, signature);
}

static bool verify(const struct identity_scheme *scheme, const struct public_key *key,
                   enum identity_use use, struct bytes message,
                   const uint8_t signature[IDENTITY_SIGNATURE_SIZE])
{
    const struct stand_in *stand_in = (const struct stand_in *)(const void *)scheme;
    uint8_t wanted[IDENTITY_SIGNATURE_SIZE];
    book(stand_in, STAND_IN_VERIFY_NS);
    return message.size <= IDENTITY_MESSAGE_MAX && compute(stand_in, key, use, message, wanted) &&
           memcmp(wanted, signature, sizeof(wanted)) == 0;
}

void stand_in_init(struct stand_in *stand_in, struct random *random)
{
    *stand_in = (struct stand_in){.scheme = {.sign = sign, .verify = verify}};
    secret_draw(random, stand_in->master);
}
